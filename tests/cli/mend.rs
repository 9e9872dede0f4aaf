//! The commands that warnings and `doctor` print: they mend, and no end comes nearer by them.

use std::collections::BTreeMap;

use crate::common::craft::*;
use crate::common::sandbox::{Done, Sandbox};

/// Returns when each key and subkey ends; one without an end after all others.
fn ends(sandbox: &Sandbox) -> BTreeMap<String, String> {
    let json = sandbox.run("--json list").exits(0).json();
    let key = &json["keys"][0];
    let keys = std::iter::once(key).chain(key["subkeys"].as_array().unwrap());
    keys.map(|key| {
        let end = key["expires"].as_str().unwrap_or("never");
        (key["fingerprint"].as_str().unwrap().to_string(), end.to_string())
    })
    .collect()
}

/// Runs a line of shell in which `plugsign` is the program.
fn shell(sandbox: &Sandbox, line: &str) -> Done {
    let line = format!("program=$1; plugsign() {{ \"$program\" \"$@\"; }}; {line}");
    sandbox.call([""; 0]).in_shell(&line).run()
}

fn mend(sandbox: &Sandbox, doctor: &str, row: &str) -> String {
    let json = sandbox.run(&format!("--json doctor {doctor}")).json();
    let row = json["checks"].as_array().unwrap().iter().find(|it| it["name"] == row).unwrap();
    row["mend"].as_str().unwrap_or_default().to_string()
}

