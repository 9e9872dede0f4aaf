//! Passphrases in gpg's ways, and how `--passphrase VALUE` gets out of the argument block.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;

use plugsign::disk::Error;
use plugsign::openpgp;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::ids::Fingerprint;
use plugsign::openpgp::secret_key::{Passphrase, Protection, SecretKey, SigningKey};
use zeroize::Zeroizing;

use super::options::{Options, PassphraseFrom, Pinentry};
use super::status::Status;
use crate::edge::asking::{Asking, ask_twice};
use crate::edge::descriptor::inherited;
use crate::edge::terminal::Conversation;
use crate::edge::world::World;
use plugsign::publisher::ask::{Ask as _, Which};
use plugsign::publisher::failure::Failure;

/// The most bytes that a passphrase may have; less than what fits into a pipe.
const MAX_PASSPHRASE: usize = 32 * 1024;

/// What `--passphrase VALUE` becomes.
const PIPE: &str = "--plugsign-passphrase-pipe";

/// Replaces this process by one whose command line has no passphrase, and a pipe for it instead.
///
/// Anybody can read a running program's arguments (`ps`, /proc/PID/cmdline). Programs in C write
/// zeros over theirs; a new argument block without it is the same for whoever looks, and needs
/// no unsafe code. As with gpg, it can be seen for the moment until then.
///
/// Returns the arguments as they are if there is none, and an error if it cannot be done.
pub fn hide_passphrase(arguments: &[OsString]) -> io::Result<()> {
    let Some((place, value)) = find(arguments) else { return Ok(()) };
    if value.len() > MAX_PASSPHRASE {
        return Err(io::Error::other("the passphrase is too long"));
    }
    let (reader, mut writer) = io::pipe()?;
    writer.write_all(value.as_bytes())?;
    drop(writer);
    // It shall survive what follows.
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

/// A source of passphrases, read once.
pub struct Secret {
    given: Option<Arc<Passphrase>>,
    may_ask: bool,
    read: bool,
}

impl Secret {
    /// Reads the passphrase that the command line names, if it names one.
    pub fn read(options: &Options, world: &World) -> Result<Secret, Failure> {
        let given = match &options.passphrase {
            Some(PassphraseFrom::Descriptor(number)) => Some(read_descriptor(*number, true)?),
            Some(PassphraseFrom::Pipe(number)) => Some(read_descriptor(*number, false)?),
            Some(PassphraseFrom::File(path)) => {
                let file = File::open(path).map_err(Error::io("read", path))?;
                let line = read_line(file.as_fd(), true);
                Some(line.map_err(Error::io("read", path))?)
            }
            None => None,
        };
        let read = given.is_some();
        let given = match given {
            Some(bytes) => Some(Arc::new(Passphrase::new(bytes))),
            None => Asking::new(world).given(Which::Key)?,
        };
        let may_ask = !options.no_tty
            && match options.pinentry {
                Pinentry::Ask => true,
                Pinentry::Never => false,
                Pinentry::Loopback => !options.batch,
            };
        Ok(Secret { given, may_ask, read })
    }

    /// Unlocks a key for signing.
    pub fn unlock(
        &self,
        world: &World,
        status: &mut Status,
        secret: &SecretKey,
        exactly: Option<&Fingerprint>,
    ) -> Result<SigningKey, Failure> {
        let policy = world.policy();
        secret.check_can_sign(exactly, &policy)?;
        if secret.protection() == Protection::None {
            return Ok(secret.unlock(None, exactly, &policy)?);
        }
        let unlocked = match &self.given {
            Some(passphrase) => {
                secret.unlock(Some(passphrase), exactly, &policy).map_err(Failure::from)
            }
            None => {
                let certificate = secret.certificate();
                need_passphrase(status, certificate, exactly);
                match self.may_ask {
                    true => world.publisher(&Asking::new(world)).unlock(secret, exactly),
                    false => Err(Failure::NoPassphrase(format!("key {}", secret.fingerprint()))),
                }
            }
        };
        if let Err(Failure::OpenPgp(openpgp::Error::WrongPassphrase(key))) = &unlocked {
            status.say(&format!("BAD_PASSPHRASE {}", key.key_id()));
        }
        unlocked
    }

    /// Gets the passphrase of a new key: none if an empty one was given.
    pub fn for_new_key(&self, what: &str) -> Result<Option<Arc<Passphrase>>, Failure> {
        match &self.given {
            Some(passphrase) if passphrase.is_empty() => Ok(None),
            Some(passphrase) => Ok(Some(Arc::clone(passphrase))),
            None if !self.may_ask => Err(Failure::NoPassphrase(what.to_string())),
            None => {
                let mut person =
                    Conversation::open().ok_or_else(|| Failure::NoPassphrase(what.to_string()))?;
                let passphrase = ask_twice(&mut person, what)?;
                if passphrase.is_empty() {
                    return Err(Failure::EmptyPassphrase);
                }
                Ok(Some(Arc::new(passphrase)))
            }
        }
    }

    /// Returns the passphrase that the command line names.
    pub fn named(&self) -> Option<&Arc<Passphrase>> {
        self.given.as_ref().filter(|_| self.read)
    }
}

/// Says whose passphrase is needed, as gpg does before it asks.
fn need_passphrase(status: &mut Status, certificate: &Certificate, exactly: Option<&Fingerprint>) {
    let primary = certificate.fingerprint().key_id();
    let key = exactly.map_or_else(|| primary.clone(), Fingerprint::key_id);
    let user_id = certificate.name().unwrap_or_default();
    status.say_of(&format!("USERID_HINT {key}"), &user_id);
    status.say(&format!("NEED_PASSPHRASE {key} {primary} 1 0"));
}

fn read_descriptor(number: u32, one_line: bool) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let read = match number {
        0 => read_line(io::stdin().as_fd(), one_line),
        _ => inherited(number, File::options().read(true))
            .and_then(|file| read_line(file.as_fd(), one_line)),
    };
    read.map_err(|error| Failure::Descriptor(number, error))
}

/// Reads to the end, or the end of the line: not a byte more, for what follows on standard input
/// is the file to be signed. The line end is dropped.
fn read_line(source: BorrowedFd<'_>, one_line: bool) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(256));
    let mut byte = Zeroizing::new([0u8; 1]);
    loop {
        match rustix::io::read(source, &mut *byte) {
            Ok(0) => return Ok(line),
            Ok(_) if one_line && byte[0] == b'\n' => return Ok(line),
            Ok(_) if line.len() == MAX_PASSPHRASE => {
                return Err(io::Error::other("it is too long"));
            }
            Ok(_) => line.push(byte[0]),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
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

    #[test]
    fn a_line_is_read_and_not_a_byte_more() {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"secret words\nthe file").unwrap();
        drop(writer);
        assert_eq!(&*read_line(reader.as_fd(), true).unwrap(), b"secret words");
        assert_eq!(&*read_line(reader.as_fd(), false).unwrap(), b"the file");
    }
}
