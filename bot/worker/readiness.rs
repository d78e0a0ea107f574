//! Reads everything that a rollback of a service would read, and changes nothing.

use super::{
    last_known::{ANSWERS_WITHIN, membership},
    planning::{self, NoPlan, Planning},
};
use crate::{
    App,
    commands::drill::schedule,
    config::Service,
    engine::Error,
    proofs::{self, Tried},
    roster,
    slack::Failure,
    store::{reviews, rollbacks},
};
use futures_util::future::join_all;
use rollback_domain::{
    authority::{Case, Found, Roster},
    drill::DrillSchedule,
    grammar::Target,
    history::History,
    people::{Membership, Person},
    plan::Aim,
    platform::About,
    procedure::{Procedure, ReviewDate},
    proof::Importance,
    readiness::{
        ApproverFacts, Checked, ClassApprovers, Credentials, DrilledFacts, Gone, HeldDrill,
        ProofFacts, Seen, ServiceFacts, SilentSource, TargetFacts, TimedRollback,
    },
    release::{Pin, Release, Survey, Way},
};
use rollback_providers::Provider;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::time::timeout;

/// How long the platform may take for all that is read of it.
const PLATFORM_WITHIN: Duration = Duration::from_secs(60);
/// How long all checks together may take: longer than one of them may.
const PROOFS_WITHIN: Duration = Duration::from_secs(70);
/// How many people are looked up in Slack for one service.
const PEOPLE_AT_MOST: usize = 25;
/// How many of the last rollbacks are kept with the time that they took.
const TIMES_AT_MOST: usize = 10;

/// What was read of the platform.
struct OnPlatform {
    credentials: Checked<Credentials>,
    target: Checked<TargetFacts>,
    pin: Checked<Pin>,
    /// What serves now; `None`: not known.
    live: Option<Release>,
}

/// Reads everything of a service at the same time: its platform, who may approve, its checks.
pub(super) async fn read(app: &App, service: &Service) -> Result<Option<ServiceFacts>, Error> {
    let Some(provider) = app.provider(service) else {
        return Ok(None);
    };
    let about = planning::about_service(app, &service.key).await?;
    let history = rollbacks::history(&app.engine.db, &service.key).await?;
    let platform = timeout(
        PLATFORM_WITHIN,
        platform(app, service, provider.as_ref(), &about, &history),
    );
    let (platform, approvers, mut checks) =
        tokio::join!(platform, approvers(app, service), checks(app, service));
    let platform = platform.unwrap_or_else(|_| OnPlatform::silent());
    if let Some(fingerprint) = fingerprint(app, service, platform.live.as_ref()).await {
        checks.insert(0, fingerprint);
    }
    Ok(Some(ServiceFacts {
        service: service.key.clone(),
        read_at: app.engine.clock.now(),
        credentials: platform.credentials,
        target: platform.target,
        pin: platform.pin,
        holds: provider.effects(Way::Back).holds,
        times: times(&history),
        target_time: service.target_time,
        approvers,
        proofs: checks,
        drills: Some(drilled(app, service).await?),
        review: review(app, service).await?,
    }))
}

impl OnPlatform {
    /// A platform of which nothing could be read in time.
    fn silent() -> Self {
        let why = || {
            let seconds = PLATFORM_WITHIN.as_secs();
            format!("The platform was not read within {seconds} s.")
        };
        OnPlatform {
            credentials: Checked::Silent(why()),
            target: Checked::Silent(why()),
            pin: Checked::Silent(why()),
            live: None,
        }
    }
}

/// When a service was drilled, in any of its environments.
async fn drilled(app: &App, service: &Service) -> sqlx::Result<DrilledFacts> {
    let mut facts = DrilledFacts::default();
    for service in app.config.environments(&service.key.name) {
        let DrillSchedule { last, next, missed } = schedule(app, service).await?;
        let last = last.map(|(id, at)| HeldDrill {
            id,
            environment: service.key.environment.clone(),
            at,
        });
        let latest = [facts.last, last].into_iter().flatten();
        facts.last = latest.max_by_key(|drill| drill.at);
        facts.next = [facts.next, next].into_iter().flatten().min();
        facts.missed = facts.missed.max(missed);
    }
    Ok(facts)
}

