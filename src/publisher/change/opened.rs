//! A key of the home that is about to change.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::changed::Changed;
use crate::disk;
use crate::disk::file::read_small;
use crate::disk::home::{Home, Lock};
use crate::disk::shelf::HomeKey;
use crate::mattermost::public_key::{Unfit, check_readable};
use crate::openpgp;
use crate::openpgp::bounds::Budget;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::change::{Maker, revocation};
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::key_file::{MAX_KEY_FILE, read_keys_within};
use crate::openpgp::policy::Policy;
use crate::openpgp::primary_key::PrimaryKey;
use crate::openpgp::query::KeyQuery;
use crate::openpgp::revocation_reason::RevocationReason;
use crate::openpgp::secret_key::{Passphrase, SecretKey};
use crate::openpgp::token::is_token_uri;
use crate::openpgp::weakness::Weakness;
use crate::publisher::Publisher;
use crate::publisher::failure::{Failure, Result};
use crate::publisher::keys::one_secret;
use crate::publisher::store::refused;
use crate::text::{Safe, quoted};

/// The key to change.
#[derive(Clone, Copy)]
pub struct KeyToChange<'a> {
    /// Which key of the home, as people name keys.
    pub key: &'a str,
    /// The file with its primary key, or the URI of the token that has it, if it is kept elsewhere
    /// and lent for this change.
    pub primary: Option<&'a Path>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// The primary key's secret part.
    Primary,
    /// The subkeys' too, with their passphrase.
    Subkeys,
    /// The primary key's, of a key that may be revoked already.
    Revoking,
}

/// A key of the home that is about to change, unlocked.
pub(super) struct Opened<'a> {
    publisher: Publisher<'a>,
    fingerprint: Fingerprint,
    primary: PrimaryKey,
    /// Of the home's secret key. Of a lent one there is no trace any more.
    passphrase: Option<Arc<Passphrase>>,
    /// Whether the primary key is not the home's.
    pub is_lent: bool,
}

