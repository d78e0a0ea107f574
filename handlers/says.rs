//! What can be answered from the record alone: the board, status, the timeline, a picker.

use super::{answer::Answer, command::refuse};
use crate::{
    App,
    config::Service,
    engine::Error,
    metrics::GlassCount,
    roster,
    slack::{
        Words,
        blocks::{
            self, Mrkdwn, actions, button, context, cut, escape, header, inline, mention,
            mentioning, section,
        },
        card::{self, time},
    },
    store::{jobs, rollbacks, rosters, timelines},
};
use rollback_domain::{
    grammar::{Request, ServiceRef, verbs::Propose},
    incident::Kind,
    proof::spell,
    refusal::{Refusal, list},
    release::{Pin, Survey},
    rollback::{Message, Rollback},
};
use std::time::Duration;

/// What the buttons of the picker begin with.
pub const PICK: &str = "pick";
/// How many entries a timeline shows in a message; the export has all.
const ENTRIES: i64 = 15;

/// Services, what is live, what was before, pins and open rollbacks, with the age of each fact.
pub async fn board(app: &App) -> Result<Answer, Error> {
    let db = &app.engine.db;
    let now = app.engine.clock.now();
    let snapshots = rollbacks::snapshots(db).await?;
    let open = rollbacks::open(db).await?;
    let frozen = rosters::frozen(db).await?;
    let mut lines = vec![];
    // A message holds fifty blocks and a section three thousand characters.
    for service in app.config.services.iter().take(40) {
        let snapshot = snapshots.iter().find(|(name, environment, ..)| {
            *name == service.name && *environment == service.environment
        });
        let state = match snapshot {
            None => "not read yet".to_owned(),
            Some((_, _, survey, read_at)) => {
                let age = Duration::try_from(now.duration_since(*read_at)).unwrap_or_default();
                format!("{} · read {} ago", on_board(survey), spell(age))
            }
        };
        let name = match &service.url {
            Some(url) => format!("<{}|{}>", escape(url.as_str()), inline(&service.name, 80)),
            None => inline(&service.name, 80),
        };
        let mut line = format!("*{name}* ({})  {state}", inline(&service.environment, 80));
        if let Some(open) = open
            .iter()
            .find(|open| open.service == service.name && open.environment == service.environment)
        {
            line.push_str(&format!("\n      RB-{} {}", open.id, open.word()));
        }
        if let Some((.., freeze)) = frozen
            .iter()
            .find(|(name, place, _)| *name == service.name && *place == service.environment)
        {
            line.push_str(&format!(
                "\n      frozen by @{}: \"{}\"",
                inline(&freeze.by.name, 80),
                inline(&freeze.because, 200)
            ));
        }
        lines.push(line);
    }
    if app.config.services.len() > 40 {
        lines.push(format!(
            "and {} more; `/rollback status` and a name shows each",
            app.config.services.len() - 40
        ));
    }
    let mut blocks = vec![header("Services")];
    blocks.extend(lines.chunks(8).map(|some| section(&some.join("\n"))));
    blocks.push(context("`/rollback frontend because …` proposes, `/rollback list frontend` shows releases, `/rollback help` the rest."));
    Ok(Answer::Whisper(Words {
        text: cut(&lines.join("\n"), 3900),
        blocks,
    }))
}

fn on_board(survey: &Survey) -> String {
    let Some(live) = survey.live() else {
        return "live unknown".into();
    };
    let n = survey
        .surfaces
        .iter()
        .filter(|surface| surface.live.as_deref() == Some(live.id.as_str()))
        .count();
    let mut text = format!("`{}`", inline(live.label(), 60));
    if survey.surfaces.len() > 1 {
        text.push_str(&format!(" on {n}/{}", survey.surfaces.len()));
    }
    let previous = survey
        .candidates
        .iter()
        .skip_while(|candidate| candidate.release.id != live.id)
        .skip(1)
        .find(|candidate| candidate.barred.is_none());
    match previous {
        Some(previous) => text.push_str(&format!(
            " · before `{}`",
            inline(previous.release.label(), 60)
        )),
        None => text.push_str(" · nothing to go back to"),
    }
    if survey.pin == Pin::On {
        text.push_str(" · automatic deploys OFF");
    }
    if let Some(in_flight) = &survey.in_flight {
        text.push_str(&format!(" · {}", inline(in_flight, 100)));
    }
    text
}

