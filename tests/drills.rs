//! Rollbacks that are practised: the same plan, the same card, the same approvals, and DRILL as the
//! first word of everything.

use crate::{
    out_of_band::{asks, token},
    support::{CHANNEL, FRONTEND, ROLES, World, site::Site},
    web::{WEB, signed_in},
};
use insta::assert_snapshot;
use rollback_bot::http_client;
use rollback_domain::identity::{IncidentId, RollbackId};
use serde_json::json;
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::Duration,
};

const STAGING: &str = r#"
[services.frontend.staging]
provider = "releases"
path = "{place}/shop"
restart = ["true"]
approve = ["oncall"]
drill = true
fault = ["ln", "-sfn", "releases/v214", "{place}/shop/current"]
[services.frontend.staging.fingerprint]
url = "{staging}/version.json"
json = "/version"
[[services.frontend.staging.verify]]
kind = "http"
url = "{staging}/api/health"
"#;

/// `frontend` in production and in staging, where a drill acts; staging serves v213, and v214 is
/// there to break it.
async fn two_environments() -> (World, PathBuf) {
    with_settings(ROLES, "").await
}

async fn with_settings(roles: &str, of_staging: &str) -> (World, PathBuf) {
    let place = tempfile::tempdir().unwrap().keep();
    let shop = place.join("shop");
    let hour = Duration::from_secs(3_600);
    for (name, age) in [("v212", hour * 48), ("v213", hour * 7), ("v214", hour / 2)] {
        let release = shop.join("releases").join(name);
        fs::create_dir_all(&release).unwrap();
        fs::write(release.join("index.html"), name).unwrap();
        let made = crate::support::dawn().checked_sub(age).unwrap();
        let release = fs::File::open(&release).unwrap();
        release.set_modified(made.into()).unwrap();
    }
    symlink("releases/v213", shop.join("current")).unwrap();
    let link = shop.join("current");
    let site = Site::start(move || live(&link)).await;
    let staging = STAGING.replace("drill = true\n", &format!("drill = true\n{of_staging}"));
    let staging = staging
        .replace("{place}", &place.display().to_string())
        .replace("{staging}", &site.url());
    // It lives as long as the story.
    Box::leak(Box::new(site));
    let world = World::set_up(roles, &format!("{FRONTEND}{staging}")).await;
    (world, place)
}

fn live(link: &Path) -> String {
    let target = fs::read_link(link).unwrap();
    target.file_name().unwrap().to_string_lossy().into_owned()
}

fn on_staging(place: &Path) -> String {
    live(&place.join("shop/current"))
}

/// Everything that was said in the channel begins with the watermark.
fn is_marked(channel: &str) {
    let mut lines = channel.lines();
    while let Some(line) = lines.next() {
        if let Some(said) = line
            .trim_start_matches([' ', '|'])
            .strip_prefix("Rollback Bot")
        {
            let said = said.split_once(':').unwrap().1.trim();
            let first = if said.is_empty() {
                lines.next().unwrap().trim_start_matches([' ', '|'])
            } else {
                said
            };
            assert!(
                first.starts_with("DRILL") || first.starts_with("[file DRILL"),
                "{first:?} in\n{channel}"
            );
        }
    }
}

