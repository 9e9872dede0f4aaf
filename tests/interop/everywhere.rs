//! Certificates as each command writes them, read by everybody: rpm, gpg, gpgv, sqv, the Go
//! library, rPGP, PGPy, OpenPGP.js.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::common::peers::{missing, peer, rpgp};
use crate::common::sandbox::{Done, Sandbox};
use crate::interop::gpg::Gpg;
use crate::interop::judges;

const DATA: &[u8] = b"a release";

/// A certificate after a step of its life, and a signature by it where it can still sign.
struct Written {
    step: String,
    fingerprint: String,
    binary: Vec<u8>,
    armored: Vec<u8>,
    signature: Option<Vec<u8>>,
}

/// The life of one key.
struct Life {
    plugsign: Sandbox,
    name: &'static str,
    fingerprint: String,
    written: Vec<Written>,
}

impl Life {
    fn of(name: &'static str, plugsign: Sandbox, fingerprint: String) -> Life {
        let mut life = Life { plugsign, name, fingerprint, written: Vec::new() };
        life.write("made", true);
        life
    }

    fn made(name: &'static str, options: &[&str]) -> Life {
        let plugsign = Sandbox::with_passphrase();
        let options = [&["--no-passphrase"], options].concat();
        let fingerprint = plugsign.acme_key(&options);
        Life::of(name, plugsign, fingerprint)
    }

    /// Has plugsign make a key as gpg would.
    fn made_by_gpgs_options(name: &'static str, options: &[&str]) -> Life {
        let plugsign = Sandbox::with_passphrase();
        let call = plugsign.call(["gpg", "--batch", "--passphrase-fd", "0"]);
        call.args(options).run().exits(0);
        let listed = plugsign.call(["--json", "list"]).run().exits(0);
        let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
        let fingerprint = listed["keys"][0]["fingerprint"].as_str().unwrap().to_string();
        Life::of(name, plugsign, fingerprint)
    }

    /// Takes over a key that gpg made.
    fn imported(name: &'static str, gpg: &Gpg) -> Life {
        let plugsign = Sandbox::with_passphrase();
        let secret = gpg.must(&["--export-secret-keys"]);
        let fingerprint = plugsign.import_with(&secret, &["--no-passphrase", "--refresh"]);
        Life::of(name, plugsign, fingerprint)
    }

    fn write(&mut self, step: &str, signs: bool) {
        let binary = self.plugsign.certificate(&self.fingerprint);
        let armored =
            self.plugsign.call(["export", "--armor", &self.fingerprint]).run().exits(0).stdout;
        let signature = signs.then(|| {
            let file = self.plugsign.write("release.tar", DATA);
            self.plugsign.sign(&file)
        });
        self.written.push(Written {
            step: format!("{}: {step}", self.name),
            fingerprint: self.fingerprint.clone(),
            binary,
            armored,
            signature,
        });
    }

    /// Changes the key. `KEY` in the arguments is the key.
    fn step(mut self, arguments: &[&str]) -> Life {
        let key = self.fingerprint.clone();
        let named: Vec<&str> =
            arguments.iter().map(|it| if *it == "KEY" { &key[..] } else { it }).collect();
        self.plugsign.call(&named).run().exits(0);
        let ends = arguments[0] == "revoke" && !arguments.contains(&"--subkey");
        self.write(arguments[0], !ends);
        self
    }
}

/// Makes the keys of all lives, once.
fn all() -> &'static [Written] {
    static ALL: OnceLock<Vec<Written>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut lives =
            vec![
                Life::made("sign", &[]).step(&["extend", "KEY", "--expires", "1y"]),
                Life::made("sign with an end", &["--expires", "2y"])
                    .step(&["adduid", "KEY", "--user-id", "Acme Too <t@acme.test>"])
                    .step(&["revoke-uid", "KEY", "Acme Too <t@acme.test>"])
                    .step(&["rotate", "KEY"])
                    .step(&["extend", "KEY", "--expires", "4y", "--subkeys"])
                    .step(&["revoke", "KEY", "--reason", "superseded"]),
                Life::made("rsa-rsa with an end", &["--kind", "rsa-rsa", "--expires", "2y"])
                    .step(&["extend", "KEY", "--expires", "never", "--subkeys"]),
                Life::made("org", &["--kind", "org", "--expires", "5y"])
                    .step(&["rotate", "KEY", "--expires", "1y"])
                    .step(&["extend", "KEY", "--expires", "6y", "--subkeys"])
                    .step(&["revoke", "KEY", "--stored", "--reason", "retired"]),
                Life::made_by_gpgs_options(
                    "gpg --quick-gen-key",
                    &["--quick-gen-key", "Acme <q@acme.test>", "rsa3072", "sign", "2y"],
                ),
            ];
        lives.extend(made_by_gpg());
        lives.into_iter().flat_map(|life| life.written).collect()
    })
}

