//! Somebody at a terminal, a real pseudo-terminal.

use std::fs::File;
use std::io::Write;
use std::process::Command;

use rexpect::process::WaitStatus;
use rexpect::session::{PtySession, spawn_command};
use rustix::termios::{LocalModes, tcgetattr};

use super::sandbox::{PROGRAM, Sandbox};

/// Somebody at a terminal.
pub struct Person {
    pub session: PtySession,
    /// The terminal's other end, for bytes that are no text and for its settings.
    pub terminal: File,
}

impl Person {
    /// Starts the program on a terminal that echoes, as terminals do.
    pub fn starts(sandbox: &Sandbox, line: &str) -> Person {
        let mut command = Command::new("sh");
        command.args(["-c", "stty echo; exec \"$@\"", "sh", PROGRAM]).args(line.split(' '));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("PLUGSIGN_HOME", sandbox.home()).env("TERM", "dumb");
        command.current_dir(sandbox.folder());
        Person::at(command)
    }

    /// Starts any command on a terminal.
    pub fn at(command: Command) -> Person {
        let session = spawn_command(command, Some(30_000)).unwrap();
        let terminal = session.process().get_file_handle().unwrap();
        Person { session, terminal }
    }

    #[track_caller]
    pub fn sees(&mut self, words: &str) -> String {
        match self.session.exp_string(words) {
            Ok(before) => before,
            Err(error) => panic!("waited for \"{words}\": {error}"),
        }
    }

    pub fn types(&mut self, bytes: &[u8]) {
        self.terminal.write_all(bytes).unwrap();
    }

    #[track_caller]
    pub fn answers(&mut self, question: &str, answer: &str) {
        self.sees(question);
        self.types(format!("{answer}\n").as_bytes());
    }

    /// Answers once the echo is off.
    #[track_caller]
    pub fn whispers(&mut self, question: &str, passphrase: &[u8]) {
        self.sees(question);
        self.waits_for_echo(false);
        self.types(&[passphrase, b"\n"].concat());
    }

    pub fn echo(&self) -> bool {
        tcgetattr(&self.terminal).unwrap().local_modes.contains(LocalModes::ECHO)
    }

    #[track_caller]
    pub fn waits_for_echo(&self, on: bool) {
        for _ in 0..500 {
            if self.echo() == on {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("the echo is not {}", if on { "on" } else { "off" });
    }

    /// Reads to the end, and returns what was said and the exit code.
    pub fn ends(mut self) -> (String, i32) {
        let rest = self.session.exp_eof().unwrap();
        match self.session.process().wait().unwrap() {
            WaitStatus::Exited(_, code) => (rest, code),
            other => panic!("{other:?}: {rest}"),
        }
    }
}
