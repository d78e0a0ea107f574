//! What a service says about its project.

use super::Vercel;
use crate::{
    Provider,
    registry::{Documentation, Kind, ProviderSettings},
};
use reqwest::Client;
use rollback_domain::risk::Risk;
use rollback_settings::{Secret, Section, text};
use std::sync::Arc;
use url::Url;

/// Vercel, as the registry knows it.
pub const KIND: Kind = Kind {
    name: "vercel",
    class: Risk::Code,
    documentation: Documentation {
        restores: "Code, the cron jobs of the target's vercel.json, and the environment values that were built into it.",
        leaves: "Database, today's environment settings, flags and storage.",
        pins: "A rollback holds automatic deploys off by itself; unpin lets them go live again.",
        needs: "A token with access to the project's team and to nothing else.",
        takes: "Seconds to a minute: domain by domain, without a build.",
        proven: "A fake that keeps deployments, domains and jobs as Vercel's published API says.",
        traps: &[
            "On the Hobby plan only the deployment right before the live one can be gone to.",
            "Up to 250 domains are read; with more, nothing is called VERIFIED.",
        ],
    },
    read: |section| Some(Arc::new(VercelSettings::read(section)?)),
};

/// The project of one service.
#[derive(Clone, Debug)]
pub struct VercelSettings {
    /// The project's id (`prj_…`) or name.
    pub project: String,
    /// The team that owns it: an id (`team_…`) or a slug. `None`: the token's own account.
    pub team: Option<String>,
    /// What the API is called with.
    pub token: Secret,
    /// The API without a path, usually `https://api.vercel.com`.
    pub api_url: Url,
}

impl VercelSettings {
    /// Reads them; `None` when there is a mistake in them.
    pub fn read(section: &Section<'_>) -> Option<Self> {
        let project = section.required("project", "\"prj_123\"", text);
        let team = section.optional("team", text);
        let token = section.required("token", "\"env:VERCEL_TOKEN\"", |value| {
            section.token(value, "Vercel")
        });
        let api_url = section.url_or("api_url", "https://api.vercel.com");
        Some(Self {
            project: project?,
            team,
            token: token?,
            api_url: api_url?,
        })
    }
}

impl ProviderSettings for VercelSettings {
    fn identity(&self) -> String {
        match self.project.starts_with("prj_") {
            // An id is one project, whichever team and address it is asked for with.
            true => self.project.clone(),
            false => format!("{} {:?} {:?}", self.api_url, self.team, self.project),
        }
    }

    fn connect(&self, http: &Client) -> Arc<dyn Provider> {
        Arc::new(Vercel::new(http.clone(), self.clone()))
    }
}
