//! One file of a gigabyte.

use std::fs;
use std::process::Command;

use super::{LARGE_ROUNDS, Row, Run, Stage, has, race, run, with_sig};

impl Stage {
    pub fn sign_large(&self, work: &'static str) -> Vec<Row> {
        let large = self.root.join("large.tar");
        let mut runs: Vec<Run<'_>> =
            vec![("plugsign", Box::new(|| run(self.plugsign().args(["sign", "-q"]).arg(&large))))];
        if has("openssl") {
            runs.push((
                "openssl dgst -sha256",
                Box::new(|| run(Command::new("openssl").args(["dgst", "-sha256"]).arg(&large))),
            ));
        }
        if has("gpg") {
            runs.push(("gpg", Box::new(|| run(self.gpg().arg("--detach-sign").arg(&large)))));
        }
        race(work, LARGE_ROUNDS, &mut runs, || {
            let _ = fs::remove_file(with_sig(&large));
        })
    }

    pub fn verify_large(&self, work: &'static str) -> Vec<Row> {
        let large = self.root.join("large.tar");
        run(self.plugsign().args(["sign", "-q", "--force"]).arg(&large));
        let certificate = self.root.join("cert.pgp");
        let mut runs: Vec<Run<'_>> = vec![(
            "plugsign",
            Box::new(|| {
                run(self.plugsign().args(["verify", "-q", "--key"]).arg(&certificate).arg(&large));
            }),
        )];
        if has("openssl") {
            runs.push((
                "openssl dgst -sha256",
                Box::new(|| run(Command::new("openssl").args(["dgst", "-sha256"]).arg(&large))),
            ));
        }
        if has("gpgv") {
            runs.push((
                "gpgv",
                Box::new(|| {
                    run(Command::new("gpgv")
                        .arg("--keyring")
                        .arg(&certificate)
                        .arg(with_sig(&large))
                        .arg(&large));
                }),
            ));
        }
        race(work, LARGE_ROUNDS, &mut runs, || {})
    }
}
