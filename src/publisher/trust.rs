//! Whose signatures count: in the home, or on a server.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::failure::{EXIT_COULD_NOT, Failure};
use super::outcome::{Outcome, Unread, as_path};
use super::show::CertificateView;
use super::store::heed;
use super::{PATIENCE, Publisher};
use crate::disk::Error;
use crate::disk::file::read_small;
use crate::disk::server_config::{Added, KeyBytes, Removed, ServerConfig, database_of};
use crate::disk::write::Existing;
use crate::mattermost::public_key::{Unfit, read_public_key};
use crate::mattermost::standing::Standing;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::key_file::{MAX_KEY_FILE, read_certificates};

/// Where trust is kept.
#[derive(Clone, Copy)]
pub enum Truster<'a> {
    /// The home.
    Home,
    /// The Mattermost server with this `config.json`, and the `MM_CONFIG` of its environment.
    Server(&'a Path, &'a str),
}

/// Key files to be trusted.
pub struct Wanted<'a> {
    /// The key files.
    pub files: &'a [PathBuf],
    /// The name to trust it under, instead of the file's base name.
    pub name: Option<String>,
    /// The fingerprint that it must have.
    pub fingerprint: Option<String>,
    /// Whether another certificate of the name is replaced.
    pub force: bool,
}

/// What became of each name.
#[derive(Serialize)]
pub struct Trust {
    /// What was asked for: "added", "trusted", "removed".
    #[serde(skip)]
    pub action: &'static str,
    /// The names, in their order.
    pub entries: Vec<TrustEntry>,
    /// The files of the home that cannot be read.
    pub unreadable: Vec<Unread>,
    /// The server's configuration, if it is not about the home.
    #[serde(flatten)]
    pub server: Option<ChangedConfig>,
}

/// What became of one name.
#[derive(Serialize)]
pub struct TrustEntry {
    /// The name.
    pub name: String,
    /// What became of it, in a word.
    pub outcome: &'static str,
    /// The certificate, or why there is none.
    #[serde(flatten)]
    pub result: TrustResult,
}

/// The certificate of a name, or why there is none.
#[derive(Serialize)]
#[serde(untagged)]
pub enum TrustResult {
    /// It was done.
    Done {
        /// The certificate, if there was one to look at.
        certificate: Option<CertificateView>,
        /// That nothing counts that it signs, and why.
        warning: Option<String>,
    },
    /// It was not done.
    Failed {
        /// Why.
        error: Failure,
    },
}

/// A server's configuration that was worked on.
#[derive(Serialize)]
pub struct ChangedConfig {
    /// Where it is.
    #[serde(serialize_with = "as_path")]
    pub config: PathBuf,
    /// The configuration before, if it was changed.
    #[serde(serialize_with = "as_path")]
    pub backup: Option<PathBuf>,
    /// Whether the server has to read it anew.
    pub restart_needed: bool,
}

impl Outcome for Trust {
    fn exit(&self) -> u8 {
        let worst = self.entries.iter().filter_map(|entry| match &entry.result {
            TrustResult::Failed { error } => Some(error.exit()),
            TrustResult::Done { .. } => None,
        });
        match worst.max() {
            Some(code) => code,
            None if !self.unreadable.is_empty() => EXIT_COULD_NOT,
            None => 0,
        }
    }
}

impl Wanted<'_> {
    /// Returns the name that a file is trusted under.
    fn name_of(&self, file: &Path) -> String {
        match &self.name {
            Some(name) => name.clone(),
            None => file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        }
    }

    /// Refuses parts of a fingerprint, which anybody can make another key for.
    fn check(&self) -> Result<(), Failure> {
        let Some(fingerprint) = &self.fingerprint else { return Ok(()) };
        let digits = fingerprint.replace(' ', "");
        let digits = digits.trim_start_matches("0x").trim_start_matches("0X");
        match digits.len() {
            40 => Ok(()),
            count => Err(Failure::Usage(format!(
                "--fingerprint needs all 40 digits of the fingerprint, and {count} are given"
            ))),
        }
    }

    /// Reads a key file that may be trusted, and its certificate.
    fn read(
        &self,
        file: &Path,
        publisher: &Publisher<'_>,
    ) -> Result<(Vec<u8>, Certificate), Failure> {
        let bytes = read_small(file, "a key file", MAX_KEY_FILE)?;
        let certificate = read_public_key(&bytes, &publisher.policy()).inspect_err(|_| {
            let read = read_certificates(&bytes, publisher.budget).unwrap_or_default();
            heed(&read.into_iter().flatten().collect::<Vec<_>>(), publisher);
        })?;
        let asked = self.fingerprint.as_ref().map(|text| text.replace(' ', "").to_uppercase());
        let found = certificate.fingerprint().to_string();
        match asked {
            Some(asked) if asked.trim_start_matches("0X") != found => {
                Err(Unfit::other_fingerprint(&found).into())
            }
            _ => Ok((bytes.to_vec(), certificate)),
        }
    }
}

