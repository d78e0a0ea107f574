//! A draft of the configuration that runbooks imply.

use crate::{
    numbers::{self, Component},
    runbook::{Kind, Runbook},
    shell::pattern,
};
use regex::Regex;
use std::{collections::BTreeMap, fmt::Write as _, sync::LazyLock};

/// Text that stands on a line of a runbook.
#[derive(Clone, Debug)]
struct Found {
    text: String,
    /// The file and the line.
    place: String,
}

/// A service that is implied.
#[derive(Debug)]
struct Implied {
    name: String,
    /// Why: the file and the line.
    place: String,
    /// The keys of its platform, as they are written.
    keys: Vec<String>,
    component: Component,
}

/// The draft, as a TOML file, from the names and the texts of runbooks.
pub fn suggest(files: &[(&str, &str)]) -> String {
    let runbooks: Vec<(&str, Runbook)> = files
        .iter()
        .map(|(name, text)| (*name, Runbook::read(text)))
        .collect();
    let services = services(&runbooks);
    let escalation = escalation(&runbooks);
    let approvers = approvers(&runbooks);
    let names: Vec<String> = files.iter().map(|(name, _)| comment(name)).collect();
    let mut draft = format!(
        "# A draft that `rollback-bot lint --suggest` made from {}.\n\
         # Replace what says REPLACEME, and try it: rollback-bot check --config FILE --online\n\n\
         [server]\nlisten = \"127.0.0.1:3000\"\npublic_url = \"https://replaceme.example.com\"\n\n\
         [database]\nurl = \"sqlite://rollback-bot.db\"\n\n\
         [slack]\nsigning_secret = \"env:SLACK_SIGNING_SECRET\"\nbot_token = \"env:SLACK_BOT_TOKEN\"\n\n\
         [policy]\npreset = \"small-team\"\n",
        names.join(", ")
    );
    if let Some((after, _)) = escalation.last()
        && *after >= 10
    {
        let _ = writeln!(draft, "plan_ttl = \"{}m\"", after + 10);
    }
    for (after, role) in &escalation {
        let _ = write!(
            draft,
            "\n# {}\n[[policy.escalate]]\nafter = \"{after}m\"\nroles = [\"{}\"]\n",
            role.place, role.text
        );
    }
    let mut roles: BTreeMap<&str, &str> = BTreeMap::new();
    for role in approvers
        .iter()
        .chain(escalation.iter().map(|(_, role)| role))
    {
        roles.entry(&role.text).or_insert(&role.place);
    }
    for (role, place) in &roles {
        let _ = write!(
            draft,
            "\n# {place}\n[roles.{role}]\nmembers = [\"U0REPLACEME\"]\n"
        );
    }
    let approve: Vec<String> = approvers
        .iter()
        .map(|role| format!("\"{}\"", role.text))
        .collect();
    for service in &services {
        write_service(&mut draft, service, &approve.join(", "), &runbooks);
    }
    if services.is_empty() {
        draft.push_str(
            "\n# No platform that the bot has a provider for is named. docs/platforms.md lists them all.\n\
             [services.REPLACEME.production]\nprovider = \"releases\"\npath = \"/srv/REPLACEME\"\n",
        );
        let _ = writeln!(draft, "approve = [{}]", approve.join(", "));
        draft = draft.replace("[services.REPLACEME.", "[services.app.");
    }
    draft
}

fn write_service(
    draft: &mut String,
    service: &Implied,
    approve: &str,
    runbooks: &[(&str, Runbook)],
) {
    let name = &service.name;
    let _ = write!(
        draft,
        "\n# {}\n[services.{name}.production]\n",
        service.place
    );
    for key in &service.keys {
        let _ = writeln!(draft, "{key}");
    }
    let _ = writeln!(draft, "approve = [{approve}]");
    if let Some(seconds) = target(runbooks, service.component) {
        let _ = writeln!(draft, "target_time = \"{seconds}s\"");
    }
    let _ = write!(
        draft,
        "# Which release answers, seen from outside; without it nothing is proven.\n\
         # [services.{name}.production.fingerprint]\n\
         # url = \"https://REPLACEME/version.json\"\n# json = \"/sha\"\n"
    );
    for url in addresses(runbooks, service.component) {
        let _ = write!(
            draft,
            "\n# {}\n[[services.{name}.production.verify]]\nkind = \"http\"\nurl = \"{}\"\n",
            url.place, url.text
        );
    }
}

/// The first place where a pattern stands, and its first group.
fn first(runbooks: &[(&str, Runbook)], regex: &Regex) -> Option<Found> {
    runbooks.iter().find_map(|(name, runbook)| {
        let found = regex.captures(&runbook.text)?;
        let whole = found.get(0)?;
        let text = found
            .iter()
            .skip(1)
            .flatten()
            .next()
            .map_or("", |group| group.as_str());
        Some(Found {
            text: text.to_owned(),
            place: place(name, runbook, whole.start()),
        })
    })
}

