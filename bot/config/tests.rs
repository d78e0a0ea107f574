//! Tests of the rules next door.

use super::*;
use rollback_domain::policy::Confirm;
use std::io;

const EXAMPLE: &str = include_str!("../../rollback-bot.example.toml");

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
        "SLACK_SIGNING_SECRET_OLD" => "0123456789abcdef0123456789abcdef",
        "SLACK_BOT_TOKEN" => "xoxb-111111111111-aaaaaaaaaaaa",
        "SLACK_APP_TOKEN" => "xapp-1-A0ROLLBACK-1-aaaaaaaaaaaa",
        "SHORT_APP_TOKEN" => "xapp-1",
        "VERCEL_TOKEN" => "vercel-1",
        "RENDER_API_KEY" => "render-1",
        "RAILWAY_TOKEN" => "railway-1",
        "ARGOCD_TOKEN" => "argocd-1",
        "GITHUB_TOKEN" => "github-1",
        "GITLAB_TOKEN" => "gitlab-1",
        "DEPLOYCTL_TOKEN" => "deployctl-1",
        "SITES_TOKEN" => "sites-tok-1",
        "PAGERDUTY_TOKEN" => "pagerduty-1",
        "PAGERDUTY_ROUTING_KEY" => "e93facc04764012d7bfb002500d5d1a6",
        "DATABASE_URL" => "postgres://bot:hunter2@db.example.com/rollback",
        "REGISTRY_PASSWORD" => "registry-1",
        "EMPTY" => "",
        "DOCKER_CA" | "DOCKER_CERT" | "DOCKER_KEY" | "KEY_FILE" => {
            "-----BEGIN KEY-----\nMC4C\n-----END KEY-----\n"
        }
        _ => return None,
    };
    Some(value.to_owned())
}

fn read_file(path: &Path) -> io::Result<String> {
    match path.to_str() {
        Some("/run/secrets/slack-bot-token") => Ok("xoxb-222222222222-bbbbbbbbbbbb\n".to_owned()),
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
    let limits = (
        config.limits.person_per_minute,
        config.limits.channel_per_minute,
    );
    assert_eq!(limits, (60, 300));
    assert_eq!(config.policy.preset, Preset::SmallTeam);
    assert_eq!(config.policy.plan_ttl, 10 * MINUTE);
    assert_eq!(config.policy.remind, [MINUTE, 3 * MINUTE]);
    assert_eq!(config.policy.escalate, []);
    assert_eq!(config.policy.review_within, DAY);
    assert!(!config.policy.page_on_break_glass);
    assert!(config.pagerduty.is_none());
    assert_eq!(config.contacts, []);
    assert_eq!(config.templates, None);
    assert!(config.warnings.is_empty());

    let frontend = config
        .service(&ServiceKey::new("frontend", "production"))
        .expect("a service");
    assert_eq!(frontend.approve, ["oncall"]);
    assert_eq!(frontend.rules, Preset::SmallTeam.rules(&frontend.approve));
    assert_eq!(frontend.risks, RiskRules::default());
    assert_eq!(frontend.classes(), [Risk::Code, Risk::Caution]);
    assert_eq!(frontend.objection_window, None);
    assert_eq!(frontend.passes, 3);
    assert_eq!(frontend.prove_within, 5 * MINUTE);
    assert_eq!(frontend.watch, 5 * MINUTE);
    assert_eq!(frontend.pass_every, SECOND);
    assert_eq!(frontend.check_every, 5 * SECOND);
    assert_eq!(frontend.target_time, None);
    assert_eq!(
        frontend.verify[0].name,
        "GET https://shop.example.com/api/health"
    );
    assert_eq!(frontend.verify[0].within, 10 * SECOND);
    assert_eq!(frontend.platform.identity(), "vercel prj_123");
    let shop = config
        .service(&ServiceKey::new("shop", "local"))
        .expect("a service");
    assert_eq!(shop.platform.identity(), "releases \"/srv/shop\"");
}

#[test]
fn the_example_has_a_service_on_every_platform_there_is() {
    for kind in rollback_providers::ALL {
        let line = format!("\nprovider = \"{}\"\n", kind.name);
        assert!(EXAMPLE.contains(&line), "no service on {}", kind.name);
    }
}

#[test]
fn the_example_has_no_mistakes() {
    let config = accepted(EXAMPLE);
    assert_eq!(config.warnings, [""; 0]);
    let frontend = config
        .service(&ServiceKey::new("frontend", "production"))
        .expect("a service");
    let fingerprint = frontend.fingerprint.as_ref().expect("a fingerprint");
    assert_eq!(
        fingerprint.at,
        crate::proofs::FingerprintAt::Json("/sha".to_owned())
    );
    assert_eq!(frontend.target_time, Some(2 * MINUTE));
    assert_eq!(frontend.verify[0].within, 2 * SECOND);
    let names: Vec<&str> = frontend
        .verify
        .iter()
        .map(|check| check.name.as_str())
        .collect();
    insta::assert_snapshot!(names.join("\n"), @"
    GET https://shop.example.com/api/health
    GET https://shop.example.com/
    checkout
    error rate
    ");
    assert_eq!(frontend.rules.caution.approvals, 2);
    assert_eq!(config.policy.escalate[0].people, ["U0BOSS"]);
    assert_eq!(config.contacts[0].services, ["frontend"]);
}

#[test]
fn acting_without_slack_has_a_channel_and_believes_for_a_day_at_most() {
    let api = |lines: &str| format!("{SHORT}\n[api]\n{lines}");
    assert_eq!(
        accepted(SHORT).api,
        Api {
            enabled: true,
            channel: None,
            believe_for: 12 * HOUR,
        }
    );
    let never = accepted(&api("enabled = false\nbelieve_for = \"0s\""));
    assert!(!never.api.enabled && never.api.believe_for.is_zero());
    insta::assert_snapshot!(
        refused(&api("enabled = \"no\"\nchannel = \"#shop\"\nbelieve_for = \"25h\"\ntoken = \"1\"")),
        @r##"
    api.enabled: is text; write true or false, without quotes
    api.channel: "#shop" is not the id of a channel; copy it from the channel's details in Slack, it looks like "C0123ABCD"
    api.believe_for: "25h" is out of range; write a duration from 0s to 24h
    api.token: is not a key here; remove it, or use one of enabled, channel, believe_for
    "##
    );
}

#[test]
fn the_examples_defaults_are_the_defaults() {
    let uncommented: Vec<&str> = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key)
                if key.starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '[') =>
            {
                key
            }
            _ => line,
        })
        .collect();
    let everything = accepted(&uncommented.join("\n"));
    let mut expected = accepted(EXAMPLE);
    expected.slack.team = Some("T0123ABCD".to_owned());
    expected.templates = Some(PathBuf::from("templates"));
    expected.api.channel = Some("C0123ABCD".to_owned());
    expected.canary.channel = Some("C0123ABCD".to_owned());
    expected.reviews.every = Some(90 * DAY);
    expected.reviews.owner = Some("U0KIM".to_owned());
    // Examples where there is no default, or another one for each service.
    let pagerduty = expected.pagerduty.as_mut().expect("a section");
    expected.server.operators_address = "127.0.0.1:3001".parse().ok();
    pagerduty.token = Some(Secret::new("pagerduty-1"));
    pagerduty.routing_key = Some(Secret::new("e93facc04764012d7bfb002500d5d1a6"));
    expected.policy.page_on_break_glass = true;
    let oncall = expected.roles.get_mut("oncall").expect("a role");
    oncall.sources.extend([
        Source::SlackGroup("S0ONCALL".to_owned()),
        Source::PagerDutySchedule("P123ABC".to_owned()),
        Source::PagerDutyPolicy("P456DEF".to_owned()),
    ]);
    for service in &mut expected.services {
        service.rules.code.roles = vec!["oncall".to_owned()];
        service.objection_window = Some(MINUTE);
    }
    let mut services = expected.services.iter_mut();
    let frontend = services.find(|service| service.key.name == "frontend");
    let frontend = frontend.expect("a service");
    frontend.owner = Some("U0KIM".to_owned());
    frontend.rules.toggle.requester_counts = true;
    frontend.rules.code.requester_counts = true;
    frontend.risks.ordinary = Some(Risk::Code);
    frontend.objection_window = Some(2 * MINUTE);
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
        .map(|service| service.key.environment.as_str())
        .collect();
    assert_eq!(environments, ["local", "staging"]);
    assert!(
        config
            .service(&ServiceKey::new("shop", "production"))
            .is_none()
    );
    assert!(config.environments("basket").is_empty());
}

