//! `plugsign list`, `export`, `import` and `trust`.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sequoia_openpgp as openpgp;

use openpgp::armor::Kind;
use openpgp::packet::signature::SignatureBuilder;
use openpgp::parse::Parse;
use openpgp::types::{HashAlgorithm, KeyFlags, ReasonForRevocation, SignatureType};
use openpgp::{Cert, Packet, PacketPile};

use crate::common::craft::*;
use crate::common::sandbox::Sandbox;

fn tags(bytes: &[u8]) -> Vec<u8> {
    let pile = PacketPile::from_bytes(bytes).unwrap();
    pile.into_children().map(|packet: Packet| packet.tag().into()).collect()
}

#[test]
fn list_says_everything_about_a_key() {
    let sandbox = Sandbox::new();
    sandbox.run("list").exits(0).prints_nothing().says("no keys yet");
    assert!(!sandbox.has("home"), "looking makes no home");
    let fingerprint = sandbox.keygen("--name Own --kind rsa-rsa --expires 1y --no-passphrase");
    sandbox.import(&public(alice()));
    let done = sandbox.run("list").exits(0);
    for words in [
        &*fingerprint,
        "Own",
        "RSA-3072",
        "certify+sign",
        "encrypt",
        "NOT protected",
        "can sign now",
        "expires 20",
        "Alice",
        "never expires",
        "its secret key is not here",
    ] {
        assert!(done.out().contains(words), "no {words}: {done:?}");
    }
    let json = sandbox.run("--json list").exits(0).json();
    let keys = json["keys"].as_array().unwrap();
    let own = keys.iter().find(|key| key["fingerprint"] == *fingerprint).unwrap();
    assert_eq!(own["can_sign"], true);
    assert_eq!(own["protected"], false);
    assert_eq!(own["subkeys"].as_array().unwrap().len(), 1);
    assert_eq!(own["status"], "valid");
    assert_eq!(own["user_ids"][0], "Own");
    let json = sandbox.run("--json list --secret").exits(0).json();
    assert_eq!(json["keys"].as_array().unwrap().len(), 1);
    let json = sandbox.run("--json list Alice").exits(0).json();
    assert_eq!(json["keys"][0]["fingerprint"], alice().fingerprint().to_string());
    sandbox.run("list nobody").exits(3).prints_nothing();
    sandbox.run("list --secret Alice").exits(3);
}

