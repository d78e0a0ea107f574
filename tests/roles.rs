//! Where roles come from: lists, Slack user groups, PagerDuty; read at the click.

use crate::support::{FRONTEND, World, pagerduty::Broken};
use insta::assert_snapshot;
use rollback_simulation::Fault;

/// On call by a Slack group; the lead is listed.
const GROUP: &str = r#"
[roles.oncall]
slack_usergroup = "S0ONCALL"
[roles.lead]
members = ["U0ANA"]
"#;

/// On call by a PagerDuty schedule; the lead is listed.
const SCHEDULE: &str = r#"
[pagerduty]
token = "env:PAGERDUTY_TOKEN"
api_url = "{pagerduty}"
events_url = "{pagerduty}"
[roles.oncall]
pagerduty_schedule = "PSHOP1"
[roles.lead]
members = ["U0ANA"]
"#;

async fn by_group() -> World {
    let mut world = World::set_up(GROUP, FRONTEND).await;
    world.slack.changes_group_quietly("S0ONCALL", &["U0SAM"]);
    world.with_a_card().await;
    world
}

async fn by_schedule() -> World {
    let mut world = World::set_up(SCHEDULE, FRONTEND).await;
    world
        .pagerduty
        .on_call("PSHOP1", &[("Sam Ortiz", "sam@acme.example")]);
    world.with_a_card().await;
    world
}

/// The line of the card that says whose yes it needs.
fn needs(channel: &str) -> String {
    let line = channel.lines().find(|line| line.contains("Needs"));
    line.unwrap_or("no card").trim().to_owned()
}

#[tokio::test]
async fn whoever_is_in_the_group_approves() {
    let mut world = World::set_up(GROUP, FRONTEND).await;
    world.slack.changes_group_quietly("S0ONCALL", &["U0SAM"]);
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    assert_snapshot!(needs(&world.channel()), @"Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:22:00 UTC · RB-1 · production · code · plan `d63f`");
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    assert!(
        world
            .record()
            .await
            .contains("@sam approved: approved plan")
    );
    world.slack.take_all();
}

#[tokio::test]
async fn somebody_who_left_the_group_after_the_card_was_made_is_refused() {
    let mut world = by_group().await;
    // No event tells it: only reading the group at the click does.
    world.slack.changes_group_quietly("S0ONCALL", &["U0TOM"]);
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"Rollback Bot (only visible to @sam): This needs somebody with the role oncall or lead, and you do not have it. @tom or @ana can. Nothing was run.");
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    // And whoever came in since may.
    world.vercel.moves_at_once(true);
    world.tom().clicks("Approve").await;
    world.settle().await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.slack.take_all();
}

#[tokio::test]
async fn a_group_that_changes_is_read_again_for_the_next_card() {
    let mut world = by_group().await;
    let told = world.slack.sets_group("S0ONCALL", &["U0TOM"]).await;
    assert!(told.is_ok());
    world.settle().await;
    world.maya().says("/rollback status RB-1").await;
    assert_snapshot!(needs(&world.maya().sees()), @"Needs  one approval: @tom (oncall) or @ana (lead), not @maya · expires 03:22:00 UTC · RB-1 · production · code · plan `d63f`");
    world.slack.take_all();
}

#[tokio::test]
async fn while_the_group_cannot_be_read_nobody_is_believed_to_be_in_it() {
    let mut world = by_group().await;
    world
        .slack
        .fault(Fault::Outage, Some("usergroups.users.list"), None);
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"Rollback Bot (only visible to @sam): I can't check your permission: Slack group S0ONCALL could not be read (Slack answered 503 to usergroups.users.list). Try again in a moment. Or ask @ana. If it can't wait: Emergency run… in the card's menu. Nothing was run.");
    assert!(
        world
            .record()
            .await
            .contains("@sam refused: tried `approve` and was refused (AUTHORITY_UNREADABLE)")
    );
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    // Whoever is in a role by another source is not kept waiting by it.
    world.vercel.moves_at_once(true);
    world.ana().clicks("Approve").await;
    world.settle().await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.slack.take_all();
}

