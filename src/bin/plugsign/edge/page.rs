//! What a person reads, laid out for the screen that shows it. A pipe gets the same lines, unwrapped.

use std::collections::BTreeSet;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use plugsign::openpgp::ids::Fingerprint;
use plugsign::publisher::failure::Failure;
use unicode_width::UnicodeWidthStr;

pub const GOOD: Style = AnsiColor::Green.on_default();
pub const BAD: Style = AnsiColor::Red.on_default().bold();
pub const WARN: Style = AnsiColor::Yellow.on_default();
pub const HINT: Style = AnsiColor::Cyan.on_default();

/// How much a person wants to see, and how wide it may be.
#[derive(Clone, Copy, Default)]
pub struct Look {
    /// The columns of the screen. None if there is no screen.
    pub width: Option<usize>,
    pub quiet: bool,
    pub verbose: bool,
}

/// Text that is being written.
pub struct Page {
    pub look: Look,
    /// Whether every line is for reading, and may be wrapped. A result may be data.
    is_talk: bool,
    out: Box<dyn Write>,
    /// The line of talk that is not ended yet.
    line: Vec<u8>,
    /// What became of the writing so far.
    written: io::Result<()>,
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_talk {
            self.put(bytes);
        } else {
            for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
                match piece.strip_suffix(b"\n") {
                    Some(end) => {
                        self.line.extend_from_slice(end);
                        self.end_line();
                    }
                    None => self.line.extend_from_slice(piece),
                }
            }
        }
        // What failed is told once; nothing is written behind it.
        std::mem::replace(&mut self.written, Ok(())).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Page {
    /// Begins a result. What is written to it with [`Write`] stays as it is.
    pub fn result(look: Look, out: impl Write + 'static) -> Page {
        Page { look, is_talk: false, out: Box::new(out), line: Vec::new(), written: Ok(()) }
    }

    /// Begins talk. Its lines are wrapped between words.
    pub fn talk(look: Look, out: impl Write + 'static) -> Page {
        Page { is_talk: true, ..Page::result(look, out) }
    }

    /// Ends the text. Fails if it could not be written.
    pub fn finish(mut self) -> io::Result<()> {
        if !self.line.is_empty() {
            self.end_line();
        }
        self.written.and_then(|()| self.out.flush())
    }

    /// Returns whether a screen shows it.
    pub fn is_screen(&self) -> bool {
        self.look.width.is_some()
    }

    fn put(&mut self, bytes: &[u8]) {
        if self.written.is_ok() {
            self.written = self.out.write_all(bytes);
        }
    }

    fn push(&mut self, line: &str) {
        self.put(format!("{line}\n").as_bytes());
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let indent = line.len() - line.trim_start_matches(' ').len();
        let (lead, words) = line.split_at(indent);
        match indent > 0 && words.starts_with("plugsign ") {
            true => self.command(indent, words),
            false => self.lay(lead, words, indent),
        }
    }

    /// Writes words behind a lead. If they need more lines, those begin where `hang` says. A word
    /// that is too long for there begins further left, so that it stays whole.
    fn lay(&mut self, lead: &str, words: &str, hang: usize) {
        let Some(width) = self.look.width else { return self.push(&format!("{lead}{words}")) };
        let mut line = lead.to_string();
        for (place, word) in words_of(words).into_iter().enumerate() {
            let gap = if place == 0 { "" } else { " " };
            let needed = columns(word);
            if columns(&line) + gap.len() + needed > width && !line.trim().is_empty() {
                self.push(line.trim_end());
                line = format!("{:1$}{word}", "", hang.min(width.saturating_sub(needed)));
            } else {
                line = format!("{line}{gap}{word}");
            }
        }
        self.push(line.trim_end());
    }

    /// Writes words behind a lead, such as a mark. Further lines begin under the first word.
    pub fn entry(&mut self, lead: &str, words: &str) {
        self.lay(lead, words, columns(lead));
    }

    /// Writes a command on lines of its own, to be copied. What does not fit goes on behind a
    /// backslash, as sh reads it.
    pub fn command(&mut self, indent: usize, command: &str) {
        let width = self.look.width.unwrap_or(usize::MAX);
        let mut line = format!("{:indent$}", "");
        let words = words_of(command);
        for (place, word) in words.iter().enumerate() {
            let gap = if place == 0 { "" } else { " " };
            let behind = if place + 1 == words.len() { "" } else { " \\" };
            let needed = gap.len() + columns(word) + behind.len();
            if place > 0 && columns(&line) + needed > width {
                self.push(&format!("{line} \\"));
                line = format!("{:1$}{word}", "", indent + 4);
            } else {
                line = format!("{line}{gap}{word}");
            }
        }
        self.push(&line);
    }

    /// Writes what to try next: a step a line, and every command on a line of its own. See
    /// `publisher::advice` for the form.
    pub fn hint(&mut self, indent: usize, hint: &str) {
        let lead = format!("{:indent$}{HINT}hint:{HINT:#} ", "");
        self.steps(&lead, hint);
    }

    /// Warns, with steps as advice has them.
    pub fn warning(&mut self, words: &str) {
        self.steps(&format!("{WARN}warning:{WARN:#} "), words);
    }

    /// Writes advice behind a lead.
    pub fn steps(&mut self, lead: &str, advice: &str) {
        let under = columns(lead);
        for (place, step) in advice.lines().enumerate() {
            if let Some(item) = step.strip_prefix("- ") {
                self.entry(&format!("{:1$}", "", under + 2), item);
                continue;
            }
            match step.strip_prefix("  ") {
                Some(command) => {
                    if place == 0 && !lead.trim().is_empty() {
                        self.push(lead.trim_end());
                    }
                    self.command(under + 2, command);
                }
                None if place == 0 => self.entry(lead, step),
                None => self.entry(&" ".repeat(under), step),
            }
        }
    }

    /// Says what could not be done with some things, and why; then once what to try next.
    pub fn failures<'a>(&mut self, failures: impl IntoIterator<Item = (String, &'a Failure)>) {
        let failures: Vec<(String, &Failure)> = failures.into_iter().collect();
        for (what, why) in &failures {
            self.lay("", &format!("{what}: {}", why.one_line()), 2);
        }
        self.hints(failures.into_iter().map(|(_, why)| why));
    }

    /// Says once what to try next.
    pub fn hints<'a>(&mut self, failures: impl IntoIterator<Item = &'a Failure>) {
        let mut said = BTreeSet::new();
        for hint in failures.into_iter().filter_map(Failure::hint) {
            if !said.contains(&hint) {
                self.hint(0, &hint);
                said.insert(hint);
            }
        }
    }

    /// Returns a fingerprint as it is shown: in groups of four digits on a screen, unless the
    /// person asked for details.
    pub fn fingerprint(&self, fingerprint: &Fingerprint) -> String {
        match self.is_screen() && !self.look.verbose {
            true => fingerprint.grouped(),
            false => fingerprint.to_string(),
        }
    }
}

