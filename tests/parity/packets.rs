//! Packets, taken apart and put together in all the ways there are.

use crate::common::random::Random;

/// A number as it should be written.
pub fn mpi(number: &[u8]) -> Vec<u8> {
    let start = number.iter().position(|&it| it != 0).unwrap_or(number.len());
    let number = &number[start..];
    let bits = number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize);
    [&(bits as u16).to_be_bytes()[..], number].concat()
}

/// Writes a packet as most programs do.
pub fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[0xc0 | tag], new_length(body.len()).as_slice(), body].concat()
}

/// Writes a packet in one of the possible ways.
pub fn any_packet(random: &mut Random, tag: u8, body: &[u8]) -> Vec<u8> {
    let long = (body.len() as u32).to_be_bytes();
    match random.below(60) {
        0..=39 => packet(tag, body),
        40..=44 if tag < 16 => [&[0x82 | tag << 2], &long[..], body].concat(),
        45..=48 if tag < 16 && body.len() < 0x1_0000 => {
            [&[0x81 | tag << 2], &long[2..], body].concat()
        }
        49..=51 if tag < 16 && body.len() < 0x100 => {
            [&[0x80 | tag << 2], &long[3..], body].concat()
        }
        52..=54 => [&[0xc0 | tag, 0xff], &long[..], body].concat(),
        55..=57 => [&[0xc0 | tag], partial(random, body).as_slice()].concat(),
        58 if tag < 16 && random.permille(300) => [&[0x83 | tag << 2], body].concat(),
        _ => packet(tag, body),
    }
}

fn new_length(length: usize) -> Vec<u8> {
    match length {
        0..192 => vec![length as u8],
        192..8384 => vec![192 + ((length - 192) >> 8) as u8, (length - 192) as u8],
        _ => [&[0xff], &(length as u32).to_be_bytes()[..]].concat(),
    }
}

fn partial(random: &mut Random, mut body: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    while body.len() > 1 && !random.permille(100) {
        let power = random.below(body.len().ilog2() as usize + 1);
        let (now, later) = body.split_at(1 << power);
        written.push(0xe0 | power as u8);
        written.extend(now);
        body = later;
    }
    [written, new_length(body.len()), body.to_vec()].concat()
}

/// Takes a well-formed binary file apart.
pub fn split(mut file: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut packets = Vec::new();
    // Fewer octets than the longest header has are no packet.
    while let (Some((first, rest)), true) = (file.split_first(), file.len() > 5) {
        let be = |octets: &[u8]| octets.iter().fold(0, |n, &it| n << 8 | usize::from(it));
        let (tag, header, length) = match (first & 0x40 != 0, first & 3, rest) {
            (false, 3, _) => (first >> 2 & 0xf, 0, rest.len()),
            (false, kind, _) => (first >> 2 & 0xf, 1 << kind, be(&rest[..1 << kind])),
            (true, _, &[a @ 0..=191, ..]) => (first & 0x3f, 1, usize::from(a)),
            (true, _, &[a @ 192..=223, b, ..]) => {
                (first & 0x3f, 2, (usize::from(a - 192) << 8) + usize::from(b) + 192)
            }
            (true, ..) => (first & 0x3f, 5, be(&rest[1..5])),
        };
        let (body, later) = rest[header..].split_at(length.min(rest.len() - header));
        packets.push((tag, body.to_vec()));
        file = later;
    }
    packets
}
