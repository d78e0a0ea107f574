//! What a service says about its application in Argo CD.

use super::ArgoCd;
use crate::{
    Provider,
    registry::{Documentation, Kind, ProviderSettings},
    rest::check_address,
};
use reqwest::Client;
use rollback_domain::risk::Risk;
use rollback_settings::{Secret, Section, Value, flag, text, url};
use std::sync::Arc;
use url::Url;

/// Applications of Argo CD, as the registry knows them.
pub const KIND: Kind = Kind {
    name: "argocd",
    class: Risk::Code,
    documentation: Documentation {
        restores: "The manifests of an earlier sync: the commit, or the version of the chart, of every source, with the Helm and Kustomize parameters of then.",
        leaves: "Git, database, volumes, and resources that were added since, unless `prune = true`.",
        pins: "Argo CD refuses to roll back while automated sync is on, so it is switched off before; how it was set (`prune`, `selfHeal`) is kept in an annotation of the application, and unpin sets it so again.",
        needs: "A token of an account, or of a role of the project, that may `get`, `sync` and `update` the application.",
        takes: "Half a minute to minutes: a sync, and then until Argo CD calls the application Healthy.",
        proven: "A fake that keeps history, operations, sync policies and health; its requests and answers are held to an extract of Argo CD's OpenAPI document. Not tried on a real Argo CD.",
        traps: &[
            "Git still has the release that is left. Unpin is refused until that is reverted or another commit is on top of it, because automated sync would bring it back at once.",
            "An application of an ApplicationSet or of an app of apps is refused: its owner would switch automated sync on again. So is an app of apps itself.",
            "The sync of a rollback runs no hooks (PreSync, PostSync): a migration there is neither run nor taken back.",
            "Only the syncs that are kept can be gone to: `revisionHistoryLimit`, usually ten.",
            "A sync that is under way, also one that is tried again and again, is waited for: `argocd app terminate-op` ends it.",
            "Where Argo CD never calls the application Healthy, set `wait_for_health = false`: it then counts as serving as soon as it is synced.",
        ],
    },
    read: |section| Some(Arc::new(ArgoCdSettings::read(section)?)),
};

/// The application of one service.
#[derive(Clone, Debug)]
pub struct ArgoCdSettings {
    /// Its name.
    pub(super) application: String,
    /// The namespace it is in; `None`: Argo CD's own.
    pub(super) namespace: Option<String>,
    /// What the API is called with.
    pub(super) token: Secret,
    /// Where Argo CD's web page is.
    pub(super) api_url: Url,
    /// The certificate authority of its address, as PEM; `None`: one that is known everywhere.
    pub(super) ca: Option<Secret>,
    /// Whether a rollback removes the resources that were added since.
    pub(super) prune: bool,
    /// Whether the target serves only when Argo CD calls the application Healthy.
    pub(super) wait_for_health: bool,
}

impl ArgoCdSettings {
    /// Reads them; `None` when there is a mistake in them.
    pub fn read(section: &Section<'_>) -> Option<Self> {
        let application = section.required("application", "\"shop\"", name);
        let namespace = section.optional("namespace", name);
        let token = section.required("token", "\"env:ARGOCD_TOKEN\"", |value| {
            section.token(value, "Argo CD")
        });
        let api_url = section.required("api_url", "\"https://argocd.example.com\"", |value| {
            let address = url(value)?;
            check_address(&address)?;
            Ok(address)
        });
        let ca = section.optional("ca", |value| section.pem(value));
        if section.get("ca").is_some() && ca.is_none() {
            return None;
        }
        Some(Self {
            application: application?,
            namespace,
            token: token?,
            api_url: api_url?,
            ca,
            prune: section.or("prune", false, flag),
            wait_for_health: section.or("wait_for_health", true, flag),
        })
    }
}

/// The name of an application or a namespace: one piece of a path.
fn name(value: &Value) -> Result<String, String> {
    let name = text(value)?;
    let fits = |letter: char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-.".contains(letter)
    };
    let is_name = name.chars().all(fits) && name.contains(|letter: char| letter.is_alphanumeric());
    match is_name && name.len() <= 253 {
        true => Ok(name),
        false => Err(format!(
            "{name:?} is no name that Argo CD takes: a-z, 0-9, \"-\" and \".\"; a namespace has a key of its own"
        )),
    }
}

impl ProviderSettings for ArgoCdSettings {
    fn identity(&self) -> String {
        let namespace = self.namespace.as_deref().unwrap_or_default();
        format!("{} {namespace} {}", self.api_url, self.application)
    }

    fn connect(&self, http: &Client) -> Arc<dyn Provider> {
        Arc::new(ArgoCd::new(http.clone(), self.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The settings in a section, or every mistake in it.
    fn settings(section: &str) -> Result<ArgoCdSettings, String> {
        let env = |name: &str| (name == "TOKEN").then(|| "token-of-argo-cd".to_owned());
        let no_file = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        let read = rollback_settings::read(section, &env, &no_file, &[], |section| {
            let settings = ArgoCdSettings::read(section);
            section.done();
            settings
        });
        read.map(|(settings, _)| settings)
            .map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn mistakes_are_named() {
        let rest = "token = \"env:TOKEN\"\napi_url = \"https://argocd.example.com\"";
        for (section, named) in [
            (rest.to_owned(), "application: is missing"),
            (
                format!("application = \"argocd/shop\"\n{rest}"),
                "a namespace has a key of its own",
            ),
            (
                "application = \"shop\"\ntoken = \"env:TOKEN\"".to_owned(),
                "api_url: is missing",
            ),
            (
                "application = \"shop\"\ntoken = \"env:TOKEN\"\napi_url = \"http://argocd.example.com\"".to_owned(),
                "api_url: is not https",
            ),
            (
                format!("application = \"shop\"\nca = \"env:TOKEN\"\n{rest}"),
                "ca: ",
            ),
        ] {
            let mistakes = settings(&section).unwrap_err();
            assert!(mistakes.contains(named), "{mistakes}");
        }
        let shop = settings(&format!("application = \"shop\"\n{rest}")).unwrap();
        assert!(!shop.prune && shop.wait_for_health);
        assert!(!format!("{shop:?}").contains("token-of-argo-cd"));
    }
}