/// What is open now, and how often the glass was broken lately.
pub async fn open_rollbacks(app: &App) -> Result<Answer, Error> {
    let open = rollbacks::open(&app.engine.db).await?;
    let mut lines: Vec<String> = open.iter().map(line).collect();
    if lines.is_empty() {
        lines.push("No rollback is open. `/rollback` shows the services.".into());
    }
    let count = glass_count(app).await?;
    if count != GlassCount::default() {
        let open = match count.open {
            0 => String::new(),
            1 => ", 1 review is still to be answered".into(),
            n => format!(", {n} reviews are still to be answered"),
        };
        lines.push(format!(
            "Break-glass: {} in the last 30 days, {} in the 30 before{open}.",
            count.lately, count.before
        ));
    }
    Ok(Answer::whisper(lines.join("\n")))
}

/// How often something was run without an approval.
pub async fn glass_count(app: &App) -> sqlx::Result<GlassCount> {
    const MONTH: Duration = Duration::from_secs(30 * 86_400);
    let db = &app.engine.db;
    let now = app.engine.clock.now();
    let back = |times: u32| now.checked_sub(MONTH * times).unwrap_or(now);
    Ok(GlassCount {
        lately: timelines::count(db, Kind::BreakGlass, back(1), now).await?,
        before: timelines::count(db, Kind::BreakGlass, back(2), back(1)).await?,
        open: jobs::count(db, "review").await?,
    })
}

/// Where automatic deploys are held off: by whom, since when, and what they hold back.
pub async fn pins(app: &App) -> Result<Answer, Error> {
    let db = &app.engine.db;
    let now = app.engine.clock.now();
    let mut first = None;
    let mut lines = vec![];
    for (service, environment, survey, read_at) in rollbacks::snapshots(db).await? {
        if survey.pin != Pin::On || app.config.service(&service, &environment).is_none() {
            continue;
        }
        let age = Duration::try_from(now.duration_since(read_at)).unwrap_or_default();
        let by = match rollbacks::latest_asked(db, &service, &environment).await? {
            Some(last) if last.pin == Pin::On => {
                let whom = last
                    .approvals
                    .last()
                    .map(|approval| &approval.by)
                    .or(last.break_glass.as_ref().map(|break_glass| &break_glass.by))
                    .map_or_else(String::new, |by| format!(" by @{}", inline(&by.name, 80)));
                format!(
                    "since {}{whom} with RB-{}; it holds `{}` back",
                    last.times
                        .accepted
                        .or(last.times.asked)
                        .map_or_else(String::new, time),
                    last.id,
                    inline(last.from_label(), 60)
                )
            }
            _ => "but not by a rollback from here".to_owned(),
        };
        first.get_or_insert_with(|| format!("{service}@{environment}"));
        lines.push(format!(
            "*{}* ({})  automatic deploys OFF {by} · read {} ago",
            inline(&service, 80),
            inline(&environment, 80),
            spell(age)
        ));
    }
    Ok(Answer::whisper(match first {
        None => "Nothing is pinned: automatic deploys flow everywhere, as far as the platforms were read.".to_owned(),
        Some(first) => {
            lines.push(format!(
                "`/rollback unpin {}` lets them flow again.",
                inline(&first, 160)
            ));
            lines.join("\n")
        }
    }))
}

