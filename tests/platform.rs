//! What the platform can say instead of yes, and what is seen from outside.

use crate::support::{FRONTEND, World};
use insta::assert_snapshot;
use serde_json::json;
use std::time::Duration;

/// Sam approves while Vercel answers the request like this.
async fn answered(status: u16, message: &str, headers: &[(&str, &str)]) -> World {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.vercel.answer_next(
        status,
        json!({ "error": { "code": "code", "message": message } }),
        headers,
    );
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.settle().await;
    world
}

/// The sentence of the card.
async fn card(world: &mut World) -> String {
    world.passes(Duration::from_secs(5)).await;
    let seen = world.channel();
    let lines: Vec<&str> = seen.lines().map(str::trim).collect();
    let at = lines
        .iter()
        .position(|line| line.contains("RB-1 ") && !line.contains("to go back to"))
        .unwrap_or_default();
    lines[at..]
        .iter()
        .take_while(|line| !line.starts_with("Rollback Bot"))
        .copied()
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn the_hobby_plan_ends_with_a_sentence_to_act_on() {
    let mut world = answered(
        402,
        "To roll back further than the previous production deployment, upgrade to pro",
        &[],
    )
    .await;
    assert_snapshot!(card(&mut world).await, @r#"
    ⚠️ RB-1 FAILED  frontend (production)
    v214 → v213 · @maya · "checkout 500s"
    ✅ Approved 03:12:00 UTC by @sam (oncall)
    Vercel goes back only to the deployment right before the live one on the Hobby plan (402: To roll back further than the previous production deployment, upgrade to pro). Choose that one, or upgrade the plan at vercel.com/account/billing. Production serves v214 on 8/8, as last read.
    [ Propose again ] [ Post-mortem ]
    | Rollback Bot:
    |   Timeline of INC-1, exported when RB-1 closed: … entries.
    |   [file INC-1-RB-1-timeline.md]
    "#);
    assert_eq!(world.vercel.production(), "v214");
}

#[tokio::test]
async fn a_token_that_may_not_ends_with_a_sentence_to_act_on() {
    let mut world = answered(403, "Not authorized", &[]).await;
    assert_snapshot!(card(&mut world).await, @r#"
    ⚠️ RB-1 FAILED  frontend (production)
    v214 → v213 · @maya · "checkout 500s"
    ✅ Approved 03:12:00 UTC by @sam (oncall)
    Vercel says the token is unknown, expired or lacks access (403: Not authorized). Create a new one at vercel.com/account/settings/tokens and set it in the configuration; check that team names the project's team. Production serves v214 on 8/8, as last read.
    [ Propose again ] [ Post-mortem ]
    | Rollback Bot:
    |   Timeline of INC-1, exported when RB-1 closed: … entries.
    |   [file INC-1-RB-1-timeline.md]
    "#);
}

#[tokio::test]
async fn what_is_already_done_is_read_back_and_not_believed() {
    let mut world = answered(
        409,
        "The provided deploymentId (dpl_x) is already the current production deployment.",
        &[],
    )
    .await;
    world.passes(Duration::from_secs(90)).await;
    assert_snapshot!(card(&mut world).await, @r#"
    ⚠️ RB-1 FAILED  frontend (production)
    v214 → v213 · @maya · "checkout 500s"
    ✅ Approved 03:12:00 UTC by @sam (oncall)
    ✅ Accepted 03:12:00 UTC by Vercel: it says that this is the current deployment already (409: The provided deploymentId (dpl_x) is already the current prod…
    ⚠️ Deploys I could not read whether automatic deploys are off
    The platform never started it: no domain has moved, and Vercel shows no request to move domains. Production serves v214 on 8/8, as last read.
    [ Propose again ] [ Post-mortem ]
    | Rollback Bot:
    |   Timeline of INC-1, exported when RB-1 closed: … entries.
    |   [file INC-1-RB-1-timeline.md]
    "#);
    assert_eq!(world.vercel.production(), "v214");
}

#[tokio::test]
async fn too_many_requests_are_waited_out_and_asked_again() {
    let mut world = answered(429, "Rate limited", &[("retry-after", "20")]).await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.passes(Duration::from_secs(12)).await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(world.vercel.rollbacks_asked(), 2);
    assert_eq!(world.vercel.production(), "v213");
    world.slack.take_all();
}

#[tokio::test]
async fn a_failing_platform_is_not_asked_twice() {
    let mut world = answered(500, "Internal", &[]).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ⚠️ RB-1 UNKNOWN  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      Vercel answered the request with an error (500: Internal). I'm checking each domain and won't send the request again. Don't retry. If you can see the result, run `/rollback resolve RB-1 done because …` (or `not-done`).
    Rollback Bot: @maya and @sam: I don't know whether RB-1 (frontend (production), v214 → v213) took effect. Vercel answered the request with an error (500: Internal). I'm checking each domain and won't send the request again. Don't retry. If you can see the result: `/rollback resolve RB-1 done because …` (or `not-done`).
    "#);
    world.passes(Duration::from_secs(120)).await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    assert_snapshot!(card(&mut world).await, @r#"
    ⚠️ RB-1 FAILED  frontend (production)
    v214 → v213 · @maya · "checkout 500s"
    ✅ Approved 03:12:00 UTC by @sam (oncall)
    The platform never started it: no domain has moved, and Vercel shows no request to move domains. Production serves v214 on 8/8, as last read.
    [ Propose again ] [ Post-mortem ]
    | Rollback Bot:
    |   Timeline of INC-1, exported when RB-1 closed: … entries.
    |   [file INC-1-RB-1-timeline.md]
    "#);
}

#[tokio::test]
async fn silence_after_it_was_done_is_read_back_to_the_truth() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    world.vercel.break_after_accepting();
    world.sam().clicks("Approve").await;
    world.settle().await;
    assert_eq!(world.rollback(1).await.state.name(), "unknown");
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ⚠️ RB-1 UNKNOWN  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      Vercel was asked and gave no answer: the connection broke (connection closed before message completed). I'm checking each domain and won't send the request again. Don't retry. If you can see the result, run `/rollback resolve RB-1 done because …` (or `not-done`).
    Rollback Bot: @maya and @sam: I don't know whether RB-1 (frontend (production), v214 → v213) took effect. Vercel was asked and gave no answer: the connection broke (connection closed before message completed). I'm checking each domain and won't send the request again. Don't retry. If you can see the result: `/rollback resolve RB-1 done because …` (or `not-done`).
    "#);
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.slack.take_all();
}

#[tokio::test]
async fn silence_because_it_never_arrived_is_found_out() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.vercel.lose_without_doing();
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(180)).await;
    assert_eq!(world.rollback(1).await.state.name(), "failed");
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    assert_snapshot!(card(&mut world).await, @r#"
    ⚠️ RB-1 FAILED  frontend (production)
    v214 → v213 · @maya · "checkout 500s"
    ✅ Approved 03:12:00 UTC by @sam (oncall)
    The platform never started it: no domain has moved, and Vercel shows no request to move domains. Production serves v214 on 8/8, as last read.
    [ Propose again ] [ Post-mortem ]
    | Rollback Bot:
    |   Timeline of INC-1, exported when RB-1 closed: … entries.
    |   [file INC-1-RB-1-timeline.md]
    "#);
}

#[tokio::test]
async fn domains_that_cannot_be_moved_are_named() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world
        .vercel
        .fail_aliases(&["shop.example.com", "checkout.example.com"]);
    world.sam().clicks("Approve").await;
    world.settle().await;
    world.slack.take_all();
    world.vercel.advance_to(8);
    world.passes(Duration::from_secs(20)).await;
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ⚠️ RB-1 PARTIAL 6/8  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      ✅ Accepted 03:12:00 UTC by Vercel: job pending
      ✅ Deploys held automatic deploys are off
      6 of 8 serve v213. Not moved: shop.example.com and checkout.example.com. Traffic may be split between v214 and v213. Propose again to move the rest.
      [ Propose again ] [ Undo… ] [ Post-mortem ]
      | Rollback Bot:
      |   Timeline of INC-1, exported when RB-1 closed: … entries.
      |   [file INC-1-RB-1-timeline.md]
    Rollback Bot:
      ⚠️ frontend (production) is only partly on v213: 6 of 8 (RB-1) · @maya, approved by @sam
      Not moved: shop.example.com and checkout.example.com. Traffic may be split.
      Production serves v213 on 6/8 and v214 on 2/8, as last read.
      Automatic deploys are off until `/rollback unpin frontend@production`.
      Next  Retry with `/rollback frontend@production to v213 because …`, or roll back in Vercel and log it with `/rollback note`.
    "#);
    assert_eq!(world.rollback(1).await.state.name(), "partial");
}

#[tokio::test]
async fn an_old_version_behind_a_cache_is_never_green() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.site.caches("v214");
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(320)).await;
    assert_eq!(world.rollback(1).await.word(), "SERVING, NOT VERIFIED");
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ⚠️ RB-1 SERVING, NOT VERIFIED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      ✅ Accepted 03:12:00 UTC by Vercel: job succeeded
      ✅ Deploys held automatic deploys are off
      ✅ Live 03:12:00 UTC 8/8 on v213
      ⚠️ Not verified 03:17:02 UTC version v214 answers, 1/1 checks pass
      The platform says v213 is live, but users still get v214. Check the cache or CDN.
      Command to live: 0 s (goal 2 m: met), of which 0 s waiting for approval
      [ Undo… ]
    Rollback Bot:
      ⚠️ frontend (production): v213 is not what users get (RB-1) · @maya, approved by @sam
      version v214 answers, 1/1 checks pass · took 0 s, of which 0 s waiting for approval (goal 2 m: met)
      The platform says v213 is live, but users still get v214. Check the cache or CDN.
      Automatic deploys are off until `/rollback unpin frontend@production`.
      Next  Retry with `/rollback frontend@production to v213 because …`, or roll back in Vercel and log it with `/rollback note`.
    "#);
    world.passes(Duration::from_secs(400)).await;
    world.slack.take_all();
}

#[tokio::test]
async fn a_target_that_serves_and_still_fails_points_elsewhere() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.site.sickens("v213");
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(320)).await;
    assert_eq!(world.rollback(1).await.word(), "SERVING, STILL FAILING");
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ⚠️ RB-1 SERVING, STILL FAILING  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      ✅ Accepted 03:12:00 UTC by Vercel: job succeeded
      ✅ Deploys held automatic deploys are off
      ✅ Live 03:12:00 UTC 8/8 on v213
      ⚠️ Not verified 03:17:02 UTC version v213 answers, 0/1 checks pass: GET https://shop.example.com/api/health answered 500 instead of 200
      v213 is live and checks still fail. The rollback worked, so the problem is probably elsewhere.
      Command to live: 0 s (goal 2 m: met), of which 0 s waiting for approval
      [ Propose the one before ] [ Undo… ]
    Rollback Bot:
      ⚠️ frontend (production) is back on v213, checks still fail (RB-1) · @maya, approved by @sam
      version v213 answers, 0/1 checks pass: GET https://shop.example.com/api/health answered 500 instead of 200 · took 0 s, of which 0 s waiting for approval (goal 2 m: met)
      v213 is live and checks still fail. The rollback worked, so the problem is probably elsewhere.
      Automatic deploys are off until `/rollback unpin frontend@production`.
      Next  To try the one before: `/rollback frontend@production because …`. To return to v214: `/rollback undo RB-1`.
    "#);
}

