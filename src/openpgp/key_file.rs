//! Reading keys in every form that people keep them in.
//!
//! gpg writes binary and armored files. Mail adds CR LF, and text around the armor. Secrets of CI
//! systems arrive in base64, or with `\n` for every line end. All of these are read, also with many
//! keys in a file. A key that cannot be read does not hide the others.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sequoia_openpgp::armor::{Kind, Reader, ReaderMode};
use zeroize::Zeroizing;

use super::armor::armored;
use super::bounds::Budget;
use super::certificate::Certificate;
pub use super::key_parts::{Key, narrowed_by_others, revoked_by_file};
use super::key_parts::{keys_of, read_packets};
pub use super::key_text::Block;
use super::key_text::{
    BEGIN, DASHES, END, Mistaken, decode_base64, find, mistaken_for_key, tidied,
};
use super::words;
use crate::openpgp::error::{Error, Result};

/// The most bytes of a key file that has one key or a few.
pub const MAX_KEY_FILE: u64 = 4 * 1024 * 1024;

/// The most bytes of a file that may have very many keys. Debian's keyring has 28 MB.
pub const MAX_KEYRING: u64 = 64 * 1024 * 1024;

/// Reads all keys of a file. Each is a key or says why it cannot be read. A file with nothing at
/// all is an error. If a part about a key cannot be read, no copy of the key is taken: that is
/// [`Error::KeyUnread`].
/// Fails with [`Error::TooLarge`] over [`MAX_KEYRING`], [`Error::NoKey`] if nothing resembles a
/// key.
pub fn read_keys(bytes: &[u8]) -> Result<Vec<Result<Key>>> {
    read_keys_within(bytes, &Budget::new())
}

/// Reads all keys of a file, if a command reads several files.
/// Fails as [`read_keys`].
pub fn read_keys_within(bytes: &[u8], budget: &Budget) -> Result<Vec<Result<Key>>> {
    if bytes.len() as u64 > MAX_KEYRING {
        return Err(Error::TooLarge {
            name: "the key".into(),
            what: "a key file",
            limit: MAX_KEYRING,
        });
    }
    let mut parts = Vec::new();
    for packets in key_blocks(bytes)? {
        parts.extend(read_packets(&packets, budget));
    }
    if parts.is_empty() {
        return Err(Error::no_key("there is none in it"));
    }
    Ok(keys_of(parts))
}

/// Reads the certificates of a file, including those of secret keys. A revocation certificate next
/// to its certificate revokes it, or a part of it. One without its certificate is an error if there
/// is no certificate at all.
/// Fails as [`read_keys_within`].
pub fn read_certificates(bytes: &[u8], budget: &Budget) -> Result<Vec<Result<Certificate>>> {
    let keys = revoked_by_file(read_keys_within(bytes, budget)?, budget);
    let certificate = |key: Result<Key>| key.map(Key::into_certificate).transpose();
    let mut certificates: Vec<_> = keys.into_iter().filter_map(certificate).collect();
    if certificates.is_empty() {
        let why = "it is a revocation certificate, without its certificate";
        certificates.push(Err(Error::no_key(why)));
    }
    Ok(certificates)
}

/// Armors the packets of one or more keys as one block, because the server reads only the first
/// block.
/// Fails with [`Error::Crypto`] if the armor cannot be written.
pub fn armor_keys(packets: &[u8], secret: bool) -> Result<Zeroizing<Vec<u8>>> {
    let kind = if secret { Kind::SecretKey } else { Kind::PublicKey };
    armored(kind, packets).map(Zeroizing::new)
}

/// Writes packets as one line of base64 with its line end, for places that take one line.
pub fn base64_line(packets: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut line = Zeroizing::new(vec![0; packets.len().div_ceil(3) * 4 + 1]);
    let length = STANDARD.encode_slice(packets, &mut line).unwrap_or_default();
    if let Some(end) = line.get_mut(length) {
        *end = b'\n';
    }
    line
}

/// Returns how many armored keys there are in a file.
pub fn count_armor(bytes: &[u8]) -> usize {
    let begins = |line: &&[u8]| line.trim_ascii_start().starts_with(BEGIN);
    bytes.split(|byte| *byte == b'\n').filter(begins).count()
}

