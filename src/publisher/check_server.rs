//! Would a server accept what it should? Its key files, and the settings that go with them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};
use serde_json::json;

use super::Publisher;
use super::accepted::Known;
use super::failure::{EXIT_NO, Result, one_line};
use super::outcome::{Outcome, as_path};
use super::server_settings::{Setting, meaning_of, meaning_of_flags, table};
use super::show::CertificateView;
use super::trust::check_environment;
use crate::disk::server_config::{KeyBytes, ListedKeyFile, ServerConfig};
use crate::mattermost::config::{Config, Settings};
use crate::mattermost::public_key::read_public_key;
use crate::mattermost::server::KeyRing;
use crate::mattermost::standing::Standing;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::certificate::description::Description;
use crate::openpgp::times::show_time;
use crate::text::Safe;

/// What became of each key file, and what the settings mean.
#[derive(Serialize)]
pub struct Checkup {
    /// The server's configuration.
    #[serde(serialize_with = "as_path")]
    pub config: PathBuf,
    /// The key files that are listed.
    pub keys: Vec<KeyCheckup>,
    /// The settings that decide.
    #[serde(serialize_with = "as_map")]
    pub settings: Vec<Setting>,
    /// What they mean together.
    pub meaning: Vec<String>,
}

/// What became of a key file.
#[derive(Serialize)]
pub struct KeyCheckup {
    /// Its entry in the list.
    pub name: String,
    /// What it is.
    #[serde(serialize_with = "as_word")]
    pub state: KeyState,
    /// The same in words.
    pub detail: String,
    /// The certificate in it.
    pub certificate: Option<CertificateView>,
    /// Whether the server accepts signatures by it. None where it cannot read the file.
    pub server_accepts: Option<bool>,
}

/// What a server's key file is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// All is well.
    Good,
    /// It ends soon.
    Expiring,
    /// An entry before leads to the same file.
    Repeated,
    /// It is "missing", "unreadable", "unfit", or no good any more: then the word is its standing's.
    Bad(&'static str),
}

impl KeyState {
    /// Returns the state's name.
    pub fn name(self) -> &'static str {
        match self {
            KeyState::Good => "good",
            KeyState::Expiring => "expiring",
            KeyState::Repeated => "repeated",
            KeyState::Bad(word) => word,
        }
    }
}

fn as_word<S: Serializer>(state: &KeyState, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(state.name())
}

fn as_map<S: Serializer>(settings: &[Setting], serializer: S) -> Result<S::Ok, S::Error> {
    let value = |it: &Setting| json!({"value": it.value, "default": it.is_default});
    serializer.collect_map(settings.iter().map(|it| (it.name, value(it))))
}

impl Outcome for Checkup {
    fn exit(&self) -> u8 {
        let is_fine = |key: &KeyCheckup| matches!(key.state, KeyState::Good | KeyState::Repeated);
        if self.keys.iter().all(is_fine) { 0 } else { EXIT_NO }
    }
}

impl Publisher<'_> {
    /// Checks a server's key files. `environment` is its `MM_CONFIG`; a key must be valid for so
    /// many days. Fails if the configuration cannot be read.
    pub fn check_server(&self, config: &Path, environment: &str, min_days: u32) -> Result<Checkup> {
        check_environment(environment)?;
        let server = ServerConfig::open(config)?;
        let files: Vec<KeyFile> = server.keys().map(|key| read(key, self)).collect();
        let certificates = files.iter().filter_map(|(_, good)| Some(good.as_ref()?.0.clone()));
        let given: Vec<Certificate> = certificates.collect();
        let home = self.home_copies()?;
        let judged = files.into_iter().map(|file| judge(file, min_days, (&given, &home), self));
        let keys: Vec<KeyCheckup> = judged.collect();
        let settings = server.config().settings();
        Ok(Checkup {
            config: config.to_owned(),
            settings: table(server.config(), &settings),
            meaning: meaning(server.config(), &settings, &keys),
            keys,
        })
    }
}

/// A key file that was read. If the policy takes it, its certificate and what that is worth.
type KeyFile = (KeyCheckup, Option<(Certificate, Standing)>);

