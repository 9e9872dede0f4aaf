//! `plugsign refresh`

use clap::Args;
use plugsign::publisher::change::{Changed, Refreshed};
use plugsign::publisher::failure::Failure;

use crate::edge::change::{Means, Told};
use crate::edge::world::World;

/// Renew self-signatures over SHA-1 with SHA-256
///
/// The new ones say what the old ones said. Strong self-signatures stay as they are.
#[derive(Args)]
pub struct Arguments {
    /// Which key
    #[arg(value_name = "KEY")]
    key: String,
    #[command(flatten)]
    means: Means,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Changed<Refreshed>, Failure> {
    let asking = arguments.means.asking(world);
    let tokens = arguments.means.tokens()?;
    world.publisher_with(&asking, &tokens).refresh(&arguments.means.of(&arguments.key))
}

impl Told for Refreshed {
    fn told(changed: &Changed<Refreshed>) -> Vec<String> {
        let told = match changed.changed {
            true => "Its self-signatures use SHA-256 now.",
            false => "All its self-signatures are strong: nothing was changed.",
        };
        vec![told.into()]
    }
}
