//! What a service asks for before production is changed, as configured at this moment.

use crate::{
    checklist::ItemRule,
    proof::StageRule,
    risk::{Risk, RiskRules},
};
use std::{fmt, sync::Arc, time::Duration};

/// How an approver shows that they have seen what they approve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confirm {
    /// By answering Slack's own question.
    Click,
    /// By ticking each named caution.
    Tick,
    /// By typing the exact target.
    Type,
}

impl fmt::Display for Confirm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Confirm::Click => "click",
            Confirm::Tick => "tick",
            Confirm::Type => "type",
        })
    }
}

/// What a plan of one class needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// How many people have to say yes.
    pub approvals: usize,
    /// The roles that may say yes.
    pub roles: Vec<String>,
    /// At least one yes has to come from one of these; empty: any of [`Rule::roles`] will do.
    pub one_of: Vec<String>,
    /// Whether the requester may be among them.
    pub requester_counts: bool,
    /// Whether somebody without authority may run it in an emergency.
    pub break_glass: bool,
    /// What an approver does besides clicking.
    pub confirm: Confirm,
}

impl Rule {
    /// Every role whose members may say yes, each once.
    pub fn eligible(&self) -> Vec<&str> {
        let mut roles: Vec<&str> = vec![];
        for role in self.roles.iter().chain(&self.one_of) {
            if !roles.contains(&role.as_str()) {
                roles.push(role);
            }
        }
        roles
    }

    /// The strictest of several rules: who meets it meets each of them. Its roles are empty if no
    /// role counts for all.
    fn strictest(rules: &[&Rule]) -> Rule {
        let Some((first, others)) = rules.split_first() else {
            return Rule {
                approvals: 1,
                roles: vec![],
                one_of: vec![],
                requester_counts: false,
                break_glass: false,
                confirm: Confirm::Type,
            };
        };
        let counts = |role: &str| rules.iter().all(|rule| rule.eligible().contains(&role));
        let counting = |roles: Vec<&str>| -> Vec<String> {
            let roles = roles.into_iter().filter(|role| counts(role));
            roles.map(str::to_owned).collect()
        };
        // One approval has to come from the narrower roles of every rule that has them.
        let mut narrower = rules.iter().filter(|rule| !rule.one_of.is_empty());
        let one_of = narrower.next().map(|rule| {
            let in_all = |role: &&String| {
                let mut rest = narrower.clone();
                rest.all(|rule| rule.one_of.contains(role))
            };
            let one_of = rule.one_of.iter().filter(in_all).map(String::as_str);
            counting(one_of.collect())
        });
        let mut roles = match &one_of {
            // Nobody could give that one.
            Some(one_of) if one_of.is_empty() => vec![],
            Some(_) | None => counting(first.eligible()),
        };
        let one_of = one_of.unwrap_or_default();
        roles.retain(|role| first.roles.contains(role) || !one_of.contains(role));
        others.iter().fold(
            Rule {
                roles,
                one_of,
                ..(*first).clone()
            },
            |rule, other| Rule {
                approvals: rule.approvals.max(other.approvals),
                requester_counts: rule.requester_counts && other.requester_counts,
                break_glass: rule.break_glass && other.break_glass,
                confirm: rule.confirm.max(other.confirm),
                ..rule
            },
        )
    }
}

/// The rule of each class.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the rule of the class of its name")]
pub struct Rules {
    pub toggle: Rule,
    pub code: Rule,
    pub caution: Rule,
    pub data: Rule,
}

impl Rules {
    /// The strictest rules of several services, for what is done to all of them at once.
    pub fn strictest(services: &[&Rules]) -> Rules {
        let of = |risk: Risk| {
            let rules: Vec<&Rule> = services.iter().map(|rules| rules.of(risk)).collect();
            Rule::strictest(&rules)
        };
        Rules {
            toggle: of(Risk::Toggle),
            code: of(Risk::Code),
            caution: of(Risk::Caution),
            data: of(Risk::Data),
        }
    }

    /// The rule of a class.
    pub fn of(&self, risk: Risk) -> &Rule {
        match risk {
            Risk::Toggle => &self.toggle,
            Risk::Code => &self.code,
            Risk::Caution => &self.caution,
            Risk::Data => &self.data,
        }
    }

    /// The rule of a class, to be changed.
    pub fn of_mut(&mut self, risk: Risk) -> &mut Rule {
        match risk {
            Risk::Toggle => &mut self.toggle,
            Risk::Code => &mut self.code,
            Risk::Caution => &mut self.caution,
            Risk::Data => &mut self.data,
        }
    }
}

/// Rules to begin with. A preset is only defaults: every one of them can be written otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// One owner who asks and approves.
    Solo,
    /// Somebody else says yes to code; two people to data.
    #[default]
    SmallTeam,
    /// Nobody approves what they asked for; two people for everything unusual.
    Strict,
}

/// The role that one of the approvals of a `data` plan has to come from, unless written otherwise.
pub const DATA_OWNER: &str = "data_owner";

