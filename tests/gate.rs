//! One input is one message, from one workspace, for one reader: what is edited, sent again,
//! addressed to somebody else or comes from elsewhere changes nothing.

use crate::support::{CHANNEL, FRONTEND, ROLES, World};
use insta::assert_snapshot;
use rollback_simulation::{Answer, Fault};
use serde_json::{Value, json};
use std::time::Duration;

/// Sends the last event again, as `change` makes it, with an id of its own.
async fn event_again(world: &World, change: impl FnOnce(&mut Value)) -> Answer {
    let deliveries = world.slack.deliveries();
    let mut events = deliveries.iter().rev();
    let last = events.find(|one| one.path == "/slack/events").unwrap();
    let mut envelope: Value = serde_json::from_slice(&last.body).unwrap();
    envelope["event_id"] = json!(format!("EvAGAIN{}", deliveries.len()));
    change(&mut envelope);
    let body = envelope.to_string().into_bytes();
    send(world, "/slack/events", body).await
}

/// Sends the last click or form again, as `change` makes it.
async fn payload_again(world: &World, change: impl FnOnce(&mut Value)) -> Answer {
    let deliveries = world.slack.deliveries();
    let mut payloads = deliveries.iter().rev();
    let last = payloads.find(|one| one.path == "/slack/interactions");
    let (_, payload) = form_urlencoded::parse(&last.unwrap().body).next().unwrap();
    let mut payload: Value = serde_json::from_str(&payload).unwrap();
    change(&mut payload);
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("payload", &payload.to_string())
        .finish();
    send(world, "/slack/interactions", form.into_bytes()).await
}

/// Sends the last command again with another value in one field.
async fn command_again(world: &World, field: &str, value: &str) -> Answer {
    let deliveries = world.slack.deliveries();
    let mut commands = deliveries.iter().rev();
    let last = commands.find(|one| one.path == "/slack/commands").unwrap();
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (key, was) in form_urlencoded::parse(&last.body) {
        form.append_pair(&key, if key == field { value } else { &was });
    }
    send(world, "/slack/commands", form.finish().into_bytes()).await
}

async fn send(world: &World, path: &str, body: Vec<u8>) -> Answer {
    let mut headers = world.slack.sign(&body);
    let kind = match path {
        "/slack/events" => "application/json",
        _ => "application/x-www-form-urlencoded",
    };
    headers.push(("content-type".into(), kind.into()));
    let answer = world.slack.raw(path, body, &headers).await;
    assert!(answer.is_ok(), "{}: {}", answer.status, answer.body);
    answer
}

fn edit(envelope: &mut Value, text: &str) {
    envelope["event"]["edited"] = json!({ "user": "U0SAM", "ts": "1773457999.000000" });
    envelope["event"]["text"] = json!(text);
}

#[tokio::test]
async fn an_edited_mention_is_no_command_and_its_author_is_told_once() {
    let mut world = World::new().await;
    world.with_a_card().await;
    let text = "<@UBOT> approve RB-1";
    world.slack.says("U0ANA", CHANNEL, "<@UBOT> note 1").await;
    world.settle().await;
    world.slack.take_all();
    let before = world.record().await;
    for text in [text, "<@UBOT> approve RB-1 because now", "<@UBOT> note 1"] {
        event_again(&world, |envelope| edit(envelope, text)).await;
        world.settle().await;
    }
    assert_snapshot!(world.ana().sees(), @"Rollback Bot (only visible to @ana): An edited message is never a command, so nothing was run because of it. To run it, send it as a new message.");
    assert_eq!(world.record().await, before);
    assert_eq!(world.rollback(1).await.approvals, []);
    world.slack.take_all();
}

#[tokio::test]
async fn a_message_is_one_input_whatever_events_report_it() {
    let mut world = World::new().await;
    let text = "<@UBOT> note paged";
    world.slack.says("U0MAYA", CHANNEL, text).await;
    world.settle().await;
    world.slack.take_all();
    for _ in 0..3 {
        event_again(&world, |_| {}).await;
        world.settle().await;
    }
    assert_eq!(world.channel(), "");
    // What a bot writes is never a command, the bot's own echo least of all.
    for change in [
        json!({ "bot_id": "B0BOT" }),
        json!({ "bot_profile": { "id": "B0BOT" } }),
        json!({ "subtype": "bot_message" }),
        json!({ "user": "UBOT" }),
    ] {
        event_again(&world, |envelope| {
            let event = envelope["event"].as_object_mut().unwrap();
            event.extend(change.as_object().unwrap().clone());
            event["ts"] = json!("1773457999.000100");
        })
        .await;
        world.settle().await;
    }
    assert_eq!(world.record().await.matches("note: paged").count(), 1);
    world.slack.take_all();
}

