//! Writing files whole and durably, or not at all.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, readlinkat};

pub use super::access::{Access, Existing};
use super::file::{Links, folder_of, open_regular, read_bounded};
use super::folder::{Folder, name_of};
use super::system::sync;
pub use super::temporary::remove_temporary_files;
use super::temporary::{Prepared, Temporary, sweep};
use crate::disk::error::{Error, Result};

/// Writes a file whole and durably, or leaves everything as it was.
///
/// The bytes go to a temporary file in the same folder. It is 0600 from the start and has no name
/// if possible. The file is synced and gets its mode and its name. Then the folder is synced. So
/// success means that the file is on disk. An existing link is replaced or refused, never followed.
///
/// # Errors
///
/// [`Error::Exists`] with [`Existing::Keep`], [`Error::NotAFile`] for a device, a FIFO or a socket
/// with [`Existing::Replace`], [`Error::Exposed`] for a secret that others could read, otherwise
/// [`Error::Io`]. No error leaves a part of a file.
pub(super) fn write_new(
    path: &Path,
    bytes: &[u8],
    access: Access,
    existing: Existing,
) -> Result<()> {
    Folder::of(path)?.write(path, bytes, access, existing)
}

/// Writes new files as [`write_new`] does, in this order. If one fails, none of them stays.
/// Everything that needs disk space is done before the first file gets its name.
pub(super) fn write_all_or_none(files: &[(PathBuf, &[u8])], access: Access) -> Result<()> {
    let open = |(path, _): &(PathBuf, &[u8])| Folder::of(path);
    let folders = files.iter().map(open).collect::<Result<Vec<Folder>>>()?;
    let both = || files.iter().zip(&folders);
    let prepared = both()
        .map(|((path, bytes), folder)| folder.prepare(path, bytes, access.clone(), Existing::Keep))
        .collect::<Result<Vec<Prepared<'_>>>>()?;
    let mut there = Vec::new();
    let written = both().zip(prepared).try_for_each(|(((path, _), folder), prepared)| {
        prepared.appear()?;
        there.push((path, folder));
        folder.sync(path)
    });
    written.inspect_err(|_| {
        for (path, folder) in there {
            let _ = folder.remove(path);
        }
    })
}

impl Folder {
    /// Writes a file as [`write_new`] does.
    pub(super) fn write(
        &self,
        path: &Path,
        bytes: &[u8],
        access: Access,
        existing: Existing,
    ) -> Result<()> {
        self.prepare(path, bytes, access, existing)?.appear()?;
        self.sync(path)
    }

    /// Does the part of [`Folder::write`] that needs disk space. The file is there, but without its
    /// name. [`Prepared::appear`] does not sync the folder. The caller does that with
    /// [`Folder::sync`] or [`sync_folder`], once for many files and before it reports success.
    pub(crate) fn prepare<'a>(
        &'a self,
        path: &Path,
        bytes: &'a [u8],
        access: Access,
        existing: Existing,
    ) -> Result<Prepared<'a>> {
        if path.file_name().is_none() {
            return Err(Error::io("write", path)(io::ErrorKind::InvalidInput.into()));
        }
        // A file that cannot be examined afterwards would be useless.
        self.facts(path)?;
        if existing == Existing::Replace {
            check_replaceable(self, path)?;
        }
        self.sweep(path);
        let name = name_of(path).as_os_str();
        let temporary = Temporary::create(self, name).map_err(Error::io("write", path))?;
        if access == Access::Secret && !temporary.is_private().map_err(Error::io("read", path))? {
            return Err(Error::Exposed(path.to_owned()));
        }
        temporary.fill(bytes, &access).map_err(Error::io("write", path))?;
        Ok(Prepared { temporary, path: path.to_owned(), bytes, access, existing })
    }

    /// Removes what killed commands left while they wrote this file.
    pub(crate) fn sweep(&self, path: &Path) {
        sweep(self, name_of(path).as_os_str());
    }
}

/// Refuses to replace a device, a FIFO or a socket, or a link to one. Root could rename over
/// /dev/null.
fn check_replaceable(folder: &Folder, path: &Path) -> Result<()> {
    let name = name_of(path);
    let kind = match folder.look(name, true) {
        Ok(facts) if !facts.is_file() && !facts.is_folder() => facts.words(),
        // /dev/stdout is a link to one. It leads to a regular file if standard output is
        // redirected.
        _ if is_link_to_descriptor(folder, name, path) => "a name for an open file",
        _ => return Ok(()),
    };
    Err(Error::NotAFile { path: path.to_owned(), kind })
}

fn is_link_to_descriptor(folder: &Folder, name: &Path, path: &Path) -> bool {
    let is_descriptor = |path: &Path| path.starts_with("/proc") || path.starts_with("/dev/fd");
    let target = readlinkat(folder.file(), name, Vec::new());
    let target = target.map(|target| folder_of(path).join(OsStr::from_bytes(target.to_bytes())));
    target.is_ok_and(|target| is_descriptor(&target)) || is_descriptor(path)
}

/// Writes a file into its open folder, unless the same file is there.
pub(super) fn write_unless_same(
    folder: &Folder,
    path: &Path,
    bytes: &[u8],
    access: Access,
) -> Result<()> {
    if is_same(path, bytes, &access) {
        return sync_folder(folder_of(path));
    }
    match folder.write(path, bytes, access.clone(), Existing::Keep) {
        // Another run may have been faster.
        Err(Error::Exists(_)) if is_same(path, bytes, &access) => sync_folder(folder_of(path)),
        written => written,
    }
}

/// Returns whether a regular file has exactly these bytes, and only users that `access` allows can
/// read it. A secret's file must belong to this user.
pub fn is_same(path: &Path, bytes: &[u8], access: &Access) -> bool {
    let Ok((file, metadata)) = open_regular(path, Links::Refuse) else { return false };
    let is_others = metadata.uid() != rustix::process::geteuid().as_raw();
    let is_wider = *access == Access::Secret && (metadata.mode() & 0o077 != 0 || is_others);
    let length = bytes.len() as u64;
    !is_wider
        && metadata.len() == length
        && read_bounded(file, "", "a file", length).is_ok_and(|there| *there == bytes)
}

/// Makes a folder for everybody, and those above it, within this umask. The process's own umask may
/// be tighter.
pub fn make_folder(folder: &Path, umask: u32) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder_of(folder);
    make_folder(parent, umask)?;
    let make = || {
        fs::create_dir(folder)?;
        // A user who can write to a folder above may have put a link in its place.
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let made = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(folder)?;
        made.set_permissions(Permissions::from_mode(0o777 & !umask))
    };
    make().map_err(Error::io("create", folder))?;
    sync_folder(parent)
}

/// Makes an open file durable. Errors name `path`.
pub fn sync_file(file: &File, path: &Path) -> Result<()> {
    sync(file).map_err(Error::io("sync", path))
}

/// Makes the names in a folder durable.
pub fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|folder| sync(&folder)).map_err(Error::io("sync", folder))
}
