//! The words of `/rollback …`: one parser for the slash command, a mention and the command line.
//!
//! ```text
//! request = ""                                          the board
//!         | service [ "to" target ] [ reason ]          propose
//!         | verb …                                      see `help`
//! service = name [ "@" environment ]
//! target  = "prev" | version | id | sha | "@" moment    "what was live then"
//! moment  = "-" n ( "s" | "m" | "h" ) | HH:MM[:SS] | 2026-01-21T02:40Z
//! reason  = "because" text | "-" text | a quoted text
//! ```
//!
//! The text is tidied first ([`parse`] says how), so that what a phone or Slack made of it does
//! not matter. What is left is read strictly: a word that does not fit is an error with a
//! suggestion in it, and a suggestion is never carried out.

pub mod fields;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Words that no service may be called: every verb, now or planned, their short forms, and the
/// little words between.
pub const RESERVED: &[&str] = &[
    "approve",
    "assess",
    "because",
    "board",
    "break-glass",
    "breakglass",
    "cancel",
    "contacts",
    "deny",
    "doctor",
    "drill",
    "export",
    "forward",
    "freeze",
    "help",
    "incident",
    "list",
    "lock",
    "no",
    "note",
    "object",
    "ok",
    "open",
    "page",
    "pin",
    "pins",
    "plan",
    "pm",
    "postmortem",
    "prev",
    "previous",
    "resolve",
    "review",
    "rollback",
    "status",
    "stop",
    "timeline",
    "tl",
    "to",
    "undo",
    "unfreeze",
    "unlock",
    "unpin",
    "update",
    "who",
    "why",
    "withdraw",
    "yes",
];

/// The most characters a reason or a note may have.
const LONGEST_TEXT: usize = 3_000;
/// Room for everything in a request that is not its reason or note.
const LONGEST_COMMAND: usize = 500;
/// The most characters a service or an environment may have.
const LONGEST_NAME: usize = 63;
/// The most characters the name of a release may have.
const LONGEST_TARGET: usize = 200;
/// What a review can say, for people to choose from.
const ANSWERS: &str = "`justified`, `should-have-waited` or `policy-too-strict`";
/// How far back `-45m` may reach: a year.
const LONGEST_AGO: i64 = 366 * 24 * 60 * 60;

/// A service, and where: `frontend` or `frontend@production`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServiceRef {
    /// The service, in lower case.
    pub service: String,
    /// The environment, in lower case, if one was named.
    pub environment: Option<String>,
}

/// What to go back to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The previous release known to be good.
    Previous,
    /// A version, an id or a sha, exactly as it was written.
    Named(String),
    /// Whatever was live at a moment.
    At(Moment),
}

/// A point in time as people say it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// So long before now: `-45m`.
    Ago {
        /// How long, in seconds.
        seconds: i64,
    },
    /// The last time a clock on the speaker's wall showed this: `02:40`.
    Clock {
        /// 0 to 23.
        hour: u8,
        /// 0 to 59.
        minute: u8,
        /// 0 to 59.
        second: u8,
    },
    /// An instant: `2026-01-21T02:40Z`.
    Exact(Timestamp),
}

/// What somebody would like to roll back, to what, and why.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Wish {
    /// What to roll back.
    pub service: ServiceRef,
    /// What to go back to.
    pub target: Target,
    /// Why, in their own words.
    pub because: Option<String>,
}

/// How a timeline leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// For people: `export md`.
    Markdown,
    /// For programs: `export json`.
    Json,
}

/// What a question is about: a status, or who may approve; and what a break-glass is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// One rollback, by its number.
    Rollback(u64),
    /// Everything about one service.
    Service(ServiceRef),
}

/// What whoever looks back at a break-glass thinks of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewAnswer {
    /// It was right not to wait.
    Justified,
    /// Somebody who may approve should have been waited for.
    ShouldHaveWaited,
    /// It should not have been necessary: who may approve should be changed.
    PolicyTooStrict,
}

/// The words a request may start with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// See what a rollback would do.
    Plan,
    /// The last releases of a service.
    List,
    /// Where things stand.
    Status,
    /// Say yes to a rollback.
    Approve,
    /// Say no to a rollback.
    Deny,
    /// Say what speaks against a rollback.
    Object,
    /// Take one's own approval back.
    Withdraw,
    /// Who may approve now.
    Who,
    /// Why one may approve, or may not.
    Why,
    /// Whom to reach.
    Contacts,
    /// Stop a rollback; also `cancel`.
    Stop,
    /// Go on without those who may approve; also `break-glass`.
    BreakGlass,
    /// Say afterwards whether that was right.
    Review,
    /// Say what became of a rollback of which the platform does not tell.
    Resolve,
    /// Go forward again to what a rollback left.
    Undo,
    /// Where automatic deploys are held off.
    Pins,
    /// Let automatic deploys flow again.
    Unpin,
    /// Hold off rollbacks of a service; also `lock`.
    Freeze,
    /// Allow them again; also `unlock`.
    Unfreeze,
    /// Write something into the timeline.
    Note,
    /// Read the timeline; also `tl`.
    Timeline,
    /// Take the timeline away as a file.
    Export,
    /// How to say all this.
    Help,
}

/// One understood request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Show every service and what is open.
    Board,
    /// Propose a rollback.
    Propose(Wish),
    /// Show what a rollback would do, and propose nothing.
    Plan(Wish),
    /// Show the last releases of a service.
    List(ServiceRef),
    /// Show where things stand.
    Status(Option<About>),
    /// Say yes.
    Approve {
        /// The rollback's number.
        rollback: u64,
        /// Why.
        because: Option<String>,
    },
    /// Say no.
    Deny {
        /// The rollback's number.
        rollback: u64,
        /// Why.
        because: Option<String>,
    },
    /// Say what speaks against it.
    Object {
        /// The rollback's number.
        rollback: u64,
        /// What speaks against it.
        because: String,
    },
    /// Take one's own approval back.
    Withdraw {
        /// The rollback's number.
        rollback: u64,
        /// Why.
        because: Option<String>,
    },
    /// Show who may approve now.
    Who(About),
    /// Show why the speaker may approve, or may not.
    Why {
        /// The rollback's number.
        rollback: u64,
    },
    /// Show whom to reach, for everything or one service.
    Contacts(Option<ServiceRef>),
    /// Stop it.
    Stop {
        /// The rollback's number.
        rollback: u64,
        /// Why.
        because: Option<String>,
    },
    /// Go on without those who may approve.
    BreakGlass {
        /// The rollback that cannot wait, or the service that needs one.
        about: About,
        /// Why.
        because: Option<String>,
    },
    /// Say afterwards whether it was right to go on without them.
    Review {
        /// The rollback's number.
        rollback: u64,
        /// Whether it was.
        answer: ReviewAnswer,
        /// Why.
        because: String,
    },
    /// Say what became of a rollback of which the platform does not tell.
    Resolve {
        /// The rollback's number.
        rollback: u64,
        /// Whether production serves the target.
        done: bool,
        /// How that is known.
        because: String,
    },
    /// Propose to go forward again to what a rollback left.
    Undo {
        /// The rollback's number.
        rollback: u64,
        /// Why.
        because: Option<String>,
    },
    /// Show where automatic deploys are held off.
    Pins,
    /// Let automatic deploys of a service flow again.
    Unpin {
        /// The service.
        service: ServiceRef,
        /// Why.
        because: Option<String>,
    },
    /// Hold off rollbacks of a service.
    Freeze {
        /// The service.
        service: ServiceRef,
        /// Why.
        because: String,
    },
    /// Allow them again.
    Unfreeze {
        /// The service.
        service: ServiceRef,
        /// Why.
        because: Option<String>,
    },
    /// Write something into the timeline.
    Note {
        /// When it happened, if not now.
        at: Option<Moment>,
        /// What happened.
        text: String,
    },
    /// Show the timeline.
    Timeline,
    /// Take the timeline away as a file.
    Export(ExportFormat),
    /// Explain everything, or one verb.
    Help(Option<Verb>),
}

