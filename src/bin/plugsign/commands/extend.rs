//! `plugsign extend`

use clap::Args;
use plugsign::openpgp::certificate::description::KeyDescription;
use plugsign::openpgp::change;
use plugsign::openpgp::policy::Policy;
use plugsign::openpgp::times::show_time;
use plugsign::openpgp::validity::parse_validity;
use plugsign::openpgp::weakness::Weakness;

use super::change::{Changed, Means, Needs};
use crate::edge::world::World;
use plugsign::publisher::failure::Failure;

/// Set when a key expires: later, sooner or never
///
/// Signatures that were made are not touched. Whoever has the certificate sees the new end when
/// they have the new certificate.
#[derive(Args)]
pub struct Arguments {
    /// Which key
    #[arg(value_name = "KEY")]
    key: String,
    /// How long it is valid from now: 0, N or Nd days, Nw, Nm, Ny, or YYYY-MM-DD
    #[arg(long, value_name = "WHEN")]
    expires: String,
    /// Set the same end for its newest signing and encryption subkeys
    #[arg(long)]
    subkeys: bool,
    #[command(flatten)]
    means: Means,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Changed, Failure> {
    let end = parse_validity(&arguments.expires, world.now)?.map(|validity| world.now + validity);
    let whole = format!("plugsign extend KEY --expires {}", arguments.expires.trim());
    let alone = format!("{whole} --subkeys, which sets the key's end too");
    let opened = arguments.means.open(&arguments.key, Needs::Primary, false, world);
    let mut opened = opened.map_err(|failure| failure.or_of_subkey(&whole, &alone))?;
    let mut subkeys = Vec::new();
    let mut before = None;
    let certificate = opened.change(world, |certificate, maker, now| {
        before = Some(certificate.describe(&Policy::new(now)));
        let extended = change::extend(certificate, maker, end, arguments.subkeys, now)?;
        subkeys = extended.subkeys;
        Ok(extended.certificate)
    })?;
    let policy = Policy::new(opened.now);
    let description = certificate.describe(&policy);
    let mut changed = Changed::new(certificate, &policy)
        .subkeys(subkeys.clone())
        .older_in_ci()
        .older_off_line(&opened);
    let until = |end| match end {
        Some(end) => format!("expires on {}", show_time(end)),
        None => "does not expire".to_string(),
    };
    let nearer = |key: &KeyDescription| {
        let mut before = before.iter().flat_map(|before| &before.keys);
        let was = before.find(|was| was.fingerprint == key.fingerprint)?.expires;
        let is_nearer = key.expires.is_some_and(|end| was.is_none_or(|was| end < was));
        is_nearer.then(|| match was {
            Some(was) => format!(" That is sooner than before: it was {}.", show_time(was)),
            None => " That is sooner than before: it had no end.".to_string(),
        })
    };
    let sooner = description.keys.first().and_then(nearer).unwrap_or_default();
    changed = changed.say(format!("The key {}.{sooner}", until(end)));
    for key in description.keys.iter().skip(1) {
        let fingerprint = &key.fingerprint;
        let until = until(key.expires);
        if subkeys.contains(fingerprint) {
            let sooner = nearer(key).unwrap_or_default();
            changed = changed.say(format!("Its subkey {fingerprint} {until}.{sooner}"));
        } else if key.usage.contains(&"sign") {
            let hint = if arguments.subkeys { "" } else { "; --subkeys sets its end too" };
            changed = changed.say(format!("Its subkey {fingerprint} still {until}{hint}."));
        } else if arguments.subkeys && matches!(key.weakness, Some(Weakness::Algorithm(_))) {
            let algorithm = &key.algorithm;
            changed = changed.say(format!(
                "Its subkey {fingerprint} is left alone, for it is {algorithm} and not RSA: it still {until}."
            ));
        }
    }
    Ok(changed)
}
