//! The armor of what is written, and armor as it stands (RFC 9580, section 6.2).

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sequoia_openpgp as openpgp;
use sequoia_openpgp::armor::{Kind, Reader, ReaderMode, Writer};
use zeroize::Zeroizing;

use super::error::{Error, Result};
use super::framing::{SECRET_KEY, SECRET_SUBKEY, packets};
use super::words;

const BEGIN: &[u8] = b"-----BEGIN PGP ";
const END: &[u8] = b"-----END PGP ";

/// Armors packets.
pub(super) fn armored(kind: openpgp::armor::Kind, packets: &[u8]) -> Result<Vec<u8>> {
    written(kind, &[], packets)
}

fn written(kind: Kind, headers: &[(&str, &str)], bytes: &[u8]) -> Result<Vec<u8>> {
    let write = || -> std::io::Result<Vec<u8>> {
        let mut writer = Writer::with_headers(Vec::new(), kind, headers.iter().copied())?;
        std::io::Write::write_all(&mut writer, bytes)?;
        writer.finalize()
    };
    write().map_err(Error::crypto("armoring"))
}

/// Armors any bytes, as `gpg --enarmor` does.
/// Fails with [`Error::Malformed`] if there are none.
pub fn enarmored(bytes: &[u8]) -> Result<Vec<u8>> {
    if bytes.is_empty() {
        return Err(Error::malformed("there is nothing to armor"));
    }
    let comment = ("Comment", "Use \"gpg --dearmor\" for unpacking");
    written(Kind::File, &[comment], bytes)
}

/// Returns the bytes of all armored blocks of a file, one after the other. Text around them does not
/// count. What is binary already is returned as it is.
/// Fails with [`Error::Malformed`] if there is no block, or if one is damaged.
pub fn dearmored(bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    if bytes.first().is_some_and(|head| begins_packet(*head)) {
        return Ok(Zeroizing::new(bytes.to_vec()));
    }
    let mut whole = Zeroizing::new(Vec::with_capacity(bytes.len() / 4 * 3));
    let (mut place, mut begin, mut has_block) = (0, None, false);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let start = place;
        place += line.len();
        match begin {
            None if line.starts_with(b"-----BEGIN PGP SIGNED MESSAGE") => {
                return Err(Error::malformed("it is a text with its signature, and no armor"));
            }
            None if line.starts_with(BEGIN) => begin = Some(start),
            Some(_) if line.starts_with(BEGIN) => break,
            Some(from) if line.starts_with(END) => {
                let block = bytes.get(from..place).unwrap_or_default();
                decode(block, &mut whole)?;
                (begin, has_block) = (None, true);
            }
            _ => {}
        }
    }
    match (begin, has_block) {
        (None, true) => Ok(whole),
        (Some(_), _) => Err(Error::malformed("its armor has no end line: it is cut short")),
        (None, false) => Err(Error::malformed("there is no armor in it")),
    }
}

/// Returns whether a packet of a known type may begin with this octet.
fn begins_packet(head: u8) -> bool {
    let tag = if head & 0x40 != 0 { head & 0x3F } else { (head >> 2) & 15 };
    head & 0x80 != 0 && matches!(tag, 1..=14 | 17..=21)
}

fn decode(block: &[u8], whole: &mut Vec<u8>) -> Result<()> {
    let mut reader = Reader::from_bytes(block, ReaderMode::Tolerant(None));
    let damaged = |why: String| Error::malformed(format!("its armor: {why}"));
    let start = whole.len();
    reader.read_to_end(whole).map_err(|error| damaged(words::of_io(&error)))?;
    let sums = block.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let sum = sums.filter_map(|line| line.strip_prefix(b"=")).find(|line| line.len() == 4);
    let sum = sum.and_then(|sum| STANDARD.decode(sum).ok());
    let actual = crc24(whole.get(start..).unwrap_or_default()).to_be_bytes();
    match sum.is_some_and(|sum| sum != actual[1..]) {
        true => Err(damaged("its checksum is wrong".into())),
        false => Ok(()),
    }
}

/// The checksum of armor (RFC 9580, section 6.1.1).
fn crc24(bytes: &[u8]) -> u32 {
    let shift = |crc: u32, _| (crc << 1) ^ if crc & 0x80_0000 != 0 { 0x0186_4CFB } else { 0 };
    let add = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte) << 16, shift);
    bytes.iter().fold(0x00B7_04CE, add) & 0x00FF_FFFF
}

/// Returns whether there is something secret in packets or armor.
pub fn is_secret(bytes: &[u8]) -> bool {
    bytes.windows(MARK.len()).any(|window| window == MARK)
        || packets(bytes).flatten().any(|packet| matches!(packet.tag, SECRET_KEY | SECRET_SUBKEY))
}

const MARK: &[u8] = b"-----BEGIN PGP PRIVATE KEY BLOCK";
