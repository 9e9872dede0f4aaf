//! Keys as text, after the hands and secret stores that they went through.
//!
//! Stores keep one line, or quote, or escape; shells lose line ends; editors indent. What is clearly
//! a key under that becomes one again. Nothing else is guessed.

use std::ops::Deref;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

pub(super) const BEGIN: &[u8] = b"-----BEGIN PGP ";
pub(super) const END: &[u8] = b"-----END PGP ";
pub(super) const DASHES: &[u8] = b"-----";

/// Longer texts are files that no store has changed.
const MAX_STORED: usize = 4 * 1024 * 1024;

/// A part of a file, mostly the packets of some keys. A keyring is not copied.
pub enum Block<'a> {
    /// As it is in the file.
    There(&'a [u8]),
    /// Decoded from armor or base64, or with real line ends.
    Decoded(Zeroizing<Vec<u8>>),
}

impl Deref for Block<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Block::There(packets) => packets,
            Block::Decoded(packets) => packets,
        }
    }
}

/// Takes away what was put around a text, and gives it back its line ends.
pub(super) fn tidied(bytes: &[u8]) -> Block<'_> {
    let text = unwrapped(bytes);
    if text.len() > MAX_STORED {
        return Block::There(text);
    }
    let text = match is_escaped(text) {
        true => Block::Decoded(unescaped(text)),
        false => Block::There(text),
    };
    let begin = find(&text, BEGIN);
    match begin {
        Some(begin) if is_on_one_line(&text[begin..]) => Block::Decoded(with_lines(&text, begin)),
        Some(_) if has_margins(&text) => Block::Decoded(without_margins(&text)),
        _ => text,
    }
}

/// Takes away blanks, quotes, byte order marks, and the mark with which zsh shows that a line end
/// is missing.
fn unwrapped(mut text: &[u8]) -> &[u8] {
    loop {
        let before = text.len();
        text = text.trim_ascii();
        text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
        text = match text {
            [first @ (b'"' | b'\'' | b'`'), inner @ .., last] if first == last => inner,
            [inner @ .., b'%'] => inner,
            other => other,
        };
        if text.len() == before {
            return text;
        }
    }
}

/// Returns whether line ends are spelled out: behind the armor's first line, or because there is no
/// armor and no key has a backslash in it.
fn is_escaped(text: &[u8]) -> bool {
    let Some(begin) = find(text, BEGIN) else { return text.contains(&b'\\') };
    let first = text.get(begin + BEGIN.len()..).unwrap_or_default();
    let dashes = find(first, DASHES).map(|place| place + DASHES.len());
    let behind = dashes.and_then(|place| first.get(place..)).unwrap_or_default();
    behind.first() == Some(&b'\\')
}

/// Turns what JSON, properties files and shells spell out into what it means. A line that is
/// continued goes on; a line end that is spelled out and there is one.
fn unescaped(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'\\' {
            plain.push(byte);
            rest = after;
            continue;
        }
        // Escaped twice is escaped all the same.
        let after = after.get(after.iter().take_while(|it| **it == b'\\').count()..);
        rest = match after.unwrap_or_default() {
            [b'n', after @ ..] => {
                plain.push(b'\n');
                without_line_end(after.strip_prefix(b"\\").unwrap_or(after)).unwrap_or(after)
            }
            [b'r', after @ ..] => after,
            [b't', after @ ..] => {
                plain.push(b' ');
                after
            }
            [b'u', b'0', b'0', high, low, after @ ..] => {
                let digits = [*high, *low];
                let number = std::str::from_utf8(&digits).ok();
                plain.extend(number.and_then(|it| u8::from_str_radix(it, 16).ok()));
                after
            }
            after => without_line_end(after).unwrap_or(after),
        };
    }
    plain
}

fn without_line_end(text: &[u8]) -> Option<&[u8]> {
    text.strip_prefix(b"\r\n").or(text.strip_prefix(b"\n"))
}

/// Returns whether armor, of which the text is the rest, has its end on its first line.
fn is_on_one_line(armor: &[u8]) -> bool {
    let line = armor.split(|byte| *byte == b'\n').next().unwrap_or_default();
    find(line, END).is_some()
}

