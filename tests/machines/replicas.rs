//! Several replicas on one Postgres: one stands still and wakes up too late, one dies, all of them
//! are killed again and again, and what Slack says reaches two at once.

use crate::{
    process::{Bot, CHANNEL, On, Record, SERVICES, STARTS_WITHIN, Start, World, until},
    server::Server,
};
use axum::{Router, body::Bytes, extract::State, http::Request};
use reqwest::StatusCode;
use rollback_bot::store::messages;
use rollback_domain::rollback::{self, Rollback};
use rustix::process::Signal;
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{
    net::TcpListener,
    task::{JoinSet, LocalSet},
    time::sleep,
};

mod storm;

/// How long one thing may take: a request that left no trace is given a minute.
const PATIENCE: Duration = Duration::from_secs(120);
/// A lease that ends soon, so that taking over does.
const SHORT: &str = "4";
/// How long a lease lasts otherwise, and a little.
const A_LEASE: Duration = Duration::from_secs(40);

/// A replica that stands still at `point`, and one that does not.
struct Scene {
    world: World,
    record: Record,
    still: Bot,
    other: Option<Bot>,
}

impl Scene {
    /// maya asks and sam approves; the only replica stands still at `point`.
    async fn stands_still(server: &Server, point: &str, lease: &str) -> Scene {
        let world = World::at(On::Postgres, Some(server.url()), SERVICES).await;
        let still = world.spawns(&Start {
            crash_at: Some(format!("{point}:stop")),
            env: lease_of(lease),
            ..Start::default()
        });
        assert!(still.ready(STARTS_WITHIN).await, "{}", still.log());
        let record = world.record().await;
        let scene = Scene {
            world,
            record,
            still,
            other: None,
        };
        scene.runs(1).await;
        let stands = async || scene.still.log().contains("stands still at");
        assert!(until(PATIENCE, stands).await, "it never stood still");
        scene.still.set_aside();
        scene
    }

    /// Another replica is there.
    async fn another_comes(&mut self) {
        let other = self.world.spawns(&Start {
            env: lease_of(SHORT),
            ..Start::default()
        });
        assert!(other.ready(STARTS_WITHIN).await, "{}", other.log());
        self.other = Some(other);
    }

    /// maya asks for a rollback of this number, and sam approves it.
    async fn runs(&self, id: u64) {
        let slack = &self.world.slack;
        let asked = "/rollback frontend because checkout 500s";
        let asked = slack.says("U0MAYA", CHANNEL, asked).await;
        assert!(asked.is_ok(), "{asked:?}");
        let card = format!("· RB-{id} ·");
        let shows = slack.shows(CHANNEL, &card, PATIENCE).await;
        shows.unwrap();
        let clicked = slack.clicks("U0SAM", "Approve").await.unwrap();
        assert!(clicked.is_ok(), "{clicked:?}");
    }

    async fn becomes(&self, id: u64, is_so: impl Fn(&Rollback) -> bool) -> Rollback {
        let came = async || {
            self.record
                .rollback(id)
                .await
                .is_some_and(|found| is_so(&found))
        };
        let so = until(PATIENCE, came).await;
        let found = self.record.rollback(id).await.unwrap();
        assert!(so, "RB-{id} is {:?}", found.state);
        found
    }

    /// The one that stood still goes on, and finds out that it has lost what it was doing.
    async fn wakes(&self) {
        self.still.signal(Signal::CONT);
        let fenced = async || {
            let log = self.still.log();
            let words = ["fenced", "lost the lease", "the lease on this job was lost"];
            words.iter().any(|words| log.contains(words))
        };
        assert!(until(PATIENCE, fenced).await, "it noticed nothing");
    }

    /// Nothing is left to do, and the card shows how a rollback ended.
    async fn rests(&self, id: u64, word: &str) {
        self.becomes(id, |found| found.state.is_ended() && found.word() == word)
            .await;
        let nothing_left = async || self.record.left().await.is_empty();
        let rests = until(A_LEASE, nothing_left).await;
        assert!(rests, "left over: {:?}", self.record.left().await);
        let rollback = self.record.rollback(id).await.unwrap();
        let card = messages::get(self.record.db(), &format!("RB-{id}:card"))
            .await
            .unwrap();
        assert_eq!(card.revision, rollback.revision);
        let shown = self.world.slack.channel(CHANNEL);
        assert!(shown.contains(&format!("RB-{id} {word}")), "{shown}");
        assert_eq!(self.posted(&format!("RB-{id}:card")), 1);
        assert_eq!(self.posted(&format!("RB-{id}:outcome")), 1);
        assert_eq!(self.world.violations(), Vec::<String>::new());
    }

