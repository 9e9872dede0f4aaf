//! A Mattermost server's `config.json` and the key files beside it.
//!
//! A key file is written before its name is listed, and removed after its name is gone. A crash in
//! between may leave an unlisted file, but never a name without its file.

use std::collections::HashSet;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use super::file::{Facts, Stamp, folder_of, read_opened, with_ending};
use super::folder::{Folder, name_of};
use super::home_files::check_name;
use super::kept::Kept;
use super::lock::{FolderLock, lock};
use super::reach::Reach;
use super::server_access::ConfigAccess;
use super::write::Existing;
use crate::disk::error::{Error, Result};
use crate::mattermost::config::{Config, MAX_CONFIG};
use crate::openpgp::key_file::{Key, MAX_KEY_FILE, read_keys};

/// The most bytes of all the key files of a server.
const MAX_KEY_FILES: u64 = 16 * 1024 * 1024;

/// A server's configuration file.
pub struct ServerConfig {
    /// Its path as it was given.
    path: PathBuf,
    /// The folder of that path, where the server looks for key files.
    folder: Folder,
    config: Config,
    stamp: Stamp,
    access: ConfigAccess,
}

/// A key file that is listed.
pub struct ListedKeyFile {
    /// Its entry in the list.
    pub name: String,
    /// Where the server looks for it.
    pub path: PathBuf,
    /// Its bytes, or why they cannot be read.
    pub file: Result<KeyBytes>,
    /// Whether the server may read it, as far as plugsign can tell.
    pub is_readable: bool,
}

/// The bytes of a listed key file.
pub enum KeyBytes {
    /// The bytes, read for the first time.
    New(Vec<u8>),
    /// An earlier entry leads to the same file.
    Repeated,
}

impl ServerConfig {
    /// Reads a configuration. A path that is a data source name is [`Error::ConfigInDatabase`].
    pub fn open(path: &Path) -> Result<ServerConfig> {
        check_is_file(path)?;
        let folder = Folder::to_look_in(path)?;
        let opened = folder.open_through_links(name_of(path), path)?;
        ServerConfig::read(path, folder, opened)
    }

    fn read(path: &Path, folder: Folder, opened: (File, Metadata)) -> Result<ServerConfig> {
        let (stamp, access) =
            (Stamp::from(&opened.1), ConfigAccess::of(&opened).map_err(Error::io("read", path))?);
        let bytes = read_opened(opened, path, WHAT, MAX_CONFIG)?;
        let config = Config::read(&bytes).map_err(|why| bad(path, why))?;
        Ok(ServerConfig { path: path.to_owned(), folder, config, stamp, access })
    }

    /// Returns what it says.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns where the server looks for a key file.
    fn key_path(&self, name: &str) -> PathBuf {
        // As for the server, an absolute name replaces the folder.
        folder_of(&self.path).join(name)
    }

    /// Reads the listed key files one after the other, each once.
    pub fn keys(&self) -> impl Iterator<Item = ListedKeyFile> {
        let mut seen = HashSet::new();
        let mut left = MAX_KEY_FILES;
        self.config.key_files().into_iter().map(move |name| {
            let path = self.key_path(name);
            let facts = self.folder.look(Path::new(name), true);
            let is_readable = facts.as_ref().is_ok_and(|found| self.access.reaches(found));
            let identity = facts.ok().map(|facts| facts.identity());
            let file = match identity.is_some_and(|identity| !seen.insert(identity)) {
                true => Ok(KeyBytes::Repeated),
                false => {
                    self.folder.open_through_links(Path::new(name), &path).and_then(|opened| {
                        let bytes = read_opened(opened, &path, "a key file", MAX_KEY_FILE)?;
                        left = left.checked_sub(bytes.len() as u64).ok_or_else(too_much)?;
                        Ok(KeyBytes::New(bytes.to_vec()))
                    })
                }
            };
            ListedKeyFile { name: name.to_owned(), path, file, is_readable }
        })
    }

    /// Locks the configuration for a change. Waits up to `patience` for another command, then fails
    /// with [`Error::Busy`].
    pub fn change(path: &Path, kept: &Kept, patience: Duration) -> Result<Change> {
        check_is_file(path)?;
        let place = Reach::of(path)?;
        // A link stays a link. The file that it leads to is replaced.
        let (folder, real) = place.file(path)?;
        kept.check(place.folder(), path)?;
        kept.check(&folder, &real)?;
        let lock = lock(&folder, &real, patience)?;
        let opened = folder.open_regular(&real)?;
        let server = ServerConfig::read(path, place.folder().clone(), opened)?;
        let edited = server.config.clone();
        let (written, doomed) = (Vec::new(), Vec::new());
        Ok(Change { server, place, real: (folder, real), edited, written, doomed, _lock: lock })
    }
}

