//! Files: read within bounds, written whole or not at all.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::OFlags;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use super::beneath;
use crate::error::{Error, Result};

/// Who may read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The owner alone: 0600, whatever the umask.
    Secret,
    /// Everybody, as far as this umask lets them: 0644 less the mask.
    Public {
        /// The process's file mode creation mask.
        umask: u32,
    },
    /// Whoever may read another file: in the place of one, or beside it for the same reader.
    Exactly {
        /// The permission bits.
        mode: u32,
        /// The user and the group that it belongs to.
        owner: (u32, u32),
    },
}

impl Access {
    fn mode(self) -> u32 {
        match self {
            Access::Secret => 0o600,
            Access::Public { umask } => 0o644 & !umask,
            Access::Exactly { mode, .. } => mode & 0o7777,
        }
    }
}

/// What happens when a file stands where the new one goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the new one is refused.
    Keep,
    /// The new one takes its place in one step.
    Replace,
}

/// Writes a file whole and durably, or leaves everything as it was.
///
/// The bytes go to a temporary file in the same folder (`.NAME.RANDOM.tmp`, 0600 from the
/// start), which is synced, given its mode and renamed; then the folder is synced. Success is
/// success on disk. A link in the way is replaced or refused, never followed.
///
/// # Errors
///
/// [`Error::Exists`] with [`Existing::Keep`], [`Error::NotAFile`] for a device, a FIFO or a socket
/// with [`Existing::Replace`], [`Error::Io`] else. No error leaves a part behind.
pub fn write_new(path: &Path, bytes: &[u8], access: Access, existing: Existing) -> Result<()> {
    write_one_of_many(path, bytes, access, existing)?;
    sync_folder(folder_of(path))
}

/// Writes a file as [`write_new`] does, but leaves syncing the folder to the caller, who does so
/// with [`sync_folder`], once for many files and before saying that they are there. Until then a
/// power cut may take the file away again, whole.
///
/// # Errors
///
/// As [`write_new`].
pub fn write_one_of_many(
    path: &Path,
    bytes: &[u8],
    access: Access,
    existing: Existing,
) -> Result<()> {
    let folder = folder_of(path);
    let name = path
        .file_name()
        .ok_or_else(|| Error::io("write", path)(io::Error::from(io::ErrorKind::InvalidInput)))?;
    if existing == Existing::Replace {
        check_replaceable(path)?;
    }
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(shortened(name));
    prefix.push(".");
    let temporary = Temporary::create(folder, &prefix).map_err(Error::io("write", path))?;
    temporary.fill(bytes, access).map_err(Error::io("write", path))?;
    temporary.rename(path, existing).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists(path.to_owned()),
        _ => Error::io("write", path)(error),
    })
}

/// Refuses to put a file in the place of a device, a FIFO or a socket, or of a link to one: root
/// could rename over /dev/null.
fn check_replaceable(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() && !metadata.is_dir() => {
            Err(Error::NotAFile { path: path.to_owned(), kind: kind(&metadata) })
        }
        _ => Ok(()),
    }
}

/// Writes a file as [`write_new`] does with [`Existing::Keep`], unless the very same one is there:
/// a command that was killed after its last write can be run again.
///
/// # Errors
///
/// [`Error::Exists`] if there is anything else, also the same bytes where more people can read
/// them. [`Error::Io`] else.
pub fn write_unless_same(path: &Path, bytes: &[u8], access: Access) -> Result<()> {
    match is_same(path, bytes, access) {
        true => sync_folder(folder_of(path)),
        false => write_new(path, bytes, access, Existing::Keep),
    }
}

/// Returns whether a regular file has exactly these bytes, and may be read by nobody else than
/// `access` lets.
pub fn is_same(path: &Path, bytes: &[u8], access: Access) -> bool {
    let Ok((file, metadata)) = open_regular(path, Links::Refuse) else { return false };
    let is_wider = access == Access::Secret && metadata.mode() & 0o077 != 0;
    let length = bytes.len() as u64;
    !is_wider
        && metadata.len() == length
        && read_bounded(file, "", "a file", length).is_ok_and(|there| *there == bytes)
}

/// Makes a folder for everybody, and those above it, as far as this umask lets them: the
/// process's own may be tighter.
///
/// # Errors
///
/// [`Error::Io`].
pub fn make_folder(folder: &Path, umask: u32) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder_of(folder);
    make_folder(parent, umask)?;
    fs::create_dir(folder)
        .and_then(|()| fs::set_permissions(folder, Permissions::from_mode(0o777 & !umask)))
        .map_err(Error::io("create", folder))?;
    sync_folder(parent)
}

