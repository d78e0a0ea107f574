//! Platforms that the configuration describes, every preset, and providers that are asked over
//! HTTP, against programs and APIs that answer as the platforms do.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../../../tests/support/api.rs"]
mod api;
mod argocd;
#[path = "../../../../tests/support/argocd.rs"]
#[expect(dead_code, reason = "the stories use the rest")]
mod argocd_api;
mod commands;
mod github;
#[path = "../../../../tests/support/github.rs"]
#[expect(dead_code, reason = "the stories use the rest")]
mod github_api;
mod http_presets;
mod kubernetes;
#[path = "../../../../tests/support/kubernetes.rs"]
#[expect(dead_code, reason = "the stories use the rest")]
mod kubernetes_api;
mod own;
mod presets;
mod railway;
#[path = "../../../../tests/support/railway.rs"]
#[expect(dead_code, reason = "the stories use the rest")]
mod railway_api;
mod render;
#[path = "../../../../tests/support/render.rs"]
#[expect(dead_code, reason = "the stories use the rest")]
mod render_api;
mod requests;
mod run;
mod spec;
mod tls;
