//! Damage: to files, to their packets, to their armor.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::packets::{any_packet, split};
use crate::common::random::Random;

/// Damages a well-formed binary file packet by packet; `other` is where foreign packets come from.
pub fn packets(random: &mut Random, file: &[u8], other: &[u8]) -> Vec<u8> {
    let mut packets = split(file);
    for _ in 0..=random.below(2) {
        if packets.is_empty() {
            return bytes_at_random(random);
        }
        let at = random.below(packets.len());
        let foreign = split(other);
        match random.below(8) {
            0 if packets.len() > 1 => drop(packets.remove(at)),
            1 => packets.insert(at, packets[at].clone()),
            2 => {
                let to = random.below(packets.len());
                packets.swap(at, to);
            }
            3 if !foreign.is_empty() => packets.insert(at, random.pick(&foreign)),
            4 => packets[at].0 = random.pick(&[1, 2, 5, 6, 7, 8, 12, 13, 14, 17, 20]),
            5 => {
                let body = &mut packets[at].1;
                body.truncate(random.below(body.len().max(1)));
            }
            6 => bytes(random, &mut packets[at].1),
            // Only the lengths are encoded again.
            _ => {}
        }
    }
    packets.iter().flat_map(|(tag, body)| any_packet(random, *tag, body)).collect()
}

fn bytes_at_random(random: &mut Random) -> Vec<u8> {
    let n = random.below(20);
    random.bytes(n)
}

/// Damages some bytes.
pub fn bytes(random: &mut Random, file: &mut Vec<u8>) {
    if file.is_empty() {
        return;
    }
    // Most of the bytes that decide come first.
    let length = if random.permille(500) { file.len().min(48) } else { file.len() };
    let at = random.below(length);
    match random.below(6) {
        0 => file[at] ^= 1 << random.below(8),
        1 => file[at] = random.byte(),
        2 => file.insert(at, random.pick(&[0, 1, 4, 0x7f, 0x80, 0xff])),
        3 => drop(file.remove(at)),
        4 => file.truncate(at),
        _ => file[at] = file[at].wrapping_add(1),
    }
}

/// Armors a file, well or badly.
pub fn armor(random: &mut Random, file: &[u8], kind: &str) -> Vec<u8> {
    let digits = STANDARD.encode(file).into_bytes();
    let width = random.pick(&[64, 64, 64, 64, 76, 96, 97, 72, 1, 3, 61, 5000, 60]);
    let end = random.pick(&["\n", "\n", "\n", "\n", "\r\n", "\r", " \n", "\n\n", "\n \n"]);
    let mut lines: Vec<Vec<u8>> = vec![format!("-----BEGIN PGP {kind}-----").into()];
    let headers = [
        "Version: 1",
        "Comment: a: b",
        "Comment:",
        "Comment: ",
        "Hash: SHA256",
        "x",
        "\u{a0}",
        "Long: 012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
        "Longlonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglong: x",
    ];
    for _ in 0..random.below(20) / 14 {
        lines.push(random.pick(&headers).into());
    }
    if !random.permille(40) {
        lines.push(random.pick(&["", "", "", " ", "\u{3000}\t"]).into());
    }
    lines.extend(digits.chunks(width).map(<[u8]>::to_vec));
    let crc = STANDARD.encode(&crc24(file).to_be_bytes()[1..]);
    match random.below(12) {
        0 => {}
        1 => lines.push(b"=AAAA".into()),
        2 => {
            lines.push(random.pick(&["=AA==", "====", "=AB", "=A!AA", "=AAA=", "=\r\r\r\r"]).into())
        }
        3 => lines.extend([format!("={crc}").into(), Vec::new()]),
        _ => lines.push(format!("={crc}").into()),
    }
    if !random.permille(50) {
        lines.push(format!("-----END PGP {kind}-----").into());
    }
    if random.permille(100) {
        let at = random.below(lines.len());
        match random.below(5) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, Vec::new()),
            2 => lines.insert(at, lines[at].clone()),
            3 => lines.insert(
                at,
                random.pick(&["-----END x", "=", "AA==", "-----BEGIN PGP X-----", "QUJD"]).into(),
            ),
            _ => bytes(random, &mut lines[at]),
        }
    }
    let mut armored = lines.join(end.as_bytes());
    armored.extend(if random.permille(800) { end.as_bytes() } else { b"" });
    let before = random.pick(&[
        "",
        "",
        "",
        "",
        "text\n",
        "\n\n",
        "\u{feff}",
        "-----BEGIN PGP X-----\nno header\n",
        " ",
        "-----BEGIN -----\n",
        "x",
    ]);
    let after =
        random.pick(&["", "", "text\n", "-----BEGIN PGP X-----\n\nAAAA\n-----END PGP X-----\n"]);
    [before.as_bytes(), &armored, after.as_bytes()].concat()
}

fn crc24(octets: &[u8]) -> u32 {
    octets.iter().fold(0xb7_04ce, |crc, &octet| {
        (0..8).fold(crc ^ u32::from(octet) << 16, |crc: u32, _| {
            let next = crc << 1;
            if next & 0x100_0000 == 0 { next } else { next ^ 0x186_4cfb }
        })
    })
}

/// Takes the first armor block of a well-formed file off, if it is armored.
pub fn dearmor(file: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(file) else { return file.to_vec() };
    let mut lines = text.lines().skip_while(|line| !line.starts_with("-----BEGIN"));
    lines.find(|line| line.is_empty());
    let digits: String =
        lines.take_while(|line| !line.starts_with(['=', '-'])).map(str::trim).collect();
    STANDARD.decode(digits).unwrap_or_else(|_| file.to_vec())
}
