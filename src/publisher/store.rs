//! Keys on their way into the home.

use serde::Serialize;

use super::Publisher;
use super::advice::UNREADABLE;
use super::failure::Result;
use crate::disk::home::Lock;
use crate::disk::shelf::HomeKey;
use crate::mattermost::server_copy::ServerCopy;
use crate::openpgp;
use crate::openpgp::bounds::Budget;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::change::{Revocation, revoke_by};
use crate::openpgp::policy::Policy;
use crate::openpgp::secret_key::{Passphrase, Protection, SecretKey};
use crate::openpgp::shared_primes::Moduli;
use crate::openpgp::weakness::Weakness;

/// What became of a key on its way into the home.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It was not there.
    New,
    /// Something was added to it.
    Updated,
    /// All of it was there.
    Unchanged,
    /// There is nothing in it to take over, and nothing wrong with it.
    Skipped,
    /// Something speaks against it.
    Refused,
    /// The file, or a part of it, is no key.
    Unreadable,
}

/// Applies a revocation certificate to the key of the home that made it, if it has that key.
pub fn apply_revocation(
    revocation: &Revocation,
    publisher: &Publisher<'_>,
) -> Result<(Certificate, Result<Fate>)> {
    let home = publisher.home()?;
    let lock = publisher.lock()?;
    let shelf = home.keys()?;
    let issuer = revocation.issuer();
    let named = |key: &&HomeKey| issuer.as_ref() == Some(&key.certificate.fingerprint().key_id());
    // The issuer is only a hint, and two keys may have one key ID.
    let made = |key: &&HomeKey| revocation.is_by(&key.certificate);
    let items = || shelf.items.iter();
    let maker = items().filter(named).find(made).or_else(|| items().find(made));
    let Some(key) = maker.or_else(|| items().find(named)) else {
        let issuer = issuer.map_or("nobody".into(), |issuer| issuer.to_string());
        return Err(openpgp::Error::UnknownKey(issuer).into());
    };
    let apply = || {
        shelf.check_complete(&key.certificate.fingerprint())?;
        let revoked = revoke_by(&key.certificate, revocation)?;
        if revoked.same_as(&key.certificate) {
            return Ok(Fate::Unchanged);
        }
        home.put_certificate(&lock, &revoked)?;
        Ok(Fate::Updated)
    };
    Ok((key.certificate.clone(), apply()))
}

/// Makes sure that a certificate is one of a signer that the policy takes.
pub fn check(certificate: &Certificate, policy: &Policy) -> openpgp::Result<()> {
    certificate.check_signer(policy).map_err(|weakness| refused(certificate, weakness))
}

pub(super) fn refused(certificate: &Certificate, weakness: Weakness) -> openpgp::Error {
    openpgp::Error::Refused { key: certificate.fingerprint().to_string(), weakness }
}

/// Certificates on their way into the home, which is locked and read once for all of them.
#[derive(Default)]
pub struct Storing {
    open: Option<(Lock, Moduli)>,
}

impl Storing {
    /// Lets others at the home, as long as somebody is asked or another kind of change is made.
    pub fn pause(&mut self) {
        self.open = None;
    }

    /// Stores a certificate, with what is there of it already.
    pub fn certificate(
        &mut self,
        certificate: &Certificate,
        publisher: &Publisher<'_>,
    ) -> Result<Fate> {
        let certificate = &certificate.proven();
        let home = publisher.home()?;
        let (lock, moduli) = match &mut self.open {
            Some(open) => open,
            open => {
                let lock = publisher.lock()?;
                open.insert((lock, home.moduli()?))
            }
        };
        let shelf = home.keys_of(&[certificate.fingerprint()])?;
        shelf.check_complete(&certificate.fingerprint())?;
        check_primes(certificate, moduli, publisher.budget)?;
        let (merged, fate) = match shelf.get(&certificate.fingerprint()) {
            None => (certificate.clone(), Fate::New),
            Some(key) => {
                let merged = key.certificate.merge(certificate)?;
                if merged.same_as(&key.certificate) {
                    return Ok(Fate::Unchanged);
                }
                (merged, Fate::Updated)
            }
        };
        home.put_certificate(lock, &merged)?;
        moduli.add(&merged);
        Ok(fate)
    }
}

