//! The rules of a rollback, without a clock, ids or I/O.
//!
//! In reading order: what people type, what a platform can say, the plan, who may say yes,
//! the machine, the proof, what is recorded, what is left to do, and every way of saying no.

pub mod grammar;
pub mod people;
pub mod plan;
pub mod proof;
pub mod refusal;
pub mod release;
pub mod rollback;
pub mod step;
pub mod timeline;
