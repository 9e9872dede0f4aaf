//! `plugsign rotate`

use clap::Args;
use plugsign::openpgp::keygen::parse_bits;
use plugsign::openpgp::times::show_time;
use plugsign::openpgp::validity::parse_validity;
use plugsign::publisher::change::{Changed, NewSubkey};
use plugsign::publisher::failure::Failure;

use crate::edge::change::{Means, Told};
use crate::edge::world::World;

/// Make a new signing subkey; old signatures stay good
///
/// The new subkey signs from now on. Publish the certificate before the first release that it
/// signs, because the old certificate does not contain it. Prints the subkey's fingerprint.
#[derive(Args)]
pub struct Arguments {
    /// Which key
    #[arg(value_name = "KEY")]
    key: String,
    /// How long the new subkey is valid: 0 for ever, N or Nd days, Nw, Nm, Ny, or until YYYY-MM-DD
    #[arg(long, value_name = "WHEN", default_value = "1y")]
    expires: String,
    /// Its size in bits: 3072 or 4096. Without it, that of the primary key
    #[arg(long, value_name = "BITS")]
    bits: Option<String>,
    /// Have this token make the subkey, which never leaves it: 'pkcs11:token=NAME;object=NAME'
    #[arg(long, value_name = "URI")]
    on: Option<String>,
    #[command(flatten)]
    means: Means,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Changed<NewSubkey>, Failure> {
    let bits = arguments.bits.as_deref().map(parse_bits).transpose()?;
    let validity = parse_validity(&arguments.expires, world.now)?;
    let asking = arguments.means.asking(world);
    let subject = arguments.means.of(&arguments.key);
    let tokens = arguments.means.tokens()?;
    let publisher = world.publisher_with(&asking, &tokens);
    match &arguments.on {
        Some(uri) => publisher.rotate_to_token(&subject, bits, validity, uri),
        None => publisher.rotate(&subject, bits, validity),
    }
}

impl Told for NewSubkey {
    fn told(changed: &Changed<NewSubkey>) -> Vec<String> {
        let NewSubkey { subkey, end, before } = &changed.how;
        let key = changed.certificate.fingerprint();
        let until = end.map_or("for ever".into(), |end| format!("until {}", show_time(end)));
        let mut lines =
            vec![format!("The new signing subkey {subkey} signs from now on, {until}.")];
        let primary_end = before.keys.first().and_then(|primary| primary.expires);
        if let Some(primary_end) = primary_end
            && end.is_none_or(|end| end > primary_end)
        {
            let when = show_time(primary_end);
            lines.push(format!("The key as a whole expires before its subkey, on {when}."));
        }
        for old in before.keys.iter().filter(|old| old.weakness.is_none()) {
            let fingerprint = &old.fingerprint;
            let until =
                old.expires.map_or("for ever".into(), |end| format!("until {}", show_time(end)));
            lines.push(format!(
                "Overlap: {fingerprint} signed until now. It stays valid {until}, and so do its signatures."
            ));
            if *fingerprint != key {
                lines.push(format!(
                    "When nobody needs its signatures any more:\n  plugsign revoke {key} --subkey {fingerprint} --reason superseded"
                ));
            }
        }
        lines
    }

    fn result(changed: &Changed<NewSubkey>) -> String {
        changed.how.subkey.to_string()
    }
}
