//! Texts that carry their signature: the cleartext signature framework (RFC 9580, section 7).
//!
//! One grammar decides what is such a text, before any parser sees it. It is narrower than the
//! RFC's. A file begins with the header line and ends with the armor's end, and whatever tools read
//! in different ways is refused. So every byte of [`Cleartext::text`] is a byte that was signed.

use super::error::{Error, Result};
use super::hash::{ContentHash, HashAlgorithm, Hashed, Hasher};
use super::signature::{DetachedSignature, MAX_SIGNATURE_FILE, Texts};
use super::verdict::{Bad, Reason};

/// The most bytes that a text may have, with what escapes its dashes.
pub const MAX_TEXT: u64 = 16 * 1024 * 1024;

/// The most bytes that a file may have: the text, the header lines and the signatures.
pub const MAX_CLEARTEXT: u64 = MAX_TEXT + MAX_SIGNATURE_FILE + 4096;

/// The most bytes of a line with its end. GnuPG drops the rest of a longer one.
const MAX_LINE: usize = 19_995;

/// The most bytes of a line of the signature's armor. Go's parser refuses longer ones, and GnuPG
/// drops the rest of much longer ones.
const MAX_ARMOR_LINE: usize = 96;

/// How such a file begins.
pub const BEGIN: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &[u8] = b"-----BEGIN PGP SIGNATURE-----";
const END: &[u8] = b"-----END PGP SIGNATURE-----";

/// A text and the signatures over it. They are not verified yet.
pub struct Cleartext {
    text: Vec<u8>,
    signatures: Vec<Result<DetachedSignature, Bad>>,
}

/// Returns whether a file claims to be a cleartext signed text.
pub fn is_cleartext(file: &[u8]) -> bool {
    file.starts_with(BEGIN)
}

impl Cleartext {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`Reason::Malformed`] for anything outside the grammar, [`Reason::WeakHash`] for a header
    /// that names a hash other than SHA-256, SHA-384 and SHA-512.
    pub fn read(file: &[u8]) -> Result<Cleartext, Bad> {
        if file.len() as u64 > MAX_CLEARTEXT {
            return Err(malformed(format!("it is larger than {MAX_CLEARTEXT} bytes")));
        }
        if file.contains(&0) {
            return Err(malformed("it has a NUL byte"));
        }
        let mut rest = file;
        if next_line(&mut rest)?.0 != BEGIN {
            return Err(malformed("it does not begin with the line of a cleartext signed text"));
        }
        let mut hashes = Vec::new();
        loop {
            match next_line(&mut rest)?.0 {
                b"" => break,
                header => hashes.extend(named_hashes(header)?),
            }
        }
        let mut text = Vec::new();
        loop {
            let armor = rest;
            let (line, end) = next_line(&mut rest)?;
            if line == SIGNATURE {
                rest = armor;
                break;
            }
            let line = match line {
                [b'-', b' ', line @ ..] => line,
                [b'-', ..] => {
                    return Err(malformed("a line begins with a dash and is not escaped"));
                }
                line => line,
            };
            text.extend_from_slice(checked(line).map_err(malformed)?);
            text.extend_from_slice(end);
        }
        let signatures = read_signatures(rest)?;
        for signature in signatures.iter().flatten() {
            if !hashes.contains(&signature.content_hash()?.algorithm) {
                return Err(malformed("its Hash header does not name the signature's hash"));
            }
        }
        Ok(Cleartext { text, signatures })
    }

    /// Returns the text without trailing blanks, which no signature covers. A line ends as it
    /// does in the file, the last one too.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Returns the signatures. Each was read or says why not. There is at least one.
    pub fn signatures(&self) -> &[Result<DetachedSignature, Bad>] {
        &self.signatures
    }

    /// Hashes the text in each way that its signatures want.
    pub fn content(&self) -> Hashed {
        let signatures = self.signatures.iter().flatten();
        hash(&self.text, signatures.filter_map(|signature| signature.content_hash().ok()))
    }

    /// Returns whether this is the signed text, apart from the ends of lines and the blanks
    /// before them.
    pub fn is_of(&self, text: &[u8]) -> bool {
        fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
            let text = text.strip_suffix(b"\n").unwrap_or(text);
            text.split(|byte| *byte == b'\n').map(|line| without_blanks(without_return(line)))
        }
        lines(&self.text).eq(lines(text))
    }
}

/// A text as it is written in front of its signature.
pub struct Escaped {
    /// What stands in front of the signature's armor.
    before: Vec<u8>,
    /// The text's digest.
    pub content: Hashed,
}

