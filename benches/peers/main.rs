//! Whole processes, side by side: `cargo bench --bench peers`.
//!
//! Times plugsign and whichever peers are installed on the same work, in turns, and prints
//! medians and ratios. The last lines go into benches/README.md, the plot beside it. With the
//! start of a work's name behind `--`, such as "sign 200", only that is done, and nothing drawn.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::panic)]

mod large;
mod lists;
mod plot;

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use plot::plot;
use plugsign::publisher::parallel::{cores, each};

const PLUGSIGN: &str = env!("CARGO_BIN_EXE_plugsign");
const FILES: usize = 200;
const ROUNDS: usize = 9;
const LARGE_ROUNDS: usize = 5;
/// Finding primes takes as long as chance has it.
const KEYGEN_ROUNDS: usize = 20;
const LARGE: u64 = 1 << 30;

fn main() {
    // `cargo test --benches` builds and runs benches too; this one is no test.
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("not run: say cargo bench --bench peers");
        return;
    }
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::new(folder.path());
    let works: [(&str, Measure); 10] = [
        ("sign 200 x 4 KiB", Stage::sign_many),
        ("sign 4 KiB", Stage::sign_one),
        ("verify 200 x 4 KiB", Stage::verify_many),
        ("verify by debian-keyring.gpg", Stage::verify_by_keyring),
        ("list and sign 10,000 x 4 KiB", Stage::sign_listed),
        ("verify a list of 10,000 x 4 KiB", Stage::verify_listed),
        ("sign 1 GiB", Stage::sign_large),
        ("verify 1 GiB", Stage::verify_large),
        ("keygen, RSA-3072", Stage::keygen),
        ("--version", Stage::start),
    ];
    let wanted_works = works
        .iter()
        .filter(|(work, _)| wanted.as_ref().is_none_or(|wanted| work.starts_with(wanted)));
    let rows: Vec<Row> = wanted_works.flat_map(|(work, measure)| measure(&stage, work)).collect();
    println!("| work | program | median | of plugsign's |\n|---|---|---|---|");
    for row in &rows {
        let own = rows.iter().find(|own| own.work == row.work).map_or(row.median, |own| own.median);
        println!("{row} {:.2} |", row.median.as_secs_f64() / own.as_secs_f64());
    }
    if wanted.is_some() {
        return;
    }
    let svg = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers.svg");
    fs::write(&svg, plot(&rows)).unwrap();
    println!("plot: {}", svg.display());
}

/// Does one piece of work with every program.
type Measure = fn(&Stage, &'static str) -> Vec<Row>;

/// One program's time for one piece of work.
struct Row {
    work: &'static str,
    program: &'static str,
    median: Duration,
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "| {} | {} | {:.3} s |", self.work, self.program, self.median.as_secs_f64())
    }
}

struct Stage {
    root: PathBuf,
    gnupg: PathBuf,
    /// How many folders of many files were made.
    folders: Cell<usize>,
}

impl Stage {
    fn new(root: &Path) -> Stage {
        let stage = Stage { root: root.to_owned(), gnupg: root.join("g"), folders: Cell::new(0) };
        let large = fs::File::create(root.join("large.tar")).unwrap();
        large.set_len(LARGE).unwrap();
        let keygen = ["keygen", "--user-id", "Bench <bench@example.org>", "--no-passphrase", "-q"];
        run(stage.plugsign().args(keygen));
        run(stage.plugsign().args(["export", "Bench", "-q", "-o"]).arg(root.join("cert.pgp")));
        let secret = ["export", "Bench", "--secret", "--unprotected", "-q", "-o"];
        run(stage.plugsign().args(secret).arg(root.join("key.pgp")));
        if has("gpg") {
            fs::create_dir(&stage.gnupg).unwrap();
            run(Command::new("chmod").arg("700").arg(&stage.gnupg));
            run(stage.gpg().arg("--import").arg(root.join("key.pgp")));
        }
        stage
    }

    /// Makes another folder of files, as a build leaves it. None is used twice: what is deleted
    /// would cost the next run, which shuns inodes that were freed a moment ago (ext4).
    fn another_many(&self) {
        self.folders.set(self.folders.get() + 1);
        fs::create_dir(self.many()).unwrap();
        for (number, file) in self.files().iter().enumerate() {
            let content: Vec<u8> = (0..4096).map(|i| (i * 31 + number * 7) as u8).collect();
            fs::write(file, content).unwrap();
        }
        fs::File::open(self.many()).unwrap().sync_all().unwrap();
    }

