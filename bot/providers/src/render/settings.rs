//! What a service says about its service on Render.

use super::Render;
use crate::{
    Provider,
    registry::{Documentation, Kind, ProviderSettings},
};
use reqwest::Client;
use rollback_domain::risk::Risk;
use rollback_settings::{Secret, Section, text};
use std::sync::Arc;
use url::Url;

/// Render, as the registry knows it.
pub const KIND: Kind = Kind {
    name: "render",
    class: Risk::Code,
    documentation: Documentation {
        restores: "The build, and with it the start command, the health check path, the instance count and the service's own environment variables of then.",
        leaves: "Database, disks, environment groups, instance type, custom domains, redirects and headers.",
        pins: "Render does not hold automatic deploys off when its API rolls back, so `autoDeploy` is set to `no` before, and back to what it was by unpin.",
        needs: "An API key of a member of the workspace; Render has no narrower ones.",
        takes: "A minute or two: the old build is started beside the live one and takes over when it is healthy.",
        proven: "A fake that keeps deploys, events and settings; its requests and answers are held to an extract of Render's OpenAPI document.",
        traps: &[
            "Render keeps the builds of a fixed number of deploys; older ones are refused.",
            "A service that runs an image by a tag pulls the tag again, which may be another image by now. The card says so.",
            "A suspended service cannot be rolled back.",
        ],
    },
    read: |section| Some(Arc::new(RenderSettings::read(section)?)),
};

/// The service on Render of one service.
#[derive(Clone, Debug)]
pub struct RenderSettings {
    /// Its id (`srv-…`, `crn-…`).
    pub service: String,
    /// What the API is called with.
    pub token: Secret,
    /// The API with its version, usually `https://api.render.com/v1`.
    pub api_url: Url,
}

impl RenderSettings {
    /// Reads them; `None` when there is a mistake in them.
    pub fn read(section: &Section<'_>) -> Option<Self> {
        let service = section.required("service", "\"srv-123\"", |value| {
            let service = text(value)?;
            // The path takes the id only; a name would be answered with 404 for ever.
            match is_id(&service) {
                true => Ok(service),
                false => Err(format!(
                    "{service:?} is not the id of a service; it begins with srv- or crn- and stands in the address of the service on dashboard.render.com"
                )),
            }
        });
        let token = section.required("token", "\"env:RENDER_API_KEY\"", |value| {
            section.token(value, "Render")
        });
        let api_url = section.url_or("api_url", "https://api.render.com/v1");
        Some(Self {
            service: service?,
            token: token?,
            api_url: api_url?,
        })
    }
}

/// Whether this is how Render writes the id of a service.
fn is_id(service: &str) -> bool {
    let number = ["srv-", "crn-"]
        .iter()
        .find_map(|kind| service.strip_prefix(kind));
    number.is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

impl ProviderSettings for RenderSettings {
    fn identity(&self) -> String {
        self.service.clone()
    }

    fn connect(&self, http: &Client) -> Arc<dyn Provider> {
        Arc::new(Render::new(http.clone(), self.clone()))
    }
}
