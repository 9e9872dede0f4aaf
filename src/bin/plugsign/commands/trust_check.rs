//! `plugsign trust check --config CONFIG.JSON`: would this server accept what it should?

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use plugsign::disk::server_config::{KeyBytes, ListedKey, ServerConfig};
use plugsign::mattermost::config::Settings;
use plugsign::mattermost::public_key::read_public_key;
use plugsign::mattermost::server::KeyRing;
use plugsign::mattermost::standing::Standing;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::certificate::description::Description;
use plugsign::openpgp::times::show_time;
use plugsign::text::Safe;
use serde_json::{Map, Value, json};

use super::trust_server::check_environment;
use super::trust_settings::{Setting, meaning_of, table};
use crate::edge::report::Report;
use crate::edge::terminal::{BAD, GOOD};
use crate::edge::world::World;
use plugsign::publisher::failure::{EXIT_NO, Failure, one_line};
use plugsign::publisher::show::{certificate_json, first_user_id, path_text};

pub fn run(config: &Path, min_days: u32, world: &World) -> Result<Checkup, Failure> {
    check_environment(world)?;
    let server = ServerConfig::open(config)?;
    let mut files: Vec<File> = server.keys().map(|key| read(key, world)).collect();
    let known: Vec<Certificate> = files
        .iter()
        .filter_map(|file| file.certificate.clone())
        .chain(home_copies(world))
        .collect();
    for file in &mut files {
        file.narrow(&known);
    }
    let keys: Vec<Key> = files.into_iter().map(|file| file.judge(min_days, world)).collect();
    let settings = server.config().settings();
    Ok(Checkup {
        config: config.to_owned(),
        table: table(server.config(), &settings),
        meaning: meaning(&settings, &keys),
        keys,
    })
}

/// Returns the certificates that the home knows: one of them may be revoked there.
pub fn home_copies(world: &World) -> Vec<Certificate> {
    let Ok(home) = world.home() else { return Vec::new() };
    let own = home.keys().map(|shelf| shelf.items).unwrap_or_default();
    let trusted = home.trusted().map(|shelf| shelf.items).unwrap_or_default();
    let own = own.into_iter().map(|key| key.certificate);
    own.chain(trusted.into_iter().map(|key| key.certificate)).collect()
}

/// What became of each key file, and what the settings mean.
pub struct Checkup {
    config: PathBuf,
    keys: Vec<Key>,
    table: Vec<Setting>,
    meaning: Vec<String>,
}

struct Key {
    name: String,
    state: State,
    detail: String,
    certificate: Option<Shown>,
    /// Whether the server accepts signatures by it. None where it cannot read the file.
    server_accepts: Option<bool>,
}

/// A key file that was read.
struct File {
    name: String,
    state: State,
    detail: String,
    certificate: Option<Certificate>,
    standing: Option<Standing>,
    /// What the server makes of a file that the publisher's policy refuses.
    server_accepts: Option<bool>,
}

struct Shown {
    fingerprint: String,
    user_id: String,
    json: Map<String, Value>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Good,
    Expiring,
    Missing,
    Unreadable,
    Unfit,
    Repeated,
    /// It was good once: the word says what became of it.
    Ended(&'static str),
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Good => "good",
            State::Expiring => "expiring",
            State::Missing => "missing",
            State::Unreadable => "unreadable",
            State::Unfit => "unfit",
            State::Repeated => "repeated",
            State::Ended(word) => word,
        }
    }
}

fn read(key: ListedKey, world: &World) -> File {
    let file = |state, detail| File {
        name: key.name.clone(),
        state,
        detail,
        certificate: None,
        standing: None,
        server_accepts: None,
    };
    let bytes = match &key.file {
        Ok(KeyBytes::New(bytes)) => bytes,
        Ok(KeyBytes::Repeated) => {
            return file(State::Repeated, "an entry before leads to the same file".into());
        }
        Err(error) => {
            let is_missing = matches!(key.path.try_exists(), Ok(false));
            let state = if is_missing { State::Missing } else { State::Unreadable };
            return file(state, one_line(error));
        }
    };
    if !key.is_readable {
        let words = "the server may not read it: give it the owner, group and mode of config.json";
        return file(State::Unreadable, words.into());
    }
    match read_public_key(bytes, &world.policy()) {
        Ok(certificate) => {
            let standing = Standing::of(bytes, &certificate, &world.policy());
            File {
                server_accepts: Some(standing.server.is_ok()),
                certificate: Some(certificate),
                standing: Some(standing),
                ..file(State::Good, String::new())
            }
        }
        Err(unfit) => {
            let accepts = KeyRing::read(bytes).is_ok_and(|ring| ring.check_signers().is_ok());
            let all_the_same = match accepts {
                true => " The server accepts its signatures all the same.",
                false => "",
            };
            File {
                server_accepts: Some(accepts),
                ..file(State::Unfit, format!("{unfit}{all_the_same}"))
            }
        }
    }
}

impl File {
    /// Takes in what other copies of the certificate know.
    fn narrow(&mut self, known: &[Certificate]) {
        let Some(certificate) = &self.certificate else { return };
        let fingerprint = certificate.fingerprint();
        for copy in known.iter().filter(|copy| copy.fingerprint() == fingerprint) {
            self.standing = self.standing.take().map(|standing| standing.narrowed_by(copy));
        }
    }

