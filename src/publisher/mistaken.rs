//! What people name by mistake: a key where a file goes, and a file where a key does.

use std::path::Path;

use crate::disk::file::read_small;
use crate::openpgp::bounds::Budget;
use crate::openpgp::key_file::{Key, MAX_KEY_FILE, read_keys_within};

/// Returns whether a path looks like a KEY: an e-mail address, or the digits of a fingerprint.
pub fn looks_like_key(path: &Path) -> bool {
    let Some(text) = path.to_str() else { return false };
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let is_hex = digits.len() >= 8 && digits.chars().all(|digit| digit.is_ascii_hexdigit());
    is_hex || text.contains('@') && !text.contains('/')
}

/// Returns whether a KEY looks like the name of a file with one.
pub fn looks_like_file(key: &str) -> bool {
    const ENDS: [&str; 8] = [".asc", ".gpg", ".pgp", ".pub", ".key", ".pem", ".sig", ".txt"];
    key.contains('/') || ENDS.iter().any(|end| key.ends_with(end))
}

/// Returns whether a file has keys in it, and so is no signature.
pub fn is_key_file(path: &Path, budget: &Budget) -> bool {
    let Ok(bytes) = read_small(path, "a key file", MAX_KEY_FILE) else { return false };
    let is_key = |key: &_| matches!(key, Ok(Key::Certificate(_) | Key::Secret(_)));
    read_keys_within(&bytes, budget).is_ok_and(|keys| keys.iter().any(is_key))
}
