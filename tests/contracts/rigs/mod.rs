//! A rig for every provider.

pub mod argocd;
pub mod command;
pub mod docker;
pub mod five_steps;
pub mod github;
pub mod http;
pub mod kubernetes;
pub mod railway;
pub mod releases;
pub mod render;
pub mod vercel;
