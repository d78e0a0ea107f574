//! From `rollback-bot.toml` and the environment to a [`Config`], or to every mistake in them at once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::{Table, Value};
use url::{Host, Url};

/// Everything an operator decides; checked, with secrets resolved and defaults filled in.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where this bot listens, and how it is reached.
    pub server: Server,
    /// Where rollbacks are recorded.
    pub database: Database,
    /// The Slack app it speaks as.
    pub slack: Slack,
    /// Rules that hold for every service.
    pub policy: Policy,
    /// A directory with templates that replace the built-in ones of the same name.
    pub templates: Option<PathBuf>,
    /// Who may approve, by the name that services use for them.
    pub roles: BTreeMap<String, Role>,
    /// What can be rolled back, sorted by name and environment.
    pub services: Vec<Service>,
    /// What is allowed but probably not meant, a sentence each.
    pub warnings: Vec<String>,
}

/// Where this bot listens, and how it is reached.
#[derive(Clone, Debug)]
pub struct Server {
    /// The address and port to listen on.
    pub listen: SocketAddr,
    /// The address under which Slack and people reach it; https unless it is this machine.
    pub public_url: Url,
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
    /// What requests from Slack are signed with; more than one while one is replaced.
    pub signing_secrets: Vec<Secret>,
    /// What the Web API is called with.
    pub bot_token: Secret,
    /// The Web API without a method's name.
    pub api_url: Url,
    /// The id of the workspace that people must belong to; without it, the bot token's own.
    pub team: Option<String>,
}

/// Rules that hold for every service.
#[derive(Clone, Debug)]
pub struct Policy {
    /// How long a plan can be approved after it was shown.
    pub plan_ttl: Duration,
}

/// A group of people who may approve.
#[derive(Clone, Debug)]
pub struct Role {
    /// Their Slack member ids, at least one.
    pub members: Vec<String>,
}

/// One thing that can be rolled back: a service in an environment.
#[derive(Clone, Debug)]
pub struct Service {
    /// What people call it, for example `frontend`.
    pub name: String,
    /// Where it runs, for example `production`.
    pub environment: String,
    /// The platform that serves it, and what it is called there.
    pub provider: ProviderSettings,
    /// Where its users find it.
    pub url: Option<Url>,
    /// The roles whose members may approve, at least one.
    pub approve: Vec<String>,
    /// Whether the person who asks for a rollback may also approve it.
    pub requester_may_approve: bool,
    /// How fast a rollback of it should be, from the command to serving.
    pub target_time: Option<Duration>,
    /// How to see from outside which release answers.
    pub fingerprint: Option<Fingerprint>,
    /// What must hold before a rollback counts as healthy.
    pub verify: Vec<Check>,
    /// How many times in a row everything must hold.
    pub passes: u32,
    /// How long after the change it may take until it does.
    pub prove_within: Duration,
    /// How long it is watched afterwards; zero for not at all.
    pub watch: Duration,
    /// The time between two looks, while proving and while watching.
    pub check_every: Duration,
}

/// A platform, and what it needs to know to find one service.
#[derive(Clone, Debug)]
pub enum ProviderSettings {
    /// A Vercel project.
    Vercel {
        /// The project's id or name.
        project: String,
        /// The id of the team that owns it; without it, the token's own account.
        team: Option<String>,
        /// What the API is called with.
        token: Secret,
        /// The API without a path.
        api_url: Url,
    },
    /// Release directories on this machine, and a link to the current one.
    Releases {
        /// The absolute directory that holds `releases/` and `current`.
        path: PathBuf,
        /// The program and its arguments to run after the link was moved; no shell reads it.
        restart: Option<Vec<String>>,
        /// How long that program may take.
        restart_timeout: Duration,
    },
}

/// How to see from outside which release answers.
#[derive(Clone, Debug)]
pub struct Fingerprint {
    /// The page to get.
    pub url: Url,
    /// Where in its answer the release is named.
    pub at: FingerprintAt,
}

/// Where in an answer a release is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FingerprintAt {
    /// In the response header of this name.
    Header(String),
    /// In the JSON body, at this pointer (RFC 6901).
    Json(String),
    /// In the HTML body, in the `content` of the `<meta>` with this name.
    Meta(String),
}

/// A page to get (`kind = "http"`), and what its answer must be.
#[derive(Clone, Debug)]
pub struct Check {
    /// The page.
    pub url: Url,
    /// The status it must answer with.
    pub status: u16,
    /// A JSON pointer into the body (RFC 6901), and the text that must stand there.
    pub json: Option<(String, String)>,
    /// A text that must occur in the body.
    pub contains: Option<String>,
    /// How long the answer may take.
    pub within: Duration,
}

/// A text that is never printed: formatting gives `…`.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Hides `value` from here on.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The text itself, to be handed to whoever needs it and to nobody else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Something in the file that must be put right before the bot can start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where: a key's full path, or line and column of what is not TOML.
    pub key: String,
    /// What is wrong and what to do; never contains a secret.
    pub problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.problem)
    }
}

/// Every mistake in a file, one per line when printed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(Mistake::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Mistakes(pub Vec<Mistake>);

/// Looks up an environment variable.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads the file that a `"file:PATH"` names.
pub type ReadFile<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

impl Config {
    /// Reads the file at `path` and the files it names. `reserved` are the words that people
    /// write in a command next to a service, and that none can therefore be called.
    ///
    /// Relative paths, in the file too, start at the working directory.
    pub fn load(path: &Path, env: Env<'_>, reserved: &[&str]) -> Result<Self, Mistakes> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Mistakes(vec![Mistake {
                key: path.display().to_string(),
                problem: format!(
                    "cannot be read ({error}); name the file with --config, or begin with a copy of \
                     rollback-bot.example.toml"
                ),
            }])
        })?;
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
        let table = text
            .parse::<Table>()
            .map_err(|error| not_toml(text, error))?;
        let reader = Reader {
            env,
            read_file,
            reserved,
            mistakes: RefCell::default(),
        };
        let config = config(&reader.section("", &table));
        let mistakes = reader.mistakes.into_inner();
        match config {
            Some(config) if mistakes.is_empty() => Ok(config),
            _ => Err(Mistakes(mistakes)),
        }
    }

    /// The service of this name in this environment.
    pub fn service(&self, name: &str, environment: &str) -> Option<&Service> {
        self.services
            .iter()
            .find(|service| service.name == name && service.environment == environment)
    }

    /// The service of this name in all its environments.
    pub fn environments(&self, name: &str) -> Vec<&Service> {
        self.services
            .iter()
            .filter(|service| service.name == name)
            .collect()
    }

    /// The member ids of everyone whose role may approve for `service`, each once.
    pub fn approvers(&self, service: &Service) -> Vec<&str> {
        approvers(&self.roles, service)
    }
}

fn approvers<'a>(roles: &'a BTreeMap<String, Role>, service: &Service) -> Vec<&'a str> {
    let mut members: Vec<&str> = Vec::new();
    for role in service.approve.iter().filter_map(|name| roles.get(name)) {
        for member in &role.members {
            if !members.contains(&member.as_str()) {
                members.push(member);
            }
        }
    }
    members
}

