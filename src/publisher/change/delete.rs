//! The end of a key in this home. What it signed stays as good as it was.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::opened::of_home;
use crate::disk::home::Home;
use crate::disk::shelf::HomeKey;
use crate::openpgp;
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::query::KeyQuery;
use crate::openpgp::revocation_reason::RevocationReason;
use crate::publisher::Publisher;
use crate::publisher::failure::{Failure, Result};
use crate::publisher::outcome::Outcome;
use crate::publisher::show::CertificateView;
use crate::text::{path_text, quoted};

/// What of a key is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doomed {
    /// Its secret part. The certificate stays.
    SecretPart,
    /// Its certificate, and its secret part if it is here.
    Everything,
}

/// A key that is deleted, or about to be.
#[derive(Serialize)]
pub struct Deleted {
    /// What JSON says of its certificate.
    pub key: CertificateView,
    /// Whether a secret part goes. The home has no other copy of it.
    pub secret: bool,
    /// Whether the certificate goes.
    pub certificate: bool,
    /// The revoked ones of its keys that the home does not know as revoked afterwards.
    pub forgotten: Vec<Fingerprint>,
    /// The names under which it stays trusted.
    pub trusted: Vec<String>,
    /// The revocation certificates that stay.
    pub revocations: Vec<String>,
    #[serde(skip)]
    is_named_whole: bool,
}

impl Outcome for Deleted {}

impl Deleted {
    /// Checks that nobody needs to be asked: a secret part goes unasked only if the key was named by
    /// its whole fingerprint. Fails with [`Failure::Usage`].
    pub fn check_named(&self) -> Result<()> {
        match self.secret && !self.is_named_whole {
            true => Err(Failure::Usage(format!(
                "this deletes the home's only copy of a secret key: name it by its whole fingerprint, which is {}",
                self.key.primary.fingerprint
            ))),
            false => Ok(()),
        }
    }
}

impl Publisher<'_> {
    /// Deletes a key, or its secret part, once `confirm` agrees to what goes. The revocation
    /// certificates stay. Trusted copies stay, and learn of its revocations. A kill leaves the key
    /// whole or gone.
    /// Fails as `confirm` does, or if the key or its secret part is unknown or unreadable.
    pub fn delete(
        &self,
        query: &KeyQuery,
        doomed: Doomed,
        confirm: impl FnOnce(&Deleted) -> Result<()>,
    ) -> Result<Deleted> {
        let home = self.home()?;
        let shelf = home.keys()?;
        let found = match doomed {
            Doomed::SecretPart => shelf.find_secret_whole(query),
            Doomed::Everything => shelf.find_whole(query),
        };
        let key =
            found.map_err(|error| match (Failure::from(error), self.only_trusted(query)) {
                (failure @ Failure::OpenPgp(openpgp::Error::UnknownKey(_)), Some(advice)) => {
                    Failure::advised(failure, advice)
                }
                (failure, _) => failure,
            })?;
        let before = self.deleted(home, key, doomed, query)?;
        confirm(&before)?;
        let lock = self.lock()?;
        let key = of_home(home, &before.key.primary.fingerprint)?;
        if key.secret.is_some() && !before.secret {
            // It came while somebody was asked.
            return Err(Failure::Usage("the key got a secret part meanwhile: say it again".into()));
        }
        let deleted = self.deleted(home, &key, doomed, query)?;
        home.heed(&lock, &key.certificate)?;
        match doomed {
            Doomed::SecretPart => home.delete_secret(&lock, &key)?,
            Doomed::Everything => home.delete_key(&lock, &key)?,
        }
        Ok(deleted)
    }

    /// Says what to do about a key of which there is a trusted copy and nothing else.
    pub fn only_trusted(&self, query: &KeyQuery) -> Option<String> {
        let trusted = self.home?.trusted().ok()?;
        let copy = trusted.items.iter().find(|copy| query.matches(&copy.certificate))?;
        let name = quoted(Path::new(&copy.name));
        Some(format!("it is only trusted here. To end that:\n  plugsign trust remove {name}"))
    }

    fn deleted(
        &self,
        home: &Home,
        key: &HomeKey,
        doomed: Doomed,
        query: &KeyQuery,
    ) -> Result<Deleted> {
        let certificate = &key.certificate;
        let fingerprint = certificate.fingerprint();
        let copies = home.trusted_of(&[], std::slice::from_ref(&fingerprint))?;
        let trusted: Vec<String> = copies.items.into_iter().map(|copy| copy.name).collect();
        let is_revoked = |it: &Fingerprint| match *it == fingerprint {
            true => certificate.revoked().is_some(),
            false => certificate.revoked_subkey(it).is_some(),
        };
        let goes = doomed == Doomed::Everything;
        let revoked = certificate.fingerprints().into_iter().filter(is_revoked);
        let forgotten = revoked.filter(|_| goes && trusted.is_empty()).collect();
        let reasons = [RevocationReason::Unspecified].into_iter().chain(RevocationReason::USUAL);
        let kept = reasons.map(|reason| home.revocation_path(&fingerprint, reason));
        let is_there = |path: &PathBuf| std::fs::symlink_metadata(path).is_ok();
        Ok(Deleted {
            key: CertificateView::new(certificate, &self.policy()),
            secret: key.secret.is_some(),
            certificate: goes,
            forgotten,
            trusted,
            revocations: kept.filter(is_there).map(|path| path_text(&path)).collect(),
            is_named_whole: query.is_fingerprint_of(certificate),
        })
    }
}
