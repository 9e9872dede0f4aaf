//! Files as gpg writes them, and as plugsign does: whole or not at all.

use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use plugsign::disk::Error;
use plugsign::disk::file::is_there;
use plugsign::disk::write::{Access, Existing};
use plugsign::publisher::failure::{Failure, secret_not_written};
use zeroize::Zeroizing;

use super::options::Options;
use super::session::Session;
use crate::edge::streams::is_dash;
use crate::edge::terminal::Conversation;

/// Where a result goes.
pub enum Output {
    Standard,
    Named(PathBuf),
}

/// Puts the headers that the command line asks for below the first line of an armored block, or of
/// the armor behind a text. As with gpg, a line end in a comment is escaped.
pub fn with_headers(armored: Zeroizing<Vec<u8>>, options: &Options) -> Zeroizing<Vec<u8>> {
    let mut headers = String::new();
    if options.emit_version {
        headers.push_str(&format!("Version: plugsign {}\n", env!("CARGO_PKG_VERSION")));
    }
    for comment in &options.comments {
        let line = comment.replace('\n', "\\n").replace('\r', "\\r").replace('\u{b}', "\\v");
        headers.push_str(&format!("Comment: {line}\n"));
    }
    // The text's own dashes are escaped.
    let signature = armored.windows(SIGNATURE.len()).rposition(|part| part == SIGNATURE);
    let start = signature.map_or(0, |before| before + 1);
    let Some(line) = armored[start..].iter().position(|byte| *byte == b'\n') else {
        return armored;
    };
    let end = start + line;
    let mut whole = Zeroizing::new(Vec::with_capacity(armored.len() + headers.len()));
    whole.extend_from_slice(&armored[..=end]);
    whole.extend_from_slice(headers.as_bytes());
    whole.extend_from_slice(&armored[end + 1..]);
    whole
}

/// How the armor behind a text begins.
const SIGNATURE: &[u8] = b"\n-----BEGIN PGP SIGNATURE-----";

/// Returns whether a path is the system's own name for standard output.
fn is_standard(path: &Path) -> bool {
    ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].iter().any(|name| path == Path::new(name))
}

impl Output {
    /// `-o FILE`, else what the task makes of its input.
    pub fn new(option: Option<&Path>, otherwise: Option<PathBuf>) -> Output {
        match option.map(Path::to_owned).or(otherwise) {
            Some(path) if !is_dash(&path) && !is_standard(&path) => Output::Named(path),
            _ => Output::Standard,
        }
    }

    /// Refuses to replace a file, unless `--yes` or a person says so. Asked before the work.
    pub fn check(&self, session: &Session) -> Result<Existing, Failure> {
        let Output::Named(path) = self else { return Ok(Existing::Keep) };
        if session.options.dry_run {
            return Ok(Existing::Keep);
        }
        // Another run may write the file meanwhile.
        if session.options.yes {
            return Ok(Existing::Replace);
        }
        if !is_there(path)? {
            return Ok(Existing::Keep);
        }
        let metadata = fs::symlink_metadata(path).map_err(Error::io("read", path))?;
        if !(metadata.is_file() || metadata.is_symlink()) {
            return Ok(Existing::Replace);
        }
        if !session.options.batch
            && !session.options.no
            && !session.options.no_tty
            && io::stdin().is_terminal()
            && let Some(mut person) = Conversation::open()
        {
            let shown = plugsign::text::Safe::path(path).to_string();
            person.say(&format!("File '{shown}' exists. "));
            let answer = person.ask("Overwrite? (y/N) ").unwrap_or_default();
            if matches!(answer.trim(), "y" | "Y" | "yes") {
                return Ok(Existing::Replace);
            }
        }
        Err(Error::Exists(path.clone()).into())
    }

    /// Writes bytes to a device or FIFO, or replaces a file in one step. A secret goes only to
    /// standard output or into a new file, because anybody could read at a FIFO's other end.
    pub fn write(
        &self,
        session: &Session,
        bytes: &[u8],
        secret: bool,
        existing: Existing,
    ) -> Result<(), Failure> {
        let Output::Named(path) = self else {
            if session.world.terminal.out_is_terminal() && !session.options.armor {
                return Err(Failure::BinaryToTerminal);
            }
            return session.world.terminal.write_bytes(bytes);
        };
        if session.options.dry_run {
            return Ok(());
        }
        // Through links: /dev/stdout is one.
        if !secret && fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            let write = || OpenOptions::new().write(true).open(path)?.write_all(bytes);
            return Ok(write().map_err(Error::io("write", path))?);
        }
        let access = match secret {
            true => Access::Secret,
            false => Access::Public { umask: session.world.umask },
        };
        let written = session.world.kept.write_new(path, bytes, access, existing);
        written.map_err(|error| if secret { secret_not_written(error) } else { error.into() })
    }
}
