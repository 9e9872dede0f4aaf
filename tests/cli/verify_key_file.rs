//! `verify --key FILE`: the file means itself. What narrows may come from elsewhere, nothing else.

use crate::common::sandbox::Sandbox;

/// The publisher asks: will the key file that I publish do?
#[test]
fn the_old_certificate_does_not_verify_what_a_new_subkey_signs() {
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", "data");
    let key = sandbox.keygen("--name A --email a@example.org --no-passphrase");
    sandbox.run(&format!("export {key} -o old.asc -a")).exits(0);
    sandbox.run(&format!("rotate {key}")).exits(0);
    sandbox.run(&format!("export {key} -o new.asc -a")).exits(0);
    sandbox.run("sign a.tar.gz").exits(0);
    sandbox.run("verify --key old.asc a.tar.gz").exits(1).prints("unknown-signer");
    sandbox.run("verify --key new.asc a.tar.gz").exits(0);
    sandbox.run(&format!("verify --key {key} a.tar.gz")).exits(0);
    sandbox.run("verify a.tar.gz").exits(0);
}

#[test]
fn a_revocation_that_only_the_home_knows_counts_for_the_file_too() {
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", "data");
    let key = sandbox.keygen("--name A --email a@example.org --no-passphrase");
    sandbox.run("sign a.tar.gz").exits(0);
    sandbox.run(&format!("export {key} -o old.asc -a")).exits(0);
    sandbox.run("verify --key old.asc a.tar.gz").exits(0);
    sandbox.run(&format!("revoke {key} --reason compromised")).exits(0);
    sandbox.run("verify --key old.asc a.tar.gz").exits(1).prints("revoked-key");
}

#[test]
fn an_earlier_end_that_only_the_home_knows_counts_and_a_later_one_does_not() {
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", "data");
    let key = sandbox.keygen("--name A --email a@example.org --no-passphrase --expires 10d");
    sandbox.run("sign a.tar.gz").exits(0);
    sandbox.run(&format!("export {key} -o ten.asc -a")).exits(0);
    sandbox.run(&format!("extend {key} --expires 2y")).exits(0);
    sandbox.run(&format!("export {key} -o years.asc -a")).exits(0);
    let in_a_month = |line: &str| sandbox.run(&format!("{line} --json"));
    let valid = in_a_month("verify --key ten.asc a.tar.gz").exits(0);
    assert!(valid.out().contains("good"), "{valid:?}");
    // An older end says nothing against a newer word of the file's.
    let other = Sandbox::new();
    other.write("a.tar.gz", "data");
    other.write("a.tar.gz.sig", sandbox.read("a.tar.gz.sig"));
    other.write("ten.asc", sandbox.read("ten.asc"));
    other.write("years.asc", sandbox.read("years.asc"));
    other.run("import ten.asc").exits(0);
    other.run("verify --key years.asc a.tar.gz").exits(0);
}
