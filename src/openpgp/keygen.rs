//! A new certificate and its secret key.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sequoia_openpgp::packet::UserID;
use sequoia_openpgp::packet::signature::SignatureBuilder;
use sequoia_openpgp::types::{Features, HashAlgorithm, KeyFlags, SignatureType};
use sequoia_openpgp::{Cert, Packet};

use super::change::{SubkeyPlan, made, revocation, self_signature, signing_subkey};
use super::in_token::key_in_token;
use super::new_key::new_key;
use super::policy::KeySizeBits;
use super::primary_key::PrimaryKey;
use super::revocation_reason::RevocationReason;
use super::rsa::signing;
use super::secret_key::{Passphrase, SecretKey};
use super::token::{KeyInToken, Pool};
use super::validity::check_end;
use crate::openpgp::error::{Error, Result};
use crate::text::{Safe, is_unsafe};

/// What kind of key to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// One RSA key that certifies and signs: gpg's "RSA (sign only)".
    Sign,
    /// The same with an RSA subkey for encryption: gpg's "RSA and RSA".
    RsaRsa,
    /// One RSA key that only certifies. It signs nothing before it has a signing subkey.
    Certify,
    /// An organisation's key: a primary key that only certifies and is kept off-line, and a subkey
    /// that signs.
    Organisation {
        /// How long the subkey is valid, or as long as the primary key.
        signing: Option<Duration>,
    },
}

/// The key to make.
#[derive(Clone, Debug)]
pub struct KeyPlan {
    /// Its kind.
    pub kind: KeyKind,
    /// Its size.
    pub bits: KeySizeBits,
    /// Its user ID: UTF-8, 1 to 2048 bytes, see [`user_id`].
    pub user_id: String,
    /// When it is made. Parts of a second are dropped.
    pub created: SystemTime,
    /// How long it is valid, or for ever.
    pub validity: Option<Duration>,
}

/// A key that was made.
pub struct NewKey {
    /// The secret key, protected if there was a passphrase. A token's has no secret part.
    pub secret: SecretKey,
    /// Its revocation certificates, armored and with words on their use. The first gives no reason.
    /// An organisation's key has one more for each usual reason. Anybody who has one can end the
    /// key, so keep them like secrets.
    pub revocations: Vec<(RevocationReason, Vec<u8>)>,
}

/// Puts a user ID together as gpg does: `Name (Comment) <email>`.
///
/// # Errors
///
/// [`Error::Malformed`] says which part is not acceptable, and why. The rules are those of gpg's
/// dialog, but names may be short or begin with a digit.
pub fn user_id(name: &str, comment: &str, email: &str) -> Result<String> {
    let (name, comment, email) = (name.trim(), comment.trim(), email.trim());
    check_name(name)?;
    check_comment(comment)?;
    joined(name, comment, email)
}

/// Puts a user ID together from a parameter file of gpg's, which may have parentheses anywhere.
/// Fails as [`user_id`] does.
pub fn user_id_of_parameters(name: &str, comment: &str, email: &str) -> Result<String> {
    if [name, comment].iter().any(|part| part.contains(['<', '>'])) {
        return Err(Error::malformed("a name or a comment has no angle brackets"));
    }
    joined(name.trim(), comment.trim(), email.trim())
}

fn joined(name: &str, comment: &str, email: &str) -> Result<String> {
    check_email(email)?;
    let comment = if comment.is_empty() { String::new() } else { format!(" ({comment})") };
    let user_id = match format!("{name}{comment}") {
        user_id if email.is_empty() => user_id,
        user_id if user_id.is_empty() => email.to_string(),
        user_id => format!("{user_id} <{email}>"),
    };
    check_user_id(&user_id)?;
    Ok(user_id)
}

/// Checks a real name: no angle brackets or parentheses.
pub fn check_name(name: &str) -> Result<()> {
    no_controls("name", name)?;
    if name.contains(['<', '>', '(', ')']) {
        return Err(Error::malformed("a name has no angle brackets or parentheses"));
    }
    Ok(())
}

