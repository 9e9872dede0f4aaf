//! `plugsign revoke`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::change::Revokes;
use plugsign::openpgp::revocation_reason::RevocationReason;
use plugsign::publisher::change::{Changed, KeptRevocation, Revoked};
use plugsign::publisher::failure::Failure;
use plugsign::publisher::show::first_user_id;
use plugsign::text::Safe;

use crate::edge::change::{Means, Told};
use crate::edge::dialog;
use crate::edge::world::World;

/// Revoke a key or a subkey for good
///
/// `compromised` takes back everything that it ever signed. `superseded` and `retired` end it from
/// now on. Others see the revocation once they have the new certificate.
#[derive(Args)]
pub struct Arguments {
    /// Which key
    #[arg(value_name = "KEY")]
    key: String,
    /// Revoke only this subkey: fingerprint or key ID
    #[arg(long, value_name = "SUBKEY")]
    subkey: Option<String>,
    /// Why you revoke it
    #[arg(long, required_unless_present = "certificate")]
    reason: Option<ReasonArgument>,
    /// A public remark in the revocation
    #[arg(long, value_name = "TEXT", default_value = "")]
    message: String,
    /// Use the revocation certificate in the home, because the key or its passphrase is lost. KEY
    /// must be the whole fingerprint
    #[arg(long, conflicts_with_all = ["subkey", "message", "primary"])]
    stored: bool,
    /// Use the revocation certificate in this file, with or without gpg's colon before its first
    /// line
    #[arg(long, value_name = "FILE")]
    #[arg(conflicts_with_all = ["subkey", "message", "primary", "stored", "reason"])]
    certificate: Option<PathBuf>,
    /// Do not ask. On a terminal, revoke asks for the fingerprint of a key that has no passphrase,
    /// unless KEY is it
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    means: Means,
}

#[derive(Clone, Copy, ValueEnum)]
enum ReasonArgument {
    /// Somebody else may have the key
    Compromised,
    /// Another key replaces it
    Superseded,
    /// The key is no longer used
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

pub fn run(arguments: Arguments, world: &World) -> Result<Changed<Revoked>, Failure> {
    let Arguments { key, subkey, message, means, .. } = &arguments;
    let reason = arguments.reason.map_or(RevocationReason::Unspecified, RevocationReason::from);
    let kept = match &arguments.certificate {
        Some(path) => Some((KeptRevocation::File(path), " --certificate FILE")),
        None => arguments.stored.then_some((KeptRevocation::Stored(reason), " --stored")),
    };
    let asking = means.asking(world);
    let tokens = means.tokens()?;
    let publisher = world.publisher_with(&asking, &tokens);
    let revoked = match &kept {
        Some((kept, _)) => publisher.revoke_with(key, kept),
        None => {
            publisher.revoke(&means.of(key), subkey.as_deref(), reason, message, |certificate| {
                if arguments.yes { Ok(()) } else { ask(certificate) }
            })
        }
    };
    let how = kept.map_or("", |(_, how)| how);
    let whole = format!("plugsign revoke KEY{how} --reason {reason}");
    let alone = format!("plugsign revoke KEY --subkey SUBKEY --reason {reason}");
    revoked.map_err(|failure| failure.or_of_subkey(&whole, &alone))
}

/// Asks a person, if there is one: a script says no more than it always did.
fn ask(certificate: &Certificate) -> Result<(), Failure> {
    let Some(mut person) = dialog::person() else { return Ok(()) };
    let (key, user_id) = (certificate.fingerprint(), first_user_id(certificate));
    person.say(&format!("The key of {user_id} will be revoked, for good:\n  {key}\n"));
    match dialog::types(&mut person, "To revoke it, type its fingerprint: ", &key.to_string()) {
        true => Ok(()),
        false => Err(Failure::Cancelled),
    }
}

impl Told for Revoked {
    fn told(changed: &Changed<Revoked>) -> Vec<String> {
        let key = changed.certificate.fingerprint();
        match &changed.how {
            Revoked::ByKey(subkey, reason) => {
                let what = match subkey {
                    Some(subkey) => format!("The subkey {subkey}"),
                    None => format!("The key {key}"),
                };
                let effect = match reason.is_hard() {
                    true => "Whoever has the new certificate accepts nothing that it ever signed.",
                    false => {
                        "gpg and Sequoia still accept its earlier signatures. plugsign and the Mattermost server accept none."
                    }
                };
                vec![format!("{what} is revoked ({reason})."), effect.into()]
            }
            Revoked::ByCertificate(what) => {
                let certificate = &changed.certificate;
                let (what, why) = match what {
                    Revokes::Key => (format!("key {key}"), certificate.revoked()),
                    Revokes::Subkey(subkey) => {
                        (format!("subkey {subkey}"), certificate.revoked_subkey(subkey))
                    }
                    Revokes::UserId(id) => {
                        (format!("user ID \"{}\" of {key}", Safe::bytes(id)), None)
                    }
                };
                let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
                vec![match changed.changed {
                    true => format!("The {what} is revoked{why}."),
                    false => format!("This certificate had already revoked the {what}."),
                }]
            }
        }
    }
}
