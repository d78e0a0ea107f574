//! From `rollback-bot.toml` and the environment to a [`Config`], or to every mistake in them at once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

mod agents;
mod canary;
pub mod changes;
mod checklists;
mod drills;
pub mod effective;
mod groups;
mod incidents;
pub mod matrix;
mod notices;
mod promises;
mod reviews;
mod rules;
mod stages;
mod updates;
mod values;
pub mod web;
mod webhooks;

pub use agents::Agent;
pub use canary::Canary;
pub use changes::{ConfigChanges, Written};
pub use drills::Drills;
pub use groups::{Group, GroupMember};
pub use incidents::{Incidents, References, Told};
pub use notices::NoticeSettings;
pub use reviews::Reviews;
pub use stages::Stage;
pub use updates::Updates;
pub use values::app_of_token;
pub use web::{Web, WebPage};
pub use webhooks::{Webhooks, key_of as webhook_key};

use changes::Digests;

use crate::proofs::{self, Check, Fingerprint};
use rollback_domain::{
    authority::Source,
    changes::Repository,
    checklist::ItemRule,
    identity::ServiceKey,
    matrix::Row,
    policy::{Announce, EscalationStep, Preset, Rules},
    risk::{Risk, RiskRules},
};
use rollback_providers::{
    github::{Credentials, repository},
    registry::{self, Platform},
};
use rollback_settings::{
    Env, Mistake, Mistakes, ReadFile, Repeats, Secret, Section, Table, Value, did_you_mean, dotted,
    duration, flag, is_loopback, number, read, spell, text, url,
};
use rules::Common;
use url::Url;
use values::{
    app_token, bot_token, database_url, is_slack, member, pagerduty_id, signing_secret, slack_id,
};

/// Everything an operator decides; checked, with secrets resolved and defaults filled in.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where this bot listens, and how it is reached.
    pub server: Server,
    /// Where rollbacks are recorded.
    pub database: Database,
    /// The Slack app it speaks as.
    pub slack: Slack,
    /// The PagerDuty account that says who is on call and that is told.
    pub pagerduty: Option<PagerDuty>,
    /// Where it is read which changes a rollback removes.
    pub github: Option<GitHub>,
    /// The same, on GitLab.
    pub gitlab: Option<GitLab>,
    /// Where post-mortems are kept; `None`: only in Slack.
    pub post_mortems: Option<PostMortems>,
    /// The Slack ids of those who write commits, by how their repository names them, in small
    /// letters.
    pub authors: BTreeMap<String, String>,
    /// What platforms send when something has changed there.
    pub webhooks: Webhooks,
    /// The pages that people read in a browser; `None`: there are none.
    pub web: Option<Web>,
    /// Acting without Slack.
    pub api: Api,
    /// Programs that may propose, by name.
    pub agents: BTreeMap<String, Agent>,
    /// When everything is read that a rollback would read.
    pub canary: Canary,
    /// How long a review of what is configured holds.
    pub reviews: Reviews,
    /// How much one person and one channel may send.
    pub limits: Limits,
    /// How incidents are handled.
    pub incidents: Incidents,
    /// How others are told of incidents.
    pub updates: Updates,
    /// Where updates for customers are published outside of Slack, by name.
    pub notices: BTreeMap<String, NoticeSettings>,
    /// What is looked at before, during and after every rollback; empty: nothing.
    pub checklist: Arc<[ItemRule]>,
    /// The rows of the decision matrix, in their order; empty: there is none.
    pub matrix: Arc<[Row]>,
    /// Rules that hold for every service.
    pub policy: Policy,
    /// Where what goes on without an approval is told, besides the channel of the rollback.
    pub announce: Announce,
    /// A directory with templates that replace the built-in ones of the same name.
    pub templates: Option<PathBuf>,
    /// Who may approve, by the name that services use for them.
    pub roles: BTreeMap<String, Role>,
    /// Who can help somebody who is alone with an incident.
    pub contacts: Vec<Contact>,
    /// What can be rolled back, sorted by name and environment.
    pub services: Vec<Service>,
    /// What is rolled back together, sorted by name.
    pub groups: Vec<Group>,
    /// What is allowed but probably not meant, a sentence each.
    pub warnings: Vec<String>,
    /// What was written, to tell another configuration from it.
    pub written: Written,
}

/// Where this bot listens, and how it is reached.
#[derive(Clone, Debug)]
pub struct Server {
    /// The address and port to listen on. `None`: nobody is listened to, as Socket Mode allows.
    pub listen: Option<SocketAddr>,
    /// Where operators are answered instead: health, metrics and the API. `None`: where everybody
    /// is.
    pub operators_address: Option<SocketAddr>,
    /// The address under which Slack and people reach it; https unless it is this machine. `None`:
    /// it has none, as Socket Mode allows.
    pub public_url: Option<Url>,
}

/// Where rollbacks are recorded.
#[derive(Clone, Debug)]
pub struct Database {
    /// `sqlite:…` or `postgres://…`; secret because it may carry a password.
    pub url: Secret,
}

