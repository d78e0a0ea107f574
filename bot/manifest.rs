//! What Slack must know about this app, as the manifest to paste when it is installed.

use serde_json::{Value, json};
use url::Url;

/// The fewest scopes that the bot needs.
const SCOPES: [&str; 9] = [
    "app_mentions:read",
    // Both histories: a post whose answer was lost is looked for by its metadata before it is
    // posted again.
    "channels:history",
    "chat:write",
    "commands",
    "files:write",
    "groups:history",
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

/// The app manifest for a bot that Slack reaches at `public_url`: one slash command, mentions,
/// buttons, changes of user groups, and the fewest scopes that these need.
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
        },
        "oauth_config": {
            "scopes": {
                "bot": SCOPES,
            },
        },
        "settings": {
            "event_subscriptions": {
                "request_url": at("/slack/events"),
                "bot_events": [
                    "app_mention",
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
