//! What people can click: buttons and menu entries, as they are written on a message and read back
//! from a click.
//!
//! A message keeps its buttons for as long as its channel lives. So what was once written has to be
//! read for ever: an action may get a new name here, never another id or value in Slack.

use super::{
    Words,
    blocks::{self, actions, fit_text, section},
};
use jiff::Timestamp;
use rollback_domain::{
    grammar::{self, Request, ReviewAnswer, ServiceRef, Target, verbs::Propose},
    identity::{IncidentId, RollbackId},
    job::{Form, PostButton},
    plan::PlanHash,
    rollback::Rollback,
};
use serde::{Deserialize, Serialize};
use slack_morphism::prelude::{
    SlackActionBlockElement, SlackActionsBlock, SlackBlock, SlackBlockButtonElement,
    SlackBlockChoiceItem, SlackBlockOverflowElement, SlackBlockPlainTextOnly,
};
use std::fmt;

/// The id of the menu of a card. Its entries are told apart by their values.
const MENU: &str = "more";
/// What the ids of the buttons that choose an environment begin with.
const PICK: &str = "pick:";
/// What the ids of the buttons that answer a review begin with.
const REVIEW: &str = "review:";
/// What the ids of the buttons begin with that tick an item of a checklist.
const TICK: &str = "tick:";
/// The id of the button below the news that an incident is resolved.
const POST_MORTEM_OF: &str = "postmortem_of";
/// The id of the button below the reminder of a pin.
const SNOOZE_PIN: &str = "snooze_pin";
/// The most characters that Slack lets the value of a button have.
const VALUE_AT_MOST: usize = 2000;

/// What a click on a button or a menu entry means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Approves the plan.
    Approve(PlanRef),
    /// Stops the rollback.
    Stop(PlanRef),
    /// Takes the clicker's own approval back.
    Withdraw(PlanRef),
    /// Proposes to go forward again to what the rollback left.
    Undo(PlanRef),
    /// Writes the draft of the post-mortem of the rollback's incident.
    PostMortem(PlanRef),
    /// Writes the draft of the post-mortem of an incident.
    PostMortemOf(IncidentId),
    /// Puts the reminder of the pin of a service off.
    SnoozePin(ServiceRef),
    /// Ticks an item of the checklist of a rollback.
    Tick {
        /// The number of the rollback.
        rollback: RollbackId,
        /// The number of the item, from 1.
        item: usize,
    },
    /// Opens a form about the rollback.
    Open(Form, PlanRef),
    /// Opens the form that asks what the decision matrix wants to know.
    Assess(PlanRef),
    /// Shows who can approve the rollback.
    Who(PlanRef),
    /// Shows whether the clicker may approve the rollback.
    Why(PlanRef),
    /// Publishes the update with this number.
    PublishUpdate(i64),
    /// Opens the form in which the update with this number is edited, or corrected.
    EditUpdate(i64),
    /// Proposes a rollback in the one environment that was chosen.
    Propose(Propose),
}

/// The rollback of a message, and the plan that the message shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanRef {
    /// The number of the rollback.
    pub rollback: RollbackId,
    /// The hash of the plan; empty where the rollback had none, which fits no plan.
    pub hash: PlanHash,
}

/// A click on a button of ours with a value that no button of ours has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForgedValue;

impl PlanRef {
    /// The plan of `rollback` as it stands.
    pub fn of(rollback: &Rollback) -> Self {
        PlanRef {
            rollback: rollback.id,
            hash: rollback.hash.clone().unwrap_or(PlanHash(String::new())),
        }
    }

    fn decode(value: &str) -> Result<Self, ForgedValue> {
        let (id, hash) = value.split_once(':').ok_or(ForgedValue)?;
        let rollback = id.parse().map_err(|_| ForgedValue)?;
        let hash = PlanHash(hash.to_owned());
        Ok(PlanRef { rollback, hash })
    }
}

impl fmt::Display for PlanRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.rollback, self.hash.0)
    }
}