#[tokio::test]
async fn without_a_fingerprint_it_stays_unproven() {
    let start = FRONTEND
        .find("[services.frontend.production.fingerprint]")
        .unwrap();
    let end = FRONTEND.find("[[services").unwrap();
    let mut world = World::with(&format!("{}{}", &FRONTEND[..start], &FRONTEND[end..])).await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(world.rollback(1).await.word(), "SERVING, UNPROVEN");
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ⚠️ RB-1 SERVING, UNPROVEN  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      ✅ Accepted 03:12:00 UTC by Vercel: job succeeded
      ✅ Deploys held automatic deploys are off
      ✅ Live 03:12:00 UTC 8/8 on v213
      ⚠️ Not verified 03:12:02 UTC 1/1 checks pass
      Checks pass, but no version fingerprint is configured, so I cannot tell which version answered.
      Command to live: 0 s (goal 2 m: met), of which 0 s waiting for approval
      [ Undo… ]
    Rollback Bot:
      ⚠️ frontend (production) is back on v213, not proven from outside (RB-1) · @maya, approved by @sam
      1/1 checks pass · took 0 s, of which 0 s waiting for approval (goal 2 m: met)
      Checks pass, but no version fingerprint is configured, so I cannot tell which version answered.
      Automatic deploys are off until `/rollback unpin frontend@production`.
      This doesn't fix the bug. If v214 caused it, deploying v214 again brings it back.
    "#);
}

