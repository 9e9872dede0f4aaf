//! `gpg --print-md ALGO FILE...`

use plugsign::disk::Error;
use plugsign::openpgp::hash::ContentHash;
use plugsign::publisher::failure::Failure;
use plugsign::text::Safe;

use super::colons;
use super::input::Input;
use super::options::digest;
use super::session::Session;

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