/// A proposal, as the button of an environment carries it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Choice {
    service: String,
    environment: Option<String>,
    target: Target,
    because: Option<String>,
}

impl Choice {
    fn encode(proposal: &Propose) -> String {
        let choice = Choice {
            service: proposal.service.service.clone(),
            environment: proposal.service.environment.clone(),
            target: proposal.target.clone(),
            because: proposal.because.clone(),
        };
        serde_json::to_string(&choice).unwrap_or_default()
    }

    fn decode(value: &str) -> Result<Propose, ForgedValue> {
        if let Ok(choice) = serde_json::from_str::<Choice>(value) {
            return Ok(Propose {
                service: ServiceRef {
                    service: choice.service,
                    environment: choice.environment,
                },
                target: choice.target,
                because: choice.because,
            });
        }
        // Older messages carry the text of the proposal.
        match grammar::parse(value) {
            Ok(Request::Propose(proposal)) => Ok(proposal),
            Ok(_) | Err(_) => Err(ForgedValue),
        }
    }
}

/// Whether a button can carry a proposal with its whole reason.
pub fn fits_a_button(proposal: &Propose) -> bool {
    Choice::encode(proposal).chars().count() <= VALUE_AT_MOST
}

impl Action {
    /// The id and the value that Slack sends back with a click.
    pub fn encode(&self) -> (String, String) {
        let button = |id: &str, plan: &PlanRef| (id.to_owned(), plan.to_string());
        let entry = |name: &str, plan: &PlanRef| (MENU.to_owned(), format!("{name}:{plan}"));
        match self {
            Action::Approve(plan) => button("approve", plan),
            Action::Tick { rollback, item } => (format!("{TICK}{item}"), rollback.to_string()),
            Action::Stop(plan) => entry("cancel", plan),
            Action::Undo(plan) => button("undo", plan),
            Action::PostMortem(plan) => button("postmortem", plan),
            Action::Assess(plan) => button("assess", plan),
            Action::PostMortemOf(incident) => (POST_MORTEM_OF.to_owned(), incident.to_string()),
            Action::SnoozePin(service) => (SNOOZE_PIN.to_owned(), service.to_string()),
            Action::Open(Form::Approve, plan) => button("approve_form", plan),
            Action::Open(Form::Deny, plan) => button("deny_form", plan),
            Action::Open(Form::Target, plan) => button("retarget", plan),
            Action::Open(Form::Review(answer), plan) => {
                button(&format!("{REVIEW}{}", answer.name()), plan)
            }
            Action::Open(Form::Object, plan) => entry("object", plan),
            Action::Open(Form::BreakGlass, plan) => entry("glass", plan),
            Action::Withdraw(plan) => entry("withdraw", plan),
            Action::Who(plan) => entry("who", plan),
            Action::Why(plan) => entry("why", plan),
            Action::PublishUpdate(number) => ("update_publish".to_owned(), number.to_string()),
            Action::EditUpdate(number) => ("update_edit".to_owned(), number.to_string()),
            Action::Propose(proposal) => {
                // Buttons of one message have different ids.
                let id = format!("{PICK}{}", proposal.service);
                (id, Choice::encode(proposal))
            }
        }
    }

