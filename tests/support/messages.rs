//! Keeps what the stories were told, for the page of all messages.

use rollback_simulation::Slack;
use std::{
    env, fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// How many worlds have ended in this process: a story may have several.
static ENDED: AtomicUsize = AtomicUsize::new(0);

/// Writes everything that this story was told into the directory that `MESSAGES` names, one file
/// for each world, if it names one.
pub fn keep(slack: &Slack, site: &str) {
    let Some(directory) = env::var_os("MESSAGES") else {
        return;
    };
    let this = thread::current();
    let story = this.name().unwrap_or_default();
    let sent: Vec<_> = slack
        .everything_sent()
        .into_iter()
        // The port is another one every time.
        .map(|sent| (sent.to, sent.text.replace(site, "https://shop.example.com")))
        .collect();
    let n = ENDED.fetch_add(1, Ordering::Relaxed);
    let file = Path::new(&directory).join(format!("{n:06}.json"));
    let told = serde_json::json!({ "story": story, "sent": sent });
    fs::write(file, told.to_string()).unwrap();
}
