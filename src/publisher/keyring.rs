//! Certificates that go into a keyring file, for gpgv, apt and other programs.

use std::path::Path;

use super::failure::Result;
use super::store::check;
use super::{PATIENCE, Publisher};
use crate::disk::change::FileChange;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::gnupg::Keyring;
use crate::openpgp::key_file::MAX_KEYRING;

/// A keyring file that is locked, while certificates are added to it.
pub struct KeyringImporter<'a> {
    publisher: &'a Publisher<'a>,
    change: FileChange,
    keyring: Keyring,
    is_changed: bool,
}

impl<'a> KeyringImporter<'a> {
    /// Locks and reads the file. It is made if it is missing.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is no keyring of packets, or another command has it.
    pub fn new(publisher: &'a Publisher<'a>, path: &Path) -> Result<KeyringImporter<'a>> {
        let what = ("a keyring", MAX_KEYRING);
        let (change, bytes) =
            FileChange::begin(path, publisher.kept, what, publisher.umask, PATIENCE)?;
        let keyring = Keyring::read(bytes.as_deref().map_or(&[], |bytes| bytes))?;
        Ok(KeyringImporter { publisher, change, keyring, is_changed: false })
    }

    /// Adds a certificate, with only what its own key signed. Returns what was there of it, and
    /// what is there now.
    ///
    /// # Errors
    ///
    /// The policy does not take the signer, or what is there of it cannot be read.
    pub fn add(&mut self, certificate: &Certificate) -> Result<(Option<Certificate>, Certificate)> {
        check(certificate, &self.publisher.policy())?;
        let (before, after) = self.keyring.add(&certificate.proven(), self.publisher.budget)?;
        self.is_changed |= !before.as_ref().is_some_and(|before| before.same_as(&after));
        Ok((before, after))
    }

    /// Writes the keyring, whole or not at all.
    pub fn commit(self) -> Result<()> {
        match self.is_changed {
            true => Ok(self.change.replace(&self.keyring.to_bytes())?),
            false => Ok(()),
        }
    }
}
