//! Crash points: the places where the record and the world can part.
//!
//! Without the feature `crash-points` a point is nothing. With it, a process whose environment
//! names one in `ROLLBACK_BOT_CRASH_AT` kills itself there, the first time it comes by or, with
//! `name:n`, the nth: a real SIGKILL, after which nothing is written, sent or released. The tests
//! in `tests/machines/` do that to every one of them. With `name:stop` it stands still there, by a
//! SIGSTOP, until somebody sends it SIGCONT.

use std::time::Duration;

/// A place where the process may end. In the order in which a rollback comes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "crash-points",
    derive(strum::VariantArray, strum::IntoStaticStr),
    strum(serialize_all = "kebab-case")
)]
pub enum Point {
    /// The database is open, and nothing listens yet.
    DatabaseOpened,
    /// A command was read, and nothing of it is stored.
    #[cfg_attr(feature = "crash-points", strum(serialize = "command-received"))]
    CommandRead,
    /// Input is in a transaction that is not committed.
    InputUncommitted,
    /// A command is stored, and the person who typed it has no answer.
    CommandStored,
    /// A rollback's own job is leased, and nothing was done.
    DriveLeased,
    /// One source of roles has answered, and others may not have.
    RoleSourceRead,
    /// The platform and the people were read for a plan, and no plan is stored.
    PlanRead,
    /// A change of a rollback is in a transaction that is not committed.
    DecisionUncommitted,
    /// The plan is stored, and its card is not posted.
    PlanStored,
    /// The card is drawn, and not posted.
    CardUnposted,
    /// The card is posted, and where is not stored.
    CardPosted,
    /// Where the card is, is stored.
    CardStored,
    /// A click was read, and nothing of it is stored.
    #[cfg_attr(feature = "crash-points", strum(serialize = "click-received"))]
    ClickRead,
    /// A click is stored, and Slack was not answered.
    ClickStored,
    /// What a person does is leased, and nobody was asked who they are.
    ActLeased,
    /// Who a person is, and who is in the roles, was read; nothing is decided.
    RolesRead,
    /// What a person did is decided and stored.
    ActStored,
    /// It is approved, and the platform is not read again yet.
    RecheckBegun,
    /// The platform was read again, and nothing of that is stored.
    Rechecked,
    /// That the platform is asked is stored, and it was not asked.
    AskingStored,
    /// Nothing is in the way of asking the platform any more.
    AskingNow,
    /// The rollbacks of the members of a group's first stage are stored, and none was read again.
    StageBegun,
    /// The members of a group were looked at, and nothing of that is stored.
    MembersLooked,
    /// What has become of the members of a group is stored, and the next stage with it.
    MembersStored,
    /// The platform was asked, and its answer is not stored.
    Asked,
    /// The platform was asked to hold automatic deploys off, and its answer is not stored.
    PinAsked,
    /// That automatic deploys are held off is stored, and nothing else was asked.
    PinStored,
    /// A step was accepted, and that the next one is asked for is stored; it was not asked.
    StepStored,
    /// That people are needed is stored, and nobody knows.
    PeopleNeededStored,
    /// Automatic deploys are to go live again after a rollback that changed nothing, and the
    /// platform was not asked.
    PinUntaken,
    /// The platform was asked to let automatic deploys go live again, and its answer is not stored.
    PinTakenBack,
    /// The platform's answer is stored.
    AnswerStored,
    /// What the platform serves was read back, and is not stored.
    ReadBack,
    /// The service was looked at from outside, and the result is not stored.
    ProofLooked,
    /// A round of the proof is stored.
    ProofStored,
    /// The card is drawn anew, and not edited.
    CardUnedited,
    /// Nothing is in the way of editing the card any more.
    CardEditing,
    /// The card is edited, and which revision it shows is not stored.
    CardEdited,
    /// How it turned out is not posted.
    OutcomeUnposted,
    /// How it turned out is posted, and that is not stored.
    OutcomePosted,
    /// That the outcome was posted is stored.
    OutcomeStored,
    /// Production was looked at during the watch, and nothing of that is stored.
    WatchLooked,
    /// It is closed, and its timeline is not exported.
    Closed,
    /// Slack has given the place for a file, and no byte was sent.
    UploadTicket,
    /// The bytes are with Slack, and nobody can see them.
    UploadBytes,
    /// The file is in the channel, and that is not stored.
    UploadCompleted,
    /// That the file was uploaded is stored.
    ExportStored,
    /// A form is to be opened, and Slack was not asked.
    FormUnopened,
    /// A form is open, and that is not stored.
    FormOpened,
    /// A form was saved, and nothing of it is stored.
    #[cfg_attr(feature = "crash-points", strum(serialize = "form-received"))]
    FormRead,
    /// A form is stored, and Slack was not answered.
    FormStored,
    /// The message about an emergency run is not posted.
    #[cfg_attr(feature = "crash-points", strum(serialize = "break-glass-unposted"))]
    BreakGlassUnposted,
    /// The message about an emergency run is posted, and where is not stored.
    #[cfg_attr(feature = "crash-points", strum(serialize = "break-glass-posted"))]
    BreakGlassPosted,
    /// The page is not sent to PagerDuty.
    PageUnsent,
    /// The page was sent to PagerDuty, and that is not stored.
    PageSent,
    /// The page was sent, and that is stored.
    PageStored,
    /// An event is stored, and Slack was not answered.
    EventStored,
    /// Something is to be said in the channel, and was not.
    PostUnposted,
    /// Something was said in the channel, and that is not stored.
    PostPosted,
}