/// Why a text was not understood: one sentence for whoever wrote it, ending with what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Misread {
    /// A word that is kept for a verb, or looks like one, and is none.
    #[error(
        "Nothing was run, because \"{}\" is not a command: {}.",
        shown(word),
        meant.map_or("`help` lists those there are".to_owned(), |verb| format!("if you meant `{verb}`, write it so"))
    )]
    UnknownVerb {
        /// The word.
        word: String,
        /// The verb it may have meant.
        meant: Option<Verb>,
    },
    /// The request is about a service and names none.
    #[error("Nothing was run, because no service was named: write, for example, `{}`.", example(*verb))]
    MissingService {
        /// The verb that needs it; none for a proposal.
        verb: Option<Verb>,
    },
    /// The verb is about one rollback and its number is not there.
    #[error(
        "Nothing was run, because `{verb}` needs to know which rollback: write `{verb} RB-` and its number."
    )]
    MissingNumber {
        /// The verb that needs it.
        verb: Verb,
    },
    /// Something stands where the number of a rollback should.
    #[error(
        "Nothing was run, because \"{}\" is not the number of a rollback: write `{verb} RB-` and its number.",
        shown(word)
    )]
    BadNumber {
        /// The verb that needs it.
        verb: Verb,
        /// What stands there.
        word: String,
    },
    /// The verb is about a rollback or a service, and neither is there.
    #[error(
        "Nothing was run, because `{verb}` needs to know which rollback or service: write, for example, `{verb} RB-41` or `{verb} frontend`."
    )]
    MissingAbout {
        /// The verb that needs it.
        verb: Verb,
    },
    /// The verb wants a reason, and there is none.
    #[error(
        "Nothing was run, because `{verb}` needs a reason: write, for example, `{verb} {said} because …`."
    )]
    MissingReason {
        /// The verb that needs it.
        verb: Verb,
        /// What was said between the verb and where the reason should be.
        said: String,
    },
    /// A review does not say what it thinks.
    #[error("Nothing was run, because `review` needs an answer: choose {ANSWERS}, and say why.")]
    MissingAnswer,
    /// What became of a rollback is not said, or not in one of the two words.
    #[error(
        "Nothing was run, because `resolve` needs to know what is the case: write `resolve RB-{rollback} done because …` or `resolve RB-{rollback} not-done because …`."
    )]
    NotAnOutcome {
        /// The rollback's number.
        rollback: u64,
    },
    /// There is no such answer to a review.
    #[error(
        "Nothing was run, because \"{}\" is not an answer to a review: choose {ANSWERS}, and say why.",
        shown(words)
    )]
    UnknownAnswer {
        /// What stands there.
        words: String,
    },
    /// A rollback was named, and not what to do with it.
    #[error(
        "Nothing was run, because I was not told what to do with RB-{rollback}: write, for example, `status RB-{rollback}`."
    )]
    MissingVerb {
        /// The rollback's number.
        rollback: u64,
    },
    /// The word cannot be the name of a service or an environment.
    #[error(
        "Nothing was run, because \"{}\" cannot be the name of a service: write it like `frontend` or `frontend@production`, or ask for `help`.",
        shown(word)
    )]
    NotAName {
        /// The word.
        word: String,
    },
    /// A word of the grammar stands where the name of a service should.
    #[error(
        "Nothing was run, because \"{}\" is a word of my own and never a service: name a service, or ask for `help`.",
        shown(word)
    )]
    Reserved {
        /// The word.
        word: String,
    },
    /// Nothing follows `to`.
    #[error(
        "Nothing was run, because nothing followed `to`: write `to prev`, `to v212` or `to @02:40`."
    )]
    MissingTarget,
    /// What follows `to` cannot be a release.
    #[error(
        "Nothing was run, because \"{}\" cannot be a release: write {}.",
        shown(word),
        instead.as_ref().map_or("`to prev`, `to v212` or `to @02:40`".to_owned(), |instead| format!("`to {instead}`"))
    )]
    NotATarget {
        /// The word.
        word: String,
        /// What it may have meant.
        instead: Option<Target>,
    },
    /// It looks like a time and is none.
    #[error(
        "Nothing was run, because \"{}\" is not a time I can read: write -45m, 02:40, 02:40:10 or 2026-01-21T02:40Z.",
        shown(word)
    )]
    BadMoment {
        /// The word.
        word: String,
    },
    /// A note says nothing.
    #[error(
        "Nothing was noted, because the note is empty: write, for example, `note -5m checkout is slow`."
    )]
    EmptyNote,
    /// There is no such file format.
    #[error(
        "Nothing was run, because \"{}\" is not a format I can write: choose `export md` or `export json`.",
        shown(word)
    )]
    UnknownFormat {
        /// The word.
        word: String,
    },
    /// It is too much text.
    #[error(
        "Nothing was run, because that is {characters} characters and I read at most {LONGEST_TEXT}: say it shorter and link to the rest."
    )]
    TooLong {
        /// How many characters it has.
        characters: usize,
    },
    /// Something is left after the request ended.
    #[error(
        "Nothing was run, because I cannot place \"{}\": {}.",
        shown(words),
        choice(instead)
    )]
    TrailingWords {
        /// What is left.
        words: String,
        /// Whole requests that may have been meant.
        instead: Vec<String>,
    },
}

/// Reads one request.
///
/// Before that the text is tidied: a leading mention goes; Slack's `&amp;`, `&lt;`, `&gt;` and
/// links become what people saw; typographic quotes, dashes and spaces become plain ones;
/// control characters and invisible marks go; runs of space become one.
///
/// ```
/// use rollback_domain::grammar::{Request, parse};
///
/// let said = parse("<@U0BOT> Approve rb-41, — “the carts are empty”")?;
/// assert_eq!(said, Request::Approve { rollback: 41, because: Some("the carts are empty".into()) });
/// assert_eq!(said.to_string(), "approve RB-41 because the carts are empty");
/// assert!(parse("aprove RB-41").is_err());
/// # Ok::<(), rollback_domain::grammar::Misread>(())
/// ```
pub fn parse(text: &str) -> Result<Request, Misread> {
    let text = tidy(text);
    let characters = text.chars().count();
    if characters > LONGEST_TEXT + LONGEST_COMMAND {
        return Err(Misread::TooLong { characters });
    }
    let mut words = Words::new(&text);
    let Some(first) = words.next() else {
        return if text.is_empty() {
            Ok(Request::Board)
        } else {
            Err(Misread::NotAName { word: text })
        };
    };
    match Verb::named(bare(first)) {
        Some(verb) => command(verb, words),
        None => proposal(first, words),
    }
}

/// The candidate that `word` is most likely a misspelling of, if one is near enough: for asking
/// "did you mean", never for acting. Case does not matter; of equals the first one wins.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let length = word.chars().count();
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let lowered = candidate.to_lowercase();
            let other = lowered.chars().count();
            let tolerated = match length.max(other) {
                0..=2 => 0,
                3..=4 => 1,
                5..=8 => 2,
                _ => 3,
            };
            let distance = if length.abs_diff(other) > tolerated {
                usize::MAX
            } else {
                strsim::osa_distance(&word, &lowered)
            };
            (distance <= tolerated).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How to say it, for Slack and terminals alike: all verbs, or one.
