//! The password file on its disk: never half written, never readable by others.

use std::fs::{canonicalize, metadata, remove_file, rename, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{fchown, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process;

use thiserror::Error;

/// Bytes of the largest file; half a million users.
const FILE_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// For the owner alone.
const MODE: u32 = 0o600;
/// Of an existing file its group may go on reading: brokers often run as a member of it.
const MODE_KEPT: u32 = 0o640;

/// Why the file cannot be read or written.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
    #[error("{}: does not exist; make it with corecast passwd create", .0.display())]
    Missing(PathBuf),
    #[error("{}: exists already; add users to it with corecast passwd add", .0.display())]
    Exists(PathBuf),
    #[error("{}: cannot be read: {error}", path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },
    #[error("{}: is larger than {FILE_BYTES_MAX} bytes, so hardly a password file", .0.display())]
    TooLarge(PathBuf),
    #[error("{}: cannot be written: {error}", path.display())]
    Unwritable { path: PathBuf, error: std::io::Error },
}

/// The text of a file.
pub(super) fn load(path: &Path) -> Result<String, StoreError> {
    let mut text = String::new();
    match File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Err(StoreError::Missing(path.to_owned())),
        Err(error) => Err(StoreError::Unreadable { path: path.to_owned(), error }),
        Ok(bytes) if bytes as u64 > FILE_BYTES_MAX => Err(StoreError::TooLarge(path.to_owned())),
        Ok(_) => Ok(text),
    }
}

/// Writes a file beside the old one and puts it in its place: whoever reads sees one or the other. Owner and group stay.
pub(super) fn save(path: &Path, text: &str, must_be_new: bool) -> Result<(), StoreError> {
    let unwritable = |error| StoreError::Unwritable { path: path.to_owned(), error };
    if must_be_new {
        return match OpenOptions::new().write(true).create_new(true).mode(MODE).open(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(StoreError::Exists(path.to_owned())),
            Err(error) => Err(unwritable(error)),
            Ok(mut file) => file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(unwritable),
        };
    }
    // A link stays a link.
    let target = canonicalize(path).map_err(unwritable)?;
    let mut beside = target.clone().into_os_string();
    beside.push(format!(".{}.new", process::id()));
    let beside = PathBuf::from(beside);
    let written = write_beside(&target, &beside, text).and_then(|()| rename(&beside, &target));
    written.map_err(|error| {
        // What is left of it is of no use; the first error is the one to tell.
        let _ = remove_file(&beside);
        unwritable(error)
    })
}

fn write_beside(target: &Path, beside: &Path, text: &str) -> std::io::Result<()> {
    let old = metadata(target)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(beside)?;
    file.write_all(text.as_bytes())?;
    let new = file.metadata()?;
    if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
        fchown(&file, Some(old.uid()), Some(old.gid()))?;
    }
    file.set_permissions(Permissions::from_mode(MODE | old.mode() & MODE_KEPT))?;
    file.sync_all()
}
