//! ECDSA on the curves that the server has (RFC 9580, section 9.2; Go's crypto/elliptic and
//! crypto/ecdsa).

use p256::ecdsa::signature::hazmat::PrehashVerifier;

/// A curve that the server has.
#[derive(Clone, Copy)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// Returns the curve with this object identifier.
    pub(super) fn from_oid(oid: &[u8]) -> Option<Curve> {
        match oid {
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07] => Some(Curve::P256),
            [0x2b, 0x81, 0x04, 0x00, 0x22] => Some(Curve::P384),
            [0x2b, 0x81, 0x04, 0x00, 0x23] => Some(Curve::P521),
            _ => None,
        }
    }

    /// Returns the point with this uncompressed encoding, if it is on the curve.
    pub(super) fn point(self, encoded: &[u8]) -> Option<Point> {
        const UNCOMPRESSED: u8 = 0x04;
        if encoded.first() != Some(&UNCOMPRESSED) {
            return None;
        }
        match self {
            Curve::P256 => {
                p256::ecdsa::VerifyingKey::from_sec1_bytes(encoded).ok().map(Point::P256)
            }
            Curve::P384 => {
                p384::ecdsa::VerifyingKey::from_sec1_bytes(encoded).ok().map(Point::P384)
            }
            Curve::P521 => {
                p521::ecdsa::VerifyingKey::from_sec1_bytes(encoded).ok().map(Point::P521)
            }
        }
    }
}

/// A point on one of the curves: a public key.
#[derive(Clone)]
pub(super) enum Point {
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(p521::ecdsa::VerifyingKey),
}

impl Point {
    /// Tells whether `r` and `s` are a signature of the digest.
    ///
    /// Digests may be as short as MD5's on any of the curves.
    pub(super) fn verifies(&self, digest: &[u8], r: &[u8], s: &[u8]) -> bool {
        match self {
            Point::P256(key) => scalars::<64>(r, s)
                .and_then(|both| p256::ecdsa::Signature::from_slice(&both).ok())
                .is_some_and(|it| key.verify_prehash(&padded::<32>(digest), &it).is_ok()),
            Point::P384(key) => scalars::<96>(r, s)
                .and_then(|both| p384::ecdsa::Signature::from_slice(&both).ok())
                .is_some_and(|it| key.verify_prehash(&padded::<48>(digest), &it).is_ok()),
            Point::P521(key) => scalars::<132>(r, s)
                .and_then(|both| p521::ecdsa::Signature::from_slice(&both).ok())
                .is_some_and(|it| key.verify_prehash(&padded::<66>(digest), &it).is_ok()),
        }
    }
}

/// Returns the leftmost octets of a digest. A shorter one is padded with zeros on the left.
fn padded<const N: usize>(digest: &[u8]) -> [u8; N] {
    match digest.first_chunk() {
        Some(first) => *first,
        None => right_aligned(digest).unwrap_or([0; N]),
    }
}

/// Returns `r` and `s` in halves of the same length, or nothing if one of them is too large.
fn scalars<const N: usize>(r: &[u8], s: &[u8]) -> Option<[u8; N]> {
    let mut both = [0; N];
    let (first, second) = both.split_at_mut(N / 2);
    align_right(first, r)?;
    align_right(second, s)?;
    Some(both)
}

fn right_aligned<const N: usize>(number: &[u8]) -> Option<[u8; N]> {
    let mut field = [0; N];
    align_right(&mut field, number)?;
    Some(field)
}

/// Writes a big-endian number to the end of a field of zeros. Returns nothing if it does not fit.
fn align_right(field: &mut [u8], number: &[u8]) -> Option<()> {
    let significant = number.iter().position(|&octet| octet != 0).unwrap_or(number.len());
    let number = number.get(significant..)?;
    let start = field.len().checked_sub(number.len())?;
    field.get_mut(start..)?.copy_from_slice(number);
    Some(())
}
