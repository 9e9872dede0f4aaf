//! Where passphrases come from: a descriptor, a file, the environment, the terminal. The first
//! that is given wins.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use clap::Args;
use plugsign::disk::Error;
use plugsign::disk::file::read_bounded;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::secret_key::Passphrase;
use plugsign::publisher::ask::{Ask, Which};
use plugsign::publisher::failure::Failure;
use plugsign::publisher::show::first_user_id;
use plugsign::text::Safe;
use zeroize::Zeroizing;

use super::descriptor::inherited;
use super::terminal::Conversation;
use super::world::World;

/// The most bytes that a passphrase may have.
const MAX_PASSPHRASE: u64 = 64 * 1024;

const LINE_END: &str = "one line end at its end is dropped, nothing else is changed";

#[derive(Args, Clone, Default)]
pub struct PassphraseSource {
    /// Read the passphrase from this file descriptor
    #[arg(long, value_name = "N")]
    pub passphrase_fd: Option<u32>,
    /// Read the passphrase from this file; one line end at its end is dropped
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_fd")]
    pub passphrase_file: Option<PathBuf>,
}

impl PassphraseSource {
    /// Returns whether it is read from standard input.
    pub fn uses_stdin(&self) -> bool {
        self.passphrase_fd == Some(0)
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

/// One place that a passphrase may be given in.
#[derive(Default)]
struct Source {
    descriptor: Option<u32>,
    file: Option<PathBuf>,
    /// What was read from there: a descriptor can be read once only.
    read: OnceLock<Arc<Passphrase>>,
}

impl Source {
    fn new(descriptor: Option<u32>, file: Option<&PathBuf>) -> Source {
        Source { descriptor, file: file.cloned(), read: OnceLock::new() }
    }
}

/// A command's sources of passphrases.
pub struct Asking<'a> {
    world: &'a World,
    key: Source,
    new: Source,
    lent: Source,
}

impl<'a> Asking<'a> {
    /// Nothing on the command line: the environment or the terminal.
    pub fn new(world: &'a World) -> Asking<'a> {
        let [key, new, lent] = [(); 3].map(|()| Source::default());
        Asking { world, key, new, lent }
    }

    /// Takes the key's passphrase from there.
    pub fn key(mut self, source: &PassphraseSource) -> Asking<'a> {
        self.key = Source::new(source.passphrase_fd, source.passphrase_file.as_ref());
        self
    }

    /// Takes the passphrase that the key gets from there.
    pub fn replaced(mut self, source: &NewPassphraseSource) -> Asking<'a> {
        self.new = Source::new(source.new_passphrase_fd, source.new_passphrase_file.as_ref());
        self
    }

    /// Takes the passphrase of a lent primary key from there.
    pub fn lent(mut self, source: &LentPrimary) -> Asking<'a> {
        let file = source.primary_passphrase_file.as_ref();
        self.lent = Source::new(source.primary_passphrase_fd, file);
        self
    }

    fn place(&self, which: Which) -> (&Source, &'static str) {
        match which {
            Which::Key => (&self.key, "PLUGSIGN_PASSPHRASE"),
            Which::New => (&self.new, "PLUGSIGN_NEW_PASSPHRASE"),
            Which::Lent => (&self.lent, "PLUGSIGN_PRIMARY_PASSPHRASE"),
        }
    }
}

impl Ask for Asking<'_> {
    fn given(&self, which: Which) -> Result<Option<Arc<Passphrase>>, Failure> {
        let (source, variable) = self.place(which);
        if let Some(read) = source.read.get() {
            return Ok(Some(Arc::clone(read)));
        }
        let passphrase = read(source.descriptor, source.file.as_deref(), variable, self.world)?;
        Ok(passphrase.map(|it| Arc::clone(source.read.get_or_init(|| Arc::new(it)))))
    }

    fn source(&self, which: Which) -> Option<String> {
        let (source, variable) = self.place(which);
        match (source.descriptor, &source.file) {
            (Some(number), _) => Some(format!("descriptor {number} (--passphrase-fd); {LINE_END}")),
            (None, Some(path)) => {
                Some(format!("{} (--passphrase-file); {LINE_END}", Safe::path(path)))
            }
            (None, None) => {
                self.world.variable(variable).map(|_| format!("{variable}; {LINE_END}"))
            }
        }
    }

    fn passphrase_of(&self, certificate: &Certificate, words: &str) -> Result<Passphrase, Failure> {
        let fingerprint = certificate.fingerprint();
        let mut person = Conversation::open()
            .ok_or_else(|| Failure::NoPassphrase(format!("key {fingerprint}")))?;
        let question =
            format!("{words} for {} ({}): ", first_user_id(certificate), fingerprint.key_id());
        person.ask_passphrase(&question).map(Passphrase::new).map_err(asking)
    }

    fn new_passphrase(&self, which: Which, what: &str) -> Result<Passphrase, Failure> {
        let nobody = || match which {
            Which::New => Failure::NoNewPassphrase(what.to_string()),
            _ => Failure::NoPassphrase(what.to_string()),
        };
        ask_twice(&mut Conversation::open().ok_or_else(nobody)?, what)
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
        let read = read_descriptor(number).map(Passphrase::without_line_end);
        return read.map(Some).map_err(|error| Failure::Descriptor(number, error));
    }
    if let Some(path) = file {
        // A FIFO is as good as a file here: shells make them for `<(command)`.
        let file = File::open(path).map_err(Error::io("read", path))?;
        let bytes = read_bounded(file, &path.to_string_lossy(), "a passphrase", MAX_PASSPHRASE)?;
        return Ok(Some(Passphrase::without_line_end(bytes)));
    }
    let value = world.variable(variable);
    Ok(value.map(|value| Passphrase::without_line_end(Zeroizing::new(value.into_vec()))))
}

/// Asks for a new passphrase until it is the same twice; three times at the most.
fn ask_twice(person: &mut Conversation, what: &str) -> Result<Passphrase, Failure> {
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
