//! Where passphrases come from: a descriptor, a file, the environment, the terminal; the first
//! that is given wins.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use clap::Args;
use plugsign::disk::file::read_bounded;
use plugsign::error::Error;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::secret_key::{Passphrase, Protection, SecretKey, SigningKey};
use plugsign::safe::Safe;
use zeroize::Zeroizing;

use crate::edge::descriptor::inherited;
use crate::edge::failure::Failure;
use crate::edge::report::first_user_id;
use crate::edge::signer::Found;
use crate::edge::terminal::Conversation;
use crate::edge::world::World;

/// The most bytes that a passphrase may have.
const MAX_PASSPHRASE: u64 = 64 * 1024;

const LINE_END: &str = "one line end at its end is dropped, nothing else is changed";

#[derive(Args, Clone)]
pub struct PassphraseSource {
    /// Read the passphrase from this file descriptor
    #[arg(long, value_name = "N")]
    pub passphrase_fd: Option<u32>,
    /// Read the passphrase from this file; one line end at its end is dropped
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_fd")]
    pub passphrase_file: Option<PathBuf>,
    /// What was read from there: a descriptor can be read once only.
    #[arg(skip)]
    read: Arc<OnceLock<Arc<Passphrase>>>,
}

impl PassphraseSource {
    /// No source on the command line: the environment or the terminal.
    pub fn none() -> PassphraseSource {
        PassphraseSource { passphrase_fd: None, passphrase_file: None, read: Arc::default() }
    }

    /// Returns whether it is read from standard input.
    pub fn uses_stdin(&self) -> bool {
        self.passphrase_fd == Some(0)
    }

    /// Returns the passphrase that the command line or the environment gives, if any.
    pub fn given(&self, world: &World) -> Result<Option<Arc<Passphrase>>, Failure> {
        if let Some(read) = self.read.get() {
            return Ok(Some(Arc::clone(read)));
        }
        let file = self.passphrase_file.as_deref();
        let passphrase = read(self.passphrase_fd, file, "PLUGSIGN_PASSPHRASE", world)?;
        let passphrase = passphrase.map(Arc::new);
        Ok(passphrase.map(|passphrase| Arc::clone(self.read.get_or_init(|| passphrase))))
    }

