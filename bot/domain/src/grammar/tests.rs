//! Tests of the rules next door.

use super::*;
use proptest::prelude::*;

fn at(service: &str) -> ServiceRef {
    service.parse().expect("a service")
}

fn wish(service: &str, target: Target, because: &str) -> Wish {
    let because = Some(because.to_owned()).filter(|because| !because.is_empty());
    Wish {
        service: at(service),
        target,
        because,
    }
}

fn propose(service: &str, target: Target, because: &str) -> Request {
    Request::Propose(wish(service, target, because))
}

fn named(name: &str) -> Target {
    Target::Named(name.into())
}

fn approve(rollback: u64, because: &str) -> Request {
    Request::Approve {
        rollback,
        because: why(because),
    }
}

/// What was said, if anything was.
fn why(because: &str) -> Option<String> {
    Some(because.to_owned()).filter(|because| !because.is_empty())
}

fn object(rollback: u64, because: &str) -> Request {
    Request::Object {
        rollback,
        because: because.into(),
    }
}

fn undo(rollback: u64, because: &str) -> Request {
    Request::Undo {
        rollback,
        because: why(because),
    }
}

fn withdraw(rollback: u64, because: &str) -> Request {
    Request::Withdraw {
        rollback,
        because: why(because),
    }
}

fn break_glass(about: About, because: &str) -> Request {
    Request::BreakGlass {
        about,
        because: why(because),
    }
}

fn review(rollback: u64, answer: ReviewAnswer, because: &str) -> Request {
    Request::Review {
        rollback,
        answer,
        because: because.into(),
    }
}

fn unpin(service: &str, because: &str) -> Request {
    Request::Unpin {
        service: at(service),
        because: why(because),
    }
}

fn freeze(service: &str, because: &str) -> Request {
    Request::Freeze {
        service: at(service),
        because: because.into(),
    }
}

fn unfreeze(service: &str, because: &str) -> Request {
    Request::Unfreeze {
        service: at(service),
        because: why(because),
    }
}

fn note(at: Option<Moment>, text: &str) -> Request {
    Request::Note {
        at,
        text: text.into(),
    }
}

fn ago(seconds: i64) -> Moment {
    Moment::Ago { seconds }
}

fn clock(hour: u8, minute: u8, second: u8) -> Moment {
    Moment::Clock {
        hour,
        minute,
        second,
    }
}

fn instant(text: &str) -> Timestamp {
    text.parse().expect("a timestamp")
}

