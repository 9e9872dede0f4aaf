//! `plugsign delete`

use std::io::{self, Write};
use std::path::Path;

use clap::Args;
use plugsign::openpgp::query::KeyQuery;
use plugsign::publisher::change::{Deleted, Doomed};
use plugsign::publisher::failure::Failure;
use plugsign::text::{Safe, quoted};

use crate::edge::asking::Asking;
use crate::edge::dialog;
use crate::edge::page::Page;
use crate::edge::report::Words;
use crate::edge::world::World;

/// Delete a key from the home
///
/// Asks first. Revocation certificates stay, and so do trusted copies. To end a key for everybody,
/// revoke it before: plugsign revoke.
#[derive(Args)]
pub struct Arguments {
    /// Which key
    #[arg(value_name = "KEY")]
    key: String,
    /// Delete only the secret key, and keep the certificate
    #[arg(long)]
    secret: bool,
    /// Do not ask. If a secret key goes, KEY must be the whole fingerprint
    #[arg(long)]
    yes: bool,
}

pub fn run(arguments: Arguments, world: &World) -> Result<Deleted, Failure> {
    let Arguments { key, secret, yes } = &arguments;
    let doomed = if *secret { Doomed::SecretPart } else { Doomed::Everything };
    let asking = Asking::new(world);
    let query = KeyQuery::parse(key)?;
    let deleted = world.publisher(&asking).delete(&query, doomed, |deleted| match yes {
        true => deleted.check_named(),
        false => ask(deleted),
    });
    let option = if *secret { " --secret" } else { "" };
    let whole = format!("plugsign delete KEY{option}");
    deleted.map_err(|failure| failure.or_of_subkey(&whole, "plugsign revoke KEY --subkey SUBKEY"))
}

/// Asks a person. For a secret key, a stray "y" is not enough.
fn ask(deleted: &Deleted) -> Result<(), Failure> {
    let (fingerprint, user_id) = deleted.key.names();
    let Some(mut person) = dialog::person() else {
        let why = Failure::Usage("there is no terminal to ask on".into());
        let advice = format!("to delete it unasked:\n  plugsign delete {fingerprint} --yes");
        return Err(Failure::Advised(Box::new(why), advice));
    };
    let what = match (deleted.secret, deleted.certificate) {
        (true, true) => "The secret key and the certificate",
        (true, false) => "The secret key",
        (false, _) => "The certificate",
    };
    person.say(&format!("{what} of {user_id} will be deleted:\n  {fingerprint}\n"));
    let is_sure = match deleted.secret {
        true => {
            person.say("The home has no other copy. Without one, nobody can sign with the key or change it.\n");
            dialog::types(
                &mut person,
                "To delete it, type its fingerprint: ",
                &fingerprint.to_string(),
            )
        }
        false => dialog::is_yes(&person.ask("Delete it? (y/N) ").unwrap_or_default()),
    };
    if is_sure { Ok(()) } else { Err(Failure::Cancelled) }
}

impl Words for Deleted {
    fn results(&self, out: &mut Page) -> io::Result<()> {
        writeln!(out, "{}", self.key.primary.fingerprint)
    }

    fn remarks(&self, talk: &mut Page) -> io::Result<()> {
        let (fingerprint, user_id) = self.key.names();
        let what = match (self.secret, self.certificate) {
            (true, true) => "The secret key and the certificate of {} are deleted here.",
            (true, false) => "The secret key of {} is deleted here. Its certificate stays.",
            (false, _) => "The certificate of {} is deleted here.",
        };
        writeln!(talk, "{} Copies elsewhere stay.", what.replace("{}", user_id))?;
        for key in &self.forgotten {
            writeln!(
                talk,
                "This home forgets that {key} is revoked. Older copies of it would seem good here."
            )?;
        }
        for name in &self.trusted {
            let name = quoted(Path::new(name));
            writeln!(talk, "{fingerprint} stays trusted. To end that:")?;
            talk.command(2, &format!("plugsign trust remove {name}"));
        }
        if !self.revocations.is_empty() {
            writeln!(talk, "Its revocation certificates stay:")?;
        }
        self.revocations.iter().try_for_each(|path| writeln!(talk, "  {}", Safe::text(path)))
    }
}
