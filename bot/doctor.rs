//! What is missing, and what to do about it: everything that `check --online` tries, and what only
//! shows while a bot is at work: channels, clocks, room on the disk, pins, tokens that end, and
//! reloads that were refused. Changes nothing.

use crate::{
    check,
    clock::Clock,
    config::{Config, Database, Delivery},
    findings::{Findings, Level},
    http_client,
    slack::Slack,
    store::{
        address::Address,
        beside::{Beside, newest_change},
        processes::Process,
        tokens::Token,
    },
};
use jiff::{SignedDuration, Timestamp};
use rollback_domain::{procedure::LastReviews, refusal::list, release::Pin};
use rollback_settings::Mistakes;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
    time::{Duration, SystemTime},
};

/// How far a clock may be off; Slack's signatures are refused when it is five minutes.
const OFF_AT_MOST: SignedDuration = SignedDuration::from_secs(60);
/// From when on a clock that is off keeps the bot from its work.
const REFUSED_FROM: SignedDuration = SignedDuration::from_secs(300);
/// How long before its end a token is worth a note.
const ENDS_SOON: Duration = Duration::from_secs(14 * 86_400);
/// How old the newest copy of the record may be.
const BACKED_UP_WITHIN: Duration = Duration::from_secs(2 * 86_400);
/// How many bytes the disk of the record should have free.
const ROOM_AT_LEAST: u64 = 1 << 30;
/// With how many bytes it is full soon.
const ROOM_ENDS: u64 = 100 << 20;
/// How many channels are tried.
const CHANNELS_AT_MOST: usize = 50;

/// Looks at everything that a configuration names.
pub async fn examine(config: &Config) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    for warning in &config.warnings {
        findings.note("configuration", warning);
    }
    check::templates(config, &mut findings);
    check::pages(config, &mut findings);
    check::database(config, true, &mut findings).await;
    check::agents::tokens(config, true, &mut findings).await;
    check::canary(config, &mut findings);
    check::drills(config, &mut findings);
    check::reviews(config, &mut findings);
    check::everything_reached(config, &mut findings).await?;
    let slack = Slack::new(
        http_client()?,
        &config.slack.api_url,
        config.slack.bot_token.expose(),
    );
    clock(&slack, &mut findings).await;
    channels(config, &slack, &mut findings).await;
    listeners(config, &mut findings);
    record(&config.database, &mut findings).await;
    reviews(config, &mut findings).await;
    name_next_steps(&mut findings);
    Ok(findings)
}

/// What can be told of a configuration that cannot be used: its mistakes, and what the record says
/// of the bot that may be at work with an earlier one.
pub async fn examine_unusable(mistakes: &Mistakes, database: Option<&Database>) -> Findings {
    let mut findings = Findings::default();
    for mistake in &mistakes.0 {
        findings.mistake(&mistake.key, &mistake.problem);
    }
    if let Some(database) = database {
        record(database, &mut findings).await;
    }
    name_next_steps(&mut findings);
    findings
}

/// Holds this machine's clock against Slack's.
async fn clock(slack: &Slack, findings: &mut Findings) {
    // What a token lacks or a Slack that is silent was found before.
    if let Ok(answer) = slack.token().await
        && let Some(theirs) = answer.sent_at
    {
        compare_clocks(theirs, Clock::real().now(), findings);
    }
}

fn compare_clocks(theirs: Timestamp, ours: Timestamp, findings: &mut Findings) {
    let off = ours.duration_since(theirs);
    let by = off.abs();
    if by <= OFF_AT_MOST {
        return findings.ok("clock", "agrees with Slack's");
    }
    let direction = match off.is_positive() {
        true => "ahead of",
        false => "behind",
    };
    let sentence = format!("is {} s {direction} Slack's", by.as_secs());
    let next = "have the machine's clock set by NTP (`timedatectl set-ntp true`)";
    match by < REFUSED_FROM {
        true => findings.with_next(Level::Note, "clock", sentence, next),
        false => {
            let sentence = format!("{sentence}, and what Slack signs is refused from 300 s on");
            findings.with_next(Level::Mistake, "clock", sentence, next);
        }
    }
}

