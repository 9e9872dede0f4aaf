//! Where a tool runs: a sandbox with a key, whose PATH has one gpg.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::common::peers::peer;
use crate::common::sandbox::{Done, PROGRAM, Sandbox, Who};
use crate::gpg::twins::GpgKeys;

pub const USER_ID: &str = "Acme Release <r@acme.test>";

/// What plugsign stands in for. dpkg and gpgme look for the last two; see docs/in-place-of-gpg.md.
const LINKS: [&str; 5] = ["gpg", "gpg2", "gpgv", "gpgconf", "gpg-agent"];

/// Other OpenPGP programs: dpkg prefers some of them to gpg.
const OTHERS: [&str; 4] = ["sq", "sqv", "sop", "sqopv"];

/// A sandbox with a key of its own in `$KEY`, and its certificate in `key.gpg`.
pub struct Workshop {
    pub desk: Sandbox,
    pub key: String,
}

impl Workshop {
    /// One with plugsign and nothing of GnuPG's, and one with gpg. None if a program is missing.
    pub fn both(programs: &[&str]) -> Option<[Workshop; 2]> {
        for program in programs {
            peer(program)?;
        }
        let theirs = Workshop::of(Who::Gpg)?;
        Some([Workshop::of(Who::Plugsign)?, theirs])
    }

    pub fn of(who: Who) -> Option<Workshop> {
        let mut desk = Sandbox::of(who)?;
        let tools = desk.at("tools");
        fs::create_dir(&tools).unwrap();
        let path = std::env::var_os("PATH").unwrap();
        for folder in std::env::split_paths(&path) {
            link_all(&folder, &tools, who);
        }
        if who == Who::Plugsign {
            for name in LINKS {
                // The sandbox has some of them already.
                let _ = symlink(PROGRAM, desk.at("bin").join(name));
            }
        }
        desk.set("PATH", format!("{}:{}", desk.at("bin").display(), tools.display()));
        // dpkg signs if there is a folder of this name.
        fs::create_dir(desk.at("home/.gnupg")).unwrap();
        let key = desk.gpg_key(USER_ID);
        desk.set("KEY", &key);
        desk.must("gpg --export > key.gpg");
        Some(Workshop { desk, key })
    }

    /// Copies the files of a workshop into `taken`, with the certificate that is to count.
    pub fn takes(&self, from: &Workshop) {
        let _ = fs::remove_dir_all(self.desk.path("taken"));
        for name in from.desk.names(".") {
            if from.desk.path(&name).is_file() {
                self.desk.write(format!("taken/{name}"), from.desk.read(&name));
            }
        }
    }

    /// Runs a line among what was taken.
    pub fn check(&self, line: &str) -> Done {
        self.desk.sh(&format!("set -e; cd taken; {line}"))
    }
}

/// Who made something and who judges it, but for gpg with itself.
pub fn pairs([ours, theirs]: &[Workshop; 2]) -> [(&Workshop, &Workshop); 3] {
    [(ours, ours), (ours, theirs), (theirs, ours)]
}

/// Links the programs of a folder that are not there yet, but for those that stay away.
fn link_all(from: &Path, to: &Path, who: Who) {
    let Ok(listing) = fs::read_dir(from) else { return };
    for entry in listing.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_gnupgs = name.starts_with("gpg") || name == "plugsign";
        if !OTHERS.contains(&&*name) && (who == Who::Gpg || !is_gnupgs) {
            let _ = symlink(entry.path(), to.join(&*name));
        }
    }
}
