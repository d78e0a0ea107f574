//! The canary: reads everything that a rollback would read, changes nothing, and tells once what has
//! turned bad. What was told is stored in the transaction that leaves the post, so a repetition
//! tells nothing twice.

use crate::{
    App,
    config::Service,
    engine::{Ended, Error, RecordedTold},
    notices::NoticeError,
    store::{readiness as stored, rollbacks},
    worker::{readiness, retry::later},
};
use futures_util::future::join_all;
use jiff::Timestamp;
use rollback_domain::{
    canary::{News, Schedule, Told},
    identity::ServiceKey,
    job::{Job, Post, WhenRefused},
    readiness::{BotFacts, Checked, Level, Line},
    refusal::{Tone, list},
    rollback::Message,
};
use std::time::Duration;
use tokio::time::timeout;

/// How soon it is read again what could not be read.
const UNREAD_AGAIN: Duration = Duration::from_secs(10 * 60);
/// How soon it is looked again whether a rollback of the service is over.
const AFTER_A_ROLLBACK: Duration = Duration::from_secs(15 * 60);
/// How long one place outside of Slack may take.
const NOTICES_WITHIN: Duration = Duration::from_secs(30);

/// Has everything read soon, a while later for each service.
pub(super) fn soon(app: &App, service: &ServiceKey) -> Option<(Job, Timestamp)> {
    let at = Schedule::soon(&service.typed(), app.engine.clock.now());
    let service = service.clone();
    app.config
        .canary
        .enabled
        .then_some((Job::Canary { service }, at))
}

/// Reads one service.
pub(super) async fn run(app: &App, service: &ServiceKey) -> Result<Ended, Error> {
    let found = app.config.service(service);
    let Some(settings) = found.filter(|_| app.config.canary.enabled) else {
        return Ok(Ended::done());
    };
    // What a rollback does now is on its card, and the platform is left to it.
    if rollbacks::open_for(&app.engine.db, service)
        .await?
        .is_some()
    {
        return Ok(Ended::at(later(app, AFTER_A_ROLLBACK)));
    }
    let Some(facts) = readiness::read(app, settings).await? else {
        return Ok(Ended::done());
    };
    let subject = Subject {
        service: Some(settings),
        name: service.to_string(),
    };
    let lines = facts.lines(app.engine.clock.now());
    Ok(subject.tell(app, &lines).await?.with(facts))
}

/// Reads what every rollback needs: the places outside of Slack, the record, the clock.
pub(super) async fn run_of_bot(app: &App) -> Result<Ended, Error> {
    if !app.config.canary.enabled {
        return Ok(Ended::done());
    }
    let notices = app.notices.iter().map(|(name, place)| async {
        let checked = match timeout(NOTICES_WITHIN, place.check()).await {
            Ok(Ok(works)) => Checked::Works(works),
            Ok(Err(NoticeError::Refused { why, .. })) => Checked::Refused(why),
            Ok(Err(NoticeError::Later { why, .. })) => Checked::Silent(why),
            Err(_) => Checked::Silent("it gave no answer in time".into()),
        };
        (name.clone(), checked)
    });
    let db = &app.engine.db;
    let now = app.engine.clock.now();
    let facts = BotFacts {
        read_at: now,
        notices: join_all(notices).await,
        database: db.probe(now).await.map_err(|error| error.to_string()),
        clock_is_off: app.clock_is_off().await?,
    };
    let subject = Subject {
        service: None,
        name: "Rollback Bot".into(),
    };
    subject.tell(app, &facts.lines()).await
}

/// What people are told about.
struct Subject<'a> {
    /// The service; `None`: the bot itself.
    service: Option<&'a Service>,
    name: String,
}

impl Subject<'_> {
    /// Tells what is news of these lines, and says when they are read next.
    async fn tell(&self, app: &App, lines: &[Line]) -> Result<Ended, Error> {
        let now = app.engine.clock.now();
        let schedule = &app.config.canary.schedule;
        let service = self.service.map(|service| &service.key);
        let mut told: Told = stored::told(&app.engine.db, service).await?;
        let news = told.take(lines, schedule.may_tell(now));
        let mut next = schedule.next(&self.name, now);
        if news.is_unread {
            next = next.min(later(app, UNREAD_AGAIN));
        }
        if news.is_held {
            next = next.min(schedule.tells_at(now));
        }
        let recorded = RecordedTold {
            service: service.cloned(),
            told,
        };
        let ended = Ended::at(next).with(recorded);
        let is_news = !news.worse.is_empty() || !news.better.is_empty();
        let (true, Some(channel)) = (is_news, app.config.upkeep_channel()) else {
            return Ok(ended);
        };
        let post = Job::Post(Post {
            channel: channel.to_owned(),
            thread: None,
            under: None,
            message: self.message(&news),
            button: None,
            when_refused: WhenRefused::Log,
            id: format!("canary:{}:{}", self.name, now.as_microsecond()),
        });
        Ok(ended.then(post, now))
    }

    fn message(&self, news: &News) -> Message {
        Message::naming(|tone| {
            let mut lines = vec![];
            if let Some(worst) = news.worse.iter().map(|line| line.level).max() {
                lines.push(self.headline(worst, tone));
                lines.extend(news.worse.iter().map(|line| in_words(line, tone)));
                lines.push(self.owner(tone));
            }
            if !news.better.is_empty() {
                let better = news.better.iter().map(|one| one.name().to_owned());
                let better: Vec<String> = better.collect();
                let name = tone.text(&self.name);
                lines.push(format!("{name}: {} ready again.", list(&better, "and")));
            }
            lines.join("\n")
        })
    }

    fn headline(&self, worst: Level, tone: &dyn Tone) -> String {
        let name = tone.text(&self.name);
        match (self.service, worst) {
            (Some(_), Level::NotReady) => format!("{name} is not ready to be rolled back:"),
            (Some(_), Level::NotKnown) => {
                format!("It is not known whether {name} is ready to be rolled back:")
            }
            (Some(_), Level::Attention | Level::Ready) => {
                format!("{name} can be rolled back, and something needs attention:")
            }
            (None, _) => format!("{name} itself needs attention:"),
        }
    }

    /// Who sees to it.
    fn owner(&self, tone: &dyn Tone) -> String {
        match self.service {
            None => "The people who run this bot see to it.".into(),
            Some(service) => match &service.owner {
                Some(owner) => format!("{} owns it.", tone.person(owner)),
                None => format!(
                    "Nobody owns it by name; the people in {} approve it.",
                    tone.text(&list(&service.approve, "and"))
                ),
            },
        }
    }
}

fn in_words(line: &Line, tone: &dyn Tone) -> String {
    let next = line.next.as_ref();
    let next = next.map_or_else(String::new, |next| format!(" {next}"));
    let name = line.subject.name();
    format!(
        "• {name} {}: {}{next}",
        line.level,
        tone.text(&line.sentence)
    )
}
