//! Extension headers of POSIX (pax): what they say of the next entry.

use std::collections::BTreeSet;

use super::stop::Stop;

/// What an extension header says of the next entry.
#[derive(Default)]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
}

impl Pax {
    /// Reads records of `LENGTH KEY=VALUE\n`. The server fails on one that is not well-formed
    /// (archive/tar, parsePAXRecord and mergePAX).
    pub(super) fn read(mut bytes: &[u8]) -> Result<Pax, Stop> {
        let mut pax = Pax::default();
        let mut seen = BTreeSet::new();
        while !bytes.is_empty() {
            let (key, value, rest) = record(bytes).ok_or_else(damaged)?;
            bytes = rest;
            if !seen.insert(key) {
                return Err(unclear("it says something twice"));
            }
            if !is_valid(key, value) {
                return Err(damaged());
            }
            match key {
                b"path" | b"size" if value.is_empty() => {
                    return Err(unclear("it has an empty path or size"));
                }
                b"path" => pax.path = Some(value.to_vec()),
                b"size" => pax.size = Some(number(value).ok_or_else(damaged)?),
                b"SCHILY.realsize" => return Err(sparse()),
                _ if key.starts_with(b"GNU.sparse.") => return Err(sparse()),
                _ => {}
            }
        }
        Ok(pax)
    }

    /// Reads one that is for all that follows. What it says of paths and sizes, some programs
    /// apply to each entry, and the server to none.
    pub(super) fn check_global(bytes: &[u8]) -> Result<(), Stop> {
        match Pax::read(bytes)? {
            Pax { path: None, size: None } => Ok(()),
            _ => Err(unclear("it gives every entry one path or size")),
        }
    }
}

fn damaged() -> Stop {
    Stop::Damaged("an extension header does not make sense".into())
}

fn unclear(why: &str) -> Stop {
    Stop::Unclear(format!("an extension header is unusual: {why}"))
}

pub(super) fn sparse() -> Stop {
    Stop::Unclear("it has sparse files".into())
}

/// Returns the key and the value of the first record, and what follows it.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    let digits = std::str::from_utf8(bytes.get(..space)?).ok()?;
    let length: usize = digits.parse().ok().filter(|_| !digits.starts_with('+'))?;
    let record = bytes.get(space + 1..length)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((record.get(..equals)?, record.get(equals + 1..)?, bytes.get(length..)?))
}

fn is_valid(key: &[u8], value: &[u8]) -> bool {
    let is_sound = match key {
        b"path" | b"linkpath" | b"uname" | b"gname" => !value.contains(&0),
        _ => !key.is_empty() && !key.contains(&0),
    };
    // Go leaves the field of an empty value as it is.
    let is_number = match key {
        _ if value.is_empty() => true,
        b"uid" | b"gid" => number::<i64>(value).is_some(),
        b"atime" | b"ctime" | b"mtime" => is_time(value),
        _ => true,
    };
    is_sound && is_number
}

/// Returns whether it is a number of seconds, with a fraction or not.
fn is_time(value: &[u8]) -> bool {
    let mut parts = value.splitn(2, |byte| *byte == b'.');
    let seconds = parts.next().and_then(number::<i64>);
    seconds.is_some() && parts.next().unwrap_or_default().iter().all(u8::is_ascii_digit)
}

fn number<T: std::str::FromStr>(value: &[u8]) -> Option<T> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
