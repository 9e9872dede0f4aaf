//! What a certificate says about itself, to show it.

use std::time::SystemTime;

use sequoia_openpgp as openpgp;
use sequoia_openpgp::cert::amalgamation::ValidateAmalgamation;
use sequoia_openpgp::packet::Key;
use sequoia_openpgp::packet::key::{KeyParts, KeyRole, UnspecifiedRole};

use super::super::policy::Policy;
use super::Certificate;
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::weakness::Weakness;

/// What a certificate says about itself, checked as of a time.
#[derive(Clone, Debug)]
pub struct Description {
    /// The keys, the primary first. Never empty.
    pub keys: Vec<KeyDescription>,
    /// The user IDs, first the one that names the certificate. Foreign text.
    pub user_ids: Vec<Vec<u8>>,
}

impl Description {
    /// Returns whether one of the keys can sign.
    pub fn can_sign(&self) -> bool {
        self.keys.iter().any(|key| key.weakness.is_none())
    }

    /// Returns when the last of its signing keys ends, if it ends.
    pub fn signs_until(&self) -> Option<SystemTime> {
        let usable = self.keys.iter().filter(|key| key.weakness.is_none());
        let ends: Option<Vec<SystemTime>> = usable.map(|key| self.end_of(key)).collect();
        ends?.into_iter().max()
    }

    /// Returns when one of its keys stops signing: at its own end or the primary key's.
    pub fn key_signs_until(&self, fingerprint: &Fingerprint) -> Option<SystemTime> {
        self.keys
            .iter()
            .find(|key| key.fingerprint == *fingerprint)
            .and_then(|key| self.end_of(key))
    }

    fn end_of(&self, key: &KeyDescription) -> Option<SystemTime> {
        let primary = self.keys.first().and_then(|primary| primary.expires);
        primary.into_iter().chain(key.expires).min()
    }

    /// Returns what is wrong with the certificate as a whole: with its primary key, or with its
    /// newest signing subkey if the primary key does not sign.
    pub fn weakness(&self) -> Option<&Weakness> {
        let weakness = self.keys.first()?.weakness.as_ref()?;
        if *weakness != Weakness::CannotSign {
            return Some(weakness);
        }
        if self.can_sign() {
            return None;
        }
        let signing = self.keys.iter().filter(|key| key.usage.contains(&"sign"));
        let newest = signing.max_by_key(|key| key.created);
        newest.and_then(|key| key.weakness.as_ref()).or(Some(weakness))
    }
}

/// What a certificate says about one of its keys.
#[derive(Clone, Debug)]
pub struct KeyDescription {
    /// The key's fingerprint.
    pub fingerprint: Fingerprint,
    /// The algorithm and size, as "RSA-3072".
    pub algorithm: String,
    /// When it was made.
    pub created: SystemTime,
    /// When it stops being valid, if ever.
    pub expires: Option<SystemTime>,
    /// What it may be used for: certify, sign, encrypt, authenticate.
    pub usage: Vec<&'static str>,
    /// Why it cannot make signatures now, if it cannot.
    pub weakness: Option<Weakness>,
    /// Whether it is revoked, expired or not valid yet, for any use.
    pub ended: Option<Weakness>,
}

impl Certificate {
    /// Describes the certificate as of the policy's time.
    pub fn describe(&self, policy: &Policy) -> Description {
        let mut keys: Vec<KeyDescription> =
            self.cert.keys().map(|key| self.describe_key(key.key(), policy)).collect();
        self.mark_ended(&mut keys, policy.now());
        let mut user_ids = self.user_ids();
        let name = self.name_at(policy.now());
        if let Some(place) = user_ids.iter().position(|id| Some(id) == name.as_ref()) {
            user_ids[..=place].rotate_right(1);
        }
        Description { keys, user_ids }
    }

    pub(super) fn describe_key<P: KeyParts>(
        &self,
        key: &Key<P, UnspecifiedRole>,
        policy: &Policy,
    ) -> KeyDescription {
        let valid = self.valid_key(&Fingerprint(key.fingerprint()), policy, policy.now());
        let component = self.cert.keys().key_handle(key.fingerprint()).next();
        let time = component.as_ref().map(|key| self.reading_time(key, policy.now()));
        let time = time.unwrap_or(policy.now());
        let lax = openpgp::policy::StandardPolicy::at(time);
        let flags = component
            .and_then(|key| key.with_policy(&lax, time).ok())
            .map(|key| (key.key_flags(), key.key_expiration_time()));
        let is_primary = Fingerprint(key.fingerprint()) == self.fingerprint();
        let limits = self.limits(key, is_primary, policy);
        let (usage, expires) = match flags {
            Some((flags, expires)) => {
                let flags = flags.unwrap_or_else(openpgp::types::KeyFlags::empty);
                let mut usage = Vec::new();
                for (set, left, name) in [
                    (flags.for_certification(), 0x01, "certify"),
                    (flags.for_signing(), 0x02, "sign"),
                    (
                        flags.for_storage_encryption() || flags.for_transport_encryption(),
                        0x0C,
                        "encrypt",
                    ),
                    (flags.for_authentication(), 0x20, "authenticate"),
                ] {
                    if set && limits.flags & left != 0 {
                        usage.push(name);
                    }
                }
                (usage, expires.into_iter().chain(limits.end).min())
            }
            None => (Vec::new(), None),
        };
        KeyDescription {
            fingerprint: Fingerprint(key.fingerprint()),
            algorithm: algorithm_name(key),
            created: key.creation_time(),
            expires,
            usage,
            weakness: valid.err(),
            ended: None,
        }
    }
}

fn algorithm_name<P: KeyParts, R: KeyRole>(key: &Key<P, R>) -> String {
    use openpgp::types::PublicKeyAlgorithm::*;
    #[allow(deprecated)]
    let name = match key.pk_algo() {
        RSAEncryptSign | RSAEncrypt | RSASign => "RSA",
        DSA => "DSA",
        ElGamalEncrypt | ElGamalEncryptSign => "ElGamal",
        other => return other.to_string(),
    };
    match key.mpis().bits() {
        Some(bits) => format!("{name}-{bits}"),
        None => name.to_string(),
    }
}
