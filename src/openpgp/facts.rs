//! What GnuPG says about keys and signatures beyond RFC 9580: key grips, signature IDs, hashes of
//! user IDs, and the facts in its listings.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sequoia_openpgp::Packet;
use sequoia_openpgp::cert::amalgamation::key::{ErasedKeyAmalgamation, PrimaryKey as _};
use sequoia_openpgp::crypto::mpi;
use sequoia_openpgp::packet::key::{PublicParts, UnspecifiedRole};
use sequoia_openpgp::packet::{Key, Signature};
use sequoia_openpgp::serialize::MarshalInto;
use sequoia_openpgp::types::{Curve, PublicKeyAlgorithm};

use super::certificate::description::KeyDescription;
use super::certificate::revoked::about;
use super::certificate::{Certificate, subject_of};
use super::framing::hashed_key;
use super::gnupg::grip;
use super::hash::{HashAlgorithm, digest_of};
use super::ids::{Fingerprint, KeyId, hex};
use super::own_signature::OwnSignature;
use super::policy::{Policy, is_rsa, modulus};
use super::signature::DetachedSignature;
use super::statements::{Statement, Subject};
use super::weakness::Weakness;

/// What a listing shows of a key. It says what the certificate says, and no verdict.
#[derive(Clone, Debug)]
pub struct KeyFacts {
    /// What the certificate says of it. Its purposes and its end are those that a listing shows,
    /// also if the key is too weak to sign here.
    pub description: KeyDescription,
    /// The public-key algorithm's number (RFC 9580, section 9.1).
    pub algorithm: u8,
    /// The size in bits, 0 where there is none.
    pub bits: usize,
    /// GnuPG's name of its curve.
    pub curve: Option<&'static str>,
    /// Whether GnuPG counts it as fit for the German standard "VS-NfD" (its compliance `de-vs`).
    pub is_de_vs: bool,
    /// When it was revoked, if it is.
    pub revoked: Option<SystemTime>,
    /// Whether it or the primary key has expired.
    pub is_expired: bool,
    /// Whether an acceptable self-signature binds it.
    pub is_bound: bool,
    /// The key grip of an RSA key, 40 hexadecimal digits.
    pub grip: Option<String>,
    /// What the primary key signed of it. User IDs have their own.
    pub signatures: Vec<OwnSignature>,
}

impl KeyFacts {
    /// Returns whether it is neither revoked nor expired, and bound.
    pub fn is_standing(&self) -> bool {
        self.revoked.is_none() && !self.is_expired && self.is_bound
    }
}

/// What a listing shows of a user ID or of a user attribute.
#[derive(Clone, Debug)]
pub struct UserIdFacts {
    /// The user ID, or what GnuPG says of an attribute: how many parts, how many bytes. Foreign
    /// text.
    pub value: Vec<u8>,
    /// RIPEMD-160 of it, 40 hexadecimal digits.
    pub hash: String,
    /// Whether it is an attribute, such as a picture.
    pub is_attribute: bool,
    /// When the key's owner last confirmed it.
    pub certified: Option<SystemTime>,
    /// Whether the key's owner revoked it.
    pub revoked: bool,
    /// What the primary key signed of it.
    pub signatures: Vec<OwnSignature>,
}

/// A key that may revoke another (RFC 9580, section 5.2.3.23).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoker {
    /// The public-key algorithm's number.
    pub algorithm: u8,
    /// The class octet.
    pub class: u8,
    /// The key.
    pub fingerprint: Fingerprint,
}

/// What a listing shows of a certificate.
#[derive(Clone, Debug)]
pub struct CertificateFacts {
    /// The keys, the primary one first. Never empty.
    pub keys: Vec<KeyFacts>,
    /// The user IDs and attributes, the primary one first.
    pub user_ids: Vec<UserIdFacts>,
    /// The designated revokers.
    pub revokers: Vec<Revoker>,
}

