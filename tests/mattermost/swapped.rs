//! root at work in the folder of a server's user, who exchanges files and folders meanwhile.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::archives::{Bundle, MANIFEST};
use super::config::REAL;
use super::{publisher, read};
use crate::common::peers::missing;
use crate::common::sandbox::{PASSPHRASE, Sandbox};

/// A user that every system has, in a group of its own.
const NOBODY: u32 = 65534;

const ADD: &str = "trust add --config opt/config/config.json release-key.asc";
const REMOVE: &str = "trust remove --config opt/config/config.json release-key.asc";
const MARKET: &str = "marketplace add --database opt/config/plugins.json \
     --download-url-base https://plugins.example.org dist/com.example.plugin-1.2.0.tar.gz";

/// A publisher with a folder of a server's user, and one of root's with files of the same names.
fn folders() -> Option<Sandbox> {
    if !rustix::process::geteuid().is_root() {
        missing("root's right to give files away");
        return None;
    }
    let sandbox = publisher();
    let bundle = Bundle::with("plugin.json", MANIFEST).file("p/README", 0o644, b"");
    sandbox.write("dist/com.example.plugin-1.2.0.tar.gz", bundle.gzip());
    sandbox.must("plugsign sign dist");
    for folder in ["opt/config", "roots"] {
        sandbox.write(format!("{folder}/config.json"), REAL);
        sandbox.write(format!("{folder}/plugins.json"), "[]");
    }
    give(&sandbox, "opt");
    give(&sandbox, "opt/config");
    give(&sandbox, "opt/config/config.json");
    give(&sandbox, "opt/config/plugins.json");
    Some(sandbox)
}

fn give(sandbox: &Sandbox, name: &str) {
    lchown(sandbox.path(name), Some(NOBODY), Some(NOBODY)).unwrap();
}

/// The names and bytes of the files in a folder.
fn state(sandbox: &Sandbox, folder: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(sandbox.path(folder)).unwrap();
    let mut state: Vec<_> = entries
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap_or_default())
        })
        .collect();
    state.sort();
    state
}

/// Runs a command, and does something to its folder once it has that open and waits for the lock.
fn meanwhile(sandbox: &Sandbox, file: &str, line: &str, change: impl FnOnce()) -> Option<i32> {
    let folder = fs::canonicalize(sandbox.path("opt/config")).unwrap();
    let path = folder.join(format!(".{file}.plugsign.lock"));
    let lock = File::create(&path).unwrap();
    lock.lock().unwrap();
    // Everybody who can read the folder could hold the former lock.
    let other = File::open(&folder).unwrap();
    other.lock().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_plugsign"))
        .args(line.split_whitespace())
        .current_dir(sandbox.folder())
        .env("HOME", sandbox.folder().parent().unwrap().join("home"))
        .env("PLUGSIGN_PASSPHRASE", PASSPHRASE)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let open = format!("/proc/{}/fd", child.id());
    let has = |path: &Path| {
        let entries = fs::read_dir(&open).into_iter().flatten().flatten();
        entries.into_iter().any(|it| fs::read_link(it.path()).is_ok_and(|it| it == path))
    };
    while !has(&path) && !has(&folder) && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    change();
    drop((lock, other));
    child.wait().unwrap().code()
}

#[test]
fn root_writes_only_into_the_folder_that_it_opened() {
    let Some(sandbox) = folders() else { return };
    let path = |name: &str| sandbox.path(name);
    let before = state(&sandbox, "roots");
    for (file, line) in [("config.json", ADD), ("config.json", REMOVE), ("plugins.json", MARKET)] {
        if line == REMOVE {
            // A file of root's that has the name of the key.
            fs::copy(path("release-key.asc"), path("roots/release-key.asc")).unwrap();
        }
        let before_this = state(&sandbox, "roots");
        let code = meanwhile(&sandbox, file, line, || {
            fs::rename(path("opt/config"), path("opt/held")).unwrap();
            symlink("../roots", path("opt/config")).unwrap();
            give(&sandbox, "opt/config");
        });
        assert_eq!(before_this, state(&sandbox, "roots"), "{line}");
        assert_eq!(code, Some(0), "{line}");
        let held = state(&sandbox, "opt/held");
        assert!(!held.iter().any(|(name, _)| name.starts_with('.')), "{line}: {held:?}");
        assert_eq!(line == ADD, read(&sandbox, "opt/held/config.json").contains("release-key"));
        fs::remove_file(path("opt/config")).unwrap();
        fs::rename(path("opt/held"), path("opt/config")).unwrap();
    }
    assert!(read(&sandbox, "opt/config/plugins.json").contains("com.example.plugin"));
    fs::remove_file(path("roots/release-key.asc")).unwrap();
    assert_eq!(before, state(&sandbox, "roots"));
}

