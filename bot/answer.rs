//! What a request is answered with, before a handler writes it down for Slack or as JSON.

use crate::{
    engine::Outcome,
    slack::{
        Words,
        action::{Action, fits_a_button},
        blocks::{self, Mrkdwn, actions, section},
    },
};
use rollback_domain::{
    grammar::verbs::Propose, identity::RollbackId, refusal::Refusal, rollback::Message,
};
use std::sync::{Arc, OnceLock};

/// How many buttons Slack lets one row have.
const CHOICES_AT_MOST: usize = 25;

/// The answer to a request.
#[derive(Clone, Debug)]
#[must_use = "every input gets an answer"]
pub enum Answer {
    /// It was received; there is nothing to show.
    Received,
    /// Words for the person alone.
    Private(Words),
    /// Words for the person alone, which several people get who asked at the same moment.
    Shared(Arc<SharedWords>),
    /// Words for everybody in the channel.
    Public(Words),
    /// A job goes on with the rollback. Its result follows on its card, or where the reply
    /// is wanted.
    Queued {
        /// The number of the rollback.
        rollback: RollbackId,
        /// What is done first, for the person alone.
        words: Words,
    },
    /// Nothing was run: one of these proposals has to be chosen.
    Choose {
        /// Why a proposal has to be chosen.
        refusal: Box<Refusal>,
        /// The proposals, each in another environment.
        proposals: Vec<Propose>,
    },
    /// The engine took nothing, and has recorded why.
    Declined {
        /// Why, for the person alone.
        message: Message,
        /// The same with the card of the rollback that is in the way, where they may see it.
        words: Words,
        /// The number of the rollback that is in the way, if one is.
        rollback: Option<RollbackId>,
    },
    /// The command refused, for the person alone.
    Refused(Box<Refusal>),
}

impl Answer {
    /// A sentence for the person alone; `text` is mrkdwn and escaped already.
    pub fn private(text: impl Into<String>) -> Self {
        Answer::Private(Words::plain(text))
    }

    /// The refusal for when the database does not answer.
    pub fn busy() -> Self {
        Answer::from(Refusal::Busy {
            why: "the database does not answer".into(),
        })
    }

    /// The answer as a message in Slack; `None` if there is nothing to show.
    pub fn words(&self) -> Option<Words> {
        match self {
            Answer::Received => None,
            Answer::Private(words)
            | Answer::Public(words)
            | Answer::Queued { words, .. }
            | Answer::Declined { words, .. } => Some(words.clone()),
            Answer::Shared(shared) => Some(shared.words.clone()),
            Answer::Choose { refusal, proposals } => Some(choice(refusal, proposals)),
            Answer::Refused(refusal) => Some(Words::plain(refusal.draw(&Mrkdwn))),
        }
    }

    /// The outcome of the input, for counting.
    pub fn status(&self) -> &'static str {
        match self {
            Answer::Refused(refusal) if matches!(**refusal, Refusal::Busy { .. }) => "busy",
            Answer::Refused(_) => "refused",
            Answer::Received
            | Answer::Private(_)
            | Answer::Shared(_)
            | Answer::Public(_)
            | Answer::Queued { .. }
            | Answer::Choose { .. }
            | Answer::Declined { .. } => "answered",
        }
    }
}

/// Which environment is meant: a button proposes there, and only there. What has no button is
/// said.
fn choice(refusal: &Refusal, proposals: &[Propose]) -> Words {
    let mut sentence = refusal.draw(&Mrkdwn);
    let fitting = proposals.iter().filter(|proposal| fits_a_button(proposal));
    let buttons: Vec<_> = fitting
        .take(CHOICES_AT_MOST)
        .map(|proposal| {
            let environment = proposal.service.environment.as_deref().unwrap_or_default();
            let label = format!("Propose for {environment}");
            Action::Propose(proposal.clone()).button(&label)
        })
        .collect();
    if buttons.is_empty() {
        sentence.push_str(
            " Your reason is longer than a button can carry: send the command again with the environment.",
        );
        return Words::plain(sentence);
    }
    if buttons.len() < proposals.len() {
        sentence.push_str(&format!(
            " {} of the {} have a button here.",
            buttons.len(),
            proposals.len()
        ));
    }
    Words {
        blocks: vec![section(&sentence), actions("pick", buttons)],
        text: sentence,
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Answer::Refused(Box::new(refusal))
    }
}

/// The answer where the engine's outcome needs no words of the verb's own.
impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Opened { id } => Answer::Queued {
                rollback: id,
                words: Words::plain(format!("{id} is open.")),
            },
            Outcome::Refused { message, see, .. } => Answer::Declined {
                words: Words::plain(blocks::message(&message)),
                message,
                rollback: see,
            },
            Outcome::Noted { .. }
            | Outcome::IncidentChanged { .. }
            | Outcome::ActionChanged { .. }
            | Outcome::NoAction { .. }
            | Outcome::Ticked { .. }
            | Outcome::NoItem
            | Outcome::Queued
            | Outcome::Bound { .. } => Answer::Received,
        }
    }
}

/// Words for several people, and what a handler made of them, once for all.
#[derive(Debug)]
pub struct SharedWords {
    /// The words.
    pub words: Words,
    encoded: OnceLock<String>,
}

impl SharedWords {
    /// The words as `encode` writes them, written when they are first needed.
    pub fn encoded(&self, encode: impl FnOnce(&Words) -> String) -> &str {
        self.encoded.get_or_init(|| encode(&self.words))
    }
}

impl From<Words> for SharedWords {
    fn from(words: Words) -> Self {
        Self {
            words,
            encoded: OnceLock::new(),
        }
    }
}
