//! Three replicas on one Postgres, ten services, people everywhere, and for a while something dies
//! every other second. When it is over, the account is made.
//!
//! `CHAOS_SECONDS` says for how long (120 where `CI` is set, otherwise 20), `CHAOS_SEED` repeats
//! what was drawn by chance. Who wins a race is not drawn by it.

use crate::{
    process::{Bot, On, Record, Start, World, until},
    server::Server,
};
use rollback_bot::store::{Db, messages, rollbacks, timelines};
use rollback_domain::{
    identity::{IncidentId, RollbackId},
    incident::{Entry, Kind},
    rollback::{Rollback, State},
};
use rollback_simulation::Slack;
use rustix::process::Signal;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time::sleep};

const SERVICES: usize = 10;
const REPLICAS: usize = 3;
const CHANNELS: [&str; 4] = ["C0ONE", "C0TWO", "C0THREE", "C0FOUR"];
const PEOPLE: [&str; 4] = ["U0MAYA", "U0SAM", "U0ANA", "U0TOM"];
/// Shorter than some of the pauses, so that what stands still is overtaken.
const LEASE: u64 = 5;
/// How far the bots' time, which is the database's, and that of the restart command may lie apart
/// while everything is busy, in microseconds.
const CLOCKS_DIFFER: i64 = 500_000;
/// How long everything may take to settle when the storm is over: a request that left no trace is
/// given a minute.
const SETTLES_WITHIN: Duration = Duration::from_secs(180);

/// Chance that can be repeated (xorshift64*).
#[derive(Clone)]
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }

    /// Another one, for somebody else.
    fn split(&mut self) -> Chance {
        Chance(self.below(u64::from(u32::MAX)) << 20 | 0x9e37_79b9)
    }
}

