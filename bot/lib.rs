//! Rollback Bot: takes production back to a version that worked, from a Slack channel.
//!
//! In reading order: what arrives (`handlers`), what people can ask for (`commands`), the one
//! writer (`engine`) with its record (`store`), the one place that touches the world (`worker`)
//! with what it touches (`platforms`, `probe`, `slack`, `pagerduty`), the words (`messages`), and
//! what it is set up with (`config`, `clock`).
//! The rules are a crate of their own, `rollback_domain`, and so are the platforms,
//! `rollback_providers`.

#[path = "../handlers/mod.rs"]
pub mod handlers;

pub mod commands;

pub mod engine;
pub mod store;

pub mod worker;

pub mod pagerduty;
pub mod platforms;
pub mod probe;
pub mod roster;
pub mod slack;

pub mod messages;

pub mod clock;
pub mod config;
pub mod crash;
pub mod limits;
pub mod manifest;
pub mod metrics;
pub mod telemetry;

pub mod api;
pub mod check;
pub mod cli;
pub mod demo;
pub mod serve;

use anyhow::Context;
use clock::Clock;
use config::{Config, Service};
use crash::Point;
use engine::Engine;
use messages::Templates;
use metrics::Metrics;
use pagerduty::PagerDuty;
use platforms::Timed;
use rollback_domain::{authority::Roster, policy::Policy, rollback::Rollback};
use rollback_providers::Provider;
use slack::{Slack, pace::Pace};
use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};
use store::{
    Db,
    presence::{Company, Presence},
};
use tokio::sync::OnceCell;

/// Everything that a handler or a job may reach.
#[derive(Clone)]
pub struct App(Arc<Inside>);

/// What [`App`] shares.
pub struct Inside {
    /// What it was set up with.
    pub config: Config,
    /// Where rollbacks are changed.
    pub engine: Engine,
    /// Slack, as we call it.
    pub slack: Slack,
    /// PagerDuty, as we call it, if it is configured.
    pub pagerduty: Option<PagerDuty>,
    /// For looking at services from outside.
    pub http: reqwest::Client,
    /// The words.
    pub templates: Templates,
    /// What is counted.
    pub metrics: Metrics,
    /// Reads that people share.
    pub reads: commands::Reads,
    /// Who may send how much.
    pub limits: limits::Limits,
    providers: BTreeMap<(String, String), Arc<dyn Provider>>,
    team: OnceCell<Option<String>>,
    /// Kept as long as the bot lives.
    _presence: Presence,
}

