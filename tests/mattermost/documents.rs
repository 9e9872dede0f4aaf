//! docs/servers.md, for administrators and for marketplaces, run as it is printed.

use super::archives::{Bundle, FILE_NAME};
use super::config::REAL;
use super::{publisher, read};
use crate::common::documents::{blocks, follow_sessions, section};
use crate::common::sandbox::Sandbox;

/// Returns the commands of a section, a block each.
fn commands(title: &str) -> Vec<String> {
    let page = include_str!("../../docs/servers.md");
    let blocks = blocks(section(page, title)).into_iter();
    blocks.filter(|block| block.language == "sh").map(|block| block.text).collect()
}

/// Makes stand-ins for what plugsign is not: the server's own tools.
fn stand_ins(sandbox: &Sandbox) -> String {
    for name in ["mmctl", "marketplace", "rsync"] {
        sandbox.write(
            format!("tools/{name}"),
            format!("#!/bin/sh\necho {name} \"$@\" >> ../called\n"),
        );
    }
    sandbox.must("chmod +x tools/*; mkdir -p server/config");
    sandbox.write("server/config/config.json", REAL);
    "PATH=$PATH:$PWD/tools\n".into()
}

/// Runs blocks in one shell, in the folder of a server or of a publisher.
fn run_blocks(sandbox: &Sandbox, blocks: &[String]) {
    let path = stand_ins(sandbox);
    let script = blocks.concat();
    // The server's folder stands elsewhere here.
    let script =
        script.replace("cd /opt/mattermost", "cp release-key.asc server || true\ncd server");
    sandbox.must(&format!("{path}{script}"));
}

#[test]
fn the_administrators_steps_work_as_printed() {
    let sandbox = Sandbox::for_scripts();
    sandbox.write("server/com.example.plugin-1.2.0.tar.gz", Bundle::good().gzip());
    sandbox.must(
        "plugsign --home publisher keygen --name Org --email releases@example.org
         plugsign --home publisher export releases@example.org -a -o server/release-key.asc
         plugsign --home publisher sign server/*.tar.gz",
    );
    let blocks = commands("For server admins");
    assert!(blocks.len() >= 2, "{blocks:?}");
    run_blocks(&sandbox, &blocks);
    assert_eq!(read(&sandbox, "server/config/config.json"), REAL);
}

#[test]
fn an_administrator_sees_what_is_printed() {
    let sandbox = publisher();
    sandbox.write("config/config.json", REAL);
    sandbox.must("plugsign trust add --config config/config.json release-key.asc");
    follow_sessions(&sandbox, include_str!("../../docs/servers.md"));
}

#[test]
fn a_marketplace_works_from_the_key_to_the_installed_plugin() {
    let sandbox = Sandbox::for_scripts();
    sandbox.write(format!("dist/{FILE_NAME}"), Bundle::good().gzip());
    run_blocks(&sandbox, &commands("Run your own marketplace"));
    let plugins = read(&sandbox, "plugins.json");
    assert!(plugins.contains("https://plugins.example.org/com.example.plugin-1.2.0.tar.gz"));
    assert!(read(&sandbox, "server/config/config.json").contains("release-key.asc"));
}
