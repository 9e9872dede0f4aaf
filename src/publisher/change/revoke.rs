//! The end of a key, or of a subkey.

use std::path::Path;

use zeroize::Zeroizing;

use super::changed::Changed;
use super::opened::{KeyToChange, Needs, Opened, of_home};
use crate::disk;
use crate::disk::file::read_small;
use crate::disk::home::Home;
use crate::openpgp;
use crate::openpgp::bounds::Budget;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::change::{self, Revocation, Revokes, revoke_by};
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::key_file::{Key, MAX_KEY_FILE, read_keys_within, unguarded};
use crate::openpgp::query::KeyQuery;
use crate::openpgp::revocation_reason::RevocationReason;
use crate::openpgp::secret_key::{Protection, SecretKey};
use crate::publisher::Publisher;
use crate::publisher::failure::{Failure, Result};

/// A revocation certificate that is kept for the day when its key is lost.
pub enum KeptRevocation<'a> {
    /// The one that the home keeps for a reason.
    Stored(RevocationReason),
    /// The one in this file, with its guarding colon or without.
    File(&'a Path),
}

/// A key, or a subkey, that was revoked.
pub enum Revoked {
    /// It was revoked by its primary key, for this reason: this subkey, or the key as a whole.
    ByKey(Option<Fingerprint>, RevocationReason),
    /// This was revoked by a revocation certificate: the key as a whole, a subkey, or a user ID.
    ByCertificate(Revokes),
}

impl Publisher<'_> {
    /// Revokes a key, or a subkey of it, for good. `message` is public. A whole key of the home that
    /// has no passphrase, and is not named by its whole fingerprint, ends once `confirm` agrees.
    /// Fails as `confirm` does and as the other changes.
    pub fn revoke(
        &self,
        subject: &KeyToChange<'_>,
        subkey: Option<&str>,
        reason: RevocationReason,
        message: &str,
        confirm: impl FnOnce(&Certificate) -> Result<()>,
    ) -> Result<Changed<Revoked>> {
        // Nobody types a passphrase for what is refused.
        let query = KeyQuery::parse(subject.key)?;
        if let Ok(key) = self.home()?.keys_like(Some(&query))?.find_whole(&query) {
            let certificate = &key.certificate;
            // What speaks against the name of a subkey is said below.
            let named = match subkey {
                Some(subkey) => find_subkey(subkey, certificate).ok(),
                None => Some(certificate.fingerprint()),
            };
            named.iter().try_for_each(|it| certificate.check_revocable(it, reason))?;
            let is_bare = |secret: &SecretKey| secret.protection() == Protection::None;
            let is_held_up = subkey.is_some()
                || subject.primary.is_some()
                || !key.secret.as_ref().is_some_and(is_bare)
                || query.is_fingerprint_of(certificate);
            if !is_held_up {
                confirm(certificate)?;
            }
        }
        Opened::open(self, subject, Needs::Revoking)?.change(|certificate, maker, now| {
            let primary = maker.primary;
            let subkey = subkey.map(|subkey| find_subkey(subkey, certificate)).transpose()?;
            let certificate = match &subkey {
                Some(subkey) => {
                    change::revoke_subkey(certificate, primary, subkey, reason, message, now)?
                }
                None => change::revoke_key(certificate, primary, reason, message, now)?,
            };
            let subkeys = subkey.iter().cloned().collect();
            let changed = Changed::new(certificate, now, Revoked::ByKey(subkey, reason));
            Ok(Changed { subkeys, ..changed })
        })
    }

    /// Makes a revocation certificate for the day when the key is lost. Nothing is revoked by it yet.
    /// `message` is public. Fails as the other changes.
    pub fn make_revocation(
        &self,
        subject: &KeyToChange<'_>,
        reason: RevocationReason,
        message: &str,
    ) -> Result<Vec<u8>> {
        Opened::open(self, subject, Needs::Revoking)?.in_home(|_, _, _, maker, now| {
            Ok(change::armored_revocation(maker.primary, reason, message, now)?)
        })
    }

    /// Revokes a key with what was made for the day when it is lost. Fails with [`Failure::Usage`] if
    /// the home's is meant and `key` is not the whole fingerprint, with [`Failure::OpenPgp`] for an
    /// unknown key and another key's revocation certificate, with [`Failure::Disk`] if there is none.
    pub fn revoke_with(&self, key: &str, kept: &KeptRevocation<'_>) -> Result<Changed<Revoked>> {
        let home = self.home()?;
        let query = KeyQuery::parse(key)?;
        let shelf = home.keys()?;
        let certificate = &shelf.find_whole(&query)?.certificate;
        let fingerprint = certificate.fingerprint();
        // Nothing is asked for that could hold up a mistake.
        if matches!(kept, KeptRevocation::Stored(_)) && !query.is_fingerprint_of(certificate) {
            return Err(Failure::Usage(format!(
                "--stored ends a key without its passphrase: name it by its whole fingerprint, which is {fingerprint}"
            )));
        }
        let bytes = match kept {
            KeptRevocation::File(path) => {
                read_small(path, "a revocation certificate", MAX_KEY_FILE)?
            }
            KeptRevocation::Stored(reason) => stored(home, &fingerprint, *reason)?,
        };
        let revocation = one_revocation(&bytes, self.budget)?;
        let lock = self.lock()?;
        let key = of_home(home, &fingerprint)?;
        let revoked = revoke_by(&key.certificate, &revocation)?;
        let what = revocation.revokes(&key.certificate).unwrap_or(Revokes::Key);
        let is_known = revoked.same_as(&key.certificate);
        if !is_known {
            match &what {
                Revokes::Key => {
                    key.certificate.check_revocable(&fingerprint, revocation.reason())?
                }
                Revokes::Subkey(subkey) => {
                    key.certificate.check_revocable(subkey, revocation.reason())?;
                }
                Revokes::UserId(_) => {}
            }
            home.put_certificate(&lock, &revoked)?;
        }
        let how = Revoked::ByCertificate(what);
        let changed = Changed::new(revoked, self.now, how);
        Ok(if is_known { changed.unchanged() } else { changed })
    }
}

