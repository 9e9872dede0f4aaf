//! A batch signed by a key in a token, beside the token alone: `cargo bench --bench tokens`.
//!
//! Needs SoftHSM, p11-kit with its headers (libp11-kit-dev) and a C compiler. Runs each in turn and
//! prints medians and ratios. The last lines go into benches/README.md.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const FILES: usize = 200;
const ROUNDS: usize = 9;
const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "1234";

struct Stage {
    root: PathBuf,
    plugsign: PathBuf,
}

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("not run: say cargo bench --bench tokens");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let tested = std::env::var_os("PLUGSIGN_TESTED");
    let plugsign = tested.map_or_else(|| env!("CARGO_BIN_EXE_plugsign").into(), PathBuf::from);
    let stage = Stage { root: folder.path().to_owned(), plugsign };
    stage.prepare();
    let loops = stage.root.join("token");
    let works: [(&str, &dyn Fn(usize)); 3] = [
        ("the token alone, a loop in C", &|_| {
            run(stage.command(&loops).args([MODULE, "X", PIN, &FILES.to_string()]));
        }),
        ("plugsign, one login", &|round| stage.sign(round, "1")),
        ("plugsign -j 2, two logins", &|round| stage.sign(round, "2")),
    ];
    let mut times = vec![Vec::new(); works.len()];
    for round in 0..ROUNDS {
        for (place, (_, work)) in works.iter().enumerate() {
            let number = round * works.len() + place;
            stage.files(number);
            let start = Instant::now();
            work(number);
            times[place].push(start.elapsed());
        }
    }
    println!("| work | program | median | of the token's |\n|---|---|---|---|");
    let medians: Vec<Duration> = times
        .into_iter()
        .map(|mut times| {
            times.sort();
            times[ROUNDS / 2]
        })
        .collect();
    for ((program, _), median) in works.iter().zip(&medians) {
        let ratio = median.as_secs_f64() / medians[0].as_secs_f64();
        let seconds = median.as_secs_f64();
        println!("| sign {FILES} x 4 KiB in SoftHSM | {program} | {seconds:.3} s | {ratio:.2} |");
    }
}

impl Stage {
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).env("SOFTHSM2_CONF", self.root.join("softhsm2.conf"));
        command.env("PLUGSIGN_HOME", self.root.join("home")).env("PLUGSIGN_PASSPHRASE", PIN);
        command.env_remove("RUST_BACKTRACE");
        command
    }

    fn uri() -> String {
        format!("pkcs11:token=X;object=release?module-path={MODULE}")
    }

    /// Makes a token with a key, and the loop in C.
    fn prepare(&self) {
        let tokens = self.root.join("tokens");
        fs::create_dir(&tokens).unwrap();
        let settings = format!("directories.tokendir = {}\n", tokens.display());
        fs::write(self.root.join("softhsm2.conf"), settings).unwrap();
        let token =
            ["--init-token", "--free", "--label", "X", "--pin", PIN, "--so-pin", "12345678"];
        run(self.command(Path::new("softhsm2-util")).args(token));
        let keygen = ["keygen", "-q", "--user-id", "Bench", "--on", &Stage::uri()];
        run(self.command(&self.plugsign).args(keygen));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/c/token.c");
        let compile = ["-O2", "-I/usr/include/p11-kit-1", "-o", "token"];
        run(self.command(Path::new("cc")).args(compile).arg(source).arg("-ldl"));
    }

    fn files(&self, number: usize) {
        let folder = self.root.join(format!("many-{number}"));
        fs::create_dir(&folder).unwrap();
        for file in 0..FILES {
            let content: Vec<u8> = (0..4096).map(|i| (i * 31 + file * 7) as u8).collect();
            fs::write(folder.join(format!("{file:03}.tar.gz")), content).unwrap();
        }
        fs::File::open(folder).unwrap().sync_all().unwrap();
    }

    fn sign(&self, number: usize, connections: &str) {
        let mut sign = self.command(&self.plugsign);
        sign.args(["sign", "-q", "--key", &Stage::uri()]);
        if connections != "1" {
            sign.args(["-j", connections]);
        }
        run(sign.arg(format!("many-{number}")));
    }
}

fn run(command: &mut Command) {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    assert!(status.as_ref().is_ok_and(|status| status.success()), "{command:?}: {status:?}");
}