/// Returns what a listing shows of a certificate, as of the policy's time. The order is that of the
/// packets, as the certificate came.
pub fn certificate_facts(certificate: &Certificate, policy: &Policy) -> CertificateFacts {
    let cert = certificate.cert();
    let name = certificate.name_at(policy.now());
    let keys = certificate.describe(policy).keys.into_iter().zip(cert.keys());
    let mut keys: Vec<KeyFacts> =
        keys.map(|(it, component)| key_facts(certificate, it, &component, policy)).collect();
    let end_of_all = keys.first().and_then(|primary| primary.description.expires);
    let is_bound = keys.first().is_some_and(|primary| primary.is_bound);
    for key in &mut keys {
        let mut ends = end_of_all.into_iter().chain(key.description.expires);
        key.is_expired = ends.any(|end| end <= policy.now());
        key.is_bound &= is_bound;
    }
    let place = |subject: Subject| certificate.place_of(&subject).unwrap_or(usize::MAX);
    let places = cert.keys().skip(1).map(|key| place(subject_of(key.key())));
    let places: Vec<usize> = std::iter::once(0).chain(places).collect();
    let user_ids = cert.userids().map(|id| {
        let value = id.userid().value();
        let subject = Subject::UserId(value.into());
        let own = id.self_signatures().filter_map(|own| own.signature_creation_time());
        let is_name = name.as_deref() == Some(value);
        let signatures = id.self_signatures().chain(id.self_revocations());
        let facts = UserIdFacts {
            signatures: own_signatures(certificate, &subject, signatures),
            value: value.to_vec(),
            hash: hash_of(value),
            is_attribute: false,
            certified: own.chain(certificate.certified(&subject)).max(),
            revoked: certificate.is_revoked_id(&id),
        };
        (!is_name, place(subject), facts)
    });
    let attributes = cert.user_attributes().map(|attribute| {
        let value = attribute.user_attribute().value();
        let subject = Subject::Attribute(value.into());
        let own = attribute.self_signatures().filter_map(|own| own.signature_creation_time());
        let count = attribute.user_attribute().subpackets().count();
        let signatures = attribute.self_signatures().chain(attribute.self_revocations());
        let facts = UserIdFacts {
            signatures: own_signatures(certificate, &subject, signatures),
            value: format!("{count} {}", value.len()).into_bytes(),
            hash: hash_of(value),
            is_attribute: true,
            certified: own.chain(certificate.certified(&subject)).max(),
            revoked: attribute.self_revocations().next().is_some() || certificate.revokes(&subject),
        };
        (true, place(subject), facts)
    });
    let mut user_ids: Vec<_> = user_ids.chain(attributes).collect();
    user_ids.sort_by_key(|(is_other, place, _)| (*is_other, *place));
    let mut placed: Vec<_> = places.into_iter().zip(keys).collect();
    if let Some(subkeys) = placed.get_mut(1..) {
        subkeys.sort_by_key(|(place, _)| *place);
    }
    CertificateFacts {
        keys: placed.into_iter().map(|(_, key)| key).collect(),
        user_ids: user_ids.into_iter().map(|(_, _, facts)| facts).collect(),
        revokers: revokers(certificate),
    }
}

fn key_facts(
    certificate: &Certificate,
    mut description: KeyDescription,
    component: &ErasedKeyAmalgamation<'_, PublicParts>,
    policy: &Policy,
) -> KeyFacts {
    let key = component.key();
    let subject = about(component);
    let signatures = component.self_signatures().chain(component.self_revocations());
    let said = certificate.said_of(component, policy);
    description.expires = said.end;
    description.usage = purposes(key, component.primary(), said.flags);
    let whole = certificate.revoked_since(&certificate.fingerprint());
    let revoked = certificate.revoked_since(&description.fingerprint).or(whole);
    // A designated revoker's revocation is among those by others.
    let by_another = component.other_revocations().next();
    let revoked = revoked.or_else(|| by_another?.signature_creation_time());
    let is_revoked = matches!(description.ended, Some(Weakness::Revoked(_)));
    // That the algorithm or the size is not accepted here is no matter of the binding.
    let is_bound = match &description.weakness {
        Some(Weakness::Hash(_) | Weakness::Unbound(_) | Weakness::NotYetValid(_)) => false,
        Some(Weakness::Exponent | Weakness::Modulus | Weakness::SharedPrime(_)) => false,
        _ => said.flaw.is_none(),
    };
    KeyFacts {
        algorithm: key.pk_algo().into(),
        bits: bits(key),
        curve: curve_name(key),
        is_de_vs: is_de_vs(key),
        revoked: revoked.filter(|_| is_revoked),
        is_expired: false,
        is_bound,
        grip: key_grip(key),
        signatures: own_signatures(certificate, &subject, signatures),
        description,
    }
}

/// Returns the purposes that the flags and the algorithm leave. As with GnuPG, a primary key always
/// certifies.
fn purposes(
    key: &Key<PublicParts, UnspecifiedRole>,
    is_primary: bool,
    flags: u8,
) -> Vec<&'static str> {
    #[allow(deprecated)]
    let able = match key.pk_algo() {
        PublicKeyAlgorithm::RSAEncryptSign => 0x2F,
        PublicKeyAlgorithm::RSAEncrypt
        | PublicKeyAlgorithm::ElGamalEncrypt
        | PublicKeyAlgorithm::ElGamalEncryptSign
        | PublicKeyAlgorithm::ECDH => 0x0C,
        PublicKeyAlgorithm::RSASign
        | PublicKeyAlgorithm::DSA
        | PublicKeyAlgorithm::ECDSA
        | PublicKeyAlgorithm::EdDSA => 0x23,
        _ => 0x2F,
    };
    let left = flags & able | u8::from(is_primary);
    let all = [(0x01, "certify"), (0x02, "sign"), (0x0C, "encrypt"), (0x20, "authenticate")];
    all.into_iter().filter(|(flag, _)| left & flag != 0).map(|(_, name)| name).collect()
}

