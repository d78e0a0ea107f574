//! Plans of several steps: a box that is recreated and put back, and a database that is restored
//! to a moment, with a restore point and something for people to do.

use crate::{
    scripted::{
        platform::{Platform, Script},
        provider::{STEPS, WINDOW},
    },
    support::{World, dawn},
};
use insta::assert_snapshot;
use rollback_domain::{
    platform::Production,
    rollback::{Rollback, State},
};
use std::time::Duration;

/// `frontend` on a platform that behaves like this.
async fn world(provider: &str, script: Script) -> (World, Platform) {
    rollback_providers::registry::add(&[&STEPS, &WINDOW]);
    let platform = Platform::start(script, dawn()).await;
    let services = format!(
        r#"
[services.frontend.production]
provider = "{provider}"
api_url = "{}"
approve = ["oncall", "lead"]
"#,
        platform.url
    );
    (World::with(&services).await, platform)
}

/// What the timeline says of the platform, line by line.
async fn timeline(world: &World) -> String {
    let record = world.record().await;
    let of_the_run = |line: &&str| {
        [
            "executing",
            "pinned",
            "accepted",
            "progress",
            "failed",
            "people needed",
            "signed off",
            "unpinned",
            "serving",
        ]
        .iter()
        .any(|kind| line.contains(&format!(" {kind}: ")))
    };
    record
        .lines()
        .filter(of_the_run)
        .collect::<Vec<_>>()
        .join("\n")
}

fn what_is_left(rollback: &Rollback) -> Option<Production> {
    match rollback.state {
        State::Failed { production, .. } => Some(production),
        _ => None,
    }
}

#[tokio::test]
async fn a_step_that_fails_is_put_back_and_deploys_flow_again() {
    let fails = Script {
        fails_at: Some(2),
        ..Script::default()
    };
    let (mut world, platform) = world("five_steps", fails).await;
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    let card = world.channel();
    assert!(
        card.contains("Steps  1. pull v1 · 2. stop the old box · 3. start the new box"),
        "{card}"
    );
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(60)).await;

    let ended = world.rollback(1).await;
    assert_eq!(what_is_left(&ended), Some(Production::AsBefore));
    let seen = platform.seen();
    assert_eq!(
        seen.asked.into_iter().collect::<Vec<_>>(),
        [(0, 1), (1, 1), (2, 1), (5, 1)]
    );
    assert_eq!(
        (seen.live.as_deref(), seen.automatic.as_str(), seen.set),
        (Some("v2"), "on push", 2)
    );
    let shown = world.channel();
    assert!(
        shown.contains(
            "The new box did not start; the old one runs again. Production is as it was before."
        ),
        "{shown}"
    );
    assert_snapshot!(timeline(&world).await, @"
    rollback-bot executing: asking Boxes for v2 → v1
    Boxes pinned: automatic deploys are held off: automatic deploys are off (read back)
    Boxes accepted: took: pull v1
    rollback-bot executing: asking Boxes for step 2/5: stop the old box
    Boxes accepted: took: stop the old box
    rollback-bot executing: asking Boxes for step 3/5: start the new box
    Boxes accepted: took: start the new box
    Boxes progress: start the new box has failed
    rollback-bot executing: asking Boxes for a step back: start the old box again
    Boxes accepted: took: start the old box again
    Boxes failed: the new box did not start; the old one runs again
    rollback-bot unpinned: nothing was changed, so automatic deploys are on push again (read back)
    ");
}

#[tokio::test]
async fn all_steps_work_and_each_is_asked_once() {
    let (mut world, platform) = world("five_steps", Script::default()).await;
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(60)).await;
    let seen = platform.seen();
    assert!(seen.asked.values().all(|times| *times == 1), "{seen:?}");
    assert_eq!(
        (seen.live.as_deref(), seen.automatic.as_str()),
        (Some("v1"), "off")
    );
    world.channel();

    // What was there before comes back by unpin.
    world
        .sam()
        .says("/rollback unpin frontend because v3 has the fix")
        .await;
    world.settle().await;
    assert_eq!(platform.seen().automatic, "on push");
    world.channel();
    world.sam().sees();
}