fn place(name: &str, runbook: &Runbook, at: usize) -> String {
    format!("{}, line {}", comment(name), runbook.lines.index(at) + 1)
}

/// Text that others wrote, inside of a comment.
fn comment(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}

/// The services on platforms that have a provider, each under a name of its own.
fn services(runbooks: &[(&str, Runbook)]) -> Vec<Implied> {
    let on_platforms = [
        on_vercel(runbooks),
        on_railway(runbooks),
        on_render(runbooks),
        on_docker(runbooks),
        on_kubernetes(runbooks),
    ];
    let mut services: Vec<Implied> = on_platforms.into_iter().flatten().collect();
    let backends = services
        .iter_mut()
        .filter(|service| service.name == "backend");
    for (number, service) in backends.enumerate().skip(1) {
        service.name = format!("backend-{}", number + 1);
    }
    services
}

fn on_vercel(runbooks: &[(&str, Runbook)]) -> Option<Implied> {
    static NAMED: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\bvercel\b"));
    static PROJECT: LazyLock<Regex> = LazyLock::new(|| {
        pattern(concat!(
            r"vercel\.com/[a-z0-9-]+/([a-z0-9][a-z0-9._-]*)/(?:deployments|settings)",
            r"|vercel (?:ls|list) ([a-z0-9][a-z0-9-]+)",
            r"|vercel\.com/[a-z]+-[a-z0-9-]+/([a-z0-9][a-z0-9-]*)",
        ))
    });
    let found = first(runbooks, &NAMED)?;
    let project = first(runbooks, &PROJECT).map_or("REPLACEME".to_owned(), |found| found.text);
    let keys = vec![
        "provider = \"vercel\"".to_owned(),
        format!("project = \"{project}\""),
        "token = \"env:VERCEL_TOKEN\"".to_owned(),
    ];
    Some(implied("frontend", found.place, keys, Component::Frontend))
}

fn on_railway(runbooks: &[(&str, Runbook)]) -> Option<Implied> {
    static NAMED: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\brailway\b"));
    let found = first(runbooks, &NAMED)?;
    let id = "00000000-0000-4000-8000-000000000000";
    let keys = vec![
        "provider = \"railway\"".to_owned(),
        "# REPLACEME: the three ids stand in the address of the service on railway.com.".to_owned(),
        format!("project = \"{id}\""),
        format!("environment = \"{id}\""),
        format!("service = \"{id}\""),
        "token = \"env:RAILWAY_TOKEN\"".to_owned(),
    ];
    Some(implied("backend", found.place, keys, Component::Backend))
}

fn on_render(runbooks: &[(&str, Runbook)]) -> Option<Implied> {
    static NAMED: LazyLock<Regex> = LazyLock::new(|| pattern(r"\bRender\b|render\.com"));
    static SERVICE: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b(srv-[a-z0-9]{8,40})\b"));
    let found = first(runbooks, &NAMED)?;
    let service = first(runbooks, &SERVICE).map_or("srv-REPLACEME".to_owned(), |found| found.text);
    let keys = vec![
        "provider = \"render\"".to_owned(),
        format!("service = \"{service}\""),
        "token = \"env:RENDER_API_KEY\"".to_owned(),
    ];
    Some(implied("backend", found.place, keys, Component::Backend))
}

fn on_docker(runbooks: &[(&str, Runbook)]) -> Option<Implied> {
    static CONTAINER: LazyLock<Regex> = LazyLock::new(|| {
        pattern(concat!(
            r"docker (?:stop|restart|rename|rm) ([a-z0-9][a-z0-9_.-]*)",
            r"|docker run [^\n]*--name[ =]([a-z0-9][a-z0-9_.-]*)",
        ))
    });
    let found = first(runbooks, &CONTAINER)?;
    let keys = vec![
        "provider = \"docker\"".to_owned(),
        format!("container = \"{}\"", found.text),
    ];
    Some(implied("backend", found.place, keys, Component::Backend))
}

fn on_kubernetes(runbooks: &[(&str, Runbook)]) -> Option<Implied> {
    static DEPLOYMENT: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"kubectl [^\n]*rollout undo [^\n]*?(?:deployment|deploy)[/ ]([a-z0-9][a-z0-9-]*)")
    });
    static NAMESPACE: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"kubectl [^\n]*(?:-n|--namespace)[ =]([a-z0-9][a-z0-9-]*)"));
    let found = first(runbooks, &DEPLOYMENT)?;
    let namespace = first(runbooks, &NAMESPACE).map_or("default".to_owned(), |found| found.text);
    let keys = vec![
        "provider = \"kubernetes\"".to_owned(),
        format!("deployment = \"{}\"", found.text),
        format!("namespace = \"{namespace}\""),
    ];
    Some(implied("backend", found.place, keys, Component::Backend))
}

fn implied(name: &str, place: String, keys: Vec<String>, component: Component) -> Implied {
    Implied {
        name: name.to_owned(),
        place,
        keys,
        component,
    }
}

