//! A token of SoftHSM's, in a sandbox.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::peers::{missing, peer};
use crate::common::sandbox::{Done, Sandbox};

/// The PIN of the token. It is not in any other text of the tests.
pub const PIN: &str = "7315-pin";

/// A sandbox with a token called X. Its PIN is in the file `pin`.
pub struct Desk {
    pub sandbox: Sandbox,
    pub module: PathBuf,
}

/// Returns SoftHSM's module.
pub fn module() -> Option<PathBuf> {
    const PLACES: [&str; 4] = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib64/softhsm/libsofthsm2.so",
        "/usr/lib64/pkcs11/libsofthsm2.so",
        "/opt/homebrew/lib/softhsm/libsofthsm2.so",
    ];
    peer("softhsm2-util")?;
    peer("p11-kit")?;
    peer("pkcs11-tool")?;
    let found = PLACES.map(PathBuf::from).into_iter().find(|module| module.is_file());
    if found.is_none() {
        missing("SoftHSM's module, libsofthsm2.so");
    }
    found
}

impl Desk {
    /// Makes an empty token. None without SoftHSM, p11-kit and OpenSC on this machine.
    pub fn new() -> Option<Desk> {
        Desk::at(Sandbox::new())
    }

    /// Makes an empty token for a sandbox.
    pub fn at(mut sandbox: Sandbox) -> Option<Desk> {
        let module = module()?;
        let folder = sandbox.path("softhsm");
        fs::create_dir(&folder).unwrap();
        let settings = format!("directories.tokendir = {}\nlog.level = ERROR\n", folder.display());
        let settings = sandbox.write("softhsm.conf", settings);
        sandbox.set("SOFTHSM2_CONF", settings);
        sandbox.write("pin", format!("{PIN}\n"));
        sandbox.sh(&format!(
            "softhsm2-util --init-token --free --label X --pin {PIN} --so-pin 87654321"
        ));
        Some(Desk { sandbox, module })
    }

    /// Makes one with a key and its certificate.
    pub fn with_key() -> Option<Desk> {
        let desk = Desk::new()?;
        desk.keygen();
        Some(desk)
    }

    /// Has the token make the key `release`, and returns its fingerprint.
    pub fn keygen(&self) -> String {
        let who = ["--name", "Acme Release", "--email", "r@acme.test"];
        let done = self.run(&["keygen", "-q", "--on", &self.uri("release")], &who);
        done.exits(0).out().trim().to_string()
    }

    /// Names a key of the token, by SoftHSM's module.
    pub fn uri(&self, object: &str) -> String {
        format!("pkcs11:token=X;object={object}?module-path={}", self.module.display())
    }

    /// Runs plugsign with the PIN.
    pub fn run(&self, words: &[&str], more: &[&str]) -> Done {
        let call = self.sandbox.call(words).args(more);
        call.args(["--passphrase-file", "pin"]).run()
    }

    /// Signs with the key `release`.
    pub fn sign(&self, more: &[&str]) -> Done {
        self.run(&["sign", "--key", &self.uri("release")], more)
    }

    /// Has OpenSC's tool make a key.
    #[track_caller]
    pub fn keypairgen(&self, options: &str) {
        self.pkcs11_tool(&format!("--login --pin {PIN} --keypairgen {options}"));
    }

    #[track_caller]
    pub fn pkcs11_tool(&self, options: &str) -> String {
        let module = self.module.display();
        let line = format!("pkcs11-tool --module {module} --token-label X {options}");
        let done = self.sandbox.sh(&line);
        assert!(done.is_ok(), "{}", done.shown());
        done.out()
    }

    /// Returns a command that leads to the token and keeps what is sent to it in the file `log`,
    /// one connection after the other.
    pub fn logged(&self) -> String {
        format!("tee -a log | p11-kit remote --provider {} pkcs11:", self.module.display())
    }

    /// Counts the calls of a kind that `log` has, by the forms of their arguments.
    pub fn calls(&self, forms: &str) -> usize {
        let log = self.sandbox.read("log");
        let head = [&u32::try_from(forms.len()).unwrap().to_be_bytes(), forms.as_bytes()].concat();
        log.windows(head.len()).filter(|window| *window == head).count()
    }

    /// Counts logins, by the owner and for one signature.
    pub fn logins(&self) -> usize {
        self.calls("uuay")
    }

    /// Writes release archives, and returns how many there are.
    pub fn release(&self, count: usize) -> usize {
        for number in 0..count {
            let name = format!("dist/{number:03}.tar.gz");
            self.sandbox.write(name, format!("archive {number}"));
        }
        count
    }

    /// Returns the names of the signatures that are there.
    pub fn signatures(&self) -> Vec<String> {
        let names = self.sandbox.names("dist");
        names.into_iter().filter(|name| name.ends_with(".sig")).collect()
    }

    /// Exports the certificate, and has plugsign verify everything with it.
    #[track_caller]
    pub fn all_good(&self) {
        self.sandbox.run("export Acme -a -o cert.asc --force").exits(0);
        self.sandbox.run("verify --key cert.asc dist").exits(0);
    }
}

/// Names a file for a shell.
pub fn shown(path: &Path) -> String {
    format!("'{}'", path.display())
}
