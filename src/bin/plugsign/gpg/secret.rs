//! Passphrases in gpg's ways, and how `--passphrase VALUE` gets out of the argument block.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;

use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::ids::Fingerprint;
use plugsign::openpgp::secret_key::Passphrase;
use plugsign::publisher::ask::{Ask, Which};
use plugsign::publisher::failure::Failure;

use super::options::Pinentry;
use super::session::Session;
use crate::edge::asking::Asking;

/// The most bytes that a passphrase may have; less than what fits into a pipe.
const MAX_PASSPHRASE: usize = 32 * 1024;

/// What `--passphrase VALUE` becomes.
const PIPE: &str = "--plugsign-passphrase-pipe";

/// Replaces this process by one that gets the passphrase through a pipe, not on its command line.
///
/// Anybody can read a running program's arguments (`ps`, /proc/PID/cmdline). Programs in C write
/// zeros over theirs. A new argument block hides the passphrase as well and needs no unsafe code.
/// As with gpg, others can see the passphrase until then.
///
/// Does nothing if the command line has no passphrase.
pub fn hide_passphrase(arguments: &[OsString]) -> io::Result<()> {
    let Some((place, value)) = find(arguments) else { return Ok(()) };
    if value.len() > MAX_PASSPHRASE {
        return Err(io::Error::other("the passphrase is too long"));
    }
    let (reader, mut writer) = io::pipe()?;
    writer.write_all(value.as_bytes())?;
    drop(writer);
    // The new process needs it.
    rustix::io::fcntl_setfd(&reader, rustix::io::FdFlags::empty())?;
    let mut rest = Vec::with_capacity(arguments.len());
    rest.extend_from_slice(&arguments[..place.start]);
    rest.extend([OsString::from(PIPE), OsString::from(reader.as_raw_fd().to_string())]);
    rest.extend_from_slice(&arguments[place.end..]);
    let program = rest.remove(0);
    Err(Command::new(std::env::current_exe()?).arg0(program).args(rest).exec())
}

/// Finds `--passphrase VALUE` or `--passphrase=VALUE`, which gpg does not let be abbreviated:
/// `--passphrase-fd` and others begin alike. The last one counts, and there may be only one.
fn find(arguments: &[OsString]) -> Option<(std::ops::Range<usize>, &OsStr)> {
    for (place, argument) in arguments.iter().enumerate().skip(1) {
        let argument = argument.as_bytes();
        if argument == b"--" {
            return None;
        }
        if argument == b"--passphrase" {
            return arguments.get(place + 1).map(|value| (place..place + 2, value.as_os_str()));
        }
        if let Some(value) = argument.strip_prefix(b"--passphrase=") {
            return Some((place..place + 1, OsStr::from_bytes(value)));
        }
    }
    None
}

/// Where passphrases come from: what gpg's options give, else what plugsign's own commands take.
pub struct Secret<'a> {
    session: &'a Session,
    asking: Asking<'a>,
    /// The passphrase that the command line gives.
    pub named: Option<Arc<Passphrase>>,
    /// The very key that is to be unlocked, if it was asked for by itself.
    pub exactly: Option<Fingerprint>,
    /// Whether that passphrase is the new one of a key that has none.
    pub gives_new: bool,
}

impl<'a> Secret<'a> {
    /// Reads the passphrase that the command line gives: standard input may begin with it.
    pub fn read(session: &'a Session) -> Result<Secret<'a>, Failure> {
        let given = &session.options.passphrase;
        let asking = Asking::new(&session.world).gpg(given.clone());
        let named = if given.is_some() { asking.given(Which::Key)? } else { None };
        Ok(Secret { session, asking, named, exactly: None, gives_new: false })
    }

    /// Gets the passphrase of a new key: none if an empty one was given.
    pub fn for_new_key(&self, what: &str) -> Result<Option<Arc<Passphrase>>, Failure> {
        let is_empty = self.given(Which::Key)?.is_some_and(|given| given.is_empty());
        self.session.world.publisher(self).passphrase_for_new_key(is_empty, what)
    }

    /// Makes sure that somebody may be asked.
    fn check_may_ask(&self, what: &str) -> Result<(), Failure> {
        let options = &self.session.options;
        let may_ask = match options.pinentry {
            Pinentry::Ask => !options.no_tty,
            Pinentry::Never => false,
            Pinentry::Loopback => !options.no_tty && !options.batch,
        };
        if may_ask { Ok(()) } else { Err(Failure::NoPassphrase(what.to_string())) }
    }
}

impl Ask for Secret<'_> {
    fn given(&self, which: Which) -> Result<Option<Arc<Passphrase>>, Failure> {
        self.asking.given(if self.gives_new { Which::Key } else { which })
    }

    fn source(&self, which: Which) -> Option<String> {
        self.asking.source(which)
    }

    /// Says first whose passphrase is needed, as gpg does.
    fn passphrase_of(&self, certificate: &Certificate, words: &str) -> Result<Passphrase, Failure> {
        let status = &self.session.status;
        let primary = certificate.fingerprint().key_id();
        let key = self.exactly.as_ref().map_or_else(|| primary.clone(), Fingerprint::key_id);
        let user_id = certificate.name().unwrap_or_default();
        status.say_of(&format!("USERID_HINT {key}"), &user_id);
        status.say(&format!("NEED_PASSPHRASE {key} {primary} 1 0"));
        self.check_may_ask(&format!("key {}", certificate.fingerprint()))?;
        self.asking.passphrase_of(certificate, words)
    }

    fn pin(&self, what: &str) -> Result<Passphrase, Failure> {
        self.check_may_ask(what)?;
        self.asking.pin(what)
    }

    fn new_passphrase(&self, which: Which, what: &str) -> Result<Passphrase, Failure> {
        self.check_may_ask(what).map_err(|failure| match which {
            Which::New => Failure::NoNewPassphrase(what.to_string()),
            _ => failure,
        })?;
        self.asking.new_passphrase(which, what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Option<(std::ops::Range<usize>, String)> {
        let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        find(&arguments).map(|(place, value)| (place, value.to_string_lossy().into_owned()))
    }

    #[test]
    fn the_passphrase_is_found_in_either_form_and_only_among_the_options() {
        assert_eq!(found("gpg --batch --passphrase x -b f"), Some((2..4, "x".into())));
        assert_eq!(found("gpg --passphrase=x=y -b f"), Some((1..2, "x=y".into())));
        assert_eq!(found("gpg --passphrase= -b f"), Some((1..2, String::new())));
        assert_eq!(found("gpg --passphrase-fd 0 -b f"), None);
        assert_eq!(found("gpg -b -- --passphrase x"), None);
        assert_eq!(found("gpg --passphrase"), None);
    }
}
