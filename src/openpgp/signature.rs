//! Detached signatures: one signature packet and nothing else.

use std::borrow::Cow;
use std::io::Read;
use std::time::SystemTime;

use sequoia_openpgp as openpgp;
use sequoia_openpgp::KeyHandle;
use sequoia_openpgp::armor::{Kind, Reader, ReaderMode};
use sequoia_openpgp::packet::Signature;
use sequoia_openpgp::packet::signature::subpacket::{SubpacketTag, SubpacketValue};
use sequoia_openpgp::parse::Parse;
use sequoia_openpgp::serialize::MarshalInto;
use sequoia_openpgp::types::SignatureType;

use super::armor::armored;
use super::framing::{self, BadFrame, Frame, is_widely_known};
use super::hash::{ContentHash, HashAlgorithm};
use super::ids::KeyId;
use super::raw_signature::trailer;
use super::verdict::{Bad, Reason};
use super::words;
use crate::openpgp::error::{Error, Result};

/// The most bytes that a signature file may have. A RSA-4096 signature has under 600.
pub const MAX_SIGNATURE_FILE: u64 = 64 * 1024;

/// The most signatures that are read from one file.
pub const MAX_SIGNATURES: usize = 64;

/// How to treat text signatures (type 0x01), which sign lines and not bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Texts {
    /// They are refused. A release's signatures are over its bytes.
    Refused,
    /// They are read. Tools that split a cleartext signed file have them: apt's InRelease.
    Taken,
}

/// A detached signature (RFC 9580, section 10.4), not verified yet. It is exactly one version 4
/// packet of type 0x00, or 0x01 with [`Texts::Taken`]. Its hashed area has one creation time.
#[derive(Clone, Debug)]
pub struct DetachedSignature {
    signature: Signature,
    created: SystemTime,
}

impl DetachedSignature {
    /// Reads a signature file, binary or armored.
    ///
    /// # Errors
    ///
    /// [`Reason::NotDetached`] for anything else that OpenPGP knows (inline and cleartext signed
    /// messages, several packets, text signatures, keys), [`Reason::Malformed`] for the rest.
    pub fn read(file: &[u8]) -> Result<DetachedSignature, Bad> {
        let packets = Self::packets(file)?;
        let frame = Self::frame(&packets)?;
        if !frame.rest.is_empty() {
            return Err(not_detached(match framing::split(frame.rest) {
                Ok(Frame { tag: 2, .. }) => "it has several signatures, and one is wanted",
                _ => "more follows the signature packet",
            }));
        }
        Self::read_body(frame.body, Texts::Refused)
    }

    /// Reads a file of one or more signatures over the same bytes, as several signers of a release
    /// make it. It has nothing but signature packets. Each is a signature or says why it cannot be
    /// read.
    ///
    /// # Errors
    ///
    /// As [`DetachedSignature::read`], for the file as a whole; more than [`MAX_SIGNATURES`] are
    /// [`Reason::NotDetached`].
    pub fn read_each(
        file: &[u8],
        texts: Texts,
    ) -> Result<Vec<Result<DetachedSignature, Bad>>, Bad> {
        let packets = Self::packets(file)?;
        let mut rest = &packets[..];
        let mut signatures = Vec::new();
        while !rest.is_empty() {
            if signatures.len() == MAX_SIGNATURES {
                return Err(not_detached(format!("it has more than {MAX_SIGNATURES} signatures")));
            }
            let frame = Self::frame(rest)?;
            signatures.push(Self::read_body(frame.body, texts));
            rest = frame.rest;
        }
        Ok(signatures)
    }

