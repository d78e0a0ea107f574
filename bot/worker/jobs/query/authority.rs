//! Who may approve, and whether somebody may: roles are read from every source for each.

use super::{NOT_CONFIGURED, NotShown};
use crate::{
    App,
    engine::Error,
    roster,
    slack::{
        Words,
        blocks::{Mrkdwn, context, escape, fit_text, header, inline, section},
    },
    store::rollbacks,
};
use rollback_domain::{
    authority::Case,
    grammar::About,
    identity::{RollbackId, ServiceKey},
    people::{Membership, Person},
    refusal::Refusal,
    rollback::State,
};

/// Who may approve a rollback now, or what a service asks for; read from every source just now.
pub(super) async fn who(
    app: &App,
    about: &About,
    service: &ServiceKey,
) -> Result<Result<Words, NotShown>, Error> {
    let now = app.engine.clock.now();
    let found = match about {
        About::Rollback(id) => match rollbacks::get(&app.engine.db, *id).await? {
            Some(found) => Some(found),
            None => return Ok(Err(Refusal::UnknownRollback { id: *id }.into())),
        },
        About::Service(_) => None,
    };
    let service = found.as_ref().map_or(service, |found| &found.service);
    let Some(policy) = app.policy_of(service) else {
        return Ok(Err(NOT_CONFIGURED));
    };
    let roles = app.config.roles_of(&policy.rules);
    let roster = roster::read(app, &roles).await.roster;
    let (title, lines) = match &found {
        Some(found) => {
            let case = found.case(&policy, &roster);
            let title = format!("Who may approve {}", found.id);
            let line = format!("*{}*  {}", case.risk, case.needs(&Mrkdwn, now));
            (title, vec![line])
        }
        None => {
            let classes = app.config.classes_of(service);
            let lines = classes.into_iter().map(|risk| {
                let case = Case {
                    rollback: None,
                    risk,
                    rule: policy.rules.of(risk),
                    requester: None,
                    approvals: &[],
                    roster: &roster,
                };
                let own = match case.rule.requester_counts {
                    true => "the requester may be one of them",
                    false => "not the requester",
                };
                format!("*{risk}*  {} · {own}", case.needs(&Mrkdwn, now))
            });
            (format!("Who may approve {service}"), lines.collect())
        }
    };
    let body = lines.join("\n");
    Ok(Ok(Words {
        text: fit_text(&format!("{title}. {body}")),
        blocks: vec![
            header(&title),
            section(&body),
            context(
                "Roles were read just now. `/rollback why RB-…` says whether you may, and why.",
            ),
        ],
    }))
}

/// Whether somebody may approve a rollback, with every reason; read from every source just now.
pub(super) async fn why(
    app: &App,
    id: RollbackId,
    person: &Person,
    membership: &Membership,
) -> Result<Result<Words, NotShown>, Error> {
    let now = app.engine.clock.now();
    let Some(found) = rollbacks::get(&app.engine.db, id).await? else {
        return Ok(Err(Refusal::UnknownRollback { id }.into()));
    };
    let Some(policy) = app.policy_of(&found.service) else {
        return Ok(Err(NOT_CONFIGURED));
    };
    let mut reading = roster::read(app, &app.config.roles_of(&policy.rules)).await;
    reading.recognise(&app.slack, &person.id);
    let roster = reading.roster;
    let case = found.case(&policy, &roster);
    let verdict = case.may_approve(person, membership, now);
    let tree = verdict.reason.tree(&Mrkdwn, now);
    let mut otherwise = vec![];
    if !matches!(found.state, State::Proposed { .. }) {
        otherwise.push(format!(
            "{id} is {}: there is nothing to approve. By the roles as they are now:",
            inline(&found.word(), 100)
        ));
    } else if let Some(refusal) = &verdict.refusal {
        otherwise.push(refusal.draw(&Mrkdwn));
        if !verdict.otherwise.sentence.is_empty() {
            otherwise.push(format!(
                "*What would change that*  {}",
                escape(&verdict.otherwise.sentence)
            ));
        }
    } else {
        otherwise.push("You may approve it.".to_owned());
    }
    let title = format!("{id}: may you approve it?");
    Ok(Ok(Words {
        text: fit_text(&format!("{title} {}\n{tree}", otherwise.join(" "))),
        blocks: vec![
            header(&title),
            section(&otherwise.join("\n")),
            section(&tree),
        ],
    }))
}