/// How fast a rollback of it should be, in seconds.
fn target(runbooks: &[(&str, Runbook)], component: Component) -> Option<u32> {
    runbooks.iter().find_map(|(_, runbook)| {
        let times = numbers::times(runbook);
        let target = times
            .iter()
            .find(|time| time.is_target && component.is_part_of(time.component));
        target
            .map(|time| time.seconds)
            .filter(|seconds| (1..=3600).contains(seconds))
    })
}

/// Addresses that the runbooks have looked at, of this part of the system, each once.
fn addresses(runbooks: &[(&str, Runbook)], component: Component) -> Vec<Found> {
    static ADDRESS: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"^https://[a-z0-9-]+(?:\.[a-z0-9-]+)+(?:/[A-Za-z0-9._/-]*)?$"));
    static BACKEND: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"^https://(api|backend)[.-]|\.railway\.app|\.onrender\.com|/api(/|$)")
    });
    const AT_MOST: usize = 3;
    let mut found: Vec<Found> = Vec::new();
    for (name, runbook) in runbooks {
        let looked = runbook.commands().filter(|(_, typed)| {
            typed.command.begins(&["curl"]) && !typed.command.has(&["-X", "-d", "--data", "-H"])
        });
        for (_, typed) in looked {
            let address = typed
                .command
                .words
                .iter()
                .find(|word| ADDRESS.is_match(&word.text));
            let Some(address) = address else { continue };
            let is_backend = BACKEND.is_match(&address.text);
            let is_new = found.iter().all(|known| known.text != address.text);
            if is_new && is_backend == (component == Component::Backend) {
                found.push(Found {
                    text: address.text.clone(),
                    place: place(name, runbook, typed.place.start),
                });
            }
        }
    }
    found.truncate(AT_MOST);
    found
}

/// The roles of a text, by the words for them.
fn role(text: &str) -> Option<&'static str> {
    static ROLES: LazyLock<[(Regex, &str); 7]> = LazyLock::new(|| {
        [
            (r"(?i)\bon[- ]?call\b", "oncall"),
            (r"(?i)\b(database|db|data) (admin|lead|owner)", "data-owner"),
            (r"(?i)\b(team|tech|application|app) lead\b", "lead"),
            (
                r"(?i)\b(system admin|devops|operations|sre)\b",
                "operations",
            ),
            (r"(?i)\bincident commander\b", "commander"),
            (r"(?i)\b(cto|head of engineering|director)\b", "cto"),
            (r"(?i)\bowner\b", "owner"),
        ]
        .map(|(words, role)| (pattern(words), role))
    });
    let found = ROLES.iter().find(|(words, _)| words.is_match(text));
    found.map(|(_, role)| *role)
}

/// The roles that may decide; the on-call role where none is named.
fn approvers(runbooks: &[(&str, Runbook)]) -> Vec<Found> {
    static AUTHORITY: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"(?i)\b(authority|approv\w*|who (can|may)|decides?)\b"));
    let mut roles: Vec<Found> = Vec::new();
    for (name, runbook) in runbooks {
        for passage in &runbook.passages {
            let heading = runbook.sections[passage.section].heading();
            let is_item = matches!(passage.kind, Kind::Item { .. } | Kind::Paragraph);
            if !is_item || !AUTHORITY.is_match(heading) {
                continue;
            }
            if let Some(role) = role(passage.text())
                && roles.iter().all(|known| known.text != role)
            {
                let at = passage.extract.place(&(0..1)).start;
                roles.push(Found {
                    text: role.to_owned(),
                    place: place(name, runbook, at),
                });
            }
        }
    }
    if roles.is_empty() {
        roles.push(Found {
            text: "oncall".to_owned(),
            place: "No role that may decide was found.".to_owned(),
        });
    }
    roles
}

/// Who is told next, and after how many minutes: each is when the one before should have answered.
fn escalation(runbooks: &[(&str, Runbook)]) -> Vec<(u32, Found)> {
    static ANSWERS: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?i)\b(?:responds?|answers?|escalates?|after) (?:within |in |after )?(\d{1,3}) ?min",
        )
    });
    let mut steps: Vec<(u32, Found)> = Vec::new();
    let mut after = None;
    for (name, runbook) in runbooks {
        for passage in &runbook.passages {
            let Kind::Item {
                is_numbered: true, ..
            } = passage.kind
            else {
                after = None;
                continue;
            };
            let Some(found) = ANSWERS.captures(passage.text()) else {
                after = None;
                continue;
            };
            let minutes = found[1].parse::<u32>().unwrap_or_default();
            let (before, role) = (after.replace(minutes), role(passage.text()));
            let (Some(before), Some(role)) = (before, role) else {
                continue;
            };
            if before > 0 && steps.last().is_none_or(|(last, _)| *last < before) && steps.len() < 10
            {
                let at = passage.extract.place(&(0..1)).start;
                let place = place(name, runbook, at);
                steps.push((
                    before,
                    Found {
                        text: role.to_owned(),
                        place,
                    },
                ));
            }
        }
    }
    steps
}
