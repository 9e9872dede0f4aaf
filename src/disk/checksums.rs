//! `SHA256SUMS`: the names of a release, covered by a signature too.
//!
//! A signature covers bytes and not names. An old archive under a new version's name still
//! verifies. A signed list of names and digests closes that gap. The format is that of coreutils.
//! Each line is `DIGEST NAME` with two spaces. A line with an escaped name begins with a backslash.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use crate::disk::error::{Error, Result};

/// The name of the list.
pub const CHECKSUMS: &str = "SHA256SUMS";

/// The most bytes that a list may have: more than 20,000 files.
pub const MAX_CHECKSUMS: u64 = 8 * 1024 * 1024;

/// A SHA-256 digest.
pub type Sha256 = [u8; 32];

/// The digests of files, by their paths relative to the list's folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checksums {
    entries: BTreeMap<PathBuf, Sha256>,
}

impl Checksums {
    /// Adds a file.
    pub fn insert(&mut self, name: PathBuf, digest: Sha256) {
        self.entries.insert(name, digest);
    }

    /// Returns a file's digest.
    pub fn get(&self, name: &Path) -> Option<&Sha256> {
        self.entries.get(name)
    }

    /// Returns all names.
    pub fn names(&self) -> impl Iterator<Item = &Path> {
        self.entries.keys().map(PathBuf::as_path)
    }

    /// Writes the list, sorted by the bytes of the names. One that could not be read again is
    /// [`Error::TooLarge`].
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        // Paths are ordered by their components, which is another order.
        let mut entries: Vec<_> = self
            .entries
            .iter()
            .map(|(name, digest)| (name.as_os_str().as_bytes(), digest))
            .collect();
        entries.sort();
        let mut text = Vec::new();
        for (name, digest) in entries {
            let escaped = escape(name);
            if escaped != name {
                text.push(b'\\');
            }
            text.extend([hex(digest).as_bytes(), b"  ", &escaped, b"\n"].concat());
        }
        if text.len() as u64 > MAX_CHECKSUMS {
            let (name, what) = (CHECKSUMS.into(), "a list of checksums");
            return Err(Error::TooLarge { name, what, limit: MAX_CHECKSUMS });
        }
        Ok(text)
    }

    /// Reads a list, text or binary mode (`DIGEST *NAME`). A malformed line, a name that is listed
    /// twice, and a name that leads out of the folder are [`Error::Malformed`].
    pub fn read(text: &[u8]) -> Result<Checksums> {
        let mut checksums = Checksums::default();
        for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            let malformed =
                |why: &str| Error::Malformed(format!("line {} of {CHECKSUMS} {why}", number + 1));
            let (name, digest) = read_line(line).ok_or_else(|| malformed("is no checksum"))?;
            let inside = name.components().all(|part| matches!(part, Component::Normal(_)));
            if !inside || name.as_os_str().is_empty() {
                return Err(malformed("names a file outside the folder"));
            }
            if checksums.entries.insert(name, digest).is_some() {
                return Err(malformed("names a file a second time"));
            }
        }
        Ok(checksums)
    }
}

fn read_line(line: &[u8]) -> Option<(PathBuf, Sha256)> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let escaped = line.strip_prefix(b"\\");
    let (digest, name) = escaped.unwrap_or(line).split_at_checked(64)?;
    let name = name.strip_prefix(b"  ").or_else(|| name.strip_prefix(b" *"))?;
    let name = if escaped.is_some() { unescape(name)? } else { name.to_vec() };
    let name = PathBuf::from(std::ffi::OsString::from_vec(name));
    // `sha256sum` in the folder itself may write `./NAME`.
    let name = name.strip_prefix("./").map(Path::to_path_buf).unwrap_or(name);
    Some((name, unhex(digest)?))
}

fn escape(name: &[u8]) -> Vec<u8> {
    let escape = |byte: &u8| match byte {
        b'\\' => b"\\\\".to_vec(),
        b'\n' => b"\\n".to_vec(),
        b'\r' => b"\\r".to_vec(),
        byte => vec![*byte],
    };
    name.iter().flat_map(escape).collect()
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
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(digits: &[u8]) -> Option<Sha256> {
    let mut digest = [0; 32];
    for (place, pair) in digits.chunks_exact(2).enumerate() {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| !pair.starts_with('+'))?;
        *digest.get_mut(place)? = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn read(text: &str) -> Result<Checksums> {
        Checksums::read(text.as_bytes())
    }

    #[test]
    fn what_is_written_is_read_back_whatever_the_names_are() {
        let mut checksums = Checksums::default();
        for name in [&b"a.tar.gz"[..], b"b\nc", b"d\\e", b"\xff.zip", b"sub/f.zip", b"-x", b" y"] {
            checksums.insert(PathBuf::from(std::ffi::OsString::from_vec(name.to_vec())), [7; 32]);
        }
        let text = checksums.to_bytes().unwrap();
        assert_eq!(Checksums::read(&text).unwrap(), checksums);
    }

    #[test]
    fn names_that_have_to_be_escaped_mark_their_line() {
        let mut checksums = Checksums::default();
        checksums.insert("a\nb".into(), unhex(DIGITS.as_bytes()).unwrap());
        assert_eq!(checksums.to_bytes().unwrap(), format!("\\{DIGITS}  a\\nb\n").as_bytes());
    }

    #[test]
    fn the_order_is_that_of_the_bytes() {
        let mut checksums = Checksums::default();
        for name in ["a/b", "a-1", "a.zip", "B"] {
            checksums.insert(name.into(), [7; 32]);
        }
        let text = String::from_utf8(checksums.to_bytes().unwrap()).unwrap();
        let names: Vec<&str> = text.lines().map(|line| &line[66..]).collect();
        assert_eq!(names, ["B", "a-1", "a.zip", "a/b"]);
    }

    #[test]
    fn a_list_that_would_not_be_read_is_not_written() {
        let mut checksums = Checksums::default();
        for number in 0..MAX_CHECKSUMS / 300 {
            checksums.insert(format!("{number:0240}").into(), [7; 32]);
        }
        assert!(matches!(checksums.to_bytes(), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn both_modes_of_coreutils_are_read() {
        let checksums = read(&format!("{DIGITS} *a\r\n{DIGITS}  ./b\n")).unwrap();
        assert_eq!(checksums.names().collect::<Vec<_>>(), [Path::new("a"), Path::new("b")]);
    }

    #[test]
    fn names_outside_the_folder_doubles_and_nonsense_are_refused() {
        for text in [
            format!("{DIGITS}  ../a"),
            format!("{DIGITS}  /a"),
            format!("{DIGITS}  "),
            format!("{DIGITS}  a\n{DIGITS}  a"),
            format!("{DIGITS} a"),
            format!("{}  a", &DIGITS[1..]),
            format!("\\{DIGITS}  a\\x"),
            "hello".into(),
        ] {
            assert!(read(&text).is_err(), "{text}");
        }
    }
}
