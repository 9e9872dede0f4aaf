//! Taking over what a GnuPG home has, without gpg.

use std::path::Path;

use super::failure::{Failure, Result};
use super::import::{CERTIFICATE, ImportedKey, Importer, SECRET_KEY, prove};
use super::store::{Fate, check};
use crate::disk::gnupg::GnupgHome;
use crate::openpgp;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::gnupg::GnupgKey;
use crate::openpgp::secret_key::Protection;
use crate::openpgp::weakness::Weakness;

impl Importer<'_> {
    /// Takes over the keys of a GnuPG home. Each key goes its own way: one that cannot come over
    /// keeps no other from it. Fails if the folder is no GnuPG home, or cannot be read.
    pub fn gnupg_home(&mut self, folder: &Path) -> Result<()> {
        let gnupg = GnupgHome::read(folder)?;
        self.imported.home = Some(self.publisher.home()?.root().to_owned());
        let mut owned = vec![false; gnupg.private_keys.len()];
        for certificate in &gnupg.certificates {
            let found = GnupgKey::of(certificate, gnupg.private_keys.iter().map(|(_, file)| file));
            for (owned, (_, file)) in owned.iter_mut().zip(&gnupg.private_keys) {
                *owned |= found.has(file);
            }
            self.take_over(certificate, &found);
        }
        let mut failed = |path: &Path, error: Failure| {
            self.imported.keys.push(ImportedKey::failed(path, error));
        };
        for ((path, _), _) in gnupg.private_keys.iter().zip(owned).filter(|(_, owned)| !owned) {
            let why = "no certificate belongs to it; it may be a key for SSH or S/MIME";
            failed(path, openpgp::Error::PassedOver(why).into());
        }
        for path in gnupg.old {
            let why = "it is the keyring of gpg 2.0 and older; if a key in it is missing, import this file by its name";
            failed(&path, openpgp::Error::PassedOver(why).into());
        }
        for (path, error) in gnupg.unreadable {
            failed(&path, error.into());
        }
        Ok(())
    }

    /// Takes a key over with its secret parts, as far as they can come; else its certificate.
    fn take_over(&mut self, certificate: &Certificate, found: &GnupgKey<'_>) {
        let policy = self.publisher.policy();
        if let Err(error) = check(certificate, &policy) {
            let kind = if found.is_secret() { SECRET_KEY } else { CERTIFICATE };
            self.imported.keys.push(ImportedKey::of(certificate, kind, Err(error.into())));
            return;
        }
        let mut came_over = false;
        if found.can_sign(&policy) {
            // Taking a secret key locks the home anew, and may ask somebody before.
            self.storing.pause();
            let taken = self.take_found(certificate, found);
            came_over = taken.is_ok();
            self.imported.keys.push(ImportedKey::of(certificate, SECRET_KEY, taken));
        } else {
            let line = self.certificate(certificate);
            self.imported.keys.push(line);
            for fingerprint in found.movable() {
                // Nothing here would use a secret part that cannot sign.
                let weakness = &Weakness::CannotSign;
                let line = ImportedKey::left_behind(certificate, &fingerprint, weakness, false);
                self.imported.keys.push(line);
            }
        }
        for (fingerprint, weakness) in found.left_behind() {
            let line = ImportedKey::left_behind(certificate, fingerprint, weakness, came_over);
            self.imported.keys.push(line);
        }
    }

    fn take_found(&self, certificate: &Certificate, found: &GnupgKey<'_>) -> Result<Fate> {
        let publisher = self.publisher;
        let (secret, passphrase) = if found.is_protected() {
            found.pay_for_unlocking(publisher.budget)?;
            publisher.until_right(|| {
                let passphrase = publisher.passphrase_of_protected(certificate)?;
                let secret = found.take(Some(&passphrase))?;
                let proven = match secret.protection() {
                    Protection::Passphrase => prove(&secret, &passphrase)?,
                    // The parts without one get the same passphrase as the others.
                    Protection::None => prove(&secret.protect(&passphrase)?, &passphrase)?,
                };
                Ok((proven, Some(passphrase)))
            })?
        } else {
            let open = found.take(None)?;
            let (protected, passphrase) = self.protect(&open, certificate)?;
            (protected.unwrap_or(open), passphrase)
        };
        self.keep(&secret, certificate, passphrase.as_deref())
    }
}
