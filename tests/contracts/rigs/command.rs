//! A platform that is a script in a directory: it lists, serves, goes back, pins, and misbehaves as
//! the file `mode` says.

use crate::rig::{Applies, Misbehaviour, Rig};
use async_trait::async_trait;
use std::{fs, path::PathBuf};
use tempfile::TempDir;

const TOKEN: &str = "command-token-4f1c";
/// How it behaves is read anew each time. What it complains has its token in it.
const SCRIPT: &str = r#"
cd "$(dirname "$0")" || exit 9
mode=$(cat mode)
echo "token $PLATFORM_TOKEN was used" >&2
if [ "$mode" = html ]; then echo '<html>Please log in</html>'; exit 0; fi
if [ "$mode" = endless ]; then
  i=0
  while [ "$i" -lt 100 ]; do
    i=$((i + 1)); echo "$i" > sent
    head -c 1048576 /dev/zero | tr '\0' x
  done
  exit 0
fi
case "$1" in
list)
  for v in v213 v212; do
    echo "{\"id\": \"$v\", \"live_since\": \"2026-03-01T00:00:00Z\", \"message\": \"with $PLATFORM_TOKEN\"}"
  done ;;
live) echo "{\"surfaces\": [{\"name\": \"web\", \"live\": \"$(cat live)\"}], \"pin\": \"$(cat pin)\"}" ;;
state) if [ "$mode" = unknown ]; then echo dreaming; else echo serving; fi ;;
pin) echo on > pin ;;
unpin) echo off > pin ;;
roll_back)
  echo "$2" >> asked
  echo normal > mode
  case "$mode" in
  busy) exit 75 ;;
  done_and_cut) echo "$2" > live; kill -9 $$ ;;
  cut) kill -9 $$ ;;
  unknown) echo unknown > mode; echo "$2" > live ;;
  *) echo "$2" > live ;;
  esac ;;
esac
"#;

struct CommandRig(TempDir);

/// v212 and v213, of which the last serves.
pub async fn start() -> Box<dyn Rig> {
    let rig = CommandRig(tempfile::tempdir().unwrap());
    for (name, contents) in [("platform", SCRIPT), ("mode", "normal"), ("live", "v213")] {
        fs::write(rig.path(name), contents).unwrap();
    }
    fs::write(rig.path("pin"), "off").unwrap();
    Box::new(rig)
}

impl CommandRig {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn section(&self, list: &str, roll_back: &str) -> String {
        let script = self.path("platform");
        format!(
            "provider = \"command\"\nplatform = \"Script\"\n\
             restores = [\"code\"]\nleaves = [\"database\"]\n\
             list = {list}\n\
             live = [\"sh\", {script:?}, \"live\"]\n\
             roll_back = {roll_back}\n\
             observe = [\"sh\", {script:?}, \"state\"]\n\
             pin = [\"sh\", {script:?}, \"pin\"]\n\
             unpin = [\"sh\", {script:?}, \"unpin\"]\n\
             secrets = {{ PLATFORM_TOKEN = \"env:PLATFORM_TOKEN\" }}\n"
        )
    }

    fn call(&self, what: &str) -> String {
        format!("[\"sh\", {:?}, {what}]", self.path("platform"))
    }

    fn is(&self, mode: &str) -> Applies {
        fs::write(self.path("mode"), mode).unwrap();
        Applies::Yes
    }
}

#[async_trait]
impl Rig for CommandRig {
    fn settings(&self) -> String {
        self.section(
            &self.call("\"list\""),
            &self.call("\"roll_back\", \"{id}\""),
        )
    }

    fn secrets(&self) -> Vec<(&'static str, &'static str)> {
        vec![("PLATFORM_TOKEN", TOKEN)]
    }

    fn mistakes(&self) -> Vec<(String, &'static str)> {
        let list = self.call("\"list\"");
        let roll_back = self.call("\"roll_back\", \"{id}\"");
        let fails = "[\"sh\", \"-c\", \"echo no such app >&2; exit 3\"]";
        vec![
            (
                self.section(&list, "[\"rollback-tool-of-nobody\", \"{id}\"]"),
                "rollback-tool-of-nobody",
            ),
            (
                self.section(&list, "[\"/nowhere/rollback\", \"{id}\"]"),
                "/nowhere/rollback",
            ),
            (self.section(fails, &roll_back), "exit 3: no such app"),
        ]
    }

    fn earlier(&self) -> &'static str {
        "v212"
    }

    fn live(&self) -> String {
        self.read("live").trim().to_owned()
    }

    fn asked(&self) -> usize {
        self.read("asked").lines().count()
    }

    fn busy_for(&self) -> Option<u64> {
        None
    }

    fn finish(&self) {
        // It is done when it ends.
    }

    fn misbehave(&self, how: Misbehaviour) -> Applies {
        match how {
            Misbehaviour::TooManyRequests => self.is("busy"),
            Misbehaviour::DoneAndCut => self.is("done_and_cut"),
            Misbehaviour::CutAndNotDone => self.is("cut"),
            Misbehaviour::UnknownState => self.is("unknown"),
            Misbehaviour::Html => self.is("html"),
            Misbehaviour::Endless => self.is("endless"),
        }
    }

    fn behave(&self) {
        self.is("normal");
    }

    fn largest_answer_taken(&self) -> usize {
        let pieces: usize = self.read("sent").trim().parse().unwrap_or(0);
        pieces << 20
    }
}
