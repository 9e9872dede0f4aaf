//! A pseudo-terminal with a program on it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{grantpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use super::peers::peer;
use super::systems::{self, SESSION_LEADER};

/// Longer than anything takes: a test that waits for so long hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// A program on a terminal of its own, and the terminal's other end.
pub struct Terminal {
    program: Child,
    end: File,
    said: Receiver<Vec<u8>>,
    /// What was said and is not looked at yet.
    unread: Vec<u8>,
}

impl Terminal {
    /// Starts a program at a terminal that echoes, as terminals do. The environment is what the
    /// command sets, and nothing else.
    pub fn start(wanted: &Command) -> Terminal {
        let (name, leads) = SESSION_LEADER;
        // What the standard library cannot do without `unsafe`: the terminal controls the program.
        let leader = peer(name).unwrap_or_else(|| panic!("no {name}, no tests at terminals"));
        let mut command = Command::new(leader);
        command.args(leads).arg(wanted.get_program()).args(wanted.get_args());
        command.env_clear();
        command.envs(wanted.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(folder) = wanted.get_current_dir() {
            command.current_dir(folder);
        }
        let (end, other) = pair();
        command.stdin(other.try_clone().unwrap()).stdout(other.try_clone().unwrap()).stderr(other);
        let program = systems::start(wanted.get_args(), || command.spawn().unwrap());
        let (sender, said) = mpsc::channel();
        let mut reader = end.try_clone().unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Where the last program has gone from a terminal, Linux says that with an error.
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Terminal { program, end, said, unread: Vec::new() }
    }

    /// Reads until one of these words comes, or the end. Returns what was said before it, and
    /// which of them it is.
    #[track_caller]
    pub fn sees_any<'a>(&mut self, words: &[&'a str]) -> (String, Option<&'a str>) {
        let start = Instant::now();
        loop {
            let found = words.iter().filter_map(|word| Some((self.place_of(word)?, *word)));
            if let Some((place, word)) = found.min_by_key(|(place, _)| *place) {
                let before = self.unread[..place].to_vec();
                self.unread.drain(..place + word.len());
                return (text(&before), Some(word));
            }
            match self.said.recv_timeout(LIMIT.saturating_sub(start.elapsed())) {
                Ok(more) => self.unread.extend(more),
                Err(RecvTimeoutError::Disconnected) => {
                    return (text(&std::mem::take(&mut self.unread)), None);
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!("waited for {words:?} or the end, saw {:?}", text(&self.unread))
                }
            }
        }
    }

    fn place_of(&self, word: &str) -> Option<usize> {
        self.unread.windows(word.len()).position(|it| it == word.as_bytes())
    }

    /// Types bytes, which need be no text.
    pub fn types(&mut self, bytes: &[u8]) {
        self.end.write_all(bytes).unwrap();
    }

    /// Sends the program a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.program), signal).unwrap();
    }

    /// Returns how the terminal takes what is typed.
    pub fn modes(&self) -> LocalModes {
        tcgetattr(&self.end).unwrap().local_modes
    }

    /// Reads to the end, and returns what was said and how the program ended.
    #[track_caller]
    pub fn ends(mut self) -> (String, ExitStatus) {
        let (rest, _) = self.sees_any(&[]);
        (rest, self.program.wait().unwrap())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// Opens a new terminal: the end of the person, and that of the program.
fn pair() -> (File, File) {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let ours = open("/dev/ptmx", flags, Mode::empty()).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap().into_bytes();
    let name = PathBuf::from(std::ffi::OsString::from_vec(name));
    let theirs = open(name, flags, Mode::empty()).unwrap();
    (ours.into(), theirs.into())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
