//! gpgconf, as far as programs look through it for gpg: gpgme, which reprepro and others sign with,
//! takes gpg's path from the component list of the first gpgconf on the PATH.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use plugsign::publisher::failure::EXIT_USAGE;
use plugsign::text::Safe;

use super::log::Log;
use super::status::Sink;
use super::table::LIKE;
use crate::edge::global::Global;
use crate::edge::terminal::Terminal;
use crate::edge::world::{gnupg_home_or_default, program_folder};

/// Answers a command line. `program` is the name that gpgconf was called by.
pub fn run(program: &OsString, global: &Global, arguments: &[OsString]) -> ExitCode {
    let log = Log::new(Sink::Errors, "gpgconf", false);
    let folder = program_folder(program, "gpgconf").unwrap_or_default();
    let mut words =
        arguments.iter().filter(|word| !matches!(word.to_str(), Some("-q" | "--quiet")));
    let task = words.next().and_then(|word| word.to_str()).unwrap_or_default();
    let text = match task {
        "--list-components" => {
            format!("gpg:OpenPGP:{}\n", escaped(&folder.join("gpg")))
        }
        "--list-dirs" => {
            let wanted: Vec<_> = words.collect();
            folders(&folder, &wanted)
        }
        "--version" => format!(
            "gpgconf (GnuPG) {LIKE}\nplugsign {}, in place of GnuPG\n",
            env!("CARGO_PKG_VERSION")
        ),
        // There is no agent to start, to stop or to tell anything.
        "--kill" | "-K" | "--launch" | "--reload" | "-R" | "--create-socketdir"
        | "--remove-socketdir" => String::new(),
        task => {
            let task = Safe::text(task);
            log.say(&format!("'{task}': plugsign has no settings to list or to change; it answers --list-components, --list-dirs and --version"));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    match Terminal::new(global).write_bytes(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            log.explain(&failure);
            ExitCode::from(EXIT_USAGE)
        }
    }
}

/// Lists the folders that gpgme asks for: all of them as `name:path`, or the paths of named ones.
fn folders(programs: &Path, wanted: &[&OsString]) -> String {
    let home = gnupg_home_or_default().unwrap_or_default();
    let all = [
        ("sysconfdir", Path::new("/etc/gnupg")),
        ("bindir", programs),
        ("libexecdir", programs),
        ("libdir", programs),
        ("datadir", Path::new("/usr/share/gnupg")),
        ("localedir", Path::new("/usr/share/locale")),
        ("socketdir", &home),
        ("homedir", &home),
    ];
    let named = all.iter().filter(|(name, _)| wanted.iter().any(|word| *word == name));
    match wanted.is_empty() {
        true => all.iter().map(|(name, path)| format!("{name}:{}\n", escaped(path))).collect(),
        false => named.map(|(_, path)| format!("{}\n", escaped(path))).collect(),
    }
}

/// Escapes what separates fields, as gpgconf does.
fn escaped(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.replace('%', "%25").replace(':', "%3a").replace('\n', "%0a")
}
