//! `checklist`, `checklist done 3`, `checklist skip 3 because …`: shows the checklist of a rollback,
//! or ticks one of its items.

use super::{Answer, Context, Result, find};
use crate::{
    App,
    engine::{Outcome, Submission, TickByHand},
    slack::{blocks::inline, checklist},
    store::checklists::{self, Stored},
};
use rollback_domain::{
    drill::watermarked,
    grammar::{ChecklistStep, verbs::Checklist},
};

pub(super) async fn run(app: &App, context: &Context, request: Checklist) -> Result {
    let db = &app.engine.db;
    let found = match request.rollback {
        Some(id) => {
            find::rollback(app, id).await?;
            let found = checklists::get(db, id).await?;
            // What was noted in another channel, perhaps a private one, stays there.
            found.filter(|stored| stored.checklist.channel == context.channel)
        }
        None => checklists::latest(db, &context.channel).await?,
    };
    let Some(Stored {
        checklist,
        revision,
    }) = found
    else {
        return Ok(Answer::private(match request.rollback {
            Some(id) => format!("{id} has no checklist in this channel."),
            None => "No rollback of this channel has a checklist: `[checklists]` in the configuration says what is on one.".to_owned(),
        }));
    };
    let rollback = checklist.rollback;
    let (item, because, skipped) = match request.step {
        ChecklistStep::Show => {
            let now = app.engine.clock.now();
            let words = checklist::checklist(&checklist, revision, false, now);
            return Ok(Answer::Private(words));
        }
        ChecklistStep::Done { item, because } => (item, because, false),
        ChecklistStep::Skip { item, because } => (item, Some(because), true),
    };
    let tick = TickByHand {
        rollback,
        item,
        by: context.person.clone(),
        source: context.source,
        because,
        skipped,
    };
    let submission = Submission::Tick(tick);
    Ok(match app.engine.take(&context.key, submission).await? {
        Outcome::Ticked { checklist, changed } => {
            let text = checklist.items.get(item - 1);
            let text = text.map_or_else(String::new, |item| inline(&item.text, 150));
            let (settled, all) = (checklist.settled(), checklist.items.len());
            let told = match (changed, skipped) {
                (true, false) => {
                    format!("Ticked {item} of {rollback}: {text}. {settled} of {all} are done.")
                }
                (true, true) => {
                    format!("Left out {item} of {rollback}: {text}. {settled} of {all} are done.")
                }
                (false, _) => {
                    format!("Nothing was changed, {item} of {rollback} is ticked already: {text}.")
                }
            };
            Answer::private(watermarked(rollback, &told))
        }
        Outcome::NoItem => {
            let told = format!(
                "The checklist of {rollback} has no item {item}. `/rollback checklist` shows it. Nothing was changed."
            );
            Answer::private(watermarked(rollback, &told))
        }
        outcome => Answer::from(outcome),
    })
}
