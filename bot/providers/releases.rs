//! Release directories on this machine: `current` is a link, and going back or forward again is
//! pointing it elsewhere.
//!
//! The link is replaced by a rename, so at every moment it leads to one whole release or the
//! other. What can refuse does so before the rename; after it nothing is an error any more, only
//! something to report, because production has moved. The layout is Capistrano's:
//! `<path>/releases/<name>`, `<path>/current`, and if there is one `<path>/revisions.log`.

use super::Provider;
use async_trait::async_trait;
use jiff::Timestamp;
use rollback_domain::{
    platform::{Effects, Holds, Production, Progress, ProviderError, Receipt, Timing},
    release::{Candidate, Pin, Release, Surface, Survey, TargetKind, Way},
    rollback::Rollback,
};
use serde_json::{Value, json};
use std::{
    cmp::Reverse,
    fs,
    future::poll_fn,
    io::{self, ErrorKind, Read, Seek, SeekFrom},
    os::unix::fs::{MetadataExt, symlink},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, ReadBuf},
    process::Command,
    task::spawn_blocking,
    time::{Instant, sleep, sleep_until},
};

/// The surface that is the link.
const CURRENT: &str = "current";
/// The surface that is the process which must start again to serve what the link leads to.
const RESTART: &str = "restart";
/// The most releases that are listed.
const LISTED_AT_MOST: usize = 200;
/// The most names that are looked at in `releases`.
const NAMES_AT_MOST: usize = 10_000;
/// The most of `revisions.log` that is read, from its end.
const LOG_AT_MOST: u64 = 1024 * 1024;
/// The most that is kept of what a restart command prints, and of what it complains, from the end:
/// together 4 KiB.
const OUTPUT_AT_MOST: usize = 2 * 1024;
/// How long output may keep coming after the restart command itself has ended.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// What a restart command finds in its environment, where the bot has it. No secrets.
const ENVIRONMENT: [&str; 10] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "USER",
    "LOGNAME",
    "TZ",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
];

/// One application that is deployed as directories.
#[derive(Clone, Debug)]
pub struct Releases {
    /// The directory that holds `releases` and `current`.
    pub path: PathBuf,
    /// A program and its arguments that make the application serve what `current` leads to.
    /// There is no shell in between.
    pub restart: Option<Vec<String>>,
    /// How long that may take before it is stopped.
    pub restart_timeout: Duration,
}

#[async_trait]
impl Provider for Releases {
    /// Both ways the same: the link is moved, and a deploy moves it like any other time.
    fn effects(&self, _way: Way) -> Effects {
        Effects {
            outage: None,
            timing: Timing::default(),
            platform: "Releases".into(),
            restores: vec!["the files of the release directory".into()],
            leaves: vec![
                "database".into(),
                "environment".into(),
                "shared files".into(),
            ],
            after: Some("the next deploy replaces it".into()),
            holds: Holds::Not,
            undoable: true,
            class: rollback_domain::risk::Risk::Code,
        }
    }

    async fn survey(&self) -> Result<Survey, ProviderError> {
        let path = self.path.clone();
        off_the_runtime(move || read(&path)).await
    }

    async fn roll_back(&self, rollback: &Rollback) -> Result<Receipt, ProviderError> {
        let Some(plan) = &rollback.plan else {
            return Err(ProviderError::Refused(
                "Releases: nothing was switched, this rollback has no plan. Ask for a new one."
                    .into(),
            ));
        };
        let (path, target, id) = (self.path.clone(), plan.to.id.clone(), rollback.id);
        let switched = match spawn_blocking(move || switch(&path, &target, id)).await {
            Ok(switched) => switched?,
            Err(_) => {
                return Err(ProviderError::Unanswered(
                    "Releases: the switch broke off in the middle. Where `current` leads is read back; nothing is switched twice.".into(),
                ));
            }
        };
        let Some(command) = self.restart.as_deref().filter(|args| !args.is_empty()) else {
            return Ok(Receipt {
                next: None,
                restore_point: None,
                said: switched,
                memory: Value::Null,
            });
        };
        Ok(
            match restart(command, &self.path, self.restart_timeout).await {
                Ok(()) => Receipt {
                    next: None,
                    restore_point: None,
                    said: format!("{switched}; the restart command succeeded"),
                    memory: json!({ "restarted": true }),
                },
                Err(why) => Receipt {
                    next: None,
                    restore_point: None,
                    said: format!("{switched}; the restart command failed: {why}"),
                    memory: json!({ "restart_failed": why }),
                },
            },
        )
    }

