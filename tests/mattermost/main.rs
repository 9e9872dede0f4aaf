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
mod one_server;
mod refusals;
mod server;
mod swapped;

use common::sandbox::Sandbox;

/// A sandbox whose home has a key, and its certificate in `release-key.asc`.
fn publisher() -> Sandbox {
    let sandbox = Sandbox::for_scripts();
    let who = ["--name", "Example Org", "--email", "releases@example.org"];
    sandbox.write("fingerprint", sandbox.keygen_with(&who) + "\n");
    sandbox.must("plugsign export releases@example.org -a -o release-key.asc");
    sandbox
}

/// Reads a text in the folder.
fn read(sandbox: &Sandbox, name: &str) -> String {
    String::from_utf8(sandbox.read(name)).unwrap()
}