/// The Slack app this bot speaks as.
#[derive(Clone, Debug)]
pub struct Slack {
    /// How Slack sends what people type, click and do.
    pub delivery: Delivery,
    /// What the Web API is called with.
    pub bot_token: Secret,
    /// The Web API without a method's name.
    pub api_url: Url,
    /// The id of the workspace that people must belong to; without it, the bot token's own.
    pub team: Option<String>,
}

/// How Slack sends what people type, click and do.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// As requests to the bot's address.
    Requests {
        /// What they are signed with; more than one while one is replaced.
        signing_secrets: Vec<Secret>,
    },
    /// Over connections that the bot opens: Socket Mode.
    SocketMode {
        /// What connections are opened with.
        app_token: Secret,
    },
}

/// The PagerDuty account that says who is on call and that is told.
#[derive(Clone, Debug)]
pub struct PagerDuty {
    /// What the REST API is called with; there if a role is read from PagerDuty.
    pub token: Option<Secret>,
    /// What pages are sent with; there if anything pages.
    pub routing_key: Option<Secret>,
    /// The REST API without a path.
    pub api_url: Url,
    /// The Events API without a path.
    pub events_url: Url,
}

/// The GitHub that has the repositories of services.
#[derive(Clone, Debug)]
pub struct GitHub {
    /// What its API is called with.
    pub credentials: Credentials,
    /// Its REST API.
    pub api_url: Url,
}

/// Where post-mortems are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostMortems {
    /// The repository on GitHub: `acme/incidents`.
    pub repository: String,
    /// The folder there; empty: none.
    pub folder: String,
}

/// The GitLab that has the repositories of services.
#[derive(Clone, Debug)]
pub struct GitLab {
    /// What its API is called with.
    pub token: Secret,
    /// Its API.
    pub api_url: Url,
}

/// Acting without Slack: with a token, by the API or from a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// Whether anything can be asked for that way.
    pub enabled: bool,
    /// The Slack channel in which it is shown and recorded, unless a request names another one.
    pub channel: Option<String>,
    /// How long a person's last known membership and roles count while Slack does not answer, for
    /// their clicks and for their token; zero: not at all.
    pub believe_for: Duration,
}

/// How much one person and one channel may send; a third of it at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Commands, mentions and clicks of one person in a minute.
    pub person_per_minute: u32,
    /// Commands and mentions in one channel in a minute.
    pub channel_per_minute: u32,
}

/// Rules that hold for every service.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The rules that every service begins with.
    pub preset: Preset,
    /// How long a plan can be approved after it was shown.
    pub plan_ttl: Duration,
    /// When those who may approve are reminded, after the card was posted; earliest first.
    pub remind: Vec<Duration>,
    /// Who is asked next when they do not answer; earliest first.
    pub escalate: Vec<EscalationStep>,
    /// How long after a rollback without approval its review is due.
    pub review_within: Duration,
    /// Whether a rollback without approval pages somebody.
    pub page_on_break_glass: bool,
    /// Who may see what is recorded and read.
    pub read: Readers,
}

/// Who may see what is recorded and read: the board, plans, timelines, contacts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Readers {
    /// Every full member of the workspace.
    #[default]
    Members,
    /// The people in any of the roles.
    Roles,
}

/// A group of people who may approve.
#[derive(Clone, Debug)]
pub struct Role {
    /// Where its members come from, at least one: the list, the user group, the schedule, the
    /// escalation policy.
    pub sources: Vec<Source>,
    /// The Slack member ids that are listed; empty unless [`Source::Listed`] is a source.
    pub members: Vec<String>,
}

/// Somebody who can help, inside or outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Who it is.
    pub name: String,
    /// How they are reached, in free text.
    pub how: String,
    /// The services they can help with; empty for all of them.
    pub services: Vec<String>,
}

/// One thing that can be rolled back: a service in an environment.
#[derive(Clone, Debug)]
pub struct Service {
    /// What people call it, and where it runs: `frontend`, `production`.
    pub key: ServiceKey,
    /// The platform that serves it, and what it is called there.
    pub platform: Platform,
    /// The Slack id of the person who sees to it that it can be rolled back; `None`: those who may
    /// approve.
    pub owner: Option<String>,
    /// Where its users find it.
    pub url: Option<Url>,
    /// The repository that its releases are built from.
    pub repository: Option<Repository>,
    /// The roles whose members may approve, at least one.
    pub approve: Vec<String>,
    /// The channels, by id, in which it can be proposed; empty: any.
    pub channels: Vec<String>,
    /// The channels, by id, in which what goes on with it without an approval is told, besides
    /// those of `[announce]`.
    pub announce: Vec<String>,
    /// What each class of plan needs: the preset, and what was written otherwise.
    pub rules: Rules,
    /// Which class a plan gets.
    pub risks: RiskRules,
    /// How long a rollback that its own authority asked for waits for objections before it starts
    /// by itself; without it, it never does.
    pub objection_window: Option<Duration>,
    /// How fast a rollback of it should be, from the command to serving.
    pub target_time: Option<Duration>,
    /// How to see from outside which release answers.
    pub fingerprint: Option<Fingerprint>,
    /// What must hold before a rollback counts as healthy.
    pub verify: Vec<Check>,
    /// When a rollback is looked at again after it was verified, the earliest first.
    pub stages: Vec<Stage>,
    /// How many times in a row everything must hold.
    pub passes: u32,
    /// How long after the change it may take until it does.
    pub prove_within: Duration,
    /// How long it is watched afterwards; zero for not at all.
    pub watch: Duration,
    /// How long after a look that passed the next one is, while proving.
    pub pass_every: Duration,
    /// The time between two looks, once they are waited for longer.
    pub check_every: Duration,
    /// How it is drilled.
    pub drills: Drills,
}

