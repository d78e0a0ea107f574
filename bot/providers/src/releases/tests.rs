//! Tests of the rules next door.

use super::{disk::CURRENT, *};
use rollback_domain::{
    grammar::Target,
    identity::{IncidentId, RollbackId, ServiceKey},
    people::Person,
    plan::{Aim, Plan},
    refusal::Source,
    rollback::{Proposal, Rollback},
};
use std::{fs, os::unix::fs::symlink, path::Path};
use tempfile::TempDir;
use tokio::time::Instant;

/// What the provider is told of a rollback.
fn order(rollback: &Rollback) -> Order {
    rollback.order(None).expect("it has a plan")
}

/// v211, v212 and v213, made a minute after the other; v213 is live.
fn app() -> TempDir {
    let app = tempfile::tempdir().unwrap();
    for (minute, name) in ["v211", "v212", "v213"].iter().enumerate() {
        let release = app.path().join("releases").join(name);
        fs::create_dir_all(&release).unwrap();
        fs::write(release.join("index.html"), name).unwrap();
        made(&release, minute);
    }
    symlink("releases/v213", app.path().join(CURRENT)).unwrap();
    app
}

fn made(release: &Path, minute: usize) {
    let at = std::time::UNIX_EPOCH + Duration::from_secs(1_772_300_000 + 60 * minute as u64);
    fs::File::open(release).unwrap().set_modified(at).unwrap();
}

fn releases(app: &TempDir, restart: Option<&[&str]>) -> Releases {
    Releases {
        path: app.path().to_owned(),
        restart: restart.map(|args| args.iter().map(|arg| (*arg).to_owned()).collect()),
        restart_timeout: Duration::from_secs(5),
    }
}

async fn planned(releases: &Releases, to: &str) -> Rollback {
    drawn(releases, to, None).await
}

async fn drawn(releases: &Releases, to: &str, undoes: Option<RollbackId>) -> Rollback {
    let survey = releases.survey(&About::default()).await.unwrap();
    let now = "2026-03-01T02:41:00Z".parse().unwrap();
    let aim = Aim {
        part: None,
        target: Target::Named(to.into()),
        utc_offset: 0,
        undoes,
    };
    let plan = Plan::draw(
        rollback_domain::plan::Basis {
            service: &ServiceKey::new("frontend", "production"),
            survey: &survey,
            effects: &releases.effects(aim.way()),
            history: &rollback_domain::history::History::default(),
            risks: &rollback_domain::risk::RiskRules::default(),
        },
        &aim,
        now,
    )
    .unwrap();
    let (mut rollback, _) = Proposal {
        drill: None,
        channel: "C1".into(),
        service: ServiceKey::new("app", "production"),
        requester: Person::new("U1", "sam"),
        because: None,
        evidence: vec![],
        aim,
        source: Source::Bot,
        commanded: now,
        target_time: None,
        reply_to: None,
        replaces: None,
        waiting: rollback_domain::rollback::Waiting::default(),
        turns: vec![],
        part_of: None,
    }
    .open(RollbackId::new(41), IncidentId::new(1));
    rollback.memory = survey.memory;
    rollback.plan = Some(plan);
    rollback
}

fn leads_to(app: &TempDir) -> String {
    let link = fs::read_link(app.path().join(CURRENT)).unwrap();
    link.to_str().unwrap().to_owned()
}

