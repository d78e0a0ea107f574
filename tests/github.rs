//! GitHub: what production loses, as the repository tells it, and going back by a workflow.

use crate::{
    api::{Answered, Api, Asked},
    support::{
        FRONTEND, World, dawn,
        github::{GitHub, Meets, TOKEN},
        site::Site,
    },
};
use insta::assert_snapshot;
use rollback_bot::clock::Clock;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

fn commit(sha: &str, parents: &[&str], message: &str) -> Value {
    let parents: Vec<Value> = parents.iter().map(|sha| json!({"sha": sha})).collect();
    let made = json!({"name": "Kim Lee", "email": "maya@acme.example"});
    json!({"sha": sha, "parents": parents, "author": {"login": "kim"}, "commit": {"message": message, "author": made}})
}

/// v214 came with two pull requests, of which one was squashed, and with a commit of its own.
fn answer(asked: &Asked) -> Answered {
    assert!(asked.is_by(TOKEN));
    match asked.line().as_str() {
        "GET /repos/acme/shop/compare/3c4d5e6f7a8...a1b2c3d4e5f" => Answered::Json(
            200,
            json!({
                "status": "ahead", "total_commits": 4,
                "html_url": "https://github.com/acme/shop/compare/3c4d5e6f7a8...a1b2c3d4e5f",
                "commits": [
                    commit("b1", &["3c4d5e6f7a8"], "Round prices (#811)"),
                    commit("b2", &["b1"], "wip"),
                    commit("b3", &["b1", "b2"], "Merge pull request #812 from acme/expiry\n\nsession expiry"),
                    commit("a1b2c3d4e5f", &["b3"], "checkout: new <tax> engine"),
                ],
            }),
        ),
        "POST /graphql" => {
            let query = asked.body["query"].as_str().unwrap();
            assert!(query.contains("p811: pullRequest(number: 811)"), "{query}");
            assert_eq!(
                asked.body["variables"],
                json!({"owner": "acme", "name": "shop"})
            );
            let pull = |title: &str, author: &str, label: &str| json!({"title": title, "author": {"login": author}, "labels": {"nodes": [{"name": label}]}});
            Answered::Json(
                200,
                json!({"data": {"repository": {
                    "p811": pull("Round prices", "lee", "feature"),
                    "p812": pull("Session expiry", "sam", "type: bug"),
                }}}),
            )
        }
        other => panic!("nobody knows {other}"),
    }
}

/// A world in which `frontend` is built from `acme/shop`.
async fn world(handler: impl FnMut(&Asked) -> Answered + Send + 'static) -> (World, Arc<Api>) {
    let api = Arc::new(Api::start(handler).await);
    let service = FRONTEND.replace(
        "provider = \"vercel\"",
        "provider = \"vercel\"\ngithub = \"acme/shop\"",
    );
    let settings = format!(
        "{service}\n[github]\ntoken = \"env:GITHUB_TOKEN\"\napi_url = \"{}\"\n[authors]\nSam = \"U0SAM\"\n",
        api.url
    );
    let world = World::with(&settings).await;
    world.vercel.moves_at_once(true);
    (world, api)
}

/// What the card says of it.
fn lost(seen: &str) -> String {
    let line = seen
        .lines()
        .map(str::trim)
        .find(|line| line.starts_with("You lose"));
    line.unwrap_or_else(|| panic!("{seen}")).to_owned()
}

