//! Certificates: what is public of a key.

use std::collections::HashSet;
use std::fmt;
use std::time::SystemTime;

use sequoia_openpgp as openpgp;

use openpgp::KeyHandle;
use openpgp::cert::amalgamation::key::{ErasedKeyAmalgamation, PrimaryKey as _};
use openpgp::cert::amalgamation::{UserIDAmalgamation, ValidateAmalgamation};
use openpgp::packet::key::{KeyParts, KeyRole, PublicParts, SubordinateRole, UnspecifiedRole};
use openpgp::packet::{Key, Signature};
use openpgp::parse::Parse;
use openpgp::serialize::MarshalInto;
use openpgp::types::{ReasonForRevocation, RevocationType, SignatureType};
use openpgp::{Cert, Packet};

use super::policy::{ACCEPTED_HASHES, Policy, Weakness, check_key};
use super::statements::{
    Limits, Statement, Statements, Subject, limits_of_primary, limits_of_subkey,
};
use crate::error::{Error, Result};
use crate::safe::Safe;

/// A version 4 fingerprint: 40 hexadecimal digits. Other versions print as they are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(openpgp::Fingerprint);

impl Fingerprint {
    /// Reads a fingerprint of 40 hexadecimal digits.
    pub fn from_hex(hex: &str) -> Option<Fingerprint> {
        let is_hex = hex.len() == 40 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then(|| hex.parse().ok().map(Fingerprint)).flatten()
    }

    /// Returns the key ID: the last 16 digits of a version 4 fingerprint.
    pub fn key_id(&self) -> KeyId {
        KeyId(openpgp::KeyID::from(&self.0))
    }

    /// Returns the fingerprint in groups of four digits, for reading aloud and comparing.
    pub fn grouped(&self) -> String {
        self.0.to_spaced_hex()
    }

    /// Returns the key ID's octets.
    pub(super) fn key_id_octets(&self) -> Option<[u8; 8]> {
        self.0.as_bytes().last_chunk::<8>().copied()
    }

    pub(super) fn handle(&self) -> KeyHandle {
        KeyHandle::Fingerprint(self.0.clone())
    }
}

impl From<openpgp::Fingerprint> for Fingerprint {
    fn from(fingerprint: openpgp::Fingerprint) -> Fingerprint {
        Fingerprint(fingerprint)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}", self.0)
    }
}

/// A key ID: 16 hexadecimal digits. Others can be made to collide with it, so it selects
/// candidates and never decides.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(openpgp::KeyID);

impl KeyId {
    /// Reads a key ID of 16 hexadecimal digits.
    pub fn from_hex(hex: &str) -> Option<KeyId> {
        let is_hex = hex.len() == 16 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then(|| hex.parse().ok().map(KeyId)).flatten()
    }
}

impl From<openpgp::KeyID> for KeyId {
    fn from(key_id: openpgp::KeyID) -> KeyId {
        KeyId(key_id)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}", self.0)
    }
}

/// A certificate (RFC 9580, section 10.1). It holds no secret key by construction.
///
/// It is read at its narrowest: what its own key said to revoke it, to end it earlier or to take a
/// purpose away counts, however odd the packet is that says so.
#[derive(Clone)]
pub struct Certificate {
    cert: Cert,
    /// What its own key says, as it came.
    own: Statements,
    /// What other copies say beyond that. It can narrow, and never widens.
    elsewhere: Vec<Statement>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.fingerprint())
    }
}

impl Certificate {
    /// Takes what is public of `cert`, without certifications by others: they say nothing to
    /// us, weigh up to megabytes (CVE-2019-13050), and one by an Ed25519 key makes the server
    /// drop the whole certificate.
    pub(super) fn new(cert: Cert) -> Certificate {
        let own = cert.to_vec().map(|packets| Statements::of(&packets)).unwrap_or_default();
        Certificate::read(cert, own)
    }