/// Returns the binary packets of each block of keys in a file, in any form.
/// Fails with [`Error::NoKey`] if nothing resembles a key.
pub fn key_blocks(bytes: &[u8]) -> Result<Vec<Block<'_>>> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::no_key("it is empty"));
    }
    const MARK: &[u8] = b"\xEF\xBB\xBF";
    if !bytes.starts_with(MARK)
        && let Some(words) = words::odd_text(bytes)
    {
        return Err(Error::no_key(words));
    }
    let bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
    if bytes.first().is_some_and(|byte| byte & 0x80 != 0) {
        return Ok(vec![Block::There(bytes)]);
    }
    let text = tidied(bytes);
    let blocks = armor_blocks(&text)?;
    if !blocks.is_empty() {
        return Ok(blocks.into_iter().map(Block::Decoded).collect());
    }
    if find(&text, GUARDED).is_some() {
        return Err(Error::no_key(
            "a colon in front of its armor guards it: take that away if the key shall end",
        ));
    }
    if let Some(words) = words::other_armor(&text) {
        return Err(Error::no_key(words));
    }
    let mistaken = mistaken_for_key(&text);
    if mistaken == Some(Mistaken::KeyId) {
        return Err(Error::no_key(Mistaken::KeyId.words()));
    }
    let or_mistaken = |words| Error::no_key(mistaken.map_or(words, Mistaken::words));
    let inner = decode_base64(&text)
        .ok_or_else(|| or_mistaken("it is neither OpenPGP, nor armored, nor base64"))?;
    if inner.first().is_some_and(|byte| byte & 0x80 != 0) {
        return Ok(vec![Block::Decoded(inner)]);
    }
    let inner = tidied(&inner);
    let blocks = armor_blocks(&inner)?;
    if blocks.is_empty() {
        return Err(match words::other_armor(&inner) {
            Some(words) => Error::no_key(words),
            None => or_mistaken("its base64 holds no OpenPGP key"),
        });
    }
    Ok(blocks.into_iter().map(Block::Decoded).collect())
}

/// How gpg and plugsign keep a revocation certificate from being imported by mistake.
const GUARDED: &[u8] = b"\n:-----BEGIN PGP ";

/// Removes the guarding colon, to use a revocation certificate on purpose.
pub fn unguarded(bytes: &[u8]) -> Vec<u8> {
    let Some(place) = find(bytes, GUARDED) else { return bytes.to_vec() };
    let (before, after) = bytes.split_at(place + 1);
    [before, after.get(1..).unwrap_or_default()].concat()
}

/// Finds and decodes the armored keys in a text. Armor of other kinds is skipped.
fn armor_blocks(text: &[u8]) -> Result<Vec<Zeroizing<Vec<u8>>>> {
    let mut blocks = Vec::new();
    let mut rest = text;
    // Searched once and not for every block without an end, which would take quadratic time.
    let has_end_until = text.windows(END.len()).rposition(|window| window == END).unwrap_or(0);
    while let Some(begin) = find(rest, BEGIN) {
        let block = rest.get(begin..).unwrap_or_default();
        let is_guarded = begin > 0 && rest.get(begin - 1) == Some(&b':');
        let after_begin = block.get(BEGIN.len()..).unwrap_or_default();
        let is_key = after_begin.starts_with(b"PUBLIC KEY BLOCK-----")
            || after_begin.starts_with(b"PRIVATE KEY BLOCK-----");
        let place = text.len() - after_begin.len();
        let end = if place <= has_end_until { find(after_begin, END) } else { None };
        let end = end.map(|end| {
            let tail = BEGIN.len() + end;
            let line = block.get(tail..).unwrap_or_default();
            let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
            // If blocks are joined without a line end, the next one begins on this line.
            let dashes = find(line.get(END.len()..).unwrap_or_default(), DASHES);
            tail + dashes.map_or(line.len(), |dashes| END.len() + dashes + DASHES.len())
        });
        if is_key && !is_guarded {
            let Some(end) = end else {
                return Err(Error::no_key("its armor has no end line: it is cut short"));
            };
            blocks.push(decode_armor(block.get(..end).unwrap_or_default())?);
        }
        rest = block.get(end.unwrap_or(BEGIN.len())..).unwrap_or_default();
    }
    Ok(blocks)
}

fn decode_armor(block: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let kind =
        if find(block, b"PRIVATE KEY BLOCK").is_some() { Kind::SecretKey } else { Kind::PublicKey };
    let mut packets = Zeroizing::new(Vec::with_capacity(block.len()));
    Reader::from_bytes(block, ReaderMode::Tolerant(Some(kind)))
        .read_to_end(&mut packets)
        .map_err(|error| Error::NoKey(format!("its armor: {}", words::of_io(&error))))?;
    Ok(packets)
}
