//! Runs the program in a folder of its own, and looks at what it said and left behind.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::schema;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_plugsign");

/// A folder for one test, with a home in it that is not there yet.
pub struct Sandbox {
    folder: TempDir,
}

impl Sandbox {
    pub fn new() -> Sandbox {
        Sandbox { folder: tempfile::tempdir().unwrap() }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn home(&self) -> PathBuf {
        self.path("home")
    }

    pub fn write(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    pub fn read(&self, name: impl AsRef<Path>) -> Vec<u8> {
        let path = self.path(name);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub fn has(&self, name: impl AsRef<Path>) -> bool {
        fs::symlink_metadata(self.path(name)).is_ok()
    }

    pub fn mode(&self, name: impl AsRef<Path>) -> u32 {
        fs::symlink_metadata(self.path(name)).unwrap().mode() & 0o7777
    }

    pub fn chmod(&self, name: impl AsRef<Path>, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub fn fifo(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    }

    /// Prepares a call with these arguments; words with spaces are not split.
    pub fn call<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Call {
        Call {
            arguments: arguments.into_iter().map(|it| it.as_ref().to_owned()).collect(),
            environment: vec![("PLUGSIGN_HOME".into(), self.home().into())],
            folder: self.folder().to_owned(),
            stdin: Vec::new(),
            umask: None,
            limit: Duration::from_secs(60),
            shell: None,
        }
    }

    /// Runs a command line of words.
    pub fn run(&self, line: &str) -> Done {
        self.call(line.split_whitespace()).run()
    }

    /// Takes a key into the home without asking for a passphrase.
    pub fn import(&self, key: &[u8]) {
        let file = self.write("to-import", key);
        self.run("import --no-passphrase to-import").exits(0);
        fs::remove_file(file).unwrap();
    }

    /// Makes a key with the program and returns its fingerprint.
    pub fn keygen(&self, arguments: &str) -> String {
        let done = self.run(&format!("keygen -q {arguments}")).exits(0);
        done.out().trim().to_string()
    }

    pub fn snapshot(&self) -> Snapshot {
        snapshot(self.folder())
    }

    /// Lists a folder, sorted.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let Ok(listing) = fs::read_dir(self.path(folder)) else { return Vec::new() };
        let mut names: Vec<String> = listing
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

/// A call that is being prepared.
pub struct Call {
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    folder: PathBuf,
    stdin: Vec<u8>,
    umask: Option<u32>,
    limit: Duration,
    shell: Option<String>,
}

impl Call {
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Call {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Call {
        self.arguments.extend(arguments.into_iter().map(|it| it.as_ref().to_owned()));
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Call {
        self.environment.push((name.into(), value.as_ref().to_owned()));
        self
    }

    pub fn env_bytes(self, name: &str, value: &[u8]) -> Call {
        self.env(name, OsString::from_vec(value.to_vec()))
    }

    /// Goes without a home: nothing in the environment names one.
    pub fn homeless(mut self) -> Call {
        self.environment.clear();
        self
    }

    pub fn stdin(mut self, bytes: &[u8]) -> Call {
        self.stdin = bytes.to_vec();
        self
    }

    pub fn umask(mut self, umask: u32) -> Call {
        self.umask = Some(umask);
        self
    }

    pub fn limit(mut self, limit: Duration) -> Call {
        self.limit = limit;
        self
    }

    /// Runs a line of shell instead, in which `"$@"` is the program and its arguments.
    pub fn in_shell(mut self, line: &str) -> Call {
        self.shell = Some(line.to_string());
        self
    }

    /// The command as it will run: without a controlling terminal, and with nothing of the
    /// developer's environment.
    pub fn command(&self) -> Command {
        let mut command = Command::new("setsid");
        if self.umask.is_some() || self.shell.is_some() {
            let umask = self.umask.map(|umask| format!("umask {umask:03o}; ")).unwrap_or_default();
            let line = self.shell.as_deref().unwrap_or("exec \"$@\"");
            command.args(["sh", "-c", &format!("{umask}{line}"), "sh"]);
        }
        command.arg(PROGRAM).args(&self.arguments);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.env("PATH", std::env::var_os("PATH").unwrap());
        command.current_dir(&self.folder);
        command
    }

    pub fn run(self) -> Done {
        let mut child = self
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("setsid runs");
        let mut stdin = child.stdin.take().unwrap();
        let bytes = self.stdin.clone();
        // The program need not read what it is given.
        let feeder = thread::spawn(move || drop(stdin.write_all(&bytes)));
        let stdout = drain(child.stdout.take().unwrap());
        let stderr = drain(child.stderr.take().unwrap());
        let end = Instant::now() + self.limit;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break Some(status);
            }
            if Instant::now() > end {
                child.kill().unwrap();
                child.wait().unwrap();
                break None;
            }
            thread::sleep(Duration::from_millis(5));
        };
        feeder.join().unwrap();
        Done {
            arguments: self.arguments,
            code: status.map(|status| status.code()),
            stdout: stdout.join().unwrap(),
            stderr: stderr.join().unwrap(),
        }
    }
}

fn drain(mut stream: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        bytes
    })
}

/// What a call said and how it ended.
pub struct Done {
    arguments: Vec<OsString>,
    /// None when it had to be killed.
    code: Option<Option<i32>>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl fmt::Debug for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arguments = self.arguments.join(OsStr::new(" "));
        writeln!(f, "plugsign {}", String::from_utf8_lossy(arguments.as_bytes()))?;
        match self.code {
            Some(code) => writeln!(f, "exit: {code:?}")?,
            None => writeln!(f, "it did not end in time")?,
        }
        writeln!(f, "stdout: {:.2000}", String::from_utf8_lossy(&self.stdout))?;
        writeln!(f, "stderr: {:.2000}", String::from_utf8_lossy(&self.stderr))
    }
}

impl Done {
    /// Asserts the exit code, and that nothing on standard error could steer a terminal.
    #[track_caller]
    pub fn exits(self, code: i32) -> Done {
        assert_eq!(self.code, Some(Some(code)), "{self:?}");
        assert_tame(&self.stderr);
        self
    }

    pub fn code(&self) -> Option<i32> {
        self.code.flatten()
    }

    pub fn out(&self) -> String {
        String::from_utf8(self.stdout.clone()).expect("standard output is text")
    }

    pub fn err(&self) -> String {
        String::from_utf8(self.stderr.clone()).expect("standard error is text")
    }

    /// Asserts that standard output has some words.
    #[track_caller]
    pub fn prints(self, words: &str) -> Done {
        assert!(self.out().contains(words), "no \"{words}\" on stdout: {self:?}");
        assert_tame(&self.stdout);
        self
    }

    #[track_caller]
    pub fn prints_nothing(self) -> Done {
        assert!(self.stdout.is_empty(), "{self:?}");
        self
    }

    /// Asserts that standard error has some words.
    #[track_caller]
    pub fn says(self, words: &str) -> Done {
        assert!(self.err().contains(words), "no \"{words}\" on stderr: {self:?}");
        self
    }

    /// Parses standard output as exactly one JSON document, of its command's schema.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        assert_tame(&self.stdout);
        schema::parse(&self.stdout, self.code(), self)
    }
}

/// Asserts that text has no control character but line ends, no C1 one, and nothing that
/// reorders or hides its neighbours.
#[track_caller]
pub fn assert_tame(text: &[u8]) {
    let text = std::str::from_utf8(text).expect("output is UTF-8");
    for character in text.chars() {
        let wild = (character.is_control() && character != '\n')
            || matches!(u32::from(character), 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x2069 | 0xFEFF);
        assert!(!wild, "{:?} is shown raw in {text:?}", character);
    }
}

/// Names, kinds, modes and contents of everything in a folder.
#[derive(PartialEq, Eq)]
pub struct Snapshot(BTreeMap<PathBuf, (u32, Vec<u8>)>);

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (path, (mode, content)) in &self.0 {
            writeln!(f, "{mode:o} {} ({} bytes)", path.display(), content.len())?;
        }
        Ok(())
    }
}

pub fn snapshot(folder: &Path) -> Snapshot {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(listing) = fs::read_dir(&folder) else { continue };
        for entry in listing {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let kind = metadata.file_type();
            let content = if kind.is_dir() {
                folders.push(path.clone());
                Vec::new()
            } else if kind.is_symlink() {
                fs::read_link(&path).unwrap().into_os_string().into_vec()
            } else if kind.is_fifo() || kind.is_socket() {
                Vec::new()
            } else {
                let mut content = Vec::new();
                // Sparse files are compared by their first bytes and their length.
                let read =
                    File::open(&path).map(|file| file.take(1 << 20).read_to_end(&mut content));
                drop(read);
                content.extend(metadata.len().to_be_bytes());
                content
            };
            found.insert(path, (metadata.mode(), content));
        }
    }
    Snapshot(found)
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
