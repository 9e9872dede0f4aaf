//! `plugsign passwd`

use clap::Args;
use plugsign::publisher::change::{Changed, PassphraseChange};
use plugsign::publisher::failure::Failure;

use crate::edge::asking::{Asking, NewPassphraseSource, PassphraseSource};
use crate::edge::change::Told;
use crate::edge::world::World;

/// Change the passphrase of a key
///
/// Other copies of the key, in backups or a CI's secret store, keep their passphrase.
#[derive(Args)]
pub struct Arguments {
    /// Which key
    #[arg(value_name = "KEY")]
    key: String,
    /// Remove the passphrase: anyone who has the file can sign
    #[arg(long, conflicts_with_all = ["new_passphrase_fd", "new_passphrase_file"])]
    no_passphrase: bool,
    #[command(flatten)]
    passphrase: PassphraseSource,
    #[command(flatten)]
    new: NewPassphraseSource,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Changed<PassphraseChange>, Failure> {
    let asking = Asking::new(world).key(&arguments.passphrase).replaced(&arguments.new);
    world.publisher(&asking).change_passphrase(&arguments.key, arguments.no_passphrase)
}

impl Told for PassphraseChange {
    fn told(changed: &Changed<PassphraseChange>) -> Vec<String> {
        let told = match changed.how.has_passphrase {
            true => "The passphrase is changed here. Other copies of the key keep theirs.",
            false => "The key is NOT protected any more. Other copies of it keep their passphrase.",
        };
        vec![told.into()]
    }
}
