//! What plugsign does for a Mattermost server, its administrators and its marketplaces.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

#[path = "../common/mod.rs"]
mod common;

mod admins;
mod archives;
mod check;
mod config;
mod documents;
mod keys;
mod marketplace;
mod refusals;
mod server;
mod swapped;

use std::fs;

use common::sandbox::{Said, Sandbox};

/// A sandbox whose home has a key, and its certificate in `release-key.asc`.
fn publisher(name: &str) -> Sandbox {
    let sandbox = Sandbox::new(name);
    let made = sandbox.shell(
        "plugsign keygen --name 'Example Org' --email releases@example.org >fingerprint
         plugsign export releases@example.org -a -o release-key.asc",
    );
    assert!(made.status.success(), "{}", made.shown());
    sandbox
}

/// Runs a command that must succeed.
fn run(sandbox: &Sandbox, command: &str) -> Said {
    let said = sandbox.shell(command);
    assert!(said.status.success(), "{command}\n{}", said.shown());
    said
}

/// Runs a command that must exit with this code.
fn fails(sandbox: &Sandbox, code: i32, command: &str) -> Said {
    let said = sandbox.shell(command);
    assert_eq!(said.status.code(), Some(code), "{command}\n{}", said.shown());
    said
}

fn write(sandbox: &Sandbox, name: &str, bytes: impl AsRef<[u8]>) {
    let path = sandbox.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn read(sandbox: &Sandbox, name: &str) -> String {
    fs::read_to_string(sandbox.path().join(name)).unwrap()
}
