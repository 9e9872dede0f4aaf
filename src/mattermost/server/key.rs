//! Public keys as the server reads them (golang.org/x/crypto/openpgp/packet, public_key.go,
//! public_key_v3.go).

use super::elliptic::Point;
use super::refusal::{Cause, Fault};
use super::source::ByteSource;
use crate::openpgp::hash::{ContentHash, HashAlgorithm, Hasher};

/// The numbers of algorithms, for keys and for signatures (RFC 9580, section 9.1).
pub(super) mod algorithm {
    pub(crate) const RSA: u8 = 1;
    pub(crate) const RSA_ENCRYPT: u8 = 2;
    pub(crate) const RSA_SIGN: u8 = 3;
    pub(crate) const ELGAMAL: u8 = 16;
    pub(crate) const DSA: u8 = 17;
    pub(crate) const ECDH: u8 = 18;
    pub(crate) const ECDSA: u8 = 19;
}

/// A version 4 public key or subkey.
pub(super) struct PublicKey {
    pub(super) algorithm: u8,
    pub(super) id: u64,
    pub(super) is_subkey: bool,
    pub(super) material: Material,
    /// What signatures over the key hash (RFC 9580, section 5.2.4).
    pub(super) hashed_form: Vec<u8>,
}

/// A key's numbers, big-endian.
pub(super) enum Material {
    Rsa {
        n: Vec<u8>,
        e: u32,
    },
    /// p, q, g and y.
    Dsa([Vec<u8>; 4]),
    Ecdsa(Point),
    /// ElGamal and ECDH, which sign nothing.
    Encryption,
}

impl PublicKey {
    /// Reads a version 4 key.
    pub(super) fn parse(body: &mut impl ByteSource, is_subkey: bool) -> Result<PublicKey, Fault> {
        let fields @ [version, .., algorithm]: [u8; 6] = body.array()?;
        if version != 4 {
            return Err(Fault::unsupported(Cause::KeyVersion, "public key version"));
        }
        let mut canonical = fields.to_vec();
        let material = match algorithm {
            algorithm::RSA | algorithm::RSA_ENCRYPT | algorithm::RSA_SIGN => {
                parse_rsa(body, &mut canonical)?
            }
            algorithm::DSA => {
                let mut number = || number(body, &mut canonical);
                Material::Dsa([number()?, number()?, number()?, number()?])
            }
            algorithm::ELGAMAL => {
                for _ in 0..3 {
                    number(body, &mut canonical)?;
                }
                Material::Encryption
            }
            algorithm::ECDSA => {
                let (oid, point) = raw_point(body, &mut canonical)?;
                Material::Ecdsa(Point::on_curve(&oid, &point)?)
            }
            algorithm::ECDH => parse_ecdh(body, &mut canonical)?,
            unknown => {
                let what = format_args!("public key type: {unknown}");
                return Err(Fault::unsupported(Cause::KeyAlgorithm, what));
            }
        };
        let hashed_form =
            [&[0x99], &(canonical.len() as u16).to_be_bytes()[..], &canonical].concat();
        Ok(PublicKey { algorithm, id: key_id(&hashed_form), is_subkey, material, hashed_form })
    }

    /// Reads a key of version 2 or 3, which the server parses and never uses.
    pub(super) fn skip_old(body: &mut impl ByteSource) -> Result<(), Fault> {
        let [version, .., algorithm]: [u8; 8] = body.array()?;
        if !matches!(version, 2 | 3) {
            return Err(Fault::unsupported(Cause::KeyVersion, "public key version"));
        }
        if !matches!(algorithm, algorithm::RSA | algorithm::RSA_ENCRYPT | algorithm::RSA_SIGN) {
            let what = format_args!("public key type: {algorithm}");
            return Err(Fault::unsupported(Cause::KeyAlgorithm, what));
        }
        let ((_, n), (_, e)) = (body.mpi()?, body.mpi()?);
        if n.len() < 8 {
            let what = "v3 public key modulus is too short";
            return Err(Fault::structural(Cause::MalformedKey, what));
        }
        exponent(&e).map(|_| ())
    }

    /// Tells whether the library takes a certificate with this primary key.
    pub(super) fn may_be_primary(&self) -> bool {
        !matches!(self.algorithm, algorithm::RSA_ENCRYPT | algorithm::ELGAMAL | algorithm::ECDH)
    }

    /// Tells whether the library tries to verify with this key. It does so with ECDH keys too.
    pub(super) fn may_verify(&self) -> bool {
        !matches!(self.algorithm, algorithm::RSA_ENCRYPT | algorithm::ELGAMAL)
    }
}

/// Returns the end of the fingerprint (RFC 9580, section 5.5.4.2).
fn key_id(hashed_form: &[u8]) -> u64 {
    let way = ContentHash { algorithm: HashAlgorithm::Sha1, text: false };
    let fingerprint = Hasher::new([way]).finish().digest(way, hashed_form).unwrap_or_default();
    fingerprint.last_chunk().map_or(0, |id| u64::from_be_bytes(*id))
}

/// Reads a number, and notes it down as it stands.
fn number(body: &mut impl ByteSource, canonical: &mut Vec<u8>) -> Result<Vec<u8>, Fault> {
    let (bits, octets) = body.mpi()?;
    canonical.extend(bits);
    canonical.extend(&octets);
    Ok(octets)
}

fn parse_rsa(body: &mut impl ByteSource, canonical: &mut Vec<u8>) -> Result<Material, Fault> {
    let n = number(body, canonical)?;
    let e = exponent(&number(body, canonical)?)?;
    Ok(Material::Rsa { n, e })
}

fn exponent(octets: &[u8]) -> Result<u32, Fault> {
    if octets.len() > 3 {
        return Err(Fault::unsupported(Cause::MalformedKey, "large public exponent"));
    }
    Ok(octets.iter().fold(0, |e, &octet| e << 8 | u32::from(octet)))
}

/// Reads a curve's object identifier and a point, before either is checked.
fn raw_point(
    body: &mut impl ByteSource,
    canonical: &mut Vec<u8>,
) -> Result<(Vec<u8>, Vec<u8>), Fault> {
    const LONGEST_OID: u8 = 8;
    let length = body.octet()?;
    if length > LONGEST_OID {
        let what = format_args!("invalid oid length: {length}");
        return Err(Fault::unsupported(Cause::KeyAlgorithm, what));
    }
    let oid = body.octets(length.into())?;
    canonical.push(length);
    canonical.extend(&oid);
    Ok((oid, number(body, canonical)?))
}

/// Reads an ECDH key. Its point is checked last, after the key derivation parameters.
fn parse_ecdh(body: &mut impl ByteSource, canonical: &mut Vec<u8>) -> Result<Material, Fault> {
    let (oid, point) = raw_point(body, canonical)?;
    let malformed = |what: String| Err(Fault::unsupported(Cause::MalformedKey, what));
    let length = body.octet()?;
    if length < 3 {
        return malformed(format!("Unsupported ECDH KDF length: {length}"));
    }
    let [reserved, hash, cipher] = body.array()?;
    body.octets(u16::from(length) - 3)?;
    if reserved != 1 {
        return malformed(format!("Unsupported KDF reserved field: {reserved}"));
    }
    // Longer parameters are cut off, in the fingerprint too.
    canonical.extend([3, 1, hash, cipher]);
    Point::on_curve(&oid, &point).map(|_| Material::Encryption)
}