    fn many(&self) -> PathBuf {
        self.root.join(format!("many-{}", self.folders.get()))
    }

    fn files(&self) -> Vec<PathBuf> {
        (0..FILES).map(|number| self.many().join(format!("{number:03}.tar.gz"))).collect()
    }

    fn plugsign(&self) -> Command {
        let mut command = Command::new(PLUGSIGN);
        command.env("PLUGSIGN_HOME", self.root.join("home")).env_remove("PLUGSIGN_KEY");
        // Errors take a trace with them where it is set.
        command.env_remove("RUST_BACKTRACE");
        command
    }

    fn gpg(&self) -> Command {
        let mut command = Command::new("gpg");
        command.env("GNUPGHOME", &self.gnupg).args(["--batch", "--quiet", "--yes"]);
        command
    }

    fn sign_many(&self, work: &'static str) -> Vec<Row> {
        let mut runs: Vec<Run<'_>> = vec![
            ("plugsign", Box::new(|| run(self.plugsign().args(["sign", "-q"]).arg(self.many())))),
            (
                "plugsign -j 1",
                Box::new(|| run(self.plugsign().args(["sign", "-q", "-j", "1"]).arg(self.many()))),
            ),
            (
                TRACED,
                Box::new(|| run(traced(self.plugsign()).args(["sign", "-q"]).arg(self.many()))),
            ),
        ];
        if has("gpg") {
            runs.push((
                "gpg, a loop",
                Box::new(|| {
                    for file in self.files() {
                        run(self.gpg().arg("--detach-sign").arg(file));
                    }
                }),
            ));
        }
        runs.push(("bare RSA signatures on all cores", Box::new(bare_signatures())));
        if has("sq") {
            // Since 1.0 it names other options.
            let help = Command::new("sq").args(["sign", "--help"]).output().unwrap().stdout;
            let is_old = String::from_utf8_lossy(&help).contains("--detached");
            let (by, to): (&str, &[&str]) = match is_old {
                true => ("--signer-key", &["--detached", "--output"]),
                false => ("--signer-file", &["--signature-file"]),
            };
            runs.push((
                "sq, a loop",
                Box::new(move || {
                    for file in self.files() {
                        run(Command::new("sq")
                            .args(["sign", by])
                            .arg(self.root.join("key.pgp"))
                            .args(to)
                            .arg(with_sig(&file))
                            .arg(file));
                    }
                }),
            ));
        }
        if has("minisign") {
            let (public, secret) = (self.root.join("m.pub"), self.root.join("m.key"));
            run(Command::new("minisign")
                .args(["-G", "-W", "-f", "-p"])
                .arg(public)
                .arg("-s")
                .arg(&secret));
            // Ed25519, without a sync: what a signature costs at the least.
            runs.push((
                "minisign, a loop",
                Box::new(move || {
                    for file in self.files() {
                        run(Command::new("minisign")
                            .args(["-S", "-s"])
                            .arg(&secret)
                            .arg("-m")
                            .arg(file));
                    }
                }),
            ));
        }
        race(work, ROUNDS, &mut runs, || self.another_many())
    }

    fn sign_one(&self, work: &'static str) -> Vec<Row> {
        let one = || run(self.plugsign().args(["sign", "-q"]).arg(&self.files()[0]));
        race(work, ROUNDS, &mut [("plugsign", Box::new(one))], || self.another_many())
    }

    fn verify_many(&self, work: &'static str) -> Vec<Row> {
        self.another_many();
        let many = self.many();
        run(self.plugsign().args(["sign", "-q"]).arg(&many));
        let certificate = self.root.join("cert.pgp");
        let verify = |mut plugsign: Command| {
            run(plugsign.args(["verify", "-q", "--key"]).arg(&certificate).arg(&many));
        };
        let mut runs: Vec<Run<'_>> = vec![
            ("plugsign", Box::new(|| verify(self.plugsign()))),
            (TRACED, Box::new(|| verify(traced(self.plugsign())))),
        ];
        for peer in ["gpgv", "sqv"] {
            if has(peer) {
                let certificate = certificate.clone();
                runs.push((
                    if peer == "gpgv" { "gpgv, a loop" } else { "sqv, a loop" },
                    Box::new(move || {
                        for file in self.files() {
                            run(Command::new(peer)
                                .arg("--keyring")
                                .arg(&certificate)
                                .arg(with_sig(&file))
                                .arg(file));
                        }
                    }),
                ));
            }
        }
        race(work, ROUNDS, &mut runs, || {})
    }

    /// The signer's certificate is the last one of a thousand.
    fn verify_by_keyring(&self, work: &'static str) -> Vec<Row> {
        const DEBIANS: &str = "/usr/share/keyrings/debian-keyring.gpg";
        let Ok(mut keyring) = fs::read(DEBIANS) else { return Vec::new() };
        keyring.extend(fs::read(self.root.join("cert.pgp")).unwrap());
        let (path, file) = (self.root.join("keyring.gpg"), self.root.join("one.tar.gz"));
        fs::write(&path, keyring).unwrap();
        fs::write(&file, [7; 4096]).unwrap();
        run(self.plugsign().args(["sign", "-q"]).arg(&file));
        let verify = |mut program: Command| {
            run(program.arg("--keyring").arg(&path).arg(with_sig(&file)).arg(&file));
        };
        // A link of this name is gpgv.
        let ours = self.root.join("gpgv");
        symlink(PLUGSIGN, &ours).unwrap();
        let mut runs: Vec<Run<'_>> =
            vec![("plugsign", Box::new(move || verify(Command::new(&ours))))];
        for peer in ["gpgv", "sqv"] {
            if has(peer) {
                runs.push((peer, Box::new(move || verify(Command::new(peer)))));
            }
        }
        race(work, ROUNDS, &mut runs, || {})
    }

    fn keygen(&self, work: &'static str) -> Vec<Row> {
        let arguments = ["keygen", "--user-id", "Another", "--no-passphrase", "-q"];
        let mut runs: Vec<Run<'_>> = vec![(
            "plugsign",
            Box::new(|| {
                run(self.plugsign().arg("--home").arg(self.root.join("h2")).args(arguments))
            }),
        )];
        if has("gpg") {
            runs.push((
                "gpg",
                Box::new(|| {
                    run(self.gpg().args([
                        "--pinentry-mode",
                        "loopback",
                        "--passphrase",
                        "",
                        "--quick-generate-key",
                        "Another",
                        "rsa3072",
                        "sign",
                        "never",
                    ]));
                }),
            ));
        }
        race(work, KEYGEN_ROUNDS, &mut runs, || {})
    }

    fn start(&self, work: &'static str) -> Vec<Row> {
        let mut runs: Vec<Run<'_>> =
            vec![("plugsign", Box::new(|| run(self.plugsign().arg("--version"))))];
        race(work, KEYGEN_ROUNDS, &mut runs, || {})
    }
}

