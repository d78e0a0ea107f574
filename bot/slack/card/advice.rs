//! What the decision matrix advises, in one line.

use super::time;
use crate::slack::blocks::inline;
use rollback_domain::{matrix::Assessed, refusal::list};

/// What the decision matrix advises, what was measured, and what speaks against going back.
pub fn advice(assessed: &Assessed) -> String {
    let mut line = match (assessed.advice, &assessed.row) {
        (Some(advice), row) => {
            let by = assessed.decide_by;
            let by = by.map_or_else(String::new, |by| format!(", decide by {}", time(by)));
            let row = row.as_deref().map(|row| format!(" ({})", inline(row, 160)));
            format!(
                "*Advice*  {}{}{by}",
                advice.sentence(),
                row.unwrap_or_default()
            )
        }
        (None, _) => "*Advice*  none yet: the decision matrix needs to know more".to_owned(),
    };
    if !assessed.measured.is_empty() {
        let measured = list(&assessed.measured, "and");
        line.push_str(&format!(" · measured: {}", inline(&measured, 400)));
    }
    if !assessed.against.is_empty() {
        let against = list(&assessed.against, "and");
        line.push_str(&format!(" · *against*: {}", inline(&against, 600)));
    }
    line
}