/// Gives armor its lines back after a shell made blanks of them. Headers go: nobody knows where
/// their values end, but a line of the body is longer than a word of theirs.
fn with_lines(text: &[u8], begin: usize) -> Zeroizing<Vec<u8>> {
    const LONG: usize = 60;
    let mut lines = Zeroizing::new(Vec::with_capacity(text.len() + 16));
    let armor = text.get(begin..).unwrap_or_default();
    let end = find(armor, END).unwrap_or(armor.len());
    let after =
        BEGIN.len() + find(armor.get(BEGIN.len()..).unwrap_or_default(), DASHES).unwrap_or(0);
    let first = (after + DASHES.len()).min(end);
    let (head, body) = armor.get(..end).unwrap_or_default().split_at(first);
    lines.extend_from_slice(head);
    lines.extend_from_slice(b"\n\n");
    let words = body.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    for word in words.skip_while(|word| word.len() < LONG) {
        lines.extend_from_slice(word);
        lines.push(b'\n');
    }
    lines.extend_from_slice(armor.get(end..).unwrap_or_default());
    lines
}

fn has_margins(text: &[u8]) -> bool {
    let is_blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    text.split(|byte| *byte == b'\n').any(|line| is_blank(line.first()) || is_blank(line.last()))
}

/// Takes away the indentation of a text, and the blanks at the ends of its lines.
fn without_margins(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    for line in text.split(|byte| *byte == b'\n') {
        plain.extend_from_slice(line.trim_ascii());
        plain.push(b'\n');
    }
    plain
}

/// Decodes base64, over any number of lines. Padding may be missing, and behind it may stand the
/// checksum of armor that lost its first and last line.
pub(super) fn decode_base64(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut compact = Zeroizing::new(Vec::with_capacity(text.len()));
    compact.extend(text.iter().filter(|byte| !byte.is_ascii_whitespace()));
    if let Some(length) = compact.len().checked_sub(5)
        && let Some([b'=', sum @ ..]) = compact.get(length..)
        && !sum.contains(&b'=')
    {
        compact.truncate(length);
    }
    let padding = compact.iter().rev().take_while(|byte| **byte == b'=').count();
    let missing = (4 - compact.len() % 4) % 4;
    if padding == 0 && missing < 3 {
        compact.extend(std::iter::repeat_n(b'=', missing));
    }
    let mut decoded = Zeroizing::new(vec![0; compact.len() / 4 * 3 + 3]);
    let length = STANDARD.decode_slice(compact.as_slice(), &mut decoded).ok()?;
    decoded.truncate(length);
    Some(decoded)
}

/// What a text is that people put in the place of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistaken {
    /// A fingerprint or key ID.
    KeyId,
    /// An e-mail address, or a user ID with one.
    Address,
    /// The path of a file.
    Path,
}

impl Mistaken {
    /// Says what it is.
    pub(super) fn words(self) -> &'static str {
        match self {
            Mistaken::KeyId => "it is the fingerprint or ID of a key, and not the key",
            Mistaken::Address => "it is the e-mail address of a key, and not the key",
            Mistaken::Path => "it is the path of a file, and not the key",
        }
    }
}

/// Tells what a text is in the place of a key, if it is known.
pub fn mistaken_for_key(text: &[u8]) -> Option<Mistaken> {
    const ENDS: [&[u8]; 7] = [b".asc", b".gpg", b".pgp", b".pub", b".key", b".pem", b".txt"];
    const BEGINS: [&[u8]; 6] = [b"/", b"./", b"../", b"~", b"$", b"file:"];
    let text = text.trim_ascii();
    if is_key_id(text) {
        return Some(Mistaken::KeyId);
    }
    if text.len() > 1024 || text.iter().any(u8::is_ascii_control) {
        return None;
    }
    if text.contains(&b'@') && !text.contains(&b'/') {
        return Some(Mistaken::Address);
    }
    let is_path = BEGINS.iter().any(|begin| text.starts_with(begin))
        || ENDS.iter().any(|end| text.ends_with(end));
    is_path.then_some(Mistaken::Path)
}

/// Returns whether a text is the fingerprint or key ID of a key.
pub(super) fn is_key_id(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let text = text.strip_prefix(b"0x").or(text.strip_prefix(b"0X")).unwrap_or(text);
    let digits = text.iter().filter(|byte| !byte.is_ascii_whitespace() && **byte != b':');
    matches!(digits.clone().count(), 8 | 16 | 32 | 40 | 64)
        && digits.into_iter().all(u8::is_ascii_hexdigit)
}

