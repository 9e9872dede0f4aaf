//! The fields of packets, and how the listing writes them.

use super::super::colons::escaped;

/// Reads a packet's fields, one after the other.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn octet(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(super) fn short(&mut self) -> Option<u16> {
        self.take(2)?.first_chunk().map(|it| u16::from_be_bytes(*it))
    }

    pub(super) fn number(&mut self) -> Option<u32> {
        self.take(4)?.first_chunk().map(|it| u32::from_be_bytes(*it))
    }

    pub(super) fn area(&mut self) -> Option<&'a [u8]> {
        let length = self.short()?;
        self.take(usize::from(length))
    }

    pub(super) fn integer(&mut self) -> Option<&'a [u8]> {
        let bits = self.short()?;
        self.take(usize::from(bits).div_ceil(8))
    }
}

pub(super) fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|octet| **octet == 0).count();
    let first = number.get(zeros).map_or(0, |octet| octet.leading_zeros() as usize);
    (number.len() - zeros) * 8 - first
}

pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}

/// Foreign text as gpg has it in this listing: printable ASCII, and the rest in escapes.
pub(super) fn plain(text: &[u8]) -> String {
    let show = |octet: &u8| match octet {
        b' '..=b'z' => char::from(*octet).to_string(),
        octet => format!("\\x{octet:02x}"),
    };
    text.iter().map(show).collect()
}

/// Foreign text within brackets.
pub(super) fn within(text: &[u8]) -> String {
    escaped(text).replace("\\x3a", ":").replace(')', "\\x29")
}