#[tokio::test]
async fn a_group_that_is_not_there_lets_nobody_in() {
    let mut world = World::set_up(GROUP, FRONTEND).await;
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    assert_snapshot!(needs(&world.channel()), @"Needs  one approval: @ana (lead), not @maya (could not be read now: Slack group S0ONCALL; others may be able to) · expires 03:22:00 UTC · RB-1 · production · code · plan `d63f`");
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"Rollback Bot (only visible to @sam): I can't check your permission: Slack group S0ONCALL could not be read (Slack says no_such_subteam). Try again in a moment. Or ask @ana. If it can't wait: Emergency run… in the card's menu. Nothing was run.");
    assert_eq!(world.vercel.rollbacks_asked(), 0);
}

#[tokio::test]
async fn whoever_is_on_call_approves() {
    let mut world = World::set_up(SCHEDULE, FRONTEND).await;
    world
        .pagerduty
        .on_call("PSHOP1", &[("Sam Ortiz", "sam@acme.example")]);
    world
        .pagerduty
        .also("PSHOP1", 2, "Tom Reed", "tom@acme.example");
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    assert_snapshot!(needs(&world.channel()), @"Needs  one approval: @sam (oncall) or @ana (lead), not @maya · expires 03:22:00 UTC · RB-1 · production · code · plan `d63f`");
    // The second level is not on call.
    world.tom().clicks("Approve").await;
    world.settle().await;
    assert_snapshot!(world.tom().sees(), @"Rollback Bot (only visible to @tom): This needs somebody with the role oncall or lead, and you do not have it. @sam or @ana can. Nothing was run.");
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.slack.take_all();
}

#[tokio::test]
async fn a_shift_that_ended_between_card_and_click_has_ended() {
    let mut world = by_schedule().await;
    world
        .pagerduty
        .on_call("PSHOP1", &[("Tom Reed", "tom@acme.example")]);
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"Rollback Bot (only visible to @sam): This needs somebody with the role oncall or lead, and you do not have it. @tom or @ana can. Nothing was run.");
    assert_eq!(world.vercel.rollbacks_asked(), 0);
}

#[tokio::test]
async fn while_pagerduty_lets_us_down_nobody_is_believed_to_be_on_call() {
    let mut world = by_schedule().await;
    for how in [Broken::Status(503), Broken::Garbage, Broken::Silent] {
        world.pagerduty.breaks(how);
        world.sam().clicks("Approve").await;
        world.settle().await;
    }
    assert_snapshot!(world.sam().sees(), @"
    Rollback Bot (only visible to @sam): I can't check your permission: PagerDuty schedule PSHOP1 could not be read (PagerDuty answered 503). Try again in a moment. Or ask @ana. If it can't wait: Emergency run… in the card's menu. Nothing was run.
    Rollback Bot (only visible to @sam): I can't check your permission: PagerDuty schedule PSHOP1 could not be read (PagerDuty's answer could not be read). Try again in a moment. Or ask @ana. If it can't wait: Emergency run… in the card's menu. Nothing was run.
    Rollback Bot (only visible to @sam): I can't check your permission: PagerDuty schedule PSHOP1 could not be read (PagerDuty did not answer: it timed out). Try again in a moment. Or ask @ana. If it can't wait: Emergency run… in the card's menu. Nothing was run.
    ");
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    world.pagerduty.breaks(Broken::Not);
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.slack.take_all();
}

