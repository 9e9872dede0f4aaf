//! Those who must accept what is signed here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::common::peers::{self, Question, go_verdict, peer};
use crate::common::sandbox::Done;

/// gpgv and sqv, with one certificate.
pub(crate) struct Programs {
    folder: TempDir,
    gpgv: Option<PathBuf>,
    sqv: Option<PathBuf>,
}

impl Programs {
    pub(crate) fn new(certificate: &[u8]) -> Programs {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::write(folder.path().join("certificate"), certificate).unwrap();
        Programs { folder, gpgv: peer("gpgv"), sqv: peer("sqv") }
    }

    /// Asks gpgv. What it says goes by its exit code and a GOODSIG line.
    pub(crate) fn gpgv(&self, signature: &Path, data: &Path) -> Result<(), String> {
        let Some(gpgv) = &self.gpgv else { return Ok(()) };
        let said: Done = Command::new(gpgv)
            .arg("--homedir")
            .arg(self.folder.path())
            .arg("--keyring")
            .arg(self.folder.path().join("certificate"))
            .args(["--status-fd", "1"])
            .args([signature, data])
            .output()
            .unwrap()
            .into();
        let good = said.is_ok() && said.out().contains("[GNUPG:] GOODSIG ");
        if good { Ok(()) } else { Err(format!("gpgv: {said:?}")) }
    }

    /// Asks sqv.
    pub(crate) fn sqv(&self, signature: &Path, data: &Path) -> Result<(), String> {
        let Some(sqv) = &self.sqv else { return Ok(()) };
        let said: Done = Command::new(sqv)
            .arg("--keyring")
            .arg(self.folder.path().join("certificate"))
            .args([signature, data])
            .output()
            .unwrap()
            .into();
        let good = said.is_ok() && said.out().trim().len() == 40;
        if good { Ok(()) } else { Err(format!("sqv: {said:?}")) }
    }
}

/// Asks the server's library.
pub(crate) fn go(certificate: &[u8], signature: &[u8], data: &[u8]) -> Result<(), String> {
    let Some(go) = go_verdict() else { return Ok(()) };
    is_accepted("Go", &go.ask(Question { key: certificate, signature, data }))
}

/// Asks rPGP, which checks all the certificate's bindings too. Either file may be armored.
pub(crate) fn rpgp(certificate: &[u8], signature: &[u8], data: &[u8]) -> Result<(), String> {
    let Some(rpgp) = peers::rpgp() else { return Ok(()) };
    is_accepted("rPGP", &rpgp.ask(Question { key: certificate, signature, data }))
}

fn is_accepted(judge: &str, answer: &str) -> Result<(), String> {
    if answer.starts_with("ACCEPT ") { Ok(()) } else { Err(format!("{judge}: {answer}")) }
}

/// Asserts that all of them accept a signature. The certificate is binary, as gpgv needs it.
pub(crate) fn all_accept(certificate: &[u8], signature: &[u8], data: &[u8]) {
    let programs = Programs::new(certificate);
    let signature_file = programs.folder.path().join("signature");
    let data_file = programs.folder.path().join("data");
    fs::write(&signature_file, signature).unwrap();
    fs::write(&data_file, data).unwrap();
    programs.gpgv(&signature_file, &data_file).unwrap();
    programs.sqv(&signature_file, &data_file).unwrap();
    go(certificate, signature, data).unwrap();
    rpgp(certificate, signature, data).unwrap();
}

#[test]
fn no_judge_accepts_other_data() {
    let plugsign = crate::common::sandbox::Sandbox::with_passphrase();
    let key = plugsign.acme_key(&["--no-passphrase"]);
    let file = plugsign.write("a.tar", b"signed");
    let signature = plugsign.sign(&file);
    let certificate = plugsign.certificate(&key);
    all_accept(&certificate, &signature, b"signed");
    let other = plugsign.write("b.tar", b"other");
    let signature_file = crate::common::sandbox::signature_of(&file);
    let programs = Programs::new(&certificate);
    if programs.gpgv.is_some() {
        assert!(programs.gpgv(&signature_file, &other).is_err());
    }
    if programs.sqv.is_some() {
        assert!(programs.sqv(&signature_file, &other).is_err());
    }
    if go_verdict().is_some() {
        assert!(go(&certificate, &signature, b"other").is_err());
    }
    if peers::rpgp().is_some() {
        assert!(rpgp(&certificate, &signature, b"other").is_err());
    }
}
