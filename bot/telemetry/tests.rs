use super::*;
use crate::{App, clock::Clock, config::Config, store::Db};
use rollback_domain::grammar::RESERVED;
use rollback_providers::vercel::{Vercel, VercelSettings};
use rollback_settings::Secret;
use std::sync::{Arc, Mutex};

fn shown(format: &str, filter: &str) -> Result<LogSettings, String> {
    LogSettings::from_env(
        &|name| match name {
            "LOG_FORMAT" => Some(format.to_owned()),
            "RUST_LOG" => Some(filter.to_owned()),
            _ => None,
        },
        SHOWN,
    )
}

#[test]
fn the_environment_says_how_lines_are_written() {
    assert_eq!(shown("", "").unwrap().format, Format::Text);
    assert_eq!(shown("text", " ").unwrap().format, Format::Text);
    assert_eq!(shown("json", "debug").unwrap().format, Format::Json);
    assert!(shown("JSON", "").is_err());
    let in_demo = LogSettings::from_env(&|_| None, SHOWN_IN_DEMO).unwrap();
    assert_eq!(in_demo.filter.to_string(), "error");
    assert!(shown("json", "rollback_bot=loud").is_err());
    assert_eq!(shown("", "").unwrap().filter.to_string(), {
        EnvFilter::new(SHOWN).to_string()
    });
}

#[test]
fn keys_of_ours_are_shown_and_others_are_hashed() {
    let show = |key: &str| Key(key).to_string();
    assert_eq!(show("RB-41"), "RB-41");
    assert_eq!(show("RB-41:7:0"), "RB-41:7:0");
    assert_eq!(show("trigger:RB-41:approval"), "trigger:RB-41:approval");
    assert_eq!(show("frontend@production"), "frontend@production");
    assert_eq!(show("Slack group S0TEAM"), "Slack group S0TEAM");
    let hash = show("command:13A1.T0ACME");
    assert!(hash.starts_with('#') && hash.len() == 13, "{hash}");
    assert_eq!(
        show("answer:command:13A1.T0ACME"),
        format!("answer:{hash}"),
        "what an input leaves behind is found by the input's own hash"
    );
    assert_ne!(show("command:13A2.T0ACME"), hash);
    assert!(!show("refused:answer:click:C0:1.2:RB-41:ab:13A1.T0ACME").contains("T0ACME"));
}

#[test]
fn a_key_names_its_rollback() {
    assert_eq!(in_key("RB-41"), Some(RollbackId::new(41)));
    assert_eq!(in_key("trigger:RB-41:approval"), Some(RollbackId::new(41)));
    assert_eq!(in_key("frontend@production"), None);
    assert_eq!(in_key("RB-"), None);
    assert_eq!(in_key("RB-99999999999999999999999"), None);
}

#[test]
fn a_line_that_is_too_long_is_cut() {
    let short = b"short\n";
    assert_eq!(&*bounded(Format::Text, short), short);
    let long = format!("INFO {}\n", "ä".repeat(LINE_AT_MOST));
    let cut = bounded(Format::Text, long.as_bytes());
    let cut = std::str::from_utf8(&cut).unwrap();
    assert!(cut.len() < LINE_AT_MOST + 40);
    assert!(cut.ends_with(&format!("… ({} bytes)\n", long.len() - 1)));

    let long = serde_json::json!({
        "message": "asked",
        "answer": "ä".repeat(LINE_AT_MOST),
        "spans": [{ "rollback": "RB-41", "said": "x".repeat(VALUE_AT_MOST + 1) }],
    });
    let cut = bounded(Format::Json, format!("{long}\n").as_bytes()).into_owned();
    assert!(cut.len() < LINE_AT_MOST && cut.ends_with(b"\n"));
    let cut: serde_json::Value = serde_json::from_slice(&cut).unwrap();
    assert_eq!(cut["message"], "asked");
    assert_eq!(cut["spans"][0]["rollback"], "RB-41");
    assert!(cut["answer"].as_str().unwrap().ends_with("… (16384 bytes)"));
    assert!(
        cut["spans"][0]["said"]
            .as_str()
            .unwrap()
            .ends_with("… (1025 bytes)")
    );
}

/// Lines, as they are written.
#[derive(Default)]
struct Lines(Mutex<Vec<u8>>);

impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_request_says_what_it_is_about_once_it_knows() {
    let output = |format| {
        let written = Arc::new(Lines::default());
        let seeing = tracing_subscriber::registry().with(lines(format, false, written.clone()));
        tracing::subscriber::with_default(seeing, || {
            request("command", "U0SAM", "C0SHOP").in_scope(|| {
                record_key("command:13A1.T0ACME");
                record_verb("approve");
                record_rollback(RollbackId::new(41));
                tracing::info!("taken");
            });
        });
        String::from_utf8(std::mem::take(&mut written.0.lock().unwrap())).unwrap()
    };
    let text = output(Format::Text);
    assert!(
        text.contains("request{input=\"command\" person=\"U0SAM\" channel=\"C0SHOP\" key=#"),
        "{text}"
    );
    assert!(text.contains(" verb=\"approve\" rollback=RB-41}"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&output(Format::Json)).unwrap();
    assert_eq!(json["message"], "taken");
    assert_eq!(json["spans"][0]["rollback"], "RB-41");
    assert_eq!(json["spans"][0]["verb"], "approve");
}

#[test]
fn outside_a_request_nothing_is_added_to() {
    record_key("command:13A1.T0ACME");
    record_rollback(RollbackId::new(41));
}

/// What must not be seen, whatever is formatted.
const HIDDEN: [(&str, &str); 6] = [
    ("SIGNING", "f1dde0516716f1dde0516716f1dde051"),
    ("TOKEN", "xoxb-hidden-hidden-hidden-token"),
    ("VERCEL", "hidden-vercel-token"),
    ("PD_TOKEN", "hidden-pagerduty-token"),
    ("PD_KEY", "hidden00000000000000000000000000"),
    ("DATABASE", "postgres://bot:hidden-password@127.0.0.1:1/bot"),
];

const SETTINGS: &str = r#"
[server]
listen = "127.0.0.1:0"
public_url = "https://rollback.example.com"
[database]
url = "env:DATABASE"
[slack]
signing_secret = "env:SIGNING"
bot_token = "env:TOKEN"
[pagerduty]
token = "env:PD_TOKEN"
routing_key = "env:PD_KEY"
[roles.oncall]
pagerduty_schedule = "PABC123"
[services.frontend.production]
provider = "vercel"
project = "prj_1"
token = "env:VERCEL"
approve = ["oncall"]
"#;

fn config(database: &str) -> Config {
    let env = |name: &str| match name {
        "DATABASE" => Some(database.to_owned()),
        _ => HIDDEN
            .into_iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.to_owned()),
    };
    let read = |_: &std::path::Path| Err(io::Error::other("there is no file"));
    Config::parse(SETTINGS, &env, &read, &RESERVED).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

#[tokio::test]
async fn nothing_that_is_formatted_shows_a_secret() {
    let url = HIDDEN[5].1;
    let postgres = Db::Postgres(sqlx::PgPool::connect_lazy(url).unwrap());
    let dir = tempfile::tempdir().unwrap();
    let file = format!("sqlite://{}/bot.db", dir.path().display());
    let app = App::start(config(&file), Clock::real()).await.unwrap();
    let config = config(url);
    let (http, api) = (app.http.clone(), config.slack.api_url.clone());
    let vercel = Vercel::new(
        http,
        VercelSettings {
            project: "prj_1".into(),
            team: None,
            token: Secret::new(HIDDEN[2].1),
            api_url: api,
        },
    );
    let formatted = [
        format!("{config:?}{config:#?}"),
        format!("{postgres:?}{postgres:#?}"),
        format!("{:?}{:#?}", app.slack, app.slack),
        format!("{:?}{:#?}", app.pagerduty, app.pagerduty),
        format!("{:?}{:#?}", app.engine, app.engine),
        format!("{:?}{:#?}", app.http, app.http),
        format!("{app:?}{app:#?}"),
        format!("{vercel:?}{vercel:#?}"),
    ];
    for text in formatted {
        assert!(text.len() > 10, "{text} shows nothing at all");
        assert!(!text.contains("hidden"), "{text}");
    }
}

#[cfg(feature = "otlp")]
#[test]
fn every_replica_gives_a_rollback_the_same_trace() {
    let here = "https://rollback.example.com/";
    let (trace, whole) = otlp::ids(here, RollbackId::new(41));
    assert_eq!(trace.to_string(), "f6c7cf5610b7d2db3ba155933065fa46");
    assert_eq!(whole.to_string(), "b1dd70d474b623d7");
    assert_ne!(otlp::ids(here, RollbackId::new(42)).0, trace);
    assert_ne!(
        otlp::ids("https://other.example.com/", RollbackId::new(41)).0,
        trace
    );
}
