//! Drills: rollbacks that are practised. They go the way of every rollback, and say of themselves
//! everywhere that they are one.

mod calendar;
mod quarter;
mod report;
mod schedule;

pub use calendar::{Calendar, Odd};
pub use quarter::{NotAQuarter, Quarter};
pub use report::{DrillFacts, DrilledOnce};
pub use schedule::{A_DAY, A_WEEK, DrillSchedule, Parts};

use crate::{
    identity::{IncidentId, RollbackId},
    rollback::{Message, Notice},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The first word of everything that tells of a drill.
pub const WATERMARK: &str = "DRILL";

/// What makes a rollback a drill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drill {
    /// Whether its platform is really asked; `false`: everything but that is done.
    pub acts: bool,
    /// What breaks the environment before it begins; `None`: nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// A command that breaks an environment, so that there is something to roll back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The name of the program, without its arguments.
    pub program: String,
    /// When it was begun; `None`: it was not yet. It is begun once.
    pub begun: Option<Timestamp>,
    /// When it had ended; `None`: it is not known to have.
    pub ended: Option<Timestamp>,
}

impl Drill {
    /// The same drill in a rollback that takes the place of the first: what was broken is broken.
    pub fn again(&self) -> Drill {
        Drill {
            fault: self.fault.clone().filter(|fault| fault.begun.is_some()),
            ..self.clone()
        }
    }

    /// The fault that is still to be made.
    pub fn fault_to_make(&self) -> Option<&Fault> {
        self.fault.as_ref().filter(|fault| fault.begun.is_none())
    }
}

/// A text about a rollback: one about a drill says that first.
pub fn watermarked(id: RollbackId, text: &str) -> Cow<'_, str> {
    match id.is_drill() && !text.starts_with(WATERMARK) {
        true => Cow::Owned(format!("{WATERMARK} · {text}")),
        false => Cow::Borrowed(text),
    }
}

impl IncidentId {
    /// What it is called in a title: the record of a drill says first that it is one.
    pub fn titled(self) -> String {
        self.marks(&self.to_string())
    }

    /// A text about it: one about the record of a drill says that first.
    pub fn marks(self, text: &str) -> String {
        match self.drill() {
            Some(drill) => watermarked(drill, text).into_owned(),
            None => text.to_owned(),
        }
    }
}

impl Message {
    /// The message about a rollback: one about a drill says that first.
    pub fn about(self, id: RollbackId) -> Message {
        let mark = |text: String| watermarked(id, &text).into_owned();
        match self {
            Message::Text(text) => Message::Text(mark(text)),
            Message::Mrkdwn(text) => Message::Mrkdwn(mark(text)),
            Message::Naming(text, people) => Message::Naming(mark(text), people),
            Message::Refused(code, text, people) => Message::Refused(code, mark(text), people),
        }
    }
}

impl Notice {
    /// The notice of a rollback: what one of a drill says begins with that.
    pub fn about(self, id: RollbackId) -> Notice {
        match self {
            Notice::Tell {
                person,
                reply_to,
                message,
            } => Notice::Tell {
                person,
                reply_to,
                message: message.about(id),
            },
            Notice::Post {
                message,
                button,
                in_thread,
                key,
            } => Notice::Post {
                message: message.about(id),
                button,
                in_thread,
                key,
            },
            Notice::Announce {
                channels,
                message,
                key,
            } => Notice::Announce {
                channels,
                message: message.about(id),
                key,
            },
            notice @ (Notice::Card
            | Notice::Outcome
            | Notice::Authors
            | Notice::Page { .. }
            | Notice::BreakGlass
            | Notice::ReviewAt { .. }
            | Notice::LookAgainAt { .. }
            | Notice::TakePinBack
            | Notice::Export { .. }
            | Notice::MakeFault) => notice,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drill_says_so_first_and_once() {
        let drill = RollbackId::drill(7);
        let marked = watermarked(drill, "DR-7 is VERIFIED");
        assert_eq!(marked, "DRILL · DR-7 is VERIFIED");
        assert_eq!(watermarked(drill, &marked), marked);
        assert_eq!(watermarked(RollbackId::new(7), "RB-7"), "RB-7");
        let message = Message::Text("it runs".into());
        assert_eq!(
            message.clone().about(drill),
            Message::Text("DRILL · it runs".into())
        );
        assert_eq!(message.clone().about(RollbackId::new(7)), message);
    }

    #[test]
    fn a_fault_that_was_begun_is_not_made_again() {
        let fault = Fault {
            program: "./break-staging.sh".into(),
            begun: Some(Timestamp::UNIX_EPOCH),
            ended: None,
        };
        let drill = Drill {
            acts: true,
            fault: Some(fault),
        };
        assert_eq!(drill.fault_to_make(), None);
        assert_eq!(drill.again(), drill);
    }
}
