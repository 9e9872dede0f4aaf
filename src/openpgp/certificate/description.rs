//! What a certificate says about itself, to show it.

use std::time::SystemTime;

use sequoia_openpgp as openpgp;
use sequoia_openpgp::cert::amalgamation::ValidateAmalgamation;
use sequoia_openpgp::cert::amalgamation::key::{ErasedKeyAmalgamation, PrimaryKey as _};
use sequoia_openpgp::packet::Key;
use sequoia_openpgp::packet::key::{KeyParts, KeyRole, PublicParts};

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
        self.end_of(self.keys.iter().find(|key| key.fingerprint == *fingerprint)?)
    }

    fn end_of(&self, key: &KeyDescription) -> Option<SystemTime> {
        let primary = self.keys.first().and_then(|primary| primary.expires);
        primary.into_iter().chain(key.expires).min()
    }

    /// Returns what is wrong with the primary key. If it does not sign, the newest signing subkey
    /// counts instead.
    pub fn weakness(&self) -> Option<Weakness> {
        let weakness = self.keys.first()?.weakness.clone()?;
        if weakness != Weakness::CannotSign {
            return Some(weakness);
        }
        if self.can_sign() {
            return None;
        }
        let signing = self.keys.iter().filter(|key| key.usage.contains(&"sign"));
        let newest = signing.max_by_key(|key| key.created);
        Some(newest.and_then(KeyDescription::weakness_as_subkey).unwrap_or(weakness))
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

impl KeyDescription {
    /// Returns what keeps the whole key from signing, if this is the subkey that would sign.
    fn weakness_as_subkey(&self) -> Option<Weakness> {
        Some(match self.weakness.clone()? {
            Weakness::Revoked(reason) => Weakness::RevokedSubkey(self.fingerprint.clone(), reason),
            other => other,
        })
    }
}

impl Certificate {
    /// Describes the certificate as of the policy's time.
    pub fn describe(&self, policy: &Policy) -> Description {
        let all = self.fingerprints().into_iter();
        let mut keys: Vec<_> = all.filter_map(|key| self.describe_key(key, policy)).collect();
        self.mark_ended(&mut keys, policy.now());
        let mut user_ids = self.user_ids();
        let name = self.name_at(policy.now());
        if let Some(place) = user_ids.iter().position(|id| Some(id) == name.as_ref()) {
            user_ids[..=place].rotate_right(1);
        }
        Description { keys, user_ids }
    }

    fn describe_key(&self, fingerprint: Fingerprint, policy: &Policy) -> Option<KeyDescription> {
        let component = self.component(&fingerprint)?;
        let key = component.key();
        let limits = self.limits(key, fingerprint == self.fingerprint(), policy);
        let time = self.reading_time(&component, policy.now());
        let lax = openpgp::policy::StandardPolicy::at(time);
        let (mut usage, mut expires) = (Vec::new(), None);
        if let Ok(valid) = component.with_policy(&lax, time) {
            let flags = valid.key_flags().unwrap_or_else(openpgp::types::KeyFlags::empty);
            let encrypts = flags.for_storage_encryption() || flags.for_transport_encryption();
            for (is_set, left, name) in [
                (flags.for_certification(), 0x01, "certify"),
                (flags.for_signing(), 0x02, "sign"),
                (encrypts, 0x0C, "encrypt"),
                (flags.for_authentication(), 0x20, "authenticate"),
            ] {
                if is_set && limits.flags & left != 0 {
                    usage.push(name);
                }
            }
            expires = valid.key_expiration_time().into_iter().chain(limits.end).min();
        }
        Some(KeyDescription {
            algorithm: algorithm_name(key),
            created: key.creation_time(),
            expires,
            usage,
            weakness: self.valid_key(&fingerprint, policy, policy.now()).err(),
            ended: None,
            fingerprint,
        })
    }

    /// Returns the time of the newest self-signature, including revocations.
    pub fn newest_self_signature(&self) -> Option<SystemTime> {
        let cert = &self.cert;
        let user_ids =
            cert.userids().flat_map(|id| id.self_signatures().chain(id.self_revocations()));
        let keys = cert.keys().flat_map(|key| key.self_signatures().chain(key.self_revocations()));
        let read = user_ids.chain(keys).filter_map(|signature| signature.signature_creation_time());
        read.chain(self.newest_statement()).max()
    }

    /// Returns the time at which to read what the certificate says about one of its keys: now. If
    /// the clock is behind all self-signatures, the newest one's time is used, so that nothing is
    /// hidden.
    fn reading_time(
        &self,
        key: &ErasedKeyAmalgamation<'_, PublicParts>,
        now: SystemTime,
    ) -> SystemTime {
        let of_user_ids = self.cert.userids().flat_map(|id| id.self_signatures());
        let of_user_ids = of_user_ids.filter(|_| key.primary());
        let mut own = key.self_signatures().chain(of_user_ids);
        match own.any(|it| it.signature_creation_time().is_some_and(|time| time <= now)) {
            true => now,
            false => self.newest_self_signature().unwrap_or(now).max(now),
        }
    }

    /// Says of each key whether it has ended, or has not begun: by itself or with the primary key.
    fn mark_ended(&self, keys: &mut [KeyDescription], now: SystemTime) {
        let whole = self.revoked();
        let end_of_all = keys.first().and_then(|primary| primary.expires);
        for key in keys {
            let revoked = whole.clone().or_else(|| self.revoked_subkey(&key.fingerprint));
            let end = end_of_all.into_iter().chain(key.expires).min();
            key.ended = match (revoked, end) {
                (Some(reason), _) => Some(Weakness::Revoked(reason)),
                (None, _) if key.created > now => Some(Weakness::NotYetValid(key.created)),
                (None, Some(end)) if end <= now => Some(Weakness::Expired(end)),
                _ => None,
            };
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
