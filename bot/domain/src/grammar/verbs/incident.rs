//! `incident open P1`, `incident lead @sam`, `incident resolve because …`: what people decide about
//! the incident of the channel.

use std::fmt;

use strum::VariantArray;

use super::{Listing, Spec, Takes, Verb};
use crate::grammar::{
    misread::Misread,
    moments::{Moment, When},
    reasons::{Because, has_content, reason},
    words::{Literal, Words, bare, nearest},
};
use crate::incident::{IncidentRole, IncidentStatus, Milestone, Severity};

/// Shows or changes the incident of the channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ManageIncident {
    /// Shows it.
    Show,
    /// Opens one, or takes over the one that a rollback has opened.
    Open {
        /// How severe it is; `None`: they do not say.
        severity: Option<Severity>,
        /// Why, in the person's own words; `None`: they gave no reason.
        because: Option<String>,
    },
    /// Says how severe it is.
    Severity {
        /// How severe it is.
        severity: Severity,
        /// Why, in the person's own words; `None`: they gave no reason.
        because: Option<String>,
    },
    /// Gives somebody a role in it.
    Assign {
        /// The role.
        role: IncidentRole,
        /// Who gets it.
        assignee: Assignee,
    },
    /// Says where the work on it stands.
    Status {
        /// Where.
        status: IncidentStatus,
        /// Why, in the person's own words; `None`: they gave no reason.
        because: Option<String>,
    },
    /// Says when something happened.
    Time {
        /// What.
        milestone: Milestone,
        /// When.
        at: When,
        /// How they know, in the person's own words.
        because: String,
    },
    /// Opens it again.
    Reopen {
        /// Why, in the person's own words.
        because: String,
    },
    /// Says what it is called elsewhere.
    Link {
        /// A ticket, an incident of a pager: a key or an address.
        reference: String,
    },
    /// Takes that back.
    Unlink {
        /// The reference, as it was typed.
        reference: String,
    },
    /// Goes on with it in another channel.
    Move {
        /// The Slack id of that channel.
        to: String,
        /// The name that Slack gives with it; `None`: it gives none.
        name: Option<String>,
    },
}

/// The longest reference, in characters.
const REFERENCE_AT_MOST: usize = 200;

/// Who gets a role.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Assignee {
    /// The person who asks.
    Asker,
    /// Somebody who is mentioned.
    Mentioned {
        /// The Slack user id.
        id: String,
        /// The name that Slack gives with it; `None`: it gives none.
        name: Option<String>,
    },
}

pub(super) const SPEC: Spec = Spec {
    words: &["incident"],
    takes: Takes::Other,
    needs_reason: false,
    listing: Listing::Line {
        examples: "`incident`, `incident open P1`, `incident lead me`, `incident resolve`",
        meaning: "show the incident of this channel, declare it, say who does what, end it",
    },
    help: &[
        "`incident`: show the incident of this channel. `incident open P1 because checkout 500s`, `incident severity P2`, `incident status identified`: declare it, say how severe it is (P1 to P4) and where it stands (investigating, identified, monitoring, resolved).",
        "`incident lead me`: also communications and scribe, and with a mention for somebody else. These roles give no authority.",
        "`incident started 02:55 - the graph shows it`: also detected, reported, mitigated and resolved. The reason is needed.",
        "`incident resolve because v213 holds`, `incident reopen - it is back`: a verified rollback alone resolves nothing. `incident link SHOP-123`, `incident unlink SHOP-123`: its ticket, by key or address. incident move #channel: it goes on in that channel.",
    ],
};

/// What `incident` can be followed by, besides the roles and the milestones.
const PARTS: [&str; 9] = [
    "open", "severity", "status", "resolve", "reopen", "link", "unlink", "move", "show",
];

