//! Passphrases, as the caller has them or a person knows them.

use std::sync::Arc;

use super::failure::Result;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::secret_key::Passphrase;

/// Which passphrase is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one that the key has, or that a new key gets.
    Key,
    /// The one that the key gets in the other's place.
    New,
    /// The one of a primary key that is kept elsewhere and lent for this act.
    Lent,
}

/// Answers an act's questions.
pub trait Ask {
    /// Returns the passphrase that the caller gives, if any. Fails if its source is unreadable.
    fn given(&self, which: Which) -> Result<Option<Arc<Passphrase>>>;

    /// Returns where that one comes from, for messages. Nothing if a person is asked.
    fn source(&self, which: Which) -> Option<String>;

    /// Asks a person, with `words` first, for a key's passphrase. Fails if nobody answers.
    fn passphrase_of(&self, certificate: &Certificate, words: &str) -> Result<Passphrase>;

    /// Asks a person for the PIN that opens something. Fails if nobody answers.
    fn pin(&self, what: &str) -> Result<Passphrase>;

    /// Asks a person for a new passphrase until it is the same twice. Fails if nobody answers.
    fn new_passphrase(&self, which: Which, what: &str) -> Result<Passphrase>;
}
