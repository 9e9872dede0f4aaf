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

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::retry_on_intr;

use super::file::{folder_of, kind};
use super::folder::{Folder, name_of};
use super::temporary::{Registered, is_named};
use crate::disk::error::{Error, Result};

/// The right to change a file, held until it is dropped.
pub(super) struct FolderLock {
    // In this order, so that the name goes while the lock is held.
    _name: Registered,
    _file: File,
}

/// The result of a try.
enum Try {
    Taken(FolderLock),
    /// Another command has it.
    Busy,
    /// This user may not make files here.
    Readonly,
}

/// Locks a file in a folder for changes. Waits for another command up to `patience`. Returns none
/// if this user may not write in the folder.
///
/// # Errors
///
/// [`Error::Busy`], [`Error::NotAFile`], or [`Error::Io`].
pub(super) fn lock(folder: &Folder, path: &Path, patience: Duration) -> Result<Option<FolderLock>> {
    const STEP: Duration = Duration::from_millis(50);
    let path = lock_path(path);
    let mut waited = Duration::ZERO;
    loop {
        match try_lock(folder, &path) {
            Ok(Try::Taken(lock)) => return Ok(Some(lock)),
            Ok(Try::Readonly) => return Ok(None),
            Ok(Try::Busy) if waited >= patience => {
                return Err(Error::Busy(folder_of(&path).to_owned()));
            }
            // Before it is shared, only its maker can open it.
            Err(Error::Io { source, .. })
                if source.kind() == io::ErrorKind::PermissionDenied && waited < patience => {}
            Err(error) => return Err(error),
            Ok(Try::Busy) => {}
        }
        std::thread::sleep(STEP);
        waited += STEP;
    }
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(name_of(path));
    name.push(".plugsign.lock");
    path.with_file_name(name)
}

fn try_lock(folder: &Folder, path: &Path) -> Result<Try> {
    let name = name_of(path).as_os_str();
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
    let file = match folder.open_name(Path::new(name), flags) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match make(folder, name) {
            Ok(file) => file,
            Err(error) => {
                return match error.kind() {
                    io::ErrorKind::AlreadyExists => Ok(Try::Busy),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                        Ok(Try::Readonly)
                    }
                    _ => Err(Error::io("lock", path)(error)),
                };
            }
        },
        opened => opened.map_err(Error::io("lock", path))?,
    };
    let metadata = file.metadata().map_err(Error::io("lock", path))?;
    if !metadata.is_file() {
        return Err(Error::NotAFile { path: path.to_owned(), kind: kind(&metadata) });
    }
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Try::Busy),
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => {
            return Ok(Try::Busy);
        }
        Err(TryLockError::Error(error)) => return Err(Error::io("lock", path)(error)),
    }
    // The last holder has removed it, and the next one may have made another.
    let taken = Registered::making(folder, name, || match is_named(&file, folder, name)? {
        true => Ok(()),
        false => Err(io::ErrorKind::WouldBlock.into()),
    });
    match taken {
        Ok(((), name)) => Ok(Try::Taken(FolderLock { _name: name, _file: file })),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Try::Busy),
        Err(error) => Err(Error::io("lock", path)(error)),
    }
}

/// Makes the lock's file for all users who may write in the folder, and for nobody else.
fn make(folder: &Folder, name: &OsStr) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(0o600);
    let file = File::from(retry_on_intr(|| openat(folder.file(), name, flags, mode))?);
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
