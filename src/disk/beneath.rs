//! Opening what a walk of a folder found, so that no link leads out of that folder.
//!
//! Between the walk and the opening, anybody who can write to the folder may replace a file or a
//! folder by a link.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::{Errno, retry_on_intr};

use super::system::{THROUGH, open_beneath};

/// Which file it is, whatever its names: its device and inode.
pub(crate) type Identity = (u64, u64);

/// Returns which file it is.
pub(crate) fn identity_of(metadata: &fs::Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}

/// A folder that is walked, known by more than its path: what has its path later is another folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Root {
    path: PathBuf,
    /// Which folder it was before the walk. None if it could not be examined.
    identity: Option<Identity>,
}

impl Root {
    /// Returns the folder that has a path now. A link at its end is followed.
    pub fn new(path: &Path) -> Root {
        let identity = fs::metadata(path).ok().map(|found| identity_of(&found));
        Root { path: path.to_owned(), identity }
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn open(&self) -> io::Result<File> {
        let flags = THROUGH.bits() as i32;
        let folder = OpenOptions::new().read(true).custom_flags(flags).open(&self.path)?;
        let found = folder.metadata()?;
        match self.identity {
            Some(identity) if identity == identity_of(&found) => Ok(folder),
            _ => Err(io::Error::other("another folder has its path now")),
        }
    }
}

/// Opens what a walk of `root` found at `path`, for reading and only through folders.
pub(super) fn open(root: &Root, path: &Path, flags: OFlags) -> io::Result<File> {
    let name = path.strip_prefix(&root.path).map_err(|_| io::Error::from(Errno::XDEV))?;
    let name = if name.as_os_str().is_empty() { Path::new(".") } else { name };
    let root = root.open()?;
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

/// Opens a folder that a walk of `root` found, only through folders and only to go on from there.
pub(super) fn open_folder(root: &Root, folder: &Path) -> io::Result<File> {
    open(root, folder, THROUGH | OFlags::CLOEXEC)
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
            let root = Root::new(&path(root));
            let way = |name: &str| {
                let (name, file) = (Path::new(name), root.path().join(name));
                let one = open(&root, &file, OFlags::CLOEXEC).is_ok();
                let two = open_step_by_step(held(root.path()), name, OFlags::CLOEXEC).is_ok();
                assert_eq!(one, two, "{file:?}");
                one
            };
            assert!(way("sub/a") && !way("link/a") && !way("missing") && !way("sub/b"));
            assert!(!way("link") && !way("sub/../../outside/a"));
            assert!(open_folder(&root, root.path()).is_ok());
            assert!(open_folder(&root, &root.path().join("sub")).is_ok());
            assert!(open_folder(&root, &root.path().join("link")).is_err());
        }
        // Another folder takes the path.
        let root = Root::new(&path("latest"));
        std::fs::remove_file(path("latest")).unwrap();
        std::os::unix::fs::symlink("outside", path("latest")).unwrap();
        assert!(open(&root, &path("latest/a"), OFlags::CLOEXEC).is_err());
        assert!(open(&Root::new(&path("latest")), &path("latest/a"), OFlags::CLOEXEC).is_ok());
    }
}
