//! What the report of the drills of a quarter is made of.

use super::{DrillSchedule, Quarter};
use crate::{
    action::ActionItem, identity::ServiceKey, incident::TimelineEvent, rollback::Rollback,
};
use jiff::Timestamp;

/// A drill with what was learned by it.
#[derive(Clone, Debug)]
pub struct DrilledOnce {
    /// The drill.
    pub drill: Rollback,
    /// What was noted of it, in any order.
    pub notes: Vec<TimelineEvent>,
    /// What is to be done after it.
    pub actions: Vec<ActionItem>,
}

/// What a report is made of.
#[derive(Clone, Debug)]
pub struct DrillFacts {
    /// The quarter.
    pub quarter: Quarter,
    /// When it is made.
    pub now: Timestamp,
    /// The drills that were asked for in it, oldest first.
    pub drills: Vec<DrilledOnce>,
    /// The schedule of each service for which a day is set.
    pub schedules: Vec<(ServiceKey, DrillSchedule)>,
    /// The names of those who could approve and have never taken part in a drill.
    pub never: Vec<String>,
}
