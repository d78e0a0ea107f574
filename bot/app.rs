//! What a handler or a job may reach.

use crate::{
    answer::Answer,
    clock::Clock,
    config::{Config, Group, NoticeSettings, Service},
    crash::{self, Point},
    engine::{self, Engine},
    http_client,
    limits::Limits,
    messages::Templates,
    metrics::Metrics,
    names::Names,
    notices::{Notices, statuspage::Statuspage, webhook::Webhook},
    pagerduty::PagerDuty,
    platforms::Timed,
    reads::{Read, Reads},
    repositories::{GitHub, GitLab, Repositories},
    slack::{self, Identity, Slack, pace::Pace},
    store::{
        Db,
        presence::{Company, Presence},
    },
    telemetry,
};
use anyhow::Context;
use axum::extract::FromRef;
use jiff::{SignedDuration, Timestamp};
use rollback_domain::{
    canary::Schedule, identity::ServiceKey, job::Job, policy::Policy, risk::RiskRules,
};
use rollback_providers::Provider;
use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{OnceCell, watch};
use url::Url;

/// How often the clock of the database is read.
const READ_CLOCK_EVERY: Duration = Duration::from_secs(10);
/// How long that may take.
const CLOCK_ANSWERS_WITHIN: Duration = Duration::from_millis(500);
/// How long a rollback is checked whose service is not in the configuration any more, and how often
/// a group is looked at that nothing has changed.
const CHECKED_WITHIN: Duration = Duration::from_secs(60);

/// Everything that a handler or a job may reach.
#[derive(Clone)]
pub struct App(Arc<Inside>);

/// The app of the configuration that holds now. A request or a job takes one app, and so sees one
/// whole configuration from its beginning to its end.
#[derive(Clone, Debug)]
pub struct CurrentApp(Arc<watch::Sender<App>>);

impl CurrentApp {
    /// Begins with an app.
    pub fn new(app: App) -> CurrentApp {
        CurrentApp(Arc::new(watch::Sender::new(app)))
    }

    /// The app for one request or one job.
    pub fn app(&self) -> App {
        self.0.borrow().clone()
    }

    /// Gives this app to whatever begins from now on.
    pub fn replace(&self, app: App) {
        self.0.send_replace(app);
    }
}

/// A handler takes its app when its request comes.
impl FromRef<CurrentApp> for App {
    fn from_ref(current: &CurrentApp) -> App {
        current.app()
    }
}

/// What [`App`] shares.
pub struct Inside {
    /// What it was set up with.
    pub config: Config,
    /// Where rollbacks are changed.
    pub engine: Engine,
    /// Slack, as we call it.
    pub slack: Slack,
    /// The hosts of repositories, as we ask them, as far as they are configured.
    pub repositories: Repositories,
    /// PagerDuty, as we call it, if it is configured.
    pub pagerduty: Option<PagerDuty>,
    /// Where updates for customers are published outside of Slack, by name.
    pub notices: BTreeMap<String, Box<dyn Notices>>,
    /// For looking at services from outside.
    pub http: reqwest::Client,
    /// The words.
    pub templates: Templates,
    /// What is counted.
    pub metrics: Metrics,
    /// Reads that people share.
    pub reads: Reads<Read, Answer>,
    /// Who may send how much.
    pub limits: Arc<Limits>,
    /// What people are called, by their ids in what others write.
    pub names: Arc<Names>,
    providers: BTreeMap<ServiceKey, Arc<dyn Provider>>,
    identity: Arc<OnceCell<Identity>>,
    /// Kept as long as the bot lives.
    presence: Arc<Presence>,
}

