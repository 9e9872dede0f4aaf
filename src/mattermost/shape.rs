//! A signature file looked at without anybody's key.

use super::server::{Cause, KeyRing, Refusal};
use crate::openpgp::certificate::KeyId;
use crate::openpgp::signature::DetachedSignature;

/// What a signature file is, whoever made it and whatever it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One signature that the server can read.
    Signature {
        /// Who says to have made it.
        issuers: Vec<KeyId>,
    },
    /// Something that the server, or the publisher's rules, refuse from anybody.
    Refused(String),
}

/// Looks at a signature file. The server cannot do that without a key, so it is given an empty
/// key ring: that there is no key is the best that it can say then.
pub fn shape(signature_file: &[u8]) -> Shape {
    let no_keys = KeyRing::read(b"");
    let refusal: Option<Refusal> = match &no_keys {
        Ok(ring) => ring.choose(signature_file).err(),
        Err(refusal) => Some(refusal.clone()),
    };
    match refusal {
        Some(refusal) if refusal.cause != Cause::NoKey => {
            return Shape::Refused(format!("{}: {}", refusal.words, refusal.advice));
        }
        _ => {}
    }
    match DetachedSignature::read(signature_file) {
        Ok(signature) => Shape::Signature { issuers: signature.claimed_issuers() },
        Err(bad) => Shape::Refused(format!("{}: {}", bad.reason(), bad.detail())),
    }
}
