//! `rollback-bot check`: says everything that is wrong before it matters.

use crate::{
    clock::Clock,
    config::{Config, Delivery, Service, WebPage, app_of_token, effective},
    findings::{Finding, Findings},
    http_client,
    manifest::{SCOPES, Scope},
    messages::Templates,
    proofs::{self, Tried},
    roster,
    roster::Asking,
    slack::{Failure, Identity, Slack},
    store::address::{Address, Found as Record},
    terminal::{self, cell},
};

pub mod agents;

use rollback_domain::{
    authority::{Case, Found, Source},
    drill::Odd,
    identity::ServiceKey,
    platform::About,
    proof::spell,
    refusal::list,
};
use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path};

/// The key of what Slack's Web API is called with.
const TOKEN: &str = "slack.bot_token";
/// The key of what connections of Socket Mode are opened with.
const APP_TOKEN: &str = "slack.app_token";

/// Checks what this machine can tell: templates, directories; with `online`, everything that the
/// bot will reach too. Changes nothing, and prints what it finds. Gives the number of mistakes.
pub async fn check(config: &Config, online: bool) -> anyhow::Result<usize> {
    for warning in &config.warnings {
        terminal::line(format!("note      {warning}"));
    }
    let mut here = Findings::default();
    templates(config, &mut here);
    pages(config, &mut here);
    print(&here.0);
    let before = here.0.len();
    database(config, online, &mut here).await;
    agents::tokens(config, online, &mut here).await;
    canary(config, &mut here);
    drills(config, &mut here);
    reviews(config, &mut here);
    let (services, roles) = (config.services.len(), config.roles.len());
    terminal::line(format!("ok        services: {services}, roles: {roles}"));
    print(&here.0[before..]);
    terminal::line(format!("\n{}", effective::table(config)));
    let mut reached = Findings::default();
    if online {
        everything_reached(config, &mut reached).await?;
        print(&reached.0);
    }
    Ok(here.mistakes() + reached.mistakes())
}

/// Prints a line for each finding. Others wrote a part of it; the columns before it stay.
fn print(findings: &[Finding]) {
    for finding in findings {
        let Finding {
            level,
            key,
            sentence,
            ..
        } = finding;
        let kind = level.name();
        terminal::line(format!("{kind:<10}") + &cell(&format!("{key}: {sentence}")));
    }
}

/// Renders every template.
pub fn templates(config: &Config, report: &mut Findings) {
    match Templates::load(config.templates.as_deref()) {
        Ok(_) => report.ok("templates", "every one is rendered from a sample"),
        Err(error) => report.mistake("templates", format!("{error:#}")),
    }
}

/// Says where the pages are, and where people who sign in come back to.
pub fn pages(config: &Config, report: &mut Findings) {
    if let Some(web) = &config.web {
        report.ok(
            "web",
            format!(
                "the pages are at {}; people who sign in come back to {}, which has to be among the Redirect URLs of the Slack app (`rollback-bot manifest` has it)",
                web.address(WebPage::Board),
                web.redirect_url()
            ),
        );
    }
}

/// Says when drills are held, and what changes of the clocks do to them.
pub fn drills(config: &Config, report: &mut Findings) {
    let now = Clock::real().now();
    for service in &config.services {
        let Some(calendar) = &service.drills.calendar else {
            continue;
        };
        let key = format!(
            "services.{}.{}.drills",
            service.key.name, service.key.environment
        );
        match calendar.next(now) {
            Some(next) => report.ok(&key, format!("{calendar}: next {}", calendar.show(next))),
            None => report.mistake(&key, format!("{calendar}: no such day comes")),
        }
        for (day, odd) in calendar.odd(now) {
            let note = match odd {
                Odd::Never => {
                    format!("on {day} the clocks skip that time: the drill is as much later")
                }
                Odd::Twice => format!("on {day} that time comes twice: the drill is at the first"),
            };
            report.note(&key, note);
        }
        if config.drill_channel(service).is_none() {
            report.mistake(
                &key,
                "nobody is reminded: write channels = [\"C0123ABCD\"] beside it, or into [announce]",
            );
        }
    }
}

/// Says what changes of the clocks do to the canary, and whether anybody is told by it.
pub fn canary(config: &Config, report: &mut Findings) {
    let canary = &config.canary;
    if !canary.enabled {
        return;
    }
    for day in canary.schedule.odd_days(Clock::real().now()) {
        report.note("canary.at", day);
    }
    if config.upkeep_channel().is_none() {
        let note = "nobody is told what it finds; write channel = \"C0123ABCD\" into [canary]";
        report.note("canary.channel", note);
    }
}

