//! A command line, run again and again from the same state, with one fault each time.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::SystemTime;

use crate::common::craft::*;
use crate::common::peers::peer;
use crate::common::random;
use crate::common::sandbox::{Done, PROGRAM, Sandbox, copy};
use crate::common::systems;
use crate::faults::trace::{self, CALLS, RESTARTED, Traced};

const ERRORS: &[&str] = &["EIO", "ENOSPC", "EACCES", "EROFS", "EDQUOT"];

/// Which of the faults are tried. All of them take ten times as long as the rest of the tests.
struct Sample {
    /// One in ten, from this one on. None is all.
    turn: Option<usize>,
    met: Cell<usize>,
}

const TURNS: usize = 10;

impl Sample {
    /// `PLUGSIGN_FAULTS=all` tries all. `PLUGSIGN_FAULTS=N` tries the tenth that N names: 0 to 9
    /// are all of them. Otherwise it is another tenth every second, and printed.
    fn new() -> Sample {
        static TURN: OnceLock<Option<usize>> = OnceLock::new();
        let turn = TURN.get_or_init(|| {
            let asked = env::var("PLUGSIGN_FAULTS").unwrap_or_default();
            let turn = match asked.as_str() {
                "all" => return None,
                "" => random::turn(TURNS),
                turn => turn.parse::<usize>().expect("PLUGSIGN_FAULTS is all or a number") % TURNS,
            };
            let _ = writeln!(
                io::stderr(),
                "faults: one call in {TURNS}, as PLUGSIGN_FAULTS={turn} does; PLUGSIGN_FAULTS=all tries all"
            );
            Some(turn)
        });
        Sample { turn: *turn, met: Cell::new(0) }
    }

    /// Counts a fault, and returns whether it is tried.
    fn takes(&self) -> bool {
        let met = self.met.replace(self.met.get() + 1);
        self.turn.is_none_or(|turn| met % TURNS == turn)
    }
}

/// A command that writes.
pub struct Task {
    /// The command line. `KEY` stands for what `prepare` returns.
    pub line: &'static str,
    /// Brings about the state that it starts from.
    pub prepare: fn(&Sandbox) -> String,
    /// Tells whether everything that it should do is done.
    pub is_done: fn(&Sandbox, &str) -> bool,
    /// What a second run says if the first one was complete and the second one fails.
    pub again: &'static [&'static str],
    /// Whether keys may be of no more use after it.
    pub ends_keys: bool,
    /// Whether keys may be gone after it.
    pub deletes_keys: bool,
    /// Asserts what holds in every state.
    pub always: fn(&Sandbox, &str),
}

impl Task {
    pub fn new(
        line: &'static str,
        prepare: fn(&Sandbox) -> String,
        is_done: fn(&Sandbox, &str) -> bool,
    ) -> Task {
        Task {
            line,
            prepare,
            is_done,
            again: &[],
            ends_keys: false,
            deletes_keys: false,
            always: |_, _| {},
        }
    }

