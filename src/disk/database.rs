//! A marketplace's `plugins.json` on disk.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::file::{read_opened, read_small};
use super::folder::Folder;
use super::lock::{FolderLock, lock};
use super::reach::Reach;
use super::write::{Access, Existing};
use crate::disk::error::{Error, Result};
use crate::mattermost::marketplace::{Database, MAX_DATABASE};

/// A database that is locked for a change. Only [`DatabaseFile::commit`] writes it.
pub struct DatabaseFile {
    folder: Folder,
    path: PathBuf,
    access: Access,
    /// What it holds. Change it here.
    pub database: Database,
    _lock: Option<FolderLock>,
}

/// Reads a database. One with the wrong content is [`Error::BadDocument`].
pub fn read_database(path: &Path) -> Result<Database> {
    parse(path, &read_small(path, WHAT, MAX_DATABASE)?)
}

const WHAT: &str = "a marketplace database";

fn parse(path: &Path, bytes: &[u8]) -> Result<Database> {
    Database::read(bytes).map_err(|why| bad(path, why))
}

fn bad(path: &Path, why: String) -> Error {
    Error::BadDocument { path: path.to_owned(), what: "marketplace database", why }
}

impl DatabaseFile {
    /// Locks a database for a change. If there is no file, it is empty. Waits up to `patience` for
    /// another command, then fails with [`Error::Busy`].
    pub fn change(path: &Path, umask: u32, patience: Duration) -> Result<DatabaseFile> {
        // A link stays a link. The file that it leads to is replaced.
        let (folder, path) = Reach::of(path)?.file(path)?;
        let lock = lock(&folder, &path, patience)?;
        let (database, access) = match folder.open_regular(&path) {
            Ok(opened) => {
                let owner = (opened.1.uid(), opened.1.gid());
                let access = Access::Exactly { mode: opened.1.mode(), owner };
                (parse(&path, &read_opened(opened, &path, WHAT, MAX_DATABASE)?)?, access)
            }
            Err(error) if error.is_not_found() => (Database::default(), Access::Public { umask }),
            Err(error) => return Err(error),
        };
        Ok(DatabaseFile { folder, path, access, database, _lock: lock })
    }

    /// Writes the database, whole or not at all.
    pub fn commit(self) -> Result<()> {
        let text = self.database.into_text().map_err(|error| bad(&self.path, error.to_string()))?;
        self.folder.write(&self.path, text.as_bytes(), self.access, Existing::Replace)
    }
}
