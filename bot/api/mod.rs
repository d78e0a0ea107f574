//! The bodies of the API: what its handlers read and write, and what the CLI sends and shows.

pub mod evidence;
pub mod view;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// The largest body that is read, in bytes.
pub const BODY_AT_MOST: usize = 64 * 1024;

/// Whether this is the id of a Slack channel.
pub fn is_channel(id: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit();
    (2..=32).contains(&id.len()) && id.starts_with(['C', 'G', 'D']) && id.chars().all(fits)
}

/// Proposes a rollback. That changes nothing: the rollback says what it needs to run.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProposeRequest {
    /// The service, with its environment if it has several: `frontend`, `frontend@production`.
    pub service: String,
    /// The release to go back to, or a moment (`@-45m`, `@02:40`). Without it, the previous known
    /// good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// What shows that it is needed: at most 5 links that begin with `https://`, each of at most 500
    /// characters. An agent has to name one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// The Slack channel, by id, in which it is shown and recorded. Without it, the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// Shows what a rollback would do, and proposes nothing.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanRequest {
    /// The service, with its environment if it has several: `frontend`, `frontend@production`.
    pub service: String,
    /// The release to go back to, or a moment (`@-45m`, `@02:40`). Without it, the previous known
    /// good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The Slack channel, by id, in which a refusal is recorded. Without it, the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// Writes into the timeline of a channel.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteRequest {
    /// What happened.
    pub text: String,
    /// When it happened (`-5m`, `03:07`). Without it, now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The Slack channel, by id, in whose timeline it is written. Without it, the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// Says that something that is configured was looked at, and still holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewRequest {
    /// What was reviewed: a service, `role` and its name, `contacts` or `matrix`. Without it,
    /// nothing is recorded, and the answer says what was reviewed when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The Slack channel, by id, in which a refusal is recorded. Without it, the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// Approves one plan.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveRequest {
    /// The rollback: `RB-1`.
    pub rollback: String,
    /// The hash of the plan that was shown: its first four digits, or all of it. Without it
    /// nothing is approved, and the answer shows the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// The names of the cautions that were seen, where the rule wants them ticked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ticks: Vec<String>,
    /// The target, where the rule wants it typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typed: Option<String>,
    /// The Slack channel, by id, in which a refusal is recorded. Without it, the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// Denies a proposal, or stops a rollback before its platform is asked.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndRequest {
    /// The rollback: `RB-1`.
    pub rollback: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// The Slack channel, by id, in which a refusal is recorded. Without it, the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// Asks where things stand.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusRequest {
    /// A rollback, `RB-1`, or a service, for its last one. Without it, everything that is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// The Slack channel, by id, whose reasons are shown. Without it, the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// Asks for a part of the timeline of a channel.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TimelineRequest {
    /// Only entries after this one.
    #[serde(default)]
    pub after: i64,
    /// The Slack channel, by id. Without it, the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// Asks for a timeline as a file.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportRequest {
    /// An incident of the channel, `INC-1`, or one of its rollbacks, `RB-1`. Without it, the latest
    /// incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// `md`, `html`, `json` or `csv`. Without it, Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The Slack channel, by id. Without it, the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// Asks for the report of the drills of a quarter.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DrillReportRequest {
    /// The quarter: `2026-Q4`. Without it, the one that goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarter: Option<String>,
    /// `md` or `html`. Without it, Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The Slack channel, by id, in which a refusal is recorded. Without it, the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// Asks whether a deploy should wait.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct GateQuery {
    /// The service, with its environment if it has several: `frontend`, `frontend@production`.
    pub service: String,
    /// What is to be deployed: a version, an id or a sha of at least seven digits. Without it, only
    /// what holds every deploy is looked at.
    pub release: Option<String>,
}

/// Whether a deploy should wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeployView {
    /// The service: `frontend@production`.
    pub service: String,
    /// What was asked about.
    pub release: Option<String>,
    /// Whether it should wait.
    pub held: bool,
    /// Why, most pressing first.
    pub holds: Vec<HoldView>,
    /// The same in plain words.
    pub text: String,
}

