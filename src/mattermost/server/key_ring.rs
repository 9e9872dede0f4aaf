//! Key files as the server has them, and its verdict on a signature (golang.org/x/crypto/openpgp,
//! read.go).

use super::entity::{self, Entity};
use super::key::PublicKey;
use super::numbers::Allowance;
use super::packet::{Packet, Packets};
use super::refusal::{Cause, Refusal};
use super::signature::{Signature, Subpackets, is_available};
use super::verify;
use crate::openpgp::hash::{ContentHash, Hashed};

/// What the server makes of a key file.
pub struct KeyRing {
    certificates: Vec<Entity>,
    /// Why the server cannot read the last certificate that it passes over. It does not say so.
    passed_over: Option<Refusal>,
}

/// What the server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerVerdict {
    /// The signature is good.
    Accepts {
        /// The key ID of the signer's primary key, whichever of its keys signed.
        key_id: u64,
    },
    /// The signature is not good, or one of the files cannot be read.
    Refuses(Refusal),
}

impl ServerVerdict {
    /// Returns why it is not good, if it is not.
    pub fn refusal(self) -> Option<Refusal> {
        let ServerVerdict::Refuses(refusal) = self else { return None };
        Some(refusal)
    }
}

/// A signature whose verdict depends only on the content's hash.
pub struct Pending<'a> {
    signature: Box<Signature>,
    /// The keys with the issuer's ID that may sign, each with its certificate. There is at least
    /// one.
    keys: Vec<(&'a PublicKey, &'a Entity)>,
}

impl KeyRing {
    /// Reads a key file, armored (the first block alone) or binary. The caller limits its size,
    /// because memory grows with it.
    ///
    /// An empty file is an empty key ring, not an error (golang.org/x/crypto/openpgp, keys.go).
    pub fn read(key_file: &[u8]) -> Result<KeyRing, Refusal> {
        KeyRing::read_within(key_file, &mut Allowance::new())
    }

    /// Reads key files as [`KeyRing::read`] does. All of them share one allowance of time.
    pub fn read_all(key_files: &[Vec<u8>]) -> Vec<Result<KeyRing, Refusal>> {
        let mut allowance = Allowance::new();
        key_files.iter().map(|file| KeyRing::read_within(file, &mut allowance)).collect()
    }

    /// Reads a key file as [`KeyRing::read`] does, or says what the server passes over in it.
    pub(crate) fn read_whole(key_file: &[u8]) -> Result<KeyRing, Refusal> {
        let ring = KeyRing::read(key_file)?;
        ring.passed_over.clone().map_or(Ok(ring), Err)
    }

    fn read_within(key_file: &[u8], allowance: &mut Allowance) -> Result<KeyRing, Refusal> {
        let (certificates, passed_over) = entity::read(key_file, allowance)?;
        Ok(KeyRing { certificates, passed_over: passed_over.map(Refusal::from) })
    }

    /// Returns whether the server may accept signatures by a key with this ID.
    pub fn may_take(&self, key_id: u64) -> bool {
        !matches!(
            self.signing_keys(key_id),
            Err(Cause::RevokedKey | Cause::UnknownIssuer | Cause::NotASigningKey)
        )
    }