#[tokio::test]
async fn a_drill_on_production_does_everything_but_act() {
    let mut world = World::new().await;
    world
        .maya()
        .says("/rollback drill frontend because it is the last friday")
        .await;
    world.settle().await;
    let card = world.channel();
    is_marked(&card);
    assert_snapshot!(card, @r#"
    Rollback Bot (only visible to @maya): DRILL · DR-1: finding a version of frontend (production) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot:
      DRILL · DR-1
      Roll back frontend to v213?
      it is the last friday · @maya, 03:12:00 UTC
      Live now `v214` a1b2c3d, since 02:41:00 UTC (31 m) kim: checkout: new tax engine on 8/8 surfaces
      Go back to `v213` 3c4d5e6, ran 6 h 29 m until 02:41:00 UTC · previous release, ran before lee: session expiry
      A drill that does not act: it ends before the platform is asked, and nothing of frontend (production) changes.
      You lose  1 change: v214 "checkout: new tax engine"
      Changes  code, cron jobs of the target's vercel.json, env values baked into the build
      Stays  database · today's env settings · flags · storage
      After  automatic deploys are OFF until unpinned
      [ Approve… ] [ Deny… ] [ Change version… ] [ ⋯ Cancel this request / Object… / Emergency run… / Who can approve / May I approve? ]
      Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:22:00 UTC · DR-1 · production · code · plan `d63f`
    "#);
    world.passes(Duration::from_secs(20)).await;
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(400)).await;
    let told = world.channel();
    is_marked(&told);
    assert_snapshot!(told, @r#"
    Rollback Bot (edited):
      DRILL · DR-1
      ✅ DR-1 DRY RUN DONE  frontend (production)
      v214 → v213 · @maya · "it is the last friday"
      ✅ Approved 03:12:20 UTC by @sam (oncall)
      A drill that does not act: it ends before the platform is asked, and nothing of frontend (production) changes.
      Vercel would have been asked for v214 → v213 now. Nothing was asked, and nothing has changed. What was learned: `/rollback drill note …`.
      | Rollback Bot:
      |   DRILL · Timeline of DR-1, exported when DR-1 closed: … entries.
      |   [file DRILL-DR-1-timeline.md]
    Rollback Bot:
      DRILL · DR-1
      ✅ frontend (production): practised, and nothing was asked or changed (DR-1) · @maya, approved by @sam
      nothing was checked from outside
      Vercel would have been asked for v214 → v213.
      What was learned: `/rollback drill note …`.
    "#);
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    assert_eq!(world.vercel.production(), "v214");
    // It is no rollback: not the first one, and of no incident.
    world.maya().says("/rollback status frontend").await;
    assert!(world.maya().sees().contains("was never rolled back"));
    world.maya().says("/rollback status DR-1").await;
    let status = world.maya().sees();
    assert!(status.trim_start().contains("DRILL"), "{status}");
    world.with_a_card().await;
    assert_eq!(world.rollback(1).await.incident, IncidentId::new(1));
}

#[tokio::test]
async fn a_drill_on_staging_begins_with_a_fault_and_really_acts() {
    let (mut world, place) = two_environments().await;
    world.maya().says("/rollback drill frontend").await;
    world.settle().await;
    assert_eq!(on_staging(&place), "v214", "it was broken");
    is_marked(&world.channel());
    world.sam().clicks("Approve…").await;
    world.passes(Duration::from_secs(400)).await;
    let told = world.channel();
    is_marked(&told);
    assert_snapshot!(told, @"
    Rollback Bot (edited):
      DRILL · DR-1
      ✅ DR-1 VERIFIED  frontend (staging)
      v214 → v213 · @maya
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      A drill that acts: frontend (staging) really goes to the target. It was broken for it with `ln`.
      ✅ Accepted 03:12:00 UTC by Releases: current leads to v213
      ✅ Live 03:12:00 UTC 2/2 on v213
      ✅ Verified 03:12:02 UTC version v213 answers, 1/1 checks pass
      v213 answers from outside and passes its checks.
      Command to live: 0 s, of which 0 s waiting for approval
      [ Undo… ] [ Post-mortem ]
      | Rollback Bot:
      |   DRILL · Timeline of DR-1, exported when DR-1 closed: … entries.
      |   [file DRILL-DR-1-timeline.md]
    Rollback Bot:
      DRILL · DR-1
      ✅ frontend (staging) is back on v213 (DR-1) · @maya, approved by @sam
      version v213 answers, 1/1 checks pass · took 0 s, of which 0 s waiting for approval
      frontend (staging) was really changed by this drill, and is in no history of rollbacks for it. `/rollback undo DR-1` proposes to return to v214, as a drill too. What was learned: `/rollback drill note …`.
    ");
    assert_eq!(on_staging(&place), "v213");
    // It really serves that, and nothing of it counts for the next rollback.
    world
        .sam()
        .says("/rollback plan frontend@staging to v212")
        .await;
    world.settle().await;
    let plan = world.sam().sees();
    assert!(!plan.contains("left as bad"), "{plan}");
    world.maya().says("/rollback undo DR-1").await;
    world.settle().await;
    let undo = world.channel();
    is_marked(&undo);
    assert!(undo.contains("DR-2"), "{undo}");
    world.maya().says("/rollback stop DR-2").await;
    world.settle().await;
    is_marked(&world.channel());
}

#[tokio::test]
async fn a_rollback_goes_before_a_drill_of_the_same_environment() {
    let mut world = World::new().await;
    world.maya().says("/rollback drill frontend").await;
    world.settle().await;
    is_marked(&world.channel());
    world
        .ana()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    let told = world.channel();
    assert!(
        told.contains(
            "DRILL · @maya: DR-1 is stopped: RB-1 was asked for, and a drill is in nobody's way."
        ),
        "{told}"
    );
    assert!(told.contains("Roll back frontend to v213?"), "{told}");
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(400)).await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.slack.take_all();
    // The other way round it waits for its turn.
    world.maya().says("/rollback frontend because again").await;
    world.settle().await;
    world.maya().says("/rollback drill frontend").await;
    world.settle().await;
    let refused = world.channel();
    assert!(refused.contains("RB-2 is already open"), "{refused}");
    assert!(
        !world.record().await.contains("DR-1"),
        "{}",
        world.record().await
    );
}

#[tokio::test]
async fn neighbouring_environments_never_touch_each_other() {
    let (mut world, place) = two_environments().await;
    world.vercel.moves_at_once(true);
    world.maya().says("/rollback drill frontend@staging").await;
    world
        .maya()
        .says("/rollback frontend@production because checkout 500s")
        .await;
    world.settle().await;
    world.sam().says("/rollback approve RB-1").await;
    world.sam().says("/rollback approve DR-1").await;
    world.passes(Duration::from_secs(30)).await;
    // The bot is killed while both run.
    world.stops().await;
    world.starts().await;
    world.leases_end().await;
    world.passes(Duration::from_secs(900)).await;
    world.slack.take_all();
    assert_eq!(world.vercel.production(), "v213");
    assert_eq!(on_staging(&place), "v213");
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    let db = &world.app().engine.db;
    let drill = rollback_bot::store::rollbacks::get(db, RollbackId::drill(1)).await;
    let drill = drill.unwrap().unwrap();
    assert_eq!(
        (drill.word(), world.rollback(1).await.word()),
        ("VERIFIED".into(), "VERIFIED".into())
    );
    let record = world.record().await;
    assert!(
        !record.contains("DR") && !record.contains("staging"),
        "{record}"
    );
}

#[tokio::test]
async fn what_is_learned_is_noted_of_the_drill() {
    let mut world = World::new().await;
    world.maya().says("/rollback drill frontend").await;
    world.settle().await;
    world
        .maya()
        .says("/rollback note nobody knew who approves")
        .await;
    world
        .sam()
        .says("/rollback drill note DR-1 the card came late")
        .await;
    world
        .sam()
        .says("/rollback action add \"write down who approves\" due friday")
        .await;
    world.settle().await;
    let said = world.channel();
    is_marked(&said);
    assert!(said.contains("DRILL · Noted at"), "{said}");
    assert!(said.contains("DRILL · Noted in DR-1 by @sam"), "{said}");
    let db = &world.app().engine.db;
    let record = IncidentId::of_drill(RollbackId::drill(1)).unwrap();
    let entries = rollback_bot::store::timelines::entries(db, record, 0, 100)
        .await
        .unwrap();
    assert!(entries.len() >= 5, "{entries:?}");
    for entry in &entries {
        let text = entry.event.text();
        assert!(text.starts_with("DRILL · "), "{text}");
    }
    // A note in another channel's drill is nobody's.
    world.maya().says("/rollback drill note DR-7 nothing").await;
    assert!(world.maya().sees().contains("There is no DR-7"));
    world
        .maya()
        .says("/rollback stop DR-1 because of lunch")
        .await;
    world.settle().await;
    is_marked(&world.channel());
}

/// Everything that names a drill begins with the watermark: each message, and on the board and in
/// lists each line.
fn says_that_it_is_one(said: &str) {
    let messages = said.split("Rollback Bot").skip(1);
    for message in messages.filter(|message| message.contains("DR-1")) {
        let told = message.split_once(':').unwrap().1;
        let is_marked = |text: &str| {
            let text = text.trim_start_matches([' ', '|', '\n']);
            text.starts_with("DRILL") || text.starts_with("[file DRILL")
        };
        let mut lines = told.lines().filter(|line| line.contains("DR-1"));
        assert!(
            is_marked(told) || lines.all(|line| line.contains("DRILL")),
            "{message:?}"
        );
    }
}

/// Has everybody do everything to DR-1 that there is, and reads what they are told.
async fn everything_is_done_to_it(world: &mut World) {
    for command in [
        "status",
        "status DR-1",
        "why DR-1",
        "who DR-1",
        "timeline",
        "catchup",
        "incident",
        "pins",
        "ready",
        "drill",
        "drill note DR-1 slow",
        "note slow",
        "action list",
        "checklist",
        "checklist DR-1",
        "export DR-1 csv",
        "postmortem DR-1",
        "update monitoring: fine",
        "object DR-1 because of lunch",
        "withdraw DR-1",
        "signoff DR-1 merge done",
        "review DR-1 justified because so",
        "resolve DR-1 done because I see it",
        "undo DR-1",
        "approve DR-1",
        "deny DR-1",
        "breakglass DR-1",
        "",
        "status DR-9",
        "approve DR-9",
        "export DR-9",
        "stop DR-9",
    ] {
        world
            .tom()
            .says(format!("/rollback {command}").trim())
            .await;
        world.passes(Duration::from_secs(3)).await;
        let told = world.tom().sees();
        assert!(
            !told.is_empty() || !command.is_empty(),
            "{command} was not answered"
        );
        says_that_it_is_one(&told);
        says_that_it_is_one(&world.channel());
    }
}

#[tokio::test]
async fn every_surface_says_that_it_is_a_drill() {
    let settings = format!("[api]\nchannel = \"C0SHOP\"\n{WEB}{ROLES}");
    let mut world = World::set_up(&settings, FRONTEND).await;
    let sam = token(&world, "U0SAM", "sam").await;
    world.maya().says("/rollback drill frontend").await;
    world.settle().await;
    is_marked(&world.channel());
    everything_is_done_to_it(&mut world).await;
    let mut browser = signed_in(&world, "U0TOM").await;
    let board = browser.opens("/web").await.words();
    assert!(board.contains("DR-1 DRILL · PROPOSED"), "{board}");
    let stats = browser.opens("/web/stats").await.words();
    assert!(!stats.contains("DR-1"), "{stats}");
    let page = browser.opens("/web/rollbacks/DR-1").await.words();
    assert!(page.contains("DR-1") && page.contains("DRILL"), "{page}");
    for (verb, body) in [
        ("status", json!({ "about": "DR-1" })),
        ("status", json!({})),
        ("deny", json!({ "rollback": "DR-9" })),
        ("stop", json!({ "rollback": "DR-1" })),
        ("approve", json!({ "rollback": "DR-1" })),
    ] {
        let (_, answer) = asks(&mut world, &sam, verb, body).await;
        let text = answer["text"].as_str().unwrap();
        assert!(
            !text.contains("DR-") || text.starts_with("DRILL"),
            "{verb}: {text}"
        );
    }
    let (_, answer) = asks(&mut world, &sam, "timeline", json!({})).await;
    for entry in answer["entries"].as_array().unwrap() {
        let text = entry["text"].as_str().unwrap();
        assert!(!text.contains("DR-1") || text.contains("DRILL"), "{text}");
    }
    let metrics = http_client()
        .unwrap()
        .get(format!("{}/metrics", world.base()));
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    assert!(!metrics.contains("DR-1"), "{metrics}");
    // It ended, and so does everything that was done to it since.
    everything_is_done_to_it(&mut world).await;
    world.slack.take_all();
}

#[tokio::test]
async fn a_message_that_is_pinned_while_a_drill_goes_on_is_in_its_record() {
    let mut world = World::new().await;
    world.maya().says("/rollback drill frontend").await;
    world.settle().await;
    let message = world
        .slack
        .says("U0SAM", CHANNEL, "who approves this?")
        .await;
    let message = message.ts.unwrap();
    world
        .slack
        .reacts("U0MAYA", CHANNEL, &message, "pushpin")
        .await;
    world.settle().await;
    let db = &world.app().engine.db;
    let record = IncidentId::of_drill(RollbackId::drill(1)).unwrap();
    let entries = rollback_bot::store::timelines::entries(db, record, 0, 100);
    let entries = entries.await.unwrap();
    let last = entries.last().unwrap().event.text();
    assert!(
        last.starts_with("DRILL · captured a message of @U0SAM"),
        "{last}"
    );
    assert_eq!(world.record().await, "", "no incident was opened for it");
    world.slack.take_all();
}

#[tokio::test]
async fn a_configuration_that_would_strand_a_drill_is_refused() {
    let (mut world, _) = two_environments().await;
    world.maya().says("/rollback drill frontend").await;
    world.settle().await;
    let gone = world
        .settings()
        .replace("services.frontend.staging", "services.shop.staging");
    assert_snapshot!(world.reads_again(&gone).await, @"DR-1 is not over (proposed), and frontend (staging) is not in the new configuration: wait for its end or end it (`/rollback status DR-1`), then reload again");
    world.maya().says("/rollback stop DR-1 because of it").await;
    world.settle().await;
    world.slack.take_all();
    let taken = world.reads_again(&gone).await;
    assert!(taken.contains("added services.shop.staging"), "{taken}");
}

#[tokio::test]
async fn every_export_says_that_it_is_a_drill() {
    let mut world = World::new().await;
    world.maya().says("/rollback drill frontend").await;
    world.settle().await;
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    world.slack.take_all();
    for format in ["md", "json", "csv", "html"] {
        world
            .maya()
            .says(&format!("/rollback export DR-1 {format}"))
            .await;
        world.passes(Duration::from_secs(5)).await;
    }
    world.maya().says("/rollback postmortem DR-1").await;
    world.passes(Duration::from_secs(5)).await;
    let files = world.slack.files();
    assert!(files.len() >= 5, "{}", files.len());
    for file in files {
        let name = file.name;
        let content = String::from_utf8(file.bytes).unwrap();
        assert!(name.starts_with("DRILL-"), "{name}");
        match name.rsplit_once('.').unwrap().1 {
            "md" => assert!(content.starts_with("# DRILL · "), "{content}"),
            "html" => assert!(content.contains("<h1>DRILL · DR-1"), "{content}"),
            "json" => assert!(content.contains("\"drill\": true"), "{content}"),
            _ => {
                for row in content.lines().skip(1) {
                    assert!(row.starts_with("\"DRILL · DR-1\""), "{row}");
                }
            }
        }
    }
    world.slack.take_all();
}

#[tokio::test]
async fn a_fault_that_fails_ends_the_drill_before_it_begins() {
    let (mut world, _) = two_environments().await;
    world
        .reconfigures("fault = [\"ln\"", "fault = [\"/no/such/program\"")
        .await;
    world.maya().says("/rollback drill frontend").await;
    world.settle().await;
    let told = world.channel();
    is_marked(&told);
    assert_snapshot!(told, @"
    Rollback Bot (only visible to @maya): DRILL · DR-1: finding a version of frontend (staging) to go back to. Nothing has changed yet: its card says what it needs.
    Rollback Bot: DRILL · @maya: DR-1 has ended before it began. /no/such/program has not broken it: it could not be started (No such file or directory (os error 2)). Look at frontend (staging), then: `/rollback drill frontend@staging because …`.
    ");
}

#[tokio::test]
async fn a_drill_where_the_platform_says_it_is_production_is_refused_by_name() {
    let (mut world, place) = two_environments().await;
    // Another service gets to serve from the directory of staging once the bot runs.
    let another = place.join("another");
    fs::create_dir(place.join("elsewhere")).unwrap();
    symlink(place.join("elsewhere"), &another).unwrap();
    let other = format!(
        r#"[services.shop.production]
provider = "releases"
path = "{}"
restart = ["true"]
approve = ["oncall"]
[services.frontend.staging]"#,
        another.display()
    );
    world
        .reconfigures("[services.frontend.staging]", &other)
        .await;
    fs::remove_file(&another).unwrap();
    symlink(place.join("shop"), &another).unwrap();
    world.passes(Duration::from_secs(600)).await;
    world.maya().says("/rollback drill frontend@staging").await;
    world.settle().await;
    let refused = world.channel();
    assert!(
        refused.contains("frontend (staging) is the same production as shop (production): a drill would really act there."),
        "{refused}"
    );
    assert_eq!(on_staging(&place), "v213", "nothing was broken");
}

#[tokio::test]
async fn where_a_drill_may_not_act_the_configuration_says_so() {
    let world = World::new().await;
    let refused = world.reads_settings(
        "[services.api.production]\nprovider = \"releases\"\npath = \"/srv/api\"\nrestart = [\"true\"]\napprove = [\"oncall\"]\ndrill = true\n[services.web.staging]\nprovider = \"releases\"\npath = \"/srv/web\"\nrestart = [\"true\"]\napprove = [\"oncall\"]\nfault = [\"./break.sh\"]\n",
    );
    assert_snapshot!(refused.unwrap_err(), @"
    services.api.production.drill: would let drills really act on production; remove it: then a drill does everything but that
    services.web.staging.fault: would break an environment that is not for drills; write drill = true beside it, or remove it
    ");
}

/// The day on which the world begins is a Saturday, and the last Friday of March is the 27th.
#[tokio::test]
async fn a_quarter_with_a_drill_that_is_held_and_one_that_is_missed() {
    let calendar =
        "channels = [\"C0SHOP\"]\ndrills = \"monthly last friday 14:00 Europe/Berlin\"\n";
    let (mut world, _) = with_settings(ROLES, calendar).await;
    let day = Duration::from_secs(86_400);
    world.maya().says("/rollback drill").await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya):
      DRILL · frontend (staging): never drilled · next 2026-03-27 13:00 UTC
      Never drilled so far: @ana and @sam.
    ");
    // A week before, and a day before.
    world.passes(day * 7).await;
    assert_snapshot!(world.channel(), @"Rollback Bot: DRILL · the drill of frontend (staging) is in a week, 2026-03-27 14:00 CET. It begins with `/rollback drill frontend@staging`. Never drilled so far: @sam.");
    world.passes(day * 6).await;
    // The bot is restarted, and reminds nobody twice.
    world.stops().await;
    world.starts().await;
    world.leases_end().await;
    world.passes(day / 2).await;
    assert_snapshot!(world.channel(), @"Rollback Bot: DRILL · the drill of frontend (staging) is at 2026-03-27 14:00 CET. It begins with `/rollback drill frontend@staging`. Never drilled so far: @sam.");
    world
        .maya()
        .says("/rollback drill frontend because it is the day")
        .await;
    world.settle().await;
    world.sam().says("/rollback approve DR-1").await;
    world.passes(Duration::from_secs(900)).await;
    world
        .sam()
        .says("/rollback drill note DR-1 nobody knew who approves")
        .await;
    world
        .sam()
        .says("/rollback action add \"write down who approves\" due 2026-03-30")
        .await;
    world.slack.take_all();
    world.passes(day * 2).await;
    is_marked_or_action(&world.channel());
    // The next one is in April, and nobody holds it.
    world.passes(day * 35).await;
    let reminded = world.channel();
    assert!(
        reminded.contains(
            "DRILL · the drill of frontend (staging) is in a week, 2026-04-24 14:00 CEST."
        ),
        "{reminded}"
    );
    assert!(
        reminded.contains("DRILL · the drill of frontend (staging) is at 2026-04-24 14:00 CEST."),
        "{reminded}"
    );
    assert!(
        reminded.contains(
            "DRILL · the drill of frontend (staging) at 2026-04-24 14:00 CEST was not held."
        ),
        "{reminded}"
    );
    world.maya().says("/rollback drill").await;
    world.settle().await;
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya):
      DRILL · frontend (staging): last DR-1, 2026-03-27 15:12 UTC · next 2026-05-29 12:00 UTC · missed 2026-04-24 12:00 UTC
      Never drilled so far: @ana.
    ");
    world.maya().says("/rollback ready frontend@staging").await;
    world.settle().await;
    let ready = world.maya().sees();
    let drill: Vec<&str> = ready
        .lines()
        .skip_while(|line| !line.contains("drill "))
        .take(2)
        .collect();
    assert_snapshot!(drill.join("\n"), @"
    drill attention: The drill of 2026-04-24 12:00 UTC was not held. The last drill was DR-1 (staging), 2026-03-27 15:12 UTC; the next one is 2026-05-29 12:00 UTC.
          `/rollback drill frontend` begins one.
    ");
    assert!(
        !world.channel().contains("drill attention"),
        "it was told already"
    );
    let sam = token(&world, "U0SAM", "sam").await;
    let body = json!({ "quarter": "2026-Q1", "format": "html", "channel": CHANNEL });
    let page = http_client()
        .unwrap()
        .post(format!("{}/api/v1/drill/report", world.base()))
        .bearer_auth(&sam)
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), 200);
    let name = page.headers()["content-disposition"].to_str().unwrap();
    assert_eq!(name, "attachment; filename=\"DRILL-2026-Q1.html\"");
    let page = page.text().await.unwrap();
    assert!(page.contains("nobody knew who approves"), "{page}");
    world.maya().says("/rollback drill report 2026-Q1").await;
    world.settle().await;
    let files = world.slack.files();
    let reports: Vec<_> = files
        .iter()
        .filter(|file| file.name.starts_with("DRILL-2026-Q1"))
        .collect();
    assert_eq!(reports.len(), 2);
    for file in reports {
        let text = String::from_utf8_lossy(&file.bytes);
        if file.name.ends_with(".html") {
            assert!(text.contains("<span class=\"mark\">DRILL</span> Drills of 2026-Q1"));
            if let Ok(keep) = std::env::var("KEEP_DRILL_REPORT") {
                fs::write(keep, &file.bytes).unwrap();
            }
        } else {
            assert_snapshot!(text, @"
            # DRILL · Drills of 2026-Q1

            Made 2026-05-03 15:27 UTC. Nothing in this report happened in an incident.

            ## What was drilled

            | drill | service | | asked for | people | deciding | waiting for people | platform | proof | in all | goal | |
            |---|---|---|---|---|---|---|---|---|---|---|---|
            | DR-1 VERIFIED | frontend (staging) | acts | 2026-03-27 15:12 UTC | @maya, @sam | 0 s | 0 s | 0 s | 2 s | 0 s | 5 m | within |

            ## What was learned

            - DR-1, @sam: nobody knew who approves

            ## What is to be done

            - DR-1, action 1: write down who approves (was due on 2026-03-30)

            ## What is due

            | service | last drill | next | missed |
            |---|---|---|---|
            | frontend (staging) | DR-1, 2026-03-27 15:12 UTC | 2026-05-29 12:00 UTC | 2026-04-24 12:00 UTC |

            ## Who has never drilled

            @ana
            ");
        }
    }
    world.slack.take_all();
}

/// Reminders of actions say what they are about, and everything else is marked.
fn is_marked_or_action(channel: &str) {
    for line in channel
        .lines()
        .filter(|line| line.starts_with("Rollback Bot"))
    {
        assert!(line.contains("DR-1") || line.contains("DRILL"), "{channel}");
    }
}

#[tokio::test]
async fn what_is_no_day_is_named_where_it_is_written() {
    let world = World::new().await;
    let section = |drills: &str| {
        format!(
            "[services.web.staging]\nprovider = \"releases\"\npath = \"/srv/web\"\nrestart = [\"true\"]\napprove = [\"oncall\"]\ndrills = \"{drills}\"\n"
        )
    };
    for (drills, why) in [
        (
            "weekly last friday 14:00 UTC",
            "neither monthly nor quarterly",
        ),
        (
            "monthly last friday 14:00 Europe/Bonn",
            "there is no time zone \"Europe/Bonn\"",
        ),
    ] {
        let refused = world.reads_settings(&section(drills)).unwrap_err();
        assert!(
            refused.contains("services.web.staging.drills: "),
            "{refused}"
        );
        assert!(refused.contains(why), "{refused}");
    }
    assert_eq!(
        world.reads_settings(&section("quarterly first monday 02:30 Europe/Berlin")),
        Ok(())
    );
}