/// Tries every channel that the configuration names.
async fn channels(config: &Config, slack: &Slack, findings: &mut Findings) {
    let named = named_channels(config);
    if named.is_empty() || slack.identity().await.is_err() {
        return;
    }
    let mut readable = 0;
    for (channel, keys) in named.iter().take(CHANNELS_AT_MOST) {
        let keys = list(&keys.iter().cloned().collect::<Vec<_>>(), "and");
        match slack.can_read(channel).await {
            Ok(()) => readable += 1,
            Err(failure) => findings.with_next(
                Level::Mistake,
                &keys,
                format!("{channel}: {failure}"),
                "invite the bot there with `/invite @rollback`, or name another channel",
            ),
        }
    }
    if readable > 0 {
        findings.ok(
            "channels",
            format!("the bot is in {readable} of those that are named"),
        );
    }
    if named.len() > CHANNELS_AT_MOST {
        let rest = named.len() - CHANNELS_AT_MOST;
        findings.note("channels", format!("{rest} more were not tried"));
    }
}

/// The channels that the configuration names besides `api.channel`, each with the keys that name it.
fn named_channels(config: &Config) -> BTreeMap<&str, BTreeSet<String>> {
    let mut named: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let announce = config
        .announce
        .every
        .iter()
        .chain(config.announce.classes.iter().flatten());
    let announce = announce.map(|channel| ("announce".to_owned(), channel));
    let services = config.services.iter().flat_map(|service| {
        let key = format!("services.{}.{}", service.key.name, service.key.environment);
        let channels = service.channels.iter().chain(&service.announce);
        channels.map(move |channel| (key.clone(), channel))
    });
    let updates = config
        .updates
        .internal
        .iter()
        .chain(&config.updates.external);
    let updates = updates.map(|channel| ("updates".to_owned(), channel));
    let told = config
        .incidents
        .told
        .values()
        .flat_map(|told| &told.channels);
    let told = told.map(|channel| ("incidents.told".to_owned(), channel));
    for (key, channel) in announce.chain(services).chain(updates).chain(told) {
        if config.api.channel.as_ref() != Some(channel) {
            named.entry(channel).or_default().insert(key);
        }
    }
    named
}

/// A listener beside Socket Mode gets nothing from Slack.
fn listeners(config: &Config, findings: &mut Findings) {
    let is_socket = matches!(config.slack.delivery, Delivery::SocketMode { .. });
    if let (true, Some(listen)) = (is_socket, config.server.listen) {
        let sentence = format!(
            "{listen} is listened on, and Slack sends nothing there: it comes by Socket Mode"
        );
        let next = "keep it for health, metrics, the API and webhooks; otherwise remove it";
        findings.with_next(Level::Note, "server.listen", sentence, next);
    }
}

/// Looks at the record: where it is, and what it says of the bots that serve it.
async fn record(database: &Database, findings: &mut Findings) {
    let Ok(address) = Address::parse(database.url.expose()) else {
        return;
    };
    if let Address::Sqlite(path) = &address {
        if !path.exists() {
            // `check` says that it will be made.
            return;
        }
        disk(path, findings);
        backups(path, findings);
    }
    if let Err(error) = stored(database, findings).await {
        findings.with_next(
            Level::Note,
            "record",
            format!("cannot be read beside the bot: {error:#}"),
            "start the bot of this version once: it brings the tables up to date",
        );
    }
}

async fn stored(database: &Database, findings: &mut Findings) -> anyhow::Result<()> {
    let mut record = Beside::open(database.url.expose()).await?;
    let (made, known) = (record.newest_change().await?, newest_change(&record));
    if made < known {
        let sentence = format!("its tables are at change {made}, and this version has {known}");
        let next = "start the bot of this version: it brings them up to date";
        findings.with_next(Level::Note, "record", sentence, next);
    }
    let now = Clock::real().now();
    processes(&record.processes(now).await?, findings);
    tokens(&record.list().await?, now, findings);
    for (service, survey) in record.surveys().await? {
        if survey.pin == Pin::On {
            let key = format!("services.{}.{}", service.name, service.environment);
            let next = format!(
                "`/rollback unpin {}` when the cause is mended",
                service.typed()
            );
            findings.with_next(Level::Note, &key, "automatic deploys are held off", &next);
        }
    }
    Ok(())
}

