//! A marketplace's `plugins.json` on disk.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::file::{folder_of, lock_folder, read_small};
use super::write::{Access, Existing, write_new};
use crate::error::{Error, Result};
use crate::mattermost::marketplace::{Database, MAX_DATABASE};

/// A database that is taken for changes. Only [`DatabaseFile::commit`] writes it.
pub struct DatabaseFile {
    path: PathBuf,
    access: Access,
    /// What it holds, for changing.
    pub database: Database,
    _lock: File,
}

/// Reads a database.
///
/// # Errors
///
/// [`Error::BadDocument`], [`Error::TooLarge`], or [`Error::Io`].
pub fn read_database(path: &Path) -> Result<Database> {
    let bytes = read_small(path, "a marketplace database", MAX_DATABASE)?;
    Database::read(&bytes).map_err(|why| bad(path, why))
}

fn bad(path: &Path, why: String) -> Error {
    Error::BadDocument { path: path.to_owned(), what: "marketplace database", why }
}

impl DatabaseFile {
    /// Takes a database, an empty one if there is no file. Waits for another command up to
    /// `patience`.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], and as [`read_database`].
    pub fn change(path: &Path, umask: u32, patience: Duration) -> Result<DatabaseFile> {
        let lock = lock_folder(folder_of(path), patience)?;
        let (database, access) = match fs::metadata(path) {
            Ok(metadata) => {
                let owner = (metadata.uid(), metadata.gid());
                let access = Access::Exactly { mode: metadata.mode() & 0o7777, owner };
                (read_database(path)?, access)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                (Database::default(), Access::Public { umask })
            }
            Err(error) => return Err(Error::io("read", path)(error)),
        };
        Ok(DatabaseFile { path: path.to_owned(), access, database, _lock: lock })
    }

    /// Writes the database, whole or not at all.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn commit(self) -> Result<()> {
        let text = self.database.into_text().map_err(|error| bad(&self.path, error.to_string()))?;
        // A link stays one: the file that it leads to is replaced.
        let path = self.path.canonicalize().unwrap_or(self.path);
        write_new(&path, text.as_bytes(), self.access, Existing::Replace)
    }
}
