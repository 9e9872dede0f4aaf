//! `plugsign revoke`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use plugsign::disk::Error;
use plugsign::disk::file::read_small;
use plugsign::disk::home::Home;
use plugsign::openpgp;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::change::{self, Revocation, revoke_by};
use plugsign::openpgp::ids::Fingerprint;
use plugsign::openpgp::key_file::{Key, MAX_KEY_FILE, read_keys, unguarded};
use plugsign::openpgp::policy::Policy;
use plugsign::openpgp::query::KeyQuery;
use plugsign::openpgp::revocation_reason::RevocationReason;
use zeroize::Zeroizing;

use super::change::{Changed, Means, Needs};
use crate::edge::world::World;
use plugsign::publisher::change::of_home;
use plugsign::publisher::failure::Failure;

/// End a key or a subkey, for good
///
/// `compromised` takes back everything that it ever signed; `superseded` and `retired` end it
/// from now on. It takes effect where the new certificate arrives.
#[derive(Args)]
pub struct Arguments {
    /// Which key
    #[arg(value_name = "KEY")]
    key: String,
    /// Only this subkey of it: fingerprint or key ID
    #[arg(long, value_name = "SUBKEY")]
    subkey: Option<String>,
    /// Why
    #[arg(long, required_unless_present = "certificate")]
    reason: Option<ReasonArgument>,
    /// What to say about it, in public
    #[arg(long, value_name = "TEXT", default_value = "")]
    message: String,
    /// Use the revocation certificate that the home keeps: the key is lost, or its passphrase. KEY
    /// is the whole fingerprint then
    #[arg(long, conflicts_with_all = ["subkey", "message", "primary"])]
    stored: bool,
    /// Use the revocation certificate in this file, with its guarding colon or without
    #[arg(long, value_name = "FILE")]
    #[arg(conflicts_with_all = ["subkey", "message", "primary", "stored", "reason"])]
    certificate: Option<PathBuf>,
    #[command(flatten)]
    means: Means,
}

#[derive(Clone, Copy, ValueEnum)]
enum ReasonArgument {
    /// Somebody else may have it
    Compromised,
    /// Another key is in its place
    Superseded,
    /// It is used no more
    Retired,
}

impl From<ReasonArgument> for RevocationReason {
    fn from(reason: ReasonArgument) -> RevocationReason {
        match reason {
            ReasonArgument::Compromised => RevocationReason::Compromised,
            ReasonArgument::Superseded => RevocationReason::Superseded,
            ReasonArgument::Retired => RevocationReason::Retired,
        }
    }
}

pub fn run(arguments: Arguments, world: &World) -> Result<Changed, Failure> {
    let reason = arguments.reason.map_or(RevocationReason::Unspecified, RevocationReason::from);
    let alone = format!("plugsign revoke KEY --subkey SUBKEY --reason {reason}");
    if arguments.stored || arguments.certificate.is_some() {
        let how = if arguments.stored { "--stored" } else { "--certificate FILE" };
        let whole = format!("plugsign revoke KEY {how} --reason {reason}");
        return by_certificate(&arguments, reason, world)
            .map_err(|failure| failure.or_of_subkey(&whole, &alone));
    }
    let whole = format!("plugsign revoke KEY --reason {reason}");
    let opened = arguments.means.open(&arguments.key, Needs::Primary, true, world);
    let mut opened = opened.map_err(|failure| failure.or_of_subkey(&whole, &alone))?;
    let subkey = match &arguments.subkey {
        None => None,
        Some(subkey) => {
            let certificate = of_home(world.home()?, &opened.fingerprint)?.certificate;
            Some(find_subkey(subkey, &certificate)?)
        }
    };
    let message = arguments.message.as_str();
    let certificate = opened.change(world, |certificate, maker, now| match &subkey {
        Some(subkey) => {
            change::revoke_subkey(certificate, maker.primary, subkey, reason, message, now)
        }
        None => change::revoke_key(certificate, maker.primary, reason, message, now),
    })?;
    let what = match &subkey {
        Some(subkey) => format!("The subkey {subkey}"),
        None => format!("The key {}", opened.fingerprint),
    };
    let changed = Changed::new(certificate, &Policy::new(opened.now))
        .subkeys(subkey.into_iter().collect())
        .say(format!("{what} is revoked ({reason})."));
    Ok(changed.say(effect(reason)))
}

