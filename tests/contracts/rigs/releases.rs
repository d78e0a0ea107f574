//! A real directory with real releases, and a restart that counts how often it was run.

use crate::rig::{Applies, Misbehaviour, Rig};
use async_trait::async_trait;
use std::{
    fs::{self, File},
    os::unix::fs::symlink,
    time::{Duration, UNIX_EPOCH},
};
use tempfile::TempDir;

/// Why most misbehaviour makes no sense here.
const NOBODY_ANSWERS: &str = "it changes the disk of this machine and asks nobody over a network";

struct ReleasesRig(TempDir);

/// v212 and v213, of which the last serves.
pub async fn start() -> Box<dyn Rig> {
    let directory = tempfile::tempdir().unwrap();
    for (minute, name) in ["v212", "v213"].into_iter().enumerate() {
        let release = directory.path().join("releases").join(name);
        fs::create_dir_all(&release).unwrap();
        fs::write(release.join("index.html"), name).unwrap();
        let made = UNIX_EPOCH + Duration::from_secs(1_772_300_000 + 60 * minute as u64);
        File::open(&release).unwrap().set_modified(made).unwrap();
    }
    symlink("releases/v213", directory.path().join("current")).unwrap();
    Box::new(ReleasesRig(directory))
}

impl ReleasesRig {
    fn section(&self, below: &str) -> String {
        let path = self.0.path().join(below);
        format!(
            "provider = \"releases\"\npath = {path:?}\n\
             restart = [\"sh\", \"-c\", \"echo once >> asked\"]"
        )
    }
}

#[async_trait]
impl Rig for ReleasesRig {
    fn settings(&self) -> String {
        self.section("")
    }

    fn secrets(&self) -> Vec<(&'static str, &'static str)> {
        // It has none.
        vec![]
    }

    fn mistakes(&self) -> Vec<(String, &'static str)> {
        let deployed_to_nothing = self.0.path().join("empty");
        fs::create_dir_all(deployed_to_nothing.join("releases")).unwrap();
        vec![
            (self.section("nowhere"), "nowhere/releases is not there"),
            (self.section("empty"), "there is no"),
        ]
    }

    fn earlier(&self) -> &'static str {
        "v212"
    }

    fn live(&self) -> String {
        let link = fs::read_link(self.0.path().join("current")).unwrap();
        link.file_name().unwrap().to_str().unwrap().to_owned()
    }

    fn asked(&self) -> usize {
        let asked = fs::read_to_string(self.0.path().join("asked"));
        asked.unwrap_or_default().lines().count()
    }

    fn finish(&self) {
        // It is done when it answers.
    }

    fn misbehave(&self, how: Misbehaviour) -> Applies {
        match how {
            Misbehaviour::TooManyRequests
            | Misbehaviour::DoneAndCut
            | Misbehaviour::CutAndNotDone
            | Misbehaviour::Html
            | Misbehaviour::Endless => Applies::No(NOBODY_ANSWERS),
            Misbehaviour::UnknownState => Applies::No("a link leads to a release or it does not"),
        }
    }

    fn behave(&self) {}

    fn largest_answer_taken(&self) -> usize {
        0
    }
}
