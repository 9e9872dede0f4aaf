//! A folder, a home and an environment of their own for the program under test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use super::schema;

/// The passphrase of the example's key, and of every key that a sandbox makes.
pub const PASSPHRASE: &str = "correct horse battery staple";

/// A fresh folder that is removed when dropped.
pub struct Sandbox {
    folder: tempfile::TempDir,
}

/// What a command said.
pub struct Said {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    /// Returns everything, for a failed assertion.
    pub fn shown(&self) -> String {
        format!("{}\nstdout:\n{}\nstderr:\n{}", self.status, self.stdout, self.stderr)
    }

    /// Parses standard output as exactly one JSON document, of its command's schema.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        schema::parse(self.stdout.as_bytes(), self.status.code(), &self.stderr)
    }
}

impl Sandbox {
    pub fn new(name: &str) -> Sandbox {
        let folder = tempfile::Builder::new()
            .prefix(&format!("{name}-"))
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        std::os::unix::fs::symlink(
            env!("CARGO_BIN_EXE_plugsign"),
            folder.path().join("bin/plugsign"),
        )
        .unwrap();
        fs::create_dir(folder.path().join("work")).unwrap();
        Sandbox { folder }
    }

    /// Returns the folder that commands run in.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// Runs a shell command with plugsign on its PATH, an empty home and the passphrase in the
    /// environment.
    pub fn shell(&self, command: &str) -> Said {
        self.shell_with(command, &[("PLUGSIGN_PASSPHRASE", PASSPHRASE)])
    }

    /// The same with these variables instead of the passphrase.
    pub fn shell_with(&self, command: &str, variables: &[(&str, &str)]) -> Said {
        let mut shell = self.command(command);
        let output = shell.envs(variables.iter().copied()).stdin(Stdio::null()).output().unwrap();
        Said {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Returns a shell that will run a command, without passphrase.
    pub fn command(&self, command: &str) -> Command {
        let system = std::env::var("PATH").unwrap_or_default();
        let mut shell = Command::new("sh");
        shell
            .args(["-euc", command])
            .current_dir(self.path())
            .env_clear()
            .env("PATH", format!("{}:{system}", self.folder.path().join("bin").display()))
            .env("HOME", self.home());
        shell
    }

    /// Returns the user's home, which is not there yet.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Puts a shell script in the place of a program.
    pub fn stub(&self, program: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.folder.path().join("bin").join(program);
        fs::write(&path, format!("#!/bin/sh\nset -eu\n{script}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Copies a file of the tree into the folder.
    pub fn copy(&self, from: &str, to: &str) {
        let to = self.path().join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(from), to).unwrap();
    }
}
