//! Keys as GnuPG keeps them: bytes of its files in, certificates and secret keys out.
//!
//! gpg keeps certificates in one file, and every private key in its own file, named by its keygrip.
//! [`GnupgKey`] brings the two together.

mod headers;
mod keyring;
mod private_key;
mod protection;
mod sexp;
mod written;

use sequoia_openpgp::Cert;
use sequoia_openpgp::crypto::mpi;
use sequoia_openpgp::packet::Key;
use sequoia_openpgp::packet::key::{PublicParts, SecretKeyMaterial, UnspecifiedRole};
use sequoia_openpgp::parse::Parse;
use sequoia_openpgp::serialize::MarshalInto;

pub use self::headers::with_old_headers;
pub use self::keyring::{WantedKeys, is_keybox, read_key_blocks, read_keybox, read_keyring};
pub(in crate::openpgp) use self::private_key::grip;
pub use self::private_key::{MAX_PRIVATE_KEY, PrivateKeyFile};
pub use self::written::Keyring;

use self::private_key::{SecretPart, numbers};
use super::budget::{Budget, PROTECTING};
use super::certificate::Certificate;
use super::ids::Fingerprint;
use super::policy::{Policy, check_key};
use super::secret_key::{Passphrase, SecretKey, check_parts, key_packet, lock};
use super::weakness::Weakness;
use crate::openpgp::error::{Error, Result};

/// A certificate and the private key files that belong to it.
pub struct GnupgKey<'a> {
    certificate: &'a Certificate,
    parts: Vec<(Key<PublicParts, UnspecifiedRole>, &'a PrivateKeyFile)>,
    left: Vec<(Fingerprint, Weakness)>,
}

impl<'a> GnupgKey<'a> {
    /// Finds the files of a certificate's keys by the public part in both.
    pub fn of(
        certificate: &'a Certificate,
        files: impl Iterator<Item = &'a PrivateKeyFile> + Clone,
    ) -> GnupgKey<'a> {
        let mut found = GnupgKey { certificate, parts: Vec::new(), left: Vec::new() };
        for component in certificate.cert().keys() {
            let key = component.key();
            let Some(file) = files.clone().find(|file| belongs(file, key.mpis())) else { continue };
            match (check_key(key), &file.secret) {
                (Err(weakness), _) => found.left.push((Fingerprint::of(key), weakness)),
                (Ok(()), SecretPart::Elsewhere | SecretPart::Other) => {
                    found.left.push((Fingerprint::of(key), Weakness::SecretElsewhere));
                }
                (Ok(()), _) => found.parts.push((key.clone(), file)),
            }
        }
        found
    }

    /// Returns whether a file belongs to one of the keys, even if it cannot be imported.
    pub fn has(&self, file: &PrivateKeyFile) -> bool {
        self.certificate.cert().keys().any(|component| belongs(file, component.key().mpis()))
    }

    /// Returns whether the secret part of a signing key can be imported.
    pub fn can_sign(&self, policy: &Policy) -> bool {
        let keys = self.certificate.describe(policy).keys;
        let mut signing = keys.into_iter().filter(|key| key.usage.contains(&"sign"));
        signing.any(|key| self.movable().any(|it| it == key.fingerprint))
    }

    /// Returns whether any of the keys has a file.
    pub fn is_secret(&self) -> bool {
        !self.parts.is_empty() || !self.left.is_empty()
    }

    /// Returns the keys whose secret parts can be imported.
    pub fn movable(&self) -> impl Iterator<Item = Fingerprint> + '_ {
        self.parts.iter().map(|(key, _)| Fingerprint::of(key))
    }

    /// Returns whether importing it needs a passphrase.
    pub fn is_protected(&self) -> bool {
        let is_open = |secret: &SecretPart| {
            matches!(secret, SecretPart::Here(SecretKeyMaterial::Unencrypted(_)))
        };
        self.parts.iter().any(|(_, file)| !is_open(&file.secret))
    }

    /// Returns the keys whose secret parts stay where they are, and why.
    pub fn left_behind(&self) -> &[(Fingerprint, Weakness)] {
        &self.left
    }

    /// Pays for unlocking the parts that are behind gpg-agent's protection, and for protecting them
    /// again. Fails with [`Error::NotUnlocked`] if the budget is too small.
    pub fn pay_for_unlocking(&self, budget: &Budget) -> Result<()> {
        let work = self.parts.iter().map(|(_, file)| match &file.secret {
            SecretPart::Protected(protected) => protected.work() + PROTECTING,
            _ => 0,
        });
        budget.pay_for_unlocking(self.certificate.fingerprint(), work.sum())
    }

    /// Puts the secret key together. A protected part is protected again under the same passphrase.
    /// An unprotected part stays so. A missing part becomes gpg's stub. [`SecretKey::check`] checks
    /// that the parts belong together.
    ///
    /// # Errors
    ///
    /// [`Error::WrongPassphrase`], [`Error::PassphraseNeeded`], [`Error::Refused`] for a key
    /// derivation that costs too much, [`Error::GnupgFile`].
    pub fn take(&self, passphrase: Option<&Passphrase>) -> Result<SecretKey> {
        let primary = self.certificate.fingerprint();
        check_parts(&primary, self.parts.len())?;
        let packet = |(key, file): &(Key<PublicParts, UnspecifiedRole>, &PrivateKeyFile)| {
            let secret = secret_of(key, file, passphrase)?;
            Ok(key_packet(key.clone().add_secret(secret).0, &primary))
        };
        let packets: Vec<_> = self.parts.iter().map(packet).collect::<Result<_>>()?;
        let cert = self.certificate.cert().clone().insert_packets(packets);
        cert.and_then(|(cert, _)| cert.as_tsk().emit_secret_key_stubs(true).to_vec())
            .map(zeroize::Zeroizing::new)
            .and_then(|bytes| Cert::from_bytes(&bytes))
            .map(SecretKey::new)
            .map_err(Error::crypto("putting the key together"))
    }
}

