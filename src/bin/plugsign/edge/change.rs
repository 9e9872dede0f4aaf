//! What the commands that change a key share: where the primary key and the passphrases come from,
//! and the words for what came of it.

use std::io::{self, Write};

use clap::Args;
use plugsign::publisher::change::{Changed, KeyToChange};
use plugsign::publisher::failure::Failure;
use plugsign::publisher::tokens::Tokens;

use super::asking::{Asking, LentPrimary, PassphraseSource};
use super::page::Page;
use super::report::Words;
use super::tokens::TokenSource;
use super::world::World;

/// Where the primary key and the passphrases come from.
#[derive(Args)]
pub struct Means {
    #[command(flatten)]
    lent: LentPrimary,
    #[command(flatten)]
    token: TokenSource,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

impl Means {
    /// Returns where the passphrases come from.
    pub fn asking<'a>(&self, world: &'a World) -> Asking<'a> {
        Asking::new(world).key(&self.passphrase).lent(&self.lent)
    }

    /// Returns how tokens are reached.
    pub fn tokens(&self) -> Result<Tokens, Failure> {
        self.token.tokens(None, None)
    }

    /// Returns a key with the primary key that is lent for it.
    pub fn of<'a>(&'a self, key: &'a str) -> KeyToChange<'a> {
        KeyToChange { key, primary: self.lent.primary.as_deref() }
    }
}

/// How a key was changed, in words.
pub trait Told: Sized {
    /// Returns lines about the change.
    fn told(changed: &Changed<Self>) -> Vec<String>;

    /// Returns the result for scripts: by default, the changed key.
    fn result(changed: &Changed<Self>) -> String {
        changed.certificate.fingerprint().to_string()
    }
}

impl<T: Told> Words for Changed<T> {
    fn results(&self, out: &mut Page) -> io::Result<()> {
        writeln!(out, "{}", T::result(self))
    }

    fn remarks(&self, talk: &mut Page) -> io::Result<()> {
        T::told(self).iter().for_each(|line| talk.steps("", line));
        let user_id = &self.key.name;
        for command in &self.publish {
            writeln!(talk, "Publish the certificate of {user_id} again, everywhere:")?;
            talk.command(2, command);
        }
        if let Some(command) = &self.for_ci {
            writeln!(talk, "If a CI has the signing subkey, export it again:")?;
            talk.command(2, command);
        }
        if let Some(command) = &self.off_line {
            writeln!(
                talk,
                "If you keep a copy of the key off-line, it lacks this change. To write a new one:"
            )?;
            talk.command(2, command);
        }
        Ok(())
    }
}
