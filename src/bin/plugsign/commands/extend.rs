//! `plugsign extend`

use clap::Args;
use plugsign::openpgp::certificate::description::KeyDescription;
use plugsign::openpgp::change::Ends;
use plugsign::openpgp::times::show_time;
use plugsign::openpgp::validity::parse_validity;
use plugsign::openpgp::weakness::Weakness;
use plugsign::publisher::change::{Changed, NewEnd};
use plugsign::publisher::failure::Failure;

use crate::edge::change::{Means, Told};
use crate::edge::world::World;

/// Set when a key expires: later, sooner or never
///
/// Existing signatures do not change. Users see the new end once they have the new certificate.
#[derive(Args)]
pub struct Arguments {
    /// Which key
    #[arg(value_name = "KEY")]
    key: String,
    /// How long the key is valid from now: 0 for ever, N or Nd days, Nw, Nm, Ny, or until
    /// YYYY-MM-DD
    #[arg(long, value_name = "WHEN")]
    expires: String,
    /// Also set this end for the newest signing and encryption subkeys
    #[arg(long)]
    subkeys: bool,
    #[command(flatten)]
    means: Means,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Changed<NewEnd>, Failure> {
    let end = parse_validity(&arguments.expires, world.now)?.map(|validity| world.now + validity);
    let whole = format!("plugsign extend KEY --expires {}", arguments.expires.trim());
    // It also sets the key's own end, which cannot be before that of a subkey.
    let alone = format!("{whole} --subkeys");
    let asking = arguments.means.asking(world);
    let subject = arguments.means.of(&arguments.key);
    let ends = if arguments.subkeys { Ends::KeyAndSubkeys } else { Ends::Key };
    let tokens = arguments.means.tokens()?;
    let extended = world.publisher_with(&asking, &tokens).extend(&subject, end, ends);
    extended.map_err(|failure| failure.or_of_subkey(&whole, &alone))
}

impl Told for NewEnd {
    fn told(changed: &Changed<NewEnd>) -> Vec<String> {
        let NewEnd { before, after, with_subkeys } = &changed.how;
        // Words on the end of a key, if that is sooner than it was.
        let sooner = |key: &KeyDescription| {
            let mut before = before.keys.iter();
            let was = before.find(|was| was.fingerprint == key.fingerprint)?.expires;
            let is_sooner = key.expires.is_some_and(|end| was.is_none_or(|was| end < was));
            is_sooner.then(|| match was {
                Some(was) => format!(" That is sooner than before: it was {}.", show_time(was)),
                None => " That is sooner than before: it had no end.".to_string(),
            })
        };
        let mut lines = Vec::new();
        for (place, key) in after.keys.iter().enumerate() {
            let fingerprint = &key.fingerprint;
            let until = match key.expires {
                Some(end) => format!("expires on {}", show_time(end)),
                None => "does not expire".to_string(),
            };
            if place == 0 {
                lines.push(format!("The key {until}.{}", sooner(key).unwrap_or_default()));
            } else if changed.subkeys.contains(fingerprint) {
                let sooner = sooner(key).unwrap_or_default();
                lines.push(format!("Its subkey {fingerprint} {until}.{sooner}"));
            } else if key.usage.contains(&"sign") {
                let hint = if *with_subkeys { "" } else { "; --subkeys also sets its end" };
                lines.push(format!("Its subkey {fingerprint} still {until}{hint}."));
            } else if *with_subkeys && matches!(key.weakness, Some(Weakness::Algorithm(_))) {
                let algorithm = &key.algorithm;
                lines.push(format!(
                    "Its subkey {fingerprint} still {until}: plugsign changes no {algorithm} subkeys."
                ));
            }
        }
        lines
    }
}