pub fn help(verb: Option<Verb>) -> String {
    let lines: &[&str] = match verb {
        None => &[
            "Say nothing for the board, or one of these. Nothing runs before somebody approves it.",
            "`frontend@production to prev because checkout 500s`: propose a rollback",
            "    `to prev` (if left out), `to v212`, an id, a sha, or what was live then: `to @02:40`, `to @-45m`",
            "`plan frontend`: the same, only for you; nothing is proposed",
            "`list frontend`: the last releases, good and bad",
            "`status`, `status RB-41`, `status frontend`: where it stands",
            "`approve RB-41`, `deny RB-41 because too risky`: decide on a rollback",
            "`object RB-41 because sales end at noon`, `withdraw RB-41`: speak against it, or take your own approval back",
            "`who RB-41`, `why RB-41`, `contacts frontend`: who may approve now, whether you may, and whom to reach",
            "`stop RB-41`, `resolve RB-41 done because I see it live`: cancel it while that is possible; say what became of it when the platform does not",
            "`breakglass RB-41`: nobody who may approve can be reached, and it cannot wait; explained and reviewed afterwards",
            "`review RB-41 justified because carts were lost`: say afterwards whether that was right",
            "`undo RB-41`: propose to go forward again to what it left",
            "`pins`, `unpin frontend`: where automatic deploys are held off; let them flow again",
            "`freeze frontend because we migrate`, `unfreeze frontend`: ask that nothing be changed; every card says so, it stops nobody with authority",
            "`note checkout is back`, `note -5m paged the team`: write into the timeline",
            "`timeline`, `export md`, `export json`: read it, or take it away",
            "`help approve`: more about one of them",
        ],
        Some(Verb::Plan) => &[
            "`plan frontend to v212`: what a rollback would do, restore, leave and need.",
            "Only you see it and nothing is proposed. Targets are written as in a proposal:",
            "`to prev`, `to v212`, an id, a sha, `to @02:40`, `to @-45m`.",
        ],
        Some(Verb::List) => &[
            "`list frontend`: its last releases, good and bad, newest first.",
            "With several environments say which: `list frontend@production`.",
        ],
        Some(Verb::Status) => &[
            "`status`: everything that is open.",
            "`status RB-41`, `status frontend`: one rollback, or one service.",
            "It also says how old that knowledge is.",
        ],
        Some(Verb::Approve) => &[
            "`approve RB-41 because rates confirm it`: say yes, as the button does. The reason may be left out.",
            "Only somebody with authority over the service can; the number is always needed.",
        ],
        Some(Verb::Deny) => &[
            "`deny RB-41 because a fix is on its way`: say no, as the button does. The reason may be left out.",
        ],
        Some(Verb::Object) => &[
            "`object RB-41 because sales end at noon`: say what speaks against it. The reason is needed.",
            "It is for whoever knows something that those who decide may not know.",
        ],
        Some(Verb::Withdraw) => &[
            "`withdraw RB-41 because rates recovered`: take your own approval back. The reason may be left out.",
            "To end the rollback for everybody, `deny RB-41` or `stop RB-41`.",
        ],
        Some(Verb::Who) => &[
            "`who RB-41`, `who frontend`: who may approve it now.",
            "With several environments say which: `who frontend@production`.",
        ],
        Some(Verb::Why) => &["`why RB-41`: why you may approve it, or why you may not."],
        Some(Verb::Contacts) => &[
            "`contacts`: whom to reach. `contacts frontend`: whom for one service.",
            "With several environments say which: `contacts frontend@production`.",
        ],
        Some(Verb::Stop) => &[
            "`stop RB-41`: cancel it before it runs, or stop it where that is still possible. `cancel` is the same.",
            "What was already done is said and stays done.",
        ],
        Some(Verb::BreakGlass) => &[
            "`breakglass RB-41`, `breakglass frontend`: when nobody who may approve can be reached and it cannot wait.",
            "It opens a form that asks why; then the open rollback runs at once, everybody is told, and it is reviewed: `help review`.",
            "`break-glass` is the same. Plans that change data cannot be run so.",
        ],
        Some(Verb::Review) => &[
            "`review RB-41 justified because carts were lost`: say whether it was right to break the glass. The reason is needed.",
            "The other answers are `should-have-waited` and `policy-too-strict`, with spaces if you like.",
        ],
        Some(Verb::Resolve) => &[
            "`resolve RB-41 not-done because Vercel shows no job`: say what became of it while it is UNKNOWN. The reason is needed.",
            "`resolve RB-41 done because I see it live` says that production serves the target. Nothing is asked of the platform; the service is free again.",
            "Only somebody with authority over the service can.",
        ],
        Some(Verb::Undo) => &[
            "`undo RB-41 because v215 has the fix`: propose to go forward again to what it left. The reason may be left out.",
            "It is a proposal like any other: nothing runs before somebody approves it.",
        ],
        Some(Verb::Pins) => &[
            "`pins`: where automatic deploys are held off, so that a bad release does not come back by itself.",
            "`unpin frontend` lets them flow again.",
        ],
        Some(Verb::Unpin) => &[
            "`unpin frontend because v215 has the fix`: let its automatic deploys flow again. The reason may be left out.",
            "With several environments say which: `unpin frontend@production`.",
        ],
        Some(Verb::Freeze) => &[
            "`freeze frontend because we migrate`: ask that nothing be changed until `unfreeze frontend`. The reason is needed.",
            "Every card shows it and every approval records it; it stops nobody with authority.",
            "With several environments say which: `freeze frontend@production because we migrate`. `lock` is the same.",
        ],
        Some(Verb::Unfreeze) => &[
            "`unfreeze frontend because we migrated`: take that back. The reason may be left out.",
            "`unlock` is the same.",
        ],
        Some(Verb::Note) => &[
            "`note checkout is back`: write into the timeline.",
            "If it happened earlier, say when: `note -5m paged the team`, `note 03:07 rates fell`.",
        ],
        Some(Verb::Timeline) => &["`timeline`: what happened here, in order. `tl` is the same."],
        Some(Verb::Export) => {
            &["`export md`, `export json`: the timeline as a file, Markdown if you do not say."]
        }
        Some(Verb::Help) => &["`help`: everything I understand. `help approve`: one verb."],
    };
    lines.join("\n")
}

/// Whether a service or an environment can be called so: `[a-z0-9][a-z0-9._-]*`, at most 63, not
/// ending in a full stop, and not to be mistaken for the number of a rollback. [`RESERVED`] words
/// pass: an environment may have them.
pub fn is_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
        && !name.ends_with('.')
        && digits_of(name).is_none()
}

