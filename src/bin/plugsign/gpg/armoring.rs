//! `gpg --dearmor` and `--enarmor`: bytes from one form into the other.

use plugsign::openpgp::armor::{dearmored, enarmored, is_secret};
use plugsign::openpgp::key_file::MAX_KEYRING;
use plugsign::publisher::failure::Failure;
use zeroize::Zeroizing;

use super::input::Input;
use super::output::Output;
use super::session::Session;
use crate::edge::report::usage;

/// Which way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    ToBytes,
    ToArmor,
}

pub fn run(session: &Session, way: Way) -> Result<u8, Failure> {
    let (option, extension) = match way {
        Way::ToBytes => ("--dearmor", "gpg"),
        Way::ToArmor => ("--enarmor", "asc"),
    };
    if session.options.words.len() > 1 {
        return usage(format!("{option} takes one file"));
    }
    let input = match session.options.words.first() {
        Some(word) => Input::new(word, session.options.special_filenames),
        None => Input::Standard,
    };
    let beside = match &input {
        Input::Named(path) => {
            let mut name = path.clone().into_os_string();
            name.push(format!(".{extension}"));
            Some(name.into())
        }
        Input::Standard | Input::Descriptor(..) => None,
    };
    let output = Output::new(session.options.output.as_deref(), beside);
    let existing = output.check(session)?;
    let bytes = input.read("a file to convert", MAX_KEYRING)?;
    let converted = match way {
        Way::ToArmor => Zeroizing::new(enarmored(&bytes)?),
        Way::ToBytes => dearmored(&bytes).inspect_err(|_| {
            session.log.say("no valid OpenPGP data found.");
            session.status.say("NODATA 1");
        })?,
    };
    output.write(session, &converted, is_secret(&converted) || is_secret(&bytes), existing)?;
    Ok(0)
}