impl Service {
    /// Whether it can be proposed in a channel.
    pub fn is_proposed_in(&self, channel: &str) -> bool {
        self.channels.is_empty() || self.channels.iter().any(|known| known == channel)
    }

    /// Where what goes on with it without an approval is told: in the channels for all services,
    /// and in its own.
    pub fn announce(&self, common: &Announce) -> Announce {
        let every = common.every.iter().chain(&self.announce).cloned();
        Announce {
            every: every.collect(),
            classes: common.classes.clone(),
        }
    }

    /// Every check of it, those of later looks too, each once.
    pub fn checks(&self) -> Vec<Check> {
        let mut checks = self.verify.clone();
        for check in self.stages.iter().flat_map(|stage| &stage.checks) {
            if !checks.iter().any(|listed| listed.name == check.name) {
                checks.push(check.clone());
            }
        }
        checks
    }

    /// The class of a plan about which nothing is unusual.
    pub fn ordinary(&self) -> Risk {
        rules::ordinary(self.platform.class(), &self.risks)
    }

    /// Every class that a plan can get.
    pub fn classes(&self) -> Vec<Risk> {
        rules::classes(self.platform.class(), &self.risks)
    }
}

impl Config {
    /// Reads the file at `path` and the files it names. `reserved` are the words that people
    /// write in a command next to a service, and that none can therefore be called.
    ///
    /// Relative paths, in the file too, start at the working directory.
    pub fn load(path: &Path, env: Env<'_>, reserved: &[&str]) -> Result<Self, Mistakes> {
        let text = file(path)?;
        Self::parse(&text, env, &|path| std::fs::read_to_string(path), reserved)
    }

    /// Reads `text` as [`Config::load`] reads a file, taking nothing from the world but through
    /// `env` and `read_file`.
    pub fn parse(
        text: &str,
        env: Env<'_>,
        read_file: ReadFile<'_>,
        reserved: &[&str],
    ) -> Result<Self, Mistakes> {
        let digests = Digests::default();
        let variable = |name: &str| digests.variable(env, name);
        let contents = |path: &Path| digests.file(read_file, path);
        let (config, warnings) = read(text, &variable, &contents, reserved, config)?;
        Ok(Self {
            warnings,
            written: Written::of(text, digests),
            ..config
        })
    }

    /// What tells this bot from others where several are told: the host of its address, or else its
    /// Slack app.
    pub fn instance(&self) -> &str {
        let host = self.server.public_url.as_ref().and_then(Url::host_str);
        let app = match &self.slack.delivery {
            Delivery::SocketMode { app_token } => app_of_token(app_token.expose()),
            Delivery::Requests { .. } => None,
        };
        host.or(app).unwrap_or("here")
    }

    /// The service that is called so.
    pub fn service(&self, key: &ServiceKey) -> Option<&Service> {
        self.services.iter().find(|service| service.key == *key)
    }

    /// The channel in which people are reminded of the drills of a service; `None`: there is none.
    pub fn drill_channel<'a>(&'a self, service: &'a Service) -> Option<&'a str> {
        let own = service.channels.iter().chain(&service.announce);
        let common = self.announce.every.iter().chain(&self.api.channel);
        own.chain(common).map(String::as_str).next()
    }

    /// The service of this name in all its environments.
    pub fn environments(&self, name: &str) -> Vec<&Service> {
        self.services
            .iter()
            .filter(|service| service.key.name == name)
            .collect()
    }

    /// The group that is called so.
    pub fn group(&self, key: &ServiceKey) -> Option<&Group> {
        self.groups.iter().find(|group| group.key == *key)
    }

    /// Every class that a plan of a service or a group can get.
    pub fn classes_of(&self, key: &ServiceKey) -> Vec<Risk> {
        match self.service(key) {
            Some(service) => service.classes(),
            None => self
                .group(key)
                .map_or_else(Vec::new, |group| group.classes.clone()),
        }
    }

    /// Every role that has to do with these rules and that there is, each once: those of whatever
    /// class, and those that are asked when nobody answers.
    pub fn roles_of(&self, rules: &Rules) -> Vec<&str> {
        let rules = Risk::ALL.map(|class| rules.of(class));
        let eligible = rules.into_iter().flat_map(|rule| rule.eligible());
        let asked = self.policy.escalate.iter().flat_map(|step| &step.roles);
        let mut roles: Vec<&str> = Vec::new();
        for role in eligible.chain(asked.map(String::as_str)) {
            if let Some((role, _)) = self.roles.get_key_value(role)
                && !roles.contains(&role.as_str())
            {
                roles.push(role);
            }
        }
        roles
    }

    /// Every role of the configuration.
    pub fn every_role(&self) -> Vec<&str> {
        self.roles.keys().map(String::as_str).collect()
    }