const TRACED: &str = "plugsign with RUST_BACKTRACE=1";

fn traced(mut plugsign: Command) -> Command {
    plugsign.env("RUST_BACKTRACE", "1");
    plugsign
}

type Run<'a> = (&'static str, Box<dyn Fn() + 'a>);

/// Runs each in turn, round after round, so that a noisy minute hits all of them.
fn race(work: &'static str, rounds: usize, runs: &mut [Run<'_>], prepare: impl Fn()) -> Vec<Row> {
    let mut times = vec![Vec::new(); runs.len()];
    for _ in 0..rounds {
        for (place, (_, run)) in runs.iter().enumerate() {
            prepare();
            let start = Instant::now();
            run();
            times[place].push(start.elapsed());
        }
    }
    runs.iter()
        .zip(times)
        .map(|((program, _), mut times)| {
            times.sort();
            Row { work, program, median: times[times.len() / 2] }
        })
        .collect()
}

/// The least that signing the files can take: nothing but the RSA operations, on every core.
fn bare_signatures() -> impl Fn() {
    let key = KeyPair::generate(KeySize::Rsa3072).unwrap();
    move || {
        let numbers: Vec<_> = (0..FILES).collect();
        each(&numbers, cores(), |&number| {
            let digest = digest::digest(&digest::SHA256, &number.to_le_bytes());
            let mut signature = vec![0; key.public_modulus_len()];
            key.sign_digest(&RSA_PKCS1_SHA256, &digest, &mut signature).unwrap();
        });
    }
}

fn has(program: &str) -> bool {
    let found =
        Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_err() {
        println!("not measured: {program} is not installed");
    }
    found.is_ok()
}

fn run(command: &mut Command) {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(status.as_ref().is_ok_and(|status| status.success()), "{command:?}: {status:?}");
}

fn with_sig(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sig");
    PathBuf::from(name)
}