/// Checks a comment: no parentheses.
pub fn check_comment(comment: &str) -> Result<()> {
    no_controls("comment", comment)?;
    if comment.contains(['(', ')']) {
        return Err(Error::malformed("a comment has no parentheses"));
    }
    Ok(())
}

/// Checks an e-mail address: one `@` with something on either side, no spaces or brackets.
pub fn check_email(email: &str) -> Result<()> {
    no_controls("e-mail address", email)?;
    if email.is_empty() {
        return Ok(());
    }
    let sound = email.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !domain.contains('@')
    }) && !email.contains(|c: char| c.is_whitespace() || "<>()[],;:\\\"".contains(c));
    if sound {
        Ok(())
    } else {
        Err(Error::Malformed(format!("\"{}\" is not an e-mail address", Safe::text(email))))
    }
}

/// Checks a whole user ID. It is not empty, has at most 2048 bytes (what gpg reads), and has no
/// character that has to be escaped.
pub fn check_user_id(user_id: &str) -> Result<()> {
    no_controls("user ID", user_id)?;
    match user_id.len() {
        0 => Err(Error::malformed("a user ID is needed: a name, an e-mail address, or both")),
        1..=2048 => Ok(()),
        _ => Err(Error::malformed("a user ID has at most 2048 bytes")),
    }
}

fn no_controls(what: &str, text: &str) -> Result<()> {
    if text.chars().any(|character| character == '\\' || is_unsafe(character)) {
        let shown = Safe::text(text);
        return Err(Error::Malformed(format!(
            "the {what} \"{shown}\" has control or invisible characters, or a backslash"
        )));
    }
    Ok(())
}

/// Reads the size of a key, in bits.
///
/// # Errors
///
/// [`Error::Malformed`] for what is no number, [`Error::Refused`] for a size that
/// [`KeySizeBits::from_bits`] refuses.
pub fn parse_bits(text: &str) -> Result<KeySizeBits> {
    let malformed = |_| Error::Malformed(format!("\"{}\" is no size in bits", Safe::text(text)));
    let bits = text.trim().parse::<u32>().map_err(malformed)?;
    KeySizeBits::from_bits(bits)
        .map_err(|weakness| Error::refused(format!("{bits} bits"), weakness))
}

/// Makes a key.
///
/// The certificate has what gpg's has, and nothing that the server cannot read. That is: version 4
/// RSA keys with e = 65537, SHA-256 self-signatures, key flags, validity.
/// Fails with [`Error::Malformed`] for a user ID or a time that OpenPGP cannot hold.
pub fn generate(plan: &KeyPlan, passphrase: Option<&Passphrase>) -> Result<NewKey> {
    check_user_id(&plan.user_id)?;
    check_times(plan)?;
    let (key, unlocked) = new_key(plan.bits, plan.created, passphrase)?;
    whole_key(key.role_into_primary().into(), PrimaryKey(unlocked), plan, passphrase)
}

/// Makes a certificate for a token's key, which signs for itself. The certificate says that the key
/// was made at the plan's time, which is part of its fingerprint.
/// Fails as [`generate`], for a plan of more than one key, and as the token does.
pub fn certify_token_key(plan: &KeyPlan, pool: &Arc<Pool>, key: &KeyInToken) -> Result<NewKey> {
    check_user_id(&plan.user_id)?;
    check_times(plan)?;
    if plan.kind != KeyKind::Sign {
        return Err(Error::malformed(
            "a token's key certifies and signs, and there is no other one",
        ));
    }
    let unlocked = key_in_token(pool, key, plan.created)?;
    let packet = unlocked.public().clone().role_into_primary().into();
    whole_key(packet, PrimaryKey(unlocked), plan, None)
}

