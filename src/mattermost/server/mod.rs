//! The Mattermost server's verdict on a key file and a signature.
//!
//! The server verifies plugins with golang.org/x/crypto/openpgp (`ReadKeyRing`,
//! `CheckDetachedSignature`), which is no longer developed. This module gives the same answers, in
//! the same words, for every key file and every signature: where that library is stricter than
//! RFC 9580, where it is looser, and where it is odd. The rules are read from its source.
//! tests/server_parity.rs compares the two.
//!
//! A verdict here is not a recommendation: the server accepts MD5, keys of 1024 bits, expired keys
//! and expired signatures.
//!
//! # Known differences
//!
//! In all of them but the last two the answer here is a refusal.
//!
//! - *What newer Go refuses.* The server is built with Go 1.24 or later, whose crypto/rsa refuses
//!   moduli under 1024 bits or even, exponents under 3 or even, and signatures that are not below
//!   the modulus (checkKeySize, checkPublicKey: read, not run; the tests have Go 1.19, which takes
//!   them). Here they are refused too ([`Cause::WeakKey`]), and a certificate by such a key is
//!   passed over.
//! - *What depends on chance.* The server looks at the self-signature of an arbitrary user ID. If
//!   the choice decides whether a key may sign, the answer is [`Cause::Undecided`].
//! - *What takes too long.* Signatures embedded more than 16 deep, and certificates that take
//!   seconds to verify ([`Cause::Excessive`]).
//! - *Even numbers in DSA keys*. Go computes with them.
//! - *Base64 that is padded or damaged in the middle of a line* where a packet ends in that line:
//!   Go's answer depends on the sizes of buffers that are only partly followed here.
//! - *Unprotected RSA secret keys* are checked as Go 1.19 does. Newer Go checks more of their
//!   numbers, and may refuse a malformed one that is accepted here.

mod armor;
mod base64;
mod elliptic;
mod entity;
mod input;
mod key;
mod key_ring;
mod numbers;
mod other;
mod packet;
mod refusal;
mod secret;
mod signature;
mod source;
mod verify;

pub use self::key_ring::{
    KeyRing, Pending, ServerVerdict, check_signature_file, refusal_without_numbers,
};
pub use self::refusal::{Cause, Refusal};