/// Reads the revocation certificate that the home keeps for a reason. One that gives no reason
/// stands for one that says "compromised", which counts alike, and for no milder one.
fn stored(
    home: &Home,
    fingerprint: &Fingerprint,
    reason: RevocationReason,
) -> disk::Result<Zeroizing<Vec<u8>>> {
    if let Some(stored) = home.revocation(fingerprint, reason)? {
        return Ok(stored);
    }
    let mut there = Vec::new();
    for other in [RevocationReason::Unspecified].into_iter().chain(RevocationReason::USUAL) {
        match home.revocation(fingerprint, other)? {
            Some(stored) if other == RevocationReason::Unspecified && reason.is_hard() => {
                return Ok(stored);
            }
            Some(_) => there.push(other),
            None => {}
        }
    }
    Err(disk::Error::NoRevocation { key: fingerprint.clone(), reason, there })
}

fn one_revocation(bytes: &[u8], budget: &Budget) -> openpgp::Result<Revocation> {
    let mut last = openpgp::Error::NoKey("it has no revocation certificate".into());
    for key in read_keys_within(&unguarded(bytes), budget)? {
        match key {
            Ok(Key::Revocation(revocation)) => return Ok(revocation),
            Ok(_) => {}
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn find_subkey(text: &str, certificate: &Certificate) -> Result<Fingerprint> {
    let exact = format!("{}!", text.trim().trim_end_matches('!'));
    match KeyQuery::parse(&exact)?.exactly(certificate) {
        Some(found) if found != certificate.fingerprint() => Ok(found),
        Some(_) => Err(Failure::Usage(
            "that is the primary key: without --subkey the whole key is revoked".into(),
        )),
        None => Err(openpgp::Error::UnknownKey(text.to_string()).into()),
    }
}
