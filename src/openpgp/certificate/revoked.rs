//! Whether a certificate or a part of it is revoked, by its own key or by a designated revoker.

use std::cell::LazyCell;
use std::time::SystemTime;

use sequoia_openpgp as openpgp;
use sequoia_openpgp::KeyHandle;
use sequoia_openpgp::cert::amalgamation::UserIDAmalgamation;
use sequoia_openpgp::cert::amalgamation::key::{ErasedKeyAmalgamation, PrimaryKey as _};
use sequoia_openpgp::packet::key::{KeyParts, KeyRole, PublicParts};
use sequoia_openpgp::packet::{Key, Signature};
use sequoia_openpgp::types::ReasonForRevocation;

use super::super::statements::{Statement, Subject};
use super::{Certificate, is_one_of, subject_of};
use crate::openpgp::error::{Error, Result};
use crate::openpgp::ids::{Fingerprint, hex};
use crate::openpgp::revocation_reason::RevocationReason;
use crate::text::Safe;

impl Certificate {
    /// Returns the revocations of one of its keys that claim to be by a designated revoker (RFC
    /// 9580, section 5.2.3.23). They cannot be verified without the revoker's certificate. But a
    /// key that may be revoked is not known to be good.
    pub(super) fn by_revokers<'a>(
        &self,
        key: &ErasedKeyAmalgamation<'a, PublicParts>,
    ) -> Vec<&'a Signature> {
        // To find the designated revokers, the key's self-signatures have to be verified.
        let revokers = LazyCell::new(|| self.named_revokers());
        let is_by_one = |revocation: &&Signature| {
            let mut issuers = revocation.get_issuers().into_iter();
            issuers.any(|issuer| revokers.iter().any(|revoker| revoker.aliases(&issuer)))
        };
        key.other_revocations().filter(is_by_one).collect()
    }

    /// Returns whether it lets one of the keys with these key IDs revoke it.
    pub(in crate::openpgp) fn lets_revoke(&self, issuers: &[[u8; 8]]) -> bool {
        is_one_of(issuers, &self.named_revokers())
    }

    /// Returns the designated revokers: those that sequoia found, and those that a statement names
    /// which sequoia left out.
    pub(super) fn named_revokers(&self) -> Vec<KeyHandle> {
        let of_user_ids = self.cert.userids().flat_map(|id| id.self_signatures());
        let own = self.cert.primary_key().self_signatures().chain(of_user_ids);
        let read = own.flat_map(|signature| signature.revocation_keys());
        let read = read.map(|named| KeyHandle::from(named.revoker().1));
        let said = self.statements().flat_map(Statement::named_revokers);
        let said = said.map(|(_, _, key)| KeyHandle::from(openpgp::Fingerprint::V4(key)));
        read.chain(said).collect()
    }

    /// Returns whether its own key revoked a user ID.
    pub(in crate::openpgp) fn is_revoked_id(&self, id: &UserIDAmalgamation<'_>) -> bool {
        id.self_revocations().next().is_some()
            || self.revokes(&Subject::UserId(id.userid().value().into()))
    }

    /// Returns whether its own key revoked a subkey.
    pub(in crate::openpgp) fn is_revoked_subkey<P: KeyParts, R: KeyRole>(
        &self,
        subkey: &Key<P, R>,
    ) -> bool {
        let fingerprint = subkey.fingerprint();
        let mut subkeys = self.cert.keys().subkeys();
        let component = subkeys.find(|it| it.key().fingerprint() == fingerprint);
        component.is_some_and(|it| it.self_revocations().next().is_some())
            || self.revokes(&subject_of(subkey))
    }

    /// Returns whether its own key revoked this.
    pub(in crate::openpgp) fn revokes(&self, subject: &Subject) -> bool {
        self.revocations(subject).next().is_some()
    }

    fn revocations(&self, subject: &Subject) -> impl Iterator<Item = &Statement> {
        self.statements().filter(move |it| it.is_revocation() && it.subject == *subject)
    }

    /// Returns why its own primary key or a designated revoker revoked the certificate, at any
    /// time. The words are safe to show.
    pub fn revoked(&self) -> Option<String> {
        let primary = self.cert.primary_key().into();
        self.revoked_by_own(&primary).or_else(|| self.revoked_by_another(&primary))
    }

    /// Returns why one of its subkeys is revoked, apart from the certificate. The words are safe to
    /// show.
    pub fn revoked_subkey(&self, fingerprint: &Fingerprint) -> Option<String> {
        let mut subkeys = self.cert.keys().subkeys();
        let subkey = subkeys.find(|it| Fingerprint::of(it.key()) == *fingerprint)?.into();
        self.revoked_by_own(&subkey).or_else(|| self.revoked_by_another(&subkey))
    }

    /// Refuses a revocation of one of its keys that says no more than what its own key said already:
    /// [`Error::AlreadyRevoked`]. A hard reason may follow a soft one, and nothing else. Programs
    /// that take the newest would take a softer one for the whole truth.
    pub fn check_revocable(
        &self,
        fingerprint: &Fingerprint,
        reason: RevocationReason,
    ) -> Result<()> {
        let component = self.component(fingerprint);
        let Some(why) = component.as_ref().and_then(|it| self.revoked_by_own(it)) else {
            return Ok(());
        };
        let mut said = component.iter().flat_map(|it| self.revocations_of(it));
        match reason.is_hard() && said.all(|it| !it.is_hard()) {
            true => Ok(()),
            false => Err(Error::AlreadyRevoked { key: fingerprint.clone(), why }),
        }
    }

    fn revocations_of(
        &self,
        key: &ErasedKeyAmalgamation<'_, PublicParts>,
    ) -> impl Iterator<Item = &Statement> {
        let subject = about(key);
        self.statements().filter(move |it| it.is_revocation() && it.subject == subject)
    }

    /// Returns when its own key made the oldest revocation of one of its keys.
    pub fn revoked_since(&self, fingerprint: &Fingerprint) -> Option<SystemTime> {
        let component = self.component(fingerprint)?;
        let read = component.self_revocations().filter_map(|it| it.signature_creation_time());
        read.chain(self.revocations(&about(&component)).map(Statement::created)).min()
    }

    /// Returns one of its keys.
    pub(super) fn component(
        &self,
        fingerprint: &Fingerprint,
    ) -> Option<ErasedKeyAmalgamation<'_, PublicParts>> {
        self.cert.keys().key_handle(fingerprint.handle()).next()
    }

    /// Returns why its own key revoked one of its keys. A hard reason goes before a soft one.
    fn revoked_by_own(&self, key: &ErasedKeyAmalgamation<'_, PublicParts>) -> Option<String> {
        let said = self.revocations_of(key);
        if let Some(said) = said.max_by_key(|it| (it.is_hard(), it.reason().is_some())) {
            return Some(reason_words(said.reason()));
        }
        let revocations: Vec<_> = key.self_revocations().collect();
        (!revocations.is_empty()).then(|| reason(&revocations))
    }

    fn revoked_by_another(&self, key: &ErasedKeyAmalgamation<'_, PublicParts>) -> Option<String> {
        let by = |words: String, revoker: String| {
            Some(format!("{words}, by {revoker}, whom it lets revoke it"))
        };
        let revocations = self.by_revokers(key);
        let revoker = revocations.iter().find_map(|it| it.get_issuers().into_iter().next());
        if let Some(revoker) = revoker {
            return by(reason(&revocations), format!("{revoker:X}"));
        }
        let all = self.own.by_others();
        if all.is_empty() {
            return None;
        }
        let subject = about(key);
        let revokers = self.named_revokers();
        let mut said = all.iter().filter(|(it, by)| {
            it.is_revocation() && it.subject == subject && is_one_of(by, &revokers)
        });
        let (statement, issuers) = said.next()?;
        let revoker = issuers.first().map(|issuer| hex(issuer)).unwrap_or_default();
        by(reason_words(statement.reason()), revoker)
    }
}

/// Returns what statements about a key are about.
pub(in crate::openpgp) fn about(key: &ErasedKeyAmalgamation<'_, PublicParts>) -> Subject {
    if key.primary() { Subject::Key } else { subject_of(key.key()) }
}

/// Returns the reason of the first revocation: plugsign's words, and the revoker's message made
/// safe.
fn reason(revocations: &[&Signature]) -> String {
    let reason = revocations.iter().find_map(|revocation| revocation.reason_for_revocation());
    reason_words(reason.map(|(code, message)| (code.into(), message)))
}

/// Puts a reason for revocation into words (RFC 9580, section 5.2.3.31).
fn reason_words(reason: Option<(u8, &[u8])>) -> String {
    let Some((code, message)) = reason else { return "no reason given".into() };
    let words = match ReasonForRevocation::from(code) {
        ReasonForRevocation::KeySuperseded => "superseded",
        ReasonForRevocation::KeyCompromised => "compromised",
        ReasonForRevocation::KeyRetired => "retired",
        _ => "no reason given",
    };
    match Safe::bytes(message).to_string() {
        message if message.is_empty() => words.into(),
        message => format!("{words}: {message}"),
    }
}
