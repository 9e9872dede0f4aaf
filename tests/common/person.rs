//! Somebody at a terminal, a real pseudo-terminal.

use std::process::Command;

use rustix::termios::LocalModes;

use super::sandbox::{PROGRAM, Sandbox};
use super::terminal::Terminal;

/// Somebody at a terminal.
pub struct Person {
    pub terminal: Terminal,
}

impl Person {
    /// Starts the program on a terminal.
    pub fn starts(sandbox: &Sandbox, line: &str) -> Person {
        let mut command = Command::new(PROGRAM);
        command.args(line.split(' '));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("PLUGSIGN_HOME", sandbox.home()).env("TERM", "dumb");
        command.current_dir(sandbox.folder());
        Person::at(command)
    }

    /// Starts any command on a terminal. Its environment is what it sets.
    pub fn at(command: Command) -> Person {
        Person { terminal: Terminal::start(&command) }
    }

    #[track_caller]
    pub fn sees(&mut self, words: &str) -> String {
        match self.terminal.sees_any(&[words]) {
            (before, Some(_)) => before,
            (said, None) => panic!("waited for {words:?}, saw {said:?} and the end"),
        }
    }

    pub fn types(&mut self, bytes: &[u8]) {
        self.terminal.types(bytes);
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
        self.terminal.modes().contains(LocalModes::ECHO)
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
    #[track_caller]
    pub fn ends(self) -> (String, i32) {
        let (rest, status) = self.terminal.ends();
        (rest.clone(), status.code().unwrap_or_else(|| panic!("{status}: {rest}")))
    }
}
