//! `gpg --list-packets`: packets as they stand, in gpg's words, for programs that read them.
//!
//! Containers are not opened: what is compressed or encrypted is named, and not looked into.

mod fields;
mod subpackets;

use std::fmt::Write as _;

use plugsign::openpgp::armor::dearmored;
use plugsign::openpgp::facts::{key_curve, key_id_of_body};
use plugsign::openpgp::key_file::MAX_KEYRING;
use plugsign::openpgp::packet_list::{SeenPacket, seen_packets, seen_subpackets};
use plugsign::publisher::failure::Failure;

use self::fields::{Fields, bits, hex, plain};
use self::subpackets::subpacket;
use super::session::Session;
use crate::edge::report::usage;

/// How many bytes are written together.
const AT_ONCE: usize = 64 * 1024;

pub fn run(session: &Session) -> Result<u8, Failure> {
    let inputs = session.inputs(&session.options.words);
    let [input] = &inputs[..] else { return usage("--list-packets takes one file") };
    let bytes = input.read("a file to list", MAX_KEYRING)?;
    let packets = dearmored(&bytes).inspect_err(|_| {
        session.log.say("no valid OpenPGP data found.");
        session.status.say("NODATA 1");
    })?;
    let mut text = String::new();
    for packet in seen_packets(&packets)? {
        let SeenPacket { offset, head, tag, head_length, body } = packet;
        let form = if head & 0x40 != 0 { " new-ctb" } else { "" };
        let _ = writeln!(
            text,
            "# off={offset} ctb={head:02x} tag={tag} hlen={head_length} plen={}{form}",
            body.len()
        );
        let written = one(tag, body, &mut text);
        if written.is_none() {
            let _ = writeln!(text, "\t[damaged]");
        }
        if text.len() > AT_ONCE {
            session.world.terminal.write_bytes(text.as_bytes())?;
            text.clear();
        }
    }
    session.world.terminal.write_bytes(text.as_bytes())?;
    Ok(0)
}

/// Writes one packet. Returns nothing if it ends too early.
fn one(tag: u8, body: &[u8], text: &mut String) -> Option<()> {
    let mut fields = Fields(body);
    match tag {
        1 => {
            let (version, key_id) = (fields.octet()?, hex(fields.take(8)?));
            let algorithm = fields.octet()?;
            let line = format!("version {version}, algo {algorithm}, keyid {key_id}");
            let _ = writeln!(text, ":pubkey enc packet: {line}");
        }
        2 => signature(&mut fields, text)?,
        3 => {
            let _ = writeln!(text, ":symkey enc packet: version {}", fields.octet()?);
        }
        4 => {
            let (version, class) = (fields.octet()?, fields.octet()?);
            let (hash, algorithm) = (fields.octet()?, fields.octet()?);
            let _ = writeln!(text, ":onepass_sig packet: keyid {}", hex(fields.take(8)?));
            let last = fields.octet()?;
            let _ = writeln!(
                text,
                "\tversion {version}, sigclass 0x{class:02x}, digest {hash}, pubkey {algorithm}, last={last}"
            );
        }
        5..=7 | 14 => key(tag, body, &mut fields, text)?,
        8 => {
            let _ = writeln!(text, ":compressed packet: algo={}", fields.octet()?);
        }
        9 | 18 => {
            let _ = writeln!(text, ":encrypted data packet:\n\tlength: {}", body.len());
        }
        10 => text.push_str(":marker packet: PGP\n"),
        11 => literal(&mut fields, text)?,
        12 => text.push_str(":trust packet:\n"),
        13 => {
            let _ = writeln!(text, ":user ID packet: \"{}\"", plain(body));
        }
        17 => {
            let count = seen_subpackets(body).count();
            let words = match seen_subpackets(body).next() {
                Some((1, image)) if count == 1 => match image {
                    [16, 0, 1, 1, ..] => {
                        format!("[jpeg image of size {}]", image.len().saturating_sub(16))
                    }
                    _ => "[invalid image]".into(),
                },
                Some((_, other)) if count == 1 => {
                    format!("[unknown attribute of size {}]", other.len())
                }
                Some(_) => format!("[{count} attributes of size {}]", body.len()),
                None => format!("[bad attribute packet of size {}]", body.len()),
            };
            let _ = writeln!(text, ":attribute packet: {words}");
        }
        _ => {
            let _ = writeln!(text, ":unknown packet: type {tag}, length {}", body.len());
        }
    }
    Some(())
}

