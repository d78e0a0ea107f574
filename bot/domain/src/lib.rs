//! The rules of a rollback, without a clock, ids or I/O.
//!
//! In reading order: what people type, what a platform can say, the plan, who may say yes, the
//! rollback and the machine that moves it, the proof, what is recorded, what is left to do, and
//! every way of saying no.

pub mod grammar;

pub mod platform;
pub mod release;

pub mod identity;

pub mod changes;
pub mod group;
pub mod history;
pub mod plan;
pub mod risk;

pub mod agent;
pub mod audience;
pub mod authority;
pub mod moment;
pub mod people;
pub mod policy;

pub mod drill;
pub mod rollback;

pub mod decide;

pub mod proof;

pub mod incident;

pub mod matrix;

pub mod action;
pub mod aftermath;
pub mod canary;
pub mod checklist;
pub mod deploy;
pub mod post_mortem;
pub mod procedure;
pub mod readiness;
pub mod update;

pub mod job;

pub mod refusal;

pub mod markup;