#[test]
fn a_secret_comes_from_the_environment_or_a_file_and_is_never_printed() {
    let bot_token = "bot_token = \"env:SLACK_BOT_TOKEN\"";
    let file = "bot_token = \"file:/run/secrets/slack-bot-token\"";
    let config = accepted(&with(bot_token, file));
    assert_eq!(
        config.slack.bot_token.expose(),
        "xoxb-222222222222-bbbbbbbbbbbb"
    );
    assert_eq!(config.slack.bot_token.to_string(), "…");
    let printed = format!("{config:?}");
    for secret in [
        "8f742231b10e8888abcd99badc0ffee5",
        "xoxb-222222222222-bbbbbbbbbbbb",
        "vercel-1",
    ] {
        assert!(!printed.contains(secret), "{secret}");
    }

    let config = accepted(&with(
        "signing_secret = \"env:SLACK_SIGNING_SECRET\"",
        "signing_secret = [\"env:SLACK_SIGNING_SECRET\", \"env:SLACK_SIGNING_SECRET_OLD\"]",
    ));
    let Delivery::Requests { signing_secrets } = &config.slack.delivery else {
        panic!("requests are signed");
    };
    let secrets = signing_secrets.iter().map(Secret::expose);
    assert_eq!(
        secrets.collect::<Vec<_>>(),
        [
            "8f742231b10e8888abcd99badc0ffee5",
            "0123456789abcdef0123456789abcdef"
        ]
    );
}

