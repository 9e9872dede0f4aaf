//! ECDSA on the curves that the server has (RFC 9580, section 9.2; Go's crypto/elliptic and
//! crypto/ecdsa).

use p256::ecdsa::signature::hazmat::PrehashVerifier;

use super::refusal::{Cause, Fault};

/// A point on one of the curves: a public key.
pub(super) enum Point {
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(p521::ecdsa::VerifyingKey),
}

impl Point {
    /// Returns the point with this uncompressed encoding, if it is on the curve with this object
    /// identifier.
    pub(super) fn on_curve(oid: &[u8], encoded: &[u8]) -> Result<Point, Fault> {
        const UNCOMPRESSED: u8 = 0x04;
        let point = match oid {
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07] => {
                p256::ecdsa::VerifyingKey::from_sec1_bytes(encoded).map(Point::P256)
            }
            [0x2b, 0x81, 0x04, 0x00, 0x22] => {
                p384::ecdsa::VerifyingKey::from_sec1_bytes(encoded).map(Point::P384)
            }
            [0x2b, 0x81, 0x04, 0x00, 0x23] => {
                p521::ecdsa::VerifyingKey::from_sec1_bytes(encoded).map(Point::P521)
            }
            unknown => {
                let hex: String = unknown.iter().map(|octet| format!("{octet:02x}")).collect();
                let what = format_args!("unsupported oid: {hex}");
                return Err(Fault::unsupported(Cause::KeyAlgorithm, what));
            }
        };
        match point {
            Ok(point) if encoded.first() == Some(&UNCOMPRESSED) => Ok(point),
            _ => Err(Fault::unsupported(Cause::MalformedKey, "failed to parse EC point")),
        }
    }

    /// Tells whether `r` and `s` are a signature of the digest.
    ///
    /// Digests may be as short as MD5's on any of the curves.
    pub(super) fn verifies(&self, digest: &[u8], r: &[u8], s: &[u8]) -> bool {
        let verified = match self {
            Point::P256(key) => verify::<p256::ecdsa::Signature, 32>(key, digest, r, s),
            Point::P384(key) => verify::<p384::ecdsa::Signature, 48>(key, digest, r, s),
            Point::P521(key) => verify::<p521::ecdsa::Signature, 66>(key, digest, r, s),
        };
        verified.is_some()
    }
}

/// Verifies on a curve whose field has `SIZE` octets. Only the leftmost octets of a digest count.
fn verify<S: for<'a> TryFrom<&'a [u8]>, const SIZE: usize>(
    key: &impl PrehashVerifier<S>,
    digest: &[u8],
    r: &[u8],
    s: &[u8],
) -> Option<()> {
    let numbers = [right_aligned::<SIZE>(r)?, right_aligned(s)?].concat();
    let signature = S::try_from(&numbers).ok()?;
    let digest = digest.first_chunk().copied().or_else(|| right_aligned::<SIZE>(digest))?;
    key.verify_prehash(&digest, &signature).ok()
}

/// Pads a big-endian number with zeros on the left. Returns nothing if it does not fit.
fn right_aligned<const SIZE: usize>(number: &[u8]) -> Option<[u8; SIZE]> {
    let zeros = number.iter().take_while(|octet| **octet == 0).count();
    let number = number.get(zeros..)?;
    let mut field = [0; SIZE];
    field.get_mut(SIZE.checked_sub(number.len())?..)?.copy_from_slice(number);
    Some(field)
}
