//! `plugsign passwd`

use clap::Args;
use plugsign::disk::Error;
use plugsign::openpgp;
use plugsign::openpgp::query::KeyQuery;

use super::change::Changed;
use crate::edge::asking::{Asking, NewPassphraseSource, PassphraseSource};
use crate::edge::world::World;
use plugsign::publisher::change::of_home;
use plugsign::publisher::failure::Failure;
use plugsign::publisher::show::first_user_id;

/// Change the passphrase of a key
///
/// Copies of the key elsewhere, in backups or a CI's secret store, keep theirs.
#[derive(Args)]
pub struct Arguments {
    /// Which key
    #[arg(value_name = "KEY")]
    key: String,
    /// Leave the key unprotected: whoever has the file can sign
    #[arg(long, conflicts_with_all = ["new_passphrase_fd", "new_passphrase_file"])]
    no_passphrase: bool,
    #[command(flatten)]
    passphrase: PassphraseSource,
    #[command(flatten)]
    new: NewPassphraseSource,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Changed, Failure> {
    let query = KeyQuery::parse(&arguments.key)?;
    let home = world.home()?;
    let shelf = home.keys()?;
    let key = shelf.find_secret_whole(&query)?;
    let fingerprint = key.certificate.fingerprint();
    let no_secret = || Error::OpenPgp(openpgp::Error::NoSecret(fingerprint.clone()));
    let secret = key.secret.as_ref().ok_or_else(no_secret)?;
    // A wrong one is said before a new one is thought of.
    let asking = Asking::new(world).key(&arguments.passphrase).replaced(&arguments.new);
    let publisher = world.publisher(&asking);
    let old = publisher.proven_passphrase(secret, &key.certificate)?;
    let new = match arguments.no_passphrase {
        true => None,
        false => Some(publisher.new_passphrase(&first_user_id(&key.certificate))?),
    };
    let lock = world.lock()?;
    let key = of_home(home, &fingerprint)?;
    let secret = key.secret.as_ref().ok_or_else(no_secret)?;
    let changed = secret.change_passphrase(old.as_deref(), new.as_deref())?;
    changed.check(new.as_deref())?;
    home.put_secret(&lock, &changed)?;
    let said = match new {
        Some(_) => "Its passphrase is changed here; copies elsewhere keep theirs.",
        None => "It is NOT protected any more; copies elsewhere keep their passphrase.",
    };
    Ok(Changed::new(key.certificate, &world.policy()).private().say(said))
}