#[tokio::test]
async fn what_is_addressed_to_somebody_else_is_nobodys_command() {
    let mut world = World::new().await;
    world.with_a_card().await;
    let before = world.record().await;
    for text in [
        "<@U0SAM> approve RB-1 because <@UBOT> waits for you",
        "<@UBOT> <@U0SAM> approve RB-1",
        "<@U0SAM> <@UBOT> stop RB-1",
        "<@UBOT>, @sam: deny RB-1",
    ] {
        world.slack.says("U0ANA", CHANNEL, text).await;
        world.settle().await;
        let told = world.ana().sees();
        assert!(
            told.contains("begins with somebody's name"),
            "{text}: {told}"
        );
    }
    for text in [
        "/rollback @sam approve RB-1",
        "/rollback <@U0SAM> stop RB-1",
    ] {
        world.ana().says(text).await;
        world.settle().await;
        let told = world.ana().sees();
        assert!(
            told.contains("begins with somebody's name"),
            "{text}: {told}"
        );
    }
    assert_eq!(world.record().await, before);
    // The bot's own name is no such name.
    let text = "<@UBOT> deny RB-1 because <@U0SAM> said so";
    world.slack.says("U0ANA", CHANNEL, text).await;
    world.settle().await;
    assert_eq!(world.rollback(1).await.word(), "DENIED");
    world.slack.take_all();
}

#[tokio::test]
async fn the_bots_name_is_known_without_what_the_event_says_of_it() {
    let mut world = World::new().await;
    world.with_a_card().await;
    let text = "<@UBOT> note 1";
    world.slack.says("U0MAYA", CHANNEL, text).await;
    for (n, text) in ["<@UBOT> note 2", "<@U0SAM> note 3 <@UBOT>"]
        .into_iter()
        .enumerate()
    {
        event_again(&world, |envelope| {
            envelope["authorizations"] = Value::Null;
            envelope["event"]["ts"] = json!(format!("1773457999.00010{n}"));
            envelope["event"]["text"] = json!(text);
        })
        .await;
    }
    world.settle().await;
    let record = world.record().await;
    assert!(record.contains("note: 2"), "{record}");
    assert!(!record.contains("note: 3"), "{record}");
    world.slack.take_all();
}

#[tokio::test]
async fn a_form_is_saved_once_and_its_text_is_cleaned() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.tom().clicks("Object").await;
    world.settle().await;
    let typed = "not now\n*RB-1 VERIFIED*\u{1b}[31m \u{202e}```the rest is code";
    world.slack.types("U0TOM", typed).unwrap();
    world.slack.submits("U0TOM").await.unwrap();
    world.settle().await;
    let said = world.channel();
    assert_snapshot!(said.lines().last().unwrap().trim(), @r#"| Rollback Bot: @maya: @tom objects to RB-1 (frontend (production), v214 → v213): "not now RB-1 VERIFIED[31m the rest is code"."#);
    for _ in 0..2 {
        payload_again(&world, |payload| {
            payload["view"]["hash"] = json!("another");
            payload["view"]["state"]["values"]["because"]["because"]["value"] = json!("twice");
        })
        .await;
        world.settle().await;
    }
    let objections = world.rollback(1).await.objections;
    assert_eq!(objections.len(), 1, "{objections:?}");
    assert_eq!(
        objections[0].because,
        "not now *RB-1 VERIFIED*[31m ```the rest is code"
    );
    world.slack.take_all();
}

