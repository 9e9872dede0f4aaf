//! Programs that judge what we do, or that make what we judge: gpg, gpgv, sqv, the Go library,
//! rPGP.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::OnceLock;
use std::thread;

/// Looks for a program on the PATH.
///
/// When it is missing, says which test goes without it; with `PLUGSIGN_REQUIRE_PEERS=1` panics
/// instead.
pub fn peer(name: &str) -> Option<PathBuf> {
    let found = on_path(name);
    if found.is_none() {
        missing(&format!("{name}, which is not installed"));
    }
    found
}

/// Returns where the PATH has a program.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(name)).find(|it| it.is_file())
}

/// Says which test goes without something that CI has; with `PLUGSIGN_REQUIRE_PEERS=1` panics
/// instead.
pub fn missing(what: &str) {
    skipped_unless("PLUGSIGN_REQUIRE_PEERS", what);
}

/// Says which test goes without something, or panics if this variable is `1`.
pub fn skipped_unless(variable: &str, what: &str) {
    let required = env::var_os(variable).is_some_and(|value| value == "1");
    assert!(!required, "{} needs {what}, and {variable}=1", this_test());
    skipped(what);
}

/// Says which test goes without something that CI need not have either.
pub fn skipped(what: &str) {
    // Past the test harness, which would swallow what a passing test prints.
    let _ = writeln!(io::stderr(), "skipped: {} needs {what}", this_test());
}

fn this_test() -> String {
    thread::current().name().unwrap_or("a test").to_owned()
}

/// A key file, a signature file and the data that it should be over.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    pub key: &'a [u8],
    pub signature: &'a [u8],
    pub data: &'a [u8],
}

/// A library of others, as a program that answers questions.
pub struct Oracle {
    program: PathBuf,
}

/// The library that the server uses (tests/go/verdict.go). It is built once in a process.
pub fn go_verdict() -> Option<Oracle> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        const LIBRARY: &str = "/usr/share/gocode/src/golang.org/x/crypto/openpgp";
        let go = peer("go")?;
        if !Path::new(LIBRARY).is_dir() {
            missing(&format!("{LIBRARY} (golang-golang-x-crypto-dev), which is not there"));
            return None;
        }
        Some(build(&go, "verdict"))
    });
    program.clone().map(|program| Oracle { program })
}

/// Go's own archive/tar and encoding/json, with the server's steps (tests/go/reading.go).
pub fn go_reading() -> Option<Oracle> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| Some(build(&peer("go")?, "reading")));
    program.clone().map(|program| Oracle { program })
}

/// The implementation of OpenPGP that is neither gpg's nor sequoia's nor Go's (tests/rpgp).
///
/// It is a package of its own: as a dependency it would have the tests build sequoia with other
/// features than the program has.
pub fn rpgp() -> Option<Oracle> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("rpgp");
    let program = target.join("debug/rpgp");
    if !program.is_file() {
        missing(&format!(
            "rPGP, which is built by: cargo build --locked --manifest-path tests/rpgp/Cargo.toml \
             --target-dir {}",
            target.display()
        ));
        return None;
    }
    Some(Oracle { program })
}

/// Several test programs may build at once: each builds a file of its own, and the last one wins.
fn build(go: &Path, name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go");
    fs::create_dir_all(&folder).expect("the target folder can be written");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/go").join(format!("{name}.go"));
    let mine = folder.join(format!("{name}.{}", process::id()));
    let program = folder.join(name);
    let status = Command::new(go)
        .arg("build")
        .arg("-o")
        .arg(&mine)
        .arg(source)
        .env("GO111MODULE", "off")
        .env("GOPATH", "/usr/share/gocode")
        .env("GOCACHE", folder.join("cache"))
        .env("GOFLAGS", "")
        .status()
        .expect("go runs");
    assert!(status.success(), "tests/go/{name}.go does not build");
    fs::rename(&mine, &program).expect("the target folder can be written");
    program
}

impl Oracle {
    /// Asks for one verdict: `ACCEPT <key ID>`, `REFUSE <message>` or `PANIC <message>`.
    pub fn ask(&self, question: Question<'_>) -> String {
        self.ask_all([question]).pop().expect("one answer for one question")
    }

    /// Asks for many verdicts of one process.
    pub fn ask_all<'a>(&self, questions: impl IntoIterator<Item = Question<'a>>) -> Vec<String> {
        let files = |it: Question<'a>| [it.key, it.signature, it.data];
        self.answers("-batch", questions.into_iter().map(files))
    }

    /// Asks rPGP what certificates are: `tests/rpgp/src/main.rs` has the words.
    pub fn describe_all<'a>(
        &self,
        certificates: impl IntoIterator<Item = &'a [u8]>,
    ) -> Vec<String> {
        self.answers("-describe", certificates.into_iter().map(|it| [it]))
    }

    /// Asks what Go reads in files: `tests/go/reading.go` has the words.
    pub fn read_all<'a>(
        &self,
        what: &str,
        files: impl IntoIterator<Item = &'a [u8]>,
    ) -> Vec<String> {
        self.answers(what, files.into_iter().map(|it| [it]))
    }

    /// Gives the files of all questions, each behind its length, and returns a line for each
    /// question.
    fn answers<'a, const FILES: usize>(
        &self,
        what: &str,
        questions: impl Iterator<Item = [&'a [u8]; FILES]>,
    ) -> Vec<String> {
        let mut child = Command::new(&self.program)
            .arg(what)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the oracle runs");
        let stdout = child.stdout.take().expect("stdout is piped");
        let reader = thread::spawn(move || {
            BufReader::new(stdout)
                .lines()
                .collect::<io::Result<Vec<_>>>()
                .expect("answers are text")
        });
        let mut stdin = io::BufWriter::new(child.stdin.take().expect("stdin is piped"));
        let mut asked = 0;
        for files in questions {
            for file in files {
                let length = u32::try_from(file.len()).expect("files are small");
                stdin.write_all(&length.to_be_bytes()).expect("the oracle reads");
                stdin.write_all(file).expect("the oracle reads");
            }
            asked += 1;
        }
        stdin.flush().expect("the oracle reads");
        drop(stdin);
        let answers = reader.join().expect("the reader does not panic");
        assert!(child.wait().expect("the oracle ends").success(), "the oracle failed");
        assert_eq!(answers.len(), asked, "an answer for each question");
        answers
    }
}