    async fn observe(&self, rollback: &Rollback) -> Result<Progress, ProviderError> {
        let Some(plan) = &rollback.plan else {
            return Ok(Progress::NotAsked {
                why: "the rollback has no plan".into(),
            });
        };
        let path = self.path.clone();
        let current = off_the_runtime(move || Current::read(&path)).await?;
        let before = plan
            .surfaces
            .iter()
            .find(|surface| surface.name == CURRENT)
            .and_then(|surface| surface.live.clone());
        let has_restart = self.restart.as_ref().is_some_and(|args| !args.is_empty());
        Ok(stand(
            &current,
            &plan.to.id,
            before.as_deref(),
            has_restart.then_some(&rollback.memory),
        ))
    }

    async fn unpin(&self) -> Result<String, ProviderError> {
        Err(ProviderError::Refused(
            "Releases: nothing is pinned, this platform holds no deploys off. The next deploy goes live as it always does."
                .into(),
        ))
    }

    async fn check(&self) -> Result<String, ProviderError> {
        let path = self.path.clone();
        off_the_runtime(move || {
            let survey = read(&path)?;
            if let Some(why) = survey.in_flight {
                return Err(ProviderError::Refused(format!(
                    "Releases: {why}. Deploy once, or set path to the directory that holds releases and current."
                )));
            }
            if may_write(&path) == Some(false) {
                return Err(ProviderError::Refused(format!(
                    "Releases: {} does not look writable for this process{}. Give its user write access to that directory, not to what is below.",
                    path.display(),
                    whoami()
                )));
            }
            let live = survey.surfaces.into_iter().find_map(|surface| surface.live);
            Ok(format!(
                "{} readable, current leads to {}, {} releases",
                path.display(),
                live.as_deref().unwrap_or("nothing"),
                survey.candidates.len()
            ))
        })
        .await
    }
}

/// Reading the disk, where waiting for it holds nobody up.
async fn off_the_runtime<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, ProviderError> + Send + 'static,
) -> Result<T, ProviderError> {
    spawn_blocking(read).await.unwrap_or_else(|_| {
        Err(ProviderError::Busy {
            why: "Releases: reading the disk broke off. It is read again.".into(),
            retry_after: None,
        })
    })
}

/// Where `current` leads.
#[derive(Debug, PartialEq, Eq)]
struct Current {
    /// The release, if it leads to one.
    live: Option<String>,
    /// Why it does not lead to one, as a clause.
    odd: Option<String>,
}

impl Current {
    fn read(path: &Path) -> Result<Self, ProviderError> {
        let releases = canonical_releases(path)?;
        let link = path.join(CURRENT);
        let odd = |why: String| {
            Ok(Self {
                live: None,
                odd: Some(why),
            })
        };
        match fs::symlink_metadata(&link) {
            Ok(metadata) if metadata.file_type().is_symlink() => {}
            Ok(_) => return odd(format!("{} is not a link", link.display())),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return odd(format!("there is no {}", link.display()));
            }
            Err(error) => return Err(refused("read", &link, &error)),
        }
        let written = fs::read_link(&link).map_err(|error| refused("read", &link, &error))?;
        match fs::canonicalize(&link) {
            Ok(real) if real.parent() == Some(&releases) => {
                match real.file_name().and_then(|name| name.to_str()) {
                    Some(name) => Ok(Self {
                        live: Some(name.to_owned()),
                        odd: None,
                    }),
                    None => odd("current leads to a name that is not text".into()),
                }
            }
            Ok(real) => odd(format!(
                "current leads to {}, which is not a directory of {}",
                real.display(),
                releases.display()
            )),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                Err(refused("follow", &link, &error))
            }
            Err(_) => odd(format!(
                "current leads to {}, which is not there",
                written.display()
            )),
        }
    }

    fn surface(&self) -> Surface {
        Surface {
            name: CURRENT.into(),
            live: self.live.clone(),
        }
    }

    /// As a clause: "current leads to v213".
    fn clause(&self) -> String {
        match (&self.live, &self.odd) {
            (Some(live), _) => format!("current leads to {live}"),
            (None, Some(odd)) => odd.clone(),
            (None, None) => "current leads nowhere".into(),
        }
    }
}

fn canonical_releases(path: &Path) -> Result<PathBuf, ProviderError> {
    let releases = path.join("releases");
    match fs::canonicalize(&releases) {
        Ok(real) if real.is_dir() => Ok(real),
        Ok(_) => Err(ProviderError::Refused(format!(
            "Releases: {} is not a directory. Set path to the directory that holds releases and current.",
            releases.display()
        ))),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(ProviderError::Refused(format!(
            "Releases: {} is not there. Set path to the directory that holds releases and current.",
            releases.display()
        ))),
        Err(error) => Err(refused("read", &releases, &error)),
    }
}

