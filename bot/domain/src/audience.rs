//! Who sees what is done without an approval: silence says something, and an emergency run is
//! reviewed, only where others could have seen it.

use crate::{authority::Case, people::Person};

/// Who is in the channels in which something is told, read for this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The people in them, by Slack id.
    Members(Vec<String>),
    /// They could not be read; why.
    Unreadable(String),
}

impl Audience {
    /// Why too few others see what `actor` does, as a clause; `None`: as many others as would have
    /// to approve it, of those who could.
    pub fn lacks(&self, case: &Case<'_>, actor: &Person) -> Option<String> {
        let members = match self {
            Audience::Members(members) => members,
            Audience::Unreadable(why) => {
                return Some(format!("who is in the channel could not be read ({why})"));
            }
        };
        let mut others: Vec<&str> = vec![];
        for role in case.rule.eligible() {
            for id in case.roster.members(role) {
                let sees = id != actor.id && members.iter().any(|member| member == id);
                if sees && !others.contains(&id) {
                    others.push(id);
                }
            }
        }
        let wanted = case.rule.approvals.max(1);
        (others.len() < wanted).then(|| match wanted {
            1 => "nobody else who could approve it is in the channel".to_owned(),
            wanted => {
                format!("fewer than {wanted} others who could approve it are in the channel")
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        authority::{Found, Roster, Source},
        policy::Preset,
        risk::Risk,
    };
    use std::collections::BTreeMap;

    #[test]
    fn as_many_others_as_would_have_to_approve_it_have_to_be_there() {
        let roles = ["oncall".to_owned()];
        let rules = Preset::Strict.rules(&roles);
        let people = Found::People {
            ids: vec!["U0SAM".into(), "U0ANA".into(), "U0KIM".into()],
            unmatched: vec![],
            read_at: None,
        };
        let members = [("oncall".to_owned(), vec![(Source::Listed, people)])];
        let roster = Roster(BTreeMap::from(members));
        let sam = Person::new("U0SAM", "sam");
        let lacks = |risk: Risk, there: &[&str]| {
            let case = Case {
                rollback: None,
                risk,
                rule: rules.of(risk),
                requester: None,
                approvals: &[],
                roster: &roster,
            };
            let there = there.iter().map(|id| (*id).to_owned()).collect();
            Audience::Members(there).lacks(&case, &sam).is_some()
        };
        assert!(lacks(Risk::Code, &[]));
        assert!(lacks(Risk::Code, &["U0SAM", "U0TOM"]));
        assert!(!lacks(Risk::Code, &["U0SAM", "U0ANA"]));
        assert!(lacks(Risk::Caution, &["U0ANA"]));
        assert!(!lacks(Risk::Caution, &["U0ANA", "U0KIM"]));
    }
}
