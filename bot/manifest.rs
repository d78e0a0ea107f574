//! What Slack must know about this app, as the manifest to paste when it is installed.

use rollback_domain::incident::{PROPOSE_SHORTCUT, SHORTCUT};
use serde_json::{Value, json};
use url::Url;

/// A scope of the bot's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Its name at Slack.
    pub name: &'static str,
    /// What does not work without it, as a clause.
    pub without: &'static str,
    /// The events that Slack sends with it.
    pub events: &'static [&'static str],
    /// Whether everything else works without it.
    pub is_optional: bool,
}

const fn scope(name: &'static str, without: &'static str) -> Scope {
    Scope {
        name,
        without,
        events: &[],
        is_optional: false,
    }
}

const fn with_events(events: &'static [&'static str], scope: Scope) -> Scope {
    Scope { events, ..scope }
}

/// Every scope that the bot uses, and no other.
pub const SCOPES: [Scope; 12] = [
    with_events(
        &["app_mention"],
        scope("app_mentions:read", "a mention is not answered"),
    ),
    // Both histories: a post whose answer was lost is looked for by its metadata before it is
    // posted again. The events tell what becomes of a message that was captured.
    with_events(
        &["message.channels"],
        scope(
            "channels:history",
            "messages in public channels may be posted twice, and none can be captured",
        ),
    ),
    // Silence says something only where others are in the channel.
    scope(
        "channels:read",
        "who is in a public channel is not known, so nothing starts there by itself",
    ),
    scope("chat:write", "nothing can be posted"),
    scope("commands", "`/rollback` is not there"),
    scope("files:write", "no timeline is uploaded"),
    with_events(
        &["message.groups"],
        scope(
            "groups:history",
            "messages in private channels may be posted twice, and none can be captured",
        ),
    ),
    scope(
        "groups:read",
        "who is in a private channel is not known, so nothing starts there by itself",
    ),
    with_events(
        &["reaction_added", "reaction_removed"],
        Scope {
            is_optional: true,
            ..scope(
                "reactions:read",
                "a reaction puts no message into the timeline",
            )
        },
    ),
    // A role can be a user group: its members. What was read of one is out of date when these
    // come; the second one is also sent when a group is disabled.
    with_events(
        &["subteam_members_changed", "subteam_updated"],
        scope(
            "usergroups:read",
            "nobody has a role by way of a Slack user group",
        ),
    ),
    scope(
        "users:read",
        "who is a full member is not known, so everybody is refused",
    ),
    // Who is on call is known by an e-mail address.
    scope(
        "users:read.email",
        "whom PagerDuty names is nobody in Slack",
    ),
];

/// The events that need no scope.
pub const EVENTS: [&str; 1] = ["app_home_opened"];

/// Every event that the bot acts on, by name.
pub fn events() -> Vec<&'static str> {
    let of_scopes = SCOPES.iter().flat_map(|scope| scope.events);
    let mut events: Vec<&str> = of_scopes.chain(&EVENTS).copied().collect();
    events.sort_unstable();
    events
}

/// The app manifest for a bot that Slack reaches at `public_url`, or without one by Socket Mode: one
/// slash command, mentions, buttons, a Home, shortcuts, reactions, changes of user groups, and the
/// fewest scopes that these need.
pub fn manifest(public_url: Option<&Url>) -> Value {
    let mut manifest = without_addresses();
    let Some(public_url) = public_url else {
        manifest["settings"]["socket_mode_enabled"] = json!(true);
        return manifest;
    };
    let at = |path: &str| {
        let mut url = public_url.clone();
        url.set_path(&format!(
            "{}{path}",
            public_url.path().trim_end_matches('/')
        ));
        url.set_query(None);
        url.set_fragment(None);
        String::from(url)
    };
    manifest["features"]["slash_commands"][0]["url"] = json!(at("/slack/commands"));
    let settings = &mut manifest["settings"];
    settings["event_subscriptions"]["request_url"] = json!(at("/slack/events"));
    settings["interactivity"]["request_url"] = json!(at("/slack/interactions"));
    manifest
}

/// A manifest of an app with which people sign in to the pages, and come back to this address.
pub fn with_sign_in(manifest: Value, redirect_url: &str) -> Value {
    let mut manifest = manifest;
    let oauth = &mut manifest["oauth_config"];
    oauth["redirect_urls"] = json!([redirect_url]);
    // Slack names nobody to an app that has not declared it. It says who somebody is, and no more.
    oauth["scopes"]["user"] = json!(["openid"]);
    manifest
}

/// The manifest without the addresses that Slack sends to.
fn without_addresses() -> Value {
    let scopes = SCOPES.map(|scope| scope.name);
    let events = events();
    json!({
        "_metadata": { "major_version": 2, "minor_version": 1 },
        "display_information": {
            "name": "Rollback Bot",
            "description": "Takes production back to a version that worked, when the right person says yes",
            "background_color": "#1d1c1d",
        },
        "features": {
            // People decide in channels and in their Home. What they would write to the bot alone is
            // not read, so that Slack lets nobody write there.
            "app_home": {
                "home_tab_enabled": true,
                "messages_tab_enabled": true,
                "messages_tab_read_only_enabled": true,
            },
            "bot_user": { "display_name": "rollback", "always_online": true },
            "slash_commands": [{
                "command": "/rollback",
                "description": "Take a service back to a version that worked",
                "usage_hint": "<service>[@environment] [to version] because <reason>",
                // People and channels arrive as ids: names can be changed and can repeat.
                "should_escape": true,
            }],
            "shortcuts": [{
                "name": "Add to timeline",
                "type": "message",
                "callback_id": SHORTCUT,
                "description": "Puts the message into the timeline of the incident",
            }, {
                "name": "Propose a rollback",
                "type": "message",
                "callback_id": PROPOSE_SHORTCUT,
                "description": "Proposes a rollback because of the message",
            }],
        },
        "oauth_config": {
            "scopes": {
                "bot": scopes,
            },
        },
        "settings": {
            "event_subscriptions": {
                "bot_events": events,
            },
            "interactivity": {
                "is_enabled": true,
            },
            "org_deploy_enabled": false,
            "socket_mode_enabled": false,
            // Rotation cannot be switched off again, and its tokens live for twelve hours.
            "token_rotation_enabled": false,
        },
    })
}

#[cfg(test)]
mod tests;
