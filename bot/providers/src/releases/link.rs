//! Pointing the link elsewhere: all that can refuse does so before, and nothing after.

use super::disk::{CURRENT, barred, canonical_releases, refused};
use rollback_domain::identity::RollbackId;
use rollback_domain::platform::ProviderError;
use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

/// Points `current` at the release and says so, or says why nothing was changed.
pub(super) fn switch(
    path: &Path,
    target: &str,
    rollback: RollbackId,
) -> Result<String, ProviderError> {
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
    let before = read_link(&link)?;
    if fs::canonicalize(&link).is_ok_and(|now| now == real) {
        return Ok(format!("current already leads to {target}"));
    }
    let next = path.join(format!(".{CURRENT}.{rollback}"));
    clear_away(&next)?;
    symlink(written(before, target, real), &next)
        .map_err(|error| refused("make", &next, &error))?;
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

/// What the link says now; `None` when there is none.
fn read_link(link: &Path) -> Result<Option<PathBuf>, ProviderError> {
    match fs::symlink_metadata(link) {
        Ok(metadata) if metadata.file_type().is_symlink() => Ok(fs::read_link(link).ok()),
        Ok(_) => Err(ProviderError::Refused(format!(
            "Releases: nothing was switched, {} is not a link. Put a link to the live release in its place.",
            link.display()
        ))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(refused("read", link, &error)),
    }
}

/// What the link is to say, written as it was written before, so that a chroot or a mount
/// elsewhere still follows it.
fn written(before: Option<PathBuf>, target: &str, real: PathBuf) -> PathBuf {
    match before {
        Some(before) if before.is_absolute() => {
            let beside = before.with_file_name(target);
            match fs::canonicalize(&beside).is_ok_and(|leads_to| leads_to == real) {
                true => beside,
                false => real,
            }
        }
        Some(_) | None => Path::new("releases").join(target),
    }
}

/// Removes the link that an attempt before this one has left, and nothing else.
fn clear_away(next: &Path) -> Result<(), ProviderError> {
    match fs::symlink_metadata(next) {
        Ok(metadata) if metadata.file_type().is_symlink() => {
            fs::remove_file(next).map_err(|error| refused("clear away", next, &error))
        }
        Ok(_) => Err(ProviderError::Refused(format!(
            "Releases: nothing was switched, {} is in the way and not ours. Remove it, then ask for a new plan.",
            next.display()
        ))),
        Err(_) => Ok(()),
    }
}