/// Whom to reach: the ladder that is climbed while nobody approves, and who helps with what.
pub async fn contacts(app: &App, service: Option<&Service>) -> Result<Answer, Error> {
    let config = &app.config;
    let roles: Vec<&str> = config
        .policy
        .escalate
        .iter()
        .flat_map(|step| step.roles.iter().map(String::as_str))
        .collect();
    let roster = roster::last_known(app, &roles).await?;
    let mut lines = vec![];
    if !config.policy.remind.is_empty() {
        let times: Vec<String> = config.policy.remind.iter().map(|at| spell(*at)).collect();
        lines.push(format!(
            "After {}: whoever may approve is reminded.",
            list(&times, "and")
        ));
    }
    for step in &config.policy.escalate {
        let mut whom: Vec<String> = step.people.iter().map(|id| mention(id)).collect();
        for role in &step.roles {
            let members: Vec<String> = roster
                .members(role)
                .into_iter()
                .take(5)
                .map(mention)
                .collect();
            whom.push(match members.is_empty() {
                true => format!("{} (nobody is known)", inline(role, 40)),
                false => format!("{} ({})", inline(role, 40), members.join(", ")),
            });
        }
        if step.page {
            whom.push("PagerDuty".into());
        }
        let verb = if whom.len() == 1 { "is" } else { "are" };
        lines.push(format!(
            "After {}: {} {verb} asked.",
            spell(step.after),
            list(&whom, "and")
        ));
    }
    if config.policy.remind.is_empty() {
        lines.insert(0, "Nobody is reminded.".into());
    }
    if config.policy.escalate.is_empty() {
        lines.push("Nobody else is asked.".into());
    }
    let mut blocks = vec![
        header("Contacts"),
        section(&format!("*While nobody approves*\n{}", lines.join("\n"))),
    ];
    let help: Vec<String> = config
        .contacts
        .iter()
        .filter(|contact| {
            contact.services.is_empty()
                || service.is_none_or(|service| contact.services.contains(&service.name))
        })
        .take(20)
        .map(|contact| {
            let only = match contact.services.is_empty() {
                true => String::new(),
                false => format!(" (for {})", inline(&list(&contact.services, "and"), 200)),
            };
            format!(
                "{}: {}{only}",
                inline(&contact.name, 100),
                inline(&contact.how, 300)
            )
        })
        .collect();
    if !help.is_empty() {
        blocks.push(section(&format!("*Who helps*\n{}", help.join("\n"))));
        lines.extend(help);
    }
    Ok(Answer::Whisper(Words {
        text: cut(&lines.join("\n"), 3900),
        blocks,
    }))
}

/// Where one rollback stands.
pub async fn status(app: &App, channel: &str, id: u64) -> Result<Answer, Error> {
    Ok(match rollbacks::get(&app.engine.db, id).await? {
        // Reasons given in another channel, perhaps a private one, stay there.
        Some(rollback) if rollback.channel != channel => Answer::whisper(line(&rollback)),
        Some(rollback) => Answer::Whisper(membership(app, &rollback).await?),
        None => refuse(&Refusal::UnknownRollback { id }),
    })
}

/// Where the last rollback of a service stands.
pub async fn status_of(app: &App, channel: &str, service: &Service) -> Result<Answer, Error> {
    Ok(
        match rollbacks::latest_of(&app.engine.db, &service.name, &service.environment).await? {
            Some(rollback) if rollback.channel != channel => Answer::whisper(line(&rollback)),
            Some(rollback) => Answer::Whisper(membership(app, &rollback).await?),
            None => Answer::whisper(format!(
                "{} ({}) was never rolled back from here. `/rollback list {}@{}` shows its releases.",
                inline(&service.name, 80),
                inline(&service.environment, 80),
                inline(&service.name, 80),
                inline(&service.environment, 80)
            )),
        },
    )
}