fn literal(fields: &mut Fields<'_>, text: &mut String) -> Option<()> {
    let (mode, length) = (fields.octet()?, usize::from(fields.octet()?));
    let name = plain(fields.take(length)?);
    let created = fields.number()?;
    let mode = if mode.is_ascii_graphic() { char::from(mode) } else { '?' };
    let _ = writeln!(
        text,
        ":literal data packet:\n\tmode {mode} ({:X}), created {created}, name=\"{name}\",\n\traw data: {} bytes",
        mode as u32,
        fields.0.len()
    );
    Some(())
}

fn signature(fields: &mut Fields<'_>, text: &mut String) -> Option<()> {
    let version = fields.octet()?;
    let (mut created, mut key_id, mut areas) = (0, "0".repeat(16), None);
    let (class, algorithm, hash, hashed_length);
    match version {
        2 | 3 => {
            hashed_length = fields.octet()?;
            class = fields.octet()?;
            created = fields.number()?;
            key_id = hex(fields.take(8)?);
            (algorithm, hash) = (fields.octet()?, fields.octet()?);
        }
        4 => {
            hashed_length = 0;
            (class, algorithm, hash) = (fields.octet()?, fields.octet()?, fields.octet()?);
            let (hashed, unhashed) = (fields.area()?, fields.area()?);
            let find = |area, wanted| {
                let mut all = seen_subpackets(area);
                all.find(|(tag, _)| tag & 0x7F == wanted).map(|(_, value)| value)
            };
            if let Some(time) = find(hashed, 2) {
                created = Fields(time).number().unwrap_or(0);
            }
            let named = find(hashed, 33).filter(|it| it.len() == 21).and_then(<[u8]>::last_chunk);
            let named = named.map(|it: &[u8; 8]| &it[..]);
            let named = named.or(find(hashed, 16)).or(find(unhashed, 16));
            if let Some(id) = named.and_then(|it| it.get(..8)) {
                key_id = hex(id);
            }
            areas = Some((hashed, unhashed));
        }
        _ => {
            text.push_str(":signature packet: [unknown version]\n");
            return Some(());
        }
    }
    let start = fields.take(2)?;
    let _ = writeln!(
        text,
        ":signature packet: algo {algorithm}, keyid {key_id}\n\
         \tversion {version}, created {created}, md5len {hashed_length}, sigclass 0x{class:02x}\n\
         \tdigest algo {hash}, begin of digest {:02x} {:02x}",
        start.first()?,
        start.last()?
    );
    if let Some((hashed, unhashed)) = areas {
        for (area, word) in [(hashed, "hashed "), (unhashed, "")] {
            for (tag, value) in seen_subpackets(area) {
                let critical = if tag & 0x80 != 0 { "critical " } else { "" };
                let (kind, length) = (tag & 0x7F, value.len());
                let says = subpacket(kind, value);
                let _ = writeln!(text, "\t{critical}{word}subpkt {kind} len {length} ({says})");
            }
        }
    }
    let numbers = match algorithm {
        1..=3 => 1,
        17 | 19 | 22 => 2,
        _ => {
            let _ = writeln!(text, "\tunknown algorithm {algorithm}");
            return Some(());
        }
    };
    for _ in 0..numbers {
        let _ = writeln!(text, "\tdata: [{} bits]", bits(fields.integer()?));
    }
    Some(())
}

