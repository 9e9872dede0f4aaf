//! Whether a key of a certificate may sign, and why not.

use std::time::SystemTime;

use sequoia_openpgp as openpgp;
use sequoia_openpgp::cert::amalgamation::ValidateAmalgamation;
use sequoia_openpgp::cert::amalgamation::key::{ErasedKeyAmalgamation, PrimaryKey as _};
use sequoia_openpgp::packet::key::{KeyParts, KeyRole, PublicParts, UnspecifiedRole};
use sequoia_openpgp::packet::{Key, Signature};

use super::super::policy::{ACCEPTED_HASHES, Policy, check_key, is_rsa};
use super::super::statements::{Limits, Statement, Subject, limits_of_primary, limits_of_subkey};
use super::revoked::about;
use super::{Certificate, body_of};
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::weakness::Weakness;
use crate::openpgp::words;

impl Certificate {
    /// Checks that plugsign works with the primary key: version 4, RSA, of a sound size.
    pub fn check_primary(&self) -> Result<(), Weakness> {
        check_key(self.cert.primary_key().key())
    }

    /// Checks that this is the certificate of a signer. The primary key and at least one signing
    /// key keep the rules, and no signing key breaks them. Expiry and revocation do not count here,
    /// see [`Certificate::describe`].
    pub fn check_signer(&self, policy: &Policy) -> Result<(), Weakness> {
        self.check_primary()?;
        let view = self.cert.with_policy(policy.rules(), policy.now());
        let view = view.map_err(|error| self.why_unbound(policy, error.as_ref()))?;
        if let Some(flaw) = self.primary_limits(policy).flaw {
            return Err(flaw);
        }
        let lax = openpgp::policy::StandardPolicy::at(policy.now());
        if let Ok(lax_view) = self.cert.with_policy(&lax, policy.now()) {
            for key in lax_view.keys().for_signing() {
                let fingerprint = Fingerprint::of(key.key());
                // A key that has ended does not matter for the others.
                if !self.has_ended(&fingerprint, policy) {
                    check_key(key.key()).map_err(|weakness| match key.primary() {
                        true => weakness,
                        false => Weakness::Subkey(fingerprint, Box::new(weakness)),
                    })?;
                }
            }
        }
        match view.keys().for_signing().any(|key| check_key(key.key()).is_ok()) {
            true => Ok(()),
            false => Err(self.why_no_signer(policy)),
        }
    }

    /// Returns why no subkey signs. A subkey whose binding has to be renewed says so.
    pub(super) fn why_no_signer(&self, policy: &Policy) -> Weakness {
        let mut flaws = self.cert.keys().subkeys().filter_map(|subkey| {
            let limits = self.limits(subkey.key(), false, policy);
            let ended = self.has_ended(&Fingerprint::of(subkey.key()), policy);
            limits.flaw.clone().filter(|_| limits.may_sign() && !ended)
        });
        flaws.next().unwrap_or(Weakness::CannotSign)
    }

    /// Returns whether one of the keys has ended: it is revoked or past its end.
    pub(super) fn has_ended(&self, fingerprint: &Fingerprint, policy: &Policy) -> bool {
        let is_primary = *fingerprint == self.fingerprint();
        let revoked = if is_primary { None } else { self.revoked_subkey(fingerprint) };
        let end = self
            .component(fingerprint)
            .and_then(|it| self.limits(it.key(), is_primary, policy).end);
        revoked.is_some() || end.is_some_and(|end| end <= policy.now())
    }

    /// Returns the limits of the primary key by its newest statements.
    pub(super) fn primary_limits(&self, policy: &Policy) -> Limits {
        let born = self.cert.primary_key().key().creation_time();
        limits_of_primary(self.own.own(), &self.elsewhere, born, policy.now())
    }

    /// Returns the limits of one of the keys by its own newest statements.
    pub(super) fn limits<P: KeyParts, R: KeyRole>(
        &self,
        key: &Key<P, R>,
        is_primary: bool,
        policy: &Policy,
    ) -> Limits {
        if is_primary {
            return self.primary_limits(policy);
        }
        let (own, now) = (self.own.own(), policy.now());
        limits_of_subkey(own, &self.elsewhere, &body_of(key), key.creation_time(), now)
    }