/// Returns the signatures about a part of a certificate, in the order of the packets. Those of keys
/// that are not RSA are taken from sequoia, in its order.
fn own_signatures<'a>(
    certificate: &Certificate,
    subject: &Subject,
    verified: impl Iterator<Item = &'a Signature>,
) -> Vec<OwnSignature> {
    if is_rsa(certificate.cert().primary_key().key()) {
        let said = certificate.statements().filter(|it| it.subject == *subject);
        return said.filter_map(|it| OwnSignature::read(&it.body)).collect();
    }
    let bodies = verified.filter_map(|it| it.to_vec().ok());
    bodies.filter_map(|body| OwnSignature::read(&body)).collect()
}

fn revokers(certificate: &Certificate) -> Vec<Revoker> {
    let mut revokers = Vec::new();
    for (class, algorithm, key) in certificate.statements().flat_map(Statement::revokers) {
        let fingerprint = Fingerprint(sequoia_openpgp::Fingerprint::V4(key));
        let revoker = Revoker { algorithm, class, fingerprint };
        if !revokers.contains(&revoker) {
            revokers.push(revoker);
        }
    }
    revokers
}

/// Returns the size that GnuPG gives a key.
fn bits(key: &Key<PublicParts, UnspecifiedRole>) -> usize {
    match curve(key) {
        Some(Curve::Ed25519 | Curve::Cv25519) => 255,
        _ => key.mpis().bits().unwrap_or(0),
    }
}

fn curve(key: &Key<PublicParts, UnspecifiedRole>) -> Option<&Curve> {
    match key.mpis() {
        mpi::PublicKey::EdDSA { curve, .. }
        | mpi::PublicKey::ECDSA { curve, .. }
        | mpi::PublicKey::ECDH { curve, .. } => Some(curve),
        _ => None,
    }
}

fn curve_name(key: &Key<PublicParts, UnspecifiedRole>) -> Option<&'static str> {
    named(curve(key)?)
}

fn named(curve: &Curve) -> Option<&'static str> {
    Some(match curve {
        Curve::NistP256 => "nistp256",
        Curve::NistP384 => "nistp384",
        Curve::NistP521 => "nistp521",
        Curve::BrainpoolP256 => "brainpoolP256r1",
        Curve::BrainpoolP384 => "brainpoolP384r1",
        Curve::BrainpoolP512 => "brainpoolP512r1",
        Curve::Ed25519 => "ed25519",
        Curve::Cv25519 => "cv25519",
        _ => return None,
    })
}

/// Returns GnuPG's name and the number of a curve, given by its object identifier.
pub fn key_curve(oid: &[u8]) -> Option<(&'static str, &'static str)> {
    let name = named(&Curve::from_oid(oid))?;
    let number = match name {
        "nistp256" => "1.2.840.10045.3.1.7",
        "nistp384" => "1.3.132.0.34",
        "nistp521" => "1.3.132.0.35",
        "brainpoolP256r1" => "1.3.36.3.3.2.8.1.1.7",
        "brainpoolP384r1" => "1.3.36.3.3.2.8.1.1.11",
        "brainpoolP512r1" => "1.3.36.3.3.2.8.1.1.13",
        "ed25519" => "1.3.6.1.4.1.11591.15.1",
        _ => "1.3.6.1.4.1.3029.1.5.1",
    };
    Some((name, number))
}

/// Returns the key ID of a public key packet of version 4, given by its body.
pub fn key_id_of_body(body: &[u8]) -> Option<String> {
    let digest = digest_of(HashAlgorithm::Sha1, &[&hashed_key(body)])?;
    digest.last_chunk::<8>().map(|id| hex(id))
}

/// The sizes and curves that GnuPG counts (common/compliance.c).
fn is_de_vs(key: &Key<PublicParts, UnspecifiedRole>) -> bool {
    match key.mpis() {
        mpi::PublicKey::RSA { n, .. } => matches!(n.bits(), 2048 | 3072 | 4096),
        mpi::PublicKey::DSA { p, q, .. } => q.bits() == 256 && matches!(p.bits(), 2048 | 3072),
        _ => curve_name(key).is_some_and(|name| name.starts_with("brainpool")),
    }
}

fn hash_of(value: &[u8]) -> String {
    hex(&digest_of(HashAlgorithm::Ripemd160, &[value]).unwrap_or_default())
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
