//! What an agent may do: it proposes, and people approve.
//!
//! An agent acts with a token of its own, and a person is responsible for it. It is never counted as
//! a person, and that person counts as the requester of what it proposes.

use crate::{grammar::Verb, people::Person, refusal::Refusal};

impl Verb {
    /// Whether an agent may do it.
    pub fn is_open_to_agents(self) -> bool {
        match self {
            Verb::Propose | Verb::Plan | Verb::Status | Verb::Timeline | Verb::Note => true,
            Verb::Board
            | Verb::Ready
            | Verb::Pins
            | Verb::Contacts
            | Verb::CatchUp
            | Verb::Who
            | Verb::Why
            | Verb::List
            | Verb::Assess
            | Verb::Export
            | Verb::PostMortem
            | Verb::DraftUpdate
            | Verb::Approve
            | Verb::Withdraw
            | Verb::Object
            | Verb::Deny
            | Verb::Stop
            | Verb::Undo
            | Verb::BreakGlass
            | Verb::Review
            | Verb::Resolve
            | Verb::SignOff
            | Verb::Freeze
            | Verb::Unfreeze
            | Verb::MarkBad
            | Verb::MarkGood
            | Verb::Unpin
            | Verb::ManageIncident
            | Verb::Action
            | Verb::Checklist
            | Verb::RecordReview
            | Verb::Doctor
            | Verb::Drill
            | Verb::Help => false,
        }
    }
}

impl Person {
    /// Refuses an agent what only people may do.
    pub fn refuse_agent(&self) -> Result<(), Refusal> {
        match &self.agent {
            Some(agent) => Err(Refusal::AgentMayNot {
                agent: agent.to_string(),
                responsible: self.id.clone(),
            }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_proposes_and_reads_and_decides_nothing() {
        let open: Vec<&str> = Verb::ALL
            .iter()
            .filter(|verb| verb.is_open_to_agents())
            .map(|verb| verb.name())
            .collect();
        assert_eq!(open, ["propose", "plan", "status", "note", "timeline"]);
    }

    #[test]
    fn an_agent_is_refused_with_the_person_to_ask() {
        let sam = Person::new("U0SAM", "sam");
        assert_eq!(sam.refuse_agent(), Ok(()));
        let refused = sam.responsible_for("deploy-watch").refuse_agent();
        assert_eq!(
            refused.map_err(|refusal| refusal.to_string()),
            Err(
                "Agents propose and people approve: the agent deploy-watch may propose, plan, note, and read the status and the timeline, and nothing else. Nothing was run. Ask @U0SAM, who is responsible for it."
                    .into()
            )
        );
    }
}
