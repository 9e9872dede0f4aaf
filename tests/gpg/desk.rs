//! A desk with a program called gpg on it: plugsign, or gpg itself.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::common::peers::peer;
use crate::common::run::PROGRAM;

/// Who is called gpg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    Plugsign,
    Gpg,
}

/// A folder to work in, a home, and a PATH. Everything goes when it is dropped.
pub struct Desk {
    pub who: Who,
    folder: TempDir,
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub exit: i32,
    pub out: Vec<u8>,
    pub err: String,
}

impl Said {
    pub fn text(&self) -> String {
        String::from_utf8(self.out.clone()).expect("standard output is text")
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Said {
        assert_eq!(self.exit, code, "{}", self.shown());
        self
    }

    #[track_caller]
    pub fn says(self, words: &str) -> Said {
        assert!(self.err.contains(words), "no \"{words}\" on stderr: {}", self.shown());
        self
    }

    pub fn shown(&self) -> String {
        let out = String::from_utf8_lossy(&self.out);
        format!("exit {}\nstdout:\n{out}\nstderr:\n{}", self.exit, self.err)
    }

    /// The status lines on either stream, without their prefix.
    pub fn status(&self) -> Vec<String> {
        let out = String::from_utf8_lossy(&self.out).into_owned();
        out.lines()
            .chain(self.err.lines())
            .filter_map(|line| line.strip_prefix("[GNUPG:] ").map(str::to_string))
            .collect()
    }

    /// The status lines that decide: gpg considers keys more often, for its trust database.
    pub fn verdict(&self) -> Vec<String> {
        let lines = self.status().into_iter();
        lines.filter(|line| !line.starts_with("KEY_CONSIDERED ")).collect()
    }

    /// The deciding status lines without what is another in every run: the key, times, the name of
    /// the signature, and the hash, for gpg's is the key's favourite and plugsign's is SHA-256.
    pub fn shape(&self, key: &str) -> Vec<String> {
        let without = |line: String| {
            let line = line.replace(key, "KEY").replace(&key[24..], "KEYID");
            let fields: Vec<&str> = line.split(' ').collect();
            let drop: &[usize] = match fields[0] {
                "BEGIN_SIGNING" => &[1],
                "SIG_CREATED" => &[3, 5],
                "SIG_ID" => &[1, 2, 3],
                "VALIDSIG" => &[2, 3, 8],
                _ => &[],
            };
            let kept = fields.iter().enumerate().filter(|(place, _)| !drop.contains(place));
            kept.map(|(_, field)| *field).collect::<Vec<_>>().join(" ")
        };
        self.verdict().into_iter().map(without).collect()
    }

    /// The fields of the one status line with a keyword.
    #[track_caller]
    pub fn fields(&self, keyword: &str) -> Vec<String> {
        let found: Vec<Vec<String>> = self
            .status()
            .iter()
            .map(|line| line.split(' ').map(str::to_string).collect::<Vec<_>>())
            .filter(|fields| fields[0] == keyword)
            .collect();
        assert_eq!(found.len(), 1, "{keyword}: {}", self.shown());
        found[0].clone()
    }

    #[track_caller]
    pub fn lacks(&self, keyword: &str) {
        let has = self.status().iter().any(|line| line.split(' ').next() == Some(keyword));
        assert!(!has, "{keyword}: {}", self.shown());
    }
}

impl Desk {
    /// gpg's agent needs a short name for its socket, so this is in /tmp.
    pub fn of(who: Who) -> Desk {
        let private = fs::Permissions::from_mode(0o700);
        let folder =
            tempfile::Builder::new().prefix("pg").permissions(private).tempdir_in("/tmp").unwrap();
        let desk = Desk { who, folder };
        for name in ["work", "home", "bin", "g"] {
            fs::create_dir(desk.at(name)).unwrap();
        }
        fs::set_permissions(desk.at("g"), fs::Permissions::from_mode(0o700)).unwrap();
        if who == Who::Plugsign {
            for name in ["gpg", "gpg2", "gpgv", "plugsign"] {
                symlink(PROGRAM, desk.at("bin").join(name)).unwrap();
            }
        }
        desk
    }

