//! Which of GnuPG's programs plugsign stands in for.

use std::ffi::OsStr;

/// Whom plugsign stands in for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Personality {
    Gpg,
    Gpgv,
}

impl Personality {
    pub fn name(self) -> &'static str {
        match self {
            Personality::Gpg => "gpg",
            Personality::Gpgv => "gpgv",
        }
    }

    pub fn of(name: &OsStr) -> Option<Personality> {
        match name.to_str()? {
            "gpg" | "gpg2" => Some(Personality::Gpg),
            "gpgv" | "gpgv2" => Some(Personality::Gpgv),
            _ => None,
        }
    }
}
