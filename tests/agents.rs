//! Agents propose, and people approve: an agent with a token of its own, and the person who is
//! responsible for it.

use crate::{
    out_of_band::{asks, refused},
    support::{CHANNEL, FRONTEND, ROLES, SECRET, World},
};
use insta::{assert_json_snapshot, assert_snapshot};
use jiff::Timestamp;
use rollback_bot::{
    clock::Clock,
    store::{beside::Beside, tokens},
};
use rollback_domain::people::Person;
use serde_json::{Value, json};
use std::time::Duration;

const AGENT: &str = "[agents.deploy-watch]\nresponsible = \"U0TOM\"\n";
pub const LINK: &str = "https://grafana.example.com/d/errors?from=now-1h";

/// A world with an agent, for which tom is responsible.
pub async fn world() -> World {
    with(ROLES, FRONTEND).await
}

async fn with(roles: &str, services: &str) -> World {
    let api = format!("[api]\nchannel = \"{CHANNEL}\"\n{AGENT}{roles}");
    World::set_up(&api, services).await
}

/// A token of the agent.
pub async fn token(world: &World) -> String {
    of(world, "deploy-watch").await
}

async fn of(world: &World, agent: &str) -> String {
    made(world, agent, world.clock.now()).await
}

async fn made(world: &World, agent: &str, now: Timestamp) -> String {
    let owner = Person::new("U0TOM", "tom").responsible_for(agent);
    let (secret, token) = tokens::make(owner, now, Duration::from_secs(86_400)).unwrap();
    let mut record = Beside::open(world.database()).await.unwrap();
    record.insert(&secret, &token, None).await.unwrap();
    secret
}

fn proposal() -> Value {
    json!({ "service": "frontend", "because": "error rate is 6 %", "evidence": [LINK] })
}

/// The agent has proposed to roll frontend back.
async fn proposed(world: &mut World, agent: &str) -> Value {
    let (status, answer) = asks(world, agent, "propose", proposal()).await;
    assert_eq!(
        (status, &answer["state"]),
        (200, &json!("PROPOSED")),
        "{answer}"
    );
    world.settle().await;
    answer
}

