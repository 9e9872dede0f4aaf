//! Armor as the server reads it (golang.org/x/crypto/openpgp/armor, armor.go).
//!
//! The first block with well-formed headers counts, whatever its type line says. What comes before
//! and after it is ignored. The checksum is optional, and only checked at the end: a key file is
//! read that far, a signature is not.

use super::base64;
use super::refusal::{Cause, Fault};
use super::source::ByteSource;

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
/// The dashes after the type. The library counts them but does not compare them.
const DASHES: usize = 5;
/// The longest line of base64 that the library takes, in octets.
const LONGEST_LINE: usize = 96;

/// The data of an armor block, decoded as it is read.
pub(super) struct Armored<'a> {
    lines: Lines<'a>,
    decoder: base64::Decoder,
    checksum: u32,
}

impl<'a> Armored<'a> {
    /// Finds the first block. Without one the library reads the file as binary packets.
    pub(super) fn find(file: &'a [u8]) -> Option<Armored<'a>> {
        let mut text = ArmorText { rest: file };
        loop {
            text.skip_to_begin()?;
            if text.skip_headers()? {
                let lines = Lines { text, pending: &[], ended: false, checksum: None };
                let decoder = base64::Decoder::default();
                return Some(Armored { lines, decoder, checksum: CRC24_INIT });
            }
        }
    }
}

impl ByteSource for Armored<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        let lines = &mut self.lines;
        let n = self.decoder.read(buffer, |room| lines.next(room))?;
        self.checksum = crc24(self.checksum, buffer.get(..n).unwrap_or_default());
        if n == 0 && lines.checksum.is_some_and(|expected| expected != self.checksum) {
            return Err(damaged());
        }
        Ok(n)
    }
}

fn damaged() -> Fault {
    Fault::structural(Cause::DamagedArmor, "armor invalid")
}

/// The text, line by line.
struct ArmorText<'a> {
    rest: &'a [u8],
}

impl<'a> ArmorText<'a> {
    /// How much of a line is seen at once, in octets: the size of the library's buffer.
    const WINDOW: usize = 100;

    /// Returns the next line without its end, or as much of it as fits into the window, and
    /// whether the line goes on (Go's `bufio.Reader.ReadLine`).
    fn line(&mut self) -> Option<(&'a [u8], bool)> {
        if self.rest.is_empty() {
            return None;
        }
        let window = self.rest.get(..Self::WINDOW).unwrap_or(self.rest);
        let (line, used, goes_on) = match window.iter().position(|&octet| octet == b'\n') {
            Some(end) => {
                let line = window.get(..end).unwrap_or_default();
                (line.strip_suffix(b"\r").unwrap_or(line), end + 1, false)
            }
            // A carriage return at the end of the window may belong to a line end.
            None if window.len() == Self::WINDOW => {
                let line = window.strip_suffix(b"\r").unwrap_or(window);
                (line, line.len(), true)
            }
            None => (window, window.len(), false),
        };
        self.rest = self.rest.get(used..).unwrap_or_default();
        Some((line, goes_on))
    }

    /// Passes over everything up to and including a line that begins a block.
    fn skip_to_begin(&mut self) -> Option<()> {
        let mut inside_long_line = false;
        loop {
            let (line, goes_on) = self.line()?;
            let is_part = std::mem::replace(&mut inside_long_line, goes_on) || goes_on;
            let line = trim(line);
            if !is_part && line.len() > BEGIN.len() + DASHES && line.starts_with(BEGIN) {
                return Some(());
            }
        }
    }

    /// Passes over the headers and the blank line. Returns false if a line is not a header with a
    /// value. Then the library looks for another block.
    fn skip_headers(&mut self) -> Option<bool> {
        let mut inside_long_line = false;
        loop {
            let (line, goes_on) = self.line()?;
            if !std::mem::replace(&mut inside_long_line, goes_on) {
                let line = trim(line);
                if line.is_empty() {
                    return Some(true);
                }
                if !line.windows(2).any(|pair| pair == b": ") {
                    return Some(false);
                }
            }
        }
    }
}

