//! A folder, a home and an environment of their own for the program under test.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

pub use super::call::Call;
pub use super::done::Done;
use super::made_keys;
use super::peers::peer;
pub use super::snapshot::{Snapshot, snapshot};
use super::systems::data_folder;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_plugsign");

/// Returns the program under test: this build's, or the one that `PLUGSIGN_TESTED` names.
pub fn tested() -> PathBuf {
    std::env::var_os("PLUGSIGN_TESTED").map_or_else(|| PROGRAM.into(), PathBuf::from)
}

/// The passphrase of the example's key, and of every key that a sandbox makes.
pub const PASSPHRASE: &str = "correct horse battery staple";

/// Who is called gpg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    Plugsign,
    Gpg,
}

/// A folder for one test. Everything goes when it is dropped.
pub struct Sandbox {
    folder: TempDir,
    /// The folder that commands run in.
    work: PathBuf,
    environment: Vec<(OsString, OsString)>,
    /// The words before a line of shell.
    shell: &'static [&'static str],
    /// Who is called gpg here.
    pub who: Who,
}

impl Sandbox {
    /// Its home, `home` in the folder, is not there yet.
    pub fn new() -> Sandbox {
        let folder = private_folder();
        let work = folder.path().to_owned();
        let environment = vec![
            ("PLUGSIGN_HOME".into(), work.join("home").into()),
            ("PATH".into(), std::env::var_os("PATH").unwrap()),
        ];
        Sandbox { folder, work, environment, shell: &["sh", "-euc"], who: Who::Plugsign }
    }

    /// The same with a passphrase in the environment.
    pub fn with_passphrase() -> Sandbox {
        let mut sandbox = Sandbox::new();
        sandbox.set("PLUGSIGN_PASSPHRASE", PASSPHRASE);
        sandbox
    }

    /// One for scripts, with plugsign on the PATH, a HOME beside the folder and the passphrase in
    /// the environment.
    pub fn for_scripts() -> Sandbox {
        let mut sandbox = Sandbox::with_links(Who::Plugsign, &["plugsign"]);
        sandbox.set("PLUGSIGN_PASSPHRASE", PASSPHRASE);
        sandbox
    }

    /// One for gpg's command lines, with plugsign in the place of gpg.
    pub fn in_place_of_gpg() -> Sandbox {
        Sandbox::for_gpg(Who::Plugsign, &["gpg", "gpg2", "gpgv", "plugsign"])
    }

    /// One for gpg's command lines, with gpg itself. None without gpg on this machine.
    pub fn of_gpg() -> Option<Sandbox> {
        peer("gpg")?;
        Some(Sandbox::for_gpg(Who::Gpg, &[]))
    }

    pub fn of(who: Who) -> Option<Sandbox> {
        match who {
            Who::Plugsign => Some(Sandbox::in_place_of_gpg()),
            Who::Gpg => Sandbox::of_gpg(),
        }
    }

    fn for_gpg(who: Who, names: &[&str]) -> Sandbox {
        let mut sandbox = Sandbox::with_links(who, names);
        fs::create_dir(sandbox.at("home")).unwrap();
        fs::create_dir(sandbox.at("g")).unwrap();
        fs::set_permissions(sandbox.at("g"), fs::Permissions::from_mode(0o700)).unwrap();
        if who == Who::Gpg {
            // The agent would try out how often it can hash in a tenth of a second, and hash as often.
            fs::write(sandbox.at("g/gpg-agent.conf"), "s2k-count 65536\n").unwrap();
        }
        sandbox.set("GNUPGHOME", sandbox.at("g"));
        sandbox.set("LC_ALL", "C.UTF-8");
        sandbox.set("TZ", "UTC");
        sandbox.shell = &["bash", "-c"];
        sandbox
    }

    /// One whose PATH begins with these names for the program.
    fn with_links(who: Who, names: &[&str]) -> Sandbox {
        let folder = private_folder();
        let at = |name: &str| folder.path().join(name);
        let (work, bin) = (at("work"), at("bin"));
        fs::create_dir(&work).unwrap();
        fs::create_dir(&bin).unwrap();
        for name in names {
            symlink(tested(), bin.join(name)).unwrap();
        }
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let environment =
            vec![("PATH".into(), path.into()), ("HOME".into(), at("home").into_os_string())];
        Sandbox { folder, work, environment, shell: &["sh", "-euc"], who }
    }

    /// Puts a variable into the environment of everything that runs here.
    pub fn set(&mut self, name: &str, value: impl AsRef<OsStr>) {
        self.environment.push((name.into(), value.as_ref().to_owned()));
    }

    /// Returns the folder that commands run in.
    pub fn folder(&self) -> &Path {
        &self.work
    }

