//! Tests of the rules next door.

use super::*;

fn of(public_url: &str) -> Value {
    manifest(Some(&Url::parse(public_url).expect("a URL")))
}

fn length(manifest: &Value, pointer: &str) -> usize {
    let text = manifest.pointer(pointer).and_then(Value::as_str);
    text.map(|text| text.chars().count())
        .expect("a text at the pointer")
}

#[test]
fn every_text_is_within_what_slack_accepts() {
    let manifest = of("https://rollback.example.com");
    for (pointer, most) in [
        ("/display_information/name", 35),
        ("/display_information/description", 140),
        ("/features/bot_user/display_name", 80),
        ("/features/slash_commands/0/command", 32),
        ("/features/slash_commands/0/description", 2000),
        ("/features/slash_commands/0/usage_hint", 1000),
        ("/features/shortcuts/0/name", 24),
        ("/features/shortcuts/0/description", 150),
    ] {
        let length = length(&manifest, pointer);
        assert!((1..=most).contains(&length), "{pointer} has {length}");
    }
    let command = &manifest["features"]["slash_commands"][0];
    assert_eq!(command["command"], "/rollback");
    assert_eq!(command["should_escape"], true);
}

#[test]
fn slack_is_sent_to_our_three_routes() {
    for (public_url, base) in [
        (
            "https://rollback.example.com",
            "https://rollback.example.com",
        ),
        ("https://example.com/bot/?a=b#c", "https://example.com/bot"),
        ("http://127.0.0.1:3000/", "http://127.0.0.1:3000"),
    ] {
        let manifest = of(public_url);
        for (pointer, path) in [
            ("/features/slash_commands/0/url", "/slack/commands"),
            ("/settings/event_subscriptions/request_url", "/slack/events"),
            ("/settings/interactivity/request_url", "/slack/interactions"),
        ] {
            assert_eq!(
                manifest.pointer(pointer),
                Some(&json!(format!("{base}{path}")))
            );
        }
    }
}

#[test]
fn it_asks_for_no_more_than_it_uses() {
    let manifest = of("https://rollback.example.com");
    assert_eq!(
        manifest["oauth_config"]["scopes"],
        json!({ "bot": [
                "app_mentions:read",
                "channels:history",
                "channels:read",
                "chat:write",
                "commands",
                "files:write",
                "groups:history",
                "groups:read",
                "reactions:read",
                "usergroups:read",
                "users:read",
                "users:read.email",
            ] })
    );
    let settings = &manifest["settings"];
    assert_eq!(
        settings["event_subscriptions"]["bot_events"],
        json!([
            "app_home_opened",
            "app_mention",
            "message.channels",
            "message.groups",
            "reaction_added",
            "reaction_removed",
            "subteam_members_changed",
            "subteam_updated",
        ])
    );
    assert_eq!(settings["interactivity"]["is_enabled"], true);
    assert_eq!(settings["org_deploy_enabled"], false);
    assert_eq!(settings["socket_mode_enabled"], false);
    assert_eq!(settings["token_rotation_enabled"], false);
}

#[test]
fn people_sign_in_only_where_there_are_pages() {
    let manifest = of("https://rollback.example.com");
    assert_eq!(manifest["oauth_config"].get("redirect_urls"), None);
    let redirect_url = "https://rollback.example.com/web/signed-in";
    let with_sign_in = with_sign_in(manifest.clone(), redirect_url);
    let oauth = &with_sign_in["oauth_config"];
    assert_eq!(oauth["redirect_urls"], json!([redirect_url]));
    assert_eq!(oauth["scopes"]["user"], json!(["openid"]));
    let bot = &manifest["oauth_config"]["scopes"]["bot"];
    assert_eq!(&oauth["scopes"]["bot"], bot);
}

#[test]
fn socket_mode_has_no_address_and_everything_else() {
    let mut manifest = super::manifest(None);
    let settings = &mut manifest["settings"];
    assert_eq!(settings["socket_mode_enabled"], true);
    assert_eq!(settings["event_subscriptions"].get("request_url"), None);
    assert_eq!(settings["interactivity"], json!({ "is_enabled": true }));
    assert_eq!(manifest["features"]["slash_commands"][0].get("url"), None);
    // Nothing else differs.
    let mut requests = of("https://rollback.example.com");
    requests["settings"]["socket_mode_enabled"] = json!(true);
    for (pointer, key) in [
        ("/features/slash_commands/0", "url"),
        ("/settings/event_subscriptions", "request_url"),
        ("/settings/interactivity", "request_url"),
    ] {
        let object = requests.pointer_mut(pointer).and_then(Value::as_object_mut);
        object.expect("an object at the pointer").remove(key);
    }
    assert_eq!(manifest, requests);
}
