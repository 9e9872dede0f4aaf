//! Keys of every kind that gpg makes, with signatures of theirs.

use std::fs;
use std::path::{Path, PathBuf};

use super::cases::Case;
use crate::common::sandbox::Sandbox;

/// gpg with keys of every kind.
struct Home {
    sandbox: Sandbox,
}

const RSA: &str = "Key-Type: RSA\nKey-Length: 2048\n";

/// What gpg is told for each kind of key; the comment is the name of the case.
const KINDS: &[(&str, &str)] = &[
    ("rsa1024", "Key-Type: RSA\nKey-Length: 1024\nKey-Usage: sign\n"),
    ("rsa2048", "Key-Type: RSA\nKey-Length: 2048\nKey-Usage: sign\n"),
    ("rsa3072", "Key-Type: RSA\nKey-Length: 3072\nKey-Usage: sign,cert\n"),
    ("rsa4096", "Key-Type: RSA\nKey-Length: 4096\nKey-Usage: sign\n"),
    ("rsa_rsa", "Key-Type: RSA\nKey-Length: 2048\nSubkey-Type: RSA\nSubkey-Length: 1024\n"),
    ("rsa_cv25519", "Key-Type: RSA\nKey-Length: 2048\nSubkey-Type: ECDH\nSubkey-Curve: cv25519\n"),
    (
        "rsa_signing_subkey",
        "Key-Type: RSA\nKey-Length: 2048\nKey-Usage: cert\nSubkey-Type: RSA\nSubkey-Length: 2048\n\
         Subkey-Usage: sign\n",
    ),
    ("rsa_cert_only", "Key-Type: RSA\nKey-Length: 2048\nKey-Usage: cert\n"),
    ("dsa_elgamal", "Key-Type: DSA\nKey-Length: 1024\nSubkey-Type: ELG-E\nSubkey-Length: 1024\n"),
    ("p256", "Key-Type: ECDSA\nKey-Curve: nistp256\nSubkey-Type: ECDH\nSubkey-Curve: nistp256\n"),
    ("p384", "Key-Type: ECDSA\nKey-Curve: nistp384\nSubkey-Type: ECDH\nSubkey-Curve: nistp384\n"),
    ("p521", "Key-Type: ECDSA\nKey-Curve: nistp521\nSubkey-Type: ECDH\nSubkey-Curve: nistp521\n"),
    ("ed25519", "Key-Type: EDDSA\nKey-Curve: ed25519\nSubkey-Type: ECDH\nSubkey-Curve: cv25519\n"),
    ("secp256k1", "Key-Type: ECDSA\nKey-Curve: secp256k1\n"),
    ("brainpool", "Key-Type: ECDSA\nKey-Curve: brainpoolP256r1\n"),
];

impl Home {
    fn new() -> Option<Home> {
        Some(Home { sandbox: Sandbox::of_gpg()? })
    }

    fn run(&self, arguments: &[&str], input: &str) -> Option<Vec<u8>> {
        let gpg = self.sandbox.program("gpg").stdin(input.as_bytes());
        let quiet = ["--batch", "--yes", "--quiet", "--no-tty", "--pinentry-mode", "loopback"];
        let lenient = ["--trust-model", "always", "--allow-weak-key-signatures"];
        let gpg = gpg.args(quiet).args(["--passphrase", ""]).args(lenient);
        let done = gpg.args(arguments).run();
        done.is_ok().then_some(done.stdout)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.sandbox.path(name)
    }

    fn make(&self, name: &str, parameters: &str) -> Option<()> {
        let script = format!(
            "%no-protection\n{parameters}Name-Real: {name}\nName-Email: {name}@example.org\n\
             Expire-Date: 0\n%commit\n"
        );
        self.run(&["--gen-key"], &script).map(|_| ())
    }

    fn sign(&self, name: &str, more: &[&str]) -> Option<Vec<u8>> {
        let user = format!("={name} <{name}@example.org>");
        let data = self.path("data");
        let arguments = [&["-u", &user], more, &["-o", "-", "--detach-sign", data.to_str()?]];
        self.run(&arguments.concat(), "")
    }

    fn export(&self, names: &[&str], more: &[&str]) -> Option<Vec<u8>> {
        let users: Vec<String> =
            names.iter().map(|name| format!("={name} <{name}@example.org>")).collect();
        let users: Vec<&str> = users.iter().map(String::as_str).collect();
        self.run(&[more, &["--export"], &users].concat(), "")
    }
}

