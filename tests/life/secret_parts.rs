//! Secret parts that the home has, a file has, or both: none is ever lost.

use crate::common::sandbox::{Done, Sandbox};

/// Makes an organisation's key without a passphrase, and a copy of it from before a rotation.
/// Returns the key and its newer subkey.
fn rotated(sandbox: &Sandbox) -> (String, String) {
    let key = sandbox.keygen("--kind org --name Acme --no-passphrase");
    sandbox.run(&format!("export --secret --unprotected {key} -o older")).exits(0);
    let new = sandbox.run(&format!("rotate {key}")).exits(0).out().trim().to_string();
    (key, new)
}

fn with_passphrase(sandbox: &Sandbox, line: &str, passphrase: &str) -> Done {
    sandbox.call(line.split(' ')).env("PLUGSIGN_PASSPHRASE", passphrase).run()
}

/// Returns the subkeys, with whether their secret parts are here.
fn subkeys(sandbox: &Sandbox) -> Vec<(String, bool)> {
    let json = sandbox.run("--json list").exits(0).json();
    let subkeys = json["keys"][0]["subkeys"].as_array().unwrap().iter();
    subkeys
        .map(|it| (it["fingerprint"].as_str().unwrap().into(), it["secret"].as_bool().unwrap()))
        .collect()
}

#[test]
fn an_older_file_takes_no_subkey_away() {
    let sandbox = Sandbox::new();
    let (_, new) = rotated(&sandbox);
    let before = sandbox.read("older");
    sandbox.run("import --no-passphrase older").exits(0).prints("unchanged  ");
    sandbox.run("import --no-passphrase --replace older").exits(0).prints("updated  ");
    assert_eq!(sandbox.read("older"), before);
    assert!(subkeys(&sandbox).iter().all(|(_, is_here)| *is_here));
    sandbox.write("a.tar", "a release");
    let done = sandbox.run("--json sign a.tar").exits(0);
    assert_eq!(done.json()["key"], new.as_str());
}

#[test]
fn the_primary_key_comes_back_from_the_vault_beside_a_subkey_that_the_vault_lacks() {
    let sandbox = Sandbox::new();
    let key = sandbox.keygen("--kind org --name Acme --no-passphrase");
    let vault = format!("vault/{key}.secret.asc");
    sandbox.run(&format!("export --offline-primary vault {key} --unprotected")).exits(0);
    let rotate = format!("rotate {key} --primary {vault}");
    let new = sandbox.run(&rotate).exits(0).out().trim().to_string();
    let done = sandbox.run(&format!("import --no-passphrase {vault}")).exits(0);
    done.prints("updated  ");
    assert!(subkeys(&sandbox).iter().all(|(_, is_here)| *is_here));
    sandbox.run(&format!("extend {key} --expires 3y")).exits(0);
    sandbox.write("a.tar", "a release");
    assert_eq!(sandbox.run("--json sign a.tar").exits(0).json()["key"], new.as_str());
}

#[test]
fn importing_a_ci_secret_over_the_whole_key_keeps_the_primary_key() {
    let sandbox = Sandbox::new();
    let (key, _) = rotated(&sandbox);
    let ci = sandbox.call(["export", "--ci", &key, "-o", "ci"]);
    ci.env("PLUGSIGN_NEW_PASSPHRASE", "ci").run().exits(0);
    with_passphrase(&sandbox, "import --replace ci", "ci").exits(0).prints("updated  ");
    // What had no passphrase beside it has the same one now.
    with_passphrase(&sandbox, &format!("extend {key} --expires 3y"), "ci").exits(0);
    assert!(subkeys(&sandbox).iter().all(|(_, is_here)| *is_here));
}

#[test]
fn parts_under_different_passphrases_are_not_mixed() {
    let sandbox = Sandbox::new();
    let call = sandbox.call(["keygen", "-q", "--kind", "org", "--name", "Acme"]);
    let key = call.env("PLUGSIGN_PASSPHRASE", "home").run().exits(0).out().trim().to_string();
    let ci = sandbox.call(["export", "--ci", &key, "-o", "ci"]);
    let ci = ci.env("PLUGSIGN_PASSPHRASE", "home").env("PLUGSIGN_NEW_PASSPHRASE", "ci");
    ci.run().exits(0);
    with_passphrase(&sandbox, &format!("export --secret {key} -o whole"), "home").exits(0);
    let before = sandbox.snapshot();
    let done = with_passphrase(&sandbox, "import --replace ci", "ci").exits(3);
    done.prints(&key).says(&format!("plugsign passwd {key}"));
    assert_eq!(sandbox.snapshot(), before);
    // A home that has the CI's part alone, and the whole comes.
    let other = |line: &str, passphrase: &str| {
        with_passphrase(&sandbox, &format!("--home other {line}"), passphrase)
    };
    other("import ci", "ci").exits(0);
    other("import whole", "home").exits(3).says("plugsign passwd");
    let passwd = sandbox.call(["--home", "other", "passwd", &key]);
    let passwd = passwd.env("PLUGSIGN_PASSPHRASE", "ci").env("PLUGSIGN_NEW_PASSPHRASE", "home");
    passwd.run().exits(0);
    other("import whole", "home").exits(0).prints("updated  ");
    other(&format!("rotate {key}"), "home").exits(0);
}

#[test]
fn a_subkey_without_its_secret_part_is_named() {
    let sandbox = Sandbox::new();
    let (key, new) = rotated(&sandbox);
    sandbox.run(&format!("export {key} -o certificate")).exits(0);
    for line in ["import --no-passphrase older", "import certificate"] {
        sandbox.run(&format!("--home other {line}")).exits(0);
    }
    let done = sandbox.run("--home other list").exits(0);
    done.prints(&format!("the secret part of subkey {new} is not here"));
    let json = sandbox.run("--home other --json list").exits(0).json();
    let newer = json["keys"][0]["subkeys"].as_array().unwrap().iter();
    let newer = newer.filter(|it| it["secret"] == false);
    assert_eq!(newer.map(|it| it["fingerprint"].clone()).collect::<Vec<_>>(), [new.as_str()]);
    sandbox.write("a.tar", "a release");
    let done = sandbox.run(&format!("--home other sign -u {new}! a.tar")).exits(4);
    done.says(&format!("{new}: its secret part is not here"));
}
