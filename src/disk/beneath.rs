//! Opening what a walk of a folder found, so that no link leads out of that folder.
//!
//! Between the walk and the opening, anybody who can write to the folder may replace a file or a
//! folder by a link.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path};

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::{Errno, retry_on_intr};

use super::system::{THROUGH, open_beneath};

/// Opens what a walk of `root` found at `path`, for reading and only through folders. The root
/// itself may be a link.
pub(super) fn open(root: &Path, path: &Path, flags: OFlags) -> io::Result<File> {
    let name = path.strip_prefix(root).map_err(|_| io::Error::from(Errno::XDEV))?;
    let name = if name.as_os_str().is_empty() { Path::new(".") } else { name };
    let root = OpenOptions::new().read(true).custom_flags(THROUGH.bits() as i32).open(root)?;
    match open_beneath(&root, name, flags) {
        Some(opened) => Ok(opened?),
        None => open_step_by_step(root, name, flags),
    }
}

/// The same for systems that cannot do it in one call: each folder on the way is held open.
fn open_step_by_step(root: File, name: &Path, flags: OFlags) -> io::Result<File> {
    let open = |folder: &File, part: &Path, flags: OFlags| {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        retry_on_intr(|| openat(folder, part, flags, Mode::empty())).map(File::from)
    };
    let mut folder = root;
    let mut parts = name.components().peekable();
    while let Some(part) = parts.next() {
        if !matches!(part, Component::Normal(_) | Component::CurDir) {
            return Err(Errno::XDEV.into());
        }
        let part = Path::new(part.as_os_str());
        if parts.peek().is_none() {
            return Ok(open(&folder, part, flags)?);
        }
        folder = open(&folder, part, THROUGH)?;
    }
    Err(Errno::NOENT.into())
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
        let held = |folder: &Path| File::open(folder).unwrap();
        for root in ["root", "latest"] {
            let root = path(root);
            let way = |name: &str| {
                let (name, file) = (Path::new(name), root.join(name));
                let one = open(&root, &file, OFlags::CLOEXEC).is_ok();
                let two = open_step_by_step(held(&root), name, OFlags::CLOEXEC).is_ok();
                assert_eq!(one, two, "{file:?}");
                one
            };
            assert!(way("sub/a") && !way("link/a") && !way("missing") && !way("sub/b"));
            assert!(!way("link") && !way("sub/../../outside/a"));
            assert!(open_folder(&root, &root).is_ok());
            assert!(open_folder(&root, &root.join("sub")).is_ok());
            assert!(open_folder(&root, &root.join("link")).is_err());
        }
    }
}