/// Ends or stops the process here if the environment names this point.
#[cfg(not(feature = "crash-points"))]
pub const fn point(_: Point) {}

/// Ends or stops the process here if the environment names this point.
#[cfg(feature = "crash-points")]
#[expect(
    clippy::print_stderr,
    reason = "its last words, for the tests that end it"
)]
pub fn point(here: Point) {
    use std::sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    };
    static CRASH_AT: OnceLock<Option<(String, u32, bool)>> = OnceLock::new();
    static TIMES: AtomicU32 = AtomicU32::new(0);
    let crash_at = CRASH_AT.get_or_init(|| {
        let setting = std::env::var("ROLLBACK_BOT_CRASH_AT").ok()?;
        let mut parts = setting.split(':');
        let name = parts.next()?.to_owned();
        let (mut nth, mut stops) = (1, false);
        for part in parts {
            match part.parse() {
                Ok(n) => nth = n,
                Err(_) => stops = part == "stop",
            }
        }
        Some((name, nth, stops))
    });
    let Some((name, nth, stops)) = crash_at else {
        return;
    };
    if <&str>::from(here) != name || TIMES.fetch_add(1, Ordering::SeqCst) + 1 != *nth {
        return;
    }
    let send = |signal| {
        let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
    };
    if *stops {
        eprintln!("stands still at {name}");
        send(rustix::process::Signal::STOP);
        // The signal may reach another thread first: this one must not run on meanwhile.
        std::thread::sleep(Duration::from_millis(50));
        return;
    }
    // The last words, so that a test can tell this end from another one.
    eprintln!("crash point {name}");
    send(rustix::process::Signal::KILL);
    // It may take a moment: nothing more is done here.
    loop {
        std::thread::park();
    }
}

/// How long a lease lasts.
#[cfg(not(feature = "crash-points"))]
pub const fn lease(lasts: Duration) -> Duration {
    lasts
}

/// How long a lease lasts, unless the environment says otherwise in `ROLLBACK_BOT_LEASE_SECONDS`.
#[cfg(feature = "crash-points")]
pub fn lease(lasts: Duration) -> Duration {
    static SECONDS: std::sync::OnceLock<Option<u64>> = std::sync::OnceLock::new();
    let seconds = SECONDS.get_or_init(|| {
        let setting = std::env::var("ROLLBACK_BOT_LEASE_SECONDS").ok()?;
        setting.parse().ok()
    });
    seconds.map_or(lasts, Duration::from_secs)
}
