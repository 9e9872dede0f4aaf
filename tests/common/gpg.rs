//! gpg, with a home of its own, and the keys that it makes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use super::sandbox::{Done, PASSPHRASE, Sandbox};

/// A gpg home.
pub(crate) struct Gpg {
    sandbox: Sandbox,
}

impl Gpg {
    pub(crate) fn new() -> Option<Gpg> {
        Sandbox::of_gpg().map(|sandbox| Gpg { sandbox })
    }

    /// Makes a home with a secret key in it.
    pub(crate) fn with(key: &[u8]) -> Option<Gpg> {
        let gpg = Gpg::new()?;
        gpg.import(key);
        Some(gpg)
    }

    /// Returns a path in the home.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.sandbox.at("g").join(name)
    }

    /// Runs gpg to whatever end, with the passphrase.
    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        let with_passphrase = [&["--passphrase-fd", "0"], arguments].concat();
        self.run_with(&with_passphrase, &format!("{PASSPHRASE}\n"))
    }

    /// Ends the agent, and with it all that it remembers.
    pub(crate) fn forget_passphrases(&self) {
        self.sandbox.program("gpgconf").args(["--kill", "all"]).run().exits(0);
        // It has been told to go, and goes when it comes to it.
        for _ in 0..500 {
            if !self.path("S.gpg-agent").exists() {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Runs gpg to whatever end, with something on its standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Done {
        let gpg = self.sandbox.program("gpg").stdin(input.as_bytes());
        let quiet = ["--batch", "--no-tty", "--yes", "--pinentry-mode", "loopback"];
        gpg.args(quiet).args(arguments).run()
    }

    /// Runs gpg, which must succeed, and returns its standard output.
    pub(crate) fn must(&self, arguments: &[&str]) -> Vec<u8> {
        self.run(arguments).exits(0).stdout
    }

    pub(crate) fn text(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.must(arguments)).unwrap()
    }

    pub(crate) fn import(&self, key: &[u8]) {
        let file = self.path("import");
        fs::write(&file, key).unwrap();
        self.must(&["--import", file.to_str().unwrap()]);
    }

    /// Makes a key from a parameter file, and returns its fingerprint.
    fn generate(&self, parameters: &str) -> String {
        let file = self.path("parameters");
        fs::write(&file, parameters).unwrap();
        self.must(&["--gen-key", file.to_str().unwrap()]);
        self.fingerprint()
    }

    pub(crate) fn fingerprint(&self) -> String {
        let listing = self.text(&["--with-colons", "--list-keys"]);
        let line = listing.lines().find(|line| line.starts_with("fpr:")).unwrap();
        line.split(':').nth(9).unwrap().to_string()
    }

    /// Signs a file with options, and returns the signature.
    pub(crate) fn sign(&self, file: &Path, options: &[&str]) -> Vec<u8> {
        let output = self.path("signature");
        let mut arguments = vec!["-o", output.to_str().unwrap()];
        arguments.extend(options);
        arguments.extend(["--detach-sign", file.to_str().unwrap()]);
        self.must(&arguments);
        fs::read(output).unwrap()
    }
}

/// A key that gpg made, in the shapes that it exports.
pub(crate) struct GpgKey {
    pub(crate) secret: Vec<u8>,
    pub(crate) secret_armored: Vec<u8>,
    pub(crate) secret_subkeys: Vec<u8>,
    pub(crate) certificate: Vec<u8>,
    pub(crate) certificate_armored: Vec<u8>,
}

impl GpgKey {
    fn of(gpg: &Gpg) -> GpgKey {
        GpgKey {
            secret: gpg.must(&["--export-secret-keys"]),
            secret_armored: gpg.must(&["--armor", "--export-secret-keys"]),
            secret_subkeys: gpg.must(&["--export-secret-subkeys"]),
            certificate: gpg.must(&["--export"]),
            certificate_armored: gpg.must(&["--armor", "--export"]),
        }
    }

    fn made(parameters: &str) -> Option<GpgKey> {
        let gpg = Gpg::new()?;
        gpg.generate(parameters);
        Some(GpgKey::of(&gpg))
    }

    /// The same key with one more subkey.
    fn with_subkey(key: &GpgKey, algorithm: &str, usage: &str) -> Option<GpgKey> {
        let gpg = Gpg::with(&key.secret)?;
        let fingerprint = gpg.fingerprint();
        gpg.must(&["--quick-add-key", &fingerprint, algorithm, usage, "never"]);
        Some(GpgKey::of(&gpg))
    }
}

type Once = OnceLock<Option<GpgKey>>;

/// "RSA and RSA" of 3072 bits, with a passphrase.
pub(crate) fn rsa_and_rsa() -> Option<&'static GpgKey> {
    static KEY: Once = OnceLock::new();
    let parameters = format!(
        "Key-Type: RSA\nKey-Length: 3072\nKey-Usage: sign,cert\n\
         Subkey-Type: RSA\nSubkey-Length: 3072\nSubkey-Usage: encrypt\n\
         Name-Real: Acme Release\nName-Email: release@acme.test\nExpire-Date: 0\n\
         Passphrase: {PASSPHRASE}\n%commit\n"
    );
    KEY.get_or_init(|| GpgKey::made(&parameters)).as_ref()
}