/// When a service was reviewed; `None`: no review is ever due.
async fn review(app: &App, service: &Service) -> sqlx::Result<Option<ReviewDate>> {
    let last = reviews::all(&app.engine.db).await?;
    let procedure = Procedure::Service(service.key.clone());
    Ok(app.config.review_date(&procedure, &last))
}

async fn platform(
    app: &App,
    service: &Service,
    provider: &dyn Provider,
    about: &About,
    history: &History,
) -> OnPlatform {
    let credentials = credentials(provider).await;
    let survey = match provider.survey(about).await {
        Ok(survey) => survey,
        Err(error) => {
            return OnPlatform {
                credentials,
                target: Err(error.clone()).into(),
                pin: Err(error).into(),
                live: None,
            };
        }
    };
    OnPlatform {
        credentials,
        target: target(app, service, provider, about, history, &survey).await,
        pin: Checked::Works(survey.pin),
        live: survey.live(),
    }
}

async fn credentials(provider: &dyn Provider) -> Checked<Credentials> {
    let works = match provider.check().await {
        Ok(works) => works,
        Err(error) => return Err(error).into(),
    };
    // They work: where it is not told how long, that is no reason to doubt it.
    let until = provider.credentials_end().await.unwrap_or_default();
    Checked::Works(Credentials { works, until })
}

/// The release that a rollback would go to now, with what the platform says of it.
async fn target(
    app: &App,
    service: &Service,
    provider: &dyn Provider,
    about: &About,
    history: &History,
    survey: &Survey,
) -> Checked<TargetFacts> {
    let aim = Aim {
        target: Target::Previous,
        utc_offset: 0,
        undoes: None,
        part: None,
    };
    let planning = Planning {
        service: &service.key,
        provider,
        about,
        aim: &aim,
        survey,
        history,
        risks: &service.risks,
    };
    match planning.plan(app.engine.clock.now()).await {
        Ok(plan) => Checked::Works(TargetFacts {
            label: plan.to.label().to_owned(),
            live: plan.from.as_ref().map(|from| from.label().to_owned()),
            kept: plan.to.kept.clone(),
            class: plan.risk,
        }),
        Err(NoPlan::Refused(refusal)) => Checked::Refused(refusal.to_string()),
        Err(NoPlan::Unreadable(error)) => Err(error).into(),
    }
}

fn times(history: &History) -> Vec<TimedRollback> {
    let served = history.rollbacks.iter().filter_map(|past| {
        let took = past.served?.duration_since(past.at);
        Some(TimedRollback {
            id: past.id,
            took: Duration::try_from(took).ok()?,
        })
    });
    served.take(TIMES_AT_MOST).collect()
}

/// Who could approve: who has the roles by every source, and whether Slack says that they may act.
async fn approvers(app: &App, service: &Service) -> ApproverFacts {
    let now = app.engine.clock.now();
    let classes = service.classes();
    let rules = &service.rules;
    let mut roles: Vec<&str> = vec![];
    for role in classes.iter().flat_map(|class| rules.of(*class).eligible()) {
        if !roles.contains(&role) {
            roles.push(role);
        }
    }
    let roster = roster::read(app, &roles).await.roster;
    let could: Vec<_> = classes
        .iter()
        .map(|class| {
            let case = Case {
                rollback: None,
                risk: *class,
                rule: rules.of(*class),
                requester: None,
                approvals: &[],
                roster: &roster,
            };
            (*class, case.rule.approvals, case.could_approve(now))
        })
        .collect();
    let people = could.iter().flat_map(|(.., people)| people);
    let known = memberships(app, people.map(|(id, _)| id.as_str())).await;
    let active = active(app, &known).await;
    let classes = could.iter().map(|(class, needed, people)| {
        let membership = |id: &String| known.get(id.as_str()).map(|(membership, _)| membership);
        let count = |is: fn(Option<&Membership>) -> bool| {
            people.iter().filter(|(id, _)| is(membership(id))).count()
        };
        ClassApprovers {
            class: *class,
            needed: *needed,
            could: count(|one| matches!(one, Some(Membership::Member))),
            unread: count(|one| matches!(one, None | Some(Membership::Unreadable(_)))),
            active: active.as_ref().map(|active| {
                let is_active = |(id, _): &&(String, _)| active.contains(id);
                people.iter().filter(is_active).count()
            }),
        }
    });
    ApproverFacts {
        classes: classes.collect(),
        silent: silent(&roster),
        gone: gone(&roster, &known),
    }
}

