//! Renders messages and modals as plain text, the way a person would read them aloud.

use serde_json::Value;

use crate::acting::options_of;
use crate::message::Message;
use crate::state::State;
use crate::text::{markup, plain, read};
use crate::view::View;

/// A message: who says it, then what it says.
pub(crate) fn message(state: &State, message: &Message) -> Vec<String> {
    let lines = content(state, message);
    let mut author = name(state, &message.user);
    if let Some(only) = &message.only_for {
        author.push_str(&format!(" (only visible to @{})", name(state, only)));
    }
    if message.edited {
        author.push_str(" (edited)");
    }
    if message.blocks.is_empty() && lines.len() == 1 {
        return vec![format!("{author}: {}", lines[0])];
    }
    let mut all = vec![format!("{author}:")];
    all.extend(
        lines
            .iter()
            .map(|line| format!("  {line}").trim_end().to_owned()),
    );
    all
}

/// What a message says, and the files that it carries.
pub(crate) fn content(state: &State, message: &Message) -> Vec<String> {
    let mut lines = if message.blocks.is_empty() {
        markup(state, &message.text)
            .lines()
            .map(str::to_owned)
            .collect()
    } else {
        blocks(state, &message.blocks)
    };
    for file in &message.files {
        if let Some(file) = state.files.iter().find(|known| known.id == *file) {
            lines.push(format!("[file {} {} bytes]", file.name, file.bytes.len()));
        }
    }
    if message.text.is_empty() {
        lines.retain(|line| !line.is_empty());
    }
    lines
}

/// A modal: its title, its blocks, what was entered and objected to, its buttons.
pub(crate) fn view(state: &State, view: &View) -> Vec<String> {
    let mut lines = vec![format!("== {} ==", plain(&view.content["title"]))];
    for block in view.blocks() {
        if block["type"] == "input" {
            lines.extend(input(view, block));
        } else {
            lines.extend(one_block(state, block));
        }
        let block_id = block["block_id"].as_str().unwrap_or_default();
        if let Some(error) = view.errors.get(block_id) {
            lines.push(format!("! {}", error.as_str().unwrap_or_default()));
        }
    }
    if let Some(error) = view.errors.get("") {
        lines.push(format!("! {}", error.as_str().unwrap_or_default()));
    }
    let mut buttons = match &view.content["close"] {
        Value::Null => "[ Close ]".to_owned(),
        close => format!("[ {} ]", plain(close)),
    };
    if !view.content["submit"].is_null() {
        buttons.push_str(&format!(" [ {} ]", plain(&view.content["submit"])));
    }
    lines.push(buttons);
    lines
}

/// How a person is named above what they say.
pub(crate) fn name(state: &State, id: &str) -> String {
    match state.person(id) {
        _ if id == "USLACKBOT" => "Slackbot".to_owned(),
        Some(_) if id == state.bot_user => state.bot_name.clone(),
        Some(person) => person.name.clone(),
        None => id.to_owned(),
    }
}

/// Blocks, one below the other.
pub(crate) fn blocks(state: &State, blocks: &[Value]) -> Vec<String> {
    blocks
        .iter()
        .flat_map(|block| one_block(state, block))
        .collect()
}

fn one_block(state: &State, block: &Value) -> Vec<String> {
    let lines = |text: String| text.lines().map(str::to_owned).collect::<Vec<_>>();
    match block["type"].as_str().unwrap_or_default() {
        "divider" => vec!["---".to_owned()],
        "header" => lines(plain(&block["text"])),
        "section" => section(state, block),
        "context" => {
            let parts: Vec<_> = list(&block["elements"])
                .map(|part| context_part(state, part))
                .collect();
            lines(parts.join("  "))
        }
        "actions" => {
            let shown: Vec<_> = list(&block["elements"]).map(element).collect();
            vec![shown.join(" ")]
        }
        "image" => vec![format!(
            "[image {}]",
            block["alt_text"].as_str().unwrap_or_default()
        )],
        "input" => vec![format!(
            "{}: {}",
            plain(&block["label"]),
            element(&block["element"])
        )],
        "markdown" => lines(block["text"].as_str().unwrap_or_default().to_owned()),
        "rich_text" => lines(leaves(state, block)),
        "table" => list(&block["rows"])
            .map(|row| {
                list(row)
                    .map(|cell| cell_text(state, cell))
                    .collect::<Vec<_>>()
                    .join(" | ")
            })
            .collect(),
        other => vec![format!("[{other}]")],
    }
}

