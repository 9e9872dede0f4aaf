//! Where passphrases come from: a descriptor, a file, the environment, the terminal. The first
//! that is given wins.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use clap::Args;
use plugsign::disk::Error;
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
const MAX_PASSPHRASE: usize = 64 * 1024;

#[derive(Args, Clone, Default)]
pub struct PassphraseSource {
    /// Read the passphrase from this file descriptor
    #[arg(long, value_name = "N")]
    pub passphrase_fd: Option<u32>,
    /// Read the passphrase from this file, without the line end at its end
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_fd")]
    pub passphrase_file: Option<PathBuf>,
}

impl PassphraseSource {
    /// Returns whether it is read from standard input.
    pub fn uses_stdin(&self) -> bool {
        self.passphrase_fd == Some(0)
    }
}

/// Where a key's new passphrase comes from.
#[derive(Args, Clone)]
pub struct NewPassphraseSource {
    /// Read the new passphrase from this file descriptor
    #[arg(long, value_name = "N")]
    pub new_passphrase_fd: Option<u32>,
    /// Read the new passphrase from this file, without the line end at its end
    #[arg(long, value_name = "FILE", conflicts_with = "new_passphrase_fd")]
    pub new_passphrase_file: Option<PathBuf>,
}

/// A primary key that is kept elsewhere, lent for one command.
#[derive(Args, Clone)]
pub struct LentPrimary {
    /// Use the primary key in this file, for this command only. Or the one in a token:
    /// 'pkcs11:token=NAME;object=NAME'
    #[arg(long, value_name = "FILE")]
    pub primary: Option<PathBuf>,
    /// Read that file's passphrase from this descriptor, if it differs from the home's
    #[arg(long, value_name = "N", requires = "primary")]
    pub primary_passphrase_fd: Option<u32>,
    /// Read that file's passphrase from this file
    #[arg(long, value_name = "FILE", requires = "primary")]
    #[arg(conflicts_with = "primary_passphrase_fd")]
    pub primary_passphrase_file: Option<PathBuf>,
}

/// Where a passphrase is given.
#[derive(Clone)]
pub enum Given {
    /// In a descriptor.
    Descriptor(u32),
    /// In a file, or a FIFO: shells make them for `<(command)`.
    File(PathBuf),
    /// On the command line. By now it is in a pipe, see `gpg::secret`.
    CommandLine(u32),
}

/// One place that a passphrase may be given in.
#[derive(Default)]
struct Source {
    given: Option<Given>,
    /// Whether only the first line counts, as with gpg.
    by_line: bool,
    /// What was read. A descriptor can be read only once.
    read: OnceLock<Arc<Passphrase>>,
}

impl Source {
    fn new(descriptor: Option<u32>, file: Option<&PathBuf>) -> Source {
        let given = descriptor.map(Given::Descriptor).or_else(|| file.cloned().map(Given::File));
        Source { given, ..Source::default() }
    }

    /// Reads the passphrase that is given there, else in a variable.
    fn read(&self, variable: &str, world: &World) -> Result<Option<Passphrase>, Failure> {
        let read = |file: File| read_passphrase(file.as_fd(), self.by_line);
        let bytes = match &self.given {
            Some(Given::Descriptor(0)) => read_passphrase(io::stdin().as_fd(), self.by_line)
                .map_err(|error| Failure::Descriptor(0, error))?,
            Some(Given::Descriptor(number) | Given::CommandLine(number)) => {
                inherited(*number, File::options().read(true))
                    .and_then(read)
                    .map_err(|error| Failure::Descriptor(*number, error))?
            }
            Some(Given::File(path)) => {
                File::open(path).and_then(read).map_err(Error::io("read", path))?
            }
            None => match world.variable(variable) {
                Some(value) => Zeroizing::new(value.into_vec()),
                None => return Ok(None),
            },
        };
        Ok(Some(Passphrase::without_line_end(bytes)))
    }

    /// Says where the passphrase comes from.
    fn words(&self, option: &str, variable: &str, world: &World) -> Option<String> {
        let rule = match self.by_line {
            true => "only its first line counts, without the line end",
            false => "plugsign drops one line end at its end and changes nothing else",
        };
        let place = match &self.given {
            Some(Given::Descriptor(number)) => format!("descriptor {number} ({option}-fd)"),
            Some(Given::File(path)) => format!("{} ({option}-file)", Safe::path(path)),
            Some(Given::CommandLine(_)) => return Some(option.into()),
            None => world.variable(variable).map(|_| variable.to_string())?,
        };
        Some(format!("{place}; {rule}"))
    }
}

