//! Whose signatures count: in the home, or on a server.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::accepted::Known;
use super::failure::{EXIT_COULD_NOT, Failure, Result, one_line};
use super::holders::Holders;
use super::outcome::{Outcome, Unread, as_path, as_path_if};
use super::show::CertificateView;
use super::store::heed;
use super::{PATIENCE, Publisher};
use crate::disk::Error;
use crate::disk::file::read_small;
use crate::disk::home::Home;
use crate::disk::server_config::{
    Added, Change, KeyBytes, ListedKeyFile, Removed, ServerConfig, database_of,
};
use crate::disk::shelf::TrustedKey;
use crate::disk::write::Existing;
use crate::mattermost::public_key::{Unfit, read_public_key};
use crate::mattermost::standing::Standing;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::key_file::{MAX_KEY_FILE, read_certificates};
use crate::text::quoted;

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
    /// Whether another certificate of the name is replaced. A newer copy of the same needs no force.
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
    /// Whether the fingerprint was given, and compared.
    #[serde(skip)]
    pub is_compared: bool,
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
    /// The other names that the same key is trusted under, if it was added or removed.
    pub same_key: Vec<String>,
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
    #[serde(serialize_with = "as_path_if")]
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
        let if_done = if self.unreadable.is_empty() { 0 } else { EXIT_COULD_NOT };
        worst.max().unwrap_or(if_done)
    }
}

impl Wanted<'_> {
    /// Refuses parts of a fingerprint, which anybody can make another key for.
    fn check(&self) -> Result<()> {
        match self.digits().map_or(40, |digits| digits.len()) {
            40 => Ok(()),
            count => Err(Failure::Usage(format!(
                "--fingerprint needs all 40 digits of the fingerprint, and {count} are given"
            ))),
        }
    }

    /// Returns the digits of the fingerprint that it must have.
    fn digits(&self) -> Option<String> {
        let digits = self.fingerprint.as_ref()?.replace(' ', "").to_uppercase();
        Some(digits.trim_start_matches("0X").to_string())
    }

    fn read(&self, file: &Path, publisher: &Publisher<'_>) -> Result<(Vec<u8>, Certificate)> {
        let bytes = read_small(file, "a key file", MAX_KEY_FILE)?;
        let certificate = read_public_key(&bytes, &publisher.policy(), publisher.budget)
            .inspect_err(|_| {
                let read = read_certificates(&bytes, publisher.budget).unwrap_or_default();
                heed(&read.into_iter().flatten().collect::<Vec<_>>(), publisher);
            })?;
        let found = certificate.fingerprint().to_string();
        match self.digits().is_none_or(|asked| asked == found) {
            true => Ok((bytes.to_vec(), certificate)),
            false => Err(Unfit::other_fingerprint(&found).into()),
        }
    }
}