/// Makes the names in a folder durable.
pub fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", folder))
}

/// Takes a folder for changes, by a lock on itself that leaves nothing in it. Waits for another
/// command up to `patience`. The lock is held until the file is dropped.
///
/// # Errors
///
/// [`Error::Busy`], or [`Error::Io`].
pub fn lock_folder(folder: &Path, patience: Duration) -> Result<File> {
    let lock = File::open(folder).map_err(Error::io("read", folder))?;
    take(lock, folder, patience)
}

/// Takes the lock on an open file for a folder, waiting up to `patience` for it.
///
/// # Errors
///
/// [`Error::Busy`], or [`Error::Io`].
pub fn take(lock: File, folder: &Path, patience: Duration) -> Result<File> {
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

/// Returns the folder that a path's last component is in.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A name has at most 255 bytes, and the temporary one is longer than the final one.
fn shortened(name: &std::ffi::OsStr) -> &std::ffi::OsStr {
    use std::os::unix::ffi::OsStrExt;
    let bytes = name.as_bytes();
    std::ffi::OsStr::from_bytes(bytes.get(..200).unwrap_or(bytes))
}

/// The names of temporary files that are being written, for [`remove_temporary_files`].
static IN_PROGRESS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Removes the temporary files of writes in progress: for a signal handler that ends the
/// process before their owners can. The lock that it takes is kept until then, so no new one
/// appears.
pub fn remove_temporary_files() {
    let paths = IN_PROGRESS.lock().unwrap_or_else(PoisonError::into_inner);
    for path in paths.iter() {
        let _ = fs::remove_file(path);
    }
    std::mem::forget(paths);
}

/// A file under a temporary name. Dropping it removes it.
struct Temporary {
    file: NamedTempFile,
    _registered: Registered,
}

/// A name in [`IN_PROGRESS`].
struct Registered(PathBuf);

impl Drop for Registered {
    fn drop(&mut self) {
        IN_PROGRESS.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

impl Temporary {
    fn create(folder: &Path, prefix: &std::ffi::OsStr) -> io::Result<Temporary> {
        let mut in_progress = IN_PROGRESS.lock().unwrap_or_else(PoisonError::into_inner);
        let file = tempfile::Builder::new()
            .prefix(prefix)
            .suffix(".tmp")
            // Its own way of opening would add the temporary name to errors, which would only
            // puzzle the reader.
            .make_in(folder, |path| {
                OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
            })?;
        let path = file.path().to_owned();
        in_progress.insert(path.clone());
        Ok(Temporary { file, _registered: Registered(path) })
    }

    fn fill(&self, bytes: &[u8], access: Access) -> io::Result<()> {
        let mut file = self.file.as_file();
        file.write_all(bytes)?;
        if let Access::Exactly { owner: (user, group), .. } = access {
            let metadata = file.metadata()?;
            if (metadata.uid(), metadata.gid()) != (user, group) {
                std::os::unix::fs::fchown(file, Some(user), Some(group))?;
            }
        }
        let mode = access.mode();
        if mode != 0o600 {
            file.set_permissions(Permissions::from_mode(mode))?;
        }
        file.sync_all()
    }

    fn rename(self, path: &Path, existing: Existing) -> io::Result<()> {
        let renamed = match existing {
            Existing::Keep => self.file.persist_noclobber(path).map(drop),
            Existing::Replace => self.file.persist(path).map(drop),
        };
        renamed.map_err(|error| error.error)
    }
}

/// Whether links in a path are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links<'a> {
    /// They are.
    Follow,
    /// One at its end is refused.
    Refuse,
    /// All beneath this folder are refused, also those that took the place of a file or a folder
    /// since it was walked.
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
    let file = opened.map_err(|error| match fs::metadata(path) {
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

fn kind(metadata: &fs::Metadata) -> &'static str {
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
    let (file, metadata) = open_regular(path, Links::Follow)?;
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
    // Straight into what is wiped: `read_to_end` looks for the end with a buffer on the stack.
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

/// Returns what stands under a name, links not followed. That a file cannot be looked at does not
/// mean that it is missing; that no file can have this name does.
pub(super) fn metadata_of(path: &Path) -> Result<Option<fs::Metadata>> {
    use io::ErrorKind::{InvalidFilename, InvalidInput, NotADirectory, NotFound};
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) => match error.kind() {
            NotFound | NotADirectory | InvalidFilename | InvalidInput => Ok(None),
            _ => Err(Error::io("read", path)(error)),
        },
    }
}

/// What must stay the same of a file while it is read.
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