/// Returns whether a file is that of a key, by its most important public number. The other numbers
/// are checked when the secret part is loaded.
fn belongs(file: &PrivateKeyFile, key: &mpi::PublicKey) -> bool {
    let number = match key {
        mpi::PublicKey::RSA { n, .. } => n,
        mpi::PublicKey::DSA { y, .. } | mpi::PublicKey::ElGamal { y, .. } => y,
        mpi::PublicKey::EdDSA { q, .. }
        | mpi::PublicKey::ECDSA { q, .. }
        | mpi::PublicKey::ECDH { q, .. } => q,
        _ => return false,
    };
    !file.public.is_empty() && number.value() == file.public
}

fn secret_of(
    key: &Key<PublicParts, UnspecifiedRole>,
    file: &PrivateKeyFile,
    passphrase: Option<&Passphrase>,
) -> Result<SecretKeyMaterial> {
    match &file.secret {
        SecretPart::Here(secret) => Ok(secret.clone()),
        SecretPart::Protected(protected) => {
            let given = passphrase.ok_or_else(|| Error::PassphraseNeeded(Fingerprint::of(key)))?;
            lock(key, numbers(&protected.unlock(given, key)?)?, passphrase)
        }
        SecretPart::Elsewhere | SecretPart::Other => {
            Err(Error::refused(Fingerprint::of(key), Weakness::SecretElsewhere))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openpgp::ids::hex;
    use crate::openpgp::keygen::test_certificate;

    const FORMS: [&str; 4] = [
        "(private-key (rsa (n #00FF#)(e #03#)(d #05#)(p #07#)(q #09#)(u #0B#)))",
        "(protected-private-key (rsa (n #00FF#)(e #03#)(protected openpgp-s2k3-ocb-aes ((sha1 \
         #0102030405060708# \"65536\")#000102030405060708090A0B#)#00112233445566778899AABBCCDDEEFF00#)\
         (protected-at \"20260101T000000\")))",
        "(protected-private-key (rsa (n #00FF#)(e #03#)(protected openpgp-native \
         (openpgp-private-key (version \"4\")(algo RSA)(skey _ #00FF# _ #03# e #0011#)(csum \"0\")\
         (protection sha1 AES #000102030405060708090A0B0C0D0E0F# \"3\" SHA1 #0102030405060708# \
         \"96\")))))",
        "(shadowed-private-key (rsa (n #00FF#)(e #03#)(shadowed t1-v1 (#D276# OPENPGP.1))))",
    ];

    fn grip_of_255() -> String {
        hex(&crate::openpgp::hash::sha1(&[&[0, 0xFF]]).unwrap())
    }

    #[test]
    fn every_form_is_read_and_bound_to_its_name() {
        for form in FORMS {
            let grip = grip_of_255();
            let entry = format!("Created: 20260101T000000\nKey: {form}\nLabel: x\n");
            for text in [form, &entry] {
                assert!(PrivateKeyFile::read(&grip, text.as_bytes()).is_ok(), "{text}");
                assert!(PrivateKeyFile::read(&grip.to_lowercase(), text.as_bytes()).is_ok());
                let other = PrivateKeyFile::read(&"0".repeat(40), text.as_bytes());
                assert!(other.is_err(), "{text}");
            }
        }
    }

    #[test]
    fn no_mutation_of_a_private_key_panics() {
        let certificate = test_certificate();
        let owner = certificate.cert().primary_key().key().clone().role_into_unspecified();
        let passphrase = Passphrase::new(zeroize::Zeroizing::new(b"pass".to_vec()));
        for form in FORMS {
            let entry = format!("Created: 20260101T000000\nKey: {form}\nLabel: x\n");
            mutations::each(entry.as_bytes(), 2_000, |mutated| {
                if let Ok(file) = PrivateKeyFile::read(&grip_of_255(), mutated) {
                    drop(GnupgKey::of(&certificate, std::iter::once(&file)));
                    drop(secret_of(&owner, &file, Some(&passphrase)));
                }
            });
        }
    }
}

#[cfg(test)]
mod mutations {
    /// Calls `read` with damaged copies: bytes changed, removed, inserted, cut off.
    pub(super) fn each(bytes: &[u8], times: usize, mut read: impl FnMut(&[u8])) {
        let mut state = 0x9E37_79B9_7F4A_7C15u64;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % below.max(1) as u64) as usize
        };
        for _ in 0..times {
            let mut mutated = bytes.to_vec();
            for _ in 0..=random(4) {
                if mutated.is_empty() {
                    break;
                }
                let place = random(mutated.len());
                match random(5) {
                    0 => mutated[place] = random(256) as u8,
                    1 => mutated[place] ^= 1 << random(8),
                    2 => drop(mutated.remove(place)),
                    3 => mutated.insert(place, b"()#\"|:0 \n\\"[random(10)]),
                    _ => mutated.truncate(place),
                }
            }
            read(&mutated);
        }
    }
}
