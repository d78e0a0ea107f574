//! A service on a platform, and a rollback there, step by step, as the engine runs it.

use crate::{argocd_api, github_api, railway_api, render_api};
use jiff::Timestamp;
use rollback_domain::{
    grammar::Target,
    history::History,
    identity::RollbackId,
    people::Person,
    plan::{Aim, Basis, Plan},
    platform::{About, Holds, Order, Progress, ProviderError, Receipt},
    release::{Pin, Survey, Way},
    risk::RiskRules,
};
use rollback_providers::{Provider, registry};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};
use tempfile::TempDir;

/// A token, as every service of these tests has it in the variable `TOKEN`.
pub const TOKEN: &str = "token-of-the-platform-51";

/// The key of an App that is nowhere.
pub const APP_KEY: &str = include_str!("app.pem");

/// The platform of a section, or every mistake in it.
pub fn platform(section: &str) -> Result<registry::Platform, String> {
    let env = |name: &str| match name {
        "TOKEN" => Some(TOKEN.to_owned()),
        "RENDER_API_KEY" => Some(render_api::TOKEN.to_owned()),
        "ARGOCD_TOKEN" => Some(argocd_api::TOKEN.to_owned()),
        "GITHUB_TOKEN" => Some(github_api::TOKEN.to_owned()),
        "APP_KEY" => Some(APP_KEY.to_owned()),
        "RAILWAY_TOKEN" => Some(railway_api::TOKEN.to_owned()),
        _ => None,
    };
    let file = |path: &Path| fs::read_to_string(path);
    let read = rollback_settings::read(section, &env, &file, &[], |section| {
        let (_, platform) = registry::read(section);
        section.done();
        platform
    });
    read.map(|(platform, _)| platform)
        .map_err(|mistakes| mistakes.to_string())
}

/// Its provider.
pub fn connect(section: &str) -> Arc<dyn Provider> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder();
    let http = http
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    platform(section)
        .unwrap_or_else(|mistakes| panic!("{mistakes}"))
        .connect(&http)
}

/// A directory with programs in it.
pub struct Programs(TempDir);

impl Programs {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A script that runs in the directory; gives its path.
    pub fn add(&self, name: &str, script: &str) -> String {
        let path = self.path(name);
        fs::write(
            &path,
            format!("#!/bin/sh\ncd \"$(dirname \"$0\")\" || exit 9\n{script}\n"),
        )
        .unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    }

    pub fn write(&self, name: &str, contents: &str) {
        fs::write(self.path(name), contents).unwrap();
    }

    /// What stands in a file; nothing when it is not there.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// What is read of a platform.
pub async fn survey(provider: &dyn Provider) -> Survey {
    provider.survey(&About::default()).await.unwrap()
}

/// What serves, as people call it.
pub async fn live(provider: &dyn Provider) -> String {
    let live = survey(provider).await.live();
    live.map(|release| release.label().to_owned())
        .unwrap_or_default()
}

/// A rollback that is under way.
pub struct Run<'a> {
    provider: &'a dyn Provider,
    pub order: Order,
}

impl<'a> Run<'a> {
    /// Plans to go back to the release that people call this.
    pub async fn to(provider: &'a dyn Provider, target: &str) -> Run<'a> {
        let survey = survey(provider).await;
        let aim = Aim {
            target: Target::Named(target.into()),
            utc_offset: 0,
            undoes: None,
            part: None,
        };
        let risks = RiskRules::default();
        let basis = Basis {
            service: &rollback_domain::identity::ServiceKey::new("api", "production"),
            survey: &survey,
            effects: &provider.effects(Way::Back),
            history: &History::default(),
            risks: &risks,
        };
        let now: Timestamp = "2026-03-14T03:12:00Z".parse().unwrap();
        let plan = Plan::draw(basis, &aim, now).unwrap();
        let dry_run = provider.dry_run(&survey, &plan.to, &About::default()).await;
        let plan = plan.with_dry_run(dry_run.unwrap(), &risks);
        Run {
            provider,
            order: Order {
                rollback: RollbackId::new(41),
                memory: survey.memory,
                plan,
                step: 0,
                asked_at: Some(now),
                reason: Some("checkout \"500s\"; rm -rf /".into()),
                by: Person::new("U1", "sam"),
                tasks: vec![],
                undoes: None,
            },
        }
    }

    /// Asks for the step.
    pub async fn ask(&mut self) -> Result<Receipt, ProviderError> {
        let receipt = self.provider.act(&self.order).await?;
        if !receipt.memory.is_null() {
            self.order.memory = receipt.memory.clone();
        }
        Ok(receipt)
    }

    pub async fn look(&self) -> Progress {
        self.provider.observe(&self.order).await.unwrap()
    }

    /// Holds automatic deploys off where that comes first, asks, and looks until it serves.
    pub async fn finish(&mut self) -> Pin {
        if self.order.plan.effects.holds == Holds::OnRequest {
            self.provider.pin().await.unwrap();
        }
        self.ask().await.unwrap();
        self.look_until_it_serves().await
    }

    /// Looks, and goes on where the next step is ready, until it serves.
    pub async fn look_until_it_serves(&mut self) -> Pin {
        for _ in 0..20 {
            match self.look().await {
                Progress::StepReady { next, .. } => {
                    self.order.step = next.number;
                    self.ask().await.unwrap();
                }
                Progress::Serving { surfaces, pin, .. }
                    if surfaces
                        .iter()
                        .all(|surface| surface.live.as_ref() == Some(&self.order.plan.to.id)) =>
                {
                    return pin;
                }
                Progress::Serving { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        panic!("it does not come to an end");
    }
}
