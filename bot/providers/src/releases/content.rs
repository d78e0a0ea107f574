//! The identity of what is in a release directory, so that an approval is for these files and not
//! only for the name of the directory.

use sha2::{Digest, Sha256};
use std::{
    fs::{self, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
};

/// The most bytes of files that are read. Of what is beyond, the size, the time and the inode count.
const BYTES_AT_MOST: u64 = 64 * 1024 * 1024;
/// The most files and directories that are looked at.
const ENTRIES_AT_MOST: usize = 200_000;

/// What is in a directory, as one short word that is another one when a file changes.
pub(super) fn content(release: &Path) -> io::Result<String> {
    let mut reading = Reading {
        hash: Sha256::new(),
        bytes_left: BYTES_AT_MOST,
        entries_left: ENTRIES_AT_MOST,
    };
    reading.directory(release, Path::new(""))?;
    let hash = reading.hash.finalize();
    Ok(hash
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

struct Reading {
    hash: Sha256,
    bytes_left: u64,
    entries_left: usize,
}

impl Reading {
    /// Takes in a directory and what is below it, in the order of the names.
    fn directory(&mut self, directory: &Path, name: &Path) -> io::Result<()> {
        let mut entries: Vec<_> = match fs::read_dir(directory) {
            Ok(entries) => entries.collect::<io::Result<_>>()?,
            // The link can lead to what this process may not read.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                self.fact(name, "closed", &[]);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            if self.entries_left == 0 {
                return Ok(());
            }
            self.entries_left -= 1;
            let (path, name) = (entry.path(), name.join(entry.file_name()));
            let metadata = fs::symlink_metadata(&path)?;
            let kind = metadata.file_type();
            if kind.is_dir() {
                self.fact(&name, "directory", &[metadata.mode().into()]);
                self.directory(&path, &name)?;
            } else if kind.is_symlink() {
                self.fact(&name, "link", &[]);
                self.hash
                    .update(fs::read_link(&path)?.as_os_str().as_encoded_bytes());
            } else if kind.is_file() {
                self.fact(&name, "file", &[metadata.mode().into(), metadata.len()]);
                self.file(&path, &metadata)?;
            } else {
                self.fact(&name, "other", &[metadata.mode().into()]);
            }
        }
        Ok(())
    }

    fn fact(&mut self, name: &Path, kind: &str, numbers: &[u64]) {
        self.hash.update(name.as_os_str().as_encoded_bytes());
        self.hash.update([0]);
        self.hash.update(kind);
        for number in numbers {
            self.hash.update(number.to_be_bytes());
        }
    }

    /// Takes in the bytes of a file, or what else tells that it has changed.
    fn file(&mut self, path: &Path, metadata: &Metadata) -> io::Result<()> {
        let opened = match metadata.len() <= self.bytes_left {
            true => fs::File::open(path),
            false => Err(io::ErrorKind::PermissionDenied.into()),
        };
        match opened {
            Ok(file) => {
                self.bytes_left -= metadata.len();
                let mut space = vec![0; 64 * 1024];
                let mut file = file.take(metadata.len());
                loop {
                    match file.read(&mut space)? {
                        0 => return Ok(()),
                        read => self.hash.update(&space[..read]),
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                for number in [metadata.mtime(), metadata.mtime_nsec()] {
                    self.hash.update(number.to_be_bytes());
                }
                self.hash.update(metadata.ino().to_be_bytes());
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn every_change_of_a_file_is_another_content() {
        let release = tempfile::tempdir().unwrap();
        let path = release.path();
        fs::create_dir(path.join("app")).unwrap();
        fs::write(path.join("app/main.js"), "one").unwrap();
        let modified = fs::metadata(path.join("app/main.js")).unwrap().modified();
        symlink("app", path.join("current")).unwrap();
        let mut seen = vec![content(path).unwrap()];
        assert_eq!(content(path).unwrap(), seen[0], "nothing changed");
        // The same length and the same time.
        fs::write(path.join("app/main.js"), "two").unwrap();
        let file = fs::File::options()
            .write(true)
            .open(path.join("app/main.js"));
        file.unwrap().set_modified(modified.unwrap()).unwrap();
        seen.push(content(path).unwrap());
        fs::rename(path.join("app/main.js"), path.join("app/other.js")).unwrap();
        seen.push(content(path).unwrap());
        fs::remove_file(path.join("current")).unwrap();
        symlink("elsewhere", path.join("current")).unwrap();
        seen.push(content(path).unwrap());
        fs::write(path.join("REVISION"), "").unwrap();
        seen.push(content(path).unwrap());
        let mut different = seen.clone();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), seen.len(), "{seen:?}");
    }
}