    /// Everything that has to be asked to know who is in which role, each once, sorted. What is
    /// listed here needs no asking, and a role that nothing uses neither.
    pub fn sources(&self) -> Vec<&Source> {
        let used = self
            .services
            .iter()
            .flat_map(|service| self.roles_of(&service.rules))
            .chain(self.updates.publish.iter().map(String::as_str));
        let told = self.incidents.told.values().flat_map(|told| &told.roles);
        let sources: BTreeSet<&Source> = used
            .chain(told.map(String::as_str))
            .filter_map(|role| self.roles.get(role))
            .flat_map(|role| &role.sources)
            .filter(|source| **source != Source::Listed)
            .collect();
        sources.into_iter().collect()
    }
}

impl Server {
    /// Reads where the bot listens from the file at `path`, and nothing else of it: no secret has to
    /// be there.
    pub fn load(path: &Path, env: Env<'_>) -> Result<Self, Mistakes> {
        let read_file = |path: &Path| std::fs::read_to_string(path);
        let of_file = |file: &Section<'_>| server(&file.section("server")?, &Declared::of(file));
        let (server, _) = read(&file(path)?, env, &read_file, &[], of_file)?;
        Ok(server)
    }
}

impl Database {
    /// Reads where the record is from the file at `path`, and nothing else of it: no other secret
    /// has to be there.
    pub fn load(path: &Path, env: Env<'_>) -> Result<Self, Mistakes> {
        let read_file = |path: &Path| std::fs::read_to_string(path);
        let (database, _) = read(&file(path)?, env, &read_file, &[], database)?;
        Ok(database)
    }
}

/// The text of the file at `path`.
fn file(path: &Path) -> Result<String, Mistakes> {
    std::fs::read_to_string(path).map_err(|error| {
        Mistakes(vec![Mistake {
            key: path.display().to_string(),
            problem: format!(
                "cannot be read ({error}); name the file with --config, or begin with a copy of \
                 rollback-bot.example.toml"
            ),
        }])
    })
}

/// A duration as it is written in the file, `"90d"`, within a range; otherwise what is wrong with
/// it, as a clause.
pub fn duration_of(
    text: &str,
    range: std::ops::RangeInclusive<Duration>,
) -> Result<Duration, String> {
    duration(range)(&Value::String(text.to_owned()))
}

/// An address under which Slack can reach a bot; otherwise what is wrong with it, as a clause.
pub fn public_url_of(text: &str) -> Result<Url, String> {
    public_url(&Value::String(text.to_owned()))
}

// One function per section. Each reads all its keys before it gives up on any of them, so that
// all mistakes are found: `?` only after `done`.

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn config(file: &Section<'_>) -> Option<Config> {
    // Sections name each other, so what is there is known before any of it is read.
    let there = Declared::of(file);
    let server = file
        .section("server")
        .and_then(|section| server(&section, &there));
    let database = database(file);
    let slack = file.section("slack").and_then(|section| slack(&section));
    let pagerduty = match file.get("pagerduty") {
        None => Some(None),
        Some(_) => file
            .section("pagerduty")
            .and_then(|section| pagerduty(&section))
            .map(Some),
    };
    let github = match file.get("github") {
        None => Some(None),
        Some(_) => file
            .section("github")
            .and_then(|section| github(&section))
            .map(Some),
    };
    let gitlab = match file.get("gitlab") {
        None => Some(None),
        Some(_) => file
            .section("gitlab")
            .and_then(|section| gitlab(&section))
            .map(Some),
    };
    let post_mortems = match file.get("post_mortems") {
        None => Some(None),
        Some(_) => file
            .section("post_mortems")
            .and_then(|section| post_mortems(&section, file.get("github").is_some()))
            .map(Some),
    };
    let authors = file.section("authors").map(|section| authors(&section));
    let webhooks = match file.get("webhooks") {
        None => Some(Webhooks::default()),
        Some(_) => {
            let section = file.section("webhooks");
            section.map(|section| webhooks::webhooks(&section))
        }
    };
    let web = match file.get("web") {
        None => Some(None),
        Some(_) => file
            .section("web")
            .and_then(|section| web::web(&section, server.as_ref(), slack.as_ref()))
            .map(Some),
    };
    let api = file.section("api").map(|section| api(&section));
    let agents = file
        .section("agents")
        .and_then(|section| agents::agents(&section));
    let canary = file
        .section("canary")
        .and_then(|section| canary::canary(&section));
    let reviews = file
        .section("reviews")
        .map(|section| reviews::reviews(&section));
    let limits = file.section("limits").map(|section| limits(&section));
    let incidents = file
        .section("incidents")
        .map(|section| incidents::incidents(&section, &there));
    let updates = file
        .section("updates")
        .map(|section| updates::updates(&section, &there));
    let checklist = file
        .section("checklists")
        .map(|section| checklists::checklist(&section));
    let matrix = file
        .section("matrix")
        .and_then(|section| matrix::matrix(&section, &there));
    let (policy, common) = file
        .section("policy")
        .map(|section| rules::policy(&section, &there))
        .unzip();
    let notices = file.section("notices").and_then(|section| {
        let read = || notices::notices(&section, &there.services, updates.as_ref());
        section.reader().sound(read)?
    });
    let templates = file.section("templates").and_then(|section| {
        let directory = section.optional("directory", text);
        section.done();
        directory.map(PathBuf::from)
    });
    let announce = file.section("announce").map(|section| announce(&section));
    let roles = roles(file, &there);
    let contacts = contacts(file, &there);
    let services = services(file, &common.unwrap_or_default(), &roles);
    let groups = groups::groups(file, &there, services.as_deref(), &roles);
    refuse_unread_repositories(file, services.as_deref().unwrap_or_default());
    refuse_unreached_webhooks(file, server.as_ref());
    if let (Some(webhooks), Some(services)) = (&webhooks, &services) {
        webhooks.warn_of_unneeded(file, services);
    }
    file.done();
    let roles: Option<BTreeMap<String, Role>> = roles
        .into_iter()
        .map(|(name, role)| Some((name.to_owned(), role?)))
        .collect();
    Some(Config {
        server: server?,
        database: database?,
        slack: slack?,
        pagerduty: pagerduty?,
        github: github?,
        gitlab: gitlab?,
        post_mortems: post_mortems?,
        authors: authors?,
        webhooks: webhooks?,
        web: web?,
        api: match (api?, &policy) {
            // Nobody acts there on what was once true, unless that was written.
            ((api, false), Some(policy)) if policy.preset == Preset::Strict => Api {
                believe_for: Duration::ZERO,
                ..api
            },
            ((api, _), _) => api,
        },
        agents: agents?,
        canary: canary?,
        reviews: reviews?,
        limits: limits?,
        incidents: incidents?,
        updates: updates?,
        notices: notices?,
        checklist: checklist?.into(),
        matrix: matrix?.into(),
        policy: policy?,
        announce: announce?,
        templates,
        roles: roles?,
        contacts: contacts?,
        services: services?,
        groups: groups?,
        warnings: Vec::new(),
        written: Written::default(),
    })
}