    /// Reads what a click carries; `None` if no button or menu of ours has the id.
    pub fn decode(id: &str, value: &str) -> Option<Result<Action, ForgedValue>> {
        let plan = || PlanRef::decode(value);
        Some(match id {
            "approve" => plan().map(Action::Approve),
            "cancel" => plan().map(Action::Stop),
            "undo" => plan().map(Action::Undo),
            "postmortem" => plan().map(Action::PostMortem),
            "assess" => plan().map(Action::Assess),
            POST_MORTEM_OF => value
                .parse()
                .map(Action::PostMortemOf)
                .map_err(|_| ForgedValue),
            SNOOZE_PIN => value
                .parse()
                .map(Action::SnoozePin)
                .map_err(|_| ForgedValue),
            "approve_form" => plan().map(|plan| Action::Open(Form::Approve, plan)),
            "deny_form" => plan().map(|plan| Action::Open(Form::Deny, plan)),
            "retarget" => plan().map(|plan| Action::Open(Form::Target, plan)),
            "update_publish" => number(value).map(Action::PublishUpdate),
            "update_edit" => number(value).map(Action::EditUpdate),
            MENU => Action::decode_entry(value),
            id if id.starts_with(TICK) => {
                let item = id.strip_prefix(TICK)?.parse().ok()?;
                let rollback = value.parse().map_err(|_| ForgedValue);
                rollback.map(|rollback| Action::Tick { rollback, item })
            }
            id if id.starts_with(PICK) => Choice::decode(value).map(Action::Propose),
            id => {
                let answer = ReviewAnswer::named(id.strip_prefix(REVIEW)?)?;
                plan().map(|plan| Action::Open(Form::Review(answer), plan))
            }
        })
    }

    fn decode_entry(value: &str) -> Result<Action, ForgedValue> {
        let (name, plan) = value.split_once(':').ok_or(ForgedValue)?;
        let plan = PlanRef::decode(plan)?;
        match name {
            "cancel" => Ok(Action::Stop(plan)),
            "object" => Ok(Action::Open(Form::Object, plan)),
            "glass" => Ok(Action::Open(Form::BreakGlass, plan)),
            "withdraw" => Ok(Action::Withdraw(plan)),
            "who" => Ok(Action::Who(plan)),
            "why" => Ok(Action::Why(plan)),
            _ => Err(ForgedValue),
        }
    }

    /// The rollback and the plan that it is about; `None`: it is about no rollback yet.
    pub fn plan(&self) -> Option<&PlanRef> {
        match self {
            Action::Approve(plan)
            | Action::Stop(plan)
            | Action::Withdraw(plan)
            | Action::Undo(plan)
            | Action::PostMortem(plan)
            | Action::Assess(plan)
            | Action::Open(_, plan)
            | Action::Who(plan)
            | Action::Why(plan) => Some(plan),
            Action::PublishUpdate(_)
            | Action::EditUpdate(_)
            | Action::PostMortemOf(_)
            | Action::SnoozePin(_)
            | Action::Tick { .. }
            | Action::Propose(_) => None,
        }
    }

    /// A button that does it.
    pub fn button(&self, label: &str) -> SlackBlockButtonElement {
        let (id, value) = self.encode();
        blocks::button(&id, label, &value)
    }

    /// An entry of the menu that does it.
    fn entry(&self, label: &str) -> SlackBlockChoiceItem<SlackBlockPlainTextOnly> {
        let (_, value) = self.encode();
        SlackBlockChoiceItem::new(blocks::plain(label, 75), value)
    }

    /// The name in metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Action::Approve(_) => "approve",
            Action::Stop(_) => "cancel",
            Action::Undo(_) => "undo",
            Action::PostMortem(_) | Action::PostMortemOf(_) => "postmortem",
            Action::Open(Form::Approve | Form::Deny | Form::Target | Form::Review(_), _) => "open",
            Action::Open(Form::Object | Form::BreakGlass, _)
            | Action::Withdraw(_)
            | Action::Who(_)
            | Action::Why(_) => "more",
            Action::PublishUpdate(_) => "publish",
            Action::EditUpdate(_) | Action::Assess(_) => "open",
            Action::Tick { .. } => "tick",
            Action::SnoozePin(_) => "snooze",
            Action::Propose(_) => "propose",
        }
    }
}

/// The number that a button of an update carries.
fn number(value: &str) -> Result<i64, ForgedValue> {
    let is_plain = value.bytes().all(|byte| byte.is_ascii_digit());
    let number = value.parse().map_err(|_| ForgedValue)?;
    match is_plain && number > 0 {
        true => Ok(number),
        false => Err(ForgedValue),
    }
}