    /// Takes what is public of `cert`, as [`Certificate::new`] does, with the statements of the
    /// packets that it was read from.
    pub(super) fn read(cert: Cert, own: Statements) -> Certificate {
        let cert = cert.strip_secret_key_material();
        Certificate { cert, own, elsewhere: Vec::new() }.without_foreign_certifications()
    }

    /// Returns the certificate with other packets. What its key said before stays said.
    pub(super) fn changed(&self, cert: Cert) -> Certificate {
        let mut changed = Certificate::new(cert);
        changed.own = self.own.and(&changed.own);
        changed.elsewhere = self.elsewhere.clone();
        changed
    }

    /// Returns the certificate with fewer packets. What its key said stays said.
    fn with_cert(&self, cert: Cert) -> Certificate {
        Certificate { cert, own: self.own.clone(), elsewhere: self.elsewhere.clone() }
    }

    /// Returns the certificate with a signature that stands alone, such as a revocation
    /// certificate.
    pub(super) fn with_statement(&self, body: &[u8]) -> Certificate {
        Certificate { own: self.own.with(body), ..self.clone() }
    }

    /// Returns whether its primary key made a signature that stands alone.
    pub(super) fn made(&self, body: &[u8]) -> bool {
        self.own.with(body).is_own(body)
    }