#[test]
fn root_does_not_follow_a_link_of_the_servers_user() {
    let Some(sandbox) = folders() else { return };
    let path = |name: &str| sandbox.path(name);
    let before = state(&sandbox, "roots");
    let refused = |kind: &str| {
        for line in [ADD, REMOVE, MARKET] {
            let said = sandbox.sh(&format!("plugsign {line}")).exits(3);
            assert!(said.err().contains("another user's link"), "{kind}: {}", said.shown());
            assert_eq!(before, state(&sandbox, "roots"), "{kind} {line}");
        }
    };
    // The files themselves, with a link between, too.
    for target in ["../../roots", "between"] {
        symlink("../../roots", path("opt/config/between")).unwrap();
        give(&sandbox, "opt/config/between");
        for name in ["config.json", "plugins.json"] {
            let link = format!("opt/config/{name}");
            fs::remove_file(path(&link)).unwrap();
            symlink(format!("{target}/{name}"), path(&link)).unwrap();
            give(&sandbox, &link);
        }
        refused(target);
        fs::remove_file(path("opt/config/between")).unwrap();
    }
    // Their folder, and one above it.
    fs::remove_dir_all(path("opt/config")).unwrap();
    symlink("../roots", path("opt/config")).unwrap();
    give(&sandbox, "opt/config");
    refused("the folder");
    fs::rename(path("opt"), path("was")).unwrap();
    fs::create_dir_all(path("above/config")).unwrap();
    for name in ["config.json", "plugins.json"] {
        fs::copy(path("roots").join(name), path("above/config").join(name)).unwrap();
    }
    let before_above = state(&sandbox, "above/config");
    fs::create_dir(path("theirs")).unwrap();
    give(&sandbox, "theirs");
    symlink("../above", path("theirs/opt")).unwrap();
    give(&sandbox, "theirs/opt");
    for line in [ADD, MARKET] {
        let said =
            sandbox.sh(&format!("plugsign {}", line.replace("opt/", "theirs/opt/"))).exits(3);
        assert!(said.err().contains("another user's link"), "{}", said.shown());
    }
    assert_eq!(before_above, state(&sandbox, "above/config"));
}

#[test]
fn roots_own_links_and_links_to_files_of_their_maker_are_followed() {
    let Some(sandbox) = folders() else { return };
    let path = |name: &str| sandbox.path(name);
    // A server's user may lead to where he can write anyway.
    fs::rename(path("opt/config"), path("opt/real")).unwrap();
    symlink("real", path("opt/config")).unwrap();
    give(&sandbox, "opt/config");
    sandbox.must(&format!("plugsign {ADD}"));
    let key = fs::metadata(path("opt/real/release-key.asc")).unwrap();
    assert_eq!((key.uid(), key.mode() & 0o7777), (NOBODY, 0o600));
    // But not to what is his in a folder that only root gets into.
    fs::create_dir(path("backup")).unwrap();
    fs::set_permissions(path("backup"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::rename(path("opt/real"), path("backup/real")).unwrap();
    fs::remove_file(path("opt/config")).unwrap();
    symlink("../backup/real", path("opt/config")).unwrap();
    give(&sandbox, "opt/config");
    sandbox.sh(&format!("plugsign {REMOVE}")).exits(3);
    // Root's own link, in a folder of root's, leads anywhere.
    symlink("backup/real", path("config")).unwrap();
    sandbox.must(&format!("plugsign {}", REMOVE.replace("opt/config", "config")));
    assert!(!path("backup/real/release-key.asc").exists());
}

#[test]
fn root_does_not_follow_a_link_in_the_place_of_a_key_file() {
    let Some(sandbox) = folders() else { return };
    let path = |name: &str| sandbox.path(name);
    fs::write(path("roots/secret"), "root's own").unwrap();
    symlink("../../roots/secret", path("opt/config/release-key.asc")).unwrap();
    give(&sandbox, "opt/config/release-key.asc");
    let before = state(&sandbox, "roots");
    let said = sandbox.sh(&format!("plugsign {ADD}")).exits(3);
    assert!(said.out().contains("exists already"), "{}", said.shown());
    sandbox.must(&format!("plugsign {ADD} --force"));
    assert!(!fs::symlink_metadata(path("opt/config/release-key.asc")).unwrap().is_symlink());
    fs::remove_file(path("opt/config/release-key.asc")).unwrap();
    symlink("../../roots/secret", path("opt/config/release-key.asc")).unwrap();
    sandbox.must(&format!("plugsign {REMOVE}"));
    assert!(fs::symlink_metadata(path("opt/config/release-key.asc")).is_err());
    assert_eq!(before, state(&sandbox, "roots"));
}

#[test]
fn readers_of_the_folder_cannot_block_its_writers() {
    let sandbox = publisher();
    sandbox.write("opt/config/config.json", REAL);
    sandbox.write("opt/config/plugins.json", "[]");
    // All that a reader can open, and lock.
    let names = ["opt/config", "opt/config/config.json", "opt/config/plugins.json"];
    let held = names.map(|name| File::open(sandbox.path(name)).unwrap());
    held.iter().for_each(|file| file.lock().unwrap());
    sandbox.must(&format!("plugsign {ADD}"));
    sandbox.must(&format!("plugsign {REMOVE}"));
    let said = sandbox.sh(&format!("plugsign {MARKET}"));
    assert!(!said.err().contains("another command is using"), "{}", said.shown());
    let left = state(&sandbox, "opt/config");
    let left: Vec<&str> = left.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(left, ["config.json", "config.json.bak", "plugins.json"]);
}

#[test]
fn the_lock_of_a_killed_command_blocks_nobody() {
    let Some(sandbox) = folders() else { return };
    let lock = sandbox.path("opt/config/.config.json.plugsign.lock");
    fs::write(&lock, "").unwrap();
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o600)).unwrap();
    chown(&lock, Some(NOBODY), Some(NOBODY)).unwrap();
    sandbox.must(&format!("plugsign {ADD}"));
    assert!(!lock.exists());
}
