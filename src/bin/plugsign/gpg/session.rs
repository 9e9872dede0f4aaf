//! One command line of gpg's at work.

use std::ffi::OsString;
use std::path::PathBuf;

use plugsign::openpgp::certificate::Certificate;

use super::input::Input;
use super::log::Log;
use super::options::Options;
use super::status::Status;
use crate::edge::world::World;

/// One command line at work.
pub struct Session {
    pub options: Options,
    pub world: World,
    pub status: Status,
    pub log: Log,
}

impl Session {
    /// Says something that `--verbose` asks for.
    pub fn verbose(&self, words: &str) {
        if self.options.verbose {
            self.log.say(words);
        }
    }

    /// Returns GnuPG's home. plugsign reads only named keyrings from it.
    pub fn gnupg_home(&self) -> Option<PathBuf> {
        self.options.homedir.clone().or_else(|| self.world.gnupg_home())
    }

    /// Returns the user ID that names a certificate, with gpg's word for none.
    pub fn primary_user_id(&self, certificate: &Certificate) -> Vec<u8> {
        certificate.name_at(self.world.now).unwrap_or_else(|| b"[?]".to_vec())
    }

    /// Returns the words of the command line as text.
    pub fn texts(&self) -> Vec<String> {
        self.options.words.iter().map(|word| word.to_string_lossy().into_owned()).collect()
    }

    /// Opens files by their names. Without any, standard input is meant.
    pub fn inputs(&self, names: &[OsString]) -> Vec<Input> {
        let special = self.options.special_filenames;
        match names {
            [] => vec![Input::Standard],
            names => names.iter().map(|name| Input::new(name, special)).collect(),
        }
    }
}
