//! One header of a tar archive, as Go's archive/tar reads it (reader.go, strconv.go).
//!
//! Go has rules of its own for headers that no tar program writes: with them, one archive has
//! other files for the server than for everybody else. Such headers are refused.

use super::stop::Stop;

/// The size of a header, and of what contents are padded to.
pub(super) const BLOCK: usize = 512;

/// What a header says.
pub(super) struct Header {
    pub(super) name: Vec<u8>,
    /// What kind of entry it is, in tar's letters.
    pub(super) flag: u8,
    pub(super) size: u64,
    /// The permission bits.
    pub(super) mode: u32,
}

#[derive(PartialEq)]
enum Format {
    /// Before POSIX: there is nothing behind the name of the link.
    V7,
    /// POSIX, with extension headers or without.
    Ustar,
    Gnu,
}

impl Header {
    /// Reads a header.
    pub(super) fn read(block: &[u8; BLOCK]) -> Result<Header, Stop> {
        let field =
            |start: usize, length: usize| block.get(start..start + length).unwrap_or_default();
        let number = |start, length| number(field(start, length));
        let sum: i64 = block.iter().map(|byte| i64::from(*byte)).sum();
        let own: i64 = field(148, 8).iter().map(|byte| i64::from(b' ') - i64::from(*byte)).sum();
        if octal(field(148, 8)) != Some(sum + own) {
            return Err(Stop::Damaged("the checksum of a header is wrong".into()));
        }
        let format = match field(257, 8) {
            b"ustar\x0000" if field(508, 4) != b"tar\0" => Format::Ustar,
            b"ustar  \0" => Format::Gnu,
            [0, 0, 0, 0, 0, 0, 0, 0] => Format::V7,
            _ => return Err(Stop::Unclear("a header is in an unusual format".into())),
        };
        let numbers = match format {
            Format::V7 => &[(108, 8), (116, 8), (136, 12)][..],
            _ => &[(108, 8), (116, 8), (136, 12), (329, 8), (337, 8)],
        };
        let size = number(124, 12).and_then(|size| u64::try_from(size).ok());
        let (Some(mode), Some(size), true) = (
            number(100, 8),
            size,
            numbers.iter().all(|(start, length)| number(*start, *length).is_some()),
        ) else {
            return Err(Stop::Damaged("a number in a header cannot be read".into()));
        };
        // What cannot be a time there, Go takes for the beginning of the name.
        let is_time = |start| field(start, 1) == [0] || number(start, 12).is_some();
        if format == Format::Gnu && !(is_time(345) && is_time(357)) {
            return Err(Stop::Unclear("a time in a header cannot be read".into()));
        }
        let mut name = until_nul(field(0, 100)).to_vec();
        if let (Format::Ustar, [_, ..]) = (format, until_nul(field(345, 155))) {
            name = [until_nul(field(345, 155)), b"/", &name].concat();
        }
        let flag = block.get(156).copied().unwrap_or_default();
        Ok(Header { name, flag, size, mode: u32::try_from(mode & 0o777).unwrap_or_default() })
    }
}

/// Reads a number in octal digits or, if the first bit is set, in two's complement.
fn number(field: &[u8]) -> Option<i64> {
    let (first, rest) = field.split_first()?;
    if first & 0x80 == 0 {
        return octal(field);
    }
    let inverse = if first & 0x40 == 0 { 0 } else { 0xff };
    let first = i64::from((first ^ inverse) & 0x7f);
    let value = rest
        .iter()
        .try_fold(first, |value, byte| Some(value.checked_mul(256)? | i64::from(byte ^ inverse)))?;
    Some(if inverse == 0 { value } else { !value })
}

fn octal(field: &[u8]) -> Option<i64> {
    let is_padding = |byte: &u8| matches!(byte, b' ' | 0);
    let start = field.iter().position(|byte| !is_padding(byte)).unwrap_or(field.len());
    let end = field.iter().rposition(|byte| !is_padding(byte)).map_or(start, |end| end + 1);
    let digits = until_nul(field.get(start..end)?);
    digits.iter().try_fold(0, |value: i64, digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
        _ => None,
    })
}

/// Returns the bytes before the first zero.
pub(super) fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        for (field, value) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b" 644 \0\0\0", Some(0o644)),
            (b"\0\0\0\0\0\0\0\0", Some(0)),
            (b"        ", Some(0)),
            (b"12\x003456\0", Some(0o12)),
            (b"\x80\0\0\0\0\0\x02\0", Some(512)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xfe", Some(-2)),
            (b"\x80\x80\0\0\0\0\0\0\0\0\0\0", None),
            (b"0000648\0", None),
            (b"64 4\0\0\0\0", None),
            (b"-644\0\0\0\0", None),
            (b"zzzzzzz\0", None),
        ] {
            assert_eq!(number(field), value, "{field:?}");
        }
    }
}
