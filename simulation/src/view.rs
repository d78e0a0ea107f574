//! A modal that is open in front of somebody.

use serde_json::{Map, Value, json};

use crate::Slack;
use crate::acting::elements;

pub(crate) struct View {
    pub id: String,
    pub person: String,
    pub hash: String,
    /// What the app sent, with the ids filled in.
    pub content: Value,
    /// What the person entered, by block and by action.
    pub values: Map<String, Value>,
    /// What the app objected to, by block.
    pub errors: Map<String, Value>,
    pub root: String,
    pub previous: Option<String>,
}

impl View {
    pub(crate) fn blocks(&self) -> &[Value] {
        self.content["blocks"].as_array().map_or(&[], Vec::as_slice)
    }

    /// Takes new content, keeping what was entered where the ids are the same.
    pub(crate) fn take(&mut self, content: Value, hash: String) {
        self.content = content;
        self.hash = hash;
        self.errors.clear();
        let mut values = Map::new();
        for (block_id, element) in self.fields() {
            let action_id = element["action_id"].as_str().unwrap_or_default();
            let entered = self
                .values
                .get(&block_id)
                .and_then(|block| block.get(action_id));
            let value = match entered {
                Some(entered) if entered["type"] == element["type"] => entered.clone(),
                _ => initial(&element),
            };
            if !values.contains_key(&block_id) {
                values.insert(block_id.clone(), json!({}));
            }
            values[&block_id][action_id] = value;
        }
        self.values = values;
    }

    /// Everything that can be filled in, with the id of its block.
    pub(crate) fn fields(&self) -> Vec<(String, Value)> {
        let inputs = self
            .blocks()
            .iter()
            .filter(|block| block["type"] == "input")
            .map(|block| {
                (
                    block["block_id"].as_str().unwrap_or_default().to_owned(),
                    block["element"].clone(),
                )
            });
        let others = elements(self.blocks())
            .filter(|(_, element)| {
                !matches!(
                    element["type"].as_str(),
                    Some("button" | "overflow" | "image")
                )
            })
            .map(|(block_id, element)| (block_id.to_owned(), element.clone()));
        inputs.chain(others).collect()
    }
}

impl Slack {
    /// What a view looks like to the app.
    pub(crate) fn view_json(&self, view: &View) -> Value {
        let options = &self.inner.options;
        let mut json = json!({
            "private_metadata": "", "callback_id": "", "clear_on_close": false,
            "notify_on_close": false, "external_id": "", "title": null, "submit": null, "close": null,
        });
        if let (Some(json), Some(content)) = (json.as_object_mut(), view.content.as_object()) {
            json.extend(content.clone());
        }
        json["id"] = json!(view.id);
        json["team_id"] = json!(options.team_id);
        json["state"] = json!({ "values": view.values });
        json["hash"] = json!(view.hash);
        json["root_view_id"] = json!(view.root);
        json["previous_view_id"] = json!(view.previous);
        json["app_id"] = json!(options.app_id);
        json["app_installed_team_id"] = json!(options.team_id);
        json["bot_id"] = json!(crate::web_api::BOT_ID);
        json
    }
}

fn initial(element: &Value) -> Value {
    let kind = element["type"].as_str().unwrap_or_default();
    let mut value = json!({ "type": kind });
    let get = |key: &str| element.get(key).cloned().unwrap_or(Value::Null);
    match kind {
        "checkboxes" | "multi_static_select" => {
            value["selected_options"] = match get("initial_options") {
                Value::Null => json!([]),
                options => options,
            };
        }
        "static_select" | "radio_buttons" => value["selected_option"] = get("initial_option"),
        "datepicker" => value["selected_date"] = get("initial_date"),
        "timepicker" => value["selected_time"] = get("initial_time"),
        "users_select" => value["selected_user"] = get("initial_user"),
        "conversations_select" => value["selected_conversation"] = get("initial_conversation"),
        "channels_select" => value["selected_channel"] = get("initial_channel"),
        _ => value["value"] = get("initial_value"),
    }
    value
}