    /// Chooses the signature that decides: the first by a key of this ring that may sign
    /// (golang.org/x/crypto/openpgp, read.go). What follows it is ignored.
    pub fn choose(&self, signature_file: &[u8]) -> Result<Pending<'_>, Refusal> {
        self.choose_of(signature_file).map_err(Refusal::of_signature)
    }

    fn choose_of(&self, signature_file: &[u8]) -> Result<Pending<'_>, Refusal> {
        let mut packets = Packets::new(signature_file);
        let mut unusable = None;
        while let Some((signature, issuer)) = next_signature(&mut packets)? {
            let keys = match self.signing_keys(issuer) {
                Ok(keys) => keys,
                Err(Cause::Undecided) => return Err(Refusal::unknown_entity(Cause::Undecided)),
                Err(cause) => {
                    // A reason that somebody can act on is better than "unknown".
                    unusable = unusable.filter(|&it| it != Cause::UnknownIssuer).or(Some(cause));
                    continue;
                }
            };
            check_kind(&signature)?;
            return Ok(Pending { signature, keys });
        }
        Err(Refusal::unknown_entity(match unusable {
            _ if self.certificates.is_empty() => Cause::NoKey,
            Some(cause) => cause,
            None => Cause::NoSignature,
        }))
    }

    /// Tells whether any key of this ring may sign. If none may, the server refuses every signature
    /// with this key file.
    pub fn check_signers(&self) -> Result<(), Refusal> {
        let mut unusable: Option<Cause> = None;
        for certificate in &self.certificates {
            let subkeys = certificate.subkeys.iter().map(|subkey| subkey.key.id);
            for id in std::iter::once(certificate.primary.id).chain(subkeys) {
                match self.signing_keys(id) {
                    Ok(_) => return Ok(()),
                    // A revoked key says more than one that was never for signing.
                    Err(Cause::RevokedKey) => unusable = Some(Cause::RevokedKey),
                    Err(cause) => unusable = unusable.or(Some(cause)),
                }
            }
        }
        let unknown = || Refusal::unknown_entity(unusable.unwrap_or(Cause::NoKey));
        Err(self.passed_over.clone().unwrap_or_else(unknown))
    }

    /// Returns the keys with this ID that may sign, or why there are none.
    fn signing_keys(&self, id: u64) -> Result<Vec<(&PublicKey, &Entity)>, Cause> {
        let mut keys = Vec::new();
        let mut unusable = Cause::UnknownIssuer;
        for certificate in &self.certificates {
            let primary = (certificate.primary.id == id)
                .then(|| (&certificate.primary, primary_may_sign(certificate)));
            let subkeys = certificate
                .subkeys
                .iter()
                .filter(|subkey| subkey.key.id == id)
                .map(|subkey| (&subkey.key, may_sign(&subkey.signature.subpackets)));
            for (key, permission) in primary.into_iter().chain(subkeys) {
                match permission {
                    _ if certificate.is_revoked => unusable = Cause::RevokedKey,
                    Ok(()) => keys.push((key, certificate)),
                    Err(Cause::Undecided) => return Err(Cause::Undecided),
                    Err(cause) => unusable = cause,
                }
            }
        }
        if keys.is_empty() { Err(unusable) } else { Ok(keys) }
    }
}

/// Tells whether a server with the right key could accept a signature file, whoever made it and
/// whatever it signs. The file must hold a signature over a file, and nothing before that signature
/// may stop the server. What follows it is ignored.
pub fn check_signature_file(signature_file: &[u8]) -> Result<(), Refusal> {
    let mut packets = Packets::new(signature_file);
    let mut refusal = None;
    let mut next = || next_signature(&mut packets).map_err(Refusal::of_signature);
    loop {
        match (next(), &refusal) {
            (Ok(Some((signature, _))), _) => match check_kind(&signature) {
                Ok(()) => return Ok(()),
                Err(unfit) => refusal = refusal.or(Some(unfit)),
            },
            // The first refusal says more than what stops the server afterwards.
            (Ok(None) | Err(_), Some(refusal)) => return Err(refusal.clone()),
            (Ok(None), None) => return Err(Refusal::unknown_entity(Cause::NoSignature)),
            (Err(refusal), None) => return Err(refusal),
        }
    }
}

/// Returns why the server refuses a signature file with a key of which only the ID is known. None
/// if the answer depends on the key's numbers.
pub fn refusal_without_numbers(signature_file: &[u8], key_id: u64) -> Option<Refusal> {
    let mut packets = Packets::new(signature_file);
    let mut cause = Cause::NoSignature;
    loop {
        match next_signature(&mut packets) {
            Ok(Some((signature, issuer))) if issuer == key_id => {
                return check_kind(&signature).map_err(Refusal::of_signature).err();
            }
            Ok(Some(_)) => cause = Cause::UnknownIssuer,
            Ok(None) => return Some(Refusal::unknown_entity(cause).of_signature()),
            Err(refusal) => return Some(refusal.of_signature()),
        }
    }
}

