//! GitHub: a workflow that is started by hand, by a tag, or by what people merge. Its repository
//! is a real one, kept by git.

use crate::{
    api::Answered,
    github_api::{GitHub, INSTALLATION_TOKEN, Meets, REPOSITORY, TOKEN, error},
    run::{self, Run, connect, live, survey},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use ring::signature::{KeyPair, RsaKeyPair};
use rollback_domain::{
    people::Person,
    platform::{About, Production, Progress, ProviderError, SignOff},
    release::{Pin, Way},
};
use rollback_providers::Provider;
use serde_json::json;
use std::sync::Arc;

const DISPATCH: &str = "mode = \"dispatch\"\nworkflow = \"deploy.yml\"";
const TAG: &str = "mode = \"tag\"\ntag = \"production\"\nworkflow = \"deploy.yml\"";
const REVERT: &str = "mode = \"revert\"\nworkflow = \"deploy.yml\"";

fn now() -> Timestamp {
    "2026-03-14T03:12:00Z".parse().unwrap()
}

/// One on which a third commit serves.
async fn github() -> GitHub {
    let github = GitHub::start(Arc::new(now)).await;
    github.push("cart", "1\n", "Add a cart");
    github.push("session", "2\n", "Fix the session");
    github.push("tax", "3\n", "New tax engine");
    github
}

fn section(github: &GitHub, mode: &str) -> String {
    format!(
        "provider = \"github\"\nrepository = \"{REPOSITORY}\"\ntoken = \"env:GITHUB_TOKEN\"\napi_url = \"{}\"\n{mode}",
        github.api_url()
    )
}

fn connected(github: &GitHub, mode: &str) -> Arc<dyn Provider> {
    connect(&section(github, mode))
}

/// The commit before the one that serves, as people call it.
async fn earlier(provider: &dyn Provider) -> String {
    survey(provider).await.candidates[1]
        .release
        .label()
        .to_owned()
}

/// What it was refused with.
fn refused(answer: Result<impl std::fmt::Debug, ProviderError>) -> String {
    match answer {
        Err(ProviderError::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_workflow_is_started_once_with_the_commit_and_the_rollback() {
    let github = github().await;
    let provider = connected(&github, DISPATCH);
    let before = survey(&*provider).await;
    let messages: Vec<&str> = before
        .candidates
        .iter()
        .filter_map(|candidate| candidate.release.message.as_deref())
        .collect();
    assert_eq!(
        messages,
        ["New tax engine", "Fix the session", "Add a cart"]
    );
    let target = earlier(&*provider).await;
    let mut run = Run::to(&*provider, &target).await;
    let receipt = run.ask().await.unwrap();
    assert_eq!(receipt.said, "run 9004 of deploy.yml is started");
    let (asked, ..) = github
        .answered()
        .into_iter()
        .find(|(asked, ..)| asked.method == "POST")
        .unwrap();
    assert_eq!(
        asked.path,
        "/repos/acme/api/actions/workflows/deploy.yml/dispatches"
    );
    assert_eq!(
        asked.body,
        json!({
            "ref": "main", "return_run_details": true,
            "inputs": {"version": run.order.plan.to.id, "rollback": "RB-41"},
        })
    );
    run.look_until_it_serves().await;
    assert_eq!((github.live(), github.changes_asked()), (target.clone(), 1));
    // The run was started on main, and what it deployed keeps its place in the list.
    assert_eq!(live(&*provider).await, target);
    assert_eq!(earlier(&*provider).await, target);
}

#[tokio::test]
async fn a_run_that_was_not_named_is_found_by_the_rollback() {
    let github = github().await;
    github.names_no_run();
    let provider = connected(&github, DISPATCH);
    let target = earlier(&*provider).await;
    let mut run = Run::to(&*provider, &target).await;
    assert_eq!(
        run.ask().await.unwrap().said,
        "deploy.yml is started, its run is not listed yet"
    );
    run.look_until_it_serves().await;
    assert_eq!(github.live(), target);
    // One whose name has nothing of it is nobody's: it is not known what became of the request.
    let github = crate::github::github().await;
    github.names_no_run();
    github.has_workflow("on: { workflow_dispatch: { inputs: { version: , rollback: } } }");
    let provider = connected(&github, DISPATCH);
    let mut run = Run::to(&*provider, &target).await;
    run.ask().await.unwrap();
    match run.look().await {
        Progress::Serving { said, .. } => assert_eq!(
            said,
            "run 9004 was started since, and its name has no RB-41: add the input to its run-name"
        ),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_environment_that_waits_is_a_task_for_people() {
    let github = github().await;
    github.runs_wait(true);
    let provider = connected(&github, DISPATCH);
    let target = earlier(&*provider).await;
    let mut run = Run::to(&*provider, &target).await;
    run.ask().await.unwrap();
    run.look().await;
    match run.look().await {
        Progress::PeopleNeeded { tasks, said } => {
            assert_eq!(said, "run 9004 waits for a review of production");
            assert_eq!(tasks[0].id, "approve-production");
            assert_eq!(
                tasks[0].text,
                "Let run 9004 of deploy.yml deploy to production: Review deployments on GitHub."
            );
            assert_eq!(
                tasks[0].link.as_deref(),
                Some("https://github.com/acme/api/actions/runs/9004")
            );
        }
        other => panic!("{other:?}"),
    }
    github.runs_wait(false);
    run.look_until_it_serves().await;
    assert_eq!(github.live(), target);
}

#[tokio::test]
async fn how_a_run_ended_is_told_and_what_that_leaves_is_not_guessed() {
    for (conclusion, production) in [
        ("failure", Production::Unknown),
        ("cancelled", Production::Unknown),
        ("timed_out", Production::Unknown),
        ("startup_failure", Production::AsBefore),
    ] {
        let github = github().await;
        github.runs_end(conclusion);
        let provider = connected(&github, DISPATCH);
        let target = earlier(&*provider).await;
        let mut run = Run::to(&*provider, &target).await;
        run.ask().await.unwrap();
        github.finish();
        match run.look().await {
            Progress::Failed {
                why,
                production: left,
            } => {
                assert_eq!(
                    why,
                    format!(
                        "GitHub ended run 9004 of deploy.yml with {conclusion}. Read its log at https://github.com/acme/api/actions/runs/9004, then ask for a new plan."
                    )
                );
                assert_eq!(left, production);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn the_workflow_of_every_push_is_held_off_and_given_back() {
    let github = github().await;
    let mode = "mode = \"dispatch\"\nworkflow = \"rollback.yml\"\ndeploys = \"deploy.yml\"";
    let provider = connected(&github, mode);
    let target = earlier(&*provider).await;
    let pin = Run::to(&*provider, &target).await.finish().await;
    assert_eq!((pin, github.is_disabled("deploy.yml")), (Pin::On, true));
    github.push("tax", "4\n", "Another try");
    assert_eq!(github.live(), target);
    let said = provider.unpin(&json!(null)).await.unwrap();
    assert_eq!(said, "automatic deploys go live again (read back)");
    let pushed = github.push("tax", "5\n", "Another try");
    assert!(pushed.starts_with(&github.live()));
}

#[tokio::test]
async fn a_tag_is_moved_and_its_run_is_followed() {
    let github = github().await;
    let provider = connected(&github, TAG);
    let target = earlier(&*provider).await;
    Run::to(&*provider, &target).await.finish().await;
    assert_eq!(github.live(), target);
    assert!(github.rev("refs/tags/production").starts_with(&target));
    // Where it is there already it is moved, with force, which no branch ever is.
    github.push("tax", "4\n", "Another try");
    let target = survey(&*provider).await.candidates[1]
        .release
        .label()
        .to_owned();
    Run::to(&*provider, &target).await.finish().await;
    assert_eq!(github.live(), target);
    let patched = github
        .answered()
        .into_iter()
        .find(|(asked, ..)| asked.method == "PATCH");
    let (asked, ..) = patched.unwrap();
    assert_eq!(asked.path, "/repos/acme/api/git/refs/tags/production");
    assert_eq!(asked.body["force"], true);
    // A tag of its own for every rollback.
    let github = crate::github::github().await;
    let provider = connected(
        &github,
        &TAG.replace("\"production\"", "\"deploy-{rollback}\""),
    );
    let target = earlier(&*provider).await;
    let mut run = Run::to(&*provider, &target).await;
    assert_eq!(
        run.ask().await.unwrap().said,
        format!("the tag deploy-RB-41 is at {target}")
    );
    assert!(github.rev("refs/tags/deploy-RB-41").starts_with(&target));
}

#[tokio::test]
async fn a_tag_that_is_there_already_starts_nothing() {
    let github = github().await;
    github.runs_end("failure");
    let provider = connected(&github, TAG);
    let target = earlier(&*provider).await;
    let mut run = Run::to(&*provider, &target).await;
    run.ask().await.unwrap();
    github.finish();
    let now = survey(&*provider).await;
    let again = provider
        .dry_run(&now, &run.order.plan.to, &About::default())
        .await;
    assert_eq!(
        refused(again),
        format!(
            "The tag production is at {target} already, so moving it starts nothing. Run deploy.yml for the tag again on GitHub."
        )
    );
}

#[tokio::test]
async fn a_revert_gives_the_branch_the_very_files_of_the_target() {
    let github = github().await;
    let provider = connected(&github, REVERT);
    let target = earlier(&*provider).await;
    let main = github.rev("main");
    let mut run = Run::to(&*provider, &target).await;
    assert_eq!(
        run.order.plan.steps,
        [
            format!("make the branch rollback-bot/{target}-on-{}", &main[..7]),
            "open the pull request".into()
        ]
    );
    assert_eq!(run.order.plan.details, ["1 commit of main is taken back"]);
    let receipt = run.ask().await.unwrap();
    run.order.step = receipt.next.unwrap().number;
    assert_eq!(run.ask().await.unwrap().said, "pull request #7 is open");
    assert_eq!(github.rev("main"), main, "nothing is pushed to it");
    let (title, body, _) = github.pull(7);
    assert_eq!(title, format!("Roll back to {target} (RB-41)"));
    assert!(
        body.starts_with("sam wants this, for `checkout \"500s\"; rm -rf /`."),
        "{body}"
    );
    match run.look().await {
        Progress::PeopleNeeded { tasks, said } => {
            assert_eq!(said, "#7 is open: 1 of 1 checks have passed");
            assert_eq!((tasks.len(), tasks[0].id.as_str()), (1, "merge-pr"));
            assert_eq!(
                tasks[0].text,
                format!(
                    "Merge #7, which gives main the files of {target}, once its checks have passed."
                )
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(github.merge());
    run.look_until_it_serves().await;
    assert_eq!(github.rev("main^{tree}"), run.order.plan.to.id);
    assert_ne!(github.rev("main"), main);
    // It is the same content, by whatever commit: what is merged next has it as its previous one.
    assert_eq!(live(&*provider).await, target);
    assert_eq!(github.changes_asked(), 2);
}

#[tokio::test]
async fn what_an_earlier_attempt_left_is_used_again() {
    let github = github().await;
    let provider = connected(&github, REVERT);
    let target = earlier(&*provider).await;
    let mut cut = Run::to(&*provider, &target).await;
    cut.ask().await.unwrap();
    // Another rollback to the same: the branch is there, with these files.
    let mut run = Run::to(&*provider, &target).await;
    let receipt = run.ask().await.unwrap();
    run.order.step = receipt.next.unwrap().number;
    cut.order.step = run.order.step;
    cut.ask().await.unwrap();
    // And so is the pull request.
    assert_eq!(run.ask().await.unwrap().said, "pull request #7 is open");
    assert_eq!(github.pulls(), 1);
    github.finish();
    run.look_until_it_serves().await;
    // A branch of that name with other files is not ours.
    let github = crate::github::github().await;
    let provider = connected(&github, REVERT);
    let target = earlier(&*provider).await;
    let mut run = Run::to(&*provider, &target).await;
    let mut other = Run::to(
        &*provider,
        survey(&*provider).await.candidates[2].release.label(),
    )
    .await;
    other.order.plan.to.sha = run.order.plan.to.sha.clone();
    other.ask().await.unwrap();
    let why = refused(run.ask().await);
    assert!(why.contains("with other files than"), "{why}");
}

#[tokio::test]
async fn a_revert_that_people_give_up_is_closed_and_its_branch_deleted() {
    let github = github().await;
    let provider = connected(&github, REVERT);
    let target = earlier(&*provider).await;
    let mut run = Run::to(&*provider, &target).await;
    run.ask().await.unwrap();
    run.order.step = 1;
    run.ask().await.unwrap();
    let Progress::PeopleNeeded { mut tasks, .. } = run.look().await else {
        panic!("it waits for people");
    };
    tasks[0].signed = Some(SignOff {
        by: Person::new("U2", "kim"),
        at: now(),
        done: false,
        note: None,
    });
    run.order.tasks = tasks;
    let Progress::StepReady { next, .. } = run.look().await else {
        panic!("it is closed");
    };
    assert_eq!(next.name, "close the pull request and delete its branch");
    run.order.step = next.number;
    run.ask().await.unwrap();
    assert_eq!(
        (github.pull(7).2, github.branches()),
        (false, vec!["main".to_owned()])
    );
    match run.look().await {
        Progress::Failed { why, production } => {
            assert_eq!(
                why,
                "The pull request is closed and was not merged. Propose again when it can be."
            );
            assert_eq!(production, Production::AsBefore);
        }
        other => panic!("{other:?}"),
    }
    // The same again is a pull request of its own.
    let mut run = Run::to(&*provider, &target).await;
    run.ask().await.unwrap();
    run.order.step = 1;
    assert_eq!(run.ask().await.unwrap().said, "pull request #8 is open");
}

#[tokio::test]
async fn what_else_was_merged_meanwhile_is_said_before_and_after_the_merge() {
    for (file, problem) in [
        ("docs", "main has moved on since #7 was opened"),
        ("tax", "#7 conflicts with main"),
    ] {
        let github = github().await;
        let provider = connected(&github, REVERT);
        let target = earlier(&*provider).await;
        let mut run = Run::to(&*provider, &target).await;
        run.ask().await.unwrap();
        run.order.step = 1;
        run.ask().await.unwrap();
        github.checks(&[("test", json!("failure")), ("lint", json!(null))]);
        github.push(file, "9\n", "Something else");
        match run.look().await {
            Progress::PeopleNeeded { tasks, said } => {
                assert_eq!(
                    said,
                    format!("{problem}; 0 of 2 checks have passed, test failed")
                );
                assert_eq!(
                    tasks[0].text,
                    format!(
                        "{problem}: merging #7 does not give main what was approved. Sign this off as not-done, which closes it, and propose again."
                    )
                );
                assert_eq!(
                    tasks[1].text,
                    "Look at what failed on #7, test: run it again, or let somebody merge without it."
                );
            }
            other => panic!("{other:?}"),
        }
        // git merges it where it can, and then main has what else was merged, too.
        assert_eq!(github.merge(), file == "docs");
        if file == "docs" {
            match run.look().await {
                Progress::Failed { why, production } => {
                    assert!(
                        why.starts_with(&format!(
                            "#7 was merged, and main has other files than {target} now"
                        )),
                        "{why}"
                    );
                    assert_eq!(production, Production::Changed);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn what_github_refuses_names_what_is_missing() {
    let lacks = |permission: &str| {
        Answered::Headed(
            403,
            vec![("x-accepted-github-permissions", permission.to_owned())],
            json!({"message": "Resource not accessible by personal access token"}),
        )
    };
    for (mode, answer, said) in [
        (
            DISPATCH,
            lacks("actions=write"),
            "(403: Resource not accessible by personal access token; it needs actions=write)",
        ),
        (REVERT, lacks("contents=write"), "it needs contents=write"),
        (
            DISPATCH,
            error(422, "Workflow does not have 'workflow_dispatch' trigger"),
            "Add `workflow_dispatch` with its inputs to .github/workflows/deploy.yml on main",
        ),
        (
            DISPATCH,
            error(422, "Unexpected inputs provided: [\"version\"]"),
            "Compare the inputs of .github/workflows/deploy.yml",
        ),
        (
            DISPATCH,
            error(422, "No ref found for: main"),
            "There is no branch main",
        ),
        (
            DISPATCH,
            error(404, "Not Found"),
            "GitHub knows no workflow deploy.yml in acme/api, or the token may not read it",
        ),
        (
            TAG,
            error(422, "Repository rule violations found"),
            "Where a rule protects it, let the token, or the App, bypass the rule",
        ),
        (
            REVERT,
            error(422, "Repository rule violations found"),
            "Where a rule protects such names",
        ),
    ] {
        let github = github().await;
        let provider = connected(&github, mode);
        let target = earlier(&*provider).await;
        let mut run = Run::to(&*provider, &target).await;
        github.next_meets(Meets::Answer(answer));
        let why = refused(run.ask().await);
        assert!(why.contains(said), "{why}");
        assert!(!github.live().starts_with(&target));
    }
}

#[tokio::test]
async fn both_kinds_of_rate_limits_are_busy() {
    let limited = |status: u16, headers: &[(&'static str, &str)], message: &str| {
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        Answered::Headed(status, headers.collect(), json!({"message": message}))
    };
    let date = "Sat, 14 Mar 2026 03:12:00 GMT";
    let reset = (now().as_second() + 90).to_string();
    for (answer, wait) in [
        (
            limited(
                403,
                &[
                    ("date", date),
                    ("x-ratelimit-remaining", "0"),
                    ("x-ratelimit-reset", &reset),
                ],
                "API rate limit exceeded",
            ),
            90_000,
        ),
        (limited(429, &[("retry-after", "7")], "Too many"), 7_000),
        (
            limited(
                403,
                &[("retry-after", "30")],
                "You have exceeded a secondary rate limit",
            ),
            30_000,
        ),
        (
            limited(403, &[], "You have exceeded a secondary rate limit"),
            60_000,
        ),
    ] {
        let github = github().await;
        let provider = connected(&github, DISPATCH);
        let target = earlier(&*provider).await;
        let mut run = Run::to(&*provider, &target).await;
        github.next_meets(Meets::Answer(answer.clone()));
        for asked in [run.ask().await.map(|_| ()), {
            github.all_meet(Some(answer));
            provider.survey(&About::default()).await.map(|_| ())
        }] {
            match asked {
                Err(ProviderError::Busy { why, retry_after }) => {
                    assert!(why.starts_with("GitHub is rate-limiting this bot"), "{why}");
                    assert_eq!(retry_after, Some(wait));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn check_names_what_the_workflow_lacks() {
    let github = github().await;
    let provider = connected(&github, DISPATCH);
    let said = provider.check().await.unwrap();
    assert!(
        said.starts_with("deploy.yml of acme/api readable, 3 commits can be gone to, "),
        "{said}"
    );
    for (workflow, missing) in [
        (
            "on: push",
            "no workflow_dispatch, by which it can be started",
        ),
        ("on: workflow_dispatch", "no input rollback"),
        (
            "on: { workflow_dispatch: { inputs: { version: {}, rollback: {} } } }",
            "no run-name, by which its runs say what they deploy",
        ),
    ] {
        github.has_workflow(workflow);
        assert_eq!(
            refused(provider.check().await),
            format!(
                "deploy.yml on main has {missing}. Add it to .github/workflows/deploy.yml, as the page about GitHub shows."
            )
        );
    }
}

#[tokio::test]
async fn an_app_is_given_a_token_once_and_signs_for_it() {
    let pem = run::APP_KEY;
    let der: String = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(der).unwrap()).unwrap();
    #[expect(
        clippy::disallowed_methods,
        reason = "the App signs with the clock of the machine"
    )]
    let github = GitHub::start(Arc::new(Timestamp::now)).await;
    github.push("cart", "1\n", "Add a cart");
    github.push("tax", "2\n", "New tax engine");
    let app = "app = 4711\ninstallation = 77\nprivate_key = \"env:APP_KEY\"";
    let section =
        |app: &str| section(&github, DISPATCH).replace("token = \"env:GITHUB_TOKEN\"", app);
    let provider = connect(&section(app));
    let why = refused(provider.check().await);
    assert!(
        why.starts_with(
            "GitHub does not know the App 4711, or private_key is none of its keys (401"
        ),
        "{why}"
    );
    github.has_app(key.public_key().as_ref());
    let why = refused(connect(&section(&app.replace("77", "78"))).check().await);
    assert!(
        why.starts_with("GitHub knows no installation 78 of the App 4711"),
        "{why}"
    );
    let target = earlier(&*provider).await;
    Run::to(&*provider, &target).await.finish().await;
    assert_eq!((github.live(), github.installation_tokens()), (target, 1));
    let shown = format!("{:?}", run::platform(&section(app)).unwrap());
    assert!(
        !shown.contains("PRIVATE") && !shown.contains(INSTALLATION_TOKEN),
        "{shown}"
    );
}

#[test]
fn settings_that_fit_nothing_are_mistakes() {
    let mistakes = |more: &str| {
        let section = format!("provider = \"github\"\nrepository = \"{REPOSITORY}\"\n{more}");
        run::platform(&section).unwrap_err()
    };
    let token = "token = \"env:GITHUB_TOKEN\"";
    for (section, mistake) in [
        (
            format!("{token}\nmode = \"tag\"\nworkflow = \"deploy.yml\""),
            "tag: is missing; write tag = \"production\"",
        ),
        (
            format!("{token}\nmode = \"revert\"\nworkflow = \"deploy.yml\"\ntag = \"x\""),
            "tag: is only for mode = \"tag\"; remove it",
        ),
        (
            format!(
                "{token}\nmode = \"tag\"\ntag = \"refs/heads/main\"\nworkflow = \"deploy.yml\""
            ),
            "is not the name of a tag",
        ),
        (
            format!("{token}\nmode = \"dispatch\"\nworkflow = \".github/workflows/deploy.yml\""),
            "write its name only: \"deploy.yml\"",
        ),
        (
            format!("{token}\n{DISPATCH}\ndeploys = \"deploy.yml\""),
            "deploys: is the workflow that is started to go back",
        ),
        (
            format!("{token}\n{DISPATCH}\ninputs = {{ version = \"{{sha}}\" }}"),
            "inputs: has no input for the rollback, by which its run is found again",
        ),
        (
            format!("{token}\n{DISPATCH}\ninputs = {{ rollback = \"{{rollback}}\" }}"),
            "inputs: has no input for the commit",
        ),
        (
            format!("{DISPATCH}\napp = 4711"),
            "installation: is missing",
        ),
        (
            format!("{DISPATCH}\napp = 4711\ninstallation = 77\nprivate_key = \"env:TOKEN\""),
            "is not PEM",
        ),
        (
            format!(
                "{token}\n{DISPATCH}\napp = 4711\ninstallation = 77\nprivate_key = \"env:APP_KEY\""
            ),
            "token: is there, and so is an App; keep one of them",
        ),
    ] {
        let mistakes = mistakes(&section);
        assert!(mistakes.contains(mistake), "{mistakes}");
    }
    assert!(TOKEN.starts_with("github_pat_"));
}

#[tokio::test]
async fn what_it_does_is_said_for_each_way() {
    let github = github().await;
    for (mode, restores, after) in [
        (DISPATCH, "what deploy.yml deploys of that commit", None),
        (
            REVERT,
            "the files of main",
            Some("the next merge deploys as always"),
        ),
    ] {
        let effects = connected(&github, mode).effects(Way::Back);
        assert_eq!(
            (effects.restores[0].as_str(), effects.after.as_deref()),
            (restores, after)
        );
    }
}
