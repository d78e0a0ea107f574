//! Slack is down, and production too: proposing and approving with a token, by the API and from a
//! terminal, with the server and without it.

use crate::support::{CHANNEL, FRONTEND, ROLES, SECRET, World, site::Site, vercel};
use insta::{assert_json_snapshot, assert_snapshot};
use jiff::Timestamp;
use rollback_bot::{
    clock::Clock,
    http_client,
    store::{
        Db,
        beside::Beside,
        presence::{Company, Presence},
        tokens,
    },
};
use rollback_domain::people::Person;
use rollback_simulation::Fault;
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::symlink,
    process::{Command, Output},
    time::Duration,
};

const DAY: Duration = Duration::from_secs(86_400);

/// A world whose channel for everything out of band is the one of the stories.
async fn world() -> World {
    with(ROLES, FRONTEND).await
}

async fn with(roles: &str, services: &str) -> World {
    let api = format!("[api]\nchannel = \"{CHANNEL}\"\n{roles}");
    World::set_up(&api, services).await
}

/// A token for somebody, made beside the bot, which Slack has said is a full member.
pub async fn token(world: &World, id: &str, name: &str) -> String {
    made(world, id, name, world.clock.now()).await
}

async fn made(world: &World, id: &str, name: &str, now: Timestamp) -> String {
    let (secret, token) = tokens::make(Person::new(id, name), now, DAY).unwrap();
    let mut record = Beside::open(world.database()).await.unwrap();
    record
        .insert(&secret, &token, Some("member"))
        .await
        .unwrap();
    secret
}

/// What the bot answered: the status, and the body.
pub type Answered = (u16, Value);

/// Sends a request and has the bot do what is due until it is answered.
async fn sends(world: &mut World, request: reqwest::RequestBuilder) -> Answered {
    while_passes(world, request, Duration::ZERO).await
}

/// The same while time passes, so much at a time: where the answer is a while in coming.
async fn while_passes(
    world: &mut World,
    request: reqwest::RequestBuilder,
    time: Duration,
) -> Answered {
    let mut asked = tokio::spawn(async move {
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap())
    });
    loop {
        world.settle().await;
        tokio::select! {
            answered = &mut asked => return answered.unwrap(),
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
        }
        world.clock.advance(time);
    }
}

fn request(world: &World, token: &str, verb: &str, body: &Value) -> reqwest::RequestBuilder {
    http_client()
        .unwrap()
        .post(format!("{}/api/v1/{verb}", world.base()))
        .bearer_auth(token)
        .json(body)
}

pub async fn asks(world: &mut World, token: &str, verb: &str, body: Value) -> Answered {
    let request = request(world, token, verb, &body);
    sends(world, request).await
}

async fn asks_and_waits(world: &mut World, token: &str, verb: &str, body: Value) -> Answered {
    let request = request(world, token, verb, &body);
    while_passes(world, request, Duration::from_millis(250)).await
}

/// Slack is down, maya has asked for frontend, and this is the plan.
async fn proposed(world: &mut World, maya: &str) -> String {
    let body = json!({ "service": "frontend", "because": "checkout 500s" });
    let (status, said) = asks(world, maya, "propose", body).await;
    assert_eq!(
        (status, &said["state"]),
        (200, &json!("PROPOSED")),
        "{said}"
    );
    said["plan"]["short"].as_str().unwrap().to_owned()
}

pub fn refused(said: &Value) -> String {
    let text = |key: &str| said["refused"][key].as_str().unwrap_or("not refused");
    format!("{}: {}", text("code"), text("sentence"))
}