/// The same with an RSA subkey that signs.
pub(crate) fn signing_subkey() -> Option<&'static GpgKey> {
    static KEY: Once = OnceLock::new();
    KEY.get_or_init(|| GpgKey::with_subkey(rsa_and_rsa()?, "rsa3072", "sign")).as_ref()
}

/// "RSA and RSA" with a Curve25519 subkey for encryption.
pub(crate) fn curve_subkey() -> Option<&'static GpgKey> {
    static KEY: Once = OnceLock::new();
    KEY.get_or_init(|| GpgKey::with_subkey(rsa_and_rsa()?, "cv25519", "encr")).as_ref()
}

/// A key without passphrase, "RSA (sign only)".
pub(crate) fn unprotected() -> Option<&'static GpgKey> {
    static KEY: Once = OnceLock::new();
    let parameters = "%no-protection\nKey-Type: RSA\nKey-Length: 3072\nKey-Usage: sign,cert\n\
         Name-Real: Acme Open\nExpire-Date: 2y\n%commit\n";
    KEY.get_or_init(|| GpgKey::made(parameters)).as_ref()
}

/// "RSA (sign only)" of 4096 bits, with a passphrase.
pub(crate) fn rsa_4096() -> Option<&'static GpgKey> {
    static KEY: Once = OnceLock::new();
    let parameters = format!(
        "Key-Type: RSA\nKey-Length: 4096\nKey-Usage: sign,cert\nName-Real: Acme Large\n\
         Expire-Date: 0\nPassphrase: {PASSPHRASE}\n%commit\n"
    );
    KEY.get_or_init(|| GpgKey::made(&parameters)).as_ref()
}

/// A key of 2048 bits.
pub(crate) fn rsa_2048() -> Option<&'static GpgKey> {
    static KEY: Once = OnceLock::new();
    let parameters = format!(
        "Key-Type: RSA\nKey-Length: 2048\nKey-Usage: sign,cert\nName-Real: Acme Small\n\
         Expire-Date: 0\nPassphrase: {PASSPHRASE}\n%commit\n"
    );
    KEY.get_or_init(|| GpgKey::made(&parameters)).as_ref()
}

/// "ECC and ECC", gpg's default from 2.3 on.
pub(crate) fn curves() -> Option<&'static GpgKey> {
    static KEY: Once = OnceLock::new();
    let parameters = format!(
        "Key-Type: eddsa\nKey-Curve: ed25519\nKey-Usage: sign,cert\n\
         Subkey-Type: ecdh\nSubkey-Curve: cv25519\nSubkey-Usage: encrypt\n\
         Name-Real: Acme Curves\nExpire-Date: 0\nPassphrase: {PASSPHRASE}\n%commit\n"
    );
    KEY.get_or_init(|| GpgKey::made(&parameters)).as_ref()
}