/// The names that the file declares, with mistakes in their sections or without, so that one
/// mistake does not cause others.
struct Declared<'a> {
    roles: Vec<&'a str>,
    services: Vec<&'a str>,
    pagerduty_token: bool,
    routing_key: bool,
    socket_mode: bool,
}

impl<'a> Declared<'a> {
    fn of(file: &Section<'a>) -> Self {
        let table = |key: &str| file.table()?.get(key)?.as_table();
        let keys = |key: &str| {
            let keys = table(key).into_iter().flat_map(Table::keys);
            keys.map(String::as_str).collect()
        };
        let has_in = |section: &str, key: &str| {
            let table = table(section);
            table.is_some_and(|table| table.contains_key(key))
        };
        let has = |key: &str| has_in("pagerduty", key);
        Self {
            roles: keys("roles"),
            services: keys("services"),
            pagerduty_token: has("token"),
            routing_key: has("routing_key"),
            socket_mode: has_in("slack", "app_token"),
        }
    }
}

/// Every role of the file; those without a mistake with what they are.
type Roles<'a> = BTreeMap<&'a str, Option<Role>>;

fn database(file: &Section<'_>) -> Option<Database> {
    let section = file.section("database")?;
    let url = section.required("url", "\"sqlite://rollback-bot.db\"", |value| {
        database_url(&section, value)
    });
    section.done();
    Some(Database { url: url? })
}

/// With Socket Mode nobody has to reach the bot: it needs no address then, and may have one for
/// webhooks, metrics and the API.
fn server(section: &Section<'_>, there: &Declared<'_>) -> Option<Server> {
    let listen = match there.socket_mode {
        true => Some(section.optional("listen", socket_address)),
        false => section
            .required("listen", "\"127.0.0.1:3000\"", socket_address)
            .map(Some),
    };
    let operators_address = section.optional("operators_address", socket_address);
    // Port 0 is any free one, and never the same twice.
    let is_the_same = |address: SocketAddr| listen == Some(Some(address)) && address.port() != 0;
    if operators_address.is_some_and(is_the_same) {
        section.mistake(
            "operators_address",
            "is where the bot listens already; give it another port, or remove it",
        );
    }
    let example = "\"https://rollback.example.com\"";
    let public_url = match there.socket_mode {
        true => Some(section.optional("public_url", public_url)),
        false => section
            .required("public_url", example, public_url)
            .map(Some),
    };
    section.done();
    Some(Server {
        listen: listen?,
        operators_address,
        public_url: public_url?,
    })
}

fn socket_address(value: &Value) -> Result<SocketAddr, String> {
    let text = text(value)?;
    text.parse().map_err(|_| {
        format!("{text:?} is not an IP address and a port; write it like \"127.0.0.1:3000\"")
    })
}