// One function per section. Each reads all its keys before it gives up on any of them, so that
// all mistakes are found: `?` only after `done`.

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn config(file: &Section<'_>) -> Option<Config> {
    let server = file.section("server").and_then(|section| server(&section));
    let database = file.section("database").and_then(|section| {
        let url = section.required("url", "\"sqlite://rollback-bot.db\"", |value| {
            database_url(file.reader, value)
        });
        section.done();
        Some(Database { url: url? })
    });
    let slack = file.section("slack").and_then(|section| slack(&section));
    let policy = file.section("policy").map(|section| {
        let plan_ttl = section.or("plan_ttl", 10 * MINUTE, duration(MINUTE..=DAY));
        section.done();
        Policy { plan_ttl }
    });
    let templates = file.section("templates").and_then(|section| {
        let directory = section.optional("directory", text);
        section.done();
        directory.map(PathBuf::from)
    });
    let (roles, role_names) = roles(file);
    let services = services(file, &role_names);
    file.done();
    let (roles, services) = (roles?, services?);
    Some(Config {
        server: server?,
        database: database?,
        slack: slack?,
        policy: policy?,
        templates,
        warnings: warnings(&roles, &services),
        roles,
        services,
    })
}

fn server(section: &Section<'_>) -> Option<Server> {
    let listen = section.required("listen", "\"127.0.0.1:3000\"", |value| {
        let text = text(value)?;
        text.parse().map_err(|_| {
            format!("{text:?} is not an IP address and a port; write it like \"127.0.0.1:3000\"")
        })
    });
    let public_url = section.required("public_url", "\"https://rollback.example.com\"", |value| {
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
    });
    section.done();
    Some(Server {
        listen: listen?,
        public_url: public_url?,
    })
}

fn slack(section: &Section<'_>) -> Option<Slack> {
    let reader = section.reader;
    let signing_secrets = match section.get("signing_secret") {
        Some(Value::Array(_)) => section.list(
            "signing_secret",
            "\"env:SLACK_SIGNING_SECRET\"",
            Repeats::Allowed,
            |value| reader.secret(value),
        ),
        _ => section
            .required("signing_secret", "\"env:SLACK_SIGNING_SECRET\"", |value| {
                reader.secret(value)
            })
            .map(|secret| vec![secret]),
    };
    let bot_token = section.required("bot_token", "\"env:SLACK_BOT_TOKEN\"", |value| {
        reader.secret(value)
    });
    let api_url = section.url_or("api_url", "https://slack.com/api");
    let team = section.optional("team", |value| {
        let what = "a workspace id; copy it from the address app.slack.com/client/T…";
        slack_id(value, &['T'], what)
    });
    section.done();
    Some(Slack {
        signing_secrets: signing_secrets?,
        bot_token: bot_token?,
        api_url: api_url?,
        team,
    })
}

/// The roles, unless one of them is wrong, and the names of all of them: a service that names a
/// role with a mistake in it makes no second mistake.
fn roles<'a>(file: &Section<'a>) -> (Option<BTreeMap<String, Role>>, Vec<&'a str>) {
    let Some(section) = file.section("roles") else {
        return (None, Vec::new());
    };
    let names: Vec<&str> = section.keys().collect();
    let roles: Vec<_> = names
        .iter()
        .map(|name| {
            let section = section.section(name)?;
            let members = section.list("members", "\"U0123ABCD\"", Repeats::Refused, |value| {
                let what = "a member id; copy it from the person's Slack profile, it looks like \
                            \"U0123ABCD\"";
                slack_id(value, &['U', 'W'], what)
            });
            section.done();
            Some(((*name).to_owned(), Role { members: members? }))
        })
        .collect();
    (roles.into_iter().collect(), names)
}

fn services(file: &Section<'_>, roles: &[&str]) -> Option<Vec<Service>> {
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
                .and_then(|section| service(&section, name, environment, roles));
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
    read.into_iter().collect()
}

fn service(
    section: &Section<'_>,
    name: &str,
    environment: &str,
    roles: &[&str],
) -> Option<Service> {
    let provider = section.required("provider", "\"vercel\", or \"releases\"", |value| {
        one_of(&text(value)?, &["vercel", "releases"])
    });
    let provider = match provider {
        Some("vercel") => vercel(section),
        Some(_) => releases(section),
        // Which of these keys belong here cannot be known.
        None => {
            for key in [
                "project",
                "team",
                "token",
                "api_url",
                "path",
                "restart",
                "restart_timeout",
            ] {
                section.get(key);
            }
            None
        }
    };
    let link = section.optional("url", url);
    let approve = section.list("approve", "\"oncall\"", Repeats::Refused, |value| {
        let role = text(value)?;
        if roles.contains(&role.as_str()) {
            return Ok(role);
        }
        let otherwise = format!("write [{}] with its members", dotted("roles", &role));
        Err(format!(
            "there is no role {role:?}; {}",
            did_you_mean(&role, roles).unwrap_or(otherwise)
        ))
    });
    let requester_may_approve = section.or("requester_may_approve", false, flag);
    let target_time = section.optional("target_time", duration(SECOND..=DAY));
    let fingerprint = match section.get("fingerprint") {
        None => Some(None),
        Some(_) => section
            .section("fingerprint")
            .and_then(|section| fingerprint(&section))
            .map(Some),
    };
    let verify: Option<Vec<Check>> = section.sections("verify").and_then(|checks| {
        checks
            .iter()
            .map(check)
            .collect::<Vec<_>>()
            .into_iter()
            .collect()
    });
    let passes = section.or("passes", 3, |value| number(value, 1..=100));
    let prove_within = section.or("prove_within", 5 * MINUTE, duration(SECOND..=DAY));
    let watch = section.or("watch", 5 * MINUTE, duration(Duration::ZERO..=DAY));
    let check_every = section.or("check_every", 5 * SECOND, duration(SECOND / 10..=HOUR));
    let shortest = check_every.saturating_mul(passes - 1);
    if shortest > prove_within {
        section.mistake(
            "prove_within",
            format!(
                "{passes} passes, {} apart, take at least {}; give it more than {}, or ask for fewer passes",
                spell(check_every),
                spell(shortest),
                spell(prove_within),
            ),
        );
    }
    section.done();
    Some(Service {
        name: name.to_owned(),
        environment: environment.to_owned(),
        provider: provider?,
        url: link,
        approve: approve?,
        requester_may_approve,
        target_time,
        fingerprint: fingerprint?,
        verify: verify?,
        passes,
        prove_within,
        watch,
        check_every,
    })
}

fn vercel(section: &Section<'_>) -> Option<ProviderSettings> {
    let project = section.required("project", "\"prj_123\"", text);
    let team = section.optional("team", text);
    let token = section.required("token", "\"env:VERCEL_TOKEN\"", |value| {
        section.reader.secret(value)
    });
    let api_url = section.url_or("api_url", "https://api.vercel.com");
    Some(ProviderSettings::Vercel {
        project: project?,
        team,
        token: token?,
        api_url: api_url?,
    })
}

