//! Every fact that can be recorded: its words, its JSON, and how it is stored. `docs/timeline.md`
//! is made from the samples below: `UPDATE_DOCS=1 cargo test -p rollback-domain --test timeline`
//! writes it anew.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

use jiff::Timestamp;
use rollback_domain::{
    action::Deadline,
    aftermath::MovedHow,
    grammar::{Moment, ReviewAnswer, Target},
    identity::{IncidentId, RollbackId, ServiceKey},
    incident::{
        ActionFact, Actor, Approved, AttachedFile, CaptureFact, CapturedMessage, ChecklistFact,
        CourseFact, Entry, Evidence, Fact, IncidentFact, IncidentRole, IncidentStatus, Instead,
        Kind, Lacking, MessageAuthor, Milestone, Moved, NamedAction, NamedSeverity, NotStarted,
        PeopleFact, ProofFact, ProposedChange, Reopening, RunningFact, Severity, TimelineEvent,
        UpdateFact, WaitingFact,
    },
    matrix::Advice,
    people::Person,
    plan::PlanHash,
    platform::Production,
    proof::{Baseline, CheckResult, Number, Reading, Round, StageResult, StagesEnd, Unit, Verdict},
    refusal::{Refusal, Source, Tone},
    release::Way,
    risk::Risk,
    rollback::Freeze,
    update::UpdateKind,
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, env, fmt::Write, fs, path::Path};
use strum::VariantNames;

fn at(clock: &str) -> Timestamp {
    format!("2026-03-14T{clock}Z").parse().unwrap()
}