fn public_url(value: &Value) -> Result<Url, String> {
    let url = url(value)?;
    if url.scheme() != "https" && !is_loopback(&url) {
        return Err(format!(
            "{:?} is not encrypted, and Slack refuses it; write one that begins with https://",
            url.as_str()
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a ? or a #; end it after the host or the path".to_owned());
    }
    Ok(url)
}

fn slack(section: &Section<'_>) -> Option<Slack> {
    let api_url = section.url_or("api_url", "https://slack.com/api");
    let of_slack = api_url.as_ref().is_some_and(is_slack);
    let delivery = delivery(section, of_slack);
    let bot_token = section.required("bot_token", "\"env:SLACK_BOT_TOKEN\"", |value| {
        bot_token(section, value, of_slack)
    });
    let team = section.optional("team", |value| {
        let what = "a workspace id; copy it from the address app.slack.com/client/T…";
        slack_id(value, &['T'], what)
    });
    section.done();
    Some(Slack {
        delivery: delivery?,
        bot_token: bot_token?,
        api_url: api_url?,
        team,
    })
}

/// Requests that are signed, or Socket Mode: whichever has its secret there.
fn delivery(section: &Section<'_>, of_slack: bool) -> Option<Delivery> {
    let read = |value: &Value| signing_secret(section, value, of_slack);
    if section.get("app_token").is_some() {
        if section.get("signing_secret").is_some() {
            section.mistake(
                "signing_secret",
                "is there, and app_token is too: with Socket Mode Slack sends nothing to an \
                 address, and signs nothing; remove it, or remove app_token if Slack is to reach \
                 this bot at server.public_url",
            );
        }
        let app_token = section.optional("app_token", |value| app_token(section, value, of_slack));
        return app_token.map(|app_token| Delivery::SocketMode { app_token });
    }
    let signing_secrets = match section.get("signing_secret") {
        Some(Value::Array(_)) => section.list(
            "signing_secret",
            "\"env:SLACK_SIGNING_SECRET\"",
            Repeats::Allowed,
            read,
        ),
        Some(_) | None => {
            let example = "\"env:SLACK_SIGNING_SECRET\", or app_token = \"env:SLACK_APP_TOKEN\" \
                           for Socket Mode, which needs no public address";
            let secret = section.required("signing_secret", example, read);
            secret.map(|secret| vec![secret])
        }
    };
    signing_secrets.map(|signing_secrets| Delivery::Requests { signing_secrets })
}

/// Also whether it says how long something is believed.
fn api(section: &Section<'_>) -> (Api, bool) {
    let enabled = section.or("enabled", true, flag);
    let channel = section.optional("channel", |value| {
        let what = "the id of a channel; copy it from the channel's details in Slack, it looks \
                    like \"C0123ABCD\"";
        slack_id(value, &['C', 'G'], what)
    });
    let believe_for = section.optional("believe_for", duration(Duration::ZERO..=DAY));
    section.done();
    let api = Api {
        enabled,
        channel,
        believe_for: believe_for.unwrap_or(12 * HOUR),
    };
    (api, believe_for.is_some())
}

fn pagerduty(section: &Section<'_>) -> Option<PagerDuty> {
    let token = section.optional("token", |value| {
        section.token(value, "PagerDuty's REST API")
    });
    let routing_key = section.optional("routing_key", |value| {
        let key = section.secret(value)?;
        let fits = |letter: char| letter.is_ascii_alphanumeric();
        if key.expose().len() != 32 || !key.expose().chars().all(fits) {
            return Err(
                "is not 32 letters and digits long; copy the integration key of an integration for \
                 the Events API v2"
                    .to_owned(),
            );
        }
        Ok(key)
    });
    let api_url = section.url_or("api_url", "https://api.pagerduty.com");
    let events_url = section.url_or("events_url", "https://events.pagerduty.com");
    section.done();
    Some(PagerDuty {
        token,
        routing_key,
        api_url: api_url?,
        events_url: events_url?,
    })
}

fn github(section: &Section<'_>) -> Option<GitHub> {
    let credentials = Credentials::read(section);
    let api_url = section.url_or("api_url", "https://api.github.com");
    section.done();
    Some(GitHub {
        credentials: credentials?,
        api_url: api_url?,
    })
}

fn post_mortems(section: &Section<'_>, has_github: bool) -> Option<PostMortems> {
    let repository = section.required("repository", "\"acme/incidents\"", |value| {
        let repository = text(value)?;
        let is_name = |part: &str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !part.is_empty() && !part.starts_with('.') && part.chars().all(fits)
        };
        match repository.split('/').collect::<Vec<_>>()[..] {
            [owner, name] if is_name(owner) && is_name(name) => Ok(repository),
            _ => Err(format!(
                "\"{repository}\" is no repository; write it as \"acme/incidents\""
            )),
        }
    });
    let folder = section.or("folder", "incidents".to_owned(), |value| {
        let folder = text(value)?;
        let is_plain = |part: &str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || "-_. ".contains(c);
            !part.is_empty() && part != "." && part != ".." && part.chars().all(fits)
        };
        match folder.is_empty() || folder.split('/').all(is_plain) {
            true => Ok(folder),
            false => Err(format!(
                "\"{folder}\" is no folder of a repository; write it as \"docs/incidents\""
            )),
        }
    });
    if !has_github {
        section.mistake_here("needs [github], whose token writes there".to_owned());
    }
    section.done();
    Some(PostMortems {
        repository: repository?,
        folder,
    })
}

fn gitlab(section: &Section<'_>) -> Option<GitLab> {
    let token = section.required("token", "\"env:GITLAB_TOKEN\"", |value| {
        section.token(value, "GitLab")
    });
    let api_url = section.url_or("api_url", "https://gitlab.com/api/v4");
    section.done();
    Some(GitLab {
        token: token?,
        api_url: api_url?,
    })
}

