//! Foreign text made fit to show.
//!
//! User IDs, file names and other text from outside may hold terminal escapes, line breaks, or
//! characters that reorder or hide their neighbours. [`Safe`] shows such text on one line and
//! escapes these characters. So the text can neither draw on the terminal nor imitate a line of
//! plugsign.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

/// Foreign text, shown with control, bidirectional and invisible characters escaped.
///
/// Bytes that are not UTF-8 are shown as `\xNN`. Text of more than [`Safe::LONGEST`] characters
/// is cut there and ends in `…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Safe<'a>(Cow<'a, [u8]>);

impl<'a> Safe<'a> {
    /// How many characters are shown at the most.
    pub const LONGEST: usize = 1024;

    /// Wraps text.
    pub fn text(text: &'a str) -> Safe<'a> {
        Safe(Cow::Borrowed(text.as_bytes()))
    }

    /// Wraps bytes that should be, but need not be, UTF-8.
    pub fn bytes(bytes: &'a [u8]) -> Safe<'a> {
        Safe(Cow::Borrowed(bytes))
    }

    /// Wraps a file name.
    pub fn path(path: &'a Path) -> Safe<'a> {
        Safe(Cow::Borrowed(path.as_os_str().as_encoded_bytes()))
    }
}

impl fmt::Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        let pieces = self
            .0
            .utf8_chunks()
            .flat_map(|chunk| chunk.valid().chars().map(Ok).chain(chunk.invalid().iter().map(Err)));
        for (shown, piece) in pieces.enumerate() {
            match piece {
                _ if shown == Self::LONGEST => return f.write_char('…'),
                Ok('\\') => f.write_str("\\\\")?,
                Ok('\n') => f.write_str("\\n")?,
                Ok('\r') => f.write_str("\\r")?,
                Ok('\t') => f.write_str("\\t")?,
                Ok(it) if is_unsafe(it) => write!(f, "\\u{{{:x}}}", u32::from(it))?,
                Ok(character) => f.write_char(character)?,
                Err(byte) => write!(f, "\\x{byte:02x}")?,
            }
        }
        Ok(())
    }
}

/// Returns whether a character is invisible, moves the cursor, or changes how others are shown.
///
/// The ranges are from Unicode's general categories Cc, Cf, Zl, Zp and Co, the variation selectors,
/// and the blank letters that fake spaces.
pub fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(u32::from(character),
            0xAD | 0x34F | 0x600..=0x605 | 0x61C | 0x6DD | 0x70F | 0x890..=0x891 | 0x8E2
            | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F
            | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F
            | 0x3164 | 0xE000..=0xF8FF | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB
            | 0x110BD | 0x110CD | 0x13430..=0x1343F | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A
            | 0xE0000..=0xE0FFF | 0xF0000..=0x10FFFF)
}

/// Returns a path for a JSON document. Bytes that are no UTF-8 become `\xNN` and a backslash becomes
/// two, as in [`Safe`], so that no two paths are written alike.
pub fn path_text(path: &Path) -> String {
    let chunks = path.as_os_str().as_encoded_bytes().utf8_chunks();
    chunks.fold(String::new(), |mut text, chunk| {
        text.push_str(&chunk.valid().replace('\\', "\\\\"));
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
        text
    })
}

/// Returns a path as a word for sh, in single quotes where it needs them.
pub fn quoted(path: &Path) -> String {
    let tame = path.to_str().filter(|text| !text.chars().any(is_unsafe));
    let shown = tame.map_or_else(|| Safe::path(path).to_string(), str::to_string);
    let shown = if shown.starts_with('-') { format!("./{shown}") } else { shown };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%=".contains(c);
    match !shown.is_empty() && shown.chars().all(is_plain) {
        true => shown,
        false => format!("'{}'", shown.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Safe::text(text).to_string()
    }

    #[test]
    fn plain_text_is_left_alone() {
        assert_eq!(
            shown("Zoë O'Neil (Café) <zoe@example.org>"),
            "Zoë O'Neil (Café) <zoe@example.org>"
        );
    }

    #[test]
    fn a_forged_line_stays_on_its_line() {
        assert_eq!(shown("x\ngood  evil.tar.gz\r"), "x\\ngood  evil.tar.gz\\r");
    }

    #[test]
    fn terminal_escapes_are_spelled_out() {
        assert_eq!(shown("\x1b]0;owned\x07\u{9b}2J"), "\\u{1b}]0;owned\\u{7}\\u{9b}2J");
    }

    #[test]
    fn bidi_and_invisible_characters_are_spelled_out() {
        assert_eq!(shown("a\u{202e}b\u{200b}c\u{feff}"), "a\\u{202e}b\\u{200b}c\\u{feff}");
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_shown_as_numbers() {
        assert_eq!(Safe::bytes(b"a\xff\xe9b").to_string(), "a\\xff\\xe9b");
    }

    #[test]
    fn an_escape_cannot_be_imitated() {
        assert_eq!(shown("\\n"), "\\\\n");
    }

    #[test]
    fn no_two_paths_are_written_alike() {
        use std::os::unix::ffi::OsStrExt;
        let written = |name| path_text(Path::new(std::ffi::OsStr::from_bytes(name)));
        assert_eq!(written(b"a\xff.zip"), "a\\xff.zip");
        assert_eq!(written(b"a\\xff.zip"), "a\\\\xff.zip");
        assert_eq!(written("dist/Zoë 1.0.zip".as_bytes()), "dist/Zoë 1.0.zip");
    }

    #[test]
    fn endless_text_is_cut() {
        let long = "x".repeat(Safe::LONGEST * 5);
        assert_eq!(shown(&long).chars().count(), Safe::LONGEST + 1);
    }

    #[test]
    fn paths_are_one_word_for_sh() {
        for (path, word) in [
            ("/home/a/b-c.asc", "/home/a/b-c.asc"),
            ("my key", "'my key'"),
            ("it's", r"'it'\''s'"),
            ("$(id)", "'$(id)'"),
            ("-x", "./-x"),
            ("", "''"),
        ] {
            assert_eq!(quoted(Path::new(path)), word);
        }
    }
}
