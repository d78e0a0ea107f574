//! What a service's section says about drills.

use rollback_domain::drill::Calendar;
use rollback_settings::{Repeats, Section, flag, text};

/// Environments that nobody means when they say where a drill acts.
const PRODUCTION: [&str; 3] = ["production", "prod", "live"];

/// How a service is drilled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drills {
    /// Whether a drill really acts there; `false`: it does everything but that.
    pub acts: bool,
    /// The command that breaks it first, the program and each argument for itself; `None`: nothing
    /// does.
    pub fault: Option<Vec<String>>,
    /// When drills of it are held; `None`: no day is set.
    pub calendar: Option<Calendar>,
}

/// Reads the keys about drills of the service in `environment`.
pub(super) fn drills(section: &Section<'_>, environment: &str) -> Drills {
    let acts = section.or("drill", false, flag);
    let fault = section.optional_list("fault", "\"./break-staging.sh\"", Repeats::Allowed, text);
    if acts && PRODUCTION.contains(&environment) {
        section.mistake(
            "drill",
            format!(
                "would let drills really act on {environment}; remove it: then a drill does \
                 everything but that"
            ),
        );
    }
    if fault.is_some() && !acts {
        section.mistake(
            "fault",
            "would break an environment that is not for drills; write drill = true beside it, or \
             remove it",
        );
    }
    if fault.as_ref().is_some_and(Vec::is_empty) {
        section.mistake(
            "fault",
            "is empty; write the program to run first: [\"./break-staging.sh\"]",
        );
    }
    let calendar = section.optional("drills", |value| text(value)?.parse());
    Drills {
        acts,
        fault,
        calendar,
    }
}
