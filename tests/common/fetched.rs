//! Sources of others that `.ci/run` fetches into the target folder.

use std::path::{Path, PathBuf};

use super::peers::skipped_unless;

/// Returns a path in the target folder. Says which test goes without it if it is not there: they
/// come from the network, which no test needs. With `PLUGSIGN_REQUIRE_FETCHED=1`, which is for where
/// all could be fetched, it panics instead.
pub fn fetched(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("fetched").join(name);
    if !path.exists() {
        let what = format!("{}, which .ci/fetch fetches", path.display());
        skipped_unless("PLUGSIGN_REQUIRE_FETCHED", &what);
        return None;
    }
    Some(path)
}