impl Request {
    /// The name of its verb, for logs and metrics.
    pub fn verb(&self) -> &'static str {
        match self {
            Request::Board => "board",
            Request::Propose(_) => "propose",
            Request::Plan(_) => Verb::Plan.name(),
            Request::List(_) => Verb::List.name(),
            Request::Status(_) => Verb::Status.name(),
            Request::Approve { .. } => Verb::Approve.name(),
            Request::Deny { .. } => Verb::Deny.name(),
            Request::Stop { .. } => Verb::Stop.name(),
            Request::Note { .. } => Verb::Note.name(),
            Request::Object { .. } => Verb::Object.name(),
            Request::Withdraw { .. } => Verb::Withdraw.name(),
            Request::BreakGlass { .. } => Verb::BreakGlass.name(),
            Request::Review { .. } => Verb::Review.name(),
            Request::Resolve { .. } => Verb::Resolve.name(),
            Request::Undo { .. } => Verb::Undo.name(),
            Request::Who(_) => Verb::Who.name(),
            Request::Why { .. } => Verb::Why.name(),
            Request::Contacts(_) => Verb::Contacts.name(),
            Request::Pins => Verb::Pins.name(),
            Request::Unpin { .. } => Verb::Unpin.name(),
            Request::Freeze { .. } => Verb::Freeze.name(),
            Request::Unfreeze { .. } => Verb::Unfreeze.name(),
            Request::Timeline => Verb::Timeline.name(),
            Request::Export(_) => Verb::Export.name(),
            Request::Help(_) => Verb::Help.name(),
        }
    }
}

impl Verb {
    /// Every verb, in the order in which people meet them.
    pub const ALL: [Verb; 23] = [
        Verb::Plan,
        Verb::List,
        Verb::Status,
        Verb::Approve,
        Verb::Deny,
        Verb::Object,
        Verb::Withdraw,
        Verb::Who,
        Verb::Why,
        Verb::Contacts,
        Verb::Stop,
        Verb::BreakGlass,
        Verb::Review,
        Verb::Resolve,
        Verb::Undo,
        Verb::Pins,
        Verb::Unpin,
        Verb::Freeze,
        Verb::Unfreeze,
        Verb::Note,
        Verb::Timeline,
        Verb::Export,
        Verb::Help,
    ];

    /// The word itself.
    pub fn name(self) -> &'static str {
        match self {
            Verb::Plan => "plan",
            Verb::List => "list",
            Verb::Status => "status",
            Verb::Approve => "approve",
            Verb::Deny => "deny",
            Verb::Object => "object",
            Verb::Withdraw => "withdraw",
            Verb::Who => "who",
            Verb::Why => "why",
            Verb::Contacts => "contacts",
            Verb::Stop => "stop",
            Verb::BreakGlass => "breakglass",
            Verb::Review => "review",
            Verb::Resolve => "resolve",
            Verb::Undo => "undo",
            Verb::Pins => "pins",
            Verb::Unpin => "unpin",
            Verb::Freeze => "freeze",
            Verb::Unfreeze => "unfreeze",
            Verb::Note => "note",
            Verb::Timeline => "timeline",
            Verb::Export => "export",
            Verb::Help => "help",
        }
    }

    /// The verb that is called `word`, in any case, by its own name or another one: `cancel` is
    /// `stop`, `break-glass` is `breakglass`, `lock` is `freeze`, `unlock` is `unfreeze` and `tl`
    /// is `timeline`.
    pub fn named(word: &str) -> Option<Verb> {
        match word.to_ascii_lowercase().as_str() {
            "cancel" => Some(Verb::Stop),
            "break-glass" => Some(Verb::BreakGlass),
            "lock" => Some(Verb::Freeze),
            "unlock" => Some(Verb::Unfreeze),
            "tl" => Some(Verb::Timeline),
            word => Verb::ALL.into_iter().find(|verb| verb.name() == word),
        }
    }

    /// Whether it is refused without a reason.
    fn needs_reason(self) -> bool {
        matches!(
            self,
            Verb::Object | Verb::Review | Verb::Resolve | Verb::Freeze
        )
    }
}

impl ReviewAnswer {
    /// Every answer.
    pub const ALL: [ReviewAnswer; 3] = [
        ReviewAnswer::Justified,
        ReviewAnswer::ShouldHaveWaited,
        ReviewAnswer::PolicyTooStrict,
    ];

    /// The answer in one word, as a request has it.
    pub fn name(self) -> &'static str {
        match self {
            ReviewAnswer::Justified => "justified",
            ReviewAnswer::ShouldHaveWaited => "should-have-waited",
            ReviewAnswer::PolicyTooStrict => "policy-too-strict",
        }
    }

    /// The answer that is written so, in any case, with hyphens, underscores or spaces.
    pub fn named(words: &str) -> Option<ReviewAnswer> {
        let word = words.to_ascii_lowercase().replace([' ', '_'], "-");
        ReviewAnswer::ALL
            .into_iter()
            .find(|answer| answer.name() == word)
    }
}

impl Moment {
    /// The instant that was meant by somebody whose clock is `utc_offset_seconds` ahead of UTC:
    /// a time of day is its latest occurrence that is not after `now`.
    pub fn resolve(&self, now: Timestamp, utc_offset_seconds: i32) -> Timestamp {
        const DAY: i64 = 24 * 60 * 60;
        match *self {
            Moment::Ago { seconds } => now
                .checked_sub(SignedDuration::from_secs(seconds.max(0)))
                .unwrap_or(Timestamp::MIN),
            Moment::Clock {
                hour,
                minute,
                second,
            } => {
                let offset = i64::from(utc_offset_seconds);
                let local = now.as_second() - i64::from(now.subsec_nanosecond() < 0) + offset;
                let midnight = local - local.rem_euclid(DAY);
                let today =
                    midnight + i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
                let latest = if today > local { today - DAY } else { today };
                Timestamp::from_second(latest - offset).unwrap_or(now)
            }
            Moment::Exact(instant) => instant,
        }
    }
}

// Reading: a request is a first word and what follows it.

fn command(verb: Verb, mut words: Words<'_>) -> Result<Request, Misread> {
    let request = match verb {
        Verb::Plan => return Ok(Request::Plan(wish(Some(verb), None, words)?)),
        Verb::Approve => {
            let (rollback, because) = decision(verb, words)?;
            return Ok(Request::Approve { rollback, because });
        }
        Verb::Deny => {
            let (rollback, because) = decision(verb, words)?;
            return Ok(Request::Deny { rollback, because });
        }
        Verb::Object => {
            let (rollback, because) = decision(verb, words)?;
            let because = needed(verb, format!("RB-{rollback}"), because)?;
            return Ok(Request::Object { rollback, because });
        }
        Verb::Withdraw => {
            let (rollback, because) = decision(verb, words)?;
            return Ok(Request::Withdraw { rollback, because });
        }
        Verb::Stop => {
            let (rollback, because) = decision(verb, words)?;
            return Ok(Request::Stop { rollback, because });
        }
        Verb::Undo => {
            let (rollback, because) = decision(verb, words)?;
            return Ok(Request::Undo { rollback, because });
        }
        Verb::BreakGlass => {
            let about = rollback_or_service(&mut words, verb)?;
            let because = explained(verb, &about, words)?;
            return Ok(Request::BreakGlass { about, because });
        }
        Verb::Review => return review(words),
        Verb::Resolve => return resolve(words),
        Verb::Unpin => {
            let (service, because) = order(verb, words)?;
            return Ok(Request::Unpin { service, because });
        }
        Verb::Freeze => {
            let (service, because) = order(verb, words)?;
            let because = needed(verb, service.to_string(), because)?;
            return Ok(Request::Freeze { service, because });
        }
        Verb::Unfreeze => {
            let (service, because) = order(verb, words)?;
            return Ok(Request::Unfreeze { service, because });
        }
        Verb::Note => return note(words),
        Verb::List => Request::List(service(words.next(), Some(verb))?),
        Verb::Status => Request::Status(words.next().map(|word| about(word, verb)).transpose()?),
        Verb::Who => Request::Who(rollback_or_service(&mut words, verb)?),
        Verb::Why => Request::Why {
            rollback: which(verb, &mut words)?,
        },
        Verb::Contacts => Request::Contacts(
            words
                .next()
                .map(|word| service(Some(word), Some(verb)))
                .transpose()?,
        ),
        Verb::Pins => Request::Pins,
        Verb::Timeline => Request::Timeline,
        Verb::Export => Request::Export(words.next().map_or(Ok(ExportFormat::Markdown), format)?),
        Verb::Help => Request::Help(words.next().map(topic).transpose()?),
    };
    if words.over() {
        return Ok(request);
    }
    let instead = match &request {
        Request::List(service)
        | Request::Status(Some(About::Service(service)))
        | Request::Who(About::Service(service))
        | Request::Contacts(Some(service)) => {
            in_environment(service, &words).map(|service| format!("{verb} {service}"))
        }
        _ => None,
    };
    Err(Misread::TrailingWords {
        words: words.rest.to_owned(),
        instead: instead.into_iter().collect(),
    })
}

