//! Runs the program within the bounds that any input must keep to.

use std::io::{self, Write};

use crate::common::run::{Done, Sandbox};

/// Says how much was looked at, also where the test runner keeps what tests print to itself.
pub fn told(what: &str) {
    let _ = writeln!(io::stderr(), "hostile: {what}");
}

/// 2 s of processor time and 256 MiB of memory of its own; the system ends what takes more.
const LIMITS: &str = "exec prlimit --cpu=2:2 --data=268435456 \"$@\"";

/// Runs a command line of words within the limits, and asserts that it ended by itself.
#[track_caller]
pub fn bounded(sandbox: &Sandbox, line: &str, what: &str) -> Done {
    let done = sandbox.call(line.split_whitespace()).in_shell(LIMITS).run();
    // gpg's command lines say 2 for what they cannot do; elsewhere that is a wrong command line.
    let ended = matches!(done.code(), Some(0 | 1 | 3 | 4))
        || line.starts_with("gpg ") && done.code() == Some(2);
    assert!(ended, "{what}: plugsign {line}: over its limits, or a panic: {done:?}");
    done
}