fn releases(section: &Section<'_>) -> Option<ProviderSettings> {
    const RESTART: &str = "\"systemctl\", \"restart\", \"shop\"";
    let path = section.required("path", "\"/srv/shop\"", |value| {
        let path = PathBuf::from(text(value)?);
        if !path.is_absolute() {
            return Err(format!("{path:?} is not absolute; begin it with /"));
        }
        Ok(path)
    });
    let restart = match section.get("restart") {
        None => Some(None),
        Some(Value::String(_)) => {
            section.mistake(
                "restart",
                format!(
                    "is one text, but no shell takes it apart; write the program and each argument \
                     for themselves: restart = [{RESTART}]"
                ),
            );
            None
        }
        Some(_) => section
            .list("restart", RESTART, Repeats::Allowed, |value| match value {
                Value::String(argument) => Ok(argument.clone()),
                other => Err(wrong_type(other, "text in quotes")),
            })
            .map(Some),
    };
    if let Some(Some(command)) = &restart
        && command.first().is_some_and(String::is_empty)
    {
        section.mistake(
            "restart",
            "begins with nothing; write the program to run first",
        );
    }
    let restart_timeout = section.or("restart_timeout", MINUTE, duration(SECOND..=HOUR));
    Some(ProviderSettings::Releases {
        path: path?,
        restart: restart?,
        restart_timeout,
    })
}

fn fingerprint(section: &Section<'_>) -> Option<Fingerprint> {
    let url = section.required("url", "\"https://shop.example.com/version.json\"", url);
    let given: Vec<&str> = ["json", "header", "meta"]
        .into_iter()
        .filter(|key| section.get(key).is_some())
        .collect();
    let at = [
        section.optional("json", pointer).map(FingerprintAt::Json),
        section
            .optional("header", header)
            .map(FingerprintAt::Header),
        section.optional("meta", text).map(FingerprintAt::Meta),
    ];
    match given[..] {
        [] => section.mistake_here(
            "does not say where the answer names the release; write one of json = \"/sha\", \
             header = \"x-release\", meta = \"release\"",
        ),
        [_] => {}
        [..] => section.mistake_here(format!(
            "names the release in {} places; keep one of {}",
            given.len(),
            given.join(", ")
        )),
    }
    section.done();
    Some(Fingerprint {
        url: url?,
        at: at.into_iter().flatten().next()?,
    })
}

fn check(section: &Section<'_>) -> Option<Check> {
    section.required("kind", "\"http\"", |value| one_of(&text(value)?, &["http"]));
    let url = section.required("url", "\"https://shop.example.com/api/health\"", url);
    let status = section.or("status", 200, |value| number(value, 100..=599));
    let json = section.optional("json", pointer);
    let equals = section.optional("equals", text);
    match (section.get("json"), section.get("equals")) {
        (Some(_), None) => {
            section.mistake("json", "is compared with nothing; add equals = \"…\"");
        }
        (None, Some(_)) => section.mistake(
            "equals",
            "does not say what to compare; add json = \"/status\"",
        ),
        (Some(_), Some(_)) | (None, None) => {}
    }
    let contains = section.optional("contains", text);
    let within = section.or("within", 10 * SECOND, duration(SECOND / 10..=MINUTE));
    section.done();
    Some(Check {
        url: url?,
        status,
        json: json.zip(equals),
        contains,
        within,
    })
}

/// Two names for one thing would let two rollbacks of it run at the same time.
fn refuse_shared_targets(section: &Section<'_>, services: &[Option<Service>]) {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for service in services.iter().flatten() {
        let target = match &service.provider {
            ProviderSettings::Vercel {
                project,
                team,
                api_url,
                token: _,
            } => format!("{api_url} {team:?} {project:?}"),
            ProviderSettings::Releases { path, .. } => format!("{path:?}"),
        };
        let key = dotted(&section.key(&service.name), &service.environment);
        match seen.get(&target) {
            Some(first) => section.reader.mistake(
                key,
                format!("is the same thing as {first}; keep one of the two"),
            ),
            None => {
                seen.insert(target, key);
            }
        }
    }
}

fn warnings(roles: &BTreeMap<String, Role>, services: &[Service]) -> Vec<String> {
    services
        .iter()
        .filter(|service| !service.requester_may_approve)
        .filter_map(|service| match approvers(roles, service)[..] {
            [only] => Some(format!(
                "{}: only {only} can approve, so nobody can when {only} asks; add a second person to \
                 a role in approve, or set requester_may_approve = true",
                dotted(&dotted("services", &service.name), &service.environment),
            )),
            _ => None,
        })
        .collect()
}

/// What reading needs besides the file, and what it found wrong.
struct Reader<'a> {
    env: Env<'a>,
    read_file: ReadFile<'a>,
    reserved: &'a [&'a str],
    mistakes: RefCell<Vec<Mistake>>,
}

impl Reader<'_> {
    fn mistake(&self, key: String, problem: impl Into<String>) {
        self.mistakes.borrow_mut().push(Mistake {
            key,
            problem: problem.into(),
        });
    }

    fn section<'a>(&'a self, path: &str, table: &'a Table) -> Section<'a> {
        Section {
            reader: self,
            path: path.to_owned(),
            table: Some(table),
            asked: RefCell::default(),
        }
    }

    /// What `"env:NAME"` or `"file:PATH"` stands for. No problem it reports repeats the value:
    /// that may be the secret itself.
    fn secret(&self, value: &Value) -> Result<Secret, String> {
        const HOW: &str = "write \"env:NAME\" or \"file:PATH\"";
        let Value::String(text) = value else {
            return Err(wrong_type(
                value,
                "text in quotes, \"env:NAME\" or \"file:PATH\"",
            ));
        };
        let (secret, whence) = if let Some(name) = text.strip_prefix("env:") {
            if !is_variable(name) {
                return Err(
                    "what follows env: is not the name of an environment variable; write it like \
                     \"env:SLACK_BOT_TOKEN\""
                        .to_owned(),
                );
            }
            let whence = format!("environment variable {name}");
            let Some(secret) = (self.env)(name) else {
                return Err(format!("{whence} is not set"));
            };
            (secret, whence)
        } else if let Some(path) = text.strip_prefix("file:") {
            if path.is_empty() {
                return Err(format!("names no file; {HOW}"));
            }
            let secret = (self.read_file)(Path::new(path))
                .map_err(|error| format!("file {path} cannot be read: {error}"))?;
            (secret, format!("file {path}"))
        } else {
            return Err(format!("a secret does not belong in this file; {HOW}"));
        };
        match secret.trim() {
            "" => Err(format!("{whence} is empty")),
            secret if secret.contains(char::is_control) => Err(format!(
                "{whence} holds more than one line; keep only the secret in it"
            )),
            secret => Ok(Secret::new(secret)),
        }
    }
}

/// One table of the file, and which of its keys were asked for.
struct Section<'a> {
    reader: &'a Reader<'a>,
    path: String,
    /// None when the file does not have it: then all its keys are missing.
    table: Option<&'a Table>,
    asked: RefCell<Vec<String>>,
}

#[derive(PartialEq)]
enum Repeats {
    Allowed,
    Refused,
}

impl<'a> Section<'a> {
    fn key(&self, key: &str) -> String {
        dotted(&self.path, key)
    }