#[tokio::test]
async fn the_card_counts_the_changes_and_the_thread_lists_them() {
    let (mut world, api) = world(answer).await;
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    world.passes(Duration::from_secs(5)).await;
    let seen = world.channel();
    assert_snapshot!(lost(&seen), @r#"You lose  3 changes: #812 "Session expiry", a1b2c3d "checkout: new <tax> engine", #811 "Round prices"; one looks like a fix"#);
    let thread: Vec<&str> = seen
        .lines()
        .skip_while(|line| !line.contains("removes"))
        .collect();
    assert_snapshot!(thread.join("\n"), @r#"
    |   Going back to v213 removes 3 changes from frontend (production); one looks like a fix:
    |   • looks like a fix: #812 "Session expiry" by sam
    |   • a1b2c3d "checkout: new <tax> engine" by kim
    |   • #811 "Round prices" by lee
    "#);
    // They are read for the card, and not once more before the platform is asked.
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(120)).await;
    assert_eq!(world.vercel.production(), "v213");
    assert_eq!(api.asked().len(), 2);
    // Those who made them are told when it serves, by their e-mail address or by the
    // configuration; a verdict that changes does not tell them again.
    let told = |seen: &str| {
        let lines = seen
            .lines()
            .skip_while(|line| !line.contains("took these changes"));
        lines.take(5).collect::<Vec<_>>().join("\n")
    };
    assert_snapshot!(told(&world.channel()), @r#"
    |   RB-1 took these changes out of frontend (production):
    |   • @sam: #812 "Session expiry"
    |   • @maya: a1b2c3d "checkout: new <tax> engine"
    |   • lee: #811 "Round prices"
    |   Don't deploy them again before the cause is known to be another one, or is fixed.
    "#);
    world.site.sickens("v213");
    world.passes(Duration::from_secs(400)).await;
    let seen = world.channel();
    assert!(seen.contains("STILL FAILING"), "{seen}");
    assert_eq!(told(&seen), "");
    world.slack.take_all();
}

/// The same project on GitLab: commits in no promised order, and its merge requests.
fn gitlab_answer(asked: &Asked) -> Answered {
    assert!(asked.is_by(TOKEN));
    let commit = |id: &str, parents: &[&str], message: &str| {
        json!({
            "id": id, "short_id": id, "title": message.lines().next(), "message": message,
            "parent_ids": parents, "author_name": "Kim Lee", "author_email": "kim@users.noreply.example",
        })
    };
    let merge = "Merge branch 'expiry' into 'main'\n\nsession expiry\n\nSee merge request acme/web/shop!812";
    match asked.line().as_str() {
        "GET /projects/acme%2Fweb%2Fshop/repository/compare?from=3c4d5e6f7a8&to=a1b2c3d4e5f" => {
            Answered::Json(
                200,
                json!({
                    "compare_same_ref": false,
                    "web_url": "https://gitlab.example/acme/web/shop/-/compare/3c4d5e6f7a8...a1b2c3d4e5f",
                    "commits": [
                        commit("a1b2c3d4e5f", &["b3"], "checkout: new <tax> engine"),
                        commit("b1", &["3c4d5e6f7a8"], "Round prices"),
                        commit("b3", &["b1", "b2"], merge),
                        commit("b2", &["b1"], "wip"),
                    ],
                }),
            )
        }
        "GET /projects/acme%2Fweb%2Fshop/merge_requests?iids%5B%5D=812&per_page=100" => {
            Answered::Json(
                200,
                json!([{"iid": 812, "title": "Session expiry", "author": {"username": "sam"}, "labels": ["type: bug"]}]),
            )
        }
        other => panic!("nobody knows {other}"),
    }
}

#[tokio::test]
async fn what_gitlab_tells_is_told_the_same_way() {
    for (answer, told) in [
        (
            None,
            r#"You lose  3 changes: !812 "Session expiry", a1b2c3d "checkout: new <tax> engine", b1 "Round prices"; one looks like a fix"#,
        ),
        (
            Some(Answered::Json(
                404,
                json!({"message": "404 Project Not Found"}),
            )),
            r#"You lose  1 change: v214 "checkout: new tax engine"; the changes in it are not known: GitLab knows no such commits in acme/web/shop, or gitlab.token may not read it"#,
        ),
        (
            Some(Answered::Json(200, json!({"commits": []}))),
            r#"You lose  1 change: v214 "checkout: new tax engine"; the changes in it are not known: in acme/web/shop v213 does not come before v214"#,
        ),
    ] {
        let api =
            Api::start(move |asked| answer.clone().unwrap_or_else(|| gitlab_answer(asked))).await;
        let service = FRONTEND.replace(
            "provider = \"vercel\"",
            "provider = \"vercel\"\ngitlab = \"acme/web/shop\"",
        );
        let settings = format!(
            "{service}\n[gitlab]\ntoken = \"env:GITHUB_TOKEN\"\napi_url = \"{}\"\n",
            api.url
        );
        let mut world = World::with(&settings).await;
        world
            .maya()
            .says("/rollback frontend because checkout 500s")
            .await;
        world.settle().await;
        assert_eq!(lost(&world.channel()), told);
        world.slack.take_all();
    }
}

#[tokio::test]
async fn what_github_does_not_tell_is_not_known_and_keeps_nobody_waiting() {
    for (answer, told) in [
        (
            Answered::Json(404, json!({"message": "Not Found"})),
            "GitHub knows no such commits in acme/shop, or github.token may not read it",
        ),
        (
            Answered::Json(401, json!({"message": "Bad credentials"})),
            "GitHub says that github.token may not read acme/shop (401 Unauthorized)",
        ),
        (Answered::Wait(429, 60), "GitHub is rate-limiting this bot"),
        (
            Answered::Json(502, Value::Null),
            "GitHub answers 502 Bad Gateway",
        ),
        (
            Answered::Page,
            "GitHub's answer cannot be used: it is not JSON",
        ),
        (Answered::Cut, "GitHub did not answer: the connection broke"),
        (
            Answered::Json(
                200,
                json!({"status": "behind", "total_commits": 0, "commits": []}),
            ),
            "in acme/shop v213 comes after v214",
        ),
    ] {
        let (mut world, api) = world(move |_| answer.clone()).await;
        world
            .maya()
            .says("/rollback frontend because checkout 500s")
            .await;
        world.settle().await;
        let seen = world.channel();
        assert_eq!(
            lost(&seen),
            format!(
                "You lose  1 change: v214 \"checkout: new tax engine\"; the changes in it are not known: {told}"
            )
        );
        assert_eq!(api.asked().len(), 1);
        world.sam().clicks("Approve").await;
        world.passes(Duration::from_secs(120)).await;
        assert_eq!(world.vercel.production(), "v213");
        world.passes(Duration::from_secs(400)).await;
        world.slack.take_all();
    }
}

#[tokio::test]
async fn a_repository_that_nothing_reads_is_a_mistake() {
    let world = World::new().await;
    let service = |repository: &str| {
        format!(
            "[services.shop.local]\nprovider = \"releases\"\npath = \"/srv/shop\"\n\
             approve = [\"oncall\"]\ngithub = \"{repository}\""
        )
    };
    let mistake = world.reads_settings(&service("acme/shop")).unwrap_err();
    assert!(
        mistake.contains("services.shop.local.github: is there, and [github] is not"),
        "{mistake}"
    );
    let mistake = world
        .reads_settings(&service("acme/shop").replace("github =", "gitlab ="))
        .unwrap_err();
    assert!(
        mistake.contains("services.shop.local.gitlab: is there, and [gitlab] is not"),
        "{mistake}"
    );
    let mistake = world
        .reads_settings(&service("https://github.com/acme/shop"))
        .unwrap_err();
    assert!(
        mistake.contains("is not a repository; write \"owner/name\""),
        "{mistake}"
    );
}

const SERVICE: &str = r#"
[services.api.production]
provider = "github"
repository = "acme/api"
{mode}
token = "env:GITHUB_TOKEN"
api_url = "{api}"
approve = ["oncall"]
requester_may_approve = true
[services.api.production.fingerprint]
url = "{local}/version.json"
json = "/version"
"#;

/// A world in which the workflow of `api` has deployed three commits, of which the last serves.
async fn deployed(mode: &str) -> (World, Arc<GitHub>) {
    let clock = Clock::fixed(dawn().checked_sub(Duration::from_secs(50 * 3_600)).unwrap());
    let before = clock.clone();
    let github = Arc::new(GitHub::start(Arc::new(move || before.now())).await);
    for (file, message, minutes) in [
        ("cart", "Add a cart", 41 * 60),
        ("session", "Fix the session", 8 * 60 + 29),
        ("tax", "New tax engine", 31),
    ] {
        github.push(file, "1\n", message);
        clock.advance(Duration::from_secs(minutes * 60));
    }
    let (serving, is_revert) = (github.clone(), mode.contains("revert"));
    // What is merged is another commit with the same files: the page answers with its tree.
    let site = Site::start(move || match is_revert {
        true => serving.rev(&format!("{}^{{tree}}", serving.live())),
        false => serving.live(),
    })
    .await;
    let settings = SERVICE
        .replace("{mode}", mode)
        .replace("{api}", &github.api_url())
        .replace("{local}", &site.url());
    let mut world = World::with(&settings).await;
    world.site = site;
    let time = world.clock.clone();
    github.follows(Arc::new(move || time.now()));
    (world, github)
}

/// sam wants it back, and approves it.
async fn roll_back(world: &mut World) {
    world
        .sam()
        .says("/rollback api because checkout 500s")
        .await;
    world.settle().await;
    world.passes(Duration::from_secs(20)).await;
    world.sam().clicks("Approve").await;
}

#[tokio::test]
async fn when_its_token_ends_is_told() {
    let (mut world, github) = deployed("mode = \"revert\"\nworkflow = \"deploy.yml\"").await;
    github.token_ends("2026-03-20 12:00:00 UTC");
    world.tom().says("/rollback ready api").await;
    world.settle().await;
    let seen = world.tom().sees();
    assert!(
        seen.contains(
            "credentials attention: The token works, and expires at 2026-03-20 12:00 UTC, in 6 d."
        ),
        "{seen}"
    );
}

#[tokio::test]
async fn a_revert_is_a_pull_request_that_people_merge() {
    let (mut world, github) = deployed("mode = \"revert\"\nworkflow = \"deploy.yml\"").await;
    let main = github.rev("main");
    world
        .sam()
        .says("/rollback api because checkout 500s")
        .await;
    world.settle().await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (only visible to @sam): RB-1: finding a version of api (production) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot:
      Roll back api to 7fbac25?
      checkout 500s · @sam, 03:12:00 UTC
      Live now `5481fc9`, since 02:41:00 UTC (31 m) lee: New tax engine
      Go back to `7fbac25`, ran 8 h 29 m until 02:41:00 UTC · previous release, ran before lee: Fix the session
      You lose  1 change: 5481fc9 "New tax engine"
      Changes  the files of main
      Stays  database · secrets and variables
      Details  1 commit of main is taken back
      Steps  1. make the branch rollback-bot/7fbac25-on-5481fc9 · 2. open the pull request
      By hand  Merge the pull request that gives main the files of 7fbac25, once its checks have passed. (an approver)
      After  the next merge deploys as always
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) · expires 03:22:00 UTC · RB-1 · production · code · plan `cc72`
    "#);
    world.passes(Duration::from_secs(20)).await;
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ⚠️ RB-1 WAITING FOR PEOPLE  api (production)
      5481fc9 → 7fbac25 · @sam · "checkout 500s"
      ✅ Approved 03:12:20 UTC by @sam (oncall)
      ✅ Accepted 03:12:20 UTC by GitHub: #7 is open: 1 of 1 checks have passed
      ⏳ Going live 0/1 on 7fbac25, waiting for acme/api
      Waiting for people: #7 is open: 1 of 1 checks have passed.
      • Merge #7, which gives main the files of 7fbac25, once its checks have passed. Then: `/rollback signoff RB-1 merge-pr done`.
      | Rollback Bot: RB-1 (api (production), 5481fc9 → 7fbac25) needs people to go on. Merge #7, which gives main the files of 7fbac25, once its checks have passed. (https://github.com/acme/api/pull/7) Then: `/rollback signoff RB-1 merge-pr done`.
    "#);
    // Nothing was pushed to the branch, and nothing was deployed.
    assert_eq!(
        (github.rev("main"), github.live()),
        (main.clone(), main[..7].to_owned())
    );
    assert!(github.merge());
    world.passes(Duration::from_secs(60)).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  api (production)
      5481fc9 → 7fbac25 · @sam · "checkout 500s"
      ✅ Approved 03:12:20 UTC by @sam (oncall)
      ✅ Accepted 03:12:20 UTC by GitHub: run 9004 has deployed it
      ✅ Live 03:13:01 UTC 1/1 on 7fbac25
      ✅ Verified 03:13:03 UTC version ea0bf01c3dd6a0960fff7ffef7bfb2ac086e0223 answers, no checks configured
      7fbac25 answers from outside and passes its checks.
      Command to live: 1 m 1 s, of which 20 s waiting for approval
      [ Undo… ]
    Rollback Bot:
      ✅ api (production) is back on 7fbac25 (RB-1) · @sam, approved by @sam
      version ea0bf01c3dd6a0960fff7ffef7bfb2ac086e0223 answers, no checks configured · took 1 m 1 s, of which 20 s waiting for approval
      This doesn't fix the bug. If 5481fc9 caused it, deploying 5481fc9 again brings it back.
    "#);
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn a_workflow_is_started_by_hand_and_waits_for_its_environment() {
    let (mut world, github) = deployed("mode = \"dispatch\"\nworkflow = \"deploy.yml\"").await;
    github.runs_wait(true);
    roll_back(&mut world).await;
    world.passes(Duration::from_secs(30)).await;
    let seen = world.channel();
    assert!(
        seen.contains("Let run 9004 of deploy.yml deploy to production"),
        "{seen}"
    );
    github.runs_wait(false);
    world.passes(Duration::from_secs(90)).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  api (production)
      5481fc9 → 7fbac25 · @sam · "checkout 500s"
      ✅ Approved 03:12:20 UTC by @sam (oncall)
      ✅ Accepted 03:12:20 UTC by GitHub: run 9004 has deployed it
      ✅ Live 03:13:01 UTC 1/1 on 7fbac25
      ✅ Verified 03:13:03 UTC version 7fbac25 answers, no checks configured
      7fbac25 answers from outside and passes its checks.
      Command to live: 1 m 1 s, of which 20 s waiting for approval
      [ Undo… ]
    Rollback Bot:
      ✅ api (production) is back on 7fbac25 (RB-1) · @sam, approved by @sam
      version 7fbac25 answers, no checks configured · took 1 m 1 s, of which 20 s waiting for approval
      This doesn't fix the bug. If 5481fc9 caused it, deploying 5481fc9 again brings it back.
    "#);
    assert_eq!(github.changes_asked(), 1);
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn a_token_without_the_permission_is_told_which_it_lacks() {
    let (mut world, github) = deployed("mode = \"dispatch\"\nworkflow = \"deploy.yml\"").await;
    github.next_meets(Meets::Answer(Answered::Headed(
        403,
        vec![("x-accepted-github-permissions", "actions=write".into())],
        json!({"message": "Resource not accessible by personal access token"}),
    )));
    roll_back(&mut world).await;
    world.passes(Duration::from_secs(30)).await;
    let seen = world.channel();
    let told: Vec<&str> = seen
        .lines()
        .filter(|line| line.contains("needs actions=write"))
        .collect();
    assert_snapshot!(told[0].trim(), @"GitHub says the token is unknown, expired or lacks access (403: Resource not accessible by personal access token; it needs actions=write). Give the token, or the App, access to the repository and the permissions that docs/platforms.md lists, and set it in the configuration. Production serves 5481fc9 on 1/1, as last read.");
    assert!(github.live().starts_with(&github.rev("main")[..7]));
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn a_dispatch_whose_answer_is_lost_is_found_and_not_asked_again() {
    let (mut world, github) = deployed("mode = \"dispatch\"\nworkflow = \"deploy.yml\"").await;
    github.next_meets(Meets::DoneAndCut);
    let target = github.rev("main~1");
    roll_back(&mut world).await;
    world.passes(Duration::from_secs(90)).await;
    assert_eq!(
        (github.live(), github.changes_asked()),
        (target[..7].to_owned(), 1)
    );
    let record = world.record().await;
    assert!(
        record.contains(&format!("verified: {} answers", &target[..7])),
        "{record}"
    );
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn a_post_mortem_is_proposed_and_brought_up_to_date() {
    let (mut world, github) = deployed("mode = \"dispatch\"\nworkflow = \"deploy.yml\"").await;
    let keeps = format!(
        "[github]\ntoken = \"env:GITHUB_TOKEN\"\napi_url = \"{}\"\n[post_mortems]\nrepository = \"acme/api\"\n[roles.oncall]",
        github.api_url()
    );
    world.reconfigures("[roles.oncall]", &keeps).await;
    world
        .maya()
        .says("/rollback incident open P1 because checkout 500s")
        .await;
    let main = github.rev("refs/heads/main");
    // While GitHub is away it is tried again; what it has done by then is found.
    github.all_meet(Some(Answered::Json(503, json!({"message": "Unicorn"}))));
    world.maya().says("/rollback postmortem").await;
    world.settle().await;
    assert_eq!(github.pulls(), 0);
    github.all_meet(None);
    world.passes(Duration::from_secs(600)).await;
    assert_snapshot!(world.channel(), @r#"
    maya: /rollback incident open P1 because checkout 500s
    Rollback Bot: INC-1: @maya declared the incident, because "checkout 500s" and set the severity to P1. Nobody leads it yet: `/rollback incident lead me`.
    Rollback Bot (only visible to @maya): Writing a draft of the post-mortem of INC-1. I'll post the file in this channel.
    Rollback Bot:
      Draft of the post-mortem of INC-1. 29 fields are not recorded and marked so. It is proposed to acme/api now; `/rollback postmortem INC-1 root cause: …` fills a field.
      [file 2026-03-14-rollback.md]
    Rollback Bot: The post-mortem of INC-1 is proposed as `incidents/2026-03-14-rollback-inc-1.md`: https://github.com/acme/api/pull/7
    "#);
    // Once it is open, the next draft goes to the same one.
    let branch = "refs/heads/rollback-bot/post-mortem-INC-1";
    let first = github.rev(branch);
    world
        .maya()
        .says("/rollback postmortem root cause: the <tax> engine")
        .await;
    world.maya().says("/rollback postmortem").await;
    world.settle().await;
    assert_eq!(github.pulls(), 1);
    assert_ne!(github.rev(branch), first);
    assert_eq!(github.rev("refs/heads/main"), main, "main is as it was");
    let (title, text, is_open) = github.pull(7);
    assert_snapshot!(format!("{title}\n{text}\n{is_open}"), @"
    Post-mortem of INC-1
    Drafted by Rollback Bot from the record of INC-1. What nobody has said is marked *Not recorded*; `/rollback postmortem INC-1 root cause: …` fills a field, and `/rollback postmortem INC-1` brings this up to date.
    true
    ");
    let record = world.record().await;
    let proposed: Vec<&str> = record
        .lines()
        .filter(|line| line.contains("proposed"))
        .collect();
    assert_snapshot!(proposed.join("\n"), @"
    @maya exported: proposed incidents/2026-03-14-rollback-inc-1.md by a pull request: https://github.com/acme/api/pull/7
    @maya exported: proposed incidents/2026-03-14-rollback-inc-1.md by a pull request: https://github.com/acme/api/pull/7
    ");
    // A token that may not write is told which permission it lacks.
    let refused = json!({"message": "Resource not accessible by personal access token"});
    github.all_meet(Some(Answered::Json(403, refused)));
    world.slack.take_all();
    world.maya().says("/rollback postmortem").await;
    world.settle().await;
    let told = world.channel();
    assert_snapshot!(told.lines().last().unwrap_or_default(), @"Rollback Bot: The post-mortem of INC-1 is not proposed to acme/api: GitHub would not show what is there in acme/api (403: Resource not accessible by personal access token); github.token needs to write contents and pull requests there. The file above is the same; keep it by hand, or ask for it again.");
    assert!(!told.contains(TOKEN));
}
