//! Text that others wrote, in every place where it is shown: it is text there, and no more.

use crate::support::{CHANNEL, FRONTEND, World};

/// The texts of the messages of a channel, as Slack has them.
fn texts(world: &World) -> Vec<String> {
    let messages = world.slack.messages(CHANNEL);
    messages.into_iter().map(|message| message.text).collect()
}

#[tokio::test]
async fn a_very_long_objection_is_announced_within_what_slack_takes() {
    let mut world = World::new().await;
    world.with_a_card().await;
    let long = format!("see {}", "<".repeat(2_900));
    world
        .tom()
        .says(&format!("/rollback object RB-1 because {long}"))
        .await;
    world.settle().await;
    let all = texts(&world);
    let objection = all
        .iter()
        .find(|text| text.contains("|RB-1> (frontend") && text.contains(" objects to "));
    let announced = objection.unwrap_or_else(|| panic!("{all:?} {}", world.tom().sees()));
    assert!(announced.chars().count() < 4_000, "{announced}");
    assert!(announced.starts_with("<@U0MAYA>: @tom"), "{announced}");
    assert!(announced.ends_with("&lt;…\"."), "{announced}");
    // The timeline has all of it.
    assert!(world.record().await.contains(&"<".repeat(2_900)));
    world.slack.take_all();
}

#[tokio::test]
async fn an_unclosed_code_fence_swallows_nothing() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world
        .tom()
        .says("/rollback object RB-1 because ```*RB-1 VERIFIED* see the log")
        .await;
    world
        .tom()
        .says("/rollback freeze frontend because ``` the fix is on its way `")
        .await;
    world.settle().await;
    for text in texts(&world) {
        assert_eq!(text.matches('`').count() % 2, 0, "{text}");
        assert!(
            !text.contains("```") && !text.contains("*RB-1 VERIFIED*"),
            "{text}"
        );
    }
    let channel = world.channel();
    assert!(
        channel.contains("\"RB-1 VERIFIED see the log\""),
        "{channel}"
    );
    world.slack.take_all();
}

#[tokio::test]
async fn a_picker_has_a_button_for_every_environment_and_cuts_no_reason() {
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let more: String = names
        .iter()
        .map(|name| {
            FRONTEND
                .replace("frontend.production", &format!("frontend.stage-{name}"))
                .replace("prj_2WkFZr3TqUoXcB7mNvL9sHdYeA4g", &format!("prj_{name}"))
        })
        .collect();
    let mut world = World::with(&format!("{FRONTEND}{more}")).await;
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    let shown = world.maya().sees();
    assert_eq!(shown.matches("[ Propose for ").count(), 8, "{shown}");

    let reason = "checkout is slow ".repeat(140);
    world
        .maya()
        .says(&format!("/rollback frontend because {reason}"))
        .await;
    world.settle().await;
    let shown = world.maya().sees();
    assert!(!shown.contains("[ Propose for "), "{shown}");
    assert!(
        shown.contains("Your reason is longer than a button can carry"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_refusal_names_a_handful_and_says_how_many_more() {
    let crowd: Vec<String> = (0..200).map(|n| format!("\"U0CROWD{n:03}\"")).collect();
    let roles = format!(
        "[roles.oncall]\nmembers = [\"U0SAM\", {}]\n[roles.lead]\nmembers = [\"U0ANA\"]\n[roles.data_owner]\nmembers = [\"U0KIM\"]\n",
        crowd.join(", ")
    );
    let mut world = World::set_up(&roles, FRONTEND).await;
    world.with_a_card().await;
    world.tom().says("/rollback approve RB-1").await;
    world.settle().await;
    let told = world.tom().sees();
    let few = "@sam, @U0CROWD000, @U0CROWD001, @U0CROWD002, @U0CROWD003 or 197 more can";
    assert!(told.contains(few), "{told}");
    world.slack.take_all();
}

#[tokio::test]
async fn people_and_channels_in_a_reason_are_read_by_their_names() {
    let mut world = World::new().await;
    world.sam().says("/rollback help").await;
    world.slack.take_all();
    world
        .maya()
        .says("/rollback frontend because <@U0SAM> saw 500s")
        .await;
    world.settle().await;
    let card = world.channel();
    assert!(card.contains("@sam saw 500s"), "{card}");
    world.vercel.moves_at_once(true);
    world.ana().clicks("Approve").await;
    world.settle().await;
    let asked = world.vercel.description().unwrap();
    assert!(asked.ends_with(": @sam saw 500s"), "{asked}");
    world.slack.take_all();
}
