//! Packets with the headers that GnuPG writes.

use zeroize::Zeroizing;

use crate::openpgp::framing::{RawPacket, packets};

/// Rewrites the packets of a key with headers of the old format (RFC 9580, section 4.2.2), as gpg
/// has them: programs compare what leaves with what came. Tags above 15 have no such header.
pub fn with_old_headers(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    // Longer than any rewritten copy: what is secret is not left behind by growth.
    let mut rewritten = Zeroizing::new(Vec::with_capacity(bytes.len() * 2 + 16));
    let mut done = 0;
    for packet in packets(bytes).map_while(Result::ok) {
        done += packet.whole.len();
        push(&mut rewritten, &packet);
    }
    rewritten.extend_from_slice(bytes.get(done..).unwrap_or_default());
    rewritten
}

fn push(bytes: &mut Vec<u8>, packet: &RawPacket<'_>) {
    let first = 0x80 | packet.tag << 2;
    match (packet.tag, packet.body.len()) {
        (16.., _) => return bytes.extend_from_slice(packet.whole),
        (_, length @ ..=0xFF) => bytes.extend([first, length as u8]),
        (_, length @ ..=0xFFFF) => {
            bytes.push(first | 1);
            bytes.extend((length as u16).to_be_bytes());
        }
        (_, length) => {
            bytes.push(first | 2);
            bytes.extend((length as u32).to_be_bytes());
        }
    }
    bytes.extend_from_slice(packet.body);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_as_short_as_gpgs_and_bodies_stay() {
        let user_id = [&[0xCD, 2][..], b"me"].concat();
        let long = [&[0xC2, 192, 8][..], &[7; 200]].concat();
        let longer = [&[0xC2, 193, 0][..], &[7; 448]].concat();
        let attribute = [0xD1, 1, 0];
        let all = [&user_id[..], &long, &longer, &attribute].concat();
        let expected = [
            &[0xB4, 2, b'm', b'e', 0x88, 200][..],
            &[7; 200],
            &[0x89, 1, 192],
            &[7; 448],
            &attribute,
        ];
        assert_eq!(*with_old_headers(&all), expected.concat());
        assert_eq!(*with_old_headers(b"no packet"), b"no packet");
    }
}
