//! One signature for very many files: a signed list of their checksums.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{ROUNDS, Row, Run, Stage, race, run};

const LISTED: usize = 10_000;

impl Stage {
    /// Returns a folder of so many files, which is made once.
    fn listed(&self) -> PathBuf {
        let folder = self.root.join("listed");
        if fs::create_dir(&folder).is_ok() {
            for number in 0..LISTED {
                let content: Vec<u8> = (0..4096).map(|i| (i * 31 + number * 7) as u8).collect();
                fs::write(folder.join(format!("app-1.0-{number:05}.tar.gz")), content).unwrap();
            }
            fs::File::open(&folder).unwrap().sync_all().unwrap();
        }
        folder
    }

    fn sign_list(&self) {
        run(self.plugsign().args(["sign", "-q", "--list-only", "--checksums"]).arg(self.listed()));
    }

    /// The checksums alone, on two cores.
    fn sha256sum(&self) {
        let line = "ls | grep gz$ | xargs -P2 sha256sum";
        run(Command::new("sh").args(["-c", line]).current_dir(self.listed()));
    }

    pub(super) fn sign_listed(&self, work: &'static str) -> Vec<Row> {
        let mut runs: Vec<Run<'_>> = vec![
            ("plugsign", Box::new(|| self.sign_list())),
            ("sha256sum on two cores", Box::new(|| self.sha256sum())),
        ];
        race(work, ROUNDS, &mut runs, || {
            for name in ["SHA256SUMS", "SHA256SUMS.sig"] {
                let _ = fs::remove_file(self.listed().join(name));
            }
        })
    }

    pub(super) fn verify_listed(&self, work: &'static str) -> Vec<Row> {
        self.sign_list();
        let certificate = self.root.join("cert.pgp");
        let verify = || {
            let mut command = self.plugsign();
            run(command.args(["verify", "-q", "--key"]).arg(&certificate).arg(self.listed()));
        };
        let mut runs: Vec<Run<'_>> = vec![
            ("plugsign", Box::new(verify)),
            ("sha256sum on two cores", Box::new(|| self.sha256sum())),
        ];
        race(work, ROUNDS, &mut runs, || {})
    }
}
