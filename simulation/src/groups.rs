//! User groups: who is in them, and how the app hears that they changed.

use serde_json::json;

use crate::Slack;
use crate::delivery::Answer;
use crate::state::{Group, State};

impl Slack {
    /// Somebody changes who is in a user group, and the app is told. A group that was not there is
    /// made; if nothing changes, nothing is sent.
    pub async fn sets_group(&self, group: &str, members: &[&str]) -> Answer {
        let event = self.change(|state| {
            let before = self.regroup(state, group, members);
            let now = &state.usergroups[group];
            let added: Vec<_> = now.without(&before);
            let removed: Vec<_> = before.without(now);
            if added.is_empty() && removed.is_empty() {
                return None;
            }
            let event = json!({
                "type": "subteam_members_changed", "subteam_id": group,
                "team_id": self.inner.options.team_id,
                "date_previous_update": before.updated, "date_update": now.updated,
                "added_users": added, "added_users_count": added.len(),
                "removed_users": removed, "removed_users_count": removed.len(),
                "event_ts": state.ts(self.now()),
            });
            Some(self.as_event(state, event))
        });
        match event {
            None => Answer::nothing_sent(None),
            Some(event) => self.send_event(&event).await,
        }
    }

    /// The same without a word to the app, as when the event is lost or the group was there before.
    pub fn changes_group_quietly(&self, group: &str, members: &[&str]) {
        self.change(|state| self.regroup(state, group, members));
    }

    /// Changes a group and gives what it was.
    fn regroup(&self, state: &mut State, group: &str, members: &[&str]) -> Group {
        let now = Group {
            members: members.iter().map(|&member| member.to_owned()).collect(),
            updated: self.now().as_second(),
        };
        let nobody = Group {
            members: vec![],
            updated: now.updated,
        };
        let before = state.usergroups.insert(group.to_owned(), now);
        before.unwrap_or(nobody)
    }
}

impl Group {
    fn without(&self, other: &Group) -> Vec<String> {
        let mut members = self.members.clone();
        members.retain(|member| !other.members.contains(member));
        members
    }
}
