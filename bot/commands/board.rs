//! `/rollback` alone: the services with what is live, what was before, whether they could be rolled
//! back, what is open, and how old each fact is.

use super::{
    Answer, Context, Result,
    reads::{Read, share},
};
use crate::{
    App,
    config::{Group, Service},
    export::stats::ServiceStats,
    permalinks,
    slack::{
        Words,
        alerts::counted_briefly,
        blocks::{context, escape, fit_text, header, inline, section},
        card,
        readiness::on_the_board,
    },
    store::{alerts, readiness, rollbacks, rosters},
};
use jiff::Timestamp;
use rollback_domain::{
    drill::watermarked,
    grammar::{Request, verbs::Board},
    history::{History, Ran, Run, Runs},
    identity::ServiceKey,
    plan::Plan,
    proof::spell,
    release::{Pin, Survey},
};
use std::time::Duration;

/// How many services it shows. A message holds fifty blocks and a section three thousand
/// characters.
const SERVICES_AT_MOST: usize = 40;

pub(super) async fn run(app: &App, _: &Context, request: Board) -> Result {
    Ok(share(app, Read::everywhere(Request::Board(request)), board).await)
}

async fn board(app: App) -> Result {
    let db = &app.engine.db;
    let now = app.engine.clock.now();
    let snapshots = rollbacks::snapshots(db).await?;
    let open = rollbacks::open(db).await?;
    let frozen = rosters::frozen(db).await?;
    let firing = alerts::firing(db).await?;
    let ready = readiness::all(db).await?;
    let within = &app.config.incidents.rules.mitigate_within;
    let stats = app.stats.read(db, now, within).await?;
    let services = &app.config.services;
    let mut lines = vec![];
    for service in services.iter().take(SERVICES_AT_MOST) {
        let snapshot = snapshots.iter().find(|(key, ..)| *key == service.key);
        let mut line = match snapshot {
            None => format!("{}  not read yet", title(service)),
            Some((_, survey, read_at)) => {
                let age = age(*read_at, now);
                let history = rollbacks::history(db, &service.key).await?;
                let live = live(survey, &history, now);
                format!("{}  {live} · read {age} ago", title(service))
            }
        };
        if let Some(facts) = ready.iter().find(|facts| facts.service == service.key) {
            line.push_str(&on_the_board(facts, now));
        }
        let mut stats = stats.services.iter();
        let stats = stats.find(|stats| stats.service == service.key);
        if let Some(short) = stats.and_then(ServiceStats::in_short) {
            line.push_str(&format!("\n      {short}"));
        }
        let mut open = open.iter();
        if let Some(open) = open.find(|open| open.service == service.key) {
            let stands = format!("{} {}{}", open.id, open.word(), card::by_agent(open));
            let open = format!(
                "
      {}",
                watermarked(open.id, &stands)
            );
            line.push_str(&permalinks::linked(&app, &open).await?);
        }
        let mut firing = firing.iter();
        if let Some(group) = firing.find(|group| group.service.as_ref() == Some(&service.key)) {
            let since = card::moment(group.began_at, now);
            let alerts = counted_briefly(group);
            line.push_str(&format!("\n      🔴 {alerts} firing since {since}"));
        }
        let mut frozen = frozen.iter();
        if let Some((_, freeze)) = frozen.find(|(key, _)| *key == service.key) {
            line.push_str(&format!(
                "\n      hold requested by @{}: \"{}\"; approvers can still approve",
                inline(&freeze.by.name, 80),
                inline(&freeze.because, 200)
            ));
        }
        lines.push(line);
    }
    if services.len() > SERVICES_AT_MOST {
        lines.push(format!(
            "and {} more; `/rollback status` and a name shows each",
            services.len() - SERVICES_AT_MOST
        ));
    }
    let mut blocks = vec![header("Services")];
    blocks.extend(lines.chunks(6).map(|lines| section(&lines.join("\n"))));
    let mut groups: Vec<String> = vec![];
    for group in &app.config.groups {
        let mut line = together(group);
        if let Some(open) = open.iter().find(|open| open.service == group.key) {
            let stands = format!("{} {}{}", open.id, open.word(), card::by_agent(open));
            let open = format!(
                "
      {}",
                watermarked(open.id, &stands)
            );
            line.push_str(&permalinks::linked(&app, &open).await?);
        }
        groups.push(line);
    }
    if !groups.is_empty() {
        blocks.push(section(&groups.join("\n")));
        lines.extend(groups);
    }
    if let Some(first) = services.first() {
        let name = inline(&first.key.typed(), 160);
        blocks.push(context(&format!("`/rollback {name} because …` proposes, `/rollback list {name}` shows releases, `/rollback help` the rest.")));
    }
    Ok(Answer::Private(Words {
        text: fit_text(&lines.join("\n")),
        blocks,
    }))
}

