//! The message about an emergency run: what was done without an approval, and what is thought of it.

use super::{
    Words,
    action::{Action, PlanRef},
    blocks::{actions, context, fit_text, header, inline, mention, section},
    card::time,
};
use jiff::Timestamp;
use rollback_domain::{
    grammar::ReviewAnswer,
    job::Form,
    refusal::list,
    rollback::{BreakGlass, Rollback},
};

/// The message as it stands at `now`; `reviewers` are those who could answer, by Slack id.
pub fn message(rollback: &Rollback, reviewers: &[String], now: Timestamp) -> Words {
    let id = rollback.id;
    let Some(break_glass) = &rollback.break_glass else {
        return Words::plain(format!("{id} was run with an approval."));
    };
    let what = format!(
        "{} {} → {}",
        inline(&rollback.service.to_string(), 160),
        inline(rollback.from_label(), 60),
        inline(rollback.to_label(), 60)
    );
    let by = inline(&break_glass.by.name, 80);
    let because = inline(&break_glass.because, 500);
    let deed = match (&break_glass.spent, rollback.times.asked) {
        (Some(_), None) => format!("wanted an emergency run of {id}, and it was not run"),
        (_, Some(_)) => format!("ran {id} without approval"),
        (None, None) => format!("started an emergency run of {id}, without approval"),
    };
    let said = format!(
        "*@{by}* {deed} ({}): {what}.\n> {because}",
        time(break_glass.at)
    );
    let (line, open) = review_state(break_glass, reviewers, now);
    let mut blocks = vec![header(&format!("EMERGENCY RUN  {id}")), section(&said)];
    if open {
        blocks.push(section(&line));
        let answer = |answer: ReviewAnswer| {
            let mut label = answer.to_string();
            label[..1].make_ascii_uppercase();
            Action::Open(Form::Review(answer), PlanRef::of(rollback)).button(&format!("{label}…"))
        };
        blocks.push(actions(
            &format!("{id}:review:{}", rollback.revision),
            ReviewAnswer::ALL.map(answer).into(),
        ));
    } else {
        blocks.push(context(&line));
    }
    let text = format!("EMERGENCY RUN: @{by} {deed}, {what}: \"{because}\". {line}");
    Words {
        text: fit_text(&text),
        blocks,
    }
}

/// Where the review stands, and whether it is still to be answered.
fn review_state(break_glass: &BreakGlass, reviewers: &[String], now: Timestamp) -> (String, bool) {
    if let Some(review) = &break_glass.review {
        let line = format!(
            "Reviewed by @{} at {}: *{}*. \"{}\"",
            inline(&review.by.name, 80),
            time(review.at),
            review.answer,
            inline(&review.because, 500)
        );
        return (line, false);
    }
    if let Some(spent) = &break_glass.spent {
        return (
            format!("No review is needed. {}", inline(spent, 300)),
            false,
        );
    }
    let whom: Vec<String> = reviewers.iter().take(5).map(|id| mention(id)).collect();
    let whom = match whom.is_empty() {
        true => "An approver".to_owned(),
        false => list(&whom, "or"),
    };
    let due = match now < break_glass.due {
        true => "is due",
        false => "was due",
    };
    let line = format!(
        "{whom}: please review this. It {due} <!date^{}^{{date_short_pretty}} {{time}}|{}>. I'll remind you until it is done.",
        break_glass.due.as_second(),
        break_glass.due.strftime("%Y-%m-%d %H:%M UTC")
    );
    (line, true)
}
