//! The app's Home: what a person sees there, and what they do.

use serde_json::{Value, json};

use crate::Slack;
use crate::acting::{Target, elements, find};
use crate::delivery::{Answer, Impossible};
use crate::rendering;

impl Slack {
    /// A person opens the app's Home.
    pub async fn opens_home(&self, person: &str) -> Answer {
        let event = self.change(|state| {
            let view = state.homes.get(person).map(|home| self.view_json(home));
            let event_ts = state.ts(self.now());
            let mut event = json!({
                "type": "app_home_opened", "user": person,
                "channel": format!("D{}", person.trim_start_matches('U')),
                "tab": "home", "event_ts": event_ts,
            });
            // Slack leaves it out the first time.
            if let Some(view) = view {
                event["view"] = view;
            }
            self.as_event(state, event)
        });
        self.send_event(&event).await
    }

    /// What the Home of a person shows; empty until something was published for them.
    pub fn home(&self, person: &str) -> String {
        self.look(|state| {
            let home = state.homes.get(person);
            let lines = home.map(|home| rendering::blocks(state, home.blocks()));
            let lines = lines.unwrap_or_default().into_iter();
            lines.map(|line| line + "\n").collect()
        })
    }

    /// A person clicks the first thing in their Home whose label begins like this.
    pub async fn clicks_in_home(&self, person: &str, label: &str) -> Result<Answer, Impossible> {
        let target = self.look(|state| find(state.homes.get(person)?.blocks(), label));
        let target = target.ok_or_else(|| {
            Impossible(format!(
                "the Home of {person} has nothing that begins with {label:?}"
            ))
        })?;
        Ok(self.click_in_home(person, &target).await)
    }

    /// What a person could click in their Home with these ids.
    pub(crate) fn target_in_home(
        &self,
        person: &str,
        block_id: &str,
        action_id: &str,
    ) -> Option<Target> {
        self.look(|state| {
            let blocks = state.homes.get(person)?.blocks();
            let (_, element) = elements(blocks)
                .find(|(id, element)| *id == block_id && element["action_id"] == action_id)?;
            Some(Target {
                block_id: block_id.to_owned(),
                element: element.clone(),
                option: None,
            })
        })
    }

    pub(crate) async fn click_in_home(&self, person: &str, target: &Target) -> Answer {
        let payload = self.change(|state| {
            let action = target.action(&state.ts(self.now()));
            let view = state
                .homes
                .get(person)
                .map_or(Value::Null, |home| self.view_json(home));
            let payload = json!({
                "type": "block_actions",
                "container": { "type": "view", "view_id": view["id"] },
                "view": view, "actions": [action],
            });
            self.with_actor(state, person, payload)
        });
        self.send_payload(&payload).await
    }
}
