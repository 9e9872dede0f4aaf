//! Certificates as the server reads them: entities (golang.org/x/crypto/openpgp, keys.go).

use std::collections::BTreeMap;

use super::key::PublicKey;
use super::numbers::Allowance;
use super::packet::{Packet, Packets};
use super::refusal::{Cause, Fault, FaultKind};
use super::signature::{Signature, is_available};
use super::verify::SignedData;

/// A certificate: a primary key that signs, and what its own signatures bind to it.
pub(super) struct Entity {
    pub(super) primary: PublicKey,
    /// The last self-signature of each user ID that has one.
    pub(super) user_ids: BTreeMap<Vec<u8>, Signature>,
    pub(super) subkeys: Vec<Subkey>,
    pub(super) is_revoked: bool,
}

/// A subkey with its newest binding, or with its last revocation, which no binding overrides.
pub(super) struct Subkey {
    pub(super) key: PublicKey,
    pub(super) signature: Signature,
}

/// Reads all certificates of a key file. Also returns why the last unreadable one is unreadable.
///
/// Unreadable certificates are passed over if there is a readable one.
pub(super) fn read(
    key_file: &[u8],
    allowance: &mut Allowance,
) -> Result<(Vec<Entity>, Option<Fault>), Fault> {
    let mut packets = Packets::new(key_file);
    let mut certificates = Vec::new();
    let mut passed_over = None;
    loop {
        match read_certificate(&mut packets, allowance) {
            Ok(certificate) => certificates.push(certificate),
            Err(fault) if fault.kind == FaultKind::End => break,
            Err(fault) if matches!(fault.kind, FaultKind::Unsupported | FaultKind::Structural) => {
                passed_over = Some(fault);
                if !skip_to_public_key(&mut packets)? {
                    break;
                }
            }
            Err(fault) => return Err(fault),
        }
    }
    match passed_over {
        Some(fault) if certificates.is_empty() => Err(fault),
        passed_over => Ok((certificates, passed_over)),
    }
}

/// Passes over everything up to the next public key; a secret key is not one. Returns false at the
/// end.
fn skip_to_public_key(packets: &mut Packets<'_>) -> Result<bool, Fault> {
    loop {
        match packets.next_or_end() {
            Ok(None) => return Ok(false),
            Ok(Some(Packet::PublicKey(key))) if !key.is_subkey => {
                packets.unread(Packet::PublicKey(key));
                return Ok(true);
            }
            Ok(Some(_)) => {}
            Err(fault) if fault.kind == FaultKind::Unsupported => {}
            Err(fault) => return Err(fault),
        }
    }
}

fn read_certificate(packets: &mut Packets<'_>, allowance: &mut Allowance) -> Result<Entity, Fault> {
    let primary = match packets.next()? {
        Packet::PublicKey(key) | Packet::SecretKey(key) => key,
        other => {
            packets.unread(other);
            let what = "first packet was not a public/private key";
            return Err(Fault::structural(Cause::NoKey, what));
        }
    };
    if !primary.may_be_primary() {
        let what = "primary key cannot be used for signatures";
        return Err(Fault::structural(Cause::KeyAlgorithm, what));
    }

    let mut revocations = Vec::new();
    let mut user_ids = BTreeMap::new();
    let mut subkeys = Vec::new();
    while let Some(packet) = packets.next_or_end()? {
        match packet {
            Packet::UserId(id) => {
                if let Some(signature) = read_user_id(packets, &primary, &id, allowance)? {
                    user_ids.insert(id, signature);
                }
            }
            Packet::Signature(signature) if signature.kind == 0x20 => revocations.push(signature),
            Packet::PublicKey(key) | Packet::SecretKey(key) if key.is_subkey => {
                subkeys.push(read_subkey(packets, &primary, key, allowance)?);
            }
            key @ (Packet::PublicKey(_) | Packet::SecretKey(_)) => {
                packets.unread(key);
                break;
            }
            // Direct key signatures, among others, are read and ignored.
            Packet::Signature(_) | Packet::OldSignature(_) | Packet::Other => {}
        }
    }

    if user_ids.is_empty() {
        let what = "entity without any identities";
        return Err(Fault::structural(Cause::NoUserId, what));
    }
    let mut data = SignedData::new(vec![&primary.hashed_form]);
    for revocation in &revocations {
        let foreign = "revocation signature signed by alternate key";
        data.verify(&primary, revocation, allowance).map_err(|fault| match fault.cause {
            Cause::Excessive => fault,
            _ => Fault::structural(Cause::ForeignRevocation, foreign),
        })?;
    }
    let is_revoked = !revocations.is_empty();
    Ok(Entity { primary, user_ids, subkeys, is_revoked })
}

