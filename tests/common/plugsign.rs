//! The program, with a home of its own.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

pub(crate) const PASSPHRASE: &str = "correct horse battery staple";

/// A home, and a folder beside it for a test's files. Both go when it is dropped.
pub(crate) struct Plugsign {
    folder: TempDir,
}

/// What the program said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) exit: i32,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.out).unwrap()
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Said {
        Said {
            exit: output.status.code().expect("no signal ended it"),
            out: output.stdout,
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Plugsign {
    pub(crate) fn new() -> Plugsign {
        Plugsign { folder: TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap() }
    }

    /// Returns a path beside the home.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file beside the home.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn command<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plugsign"));
        command
            .arg("--home")
            .arg(self.path("home"))
            .args(arguments)
            .env("PLUGSIGN_PASSPHRASE", PASSPHRASE)
            .env_remove("PLUGSIGN_KEY")
            .env_remove("PLUGSIGN_HOME")
            .env_remove("SOURCE_DATE_EPOCH");
        command
    }

    /// Runs a command to whatever end.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Said {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs a command that must succeed.
    pub(crate) fn must<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Said {
        let said = self.run(arguments);
        assert_eq!(said.exit, 0, "{said:?}");
        said
    }

    /// Makes a key and returns its fingerprint.
    pub(crate) fn keygen(&self, options: &[&str]) -> String {
        let mut arguments = vec!["keygen", "--name", "Acme Release", "--email", "r@acme.test"];
        arguments.extend(options);
        self.must(arguments).text().trim().to_string()
    }

    /// Imports a key file that must be accepted, and returns its fingerprint.
    pub(crate) fn import(&self, key: &[u8], options: &[&str]) -> String {
        let file = self.file("imported", key);
        let mut arguments = vec![OsStr::new("import"), file.as_os_str()];
        arguments.extend(options.iter().map(OsStr::new));
        let said = self.must(arguments);
        said.text().split_whitespace().nth(1).unwrap().to_string()
    }

    /// Returns the binary certificate of a key of the home.
    pub(crate) fn certificate(&self, key: &str) -> Vec<u8> {
        self.must(["export", key]).out
    }

    /// Signs a file that must be signed, and returns the signature.
    pub(crate) fn sign(&self, file: &Path) -> Vec<u8> {
        self.must([OsStr::new("sign"), OsStr::new("--force"), file.as_os_str()]);
        fs::read(signature_of(file)).unwrap()
    }
}

/// Returns the name of a file's binary signature.
pub(crate) fn signature_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}