    pub fn plugsign() -> Desk {
        Desk::of(Who::Plugsign)
    }

    /// None without gpg on this machine.
    pub fn gpg() -> Option<Desk> {
        peer("gpg")?;
        Some(Desk::of(Who::Gpg))
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.at("work").join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn has(&self, name: &str) -> bool {
        fs::symlink_metadata(self.path(name)).is_ok()
    }

    /// The names of all files on it.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.at("work"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Prepares a command at this desk, with nothing of the developer's environment.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let system = std::env::var("PATH").unwrap_or_default();
        command
            .current_dir(self.at("work"))
            .env_clear()
            .env("PATH", format!("{}:{system}", self.at("bin").display()))
            .env("HOME", self.at("home"))
            .env("GNUPGHOME", self.at("g"))
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC");
        command
    }

    /// Runs a line of shell, without a terminal.
    pub fn sh(&self, line: &str) -> Said {
        self.sh_with(line, b"")
    }

    /// The same with something on standard input.
    pub fn sh_with(&self, line: &str, input: &[u8]) -> Said {
        let mut child = self
            .command("setsid")
            .args(["bash", "-c", line])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        feeder.join().unwrap();
        Said {
            exit: output.status.code().expect("no signal ended it"),
            out: output.stdout,
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs a line of shell that must succeed.
    #[track_caller]
    pub fn must(&self, line: &str) -> Said {
        let said = self.sh(line);
        assert_eq!(said.exit, 0, "{:?}: {line}\n{}", self.who, said.shown());
        said
    }

    /// Makes a key without a passphrase, and returns its fingerprint.
    #[track_caller]
    pub fn key(&self, user_id: &str) -> String {
        let said = self.must(&format!(
            "gpg --batch --status-fd 1 --pinentry-mode loopback --passphrase '' --quick-generate-key '{user_id}' rsa3072 sign 0"
        ));
        said.fields("KEY_CREATED")[2].clone()
    }

    #[track_caller]
    pub fn import(&self, key: &[u8]) {
        self.write("imported", key);
        self.must("gpg --batch --import imported");
        fs::remove_file(self.path("imported")).unwrap();
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if self.who == Who::Gpg {
            let home = self.at("g");
            let _ =
                Command::new("gpgconf").arg("--homedir").arg(home).args(["--kill", "all"]).status();
        }
    }
}

/// Both desks with the same secret key, made by gpg, and the same file on them.
pub struct Twins {
    pub ours: Desk,
    pub theirs: Desk,
    pub fingerprint: String,
}

pub const USER_ID: &str = "Acme Release <r@acme.test>";

impl Twins {
    pub fn new() -> Option<Twins> {
        let theirs = Desk::gpg()?;
        let fingerprint = theirs.key(USER_ID);
        let ours = Desk::plugsign();
        ours.import(&theirs.must("gpg --batch --export-secret-keys").out);
        let twins = Twins { ours, theirs, fingerprint };
        twins.write("data", b"a release archive");
        Some(twins)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        self.ours.write(name, bytes.as_ref());
        self.theirs.write(name, bytes.as_ref());
    }

    /// Copies a file from gpg's desk to the other.
    pub fn share(&self, name: &str) {
        self.ours.write(name, self.theirs.read(name));
    }

    /// Runs a line at both.
    pub fn sh(&self, line: &str) -> (Said, Said) {
        (self.ours.sh(line), self.theirs.sh(line))
    }

    /// Runs a line at both, and holds exit code and deciding status lines against each other.
    #[track_caller]
    pub fn same(&self, line: &str) -> (Said, Said) {
        let (ours, theirs) = self.sh(line);
        assert_eq!(ours.exit, theirs.exit, "{line}\n{}\n{}", ours.shown(), theirs.shown());
        assert_eq!(
            ours.verdict(),
            theirs.verdict(),
            "{line}\n{}\n{}",
            ours.shown(),
            theirs.shown()
        );
        (ours, theirs)
    }
}
