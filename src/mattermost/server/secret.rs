//! Secret keys as the server reads them (golang.org/x/crypto/openpgp/packet, private_key.go).
//!
//! The server accepts a secret key in a key file, and uses its public part. It also checks the
//! secret part, and a failure there refuses the whole key file. So the same is checked here.

use crypto_bigint::{BoxedUint, ConcatenatingMul, NonZero};

use super::input::Body;
use super::key::{Material, PublicKey, algorithm};
use super::refusal::{Cause, Fault};
use super::signature::is_available;
use super::source::ByteSource;
use crate::openpgp::hash::HashAlgorithm;

/// Reads a secret key packet.
pub(super) fn parse(body: &mut Body<'_, '_>, is_subkey: bool) -> Result<PublicKey, Fault> {
    let key = PublicKey::parse(body, is_subkey)?;
    match body.octet()? {
        0 => check_unprotected(&key, &body.rest()?)?,
        254 | 255 => {
            let cipher = body.octet()?;
            string_to_key(body)?;
            let initialization_vector = block_size(cipher).ok_or_else(|| {
                unsupported(format_args!("unsupported cipher in private key: {cipher}"))
            })?;
            body.octets(initialization_vector)?;
            body.drain()?;
        }
        _ => return Err(unsupported("deprecated s2k function in private key")),
    }
    Ok(key)
}

fn unsupported(what: impl std::fmt::Display) -> Fault {
    Fault::unsupported(Cause::SecretKey, what)
}

/// Reads how a passphrase becomes a key (golang.org/x/crypto/openpgp/s2k, s2k.go). An end before
/// one of its fields counts as the end of the file.
pub(super) fn string_to_key(body: &mut impl ByteSource) -> Result<(), Fault> {
    let mut fields = [0; 2];
    body.fill_or_end(&mut fields)?;
    let [kind, hash] = fields;
    match HashAlgorithm::from_id(hash) {
        None => return Err(unsupported(format_args!("hash for S2K function: {hash}"))),
        // 9 is RIPEMD-160's number in Go.
        Some(hash) if !is_available(hash) => return Err(unsupported("hash not available: 9")),
        Some(_) => {}
    }
    match kind {
        0 => Ok(()),
        1 => body.fill_or_end(&mut [0; 8]),
        3 => body.fill_or_end(&mut [0; 9]),
        _ => Err(unsupported("S2K function")),
    }
}

/// Tells whether the library knows this symmetric algorithm.
pub(super) fn is_cipher(id: u8) -> bool {
    block_size(id).is_some()
}

/// Returns the block size of a symmetric algorithm in octets.
fn block_size(id: u8) -> Option<u16> {
    match id {
        2 | 3 => Some(8),
        7..=9 => Some(16),
        _ => None,
    }
}

/// Checks the secret numbers of an unprotected key as the library does.
fn check_unprotected(key: &PublicKey, mut secret: &[u8]) -> Result<(), Fault> {
    if key.algorithm == algorithm::ECDH {
        return Err(Fault::fatal(Cause::Panics, "panic: impossible"));
    }
    let Material::Rsa { n, e } = &key.material else { return secret.mpi().map(|_| ()) };
    let mut number = || Ok(BoxedUint::from_be_slice_vartime(&secret.mpi()?.1));
    let (d, p, q) = (number()?, number()?, number()?);
    check_rsa(&BoxedUint::from_be_slice_vartime(n), *e, &d, &p, &q)
}

/// Checks an RSA secret key as Go's crypto/rsa does in `PrivateKey.Validate`.
fn check_rsa(
    n: &BoxedUint,
    e: u32,
    d: &BoxedUint,
    p: &BoxedUint,
    q: &BoxedUint,
) -> Result<(), Fault> {
    let invalid = |what| Err(Fault::fatal(Cause::SecretKey, format!("crypto/rsa: {what}")));
    if e < 2 {
        return invalid("public exponent too small");
    }
    let one = BoxedUint::one();
    let less_one = |prime: &BoxedUint| NonZero::new(prime.wrapping_sub(&one)).into_option();
    if p.bits_vartime() < 2 || q.bits_vartime() < 2 {
        return invalid("invalid prime value");
    }
    if p.concatenating_mul(q) != *n {
        return invalid("invalid modulus");
    }
    let product = BoxedUint::from(e).concatenating_mul(d);
    let is_inverse = |prime: &BoxedUint| {
        less_one(prime).is_some_and(|modulus| product.rem_vartime(&modulus) == one)
    };
    if !is_inverse(p) || !is_inverse(q) {
        return invalid("invalid exponents");
    }
    Ok(())
}
