//! Packets as they stand, to show them.

use super::error::{Error, Result};
use super::framing::{self, BadFrame, subpackets};

/// The most packets of a file that are shown.
const MOST_PACKETS: usize = 100_000;

/// A packet as it stands. Foreign bytes.
pub struct SeenPacket<'a> {
    /// Where it begins.
    pub offset: usize,
    /// Its first octet.
    pub head: u8,
    /// Its type (RFC 9580, section 5).
    pub tag: u8,
    /// How long its header is.
    pub head_length: usize,
    /// What follows the header.
    pub body: &'a [u8],
}

/// Returns the packets of binary data. Containers are not opened.
/// Fails with [`Error::Malformed`] for what is no packet, or has no definite length.
pub fn seen_packets(bytes: &[u8]) -> Result<Vec<SeenPacket<'_>>> {
    let mut offset = 0;
    let mut seen = Vec::new();
    for packet in framing::packets(bytes) {
        let packet = packet.map_err(|bad| {
            let why = match bad {
                BadFrame::NotAPacket => "no packet begins",
                BadFrame::CutShort => "the packet is cut short",
                BadFrame::Indefinite => "the packet has no definite length",
            };
            Error::malformed(format!("{why} at byte {offset}"))
        })?;
        if seen.len() == MOST_PACKETS {
            return Err(Error::malformed(format!("it has more than {MOST_PACKETS} packets")));
        }
        seen.push(SeenPacket {
            offset,
            head: packet.whole.first().copied().unwrap_or(0),
            tag: packet.tag,
            head_length: packet.whole.len() - packet.body.len(),
            body: packet.body,
        });
        offset += packet.whole.len();
    }
    Ok(seen)
}

/// Walks the subpackets of an area: their types with the mark of what is critical, and their values.
pub fn seen_subpackets(area: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    subpackets(area)
}