impl ManageIncident {
    pub(super) fn parse(mut words: Words<'_>) -> Result<Self, Misread> {
        let Some(part) = words.next().map(|word| bare(word).to_ascii_lowercase()) else {
            return Ok(ManageIncident::Show);
        };
        if let Ok(role) = part.parse::<IncidentRole>() {
            let assignee = Assignee::parse(role, &mut words)?;
            expect_end(words, &part)?;
            return Ok(ManageIncident::Assign { role, assignee });
        }
        match part.as_str() {
            "show" => {
                expect_end(words, &part)?;
                Ok(ManageIncident::Show)
            }
            "open" => {
                let severity = match words.peek().map(bare).map(str::parse::<Severity>) {
                    Some(Ok(severity)) => {
                        words.next();
                        Some(severity)
                    }
                    Some(Err(_)) | None => None,
                };
                let because = because(words, &part)?;
                Ok(ManageIncident::Open { severity, because })
            }
            "severity" => {
                let word = words.next().map(bare).unwrap_or_default();
                let severity = word.parse().map_err(|_| no_severity(word))?;
                let because = because(words, &format!("severity {severity}"))?;
                Ok(ManageIncident::Severity { severity, because })
            }
            "status" => {
                let word = words.next().map(bare).unwrap_or_default();
                let status: IncidentStatus = word.parse().map_err(|_| no_status(word))?;
                let because = because(words, &format!("status {status}"))?;
                Ok(ManageIncident::Status { status, because })
            }
            "resolve" => Ok(ManageIncident::Status {
                status: IncidentStatus::Resolved,
                because: because(words, &part)?,
            }),
            "reopen" => Ok(ManageIncident::Reopen {
                because: required(because(words, &part)?, &part)?,
            }),
            "link" => Ok(ManageIncident::Link {
                reference: reference(words, &part)?,
            }),
            "unlink" => Ok(ManageIncident::Unlink {
                reference: reference(words, &part)?,
            }),
            "move" => {
                let word = words.peek().map(bare).unwrap_or_default();
                let (inside, after) = linked(words.rest, "<#").ok_or_else(|| no_channel(word))?;
                let (to, name) = id_and_name(inside);
                words.rest = after.trim_start();
                expect_end(words, &format!("move {inside}"))?;
                Ok(ManageIncident::Move { to, name })
            }
            _ => match part.parse::<Milestone>() {
                Ok(milestone) => time(milestone, words),
                Err(_) => Err(no_part(&part)),
            },
        }
    }
}

/// Reads what an incident is called elsewhere: one word, which may be an address.
fn reference(mut words: Words<'_>, part: &str) -> Result<String, Misread> {
    let word = words.next().unwrap_or_default();
    let reference = word.trim_end_matches(',');
    let fits = reference.chars().count() <= REFERENCE_AT_MOST
        && reference.chars().any(char::is_alphanumeric);
    if !fits {
        return Err(no_reference(part, word));
    }
    match words.at_end() {
        true => Ok(reference.to_owned()),
        false => Err(Misread::TrailingWords {
            words: words.rest.to_owned(),
            suggestions: vec![format!("{} {part} {reference}", Verb::ManageIncident)],
        }),
    }
}

/// Reads when something happened, and how that is known.
fn time(milestone: Milestone, mut words: Words<'_>) -> Result<ManageIncident, Misread> {
    if words.marked_reason().is_some() || words.at_end() {
        return Err(no_time(milestone));
    }
    let word = words.peek().map(bare).unwrap_or_default().to_owned();
    let at = match word.eq_ignore_ascii_case("now") {
        true => {
            words.next();
            When::Moment(Moment::Ago { seconds: 0 })
        }
        false => When::read(&mut words).unwrap_or(Err(Misread::BadMoment { word }))?,
    };
    let beginning = format!("{milestone} {at}");
    let because = required(because(words, &beginning)?, &beginning)?;
    Ok(ManageIncident::Time {
        milestone,
        at,
        because,
    })
}

impl Assignee {
    fn parse(role: IncidentRole, words: &mut Words<'_>) -> Result<Self, Misread> {
        let whole = words.rest;
        let word = words.next().unwrap_or_default();
        if bare(word).eq_ignore_ascii_case("me") {
            return Ok(Assignee::Asker);
        }
        let (inside, after) = linked(whole, "<@").ok_or_else(|| no_assignee(role, word))?;
        // The name may have blanks in it.
        words.rest = after.trim_start();
        let (id, name) = id_and_name(inside);
        Ok(Assignee::Mentioned { id, name })
    }
}

/// What a link of Slack's at the start of a text has in it, and what follows: `U0SAM|sam` of
/// `<@U0SAM|sam>`.
fn linked<'a>(text: &'a str, begins: &str) -> Option<(&'a str, &'a str)> {
    let (inside, after) = text.strip_prefix(begins)?.split_once('>')?;
    let id = inside.split('|').next().unwrap_or_default();
    let fits = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    fits.then_some((inside, after))
}

/// The id and the name in a link of Slack's.
fn id_and_name(inside: &str) -> (String, Option<String>) {
    let (id, name) = inside.split_once('|').unwrap_or((inside, ""));
    let name = Some(name.trim()).filter(|name| !name.is_empty());
    (id.to_owned(), name.map(str::to_owned))
}

