//! `gpg --list-packets`: packets as they stand, in gpg's words, for programs that read them.
//!
//! Containers are not opened: what is compressed or encrypted is named, and not looked into.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use plugsign::openpgp::armor::dearmored;
use plugsign::openpgp::facts::{key_curve, key_id_of_body};
use plugsign::openpgp::key_file::MAX_KEYRING;
use plugsign::openpgp::packet_list::{SeenPacket, seen_packets, seen_subpackets};
use plugsign::publisher::failure::Failure;

use super::colons::escaped;
use super::dates::day;
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

/// What a subpacket of a signature says (RFC 9580, section 5.2.3.7).
fn subpacket(kind: u8, value: &[u8]) -> String {
    let number = Fields(value).number();
    let list = |words: &str, form: fn(&u8) -> String| {
        let all: String = value.iter().map(form).collect();
        format!("{words}:{all}")
    };
    let decimal: fn(&u8) -> String = |octet| format!(" {octet}");
    let capital: fn(&u8) -> String = |octet| format!(" {octet:02X}");
    let yes = value.first().is_some_and(|octet| *octet != 0);
    match (kind, number) {
        (2, Some(time)) => {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(time));
            format!("sig created {}", day(time))
        }
        (3, Some(0)) => "sig does not expire".into(),
        (3, Some(seconds)) => format!("sig expires after {}", span(seconds)),
        (4, _) => format!("{}exportable", if yes { "" } else { "not " }),
        (5, _) => match value {
            [depth, trust] => format!("trust signature of depth {depth}, value {trust}"),
            _ => "[invalid trust subpacket]".into(),
        },
        (6, _) => format!("regular expression: \"{}\"", within(value)),
        (7, _) => format!("{}revocable", if yes { "" } else { "not " }),
        (9, Some(0)) => "key does not expire".into(),
        (9, Some(seconds)) => format!("key expires after {}", span(seconds)),
        (11, _) => list("pref-sym-algos", decimal),
        (12, _) => match value {
            [class, algorithm, key @ ..] if key.len() >= 20 => {
                format!("revocation key: c={class:02x} a={algorithm} f={}", hex(key))
            }
            _ => "revocation key: [too short]".into(),
        },
        (16, _) => {
            value.get(..8).map(|id| format!("issuer key ID {}", hex(id))).unwrap_or_default()
        }
        (20, _) => format!("notation: {}", notation(value)),
        (21, _) => list("pref-hash-algos", decimal),
        (22, _) => list("pref-zip-algos", decimal),
        (23, _) => list("keyserver preferences", capital),
        (24, _) => format!("preferred keyserver: {}", within(value)),
        (25, _) => "primary user ID".into(),
        (26, _) => format!("policy: {}", within(value)),
        (27, _) => list("key flags", capital),
        (28, _) => "signer's user ID".into(),
        (29, _) => match value {
            [code, words @ ..] => format!("revocation reason 0x{code:02x} ({})", within(words)),
            [] => String::new(),
        },
        (30, _) => list("features", |octet| format!(" {octet:02x}")),
        (32, _) => match value {
            [3, _, class, .., _] if value.len() >= 17 => format!(
                "signature: v3, class 0x{class:02X}, algo {}, digest algo {}",
                value.get(15).copied().unwrap_or(0),
                value.get(16).copied().unwrap_or(0)
            ),
            [version, class, algorithm, hash, ..] if value.len() >= 17 => format!(
                "signature: v{version}, class 0x{class:02X}, algo {algorithm}, digest algo {hash}"
            ),
            _ => "signature: [too short]".into(),
        },
        (33, _) => match value {
            [version, key @ ..] if key.len() >= 20 => format!("issuer fpr v{version} {}", hex(key)),
            _ => String::new(),
        },
        (34, _) => list("pref-aead-algos", decimal),
        (100..=110, _) => "experimental / private subpacket".into(),
        _ => "?".into(),
    }
}

fn notation(value: &[u8]) -> String {
    let mut fields = Fields(value);
    let read = |fields: &mut Fields<'_>| {
        let flags = fields.number()?;
        let (name, text) = (fields.short()?, fields.short()?);
        let name = within(fields.take(usize::from(name))?);
        let text = fields.take(usize::from(text))?;
        let is_text = flags & 0x8000_0000 != 0;
        Some(format!(
            "{name}={}",
            if is_text { within(text) } else { "[not human readable]".into() }
        ))
    };
    read(&mut fields).filter(|_| fields.0.is_empty()).unwrap_or_else(|| "[error]".into())
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

/// Reads a packet's fields, one after the other.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn octet(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn short(&mut self) -> Option<u16> {
        self.take(2)?.first_chunk().map(|it| u16::from_be_bytes(*it))
    }

    fn number(&mut self) -> Option<u32> {
        self.take(4)?.first_chunk().map(|it| u32::from_be_bytes(*it))
    }

    fn area(&mut self) -> Option<&'a [u8]> {
        let length = self.short()?;
        self.take(usize::from(length))
    }

    fn integer(&mut self) -> Option<&'a [u8]> {
        let bits = self.short()?;
        self.take(usize::from(bits).div_ceil(8))
    }
}

fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|octet| **octet == 0).count();
    let first = number.get(zeros).map_or(0, |octet| octet.leading_zeros() as usize);
    (number.len() - zeros) * 8 - first
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}

/// Foreign text as gpg has it in this listing: printable ASCII, and the rest in escapes.
fn plain(text: &[u8]) -> String {
    let show = |octet: &u8| match octet {
        b' '..=b'z' => char::from(*octet).to_string(),
        octet => format!("\\x{octet:02x}"),
    };
    text.iter().map(show).collect()
}

/// Foreign text within brackets.
fn within(text: &[u8]) -> String {
    escaped(text).replace("\\x3a", ":").replace(')', "\\x29")
}

/// A number of seconds as gpg writes it: `1y2d3h4m`.
fn span(seconds: u32) -> String {
    let minutes = seconds / 60;
    let (years, days) = (minutes / (365 * 24 * 60), minutes / (24 * 60) % 365);
    let (hours, minutes) = (minutes / 60 % 24, minutes % 60);
    match years {
        0 => format!("{days}d{hours}h{minutes}m"),
        _ => format!("{years}y{days}d{hours}h{minutes}m"),
    }
}
