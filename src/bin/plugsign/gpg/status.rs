//! Status lines: what other programs read. The only place that writes `[GNUPG:] `.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use plugsign::disk::Error;
use plugsign::disk::kept::Kept;
use plugsign::openpgp::Error as OpenPgp;
use plugsign::openpgp::token;
use plugsign::openpgp::weakness::Weakness;
use plugsign::publisher::failure::Failure;
use plugsign::text::is_unsafe;

use crate::edge::descriptor::inherited;
use crate::edge::streams;

/// Where a stream of lines goes.
pub enum Sink {
    Nowhere,
    Output,
    Errors,
    File(File),
}

impl Sink {
    /// Opens the descriptor that a caller handed down.
    pub fn descriptor(number: &str) -> Result<Sink, String> {
        match number.trim() {
            "1" => Ok(Sink::Output),
            "2" => Ok(Sink::Errors),
            other => match other.parse::<u32>() {
                Ok(number) => inherited(number, File::options().append(true))
                    .map(Sink::File)
                    .map_err(|error| error.to_string()),
                Err(_) => Err("a descriptor is a number".into()),
            },
        }
    }

    /// Opens a file, which is emptied.
    pub fn file(path: &Path, kept: &Kept) -> Result<Sink, Error> {
        kept.open_for_lines(path).map(Sink::File)
    }

    /// Writes a line at once, so that the lines of several sinks keep their order.
    pub fn line(&self, line: &str) -> io::Result<()> {
        let line = format!("{line}\n");
        match self {
            Sink::Nowhere => Ok(()),
            Sink::Output => {
                let mut out = streams::output()?;
                out.write_all(line.as_bytes()).and_then(|()| out.flush())
            }
            Sink::Errors => io::stderr().write_all(line.as_bytes()),
            Sink::File(file) => (&*file).write_all(line.as_bytes()),
        }
    }
}

/// Writes status lines.
pub struct Status {
    sink: Sink,
    /// Whether a line was lost. Scripts decide by these lines, so a lost one is an error.
    pub lost: Cell<bool>,
}

impl Status {
    pub fn new(sink: Sink) -> Status {
        Status { sink, lost: Cell::new(false) }
    }

    /// Writes a line of a keyword and fields, without foreign text.
    pub fn say(&self, line: &str) {
        self.say_of(line, b"");
    }

    /// Writes a line that ends in foreign text, which can be anything: it stays on the line.
    pub fn say_of(&self, line: &str, foreign: &[u8]) {
        let mut whole = format!("[GNUPG:] {line}");
        if !foreign.is_empty() {
            whole.push(' ');
            whole.push_str(&escaped(foreign));
        }
        if self.sink.line(&whole).is_err() {
            self.lost.set(true);
        }
    }
}

/// Escapes as gpg does (common/status.c, g10/cpr.c): percent signs and what is no printable
/// ASCII become `%XX`, UTF-8 stays.
fn escaped(text: &[u8]) -> String {
    escaped_with(text, &['%'], |byte| format!("%{byte:02X}"))
}

/// Escapes some characters, and beyond what gpg does, those that a terminal obeys or hides and
/// bytes that are no UTF-8. Whoever unescapes gets the same bytes.
pub fn escaped_with(text: &[u8], special: &[char], escape: impl Fn(u8) -> String) -> String {
    let mut safe = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            if special.contains(&character) || is_unsafe(character) {
                safe.extend(character.encode_utf8(&mut [0; 4]).bytes().map(&escape));
            } else {
                safe.push(character);
            }
        }
        safe.extend(chunk.invalid().iter().copied().map(&escape));
    }
    safe
}

/// Why an operation failed, as a number and words of libgpg-error.
pub struct GpgCause {
    pub code: u32,
    pub words: &'static str,
}

const fn cause(code: u32, words: &'static str) -> GpgCause {
    GpgCause { code, words }
}