impl std::ops::Deref for App {
    type Target = Inside;
    fn deref(&self) -> &Inside {
        &self.0
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("config", &self.config)
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

impl App {
    /// Opens the database and prepares everything that `config` names. Touches no network but
    /// the database's.
    pub async fn start(config: Config, clock: Clock) -> anyhow::Result<App> {
        App::prepare(config, clock, Company::Others).await
    }

    /// The same where no other process is at work on the database, nor begins to be; refused if
    /// one is.
    pub async fn start_alone(config: Config, clock: Clock) -> anyhow::Result<App> {
        App::prepare(config, clock, Company::Nobody).await
    }

    async fn prepare(config: Config, clock: Clock, company: Company) -> anyhow::Result<App> {
        telemetry::set_instance(&config.server.public_url);
        let templates = Templates::load(config.templates.as_deref())?;
        let db = Db::open(config.database.url.expose()).await?;
        let presence = Presence::begin(config.database.url.expose(), company).await?;
        crash::point(Point::DatabaseOpened);
        let http = http_client()?;
        let metrics = Metrics::default();
        let mut providers = BTreeMap::new();
        for service in &config.services {
            let key = (service.name.clone(), service.environment.clone());
            let timed = Timed::new(service.platform.connect(&http), metrics.clone());
            providers.insert(key, Arc::new(timed) as Arc<dyn Provider>);
        }
        let app = App(Arc::new(Inside {
            slack: Slack::new(
                http.clone(),
                &config.slack.api_url,
                config.slack.bot_token.expose(),
            )
            .counted(metrics.clone())
            .paced(Pace::new(db.clone(), clock.clone(), metrics.clone())),
            pagerduty: pagerduty(&config, &http),
            engine: Engine::new(db, clock),
            metrics,
            reads: commands::Reads::default(),
            limits: limits::Limits::new(&config.limits),
            team: OnceCell::new(),
            _presence: presence,
            http,
            templates,
            providers,
            config,
        }));
        worker::survey_all(&app)
            .await
            .context("the first jobs could not be stored")?;
        Ok(app)
    }

    /// The provider of a service.
    pub fn provider(&self, service: &Service) -> Option<Arc<dyn Provider>> {
        self.providers
            .get(&(service.name.clone(), service.environment.clone()))
            .cloned()
    }

    /// The workspace people must belong to: configured, or the token's own, asked for once.
    pub async fn team(&self) -> Result<Option<String>, slack::Failure> {
        if self.config.slack.team.is_some() {
            return Ok(self.config.slack.team.clone());
        }
        self.team
            .get_or_try_init(|| async {
                // Without a workspace nobody can be told from a stranger: fail closed.
                let team = self.slack.identity().await?.team_id;
                team.map(Some)
                    .ok_or(slack::Failure::Never("no_team_for_this_token".into()))
            })
            .await
            .cloned()
    }

    /// What a service asks for, from the configuration.
    pub fn policy(&self, service: &Service) -> Policy {
        let policy = &self.config.policy;
        Policy {
            rules: service.rules.clone(),
            risks: service.risks.clone(),
            objection_window: service.objection_window,
            remind: policy.remind.clone(),
            escalate: policy.escalate.clone(),
            page_on_break_glass: policy.page_on_break_glass,
            review_within: policy.review_within,
            plan_ttl: policy.plan_ttl,
            target_time: service.target_time,
            passes: service.passes,
            prove_within: service.prove_within,
            watch: service.watch,
            check_every: service.check_every,
            fingerprint: service.fingerprint.is_some(),
        }
    }
}

/// What a service asks for, and what the record knows of its roles.
#[derive(Clone, Debug)]
pub struct Authority {
    /// What it asks for.
    pub policy: Policy,
    /// Who is in its roles, as last read.
    pub roster: Roster,
}

impl App {
    /// What the service of a rollback asks for; `None` when it is not in the configuration any
    /// more. Touches no network.
    pub async fn authority(&self, rollback: &Rollback) -> sqlx::Result<Option<Authority>> {
        let Some(service) = self
            .config
            .service(&rollback.service, &rollback.environment)
        else {
            return Ok(None);
        };
        Ok(Some(Authority {
            policy: self.policy(service),
            roster: roster::last_known(self, &self.config.roles_of(service)).await?,
        }))
    }

    /// Whom to ask who is in which role.
    pub fn asking(&self) -> roster::Asking {
        roster::Asking {
            slack: self.slack.clone(),
            pagerduty: self.pagerduty.clone(),
        }
    }

    /// The workspace people must belong to, if it is known by now. Touches no network.
    pub fn known_team(&self) -> Option<&str> {
        let own = self.team.get().and_then(Option::as_deref);
        self.config.slack.team.as_deref().or(own)
    }
}

/// The one HTTP client: no redirects (a check sees what is there), time-outs, our name.
pub fn http_client() -> anyhow::Result<reqwest::Client> {
    // A second call finds it installed already; both mean that ring is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("rollback-bot/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .build()
        .context("no HTTP client could be made")
}

/// PagerDuty as the configuration has it, if it does.
pub fn pagerduty(config: &Config, http: &reqwest::Client) -> Option<PagerDuty> {
    let settings = config.pagerduty.as_ref()?;
    Some(PagerDuty::new(
        http.clone(),
        settings.api_url.clone(),
        settings.events_url.clone(),
        settings.token.clone(),
        settings.routing_key.clone(),
    ))
}
