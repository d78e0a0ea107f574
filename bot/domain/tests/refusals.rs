//! Every way of saying no, read aloud. `docs/refusals.md` is made from the samples below:
//! `UPDATE_DOCS=1 cargo test -p rollback-domain --test refusals` writes it anew.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

use jiff::Timestamp;
use rollback_domain::{
    identity::{IncidentId, RollbackId, ServiceKey},
    platform::ProviderError,
    refusal::{Flood, Plain, Refusal},
    risk::Risk,
};
use std::{collections::BTreeSet, env, fmt::Write, fs, path::Path};
use strum::EnumCount;

fn at(clock: &str) -> Timestamp {
    format!("2026-03-14T{clock}Z").parse().unwrap()
}

fn all(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// At least one of each, with the part of its sentence that says what can be done now.
fn samples() -> Vec<(Refusal, &'static str)> {
    let mut samples = of_what_was_typed();
    samples.extend(of_the_platform());
    samples.extend(of_what_has_gone_on());
    samples.extend(of_authority());
    samples.extend(of_the_rest());
    samples
}

fn of_what_was_typed() -> Vec<(Refusal, &'static str)> {
    vec![
        (
            Refusal::UnknownService {
                name: "fronted".into(),
                nearest: Some("frontend".into()),
                known: all(&["api", "frontend"]),
            },
            "Did you mean frontend?",
        ),
        (
            Refusal::UnknownService {
                name: "zebra".into(),
                nearest: None,
                known: all(&["api", "frontend"]),
            },
            "`/rollback help` lists the commands.",
        ),
        (
            Refusal::WhichEnvironment {
                service: "frontend".into(),
                named: None,
                known: all(&["production", "staging"]),
            },
            "say which, for example `/rollback frontend@production`.",
        ),
        (
            Refusal::WhichEnvironment {
                service: "frontend".into(),
                named: Some("stagging".into()),
                known: all(&["production", "staging"]),
            },
            "For example `/rollback frontend@production`.",
        ),
        (
            Refusal::DrillOnProduction {
                service: ServiceKey::new("frontend", "staging"),
                same_as: ServiceKey::new("frontend", "production"),
            },
            "`/rollback drill frontend@production` does everything but that.",
        ),
        (
            Refusal::IsGroup {
                group: "full".into(),
                members: all(&["backend", "frontend"]),
            },
            "`/rollback full because …` takes all of them back to their previous releases",
        ),
        (
            Refusal::UnknownRollback {
                id: RollbackId::new(7),
            },
            "`/rollback status` lists the ones that are open.",
        ),
    ]
}

fn frontend() -> ServiceKey {
    ServiceKey::new("frontend", "production")
}

fn of_the_platform() -> Vec<(Refusal, &'static str)> {
    vec![
        (
            Refusal::UnknownTarget {
                service: frontend(),
                target: "v999".into(),
                known: all(&["v213", "v212"]),
            },
            "`/rollback list frontend@production` shows more.",
        ),
        (
            Refusal::UnknownTarget {
                service: frontend(),
                target: "whatever was live at 2026-03-01 02:40:00 UTC".into(),
                known: vec![],
            },
            "`/rollback list frontend@production` shows the releases.",
        ),
        (
            Refusal::WhichTarget {
                name: "v212".into(),
                known: vec![
                    ("dpl_b".into(), "2026-03-14T03:12:00Z".parse().ok()),
                    ("dpl_a".into(), None),
                ],
            },
            "Name one by its id: `to dpl_b`.",
        ),
        (
            Refusal::AlreadyOpen {
                id: RollbackId::new(41),
                service: ServiceKey::new("web", "production"),
                asked_for: Some(Box::new(ServiceKey::new("frontend", "production"))),
                word: "PROPOSED".into(),
                stoppable: true,
            },
            "Use its card, or stop it first with `/rollback stop RB-41`.",
        ),
        (
            Refusal::TargetIsLive {
                service: frontend(),
                target: "v214".into(),
                instead: Some("v213".into()),
            },
            "Possible: `/rollback frontend@production to v213 because …`.",
        ),
        (
            Refusal::TargetNotEligible {
                service: frontend(),
                target: "v215".into(),
                why: "it is newer than v214, which is live: that would be a deploy, not a rollback"
                    .into(),
                instead: Some("v213".into()),
            },
            "Possible: `/rollback frontend@production to v213 because …`.",
        ),
        (
            Refusal::TargetNotEligible {
                service: frontend(),
                target: "v212".into(),
                why: "it never served production".into(),
                instead: None,
            },
            "deploy a fix forward.",
        ),
        (
            Refusal::NoEligibleTarget {
                service: frontend(),
                why: "v213: its files are gone".into(),
            },
            "`/rollback list frontend@production` shows them.",
        ),
        (
            Refusal::LiveUnknown {
                service: frontend(),
            },
            "Name the release with `to`; `/rollback list frontend@production` shows them.",
        ),
        (
            Refusal::OnlyMoments {
                service: frontend(),
                between: "from 2026-03-07 03:12 UTC to now".into(),
            },
            "`/rollback frontend@production to @02:40 because …`.",
        ),
        (
            Refusal::NotUnpinned {
                service: frontend(),
                why: "Vercel answers with an error (503).".into(),
            },
            "Try `/rollback unpin frontend@production` again, or turn them on in the platform's settings.",
        ),
        (
            ProviderError::Unanswered("Vercel answered 503".into()).into(),
            "Try again in a minute; if it can't wait, roll back on the platform itself.",
        ),
        (
            ProviderError::Refused("Vercel knows no project prj_123".into()).into(),
            "If it can't wait, roll back on the platform itself.",
        ),
    ]
}

fn of_what_has_gone_on() -> Vec<(Refusal, &'static str)> {
    vec![
        (
            Refusal::Overtaken {
                id: RollbackId::new(41),
                service: frontend(),
            },
            "If it is still needed: `/rollback frontend@production because …`.",
        ),
        (
            Refusal::AlreadyOpen {
                id: RollbackId::new(41),
                service: ServiceKey::new("frontend", "production"),
                asked_for: None,
                word: "PROPOSED".into(),
                stoppable: true,
            },
            "Use its card, or stop it first with `/rollback stop RB-41`.",
        ),
        (
            Refusal::AlreadyOpen {
                id: RollbackId::new(41),
                service: ServiceKey::new("frontend", "production"),
                asked_for: None,
                word: "SERVING 7/8".into(),
                stoppable: false,
            },
            "`/rollback status` shows where it stands.",
        ),
        (
            Refusal::PlanExpired {
                id: RollbackId::new(41),
                read_at: at("03:12:00"),
                expired_at: at("03:22:00"),
            },
            "Propose it again.",
        ),
        (
            Refusal::OldCard {
                id: RollbackId::new(41),
            },
            "Use the newest card.",
        ),
        (
            Refusal::AlreadyUnderWay {
                id: RollbackId::new(41),
                word: "ASKING".into(),
                approved: Some(("sam".into(), at("03:13:20"))),
            },
            "`/rollback status RB-41` shows where it stands.",
        ),
        (
            Refusal::AlreadyUnderWay {
                id: RollbackId::new(41),
                word: "READING THE PLATFORM".into(),
                approved: None,
            },
            "`/rollback status RB-41` shows where it stands.",
        ),
        (
            Refusal::AlreadyEnded {
                id: RollbackId::new(41),
                word: "DENIED".into(),
                at: at("03:14:00"),
            },
            "Propose again if it is still needed.",
        ),
        (
            Refusal::TooLateToStop {
                id: RollbackId::new(41),
                platform: "Vercel".into(),
                asked_at: at("03:13:21"),
            },
            "its card shows where it stands.",
        ),
    ]
}

fn of_authority() -> Vec<(Refusal, &'static str)> {
    vec![
        (
            Refusal::NotAuthorised {
                roles: all(&["oncall", "lead"]),
                people: all(&["sam", "ana"]),
            },
            "@sam or @ana can.",
        ),
        (
            Refusal::NotAuthorised {
                roles: all(&["oncall"]),
                people: vec![],
            },
            "`/rollback contacts` says who can help.",
        ),
        (
            Refusal::OwnRequest {
                risk: Some(Risk::Code),
                agent: None,
                people: all(&["sam"]),
            },
            "@sam can.",
        ),
        (
            Refusal::OwnRequest {
                risk: Some(Risk::Code),
                agent: Some("deploy-watch".into()),
                people: all(&["sam"]),
            },
            "@sam can.",
        ),
        (
            Refusal::OwnRequest {
                risk: None,
                agent: None,
                people: all(&["sam"]),
            },
            "@sam can.",
        ),
        (
            Refusal::AgentMayNot {
                agent: "deploy-watch".into(),
                responsible: "sam".into(),
            },
            "Ask @sam, who is responsible for it.",
        ),
        (
            Refusal::NotAMember { what: "a guest" },
            "Ask someone on the team.",
        ),
        (
            Refusal::AuthorityUnreadable {
                what: "PagerDuty schedule PSHOP".into(),
                why: "PagerDuty answered 503".into(),
                people: all(&["ana"]),
                break_glass: true,
            },
            "Try again in a moment. Or ask @ana. If it can't wait: *Emergency run…* in the card's menu.",
        ),
        (
            Refusal::AuthorityUnreadable {
                what: "Slack".into(),
                why: "Slack answered 503 to users.info".into(),
                people: vec![],
                break_glass: false,
            },
            "Try again in a moment.",
        ),
        (
            Refusal::NoBreakGlass {
                risk: Risk::Code,
                people: all(&["sam"]),
                unseen: Some("nobody else who could approve it is in the channel".into()),
            },
            "Invite @sam to this channel and try again, or ask them to approve it.",
        ),
        (
            Refusal::WrongChannel {
                service: ServiceKey::new("frontend", "production"),
                channels: vec!["C0SHOP".into()],
            },
            "Send the same command there.",
        ),
        (
            Refusal::NoBreakGlass {
                risk: Risk::Data,
                people: all(&["sam", "dora"]),
                unseen: None,
            },
            "@sam or @dora can approve.",
        ),
        (
            Refusal::NoBreakGlass {
                risk: Risk::Data,
                people: vec![],
                unseen: None,
            },
            "`/rollback contacts` says who can help.",
        ),
    ]
}

fn of_the_rest() -> Vec<(Refusal, &'static str)> {
    vec![
        (
            Refusal::AlreadySo {
                what: "You approved RB-41 already, and two approvals by one person are one. It still needs one more, from data_owner."
                    .into(),
            },
            "It still needs one more, from data_owner.",
        ),
        (
            Refusal::Unconfirmed {
                what: "Type the exact target before you approve, as the card names it: v213. The card's *Approve* button asks for it."
                    .into(),
            },
            "The card's *Approve* button asks for it.",
        ),
        (
            Refusal::Flapping {
                service: "frontend".into(),
                turns: all(&["RB-40 went back", "RB-41 went forward"]),
                undoes: None,
            },
            "the same command with `because …`.",
        ),
        (
            Refusal::Flapping {
                service: "frontend".into(),
                turns: all(&["RB-40 went back", "RB-41 went forward", "RB-42 went back"]),
                undoes: Some(RollbackId::new(42)),
            },
            "`/rollback undo RB-42 because …`.",
        ),
        (
            Refusal::KnownBad {
                service: frontend(),
                target: "v214".into(),
                why: "v214 was marked bad by maya at 2026-03-14 02:58 UTC".into(),
            },
            "`/rollback frontend@production to v214 because …`.",
        ),
        (
            Refusal::CannotUndo {
                id: RollbackId::new(41),
                service: frontend(),
                why: "what it left is not known".into(),
            },
            "`/rollback list frontend@production` shows the releases.",
        ),
        (
            Refusal::Forged {
                what: "that button is not on a message about RB-41".into(),
            },
            "Use the latest card.",
        ),
        (
            Refusal::NoIncident,
            "`/rollback incident open` or `/rollback note` starts one.",
        ),
        (
            Refusal::IncidentResolved {
                id: IncidentId::new(12),
            },
            "`/rollback incident reopen because …` reopens it.",
        ),
        (
            Refusal::NoReference {
                id: IncidentId::new(12),
            },
            "`/rollback incident link SHOP-123` in its channel",
        ),
        (
            Refusal::IncidentTime {
                why: "2026-03-14 03:40:00 UTC is still to come.".into(),
            },
            "`/rollback incident` shows them.",
        ),
        (
            Refusal::ResolvedTooEarly {
                id: RollbackId::new(41),
                word: "SERVING, UNPROVEN".into(),
            },
            "`/rollback update monitoring` says what is true;",
        ),
        (
            Refusal::UnknownIncident {
                id: IncidentId::new(12),
            },
            "`/rollback timeline` names the latest one;",
        ),
        (
            Refusal::TokenRefused {
                why: "it was revoked on 2026-03-14 03:10 UTC".into(),
            },
            "`rollback-bot token create`, where the bot runs, makes another one.",
        ),
        (
            Refusal::TooMuch {
                whose: Flood::Person,
                per_minute: 60,
                wait: 1,
            },
            "retry in 1 s.",
        ),
        (
            Refusal::TooMuch {
                whose: Flood::Channel,
                per_minute: 5,
                wait: 12,
            },
            "retry in 12 s.",
        ),
        (
            Refusal::Busy {
                why: "the database does not answer".into(),
            },
            "Check `/rollback status` before repeating it.",
        ),
    ]
}

#[test]
fn each_has_a_sample_and_there_are_not_too_many() {
    let codes: BTreeSet<&str> = samples()
        .iter()
        .map(|(refusal, _)| refusal.code())
        .collect();
    assert_eq!(
        codes.len(),
        Refusal::COUNT,
        "one without a sample: {codes:?}"
    );
    const { assert!(Refusal::COUNT <= 44, "nobody knows so many by heart") };
}

#[test]
fn each_says_when_what_and_what_now() {
    /// These are answers to a question, or to something that has happened: they say what is the
    /// case.
    const SAY_WHAT_IS: [&str; 6] = [
        "UNKNOWN_ROLLBACK",
        "NOT_UNPINNED",
        "TOO_LATE_TO_STOP",
        "NO_INCIDENT",
        "UNKNOWN_INCIDENT",
        "BUSY",
    ];
    const NOTHING: [&str; 6] = [
        "so this did nothing.",
        "Nothing was run.",
        "That one was ignored;",
        "Nothing was changed.",
        "Nothing more was run.",
        "Nothing was published,",
    ];
    let mut whens = BTreeSet::new();
    for (refusal, step) in samples() {
        let (code, said, when) = (refusal.code(), refusal.draw(&Plain), refusal.when());
        assert!(
            said.ends_with('.') && !said.ends_with(".."),
            "{code}: {said}"
        );
        assert!(
            !said.contains("  ") && !said.contains(" ."),
            "{code}: {said}"
        );
        assert!(said.chars().count() < 400, "{code}: {said}");
        assert!(!step.is_empty() && said.contains(step), "{code}: {said}");
        let nothing = NOTHING.iter().any(|nothing| said.contains(nothing));
        assert_eq!(nothing, !SAY_WHAT_IS.contains(&code), "{code}: {said}");
        assert!(
            when.starts_with(|first: char| first.is_lowercase() || when.starts_with("Slack"))
                && !when.ends_with('.'),
            "{code}: {when}"
        );
        whens.insert(when);
    }
    assert_eq!(whens.len(), Refusal::COUNT, "two are said at the same time");
}

fn page() -> String {
    let mut page = String::from(
        "# Refusals\n\n\
         Every way in which Rollback Bot says no: the code that the timeline and the logs have, when it is said, \
         the sentence, and what can be done then. A mistake in the words of a command is no refusal; it is \
         answered with what was probably meant.\n\n\
         This page is made from `bot/domain/src/refusal.rs` by a test; \
         `UPDATE_DOCS=1 cargo test -p rollback-domain --test refusals` writes it anew.\n",
    );
    let mut last = "";
    for (refusal, step) in samples() {
        let code = refusal.code();
        if code != last {
            let _ = write!(page, "\n## {code}\n\nWhen {}.\n", refusal.when());
        }
        last = code;
        let mut step = step.to_owned();
        step[..1].make_ascii_uppercase();
        let _ = write!(page, "\n> {}\n\nNext: {step}\n", refusal.draw(&Plain));
    }
    page
}

#[test]
fn the_page_about_them_is_as_they_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/refusals.md");
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, page()).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page(),
        "docs/refusals.md is not what is said; UPDATE_DOCS=1 cargo test -p rollback-domain --test refusals writes it anew"
    );
}