#[test]
fn export_hands_out_the_certificate_and_nothing_secret() {
    let sandbox = Sandbox::new();
    sandbox.import(&secret(alice()));
    let done = sandbox.run("export Alice").exits(0);
    assert_eq!(tags(&done.stdout), [6, 13, 2]);
    let cert = Cert::from_bytes(&done.stdout).unwrap();
    assert_eq!(cert.fingerprint(), alice().fingerprint());
    assert!(!cert.is_tsk());
    let armored = sandbox.run("export -a Alice").exits(0);
    assert!(armored.stdout.starts_with(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n"));
    sandbox.run("export Alice -o key").exits(0).prints_nothing();
    assert_eq!(sandbox.read("key"), done.stdout);
    sandbox.run("export Alice -o key").exits(0);
    sandbox.write("other", b"something else");
    let before = sandbox.snapshot();
    sandbox.run("export Alice -o other").exits(3).says("--force");
    sandbox.run("export Alice Nobody -o new").exits(3).prints_nothing();
    sandbox.run("export Nobody").exits(3).prints_nothing();
    sandbox.run("export").exits(2);
    sandbox.run("--json export Alice").exits(2).json();
    let short = &alice().fingerprint().to_string()[32..];
    sandbox.call(["export", short]).run().exits(3).prints_nothing();
    assert_eq!(before, sandbox.snapshot());
    sandbox.run("--json export Alice -o key --force").exits(0).json();
}

#[test]
fn several_keys_are_exported_as_one_block() {
    let sandbox = Sandbox::new();
    sandbox.import(&public(alice()));
    sandbox.import(&public(bob()));
    let done = sandbox.run("export -a Alice Bob alice@example.org").exits(0);
    assert_eq!(done.out().matches("-----BEGIN").count(), 1);
    let done = sandbox.run("export Alice Bob").exits(0);
    assert_eq!(tags(&done.stdout), [6, 13, 2, 6, 13, 2]);
    sandbox.run("export example.org").exits(3).says(&bob().fingerprint().to_string());
}

#[test]
fn a_secret_key_leaves_as_protected_as_it_is() {
    let sandbox = Sandbox::new();
    let fingerprint = sandbox.keygen("--name Open --no-passphrase");
    let before = sandbox.snapshot();
    sandbox.run("export --secret Open -o key").exits(4).says("--unprotected");
    sandbox.run("export --secret Open").exits(4).prints_nothing();
    sandbox.run("export --unprotected Open").exits(2);
    assert_eq!(before, sandbox.snapshot());
    sandbox.run("export --secret --unprotected Open -o key").exits(0);
    assert_eq!(sandbox.mode("key"), 0o600);
    let cert = Cert::from_bytes(&sandbox.read("key")).unwrap();
    assert!(cert.is_tsk() && cert.fingerprint().to_string() == fingerprint);
    sandbox.call(["keygen", "--name", "Locked"]).env("PLUGSIGN_PASSPHRASE", "pass").run().exits(0);
    // No passphrase is asked for, as it stays locked.
    let done = sandbox.run("export --secret Locked").exits(0);
    let cert = Cert::from_bytes(&done.stdout).unwrap();
    assert!(cert.keys().secret().all(|key| key.key().secret().is_encrypted()));
    let done = sandbox.run("export --secret -a Locked").exits(0);
    assert!(done.stdout.starts_with(b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n"));
    sandbox.import(&public(alice()));
    sandbox.run("export --secret Alice").exits(3).prints_nothing().says("no secret key");
}

#[test]
fn a_secret_key_is_written_only_into_a_new_file() {
    let sandbox = Sandbox::new();
    let key = sandbox.keygen("--kind org --name Own --no-passphrase");
    std::os::unix::net::UnixListener::bind(sandbox.path("socket")).unwrap();
    std::os::unix::fs::symlink("/dev/null", sandbox.path("device")).unwrap();
    fs::create_dir(sandbox.path("vault")).unwrap();
    let whole = format!("vault/{key}.secret.asc");
    // Both ends are open, so that nobody waits.
    let readers = ["fifo", &whole].map(|name| {
        let path = sandbox.fifo(name);
        fs::OpenOptions::new().read(true).write(true).open(path).unwrap()
    });
    for line in ["--secret --unprotected", "--ci"] {
        for place in ["fifo", "socket", "device"] {
            for force in ["", " --force"] {
                let line = format!("export {line} Own -o {place}{force}");
                let call = sandbox.call(line.split_whitespace());
                let done = call.env("PLUGSIGN_NEW_PASSPHRASE", "new").run().exits(3);
                done.says(if force.is_empty() { "exists already" } else { "to a new file" });
            }
        }
    }
    sandbox.run("export --offline-primary vault --unprotected Own").exits(3).says("a FIFO");
    sandbox.run("export --secret --unprotected Own -o -").exits(0);
    for reader in &readers {
        assert_eq!(rustix::io::ioctl_fionread(reader).unwrap(), 0, "octets for the other end");
    }
}

#[test]
fn an_exported_key_can_be_imported() {
    let sandbox = Sandbox::new();
    sandbox
        .call(["keygen", "--name", "Traveller"])
        .env("PLUGSIGN_PASSPHRASE", "pass")
        .run()
        .exits(0);
    let exported = sandbox.run("export --secret Traveller").exits(0).stdout;
    let other = Sandbox::new();
    other.write("key", &exported);
    other.call(["import", "key"]).env("PLUGSIGN_PASSPHRASE", "pass").run().exits(0).prints("new  ");
    other.write("a.tar.gz", DATA);
    other.call(["sign", "a.tar.gz"]).env("PLUGSIGN_PASSPHRASE", "pass").run().exits(0);
    other.write("signer", sandbox.run("export Traveller").exits(0).stdout);
    other.run("verify --key signer a.tar.gz").exits(0);
}

#[test]
fn import_reads_every_shape_that_keys_are_kept_in() {
    let binary = public(alice());
    let armored = String::from_utf8(armor(Kind::PublicKey, &binary)).unwrap();
    let bobs = String::from_utf8(armor(Kind::PublicKey, &public(bob()))).unwrap();
    let shapes: Vec<(&str, Vec<u8>, usize)> = vec![
        ("binary", binary.clone(), 1),
        ("armored", armored.clone().into_bytes(), 1),
        ("CRLF", armored.replace('\n', "\r\n").into_bytes(), 1),
        ("base64", STANDARD.encode(&binary).into_bytes(), 1),
        ("base64 of armor", STANDARD.encode(&armored).into_bytes(), 1),
        ("escaped", armored.replace('\n', "\\n").into_bytes(), 1),
        ("text around", format!("Dear Bob,\n{armored}\nyours, Alice\n").into_bytes(), 1),
        ("two blocks", format!("{armored}and\n{bobs}").into_bytes(), 2),
        ("two in binary", [binary.clone(), public(bob())].concat(), 2),
        ("two in one block", armor(Kind::PublicKey, &[binary.clone(), public(bob())].concat()), 2),
        (
            "a signature beside it",
            {
                let signature = signature(&Recipe::of(Material::a()));
                [armor(Kind::Signature, &signature), armored.clone().into_bytes()].concat()
            },
            1,
        ),
    ];
    for (name, file, count) in shapes {
        let sandbox = Sandbox::new();
        sandbox.write("keys", &file);
        let done = sandbox.run("import keys");
        assert!(
            done.code() == Some(0) && done.out().matches("new  ").count() == count,
            "{name}: {done:?}"
        );
        let stdin = Sandbox::new();
        stdin.call(["import", "-"]).stdin(&file).run().exits(0);
        assert_eq!(stdin.names("home/certificates").len(), count, "{name}");
        assert_eq!(stdin.mode("home"), 0o700);
    }
}

#[test]
fn a_public_block_does_not_hide_the_secret_one_behind_it() {
    let sandbox = Sandbox::new();
    let file = [armor(Kind::PublicKey, &public(alice())), armor(Kind::SecretKey, &secret(alice()))];
    sandbox.write("keys", file.concat());
    let done = sandbox.run("import --no-passphrase keys").exits(0);
    assert_eq!(done.out().lines().count(), 2, "{done:?}");
    assert!(done.out().contains("secret key"), "{done:?}");
    assert_eq!(sandbox.names("home/keys").len(), 1);
}

#[test]
fn import_says_new_updated_or_unchanged() {
    let sandbox = Sandbox::new();
    sandbox.write("public", public(alice()));
    sandbox.write("secret", secret(alice()));
    sandbox.run("import public").exits(0).prints("new  ");
    let before = sandbox.snapshot();
    sandbox.run("import public").exits(0).prints("unchanged  ");
    assert_eq!(before, sandbox.snapshot());
    sandbox.run("import --no-passphrase secret").exits(0).prints("updated  ");
    let before = sandbox.snapshot();
    sandbox.run("import --no-passphrase secret").exits(0).prints("unchanged  ").says("--replace");
    sandbox.run("import public").exits(0).prints("unchanged  ");
    assert_eq!(before, sandbox.snapshot());
    let json = sandbox.run("--json import public").exits(0).json();
    assert_eq!(json["keys"][0]["outcome"], "unchanged");
}

#[test]
fn a_known_secret_key_is_only_replaced_when_asked() {
    let sandbox = Sandbox::new();
    sandbox.write("key", secret(alice()));
    let import = |options: &str, passphrase: &str| {
        sandbox
            .call(format!("import {options} key").split_whitespace())
            .env("PLUGSIGN_PASSPHRASE", passphrase)
            .run()
            .exits(0)
    };
    import("", "first").prints("new  ");
    let before = sandbox.snapshot();
    import("", "second").prints("unchanged  ");
    assert_eq!(before, sandbox.snapshot());
    import("--replace", "second").prints("updated  ");
    assert_ne!(before, sandbox.snapshot());
    sandbox.write("a.tar.gz", DATA);
    let sign = |passphrase: &str| {
        sandbox.call(["sign", "a.tar.gz"]).env("PLUGSIGN_PASSPHRASE", passphrase).run()
    };
    sign("first").exits(3);
    sign("second").exits(0);
}

#[test]
fn one_passphrase_from_a_descriptor_serves_all_keys_and_an_empty_one_hides_no_result() {
    let sandbox = Sandbox::new();
    sandbox.write("alice", secret(alice()));
    sandbox.write("bob", secret(bob()));
    let import = |passphrase: &[u8]| {
        sandbox.call(["import", "--passphrase-fd", "0", "alice", "bob"]).stdin(passphrase).run()
    };
    let done = import(b"\n").exits(3).says("--no-passphrase");
    assert_eq!(done.out().matches("the passphrase is empty").count(), 2, "{done:?}");
    assert_eq!(done.err().matches("hint: ").count(), 1, "each hint once: {done:?}");
    let done = import(b"pass\n").exits(0);
    assert_eq!(done.out().matches("new  ").count(), 2, "{done:?}");
}

#[test]
fn an_unprotected_key_gets_a_passphrase_on_import() {
    let sandbox = Sandbox::new();
    sandbox.write("key", secret(alice()));
    sandbox.run("import key").exits(3);
    assert!(!sandbox.has("home"));
    sandbox.call(["import", "key"]).env("PLUGSIGN_PASSPHRASE", "pass").run().exits(0);
    let stored = sandbox.read(format!("home/keys/{}.pgp", alice().fingerprint()));
    let cert = Cert::from_bytes(&stored).unwrap();
    assert!(cert.keys().secret().all(|key| key.key().secret().is_encrypted()));
    assert_eq!(sandbox.mode(format!("home/keys/{}.pgp", alice().fingerprint())), 0o600);
}

#[test]
fn merging_never_loses_a_revocation() {
    let recipe = Recipe::of(Material::a()).user_id("Carol");
    let alive = recipe.build();
    let reason = ReasonForRevocation::KeyCompromised;
    let dead = public(&revoked(alive.clone(), &mut recipe.signer(), reason));
    let clean = public(&alive);
    let sandbox = Sandbox::new();
    sandbox.import(&dead);
    sandbox.write("clean", &clean);
    sandbox.run("import clean").exits(0).prints("unchanged  ");
    sandbox.run("list").exits(0).prints("revoked");
    assert!(sandbox.run("export Carol").exits(0).stdout.len() > clean.len());
    // The other way round, and beside the secret key.
    let sandbox = Sandbox::new();
    sandbox.import(&secret(&alive));
    sandbox.write("a.tar.gz", DATA);
    sandbox.run("sign a.tar.gz").exits(0);
    sandbox.write("dead", &dead);
    sandbox.run("import dead").exits(0).prints("updated  ");
    sandbox.run("sign --force a.tar.gz").exits(4).says("revoked");
    sandbox.write("key", secret(&alive));
    for options in ["", "--replace"] {
        sandbox.run(&format!("import --no-passphrase {options} key")).exits(0);
        sandbox.run("list").exits(0).prints("revoked");
        sandbox.run("sign a.tar.gz").exits(4);
        sandbox.run("sign --key-file key a.tar.gz").exits(4);
    }
    let exported = sandbox.run("export --secret --unprotected Carol").exits(0).stdout;
    assert!(exported.len() > secret(&alive).len());
    // Trusting an older copy does not bring it back to life.
    let sandbox = Sandbox::new();
    sandbox.write("dead", &dead);
    sandbox.write("clean", &clean);
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("a.tar.gz.sig", signature(&recipe));
    sandbox.run("trust add dead --name carol").exits(0);
    sandbox.run("verify a.tar.gz").exits(1).prints("revoked-key");
    sandbox.run("trust add clean --name carol").exits(0);
    sandbox.run("verify a.tar.gz").exits(1).prints("revoked-key");
}

#[test]
fn certifications_by_others_are_dropped() {
    let mut bob = bobs_key();
    let cert = alice().clone().strip_secret_key_material();
    let user_id = cert.userids().next().unwrap().userid().clone();
    let foreign = openpgp::packet::signature::SignatureBuilder::new(
        openpgp::types::SignatureType::GenericCertification,
    )
    .sign_userid_binding(&mut bob, cert.primary_key().key(), &user_id)
    .unwrap();
    let (poisoned, _) = cert.insert_packets(Some(Packet::from(foreign))).unwrap();
    let sandbox = Sandbox::new();
    sandbox.import(&public(&poisoned));
    assert_eq!(tags(&sandbox.run("export Alice").exits(0).stdout), [6, 13, 2]);
}

#[test]
fn trust_adds_lists_and_removes() {
    let sandbox = Sandbox::new();
    sandbox.run("trust list").exits(0).prints_nothing().says("nobody is trusted yet");
    assert!(!sandbox.has("home"));
    sandbox.write("alice-key", public(alice()));
    sandbox.write("keys/bob.asc", armor(Kind::PublicKey, &public(bob())));
    let done = sandbox.run("trust add alice-key keys/bob.asc").exits(0);
    assert!(done.out().contains(&alice().fingerprint().to_string()), "{done:?}");
    assert_eq!(done.out().matches("added  ").count(), 2);
    for name in sandbox.names("home/trusted") {
        assert_eq!(sandbox.mode(format!("home/trusted/{name}")), 0o600);
    }
    let done = sandbox.run("trust list").exits(0);
    assert!(done.out().contains("alice-key") && done.out().contains("bob.asc"), "{done:?}");
    let json = sandbox.run("--json trust list").exits(0).json();
    assert_eq!(json["entries"].as_array().unwrap().len(), 2);
    // Another certificate under a taken name.
    sandbox.write("other/alice-key", public(bob()));
    let before = sandbox.snapshot();
    sandbox.run("trust add other/alice-key").exits(3).prints("refused");
    assert_eq!(before, sandbox.snapshot());
    // The same key again changes nothing.
    sandbox.run("trust add alice-key").exits(0);
    assert_eq!(before, sandbox.snapshot());
    sandbox.run("trust remove nobody").exits(3);
    assert_eq!(before, sandbox.snapshot());
    sandbox.run("trust remove keys/bob.asc nobody").exits(3).prints("removed  bob.asc");
    sandbox.run("trust remove alice-key").exits(0);
    assert!(sandbox.names("home/trusted").is_empty());
    sandbox.write("a.tar.gz", DATA);
    sandbox.run("verify a.tar.gz").exits(3);
}

#[test]
fn trust_refuses_what_the_server_would_not_read_or_should_not_have() {
    let good = public(alice());
    let good_armor = armor(Kind::PublicKey, &good);
    let mut nameless = Recipe::of(Material::a());
    nameless.user_ids.clear();
    let with_ed25519 = {
        let recipe = Recipe::of(Material::a());
        let donor = other(openpgp::cert::CipherSuite::Cv25519, openpgp::Profile::RFC4880);
        let subkey = donor.keys().subkeys().next().unwrap().key().clone();
        let binding = openpgp::packet::signature::SignatureBuilder::new(
            openpgp::types::SignatureType::SubkeyBinding,
        )
        .set_key_flags(openpgp::types::KeyFlags::empty().set_storage_encryption())
        .unwrap()
        .sign_subkey_binding(&mut recipe.signer(), recipe.build().primary_key().key(), &subkey)
        .unwrap();
        let packets = [Packet::from(subkey), binding.into()];
        public(&recipe.build().insert_packets(packets).unwrap().0)
    };
    for (name, file) in [
        ("secret", secret(alice())),
        ("secret armor", armor(Kind::SecretKey, &secret(alice()))),
        ("two blocks", [good_armor.clone(), good_armor.clone()].concat()),
        ("two certificates", [good.clone(), public(bob())].concat()),
        (
            "no user ID",
            packet(6, &{
                let bare = public(alice());
                let pile = PacketPile::from_bytes(&bare).unwrap();
                let first = pile.into_children().next().unwrap();
                let bytes = openpgp::serialize::MarshalInto::to_vec(&first).unwrap();
                bytes[if bytes[1] == 255 { 6 } else { 3 }..].to_vec()
            }),
        ),
        ("Ed25519 or Curve25519 in it", with_ed25519),
        ("a signature", signature(&Recipe::of(Material::a()))),
        ("text", b"trust me".to_vec()),
        ("empty", Vec::new()),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("key", &file);
        let before = sandbox.snapshot();
        let done = sandbox.run("trust add key");
        assert!(
            done.code() == Some(4) && done.out().starts_with("refused  key: "),
            "{name}: {done:?}"
        );
        assert_eq!(done.out().lines().count(), 1, "{name}: {done:?}");
        assert_eq!(before, sandbox.snapshot(), "{name}");
    }
}

#[test]
fn trust_checks_the_fingerprint_that_is_given() {
    let sandbox = Sandbox::new();
    sandbox.write("key", public(alice()));
    let before = sandbox.snapshot();
    let other = bob().fingerprint().to_string();
    sandbox.call(["trust", "add", "key", "--fingerprint", &other]).run().exits(4);
    assert_eq!(before, sandbox.snapshot());
    let spaced = alice().fingerprint().to_spaced_hex();
    sandbox.call(["trust", "add", "key", "--fingerprint", &spaced]).run().exits(0);
}

#[test]
fn names_that_lead_elsewhere_cannot_be_trusted() {
    let sandbox = Sandbox::new();
    sandbox.write("key", public(alice()));
    let before = sandbox.snapshot();
    for name in ["../evil", ".hidden", "", "a/b", "a\nb", "a\u{1b}[2J", "a\u{202e}b"] {
        sandbox.call(["trust", "add", "key", "--name", name]).run().exits(2);
        for file in ["home/trusted", "home/keys", "home/certificates"] {
            assert!(sandbox.names(file).is_empty(), "{name:?}");
        }
        let _ = fs::remove_dir_all(sandbox.home());
        assert_eq!(before, sandbox.snapshot(), "{name:?}");
    }
}

#[test]
fn colliding_key_ids_name_nobody() {
    // Two keys whose key IDs are the same cannot be made here; two with one user ID can, and a
    // key ID that is in both as a subkey's.
    let sandbox = Sandbox::new();
    let how =
        Binding { flags: openpgp::types::KeyFlags::empty().set_signing(), back_signature: true };
    let one = Recipe::of(Material::a()).user_id("One");
    let two = Recipe::of(Material::b()).user_id("Two");
    let one = with_subkey(one.build(), &mut one.signer(), Material::strong(), &how);
    let two = with_subkey(two.build(), &mut two.signer(), Material::strong(), &how);
    sandbox.import(&public(&one));
    sandbox.import(&public(&two));
    let subkey = one.keys().subkeys().next().unwrap().key().keyid().to_string();
    let done = sandbox.call(["export", &subkey]).run().exits(3).prints_nothing();
    for cert in [&one, &two] {
        assert!(done.err().contains(&cert.fingerprint().to_string()), "{done:?}");
    }
    let fingerprint = one.fingerprint().to_string();
    sandbox.call(["export", &fingerprint]).run().exits(0);
}

/// A signing subkey that ends at some time, and is revoked if there is a reason.
fn subkey_of(
    cert: Cert,
    primary: &mut Pair,
    material: &Material,
    validity: Option<std::time::Duration>,
    reason: Option<ReasonForRevocation>,
) -> Cert {
    let subkey = material.key::<openpgp::packet::key::SubordinateRole>(ago(9));
    let subkey = subkey.parts_into_public();
    let builder = |kind| {
        SignatureBuilder::new(kind)
            .set_hash_algo(HashAlgorithm::SHA256)
            .set_signature_creation_time(ago(9))
            .unwrap()
    };
    let back = builder(SignatureType::PrimaryKeyBinding)
        .sign_primary_key_binding(&mut material.signer(ago(9)), cert.primary_key().key(), &subkey)
        .unwrap();
    let binding = builder(SignatureType::SubkeyBinding)
        .set_key_flags(KeyFlags::empty().set_signing())
        .unwrap()
        .set_key_validity_period(validity)
        .unwrap()
        .set_embedded_signature(back)
        .unwrap()
        .sign_subkey_binding(primary, cert.primary_key().key(), &subkey)
        .unwrap();
    let mut packets = vec![Packet::from(subkey.clone()), binding.into()];
    if let Some(reason) = reason {
        let revocation = builder(SignatureType::SubkeyRevocation)
            .set_reason_for_revocation(reason, b"read from a log")
            .unwrap()
            .sign_subkey_binding(primary, cert.primary_key().key(), &subkey)
            .unwrap();
        packets.push(revocation.into());
    }
    cert.insert_packets(packets).unwrap().0
}

#[test]
fn list_says_for_every_subkey_if_and_why_it_ended() {
    let sandbox = Sandbox::new();
    let recipe = Recipe::of(Material::a());
    let signer = || recipe.signer();
    let compromised = Some(ReasonForRevocation::KeyCompromised);
    let cert = subkey_of(recipe.build(), &mut signer(), Material::b(), None, compromised);
    let cert = subkey_of(cert, &mut signer(), Material::strong(), Some(DAY), None);
    // A weak one that ended is over, too.
    let cert = subkey_of(cert, &mut signer(), Material::weak(), None, compromised);
    let fingerprint = cert.fingerprint().to_hex();
    sandbox.keygen("--name Own --no-passphrase");
    // As an import leaves it.
    sandbox.write(format!("home/certificates/{fingerprint}.pgp"), public(&cert));
    let json = sandbox.run(&format!("--json list {fingerprint}")).exits(0).json();
    let key = &json["keys"][0];
    let mut rows: Vec<_> = key["subkeys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["status"].as_str().unwrap(), it["revoked"].clone(), it["problem"].clone()))
        .collect();
    rows.sort_by_key(|row| row.0);
    let why = "compromised: read from a log";
    for place in [1, 2] {
        assert_eq!((rows[place].0, &rows[place].1), ("revoked", &why.into()), "{rows:?}");
        assert_eq!(rows[place].2, format!("it is revoked ({why})"));
    }
    assert_eq!((rows[0].0, &rows[0].1), ("expired", &serde_json::Value::Null), "{rows:?}");
    assert!(rows[0].2.as_str().unwrap().starts_with("it expired on "), "{rows:?}");
    assert_eq!(key["revoked"], serde_json::Value::Null);
    let text = sandbox.run(&format!("list {fingerprint}")).exits(0);
    assert_eq!(text.out().matches("it is revoked (compromised").count(), 2, "{text:?}");
    let call = ["gpg", "--list-keys", "--with-colons", &fingerprint];
    let listing = sandbox.call(call).run().exits(0).out().to_string();
    let mut validity: Vec<&str> = listing
        .lines()
        .filter(|line| line.starts_with("sub:"))
        .map(|line| line.split(':').nth(1).unwrap())
        .collect();
    validity.sort();
    assert_eq!(validity, ["e", "r", "r"], "{listing}");
}

#[test]
fn a_clock_before_the_creation_time_hides_neither_purpose_nor_expiry() {
    let sandbox = Sandbox::new();
    sandbox.keygen("--name Own --no-passphrase");
    let recipe = Recipe {
        created: now() + 30 * DAY,
        bound: now() + 30 * DAY,
        validity: Some(100 * DAY),
        ..Recipe::of(Material::a())
    };
    let fingerprint = recipe.build().fingerprint().to_hex();
    sandbox.write(format!("home/certificates/{fingerprint}.pgp"), public(&recipe.build()));
    let done = sandbox.run(&format!("list {fingerprint}")).exits(0);
    for words in ["certify+sign", "expires 20", "not-yet-valid: it is not valid before 20"] {
        assert!(done.out().contains(words), "{words}: {done:?}");
    }
    assert!(!done.out().contains("never expires"), "{done:?}");
    let json = sandbox.run(&format!("--json list {fingerprint}")).exits(0).json();
    assert_eq!(json["keys"][0]["usage"], serde_json::json!(["certify", "sign"]));
    assert_eq!(json["keys"][0]["status"], "not-yet-valid");
    assert!(json["keys"][0]["expires"].is_string());
    let call = ["gpg", "--list-keys", "--with-colons", &fingerprint];
    let listing = sandbox.call(call).run().exits(0).out().to_string();
    let key = listing.lines().find(|line| line.starts_with("pub:")).unwrap();
    let fields: Vec<&str> = key.split(':').collect();
    assert_eq!(fields[6], (seconds(now() + 130 * DAY)).to_string(), "{key}");
    assert!(fields[11].starts_with("sc"), "{key}");
}
