//! One command line of gpg's at work.

use std::path::PathBuf;

use plugsign::openpgp::certificate::Certificate;

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

    /// The folder that a GnuPG would use. Only keyrings that are named are read from it.
    pub fn gnupg_home(&self) -> Option<PathBuf> {
        self.options.homedir.clone().or_else(|| self.world.gnupg_home())
    }
}

/// Returns the user ID that names a certificate, with gpg's word for none.
pub fn primary_user_id(certificate: &Certificate, session: &Session) -> Vec<u8> {
    certificate.name_at(session.world.now).unwrap_or_else(|| b"[?]".to_vec())
}
