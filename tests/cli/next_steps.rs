//! What to do next, where people get stuck.

use crate::common::craft::*;
use crate::common::person::Person;
use crate::common::sandbox::{PROGRAM, Sandbox};

/// An organisation whose primary key is in a vault, and the fingerprint of its key.
fn organisation() -> (Sandbox, String) {
    let sandbox = Sandbox::for_scripts();
    let key = sandbox.acme_key(&["--kind", "org"]);
    sandbox.write("ci-passphrase", "another one");
    sandbox.must(&format!(
        "plugsign export --ci {key} -o ci-secret --new-passphrase-file ci-passphrase
         plugsign export --offline-primary vault {key}"
    ));
    (sandbox, key)
}

#[test]
fn what_is_no_primary_key_is_named_for_what_it_is() {
    let (sandbox, key) = organisation();
    let said = sandbox.sh(&format!("plugsign rotate {key} --primary ci-secret")).exits(3);
    let words = "ci-secret has no primary key: it may be what export --ci wrote";
    assert!(said.err().contains(words), "{}", said.shown());
    let said = sandbox.sh(&format!("plugsign rotate {key} --primary vault")).exits(3);
    let words = format!("--primary vault/{key}.secret.asc");
    assert!(said.err().contains(&words), "{}", said.shown());
    sandbox.must(&format!("plugsign rotate {key} {words}"));
    let said = sandbox.sh(&format!("mkdir other; plugsign rotate {key} --primary other")).exits(3);
    assert!(said.err().contains("this folder has none of this key"), "{}", said.shown());
}

#[test]
fn a_vault_that_is_older_than_the_passphrase_wants_the_former_one() {
    let (sandbox, key) = organisation();
    sandbox.write("new", "a new passphrase");
    sandbox.must(&format!("plugsign passwd {key} --new-passphrase-file new"));
    let rotate = format!("plugsign rotate {key} --primary vault/{key}.secret.asc");
    let said = sandbox.sh(&format!("{rotate} --passphrase-file new")).exits(3);
    assert!(said.err().contains("--primary-passphrase-file FILE"), "{}", said.shown());
    sandbox.must(&format!(
        "printf %s \"$PLUGSIGN_PASSPHRASE\" > former
         {rotate} --passphrase-file new --primary-passphrase-file former"
    ));
}

#[test]
fn whoever_forgot_the_passphrase_learns_what_is_left() {
    let sandbox = Sandbox::with_passphrase();
    sandbox.keygen("--name Acme");
    sandbox.write("a.zip", "x");
    let mut person = Person::starts(&sandbox, "sign a.zip");
    for _ in 0..3 {
        person.whispers("assphrase for", b"wrong");
    }
    person.sees("nobody can bring back a forgotten passphrase");
}

#[test]
fn an_unknown_signer_is_trusted_by_trust_add() {
    let sandbox = Sandbox::new();
    sandbox.import(&secret(bob()));
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("a.tar.gz.sig", signature(&Recipe::of(Material::a()).user_id("Alice")));
    let said = sandbox.run("verify a.tar.gz").exits(1).prints("unknown-signer");
    assert!(said.err().contains("plugsign trust add FILE"), "{said:?}");
    sandbox.write("a.tar.gz.sig", "junk");
    let said = sandbox.run("verify a.tar.gz").exits(1);
    assert!(!said.err().contains("plugsign trust add"), "{said:?}");
}

#[test]
fn import_says_that_a_certificate_is_not_trusted_by_that() {
    let sandbox = Sandbox::new();
    sandbox.write("alice.asc", public(alice()));
    let words = "plugsign trust add FILE";
    sandbox.run("import alice.asc").exits(0).says(words);
    // Nothing new: nothing to say again.
    let said = sandbox.run("import alice.asc").exits(0);
    assert!(!said.err().contains(words), "{said:?}");
    // What is trusted already, or has its secret part, is not called untrusted.
    let sandbox = Sandbox::new();
    sandbox.write("alice.asc", public(alice()));
    sandbox.run("trust add alice.asc").exits(0);
    let said = sandbox.run("import alice.asc").exits(0);
    assert!(!said.err().contains(words), "{said:?}");
    sandbox.write("bob.asc", secret(bob()));
    let said = sandbox.run("import --no-passphrase bob.asc").exits(0);
    assert!(!said.err().contains(words), "{said:?}");
}

/// A server that trusts alice's key, and the same key with another end.
fn server() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.import(&secret(alice()));
    sandbox.write("my server/config.json", "{}");
    sandbox.run("export alice -a -o key.asc").exits(0);
    sandbox.call(["trust", "add", "--config", "my server/config.json", "key.asc"]).run().exits(0);
    sandbox.run("extend alice --expires 2y").exits(0);
    sandbox.run("export alice -a -o key.asc --force").exits(0);
    sandbox
}