/// One reason why a deploy should wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HoldView {
    /// `rollback_open`, `frozen`, `pinned`, `known_bad` or `incident_open`.
    pub name: String,
    /// A sentence.
    pub sentence: String,
}

/// Asks whether services could be rolled back now.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ReadinessQuery {
    /// The service, with its environment if it has several: `frontend`, `frontend@production`.
    /// Without it, every service.
    pub service: Option<String>,
}

/// Whether services could be rolled back now, as they were last read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadinessView {
    /// Each service, in the order of the configuration.
    pub services: Vec<ServiceReadiness>,
    /// The same in plain words.
    pub text: String,
}

/// Whether one service could be rolled back now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceReadiness {
    /// The service: `frontend@production`.
    pub service: String,
    /// `ready`, `attention`, `not_known` or `not_ready`: the worst of its lines.
    pub level: String,
    /// When it was read, in UTC. `null`: it was not read yet.
    pub read_at: Option<String>,
    /// What was found, a line for each thing that a rollback needs.
    pub lines: Vec<ReadinessLine>,
}

/// One thing that a rollback needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadinessLine {
    /// `credentials`, `target`, `time`, `pin`, `approvers`, `proofs`, `drill` or `review`.
    pub name: String,
    /// `ready`, `attention`, `not_known` or `not_ready`.
    pub level: String,
    /// What was found.
    pub sentence: String,
    /// What to do about it; `null`: nothing.
    pub next: Option<String>,
    /// When it was read, in UTC.
    pub read_at: String,
}

/// What came of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RollbackResponse {
    /// The rollback it is about: `RB-1`.
    pub rollback: Option<String>,
    /// Where that stands, as its card says it: `PROPOSED`, `SERVING 7/8`, `VERIFIED`.
    pub state: Option<String>,
    /// Whether anything is still to be waited for.
    pub outcome: Option<Progress>,
    /// The same in plain words.
    pub text: String,
    /// Why nothing was done, if nothing was.
    pub refused: Option<RefusalView>,
    /// The plan, while there is one.
    pub plan: Option<PlanView>,
    /// The agent that asked, and who is responsible for it; left out: a person asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentView>,
    /// The links that the proposal points to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
}

/// An agent, and who is responsible for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgentView {
    /// Its name in the configuration.
    pub name: String,
    /// The name of the person who is responsible for it.
    pub responsible: String,
}

/// Whether a rollback is still to be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// It goes on, or waits for somebody.
    Open,
    /// The target serves, and nothing that was looked at from outside speaks against it.
    Done,
    /// It ended in another way, or what is seen from outside is not well.
    Failed,
}

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusalView {
    /// One of docs/refusals.md, `MISREAD` for a body that is not understood, or `UNWRITTEN` for a
    /// file that could not be written.
    pub code: String,
    /// The sentence, with the next step.
    pub sentence: String,
}

/// A plan, as an approval names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanView {
    /// Its whole hash.
    pub hash: String,
    /// What people see of it.
    pub short: String,
    /// The release that serves, as far as that is known.
    pub from: Option<String>,
    /// The release that would serve.
    pub to: String,
    /// Its class.
    pub risk: String,
    /// What is unusual about it, by the name that is ticked.
    pub cautions: BTreeMap<String, String>,
    /// Whether an approval has to tick each of them (`ticks`).
    pub ticks: bool,
    /// Whether an approval has to type the target (`typed`).
    pub typed: bool,
}

/// The timeline of a channel, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TimelineView {
    /// The incident: `INC-1`.
    pub incident: String,
    /// How many entries it has.
    pub count: i64,
    /// Those that were asked for, in the order of their recording, at most 200.
    pub entries: Vec<Entry>,
}

/// An entry of a timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// Its place, from 1, without holes.
    pub seq: i64,
    /// When it happened, in UTC.
    pub at: String,
    /// Who did it.
    pub who: String,
    /// Where it came from: `command`, `out_of_band`, `platform` and others.
    pub source: String,
    /// What kind of thing it is.
    pub kind: String,
    /// The rollback it belongs to.
    pub rollback: Option<String>,
    /// What happened.
    pub text: String,
}
