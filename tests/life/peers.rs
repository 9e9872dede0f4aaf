//! The life in keys-example/key-life.sh, judged by everybody after each step as
//! docs/key-life.md says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::common::peers::{Question, go_verdict, peer};
use crate::common::sandbox::PROGRAM;
use crate::common::sandbox::{Done, Sandbox};
use crate::life::gpg::Gpg;

/// Runs the script, once, and returns the folder that it worked in.
fn life() -> PathBuf {
    static LIFE: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = LIFE.get_or_init(|| {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let path = folder.path().join("life");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys-example/key-life.sh");
        let said: Done = Command::new("sh")
            .arg(script)
            .arg(&path)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("PLUGSIGN", PROGRAM)
            .output()
            .unwrap()
            .into();
        assert_eq!(said.code(), Some(0), "{said:?}");
        (folder, path)
    });
    path.clone()
}

/// A row of the document's table.
struct Row {
    published: String,
    release: String,
    plugsign: String,
    gpg: String,
    sqv: bool,
    server: bool,
}

fn rows() -> Vec<Row> {
    let document = include_str!("../../docs/key-life.md");
    let table = document.split("| published | release |").nth(1).expect("the table");
    let rows: Vec<Row> = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let yes = |cell: &str, yes: &str| {
                assert!(cell == yes || cell == "refuses", "{line}");
                cell == yes
            };
            Row {
                published: cells[1].into(),
                release: cells[2].into(),
                plugsign: cells[3].into(),
                gpg: cells[4].into(),
                sqv: yes(cells[5], "good"),
                server: yes(cells[6], "accepts"),
            }
        })
        .collect();
    assert_eq!(rows.len(), 11);
    rows
}

impl Row {
    fn certificate(&self) -> PathBuf {
        life().join(format!("steps/{}.pgp", self.published))
    }

    fn artifact(&self) -> PathBuf {
        life().join(format!("dist/{}.tar", self.release))
    }

    fn signature(&self) -> PathBuf {
        life().join(format!("dist/{}.tar.sig", self.release))
    }

    fn named(&self) -> String {
        format!("{} {}", self.published, self.release)
    }
}

#[test]
fn plugsign_says_what_the_document_says() {
    for row in rows() {
        let sandbox = Sandbox::with_passphrase();
        let call = sandbox.call([
            "verify".as_ref(),
            "--key".as_ref(),
            row.certificate().as_os_str(),
            row.artifact().as_os_str(),
        ]);
        let said = call.run();
        let out = said.out();
        let verdict = match out.starts_with("good ") {
            true => "good",
            false => out.split_whitespace().nth(2).unwrap().trim_end_matches(':'),
        };
        assert_eq!(verdict, row.plugsign, "{}: {said:?}", row.named());
    }
}

/// Returns the word of gpg's status lines that is a verdict.
fn verdict(said: &Done) -> String {
    let words = ["GOODSIG", "REVKEYSIG", "EXPKEYSIG", "EXPSIG", "BADSIG", "NO_PUBKEY"];
    let out = said.out();
    let lines = out.lines().filter_map(|line| line.split_whitespace().nth(1));
    let found: Vec<&str> = lines.filter(|word| words.contains(word)).collect();
    found.join(" ")
}

#[test]
fn gpg_says_what_the_document_says() {
    for row in rows() {
        let Some(gpg) = Gpg::with(&fs::read(row.certificate()).unwrap()) else { return };
        let (signature, artifact) = (row.signature(), row.artifact());
        let (signature, artifact) = (signature.to_str().unwrap(), artifact.to_str().unwrap());
        let said = gpg.run(&["--status-fd", "1", "--verify", signature, artifact]);
        assert_eq!(verdict(&said), row.gpg, "{}: {said:?}", row.named());
    }
}

#[test]
fn gpgv_says_what_the_document_says() {
    let Some(gpgv) = peer("gpgv") else { return };
    let folder = TempDir::new().unwrap();
    for row in rows() {
        let mut command = Command::new(&gpgv);
        command.arg("--homedir").arg(folder.path()).arg("--keyring").arg(row.certificate());
        command.args(["--status-fd", "1"]).arg(row.signature()).arg(row.artifact());
        let said: Done = command.output().unwrap().into();
        assert_eq!(verdict(&said), row.gpg, "{}: {said:?}", row.named());
    }
}