/// What serves now, as last read, in a sentence; `None`: it was not read yet.
pub(super) async fn live_now(app: &App, service: &ServiceKey) -> Result<Option<String>> {
    let db = &app.engine.db;
    let now = app.engine.clock.now();
    let snapshots = rollbacks::snapshots(db).await?;
    let snapshot = snapshots.into_iter().find(|(key, ..)| key == service);
    let Some((_, survey, read_at)) = snapshot else {
        return Ok(None);
    };
    let history = rollbacks::history(db, service).await?;
    Ok(Some(format!(
        "*Live now*: {} · read {} ago",
        live(&survey, &history, now),
        age(read_at, now)
    )))
}

/// A group, with its members in the order of their stages.
fn together(group: &Group) -> String {
    format!(
        "*{}* ({})  takes back {}",
        inline(&group.key.name, 80),
        inline(&group.key.environment, 80),
        inline(&group.stages(), 600)
    )
}

fn title(service: &Service) -> String {
    let name = inline(&service.key.name, 80);
    let name = match &service.url {
        Some(url) => format!("<{}|{name}>", escape(url.as_str())),
        None => name,
    };
    format!("*{name}* ({})", inline(&service.key.environment, 80))
}

/// How long ago something was read, in words.
pub fn age(read_at: Timestamp, now: Timestamp) -> String {
    spell(Duration::try_from(now.duration_since(read_at)).unwrap_or_default())
}

/// What serves, and what could be gone back to, as last read.
#[derive(Debug)]
pub struct Live {
    /// What the release is called.
    pub label: String,
    /// On how many surfaces of how many it is live; `None`: there is one.
    pub on: Option<(usize, usize)>,
    /// The places that were not looked at, as a clause; `None`: there are none.
    pub unseen: Option<String>,
    /// Since when, if one of our rollbacks put it live; `None`: that is not so, or not known.
    pub since: Option<Run>,
    /// The release before; `None`: there is nothing to go back to.
    pub before: Option<String>,
    /// Whether automatic deploys are held off.
    pub is_pinned: bool,
    /// What is under way on the platform, as a clause; `None`: nothing.
    pub in_flight: Option<String>,
}

impl Live {
    /// What a survey and our own rollbacks tell at `now`; `None`: what is live is not known.
    pub fn of(survey: &Survey, history: &History, now: Timestamp) -> Option<Live> {
        let live = survey.live()?;
        let surfaces = &survey.surfaces;
        let serves = |live_on: &Option<String>| live_on.as_deref() == Some(live.id.as_str());
        let on = surfaces.iter().filter(|one| serves(&one.live)).count();
        let since = match Runs::of(survey, history, now).ran(&live) {
            Ran::LiveSince(run) => Some(run).filter(|run| run.by.is_some()),
            Ran::Live | Ran::Before(_) | Ran::Never => None,
        };
        let previous = Plan::previous(survey, history, now);
        Some(Live {
            label: live.label().to_owned(),
            on: (surfaces.len() > 1).then_some((on, surfaces.len())),
            unseen: survey.unseen.as_ref().map(|unseen| unseen.clause()),
            since,
            before: previous.map(|previous| previous.label().to_owned()),
            is_pinned: survey.pin == Pin::On,
            in_flight: survey.in_flight.clone(),
        })
    }
}

/// A service in one line, without how long ago it was read.
pub async fn line_of(
    app: &App,
    service: &Service,
    survey: Option<&Survey>,
) -> sqlx::Result<String> {
    let live = match survey {
        Some(survey) => {
            let history = rollbacks::history(&app.engine.db, &service.key).await?;
            live(survey, &history, app.engine.clock.now())
        }
        None => "not read yet".to_owned(),
    };
    Ok(format!("{}  {live}", title(service)))
}

/// The same in Slack.
fn live(survey: &Survey, history: &History, now: Timestamp) -> String {
    let Some(live) = Live::of(survey, history, now) else {
        return "live unknown".into();
    };
    let mut text = format!("`{}`", inline(&live.label, 60));
    if let Some((on, surfaces)) = live.on {
        text.push_str(&format!(" on {on}/{surfaces}"));
    }
    if let Some(unseen) = &live.unseen {
        text.push_str(&format!(" · {}", inline(unseen, 200)));
    }
    if let Some(run) = &live.since {
        let since = card::moment(run.since, now);
        text.push_str(&format!(" since {since}{}", card::run_by(run)));
    }
    match &live.before {
        Some(before) => text.push_str(&format!(" · before `{}`", inline(before, 60))),
        None => text.push_str(" · nothing to go back to"),
    }
    if live.is_pinned {
        text.push_str(" · automatic deploys OFF");
    }
    if let Some(in_flight) = &live.in_flight {
        text.push_str(&format!(" · {}", inline(in_flight, 100)));
    }
    text
}
