//! A rig for every provider.

pub mod releases;
pub mod vercel;