impl Publisher<'_> {
    /// Trusts the certificates in key files. Refuses what the Mattermost server could not read, or
    /// should not have. What speaks against one file is its entry's to say. Fails if the home or the
    /// configuration cannot be worked on.
    pub fn trust(&self, truster: Truster<'_>, wanted: &Wanted<'_>) -> Result<Trust> {
        wanted.check()?;
        let existing = if wanted.force { Existing::Replace } else { Existing::Keep };
        let mut place = self.place(truster)?;
        let mut trust = Trust::new("added");
        trust.is_compared = wanted.fingerprint.is_some();
        let known = self.home_copies()?;
        let mut holders = self.holders(truster)?;
        for file in wanted.files {
            let name = wanted.name.clone().unwrap_or_else(|| base_name(file));
            let mut word = "added";
            let result = wanted.read(file, self).and_then(|(bytes, certificate)| {
                match &mut place {
                    Place::Home(home) => {
                        let trusted = home.trust(&self.lock()?, &name, &certificate, existing);
                        trusted.map_err(|error| {
                            holders.advised(error, (&name, &certificate), (None, file))
                        })?;
                    }
                    Place::Server(config, change) => {
                        let is_update = holders.is_update(&name, &certificate, &self.policy());
                        let existing = if is_update { Existing::Replace } else { existing };
                        let added = change.add(&name, &bytes, existing).map_err(|error| {
                            holders.advised(error, (&name, &certificate), (Some(*config), file))
                        })?;
                        if added == Added::Unchanged {
                            word = "unchanged";
                        }
                    }
                }
                Ok((bytes, certificate))
            });
            trust.entries.push(match result {
                Ok((bytes, it)) => {
                    holders.add(&name, &it);
                    let same_key = holders.others(&name, &it);
                    let entry = self.entry(name, Some(word), &bytes, &it, &known);
                    TrustEntry { same_key, ..entry }
                }
                Err(error) => TrustEntry::failed(name, "refused", error),
            });
        }
        trust.server = place.commit()?;
        Ok(trust)
    }

    /// Lists what is trusted. Fails if the home or the configuration cannot be read.
    pub fn list_trusted(&self, truster: Truster<'_>) -> Result<Trust> {
        let mut trust = Trust::new("trusted");
        let known = self.home_copies()?;
        match truster {
            Truster::Home => {
                let shelf = self.home()?.trusted()?;
                for TrustedKey { name, certificate } in shelf.items {
                    trust.entries.push(match certificate.to_bytes() {
                        Ok(bytes) => self.entry(name, None, &bytes, &certificate, &known),
                        Err(error) => TrustEntry::failed(name, "refused", error),
                    });
                }
                trust.unreadable = Unread::all(shelf.unreadable);
            }
            Truster::Server(config, environment) => {
                check_environment(environment)?;
                for ListedKeyFile { name, file, .. } in ServerConfig::open(config)?.keys() {
                    trust.entries.push(match file {
                        Ok(KeyBytes::New(bytes)) => {
                            match read_public_key(&bytes, &self.policy(), self.budget) {
                                Ok(it) => self.entry(name, None, &bytes, &it, &known),
                                Err(unfit) => TrustEntry::failed(name, "unusable", unfit),
                            }
                        }
                        Ok(KeyBytes::Repeated) => {
                            TrustEntry::without_key(name, "the same file again")
                        }
                        Err(error) => TrustEntry::failed(name, "unusable", error),
                    });
                }
                trust.server = Some(ChangedConfig::new(config, None));
            }
        }
        Ok(trust)
    }

    /// Trusts these names no more. Those that `trust` was given are taken, and the paths of the
    /// files that they came from. Fails if the home or the configuration cannot be worked on.
    pub fn distrust(&self, truster: Truster<'_>, names: &[String]) -> Result<Trust> {
        let mut place = self.place(truster)?;
        let mut trust = Trust::new("removed");
        let mut holders = self.holders(truster)?;
        for name in names {
            let (name, result) = match &mut place {
                Place::Home(home) => {
                    let base = base_name(Path::new(name));
                    let result = self.lock().and_then(|lock| Ok(home.distrust(&lock, &base)?));
                    (base, result.map(|()| "removed"))
                }
                Place::Server(config, change) => match change.remove(name) {
                    Ok((entry, Removed::WithFile)) => (entry, Ok("removed")),
                    Ok((entry, Removed::FileMissing)) => (entry, Ok("removed (no file)")),
                    Ok((entry, Removed::FileKept)) => (entry, Ok("removed (file kept)")),
                    Err(error @ Error::UnknownName(_)) => {
                        let advice = format!(
                            "see the names:\n  plugsign trust list --config {}",
                            quoted(config)
                        );
                        (name.clone(), Err(Failure::advised(error, advice)))
                    }
                    Err(error) => (name.clone(), Err(error.into())),
                },
            };
            trust.entries.push(match result {
                Ok(word) => {
                    let same_key = holders.remove(&name);
                    TrustEntry { same_key, ..TrustEntry::without_key(name, word) }
                }
                Err(error) => TrustEntry::failed(name, "refused", error),
            });
        }
        trust.server = place.commit()?;
        Ok(trust)
    }

    fn holders(&self, truster: Truster<'_>) -> Result<Holders> {
        Ok(match truster {
            Truster::Home => Holders::of_home(self.home()?),
            Truster::Server(config, _) => Holders::of_server(config, self),
        })
    }

    fn place<'p>(&'p self, truster: Truster<'p>) -> Result<Place<'p>> {
        match truster {
            Truster::Home => {
                let home = self.home()?;
                home.check()?;
                Ok(Place::Home(home))
            }
            Truster::Server(config, environment) => {
                check_environment(environment)?;
                let change = ServerConfig::change(config, self.kept, PATIENCE)?;
                Ok(Place::Server(config, Box::new(change)))
            }
        }
    }

    /// Makes the entry of a key file, from its bytes and the certificate in it. Without a word it is
    /// listed: only what is good is called trusted.
    fn entry(
        &self,
        name: String,
        word: Option<&'static str>,
        bytes: &[u8],
        certificate: &Certificate,
        known: &Known,
    ) -> TrustEntry {
        let policy = self.policy();
        let standing = Standing::of(bytes, certificate, &policy);
        let standing = known.narrow_standing(standing, certificate, &[]);
        let mut warning = standing.problem();
        match known.keys.check_complete(&certificate.fingerprint()) {
            Err(error) if word.is_none() => return TrustEntry::failed(name, "unusable", error),
            Err(error) if warning.is_none() => warning = Some(one_line(&error)),
            _ => {}
        }
        let listed = if warning.is_some() { standing.word() } else { "trusted" };
        let certificate = Some(CertificateView::new(certificate, &policy));
        let result = TrustResult::Done { certificate, warning };
        TrustEntry { name, outcome: word.unwrap_or(listed), same_key: Vec::new(), result }
    }
}

enum Place<'a> {
    Home(&'a Home),
    Server(&'a Path, Box<Change>),
}

impl Place<'_> {
    fn commit(self) -> Result<Option<ChangedConfig>> {
        match self {
            Place::Home(_) => Ok(None),
            Place::Server(config, change) => Ok(Some(ChangedConfig::new(config, change.commit()?))),
        }
    }
}

fn base_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Refuses to work on a file when the server's environment says that it does not read it.
pub(super) fn check_environment(environment: &str) -> Result<()> {
    let database = database_of(environment);
    database.map_or(Ok(()), |database| Err(Error::ConfigInDatabase(database).into()))
}

impl Trust {
    fn new(action: &'static str) -> Trust {
        let (entries, unreadable) = (Vec::new(), Vec::new());
        Trust { action, entries, unreadable, is_compared: false, server: None }
    }
}

impl TrustEntry {
    fn without_key(name: String, outcome: &'static str) -> TrustEntry {
        let result = TrustResult::Done { certificate: None, warning: None };
        TrustEntry { name, outcome, same_key: Vec::new(), result }
    }

    fn failed(name: String, outcome: &'static str, error: impl Into<Failure>) -> TrustEntry {
        let result = TrustResult::Failed { error: error.into() };
        TrustEntry { name, outcome, same_key: Vec::new(), result }
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
