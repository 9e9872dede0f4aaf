//! Certificates: the public part of a key.

pub mod description;
pub(super) mod revoked;
mod usable;

use std::cmp::Reverse;
use std::collections::HashSet;
use std::fmt;
use std::time::SystemTime;

use sequoia_openpgp as openpgp;
use sequoia_openpgp::cert::amalgamation::UserIDAmalgamation;
use sequoia_openpgp::packet::key::{KeyParts, KeyRole};
use sequoia_openpgp::packet::{Key, Signature};
use sequoia_openpgp::parse::Parse;
use sequoia_openpgp::serialize::MarshalInto;
use sequoia_openpgp::types::{RevocationType, SignatureType};
use sequoia_openpgp::{Cert, KeyHandle, Packet};

use super::armor::armored;
use super::error::{Error, Result};
use super::ids::Fingerprint;
use super::policy::{ACCEPTED_HASHES, check_key};
use super::statements::{Statement, Statements, Subject};
use super::words;

/// A certificate (RFC 9580, section 10.1). It holds no secret key by construction.
///
/// It is read at its narrowest. A statement of its own key that revokes it, ends it earlier or
/// removes a purpose counts, even in a malformed packet.
#[derive(Clone)]
pub struct Certificate {
    cert: Cert,
    /// The statements of its own key, as they came.
    own: Statements,
    /// Further statements of other copies. They can narrow the certificate, and never widen it.
    elsewhere: Vec<Statement>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.fingerprint())
    }
}

impl Certificate {
    /// Takes the public part of `cert`, without certifications by others. plugsign does not use
    /// them. They can have megabytes (CVE-2019-13050), and one by an Ed25519 key makes the server
    /// drop the whole certificate.
    pub(super) fn new(cert: Cert) -> Certificate {
        let own = cert.to_vec().map(|packets| Statements::of(&packets)).unwrap_or_default();
        Certificate::read(cert, own)
    }

    /// Takes the public part of `cert`, as [`Certificate::new`] does, with the statements of the
    /// packets that it was read from.
    pub(super) fn read(cert: Cert, own: Statements) -> Certificate {
        let cert = cert.strip_secret_key_material();
        Certificate { cert, own, elsewhere: Vec::new() }.without_foreign_certifications()
    }

    /// Returns the certificate with other packets. Earlier statements of its key are kept.
    pub(super) fn changed(&self, cert: Cert) -> Certificate {
        let mut changed = Certificate::new(cert);
        changed.own = self.own.and(&changed.own);
        changed.elsewhere = self.elsewhere.clone();
        changed
    }

    /// Returns the certificate with fewer packets. The statements of its key are kept.
    fn with_cert(&self, cert: Cert) -> Certificate {
        Certificate { cert, own: self.own.clone(), elsewhere: self.elsewhere.clone() }
    }

    /// Returns the certificate with a separate signature, such as a revocation certificate.
    pub(super) fn with_statement(&self, body: &[u8]) -> Certificate {
        Certificate { own: self.own.with(body), ..self.clone() }
    }

    /// Returns what a separate signature is about, if its primary key made it.
    pub(super) fn subject_of(&self, body: &[u8]) -> Option<&Subject> {
        self.own.subject_of(body)
    }

