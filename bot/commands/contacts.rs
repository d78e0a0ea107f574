//! `contacts`, `contacts frontend`: whom to reach: who is reminded and asked while nobody approves,
//! and who helps with what.

use super::{Answer, Context, Result, find};
use crate::{
    App,
    config::Service,
    roster,
    slack::{
        Words,
        blocks::{fit_text, header, inline, mention, section},
    },
};
use rollback_domain::{
    authority::Roster, grammar::verbs::Contacts, policy::EscalationStep, proof::spell,
    refusal::list,
};

pub(super) async fn run(app: &App, _: &Context, request: Contacts) -> Result {
    let Contacts { service } = request;
    let service = match &service {
        Some(name) => Some(find::service(app, name)?),
        None => None,
    };
    let mut lines = while_nobody_approves(app).await?;
    let mut blocks = vec![
        header("Contacts"),
        section(&format!("*While nobody approves*\n{}", lines.join("\n"))),
    ];
    let help = who_helps(app, service);
    if !help.is_empty() {
        blocks.push(section(&format!("*Who helps*\n{}", help.join("\n"))));
        lines.extend(help);
    }
    Ok(Answer::Private(Words {
        text: fit_text(&lines.join("\n")),
        blocks,
    }))
}

async fn while_nobody_approves(app: &App) -> Result<Vec<String>> {
    let policy = &app.config.policy;
    let roles: Vec<&str> = policy
        .escalate
        .iter()
        .flat_map(|step| step.roles.iter().map(String::as_str))
        .collect();
    let roster = roster::last_known(app, &roles).await?;
    let mut lines = vec![];
    if policy.remind.is_empty() {
        lines.push("Nobody is reminded.".into());
    } else {
        let times: Vec<String> = policy.remind.iter().map(|at| spell(*at)).collect();
        lines.push(format!(
            "After {}: approvers are reminded.",
            list(&times, "and")
        ));
    }
    lines.extend(policy.escalate.iter().map(|step| escalation(step, &roster)));
    if policy.escalate.is_empty() {
        lines.push("Nobody else is asked.".into());
    }
    Ok(lines)
}

fn escalation(step: &EscalationStep, roster: &Roster) -> String {
    let mut whom: Vec<String> = step.people.iter().map(|id| mention(id)).collect();
    for role in &step.roles {
        let members: Vec<String> = roster
            .members(role)
            .into_iter()
            .take(5)
            .map(mention)
            .collect();
        whom.push(match members.is_empty() {
            true => format!("{} (nobody is known)", inline(role, 40)),
            false => format!("{} ({})", inline(role, 40), members.join(", ")),
        });
    }
    let verb = if whom.len() == 1 { "is" } else { "are" };
    let asked = (!whom.is_empty()).then(|| format!("{} {verb} asked", list(&whom, "and")));
    let paged = step.page.then(|| "PagerDuty is paged".to_owned());
    let both: Vec<String> = asked.into_iter().chain(paged).collect();
    format!("After {}: {}.", spell(step.after), list(&both, "and"))
}

fn who_helps(app: &App, service: Option<&Service>) -> Vec<String> {
    app.config
        .contacts
        .iter()
        .filter(|contact| {
            contact.services.is_empty()
                || service.is_none_or(|service| contact.services.contains(&service.key.name))
        })
        .take(20)
        .map(|contact| {
            let only = match contact.services.is_empty() {
                true => String::new(),
                false => format!(" (for {})", inline(&list(&contact.services, "and"), 200)),
            };
            format!(
                "{}: {}{only}",
                inline(&contact.name, 100),
                inline(&contact.how, 300)
            )
        })
        .collect()
}