#[tokio::test]
async fn production_that_moves_away_again_is_seen() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    world.slack.take_all();
    world.vercel.promote("v214");
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(world.rollback(1).await.word(), "DRIFTED");
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ⚠️ RB-1 DRIFTED  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      ✅ Accepted 03:12:00 UTC by Vercel: job succeeded
      ⚠️ Deploys not held automatic deploys are ON
      ⚠️ Was live 03:12:00 UTC, now 0/8 on v213
      ✅ Verified 03:12:02 UTC version v213 answers, 1/1 checks pass
      Someone changed production: shop.example.com, www.shop.example.com, checkout.example.com and 5 more no longer on v213.
      Command to live: 0 s (goal 2 m: met), of which 0 s waiting for approval
      [ Propose again ] [ Post-mortem ]
      | Rollback Bot:
      |   Timeline of INC-1, exported when RB-1 closed: … entries.
      |   [file INC-1-RB-1-timeline.md]
    Rollback Bot:
      ⚠️ frontend (production) is no longer on v213 (RB-1) · @maya, approved by @sam
      Someone changed production: shop.example.com, www.shop.example.com, checkout.example.com and 5 more no longer on v213.
      v214 is live again, as last read.
      Automatic deploys are ON: the next one goes live.
      Next  `/rollback list frontend@production` shows what is live; `/rollback frontend@production to v213 because …` goes there again.
    "#);
}

