//! What the subpackets of a signature say.

use std::time::{Duration, SystemTime};

use super::super::dates::day;
use super::fields::{Fields, hex, within};

/// What a subpacket of a signature says (RFC 9580, section 5.2.3.7).
pub(super) fn subpacket(kind: u8, value: &[u8]) -> String {
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