fn effect(reason: RevocationReason) -> &'static str {
    match reason.is_hard() {
        true => "Nothing that it ever signed is good any more, where the new certificate is known.",
        false => {
            "gpg and Sequoia still take what it signed before; plugsign and the Mattermost server take nothing of it."
        }
    }
}

/// Revokes a key with what was made for the day when it is lost.
fn by_certificate(
    arguments: &Arguments,
    reason: RevocationReason,
    world: &World,
) -> Result<Changed, Failure> {
    let home = world.home()?;
    let query = KeyQuery::parse(&arguments.key)?;
    let shelf = home.keys()?;
    let certificate = &shelf.find_whole(&query)?.certificate;
    let fingerprint = certificate.fingerprint();
    // Nothing is asked for that could hold up a mistake.
    if arguments.stored && !query.is_fingerprint_of(certificate) {
        return Err(Failure::Usage(format!(
            "--stored ends a key without its passphrase: name it by its whole fingerprint, which is {fingerprint}"
        )));
    }
    let bytes = match &arguments.certificate {
        Some(path) => read_small(path, "a revocation certificate", MAX_KEY_FILE)?,
        None => stored(home, &fingerprint, reason)?,
    };
    let revocation = one_revocation(&bytes)?;
    let lock = world.lock()?;
    let key = of_home(home, &fingerprint)?;
    let policy = world.policy();
    let revoked = revoke_by(&key.certificate, &revocation)?;
    if revoked.same_as(&key.certificate) {
        let said = format!("The key {fingerprint} was revoked by it already.");
        return Ok(Changed::new(revoked, &policy).unchanged().say(said));
    }
    home.put_certificate(&lock, &revoked)?;
    let why = revoked.revoked().unwrap_or_default();
    Ok(Changed::new(revoked, &policy).say(format!("The key {fingerprint} is revoked ({why}).")))
}

/// Reads the revocation certificate that the home keeps for a reason. One that gives no reason
/// stands for one that says "compromised", which counts alike, and for no milder one.
fn stored(
    home: &Home,
    fingerprint: &Fingerprint,
    reason: RevocationReason,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    if let Some(stored) = home.revocation(fingerprint, reason)? {
        return Ok(stored);
    }
    let mut there = Vec::new();
    for other in [RevocationReason::Unspecified].into_iter().chain(RevocationReason::USUAL) {
        match home.revocation(fingerprint, other)? {
            Some(stored) if other == RevocationReason::Unspecified && reason.is_hard() => {
                return Ok(stored);
            }
            Some(_) => there.push(other),
            None => {}
        }
    }
    Err(Error::NoRevocation { key: fingerprint.clone(), reason, there })
}

fn one_revocation(bytes: &[u8]) -> Result<Revocation, Failure> {
    let mut last = openpgp::Error::NoKey("it has no revocation certificate".into());
    for key in read_keys(&unguarded(bytes))? {
        match key {
            Ok(Key::Revocation(revocation)) => return Ok(revocation),
            Ok(_) => {}
            Err(error) => last = error,
        }
    }
    Err(last.into())
}

fn find_subkey(text: &str, certificate: &Certificate) -> Result<Fingerprint, Failure> {
    let exact = format!("{}!", text.trim().trim_end_matches('!'));
    let query = KeyQuery::parse(&exact)?;
    match query.exactly(certificate) {
        Some(found) if found != certificate.fingerprint() => Ok(found),
        Some(_) => Err(Failure::Usage(
            "that is the primary key: without --subkey the whole key is revoked".into(),
        )),
        None => Err(openpgp::Error::UnknownKey(text.to_string()).into()),
    }
}