/// Who writes commits: a name as the repository has it, and an id of Slack's.
fn authors(section: &Section<'_>) -> BTreeMap<String, String> {
    let read = section.keys().filter_map(|name| {
        let person = section.required(name, "\"U0123ABCD\"", member)?;
        Some((name.to_lowercase(), person))
    });
    read.collect()
}

/// The repository that the releases of a service are built from.
fn repository_of(section: &Section<'_>) -> Option<Repository> {
    let github = section.optional("github", repository);
    let gitlab = section.optional("gitlab", |value| {
        let project = text(value)?;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let is_part = |part: &str| !part.is_empty() && part.bytes().all(fits);
        match project.contains('/') && project.split('/').all(is_part) {
            true => Ok(project),
            false => Err(format!(
                "{project:?} is not a project; write \"group/name\", as in its address on GitLab"
            )),
        }
    });
    if github.is_some() && gitlab.is_some() {
        section.mistake("gitlab", "is there, and github is too; keep one of them");
    }
    let github = github.map(Repository::GitHub);
    github.or(gitlab.map(Repository::GitLab))
}

/// A repository that nothing could read would never be told of.
fn refuse_unread_repositories(file: &Section<'_>, services: &[Service]) {
    for service in services {
        let (host, token) = match service.repository {
            Some(Repository::GitHub(_)) => ("github", "GITHUB_TOKEN"),
            Some(Repository::GitLab(_)) => ("gitlab", "GITLAB_TOKEN"),
            None => continue,
        };
        if file.get(host).is_some() {
            continue;
        }
        let ServiceKey { name, environment } = &service.key;
        file.reader().mistake(
            format!("services.{name}.{environment}.{host}"),
            format!("is there, and [{host}] is not; add [{host}] with token = \"env:{token}\""),
        );
    }
}

/// A platform cannot send to a bot that nobody can reach.
fn refuse_unreached_webhooks(file: &Section<'_>, server: Option<&Server>) {
    if file.get("webhooks").is_some() && server.is_some_and(|server| server.listen.is_none()) {
        file.mistake(
            "webhooks",
            "is there, and nothing listens for them; write listen = \"127.0.0.1:3000\" into \
             [server], or remove [webhooks]: then every platform is read every five minutes",
        );
    }
}

fn limits(section: &Section<'_>) -> Limits {
    let person_per_minute = section.or("person_per_minute", 60, |value| number(value, 6..=100_000));
    let channel_per_minute = section.or("channel_per_minute", 300, |value| {
        number(value, 6..=1_000_000)
    });
    section.done();
    Limits {
        person_per_minute,
        channel_per_minute,
    }
}

/// The ids of channels; empty if the key is not there.
fn channels(section: &Section<'_>, key: &str) -> Vec<String> {
    let channel = |value: &Value| {
        let what = "the id of a channel; copy it from the channel's details in Slack, it looks \
                    like \"C0123ABCD\"";
        slack_id(value, &['C', 'G'], what)
    };
    section
        .optional_list(key, "\"C0123ABCD\"", Repeats::Refused, channel)
        .unwrap_or_default()
}

fn announce(section: &Section<'_>) -> Announce {
    let announce = Announce {
        every: channels(section, "channels"),
        classes: Risk::ALL.map(|class| channels(section, class.name())),
    };
    section.done();
    announce
}

fn roles<'a>(file: &Section<'a>, there: &Declared<'_>) -> Roles<'a> {
    let Some(section) = file.section("roles") else {
        return Roles::new();
    };
    section
        .keys()
        .map(|name| {
            let role = section.section(name).and_then(|section| {
                let read = || role(&section, there);
                section.reader().sound(read)
            });
            (name, role)
        })
        .collect()
}

fn role(section: &Section<'_>, there: &Declared<'_>) -> Role {
    let members = section
        .optional_list("members", "\"U0123ABCD\"", Repeats::Refused, member)
        .unwrap_or_default();
    let group = section.optional("slack_usergroup", |value| {
        let what = "the id of a user group; copy it from the group's page in Slack, it looks like \
                    \"S0123ABCD\"";
        slack_id(value, &['S'], what)
    });
    let asked = |key, what| {
        let id = section.optional(key, |value| pagerduty_id(value, what));
        if id.is_some() && !there.pagerduty_token {
            section.mistake(
                key,
                "cannot be read without a token; write token = \"env:PAGERDUTY_TOKEN\" into \
                 [pagerduty]",
            );
        }
        id
    };
    let schedule = asked("pagerduty_schedule", "a schedule");
    let policy = asked("pagerduty_escalation_policy", "an escalation policy");
    if ROLE.iter().all(|key| section.get(key).is_none()) {
        section.mistake_here(
            "has nobody in it; write members = [\"U0123ABCD\"], slack_usergroup = \"S0123ABCD\", \
             pagerduty_schedule = \"P123ABC\" or pagerduty_escalation_policy = \"P123ABC\"",
        );
    }
    section.done();
    let listed = (!members.is_empty()).then_some(Source::Listed);
    let sources = [
        listed,
        group.map(Source::SlackGroup),
        schedule.map(Source::PagerDutySchedule),
        policy.map(Source::PagerDutyPolicy),
    ];
    Role {
        sources: sources.into_iter().flatten().collect(),
        members,
    }
}

