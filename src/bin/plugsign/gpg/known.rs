//! The certificates that a command line of gpg's knows, and how far each is trusted.

use plugsign::disk::shelf::{HomeKey, Shelf};
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::facts::CertificateFacts;
use plugsign::openpgp::ids::Fingerprint;
use plugsign::publisher::failure::Failure;

use super::session::Session;
use crate::edge::asking::Asking;

/// How far a key is trusted: the words of gpg's trust model.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Its secret part is here.
    Ultimate,
    /// It is trusted by `plugsign trust add`.
    Full,
    /// It was imported, and nobody vouches for it.
    Unknown,
}

/// A certificate that signatures are verified with.
pub struct Known {
    pub certificate: Certificate,
    pub trust: Trust,
}

/// A key in a listing.
pub struct Listed {
    pub facts: CertificateFacts,
    pub trust: Trust,
    /// The keys whose secret parts are here.
    pub secrets: Vec<Fingerprint>,
}

/// Which of a key's halves the listing is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Half {
    Public,
    Secret,
}

/// Everything that the home knows: its own keys and those that are only trusted.
pub fn known_keys(session: &Session) -> Result<(Shelf<HomeKey>, Vec<Fingerprint>), Failure> {
    session.world.publisher(&Asking::new(&session.world)).known_keys()
}

pub fn trust_in(key: &HomeKey, trusted: &[Fingerprint]) -> Trust {
    if key.secret.is_some() {
        Trust::Ultimate
    } else if trusted.contains(&key.certificate.fingerprint()) {
        Trust::Full
    } else {
        Trust::Unknown
    }
}

/// Adds a certificate, or what a copy of a known one has beyond it: a revocation above all.
pub fn add(known: &mut Vec<Known>, more: Known) {
    let fingerprint = more.certificate.fingerprint();
    match known.iter_mut().find(|known| known.certificate.fingerprint() == fingerprint) {
        Some(first) => {
            if let Ok(merged) = first.certificate.merge(&more.certificate) {
                first.certificate = merged;
            }
        }
        None => known.push(more),
    }
}