    fn mistake(&self, key: &str, problem: impl Into<String>) {
        self.reader.mistake(self.key(key), problem);
    }

    fn mistake_here(&self, problem: impl Into<String>) {
        self.reader.mistake(self.path.clone(), problem);
    }

    fn keys(&self) -> impl Iterator<Item = &'a str> {
        self.table
            .into_iter()
            .flat_map(Table::keys)
            .map(String::as_str)
    }

    fn holds_only_sections(&self) -> bool {
        self.table
            .into_iter()
            .flat_map(Table::values)
            .all(Value::is_table)
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        let mut asked = self.asked.borrow_mut();
        if !asked.iter().any(|known| known == key) {
            asked.push(key.to_owned());
        }
        self.table?.get(key)
    }

    fn optional<T>(&self, key: &str, read: impl FnOnce(&Value) -> Result<T, String>) -> Option<T> {
        read(self.get(key)?)
            .map_err(|problem| self.mistake(key, problem))
            .ok()
    }

    fn or<T>(&self, key: &str, default: T, read: impl FnOnce(&Value) -> Result<T, String>) -> T {
        self.optional(key, read).unwrap_or(default)
    }

    fn url_or(&self, key: &str, default: &str) -> Option<Url> {
        match self.get(key) {
            Some(_) => self.optional(key, url),
            None => Url::parse(default).ok(),
        }
    }

    fn required<T>(
        &self,
        key: &str,
        example: &str,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        if self.get(key).is_none() {
            self.mistake(key, format!("is missing; write {key} = {example}"));
        }
        self.optional(key, read)
    }

    /// A list with at least one thing in it.
    fn list<T>(
        &self,
        key: &str,
        example: &str,
        repeats: Repeats,
        read: impl Fn(&Value) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let values = self.required(key, &format!("[{example}]"), |value| match value {
            Value::Array(values) if values.is_empty() => {
                Err(format!("is empty; write {key} = [{example}]"))
            }
            Value::Array(values) => Ok(values.clone()),
            other => Err(wrong_type(other, &format!("a list: {key} = [{example}]"))),
        })?;
        let mut read_values = Vec::new();
        for (index, value) in values.iter().enumerate() {
            let here = format!("{}[{index}]", self.key(key));
            let first = values.iter().position(|other| other == value);
            if repeats == Repeats::Refused && first != Some(index) {
                self.reader
                    .mistake(here, "is in the list twice; remove one of the two");
                continue;
            }
            match read(value) {
                Ok(value) => read_values.push(value),
                Err(problem) => self.reader.mistake(here, problem),
            }
        }
        Some(read_values)
    }

    /// The section under `key`; empty when the file does not have it.
    fn section(&self, key: &str) -> Option<Section<'a>> {
        let path = self.key(key);
        let table = match self.get(key) {
            None => None,
            Some(Value::Table(table)) => Some(table),
            Some(other) => {
                let problem = wrong_type(other, &format!("a section: [{path}]"));
                self.reader.mistake(path, problem);
                return None;
            }
        };
        Some(Section {
            reader: self.reader,
            path,
            table,
            asked: RefCell::default(),
        })
    }

    /// The repeated sections under `key`, `[[…]]` each.
    fn sections(&self, key: &str) -> Option<Vec<Section<'a>>> {
        let path = self.key(key);
        let Some(value) = self.get(key) else {
            return Some(Vec::new());
        };
        let tables: Option<Vec<&Table>> = value
            .as_array()
            .and_then(|values| values.iter().map(Value::as_table).collect());
        let Some(tables) = tables else {
            let problem = format!("can be repeated; write it with two brackets, [[{path}]]");
            self.reader.mistake(path, problem);
            return None;
        };
        let sections = tables.into_iter().enumerate();
        Some(
            sections
                .map(|(index, table)| self.reader.section(&format!("{path}[{index}]"), table))
                .collect(),
        )
    }

    /// Checks that people can write `name` in a command.
    fn check_name(&self, name: &str) {
        let mut letters = name.chars();
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        let fits = letters.next().is_some_and(plain)
            && letters.all(|letter| plain(letter) || "._-".contains(letter))
            && name.len() <= 63;
        if !fits {
            self.mistake(
                name,
                "is not a possible name; use at most 63 of a-z, 0-9, \".\", \"_\" and \"-\", \
                 beginning with a letter or a digit",
            );
        } else if self.reader.reserved.contains(&name) {
            self.mistake(name, "is a word of the /rollback command; use another name");
        }
    }

    /// Refuses what nobody asked for: a mistyped key would otherwise be a default in silence.
    fn done(&self) {
        let asked = self.asked.borrow();
        let known: Vec<&str> = asked.iter().map(String::as_str).collect();
        for key in self.keys().filter(|key| !known.contains(key)) {
            let advice = did_you_mean(key, &known)
                .unwrap_or_else(|| format!("remove it, or use one of {}", known.join(", ")));
            self.mistake(key, format!("is not a key here; {advice}"));
        }
    }
}

// What a value can be. Each says what is wrong with one that cannot.

fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) if text.trim().is_empty() => {
            Err("is empty; write something between the quotes, or remove it".to_owned())
        }
        Value::String(text) => Ok(text.clone()),
        other => Err(wrong_type(other, "text in quotes")),
    }
}

fn flag(value: &Value) -> Result<bool, String> {
    value
        .as_bool()
        .ok_or_else(|| wrong_type(value, "true or false, without quotes"))
}

fn number<T: TryFrom<i64>>(value: &Value, range: RangeInclusive<i64>) -> Result<T, String> {
    let Value::Integer(number) = value else {
        return Err(wrong_type(value, "a whole number, without quotes"));
    };
    let outside = || {
        format!(
            "{number} is out of range; write a number from {} to {}",
            range.start(),
            range.end()
        )
    };
    if !range.contains(number) {
        return Err(outside());
    }
    T::try_from(*number).map_err(|_| outside())
}

fn duration(range: RangeInclusive<Duration>) -> impl FnOnce(&Value) -> Result<Duration, String> {
    move |value| {
        const HOW: &str = "a number and ms, s, m or h, like \"90s\" or \"10m\"";
        let Value::String(text) = value else {
            return Err(wrong_type(value, &format!("text in quotes: {HOW}")));
        };
        let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let unit = match &text[digits.len()..] {
            "ms" => Some(1),
            "s" => Some(1_000),
            "m" => Some(60_000),
            "h" => Some(3_600_000),
            _ => None,
        };
        let duration = unit
            .zip(digits.parse::<u32>().ok())
            .map(|(unit, count)| Duration::from_millis(unit * u64::from(count)))
            .ok_or_else(|| format!("{text:?} is not a duration; write {HOW}"))?;
        if !range.contains(&duration) {
            return Err(format!(
                "{text:?} is out of range; write a duration from {} to {}",
                spell(*range.start()),
                spell(*range.end())
            ));
        }
        Ok(duration)
    }
}

/// As it is written in the file.
fn spell(duration: Duration) -> String {
    match duration.as_millis() {
        0 => "0s".to_owned(),
        millis if millis % 3_600_000 == 0 => format!("{}h", millis / 3_600_000),
        millis if millis % 60_000 == 0 => format!("{}m", millis / 60_000),
        millis if millis % 1_000 == 0 => format!("{}s", millis / 1_000),
        millis => format!("{millis}ms"),
    }
}