pub(super) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    // Most text has few dashes, so only what begins like the needle is compared.
    let first = needle.first()?;
    let mut start = 0;
    loop {
        start += haystack.get(start..)?.iter().position(|octet| octet == first)?;
        if haystack.get(start..)?.starts_with(needle) {
            return Some(start);
        }
        start += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_told_from_base64() {
        for id in ["D293 03D6 1AAF 2D6D 0E4A  C010 82F8 3C26 6666 AE6B", "0x82F83C266666AE6B\n"] {
            assert!(is_key_id(id.as_bytes()), "{id}");
        }
        for text in ["", "mQGNBGkqYmEBDAD", "release@acme.test", "ABCDEFG0"] {
            assert!(!is_key_id(text.as_bytes()), "{text}");
        }
    }

    const ARMOR: &str = "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQWGBGkqYmEBDADlQWGBGkqYmEBDADlQWGBGkqYmEBDADlQWGBGkqYmEBDADxyz\nAAAA\n=abcd\n-----END PGP PRIVATE KEY BLOCK-----";

    #[test]
    fn stores_and_shells_change_texts_that_are_read_all_the_same() {
        for (name, text) in [
            ("spelled out", ARMOR.replace('\n', "\\n")),
            ("spelled out, and a line end", ARMOR.replace('\n', "\\n") + "\n"),
            ("spelled out twice", ARMOR.replace('\n', "\\\\n")),
            ("spelled out with returns", ARMOR.replace('\n', "\\r\\n")),
            ("Gradle", ARMOR.replace('\n', "\\n\\\n")),
            ("Gradle, indented", ARMOR.replace('\n', "\\n\\\n    ")),
            ("quoted", format!("\"{ARMOR}\"")),
            ("quoted and spelled out", format!("'{}'", ARMOR.replace('\n', "\\n"))),
            ("JSON of .NET", ARMOR.replace('=', "\\u003d").replace('\n', "\\n")),
            ("zsh", format!("{ARMOR}%")),
            ("blanks for line ends", ARMOR.replace('\n', " ")),
            ("tabs", ARMOR.replace('\n', "\n\t")),
            ("YAML", ARMOR.replace('\n', "\n      ")),
            ("byte order mark", format!("\u{feff}{ARMOR}\n")),
        ] {
            let tidy = tidied(text.as_bytes());
            let tidy = String::from_utf8_lossy(&tidy).replace("\r\n", "\n");
            assert_eq!(tidy.trim(), ARMOR, "{name}");
        }
    }

    #[test]
    fn armor_with_headers_on_one_line_loses_only_them() {
        let text = ARMOR.replacen("\n\n", "\nVersion: GnuPG v2\nComment: x\n\n", 1);
        let tidy = tidied(text.replace('\n', " ").as_bytes()).to_vec();
        assert_eq!(String::from_utf8(tidy).unwrap(), ARMOR);
    }

    #[test]
    fn a_comment_with_a_backslash_stays() {
        let text = ARMOR.replacen("\n\n", "\nComment: C:\\new\n\n", 1);
        assert_eq!(tidied(text.as_bytes()).to_vec(), text.as_bytes());
    }

    #[test]
    fn base64_may_have_lost_its_armor() {
        for text in ["aGVsbG8=", "aGVsbG8", "aGVs\r\nbG8=\r\n=abcd\r\n", "aGVsbG8==abcd"] {
            let decoded = decode_base64(text.as_bytes());
            assert_eq!(decoded.as_deref().map(Vec::as_slice), Some(&b"hello"[..]), "{text}");
        }
        assert!(decode_base64(b"").is_some_and(|it| it.is_empty()));
        assert!(decode_base64(b"a=b").is_none());
    }

    #[test]
    fn what_is_no_key_has_a_name() {
        for (text, what) in [
            ("82F83C266666AE6B", Some(Mistaken::KeyId)),
            ("releases@acme.test", Some(Mistaken::Address)),
            ("Acme Releases <releases@acme.test>", Some(Mistaken::Address)),
            ("/home/me/key.asc", Some(Mistaken::Path)),
            ("secret-key.asc", Some(Mistaken::Path)),
            ("~/key", Some(Mistaken::Path)),
            ("mQGNBGkqYmEBDAD", None),
            ("rubbish", None),
        ] {
            assert_eq!(mistaken_for_key(text.as_bytes()), what, "{text}");
        }
    }
}
