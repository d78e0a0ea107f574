//! The contract that every provider in the registry keeps, against a fake of its platform.
//!
//! A provider is added to it by writing a [`Rig`] and naming it in [`RIGS`]; one that is in the
//! registry and not here fails every test. What makes no sense for a platform its rig says itself,
//! and `cargo test --test contracts -- --nocapture` shows.

#![expect(clippy::unwrap_used, reason = "a contract that cannot go on is broken")]

mod rig;
mod rigs;

#[path = "../support/api.rs"]
#[expect(dead_code, reason = "the stories use the rest")]
mod api;
#[path = "../support/argocd.rs"]
#[expect(dead_code, reason = "the stories use the rest")]
mod argocd;
#[path = "../support/docker.rs"]
#[expect(dead_code, reason = "the tests of the provider use the rest")]
mod docker;
#[path = "../support/github.rs"]
#[expect(dead_code, reason = "the stories use the rest")]
mod github;
#[path = "../support/kubernetes.rs"]
#[expect(dead_code, reason = "the stories use the rest")]
mod kubernetes;
#[path = "../support/railway.rs"]
#[expect(dead_code, reason = "the stories use the rest")]
mod railway;
#[path = "../support/render.rs"]
#[expect(dead_code, reason = "the stories use the rest")]
mod render;
#[path = "../scripted/mod.rs"]
#[expect(dead_code, reason = "the stories use the rest")]
mod scripted;
#[path = "../support/vercel.rs"]
mod vercel;

use rig::{Applies, Misbehaviour, Rig, Run, Start, connect, platform};
use rollback_domain::{
    platform::{About, Holds, Progress, ProviderError},
    release::{Pin, Way},
};
use rollback_providers::{
    ALL,
    registry::{self, Kind},
};
use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt};

/// A rig for every kind of provider, by its name in the registry; more where it has several ways.
const RIGS: [(&str, Start); 14] = [
    ("vercel", || Box::pin(rigs::vercel::start())),
    ("releases", || Box::pin(rigs::releases::start())),
    ("render", || Box::pin(rigs::render::start())),
    ("railway", || Box::pin(rigs::railway::start())),
    ("docker", || Box::pin(rigs::docker::start())),
    ("kubernetes", || Box::pin(rigs::kubernetes::deployment())),
    ("kubernetes", || Box::pin(rigs::kubernetes::rollout())),
    ("argocd", || Box::pin(rigs::argocd::start())),
    ("github", || Box::pin(rigs::github::dispatched())),
    ("github", || Box::pin(rigs::github::tagged())),
    ("github", || Box::pin(rigs::github::reverted())),
    ("command", || Box::pin(rigs::command::start())),
    ("http", || Box::pin(rigs::http::start())),
    ("five_steps", || Box::pin(rigs::five_steps::start())),
];

/// What is held to the contract: a kind of provider, and what starts a fake platform for it.
struct Subject {
    kind: &'static Kind,
    start: Start,
}

/// A kind of provider with each of its fake platforms; there has to be one.
fn subjects(kind: &'static Kind) -> Vec<Subject> {
    let rigs = RIGS.iter().filter(|(name, _)| *name == kind.name);
    let subjects: Vec<Subject> = rigs
        .map(|(_, start)| Subject {
            kind,
            start: *start,
        })
        .collect();
    assert!(!subjects.is_empty(), "{} has no rig in RIGS", kind.name);
    subjects
}

/// Holds every provider in the registry to one point of the contract.
async fn each(point: &str, holds: impl AsyncFn(&Subject, &dyn Rig) -> Applies) {
    hold(point, ALL, holds).await;
}

/// The same, where plans of several steps are another matter: one of the tests' own has some.
async fn each_step(point: &str, holds: impl AsyncFn(&Subject, &dyn Rig) -> Applies) {
    static FIVE_STEPS: Kind = scripted::provider::STEPS;
    registry::add(&[&FIVE_STEPS]);
    let kinds: Vec<&'static Kind> = ALL.iter().copied().chain([&FIVE_STEPS]).collect();
    hold(point, &kinds, holds).await;
}