/// Says how long reviews hold, and who is told when one is due.
pub fn reviews(config: &Config, report: &mut Findings) {
    let Some(every) = config.reviews.every else {
        return;
    };
    let count = config.procedures().len();
    let every = spell(every);
    report.ok(
        "reviews",
        format!("{count} things are reviewed every {every}; `/rollback reviewed` lists them"),
    );
    if config.upkeep_channel().is_none() {
        report.mistake(
            "reviews",
            "nobody is told when one is due; write channel = \"C0123ABCD\" into [canary]",
        );
    }
    let unowned = config.procedures().into_iter();
    let unowned = unowned.filter(|procedure| config.owner_of(procedure).is_none());
    let unowned: Vec<String> = unowned.map(|procedure| procedure.to_string()).collect();
    if !unowned.is_empty() {
        report.note(
            "reviews.owner",
            format!(
                "nobody owns {}; write owner = \"U0123ABCD\" into [reviews]",
                list(&unowned, "and")
            ),
        );
    }
}

/// Looks at the record. Postgres is reached only online.
pub async fn database(config: &Config, online: bool, report: &mut Findings) {
    // What was accepted in the configuration is an address.
    let address = match Address::parse(config.database.url.expose()) {
        Ok(address) => address,
        Err(why) => return report.mistake("database.url", why),
    };
    let found = match (&address, online) {
        (Address::Postgres(_), false) => {
            return report.note(
                "database.url",
                format!("Postgres at {address} is tried only with --online"),
            );
        }
        (Address::Postgres(_), true) => address.try_it().await,
        (Address::Sqlite(_), _) => address.look(),
    };
    match (found, &address) {
        (Ok(Record::Works), _) => report.ok("database.url", format!("{address} works")),
        (Ok(Record::New), Address::Sqlite(_)) => {
            report.ok("database.url", format!("{address} will be made"));
        }
        (Ok(Record::New), Address::Postgres(_)) => {
            report.ok(
                "database.url",
                format!("{address} works; its tables will be made"),
            );
        }
        (Err(why), Address::Sqlite(_)) => report.mistake("database.url", why),
        (Err(why), Address::Postgres(_)) => {
            let problem = format!("Postgres at {address} cannot be used: {why}");
            report.mistake("database.url", problem);
        }
    }
    if let Address::Sqlite(path) = &address
        && is_open_to_others(path)
    {
        let path = path.display();
        let note = format!("other users of this machine can read {path}; chmod 600 {path}*");
        report.note("database.url", note);
    }
}

fn is_open_to_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

/// Tries every token and every address that the bot will use.
pub async fn everything_reached(config: &Config, report: &mut Findings) -> anyhow::Result<()> {
    let http = http_client()?;
    let (url, token) = (&config.slack.api_url, config.slack.bot_token.expose());
    let slack = Slack::new(http.clone(), url, token);
    let bot = workspace(config, &slack, report).await;
    if let Delivery::SocketMode { app_token } = &config.slack.delivery {
        let connecting = Slack::new(http.clone(), url, app_token.expose());
        socket_mode(app_token.expose(), &connecting, &slack, bot, report).await;
    }
    let asking = Asking {
        pagerduty: crate::app::pagerduty(config, &http),
        slack,
    };
    agents::responsible(config, &asking.slack, report).await;
    roles(config, &asking, report).await;
    for (name, place) in crate::app::notices(config, &http, &Clock::real()) {
        let key = format!("notices.{name}");
        match place.check().await {
            Ok(works) => report.ok(&key, works),
            Err(error) => report.mistake(&key, error),
        }
    }
    let mut productions: BTreeMap<String, String> = BTreeMap::new();
    for service in &config.services {
        let key = section(&service.key);
        platform(&http, service, &key, &mut productions, report).await;
        from_outside(&http, service, &key, report).await;
    }
    Ok(())
}

/// Tries the platform of a service, and whether it is one production under two names.
async fn platform(
    http: &reqwest::Client,
    service: &Service,
    key: &str,
    productions: &mut BTreeMap<String, String>,
    report: &mut Findings,
) {
    let provider = service.platform.connect(http);
    match provider.check().await {
        Ok(works) => report.ok(key, works),
        Err(error) => return report.mistake(key, error),
    }
    let survey = match provider.survey(&About::default()).await {
        Ok(survey) => survey,
        Err(error) => {
            return report.mistake(key, format!("its releases cannot be read: {error}"));
        }
    };
    let Some(production) = survey.production else {
        return;
    };
    match productions.get(&production) {
        Some(first) => {
            let problem =
                format!("is the same production as {first} ({production}); keep one of the two");
            report.mistake(key, problem);
        }
        None => {
            productions.insert(production, key.to_owned());
        }
    }
}