#[tokio::test]
async fn a_whole_rollback_while_slack_is_down() {
    let mut world = world().await;
    let (maya, sam) = (
        token(&world, "U0MAYA", "maya").await,
        token(&world, "U0SAM", "sam").await,
    );
    world.slack.set_fault(Some(Fault::Outage));
    world.vercel.moves_at_once(true);

    let body = json!({ "service": "frontend", "because": "checkout 500s" });
    let (status, said) = asks(&mut world, &maya, "propose", body).await;
    assert_eq!(status, 200);
    let mut shown = said.clone();
    // How old things are depends on how soon they are read.
    let text = shown["text"].take();
    let text = text.as_str().unwrap();
    let aged = |line: &str| line.contains(" ago") || line.starts_with("Live now");
    let lines: Vec<&str> = text.lines().filter(|line| !aged(line)).collect();
    assert_json_snapshot!(shown, @r#"
    {
      "outcome": "open",
      "plan": {
        "cautions": {},
        "from": "v214",
        "hash": "d63f39ffaa21bcf3",
        "risk": "code",
        "short": "d63f",
        "ticks": false,
        "to": "v213",
        "typed": false
      },
      "refused": null,
      "rollback": "RB-1",
      "state": "PROPOSED",
      "text": null
    }
    "#);
    assert_snapshot!(lines.join("\n"), @r#"
    RB-1 PROPOSED · frontend (production) · v214 → v213 · last change 03:12:00 UTC
    Go back to  v213 3c4d5e6, ran 6 h 29 m until 02:41:00 UTC · previous release, ran before · lee: session expiry
    You lose  1 change: v214 "checkout: new tax engine"
    Changes  code, cron jobs of the target's vercel.json, env values baked into the build
    Stays  database · today's env settings · flags · storage
    After  automatic deploys are OFF until unpinned
    Needs  one approval: @sam (oncall) or @U0ANA (lead), not @maya
    Risk  code · plan d63f
    "#);

    let plan = said["plan"]["short"].as_str().unwrap().to_owned();
    let body = json!({ "rollback": "RB-1", "plan": plan, "because": "seen it" });
    let (status, said) = asks(&mut world, &sam, "approve", body).await;
    assert_eq!(
        (status, refused(&said)),
        (200, "not refused: not refused".into())
    );
    world.passes(Duration::from_secs(20)).await;
    let (_, said) = asks(&mut world, &sam, "status", json!({ "about": "RB-1" })).await;
    assert_snapshot!(said["text"].as_str().unwrap(), @"✅ RB-1 VERIFIED  frontend (production), v214 → v213. v213 answers from outside and passes its checks.");
    assert_eq!(said["outcome"], "done");
    assert_eq!(world.vercel.production(), "v213");
    assert_eq!(world.vercel.rollbacks_asked(), 1);

    // Slack comes back: what happened appears, and how it was asked for.
    world.slack.take_all();
    world.slack.heal();
    world.passes(Duration::from_secs(120)).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot:
      ✅ frontend (production) is back on v213 (RB-1) · @maya (from the CLI / API), approved by @sam (from the CLI / API)
      version v213 answers, 1/1 checks pass · took 3 s, of which 3 s waiting for approval (goal 2 m: met)
      Automatic deploys are off until `/rollback unpin frontend@production`.
      This doesn't fix the bug. If v214 caused it, deploying v214 again brings it back.
    Rollback Bot:
      ✅ RB-1 VERIFIED  frontend (production)
      v214 → v213 · @maya (from the CLI / API) · "checkout 500s"
      ✅ Approved 03:12:03 UTC by @sam (oncall), from the CLI / API
      ✅ Accepted 03:12:03 UTC by Vercel: job succeeded
      ✅ Deploys held automatic deploys are off
      ✅ Live 03:12:03 UTC 8/8 on v213
      ✅ Verified 03:12:05 UTC version v213 answers, 1/1 checks pass
      v213 answers from outside and passes its checks.
      Command to live: 3 s (goal 2 m: met), of which 3 s waiting for approval
      [ Undo… ]
    "#);
    assert_snapshot!(world.record().await, @r#"
    rollback-bot incident opened: opened INC-1 in this channel
    @maya requested: asked to roll back frontend (production) to the previous release, because "checkout 500s"
    rollback-bot planned: proposed v214 → v213, risk code, plan d63f; Slack did not answer; a full member when last read at 03:12 UTC
    @sam approved: approved plan d63f as oncall, because "seen it"; Slack did not answer; a full member when last read at 03:12 UTC
    rollback-bot rechecked: read the platform again: nothing that matters has changed
    rollback-bot executing: asking Vercel for v214 → v213
    Vercel accepted: job accepted
    Vercel pinned: automatic deploys are held off (checked)
    Vercel serving: serves v213 on 8/8
    rollback-bot checked: version v213 answers, 1/1 checks pass
    rollback-bot verified: verified: v213 answers from outside and passes its checks.
    "#);
    let (_, story) = asks(&mut world, &sam, "timeline", json!({})).await;
    assert_eq!(story["entries"][1]["source"], "out_of_band");
    world.passes(Duration::from_secs(600)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn the_same_no_as_in_slack() {
    let mut world = world().await;
    let (maya, sam, tom) = (
        token(&world, "U0MAYA", "maya").await,
        token(&world, "U0SAM", "sam").await,
        token(&world, "U0TOM", "tom").await,
    );
    world.slack.set_fault(Some(Fault::Outage));
    let mut said = vec![];
    let wrong = [
        json!({ "service": "frontned" }),
        json!({ "service": "frontend", "to": "v999" }),
    ];
    for body in wrong {
        said.push(refused(&asks(&mut world, &maya, "propose", body).await.1));
    }
    let plan = proposed(&mut world, &maya).await;
    let approve = |plan: Option<&str>| json!({ "rollback": "RB-2", "plan": plan });
    for (who, verb, body) in [
        (&maya, "propose", json!({ "service": "frontend" })),
        (&maya, "approve", approve(Some(&plan))),
        (&tom, "approve", approve(Some(&plan))),
        (&tom, "deny", json!({ "rollback": "RB-2", "because": "no" })),
        (&sam, "approve", approve(Some("0000"))),
        (&sam, "approve", approve(Some(&plan[..3]))),
        (&sam, "approve", approve(None)),
        (&sam, "approve", json!({ "rollback": "RB-7", "plan": plan })),
        (&sam, "status", json!({ "about": "RB-7" })),
    ] {
        let (status, answer) = asks(&mut world, who, verb, body).await;
        assert_eq!(status, 200, "{answer}");
        said.push(refused(&answer));
    }
    assert_snapshot!(said.join("\n"), @r#"
    UNKNOWN_SERVICE: No service or command "frontned". Did you mean frontend? Nothing was run.
    UNKNOWN_TARGET: frontend (production) has no release "v999". You can go to v213, v212 and v211; `/rollback list frontend@production` shows more. Nothing was run.
    ALREADY_OPEN: RB-2 is already open for frontend (production): proposed. Use its card, or stop it first with `/rollback stop RB-2`. Nothing was run.
    NOT_AUTHORISED: This needs somebody with the role oncall or lead, and you do not have it. @sam or @U0ANA can. Nothing was run.
    NOT_AUTHORISED: This needs somebody with the role oncall or lead, and you do not have it. @sam or @U0ANA can. Nothing was run.
    NOT_AUTHORISED: This needs somebody with the role oncall or lead, and you do not have it. @sam or @U0ANA can. Nothing was run.
    OLD_CARD: That button belongs to an older plan of RB-2. Nothing was run. Use the newest card.
    OLD_CARD: That button belongs to an older plan of RB-2. Nothing was run. Use the newest card.
    UNCONFIRMED: An approval is for one plan: name the hash of the one you have seen. Nothing was run.
    UNKNOWN_ROLLBACK: There is no RB-7. `/rollback status` lists the ones that are open.
    UNKNOWN_ROLLBACK: There is no RB-7. `/rollback status` lists the ones that are open.
    "#);
    assert_eq!(world.rollback(2).await.state.name(), "proposed");
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    let (_, said) = asks(
        &mut world,
        &sam,
        "deny",
        json!({ "rollback": "RB-2", "because": "it is the database" }),
    )
    .await;
    assert_eq!(said["state"], "DENIED");
    assert_snapshot!(world.record().await, @r#"
    rollback-bot incident opened: opened INC-1 in this channel
    @maya requested: asked to roll back frontend (production) to v999
    rollback-bot blocked: UNKNOWN_TARGET: frontend (production) has no release "v999". You can go to v213, v212 and v211; `/rollback list frontend@production` shows more. Nothing was run.
    @maya requested: asked to roll back frontend (production) to the previous release, because "checkout 500s"
    rollback-bot planned: proposed v214 → v213, risk code, plan d63f; Slack did not answer; a full member when last read at 03:12 UTC
    @maya refused: tried `propose` and was refused (ALREADY_OPEN): RB-2 is already open for frontend (production): proposed. Use its card, or stop it first with `/rollback stop RB-2`. Nothing was run.
    @maya refused: tried `approve` and was refused (NOT_AUTHORISED): This needs somebody with the role oncall or lead, and you do not have it. @U0SAM or @U0ANA can. Nothing was run.
    @tom refused: tried `approve` and was refused (NOT_AUTHORISED): This needs somebody with the role oncall or lead, and you do not have it. @U0SAM or @U0ANA can. Nothing was run.
    @tom refused: tried `deny` and was refused (NOT_AUTHORISED): This needs somebody with the role oncall or lead, and you do not have it. @U0SAM or @U0ANA can. Nothing was run.
    @sam refused: tried `approve` and was refused (OLD_CARD): That button belongs to an older plan of RB-2. Nothing was run. Use the newest card.
    @sam refused: tried `approve` and was refused (OLD_CARD): That button belongs to an older plan of RB-2. Nothing was run. Use the newest card.
    @sam refused: tried `approve` and was refused (UNCONFIRMED): An approval is for one plan: name the hash of the one you have seen. Nothing was run.
    @sam refused: tried `approve` and was refused (UNKNOWN_ROLLBACK): There is no RB-7. `/rollback status` lists the ones that are open.
    @sam denied: denied it: "it is the database"; Slack did not answer; a full member when last read at 03:12 UTC
    "#);
    world.slack.heal();
    world.passes(Duration::from_secs(120)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn what_is_unusual_is_ticked_and_a_change_of_direction_needs_a_reason() {
    let mut world = world().await;
    let (maya, sam) = (
        token(&world, "U0MAYA", "maya").await,
        token(&world, "U0SAM", "sam").await,
    );
    world.vercel.moves_at_once(true);
    let plan = proposed(&mut world, &maya).await;
    asks(
        &mut world,
        &sam,
        "approve",
        json!({ "rollback": "RB-1", "plan": plan }),
    )
    .await;
    world.passes(Duration::from_secs(20)).await;
    world.site.heals("v214");
    world
        .maya()
        .says("/rollback undo RB-1 because it was not that")
        .await;
    world.settle().await;
    world.slack.set_fault(Some(Fault::Outage));
    // What an earlier rollback left has to be ticked; here by its name.
    let (_, said) = asks(&mut world, &sam, "status", json!({ "about": "RB-2" })).await;
    let plan = &said["plan"];
    assert_json_snapshot!(json!([plan["risk"], plan["ticks"], plan["cautions"]]), @r#"
    [
      "caution",
      true,
      {
        "once_bad": "v214 was rolled back by RB-1 at 2026-03-14 03:12 UTC"
      }
    ]
    "#);
    let mut approve = json!({ "rollback": "RB-2", "plan": plan["hash"] });
    let (_, said) = asks(&mut world, &sam, "approve", approve.clone()).await;
    assert_eq!(said["refused"]["code"], "UNCONFIRMED");
    approve["ticks"] = json!(["once_bad"]);
    let (_, said) = asks(&mut world, &sam, "approve", approve).await;
    assert_eq!(refused(&said), "not refused: not refused");
    world.passes(Duration::from_secs(20)).await;
    assert_eq!(world.vercel.production(), "v214");
    let mut again = json!({ "service": "frontend" });
    let (_, said) = asks(&mut world, &maya, "propose", again.clone()).await;
    assert_snapshot!(refused(&said), @"FLAPPING: frontend was switched before within 30 minutes (RB-1 went back and RB-2 went forward). Add a reason: the same command with `because …`. Nothing was run.");
    again["because"] = json!("it was that after all");
    let (_, said) = asks(&mut world, &maya, "propose", again).await;
    assert_eq!(said["state"], "PROPOSED");
    world.slack.heal();
    world.passes(Duration::from_secs(600)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn without_a_token_that_counts_nothing_is_asked() {
    let mut world = world().await;
    let maya = token(&world, "U0MAYA", "maya").await;
    proposed(&mut world, &maya).await;
    let base = format!("{}/api/v1/stop", world.base());
    let http = http_client().unwrap();
    let body = json!({ "rollback": "RB-1" });
    let none = sends(&mut world, http.post(&base).json(&body)).await;
    assert_eq!(none.0, 401);
    let mut said = vec![refused(&none.1)];
    let mut wrong = maya.clone();
    wrong.replace_range(70.., "00000000");
    for other in [wrong.as_str(), "rbt_1", "xoxb-simulation"] {
        let (status, answer) = asks(&mut world, other, "stop", body.clone()).await;
        assert_eq!(status, 401);
        said.push(refused(&answer));
    }
    // One that was taken back, and one whose time is over.
    let revoked = token(&world, "U0TOM", "tom").await;
    let mut record = Beside::open(world.database()).await.unwrap();
    assert!(
        record
            .revoke(&revoked[4..14], world.clock.now())
            .await
            .unwrap()
    );
    for _ in 0..3 {
        let (status, answer) = asks(&mut world, &revoked, "stop", body.clone()).await;
        assert_eq!(status, 401);
        said.push(refused(&answer));
    }
    let made_before = world.clock.now().checked_sub(DAY).unwrap();
    let ended = made(&world, "U0SAM", "sam", made_before).await;
    let (status, answer) = asks(&mut world, &ended, "stop", body.clone()).await;
    assert_eq!(status, 401);
    said.push(refused(&answer));
    said.dedup();
    assert_snapshot!(said.join("\n"), @"
    TOKEN_REFUSED: Your token is not valid: none came with this (`Authorization: Bearer rbt_…`). `rollback-bot token create`, where the bot runs, makes another one. Nothing was run.
    TOKEN_REFUSED: Your token is not valid: this bot has not made it. `rollback-bot token create`, where the bot runs, makes another one. Nothing was run.
    TOKEN_REFUSED: Your token is not valid: it was revoked on 2026-03-14 03:12 UTC. `rollback-bot token create`, where the bot runs, makes another one. Nothing was run.
    TOKEN_REFUSED: Your token is not valid: it ended on 2026-03-14 03:12 UTC. `rollback-bot token create`, where the bot runs, makes another one. Nothing was run.
    ");
    assert_eq!(world.rollback(1).await.state.name(), "proposed");
    // Both are in the record, once however often they come.
    let record = world.record().await;
    let told: Vec<&str> = record
        .lines()
        .filter(|line| line.contains("TOKEN"))
        .collect();
    assert_snapshot!(told.join("\n"), @"
    @tom refused: tried `stop` and was refused (TOKEN_REFUSED): Your token is not valid: it was revoked on 2026-03-14 03:12 UTC. `rollback-bot token create`, where the bot runs, makes another one. Nothing was run.
    @sam refused: tried `stop` and was refused (TOKEN_REFUSED): Your token is not valid: it ended on 2026-03-14 03:12 UTC. `rollback-bot token create`, where the bot runs, makes another one. Nothing was run.
    ");
    world.slack.take_all();
}

#[tokio::test]
async fn what_was_read_too_long_ago_lets_nobody_act() {
    let mut world = world().await;
    let (maya, sam) = (
        token(&world, "U0MAYA", "maya").await,
        token(&world, "U0SAM", "sam").await,
    );
    let plan = proposed(&mut world, &maya).await;
    world.slack.set_fault(Some(Fault::Outage));
    let approve = json!({ "rollback": "RB-1", "plan": plan });
    // What is not known to be so for long is not believed; nor is anything of somebody of whom
    // nothing was read.
    let db = world.database().to_owned();
    forget_standing(&db, "U0SAM").await;
    let (_, said) = asks_and_waits(&mut world, &sam, "approve", approve.clone()).await;
    assert_snapshot!(refused(&said), @"AUTHORITY_UNREADABLE: I can't check your permission: Slack could not be read (Slack answered 503 to users.info). Try again in a moment. Nothing was run.");
    world.slack.heal();
    world.passes(Duration::from_secs(300)).await;
    world.slack.take_all();
    world.slack.set_fault(Some(Fault::Outage));
    world.passes(Duration::from_secs(13 * 3_600)).await;
    let body = json!({ "service": "frontend", "because": "checkout 500s" });
    let (_, said) = asks_and_waits(&mut world, &maya, "propose", body).await;
    assert_snapshot!(refused(&said), @"AUTHORITY_UNREADABLE: I can't check your permission: Slack could not be read (Slack answered 503 to users.info, and what it last said is 13 h old, which is more than 12 h). Try again in a moment. Nothing was run.");
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    world.slack.heal();
    world.passes(Duration::from_secs(600)).await;
    world.slack.take_all();
}

/// As if nobody had ever read what somebody is to Slack.
async fn forget_standing(url: &str, person: &str) {
    match Beside::open(url).await.unwrap() {
        Beside::Sqlite(mut connection) => sqlx::query("DELETE FROM standing WHERE person = $1")
            .bind(person)
            .execute(&mut connection)
            .await
            .map(drop)
            .unwrap(),
        Beside::Postgres(mut connection) => sqlx::query("DELETE FROM standing WHERE person = $1")
            .bind(person)
            .execute(&mut connection)
            .await
            .map(drop)
            .unwrap(),
    }
}

#[tokio::test]
async fn somebody_who_has_left_is_not_believed_to_be_there() {
    let mut world = world().await;
    let (maya, gus) = (
        token(&world, "U0MAYA", "maya").await,
        token(&world, "U0GUS", "gus").await,
    );
    // Slack is asked for the owners of tokens every five minutes: gus is a guest by now.
    world.passes(Duration::from_secs(301)).await;
    world.maya().says("/rollback").await;
    world.settle().await;
    world.slack.take_all();
    world.slack.set_fault(Some(Fault::Outage));
    let (_, said) = asks(
        &mut world,
        &gus,
        "propose",
        json!({ "service": "frontend" }),
    )
    .await;
    assert_snapshot!(refused(&said), @"NOT_A_MEMBER: Only full members of this workspace can use /rollback, and you are not one of them, as Slack last answered. Ask someone on the team. Nothing was run.");
    let (_, said) = asks(&mut world, &gus, "status", json!({})).await;
    assert_eq!(said["refused"]["code"], "NOT_A_MEMBER");
    let (status, said) = asks(&mut world, &gus, "timeline", json!({})).await;
    assert_eq!(
        (status, &said["refused"]["code"]),
        (403, &json!("NOT_A_MEMBER"))
    );
    let (_, said) = asks(&mut world, &maya, "status", json!({})).await;
    assert_eq!(said["text"], "No rollback is open.");
    world.slack.heal();
    world.passes(Duration::from_secs(120)).await;
    world.slack.take_all();
}

/// On call by a Slack group; nobody is listed.
const GROUP: &str = r#"
[roles.oncall]
slack_usergroup = "S0ONCALL"
[roles.lead]
members = ["U0ANA"]
"#;

#[tokio::test]
async fn a_group_is_believed_as_it_was_last_read_and_the_record_says_so() {
    let mut world = with(GROUP, FRONTEND).await;
    let (maya, sam, tom) = (
        token(&world, "U0MAYA", "maya").await,
        token(&world, "U0SAM", "sam").await,
        token(&world, "U0TOM", "tom").await,
    );
    world.slack.sets_group("S0ONCALL", &["U0SAM"]).await;
    world.settle().await;
    world.slack.take_all();
    world.slack.set_fault(Some(Fault::Outage));
    // The group is read for the cards again and again meanwhile, in vain.
    world.passes(Duration::from_secs(1_000)).await;
    let plan = proposed(&mut world, &maya).await;
    let approve = json!({ "rollback": "RB-1", "plan": plan });
    let (_, said) = asks(&mut world, &tom, "approve", approve.clone()).await;
    assert_snapshot!(refused(&said), @"NOT_AUTHORISED: This needs somebody with the role oncall or lead, and you do not have it. @sam or @U0ANA can. Nothing was run.");
    world.vercel.moves_at_once(true);
    let (_, said) = asks(&mut world, &sam, "approve", approve).await;
    assert_eq!(refused(&said), "not refused: not refused");
    let record = world.record().await;
    let approved = record.lines().find(|line| line.contains("sam approved"));
    assert_snapshot!(approved.unwrap(), @"@sam approved: approved plan d63f as oncall; Slack did not answer; a full member when last read at 03:12 UTC, in Slack group S0ONCALL when last read at 03:12 UTC");
    // Whoever clicks in Slack is not believed anything.
    world.slack.heal();
    world.passes(Duration::from_secs(600)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn a_token_is_no_way_around_a_group_that_alone_is_silent() {
    let mut world = with(GROUP, FRONTEND).await;
    let (maya, sam) = (
        token(&world, "U0MAYA", "maya").await,
        token(&world, "U0SAM", "sam").await,
    );
    world.slack.sets_group("S0ONCALL", &["U0SAM"]).await;
    world.settle().await;
    let plan = proposed(&mut world, &maya).await;
    world
        .slack
        .fault(Fault::Outage, Some("usergroups.users.list"), None);
    let approve = json!({ "rollback": "RB-1", "plan": plan });
    let (_, said) = asks(&mut world, &sam, "approve", approve).await;
    assert_eq!(said["refused"]["code"], "AUTHORITY_UNREADABLE");
    world.slack.heal();
    world.slack.take_all();
}

#[tokio::test]
async fn a_group_that_says_it_is_gone_is_not_believed_as_it_was() {
    let mut world = with(GROUP, FRONTEND).await;
    let (maya, sam) = (
        token(&world, "U0MAYA", "maya").await,
        token(&world, "U0SAM", "sam").await,
    );
    let plan = proposed(&mut world, &maya).await;
    // Slack answers: there is no such group.
    let approve = json!({ "rollback": "RB-1", "plan": plan });
    let (_, said) = asks(&mut world, &sam, "approve", approve).await;
    assert_snapshot!(refused(&said), @"AUTHORITY_UNREADABLE: I can't check your permission: Slack group S0ONCALL could not be read (Slack says no_such_subteam). Try again in a moment. Or ask @U0ANA. If it can't wait: *Emergency run…* in the card's menu. Nothing was run.");
    world.slack.take_all();
}

/// sam approves by a click while Slack's Web API is away; a minute ago it said what he is.
async fn a_click_while_slack_is_silent(services: &str) -> World {
    let mut world = with(ROLES, services).await;
    world.with_a_card().await;
    world.sam().says("/rollback object RB-1 because wait").await;
    world.settle().await;
    world.slack.take_all();
    world.slack.fault(Fault::Outage, Some("users.info"), None);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(10)).await;
    world.slack.heal();
    world
}

#[tokio::test]
async fn a_click_is_decided_on_what_was_last_read_as_a_token_is() {
    let mut world = a_click_while_slack_is_silent(FRONTEND).await;
    let record = world.record().await;
    let approved = record.lines().find(|line| line.contains("approved plan"));
    assert_snapshot!(approved.unwrap_or("not approved"), @"@sam approved: approved plan d63f as oncall; Slack did not answer; a full member when last read at 03:12 UTC");
    // Nothing was ever read of somebody whom Slack has not described.
    world.vercel.moves_at_once(true);
    world.passes(Duration::from_secs(30)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn a_strict_team_believes_nothing_that_was_not_read_now() {
    let strict = format!("{FRONTEND}\n[policy]\npreset = \"strict\"\n");
    let strict = strict.replace(
        "approve = [\"oncall\", \"lead\"]",
        "approve = [\"oncall\", \"lead\"]\nrequester_may_approve = false",
    );
    let world = a_click_while_slack_is_silent(&strict).await;
    assert_eq!(world.rollback(1).await.approvals, []);
    let record = world.record().await;
    assert!(record.contains("tried `approve` and was refused (AUTHORITY_UNREADABLE)"));
    world.slack.take_all();
}

#[tokio::test]
async fn a_key_belongs_to_the_request_that_it_came_with_first() {
    let mut world = world().await;
    let maya = token(&world, "U0MAYA", "maya").await;
    let keyed = |world: &World, verb: &str, body: Value| {
        request(world, &maya, verb, &body).header("Idempotency-Key", "night-1")
    };
    let first = json!({ "service": "frontend", "because": "checkout 500s" });
    let sent = keyed(&world, "propose", first.clone());
    let (status, said) = sends(&mut world, sent).await;
    assert_eq!((status, &said["rollback"]), (200, &json!("RB-1")), "{said}");
    let before = world.record().await;
    for (verb, body) in [
        ("propose", json!({ "service": "frontend", "to": "v212" })),
        ("propose", json!({ "service": "frontend" })),
        ("stop", json!({ "rollback": "RB-1" })),
        ("deny", json!({ "rollback": "RB-2" })),
    ] {
        let sent = keyed(&world, verb, body);
        let (status, said) = sends(&mut world, sent).await;
        assert_eq!(status, 422, "{said}");
        assert_eq!(
            refused(&said),
            "MISREAD: This Idempotency-Key came with another request before. Use a new key for each request. Nothing was run."
        );
    }
    assert_eq!(world.record().await, before);
    let sent = keyed(&world, "propose", first);
    let (status, said) = sends(&mut world, sent).await;
    assert_eq!((status, &said["rollback"]), (200, &json!("RB-1")), "{said}");
    world.slack.take_all();
}

#[tokio::test]
async fn fields_are_never_joined_and_a_body_is_needed() {
    let mut world = world().await;
    let maya = token(&world, "U0MAYA", "maya").await;
    for (verb, body) in [
        (
            "propose",
            r#"{"service":"frontend to v212 because smuggled"}"#,
        ),
        (
            "propose",
            r#"{"service":"frontend","to":"v212 because smuggled"}"#,
        ),
        ("propose", r#"{"service":"plan frontend"}"#),
        ("stop", r#"{"rollback":"RB-1 because smuggled"}"#),
        ("status", r#"{"about":"frontend because smuggled"}"#),
        ("propose", "{}"),
        ("propose", ""),
        ("approve", ""),
        ("deny", ""),
        ("stop", ""),
        ("status", ""),
        ("timeline", ""),
    ] {
        let sent = http_client()
            .unwrap()
            .post(format!("{}/api/v1/{verb}", world.base()))
            .bearer_auth(&maya)
            .body(body);
        let (status, said) = sends(&mut world, sent).await;
        assert_eq!(status, 400, "{verb} {body}: {said}");
        assert!(refused(&said).starts_with("MISREAD"), "{verb} {body}");
        world.clock.advance(Duration::from_secs(2));
    }
    world.slack.take_all();
}

#[tokio::test]
async fn a_revoked_token_is_told_of_once_a_minute() {
    let mut world = world().await;
    world.with_a_card().await;
    let maya = token(&world, "U0MAYA", "maya").await;
    let id = maya.trim_start_matches("rbt_")[..10].to_owned();
    let mut record = Beside::open(world.database()).await.unwrap();
    record.revoke(&id, world.clock.now()).await.unwrap();
    drop(record);
    for _ in 0..12 {
        let (status, _) = asks(&mut world, &maya, "status", json!({})).await;
        assert_eq!(status, 401);
        world.clock.advance(Duration::from_secs(1));
    }
    let record = world.record().await;
    assert_eq!(record.matches("TOKEN_REFUSED").count(), 1, "{record}");
    world.slack.take_all();
}

#[tokio::test]
async fn the_same_key_gets_the_same_answer_and_does_nothing() {
    let mut world = world().await;
    let (maya, sam) = (
        token(&world, "U0MAYA", "maya").await,
        token(&world, "U0SAM", "sam").await,
    );
    let body = json!({ "service": "frontend", "because": "checkout 500s" });
    let keyed = |world: &World, token: &str, verb: &str, body: &Value| {
        request(world, token, verb, body).header("idempotency-key", "night-1")
    };
    let first = keyed(&world, &maya, "propose", &body);
    let first = sends(&mut world, first).await;
    let again = keyed(&world, &maya, "propose", &body);
    let again = sends(&mut world, again).await;
    assert_eq!(first.0, again.0);
    for key in ["rollback", "state", "outcome", "refused", "plan"] {
        assert_eq!(first.1[key], again.1[key], "{key}");
    }
    assert_eq!(first.1["rollback"], "RB-1");
    // A refusal is remembered like anything else; and another's key is another key.
    let approve = json!({ "rollback": "RB-1", "plan": first.1["plan"]["short"] });
    let no = asks(&mut world, &maya, "approve", approve.clone()).await;
    assert_eq!(no.1["refused"]["code"], "NOT_AUTHORISED");
    world.vercel.moves_at_once(true);
    for _ in 0..2 {
        let request = keyed(&world, &sam, "approve", &approve);
        let (status, said) = sends(&mut world, request).await;
        assert_eq!(
            (status, &said["state"]),
            (200, &json!("APPROVED")),
            "{said}"
        );
        world.passes(Duration::from_secs(15)).await;
    }
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    let record = world.record().await;
    assert_eq!(record.matches("sam approved").count(), 1);
    assert_eq!(record.matches("NOT_AUTHORISED").count(), 1);
    world.slack.take_all();
}

#[tokio::test]
async fn whoever_does_not_want_to_wait_is_told_where_to_look() {
    let mut world = world().await;
    let maya = token(&world, "U0MAYA", "maya").await;
    let body = json!({ "service": "frontend", "because": "checkout 500s" });
    let asked = request(&world, &maya, "propose", &body)
        .header("prefer", "wait=0")
        .header("idempotency-key", "night-1");
    let again = asked.try_clone().unwrap();
    // Nothing has been done for it yet.
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 202);
    let said: Value = answer.json().await.unwrap();
    assert_json_snapshot!(said, @r#"
    {
      "outcome": "open",
      "plan": null,
      "refused": null,
      "rollback": "RB-1",
      "state": null,
      "text": "It was taken, and nothing is known of it yet. The status of RB-1 tells; the same Idempotency-Key gets the answer."
    }
    "#);
    world.settle().await;
    let (status, said) = sends(&mut world, again).await;
    assert_eq!((status, &said["state"]), (200, &json!("PROPOSED")));
    world.slack.take_all();
}

#[tokio::test]
async fn a_target_that_has_to_be_typed_is_a_field() {
    let services = format!("{FRONTEND}\n[services.frontend.production.code]\nconfirm = \"type\"\n");
    let mut world = with(ROLES, &services).await;
    let (maya, sam) = (
        token(&world, "U0MAYA", "maya").await,
        token(&world, "U0SAM", "sam").await,
    );
    let body =
        json!({ "service": "frontend@production", "to": "v213", "because": "checkout 500s" });
    let (_, said) = asks(&mut world, &maya, "propose", body).await;
    assert_eq!(said["plan"]["typed"], true);
    let mut approve = json!({ "rollback": "RB-1", "plan": said["plan"]["hash"] });
    let (_, said) = asks(&mut world, &sam, "approve", approve.clone()).await;
    assert_eq!(said["refused"]["code"], "UNCONFIRMED");
    approve["typed"] = json!("v213");
    world.vercel.moves_at_once(true);
    let (_, said) = asks(&mut world, &sam, "approve", approve).await;
    assert_eq!(said["refused"], Value::Null);
    world.passes(Duration::from_secs(20)).await;
    assert_eq!(world.vercel.production(), "v213");

    world.slack.take_all();
}

#[tokio::test]
async fn a_body_that_does_not_fit_is_answered_with_what_is_wrong() {
    let mut world = World::set_up(ROLES, FRONTEND).await;
    let maya = token(&world, "U0MAYA", "maya").await;
    let mut said = vec![];
    for (verb, body) in [
        ("propose", json!({ "service": "frontend" })),
        (
            "propose",
            json!({ "service": "frontend", "channel": "#shop" }),
        ),
        (
            "propose",
            json!({ "servce": "frontend", "channel": CHANNEL }),
        ),
        (
            "propose",
            json!({ "service": "approve RB-1", "channel": CHANNEL }),
        ),
        (
            "propose",
            json!({ "service": "frontend", "to": "", "channel": CHANNEL }),
        ),
        (
            "stop",
            json!({ "rollback": "frontend", "channel": CHANNEL }),
        ),
        (
            "status",
            json!({ "about": "RB-1 please", "channel": CHANNEL }),
        ),
    ] {
        let (status, answer) = asks(&mut world, &maya, verb, body).await;
        assert_eq!(status, 400, "{answer}");
        said.push(refused(&answer));
    }
    assert_snapshot!(said.join("\n"), @r#"
    MISREAD: It has to be shown and recorded in a Slack channel: name its id as `channel`, like "C0123ABCD", or write it into [api] of the configuration. Nothing was run.
    MISREAD: It has to be shown and recorded in a Slack channel: name its id as `channel`, like "C0123ABCD", or write it into [api] of the configuration. Nothing was run.
    MISREAD: The body is not understood: unknown field `servce`, expected one of `service`, `to`, `because`, `evidence`, `channel`. Nothing was run.
    MISREAD: Nothing was run, because "approve rb-1" cannot be the name of a service: write it like `frontend` or `frontend@production`, or ask for `help`.
    MISREAD: Nothing was run, because nothing followed `to`: write `to prev`, `to v212` or `to @02:40`.
    MISREAD: Nothing was run, because "frontend" is not the number of a rollback: write `stop RB-` and its number.
    MISREAD: Nothing was run, because "rb-1 please" cannot be the name of a service: write it like `frontend` or `frontend@production`, or ask for `help`.
    "#);
    let (status, said) = asks(&mut world, &maya, "timeline", json!({ "channel": CHANNEL })).await;
    assert_eq!(
        (status, &said["refused"]["code"]),
        (404, &json!("NO_INCIDENT"))
    );
    let large = json!({ "service": "x".repeat(70_000), "channel": CHANNEL });
    let (status, _) = asks(&mut world, &maya, "propose", large).await;
    assert_eq!(status, 413);
    // Nobody was asked to roll anything back, and no incident began.
    let (_, said) = asks(&mut world, &maya, "status", json!({ "channel": CHANNEL })).await;
    assert_eq!(said["text"], "No rollback is open.");
}

#[tokio::test]
async fn a_field_cannot_say_what_belongs_into_another() {
    let mut world = world().await;
    let maya = token(&world, "U0MAYA", "maya").await;
    let mut said = vec![];
    for (verb, body) in [
        (
            "propose",
            json!({ "service": "frontend to dpl_x because smuggled" }),
        ),
        (
            "propose",
            json!({ "service": "frontend", "to": "v212 because smuggled" }),
        ),
        ("approve", json!({ "rollback": "RB-1 because smuggled" })),
        ("deny", json!({ "rollback": "RB-1 RB-2" })),
        ("status", json!({ "about": "frontend to v212" })),
    ] {
        let (status, answer) = asks(&mut world, &maya, verb, body).await;
        assert_eq!(status, 400, "{answer}");
        said.push(refused(&answer));
    }
    assert_snapshot!(said.join("\n"), @r#"
    MISREAD: Nothing was run, because "frontend to dpl_x because smuggled" cannot be the name of a service: write it like `frontend` or `frontend@production`, or ask for `help`.
    MISREAD: Nothing was run, because "v212 because smuggled" cannot be a release: write `to prev`, `to v212` or `to @02:40`, and a name with blanks or signs in quotes.
    MISREAD: Nothing was run, because "RB-1 because smuggled" is not the number of a rollback: write `approve RB-` and its number.
    MISREAD: Nothing was run, because "RB-1 RB-2" is not the number of a rollback: write `deny RB-` and its number.
    MISREAD: Nothing was run, because "frontend to v212" cannot be the name of a service: write it like `frontend` or `frontend@production`, or ask for `help`.
    "#);
    // Nothing was proposed; and in a reason such words are only words.
    let (_, said) = asks(&mut world, &maya, "status", json!({})).await;
    assert_eq!(said["text"], "No rollback is open.");
    let because = "500s to v212 because <https://x.io|x> &amp; y";
    let body = json!({ "service": "frontend", "because": because });
    let (_, said) = asks(&mut world, &maya, "propose", body).await;
    assert_eq!(said["plan"]["to"], "v213", "{said}");
    assert_eq!(world.rollback(1).await.because.as_deref(), Some(because));
    world.slack.take_all();
}

#[tokio::test]
async fn it_can_be_switched_off() {
    let mut world = World::set_up(&format!("[api]\nenabled = false\n{ROLES}"), FRONTEND).await;
    let maya = token(&world, "U0MAYA", "maya").await;
    let request = request(&world, &maya, "status", &json!({}));
    assert_eq!(request.send().await.unwrap().status().as_u16(), 404);
    world.settle().await;
}

#[tokio::test]
async fn the_description_names_every_path_and_each_answers_as_it_says() {
    let mut world = world().await;
    let (maya, sam) = (
        token(&world, "U0MAYA", "maya").await,
        token(&world, "U0SAM", "sam").await,
    );
    let address = format!("{}/api/v1/openapi.json", world.base());
    let described = http_client().unwrap().get(address).send().await.unwrap();
    let described: Value = described.json().await.unwrap();
    assert_eq!(
        described["openapi"].as_str().unwrap().split('.').next(),
        Some("3")
    );
    let paths = described["paths"].as_object().unwrap();
    let plan = proposed(&mut world, &maya).await;
    let mut named = vec![];
    for (verb, body) in [
        ("approve", json!({ "rollback": "RB-1" })),
        ("deny", json!({ "rollback": "RB-7" })),
        ("export", json!({ "format": "json" })),
        ("note", json!({ "text": "checkout is slow" })),
        ("plan", json!({ "service": "frontend" })),
        (
            "propose",
            json!({ "service": "frontend", "because": "again" }),
        ),
        ("reviewed", json!({ "subject": "frontend" })),
        ("status", json!({ "about": "frontend" })),
        (
            "stop",
            json!({ "rollback": "RB-1", "because": "it is over" }),
        ),
        ("timeline", json!({})),
    ] {
        let path = format!("/api/v1/{verb}");
        let told = &paths[&path]["post"];
        assert_eq!(told["security"], json!([{ "token": [] }]));
        let answers = [
            (200, asks(&mut world, &sam, verb, body).await),
            (
                400,
                asks(&mut world, &sam, verb, json!({ "nonsense": 1 })).await,
            ),
            (401, asks(&mut world, "rbt_0", verb, json!({})).await),
        ];
        for (wanted, (status, body)) in answers {
            assert_eq!(status, wanted, "{path}: {body}");
            if (verb, status) == ("export", 200) {
                crate::record::conforms(&body);
                continue;
            }
            let schema = &told["responses"][status.to_string()]["content"]["application/json"];
            assert!(
                fits(&described, &schema["schema"], &body),
                "{path} {status}: {body}"
            );
        }
        named.push(path);
    }
    // What has no body.
    let told = &paths["/api/v1/gate"]["get"];
    assert_eq!(told["security"], json!([{ "token": [] }]));
    for (query, wanted) in [("service=frontend", 200), ("service=shop", 404), ("", 400)] {
        let address = format!("{}/api/v1/gate?{query}", world.base());
        let request = http_client().unwrap().get(address).bearer_auth(&sam);
        let (status, body) = sends(&mut world, request).await;
        assert_eq!(status, wanted, "{body}");
        let schema = &told["responses"][status.to_string()]["content"]["application/json"];
        assert!(
            fits(&described, &schema["schema"], &body),
            "{status}: {body}"
        );
    }
    named.push("/api/v1/gate".into());
    let told = &paths["/api/v1/readiness"]["get"];
    assert_eq!(told["security"], json!([{ "token": [] }]));
    for (query, wanted) in [
        ("", 200),
        ("?service=frontend", 200),
        ("?service=shop", 404),
        ("?nonsense=1", 400),
    ] {
        let address = format!("{}/api/v1/readiness{query}", world.base());
        let request = http_client().unwrap().get(address).bearer_auth(&sam);
        let (status, body) = sends(&mut world, request).await;
        assert_eq!(status, wanted, "{body}");
        let schema = &told["responses"][status.to_string()]["content"]["application/json"];
        assert!(
            fits(&described, &schema["schema"], &body),
            "{status}: {body}"
        );
    }
    named.push("/api/v1/readiness".into());
    // A file that is no JSON.
    for body in [json!({ "quarter": "soon" }), json!({ "format": "csv" })] {
        let (status, answer) = asks(&mut world, &sam, "drill/report", body).await;
        assert_eq!(status, 400, "{answer}");
    }
    named.push("/api/v1/drill/report".into());
    named.sort();
    assert_eq!(paths.keys().cloned().collect::<Vec<_>>(), named);
    assert_eq!(plan.len(), 4);
    world.slack.take_all();
}

/// Whether a value is what a schema says, as far as schemas here go.
fn fits(described: &Value, schema: &Value, value: &Value) -> bool {
    if let Some(name) = schema["$ref"].as_str() {
        let at = name.trim_start_matches('#');
        return described
            .pointer(at)
            .is_some_and(|schema| fits(described, schema, value));
    }
    if let Some(one_of) = schema["oneOf"].as_array() {
        return one_of.iter().any(|schema| fits(described, schema, value));
    }
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.clone(),
        kind => vec![kind.clone()],
    };
    kinds.iter().any(|kind| match kind.as_str() {
        Some("null") => value.is_null(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.as_array().is_some_and(|items| {
            items
                .iter()
                .all(|item| fits(described, &schema["items"], item))
        }),
        Some("object") => value.as_object().is_some_and(|fields| {
            let known = schema["properties"].as_object();
            let required = schema["required"].as_array();
            let there = required
                .into_iter()
                .flatten()
                .all(|name| fields.contains_key(name.as_str().unwrap_or_default()));
            there
                && fields.iter().all(|(name, value)| {
                    match known.and_then(|known| known.get(name)) {
                        Some(schema) => fits(described, schema, value),
                        None => schema["additionalProperties"].is_object(),
                    }
                })
        }),
        _ => false,
    })
}

// The program itself.

/// Runs the program with the configuration of this world, while the bot does what is due.
async fn runs(world: &mut World, token: Option<&str>, arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(world, token, arguments, &directory);
    let mut ran = tokio::task::spawn_blocking(move || command.output().unwrap());
    loop {
        world.settle().await;
        tokio::select! {
            output = &mut ran => return output.unwrap(),
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
        }
        world.clock.advance(Duration::from_millis(500));
    }
}

fn program(
    world: &World,
    token: Option<&str>,
    arguments: &[&str],
    directory: &tempfile::TempDir,
) -> Command {
    let config = directory.path().join("rollback-bot.toml");
    fs::write(&config, world.settings()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollback-bot"));
    command
        .args(arguments)
        .env_clear()
        .env("DATABASE_URL", world.database())
        .env("SIGNING_SECRET", SECRET)
        .env("SIGNING_SECRET_NEW", "the-next-secret")
        .env("APP_TOKEN", crate::support::socket::APP_TOKEN)
        .env("BOT_TOKEN", "xoxb-simulation")
        .env("VERCEL_TOKEN", vercel::TOKEN)
        .current_dir(directory.path())
        .stdin(std::process::Stdio::null());
    if let Some(token) = token {
        command.env("ROLLBACK_BOT_TOKEN", token);
    }
    command
}

fn told(output: &Output) -> String {
    format!(
        "{:?}\n{}{}",
        output.status.code().unwrap(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[tokio::test]
async fn from_a_terminal_while_slack_is_down() {
    let mut world = world().await;
    let (maya, sam) = (
        token(&world, "U0MAYA", "maya").await,
        token(&world, "U0SAM", "sam").await,
    );
    world.slack.set_fault(Some(Fault::Outage));
    world.vercel.moves_at_once(true);
    let server = world.base().to_owned();
    let at = ["--server", server.as_str()];
    let proposal = [
        &["propose", "frontend", "because", "checkout", "500s"],
        &at[..],
    ]
    .concat();
    let output = runs(&mut world, Some(&maya), &proposal).await;
    let proposed = told(&output).replace(&server, "http://bot");
    assert!(
        proposed.starts_with("0\nRB-1 PROPOSED · frontend (production) · v214 → v213"),
        "{proposed}"
    );
    assert!(
        proposed.contains("Needs  one approval: @sam (oncall) or @U0ANA (lead), not @maya\n"),
        "{proposed}"
    );
    let command = proposed.lines().last().unwrap();
    let plan = command.split("--plan ").nth(1).unwrap()[..4].to_owned();
    assert_eq!(
        command.trim(),
        format!("rollback-bot approve RB-1 --plan {plan} --server http://bot")
    );

    let output = runs(
        &mut world,
        Some(&maya),
        &[&["approve", "RB-1", "--plan", &plan], &at[..]].concat(),
    )
    .await;
    assert_snapshot!(told(&output).replace(&server, "http://bot"), @"
    1
    This needs somebody with the role oncall or lead, and you do not have it. @sam or @U0ANA can. Nothing was run.

    To approve it:
      rollback-bot approve RB-1 --plan d63f --server http://bot
    ");
    let output = runs(
        &mut world,
        Some(&sam),
        &[
            &["approve", "RB-1", "--plan", &plan, "because", "seen it"],
            &at[..],
        ]
        .concat(),
    )
    .await;
    let followed = told(&output);
    assert!(followed.starts_with("0\n"), "{followed}");
    assert!(followed.contains("RB-1 VERIFIED"), "{followed}");
    assert_eq!(world.vercel.production(), "v213");
    let output = runs(
        &mut world,
        Some(&sam),
        &[&["status", "RB-1"], &at[..]].concat(),
    )
    .await;
    assert!(
        told(&output).contains("v213 answers from outside"),
        "{}",
        told(&output)
    );
    let file = tempfile::tempdir().unwrap();
    let page = file.path().join("night.html");
    let to = ["export", "RB-1", "html", "--to", page.to_str().unwrap()];
    for code in ["0\n", "1\n"] {
        // What is there is not written over.
        let output = runs(&mut world, Some(&sam), &[&to[..], &at[..]].concat()).await;
        assert!(told(&output).starts_with(code), "{}", told(&output));
    }
    let page = fs::read_to_string(page).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>"));
    let output = runs(
        &mut world,
        Some(&sam),
        &[&["export", "csv"], &at[..]].concat(),
    )
    .await;
    assert!(
        told(&output).contains("\"INC-1\",\"1\","),
        "{}",
        told(&output)
    );
    let report = ["drill", "report", "2026-Q1"];
    let output = runs(&mut world, Some(&sam), &[&report[..], &at[..]].concat()).await;
    assert!(
        told(&output).contains("# DRILL · Drills of 2026-Q1"),
        "{}",
        told(&output)
    );
    let reviewed = ["reviewed", "role", "oncall"];
    let output = runs(&mut world, Some(&sam), &[&reviewed[..], &at[..]].concat()).await;
    assert!(
        told(&output).contains("@sam has reviewed the role oncall."),
        "{}",
        told(&output)
    );
    let output = runs(&mut world, Some(&sam), &[&["timeline"], &at[..]].concat()).await;
    let story = told(&output);
    assert!(
        story.contains("@sam approved (out_of_band): approved plan"),
        "{story}"
    );
    // Mistakes: of the words, and of whoever has no token.
    let output = runs(
        &mut world,
        Some(&sam),
        &[&["status", "frontned"], &at[..]].concat(),
    )
    .await;
    assert_eq!(output.status.code(), Some(1));
    let output = runs(
        &mut world,
        Some(&sam),
        &[&["approve", "frontend"], &at[..]].concat(),
    )
    .await;
    assert_eq!(output.status.code(), Some(2));
    let output = runs(&mut world, None, &[&["status"], &at[..]].concat()).await;
    assert_eq!(output.status.code(), Some(2));
    let output = runs(&mut world, Some("rbt_0"), &[&["status"], &at[..]].concat()).await;
    assert_eq!(output.status.code(), Some(1));
    let output = runs(
        &mut world,
        Some(&sam),
        &["status", "--server", "http://127.0.0.1:1"],
    )
    .await;
    assert_snapshot!(told(&output), @"
    1
    rollback-bot: no bot answers at http://127.0.0.1:1. `--server` names another address; if it does not run at all, `rollback-bot run --offline` does without it
    ");
    world.slack.heal();
    world.passes(Duration::from_secs(600)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn tokens_are_made_listed_and_revoked_beside_the_bot() {
    let mut world = world().await;
    // The program has the real clock.
    world
        .clock
        .advance(real().duration_since(world.clock.now()).unsigned_abs());
    let config = "rollback-bot.toml";
    let make = [
        "token",
        "create",
        "--for",
        "U0SAM",
        "--expires",
        "90d",
        "--config",
        config,
    ];
    let output = runs(&mut world, None, &make).await;
    assert!(output.status.success(), "{}", told(&output));
    let secret = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    assert_eq!(secret.len(), 78, "{secret}");
    assert!(secret.starts_with("rbt_"));
    let (_, said) = asks(&mut world, &secret, "status", json!({})).await;
    assert_eq!(said["text"], "No rollback is open.");

    let output = runs(&mut world, None, &["token", "list", "--config", config]).await;
    let listed = String::from_utf8(output.stdout).unwrap();
    let id = &secret[4..14];
    assert!(
        listed.starts_with(&format!("{id}  @sam (U0SAM)  made ")),
        "{listed}"
    );
    assert!(
        listed.contains("last used ") && !listed.contains(&secret[14..]),
        "{listed}"
    );
    // Nowhere in the record either.
    let whole = everything(&world).await;
    assert!(
        whole.contains(id) && !whole.contains(&secret[14..40]),
        "{whole}"
    );

    let output = runs(
        &mut world,
        None,
        &["token", "revoke", id, "--config", config],
    )
    .await;
    assert!(output.status.success());
    let (status, _) = asks(&mut world, &secret, "status", json!({})).await;
    assert_eq!(status, 401);

    let mut said = vec![];
    for arguments in [
        vec!["token", "revoke", id],
        vec!["token", "create", "--for", "U0GUS"],
        vec!["token", "create", "--for", "U0BOT2"],
        vec!["token", "create", "--for", "U0EVE"],
        vec!["token", "create", "--for", "U0NOBODY"],
        vec!["token", "create", "--for", "sam"],
        vec!["token", "create", "--for", "U0SAM", "--expires", "367d"],
        vec!["token", "create", "--for", "U0SAM", "--expires", "soon"],
    ] {
        let output = runs(&mut world, None, &arguments).await;
        assert_eq!(output.status.code(), Some(1), "{}", told(&output));
        let told = String::from_utf8(output.stderr).unwrap();
        // The log comes first.
        let told = told.lines().last().unwrap().replace(id, "0123456789");
        said.push(told);
    }
    assert_snapshot!(said.join("\n"), @r#"
    rollback-bot: no token "0123456789" counts: `rollback-bot token list` shows their ids
    rollback-bot: U0GUS is a guest; only full members of the workspace may have a token
    rollback-bot: U0BOT2 is a bot; only full members of the workspace may have a token
    rollback-bot: U0EVE is from another workspace; only full members of the workspace may have a token
    rollback-bot: U0NOBODY is not known in this workspace; only full members of the workspace may have a token
    rollback-bot: "sam" is not a Slack member id; copy it from the person's profile (⋮ → Copy member ID), it looks like "U0123ABCD"
    rollback-bot: --expires: "367d" is out of range; write a duration from 1m to 366d
    rollback-bot: --expires: "soon" is not a duration; write a number and ms, s, m, h or d, like "90s" or "10m"
    "#);
    world.slack.set_fault(Some(Fault::Outage));
    let unknown = ["token", "create", "--for", "U0ANA"];
    let output = runs(&mut world, None, &unknown).await;
    assert_snapshot!(told(&output), @"
    1
    rollback-bot: Slack does not answer (Slack answered 503 to auth.test), so it is not known who U0ANA is; --unchecked makes the token all the same
    ");
    let output = runs(&mut world, None, &[&unknown[..], &["--unchecked"]].concat()).await;
    assert!(output.status.success());
    let ana = String::from_utf8(output.stdout).unwrap();
    // Nothing was read of her, so nothing is believed.
    let (_, said) = asks_and_waits(
        &mut world,
        ana.trim(),
        "propose",
        json!({ "service": "frontend" }),
    )
    .await;
    assert_eq!(said["refused"]["code"], "AUTHORITY_UNREADABLE");
    world.slack.heal();
    world.passes(Duration::from_secs(60)).await;
    world.slack.take_all();
}

fn real() -> Timestamp {
    Clock::real().now()
}

/// Every token as it is stored, as text.
async fn everything(world: &World) -> String {
    const ALL: &str = "SELECT id || person || name || hash FROM token";
    let rows: Vec<(String,)> = match Beside::open(world.database()).await.unwrap() {
        Beside::Sqlite(mut connection) => sqlx::query_as(ALL)
            .fetch_all(&mut connection)
            .await
            .unwrap(),
        Beside::Postgres(mut connection) => sqlx::query_as(ALL)
            .fetch_all(&mut connection)
            .await
            .unwrap(),
    };
    rows.into_iter().map(|(row,)| row).collect()
}

/// A shop on disk, and the real clock.
const SHOP: &str = r#"
[services.shop.local]
provider = "releases"
path = "{dir}/shop"
approve = ["oncall"]
check_every = "200ms"
[services.shop.local.fingerprint]
url = "{local}/version.json"
json = "/version"
[[services.shop.local.verify]]
kind = "http"
url = "{local}/api/health"
"#;

async fn shop() -> (World, tempfile::TempDir) {
    let place = tempfile::tempdir().unwrap();
    let shop = place.path().join("shop");
    for (name, hours) in [("v212", 48), ("v213", 7), ("v214", 1)] {
        let release = shop.join("releases").join(name);
        fs::create_dir_all(&release).unwrap();
        fs::write(release.join("index.html"), name).unwrap();
        let made = real()
            .checked_sub(Duration::from_secs(hours * 3_600))
            .unwrap();
        fs::File::open(&release)
            .unwrap()
            .set_modified(made.into())
            .unwrap();
    }
    symlink("releases/v214", shop.join("current")).unwrap();
    let link = shop.join("current");
    let site = Site::start(move || {
        let target = fs::read_link(&link).unwrap();
        target.file_name().unwrap().to_string_lossy().into_owned()
    })
    .await;
    let settings = SHOP
        .replace("{dir}", &place.path().display().to_string())
        .replace("{local}", &site.url());
    let mut world = with(ROLES, &settings).await;
    world.site = site;
    world
        .clock
        .advance(real().duration_since(world.clock.now()).unsigned_abs());
    world.settle().await;
    (world, place)
}

#[tokio::test]
async fn with_the_server_down_as_well_and_then_it_finds_it_done() {
    let (mut world, place) = shop().await;
    let (maya, sam) = (
        made(&world, "U0MAYA", "maya", real()).await,
        made(&world, "U0SAM", "sam", real()).await,
    );
    let run = [
        "run",
        "--offline",
        "shop",
        "because",
        "checkout",
        "500s",
        "--yes",
    ];
    world.slack.set_fault(Some(Fault::Outage));
    world.stops().await;
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(&world, Some(&maya), &run, &directory);
    command.env("ROLLBACK_BOT_TOKEN_2", &sam);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let said = told(&output);
    assert!(said.starts_with("0\n"), "{said}");
    for line in [
        "RB-1 @maya requested: asked to roll back shop (local) to the previous release, because \"checkout 500s\"",
        "Needs  one approval: @sam (oncall), not @maya",
        "@maya may not approve it, or did already.",
        "RB-1 @sam approved: approved plan",
        "RB-1 VERIFIED",
        "Slack hears of it when the server runs again.",
    ] {
        assert!(said.contains(line), "{line:?} in {said}");
    }
    let link = fs::read_link(place.path().join("shop/current")).unwrap();
    assert_eq!(link.to_str(), Some("releases/v213"));

    // The server comes back, and Slack: what happened is told, and nothing is done again.
    world.slack.heal();
    world.starts().await;
    world
        .clock
        .advance(real().duration_since(world.clock.now()).unsigned_abs());
    world.settle().await;
    let channel = world.channel();
    assert!(channel.contains("RB-1 VERIFIED  shop (local)"), "{channel}");
    assert!(
        channel.contains("by @sam (oncall), from the CLI / API"),
        "{channel}"
    );
    assert!(
        channel.contains("@maya (from the CLI / API), approved by @sam (from the CLI / API)"),
        "{channel}"
    );
    world.passes(Duration::from_secs(600)).await;
    let record = world.record().await;
    assert_eq!(record.matches(" executing: ").count(), 1, "{record}");
    assert_eq!(world.rollback(1).await.state.name(), "closed");
    world.slack.take_all();
}

#[tokio::test]
async fn without_a_second_person_it_stays_open_and_the_server_goes_on_with_it() {
    let (mut world, place) = shop().await;
    let maya = made(&world, "U0MAYA", "maya", real()).await;
    let run = [
        "run",
        "--offline",
        "shop",
        "because",
        "checkout",
        "500s",
        "--yes",
    ];
    world.stops().await;
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(&world, Some(&maya), &run, &directory);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let said = told(&output);
    assert!(
        said.starts_with("1\n") && said.contains("an approval is missing"),
        "{said}"
    );
    let link = fs::read_link(place.path().join("shop/current")).unwrap();
    assert_eq!(link.to_str(), Some("releases/v214"));
    world.starts().await;
    world
        .clock
        .advance(real().duration_since(world.clock.now()).unsigned_abs());
    world.settle().await;
    assert!(world.channel().contains("· RB-1 · local"));
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(10)).await;
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    world.slack.take_all();
}

#[tokio::test]
async fn what_is_open_is_gone_on_with_once_its_target_is_typed() {
    let (mut world, place) = shop().await;
    let (maya, sam) = (
        made(&world, "U0MAYA", "maya", real()).await,
        made(&world, "U0SAM", "sam", real()).await,
    );
    world
        .maya()
        .says("/rollback shop because checkout 500s")
        .await;
    world.settle().await;
    world.slack.take_all();
    world.stops().await;
    let mut said = vec![];
    for typed in ["v212".to_owned(), format!("v213\nrbt_0\n{sam}\nv213\n")] {
        let directory = tempfile::tempdir().unwrap();
        let mut command = program(
            &world,
            Some(&maya),
            &["run", "--offline", "RB-1"],
            &directory,
        );
        let words = directory.path().join("typed");
        fs::write(&words, typed).unwrap();
        command.stdin(fs::File::open(&words).unwrap());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap();
        said.push(told(&output));
    }
    // Somebody who cannot type the target has not read the plan.
    assert!(
        said[0].starts_with("1\n") && said[0].contains("Nothing was run."),
        "{}",
        said[0]
    );
    assert!(
        said[1].starts_with("0\n")
            && said[1].contains("this bot has not made it")
            && said[1].contains("as oncall, typing v213"),
        "{}",
        said[1]
    );
    let link = fs::read_link(place.path().join("shop/current")).unwrap();
    assert_eq!(link.to_str(), Some("releases/v213"));
    world.starts().await;
    world
        .clock
        .advance(real().duration_since(world.clock.now()).unsigned_abs());
    world.passes(Duration::from_secs(600)).await;
    assert_eq!(world.rollback(1).await.state.name(), "closed");
    world.slack.take_all();
}

#[tokio::test]
async fn a_server_does_not_start_while_one_is_run_without_it() {
    let mut world = world().await;
    world.stops().await;
    let url = world.database().to_owned();
    let db = Db::open(&url).await.unwrap();
    let alone = Presence::begin(&url, Company::Nobody).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(&world, None, &["serve"], &directory);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let said = told(&output);
    assert!(said.starts_with("1\n"), "{said}");
    assert!(
        said.contains("`rollback-bot run --offline` is at work on this database")
            || said.contains("another rollback-bot uses"),
        "{said}"
    );
    drop(alone);
    db.close().await;
    drop(db);
    world.starts().await;
}

#[tokio::test]
async fn it_is_refused_while_a_server_lives() {
    let (mut world, _place) = shop().await;
    let maya = made(&world, "U0MAYA", "maya", real()).await;
    let run = [
        "run",
        "--offline",
        "shop",
        "because",
        "checkout",
        "500s",
        "--yes",
    ];
    let output = runs(&mut world, Some(&maya), &run).await;
    let said = told(&output);
    assert!(said.starts_with("1\n"), "{said}");
    assert!(
        said.contains("this needs the record for itself; if a server is at work, ask it instead"),
        "{said}"
    );
    assert!(said.contains("another rollback-bot"), "{said}");
    world.slack.take_all();
}