fn proposal(first: &str, mut words: Words<'_>) -> Result<Request, Misread> {
    let word = bare(first).to_ascii_lowercase();
    let unknown = |meant| Misread::UnknownVerb {
        word: word.clone(),
        meant,
    };
    match word.as_str() {
        "ok" | "yes" if words.over() => {
            return Err(Misread::MissingNumber {
                verb: Verb::Approve,
            });
        }
        "ok" | "yes" => return Err(unknown(Some(Verb::Approve))),
        "no" => return Err(unknown(Some(Verb::Deny))),
        "to" | "because" => return Err(Misread::MissingService { verb: None }),
        _ if RESERVED.contains(&word.as_str()) => return Err(unknown(None)),
        _ => {}
    }
    if let Some(rollback) = number(&word) {
        return Err(Misread::MissingVerb { rollback });
    }
    let meant = nearest_verb(&word);
    let rest = words.rest;
    if meant.is_some()
        && words
            .next()
            .is_some_and(|next| number(bare(next)).is_some())
    {
        return Err(unknown(meant));
    }
    wish(None, Some(first), Words::new(rest))
        .map(Request::Propose)
        .map_err(|misread| match (misread, meant) {
            (Misread::TrailingWords { words, mut instead }, Some(verb)) => {
                instead.push(match verb {
                    Verb::Approve
                    | Verb::Deny
                    | Verb::Object
                    | Verb::Withdraw
                    | Verb::Why
                    | Verb::Stop
                    | Verb::Review
                    | Verb::Resolve
                    | Verb::Undo => format!("{verb} RB-…"),
                    Verb::Pins | Verb::Timeline => verb.to_string(),
                    verb => shown(&format!("{verb} {rest}")),
                });
                Misread::TrailingWords { words, instead }
            }
            (misread, _) => misread,
        })
}

fn wish(verb: Option<Verb>, first: Option<&str>, mut words: Words<'_>) -> Result<Wish, Misread> {
    let first = match first {
        None if words.keyword().is_none() => words.next(),
        first => first,
    };
    let service = service(first, verb)?;
    let mut target = None;
    if words.peek().is_some_and(is_to) && words.reason().is_none() {
        words.next();
        if words.keyword().is_some() {
            return Err(Misread::MissingTarget);
        }
        target = Some(words.next().map_or(Err(Misread::MissingTarget), release)?);
    }
    let because =
        words.because(|words| could_be(prefix(verb), &service, target.as_ref(), words))?;
    Ok(Wish {
        service,
        target: target.unwrap_or(Target::Previous),
        because,
    })
}

/// What `frontend production` and its like may have meant.
fn could_be(
    prefix: String,
    service: &ServiceRef,
    target: Option<&Target>,
    words: &Words<'_>,
) -> Vec<String> {
    let to = target.map_or(String::new(), |target| format!(" to {target}"));
    let mut after = Words::new(words.rest);
    let word = bare(after.next().unwrap_or_default());
    let goes_on = after.peek().is_some_and(is_to) || after.reason().is_some();
    let follow = if goes_on {
        format!(" {}", after.rest)
    } else {
        String::new()
    };

    let mut instead = Vec::new();
    if is_previous(word) || word.contains(|c: char| c.is_ascii_digit()) {
        if target.is_none()
            && let Ok(target) = release(word)
        {
            instead.push(format!("{prefix}{service} to {target}{follow}"));
        }
    } else if let Some(service) = in_environment(service, words) {
        instead.push(format!("{prefix}{service}{to}{follow}"));
    }
    if !goes_on {
        instead.push(format!("{prefix}{service}{to} because {}", words.rest));
    }
    instead.iter().map(|request| shown(request)).collect()
}

/// The service in the environment that the next word may name.
fn in_environment(service: &ServiceRef, words: &Words<'_>) -> Option<ServiceRef> {
    let word = bare(words.peek()?).to_ascii_lowercase();
    let environment = word.strip_prefix('@').unwrap_or(&word);
    (service.environment.is_none() && is_name(environment) && !RESERVED.contains(&environment))
        .then(|| ServiceRef {
            service: service.service.clone(),
            environment: Some(environment.to_owned()),
        })
}

fn is_to(word: &str) -> bool {
    bare(word).eq_ignore_ascii_case("to")
}

/// The rollback that a verb is about, and the reason.
fn decision(verb: Verb, mut words: Words<'_>) -> Result<(u64, Option<String>), Misread> {
    let rollback = which(verb, &mut words)?;
    let because = explained(verb, &About::Rollback(rollback), words)?;
    Ok((rollback, because))
}

/// The service that a verb is about, and the reason.
fn order(verb: Verb, mut words: Words<'_>) -> Result<(ServiceRef, Option<String>), Misread> {
    let first = match words.keyword() {
        Some(_) => None,
        None => words.next(),
    };
    let service = service(first, Some(verb))?;
    let because = explained(verb, &About::Service(service.clone()), words)?;
    Ok((service, because))
}

/// The number of the rollback that a verb is about.
fn which(verb: Verb, words: &mut Words<'_>) -> Result<u64, Misread> {
    if words.keyword().is_some() {
        return Err(Misread::MissingNumber { verb });
    }
    let word = bare(words.next().ok_or(Misread::MissingNumber { verb })?);
    number(word).ok_or_else(|| Misread::BadNumber {
        verb,
        word: word.to_owned(),
    })
}

/// The reason after what a verb is about.
fn explained(verb: Verb, about: &About, words: Words<'_>) -> Result<Option<String>, Misread> {
    words.because(|words| {
        if words.peek().and_then(|word| number(bare(word))).is_some() {
            return Vec::new();
        }
        let mut after = Words::new(words.rest);
        after.next();
        let goes_on = after.reason().is_some();
        let mut instead = Vec::new();
        if let About::Service(service) = about
            && let Some(service) = in_environment(service, words)
        {
            instead.push(if goes_on {
                format!("{verb} {service} {}", after.rest)
            } else if verb.needs_reason() {
                format!("{verb} {service} because …")
            } else {
                format!("{verb} {service}")
            });
        }
        if instead.is_empty() || !goes_on {
            instead.push(format!("{verb} {about} because {}", words.rest));
        }
        instead.iter().map(|request| shown(request)).collect()
    })
}

/// The reason of a verb that is refused without one.
fn needed(verb: Verb, said: String, because: Option<String>) -> Result<String, Misread> {
    because
        .filter(|because| says_something(because))
        .ok_or(Misread::MissingReason { verb, said })
}

