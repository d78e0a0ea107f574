//! Services that say everything themselves, in the shape that `command` reads without being told
//! where what stands.

use crate::run::{Programs, Run, TOKEN, connect, live, survey};
use rollback_domain::{
    platform::{Progress, ProviderError},
    release::Way,
    risk::Risk,
};

/// A service of one script, which knows releases v1 to v3; `more` are further settings.
fn service(programs: &Programs, script: &str, more: &str) -> String {
    let tool = programs.add("tool", script);
    format!(
        "provider = \"command\"\nplatform = \"Tool\"\nrestores = [\"code\"]\nleaves = [\"data\"]\n\
         list = [{tool:?}, \"list\"]\nlive = [{tool:?}, \"live\"]\n\
         roll_back = [{tool:?}, \"go\", \"{{id}}\", \"{{because}}\"]\n{more}\n"
    )
}

const LINES: &str = "case \"$1\" in list) printf 'v3\\nv2\\nv1\\n' ;; live) cat live ;; \
                     go) echo \"$3\" > why; echo \"$2\" > live ;; esac";

#[tokio::test]
async fn lines_are_enough() {
    let programs = Programs::new();
    programs.write("live", "v3");
    let provider = connect(&service(&programs, LINES, ""));
    assert_eq!(
        provider.check().await.unwrap(),
        "3 releases are listed, v3 serves"
    );
    let mut run = Run::to(&*provider, "v2").await;
    let receipt = run.ask().await.unwrap();
    assert!(
        receipt.said.ends_with("ended with exit 0"),
        "{}",
        receipt.said
    );
    run.finish().await;
    assert_eq!(live(&*provider).await, "v2");
    // A reason is one argument, whatever is in it.
    assert_eq!(programs.read("why"), "checkout \"500s\"; rm -rf /\n");
}

#[tokio::test]
async fn what_the_configuration_says_is_what_people_are_told() {
    let programs = Programs::new();
    programs.write("live", "v3");
    let more = "class = \"caution\"\nundoable = false\nafter = \"the next deploy replaces it\"\n\
                outage = \"the shop is closed\"\nserve_within = \"40m\"\ntrace_within = \"5m\"";
    let provider = connect(&service(&programs, LINES, more));
    let effects = provider.effects(Way::Back);
    assert_eq!(effects.class, Risk::Caution);
    assert_eq!(effects.outage.as_deref(), Some("the shop is closed"));
    assert!(!effects.undoable);
    assert_eq!(effects.timing.serve_within.as_secs(), 40 * 60);
    assert_eq!(effects.timing.trace_within.as_secs(), 5 * 60);
}

#[tokio::test]
async fn only_exit_0_is_accepted_and_only_listed_codes_are_certain() {
    let more = "refused = [64]\nbusy = [75]";
    for (end, what) in [
        ("exit 0", "accepted"),
        ("exit 64", "refused"),
        ("exit 75", "busy"),
        ("exit 1", "unanswered"),
        ("exit 77", "unanswered"),
        ("kill -9 $$", "unanswered"),
    ] {
        let programs = Programs::new();
        programs.write("live", "v3");
        let script = format!(
            "case \"$1\" in list) printf 'v3\\nv2\\n' ;; live) cat live ;; \
             go) echo no space left >&2; {end} ;; esac"
        );
        let provider = connect(&service(&programs, &script, more));
        let mut run = Run::to(&*provider, "v2").await;
        let answer = run.ask().await;
        let seen = match &answer {
            Ok(_) => "accepted",
            Err(ProviderError::Refused(_)) => "refused",
            Err(ProviderError::Busy { .. }) => "busy",
            Err(ProviderError::Unanswered(_)) => "unanswered",
        };
        assert_eq!(seen, what, "{end}: {answer:?}");
        if let Err(error) = answer {
            assert!(error.to_string().contains("no space left"), "{error}");
            assert!(matches!(run.look().await, Progress::NotAsked { .. }));
        } else {
            // Exit 0 is no proof: what serves is another matter.
            assert!(matches!(run.look().await, Progress::Serving { .. }));
        }
    }
}

#[tokio::test]
async fn at_the_time_limit_everything_that_was_started_is_killed() {
    let programs = Programs::new();
    programs.write("live", "v3");
    let script = "case \"$1\" in list) printf 'v3\\nv2\\n' ;; live) cat live ;; \
                  go) (sleep 3; echo late > late) & sleep 60 ;; esac";
    let provider = connect(&service(&programs, script, "roll_back_within = \"1s\""));
    let mut run = Run::to(&*provider, "v2").await;
    let Err(ProviderError::Unanswered(why)) = run.ask().await else {
        panic!("it has no end");
    };
    assert!(why.contains("no end after 1 s, killed"), "{why}");
    // What it started would have written by now.
    let late = programs.path("late");
    let gone = tokio::task::spawn_blocking(move || {
        let until = std::time::Instant::now() + std::time::Duration::from_secs(3);
        while std::time::Instant::now() < until && !late.exists() {
            std::thread::yield_now();
        }
        !late.exists()
    });
    assert!(gone.await.unwrap(), "a child lived on");
}

