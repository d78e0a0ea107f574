//! A rig for every provider.

pub mod five_steps;
pub mod releases;
pub mod vercel;
