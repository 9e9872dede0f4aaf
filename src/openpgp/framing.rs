//! The outermost shape of OpenPGP data: where one packet ends and the next begins.
//!
//! sequoia's parser opens containers, skips markers and reads lengths of any form. Code that needs
//! exactly one packet and nothing else asks here first.

pub(super) const SIGNATURE: u8 = 2;
pub(super) const SECRET_KEY: u8 = 5;
pub(super) const PUBLIC_KEY: u8 = 6;
pub(super) const SECRET_SUBKEY: u8 = 7;
pub(super) const USER_ID: u8 = 13;
pub(super) const PUBLIC_SUBKEY: u8 = 14;
pub(super) const USER_ATTRIBUTE: u8 = 17;

/// A packet's tag and body, with what follows it.
pub(super) struct Frame<'a> {
    pub(super) tag: u8,
    pub(super) body: &'a [u8],
    pub(super) rest: &'a [u8],
}

/// Why no packet begins here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadFrame {
    /// The first octet is no packet's.
    NotAPacket,
    /// Fewer bytes than the length promises.
    CutShort,
    /// A partial or indeterminate length, which keys and signatures never have (RFC 9580,
    /// sections 4.2.1.4 and 4.2.2).
    Indefinite,
}

/// Splits the first packet off (RFC 9580, section 4.2).
pub(super) fn split(bytes: &[u8]) -> Result<Frame<'_>, BadFrame> {
    let (&head, rest) = bytes.split_first().ok_or(BadFrame::CutShort)?;
    if head & 0x80 == 0 {
        return Err(BadFrame::NotAPacket);
    }
    let (tag, (length, rest)) = if head & 0x40 != 0 {
        let (&first, after) = rest.split_first().ok_or(BadFrame::CutShort)?;
        let sized = match first {
            0..=191 => (usize::from(first), after),
            192..=223 => {
                let (second, after) = number(after, 1)?;
                (((usize::from(first) - 192) << 8) + second + 192, after)
            }
            224..=254 => return Err(BadFrame::Indefinite),
            255 => number(after, 4)?,
        };
        (head & 0x3F, sized)
    } else {
        let sized = match head & 0x03 {
            0 => number(rest, 1)?,
            1 => number(rest, 2)?,
            2 => number(rest, 4)?,
            _ => return Err(BadFrame::Indefinite),
        };
        ((head >> 2) & 0x0F, sized)
    };
    let (body, rest) = rest.split_at_checked(length).ok_or(BadFrame::CutShort)?;
    Ok(Frame { tag, body, rest })
}

/// Reads a big-endian number of `octets` octets.
fn number(bytes: &[u8], octets: usize) -> Result<(usize, &[u8]), BadFrame> {
    let (number, rest) = bytes.split_at_checked(octets).ok_or(BadFrame::CutShort)?;
    Ok((number.iter().fold(0, |sum, &octet| sum << 8 | usize::from(octet)), rest))
}

/// One packet, as it stands.
#[derive(Clone, Copy)]
pub(super) struct RawPacket<'a> {
    pub(super) tag: u8,
    pub(super) body: &'a [u8],
    /// With its header.
    pub(super) whole: &'a [u8],
}

impl RawPacket<'_> {
    /// Returns whether it is a key, primary or not, with a secret part or without.
    pub(super) fn is_key(&self) -> bool {
        matches!(self.tag, SECRET_KEY | PUBLIC_KEY | SECRET_SUBKEY | PUBLIC_SUBKEY)
    }
}

/// Walks a sequence of packets. Damage ends the walk with an error.
pub(super) fn packets(bytes: &[u8]) -> impl Iterator<Item = Result<RawPacket<'_>, BadFrame>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let bytes = std::mem::take(&mut rest);
        Some(split(bytes).map(|frame| {
            rest = frame.rest;
            let whole = bytes.get(..bytes.len() - rest.len()).unwrap_or_default();
            RawPacket { tag: frame.tag, body: frame.body, whole }
        }))
    })
}

/// Splits a number off, which has its length in bits in front (RFC 9580, section 3.2).
pub(super) fn integer(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (bits, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*bits)).div_ceil(8))
}