    /// The words of the error that may meet the second run.
    pub fn again(mut self, words: &'static [&'static str]) -> Task {
        self.again = words;
        self
    }

    pub fn always(mut self, holds: fn(&Sandbox, &str)) -> Task {
        self.always = holds;
        self
    }

    pub fn ends_keys(mut self) -> Task {
        self.ends_keys = true;
        self
    }

    pub fn deletes_keys(mut self) -> Task {
        self.deletes_keys = true;
        self
    }

    /// Runs a command that says no, with every error at every call: none turns that into a yes.
    pub fn never(line: &'static str, prepare: fn(&Sandbox) -> String, code: i32) {
        let Some(sweep) = Task::new(line, prepare, |_, _| false).prepared() else { return };
        let (sandbox, output, calls) = sweep.survey();
        assert_eq!(output.status.code(), Some(code), "{line}: {}", text(&output.stderr));
        let (mut errors, sample) = (0, Sample::new());
        for call in calls.iter().filter(|call| call.touches(sandbox.folder())) {
            if call.closes_a_folder() {
                continue;
            }
            for error in ["EIO", "EACCES"] {
                errors += 1;
                if !sample.takes() {
                    continue;
                }
                let inject = format!("inject={}:error={error}:when={}", call.name, call.nth);
                let Some((_, output)) = sweep.faulty(call, &inject) else { continue };
                let told = text(&[output.stdout, output.stderr].concat());
                let what = format!("{line}: {error} at {}\n{told}", call.text);
                assert!(matches!(output.status.code(), Some(1..=4)), "{what}: {}", output.status);
            }
        }
        assert!(errors > 20, "{line}: a trace too short");
        let _ = writeln!(io::stderr(), "faults: {line}: {errors} errors, and never a yes");
    }

    /// Runs it with every fault at every call.
    pub fn sweep(self) {
        if let Some(sweep) = self.prepared() {
            sweep.run();
        }
    }

    fn prepared(self) -> Option<Sweep> {
        let strace = peer("strace")?;
        let template = Sandbox::new();
        let key = (self.prepare)(&template);
        template.write("probe.tar", DATA);
        let epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let before = state(template.folder());
        Some(Sweep { task: self, strace, template, key, epoch, before })
    }
}

struct Sweep {
    task: Task,
    strace: std::path::PathBuf,
    template: Sandbox,
    key: String,
    epoch: u64,
    before: State,
}

/// What befell a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    Killed,
    Error(&'static str),
    Interrupted,
}

impl Sweep {
    fn run(&self) {
        let line = self.task.line;
        let (sandbox, output, calls) = self.survey();
        assert_eq!(output.status.code(), Some(0), "{line}: {}", text(&output.stderr));
        assert!((self.task.is_done)(&sandbox, &self.key), "{line}: not done");
        let written = trace::assert_order(&calls, sandbox.folder(), line);
        assert!(written > 0, "{line} writes nothing");
        let sample = Sample::new();
        let everything = sample.turn.is_none();
        let mut states = Outcomes::new();
        let (mut kills, mut errors, mut interrupted) = (0, 0, 0);
        let calls = calls.iter().filter(|call| call.touches(sandbox.folder()));
        for (turn, call) in calls.enumerate() {
            if call.closes_a_folder() {
                continue;
            }
            if call.changes() {
                kills += 1;
                if sample.takes() {
                    self.inject(call, Fault::Killed, &mut states);
                }
            }
            for (place, error) in ERRORS.iter().enumerate() {
                // What only looks fails alike whatever the error, so one of them is enough.
                if !everything && !call.changes() && place != turn % ERRORS.len() {
                    continue;
                }
                errors += 1;
                if sample.takes() {
                    self.inject(call, Fault::Error(error), &mut states);
                }
            }
            // A folder's open waits for nothing that a signal could interrupt.
            if call.is_one_of(RESTARTED) && !call.text.contains("O_DIRECTORY") {
                interrupted += 1;
                if sample.takes() {
                    self.inject(call, Fault::Interrupted, &mut states);
                }
            }
        }
        assert!(
            // The fewest that a file takes: it is made, written, named, and its folder synced. One
            // that is removed is only opened less often.
            kills >= 4 && errors >= 30 && interrupted >= 4,
            "{line}: a trace too short: {kills}, {errors}, {interrupted}"
        );
        let _ = writeln!(
            io::stderr(),
            "faults: {line}: {kills} kills, {errors} errors, {interrupted} interruptions; \
             {} states, {written} files in order",
            states.len()
        );
    }

    fn fresh(&self) -> Sandbox {
        let sandbox = Sandbox::new();
        copy(self.template.folder(), sandbox.folder());
        sandbox
    }