#[tokio::test]
async fn a_form_opens_only_from_a_message_of_its_rollback() {
    let mut world = World::new().await;
    world.maya().says("/rollback note just talking").await;
    let elsewhere = world.slack.messages(CHANNEL).last().unwrap().ts.clone();
    world.with_a_card().await;
    let hash = world.rollback(1).await.hash.unwrap().0;
    let click = |message: &str, id: &str, value: &str| {
        json!({
            "type": "block_actions",
            "container": { "type": "message", "message_ts": message, "channel_id": CHANNEL },
            "channel": { "id": CHANNEL, "name": "shop" },
            "actions": [{ "action_id": id, "value": value, "action_ts": "1773457920.000900" }],
        })
    };
    for (id, value) in [
        ("retarget", format!("RB-1:{hash}")),
        ("approve_form", format!("RB-1:{hash}")),
        ("more", format!("object:RB-1:{hash}")),
        ("more", format!("glass:RB-1:{hash}")),
        ("more", format!("who:RB-1:{hash}")),
        ("undo", format!("RB-1:{hash}")),
        ("approve", format!("RB-1:{hash}")),
    ] {
        let payload = click(&elsewhere, id, &value);
        world.slack.interact("U0SAM", payload).await;
        world.settle().await;
        let told = world.sam().sees();
        assert!(
            told.contains("not on a message about RB-1"),
            "{id} {value}: {told}"
        );
        assert!(world.slack.open_view("U0SAM").is_none(), "{id} {value}");
    }
    assert_eq!(world.rollback(1).await.state.name(), "proposed");
    world.slack.take_all();
}

#[tokio::test]
async fn guests_and_strangers_are_shown_nothing_and_fill_no_timeline() {
    let contacts =
        format!("[[contacts]]\nname = \"Vercel support\"\nhow = \"+1 555 0100\"\n{ROLES}");
    let mut world = World::set_up(&contacts, FRONTEND).await;
    for person in ["U0GUS", "U0UNA", "U0EVE", "U0BOT2"] {
        for text in [
            "/rollback",
            "/rollback status",
            "/rollback contacts",
            "/rollback pins",
            "/rollback who frontend",
            "/rollback list frontend",
            "/rollback plan frontend",
            "/rollback timeline",
            "/rollback export",
            "/rollback note I was here",
            "/rollback freeze frontend because I can",
            "/rollback frontend because I can",
            "<@UBOT> status frontend",
        ] {
            world.slack.says(person, CHANNEL, text).await;
            world.settle().await;
            let told = world.somebody(person).sees();
            assert!(
                told.contains("Only full members"),
                "{person} {text}: {told}"
            );
            for secret in ["v214", "v213", "555", "frontend", "oncall"] {
                assert!(!told.contains(secret), "{person} {text}: {told}");
            }
        }
        world.clock.advance(Duration::from_secs(60));
    }
    // No incident was opened by that.
    world.maya().says("/rollback timeline").await;
    let told = world.maya().sees();
    assert!(
        told.contains("Nothing has happened in this channel"),
        "{told}"
    );
    world.slack.take_all();
}

#[tokio::test]
async fn a_flood_of_refused_tries_is_one_entry() {
    let mut world = World::new().await;
    world.with_a_card().await;
    for n in 0..40 {
        let text = [
            "/rollback approve RB-1",
            "/rollback who frontend",
            "/rollback",
        ][n % 3];
        world.gus().says(text).await;
        world.gus().clicks("Approve").await;
        world.passes(Duration::from_secs(5)).await;
    }
    let record = world.record().await;
    let refused = record.matches("@gus refused").count();
    assert_eq!(refused, 1, "{record}");
    world.slack.take_all();
}

#[tokio::test]
async fn what_comes_from_another_workspace_is_refused_at_every_door() {
    let mut world = World::new().await;
    world.with_a_card().await;
    world.sam().says("/rollback status RB-1").await;
    world.slack.says("U0SAM", CHANNEL, "<@UBOT> status").await;
    world.settle().await;
    world.slack.take_all();
    let answer = command_again(&world, "team_id", "T0OTHER").await;
    assert!(answer.body.contains("Only full members"), "{}", answer.body);
    for (n, key) in ["user_team", "source_team", "team"].into_iter().enumerate() {
        event_again(&world, |envelope| {
            envelope["event"]["ts"] = json!(format!("1773457999.00020{n}"));
            envelope["event"]["text"] = json!("<@UBOT> approve RB-1");
            envelope["event"][key] = json!("T0OTHER");
        })
        .await;
        world.settle().await;
        let told = world.sam().sees();
        assert!(told.contains("from another workspace"), "{key}: {told}");
    }
    assert_eq!(world.rollback(1).await.approvals, []);
    world.slack.take_all();
}

#[tokio::test]
async fn reading_can_be_kept_to_the_roles() {
    let services = format!("{FRONTEND}\n[policy]\nread = \"roles\"\n");
    let mut world = World::with(&services).await;
    world.tom().says("/rollback").await;
    world.settle().await;
    assert_snapshot!(world.tom().sees(), @"Rollback Bot (only visible to @tom): This needs somebody with the role lead or oncall, and you do not have it. @ana or @sam can. Nothing was run.");
    world.sam().says("/rollback").await;
    assert!(world.sam().sees().contains("Services"));
    // Proposing is open to every member.
    world
        .tom()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    assert_eq!(world.rollback(1).await.state.name(), "proposed");
    world.slack.take_all();
}