/// What people were promised.
#[derive(Default)]
struct Promised {
    commands: u32,
    answered: u32,
    /// Notes: what was typed, and whether it was answered with a yes.
    notes: Vec<(String, bool)>,
    /// Rollbacks that were said to be open: number, service, channel.
    opened: Vec<(u64, String, String)>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_replicas_in_a_storm() {
    let Some(server) = Server::starts("the storm").await else {
        return;
    };
    let told = |name: &str| std::env::var(name).ok()?.parse().ok();
    let default = if std::env::var("CI").is_ok() { 120 } else { 20 };
    let seconds = Duration::from_secs(told("CHAOS_SECONDS").unwrap_or(default));
    let by_clock = rollback_bot::clock::Clock::real().now().as_microsecond();
    let seed = told("CHAOS_SEED").unwrap_or(by_clock.unsigned_abs() | 1);
    println!("CHAOS_SEED={seed} CHAOS_SECONDS={}", seconds.as_secs());
    let mut chance = Chance(seed | 1);

    let place = tempfile::tempdir().unwrap();
    let settings = settings(place.path());
    let world = Arc::new(World::at(On::Postgres, Some(server.url()), &settings).await);
    for (n, channel) in CHANNELS.iter().enumerate() {
        world.slack.add_channel(channel, &format!("storm-{n}"));
    }
    let record = Arc::new(world.record().await);

    let over = Arc::new(AtomicBool::new(false));
    let promised = Arc::new(Mutex::new(Promised::default()));
    let mut people = JoinSet::new();
    for n in 0..8 {
        let storm = Person {
            slack: world.slack.clone(),
            place: place.path().to_owned(),
            chance: chance.split(),
            promised: promised.clone(),
            over: over.clone(),
            name: n,
        };
        people.spawn(storm.lives());
    }
    let slowest = Arc::new(Mutex::new((0.0_f64, String::new())));
    let watching = tokio::spawn(watch(record.clone(), slowest.clone(), over.clone()));

    let (mut kills, mut stops) = (0, 0);
    let mut bots: Vec<Bot> = vec![];
    for _ in 0..REPLICAS {
        bots.push(world.spawns(&start()));
    }
    let began = Instant::now();
    while began.elapsed() < seconds {
        sleep(Duration::from_millis(1_000 + chance.below(3_000))).await;
        let n = usize::try_from(chance.below(REPLICAS as u64)).unwrap();
        if chance.below(4) == 0 {
            // Often longer than a lease.
            bots[n].signal(Signal::STOP);
            sleep(Duration::from_millis(3_000 + chance.below(4_000))).await;
            bots[n].signal(Signal::CONT);
            stops += 1;
        } else {
            bots[n].kill().await;
            sleep(Duration::from_millis(chance.below(1_000))).await;
            bots[n] = world.spawns(&start());
            kills += 1;
        }
    }
    over.store(true, Ordering::Relaxed);
    while let Some(left) = people.join_next().await {
        left.unwrap();
    }
    let calm = Instant::now();
    // What is still open and waits for people is ended by them.
    let settled = until(SETTLES_WITHIN, async || {
        sleep(Duration::from_millis(500)).await;
        let mut all_ended = true;
        for id in 1.. {
            let Some(found) = record.rollback(id).await else {
                break;
            };
            all_ended &= found.state.is_ended();
            if matches!(found.state, State::Proposed { .. }) {
                let stop = format!("/rollback stop RB-{id} because the storm is over");
                world.slack.says("U0SAM", &found.channel, &stop).await;
            }
        }
        // What has ended by a person is looked at once more when its plan would have expired.
        let left = record.left().await;
        all_ended
            && left
                .iter()
                .all(|(step, due)| !due && step.starts_with("drive "))
    })
    .await;
    watching.await.unwrap();
    let settling = calm.elapsed();
    assert!(settled, "left over: {:?}", record.left().await);

    let promised = std::mem::take(&mut *promised.lock().unwrap());
    let account = Account::of(&world, &record, place.path()).await;
    let mut bad = account.bad(&promised);
    bad.extend(world.slack.violations());
    let (overdue, slowest) = slowest.lock().unwrap().clone();
    println!(
        "{kills} kills, {stops} pauses in {:.0?}; settled {settling:.1?} later\n\
         {} commands, {} answered, {} notes promised, {} rollbacks promised\n\
         {}\n\
         slowest take-over: {slowest} was {overdue:.1} s overdue",
        began.elapsed(),
        promised.commands,
        promised.answered,
        promised.notes.iter().filter(|(_, yes)| *yes).count(),
        promised.opened.len(),
        account.outcomes(),
    );
    if !bad.is_empty() {
        let logs = std::env::temp_dir().join(format!("storm-{seed}.log"));
        fs::write(&logs, world.logs()).unwrap();
        panic!(
            "CHAOS_SEED={seed}, logs in {}:\n{}",
            logs.display(),
            bad.join("\n")
        );
    }
    for bot in &mut bots {
        bot.kill().await;
    }
}

fn start() -> Start {
    Start {
        env: super::lease_of(&LEASE.to_string()),
        ..Start::default()
    }
}

/// Ten applications that are deployed as directories; each asking appends a line.
fn settings(place: &Path) -> String {
    let mut settings = "[policy]\nremind = []\n[policy.risk]\nonce_bad = \"code\"\n[roles.oncall]\nmembers = [\"U0SAM\", \"U0ANA\"]\n".to_owned();
    for n in 0..SERVICES {
        let path = place.join(format!("s{n}"));
        for release in 0..3 {
            deploys(&path, &format!("r{release:06}"));
        }
        let path = path.display();
        write!(
            settings,
            r#"
[services.s{n}.production]
provider = "releases"
path = "{path}"
restart = ["sh", "-c", "echo $(date +%s%6N) $(basename $(readlink {path}/current)) >> {path}/asked"]
approve = ["oncall"]
requester_may_approve = true
passes = 1
check_every = "200ms"
prove_within = "5s"
watch = "1s"
"#
        )
        .unwrap();
    }
    settings
}

/// A release arrives and goes live.
fn deploys(path: &Path, name: &str) {
    let release = path.join("releases").join(name);
    fs::create_dir_all(&release).unwrap();
    fs::write(release.join("index.html"), name).unwrap();
    let link = path.join(format!(".{name}"));
    if symlink(format!("releases/{name}"), &link).is_ok() {
        fs::rename(&link, path.join("current")).unwrap();
    }
}

/// Somebody who types all the time.
struct Person {
    slack: Slack,
    place: PathBuf,
    chance: Chance,
    promised: Arc<Mutex<Promised>>,
    over: Arc<AtomicBool>,
    name: usize,
}

impl Person {
    async fn lives(mut self) {
        let mut n = 0;
        while !self.over.load(Ordering::Relaxed) {
            n += 1;
            sleep(Duration::from_millis(50 + self.chance.below(350))).await;
            let channel = *self.chance.one(&CHANNELS);
            match self.chance.below(10) {
                0..=1 => self.proposes(channel, n).await,
                2..=5 => self.decides(channel).await,
                6..=8 => self.notes(channel, n).await,
                _ => {
                    self.types(channel, "/rollback status").await;
                }
            }
        }
    }

