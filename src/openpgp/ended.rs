//! Which keys of a certificate have ended. Other faults do not matter here.

use std::time::SystemTime;

use sequoia_openpgp::cert::amalgamation::key::{ErasedKeyAmalgamation, PrimaryKey};
use sequoia_openpgp::packet::key::PublicParts;

use super::certificate::Certificate;
use super::certificate::description::KeyDescription;
use super::weakness::Weakness;

impl Certificate {
    /// Returns the time of the newest self-signature, including revocations.
    pub fn newest_self_signature(&self) -> Option<SystemTime> {
        let cert = self.cert();
        let user_ids = cert
            .userids()
            .flat_map(|id| id.self_signatures().chain(id.self_revocations()).collect::<Vec<_>>());
        let keys = cert.keys().flat_map(|key| {
            key.self_signatures().chain(key.self_revocations()).collect::<Vec<_>>()
        });
        let read = user_ids.chain(keys).filter_map(|signature| signature.signature_creation_time());
        read.chain(self.newest_statement()).max()
    }

    /// Returns the time at which to read what the certificate says about one of its keys: now. If
    /// the clock is behind all self-signatures, the newest one's time is used, so that nothing is
    /// hidden.
    pub(super) fn reading_time(
        &self,
        key: &ErasedKeyAmalgamation<'_, PublicParts>,
        now: SystemTime,
    ) -> SystemTime {
        let of_user_ids = self.cert().userids().flat_map(|id| id.self_signatures());
        let of_user_ids = of_user_ids.filter(|_| key.primary());
        let mut own = key.self_signatures().chain(of_user_ids);
        match own.any(|it| it.signature_creation_time().is_some_and(|time| time <= now)) {
            true => now,
            false => self.newest_self_signature().unwrap_or(now).max(now),
        }
    }

    /// Says of each key whether it has ended, or has not begun: by itself or with the primary key.
    pub(super) fn mark_ended(&self, keys: &mut [KeyDescription], now: SystemTime) {
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
