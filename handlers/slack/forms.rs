//! The fields of a form as somebody saved them.

use crate::{
    App, commands,
    engine::Error,
    slack::{assess, capture, modal, update},
};
use jiff::Timestamp;
use rollback_domain::{
    grammar::fields::{required_reason_field, time_field},
    identity::RollbackId,
    job::Form,
    matrix::{Percent, Symptom, Symptoms},
    people::{Person, Zone},
    policy::Confirm,
    rollback::{Act, Confirmed},
    update::{StatusUpdate, next_within, plain_line, plain_lines},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// What is wrong with a field; Slack shows it below the field, and the form stays open.
#[derive(Debug)]
pub struct Problem {
    /// The id of the field.
    pub field: &'static str,
    /// The sentence.
    pub sentence: String,
}

impl Problem {
    fn new(field: &'static str, sentence: impl Into<String>) -> Self {
        Problem {
            field,
            sentence: sentence.into(),
        }
    }
}

/// The state of a form, as Slack sends it.
pub struct Fields<'a>(pub &'a Value);

impl Fields<'_> {
    fn field(&self, id: &str) -> &Value {
        &self.0["values"][id][id]
    }

    /// What was typed, cleaned as a typed command is.
    fn reason(&self) -> Result<String, Problem> {
        let typed = self.field(modal::BECAUSE)["value"].as_str();
        match required_reason_field(typed.unwrap_or_default()) {
            Ok(Some(reason)) => Ok(reason),
            Ok(None) => Err(Problem::new(modal::BECAUSE, "Say it in a few words.")),
            Err(misread) => Err(Problem::new(modal::BECAUSE, misread.to_string())),
        }
    }

    fn ticked(&self, id: &str) -> Vec<String> {
        self.field(id)["selected_options"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|option| option["value"].as_str().map(str::to_owned))
            .collect()
    }

    fn confirmed(&self) -> Confirmed {
        Confirmed {
            ticked: self.ticked(modal::TICKS),
            typed: self.field(modal::TYPED)["value"]
                .as_str()
                .map(str::to_owned),
            because: None,
        }
    }

    /// What the person who saved the form does.
    pub fn act(&self, about: &modal::About) -> Result<Act, Problem> {
        let hash = Some(about.hash.clone());
        Ok(match about.form {
            Form::Target => {
                let chosen = self.field(modal::TARGET)["selected_option"]["value"].as_str();
                let Some(to) = chosen else {
                    return Err(Problem::new(modal::TARGET, "Choose a release first."));
                };
                let to = to.to_owned();
                Act::Retarget { hash, to }
            }
            Form::Approve => Act::Approve {
                hash,
                confirmed: self.confirmed(),
            },
            Form::Deny => Act::Deny {
                because: Some(self.reason()?),
            },
            Form::Object => Act::Object {
                because: self.reason()?,
            },
            Form::BreakGlass => Act::BreakGlass {
                hash,
                because: self.reason()?,
                promised: !self.ticked(modal::PROMISE).is_empty(),
            },
            Form::Review(answer) => Act::Review {
                answer,
                because: self.reason()?,
            },
        })
    }
}

impl Fields<'_> {
    /// The update as the person who saved the form wants it.
    pub fn update(
        &self,
        about: &update::About,
        person: &Person,
        now: Timestamp,
    ) -> Result<StatusUpdate, Problem> {
        let typed = |id: &str| self.field(id)["value"].as_str().unwrap_or_default();
        let title = plain_line(typed(update::TITLE));
        let text = plain_lines(typed(update::TEXT));
        if title.is_empty() {
            let sentence = "Say what it is about, in a few words.";
            return Err(Problem::new(update::TITLE, sentence));
        }
        if text.is_empty() {
            return Err(Problem::new(update::TEXT, "Say what there is to say."));
        }
        let next = typed(update::NEXT).trim();
        let next_at = match (next.is_empty(), next_within(next)) {
            (true, _) => None,
            (false, Some(within)) => now.checked_add(within).ok(),
            (false, None) => {
                let sentence =
                    "That is no time from a minute to a day: write 30m or 2h, or leave it empty.";
                return Err(Problem::new(update::NEXT, sentence));
            }
        };
        let because = plain_line(typed(update::BECAUSE));
        Ok(StatusUpdate {
            // The engine numbers it.
            number: 0,
            incident: about.incident,
            channel: about.channel.clone(),
            kind: about.kind,
            title,
            text,
            next_at,
            because: Some(because).filter(|because| !because.is_empty()),
            corrects: about.corrects,
            drafted_by: person.clone(),
            drafted_at: now,
            published: None,
            outside: BTreeMap::new(),
        })
    }
}