    /// Runs the command under strace, which follows the first thread alone: it does all the
    /// work here, and so its calls have an order.
    fn strace(&self, sandbox: &Sandbox, options: &[&str]) -> Output {
        let trace = sandbox.folder().with_extension("trace");
        let mut command = Command::new(&self.strace);
        command.args(["-qq", "-y", "-s0", "-o"]).arg(&trace).args(options);
        command.arg(PROGRAM).args(self.line().split_whitespace()).current_dir(sandbox.folder());
        command.env_clear().env("PLUGSIGN_HOME", sandbox.home());
        command.env("PLUGSIGN_NEW_PASSPHRASE", "new");
        command.env("SOURCE_DATE_EPOCH", self.epoch.to_string());
        command.stdin(Stdio::null());
        systems::start([self.task.line.as_ref()], || command.output().unwrap())
    }

    fn line(&self) -> String {
        self.task.line.replace("KEY", &self.key)
    }

    fn survey(&self) -> (Sandbox, Output, Vec<Traced>) {
        let sandbox = self.fresh();
        let names: Vec<String> = CALLS.iter().map(|name| format!("?{name}")).collect();
        let filter = format!("trace={}", names.join(","));
        let output = self.strace(&sandbox, &["-s4096", "-e", &filter]);
        let trace = sandbox.folder().with_extension("trace");
        let calls = Traced::read(&fs::read_to_string(&trace).unwrap());
        fs::remove_file(trace).unwrap();
        (sandbox, output, calls)
    }

    /// Runs it with a fault at a call. Nothing if the fault met another call, the close of a
    /// folder: two runs need not read the same files in the same order.
    fn faulty(&self, call: &Traced, inject: &str) -> Option<(Sandbox, Output)> {
        let sandbox = self.fresh();
        let output = self.strace(&sandbox, &["-e", &format!("trace={}", call.name), "-e", inject]);
        let trace = sandbox.folder().with_extension("trace");
        let calls = Traced::read(&fs::read_to_string(&trace).unwrap_or_default());
        let _ = fs::remove_file(trace);
        let met = calls.iter().find(|call| call.text.ends_with("(INJECTED)"));
        (!met.is_some_and(Traced::closes_a_folder)).then_some((sandbox, output))
    }

    fn inject(&self, call: &Traced, fault: Fault, states: &mut Outcomes) {
        let effect = match fault {
            Fault::Killed => "signal=KILL".to_owned(),
            Fault::Error(error) => format!("error={error}"),
            Fault::Interrupted => "error=EINTR".to_owned(),
        };
        let inject = format!("inject={}:{effect}:when={}", call.name, call.nth);
        let Some((sandbox, output)) = self.faulty(call, &inject) else { return };
        let said = text(&[output.stderr, output.stdout].concat());
        let what = format!("{}: {effect} at {}\n{said}", self.task.line, call.text);
        let after = state(sandbox.folder());
        let is_done = || (self.task.is_done)(&sandbox, &self.key);
        assert!(!said.contains("panicked"), "{what}");
        match fault {
            Fault::Killed => {
                let killed = output.status.signal() == Some(9) || output.status.code() == Some(137);
                assert!(killed, "{what}: {}", output.status);
            }
            Fault::Interrupted => {
                assert_eq!(output.status.code(), Some(0), "{what}");
                assert!(is_done(), "{what}");
            }
            Fault::Error(_) => {
                match output.status.code() {
                    Some(0) => assert!(is_done(), "{what}: success that is none"),
                    // gpg's is 2.
                    Some(2) if self.task.line.starts_with("gpg") => assert!(!said.is_empty()),
                    Some(3) => {
                        let names = ["error: ", "failed: ", "refused", "unreadable", "BAD"];
                        assert!(names.iter().any(|name| said.contains(name)), "{what}");
                    }
                    _ => panic!("{what}: {}", output.status),
                }
                let may_leave = call.is_one_of(&["unlink", "unlinkat"]);
                let left = after.keys().find(|name| name.contains(".tmp"));
                assert!(may_leave || left.is_none(), "{what}: {left:?}");
            }
        }
        if after != self.before && states.insert(outcome(&self.before, &after)) {
            self.assert_usable(&sandbox, &what);
        }
    }

