//! Revoking a key or a subkey.

use std::time::SystemTime;

use sequoia_openpgp as openpgp;
use sequoia_openpgp::Packet;
use sequoia_openpgp::packet::Signature;
use sequoia_openpgp::serialize::MarshalInto;
use sequoia_openpgp::types::SignatureType;

use super::made;
use super::renew::{check_clock, check_own, self_signature, with_packets};
use crate::openpgp::armor::armored;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::error::{Error, Result};
use crate::openpgp::framing::{self, BadFrame, RawPacket, SIGNATURE, subpackets};
use crate::openpgp::ids::{Fingerprint, KeyId};
use crate::openpgp::primary_key::PrimaryKey;
use crate::openpgp::raw_key::RawKey;
use crate::openpgp::raw_signature::RawSignature;
use crate::openpgp::revocation_reason::RevocationReason;
use crate::openpgp::rsa::signing;
use crate::openpgp::statements::{KEY_REVOCATION, Subject, revokes};
use crate::text::{Safe, is_unsafe};

/// A revocation certificate: one signature that revokes a key, a subkey or a user ID. Applying it
/// shows which key made it.
pub struct Revocation {
    /// The packet's body, as it came.
    body: Vec<u8>,
}

/// What a revocation certificate revokes.
pub enum Revokes {
    /// The key as a whole.
    Key,
    /// A subkey.
    Subkey(Fingerprint),
    /// A user ID or a user attribute. Not safe to show.
    UserId(Vec<u8>),
}

/// The subpacket with the reason (RFC 9580, section 5.2.3.31).
const REASON: u8 = 29;

impl Revocation {
    /// Returns the key that claims to have made it.
    pub fn issuer(&self) -> Option<KeyId> {
        let issuer = self.issuers().into_iter().next()?;
        Some(KeyId(openpgp::KeyID::from_bytes(&issuer)))
    }

    /// Returns whether the certificate's primary key made it.
    pub fn is_by(&self, certificate: &Certificate) -> bool {
        certificate.subject_of(&self.body).is_some()
    }

    /// Returns what it revokes, if the certificate's primary key made it.
    pub fn revokes(&self, certificate: &Certificate) -> Option<Revokes> {
        Some(match certificate.subject_of(&self.body)? {
            Subject::Key => Revokes::Key,
            Subject::Subkey(body) => Revokes::Subkey(RawKey::read(body)?.fingerprint()?),
            Subject::UserId(body) | Subject::Attribute(body) => Revokes::UserId(body.to_vec()),
        })
    }

    /// Returns the reason that it gives.
    pub fn reason(&self) -> RevocationReason {
        let raw = RawSignature::read(&self.body);
        let said = raw.iter().flat_map(|raw| subpackets(raw.hashed_area()));
        let said = said.filter(|(tag, _)| tag & 0x7F == REASON).last();
        match said.and_then(|(_, value)| value.first()) {
            Some(1) => RevocationReason::Superseded,
            Some(2) => RevocationReason::Compromised,
            Some(3) => RevocationReason::Retired,
            _ => RevocationReason::Unspecified,
        }
    }

    /// Returns the key IDs of those that claim to have made it.
    pub(in crate::openpgp) fn issuers(&self) -> Vec<[u8; 8]> {
        RawSignature::read(&self.body).map(|raw| raw.issuers()).unwrap_or_default()
    }
}

/// Reads the packets of a revocation certificate of gpg or plugsign, and nothing else. Packets that
/// say nothing, such as another program's trust packets, are left out.
pub fn read_revocations(packets: &[u8]) -> Result<Vec<Revocation>> {
    let read = |packet: Result<RawPacket<'_>, BadFrame>| match packet {
        Ok(packet) if is_revocation(&packet) => Ok(Revocation { body: packet.body.to_vec() }),
        Ok(_) => Err(Error::no_key("it is a signature, and no key")),
        Err(_) => Err(Error::no_key("it is damaged")),
    };
    let says = |packet: &Result<RawPacket<'_>, BadFrame>| {
        packet.as_ref().map_or(true, |packet| !matches!(packet.tag, 10 | 12 | 21))
    };
    framing::packets(packets).filter(says).map(read).collect()
}

fn is_revocation(packet: &RawPacket<'_>) -> bool {
    let is_one = |raw: RawSignature<'_>| revokes(raw.kind);
    packet.tag == SIGNATURE && RawSignature::read(packet.body).is_some_and(is_one)
}

/// Revokes a key.
///
/// # Errors
///
/// [`Error::OtherKey`], [`Error::AlreadyRevoked`], [`Error::Malformed`] for a message with control
/// characters, [`Error::Refused`] and [`Error::ClockBehind`] for a clock that cannot be right.
pub fn revoke_key(
    certificate: &Certificate,
    primary: &PrimaryKey,
    reason: RevocationReason,
    message: &str,
    now: SystemTime,
) -> Result<Certificate> {
    check_own(certificate, primary)?;
    certificate.check_revocable(&certificate.fingerprint(), reason)?;
    check_clock(certificate, now)?;
    let signature = key_revocation(primary, reason, message, now)?;
    with_packets(certificate, vec![signature.into()])
}