/// Runs the command that the last line of a hint names.
fn follow(sandbox: &Sandbox, said: &str) {
    let from = said.rfind("plugsign trust").unwrap();
    let command = said[from..].lines().next().unwrap();
    sandbox.must(&command.replacen("plugsign", PROGRAM, 1));
}

#[test]
fn a_renewed_key_file_takes_the_place_of_the_former_one() {
    let sandbox = server();
    let add = ["trust", "add", "--config", "my server/config.json", "key.asc"];
    // The newer copy goes there by itself, and an older one with a longer end does not.
    sandbox.run("export alice -a -o long.asc").exits(0);
    sandbox.run("extend alice --expires 1y").exits(0);
    sandbox.run("export alice -a -o key.asc --force").exits(0);
    sandbox.call(add).run().exits(0);
    assert_eq!(sandbox.read("my server/key.asc"), sandbox.read("key.asc"));
    std::fs::rename(sandbox.path("long.asc"), sandbox.path("key.asc")).unwrap();
    let said = sandbox.call(add).run().exits(3);
    assert!(said.err().contains("another copy of this key"), "{said:?}");
    follow(&sandbox, &said.err());
    assert_eq!(sandbox.read("my server/key.asc"), sandbox.read("key.asc"));
    // A file of another key is not put away so lightly.
    sandbox.import(&secret(bob()));
    sandbox.run("export bob -a -o key.asc --force").exits(0);
    let said = sandbox.call(add).run().exits(3).says("--name NAME");
    assert!(!said.err().contains("--force"), "{said:?}");
}

#[test]
fn a_revoked_key_file_is_not_replaced_by_an_older_one() {
    let sandbox = Sandbox::new();
    sandbox.import(&secret(alice()));
    sandbox.write("config.json", "{}");
    sandbox.run("export alice -a -o older").exits(0);
    sandbox.run("revoke alice --reason compromised").exits(0);
    sandbox.run("export alice -a -o newer").exits(0);
    sandbox.run("trust add --config config.json --name key.asc newer").exits(0);
    let said = sandbox.run("trust add --config config.json --name key.asc older").exits(3);
    assert!(said.err().contains("revoked") && !said.err().contains("--force"), "{said:?}");
}

#[test]
fn two_files_of_one_key_are_named() {
    let sandbox = server();
    let config = ["--config", "my server/config.json"];
    let call = |words: &[&str]| {
        sandbox.call(["trust"].iter().chain(words).chain(&config).collect::<Vec<_>>()).run()
    };
    let added = call(&["add", "--name", "new key.asc", "key.asc"]).exits(0);
    assert!(added.err().contains("also trusted as key.asc"), "{added:?}");
    let checked = call(&["check"]).exits(0);
    assert!(checked.err().contains("key.asc and new key.asc hold the same key"), "{checked:?}");
    let removed = call(&["remove", "key.asc"]).exits(0);
    assert!(removed.err().contains("still trusted, as new key.asc"), "{removed:?}");
    follow(&sandbox, &removed.err());
    assert!(!sandbox.has("my server/new key.asc"));
    let unknown = call(&["remove", "key.asc"]).exits(3);
    let words = "plugsign trust list --config 'my server/config.json'";
    assert!(unknown.err().contains(words), "{unknown:?}");
    // In the home, too.
    sandbox.run("trust add key.asc").exits(0);
    sandbox.run("trust add --name second key.asc").exits(0).says("also trusted as key.asc");
    let removed = sandbox.run("trust remove second").exits(0).says("still trusted, as key.asc");
    follow(&sandbox, &removed.err());
    sandbox.run("trust remove key.asc").exits(3);
}

#[test]
fn a_list_of_checksums_that_a_pattern_matches_is_named() {
    let sandbox = Sandbox::new();
    sandbox.import(&secret(alice()));
    sandbox.write("dist/a.bin", "x");
    sandbox.write("dist/a.bin.sha256", "x");
    let said = sandbox.call(["sign", "--include", "*", "--checksums", "dist"]).run().exits(0);
    assert!(said.err().contains("plugsign sign dist/a.bin.sha256"), "{said:?}");
    assert!(!said.err().contains("SHA256SUMS is a list"), "{said:?}");
    // Signed by its name, it is good, and nothing more is to be said.
    let sum = sandbox.sh("cd dist && sha256sum a.bin > a.bin.sha256");
    assert!(sum.is_ok());
    sandbox.run("sign dist/a.bin.sha256").exits(0);
    sandbox.run("verify dist").exits(0);
    let said = sandbox.call(["sign", "--include", "*", "--checksums", "dist"]).run().exits(0);
    assert!(!said.err().contains("is a list of checksums"), "{said:?}");
    let said = sandbox.call(["sign", "--include", "*.bin", "dist"]).run().exits(0);
    assert!(!said.err().contains("is a list of checksums"), "{said:?}");
}