/// Whether a reason is more than the `…` of an example.
fn says_something(reason: &str) -> bool {
    reason
        .chars()
        .any(|c| c.is_alphanumeric() || !(c.is_ascii() || is_punctuation(c)))
}

fn review(mut words: Words<'_>) -> Result<Request, Misread> {
    let verb = Verb::Review;
    let rollback = which(verb, &mut words)?;
    let answer = answer(&mut words)?;
    let said = format!("RB-{rollback} {}", answer.name());
    let because =
        words.because(|words| vec![shown(&format!("{verb} {said} because {}", words.rest))])?;
    let because = needed(verb, said, because)?;
    Ok(Request::Review {
        rollback,
        answer,
        because,
    })
}

fn resolve(mut words: Words<'_>) -> Result<Request, Misread> {
    let verb = Verb::Resolve;
    let rollback = which(verb, &mut words)?;
    let mut outcome = || match words.keyword() {
        Some(_) => None,
        None => words.next().map(|word| bare(word).to_ascii_lowercase()),
    };
    let done = match outcome().as_deref() {
        Some("done") => true,
        Some("not-done" | "not_done" | "undone") => false,
        Some("not") if outcome().as_deref() == Some("done") => false,
        _ => return Err(Misread::NotAnOutcome { rollback }),
    };
    let said = format!("RB-{rollback} {}", if done { "done" } else { "not-done" });
    let because =
        words.because(|words| vec![shown(&format!("{verb} {said} because {}", words.rest))])?;
    let because = needed(verb, said, because)?;
    Ok(Request::Resolve {
        rollback,
        done,
        because,
    })
}

/// The answer of a review, in one word or in several.
fn answer(words: &mut Words<'_>) -> Result<ReviewAnswer, Misread> {
    let mut after = Words::new(words.rest);
    let mut said = "";
    while after.keyword().is_none() && after.next().is_some() {
        let length = words.rest.len() - after.rest.len();
        said = bare(words.rest.get(..length).unwrap_or_default().trim_end());
        if let Some(answer) = ReviewAnswer::named(said) {
            words.rest = after.rest;
            return Ok(answer);
        }
    }
    if said.is_empty() {
        Err(Misread::MissingAnswer)
    } else {
        Err(Misread::UnknownAnswer {
            words: said.to_owned(),
        })
    }
}

fn note(mut words: Words<'_>) -> Result<Request, Misread> {
    let at = match words.peek() {
        Some(word) if is_like_a_moment(word) => {
            words.next();
            Some(moment(bare(word).trim_start_matches('@'))?)
        }
        _ => None,
    };
    let text = short_enough(free(words.rest))?;
    if text.is_empty() {
        Err(Misread::EmptyNote)
    } else {
        Ok(Request::Note { at, text })
    }
}

fn service(word: Option<&str>, verb: Option<Verb>) -> Result<ServiceRef, Misread> {
    let word = bare(word.ok_or(Misread::MissingService { verb })?).to_ascii_lowercase();
    let (service, environment) = match word.split_once('@') {
        Some((service, environment)) => (service, Some(environment)),
        None => (word.as_str(), None),
    };
    if matches!(service, "to" | "because") && environment.is_none() {
        return Err(Misread::MissingService { verb });
    }
    if RESERVED.contains(&service) {
        return Err(Misread::Reserved {
            word: service.to_owned(),
        });
    }
    if !is_name(service) || environment.is_some_and(|environment| !is_name(environment)) {
        return Err(Misread::NotAName { word });
    }
    Ok(ServiceRef {
        service: service.to_owned(),
        environment: environment.map(str::to_owned),
    })
}

/// The rollback or the service that a verb is about.
fn rollback_or_service(words: &mut Words<'_>, verb: Verb) -> Result<About, Misread> {
    if words.keyword().is_some() {
        return Err(Misread::MissingAbout { verb });
    }
    about(words.next().ok_or(Misread::MissingAbout { verb })?, verb)
}

fn about(word: &str, verb: Verb) -> Result<About, Misread> {
    let word = bare(word);
    if let Some(rollback) = number(word) {
        return Ok(About::Rollback(rollback));
    }
    if digits_of(word).is_some() {
        return Err(Misread::BadNumber {
            verb,
            word: word.to_owned(),
        });
    }
    service(Some(word), Some(verb)).map(About::Service)
}

fn format(word: &str) -> Result<ExportFormat, Misread> {
    let word = bare(word);
    match word.to_ascii_lowercase().as_str() {
        "md" | "markdown" => Ok(ExportFormat::Markdown),
        "json" => Ok(ExportFormat::Json),
        _ => Err(Misread::UnknownFormat {
            word: word.to_owned(),
        }),
    }
}

fn topic(word: &str) -> Result<Verb, Misread> {
    let word = bare(word).to_ascii_lowercase();
    let is_reserved = RESERVED.contains(&word.as_str());
    Verb::named(&word).ok_or_else(|| Misread::UnknownVerb {
        meant: if is_reserved {
            None
        } else {
            nearest_verb(&word)
        },
        word,
    })
}

fn nearest_verb(word: &str) -> Option<Verb> {
    nearest(word, Verb::ALL.map(Verb::name)).and_then(Verb::named)
}

fn release(word: &str) -> Result<Target, Misread> {
    let word = bare(word);
    let wrong = |instead| {
        Err(Misread::NotATarget {
            word: word.to_owned(),
            instead,
        })
    };
    if let Some(then) = word.strip_prefix('@') {
        return moment(then).map(Target::At);
    }
    if is_previous(word) {
        return Ok(Target::Previous);
    }
    if is_like_a_moment(word) {
        return wrong(moment(word).ok().map(Target::At));
    }
    let fits = word.len() <= LONGEST_TARGET
        && word.starts_with(|c: char| c.is_ascii_alphanumeric())
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-:/@+~=".contains(&b));
    if fits {
        Ok(Target::Named(word.to_owned()))
    } else {
        wrong(None)
    }
}

fn is_previous(word: &str) -> bool {
    word.eq_ignore_ascii_case("prev") || word.eq_ignore_ascii_case("previous")
}

/// Whether a word can only be meant as a time, even if it is none: `-5x`, `25:99`, `2026-01-21`.
fn is_like_a_moment(word: &str) -> bool {
    let word = bare(word);
    let then = word.strip_prefix('@').unwrap_or(word);
    let digit = |at: usize| then.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    let ago = then.starts_with('-') && digit(1);
    let clock =
        digit(0) && then.contains(':') && then.bytes().all(|b| b.is_ascii_digit() || b == b':');
    let date = (0..4).all(digit)
        && then.get(4..5) == Some("-")
        && (5..7).all(digit)
        && then.get(7..8) == Some("-")
        && (8..10).all(digit);
    ago || clock || date || (word.starts_with('@') && digit(0))
}

fn moment(word: &str) -> Result<Moment, Misread> {
    let found = if let Some(ago) = word.strip_prefix('-') {
        seconds_of(ago).map(|seconds| Moment::Ago { seconds })
    } else if word.contains(['T', 't']) {
        let plain = word
            .bytes()
            .all(|b| b.is_ascii_digit() || b"-+:.TtZz".contains(&b));
        if plain {
            word.parse().ok().map(Moment::Exact)
        } else {
            None
        }
    } else {
        clock(word)
    };
    found.ok_or_else(|| Misread::BadMoment {
        word: word.to_owned(),
    })
}

