//! Making detached signatures.

use std::io::Read;
use std::time::SystemTime;

use sequoia_openpgp::crypto::{Signer as _, mpi};
use sequoia_openpgp::packet::Signature;
use sequoia_openpgp::packet::signature::Signature4;
use sequoia_openpgp::packet::signature::subpacket::{Subpacket, SubpacketArea, SubpacketValue};
use sequoia_openpgp::serialize::MarshalInto;
use sequoia_openpgp::types::{HashAlgorithm, SignatureType, Timestamp};

use super::hash::{ContentHash, Hashed, Hasher};
use super::raw_signature::trailer;
use super::rsa::signing;
use super::secret_key::SigningKey;
use super::signature::DetachedSignature;
use super::weakness::Weakness;
use crate::openpgp::error::{Error, Result};

/// Signs everything that the reader yields.
/// Fails with [`Error::Unreadable`] if the reader does, and as [`sign_hashed`] does.
pub fn sign(
    artifact: impl Read,
    key: &SigningKey,
    created: SystemTime,
) -> Result<DetachedSignature> {
    let content = Hasher::new([ContentHash::SHA256]).read(artifact).map_err(Error::Unreadable)?;
    sign_hashed(&content, key, created)
}

/// Signs content that was hashed with [`ContentHash::SHA256`].
///
/// The signature has what the server needs and nothing more: type 0x00, RSA, SHA-256. Its hashed
/// area has the creation time, the issuer fingerprint and the issuer key ID. It has no salt, unlike
/// signatures that sequoia builds, because SHA-256 needs none. So it depends only on key, content
/// and time.
/// Fails with [`Error::Refused`] for a time before the key was made, [`Error::Malformed`] for one
/// after 2106.
pub fn sign_hashed(
    content: &Hashed,
    key: &SigningKey,
    created: SystemTime,
) -> Result<DetachedSignature> {
    sign_hashed_with(content, ContentHash::SHA256, key, created)
}

/// Signs content that was hashed with SHA-256, SHA-384 or SHA-512, as [`sign_hashed`] does with
/// the first. Content that was hashed as text gets a signature over text (type 0x01).
/// Fails as [`sign_hashed`] does, or with [`Error::Crypto`] for any other hash.
pub fn sign_hashed_with(
    content: &Hashed,
    way: ContentHash,
    key: &SigningKey,
    created: SystemTime,
) -> Result<DetachedSignature> {
    let hash = HashAlgorithm::from(way.algorithm.id());
    let failed = "making the signature";
    let mut signer = key.signer();
    let public = signer.public();
    if created < key.created() {
        return Err(Error::refused(key.fingerprint(), Weakness::NotYetValid(key.created())));
    }
    let time = Timestamp::try_from(created)
        .map_err(|_| Error::malformed("the signature's time is not one that OpenPGP can hold"))?;
    let mut hashed_area = SubpacketArea::default();
    for value in [
        SubpacketValue::SignatureCreationTime(time),
        SubpacketValue::IssuerFingerprint(public.fingerprint()),
        SubpacketValue::Issuer(public.keyid()),
    ] {
        Subpacket::new(value, false)
            .and_then(|subpacket| hashed_area.add(subpacket))
            .map_err(Error::crypto(failed))?;
    }
    let area = hashed_area.to_vec().map_err(Error::crypto(failed))?;
    let typ = if way.text { SignatureType::Text } else { SignatureType::Binary };
    let head = [4, u8::from(typ), u8::from(public.pk_algo()), u8::from(hash)];
    let digest = content
        .digest(way, &trailer(head, &area))
        .ok_or_else(|| Error::crypto(failed)("the content was not hashed this way"))?;
    let value: mpi::Signature = signing(failed, signer.sign(hash, &digest))?;
    let prefix = [digest[0], digest[1]];
    let signature = Signature4::new(
        typ,
        public.pk_algo(),
        hash,
        hashed_area,
        SubpacketArea::default(),
        prefix,
        value,
    );
    DetachedSignature::new(Signature::from(signature))
        .map_err(|bad| Error::crypto(failed)(bad.detail().to_string()))
}
