//! What newcomers type, and what they are told.

use std::fs;

use sequoia_openpgp::armor::Kind;

use crate::common::craft::*;
use crate::common::person::Person;
use crate::common::sandbox::{Done, Sandbox};

/// A home with Alice's key under the passphrase "right", and a file beside it.
fn desk() -> Sandbox {
    let sandbox = Sandbox::new();
    let file = sandbox.write("alice.key", secret(alice()));
    let done = sandbox.call(["import", "alice.key"]).env("PLUGSIGN_PASSPHRASE", "right").run();
    done.exits(0).says("had no passphrase, and is stored under the one that was given");
    fs::remove_file(file).unwrap();
    sandbox.write("alice.asc", armor(Kind::PublicKey, &public(alice())));
    sandbox.write("a.tar.gz", DATA);
    sandbox
}

fn sign(sandbox: &Sandbox, passphrase: &str, more: &str) -> Done {
    let call = sandbox.call(["sign"]).args(more.split_whitespace());
    call.env("PLUGSIGN_PASSPHRASE", passphrase).run()
}

#[test]
fn a_wrong_passphrase_names_where_it_came_from() {
    let sandbox = desk();
    sandbox.write("pass", "wrong\n");
    sign(&sandbox, "wrong", "a.tar.gz")
        .exits(3)
        .says("it came from PLUGSIGN_PASSPHRASE; plugsign drops one line end");
    sandbox
        .run("sign --passphrase-file pass a.tar.gz")
        .exits(3)
        .says("wrong passphrase for ")
        .says("it came from pass (--passphrase-file)");
    let from_stdin = sandbox.call(["sign", "--passphrase-fd", "0", "a.tar.gz"]).stdin(b"wrong");
    from_stdin.run().exits(3).says("it came from descriptor 0");
    for line in [
        "passwd --passphrase-file pass alice",
        "extend --expires 1y --passphrase-file pass alice",
        "rotate --passphrase-file pass alice",
    ] {
        sandbox.run(line).exits(3).says("it came from pass");
    }
    sandbox.run("sign --passphrase-fd 9 a.tar.gz").exits(3).says("from descriptor 9: ");
}

#[test]
fn the_prompt_allows_three_tries_and_can_be_left() {
    let sandbox = desk();
    let mut person = Person::starts(&sandbox, "passwd alice");
    person.whispers("Passphrase for", b"wrong");
    person.whispers("Passphrase for", b"wrong");
    person.whispers("Passphrase for", b"wrong");
    let (said, code) = person.ends();
    assert!(code == 3 && said.contains("wrong passphrase"), "{code}: {said}");
    assert!(!said.contains("it came from"), "{said}");
    let mut person = Person::starts(&sandbox, "sign a.tar.gz");
    person.sees("Passphrase for");
    person.waits_for_echo(false);
    person.types(b"\x04");
    let (said, code) = person.ends();
    assert!(code == 3 && said.contains("cancelled"), "{code}: {said}");
}

#[test]
fn a_key_given_as_a_file_and_a_file_given_as_a_key_are_explained() {
    let sandbox = desk();
    sandbox.write("dist/b.tar.gz", DATA);
    for key in ["alice@example.org", "0123456789ABCDEF"] {
        sign(&sandbox, "right", &format!("{key} dist"))
            .exits(3)
            .says("name it with -u KEY for sign");
    }
    sandbox.run("export alice alice.asc").exits(3).says("export writes it with -o FILE");
    assert!(!sandbox.run("sign nothing").exits(3).err().contains("-u KEY"));
}

#[test]
fn mistakes_in_key_options_are_explained() {
    let sandbox = desk();
    sign(&sandbox, "right", "a.tar.gz").exits(0);
    let verify = |more: &str| sandbox.run(&format!("verify {more} a.tar.gz"));
    verify("--key missing.asc").exits(3).says("\"missing.asc\" is neither a file nor a known key");
    sandbox.write("junk", "junk");
    verify("--key alice.asc --key junk").exits(3).says(": junk: ");
    let fingerprint = alice().fingerprint().to_hex();
    verify(&format!("--as-server --key {fingerprint}")).exits(3).says("takes key files");
    let nowhere = sandbox.call(["verify", "a.tar.gz"]).homeless().run();
    nowhere.exits(3).says("--key FILE");
}

