//! The certificates that a command line of gpg's knows, and how far each is trusted.

use std::collections::BTreeMap;

use plugsign::disk::shelf::HomeKey;
use plugsign::openpgp::facts::CertificateFacts;
use plugsign::openpgp::ids::Fingerprint;

/// How far a key is trusted: the words of gpg's trust model.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum OwnerTrust {
    /// Its secret part is here.
    Ultimate,
    /// It is trusted by `plugsign trust add`.
    Full,
    /// It was imported, and nobody vouches for it.
    Unknown,
}

impl OwnerTrust {
    pub fn word(self) -> &'static str {
        match self {
            OwnerTrust::Ultimate => "ultimate",
            OwnerTrust::Full => "full",
            OwnerTrust::Unknown => "unknown",
        }
    }
}

/// A key in a listing.
pub struct Listed {
    pub facts: CertificateFacts,
    pub trust: OwnerTrust,
    /// Which half the records are about.
    pub half: Half,
    /// The keys whose secret parts are here.
    pub secrets: Vec<Fingerprint>,
}

/// Which of a key's halves the listing is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Half {
    Public,
    Secret,
}

impl Half {
    /// Returns what gpg calls the record of a primary key or a subkey.
    pub fn record(self, is_primary: bool) -> &'static str {
        match (self, is_primary) {
            (Half::Public, true) => "pub",
            (Half::Public, false) => "sub",
            (Half::Secret, true) => "sec",
            (Half::Secret, false) => "ssb",
        }
    }
}

/// Returns how far a key of the home is trusted.
pub fn trust_in(key: &HomeKey, trusted: &BTreeMap<Fingerprint, Vec<String>>) -> OwnerTrust {
    if key.secret.is_some() {
        OwnerTrust::Ultimate
    } else if trusted.contains_key(&key.certificate.fingerprint()) {
        OwnerTrust::Full
    } else {
        OwnerTrust::Unknown
    }
}
