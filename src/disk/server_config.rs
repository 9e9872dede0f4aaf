//! A Mattermost server's `config.json` and the key files beside it.
//!
//! A key file is written before its name is listed, and removed after: a crash in between leaves
//! a file that nobody asks for, never a name without its file.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::file::{
    Access, Existing, Links, Stamp, folder_of, lock_folder, metadata_of, open_regular,
    read_bounded, read_small, sync_folder, write_new,
};
use super::home::check_name;
use crate::error::{Error, Result};
use crate::mattermost::config::{Config, MAX_CONFIG};
use crate::openpgp::key_file::MAX_KEY_FILE;

/// The most bytes of all the key files of a server.
const MAX_KEY_FILES: u64 = 16 * 1024 * 1024;

/// A server's configuration file.
pub struct ServerConfig {
    path: PathBuf,
    config: Config,
    stamp: Stamp,
    mode: u32,
    owner: (u32, u32),
}

/// A key file that is listed.
pub struct ListedKey {
    /// Its entry in the list.
    pub name: String,
    /// Where the server looks for it.
    pub path: PathBuf,
    /// Its bytes, or why they cannot be read.
    pub file: Result<KeyBytes>,
    /// Whether the owner of the configuration, as who the server runs, may read it.
    pub is_readable: bool,
}

/// The bytes of a listed key file.
pub enum KeyBytes {
    /// As they are.
    New(Vec<u8>),
    /// Those of an earlier entry, which leads to the same file.
    Repeated,
}

impl ServerConfig {
    /// Reads a configuration.
    ///
    /// # Errors
    ///
    /// [`Error::ConfigInDatabase`] if the path is a data source name, [`Error::BadDocument`], or
    /// what the disk says.
    pub fn open(path: &Path) -> Result<ServerConfig> {
        if let Some(database) = database_of(&path.to_string_lossy()) {
            return Err(Error::ConfigInDatabase(database));
        }
        let (file, metadata) = open_regular(path, Links::Follow)?;
        let name = path.to_string_lossy();
        let bytes = read_bounded(file, &name, "a server configuration", MAX_CONFIG)?;
        let config = Config::read(&bytes).map_err(|why| bad(path, why))?;
        Ok(ServerConfig {
            path: path.to_owned(),
            config,
            stamp: Stamp::from(&metadata),
            mode: metadata.mode(),
            owner: (metadata.uid(), metadata.gid()),
        })
    }

    /// Returns what it says.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns where the server looks for a key file.
    fn key_path(&self, name: &str) -> PathBuf {
        // An absolute name replaces the folder, as it does for the server.
        folder_of(&self.path).join(name)
    }

    /// Reads the key files that are listed, one after the other, each once.
    pub fn keys(&self) -> impl Iterator<Item = ListedKey> {
        let mut seen = HashSet::new();
        let mut left = MAX_KEY_FILES;
        self.config.key_files().into_iter().map(move |name| {
            let path = self.key_path(name);
            let metadata = fs::metadata(&path);
            let is_readable = metadata.as_ref().is_ok_and(|found| self.server_can_read(found));
            let identity = metadata.ok().map(|metadata| (metadata.dev(), metadata.ino()));
            let file = match identity.is_some_and(|identity| !seen.insert(identity)) {
                true => Ok(KeyBytes::Repeated),
                false => read_small(&path, "a key file", MAX_KEY_FILE).and_then(|bytes| {
                    left = left.checked_sub(bytes.len() as u64).ok_or_else(too_much)?;
                    Ok(KeyBytes::New(bytes.to_vec()))
                }),
            };
            ListedKey { name: name.to_owned(), path, file, is_readable }
        })
    }

    fn server_can_read(&self, metadata: &fs::Metadata) -> bool {
        let (user, group) = self.owner;
        let bit = match (metadata.uid() == user, metadata.gid() == group) {
            (true, _) => 0o400,
            (false, true) => 0o040,
            (false, false) => 0o004,
        };
        user == 0 || metadata.mode() & bit != 0
    }

    /// Takes the folder for changes. Waits for another command up to `patience`.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], and as [`ServerConfig::open`].
    pub fn change(path: &Path, patience: Duration) -> Result<Change> {
        if let Some(database) = database_of(&path.to_string_lossy()) {
            return Err(Error::ConfigInDatabase(database));
        }
        // The lock is on the folder itself, so that nothing is left in it.
        let folder = folder_of(path);
        let lock = lock_folder(folder, patience)?;
        let server = ServerConfig::open(path)?;
        let edited = server.config.clone();
        Ok(Change { server, edited, written: Vec::new(), doomed: Vec::new(), _lock: lock })
    }
}

/// Returns the kind of database that a data source name is of. The name itself has a password.
pub fn database_of(path: &str) -> Option<&'static str> {
    let scheme = path.split_once("://")?.0.to_ascii_lowercase();
    match scheme.as_str() {
        "postgres" | "postgresql" => Some("PostgreSQL"),
        "mysql" => Some("MySQL"),
        _ => None,
    }
}

fn too_much() -> Error {
    let name = "with those listed before, it".into();
    Error::TooLarge { name, what: "all key files of a server", limit: MAX_KEY_FILES }
}

fn bad(path: &Path, why: String) -> Error {
    Error::BadDocument { path: path.to_owned(), what: "server configuration", why }
}

/// A change of a configuration that is under way. Dropping it leaves the configuration as it
/// was; only [`Change::commit`] writes it.
pub struct Change {
    server: ServerConfig,
    edited: Config,
    /// Key files that were not there before.
    written: Vec<PathBuf>,
    /// Key files to remove once they are not listed.
    doomed: Vec<PathBuf>,
    _lock: File,
}