/// Where the members of a role can come from.
const ROLE: [&str; 4] = [
    "members",
    "slack_usergroup",
    "pagerduty_schedule",
    "pagerduty_escalation_policy",
];

fn contacts(file: &Section<'_>, there: &Declared<'_>) -> Option<Vec<Contact>> {
    let contacts: Vec<_> = file
        .sections("contacts")?
        .iter()
        .map(|section| {
            let name = section.required("name", "\"Vercel support\"", text);
            let how = section.required("how", "\"https://vercel.com/help\"", text);
            let services =
                section.optional_list("services", "\"frontend\"", Repeats::Refused, |value| {
                    let service = text(value)?;
                    if there.services.contains(&service.as_str()) {
                        return Ok(service);
                    }
                    let otherwise = format!("write one of {}", there.services.join(", "));
                    Err(format!(
                        "there is no service {service:?}; {}",
                        did_you_mean(&service, &there.services).unwrap_or(otherwise)
                    ))
                });
            section.done();
            Some(Contact {
                name: name?,
                how: how?,
                services: services.unwrap_or_default(),
            })
        })
        .collect();
    contacts.into_iter().collect()
}

fn services(file: &Section<'_>, common: &Common, roles: &Roles<'_>) -> Option<Vec<Service>> {
    let section = file.section("services")?;
    let mut read = Vec::new();
    for name in section.keys() {
        let Some(environments) = section.section(name) else {
            continue;
        };
        section.check_name(name);
        if environments.keys().next().is_none() || !environments.holds_only_sections() {
            section.mistake(
                name,
                format!(
                    "does not say in which environment; write [{}]",
                    dotted(&section.key(name), "production")
                ),
            );
            continue;
        }
        for environment in environments.keys() {
            environments.check_name(environment);
            let service = environments
                .section(environment)
                .and_then(|section| service(&section, name, environment, common, roles));
            read.push(service);
        }
    }
    if section.keys().next().is_none() {
        file.mistake(
            "services",
            "there is nothing to roll back; write a section like [services.frontend.production]",
        );
    }
    refuse_shared_targets(&section, &read);
    let read: Option<Vec<Service>> = read.into_iter().collect();
    if let Some(services) = &read {
        common.check(file, services);
    }
    read
}

fn service(
    section: &Section<'_>,
    name: &str,
    environment: &str,
    common: &Common,
    roles: &Roles<'_>,
) -> Option<Service> {
    let (kind, platform) = registry::read(section);
    let owner = section.optional("owner", member);
    let link = section.optional("url", url);
    let repository = repository_of(section);
    let authority = rules::authority(section, kind.map(|kind| kind.class), common, roles);
    let own_channels = channels(section, "channels");
    let announce = channels(section, "announce");
    let target_time = section.optional("target_time", duration(SECOND..=DAY));
    let fingerprint = match section.get("fingerprint") {
        None => Some(None),
        Some(_) => section
            .section("fingerprint")
            .and_then(|section| Fingerprint::read(&section))
            .map(Some),
    };
    let verify = section.sections("verify");
    let verify = verify.and_then(|sections| proofs::read(&sections));
    let stages = verify
        .as_ref()
        .and_then(|verify| stages::stages(section, verify, section.get("fingerprint").is_some()));
    let passes = section.or("passes", 3, |value| number(value, 1..=100));
    let prove_within = section.or("prove_within", 5 * MINUTE, duration(SECOND..=DAY));
    let watch = section.or("watch", 5 * MINUTE, duration(Duration::ZERO..=DAY));
    let pass_every = section.or("pass_every", SECOND, duration(SECOND / 10..=HOUR));
    let check_every = section.or("check_every", 5 * SECOND, duration(SECOND / 10..=HOUR));
    let drills = drills::drills(section, environment);
    let shortest = pass_every.saturating_mul(passes - 1);
    if shortest > prove_within {
        section.mistake(
            "prove_within",
            format!(
                "{passes} passes, {} apart, take at least {}; give it more than {}, or ask for fewer passes",
                spell(pass_every),
                spell(shortest),
                spell(prove_within),
            ),
        );
    }
    section.done();
    Some(Service {
        key: ServiceKey::new(name, environment),
        platform: platform?,
        owner,
        url: link,
        repository,
        approve: authority.approve,
        channels: own_channels,
        announce,
        rules: authority.rules,
        risks: authority.risks,
        objection_window: authority.objection_window,
        target_time,
        fingerprint: fingerprint?,
        verify: verify?,
        stages: stages?,
        passes,
        prove_within,
        watch,
        pass_every,
        check_every,
        drills,
    })
}

/// Two names for one thing would let two rollbacks of it run at the same time.
fn refuse_shared_targets(section: &Section<'_>, services: &[Option<Service>]) {
    let mut targets: BTreeMap<String, String> = BTreeMap::new();
    for service in services.iter().flatten() {
        let target = service.platform.identity();
        let key = dotted(&section.key(&service.key.name), &service.key.environment);
        match targets.get(&target) {
            Some(first) => section.reader().mistake(
                key,
                format!("is the same thing as {first}; keep one of the two"),
            ),
            None => {
                targets.insert(target, key);
            }
        }
    }
}

#[cfg(test)]
mod tests;
