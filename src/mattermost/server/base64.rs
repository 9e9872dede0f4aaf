//! Base64 as the server decodes it (Go's encoding/base64), piece by piece.
//!
//! Every piece is decoded by itself. So whether padding in the middle is an error depends on where
//! the pieces end. They end where the library's do: at the end of a line, or where the reader wants
//! no more.

use std::io::{Cursor, Read};

use super::refusal::{Cause, Fault};

const INPUT: usize = 1024;

/// Decodes a stream of base64 pieces.
#[derive(Default)]
pub(super) struct Decoder {
    /// Base64 not yet decoded.
    input: Vec<u8>,
    /// Decoded octets.
    output: Cursor<Vec<u8>>,
    input_ended: Option<Option<Fault>>,
    ended: Option<Option<Fault>>,
}

impl Decoder {
    /// Reads decoded octets. Zero octets are the end. `next` returns at most as much base64 as it
    /// is asked for, and `None` at its end.
    pub(super) fn read<'a>(
        &mut self,
        buffer: &mut [u8],
        mut next: impl FnMut(usize) -> Result<Option<&'a [u8]>, Fault>,
    ) -> Result<usize, Fault> {
        loop {
            let n = self.output.read(buffer).unwrap_or_default();
            if n > 0 || buffer.is_empty() {
                return Ok(n);
            }
            if let Some(end) = &self.ended {
                return end.clone().map_or(Ok(0), Err);
            }
            self.fill(buffer.len(), &mut next);
            self.decode();
        }
    }

    /// Gets at least four digits, unless the input ends.
    fn fill<'a>(
        &mut self,
        wanted: usize,
        next: &mut impl FnMut(usize) -> Result<Option<&'a [u8]>, Fault>,
    ) {
        let room = (wanted / 3 * 4).clamp(4, INPUT);
        while self.input.len() < 4 && self.input_ended.is_none() {
            match next(room - self.input.len()) {
                Ok(Some(piece)) => {
                    self.input.extend(piece.iter().filter(|octet| !is_line_end(octet)));
                }
                Ok(None) => self.input_ended = Some(None),
                Err(fault) => self.input_ended = Some(Some(fault)),
            }
        }
    }

    fn decode(&mut self) {
        let whole = self.input.len() / 4 * 4;
        if whole == 0 {
            let end = match self.input_ended.clone().flatten() {
                None if !self.input.is_empty() => Some(Fault::unexpected_end()),
                end => end,
            };
            self.ended = Some(end);
            return;
        }
        let digits: Vec<u8> = self.input.drain(..whole).collect();
        let mut output = Vec::new();
        if let Err(fault) = decode(&digits, &mut output) {
            self.ended = Some(Some(fault));
        }
        self.output = Cursor::new(output);
    }
}

fn is_line_end(octet: &&u8) -> bool {
    matches!(octet, b'\r' | b'\n')
}

/// Decodes a piece, up to the first error.
pub(super) fn decode(digits: &[u8], output: &mut Vec<u8>) -> Result<(), Fault> {
    let end = digits.len();
    let mut digits = digits.iter().copied().enumerate().filter(|(_, d)| !is_line_end(&d));
    loop {
        let mut value = 0;
        for i in 0..4 {
            let Some((at, digit)) = digits.next() else {
                // Pieces are whole groups of four digits, except in the checksum.
                return if i == 0 { Ok(()) } else { Err(corrupt(end - i)) };
            };
            match digit_value(digit) {
                Some(bits) => value = value << 6 | u32::from(bits),
                None if digit == b'=' && i >= 2 => {
                    return finish(value << (6 * (4 - i)), i, digits, end, output);
                }
                None => return Err(corrupt(at)),
            }
        }
        let [_, a, b, c] = value.to_be_bytes();
        output.extend([a, b, c]);
    }
}

/// Ends a piece whose last group has `given` digits and then padding.
fn finish(
    value: u32,
    given: usize,
    mut rest: impl Iterator<Item = (usize, u8)>,
    end: usize,
    output: &mut Vec<u8>,
) -> Result<(), Fault> {
    if given == 2 {
        match rest.next() {
            Some((_, b'=')) => {}
            Some((after, _)) => return Err(corrupt(after - 1)),
            None => return Err(corrupt(end)),
        }
    }
    let [_, a, b, _] = value.to_be_bytes();
    output.push(a);
    if given == 3 {
        output.push(b);
    }
    rest.next().map_or(Ok(()), |(after, _)| Err(corrupt(after)))
}

fn digit_value(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

fn corrupt(at: usize) -> Fault {
    Fault::fatal(Cause::DamagedArmor, format!("illegal base64 data at input byte {at}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(digits: &[u8], expected: &[u8], at: Option<usize>) {
        let mut output = Vec::new();
        let words = decode(digits, &mut output).err().map(|fault| fault.words);
        assert_eq!(output, expected);
        assert_eq!(words, at.map(|at| format!("illegal base64 data at input byte {at}")));
    }

    #[test]
    fn a_piece_is_decoded_up_to_its_first_error() {
        check(b"aGk=", b"hi", None);
        check(b"aA==", b"h", None);
        check(b"aGlo", b"hih", None);
        check(b"aGl!", b"", Some(3));
        check(b"aGlo=AAA", b"hih", Some(4));
        check(b"aA==aGlo", b"h", Some(4));
        check(b"aA=aaGlo", b"", Some(2));
    }

    #[test]
    fn pieces_end_with_the_lines_or_with_what_is_wanted() {
        let mut pieces = [&b"aGk="[..], b"a\rGk", b"="].into_iter();
        let mut decoder = Decoder::default();
        let mut buffer = [0; 32];
        let mut all = Vec::new();
        loop {
            let n = decoder.read(&mut buffer, |_| Ok(pieces.next())).unwrap();
            if n == 0 {
                break;
            }
            all.extend_from_slice(&buffer[..n]);
        }
        assert_eq!(all, b"hihi");
    }
}