/// Where the link to an assignee or to a channel begins in a text, if its id is what counts.
pub(in crate::grammar) fn assignee(text: &str) -> Option<usize> {
    let mut words = Words::new(text);
    let is_incident = words.next().map(bare).and_then(Verb::named) == Some(Verb::ManageIncident);
    let part = bare(words.next()?);
    let is_meant = match words.rest.get(..2) {
        Some("<@") => part.parse::<IncidentRole>().is_ok(),
        Some("<#") => part.eq_ignore_ascii_case("move"),
        Some(_) | None => false,
    };
    (is_incident && is_meant).then(|| text.trim_end().len() - words.rest.len())
}

/// Reads the reason that the rest is; `beginning` is the request before it.
fn because(words: Words<'_>, beginning: &str) -> Result<Option<String>, Misread> {
    reason(words, |words| {
        vec![format!(
            "{} {beginning} because {}",
            Verb::ManageIncident,
            words.rest
        )]
    })
}

fn required(because: Option<String>, beginning: &str) -> Result<String, Misread> {
    because
        .filter(|because| has_content(because))
        .ok_or_else(|| Misread::MissingReason {
            verb: Verb::ManageIncident,
            beginning: beginning.to_owned(),
        })
}

fn expect_end(words: Words<'_>, beginning: &str) -> Result<(), Misread> {
    match words.at_end() {
        true => Ok(()),
        false => Err(Misread::TrailingWords {
            words: words.rest.to_owned(),
            suggestions: match beginning {
                "show" => vec![],
                _ => vec![format!("{} {beginning} me", Verb::ManageIncident)],
            },
        }),
    }
}

fn bad(sentence: String) -> Misread {
    Misread::BadArgument {
        verb: Verb::ManageIncident,
        sentence,
    }
}

/// A word as it is named in a sentence: `"p9"`, or that there is none.
fn named(word: &str) -> String {
    match word {
        "" => "there is nothing".to_owned(),
        word => format!("there is \"{}\"", crate::grammar::misread::excerpt(word)),
    }
}

fn no_part(part: &str) -> Misread {
    let roles = IncidentRole::VARIANTS.iter().map(ToString::to_string);
    let milestones = Milestone::VARIANTS.iter().map(ToString::to_string);
    let all: Vec<String> = PARTS
        .iter()
        .map(ToString::to_string)
        .chain(roles)
        .chain(milestones)
        .collect();
    let meant = match nearest(part, all.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean `incident {meant}`?"),
        None => "`help incident` shows what it can be followed by.".to_owned(),
    };
    bad(format!(
        "Nothing was changed, because \"{}\" cannot follow `incident`: {meant}",
        crate::grammar::misread::excerpt(part)
    ))
}

fn no_severity(word: &str) -> Misread {
    bad(format!(
        "Nothing was changed, because {} where the severity should stand: write `incident severity P1`, P2, P3 or P4.",
        named(word)
    ))
}

fn no_status(word: &str) -> Misread {
    bad(format!(
        "Nothing was changed, because {} where the status should stand: write `incident status investigating`, identified, monitoring or resolved.",
        named(word)
    ))
}

fn no_assignee(role: IncidentRole, word: &str) -> Misread {
    bad(format!(
        "Nothing was changed, because {} where somebody's name should stand: write `incident {role} me`, or mention them, choosing the name from Slack's list.",
        named(word)
    ))
}

fn no_reference(part: &str, word: &str) -> Misread {
    bad(format!(
        "Nothing was changed, because {} where a ticket should stand: write its key or its address in one word of at most {REFERENCE_AT_MOST} characters, `incident {part} SHOP-123`.",
        named(word)
    ))
}

fn no_channel(word: &str) -> Misread {
    bad(format!(
        "Nothing was changed, because {} where a channel should stand: write `incident move #`, and choose the channel from Slack's list.",
        named(word)
    ))
}

fn no_time(milestone: Milestone) -> Misread {
    let instead = match milestone {
        Milestone::Resolved => " `incident resolve` ends it now.",
        Milestone::Started | Milestone::Detected | Milestone::Reported | Milestone::Mitigated => "",
    };
    bad(format!(
        "Nothing was changed, because the time is missing: write, for example, `incident {milestone} 02:55 because the graph shows it`.{instead}"
    ))
}

impl fmt::Display for Assignee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Assignee::Asker => f.write_str("me"),
            Assignee::Mentioned { id, name: None } => write!(f, "<@{id}>"),
            Assignee::Mentioned {
                id,
                name: Some(name),
            } => write!(f, "<@{id}|{name}>"),
        }
    }
}

