//! `gpg --print-md ALGO FILE...`

use std::path::Path;

use plugsign::openpgp::hash::ContentHash;
use plugsign::publisher::failure::Failure;
use plugsign::text::Safe;

use super::colons;
use super::input::Input;
use super::options::digest;
use super::session::Session;
use crate::edge::report::usage;

pub fn run(session: &Session) -> Result<u8, Failure> {
    let [name, files @ ..] = &session.options.words[..] else {
        return usage("--print-md ALGO [FILE...]");
    };
    let Some(algorithm) = digest(&name.to_string_lossy()) else {
        return usage("invalid hash algorithm");
    };
    let way = ContentHash { algorithm, text: false };
    let mut text = String::new();
    for input in session.inputs(files) {
        let bytes = input
            .hash([way])?
            .digest(way, b"")
            .ok_or_else(|| Failure::Usage("this hash cannot be computed here".into()))?;
        let name = match &input {
            Input::Standard => Path::new(""),
            other => other.name(),
        };
        let name = name.as_os_str().as_encoded_bytes();
        if session.options.with_colons {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
            text.push_str(&format!("{}:{}:{hex}:\n", colons::escaped(name), algorithm.id()));
        } else {
            let colon = if name.is_empty() { "" } else { ": " };
            text.push_str(&grouped(&format!("{}{colon}", Safe::bytes(name)), &bytes));
        }
    }
    session.world.terminal.write_bytes(text.as_bytes())?;
    Ok(0)
}

/// gpg's layout (g10/gpg.c, `print_hex`): pairs for 16 octets, groups of two for 20, of four for
/// all others, in lines of some 80 columns behind the name.
fn grouped(name: &str, digest: &[u8]) -> String {
    let mut text = name.to_string();
    let mut indent = name.chars().count();
    if indent > 40 {
        text.push('\n');
        indent = 0;
    }
    let (size, gap) = match digest.len() {
        16 => (1, Some(8)),
        20 => (2, Some(5)),
        _ => (4, None),
    };
    let mut column = indent;
    for (place, group) in digest.chunks(size).enumerate() {
        if place > 0 && column + 2 * size > 79 {
            text.push('\n');
            // A width of nothing still holds one space.
            text.push_str(&" ".repeat(indent.max(1)));
            column = indent;
        } else if place > 0 {
            text.push(' ');
            column += 1;
        }
        if gap == Some(place) {
            text.push(' ');
            column += 1;
        }
        for byte in group {
            text.push_str(&format!("{byte:02X}"));
        }
        column += 2 * group.len();
    }
    text.push('\n');
    text
}
