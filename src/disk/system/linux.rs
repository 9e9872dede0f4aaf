//! Linux.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, RenameFlags, ResolveFlags, XattrFlags, fdatasync, fgetxattr,
    fremovexattr, fsetxattr, fstatfs, linkat, openat, openat2, renameat_with,
};
use rustix::io::{Errno, retry_on_intr};

/// How a folder is opened that is only gone through. It need not be readable.
pub(crate) const THROUGH: OFlags = OFlags::PATH.union(OFlags::DIRECTORY);

/// Opens a path below a folder, following no link, in one call. None if the system has no such
/// call.
pub(crate) fn open_beneath(
    folder: &File,
    path: &Path,
    flags: OFlags,
) -> Option<Result<File, Errno>> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let open = || openat2(folder, path, flags, Mode::empty(), resolve);
    match retry_on_intr(open) {
        // Kernels before 5.6, and containers that block newer calls.
        Err(Errno::NOSYS | Errno::PERM) => None,
        opened => Some(opened.map(File::from)),
    }
}

/// Creates a file without a name, if the system can give it one later.
pub(crate) fn create_nameless(folder: &File) -> Option<File> {
    let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
    let open = || openat(folder, ".", flags, Mode::from_raw_mode(0o600));
    retry_on_intr(open).ok().map(File::from)
}

/// Gives a nameless file a name, unless the name is taken.
pub(crate) fn link_nameless(file: &File, folder: &File, name: &OsStr) -> io::Result<()> {
    let this = format!("/proc/self/fd/{}", file.as_raw_fd());
    let flags = AtFlags::SYMLINK_FOLLOW;
    Ok(retry_on_intr(|| linkat(CWD, this.as_str(), folder, name, flags))?)
}

/// Renames a file within a folder, unless the new name is taken. None if this file system cannot do
/// that in one call.
pub(crate) fn rename_unless_there(
    folder: &File,
    from: &OsStr,
    to: &OsStr,
) -> Option<Result<(), Errno>> {
    match renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
        // Kernels before 3.15, and file systems without this flag.
        Err(errno) if is_unsupported(errno) => None,
        renamed => Some(renamed),
    }
}

/// Returns whether a file system, or the system, cannot do this at all.
pub(crate) fn is_unsupported(errno: Errno) -> bool {
    matches!(errno, Errno::NOSYS | Errno::INVAL | Errno::NOTSUP)
}

/// Makes a file's bytes, or a folder's names, durable.
pub(crate) fn sync(file: &File) -> io::Result<()> {
    file.sync_all()
}

/// Makes sure that a file's times will show every change from now on. Returns false if they cannot.
pub(crate) fn watch_times(file: &File) -> io::Result<bool> {
    /// tmpfs, ramfs, hugetlbfs (linux/magic.h).
    const MAGIC: [u32; 3] = [0x0102_1994, 0x8584_58f6, 0x9584_58f6];
    // In memory, times never show writes through mappings.
    if fstatfs(file).is_ok_and(|found| MAGIC.contains(&(found.f_type as u32))) {
        return Ok(false);
    }
    match retry_on_intr(|| fdatasync(file)) {
        // File systems that cannot sync have nothing to write.
        Err(errno) if errno == Errno::ROFS || is_unsupported(errno) => Ok(true),
        synced => Ok(synced.map(|()| true)?),
    }
}

/// Returns what says who may read a file, beside its mode: its ACL and SELinux's label.
pub(crate) fn labels(file: &File) -> io::Result<Vec<(&'static str, Vec<u8>)>> {
    /// The most bytes of an attribute (linux/limits.h).
    const MOST_BYTES: usize = 65536;
    let mut found = Vec::new();
    for name in ["system.posix_acl_access", "security.selinux"] {
        let mut value = vec![0; MOST_BYTES];
        match retry_on_intr(|| fgetxattr(file, name, &mut value[..])) {
            Ok(length) => found.push((name, value.get(..length).unwrap_or_default().to_vec())),
            Err(Errno::NODATA | Errno::NOTSUP | Errno::NOSYS) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(found)
}

/// Gives a file such labels, and takes an ACL away that it got from its folder.
pub(crate) fn set_labels(file: &File, wanted: &[(&'static str, Vec<u8>)]) -> io::Result<()> {
    let there = labels(file)?;
    for (name, _) in &there {
        // Every file may have a label of SELinux.
        if name.ends_with("acl_access") && wanted.iter().all(|(other, _)| other != name) {
            retry_on_intr(|| fremovexattr(file, *name))?;
        }
    }
    for label in wanted.iter().filter(|label| !there.contains(label)) {
        retry_on_intr(|| fsetxattr(file, label.0, &label.1, XattrFlags::empty()))?;
    }
    Ok(())
}

/// Returns whether the file system of a file knows whose it is.
pub(crate) fn keeps_owners(_: &File) -> io::Result<bool> {
    // If it does not, the file belongs to whom the mount says.
    Ok(true)
}
