//! Files, written whole and durably or not at all.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, Mode, OFlags, linkat, openat, renameat, unlinkat};
#[cfg(any(target_os = "linux", target_os = "macos"))]
use rustix::fs::{RenameFlags, renameat_with};
use rustix::io::Errno;

use super::file::{Links, folder_of, kind, open_regular, read_bounded};
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
    let folder = Folder::of(path)?;
    folder.write_one_of_many(path, bytes, access, existing)?;
    folder.sync(path)
}

/// A folder that is held open: what is written into it lands there, whatever takes its place
/// meanwhile.
pub(super) struct Folder(File);

impl Folder {
    /// Takes an open folder.
    pub(super) fn new(folder: File) -> Folder {
        Folder(folder)
    }

    /// Opens the folder that a path's last component is in.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], which names `path`.
    pub(super) fn of(path: &Path) -> Result<Folder> {
        OpenOptions::new()
            .read(true)
            .custom_flags(OFlags::DIRECTORY.bits() as i32)
            .open(folder_of(path))
            .map(Folder)
            .map_err(Error::io("write", path))
    }

    /// Makes the names in it durable, that of `path` among them.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], which names the folder of `path`.
    pub(super) fn sync(&self, path: &Path) -> Result<()> {
        self.0.sync_all().map_err(Error::io("sync", folder_of(path)))
    }

    /// Writes a file as [`write_new`] does, but leaves syncing the folder to the caller, who does
    /// so with [`sync_folder`], once for many files and before saying that they are there. Until
    /// then a power cut may take the file away again, whole. Only the last component of `path`
    /// says where in this folder the file goes.
    ///
    /// # Errors
    ///
    /// As [`write_new`].
    pub(super) fn write_one_of_many(
        &self,
        path: &Path,
        bytes: &[u8],
        access: Access,
        existing: Existing,
    ) -> Result<()> {
        self.prepare(path, bytes, access, existing)?.appear()
    }

    /// Does all of [`Folder::write_one_of_many`] that needs room on the disk: the file is there, but
    /// not yet under its name.
    ///
    /// # Errors
    ///
    /// As [`write_new`].
    pub(super) fn prepare(
        &self,
        path: &Path,
        bytes: &[u8],
        access: Access,
        existing: Existing,
    ) -> Result<Prepared<'_>> {
        let name = path
            .file_name()
            .ok_or_else(|| Error::io("write", path)(io::ErrorKind::InvalidInput.into()))?;
        if existing == Existing::Replace {
            check_replaceable(path)?;
        }
        let temporary = Temporary::create(self, path, name).map_err(Error::io("write", path))?;
        temporary.fill(bytes, access).map_err(Error::io("write", path))?;
        Ok(Prepared { temporary, path: path.to_owned(), existing })
    }
}

/// A file that is whole and synced, and has not its name yet. Dropping it removes it.
pub(super) struct Prepared<'a> {
    temporary: Temporary<'a>,
    path: PathBuf,
    existing: Existing,
}

impl Prepared<'_> {
    /// Gives the file its name.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] with [`Existing::Keep`], [`Error::Io`] else.
    pub(super) fn appear(self) -> Result<()> {
        let Prepared { temporary, path, existing } = self;
        let name = path.file_name().unwrap_or_default();
        temporary.rename(name, existing).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Error::Exists(path.clone()),
            _ => Error::io("write", &path)(error),
        })
    }
}

/// Refuses to put a file in the place of a device, a FIFO or a socket, or of a link to one: root
/// could rename over /dev/null.
fn check_replaceable(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() && !metadata.is_dir() => {
            Err(Error::NotAFile { path: path.to_owned(), kind: kind(&metadata) })
        }
        // /dev/stdout is a link to one, and leads to a regular file where that is redirected.
        _ if is_link_to_descriptor(path) => {
            Err(Error::NotAFile { path: path.to_owned(), kind: "a name for an open file" })
        }
        _ => Ok(()),
    }
}

fn is_link_to_descriptor(path: &Path) -> bool {
    let is_descriptor = |path: &Path| path.starts_with("/proc") || path.starts_with("/dev/fd");
    let target = fs::read_link(path).map(|target| folder_of(path).join(target));
    target.is_ok_and(|target| is_descriptor(&target)) || is_descriptor(path)
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
///
/// # Errors
///
/// [`Error::Io`].
pub fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", folder))
}

/// Removes files of a folder durably.
pub(super) fn remove_all(folder: &Path, files: &[PathBuf]) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    for path in files {
        fs::remove_file(path).map_err(Error::io("remove", path))?;
    }
    sync_folder(folder)
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

/// A name in [`IN_PROGRESS`].
struct Registered(PathBuf);

impl Drop for Registered {
    fn drop(&mut self) {
        IN_PROGRESS.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// A file under a temporary name. Dropping it removes it.
struct Temporary<'a> {
    folder: &'a Folder,
    file: File,
    is_renamed: bool,
    registered: Registered,
}

impl Temporary<'_> {
    /// Creates the temporary file for a file of this name.
    fn create<'a>(folder: &'a Folder, path: &Path, name: &OsStr) -> io::Result<Temporary<'a>> {
        let mut in_progress = IN_PROGRESS.lock().unwrap_or_else(PoisonError::into_inner);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let created = tempfile::Builder::new()
            .prefix(&prefix(name))
            .suffix(".tmp")
            // Its own way of removing goes by the path.
            .disable_cleanup(true)
            // Its own way of opening does so too, and would add the temporary name to errors, which
            // would only puzzle the reader.
            .make_in(folder_of(path), |temporary| {
                let name = temporary.file_name().unwrap_or_default();
                let mode = Mode::from_raw_mode(0o600);
                let open = || openat(&folder.0, name, flags, mode);
                Ok(File::from(rustix::io::retry_on_intr(open)?))
            })?;
        let (file, path) = created.into_parts();
        let registered = Registered(path.to_path_buf());
        in_progress.insert(registered.0.clone());
        Ok(Temporary { folder, file, is_renamed: false, registered })
    }

    fn name(&self) -> &OsStr {
        self.registered.0.file_name().unwrap_or_default()
    }

    fn fill(&self, bytes: &[u8], access: Access) -> io::Result<()> {
        let mut file = &self.file;
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

    fn rename(mut self, name: &OsStr, existing: Existing) -> io::Result<()> {
        let folder = &self.folder.0;
        match existing {
            Existing::Keep => rename_unless_there(folder, self.name(), name)?,
            Existing::Replace => renameat(folder, self.name(), folder, name)?,
        }
        self.is_renamed = true;
        Ok(())
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.is_renamed {
            let _ = unlinkat(&self.folder.0, self.name(), AtFlags::empty());
        }
    }
}

/// Renames a file within a folder, unless something has the new name already.
fn rename_unless_there(folder: &File, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    match renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
        // Kernels before 3.15, and file systems that know of no such flag.
        Err(Errno::NOSYS | Errno::INVAL | Errno::NOTSUP) => {}
        renamed => return renamed,
    }
    linkat(folder, from, folder, to, AtFlags::empty())?;
    // The file has its name; under its temporary one it would do no harm.
    let _ = unlinkat(folder, from, AtFlags::empty());
    Ok(())
}

/// Returns how a temporary name begins. A name has at most 255 bytes, and the temporary one is
/// longer than the final one.
fn prefix(name: &OsStr) -> OsString {
    let bytes = name.as_bytes();
    let mut prefix = OsString::from(".");
    prefix.push(OsStr::from_bytes(bytes.get(..200).unwrap_or(bytes)));
    prefix.push(".");
    prefix
}