impl Preset {
    /// Every preset, the least strict first.
    pub const ALL: [Preset; 3] = [Preset::Solo, Preset::SmallTeam, Preset::Strict];

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Preset::Solo => "solo",
            Preset::SmallTeam => "small-team",
            Preset::Strict => "strict",
        }
    }

    /// Its rules for a service whose approvers are `roles`.
    pub fn rules(self, roles: &[String]) -> Rules {
        let rule = |approvals, requester_counts, break_glass, confirm| Rule {
            approvals,
            roles: roles.to_vec(),
            one_of: vec![],
            requester_counts,
            break_glass,
            confirm,
        };
        let owned = |rule: Rule| Rule {
            one_of: vec![DATA_OWNER.to_owned()],
            ..rule
        };
        use Confirm::{Click, Tick, Type};
        match self {
            Preset::Solo => Rules {
                toggle: rule(1, true, true, Click),
                code: rule(1, true, true, Click),
                caution: rule(1, true, true, Tick),
                data: rule(1, true, false, Type),
            },
            Preset::SmallTeam => Rules {
                toggle: rule(1, true, true, Click),
                code: rule(1, false, true, Click),
                caution: rule(1, false, true, Tick),
                data: owned(rule(2, true, false, Type)),
            },
            Preset::Strict => Rules {
                toggle: rule(1, false, true, Click),
                code: rule(1, false, true, Click),
                caution: rule(2, false, false, Tick),
                data: owned(rule(2, false, false, Type)),
            },
        }
    }
}

/// A step of the escalation, which runs while nobody answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EscalationStep {
    /// How long after the card was posted.
    pub after: Duration,
    /// The roles whose members are mentioned.
    pub roles: Vec<String>,
    /// The Slack ids of the people who are mentioned.
    pub people: Vec<String>,
    /// Whether PagerDuty is told.
    pub page: bool,
}

/// Where what goes on without an approval is told, besides the channel of the rollback.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announce {
    /// The channels, by id, for a plan of any class.
    pub every: Vec<String>,
    /// The channels for plans of one class, in the order of [`Risk::ALL`].
    pub classes: [Vec<String>; 4],
}

impl Announce {
    /// The channels for a plan of a class, each once.
    pub fn of(&self, risk: Risk) -> Vec<&str> {
        let mut channels: Vec<&str> = vec![];
        for channel in self.every.iter().chain(&self.classes[risk as usize]) {
            if !channels.contains(&channel.as_str()) {
                channels.push(channel);
            }
        }
        channels
    }
}

/// What a service asks for, from the configuration of this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What each class of plan needs.
    pub rules: Rules,
    /// Which class a plan gets.
    pub risks: RiskRules,
    /// How long an authority's own rollback of class `toggle` or `code` waits for objections
    /// before it starts by itself; `None`: it never does.
    pub objection_window: Option<Duration>,
    /// When those who may approve are reminded in the card's thread, after it was posted.
    pub remind: Vec<Duration>,
    /// Who is asked next when they do not answer, earliest first.
    pub escalate: Vec<EscalationStep>,
    /// Whether an emergency run pages somebody.
    pub page_on_break_glass: bool,
    /// How long after it the review of an emergency run is due.
    pub review_within: Duration,
    /// How long a plan may be approved.
    pub plan_ttl: Duration,
    /// How fast the service should serve the target again after the command.
    pub target_time: Option<Duration>,
    /// How many rounds in a row must pass before the release is proven.
    pub passes: u32,
    /// How long after serving the proof may take.
    pub prove_within: Duration,
    /// How long it is watched after the proof.
    pub watch: Duration,
    /// How long after a look that passed the next one is.
    pub pass_every: Duration,
    /// How often the platform and the outside are looked at, once they are waited for longer.
    pub check_every: Duration,
    /// Whether the outside tells which version answered.
    pub fingerprint: bool,
    /// Where what goes on without an approval is told.
    pub announce: Announce,
    /// The channels, by id, in which the service can be proposed; empty: any.
    pub channels: Vec<String>,
    /// What is looked at before, during and after a rollback; empty: nothing.
    pub checklist: Arc<[ItemRule]>,
    /// When a rollback is looked at again after it was verified, the earliest first; empty: never.
    pub stages: Arc<[StageRule]>,
}

impl Policy {
    /// How long a proposal waits for its approvals altogether: one plan, or as long as there is
    /// still an escalation step to run, and one more plan after it.
    pub fn waits(&self) -> Duration {
        match self.escalate.last() {
            Some(step) => step.after + self.plan_ttl,
            None => self.plan_ttl,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(preset: Preset, roles: &[&str]) -> Rules {
        let roles: Vec<String> = roles.iter().map(ToString::to_string).collect();
        preset.rules(&roles)
    }

    #[test]
    fn who_meets_the_strictest_rules_meets_each_of_them() {
        let small = rules(Preset::SmallTeam, &["oncall", "lead"]);
        let strict = rules(Preset::Strict, &["dba", "lead"]);
        let both = Rules::strictest(&[&small, &strict]);
        assert_eq!(both.code.roles, ["lead"]);
        assert_eq!(both.caution.approvals, 2);
        assert!(!both.caution.break_glass && both.code.break_glass);
        assert!(!both.toggle.requester_counts);
        assert_eq!(both.data.one_of, [DATA_OWNER]);
        assert_eq!(Rules::strictest(&[&small]), small);
    }

    #[test]
    fn where_no_role_counts_for_all_nobody_meets_them() {
        let frontend = rules(Preset::Solo, &["oncall"]);
        let database = rules(Preset::Solo, &["dba"]);
        let both = Rules::strictest(&[&frontend, &database]);
        assert!(both.code.eligible().is_empty());
        let mut owned = rules(Preset::Solo, &["oncall"]);
        owned.code.one_of = vec!["dba".into()];
        let one = Rules::strictest(&[&frontend, &owned]);
        assert!(one.code.eligible().is_empty(), "no dba counts for both");
    }
}