/// `45m` in seconds.
fn seconds_of(ago: &str) -> Option<i64> {
    let at = ago.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = ago.split_at(at);
    let unit = match unit {
        "s" | "S" => 1,
        "m" | "M" => 60,
        "h" | "H" => 3600,
        _ => return None,
    };
    let seconds = count.parse::<i64>().ok()?.checked_mul(unit)?;
    (seconds <= LONGEST_AGO).then_some(seconds)
}

/// `2:40`, `02:40` or `02:40:10`.
fn clock(word: &str) -> Option<Moment> {
    let mut parts = word.split(':');
    let mut part = |shortest: usize, below: u8| {
        let part = parts.next()?;
        let fits = (shortest..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<u8>()
            .ok()
            .filter(|value| fits && *value < below)
    };
    let (hour, minute) = (part(1, 24)?, part(2, 60)?);
    let second = if word.matches(':').count() == 1 {
        0
    } else {
        part(2, 60)?
    };
    parts.next().is_none().then_some(Moment::Clock {
        hour,
        minute,
        second,
    })
}

/// The number in `RB-41`, `rb-41`, `#41` and `41`.
fn number(word: &str) -> Option<u64> {
    let word = word
        .strip_prefix('#')
        .filter(|rest| rest.bytes().all(|b| b.is_ascii_digit()))
        .unwrap_or(word);
    digits_of(word)?.parse().ok().filter(|number| *number > 0)
}

/// The digits of what can only be the number of a rollback, even if it is too big for one.
fn digits_of(word: &str) -> Option<&str> {
    let digits = match word.get(..3) {
        Some(prefix) if prefix.eq_ignore_ascii_case("rb-") => &word[3..],
        _ => word,
    };
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

/// The words that were not read yet. The text is tidy: one space between any two.
struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    fn new(text: &'a str) -> Self {
        Words { rest: text.trim() }
    }

    /// Whether nothing but punctuation is left.
    fn over(&self) -> bool {
        self.rest.chars().all(|c| c == ' ' || is_punctuation(c))
    }

    fn peek(&self) -> Option<&'a str> {
        if self.over() {
            None
        } else {
            self.rest.split(' ').next()
        }
    }

    fn next(&mut self) -> Option<&'a str> {
        let word = self.peek()?;
        self.rest = self.rest.get(word.len()..).unwrap_or_default().trim_start();
        Some(word)
    }

    /// The reason, if it starts here.
    fn reason(&self) -> Option<&'a str> {
        if let Some(reason) = self.keyword() {
            return Some(reason);
        }
        let quoted = self
            .rest
            .trim_end_matches(|c| c == ' ' || is_punctuation(c));
        unquoted(quoted).map(|_| quoted)
    }

    /// The reason, if `because` or a dash starts it here.
    fn keyword(&self) -> Option<&'a str> {
        const BECAUSE: &str = "because";
        let word = self.rest.split(' ').next().unwrap_or_default();
        let after = self.rest.get(word.len()..).unwrap_or_default();
        if (!word.is_empty() && word.bytes().all(|b| b == b'-'))
            || bare(word).eq_ignore_ascii_case(BECAUSE)
        {
            return Some(after);
        }
        let glued = word
            .get(..BECAUSE.len())
            .filter(|head| head.eq_ignore_ascii_case(BECAUSE))
            .is_some()
            && word
                .get(BECAUSE.len()..)
                .is_some_and(|tail| tail.starts_with(':'));
        if glued {
            self.rest.get(BECAUSE.len() + 1..)
        } else {
            None
        }
    }

    /// Reads the rest as a reason, or says what it may have meant.
    fn because(
        self,
        instead: impl FnOnce(&Self) -> Vec<String>,
    ) -> Result<Option<String>, Misread> {
        match self.reason() {
            Some(reason) => {
                let reason = short_enough(free(reason))?;
                Ok(Some(reason).filter(|reason| !reason.is_empty()))
            }
            None if self.over() => Ok(None),
            None => Err(Misread::TrailingWords {
                words: self.rest.to_owned(),
                instead: instead(&self),
            }),
        }
    }
}

fn is_punctuation(c: char) -> bool {
    matches!(
        c,
        '.' | ','
            | ';'
            | ':'
            | '!'
            | '?'
            | '…'
            | '。'
            | '、'
            | '，'
            | '！'
            | '？'
            | '؟'
            | '،'
            | '؛'
    )
}

/// A word without the quotes or backticks around it and the punctuation after it.
fn bare(word: &str) -> &str {
    let mut word = word;
    loop {
        let before = word.len();
        word = word.trim_end_matches(is_punctuation);
        for quote in ['"', '\'', '`'] {
            if let Some(inner) = word
                .strip_prefix(quote)
                .and_then(|word| word.strip_suffix(quote))
            {
                word = inner;
            }
        }
        if word.len() == before {
            return word;
        }
    }
}

/// The text inside quotes that belong together; an apostrophe is not a quote.
fn unquoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    let inside = |at: usize| {
        let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        quote == '\''
            && letter(inner[..at].chars().next_back())
            && letter(inner[at + 1..].chars().next())
    };
    inner
        .match_indices(quote)
        .all(|(at, _)| inside(at))
        .then_some(inner)
}

/// A reason or a note without the mark that introduced it and the quotes around it.
fn free(text: &str) -> String {
    let mut text = text.trim();
    loop {
        let before = text.len();
        let word = text.split(' ').next().unwrap_or_default();
        if word == ":" || word.bytes().all(|b| b == b'-') {
            text = text.get(word.len()..).unwrap_or_default().trim_start();
        }
        text = unquoted(text.trim_end_matches(is_punctuation))
            .unwrap_or(text)
            .trim();
        if text.len() == before {
            return text.to_owned();
        }
    }
}

fn short_enough(text: String) -> Result<String, Misread> {
    let characters = text.chars().count();
    if characters > LONGEST_TEXT {
        Err(Misread::TooLong { characters })
    } else {
        Ok(text)
    }
}

// Tidying: what phones, word processors and Slack did to the text is undone.