/// A row of buttons, and the menu of a card with what else is possible.
pub fn row_with_menu(
    block_id: &str,
    buttons: Vec<SlackBlockButtonElement>,
    entries: &[(&str, Action)],
) -> SlackBlock {
    let options = entries
        .iter()
        .map(|(label, action)| action.entry(label))
        .collect();
    let menu = SlackBlockOverflowElement::new(options).with_action_id(MENU.into());
    SlackActionsBlock::new(
        buttons
            .into_iter()
            .map(SlackActionBlockElement::Button)
            .chain([SlackActionBlockElement::Overflow(menu)])
            .collect(),
    )
    .with_block_id(block_id.into())
    .into()
}

/// A sentence, mrkdwn, with a button below.
pub fn with_button(text: &str, button: &PostButton) -> Words {
    let (block, button) = match button {
        PostButton::PostMortem(incident) => {
            let button = Action::PostMortemOf(*incident).button("Post-mortem");
            (format!("{incident}:resolved"), button)
        }
        PostButton::Propose(service) => {
            let propose = Action::Propose(Propose {
                service: ServiceRef {
                    service: service.name.clone(),
                    environment: Some(service.environment.clone()),
                },
                target: Target::Previous,
                because: None,
            });
            let block = format!("propose:{}", service.typed());
            (block, propose.button("Propose rollback"))
        }
        PostButton::SnoozePin(service) => {
            let named = ServiceRef {
                service: service.name.clone(),
                environment: Some(service.environment.clone()),
            };
            let button = Action::SnoozePin(named).button("Snooze for 2 days");
            (format!("pin:{}", service.typed()), button)
        }
    };
    Words {
        text: fit_text(text),
        blocks: vec![section(text), actions(&block, vec![button])],
    }
}