    async fn types(&mut self, channel: &str, typed: &str) -> Option<String> {
        let person = *self.chance.one(&PEOPLE);
        let answer = self.slack.says(person, channel, typed).await;
        let mut promised = self.promised.lock().unwrap();
        promised.commands += 1;
        if !answer.is_ok() || answer.body.contains("does not answer") {
            return None;
        }
        promised.answered += 1;
        Some(answer.body)
    }

    async fn proposes(&mut self, channel: &str, n: u32) {
        static RELEASE: AtomicU32 = AtomicU32::new(10);
        let service = format!("s{}", self.chance.below(SERVICES as u64));
        // A deploy while a card is open makes it a plan for something that is gone.
        if self.chance.below(2) == 0 {
            let release = RELEASE.fetch_add(1, Ordering::Relaxed);
            deploys(&self.place.join(&service), &format!("r{release:06}"));
        }
        let asked = format!("/rollback {service} because of {n}");
        let Some(answer) = self.types(channel, &asked).await else {
            return;
        };
        let opened = answer.split_once(": finding a version");
        let id = opened.and_then(|(before, _)| before.rsplit("RB-").next()?.parse().ok());
        if let Some(id) = id {
            let mut promised = self.promised.lock().unwrap();
            promised.opened.push((id, service, channel.to_owned()));
        }
    }

    /// Says yes or no to something that is open, by a click or by words.
    async fn decides(&mut self, channel: &str) {
        let shown = self.slack.channel(channel);
        let open: Vec<&str> = shown
            .lines()
            .filter_map(|line| line.split_once(" expires ")?.1.split_once("· RB-"))
            .filter_map(|(_, id)| id.split_once(' '))
            .map(|(id, _)| id)
            .collect();
        if open.is_empty() {
            return;
        }
        let id = (*self.chance.one(&open)).to_owned();
        if self.chance.below(2) == 0 {
            let card = self.slack.messages(channel).into_iter().find(|message| {
                let key = message
                    .metadata
                    .as_ref()
                    .map(|it| &it["event_payload"]["key"]);
                key.is_some_and(|key| *key == format!("RB-{id}:card"))
            });
            let label = if self.chance.below(5) == 0 {
                "Cancel"
            } else {
                "Approve"
            };
            if let Some(card) = card {
                let person = *self.chance.one(&PEOPLE);
                let _ = self.slack.clicks_on(person, &card.ts, label).await;
            }
            return;
        }
        let typed = match self.chance.below(5) {
            0 => format!("/rollback deny RB-{id} because of the weather"),
            _ => format!("/rollback approve RB-{id}"),
        };
        self.types(channel, &typed).await;
    }