/// Returns the kind of database that a data source name is for. Never show the name itself: it has
/// a password.
pub fn database_of(path: &str) -> Option<&'static str> {
    let scheme = path.split_once("://")?.0.to_ascii_lowercase();
    match scheme.as_str() {
        "postgres" | "postgresql" => Some("PostgreSQL"),
        "mysql" => Some("MySQL"),
        _ => None,
    }
}

fn check_is_file(path: &Path) -> Result<()> {
    database_of(&path.to_string_lossy())
        .map_or(Ok(()), |database| Err(Error::ConfigInDatabase(database)))
}

const WHAT: &str = "a server configuration";

fn too_much() -> Error {
    let name = "with those listed before, it".into();
    Error::TooLarge { name, what: "all key files of a server", limit: MAX_KEY_FILES }
}

fn bad(path: &Path, why: String) -> Error {
    Error::BadDocument { path: path.to_owned(), what: "server configuration", why }
}

/// A change of a configuration that is under way. Only [`Change::commit`] writes it. Dropping it
/// leaves the configuration as it was.
pub struct Change {
    server: ServerConfig,
    /// The folder of the configuration's path.
    place: Reach,
    /// Where the configuration really is. If its path is a link, this is another folder.
    real: (Folder, PathBuf),
    edited: Config,
    /// Key files that were not there before.
    written: Vec<PathBuf>,
    /// Key files to remove once they are not listed.
    doomed: Vec<PathBuf>,
    _lock: Option<FolderLock>,
}

/// What became of a key file that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It was written or listed, or both.
    New,
    /// It was there already, and listed.
    Unchanged,
}

/// What became of a name that was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// The key file is removed too.
    WithFile,
    /// There was no key file.
    FileMissing,
    /// The key file is not beside the configuration, or serves something else, and stays.
    FileKept,
}

impl Change {
    /// Writes a key file beside the configuration, readable for the server, and lists it.
    ///
    /// # Errors
    ///
    /// [`Error::BadName`] for what is no base name or is the configuration's own,
    /// [`Error::SamlFile`], [`Error::Exists`] if another file has the name, [`Error::OwnerNeeded`].
    pub fn add(&mut self, name: &str, bytes: &[u8], existing: Existing) -> Result<Added> {
        check_name(name)?;
        if self.is_own(name) {
            return Err(Error::BadName(name.to_owned()));
        }
        self.check_saml(name)?;
        let edited = self.edited.with_key_file(name).map_err(|why| bad(&self.server.path, why))?;
        let path = self.server.key_path(name);
        let is_there = self.server.folder.facts(&path)?.is_some();
        let there = self.key_file(&path);
        let is_same = there.as_ref().is_ok_and(|(_, there)| **there == *bytes);
        let is_listed = self.edited.key_files().contains(&name);
        let is_fit = is_same && there.is_ok_and(|(facts, _)| self.server.access.reaches(&facts));
        if !is_fit {
            if is_there && !is_same && existing == Existing::Keep {
                return Err(Error::Exists(path));
            }
            // The server cannot read the file, so the same bytes are written again.
            let existing = if is_same { Existing::Replace } else { existing };
            self.server.access.write_key(&self.server.folder, &path, bytes, existing)?;
            if !is_there {
                self.written.push(path);
            }
        }
        self.edited = edited;
        Ok(if is_fit && is_listed { Added::Unchanged } else { Added::New })
    }

    /// Takes a name off the list: this entry, or else the entry of its base name. A key file beside
    /// the configuration is removed too.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`], [`Error::SamlFile`], or what the disk says.
    pub fn remove(&mut self, name: &str) -> Result<(String, Removed)> {
        let base = Path::new(name).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let listed = self.edited.key_files();
        let entry = [name, base.as_str()].into_iter().find(|entry| listed.contains(entry));
        let Some(entry) = entry.map(str::to_owned) else {
            return self.remove_leftover(&base);
        };
        let is_beside = check_name(&entry).is_ok();
        if is_beside {
            self.check_saml(&entry)?;
        }
        let path = self.server.key_path(&entry);
        let edited = self.edited.without_key_file(&entry);
        let edited = edited.map_err(|why| bad(&self.server.path, why))?;
        // What can fail comes before the list changes. So a refused name stays listed.
        let facts = match self.server.folder.look(Path::new(&entry), false) {
            Err(error) if is_missing(&error) => None,
            looked => Some(looked.map_err(Error::io("read", &path))?),
        };
        self.edited = edited;
        let outcome = match facts {
            None => Removed::FileMissing,
            Some(facts) if is_beside && !facts.is_folder() && !self.is_own(&entry) => {
                self.doomed.push(path);
                Removed::WithFile
            }
            Some(_) => Removed::FileKept,
        };
        Ok((entry, outcome))
    }

