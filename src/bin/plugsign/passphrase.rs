//! Where passphrases come from: a descriptor, a file, the environment, the terminal; the first
//! that is given wins.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use clap::Args;
use plugsign::disk::file::read_bounded;
use plugsign::error::Error;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::secret_key::{Passphrase, Protection, SecretKey, SigningKey};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::report::first_user_id;
use crate::terminal::Conversation;
use crate::world::World;

/// The most bytes that a passphrase may have.
const MAX_PASSPHRASE: u64 = 64 * 1024;

#[derive(Args, Clone)]
pub struct PassphraseSource {
    /// Read the passphrase from this file descriptor
    #[arg(long, value_name = "N")]
    pub passphrase_fd: Option<u32>,
    /// Read the passphrase from this file; one line end at its end is dropped
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_fd")]
    pub passphrase_file: Option<PathBuf>,
}

impl PassphraseSource {
    /// No source on the command line: the environment or the terminal.
    pub fn none() -> PassphraseSource {
        PassphraseSource { passphrase_fd: None, passphrase_file: None }
    }

    /// Returns whether it is read from standard input.
    pub fn uses_stdin(&self) -> bool {
        self.passphrase_fd == Some(0)
    }

    /// Reads the passphrase that the command line or the environment gives, if any.
    pub fn given(&self, world: &World) -> Result<Option<Passphrase>, Failure> {
        if let Some(number) = self.passphrase_fd {
            return read_descriptor(number).map(|bytes| Some(without_line_end(bytes))).map_err(
                |error| Failure::Stream("read the passphrase from its descriptor", error),
            );
        }
        if let Some(path) = &self.passphrase_file {
            // A FIFO is as good as a file here: shells make them for `<(command)`.
            let file = File::open(path).map_err(Error::io("read", path))?;
            let bytes =
                read_bounded(file, &path.to_string_lossy(), "a passphrase", MAX_PASSPHRASE)?;
            return Ok(Some(without_line_end(bytes)));
        }
        let variable = world.variable("PLUGSIGN_PASSPHRASE");
        Ok(variable.map(|value| Passphrase::new(Zeroizing::new(value.into_vec()))))
    }

    /// Gets a new passphrase: as given, or asked for twice. None if the key shall have none.
    pub fn new_passphrase(
        &self,
        world: &World,
        no_passphrase: bool,
        what: &str,
    ) -> Result<Option<Passphrase>, Failure> {
        if no_passphrase {
            return Ok(None);
        }
        let passphrase = match self.given(world)? {
            Some(passphrase) => passphrase,
            None => {
                let mut person =
                    Conversation::open().ok_or_else(|| Failure::NoPassphrase(what.to_string()))?;
                ask_twice(&mut person, what)?
            }
        };
        if passphrase.is_empty() {
            return Err(Failure::EmptyPassphrase);
        }
        Ok(Some(passphrase))
    }

    /// Gets the passphrase of a key, asking for it if need be. None if the key needs none.
    pub fn of_key(
        &self,
        world: &World,
        secret: &SecretKey,
        certificate: &Certificate,
    ) -> Result<Option<Passphrase>, Failure> {
        if secret.protection() == Protection::None {
            return Ok(None);
        }
        if let Some(passphrase) = self.given(world)? {
            return Ok(Some(passphrase));
        }
        let fingerprint = certificate.fingerprint();
        let mut person = Conversation::open()
            .ok_or_else(|| Failure::NoPassphrase(format!("key {fingerprint}")))?;
        let question =
            format!("Passphrase for {} ({}): ", first_user_id(certificate), fingerprint.key_id());
        let bytes = person.ask_passphrase(&question).map_err(asking)?;
        Ok(Some(Passphrase::new(bytes)))
    }

    /// Unlocks a key for signing. A wrong passphrase from the terminal may be tried three times.
    pub fn unlock(
        &self,
        world: &World,
        secret: &SecretKey,
        exactly: Option<&plugsign::openpgp::certificate::Fingerprint>,
    ) -> Result<SigningKey, Failure> {
        let policy = world.policy();
        let certificate = secret.certificate();
        // Whatever speaks against the key is said before a passphrase is asked for.
        secret.check_can_sign(exactly, &policy)?;
        let mut tries = 3;
        loop {
            let passphrase = self.of_key(world, secret, &certificate)?;
            tries -= 1;
            match secret.unlock(passphrase.as_ref(), exactly, &policy) {
                Err(Error::WrongPassphrase(_)) if tries > 0 && self.is_asked(world) => {
                    world.terminal.warn("that is not the passphrase, try again");
                }
                other => return Ok(other?),
            }
        }
    }

    fn is_asked(&self, world: &World) -> bool {
        self.passphrase_fd.is_none()
            && self.passphrase_file.is_none()
            && world.variable("PLUGSIGN_PASSPHRASE").is_none()
    }
}

/// Asks for a new passphrase until it is the same twice; three times at the most.
pub fn ask_twice(person: &mut Conversation, what: &str) -> Result<Passphrase, Failure> {
    for _ in 0..3 {
        let question = format!("New passphrase for {what}: ");
        let first = Passphrase::new(person.ask_passphrase(&question).map_err(asking)?);
        let second = Passphrase::new(person.ask_passphrase("The same again: ").map_err(asking)?);
        if first.same_as(&second) {
            return Ok(first);
        }
        person.say("They are not the same. Try again.\n");
    }
    Err(Failure::PassphrasesDiffer)
}

fn asking(error: io::Error) -> Failure {
    Failure::Stream("ask for the passphrase", error)
}

fn read_descriptor(number: u32) -> io::Result<Zeroizing<Vec<u8>>> {
    let reader: Box<dyn Read> = match number {
        0 => Box::new(io::stdin()),
        _ => Box::new(File::open(Path::new("/dev/fd").join(number.to_string()))?),
    };
    read_bounded(reader, "", "a passphrase", MAX_PASSPHRASE).map_err(|error| match error {
        Error::Io { source, .. } => source,
        other => io::Error::other(other.to_string()),
    })
}

fn without_line_end(mut bytes: Zeroizing<Vec<u8>>) -> Passphrase {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    Passphrase::new(bytes)
}
