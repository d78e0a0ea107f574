//! `[[…stage]]`: when a rollback is looked at again after it was verified, and at what.

use super::MINUTE;
use crate::proofs::{self, Check};
use rollback_domain::proof::{StageRule, StageTold};
use rollback_settings::{Repeats, Section, Value, choice, did_you_mean, duration, spell, text};
use std::{collections::BTreeSet, time::Duration};

/// How many stages a service can have.
const STAGES_AT_MOST: usize = 10;
/// The longest time after which it is looked at again.
const AFTER_AT_MOST: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long what people are told besides can be.
const NOTE_AT_MOST: usize = 200;
/// What `stages = "runbook"` stands for: when it is looked at, and where it is told.
const RUNBOOK: [(Duration, StageTold); 4] = [
    (Duration::from_secs(5 * 60), StageTold::Card),
    (Duration::from_secs(30 * 60), StageTold::Thread),
    (Duration::from_secs(2 * 60 * 60), StageTold::Thread),
    (Duration::from_secs(24 * 60 * 60), StageTold::Channel),
];

/// A later look at a rollback that was verified.
#[derive(Clone, Debug)]
pub struct Stage {
    /// When it is, and what is told.
    pub rule: StageRule,
    /// What must hold then.
    pub checks: Vec<Check>,
}

/// Reads `stages` and every section `[[…stage]]` of a service that is verified by these checks.
pub(super) fn stages(
    section: &Section<'_>,
    verify: &[Check],
    has_fingerprint: bool,
) -> Option<Vec<Stage>> {
    let preset = section.optional("stages", |value| choice(value, &[("runbook", ())]));
    let sections = section.sections("stage")?;
    if section.get("stages").is_some() && !sections.is_empty() {
        section.mistake("stages", "is there, and stage is too; keep one of them");
    }
    let mut names: BTreeSet<String> = verify.iter().map(|check| check.name.clone()).collect();
    let mut read: Vec<Option<Stage>> = vec![];
    for stage in &sections {
        read.push(self::stage(stage, verify, &mut names));
        stage.done();
    }
    let mut stages: Vec<Stage> = read.into_iter().collect::<Option<_>>()?;
    if preset.is_some() {
        stages.extend(RUNBOOK.map(|(after, tell)| Stage {
            rule: StageRule {
                after,
                tell,
                note: None,
            },
            checks: verify.to_vec(),
        }));
    }
    check_order(section, &sections, &stages);
    let is_blind = |stage: &Stage| stage.checks.is_empty() && !has_fingerprint;
    if stages.iter().any(is_blind) {
        let key = match preset {
            Some(()) => "stages",
            None => "stage",
        };
        section.mistake(
            key,
            "has nothing to look at; add a section verify or a fingerprint",
        );
    }
    Some(stages)
}

/// The stages come in the order in which they are looked at, each once, and not too many.
fn check_order(section: &Section<'_>, sections: &[Section<'_>], stages: &[Stage]) {
    if stages.len() > STAGES_AT_MOST {
        let problem = format!("has {}; keep at most {STAGES_AT_MOST}", stages.len());
        section.mistake("stage", problem);
    }
    for (pair, later) in stages.windows(2).zip(sections.iter().skip(1)) {
        let [before, this] = pair else { continue };
        let (before, this) = (before.rule.after, this.rule.after);
        if this == before {
            let problem = format!("{} is there twice; keep one of the two", spell(this));
            later.mistake("after", problem);
        } else if this < before {
            let (this, before) = (spell(this), spell(before));
            let problem = format!("{this} comes after {before}; put it before");
            later.mistake("after", problem);
        }
    }
}

fn stage(section: &Section<'_>, verify: &[Check], names: &mut BTreeSet<String>) -> Option<Stage> {
    let after = section.required("after", "\"30m\"", duration(MINUTE..=AFTER_AT_MOST));
    let tell = section.or("tell", StageTold::Card, |value| {
        choice(
            value,
            &[
                ("card", StageTold::Card),
                ("thread", StageTold::Thread),
                ("channel", StageTold::Channel),
            ],
        )
    });
    let note = section.optional("note", note);
    if note.is_some() && tell == StageTold::Card {
        section.mistake("note", "is told nowhere; add tell = \"thread\"");
    }
    let named = section.optional_list("checks", "\"error rate\"", Repeats::Refused, |value| {
        let name = text(value)?;
        let found = verify.iter().find(|check| check.name == name);
        found.cloned().ok_or_else(|| {
            let known: Vec<&str> = verify.iter().map(|check| check.name.as_str()).collect();
            let next = match did_you_mean(&name, &known) {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("it has {}", known.join(", ")),
            };
            format!("{name:?} is no check of this service; {next}")
        })
    });
    let own_sections = section.sections("verify")?;
    let own = proofs::read(&own_sections);
    for (check, section) in own.iter().flatten().zip(&own_sections) {
        if !names.insert(check.name.clone()) {
            let problem = "is the name of another check too; give it another one";
            section.mistake("name", problem);
        }
    }
    let mut checks = match section.get("checks") {
        Some(_) => named.unwrap_or_default(),
        None => verify.to_vec(),
    };
    checks.extend(own?);
    Some(Stage {
        rule: StageRule {
            after: after?,
            tell,
            note,
        },
        checks,
    })
}

/// What people are told besides, on one line.
fn note(value: &Value) -> Result<String, String> {
    let note = text(value)?;
    match note.chars().count() > NOTE_AT_MOST || note.contains(char::is_control) {
        true => Err(format!("is not at most {NOTE_AT_MOST} letters on one line")),
        false => Ok(note),
    }
}