/// Lists the releases and where the link leads.
fn read(path: &Path) -> Result<Survey, ProviderError> {
    let releases = canonical_releases(path)?;
    let log = Log::read(path);
    let entries = fs::read_dir(&releases).map_err(|error| refused("read", &releases, &error))?;
    let mut found: Vec<(Reverse<Option<Timestamp>>, Reverse<String>)> = vec![];
    for entry in entries.take(NAMES_AT_MOST) {
        let entry = entry.map_err(|error| refused("read", &releases, &error))?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        let made = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .ok()
            .and_then(|made| Timestamp::try_from(made).ok());
        found.push((Reverse(made), Reverse(name)));
    }
    // Newest first; of two from the same moment the greater name, as dates sort.
    found.sort();
    found.truncate(LISTED_AT_MOST);
    let current = Current::read(path)?;
    let candidates = found
        .into_iter()
        .map(|(Reverse(created_at), Reverse(name))| {
            let barred = barred(&releases, &name);
            let sha = match barred {
                None => revision(&releases.join(&name)),
                Some(_) => None,
            };
            Candidate {
                release: Release {
                    also: vec![],
                    kind: TargetKind::Release,
                    live_since: created_at
                        .filter(|_| log.mentions(&name) || current.live.as_ref() == Some(&name)),
                    version: Some(name.clone()),
                    sha,
                    created_at,
                    by: None,
                    message: None,
                    id: name,
                },
                barred_forward: barred.clone(),
                barred,
            }
        })
        .collect();
    Ok(Survey {
        before_pin: Value::Null,
        window: None,
        candidates,
        surfaces: vec![current.surface()],
        pin: Pin::NotNeeded,
        in_flight: current.odd,
        memory: Value::Null,
    })
}

/// Why the link may not be pointed there, as a clause; `None` when it may.
fn barred(releases: &Path, name: &str) -> Option<String> {
    if !is_plain(name) {
        return Some("its name is not a plain one".into());
    }
    let release = releases.join(name);
    match fs::symlink_metadata(&release) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Some("it is not there any more".into());
        }
        Err(_) => return Some("it cannot be read by this process".into()),
        Ok(metadata) if metadata.file_type().is_symlink() => {
            let inside = fs::canonicalize(&release).is_ok_and(|real| real.starts_with(releases));
            return Some(if inside {
                "it is a link and not a directory".into()
            } else {
                "it is a link that leads out of releases".into()
            });
        }
        Ok(metadata) if !metadata.is_dir() => return Some("it is not a directory".into()),
        Ok(_) => {}
    }
    match fs::read_dir(&release) {
        Ok(mut entries) => entries.next().is_none().then(|| "it is empty".into()),
        Err(_) => Some("it cannot be read by this process".into()),
    }
}

/// Whether it is the name of something directly in a directory, and of nothing else.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && !name.starts_with('.')
        && !name.contains(['/', '\\', '\0'])
}

/// The commit in the file that Capistrano leaves in a release.
fn revision(release: &Path) -> Option<String> {
    let file = release.join("REVISION");
    // A pipe or a device would be waited for.
    if !fs::metadata(&file).ok()?.is_file() {
        return None;
    }
    let mut read = String::new();
    fs::File::open(file)
        .ok()?
        .take(200)
        .read_to_string(&mut read)
        .ok()?;
    let sha = read.trim();
    let is_sha = (7..=64).contains(&sha.len()) && sha.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_sha.then(|| sha.to_ascii_lowercase())
}

/// What says whether a release ever served.
enum Log {
    /// There is none: every release is taken to have served when it was made.
    None,
    /// The names and words in it.
    Of(String),
}

impl Log {
    fn read(path: &Path) -> Self {
        let tail = |path: &Path| -> io::Result<Vec<u8>> {
            let mut file = fs::File::open(path)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(LOG_AT_MOST)))?;
            let mut read = vec![];
            file.take(LOG_AT_MOST).read_to_end(&mut read)?;
            Ok(read)
        };
        let log = path.join("revisions.log");
        match fs::metadata(&log) {
            Err(error) if error.kind() == ErrorKind::NotFound => Log::None,
            Ok(metadata) if metadata.is_file() => {
                // One that cannot be read proves nothing about any release.
                Log::Of(String::from_utf8_lossy(&tail(&log).unwrap_or_default()).into_owned())
            }
            _ => Log::Of(String::new()),
        }
    }

    fn mentions(&self, name: &str) -> bool {
        match self {
            Log::None => true,
            Log::Of(words) => words.split_whitespace().any(|word| {
                word == name
                    || word.trim_matches(|c: char| c.is_ascii_punctuation() && c != '-' && c != '_')
                        == name
            }),
        }
    }
}