/// Takes over the revocations of refused certificates: they count in every copy.
pub fn heed(certificates: &[Certificate], publisher: &Publisher<'_>) {
    // Without a home there is nothing that a revocation could be about.
    let Ok(home) = publisher.home() else { return };
    for certificate in certificates {
        let key = certificate.fingerprint();
        let heed = || -> Result<bool> {
            Ok(home.knows(&key)? && home.heed(&publisher.lock()?, &certificate.proven())?)
        };
        match heed() {
            Ok(true) => publisher.watch.warn(&format!("{key} is revoked in it, and so here now")),
            Ok(false) => {}
            Err(why) => {
                publisher.watch.warn(&format!("a revocation of {key} was not taken over: {why}"));
            }
        }
    }
}

/// Makes sure that a key to be kept does not share a prime with one that is here.
fn check_primes(
    certificate: &Certificate,
    moduli: &Moduli,
    budget: &Budget,
) -> openpgp::Result<()> {
    match moduli.sharer(certificate, budget)? {
        Some(other) => Err(refused(certificate, Weakness::SharedPrime(other.clone()))),
        None => Ok(()),
    }
}

/// Says what the server will make of a key that is to sign for it.
pub(super) fn warn_of_server(certificate: &Certificate, publisher: &Publisher<'_>) {
    let fingerprint = certificate.fingerprint();
    match ServerCopy::of(certificate) {
        Ok(copy) if copy.left_out.is_empty() => {}
        Ok(_) => publisher.watch.warn(&format!(
            "{fingerprint} has a subkey that a Mattermost server cannot read; it signs all the same. For servers:\n  plugsign export --for-server {fingerprint}"
        )),
        Err(refusal) => publisher.watch.warn(&format!(
            "{fingerprint} cannot sign here, for the server cannot read its certificate: {refusal}: {}\n{UNREADABLE}",
            refusal.advice
        )),
    }
}

/// Puts a secret key into the home. No secret part that is there is ever lost. None is replaced
/// unless `replace` says so: a part that only one of both has is kept with those of the other.
pub(super) fn store_secret(
    secret: &SecretKey,
    certificate: &Certificate,
    replace: bool,
    passphrase: Option<&Passphrase>,
    publisher: &Publisher<'_>,
) -> Result<Fate> {
    let home = publisher.home()?;
    let lock = publisher.lock()?;
    let shelf = home.keys_of(&[certificate.fingerprint()])?;
    shelf.check_complete(&certificate.fingerprint())?;
    check_primes(certificate, &home.moduli()?, publisher.budget)?;
    let Some(key) = shelf.get(&certificate.fingerprint()) else {
        home.put_secret(&lock, secret)?;
        return Ok(Fate::New);
    };
    let merged = match replace {
        true => key.certificate.without_subkeys_gone_from(certificate).merge(certificate)?,
        false => key.certificate.merge(certificate)?,
    };
    let publish = |outcome| match merged.same_as(&key.certificate) {
        true => Ok(outcome),
        false => home.put_certificate(&lock, &merged).map(|()| Fate::Updated),
    };
    let whole = match &key.secret {
        Some(stored) if !replace && stored.has_all_secrets_of(secret) => {
            return Ok(publish(Fate::Unchanged)?);
        }
        Some(stored) if replace => join(secret, stored, &merged, passphrase)?,
        Some(stored) => {
            if passphrase.is_none() && secret.protection() == Protection::Passphrase {
                return Err(openpgp::Error::PassphraseNeeded(secret.fingerprint()).into());
            }
            join(stored, secret, &merged, passphrase)?
        }
        None => secret.merge(&merged)?,
    };
    home.put_secret(&lock, &whole)?;
    Ok(publish(Fate::Updated)?)
}

/// Returns a secret key with what only another copy of it has. One passphrase must unlock the
/// whole, or no command could change it any more.
fn join(
    first: &SecretKey,
    second: &SecretKey,
    merged: &Certificate,
    passphrase: Option<&Passphrase>,
) -> openpgp::Result<SecretKey> {
    let whole = first.merge(merged)?.with_parts_of(second)?;
    let parts = whole.locked_to(passphrase);
    if !parts.is_empty() {
        return Err(openpgp::Error::PassphrasesDiffer { key: whole.fingerprint(), parts });
    }
    match passphrase {
        Some(passphrase) => whole.protect(passphrase),
        None => Ok(whole),
    }
}
