//! plugsign's own words for what is wrong with OpenPGP data.
//!
//! sequoia's messages are for programmers. They name its types and print whole packets. The words
//! for users are here.

use std::error::Error;
use std::io;

use sequoia_openpgp as openpgp;
use sequoia_openpgp::types::HashAlgorithm;

use super::times::show_time;
use crate::text::Safe;

const UNKNOWN: &str = "a part of it is of a kind that is not known here";

/// Says why sequoia did not take something.
pub(super) fn of(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    loop {
        // Its cause would only be sequoia's name for the subpacket.
        if cause.to_string() == "Policy rejected critical signature subpacket" {
            return "it has a critical subpacket that is not known here".into();
        }
        if let Some(known) = cause.downcast_ref::<openpgp::Error>() {
            return of_openpgp(known);
        }
        if let Some(input) = cause.downcast_ref::<io::Error>() {
            return of_io(input);
        }
        match cause.source() {
            Some(source) => cause = source,
            None => return UNKNOWN.into(),
        }
    }
}

/// Says why bytes in memory could not be read. No disk is involved.
pub(super) fn of_io(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return "it is cut short".into();
    }
    match error.get_ref().and_then(|inner| inner.downcast_ref::<openpgp::Error>()) {
        Some(known) => of_openpgp(known),
        None => "it is damaged".into(),
    }
}

fn of_openpgp(error: &openpgp::Error) -> String {
    use openpgp::Error::{
        BadSignature, Expired, InvalidKey, MalformedCert, MalformedMPI, MalformedMessage,
        MalformedPacket, NoBindingSignature, NotYetLive, PacketTooLarge, PolicyViolation,
        UnsupportedAEADAlgorithm, UnsupportedCert, UnsupportedEllipticCurve,
        UnsupportedHashAlgorithm, UnsupportedPacketType, UnsupportedPublicKeyAlgorithm,
        UnsupportedSignatureType, UnsupportedSymmetricAlgorithm,
    };
    let unknown =
        |what: &str, number: u8| format!("it uses {what} {number}, which is not known here");
    match error {
        MalformedPacket(_) | InvalidKey(_) => "a packet in it is damaged".into(),
        MalformedMPI(_) => "a number in it is damaged".into(),
        PacketTooLarge(..) => "a packet in it is too large".into(),
        MalformedCert(_) | UnsupportedCert(..) => {
            "its packets do not follow each other as a key's do".into()
        }
        MalformedMessage(_) => "its packets do not follow each other as they should".into(),
        BadSignature(_) => "a signature in it does not verify".into(),
        UnsupportedPacketType(tag) => unknown("the packet type", u8::from(*tag)),
        UnsupportedSignatureType(kind) => unknown("the signature type", u8::from(*kind)),
        UnsupportedHashAlgorithm(hash) => unknown("the hash algorithm", u8::from(*hash)),
        UnsupportedPublicKeyAlgorithm(key) => unknown("the key algorithm", u8::from(*key)),
        UnsupportedSymmetricAlgorithm(cipher) => unknown("the cipher", u8::from(*cipher)),
        UnsupportedAEADAlgorithm(mode) => unknown("the cipher mode", u8::from(*mode)),
        UnsupportedEllipticCurve(_) => "it uses an elliptic curve that is not known here".into(),
        Expired(end) => format!("it expired on {}", show_time(*end)),
        NotYetLive(start) => format!("it is not valid before {}", show_time(*start)),
        NoBindingSignature(time) => {
            format!("no self-signature was valid on {}", show_time(*time))
        }
        PolicyViolation(what, _) => refused(what),
        _ => UNKNOWN.into(),
    }
}

/// Names a hash.
pub(super) fn hash(algorithm: HashAlgorithm) -> String {
    match algorithm {
        HashAlgorithm::Private(number) | HashAlgorithm::Unknown(number) => {
            format!("the hash algorithm {number}")
        }
        known => known.to_string(),
    }
}

/// A policy refuses a hash, a kind of key, a weakness in plugsign's own words, or something
/// critical in a signature.
fn refused(what: &str) -> String {
    match what.strip_prefix("Critical notation ") {
        Some(_) => "it has a critical notation, and none is known here".into(),
        None if what.contains(' ') => Safe::text(what).to_string(),
        None => format!("it uses {}, which is not accepted", Safe::text(what)),
    }
}

/// Says which program changed a text file, if the bytes look like that.
pub(super) fn odd_text(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xEF, 0xBB, 0xBF, ..] => {
            Some("it begins with a byte order mark, as editors write it: save it without")
        }
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [b'-', 0, b'-', 0, ..] | [0, b'-', 0, b'-', ..] => {
            Some("it is text in UTF-16, as PowerShell's > writes it: save it as ASCII or UTF-8")
        }
        _ => None,
    }
}

/// Names armor in a text that is not a key.
pub(super) fn other_armor(text: &[u8]) -> Option<&'static str> {
    const KINDS: [(&[u8], &str); 5] = [
        (b"-----BEGIN PGP SIGNED MESSAGE-----", "it is a cleartext signed message, and no key"),
        (b"-----BEGIN PGP SIGNATURE-----", "it is a signature, and no key"),
        (b"-----BEGIN PGP ", "it is an OpenPGP message, and no key"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----", "it is a key for SSH, and not for OpenPGP"),
        (b"-----BEGIN ", "it is a PEM file, and no OpenPGP key"),
    ];
    let has = |words: &[u8]| text.windows(words.len()).any(|window| window == words);
    KINDS.into_iter().find(|(begin, _)| has(begin)).map(|(_, words)| words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_reason_is_in_the_debug_form() {
        let inside = "Signature(V4(Signature4 { version: 4, typ: Binary }))".to_string();
        for error in [
            openpgp::Error::MalformedPacket(inside.clone()),
            openpgp::Error::MalformedCert(inside.clone()),
            openpgp::Error::InvalidKey(inside.clone()),
            openpgp::Error::InvalidOperation(inside.clone()),
            openpgp::Error::UnsupportedCert(inside.clone(), Vec::new()),
        ] {
            let words = of(&io::Error::other(error));
            assert!(!words.contains(['{', '(', '"']), "{words}");
        }
    }

    #[test]
    fn a_chain_is_searched_for_what_is_known() {
        let inner = openpgp::Error::MalformedMPI("Leading bit is not set".into());
        let outer = openpgp::anyhow::Error::from(inner).context("Failed to read MPIs");
        assert_eq!(of(outer.as_ref()), "a number in it is damaged");
        let cut = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(of(openpgp::anyhow::Error::from(cut).as_ref()), "it is cut short");
    }
}