impl Fields<'_> {
    /// When it happened, as the person says by the clock of this zone, and their comment.
    pub fn capture(
        &self,
        zone: Option<&Zone>,
        now: Timestamp,
    ) -> Result<(Option<Timestamp>, Option<String>), Problem> {
        let typed = |id: &str| self.field(id)["value"].as_str().unwrap_or_default();
        let at = time_field(typed(capture::AT)).map_err(|_| {
            let sentence =
                "That is no time: write -5m, 03:07 or yesterday 23:50, or leave it empty.";
            Problem::new(capture::AT, sentence)
        })?;
        let offset = zone.map_or(0, |zone| zone.utc_offset);
        let at = at.map(|at| at.resolve(now, offset));
        if at.is_some_and(|at| at > now) {
            return Err(Problem::new(capture::AT, "That time is still to come."));
        }
        let comment = plain_line(typed(capture::COMMENT));
        let comment: String = comment.chars().take(capture::COMMENT_AT_MOST).collect();
        Ok((at, Some(comment).filter(|comment| !comment.is_empty())))
    }
}

impl Fields<'_> {
    /// What the person says of an incident. What was left empty is not known.
    pub fn symptoms(&self) -> Result<Symptoms, Problem> {
        let chosen = |id: &str| self.field(id)["selected_option"]["value"].as_str();
        let broken = self.ticked(assess::BROKEN);
        let symptoms = broken
            .iter()
            .filter_map(|word| word.parse::<Symptom>().ok());
        Ok(Symptoms {
            severity: chosen(assess::SEVERITY).and_then(|word| word.parse().ok()),
            broken: (!broken.is_empty()).then(|| symptoms.collect()),
            error_rate: self.share(assess::ERROR_RATE)?,
            users: self.share(assess::USERS)?,
            slower: self.share(assess::SLOWER)?,
            workaround: chosen(assess::WORKAROUND).map(|answer| answer == assess::YES),
        })
    }

    fn share(&self, field: &'static str) -> Result<Option<Percent>, Problem> {
        let typed = self.field(field)["value"]
            .as_str()
            .unwrap_or_default()
            .trim();
        match (typed.is_empty(), typed.parse()) {
            (true, _) => Ok(None),
            (false, Ok(share)) => Ok(Some(share)),
            (false, Err(())) => {
                let sentence =
                    "That is no share in percent: write 6, 0.5 or 200, or leave it empty.";
                Err(Problem::new(field, sentence))
            }
        }
    }
}

/// What is missing from an approval, as far as that can be told at once; the decision looks again.
pub async fn missing(app: &App, rollback: RollbackId, act: &Act) -> Result<Option<Problem>, Error> {
    let Act::Approve { confirmed, .. } = act else {
        return Ok(None);
    };
    let missing = commands::missing_confirmation(app, rollback, confirmed).await?;
    Ok(missing.map(|(confirm, target)| match confirm {
        Confirm::Type => {
            let sentence = format!("Not the same: the target is {target}.");
            Problem::new(modal::TYPED, sentence)
        }
        Confirm::Tick | Confirm::Click => Problem::new(
            modal::TICKS,
            "Tick each of them, or go back and choose another target.",
        ),
    }))
}
