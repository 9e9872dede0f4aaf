//! `plugsign doctor`.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use sequoia_openpgp as openpgp;

use openpgp::armor::Kind;
use openpgp::types::ReasonForRevocation;

use crate::common::craft::*;
use crate::common::sandbox::{Done, Sandbox};

/// Returns the state of each check, as "name state".
fn states(done: &Done) -> Vec<String> {
    let word = |value: &serde_json::Value| value.as_str().unwrap().to_string();
    done.json()["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{} {}", word(&row["name"]), word(&row["state"])))
        .collect()
}

fn mend(done: &Done, name: &str) -> String {
    let json = done.json();
    let row = json["checks"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap();
    row["mend"].as_str().unwrap_or_default().to_string()
}

#[track_caller]
fn fails(done: Done, name: &str) -> Done {
    let done = done.exits(1);
    let states = states(&done);
    assert!(states.contains(&format!("{name} fail")), "{name}: {done:?}");
    done
}

#[test]
fn a_healthy_home_passes_every_check_and_nothing_is_left_behind() {
    let sandbox = Sandbox::new();
    sandbox.write("pass", "a passphrase");
    sandbox.chmod("pass", 0o600);
    sandbox.keygen("--name One --passphrase-file pass");
    let before = sandbox.snapshot();
    let done = sandbox.run("--json doctor --passphrase-file pass --min-days 100").exits(0);
    assert_eq!(
        states(&done),
        [
            "clock ok",
            "home ok",
            "key ok",
            "strength ok",
            "revocation ok",
            "validity ok",
            "server ok",
            "passphrase ok",
            "revocation-certificate ok",
            "unlock ok",
            "trial ok",
        ]
    );
    let done = sandbox.run("doctor --passphrase-file pass").exits(0);
    assert_eq!(done.out().lines().count(), 11, "one line a check: {done:?}");
    assert!(done.out().lines().all(|line| line.starts_with("ok    ")), "{done:?}");
    assert_eq!(before, sandbox.snapshot());
}

#[test]
fn doctor_works_in_ci_without_a_home() {
    let sandbox = Sandbox::new();
    sandbox.write("pass", "a passphrase");
    sandbox.keygen("--name One --passphrase-file pass");
    let key = sandbox.run("export --secret -a One").exits(0).out();
    let ci = |passphrase: Option<&str>| {
        let call = sandbox
            .call(["--json", "doctor"])
            .homeless()
            .env("CI", "true")
            .env("PLUGSIGN_KEY", &key);
        match passphrase {
            Some(passphrase) => call.env("PLUGSIGN_PASSPHRASE", passphrase).run(),
            None => call.run(),
        }
    };
    let before = sandbox.snapshot();
    let done = ci(Some("a passphrase")).exits(0);
    assert!(states(&done).contains(&"trial ok".into()), "{done:?}");
    fails(ci(Some("another")), "unlock");
    for stored_by_echo in ["a passphrase\n", "a passphrase\r\n"] {
        ci(Some(stored_by_echo)).exits(0);
    }
    fails(ci(Some("a passphrase\n\n")), "unlock");
    let done = fails(ci(None), "passphrase");
    assert!(mend(&done, "passphrase").contains("PLUGSIGN_PASSPHRASE"));
    assert_eq!(before, sandbox.snapshot());
}

#[test]
fn a_missing_key_is_one_failure_and_says_what_to_do() {
    let sandbox = Sandbox::new();
    let done = fails(sandbox.run("--json doctor"), "key");
    assert!(mend(&done, "key").contains("plugsign keygen"));
    assert!(!sandbox.has("home"), "nothing is made");
    let junk = sandbox.call(["--json", "doctor"]).env("PLUGSIGN_KEY", "junk").run();
    fails(junk, "key");
}

/// A home with a key of this recipe, without a passphrase.
fn home_of(recipe: &Recipe) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.import(&secret(&recipe.build()));
    sandbox
}