impl Publisher<'_> {
    /// Trusts the certificates in key files. Refuses what the Mattermost server could not read, or
    /// should not have.
    ///
    /// # Errors
    ///
    /// That the home or the configuration cannot be worked on. What speaks against one file is its
    /// entry's to say.
    pub fn trust(&self, truster: Truster<'_>, wanted: &Wanted<'_>) -> Result<Trust, Failure> {
        wanted.check()?;
        let existing = if wanted.force { Existing::Replace } else { Existing::Keep };
        let mut trust = Trust::new("added");
        match truster {
            Truster::Home => {
                let home = self.home()?;
                home.check()?;
                let copies = self.home_copies();
                for file in wanted.files {
                    let name = wanted.name_of(file);
                    let result = wanted.read(file, self).and_then(|(bytes, certificate)| {
                        home.trust(&self.lock()?, &name, &certificate, existing)?;
                        Ok((bytes, certificate))
                    });
                    trust.entries.push(self.entry(name, "added", result, &copies));
                }
            }
            Truster::Server(config, environment) => {
                check_environment(environment)?;
                let mut change = ServerConfig::change(config, PATIENCE)?;
                let copies = self.home_copies();
                for file in wanted.files {
                    let name = wanted.name_of(file);
                    let mut word = "added";
                    let result = wanted.read(file, self).and_then(|(bytes, certificate)| {
                        if change.add(&name, &bytes, existing)? == Added::Unchanged {
                            word = "unchanged";
                        }
                        Ok((bytes, certificate))
                    });
                    trust.entries.push(self.entry(name, word, result, &copies));
                }
                trust.server = Some(ChangedConfig::new(config, change.commit()?));
            }
        }
        Ok(trust)
    }

    /// Lists what is trusted.
    ///
    /// # Errors
    ///
    /// That the home or the configuration cannot be read.
    pub fn list_trusted(&self, truster: Truster<'_>) -> Result<Trust, Failure> {
        let mut trust = Trust::new("trusted");
        let copies = self.home_copies();
        match truster {
            Truster::Home => {
                let shelf = self.home()?.trusted()?;
                for trusted in shelf.items {
                    let bytes = trusted.certificate.to_bytes();
                    let result = bytes.map(|bytes| (bytes, trusted.certificate));
                    let result = result.map_err(Failure::from);
                    trust.entries.push(self.listed(trusted.name, result, &copies));
                }
                trust.unreadable = Unread::all(shelf.unreadable);
            }
            Truster::Server(config, environment) => {
                check_environment(environment)?;
                for key in ServerConfig::open(config)?.keys() {
                    let result = match key.file {
                        Ok(KeyBytes::New(bytes)) => read_public_key(&bytes, &self.policy())
                            .map(|certificate| (bytes, certificate))
                            .map_err(Failure::from),
                        Ok(KeyBytes::Repeated) => {
                            let word = "the same file again";
                            trust.entries.push(TrustEntry::without_key(key.name, word));
                            continue;
                        }
                        Err(error) => Err(error.into()),
                    };
                    let mut entry = self.listed(key.name, result, &copies);
                    if matches!(entry.result, TrustResult::Failed { .. }) {
                        entry.outcome = "unusable";
                    }
                    trust.entries.push(entry);
                }
                trust.server = Some(ChangedConfig::new(config, None));
            }
        }
        Ok(trust)
    }

    /// Trusts these names no more. Those that `trust` was given are taken, and the paths of the
    /// files that they came from.
    ///
    /// # Errors
    ///
    /// That the home or the configuration cannot be worked on.
    pub fn distrust(&self, truster: Truster<'_>, names: &[String]) -> Result<Trust, Failure> {
        let mut trust = Trust::new("removed");
        match truster {
            Truster::Home => {
                let home = self.home()?;
                home.check()?;
                for name in names {
                    let base = Path::new(name).file_name().unwrap_or_default();
                    let base = base.to_string_lossy().into_owned();
                    let result = self.lock().and_then(|lock| Ok(home.distrust(&lock, &base)?));
                    trust.entries.push(match result {
                        Ok(()) => TrustEntry::without_key(base, "removed"),
                        Err(error) => TrustEntry::failed(base, error),
                    });
                }
            }
            Truster::Server(config, environment) => {
                check_environment(environment)?;
                let mut change = ServerConfig::change(config, PATIENCE)?;
                for name in names {
                    trust.entries.push(match change.remove(name) {
                        Ok((entry, removed)) => {
                            let word = match removed {
                                Removed::WithFile => "removed",
                                Removed::FileMissing => "removed (no file)",
                                Removed::FileKept => "removed (file kept)",
                            };
                            TrustEntry::without_key(entry, word)
                        }
                        Err(error) => TrustEntry::failed(name.clone(), error),
                    });
                }
                trust.server = Some(ChangedConfig::new(config, change.commit()?));
            }
        }
        Ok(trust)
    }

    /// Returns the certificates that the home knows: one of them may be revoked there.
    pub(super) fn home_copies(&self) -> Vec<Certificate> {
        let Ok(home) = self.home() else { return Vec::new() };
        let own = home.keys().map(|shelf| shelf.items).unwrap_or_default();
        let trusted = home.trusted().map(|shelf| shelf.items).unwrap_or_default();
        let own = own.into_iter().map(|key| key.certificate);
        own.chain(trusted.into_iter().map(|key| key.certificate)).collect()
    }

    /// Makes the entry of a key file that is listed: only what is good is called trusted.
    fn listed(
        &self,
        name: String,
        result: Result<(Vec<u8>, Certificate), Failure>,
        copies: &[Certificate],
    ) -> TrustEntry {
        let policy = self.policy();
        let standing = result.as_ref().ok().map(|(bytes, certificate)| {
            narrowed(Standing::of(bytes, certificate, &policy), certificate, copies)
        });
        let word = match standing {
            Some(standing) if standing.problem().is_some() => standing.word(),
            _ => "trusted",
        };
        self.entry(name, word, result, copies)
    }

    /// Makes the entry of a key file, from its bytes and the certificate in it.
    fn entry(
        &self,
        name: String,
        word: &'static str,
        result: Result<(Vec<u8>, Certificate), Failure>,
        copies: &[Certificate],
    ) -> TrustEntry {
        let (bytes, certificate) = match result {
            Ok(read) => read,
            Err(error) => return TrustEntry::failed(name, error),
        };
        let policy = self.policy();
        let standing = Standing::of(&bytes, &certificate, &policy);
        let result = TrustResult::Done {
            warning: narrowed(standing, &certificate, copies).problem(),
            certificate: Some(CertificateView::new(&certificate, &policy)),
        };
        TrustEntry { name, outcome: word, result }
    }
}