    /// Returns what the primary key said, in this copy and in others.
    fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.own.own().iter().chain(&self.elsewhere)
    }

    /// Returns whether its own key said anything of this.
    fn has_statement_on(&self, subject: &Subject) -> bool {
        self.own.own().iter().any(|statement| statement.subject == *subject)
    }

    /// Returns the certificate as another copy of it narrows it: by revocations, and by an earlier
    /// end or fewer purposes in newer self-signatures. What the other copy widens is left aside.
    pub fn narrowed_by(&self, other: &Certificate) -> Certificate {
        let mut narrowed = self.clone();
        let revokers = other.named_revokers();
        let by_others = other.own.by_others().iter();
        let by_others = by_others.filter(|(_, by)| is_one_of(by, &revokers)).map(|(it, _)| it);
        for statement in other.statements().chain(by_others) {
            if self.statements().all(|known| known != statement) {
                narrowed.elsewhere.push(statement.clone());
            }
        }
        narrowed
    }

    fn without_foreign_certifications(self) -> Certificate {
        let primary = self.cert.key_handle();
        let by_revokers: Vec<Signature> =
            self.cert.keys().flat_map(|key| self.by_revokers(&key)).cloned().collect();
        let is_own = |packet: &Packet| match packet {
            Packet::Signature(signature) => {
                let issuers = signature.get_issuers();
                issuers.is_empty()
                    || issuers.iter().any(|issuer| issuer.aliases(&primary))
                    || by_revokers.contains(signature)
            }
            _ => true,
        };
        self.filtered(is_own)
    }

    /// Returns the revocations of one of its keys that claim to be by somebody whom the primary
    /// key lets revoke it (RFC 9580, section 5.2.3.23). Without that one's certificate they cannot
    /// be checked; but what may be revoked is not known to be good.
    fn by_revokers<'a>(&self, key: &ErasedKeyAmalgamation<'a, PublicParts>) -> Vec<&'a Signature> {
        let mut revocations = key.other_revocations().peekable();
        // Finding out who may revoke it takes verifying what the key says of itself.
        let revokers = match revocations.peek() {
            Some(_) => self.named_revokers(),
            None => return Vec::new(),
        };
        let is_by_one = |revocation: &&Signature| {
            let mut issuers = revocation.get_issuers().into_iter();
            issuers.any(|issuer| revokers.iter().any(|revoker| revoker.aliases(&issuer)))
        };
        revocations.filter(is_by_one).collect()
    }

    fn named_revokers(&self) -> Vec<KeyHandle> {
        let of_user_ids = self.cert.userids().flat_map(|id| id.self_signatures());
        let own = self.cert.primary_key().self_signatures().chain(of_user_ids);
        own.flat_map(|signature| signature.revocation_keys())
            .map(|named| KeyHandle::from(named.revoker().1))
            .collect()
    }

    /// Reads one binary certificate of nothing else.
    ///
    /// # Errors
    ///
    /// [`Error::NoKey`] if there is none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Certificate> {
        Cert::from_bytes(bytes)
            .map(Certificate::new)
            .map_err(|error| Error::NoKey(innermost(error.as_ref())))
    }

    pub(super) fn cert(&self) -> &Cert {
        &self.cert
    }

    /// Returns the primary key's fingerprint, which names the certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        self.cert.fingerprint().into()
    }

    /// Returns the fingerprints of all its keys, the primary's first.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.cert.keys().map(|key| key.key().fingerprint().into()).collect()
    }

    /// Returns the user IDs as they stand, unchecked and not safe to show.
    pub fn user_ids(&self) -> Vec<Vec<u8>> {
        self.cert.userids().map(|id| id.userid().value().to_vec()).collect()
    }

    /// Returns those that its own key did not revoke.
    pub fn standing_user_ids(&self) -> Vec<Vec<u8>> {
        let standing = self.cert.userids().filter(|id| !self.is_revoked_id(id));
        standing.map(|id| id.userid().value().to_vec()).collect()
    }

    /// Returns the user IDs that its own key revoked.
    pub fn revoked_user_ids(&self) -> Vec<Vec<u8>> {
        let revoked = self.cert.userids().filter(|id| self.is_revoked_id(id));
        revoked.map(|id| id.userid().value().to_vec()).collect()
    }

    /// Returns whether its own key revoked a user ID.
    pub(super) fn is_revoked_id(&self, id: &UserIDAmalgamation<'_>) -> bool {
        id.self_revocations().next().is_some()
            || self.revokes(&Subject::UserId(id.userid().value().into()))
    }

    /// Returns whether its own key revoked a subkey.
    pub(super) fn is_revoked_subkey<P: KeyParts, R: KeyRole>(&self, subkey: &Key<P, R>) -> bool {
        let component = self.cert.keys().subkeys().find(|it| it.key().mpis() == subkey.mpis());
        component.is_some_and(|it| it.self_revocations().next().is_some())
            || self.revokes(&subject_of(subkey))
    }

    /// Returns whether its own key revoked this.
    fn revokes(&self, subject: &Subject) -> bool {
        self.statements().any(|it| it.is_revocation() && it.subject == *subject)
    }

    /// Returns the user ID that names the certificate: of those that its own key signed and did
    /// not revoke, the one that it calls the primary one, else the first. One that is revoked, or
    /// that anybody may have added, only names a certificate that has no other. Not safe to show.
    pub fn name(&self) -> Option<Vec<u8>> {
        let rank = |id: &UserIDAmalgamation<'_>| {
            let newest = id.self_signatures().max_by_key(|it| it.signature_creation_time());
            match newest {
                Some(own) if !self.is_revoked_id(id) => {
                    if own.primary_userid() == Some(true) {
                        0
                    } else {
                        1
                    }
                }
                _ => 2,
            }
        };
        self.cert.userids().min_by_key(rank).map(|id| id.userid().value().to_vec())
    }

    /// Returns the user ID that names it as text, or nothing. Not safe to show.
    pub fn first_user_id(&self) -> String {
        let name = self.name().unwrap_or_default();
        String::from_utf8_lossy(&name).into_owned()
    }

    /// Returns the certificate as binary OpenPGP packets.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let packets = self.cert.to_vec().map_err(Error::crypto("writing the certificate"))?;
        Ok(self.restored(&packets).unwrap_or(packets))
    }

    /// Returns packets of this key with what a parser left out of its key's statements, or nothing
    /// if they lack none.
    pub(super) fn restored(&self, packets: &[u8]) -> Option<Vec<u8>> {
        self.own.restored(packets, |by| is_one_of(by, &self.named_revokers()), &self.elsewhere)
    }

    /// Returns when the newest of its key's statements was made.
    pub(super) fn newest_statement(&self) -> Option<SystemTime> {
        self.own.own().iter().map(Statement::created).max()
    }

    /// Returns the certificate armored, as "PGP PUBLIC KEY BLOCK" without comments.
    pub fn to_armored(&self) -> Result<Vec<u8>> {
        armored(openpgp::armor::Kind::PublicKey, &self.to_bytes()?)
    }

    /// Adds what another copy of this certificate has: nothing is ever lost, revocations least
    /// of all.
    ///
    /// # Errors
    ///
    /// [`Error::Crypto`] if the other is not a copy of this one.
    pub fn merge(&self, other: &Certificate) -> Result<Certificate> {
        let merged = self
            .cert
            .clone()
            .merge_public(other.cert.clone())
            .map_err(Error::crypto("merging certificates"))?;
        let mut merged = Certificate::read(merged, self.own.and(&other.own));
        merged.elsewhere = [&self.elsewhere[..], &other.elsewhere].concat();
        Ok(merged)
    }

    /// Returns the certificate with no more than its own key signed, whatever policy says of it.
    ///
    /// Anybody can add signatures that claim to be its own, user IDs and subkeys to a copy. Kept,
    /// they would add up from copy to copy, and one is enough for the Mattermost server to refuse
    /// the whole.
    pub fn proven(&self) -> Certificate {
        let primary = self.cert.primary_key();
        let mut packets: Vec<Packet> = vec![primary.key().clone().into()];
        let own = primary.self_signatures().chain(primary.self_revocations());
        packets.extend(own.cloned().map(Packet::from));
        packets.extend(self.by_revokers(&primary.into()).into_iter().cloned().map(Packet::from));
        for id in self.cert.userids() {
            let mut own = id.self_signatures().chain(id.self_revocations()).peekable();
            let subject = Subject::UserId(id.userid().value().into());
            if own.peek().is_some() || self.has_statement_on(&subject) {
                packets.push(id.userid().clone().into());
                packets.extend(own.cloned().map(Packet::from));
            }
        }
        for attribute in self.cert.user_attributes() {
            let mut own =
                attribute.self_signatures().chain(attribute.self_revocations()).peekable();
            if own.peek().is_some() {
                packets.push(attribute.user_attribute().clone().into());
                packets.extend(own.cloned().map(Packet::from));
            }
        }
        for subkey in self.cert.keys().subkeys() {
            let mut own = subkey.self_signatures().chain(subkey.self_revocations()).peekable();
            if own.peek().is_some() || self.has_statement_on(&subject_of(subkey.key())) {
                packets.push(subkey.key().clone().into());
                packets.extend(own.cloned().map(Packet::from));
                let revoked = self.by_revokers(&subkey.into()).into_iter();
                packets.extend(revoked.cloned().map(Packet::from));
            }
        }
        match Cert::from_packets(packets.into_iter()) {
            Ok(cert) => self.with_cert(cert),
            Err(_) => self.clone(),
        }
    }

    /// Drops the subkeys that a newer copy of this certificate has no more and that never count
    /// here: of another algorithm than RSA, or too short. Revoked ones stay.
    pub fn without_subkeys_gone_from(&self, newer: &Certificate) -> Certificate {
        let kept: HashSet<Fingerprint> = newer.fingerprints().into_iter().collect();
        let cert = self.cert.clone().retain_subkeys(|subkey| {
            check_key(subkey.key()).is_ok()
                || subkey.self_revocations().next().is_some()
                || self.revokes(&subject_of(subkey.key()))
                || kept.contains(&subkey.key().fingerprint().into())
        });
        self.with_cert(cert)
    }

    /// Returns the subkeys that cannot sign data: their algorithm makes no signatures, or no
    /// binding of theirs, however old, gives them the flag. Those for authentication are among
    /// them.
    pub fn subkeys_that_never_sign(&self) -> Vec<Fingerprint> {
        let may_sign =
            |flags: openpgp::types::KeyFlags| flags.for_signing() || flags.for_certification();
        self.cert
            .keys()
            .subkeys()
            .filter(|subkey| {
                let mut bindings = subkey.self_signatures().peekable();
                !subkey.key().pk_algo().for_signing()
                    || (bindings.peek().is_some()
                        && bindings.all(|it| it.key_flags().is_some_and(|it| !may_sign(it))))
            })
            .map(|subkey| subkey.key().fingerprint().into())
            .collect()
    }

    /// Returns how many packets it has: what reading it costs.
    pub fn packet_count(&self) -> usize {
        self.cert.clone().into_packets().count()
    }

    /// Returns the certificate without some of its subkeys.
    pub fn without_subkeys(&self, gone: &[Fingerprint]) -> Certificate {
        let gone: HashSet<&Fingerprint> = gone.iter().collect();
        let cert = self
            .cert
            .clone()
            .retain_subkeys(|subkey| !gone.contains(&Fingerprint(subkey.key().fingerprint())));
        self.with_cert(cert)
    }

    /// Returns the certificate without the revocations that were made after `time`, as far as
    /// they leave what was before alone: one that says "compromised", or does not say why, counts
    /// for all time (RFC 9580, section 5.2.3.31).
    pub fn as_of(&self, time: SystemTime) -> Certificate {
        let counts = |packet: &Packet| match packet {
            Packet::Signature(signature) => {
                let is_revocation = matches!(
                    signature.typ(),
                    SignatureType::KeyRevocation | SignatureType::SubkeyRevocation
                );
                let is_soft = signature
                    .reason_for_revocation()
                    .is_some_and(|(code, _)| code.revocation_type() == RevocationType::Soft);
                let is_later = signature.signature_creation_time().is_some_and(|it| it > time);
                !(is_revocation && is_soft && is_later)
            }
            _ => true,
        };
        let said = |it: &Statement| it.created() <= time || (it.is_revocation() && it.is_hard());
        let mut before = self.filtered(counts);
        before.own = before.own.filtered(said);
        before.elsewhere.retain(said);
        before
    }

    fn filtered(&self, keeps: impl Fn(&Packet) -> bool) -> Certificate {
        let packets: Vec<Packet> = self.cert.clone().into_packets().filter(keeps).collect();
        match Cert::from_packets(packets.into_iter()) {
            Ok(cert) => self.with_cert(cert),
            Err(_) => self.clone(),
        }
    }

    /// Returns whether both hold the same packets.
    pub fn same_as(&self, other: &Certificate) -> bool {
        let same = matches!((self.to_bytes(), other.to_bytes()), (Ok(a), Ok(b)) if a == b);
        self.cert == other.cert && same
    }

    /// Returns why its own primary key, or somebody whom that lets revoke it, ended the
    /// certificate, whenever that was, in words that are safe to show.
    pub fn revoked(&self) -> Option<String> {
        let primary = self.cert.primary_key().into();
        self.revoked_by_own(&Subject::Key, &primary).or_else(|| self.revoked_by_another(&primary))
    }

    /// Returns why one of its subkeys is revoked by itself, in words that are safe to show.
    pub fn revoked_subkey(&self, fingerprint: &Fingerprint) -> Option<String> {
        let mut subkeys = self.cert.keys().subkeys();
        let subkey: ErasedKeyAmalgamation<_> =
            subkeys.find(|it| Fingerprint(it.key().fingerprint()) == *fingerprint)?.into();
        self.revoked_by_own(&subject_of(subkey.key()), &subkey)
            .or_else(|| self.revoked_by_another(&subkey))
    }

    /// Returns when the oldest revocation was made that its own key has on one of its keys.
    pub fn revoked_since(&self, fingerprint: &Fingerprint) -> Option<SystemTime> {
        let component = self.cert.keys().key_handle(fingerprint.handle()).next()?;
        let subject = match component.primary() {
            true => Subject::Key,
            false => subject_of(component.key()),
        };
        let read = component.self_revocations().filter_map(|it| it.signature_creation_time());
        let said = self.statements().filter(|it| it.is_revocation() && it.subject == subject);
        read.chain(said.map(Statement::created)).min()
    }

    /// Returns why its own key revoked one of its keys: a reason that falls on all that was ever
    /// signed before others.
    fn revoked_by_own(
        &self,
        subject: &Subject,
        key: &ErasedKeyAmalgamation<'_, PublicParts>,
    ) -> Option<String> {
        let said = self.statements().filter(|it| it.is_revocation() && it.subject == *subject);
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
        let subject = if key.primary() { Subject::Key } else { subject_of(key.key()) };
        let revokers = self.named_revokers();
        let mut said = all.iter().filter(|(it, by)| {
            it.is_revocation() && it.subject == subject && is_one_of(by, &revokers)
        });
        let (statement, issuers) = said.next()?;
        let revoker: String =
            issuers.first().into_iter().flatten().map(|byte| format!("{byte:02X}")).collect();
        by(reason_words(statement.reason()), revoker)
    }

    /// Checks that the primary key is one that plugsign works with at all: version 4, RSA, of a
    /// sound size, and that some user ID is bound to it.
    pub fn check_primary(&self) -> Result<(), Weakness> {
        check_key(self.cert.primary_key().key())
    }

    /// Checks that this is the certificate of a signer: the primary key and at least one signing
    /// key keep the rules, and no signing key breaks them. Expiry and revocation are not looked
    /// at, see [`Certificate::describe`].
    pub fn check_signer(&self, policy: &Policy) -> Result<(), Weakness> {
        self.check_primary()?;
        let view = match self.cert.with_policy(policy, policy.now()) {
            Ok(view) => view,
            Err(error) => return Err(self.why_unbound(policy, error.as_ref())),
        };
        if let Some(flaw) = self.primary_limits(policy).flaw {
            return Err(flaw);
        }
        let lax = openpgp::policy::StandardPolicy::at(policy.now());
        if let Ok(lax_view) = self.cert.with_policy(&lax, policy.now()) {
            for key in lax_view.keys().for_signing() {
                let fingerprint = Fingerprint::from(key.key().fingerprint());
                // One that ended condemns nothing but itself.
                if self.has_ended(&fingerprint, policy) {
                    continue;
                }
                match check_key(key.key()) {
                    Err(weakness) if key.primary() => return Err(weakness),
                    Err(weakness) => {
                        return Err(Weakness::Subkey(fingerprint, Box::new(weakness)));
                    }
                    Ok(()) => {}
                }
            }
        }
        match view.keys().for_signing().any(|key| check_key(key.key()).is_ok()) {
            true => Ok(()),
            false => Err(self.why_no_signer(policy)),
        }
    }

    /// Says why no subkey signs: one would, if its binding were signed anew.
    fn why_no_signer(&self, policy: &Policy) -> Weakness {
        let flaw = |subkey: Key<PublicParts, SubordinateRole>| {
            let fingerprint = Fingerprint::from(subkey.fingerprint());
            let limits = self.limits(&subkey, false, policy);
            let is_meant = limits.may_sign() && !self.has_ended(&fingerprint, policy);
            limits.flaw.filter(|_| is_meant)
        };
        let subkeys = self.cert.keys().subkeys().map(|subkey| subkey.component().clone());
        subkeys.filter_map(flaw).next().unwrap_or(Weakness::CannotSign)
    }

    /// Returns whether one of the keys is over: revoked, or past its end.
    fn has_ended(&self, fingerprint: &Fingerprint, policy: &Policy) -> bool {
        let is_primary = *fingerprint == self.fingerprint();
        let revoked = if is_primary { None } else { self.revoked_subkey(fingerprint) };
        let component = self.cert.keys().key_handle(fingerprint.handle()).next();
        let end = component.and_then(|it| self.limits(it.key(), is_primary, policy).end);
        revoked.is_some() || end.is_some_and(|end| end <= policy.now())
    }

    /// Returns how far the newest statements let the primary key go.
    fn primary_limits(&self, policy: &Policy) -> Limits {
        let born = self.cert.primary_key().key().creation_time();
        limits_of_primary(self.own.own(), &self.elsewhere, born, policy.now())
    }

    /// Returns how far the newest statements let one of the keys go by itself.
    fn limits<P: KeyParts, R: KeyRole>(
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

    /// Says why there is no view of the certificate under the policy: it may lie in the
    /// future, or its self-signatures may be too weak.
    fn why_unbound(&self, policy: &Policy, error: &(dyn std::error::Error + 'static)) -> Weakness {
        let created = self.cert.primary_key().key().creation_time();
        if created > policy.now() {
            return Weakness::NotYetValid(created);
        }
        if self.cert.userids().next().is_none() {
            return Weakness::Unbound("it has no user ID".into());
        }
        let user_ids = self.cert.userids().flat_map(|id| id.self_signatures());
        let own = user_ids.chain(self.cert.primary_key().self_signatures());
        weak_hash(own).unwrap_or_else(|| Weakness::Unbound(innermost(error)))
    }

    /// Describes the certificate as of the policy's time.
    pub fn describe(&self, policy: &Policy) -> Description {
        let mut keys: Vec<KeyDescription> =
            self.cert.keys().map(|key| self.describe_key(key.key(), policy)).collect();
        self.mark_ended(&mut keys, policy.now());
        let primary_user_id = self
            .cert
            .with_policy(policy, policy.now())
            .and_then(|view| Ok(view.primary_userid()?.userid().value().to_vec()))
            .ok();
        let mut user_ids = self.user_ids();
        if let Some(first) = primary_user_id
            && let Some(place) = user_ids.iter().position(|id| *id == first)
        {
            user_ids[..=place].rotate_right(1);
        }
        Description { keys, user_ids }
    }

    fn describe_key<P: KeyParts>(
        &self,
        key: &Key<P, UnspecifiedRole>,
        policy: &Policy,
    ) -> KeyDescription {
        let valid = self.valid_key(&key.fingerprint().into(), policy, policy.now());
        let component = self.cert.keys().key_handle(key.fingerprint()).next();
        let time = component.as_ref().map(|key| self.reading_time(key, policy.now()));
        let time = time.unwrap_or(policy.now());
        let lax = openpgp::policy::StandardPolicy::at(time);
        let flags = component
            .and_then(|key| key.with_policy(&lax, time).ok())
            .map(|key| (key.key_flags(), key.key_expiration_time()));
        let is_primary = Fingerprint::from(key.fingerprint()) == self.fingerprint();
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
            fingerprint: key.fingerprint().into(),
            algorithm: algorithm_name(key),
            created: key.creation_time(),
            expires,
            usage,
            weakness: valid.err(),
            ended: None,
        }
    }

    /// Checks one of the keys, given by its fingerprint, as of `time`: bound by acceptable
    /// self-signatures, neither it nor the primary key expired or revoked, a signing key.
    pub(super) fn valid_key(
        &self,
        fingerprint: &Fingerprint,
        policy: &Policy,
        time: SystemTime,
    ) -> Result<Key<PublicParts, UnspecifiedRole>, Weakness> {
        let component = self
            .cert
            .keys()
            .key_handle(fingerprint.handle())
            .next()
            .ok_or_else(|| Weakness::Unbound("it is not in the certificate".into()))?;
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
        let view = self
            .cert
            .with_policy(policy, time)
            .map_err(|error| self.why_unbound(policy, error.as_ref()))?;
        let key = component.clone().with_policy(policy, time).map_err(|error| {
            weak_hash(component.self_signatures())
                .unwrap_or_else(|| Weakness::Unbound(innermost(error.as_ref())))
        })?;
        let primary = view.primary_key();
        let ends = [primary.key_expiration_time(), key.key_expiration_time()];
        for expires in ends.into_iter().chain([primary_limits.end, limits.end]) {
            if let Some(expires) = expires.filter(|expires| *expires <= time) {
                return Err(Weakness::Expired(expires));
            }
        }
        if let Some(flaw) = primary_limits.flaw.or(limits.flaw.clone()) {
            return Err(flaw);
        }
        if let Err(error) = view.alive().and_then(|()| key.alive()) {
            return Err(Weakness::Unbound(innermost(error.as_ref())));
        }
        if !key.for_signing() || !limits.may_sign() {
            return Err(Weakness::CannotSign);
        }
        Ok(component.key().clone())
    }
}

