//! Agents: programs that may propose, each with a person who is responsible for it.

use super::values::member;
use rollback_settings::Section;
use std::collections::BTreeMap;

/// A program that may propose rollbacks, and approve none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// The Slack id of the person who is responsible for it.
    pub responsible: String,
}

/// Every agent of the file, by its name.
pub(super) fn agents(section: &Section<'_>) -> Option<BTreeMap<String, Agent>> {
    let mut agents = Vec::new();
    for name in section.keys() {
        section.check_name(name);
        agents.push(section.section(name).and_then(|section| {
            if section.get("responsible").is_none() {
                section.mistake(
                    "responsible",
                    "is missing: an agent proposes only while a person is responsible for it; \
                     write the member id of that person, responsible = \"U0123ABCD\"",
                );
            }
            let responsible = section.optional("responsible", member);
            section.done();
            Some((
                name.to_owned(),
                Agent {
                    responsible: responsible?,
                },
            ))
        }));
    }
    agents.into_iter().collect()
}