fn all(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn plan() -> Option<PlanHash> {
    Some(PlanHash("625a0c1f".into()))
}

fn why(because: &str) -> Option<String> {
    Some(because.to_owned())
}

/// At least one of each.
fn samples() -> Vec<Fact> {
    let mut samples: Vec<Fact> = of_the_incident().into_iter().map(Fact::from).collect();
    samples.extend(of_its_course().into_iter().map(Fact::from));
    samples.extend(of_captures().into_iter().map(Fact::from));
    samples.extend(of_updates().into_iter().map(Fact::from));
    samples.extend(of_actions().into_iter().map(Fact::from));
    samples.extend(of_checklists().into_iter().map(Fact::from));
    samples.extend(of_people().into_iter().map(Fact::from));
    samples.extend(while_it_waits().into_iter().map(Fact::from));
    samples.extend(what_ends_the_wait().into_iter().map(Fact::from));
    samples.extend(while_it_runs().into_iter().map(Fact::from));
    samples.extend(how_it_goes_on().into_iter().map(Fact::from));
    samples.extend(what_is_proven().into_iter().map(Fact::from));
    samples
}

fn captured(text: &str) -> CapturedMessage {
    CapturedMessage {
        channel: "C0SHOP".into(),
        ts: "1773457620.000100".into(),
        author: MessageAuthor::Person("U0KIM".into()),
        text: text.into(),
        files: vec![AttachedFile {
            name: "graph.png".into(),
            link: Some("https://acme.slack.com/files/U0KIM/F1/graph.png".into()),
        }],
        link: Some("https://acme.slack.com/archives/C0SHOP/p1773457620000100".into()),
        comment: None,
    }
}

fn of_its_course() -> Vec<CourseFact> {
    vec![
        CourseFact::Declared {
            because: why("checkout 500s"),
        },
        CourseFact::SeveritySet {
            severity: NamedSeverity {
                severity: Severity::P1,
                name: Some("shop down".into()),
            },
            because: None,
        },
        CourseFact::RoleAssigned {
            role: IncidentRole::Lead,
            person: "U0SAM".into(),
        },
        CourseFact::StatusChanged {
            from: IncidentStatus::Investigating,
            to: IncidentStatus::Identified,
            because: why("it is the tax engine"),
        },
        CourseFact::StatusChanged {
            from: IncidentStatus::Monitoring,
            to: IncidentStatus::Resolved,
            because: why("v213 holds"),
        },
        CourseFact::IncidentReopened {
            because: "it is back".into(),
        },
        CourseFact::TimeSet {
            milestone: Milestone::Started,
            at: at("02:55:00"),
            because: "the graph shows it".into(),
        },
        CourseFact::Linked {
            reference: "SHOP-123".into(),
        },
        CourseFact::Unlinked {
            reference: "https://tickets.example.com/SHOP-12".into(),
        },
        CourseFact::IncidentMoved {
            from: "C0SHOP".into(),
            to: "C0INC".into(),
        },
        CourseFact::DeadlinePassed {
            severity: NamedSeverity {
                severity: Severity::P1,
                name: Some("shop down".into()),
            },
            due: at("03:27:00"),
            person: Some("U0SAM".into()),
        },
        CourseFact::DeadlinePassed {
            severity: NamedSeverity {
                severity: Severity::P2,
                name: None,
            },
            due: at("04:12:00"),
            person: None,
        },
    ]
}

fn of_updates() -> Vec<UpdateFact> {
    let published = |update, corrects, because| UpdateFact::UpdatePublished {
        update,
        update_kind: UpdateKind::Resolved,
        corrects,
        title: "Checkout".into(),
        text: "Checkout works again.".into(),
        channels: all(&["C0SHOP", "C0SUPPORT"]),
        outside: all(&["status-page"]),
        because,
    };
    vec![
        published(7, None, why("the shop was never down")),
        published(8, Some(7), None),
        UpdateFact::NoticeTaken {
            update: 7,
            place: "status-page".into(),
            id: "p31zjtct2jer".into(),
            link: Some("https://stspg.io/p31zjtct2jer".into()),
        },
        UpdateFact::NoticeRefused {
            update: 8,
            place: "status-page".into(),
            why: "Statuspage refused it (422): Name is too long".into(),
        },
        UpdateFact::UpdateReminded {
            due: at("03:42:00"),
            person: Some("U0ANA".into()),
        },
        UpdateFact::UpdateReminded {
            due: at("03:42:00"),
            person: None,
        },
    ]
}

fn of_actions() -> Vec<ActionFact> {
    let action = |text: &str, owner: Option<&str>| NamedAction {
        action: 3,
        text: text.into(),
        owner: owner.map(str::to_owned),
    };
    let day = Some(Deadline::On(jiff::civil::date(2026, 3, 20)));
    let moment = Some(Deadline::At(at("05:12:00")));
    vec![
        ActionFact::ActionAdded {
            action: action("test empty carts", Some("U0SAM")),
            due: day,
        },
        ActionFact::ActionAdded {
            action: action("page earlier", None),
            due: None,
        },
        ActionFact::PromiseMade {
            action: action("report what happened", Some("U0SAM")),
            due: moment,
        },
        ActionFact::ActionDone {
            action: action("test empty carts", Some("U0SAM")),
            file: None,
        },
        ActionFact::ActionDone {
            action: action("post-mortem", Some("U0SAM")),
            file: Some("2026-03-14-rollback-checkout-500s.md".into()),
        },
        ActionFact::ActionReminded {
            action: action("test empty carts", Some("U0SAM")),
            due: day,
            overdue: false,
        },
        ActionFact::ActionReminded {
            action: action("report what happened", Some("U0SAM")),
            due: moment,
            overdue: true,
        },
        ActionFact::PromiseDropped {
            action: action("report what happened", Some("U0SAM")),
        },
    ]
}

fn of_checklists() -> Vec<ChecklistFact> {
    vec![
        ChecklistFact::ItemTicked {
            item: 3,
            text: "Users can sign in".into(),
            because: None,
        },
        ChecklistFact::ItemTicked {
            item: 4,
            text: "The error rate is back to normal".into(),
            because: why("0.05 % since 03:15"),
        },
        ChecklistFact::ItemSkipped {
            item: 5,
            text: "The status page is updated".into(),
            because: why("we have none"),
        },
    ]
}

fn of_captures() -> Vec<CaptureFact> {
    vec![
        CaptureFact::Captured(captured("checkout 500s since the deploy")),
        CaptureFact::CaptureWithdrawn(captured("checkout 500s since the deploy")),
        CaptureFact::CaptureRevised(captured("checkout 500s since 02:55")),
        CaptureFact::Captured(CapturedMessage {
            comment: Some("the first sign of it".into()),
            ..captured("checkout 500s since the deploy")
        }),
        CaptureFact::CaptureDeleted(CapturedMessage {
            author: MessageAuthor::App("Grafana".into()),
            text: String::new(),
            ..captured("")
        }),
    ]
}

fn of_the_incident() -> Vec<IncidentFact> {
    let service = ServiceKey::new("frontend", "production");
    let refusal = Refusal::NotAuthorised {
        roles: all(&["oncall"]),
        people: all(&["U0SAM", "U0ANA"]),
    };
    let Fact::Incident(refused) = Fact::refused("approve", &refusal) else {
        panic!("a refusal belongs to the incident");
    };
    vec![
        IncidentFact::IncidentOpened {
            incident: IncidentId::new(12),
        },
        IncidentFact::Note {
            text: "error rate 6 % on the dashboard".into(),
        },
        IncidentFact::NoteCorrected {
            note: 7,
            text: "error rate 0.6 % on the dashboard".into(),
        },
        refused,
        IncidentFact::Frozen {
            service: service.clone(),
            because: "the sale ends at noon".into(),
        },
        IncidentFact::Unfrozen {
            service: service.clone(),
            because: None,
        },
        IncidentFact::Assessed {
            service: service.clone(),
            known: vec![
                "people cannot pay".into(),
                "6 % of requests fail".into(),
                "v214 has been live for 31 m".into(),
            ],
            measured: vec![],
            advice: Some(Advice::RollBackNow),
            row: Some("Payment processing is broken".into()),
            decide_by: None,
            against: vec!["v213 last served 41 h ago".into()],
        },
        IncidentFact::Assessed {
            service: service.clone(),
            known: vec![],
            measured: vec!["6.1 % of requests fail (error rate)".into()],
            advice: Some(Advice::AssessFirst),
            row: Some("Some errors".into()),
            decide_by: Some("2026-03-14T03:42:00Z".parse().expect("a moment")),
            against: vec![],
        },
        IncidentFact::Assessed {
            service: service.clone(),
            known: vec![],
            measured: vec![],
            advice: None,
            row: None,
            decide_by: None,
            against: vec![],
        },
        IncidentFact::DecisionDue {
            service: service.clone(),
            advice: Advice::RollBackNow,
            due: "2026-03-14T03:42:00Z".parse().expect("a moment"),
        },
        IncidentFact::MarkedBad {
            service: service.clone(),
            release: "dpl_v214".into(),
            label: "v214".into(),
            because: "it loses carts".into(),
        },
        IncidentFact::MarkedGood {
            service: service.clone(),
            release: "dpl_v214".into(),
            label: "v214".into(),
            because: None,
        },
        IncidentFact::Unpinned {
            service,
            because: why("the fix is in"),
            answer: "automatic deploys are on again".into(),
        },
        IncidentFact::Paging {
            summary: "RB-41 has waited since 03:12 UTC for an approval".into(),
        },
        IncidentFact::PageTaken {
            due: at("03:17:00"),
        },
        IncidentFact::PageRefused {
            why: "PagerDuty says invalid event".into(),
        },
        IncidentFact::PageNotResolved {
            why: "PagerDuty says invalid event".into(),
        },
        IncidentFact::Exported {
            file: "INC-12-RB-41-timeline.md".into(),
            entries: 14,
            bytes: 2_048,
        },
        IncidentFact::PostMortemProposed {
            file: "incidents/2026-03-14-rollback-checkout-500s.md".into(),
            link: "https://github.com/acme/incidents/pull/7".into(),
        },
        IncidentFact::ExportRefused {
            file: "INC-12-RB-41-timeline.md".into(),
            code: "missing_scope".into(),
        },
        IncidentFact::Unreached {
            people: all(&["U0MAYA", "U0SAM"]),
            channel: "C0SHOP".into(),
            code: "restricted_action".into(),
            instead: Instead::Channel {
                channel: "C0OPS".into(),
            },
        },
        IncidentFact::Unreached {
            people: all(&["U0MAYA"]),
            channel: "C0OPS".into(),
            code: "is_archived".into(),
            instead: Instead::Page,
        },
        IncidentFact::Unreached {
            people: all(&["U0MAYA"]),
            channel: "C0OPS".into(),
            code: "is_archived".into(),
            instead: Instead::Nothing,
        },
    ]
}

fn of_people() -> Vec<PeopleFact> {
    let requested = |target, undoes, because| PeopleFact::Requested {
        service: ServiceKey::new("frontend", "production"),
        target,
        undoes,
        because,
        part_of: None,
    };
    vec![
        PeopleFact::Requested {
            service: ServiceKey::new("frontend", "production"),
            target: Target::Previous,
            undoes: None,
            because: None,
            part_of: Some(RollbackId::new(41)),
        },
        requested(Target::Previous, None, why("checkout 500s")),
        requested(Target::Named("v212".into()), None, None),
        requested(
            Target::At(Moment::Ago { seconds: 2_700 }),
            None,
            why("it worked then"),
        ),
        requested(
            Target::Named("v214".into()),
            Some(RollbackId::new(41)),
            None,
        ),
        PeopleFact::Approved(Approved {
            plan: plan(),
            roles: all(&["oncall"]),
            seeing: vec![],
            typed: None,
            because: None,
            frozen: None,
        }),
        PeopleFact::Approved(Approved {
            plan: plan(),
            roles: all(&["oncall", "data_owner"]),
            seeing: all(&["v213 is not known to have served production"]),
            typed: why("v213"),
            because: why("carts are empty"),
            frozen: Some(Freeze {
                by: Person::new("U0TOM", "tom"),
                because: "the sale ends at noon".into(),
                at: at("03:00:00"),
            }),
        }),
        PeopleFact::StartedUnopposed {
            plan: plan(),
            roles: all(&["oncall"]),
        },
        PeopleFact::Withdrawn {
            because: why("rates recovered"),
        },
        PeopleFact::Objected {
            because: "the sale ends at noon".into(),
        },
        PeopleFact::BreakGlass {
            plan: plan(),
            because: "carts are lost".into(),
            review_due: at("23:12:00"),
        },
        PeopleFact::Reviewed {
            answer: ReviewAnswer::Justified,
            because: "nobody was awake".into(),
        },
        PeopleFact::SignedOff {
            task: "old-key".into(),
            done: true,
            note: why("revoked in the console"),
        },
        PeopleFact::SignedOff {
            task: "redirect".into(),
            done: false,
            note: None,
        },
        PeopleFact::Resolved {
            done: true,
            because: "the dashboard shows v213".into(),
        },
        PeopleFact::Denied {
            because: why("wait for the data owner"),
        },
        PeopleFact::Cancelled { because: None },
        PeopleFact::GroupStopped {
            not_run: all(&["backend", "frontend"]),
            because: Some("the backend is in use".into()),
        },
        PeopleFact::Retargeted { to: "v212".into() },
    ]
}

fn while_it_waits() -> Vec<WaitingFact> {
    let change = |undoes| ProposedChange {
        undoes,
        service: ServiceKey::new("frontend", "production"),
        from: "v214".into(),
        to: "v213".into(),
    };
    let escalated = |undoes, asked: &[&str], paged| WaitingFact::Escalated {
        rollback: RollbackId::new(41),
        waited_seconds: 300,
        change: change(undoes),
        asked: all(asked),
        paged,
    };
    vec![
        WaitingFact::Planned {
            from: Some("v214".into()),
            to: "v213".into(),
            risk: Risk::Code,
            plan: PlanHash("625a0c1f".into()),
        },
        WaitingFact::blocked(&Refusal::LiveUnknown {
            service: ServiceKey::new("frontend", "production"),
        }),
        WaitingFact::Reminded {
            rollback: RollbackId::new(41),
            waited_seconds: 60,
            asked: all(&["U0SAM", "U0ANA"]),
        },
        WaitingFact::Reminded {
            rollback: RollbackId::new(41),
            waited_seconds: 180,
            asked: vec![],
        },
        escalated(None, &["U0ANA"], true),
        escalated(Some(RollbackId::new(40)), &["U0ANA", "U0KIM"], false),
        WaitingFact::ReviewReminded {
            due: at("23:12:00"),
            overdue: false,
        },
        WaitingFact::NotKeptOpen {
            why: "vercel answered 503".into(),
        },
        WaitingFact::Rechecked { open_until: None },
        WaitingFact::Rechecked {
            open_until: Some(at("03:32:00")),
        },
    ]
}

fn what_ends_the_wait() -> Vec<WaitingFact> {
    let mut samples = vec![];
    samples.extend(
        [
            NotStarted::NotConfigured,
            NotStarted::AuthorityUnconfirmed {
                requester: Person::new("U0MAYA", "maya"),
            },
            NotStarted::PlanEnded,
            NotStarted::Frozen,
        ]
        .map(|why| WaitingFact::WindowEnded { why }),
    );
    samples.extend(
        [
            Reopening::ApprovalsLapsed,
            Reopening::Unreadable {
                why: "vercel answered 503".into(),
            },
        ]
        .map(|why| WaitingFact::Reopened { why }),
    );
    samples.extend(
        [
            Moved::NoPlan,
            Moved::Live {
                from: Some("v214".into()),
                to: None,
            },
            Moved::Target {
                from: "v213".into(),
                to: "v212".into(),
            },
            Moved::Surfaces,
            Moved::Pin,
            Moved::Effects,
        ]
        .map(|moved| WaitingFact::Superseded { moved }),
    );
    samples.extend(
        [
            Lacking::Time,
            Lacking::SomeApprovals,
            Lacking::EveryApproval,
        ]
        .map(|lacking| WaitingFact::Expired { lacking }),
    );
    samples
}

fn while_it_runs() -> Vec<RunningFact> {
    let reason = || "the deployment is gone".to_owned();
    vec![
        RunningFact::Executing {
            platform: "Vercel".into(),
            from: "v214".into(),
            to: "v213".into(),
        },
        RunningFact::StageBegun {
            stage: 2,
            stages: 3,
            members: all(&["backend", "worker"]),
        },
        RunningFact::GroupEnded {
            verified: 2,
            members: 3,
            others: all(&["frontend not run"]),
        },
        RunningFact::GroupEnded {
            verified: 3,
            members: 3,
            others: vec![],
        },
        RunningFact::Accepted {
            answer: "accepted the rollback".into(),
        },
        RunningFact::PlatformRefused { why: reason() },
        RunningFact::PlatformBusy {
            why: "another rollback is under way".into(),
        },
        RunningFact::Unanswered {
            why: "no answer within 10 s".into(),
        },
        RunningFact::AnswerLost {
            platform: "Vercel".into(),
            asked_at: at("03:13:00"),
        },
        RunningFact::AnsweredLate {
            answer: "accepted the rollback".into(),
        },
        RunningFact::StepExecuting {
            platform: "Docker".into(),
            step: "step 2/5: stop the old container".into(),
        },
        RunningFact::StepReady {
            answer: "the new container is healthy".into(),
            next: "stop the old container".into(),
        },
        RunningFact::TooManySteps {
            platform: "Docker".into(),
            asks: 20,
            next: "stop the old container".into(),
        },
        RunningFact::PeopleNeeded {
            answer: "waiting for the old key to be revoked".into(),
            tasks: all(&["old-key"]),
        },
    ]
}

fn how_it_goes_on() -> Vec<RunningFact> {
    let reason = || "the deployment is gone".to_owned();
    vec![
        RunningFact::Pinned { answer: None },
        RunningFact::Pinned {
            answer: Some("auto-deploy is off".into()),
        },
        RunningFact::PinLost,
        RunningFact::PinSnoozed {
            until: at("05:12:00"),
        },
        RunningFact::Serving {
            to: "v213".into(),
            n: 8,
            m: 8,
        },
        RunningFact::Progress {
            answer: "rolling back".into(),
            to: "v213".into(),
            n: 7,
            m: 8,
        },
        RunningFact::GaveUp {
            to: "v213".into(),
            n: 7,
            m: 8,
            after_seconds: 900,
            missing: all(&["shop.example.com"]),
        },
        RunningFact::Partial {
            to: "v213".into(),
            n: 6,
            m: 8,
            missing: all(&["shop.example.com", "m.example.com"]),
        },
        RunningFact::Failed {
            why: reason(),
            production: Production::Changed,
        },
        RunningFact::NeverTookEffect {
            why: reason(),
            production: Production::AsBefore,
        },
        RunningFact::PinTakenBack {
            answer: "automatic deploys are on again".into(),
        },
        RunningFact::PinStays { why: reason() },
        RunningFact::FaultBegun {
            program: "./break-staging.sh".into(),
        },
        RunningFact::FaultMade {
            said: "v215 is live".into(),
        },
        RunningFact::FaultFailed { why: reason() },
        RunningFact::Rehearsed {
            platform: "Vercel".into(),
            from: "v214".into(),
            to: "v213".into(),
            steps: all(&["one step"]),
        },
        RunningFact::GaveWay {
            to: RollbackId::new(41),
        },
    ]
}

fn what_is_proven() -> Vec<ProofFact> {
    let round = |version: Result<&str, &str>, problem: Option<&str>| Round {
        version: Some(version.map(str::to_owned).map_err(str::to_owned)),
        instances: vec![],
        checks: vec![CheckResult {
            problem: problem.map(str::to_owned),
            ..CheckResult::passed("GET https://shop.example.com/api/health".into())
        }],
    };
    let concluded = |verdict, way, round| ProofFact::Concluded {
        verdict,
        to: "v213".into(),
        way,
        round,
        unseen: None,
    };
    let good = round(Ok("v213"), None);
    let failing = round(Ok("v213"), Some("answered 500"));
    vec![
        ProofFact::Drifted {
            surfaces: all(&["shop.example.com"]),
        },
        ProofFact::MovedAfterwards {
            to: "v214".into(),
            because: MovedHow::ToKnownBad("left as bad by RB-41".into()),
        },
        ProofFact::MovedAfterwards {
            to: "v211".into(),
            because: MovedHow::Back,
        },
        ProofFact::MovedAfterwards {
            to: "v215".into(),
            because: MovedHow::AlthoughPinned,
        },
        ProofFact::TargetExpires {
            target: "v213".into(),
            until: at("05:12:00"),
        },
        ProofFact::TargetGone {
            target: "v213".into(),
            why: "the engine has removed its image".into(),
        },
        ProofFact::Measured {
            baselines: vec![Baseline {
                check: "error rate".into(),
                unit: Unit::Ratio,
                reading: Reading::Number(Number::new(0.072).unwrap()),
                at: at("03:12:00"),
            }],
        },
        ProofFact::Checked {
            round: round(Err("no answer"), Some("answered 500")),
        },
        concluded(Verdict::Verified, Way::Back, Some(good.clone())),
        concluded(Verdict::StillFailing, Way::Back, Some(failing.clone())),
        concluded(Verdict::StillFailing, Way::Forward, Some(failing.clone())),
        concluded(
            Verdict::WrongVersion,
            Way::Back,
            Some(round(Ok("v214"), None)),
        ),
        concluded(Verdict::Unproven, Way::Back, None),
        ProofFact::LookedAgain {
            after_seconds: 30 * 60,
            result: StageResult::Stable,
            round: good.clone(),
        },
        ProofFact::LookedAgain {
            after_seconds: 24 * 3_600,
            result: StageResult::Failed,
            round: failing.clone(),
        },
        ProofFact::StagesEnded {
            because: StagesEnd::RolledBack(RollbackId::new(42)),
        },
        ProofFact::Closed {
            verdict: Some(Verdict::Verified),
            replaced_by: None,
        },
        ProofFact::Closed {
            verdict: None,
            replaced_by: Some(RollbackId::new(42)),
        },
    ]
}

/// The kinds that are stored. A name never changes its meaning; an older version shows one that it
/// does not know as "other".
const KNOWN_KINDS: [&str; 58] = [
    "marked",
    "assessed",
    "incident_opened",
    "requested",
    "planned",
    "blocked",
    "approved",
    "withdrawn",
    "objected",
    "break_glass",
    "reviewed",
    "reminded",
    "escalated",
    "paged",
    "refused",
    "denied",
    "cancelled",
    "expired",
    "superseded",
    "rechecked",
    "executing",
    "asked",
    "accepted",
    "unanswered",
    "failed",
    "progress",
    "pinned",
    "serving",
    "checked",
    "verified",
    "unproven",
    "still_failing",
    "partial",
    "people_needed",
    "signed_off",
    "resolved",
    "drifted",
    "closed",
    "unpinned",
    "frozen",
    "unfrozen",
    "note",
    "exported",
    "unreached",
    "severity",
    "role",
    "status",
    "time_set",
    "linked",
    "incident_moved",
    "captured",
    "capture_withdrawn",
    "capture_revised",
    "capture_deleted",
    "update",
    "action",
    "checklist",
    "drill",
];

fn event(fact: Fact) -> TimelineEvent {
    let who = Actor::Person(Person::new("U0SAM", "sam"));
    TimelineEvent::new(
        at("03:12:00"),
        who,
        Source::Button,
        Some(RollbackId::new(41)),
        fact,
    )
}

fn type_of(fact: &Fact) -> String {
    let value = serde_json::to_value(fact).unwrap();
    value["type"].as_str().unwrap().to_owned()
}

#[test]
fn there_is_a_sample_of_every_fact_and_no_two_share_a_name() {
    let groups = [
        IncidentFact::VARIANTS,
        CourseFact::VARIANTS,
        CaptureFact::VARIANTS,
        UpdateFact::VARIANTS,
        ActionFact::VARIANTS,
        ChecklistFact::VARIANTS,
        PeopleFact::VARIANTS,
        WaitingFact::VARIANTS,
        RunningFact::VARIANTS,
        ProofFact::VARIANTS,
    ]
    .concat();
    let names: BTreeSet<String> = groups.iter().map(ToString::to_string).collect();
    assert_eq!(names.len(), groups.len(), "two facts share a name");
    let of_samples: BTreeSet<String> = samples().iter().map(type_of).collect();
    assert_eq!(of_samples, names);
}

#[test]
fn every_fact_has_words_and_a_kind_that_is_stored() {
    let mut clauses = BTreeSet::new();
    for fact in samples() {
        let text = fact.text();
        assert!(!text.trim().is_empty(), "{fact:?}");
        assert!(!text.contains("  ") && !text.contains('\u{1}'), "{text}");
        let kind = serde_json::to_value(fact.kind()).unwrap();
        assert!(KNOWN_KINDS.contains(&kind.as_str().unwrap()), "{fact:?}");
        let group = type_of(&fact);
        assert!(clauses.insert((group, text.clone())), "twice: {text}");
    }
}

#[test]
fn every_fact_is_stored_and_read_as_it_was_with_the_words_beside_it() {
    for fact in samples() {
        let mut event = event(fact);
        for evidence in [vec![], vec![last_read()], vec![link()]] {
            event.evidence = evidence;
            let stored = serde_json::to_value(&event).unwrap();
            assert_eq!(stored["kind"], json!(event.kind()));
            assert_eq!(stored["text"], json!(event.text()));
            let read: TimelineEvent = serde_json::from_value(stored).unwrap();
            assert_eq!(read, event);
            let entry = Entry {
                seq: 7,
                recorded_at: at("03:12:01"),
                event: event.clone(),
            };
            let written = serde_json::to_string(&entry).unwrap();
            assert_eq!(serde_json::from_str::<Entry>(&written).unwrap(), entry);
        }
    }
}

fn last_read() -> Evidence {
    Evidence::LastRead {
        clause: "Slack did not answer; a full member when last read at 02:10 UTC".into(),
    }
}

fn link() -> Evidence {
    Evidence::Link {
        url: "https://grafana.example.com/d/errors".into(),
    }
}

/// A row as every version before facts has written it.
fn old_row() -> Value {
    json!({
        "at": "2026-03-14T03:12:00Z",
        "who": { "person": { "id": "U0TOM", "name": "tom" } },
        "source": "button",
        "kind": "refused",
        "text": "tried to approve: NOT_AUTHORISED This needs somebody with the role oncall. @U0SAM can.",
        "rollback": 41,
    })
}

#[test]
fn a_row_of_an_older_version_is_read_and_written_as_it_was() {
    let event: TimelineEvent = serde_json::from_value(old_row()).unwrap();
    assert_eq!(event.kind(), Kind::Refused);
    assert_eq!(event.rollback, Some(RollbackId::new(41)));
    assert_eq!(event.text(), old_row()["text"].as_str().unwrap());
    assert!(event.clause(&Shouting).contains("<U0SAM> CAN."));
    assert_eq!(serde_json::to_value(&event).unwrap(), old_row());
}

#[test]
fn what_a_newer_version_records_is_read_by_its_words() {
    let known = json!({ "type": "note", "text": "hello" });
    let new = json!({ "type": "teleported", "to": "v300" });
    for (stored_kind, kind, fact, evidence) in [
        ("refused", Kind::Refused, new.clone(), json!([])),
        ("teleported", Kind::Other, new, json!([])),
        (
            "denied",
            Kind::Denied,
            json!({ "type": "denied", "because": 7 }),
            json!([]),
        ),
        (
            "note",
            Kind::Note,
            known,
            json!([{ "type": "sworn", "by": "U0SAM" }]),
        ),
    ] {
        let mut row = old_row();
        row["kind"] = json!(stored_kind);
        row["fact"] = fact;
        row["evidence"] = evidence;
        let event: TimelineEvent = serde_json::from_value(row).unwrap();
        let text = old_row()["text"].as_str().unwrap().to_owned();
        assert_eq!(event.fact, Fact::Prose { kind, text });
        assert_eq!(event.evidence, vec![]);
    }
}

/// Makes visible what is a person and what is text.
struct Shouting;

impl Tone for Shouting {
    fn person(&self, id: &str) -> String {
        format!("<{id}>")
    }
    fn text(&self, text: &str) -> String {
        text.to_uppercase()
    }
}

#[test]
fn people_are_people_and_what_others_wrote_is_text_in_every_fact() {
    let refusal = Refusal::NotAuthorised {
        roles: all(&["oncall"]),
        people: all(&["U0SAM", "U0ANA"]),
    };
    let draw = |fact: Fact| fact.clause(&Shouting);
    insta::assert_snapshot!(draw(Fact::refused("approve", &refusal)), @"tried `APPROVE` and was refused (NOT_AUTHORISED): THIS NEEDS SOMEBODY WITH THE ROLE ONCALL, AND YOU DO NOT HAVE IT. <U0SAM> OR <U0ANA> CAN. NOTHING WAS RUN.");
    let reminded = WaitingFact::Reminded {
        rollback: RollbackId::new(41),
        waited_seconds: 60,
        asked: all(&["U0SAM", "U0ANA"]),
    };
    insta::assert_snapshot!(draw(reminded.into()), @"RB-41 HAS WAITED 1 M FOR AN APPROVAL: asked <U0SAM> and <U0ANA>");
    // Who is named in what somebody wrote is a person too, and an address is none.
    let note = IncidentFact::Note {
        text: "<@U0KIM> saw it first, @U0ANA then, kim@example.com is told, @Utah is not".into(),
    };
    insta::assert_snapshot!(draw(note.into()), @"<<U0KIM>> SAW IT FIRST, <U0ANA> THEN, KIM@EXAMPLE.COM IS TOLD, @UTAH IS NOT");
}

fn page() -> String {
    let mut page = String::from(
        "# The timeline\n\n\
         What Rollback Bot records, for programs that read `/rollback export json`.\n\n\
         The file has `format`, `version`, `incident`, `channel`, `exported_at`, `rollbacks`, `entries`, `head` and `whole`; [record.md](record.md) says more of it, [export.schema.json](export.schema.json) describes it. An entry has:\n\n\
         | key | |\n|---|---|\n\
         | `seq` | its place in the incident, from 1, without holes |\n\
         | `at`, `recorded_at` | when it happened, and when it was written down |\n\
         | `who` | `\"bot\"`, `{\"person\": {\"id\", \"name\"}}`, with `agent` beside them where an agent acted for which the person is responsible, or `{\"platform\": name}` |\n\
         | `source` | where it came from: `command`, `mention`, `button`, `modal`, `out_of_band`, `bot`, `platform`, `check` |\n\
         | `rollback` | the number of the rollback, or `null` |\n\
         | `kind` | what kind of thing happened |\n\
         | `text` | what happened, in words that may change from version to version; people by their ids |\n\
         | `fact` | what happened, as data, by its `type`: see below. Entries of older versions have none |\n\
         | `evidence` | what supports it besides who reported it, if anything: `last_read` is what was read of somebody before, and counted because Slack did not answer; `link` is what the requester points to |\n\
         | `previous` | the hash of the entry before it, 64 zeros for the first. Entries of versions that had no hashes have none |\n\n\
         The hash of an entry is SHA-256 over `{\"event\":{…},\"incident\":\"INC-12\",\"previous\":\"…\",\"recorded_at\":\"…\",\"seq\":5}` \
         without white space and with sorted keys, where `event` is every key of the entry but `seq`, `recorded_at` and `previous`. \
         For an entry that has no `previous`, `\"from_before\":true` stands behind `event`, and the hash of the one before it is computed in the same way. \
         `head` has the `seq` and the `hash` of the last entry that has a `previous`, or is `null`. \
         `rollback-bot verify FILE` checks all of it, and so can anybody.\n\n\
         A `type` and its keys keep their meaning; new ones are added. A person in a `sentence` is `{\"person\": id}`.\n\n\
         This page is made from `bot/domain/src/incident/` by a test; \
         `UPDATE_DOCS=1 cargo test -p rollback-domain --test timeline` writes it anew.\n",
    );
    let mut last = String::new();
    for fact in samples() {
        let name = type_of(&fact);
        if name != last {
            let kind = serde_json::to_value(fact.kind()).unwrap();
            let kind = match name.as_str() {
                "concluded" => "`verified`, `unproven` or `still_failing`".into(),
                _ => format!("`{}`", kind.as_str().unwrap()),
            };
            let _ = write!(page, "\n## {name}\n\nKind: {kind}.\n");
        }
        last = name;
        let json = serde_json::to_string(&fact).unwrap();
        let _ = write!(page, "\n> {}\n\n```json\n{json}\n```\n", fact.text());
    }
    page
}

#[test]
fn the_page_about_them_is_as_they_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/timeline.md");
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, page()).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page(),
        "docs/timeline.md is not what is recorded; UPDATE_DOCS=1 cargo test -p rollback-domain --test timeline writes it anew"
    );
}