/// Makes keys and signatures with gpg, if it is there.
pub fn pairs() -> Vec<Case> {
    let Some(home) = Home::new() else { return Vec::new() };
    let data = b"plugin.tar.gz\n".to_vec();
    fs::write(home.path("data"), &data).expect("the folder can be written");
    let mut pairs = Vec::new();
    let mut add = |name: &str, key: Option<Vec<u8>>, signature: Option<Vec<u8>>| {
        // What this gpg cannot make is missing, but not the plain kinds (see below).
        if let (Some(key), Some(signature)) = (key, signature) {
            let name = format!("gpg {name}");
            pairs.push(Case { name, key, signature, data: data.clone(), weak: false });
        }
    };
    for (name, parameters) in KINDS {
        if home.make(name, parameters).is_some() {
            add(name, home.export(&[name], &[]), home.sign(name, &[]));
            let sha512 = home.sign(name, &["--armor", "--digest-algo", "SHA512"]);
            add(&format!("{name}, armored"), home.export(&[name], &["--armor"]), sha512);
        }
    }
    changed_keys(&home, &mut add);
    add("a ring", home.export(&["ed25519", "rsa2048", "p256"], &[]), home.sign("p256", &[]));
    assert!(pairs.len() >= 20, "gpg made {} keys only", pairs.len());
    pairs
}

/// Keys to which something happens after they are made.
fn changed_keys(home: &Home, add: &mut impl FnMut(&str, Option<Vec<u8>>, Option<Vec<u8>>)) {
    let user = |name: &str| format!("={name} <{name}@example.org>");
    let edit = |name: &str, commands: &str| {
        home.run(&["--command-fd", "0", "--edit-key", &user(name)], commands)
    };

    if home.make("expired", RSA).is_some() {
        let signature = home.sign("expired", &[]);
        edit("expired", "expire\nseconds=1\nsave\n");
        add("expired", home.export(&["expired"], &[]), signature);
    }
    if home.make("revoked", RSA).is_some() {
        let signature = home.sign("revoked", &[]);
        edit("revoked", "revkey\ny\n1\nwhy\n\ny\nsave\n");
        add("revoked", home.export(&["revoked"], &[]), signature);
    }
    if home.make("revoked_subkey", KINDS[6].1).is_some() {
        let signature = home.sign("revoked_subkey", &[]);
        edit("revoked_subkey", "key 1\nrevkey\ny\n0\n\ny\nsave\n");
        add("revoked_subkey", home.export(&["revoked_subkey"], &[]), signature);
    }
    if home.make("user_ids", RSA).is_some() {
        home.run(&["--quick-add-uid", &user("user_ids"), "Two <two@example.org>"], "");
        home.run(&["--quick-add-uid", &user("user_ids"), "Three <three@example.org>"], "");
        let signature = home.sign("user_ids", &[]);
        add("user_ids", home.export(&["user_ids"], &[]), signature.clone());
        home.run(&["--quick-revoke-uid", &user("user_ids"), "Two <two@example.org>"], "");
        add("user_ids, one revoked", home.export(&["user_ids"], &[]), signature);
    }
    if home.make("certified", RSA).is_some() {
        let signature = home.sign("certified", &[]);
        for certifier in ["rsa2048", "ed25519"] {
            let (by, whom) = (user(certifier), user("certified"));
            home.run(&["-u", &by, "--quick-sign-key", &whom], "");
            let fingerprint = home
                .run(&["--with-colons", "--list-keys", &whom], "")
                .and_then(|listing| fingerprint(&listing));
            if let Some(fingerprint) = fingerprint {
                home.run(&["-u", &by, "--quick-sign-key", &fingerprint], "");
            }
            let name = format!("certified by {certifier}");
            add(&name, home.export(&["certified"], &[]), signature.clone());
        }
        let minimal = home.export(&["certified"], &["--export-options", "export-minimal"]);
        add("certified, minimal", minimal, signature);
    }
    let secret = home.run(&["--export-secret-keys", &user("rsa_rsa")], "");
    add("secret", secret, home.sign("rsa_rsa", &[]));
    let secret = home.run(&["--export-secret-keys", &user("p256")], "");
    add("secret p256", secret, home.sign("p256", &[]));
    add("clear text", home.export(&["rsa2048"], &[]), clear_text(home, &user("rsa2048")));
}

fn clear_text(home: &Home, user: &str) -> Option<Vec<u8>> {
    let data: &Path = &home.path("data");
    home.run(&["-u", user, "-o", "-", "--clear-sign", data.to_str()?], "")
}

fn fingerprint(listing: &[u8]) -> Option<String> {
    let listing = std::str::from_utf8(listing).ok()?;
    let line = listing.lines().find(|line| line.starts_with("fpr:"))?;
    line.split(':').nth(9).map(str::to_owned)
}