/// Tries the bot token, its scopes, and the channels that the bot posts to by itself. Gives whose
/// token it is.
async fn workspace(config: &Config, slack: &Slack, report: &mut Findings) -> Option<Identity> {
    let identity = match slack.identity().await {
        Ok(identity) => identity,
        Err(failure) => {
            report.mistake(TOKEN, of_slack(&failure));
            return None;
        }
    };
    let team = identity.team_id.as_deref();
    report.ok(
        TOKEN,
        format!("works in workspace {}", team.unwrap_or("(not told)")),
    );
    if let (Some(wanted), Some(team)) = (config.slack.team.as_deref(), team)
        && wanted != team
    {
        let problem = format!("is {wanted}, and the bot token is of {team}: nobody could act");
        report.mistake("slack.team", problem);
    }
    match slack.token().await.map(|answer| answer.scopes) {
        Ok(Some(scopes)) => missing_scopes(&scopes, report),
        Ok(None) => report.note(TOKEN, "the answer does not name the token's scopes"),
        Err(failure) => report.mistake(TOKEN, of_slack(&failure)),
    }
    if let Some(channel) = &config.api.channel {
        match slack.can_read(channel).await {
            Ok(()) => report.ok("api.channel", format!("the bot is in {channel}")),
            Err(failure) => {
                let problem = format!("{channel}: {}", of_slack(&failure));
                report.mistake("api.channel", problem);
            }
        }
    }
    Some(identity)
}

/// Tries the app token, without connecting: Slack would send a connection what people type, and
/// nothing here would run it. `slack` has the bot token, which is to be of the same app.
async fn socket_mode(
    app_token: &str,
    connecting: &Slack,
    slack: &Slack,
    bot: Option<Identity>,
    report: &mut Findings,
) {
    if let Err(failure) = connecting.open_connection().await {
        let advice = match failure.code() {
            Some("missing_scope") => {
                "the token lacks the scope connections:write; make one that has it under Basic \
                 Information, App-Level Tokens"
            }
            Some("not_allowed_token_type") => {
                "it is no app-level token; make one under Basic Information, App-Level Tokens"
            }
            Some("invalid_auth" | "not_authed") => {
                "the token is not one of this Slack, or it was revoked; make one under Basic \
                 Information, App-Level Tokens"
            }
            Some(_) | None => return report.mistake(APP_TOKEN, of_slack(&failure)),
        };
        return report.mistake(APP_TOKEN, format!("{failure}: {advice}"));
    }
    report.ok(APP_TOKEN, "opens connections");
    let (Some(app), Some(bot)) = (app_of_token(app_token), bot.and_then(|bot| bot.bot_id)) else {
        return;
    };
    match slack.app_of(&bot).await {
        Ok(Some(of_bot)) if of_bot != app => {
            let problem = format!(
                "is of the Slack app {app}, and {TOKEN} is of {of_bot}: what people type would \
                 come by one app and be answered by another; take both tokens from the same app"
            );
            report.mistake(APP_TOKEN, problem);
        }
        Ok(_) => {}
        Err(failure) => {
            let note = format!("whether it is of the same app as {TOKEN}: {failure}");
            report.note(APP_TOKEN, note);
        }
    }
}

/// Names each scope that the token lacks, with what does not work without it.
fn missing_scopes(scopes: &[String], report: &mut Findings) {
    let missing: Vec<&Scope> = SCOPES
        .iter()
        .filter(|scope| !scopes.iter().any(|name| name == scope.name))
        .collect();
    for scope in &missing {
        let Scope {
            name,
            without,
            events,
            is_optional,
        } = scope;
        let events = match events.is_empty() {
            true => String::new(),
            false => format!(" (and Slack does not send {})", events.join(", ")),
        };
        let problem = format!("lacks the scope {name}: {without}{events}");
        match is_optional {
            true => report.note(TOKEN, problem),
            false => report.mistake(TOKEN, problem),
        }
    }
    if !missing.is_empty() {
        let events: Vec<&str> = SCOPES
            .iter()
            .flat_map(|scope| scope.events)
            .copied()
            .collect();
        let note = format!(
            "add them under OAuth & Permissions and install the app again. A token cannot tell \
             which events the app gets: Event Subscriptions must have {} (`rollback-bot manifest` \
             has them all)",
            events.join(", ")
        );
        report.note(TOKEN, note);
    }
}

