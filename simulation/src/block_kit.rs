//! Holds what the app sends against the limits of Block Kit.

use std::collections::HashSet;

use serde_json::Value;

use crate::Slack;

/// The longest text a message may have.
const LONGEST_TEXT: usize = 40_000;

impl Slack {
    /// What is wrong with a message, which is also kept among the violations.
    pub(crate) fn check_message(
        &self,
        from: &str,
        text: Option<&str>,
        blocks: &[Value],
    ) -> Vec<String> {
        self.keep_violations(from, message(text, blocks))
    }

    /// What is wrong with a view, which is also kept among the violations.
    pub(crate) fn check_view(&self, from: &str, content: &Value) -> Vec<String> {
        self.keep_violations(from, view(content))
    }

    pub(crate) fn keep_violations(&self, from: &str, found: Vec<String>) -> Vec<String> {
        if !found.is_empty() {
            self.change(|state| {
                state
                    .violations
                    .extend(found.iter().map(|one| format!("{from}: {one}")));
            });
        }
        found
    }
}

fn message(text: Option<&str>, blocks: &[Value]) -> Vec<String> {
    let mut check = Check::default();
    match text.map(|text| text.chars().count()) {
        None | Some(0) => {
            check.object("/text", "every message needs a text that can be read aloud")
        }
        Some(length) if length > LONGEST_TEXT => {
            check.object("/text", "must be at most 40000 characters")
        }
        Some(_) => {}
    }
    check.blocks(blocks, 50, false);
    check.found
}