    /// Returns the limits that the certificate sets one of its keys, whatever the primary key's
    /// algorithm. plugsign reads the statements of RSA keys itself. Of others, what sequoia verified
    /// counts: as with GnuPG, the newest.
    pub(in crate::openpgp) fn said_of(
        &self,
        component: &ErasedKeyAmalgamation<'_, PublicParts>,
        policy: &Policy,
    ) -> Limits {
        let is_primary = component.primary();
        let unbound = || Some(Weakness::Unbound("nothing binds it".into()));
        if is_rsa(self.cert.primary_key().key()) {
            let subject = about(component);
            let binds = |it: &Statement| {
                !it.is_revocation()
                    && (it.subject == subject || is_primary && it.is_certification())
            };
            return match self.statements().any(binds) {
                true => self.limits(component.key(), is_primary, policy),
                false => Limits { flags: 0, flaw: unbound(), ..Limits::NONE },
            };
        }
        let of_user_ids = self.cert.userids().flat_map(|id| id.self_signatures());
        let own = component.self_signatures().chain(of_user_ids.filter(|_| is_primary));
        let Some(own) = own.max_by_key(|own| own.signature_creation_time()) else {
            return Limits { flags: 0, flaw: unbound(), ..Limits::NONE };
        };
        let flags = own.key_flags().and_then(|it| it.as_bitfield().as_bytes().first().copied());
        Limits {
            end: own.key_expiration_time(component.key()),
            flags: flags.unwrap_or(Limits::NONE.flags),
            flaw: weak_hash(std::iter::once(own)),
        }
    }

    /// Returns when its own key last confirmed a user ID or an attribute.
    pub(in crate::openpgp) fn certified(&self, subject: &Subject) -> Option<SystemTime> {
        let said = self.statements().filter(|it| it.subject == *subject && it.is_certification());
        said.map(Statement::created).max()
    }

    /// Returns why the certificate is not usable under the policy: it may be from the future, or
    /// its self-signatures may be too weak.
    pub(super) fn why_unbound(
        &self,
        policy: &Policy,
        error: &(dyn std::error::Error + 'static),
    ) -> Weakness {
        let created = self.cert.primary_key().key().creation_time();
        if created > policy.now() {
            return Weakness::NotYetValid(created);
        }
        if self.cert.userids().next().is_none() {
            return Weakness::Unbound("it has no user ID".into());
        }
        let user_ids = self.cert.userids().flat_map(|id| id.self_signatures());
        let own = user_ids.chain(self.cert.primary_key().self_signatures());
        weak_hash(own).unwrap_or_else(|| Weakness::Unbound(words::of(error)))
    }

    /// Checks one of the keys as of `time`. Acceptable self-signatures bind it, neither it nor the
    /// primary key has expired or is revoked, and it is a signing key.
    pub(in crate::openpgp) fn valid_key(
        &self,
        fingerprint: &Fingerprint,
        policy: &Policy,
        time: SystemTime,
    ) -> Result<Key<PublicParts, UnspecifiedRole>, Weakness> {
        let component = self.component(fingerprint);
        let component =
            component.ok_or_else(|| Weakness::Unbound("it is not in the certificate".into()))?;
        self.check_primary()?;
        check_key(component.key())?;
        if let Some(reason) = self.revoked().or_else(|| self.revoked_subkey(fingerprint)) {
            return Err(Weakness::Revoked(reason));
        }
        let primary_limits = self.primary_limits(policy);
        let limits = self.limits(component.key(), component.primary(), policy);
        if component.key().creation_time() > time {
            return Err(Weakness::NotYetValid(component.key().creation_time()));
        }
        let view = self.cert.with_policy(policy.rules(), time);
        let view = view.map_err(|error| self.why_unbound(policy, error.as_ref()))?;
        let key = component.clone().with_policy(policy.rules(), time).map_err(|error| {
            weak_hash(component.self_signatures())
                .unwrap_or_else(|| Weakness::Unbound(words::of(error.as_ref())))
        })?;
        let primary = view.primary_key();
        let ends = [primary.key_expiration_time(), key.key_expiration_time()];
        let mut ends = ends.into_iter().chain([primary_limits.end, limits.end]).flatten();
        if let Some(expires) = ends.find(|expires| *expires <= time) {
            return Err(Weakness::Expired(expires));
        }
        if let Some(flaw) = primary_limits.flaw.or(limits.flaw.clone()) {
            return Err(flaw);
        }
        if let Err(error) = view.alive().and_then(|()| key.alive()) {
            return Err(Weakness::Unbound(words::of(error.as_ref())));
        }
        if !key.for_signing() || !limits.may_sign() {
            return Err(Weakness::CannotSign);
        }
        Ok(component.key().clone())
    }
}

/// Returns the weak hash if there are self-signatures and all of them use weak hashes.
fn weak_hash<'a>(signatures: impl Iterator<Item = &'a Signature>) -> Option<Weakness> {
    let hashes: Vec<_> = signatures.map(|it| it.hash_algo()).collect();
    let last = hashes.last().filter(|_| !hashes.iter().any(|it| ACCEPTED_HASHES.contains(it)));
    last.map(|hash| Weakness::Hash(words::hash(*hash)))
}
