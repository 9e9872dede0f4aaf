//! Self-signatures made anew, which is what every change comes to.

use std::time::SystemTime;

use sequoia_openpgp as openpgp;

use openpgp::Packet;
use openpgp::packet::Signature;
use openpgp::packet::key::{Key, PublicParts, SubordinateRole};
use openpgp::packet::signature::SignatureBuilder;
use openpgp::types::{HashAlgorithm, SignatureType};

use super::made;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::error::{Error, Result};
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::policy::ACCEPTED_HASHES;
use crate::openpgp::primary_key::PrimaryKey;
use crate::openpgp::secret_key::{Passphrase, SecretKey};
use crate::openpgp::weakness::Weakness;

/// Who makes a change: the unlocked primary key and, where a subkey has to agree once more, the
/// key that has its secret part.
pub struct Maker<'a> {
    /// The primary key.
    pub primary: &'a PrimaryKey,
    /// The key as it is kept, with the subkeys' secret parts, or with none of any.
    pub secret: &'a SecretKey,
    /// What unlocks those.
    pub passphrase: Option<&'a Passphrase>,
}

/// Returns the time of the newest self-signature, revocations too. A change must be newer, or it
/// would not count.
pub fn newest_self_signature(certificate: &Certificate) -> Option<SystemTime> {
    certificate.newest_self_signature()
}

/// Refuses to change a key that is revoked, by whatever revocation: a newer self-signature would
/// bring one that is merely superseded back to life. Refuses also a clock that shows a time
/// before the key was made, or before its newest self-signature.
pub(super) fn check_changeable(
    certificate: &Certificate,
    primary: &PrimaryKey,
    now: SystemTime,
) -> Result<()> {
    let fingerprint = certificate.fingerprint();
    if primary.fingerprint() != fingerprint {
        return Err(Error::OtherKey { wanted: fingerprint, found: primary.fingerprint() });
    }
    if let Some(reason) = certificate.revoked() {
        let weakness = Weakness::Revoked(reason);
        return Err(Error::Refused { key: fingerprint.to_string(), weakness });
    }
    check_clock(certificate, now)
}

/// Refuses a clock that shows a time at which nothing can be said of the key.
pub(super) fn check_clock(certificate: &Certificate, now: SystemTime) -> Result<()> {
    let key = certificate.fingerprint();
    let created = certificate.cert().primary_key().key().creation_time();
    if now < created {
        let weakness = Weakness::NotYetValid(created);
        return Err(Error::Refused { key: key.to_string(), weakness });
    }
    match newest_self_signature(certificate) {
        Some(newest) if newest >= now => Err(Error::ClockBehind { key, newest }),
        _ => Ok(()),
    }
}

/// Begins a signature by a key about itself.
pub(in crate::openpgp) fn self_signature(
    typ: SignatureType,
    now: SystemTime,
) -> Result<SignatureBuilder> {
    SignatureBuilder::new(typ)
        .set_hash_algo(HashAlgorithm::SHA256)
        .set_signature_creation_time(now)
        .map_err(Error::crypto("preparing a self-signature"))
}

/// Begins a self-signature that says what an older one says, newly and with SHA-256.
pub(super) fn renewed(old: &Signature, now: SystemTime) -> Result<SignatureBuilder> {
    SignatureBuilder::from(old.clone())
        .set_hash_algo(HashAlgorithm::SHA256)
        .set_signature_creation_time(now)
        .map_err(Error::crypto("preparing a self-signature"))
}

/// Returns the newest of some self-signatures.
pub(super) fn newest<'a>(signatures: impl Iterator<Item = &'a Signature>) -> Option<&'a Signature> {
    signatures.max_by_key(|signature| signature.signature_creation_time())
}

pub(super) fn is_strong(signature: &Signature) -> bool {
    ACCEPTED_HASHES.contains(&signature.hash_algo())
}