#[test]
fn printed_commands_give_enough_days_and_shorten_no_validity() {
    for (keygen, days, begins) in [
        ("--kind org --expires 4y --subkey-expires 10d", 0, "rotate"),
        ("--kind org --expires 4y --subkey-expires 10d", 500, "rotate"),
        ("--kind org --subkey-expires 10d", 0, "rotate"),
        ("--kind org --expires 10d --subkey-expires 5d", 0, "extend"),
        ("--kind org --expires 10d --subkey-expires 5d", 700, "extend"),
        ("--kind org --expires 10d --subkey-expires 4y", 0, "extend"),
        ("--kind org --expires 10d --subkey-expires never", 0, "extend"),
        ("--expires 10d", 0, "extend"),
        ("--kind rsa-rsa --expires 10d", 800, "extend"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.keygen(&format!("--name Acme --no-passphrase {keygen}"));
        let asked = if days == 0 { String::new() } else { format!("--min-days {days}") };
        let command = mend(&sandbox, &asked, "validity");
        assert!(command.starts_with(&format!("plugsign {begins} ")), "{keygen}: {command}");
        if days == 0 {
            sandbox.run("list").exits(0).prints(&format!(":\n             {command}\n"));
            sandbox.write("a.tar", "a release");
            sandbox.run("sign a.tar").exits(0).says(&format!(":\n           {command}\n"));
        }
        let before = ends(&sandbox);
        let done = shell(&sandbox, &command).exits(0);
        assert!(!done.err().contains("sooner"), "{done:?}");
        let after = ends(&sandbox);
        assert!(
            before.iter().all(|(key, end)| after[key] >= *end),
            "{command}: {before:?} {after:?}"
        );
        let done = sandbox.run(&format!("--json doctor {asked}")).exits(0);
        let rows = done.json()["checks"].clone();
        let validity = rows.as_array().unwrap().iter().find(|row| row["name"] == "validity");
        assert_eq!(validity.unwrap()["state"], "ok", "{keygen}, {command}: {done:?}");
    }
}

#[test]
fn without_the_primary_key_hints_say_where_to_run_the_command() {
    let sandbox = Sandbox::new();
    let key = sandbox.keygen("--kind org --name Acme --no-passphrase --subkey-expires 10d");
    let ci = sandbox.call(["export", "--ci", &key, "-o", "ci"]);
    ci.env("PLUGSIGN_NEW_PASSPHRASE", "ci").run().exits(0);
    sandbox.run(&format!("export --offline-primary vault {key} --unprotected")).exits(0);
    let command = format!("plugsign rotate {key} --primary FILE");
    assert_eq!(mend(&sandbox, "", "validity"), command);
    let words = format!("where the key is kept: plugsign rotate {key}. Then export --ci again");
    assert_eq!(mend(&sandbox, "--key-file ci", "validity"), words);
    let vault = format!("vault/{key}.secret.asc");
    shell(&sandbox, &command.replace("FILE", &vault)).exits(0);
    assert_eq!(mend(&sandbox, "", "validity"), "");
}

#[test]
fn the_expiry_of_the_signing_key_counts() {
    let sandbox = Sandbox::new();
    let key = sandbox.keygen("--kind org --name Acme --no-passphrase --subkey-expires 10d");
    let json = sandbox.run("--json list").exits(0).json();
    let old = json["keys"][0]["subkeys"][0]["fingerprint"].as_str().unwrap().to_string();
    sandbox.run(&format!("export --secret --unprotected {key} -o older")).exits(0);
    let new = sandbox.run(&format!("rotate {key}")).exits(0).out().trim().to_string();
    // The older one was asked for.
    assert_eq!(mend(&sandbox, "", "validity"), "");
    let words = format!("sign with the newer subkey: -u {new}!");
    assert_eq!(mend(&sandbox, &format!("-u {old}!"), "validity"), words);
    sandbox.run(&format!("doctor -u {old}! --min-days 20")).exits(1).prints("FAIL  validity");
    sandbox.run("doctor --min-days 20").exits(0);
    // The newer one is known, and its secret part is not here.
    sandbox.run(&format!("export {key} -o certificate")).exits(0);
    for file in ["older", "certificate"] {
        sandbox.run(&format!("--home other import --no-passphrase {file}")).exits(0);
    }
    sandbox.run("--home other list").exits(0).prints("warning: expires on ");
    sandbox.run("--home other doctor --min-days 20").exits(1).prints("FAIL  validity");
}

#[test]
fn an_extension_that_shortens_a_validity_says_so() {
    let sandbox = Sandbox::new();
    let key = sandbox.keygen("--kind org --name Acme --no-passphrase --expires 4y");
    let done = sandbox.run(&format!("extend {key} --expires 5y --subkeys")).exits(0);
    assert!(!done.err().contains("sooner"), "{done:?}");
    let done = sandbox.run(&format!("extend {key} --expires 1y --subkeys")).exits(0);
    assert_eq!(done.err().matches("That is sooner than before: it was ").count(), 2, "{done:?}");
}

#[test]
fn paths_in_commands_are_quoted_for_the_shell() {
    let sandbox = Sandbox::new();
    let odd = "it's a \"home\" of $HOME";
    let odd_home = |line: &str| sandbox.call(["--home", odd]).args(line.split(' ')).run();
    let key = odd_home("keygen -q --name Acme --no-passphrase").exits(0);
    let file = format!("{odd}/keys/{}.pgp", key.out().trim());
    sandbox.chmod(&file, 0o644);
    let json = odd_home("--json doctor").exits(1).json();
    let row = json["checks"].as_array().unwrap().iter().find(|row| row["name"] == "home").unwrap();
    shell(&sandbox, row["mend"].as_str().unwrap()).exits(0);
    assert_eq!(sandbox.mode(&file), 0o600);
    sandbox.chmod(odd, 0o777);
    let done = odd_home("doctor").exits(1);
    let line = done.out().lines().find(|line| line.contains("chmod 700 ")).unwrap().to_string();
    let command = line.split_once("keep others out: ").unwrap().1;
    shell(&sandbox, command).exits(0);
    odd_home("doctor").exits(0);
}

#[test]
fn a_revoked_subkey_is_mended_by_rotation_and_a_revoked_key_by_a_new_one() {
    let sandbox = Sandbox::new();
    let key = sandbox.keygen("--kind org --name Acme --no-passphrase");
    let json = sandbox.run("--json list").exits(0).json();
    let old = json["keys"][0]["subkeys"][0]["fingerprint"].as_str().unwrap().to_string();
    sandbox.run(&format!("revoke {key} --subkey {old} --reason superseded")).exits(0);
    let command = mend(&sandbox, "", "revocation");
    assert_eq!(command, format!("plugsign rotate {key}"));
    shell(&sandbox, &command).exits(0);
    sandbox.run("doctor").exits(0);
    assert!(mend(&sandbox, &format!("-u {old}!"), "revocation").contains("another subkey"));
    sandbox.run(&format!("revoke {key} --reason retired")).exits(0);
    assert!(mend(&sandbox, "", "revocation").contains("plugsign keygen"));
}

#[test]
fn a_time_before_the_creation_time_is_refused_with_both_times_and_their_source() {
    let sandbox = Sandbox::new();
    sandbox.keygen("--name Acme --no-passphrase");
    sandbox.write("a.tar", "a release");
    let at =
        |line: &str| sandbox.call(line.split(' ')).env("SOURCE_DATE_EPOCH", "1767225600").run();
    let done = at("doctor").exits(1);
    done.prints("FAIL  clock: SOURCE_DATE_EPOCH is 2026-01-01T00:00:00Z, and ")
        .prints("unset SOURCE_DATE_EPOCH");
    at("sign a.tar").exits(4).says("SOURCE_DATE_EPOCH");
    let sandbox = Sandbox::new();
    let mut unborn = Recipe::of(Material::a());
    (unborn.created, unborn.bound) = (now() + DAY, now() + DAY);
    sandbox.write("key", secret(&unborn.build()));
    let done = sandbox.run("doctor --key-file key").exits(1);
    let done = done.prints("FAIL  clock: it shows ").prints("was made on ").prints("set the clock");
    assert!(!done.out().contains("never expires"), "{done:?}");
}

#[test]
fn every_failed_row_says_what_to_do() {
    let sandbox = Sandbox::new();
    sandbox.write("pass", "a passphrase");
    sandbox.keygen("--name Acme --passphrase-file pass");
    assert!(mend(&sandbox, "--passphrase-file missing", "unlock").contains("--passphrase-file"));
    let doctor = "--passphrase-file pass --bundle missing";
    assert!(mend(&sandbox, doctor, "bundle").contains("--bundle FILE"));
    sandbox.write("file", "");
    let done = sandbox.run("--home file/home --json doctor");
    let rows = done.json()["checks"].clone();
    let row = rows.as_array().unwrap().iter().find(|row| row["name"] == "home").unwrap();
    assert!(row["state"] == "fail" && row["mend"].is_string(), "{done:?}");
}

#[test]
fn commands_about_files_with_awkward_names_work_as_they_are_printed() {
    let sandbox = Sandbox::new();
    sandbox.write("pass word", "a passphrase");
    sandbox.keygen("--name Acme --no-passphrase");
    sandbox.run("export --secret --unprotected Acme -o key").exits(0);
    let files = ["it's a key", "pass word"];
    std::fs::rename(sandbox.path("key"), sandbox.path(files[0])).unwrap();
    for file in files {
        sandbox.chmod(file, 0o644);
    }
    let doctor = |files: [&str; 2]| {
        let arguments = ["--json", "doctor", "--key-file", files[0], "--passphrase-file", files[1]];
        sandbox.call(arguments).run().json()["checks"].clone()
    };
    let command = |checks: serde_json::Value, name: &str| {
        let row = checks.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap();
        row["mend"].as_str().unwrap().to_string()
    };
    shell(&sandbox, &command(doctor(files), "key")).exits(0);
    assert_eq!(sandbox.mode(files[0]), 0o600);
    // A key that has a passphrase, so that its file is looked at.
    let key = sandbox.call(["passwd", "Acme"]).env("PLUGSIGN_NEW_PASSPHRASE", "a passphrase");
    key.run().exits(0);
    let call = sandbox.call(["--json", "doctor", "--passphrase-file", files[1]]).run();
    shell(&sandbox, &command(call.json()["checks"].clone(), "passphrase")).exits(0);
    assert_eq!(sandbox.mode(files[1]), 0o600);
    sandbox.write("a bundle", "junk");
    let call = sandbox.call(["--json", "doctor", "--bundle", "a bundle"]).run();
    let see = command(call.json()["checks"].clone(), "bundle");
    let check = see.strip_prefix("see all of it: ").unwrap();
    shell(&sandbox, check).exits(1).prints("a bundle");
}
