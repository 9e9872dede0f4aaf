//! `gpg --print-md ALGO FILE...`

use plugsign::error::Error;
use plugsign::openpgp::hash::ContentHash;
use plugsign::safe::Safe;

use super::Session;
use super::colons;
use super::input::Input;
use super::options::digest;
use crate::failure::Failure;

pub fn run(session: &mut Session) -> Result<u8, Failure> {
    let words = session.options.words.clone();
    let [name, files @ ..] = &words[..] else {
        return Err(Failure::Usage("--print-md ALGO [FILE...]".into()));
    };
    let algorithm = digest(&name.to_string_lossy())
        .ok_or_else(|| Failure::Usage("invalid hash algorithm".into()))?;
    let way = ContentHash { algorithm, text: false };
    let mut text = String::new();
    let standard = [std::ffi::OsString::from("-")];
    for word in if files.is_empty() { &standard[..] } else { files } {
        let input = Input::new(word, session.options.special_filenames);
        let content = input.hash([way])?;
        let bytes = content
            .digest(way, b"")
            .ok_or_else(|| Error::Malformed("this hash cannot be computed here".into()))?;
        let is_standard = matches!(input, Input::Standard);
        if session.options.with_colons {
            let name = if is_standard { b"" } else { word.as_encoded_bytes() };
            let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
            text.push_str(&format!("{}:{}:{hex}:\n", colons::escaped(name), algorithm.id()));
        } else {
            let name = match is_standard {
                true => String::new(),
                false => format!("{}: ", Safe::bytes(word.as_encoded_bytes())),
            };
            text.push_str(&grouped(&name, &bytes));
        }
    }
    session.world.terminal.write_bytes(text.as_bytes())?;
    Ok(0)
}

/// gpg's layout (g10/gpg.c, `print_hex`): groups of hexadecimal digits behind the name, in lines
/// that fit 80 columns.
fn grouped(name: &str, digest: &[u8]) -> String {
    let indent = name.chars().count();
    let mut text = name.to_string();
    let mut column = indent;
    // Pairs with a wider gap in the middle for 16 and 20 octets, words of four octets for more.
    let (size, middle) = match digest.len() {
        16 => (1, Some(8)),
        20 => (2, Some(5)),
        _ => (4, None),
    };
    for (place, group) in digest.chunks(size).enumerate() {
        let hex: String = group.iter().map(|byte| format!("{byte:02X}")).collect();
        if place > 0 {
            if middle == Some(place) {
                text.push(' ');
                column += 1;
            }
            if column + 1 + hex.len() > 79 {
                text.push('\n');
                text.push_str(&" ".repeat(indent));
                column = indent;
                if indent == 0 {
                    text.push(' ');
                    column = 1;
                }
            } else {
                text.push(' ');
                column += 1;
            }
        }
        text.push_str(&hex);
        column += hex.len();
    }
    text.push('\n');
    text
}