async fn hold(
    point: &str,
    kinds: &[&'static Kind],
    holds: impl AsyncFn(&Subject, &dyn Rig) -> Applies,
) {
    for subject in kinds.iter().flat_map(|kind| subjects(kind)) {
        let rig = (subject.start)().await;
        let name = subject.kind.name;
        let outcome = match holds(&subject, &*rig).await {
            Applies::Yes => "holds".to_owned(),
            Applies::No(why) => {
                assert!(!why.is_empty(), "{name}: say why not");
                format!("does not apply: {why}")
            }
        };
        println!("{point:40} {name:12} {outcome}");
    }
}

/// Looks, and sees that the platform has done nothing yet.
async fn nothing_was_done(run: &Run<'_>) {
    match run.look().await.unwrap() {
        Progress::NotAsked { .. } => {}
        Progress::StepReady { next, .. } if next.number == 0 => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn reading_changes_nothing_and_agrees_with_the_registry() {
    each_step(
        "reading changes nothing",
        async |Subject { kind, .. }, rig| {
            let provider = connect(rig);
            let live = rig.live();
            let effects = provider.effects(Way::Back);
            assert_eq!(effects.class, kind.class, "{}", kind.name);
            assert!(!effects.platform.is_empty());
            assert!(provider.check().await.is_ok());
            let survey = provider.survey(&About::default()).await.unwrap();
            assert_eq!(survey.live().unwrap().label(), live);
            let run = Run::planned(rig).await;
            nothing_was_done(&run).await;
            assert_eq!((rig.asked(), rig.live()), (0, live));
            Applies::Yes
        },
    )
    .await;
}

#[tokio::test]
async fn each_step_is_asked_for_once_and_ends_where_it_was_to_end() {
    each_step("asked once", async |_, rig| {
        let mut run = Run::planned(rig).await;
        while run.ask_and_store().await {}
        let progress = run.finish().await;
        let Progress::Serving { surfaces, .. } = progress else {
            panic!("{progress:?}")
        };
        assert!(run.is_everywhere(&surfaces), "{surfaces:?}");
        assert_eq!(rig.live(), rig.earlier());
        assert_eq!(rig.asked(), run.steps());
        Applies::Yes
    })
    .await;
}

#[tokio::test]
async fn too_many_requests_are_busy_and_nothing_was_done() {
    each("429 is busy", async |_, rig| {
        let run = Run::planned(rig).await;
        let live = rig.live();
        let applies = rig.misbehave(Misbehaviour::TooManyRequests);
        if applies != Applies::Yes {
            return applies;
        }
        match run.ask().await {
            Err(ProviderError::Busy { retry_after, .. }) => assert_eq!(retry_after, rig.busy_for()),
            other => panic!("{other:?}"),
        }
        assert_eq!((rig.asked(), rig.live()), (1, live));
        nothing_was_done(&run).await;
        Applies::Yes
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_was_cut_is_no_answer_and_nothing_is_asked_again() {
    each("a cut answer is unanswered", async |_, rig| {
        let mut run = Run::planned(rig).await;
        let applies = rig.misbehave(Misbehaviour::DoneAndCut);
        if applies != Applies::Yes {
            return applies;
        }
        let answer = run.ask().await;
        assert!(
            matches!(answer, Err(ProviderError::Unanswered(_))),
            "{answer:?}"
        );
        assert_eq!(rig.asked(), 1, "nothing repeats it underneath");
        let progress = run.finish().await;
        assert!(matches!(progress, Progress::Serving { .. }), "{progress:?}");
        assert_eq!(rig.live(), rig.earlier());
        Applies::Yes
    })
    .await;
    each("a cut request was not asked for", async |_, rig| {
        let run = Run::planned(rig).await;
        let live = rig.live();
        let applies = rig.misbehave(Misbehaviour::CutAndNotDone);
        if applies != Applies::Yes {
            return applies;
        }
        let answer = run.ask().await;
        assert!(
            matches!(answer, Err(ProviderError::Unanswered(_))),
            "{answer:?}"
        );
        nothing_was_done(&run).await;
        assert_eq!((rig.asked(), rig.live()), (1, live));
        Applies::Yes
    })
    .await;
}

/// The process dies after the platform has taken a step and before that is stored: whoever looks
/// next has only the record, and must see that something was done.
#[tokio::test]
async fn what_was_done_is_seen_after_a_crash_at_every_step() {
    each_step(
        "read back after a crash",
        async |Subject { kind, start }, rig| {
            let steps = Run::planned(rig).await.steps();
            for lost in 0..steps {
                let rig = start().await;
                let mut run = Run::planned(&*rig).await;
                for _ in 0..lost {
                    let goes_on = run.ask_and_store().await || run.becomes_ready().await;
                    assert!(goes_on, "{} has {steps} steps", kind.name);
                }
                run.ask().await.unwrap();
                let seen = run.look().await.unwrap();
                assert!(
                    matches!(
                        seen,
                        Progress::Serving { .. }
                            | Progress::StepReady { .. }
                            | Progress::PeopleNeeded { .. }
                            | Progress::Partial { .. }
                    ),
                    "after step {lost}: {seen:?}"
                );
                run.finish().await;
                assert_eq!(rig.live(), rig.earlier(), "after step {lost}");
                assert_eq!(
                    rig.asked(),
                    steps,
                    "after step {lost}, each was asked for once"
                );
            }
            Applies::Yes
        },
    )
    .await;
}

#[tokio::test]
async fn a_state_that_nobody_knows_is_looked_at_again() {
    each("unknown states keep polling", async |_, rig| {
        let mut run = Run::planned(rig).await;
        run.ask_and_store().await;
        let applies = rig.misbehave(Misbehaviour::UnknownState);
        if applies != Applies::Yes {
            return applies;
        }
        let progress = run.look().await.unwrap();
        assert!(
            matches!(
                progress,
                Progress::Serving { .. } | Progress::StepReady { .. }
            ),
            "{progress:?}"
        );
        assert!(connect(rig).survey(&About::default()).await.is_ok());
        rig.behave();
        let progress = run.finish().await;
        assert!(matches!(progress, Progress::Serving { .. }), "{progress:?}");
        Applies::Yes
    })
    .await;
}

/// Whoever reads nonsense is busy or refused, and never wiser than before.
async fn reads_fail(rig: &dyn Rig, run: &Run<'_>) {
    let provider = connect(rig);
    let errors = [
        provider.survey(&About::default()).await.err(),
        run.look().await.err(),
        provider.check().await.err(),
    ];
    for error in errors {
        match error {
            Some(ProviderError::Busy { why, .. } | ProviderError::Refused(why)) => {
                assert!(why.len() < 1_000, "{why}");
                assert!(!why.contains('<'), "{why}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_page_for_people_is_no_answer() {
    each("HTML does no harm", async |_, rig| {
        let run = Run::planned(rig).await;
        let live = rig.live();
        let applies = rig.misbehave(Misbehaviour::Html);
        if applies != Applies::Yes {
            return applies;
        }
        reads_fail(rig, &run).await;
        // It may sound like a yes. What is read afterwards counts. Who reads before it asks has
        // asked for nothing.
        let answer = run.ask().await;
        let nothing_asked = matches!(answer, Err(ProviderError::Busy { .. })) && rig.asked() == 0;
        assert!(
            nothing_asked || matches!(answer, Ok(_) | Err(ProviderError::Unanswered(_))),
            "{answer:?}"
        );
        rig.behave();
        nothing_was_done(&run).await;
        assert_eq!(rig.live(), live);
        Applies::Yes
    })
    .await;
}

#[tokio::test]
async fn an_answer_without_an_end_fills_no_memory() {
    each("100 MB do no harm", async |_, rig| {
        let run = Run::planned(rig).await;
        let live = rig.live();
        let applies = rig.misbehave(Misbehaviour::Endless);
        if applies != Applies::Yes {
            return applies;
        }
        reads_fail(rig, &run).await;
        let answer = run.ask().await;
        let nothing_asked = matches!(answer, Err(ProviderError::Busy { .. })) && rig.asked() == 0;
        assert!(
            nothing_asked
                || matches!(
                    answer,
                    Err(ProviderError::Refused(_) | ProviderError::Unanswered(_))
                ),
            "{answer:?}"
        );
        // What lies in the system's own buffers counts as taken, too.
        let taken = rig.largest_answer_taken();
        assert!(taken < 40 << 20, "{taken} bytes of an answer were taken");
        rig.behave();
        nothing_was_done(&run).await;
        assert_eq!(rig.live(), live);
        Applies::Yes
    })
    .await;
}

#[tokio::test]
async fn deploys_are_held_off_as_its_effects_say() {
    each_step("pins as it says", async |_, rig| {
        let provider = connect(rig);
        let pin = async || provider.survey(&About::default()).await.unwrap().pin;
        let before = provider.survey(&About::default()).await.unwrap().before_pin;
        let holds = provider.effects(Way::Back).holds;
        if holds == Holds::OnRequest {
            provider.pin().await.unwrap();
            assert_eq!(pin().await, Pin::On);
        } else {
            let refused = provider.pin().await;
            assert!(
                matches!(refused, Err(ProviderError::Refused(_))),
                "{refused:?}"
            );
        }
        let mut run = Run::planned(rig).await;
        while run.ask_and_store().await {}
        run.finish().await;
        match holds {
            Holds::ByItself | Holds::OnRequest => {
                assert_eq!(pin().await, Pin::On);
                rig.reverts();
                provider.unpin(&before).await.unwrap();
                assert_eq!(pin().await, Pin::Off);
                assert!(
                    provider.unpin(&before).await.is_ok(),
                    "it is safe to repeat"
                );
            }
            Holds::Not => {
                let refused = provider.unpin(&before).await;
                assert!(
                    matches!(refused, Err(ProviderError::Refused(_))),
                    "{refused:?}"
                );
            }
        }
        assert_eq!(rig.live(), rig.earlier(), "a pin moves nothing that serves");
        Applies::Yes
    })
    .await;
}

#[tokio::test]
async fn the_check_names_what_is_wrong() {
    each(
        "check names what is wrong",
        async |Subject { kind, .. }, rig| {
            let http = rollback_bot::http_client().unwrap();
            let mistakes = rig.mistakes();
            assert!(mistakes.len() > 1, "{}: too little can be wrong", kind.name);
            for (settings, named) in mistakes {
                match platform(rig, &settings).connect(&http).check().await {
                    Err(ProviderError::Refused(why)) => {
                        assert!(why.contains(named), "{named:?} is not in: {why}");
                        assert!(why.ends_with('.'), "{why}");
                    }
                    other => panic!("{settings}: {other:?}"),
                }
            }
            Applies::Yes
        },
    )
    .await;
}

/// Everything that is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_is_shown_logged_or_remembered() {
    let log = Log::default();
    let lines = log.clone();
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(move || lines.clone());
    let levels = "debug,rollback_http=trace,rollback_providers=trace";
    let watching = tracing_subscriber::registry()
        .with(EnvFilter::new(levels))
        .with(layer);
    let _watching = tracing::subscriber::set_default(watching);
    tracing::debug!("the log is written");
    each("no secret", async |_, rig| {
        let mut shown = vec![];
        let service = platform(rig, &rig.settings());
        shown.push(format!("{service:?}{service:#?}{}", service.identity()));
        let provider = connect(rig);
        shown.push(format!("{:?}", provider.check().await));
        shown.push(format!("{:?}", provider.survey(&About::default()).await));
        for how in [
            Misbehaviour::Html,
            Misbehaviour::Endless,
            Misbehaviour::TooManyRequests,
            Misbehaviour::CutAndNotDone,
        ] {
            let run = Run::planned(rig).await;
            if rig.misbehave(how) == Applies::Yes {
                shown.push(format!("{:?}{:?}", run.ask().await, run.look().await));
                shown.push(format!("{:?}", provider.check().await));
            }
            rig.behave();
        }
        let mut run = Run::planned(rig).await;
        while run.ask_and_store().await {}
        shown.push(format!("{:?}", run.finish().await));
        shown.push(run.record().to_owned());
        shown.push(format!(
            "{:?}",
            provider.unpin(&serde_json::Value::Null).await
        ));
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(log.contains("the log is written"));
        shown.push(log);
        for (name, secret) in rig.secrets() {
            for text in &shown {
                assert!(!text.contains(secret), "{name} is in: {text}");
            }
        }
        Applies::Yes
    })
    .await;
}
