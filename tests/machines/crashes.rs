//! The program dies at every place where the record and the world can part, and comes back.
//!
//! Each point has a world of its own on each database, all at the same time. A person asks,
//! another approves, and both do it again if nothing shows; the bot is killed in between and
//! started again. In the end production has moved once, and everybody can see it once.

mod steps;
mod together;

use crate::process::{CHANNEL, On, Record, SERVICES, STARTS_WITHIN, Start, World, until};
use rollback_bot::{crash::Point, store::messages};
use rollback_domain::{
    incident::Kind,
    rollback::{Rollback, State},
};
use rollback_simulation::Slack;
use std::{
    collections::BTreeMap,
    os::unix::process::ExitStatusExt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use strum::VariantArray;
use tokio::{
    sync::Semaphore,
    task::{JoinHandle, JoinSet, LocalSet},
    time::sleep,
};

/// How many worlds live at once on each database, if Postgres has as many connections.
const AT_ONCE: usize = 24;
/// How many connections two bots, one that died and one that lives, can have for a moment.
const CONNECTIONS: usize = 9;
/// How long one thing may take: a lease that nobody releases lasts 30 seconds, and a request that
/// left no trace is given a minute.
const PATIENCE: Duration = Duration::from_secs(200);
/// How long something that was taken may take, when whoever had it died.
const A_LEASE: Duration = Duration::from_secs(80);
/// What somebody is told who asks or approves a second time, because the first time did not show.
const ASKED_TWICE: [&str; 4] = [
    "tried `propose` and was refused (ALREADY_OPEN)",
    // The first time waited for the lease of the dead process, and the second was done meanwhile.
    "tried `propose` and was refused (OVERTAKEN)",
    "tried `approve` and was refused (ALREADY_UNDER_WAY)",
    "tried `approve` and was refused (ALREADY_ENDED)",
];
/// How long a person looks before they do it again.
const LOOKS_FOR: Duration = Duration::from_secs(2);

/// What happens around a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tale {
    /// maya asks, sam approves.
    Approved,
    /// maya asks, tom runs it as an emergency.
    BrokenGlass,
    /// maya mentions the bot with a note.
    Noted,
    /// maya asks, sam approves, and the third of five steps fails: what was there is put back.
    PutBack,
    /// maya asks, sam approves, and all five steps work.
    FiveSteps,
    /// maya asks for a group, sam approves, and its two members go one after the other.
    Together,
    /// maya asks for a moment, sam approves, ana does by hand what is left.
    Restored,
}

/// What else is killed between the steps of a plan, at the first time the process comes by, at the
/// second, and so on.
const BETWEEN_STEPS: [(Tale, Point, u32); 17] = [
    (Tale::PutBack, Point::AskingStored, 2),
    (Tale::PutBack, Point::AskingNow, 4),
    (Tale::PutBack, Point::Asked, 4),
    (Tale::PutBack, Point::StepStored, 2),
    (Tale::PutBack, Point::AnswerStored, 2),
    (Tale::PutBack, Point::ReadBack, 2),
    (Tale::FiveSteps, Point::StepStored, 4),
    (Tale::Restored, Point::AskingStored, 1),
    (Tale::Restored, Point::AskingNow, 2),
    (Tale::Restored, Point::Asked, 2),
    (Tale::Restored, Point::StepStored, 1),
    (Tale::Restored, Point::ReadBack, 4),
    (Tale::Restored, Point::ActStored, 2),
    // The second member of a group is asked for its first step at the sixth time.
    (Tale::Together, Point::DecisionUncommitted, 9),
    (Tale::Together, Point::Asked, 6),
    (Tale::Together, Point::MembersLooked, 4),
    (Tale::Together, Point::MembersStored, 4),
];

