//! How much can go wrong, and why: the class of a plan decides who must say yes to it.

use crate::identity::RollbackId;
use crate::proof::spell;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// How much can go wrong; decides who must say yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// A flag off, nothing else changes.
    Toggle,
    /// Code only, and the target served production before.
    Code,
    /// Something about it is not known, or has gone wrong before.
    Caution,
    /// Data is restored or changed.
    Data,
}

impl Risk {
    /// Every class, from the least to the most that can go wrong.
    pub const ALL: [Risk; 4] = [Risk::Toggle, Risk::Code, Risk::Caution, Risk::Data];

    /// Its word, as configurations and cards say it.
    pub fn name(self) -> &'static str {
        match self {
            Risk::Toggle => "toggle",
            Risk::Code => "code",
            Risk::Caution => "caution",
            Risk::Data => "data",
        }
    }
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something about a plan that is unusual. Each is named on the card, and where the rule wants it
/// the approver ticks each by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "caution", rename_all = "snake_case")]
pub enum Caution {
    /// It is not known whether the target ever served production.
    NeverServed,
    /// It is not known what serves now.
    LiveUnknown,
    /// The target stopped serving long ago.
    Old {
        /// When it last served, or was made.
        since: Timestamp,
    },
    /// An earlier rollback left the target behind.
    OnceBad {
        /// The rollback that left it.
        rollback: RollbackId,
        /// When that was asked for.
        at: Timestamp,
    },
    /// Somebody marked the target as bad.
    MarkedBad {
        /// Their name.
        by: String,
        /// Why, in their words; `None`: they gave no reason.
        because: Option<String>,
        /// When.
        at: Timestamp,
    },
    /// The platform's own warning about this target.
    Platform {
        /// Its stable name, in `snake_case`: "secrets_changed".
        name: String,
        /// What it says, as a clause: "secrets were changed since".
        text: String,
        /// The class it gives the plan.
        class: Risk,
    },
    /// A migration since the target may make it fail, or has changed rows.
    Migrations {
        /// Which, and why, as a clause.
        text: String,
    },
    /// It is not known whether the target works on what migrations since have left.
    MigrationsUnknown {
        /// Why, as a clause.
        why: String,
    },
    /// The configuration says that rollbacks of this service are never ordinary.
    Marked {
        /// The class it gives them.
        class: Risk,
    },
}

impl Caution {
    /// Its stable name: what a tick is bound to, and what the plan's hash covers.
    pub fn name(&self) -> &str {
        match self {
            Caution::NeverServed => "never_served",
            Caution::LiveUnknown => "live_unknown",
            Caution::Old { .. } => "old",
            Caution::OnceBad { .. } => "once_bad",
            Caution::MarkedBad { .. } => "marked_bad",
            Caution::Platform { name, .. } => name,
            Caution::Migrations { .. } => "migrations",
            Caution::MigrationsUnknown { .. } => "migrations_unknown",
            Caution::Marked { .. } => "marked",
        }
    }

    /// As a clause about the release that is called `target`, at `now`.
    pub fn draw(&self, target: &str, now: Timestamp) -> String {
        match self {
            Caution::NeverServed => format!("{target} is not known to have served production"),
            Caution::LiveUnknown => "what production serves now is not known".into(),
            Caution::Old { since } => {
                let age = Duration::try_from(now.duration_since(*since)).unwrap_or_default();
                format!("{target} last served {} ago", spell(age))
            }
            Caution::OnceBad { rollback, at } => format!(
                "{target} was rolled back by {rollback} at {}",
                at.strftime("%Y-%m-%d %H:%M UTC")
            ),
            Caution::MarkedBad { by, because, at } => format!(
                "{target} was marked bad by {by} at {}{}",
                at.strftime("%Y-%m-%d %H:%M UTC"),
                because
                    .as_deref()
                    .map_or_else(String::new, |why| format!(": \"{why}\""))
            ),
            Caution::Platform { text, .. } | Caution::Migrations { text } => text.clone(),
            Caution::MigrationsUnknown { why } => {
                format!("whether {target} works on today's tables is not known: {why}")
            }
            Caution::Marked { class: Risk::Data } => {
                "the configuration says that going back may affect the data".into()
            }
            Caution::Marked { class } => {
                format!("the configuration marks this service as {class}")
            }
        }
    }
}

/// Which class a plan gets, from the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RiskRules {
    /// The class of an ordinary plan; `None`: what the platform's provider says.
    pub ordinary: Option<Risk>,
    /// At least this when the target is not known to have served.
    pub never_served: Risk,
    /// At least this when what is live is not known.
    pub live_unknown: Risk,
    /// At least this when the target was left behind by an earlier rollback, or somebody marked it
    /// as bad.
    pub once_bad: Risk,
    /// At least this when the target is older than [`RiskRules::old_after`].
    pub old: Risk,
    /// How long after it last served a target counts as old.
    pub old_after: Duration,
}

impl Default for RiskRules {
    fn default() -> Self {
        Self {
            ordinary: None,
            never_served: Risk::Caution,
            live_unknown: Risk::Caution,
            once_bad: Risk::Caution,
            old: Risk::Caution,
            old_after: Duration::from_secs(30 * 86_400),
        }
    }
}

impl RiskRules {
    /// The class of a plan on a platform whose ordinary rollback is `class`.
    pub fn weigh(&self, class: Risk, cautions: &[Caution]) -> Risk {
        let ordinary = self.ordinary.unwrap_or(class);
        cautions
            .iter()
            .map(|caution| match caution {
                Caution::NeverServed => self.never_served,
                Caution::LiveUnknown => self.live_unknown,
                Caution::Old { .. } => self.old,
                Caution::OnceBad { .. } | Caution::MarkedBad { .. } => self.once_bad,
                Caution::Platform { class, .. } | Caution::Marked { class } => *class,
                Caution::Migrations { .. } | Caution::MigrationsUnknown { .. } => Risk::Caution,
            })
            .fold(ordinary, Risk::max)
    }
}