#[test]
fn too_few_days_left_warn_and_fail_if_days_are_required() {
    let mut recipe = Recipe::of(Material::a());
    recipe.validity = Some(DAY * 22 + Duration::from_secs(3600));
    let sandbox = home_of(&recipe);
    let done = sandbox.run("--json doctor").exits(0);
    assert!(states(&done).contains(&"validity warn".into()), "{done:?}");
    assert!(mend(&done, "validity").starts_with("plugsign extend "));
    let done = sandbox.run("--json doctor --min-days 10").exits(0);
    assert!(states(&done).contains(&"validity ok".into()), "{done:?}");
    fails(sandbox.run("--json doctor --min-days 13"), "validity");
    // More days than a key can have from now on, and than a number can be raised to.
    for days in ["36000", "49709", "4294967294", "4294967295"] {
        let done = fails(sandbox.run(&format!("--json doctor --min-days {days}")), "validity");
        assert!(mend(&done, "validity").contains("--expires never"), "{days}: {done:?}");
    }
}

#[test]
fn expired_and_revoked_keys_fail() {
    let mut recipe = Recipe::of(Material::a());
    recipe.validity = Some(DAY * 2);
    fails(home_of(&recipe).run("--json doctor"), "validity");
    let recipe = Recipe::of(Material::a());
    let sandbox = home_of(&recipe);
    let why = ReasonForRevocation::KeyRetired;
    sandbox.write("revoked", public(&revoked(recipe.build(), &mut recipe.signer(), why)));
    sandbox.run("import revoked").exits(0);
    let done = fails(sandbox.run("--json doctor"), "revocation");
    assert!(states(&done).contains(&"unlock fail".into()), "{done:?}");
    // The home knows of it, wherever the key comes from.
    let key = armor(Kind::SecretKey, &secret(&recipe.build()));
    let done = sandbox.call(["--json", "doctor"]).env_bytes("PLUGSIGN_KEY", &key).run();
    fails(done, "revocation");
}

#[test]
fn a_weak_key_fails() {
    let key = armor(Kind::SecretKey, &secret(&Recipe::of(Material::weak()).build()));
    let sandbox = Sandbox::new();
    let done = sandbox.call(["--json", "doctor"]).env_bytes("PLUGSIGN_KEY", &key).run();
    let done = fails(done, "strength");
    assert!(mend(&done, "strength").contains("keygen"));
}

#[test]
fn doctor_finds_secrets_that_others_can_read() {
    let sandbox = home_of(&Recipe::of(Material::a()));
    let key = format!("home/keys/{}", sandbox.names("home/keys")[0]);
    sandbox.chmod(&key, 0o644);
    let done = fails(sandbox.run("--json doctor"), "home");
    let mend = mend(&done, "home");
    assert!(std::process::Command::new("sh").args(["-c", &mend]).status().unwrap().success());
    sandbox.run("doctor").exits(0);
    std::fs::set_permissions(sandbox.home(), std::fs::Permissions::from_mode(0o777)).unwrap();
    fails(sandbox.run("--json doctor"), "home");
}

#[test]
fn clocks_that_cannot_be_right_fail() {
    let sandbox = home_of(&Recipe::of(Material::a()));
    for (value, name) in [("9999999999", "clock"), ("4000000000", "clock"), ("1", "trial")] {
        let call = sandbox.call(["--json", "doctor"]).env("SOURCE_DATE_EPOCH", value);
        fails(call.run(), name);
    }
}

#[test]
fn a_bundle_is_checked_too_and_needs_no_signature_yet() {
    let sandbox = home_of(&Recipe::of(Material::a()));
    let example =
        concat!(env!("CARGO_MANIFEST_DIR"), "/keys-example/dist/com.example.plugin-1.2.0.tar.gz");
    std::fs::copy(example, sandbox.path("com.example.plugin-1.2.0.tar.gz")).unwrap();
    sandbox.write("junk", "junk");
    let done = sandbox.run("--json doctor --bundle com.example.plugin-1.2.0.tar.gz").exits(0);
    assert!(states(&done).contains(&"bundle ok".into()), "{done:?}");
    let done = fails(sandbox.run("--json doctor --bundle junk"), "bundle");
    assert!(mend(&done, "bundle").contains("plugsign check"), "{done:?}");
    fails(sandbox.run("--json doctor --bundle missing"), "bundle");
}

#[test]
fn wrong_usage_exits_2() {
    let sandbox = Sandbox::new();
    sandbox.run("doctor -u a -u b").exits(2);
    sandbox.run("doctor --key-file - --passphrase-fd 0").exits(2);
    sandbox.run("doctor -u C192CC1F").exits(1).prints("FAIL  key: ");
}