#[tokio::test]
async fn a_database_goes_to_a_moment_and_people_do_the_rest() {
    let restores = Script {
        restores_for: 20,
        ..Script::default()
    };
    let (mut world, platform) = world("recovery_window", restores).await;
    world
        .maya()
        .says("/rollback frontend because rows are gone")
        .await;
    world.settle().await;
    let refused = world.maya().sees();
    assert!(
        refused.contains("only moments. Name one from 2026-03-07 03:12:00 UTC"),
        "{refused}"
    );

    world
        .maya()
        .says("/rollback frontend to @02:40 because rows are gone")
        .await;
    world.settle().await;
    let card = world.channel();
    for line in [
        "Outage  expected: the database is offline while it is restored",
        "Details  12 tables",
        "Steps  1. make a backup · 2. restore the database",
        "By hand  Rotate the database key (lead)",
        "everything that was written after",
    ] {
        assert!(card.contains(line), "{line}\n{card}");
    }
    world.sam().clicks("Approve").await;
    // Much longer than an ordinary request may take, and still not unknown.
    world.passes(Duration::from_secs(40 * 60)).await;
    let waits = world.rollback(2).await;
    assert!(
        matches!(waits.state, State::WaitingForPeople { .. }),
        "{:?}",
        waits.state
    );
    assert_eq!(waits.restore_point.unwrap().id, "backup-RB-2");
    let asked = world.channel();
    assert!(
        asked.contains(") needs people to go on. Rotate the database key."),
        "{asked}"
    );

    world
        .sam()
        .says("/rollback signoff RB-2 rotate-key done")
        .await;
    world.settle().await;
    let refused = world.sam().sees();
    assert!(refused.contains("@ana"), "{refused}");
    world
        .ana()
        .says("/rollback signoff RB-2 rotat-key done")
        .await;
    world.settle().await;
    let refused = world.ana().sees();
    assert!(refused.contains("Open: rotate-key."), "{refused}");
    world
        .ana()
        .says("/rollback signoff RB-2 rotate-key done because it is in the vault")
        .await;
    world.passes(Duration::from_secs(60)).await;
    world.ana().sees();
    let served = world.rollback(2).await;
    assert!(
        matches!(served.state, State::Watching { .. } | State::Closed),
        "{:?}",
        served.state
    );
    assert_eq!(
        platform.seen().asked.into_iter().collect::<Vec<_>>(),
        [(0, 1), (1, 1)]
    );
    world.channel();
    assert_snapshot!(timeline(&world).await, @r#"
    rollback-bot executing: asking Vault for v2 → 2026-03-14 02:40:00 UTC
    Vault accepted: backup made
    rollback-bot executing: asking Vault for step 2/2: restore the database
    Vault accepted: restoring
    Vault people needed: the restored database has the old key
    @ana signed off: signed rotate-key off as done: "it is in the vault"
    Vault serving: serves 2026-03-14 02:40:00 UTC on 1/1
    "#);
}

#[tokio::test]
async fn a_task_that_nobody_can_do_is_resolved_by_somebody_with_authority() {
    let (mut world, _platform) = world(
        "recovery_window",
        Script {
            restores_for: 1,
            ..Script::default()
        },
    )
    .await;
    world
        .maya()
        .says("/rollback frontend to @02:40 because rows are gone")
        .await;
    world.settle().await;
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    world.channel();
    world
        .sam()
        .says("/rollback resolve RB-1 not-done because the vault is gone")
        .await;
    world.settle().await;
    world.sam().sees();
    let ended = world.rollback(1).await;
    assert!(
        matches!(ended.state, State::Resolved { done: false, .. }),
        "{:?}",
        ended.state
    );
    world.channel();
}