/// Returns the next signature of a file and the key ID that it names.
fn next_signature(packets: &mut Packets<'_>) -> Result<Option<(Box<Signature>, u64)>, Refusal> {
    let Some(packet) = packets.next_or_end()? else { return Ok(None) };
    let (Packet::Signature(signature) | Packet::OldSignature(signature)) = packet else {
        let words = "openpgp: invalid data: non signature packet found";
        return Err(Refusal::new(Cause::NotDetached, words));
    };
    let issuer = signature.subpackets.issuer.ok_or_else(|| {
        let words = "openpgp: invalid data: signature doesn't have an issuer";
        Refusal::new(Cause::NoIssuer, words)
    })?;
    Ok(Some((signature, issuer)))
}

/// Tells whether a key's binding lets it sign. Only a reason for revocation revokes the key. A
/// revocation without a reason lets it sign.
fn may_sign(subpackets: &Subpackets) -> Result<(), Cause> {
    if subpackets.has_revocation_reason {
        return Err(Cause::RevokedKey);
    }
    if subpackets.allow_signing() { Ok(()) } else { Err(Cause::NotASigningKey) }
}

/// Tells whether the self-signature that the server chooses lets a primary key sign. It chooses a
/// primary user ID's if there is one, otherwise any: Go's maps have no order.
fn primary_may_sign(certificate: &Entity) -> Result<(), Cause> {
    let all = || certificate.user_ids.values().map(|signature| &signature.subpackets);
    let any_is_primary = all().any(|it| it.is_primary_user_id);
    let mut answers = all().filter(|it| it.is_primary_user_id || !any_is_primary).map(may_sign);
    let first = answers.next().unwrap_or(Err(Cause::NotASigningKey));
    match answers.any(|answer| answer.is_ok() != first.is_ok()) {
        true => Err(Cause::Undecided),
        false => first,
    }
}

/// Checks that a signature is over a file, with a hash that the server has.
fn check_kind(signature: &Signature) -> Result<(), Refusal> {
    if !is_available(signature.hash) {
        // 9 is RIPEMD-160's number in Go.
        let words = "openpgp: unsupported feature: hash not available: 9";
        return Err(Refusal::new(Cause::HashAlgorithm, words));
    }
    if signature.kind > 1 {
        let kind = signature.kind;
        let words = format!("openpgp: unsupported feature: unsupported signature type: {kind}");
        return Err(Refusal::new(Cause::SignatureType, words));
    }
    Ok(())
}

impl Pending<'_> {
    /// Returns how the content is to be hashed.
    pub fn content_hash(&self) -> ContentHash {
        ContentHash { algorithm: self.signature.hash, text: self.signature.kind == 1 }
    }

    /// Returns whether the other verdict depends on the same key, so that both are the same for any
    /// content.
    pub fn is_up_to_the_same(&self, other: &Pending<'_>) -> bool {
        let ([(key, _)], [(others, _)]) = (&self.keys[..], &other.keys[..]) else { return false };
        let trailer = &other.signature.trailer;
        self.signature.trailer == *trailer && key.hashed_form == others.hashed_form
    }

    /// Returns the verdict on content that was hashed in this way, and maybe in others.
    pub fn finish(&self, content: &Hashed) -> ServerVerdict {
        let way = self.content_hash();
        let mut allowance = Allowance::new();
        let mut refusal: Option<Refusal> = None;
        let mut followed = None;
        for (key, certificate) in &self.keys {
            // The library hashes the trailer again for each key, after the earlier ones. So as a
            // rule only the first key with an ID can succeed.
            let hashed = followed.as_ref().unwrap_or(content);
            followed = hashed.followed_by(way, &self.signature.trailer);
            let Some(digest) = followed.as_ref().and_then(|it| it.digest(way, &[])) else {
                let words = "plugsign: the content was not hashed in the signature's way";
                return ServerVerdict::Refuses(Refusal::new(Cause::HashAlgorithm, words));
            };
            match verify::verify(key, &self.signature, &digest, &mut allowance) {
                Ok(()) => return ServerVerdict::Accepts { key_id: certificate.primary.id },
                // The library's words are about the last key. The first key's cause counts.
                Err(fault) => {
                    let cause = refusal.map_or(fault.cause, |first| first.cause);
                    refusal = Some(Refusal::new(cause, fault.words));
                }
            }
        }
        let unknown = || Refusal::unknown_entity(Cause::UnknownIssuer);
        ServerVerdict::Refuses(refusal.unwrap_or_else(unknown))
    }
}
