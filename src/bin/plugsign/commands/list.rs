//! `plugsign list`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use plugsign::disk::Error;
use plugsign::disk::shelf::HomeKey;
use plugsign::mattermost::server::Refusal;
use plugsign::mattermost::server_copy::ServerCopy;
use plugsign::openpgp;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::certificate::description::Description;
use plugsign::openpgp::ids::Fingerprint;
use plugsign::openpgp::policy::Policy;
use plugsign::openpgp::query::KeyQuery;
use plugsign::openpgp::secret_key::{Protection, SecretKey};
use plugsign::openpgp::stub::Place;
use plugsign::openpgp::times::show_time;
use plugsign::text::Safe;
use serde_json::{Map, Value, json};

use crate::edge::report::Report;
use crate::edge::world::World;
use plugsign::publisher::failure::{EXIT_COULD_NOT, Failure, files_json, one_line};
use plugsign::publisher::keys::{Found, Origin};
use plugsign::publisher::show::{certificate_json, expiry_notice, problem, status};

/// List the keys of the home
///
/// Exits with 3 if a file of the home could not be read; the others are listed all the same.
#[derive(Args)]
pub struct Arguments {
    /// Only keys whose secret part is here
    #[arg(long)]
    secret: bool,
    /// Only these keys
    #[arg(value_name = "KEY")]
    keys: Vec<String>,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Listing, Failure> {
    let policy = world.policy();
    let mut shelf = world.home()?.keys()?;
    if arguments.secret {
        shelf.items.retain(|key| key.secret.is_some());
    }
    let mut chosen = Vec::new();
    for key in &arguments.keys {
        let query = KeyQuery::parse(key)?;
        let found = shelf.find(&query)?.certificate.fingerprint();
        if !chosen.contains(&found) {
            chosen.push(found);
        }
    }
    if !arguments.keys.is_empty() {
        shelf.items.retain(|key| chosen.contains(&key.certificate.fingerprint()));
    }
    let keys = shelf.items.iter().map(|key| Listed::new(key, &policy)).collect();
    Ok(Listing { keys, unreadable: shelf.unreadable })
}

/// The keys of the home.
pub struct Listing {
    keys: Vec<Listed>,
    unreadable: Vec<(PathBuf, Error)>,
}

struct Listed {
    certificate: Certificate,
    description: Description,
    protection: Option<Protection>,
    /// Whether the secret key has the primary key's part, without which nothing can change.
    has_primary: bool,
    cannot_sign: Option<String>,
    /// That it expires soon, if it does.
    notice: Option<String>,
    /// The keys whose secret parts are not here, and where they are.
    elsewhere: Vec<(Fingerprint, Place)>,
    /// The subkeys that the server cannot read and need not have.
    left_out: Vec<Fingerprint>,
}

fn unreadable(refusal: &Refusal) -> String {
    format!("the server cannot read its certificate: {refusal}: {}", refusal.advice)
}

/// Returns the keys whose secret parts are not here: the file says so, or has nothing of them.
fn missing(secret: &SecretKey, certificate: &Certificate) -> Vec<(Fingerprint, Place)> {
    let here = secret.secret_fingerprints();
    let named = secret.elsewhere();
    let missing = certificate.fingerprints().into_iter().filter(|it| !here.contains(it));
    missing
        .map(|key| match named.iter().find(|(other, _)| *other == key) {
            Some((_, place)) => (key, place.clone()),
            None => (key, Place::Unknown),
        })
        .collect()
}

impl Listed {
    fn new(key: &HomeKey, policy: &Policy) -> Listed {
        let mut left_out = Vec::new();
        let description = key.certificate.describe(policy);
        let found = key.secret.as_ref().map(|secret| -> openpgp::Result<Found> {
            let secret = secret.merge(&key.certificate)?;
            Ok(Found { secret, exactly: None, origin: Origin::Home })
        });
        let mut end = description.signs_until();
        let cannot_sign = match &found {
            None => Some("its secret key is not here".to_string()),
            Some(Err(error)) => Some(one_line(error)),
            Some(Ok(found)) => match found.secret.check_can_sign(None, policy) {
                Ok(signer) => {
                    end = description.key_signs_until(&signer);
                    match ServerCopy::of(&key.certificate) {
                        Ok(copy) => {
                            left_out = copy.left_out;
                            None
                        }
                        Err(refusal) => Some(unreadable(&refusal)),
                    }
                }
                Err(openpgp::Error::Refused { weakness, .. }) => Some(weakness.to_string()),
                Err(error) => Some(one_line(&error)),
            },
        };
        let mend = || match &found {
            Some(Ok(found)) => found.renewal(None, None).words(policy),
            _ => "import its newer certificate when there is one".into(),
        };
        Listed {
            certificate: key.certificate.clone(),
            notice: expiry_notice(end, policy, mend),
            description,
            protection: key.secret.as_ref().map(SecretKey::protection),
            has_primary: key.secret.as_ref().is_some_and(SecretKey::has_primary),
            cannot_sign,
            elsewhere: key
                .secret
                .as_ref()
                .map(|it| missing(it, &key.certificate))
                .unwrap_or_default(),
            left_out,
        }
    }