    /// Gets a new passphrase: as given, or asked for twice. None if the key shall have none.
    pub fn new_passphrase(
        &self,
        world: &World,
        no_passphrase: bool,
        what: &str,
    ) -> Result<Option<Arc<Passphrase>>, Failure> {
        if no_passphrase {
            return Ok(None);
        }
        let passphrase = match self.given(world)? {
            Some(passphrase) => passphrase,
            None => {
                let mut person =
                    Conversation::open().ok_or_else(|| Failure::NoPassphrase(what.to_string()))?;
                Arc::new(ask_twice(&mut person, what)?)
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
    ) -> Result<Option<Arc<Passphrase>>, Failure> {
        match secret.protection() {
            Protection::None => Ok(None),
            // There is nothing to unlock, and where the parts are is said without one.
            _ if secret.secret_fingerprints().is_empty() => Ok(None),
            Protection::Passphrase => self.of_protected(world, certificate).map(Some),
        }
    }

    /// Gets the passphrase of a key that needs one.
    pub fn of_protected(
        &self,
        world: &World,
        certificate: &Certificate,
    ) -> Result<Arc<Passphrase>, Failure> {
        if let Some(passphrase) = self.given(world)? {
            return Ok(passphrase);
        }
        ask_for(certificate, "Passphrase").map(Arc::new)
    }

    /// Gets the passphrase of a key as [`PassphraseSource::of_key`] does, and proves it. A wrong
    /// one from the terminal may be tried three times.
    pub fn proven(
        &self,
        world: &World,
        secret: &SecretKey,
        certificate: &Certificate,
    ) -> Result<Option<Arc<Passphrase>>, Failure> {
        self.until_right(world, || {
            let passphrase = self.of_key(world, secret, certificate)?;
            secret.check(passphrase.as_deref())?;
            Ok(passphrase)
        })
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
        self.until_right(world, || {
            let passphrase = self.of_key(world, secret, certificate)?;
            match secret.unlock(passphrase.as_deref(), exactly, &policy) {
                // Another part of it needs none.
                Err(Error::PassphraseNeeded(_)) if passphrase.is_none() => {
                    let passphrase = self.of_protected(world, certificate)?;
                    Ok(secret.unlock(Some(&passphrase), exactly, &policy)?)
                }
                unlocked => Ok(unlocked?),
            }
        })
    }

    /// Does what takes a passphrase. A wrong one from the terminal may be tried three times.
    pub fn until_right<T>(
        &self,
        world: &World,
        mut work: impl FnMut() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut tries = 3;
        loop {
            tries -= 1;
            match work() {
                Err(Failure::Library(Error::WrongPassphrase(_)))
                    if tries > 0 && self.is_asked(world) =>
                {
                    world.terminal.warn("that is not the passphrase, try again");
                }
                other => return other.map_err(|failure| self.blame(failure, world)),
            }
        }
    }

    /// Unlocks all keys. A passphrase that is given must be that of each; on a terminal, each is
    /// asked for.
    pub fn unlock_all(&self, world: &World, found: &[Found]) -> Result<Vec<SigningKey>, Failure> {
        let unlock = |found: &Found| self.unlock(world, &found.secret, found.exactly.as_ref());
        found.iter().map(unlock).collect()
    }

    /// Says of a wrong passphrase where it was given, unless it was asked for.
    fn blame(&self, failure: Failure, world: &World) -> Failure {
        let Failure::Library(Error::WrongPassphrase(key)) = failure else { return failure };
        let source = match (self.passphrase_fd, &self.passphrase_file) {
            (Some(number), _) => format!("descriptor {number} (--passphrase-fd); {LINE_END}"),
            (None, Some(path)) => {
                format!("{} (--passphrase-file); {LINE_END}", Safe::path(path))
            }
            (None, None) if self.is_asked(world) => return Error::WrongPassphrase(key).into(),
            (None, None) => "PLUGSIGN_PASSPHRASE, which is taken as it is".into(),
        };
        Failure::WrongPassphrase(key, source)
    }

    fn is_asked(&self, world: &World) -> bool {
        self.passphrase_fd.is_none()
            && self.passphrase_file.is_none()
            && world.variable("PLUGSIGN_PASSPHRASE").is_none()
    }
}

/// Where the passphrase comes from that a key shall have from now on.
#[derive(Args, Clone)]
pub struct NewPassphraseSource {
    /// Read the new passphrase from this file descriptor
    #[arg(long, value_name = "N")]
    pub new_passphrase_fd: Option<u32>,
    /// Read the new passphrase from this file; one line end at its end is dropped
    #[arg(long, value_name = "FILE", conflicts_with = "new_passphrase_fd")]
    pub new_passphrase_file: Option<PathBuf>,
}

impl NewPassphraseSource {
    /// Gets the new passphrase: as given, or asked for twice.
    pub fn get(&self, world: &World, what: &str) -> Result<Passphrase, Failure> {
        const VARIABLE: &str = "PLUGSIGN_NEW_PASSPHRASE";
        let file = self.new_passphrase_file.as_deref();
        let passphrase = match read(self.new_passphrase_fd, file, VARIABLE, world)? {
            Some(passphrase) => passphrase,
            None => {
                let mut person = Conversation::open()
                    .ok_or_else(|| Failure::NoNewPassphrase(what.to_string()))?;
                ask_twice(&mut person, what)?
            }
        };
        if passphrase.is_empty() {
            return Err(Failure::EmptyNewPassphrase);
        }
        Ok(passphrase)
    }
}

/// A primary key that is kept elsewhere, lent for one command.
#[derive(Args, Clone)]
pub struct LentPrimary {
    /// Use the primary key in this file, for this command alone
    #[arg(long, value_name = "FILE")]
    pub primary: Option<PathBuf>,
    /// Read that file's passphrase from this descriptor, if it is another than the home's
    #[arg(long, value_name = "N", requires = "primary")]
    pub primary_passphrase_fd: Option<u32>,
    /// Read that file's passphrase from this file
    #[arg(long, value_name = "FILE", requires = "primary")]
    #[arg(conflicts_with = "primary_passphrase_fd")]
    pub primary_passphrase_file: Option<PathBuf>,
}

impl LentPrimary {
    /// Gets the passphrase of the lent key: its own, else the home's, else asked for.
    pub fn passphrase(
        &self,
        world: &World,
        lent: &SecretKey,
        home: &PassphraseSource,
    ) -> Result<Option<Arc<Passphrase>>, Failure> {
        if lent.protection() == Protection::None {
            return Ok(None);
        }
        let file = self.primary_passphrase_file.as_deref();
        let own = read(self.primary_passphrase_fd, file, "PLUGSIGN_PRIMARY_PASSPHRASE", world)?;
        match own {
            Some(own) => Ok(Some(Arc::new(own))),
            None => match home.given(world)? {
                Some(home) => Ok(Some(home)),
                None => {
                    let asked = ask_for(lent.certificate(), "Passphrase of the primary key");
                    asked.map(|passphrase| Some(Arc::new(passphrase)))
                }
            },
        }
    }
}

/// Reads the passphrase that a descriptor, a file or a variable gives, the first that is named.
fn read(
    descriptor: Option<u32>,
    file: Option<&Path>,
    variable: &str,
    world: &World,
) -> Result<Option<Passphrase>, Failure> {
    if let Some(number) = descriptor {
        return read_descriptor(number)
            .map(|bytes| Some(without_line_end(bytes)))
            .map_err(|error| Failure::Descriptor(number, error));
    }
    if let Some(path) = file {
        // A FIFO is as good as a file here: shells make them for `<(command)`.
        let file = File::open(path).map_err(Error::io("read", path))?;
        let bytes = read_bounded(file, &path.to_string_lossy(), "a passphrase", MAX_PASSPHRASE)?;
        return Ok(Some(without_line_end(bytes)));
    }
    let value = world.variable(variable);
    Ok(value.map(|value| Passphrase::new(Zeroizing::new(value.into_vec()))))
}

/// Asks for the passphrase of a key.
fn ask_for(certificate: &Certificate, words: &str) -> Result<Passphrase, Failure> {
    let fingerprint = certificate.fingerprint();
    let mut person =
        Conversation::open().ok_or_else(|| Failure::NoPassphrase(format!("key {fingerprint}")))?;
    let question =
        format!("{words} for {} ({}): ", first_user_id(certificate), fingerprint.key_id());
    person.ask_passphrase(&question).map(Passphrase::new).map_err(asking)
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
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Failure::Cancelled,
        _ => Failure::Stream("ask for the passphrase", error),
    }
}

fn read_descriptor(number: u32) -> io::Result<Zeroizing<Vec<u8>>> {
    let reader: Box<dyn Read> = match number {
        0 => Box::new(io::stdin()),
        _ => Box::new(inherited(number, File::options().read(true))?),
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