/// Judges a key file by its certificate, and by what other copies of that know.
fn judge(
    (mut key, good): KeyFile,
    min_days: u32,
    (given, home): (&[Certificate], &Known),
    publisher: &Publisher<'_>,
) -> KeyCheckup {
    let Some((certificate, standing)) = good else { return key };
    let standing = home.narrow_standing(standing, &certificate, given);
    let description = certificate.describe(&publisher.policy());
    let unread = home.keys.check_complete(&certificate.fingerprint()).err();
    (key.state, key.detail) = match (standing.problem(), unread) {
        (Some(problem), _) => (KeyState::Bad(standing.word()), problem),
        (None, Some(error)) => (KeyState::Bad("unreadable"), one_line(&error)),
        (None, None) => expiry(end(&description), publisher.now, min_days),
    };
    key.certificate = Some(CertificateView::described(&certificate, description));
    key
}

fn read(file: ListedKeyFile, publisher: &Publisher<'_>) -> KeyFile {
    let ListedKeyFile { name, path, file, is_readable } = file;
    let line = |state, detail, server_accepts| KeyCheckup {
        name,
        state,
        detail,
        certificate: None,
        server_accepts,
    };
    let bytes = match &file {
        Ok(KeyBytes::New(bytes)) => bytes,
        Ok(KeyBytes::Repeated) => {
            let words = "an entry before leads to the same file";
            return (line(KeyState::Repeated, words.into(), None), None);
        }
        Err(error) => {
            let is_missing = matches!(path.try_exists(), Ok(false));
            let word = if is_missing { "missing" } else { "unreadable" };
            return (line(KeyState::Bad(word), one_line(error), None), None);
        }
    };
    if !is_readable {
        let words = "the server may not read it: give it the owner, group and mode of config.json";
        return (line(KeyState::Bad("unreadable"), words.into(), None), None);
    }
    match read_public_key(bytes, &publisher.policy(), publisher.budget) {
        Ok(certificate) => {
            let standing = Standing::of(bytes, &certificate, &publisher.policy());
            let key = line(KeyState::Good, String::new(), Some(standing.server.is_ok()));
            (key, Some((certificate, standing)))
        }
        Err(unfit) => {
            let accepts = KeyRing::read(bytes).is_ok_and(|ring| ring.check_signers().is_ok());
            let all_the_same = match accepts {
                true => " The server accepts its signatures all the same.",
                false => "",
            };
            (line(KeyState::Bad("unfit"), format!("{unfit}{all_the_same}"), Some(accepts)), None)
        }
    }
}

fn end(description: &Description) -> Option<SystemTime> {
    let keys = description.keys.iter().enumerate();
    let counting = keys.filter(|(place, key)| *place == 0 || key.weakness.is_none());
    counting.filter_map(|(_, key)| key.expires).min()
}

fn expiry(end: Option<SystemTime>, now: SystemTime, min_days: u32) -> (KeyState, String) {
    let Some(end) = end else { return (KeyState::Good, "does not expire".into()) };
    let least = Duration::from_secs(u64::from(min_days) * 24 * 60 * 60);
    let left = end.duration_since(now).unwrap_or_default();
    let state = if left < least { KeyState::Expiring } else { KeyState::Good };
    (state, format!("expires {}", show_time(end)))
}

fn meaning(config: &Config, settings: &Settings, keys: &[KeyCheckup]) -> Vec<String> {
    let accepted = || keys.iter().filter(|key| key.server_accepts == Some(true));
    let is_good = |key: &&KeyCheckup| matches!(key.state, KeyState::Good | KeyState::Expiring);
    let refused = accepted().filter(|key| !is_good(key));
    let refused: Vec<String> = refused.map(|key| Safe::text(&key.name).to_string()).collect();
    let mut lines = meaning_of(settings, accepted().count(), accepted().filter(is_good).count());
    lines.extend(meaning_of_flags(config, settings));
    lines.extend(meaning_of_copies(keys));
    if !refused.is_empty() {
        lines.push(format!(
            "The server also accepts signatures by these, which the publisher's policy refuses: {}.",
            refused.join(", ")
        ));
    }
    lines
}

/// Names the files that hold the same key. An older copy keeps what a newer one ended.
fn meaning_of_copies(keys: &[KeyCheckup]) -> Vec<String> {
    let mut holders: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for key in keys {
        if let Some(certificate) = &key.certificate {
            let names = holders.entry(certificate.names().0.to_string()).or_default();
            names.push(Safe::text(&key.name).to_string());
        }
    }
    let lines = holders.values().filter(|names| names.len() > 1).map(|names| {
        let names = names.join(" and ");
        format!(
            "{names} hold the same key. Remove the older copy: it accepts what a newer one ended."
        )
    });
    lines.collect()
}