/// What each of these people is to Slack, and what they are called. Those who could not be read are
/// not in it.
async fn memberships<'a>(
    app: &App,
    people: impl Iterator<Item = &'a str>,
) -> BTreeMap<String, (Membership, String)> {
    let mut known = BTreeMap::new();
    for id in people {
        if known.contains_key(id) || known.len() == PEOPLE_AT_MOST {
            continue;
        }
        let person = Person::new(id, id);
        match timeout(ANSWERS_WITHIN, membership(app, &person)).await {
            Ok(Ok((membership, person))) => {
                known.insert(id.to_owned(), (membership, person.name));
            }
            Ok(Err(Failure::Never(_))) => {}
            // The others would not be told either.
            Ok(Err(_)) | Err(_) => break,
        }
    }
    known
}

/// Who of these full members is active in Slack; `None`: that may not be read, or not of all.
async fn active(
    app: &App,
    known: &BTreeMap<String, (Membership, String)>,
) -> Option<BTreeSet<String>> {
    let members = known.iter();
    let members = members.filter(|(_, (membership, _))| *membership == Membership::Member);
    let mut active = BTreeSet::new();
    for (id, _) in members {
        match timeout(ANSWERS_WITHIN, app.slack.is_active(id)).await {
            Ok(Ok(true)) => {
                active.insert(id.clone());
            }
            Ok(Ok(false)) => {}
            Ok(Err(_)) | Err(_) => return None,
        }
    }
    Some(active)
}

fn silent(roster: &Roster) -> Vec<SilentSource> {
    let mut silent: Vec<SilentSource> = vec![];
    for (source, found) in roster.0.values().flatten() {
        if let Found::Nothing { why, .. } = found
            && !silent.iter().any(|one| one.source == *source)
        {
            silent.push(SilentSource {
                source: source.clone(),
                why: why.clone(),
            });
        }
    }
    silent
}

fn gone(roster: &Roster, known: &BTreeMap<String, (Membership, String)>) -> Vec<Gone> {
    let mut gone = vec![];
    for role in roster.0.keys() {
        for id in roster.members(role) {
            if let Some((Membership::Outsider(what), name)) = known.get(id) {
                gone.push(Gone {
                    name: name.clone(),
                    role: role.clone(),
                    what: (*what).to_owned(),
                });
            }
        }
        let found = roster.0[role].iter().map(|(_, found)| found);
        for name in found.flat_map(|found| match found {
            Found::People { unmatched, .. } => unmatched.as_slice(),
            Found::Nothing { .. } => &[],
        }) {
            gone.push(Gone {
                name: name.clone(),
                role: role.clone(),
                what: "not in Slack".into(),
            });
        }
    }
    gone
}

/// Tries every check that changes nothing, all at once.
async fn checks(app: &App, service: &Service) -> Vec<ProofFacts> {
    let tried = service.verify.iter().map(|check| async {
        let seen = match timeout(PROOFS_WITHIN, check.try_out(&app.http)).await {
            Ok(Tried::Works(works)) => Seen::Works(works),
            Ok(Tried::Fails(why)) => Seen::Fails(why),
            Ok(Tried::Unsure(why)) => Seen::NotKnown(why),
            Ok(Tried::Untried) => Seen::Untried,
            Ok(Tried::Wrong(why)) => Seen::Wrong(why),
            Err(_) => Seen::NotKnown("gave no answer in time".into()),
        };
        ProofFacts {
            name: check.name.clone(),
            importance: check.importance,
            seen,
        }
    });
    join_all(tried).await
}

/// What the fingerprint says, beside what the platform says of what is live.
async fn fingerprint(app: &App, service: &Service, live: Option<&Release>) -> Option<ProofFacts> {
    let round = proofs::look(&app.http, service.fingerprint.as_ref(), &[], &[]).await;
    let version = round.version?;
    let seen = match (version, live) {
        (Err(why), _) => Seen::Fails(why),
        (Ok(version), Some(live)) if !live.is_called(&version) => Seen::NotKnown(format!(
            "says {version}, and the platform says that {} is live",
            live.label()
        )),
        (Ok(version), _) => Seen::Works(format!("says {version}")),
    };
    Some(ProofFacts {
        name: "fingerprint".into(),
        importance: Importance::Must,
        seen,
    })
}
