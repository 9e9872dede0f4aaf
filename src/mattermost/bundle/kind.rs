//! What a file is that is called a bundle and is none, by how it begins.

/// As many bytes as tell kinds apart: a tar names itself at the end of its first header.
pub(super) const HEAD: usize = 512;

const KINDS: [(&[u8], &str); 7] = [
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "a zip archive"),
    (b"\xFD7zXZ\0", "an xz file"),
    (b"BZh", "a bzip2 file"),
    (b"\x28\xB5\x2F\xFD", "a Zstandard file"),
    (b"7z\xBC\xAF\x27\x1C", "a 7z archive"),
    (b"-----BEGIN PGP ", "armored OpenPGP"),
];

/// Returns the kind of a file that is no gzip file, if it is one that people mistake for it.
pub(super) fn other_kind(head: &[u8]) -> Option<&'static str> {
    if let Some((_, kind)) = KINDS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(kind);
    }
    if head.get(257..262).is_some_and(|magic| magic == b"ustar") {
        return Some("a tar archive without gzip");
    }
    let text = head.trim_ascii_start().to_ascii_lowercase();
    let is_page = [&b"<!doctype html"[..], b"<html"].iter().any(|tag| text.starts_with(tag));
    is_page.then_some("a web page")
}
