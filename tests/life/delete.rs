//! A key that is deleted from the home, and what stays.

use crate::common::person::Person;
use crate::common::sandbox::Sandbox;

fn org(sandbox: &Sandbox) -> String {
    sandbox.keygen("--kind org --name Acme --no-passphrase")
}

fn count(sandbox: &Sandbox) -> (usize, usize) {
    (sandbox.names("home/keys").len(), sandbox.names("home/certificates").len())
}

#[test]
fn a_secret_key_goes_only_by_its_fingerprint_and_its_revocation_certificates_stay() {
    let sandbox = Sandbox::new();
    let key = org(&sandbox);
    sandbox.run(&format!("extend {key} --expires 2y")).exits(0);
    assert_eq!(count(&sandbox), (1, 1));
    let before = sandbox.snapshot();
    sandbox.run(&format!("delete {key}")).exits(2).says(&format!("plugsign delete {key} --yes"));
    let said = sandbox.run("delete Acme --yes").exits(2);
    said.says("only copy of a secret key").says(&key);
    sandbox.run(&format!("delete {} --yes", &key[24..])).exits(2).says(&key);
    sandbox.run("delete nobody --yes").exits(3).says("no key matches");
    assert_eq!(sandbox.snapshot(), before);
    let kept = sandbox.names("home/revocations");
    let said = sandbox.run(&format!("--json delete {key} --yes")).exits(0).json();
    assert_eq!((&said["secret"], &said["certificate"]), (&true.into(), &true.into()));
    assert_eq!(said["revocations"].as_array().unwrap().len(), 4);
    assert_eq!(count(&sandbox), (0, 0));
    assert_eq!(sandbox.names("home/revocations"), kept);
    sandbox.run(&format!("delete {key} --yes")).exits(3);
}

#[test]
fn the_secret_part_alone_goes_and_the_certificate_keeps_what_was_known() {
    let sandbox = Sandbox::new();
    let key = org(&sandbox);
    sandbox.run(&format!("revoke {key} --reason retired")).exits(0);
    sandbox.run(&format!("export {key} -o before")).exits(0);
    let said = sandbox.run(&format!("delete {key} --secret --yes")).exits(0);
    let said = said.says("Its certificate stays.");
    assert!(!said.err().contains("forgets"), "{}", said.shown());
    assert_eq!(count(&sandbox), (0, 1));
    sandbox.run(&format!("export {key} -o after")).exits(0);
    assert_eq!(sandbox.read("before"), sandbox.read("after"));
    sandbox.run(&format!("delete {key} --secret --yes")).exits(3).says("has no secret key here");
    // A certificate goes by any name. That it was revoked is not forgotten without a word.
    let said = sandbox.run("delete Acme --yes").exits(0);
    said.says(&format!("forgets that {key} is revoked"));
    assert_eq!(count(&sandbox), (0, 0));
}

#[test]
fn a_trusted_copy_stays_and_learns_what_the_deleted_key_knew() {
    let sandbox = Sandbox::new();
    let key = org(&sandbox);
    sandbox.write("a.tar", b"a release");
    sandbox.run("sign a.tar").exits(0);
    sandbox.run(&format!("export {key} -o early")).exits(0);
    sandbox.run("trust add early").exits(0);
    sandbox.run(&format!("revoke {key} --reason compromised")).exits(0);
    let said = sandbox.run(&format!("--json delete {key} --yes")).exits(0).json();
    assert_eq!(
        (&said["trusted"][0], said["forgotten"].as_array().unwrap().len()),
        (&"early".into(), 0)
    );
    assert_eq!(count(&sandbox), (0, 0));
    sandbox.run("verify a.tar").exits(1).prints("revoked-key");
    let said = sandbox.run(&format!("delete {key} --yes")).exits(3);
    said.says("only trusted here").says("plugsign trust remove early");
}

#[test]
fn a_revoked_subkey_is_not_forgotten_without_a_word_and_is_not_deleted_alone() {
    let sandbox = Sandbox::new();
    let key = org(&sandbox);
    let rotated = sandbox.run(&format!("rotate {key}")).exits(0).out().trim().to_string();
    for name in [rotated.clone(), format!("{rotated}!")] {
        let said = sandbox.run(&format!("delete {name} --yes")).exits(2);
        said.says(&format!("plugsign revoke {key} --subkey {rotated}"));
    }
    sandbox.run(&format!("revoke {key} --subkey {rotated} --reason superseded")).exits(0);
    let said = sandbox.run(&format!("--json delete {key} --yes")).exits(0).json();
    assert_eq!(said["forgotten"], serde_json::json!([rotated]));
}

#[test]
fn a_key_with_an_unreadable_file_is_not_deleted() {
    let sandbox = Sandbox::new();
    let key = org(&sandbox);
    sandbox.write(format!("home/certificates/{key}.pgp"), b"junk");
    let before = sandbox.snapshot();
    sandbox.run(&format!("delete {key} --yes")).exits(3);
    assert_eq!(sandbox.snapshot(), before);
}

#[test]
fn a_person_types_the_fingerprint_of_a_secret_key_and_says_yes_to_a_certificate() {
    let sandbox = Sandbox::new();
    let key = org(&sandbox);
    let asked = |answer: &str| {
        let mut person = Person::starts(&sandbox, "delete Acme");
        person.answers("type its fingerprint: ", answer);
        person.ends()
    };
    for answer in ["y", "yes", "", &key[24..]] {
        let (rest, code) = asked(answer);
        assert!(code == 3 && rest.contains("nothing was done"), "{answer}: {rest}");
    }
    assert_eq!(count(&sandbox), (1, 0));
    sandbox.run(&format!("export {key} -o certificate")).exits(0);
    assert_eq!(asked(&key.to_lowercase()).1, 0);
    sandbox.run("import certificate").exits(0);
    for (answer, code) in [("n", 3), ("y", 0)] {
        let mut person = Person::starts(&sandbox, "delete Acme");
        person.answers("Delete it? (y/N) ", answer);
        assert_eq!(person.ends().1, code);
    }
    assert_eq!(count(&sandbox), (0, 0));
}