/// What a certificate says of itself, checked as of some time.
#[derive(Clone, Debug)]
pub struct Description {
    /// The keys, the primary first. Never empty.
    pub keys: Vec<KeyDescription>,
    /// The user IDs, the primary one first. Foreign text.
    pub user_ids: Vec<Vec<u8>>,
}

impl Description {
    /// Returns whether one of the keys can sign.
    pub fn can_sign(&self) -> bool {
        self.keys.iter().any(|key| key.weakness.is_none())
    }

    /// Returns when the last of its keys that can sign now can no more, if that is known.
    pub fn signs_until(&self) -> Option<SystemTime> {
        let usable = self.keys.iter().filter(|key| key.weakness.is_none());
        let ends: Option<Vec<SystemTime>> = usable.map(|key| self.end_of(key)).collect();
        ends?.into_iter().max()
    }

    /// Returns when one of its keys can sign no more: at its own end or the primary key's.
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

    /// Says what is wrong with the certificate as a whole: what is wrong with its primary key,
    /// or, where that does not sign, with the newest of the subkeys that do.
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

/// What a certificate says of one of its keys.
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
    /// That it is revoked or expired, or not valid yet, whatever it is for.
    pub ended: Option<Weakness>,
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

/// Says so if there are self-signatures, and all of them use hashes that are too weak.
fn weak_hash<'a>(signatures: impl Iterator<Item = &'a Signature>) -> Option<Weakness> {
    let mut weak = None;
    for signature in signatures {
        let hash = signature.hash_algo();
        if ACCEPTED_HASHES.contains(&hash) {
            return None;
        }
        weak = Some(Weakness::Hash(super::words::hash(hash)));
    }
    weak
}