/// Names what is to be reviewed.
async fn reviews(config: &Config, findings: &mut Findings) {
    let Some(last) = last_reviews(config).await else {
        return;
    };
    let now = Clock::real().now();
    for procedure in config.procedures() {
        let date = config.review_date(&procedure, &last);
        if let Some(date) = date.filter(|date| date.is_due(now)) {
            findings.with_next(
                Level::Note,
                "reviews",
                format!("{procedure}: {}", date.clause(now)),
                &format!(
                    "look whether it still holds, then `/rollback reviewed {}`",
                    procedure.typed()
                ),
            );
        }
    }
}

/// Every last review; `None`: none is ever due, or the record cannot be read, which is said
/// elsewhere.
async fn last_reviews(config: &Config) -> Option<LastReviews> {
    config.reviews.every?;
    let mut record = Beside::open(config.database.url.expose()).await.ok()?;
    record.reviews().await.ok()
}

/// Who serves the record, and who has refused a configuration.
fn processes(processes: &[Process], findings: &mut Findings) {
    if processes.is_empty() {
        let next = "start one with `rollback-bot serve`";
        findings.with_next(Level::Note, "bot", "none is at work on this record", next);
    }
    for process in processes {
        let key = format!("bot {} on {}", process.pid, process.host);
        match process.reload.as_ref().filter(|reload| reload.refused) {
            None => findings.ok(&key, format!("version {} is at work", process.version)),
            Some(reload) => {
                let at = reload.at.strftime("%Y-%m-%d %H:%M UTC");
                let why = reload.lines.join("; ");
                findings.with_next(
                    Level::Mistake,
                    &key,
                    format!(
                        "refused the configuration on {at}, and works with an earlier one: {why}"
                    ),
                    "put it right, then `rollback-bot reload` there",
                );
            }
        }
        if process.version != env!("CARGO_PKG_VERSION") {
            let ours = env!("CARGO_PKG_VERSION");
            let next = "bring all of them to one version";
            findings.with_next(
                Level::Note,
                &key,
                format!("this program is version {ours}"),
                next,
            );
        }
    }
}

/// Names the tokens for the API that are about to end.
fn tokens(tokens: &[Token], now: Timestamp, findings: &mut Findings) {
    let soon = now.checked_add(ENDS_SOON).unwrap_or(now);
    let ending = tokens.iter();
    for token in ending.filter(|token| token.spent(now).is_none() && token.expires_at <= soon) {
        findings.with_next(
            Level::Note,
            &format!("token {}", token.id),
            format!(
                "@{}'s ends on {}",
                token.person.name,
                token.expires_at.strftime("%Y-%m-%d")
            ),
            "make another one with `rollback-bot token create` before",
        );
    }
}

/// How much room there is, and whether the file system keeps the locks that SQLite needs.
fn disk(path: &Path, findings: &mut Findings) {
    let next = "make room: old copies in `backups/` first";
    if let Ok(disk) = rustix::fs::statvfs(path) {
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let sentence = format!("{} MiB are free", free >> 20);
        match free {
            free if free < ROOM_ENDS => findings.with_next(Level::Mistake, "disk", sentence, next),
            free if free < ROOM_AT_LEAST => findings.with_next(Level::Note, "disk", sentence, next),
            _ => findings.ok("disk", sentence),
        }
    }
    if let Some(name) = network_file_system(path) {
        findings.with_next(
            Level::Mistake,
            "database.url",
            format!("the record is on {name}, where SQLite's locks do not hold"),
            "move it to a disk of this machine, or use Postgres",
        );
    }
}

/// The file system that a file is on, if it is one over a network.
#[cfg(target_os = "linux")]
fn network_file_system(path: &Path) -> Option<&'static str> {
    match rustix::fs::statfs(path).ok()?.f_type & 0xffff_ffff {
        0x6969 => Some("NFS"),
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => Some("SMB"),
        0x0102_1997 => Some("9P"),
        _ => None,
    }
}

#[cfg(not(target_os = "linux"))]
fn network_file_system(_: &Path) -> Option<&'static str> {
    None
}