/// The moment of one of Slack's timestamps: `1773457920.000123`.
pub fn moment_of(ts: &str) -> Option<Timestamp> {
    let (seconds, micros) = ts.split_once('.').unwrap_or((ts, "0"));
    let micros: i64 = format!("{micros:0<6}").get(..6)?.parse().ok()?;
    let seconds = seconds.parse::<i64>().ok()?.checked_mul(1_000_000)?;
    Timestamp::from_microsecond(seconds.checked_add(micros)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollback_domain::grammar::Moment;

    fn plan() -> PlanRef {
        PlanRef {
            rollback: RollbackId::new(41),
            hash: PlanHash("625a54a830158587".into()),
        }
    }

    fn proposal(because: Option<&str>) -> Action {
        Action::Propose(Propose {
            service: ServiceRef {
                service: "frontend".into(),
                environment: Some("staging".into()),
            },
            target: Target::At(Moment::Ago { seconds: 2700 }),
            because: because.map(str::to_owned),
        })
    }

    /// Every action with the id and the value by which posted messages know it.
    fn posted() -> Vec<(Action, &'static str, &'static str)> {
        let plan_value = "RB-41:625a54a830158587";
        let review = |answer| Action::Open(Form::Review(answer), plan());
        vec![
            (Action::Approve(plan()), "approve", plan_value),
            (
                Action::Open(Form::Approve, plan()),
                "approve_form",
                plan_value,
            ),
            (Action::Open(Form::Target, plan()), "retarget", plan_value),
            (
                Action::Stop(plan()),
                "more",
                "cancel:RB-41:625a54a830158587",
            ),
            (Action::Undo(plan()), "undo", plan_value),
            (Action::PostMortem(plan()), "postmortem", plan_value),
            (Action::Assess(plan()), "assess", plan_value),
            (
                Action::Tick {
                    rollback: RollbackId::new(41),
                    item: 3,
                },
                "tick:3",
                "RB-41",
            ),
            (
                Action::PostMortemOf(IncidentId::new(12)),
                "postmortem_of",
                "INC-12",
            ),
            (
                Action::SnoozePin(ServiceRef {
                    service: "frontend".into(),
                    environment: Some("production".into()),
                }),
                "snooze_pin",
                "frontend@production",
            ),
            (
                review(ReviewAnswer::Justified),
                "review:justified",
                plan_value,
            ),
            (
                review(ReviewAnswer::ShouldHaveWaited),
                "review:should-have-waited",
                plan_value,
            ),
            (
                review(ReviewAnswer::PolicyTooStrict),
                "review:policy-too-strict",
                plan_value,
            ),
            (
                Action::Open(Form::Object, plan()),
                "more",
                "object:RB-41:625a54a830158587",
            ),
            (
                Action::Open(Form::BreakGlass, plan()),
                "more",
                "glass:RB-41:625a54a830158587",
            ),
            (
                Action::Withdraw(plan()),
                "more",
                "withdraw:RB-41:625a54a830158587",
            ),
            (Action::Who(plan()), "more", "who:RB-41:625a54a830158587"),
            (Action::Why(plan()), "more", "why:RB-41:625a54a830158587"),
            (Action::PublishUpdate(7), "update_publish", "7"),
            (Action::EditUpdate(7), "update_edit", "7"),
            (
                proposal(Some("it says \"500\"")),
                "pick:frontend@staging",
                r#"{"service":"frontend","environment":"staging","target":{"at":{"ago":{"seconds":2700}}},"because":"it says \"500\""}"#,
            ),
        ]
    }

    #[test]
    fn what_is_posted_is_read_back() {
        for (action, id, value) in posted() {
            assert_eq!(action.encode(), (id.to_owned(), value.to_owned()));
            assert_eq!(Action::decode(id, value), Some(Ok(action)), "{id} {value}");
        }
    }

    #[test]
    fn older_messages_are_still_read() {
        let value = "frontend@staging to @-45m because it says \"500\"";
        let action = proposal(Some("it says \"500\""));
        assert_eq!(Action::decode("pick:staging", value), Some(Ok(action)));
        // A rollback without a plan: it fits no plan, and never whatever plan is open.
        let none = PlanRef {
            hash: PlanHash(String::new()),
            ..plan()
        };
        let stop = Action::Stop(none);
        assert_eq!(Action::decode("cancel", "RB-41:"), Some(Ok(stop)));
    }

    #[test]
    fn values_that_no_button_of_ours_has_are_forged() {
        for (id, value) in [
            ("approve", ""),
            ("approve", "RB-41"),
            ("approve", "41:625a"),
            ("approve", "RB-x:625a"),
            ("approve", "RB-+41:625a"),
            ("approve", "RB-99999999999999999999:625a"),
            ("approve", "object:RB-41:625a"),
            ("review:justified", "RB-:625a"),
            ("more", "RB-41:625a"),
            ("more", "approve:RB-41:625a"),
            ("more", "object:RB-41"),
            ("update_publish", ""),
            ("update_publish", "+7"),
            ("update_edit", "0"),
            ("postmortem_of", "RB-41"),
            ("snooze_pin", ""),
            ("snooze_pin", "front end"),
            ("tick:3", "INC-1"),
            ("pick:staging", ""),
            ("pick:staging", "approve RB-41"),
            ("pick:staging", r#"{"service":"frontend"}"#),
        ] {
            assert_eq!(
                Action::decode(id, value),
                Some(Err(ForgedValue)),
                "{id} {value}"
            );
        }
        for id in ["", "go", "review", "review:meh", "pick"] {
            assert_eq!(Action::decode(id, "RB-41:625a"), None, "{id}");
        }
    }

    #[test]
    fn a_reason_is_carried_whole_or_not_at_all() {
        let of = |length: usize| match proposal(Some(&"\"".repeat(length))) {
            Action::Propose(proposal) => proposal,
            other => panic!("{other:?}"),
        };
        // Each quote takes two characters in JSON.
        assert!(fits_a_button(&of(900)));
        assert!(!fits_a_button(&of(1_000)));
        let (id, value) = Action::Propose(of(900)).encode();
        assert_eq!(
            Action::decode(&id, &value),
            Some(Ok(Action::Propose(of(900))))
        );
    }
}