/// What Slack's refusal asks for.
pub fn of_slack(failure: &Failure) -> String {
    let advice = match failure.code() {
        Some("invalid_auth" | "not_authed") => {
            "the token is not one of this Slack; copy the Bot User OAuth Token once more"
        }
        Some("token_revoked" | "account_inactive" | "token_expired") => {
            "the token does not work any more; install the app again and copy the new one"
        }
        Some("channel_not_found") => {
            "there is no such channel, or it is private and the bot is not in it"
        }
        Some("not_in_channel") => "invite the bot: /invite @rollback",
        Some("is_archived") => "the channel is archived; name another one",
        Some("missing_scope") => "a scope is missing; install the app again with all of them",
        Some(_) | None => return failure.to_string(),
    };
    format!("{failure}: {advice}")
}

/// Looks at a service as the proof of a rollback would.
async fn from_outside(http: &reqwest::Client, service: &Service, key: &str, report: &mut Findings) {
    let round = proofs::look(http, service.fingerprint.as_ref(), &[], &[]).await;
    let several = round.instances.into_iter();
    let several = several.map(|instance| (instance.url, instance.version));
    if let Some(fingerprint) = &service.fingerprint {
        let key = format!("{key}.fingerprint");
        let one = fingerprint.url().zip(round.version);
        let one = one.map(|(url, version)| (url.to_string(), version));
        let mut versions: Vec<(String, Result<String, String>)> = several.collect();
        if versions.is_empty() {
            versions.extend(one);
        }
        for (url, version) in versions {
            match version {
                Ok(version) => report.ok(&key, format!("{url} says {version}")),
                Err(problem) => report.mistake(&key, with_name(&url, &problem)),
            }
        }
    }
    // Those of later looks come after those that it is verified by.
    for (n, check) in service.checks().iter().enumerate() {
        let key = match n.checked_sub(service.verify.len()) {
            None => format!("{key}.verify[{n}]"),
            Some(_) => format!("{key}.stage"),
        };
        match check.try_out(http).await {
            Tried::Works(works) => report.ok(&key, format!("{} {works}", check.name)),
            Tried::Fails(note) | Tried::Unsure(note) => {
                report.note(&key, with_name(&check.name, &note));
            }
            Tried::Untried => {
                let note = "is not tried, as it could change something";
                report.note(&key, with_name(&check.name, note));
            }
            Tried::Wrong(problem) => report.mistake(&key, with_name(&check.name, &problem)),
        }
    }
}

fn with_name(name: &str, problem: &str) -> String {
    match problem.contains(name) {
        true => problem.to_owned(),
        false => format!("{name}: {problem}"),
    }
}

/// Reads every role, and says which plans nobody could approve.
async fn roles(config: &Config, asking: &Asking, report: &mut Findings) {
    let now = Clock::real().now();
    let names: Vec<&str> = config.roles.keys().map(String::as_str).collect();
    let roster = roster::read_with(asking, config, &names, now).await.roster;
    for (role, sources) in &roster.0 {
        let key = format!("roles.{role}");
        for (source, found) in sources {
            match found {
                _ if *source == Source::Listed => {}
                Found::People { ids, unmatched, .. } if unmatched.is_empty() => {
                    report.ok(&key, format!("{source} has {}", count(ids.len())));
                }
                Found::People { unmatched, .. } => {
                    let unmatched = list(unmatched, "and");
                    let problem =
                        format!("{source} names people who are not in Slack: {unmatched}");
                    report.mistake(&key, problem);
                }
                Found::Nothing { why, .. } => {
                    report.mistake(&key, format!("{source} cannot be read: {why}"));
                }
            }
        }
    }
    let services = config.services.iter();
    let services = services.map(|one| (section(&one.key), &one.rules, one.classes()));
    let groups = config.groups.iter();
    let groups = groups.map(|one| {
        let key = format!("groups.{}", one.key.name);
        (key, &one.rules, one.classes.clone())
    });
    for (key, rules, classes) in services.chain(groups) {
        for risk in classes {
            let case = Case {
                rollback: None,
                risk,
                rule: rules.of(risk),
                requester: None,
                approvals: &[],
                roster: &roster,
            };
            let could = case.could_approve(now).len();
            if could < case.rule.approvals {
                let problem = format!(
                    "a {risk} rollback needs {} approvals, and {} could give one now",
                    case.rule.approvals,
                    count(could)
                );
                report.mistake(&key, problem);
            }
        }
    }
}

/// Where a service stands in the configuration.
fn section(service: &ServiceKey) -> String {
    format!("services.{}.{}", service.name, service.environment)
}

fn count(people: usize) -> String {
    match people {
        0 => "nobody".into(),
        1 => "one person".into(),
        n => format!("{n} people"),
    }
}