#[tokio::test]
async fn somebody_whom_the_bot_has_not_met_is_answered_once_they_are_known() {
    let mut world = World::new().await;
    world.somebody("U0OLD").says("/rollback status").await;
    world.settle().await;
    assert_snapshot!(world.somebody("U0OLD").sees(), @"Rollback Bot (only visible to @oleg): No rollback is open. `/rollback` shows the services.");
    world.somebody("U0OLD").says("/rollback status").await;
    assert_snapshot!(world.somebody("U0OLD").sees(), @"Rollback Bot (only visible to @oleg): No rollback is open. `/rollback` shows the services.");
    world.slack.take_all();
}

/// A minute for objections.
fn windowed(more: &str) -> String {
    format!("{FRONTEND}{more}\n[policy]\nobjection_window = \"60s\"\n")
}

#[tokio::test]
async fn an_objection_is_to_the_change_and_not_to_a_card() {
    let mut world = World::with(&windowed("")).await;
    world
        .sam()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    world
        .tom()
        .says("/rollback object RB-1 because v213 charges twice")
        .await;
    world.settle().await;
    world.sam().says("/rollback stop RB-1").await;
    world.settle().await;
    world.slack.take_all();
    // The same change once more: it does not start by itself, and shows why.
    world
        .sam()
        .says("/rollback frontend because checkout 500s")
        .await;
    // What is said under the card waits for it.
    world.passes(Duration::from_secs(6)).await;
    let card = world.channel();
    let says = |what: &str| card.lines().find(|line| line.contains(what)).map(str::trim);
    assert_snapshot!(says("Objection").unwrap(), @r#"⚠️ Objection by @tom, 03:12:00 UTC to RB-1, the same change: "v213 charges twice""#);
    assert_snapshot!(says("does not start").unwrap(), @"| Rollback Bot: @sam: RB-2 (frontend (production), v214 → v213) does not start by itself: somebody objected to the same change before. `/rollback who RB-2` says who can approve it.");
    world.passes(Duration::from_secs(90)).await;
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    // And so on, as long as it is the same change.
    world.sam().says("/rollback stop RB-2").await;
    world.settle().await;
    world.sam().says("/rollback frontend to v213").await;
    world.passes(Duration::from_secs(90)).await;
    assert_eq!(world.rollback(3).await.objections.len(), 1);
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    // Another target is another change.
    world.sam().says("/rollback stop RB-3").await;
    world.settle().await;
    world.vercel.moves_at_once(true);
    world.sam().says("/rollback frontend to v212").await;
    world.passes(Duration::from_secs(90)).await;
    assert_eq!(world.rollback(4).await.objections, []);
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.slack.take_all();
}

#[tokio::test]
async fn silence_says_nothing_where_no_other_approver_sees_it() {
    let mut world = World::with(&windowed("")).await;
    world.slack.set_person_in("U0ANA", CHANNEL, false);
    world
        .sam()
        .says("/rollback frontend because checkout 500s")
        .await;
    // What is said under the card waits for it.
    world.passes(Duration::from_secs(6)).await;
    let card = world.channel();
    assert!(!card.contains("Starts by itself"), "{card}");
    let why = card.lines().find(|line| line.contains("does not start"));
    assert_snapshot!(why.unwrap().trim(), @"| Rollback Bot: @sam: RB-1 (frontend (production), v214 → v213) does not start by itself: nobody else who could approve it is in the channel. `/rollback who RB-1` says who can approve it.");
    world.passes(Duration::from_secs(90)).await;
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    world.slack.take_all();
}

#[tokio::test]
async fn silence_says_nothing_where_the_channel_cannot_be_read_or_all_have_left() {
    let mut world = World::with(&windowed("")).await;
    world
        .slack
        .fault(Fault::Outage, Some("conversations.members"), None);
    world
        .sam()
        .says("/rollback frontend because checkout 500s")
        .await;
    // What is said under the card waits for it.
    world.passes(Duration::from_secs(6)).await;
    let card = world.channel();
    assert!(
        card.contains("who is in the channel could not be read"),
        "{card}"
    );
    world.slack.heal();
    world.passes(Duration::from_secs(90)).await;
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    world.sam().says("/rollback stop RB-1").await;
    world.settle().await;
    world
        .sam()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    assert!(world.channel().contains("Starts by itself"));
    // Whoever could have objected leaves before the window ends.
    world.slack.set_person_in("U0ANA", CHANNEL, false);
    world.passes(Duration::from_secs(90)).await;
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    assert!(world.channel().contains("nobody else who could approve it"));
    world.slack.take_all();
}

#[tokio::test]
async fn an_emergency_run_needs_somebody_who_sees_it() {
    let mut world = World::new().await;
    world.with_a_card().await;
    for approver in ["U0SAM", "U0ANA"] {
        world.slack.set_person_in(approver, CHANNEL, false);
    }
    breaks_the_glass(&mut world).await;
    assert_snapshot!(world.tom().sees(), @"Rollback Bot (only visible to @tom): An emergency run has to be seen by others, and nobody else who could approve it is in the channel. Invite @sam or @ana to this channel and try again, or ask them to approve it. Nothing was run.");
    assert_eq!(world.vercel.rollbacks_asked(), 0);
    world.slack.set_person_in("U0ANA", CHANNEL, true);
    world.vercel.moves_at_once(true);
    breaks_the_glass(&mut world).await;
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.slack.take_all();
}

async fn breaks_the_glass(world: &mut World) {
    world.tom().clicks("Emergency run").await;
    world.settle().await;
    world.slack.types("U0TOM", "auth is down").unwrap();
    world
        .slack
        .chooses("U0TOM", "I will explain")
        .await
        .unwrap();
    world.slack.submits("U0TOM").await.unwrap();
    world.settle().await;
}

#[tokio::test]
async fn what_runs_without_an_approval_is_told_where_that_is_configured() {
    let announce = format!("[announce]\nchannels = [\"C0OPS\"]\n{ROLES}");
    let mut world = World::set_up(&announce, &windowed("")).await;
    world.vercel.moves_at_once(true);
    world.slack.set_person_in("U0ANA", CHANNEL, false);
    world
        .sam()
        .says("/rollback frontend because checkout 500s")
        .await;
    world.settle().await;
    // ana is in the other channel, and can object there.
    assert_snapshot!(world.slack.take_new("C0OPS"), @"Rollback Bot: RB-1 starts by itself at 03:13:00 UTC, unless somebody objects in #shop-incidents: frontend (production), v214 → v213, asked for by @sam. `/rollback object RB-1 because …` stops that.");
    world.passes(Duration::from_secs(90)).await;
    assert_snapshot!(world.slack.take_new("C0OPS"), @"
    Rollback Bot: RB-1 has started by itself, because nobody objected: frontend (production), v214 → v213.
    Rollback Bot: RB-1 VERIFIED in #shop-incidents: frontend (production), v214 → v213.
    ");
    assert_eq!(world.vercel.rollbacks_asked(), 1);
    world.slack.take_all();
}

#[tokio::test]
async fn a_service_is_proposed_only_in_its_channels() {
    let services = FRONTEND.replace(
        "approve = ",
        "channels = [\"C0OPS\"]\nannounce = [\"C0SHOP\"]\napprove = ",
    );
    let mut world = World::with(&services).await;
    world
        .maya()
        .says("/rollback frontend because checkout 500s")
        .await;
    assert_snapshot!(world.maya().sees(), @"Rollback Bot (only visible to @maya): frontend (production) can be proposed only in #ops. Nothing was run. Send the same command there.");
    let text = "/rollback frontend because checkout 500s";
    world.slack.says("U0MAYA", "C0OPS", text).await;
    world.settle().await;
    assert_eq!(world.rollback(1).await.channel, "C0OPS");
    world.slack.take_all();
}

/// Numbers that look like chance and are the same every time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % n
    }
}