/// Keys that gpg made, changed here.
fn made_by_gpg() -> Vec<Life> {
    let make = |digest: &str| {
        let gpg = Gpg::new()?;
        let quick = ["--passphrase", "", "--cert-digest-algo", digest];
        let key = ["--quick-gen-key", "Acme <g@acme.test>", "rsa3072", "sign,cert", "2y"];
        let said = gpg.run_with(&[&quick[..], &key].concat(), "");
        assert_eq!(said.code(), Some(0), "{said:?}");
        // gpg binds no signing subkey over SHA-1 any more.
        if digest == "SHA256" {
            let fingerprint = gpg.fingerprint();
            let subkey = ["--quick-add-key", &fingerprint, "rsa3072", "sign", "1y"];
            let said = gpg.run_with(&[&quick[..], &subkey].concat(), "");
            assert_eq!(said.code(), Some(0), "{said:?}");
        }
        Some(gpg)
    };
    let (Some(strong), Some(weak)) = (make("SHA256"), make("SHA1")) else { return Vec::new() };
    vec![
        Life::imported("of gpg", &strong)
            .step(&["extend", "KEY", "--expires", "3y", "--subkeys"])
            .step(&["rotate", "KEY"]),
        Life::imported("of gpg over SHA-1", &weak).step(&["extend", "KEY", "--expires", "3y"]),
    ]
}

/// Writes all certificates into files, and returns their paths in the same order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let write = |(place, it): (usize, &Written)| {
        let path = folder.join(format!("{place}.asc"));
        fs::write(&path, &it.armored).unwrap();
        path
    };
    all().iter().enumerate().map(write).collect()
}

fn folder() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

#[test]
fn rpm_imports_every_certificate() {
    let Some(rpm) = peer("rpm") else { return };
    let folder = folder();
    for (file, it) in files(folder.path()).iter().zip(all()) {
        let keyring = TempDir::new_in(folder.path()).unwrap();
        let run = |arguments: &[&str]| -> Done {
            let mut command = Command::new(&rpm);
            command.arg("--dbpath").arg(keyring.path()).args(arguments).output().unwrap().into()
        };
        let said = run(&["--import", file.to_str().unwrap()]);
        assert_eq!(said.code(), Some(0), "{}: {said:?}", it.step);
        let known = run(&["--query", "gpg-pubkey"]);
        let name = format!("gpg-pubkey-{}-", it.fingerprint[32..].to_lowercase());
        assert!(known.out().starts_with(&name), "{}: {known:?}", it.step);
    }
}

#[test]
fn gpg_imports_every_certificate_and_finds_its_self_signatures_good() {
    for it in all() {
        let Some(gpg) = Gpg::new() else { return };
        gpg.import(&it.binary);
        assert_eq!(gpg.fingerprint(), it.fingerprint, "{}", it.step);
        let listed = gpg.text(&["--with-colons", "--check-signatures"]);
        let mut signatures =
            listed.lines().filter(|line| line.starts_with("sig:") || line.starts_with("rev:"));
        assert!(
            signatures.all(|line| line.split(':').nth(1) == Some("!")),
            "{}: {listed}",
            it.step
        );
    }
}

#[test]
fn gpgv_sqv_go_and_rpgp_accept_the_signatures_of_every_key() {
    for it in all() {
        let Some(signature) = &it.signature else { continue };
        // Shown if one of them refuses.
        println!("{}", it.step);
        judges::all_accept(&it.binary, signature, DATA);
    }
}

#[test]
fn rpgp_verifies_the_bindings_of_every_certificate() {
    let Some(rpgp) = rpgp() else { return };
    let described = rpgp.describe_all(all().iter().map(|it| &it.binary[..]));
    for (said, it) in described.iter().zip(all()) {
        assert!(said.starts_with(&it.fingerprint), "{}: {said}", it.step);
    }
}

/// Has a script print the fingerprint of each file that it could read, a line each.
#[track_caller]
fn reads_each(mut reader: Command) {
    let folder = folder();
    let said: Done = reader.args(files(folder.path())).output().unwrap().into();
    let fingerprints: Vec<&str> = all().iter().map(|it| &it.fingerprint[..]).collect();
    let out = said.out();
    let read: Vec<&str> = out.lines().collect();
    assert_eq!(read, fingerprints, "{said:?}");
    assert_eq!(said.code(), Some(0), "{said:?}");
}

/// Returns a folder below target/ that a package was installed into.
fn installed(folder: &str, file: &str, what: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name(folder);
    if folder.join(file).exists() {
        return Some(folder);
    }
    missing(&format!("{what} in {}, which is not there", folder.display()));
    None
}

#[test]
fn pgpy_reads_and_verifies_every_certificate() {
    const SCRIPT: &str = "
import sys, warnings
warnings.simplefilter('ignore')
import pgpy
for name in sys.argv[1:]:
    key, _ = pgpy.PGPKey.from_file(name)
    assert key.verify(key), name
    print(key.fingerprint.replace(' ', ''))
";
    let Some(python) = peer("python3") else { return };
    let Some(folder) = installed("pgpy", "pgpy", "PGPy of PyPI") else { return };
    let mut command = Command::new(python);
    command.args(["-c", SCRIPT]).env("PYTHONPATH", folder);
    reads_each(command);
}

#[test]
fn openpgp_js_finds_the_signing_key_of_every_certificate() {
    const SCRIPT: &str = "
const { readFileSync } = require('fs');
const openpgp = require('openpgp');
(async () => {
    for (const name of process.argv.slice(1)) {
        const key = await openpgp.readKey({ armoredKey: readFileSync(name, 'utf8') });
        if (!(await key.isRevoked())) await key.getSigningKey();
        console.log(key.getFingerprint().toUpperCase());
    }
})().catch(error => { console.error(error); process.exit(1); });
";
    let Some(node) = peer("node") else { return };
    let file = "node_modules/openpgp";
    let Some(folder) = installed("openpgpjs", file, "OpenPGP.js of npm") else { return };
    let mut command = Command::new(node);
    command.args(["-e", SCRIPT]).env("NODE_PATH", folder.join("node_modules"));
    reads_each(command);
}