fn no(answer: Result<Receipt, ProviderError>) -> String {
    match answer {
        Err(ProviderError::Refused(why)) => {
            assert!(why.starts_with("Releases: "), "{why}");
            why
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_survey_lists_newest_first_and_says_what_is_barred() {
    let app = app();
    let dir = app.path().join("releases");
    fs::write(dir.join("v212/REVISION"), "9C7E2F4AA11B\n").unwrap();
    fs::write(dir.join("v211/REVISION"), "rm -rf /").unwrap();
    made(&dir.join("v212"), 1);
    made(&dir.join("v211"), 0);
    fs::create_dir(dir.join("v210")).unwrap();
    made(&dir.join("v210"), 0);
    fs::write(dir.join("notes.txt"), "x").unwrap();
    fs::create_dir(dir.join(".tmp")).unwrap();
    symlink("/etc", dir.join("etc")).unwrap();
    symlink("v211", dir.join("stable")).unwrap();
    let survey = releases(&app, None)
        .survey(&About::default())
        .await
        .unwrap();
    let said: Vec<_> = survey
        .candidates
        .iter()
        .filter(|candidate| candidate.release.id.starts_with('v'))
        .map(|candidate| {
            let why = candidate.barred.as_deref().unwrap_or("eligible");
            (candidate.release.id.as_str(), why)
        })
        .collect();
    assert_eq!(
        said,
        [
            ("v213", "eligible"),
            ("v212", "eligible"),
            ("v211", "eligible"),
            ("v210", "it is empty")
        ]
    );
    let why = |name: &str| {
        survey
            .candidates
            .iter()
            .find(|candidate| candidate.release.id == name)
            .and_then(|candidate| candidate.barred.clone())
    };
    assert_eq!(
        why("etc").as_deref(),
        Some("it is a link that leads out of releases")
    );
    assert_eq!(
        why("stable").as_deref(),
        Some("it is a link and not a directory")
    );
    assert_eq!(why("notes.txt").as_deref(), Some("it is not a directory"));
    assert_eq!(why(".tmp"), None);
    assert_eq!(survey.release("v212").sha.as_deref(), Some("9c7e2f4aa11b"));
    assert_eq!(survey.release("v211").sha, None);
    assert_eq!(survey.live().unwrap().id, "v213");
    assert_eq!((survey.pin, survey.in_flight), (Pin::NotNeeded, None));
}

#[tokio::test]
async fn a_log_says_what_has_served() {
    let app = app();
    let line = "Branch main (at 9c7e2f4) deployed as release v211 by sam\n";
    fs::write(app.path().join("revisions.log"), line).unwrap();
    let survey = releases(&app, None)
        .survey(&About::default())
        .await
        .unwrap();
    assert!(survey.release("v211").live_since.is_some());
    assert!(survey.release("v212").live_since.is_none());
    // It is live, whatever the log says.
    assert!(survey.release("v213").live_since.is_some());
}

#[tokio::test]
async fn going_back_moves_the_link_and_nothing_else() {
    let app = app();
    let releases = releases(&app, None);
    let rollback = planned(&releases, "v212").await;
    assert!(matches!(
        releases.observe(&order(&rollback)).await.unwrap(),
        Progress::NotAsked { .. }
    ));
    symlink("leftover", app.path().join(".current.RB-41")).unwrap();
    let receipt = releases.act(&order(&rollback)).await.unwrap();
    assert_eq!(receipt.said, "current leads to v212");
    assert_eq!(leads_to(&app), "releases/v212");
    assert!(fs::symlink_metadata(app.path().join(".current.RB-41")).is_err());
    match releases.observe(&order(&rollback)).await.unwrap() {
        Progress::Serving { surfaces, pin, .. } => {
            assert_eq!(pin, Pin::NotNeeded);
            assert_eq!(surfaces.len(), 1);
            assert_eq!(surfaces[0].live.as_deref(), Some("v212"));
        }
        other => panic!("{other:?}"),
    }
    let again = releases.act(&order(&rollback)).await.unwrap();
    assert_eq!(again.said, "current already leads to v212");
    fs::remove_file(app.path().join(CURRENT)).unwrap();
    symlink("releases/v211", app.path().join(CURRENT)).unwrap();
    assert!(matches!(
        releases.observe(&order(&rollback)).await.unwrap(),
        Progress::Failed { .. }
    ));
}

#[tokio::test]
async fn going_forward_again_moves_the_link_and_nothing_is_pinned() {
    let app = app();
    let releases = releases(&app, None);
    let back = planned(&releases, "v212").await;
    releases.act(&order(&back)).await.unwrap();
    let undo = drawn(&releases, "v213", Some(RollbackId::new(41))).await;
    let plan = undo.plan.as_ref().unwrap();
    assert_eq!((plan.way, plan.to.id.as_str()), (Way::Forward, "v213"));
    assert_eq!(plan.effects, releases.effects(Way::Back));
    assert!(matches!(
        releases.observe(&order(&undo)).await.unwrap(),
        Progress::NotAsked { .. }
    ));
    let receipt = releases.act(&order(&undo)).await.unwrap();
    assert_eq!(receipt.said, "current leads to v213");
    assert_eq!(leads_to(&app), "releases/v213");
    match releases.observe(&order(&undo)).await.unwrap() {
        Progress::Serving { surfaces, .. } => {
            assert_eq!(surfaces[0].live.as_deref(), Some("v213"));
        }
        other => panic!("{other:?}"),
    }
    // What cannot be gone back to cannot be gone forward to.
    fs::create_dir(app.path().join("releases/v214")).unwrap();
    let survey = releases.survey(&About::default()).await.unwrap();
    assert_eq!(
        survey.candidates[0].why_not(Way::Forward),
        Some("it is empty")
    );
    match releases.unpin(&Value::Null).await {
        Err(ProviderError::Refused(why)) => assert!(why.contains("nothing is pinned"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(leads_to(&app), "releases/v213");
}

#[tokio::test]
async fn an_absolute_link_stays_absolute() {
    let app = app();
    let absolute = app.path().join("releases/v213");
    fs::remove_file(app.path().join(CURRENT)).unwrap();
    symlink(&absolute, app.path().join(CURRENT)).unwrap();
    let releases = releases(&app, None);
    let rollback = planned(&releases, "v212").await;
    releases.act(&order(&rollback)).await.unwrap();
    assert_eq!(
        leads_to(&app),
        app.path().join("releases/v212").to_str().unwrap()
    );
}

#[tokio::test]
async fn nothing_outside_of_releases_is_ever_a_target() {
    let app = app();
    let dir = app.path().join("releases");
    fs::create_dir(dir.join(".hidden")).unwrap();
    fs::write(dir.join(".hidden/x"), "x").unwrap();
    symlink("/etc", dir.join("etc")).unwrap();
    let releases = releases(&app, None);
    let mut rollback = planned(&releases, "v212").await;
    for target in [
        "..",
        ".",
        "",
        "../releases/v212",
        "/etc",
        "v212/../v211",
        "v212/",
        ".hidden",
        "etc",
        "v9",
        "v212\0",
        "index.html",
    ] {
        rollback.plan.as_mut().unwrap().to.id = target.into();
        no(releases.act(&order(&rollback)).await);
        assert_eq!(leads_to(&app), "releases/v213", "{target:?}");
    }
}

#[tokio::test]
async fn a_link_that_leads_nowhere_or_out_is_told() {
    let app = app();
    let releases = releases(&app, None);
    let link = app.path().join(CURRENT);
    for (to, part) in [
        ("releases/v9", "which is not there"),
        ("/etc", "not a directory of"),
        ("releases/v212/index.html", "not a directory of"),
    ] {
        fs::remove_file(&link).unwrap();
        symlink(to, &link).unwrap();
        let survey = releases.survey(&About::default()).await.unwrap();
        assert_eq!(survey.surfaces[0].live, None);
        assert!(survey.in_flight.unwrap().contains(part), "{to}");
        assert!(releases.check().await.is_err());
    }
    // It can be repaired by going to a release.
    let rollback = planned(&releases, "v212").await;
    releases.act(&order(&rollback)).await.unwrap();
    assert_eq!(leads_to(&app), "releases/v212");
    // A directory in its place is left alone.
    fs::remove_file(&link).unwrap();
    fs::create_dir(&link).unwrap();
    let why = no(releases.act(&order(&rollback)).await);
    assert!(why.contains("is not a link"), "{why}");
    let gone = Releases {
        path: app.path().join("nowhere"),
        ..releases
    };
    assert!(matches!(
        gone.survey(&About::default()).await,
        Err(ProviderError::Refused(_))
    ));
}

#[tokio::test]
async fn a_restart_is_a_surface_of_its_own() {
    let app = app();
    let releases = releases(
        &app,
        Some(&[
            "sh",
            "-c",
            "test -z \"$CARGO_MANIFEST_DIR\" && cat current/index.html > restarted",
        ]),
    );
    let mut rollback = planned(&releases, "v212").await;
    let receipt = releases.act(&order(&rollback)).await.unwrap();
    assert!(receipt.said.ends_with("the restart command succeeded"));
    assert_eq!(
        fs::read_to_string(app.path().join("restarted")).unwrap(),
        "v212"
    );
    // Until the receipt is stored, it is not known whether it ran.
    match releases.observe(&order(&rollback)).await.unwrap() {
        Progress::Partial { failed, .. } => assert!(failed[0].contains("not known")),
        other => panic!("{other:?}"),
    }
    rollback.memory = receipt.memory;
    match releases.observe(&order(&rollback)).await.unwrap() {
        Progress::Serving { surfaces, .. } => {
            let live: Vec<_> = surfaces
                .iter()
                .map(|surface| (surface.name.as_str(), surface.live.as_deref()))
                .collect();
            assert_eq!(live, [("current", Some("v212")), ("restart", Some("v212"))]);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_restart_that_fails_takes_nothing_back() {
    let app = app();
    let loud = "yes loud | head -c 200000; echo 'no such unit' >&2; exit 3";
    let releases = releases(&app, Some(&["sh", "-c", loud]));
    let mut rollback = planned(&releases, "v212").await;
    rollback.memory = releases.act(&order(&rollback)).await.unwrap().memory;
    assert_eq!(leads_to(&app), "releases/v212");
    match releases.observe(&order(&rollback)).await.unwrap() {
        Progress::Partial { surfaces, failed } => {
            assert_eq!(surfaces[0].live.as_deref(), Some("v212"));
            assert_eq!(surfaces[1].live, None);
            assert!(
                failed[0].starts_with("restart command: exit 3: "),
                "{failed:?}"
            );
            assert!(failed[0].ends_with("no such unit"), "{failed:?}");
            assert!(failed[0].len() < 400);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_restart_is_stopped_when_it_takes_too_long_and_missed_when_it_is_not_there() {
    let run = async |command: &[&str], within| {
        let command: Vec<String> = command.iter().map(|arg| (*arg).to_owned()).collect();
        restart(&command, Path::new("/"), within).await
    };
    let short = Duration::from_millis(200);
    let why = run(&["sleep", "30"], short).await.unwrap_err();
    assert_eq!(why, "no end after 0.2 s, stopped");
    let why = run(&["no-such-program-here"], short).await.unwrap_err();
    assert!(why.starts_with("no-such-program-here could not be started"));
    // What it leaves running does not hold the rollback up.
    let began = Instant::now();
    assert_eq!(
        run(&["sh", "-c", "sleep 20 &"], Duration::from_secs(19)).await,
        Ok(())
    );
    assert!(began.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn the_check_says_what_works() {
    let app = app();
    let said = releases(&app, None).check().await.unwrap();
    assert!(
        said.ends_with("readable, current leads to v213, 3 releases"),
        "{said}"
    );
}

#[tokio::test]
async fn a_restart_that_takes_too_long_is_stopped_with_everything_it_began() {
    let place = tempfile::tempdir().unwrap();
    // What hangs is not the command itself but something that it has started.
    let command = ["sh", "-c", "sleep 60 & echo $! > child; wait"].map(str::to_owned);
    let why = restart(&command, place.path(), Duration::from_secs(2)).await;
    assert!(why.unwrap_err().starts_with("no end after 2 s, stopped"));
    let child = fs::read_to_string(place.path().join("child")).unwrap();
    let runs = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", child.trim()));
        // What has ended and was not yet cleared away is a zombie.
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    };
    let began = Instant::now();
    while runs() {
        assert!(began.elapsed() < Duration::from_secs(30), "it runs on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn copying_and_touching_directories_changes_no_order() {
    let app = app();
    // `rsync -a` gives the newest one the oldest time, and somebody touches another one.
    made(&app.path().join("releases/v213"), 0);
    made(&app.path().join("releases/v211"), 9);
    let survey = releases(&app, None)
        .survey(&About::default())
        .await
        .unwrap();
    let ids: Vec<&str> = survey
        .candidates
        .iter()
        .map(|candidate| candidate.release.id.as_str())
        .collect();
    assert_eq!(ids, ["v213", "v212", "v211"]);
    // These times tell nothing any more, and nothing is claimed by them.
    for candidate in &survey.candidates {
        assert_eq!(candidate.release.live_since, None);
        assert!(candidate.release.served());
    }
    assert_eq!(
        planned(&releases(&app, None), "v212").await.to_label(),
        "v212"
    );
}

#[tokio::test]
async fn the_log_tells_the_order_in_which_releases_were_deployed() {
    let app = app();
    let log = "Branch main (at 1) deployed as release v212 by sam\n\
               Branch main (at 2) deployed as release v211 by sam\n\
               Branch main (at 3) deployed as release v213 by sam\n\
               sam rolled back to release v211\n";
    fs::write(app.path().join("revisions.log"), log).unwrap();
    let survey = releases(&app, None)
        .survey(&About::default())
        .await
        .unwrap();
    let ids: Vec<&str> = survey
        .candidates
        .iter()
        .map(|candidate| candidate.release.id.as_str())
        .collect();
    assert_eq!(ids, ["v213", "v211", "v212"]);
}

#[tokio::test]
async fn a_restart_that_failed_is_a_surface_until_it_is_done() {
    let app = app();
    let releases = releases(&app, Some(&["true"]));
    fs::remove_file(app.path().join(CURRENT)).unwrap();
    symlink("releases/v212", app.path().join(CURRENT)).unwrap();
    let unfinished = |to: &str| About {
        unfinished: Some(Unfinished {
            rollback: RollbackId::new(1),
            left: Some("v213".into()),
            to: to.into(),
            memory: json!({ "restart_failed": "exit 3" }),
        }),
        ..About::default()
    };
    let survey = releases.survey(&unfinished("v212")).await.unwrap();
    assert_eq!(
        survey.live().unwrap().id,
        "v213",
        "the process has what it had"
    );
    let places: Vec<_> = survey
        .surfaces
        .iter()
        .map(|surface| (surface.name.as_str(), surface.live.as_deref()))
        .collect();
    assert_eq!(
        places,
        [("restart", Some("v213")), ("current", Some("v212"))]
    );
    // Somebody deployed since: that is another story.
    let survey = releases.survey(&unfinished("v211")).await.unwrap();
    assert_eq!(survey.surfaces.len(), 1);
}
