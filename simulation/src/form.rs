//! What people do with an open modal: choose, type, submit, close.

use serde_json::{Map, Value, json};

use crate::Slack;
use crate::acting::{Target, find, options_of};
use crate::delivery::{Answer, Impossible};
use crate::text::plain;
use crate::view::View;

impl Slack {
    /// The modal in front of this person, with what they entered.
    pub fn open_view(&self, person: &str) -> Option<Value> {
        self.look(|state| {
            let view = state
                .views
                .iter()
                .rev()
                .find(|view| view.person == person)?;
            Some(self.view_json(view))
        })
    }

    /// What the app objected to in this person's modal, by block.
    pub fn view_errors(&self, person: &str) -> Map<String, Value> {
        self.look(|state| {
            let view = state.views.iter().rev().find(|view| view.person == person);
            view.map(|view| view.errors.clone()).unwrap_or_default()
        })
    }

    /// A person chooses the option that begins like this, in the open modal or, without one, in
    /// the newest message that offers it. Choosing a checkbox again takes it back.
    pub async fn chooses(&self, person: &str, label: &str) -> Result<Answer, Impossible> {
        if self.open_view(person).is_none() {
            return self.clicks(person, label).await;
        }
        let (view, block_id, element, option, sends) = self.look(|state| {
            let view = state.views.iter().rev().find(|view| view.person == person);
            let view = view.ok_or_else(|| Impossible(format!("{person} has no modal open")))?;
            let offered = view.fields().into_iter().find_map(|(block_id, element)| {
                let option = options_of(&element)
                    .into_iter()
                    .find(|option| plain(&option["text"]).starts_with(label))?;
                Some((block_id, element, option))
            });
            let (block_id, element, option) = offered.ok_or_else(|| {
                Impossible(format!(
                    "the modal offers nothing that begins with {label:?}"
                ))
            })?;
            let sends = view.blocks().iter().any(|block| {
                block["block_id"] == json!(block_id)
                    && (block["type"] != "input" || block["dispatch_action"] == true)
            });
            Ok::<_, Impossible>((view.id.clone(), block_id, element, option, sends))
        })?;
        let target = Target {
            block_id,
            element,
            option: Some(option),
        };
        self.enter(
            &view,
            &target.block_id.clone(),
            target.action_id(),
            |value| choose(value, &target),
        );
        if sends {
            return Ok(self.click_in_view(person, &view, &target).await);
        }
        Ok(Answer::nothing_sent(None))
    }

    /// A person types into the first text field of the open modal.
    pub fn types(&self, person: &str, text: &str) -> Result<(), Impossible> {
        self.types_into(person, "", text)
    }

    /// A person types into the text field whose label begins like this.
    pub fn types_into(&self, person: &str, label: &str, text: &str) -> Result<(), Impossible> {
        let (view, block_id, action_id) = self.look(|state| {
            let view = state.views.iter().rev().find(|view| view.person == person);
            let view = view.ok_or_else(|| Impossible(format!("{person} has no modal open")))?;
            let field = view.blocks().iter().find(|block| {
                block["type"] == "input"
                    && block["element"]["type"]
                        .as_str()
                        .is_some_and(|kind| kind.ends_with("_input"))
                    && plain(&block["label"]).starts_with(label)
            });
            let field = field
                .ok_or_else(|| Impossible(format!("the modal has no text field {label:?}")))?;
            let name = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            Ok::<_, Impossible>((
                view.id.clone(),
                name(&field["block_id"]),
                name(&field["element"]["action_id"]),
            ))
        })?;
        self.enter(&view, &block_id, &action_id, |value| {
            value["value"] = if text.is_empty() {
                Value::Null
            } else {
                json!(text)
            };
        });
        Ok(())
    }

    /// A person submits the open modal. Slack itself refuses when something required is missing.
    pub async fn submits(&self, person: &str) -> Result<Answer, Impossible> {
        let payload = self.change(|state| {
            let at = state.views.iter().rposition(|view| view.person == person);
            let at = at.ok_or_else(|| Impossible(format!("{person} has no modal open")))?;
            let view = &mut state.views[at];
            if view.content["submit"].is_null() {
                return Err(Impossible("the modal has nothing to submit".to_owned()));
            }
            view.errors.clear();
            let missing = missing_fields(view);
            for (block_id, _) in &missing {
                view.errors.insert(
                    block_id.clone(),
                    json!("Please complete this required field."),
                );
            }
            if let Some((_, label)) = missing.first() {
                return Err(Impossible(format!("{label:?} is required")));
            }
            let json = self.view_json(&state.views[at]);
            let payload = json!({ "type": "view_submission", "view": json, "response_urls": [] });
            Ok((
                state.views[at].id.clone(),
                self.with_actor(state, person, payload),
            ))
        });
        let (view, payload) = payload?;
        let answer = self.send_payload(&payload).await;
        self.after_submission(&view, &answer);
        Ok(answer)
    }

    /// A person closes the open modal; the app hears of it only if it asked to.
    pub async fn closes(&self, person: &str) -> Result<Answer, Impossible> {
        let payload = self.change(|state| {
            let at = state.views.iter().rposition(|view| view.person == person);
            let at = at.ok_or_else(|| Impossible(format!("{person} has no modal open")))?;
            let view = state.views.remove(at);
            if view.content["notify_on_close"] != true {
                return Ok(None);
            }
            let payload = json!({ "type": "view_closed", "view": self.view_json(&view), "is_cleared": false });
            Ok(Some(self.with_actor(state, person, payload)))
        });
        match payload? {
            Some(payload) => Ok(self.send_payload(&payload).await),
            None => Ok(Answer::nothing_sent(None)),
        }
    }

