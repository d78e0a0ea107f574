//! Providers of the tests, for plans of several steps, and the platform they ask.

pub mod platform;
pub mod provider;
pub mod seen;
