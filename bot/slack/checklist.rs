//! The checklist of a rollback, as the thread of its card and the answer to a command show it.

use super::{
    Words,
    action::Action,
    blocks::{actions, context, fit_text, inline, section},
    card::listed,
};
use jiff::Timestamp;
use rollback_domain::checklist::{Checklist, Item, Phase};

/// How many open items have a button.
const BUTTONS_AT_MOST: usize = 5;

/// The checklist as it stands at `now`; with buttons that tick what people tick, if it is a message.
pub fn checklist(list: &Checklist, revision: i64, with_buttons: bool, now: Timestamp) -> Words {
    let title = format!(
        "*Checklist of {}*: {} of {} done",
        list.rollback,
        list.settled(),
        list.items.len()
    );
    let mut sections = vec![title];
    for phase in Phase::ALL {
        let items = list.numbered().filter(|(_, item)| item.phase == *phase);
        let lines: Vec<String> = items
            .map(|(number, item)| line(number, item, now))
            .collect();
        if !lines.is_empty() {
            sections.push(format!("*{phase}*\n{}", lines.join("\n")));
        }
    }
    let mut blocks: Vec<_> = sections.iter().map(|text| section(text)).collect();
    let buttons: Vec<_> = list
        .numbered()
        .filter(|(_, item)| item.tick.is_none() && item.ticked_by.is_none())
        .take(BUTTONS_AT_MOST)
        .map(|(item, _)| {
            let rollback = list.rollback;
            Action::Tick { rollback, item }.button(&format!("Done: {item}"))
        })
        .collect();
    if with_buttons && !buttons.is_empty() {
        let id = format!("{}:checklist:{revision}", list.rollback);
        blocks.push(actions(&id, buttons));
    }
    if list.open() > 0 {
        blocks.push(context(
            "`/rollback checklist done 3` ticks an item, `/rollback checklist skip 3 because …` leaves it out. Nothing waits for it.",
        ));
    }
    Words {
        text: fit_text(&sections.join("\n")),
        blocks,
    }
}

/// One item in one line.
fn line(number: usize, item: &Item, now: Timestamp) -> String {
    let text = inline(&item.text, 150);
    let Some(tick) = &item.tick else {
        return format!("▫️ {number} {text}");
    };
    let sign = match tick.skipped {
        true => "➖ left out:",
        false => "✅",
    };
    let by = match &tick.by {
        Some(by) => format!(" · @{}", inline(&by.name, 80)),
        None => String::new(),
    };
    let because = match &tick.because {
        Some(because) => format!(" · {}", inline(because, 150)),
        None => String::new(),
    };
    let at = listed(tick.at, now);
    format!("{sign} {number} {text}{by}{because} · {at}")
}
