//! macOS.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{OFlags, RenameFlags, fstatfs, fsync, renameat_with};
use rustix::io::{Errno, retry_on_intr};

/// How a folder is opened that is only gone through. It must be readable.
pub(crate) const THROUGH: OFlags = OFlags::DIRECTORY;

/// Opens a path below a folder, following no link, in one call. None: systems before macOS 11
/// would follow links without a word.
pub(crate) fn open_beneath(_: &File, _: &Path, _: OFlags) -> Option<Result<File, Errno>> {
    None
}

/// Creates a file without a name. None: the system has no such files.
pub(crate) fn create_nameless(_: &File) -> Option<File> {
    None
}

/// Gives a nameless file a name: there is none to name.
pub(crate) fn link_nameless(_: &File, _: &File, _: &OsStr) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Renames a file within a folder, unless the new name is taken. None if this file system cannot do
/// that in one call.
pub(crate) fn rename_unless_there(
    folder: &File,
    from: &OsStr,
    to: &OsStr,
) -> Option<Result<(), Errno>> {
    match renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
        Err(errno) if is_unsupported(errno) => None,
        renamed => Some(renamed),
    }
}

/// Returns whether a file system, or the system, cannot do this at all. Two numbers say so here
/// that are one on Linux.
pub(crate) fn is_unsupported(errno: Errno) -> bool {
    matches!(errno, Errno::NOSYS | Errno::INVAL | Errno::NOTSUP | Errno::OPNOTSUPP)
}

/// Makes a file's bytes, or a folder's names, durable.
pub(crate) fn sync(file: &File) -> io::Result<()> {
    // This is F_FULLFSYNC here: the disk empties its cache, too.
    file.sync_all().or_else(|error| match Errno::from_io_error(&error) {
        // Network disks and others without that call. They sync as far as they can.
        Some(errno) if is_unsupported(errno) || matches!(errno, Errno::NOTTY | Errno::NODEV) => {
            Ok(retry_on_intr(|| fsync(file))?)
        }
        _ => Err(error),
    })
}

/// Makes sure that a file's times will show every change from now on. Returns false: nothing
/// promises that they show writes through mappings, and HFS+ counts whole seconds.
pub(crate) fn watch_times(_: &File) -> io::Result<bool> {
    Ok(false)
}

/// Returns what says who may read a file, beside its mode. None: ACLs are no attributes here.
pub(crate) fn labels(_: &File) -> io::Result<Vec<(&'static str, Vec<u8>)>> {
    Ok(Vec::new())
}

/// Gives a file such labels: there are none.
pub(crate) fn set_labels(_: &File, _: &[(&'static str, Vec<u8>)]) -> io::Result<()> {
    Ok(())
}

/// Returns whether the file system of a file knows whose it is. On a volume whose ownership is
/// ignored, every user counts as the owner of every file.
pub(crate) fn keeps_owners(file: &File) -> io::Result<bool> {
    /// sys/mount.h
    const MNT_IGNORE_OWNERSHIP: u32 = 0x0020_0000;
    Ok(fstatfs(file)?.f_flags & MNT_IGNORE_OWNERSHIP == 0)
}