fn tidy(text: &str) -> String {
    let plain: String = text.chars().filter_map(plain).collect();
    let shown = readable(without_mention(plain.trim_start()));
    shown
        .split(' ')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The plain form of a character; none if it shows nothing.
fn plain(c: char) -> Option<char> {
    match c {
        '\u{00ad}'
        | '\u{034f}'
        | '\u{061c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{180b}'..='\u{180e}' => None,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => None,
        '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => None,
        c if c.is_whitespace() => Some(' '),
        c if c.is_control() => None,
        '“' | '”' | '„' | '‟' | '«' | '»' | '″' | '＂' => Some('"'),
        '‘' | '’' | '‚' | '‛' | '‹' | '›' | '′' | '＇' => Some('\''),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => Some('-'),
        c => Some(c),
    }
}

fn without_mention(text: &str) -> &str {
    let mention = text
        .strip_prefix("<@")
        .and_then(|rest| rest.split_once('>'));
    match mention {
        Some((who, rest)) if who.starts_with(['U', 'W']) && !who.contains(['<', ' ']) => {
            rest.trim_start_matches([' ', ',', ':'])
        }
        _ => text,
    }
}

/// What people see where Slack sends `&amp;` and `<https://example.com|example.com>`. Mentions
/// stay as they came.
fn readable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let code = match c {
            '&' => entity(rest),
            '<' => link(rest),
            _ => None,
        };
        let length = code.as_ref().map_or(c.len_utf8(), |(_, length)| *length);
        match code {
            Some((meaning, _)) => out.push_str(&meaning),
            None => out.push(c),
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    out
}

const ENTITIES: [(&str, &str); 3] = [("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")];

fn entity(text: &str) -> Option<(String, usize)> {
    let (code, meaning) = ENTITIES
        .into_iter()
        .find(|(code, _)| text.starts_with(code))?;
    Some((meaning.to_owned(), code.len()))
}

/// A link at the start of the text, as people see it, and its length.
fn link(text: &str) -> Option<(String, usize)> {
    if !starts_a_link(text) {
        return None;
    }
    let end = text[1..].find(['<', '>']).map(|at| at + 1)?;
    let inner = text.get(1..end).filter(|_| text[end..].starts_with('>'))?;
    let (address, label) = inner.split_once('|').unwrap_or((inner, ""));
    let (address, label) = (decoded(address), decoded(label.trim()));
    let stripped = address
        .split_once("://")
        .or_else(|| address.split_once(':'))
        .map_or("", |(_, rest)| rest);
    let same = label == address || label.trim_end_matches('/') == stripped.trim_end_matches('/');
    let seen = if label.is_empty() {
        address
    } else if same {
        label
    } else {
        format!("{label} ({address})")
    };
    Some((seen, end + 1))
}

fn starts_a_link(text: &str) -> bool {
    ["<http://", "<https://", "<mailto:", "<tel:"]
        .iter()
        .any(|start| {
            text.get(..start.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(start))
        })
}

fn decoded(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

// Writing: every request has a text that reads as the same request again.

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Request::Board => Ok(()),
            Request::Propose(wish) => write!(f, "{wish}"),
            Request::Plan(wish) => write!(f, "plan {wish}"),
            Request::List(service) => write!(f, "list {service}"),
            Request::Status(None) => f.write_str("status"),
            Request::Status(Some(about)) => write!(f, "status {about}"),
            Request::Approve { rollback, because } => {
                write!(f, "approve RB-{rollback}{}", Because(because))
            }
            Request::Deny { rollback, because } => {
                write!(f, "deny RB-{rollback}{}", Because(because))
            }
            Request::Object { rollback, because } => {
                write!(f, "object RB-{rollback} because {}", Literal(because))
            }
            Request::Withdraw { rollback, because } => {
                write!(f, "withdraw RB-{rollback}{}", Because(because))
            }
            Request::Who(about) => write!(f, "who {about}"),
            Request::Why { rollback } => write!(f, "why RB-{rollback}"),
            Request::Contacts(None) => f.write_str("contacts"),
            Request::Contacts(Some(service)) => write!(f, "contacts {service}"),
            Request::Stop { rollback, because } => {
                write!(f, "stop RB-{rollback}{}", Because(because))
            }
            Request::BreakGlass { about, because } => {
                write!(f, "breakglass {about}{}", Because(because))
            }
            Request::Resolve {
                rollback,
                done,
                because,
            } => {
                let outcome = if *done { "done" } else { "not-done" };
                write!(
                    f,
                    "resolve RB-{rollback} {outcome} because {}",
                    Literal(because)
                )
            }
            Request::Review {
                rollback,
                answer,
                because,
            } => write!(
                f,
                "review RB-{rollback} {} because {}",
                answer.name(),
                Literal(because)
            ),
            Request::Undo { rollback, because } => {
                write!(f, "undo RB-{rollback}{}", Because(because))
            }
            Request::Pins => f.write_str("pins"),
            Request::Unpin { service, because } => {
                write!(f, "unpin {service}{}", Because(because))
            }
            Request::Freeze { service, because } => {
                write!(f, "freeze {service} because {}", Literal(because))
            }
            Request::Unfreeze { service, because } => {
                write!(f, "unfreeze {service}{}", Because(because))
            }
            Request::Note { at: Some(at), text } => write!(f, "note {at} {}", Literal(text)),
            Request::Note { at: None, text }
                if text.split(' ').next().is_some_and(is_like_a_moment) =>
            {
                write!(f, "note - {}", Literal(text))
            }
            Request::Note { at: None, text } => write!(f, "note {}", Literal(text)),
            Request::Timeline => f.write_str("timeline"),
            Request::Export(format) => write!(f, "export {format}"),
            Request::Help(None) => f.write_str("help"),
            Request::Help(Some(verb)) => write!(f, "help {verb}"),
        }
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.service)?;
        if self.target != Target::Previous {
            write!(f, " to {}", self.target)?;
        }
        write!(f, "{}", Because(&self.because))
    }
}

impl fmt::Display for ServiceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.service)?;
        match &self.environment {
            Some(environment) => write!(f, "@{environment}"),
            None => Ok(()),
        }
    }
}

impl FromStr for ServiceRef {
    type Err = Misread;

    fn from_str(text: &str) -> Result<Self, Misread> {
        service(Some(text.trim()).filter(|text| !text.is_empty()), None)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Previous => f.write_str("prev"),
            Target::Named(name) => f.write_str(name),
            Target::At(moment) => write!(f, "@{moment}"),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Moment::Ago { seconds } => match (*seconds).max(0) {
                0 => f.write_str("-0s"),
                seconds if seconds % 3600 == 0 => write!(f, "-{}h", seconds / 3600),
                seconds if seconds % 60 == 0 => write!(f, "-{}m", seconds / 60),
                seconds => write!(f, "-{seconds}s"),
            },
            Moment::Clock {
                hour,
                minute,
                second: 0,
            } => write!(f, "{hour:02}:{minute:02}"),
            Moment::Clock {
                hour,
                minute,
                second,
            } => write!(f, "{hour:02}:{minute:02}:{second:02}"),
            Moment::Exact(instant) => write!(f, "{instant}"),
        }
    }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            About::Rollback(number) => write!(f, "RB-{number}"),
            About::Service(service) => write!(f, "{service}"),
        }
    }
}

impl fmt::Display for ReviewAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ReviewAnswer::Justified => "justified",
            ReviewAnswer::ShouldHaveWaited => "should have waited",
            ReviewAnswer::PolicyTooStrict => "policy too strict",
        })
    }
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ExportFormat::Markdown => "md",
            ExportFormat::Json => "json",
        })
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

struct Because<'a>(&'a Option<String>);

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(reason) => write!(f, " because {}", Literal(reason)),
            None => Ok(()),
        }
    }
}

/// A text that tidying would otherwise read as Slack's code for something else.
struct Literal<'a>(&'a str);

impl fmt::Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, c) in self.0.char_indices() {
            let rest = &self.0[at..];
            match c {
                '&' if entity(rest).is_some() => f.write_str("&amp;")?,
                '<' if starts_a_link(rest) => f.write_str("&lt;")?,
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

/// The beginning of what somebody wrote, fit to stand inside a sentence.
fn shown(words: &str) -> String {
    const LONGEST: usize = 60;
    let words = words.replace('`', "'");
    match words.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &words[..at]),
        None => words,
    }
}

fn prefix(verb: Option<Verb>) -> String {
    verb.map_or(String::new(), |verb| format!("{verb} "))
}

/// A request of the verb about a service, whole.
fn example(verb: Option<Verb>) -> String {
    let because = if verb.is_some_and(Verb::needs_reason) {
        " because …"
    } else {
        ""
    };
    format!("{}frontend{because}", prefix(verb))
}

fn choice(instead: &[String]) -> String {
    match instead {
        [] => "leave it out and send the rest again".to_owned(),
        some => {
            let some: Vec<String> = some.iter().map(|request| format!("`{request}`")).collect();
            format!("write {}", some.join(" or "))
        }
    }
}

#[cfg(test)]
mod tests;