fn reads(table: impl IntoIterator<Item = (&'static str, Request)>) {
    for (text, meant) in table {
        assert_eq!(parse(text), Ok(meant.clone()), "{text:?}");
        assert_eq!(
            parse(&meant.to_string()),
            Ok(meant),
            "printed, from {text:?}"
        );
    }
}

fn misreads(table: impl IntoIterator<Item = (&'static str, Misread)>) {
    for (text, why) in table {
        assert_eq!(parse(text), Err(why), "{text:?}");
    }
}

#[test]
fn nothing_is_the_board() {
    for text in [
        "",
        "  ",
        "\n\t",
        "\0",
        "\u{200b}\u{200f}",
        "<@U0BOT>",
        " <@U0BOT|rollback> ",
    ] {
        assert_eq!(parse(text), Ok(Request::Board), "{text:?}");
    }
}

#[test]
fn a_proposal() {
    let prev = || Target::Previous;
    reads([
        ("frontend", propose("frontend", prev(), "")),
        ("FrontEnd.", propose("frontend", prev(), "")),
        ("frontend?", propose("frontend", prev(), "")),
        ("`frontend`", propose("frontend", prev(), "")),
        (
            "frontend@Production",
            propose("frontend@production", prev(), ""),
        ),
        ("frontend to prev", propose("frontend", prev(), "")),
        ("frontend TO Previous, ", propose("frontend", prev(), "")),
        ("frontend to v212", propose("frontend", named("v212"), "")),
        (
            "frontend to `v2.1.4`.",
            propose("frontend", named("v2.1.4"), ""),
        ),
        (
            "frontend to dpl_AbC",
            propose("frontend", named("dpl_AbC"), ""),
        ),
        (
            "frontend to 9f8e7d6",
            propose("frontend", named("9f8e7d6"), ""),
        ),
        (
            "api to ghcr.io/a/b@sha256:0f",
            propose("api", named("ghcr.io/a/b@sha256:0f"), ""),
        ),
        (
            "frontend to @02:40",
            propose("frontend", Target::At(clock(2, 40, 0)), ""),
        ),
        (
            "frontend to @2:40:10",
            propose("frontend", Target::At(clock(2, 40, 10)), ""),
        ),
        (
            "frontend to @-45m",
            propose("frontend", Target::At(ago(2700)), ""),
        ),
        (
            "frontend to @–2h",
            propose("frontend", Target::At(ago(7200)), ""),
        ),
        (
            "frontend to @2026-01-21T02:40Z",
            propose(
                "frontend",
                Target::At(Moment::Exact(instant("2026-01-21T02:40:00Z"))),
                "",
            ),
        ),
        (
            "frontend to @2026-01-21T02:40:10+02:00 because x",
            propose(
                "frontend",
                Target::At(Moment::Exact(instant("2026-01-21T00:40:10Z"))),
                "x",
            ),
        ),
        ("shop.example.com", propose("shop.example.com", prev(), "")),
        (
            "<http://shop.example.com|shop.example.com>",
            propose("shop.example.com", prev(), ""),
        ),
        ("<@U0BOT> frontend", propose("frontend", prev(), "")),
        (
            "<@U0BOT|rollback>: frontend",
            propose("frontend", prev(), ""),
        ),
        ("<@W0BOT>frontend", propose("frontend", prev(), "")),
        ("aprove", propose("aprove", prev(), "")),
    ]);
}

#[test]
fn a_reason() {
    for text in [
        "frontend because checkout 500s",
        "frontend BECAUSE checkout 500s",
        "frontend because: checkout 500s",
        "frontend because:checkout 500s",
        "frontend because \"checkout 500s\"",
        "frontend because “checkout 500s”",
        "frontend because “checkout 500s”.",
        "frontend because ‘checkout 500s’",
        "frontend because - checkout 500s",
        "frontend - checkout 500s",
        "frontend -- checkout 500s",
        "frontend — checkout 500s",
        "frontend – \"checkout 500s\"",
        "frontend \"checkout 500s\"",
        "frontend \"checkout 500s\".",
        "frontend 'checkout 500s'",
        "frontend to prev «checkout  500s»",
        "frontend\u{a0}because\ncheckout\t500s",
        "front\u{200b}end because checkout\0 500s\u{202e}",
    ] {
        assert_eq!(
            parse(text),
            Ok(propose("frontend", Target::Previous, "checkout 500s")),
            "{text:?}"
        );
    }
    let why = |because| propose("frontend", Target::Previous, because);
    reads([
        ("frontend because", why("")),
        ("frontend because \"\"", why("")),
        ("frontend —", why("")),
        (
            "frontend because The BIG one, to v212!",
            why("The BIG one, to v212!"),
        ),
        ("frontend because \"a\" and \"b\"", why("\"a\" and \"b\"")),
        ("frontend because it’s down", why("it's down")),
        ("frontend 'it’s down'", why("it's down")),
        (
            "frontend because :fire: everywhere",
            why(":fire: everywhere"),
        ),
        ("frontend because a &lt; b &amp;&amp; c", why("a < b && c")),
        (
            "frontend because &amp;lt; &lt;https://x.io|y&gt;",
            why("&lt; <https://x.io|y>"),
        ),
        (
            "frontend because <@U123> and <@U1|sam> in <#C1|ops>",
            why("<@U123> and <@U1|sam> in <#C1|ops>"),
        ),
        (
            "frontend because <https://x.io/a?b=1&amp;c=2>",
            why("https://x.io/a?b=1&c=2"),
        ),
        ("frontend because <https://x.io/|x.io>", why("x.io")),
        (
            "frontend because see <https://x.io/1|the graph>",
            why("see the graph (https://x.io/1)"),
        ),
        ("frontend because <mailto:a@x.io|a@x.io>", why("a@x.io")),
        ("frontend because <https://x.io", why("<https://x.io")),
        ("frontend because 🔥🔥 קופה נפלה", why("🔥🔥 קופה נפלה")),
    ]);
}

#[test]
fn every_verb() {
    reads([
        (
            "plan frontend",
            Request::Plan(wish("frontend", Target::Previous, "")),
        ),
        (
            "plan \"frontend\"",
            Request::Plan(wish("frontend", Target::Previous, "")),
        ),
        (
            "PLAN frontend to v2 - why not",
            Request::Plan(wish("frontend", named("v2"), "why not")),
        ),
        (
            "list frontend@staging",
            Request::List(at("frontend@staging")),
        ),
        ("status", Request::Status(None)),
        ("status?", Request::Status(None)),
        ("status ?", Request::Status(None)),
        ("status rb–41?", Request::Status(Some(About::Rollback(41)))),
        (
            "status frontend",
            Request::Status(Some(About::Service(at("frontend")))),
        ),
        ("approve RB-41", approve(41, "")),
        ("Approve: rb-41,", approve(41, "")),
        ("approve 41", approve(41, "")),
        ("approve #41", approve(41, "")),
        (
            "approve RB-41 — Rates confirm it",
            approve(41, "Rates confirm it"),
        ),
        (
            "deny RB-41",
            Request::Deny {
                rollback: 41,
                because: None,
            },
        ),
        (
            "deny RB-41 'no'",
            Request::Deny {
                rollback: 41,
                because: Some("no".into()),
            },
        ),
        (
            "stop RB-41",
            Request::Stop {
                rollback: 41,
                because: None,
            },
        ),
        (
            "cancel 41 because fixed",
            Request::Stop {
                rollback: 41,
                because: Some("fixed".into()),
            },
        ),
        ("note Checkout is back", note(None, "Checkout is back")),
        ("note “Checkout is back”", note(None, "Checkout is back")),
        ("note: because of v214", note(None, "because of v214")),
        ("note -5m paged", note(Some(ago(300)), "paged")),
        ("note −90s: paged", note(Some(ago(90)), "paged")),
        (
            "note 03:07 rates fell",
            note(Some(clock(3, 7, 0)), "rates fell"),
        ),
        (
            "note @03:07, rates fell",
            note(Some(clock(3, 7, 0)), "rates fell"),
        ),
        ("note \"-5 pods\"", note(None, "-5 pods")),
        ("note - 03:07 was quiet", note(None, "03:07 was quiet")),
        ("note <@U1> did it", note(None, "<@U1> did it")),
        ("timeline", Request::Timeline),
        ("tl", Request::Timeline),
        ("export", Request::Export(ExportFormat::Markdown)),
        ("export MD", Request::Export(ExportFormat::Markdown)),
        ("export markdown", Request::Export(ExportFormat::Markdown)),
        ("export json.", Request::Export(ExportFormat::Json)),
        ("help", Request::Help(None)),
        ("help Approve", Request::Help(Some(Verb::Approve))),
        ("help cancel", Request::Help(Some(Verb::Stop))),
    ]);
}

#[test]
fn verbs_about_one_rollback() {
    reads([
        ("undo RB-41", undo(41, "")),
        (
            "Undo: rb-41 — v215 has the fix",
            undo(41, "v215 has the fix"),
        ),
        ("undo 41 because", undo(41, "")),
        (
            "object RB-41 because sales end at noon",
            object(41, "sales end at noon"),
        ),
        ("OBJECT 41 - wait", object(41, "wait")),
        ("object #41 “not now”", object(41, "not now")),
        ("object RB-41 because 🔥", object(41, "🔥")),
        (
            "object RB-41 because a &lt; b &amp;amp; c",
            object(41, "a < b &amp; c"),
        ),
        ("withdraw RB-41", withdraw(41, "")),
        (
            "Withdraw RB-41, because rates recovered",
            withdraw(41, "rates recovered"),
        ),
        ("why RB-41", Request::Why { rollback: 41 }),
        ("why 41?", Request::Why { rollback: 41 }),
        ("who RB-41?", Request::Who(About::Rollback(41))),
        ("who #41 ?", Request::Who(About::Rollback(41))),
        ("breakglass RB-41", break_glass(About::Rollback(41), "")),
        (
            "Break‑Glass rb-41 because checkout is down",
            break_glass(About::Rollback(41), "checkout is down"),
        ),
    ]);
}

#[test]
fn verbs_about_one_service() {
    let service = |name| About::Service(at(name));
    reads([
        ("who frontend", Request::Who(service("frontend"))),
        (
            "WHO Frontend@Production?",
            Request::Who(service("frontend@production")),
        ),
        (
            "breakglass frontend@production - fire",
            break_glass(service("frontend@production"), "fire"),
        ),
        ("break-glass frontend", break_glass(service("frontend"), "")),
        ("contacts", Request::Contacts(None)),
        ("contacts?", Request::Contacts(None)),
        ("contacts frontend", Request::Contacts(Some(at("frontend")))),
        (
            "contacts frontend@production",
            Request::Contacts(Some(at("frontend@production"))),
        ),
        ("pins", Request::Pins),
        ("Pins.", Request::Pins),
        ("unpin frontend", unpin("frontend", "")),
        (
            "unpin frontend@production “v215 has the fix”",
            unpin("frontend@production", "v215 has the fix"),
        ),
        (
            "freeze frontend because we migrate",
            freeze("frontend", "we migrate"),
        ),
        (
            "lock frontend@production — we migrate",
            freeze("frontend@production", "we migrate"),
        ),
        ("unfreeze frontend", unfreeze("frontend", "")),
        (
            "Unlock frontend, because: we migrated",
            unfreeze("frontend", "we migrated"),
        ),
        ("help lock", Request::Help(Some(Verb::Freeze))),
        ("help break-glass", Request::Help(Some(Verb::BreakGlass))),
    ]);
}

#[test]
fn a_review() {
    use ReviewAnswer::{Justified, PolicyTooStrict, ShouldHaveWaited};
    reads([
        (
            "review RB-41 justified because carts were lost",
            review(41, Justified, "carts were lost"),
        ),
        (
            "Review 41: JUSTIFIED - carts were lost",
            review(41, Justified, "carts were lost"),
        ),
        (
            "review RB-41 “justified”, “carts were lost”",
            review(41, Justified, "carts were lost"),
        ),
    ]);
    for text in [
        "should-have-waited",
        "should have waited",
        "should_have_waited",
        "Should‑have waited,",
        "“should have waited”",
        "`should-have-waited`:",
    ] {
        assert_eq!(
            parse(&format!("review RB-41 {text} because sam was awake")),
            Ok(review(41, ShouldHaveWaited, "sam was awake")),
            "{text}"
        );
    }
    for text in [
        "policy-too-strict",
        "policy too strict",
        "Policy_too_strict",
    ] {
        assert_eq!(
            parse(&format!("review RB-41 {text} - it was night")),
            Ok(review(41, PolicyTooStrict, "it was night")),
            "{text}"
        );
    }
    for answer in ReviewAnswer::ALL {
        assert_eq!(ReviewAnswer::named(answer.name()), Some(answer));
        assert_eq!(ReviewAnswer::named(&answer.to_string()), Some(answer));
        assert!(ANSWERS.contains(&format!("`{}`", answer.name())));
    }
    assert_eq!(
        review(41, ShouldHaveWaited, "x").to_string(),
        "review RB-41 should-have-waited because x"
    );
    assert_eq!(ShouldHaveWaited.to_string(), "should have waited");
    assert_eq!(
        serde_json::to_string(&PolicyTooStrict).expect("it has a JSON form"),
        "\"policy_too_strict\""
    );
}

#[test]
fn what_the_newer_verbs_need() {
    let reason = |verb, said: &str| Misread::MissingReason {
        verb,
        said: said.into(),
    };
    let answer = |words: &str| Misread::UnknownAnswer {
        words: words.into(),
    };
    let trailing = |words: &str, instead: &[&str]| Misread::TrailingWords {
        words: words.into(),
        instead: instead.iter().map(|text| (*text).to_owned()).collect(),
    };
    let number = |verb| Misread::MissingNumber { verb };
    let bad = |verb, word: &str| Misread::BadNumber {
        verb,
        word: word.into(),
    };
    let service = |verb| Misread::MissingService { verb: Some(verb) };
    let name = |word: &str| Misread::NotAName { word: word.into() };
    misreads([
        ("undo", number(Verb::Undo)),
        ("undo because x", number(Verb::Undo)),
        ("undo frontend", bad(Verb::Undo, "frontend")),
        ("object", number(Verb::Object)),
        ("withdraw", number(Verb::Withdraw)),
        ("resolve done", bad(Verb::Resolve, "done")),
        ("resolve RB-41", Misread::NotAnOutcome { rollback: 41 }),
        (
            "resolve RB-41 maybe",
            Misread::NotAnOutcome { rollback: 41 },
        ),
        ("resolve RB-41 not", Misread::NotAnOutcome { rollback: 41 }),
        (
            "resolve RB-41 because x",
            Misread::NotAnOutcome { rollback: 41 },
        ),
        ("resolve RB-41 done", reason(Verb::Resolve, "RB-41 done")),
        (
            "resolve RB-41 not done",
            reason(Verb::Resolve, "RB-41 not-done"),
        ),
        ("review justified", bad(Verb::Review, "justified")),
        ("review because x", number(Verb::Review)),
        ("why", number(Verb::Why)),
        ("why because", number(Verb::Why)),
        ("why not", bad(Verb::Why, "not")),
        ("why RB-41 not", trailing("not", &[])),
        ("object RB-41", reason(Verb::Object, "RB-41")),
        ("object 41.", reason(Verb::Object, "RB-41")),
        ("object RB-41 because", reason(Verb::Object, "RB-41")),
        ("object RB-41 because …", reason(Verb::Object, "RB-41")),
        ("object RB-41 “…”", reason(Verb::Object, "RB-41")),
        ("object RB-41 - ?!", reason(Verb::Object, "RB-41")),
        (
            "object RB-41 too risky",
            trailing("too risky", &["object RB-41 because too risky"]),
        ),
        ("object RB-41 RB-42", trailing("RB-42", &[])),
        (
            "review RB-41 justified",
            reason(Verb::Review, "RB-41 justified"),
        ),
        (
            "review RB-41 Should have waited because …",
            reason(Verb::Review, "RB-41 should-have-waited"),
        ),
        (
            "review RB-41 justified it was night",
            trailing(
                "it was night",
                &["review RB-41 justified because it was night"],
            ),
        ),
        ("review RB-41", Misread::MissingAnswer),
        ("review RB-41 because x", Misread::MissingAnswer),
        ("review RB-41 \"\" because x", Misread::MissingAnswer),
        ("review RB-41 fine because x", answer("fine")),
        ("review RB-41 “it was fine”", answer("it was fine")),
        ("review RB-41 should have because x", answer("should have")),
        ("who", Misread::MissingAbout { verb: Verb::Who }),
        ("who?", Misread::MissingAbout { verb: Verb::Who }),
        (
            "break-glass because fire",
            Misread::MissingAbout {
                verb: Verb::BreakGlass,
            },
        ),
        (
            "breakglass - frontend",
            Misread::MissingAbout {
                verb: Verb::BreakGlass,
            },
        ),
        (
            "who rb-99999999999999999999",
            bad(Verb::Who, "rb-99999999999999999999"),
        ),
        ("breakglass RB-0", bad(Verb::BreakGlass, "RB-0")),
        (
            "who frontend production",
            trailing("production", &["who frontend@production"]),
        ),
        ("who RB-41 frontend", trailing("frontend", &[])),
        (
            "contacts frontend production",
            trailing("production", &["contacts frontend@production"]),
        ),
        ("contacts RB-41", name("rb-41")),
        ("contacts because", service(Verb::Contacts)),
        ("pins frontend", trailing("frontend", &[])),
        ("unpin", service(Verb::Unpin)),
        ("unpin because x", service(Verb::Unpin)),
        ("unfreeze - x", service(Verb::Unfreeze)),
        ("unpin RB-41", name("rb-41")),
        (
            "unpin pins",
            Misread::Reserved {
                word: "pins".into(),
            },
        ),
        (
            "unpin frontend production",
            trailing(
                "production",
                &[
                    "unpin frontend@production",
                    "unpin frontend because production",
                ],
            ),
        ),
        (
            "unpin frontend production - x",
            trailing("production - x", &["unpin frontend@production - x"]),
        ),
        (
            "unpin frontend@production it is over",
            trailing(
                "it is over",
                &["unpin frontend@production because it is over"],
            ),
        ),
        ("unpin frontend RB-41", trailing("RB-41", &[])),
        (
            "breakglass frontend to v212",
            trailing("to v212", &["breakglass frontend because to v212"]),
        ),
        ("freeze", service(Verb::Freeze)),
        ("lock because x", service(Verb::Freeze)),
        ("freeze frontend", reason(Verb::Freeze, "frontend")),
        (
            "lock frontend@production because ...",
            reason(Verb::Freeze, "frontend@production"),
        ),
        (
            "freeze frontend production",
            trailing(
                "production",
                &[
                    "freeze frontend@production because …",
                    "freeze frontend because production",
                ],
            ),
        ),
        (
            "objct frontend",
            trailing(
                "frontend",
                &["objct@frontend", "objct because frontend", "object RB-…"],
            ),
        ),
        (
            "pinss frontend",
            trailing(
                "frontend",
                &["pinss@frontend", "pinss because frontend", "pins"],
            ),
        ),
        (
            "widthraw RB-41",
            Misread::UnknownVerb {
                word: "widthraw".into(),
                meant: Some(Verb::Withdraw),
            },
        ),
    ]);
}

#[test]
fn words_that_are_kept_for_later_are_refused() {
    for word in [
        "assess",
        "doctor",
        "drill",
        "forward",
        "incident",
        "open",
        "page",
        "pin",
        "pm",
        "postmortem",
        "rollback",
        "update",
    ] {
        for text in [
            word.to_owned(),
            format!("{word} frontend because x"),
            format!("help {word}"),
        ] {
            assert_eq!(
                parse(&text),
                Err(Misread::UnknownVerb {
                    word: word.into(),
                    meant: None,
                }),
                "{text}"
            );
        }
    }
}

#[test]
fn what_is_not_understood() {
    let unknown = |word: &str, meant| Misread::UnknownVerb {
        word: word.into(),
        meant,
    };
    let name = |word: &str| Misread::NotAName { word: word.into() };
    let trailing = |words: &str, instead: &[&str]| Misread::TrailingWords {
        words: words.into(),
        instead: instead.iter().map(|text| (*text).to_owned()).collect(),
    };
    let number = |verb| Misread::MissingNumber { verb };
    let bad = |verb, word: &str| Misread::BadNumber {
        verb,
        word: word.into(),
    };
    let moment = |word: &str| Misread::BadMoment { word: word.into() };
    let target = |word: &str, instead| Misread::NotATarget {
        word: word.into(),
        instead,
    };
    misreads([
        ("forward RB-41", unknown("forward", None)),
        (
            "resolve because fire",
            Misread::MissingNumber {
                verb: Verb::Resolve,
            },
        ),
        ("rollback frontend", unknown("rollback", None)),
        ("aprove RB-41", unknown("aprove", Some(Verb::Approve))),
        ("ok RB-41", unknown("ok", Some(Verb::Approve))),
        ("yes 41", unknown("yes", Some(Verb::Approve))),
        ("help drill", unknown("drill", None)),
        ("help aprove", unknown("aprove", Some(Verb::Approve))),
        ("ok", number(Verb::Approve)),
        ("yes!", number(Verb::Approve)),
        ("approve", number(Verb::Approve)),
        ("approve because it is late", number(Verb::Approve)),
        ("cancel", number(Verb::Stop)),
        ("approve frontend", bad(Verb::Approve, "frontend")),
        ("approve RB 41", bad(Verb::Approve, "RB")),
        ("approve RB-0", bad(Verb::Approve, "RB-0")),
        ("approve 41a", bad(Verb::Approve, "41a")),
        ("deny +41", bad(Verb::Deny, "+41")),
        (
            "stop 99999999999999999999",
            bad(Verb::Stop, "99999999999999999999"),
        ),
        (
            "status rb-99999999999999999999",
            bad(Verb::Status, "rb-99999999999999999999"),
        ),
        ("approve RB-41 RB-42", trailing("RB-42", &[])),
        (
            "approve RB-41 looks good",
            trailing("looks good", &["approve RB-41 because looks good"]),
        ),
        ("RB-41", Misread::MissingVerb { rollback: 41 }),
        ("#41 approve", Misread::MissingVerb { rollback: 41 }),
        (
            "plan",
            Misread::MissingService {
                verb: Some(Verb::Plan),
            },
        ),
        (
            "plan because x",
            Misread::MissingService {
                verb: Some(Verb::Plan),
            },
        ),
        (
            "list",
            Misread::MissingService {
                verb: Some(Verb::List),
            },
        ),
        ("to v212", Misread::MissingService { verb: None }),
        (
            "list status",
            Misread::Reserved {
                word: "status".into(),
            },
        ),
        (
            "plan drill@production",
            Misread::Reserved {
                word: "drill".into(),
            },
        ),
        ("list 41", name("41")),
        ("frönt", name("frönt")),
        ("frontend@", name("frontend@")),
        ("a@b@c", name("a@b@c")),
        ("???", name("???")),
        ("🔥", name("🔥")),
        ("\"approve RB-41", unknown("\"approve", Some(Verb::Approve))),
        ("\u{212a}afka", name("\u{212a}afka")),
        ("frontend to", Misread::MissingTarget),
        ("frontend to because x", Misread::MissingTarget),
        (
            "frontend to 02:40",
            target("02:40", Some(Target::At(clock(2, 40, 0)))),
        ),
        (
            "frontend to -45m",
            target("-45m", Some(Target::At(ago(2700)))),
        ),
        ("frontend to ☃", target("☃", None)),
        ("frontend to @25:00", moment("25:00")),
        ("frontend to @monday", moment("monday")),
        ("frontend to @2026-01-21T02:40", moment("2026-01-21T02:40")),
        ("note", Misread::EmptyNote),
        ("note -5m", Misread::EmptyNote),
        ("note \"\"", Misread::EmptyNote),
        ("note -5x pods", moment("-5x")),
        (
            "note -99999999999999999999h pods",
            moment("-99999999999999999999h"),
        ),
        ("note 3:7 pods", moment("3:7")),
        ("note 2026-01-21 pods", moment("2026-01-21")),
        ("export csv", Misread::UnknownFormat { word: "csv".into() }),
        ("export md frontend", trailing("frontend", &[])),
        ("timeline --all", trailing("--all", &[])),
        (
            "list frontend production",
            trailing("production", &["list frontend@production"]),
        ),
        (
            "frontend production",
            trailing(
                "production",
                &["frontend@production", "frontend because production"],
            ),
        ),
        (
            "frontend @production",
            trailing(
                "@production",
                &["frontend@production", "frontend because @production"],
            ),
        ),
        (
            "frontend production to v2",
            trailing("production to v2", &["frontend@production to v2"]),
        ),
        (
            "frontend to v2 production - x",
            trailing("production - x", &["frontend@production to v2 - x"]),
        ),
        (
            "frontend v212 because x",
            trailing("v212 because x", &["frontend to v212 because x"]),
        ),
        (
            "frontend @02:40",
            trailing("@02:40", &["frontend to @02:40", "frontend because @02:40"]),
        ),
        (
            "lst api",
            trailing("api", &["lst@api", "lst because api", "list api"]),
        ),
    ]);
}

#[test]
fn a_misread_is_one_sentence_for_a_person() {
    for (text, sentence) in [
        (
            "forward RB-41",
            "Nothing was run, because \"forward\" is not a command: `help` lists those there are.",
        ),
        (
            "aprove RB-41",
            "Nothing was run, because \"aprove\" is not a command: if you meant `approve`, write it so.",
        ),
        (
            "approve",
            "Nothing was run, because `approve` needs to know which rollback: write `approve RB-` and its number.",
        ),
        (
            "plan",
            "Nothing was run, because no service was named: write, for example, `plan frontend`.",
        ),
        (
            "freeze",
            "Nothing was run, because no service was named: write, for example, `freeze frontend because …`.",
        ),
        (
            "who",
            "Nothing was run, because `who` needs to know which rollback or service: write, for example, `who RB-41` or `who frontend`.",
        ),
        (
            "object RB-41",
            "Nothing was run, because `object` needs a reason: write, for example, `object RB-41 because …`.",
        ),
        (
            "review RB-41 justified",
            "Nothing was run, because `review` needs a reason: write, for example, `review RB-41 justified because …`.",
        ),
        (
            "review RB-41",
            "Nothing was run, because `review` needs an answer: choose `justified`, `should-have-waited` or `policy-too-strict`, and say why.",
        ),
        (
            "review RB-41 meh because x",
            "Nothing was run, because \"meh\" is not an answer to a review: choose `justified`, `should-have-waited` or `policy-too-strict`, and say why.",
        ),
        (
            "frontend to 2:40",
            "Nothing was run, because \"2:40\" cannot be a release: write `to @02:40`.",
        ),
        (
            "frontend production",
            "Nothing was run, because I cannot place \"production\": write `frontend@production` or `frontend because production`.",
        ),
    ] {
        assert_eq!(
            parse(text).map_err(|misread| misread.to_string()),
            Err(sentence.to_owned())
        );
    }
}

#[test]
fn too_much_text() {
    let long = "é".repeat(LONGEST_TEXT);
    assert!(parse(&format!("frontend because {long}")).is_ok());
    for text in [
        format!("frontend because {long}é"),
        format!("note {long}é"),
        format!("note {}", "long ".repeat(2_000)),
        "🔥".repeat(10_000),
    ] {
        assert!(matches!(parse(&text), Err(Misread::TooLong { .. })));
    }
    assert!(parse(&format!("status{}", " \0".repeat(10_000))).is_ok());
}

#[test]
fn a_moment_is_the_latest_of_its_kind() {
    let now = instant("2026-01-21T03:12:12.5Z");
    for (moment, offset, meant) in [
        (ago(2700), 0, "2026-01-21T02:27:12.5Z"),
        (ago(-5), 0, "2026-01-21T03:12:12.5Z"),
        (ago(i64::MAX), 0, "-009999-01-02T01:59:59Z"),
        (clock(2, 40, 0), 0, "2026-01-21T02:40:00Z"),
        (clock(3, 12, 12), 0, "2026-01-21T03:12:12Z"),
        (clock(3, 12, 13), 0, "2026-01-20T03:12:13Z"),
        (clock(23, 0, 0), 0, "2026-01-20T23:00:00Z"),
        (clock(2, 40, 0), 3600, "2026-01-21T01:40:00Z"),
        (clock(22, 0, 0), -5 * 3600, "2026-01-21T03:00:00Z"),
        (clock(22, 30, 0), -5 * 3600, "2026-01-20T03:30:00Z"),
        (
            Moment::Exact(instant("2030-01-01T00:00Z")),
            60,
            "2030-01-01T00:00:00Z",
        ),
    ] {
        assert_eq!(
            moment.resolve(now, offset).to_string(),
            meant,
            "{moment} at {offset}"
        );
    }
    let old = instant("1969-12-31T23:59:59.5Z");
    assert_eq!(
        clock(23, 59, 59).resolve(old, 0),
        instant("1969-12-31T23:59:59Z")
    );
}

#[test]
fn the_nearest_word() {
    let services = ["frontend", "backend", "api", "node", "db"];
    for (word, meant) in [
        ("fronted", Some("frontend")),
        ("FRONTEND", Some("frontend")),
        ("forntend", Some("frontend")),
        ("front", None),
        ("nod", Some("node")),
        ("note", Some("node")),
        ("ap", Some("api")),
        ("dc", None),
        ("", None),
        ("checkout", None),
    ] {
        assert_eq!(nearest(word, services), meant, "{word}");
    }
    assert_eq!(nearest("x", []), None);
}

#[test]
fn verbs_are_reserved_and_have_a_short_help() {
    for verb in Verb::ALL {
        assert!(RESERVED.contains(&verb.name()));
        assert_eq!(Verb::named(verb.name()), Some(verb));
        assert!(help(None).contains(&format!("`{verb}")), "{verb}");
        assert!(help(Some(verb)).starts_with(&format!("`{verb}")), "{verb}");
    }
    for verb in [None].into_iter().chain(Verb::ALL.map(Some)) {
        let longest = if verb.is_none() { 18 } else { 4 };
        let help = help(verb);
        assert!(help.lines().count() <= longest);
        assert!(help.chars().count() < 3_000, "one section of a message");
        assert!(!help.contains(['<', '>', '&']), "{help}");
        for example in help
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|example| !example.starts_with("to "))
        {
            assert!(
                parse(example).is_ok() || Verb::named(example).is_some(),
                "{example}"
            );
        }
    }
    for (word, verb) in [
        ("cancel", Verb::Stop),
        ("break-glass", Verb::BreakGlass),
        ("LOCK", Verb::Freeze),
        ("unlock", Verb::Unfreeze),
        ("tl", Verb::Timeline),
    ] {
        assert!(RESERVED.contains(&word.to_lowercase().as_str()));
        assert_eq!(Verb::named(word), Some(verb));
    }
    assert!(RESERVED.is_sorted());
    for word in RESERVED {
        assert!(!matches!(parse(word), Ok(Request::Propose(_))), "{word}");
        assert!(word.parse::<ServiceRef>().is_err(), "{word}");
    }
}

#[test]
fn names() {
    for name in [
        "a",
        "9lives",
        "front-end_2.eu",
        "rb",
        "rb-",
        "rb-4a",
        &"a".repeat(63),
    ] {
        assert!(is_name(name), "{name}");
    }
    for name in [
        "",
        "A",
        "-a",
        ".a",
        "a.",
        "a b",
        "é",
        "41",
        "rb-41",
        "a@b",
        &"a".repeat(64),
    ] {
        assert!(!is_name(name), "{name}");
    }
}

// What holds for every text.

fn any_name() -> impl Strategy<Value = String> {
    "[a-z0-9][a-z0-9._-]{0,62}".prop_filter("a name", |name| is_name(name))
}

fn any_service() -> impl Strategy<Value = ServiceRef> {
    (any_name(), proptest::option::of(any_name()))
        .prop_filter("not reserved", |(service, _)| {
            !RESERVED.contains(&service.as_str())
        })
        .prop_map(|(service, environment)| ServiceRef {
            service,
            environment,
        })
}

fn any_moment() -> impl Strategy<Value = Moment> {
    prop_oneof![
        (0..=LONGEST_AGO).prop_map(ago),
        (0..24_u8, 0..60_u8, 0..60_u8)
            .prop_map(|(hour, minute, second)| clock(hour, minute, second)),
        (0..4_102_444_800_i64, 0..1_000_000_000_i32).prop_map(|(second, nanosecond)| {
            Moment::Exact(Timestamp::new(second, nanosecond).expect("in range"))
        }),
    ]
}

fn any_target() -> impl Strategy<Value = Target> {
    prop_oneof![
        Just(Target::Previous),
        any_moment().prop_map(Target::At),
        "[A-Za-z0-9][A-Za-z0-9._/:@+~=-]{0,40}[A-Za-z0-9]"
            .prop_filter("a name", |name| release(name) == Ok(named(name)))
            .prop_filter("no keyword", |name| Words::new(name).keyword().is_none())
            .prop_map(Target::Named),
    ]
}

/// Pieces that mean something to the grammar, and anything else.
fn any_words() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "\\PC{0,12}",
        1 => any::<String>(),
        4 => proptest::sample::select(vec![
            "approve", "RB-41", "#7", "41", "frontend", "@production", "to", "prev", "because", "because:", "-",
            "—", "\"", "'", "“x y”", "''", "\"\"", ":", ".", "?", "&amp;", "&lt;", "&amp;lt;", "&", "<", ">",
            "<https://x.io|y z>", "<http://", "<@U1>", "<@U1|sam>", "note", "-5m", "@02:40", "03:07", "plan",
            "status", "list", "export", "help", "md", "stop", "cancel", "deny", "undo", "object", "withdraw",
            "breakglass", "break-glass", "review", "justified", "should have waited", "policy_too_strict", "who",
            "why", "contacts", "pins", "unpin", "freeze", "unfreeze", "lock", "unlock", "…", "\0", "\u{200f}", "\u{a0}", "`",
        ]).prop_map(str::to_owned),
    ];
    (proptest::collection::vec(piece, 0..8), any::<bool>())
        .prop_map(|(pieces, spaced)| pieces.join(if spaced { " " } else { "" }))
}