/// Splits an area of subpackets off, which has its length in two octets in front.
pub(super) fn area(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

/// Returns whether every program heeds a critical subpacket of this type, as far as it can be: gpg's
/// own list. A signature with another critical one is invalid to gpg, in whichever area it is.
pub(super) fn is_widely_known(tag: u8) -> bool {
    matches!(tag & 0x7F, 2..=7 | 9 | 11 | 12 | 16 | 21 | 22 | 24..=27 | 29 | 30 | 32 | 33)
}

/// Splits a subpacket off: its tag, its value, and what follows.
pub(super) fn subpacket(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (length, rest) = match *bytes {
        [first @ 0..=191, ref rest @ ..] => (usize::from(first), rest),
        [first @ 192..=254, second, ref rest @ ..] => {
            (((usize::from(first) - 192) << 8) + usize::from(second) + 192, rest)
        }
        [255, a, b, c, d, ref rest @ ..] => (u32::from_be_bytes([a, b, c, d]) as usize, rest),
        _ => return None,
    };
    let (subpacket, rest) = rest.split_at_checked(length)?;
    let (tag, value) = subpacket.split_first()?;
    Some((*tag, value, rest))
}

/// Walks the subpackets of an area: their tags, with the mark of what is critical, and values. What
/// is cut short ends the walk.
pub(super) fn subpackets(area: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = area;
    std::iter::from_fn(move || {
        let (tag, value, after) = subpacket(rest)?;
        rest = after;
        Some((tag, value))
    })
}

/// Returns the key ID that a subpacket names the issuer by: the end of a version 4 fingerprint.
pub(super) fn issuer_in(tag: u8, value: &[u8]) -> Option<[u8; 8]> {
    match tag & 0x7F {
        16 => value.first_chunk().copied(),
        33 if value.first() == Some(&4) => value.last_chunk().copied(),
        _ => None,
    }
}

/// Returns what is hashed of a key, given by its public packet's body (RFC 9580, section 5.2.4).
pub(super) fn hashed_key(body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX);
    [&[0x99][..], &length.to_be_bytes(), body].concat()
}

/// Returns what is hashed of a user ID or of a user attribute, given by its packet.
pub(super) fn hashed_user(tag: u8, body: &[u8]) -> Vec<u8> {
    let mark = if tag == USER_ID { 0xB4 } else { 0xD1 };
    [&[mark][..], &(body.len() as u32).to_be_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split_all(mut bytes: &[u8]) -> Result<Vec<u8>, BadFrame> {
        let mut tags = Vec::new();
        while !bytes.is_empty() {
            let frame = split(bytes)?;
            tags.push(frame.tag);
            bytes = frame.rest;
        }
        Ok(tags)
    }

    #[test]
    fn old_and_new_lengths_are_read() {
        let mut two_octets = vec![0xC2, 192, 0];
        two_octets.extend([0; 192]);
        assert_eq!(split_all(&two_octets), Ok(vec![2]));
        let mut five_octets = vec![0xC2, 255, 0, 0, 0, 1, 9];
        five_octets.extend([0x88, 1, 9]); // old format, one octet
        five_octets.extend([0x89, 0, 1, 9]); // old format, two octets
        assert_eq!(split_all(&five_octets), Ok(vec![2, 2, 2]));
    }

    #[test]
    fn a_length_of_four_gib_is_cut_short_at_once() {
        assert_eq!(split_all(&[0xC6, 255, 255, 255, 255, 255, 4]), Err(BadFrame::CutShort));
        assert_eq!(split_all(&[0x9A, 255, 255, 255, 255]), Err(BadFrame::CutShort));
    }

    #[test]
    fn lengths_without_an_end_are_refused() {
        assert_eq!(split_all(&[0xC2, 224, 0]), Err(BadFrame::Indefinite));
        assert_eq!(split_all(&[0x8B, 0]), Err(BadFrame::Indefinite));
    }

    #[test]
    fn text_is_no_packet() {
        assert_eq!(split_all(b"-----BEGIN"), Err(BadFrame::NotAPacket));
    }
}
