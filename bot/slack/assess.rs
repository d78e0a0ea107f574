//! The form in which somebody says of an incident what cannot be measured.

use super::blocks::{cut, inline, plain, section, text_input};
use rollback_domain::{
    identity::{RollbackId, ServiceKey},
    incident::Severity,
    matrix::{Measure, Question, Symptom},
};
use serde::{Deserialize, Serialize};
use slack_morphism::prelude::*;
use std::collections::BTreeSet;

/// What Slack calls this form when it is saved.
pub const CALLBACK: &str = "assess";
/// The input for what is broken.
pub const BROKEN: &str = "broken";
/// Its option that says that nothing of it is.
pub const NOTHING: &str = "nothing";
/// The input for how severe it is.
pub const SEVERITY: &str = "severity";
/// The input for the share of requests that fail.
pub const ERROR_RATE: &str = "error_rate";
/// The input for the share of users who are affected.
pub const USERS: &str = "users";
/// The input for how much slower answers are.
pub const SLOWER: &str = "slower";
/// The input for whether there is a workaround.
pub const WORKAROUND: &str = "workaround";
/// Its option that says that there is one.
pub const YES: &str = "yes";
/// The longest share, in characters.
const SHARE_AT_MOST: usize = 12;

/// What the form is about, and for whom it was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The service.
    #[serde(flatten)]
    pub service: ServiceKey,
    /// The proposal whose card shows the answer too; `None`: there is none.
    pub rollback: Option<RollbackId>,
    /// The only person who can send the form.
    pub person: String,
    /// The channel in which it was asked for.
    pub channel: String,
    /// The thread in which it was asked for; `None`: in the channel.
    pub thread: Option<String>,
    /// The address at which they are answered; `None`: in the channel.
    pub reply_to: Option<String>,
}

/// The form with one field for each question. What is `measured` need not be filled in.
pub fn form(
    about: &About,
    external_id: &str,
    questions: &BTreeSet<Question>,
    measured: &BTreeSet<Measure>,
) -> SlackView {
    let to_whom = match about.rollback {
        Some(id) => format!("The answer stands on the card of {id}, for everybody."),
        None => "Only you see the answer.".to_owned(),
    };
    let mut blocks = vec![section(&format!(
        "*{}*  What you leave empty is not known. {to_whom} It is advice: nothing is run.",
        inline(&about.service.to_string(), 160)
    ))];
    blocks.extend(
        questions
            .iter()
            .filter_map(|question| field(*question, measured)),
    );
    SlackView::Modal(
        SlackModalView::new(plain("What is going on?", 24), blocks)
            .with_callback_id(CALLBACK.into())
            .with_external_id(cut(external_id, 255))
            .with_close(plain("Go back", 24))
            .with_submit(plain("Assess", 24))
            .with_private_metadata(serde_json::to_string(about).unwrap_or_default()),
    )
}

/// The field for a question; `None`: only the platform can answer it.
fn field(question: Question, measured: &BTreeSet<Measure>) -> Option<SlackBlock> {
    let share = |id: &str, label: &str, measure: Measure| {
        let hint = match measured.contains(&measure) {
            true => "In percent. It is measured: fill it in only if you see something else.",
            false => "In percent: 6, 0.5 or 200.",
        };
        let input = text_input(id, label, "", SHARE_AT_MOST, false);
        input.with_hint(plain(hint, 2000))
    };
    let input = match question {
        Question::Broken => {
            let symptoms = Symptom::ALL.iter();
            let mut options: Vec<_> = symptoms
                .map(|symptom| option(symptom.clause(), symptom.word()))
                .collect();
            options.push(option("nothing of this", NOTHING));
            let select = SlackBlockMultiStaticSelectElement::new()
                .with_action_id(BROKEN.into())
                .with_placeholder(plain("Choose what is so", 150))
                .with_options(options);
            let element = SlackInputBlockElement::MultiStaticSelect(select);
            chosen(BROKEN, "What is broken", element)
        }
        Question::Severity => {
            let severities = Severity::ALL.iter().map(ToString::to_string);
            let options = severities.map(|severity| option(&severity, &severity));
            select(SEVERITY, "Severity", options.collect())
        }
        Question::Workaround => {
            let options = vec![option("yes", YES), option("no", "no")];
            select(WORKAROUND, "Is there a workaround?", options)
        }
        Question::ErrorRate => share(ERROR_RATE, "Requests that fail", Measure::ErrorRate),
        Question::Users => share(USERS, "Users who are affected", Measure::Users),
        Question::Slower => share(SLOWER, "How much slower answers are", Measure::Slower),
        Question::SinceDeploy => return None,
    };
    Some(input.with_optional(true).into())
}

fn option(text: &str, value: &str) -> SlackBlockChoiceItem<SlackBlockPlainTextOnly> {
    SlackBlockChoiceItem::new(plain(text, 75), value.to_owned())
}

fn select(
    id: &str,
    label: &str,
    options: Vec<SlackBlockChoiceItem<SlackBlockPlainTextOnly>>,
) -> SlackInputBlock {
    let select = SlackBlockStaticSelectElement::new()
        .with_action_id(id.into())
        .with_placeholder(plain("Not known", 150))
        .with_options(options);
    chosen(id, label, SlackInputBlockElement::StaticSelect(select))
}

fn chosen(id: &str, label: &str, element: SlackInputBlockElement) -> SlackInputBlock {
    SlackInputBlock::new(plain(label, 2000), element).with_block_id(id.into())
}