fn any_text() -> impl Strategy<Value = String> {
    any_words().prop_map(|text| free(&tidy(&text)))
}

fn any_reason() -> impl Strategy<Value = Option<String>> {
    any_text().prop_map(|text| Some(text).filter(|text| !text.is_empty()))
}

/// A reason for a verb that is refused without one.
fn any_needed_reason() -> impl Strategy<Value = String> {
    any_text().prop_filter("says something", |text| says_something(text))
}

fn any_wish() -> impl Strategy<Value = Wish> {
    (any_service(), any_target(), any_reason()).prop_map(|(service, target, because)| Wish {
        service,
        target,
        because,
    })
}

fn any_request() -> impl Strategy<Value = Request> {
    let number = || 1..=u64::MAX;
    let about = || {
        prop_oneof![
            number().prop_map(About::Rollback),
            any_service().prop_map(About::Service)
        ]
    };
    let asking = prop_oneof![
        Just(Request::Board),
        Just(Request::Pins),
        Just(Request::Timeline),
        any_wish().prop_map(Request::Plan),
        any_service().prop_map(Request::List),
        proptest::option::of(about()).prop_map(Request::Status),
        about().prop_map(Request::Who),
        number().prop_map(|rollback| Request::Why { rollback }),
        proptest::option::of(any_service()).prop_map(Request::Contacts),
        proptest::sample::select(vec![ExportFormat::Markdown, ExportFormat::Json])
            .prop_map(Request::Export),
        proptest::option::of(proptest::sample::select(Verb::ALL.to_vec())).prop_map(Request::Help),
    ];
    let on_a_rollback = prop_oneof![
        (number(), any_reason())
            .prop_map(|(rollback, because)| Request::Approve { rollback, because }),
        (number(), any_reason())
            .prop_map(|(rollback, because)| Request::Deny { rollback, because }),
        (number(), any_reason())
            .prop_map(|(rollback, because)| Request::Stop { rollback, because }),
        (number(), any_needed_reason())
            .prop_map(|(rollback, because)| Request::Object { rollback, because }),
        (number(), any_reason())
            .prop_map(|(rollback, because)| Request::Withdraw { rollback, because }),
        (number(), any_reason())
            .prop_map(|(rollback, because)| Request::Undo { rollback, because }),
        (
            number(),
            proptest::sample::select(ReviewAnswer::ALL.to_vec()),
            any_needed_reason()
        )
            .prop_map(|(rollback, answer, because)| Request::Review {
                rollback,
                answer,
                because
            }),
        (number(), any::<bool>(), any_needed_reason()).prop_map(|(rollback, done, because)| {
            Request::Resolve {
                rollback,
                done,
                because,
            }
        }),
    ];
    let others = prop_oneof![
        any_wish().prop_map(Request::Propose),
        (about(), any_reason()).prop_map(|(about, because)| Request::BreakGlass { about, because }),
        (any_service(), any_reason())
            .prop_map(|(service, because)| Request::Unpin { service, because }),
        (any_service(), any_needed_reason())
            .prop_map(|(service, because)| Request::Freeze { service, because }),
        (any_service(), any_reason())
            .prop_map(|(service, because)| Request::Unfreeze { service, because }),
        (proptest::option::of(any_moment()), any_text())
            .prop_filter("says something", |(_, text)| !text.is_empty())
            .prop_map(|(at, text)| Request::Note { at, text }),
    ];
    prop_oneof![asking, on_a_rollback, others]
}

