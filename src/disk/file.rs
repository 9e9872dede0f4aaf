//! Reading files within bounds, and waiting for locks.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::beneath;
use super::permissions::check_own;
use crate::disk::error::{Error, Result};

/// Whether links in a path are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links<'a> {
    /// They are.
    Follow,
    /// One at its end is refused.
    Refuse,
    /// All below this folder are refused, also those that replaced a file or folder since the walk.
    RefuseBeneath(&'a Path),
}

/// Opens a regular file for reading. Anything else is refused at once, without waiting for a
/// FIFO's other end or touching a device.
///
/// # Errors
///
/// [`Error::NotAFile`], or [`Error::Io`].
pub fn open_regular(path: &Path, links: Links<'_>) -> Result<(File, fs::Metadata)> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let open =
        |flags: OFlags| OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path);
    let opened = match links {
        Links::Follow => open(flags),
        Links::Refuse => open(flags | OFlags::NOFOLLOW),
        Links::RefuseBeneath(root) => beneath::open(root, path, flags),
    };
    regular(opened, path, links == Links::Follow, |through_links| match through_links {
        true => fs::metadata(path),
        false => fs::symlink_metadata(path),
    })
}

/// Makes sure that what was opened is a regular file. If it could not be opened, `look` says what
/// is there. It follows links if called with true.
pub(super) fn regular(
    opened: io::Result<File>,
    path: &Path,
    follows_links: bool,
    look: impl Fn(bool) -> io::Result<fs::Metadata>,
) -> Result<(File, fs::Metadata)> {
    let is_link = || look(false).is_ok_and(|metadata| metadata.is_symlink());
    let file = opened.map_err(|error| match look(true) {
        _ if !follows_links && is_link() => {
            Error::NotAFile { path: path.to_owned(), kind: "a link" }
        }
        // A socket cannot be opened at all.
        Ok(metadata) if !metadata.is_file() => {
            Error::NotAFile { path: path.to_owned(), kind: kind(&metadata) }
        }
        _ => Error::io("read", path)(error),
    })?;
    let metadata = file.metadata().map_err(Error::io("read", path))?;
    if !metadata.is_file() {
        return Err(Error::NotAFile { path: path.to_owned(), kind: kind(&metadata) });
    }
    Ok((file, metadata))
}

pub(super) fn kind(metadata: &fs::Metadata) -> &'static str {
    let file_type = metadata.file_type();
    if file_type.is_dir() {
        "a folder"
    } else if file_type.is_fifo() {
        "a FIFO"
    } else if file_type.is_socket() {
        "a socket"
    } else if file_type.is_block_device() || file_type.is_char_device() {
        "a device"
    } else {
        "something else"
    }
}

/// Reads a small file whole.
///
/// # Errors
///
/// [`Error::TooLarge`] if it has more than `limit` bytes, and as [`open_regular`].
pub fn read_small(path: &Path, what: &'static str, limit: u64) -> Result<Zeroizing<Vec<u8>>> {
    read_opened(open_regular(path, Links::Follow)?, path, what, limit)
}

/// Reads a small file of the home whole. Nobody else may be able to write it.
///
/// # Errors
///
/// [`Error::UnsafeFile`], and as [`read_small`].
pub(super) fn read_own(path: &Path, what: &'static str, limit: u64) -> Result<Zeroizing<Vec<u8>>> {
    let opened = open_regular(path, Links::Follow)?;
    check_own(path, &opened.1)?;
    read_opened(opened, path, what, limit)
}

/// Reads an opened small file whole.
///
/// # Errors
///
/// As [`read_small`].
pub(super) fn read_opened(
    (file, metadata): (File, fs::Metadata),
    path: &Path,
    what: &'static str,
    limit: u64,
) -> Result<Zeroizing<Vec<u8>>> {
    let name = path.to_string_lossy();
    if metadata.len() > limit {
        return Err(Error::TooLarge { name: name.into_owned(), what, limit });
    }
    read_bounded(file, &name, what, limit).map_err(|error| match error {
        Error::Io { source, .. } => Error::io("read", path)(source),
        other => other,
    })
}

/// Reads at most `limit` bytes to the end. The buffer is wiped when dropped.
///
/// # Errors
///
/// [`Error::TooLarge`] if there are more, [`Error::Io`] with `name` as the path.
pub fn read_bounded(
    reader: impl Read,
    name: &str,
    what: &'static str,
    limit: u64,
) -> Result<Zeroizing<Vec<u8>>> {
    const PIECE: usize = 32 * 1024;
    let mut reader = reader.take(limit + 1);
    let mut bytes = Zeroizing::new(Vec::new());
    // Reads directly into the wiped buffer, because `read_to_end` probes with a buffer on the
    // stack.
    loop {
        let filled = bytes.len();
        bytes.resize(filled + PIECE, 0);
        let read = reader.read(bytes.get_mut(filled..).unwrap_or_default());
        bytes.truncate(filled + read.as_ref().copied().unwrap_or_default());
        match read {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("read", Path::new(name))(error)),
        }
    }
    if bytes.len() as u64 > limit {
        return Err(Error::TooLarge { name: name.to_string(), what, limit });
    }
    Ok(bytes)
}

/// Returns what has a name, without following links. A file that cannot be examined is not missing.
/// A file whose name is impossible is.
pub(crate) fn metadata_of(path: &Path) -> Result<Option<fs::Metadata>> {
    use io::ErrorKind::{InvalidFilename, InvalidInput, NotADirectory, NotFound};
    /// The longest name on common file systems.
    const MOST: usize = 255;
    let is_too_long = || path.file_name().is_some_and(|name| name.len() > MOST);
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) => match error.kind() {
            NotFound | NotADirectory | InvalidInput => Ok(None),
            // If the path above it is too long, the file may be there.
            InvalidFilename if is_too_long() => Ok(None),
            _ => Err(Error::io("read", path)(error)),
        },
    }
}

/// Returns whether something has a name, without following links.
///
/// # Errors
///
/// [`Error::Io`] if it cannot be examined.
pub fn is_there(path: &Path) -> Result<bool> {
    Ok(metadata_of(path)?.is_some())
}

/// What must not change about a file while it is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl From<&fs::Metadata> for Stamp {
    fn from(metadata: &fs::Metadata) -> Stamp {
        Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Returns the folder that a path's last component is in.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Takes the lock on an open file for a folder, waiting up to `patience` for it.
///
/// # Errors
///
/// [`Error::Busy`], or [`Error::Io`].
pub(super) fn take(lock: File, folder: &Path, patience: Duration) -> Result<File> {
    const STEP: Duration = Duration::from_millis(50);
    let mut waited = Duration::ZERO;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if waited < patience => {
                std::thread::sleep(STEP);
                waited += STEP;
            }
            Err(TryLockError::WouldBlock) => return Err(Error::Busy(folder.to_owned())),
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", folder)(error)),
        }
    }
}
