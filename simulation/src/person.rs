//! Who is in the workspace, and what Slack tells an app about them.

use serde_json::{Value, json};

/// The id of the workspace people belong to unless they are strangers.
pub(crate) const HOME_TEAM: &str = "T0ACME";

/// Somebody in the workspace.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "Slack describes a person by these flags"
)]
pub struct Person {
    /// The user id, as in `U0SAM`.
    pub id: String,
    /// The handle, as in `@sam`.
    pub name: String,
    /// The name shown in profiles.
    pub real_name: String,
    /// What they are in this demo, such as `on call`.
    pub title: String,
    /// The e-mail address, if there is one.
    pub email: Option<String>,
    /// The workspace they belong to.
    pub team_id: String,
    /// Whether the account was deactivated.
    pub deleted: bool,
    /// Whether they are away, so that Slack does not show them as active.
    pub is_away: bool,
    /// Whether this is a bot.
    pub is_bot: bool,
    /// Whether this is a guest.
    pub is_restricted: bool,
    /// Whether this is a single-channel guest.
    pub is_ultra_restricted: bool,
    /// Whether they come from another workspace, through a shared channel.
    pub is_stranger: bool,
    /// The name of their time zone.
    pub tz: String,
    /// Seconds east of UTC.
    pub tz_offset: i64,
}

impl Person {
    /// An ordinary member.
    pub fn member(id: &str, name: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            real_name: name.to_owned(),
            title: String::new(),
            email: Some(format!("{name}@acme.example")),
            team_id: HOME_TEAM.to_owned(),
            deleted: false,
            is_away: false,
            is_bot: false,
            is_restricted: false,
            is_ultra_restricted: false,
            is_stranger: false,
            tz: "Etc/UTC".to_owned(),
            tz_offset: 0,
        }
    }

    /// The same person with this real name.
    #[must_use]
    pub fn named(mut self, real_name: &str) -> Self {
        real_name.clone_into(&mut self.real_name);
        self
    }

    /// The same person with this title, which the demo shows.
    #[must_use]
    pub fn titled(mut self, title: &str) -> Self {
        title.clone_into(&mut self.title);
        self
    }

    /// The same person living in this time zone.
    #[must_use]
    pub fn living_in(mut self, tz: &str, tz_offset: i64) -> Self {
        tz.clone_into(&mut self.tz);
        self.tz_offset = tz_offset;
        self
    }

    /// The same person as a guest of the workspace.
    #[must_use]
    pub fn guest(mut self) -> Self {
        self.is_restricted = true;
        self
    }

    /// The same person as a guest of a single channel.
    #[must_use]
    pub fn single_channel_guest(mut self) -> Self {
        self.is_restricted = true;
        self.is_ultra_restricted = true;
        self
    }

    /// The same person as somebody from another company, met in a shared channel.
    #[must_use]
    pub fn stranger(mut self) -> Self {
        self.is_stranger = true;
        "T0OTHER".clone_into(&mut self.team_id);
        self
    }

    /// The same person with their account deactivated.
    #[must_use]
    pub fn deactivated(mut self) -> Self {
        self.deleted = true;
        self
    }

    /// The same person as a bot.
    #[must_use]
    pub fn bot(mut self) -> Self {
        self.is_bot = true;
        self
    }

    /// What `users.info` says about them.
    pub(crate) fn as_slack_tells(&self) -> Value {
        let mut user = json!({
            "id": self.id, "team_id": self.team_id, "name": self.name, "deleted": self.deleted,
            "color": "9f69e7", "real_name": self.real_name,
            "tz": self.tz, "tz_label": self.tz, "tz_offset": self.tz_offset,
            "profile": {
                "title": self.title, "phone": "", "skype": "",
                "real_name": self.real_name, "real_name_normalized": self.real_name,
                "display_name": self.name, "display_name_normalized": self.name,
                "fields": null, "status_text": "", "status_emoji": "", "status_expiration": 0,
                "avatar_hash": "", "team": self.team_id,
            },
            "is_admin": false, "is_owner": false, "is_primary_owner": false,
            "is_restricted": self.is_restricted, "is_ultra_restricted": self.is_ultra_restricted,
            "is_bot": self.is_bot, "is_app_user": false, "updated": 1_504_224_679,
        });
        if self.is_stranger {
            user["is_stranger"] = json!(true);
        }
        if let Some(email) = &self.email {
            user["profile"]["email"] = json!(email);
        }
        user
    }

    /// How an interaction names the person who acts.
    pub(crate) fn as_actor(&self) -> Value {
        json!({ "id": self.id, "username": self.name, "name": self.name, "team_id": self.team_id })
    }
}