impl Tale {
    fn of(point: Point) -> Tale {
        match point {
            Point::FormUnopened
            | Point::FormOpened
            | Point::FormRead
            | Point::FormStored
            | Point::BreakGlassUnposted
            | Point::BreakGlassPosted
            | Point::PageUnsent
            | Point::PageSent
            | Point::PageStored => Tale::BrokenGlass,
            Point::EventStored | Point::PostUnposted | Point::PostPosted => Tale::Noted,
            Point::PinAsked
            | Point::PinStored
            | Point::StepStored
            | Point::PinUntaken
            | Point::PinTakenBack => Tale::PutBack,
            Point::PeopleNeededStored => Tale::Restored,
            Point::StageBegun | Point::MembersLooked | Point::MembersStored => Tale::Together,
            _ => Tale::Approved,
        }
    }
}

/// How often a point is tried, at the first time the process comes by, at the second, and so on.
fn times(point: Point) -> u32 {
    match point {
        // The plan, the approval, the asking, its answer, what serves, the proof, the end.
        Point::DecisionUncommitted => 7,
        // The command, the click.
        Point::InputUncommitted => 2,
        _ => 1,
    }
}

/// One world, in which the bot dies at one point.
struct Cell {
    tale: Tale,
    point: Point,
    name: String,
    on: On,
}