    /// Asserts that the home lists, its keys sign, signatures are good, and that the command
    /// works.
    fn assert_usable(&self, sandbox: &Sandbox, what: &str) {
        let run = |line: &str| -> Done {
            let call = sandbox.call(line.split_whitespace());
            call.env("PLUGSIGN_PASSPHRASE", "new").env("PLUGSIGN_NEW_PASSPHRASE", "new").run()
        };
        let list = run("--json list");
        assert_eq!(list.code(), Some(0), "{what}: {list:?}");
        let keys = |sandbox: &Sandbox| -> Vec<String> {
            let names = sandbox.names("home/keys").into_iter();
            names.filter_map(|name| Some(name.strip_suffix(".pgp")?.to_owned())).collect()
        };
        for key in keys(&self.template) {
            let is_here = keys(sandbox).contains(&key);
            assert!(is_here || self.task.deletes_keys, "{what}: {key} is lost");
        }
        for key in keys(sandbox) {
            let sign = run(&format!("sign -u {key} -o probe.sig --force probe.tar"));
            let may_refuse = self.task.ends_keys && sign.code() == Some(4);
            assert!(sign.code() == Some(0) || may_refuse, "{what}: {sign:?}");
        }
        if !self.task.ends_keys {
            for signature in after_files(sandbox, ".sig") {
                let verify = run(&format!("verify {signature}"));
                // Files are signed before their new list is: until then the old one lacks them.
                let bad = verify.out();
                let mut bad = bad.lines().filter(|line| line.starts_with("BAD"));
                let is_good = verify.code() == Some(0) || verify.code() == Some(1);
                let is_unlisted =
                    bad.all(|line| line.contains("it is not on the signed SHA256SUMS"));
                assert!(is_good && is_unlisted, "{what}: {verify:?}");
            }
        }
        (self.task.always)(sandbox, &self.key);
        let was_done = (self.task.is_done)(sandbox, &self.key);
        let again = run(&self.line());
        let said = [again.out(), again.err()].concat();
        let is_known = was_done && self.task.again.iter().any(|words| said.contains(words));
        assert!(again.code() == Some(0) || is_known, "{what}, and again: {again:?}");
        assert!((self.task.is_done)(sandbox, &self.key), "{what}: not done again");
    }
}

fn after_files(sandbox: &Sandbox, suffix: &str) -> Vec<String> {
    let names = state(sandbox.folder()).into_keys();
    names.filter(|name| name.ends_with(suffix) && name != "probe.sig").collect()
}

/// What became of every file, as far as two runs of the same command do the same.
type Outcomes = BTreeSet<Vec<(String, u32, Option<usize>)>>;

/// Keys and the salts of their protection are random, and so are names and bytes. Of what is new
/// the size tells whether it is whole; signatures and numbers may lack a few zero bytes.
fn outcome(before: &State, after: &State) -> Vec<(String, u32, Option<usize>)> {
    let of = |(name, (mode, bytes)): (&String, &(u32, Vec<u8>))| {
        let is_old = before.get(name).is_some_and(|old| old.1 == *bytes);
        let name = match before.contains_key(name) {
            true => name.clone(),
            false => name.chars().map(|it| if it.is_ascii_hexdigit() { 'X' } else { it }).collect(),
        };
        (name, *mode, (!is_old).then_some(bytes.len() / 64))
    };
    after.iter().map(of).collect()
}

/// Names, modes and bytes of everything in a folder. Temporary files have random names, and of
/// them nothing is promised but that they are private.
type State = BTreeMap<String, (u32, Vec<u8>)>;

fn state(folder: &Path) -> State {
    let mut found = State::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            let mode = fs::symlink_metadata(&path).unwrap().mode();
            if path.is_dir() {
                folders.push(path);
                found.insert(name, (mode, Vec::new()));
            } else if let Some(name) = name.strip_suffix(".tmp") {
                assert_eq!(mode & 0o7133, 0, "{name} is {mode:o}");
                let name = name.rsplit_once('.').unwrap().0;
                found.insert(format!("{name}.RANDOM.tmp"), (mode, Vec::new()));
            } else {
                found.insert(name, (mode, fs::read(path).unwrap()));
            }
        }
    }
    found
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
