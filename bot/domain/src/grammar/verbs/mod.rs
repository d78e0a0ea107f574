//! The verbs, one file each, and the table that lists them.
//!
//! To add a verb, copy the file of one that takes the same words. The file has a struct with what
//! the request holds, a `SPEC` with the verb's words and its help, how it is read (`parse`) and
//! printed (`Display`), and its tests. Then name it twice here, as a module and in the table, and
//! take its word out of `PLANNED` if it is there. The enums, the reserved words, what `help` lists
//! and the tests of all verbs follow from the table. What the bot does about it is a file in
//! `bot/commands`.

mod action;
mod approve;
mod assess;
mod bad;
mod board;
mod break_glass;
mod catch_up;
mod checklist;
mod contacts;
mod deny;
mod doctor;
mod drill;
mod export;
mod freeze;
mod good;
mod help;
mod incident;
mod list;
mod note;
mod object;
mod pins;
mod plan;
mod post_mortem;
mod propose;
mod ready;
mod resolve;
mod review;
mod reviewed;
mod sign_off;
mod stats;
mod status;
mod stop;
mod timeline;
mod undo;
mod unfreeze;
mod unpin;
mod update;
mod who;
mod why;
mod withdraw;

mod table;

use std::{fmt, sync::LazyLock};

use super::{
    misread::Misread,
    words::{Words, nearest},
};

use table::define_verbs;

pub use {
    action::Due, checklist::ChecklistStep, export::ExportFormat, help::help, incident::Assignee,
    review::ReviewAnswer, reviewed::ReviewSubject,
};
pub(super) use {action::owner, export::format_named, incident::assignee};

/// The table of verbs: calls a macro with a line `module: Struct` for every verb. `help` lists them
/// in this order.
#[macro_export]
macro_rules! for_every_verb {
    ($make:ident) => {
        $make! {
            board: Board,
            propose: Propose,
            plan: Plan,
            list: List,
            assess: Assess,
            ready: Ready,
            stats: Stats,
            status: Status,
            approve: Approve,
            deny: Deny,
            object: Object,
            withdraw: Withdraw,
            who: Who,
            why: Why,
            contacts: Contacts,
            stop: Stop,
            resolve: Resolve,
            sign_off: SignOff,
            break_glass: BreakGlass,
            review: Review,
            undo: Undo,
            pins: Pins,
            unpin: Unpin,
            freeze: Freeze,
            unfreeze: Unfreeze,
            bad: MarkBad,
            good: MarkGood,
            incident: ManageIncident,
            note: Note,
            timeline: Timeline,
            export: Export,
            catch_up: CatchUp,
            post_mortem: PostMortem,
            update: DraftUpdate,
            action: Action,
            checklist: Checklist,
            reviewed: RecordReview,
            doctor: Doctor,
            drill: Drill,
            help: Help,
        }
    };
}

for_every_verb!(define_verbs);

/// What the grammar knows of a verb besides how it is read and printed.
struct Spec {
    /// The words it can be called by, in lower case, its name first. Empty for a request that
    /// starts with no word of its own.
    words: &'static [&'static str],
    /// What stands first after its word.
    takes: Takes,
    /// Whether it is refused without a reason.
    needs_reason: bool,
    /// Its place in the list of all verbs.
    listing: Listing,
    /// The lines that `help` and its name show. Empty where no word asks for them.
    help: &'static [&'static str],
}

/// What stands first after the word of a verb.
enum Takes {
    Nothing,
    /// The number of a rollback, always.
    Rollback,
    /// Something else, or one of several things.
    Other,
}

/// How a verb stands in the list of all verbs. `examples` are whole requests in backticks.
enum Listing {
    /// A line with a sentence that belongs to no example.
    Sentence(&'static str),
    /// A line that begins with examples and ends with what they do.
    Line {
        examples: &'static str,
        meaning: &'static str,
    },
    /// More examples on the line of the verb before it in the table. `meaning` goes on where the
    /// meaning of that line ends; it is empty where nothing is left to say.
    SameLine {
        examples: &'static str,
        meaning: &'static str,
    },
}

/// Words that are kept because they mean something inside requests, or are answers to a question.
const SMALL_WORDS: &[&str] = &["because", "no", "ok", "prev", "previous", "to", "yes"];

/// Words that are kept for verbs to come.
const PLANNED: &[&str] = &["board", "forward", "open", "page", "pin", "rollback"];

/// The words that no service may be called: all words of all verbs, and those that are kept.
pub static RESERVED: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let kept = SMALL_WORDS.iter().chain(PLANNED);
    let verbs = Verb::ALL.iter().flat_map(|verb| verb.spec().words);
    verbs.chain(kept).copied().collect()
});