/// gpg itself, its agent, its daemon for cards and the operating system as sources of errors.
const GPG: u32 = 2 << 24;
const AGENT: u32 = 4 << 24;
const CARDS: u32 = 6 << 24;
const SYSTEM: u32 = GPG | 1 << 15;

/// Returns what gpg would say of a failure to sign.
pub fn cause_of(failure: &Failure) -> GpgCause {
    match failure {
        Failure::OpenPgp(error) => match error {
            OpenPgp::WrongPassphrase(_) => cause(AGENT | 11, "Bad passphrase"),
            OpenPgp::Token(token::Error::WrongPin { .. }) => cause(CARDS | 87, "Bad PIN"),
            OpenPgp::Token(token::Error::PinLocked(_)) => cause(CARDS | 130, "PIN blocked"),
            OpenPgp::Token(token::Error::NoToken(_)) => cause(CARDS | 112, "Card not present"),
            OpenPgp::PassphraseNeeded(_) => cause(AGENT | 85, "No pinentry"),
            OpenPgp::NoSecret(_)
            | OpenPgp::UnknownKey(_)
            | OpenPgp::Refused { weakness: Weakness::SecretElsewhere, .. } => {
                cause(17, "No secret key")
            }
            OpenPgp::UnknownUserId(_) => cause(GPG | 16, "No user ID"),
            OpenPgp::UserIdExists(_) => cause(GPG | 304, "User ID already exists"),
            OpenPgp::LastUserId(_) => cause(GPG | 37, "Invalid user ID"),
            OpenPgp::AmbiguousKey { .. } | OpenPgp::ShortKeyId(_) => cause(107, "Ambiguous name"),
            OpenPgp::Refused { .. } => cause(54, "Unusable secret key"),
            _ => cause(GPG | 1, "General error"),
        },
        Failure::Disk(Error::Exists(_)) => cause(SYSTEM | 35, "File exists"),
        Failure::Disk(Error::Io { source, .. }) | Failure::Stream(_, source) => cause_of_io(source),
        Failure::NoPassphrase(_) => cause(AGENT | 85, "No pinentry"),
        Failure::Cancelled => cause(AGENT | 99, "Operation cancelled"),
        Failure::WrongPassphrase(..) | Failure::EmptyPassphrase | Failure::PassphrasesDiffer => {
            cause(AGENT | 11, "Bad passphrase")
        }
        Failure::Advised(failure, _)
            if matches!(**failure, Failure::OpenPgp(OpenPgp::Token(_))) =>
        {
            cause_of(failure)
        }
        _ => cause(GPG | 1, "General error"),
    }
}

fn cause_of_io(error: &io::Error) -> GpgCause {
    match error.kind() {
        ErrorKind::NotFound => cause(SYSTEM | 81, "No such file or directory"),
        ErrorKind::AlreadyExists => cause(SYSTEM | 35, "File exists"),
        ErrorKind::PermissionDenied => cause(SYSTEM | 6, "Permission denied"),
        ErrorKind::IsADirectory => cause(SYSTEM | 56, "Is a directory"),
        ErrorKind::StorageFull => cause(SYSTEM | 86, "No space left on device"),
        ErrorKind::BrokenPipe => cause(SYSTEM | 100, "Broken pipe"),
        _ => cause(GPG | 1, "General error"),
    }
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn foreign_text_stays_on_its_line_and_utf_8_stays_readable() {
        assert_eq!(
            escaped(b"x\n[GNUPG:] GOODSIG 1 y\r\x1b[2J 100%"),
            "x%0A[GNUPG:] GOODSIG 1 y%0D%1B[2J 100%25"
        );
        assert_eq!(escaped("Zo\u{eb} <z@x>".as_bytes()), "Zo\u{eb} <z@x>");
        assert_eq!(escaped("a\u{9b}b\u{202e}".as_bytes()), "a%C2%9Bb%E2%80%AE");
        assert_eq!(escaped(b"a\xe9\x7f"), "a%E9%7F");
    }
}
