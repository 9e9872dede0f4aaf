//! `plugsign rotate`

use clap::Args;
use plugsign::openpgp::certificate::description::Description;
use plugsign::openpgp::change::{self, SubkeyPlan};
use plugsign::openpgp::keygen::parse_bits;
use plugsign::openpgp::policy::{KeySizeBits, Policy};
use plugsign::openpgp::times::show_time;
use plugsign::openpgp::validity::parse_validity;

use super::change::{Changed, Means, Needs};
use crate::edge::world::World;
use plugsign::publisher::failure::Failure;

/// Make a new signing subkey; the old ones stay for what they signed
///
/// From now on the new one signs. Publish the certificate before the first release that it
/// signs: who has the old certificate does not know it. Prints its fingerprint.
#[derive(Args)]
pub struct Arguments {
    /// Which key
    #[arg(value_name = "KEY")]
    key: String,
    /// How long the new subkey is valid: 0, N or Nd days, Nw, Nm, Ny, or YYYY-MM-DD
    #[arg(long, value_name = "WHEN", default_value = "1y")]
    expires: String,
    /// Its size in bits, 3072 or 4096, instead of the primary key's
    #[arg(long, value_name = "BITS")]
    bits: Option<String>,
    #[command(flatten)]
    means: Means,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Changed, Failure> {
    let bits = arguments.bits.as_deref().map(parse_bits).transpose()?;
    let validity = parse_validity(&arguments.expires, world.now)?;
    let mut opened = arguments.means.open(&arguments.key, Needs::Subkeys, false, world)?;
    let rotated = opened.in_home(world, |home, lock, key, maker, created| {
        let old = key.certificate.describe(&Policy::new(created));
        let plan = SubkeyPlan { bits: bits.unwrap_or_else(|| size_of(&old)), created, validity };
        let rotated = change::rotate(&key.certificate, maker, &plan)?;
        home.put_secret(lock, &rotated.secret)?;
        Ok((rotated, old))
    })?;
    let (rotated, old) = rotated;
    let policy = Policy::new(opened.now);
    let certificate = rotated.secret.certificate();
    let end = validity.map(|validity| opened.now + validity);
    let mut changed = Changed::new(certificate.clone(), &policy)
        .made(rotated.subkey.clone())
        .older_in_ci()
        .older_off_line(&opened)
        .say(format!("The new signing subkey {} signs from now on.", rotated.subkey));
    let primary_end = old.keys.first().and_then(|primary| primary.expires);
    if let Some(primary_end) = primary_end
        && end.is_none_or(|end| end > primary_end)
    {
        let when = show_time(primary_end);
        changed = changed.say(format!("The key as a whole expires before it, on {when}."));
    }
    for key in old.keys.iter().filter(|key| key.weakness.is_none()) {
        let fingerprint = &key.fingerprint;
        let until =
            key.expires.map_or("for ever".into(), |end| format!("until {}", show_time(end)));
        changed = changed.say(format!(
            "Overlap: {fingerprint} could sign before and stays valid {until}, and so long what it signed is good."
        ));
        if *fingerprint != certificate.fingerprint() {
            changed = changed.say(format!(
                "When its signatures are no more needed: plugsign revoke {} --subkey {fingerprint} --reason superseded",
                certificate.fingerprint()
            ));
        }
    }
    Ok(changed)
}

fn size_of(description: &Description) -> KeySizeBits {
    match description.keys.first() {
        Some(primary) if primary.algorithm == "RSA-4096" => KeySizeBits::Rsa4096,
        _ => KeySizeBits::Rsa3072,
    }
}