/// Points `current` at the release and says so, or says why nothing was changed.
fn switch(path: &Path, target: &str, rollback: u64) -> Result<String, ProviderError> {
    let no = |why: String| {
        Err(ProviderError::Refused(format!(
            "Releases: nothing was switched, {why}. Ask for a new plan and choose another release."
        )))
    };
    let releases = canonical_releases(path)?;
    if let Some(why) = barred(&releases, target) {
        return no(format!("{target:?} is no release to switch to: {why}"));
    }
    let real = fs::canonicalize(releases.join(target))
        .map_err(|error| refused("follow", &releases.join(target), &error))?;
    if real != releases.join(target) {
        return no(format!("{target:?} leads out of releases"));
    }
    let link = path.join(CURRENT);
    let written = match fs::symlink_metadata(&link) {
        Ok(metadata) if metadata.file_type().is_symlink() => fs::read_link(&link).ok(),
        Ok(_) => {
            return Err(ProviderError::Refused(format!(
                "Releases: nothing was switched, {} is not a link. Put a link to the live release in its place.",
                link.display()
            )));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(refused("read", &link, &error)),
    };
    if fs::canonicalize(&link).is_ok_and(|now| now == real) {
        return Ok(format!("current already leads to {target}"));
    }
    // Written as it was written before, so that a chroot or a mount elsewhere still follows it.
    let text = match written {
        Some(before) if before.is_absolute() => {
            let beside = before.with_file_name(target);
            if fs::canonicalize(&beside).is_ok_and(|leads_to| leads_to == real) {
                beside
            } else {
                real
            }
        }
        _ => Path::new("releases").join(target),
    };
    let next = path.join(format!(".{CURRENT}.{rollback}"));
    match fs::symlink_metadata(&next) {
        Ok(metadata) if metadata.file_type().is_symlink() => {
            fs::remove_file(&next).map_err(|error| refused("clear away", &next, &error))?;
        }
        Ok(_) => {
            return Err(ProviderError::Refused(format!(
                "Releases: nothing was switched, {} is in the way and not ours. Remove it, then ask for a new plan.",
                next.display()
            )));
        }
        Err(_) => {}
    }
    symlink(&text, &next).map_err(|error| refused("make", &next, &error))?;
    if let Err(error) = fs::rename(&next, &link) {
        let _ = fs::remove_file(&next);
        return Err(refused("replace", &link, &error));
    }
    // Moved; whether it would survive a power cut is worth saying and nothing more.
    let kept = fs::File::open(path).and_then(|directory| directory.sync_all());
    Ok(match kept {
        Ok(()) => format!("current leads to {target}"),
        Err(error) => {
            format!("current leads to {target} (not yet sure to survive a power cut: {error})")
        }
    })
}

/// What the link and the stored end of the restart say together.
fn stand(
    current: &Current,
    target: &str,
    before: Option<&str>,
    restart: Option<&Value>,
) -> Progress {
    let said = current.clause();
    if current.live.as_deref() != Some(target) {
        return if current.live.as_deref() == before {
            Progress::NotAsked {
                why: format!("still, {said}"),
            }
        } else {
            Progress::Failed {
                production: Production::Unknown,
                why: format!(
                    "it was pointed elsewhere since: {said}. Find out who deployed, then ask for a new plan."
                ),
            }
        };
    }
    let mut surfaces = vec![current.surface()];
    let Some(memory) = restart else {
        return Progress::Serving {
            surfaces,
            pin: Pin::NotNeeded,
            said,
        };
    };
    let restarted = memory.get("restarted").and_then(Value::as_bool) == Some(true);
    surfaces.push(Surface {
        name: RESTART.into(),
        live: restarted.then(|| target.to_owned()),
    });
    if restarted {
        return Progress::Serving {
            surfaces,
            pin: Pin::NotNeeded,
            said,
        };
    }
    let why = memory
        .get("restart_failed")
        .and_then(Value::as_str)
        .unwrap_or("it is not known whether it ran; run it by hand");
    Progress::Partial {
        surfaces,
        failed: vec![format!("restart command: {why}")],
    }
}

/// Runs the restart command to its end. `Err`: what went wrong, as a clause.
async fn restart(command: &[String], path: &Path, within: Duration) -> Result<(), String> {
    let Some((program, arguments)) = command.split_first() else {
        return Ok(());
    };
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(path)
        .env_clear()
        .envs(
            ENVIRONMENT
                .iter()
                .filter_map(|name| Some((*name, std::env::var_os(name)?))),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{program} could not be started ({error})"))?;
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    let (mut printed, mut complained) = (Tail::default(), Tail::default());
    let mut ended = None;
    let deadline = Instant::now() + within;
    loop {
        // What it left behind may hold its output open for ever; it is not waited for.
        if ended.is_some() && stdout.is_none() && stderr.is_none() {
            break;
        }
        tokio::select! {
            more = next(&mut stdout), if stdout.is_some() => printed.take(more, &mut stdout),
            more = next(&mut stderr), if stderr.is_some() => complained.take(more, &mut stderr),
            status = child.wait(), if ended.is_none() => ended = Some(status),
            () = sleep(LAST_WORDS), if ended.is_some() => break,
            () = sleep_until(deadline) => break,
        }
    }
    let heard = [complained.words(), printed.words()]
        .into_iter()
        .find(|words| !words.is_empty())
        .map(|words| format!(": {words}"))
        .unwrap_or_default();
    match ended {
        Some(Ok(status)) if status.success() => Ok(()),
        Some(Ok(status)) => Err(match status.code() {
            Some(code) => format!("exit {code}{heard}"),
            None => format!("stopped by a signal{heard}"),
        }),
        Some(Err(error)) => Err(format!("its end could not be read ({error})")),
        None => {
            let _ = child.kill().await;
            Err(format!(
                "no end after {} s, stopped{heard}",
                within.as_secs_f64()
            ))
        }
    }
}

/// The next piece of output; `None` at its end.
async fn next(from: &mut Option<impl AsyncRead + Unpin>) -> Option<Vec<u8>> {
    let reader = from.as_mut()?;
    let mut space = [0; 1024];
    let mut buffer = ReadBuf::new(&mut space);
    poll_fn(|context| std::pin::Pin::new(&mut *reader).poll_read(context, &mut buffer))
        .await
        .ok()?;
    let read = buffer.filled();
    (!read.is_empty()).then(|| read.to_vec())
}

/// The end of an output of any length.
#[derive(Default)]
struct Tail(Vec<u8>);

impl Tail {
    fn take<R>(&mut self, more: Option<Vec<u8>>, from: &mut Option<R>) {
        match more {
            Some(more) => {
                self.0.extend_from_slice(&more);
                let too_many = self.0.len().saturating_sub(OUTPUT_AT_MOST);
                self.0.drain(..too_many);
            }
            None => *from = None,
        }
    }

    /// Its last words, on one line.
    fn words(&self) -> String {
        let text = String::from_utf8_lossy(&self.0);
        let line = text
            .split(|c: char| c.is_control() || c.is_whitespace())
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        let skip = line.chars().count().saturating_sub(300);
        if skip == 0 {
            return line;
        }
        format!("…{}", line.chars().skip(skip).collect::<String>())
    }
}

/// An error of the file system before anything was changed, with what to do about it.
fn refused(what: &str, path: &Path, error: &io::Error) -> ProviderError {
    let path = path.display();
    let (why, next) = match error.kind() {
        ErrorKind::PermissionDenied => (
            format!("permission denied{}", whoami()),
            "Give its user access to it",
        ),
        ErrorKind::ReadOnlyFilesystem => (
            "the file system is read-only".to_owned(),
            "Mount it writable",
        ),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            ("there is no space left".to_owned(), "Make room")
        }
        _ => (error.to_string(), "Look at it on the machine"),
    };
    ProviderError::Refused(format!(
        "Releases: this process could not {what} {path} ({why}); production was not changed. {next}, then try again."
    ))
}

/// Who this process is to the file system, as the end of a clause; empty where that is not told.
fn whoami() -> String {
    match fs::metadata("/proc/self") {
        Ok(own) => format!(" for user id {}", own.uid()),
        Err(_) => String::new(),
    }
}

/// Whether names in this directory may be changed, by its mode alone; `None` when that is not told.
fn may_write(path: &Path) -> Option<bool> {
    let own = fs::metadata("/proc/self").ok()?;
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let groups: Vec<u32> = status
        .lines()
        .find_map(|line| line.strip_prefix("Groups:"))
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|group| group.parse().ok())
        .collect();
    let directory = fs::metadata(path).ok()?;
    let mode = directory.mode();
    let bits = if own.uid() == 0 {
        return Some(true);
    } else if directory.uid() == own.uid() {
        mode >> 6
    } else if directory.gid() == own.gid() || groups.contains(&directory.gid()) {
        mode >> 3
    } else {
        mode
    };
    Some(bits & 0o3 == 0o3)
}

#[cfg(test)]
mod tests;