    async fn notes(&mut self, channel: &str, n: u32) {
        let text = format!("person {} saw thing {n}.", self.name);
        let answer = self.types(channel, &format!("/rollback note {text}")).await;
        let noted = answer.is_some_and(|answer| answer.contains("Noted "));
        self.promised.lock().unwrap().notes.push((text, noted));
    }
}

/// What was due for longest, while the storm went on: how long, and what.
async fn watch(record: Arc<Record>, slowest: Arc<Mutex<(f64, String)>>, over: Arc<AtomicBool>) {
    const DUE: &str = "SELECT kind, key, due_at FROM step WHERE kind <> 'survey' AND due_at IS NOT NULL ORDER BY due_at LIMIT 1";
    let Db::Postgres(pool) = record.db() else {
        return;
    };
    let clock = rollback_bot::clock::Clock::real();
    while !over.load(Ordering::Relaxed) {
        sleep(Duration::from_millis(250)).await;
        let due: sqlx::Result<Option<(String, String, i64)>> =
            sqlx::query_as(DUE).fetch_optional(pool).await;
        if let Ok(Some((kind, key, due_at))) = due {
            let late = clock.now().as_microsecond() - due_at;
            let late = Duration::from_micros(late.try_into().unwrap_or(0)).as_secs_f64();
            let mut slowest = slowest.lock().unwrap();
            if late > slowest.0 {
                *slowest = (late, format!("{kind} {key}"));
            }
        }
    }
}

/// Everything that is in the record, in Slack and on the platforms when it is over.
struct Account {
    rollbacks: Vec<Rollback>,
    incidents: Vec<i64>,
    timelines: Vec<Vec<Entry>>,
    /// By service: when it was asked, in microseconds, and what served then.
    asked: BTreeMap<String, Vec<(i64, String)>>,
    /// By rollback: the texts of its cards, the revision of its card.
    cards: BTreeMap<RollbackId, (usize, i64)>,
    shown: String,
    leases: i64,
}

impl Account {
    async fn of(world: &World, record: &Record, place: &Path) -> Account {
        let db = record.db();
        let mut account = Account {
            rollbacks: vec![],
            incidents: vec![],
            timelines: vec![],
            asked: BTreeMap::new(),
            cards: BTreeMap::new(),
            shown: CHANNELS
                .map(|channel| world.slack.channel(channel))
                .concat(),
            leases: -1,
        };
        for id in 1.. {
            let Some(found) = rollbacks::get(db, RollbackId::new(id)).await.unwrap() else {
                break;
            };
            let key = format!("RB-{id}:card");
            let posted = world.slack.messages(&found.channel);
            let cards = posted.iter().filter(|message| {
                let metadata = message.metadata.as_ref();
                metadata.is_some_and(|it| it["event_payload"]["key"] == key)
            });
            let sent = messages::get(db, &key).await.unwrap();
            account
                .cards
                .insert(RollbackId::new(id), (cards.count(), sent.revision));
            account.rollbacks.push(found);
        }
        if let Db::Postgres(pool) = db {
            let incidents = "SELECT id FROM incident ORDER BY id";
            account.incidents = sqlx::query_scalar(incidents).fetch_all(pool).await.unwrap();
        }
        for incident in &account.incidents {
            let entries = timelines::entries(db, IncidentId::new(*incident), 0, 100_000)
                .await
                .unwrap();
            account.timelines.push(entries);
        }
        for n in 0..SERVICES {
            let service = format!("s{n}");
            let asked = fs::read_to_string(place.join(&service).join("asked")).unwrap_or_default();
            let asked = asked.lines().filter_map(|line| {
                let (at, to) = line.split_once(' ')?;
                Some((at.parse().ok()?, to.to_owned()))
            });
            account.asked.insert(service, asked.collect());
        }
        if let Db::Postgres(pool) = db {
            let leases =
                "SELECT count(*) FROM step WHERE lease_until IS NOT NULL AND kind <> 'survey'";
            (account.leases,) = sqlx::query_as(leases).fetch_one(pool).await.unwrap();
        }
        account
    }

    fn outcomes(&self) -> String {
        let mut outcomes: BTreeMap<String, u32> = BTreeMap::new();
        for rollback in &self.rollbacks {
            *outcomes.entry(rollback.word()).or_default() += 1;
        }
        let asked: usize = self.asked.values().map(Vec::len).sum();
        format!(
            "{} rollbacks, {asked} restarts: {outcomes:?}",
            self.rollbacks.len()
        )
    }

    /// What is not as it must be.
    fn bad(&self, promised: &Promised) -> Vec<String> {
        let mut bad = vec![];
        self.weigh_promises(promised, &mut bad);
        for rollback in &self.rollbacks {
            self.weigh(rollback, &mut bad);
        }
        for (service, asked) in &self.asked {
            self.weigh_asked(service, asked, &mut bad);
        }
        if !self.incidents.iter().copied().eq(1..=4) {
            bad.push(format!("the incidents are {:?}", self.incidents));
        }
        for entries in &self.timelines {
            for (at, entry) in (1..).zip(entries) {
                if entry.seq != at {
                    bad.push(format!("a timeline has {} where {at} should be", entry.seq));
                    break;
                }
            }
        }
        if self.leases != 0 {
            bad.push(format!("{} leases are left", self.leases));
        }
        bad
    }