impl Verb {
    /// What logs and metrics call it: its word, or `board` or `propose`.
    pub fn name(self) -> &'static str {
        self.word().unwrap_or(self.module())
    }

    /// The word that its requests start with; `None` for the board and for a proposal.
    pub fn word(self) -> Option<&'static str> {
        self.spec().words.first().copied()
    }

    /// The verb that has `word`, in any case, as its name or as another word for it.
    pub fn named(word: &str) -> Option<Verb> {
        let word = word.to_ascii_lowercase();
        Verb::ALL
            .iter()
            .copied()
            .find(|verb| verb.spec().words.contains(&word.as_str()))
    }

    /// The verb whose name `word` is most likely a misspelling of, if one is near enough.
    fn nearest(word: &str) -> Option<Verb> {
        nearest(word, Verb::ALL.iter().filter_map(|verb| verb.word())).and_then(Verb::named)
    }

    /// Whether it is refused without a reason.
    pub(super) fn needs_reason(self) -> bool {
        self.spec().needs_reason
    }

    /// The beginning of its requests: its word and a space, if it has a word.
    pub(super) fn prefix(self) -> String {
        self.word().map_or(String::new(), |word| format!("{word} "))
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{
        prop_assert_eq,
        test_runner::{Config, TestRunner},
    };

    use super::*;
    use crate::grammar::{ServiceRef, parse, samples::verb_words};

    /// The verbs that are a word, and that word.
    fn with_a_word() -> impl Iterator<Item = (Verb, &'static str)> {
        Verb::ALL
            .iter()
            .filter_map(|verb| Some((*verb, verb.word()?)))
    }

    /// The whole requests that the help of a verb shows.
    fn examples(verb: Verb) -> Vec<&'static str> {
        let listed = match verb.spec().listing {
            Listing::Sentence(sentence) => sentence,
            Listing::Line { examples, .. } | Listing::SameLine { examples, .. } => examples,
        };
        [&[listed], verb.spec().help]
            .concat()
            .into_iter()
            .flat_map(|line| line.split('`').skip(1).step_by(2))
            .filter(|example| !example.starts_with("to ") && Verb::named(example).is_none())
            .collect()
    }

    #[test]
    fn a_word_is_one_verb() {
        assert_eq!(
            RESERVED.iter().collect::<BTreeSet<_>>().len(),
            RESERVED.len()
        );
        for verb in Verb::ALL {
            assert!(!verb.name().is_empty());
            for word in verb.spec().words {
                assert_eq!(Verb::named(word), Some(*verb), "{word}");
                assert_eq!(Verb::named(&word.to_uppercase()), Some(*verb), "{word}");
            }
        }
    }

    #[test]
    fn some_verbs_have_other_words() {
        for (word, verb) in [
            ("cancel", Verb::Stop),
            ("break-glass", Verb::BreakGlass),
            ("LOCK", Verb::Freeze),
            ("unlock", Verb::Unfreeze),
            ("tl", Verb::Timeline),
        ] {
            assert_eq!(Verb::named(word), Some(verb));
        }
    }

    #[test]
    fn no_service_is_called_by_a_reserved_word() {
        for (verb, word) in with_a_word() {
            assert!(RESERVED.contains(&word), "{verb}");
        }
        for word in RESERVED.iter() {
            assert!(!matches!(parse(word), Ok(Request::Propose(_))), "{word}");
            assert!(word.parse::<ServiceRef>().is_err(), "{word}");
        }
    }

    #[test]
    fn every_verb_has_help() {
        let list = help(None);
        for (verb, word) in with_a_word() {
            assert!(list.contains(&format!("`{word}")), "{verb}");
            let help = help(Some(verb));
            assert!(help.starts_with(&format!("`{word}")), "{verb}");
            assert!(help.lines().count() <= 4, "{verb}");
        }
        for help in Verb::ALL.iter().map(|verb| help(Some(*verb))) {
            assert!(help.chars().count() < 3_000, "one section of a message");
            assert!(!help.contains(['<', '>', '&']), "{help}");
        }
        assert_eq!(help(Some(Verb::Board)), list);
    }

    #[test]
    fn help_lists_the_verbs_in_the_order_of_the_table() {
        insta::assert_snapshot!(help(None), @r#"
        /rollback alone lists the services. A proposal changes nothing: its card says what it needs to run.
        `frontend@production to prev because checkout 500s`: propose a rollback
            `to prev` (if left out), `to v212`, an id, a sha, or what was live then: `to @02:40`, `to @-45m`
        `plan frontend`: the same, only for you; nothing is proposed
        `list frontend`: the last releases, good and bad
        `assess frontend payments errors 6%`: what your decision matrix says; nothing is proposed
        `ready`, `ready frontend`: whether it could be rolled back now: token, target, approvers, checks
        `stats`, `stats frontend`: how rollbacks went in the last 90 days, and where the time went
        `status`, `status RB-41`, `status frontend`: where it stands
        `approve RB-41`, `deny RB-41 because too risky`: decide on a rollback
        `object RB-41 because sales end at noon`, `withdraw RB-41`: speak against it, or take your own approval back
        `who RB-41`, `why RB-41`, `contacts frontend`: who may approve now, whether you may, and whom to reach
        `stop RB-41`, `resolve RB-41 done because I see it live`: cancel it while that is possible; record how it ended when the platform does not say
        `signoff RB-41 merge-pr done`: say that a manual task of the plan is done
        `breakglass RB-41`: emergency run, when no approver can be reached and it cannot wait; explained and reviewed afterwards
        `review RB-41 justified because carts were lost`: say afterwards whether the emergency run was right
        `undo RB-41`: propose to return to the version it replaced
        `pins`, `unpin frontend`: where automatic deploys are held off; let them flow again
        `freeze frontend because we migrate`, `unfreeze frontend`: request a hold, shown on every card; approvers can still approve
        `bad frontend v214 because it loses carts`, `good frontend v214`: mark a release: going to it needs a reason
        `incident`, `incident open P1`, `incident lead me`, `incident resolve`: show the incident of this channel, declare it, say who does what, end it
        `note checkout is back`, `note -5m paged the team`, `note edit it was 6 %`: write into the timeline, or correct your last note
        `timeline`, `export`, `export RB-41 html`: read it, or take it away
        `catchup`: where the incident stands, in ten lines, only for you
        `postmortem`, `postmortem root cause: tax engine`: draft it from the record; add what only you know
        `update`, `update monitoring`: draft an update from the record, for the team or for customers
        `action add "test empty carts" due friday`, `action list`, `action done 3`: what is to be done afterwards; its owner is reminded
        `checklist`, `checklist done 3`: what is to be looked at before, during and after a rollback
        `reviewed frontend`, `reviewed`: say that its settings still hold; see what is due
        `doctor`: what is missing for me to work, and what to do about it
        `drill frontend@staging`, `drill note nobody knew who approves`, `drill`, `drill report`: practise a rollback, note what was learned, see what is due
        `help approve`: more about one of them
        "#);
    }

    #[test]
    fn what_help_shows_is_understood() {
        for verb in Verb::ALL {
            for example in examples(*verb) {
                let request = parse(example).unwrap_or_else(|misread| panic!("{misread}"));
                assert_eq!(parse(&request.to_string()), Ok(request), "{example}");
            }
        }
    }

    #[test]
    fn a_printed_request_reads_as_itself() {
        for verb in Verb::ALL {
            let mut runner = TestRunner::new(Config::with_cases(100));
            let tested = runner.run(&verb.any_request(), |request| {
                prop_assert_eq!(request.verb(), *verb);
                prop_assert_eq!(parse(&request.to_string()), Ok(request));
                Ok(())
            });
            assert_eq!(tested, Ok(()), "{verb}");
        }
    }

    #[test]
    fn a_reason_is_needed_where_a_verb_says_so() {
        for verb in Verb::ALL {
            let beginnings: Vec<&str> = examples(*verb)
                .into_iter()
                .filter_map(|example| Some(example.split_once(" because ")?.0))
                .collect();
            assert!(!beginnings.is_empty() || !verb.needs_reason(), "{verb}");
            for text in beginnings {
                let is_refused = matches!(parse(text), Err(Misread::MissingReason { .. }));
                assert_eq!(is_refused, verb.needs_reason(), "{text}");
            }
        }
    }

    #[test]
    fn a_verb_takes_what_it_says() {
        for (verb, word) in with_a_word() {
            let alone = parse(word);
            let with_a_service = parse(&format!("{word} frontend"));
            let needs_number = alone == Err(Misread::MissingNumber { verb });
            let takes_nothing = matches!(with_a_service, Err(Misread::TrailingWords { .. }));
            match verb.spec().takes {
                Takes::Nothing => assert!(takes_nothing, "{verb}"),
                Takes::Rollback => assert!(needs_number, "{verb}"),
                Takes::Other => assert!(!takes_nothing && !needs_number, "{verb}"),
            }
        }
    }

    /// One mistyped letter must not do something else. These pairs only answer.
    #[test]
    fn no_letter_makes_another_verb() {
        let words = verb_words();
        for (at, one) in words.iter().enumerate() {
            for other in &words[at + 1..] {
                let pair = [*one, *other];
                let only_answer = [["who", "why"], ["stats", "status"]].contains(&pair);
                let same = Verb::named(one) == Verb::named(other) || only_answer;
                assert!(
                    same || strsim::osa_distance(one, other) > 1,
                    "{one}, {other}"
                );
            }
        }
    }
}