    fn secret(&self) -> &'static str {
        match (self.protection, self.has_primary) {
            (Some(Protection::Passphrase), true) => "secret key, protected",
            (Some(Protection::None), true) => "secret key, NOT protected",
            (Some(Protection::Passphrase), false) => "secret subkeys alone, protected",
            (Some(Protection::None), false) => "secret subkeys alone, NOT protected",
            (None, _) => "certificate",
        }
    }

    /// Says of each subkey whether its secret part is here.
    fn mark_secrets(&self, map: &mut Map<String, Value>) {
        let subkeys = map.get_mut("subkeys").and_then(Value::as_array_mut).into_iter().flatten();
        for subkey in subkeys {
            let is_missing =
                self.elsewhere.iter().any(|(key, _)| subkey["fingerprint"] == key.to_string());
            subkey["secret"] = (self.protection.is_some() && !is_missing).into();
        }
    }

    fn show(&self, out: &mut dyn Write) -> io::Result<()> {
        let Some((primary, subkeys)) = self.description.keys.split_first() else { return Ok(()) };
        writeln!(out, "{}", self.certificate.fingerprint())?;
        let revoked = self.certificate.revoked_user_ids();
        for user_id in &self.description.user_ids {
            let mark = if revoked.contains(user_id) { "  (revoked)" } else { "" };
            writeln!(out, "  {}{mark}", Safe::bytes(user_id))?;
        }
        let dates = |key: &plugsign::openpgp::certificate::description::KeyDescription| {
            let expires = key
                .expires
                .map_or("never expires".into(), |end| format!("expires {}", show_time(end)));
            format!(
                "{}, {}, made {}, {expires}",
                key.algorithm,
                key.usage.join("+"),
                show_time(key.created)
            )
        };
        writeln!(out, "  {}: {}", self.secret(), dates(primary))?;
        for subkey in subkeys {
            let weakness = problem(subkey).map_or(String::new(), |it| format!(", {it}"));
            writeln!(out, "  subkey {}: {}{weakness}", subkey.fingerprint, dates(subkey))?;
        }
        match (&self.cannot_sign, self.description.weakness()) {
            (None, _) => writeln!(out, "  valid, can sign now")?,
            (_, Some(weakness)) => {
                writeln!(out, "  {}: {weakness}", status(&self.description))?;
            }
            (Some(why), None) => writeln!(out, "  valid, cannot sign here: {why}")?,
        }
        for (fingerprint, place) in &self.elsewhere {
            let subkey = if *fingerprint == primary.fingerprint { "" } else { "subkey " };
            writeln!(out, "  the secret part of {subkey}{fingerprint} is {place}")?;
        }
        if let Some(notice) = &self.notice {
            writeln!(out, "  warning: {notice}")?;
        }
        if !self.left_out.is_empty() {
            let fingerprint = self.certificate.fingerprint();
            writeln!(out, "  for a Mattermost server: plugsign export --for-server {fingerprint}")?;
        }
        Ok(())
    }
}

impl Report for Listing {
    fn results(&self, out: &mut dyn Write) -> io::Result<()> {
        for (place, key) in self.keys.iter().enumerate() {
            if place > 0 {
                writeln!(out)?;
            }
            key.show(out)?;
        }
        Ok(())
    }

    fn remarks(&self, talk: &mut dyn Write) -> io::Result<()> {
        if self.keys.is_empty() && self.unreadable.is_empty() {
            writeln!(talk, "no keys yet: make one with plugsign keygen, or plugsign import FILE")?;
        }
        Ok(())
    }

    fn problems(&self, talk: &mut dyn Write) -> io::Result<()> {
        for (path, error) in &self.unreadable {
            writeln!(talk, "cannot read {}: {}", Safe::path(path), one_line(error))?;
        }
        Ok(())
    }

    fn json(&self) -> Map<String, Value> {
        let keys: Vec<Value> = self
            .keys
            .iter()
            .map(|key| {
                let mut map = certificate_json(&key.certificate, &key.description);
                key.mark_secrets(&mut map);
                let revoked = key.certificate.revoked_user_ids();
                let revoked = revoked.iter().map(|id| String::from_utf8_lossy(id).into_owned());
                map.insert("revoked_user_ids".into(), revoked.collect::<Vec<_>>().into());
                map.insert("secret".into(), key.protection.is_some().into());
                let protected = key.protection.map(|how| how == Protection::Passphrase);
                map.insert("protected".into(), protected.into());
                map.insert("primary_secret".into(), key.has_primary.into());
                map.insert("can_sign".into(), key.cannot_sign.is_none().into());
                map.insert("cannot_sign_because".into(), key.cannot_sign.clone().into());
                map.insert("expires_soon".into(), key.notice.is_some().into());
                let elsewhere = key.elsewhere.iter().map(
                    |(key, place)| json!({"key": key.to_string(), "place": place.to_string()}),
                );
                map.insert("elsewhere".into(), elsewhere.collect());
                let left_out: Vec<String> = key.left_out.iter().map(ToString::to_string).collect();
                map.insert("left_out_for_server".into(), left_out.into());
                Value::Object(map)
            })
            .collect();
        let mut map = Map::new();
        map.insert("keys".into(), keys.into());
        map.insert("unreadable".into(), files_json(&self.unreadable));
        map
    }

    fn exit(&self) -> u8 {
        if self.unreadable.is_empty() { 0 } else { EXIT_COULD_NOT }
    }
}