impl Cell {
    /// The point, and what happens around it where that is not the usual.
    fn title(&self) -> String {
        match self.tale {
            Tale::Approved | Tale::BrokenGlass | Tale::Noted => self.name.clone(),
            Tale::PutBack => format!("{} (put back)", self.name),
            Tale::FiveSteps => format!("{} (five steps)", self.name),
            Tale::Restored => format!("{} (restored)", self.name),
            Tale::Together => format!("{} (together)", self.name),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crashes() {
    let only = std::env::var("CRASH_POINTS").unwrap_or_default();
    let mut cells = vec![];
    let usual = Point::VARIANTS
        .iter()
        .map(|point| (Tale::of(*point), *point, times(*point)));
    for (tale, point, times) in usual.chain(BETWEEN_STEPS) {
        let name: &str = point.into();
        for n in 1..=times {
            let name = match n {
                1 => name.to_owned(),
                n => format!("{name}:{n}"),
            };
            if !only.is_empty() && !name.starts_with(&only) {
                continue;
            }
            for on in On::all() {
                cells.push(Cell {
                    tale,
                    point,
                    name: name.clone(),
                    on,
                });
            }
        }
    }
    let order: Vec<(String, On)> = cells.iter().map(|cell| (cell.title(), cell.on)).collect();
    // The one that takes longest begins.
    cells.sort_by_key(|cell| cell.point != Point::AskingStored);
    let mut room = BTreeMap::new();
    for on in On::all() {
        let worlds = AT_ONCE.min(on.connections().await / CONNECTIONS).max(1);
        room.insert(on.to_string(), Arc::new(Semaphore::new(worlds)));
    }
    let mut outcomes = vec![];
    let here = LocalSet::new();
    here.run_until(async {
        let mut playing = JoinSet::new();
        for cell in cells {
            let room = room[&cell.on.to_string()].clone();
            playing.spawn_local(async move {
                let _room = room.acquire_owned().await.unwrap();
                let came = plays(&cell).await;
                (cell.title(), cell.on, came)
            });
        }
        while let Some(played) = playing.join_next().await {
            outcomes.push(played.unwrap());
        }
    })
    .await;
    outcomes.sort_by_key(|(name, on, _)| order.iter().position(|one| *one == (name.clone(), *on)));
    println!("{:36} {:9} what came of it", "killed at", "on");
    for (name, on, came) in &outcomes {
        match came {
            Ok(words) => println!("{name:36} {on:9} {words}"),
            Err(bad) => println!("{name:36} {on:9} BAD: {}", bad.why),
        }
    }
    let bad: Vec<_> = outcomes.iter().filter(|(.., came)| came.is_err()).collect();
    for (name, on, came) in &bad {
        if let Err(bad) = came {
            eprintln!("\n── {name} on {on}: {} ──\n{}", bad.why, bad.seen);
        }
    }
    assert!(
        bad.is_empty(),
        "{} of {} are bad",
        bad.len(),
        outcomes.len()
    );
}

/// Plays the tale of a point, and says what came of it.
async fn plays(cell: &Cell) -> Result<String, Bad> {
    // A look while it is kept in sight comes every 15 seconds.
    let settings = match cell.point {
        Point::WatchLooked => SERVICES.replace("watch = \"1s\"", "watch = \"17s\""),
        _ => SERVICES.to_owned(),
    };
    match cell.tale {
        Tale::PutBack | Tale::FiveSteps | Tale::Restored => return steps::plays(cell).await,
        Tale::Together => return together::plays(cell).await,
        Tale::Approved | Tale::BrokenGlass | Tale::Noted => {}
    }
    let scene = Scene::opens(World::with(cell.on, &settings).await, &cell.name);
    let tale = async {
        match cell.tale {
            Tale::Approved => scene.approved().await,
            Tale::BrokenGlass => scene.broken_glass().await,
            Tale::Noted => scene.noted().await,
            Tale::PutBack | Tale::FiveSteps | Tale::Restored | Tale::Together => {
                Err("played elsewhere".into())
            }
        }
    };
    let played = tokio::time::timeout(PATIENCE, tale).await;
    finishes(
        scene,
        played.unwrap_or_else(|_| Err("it came to no end".into())),
    )
    .await
}

/// What came of a tale: the point must have been reached, and the scene is closed.
async fn finishes(scene: Scene, told: Result<String, String>) -> Result<String, Bad> {
    let told = match scene.died.load(Ordering::SeqCst) {
        true => told,
        false => told.and(Err("the point was never reached".into())),
    };
    let seen = format!(
        "{}\n{}",
        scene.world.slack.channel(CHANNEL),
        scene.world.logs()
    );
    let told = told.map_err(|why| Bad { why, seen })?;
    scene.closes().await;
    Ok(told)
}

/// Something was not as it must be.
struct Bad {
    why: String,
    /// The channel as everybody sees it, and what the processes said.
    seen: String,
}

/// A world with a bot in it: one that dies at its point, then one that lives.
struct Scene {
    world: Arc<World>,
    died: Arc<AtomicBool>,
    keeper: JoinHandle<()>,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Scene {
    fn opens(world: World, point: &str) -> Scene {
        let (world, died) = (Arc::new(world), Arc::new(AtomicBool::new(false)));
        let start = Start {
            crash_at: Some(point.to_owned()),
            ..Start::default()
        };
        let keeper = {
            let (world, died) = (world.clone(), died.clone());
            tokio::spawn(async move {
                let mut first = world.spawns(&start);
                let status = first.ended(PATIENCE).await;
                let killed = status.and_then(|status| status.signal()) == Some(9);
                assert!(killed, "{status:?}: {}", first.log());
                died.store(true, Ordering::SeqCst);
                let _second = world.starts().await;
                std::future::pending().await
            })
        };
        Scene {
            world,
            died,
            keeper,
        }
    }

    async fn closes(mut self) {
        self.keeper.abort();
        let _ = (&mut self.keeper).await;
        self.world.ends().await;
    }

    /// Somebody does something until it shows: again when they were told that it failed, or when
    /// nothing has come of it for `patience`.
    async fn does(
        &self,
        what: &str,
        patience: Duration,
        act: impl AsyncFn() -> bool,
        shows: impl Fn(&Slack) -> bool,
    ) -> Result<(), String> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let taken = act().await;
            let patience = if taken { patience } else { LOOKS_FOR };
            if self.world.slack.until(patience, &shows).await {
                return Ok(());
            }
            if taken && patience > LOOKS_FOR {
                return Err(format!("{what} was answered, and nothing came of it"));
            }
        }
        Err(format!("{what} does not work"))
    }

    async fn proposes(&self, id: u64) -> Result<(), String> {
        let slack = &self.world.slack;
        let asks = async || {
            let asked = "/rollback frontend because checkout 500s";
            slack.says("U0MAYA", CHANNEL, asked).await.is_ok()
        };
        let card = format!("· RB-{id} ·");
        let shows = |slack: &Slack| slack.channel(CHANNEL).contains(&card);
        self.does("the command", A_LEASE, asks, shows).await
    }

    async fn approves(&self, id: u64) -> Result<(), String> {
        let slack = &self.world.slack;
        let clicks = async || {
            let clicked = slack.clicks("U0SAM", "Approve").await;
            clicked.is_ok_and(|answer| answer.is_ok())
        };
        let card = format!("· RB-{id} ·");
        let shows = |slack: &Slack| !slack.channel(CHANNEL).contains(&card);
        self.does("the click", A_LEASE, clicks, shows).await
    }

    async fn approved(&self) -> Result<String, String> {
        self.proposes(1).await?;
        self.approves(1).await?;
        let first = self.ended(1).await?;
        let told = self.told(&first, 1).await?;
        if matches!(first.state, State::Closed) {
            return Ok(told);
        }
        // It came to nothing, and says so: whoever needs it asks again.
        self.proposes(2).await?;
        self.approves(2).await?;
        let second = self.ended(2).await?;
        Ok(format!("{told}; then {}", self.told(&second, 2).await?))
    }

    async fn broken_glass(&self) -> Result<String, String> {
        self.proposes(1).await?;
        let slack = &self.world.slack;
        let clicks = async || {
            let clicked = slack.clicks("U0TOM", "Emergency run").await;
            clicked.is_ok_and(|answer| answer.is_ok())
        };
        let form = |slack: &Slack| slack.open_view("U0TOM").is_some();
        self.does("the click", LOOKS_FOR, clicks, form).await?;
        slack.types("U0TOM", "nobody answers").map_err(said)?;
        let ticks = slack.chooses("U0TOM", "I will explain").await;
        ticks.map_err(said)?;
        // A form that could not be saved stays open, and he presses the button again at once.
        let saves = async || {
            while slack.open_view("U0TOM").is_some() {
                let saved = slack.submits("U0TOM").await;
                if saved.is_ok_and(|answer| answer.is_ok()) {
                    return true;
                }
                sleep(Duration::from_millis(100)).await;
            }
            false
        };
        let runs = |slack: &Slack| !slack.channel(CHANNEL).contains("· RB-1 ·");
        self.does("the form", A_LEASE, saves, runs).await?;
        let told = self.told(&self.ended(1).await?, 1).await?;
        let messages = self.posted("RB-1:glass");
        let mut pages = self.world.pagerduty.pages();
        let sent = pages.len();
        pages.dedup();
        if (messages, pages.len()) != (1, 1) || sent > 2 {
            return Err(format!("{messages} messages about the glass, {pages:?}"));
        }
        Ok(format!("{told} · 1 message about the glass · 1 alert"))
    }

    async fn noted(&self) -> Result<String, String> {
        let slack = &self.world.slack;
        let note = "@rollback note the cache was emptied";
        until(STARTS_WITHIN, async || self.world.listens()).await;
        let mut answer = slack.says("U0MAYA", CHANNEL, note).await;
        // Slack delivers an event again until it is answered.
        for _ in 0..100 {
            if answer.is_ok() {
                break;
            }
            sleep(Duration::from_millis(300)).await;
            answer = slack.redeliver_last().await;
        }
        let record = self.world.record().await;
        let echoed = |slack: &Slack| slack.channel(CHANNEL).contains("Noted for");
        if !slack.until(A_LEASE, echoed).await {
            return Err("the note is not echoed".into());
        }
        self.rests(&record).await?;
        let entries = self.entries(&record).await?;
        let echoes = slack
            .messages(CHANNEL)
            .iter()
            .filter(|message| message.metadata.is_some())
            .count();
        match (entries, echoes) {
            (2, 1) => Ok("noted once · echoed once".into()),
            wrong => Err(format!("entries and echoes: {wrong:?}")),
        }
    }

    /// Waits for the end of a rollback, and until everything about it is said.
    async fn ended(&self, id: u64) -> Result<Rollback, String> {
        let record = self.world.record().await;
        let is_over = async || {
            let found = record.rollback(id).await;
            found.is_some_and(|found| found.state.is_ended())
        };
        if !until(PATIENCE, is_over).await {
            let found = record.rollback(id).await;
            return Err(format!("{:?} is no end", found.map(|found| found.state)));
        }
        self.rests(&record).await?;
        record.rollback(id).await.ok_or("it is gone".into())
    }

    /// Waits until nothing is left to do but what is for later.
    async fn rests(&self, record: &Record) -> Result<(), String> {
        let nothing_due = async || {
            let left = record.left().await;
            left.iter().all(|(step, _)| step.starts_with("review "))
        };
        match until(A_LEASE, nothing_due).await {
            true => Ok(()),
            false => Err(format!("left over: {:?}", record.left().await)),
        }
    }

    /// Messages in the channel that carry a key that begins like this.
    fn posted(&self, key: &str) -> usize {
        let messages = self.world.slack.messages(CHANNEL);
        let keys = messages
            .iter()
            .filter_map(|message| message.metadata.as_ref()?["event_payload"]["key"].as_str());
        keys.filter(|posted| posted.starts_with(key)).count()
    }

    /// How many entries the timeline has, if each is there once.
    async fn entries(&self, record: &Record) -> Result<usize, String> {
        let entries = record.timeline().await;
        let mut seen = BTreeMap::new();
        for (at, entry) in (1..).zip(&entries) {
            if entry.seq != at {
                return Err(format!("the timeline has a hole before {}", entry.seq));
            }
            let event = &entry.event;
            // Whoever was told no has done it twice. Nobody here has forged anything.
            if event.kind() == Kind::Refused {
                let text = event.text();
                if !ASKED_TWICE.iter().any(|code| text.starts_with(code)) {
                    return Err(format!("refused without a reason: {text}"));
                }
            } else {
                let times: &mut u32 = seen
                    .entry((event.rollback, event.kind().to_string(), event.text()))
                    .or_default();
                *times += 1;
            }
        }
        // A step that a dead process did not get to is asked for again, and the record says so.
        let again =
            |(_, kind, _): &(_, String, _)| ["executing", "progress"].contains(&kind.as_str());
        let twice = |(entry, times): &(&(_, String, _), &u32)| **times > 1 && !again(entry);
        match seen.iter().find(twice) {
            Some(twice) => Err(format!("in the timeline twice: {twice:?}")),
            None => Ok(entries.len()),
        }
    }

    /// How a rollback ended, in words, if all of it is as it must be.
    async fn told(&self, rollback: &Rollback, expected: usize) -> Result<String, String> {
        let (world, id) = (&self.world, rollback.id);
        let record = world.record().await;
        let entries = self.entries(&record).await?;
        let violations = world.violations();
        if !violations.is_empty() {
            return Err(format!("violations: {violations:?}"));
        }
        let asked = world.vercel.rollbacks_asked();
        let (word, production) = (rollback.word(), world.vercel.production());
        let outcome = match (&rollback.state, asked, production.as_str()) {
            (State::Closed, 1, "v213") if word == "VERIFIED" => format!("asked once · {word}"),
            // It says that it never took effect, and that is so.
            (State::Failed { .. }, 0, "v214") => format!("not asked · {word}"),
            (state, asked, production) => {
                return Err(format!(
                    "{word}, asked {asked} times, production serves {production}: {state:?}"
                ));
            }
        };
        let card = messages::get(record.db(), &format!("{id}:card")).await;
        let card = card.map_err(said)?;
        let shown = world.slack.channel(CHANNEL);
        if card.revision != rollback.revision || !shown.contains(&format!("{id} {word}")) {
            return Err(format!("the card does not show {word}"));
        }
        let cards = self.posted(&format!("{id}:card"));
        let outcomes = self.posted(&format!("{id}:outcome"));
        let files = world.slack.files();
        let files = files.iter().filter(|file| file.channel.is_some()).count();
        if (cards, outcomes, files) != (1, 1, expected) {
            return Err(format!("{cards} cards, {outcomes} outcomes, {files} files"));
        }
        let lost = record.timeline().await.iter().any(|entry| {
            entry.event.rollback == Some(id) && entry.event.kind() == Kind::Unanswered
        });
        let lost = if lost { " after UNKNOWN" } else { "" };
        Ok(format!(
            "{outcome}{lost} · 1 card · 1 outcome · 1 file · {entries} entries"
        ))
    }
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}