#[tokio::test]
async fn somebody_on_call_whom_slack_does_not_know_is_named() {
    let mut world = World::set_up(SCHEDULE, FRONTEND).await;
    world.pagerduty.on_call(
        "PSHOP1",
        &[("Ines Falk", "ines@elsewhere.example"), ("Jo Lind", "")],
    );
    world.with_a_card().await;
    world.sam().says("/rollback why RB-1").await;
    world.settle().await;
    assert_snapshot!(world.sam().sees(), @"
    Rollback Bot (only visible to @sam): Checking your permissions…
    Rollback Bot (only visible to @sam):
      RB-1: may you approve it?
      This needs somebody with the role oncall or lead, and you do not have it. @ana can. Nothing was run.
      What would change that  Having the role oncall or lead: oncall comes from PagerDuty schedule PSHOP1; lead comes from the configuration.
      no · may approve RB-1 (code, one approval): @sam
          yes · a full member of this workspace: is one (Slack, read just now)
          yes · has not approved it yet
          no · has the role oncall or lead
              no · oncall: nobody; not in Slack: Ines Falk, Jo Lind (PagerDuty schedule PSHOP1, read just now)
              no · lead: @ana (configuration)
          yes · someone other than the requester: @maya asked
    ");
}

#[tokio::test]
async fn one_role_from_every_source() {
    let roles = r#"
[pagerduty]
token = "env:PAGERDUTY_TOKEN"
api_url = "{pagerduty}"
events_url = "{pagerduty}"
[roles.oncall]
members = ["U0ANA"]
slack_usergroup = "S0ONCALL"
pagerduty_schedule = "PSHOP1"
pagerduty_escalation_policy = "PSHOP2"
"#;
    let services = FRONTEND.replace("\"oncall\", \"lead\"", "\"oncall\"");
    let mut world = World::set_up(roles, &services).await;
    world.slack.changes_group_quietly("S0ONCALL", &["U0SAM"]);
    world
        .pagerduty
        .on_call("PSHOP1", &[("Tom Reed", "tom@acme.example")]);
    world
        .pagerduty
        .on_call("PSHOP2", &[("Kim Sato", "kim@acme.example")]);
    world.with_a_card().await;
    for asked in ["who RB-1", "why RB-1", "who frontend"] {
        world.maya().says(&format!("/rollback {asked}")).await;
        world.settle().await;
    }
    assert_snapshot!(world.maya().sees(), @"
    Rollback Bot (only visible to @maya): Checking who can approve…
    Rollback Bot (only visible to @maya):
      Who may approve RB-1
      code  one approval: @ana (oncall), @sam (oncall), @tom (oncall) or one more, not @maya
      Roles were read just now. `/rollback why RB-…` says whether you may, and why.
    Rollback Bot (only visible to @maya): Checking your permissions…
    Rollback Bot (only visible to @maya):
      RB-1: may you approve it?
      This needs somebody with the role oncall, and you do not have it. @ana, @sam, @tom or @kim can. Nothing was run.
      What would change that  Having the role oncall: oncall comes from the configuration, Slack group S0ONCALL, PagerDuty schedule PSHOP1 and PagerDuty escalation policy PSHOP2.
      no · may approve RB-1 (code, one approval): @maya
          yes · a full member of this workspace: is one (Slack, read just now)
          yes · has not approved it yet
          no · has the role oncall
              no · oncall: none of its sources names them
                  no · oncall: @ana (configuration)
                  no · oncall: @sam (Slack group S0ONCALL, read just now)
                  no · oncall: @tom (PagerDuty schedule PSHOP1, read just now)
                  no · oncall: @kim (PagerDuty escalation policy PSHOP2, read just now)
          no · someone other than the requester: @maya asked
    Rollback Bot (only visible to @maya): Checking who can approve…
    Rollback Bot (only visible to @maya):
      Who may approve frontend (production)
      code  one approval: @ana (oncall), @sam (oncall), @tom (oncall) or one more · not the requester
      caution  one approval: @ana (oncall), @sam (oncall), @tom (oncall) or one more · not the requester
      Roles were read just now. `/rollback why RB-…` says whether you may, and why.
    ");
    // With everything else silent, the list still stands.
    world
        .slack
        .fault(Fault::Outage, Some("usergroups.users.list"), None);
    world.pagerduty.breaks(Broken::Status(500));
    world.vercel.moves_at_once(true);
    world.ana().clicks("Approve").await;
    world.settle().await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.slack.take_all();
}

#[tokio::test]
async fn check_reads_every_source_and_says_which_plans_nobody_could_approve() {
    let roles = r#"
[pagerduty]
token = "env:PAGERDUTY_TOKEN"
api_url = "{pagerduty}"
events_url = "{pagerduty}"
[roles.oncall]
pagerduty_schedule = "PSHOP1"
[roles.lead]
slack_usergroup = "S0LEADS"
[roles.data_owner]
slack_usergroup = "S0OWNERS"
"#;
    let services = FRONTEND.replace("target_time", "risk = \"data\"\ntarget_time");
    let world = World::by_requests(roles, &services).await;
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("rollback-bot.toml");
    std::fs::write(&config, world.settings()).unwrap();
    let check = async || {
        let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_rollback-bot"))
            .args(["check", "--online", "--config", config.to_str().unwrap()])
            .env_clear()
            .envs([
                ("DATABASE_URL", "sqlite://unused.db"),
                ("SIGNING_SECRET", "the-signing-secret"),
                ("SIGNING_SECRET_NEW", "the-next-secret"),
                ("APP_TOKEN", crate::support::socket::APP_TOKEN),
                ("BOT_TOKEN", "xoxb-simulation"),
                ("VERCEL_TOKEN", crate::support::vercel::TOKEN),
                ("PAGERDUTY_TOKEN", crate::support::pagerduty::TOKEN),
            ])
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let about_roles = said
            .lines()
            .filter(|line| line.contains("   roles.") || line.contains("could give one"));
        format!(
            "{:?}\n{}",
            output.status.code(),
            about_roles.collect::<Vec<_>>().join("\n")
        )
    };
    world.slack.changes_group_quietly("S0LEADS", &["U0ANA"]);
    world
        .pagerduty
        .on_call("PSHOP1", &[("Ines Falk", "ines@elsewhere.example")]);
    assert_snapshot!(check().await, @"
    Some(2)
    mistake   roles.data_owner: Slack group S0OWNERS cannot be read: Slack says no_such_subteam
    ok        roles.lead: Slack group S0LEADS has one person
    mistake   roles.oncall: PagerDuty schedule PSHOP1 names people who are not in Slack: Ines Falk
    mistake   services.frontend.production: a data rollback needs 2 approvals, and one person could give one now
    ");
    world.slack.changes_group_quietly("S0OWNERS", &["U0KIM"]);
    world
        .pagerduty
        .on_call("PSHOP1", &[("Sam Ortiz", "sam@acme.example")]);
    assert_snapshot!(check().await, @"
    Some(0)
    ok        roles.data_owner: Slack group S0OWNERS has one person
    ok        roles.lead: Slack group S0LEADS has one person
    ok        roles.oncall: PagerDuty schedule PSHOP1 has one person
    ");
}

#[tokio::test]
async fn a_slow_reading_of_a_role_does_not_undo_a_newer_one() {
    use rollback_bot::store::rosters;
    use rollback_domain::authority::{Found, Source};
    let world = World::new().await;
    let db = &world.app().engine.db;
    let source = Source::SlackGroup("S0ONCALL".into());
    let now = world.clock.now();
    let read = |ids: &[&str], seconds| Found::People {
        ids: ids.iter().map(|id| id.to_string()).collect(),
        unmatched: vec![],
        read_at: now
            .checked_add(std::time::Duration::from_secs(seconds))
            .ok(),
    };
    let newer = read(&["U0SAM"], 2);
    for found in [&newer, &read(&[], 0)] {
        let mut tx = db.begin().await.unwrap();
        rosters::record(&mut tx, &source, found, now).await.unwrap();
        tx.commit().await.unwrap();
    }
    let known = rosters::last_known(db).await.unwrap();
    assert_eq!(known, [("Slack group S0ONCALL".to_owned(), newer)]);
}
