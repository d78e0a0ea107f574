//! What platforms send when something has changed there: it has them read at once, and is believed
//! in nothing.

use crate::support::{FRONTEND, RAILWAY_WEBHOOK, VERCEL_WEBHOOK, World};
use insta::assert_snapshot;
use reqwest::{Client, Response};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

const TAKEN: &str = r#"
[webhooks]
vercel = "env:VERCEL_WEBHOOK_SECRET"
railway = "env:RAILWAY_WEBHOOK_SECRET"
"#;

/// Signed by `node:crypto` of Node 20, as Vercel's documentation does:
/// `createHmac("sha1", "a-client-secret-of-vercels").update(body).digest("hex")`.
const ROLLED_BACK: [&str; 2] = [
    r#"{"id":"uev_1","type":"deployment.rollback","createdAt":1773457920000,"payload":{"team":{"id":"team_nLlpyC6REAqxydlFKbrMDlud"},"project":{"id":"prj_2WkFZr3TqUoXcB7mNvL9sHdYeA4g"},"fromDeploymentId":"dpl_v214","toDeploymentId":"dpl_v212"}}"#,
    "4f4e09bd47b04658aacabf0fce506b91fc15f836",
];

#[tokio::test]
async fn a_webhook_that_concerns_no_service_is_warned_of() {
    let world = World::with(&format!("{FRONTEND}{TAKEN}")).await;
    assert_eq!(
        world.app().config.warnings,
        ["webhooks.railway: has nothing to be read for: no service is on Railway"]
    );
}

/// A world in which frontend was taken back to v213, and is not watched any more.
async fn closed(sections: &str) -> World {
    let mut world = World::with(&format!("{FRONTEND}{sections}")).await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(20 * MINUTE).await;
    world.slack.take_all();
    world
}

async fn sends(world: &World, to: &str, signature: Option<&str>, body: String) -> Response {
    let request = Client::new().post(format!("{}/webhooks/{to}", world.base()));
    let request = match signature {
        Some(signature) => request.header("x-vercel-signature", signature),
        None => request,
    };
    request.body(body).send().await.unwrap()
}

#[tokio::test]
async fn a_webhook_has_its_platform_read_at_once() {
    let mut world = closed(TAKEN).await;
    world.vercel.roll_back("v212");
    world.settle().await;
    assert_snapshot!(world.channel(), @"");
    let [body, signature] = ROLLED_BACK;
    let answer = sends(&world, "vercel", Some(signature), body.into()).await;
    assert_eq!(answer.status(), 204);
    // It was read just now, and is again ten seconds later.
    world.passes(Duration::from_secs(11)).await;
    assert_snapshot!(world.channel(), @"Rollback Bot: @maya and @sam: frontend (production) was taken back to v212, and not from here. `/rollback list frontend@production` shows what there is.");
    // The same again finds nothing new.
    for _ in 0..20 {
        let answer = sends(&world, "vercel", Some(signature), body.into()).await;
        assert_eq!(answer.status(), 204);
    }
    world.passes(MINUTE).await;
    assert_snapshot!(world.channel(), @"");
}

#[tokio::test]
async fn what_a_webhook_says_is_not_believed() {
    let mut world = closed(TAKEN).await;
    let before = world.record().await;
    let [body, signature] = ROLLED_BACK;
    // It says that production was taken to v212, and it was not.
    let answer = sends(&world, "vercel", Some(signature), body.into()).await;
    assert_eq!(answer.status(), 204);
    let railway = format!("railway/{RAILWAY_WEBHOOK}");
    for nonsense in ["", "[]", "{\"resource\":{\"service\":{\"id\":7}}}", "\u{0}"] {
        let answer = sends(&world, &railway, None, nonsense.into()).await;
        assert_eq!(answer.status(), 204, "{nonsense}");
    }
    world.passes(MINUTE).await;
    assert_snapshot!(world.channel(), @"");
    assert_eq!(world.record().await, before);
    assert_eq!(world.vercel.production(), "v213");
}

#[tokio::test]
async fn what_is_not_a_platforms_own_is_not_read() {
    let world = closed(TAKEN).await;
    let [body, signature] = ROLLED_BACK;
    let long = format!("{body}{}", " ".repeat(256 * 1024));
    let forged = signature.replace('4', "5");
    for (to, signature, body, status) in [
        ("vercel", None, body, 401),
        ("vercel", Some(forged.as_str()), body, 401),
        ("vercel", Some(signature), "{}", 401),
        ("vercel", Some(signature), long.as_str(), 413),
        ("railway/guessed", None, body, 401),
        ("railway", None, body, 404),
        // Not configured.
        ("render", None, body, 404),
        ("github", None, body, 404),
    ] {
        let answer = sends(&world, to, signature, body.into()).await;
        assert_eq!(answer.status(), status, "{to} {signature:?}");
        let said = answer.text().await.unwrap();
        assert!(!said.contains(VERCEL_WEBHOOK) && said.len() < 100, "{said}");
    }
}

#[tokio::test]
async fn secrets_that_prove_nothing_are_mistakes() {
    let world = World::new().await;
    for (line, told) in [
        (
            "render = \"env:VERCEL_WEBHOOK_SECRET\"",
            "webhooks.render: is not a signing secret",
        ),
        (
            "railway = \"env:VERCEL_WEBHOOK_SECRET\"",
            "openssl rand -hex 24",
        ),
        ("github = \"hunter2\"", "webhooks.github"),
        ("vercel = \"env:NOT_THERE\"", "NOT_THERE"),
        (
            "netlify = \"env:VERCEL_WEBHOOK_SECRET\"",
            "webhooks.netlify",
        ),
    ] {
        let mistakes = world
            .reads_settings(&format!("[webhooks]\n{line}"))
            .unwrap_err();
        assert!(mistakes.contains(told), "{line}: {mistakes}");
    }
}
