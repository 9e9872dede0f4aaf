//! A folder that is held open. Reading, writing and removing happen in it, even if something else
//! takes its path meanwhile.

use std::ffi::OsStr;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, OFlags, openat, unlinkat};
use rustix::io::{Errno, retry_on_intr};
use zeroize::Zeroizing;

use super::file::{folder_of, read_opened, regular};
use crate::disk::error::{Error, Result};

/// A folder that is held open.
///
/// Its methods take paths for messages. Only the last component names the file.
#[derive(Clone)]
pub(crate) struct Folder(Arc<File>);

impl Folder {
    /// Takes an open folder.
    pub(super) fn new(folder: File) -> Folder {
        Folder(Arc::new(folder))
    }

    /// Opens the folder that a path's last component is in.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], which names `path`.
    pub(crate) fn of(path: &Path) -> Result<Folder> {
        Folder::open(folder_of(path), OFlags::empty()).map_err(Error::io("write", path))
    }

    /// Opens the folder that a path's last component is in, only to examine files in it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], which names `path`.
    pub(super) fn to_look_in(path: &Path) -> Result<Folder> {
        Folder::open(folder_of(path), LOOK).map_err(Error::io("read", path))
    }

    fn open(folder: &Path, flags: OFlags) -> io::Result<Folder> {
        let flags = flags | OFlags::DIRECTORY;
        let folder =
            OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(folder)?;
        Ok(Folder::new(folder))
    }

    /// Returns the descriptor.
    pub(super) fn file(&self) -> &Arc<File> {
        &self.0
    }

    /// Opens what has this name, which may be a path that starts in this folder.
    pub(super) fn open_name(&self, name: &Path, flags: OFlags) -> io::Result<File> {
        let open = || openat(&self.0, name, flags | OFlags::CLOEXEC, Mode::empty());
        Ok(File::from(retry_on_intr(open)?))
    }

    /// Opens a regular file for reading, as [`open_regular`](super::file::open_regular) does. A
    /// link is refused.
    ///
    /// # Errors
    ///
    /// [`Error::NotAFile`], or [`Error::Io`].
    pub(super) fn open_regular(&self, path: &Path) -> Result<(File, Metadata)> {
        self.open_checked(name_of(path), path, false)
    }

    fn open_checked(&self, name: &Path, path: &Path, follow: bool) -> Result<(File, Metadata)> {
        let mut flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        if !follow {
            flags |= OFlags::NOFOLLOW;
        }
        regular(self.open_name(name, flags), path, follow, |through| self.look(name, through))
    }

    /// Reads a small file whole, whose name may be a path that starts in this folder. Links are
    /// followed.
    ///
    /// # Errors
    ///
    /// As [`read_small`](super::file::read_small).
    pub(super) fn read_through_links(
        &self,
        name: &Path,
        path: &Path,
        what: &'static str,
        limit: u64,
    ) -> Result<Zeroizing<Vec<u8>>> {
        read_opened(self.open_checked(name, path, true)?, path, what, limit)
    }

    /// Opens a regular file for reading, through links.
    ///
    /// # Errors
    ///
    /// [`Error::NotAFile`], or [`Error::Io`].
    pub(super) fn open_through_links(&self, path: &Path) -> Result<(File, Metadata)> {
        self.open_checked(name_of(path), path, true)
    }

    /// Reads a small file whole. A link is refused.
    ///
    /// # Errors
    ///
    /// As [`read_small`](super::file::read_small).
    pub(super) fn read_small(
        &self,
        path: &Path,
        what: &'static str,
        limit: u64,
    ) -> Result<Zeroizing<Vec<u8>>> {
        read_opened(self.open_regular(path)?, path, what, limit)
    }

    /// Examines what has this name, which may be a path that starts in this folder.
    pub(super) fn look(&self, name: &Path, through_links: bool) -> io::Result<Metadata> {
        let follow = if through_links { OFlags::empty() } else { OFlags::NOFOLLOW };
        self.open_name(name, LOOK | follow)?.metadata()
    }

    /// Returns what has a name, without following links.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be examined. It may be there then.
    pub(crate) fn metadata(&self, path: &Path) -> Result<Option<Metadata>> {
        match self.look(name_of(path), false) {
            Ok(metadata) => Ok(Some(metadata)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", path)(error)),
        }
    }

    /// Removes a file, if it is there, and makes that durable.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub(super) fn remove(&self, path: &Path) -> Result<()> {
        self.remove_all(&[path.to_owned()])
    }

    /// Removes files of it durably.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
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
    ///
    /// # Errors
    ///
    /// [`Error::Io`], which names the folder of `path`.
    pub(crate) fn sync(&self, path: &Path) -> Result<()> {
        self.0.sync_all().map_err(Error::io("sync", folder_of(path)))
    }
}

/// Opens a descriptor that only tells what something is. It neither reads nor waits.
#[cfg(target_os = "linux")]
const LOOK: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const LOOK: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY);

/// Returns the last component of a path.
pub(super) fn name_of(path: &Path) -> &Path {
    Path::new(path.file_name().unwrap_or(OsStr::new(".")))
}
