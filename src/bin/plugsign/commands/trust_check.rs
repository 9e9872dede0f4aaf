//! `plugsign trust check --config CONFIG.JSON`: would this server accept what it should?

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use plugsign::disk::server_config::{KeyBytes, ListedKey, ServerConfig};
use plugsign::mattermost::config::{Config, DEFAULT_MARKETPLACE, Settings};
use plugsign::mattermost::public_key::read_public_key;
use plugsign::openpgp::certificate::show_time;
use plugsign::safe::Safe;
use serde_json::{Map, Value, json};

use super::trust_server::check_environment;
use crate::failure::{EXIT_NO, Failure, one_line};
use crate::report::{Report, certificate_json, first_user_id, path_text};
use crate::terminal::{BAD, GOOD};
use crate::world::World;

pub fn run(config: &Path, min_days: u32, world: &World) -> Result<Checkup, Failure> {
    check_environment(world)?;
    let server = ServerConfig::open(config)?;
    let keys: Vec<Key> = server.keys().map(|key| judge(key, min_days, world)).collect();
    let usable = keys.iter().filter(|key| key.certificate.is_some()).count();
    let settings = server.config().settings();
    Ok(Checkup {
        config: config.to_owned(),
        table: table(server.config(), &settings),
        meaning: meaning(&settings, usable),
        keys,
    })
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
        }
    }
}

struct Setting {
    name: &'static str,
    value: Value,
    is_default: bool,
}

fn judge(key: ListedKey, min_days: u32, world: &World) -> Key {
    let bad = |state, detail| Key { name: key.name.clone(), state, detail, certificate: None };
    let bytes = match &key.file {
        Ok(KeyBytes::New(bytes)) => bytes,
        Ok(KeyBytes::Repeated) => {
            return bad(State::Repeated, "an entry before leads to the same file".into());
        }
        Err(error) => {
            let state = if key.path.exists() { State::Unreadable } else { State::Missing };
            return bad(state, one_line(error));
        }
    };
    if !key.is_readable {
        let words = "the server may not read it: give it the owner, group and mode of config.json";
        return bad(State::Unreadable, words.into());
    }
    let certificate = match read_public_key(bytes, &world.policy()) {
        Ok(certificate) => certificate,
        Err(unfit) => return bad(State::Unfit, unfit.to_string()),
    };
    let description = certificate.describe(&world.policy());
    let end = description
        .keys
        .iter()
        .enumerate()
        .filter(|(place, key)| *place == 0 || key.weakness.is_none())
        .filter_map(|(_, key)| key.expires)
        .min();
    let (state, detail) = expiry(end, world.now, min_days);
    Key {
        name: key.name.clone(),
        state,
        detail,
        certificate: Some(Shown {
            fingerprint: certificate.fingerprint().to_string(),
            user_id: first_user_id(&certificate),
            json: certificate_json(&certificate, &description),
        }),
    }
}

fn expiry(end: Option<SystemTime>, now: SystemTime, min_days: u32) -> (State, String) {
    let Some(end) = end else { return (State::Good, "does not expire".into()) };
    let least = Duration::from_secs(u64::from(min_days) * 24 * 60 * 60);
    let left = end.duration_since(now).unwrap_or_default();
    let state = if left < least { State::Expiring } else { State::Good };
    (state, format!("expires {}", show_time(end)))
}

fn table(config: &Config, settings: &Settings) -> Vec<Setting> {
    let row = |name, value| Setting { name, value, is_default: config.is_default(name) };
    vec![
        row("RequirePluginSignature", settings.require_signature.into()),
        row("EnableUploads", settings.enable_uploads.into()),
        row("MarketplaceURL", settings.marketplace_url.clone().into()),
        row("EnableRemoteMarketplace", settings.enable_remote_marketplace.into()),
        row("SignaturePublicKeyFiles", config.key_files().into()),
    ]
}

/// Says what the settings mean together.
fn meaning(settings: &Settings, usable: usize) -> Vec<String> {
    let mut lines: Vec<&str> = Vec::new();
    if !settings.enable {
        lines.push("Plugins are switched off (Enable is false): none of this counts.");
    }
    match (settings.require_signature, settings.enable_uploads) {
        (true, true) => lines.push(
            "Signatures are required, so uploads, install-url and mmctl plugin add are refused \
             (501) although EnableUploads is true.",
        ),
        (true, false) => lines.push(
            "Signatures are required, and uploads, install-url and mmctl plugin add are refused.",
        ),
        (false, true) => lines.push(
            "Signatures are not required: administrators can upload plugins that nobody signed.",
        ),
        (false, false) => lines.push(
            "Signatures are not required in the file store; uploads are refused (EnableUploads).",
        ),
    }
    lines.push(
        "From the marketplace, and as prepackaged plugins since 10.11, only signed ones install.",
    );
    let is_custom = settings.marketplace_url != DEFAULT_MARKETPLACE;
    if !settings.enable_marketplace {
        lines.push("The marketplace is switched off (EnableMarketplace is false).");
    } else if !settings.enable_remote_marketplace {
        lines.push(
            "MarketplaceURL is not asked (EnableRemoteMarketplace is false): only prepackaged \
             and installed plugins are shown.",
        );
    } else if is_custom && usable == 0 {
        lines.push(
            "The marketplace is your own, and no key but Mattermost's is trusted: what you sign \
             does not install.",
        );
    } else if is_custom {
        lines.push("The marketplace is your own.");
    }
    lines.push(match usable {
        0 => "Only Mattermost's own signatures are accepted.",
        _ => "Signatures by Mattermost and by the usable keys above are accepted.",
    });
    if !settings.automatic_prepackaged {
        lines.push("Prepackaged plugins are not installed (AutomaticPrepackagedPlugins is false).");
    }
    lines.push("Variables MM_PLUGINSETTINGS_... of the server's environment override the file.");
    lines.into_iter().map(str::to_string).collect()
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