/// How old the newest copy is, where copies are made as docs/operations.md says.
fn backups(path: &Path, findings: &mut Findings) {
    let directory = path.with_file_name("backups");
    let key = directory.display().to_string();
    let next =
        "`rollback-bot backup` makes one; docs/operations.md has a nightly unit and Litestream";
    match newest(&directory) {
        Ok(Some(at)) => {
            let age = SystemTime::from(Clock::real().now())
                .duration_since(at)
                .unwrap_or_default();
            let hours = age.as_secs() / 3_600;
            match age > BACKED_UP_WITHIN {
                true => findings.with_next(
                    Level::Mistake,
                    &key,
                    format!("the newest copy of the record is {hours} hours old"),
                    next,
                ),
                false => findings.ok(&key, format!("the newest copy is {hours} hours old")),
            }
        }
        Ok(None) | Err(_) => {
            findings.with_next(Level::Note, &key, "no copy of the record is there", next);
        }
    }
}

fn newest(directory: &Path) -> io::Result<Option<SystemTime>> {
    let mut newest = None;
    for entry in fs::read_dir(directory)? {
        newest = newest.max(Some(entry?.metadata()?.modified()?));
    }
    Ok(newest)
}

/// Gives every mistake that names none its next step.
fn name_next_steps(findings: &mut Findings) {
    let mistakes = findings.0.iter_mut();
    for finding in mistakes.filter(|finding| finding.level == Level::Mistake) {
        if finding.next.is_none() {
            finding.next = Some(next_step(&finding.key, &finding.sentence));
        }
    }
}

fn next_step(key: &str, sentence: &str) -> String {
    let section = key.split('.').next().unwrap_or(key);
    match section {
        "slack" if sentence.starts_with("lacks the scope") => {
            "add it under OAuth & Permissions and install the app again; `rollback-bot manifest` \
             prints a manifest with all of them"
                .to_owned()
        }
        "slack" => format!("put the right one where {key} names it, then restart the bot"),
        "api" => {
            "invite the bot there with `/invite @rollback`, or name another channel".to_owned()
        }
        "database" => "put it right, then start the bot".to_owned(),
        "services" | "notices" | "roles" | "groups" | "templates" | "agents" => {
            format!("put {key} right, or what it names, then `rollback-bot reload`")
        }
        _ => format!("put {key} right, then `rollback-bot check`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(look: impl FnOnce(&mut Findings)) -> Vec<(Level, String)> {
        let mut findings = Findings::default();
        look(&mut findings);
        let findings = findings.0.into_iter();
        findings
            .map(|finding| (finding.level, finding.sentence))
            .collect()
    }

    #[test]
    fn a_clock_that_is_off_is_told_before_slack_is_refused() {
        let slack: Timestamp = "2026-03-14T03:12:00Z".parse().unwrap();
        let off = |by: i64| {
            found(|findings| {
                compare_clocks(slack, slack + SignedDuration::from_secs(by), findings);
            })
        };
        assert_eq!(off(59), [(Level::Ok, "agrees with Slack's".into())]);
        assert_eq!(off(-90), [(Level::Note, "is 90 s behind Slack's".into())]);
        let refused = "is 400 s ahead of Slack's, and what Slack signs is refused from 300 s on";
        assert_eq!(off(400), [(Level::Mistake, refused.into())]);
    }

    #[test]
    fn a_copy_that_is_old_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let record = directory.path().join("bot.db");
        let none = [(Level::Note, "no copy of the record is there".into())];
        assert_eq!(found(|findings| backups(&record, findings)), none);
        let folder = directory.path().join("backups");
        fs::create_dir(&folder).unwrap();
        let copy = fs::File::create(folder.join("one.db")).unwrap();
        let new = [(Level::Ok, "the newest copy is 0 hours old".into())];
        assert_eq!(found(|findings| backups(&record, findings)), new);
        let now = SystemTime::from(Clock::real().now());
        copy.set_modified(now - Duration::from_secs(72 * 3_600))
            .unwrap();
        let old = [(
            Level::Mistake,
            "the newest copy of the record is 72 hours old".into(),
        )];
        assert_eq!(found(|findings| backups(&record, findings)), old);
    }
}