    fn posted(&self, key: &str) -> usize {
        let messages = self.world.slack.messages(CHANNEL);
        let keys = messages
            .iter()
            .filter_map(|message| message.metadata.as_ref()?["event_payload"]["key"].as_str());
        keys.filter(|posted| posted.starts_with(key)).count()
    }

    async fn told(&self, text: &str) -> usize {
        let entries = self.record.timeline().await;
        let tells = |text: &str, entry: &rollback_domain::incident::Entry| {
            entry.event.text().contains(text)
        };
        entries.iter().filter(|entry| tells(text, entry)).count()
    }

    /// What the card of RB-1 has said, one heading after the other.
    fn card(&self) -> Vec<String> {
        let messages = self.world.slack.messages(CHANNEL);
        let card = messages.iter().find(|message| {
            let key = message
                .metadata
                .as_ref()
                .map(|it| &it["event_payload"]["key"]);
            key.is_some_and(|key| key == "RB-1:card")
        });
        let said = card.unwrap().revisions.iter();
        said.map(|revision| revision.text.lines().next().unwrap_or_default().to_owned())
            .collect()
    }

    async fn ends(mut self) {
        let _ = self.still.kill().await;
        if let Some(mut other) = self.other.take() {
            other.kill().await;
        }
    }
}

fn lease_of(seconds: &str) -> Vec<(String, String)> {
    vec![("ROLLBACK_BOT_LEASE_SECONDS".to_owned(), seconds.to_owned())]
}

