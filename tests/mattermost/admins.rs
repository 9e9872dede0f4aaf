//! `plugsign trust --config` by users who are not the server's, on a folder that is the server's.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use super::config::REAL;
use super::publisher;
use crate::common::peers::missing;
use crate::common::sandbox::{Done, Sandbox};

const ADD: &str = "plugsign trust add --config server/config.json release-key.asc";
const CHECK: &str = "plugsign trust check --config server/config.json";

/// A user that every system has, in a group of its own.
const NOBODY: u32 = 65534;
/// An administrator whose own group is another.
const ADMIN: u32 = 4242;

/// A publisher with a server's folder of this owner, group and mode. None without root, who alone
/// can give files away.
fn server(owner: (u32, u32), mode: u32) -> Option<Sandbox> {
    if !rustix::process::geteuid().is_root() {
        missing("root's right to give files away");
        return None;
    }
    let sandbox = publisher();
    sandbox.write("server/config.json", REAL);
    let folder = sandbox.path("server");
    let config = folder.join("config.json");
    fs::set_permissions(&config, fs::Permissions::from_mode(mode)).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o775)).unwrap();
    for path in [folder, config] {
        chown(path, Some(owner.0), Some(owner.1)).unwrap();
    }
    // Only root can enter the sandbox itself.
    let above = sandbox.folder().parent().unwrap().to_owned();
    fs::set_permissions(above, fs::Permissions::from_mode(0o755)).unwrap();
    Some(sandbox)
}

fn access(sandbox: &Sandbox, name: &str) -> (u32, u32, u32) {
    let metadata = fs::metadata(sandbox.path("server").join(name)).unwrap();
    (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777)
}

/// Runs a command as an administrator who is in the server's group. None if such a user gets no
/// further than to the folders above.
fn as_admin(sandbox: &Sandbox, command: &str) -> Option<Done> {
    let run = |command: &str| become_admin(sandbox, command);
    let probe = run("plugsign --version");
    if !probe.is_ok() {
        missing(&format!("setpriv, and a way for others to plugsign: {}", probe.shown()));
        return None;
    }
    Some(run(command))
}

fn become_admin(sandbox: &Sandbox, command: &str) -> Done {
    sandbox.sh(&format!("setpriv --reuid {ADMIN} --regid {ADMIN} --groups {NOBODY} {command}"))
}

#[test]
fn a_server_that_reads_the_configuration_by_its_group_reads_the_key_too() {
    let Some(sandbox) = server((0, NOBODY), 0o640) else { return };
    sandbox.must(ADD);
    assert_eq!(access(&sandbox, "release-key.asc"), (0, NOBODY, 0o640));
    assert_eq!(access(&sandbox, "config.json"), (0, NOBODY, 0o640));
    sandbox.must(CHECK);
    // A key file for root's eyes only is not good, and adding it again mends that.
    sandbox.must("chmod 600 server/release-key.asc");
    let said = sandbox.sh(CHECK).exits(1);
    assert!(said.out().contains("unreadable"), "{}", said.shown());
    let again = sandbox.must(ADD);
    assert!(again.out().starts_with("added"), "{}", again.shown());
    assert_eq!(access(&sandbox, "release-key.asc"), (0, NOBODY, 0o640));
    sandbox.must(CHECK);
}

#[test]
fn only_the_owner_of_a_configuration_can_read_its_keys() {
    let Some(sandbox) = server((NOBODY, NOBODY), 0o640) else { return };
    sandbox.must(ADD);
    assert_eq!(access(&sandbox, "release-key.asc"), (NOBODY, NOBODY, 0o600));
    sandbox.must(CHECK);
}

#[test]
fn an_administrator_in_the_servers_group_does_not_need_root() {
    let Some(sandbox) = server((NOBODY, NOBODY), 0o660) else { return };
    let Some(added) = as_admin(&sandbox, ADD) else { return };
    assert!(added.is_ok(), "{}", added.shown());
    assert_eq!(access(&sandbox, "release-key.asc"), (ADMIN, NOBODY, 0o640));
    assert_eq!(access(&sandbox, "config.json"), (ADMIN, NOBODY, 0o660));
}

#[test]
fn an_administrator_who_would_lock_the_server_out_is_told_who_can_do_it() {
    // The group cannot write, so the server would lose what it has as the owner.
    let Some(sandbox) = server((NOBODY, NOBODY), 0o640) else { return };
    let Some(said) = as_admin(&sandbox, ADD) else { return };
    assert_eq!(said.code(), Some(3), "{}", said.shown());
    assert!(said.err().contains("sudo -u mattermost plugsign"), "{}", said.shown());
    assert_eq!(access(&sandbox, "config.json"), (NOBODY, NOBODY, 0o640));
    assert!(!sandbox.path("server/release-key.asc").exists());
}

#[test]
fn an_unknown_name_brings_the_hint_to_list_the_keys() {
    let sandbox = publisher();
    sandbox.write("server/config.json", REAL);
    for config in ["", "--config server/config.json"] {
        let said = sandbox.sh(&format!("plugsign trust remove {config} wrong.asc")).exits(3);
        assert!(said.err().contains("plugsign trust list"), "{}", said.shown());
    }
}

/// The ACL of a file that a user can read beside its owner, and nobody by its group (acl(5),
/// linux/posix_acl_xattr.h): entries of a tag, permissions and an ID.
fn acl() -> Vec<u8> {
    const NOBODYS: u32 = u32::MAX;
    let entries: [(u16, u16, u32); 5] =
        [(1, 6, NOBODYS), (2, 4, ADMIN), (4, 0, NOBODYS), (16, 4, NOBODYS), (32, 0, NOBODYS)];
    let mut bytes = 2u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(permissions.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

#[test]
fn a_configuration_keeps_its_acl() {
    const ACL: &str = "system.posix_acl_access";
    let sandbox = publisher();
    let config = sandbox.write("server/config.json", REAL);
    sandbox.chmod("server/config.json", 0o640);
    let set = rustix::fs::setxattr(&config, ACL, &acl(), rustix::fs::XattrFlags::empty());
    if set.is_err() {
        missing("a disk with the ACLs of Linux");
        return;
    }
    let acl_of = |name: &str| {
        let mut value = [0; 256];
        let length = rustix::fs::getxattr(sandbox.path(name), ACL, &mut value[..]);
        length.ok().map(|length| value[..length].to_vec())
    };
    sandbox.must(ADD);
    for name in ["server/config.json", "server/config.json.bak", "server/release-key.asc"] {
        assert_eq!(acl_of(name), Some(acl()), "{name}");
    }
    // Without an ACL of its own, it gets none from its folder.
    rustix::fs::removexattr(&config, ACL).unwrap();
    sandbox.chmod("server/config.json", 0o640);
    let folder = sandbox.path("server");
    let default = "system.posix_acl_default";
    rustix::fs::setxattr(folder, default, &acl(), rustix::fs::XattrFlags::empty()).unwrap();
    sandbox.must("plugsign trust remove --config server/config.json release-key.asc");
    assert_eq!(acl_of("server/config.json"), None);
    assert_eq!(sandbox.mode("server/config.json"), 0o640);
}