fn section(state: &State, block: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    if !block["text"].is_null() {
        lines.extend(read(state, &block["text"]).lines().map(str::to_owned));
    }
    for field in list(&block["fields"]) {
        let words = read(state, field);
        lines.push(
            words
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .collect::<Vec<_>>()
                .join(" "),
        );
    }
    if let Some(accessory) = block.get("accessory") {
        lines.push(element(accessory));
    }
    lines
}

fn context_part(state: &State, part: &Value) -> String {
    if part["type"] == "image" {
        return format!("[image {}]", part["alt_text"].as_str().unwrap_or_default());
    }
    read(state, part)
}

fn element(element: &Value) -> String {
    let labels = || {
        options_of(element)
            .iter()
            .map(|option| plain(&option["text"]))
            .collect::<Vec<_>>()
    };
    match element["type"].as_str().unwrap_or_default() {
        "button" => format!("[ {} ]", plain(&element["text"])),
        "overflow" => format!("[ \u{22ef} {} ]", labels().join(" / ")),
        "radio_buttons" | "checkboxes" => format!("( {} )", labels().join(" / ")),
        "image" => format!(
            "[image {}]",
            element["alt_text"].as_str().unwrap_or_default()
        ),
        _ => {
            let chosen = match &element["initial_option"] {
                Value::Null => plain(&element["placeholder"]),
                option => plain(&option["text"]),
            };
            format!("[ {chosen} \u{25be} ]")
        }
    }
}

fn input(view: &View, block: &Value) -> Vec<String> {
    let element = &block["element"];
    let entered = block["block_id"]
        .as_str()
        .and_then(|id| view.values.get(id))
        .and_then(|values| values.get(element["action_id"].as_str().unwrap_or_default()))
        .unwrap_or(&Value::Null);
    let optional = if block["optional"] == true {
        " (optional)"
    } else {
        ""
    };
    let label = format!("{}{optional}:", plain(&block["label"]));
    let is_chosen = |option: &Value| {
        entered["selected_option"] == *option
            || list(&entered["selected_options"]).any(|known| known == option)
    };
    let mut lines = match element["type"].as_str().unwrap_or_default() {
        "radio_buttons" | "checkboxes" => {
            let options = options_of(element).into_iter().map(|option| {
                format!(
                    "  ({}) {}",
                    if is_chosen(&option) { "x" } else { " " },
                    plain(&option["text"])
                )
            });
            std::iter::once(label).chain(options).collect()
        }
        "static_select" => {
            let chosen = match &entered["selected_option"] {
                Value::Null => plain(&element["placeholder"]),
                option => plain(&option["text"]),
            };
            let labels: Vec<_> = options_of(element)
                .iter()
                .map(|option| plain(&option["text"]))
                .collect();
            vec![format!(
                "{label} [ {chosen} \u{25be} ] of {}",
                labels.join(" / ")
            )]
        }
        _ => vec![format!(
            "{label} [{}]",
            entered["value"].as_str().unwrap_or_default()
        )],
    };
    if let Some(hint) = block.get("hint") {
        lines.push(format!("  {}", plain(hint)));
    }
    lines
}

fn cell_text(state: &State, cell: &Value) -> String {
    if cell["type"] == "raw_text" {
        plain(cell)
    } else {
        leaves(state, cell).trim_end().to_owned()
    }
}

/// The words of a rich text, which are shown exactly as they are.
fn leaves(state: &State, node: &Value) -> String {
    let inner = || {
        list(&node["elements"])
            .map(|part| leaves(state, part))
            .collect::<Vec<_>>()
    };
    match node["type"].as_str().unwrap_or_default() {
        "text" => node["text"].as_str().unwrap_or_default().to_owned(),
        "link" => {
            let url = node["url"].as_str().unwrap_or_default();
            node["text"]
                .as_str()
                .map_or_else(|| url.to_owned(), |text| format!("{text} ({url})"))
        }
        "user" => format!(
            "@{}",
            state
                .person(node["user_id"].as_str().unwrap_or_default())
                .map_or("?", |known| &known.name)
        ),
        "emoji" => format!(":{}:", node["name"].as_str().unwrap_or_default()),
        "broadcast" => format!("@{} (PING!)", node["range"].as_str().unwrap_or_default()),
        "date" => node["fallback"].as_str().unwrap_or_default().to_owned(),
        "rich_text_list" => inner()
            .iter()
            .map(|item| format!("- {}\n", item.trim_end()))
            .collect(),
        "rich_text" => inner().concat(),
        _ => inner().concat() + "\n",
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
