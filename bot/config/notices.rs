//! `[notices]`: where updates for customers are published outside of Slack.

use super::Updates;
use crate::notices::{
    statuspage::{ComponentStatus, StatuspageSettings},
    webhook::WebhookSettings,
};
use rollback_settings::{Section, Value, choice, did_you_mean, flag, is_loopback, text, url};
use std::collections::BTreeMap;

/// A place outside of Slack.
#[derive(Clone, Debug)]
pub enum NoticeSettings {
    /// A page of Statuspage.
    Statuspage(StatuspageSettings),
    /// A program that takes updates.
    Webhook(WebhookSettings),
}

/// What a place can be.
#[derive(Clone, Copy)]
enum Kind {
    Statuspage,
    Webhook,
}

/// Reads every place. Who may publish there has to be said: silence is no role.
pub(super) fn notices(
    section: &Section<'_>,
    services: &[&str],
    updates: Option<&Updates>,
) -> Option<BTreeMap<String, NoticeSettings>> {
    let names: Vec<&str> = section.keys().collect();
    let mut read = vec![];
    for name in &names {
        let fits = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-';
        if name.is_empty() || name.len() > 40 || !name.bytes().all(fits) {
            let problem = "is not a possible name; use at most 40 of a-z, 0-9 and \"-\"";
            section.mistake(name, problem);
        }
        let place = section
            .section(name)
            .and_then(|section| notice(&section, name, services));
        read.push(place.map(|place| ((*name).to_owned(), place)));
    }
    if !names.is_empty() && updates.is_some_and(|updates| updates.publish.is_empty()) {
        section.mistake_here(
            "does not say who may publish there; write publish = [\"lead\"] into [updates]",
        );
    }
    read.into_iter().collect()
}

fn notice(section: &Section<'_>, name: &str, services: &[&str]) -> Option<NoticeSettings> {
    let kind = section.required("kind", "\"statuspage\"", |value| {
        choice(
            value,
            &[("statuspage", Kind::Statuspage), ("webhook", Kind::Webhook)],
        )
    });
    let read = match kind? {
        Kind::Statuspage => statuspage(section, name, services).map(NoticeSettings::Statuspage),
        Kind::Webhook => webhook(section, name).map(NoticeSettings::Webhook),
    };
    section.done();
    read
}

fn statuspage(section: &Section<'_>, name: &str, services: &[&str]) -> Option<StatuspageSettings> {
    let page = section.required("page", "\"kctbh9vrtdwd\"", id);
    let token = section.required("token", "\"env:STATUSPAGE_TOKEN\"", |value| {
        section.token(value, "Statuspage")
    });
    let api_url = section.url_or("api_url", "https://api.statuspage.io/v1");
    // Statuspage notifies subscribers unless it is told not to: nobody is to find that out by it.
    let deliver_notifications = section.required("deliver_notifications", "false", flag);
    let affected = section.or("affected", ComponentStatus::default(), |value| {
        let known = ComponentStatus::ALL.map(|status| (status.name(), status));
        choice(value, &known)
    });
    let components = section.section("components").map(|components| {
        let read = components
            .keys()
            .filter_map(|service| {
                if !services.contains(&service) {
                    let otherwise = format!("write one of {}", services.join(", "));
                    let advice = did_you_mean(service, services).unwrap_or(otherwise);
                    components.mistake(service, format!("is not a service; {advice}"));
                }
                Some((service.to_owned(), components.optional(service, id)?))
            })
            .collect();
        components.done();
        read
    });
    Some(StatuspageSettings {
        name: name.to_owned(),
        page: page?,
        api_url: api_url?,
        token: token?,
        deliver_notifications: deliver_notifications?,
        components: components.unwrap_or_default(),
        affected,
    })
}

fn webhook(section: &Section<'_>, name: &str) -> Option<WebhookSettings> {
    let address = section.required("url", "\"env:NOTICES_URL\"", |value| {
        let address = section.secret(value)?;
        let parsed = url(&Value::String(address.expose().to_owned()))
            .map_err(|_| "does not stand for a web address".to_owned())?;
        match parsed.scheme() == "https" || is_loopback(&parsed) {
            true => Ok(address),
            false => Err("is not encrypted; use an address that begins with https://".to_owned()),
        }
    });
    let secret = section.required("secret", "\"env:NOTICES_SECRET\"", |value| {
        section.token(value, "the program that takes the updates")
    });
    Some(WebhookSettings {
        name: name.to_owned(),
        url: address?,
        secret: secret?,
    })
}

/// An id of Statuspage's, which stands in an address.
fn id(value: &Value) -> Result<String, String> {
    let id = text(value)?;
    match !id.is_empty() && id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        true => Ok(id),
        false => Err(
            "is not an id of Statuspage's; copy it from manage.statuspage.io, it looks like \
             \"kctbh9vrtdwd\""
                .to_owned(),
        ),
    }
}