/// What became of a key file that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It was written, or listed, or both.
    New,
    /// It was there and listed.
    Unchanged,
}

/// What became of a name that was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// The key file goes with it.
    WithFile,
    /// There was no key file.
    FileMissing,
    /// The key file is not beside the configuration, or serves something else, and stays.
    FileKept,
}

impl Change {
    /// Writes a key file beside the configuration, for the server's eyes, and lists it.
    ///
    /// # Errors
    ///
    /// [`Error::BadName`] for what is no base name or is the configuration's own,
    /// [`Error::SamlFile`], [`Error::Exists`] if another file has the name.
    pub fn add(&mut self, name: &str, bytes: &[u8], existing: Existing) -> Result<Added> {
        check_name(name)?;
        if self.is_own(name) {
            return Err(Error::BadName(name.to_owned()));
        }
        self.check_saml(name)?;
        let edited = self.edited.with_key_file(name).map_err(|why| bad(&self.server.path, why))?;
        let path = self.server.key_path(name);
        let is_there = metadata_of(&path)?.is_some();
        let is_same = is_there
            && read_small(&path, "a key file", MAX_KEY_FILE).is_ok_and(|file| *file == bytes);
        let is_listed = self.edited.key_files().contains(&name);
        if !is_same {
            if is_there && existing == Existing::Keep {
                return Err(Error::Exists(path));
            }
            let access = Access::Exactly { mode: 0o600, owner: self.server.owner };
            write_new(&path, bytes, access, existing)?;
            if !is_there {
                self.written.push(path);
            }
        }
        self.edited = edited;
        Ok(if is_same && is_listed { Added::Unchanged } else { Added::New })
    }

    /// Takes a name off the list: this very entry, or else the one of its base name. The key file
    /// is removed too, if it is one beside the configuration.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`], [`Error::SamlFile`], or what the disk says.
    pub fn remove(&mut self, name: &str) -> Result<(String, Removed)> {
        let base = Path::new(name).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let listed = self.edited.key_files();
        let entry = [name, base.as_str()].into_iter().find(|entry| listed.contains(entry));
        let entry = entry.ok_or_else(|| Error::UnknownName(name.to_owned()))?.to_owned();
        let is_beside = check_name(&entry).is_ok();
        if is_beside {
            self.check_saml(&entry)?;
        }
        self.edited =
            self.edited.without_key_file(&entry).map_err(|why| bad(&self.server.path, why))?;
        let path = self.server.key_path(&entry);
        let outcome = match metadata_of(&path)? {
            None => Removed::FileMissing,
            Some(metadata) if is_beside && !metadata.is_dir() && !self.is_own(&entry) => {
                self.doomed.push(path);
                Removed::WithFile
            }
            Some(_) => Removed::FileKept,
        };
        Ok((entry, outcome))
    }

    /// Writes the configuration and its backup, if anything changed, then removes the key files
    /// that are not listed any more. Returns where the backup is.
    ///
    /// # Errors
    ///
    /// [`Error::Changed`] if the configuration was written by somebody else meanwhile. Key files
    /// that this change wrote are taken back then.
    pub fn commit(mut self) -> Result<Option<PathBuf>> {
        if self.edited.text() == self.server.config.text() {
            return Ok(None);
        }
        let written = self.write();
        if written.is_err() && self.is_as_before() {
            for path in &self.written {
                let _ = fs::remove_file(path);
            }
        }
        let backup = written?;
        for path in self.doomed.drain(..) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io("remove", &path)(error));
                }
                _ => sync_folder(folder_of(&path))?,
            }
        }
        Ok(Some(backup))
    }

    fn write(&self) -> Result<PathBuf> {
        let path = &self.server.path;
        let access = Access::Exactly { mode: self.server.mode & 0o7777, owner: self.server.owner };
        // A link stays one: the file that it leads to is replaced.
        let real = path.canonicalize().map_err(Error::io("read", path))?;
        let backup = backup_path(path);
        let before = self.server.config.text().as_bytes();
        write_new(&backup, before, access, Existing::Replace)?;
        let now = fs::metadata(&real).map_err(Error::io("read", path))?;
        if Stamp::from(&now) != self.server.stamp {
            return Err(Error::Changed(path.clone()));
        }
        write_new(&real, self.edited.text().as_bytes(), access, Existing::Replace)?;
        Ok(backup)
    }

    /// Returns whether the configuration was not replaced after all: syncing its folder may fail
    /// when it lists the new key files already.
    fn is_as_before(&self) -> bool {
        let now = read_small(&self.server.path, "a server configuration", MAX_CONFIG);
        now.is_ok_and(|now| *now == self.server.config.text().as_bytes())
    }

    /// Returns whether a name is the configuration's or its backup's.
    fn is_own(&self, name: &str) -> bool {
        let own = |path: &Path| path.file_name().is_some_and(|own| own == name);
        own(&self.server.path) || own(&backup_path(&self.server.path))
    }

    /// The server refuses these names, when a key is added and when one is deleted.
    fn check_saml(&self, name: &str) -> Result<()> {
        match self.edited.saml_files().contains(&name) {
            true => Err(Error::SamlFile(name.to_owned())),
            false => Ok(()),
        }
    }
}

/// Returns where the configuration before the last change is kept: one, beside it.
fn backup_path(path: &Path) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(".bak");
    PathBuf::from(name)
}
