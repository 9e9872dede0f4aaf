//! A folder that is held open. Reading, writing and removing happen in it, even if something else
//! takes its path meanwhile.

use std::ffi::OsStr;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, OFlags, openat, statat, unlinkat};
use rustix::io::{Errno, retry_on_intr};

use super::file::{Facts, folder_of, regular};
use super::system::{THROUGH, sync};
use crate::disk::error::{Error, Result};

/// A folder that is held open.
///
/// Its methods take paths for messages. Only the last component names the file.
#[derive(Clone)]
pub(crate) struct Folder(Arc<File>);

impl Folder {
    pub(super) fn new(folder: File) -> Folder {
        Folder(Arc::new(folder))
    }

    /// Opens the folder that a path's last component is in.
    pub(super) fn of(path: &Path) -> Result<Folder> {
        Folder::open(folder_of(path), OFlags::empty()).map_err(Error::io("write", path))
    }

    /// Opens the folder that a path's last component is in, only to examine files in it.
    pub(super) fn to_look_in(path: &Path) -> Result<Folder> {
        Folder::open(folder_of(path), THROUGH).map_err(Error::io("read", path))
    }

    fn open(folder: &Path, flags: OFlags) -> io::Result<Folder> {
        let flags = flags | OFlags::DIRECTORY;
        let folder =
            OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(folder)?;
        Ok(Folder::new(folder))
    }

    /// Opens a folder again that is held only to go on from it.
    pub(super) fn to_write_in(&self) -> io::Result<Folder> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW;
        self.open_name(Path::new("."), flags).map(Folder::new)
    }

    pub(super) fn file(&self) -> &Arc<File> {
        &self.0
    }

    /// Opens what has this name, which may be a path that starts in this folder.
    pub(super) fn open_name(&self, name: &Path, flags: OFlags) -> io::Result<File> {
        let open = || openat(&self.0, name, flags | OFlags::CLOEXEC, Mode::empty());
        Ok(File::from(retry_on_intr(open)?))
    }

    /// Makes a file with this name, 0600. It must not be there.
    pub(super) fn create_new(&self, name: &OsStr) -> Result<File, Errno> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let open = || openat(&self.0, name, flags, Mode::from_raw_mode(0o600));
        retry_on_intr(open).map(File::from)
    }

    /// Opens a regular file for reading, as [`open_regular`](super::file::open_regular) does. A
    /// link is refused.
    pub(super) fn open_regular(&self, path: &Path) -> Result<(File, Metadata)> {
        let name = name_of(path);
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
        regular(self.open_name(name, flags), path, false, |through| self.look(name, through))
    }

    /// Opens a regular file for reading, through links. Its name may be a path that starts in this
    /// folder.
    pub(super) fn open_through_links(&self, name: &Path, path: &Path) -> Result<(File, Metadata)> {
        let opened = self.open_name(name, OFlags::NONBLOCK | OFlags::NOCTTY);
        regular(opened, path, true, |through| self.look(name, through))
    }

    /// Examines what has this name, which may be a path that starts in this folder.
    pub(super) fn look(&self, name: &Path, through_links: bool) -> io::Result<Facts> {
        let flags = if through_links { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
        Ok(Facts::from(&statat(&self.0, name, flags)?))
    }

    /// Returns what has a name, without following links. What cannot be examined is an error,
    /// because it may be there.
    pub(crate) fn facts(&self, path: &Path) -> Result<Option<Facts>> {
        match self.look(name_of(path), false) {
            Ok(facts) => Ok(Some(facts)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", path)(error)),
        }
    }

    /// Removes a file, if it is there, and makes that durable.
    pub(super) fn remove(&self, path: &Path) -> Result<()> {
        self.remove_all(&[path.to_owned()])
    }

    /// Removes the files that are there, and makes that durable.
    pub(crate) fn remove_all(&self, paths: &[PathBuf]) -> Result<()> {
        let Some(last) = paths.last() else { return Ok(()) };
        for path in paths {
            match unlinkat(&self.0, name_of(path), AtFlags::empty()) {
                // Another run may have been faster.
                Ok(()) | Err(Errno::NOENT) => {}
                Err(errno) => return Err(Error::io("remove", path)(errno.into())),
            }
        }
        self.sync(last)
    }

    /// Makes the names in it durable, that of `path` among them.
    pub(crate) fn sync(&self, path: &Path) -> Result<()> {
        sync(&self.0).map_err(Error::io("sync", folder_of(path)))
    }
}

/// Returns the last component of a path.
pub(super) fn name_of(path: &Path) -> &Path {
    Path::new(path.file_name().unwrap_or(OsStr::new(".")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_look_opens_nothing_and_says_what_the_system_says() {
        let there = tempfile::tempdir().unwrap();
        let path = |name: &str| there.path().join(name);
        fs::write(path("file"), "content").unwrap();
        // Opening it for reading would fail.
        let _socket = UnixListener::bind(path("socket")).unwrap();
        symlink("file", path("link")).unwrap();
        symlink("nowhere", path("dangling")).unwrap();
        symlink("/dev/null", path("device")).unwrap();
        let folder = Folder::to_look_in(&path("file")).unwrap();
        for (name, words) in [
            ("file", "something else"),
            (".", "a folder"),
            ("socket", "a socket"),
            ("link", "something else"),
            ("device", "a device"),
        ] {
            let through = folder.look(Path::new(name), true).unwrap();
            assert_eq!(through, Facts::from(&fs::metadata(path(name)).unwrap()), "{name}");
            let link = folder.look(Path::new(name), false).unwrap();
            assert_eq!(link, Facts::from(&fs::symlink_metadata(path(name)).unwrap()), "{name}");
            assert_eq!(through.words(), words, "{name}");
        }
        let is_missing = |name| {
            let looked = folder.look(Path::new(name), true);
            matches!(looked, Err(error) if error.kind() == io::ErrorKind::NotFound)
        };
        assert!(is_missing("dangling") && is_missing("nowhere"));
        assert!(folder.facts(&path("dangling")).unwrap().is_some());
        assert!(folder.facts(&path("nowhere")).unwrap().is_none());
    }
}