/// What stays when the configuration is another one.
struct Kept {
    engine: Engine,
    http: reqwest::Client,
    metrics: Metrics,
    limits: Arc<Limits>,
    names: Arc<Names>,
    identity: Arc<OnceCell<Identity>>,
    presence: Arc<Presence>,
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
        let address = config.server.public_url.as_ref();
        telemetry::set_instance(address.map_or(config.instance(), Url::as_str));
        let templates = Templates::load(config.templates.as_deref())?;
        let db = Db::open(config.database.url.expose()).await?;
        // Before anything is stored: replicas share one time, and that is the database's.
        read_database_clock(&db, &clock).await?;
        let presence = Presence::begin(config.database.url.expose(), company).await?;
        crash::point(Point::DatabaseOpened);
        let app = App::connected(
            Kept {
                limits: Arc::new(Limits::new(&config.limits)),
                engine: Engine::new(db, clock),
                http: http_client()?,
                metrics: Metrics::default(),
                names: Arc::default(),
                identity: Arc::default(),
                presence: Arc::new(presence),
            },
            config,
            templates,
        );
        app.engine
            .look_at_what_waits_long()
            .await
            .context("the jobs that wait could not be looked at")?;
        app.survey_all()
            .await
            .context("the first jobs could not be stored")?;
        Ok(app)
    }

    /// The app with another configuration, for what begins from now on: on the same record, with the
    /// same clock, and with everything that was counted and learned. Touches no network.
    pub fn with_config(&self, config: Config) -> anyhow::Result<App> {
        let templates = Templates::load(config.templates.as_deref())?;
        let of = |config: &Config| {
            let token = config.slack.bot_token.expose().to_owned();
            (config.slack.api_url.clone(), token)
        };
        let kept = Kept {
            engine: self.engine.clone(),
            http: self.http.clone(),
            metrics: self.metrics.clone(),
            limits: match config.limits == self.config.limits {
                true => self.limits.clone(),
                false => Arc::new(Limits::new(&config.limits)),
            },
            names: self.names.clone(),
            identity: match of(&config) == of(&self.config) {
                true => self.identity.clone(),
                false => Arc::default(),
            },
            presence: self.presence.clone(),
        };
        Ok(App::connected(kept, config, templates))
    }

    /// Connects everything that `config` names. Nothing is asked yet.
    fn connected(kept: Kept, config: Config, templates: Templates) -> App {
        let Kept {
            engine,
            http,
            metrics,
            limits,
            names,
            identity,
            presence,
        } = kept;
        let mut providers = BTreeMap::new();
        for service in &config.services {
            let key = service.key.clone();
            let timed = Timed::new(service.platform.connect(&http), metrics.clone());
            providers.insert(key, Arc::new(timed) as Arc<dyn Provider>);
        }
        let (db, clock) = (&engine.db, &engine.clock);
        App(Arc::new(Inside {
            slack: Slack::new(
                http.clone(),
                &config.slack.api_url,
                config.slack.bot_token.expose(),
            )
            .counted(metrics.clone())
            .timed(clock.clone())
            .paced(Pace::new(db.clone(), clock.clone(), metrics.clone())),
            repositories: repositories(&config, &http),
            pagerduty: pagerduty(&config, &http),
            notices: notices(&config, &http, clock),
            engine,
            metrics,
            // A read that began with another configuration is shared with nobody who came later.
            reads: Reads::default(),
            limits,
            names,
            identity,
            presence,
            http,
            templates,
            providers,
            config,
        }))
    }

    /// Reads the clock of the database that replicas share, again and again. Does nothing on SQLite.
    pub async fn follow_database_clock(&self) -> Infallible {
        loop {
            tokio::time::sleep(READ_CLOCK_EVERY).await;
            if let Err(error) = read_database_clock(&self.engine.db, &self.engine.clock).await {
                tracing::debug!(%error, "the database's clock could not be read; time goes on as it passes");
            }
        }
    }

    /// How far the clock of this machine is ahead of the database's; `None`: the database has none of
    /// its own.
    pub async fn clock_is_off(&self) -> sqlx::Result<Option<SignedDuration>> {
        let time = self.engine.db.time().await?;
        Ok(time.map(|time| Clock::real().now().duration_since(time)))
    }

    /// When the clock was set, everything that waits is looked at again.
    pub async fn look_again_after_a_jump(&self) {
        let Some(by) = self.engine.clock.jumped() else {
            return;
        };
        self.metrics.moment_corrected("clock");
        if let Err(error) = self.engine.look_again().await {
            tracing::warn!(%error, "what waits could not be looked at after the clock was set");
            self.engine.clock.jumped_by(by);
        }
    }

    /// The provider of a service.
    pub fn provider(&self, service: &Service) -> Option<Arc<dyn Provider>> {
        self.providers.get(&service.key).cloned()
    }

    /// The workspace people must belong to: configured, or the token's own, asked for once.
    pub async fn team(&self) -> Result<Option<String>, slack::Failure> {
        if self.config.slack.team.is_some() {
            return Ok(self.config.slack.team.clone());
        }
        // Without a workspace nobody can be told from a stranger: fail closed.
        let team = self.identity().await?.team_id.clone();
        team.map(Some)
            .ok_or(slack::Failure::Never("no_team_for_this_token".into()))
    }

    /// Who the token belongs to, asked for once.
    pub async fn identity(&self) -> Result<&Identity, slack::Failure> {
        self.identity
            .get_or_try_init(|| self.slack.identity())
            .await
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
            pass_every: service.pass_every,
            check_every: service.check_every,
            fingerprint: service.fingerprint.is_some(),
            announce: service.announce(&self.config.announce),
            channels: service.channels.clone(),
            checklist: self.config.checklist.clone(),
            stages: service
                .stages
                .iter()
                .map(|stage| stage.rule.clone())
                .collect(),
        }
    }

    /// What a group asks for: what its members do, where they differ the strictest of it. What
    /// belongs to one platform is asked for by its members.
    pub fn policy_of_group(&self, group: &Group) -> Policy {
        let policy = &self.config.policy;
        Policy {
            rules: group.rules.clone(),
            risks: RiskRules::default(),
            // It is for several services: somebody says yes.
            objection_window: None,
            remind: policy.remind.clone(),
            escalate: policy.escalate.clone(),
            page_on_break_glass: policy.page_on_break_glass,
            review_within: policy.review_within,
            plan_ttl: policy.plan_ttl,
            target_time: None,
            passes: 1,
            prove_within: CHECKED_WITHIN,
            watch: CHECKED_WITHIN,
            // Whatever changes a member has its group looked at: this is only for what is missed.
            pass_every: CHECKED_WITHIN,
            check_every: CHECKED_WITHIN,
            fingerprint: false,
            announce: group.announce(&self.config.announce),
            channels: group.channels.clone(),
            checklist: self.config.checklist.clone(),
            // Its members are looked at again, each for itself.
            stages: [].into(),
        }
    }

    /// What a service or a group asks for; `None`: it is not in the configuration.
    pub fn policy_of(&self, key: &ServiceKey) -> Option<Policy> {
        let of_group = || Some(self.policy_of_group(self.config.group(key)?));
        match self.config.service(key) {
            Some(service) => Some(self.policy(service)),
            None => of_group(),
        }
    }

    /// What counts for a rollback whose service is not in the configuration any more: everybody who
    /// approves for any service can end it. Nothing of it is run.
    pub fn policy_of_unconfigured(&self) -> Policy {
        let services = self.config.services.iter();
        let roles: BTreeSet<String> = services.flat_map(|one| one.approve.clone()).collect();
        let roles: Vec<String> = roles.into_iter().collect();
        let policy = &self.config.policy;
        Policy {
            rules: policy.preset.rules(&roles),
            risks: RiskRules::default(),
            objection_window: None,
            remind: policy.remind.clone(),
            escalate: vec![],
            page_on_break_glass: policy.page_on_break_glass,
            review_within: policy.review_within,
            plan_ttl: policy.plan_ttl,
            target_time: None,
            passes: 1,
            prove_within: CHECKED_WITHIN,
            watch: CHECKED_WITHIN,
            pass_every: CHECKED_WITHIN,
            check_every: CHECKED_WITHIN,
            fingerprint: false,
            announce: self.config.announce.clone(),
            channels: vec![],
            checklist: [].into(),
            stages: [].into(),
        }
    }

    /// Has every platform read for the board, and every source of roles for the cards, from now on;
    /// and, a while later, everything that a rollback would read.
    pub(crate) async fn survey_all(&self) -> Result<(), engine::Error> {
        let platforms = self.config.services.iter().map(|service| Job::Survey {
            service: service.key.clone(),
        });
        let sources = self
            .config
            .sources()
            .into_iter()
            .map(|source| Job::RefreshRoster {
                source: source.clone(),
            });
        let drilled = self.config.services.iter();
        let drilled = drilled.filter(|service| service.drills.calendar.is_some());
        let reminders = drilled.map(|service| Job::RemindDrill {
            service: service.key.clone(),
        });
        let reviews = self.config.reviews.every.map(|_| Job::RemindReviews);
        let jobs: Vec<Job> = platforms
            .chain(sources)
            .chain(reminders)
            .chain(reviews)
            .chain([Job::RefreshMemberships])
            .collect();
        let now = self.engine.clock.now();
        let mut jobs: Vec<(Job, Timestamp)> = jobs.into_iter().map(|job| (job, now)).collect();
        if self.config.canary.enabled {
            let services = self.config.services.iter().map(|service| {
                let at = Schedule::soon(&service.key.typed(), now);
                let service = service.key.clone();
                (Job::Canary { service }, at)
            });
            jobs.extend(services);
            jobs.push((Job::CanaryOfBot, Schedule::soon("", now)));
        }
        self.engine.enqueue_at(&jobs).await
    }

    /// The workspace people must belong to, if it is known by now. Touches no network.
    pub fn known_team(&self) -> Option<&str> {
        let own = self.identity.get();
        let configured = self.config.slack.team.as_deref();
        configured.or(own.and_then(|own| own.team_id.as_deref()))
    }

    /// The address of the workspace, if it is known by now. Touches no network.
    pub fn known_workspace(&self) -> Option<&str> {
        self.identity.get()?.url.as_deref()
    }

    /// The organisation of the workspace, if there is one and it is known by now.
    pub fn known_enterprise(&self) -> Option<&str> {
        self.identity.get()?.enterprise_id.as_deref()
    }

    /// The bot's own user id, if it is known by now.
    pub fn known_user(&self) -> Option<&str> {
        self.identity.get()?.user_id.as_deref()
    }
}