/// The base64 lines of a block, which end at its end line, its checksum or the end of the file.
struct Lines<'a> {
    text: ArmorText<'a>,
    pending: &'a [u8],
    ended: bool,
    checksum: Option<u32>,
}

impl<'a> Lines<'a> {
    /// Returns more base64: at most `room` octets, maybe none, and `None` at the end.
    fn next(&mut self, room: usize) -> Result<Option<&'a [u8]>, Fault> {
        if self.ended {
            return Ok(None);
        }
        if self.pending.is_empty() {
            let Some((line, goes_on)) = self.text.line() else { return Ok(None) };
            if goes_on {
                return Err(damaged());
            }
            if line.starts_with(END) {
                self.ended = true;
                return Ok(None);
            }
            if let (5, Some(digits)) = (line.len(), line.strip_prefix(b"=")) {
                return self.end_with_checksum(digits);
            }
            if line.len() > LONGEST_LINE {
                return Err(damaged());
            }
            self.pending = line;
        }
        let (piece, pending) = self.pending.split_at(room.min(self.pending.len()));
        self.pending = pending;
        Ok(Some(piece))
    }

    fn end_with_checksum(&mut self, digits: &[u8]) -> Result<Option<&'a [u8]>, Fault> {
        let mut octets = Vec::with_capacity(3);
        base64::decode(digits, &mut octets)?;
        let &[a, b, c] = octets.as_slice() else {
            // With fewer than three octets the library goes on as if the line were not there.
            return Ok(Some(&[]));
        };
        if !self.text.line().is_some_and(|(line, _)| line.starts_with(END)) {
            return Err(damaged());
        }
        self.ended = true;
        self.checksum = Some(u32::from_be_bytes([0, a, b, c]));
        Ok(None)
    }
}

const CRC24_INIT: u32 = 0xb704ce;

/// Updates the checksum of RFC 9580, section 6.1.1.
fn crc24(mut crc: u32, octets: &[u8]) -> u32 {
    for &octet in octets {
        crc ^= u32::from(octet) << 16;
        for _ in 0..8 {
            crc <<= 1;
            if crc & 0x100_0000 != 0 {
                crc ^= 0x186_4cfb;
            }
        }
    }
    crc
}

/// Removes white space at both ends, that of Unicode too (Go's `bytes.TrimSpace`).
fn trim(line: &[u8]) -> &[u8] {
    let first = line.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let line = line.get(first.len() - first.trim_start().len()..).unwrap_or_default();
    let last = line.utf8_chunks().last().filter(|chunk| chunk.invalid().is_empty());
    let last = last.map_or("", |chunk| chunk.valid());
    line.get(..line.len() - last.len() + last.trim_end().len()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_of_unicode_is_trimmed_and_broken_text_is_not() {
        assert_eq!(trim("\u{3000}\u{85} a \u{a0}\t".as_bytes()), b"a");
        assert_eq!(trim(b" \xa0a\xe3\x80 "), b"\xa0a\xe3\x80");
        assert_eq!(trim("\u{feff}a".as_bytes()), "\u{feff}a".as_bytes());
        assert_eq!(trim(b" \r\n"), b"");
    }

    #[test]
    fn a_long_line_comes_in_windows_of_100_octets() {
        let long = [b'x'; 99];
        let text = [&long[..], b"\r\nshort\r\n\nend"].concat();
        let mut text = ArmorText { rest: &text };
        assert_eq!(text.line(), Some((&long[..], true)));
        assert_eq!(text.line(), Some((&b""[..], false)));
        assert_eq!(text.line(), Some((&b"short"[..], false)));
        assert_eq!(text.line(), Some((&b""[..], false)));
        assert_eq!(text.line(), Some((&b"end"[..], false)));
        assert_eq!(text.line(), None);
    }

    #[test]
    fn the_checksum_is_that_of_rfc_9580() {
        assert_eq!(crc24(CRC24_INIT, b""), 0xb704ce);
        assert_eq!(crc24(CRC24_INIT, b"123456789"), 0x21cf02);
    }
}
