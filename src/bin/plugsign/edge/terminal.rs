//! The person's end: standard output, standard error, colour, prompts.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use plugsign::publisher::failure::{EXIT_COULD_NOT, Failure};
use rpassword::{ConfigBuilder, read_password_with_config};
use rustix::termios::tcgetwinsize;
use zeroize::Zeroizing;

use crate::edge::echo::{self, Quiet};
use crate::edge::global::{Color, Global};
use crate::edge::output::{Text, write_json};
use crate::edge::page::{BAD, Look, Page};
use crate::edge::report::Report;
use crate::edge::streams;

/// Where words go, and which words.
#[derive(Clone)]
pub struct Terminal {
    json: bool,
    quiet: bool,
    verbose: bool,
    color: ColorChoice,
}

impl Terminal {
    pub fn new(global: &Global) -> Terminal {
        let color = match global.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        Terminal { json: global.json, quiet: global.quiet, verbose: global.verbose, color }
    }

    /// Returns whether standard output is for a JSON document.
    pub fn json(&self) -> bool {
        self.json
    }

    fn err(&self) -> AutoStream<io::Stderr> {
        AutoStream::new(io::stderr(), self.choice(&io::stderr()))
    }

    fn choice(&self, stream: &impl anstream::stream::RawStream) -> ColorChoice {
        match self.color {
            ColorChoice::Auto => AutoStream::choice(stream),
            other => other,
        }
    }

    /// Says a detail, with `--verbose` only.
    pub fn whisper(&self, words: &str) {
        if self.verbose && !self.json {
            self.talk(|page| page.entry("", words));
        }
    }

    /// Warns. Lines after the first are steps, files or commands, in the form of advice.
    pub fn warn(&self, words: &str) {
        self.talk(|page| page.warning(words));
    }

    /// Says something on standard error, laid out for it.
    fn talk(&self, write: impl FnOnce(&mut Page)) {
        let mut page = Page::talk(self.look(&io::stderr()), BufWriter::new(self.err()));
        write(&mut page);
        let _ = page.finish();
    }

    fn look(&self, stream: &(impl AsFd + IsTerminal)) -> Look {
        Look { width: screen_width(stream), quiet: self.quiet, verbose: self.verbose }
    }

    /// Shows a report and returns the exit code that says the same.
    pub fn show(&self, command: &str, report: &dyn Report) -> ExitCode {
        let shown = match self.json {
            true => report.write_json(command),
            false => self.show_text(report),
        };
        match shown {
            Ok(()) => ExitCode::from(report.exit()),
            Err(error) => {
                let failure = Failure::Stream("write to standard output", error);
                self.explain(&failure);
                ExitCode::from(EXIT_COULD_NOT.max(report.exit()))
            }
        }
    }

    fn show_text(&self, report: &dyn Report) -> io::Result<()> {
        let has_colors = self.choice(&io::stdout()) != ColorChoice::Never;
        let mut page = Page::result(self.look(&io::stdout()), Text::new(has_colors));
        let written = report.results(&mut page).and_then(|()| page.finish());
        let mut talk = Page::talk(self.look(&io::stderr()), BufWriter::new(self.err()));
        report.problems(&mut talk)?;
        // If the reader is gone, a summary would mislead. Problems are still true.
        if written.is_ok() && !self.quiet {
            report.remarks(&mut talk)?;
        }
        let _ = talk.finish();
        written
    }

    /// Shows why there is no report and returns the exit code.
    pub fn fail(&self, command: &str, failure: &Failure) -> ExitCode {
        if self.json {
            // If even that fails, the exit code must do.
            let _ = write_json(&failure.json(command));
        } else {
            self.explain(failure);
        }
        ExitCode::from(failure.exit())
    }

    fn explain(&self, failure: &Failure) {
        self.talk(|page| {
            page.entry(&format!("{BAD}error:{BAD:#} "), &failure.one_line());
            failure.hint().into_iter().for_each(|hint| page.hint(0, &hint));
        });
    }

    /// Returns whether progress may be drawn.
    pub fn draws_progress(&self) -> bool {
        !self.json && !self.quiet && io::stderr().is_terminal()
    }

    /// Returns whether binary output would end on a screen.
    pub fn out_is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Writes bytes to standard output as they are.
    pub fn write_bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        streams::output()
            .and_then(|mut out| out.write_all(bytes).and_then(|()| out.flush()))
            .map_err(|error| Failure::Stream("write to standard output", error))
    }
}

/// Returns the columns of a stream that is a screen: 80 if it does not say, at least 40.
fn screen_width(stream: &(impl AsFd + IsTerminal)) -> Option<usize> {
    let size = || tcgetwinsize(stream).ok().map(|size| usize::from(size.ws_col));
    stream.is_terminal().then(|| size().filter(|width| *width > 0).unwrap_or(80).max(40))
}

/// Says a line before there is a [`Terminal`].
pub fn say(words: &str) {
    let _ = writeln!(io::stderr(), "{words}");
}

/// A conversation on the controlling terminal, whatever standard input and output are.
pub struct Conversation {
    lines: BufReader<File>,
    words: File,
}

impl Conversation {
    /// Opens the controlling terminal, if there is one.
    pub fn open() -> Option<Conversation> {
        let open = || OpenOptions::new().read(true).write(true).open("/dev/tty").ok();
        Some(Conversation { lines: BufReader::new(open()?), words: open()? })
    }