    /// Removes an unlisted key file. A command that was killed may have left it.
    fn remove_leftover(&mut self, name: &str) -> Result<(String, Removed)> {
        let path = self.server.key_path(name);
        let is_free = check_name(name).is_ok() && !self.is_own(name);
        if !is_free || self.check_saml(name).is_err() || !self.is_certificate(&path) {
            return Err(Error::UnknownName(name.to_owned()));
        }
        self.doomed.push(path);
        Ok((name.to_owned(), Removed::WithFile))
    }

    /// Writes the configuration and its backup if anything changed. Then removes the key files that
    /// are not listed any more. Returns where the backup is. If somebody else wrote the
    /// configuration meanwhile, that is [`Error::Changed`], and the new key files are removed again.
    pub fn commit(mut self) -> Result<Option<PathBuf>> {
        if self.edited.text() == self.server.config.text() {
            return self.remove_doomed().map(|()| None);
        }
        let written = self.write();
        if written.is_err() && self.is_as_before() {
            for path in &self.written {
                let _ = self.server.folder.remove(path);
            }
        }
        let backup = written?;
        self.remove_doomed()?;
        Ok(Some(backup))
    }

    fn remove_doomed(&mut self) -> Result<()> {
        for path in self.doomed.drain(..) {
            self.server.folder.remove(&path)?;
        }
        Ok(())
    }

    fn write(&self) -> Result<PathBuf> {
        let path = &self.server.path;
        let access = &self.server.access;
        let (folder, real) = &self.real;
        let backup = backup_path(path);
        let before = self.server.config.text().as_bytes();
        access.write_configuration(&self.server.folder, &backup, before)?;
        let now = folder.facts(real)?;
        if now.map(|facts| facts.stamp) != Some(self.server.stamp) {
            return Err(Error::Changed(path.clone()));
        }
        access.write_configuration(folder, real, self.edited.text().as_bytes())?;
        Ok(backup)
    }

    /// Returns whether the configuration still has its old text. Writing may have failed after the
    /// new one was in place.
    fn is_as_before(&self) -> bool {
        let (folder, real) = &self.real;
        let opened = folder.open_regular(real);
        let now = opened.and_then(|opened| read_opened(opened, real, WHAT, MAX_CONFIG));
        now.is_ok_and(|now| *now == self.server.config.text().as_bytes())
    }

    /// Reads an existing key file, through links that may be followed.
    fn key_file(&self, path: &Path) -> Result<(Facts, Zeroizing<Vec<u8>>)> {
        let (folder, path) = self.place.file(path)?;
        let (file, metadata) = folder.open_regular(&path)?;
        let facts = Facts::from(&metadata);
        let bytes = read_opened((file, metadata), &path, "a key file", MAX_KEY_FILE)?;
        Ok((facts, bytes))
    }

    /// Returns whether a file holds certificates and nothing else.
    fn is_certificate(&self, path: &Path) -> bool {
        let Ok((_, bytes)) = self.key_file(path) else { return false };
        let is_one = |key: &_| matches!(key, Ok(Key::Certificate(_)));
        read_keys(&bytes).is_ok_and(|keys| !keys.is_empty() && keys.iter().all(is_one))
    }

    /// Returns whether a name is the configuration's or its backup's.
    fn is_own(&self, name: &str) -> bool {
        let own = |path: &Path| path.file_name().is_some_and(|own| own == name);
        own(&self.server.path) || own(&backup_path(&self.server.path))
    }

    /// The server refuses these names when a key is added, and when one is deleted.
    fn check_saml(&self, name: &str) -> Result<()> {
        match self.edited.saml_files().contains(&name) {
            true => Err(Error::SamlFile(name.to_owned())),
            false => Ok(()),
        }
    }
}

fn is_missing(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, InvalidInput, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | InvalidFilename | InvalidInput)
}

/// Returns where the configuration before the last change is kept. There is one backup.
fn backup_path(path: &Path) -> PathBuf {
    with_ending(path, ".bak")
}