/// The card without its buttons, for one person.
async fn membership(app: &App, rollback: &Rollback) -> Result<Words, Error> {
    let authority = app.authority(rollback).await?;
    let mut words = card::card(rollback, authority.as_ref(), app.engine.clock.now());
    words
        .blocks
        .retain(|block| !matches!(block, slack_morphism::prelude::SlackBlock::Actions(_)));
    words.blocks.push(context(&line(rollback)));
    Ok(words)
}

/// What is in the way of a second proposal, and the first one as its card shows it.
pub async fn first_one(
    app: &App,
    channel: &str,
    message: &Message,
    first: Option<Rollback>,
) -> Result<Answer, Error> {
    let said = blocks::message(message);
    // Reasons given in another channel, perhaps a private one, stay there.
    let Some(first) = first.filter(|first| first.channel == channel && first.plan.is_some()) else {
        return Ok(Answer::whisper(said));
    };
    let mut words = membership(app, &first).await?;
    words.blocks.insert(0, section(&said));
    words.text = cut(&format!("{said} {}", words.text), 3900);
    Ok(Answer::Whisper(words))
}

/// A rollback on one line, without its reasons.
pub(super) fn line(rollback: &Rollback) -> String {
    let times = &rollback.times;
    let last = times
        .ended
        .or(times.proven)
        .or(times.serving)
        .or(times.accepted)
        .or(times.asked)
        .or(times.approved)
        .or(times.proposed)
        .or(times.commanded);
    format!(
        "RB-{} {} · {} ({}) · {} → {}{}",
        rollback.id,
        rollback.word(),
        inline(&rollback.service, 80),
        inline(&rollback.environment, 80),
        inline(rollback.from_label(), 60),
        inline(rollback.to_label(), 60),
        last.map(|at| format!(" · last change {}", time(at)))
            .unwrap_or_default()
    )
}

/// The last entries of the channel's timeline.
pub async fn timeline(app: &App, channel: &str) -> Result<Answer, Error> {
    let db = &app.engine.db;
    let Some(incident) = timelines::latest(db, channel).await? else {
        return Ok(refuse(&Refusal::NoIncident));
    };
    let count = timelines::entries_in(db, incident).await?;
    let entries = timelines::entries(db, incident, count - ENTRIES, ENTRIES).await?;
    let lines: Vec<String> = entries
        .iter()
        .map(|entry| {
            let event = &entry.event;
            let rollback = event
                .rollback
                .map(|id| format!("RB-{id} "))
                .unwrap_or_default();
            format!(
                "{} {rollback}{} {}: {}",
                time(event.at),
                inline(&event.who.to_string(), 80),
                event.kind,
                mentioning(&inline(&event.text, 300))
            )
        })
        .collect();
    let title = format!("INC-{incident}: last {} of {count} entries", entries.len());
    let mut blocks = vec![header(&title)];
    blocks.extend(lines.chunks(5).map(|some| section(&some.join("\n"))));
    blocks.push(context("`/rollback export` puts all of it into a file."));
    Ok(Answer::Whisper(Words {
        text: cut(&format!("{title}\n{}", lines.join("\n")), 3900),
        blocks,
    }))
}

/// Asks which environment is meant. A button proposes there, and only there.
pub fn pick_environment(refusal: &Refusal, proposal: &Propose) -> Answer {
    let Refusal::WhichEnvironment {
        service,
        known: environments,
        ..
    } = refusal
    else {
        return refuse(refusal);
    };
    let said = refusal.say(&Mrkdwn);
    let buttons = environments
        .iter()
        .take(5)
        .map(|environment| {
            let whole = Request::Propose(Propose {
                service: ServiceRef {
                    service: service.clone(),
                    environment: Some(environment.clone()),
                },
                ..proposal.clone()
            });
            button(
                &format!("{PICK}:{environment}"),
                &format!("Propose for {environment}"),
                &cut(&whole.to_string(), 2000),
            )
        })
        .collect();
    Answer::Whisper(Words {
        blocks: vec![section(&said), actions("pick", buttons)],
        text: said,
    })
}
