//! Several signers of the same files.

use std::fs;

use crate::common::craft::*;
use crate::common::sandbox::Sandbox;

const FURTHER: &str = "dist/a.tar.gz.KEYID.sig";

fn further(cert: &sequoia_openpgp::Cert) -> String {
    FURTHER.replace("KEYID", &cert.keyid().to_hex())
}

/// Alice's and Bob's keys, their certificates, and a folder of two artifacts.
fn desk() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.import(&secret(alice()));
    sandbox.import(&secret(bob()));
    sandbox.write("alice", public(alice()));
    sandbox.write("bob", public(bob()));
    sandbox.write("dist/a.tar.gz", DATA);
    sandbox.write("dist/b.tar.gz", "other bytes");
    sandbox
}

fn signed() -> Sandbox {
    let sandbox = desk();
    sandbox.run("sign -u alice -u bob dist").exits(0);
    sandbox
}

#[test]
fn the_first_key_signs_for_servers_and_the_others_write_further_files() {
    let sandbox = desk();
    let done = sandbox.run("sign -u alice -u bob dist").exits(0).says("4 signed");
    assert!(done.out().contains("dist/a.tar.gz.sig\n") && done.out().contains(&further(bob())));
    let names = sandbox.names("dist");
    assert_eq!(names.len(), 6, "{names:?}");
    sandbox.run("verify --as-server --key alice dist/a.tar.gz").exits(0);
    sandbox.run("verify --as-server --key bob dist/a.tar.gz").exits(1);
    sandbox.run("verify --key bob --signature").exits(2);
    let bobs = further(bob());
    sandbox.call(["verify", "--key", "bob", "--signature", &bobs, "dist/a.tar.gz"]).run().exits(0);
    // By its name alone, too.
    sandbox.call(["verify", "--key", "bob", &bobs]).run().exits(0).prints("dist/a.tar.gz  ");
    sandbox.run("sign -u alice -u bob dist").exits(0).says("0 signed, 4 up to date");
    let json = sandbox.run("--json sign -u bob -u alice --force dist").exits(0).json();
    assert_eq!(json["signers"].as_array().unwrap().len(), 2);
    assert_eq!(json["certificate"], bob().fingerprint().to_hex());
}

#[test]
fn a_folder_with_further_signatures_has_no_orphans_and_they_are_not_signed() {
    let sandbox = signed();
    sandbox.run("verify dist").exits(0).says("2 good, 0 bad");
    sandbox.run("verify --signers 2 dist").exits(0).says("2 good, 0 bad");
    sandbox.run("sign -u alice dist").exits(0).says("0 signed, 2 up to date");
    sandbox.run("sign -u alice --include * dist").exits(0).says("0 signed, 2 up to date");
    // Without the file that it is of, it is an orphan like any other.
    fs::remove_file(sandbox.path("dist/a.tar.gz")).unwrap();
    let done = sandbox.run("verify dist").exits(1);
    assert_eq!(done.out().matches("orphan-signature").count(), 2, "{done:?}");
}

#[test]
fn a_stale_further_signature_is_bad_if_its_signer_counts() {
    let sandbox = signed();
    sandbox.write("dist/a.tar.gz", "built again");
    sandbox.run("sign -u alice --force dist").exits(0);
    let done = sandbox.run("verify dist").exits(1);
    assert!(done.out().contains(&format!("BAD   {}  bad-signature", further(bob()))), "{done:?}");
    sandbox.run("verify --key alice dist").exits(0);
    sandbox.run("sign -u alice -u bob --force dist").exits(0);
    sandbox.run("verify dist").exits(0);
}

#[test]
fn further_signatures_do_not_stand_in_for_the_first() {
    let sandbox = signed();
    fs::remove_file(sandbox.path("dist/a.tar.gz.sig")).unwrap();
    sandbox.run("verify dist").exits(1).prints("missing-signature");
    sandbox.run("verify --signers 2 dist").exits(1).prints("missing-signature");
}

#[test]
fn signers_are_distinct_certificates_that_count() {
    let sandbox = signed();
    sandbox
        .run("verify --signers 2 --key alice --key bob dist/a.tar.gz")
        .exits(0)
        .prints("  and  ");
    let json = sandbox.run("--json verify --signers 2 dist/a.tar.gz").exits(0).json();
    assert_eq!(json["artifacts"][0]["also"][0]["certificate"], bob().fingerprint().to_hex());
    for few in [
        "verify --signers 2 --key alice dist/a.tar.gz",
        "verify --signers 2 --key alice --key alice dist/a.tar.gz",
        "verify --signers 3 --key alice --key bob dist/a.tar.gz",
    ] {
        sandbox.run(few).exits(1).prints("too-few-signers");
    }
    sandbox.run("verify --signers 0 dist").exits(2);
    // Alice's own signature under Bob's name.
    fs::copy(sandbox.path("dist/a.tar.gz.sig"), sandbox.path(further(bob()))).unwrap();
    sandbox.run("verify --signers 2 dist/a.tar.gz").exits(1).prints("too-few-signers");
    // Bob's over other bytes.
    let other = further(bob()).replace("a.tar.gz", "b.tar.gz");
    fs::copy(sandbox.path(other), sandbox.path(further(bob()))).unwrap();
    sandbox.run("verify --signers 2 dist/a.tar.gz").exits(1).prints("too-few-signers");
    sandbox.run("verify dist/a.tar.gz").exits(0);
}

