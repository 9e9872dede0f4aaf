//! Sources of others that `.ci/run` fetches into the target folder.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;

/// Returns a path in the target folder. Says which test goes without it if it is not there: they
/// come from the network, which no test needs.
pub fn fetched(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("fetched").join(name);
    if !path.exists() {
        let test = thread::current().name().unwrap_or("a test").to_owned();
        // Past the test harness, which would swallow what a passing test prints.
        let _ = writeln!(io::stderr(), "skipped: {test} needs {}, see .ci/run", path.display());
        return None;
    }
    Some(path)
}