/// What people do, each once: by command, mention, click and form.
async fn does(world: &mut World, n: usize) {
    let says = async |person: &'static str, text: &str| {
        world.slack.says(person, CHANNEL, text).await;
    };
    match n {
        0 => says("U0MAYA", "/rollback frontend because checkout 500s").await,
        1 => says("U0SAM", "<@UBOT> frontend to v212 because it is slow").await,
        2 => says("U0TOM", "/rollback note paged the team").await,
        3 => says("U0TOM", "<@UBOT> note still slow").await,
        4 => says("U0ANA", "<@UBOT> approve RB-1 because go").await,
        5 => says("U0ANA", "/rollback withdraw RB-1").await,
        6 => says("U0SAM", "<@UBOT> stop RB-1").await,
        7 => says("U0TOM", "/rollback freeze frontend because of the sale").await,
        8 => says("U0SAM", "<@UBOT> unfreeze frontend").await,
        9 => drop(world.slack.clicks("U0SAM", "Approve").await),
        10 => drop(world.slack.clicks("U0MAYA", "Cancel").await),
        _ => {
            if world.slack.clicks("U0TOM", "Object").await.is_ok() {
                world.settle().await;
                if world.slack.types("U0TOM", "wait for me").is_ok() {
                    world.slack.submits("U0TOM").await.unwrap();
                }
            }
        }
    }
}

