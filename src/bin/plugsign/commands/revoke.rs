//! `plugsign revoke`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use plugsign::openpgp::revocation_reason::RevocationReason;
use plugsign::publisher::change::{Changed, KeptRevocation, Revoked};
use plugsign::publisher::failure::Failure;

use crate::edge::change::{Means, Told};
use crate::edge::world::World;

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

pub fn run(arguments: Arguments, world: &World) -> Result<Changed<Revoked>, Failure> {
    let Arguments { key, subkey, message, means, .. } = &arguments;
    let reason = arguments.reason.map_or(RevocationReason::Unspecified, RevocationReason::from);
    let kept = match &arguments.certificate {
        Some(path) => Some((KeptRevocation::File(path), " --certificate FILE")),
        None => arguments.stored.then_some((KeptRevocation::Stored(reason), " --stored")),
    };
    let asking = means.asking(world);
    let publisher = world.publisher(&asking);
    let revoked = match &kept {
        Some((kept, _)) => publisher.revoke_with(key, kept),
        None => publisher.revoke(&means.of(key), subkey.as_deref(), reason, message),
    };
    let how = kept.map_or("", |(_, how)| how);
    let whole = format!("plugsign revoke KEY{how} --reason {reason}");
    let alone = format!("plugsign revoke KEY --subkey SUBKEY --reason {reason}");
    revoked.map_err(|failure| failure.or_of_subkey(&whole, &alone))
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
                    true => {
                        "Nothing that it ever signed is good any more, where the new certificate is known."
                    }
                    false => {
                        "gpg and Sequoia still take what it signed before; plugsign and the Mattermost server take nothing of it."
                    }
                };
                vec![format!("{what} is revoked ({reason})."), effect.into()]
            }
            Revoked::ByCertificate(_) if !changed.changed => {
                vec![format!("The key {key} was revoked by it already.")]
            }
            Revoked::ByCertificate(why) => vec![format!("The key {key} is revoked ({why}).")],
        }
    }
}