impl fmt::Display for ManageIncident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = Verb::ManageIncident;
        match self {
            ManageIncident::Show => write!(f, "{verb}"),
            ManageIncident::Open { severity, because } => {
                write!(f, "{verb} open")?;
                if let Some(severity) = severity {
                    write!(f, " {severity}")?;
                }
                write!(f, "{}", Because(because.as_deref()))
            }
            ManageIncident::Severity { severity, because } => {
                write!(
                    f,
                    "{verb} severity {severity}{}",
                    Because(because.as_deref())
                )
            }
            ManageIncident::Assign { role, assignee } => write!(f, "{verb} {role} {assignee}"),
            ManageIncident::Status { status, because } => {
                write!(f, "{verb} status {status}{}", Because(because.as_deref()))
            }
            ManageIncident::Time {
                milestone,
                at,
                because,
            } => write!(f, "{verb} {milestone} {at}{}", Because(Some(because))),
            ManageIncident::Reopen { because } => {
                write!(f, "{verb} reopen{}", Because(Some(because)))
            }
            ManageIncident::Link { reference } => {
                write!(f, "{verb} link {}", Literal(reference))
            }
            ManageIncident::Unlink { reference } => {
                write!(f, "{verb} unlink {}", Literal(reference))
            }
            ManageIncident::Move { to, name: None } => write!(f, "{verb} move <#{to}>"),
            ManageIncident::Move {
                to,
                name: Some(name),
            } => write!(f, "{verb} move <#{to}|{name}>"),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::{prelude::*, sample::select};

    use super::*;
    use crate::grammar::{
        Request,
        samples::{
            any_reason, any_required_reason, any_when, because, clock, misreads, no_reason, reads,
            trailing,
        },
    };

    pub fn any() -> impl Strategy<Value = ManageIncident> {
        let severity = || select(Severity::VARIANTS);
        let assignee = prop_oneof![
            Just(Assignee::Asker),
            (
                "U[A-Z0-9]{2,10}",
                proptest::option::of("[a-z][a-z. ]{0,8}[a-z]")
            )
                .prop_map(|(id, name)| Assignee::Mentioned {
                    id,
                    // What a text with two blanks in a row reads as.
                    name: name.map(|name| name
                        .split(' ')
                        .filter(|word| !word.is_empty())
                        .collect::<Vec<_>>()
                        .join(" ")),
                }),
        ];
        prop_oneof![
            Just(ManageIncident::Show),
            (proptest::option::of(severity()), any_reason())
                .prop_map(|(severity, because)| ManageIncident::Open { severity, because }),
            (severity(), any_reason())
                .prop_map(|(severity, because)| ManageIncident::Severity { severity, because }),
            (select(IncidentRole::VARIANTS), assignee)
                .prop_map(|(role, assignee)| ManageIncident::Assign { role, assignee }),
            (select(IncidentStatus::VARIANTS), any_reason())
                .prop_map(|(status, because)| ManageIncident::Status { status, because }),
            (
                select(Milestone::VARIANTS),
                any_when(),
                any_required_reason()
            )
                .prop_map(|(milestone, at, because)| ManageIncident::Time {
                    milestone,
                    at,
                    because,
                }),
            any_required_reason().prop_map(|because| ManageIncident::Reopen { because }),
            "[A-Z]{2,6}-[0-9]{1,5}".prop_map(|reference| ManageIncident::Link { reference }),
            "https://[a-z]{1,9}\\.example\\.com/[a-z0-9/-]{0,20}"
                .prop_map(|reference| ManageIncident::Unlink { reference }),
            (
                "C[A-Z0-9]{2,10}",
                proptest::option::of("[a-z][a-z0-9-]{0,8}")
            )
                .prop_map(|(to, name)| ManageIncident::Move { to, name }),
        ]
    }

    #[test]
    fn managing_an_incident() {
        let incident = Request::ManageIncident;
        let assign = |role, assignee| incident(ManageIncident::Assign { role, assignee });
        let mentioned = |id: &str, name: Option<&str>| Assignee::Mentioned {
            id: id.into(),
            name: name.map(str::to_owned),
        };
        reads([
            ("incident", incident(ManageIncident::Show)),
            ("incident show", incident(ManageIncident::Show)),
            (
                "Incident open p1, because checkout 500s",
                incident(ManageIncident::Open {
                    severity: Some(Severity::P1),
                    because: because("checkout 500s"),
                }),
            ),
            (
                "incident open - checkout 500s",
                incident(ManageIncident::Open {
                    severity: None,
                    because: because("checkout 500s"),
                }),
            ),
            (
                "incident severity P3",
                incident(ManageIncident::Severity {
                    severity: Severity::P3,
                    because: None,
                }),
            ),
            (
                "incident lead me",
                assign(IncidentRole::Lead, Assignee::Asker),
            ),
            (
                "incident comms <@U0ANA>",
                assign(IncidentRole::Communications, mentioned("U0ANA", None)),
            ),
            (
                "incident scribe <@U0SAM|Sam of Shop>.",
                assign(
                    IncidentRole::Scribe,
                    mentioned("U0SAM", Some("Sam of Shop")),
                ),
            ),
            (
                "incident status Identified because it is the tax engine",
                incident(ManageIncident::Status {
                    status: IncidentStatus::Identified,
                    because: because("it is the tax engine"),
                }),
            ),
            (
                "incident resolve",
                incident(ManageIncident::Status {
                    status: IncidentStatus::Resolved,
                    because: None,
                }),
            ),
            (
                "incident started @02:55 because the graph shows it",
                incident(ManageIncident::Time {
                    milestone: Milestone::Started,
                    at: When::Moment(clock(2, 55, 0)),
                    because: "the graph shows it".into(),
                }),
            ),
            (
                "incident mitigated now because it is back",
                incident(ManageIncident::Time {
                    milestone: Milestone::Mitigated,
                    at: When::Moment(Moment::Ago { seconds: 0 }),
                    because: "it is back".into(),
                }),
            ),
            (
                "incident reopen because it is back",
                incident(ManageIncident::Reopen {
                    because: "it is back".into(),
                }),
            ),
            (
                "incident link <https://tickets.example.com/SHOP-1>",
                incident(ManageIncident::Link {
                    reference: "https://tickets.example.com/SHOP-1".into(),
                }),
            ),
            (
                "incident link https://tickets.example.com/?a=1&amp;b=&lt;c&gt;",
                incident(ManageIncident::Link {
                    reference: "https://tickets.example.com/?a=1&b=<c>".into(),
                }),
            ),
            (
                "incident unlink SHOP-1",
                incident(ManageIncident::Unlink {
                    reference: "SHOP-1".into(),
                }),
            ),
            (
                "incident move <#C0INC|inc-1>",
                incident(ManageIncident::Move {
                    to: "C0INC".into(),
                    name: Some("inc-1".into()),
                }),
            ),
        ]);
        misreads([
            ("incident close", no_part("close")),
            ("incident link", no_reference("link", "")),
            ("incident unlink …", no_reference("unlink", "")),
            ("incident move #inc-1", no_channel("#inc-1")),
            (
                "incident link SHOP-1 please",
                trailing("please", &["incident link SHOP-1"]),
            ),
            ("incident severity", no_severity("")),
            ("incident severity P5", no_severity("P5")),
            ("incident status fixed", no_status("fixed")),
            ("incident lead", no_assignee(IncidentRole::Lead, "")),
            ("incident lead sam", no_assignee(IncidentRole::Lead, "sam")),
            ("incident lead <@>", no_assignee(IncidentRole::Lead, "<@>")),
            ("incident started", no_time(Milestone::Started)),
            ("incident started because x", no_time(Milestone::Started)),
            (
                "incident started soon because x",
                Misread::BadMoment {
                    word: "soon".into(),
                },
            ),
            (
                "incident mitigated 03:20",
                no_reason(Verb::ManageIncident, "mitigated 03:20"),
            ),
            ("incident reopen", no_reason(Verb::ManageIncident, "reopen")),
            (
                "incident open checkout 500s",
                trailing("checkout 500s", &["incident open because checkout 500s"]),
            ),
            (
                "incident lead me please",
                trailing("please", &["incident lead me"]),
            ),
        ]);
    }

    #[test]
    fn what_is_wrong_is_named_with_the_next_step() {
        insta::assert_snapshot!(no_part("resolved!"), @r#"Nothing was changed, because "resolved!" cannot follow `incident`: did you mean `incident resolved`?"#);
        insta::assert_snapshot!(no_part("zebra"), @r#"Nothing was changed, because "zebra" cannot follow `incident`: `help incident` shows what it can be followed by."#);
        insta::assert_snapshot!(no_severity("P5"), @r#"Nothing was changed, because there is "P5" where the severity should stand: write `incident severity P1`, P2, P3 or P4."#);
        insta::assert_snapshot!(no_status(""), @"Nothing was changed, because there is nothing where the status should stand: write `incident status investigating`, identified, monitoring or resolved.");
        insta::assert_snapshot!(no_assignee(IncidentRole::Lead, "sam"), @r#"Nothing was changed, because there is "sam" where somebody's name should stand: write `incident lead me`, or mention them, choosing the name from Slack's list."#);
        insta::assert_snapshot!(no_time(Milestone::Started), @"Nothing was changed, because the time is missing: write, for example, `incident started 02:55 because the graph shows it`.");
    }
}