fn is_unknown(rollback: &Rollback) -> bool {
    matches!(rollback.state, rollback::State::Unknown { .. })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_stood_still_does_no_harm() {
    let Some(server) = Server::starts("replicas that stand still").await else {
        return;
    };
    let began = Instant::now();
    let server = Arc::new(server);
    let mut bad = 0;
    let here = async {
        let mut scenes = JoinSet::new();
        scenes.spawn_local(stood_still_before_asking_and_everybody_went_on(
            server.clone(),
        ));
        scenes.spawn_local(stood_still_before_asking_for_a_moment(server.clone()));
        scenes.spawn_local(stood_still_in_the_last_moment_and_the_answer_is_waited_for(
            server.clone(),
        ));
        scenes.spawn_local(stood_still_in_the_last_moment_and_it_was_given_up(
            server.clone(),
        ));
        scenes.spawn_local(stood_still_with_the_answer(server.clone()));
        scenes.spawn_local(stood_still_before_an_edit(server.clone()));
        scenes.spawn_local(stood_still_in_the_last_moment_before_an_edit(
            server.clone(),
        ));
        scenes.spawn_local(stood_still_in_a_transaction(server.clone()));
        while let Some(played) = scenes.join_next().await {
            bad += usize::from(played.is_err());
        }
    };
    LocalSet::new().run_until(here).await;
    println!("standing still: {:.0?}", began.elapsed());
    assert_eq!(bad, 0);
}

/// It wakes up when another rollback has done what it was about to do.
async fn stood_still_before_asking_and_everybody_went_on(server: Arc<Server>) {
    let mut scene = Scene::stands_still(&server, "asking-stored", SHORT).await;
    scene.another_comes().await;
    let failed = scene.becomes(1, |found| found.state.is_ended()).await;
    assert_eq!(failed.word(), "FAILED");
    assert_eq!(scene.world.vercel.rollbacks_asked(), 0);
    scene.runs(2).await;
    scene.rests(2, "VERIFIED").await;
    scene.wakes().await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(scene.world.vercel.rollbacks_asked(), 1);
    scene.rests(1, "FAILED").await;
    scene.rests(2, "VERIFIED").await;
    scene.ends().await;
}

/// Nobody has taken over: what it read is old all the same.
async fn stood_still_before_asking_for_a_moment(server: Arc<Server>) {
    let scene = Scene::stands_still(&server, "asking-stored", "30").await;
    sleep(Duration::from_secs(7)).await;
    assert_eq!(scene.world.vercel.rollbacks_asked(), 0);
    scene.still.signal(Signal::CONT);
    scene.rests(1, "VERIFIED").await;
    assert_eq!(scene.world.vercel.rollbacks_asked(), 1);
    assert_eq!(scene.told("was not asked: the bot stood still").await, 1);
    scene.ends().await;
}

/// Between the last check and the request there is a moment that nobody can check.
async fn stood_still_in_the_last_moment_and_the_answer_is_waited_for(server: Arc<Server>) {
    let mut scene = Scene::stands_still(&server, "asking-now", SHORT).await;
    scene.another_comes().await;
    scene.becomes(1, is_unknown).await;
    scene.wakes().await;
    scene.rests(1, "VERIFIED").await;
    assert_eq!(scene.world.vercel.rollbacks_asked(), 1);
    assert_eq!(
        scene.told("answered after its answer was given up").await,
        1
    );
    scene.ends().await;
}

async fn stood_still_in_the_last_moment_and_it_was_given_up(server: Arc<Server>) {
    let mut scene = Scene::stands_still(&server, "asking-now", SHORT).await;
    scene.another_comes().await;
    scene.rests(1, "FAILED").await;
    assert_eq!(scene.world.vercel.rollbacks_asked(), 0);
    scene.wakes().await;
    let loud = "Correction: RB-1 was reported as FAILED, but Vercel accepted it after all";
    scene
        .world
        .slack
        .shows(CHANNEL, loud, PATIENCE)
        .await
        .unwrap();
    assert_eq!(
        scene.told("answered after its answer was given up").await,
        1
    );
    assert_eq!(scene.world.vercel.rollbacks_asked(), 1);
    scene.rests(1, "FAILED").await;
    scene.ends().await;
}

async fn stood_still_with_the_answer(server: Arc<Server>) {
    let mut scene = Scene::stands_still(&server, "asked", SHORT).await;
    scene.another_comes().await;
    scene.rests(1, "VERIFIED").await;
    let before = scene.card();
    scene.wakes().await;
    assert!(
        until(PATIENCE, async || scene
            .told("answered after its answer was given up")
            .await
            == 1)
        .await
    );
    scene.rests(1, "VERIFIED").await;
    assert_eq!(scene.card(), before);
    assert_eq!(scene.world.vercel.rollbacks_asked(), 1);
    // It turned out well: that the answer came late is for the record alone.
    assert!(!scene.world.slack.channel(CHANNEL).contains("after all"));
    scene.ends().await;
}

/// What it was about to say is old: it does not say it.
async fn stood_still_before_an_edit(server: Arc<Server>) {
    let mut scene = Scene::stands_still(&server, "card-unedited", SHORT).await;
    scene.another_comes().await;
    scene.rests(1, "VERIFIED").await;
    let before = scene.card();
    scene.wakes().await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(scene.card(), before);
    scene.rests(1, "VERIFIED").await;
    scene.ends().await;
}

/// It says what is old, finds out, and the card is brought right again.
async fn stood_still_in_the_last_moment_before_an_edit(server: Arc<Server>) {
    let mut scene = Scene::stands_still(&server, "card-editing", SHORT).await;
    scene.another_comes().await;
    scene.rests(1, "VERIFIED").await;
    let before = scene.card();
    scene.wakes().await;
    let right_again = async || {
        let said = scene.card();
        said.len() == before.len() + 2 && said.last() == before.last()
    };
    let came = until(A_LEASE, right_again).await;
    assert!(came, "{before:?} became {:?}", scene.card());
    scene.rests(1, "VERIFIED").await;
    scene.ends().await;
}

/// It has locks, which nobody else may have to wait for.
async fn stood_still_in_a_transaction(server: Arc<Server>) {
    // The second decision is that sam's click counts.
    let mut scene = Scene::stands_still(&server, "decision-uncommitted:2", SHORT).await;
    scene.another_comes().await;
    scene.rests(1, "VERIFIED").await;
    scene.wakes().await;
    scene.rests(1, "VERIFIED").await;
    assert_eq!(scene.told("approved plan").await, 1);
    assert_eq!(scene.world.vercel.rollbacks_asked(), 1);
    scene.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_replica_had_is_taken_over() {
    let Some(server) = Server::starts("a replica that dies").await else {
        return;
    };
    // With the real lease.
    let world = World::at(On::Postgres, Some(server.url()), SERVICES).await;
    let mut dies = world.spawns(&Start {
        crash_at: Some("rechecked".into()),
        ..Start::default()
    });
    assert!(dies.ready(STARTS_WITHIN).await, "{}", dies.log());
    let lives = world.starts().await;
    // So that it is not the one that gets there.
    lives.signal(Signal::STOP);
    lives.set_aside();
    let record = world.record().await;
    let scene = Scene {
        world,
        record,
        still: lives,
        other: None,
    };
    scene.runs(1).await;
    assert!(dies.ended(PATIENCE).await.is_some());
    let died = Instant::now();
    scene.still.signal(Signal::CONT);
    scene
        .becomes(1, |found| found.times.serving.is_some())
        .await;
    let took = died.elapsed();
    println!("taken over and serving {took:.1?} after a replica died");
    assert!(took < A_LEASE, "{took:?}");
    scene.rests(1, "VERIFIED").await;
    assert_eq!(scene.world.vercel.rollbacks_asked(), 1);
    scene.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_reaches_two_replicas_at_once_has_one_effect() {
    let Some(server) = Server::starts("two replicas at once").await else {
        return;
    };
    let world = World::at(On::Postgres, Some(server.url()), SERVICES).await;
    let (one, two) = (world.starts().await, world.starts().await);
    let double = Double::of(world.bases()).await;
    world.slack.connect(&double.base);
    let record = world.record().await;
    let scene = Scene {
        world,
        record,
        still: one,
        other: Some(two),
    };
    let slack = &scene.world.slack;
    for n in 0..20 {
        let note = format!("/rollback note looked at disk {n}");
        assert!(slack.says("U0MAYA", CHANNEL, &note).await.is_ok());
    }
    let mention = "@rollback note the cache was emptied";
    assert!(slack.says("U0SAM", CHANNEL, mention).await.is_ok());
    scene.runs(1).await;
    scene.rests(1, "VERIFIED").await;
    for n in 0..20 {
        // Each is there once, and no text begins another.
        let (note, entries) = (format!("looked at disk {n}"), scene.record.timeline().await);
        let times = entries.iter().filter(|entry| entry.event.text() == note);
        assert_eq!(times.count(), 1, "{note}");
    }
    assert_eq!(scene.told("the cache was emptied").await, 1);
    assert_eq!(scene.told("approved").await, 1);
    assert!(scene.record.rollback(2).await.is_none());
    assert_eq!(scene.world.vercel.rollbacks_asked(), 1);
    assert_eq!(scene.record.rollback(1).await.unwrap().approvals.len(), 1);
    let echoes = slack
        .channel(CHANNEL)
        .matches("the cache was emptied")
        .count();
    println!(
        "{} requests, each to two replicas at once; {echoes} echoes",
        double.answers().len()
    );
    for answers in double.answers() {
        assert!(
            answers.iter().all(|(status, _)| status.is_success()),
            "{answers:?}"
        );
        // Both say the same.
        assert_eq!(answers[0].1, answers[1].1);
    }
    scene.ends().await;
}

/// Hands every request to all replicas in the same moment, as a load balancer does that tries
/// again too early, and gives back the first one's answer.
struct Double {
    base: String,
    inside: Arc<Inside>,
}

type Answers = Vec<(StatusCode, Bytes)>;

struct Inside {
    http: reqwest::Client,
    bots: Vec<String>,
    answers: Mutex<Vec<Answers>>,
}

impl Double {
    async fn of(bots: Vec<String>) -> Double {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let inside = Arc::new(Inside {
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            bots,
            answers: Mutex::default(),
        });
        let base = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().fallback(to_all).with_state(inside.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Double { base, inside }
    }

    fn answers(&self) -> Vec<Answers> {
        self.inside.answers.lock().unwrap().clone()
    }
}

async fn to_all(
    State(inside): State<Arc<Inside>>,
    request: Request<axum::body::Body>,
) -> (StatusCode, Bytes) {
    let (mut parts, body) = request.into_parts();
    parts.headers.remove("host");
    parts.headers.remove("content-length");
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let sending: Vec<_> = inside
        .bots
        .iter()
        .map(|bot| {
            let request = inside
                .http
                .request(parts.method.clone(), format!("{bot}{}", parts.uri))
                .headers(parts.headers.clone())
                .body(body.clone());
            tokio::spawn(async move {
                let answer = request.send().await.unwrap();
                (answer.status(), answer.bytes().await.unwrap())
            })
        })
        .collect();
    let mut answers = vec![];
    for sent in sending {
        answers.push(sent.await.unwrap());
    }
    let first = answers[0].clone();
    inside.answers.lock().unwrap().push(answers);
    first
}