fn acts(request: &Result<Request, Misread>) -> bool {
    matches!(
        request,
        Ok(Request::Approve { .. }
            | Request::Deny { .. }
            | Request::Object { .. }
            | Request::Withdraw { .. }
            | Request::Stop { .. }
            | Request::BreakGlass { .. }
            | Request::Review { .. }
            | Request::Resolve { .. }
            | Request::Undo { .. }
            | Request::Unpin { .. }
            | Request::Freeze { .. }
            | Request::Unfreeze { .. })
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_text_is_answered(text in prop_oneof![any_words(), any::<String>()]) {
        match parse(&text) {
            Ok(request) => prop_assert_eq!(parse(&request.to_string()), Ok(request)),
            Err(misread) => {
                let sentence = misread.to_string();
                prop_assert!(sentence.starts_with("Nothing was ") && sentence.ends_with('.'));
                prop_assert!(sentence.chars().count() < 400);
            }
        }
    }

    #[test]
    fn a_printed_request_reads_as_itself(request in any_request()) {
        prop_assert_eq!(parse(&request.to_string()), Ok(request.clone()));
        let stored = serde_json::to_string(&request).expect("it has a JSON form");
        prop_assert_eq!(serde_json::from_str::<Request>(&stored).expect("it reads back"), request);
    }

    #[test]
    fn tidying_and_freeing_settle(text in any_words()) {
        let freed = free(&tidy(&text));
        prop_assert_eq!(free(&freed), freed.clone());
        prop_assert_eq!(tidy(&format!("note {}", Literal(&freed))), format!("note {freed}").trim_end().to_owned());
    }

    #[test]
    fn a_near_miss_never_acts(
        word in proptest::sample::select(vec![
            "plan", "list", "status", "approve", "deny", "stop", "cancel", "note", "timeline", "tl", "export",
            "help", "ok", "yes", "no", "undo", "object", "withdraw", "who", "why", "contacts", "breakglass",
            "break-glass", "review", "pins", "unpin", "freeze", "unfreeze", "lock", "unlock",
        ]),
        place in any::<proptest::sample::Index>(),
        other in "[a-zA-Z0-9@._-]",
        change in 0..4,
        tail in proptest::sample::select(vec![
            " RB-41", " 41", " #41 because x", " RB-41 - x", " RB-41 justified because x", " frontend",
            " frontend@production because x",
        ]),
    ) {
        let mut letters: Vec<char> = word.chars().collect();
        let at = place.index(letters.len());
        let other = other.chars().next().expect("one letter");
        match change {
            0 => letters[at] = other,
            1 => letters.insert(at, other),
            2 => { letters.remove(at); }
            _ => letters.swap(at, (at + 1) % word.len()),
        }
        let mistyped: String = letters.into_iter().collect();
        let read = parse(&format!("{mistyped}{tail}"));
        // `breakglass` and `break-glass` are one letter apart and the same.
        if Verb::named(&mistyped).is_none_or(|verb| Verb::named(word) != Some(verb)) {
            prop_assert!(!acts(&read), "{} became {:?}", mistyped, read);
        }
    }

    #[test]
    fn a_suggestion_is_never_carried_out(word in "[a-z]{1,12}", tail in " (RB-)?[1-9][0-9]{0,3}") {
        prop_assume!(Verb::named(&word).is_none());
        let text = format!("{word}{tail}");
        prop_assert!(parse(&text).is_err());
    }
}
