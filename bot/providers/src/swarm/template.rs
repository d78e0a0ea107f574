//! What the tasks of a service are made of, and what it is called.

use crate::{
    docker_api::{plain, tag},
    json::text,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// What does not change what a task is: a counter that only makes Swarm replace all of them, and
/// what Swarm shows of a service and not of its tasks.
const NOT_CONTENT: [&str; 2] = ["ForceUpdate", "Runtime"];

/// What tasks are made of, as a service or one of its tasks shows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Template<'a>(pub(super) &'a Value);

impl<'a> Template<'a> {
    pub(super) fn is_container(&self) -> bool {
        self.0["ContainerSpec"].is_object()
    }

    /// The reference of its image: `registry.example.com/shop:v212@sha256:…`.
    pub(super) fn image(&self) -> &'a str {
        text(&self.0["ContainerSpec"], "Image").unwrap_or_default()
    }

    /// The digest of its image; `None`: it is named by a tag only.
    pub(super) fn digest(&self) -> Option<&'a str> {
        let (_, digest) = self.image().split_once('@')?;
        Some(digest)
    }

    /// The tag of its image, if that names a release.
    pub(super) fn tag(&self) -> Option<&'a str> {
        tag(self.image())
    }

    /// One id for the same content: the digest of its image (its reference, where it has none), and
    /// a short word for everything else.
    pub(super) fn id(&self) -> String {
        format!(
            "{}+{}",
            self.digest().unwrap_or(self.image()),
            self.settings()
        )
    }

    /// A short word that is another one when anything but the image differs. What it is made of may
    /// have secrets in it, and cannot be read from it.
    pub(super) fn settings(&self) -> String {
        let mut rest = self.0.clone();
        if let Some(all) = rest.as_object_mut() {
            for key in NOT_CONTENT {
                all.remove(key);
            }
        }
        if let Some(container) = rest["ContainerSpec"].as_object_mut() {
            container.remove("Image");
        }
        let mut canonical = String::new();
        write(&plain(&rest), &mut canonical);
        let hash = Sha256::digest(canonical);
        hash.iter()
            .take(4)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// Writes a value the same way in whatever order its keys are kept.
fn write(value: &Value, into: &mut String) {
    match value {
        Value::Object(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            into.push('{');
            for (key, value) in entries {
                into.push_str(&Value::from(key.as_str()).to_string());
                into.push(':');
                write(value, into);
                into.push(',');
            }
            into.push('}');
        }
        Value::Array(values) => {
            into.push('[');
            for value in values {
                write(value, into);
                into.push(',');
            }
            into.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            into.push_str(&value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn id(template: &Value) -> String {
        Template(template).id()
    }

    #[test]
    fn an_id_is_the_image_and_everything_else_that_a_task_is_made_of() {
        let live = json!({
            "ContainerSpec": { "Image": "acme/shop:v2@sha256:22", "Env": ["A=1"], "DNSConfig": {} },
            "ForceUpdate": 3,
            "Runtime": "container",
        });
        assert!(id(&live).starts_with("sha256:22+"), "{}", id(&live));
        // A task shows less than its service, and a restart is no other release.
        let of_a_task = json!({
            "ContainerSpec": { "Env": ["A=1"], "Image": "acme/shop:v2@sha256:22", "Secrets": null },
            "ForceUpdate": 0,
        });
        assert_eq!(id(&of_a_task), id(&live));
        // The tag is only a name.
        let mut other = live.clone();
        other["ContainerSpec"]["Image"] = json!("acme/shop@sha256:22");
        assert_eq!(id(&other), id(&live));
        for (at, value) in [
            ("/ContainerSpec/Image", json!("acme/shop:v2@sha256:23")),
            ("/ContainerSpec/Env", json!(["A=2"])),
        ] {
            let mut other = live.clone();
            *other.pointer_mut(at).unwrap() = value;
            assert_ne!(id(&other), id(&live), "{at}");
        }
    }

    #[test]
    fn an_image_without_a_digest_is_its_reference() {
        let template = json!({ "ContainerSpec": { "Image": "shop:v2" } });
        let template = Template(&template);
        assert!(template.id().starts_with("shop:v2+"), "{}", template.id());
        assert_eq!((template.digest(), template.tag()), (None, Some("v2")));
    }
}
