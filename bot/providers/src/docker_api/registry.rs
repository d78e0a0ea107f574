//! With what a registry is asked for an image.

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use rollback_settings::{Secret, Section, text};
use serde_json::json;

/// The header in which an engine is told who asks a registry.
pub(crate) const REGISTRY_AUTH: &str = "x-registry-auth";

/// Who asks a registry for an image.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    user: String,
    password: Secret,
}

impl Registry {
    /// Reads it; `None` when it is not configured, or there is a mistake in it.
    pub(crate) fn read(section: &Section<'_>) -> Option<Self> {
        let user = section.optional("registry_user", text);
        let password = section.optional("registry_password", |value| section.secret(value));
        match (user, password) {
            (Some(user), Some(password)) => Some(Self { user, password }),
            (None, None) => None,
            (Some(_), None) => {
                section.mistake("registry_password", "is missing beside registry_user");
                None
            }
            (None, Some(_)) => {
                section.mistake("registry_user", "is missing beside registry_password");
                None
            }
        }
    }

    /// Who asks for this image, as the engine passes it on.
    pub(crate) fn header(&self, image: &str) -> String {
        let first = image.split('/').next().unwrap_or_default();
        let has_address = image.contains('/') && first.contains(['.', ':']) || first == "localhost";
        let address = match has_address {
            true => first,
            false => "https://index.docker.io/v1/",
        };
        let asked_by = json!({
            "username": self.user,
            "password": self.password.expose(),
            "serveraddress": address,
        });
        URL_SAFE.encode(asked_by.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_registry_is_told_who_asks() {
        let registry = Registry {
            user: "bot".into(),
            password: Secret::new("hunter2"),
        };
        let sent = |image: &str| {
            let decoded = URL_SAFE.decode(registry.header(image)).unwrap();
            serde_json::from_slice::<Value>(&decoded).unwrap()
        };
        let asked_by = sent("registry.example.com/shop@sha256:1111");
        assert_eq!(asked_by["serveraddress"], "registry.example.com");
        assert_eq!(asked_by["password"], "hunter2");
        let hub = sent("acme/shop@sha256:1111");
        assert_eq!(hub["serveraddress"], "https://index.docker.io/v1/");
    }
}
