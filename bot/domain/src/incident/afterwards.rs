//! What is recorded of action items and promises: what is to be done after an incident.

use super::{Kind, naming};
use crate::{
    action::{ActionItem, Deadline},
    refusal::Tone,
};
use serde::{Deserialize, Serialize};

/// Something that happened to what is to be done after the incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(tag = "type", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ActionFact {
    /// Somebody added an action item.
    ActionAdded {
        /// The action item.
        #[serde(flatten)]
        action: NamedAction,
        /// Until when it is to be done; `None`: there is no such time.
        due: Option<Deadline>,
    },
    /// Something was promised because the incident was resolved.
    PromiseMade {
        /// What was promised.
        #[serde(flatten)]
        action: NamedAction,
        /// Until when it is to be kept.
        due: Option<Deadline>,
    },
    /// It is done, or kept.
    ActionDone {
        /// The action item.
        #[serde(flatten)]
        action: NamedAction,
        /// The file that shows it; `None`: somebody says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<String>,
    },
    /// Its owner was reminded.
    ActionReminded {
        /// The action item.
        #[serde(flatten)]
        action: NamedAction,
        /// When it is or was due; `None`: there is no such time.
        due: Option<Deadline>,
        /// Whether that was over.
        overdue: bool,
    },
    /// A promise does not hold any more, because the incident was reopened.
    PromiseDropped {
        /// What was promised.
        #[serde(flatten)]
        action: NamedAction,
    },
}

/// Something that somebody did to the checklist of a rollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, strum::VariantNames)]
#[serde(tag = "type", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ChecklistFact {
    /// They ticked an item.
    ItemTicked {
        /// Its number, from 1.
        item: usize,
        /// What is true.
        text: String,
        /// What shows it, in their words; `None`: they gave nothing.
        because: Option<String>,
    },
    /// They left an item out.
    ItemSkipped {
        /// Its number, from 1.
        item: usize,
        /// What would have to be true.
        text: String,
        /// Why, in their words; `None`: they gave no reason.
        because: Option<String>,
    },
}

impl ChecklistFact {
    pub(super) fn clause(&self, tone: &dyn Tone) -> String {
        let (verb, item, text, because) = match self {
            ChecklistFact::ItemTicked {
                item,
                text,
                because,
            } => ("ticked", item, text, because),
            ChecklistFact::ItemSkipped {
                item,
                text,
                because,
            } => ("left out", item, text, because),
        };
        let because = match because {
            Some(because) => format!(", because \"{}\"", naming(because, tone)),
            None => String::new(),
        };
        format!("{verb} item {item}: {}{because}", naming(text, tone))
    }
}

/// An action item, as entries name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedAction {
    /// Its number.
    pub action: i64,
    /// What is to be done.
    pub text: String,
    /// The Slack id of the person who is to do it; `None`: nobody is named.
    pub owner: Option<String>,
}

impl ActionFact {
    pub(super) fn kind(&self) -> Kind {
        match self {
            ActionFact::ActionAdded { .. }
            | ActionFact::PromiseMade { .. }
            | ActionFact::ActionDone { .. }
            | ActionFact::PromiseDropped { .. } => Kind::Action,
            ActionFact::ActionReminded { .. } => Kind::Reminded,
        }
    }

    pub(super) fn clause(&self, tone: &dyn Tone) -> String {
        let until = |due: &Option<Deadline>| match due {
            Some(due) => format!(", until {due}"),
            None => String::new(),
        };
        match self {
            ActionFact::ActionAdded { action, due } => {
                format!("added action {}{}", action.clause(tone), until(due))
            }
            ActionFact::PromiseMade { action, due } => {
                format!("promised {}{}", action.clause(tone), until(due))
            }
            ActionFact::ActionDone { action, file: None } => {
                format!("did action {}", action.clause(tone))
            }
            ActionFact::ActionDone {
                action,
                file: Some(file),
            } => format!("did action {}: {}", action.clause(tone), tone.text(file)),
            ActionFact::ActionReminded {
                action,
                due,
                overdue,
            } => {
                let verb = if *overdue { "was" } else { "is" };
                let due = match due {
                    Some(due) => format!(", which {verb} due {due}"),
                    None => String::new(),
                };
                format!("reminded of action {}{due}", action.clause(tone))
            }
            ActionFact::PromiseDropped { action } => format!(
                "dropped promise {}, because the incident was reopened",
                action.clause(tone)
            ),
        }
    }
}

impl NamedAction {
    /// An action item as entries name it.
    pub fn of(action: &ActionItem) -> Self {
        NamedAction {
            action: action.number,
            text: action.text.clone(),
            owner: action.owner.clone(),
        }
    }

    /// Its number, what is to be done, and by whom.
    fn clause(&self, tone: &dyn Tone) -> String {
        let owner = match &self.owner {
            Some(owner) => format!(" by {}", tone.person(owner)),
            None => String::new(),
        };
        format!("{}{owner}: \"{}\"", self.action, naming(&self.text, tone))
    }
}
