//! Whom a signature names, and whether the home knows that key. Nothing of it is verified.

use serde::Serialize;

use super::accepted::Known;
use super::show::first_user_id;
use crate::disk::artifact::Artifact;
use crate::openpgp::facts::signature_facts;
use crate::openpgp::ids::{Fingerprint, KeyId};
use crate::openpgp::signature::DetachedSignature;
use crate::openpgp::times::show_time;

/// What a signature claims.
#[derive(Serialize)]
pub struct Claims {
    /// Its type, as `0x00`.
    #[serde(rename = "type")]
    pub class: String,
    /// Its hash algorithm's number (RFC 9580, section 9.5).
    pub hash: u8,
    /// When it claims to be made.
    pub created: String,
    /// The key IDs that it claims to be by.
    pub key_ids: Vec<KeyId>,
    /// The fingerprint that it claims to be by, if it has one.
    pub fingerprint: Option<Fingerprint>,
    /// The key of the home that has this ID or fingerprint.
    pub known: Option<KnownAs>,
}

/// What the home knows of a claimed signer.
#[derive(Serialize)]
pub struct KnownAs {
    /// Its certificate.
    pub certificate: Fingerprint,
    /// The user ID that names it, made safe.
    pub user_id: String,
    /// Whether its signatures count.
    pub trusted: bool,
    /// Whether its secret part is here.
    pub secret: bool,
    /// Whether it is revoked.
    pub revoked: bool,
}

impl Claims {
    /// Returns the key that it names, if any: by its fingerprint if the signature has that.
    pub(super) fn signer(&self) -> Option<String> {
        let key_ids: Vec<String> = self.key_ids.iter().map(ToString::to_string).collect();
        let of_ids = || (!key_ids.is_empty()).then(|| key_ids.join(", "));
        self.fingerprint.as_ref().map(Fingerprint::to_string).or_else(of_ids)
    }

    /// Says what the home knows of the key.
    pub(super) fn standing(&self) -> String {
        let Some(known) = &self.known else { return "the home does not know that key".into() };
        let trust = match (known.trusted, known.secret) {
            (true, _) => "trusted",
            (false, true) => "your own",
            (false, false) => "not trusted",
        };
        let revoked = if known.revoked { ", revoked" } else { "" };
        format!("the home knows it as {}: {trust}{revoked}", known.user_id)
    }
}

/// Reads what an artifact's signature claims.
pub(super) fn claimed(artifact: &Artifact, known: &Known) -> Option<Claims> {
    let file = artifact.read_signature().ok()?;
    let (_, signature) = file.parse().ok()?;
    Some(claims_of(&signature, known))
}

/// Reads what a signature claims, and what the home knows of that key.
pub(super) fn claims_of(signature: &DetachedSignature, known: &Known) -> Claims {
    let facts = signature_facts(signature);
    let key_ids = signature.claimed_issuers();
    let is_it = |key: &Fingerprint| match &facts.fingerprint {
        Some(fingerprint) => key == fingerprint,
        None => key_ids.contains(&key.key_id()),
    };
    let mut keys = known.keys.items.iter();
    let found = keys.find(|key| key.certificate.fingerprints().iter().any(is_it));
    Claims {
        class: format!("0x{:02x}", facts.class),
        hash: facts.hash,
        created: show_time(facts.created),
        fingerprint: facts.fingerprint.clone(),
        known: found.map(|key| KnownAs {
            certificate: key.certificate.fingerprint(),
            user_id: first_user_id(&key.certificate),
            trusted: known.trusted.contains_key(&key.certificate.fingerprint()),
            secret: key.secret.is_some(),
            revoked: key.certificate.revoked().is_some(),
        }),
        key_ids,
    }
}