fn key(tag: u8, body: &[u8], fields: &mut Fields<'_>, text: &mut String) -> Option<()> {
    let name = match tag {
        5 => "secret",
        6 => "public",
        7 => "secret sub",
        _ => "public sub",
    };
    let version = fields.octet()?;
    if version != 4 {
        let _ = writeln!(text, ":key packet: [unknown version]");
        return Some(());
    }
    let (created, algorithm) = (fields.number()?, fields.octet()?);
    let _ = writeln!(
        text,
        ":{name} key packet:\n\tversion {version}, algo {algorithm}, created {created}, expires 0"
    );
    let (public, secret) = match algorithm {
        1..=3 => (2, 4),
        16 | 20 => (3, 1),
        17 => (4, 1),
        18 => (3, 1),
        19 | 22 => (2, 1),
        _ => {
            let _ = writeln!(text, "\tunknown algorithm {algorithm}");
            return Some(());
        }
    };
    for place in 0..public {
        let is_short = matches!((algorithm, place), (18 | 19 | 22, 0) | (18, 2));
        let value = match is_short {
            true => {
                let length = fields.octet()?;
                fields.take(usize::from(length))?
            }
            false => fields.integer()?,
        };
        let size = if is_short { value.len() * 8 + 8 } else { bits(value) };
        let curve = match (algorithm, place) {
            (18 | 19 | 22, 0) => key_curve(value).map(|(name, oid)| format!(" {name} ({oid})")),
            _ => None,
        };
        let _ = writeln!(text, "\tpkey[{place}]: [{size} bits]{}", curve.unwrap_or_default());
    }
    if matches!(tag, 5 | 7) {
        let public_length = body.len() - fields.0.len();
        secret_part(public, secret, fields, text)?;
        let id = key_id_of_body(body.get(..public_length)?)?;
        let _ = writeln!(text, "\tkeyid: {id}");
        return Some(());
    }
    let _ = writeln!(text, "\tkeyid: {}", key_id_of_body(body)?);
    Some(())
}

/// How a secret part is protected. Nothing secret is shown.
fn secret_part(
    public: usize,
    secret: usize,
    fields: &mut Fields<'_>,
    text: &mut String,
) -> Option<()> {
    let usage = fields.octet()?;
    if usage == 0 {
        for place in public..public + secret {
            let _ = writeln!(text, "\tskey[{place}]: [{} bits]", bits(fields.integer()?));
        }
        let _ = writeln!(text, "\tchecksum: {:04x}", fields.short()?);
        return Some(());
    }
    if !matches!(usage, 254 | 255) {
        let _ = writeln!(text, "\tprotect algo: {usage}  (hash algo: 1)");
        return Some(());
    }
    let (algorithm, mode, hash) = (fields.octet()?, fields.octet()?, fields.octet()?);
    let sum = if usage == 254 { " SHA1 protection," } else { " simple checksum," };
    let (word, salted) = match mode {
        0 => ("simple S2K", false),
        1 => ("salted S2K", true),
        3 => ("iter+salt S2K", true),
        101 => match fields.take(4)? {
            [b'G', b'N', b'U', 1] => ("gnu-dummy S2K", false),
            [b'G', b'N', b'U', 2] => ("gnu-divert-to-card S2K", false),
            _ => ("unknown S2K", false),
        },
        _ => ("unknown S2K", false),
    };
    let _ = write!(text, "\t{word}, algo: {algorithm},{sum} hash: {hash}");
    if salted {
        let _ = write!(text, ", salt: {}", hex(fields.take(8)?));
    }
    text.push('\n');
    if mode == 3 {
        let coded = fields.octet()?;
        let count = (16 + u32::from(coded & 15)) << ((coded >> 4) + 6);
        let _ = writeln!(text, "\tprotect count: {count} ({coded})");
    }
    let length = match (mode, algorithm) {
        (101, _) => 0,
        (_, 1..=4) => 8,
        _ => 16,
    };
    let iv: String = fields.take(length)?.iter().map(|octet| format!(" {octet:02x}")).collect();
    let _ = writeln!(text, "\tprotect IV: {iv}");
    if mode != 101 {
        let _ = writeln!(text, "\tskey[{public}]: [v4 protected]");
    }
    Some(())
}
