//! A marketplace's `plugins.json` on disk.

use std::path::Path;
use std::time::Duration;

use super::change::FileChange;
use super::file::read_small;
use super::kept::Kept;
use crate::disk::error::{Error, Result};
use crate::mattermost::marketplace::{Database, MAX_DATABASE};

/// A database that is locked for a change. Only [`DatabaseFile::commit`] writes it.
pub struct DatabaseFile {
    change: FileChange,
    /// What it holds. Change it here.
    pub database: Database,
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
    pub fn change(
        path: &Path,
        kept: &Kept,
        umask: u32,
        patience: Duration,
    ) -> Result<DatabaseFile> {
        let (change, bytes) = FileChange::begin(path, kept, (WHAT, MAX_DATABASE), umask, patience)?;
        let database = bytes.map(|bytes| parse(change.path(), &bytes)).transpose()?;
        Ok(DatabaseFile { change, database: database.unwrap_or_default() })
    }

    /// Writes the database, whole or not at all.
    pub fn commit(self) -> Result<()> {
        let path = self.change.path();
        let text = self.database.into_text().map_err(|error| bad(path, error.to_string()))?;
        self.change.replace(text.as_bytes())
    }
}