#[test]
fn socket_mode_needs_no_address() {
    let socket = with(
        "signing_secret = \"env:SLACK_SIGNING_SECRET\"",
        "app_token = \"env:SLACK_APP_TOKEN\"",
    );
    let without = socket
        .replace("listen = \"127.0.0.1:3000\"\n", "")
        .replace("public_url = \"https://rollback.example.com\"\n", "");
    let config = accepted(&without);
    assert_eq!(config.server.listen, None);
    assert_eq!(config.server.public_url, None);
    assert!(matches!(config.slack.delivery, Delivery::SocketMode { .. }));
    // Others tell this bot by its app then, and by its address where it has one.
    assert_eq!(config.instance(), "A0ROLLBACK");
    let config = accepted(&socket);
    assert!(config.server.listen.is_some());
    assert_eq!(config.instance(), "rollback.example.com");

    let webhooks = format!("{without}\n[webhooks]\nvercel = \"env:VERCEL_TOKEN\"\n");
    assert_eq!(
        refused(&webhooks),
        "webhooks: is there, and nothing listens for them; write listen = \"127.0.0.1:3000\" \
         into [server], or remove [webhooks]: then every platform is read every five minutes"
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

/// The short file with `more` at its end.
fn and(more: &str) -> String {
    format!("{SHORT}\n{more}")
}

/// The short file with `lines` in its `[policy]`, and with sections of its own after that.
fn policy(lines: &str) -> String {
    with("plan_ttl = \"10m\"", lines)
}

/// The short file with `lines` in the section of its first service.
fn frontend(lines: &str) -> String {
    with(
        "project = \"prj_123\"",
        &format!("project = \"prj_123\"\n{lines}"),
    )
}

#[test]
fn a_preset_is_where_every_service_begins() {
    for preset in Preset::ALL {
        let config = accepted(&policy(&format!("preset = \"{}\"", preset.name())));
        assert_eq!(config.policy.preset, preset);
        let shop = config
            .service(&ServiceKey::new("shop", "local"))
            .expect("a service");
        assert_eq!(shop.rules, preset.rules(&shop.approve));
    }
}

#[test]
fn the_narrower_rule_wins() {
    let text = policy(
        r#"
        [policy.toggle]
        requester_may_approve = false
        [policy.code]
        approvals = 2
        roles = ["lead"]
        requester_may_approve = false
        break_glass = false
        confirm = "tick"
        [policy.caution]
        requester_may_approve = false
        [policy.data]
        one_of = []
        [roles.lead]
        members = ["U0ANA", "U0TOM"]
        "#,
    );
    let text = text.replace(
        "project = \"prj_123\"",
        r#"
        project = "prj_123"
        requester_may_approve = true
        toggle.requester_may_approve = false
        code.approvals = 1
        code.one_of = ["lead"]
        caution.roles = ["oncall", "lead"]
        caution.confirm = "type"
        "#,
    );
    let config = accepted(&text);
    let [frontend, shop] = &config.services[..] else {
        panic!("two services");
    };
    let (oncall, lead) = ("oncall".to_owned(), "lead".to_owned());
    let preset = Preset::SmallTeam.rules(std::slice::from_ref(&oncall));

    let mut everywhere = preset;
    everywhere.toggle.requester_counts = false;
    everywhere.code.approvals = 2;
    everywhere.code.roles = vec![lead.clone()];
    everywhere.code.break_glass = false;
    everywhere.code.confirm = Confirm::Tick;
    everywhere.data.one_of = vec![];
    assert_eq!(shop.rules, everywhere);

    let mut narrower = everywhere;
    // The service says so of toggle and code, and then again of toggle.
    narrower.code.requester_counts = true;
    narrower.code.approvals = 1;
    narrower.code.one_of = vec![lead.clone()];
    narrower.caution.roles = vec![oncall, lead];
    narrower.caution.confirm = Confirm::Type;
    assert_eq!(frontend.rules, narrower);
}

#[test]
fn a_class_is_reached_by_being_ordinary_or_by_what_is_unusual() {
    let reached = |policy_lines: &str, lines: &str| {
        let text = frontend(lines).replace(
            "plan_ttl = \"10m\"",
            &format!("preset = \"solo\"\n{policy_lines}"),
        );
        let config = accepted(&text);
        let service = config
            .service(&ServiceKey::new("frontend", "production"))
            .expect("a service");
        let classes = service.classes();
        assert!(classes.contains(&service.ordinary()));
        classes.iter().map(|class| class.name()).collect::<Vec<_>>()
    };
    assert_eq!(reached("", ""), ["code", "caution"]);
    assert_eq!(reached("", "risk = \"toggle\""), ["toggle", "caution"]);
    assert_eq!(reached("", "risk = \"caution\""), ["caution"]);
    assert_eq!(reached("", "risk = \"data\""), ["data"]);
    let risk = r#"
        [policy.risk]
        never_served = "toggle"
        live_unknown = "code"
        once_bad = "data"
        old = "code"
        old_after = "7d""#;
    assert_eq!(reached(risk, ""), ["code", "data"]);
    assert_eq!(
        reached(risk, "risk = \"toggle\""),
        ["toggle", "code", "data"]
    );
    let config = accepted(&policy(&format!("preset = \"solo\"\n{risk}")));
    assert_eq!(config.services[0].risks.old_after, 7 * DAY);
}

#[test]
fn an_objection_window_is_for_every_service_that_does_not_say_otherwise() {
    let windows = |lines: &str| {
        let text = frontend(lines).replace(
            "plan_ttl = \"10m\"",
            "plan_ttl = \"5m\"\nobjection_window = \"60s\"",
        );
        let config = accepted(&text);
        assert_eq!(config.warnings, [""; 0]);
        let windows = config.services.iter();
        windows
            .map(|service| service.objection_window)
            .collect::<Vec<_>>()
    };
    assert_eq!(windows(""), [Some(MINUTE), Some(MINUTE)]);
    assert_eq!(
        windows("objection_window = \"2m\""),
        [Some(2 * MINUTE), Some(MINUTE)]
    );
    assert_eq!(windows("objection_window = \"off\""), [None, Some(MINUTE)]);
}

#[test]
fn an_objection_window_that_no_plan_has_is_a_warning() {
    let never = "is never used; only toggle and code plans that need one approval, from whichever \
                 role, start by themselves";
    let config = accepted(&frontend("objection_window = \"2m\"\nrisk = \"caution\""));
    assert_eq!(
        config.warnings,
        [format!(
            "services.frontend.production.objection_window: {never}"
        )]
    );
    let config = accepted(&frontend(
        "objection_window = \"2m\"\ncode.approvals = 2\ncode.requester_may_approve = true",
    ));
    assert_eq!(
        config.warnings,
        [format!(
            "services.frontend.production.objection_window: {never}"
        )]
    );
    // One service may have it in vain if another one does not.
    let window = "objection_window = \"2m\"";
    let one = policy(window).replace(
        "project = \"prj_123\"",
        "project = \"p\"\nrisk = \"caution\"",
    );
    assert_eq!(accepted(&one).warnings, [""; 0]);
    let none = one.replace(
        "path = \"/srv/shop\"",
        "path = \"/srv/shop\"\nrisk = \"caution\"",
    );
    assert_eq!(
        accepted(&none).warnings,
        [format!("policy.objection_window: {never}")]
    );
}

/// PagerDuty, to be put in front of `[policy]`.
const PAGERDUTY: &str = r#"
[pagerduty]
token = "env:PAGERDUTY_TOKEN"
routing_key = "env:PAGERDUTY_ROUTING_KEY"
"#;

#[test]
fn a_role_has_its_members_from_every_source_that_it_names() {
    let text = and(&format!(
        r#"{PAGERDUTY}
        [roles.all]
        pagerduty_escalation_policy = "P456DEF"
        pagerduty_schedule = "PA1"
        slack_usergroup = "S0ONCALL"
        members = ["U0SAM"]
        [roles.group]
        slack_usergroup = "S0GROUP""#
    ));
    let config = accepted(&text);
    assert_eq!(
        config.roles["all"].sources,
        [
            Source::Listed,
            Source::SlackGroup("S0ONCALL".to_owned()),
            Source::PagerDutySchedule("PA1".to_owned()),
            Source::PagerDutyPolicy("P456DEF".to_owned()),
        ]
    );
    assert_eq!(config.roles["all"].members, ["U0SAM"]);
    assert_eq!(
        config.roles["group"].sources,
        [Source::SlackGroup("S0GROUP".to_owned())]
    );
    assert!(config.roles["group"].members.is_empty());
    assert_eq!(config.roles["oncall"].sources, [Source::Listed]);
    let pagerduty = config.pagerduty.as_ref().expect("a section");
    assert_eq!(pagerduty.api_url.as_str(), "https://api.pagerduty.com/");
    assert_eq!(
        pagerduty.events_url.as_str(),
        "https://events.pagerduty.com/"
    );
    assert!(config.policy.page_on_break_glass);
    let printed = format!("{config:?}");
    for secret in ["pagerduty-1", "e93facc04764012d7bfb002500d5d1a6"] {
        assert!(!printed.contains(secret), "{secret}");
    }
    // Nothing uses these roles.
    assert_eq!(config.sources(), [] as [&Source; 0]);
}

#[test]
fn only_roles_that_something_uses_are_asked() {
    let text = policy(&format!(
        r#"
        [[policy.escalate]]
        after = "5m"
        roles = ["lead", "boss"]
        {PAGERDUTY}
        [roles.lead]
        slack_usergroup = "S0LEAD"
        pagerduty_schedule = "P0LEAD"
        [roles.boss]
        slack_usergroup = "S0LEAD"
        [roles.dba]
        pagerduty_escalation_policy = "P0DBA"
        [roles.unused]
        slack_usergroup = "S0UNUSED""#
    ));
    let text = text.replace(
        "project = \"prj_123\"",
        "project = \"prj_123\"\ndata.one_of = [\"dba\"]",
    );
    let config = accepted(&text);
    let [frontend, shop] = &config.services[..] else {
        panic!("two services");
    };
    assert_eq!(
        config.roles_of(&frontend.rules),
        ["oncall", "dba", "lead", "boss"]
    );
    // The preset's data_owner is not there, and not missed.
    assert_eq!(config.roles_of(&shop.rules), ["oncall", "lead", "boss"]);
    assert_eq!(
        config.sources(),
        [
            &Source::SlackGroup("S0LEAD".to_owned()),
            &Source::PagerDutySchedule("P0LEAD".to_owned()),
            &Source::PagerDutyPolicy("P0DBA".to_owned()),
        ]
    );
}

#[test]
fn where_it_is_told_and_who_reads_is_read() {
    let text = SHORT
        .replace(
            "[policy]",
            "[announce]\nchannels = [\"C0OPS\"]\ndata = [\"C0DATA\"]\n[policy]\nread = \"roles\"\npreset = \"strict\"",
        )
        .replacen(
            "approve = [\"oncall\"]",
            "approve = [\"oncall\"]\nchannels = [\"C0SHOP\"]\nannounce = [\"C0WEB\"]",
            1,
        );
    let config = accepted(&text);
    let service = &config.services[0];
    let announce = service.announce(&config.announce);
    assert_eq!(announce.of(Risk::Code), ["C0OPS", "C0WEB"]);
    assert_eq!(announce.of(Risk::Data), ["C0OPS", "C0WEB", "C0DATA"]);
    assert_eq!(service.channels, ["C0SHOP"]);
    assert_eq!(config.policy.read, Readers::Roles);
    // Nobody acts there on what was once true, unless that is written.
    assert_eq!(config.api.believe_for, Duration::ZERO);
    let written = text.replace("[policy]", "[api]\nbelieve_for = \"1h\"\n[policy]");
    assert_eq!(accepted(&written).api.believe_for, HOUR);
    assert_eq!(accepted(SHORT).api.believe_for, 12 * HOUR);
    let wrong = text.replace("C0OPS", "ops");
    assert!(
        refused(&wrong).starts_with("announce.channels[0]: \"ops\" is not the id of a channel")
    );
}

#[test]
fn escalation_steps_and_reminders_are_read_in_order() {
    let config = accepted(&policy(&format!(
        r#"
        remind = []
        review_within = "7d"
        page_on_break_glass = false
        [[policy.escalate]]
        after = "5m"
        roles = ["oncall"]
        people = ["U0BOSS"]
        [[policy.escalate]]
        after = "1h"
        page = true
        {PAGERDUTY}"#
    )));
    assert!(config.policy.remind.is_empty());
    assert_eq!(config.policy.review_within, 7 * DAY);
    assert!(!config.policy.page_on_break_glass);
    assert_eq!(
        config.policy.escalate,
        [
            EscalationStep {
                after: 5 * MINUTE,
                roles: vec!["oncall".to_owned()],
                people: vec!["U0BOSS".to_owned()],
                page: false,
            },
            EscalationStep {
                after: HOUR,
                roles: vec![],
                people: vec![],
                page: true,
            },
        ]
    );
}

#[test]
fn contacts_are_for_all_services_or_for_some() {
    let config = accepted(&and(r#"
        [[contacts]]
        name = "Vercel support"
        how = "https://vercel.com/help"
        services = ["frontend"]
        [[contacts]]
        name = "the landlord"
        how = "+1 555 0100, at night too""#));
    assert_eq!(
        config.contacts,
        [
            Contact {
                name: "Vercel support".to_owned(),
                how: "https://vercel.com/help".to_owned(),
                services: vec!["frontend".to_owned()],
            },
            Contact {
                name: "the landlord".to_owned(),
                how: "+1 555 0100, at night too".to_owned(),
                services: vec![],
            },
        ]
    );
}

#[test]
fn somebody_who_would_approve_alone_is_a_warning() {
    let alone = with("\"U0SAM\", \"U0ALEX\"", "\"U0SAM\"");
    let warning = |service: &str, plans: &str, sections: &str| {
        format!(
            "services.{service}: only U0SAM can approve {plans} plans, so nobody can when U0SAM asks; \
             add a second person to oncall, or set requester_may_approve = true in {sections}"
        )
    };
    let of = |service: &str| {
        warning(
            service,
            "`code` and `caution`",
            &format!("[services.{service}.code] and [services.{service}.caution]"),
        )
    };
    assert_eq!(
        accepted(&alone).warnings,
        [of("frontend.production"), of("shop.local")]
    );

    // The one key for ordinary plans is not for the unusual ones.
    let asks = alone.replace("provider =", "requester_may_approve = true\nprovider =");
    let of = |service: &str| {
        let section = format!("[services.{service}.caution]");
        warning(service, "`caution`", &section)
    };
    assert_eq!(
        accepted(&asks).warnings,
        [of("frontend.production"), of("shop.local")]
    );

    let solo = alone.replace("plan_ttl", "preset = \"solo\"\nplan_ttl");
    assert_eq!(accepted(&solo).warnings, [""; 0]);
    // Who is in the group is not known here.
    let group = alone.replace(
        "members = [\"U0SAM\"]",
        "members = [\"U0SAM\"]\nslack_usergroup = \"S0ONCALL\"",
    );
    assert_eq!(accepted(&group).warnings, [""; 0]);
}

#[test]
fn too_few_besides_the_requester_are_a_warning() {
    let config = accepted(
        &(frontend(
            r#"
        code.approvals = 2
        caution.one_of = ["lead"]
        "#,
        ) + "[roles.lead]\nmembers = [\"U0ANA\"]"),
    );
    assert_eq!(
        config.warnings,
        [
            "services.frontend.production: only U0SAM and U0ALEX can give the 2 approvals of `code` \
             plans, so one is missing when one of them asks; add a person to oncall, or set \
             requester_may_approve = true in [services.frontend.production.code]",
            "services.frontend.production: only U0ANA can give the approval from lead to `caution` \
             plans, so nobody can when U0ANA asks; add a second person to lead, or set \
             requester_may_approve = true in [services.frontend.production.caution]",
        ]
    );
}

#[test]
fn data_is_one_persons_only_where_that_was_meant() {
    let alone = frontend("risk = \"data\"").replace("\"U0SAM\", \"U0ALEX\"", "\"U0SAM\"");
    let unmet = "services.frontend.production: `data` plans need 2 approvals and only U0SAM could \
                 give one, so they can never be approved; add people to oncall, or set approvals = 1 \
                 in [services.frontend.production.data]";
    let missing = "services.frontend.production: `data` plans need one approval from data_owner, and \
                   there is no role data_owner; write [roles.data_owner], or set one_of in \
                   [policy.data]";
    assert_eq!(refused(&alone), missing);
    let anyone = alone.replace("risk =", "data.one_of = []\nrisk =");
    assert_eq!(refused(&anyone), unmet);
    // Being two roles does not make two people of one.
    let owner = format!("{alone}\n[roles.data_owner]\nmembers = [\"U0SAM\"]");
    assert_eq!(
        refused(&owner),
        unmet.replace("oncall", "oncall or data_owner")
    );
    accepted(&owner.replace("\"U0SAM\"]", "\"U0SAM\"]\nslack_usergroup = \"S0DATA\""));

    accepted(&anyone.replace("risk =", "data.approvals = 1\nrisk ="));
    accepted(&alone.replace("plan_ttl", "preset = \"solo\"\nplan_ttl"));
}

#[test]
fn what_follows_from_a_mistake_is_not_another_one() {
    let text = r#"
[policy]
preset = "strikt"

[policy.risk]
old = "date"

[policy.caution]
approvals = 7

[roles.oncall]
members = ["sam"]

[services.shop.local]
provider = "releases"
path = "/srv/shop"
approve = ["oncall"]
risk = "data"
code.roles = ["onkall"]

[services.basket.local]
provider = "releases"
path = "/srv/shop"
approve = ["oncall"]
"#;
    let message = refused(text);
    let problems: Vec<&str> = message
        .lines()
        .filter(|line| !line.contains(": is missing; "))
        .collect();
    assert_eq!(
        problems,
        [
            "policy.preset: \"strikt\" is not known; did you mean \"strict\"?",
            "policy.risk.old: \"date\" is not known; did you mean \"data\"?",
            "policy.caution.approvals: 7 is out of range; write a number from 1 to 5",
            "roles.oncall.members[0]: \"sam\" is not a member id; copy it from the person's Slack \
             profile, it looks like \"U0123ABCD\"",
            "services.shop.local.code.roles[0]: there is no role \"onkall\"; did you mean \"oncall\"?",
            "services.shop.local: is the same thing as services.basket.local; keep one of the two",
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

[pagerduty]
token = "pagerduty-1"
routing_kee = "env:PAGERDUTY_ROUTING_KEY"

[policy]
preset = "small"
plan_ttl = "10 minutes"
remind = ["3m", "60s"]
objection_window = "5s"
review_within = "60d"
page_on_break_glass = true

[policy.risk]
never_served = "danger"

[policy.data]
approvals = 0
one_of = ["dba"]
confirm = "shout"

[[policy.escalate]]
after = "5m"

[[policy.escalate]]
after = "4m"
roles = ["leed"]
page = true

[roles.oncall]
members = ["@sam", "U0ALEX"]

[roles.lead]

[[contacts]]
name = "Vercel support"
services = ["shopp"]

[services.plan.production]
provider = "vercel"
project = 7
token = "env:PLAN_TOKEN"
approve = ["onkall"]
risk = "high"
objection_window = "none"

[services.plan.production.data]
roles = []

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
server.colour: is not a key here; remove it, or use one of listen, operators_address, public_url
database.url: is missing; write url = "sqlite://rollback-bot.db"
slack.signing_secret: a secret does not belong in this file; write "env:NAME" or "file:PATH"
slack.bot_token: is missing; write bot_token = "env:SLACK_BOT_TOKEN"
slack.bot_tokn: is not a key here; did you mean "bot_token"?
pagerduty.token: a secret does not belong in this file; write "env:NAME" or "file:PATH"
pagerduty.routing_kee: is not a key here; did you mean "routing_key"?
policy.preset: "small" is not known; write "solo" or "small-team" or "strict"
policy.plan_ttl: "10 minutes" is not a duration; write a number and ms, s, m, h or d, like "90s" or "10m"
policy.remind[1]: 1m is not later than the 3m before it; write them in order
policy.objection_window: "5s" is out of range; write a duration from 10s to 24h, or "off"
policy.review_within: "60d" is out of range; write a duration from 1m to 30d
policy.page_on_break_glass: pages nobody without a routing key; write routing_key = "env:PAGERDUTY_ROUTING_KEY" into [pagerduty]
policy.risk.never_served: "danger" is not known; write "toggle" or "code" or "caution" or "data"
policy.data.approvals: 0 is out of range; write a number from 1 to 5
policy.data.one_of[0]: there is no role "dba"; write [roles.dba] with its members
policy.data.confirm: "shout" is not known; write "click" or "tick" or "type"
policy.escalate[0]: asks nobody; write roles = ["lead"], people = ["U0123ABCD"] or page = true
policy.escalate[1].roles[0]: there is no role "leed"; did you mean "lead"?
policy.escalate[1].page: pages nobody without a routing key; write routing_key = "env:PAGERDUTY_ROUTING_KEY" into [pagerduty]
policy.escalate[1].after: 4m is not later than the 5m before it; write them in order
roles.lead: has nobody in it; write members = ["U0123ABCD"], slack_usergroup = "S0123ABCD", pagerduty_schedule = "P123ABC" or pagerduty_escalation_policy = "P123ABC"
roles.oncall.members[0]: "@sam" is not a member id; copy it from the person's Slack profile, it looks like "U0123ABCD"
contacts[0].how: is missing; write how = "https://vercel.com/help"
contacts[0].services[0]: there is no service "shopp"; did you mean "shop"?
services.plan: is a word of the /rollback command; use another name
services.plan.production.project: is a number; write text in quotes
services.plan.production.token: environment variable PLAN_TOKEN is not set
services.plan.production.approve[0]: there is no role "onkall"; did you mean "oncall"?
services.plan.production.risk: "high" is not known; write "toggle" or "code" or "caution" or "data"
services.plan.production.objection_window: "none" is not a duration; write a number and ms, s, m, h or d, like "90s" or "10m", or "off"
services.plan.production.data.roles: is empty; write roles = ["oncall"]
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
+ app_token = "env:SLACK_BOT_TOKEN"
! slack.app_token: looks like a bot token of Slack's (xoxb-…); make one with the scope connections:write on the app's page Basic Information, App-Level Tokens, it begins with xapp-

- signing_secret = "env:SLACK_SIGNING_SECRET"
+ app_token = "env:SLACK_SIGNING_SECRET"
! slack.app_token: looks like a signing secret, a client secret or an integration key; make one with the scope connections:write on the app's page Basic Information, App-Level Tokens, it begins with xapp-

- signing_secret = "env:SLACK_SIGNING_SECRET"
+ app_token = "env:SHORT_APP_TOKEN"
! slack.app_token: is cut short: it is 6 characters long; make one with the scope connections:write on the app's page Basic Information, App-Level Tokens, it begins with xapp-

- bot_token = "env:SLACK_BOT_TOKEN"
+ bot_token = "env:SLACK_APP_TOKEN"
! slack.bot_token: looks like an app-level token of Slack's (xapp-…); copy the Bot User OAuth Token from the app's page OAuth & Permissions, it begins with xoxb-

- signing_secret = "env:SLACK_SIGNING_SECRET"
+ signing_secret = "env:SLACK_SIGNING_SECRET"
+ app_token = "env:SLACK_APP_TOKEN"
! slack.signing_secret: is there, and app_token is too: with Socket Mode Slack sends nothing to an address, and signs nothing; remove it, or remove app_token if Slack is to reach this bot at server.public_url

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
! policy.plan_ttl: is a number; write text in quotes: a number and ms, s, m, h or d, like "90s" or "10m"

- plan_ttl = "10m"
+ plan_ttl = "25h"
! policy.plan_ttl: "25h" is out of range; write a duration from 1m to 24h

- plan_ttl = "10m"
+ preset = "strikt"
! policy.preset: "strikt" is not known; did you mean "strict"?

- plan_ttl = "10m"
+ remind = "60s"
! policy.remind: is text; write a list: remind = ["60s", "3m"]

- plan_ttl = "10m"
+ remind = ["60s", "60s", "0s"]
! policy.remind[2]: "0s" is out of range; write a duration from 1s to 24h

- plan_ttl = "10m"
+ remind = ["60s", "60s", "2m"]
! policy.remind[1]: 1m is not later than the 1m before it; write them in order

  plan_ttl = "10m"
+ objection_window = "10m"
! policy.objection_window: 10m is not shorter than plan_ttl, which is 10m, so the plan would end first; make it shorter

- plan_ttl = "10m"
+ plan_ttl = "0m"
+ objection_window = "15m"
! policy.plan_ttl: "0m" is out of range; write a duration from 1m to 24h

  plan_ttl = "10m"
+ objection_window = 60
! policy.objection_window: is a number; write text in quotes: a number and ms, s, m, h or d, like "90s" or "10m", or "off"

  plan_ttl = "10m"
+ page_on_break_glass = "yes"
! policy.page_on_break_glass: is text; write true or false, without quotes

  plan_ttl = "10m"
+ risk = "data"
! policy.risk: is text; write a section: [policy.risk]

  plan_ttl = "10m"
+ [policy.risk]
+ older = "caution"
+ old_after = "1s"
! policy.risk.old_after: "1s" is out of range; write a duration from 1m to 3650d
! policy.risk.older: is not a key here; did you mean "old"?

  plan_ttl = "10m"
+ [policy.cod]
+ approvals = 1
! policy.cod: is not a key here; did you mean "code"?

  plan_ttl = "10m"
+ [policy.code]
+ approve = ["oncall"]
! policy.code.approve: is not a key here; did you mean "approvals"?

  plan_ttl = "10m"
+ [policy.code]
+ approvals = 6
+ roles = []
+ one_of = ["oncall", "oncall"]
+ requester_may_approve = 1
+ break_glass = "no"
+ confirm = true
! policy.code.approvals: 6 is out of range; write a number from 1 to 5
! policy.code.roles: is empty; write roles = ["oncall"]
! policy.code.one_of[1]: is in the list twice; remove one of the two
! policy.code.requester_may_approve: is a number; write true or false, without quotes
! policy.code.break_glass: is text; write true or false, without quotes
! policy.code.confirm: is true or false; write text in quotes

  plan_ttl = "10m"
+ [policy.toggle]
+ roles = ["onkall"]
! policy.toggle.roles[0]: there is no role "onkall"; did you mean "oncall"?

  plan_ttl = "10m"
+ [policy.code]
+ approvals = 3
! services.frontend.production: `code` plans need 3 approvals and only U0SAM and U0ALEX could give one, so they can never be approved; add people to oncall, or set approvals = 2 in [services.frontend.production.code]
! services.shop.local: `code` plans need 3 approvals and only U0SAM and U0ALEX could give one, so they can never be approved; add people to oncall, or set approvals = 2 in [services.shop.local.code]

  plan_ttl = "10m"
+ [policy.risk]
+ once_bad = "data"
! services.frontend.production: `data` plans need one approval from data_owner, and there is no role data_owner; write [roles.data_owner], or set one_of in [policy.data]
! services.shop.local: `data` plans need one approval from data_owner, and there is no role data_owner; write [roles.data_owner], or set one_of in [policy.data]

  plan_ttl = "10m"
+ [policy.escalate]
+ after = "5m"
! policy.escalate: can be repeated; write it with two brackets, [[policy.escalate]]

  plan_ttl = "10m"
+ [[policy.escalate]]
+ roles = ["oncall"]
! policy.escalate[0].after: is missing; write after = "5m"

  plan_ttl = "10m"
+ [[policy.escalate]]
+ after = "5m"
+ roles = []
+ people = []
+ page = false
! policy.escalate[0].roles: is empty; write roles = ["lead"]
! policy.escalate[0].people: is empty; write people = ["U0123ABCD"]

  plan_ttl = "10m"
+ [[policy.escalate]]
+ after = "5m"
+ page = false
! policy.escalate[0]: asks nobody; write roles = ["lead"], people = ["U0123ABCD"] or page = true

  plan_ttl = "10m"
+ [[policy.escalate]]
+ after = "5m"
+ people = ["@boss"]
! policy.escalate[0].people[0]: "@boss" is not a member id; copy it from the person's Slack profile, it looks like "U0123ABCD"

  plan_ttl = "10m"
+ [pagerduty]
+ routing_key = "env:PAGERDUTY_TOKEN"
+ [[policy.escalate]]
+ after = "5m"
+ page = true
! pagerduty.routing_key: is not 32 letters and digits long; copy the integration key of an integration for the Events API v2

  plan_ttl = "10m"
+ [pagerduty]
+ token = "env:PAGERDUTY_TOKEN"
+ api_url = "api.pagerduty.com"
+ events_url = 5
+ [[policy.escalate]]
+ after = "5m"
+ page = true
! pagerduty.api_url: is not a web address; begin it with https:// or http://
! pagerduty.events_url: is a number; write text in quotes
! policy.escalate[0].page: pages nobody without a routing key; write routing_key = "env:PAGERDUTY_ROUTING_KEY" into [pagerduty]

  bot_token = "env:SLACK_BOT_TOKEN"
+ [[contacts]]
+ name = ""
+ services = []
! contacts[0].name: is empty; write something between the quotes, or remove it
! contacts[0].how: is missing; write how = "https://vercel.com/help"
! contacts[0].services: is empty; write services = ["frontend"]

  bot_token = "env:SLACK_BOT_TOKEN"
+ [[contacts]]
+ name = "the landlord"
+ how = "+1 555 0100"
+ services = ["basket"]
! contacts[0].services[0]: there is no service "basket"; write one of frontend, shop

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
+ [limits]
+ person_per_minute = 5
+ channel_per_minute = "300"
+ per_minute = 9
! limits.person_per_minute: 5 is out of range; write a number from 6 to 100000
! limits.channel_per_minute: is text; write a whole number, without quotes
! limits.per_minute: is not a key here; remove it, or use one of person_per_minute, channel_per_minute

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

- members = ["U0SAM", "U0ALEX"]
! roles.oncall: has nobody in it; write members = ["U0123ABCD"], slack_usergroup = "S0123ABCD", pagerduty_schedule = "P123ABC" or pagerduty_escalation_policy = "P123ABC"

- members = ["U0SAM", "U0ALEX"]
+ slack_usergroup = "@oncall"
! roles.oncall.slack_usergroup: "@oncall" is not the id of a user group; copy it from the group's page in Slack, it looks like "S0123ABCD"

  members = ["U0SAM", "U0ALEX"]
+ pagerduty_schedule = "P123ABC"
+ pagerduty_escalation_policy = "P456DEF"
! roles.oncall.pagerduty_schedule: cannot be read without a token; write token = "env:PAGERDUTY_TOKEN" into [pagerduty]
! roles.oncall.pagerduty_escalation_policy: cannot be read without a token; write token = "env:PAGERDUTY_TOKEN" into [pagerduty]

  members = ["U0SAM", "U0ALEX"]
+ pagerduty_schedule = "Primary on-call"
+ pagerduty_escalation_policy = "https://shop.pagerduty.com/escalation_policies/P456DEF"
! roles.oncall.pagerduty_schedule: "Primary on-call" is not the id of a schedule; copy it from the end of its address in PagerDuty, it looks like "P123ABC"
! roles.oncall.pagerduty_escalation_policy: "https://shop.pagerduty.com/escalation_policies/P456DEF" is not the id of an escalation policy; copy it from the end of its address in PagerDuty, it looks like "P123ABC"

  token = "env:VERCEL_TOKEN"
- approve = ["oncall"]
+ approve = []
! services.frontend.production.approve: is empty; write approve = ["oncall"]

- provider = "vercel"
+ provider = "vercl"
! services.frontend.production.provider: "vercl" is not known; did you mean "vercel"?

- provider = "releases"
! services.shop.local.provider: is missing; write provider = "vercel", or "releases", or "render", or "railway", or "docker", or "swarm", or "kubernetes", or "argocd", or "github", or "command", or "http"

- project = "prj_123"
+ path = "/srv/frontend"
! services.frontend.production.project: is missing; write project = "prj_123"
! services.frontend.production.path: is not a key here; remove it, or use one of provider, project, team, token, api_url, owner, url, github, gitlab, migrations, approve, requester_may_approve, risk, objection_window, toggle, code, caution, data, channels, announce, target_time, fingerprint, verify, stages, stage, passes, prove_within, watch, pass_every, check_every, drill, fault, drills

  project = "prj_123"
+ requester_may_approve = "yes"
! services.frontend.production.requester_may_approve: is text; write true or false, without quotes

  project = "prj_123"
+ risk = "dta"
! services.frontend.production.risk: "dta" is not known; did you mean "data"?

  project = "prj_123"
+ risk = "data"
! services.frontend.production: `data` plans need one approval from data_owner, and there is no role data_owner; write [roles.data_owner], or set one_of in [policy.data]

  project = "prj_123"
+ objection_window = "15m"
! services.frontend.production.objection_window: 15m is not shorter than plan_ttl, which is 10m, so the plan would end first; make it shorter

  project = "prj_123"
+ code = "oncall"
! services.frontend.production.code: is text; write a section: [services.frontend.production.code]

  project = "prj_123"
+ data.one_of = ["dba"]
+ caution.approvals = 3
! services.frontend.production.data.one_of[0]: there is no role "dba"; write [roles.dba] with its members
! services.frontend.production: `caution` plans need 3 approvals and only U0SAM and U0ALEX could give one, so they can never be approved; add people to oncall, or set approvals = 2 in [services.frontend.production.caution]

  project = "prj_123"
+ target_time = "2w"
! services.frontend.production.target_time: "2w" is not a duration; write a number and ms, s, m, h or d, like "90s" or "10m"

  project = "prj_123"
+ target_time = "2d"
! services.frontend.production.target_time: "2d" is out of range; write a duration from 1s to 24h

  project = "prj_123"
+ url = "shop.example.com"
! services.frontend.production.url: is not a web address; begin it with https:// or http://

  project = "prj_123"
+ passes = 0
! services.frontend.production.passes: 0 is out of range; write a number from 1 to 100

  project = "prj_123"
+ passes = 5
+ prove_within = "3s"
! services.frontend.production.prove_within: 5 passes, 1s apart, take at least 4s; give it more than 3s, or ask for fewer passes

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
! services.frontend.production.verify[0].kind: "tcp" is not known; write "http" or "flow" or "prometheus" or "sql" or "command"

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

- [policy]
+ [canary]
+ at = "half past two"
+ hours = "8-20"
+ zone = "Europe/Berln"
+ channel = "ops"
+ [policy]
! canary.at: "half past two" is not a time of day; write it like "08:00" or "17:30"
! canary.hours: "8-20" are not hours; write two times of day with a dash between them, like "08:00-20:00"
! canary.zone: there is no time zone "Europe/Berln"; did you mean "Europe/Berlin"?
! canary.channel: "ops" is not the id of a channel; copy it from the channel's details in Slack, it looks like "C0123ABCD"

- [policy]
+ [canary]
+ at = "24:00"
+ hours = "08:00-08:00"
+ zone = "Middle/Earth"
+ [policy]
! canary.at: "24:00" is not a time of day; write it like "08:00" or "17:30"
! canary.hours: "08:00-08:00" is no time at all; write from when until when people may be told, like "08:00-20:00"
! canary.zone: there is no time zone "Middle/Earth"; write the name of a city's zone, like "Europe/Berlin", or "UTC"

- [policy]
+ [reviews]
+ every = "1d"
+ owner = "kim"
+ [policy]
! reviews.every: "1d" is out of range; write a duration from 7d to 730d
! reviews.owner: "kim" is not a member id; copy it from the person's Slack profile, it looks like "U0123ABCD"

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
fn where_post_mortems_are_kept_is_a_folder_of_a_repository() {
    let kept =
        "[github]\ntoken = \"env:GITHUB_TOKEN\"\n[post_mortems]\nrepository = \"acme/incidents\"";
    let config = accepted(&and(kept));
    let kept = config.post_mortems.expect("they are kept");
    assert_eq!(
        (kept.repository.as_str(), kept.folder.as_str()),
        ("acme/incidents", "incidents")
    );
    insta::assert_snapshot!(
        refused(&and("[post_mortems]\nrepository = \"https://github.com/acme/incidents\"\nfolder = \"../etc\"")),
        @r#"
    post_mortems.repository: "https://github.com/acme/incidents" is no repository; write it as "acme/incidents"
    post_mortems.folder: "../etc" is no folder of a repository; write it as "docs/incidents"
    post_mortems: needs [github], whose token writes there
    "#
    );
}

#[test]
fn a_file_with_nothing_in_it_is_told_what_to_write() {
    assert_eq!(
        refused(""),
        r#"server.listen: is missing; write listen = "127.0.0.1:3000"
server.public_url: is missing; write public_url = "https://rollback.example.com"
database.url: is missing; write url = "sqlite://rollback-bot.db"
slack.signing_secret: is missing; write signing_secret = "env:SLACK_SIGNING_SECRET", or app_token = "env:SLACK_APP_TOKEN" for Socket Mode, which needs no public address
slack.bot_token: is missing; write bot_token = "env:SLACK_BOT_TOKEN"
services: there is nothing to roll back; write a section like [services.frontend.production]"#
    );
}

#[test]
fn an_escalation_has_an_end() {
    let steps = (1..=11).map(|minutes| {
        format!("[[policy.escalate]]\nafter = \"{minutes}m\"\nroles = [\"oncall\"]\n")
    });
    let steps: Vec<String> = steps.collect();
    accepted(&policy(&steps[..10].concat()));
    assert_eq!(
        refused(&policy(&steps.concat())),
        "policy.escalate: is there 11 times; keep at most 10"
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

#[test]
fn what_holds_in_the_end_is_one_table() {
    insta::assert_snapshot!(effective::table(&accepted(EXAMPLE)), @"
    api (production): preset small-team, ordinary class code, objection window off
      class                 approvals  by                         requester  confirm  break-glass
      toggle (not reached)  1          oncall                     yes        click    yes
      code                  1          oncall                     no         click    yes
      caution               1          oncall                     no         tick     yes
      data (not reached)    2          oncall; one of data_owner  yes        type     no

    billing (production): preset small-team, ordinary class code, objection window off
      class                 approvals  by                         requester  confirm  break-glass
      toggle (not reached)  1          oncall                     yes        click    yes
      code                  1          oncall                     no         click    yes
      caution               1          oncall                     no         tick     yes
      data (not reached)    2          oncall; one of data_owner  yes        type     no

    cart (production): preset small-team, ordinary class code, objection window off
      class                 approvals  by                         requester  confirm  break-glass
      toggle (not reached)  1          oncall                     yes        click    yes
      code                  1          oncall                     no         click    yes
      caution               1          oncall                     no         tick     yes
      data (not reached)    2          oncall; one of data_owner  yes        type     no

    catalog (production): preset small-team, ordinary class code, objection window off
      class                 approvals  by                         requester  confirm  break-glass
      toggle (not reached)  1          oncall                     yes        click    yes
      code                  1          oncall                     no         click    yes
      caution               1          oncall                     no         tick     yes
      data (not reached)    2          oncall; one of data_owner  yes        type     no

    checkout (production): preset small-team, ordinary class code, objection window off
      class                 approvals  by                         requester  confirm  break-glass
      toggle (not reached)  1          oncall                     yes        click    yes
      code                  1          oncall                     no         click    yes
      caution               1          oncall                     no         tick     yes
      data (not reached)    2          oncall; one of data_owner  yes        type     no

    frontend (production): preset small-team, ordinary class code, objection window off
      class                 approvals  by                                       requester  confirm  break-glass
      toggle (not reached)  1          oncall or storefront                     yes        click    yes
      code                  1          oncall or storefront                     no         click    yes
      caution               2          oncall or storefront                     no         tick     yes
      data (not reached)    2          oncall or storefront; one of data_owner  yes        type     no

    guide (production): preset small-team, ordinary class code, objection window off
      class                 approvals  by                         requester  confirm  break-glass
      toggle (not reached)  1          oncall                     yes        click    yes
      code                  1          oncall                     no         click    yes
      caution               1          oncall                     no         tick     yes
      data (not reached)    2          oncall; one of data_owner  yes        type     no

    orders (production): preset small-team, ordinary class code, objection window off
      class                 approvals  by                         requester  confirm  break-glass
      toggle (not reached)  1          oncall                     yes        click    yes
      code                  1          oncall                     no         click    yes
      caution               1          oncall                     no         tick     yes
      data (not reached)    2          oncall; one of data_owner  yes        type     no

    search (production): preset small-team, ordinary class code, objection window off
      class                 approvals  by                         requester  confirm  break-glass
      toggle (not reached)  1          oncall                     yes        click    yes
      code                  1          oncall                     no         click    yes
      caution               1          oncall                     no         tick     yes
      data (not reached)    2          oncall; one of data_owner  yes        type     no

    shop (local): preset small-team, ordinary class code, objection window off
      class                 approvals  by                         requester  confirm  break-glass
      toggle (not reached)  1          oncall                     yes        click    yes
      code                  1          oncall                     no         click    yes
      caution               1          oncall                     no         tick     yes
      data (not reached)    2          oncall; one of data_owner  yes        type     no

    workers (production): preset small-team, ordinary class code, objection window off
      class                 approvals  by                         requester  confirm  break-glass
      toggle (not reached)  1          oncall                     yes        click    yes
      code                  1          oncall                     no         click    yes
      caution               1          oncall                     no         tick     yes
      data (not reached)    2          oncall; one of data_owner  yes        type     no

    full (production): takes back orders?, api, frontend, stops at a failure
      class                 approvals  by                         requester  confirm  break-glass
      toggle (not reached)  1          oncall                     yes        click    yes
      code                  1          oncall                     no         click    yes
      caution               2          oncall                     no         tick     yes
      data (not reached)    2          oncall; one of data_owner  yes        type     no

    roles
      oncall      configuration: U0SAM, U0ALEX
      storefront  configuration: U0MAYA, U0SAM

    escalation
      1m  approvers, reminded
      3m  approvers, reminded
      5m  storefront and U0BOSS
    ");
}

#[test]
fn the_table_names_sources_windows_and_pages() {
    let text = policy(&format!(
        r#"
        preset = "strict"
        remind = ["2m", "1h"]
        objection_window = "90s"
        [[policy.escalate]]
        after = "5m"
        roles = ["data_owner"]
        page = true
        [[policy.escalate]]
        after = "2h"
        page = true
        {PAGERDUTY}
        [roles.data_owner]
        members = ["U0ANA"]
        slack_usergroup = "S0DATA"
        pagerduty_schedule = "P123ABC"
        pagerduty_escalation_policy = "P456DEF"
        "#
    ));
    let text = text.replace(
        "project = \"prj_123\"",
        "project = \"prj_123\"\nrisk = \"data\"\nobjection_window = \"off\"",
    );
    let text = text.replace("path =", "caution.approvals = 1\npath =");
    insta::assert_snapshot!(effective::table(&accepted(&text)), @"
    frontend (production): preset strict, ordinary class data, objection window off
      class                  approvals  by                         requester  confirm  break-glass
      toggle (not reached)   1          oncall                     no         click    yes
      code (not reached)     1          oncall                     no         click    yes
      caution (not reached)  2          oncall                     no         tick     no
      data                   2          oncall; one of data_owner  no         type     no

    shop (local): preset strict, ordinary class code, objection window 90s
      class                 approvals  by                         requester  confirm  break-glass
      toggle (not reached)  1          oncall                     no         click    yes
      code                  1          oncall                     no         click    yes
      caution               1          oncall                     no         tick     no
      data (not reached)    2          oncall; one of data_owner  no         type     no

    roles
      data_owner  configuration: U0ANA; Slack group S0DATA; PagerDuty schedule P123ABC; PagerDuty escalation policy P456DEF
      oncall      configuration: U0SAM, U0ALEX

    escalation
      2m  approvers, reminded
      5m  data_owner and PagerDuty
      1h  approvers, reminded
      2h  PagerDuty
    ");

    let silent = accepted(&policy("remind = []"));
    let table = effective::table(&silent);
    assert!(
        table.ends_with("\nescalation\n  nobody is asked again\n"),
        "{table}"
    );
}

/// The `toml` blocks of a page.
fn blocks(page: &str) -> Vec<&str> {
    page.split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect()
}

#[test]
fn every_policy_that_the_pages_show_is_one() {
    const PLATFORM: &str =
        "provider = \"vercel\"\nproject = \"prj_123\"\ntoken = \"env:VERCEL_TOKEN\"\n";
    const HEAD: &str = r#"
[server]
listen = "127.0.0.1:3000"
public_url = "https://rollback.example.com"
[database]
url = "sqlite://rollback-bot.db"
[slack]
signing_secret = "env:SLACK_SIGNING_SECRET"
bot_token = "env:SLACK_BOT_TOKEN"
"#;
    let pages = [
        include_str!("../../docs/authority.md"),
        include_str!("../../README.md"),
    ];
    let shown: Vec<&str> = pages.iter().flat_map(|page| blocks(page)).collect();
    assert!(shown.len() > 9, "the pages show policies");
    for block in shown {
        // What has nothing to do with authority is left out there, and is always the same.
        let whole = match block.contains("[server]") {
            true => block.to_owned(),
            false => format!("{block}{PLATFORM}{HEAD}"),
        };
        let config = parse(&whole).unwrap_or_else(|mistakes| panic!("{block}\n{mistakes}"));
        assert_eq!(config.warnings, [""; 0], "{block}");
    }
    let ten = blocks(pages[0])[0];
    assert_eq!(ten.lines().count(), 10);
    assert!(pages[1].contains(ten), "README shows the same ten lines");
}

#[test]
fn an_agent_has_a_name_and_a_person_who_is_responsible_for_it() {
    let config = accepted(&and("[agents.deploy-watch]\nresponsible = \"U0SAM\""));
    assert_eq!(config.agents["deploy-watch"].responsible, "U0SAM");
    insta::assert_snapshot!(refused(&and("[agents.deploy-watch]")), @r#"agents.deploy-watch.responsible: is missing: an agent proposes only while a person is responsible for it; write the member id of that person, responsible = "U0123ABCD""#);
    insta::assert_snapshot!(refused(&and("[agents.deploy-watch]\nresponsible = \"sam\"")), @r#"agents.deploy-watch.responsible: "sam" is not a member id; copy it from the person's Slack profile, it looks like "U0123ABCD""#);
    insta::assert_snapshot!(refused(&and("[agents.U0SAM]\nresponsible = \"U0SAM\"")), @r#"agents.U0SAM: is not a possible name; use at most 63 of a-z, 0-9, ".", "_" and "-", beginning with a letter or a digit"#);
}
