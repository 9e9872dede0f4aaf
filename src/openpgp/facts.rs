//! What GnuPG says about keys and signatures beyond RFC 9580: key grips, signature IDs, hashes of
//! user IDs, and the facts in its listings.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sequoia_openpgp::Packet;
use sequoia_openpgp::packet::Key;
use sequoia_openpgp::packet::key::{PublicParts, UnspecifiedRole};
use sequoia_openpgp::serialize::MarshalInto;

use super::certificate::Certificate;
use super::certificate::description::KeyDescription;
use super::gnupg::grip;
use super::hash::{HashAlgorithm, digest_of};
use super::ids::{Fingerprint, KeyId, hex};
use super::policy::{Policy, modulus};
use super::signature::DetachedSignature;
use super::weakness::Weakness;

/// What a listing shows of a key.
#[derive(Clone, Debug)]
pub struct KeyFacts {
    /// What the certificate says of it.
    pub description: KeyDescription,
    /// The public-key algorithm's number (RFC 9580, section 9.1).
    pub algorithm: u8,
    /// The size in bits, 0 where there is none.
    pub bits: usize,
    /// When it was revoked, if it is.
    pub revoked: Option<SystemTime>,
    /// The key grip of a RSA key, 40 hexadecimal digits.
    pub grip: Option<String>,
}

impl KeyFacts {
    /// Returns whether it is expired.
    pub fn is_expired(&self) -> bool {
        matches!(self.description.ended, Some(Weakness::Expired(_)))
    }

    /// Returns whether the key may be used for its purpose, signing or another.
    pub fn is_usable(&self) -> bool {
        matches!(self.description.weakness, None | Some(Weakness::CannotSign))
    }
}

/// What a listing shows of a user ID.
#[derive(Clone, Debug)]
pub struct UserIdFacts {
    /// The user ID. Foreign text.
    pub value: Vec<u8>,
    /// RIPEMD-160 of it, 40 hexadecimal digits.
    pub hash: String,
    /// When the key's owner last confirmed it.
    pub certified: Option<SystemTime>,
    /// Whether the key's owner revoked it.
    pub revoked: bool,
}

/// What a listing shows of a certificate.
#[derive(Clone, Debug)]
pub struct CertificateFacts {
    /// The keys, the primary one first. Never empty.
    pub keys: Vec<KeyFacts>,
    /// The user IDs, the primary one first.
    pub user_ids: Vec<UserIdFacts>,
}

/// Returns what a listing shows of a certificate, as of the policy's time.
pub fn certificate_facts(certificate: &Certificate, policy: &Policy) -> CertificateFacts {
    let description = certificate.describe(policy);
    let cert = certificate.cert();
    let primary_revoked = certificate.revoked_since(&certificate.fingerprint());
    let keys = description
        .keys
        .into_iter()
        .zip(cert.keys())
        .map(|(description, component)| {
            let revoked = certificate.revoked_since(&description.fingerprint).or(primary_revoked);
            // A designated revoker's revocation is among those by others.
            let by_another = component.other_revocations().next();
            let revoked = revoked.or_else(|| by_another?.signature_creation_time());
            let is_revoked = matches!(description.ended, Some(Weakness::Revoked(_)));
            let revoked = revoked.filter(|_| is_revoked);
            KeyFacts {
                description,
                algorithm: component.key().pk_algo().into(),
                bits: component.key().mpis().bits().unwrap_or(0),
                revoked,
                grip: key_grip(component.key()),
            }
        })
        .collect();
    let user_ids = description
        .user_ids
        .into_iter()
        .map(|value| {
            let component = cert.userids().find(|id| id.userid().value() == value);
            let certified = component.as_ref().and_then(|id| {
                id.self_signatures().filter_map(|own| own.signature_creation_time()).max()
            });
            let revoked = component.is_some_and(|id| certificate.is_revoked_id(&id));
            let hash = hex(&digest_of(HashAlgorithm::Ripemd160, &[&value]).unwrap_or_default());
            UserIdFacts { value, hash, certified, revoked }
        })
        .collect();
    CertificateFacts { keys, user_ids }
}

/// What status lines say of a signature, good or not.
#[derive(Clone, Debug)]
pub struct SignatureFacts {
    /// The public-key algorithm's number.
    pub algorithm: u8,
    /// The hash algorithm's number (RFC 9580, section 9.5).
    pub hash: u8,
    /// The signature's type (RFC 9580, section 5.2.1).
    pub class: u8,
    /// When it claims to have been made.
    pub created: SystemTime,
    /// When it expires, if ever.
    pub expires: Option<SystemTime>,
    /// The key ID that it claims to be made by, zeros if none.
    pub key_id: String,
    /// The fingerprint that it claims to be made by.
    pub fingerprint: Option<Fingerprint>,
    /// The user ID that the signer claims to have signed as. Foreign text.
    pub signers_user_id: Option<Vec<u8>>,
    /// GnuPG's name for the signature.
    pub id: String,
}

/// Returns what status lines say of a signature.
pub fn signature_facts(signature: &DetachedSignature) -> SignatureFacts {
    let packet = signature.packet();
    let fingerprint = packet.issuer_fingerprints().next().cloned().map(Fingerprint);
    let claimed = signature.claimed_issuers();
    let key_id = fingerprint.as_ref().map(Fingerprint::key_id).or(claimed.first().cloned());
    let zeros = || "0".repeat(16);
    SignatureFacts {
        algorithm: packet.pk_algo().into(),
        hash: packet.hash_algo().into(),
        class: packet.typ().into(),
        created: signature.created(),
        expires: packet
            .signature_validity_period()
            .filter(|validity| !validity.is_zero())
            .map(|validity| signature.created() + validity),
        key_id: key_id.as_ref().map_or_else(zeros, KeyId::to_string),
        fingerprint,
        signers_user_id: packet.signers_user_id().map(<[u8]>::to_vec),
        id: signature_id(signature),
    }
}

/// Returns what GnuPG calls SIG_ID: base64 of SHA-1 over the algorithms, the time and the
/// signature's numbers (g10/sig-check.c, since 2.0.10).
fn signature_id(signature: &DetachedSignature) -> String {
    let packet = signature.packet();
    let seconds = signature.created().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut hashed = vec![packet.pk_algo().into(), packet.hash_algo().into()];
    // OpenPGP's times have 32 bits.
    hashed.extend((seconds.as_secs() as u32).to_be_bytes());
    hashed.extend(packet.mpis().to_vec().unwrap_or_default());
    STANDARD_NO_PAD.encode(digest_of(HashAlgorithm::Sha1, &[&hashed]).unwrap_or_default())
}

/// Returns how many signatures there are in a certificate: self-signatures, bindings, revocations.
pub fn signature_count(certificate: &Certificate) -> usize {
    let packets = certificate.cert().clone().into_packets();
    packets.filter(|packet| matches!(packet, Packet::Signature(_))).count()
}

/// Returns a certificate's RSA keys with their key grips, the primary key first.
pub fn key_grips(certificate: &Certificate) -> Vec<(Fingerprint, String)> {
    let keys = certificate.cert().keys();
    keys.filter_map(|key| Some((Fingerprint::of(key.key()), key_grip(key.key())?))).collect()
}

fn key_grip(key: &Key<PublicParts, UnspecifiedRole>) -> Option<String> {
    grip(modulus(key)?).ok()
}