/// Reads a passphrase to its end, or exactly its first line: with gpg, the file to sign may follow
/// on standard input.
fn read_passphrase(source: BorrowedFd<'_>, by_line: bool) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(256));
    let mut byte = Zeroizing::new([0u8; 1]);
    while bytes.len() <= MAX_PASSPHRASE {
        match rustix::io::read(source, &mut *byte) {
            Ok(0) => return Ok(bytes),
            Ok(_) => bytes.push(byte[0]),
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        if by_line && byte[0] == b'\n' {
            return Ok(bytes);
        }
    }
    Err(io::Error::other(format!("it has more than {MAX_PASSPHRASE} bytes")))
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
        self.key = self.source_of(source.passphrase_fd, source.passphrase_file.as_ref());
        self
    }

    /// Takes the passphrase that the key gets from there.
    pub fn replaced(mut self, source: &NewPassphraseSource) -> Asking<'a> {
        self.new = self.source_of(source.new_passphrase_fd, source.new_passphrase_file.as_ref());
        self
    }

    /// Takes the passphrase of a lent primary key from there.
    pub fn lent(mut self, source: &LentPrimary) -> Asking<'a> {
        let file = source.primary_passphrase_file.as_ref();
        self.lent = self.source_of(source.primary_passphrase_fd, file);
        source.primary.iter().for_each(|primary| self.world.kept.input(primary));
        self
    }

    /// Takes the key's passphrase from gpg's options. Of a descriptor or a file, the first line
    /// counts.
    pub fn gpg(mut self, given: Option<Given>) -> Asking<'a> {
        let by_line = matches!(given, Some(Given::Descriptor(_) | Given::File(_)));
        if let Some(Given::File(path)) = &given {
            self.world.kept.input(path);
        }
        self.key = Source { given, by_line, ..Source::default() };
        self
    }

    fn source_of(&self, descriptor: Option<u32>, file: Option<&PathBuf>) -> Source {
        file.iter().for_each(|file| self.world.kept.input(file));
        Source::new(descriptor, file)
    }

    /// Returns where it may be given: on the command line, with which option, and in which variable.
    fn place(&self, which: Which) -> (&Source, &'static str, &'static str) {
        match which {
            Which::Key => (&self.key, "--passphrase", "PLUGSIGN_PASSPHRASE"),
            Which::New => (&self.new, "--new-passphrase", "PLUGSIGN_NEW_PASSPHRASE"),
            Which::Lent => (&self.lent, "--primary-passphrase", "PLUGSIGN_PRIMARY_PASSPHRASE"),
        }
    }
}

impl Ask for Asking<'_> {
    fn given(&self, which: Which) -> Result<Option<Arc<Passphrase>>, Failure> {
        let (source, _, variable) = self.place(which);
        if let Some(read) = source.read.get() {
            return Ok(Some(Arc::clone(read)));
        }
        let passphrase = source.read(variable, self.world)?;
        Ok(passphrase.map(|it| Arc::clone(source.read.get_or_init(|| Arc::new(it)))))
    }

    fn source(&self, which: Which) -> Option<String> {
        let (source, option, variable) = self.place(which);
        source.words(option, variable, self.world)
    }

    fn passphrase_of(&self, certificate: &Certificate, words: &str) -> Result<Passphrase, Failure> {
        let fingerprint = certificate.fingerprint();
        let mut person = Conversation::open()
            .ok_or_else(|| Failure::NoPassphrase(format!("key {fingerprint}")))?;
        let question =
            format!("{words} for {} ({}): ", first_user_id(certificate), fingerprint.key_id());
        person.ask_passphrase(&question).map(Passphrase::new).map_err(asking)
    }

    fn pin(&self, what: &str) -> Result<Passphrase, Failure> {
        let nobody = || Failure::NoPassphrase(what.to_string());
        let mut person = Conversation::open().ok_or_else(nobody)?;
        person.ask_passphrase(&format!("PIN of {what}: ")).map(Passphrase::new).map_err(asking)
    }

    fn new_passphrase(&self, which: Which, what: &str) -> Result<Passphrase, Failure> {
        let nobody = || match which {
            Which::New => Failure::NoNewPassphrase(what.to_string()),
            _ => Failure::NoPassphrase(what.to_string()),
        };
        ask_twice(&mut Conversation::open().ok_or_else(nobody)?, what)
    }
}

/// Asks for a new passphrase until both entries are the same, at most three times. What was answered
/// before is not lost for an empty one: that is asked again.
fn ask_twice(person: &mut Conversation, what: &str) -> Result<Passphrase, Failure> {
    let mut tries = 3;
    while tries > 0 {
        let question = format!("New passphrase for {what}: ");
        let first = Passphrase::new(person.ask_passphrase(&question).map_err(asking)?);
        if first.is_empty() {
            person.say("The passphrase is empty. Without one, anyone who has the file can sign.\n");
            continue;
        }
        tries -= 1;
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_line_is_read_and_not_a_byte_more() {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"secret words\nthe file").unwrap();
        drop(writer);
        assert_eq!(&*read_passphrase(reader.as_fd(), true).unwrap(), b"secret words\n");
        assert_eq!(&*read_passphrase(reader.as_fd(), false).unwrap(), b"the file");
    }
}