fn url(value: &Value) -> Result<Url, String> {
    let text = text(value)?;
    let url = Url::parse(&text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"));
    // Not repeated until it is known to carry no password.
    let Some(url) = url else {
        return Err("is not a web address; begin it with https:// or http://".to_owned());
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("carries a user name or a password; write it without".to_owned());
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// SQLite and a Postgres without a password may stand in the file; everything else is a secret.
fn database_url(reader: &Reader<'_>, value: &Value) -> Result<Secret, String> {
    let is_sqlite = |text: &str| text.starts_with("sqlite:");
    let is_postgres =
        |text: &str| text.starts_with("postgres://") || text.starts_with("postgresql://");
    let written = text(value)?;
    if is_sqlite(&written) {
        return Ok(Secret::new(written));
    }
    if is_postgres(&written) {
        let open = Url::parse(&written).ok().filter(|url| {
            url.password().is_none() && url.query_pairs().all(|(key, _)| key != "password")
        });
        return match open {
            Some(_) => Ok(Secret::new(written)),
            None => Err(
                "a password does not belong in this file; put the whole address into the environment \
                 and write \"env:DATABASE_URL\""
                    .to_owned(),
            ),
        };
    }
    let whence = written.split(':').next();
    if !matches!(whence, Some("env" | "file")) {
        return Err(
            "is not a database this bot knows; write \"sqlite://rollback-bot.db\", or \
             \"env:DATABASE_URL\" for Postgres"
                .to_owned(),
        );
    }
    let url = reader.secret(value)?;
    if !is_sqlite(url.expose()) && !is_postgres(url.expose()) {
        return Err(format!(
            "what {written:?} stands for does not begin with postgres:// or sqlite://"
        ));
    }
    Ok(url)
}

fn is_variable(name: &str) -> bool {
    let mut letters = name.chars();
    letters
        .next()
        .is_some_and(|letter| letter.is_ascii_alphabetic() || letter == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// An id that begins with one of `kinds`; `what` names it and tells where to find it.
fn slack_id(value: &Value, kinds: &[char], what: &str) -> Result<String, String> {
    let id = text(value)?;
    let fits = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit();
    if id.len() < 2 || !id.starts_with(kinds) || !id.chars().all(fits) {
        return Err(format!("{id:?} is not {what}"));
    }
    Ok(id)
}

fn pointer(value: &Value) -> Result<String, String> {
    let pointer = text(value)?;
    let escaped = pointer
        .split('~')
        .skip(1)
        .all(|rest| rest.starts_with(['0', '1']));
    if !pointer.starts_with('/') || !escaped {
        return Err(format!(
            "{pointer:?} is not a JSON pointer; write the way to the value like \"/build/sha\""
        ));
    }
    Ok(pointer)
}

fn header(value: &Value) -> Result<String, String> {
    let name = text(value)?;
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter);
    if !name.chars().all(fits) {
        return Err(format!(
            "{name:?} is not the name of a header; write it like \"x-release\""
        ));
    }
    Ok(name)
}

fn one_of(word: &str, known: &[&'static str]) -> Result<&'static str, String> {
    let found = known.iter().find(|known| **known == word);
    found.copied().ok_or_else(|| {
        let choices: Vec<String> = known.iter().map(|known| format!("{known:?}")).collect();
        let advice =
            did_you_mean(word, known).unwrap_or_else(|| format!("write {}", choices.join(" or ")));
        format!("{word:?} is not known; {advice}")
    })
}

fn wrong_type(value: &Value, wanted: &str) -> String {
    let kind = match value {
        Value::String(_) => "text",
        Value::Integer(_) | Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a section",
    };
    format!("is {kind}; write {wanted}")
}

/// `key` under `path`, in quotes where TOML would need them.
fn dotted(path: &str, key: &str) -> String {
    let bare = !key.is_empty()
        && key
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter));
    let key = if bare {
        key.to_owned()
    } else {
        format!("{key:?}")
    };
    if path.is_empty() {
        key
    } else {
        format!("{path}.{key}")
    }
}

fn did_you_mean(word: &str, known: &[&str]) -> Option<String> {
    let (edits, nearest) = known
        .iter()
        .map(|known| (edits(word, known), known))
        .min()?;
    let close = edits
        <= if word.len().min(nearest.len()) < 5 {
            1
        } else {
            2
        };
    close.then(|| format!("did you mean {nearest:?}?"))
}

/// How many letters must be added, removed or replaced to get from one word to the other.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

/// The first place that is not TOML, without its line: there may be a secret in it.
fn not_toml(text: &str, error: toml::de::Error) -> Mistakes {
    // The error at hand need not be the first one, and those after it are often its echo.
    let start = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
    let (_, errors) = toml::de::DeTable::parse_recoverable(text);
    let first = errors.into_iter().min_by_key(start).unwrap_or(error);
    let before = text.get(..start(&first)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before
        .chars()
        .rev()
        .take_while(|letter| *letter != '\n')
        .count()
        + 1;
    Mistakes(vec![Mistake {
        key: format!("line {line}, column {column}"),
        problem: first.message().replace('\n', ", "),
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../rollback-bot.example.toml");

    /// The shortest file that has everything.
    const SHORT: &str = r#"
[server]
listen = "127.0.0.1:3000"
public_url = "https://rollback.example.com"

[database]
url = "sqlite://rollback-bot.db"

[slack]
signing_secret = "env:SLACK_SIGNING_SECRET"
bot_token = "env:SLACK_BOT_TOKEN"

[policy]
plan_ttl = "10m"

[roles.oncall]
members = ["U0SAM", "U0ALEX"]

[services.frontend.production]
provider = "vercel"
project = "prj_123"
token = "env:VERCEL_TOKEN"
approve = ["oncall"]

[services.frontend.production.fingerprint]
url = "https://shop.example.com/version.json"
json = "/sha"

[[services.frontend.production.verify]]
kind = "http"
url = "https://shop.example.com/api/health"

[services.shop.local]
provider = "releases"
path = "/srv/shop"
restart = ["systemctl", "restart", "shop"]
approve = ["oncall"]
"#;

    fn env(name: &str) -> Option<String> {
        let value = match name {
            "SLACK_SIGNING_SECRET" => "8f742231b10e8888abcd99badc0ffee5",
            "SLACK_SIGNING_SECRET_OLD" => "0ld",
            "SLACK_BOT_TOKEN" => "xoxb-1",
            "VERCEL_TOKEN" => "vercel-1",
            "DATABASE_URL" => "postgres://bot:hunter2@db.example.com/rollback",
            "EMPTY" => "",
            "KEY_FILE" => "-----BEGIN KEY-----\nMC4C\n-----END KEY-----\n",
            _ => return None,
        };
        Some(value.to_owned())
    }

    fn read_file(path: &Path) -> io::Result<String> {
        match path.to_str() {
            Some("/run/secrets/slack-bot-token") => Ok("xoxb-2\n".to_owned()),
            _ => Err(io::Error::new(io::ErrorKind::NotFound, "no such file")),
        }
    }

    fn parse(text: &str) -> Result<Config, Mistakes> {
        Config::parse(text, &env, &read_file, &["plan", "undo"])
    }

    fn accepted(text: &str) -> Config {
        parse(text).expect("no mistakes")
    }

    fn refused(text: &str) -> String {
        parse(text).expect_err("mistakes").to_string()
    }

    /// The short file with `line` in place of `instead_of`.
    fn with(instead_of: &str, line: &str) -> String {
        assert_eq!(SHORT.matches(instead_of).count(), 1, "{instead_of}");
        SHORT.replace(instead_of, line)
    }

    #[test]
    fn what_is_not_written_has_a_default() {
        let config = accepted(SHORT);
        assert_eq!(config.slack.api_url.as_str(), "https://slack.com/api");
        assert_eq!(config.slack.team, None);
        assert_eq!(config.policy.plan_ttl, 10 * MINUTE);
        assert_eq!(config.templates, None);
        assert!(config.warnings.is_empty());

        let frontend = config.service("frontend", "production").expect("a service");
        assert!(!frontend.requester_may_approve);
        assert_eq!(frontend.passes, 3);
        assert_eq!(frontend.prove_within, 5 * MINUTE);
        assert_eq!(frontend.watch, 5 * MINUTE);
        assert_eq!(frontend.check_every, 5 * SECOND);
        assert_eq!(frontend.target_time, None);
        assert_eq!(frontend.verify[0].status, 200);
        assert_eq!(frontend.verify[0].within, 10 * SECOND);
        assert!(matches!(
            &frontend.provider,
            ProviderSettings::Vercel { project, team: None, token, api_url }
                if project == "prj_123"
                    && token.expose() == "vercel-1"
                    && api_url.as_str() == "https://api.vercel.com/"
        ));
        let shop = config.service("shop", "local").expect("a service");
        assert!(matches!(
            &shop.provider,
            ProviderSettings::Releases { path, restart: Some(command), restart_timeout: MINUTE }
                if path == Path::new("/srv/shop") && command == &["systemctl", "restart", "shop"]
        ));
    }

    #[test]
    fn the_example_has_no_mistakes() {
        let config = accepted(EXAMPLE);
        assert_eq!(config.warnings, [""; 0]);
        let frontend = config.service("frontend", "production").expect("a service");
        let fingerprint = frontend.fingerprint.as_ref().expect("a fingerprint");
        assert_eq!(fingerprint.at, FingerprintAt::Json("/sha".to_owned()));
        assert_eq!(frontend.target_time, Some(2 * MINUTE));
        assert_eq!(
            frontend.verify[0].json,
            Some(("/checkout".to_owned(), "ok".to_owned()))
        );
        assert_eq!(frontend.verify[0].within, 2 * SECOND);
        assert_eq!(
            frontend.verify[1].contains.as_deref(),
            Some("Add to basket")
        );
        assert_eq!(config.approvers(frontend), ["U0SAM", "U0ALEX", "U0MAYA"]);
    }

    #[test]
    fn the_examples_defaults_are_the_defaults() {
        let uncommented: Vec<&str> = EXAMPLE
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(key) if key.starts_with(|letter: char| letter.is_ascii_lowercase()) => key,
                _ => line,
            })
            .collect();
        let everything = accepted(&uncommented.join("\n"));
        let mut expected = accepted(EXAMPLE);
        expected.slack.team = Some("T0123ABCD".to_owned());
        expected.templates = Some(PathBuf::from("templates"));
        assert_eq!(format!("{everything:#?}"), format!("{expected:#?}"));
    }

    #[test]
    fn services_are_found_by_name_and_environment() {
        let config = accepted(&format!(
            "{SHORT}
            [services.shop.staging]
            provider = \"releases\"
            path = \"/srv/staging\"
            approve = [\"oncall\"]"
        ));
        let environments: Vec<&str> = config
            .environments("shop")
            .iter()
            .map(|service| service.environment.as_str())
            .collect();
        assert_eq!(environments, ["local", "staging"]);
        assert!(config.service("shop", "production").is_none());
        assert!(config.environments("basket").is_empty());
    }

    #[test]
    fn a_secret_comes_from_the_environment_or_a_file_and_is_never_printed() {
        let bot_token = "bot_token = \"env:SLACK_BOT_TOKEN\"";
        let file = "bot_token = \"file:/run/secrets/slack-bot-token\"";
        let config = accepted(&with(bot_token, file));
        assert_eq!(config.slack.bot_token.expose(), "xoxb-2");
        assert_eq!(config.slack.bot_token.to_string(), "…");
        let printed = format!("{config:?}");
        for secret in ["8f742231b10e8888abcd99badc0ffee5", "xoxb-2", "vercel-1"] {
            assert!(!printed.contains(secret), "{secret}");
        }

        let config = accepted(&with(
            "signing_secret = \"env:SLACK_SIGNING_SECRET\"",
            "signing_secret = [\"env:SLACK_SIGNING_SECRET\", \"env:SLACK_SIGNING_SECRET_OLD\"]",
        ));
        let secrets = config.slack.signing_secrets.iter().map(Secret::expose);
        assert_eq!(
            secrets.collect::<Vec<_>>(),
            ["8f742231b10e8888abcd99badc0ffee5", "0ld"]
        );
    }

    #[test]
    fn the_address_of_a_database_without_a_password_may_be_written() {
        for (written, url) in [
            (
                "sqlite:///var/lib/rollback-bot.db",
                "sqlite:///var/lib/rollback-bot.db",
            ),
            (
                "postgres://bot@db.example.com/rollback",
                "postgres://bot@db.example.com/rollback",
            ),
            (
                "env:DATABASE_URL",
                "postgres://bot:hunter2@db.example.com/rollback",
            ),
        ] {
            let config = accepted(&with("sqlite://rollback-bot.db", written));
            assert_eq!(config.database.url.expose(), url);
        }
    }

    #[test]
    fn this_machine_needs_no_https() {
        for url in [
            "http://127.0.0.1:3000",
            "http://localhost:3000/bot",
            "http://[::1]:3000",
        ] {
            accepted(&with("https://rollback.example.com", url));
        }
    }

    #[test]
    fn a_person_who_would_approve_alone_is_a_warning() {
        let config = accepted(&with("\"U0SAM\", \"U0ALEX\"", "\"U0SAM\""));
        assert_eq!(
            config.warnings,
            [
                "services.frontend.production: only U0SAM can approve, so nobody can when U0SAM \
                 asks; add a second person to a role in approve, or set requester_may_approve = true",
                "services.shop.local: only U0SAM can approve, so nobody can when U0SAM asks; add a \
                 second person to a role in approve, or set requester_may_approve = true",
            ]
        );
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let text = r#"
[server]
listen = "localhost:3000"
public_url = "http://rollback.example.com"
colour = "blue"

[slack]
signing_secret = "8f742231b10e8888abcd99badc0ffee5"
bot_tokn = "env:SLACK_BOT_TOKEN"

[policy]
plan_ttl = "10 minutes"

[roles.oncall]
members = ["@sam", "U0ALEX"]

[services.plan.production]
provider = "vercel"
project = 7
token = "env:PLAN_TOKEN"
approve = ["onkall"]

[services.plan.production.fingerprint]
url = "shop.example.com/version.json"

[[services.plan.production.verify]]
kind = "http"
url = "https://shop.example.com/api/health"
status = "200"

[services.shop.local]
provider = "releases"
path = "srv/shop"
restart = "systemctl restart shop"
approve = ["oncall"]
"#;
        assert_eq!(
            refused(text),
            r#"server.listen: "localhost:3000" is not an IP address and a port; write it like "127.0.0.1:3000"
server.public_url: "http://rollback.example.com/" is not encrypted, and Slack refuses it; write one that begins with https://
server.colour: is not a key here; remove it, or use one of listen, public_url
database.url: is missing; write url = "sqlite://rollback-bot.db"
slack.signing_secret: a secret does not belong in this file; write "env:NAME" or "file:PATH"
slack.bot_token: is missing; write bot_token = "env:SLACK_BOT_TOKEN"
slack.bot_tokn: is not a key here; did you mean "bot_token"?
policy.plan_ttl: "10 minutes" is not a duration; write a number and ms, s, m or h, like "90s" or "10m"
roles.oncall.members[0]: "@sam" is not a member id; copy it from the person's Slack profile, it looks like "U0123ABCD"
services.plan: is a word of the /rollback command; use another name
services.plan.production.project: is a number; write text in quotes
services.plan.production.token: environment variable PLAN_TOKEN is not set
services.plan.production.approve[0]: there is no role "onkall"; did you mean "oncall"?
services.plan.production.fingerprint.url: is not a web address; begin it with https:// or http://
services.plan.production.fingerprint: does not say where the answer names the release; write one of json = "/sha", header = "x-release", meta = "release"
services.plan.production.verify[0].status: is text; write a whole number, without quotes
services.shop.local.path: "srv/shop" is not absolute; begin it with /
services.shop.local.restart: is one text, but no shell takes it apart; write the program and each argument for themselves: restart = ["systemctl", "restart", "shop"]"#
        );
    }

    /// Changes to the short file, and what is said about each.
    const MISTAKES: &str = r#"
- listen = "127.0.0.1:3000"
! server.listen: is missing; write listen = "127.0.0.1:3000"

- public_url = "https://rollback.example.com"
+ public_url = "https://rollback.example.com/?a=b"
! server.public_url: has a ? or a #; end it after the host or the path

- public_url = "https://rollback.example.com"
+ public_url = "https://sam:hunter2@rollback.example.com"
! server.public_url: carries a user name or a password; write it without

- public_url = "https://rollback.example.com"
+ public_url = "ftp://rollback.example.com"
! server.public_url: is not a web address; begin it with https:// or http://

- url = "sqlite://rollback-bot.db"
+ url = "mysql://localhost/rollback"
! database.url: is not a database this bot knows; write "sqlite://rollback-bot.db", or "env:DATABASE_URL" for Postgres

- url = "sqlite://rollback-bot.db"
+ url = "postgres://bot:hunter2@db.example.com/rollback"
! database.url: a password does not belong in this file; put the whole address into the environment and write "env:DATABASE_URL"

- url = "sqlite://rollback-bot.db"
+ url = "postgres://db.example.com/rollback?password=hunter2"
! database.url: a password does not belong in this file; put the whole address into the environment and write "env:DATABASE_URL"

- url = "sqlite://rollback-bot.db"
+ url = "env:SLACK_BOT_TOKEN"
! database.url: what "env:SLACK_BOT_TOKEN" stands for does not begin with postgres:// or sqlite://

- signing_secret = "env:SLACK_SIGNING_SECRET"
+ signing_secret = []
! slack.signing_secret: is empty; write signing_secret = ["env:SLACK_SIGNING_SECRET"]

- signing_secret = "env:SLACK_SIGNING_SECRET"
+ signing_secret = ["env:SLACK_SIGNING_SECRET", "env:OLD"]
! slack.signing_secret[1]: environment variable OLD is not set

- token = "env:VERCEL_TOKEN"
+ token = "env:vercel-1"
! services.frontend.production.token: what follows env: is not the name of an environment variable; write it like "env:SLACK_BOT_TOKEN"

- token = "env:VERCEL_TOKEN"
+ token = "env:EMPTY"
! services.frontend.production.token: environment variable EMPTY is empty

- token = "env:VERCEL_TOKEN"
+ token = "env:KEY_FILE"
! services.frontend.production.token: environment variable KEY_FILE holds more than one line; keep only the secret in it

- token = "env:VERCEL_TOKEN"
+ token = "file:/run/secrets/vercel"
! services.frontend.production.token: file /run/secrets/vercel cannot be read: no such file

- token = "env:VERCEL_TOKEN"
+ token = "file:"
! services.frontend.production.token: names no file; write "env:NAME" or "file:PATH"

- token = "env:VERCEL_TOKEN"
+ token = "vercel-1"
! services.frontend.production.token: a secret does not belong in this file; write "env:NAME" or "file:PATH"

- token = "env:VERCEL_TOKEN"
+ token = 5
! services.frontend.production.token: is a number; write text in quotes, "env:NAME" or "file:PATH"

  [policy]
+ plan_tll = "5m"
! policy.plan_tll: is not a key here; did you mean "plan_ttl"?

- plan_ttl = "10m"
+ plan_ttl = "30s"
! policy.plan_ttl: "30s" is out of range; write a duration from 1m to 24h

- plan_ttl = "10m"
+ plan_ttl = 10
! policy.plan_ttl: is a number; write text in quotes: a number and ms, s, m or h, like "90s" or "10m"

- plan_ttl = "10m"
+ plan_ttl = "25h"
! policy.plan_ttl: "25h" is out of range; write a duration from 1m to 24h

  bot_token = "env:SLACK_BOT_TOKEN"
+ team = "shop"
! slack.team: "shop" is not a workspace id; copy it from the address app.slack.com/client/T…

  bot_token = "env:SLACK_BOT_TOKEN"
+ api_url = "slack.com/api"
! slack.api_url: is not a web address; begin it with https:// or http://

  bot_token = "env:SLACK_BOT_TOKEN"
+ [templates]
+ directory = ""
! templates.directory: is empty; write something between the quotes, or remove it

  bot_token = "env:SLACK_BOT_TOKEN"
+ [polices]
! polices: is not a key here; did you mean "policy"?

- members = ["U0SAM", "U0ALEX"]
+ members = []
! roles.oncall.members: is empty; write members = ["U0123ABCD"]

- members = ["U0SAM", "U0ALEX"]
+ members = ["U0SAM", "U0SAM"]
! roles.oncall.members[1]: is in the list twice; remove one of the two

- members = ["U0SAM", "U0ALEX"]
+ members = ["u0sam", "C0SHOP"]
! roles.oncall.members[0]: "u0sam" is not a member id; copy it from the person's Slack profile, it looks like "U0123ABCD"
! roles.oncall.members[1]: "C0SHOP" is not a member id; copy it from the person's Slack profile, it looks like "U0123ABCD"

- members = ["U0SAM", "U0ALEX"]
+ members = "U0SAM"
! roles.oncall.members: is text; write a list: members = ["U0123ABCD"]

  plan_ttl = "10m"
+ [roles."on call"]
+ members = []
! roles."on call".members: is empty; write members = ["U0123ABCD"]

  token = "env:VERCEL_TOKEN"
- approve = ["oncall"]
+ approve = []
! services.frontend.production.approve: is empty; write approve = ["oncall"]

- provider = "vercel"
+ provider = "vercl"
! services.frontend.production.provider: "vercl" is not known; did you mean "vercel"?

- provider = "releases"
! services.shop.local.provider: is missing; write provider = "vercel", or "releases"

- project = "prj_123"
+ path = "/srv/frontend"
! services.frontend.production.project: is missing; write project = "prj_123"
! services.frontend.production.path: is not a key here; remove it, or use one of provider, project, team, token, api_url, url, approve, requester_may_approve, target_time, fingerprint, verify, passes, prove_within, watch, check_every

  project = "prj_123"
+ requester_may_approve = "yes"
! services.frontend.production.requester_may_approve: is text; write true or false, without quotes

  project = "prj_123"
+ target_time = "2d"
! services.frontend.production.target_time: "2d" is not a duration; write a number and ms, s, m or h, like "90s" or "10m"

  project = "prj_123"
+ url = "shop.example.com"
! services.frontend.production.url: is not a web address; begin it with https:// or http://

  project = "prj_123"
+ passes = 0
! services.frontend.production.passes: 0 is out of range; write a number from 1 to 100

  project = "prj_123"
+ passes = 5
+ prove_within = "10s"
! services.frontend.production.prove_within: 5 passes, 5s apart, take at least 20s; give it more than 10s, or ask for fewer passes

  project = "prj_123"
+ check_every = "0s"
! services.frontend.production.check_every: "0s" is out of range; write a duration from 100ms to 1h

  json = "/sha"
+ header = "x-release"
! services.frontend.production.fingerprint: names the release in 2 places; keep one of json, header

- json = "/sha"
+ json = "sha"
! services.frontend.production.fingerprint.json: "sha" is not a JSON pointer; write the way to the value like "/build/sha"

- json = "/sha"
+ header = "x release"
! services.frontend.production.fingerprint.header: "x release" is not the name of a header; write it like "x-release"

- url = "https://shop.example.com/api/health"
! services.frontend.production.verify[0].url: is missing; write url = "https://shop.example.com/api/health"

- kind = "http"
! services.frontend.production.verify[0].kind: is missing; write kind = "http"

- kind = "http"
+ kind = "tcp"
! services.frontend.production.verify[0].kind: "tcp" is not known; write "http"

- [[services.frontend.production.verify]]
+ [services.frontend.production.verify]
! services.frontend.production.verify: can be repeated; write it with two brackets, [[services.frontend.production.verify]]

  url = "https://shop.example.com/api/health"
+ json = "/status"
! services.frontend.production.verify[0].json: is compared with nothing; add equals = "…"

  url = "https://shop.example.com/api/health"
+ equals = "ok"
! services.frontend.production.verify[0].equals: does not say what to compare; add json = "/status"

  url = "https://shop.example.com/api/health"
+ json = "/ok"
+ equals = true
! services.frontend.production.verify[0].equals: is true or false; write text in quotes

  url = "https://shop.example.com/api/health"
+ status = 700
! services.frontend.production.verify[0].status: 700 is out of range; write a number from 100 to 599

  url = "https://shop.example.com/api/health"
+ within = "2m"
! services.frontend.production.verify[0].within: "2m" is out of range; write a duration from 100ms to 1m

  url = "https://shop.example.com/api/health"
+ contains = ""
! services.frontend.production.verify[0].contains: is empty; write something between the quotes, or remove it

- restart = ["systemctl", "restart", "shop"]
+ restart = []
! services.shop.local.restart: is empty; write restart = ["systemctl", "restart", "shop"]

- restart = ["systemctl", "restart", "shop"]
+ restart = [""]
! services.shop.local.restart: begins with nothing; write the program to run first

- restart = ["systemctl", "restart", "shop"]
+ restart = ["systemctl", 5]
! services.shop.local.restart[1]: is a number; write text in quotes

- restart = ["systemctl", "restart", "shop"]
+ restart_timeout = "2h"
! services.shop.local.restart_timeout: "2h" is out of range; write a duration from 1s to 1h

- [services.shop.local]
+ [services.Shop.local]
! services.Shop: is not a possible name; use at most 63 of a-z, 0-9, ".", "_" and "-", beginning with a letter or a digit

- [services.shop.local]
+ [services.shop."on site"]
! services.shop."on site": is not a possible name; use at most 63 of a-z, 0-9, ".", "_" and "-", beginning with a letter or a digit

- [services.shop.local]
+ [services.shop.undo]
! services.shop.undo: is a word of the /rollback command; use another name

- [services.shop.local]
+ [services.shop]
! services.shop: does not say in which environment; write [services.shop.production]

  url = "https://shop.example.com/api/health"
+ [services.basket.local]
+ provider = "releases"
+ path = "/srv/shop"
+ approve = ["oncall"]
! services.shop.local: is the same thing as services.basket.local; keep one of the two
"#;

    #[test]
    fn each_mistake_says_where_it_is_and_what_to_do() {
        for change in MISTAKES.trim_matches('\n').split("\n\n") {
            let marked = |marks: &[char]| {
                let lines = change.lines().filter(|line| line.starts_with(marks));
                lines.map(|line| &line[2..]).collect::<Vec<_>>().join("\n")
            };
            let before = format!("\n{}\n", marked(&[' ', '-']));
            let after = format!("\n{}\n", marked(&[' ', '+']));
            assert_eq!(refused(&with(&before, &after)), marked(&['!']), "{change}");
        }
    }

    #[test]
    fn a_file_with_nothing_in_it_is_told_what_to_write() {
        assert_eq!(
            refused(""),
            r#"server.listen: is missing; write listen = "127.0.0.1:3000"
server.public_url: is missing; write public_url = "https://rollback.example.com"
database.url: is missing; write url = "sqlite://rollback-bot.db"
slack.signing_secret: is missing; write signing_secret = "env:SLACK_SIGNING_SECRET"
slack.bot_token: is missing; write bot_token = "env:SLACK_BOT_TOKEN"
services: there is nothing to roll back; write a section like [services.frontend.production]"#
        );
    }

    #[test]
    fn what_is_not_toml_is_named_by_line_and_column() {
        assert_eq!(
            refused("[server]\nlisten = \"127.0.0.1:3000\nxoxb-secret"),
            "line 2, column 25: invalid basic string, expected `\"`"
        );
        assert_eq!(
            refused("[server]\nlisten = \"a\"\nlisten = \"b\""),
            "line 3, column 1: duplicate key"
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_a_mistake_too() {
        let mistakes = Config::load(Path::new("no-such.toml"), &env, &[]).expect_err("a mistake");
        assert_eq!(mistakes.0.len(), 1);
        assert_eq!(mistakes.0[0].key, "no-such.toml");
        assert!(mistakes.0[0].problem.starts_with("cannot be read ("));
    }
}
