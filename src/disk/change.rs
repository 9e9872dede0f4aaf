//! A file that is read, changed and replaced under a lock.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use super::access::Labels;
use super::file::read_opened;
use super::folder::Folder;
use super::kept::Kept;
use super::lock::{FolderLock, lock};
use super::reach::Reach;
use super::write::{Access, Existing};
use crate::disk::error::{Error, Result};

/// A file that is locked for a change. Only [`FileChange::replace`] writes it.
pub struct FileChange {
    folder: Folder,
    path: PathBuf,
    access: Access,
    _lock: Option<FolderLock>,
}

impl FileChange {
    /// Locks a file for a change, and returns what is in it if it is there. One that is kept is
    /// [`Error::Kept`]. `what` is for errors, `max` the most bytes that it may have. Waits up to
    /// `patience` for another command, then fails with [`Error::Busy`].
    pub fn begin(
        path: &Path,
        kept: &Kept,
        (what, max): (&'static str, u64),
        umask: u32,
        patience: Duration,
    ) -> Result<(FileChange, Option<Zeroizing<Vec<u8>>>)> {
        // A link stays a link. The file that it leads to is replaced.
        let (folder, path) = Reach::of(path)?.file(path)?;
        kept.check(&folder, &path)?;
        let lock = lock(&folder, &path, patience)?;
        let (bytes, access) = match folder.open_regular(&path) {
            Ok(opened) => {
                let owner = (opened.1.uid(), opened.1.gid());
                let labels = Labels::of(&opened.0).map_err(Error::io("read", &path))?;
                let access = Access::Exactly { mode: opened.1.mode(), owner, labels };
                (Some(read_opened(opened, &path, what, max)?), access)
            }
            Err(error) if error.is_not_found() => (None, Access::Public { umask }),
            Err(error) => return Err(error),
        };
        Ok((FileChange { folder, path, access, _lock: lock }, bytes))
    }

    /// Returns the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the file, whole or not at all.
    pub fn replace(self, bytes: &[u8]) -> Result<()> {
        self.folder.write(&self.path, bytes, self.access, Existing::Replace)
    }
}