#[test]
fn two_subkeys_of_one_certificate_count_once() {
    let sandbox = Sandbox::new();
    let recipe = Recipe::of(Material::a());
    let how = Binding {
        flags: sequoia_openpgp::types::KeyFlags::empty().set_signing(),
        back_signature: true,
    };
    let cert = with_subkey(recipe.build(), &mut recipe.signer(), Material::b(), &how);
    let (mut primary, mut subkey) = (recipe.signer(), Material::b().signer(ago(9)));
    sandbox.write("signer", public(&cert));
    sandbox.write("dist/a.tar.gz", DATA);
    sandbox.write("dist/a.tar.gz.sig", Forge::by(&primary).sign(&mut primary, DATA));
    sandbox.write(further(&cert), Forge::by(&subkey).sign(&mut subkey, DATA));
    sandbox.run("verify --key signer dist").exits(0);
    sandbox.run("verify --key signer --signers 2 dist").exits(1).prints("too-few-signers");
}

#[test]
fn checksums_are_signed_by_all() {
    let sandbox = desk();
    sandbox.run("sign -u alice -u bob --checksums dist").exits(0);
    sandbox.run("verify --signers 2 dist").exits(0).says("3 good");
    sandbox.run("sign -u alice -u bob --checksums dist").exits(0).says("0 signed, 6 up to date");
}

#[test]
fn impossible_combinations_with_several_signers_are_refused() {
    let sandbox = desk();
    let before = sandbox.snapshot();
    sandbox.run("sign -u alice -u bob -o x dist/a.tar.gz").exits(2);
    sandbox.run("sign -u alice -u bob -").exits(2);
    sandbox.run("sign -u alice -u alice@example.org dist").exits(2).says("twice");
    sandbox.run("sign -u alice -u nobody dist").exits(3);
    assert_eq!(before, sandbox.snapshot());
}

#[test]
fn one_passphrase_from_a_descriptor_unlocks_all_keys() {
    let sandbox = Sandbox::new();
    sandbox.write("pass", "the same");
    sandbox.keygen("--name One --passphrase-file pass");
    sandbox.keygen("--name Two --passphrase-file pass");
    sandbox.write("a.tar.gz", DATA);
    sandbox.run("sign -u One -u Two --passphrase-fd 0 a.tar.gz").exits(3);
    sandbox
        .call("sign -u One -u Two --passphrase-fd 0 a.tar.gz".split(' '))
        .stdin(b"the same\n")
        .run()
        .exits(0);
    sandbox.run("verify --signers 2 a.tar.gz").exits(0);
}

/// Runs sign with several keys in the environment, and returns whose certificates signed.
fn with_keys_in_environment(
    sandbox: &Sandbox,
    options: &str,
    code: i32,
) -> crate::common::sandbox::Done {
    let keys = [secret(bob()), secret(&Recipe::of(Material::strong()).user_id("Carol").build())];
    sandbox.write("dist/a.tar.gz", DATA);
    let line = format!("--json sign --force {options} dist/a.tar.gz");
    let text = armor(sequoia_openpgp::armor::Kind::SecretKey, &keys.concat());
    sandbox.call(line.split_whitespace()).env_bytes("PLUGSIGN_KEY", &text).run().exits(code)
}

#[test]
fn a_key_in_the_environment_is_chosen_before_one_in_the_home() {
    let sandbox = Sandbox::new();
    sandbox.import(&secret(alice()));
    let carol = Recipe::of(Material::strong()).user_id("Carol").build();
    let signs = |options: &str, signers: &[&sequoia_openpgp::Cert]| {
        let json = with_keys_in_environment(&sandbox, options, 0).json();
        let certificates = json["signers"].as_array().unwrap().iter();
        let certificates = certificates.map(|it| it["certificate"].as_str().unwrap().to_string());
        let wanted: Vec<String> = signers.iter().map(|it| it.fingerprint().to_hex()).collect();
        assert_eq!(certificates.collect::<Vec<_>>(), wanted, "{options}");
    };
    signs("-u Carol", &[&carol]);
    signs(&format!("-u {}!", bob().fingerprint()), &[bob()]);
    // The home has what the environment lacks.
    signs("-u alice", &[alice()]);
    signs("-u alice -u Carol", &[alice(), &carol]);
    let done = with_keys_in_environment(&sandbox, "", 3);
    let error = &done.json()["error"];
    assert_eq!(error["message"], "there are 2 secret keys, and none was chosen");
    assert!(error["hint"].as_str().unwrap().contains("-u"), "{done:?}");
}

#[test]
fn a_source_without_a_secret_key_is_named() {
    let sandbox = Sandbox::new();
    sandbox.import(&secret(alice()));
    sandbox.write("a.tar.gz", DATA);
    let with = |line: &str, key: &str| sandbox.call(line.split(' ')).env("PLUGSIGN_KEY", key).run();
    with("sign a.tar.gz", "").exits(3).says("PLUGSIGN_KEY is empty: is the CI's secret there?");
    with("doctor", "").exits(1).prints("FAIL  key: PLUGSIGN_KEY is empty");
    with("sign a.tar.gz", "junk").exits(3).says("(PLUGSIGN_KEY)");
    let certificate = armor(sequoia_openpgp::armor::Kind::PublicKey, &public(bob()));
    sandbox.write("bob.asc", &certificate);
    let done = with("sign a.tar.gz", std::str::from_utf8(&certificate).unwrap()).exits(3);
    done.says("(PLUGSIGN_KEY)").says("plugsign export --ci KEY");
    let done = sandbox.run("sign --key-file bob.asc a.tar.gz").exits(3);
    done.says("(bob.asc)").says("plugsign export --secret KEY");
    assert!(!sandbox.has("a.tar.gz.sig"));
    with("sign -u alice a.tar.gz", "").exits(0);
}
