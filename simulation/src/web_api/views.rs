//! `views.*`: the modals the app puts in front of people, and their Homes.

use serde_json::{Map, Value, json};

use super::{Failure, Outcome, Params};
use crate::Slack;
use crate::view::View;

/// How many modals may be stacked.
const DEEPEST: usize = 3;

pub(super) fn open(slack: &Slack, params: &Params) -> Outcome {
    let content = checked(slack, params, "views.open")?;
    let person = redeem(slack, params)?;
    slack.change(|state| {
        if let Some(external) = content["external_id"]
            .as_str()
            .filter(|external| !external.is_empty())
            && state
                .views
                .iter()
                .any(|view| view.content["external_id"] == external)
        {
            return Err(Failure::invalid("duplicate_external_id", Vec::new()));
        }
        state.views.retain(|view| view.person != person);
        Ok(json!({ "view": slack.stack(state, &person, &content, None, None) }))
    })
}

pub(super) fn push(slack: &Slack, params: &Params) -> Outcome {
    let content = checked(slack, params, "views.push")?;
    let person = redeem(slack, params)?;
    slack.change(|state| {
        let stacked: Vec<_> = state
            .views
            .iter()
            .filter(|view| view.person == person)
            .collect();
        if stacked.len() >= DEEPEST {
            return Err(Failure::from("push_limit_reached"));
        }
        let (root, previous) = match stacked.last() {
            Some(top) => (Some(top.root.clone()), Some(top.id.clone())),
            None => (None, None),
        };
        Ok(json!({ "view": slack.stack(state, &person, &content, root, previous) }))
    })
}

pub(super) fn update(slack: &Slack, params: &Params) -> Outcome {
    let content = checked(slack, params, "views.update")?;
    slack.change(|state| {
        let at = state.views.iter().position(|view| {
            params.text("view_id").is_some_and(|id| view.id == id)
                || params
                    .text("external_id")
                    .is_some_and(|id| !id.is_empty() && view.content["external_id"] == id)
        });
        let at = at.ok_or(Failure::from("not_found"))?;
        if params
            .text("hash")
            .is_some_and(|hash| hash != state.views[at].hash)
        {
            return Err(Failure::from("hash_conflict"));
        }
        let content = slack.prepared(state, &content);
        let hash = state.id("h.");
        state.views[at].take(content, hash);
        Ok(json!({ "view": slack.view_json(&state.views[at]) }))
    })
}

pub(super) fn publish(slack: &Slack, params: &Params) -> Outcome {
    let content = checked(slack, params, "views.publish")?;
    let person = params.need("user_id")?;
    if content["type"] != "home" {
        return Err(Failure::from("invalid_arguments"));
    }
    slack.change(|state| {
        match state.person(person) {
            None => return Err(Failure::from("user_not_found")),
            Some(known) if known.deleted => return Err(Failure::from("user_not_found")),
            Some(_) => {}
        }
        let before = state.homes.get(person).map(|home| home.hash.clone());
        if params
            .text("hash")
            .is_some_and(|hash| before.as_deref() != Some(hash))
        {
            return Err(Failure::from("hash_conflict"));
        }
        let content = slack.prepared(state, &content);
        let hash = state.id("h.");
        let id = format!("VHOME{}", person.trim_start_matches('U'));
        let home = state
            .homes
            .entry(person.to_owned())
            .or_insert_with(|| View {
                id: id.clone(),
                person: person.to_owned(),
                hash: String::new(),
                content: json!({}),
                values: Map::new(),
                errors: Map::new(),
                root: id,
                previous: None,
            });
        home.take(content, hash);
        Ok(json!({ "view": slack.view_json(&state.homes[person]) }))
    })
}

fn checked(slack: &Slack, params: &Params, method: &str) -> Result<Value, Failure> {
    let content = params
        .json("view")
        .ok_or(Failure::from("invalid_arguments"))?;
    let found = slack.check_view(method, &content);
    if found.is_empty() {
        Ok(content)
    } else {
        Err(Failure::invalid("invalid_arguments", found))
    }
}

/// Uses up the trigger and answers whose it is.
fn redeem(slack: &Slack, params: &Params) -> Result<String, Failure> {
    let id = params.need("trigger_id")?;
    let now = slack.now();
    slack.change(|state| {
        let trigger = state
            .triggers
            .get_mut(id)
            .ok_or(Failure::from("invalid_trigger_id"))?;
        if trigger.is_used {
            return Err(Failure::from("exchanged_trigger_id"));
        }
        if now.as_millisecond() - trigger.at.as_millisecond() > 3000 {
            return Err(Failure::from("expired_trigger_id"));
        }
        trigger.is_used = true;
        Ok(trigger.person.clone())
    })
}