    fn weigh_promises(&self, promised: &Promised, bad: &mut Vec<String>) {
        for (id, service, channel) in &promised.opened {
            let found = self
                .rollbacks
                .iter()
                .find(|found| found.id == RollbackId::new(*id));
            if found.is_none_or(|found| found.service.name != *service || found.channel != *channel)
            {
                bad.push(format!(
                    "RB-{id} of {service} was promised, and there is {found:?}"
                ));
            }
        }
        let numbers: BTreeSet<u64> = promised.opened.iter().map(|(id, ..)| *id).collect();
        if numbers.len() != promised.opened.len() {
            bad.push("a number was given twice".into());
        }
        for (text, yes) in &promised.notes {
            let entries = self.timelines.iter().flatten();
            let times = entries.filter(|entry| entry.event.text() == *text).count();
            if times > 1 || (*yes && times == 0) {
                bad.push(format!(
                    "{text} is written down {times} times, promised: {yes}"
                ));
            }
        }
    }

    fn weigh(&self, rollback: &Rollback, bad: &mut Vec<String>) {
        let id = rollback.id;
        if !rollback.state.is_ended() {
            bad.push(format!("{id} is {:?}", rollback.state));
        }
        let (cards, revision) = self.cards[&id];
        let wanted = usize::from(rollback.plan.is_some());
        if cards != wanted {
            bad.push(format!("{id} ({}) has {cards} cards", rollback.word()));
        }
        let word = format!("{id} {}", rollback.word());
        // What becomes of production after it was closed changes nothing on its card.
        let is_latest = match rollback.aftermath {
            Some(_) => revision <= rollback.revision,
            None => revision == rollback.revision,
        };
        if wanted == 1 && !(is_latest && self.shown.contains(&word)) {
            bad.push(format!(
                "the card of {id} shows revision {revision} and not {} ({})",
                rollback.revision,
                rollback.word()
            ));
        }
        let entries: Vec<&Entry> = self
            .timelines
            .iter()
            .flatten()
            .filter(|entry| entry.event.rollback == Some(id))
            .collect();
        let mut seen: BTreeMap<(String, String), u32> = BTreeMap::new();
        let mut before = None;
        for entry in &entries {
            let event = &entry.event;
            // Who was told no twice has asked twice.
            if event.kind() != Kind::Refused {
                let kind = event.kind().to_string();
                *seen.entry((kind, event.text())).or_default() += 1;
            }
            if before > Some(entry.recorded_at) {
                bad.push(format!(
                    "{id}: {} came before what is before it",
                    event.text()
                ));
            }
            before = Some(entry.recorded_at);
        }
        let again = |kind: &str| {
            ["rechecked", "executing", "progress"].contains(&kind) // when it was "not now"
        };
        for ((kind, text), times) in seen {
            if times > 1 && !again(&kind) {
                bad.push(format!("{id}: {kind} {text:?} is there {times} times"));
            }
        }
        let times = |wanted: Kind| {
            let of = entries.iter().filter(|entry| entry.event.kind() == wanted);
            of.count()
        };
        let ends = [
            Kind::Closed,
            Kind::Denied,
            Kind::Cancelled,
            Kind::Failed,
            Kind::Expired,
        ];
        for one in [Kind::Requested, Kind::Planned, Kind::Accepted]
            .into_iter()
            .chain(ends)
        {
            if times(one) > 1 {
                bad.push(format!("{id} was {one} {} times", times(one)));
            }
        }
    }

    /// The restart command ran at most once for each rollback, after it was asked.
    fn weigh_asked(&self, service: &str, asked: &[(i64, String)], bad: &mut Vec<String>) {
        let mut askings: Vec<(i64, u64)> = self
            .rollbacks
            .iter()
            .filter(|rollback| rollback.service.name == service)
            .filter_map(|rollback| {
                Some((
                    rollback.times.asked?.as_microsecond(),
                    rollback.id.number().unsigned_abs(),
                ))
            })
            .collect();
        askings.sort_unstable();
        let mut done: BTreeMap<u64, u32> = BTreeMap::new();
        for (at, to) in asked {
            let before = |asked_at: i64| asked_at <= at + CLOCKS_DIFFER;
            match askings.iter().rev().find(|(asked_at, _)| before(*asked_at)) {
                Some((_, id)) => *done.entry(*id).or_default() += 1,
                None => bad.push(format!("{service} went to {to} and nobody asked")),
            }
        }
        for (id, times) in done {
            let of = self
                .rollbacks
                .iter()
                .find(|rollback| rollback.id == RollbackId::new(id));
            let denied = of.is_some_and(|of| {
                matches!(&of.state, State::Failed { why, .. } if why.contains("never took effect"))
            });
            if times > 1 || denied {
                bad.push(format!("RB-{id} of {service} was asked {times} times"));
            }
        }
    }
}
