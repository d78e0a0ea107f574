//! What is on the disk: the releases, where the link leads, and whether this process may change it.

use super::names::{Listed, made, newest_first};
use jiff::Timestamp;
use rollback_domain::{
    platform::ProviderError,
    release::{Candidate, Pin, Release, Surface, Survey},
};
use std::{
    collections::HashMap,
    fs,
    io::{self, ErrorKind, Read, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
};

/// The surface that is the link.
pub(super) const CURRENT: &str = "current";
/// The most releases that are listed.
const LISTED_AT_MOST: usize = 200;
/// The most names that are looked at in `releases`.
const NAMES_AT_MOST: usize = 10_000;
/// The most of `revisions.log` that is read, from its end.
const LOG_AT_MOST: u64 = 1024 * 1024;

/// Where `current` leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Current {
    /// The release, if it leads to one.
    pub(super) live: Option<String>,
    /// Why it does not lead to one, as a clause.
    pub(super) odd: Option<String>,
}

impl Current {
    /// Follows the link.
    pub(super) fn read(path: &Path) -> Result<Self, ProviderError> {
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

    /// The link, as a place where production is seen.
    pub(super) fn surface(&self) -> Surface {
        Surface {
            name: CURRENT.into(),
            live: self.live.clone(),
        }
    }

    /// As a clause: "current leads to v213".
    pub(super) fn clause(&self) -> String {
        match (&self.live, &self.odd) {
            (Some(live), _) => format!("current leads to {live}"),
            (None, Some(odd)) => odd.clone(),
            (None, None) => "current leads nowhere".into(),
        }
    }
}

/// The directory that holds the releases, without a link in its path.
pub(super) fn canonical_releases(path: &Path) -> Result<PathBuf, ProviderError> {
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
pub(super) fn read(path: &Path) -> Result<Survey, ProviderError> {
    let releases = canonical_releases(path)?;
    let log = Log::read(path);
    let entries = fs::read_dir(&releases).map_err(|error| refused("read", &releases, &error))?;
    let mut names = vec![];
    for entry in entries.take(NAMES_AT_MOST) {
        let entry = entry.map_err(|error| refused("read", &releases, &error))?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    let current = Current::read(path)?;
    let listed = names.into_iter().map(|name| {
        let barred = barred(&releases, &name);
        listed(&releases, name, barred, &log)
    });
    let listed = newest_first(listed.collect());
    let made = made(&listed);
    let candidates = listed.into_iter().zip(made).map(|(listed, made)| {
        let is_live = current.live.as_ref() == Some(&listed.name);
        let is_logged = match listed.barred {
            None => log.mentions(&listed.name),
            Some(_) => listed.logged.is_some(),
        };
        let sha = match listed.barred {
            None => revision(&releases.join(&listed.name)),
            Some(_) => None,
        };
        candidate(listed, made, is_live || is_logged, sha)
    });
    Ok(Survey {
        candidates: candidates.take(LISTED_AT_MOST).collect(),
        surfaces: vec![current.surface()],
        production: Some(format!("releases {}", canonical(path).display())),
        pin: Pin::NotNeeded,
        in_flight: current.odd,
        ..Survey::default()
    })
}

fn candidate(
    listed: Listed,
    made: Option<Timestamp>,
    has_served: bool,
    sha: Option<String>,
) -> Candidate {
    let Listed { name, barred, .. } = listed;
    Candidate {
        release: Release {
            version: Some(name.clone()),
            sha,
            created_at: made,
            live_since: made.filter(|_| has_served),
            has_served,
            ..Release::unknown(name)
        },
        barred_forward: barred.clone(),
        barred,
    }
}

/// What tells the place of a release among the others.
fn listed(releases: &Path, name: String, barred: Option<String>, log: &Log) -> Listed {
    let release = releases.join(&name);
    let modified = fs::symlink_metadata(&release).and_then(|metadata| metadata.modified());
    Listed {
        barred,
        logged: log.place(&name),
        revision_at: revision_at(&release),
        modified: modified
            .ok()
            .and_then(|made| Timestamp::try_from(made).ok()),
        name,
    }
}

/// The date of the commit, in the file that newer Capistranos leave, else when the file with the
/// commit was written.
fn revision_at(release: &Path) -> Option<Timestamp> {
    let written = short_text(&release.join("REVISION_TIME"))
        .and_then(|text| Timestamp::from_second(text.trim().parse().ok()?).ok());
    let file = || {
        let metadata = fs::metadata(release.join("REVISION")).ok()?;
        Timestamp::try_from(metadata.modified().ok()?).ok()
    };
    written.or_else(file)
}

/// The same directory under one name, whatever path leads to it.
pub(super) fn canonical(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| {
        let mut plain = PathBuf::new();
        for part in path.components() {
            match part {
                Component::ParentDir => {
                    plain.pop();
                }
                Component::CurDir => {}
                Component::Prefix(_) | Component::RootDir | Component::Normal(_) => {
                    plain.push(part);
                }
            }
        }
        plain
    })
}

/// Why the link may not be pointed there, as a clause; `None` when it may.
pub(super) fn barred(releases: &Path, name: &str) -> Option<String> {
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
    let text = short_text(&release.join("REVISION"))?;
    let sha = text.trim();
    let is_sha = (7..=64).contains(&sha.len()) && sha.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_sha.then(|| sha.to_ascii_lowercase())
}

/// The beginning of a small file.
fn short_text(file: &Path) -> Option<String> {
    // A pipe or a device would be waited for.
    if !fs::metadata(file).ok()?.is_file() {
        return None;
    }
    let mut read = String::new();
    let opened = fs::File::open(file).ok()?;
    opened.take(200).read_to_string(&mut read).ok()?;
    Some(read)
}

/// What says whether a release ever served.
enum Log {
    /// There is none: every release is taken to have served when it was made.
    None,
    /// The words in it, each with the first of the lines that have it, from the oldest one on.
    Of(HashMap<String, usize>),
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
            // One that cannot be read proves nothing about any release.
            Ok(metadata) if metadata.is_file() => {
                Log::of(&String::from_utf8_lossy(&tail(&log).unwrap_or_default()))
            }
            _ => Log::of(""),
        }
    }

    fn of(text: &str) -> Self {
        let around = |c: char| c.is_ascii_punctuation() && c != '-' && c != '_';
        let mut words = HashMap::new();
        for (line, place) in text.lines().zip(0..) {
            for word in line.split_whitespace() {
                for word in [word, word.trim_matches(around)] {
                    words.entry(word.to_owned()).or_insert(place);
                }
            }
        }
        Log::Of(words)
    }

    /// Whether this release was deployed, by what is logged.
    fn mentions(&self, name: &str) -> bool {
        match self {
            Log::None => true,
            Log::Of(words) => words.contains_key(name),
        }
    }

    /// The place of this release in the log.
    fn place(&self, name: &str) -> Option<usize> {
        match self {
            Log::None => None,
            Log::Of(words) => words.get(name).copied(),
        }
    }
}

/// An error of the file system before anything was changed, with what to do about it.
pub(super) fn refused(what: &str, path: &Path, error: &io::Error) -> ProviderError {
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
pub(super) fn whoami() -> String {
    match fs::metadata("/proc/self") {
        Ok(own) => format!(" for user id {}", own.uid()),
        Err(_) => String::new(),
    }
}

/// Whether names in this directory may be changed, by its mode alone; `None` when that is not told.
pub(super) fn may_write(path: &Path) -> Option<bool> {
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