    /// Reads a file of signatures as gpg does: as [`DetachedSignature::read_each`], and also armored
    /// blocks one after the other, with text around them. A broken block is one signature that
    /// cannot be read. There is no other armor, and no binary data around the blocks.
    ///
    /// # Errors
    ///
    /// As [`DetachedSignature::read_each`].
    pub fn read_each_in_text(
        file: &[u8],
        texts: Texts,
    ) -> Result<Vec<Result<DetachedSignature, Bad>>, Bad> {
        let is_binary = file.first().is_none_or(|byte| byte & 0x80 != 0);
        if is_binary || file.len() as u64 > MAX_SIGNATURE_FILE {
            return Self::read_each(file, texts);
        }
        let mut signatures = Vec::new();
        for block in armored_signatures(file)? {
            match Self::read_each(block, texts) {
                Ok(more) => signatures.extend(more),
                Err(bad) => signatures.push(Err(bad)),
            }
        }
        match signatures.len() {
            0 => Self::read_each(file, texts),
            1..=MAX_SIGNATURES => Ok(signatures),
            _ => Err(not_detached(format!("it has more than {MAX_SIGNATURES} signatures"))),
        }
    }

    /// Returns the packets of a signature file, binary or armored.
    fn packets(file: &[u8]) -> Result<Cow<'_, [u8]>, Bad> {
        if file.len() as u64 > MAX_SIGNATURE_FILE {
            return Err(malformed(format!("it is larger than {MAX_SIGNATURE_FILE} bytes")));
        }
        match file.first() {
            None => Err(malformed("the signature file is empty")),
            Some(_) if let Some(words) = words::odd_text(file) => Err(malformed(words)),
            Some(byte) if byte & 0x80 != 0 => Ok(Cow::Borrowed(file)),
            Some(_) => dearmor(file).map(Cow::Owned),
        }
    }

    /// Splits a signature packet off.
    fn frame(packets: &[u8]) -> Result<Frame<'_>, Bad> {
        let frame = framing::split(packets).map_err(|error| match error {
            BadFrame::CutShort => malformed("it is cut short"),
            BadFrame::NotAPacket => malformed("it is no OpenPGP packet"),
            BadFrame::Indefinite => not_detached("its length is partial or indeterminate"),
        })?;
        if frame.tag != 2 {
            return Err(not_detached(format!("it begins with {}", packet_name(frame.tag))));
        }
        Ok(frame)
    }

    fn read_body(body: &[u8], texts: Texts) -> Result<DetachedSignature, Bad> {
        let signature = Signature::from_bytes(body);
        Self::checked(signature.map_err(|error| malformed(words::of(error.as_ref())))?, texts)
    }

    pub(super) fn new(signature: Signature) -> Result<DetachedSignature, Bad> {
        Self::checked(signature, Texts::Taken)
    }

    fn checked(signature: Signature, texts: Texts) -> Result<DetachedSignature, Bad> {
        let version = signature.version();
        if version != 4 {
            let why = format!("it is a version {version} signature, only version 4 is accepted");
            return Err(malformed(why));
        }
        match signature.typ() {
            SignatureType::Binary => {}
            SignatureType::Text if texts == Texts::Taken => {}
            SignatureType::Text => return Err(not_detached("it is a text signature (type 0x01)")),
            other => {
                let kind = u8::from(other);
                let why = format!("it is a signature of type 0x{kind:02x}, not over a file");
                return Err(not_detached(why));
            }
        }
        let times: Vec<SystemTime> = signature
            .hashed_area()
            .subpackets(SubpacketTag::SignatureCreationTime)
            .filter_map(|subpacket| match subpacket.value() {
                SubpacketValue::SignatureCreationTime(time) => Some(SystemTime::from(*time)),
                _ => None,
            })
            .collect();
        let created = match times[..] {
            [created] => created,
            [] => return Err(malformed("it does not vouch for when it was made")),
            _ => return Err(malformed("it has several creation times")),
        };
        // A signature that cannot be written again was not understood: one with a fingerprint of an
        // unknown version, for example.
        signature.to_vec().map_err(|error| malformed(words::of(error.as_ref())))?;
        Ok(DetachedSignature { signature, created })
    }

    /// Checks what a parser may skip (RFC 9580, section 5.2.3.7). Some subpackets may occur only
    /// once. A critical one that not every program knows is refused, even in the unhashed area.
    pub(super) fn check_subpackets(&self) -> Result<(), Bad> {
        let mut seen = Vec::new();
        for subpacket in self.signature.hashed_area().iter() {
            let tag = subpacket.tag();
            if stands_once(tag) && seen.contains(&tag) {
                return Err(malformed(format!("it has a subpacket twice: {tag}")));
            }
            seen.push(tag);
        }
        let areas = [self.signature.hashed_area(), self.signature.unhashed_area()];
        let mut critical =
            areas.into_iter().flat_map(|area| area.iter().filter(|it| it.critical()));
        match critical.find(|it| !is_widely_known(it.tag().into())) {
            Some(it) => {
                let why = "it has a critical subpacket that not every program knows";
                Err(malformed(format!("{why}: {}", it.tag())))
            }
            None => Ok(()),
        }
    }

    /// Checks that it names no key but the one that made it: gpg goes by the first that is named.
    pub(super) fn check_issuers(&self, key: &KeyHandle) -> Result<(), Bad> {
        match self.signature.get_issuers().into_iter().find(|issuer| !issuer.aliases(key)) {
            Some(other) => {
                Err(malformed(format!("it names another key as its maker, too: {other:X}")))
            }
            None => Ok(()),
        }
    }

    pub(super) fn packet(&self) -> &Signature {
        &self.signature
    }

    /// Returns when it claims to have been made.
    pub fn created(&self) -> SystemTime {
        self.created
    }

    /// Returns whether it signs lines of text (type 0x01).
    pub fn is_over_text(&self) -> bool {
        self.signature.typ() == SignatureType::Text
    }

    /// Returns the key IDs that it claims to be made by.
    pub fn claimed_issuers(&self) -> Vec<KeyId> {
        let mut issuers: Vec<KeyId> = Vec::new();
        for issuer in self.signature.get_issuers() {
            let issuer = KeyId(openpgp::KeyID::from(issuer));
            if !issuers.contains(&issuer) {
                issuers.push(issuer);
            }
        }
        issuers
    }

    /// Says which key it claims to be made by: by the fingerprint if it has one.
    pub fn claimed_signer(&self) -> Option<String> {
        let mut fingerprints = self.signature.issuer_fingerprints();
        if let Some(fingerprint) = fingerprints.next() {
            return Some(fingerprint.to_hex());
        }
        let issuers: Vec<String> = self.claimed_issuers().iter().map(ToString::to_string).collect();
        (!issuers.is_empty()).then(|| issuers.join(", "))
    }

    /// Returns how it wants its file hashed.
    /// Fails with [`Reason::WeakHash`] for everything but SHA-256, SHA-384 and SHA-512.
    pub fn content_hash(&self) -> Result<ContentHash, Bad> {
        let algorithm = self.signature.hash_algo();
        match HashAlgorithm::from_id(algorithm.into()) {
            Some(
                algorithm @ (HashAlgorithm::Sha256 | HashAlgorithm::Sha384 | HashAlgorithm::Sha512),
            ) => Ok(ContentHash { algorithm, text: self.is_over_text() }),
            _ => {
                let hash = words::hash(algorithm);
                let why = format!("it uses {hash}, only SHA-256, SHA-384 and SHA-512 are accepted");
                Err(Bad::new(Reason::WeakHash, why))
            }
        }
    }

    /// Returns what is hashed after the file's own bytes (RFC 9580, section 5.2.4).
    pub(super) fn trailer(&self) -> Result<Vec<u8>> {
        let signature = &self.signature;
        let area = signature.hashed_area().to_vec();
        let area = area.map_err(Error::crypto("writing the signature's hashed part"))?;
        let head =
            [4, signature.typ().into(), signature.pk_algo().into(), signature.hash_algo().into()];
        Ok(trailer(head, &area))
    }

    /// Returns the signature as one binary packet.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        openpgp::Packet::from(self.signature.clone())
            .to_vec()
            .map_err(Error::crypto("writing the signature"))
    }

    /// Returns the signature armored, as "PGP SIGNATURE".
    pub fn to_armored(&self) -> Result<Vec<u8>> {
        armored(Kind::Signature, &self.to_bytes()?)
    }
}

