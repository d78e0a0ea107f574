//! A message as people see it in Slack, in a page: the same words, without its buttons.

use super::{
    mrkdwn::{Span, spans},
    room::{Room, escaped_length},
};
use crate::{messages::Names, slack::Words};
use serde::Serialize;
use serde_json::Value;

/// A part of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Block {
    /// How it looks: `header`, `section`, `fields` or `context`.
    kind: &'static str,
    /// Its texts, one below the other or side by side.
    texts: Vec<Vec<Span>>,
}

/// The blocks of a message, as far as there is room for them; of the rest a last one says where it is.
pub(super) fn of_message(names: &Names, words: &Words, room: &mut Room) -> Vec<Block> {
    let drawn = serde_json::to_value(&words.blocks).unwrap_or_default();
    let drawn = drawn.as_array().cloned().unwrap_or_default();
    let name_of = |id: &str| names.get(id).cloned().unwrap_or_else(|| id.to_owned());
    let mut blocks = vec![];
    for block in drawn.iter().filter_map(|block| read(block, &name_of)) {
        let texts = block.texts.iter().flatten();
        let length: usize = texts.map(|span| escaped_length(&span.text) + 20).sum();
        if !room.take(length) {
            blocks.push(Block {
                kind: "context",
                texts: vec![spans("… the rest is in Slack", &name_of)],
            });
            break;
        }
        blocks.push(block);
    }
    blocks
}

/// A block of Block Kit; `None`: it has no words of its own, as buttons.
fn read(block: &Value, name_of: &dyn Fn(&str) -> String) -> Option<Block> {
    let text = |text: &Value| {
        let written = text["text"].as_str()?;
        Some(match text["type"] == "mrkdwn" {
            true => spans(written, name_of),
            false => vec![Span {
                text: written.to_owned(),
                ..Span::default()
            }],
        })
    };
    let every = |texts: &Value| -> Vec<Vec<Span>> {
        let texts = texts.as_array().into_iter().flatten();
        texts.filter_map(text).collect()
    };
    let (kind, texts) = match block["type"].as_str()? {
        "header" => ("header", vec![text(&block["text"])?]),
        "section" if block["fields"].is_array() => ("fields", every(&block["fields"])),
        "section" => ("section", vec![text(&block["text"])?]),
        "context" => ("context", every(&block["elements"])),
        _ => return None,
    };
    Some(Block { kind, texts })
}
