//! Locking a folder for changes. Only users who may change it can do so.
//!
//! Everybody who can read a folder could lock the folder itself, for ever. So the lock is a file in
//! it that exists while a command works. Only users who may write in the folder can open it.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;

use super::file::{Facts, folder_of};
use super::folder::{Folder, name_of};
use super::temporary::{Registered, is_named};
use crate::disk::error::{Error, Result};

/// The right to change a file, held until it is dropped.
pub(super) struct FolderLock {
    // In this order, so that the name goes while the lock is held.
    _name: Registered,
    _file: File,
}

/// Locks a file in a folder for changes. Waits for another command up to `patience`. Returns none
/// if this user may not write in the folder.
pub(super) fn lock(folder: &Folder, path: &Path, patience: Duration) -> Result<Option<FolderLock>> {
    let path = lock_path(path);
    wait(patience, || try_lock(folder, &path))
}

/// Takes the lock on an open file for a folder, waiting up to `patience` for it.
pub(super) fn take(file: File, folder: &Path, patience: Duration) -> Result<File> {
    wait(patience, || try_take(&file, folder, folder))?;
    Ok(file)
}

/// Tries until it succeeds, or until `patience` is over.
fn wait<T>(patience: Duration, attempt: impl Fn() -> Result<T>) -> Result<T> {
    const STEP: Duration = Duration::from_millis(50);
    let mut waited = Duration::ZERO;
    loop {
        match attempt() {
            Err(error) if waited < patience && may_pass(&error) => {}
            tried => return tried,
        }
        std::thread::sleep(STEP);
        waited += STEP;
    }
}

fn may_pass(error: &Error) -> bool {
    match error {
        Error::Busy(_) => true,
        // Before the lock's file is shared, only its maker can open it.
        Error::Io { source, .. } => source.kind() == io::ErrorKind::PermissionDenied,
        _ => false,
    }
}

fn try_take(file: &File, path: &Path, folder: &Path) -> Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::Error(error)) if error.kind() != io::ErrorKind::Interrupted => {
            Err(Error::io("lock", path)(error))
        }
        Err(_) => Err(Error::Busy(folder.to_owned())),
    }
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(name_of(path));
    name.push(".plugsign.lock");
    path.with_file_name(name)
}

fn try_lock(folder: &Folder, path: &Path) -> Result<Option<FolderLock>> {
    use io::ErrorKind::{
        AlreadyExists, NotFound, PermissionDenied, ReadOnlyFilesystem, WouldBlock,
    };
    let name = name_of(path);
    let failed = |error: io::Error| match error.kind() {
        AlreadyExists | WouldBlock => Error::Busy(folder_of(path).to_owned()),
        _ => Error::io("lock", path)(error),
    };
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
    let file = match folder.open_name(name, flags) {
        Err(error) if error.kind() == NotFound => match make(folder, name.as_os_str()) {
            Err(error) if matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem) => {
                return Ok(None);
            }
            made => made,
        },
        opened => opened,
    }
    .map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        let kind = Facts::from(&metadata).words();
        return Err(Error::NotAFile { path: path.to_owned(), kind });
    }
    try_take(&file, path, folder_of(path))?;
    // The last holder has removed it, and the next one may have made another.
    let still_named = || match is_named(&file, folder, name.as_os_str())? {
        true => Ok(()),
        false => Err(WouldBlock.into()),
    };
    let ((), name) = Registered::making(folder, name.as_os_str(), still_named).map_err(failed)?;
    Ok(Some(FolderLock { _name: name, _file: file }))
}

/// Makes the lock's file for all users who may write in the folder, and for nobody else.
fn make(folder: &Folder, name: &OsStr) -> io::Result<File> {
    let file = folder.create_new(name)?;
    // If this fails, the others wait and then say which file they cannot open.
    let _ = share(&file, &folder.file().metadata()?);
    Ok(file)
}

fn share(file: &File, folder: &Metadata) -> io::Result<()> {
    let made = file.metadata()?;
    if made.gid() != folder.gid() {
        fchown(file, None, Some(folder.gid()))?;
    }
    if made.uid() != folder.uid() && rustix::process::geteuid().is_root() {
        fchown(file, Some(folder.uid()), None)?;
    }
    let writers = folder.mode() & 0o022;
    file.set_permissions(Permissions::from_mode(0o600 | writers | writers << 1))
}
