//! `plugsign trust --config`: the key files of a real server's folder.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::thread;

use serde_json::Value;

use super::config::REAL;
use super::{publisher, read};
use crate::common::peers::missing;
use crate::common::sandbox::Sandbox;

const ADD: &str = "plugsign trust add --config server/config.json release-key.asc";

/// A publisher with a server.
fn server() -> Sandbox {
    let sandbox = publisher();
    sandbox.write("server/config.json", REAL);
    sandbox
}

fn mode(sandbox: &Sandbox, name: &str) -> u32 {
    fs::metadata(sandbox.path(name)).unwrap().permissions().mode() & 0o7777
}

/// The names in the server's folder.
fn files(sandbox: &Sandbox) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(sandbox.path("server"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[track_caller]
fn is_untouched(sandbox: &Sandbox) {
    assert_eq!(read(sandbox, "server/config.json"), REAL);
    assert_eq!(files(sandbox), ["config.json"]);
}

#[test]
fn a_key_is_added_listed_checked_and_removed() {
    let sandbox = server();
    fs::set_permissions(sandbox.path("server/config.json"), fs::Permissions::from_mode(0o640))
        .unwrap();
    let added = sandbox.must(ADD);
    let fingerprint = read(&sandbox, "fingerprint");
    assert!(added.out().contains(fingerprint.trim()), "{}", added.shown());
    assert!(added.err().contains("restart the server"), "{}", added.shown());
    assert_eq!(files(&sandbox), ["config.json", "config.json.bak", "release-key.asc"]);
    // Root is not taken for the server: the group of config.json may be.
    let is_root = sandbox.must("id -u").out().trim() == "0";
    let key_mode = if is_root { 0o640 } else { 0o600 };
    assert_eq!(mode(&sandbox, "server/release-key.asc"), key_mode);
    assert_eq!(mode(&sandbox, "server/config.json"), 0o640);
    assert_eq!(mode(&sandbox, "server/config.json.bak"), 0o640);
    assert_eq!(read(&sandbox, "server/config.json.bak"), REAL);
    assert_eq!(read(&sandbox, "server/release-key.asc"), read(&sandbox, "release-key.asc"));
    let json: Value = serde_json::from_str(&read(&sandbox, "server/config.json")).unwrap();
    assert_eq!(json["PluginSettings"]["SignaturePublicKeyFiles"][0], "release-key.asc");

    let listed = sandbox.must("plugsign trust list --config server/config.json");
    assert!(listed.out().contains("release-key.asc"), "{}", listed.shown());
    sandbox.must("plugsign trust check --config server/config.json");
    let again = sandbox.must(ADD);
    assert!(again.out().starts_with("unchanged"), "{}", again.shown());

    let removed = sandbox.must("plugsign trust remove --config server/config.json release-key.asc");
    assert!(removed.err().contains("restart the server"), "{}", removed.shown());
    assert_eq!(read(&sandbox, "server/config.json"), REAL);
    assert_eq!(files(&sandbox), ["config.json", "config.json.bak"]);
    sandbox.sh("plugsign trust remove --config server/config.json release-key.asc").exits(3);
}

#[test]
fn leftovers_of_a_killed_command_are_removed_by_the_keys_name() {
    let sandbox = server();
    sandbox.must("cp release-key.asc server; echo precious > server/notes.txt");
    let remove = "plugsign trust remove --config server/config.json";
    sandbox.sh(&format!("{remove} notes.txt")).exits(3);
    sandbox.must(&format!("{remove} release-key.asc"));
    assert_eq!(files(&sandbox), ["config.json", "notes.txt"]);
    assert_eq!(read(&sandbox, "server/config.json"), REAL);
}

#[test]
fn several_keys_are_added_at_once_and_a_bad_one_does_not_stop_the_others() {
    let sandbox = server();
    sandbox.write("junk.asc", "no key");
    sandbox.must("cp release-key.asc second.asc");
    let said = sandbox
        .sh("plugsign trust add --config server/config.json release-key.asc junk.asc second.asc")
        .exits(4);
    assert!(said.out().contains("refused  junk.asc"), "{}", said.shown());
    assert_eq!(
        files(&sandbox),
        ["config.json", "config.json.bak", "release-key.asc", "second.asc"]
    );
    sandbox.must("plugsign trust remove --config server/config.json release-key.asc second.asc");
    assert_eq!(read(&sandbox, "server/config.json"), REAL);
}

#[test]
fn a_taken_name_is_replaced_only_by_force() {
    let sandbox = server();
    sandbox.write("server/release-key.asc", "somebody's");
    let said = sandbox.sh(ADD).exits(3);
    assert!(said.out().contains("exists already"), "{}", said.shown());
    assert_eq!(read(&sandbox, "server/release-key.asc"), "somebody's");
    assert_eq!(read(&sandbox, "server/config.json"), REAL);
    sandbox.must(&format!("{ADD} --force"));
    assert_eq!(read(&sandbox, "server/release-key.asc"), read(&sandbox, "release-key.asc"));
    // What a crash between both writes leaves is finished by the same command.
    sandbox.write("server/config.json", REAL);
    sandbox.must(ADD);
    assert!(read(&sandbox, "server/config.json").contains("release-key.asc"));
}

#[test]
fn a_newer_copy_of_a_key_takes_its_own_place_and_an_older_one_does_not() {
    let sandbox = server();
    sandbox.must(&format!("{ADD} && cp release-key.asc older.asc"));
    let replace = |file: &str| format!("cp {file} release-key.asc && {ADD}");
    sandbox.must("plugsign rotate Example && plugsign export Example -a -o newer.asc");
    sandbox.must(&replace("newer.asc"));
    assert_eq!(read(&sandbox, "server/release-key.asc"), read(&sandbox, "newer.asc"));
    // An earlier end, and then a revocation, is not taken back.
    for (change, file) in [
        ("extend Example --expires 10d", "short.asc"),
        ("revoke Example --reason retired", "ended.asc"),
    ] {
        sandbox.must(&format!("plugsign {change} && plugsign export Example -a -o {file}"));
        sandbox.must(&replace(file));
        assert_eq!(read(&sandbox, "server/release-key.asc"), read(&sandbox, file));
        let said = sandbox.sh(&replace("newer.asc")).exits(3);
        assert!(said.out().contains("exists already"), "{}", said.shown());
        assert_eq!(read(&sandbox, "server/release-key.asc"), read(&sandbox, file));
    }
    sandbox.must("plugsign keygen --name Other && plugsign export Other -a -o other.asc");
    sandbox.sh(&replace("other.asc")).exits(3);
}

#[test]
fn a_signature_is_told_from_a_key_and_who_only_reads_is_told_of_no_change() {
    let sandbox = server();
    sandbox.must("plugsign sign -o some.sig release-key.asc");
    let said = sandbox.sh("plugsign trust add some.sig").exits(4);
    let words =
        "refused  some.sig: it is a signature, and no key. Name the key file of the key that";
    assert!(said.out().starts_with(words), "{}", said.shown());
    sandbox.write("server/config.json", "{");
    let said = sandbox.sh("plugsign trust check --config server/config.json").exits(3);
    assert!(said.err().contains("hint: correct the file first"), "{}", said.shown());
}

#[test]
fn names_that_serve_something_else_are_refused() {
    let sandbox = server();
    for name in ["saml-idp.crt", "saml-public.crt", "saml-private.key"] {
        let said = sandbox.sh(&format!("{ADD} --name {name}")).exits(3);
        assert!(said.out().contains("SAML"), "{}", said.shown());
        let config = REAL.replace(
            "\"SignaturePublicKeyFiles\": []",
            &format!("\"SignaturePublicKeyFiles\": [\"{name}\"]"),
        );
        sandbox.write("server/config.json", &config);
        sandbox.write(format!("server/{name}"), "SAML's");
        let remove = format!("plugsign trust remove --config server/config.json {name}");
        sandbox.sh(&remove).exits(3);
        assert_eq!(read(&sandbox, "server/config.json"), config);
        fs::remove_file(sandbox.path(format!("server/{name}"))).unwrap();
        sandbox.write("server/config.json", REAL);
    }
    for name in ["config.json", "config.json.bak", "a/b", "../x", ".hidden"] {
        sandbox.sh(&format!("{ADD} --name {name}")).exits(2);
    }
    is_untouched(&sandbox);
}

#[test]
fn a_configuration_in_a_database_is_named() {
    let sandbox = server();
    for source in ["postgres://mm:secret@db/mm", "mysql://mm:secret@tcp(db)/mm"] {
        for command in ["add release-key.asc", "list", "remove x", "check"] {
            let said =
                sandbox.sh(&format!("plugsign trust {command} --config '{source}'")).exits(3);
            assert!(said.err().contains("database, not in a file"), "{}", said.shown());
            assert!(!said.shown().contains("secret"), "{}", said.shown());
        }
        let variable = format!("MM_CONFIG='{source}' {ADD}");
        assert!(sandbox.sh(&variable).exits(3).err().contains("MM_CONFIG"));
    }
    is_untouched(&sandbox);
}

#[test]
fn a_configuration_that_is_missing_or_malformed_is_left_alone() {
    let sandbox = server();
    let said = sandbox.sh("plugsign trust add --config server/no.json release-key.asc").exits(3);
    assert!(said.err().contains("cannot read server/no.json"), "{}", said.shown());
    for text in ["", "{", "{\"PluginSettings\": 1}", "{} trailing"] {
        sandbox.write("server/config.json", text);
        let said = sandbox.sh(ADD).exits(3);
        assert!(said.err().contains("is not a usable server configuration"), "{}", said.shown());
        assert_eq!(read(&sandbox, "server/config.json"), text);
        assert_eq!(files(&sandbox), ["config.json"]);
    }
    sandbox.sh("plugsign trust add --config server release-key.asc").exits(3);
}

#[test]
fn a_folder_that_cannot_be_written_to_is_left_alone() {
    let sandbox = server();
    let lock = "chmod -R a+rX . ; chmod 555 server";
    sandbox.must(lock);
    let is_root = sandbox.must("id -u").out().trim() == "0";
    if is_root {
        // Root may write anywhere, so the user `nobody` does it. It needs a way into the folder.
        let path = sandbox.folder();
        let above = path.parent().unwrap();
        fs::set_permissions(above, fs::Permissions::from_mode(0o755)).unwrap();
        let nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups";
        let probe = sandbox.sh(&format!("{nobody} plugsign --version"));
        if !probe.is_ok() {
            sandbox.must("chmod 755 server");
            missing(&format!("setpriv, and a way for others to plugsign: {}", probe.shown()));
            return;
        }
        let said = sandbox.sh(&format!("{nobody} {ADD}"));
        assert_eq!(said.code(), Some(3), "{}", said.shown());
    } else {
        sandbox.sh(ADD).exits(3);
    }
    sandbox.must("chmod 755 server");
    is_untouched(&sandbox);
}

#[test]
fn parallel_runs_lose_nothing() {
    let sandbox = server();
    thread::scope(|scope| {
        for n in 0..8 {
            let (sandbox, add) = (&sandbox, format!("{ADD} --name key{n}"));
            scope.spawn(move || sandbox.must(&add));
        }
    });
    let listed = sandbox.must("plugsign trust list --config server/config.json");
    assert_eq!(listed.out().lines().count(), 8, "{}", listed.shown());
    assert_eq!(files(&sandbox).len(), 10, "{:?}", files(&sandbox));
}

#[test]
fn removing_an_absolute_entry_keeps_its_file() {
    let sandbox = server();
    let key = sandbox.path("release-key.asc");
    let config = |names: &str| {
        REAL.replace(
            "\"SignaturePublicKeyFiles\": []",
            &format!("\"SignaturePublicKeyFiles\": [{names}]"),
        )
    };
    sandbox.write("server/config.json", config(&format!("\"{}\", \"gone\"", key.display())));
    let checked = sandbox.sh("plugsign trust check --config server/config.json").exits(1);
    assert!(checked.out().contains("missing  gone"), "{}", checked.shown());
    assert!(checked.out().contains("good  /"), "{}", checked.shown());
    // The base name alone is another name.
    sandbox.sh("plugsign trust remove --config server/config.json release-key.asc").exits(3);
    let removed = sandbox
        .must(&format!("plugsign trust remove --config server/config.json {} gone", key.display()));
    assert!(removed.out().contains("removed (file kept)"), "{}", removed.shown());
    assert!(removed.out().contains("removed (no file)  gone"), "{}", removed.shown());
    assert!(key.exists());
    assert_eq!(read(&sandbox, "server/config.json"), REAL);
}

#[test]
fn a_link_to_the_configuration_stays_a_link() {
    let sandbox = server();
    sandbox.write("real/config.json", REAL);
    fs::remove_file(sandbox.path("server/config.json")).unwrap();
    symlink("../real/config.json", sandbox.path("server/config.json")).unwrap();
    sandbox.must(ADD);
    let link = fs::symlink_metadata(sandbox.path("server/config.json")).unwrap();
    assert!(link.is_symlink());
    assert!(read(&sandbox, "real/config.json").contains("release-key.asc"));
    // The server looks beside the name that it was given.
    assert!(sandbox.path("server/release-key.asc").exists());
}

#[test]
fn check_says_what_is_wrong_with_each_key_and_what_the_settings_mean() {
    let sandbox = server();
    sandbox.must(
        "plugsign keygen --name Soon --email soon@example.org --expires 20d
         plugsign export soon@example.org -o soon.pub
         plugsign export soon@example.org --secret -o server/secret.key
         chmod 644 server/secret.key
         plugsign trust add --config server/config.json release-key.asc soon.pub",
    );
    let check = |more: &str| format!("plugsign trust check --config server/config.json {more}");
    let said = sandbox.sh(&check("")).exits(1);
    assert!(said.out().contains("good  release-key.asc"), "{}", said.shown());
    assert!(said.out().contains("expiring  soon.pub"), "{}", said.shown());
    for setting in [
        "RequirePluginSignature   true",
        "EnableUploads            false",
        "MarketplaceURL           https://api.integrations.mattermost.com",
        "EnableRemoteMarketplace  true",
        "SignaturePublicKeyFiles  release-key.asc, soon.pub",
    ] {
        assert!(said.out().contains(setting), "{setting}\n{}", said.shown());
    }
    assert!(said.err().contains("uploads, install-url"), "{}", said.shown());
    sandbox.must(&check("--min-days 10"));
    // A secret key, junk, and a file that the server may not read.
    let config = read(&sandbox, "server/config.json");
    let names = "\"soon.pub\",\n            \"secret.key\",\n            \"junk\"";
    sandbox.write("server/config.json", config.replace("\"soon.pub\"", names));
    sandbox.write("server/junk", "junk");
    let said = sandbox.sh(&check("--min-days 10 --json")).exits(1);
    let json = said.json();
    let states: Vec<&str> =
        json["keys"].as_array().unwrap().iter().map(|key| key["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["good", "good", "unfit", "unfit"], "{}", said.shown());
    assert_eq!(json["settings"]["RequirePluginSignature"]["value"], true);
    sandbox.sh("plugsign trust check").exits(2);
}

#[test]
fn for_a_revoked_certificate_check_also_says_what_the_server_does() {
    let sandbox = server();
    sandbox.must("plugsign export releases@example.org -a -o old.asc");
    sandbox.must("plugsign trust add old.asc");
    let check = "plugsign trust check --config server/config.json";
    sandbox.must(&ADD.replace("release-key", "old"));
    sandbox.must(check);
    sandbox.must("plugsign revoke $(cat fingerprint) --reason compromised");
    sandbox.must("plugsign export releases@example.org -a -o release-key.asc --force");

    // The server goes on with the old copy; the home knows better.
    let said = sandbox.sh(check).exits(1);
    assert!(said.out().contains("revoked  old.asc"), "{}", said.shown());
    assert!(said.out().contains("accepts its signatures all the same"), "{}", said.shown());
    assert!(
        said.err().contains("which the publisher's policy refuses: old.asc"),
        "{}",
        said.shown()
    );
    let list = sandbox.must("plugsign trust list");
    assert!(list.out().starts_with("revoked  old.asc"), "{}", list.shown());

    // A revoked certificate may be added, because it narrows. It is not called good.
    sandbox.must("plugsign trust remove --config server/config.json old.asc");
    for add in [ADD, "plugsign --home other trust add release-key.asc"] {
        let said = sandbox.must(add);
        assert!(said.out().starts_with("added  release-key.asc"), "{}", said.shown());
        assert!(said.out().contains("it is revoked (compromised)"), "{}", said.shown());
        assert!(
            said.err().contains("warning: no signature by release-key.asc is good"),
            "{}",
            said.shown()
        );
    }
    let json = sandbox.must("plugsign --home other --json trust list").json();
    assert_eq!(json["entries"][0]["outcome"], "revoked");
    assert!(json["entries"][0]["warning"].as_str().unwrap().contains("compromised"));
    let list = sandbox.must("plugsign trust list --config server/config.json");
    assert!(list.out().starts_with("revoked  release-key.asc"), "{}", list.shown());
    let said = sandbox.sh(check).exits(1);
    assert!(said.out().contains("revoked  release-key.asc"), "{}", said.shown());
    assert!(said.out().contains("the server refuses its signatures too"), "{}", said.shown());
    assert!(
        said.err().contains("Only Mattermost's own signatures are accepted"),
        "{}",
        said.shown()
    );
    let json = sandbox.sh(&check.replace("plugsign", "plugsign --json")).exits(1).json();
    assert_eq!(json["keys"][0]["state"], "revoked");
    assert_eq!(json["keys"][0]["server_accepts"], false);
}

#[test]
fn for_an_expired_certificate_check_says_that_the_server_knows_no_expiry() {
    use crate::common::craft::{DAY, Material, Recipe, public};
    let sandbox = server();
    let expired = Recipe { validity: Some(9 * DAY), ..Recipe::of(Material::a()) };
    sandbox.write("release-key.asc", public(&expired.build()));
    let weak = public(&Recipe::of(Material::weak()).build());
    let said = sandbox.must(ADD);
    assert!(
        said.err().contains("warning: no signature by release-key.asc is good"),
        "{}",
        said.shown()
    );
    sandbox.write("server/weak.asc", weak);
    let config = read(&sandbox, "server/config.json");
    let listed = config.replace("\"release-key.asc\"", "\"release-key.asc\", \"weak.asc\"");
    assert_ne!(listed, config);
    sandbox.write("server/config.json", listed);
    let said = sandbox.sh("plugsign trust check --config server/config.json").exits(1);
    assert!(said.out().contains("expired  release-key.asc"), "{}", said.shown());
    assert!(said.out().contains("the server knows no expiry"), "{}", said.shown());
    assert!(
        said.out().contains("The server accepts its signatures all the same"),
        "{}",
        said.shown()
    );
    let words = "Signatures by Mattermost are accepted.";
    assert!(said.err().contains(words), "{}", said.shown());
    assert!(said.err().contains("refuses: release-key.asc, weak.asc."), "{}", said.shown());
    sandbox.must("plugsign trust add release-key.asc");
    let list = sandbox.must("plugsign trust list");
    assert!(list.out().starts_with("expired  release-key.asc"), "{}", list.shown());
}