/// The last input once more, in one of the ways in which it can come again.
async fn comes_again(world: &World, chance: &mut Chance, n: usize) {
    let deliveries = world.slack.deliveries();
    let Some(last) = deliveries.last() else {
        return;
    };
    let others = [
        "<@UBOT> approve RB-1",
        "<@UBOT> stop RB-1",
        "<@UBOT> frontend",
        "<@UBOT> note twice",
    ];
    let other = others[chance.below(others.len())];
    match (last.path.as_str(), chance.below(6)) {
        ("/slack/events", 0) => drop(event_again(world, |_| {}).await),
        ("/slack/events", 1) => drop(event_again(world, |event| edit(event, other)).await),
        ("/slack/events", way) => {
            let again = event_again(world, |envelope| {
                let event = &mut envelope["event"];
                if way > 2 {
                    event["ts"] = json!(format!("1773459999.{n:06}"));
                }
                match way {
                    // Another text under the same message, as after an edit that lost its mark.
                    2 => event["text"] = json!(other),
                    3 => event["text"] = json!(format!("<@U0KIM> {other}")),
                    4 => event["user_team"] = json!("T0OTHER"),
                    _ => event["bot_id"] = json!("B0BOT"),
                }
            });
            again.await;
        }
        ("/slack/commands", 0) => drop(command_again(world, "text", "note twice").await),
        ("/slack/commands", 1) => {
            command_again(world, "text", "@kim approve RB-1").await;
        }
        ("/slack/interactions", 0 | 1) => {
            let again = payload_again(world, |payload| {
                payload["trigger_id"] = json!(format!("13.{n}"));
                if payload["view"].is_object() {
                    payload["view"]["hash"] = json!(format!("h{n}"));
                    let fields = &mut payload["view"]["state"]["values"];
                    fields["because"]["because"]["value"] = json!("twice");
                }
            });
            again.await;
        }
        ("/slack/interactions", 2) => {
            payload_again(world, |payload| {
                payload["team"] = json!({ "id": "T0OTHER" })
            })
            .await;
        }
        _ => drop(world.slack.redeliver_last().await),
    }
}

/// What is recorded and done by these inputs, without the refusals.
async fn comes_to(seed: u64, come_again: bool) -> String {
    let mut world = World::new().await;
    world.vercel.moves_at_once(true);
    let mut inputs = Chance(seed);
    let mut again = Chance(seed ^ 0x5eed);
    does(&mut world, 0).await;
    for step in 0..12 {
        if come_again {
            for n in 0..again.below(4) {
                comes_again(&world, &mut again, step * 10 + n).await;
                if again.below(2) == 0 {
                    world.settle().await;
                }
            }
        }
        world.settle().await;
        let next = inputs.below(12);
        does(&mut world, next).await;
    }
    world.settle().await;
    let mut summary: Vec<String> = world
        .record()
        .await
        .lines()
        .filter(|line| !line.contains(" refused: "))
        .map(str::to_owned)
        .collect();
    for id in 1..=3 {
        let found = rollback_bot::store::rollbacks::get(
            &world.app().engine.db,
            rollback_domain::identity::RollbackId::new(id),
        );
        if let Some(found) = found.await.unwrap() {
            summary.push(format!(
                "{} {} {} {} {:?}",
                found.id,
                found.word(),
                found.approvals.len(),
                found.objections.len(),
                found.frozen.map(|freeze| freeze.by.name)
            ));
        }
    }
    summary.push(format!("asked {}", world.vercel.rollbacks_asked()));
    world.slack.take_all();
    world.vercel.abandon();
    summary.join("\n")
}

#[tokio::test]
async fn nothing_that_comes_again_changes_what_its_first_delivery_did_not() {
    for seed in 1..=12 {
        let once = comes_to(seed, false).await;
        let again = comes_to(seed, true).await;
        assert_eq!(again, once, "seed {seed}");
    }
}
