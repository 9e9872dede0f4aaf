//! Passphrases, as the caller has them or a person knows them.

use std::sync::Arc;

use super::failure::Failure;
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
    /// Returns the passphrase that the caller gives without asking anybody, if it gives one. Fails
    /// if its source cannot be read.
    fn given(&self, which: Which) -> Result<Option<Arc<Passphrase>>, Failure>;

    /// Returns where that one comes from, for messages. Nothing if a person is asked.
    fn source(&self, which: Which) -> Option<String>;

    /// Asks a person for the passphrase of a key. `words` begin the question. Fails if nobody is
    /// there, or if the person leaves.
    fn passphrase_of(&self, certificate: &Certificate, words: &str) -> Result<Passphrase, Failure>;

    /// Asks a person for a new passphrase for `what`, until it is the same twice. Fails as
    /// [`Ask::passphrase_of`].
    fn new_passphrase(&self, which: Which, what: &str) -> Result<Passphrase, Failure>;
}
