//! Opening what a walk of a folder found, so that no link leads out of that folder.
//!
//! Between the walk and the opening, anybody who can write to the folder may replace a file or a
//! folder by a link.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

/// Opens what a walk of `root` found at `path`, for reading and only through folders. The root
/// itself may be a link.
pub(super) fn open(root: &Path, path: &Path, flags: OFlags) -> io::Result<File> {
    let name = path.strip_prefix(root).map_err(|_| io::Error::from(Errno::XDEV))?;
    let name = if name.as_os_str().is_empty() { Path::new(".") } else { name };
    #[cfg(target_os = "linux")]
    match open_in_one_call(root, name, flags) {
        // Kernels before 5.6, and containers that block newer calls.
        Err(Errno::NOSYS | Errno::PERM) => {}
        opened => return Ok(opened?),
    }
    open_compared(root, name, path, flags)
}

#[cfg(target_os = "linux")]
fn open_in_one_call(root: &Path, name: &Path, flags: OFlags) -> Result<File, Errno> {
    use rustix::fs::{Mode, ResolveFlags, open, openat2};
    let folder = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::io::retry_on_intr(|| open(root, folder, Mode::empty()))?;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let open = || openat2(&root, name, flags, Mode::empty(), resolve);
    rustix::io::retry_on_intr(open).map(File::from)
}

/// The same in two steps, for systems that cannot do it in one. There is a moment between them.
fn open_compared(root: &Path, name: &Path, path: &Path, flags: OFlags) -> io::Result<File> {
    if path.canonicalize()? != root.canonicalize()?.join(name) {
        return Err(Errno::LOOP.into());
    }
    let flags = flags | OFlags::NOFOLLOW;
    OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)
}

/// Opens a folder that a walk of `root` found, only through folders.
pub(super) fn open_folder(root: &Path, folder: &Path) -> io::Result<File> {
    open(root, folder, OFlags::DIRECTORY | OFlags::CLOEXEC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_open_files_and_refuse_links_above_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(path("root/sub")).unwrap();
        std::fs::create_dir(path("outside")).unwrap();
        std::fs::write(path("root/sub/a"), "a").unwrap();
        std::fs::write(path("outside/a"), "a").unwrap();
        std::os::unix::fs::symlink("../outside", path("root/link")).unwrap();
        std::os::unix::fs::symlink("root", path("latest")).unwrap();
        for root in ["root", "latest"] {
            let root = path(root);
            let way = |name: &str| {
                let (name, file) = (Path::new(name), root.join(name));
                let one = open(&root, &file, OFlags::CLOEXEC).is_ok();
                let two = open_compared(&root, name, &file, OFlags::CLOEXEC).is_ok();
                assert_eq!(one, two, "{file:?}");
                one
            };
            assert!(way("sub/a") && !way("link/a") && !way("missing"));
            assert!(open_folder(&root, &root).is_ok());
            assert!(open_folder(&root, &root.join("sub")).is_ok());
            assert!(open_folder(&root, &root.join("link")).is_err());
        }
    }
}