    /// Says a line or part of one. A terminal that is gone ends the next question.
    pub fn say(&mut self, words: &str) {
        let _ = self.words.write_all(words.as_bytes());
        let _ = self.words.flush();
    }

    /// Asks for a line. None at the end of input, where the person has left.
    pub fn ask(&mut self, question: &str) -> Option<String> {
        let mut line = Vec::new();
        let read = echo::awaiting(|| {
            self.say(question);
            (&mut self.lines).take(64 * 1024).read_until(b'\n', &mut line)
        });
        match read {
            Ok(n) if n > 0 => {
                Some(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_string())
            }
            _ => {
                self.say("\n");
                None
            }
        }
    }

    /// Asks for a passphrase without showing it.
    ///
    /// rpassword reads and edits the line, but does not set the terminal: it would turn the signal
    /// keys off and raise SIGINT before the echo is back. Controls and bytes that are not UTF-8
    /// pass through it in disguise, because it would drop or replace them.
    pub fn ask_passphrase(&mut self, question: &str) -> io::Result<Zeroizing<Vec<u8>>> {
        let line = echo::awaiting(|| {
            self.say(question);
            let keyboard = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
            let _quiet = Quiet::begin(&keyboard, question)?;
            let config =
                ConfigBuilder::new().input_reader(Disguise::new(keyboard)).output_discard().build();
            read_password_with_config(config).map(Zeroizing::new)
        });
        self.say("\n");
        Ok(undisguised(&line?))
    }
}

/// Bytes that rpassword would drop or replace travel as characters from here on: the last
/// private use plane, which no keyboard has.
const DISGUISE: u32 = 0x10_FE00;

/// The key that has rpassword forget the line so far: Ctrl-U.
const CLEAR_LINE: u8 = 0x15;

/// Lets bytes through that rpassword would not: those that are no UTF-8, and TAB.
struct Disguise<R> {
    reader: R,
    /// Read from the terminal, not looked at yet.
    pending: Zeroizing<Vec<u8>>,
    /// To be handed on.
    ready: Zeroizing<Vec<u8>>,
}

impl<R: Read> Disguise<R> {
    fn new(reader: R) -> Disguise<R> {
        let buffer = || Zeroizing::new(Vec::with_capacity(8));
        Disguise { reader, pending: buffer(), ready: buffer() }
    }

    /// Reads one character, in disguise if it needs one.
    fn advance(&mut self) -> io::Result<()> {
        while self.ready.is_empty() {
            if !self.pending.is_empty() {
                match std::str::from_utf8(&self.pending) {
                    Ok("\t") => self.disguise(1),
                    Ok(_) => {
                        self.ready.extend_from_slice(&self.pending);
                        self.pending.clear();
                    }
                    // It may yet become a character.
                    Err(error) if error.error_len().is_none() => {}
                    Err(_) => self.disguise(1),
                }
                if !self.ready.is_empty() {
                    return Ok(());
                }
            }
            let mut byte = Zeroizing::new([0u8; 1]);
            let end = self.reader.read(&mut *byte)? == 0;
            if echo::was_asked_anew() {
                self.pending.clear();
                self.ready.push(CLEAR_LINE);
            }
            if end {
                let rest = self.pending.len();
                self.disguise(rest);
                return Ok(());
            }
            // A line end ends an unfinished character.
            if byte[0] == b'\n' && !self.pending.is_empty() {
                let rest = self.pending.len();
                self.disguise(rest);
                self.ready.push(b'\n');
            } else {
                self.pending.push(byte[0]);
            }
        }
        Ok(())
    }

    fn disguise(&mut self, count: usize) {
        for byte in self.pending.drain(..count) {
            if let Some(character) = char::from_u32(DISGUISE + u32::from(byte)) {
                self.ready.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
    }
}

impl<R: Read> Read for Disguise<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.advance()?;
        let n = buffer.len().min(self.ready.len());
        buffer[..n].copy_from_slice(&self.ready[..n]);
        self.ready.drain(..n);
        Ok(n)
    }
}

/// Turns disguised characters into the bytes that they were.
fn undisguised(line: &str) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(line.len()));
    for character in line.chars() {
        match u32::from(character).checked_sub(DISGUISE).map(u8::try_from) {
            Some(Ok(byte)) => bytes.push(byte),
            _ => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[u8]) -> Vec<u8> {
        let config = ConfigBuilder::new()
            .input_reader(Disguise::new(io::Cursor::new(keys.to_vec())))
            .output_discard()
            .build();
        undisguised(&read_password_with_config(config).unwrap()).to_vec()
    }

    #[test]
    fn a_passphrase_arrives_byte_for_byte() {
        for passphrase in [
            &b"plain"[..],
            b"caf\xe9",
            b"tab\there",
            "Zo\u{eb} \u{1f511}".as_bytes(),
            b"trailing ",
            b"\xff\xfe",
            b"x\xc3",
        ] {
            let mut keys = passphrase.to_vec();
            keys.push(b'\n');
            assert_eq!(typed(&keys), passphrase, "{passphrase:?}");
        }
    }

    #[test]
    fn backspace_takes_whole_characters_away() {
        assert_eq!(typed("ab\u{e9}\u{7f}c\n".as_bytes()), b"abc");
        assert_eq!(typed(b"ab\xe9\x7fc\n"), b"abc");
    }
}