    fn judge(self, min_days: u32, world: &World) -> Key {
        let (mut state, mut detail) = (self.state, self.detail);
        let certificate = self.certificate.map(|certificate| {
            let description = certificate.describe(&world.policy());
            (state, detail) = match self.standing.as_ref().and_then(Standing::problem) {
                Some(problem) => {
                    let word = self.standing.as_ref().map_or("unusable", Standing::word);
                    (State::Ended(word), problem)
                }
                None => expiry(end(&description), world.now, min_days),
            };
            Shown {
                fingerprint: certificate.fingerprint().to_string(),
                user_id: first_user_id(&certificate),
                json: certificate_json(&certificate, &description),
            }
        });
        Key { name: self.name, state, detail, certificate, server_accepts: self.server_accepts }
    }
}

/// Returns when the first of its keys ends that count.
fn end(description: &Description) -> Option<SystemTime> {
    let keys = description.keys.iter().enumerate();
    let counting = keys.filter(|(place, key)| *place == 0 || key.weakness.is_none());
    counting.filter_map(|(_, key)| key.expires).min()
}

fn expiry(end: Option<SystemTime>, now: SystemTime, min_days: u32) -> (State, String) {
    let Some(end) = end else { return (State::Good, "does not expire".into()) };
    let least = Duration::from_secs(u64::from(min_days) * 24 * 60 * 60);
    let left = end.duration_since(now).unwrap_or_default();
    let state = if left < least { State::Expiring } else { State::Good };
    (state, format!("expires {}", show_time(end)))
}

/// Says what the settings mean together.
fn meaning(settings: &Settings, keys: &[Key]) -> Vec<String> {
    let accepted = || keys.iter().filter(|key| key.server_accepts == Some(true));
    let is_good = |key: &&Key| matches!(key.state, State::Good | State::Expiring);
    let refused: Vec<String> = accepted()
        .filter(|key| !is_good(key))
        .map(|key| Safe::text(&key.name).to_string())
        .collect();
    let mut lines = meaning_of(settings, accepted().count(), accepted().filter(is_good).count());
    if !refused.is_empty() {
        lines.push(format!(
            "The server also accepts signatures by these, which the publisher's policy refuses: {}.",
            refused.join(", ")
        ));
    }
    lines
}

impl Report for Checkup {
    fn results(&self, out: &mut dyn Write) -> io::Result<()> {
        for key in &self.keys {
            let name = Safe::text(&key.name);
            let word = key.state.name();
            let detail = &key.detail;
            match (&key.certificate, key.state) {
                (Some(shown), State::Good) => {
                    let (fingerprint, user_id) = (&shown.fingerprint, &shown.user_id);
                    writeln!(
                        out,
                        "{GOOD}{word}{GOOD:#}  {name}  {fingerprint}  {user_id}  {detail}"
                    )?;
                }
                (Some(shown), _) => {
                    let (fingerprint, user_id) = (&shown.fingerprint, &shown.user_id);
                    writeln!(
                        out,
                        "{BAD}{word}{BAD:#}  {name}  {fingerprint}  {user_id}  {detail}"
                    )?;
                }
                (None, State::Repeated) => writeln!(out, "{word}  {name}: {detail}")?,
                (None, _) => writeln!(out, "{BAD}{word}{BAD:#}  {name}: {detail}")?,
            }
        }
        for setting in &self.table {
            let value = match &setting.value {
                Value::String(text) => Safe::text(text).to_string(),
                Value::Array(names) => {
                    let names = names.iter().filter_map(Value::as_str);
                    let names: Vec<String> = names.map(|n| Safe::text(n).to_string()).collect();
                    if names.is_empty() { "(none)".into() } else { names.join(", ") }
                }
                other => other.to_string(),
            };
            let default = if setting.is_default { "  (default)" } else { "" };
            writeln!(out, "{:<24} {value}{default}", setting.name)?;
        }
        Ok(())
    }

    fn remarks(&self, talk: &mut dyn Write) -> io::Result<()> {
        self.meaning.iter().try_for_each(|line| writeln!(talk, "{line}"))
    }

    fn json(&self) -> Map<String, Value> {
        let keys: Vec<Value> = self
            .keys
            .iter()
            .map(|key| {
                json!({
                    "name": key.name,
                    "state": key.state.name(),
                    "detail": key.detail,
                    "certificate": key.certificate.as_ref().map(|shown| shown.json.clone()),
                    "server_accepts": key.server_accepts,
                })
            })
            .collect();
        let settings: Map<String, Value> = self
            .table
            .iter()
            .map(|setting| {
                let value = json!({"value": setting.value, "default": setting.is_default});
                (setting.name.to_string(), value)
            })
            .collect();
        let mut map = Map::new();
        map.insert("config".into(), path_text(&self.config).into());
        map.insert("keys".into(), keys.into());
        map.insert("settings".into(), settings.into());
        map.insert("meaning".into(), self.meaning.clone().into());
        map
    }

    fn exit(&self) -> u8 {
        let is_fine = |key: &Key| matches!(key.state, State::Good | State::Repeated);
        if self.keys.iter().all(is_fine) { 0 } else { EXIT_NO }
    }
}
