//! `auth.test`, `users.*` and `usergroups.*`: who is who.

use serde_json::json;

use super::{BOT_ID, Failure, Outcome, Params};
use crate::Slack;

pub(super) fn auth_test(slack: &Slack) -> Outcome {
    let options = &slack.inner.options;
    Ok(json!({
        "url": format!("https://{}.slack.com/", options.team_domain), "team": options.team_domain,
        "user": options.bot_handle, "team_id": options.team_id, "user_id": options.bot_user,
        "bot_id": BOT_ID, "is_enterprise_install": false,
    }))
}

pub(super) fn bot_info(slack: &Slack, params: &Params) -> Outcome {
    match params.need("bot")? {
        BOT_ID => Ok(json!({ "bot": { "id": BOT_ID, "app_id": slack.inner.options.app_id } })),
        _ => Err(Failure::from("bot_not_found")),
    }
}

/// An address for one connection of Socket Mode.
pub(super) fn open_connection(slack: &Slack) -> Outcome {
    let address = slack.look(|state| state.socket.as_ref().map(|address| address()));
    Ok(json!({ "url": address.ok_or(Failure::from("internal_error"))? }))
}

pub(super) fn info(slack: &Slack, params: &Params) -> Outcome {
    let id = params.need("user")?;
    slack.look(|state| {
        let person = state.person(id).ok_or(Failure::from("user_not_found"))?;
        Ok(json!({ "user": person.as_slack_tells() }))
    })
}

pub(super) fn presence(slack: &Slack, params: &Params) -> Outcome {
    let id = params.need("user")?;
    slack.look(|state| {
        let person = state.person(id).ok_or(Failure::from("user_not_found"))?;
        let presence = if person.is_away { "away" } else { "active" };
        Ok(json!({ "presence": presence }))
    })
}

pub(super) fn lookup_by_email(slack: &Slack, params: &Params) -> Outcome {
    let email = params.need("email")?;
    slack.look(|state| {
        let person = state.people.iter().find(|person| {
            !person.deleted
                && person
                    .email
                    .as_deref()
                    .is_some_and(|known| known.eq_ignore_ascii_case(email))
        });
        let person = person.ok_or(Failure::from("users_not_found"))?;
        Ok(json!({ "user": person.as_slack_tells() }))
    })
}

pub(super) fn usergroup_members(slack: &Slack, params: &Params) -> Outcome {
    let id = params.need("usergroup")?;
    slack.look(|state| {
        let group = state
            .usergroups
            .get(id)
            .ok_or(Failure::from("no_such_subteam"))?;
        let active = group.members.iter().filter(|member| {
            params.is_true("include_disabled")
                || state.person(member).is_none_or(|known| !known.deleted)
        });
        Ok(json!({ "users": active.collect::<Vec<_>>() }))
    })
}

pub(super) fn usergroups(slack: &Slack) -> Outcome {
    slack.look(|state| {
        let groups: Vec<_> = state
            .usergroups
            .iter()
            .map(|(id, group)| {
                json!({
                    "id": id, "team_id": slack.inner.options.team_id, "is_usergroup": true,
                    "name": id, "handle": id.to_lowercase(), "description": "", "date_delete": 0,
                    "date_update": group.updated,
                    "user_count": group.members.len(), "users": group.members,
                })
            })
            .collect();
        Ok(json!({ "usergroups": groups }))
    })
}
