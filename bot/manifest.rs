//! What Slack must know about this app, as the manifest to paste when it is installed.

use rollback_domain::incident::{PROPOSE_SHORTCUT, SHORTCUT};
use serde_json::{Value, json};
use url::Url;

/// The scopes without which something less important does not work, and what that is.
const OPTIONAL: [(&str, &str); 1] = [(
    "reactions:read",
    "a reaction puts no message into the timeline",
)];

/// The fewest scopes that the bot needs.
const SCOPES: [&str; 11] = [
    "app_mentions:read",
    // Both histories: a post whose answer was lost is looked for by its metadata before it is
    // posted again.
    "channels:history",
    // Silence says something only where others are in the channel.
    "channels:read",
    "chat:write",
    "commands",
    "files:write",
    "groups:history",
    "groups:read",
    // A role can be a user group: its members.
    "usergroups:read",
    "users:read",
    // Who is on call is known by an e-mail address.
    "users:read.email",
];

/// The scopes that the bot's token must have.
pub fn scopes() -> Vec<String> {
    SCOPES.map(str::to_owned).to_vec()
}

/// The scopes that the bot's token should have, and what does not work without each.
pub fn optional_scopes() -> Vec<(String, &'static str)> {
    OPTIONAL
        .map(|(scope, without)| (scope.to_owned(), without))
        .to_vec()
}

/// The app manifest for a bot that Slack reaches at `public_url`: one slash command, mentions,
/// buttons, a shortcut, reactions, changes of user groups, and the fewest scopes that these need.
pub fn manifest(public_url: &Url) -> Value {
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
    let mut all: Vec<&str> = SCOPES.to_vec();
    all.extend(OPTIONAL.map(|(scope, _)| scope));
    all.sort_unstable();
    json!({
        "_metadata": { "major_version": 2, "minor_version": 1 },
        "display_information": {
            "name": "Rollback Bot",
            "description": "Takes production back to a version that worked, when the right person says yes",
            "background_color": "#1d1c1d",
        },
        "features": {
            "bot_user": { "display_name": "rollback", "always_online": true },
            "slash_commands": [{
                "command": "/rollback",
                "url": at("/slack/commands"),
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
                "bot": all,
            },
        },
        "settings": {
            "event_subscriptions": {
                "request_url": at("/slack/events"),
                "bot_events": [
                    "app_mention",
                    // What becomes of a message that was captured.
                    "message.channels",
                    "message.groups",
                    "reaction_added",
                    "reaction_removed",
                    // What was read of a user group is out of date; the second one is also sent
                    // when a group is disabled.
                    "subteam_members_changed",
                    "subteam_updated",
                ],
            },
            "interactivity": {
                "is_enabled": true,
                "request_url": at("/slack/interactions"),
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