/// Puts everything that a key says of itself around its packet.
fn whole_key(
    packet: Packet,
    primary: PrimaryKey,
    plan: &KeyPlan,
    passphrase: Option<&Passphrase>,
) -> Result<NewKey> {
    let user_id = UserID::from(plan.user_id.as_str());
    let binding = made::on_user_id(certification(plan)?, &primary, &user_id);
    let binding = signing("signing the user ID", binding)?;
    let mut packets: Vec<Packet> = vec![packet, user_id.into(), binding.into()];
    let mut reasons = vec![RevocationReason::Unspecified];
    match plan.kind {
        KeyKind::Sign | KeyKind::Certify => {}
        KeyKind::RsaRsa => packets.extend(encryption_subkey(&primary, plan, passphrase)?),
        KeyKind::Organisation { signing } => {
            let subkey = SubkeyPlan { bits: plan.bits, created: plan.created, validity: signing };
            packets.extend(signing_subkey(&primary, &subkey, passphrase)?.0);
            reasons.extend(RevocationReason::USUAL);
        }
    }
    let revocations = reasons
        .into_iter()
        .map(|reason| Ok((reason, revocation(&primary, &plan.user_id, reason, plan.created)?)))
        .collect::<Result<Vec<_>>>()?;
    let cert = Cert::from_packets(packets.into_iter())
        .map_err(Error::crypto("putting the certificate together"))?;
    Ok(NewKey { secret: SecretKey::new(cert), revocations })
}

fn encryption_subkey(
    primary: &PrimaryKey,
    plan: &KeyPlan,
    passphrase: Option<&Passphrase>,
) -> Result<[Packet; 2]> {
    let (subkey, _) = new_key(plan.bits, plan.created, passphrase)?;
    let subkey = subkey.role_into_subordinate();
    let flags = KeyFlags::empty().set_storage_encryption().set_transport_encryption();
    let binding = self_signature(SignatureType::SubkeyBinding, plan.created)?
        .set_key_validity_period(plan.validity)
        .and_then(|builder| builder.set_key_flags(flags))
        .and_then(|builder| made::on_subkey(builder, primary, subkey.parts_as_public()))
        .map_err(Error::crypto("binding the subkey"))?;
    Ok([subkey.into(), binding.into()])
}

/// OpenPGP's times and durations are 32-bit numbers of seconds (RFC 9580, section 3.5).
fn check_times(plan: &KeyPlan) -> Result<()> {
    let latest = u64::from(u32::MAX);
    let created = plan.created.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    // 1980: before OpenPGP, so the clock is wrong.
    if created.as_secs() <= 315_532_800 || created.as_secs() >= latest {
        return Err(Error::malformed("the clock shows a time that a key cannot be made at"));
    }
    let subkey = match plan.kind {
        KeyKind::Organisation { signing } => signing,
        _ => None,
    };
    let mut ends = [plan.validity, subkey].into_iter().flatten();
    ends.try_for_each(|validity| check_end(plan.created, validity))
}

fn certification(plan: &KeyPlan) -> Result<SignatureBuilder> {
    let flags = match plan.kind {
        KeyKind::Certify | KeyKind::Organisation { .. } => KeyFlags::empty().set_certification(),
        KeyKind::Sign | KeyKind::RsaRsa => KeyFlags::empty().set_certification().set_signing(),
    };
    let hashes = vec![HashAlgorithm::SHA256, HashAlgorithm::SHA512, HashAlgorithm::SHA384];
    self_signature(SignatureType::PositiveCertification, plan.created)?
        .set_key_validity_period(plan.validity)
        .and_then(|builder| builder.set_key_flags(flags))
        .and_then(|builder| builder.set_preferred_hash_algorithms(hashes))
        .and_then(|builder| builder.set_features(Features::empty().set_seipdv1()))
        .map_err(Error::crypto("preparing the self-signature"))
}

/// Makes a certificate for tests.
#[cfg(test)]
pub(super) fn test_certificate() -> super::certificate::Certificate {
    let plan = KeyPlan {
        kind: KeyKind::Sign,
        bits: KeySizeBits::Rsa3072,
        user_id: "Test".into(),
        created: SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 30),
        validity: None,
    };
    generate(&plan, None).unwrap().secret.certificate().clone()
}