#[tokio::test]
async fn checks_that_fail_again_while_it_is_watched_change_the_verdict() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    assert_eq!(world.rollback(1).await.word(), "VERIFIED");
    world.slack.take_all();
    world.site.sickens("v213");
    world.passes(Duration::from_secs(90)).await;
    assert_eq!(world.rollback(1).await.word(), "SERVING, STILL FAILING");
    assert_snapshot!(world.channel(), @r#"
    Rollback Bot (edited):
      ⚠️ RB-1 SERVING, STILL FAILING  frontend (production)
      v214 → v213 · @maya · "checkout 500s"
      ✅ Approved 03:12:00 UTC by @sam (oncall)
      ✅ Accepted 03:12:00 UTC by Vercel: job succeeded
      ✅ Deploys held automatic deploys are off
      ✅ Live 03:12:00 UTC 8/8 on v213
      ⚠️ Not verified 03:13:02 UTC version v213 answers, 0/1 checks pass: GET https://shop.example.com/api/health answered 500 instead of 200
      v213 passed its checks before and fails them now. Look for what else has changed: a dependency, the database, a flag.
      Command to live: 0 s (goal 2 m: met), of which 0 s waiting for approval
      [ Propose the one before ] [ Undo… ]
    Rollback Bot:
      ⚠️ frontend (production): checks on v213 fail again (RB-1) · @maya, approved by @sam
      version v213 answers, 0/1 checks pass: GET https://shop.example.com/api/health answered 500 instead of 200 · took 0 s, of which 0 s waiting for approval (goal 2 m: met)
      v213 passed its checks before and fails them now. Look for what else has changed: a dependency, the database, a flag.
      Automatic deploys are off until `/rollback unpin frontend@production`.
      Next  To try the one before: `/rollback frontend@production because …`. To return to v214: `/rollback undo RB-1`.
    "#);
}

#[tokio::test]
async fn a_second_rollback_takes_over_from_the_first() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.vercel.moves_at_once(true);
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(30)).await;
    world
        .maya()
        .says("/rollback frontend to v212 because still slow")
        .await;
    world.settle().await;
    world.sam().clicks("Approve").await;
    world.passes(Duration::from_secs(60)).await;
    assert_eq!(world.vercel.production(), "v212");
    assert_eq!(world.rollback(2).await.word(), "VERIFIED");
    let first = world.rollback(1).await;
    assert_eq!(
        (first.word().as_str(), first.state.name()),
        ("VERIFIED", "closed")
    );
    assert!(
        world
            .record()
            .await
            .contains("closed as verified; RB-2 has taken over")
    );
    world.slack.take_all();
}