/// Takes in what the home's copies of a certificate know: a revocation above all.
pub(super) fn narrowed(
    standing: Standing,
    certificate: &Certificate,
    copies: &[Certificate],
) -> Standing {
    let fingerprint = certificate.fingerprint();
    let of_it = copies.iter().filter(|copy| copy.fingerprint() == fingerprint);
    of_it.fold(standing, |standing, copy| standing.narrowed_by(copy))
}

/// Refuses to work on a file when the server's environment says that it does not read it.
pub(super) fn check_environment(environment: &str) -> Result<(), Failure> {
    match database_of(environment) {
        Some(database) => Err(Error::ConfigInDatabase(database).into()),
        None => Ok(()),
    }
}

impl Trust {
    fn new(action: &'static str) -> Trust {
        Trust { action, entries: Vec::new(), unreadable: Vec::new(), server: None }
    }
}

impl TrustEntry {
    fn without_key(name: String, outcome: &'static str) -> TrustEntry {
        let result = TrustResult::Done { certificate: None, warning: None };
        TrustEntry { name, outcome, result }
    }

    fn failed(name: String, error: impl Into<Failure>) -> TrustEntry {
        let result = TrustResult::Failed { error: error.into() };
        TrustEntry { name, outcome: "refused", result }
    }

    /// Says that nothing counts that its certificate signs, and why.
    pub fn problem(&self) -> Option<&str> {
        match &self.result {
            TrustResult::Done { warning, .. } => warning.as_deref(),
            TrustResult::Failed { .. } => None,
        }
    }
}

impl ChangedConfig {
    fn new(config: &Path, backup: Option<PathBuf>) -> ChangedConfig {
        ChangedConfig { config: config.to_owned(), restart_needed: backup.is_some(), backup }
    }
}