/// Reads the clock of the database that replicas share, if it is one that they share. An answer that
/// takes long says little about the time, and does not count.
async fn read_database_clock(db: &Db, clock: &Clock) -> sqlx::Result<()> {
    let asked = Instant::now();
    let time = db.time().await?;
    let took = asked.elapsed();
    if let Some(time) = time.filter(|_| took <= CLOCK_ANSWERS_WITHIN) {
        clock.follow_database(time, asked + took / 2);
    }
    Ok(())
}

/// The places outside of Slack as the configuration has them.
pub fn notices(
    config: &Config,
    http: &reqwest::Client,
    clock: &Clock,
) -> BTreeMap<String, Box<dyn Notices>> {
    let connect = |settings: &NoticeSettings| match settings.clone() {
        NoticeSettings::Statuspage(settings) => {
            Box::new(Statuspage::new(http.clone(), settings)) as Box<dyn Notices>
        }
        NoticeSettings::Webhook(settings) => {
            let clock = clock.clone();
            Box::new(Webhook::new(http.clone(), settings, move || clock.now()))
        }
    };
    let places = config.notices.iter();
    places
        .map(|(name, settings)| (name.clone(), connect(settings)))
        .collect()
}

/// The hosts of repositories that the configuration has.
fn repositories(config: &Config, http: &reqwest::Client) -> Repositories {
    Repositories {
        github: config.github.as_ref().map(|github| {
            let credentials = github.credentials.clone();
            GitHub::new(http.clone(), github.api_url.clone(), credentials)
        }),
        gitlab: config
            .gitlab
            .as_ref()
            .map(|gitlab| GitLab::new(http.clone(), gitlab.api_url.clone(), gitlab.token.clone())),
    }
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