#[test]
fn sqv_says_what_the_document_says() {
    let Some(sqv) = peer("sqv") else { return };
    for row in rows() {
        let mut command = Command::new(&sqv);
        command.arg("--keyring").arg(row.certificate()).arg(row.signature()).arg(row.artifact());
        let said: Done = command.output().unwrap().into();
        assert_eq!(said.is_ok(), row.sqv, "{}: {said:?}", row.named());
    }
}

#[test]
fn the_servers_library_says_what_the_document_says() {
    let Some(go) = go_verdict() else { return };
    for row in rows() {
        let read = |path: PathBuf| fs::read(path).unwrap();
        let key = read(row.certificate());
        let (signature, data) = (read(row.signature()), read(row.artifact()));
        let said = go.ask(Question { key: &key, signature: &signature, data: &data });
        assert_eq!(said.starts_with("ACCEPT "), row.server, "{}: {said}", row.named());
    }
}

#[test]
fn the_servers_library_knows_no_expiry() {
    // docs/key-life.md says so.
    let Some(go) = go_verdict() else { return };
    use crate::common::craft::*;
    let mut recipe = Recipe::of(Material::a());
    recipe.validity = Some(DAY);
    let (key, signature) = (public(&recipe.build()), signature(&recipe));
    let said = go.ask(Question { key: &key, signature: &signature, data: DATA });
    assert!(said.starts_with("ACCEPT "), "{said}");
}

#[test]
fn gpg_imports_the_secret_for_ci_and_signs_with_it_and_can_do_nothing_else() {
    let life = life();
    let line = fs::read_to_string(life.join("ci-secret")).unwrap();
    assert_eq!(line.matches('\n').count(), 1, "one line");
    use base64::Engine;
    let packets = base64::engine::general_purpose::STANDARD.decode(line.trim()).unwrap();
    let Some(gpg) = Gpg::with(&packets) else { return };
    let listing = gpg.text(&["--with-colons", "--list-secret-keys"]);
    let lines: Vec<Vec<&str>> = listing.lines().map(|line| line.split(':').collect()).collect();
    let primary = lines.iter().find(|line| line[0] == "sec").unwrap();
    assert_eq!(primary[14], "#", "the primary key is not there: {listing}");
    let subkeys: Vec<_> = lines.iter().filter(|line| line[0] == "ssb").collect();
    assert_eq!(subkeys.len(), 1, "{listing}");
    assert_eq!((subkeys[0][11], subkeys[0][14]), ("s", "+"), "{listing}");
    gpg.forget_passphrases();
    let (output, data) = (gpg.path("signature"), life.join("dist/first.tar"));
    let sign = ["--passphrase-fd", "0", "-o", output.to_str().unwrap(), "--detach-sign"];
    let sign = [&sign[..], &[data.to_str().unwrap()]].concat();
    let said = gpg.run_with(&sign, "the secret of the CI\n");
    assert_eq!(said.code(), Some(0), "{said:?}");
    let fingerprint = gpg.fingerprint();
    let extend = ["--passphrase-fd", "0", "--quick-set-expire", &fingerprint, "2y"];
    assert_ne!(gpg.run_with(&extend, "the secret of the CI\n").code(), Some(0), "no primary key");
}

#[test]
fn gpgs_revocation_certificate_works_after_its_colon_is_removed() {
    let Some(gpg) = Gpg::new() else { return };
    gpg.must(&["--quick-gen-key", "Acme <r@acme.test>", "rsa3072", "sign,cert", "never"]);
    let fingerprint = gpg.fingerprint();
    let plugsign = Sandbox::with_passphrase();
    plugsign.import_with(&gpg.must(&["--export-secret-keys"]), &[]);
    let guarded =
        fs::read_to_string(gpg.path(&format!("openpgp-revocs.d/{fingerprint}.rev"))).unwrap();
    let file = plugsign.write("release.tar", b"a release");
    let revocation = plugsign.write("revocation", guarded.as_bytes());
    let import = ["import".as_ref(), revocation.as_os_str()];
    assert_eq!(plugsign.call(import).run().code(), Some(3));
    plugsign.sign(&file);
    plugsign.write("revocation", guarded.replace("\n:-----", "\n-----").as_bytes());
    let said = plugsign.call(import).run().exits(0);
    assert!(said.out().starts_with(&format!("updated  {fingerprint}  revocation")), "{said:?}");
    let said = plugsign.call(["sign".as_ref(), "--force".as_ref(), file.as_os_str()]).run();
    assert_eq!(said.code(), Some(4), "{said:?}");
}
