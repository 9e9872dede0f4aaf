//! One line of a list of checksums: coreutils' two forms, BSD's, and a digest alone.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt::Write;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// BSD's tags, and how many digits a digest of each has.
const TAGS: [(&[u8], usize); 2] = [(b"SHA256 (", 64), (b"SHA512 (", 128)];

/// Returns the name and the digits of a line. `alone` is the name of what a digest alone is of.
///
/// A name that ends like a folder's is none: `sha256sum` finds no such file.
pub(super) fn read_line<'a>(line: &'a [u8], alone: Option<&[u8]>) -> Option<(PathBuf, &'a [u8])> {
    let escaped = line.strip_prefix(b"\\");
    let line = escaped.unwrap_or(line);
    let bsd = TAGS.iter().find_map(|(tag, digits)| Some((line.strip_prefix(*tag)?, *digits)));
    let (name, digits) = match bsd {
        Some((rest, length)) => {
            let end = rest.windows(4).rposition(|part| part == b") = ")?;
            (rest.get(..end)?, rest.get(end + 4..).filter(|digits| digits.len() == length)?)
        }
        None => match line.iter().position(|byte| *byte == b' ') {
            Some(end) => {
                let (digits, name) = line.split_at(end);
                (name.strip_prefix(b"  ").or_else(|| name.strip_prefix(b" *"))?, digits)
            }
            None => (alone?, line),
        },
    };
    let name = if escaped.is_some() { unescape(name)? } else { name.to_vec() };
    if name.ends_with(b"/") || name.ends_with(b"/.") {
        return None;
    }
    let name = PathBuf::from(OsString::from_vec(name));
    // `sha256sum` in the folder itself may write `./NAME`.
    let name = name.strip_prefix("./").map(PathBuf::from).unwrap_or(name);
    Some((name, digits))
}

/// Writes a line, marked if its name has to be escaped.
pub(super) fn write_line(text: &mut Vec<u8>, name: &[u8], digest: &[u8]) {
    let escaped = escape(name);
    if *escaped != *name {
        text.push(b'\\');
    }
    text.extend(hex(digest).as_bytes());
    text.extend(b"  ");
    text.extend(&*escaped);
    text.push(b'\n');
}

fn escape(name: &[u8]) -> Cow<'_, [u8]> {
    if !name.iter().any(|byte| matches!(byte, b'\\' | b'\n' | b'\r')) {
        return Cow::Borrowed(name);
    }
    let escape = |byte: &u8| match byte {
        b'\\' => b"\\\\".to_vec(),
        b'\n' => b"\\n".to_vec(),
        b'\r' => b"\\r".to_vec(),
        byte => vec![*byte],
    };
    Cow::Owned(name.iter().flat_map(escape).collect())
}

fn unescape(name: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(name.len());
    let mut bytes = name.iter();
    while let Some(&byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => match bytes.next()? {
                b'\\' => b'\\',
                b'n' => b'\n',
                b'r' => b'\r',
                _ => return None,
            },
            _ => byte,
        });
    }
    Some(plain)
}

/// Writes bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads hexadecimal digits.
pub(super) fn unhex(digits: &[u8]) -> Option<Box<[u8]>> {
    let pair = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| !pair.starts_with('+'))?;
        u8::from_str_radix(pair, 16).ok()
    };
    digits.chunks_exact(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn name_of(line: &str) -> Option<PathBuf> {
        read_line(line.as_bytes(), None).map(|(name, _)| name)
    }

    #[test]
    fn a_name_that_ends_like_a_folders_is_no_files() {
        for name in ["a.zip/", "a.zip/.", "a.zip//", "a.zip/./", "./a.zip/", "a/b/"] {
            for line in [
                format!("{DIGITS}  {name}"),
                format!("{DIGITS} *{name}"),
                format!("SHA256 ({name}) = {DIGITS}"),
                format!("\\{DIGITS}  {name}"),
            ] {
                assert_eq!(name_of(&line), None, "{line}");
            }
        }
        assert_eq!(name_of(&format!("{DIGITS}  ./a/b.")), Some("a/b.".into()));
        assert_eq!(name_of(&format!("{DIGITS}  a..")), Some("a..".into()));
    }

    #[test]
    fn a_tag_says_how_long_the_digest_is() {
        assert_eq!(name_of(&format!("SHA256 (a) = {DIGITS}")), Some("a".into()));
        assert_eq!(name_of(&format!("SHA512 (a) = {DIGITS}")), None);
        assert_eq!(name_of(&format!("SHA256 (a) = {DIGITS}{DIGITS}")), None);
    }

    #[test]
    fn what_is_escaped_is_read_back() {
        for name in [&b"a"[..], b"a\nb", b"\\", b"a\r\\n"] {
            let mut line = Vec::new();
            write_line(&mut line, name, &[7; 32]);
            let (read, digits) = read_line(line.strip_suffix(b"\n").unwrap(), None).unwrap();
            assert_eq!(read, PathBuf::from(OsString::from_vec(name.to_vec())));
            assert_eq!(unhex(digits).unwrap(), vec![7; 32].into());
        }
    }
}