#[tokio::test]
async fn the_environment_has_what_is_named_and_secrets_are_shown_nowhere() {
    let programs = Programs::new();
    programs.write("live", "v3");
    let script = "case \"$1\" in list) env | sort > environment; \
                  echo \"{\\\"id\\\": \\\"v3\\\", \\\"message\\\": \\\"by $DEPLOY_TOKEN\\\"}\"; \
                  echo '{\"id\": \"v2\"}' ;; live) cat live ;; \
                  go) echo \"bad token $DEPLOY_TOKEN\" >&2; exit 1 ;; esac";
    let more = "environment = [\"CARGO_MANIFEST_DIR\"]\nsecrets = { DEPLOY_TOKEN = \"env:TOKEN\" }";
    let provider = connect(&service(&programs, script, more));
    let survey = survey(&*provider).await;
    assert_eq!(
        survey.candidates[0].release.message.as_deref(),
        Some("by …")
    );
    let environment = programs.read("environment");
    assert!(
        environment.contains(&format!("DEPLOY_TOKEN={TOKEN}\n")),
        "{environment}"
    );
    assert!(environment.contains("CARGO_MANIFEST_DIR="), "{environment}");
    assert!(!environment.contains("CARGO_PKG_NAME="), "{environment}");
    let mut run = Run::to(&*provider, "v2").await;
    let why = run.ask().await.unwrap_err().to_string();
    assert!(why.contains("bad token …") && !why.contains(TOKEN), "{why}");
}

#[tokio::test]
async fn the_check_names_a_program_that_is_missing() {
    let programs = Programs::new();
    programs.write("live", "v3");
    let wrong = |with: &str| service(&programs, LINES, with);
    for (more, named) in [
        (
            "check = [\"tool-of-nobody\"]",
            "tool-of-nobody is not in any directory of PATH",
        ),
        ("check = [\"/nowhere/tool\"]", "/nowhere/tool is not there"),
        ("check = [\"false\"]", "exit 1"),
    ] {
        let why = connect(&wrong(more)).check().await.unwrap_err().to_string();
        assert!(why.contains(named) && why.ends_with('.'), "{why}");
    }
    assert!(connect(&wrong("check = [\"true\"]")).check().await.is_ok());
}

#[tokio::test]
async fn an_id_that_looks_like_an_option_is_not_handed_over() {
    let programs = Programs::new();
    programs.write("live", "v3");
    let script = "case \"$1\" in list) printf 'v3\\n--force\\n' ;; live) cat live ;; \
                  go) echo \"$2\" > live ;; esac";
    let provider = connect(&service(&programs, script, ""));
    let mut run = Run::to(&*provider, "--force").await;
    let why = run.ask().await.unwrap_err();
    assert!(
        matches!(&why, ProviderError::Refused(why) if why.contains("read as an option")),
        "{why}"
    );
    assert_eq!(live(&*provider).await, "v3");
}

#[tokio::test]
async fn production_that_was_moved_elsewhere_is_told() {
    let programs = Programs::new();
    programs.write("live", "v3");
    let provider = connect(&service(&programs, LINES, ""));
    let run = Run::to(&*provider, "v2").await;
    programs.write("live", "v1");
    let Progress::Failed { why, .. } = run.look().await else {
        panic!("somebody else moved it");
    };
    assert!(why.contains("moved elsewhere since: v1 serves"), "{why}");
}

#[tokio::test]
async fn a_state_that_means_failure_ends_it_and_others_are_looked_at_again() {
    let programs = Programs::new();
    programs.write("live", "v3");
    let script =
        "case \"$1\" in list) printf 'v3\\nv2\\n' ;; live) cat live ;; state) cat state ;; esac";
    let tool = programs.path("tool");
    let more = format!("observe = [{tool:?}, \"state\"]");
    let provider = connect(&service(&programs, script, &more));
    let mut run = Run::to(&*provider, "v2").await;
    run.ask().await.unwrap();
    programs.write(
        "state",
        "{\"progress\": \"dreaming\", \"message\": \"2 of 5\"}",
    );
    let Progress::Serving { said, .. } = run.look().await else {
        panic!("nobody knows this state");
    };
    assert_eq!(said, "dreaming: 2 of 5");
    programs.write(
        "state",
        "{\"progress\": \"failed\", \"message\": \"no memory\"}",
    );
    let Progress::Failed { why, production } = run.look().await else {
        panic!("it failed");
    };
    assert_eq!(why, "Tool says failed: no memory");
    assert_eq!(production, rollback_domain::platform::Production::AsBefore);
}
