//! What plugsign does for a Mattermost server, its administrators and its marketplaces.

mod admins;
pub mod archives;
mod check;
mod config;
mod documents;
mod keys;
mod marketplace;
mod one_server;
mod reading;
mod refusals;
mod server;
mod swapped;

use crate::common::sandbox::Sandbox;

/// A sandbox whose home has a key, and its certificate in `release-key.asc`.
fn publisher() -> Sandbox {
    let sandbox = Sandbox::for_scripts();
    let who = ["--name", "Example Org", "--email", "releases@example.org", "--no-passphrase"];
    sandbox.write("fingerprint", sandbox.keygen_with(&who) + "\n");
    sandbox.must("plugsign export releases@example.org -a -o release-key.asc");
    sandbox
}

/// Reads a text in the folder.
fn read(sandbox: &Sandbox, name: &str) -> String {
    String::from_utf8(sandbox.read(name)).unwrap()
}
