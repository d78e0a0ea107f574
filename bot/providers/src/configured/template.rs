//! Texts with placeholders, `{id}`, which are filled where a call is made.

use rollback_settings::{Secret, did_you_mean};
use std::collections::BTreeMap;

/// The placeholders that a text may have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    /// Those that stand for a text.
    pub(crate) texts: Vec<String>,
    /// Those that stand for a secret, and may stand only where secrets are sent.
    pub(crate) secrets: Vec<String>,
}

impl Names {
    /// The same, and these texts besides.
    pub(crate) fn with(&self, more: &[&str]) -> Self {
        let mut names = self.clone();
        names.texts.extend(more.iter().map(ToString::to_string));
        names
    }
}

/// What placeholders stand for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values {
    texts: BTreeMap<String, String>,
    secrets: BTreeMap<String, Secret>,
}

impl Values {
    /// Sets what one stands for.
    pub(crate) fn set(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.texts.insert(name.into(), text.into());
    }

    /// Sets what one stands for, where that is known.
    pub(crate) fn set_known(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.set(name, text);
        }
    }

    /// Sets the secret that one stands for.
    pub(crate) fn set_secret(&mut self, name: impl Into<String>, secret: Secret) {
        self.secrets.insert(name.into(), secret);
    }

    /// Whether it is known what this one stands for.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.texts.contains_key(name)
    }

    /// The secrets, by the names of their placeholders.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = (&str, &Secret)> {
        let secrets = self.secrets.iter();
        secrets.map(|(name, secret)| (name.as_str(), secret))
    }

    /// The text, without any of the secrets in it.
    pub(crate) fn hide_secrets(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.secrets.values() {
            text = text.replace(secret.expose(), "…");
        }
        text
    }
}

/// A text with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(String),
}

impl Template {
    /// Reads one. A brace that opens no name is itself; a name that is not known is a mistake.
    pub(crate) fn parse(text: &str, names: &Names) -> Result<Self, String> {
        let mut parts = vec![];
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            literal.push_str(&rest[..at]);
            match name_at(&rest[at..]) {
                Some(name) => {
                    check(name, names)?;
                    if !literal.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut literal)));
                    }
                    parts.push(Part::Placeholder(name.to_owned()));
                    rest = &rest[at + name.len() + 2..];
                }
                None => {
                    literal.push('{');
                    rest = &rest[at + 1..];
                }
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self(parts))
    }

    /// The text; `write` has each value as it may stand at this place, and is told whether the
    /// text begins with it. `Err`: the name of a placeholder that nothing is known for, or why a
    /// value may not stand here.
    pub(crate) fn fill(
        &self,
        values: &Values,
        write: impl Fn(&str, bool) -> Result<String, String>,
    ) -> Result<String, Unfilled> {
        let mut text = String::new();
        for (at, part) in self.0.iter().enumerate() {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Placeholder(name) => {
                    let value = values.texts.get(name).map(String::as_str);
                    let secret = values.secrets.get(name).map(Secret::expose);
                    let value = value.or(secret).ok_or_else(|| Unfilled {
                        name: name.clone(),
                        why: None,
                    })?;
                    text.push_str(&write(value, at == 0).map_err(|why| Unfilled {
                        name: name.clone(),
                        why: Some(why),
                    })?);
                }
            }
        }
        Ok(text)
    }

    /// Its placeholders.
    pub(crate) fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Placeholder(name) => Some(name.as_str()),
        })
    }

    /// With the values that are known, and the names of the others: which thing is meant, whatever
    /// is done with it.
    pub(crate) fn partly_filled(&self, values: &Values) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(literal) => literal.clone(),
            Part::Placeholder(name) => match values.texts.get(name) {
                Some(value) => value.clone(),
                None => format!("{{{name}}}"),
            },
        });
        parts.collect()
    }
}

/// Why a text cannot be filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfilled {
    /// The placeholder.
    name: String,
    /// Why its value may not stand there, as a clause; `None`: it has none.
    why: Option<String>,
}

impl Unfilled {
    /// As a sentence about a platform that was not asked.
    pub(crate) fn sentence(&self, platform: &str) -> String {
        match &self.why {
            Some(why) => format!(
                "{platform} was not asked: {{{}}} {why}. Choose another release, or change the call in the configuration.",
                self.name
            ),
            None => format!(
                "{platform} was not asked: the platform tells no {{{}}} for this release. Choose another one, or use another placeholder in the configuration.",
                self.name
            ),
        }
    }
}

/// The name of the placeholder with which a text begins.
fn name_at(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('{')?;
    let name = &inside[..inside.find('}')?];
    let is_first = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    let fits = name.starts_with(is_first)
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    fits.then_some(name)
}

fn check(name: &str, names: &Names) -> Result<(), String> {
    let texts = names.texts.iter().map(String::as_str);
    let known: Vec<&str> = texts
        .chain(names.secrets.iter().map(String::as_str))
        .collect();
    if known.contains(&name) {
        return Ok(());
    }
    let advice = did_you_mean(name, &known).unwrap_or_else(|| match known.as_slice() {
        [] => "nothing can be filled in here".to_owned(),
        known => format!("there is {{{}}}", known.join("}, {")),
    });
    Err(format!("{{{name}}} stands for nothing here; {advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names {
            texts: vec!["id".into(), "because".into()],
            secrets: vec!["token".into()],
        }
    }

    fn filled(text: &str, values: &Values) -> Result<String, Unfilled> {
        let template = Template::parse(text, &names()).unwrap();
        template.fill(values, |value, _| Ok(value.to_owned()))
    }

    #[test]
    fn placeholders_are_filled_and_other_braces_are_themselves() {
        let mut values = Values::default();
        values.set("id", "v1 {because}");
        values.set_secret("token", Secret::new("hunter2"));
        assert_eq!(filled("a{id}b", &values).unwrap(), "av1 {because}b");
        assert_eq!(
            filled("{{json .}} {} {", &values).unwrap(),
            "{{json .}} {} {"
        );
        assert_eq!(filled("Bearer {token}", &values).unwrap(), "Bearer hunter2");
        assert_eq!(values.hide_secrets("is hunter2 it"), "is … it");
        assert!(!format!("{values:?}").contains("hunter2"));
    }

    #[test]
    fn a_name_that_nobody_knows_is_a_mistake_and_one_without_a_value_is_told() {
        let mistake = Template::parse("{becuase}", &names()).unwrap_err();
        assert_eq!(
            mistake,
            "{becuase} stands for nothing here; did you mean \"because\"?"
        );
        let why = filled("{because}", &Values::default()).unwrap_err();
        let sentence = why.sentence("Helm");
        assert!(sentence.starts_with("Helm was not asked: the platform tells no {because}"));
    }
}