const BEGIN: &[u8] = b"-----BEGIN PGP SIGNATURE-----";
const END: &[u8] = b"-----END PGP SIGNATURE-----";

/// Finds the armored signatures in a text.
fn armored_signatures(text: &[u8]) -> Result<Vec<&[u8]>, Bad> {
    let is_text = |line: &[u8]| {
        let tame = |c: char| c == '\t' || !c.is_control();
        std::str::from_utf8(line).is_ok_and(|line| line.chars().all(tame))
    };
    let is_armor = |line: &[u8]| {
        [&b"-----BEGIN PGP "[..], b"-----END PGP "].iter().any(|it| line.starts_with(it))
    };
    let (mut blocks, mut begun, mut place) = (Vec::new(), None, 0);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let start = place;
        place += line.len();
        let line = line.trim_ascii_end();
        match begun {
            None if line == BEGIN => begun = Some(start),
            None if is_armor(line) => return Err(not_detached("it has armor of another kind")),
            None if !is_text(line) => {
                return Err(malformed("there is something else than text around its armor"));
            }
            Some(from) if line == END => {
                blocks.push(&text[from..place]);
                begun = None;
            }
            _ => {}
        }
    }
    // Without an end line it is cut short, and read as that.
    blocks.extend(begun.map(|from| &text[from..]));
    Ok(blocks)
}

