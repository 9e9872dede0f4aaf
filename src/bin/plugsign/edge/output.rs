//! What goes to standard output: in large pieces as it comes, so that its size does not matter.

use std::io::{self, BufWriter, Write};

use anstream::adapter::StripBytes;
use plugsign::text::is_unsafe;
use serde::Serialize;

use super::streams;

/// Standard output. It is opened at the first byte: without one, a closed output is no error.
#[derive(Default)]
struct Late(Option<BufWriter<io::Stdout>>);

impl Late {
    fn opened(&mut self) -> io::Result<&mut BufWriter<io::Stdout>> {
        const PIECE: usize = 64 * 1024;
        match &mut self.0 {
            Some(open) => Ok(open),
            late => Ok(late.insert(BufWriter::with_capacity(PIECE, streams::output()?))),
        }
    }
}

impl Write for Late {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() { Ok(0) } else { self.opened()?.write(bytes) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.as_mut().map_or(Ok(()), |open| {
            open.flush()?;
            open.get_mut().flush()
        })
    }
}

/// Standard output for words.
pub struct Text {
    late: Late,
    /// What takes the colours out, unless they stay.
    strip: Option<StripBytes>,
}

impl Text {
    pub fn new(has_colors: bool) -> Text {
        Text { late: Late::default(), strip: (!has_colors).then(StripBytes::new) }
    }
}

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.strip {
            Some(strip) => {
                strip.strip_next(bytes).try_for_each(|piece| self.late.write_all(piece))?;
            }
            None => self.late.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.late.flush()
    }
}

/// Prints a JSON document.
pub fn write_json(document: &impl Serialize) -> io::Result<()> {
    let mut out = Tame(Late::default());
    serde_json::to_writer_pretty(&mut out, document)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Escapes as `\uXXXX` what serde_json leaves raw although a terminal obeys or hides it. Except
/// line ends, all of it stands within strings, so the document says the same. serde_json writes
/// whole characters.
pub struct Tame<W>(pub W);

impl<W: Write> Write for Tame<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let is_tame = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n');
        if bytes.iter().all(is_tame) {
            self.0.write_all(bytes)?;
            return Ok(bytes.len());
        }
        let mut tame = String::with_capacity(bytes.len());
        let text = str::from_utf8(bytes).map_err(io::Error::other)?;
        for character in text.chars() {
            if character != '\n' && is_unsafe(character) {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    tame.push_str(&format!("\\u{unit:04x}"));
                }
            } else {
                tame.push(character);
            }
        }
        self.0.write_all(tame.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