fn view(view: &Value) -> Vec<String> {
    let mut check = Check::default();
    let is_modal = view["type"] == "modal";
    if !is_modal && view["type"] != "home" {
        check.object("/view/type", "must be modal or home");
    }
    if is_modal {
        check.text(&view["title"], "/view/title", 24, Only::Plain);
    }
    for part in ["submit", "close"] {
        if !view[part].is_null() {
            check.text(&view[part], &format!("/view/{part}"), 24, Only::Plain);
        }
    }
    check.string(&view["private_metadata"], "/view/private_metadata", 3000);
    check.string(&view["callback_id"], "/view/callback_id", 255);
    check.string(&view["external_id"], "/view/external_id", 255);
    match view["blocks"].as_array() {
        Some(blocks) => {
            check.blocks(blocks, 100, true);
            let has_input = blocks.iter().any(|block| block["type"] == "input");
            if is_modal && has_input && view["submit"].is_null() {
                check.object("/view/submit", "is required when there are inputs");
            }
        }
        None => check.object("/view/blocks", "is required"),
    }
    check.found
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Only {
    Plain,
    Any,
}

#[derive(Default)]
struct Check {
    found: Vec<String>,
}

impl Check {
    fn object(&mut self, at: &str, problem: &str) {
        self.found
            .push(format!("[ERROR] {problem} [json-pointer:{at}]"));
    }

    fn blocks(&mut self, blocks: &[Value], most: usize, in_view: bool) {
        if blocks.len() > most {
            self.object("/blocks", &format!("no more than {most} items allowed"));
        }
        let mut ids = HashSet::new();
        for (index, block) in blocks.iter().enumerate() {
            let at = format!("/blocks/{index}");
            self.string(&block["block_id"], &format!("{at}/block_id"), 255);
            if let Some(id) = block["block_id"].as_str()
                && !ids.insert(id)
            {
                self.object(&format!("{at}/block_id"), "block_id already exists");
            }
            self.block(block, &at, in_view);
            self.duplicate_actions(block, &at);
        }
    }

    fn block(&mut self, block: &Value, at: &str, in_view: bool) {
        match block["type"].as_str().unwrap_or_default() {
            "section" => self.section(block, at),
            "header" => self.text(&block["text"], &format!("{at}/text"), 150, Only::Plain),
            "context" => {
                for (index, part) in self
                    .items(&block["elements"], &format!("{at}/elements"), 10)
                    .iter()
                    .enumerate()
                {
                    if part["type"] != "image" {
                        self.text(part, &format!("{at}/elements/{index}"), 2000, Only::Any);
                    }
                }
            }
            "actions" => {
                for (index, part) in self
                    .items(&block["elements"], &format!("{at}/elements"), 25)
                    .iter()
                    .enumerate()
                {
                    self.element(part, &format!("{at}/elements/{index}"));
                }
            }
            "input" => {
                self.text(&block["label"], &format!("{at}/label"), 2000, Only::Plain);
                if !block["hint"].is_null() {
                    self.text(&block["hint"], &format!("{at}/hint"), 2000, Only::Plain);
                }
                if block["element"]["type"] == "button" {
                    self.object(&format!("{at}/element"), "a button is no input");
                }
                self.element(&block["element"], &format!("{at}/element"));
            }
            "image" => {
                if block["alt_text"].as_str().is_none_or(str::is_empty) {
                    self.object(&format!("{at}/alt_text"), "is required");
                }
                self.string(&block["alt_text"], &format!("{at}/alt_text"), 2000);
            }
            "markdown" => self.string(&block["text"], &format!("{at}/text"), 12_000),
            "alert" if in_view => self.text(&block["text"], &format!("{at}/text"), 200, Only::Any),
            "divider" | "rich_text" | "table" | "video" | "file" => {}
            other => self.object(&format!("{at}/type"), &format!("unsupported type: {other}")),
        }
    }

    fn section(&mut self, block: &Value, at: &str) {
        if block["text"].is_null() && block["fields"].is_null() {
            self.object(at, "a section needs text or fields");
        }
        if !block["text"].is_null() {
            self.text(&block["text"], &format!("{at}/text"), 3000, Only::Any);
        }
        if !block["fields"].is_null() {
            for (index, field) in self
                .items(&block["fields"], &format!("{at}/fields"), 10)
                .iter()
                .enumerate()
            {
                self.text(field, &format!("{at}/fields/{index}"), 2000, Only::Any);
            }
        }
        if let Some(accessory) = block.get("accessory") {
            self.element(accessory, &format!("{at}/accessory"));
        }
    }

    fn element(&mut self, element: &Value, at: &str) {
        self.string(&element["action_id"], &format!("{at}/action_id"), 255);
        if !element["confirm"].is_null() {
            let confirm = &element["confirm"];
            self.text(
                &confirm["title"],
                &format!("{at}/confirm/title"),
                100,
                Only::Plain,
            );
            self.text(
                &confirm["text"],
                &format!("{at}/confirm/text"),
                300,
                Only::Any,
            );
            self.text(
                &confirm["confirm"],
                &format!("{at}/confirm/confirm"),
                30,
                Only::Plain,
            );
            self.text(
                &confirm["deny"],
                &format!("{at}/confirm/deny"),
                30,
                Only::Plain,
            );
        }
        if !element["placeholder"].is_null() {
            self.text(
                &element["placeholder"],
                &format!("{at}/placeholder"),
                150,
                Only::Plain,
            );
        }
        match element["type"].as_str().unwrap_or_default() {
            "button" => self.button(element, at),
            "overflow" => self.options(element, at, 5),
            "radio_buttons" | "checkboxes" => self.options(element, at, 10),
            "static_select" | "multi_static_select" => self.options(element, at, 100),
            "plain_text_input" => {
                if element["max_length"]
                    .as_u64()
                    .is_some_and(|most| most > 3000)
                {
                    self.object(&format!("{at}/max_length"), "must be at most 3000");
                }
                self.string(
                    &element["initial_value"],
                    &format!("{at}/initial_value"),
                    3000,
                );
            }
            "" => self.object(&format!("{at}/type"), "is required"),
            _ => {}
        }
    }

    fn button(&mut self, button: &Value, at: &str) {
        self.text(&button["text"], &format!("{at}/text"), 75, Only::Plain);
        self.string(&button["value"], &format!("{at}/value"), 2000);
        self.string(&button["url"], &format!("{at}/url"), 3000);
        self.string(
            &button["accessibility_label"],
            &format!("{at}/accessibility_label"),
            75,
        );
        let style = &button["style"];
        if !style.is_null() && style != "primary" && style != "danger" {
            self.object(&format!("{at}/style"), "must be primary or danger");
        }
    }

    fn options(&mut self, element: &Value, at: &str, most: usize) {
        let groups = element["option_groups"].as_array();
        if let Some(groups) = groups {
            self.items(
                &element["option_groups"],
                &format!("{at}/option_groups"),
                100,
            );
            for (index, group) in groups.iter().enumerate() {
                self.text(
                    &group["label"],
                    &format!("{at}/option_groups/{index}/label"),
                    75,
                    Only::Plain,
                );
                self.option_list(group, &format!("{at}/option_groups/{index}"), most);
            }
            return;
        }
        self.option_list(element, at, most);
        for key in ["initial_option", "initial_options"] {
            let initial = match &element[key] {
                Value::Null => continue,
                Value::Array(several) => several.clone(),
                one => vec![one.clone()],
            };
            let offered = element["options"].as_array().map_or(&[][..], Vec::as_slice);
            if initial.iter().any(|option| !offered.contains(option)) {
                self.object(&format!("{at}/{key}"), "must be exactly one of the options");
            }
        }
    }

    fn option_list(&mut self, owner: &Value, at: &str, most: usize) {
        for (index, option) in self
            .items(&owner["options"], &format!("{at}/options"), most)
            .iter()
            .enumerate()
        {
            let at = format!("{at}/options/{index}");
            self.text(&option["text"], &format!("{at}/text"), 75, Only::Any);
            self.string(&option["value"], &format!("{at}/value"), 150);
            if !option["description"].is_null() {
                self.text(
                    &option["description"],
                    &format!("{at}/description"),
                    75,
                    Only::Any,
                );
            }
        }
    }

    /// The items of a list that must not be empty or too long.
    fn items(&mut self, list: &Value, at: &str, most: usize) -> Vec<Value> {
        let items = list.as_array().cloned().unwrap_or_default();
        if items.is_empty() {
            self.object(at, "must have at least one item");
        }
        if items.len() > most {
            self.object(at, &format!("no more than {most} items allowed"));
        }
        items
    }

    fn text(&mut self, object: &Value, at: &str, most: usize, only: Only) {
        let Some(text) = object["text"].as_str() else {
            self.object(at, "a text object is required");
            return;
        };
        match object["type"].as_str() {
            Some("plain_text") => {}
            Some("mrkdwn") if only == Only::Any => {}
            _ => self.object(&format!("{at}/type"), "wrong type of text object"),
        }
        if text.is_empty() {
            self.object(&format!("{at}/text"), "must be more than 0 characters");
        }
        self.string(&object["text"], &format!("{at}/text"), most);
    }

    fn string(&mut self, value: &Value, at: &str, most: usize) {
        match value {
            Value::Null => {}
            Value::String(text) if text.chars().count() <= most => {}
            Value::String(_) => {
                self.object(at, &format!("must be less than {} characters", most + 1))
            }
            _ => self.object(at, "must be a string"),
        }
    }

    fn duplicate_actions(&mut self, block: &Value, at: &str) {
        let listed = block["elements"]
            .as_array()
            .filter(|_| block["type"] == "actions");
        let mut ids = HashSet::new();
        for id in listed
            .into_iter()
            .flatten()
            .filter_map(|element| element["action_id"].as_str())
        {
            if !ids.insert(id) {
                self.object(
                    &format!("{at}/elements"),
                    &format!("action_id `{id}` already exists"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{message, view};

    #[test]
    fn accepts_an_ordinary_card() {
        let blocks = [
            json!({ "type": "header", "text": { "type": "plain_text", "text": "Roll back?" } }),
            json!({ "type": "section", "fields": [{ "type": "mrkdwn", "text": "*Now*\n1.4" }] }),
            json!({ "type": "divider" }),
            json!({ "type": "actions", "elements": [
                { "type": "button", "action_id": "go", "text": { "type": "plain_text", "text": "Go" } },
            ] }),
        ];
        assert_eq!(message(Some("Roll back?"), &blocks), Vec::<String>::new());
    }

    #[test]
    fn names_what_is_too_long_twice_or_missing() {
        let button = json!({ "type": "button", "action_id": "go", "value": "v".repeat(2001),
            "text": { "type": "plain_text", "text": "Go" } });
        let blocks = [
            json!({ "type": "header", "text": { "type": "plain_text", "text": "h".repeat(151) } }),
            json!({ "type": "actions", "elements": [button, button] }),
            json!({ "type": "section" }),
        ];
        assert_says(
            &message(None, &blocks),
            &[
                "/text]",
                "/blocks/0/text/text]",
                "/elements/0/value]",
                "/elements/1/value]",
                "`go` already exists",
                "needs text or fields",
            ],
        );
        assert!(
            message(Some("x"), &vec![json!({ "type": "divider" }); 51])[0].contains("50 items")
        );
    }

    #[test]
    fn holds_views_to_their_own_limits() {
        let content = json!({ "type": "modal", "title": { "type": "plain_text", "text": "t".repeat(25) },
            "private_metadata": "m".repeat(3001), "blocks": [] });
        assert_says(
            &view(&content),
            &["/view/title/text]", "/view/private_metadata]"],
        );
    }

    fn assert_says(found: &[String], expected: &[&str]) {
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found} should say {expected}");
        }
    }
}