/// Revokes a subkey.
/// Fails with [`Error::UnknownKey`] if there is no such subkey, else as [`revoke_key`].
pub fn revoke_subkey(
    certificate: &Certificate,
    primary: &PrimaryKey,
    subkey: &Fingerprint,
    reason: RevocationReason,
    message: &str,
    now: SystemTime,
) -> Result<Certificate> {
    check_own(certificate, primary)?;
    certificate.check_revocable(subkey, reason)?;
    check_clock(certificate, now)?;
    check_message(message)?;
    let mut subkeys = certificate.cert().keys().subkeys().map(|it| it.component());
    let key = subkeys.find(|key| Fingerprint::of(key) == *subkey);
    let key = key.ok_or_else(|| Error::UnknownKey(subkey.to_string()))?;
    let made = self_signature(SignatureType::SubkeyRevocation, now)?
        .set_reason_for_revocation(reason.code(), message.as_bytes())
        .and_then(|builder| made::on_subkey(builder, primary, key));
    let signature = signing("revoking the subkey", made)?;
    with_packets(certificate, vec![key.clone().into(), signature.into()])
}

/// Applies a revocation certificate to the key that made it.
/// Fails with [`Error::ForeignRevocation`] if another key made it.
pub fn revoke_by(certificate: &Certificate, revocation: &Revocation) -> Result<Certificate> {
    if !revocation.is_by(certificate) {
        return Err(Error::ForeignRevocation(certificate.fingerprint()));
    }
    Ok(certificate.with_statement(&revocation.body))
}

/// Applies a key's revocation certificate by another key to a key that lets that one revoke it (RFC
/// 9580, section 5.2.3.23). It cannot be verified without the other key. But a key that may be
/// revoked is not known to be good.
pub(in crate::openpgp) fn revoke_by_revoker(
    certificate: &Certificate,
    revocation: &Revocation,
) -> Option<Certificate> {
    let raw = RawSignature::read(&revocation.body).filter(|raw| raw.kind == KEY_REVOCATION)?;
    let is_let = certificate.lets_revoke(&raw.issuers());
    is_let.then(|| certificate.with_statement(&revocation.body))
}

/// Makes a revocation certificate for the day when the key is lost. It has words around it, and a
/// colon in front of its armor so that nobody imports it by mistake.
/// Fails with [`Error::Crypto`].
pub fn revocation(
    primary: &PrimaryKey,
    user_id: &str,
    reason: RevocationReason,
    now: SystemTime,
) -> Result<Vec<u8>> {
    let when = match reason {
        RevocationReason::Unspecified => "do so when the key is lost or in\nsomebody else's hands",
        RevocationReason::Compromised => {
            "do so when somebody else may\nhave it. Nothing that it ever signed is good then"
        }
        RevocationReason::Superseded => "do so when another key\nis in its place",
        RevocationReason::Retired => "do so when it is used no more",
    };
    let said = match reason {
        RevocationReason::Unspecified => String::new(),
        reason => format!(" (reason: {reason})"),
    };
    let mut text = format!(
        "Revocation certificate for {}{said}\n{}\n\n\
         Publishing it ends this key for good: {when}. A colon keeps it from being imported by mistake;\n\
         take it away from the line below first.\n\n:",
        primary.fingerprint(),
        Safe::text(user_id),
    )
    .into_bytes();
    text.extend(armored_revocation(primary, reason, "", now)?);
    Ok(text)
}

/// Makes a revocation certificate without a guard: whoever imports it ends the key. `message` is
/// public.
/// Fails as [`revoke_key`].
pub fn armored_revocation(
    primary: &PrimaryKey,
    reason: RevocationReason,
    message: &str,
    now: SystemTime,
) -> Result<Vec<u8>> {
    let packet = Packet::from(key_revocation(primary, reason, message, now)?).to_vec();
    let packet = packet.map_err(Error::crypto("writing the revocation certificate"))?;
    armored(openpgp::armor::Kind::PublicKey, &packet)
}

fn key_revocation(
    primary: &PrimaryKey,
    reason: RevocationReason,
    message: &str,
    now: SystemTime,
) -> Result<Signature> {
    check_message(message)?;
    let made = self_signature(SignatureType::KeyRevocation, now)?
        .set_reason_for_revocation(reason.code(), message.as_bytes())
        .and_then(|builder| made::on_key(builder, primary));
    signing("making the revocation", made)
}

/// The message is published with the certificate, and readers show it.
pub(super) fn check_message(message: &str) -> Result<()> {
    match message.chars().any(is_unsafe) || message.len() > 1024 {
        false => Ok(()),
        true => Err(Error::malformed(
            "the message has control or invisible characters, or more than 1024 bytes",
        )),
    }
}
