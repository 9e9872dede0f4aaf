//! A command that is run, and waited for.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use super::done::Done;
use super::peers::on_path;
use super::sandbox::tested;
use super::systems;

/// A call that is being prepared.
pub struct Call {
    program: OsString,
    /// It is plugsign itself.
    is_ours: bool,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    folder: PathBuf,
    stdin: Vec<u8>,
    umask: Option<u32>,
    limit: Duration,
    shell: Option<String>,
}

impl Call {
    /// A call of plugsign, which is quick.
    pub(super) fn of_plugsign(folder: &Path, environment: &[(OsString, OsString)]) -> Call {
        let limit = Duration::from_secs(60);
        Call { is_ours: true, limit, ..Call::of(tested(), folder, environment) }
    }

    /// A call of another program, which may take its time.
    pub(super) fn of(
        program: impl Into<OsString>,
        folder: &Path,
        environment: &[(OsString, OsString)],
    ) -> Call {
        Call {
            program: program.into(),
            is_ours: false,
            arguments: Vec::new(),
            environment: environment.to_vec(),
            folder: folder.to_owned(),
            stdin: Vec::new(),
            umask: None,
            limit: Duration::from_secs(600),
            shell: None,
        }
    }

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
        self.environment.retain(|(name, _)| name == "PATH");
        self
    }

    /// Goes without a variable.
    pub fn without(mut self, name: &str) -> Call {
        self.environment.retain(|(other, _)| other != name);
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
        let mut words: Vec<&OsStr> = Vec::new();
        let umask = self.umask.map(|umask| format!("umask {umask:03o}; ")).unwrap_or_default();
        let line = umask + self.shell.as_deref().unwrap_or("exec \"$@\"");
        if self.umask.is_some() || self.shell.is_some() {
            words.extend(["/bin/sh", "-c", &line, "sh"].map(OsStr::new));
        }
        words.push(&self.program);
        // A command by its path, whatever its environment, is started without a copy of this
        // process's memory map.
        let mut command = if Path::new(words[0]).is_absolute() && !has_terminal() {
            let mut command = Command::new(words.remove(0));
            command.process_group(0);
            command
        } else {
            Command::new(setsid())
        };
        command.args(words).args(&self.arguments);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.folder);
        command
    }

    pub fn run(self) -> Done {
        let mut command = self.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let words = self.arguments.iter().map(|word| word.as_os_str());
        let mut child = systems::start(words, || command.spawn().expect("it starts"));
        let mut stdin = child.stdin.take().unwrap();
        let bytes = self.stdin.clone();
        // The program need not read what it is given.
        let feeder = thread::spawn(move || drop(stdin.write_all(&bytes)));
        let stdout = drain(child.stdout.take().unwrap());
        let stderr = drain(child.stderr.take().unwrap());
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break Some(status);
            }
            let elapsed = start.elapsed();
            if elapsed > self.limit {
                child.kill().unwrap();
                child.wait().unwrap();
                break None;
            }
            // Most commands take milliseconds.
            thread::sleep((elapsed / 10).clamp(Duration::from_micros(200), POLL));
        };
        feeder.join().unwrap();
        let words = [&[self.program][..], &self.arguments].concat().join(OsStr::new(" "));
        Done {
            what: words.to_string_lossy().into_owned(),
            is_ours: self.is_ours,
            code: status.map(|status| status.code()),
            stdout: stdout.join().unwrap(),
            stderr: stderr.join().unwrap(),
        }
    }
}

/// The longest that a command's end is noticed late.
const POLL: Duration = Duration::from_millis(5);

/// Returns whether this process has a terminal that it would share with what it starts.
fn has_terminal() -> bool {
    static HAS: OnceLock<bool> = OnceLock::new();
    *HAS.get_or_init(|| File::open("/dev/tty").is_ok())
}

/// Where setsid is, which starts a command without this process's terminal.
fn setsid() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| on_path("setsid").expect("setsid is installed"))
}

fn drain(mut stream: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        bytes
    })
}