impl Escaped {
    /// Prepares a text for a signature with this hash.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] for a text that other programs could read in another way than it is:
    /// NUL bytes, carriage returns within a line, form feeds at its end, very long lines.
    pub fn new(text: &[u8], algorithm: HashAlgorithm) -> Result<Escaped> {
        let refused = |why: &str| {
            let why = format!("it cannot be signed as cleartext: {why}. Sign it detached");
            Error::Malformed(why)
        };
        if text.contains(&0) {
            return Err(refused("it has a NUL byte and is no text"));
        }
        let mut before = [BEGIN, b"\nHash: ", hash_name(algorithm).as_bytes(), b"\n\n"].concat();
        let mut signed = Vec::with_capacity(text.len());
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let content = without_return(line.strip_suffix(b"\n").unwrap_or(line));
            signed.extend_from_slice(checked(content).map_err(refused)?);
            signed.push(b'\n');
            let start = before.len();
            // Mail programs change lines that begin with "From ".
            if line.starts_with(b"-") || line.starts_with(b"From ") {
                before.extend_from_slice(b"- ");
            }
            before.extend_from_slice(line);
            if !line.ends_with(b"\n") {
                before.push(b'\n');
            }
            if before.len() - start > MAX_LINE {
                return Err(refused(LONG));
            }
        }
        if text.is_empty() {
            before.push(b'\n');
        }
        if before.len() as u64 > MAX_TEXT {
            return Err(refused("it has more than 16 MiB"));
        }
        let content = hash(&signed, [ContentHash { algorithm, text: true }]);
        Ok(Escaped { before, content })
    }

    /// Returns the whole file: the text, and its signature in armor.
    pub fn with_signature(mut self, armored: &[u8]) -> Vec<u8> {
        self.before.extend_from_slice(armored);
        self.before
    }
}

const LONG: &str = "it has a line of more than 19,995 bytes";

/// Takes a line off. Returns it and its end. Only the last line of a file may have no end.
fn next_line<'a>(rest: &mut &'a [u8]) -> Result<(&'a [u8], &'a [u8]), Bad> {
    let all = *rest;
    let Some(end) = all.iter().position(|byte| *byte == b'\n') else {
        return Err(malformed("it is cut short"));
    };
    let (line, after) = all.split_at(end + 1);
    if line.len() > MAX_LINE {
        return Err(malformed(LONG));
    }
    *rest = after;
    let content = without_return(&all[..end]);
    Ok((content, &line[content.len()..]))
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Blanks at the end of a line are not signed (RFC 9580, section 7.2).
fn without_blanks(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t'));
    &line[..end.map_or(0, |end| end + 1)]
}

/// Returns what is signed of a line. Some programs take the refused bytes for ends of lines.
fn checked(line: &[u8]) -> Result<&[u8], &'static str> {
    let line = without_blanks(line);
    if line.contains(&b'\r') {
        return Err("it has a carriage return that ends no line");
    }
    match line.last() {
        Some(b'\x0b' | b'\x0c') => Err("it has a line that ends with a form feed or vertical tab"),
        _ => Ok(line),
    }
}

/// Hashes a text in these ways. The end of its last line is not signed.
fn hash(text: &[u8], ways: impl IntoIterator<Item = ContentHash>) -> Hashed {
    let text = without_return(text.strip_suffix(b"\n").unwrap_or(text));
    let mut hasher = Hasher::new(ways);
    hasher.update(text);
    hasher.finish()
}

/// Reads a header. There is but one kind (RFC 9580, section 7.2).
fn named_hashes(header: &[u8]) -> Result<Vec<HashAlgorithm>, Bad> {
    let names = header.strip_prefix(b"Hash:");
    let names = names.ok_or_else(|| malformed("it has a header other than Hash"))?;
    let known = |name: &[u8]| {
        let mut accepted = ACCEPTED.into_iter();
        let name = name.strip_prefix(b" ").unwrap_or(name);
        accepted.find(|hash| hash_name(*hash).as_bytes() == name).ok_or_else(|| {
            let why = "its header names a hash other than SHA-256, SHA-384 and SHA-512";
            Bad::new(Reason::WeakHash, why)
        })
    };
    names.split(|byte| *byte == b',').map(known).collect()
}

const ACCEPTED: [HashAlgorithm; 3] =
    [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512];

/// Returns a hash's name in headers. Only accepted ones are asked for.
fn hash_name(algorithm: HashAlgorithm) -> &'static str {
    match algorithm {
        HashAlgorithm::Sha512 => "SHA512",
        HashAlgorithm::Sha384 => "SHA384",
        _ => "SHA256",
    }
}

fn read_signatures(armor: &[u8]) -> Result<Vec<Result<DetachedSignature, Bad>>, Bad> {
    let mut lines = armor.split(|byte| *byte == b'\n').map(without_return);
    if lines.clone().any(|line| line.len() > MAX_ARMOR_LINE) {
        return Err(malformed("its armor has a line of more than 96 bytes"));
    }
    let after_end = lines.find(|line| *line == END).map(|_| lines.all(<[u8]>::is_empty));
    match after_end {
        Some(true) => {}
        Some(false) => return Err(malformed("more follows the end of its armor")),
        None => return Err(malformed("its armor has no end line: it is cut short")),
    }
    let signatures = DetachedSignature::read_each(armor, Texts::Taken)?;
    if signatures.is_empty() {
        return Err(malformed("it has no signature"));
    }
    let over_text = |signature: DetachedSignature| match signature.is_over_text() {
        true => Ok(signature),
        false => Err(malformed("its signature is over bytes (type 0x00), not over text")),
    };
    Ok(signatures.into_iter().map(|signature| signature.and_then(over_text)).collect())
}

fn malformed(why: impl Into<String>) -> Bad {
    Bad::new(Reason::Malformed, why)
}