    /// Returns the path of something in the folder.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.work.join(name)
    }

    /// Returns the path of something beside the folder of a sandbox for scripts or gpg: `bin`,
    /// `home`, and `g`, which is GnuPG's home.
    pub fn at(&self, name: impl AsRef<Path>) -> PathBuf {
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

    #[track_caller]
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

    /// Copies a file of the tree into the folder.
    pub fn copy(&self, from: &str, to: &str) {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(from);
        self.write(to, fs::read(from).unwrap());
    }

    /// Puts a shell script in the place of a program.
    pub fn stub(&self, program: &str, script: &str) {
        let path = self.at("bin").join(program);
        fs::write(&path, format!("#!/bin/sh\nset -eu\n{script}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
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

    pub fn snapshot(&self) -> Snapshot {
        snapshot(self.folder())
    }

    /// Prepares a call of plugsign with these arguments; words with spaces are not split.
    pub fn call<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Call {
        Call::of_plugsign(&self.work, &self.environment).args(arguments)
    }

    /// Prepares a line of shell.
    pub fn script(&self, line: &str) -> Call {
        self.program(self.shell[0]).args(&self.shell[1..]).arg(line)
    }

    /// Prepares a call of another program.
    pub fn program(&self, program: &str) -> Call {
        Call::of(program, &self.work, &self.environment)
    }

    /// Prepares a command with this environment, in this folder.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.work).env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs plugsign with a line of words.
    pub fn run(&self, line: &str) -> Done {
        self.call(line.split_whitespace()).run()
    }

    /// Runs a line of shell.
    pub fn sh(&self, line: &str) -> Done {
        self.script(line).run()
    }

    /// Runs a line of shell with these variables instead of the passphrase.
    pub fn sh_with(&self, line: &str, variables: &[(&str, &str)]) -> Done {
        let mut call = self.script(line).without("PLUGSIGN_PASSPHRASE");
        for (name, value) in variables {
            call = call.env(name, value);
        }
        call.run()
    }

    /// Runs a line of shell that must succeed.
    #[track_caller]
    pub fn must(&self, line: &str) -> Done {
        self.sh(line).exits(0)
    }

    /// Takes a key into the home without asking for a passphrase.
    pub fn import(&self, key: &[u8]) {
        self.import_with(key, &["--no-passphrase"]);
    }

    /// Takes a key into the home, and returns its fingerprint.
    #[track_caller]
    pub fn import_with(&self, key: &[u8], options: &[&str]) -> String {
        let file = self.write("to-import", key);
        let done = self.call(["import", "to-import"]).args(options).run().exits(0);
        fs::remove_file(file).unwrap();
        done.out().split_whitespace().nth(1).unwrap_or_default().to_string()
    }

    /// Has a key in the home and returns its fingerprint. It may be a copy of one that another
    /// test of this process had made.
    #[track_caller]
    pub fn keygen(&self, arguments: &str) -> String {
        self.keygen_with(&arguments.split_whitespace().collect::<Vec<_>>())
    }

    /// Has the key of Acme Release and returns its fingerprint. It may be a copy, too.
    #[track_caller]
    pub fn acme_key(&self, options: &[&str]) -> String {
        let who = ["--name", "Acme Release", "--email", "r@acme.test"];
        self.keygen_with(&[&who[..], options].concat())
    }

    /// Has what `make` puts into the home of who is called gpg. It may be a copy of what it put
    /// into another test's.
    pub fn made_by_gpg(&self, what: &str, make: impl FnOnce() -> String) -> String {
        let home = self.at("g");
        // gpg keeps all keys in one file.
        if home.join("pubring.kbx").exists() {
            return make();
        }
        let words = vec![format!("{:?}", self.who).into(), what.into()];
        made_keys::bring((words, self.common_environment()), &home, make)
    }

    /// The same with words that may have spaces.
    #[track_caller]
    pub fn keygen_with(&self, arguments: &[&str]) -> String {
        let keygen =
            || self.call(["keygen", "-q"]).args(arguments).run().exits(0).out().trim().to_string();
        let named = self.environment.iter().rfind(|(name, _)| name == "PLUGSIGN_HOME");
        let home = match named {
            Some((_, home)) => PathBuf::from(home),
            None => self.at("home").join(data_folder()).join("plugsign"),
        };
        if !home.starts_with(self.folder.path()) {
            return keygen();
        }
        // A file counts by what is in it.
        let meant = |word: &&str| fs::read(self.path(word)).map_or(word.into(), OsString::from_vec);
        let order = (arguments.iter().map(meant).collect(), self.common_environment());
        made_keys::bring(order, &home, keygen)
    }

    /// The environment without what names a place in this sandbox, and without the PATH, which no
    /// key depends on.
    fn common_environment(&self) -> BTreeMap<OsString, OsString> {
        let folder = self.folder.path().to_string_lossy().into_owned();
        let mut environment: BTreeMap<_, _> = self.environment.iter().cloned().collect();
        environment
            .retain(|name, value| name != "PATH" && !value.to_string_lossy().contains(&folder));
        environment
    }

    /// Returns the binary certificate of a key of the home.
    #[track_caller]
    pub fn certificate(&self, key: &str) -> Vec<u8> {
        self.call(["export", key]).run().exits(0).stdout
    }

    /// Signs a file, and returns the signature.
    #[track_caller]
    pub fn sign(&self, file: &Path) -> Vec<u8> {
        self.call(["sign", "--force"]).arg(file).run().exits(0);
        fs::read(signature_of(file)).unwrap()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // gpg's agent would outlive its home.
        if self.who == Who::Gpg {
            let _ = self.command("gpgconf").args(["--kill", "all"]).status();
        }
    }
}

/// The socket of gpg's agent must have a short name, and gpg warns of a folder that others can
/// read.
fn private_folder() -> TempDir {
    let private = fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().prefix("ps").permissions(private).tempdir_in("/tmp").unwrap()
}

/// Returns the name of a file's binary signature.
pub fn signature_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Copies everything in a folder into another one, with its modes.
pub fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&to).unwrap();
            let mode = entry.metadata().unwrap().permissions().mode();
            fs::set_permissions(&to, fs::Permissions::from_mode(mode)).unwrap();
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