impl<'a> Opened<'a> {
    /// Unlocks the key that changes. What speaks against it is said before anybody is asked.
    pub fn open(
        publisher: &Publisher<'a>,
        subject: &KeyToChange<'_>,
        needs: Needs,
    ) -> Result<Opened<'a>> {
        let query = KeyQuery::parse(subject.key)?;
        let shelf = publisher.home()?.keys()?;
        let is_lent = subject.primary.is_some();
        let key = match needs == Needs::Subkeys || !is_lent {
            true => shelf.find_secret_whole(&query)?,
            false => shelf.find_whole(&query)?,
        };
        let certificate = &key.certificate;
        let fingerprint = certificate.fingerprint();
        check(certificate, needs, &publisher.policy())?;
        let in_token = subject.primary.and_then(Path::to_str).filter(|name| is_token_uri(name));
        let lent = match in_token {
            Some(uri) => Some(own(publisher.find_in_token(uri)?.secret, &fingerprint)?),
            None => read_lent(subject, &fingerprint, publisher.budget)?,
        };
        // The file may know of a revocation that the home does not.
        if let Some(lent) = &lent {
            check(lent.certificate(), needs, &publisher.policy())?;
        }
        let (primary, passphrase) = match (lent, &key.secret) {
            (Some(lent), home) => {
                let primary = publisher.unlock_lent(&lent)?;
                let passphrase = match home {
                    Some(home) if needs == Needs::Subkeys => {
                        publisher.proven_passphrase(home, certificate)?
                    }
                    _ => None,
                };
                (primary, passphrase)
            }
            (None, Some(home)) if home.has_primary() => publisher.until_right(|| {
                let passphrase = publisher.passphrase_of(home, certificate)?;
                Ok((home.unlock_primary(passphrase.as_deref())?, passphrase))
            })?,
            (None, _) => return Err(openpgp::Error::PrimaryElsewhere(fingerprint).into()),
        };
        Ok(Opened { publisher: *publisher, fingerprint, primary, passphrase, is_lent })
    }

    /// Changes the certificate under the home's lock, from what it is then and at a time that is
    /// after everything that the key said of itself.
    pub fn change<T>(
        &self,
        make: impl FnOnce(&Certificate, &Maker<'_>, SystemTime) -> Result<Changed<T>>,
    ) -> Result<Changed<T>> {
        self.in_home(|home, lock, key, maker, now| {
            let changed = make(&key.certificate, maker, now)?;
            let certificate = &changed.certificate;
            if certificate.same_as(&key.certificate) {
                return Ok(changed.unchanged());
            }
            check_still_readable(&key.certificate, certificate)?;
            if certificate.revoked().is_none() {
                self.renew_revocations(home, lock, certificate, now)?;
            }
            home.put_certificate(lock, certificate)?;
            Ok(changed)
        })
    }

    /// Does something with the key as it is under the home's lock.
    pub fn in_home<T>(
        &self,
        make: impl FnOnce(&Home, &Lock, &HomeKey, &Maker<'_>, SystemTime) -> Result<T>,
    ) -> Result<T> {
        let home = self.publisher.home()?;
        let lock = self.publisher.lock()?;
        let key = of_home(home, &self.fingerprint)?;
        let now = settle(&key.certificate, &self.publisher);
        let none = key.certificate.without_secrets();
        let secret = key.secret.as_ref().unwrap_or(&none);
        let passphrase = self.passphrase.as_deref();
        let maker = Maker { primary: &self.primary, secret, passphrase };
        make(home, &lock, &key, &maker, now)
    }

    /// Makes the stored revocation certificates anew that would not count any more. One for a key
    /// that is merely superseded or retired is void once the key has said something after it. They
    /// come before the change: newer than the key's word they count, older they do not.
    fn renew_revocations(
        &self,
        home: &Home,
        lock: &Lock,
        certificate: &Certificate,
        now: SystemTime,
    ) -> Result<()> {
        for reason in RevocationReason::USUAL.into_iter().filter(|reason| !reason.is_hard()) {
            if home.revocation(&self.fingerprint, reason)?.is_some() {
                let bytes = revocation(&self.primary, &certificate.name_text(), reason, now)?;
                home.put_revocation(lock, &self.fingerprint, reason, &bytes)?;
            }
        }
        Ok(())
    }
}

fn read_lent(
    subject: &KeyToChange<'_>,
    wanted: &Fingerprint,
    budget: &Budget,
) -> Result<Option<SecretKey>> {
    let Some(path) = subject.primary else { return Ok(None) };
    let bytes = read_small(path, "a key file", MAX_KEY_FILE).map_err(|error| match error {
        disk::Error::NotAFile { kind: "a folder", .. } => in_folder(error, path, wanted),
        error => error.into(),
    })?;
    let lent = own(one_secret(read_keys_within(&bytes, budget)?, None, budget)?, wanted)?;
    if !lent.has_primary() {
        let advice = format!(
            "{} has no primary key: it may be what export --ci wrote. --primary takes the file that export --offline-primary wrote",
            Safe::path(path)
        );
        return Err(Failure::advised(openpgp::Error::PrimaryElsewhere(wanted.clone()), advice));
    }
    Ok(Some(lent))
}

/// Refuses another key than the one that changes.
fn own(lent: SecretKey, wanted: &Fingerprint) -> Result<SecretKey> {
    let found = lent.fingerprint();
    match found == *wanted {
        true => Ok(lent),
        false => Err(openpgp::Error::OtherKey { wanted: wanted.clone(), found }.into()),
    }
}

/// Names the file in a folder that is meant: export --offline-primary writes into one.
fn in_folder(error: disk::Error, folder: &Path, wanted: &Fingerprint) -> Failure {
    let file = folder.join(off_line_name(wanted));
    let advice = match file.is_file() {
        true => format!("name the file in it: --primary {}", quoted(&file)),
        false => "--primary takes the file that export --offline-primary wrote, and this folder has none of this key".into(),
    };
    Failure::advised(error, advice)
}

/// Returns the name of the file that the primary key is moved to.
pub fn off_line_name(key: &Fingerprint) -> String {
    format!("{key}.secret.asc")
}

fn check(certificate: &Certificate, needs: Needs, policy: &Policy) -> openpgp::Result<()> {
    if let Some(reason) = certificate.revoked().filter(|_| needs != Needs::Revoking) {
        return Err(refused(certificate, Weakness::Revoked(reason)));
    }
    match certificate.describe(policy).keys.first() {
        Some(primary) if primary.created > policy.now() => {
            Err(refused(certificate, Weakness::NotYetValid(primary.created)))
        }
        _ => Ok(()),
    }
}

/// Makes sure that the server can read a certificate after the change, if it could before.
fn check_still_readable(old: &Certificate, new: &Certificate) -> Result<()> {
    match (check_readable(&old.to_bytes()?), check_readable(&new.to_bytes()?)) {
        (Ok(_), Err(Unfit { problem, advice })) => Err(Failure::Unfit(Unfit {
            problem: format!(
                "nothing was changed, because the server could not read the certificate then: {problem}"
            ),
            advice,
        })),
        _ => Ok(()),
    }
}

/// Reads one key of the home anew.
pub fn of_home(home: &Home, fingerprint: &Fingerprint) -> disk::Result<HomeKey> {
    let shelf = home.keys_of(std::slice::from_ref(fingerprint))?;
    shelf.check_complete(fingerprint)?;
    let mut keys = shelf.items.into_iter();
    keys.find(|key| key.certificate.fingerprint() == *fingerprint)
        .ok_or_else(|| openpgp::Error::UnknownKey(fingerprint.to_string()).into())
}

/// Returns the time for a change. Two changes in one second could not be told apart, so the
/// second one waits for the next second. A clock that is further behind is refused later.
pub fn settle(certificate: &Certificate, publisher: &Publisher<'_>) -> SystemTime {
    let now = publisher.watch.now();
    let next = certificate.newest_self_signature().map(|newest| newest + Duration::from_secs(1));
    match next.and_then(|next| next.duration_since(now).ok().map(|wait| (next, wait))) {
        Some((next, wait)) if wait <= Duration::from_secs(2) => {
            std::thread::sleep(wait);
            next
        }
        _ => whole_seconds(now),
    }
}

/// Returns a time without its part of a second, for OpenPGP counts whole seconds.
pub fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}