#[test]
fn verify_tells_keys_and_signatures_apart() {
    let sandbox = desk();
    let done = sandbox.run("verify alice.asc").exits(1);
    assert!(done.out().contains("it is a key file, and no signature"), "{done:?}");
    fs::create_dir(sandbox.path("alice")).unwrap();
    sandbox.run("verify alice.asc").exits(1).prints("it is a key file, and no signature");
    sign(&sandbox, "right", "a.tar.gz").exits(0);
    fs::rename(sandbox.path("a.tar.gz.sig"), sandbox.path("other.sig")).unwrap();
    sandbox.run("verify other.sig a.tar.gz").exits(1).says("--signature other.sig a.tar.gz");
    sandbox.run("verify --signature other.sig a.tar.gz").exits(0);
    let done = sandbox.run("trust add other.sig").exits(4).prints("it is a signature, and no key");
    assert!(!done.out().contains("\\n"), "{done:?}");
}

#[test]
fn arguments_that_are_no_key_files_bring_a_hint() {
    let sandbox = desk();
    sandbox.write("config.json", "{\"PluginSettings\": {}}");
    sandbox.run("trust add config.json alice.asc").exits(4).prints("--config CONFIG.JSON FILE");
    let short = sandbox.run("trust add --fingerprint 0123456789ABCDEF alice.asc");
    short.exits(2).says("all 40 digits").says("16 are given");
    // What was compared is not to be compared again.
    let whole = alice().fingerprint().to_hex();
    let done = sandbox.run(&format!("trust add --fingerprint {whole} alice.asc")).exits(0);
    assert!(!done.err().contains("Compare"), "{done:?}");
    sandbox.run("trust add alice.asc").exits(0).says("Compare the fingerprint");
    fs::create_dir_all(sandbox.path("gnupg/private-keys-v1.d")).unwrap();
    sandbox.run("import gnupg").exits(3).says("import --from-gnupg gnupg");
    for command in ["trust add -", "check -"] {
        sandbox.run(command).exits(2).says("not standard input");
    }
    for command in ["trust add .", "import ."] {
        let done = sandbox.run(command).exits(3).says("name the files in it");
        assert!(!done.err().contains("standard input"), "{done:?}");
    }
}

#[test]
fn a_signature_by_another_key_names_that_key() {
    let sandbox = Sandbox::new();
    sandbox.import(&secret(alice()));
    sandbox.import(&secret(bob()));
    sandbox.write("a.tar.gz", DATA);
    sandbox.run("sign -u alice a.tar.gz").exits(0);
    let id = alice().keyid().to_hex();
    sandbox
        .run("sign -u bob a.tar.gz")
        .exits(3)
        .says(&format!("names {id} as its signer"))
        .says(&format!("-u {id} -u KEY"));
    sandbox.run(&format!("sign -u {id} -u bob a.tar.gz")).exits(0).says("1 signed, 1 up to date");
}

#[test]
fn import_names_the_keys_that_it_refuses() {
    let sandbox = Sandbox::new();
    sandbox.write("weak", secret(&Recipe::of(Material::weak()).build()));
    let done = sandbox.run("import --no-passphrase weak").exits(4).prints("refused  ");
    assert!(done.out().trim_end().ends_with('>'), "the user ID: {done:?}");
}

#[test]
fn help_begins_with_the_command() {
    let sandbox = Sandbox::new();
    sandbox.run("help --help").exits(0).prints("Usage: plugsign");
    sandbox.run("help sign -h").exits(0).prints("Usage: plugsign sign");
    for command in ["sign --help", "trust add --help", "--help"] {
        let help = sandbox.run(command).exits(0).out();
        let (own, global) = help.split_once("Global options:").unwrap();
        assert!(!own.contains("--home") && global.contains("--home"), "{help}");
    }
    let done = sandbox.run("verify -u alice a.tar.gz").exits(2);
    assert!(!done.err().contains("as a value"), "{done:?}");
    sandbox.run("verify --signatur x a.tar.gz").exits(2).says("--signature");
}