/// Reads the signatures after a user ID, and returns the last self-signature.
///
/// Only certifications that name the primary key are checked. A revocation of the user ID, or of
/// the key, is passed over here.
fn read_user_id(
    packets: &mut Packets<'_>,
    primary: &PublicKey,
    id: &[u8],
    allowance: &mut Allowance,
) -> Result<Option<Signature>, Fault> {
    let header = [&[0xb4], &(id.len() as u32).to_be_bytes()[..]].concat();
    let mut data = SignedData::new(vec![&primary.hashed_form, &header, id]);
    let mut last = None;
    while let Some(signature) = next_signature(packets)? {
        let is_certification = matches!(signature.kind, 0x10 | 0x13);
        if is_certification && signature.subpackets.issuer == Some(primary.id) {
            data.verify(primary, &signature, allowance)
                .map_err(|fault| binding("user ID self-signature invalid", fault))?;
            last = Some(*signature);
        }
    }
    Ok(last)
}

/// Reads the signatures after a subkey. The primary key must have made all of them.
fn read_subkey(
    packets: &mut Packets<'_>,
    primary: &PublicKey,
    key: PublicKey,
    allowance: &mut Allowance,
) -> Result<Subkey, Fault> {
    const INVALID: &str = "subkey signature invalid";
    const REVOCATION: u8 = 0x28;
    let mut chosen: Option<Signature> = None;
    let mut data = SignedData::new(vec![&primary.hashed_form, &key.hashed_form]);
    while let Some(signature) = next_signature(packets).map_err(|fault| fault.within(INVALID))? {
        if !matches!(signature.kind, 0x18 | REVOCATION) {
            let what = "subkey signature with wrong type";
            return Err(Fault::structural(Cause::InvalidBinding, what));
        }
        verify_subkey(&mut data, primary, &key, &signature, allowance)
            .map_err(|fault| binding(INVALID, fault))?;
        let replaces = match &chosen {
            None => true,
            Some(_) if signature.kind == REVOCATION => true,
            Some(chosen) if chosen.kind == REVOCATION => false,
            Some(chosen) => signature.subpackets.created > chosen.subpackets.created,
        };
        if replaces {
            chosen = Some(*signature);
        }
    }
    let signature = chosen.ok_or_else(|| {
        let what = "subkey packet not followed by signature";
        Fault::structural(Cause::InvalidBinding, what)
    })?;
    Ok(Subkey { key, signature })
}

/// Checks a subkey's signature, and its back-signature if it has the signing flag.
fn verify_subkey(
    data: &mut SignedData<'_>,
    primary: &PublicKey,
    subkey: &PublicKey,
    signature: &Signature,
    allowance: &mut Allowance,
) -> Result<(), Fault> {
    data.verify(primary, signature, allowance)?;
    if !signature.subpackets.has_signing_flag() {
        return Ok(());
    }
    let Some(back) = &signature.subpackets.embedded else {
        let what = "signing subkey is missing cross-signature";
        return Err(Fault::structural(Cause::NoBackSignature, what));
    };
    data.verify(subkey, back, allowance).map_err(|fault| {
        fault.within(match is_available(back.hash) {
            true => "error while verifying cross-signature",
            false => "error while hashing for cross-signature",
        })
    })
}

/// Says that a binding does not verify, unless the cause is more exact.
fn binding(place: &str, fault: Fault) -> Fault {
    let cause = match fault.cause {
        Cause::OtherContent | Cause::BadSignature | Cause::OtherAlgorithm => Cause::InvalidBinding,
        cause => cause,
    };
    Fault { cause, ..fault }.within(place)
}

/// Returns the next packet if it is a version 4 signature.
fn next_signature(packets: &mut Packets<'_>) -> Result<Option<Box<Signature>>, Fault> {
    match packets.next_or_end()? {
        Some(Packet::Signature(signature)) => return Ok(Some(signature)),
        Some(other) => packets.unread(other),
        None => {}
    }
    Ok(None)
}
