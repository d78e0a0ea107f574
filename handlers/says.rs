//! What can be answered from the record alone: the board, status, the timeline, a picker.

use super::{answer::Answer, command::refuse};
use crate::{
    App,
    config::Service,
    engine::Error,
    slack::{
        Words,
        blocks::{Mrkdwn, actions, button, context, cut, escape, header, inline, section},
        card::{self, time},
    },
    store::{rollbacks, timelines},
};
use rollback_domain::{
    grammar::{Request, ServiceRef, Wish},
    proof::spell,
    refusal::Refusal,
    release::{Pin, Survey},
    rollback::Rollback,
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
    let sights = rollbacks::sights(db).await?;
    let open = rollbacks::open(db).await?;
    let mut lines = vec![];
    // A message holds fifty blocks and a section three thousand characters.
    for service in app.config.services.iter().take(40) {
        let sight = sights.iter().find(|(name, environment, ..)| {
            *name == service.name && *environment == service.environment
        });
        let state = match sight {
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

/// What is open now.
pub async fn open_rollbacks(app: &App) -> Result<Answer, Error> {
    let open = rollbacks::open(&app.engine.db).await?;
    Ok(match open.as_slice() {
        [] => Answer::whisper("No rollback is open. `/rollback` shows the services."),
        open => Answer::whisper(open.iter().map(line).collect::<Vec<_>>().join("\n")),
    })
}

/// Where one rollback stands.
pub async fn status(app: &App, channel: &str, id: u64) -> Result<Answer, Error> {
    Ok(match rollbacks::get(&app.engine.db, id).await? {
        // Reasons given in another channel, perhaps a private one, stay there.
        Some(rollback) if rollback.channel != channel => Answer::whisper(line(&rollback)),
        Some(rollback) => standing(app, &rollback),
        None => refuse(&Refusal::UnknownRollback { id }),
    })
}

/// Where the last rollback of a service stands.
pub async fn status_of(app: &App, channel: &str, service: &Service) -> Result<Answer, Error> {
    Ok(
        match rollbacks::latest_of(&app.engine.db, &service.name, &service.environment).await? {
            Some(rollback) if rollback.channel != channel => Answer::whisper(line(&rollback)),
            Some(rollback) => standing(app, &rollback),
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
fn standing(app: &App, rollback: &Rollback) -> Answer {
    let policy = app
        .config
        .service(&rollback.service, &rollback.environment)
        .map(|service| app.policy(service));
    let mut words = card::card(rollback, policy.as_ref(), app.engine.clock.now());
    words
        .blocks
        .retain(|block| !matches!(block, slack_morphism::prelude::SlackBlock::Actions(_)));
    words.blocks.push(context(&line(rollback)));
    Answer::Whisper(words)
}

fn line(rollback: &Rollback) -> String {
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
    let Some(incident) = timelines::latest_in(db, channel).await? else {
        return Ok(refuse(&Refusal::NoIncident));
    };
    let count = timelines::count(db, incident).await?;
    let entries = timelines::entries(db, incident, count - ENTRIES, ENTRIES).await?;
    let lines: Vec<String> = entries
        .iter()
        .map(|entry| {
            let happening = &entry.happening;
            let rollback = happening
                .rollback
                .map(|id| format!("RB-{id} "))
                .unwrap_or_default();
            format!(
                "{} {rollback}{} {}: {}",
                time(happening.at),
                inline(&happening.who.to_string(), 80),
                happening.kind,
                inline(&happening.text, 300)
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
pub fn pick_environment(_app: &App, refusal: &Refusal, wish: &Wish) -> Answer {
    let Refusal::AmbiguousEnvironment {
        service,
        environments,
    } = refusal
    else {
        return refuse(refusal);
    };
    let said = refusal.say(&Mrkdwn);
    let buttons = environments
        .iter()
        .take(5)
        .map(|environment| {
            let whole = Request::Propose(Wish {
                service: ServiceRef {
                    service: service.clone(),
                    environment: Some(environment.clone()),
                },
                ..wish.clone()
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