#[tokio::test]
async fn an_agent_proposes_and_a_person_approves() {
    let mut world = world().await;
    let agent = token(&world).await;
    let answer = proposed(&mut world, &agent).await;
    assert_json_snapshot!(json!([answer["agent"], answer["evidence"]]), @r#"
    [
      {
        "name": "deploy-watch",
        "responsible": "tom"
      },
      [
        "https://grafana.example.com/d/errors?from=now-1h"
      ]
    ]
    "#);
    assert_snapshot!(answer["text"].as_str().unwrap().lines().next().unwrap(), @"RB-1 PROPOSED · frontend (production) · v214 → v213 · by agent deploy-watch (responsible: @tom) · last change 03:12:00 UTC");
    let card = world.channel();
    assert_snapshot!(card.lines().take(5).collect::<Vec<_>>().join("\n"), @"
    Rollback Bot:
      Roll back frontend to v213?
      error rate is 6 % · agent deploy-watch (responsible: @tom) (from the CLI / API), 03:12:00 UTC
      Evidence  grafana.example.com/d/errors (https://grafana.example.com/d/errors?from=now-1h)
      Live now `v214` a1b2c3d, since 02:41:00 UTC (31 m) kim: checkout: new tax engine on 8/8 surfaces
    ");
    world.sam().says("/rollback status").await;
    assert_snapshot!(world.sam().sees(), @"Rollback Bot (only visible to @sam): RB-1 PROPOSED · frontend (production) · v214 → v213 · by agent deploy-watch (responsible: @tom) · last change 03:12:00 UTC");
    world.sam().says("/rollback").await;
    assert!(
        world
            .sam()
            .sees()
            .contains("RB-1 PROPOSED · by agent deploy-watch (responsible: @tom)")
    );
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(20)).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ✅ RB-1 VERIFIED  frontend (production)
      v214 → v213 · agent deploy-watch (responsible: @tom) (from the CLI / API) · "error rate is 6 %"
      Evidence  grafana.example.com/d/errors (https://grafana.example.com/d/errors?from=now-1h)
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      ✅ Accepted 03:12:00 UTC by Vercel: job succeeded
      ✅ Deploys held automatic deploys are off
      ✅ Live 03:12:00 UTC 8/8 on v213
      ✅ Verified 03:12:02 UTC version v213 answers, 1/1 checks pass
      v213 answers from outside and passes its checks.
      Command to live: 0 s (goal 2 m: met), of which 0 s waiting for approval
      [ Undo… ]
    Rollback Bot:
      ✅ frontend (production) is back on v213 (RB-1) · agent deploy-watch (responsible: @tom) (from the CLI / API), approved by @sam
      version v213 answers, 1/1 checks pass · took 0 s, of which 0 s waiting for approval (goal 2 m: met)
      Automatic deploys are off until `/rollback unpin frontend@production`.
      This doesn't fix the bug. If v214 caused it, deploying v214 again brings it back.
    "#);
    assert_snapshot!(world.record().await, @r#"
    rollback-bot incident opened: opened INC-1 in this channel
    agent deploy-watch (responsible: @tom) requested: asked to roll back frontend (production) to the previous release, because "error rate is 6 %"; evidence: https://grafana.example.com/d/errors?from=now-1h
    rollback-bot planned: proposed v214 → v213, risk code, plan d63f
    @sam approved: approved plan d63f as oncall
    rollback-bot rechecked: read the platform again: nothing that matters has changed
    rollback-bot executing: asking Vercel for v214 → v213
    Vercel accepted: job accepted
    Vercel pinned: automatic deploys are held off (checked)
    Vercel serving: serves v213 on 8/8
    rollback-bot checked: version v213 answers, 1/1 checks pass
    rollback-bot verified: verified: v213 answers from outside and passes its checks.
    "#);
    world.passes(Duration::from_secs(600)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn every_export_says_that_an_agent_asked() {
    let mut world = world().await;
    let agent = token(&world).await;
    proposed(&mut world, &agent).await;
    let sam = crate::out_of_band::token(&world, "U0SAM", "sam").await;
    let mut lines = vec![];
    for format in ["md", "csv", "html", "json"] {
        let answer = reqwest::Client::new()
            .post(format!("{}/api/v1/export", world.base()))
            .bearer_auth(&sam)
            .json(&json!({ "format": format }))
            .send()
            .await
            .unwrap();
        let file = answer.text().await.unwrap();
        let named = |line: &&str| line.contains("deploy-watch");
        lines.push(format!("{format}:"));
        lines.extend(
            file.lines()
                .filter(named)
                .map(|line| line.trim().to_owned()),
        );
    }
    assert_snapshot!(lines.join("\n"), @r#"
    md:
    | 2 | 2026-03-14 03:12:00 UTC | 2026-03-14 03:12:00 UTC | agent deploy-watch (responsible: @tom) | out_of_band | RB-1 **requested** asked to roll back frontend (production) to the previous release, because "error rate is 6 %"; evidence: https://grafana.example.com/d/errors?from=now-1h |
    csv:
    "INC-1","2","2026-03-14T03:12:00Z","2026-03-14T03:12:00Z","agent deploy-watch (responsible: tom)","U0TOM","out_of_band","RB-1","requested","asked to roll back frontend (production) to the previous release, because ""error rate is 6 %""; evidence: https://grafana.example.com/d/errors?from=now-1h"
    html:
    <p class="soft">requested by <bdi>agent deploy-watch (responsible: tom)</bdi>: “<bdi>error rate is 6 %</bdi>”</p>
    <tr><td class="seq num">2</td><td class="when num">2026-03-14 03:12:00 UTC</td><td class="who"><bdi>agent deploy-watch (responsible: @tom)</bdi> <span class="soft">(out_of_band)</span></td><td class="text">RB-1 <span class="kind">requested</span> <bdi>asked to roll back frontend (production) to the previous release, because &quot;error rate is 6 %&quot;; evidence: https:&#x2f;&#x2f;grafana.example.com&#x2f;d&#x2f;errors?from=now-1h</bdi></td></tr>
    json:
    "agent": "deploy-watch",
    "agent": "deploy-watch",
    "#);
    world.slack.take_all();
}

#[tokio::test]
async fn what_only_people_may_do_is_refused_recorded_and_told_once() {
    let mut world = world().await;
    let agent = token(&world).await;
    let plan = proposed(&mut world, &agent).await["plan"]["hash"].clone();
    world.slack.take_all();
    let mut codes = vec![];
    for (verb, body) in [
        ("approve", json!({ "rollback": "RB-1", "plan": plan })),
        ("deny", json!({ "rollback": "RB-1" })),
        ("stop", json!({ "rollback": "RB-1" })),
        ("breakglass", json!({})),
        ("freeze", json!({})),
        ("signoff", json!({})),
        ("resolve", json!({})),
        ("bad", json!({})),
        ("undo", json!({})),
        ("export", json!({})),
    ] {
        let (status, answer) = asks(&mut world, &agent, verb, body).await;
        codes.push(format!("{verb} {status} {}", answer["refused"]["code"]));
        world.clock.advance(Duration::from_secs(1));
    }
    assert_snapshot!(codes.join("\n"), @r#"
    approve 403 "AGENT_MAY_NOT"
    deny 403 "AGENT_MAY_NOT"
    stop 403 "AGENT_MAY_NOT"
    breakglass 403 "AGENT_MAY_NOT"
    freeze 403 "AGENT_MAY_NOT"
    signoff 403 "AGENT_MAY_NOT"
    resolve 403 "AGENT_MAY_NOT"
    bad 403 "AGENT_MAY_NOT"
    undo 403 "AGENT_MAY_NOT"
    export 403 "AGENT_MAY_NOT"
    "#);
    let (_, answer) = asks(&mut world, &agent, "approve", json!({ "rollback": "RB-1" })).await;
    assert_snapshot!(refused(&answer), @"AGENT_MAY_NOT: Agents propose and people approve: the agent deploy-watch may propose, plan, note, and read the status and the timeline, and nothing else. Nothing was run. Ask @U0TOM, who is responsible for it.");
    world.settle().await;
    assert_snapshot!(world.slack.channel("D0TOM"), @"Rollback Bot: The agent deploy-watch tried `approve` and was refused: agents propose, and people approve. You are responsible for it. Nothing was run. If it goes on, you are not told again within the hour, and the timeline of an open incident has every attempt. To stop it: `rollback-bot token list` and `rollback-bot token revoke`, where the bot runs.");
    let record = world.record().await;
    assert_eq!(record.matches("AGENT_MAY_NOT").count(), 11, "{record}");
    assert_snapshot!(record.lines().find(|line| line.contains("AGENT_MAY_NOT")).unwrap(), @"agent deploy-watch (responsible: @tom) refused: tried `approve` and was refused (AGENT_MAY_NOT): Agents propose and people approve: the agent deploy-watch may propose, plan, note, and read the status and the timeline, and nothing else. Nothing was run. Ask @U0TOM, who is responsible for it.");
    assert_eq!(world.rollback(1).await.approvals, []);
    assert_eq!(world.rollback(1).await.state.name(), "proposed");
    // An hour later it is another row of attempts.
    world.passes(Duration::from_secs(3_600)).await;
    asks(&mut world, &agent, "deny", json!({ "rollback": "RB-1" })).await;
    world.settle().await;
    assert_eq!(
        world.slack.channel("D0TOM").matches("was refused").count(),
        2
    );
    world.slack.take_all();
}

#[tokio::test]
async fn a_person_is_told_which_verbs_are_only_in_slack() {
    let mut world = world().await;
    let sam = crate::out_of_band::token(&world, "U0SAM", "sam").await;
    let (status, answer) = asks(&mut world, &sam, "freeze", json!({})).await;
    assert_eq!(status, 404);
    assert_snapshot!(refused(&answer), @"MISREAD: `freeze` is only in Slack: `/rollback freeze`. Nothing was run.");
}

#[tokio::test]
async fn evidence_is_wanted_of_an_agent_and_has_to_be_links() {
    let mut world = world().await;
    let agent = token(&world).await;
    let mut answers = vec![];
    for evidence in [
        json!([]),
        json!(["http://grafana.example.com"]),
        json!(["https://sam:secret@grafana.example.com"]),
        json!([LINK, LINK, LINK, LINK, LINK, LINK]),
    ] {
        let body = json!({ "service": "frontend", "evidence": evidence });
        let (status, answer) = asks(&mut world, &agent, "propose", body).await;
        answers.push(format!("{status} {}", refused(&answer)));
    }
    assert_snapshot!(answers.join("\n"), @r#"
    400 MISREAD: An agent says what its proposal rests on: name one to five links as `evidence`, like ["https://grafana.example.com/d/errors"]. Nothing was run.
    400 MISREAD: `evidence` has "http://grafana.example.com", which does not begin with https://. Nothing was run.
    400 MISREAD: `evidence` has a link to grafana.example.com with a name or a password in it, which everybody who reads the timeline would see. Nothing was run.
    400 MISREAD: `evidence` has 6 links; name the 5 that matter most. Nothing was run.
    "#);
    // What would end a link early, or ping a channel, is encoded.
    let body = json!({ "service": "frontend", "evidence": ["https://a.example/<!channel>|x"] });
    asks(&mut world, &agent, "propose", body).await;
    world.settle().await;
    let evidence = world.rollback(1).await.evidence;
    assert_eq!(evidence, ["https://a.example/%3C!channel%3E%7Cx"]);
    world.slack.take_all();
}

#[tokio::test]
async fn the_person_who_is_responsible_counts_as_the_requester() {
    let agents = AGENT.replace("U0TOM", "U0SAM");
    let api = format!("[api]\nchannel = \"{CHANNEL}\"\n{agents}{ROLES}");
    let mut world = World::set_up(&api, FRONTEND).await;
    let agent = token(&world).await;
    proposed(&mut world, &agent).await;
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"Rollback Bot (only visible to @sam): Your agent deploy-watch requested this, so someone else must approve it (class code). @ana can. Nothing was run.");
    world.sam().says("/rollback why RB-1").await;
    world.settle().await;
    assert!(
        world
            .sam()
            .sees()
            .contains("the agent deploy-watch asked, for which @sam is responsible")
    );
    assert_eq!(world.rollback(1).await.approvals, []);
    world.slack.take_all();
}

#[tokio::test]
async fn nothing_that_an_agent_proposes_starts_by_itself() {
    let agents = AGENT.replace("U0TOM", "U0SAM");
    let services = format!("{FRONTEND}\n[policy]\nobjection_window = \"60s\"\n");
    let api = format!("[api]\nchannel = \"{CHANNEL}\"\n{agents}{ROLES}");
    let mut world = World::set_up(&api, &services).await;
    let agent = token(&world).await;
    proposed(&mut world, &agent).await;
    world.passes(Duration::from_secs(120)).await;
    let found = world.rollback(1).await;
    assert_eq!(
        (found.state.name(), found.waiting.window_ends),
        ("proposed", None)
    );
    world.slack.take_all();
}

#[tokio::test]
async fn an_agent_plans_notes_and_reads() {
    let mut world = world().await;
    let agent = token(&world).await;
    let (status, plan) = asks(&mut world, &agent, "plan", json!({ "service": "frontend" })).await;
    assert_eq!(status, 200);
    let text = plan["text"].as_str().unwrap();
    let aged = |line: &&str| !line.contains(" ago");
    assert_snapshot!(text.lines().filter(aged).collect::<Vec<_>>().join("\n"), @r#"
    Plan for frontend (production): v214 to v213. Nothing is proposed.
    *Live now*  `v214` a1b2c3d, since 02:41:00 UTC (31 m) · kim: checkout: new tax engine · on 8/8 surfaces
    *Go back to*  `v213` 3c4d5e6, ran 6 h 29 m until 02:41:00 UTC · previous release, ran before · lee: session expiry
    *You lose*  1 change: v214 "checkout: new tax engine"
    *Changes*  code, cron jobs of the target's vercel.json, env values baked into the build
    *Stays*  database · today's env settings · flags · storage
    *After*  automatic deploys are OFF until unpinned
    code · plan d63f
    "#);
    let (_, wrong) = asks(
        &mut world,
        &agent,
        "plan",
        json!({ "service": "frontend", "to": "v999" }),
    )
    .await;
    assert_snapshot!(refused(&wrong), @r#"UNKNOWN_TARGET: frontend (production) has no release "v999". You can go to v213, v212 and v211; `/rollback list frontend@production` shows more. Nothing was run."#);
    let body = json!({ "text": "error rate is 6 %", "at": "-5m" });
    let (status, noted) = asks(&mut world, &agent, "note", body).await;
    assert_eq!(
        (status, &noted["text"]),
        (200, &json!("It is in the timeline.")),
        "{noted}"
    );
    world.settle().await;
    assert_snapshot!(world.channel(), @"Rollback Bot: Noted for 03:07:00 UTC (recorded 03:12:00 UTC) by agent deploy-watch (responsible: @tom).");
    let (_, timeline) = asks(&mut world, &agent, "timeline", json!({})).await;
    assert_eq!(
        timeline["entries"][1]["who"],
        "agent deploy-watch (responsible: @tom)"
    );
    // The note of an agent is not the person's to correct.
    world.tom().says("/rollback note edit it was 7 %").await;
    world.settle().await;
    assert!(!world.record().await.contains("7 %"));
    world.slack.take_all();
}

#[tokio::test]
async fn an_agent_is_refused_while_nobody_full_is_responsible_for_it() {
    let mut world = world().await;
    let agent = token(&world).await;
    world.slack.deactivates("U0TOM");
    // Whatever was last read of tom, a proposal reads it again.
    let (_, answer) = asks(&mut world, &agent, "propose", proposal()).await;
    assert_snapshot!(refused(&answer), @"TOKEN_REFUSED: Your token is not valid: @tom, who is responsible for the agent deploy-watch, is deactivated; name somebody else in [agents.deploy-watch]. `rollback-bot token create`, where the bot runs, makes another one. Nothing was run.");
    let (status, answer) = asks(&mut world, &agent, "status", json!({})).await;
    assert_snapshot!(format!("{status} {}", refused(&answer)), @"401 TOKEN_REFUSED: Your token is not valid: @tom, who is responsible for the agent deploy-watch, is no full member any more, as Slack last answered; name somebody else in [agents.deploy-watch]. `rollback-bot token create`, where the bot runs, makes another one. Nothing was run.");
    let gone = of(&world, "old-watch").await;
    let (status, answer) = asks(&mut world, &gone, "status", json!({})).await;
    assert_snapshot!(format!("{status} {}", refused(&answer)), @"401 TOKEN_REFUSED: Your token is not valid: it is of the agent old-watch, and the configuration has no [agents.old-watch]. `rollback-bot token create`, where the bot runs, makes another one. Nothing was run.");
    world.slack.take_all();
}

#[tokio::test]
async fn an_agent_that_floods_uses_up_its_own_budget_only() {
    let mut world = with(
        ROLES,
        &format!("{FRONTEND}\n[limits]\nperson_per_minute = 6\n"),
    )
    .await;
    let agent = token(&world).await;
    let tom = crate::out_of_band::token(&world, "U0TOM", "tom").await;
    let body = json!({ "service": "frontned", "evidence": [LINK] });
    let mut statuses = vec![];
    for _ in 0..3 {
        statuses.push(asks(&mut world, &agent, "propose", body.clone()).await.0);
    }
    statuses.push(
        asks(
            &mut world,
            &tom,
            "propose",
            json!({ "service": "frontned" }),
        )
        .await
        .0,
    );
    assert_eq!(statuses, [200, 200, 429, 200]);
    world.slack.take_all();
}

/// What `check` says of agents, with these variables.
async fn told_by_check(world: &World, variables: &[(&str, &str)]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("bot.toml");
    std::fs::write(&config, world.settings()).unwrap();
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
        .args(["check", "--online", "--config", config.to_str().unwrap()])
        .env_clear()
        .envs([
            ("DATABASE_URL", world.database()),
            ("SIGNING_SECRET", SECRET),
            ("SIGNING_SECRET_NEW", SECRET),
            (
                "APP_TOKEN",
                "xapp-1-A0ROLLBACK-1-0123456789abcdef0123456789abcdef",
            ),
            ("BOT_TOKEN", "xoxb-simulation"),
            ("VERCEL_TOKEN", crate::support::vercel::TOKEN),
        ])
        .envs(variables.iter().copied())
        .output()
        .await
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let of_agents = |line: &&str| line.contains(" agents.") || line.contains("ROLLBACK_BOT_TOKEN");
    told.lines()
        .filter(of_agents)
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn check_says_what_is_wrong_with_an_agent() {
    let world = world().await;
    assert_snapshot!(told_by_check(&world, &[]).await, @"
    note      agents.deploy-watch: has no token; `rollback-bot token create --agent deploy-watch` makes one
    ok        agents.deploy-watch.responsible: @tom (U0TOM) is a full member
    ");
    // `check` goes by the clock of the machine.
    let now = Clock::real().now();
    let agent = made(&world, "deploy-watch", now).await;
    made(&world, "old-watch", now).await;
    world.slack.deactivates("U0TOM");
    let told = told_by_check(&world, &[("ROLLBACK_BOT_TOKEN", &agent)]).await;
    let old = told.split("revoke ").nth(1).unwrap();
    let id = old.split('`').next().unwrap().to_owned();
    assert_snapshot!(told.replace(&id, "0f3a9c21d4"), @"
    mistake   ROLLBACK_BOT_TOKEN: has the token of an agent, and people approve with tokens of their own: `rollback-bot token create --for U0123ABCD` makes one
    note      agents.old-watch: the token 0f3a9c21d4 is of an agent that is not in the configuration, and is refused; `rollback-bot token revoke 0f3a9c21d4` takes it back
    mistake   agents.deploy-watch.responsible: U0TOM is deactivated, so every request of the agent is refused; name somebody else
    ");
}
