//! `plugsign refresh`

use clap::Args;
use plugsign::openpgp::change;
use plugsign::openpgp::policy::Policy;

use super::change::{Changed, Means, Needs};
use crate::edge::world::World;
use plugsign::publisher::failure::Failure;

/// Renew self-signatures over SHA-1 with SHA-256
///
/// They say what they said before. A key whose self-signatures are strong stays as it is.
#[derive(Args)]
pub struct Arguments {
    /// Which key
    #[arg(value_name = "KEY")]
    key: String,
    #[command(flatten)]
    means: Means,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Changed, Failure> {
    let mut opened = arguments.means.open(&arguments.key, Needs::Subkeys, false, world)?;
    let mut fresh = false;
    let certificate = opened.change(world, |certificate, maker, now| {
        let refreshed = change::refresh(certificate, maker, now)?;
        fresh = refreshed.is_none();
        Ok(refreshed.unwrap_or_else(|| certificate.clone()))
    })?;
    let policy = Policy::new(opened.now);
    if fresh {
        return Ok(Changed::new(certificate, &policy)
            .unchanged()
            .say("All its self-signatures are strong: nothing was changed."));
    }
    let changed = Changed::new(certificate, &policy).older_in_ci();
    Ok(changed.say("Its self-signatures use SHA-256 now."))
}