/// Makes every self-signature of the primary key anew: those on user IDs and the one on the key
/// itself. Revoked user IDs stay revoked.
pub(super) fn renew_primary(
    certificate: &Certificate,
    primary: &PrimaryKey,
    now: SystemTime,
    wanted: impl Fn(&Signature) -> bool,
    change: impl Fn(SignatureBuilder) -> openpgp::Result<SignatureBuilder>,
) -> Result<Vec<Packet>> {
    let failed = "renewing a self-signature";
    let cert = certificate.cert();
    let mut packets = Vec::new();
    if let Some(old) = newest(cert.primary_key().self_signatures())
        && wanted(old)
    {
        let new = change(renewed(old, now)?)
            .and_then(|builder| made::on_key(builder, primary))
            .map_err(Error::crypto(failed))?;
        packets.push(Packet::from(new));
    }
    for user_id in cert.userids().filter(|id| !certificate.is_revoked_id(id)) {
        let Some(old) = newest(user_id.self_signatures()).filter(|old| wanted(old)) else {
            continue;
        };
        let new = change(renewed(old, now)?)
            .and_then(|builder| made::on_user_id(builder, primary, user_id.userid()))
            .map_err(Error::crypto(failed))?;
        packets.extend([Packet::from(user_id.userid().clone()), new.into()]);
    }
    Ok(packets)
}

/// Makes a subkey's binding anew. A signing subkey signs back anew too where it did so with a
/// hash that is too weak now, or not at all.
pub(super) fn renew_subkey(
    subkey: &Key<PublicParts, SubordinateRole>,
    old: &Signature,
    maker: &Maker<'_>,
    now: SystemTime,
    change: impl Fn(SignatureBuilder) -> openpgp::Result<SignatureBuilder>,
) -> Result<Vec<Packet>> {
    let failed = "binding the subkey";
    let mut builder = change(renewed(old, now)?).map_err(Error::crypto(failed))?;
    let signs = old.key_flags().is_some_and(|flags| flags.for_signing());
    if signs && !old.embedded_signatures().any(is_strong) {
        let fingerprint = Fingerprint(subkey.fingerprint());
        let unlocked = maker.secret.unlock_subkey(&fingerprint, maker.passphrase)?;
        builder = with_back_signature(builder, &mut unlocked.signer(), maker.primary, subkey, now)?;
    }
    let new = made::on_subkey(builder, maker.primary, subkey).map_err(Error::crypto(failed))?;
    Ok(vec![subkey.clone().into(), new.into()])
}

/// Adds the subkey's own signature, without which nobody takes it for a signing key of this
/// certificate (RFC 9580, section 5.2.1.9).
pub(super) fn with_back_signature(
    builder: SignatureBuilder,
    subkey_signer: &mut crate::openpgp::rsa::RsaSigner<'_>,
    primary: &PrimaryKey,
    subkey: &Key<PublicParts, SubordinateRole>,
    now: SystemTime,
) -> Result<SignatureBuilder> {
    let back = self_signature(SignatureType::PrimaryKeyBinding, now)?;
    let back = made::by_subkey(back, subkey_signer, &primary.key(), subkey)
        .map_err(Error::crypto("making the back-signature"))?;
    builder.set_embedded_signature(back).map_err(Error::crypto("making the back-signature"))
}

/// Puts packets into a certificate.
pub(super) fn with_packets(certificate: &Certificate, packets: Vec<Packet>) -> Result<Certificate> {
    certificate
        .cert()
        .clone()
        .insert_packets(packets)
        .map(|(cert, _)| certificate.changed(cert))
        .map_err(Error::crypto("putting the certificate together"))
}

/// Returns the subkeys that get a new end with the key's, in [`extend`](super::extend()).
pub fn extendable_subkeys(certificate: &Certificate) -> Vec<Fingerprint> {
    let in_use = subkeys_in_use(certificate);
    in_use.into_iter().map(|(key, _)| Fingerprint(key.fingerprint())).collect()
}

/// Returns the subkeys in use that may be bound anew, with their newest binding: the newest one
/// for signing and the newest one for anything else. Older ones were rotated away and keep
/// their end; revoked ones and those of other algorithms are left alone.
pub(super) fn subkeys_in_use(
    certificate: &Certificate,
) -> Vec<(&Key<PublicParts, SubordinateRole>, &Signature)> {
    let mut found: [Option<(&Key<PublicParts, SubordinateRole>, &Signature)>; 2] = [None, None];
    for subkey in certificate.cert().keys().subkeys() {
        if certificate.is_revoked_subkey(subkey.key())
            || crate::openpgp::policy::check_key(subkey.key()).is_err()
        {
            continue;
        }
        let key = subkey.component();
        let Some(binding) = newest(subkey.self_signatures()) else { continue };
        let signs = binding.key_flags().is_some_and(|flags| flags.for_signing());
        let place = &mut found[usize::from(signs)];
        if place.is_none_or(|(best, _)| best.creation_time() < key.creation_time()) {
            *place = Some((key, binding));
        }
    }
    found.into_iter().flatten().rev().collect()
}