/// Decodes a file that is one "PGP SIGNATURE" armor and nothing else.
///
/// Lines are counted before anything is decoded, because other tools silently skip text around the
/// armor and a second block.
fn dearmor(file: &[u8]) -> Result<Vec<u8>, Bad> {
    let text = file.trim_ascii();
    if !text.starts_with(b"-----BEGIN PGP ") {
        return Err(malformed("it is neither binary OpenPGP nor armored"));
    }
    if text.starts_with(b"-----BEGIN PGP SIGNED MESSAGE-----") {
        return Err(not_detached("it is a cleartext signed message"));
    }
    let mut dashes = text
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii_end)
        .filter(|line| line.starts_with(b"-----"));
    if dashes.next() != Some(BEGIN) {
        return Err(not_detached("its armor is not a signature's"));
    }
    if dashes.next() != Some(END) {
        return Err(malformed("its armor has no end line: it is cut short"));
    }
    if dashes.next().is_some() || !text.ends_with(END) {
        return Err(not_detached("more follows its armor"));
    }
    let mut packets = Vec::new();
    Reader::from_bytes(text, ReaderMode::Tolerant(Some(Kind::Signature)))
        .take(MAX_SIGNATURE_FILE)
        .read_to_end(&mut packets)
        .map_err(|error| malformed(format!("its armor: {}", words::of_io(&error))))?;
    Ok(packets)
}

/// Returns whether a subpacket may occur only once (RFC 9580, section 5.2.3.7). Issuers, notations
/// and others may occur several times.
fn stands_once(tag: SubpacketTag) -> bool {
    // Creation and expiration time, exportable, trust, revocable, the key's expiration time, primary
    // user ID, key flags, the signer's user ID, reason for revocation, features, target.
    matches!(u8::from(tag), 2..=5 | 7 | 9 | 25 | 27..=31)
}

fn not_detached(detail: impl Into<String>) -> Bad {
    Bad::new(Reason::NotDetached, detail)
}

fn malformed(detail: impl Into<String>) -> Bad {
    Bad::new(Reason::Malformed, detail)
}

fn packet_name(tag: u8) -> String {
    match tag {
        1 | 3 | 9 | 18 | 20 => "an encrypted message".into(),
        4 => "a signed message (one-pass signature)".into(),
        5 | 7 => "a secret key".into(),
        6 | 14 => "a certificate".into(),
        8 => "a compressed message".into(),
        10 => "a marker packet".into(),
        11 => "a message (literal data)".into(),
        12 => "a trust packet".into(),
        13 => "a user ID".into(),
        21 => "a padding packet".into(),
        other => format!("a packet of type {other}"),
    }
}