    /// Returns the statements of the primary key, in this copy and in others.
    pub(super) fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.own.own().iter().chain(&self.elsewhere)
    }

    /// Returns where a user ID or subkey stands among the others in the packets as they came.
    pub(super) fn place_of(&self, subject: &Subject) -> Option<usize> {
        self.own.subjects().iter().position(|it| it == subject)
    }

    /// Returns whether its own key made a statement about this.
    fn has_statement_on(&self, subject: &Subject) -> bool {
        self.own.own().iter().any(|statement| statement.subject == *subject)
    }

    /// Returns the certificate, narrowed by another copy of it: by revocations, and by an earlier
    /// end or fewer purposes in newer self-signatures. What the other copy widens is ignored.
    pub fn narrowed_by(&self, other: &Certificate) -> Certificate {
        let mut narrowed = self.clone();
        // One copy may name the revoker, and the other have its revocation.
        let revokers = [self.named_revokers(), other.named_revokers()].concat();
        let by_others = other.own.by_others().iter();
        let by_others = by_others.filter(|(_, by)| is_one_of(by, &revokers)).map(|(it, _)| it);
        let known: HashSet<&Statement> = self.statements().collect();
        let new = other.statements().chain(by_others).filter(|it| !known.contains(it));
        narrowed.elsewhere.extend(new.cloned());
        narrowed
    }

    fn without_foreign_certifications(self) -> Certificate {
        let primary = self.cert.key_handle();
        let by_revokers: Vec<Signature> =
            self.cert.keys().flat_map(|key| self.by_revokers(&key)).cloned().collect();
        self.filtered(|signature| {
            let issuers = signature.get_issuers();
            issuers.is_empty()
                || issuers.iter().any(|issuer| issuer.aliases(&primary))
                || by_revokers.contains(signature)
        })
    }

    /// Reads one binary certificate and nothing else.
    /// Fails with [`Error::NoKey`] if there is none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Certificate> {
        Cert::from_bytes(bytes)
            .map(Certificate::new)
            .map_err(|error| Error::no_key(words::of(error.as_ref())))
    }

    pub(super) fn cert(&self) -> &Cert {
        &self.cert
    }

    /// Returns the primary key's fingerprint, which names the certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(self.cert.fingerprint())
    }

    /// Returns the fingerprints of all its keys, the primary's first.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.cert.keys().map(|key| Fingerprint::of(key.key())).collect()
    }

    /// Returns the user IDs as they are, unchecked and not safe to show.
    pub fn user_ids(&self) -> Vec<Vec<u8>> {
        self.cert.userids().map(|id| id.userid().value().to_vec()).collect()
    }

    /// Returns the user IDs that its own key did not revoke.
    pub fn standing_user_ids(&self) -> Vec<Vec<u8>> {
        let standing = self.cert.userids().filter(|id| !self.is_revoked_id(id));
        standing.map(|id| id.userid().value().to_vec()).collect()
    }

    /// Returns the user IDs that its own key revoked.
    pub fn revoked_user_ids(&self) -> Vec<Vec<u8>> {
        let revoked = self.cert.userids().filter(|id| self.is_revoked_id(id));
        revoked.map(|id| id.userid().value().to_vec()).collect()
    }

    /// Returns the user ID that names the certificate, at any time. Not safe to show.
    ///
    /// The certificate's own key signed it and did not revoke it. As in gpg, the newest that the key
    /// calls primary goes first, then the newest. A signature over SHA-1 counts after all others.
    /// Any other user ID only names a certificate that has no better one.
    pub fn name(&self) -> Option<Vec<u8>> {
        self.named_by(|_| true)
    }

    /// Returns the same as of a time. What is signed later or has expired then does not count.
    pub fn name_at(&self, time: SystemTime) -> Option<Vec<u8>> {
        self.named_by(|own| own.signature_alive(time, None).is_ok())
    }

    fn named_by(&self, counts: impl Fn(&Signature) -> bool) -> Option<Vec<u8>> {
        let rank = |id: &UserIDAmalgamation<'_>| {
            let own = id.self_signatures().filter(|own| counts(own));
            match own.max_by_key(|own| own.signature_creation_time()) {
                Some(own) if !self.is_revoked_id(id) => {
                    let is_weak = !ACCEPTED_HASHES.contains(&own.hash_algo());
                    let is_primary = own.primary_userid() == Some(true);
                    // Of those of one second gpg takes the longest, then the last in order.
                    let value = id.userid().value();
                    let newest = (own.signature_creation_time(), value.len(), value.to_vec());
                    (is_weak, !is_primary, Reverse(newest))
                }
                _ => (true, true, Reverse((None, 0, Vec::new()))),
            }
        };
        self.cert.userids().min_by_key(rank).map(|id| id.userid().value().to_vec())
    }

    /// Returns the user ID that names it as text, or nothing. Not safe to show.
    pub fn name_text(&self) -> String {
        let name = self.name().unwrap_or_default();
        String::from_utf8_lossy(&name).into_owned()
    }

    /// Returns the certificate as binary OpenPGP packets.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let packets = self.cert.to_vec().map_err(Error::crypto("writing the certificate"))?;
        Ok(self.restored(&packets).unwrap_or(packets))
    }

    /// Returns packets of this key with the statements that a parser left out. Returns nothing if
    /// none are missing.
    pub(super) fn restored(&self, packets: &[u8]) -> Option<Vec<u8>> {
        self.own.restored(packets, |by| self.lets_revoke(by), &self.elsewhere)
    }

    /// Returns when the newest statement of its key was made.
    pub(super) fn newest_statement(&self) -> Option<SystemTime> {
        self.own.own().iter().map(Statement::created).max()
    }

    /// Returns the certificate armored, as "PGP PUBLIC KEY BLOCK" without comments.
    pub fn to_armored(&self) -> Result<Vec<u8>> {
        armored(openpgp::armor::Kind::PublicKey, &self.to_bytes()?)
    }

    /// Adds what another copy of this certificate has. Nothing is lost, above all no revocation.
    /// Fails with [`Error::Crypto`] if the other is not a copy of this one.
    pub fn merge(&self, other: &Certificate) -> Result<Certificate> {
        let merged = self.cert.clone().merge_public(other.cert.clone());
        let merged = merged.map_err(Error::crypto("merging certificates"))?;
        let mut merged = Certificate::read(merged, self.own.and(&other.own));
        merged.elsewhere = [&self.elsewhere[..], &other.elsewhere].concat();
        Ok(merged)
    }

    /// Returns the certificate with only what its own key signed. The policy does not matter here.
    ///
    /// Anybody can add user IDs, subkeys and false self-signatures to a copy. They would pile up
    /// from copy to copy, and one is enough for the Mattermost server to refuse the whole
    /// certificate.
    pub fn proven(&self) -> Certificate {
        let mut packets = Vec::new();
        let mut add = |component: Packet, subject, own: Vec<&Signature>, by_revokers| {
            let is_said = || match subject {
                Subject::Key => true,
                Subject::Attribute(_) => false,
                _ => self.has_statement_on(&subject),
            };
            if !own.is_empty() || is_said() {
                packets.push(component);
                let signatures = own.into_iter().chain::<Vec<&Signature>>(by_revokers);
                packets.extend(signatures.cloned().map(Packet::from));
            }
        };
        let primary = self.cert.primary_key();
        let own = primary.self_signatures().chain(primary.self_revocations()).collect();
        let packet = primary.key().clone().into();
        add(packet, Subject::Key, own, self.by_revokers(&primary.into()));
        for id in self.cert.userids() {
            let own = id.self_signatures().chain(id.self_revocations()).collect();
            let subject = Subject::UserId(id.userid().value().into());
            add(id.userid().clone().into(), subject, own, Vec::new());
        }
        for attribute in self.cert.user_attributes() {
            let own = attribute.self_signatures().chain(attribute.self_revocations()).collect();
            let subject = Subject::Attribute(attribute.user_attribute().value().into());
            add(attribute.user_attribute().clone().into(), subject, own, Vec::new());
        }
        for subkey in self.cert.keys().subkeys() {
            let own = subkey.self_signatures().chain(subkey.self_revocations()).collect();
            let (packet, subject) = (subkey.key().clone().into(), subject_of(subkey.key()));
            add(packet, subject, own, self.by_revokers(&subkey.into()));
        }
        self.of_packets(packets)
    }

    /// Drops the subkeys that a newer copy does not have, if they never count here: they are not RSA
    /// or too short. Revoked ones stay.
    pub fn without_subkeys_gone_from(&self, newer: &Certificate) -> Certificate {
        let kept: HashSet<Fingerprint> = newer.fingerprints().into_iter().collect();
        let cert = self.cert.clone().retain_subkeys(|subkey| {
            check_key(subkey.key()).is_ok()
                || subkey.self_revocations().next().is_some()
                || self.revokes(&subject_of(subkey.key()))
                || kept.contains(&Fingerprint::of(subkey.key()))
        });
        self.with_cert(cert)
    }

    /// Returns the subkeys that cannot sign data. Their algorithm makes no signatures, or none of
    /// their bindings, old or new, has the flag. Subkeys for authentication are among them.
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
            .map(|subkey| Fingerprint::of(subkey.key()))
            .collect()
    }

    /// Returns how many packets it has. This is the cost of reading it.
    pub fn packet_count(&self) -> usize {
        self.cert.clone().into_packets().count()
    }

    /// Returns the certificate without some of its subkeys.
    pub fn without_subkeys(&self, gone: &[Fingerprint]) -> Certificate {
        let gone: HashSet<&Fingerprint> = gone.iter().collect();
        let stays = |subkey: &Key<_, _>| !gone.contains(&Fingerprint::of(subkey));
        self.with_cert(self.cert.clone().retain_subkeys(|subkey| stays(subkey.key())))
    }

    /// Returns the certificate without soft revocations that were made after `time`. A revocation
    /// that says "compromised" or gives no reason is hard, and counts for all time (RFC 9580,
    /// section 5.2.3.31).
    pub fn as_of(&self, time: SystemTime) -> Certificate {
        let counts = |signature: &Signature| {
            let is_revocation = matches!(
                signature.typ(),
                SignatureType::KeyRevocation | SignatureType::SubkeyRevocation
            );
            let reason = signature.reason_for_revocation();
            let is_soft = reason.is_some_and(|it| it.0.revocation_type() == RevocationType::Soft);
            let is_later = signature.signature_creation_time().is_some_and(|it| it > time);
            !(is_revocation && is_soft && is_later)
        };
        let said = |it: &Statement| it.created() <= time || (it.is_revocation() && it.is_hard());
        let mut before = self.filtered(counts);
        before.own = before.own.filtered(said);
        before.elsewhere.retain(said);
        before
    }

    fn filtered(&self, keeps: impl Fn(&Signature) -> bool) -> Certificate {
        let keeps = |packet: &Packet| match packet {
            Packet::Signature(signature) => keeps(signature),
            _ => true,
        };
        self.of_packets(self.cert.clone().into_packets().filter(keeps).collect())
    }

    /// Returns the certificate with these of its packets. If they cannot be put together, it has
    /// neither user IDs nor subkeys: what was to go must not stay.
    fn of_packets(&self, packets: Vec<Packet>) -> Certificate {
        let bare = || {
            let cert = self.cert.clone().retain_userids(|_| false);
            cert.retain_user_attributes(|_| false).retain_subkeys(|_| false)
        };
        self.with_cert(Cert::from_packets(packets.into_iter()).unwrap_or_else(|_| bare()))
    }

    /// Returns whether both hold the same packets.
    pub fn same_as(&self, other: &Certificate) -> bool {
        let same = matches!((self.to_bytes(), other.to_bytes()), (Ok(a), Ok(b)) if a == b);
        self.cert == other.cert && same
    }
}

/// Returns the body of a key's public packet.
fn body_of<P: KeyParts, R: KeyRole>(key: &Key<P, R>) -> Vec<u8> {
    key.parts_as_public().to_vec().unwrap_or_default()
}

pub(super) fn subject_of<P: KeyParts, R: KeyRole>(subkey: &Key<P, R>) -> Subject {
    Subject::Subkey(body_of(subkey).into())
}

/// Returns whether one of the key IDs is a named revoker's.
pub(super) fn is_one_of(issuers: &[[u8; 8]], revokers: &[KeyHandle]) -> bool {
    let named = |issuer: &[u8; 8]| KeyHandle::from(openpgp::KeyID::from_bytes(issuer));
    issuers.iter().map(named).any(|issuer| revokers.iter().any(|it| it.aliases(&issuer)))
}
