//! Renewing self-signatures. Every change of a key does this.

use std::time::SystemTime;

use sequoia_openpgp as openpgp;
use sequoia_openpgp::Packet;
use sequoia_openpgp::packet::Signature;
use sequoia_openpgp::packet::key::{Key, PublicParts, SubordinateRole};
use sequoia_openpgp::packet::signature::SignatureBuilder;
use sequoia_openpgp::types::{HashAlgorithm, SignatureType};

use super::made;
use crate::openpgp::certificate::Certificate;
use crate::openpgp::error::{Error, Result};
use crate::openpgp::ids::Fingerprint;
use crate::openpgp::policy::{ACCEPTED_HASHES, check_key};
use crate::openpgp::primary_key::PrimaryKey;
use crate::openpgp::rsa::{UnlockedKey, signing};
use crate::openpgp::secret_key::{Passphrase, SecretKey};
use crate::openpgp::weakness::Weakness;

/// Who makes a change: the unlocked primary key, and the stored key for subkeys that have to sign
/// back again.
pub struct Maker<'a> {
    /// The primary key.
    pub primary: &'a PrimaryKey,
    /// The stored key, with the subkeys' secret parts if they are here.
    pub secret: &'a SecretKey,
    /// The passphrase of those.
    pub passphrase: Option<&'a Passphrase>,
}

/// Refuses to change a revoked key, because a newer self-signature could undo a soft revocation.
/// Also refuses a clock that is behind the key's creation or its newest self-signature.
pub(super) fn check_changeable(
    certificate: &Certificate,
    primary: &PrimaryKey,
    now: SystemTime,
) -> Result<()> {
    check_own(certificate, primary)?;
    if let Some(reason) = certificate.revoked() {
        return Err(Error::refused(certificate.fingerprint(), Weakness::Revoked(reason)));
    }
    check_clock(certificate, now)
}

/// Refuses another key than the certificate's.
pub(super) fn check_own(certificate: &Certificate, primary: &PrimaryKey) -> Result<()> {
    let (wanted, found) = (certificate.fingerprint(), primary.fingerprint());
    if wanted == found { Ok(()) } else { Err(Error::OtherKey { wanted, found }) }
}

/// Refuses a clock that is behind the key's creation or its newest self-signature. A change must be
/// newer to count.
pub(super) fn check_clock(certificate: &Certificate, now: SystemTime) -> Result<()> {
    let key = certificate.fingerprint();
    let created = certificate.cert().primary_key().key().creation_time();
    if now < created {
        return Err(Error::refused(key, Weakness::NotYetValid(created)));
    }
    match certificate.newest_self_signature() {
        Some(newest) if newest >= now => Err(Error::ClockBehind { key, newest }),
        _ => Ok(()),
    }
}

/// Begins a signature by a key about itself.
pub(in crate::openpgp) fn self_signature(
    typ: SignatureType,
    now: SystemTime,
) -> Result<SignatureBuilder> {
    begun(SignatureBuilder::new(typ), now)
}

/// Begins a self-signature with the content of an older one, with SHA-256 and a new time.
pub(super) fn renewed(old: &Signature, now: SystemTime) -> Result<SignatureBuilder> {
    begun(SignatureBuilder::from(old.clone()), now)
}

fn begun(builder: SignatureBuilder, now: SystemTime) -> Result<SignatureBuilder> {
    builder
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

/// Renews every self-signature of the primary key: those on user IDs and the one on the key itself.
/// Revoked user IDs stay revoked.
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
    let wanted = |old: &&Signature| wanted(old);
    if let Some(old) = newest(cert.primary_key().self_signatures()).filter(wanted) {
        let new = change(renewed(old, now)?).and_then(|builder| made::on_key(builder, primary));
        let new = signing(failed, new)?;
        packets.push(Packet::from(new));
    }
    for user_id in cert.userids().filter(|id| !certificate.is_revoked_id(id)) {
        let Some(old) = newest(user_id.self_signatures()).filter(wanted) else { continue };
        let new = change(renewed(old, now)?)
            .and_then(|builder| made::on_user_id(builder, primary, user_id.userid()));
        let new = signing(failed, new)?;
        packets.extend([Packet::from(user_id.userid().clone()), new.into()]);
    }
    Ok(packets)
}

/// Renews a subkey's binding. A signing subkey also signs back again if it did so with a weak hash
/// or not at all.
pub(super) fn renew_subkey(
    subkey: &Key<PublicParts, SubordinateRole>,
    old: &Signature,
    maker: &Maker<'_>,
    now: SystemTime,
    change: impl Fn(SignatureBuilder) -> openpgp::Result<SignatureBuilder>,
) -> Result<Vec<Packet>> {
    let failed = "binding the subkey";
    let mut builder = change(renewed(old, now)?).map_err(Error::crypto(failed))?;
    if signs(old) && !old.embedded_signatures().any(is_strong) {
        let unlocked = maker.secret.unlock_subkey(&Fingerprint::of(subkey), maker.passphrase)?;
        builder = with_back_signature(builder, &unlocked, maker.primary, subkey, now)?;
    }
    let new = signing(failed, made::on_subkey(builder, maker.primary, subkey))?;
    Ok(vec![subkey.clone().into(), new.into()])
}

/// Adds the subkey's own signature. Without it the subkey is not a valid signing key of this
/// certificate (RFC 9580, section 5.2.1.9).
pub(super) fn with_back_signature(
    builder: SignatureBuilder,
    signer: &UnlockedKey,
    primary: &PrimaryKey,
    subkey: &Key<PublicParts, SubordinateRole>,
    now: SystemTime,
) -> Result<SignatureBuilder> {
    let back = self_signature(SignatureType::PrimaryKeyBinding, now)?;
    let back = made::by_subkey(back, signer, &primary.key(), subkey);
    let back = signing("making the back-signature", back)?;
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

/// Returns the subkeys that get a new end together with the key, in [`extend`](super::extend()).
pub fn extendable_subkeys(certificate: &Certificate) -> Vec<Fingerprint> {
    let in_use = subkeys_in_use(certificate);
    in_use.into_iter().map(|(key, _)| Fingerprint::of(key)).collect()
}

/// A subkey with its newest binding.
pub(super) type Bound<'a> = (&'a Key<PublicParts, SubordinateRole>, &'a Signature);

/// Returns the subkeys that change. Revoked ones and those of other algorithms do not.
pub(super) fn changeable_subkeys(certificate: &Certificate) -> impl Iterator<Item = Bound<'_>> {
    certificate.cert().keys().subkeys().filter_map(|subkey| {
        let key = subkey.component();
        let is_changeable = !certificate.is_revoked_subkey(key) && check_key(key).is_ok();
        Some((key, newest(subkey.self_signatures()).filter(|_| is_changeable)?))
    })
}

pub(super) fn signs(binding: &Signature) -> bool {
    binding.key_flags().is_some_and(|flags| flags.for_signing())
}

/// Returns the subkeys in use, with their newest binding: the newest one for signing and the newest
/// one for other uses. Older ones were replaced and keep their end.
pub(super) fn subkeys_in_use(certificate: &Certificate) -> Vec<Bound<'_>> {
    let mut found: [Option<Bound<'_>>; 2] = [None, None];
    for (key, binding) in changeable_subkeys(certificate) {
        let place = &mut found[usize::from(signs(binding))];
        if place.is_none_or(|(best, _)| best.creation_time() < key.creation_time()) {
            *place = Some((key, binding));
        }
    }
    found.into_iter().flatten().rev().collect()
}