    pub(crate) async fn click_in_view(
        &self,
        person: &str,
        view_id: &str,
        target: &Target,
    ) -> Answer {
        let payload = self.change(|state| {
            let action = target.action(&state.ts(self.now()));
            let view = state.views.iter().find(|view| view.id == view_id);
            let view = view.map_or(Value::Null, |view| self.view_json(view));
            let payload = json!({
                "type": "block_actions", "container": { "type": "view", "view_id": view_id },
                "view": view, "actions": [action],
            });
            self.with_actor(state, person, payload)
        });
        self.send_payload(&payload).await
    }

    /// Sets what was entered in one field.
    pub(crate) fn enter(
        &self,
        view: &str,
        block_id: &str,
        action_id: &str,
        change: impl FnOnce(&mut Value),
    ) {
        self.change(|state| {
            if let Some(view) = state.views.iter_mut().find(|known| known.id == view)
                && let Some(value) = view
                    .values
                    .get_mut(block_id)
                    .and_then(|block| block.get_mut(action_id))
            {
                change(value);
            }
        });
    }

    fn after_submission(&self, view_id: &str, answer: &Answer) {
        let reply = answer.json().unwrap_or(Value::Null);
        let action = reply["response_action"].as_str().unwrap_or_default();
        let content = &reply["view"];
        if matches!(action, "update" | "push")
            && !self.check_view("a view in an answer", content).is_empty()
        {
            return;
        }
        self.change(|state| {
            let Some(at) = state.views.iter().position(|view| view.id == view_id) else {
                return;
            };
            if !answer.is_ok() {
                let text = "We had some trouble connecting. Try again?";
                state.views[at].errors.insert(String::new(), json!(text));
                return;
            }
            match action {
                "errors" => {
                    state.views[at].errors =
                        reply["errors"].as_object().cloned().unwrap_or_default();
                    let known = state.views[at]
                        .blocks()
                        .iter()
                        .filter(|block| block["type"] == "input");
                    let known: Vec<_> = known.map(|block| block["block_id"].clone()).collect();
                    let strangers: Vec<_> = state.views[at]
                        .errors
                        .keys()
                        .filter(|key| !known.contains(&json!(key)))
                        .cloned()
                        .collect();
                    for key in strangers {
                        state.violations.push(format!(
                            "an error was given for {key:?}, which is no input block"
                        ));
                    }
                }
                "update" => {
                    let content = self.prepared(state, content);
                    let hash = state.id("h.");
                    state.views[at].take(content, hash);
                }
                "push" => {
                    let (person, root) =
                        (state.views[at].person.clone(), state.views[at].root.clone());
                    self.stack(
                        state,
                        &person,
                        content,
                        Some(root),
                        Some(view_id.to_owned()),
                    );
                }
                "clear" => {
                    let person = state.views[at].person.clone();
                    state.views.retain(|view| view.person != person);
                }
                _ => {
                    state.views.remove(at);
                }
            }
        });
    }

    /// Puts a new view in front of a person.
    pub(crate) fn stack(
        &self,
        state: &mut crate::state::State,
        person: &str,
        content: &Value,
        root: Option<String>,
        previous: Option<String>,
    ) -> Value {
        let content = self.prepared(state, content);
        let id = state.id("V");
        let hash = state.id("h.");
        let mut view = View {
            root: root.unwrap_or_else(|| id.clone()),
            id,
            person: person.to_owned(),
            hash: String::new(),
            content: Value::Null,
            values: Map::new(),
            errors: Map::new(),
            previous,
        };
        view.take(content, hash);
        let json = self.view_json(&view);
        state.views.push(view);
        json
    }

    pub(crate) fn prepared(&self, state: &mut crate::state::State, content: &Value) -> Value {
        let mut content = content.clone();
        let blocks = content["blocks"].as_array().cloned().unwrap_or_default();
        content["blocks"] = json!(state.with_ids(blocks));
        content
    }

    /// Whether this label can be clicked in the person's modal.
    pub fn can_click_in_view(&self, person: &str, label: &str) -> bool {
        self.look(|state| {
            let view = state.views.iter().rev().find(|view| view.person == person);
            view.is_some_and(|view| find(view.blocks(), label).is_some())
        })
    }
}

fn choose(value: &mut Value, target: &Target) {
    let Some(option) = &target.option else { return };
    let Some(chosen) = value["selected_options"].as_array_mut() else {
        value["selected_option"] = option.clone();
        return;
    };
    match chosen.iter().position(|known| known == option) {
        Some(at) => {
            chosen.remove(at);
        }
        None => chosen.push(option.clone()),
    }
}

/// Every field that has to be filled and is not: its block and its label.
fn missing_fields(view: &View) -> Vec<(String, String)> {
    view.blocks()
        .iter()
        .filter(|block| block["type"] == "input" && block["optional"] != true)
        .filter_map(|block| {
            let block_id = block["block_id"].as_str().unwrap_or_default();
            let action_id = block["element"]["action_id"].as_str().unwrap_or_default();
            let entered = view
                .values
                .get(block_id)
                .and_then(|block| block.get(action_id))
                .unwrap_or(&Value::Null);
            let is_filled = entered.as_object().is_some_and(|entered| {
                entered.iter().any(|(key, value)| {
                    key != "type" && !value.is_null() && *value != json!("") && *value != json!([])
                })
            });
            (!is_filled).then(|| (block_id.to_owned(), plain(&block["label"])))
        })
        .collect()
}
