//! What a service says about its service on Railway.

use super::Railway;
use crate::{
    Provider,
    registry::{Documentation, Kind, ProviderSettings},
};
use reqwest::Client;
use rollback_domain::risk::Risk;
use rollback_settings::{Secret, Section, choice, text};
use std::sync::Arc;
use url::Url;

/// Railway, as the registry knows it.
pub const KIND: Kind = Kind {
    name: "railway",
    class: Risk::Code,
    documentation: Documentation {
        restores: "The image and the service's variables of then.",
        leaves: "Database, volumes, domains and the variables of other services.",
        pins: "Railway does not hold automatic deploys off when it rolls back, so they are switched off before, and on again by unpin.",
        needs: "A project token of the environment; an account token works, and can do more.",
        takes: "A minute or two: the old image is started anew.",
        proven: "A fake that keeps deployments and settings; each document is held to an extract of Railway's schema.",
        traps: &[
            "Railway keeps images of removed deployments for 24 hours to 15 days, by its plan; later it refuses.",
            "Railway's answer to a rollback names no deployment. The new one is found again by its image.",
            "Deployments of the same image count as one release: a change of variables alone cannot be taken back.",
        ],
    },
    read: |section| Some(Arc::new(RailwaySettings::read(section)?)),
};

/// What a token is a token of, which decides the header that it goes into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// One environment of one project.
    Project,
    /// An account or a workspace.
    Account,
}

/// The service on Railway of one service.
#[derive(Clone, Debug)]
pub struct RailwaySettings {
    /// The id of its project.
    pub project: String,
    /// The id of its environment.
    pub environment: String,
    /// Its own id.
    pub service: String,
    /// What the API is called with.
    pub token: Secret,
    /// Which kind of token that is.
    pub token_kind: TokenKind,
    /// The GraphQL endpoint, usually `https://backboard.railway.com/graphql/v2`.
    pub api_url: Url,
}

impl RailwaySettings {
    /// Reads them; `None` when there is a mistake in them.
    pub fn read(section: &Section<'_>) -> Option<Self> {
        let id = |key: &str| section.required(key, "\"6f1c2d3e-…\"", text);
        let (project, environment, service) = (id("project"), id("environment"), id("service"));
        let token = section.required("token", "\"env:RAILWAY_TOKEN\"", |value| {
            section.token(value, "Railway")
        });
        let kinds = [
            ("project", TokenKind::Project),
            ("account", TokenKind::Account),
        ];
        let token_kind = section.or("token_kind", TokenKind::Project, |value| {
            choice(value, &kinds)
        });
        let api_url = section.url_or("api_url", "https://backboard.railway.com/graphql/v2");
        Some(Self {
            project: project?,
            environment: environment?,
            service: service?,
            token: token?,
            token_kind,
            api_url: api_url?,
        })
    }
}

impl ProviderSettings for RailwaySettings {
    fn identity(&self) -> String {
        format!("{} {}", self.environment, self.service)
    }

    fn connect(&self, http: &Client) -> Arc<dyn Provider> {
        Arc::new(Railway::new(http.clone(), self.clone()))
    }
}