/// Splits text at blanks, except within single quotes: a quoted path is one word. Blanks that align
/// columns stay at the end of a word.
fn words_of(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut quoted, mut before) = (0, false, ' ');
    for (at, character) in text.char_indices() {
        match character {
            '\'' if quoted => quoted = false,
            // An apostrophe within a word is none, and one that nothing closes neither.
            '\'' if !before.is_alphanumeric() && text[at + 1..].contains('\'') => quoted = true,
            ' ' if !quoted && !text[at + 1..].starts_with(' ') => {
                words.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        before = character;
    }
    words.push(&text[start..]);
    words
}

/// Returns how many columns a screen needs for text. Colours need none.
pub fn columns(text: &str) -> usize {
    let mut pieces = text.split('\x1b');
    let first = pieces.next().unwrap_or_default().width();
    let of_piece = |piece: &str| piece.split_once('m').map_or(0, |(_, shown)| shown.width());
    first + pieces.map(of_piece).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    const FINGERPRINT: &str = "0123456789ABCDEF0123456789ABCDEF01234567";

    /// What was written, for who gave it away.
    #[derive(Clone, Default)]
    struct Shared(Rc<RefCell<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn text(width: Option<usize>, write: impl FnOnce(&mut Page)) -> String {
        let out = Shared::default();
        let mut page = Page::talk(Look { width, ..Look::default() }, out.clone());
        write(&mut page);
        page.finish().unwrap();
        String::from_utf8(out.0.take()).unwrap()
    }

    fn talk(width: usize, write: impl FnOnce(&mut Page)) -> Vec<String> {
        text(Some(width), write).lines().map(str::to_string).collect()
    }

    #[test]
    fn lines_break_between_words_and_go_on_under_them() {
        let words = format!("the key {FINGERPRINT} is old");
        let lines = talk(50, |page| page.entry("error: ", &words));
        assert_eq!(lines, ["error: the key", &format!("       {FINGERPRINT} is"), "       old"]);
        // What is too long for there begins further left.
        let lines = talk(42, |page| page.entry("error: ", &words));
        assert_eq!(lines, ["error: the key", &format!("  {FINGERPRINT}"), "       is old"]);
    }

    #[test]
    fn a_quoted_path_is_one_word() {
        let lines =
            talk(30, |page| page.entry("", "the owner's file 'my long file.tar.gz' is bad"));
        assert_eq!(lines, ["the owner's file", "'my long file.tar.gz' is bad"]);
    }

    #[test]
    fn a_command_goes_on_as_sh_reads_it() {
        let command = "plugsign sign 'a b c d e f.zip' --key KEY";
        let lines = talk(24, |page| page.command(2, command));
        assert_eq!(lines, ["  plugsign sign \\", "      'a b c d e f.zip' \\", "      --key KEY"]);
        assert!(lines[1].len() > 24 || lines.iter().all(|line| line.len() <= 26));
        let whole = talk(80, |page| page.command(2, command));
        assert_eq!(whole, [format!("  {command}")]);
    }

    #[test]
    fn a_hint_has_a_step_a_line() {
        let advice = "see the keys:\n  plugsign list\nOr make one:\n  plugsign keygen";
        let lines: Vec<String> = talk(80, |page| page.hint(0, advice));
        let plain = |line: &String| anstream::adapter::strip_str(line).to_string();
        let lines: Vec<String> = lines.iter().map(plain).collect();
        assert_eq!(
            lines,
            [
                "hint: see the keys:",
                "        plugsign list",
                "      Or make one:",
                "        plugsign keygen"
            ]
        );
    }

    #[test]
    fn colours_take_no_columns() {
        assert_eq!(columns(&format!("{BAD}BAD{BAD:#}  x")), 6);
        assert_eq!(columns("\u{6f22}"), 2);
    }

    #[test]
    fn a_pipe_gets_whole_lines() {
        let long = "word ".repeat(100);
        let written = text(None, |page| page.entry("error: ", long.trim_end()));
        assert_eq!(written, format!("error: {}\n", long.trim_end()));
    }
}
