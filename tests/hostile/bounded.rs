//! Runs the program within the bounds that any input must keep to.

use std::cell::Cell;
use std::fs;
use std::io::{self, Write};
use std::time::Duration;

use tempfile::NamedTempFile;

use crate::common::sandbox::{Done, Sandbox};

/// What ends a command: 256 MiB of memory of its own, or five times the 2 s of processor time that
/// are promised. The promise holds on a machine of its time; this one may be older, without
/// SHA instructions, or shared. What was needed is told.
const LIMITS: &str = "ulimit -t 10; ulimit -d 262144";

thread_local! {
    static MOST_TIME: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Says how much was looked at and what it took, also where the test runner keeps what tests print
/// to itself.
pub fn told(what: &str) {
    let most = MOST_TIME.replace(Duration::ZERO);
    let took = match most.is_zero() {
        true => String::new(),
        false => format!(", each command in {:.2} s of processor time", most.as_secs_f64()),
    };
    let _ = writeln!(io::stderr(), "hostile: {what}{took}");
}

/// Runs a command line of words within the limits, and asserts that it ended by itself.
#[track_caller]
pub fn bounded(sandbox: &Sandbox, line: &str, what: &str) -> Done {
    let times = NamedTempFile::new().unwrap();
    let times_at = times.path().display();
    let shell = format!("{LIMITS}; \"$@\"; code=$?; times > {times_at}; exit $code");
    let done = sandbox.call(line.split_whitespace()).in_shell(&shell).run();
    // gpg's command lines say 2 for what they cannot do; elsewhere that is a wrong command line.
    let ended = matches!(done.code(), Some(0 | 1 | 3 | 4))
        || line.starts_with("gpg ") && done.code() == Some(2);
    assert!(ended, "{what}: plugsign {line}: over its limits, or a panic: {done:?}");
    let time = of_children(&fs::read_to_string(times.path()).unwrap());
    MOST_TIME.set(MOST_TIME.get().max(time));
    done
}

/// Reads the second line of the shell's `times`: `0m0.120000s 0m0.010000s`.
fn of_children(times: &str) -> Duration {
    let line = times.lines().nth(1).unwrap_or_else(|| panic!("{times:?}"));
    let seconds = line.split_whitespace().map(|time| {
        let (minutes, seconds) = time.trim_end_matches('s').split_once('m').unwrap();
        minutes.parse::<f64>().unwrap() * 60.0 + seconds.parse::<f64>().unwrap()
    });
    Duration::from_secs_f64(seconds.sum())
}