/// Returns the body of a key's public packet.
fn body_of<P: KeyParts, R: KeyRole>(key: &Key<P, R>) -> Vec<u8> {
    key.parts_as_public().to_vec().unwrap_or_default()
}

fn subject_of<P: KeyParts, R: KeyRole>(subkey: &Key<P, R>) -> Subject {
    Subject::Subkey(body_of(subkey).into())
}

/// Returns whether one of the key IDs is a named revoker's.
fn is_one_of(issuers: &[[u8; 8]], revokers: &[KeyHandle]) -> bool {
    let named = |issuer: &[u8; 8]| KeyHandle::from(openpgp::KeyID::from_bytes(issuer));
    issuers.iter().map(named).any(|issuer| revokers.iter().any(|it| it.aliases(&issuer)))
}

/// Returns the reason of the first revocation, as words of ours and the revoker's safe ones.
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

/// Says in our words why sequoia did not take something.
pub(super) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    super::words::of(error)
}

/// Armors packets.
pub(super) fn armored(kind: openpgp::armor::Kind, packets: &[u8]) -> Result<Vec<u8>> {
    let write = || -> std::io::Result<Vec<u8>> {
        let mut writer = openpgp::armor::Writer::new(Vec::new(), kind)?;
        std::io::Write::write_all(&mut writer, packets)?;
        writer.finalize()
    };
    write().map_err(Error::crypto("armoring"))
}

/// Writes a time as ISO 8601, in UTC.
pub fn show_time(time: SystemTime) -> String {
    match jiff::Timestamp::try_from(time) {
        Ok(time) => format!("{time:.0}"),
        Err(_) => "a time out of range".into(),
    }
}
