//! `plugsign keygen` without a terminal.

use std::process::Command;
use std::time::SystemTime;

use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::parse::Parse;
use openpgp::policy::StandardPolicy;
use openpgp::types::{HashAlgorithm, PublicKeyAlgorithm};

use crate::common::peers::peer;
use crate::common::sandbox::Sandbox;

fn cert_of(sandbox: &Sandbox, fingerprint: &str) -> Cert {
    Cert::from_bytes(&sandbox.read(format!("home/keys/{fingerprint}.pgp"))).unwrap()
}

#[test]
fn keygen_prints_only_the_fingerprint_and_keeps_the_key_and_its_revocation_certificate() {
    let sandbox = Sandbox::new();
    let done = sandbox.run("keygen --name Example --no-passphrase").exits(0);
    let fingerprint = done.out().trim().to_string();
    assert_eq!(done.out(), format!("{fingerprint}\n"));
    assert!(fingerprint.len() == 40 && fingerprint.bytes().all(|b| b.is_ascii_hexdigit()));
    assert!(done.err().contains("revocation certificate"), "{done:?}");
    assert_eq!(sandbox.names("home/keys"), [format!("{fingerprint}.pgp")]);
    assert_eq!(sandbox.names("home/revocations"), [format!("{fingerprint}.asc")]);
    let json = sandbox.run("--json keygen --name Json --no-passphrase").exits(0).json();
    assert_eq!(json["key"]["algorithm"], "RSA-3072");
    assert_eq!(json["key"]["status"], "valid");
}

#[test]
fn the_key_is_what_the_interface_promises() {
    let sandbox = Sandbox::new();
    for (options, bits, subkeys) in [
        ("", 3072, 0),
        ("--kind sign --bits 3072", 3072, 0),
        ("--kind rsa-rsa", 3072, 1),
        ("--kind rsa-rsa --bits 4096", 4096, 1),
    ] {
        let fingerprint =
            sandbox.keygen(&format!("--email release@example.org --no-passphrase {options}"));
        let cert = cert_of(&sandbox, &fingerprint);
        let policy = StandardPolicy::new();
        let view = cert.with_policy(&policy, None).unwrap();
        let primary = view.primary_key();
        assert!(primary.for_certification() && primary.for_signing());
        assert_eq!(primary.key().version(), 4);
        assert_eq!(primary.key().pk_algo(), PublicKeyAlgorithm::RSAEncryptSign);
        assert_eq!(primary.key().mpis().bits(), Some(bits));
        let openpgp::crypto::mpi::PublicKey::RSA { e, .. } = primary.key().mpis() else {
            panic!("not RSA")
        };
        assert_eq!(e.value(), [1, 0, 1]);
        assert_eq!(view.userids().count(), 1);
        assert_eq!(view.keys().subkeys().count(), subkeys);
        for subkey in view.keys().subkeys() {
            assert!(!subkey.for_signing() && subkey.for_storage_encryption());
            assert_eq!(subkey.key().mpis().bits(), Some(bits));
            assert_eq!(subkey.binding_signature().hash_algo(), HashAlgorithm::SHA256);
        }
        assert_eq!(primary.binding_signature().hash_algo(), HashAlgorithm::SHA256);
        assert_eq!(primary.key_expiration_time(), None);
    }
}

#[test]
fn the_user_id_is_put_together_as_gpg_does() {
    let sandbox = Sandbox::new();
    let full = ["--name", "Example", "--comment", "releases", "--email", "a@b.c"];
    let key = sandbox.keygen_with(&[&full[..], &["--no-passphrase"]].concat());
    let cert = cert_of(&sandbox, &key);
    assert_eq!(cert.userids().next().unwrap().userid().value(), b"Example (releases) <a@b.c>");
    for (arguments, expected) in [
        (&["--name", "Example Org"][..], "Example Org"),
        (&["--email", "a@example.org"], "a@example.org"),
        (&["--name", "Example", "--email", "a@b.c"], "Example <a@b.c>"),
        (&["--user-id", "anything \u{e9} at all"], "anything \u{e9} at all"),
    ] {
        sandbox.call(["adduid", &key].iter().chain(arguments)).run().exits(0);
        let cert = Cert::from_bytes(&sandbox.certificate(&key)).unwrap();
        assert!(cert.userids().any(|it| it.userid().value() == expected.as_bytes()), "{expected}");
    }
}

#[test]
fn a_bad_identity_is_refused_and_nothing_is_made() {
    let sandbox = Sandbox::new();
    let long = "x".repeat(2049);
    let long_escape = format!("{}\u{1b}[2J", "x".repeat(1100));
    for arguments in [
        &["--name", "a<b"][..],
        &["--name", "a\nb"],
        &["--name", "a\u{1b}[2J"],
        &["--name", "a\u{202e}b"],
        &["--name", ""],
        &["--name", "A", "--comment", "(x)"],
        &["--name", "A", "--email", "no address"],
        &["--email", "a@b@c"],
        &["--user-id", ""],
        &["--user-id", "a\u{7}"],
        &["--user-id", &long],
        &["--user-id", &long_escape],
        &["--name", &long_escape],
        &["--user-id", "A", "--name", "B"],
        &["--comment", "alone"],
        &[],
    ] {
        let done = sandbox.call(["keygen", "--no-passphrase"].iter().chain(arguments)).run();
        assert_eq!(done.code(), Some(2), "{arguments:?}: {done:?}");
        assert!(!sandbox.has("home"), "{arguments:?}");
        crate::common::done::assert_tame(&done.stderr);
    }
}

#[test]
fn sizes_below_3072_bits_are_refused_and_the_home_stays_untouched() {
    let sandbox = Sandbox::new();
    sandbox.keygen("--name Acme --no-passphrase");
    let before = sandbox.snapshot();
    for (bits, code) in [
        ("2048", 4),
        ("3071", 4),
        ("1024", 4),
        ("0", 4),
        ("-1", 2),
        ("abc", 2),
        ("", 2),
        ("99999999999", 2),
        ("3073", 4),
        ("8192", 4),
        ("16384", 4),
        ("65536", 4),
    ] {
        let done = sandbox
            .call(["keygen", "--name", "Second", "--no-passphrase"])
            .arg(format!("--bits={bits}"))
            .run();
        done.exits(code).prints_nothing();
        let done =
            sandbox.call(["keygen", "--name", "Second", "--no-passphrase", "--bits", bits]).run();
        done.exits(code).prints_nothing();
        assert_eq!(before, sandbox.snapshot(), "{bits}");
    }
    sandbox.run("keygen --name N --no-passphrase --bits 2048").exits(4).says("at least 3072");
}

#[test]
fn the_key_expires_when_it_should() {
    let sandbox = Sandbox::new();
    let day = 24 * 60 * 60;
    let policy = &StandardPolicy::new();
    let validity = |key: &str| {
        let cert = Cert::from_bytes(&sandbox.certificate(key)).unwrap();
        let view = cert.with_policy(policy, None).unwrap();
        view.primary_key().key_validity_period().map(|period| period.as_secs() / day)
    };
    assert_eq!(validity(&sandbox.keygen("--name Never --no-passphrase --expires never")), None);
    let key = sandbox.keygen("--name Expiring --no-passphrase --expires 2w");
    assert_eq!(validity(&key), Some(14));
    // Making a key takes a while, and all commands read times alike.
    for (when, days) in [
        ("0", None),
        ("30", Some(30..=30)),
        ("30d", Some(30..=30)),
        ("2w", Some(14..=14)),
        ("never", None),
        ("1m", Some(28..=31)),
        ("1y", Some(365..=366)),
    ] {
        sandbox.run(&format!("extend {key} --expires {when}")).exits(0);
        match days {
            None => assert_eq!(validity(&key), None, "{when}"),
            Some(days) => assert!(days.contains(&validity(&key).unwrap()), "{when}"),
        }
    }
    let fingerprint = sandbox.keygen("--name Dated --no-passphrase --expires 2099-12-31");
    let cert = cert_of(&sandbox, &fingerprint);
    let view = cert.with_policy(policy, None).unwrap();
    let end = view.primary_key().key_expiration_time().unwrap();
    assert_eq!(
        end.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs(),
        4_102_444_799 // 2099-12-31T23:59:59Z
    );
    let before = sandbox.snapshot();
    for when in ["-1", "1x", "2001-01-01", "9999y", "", "soon"] {
        sandbox
            .call(["keygen", "--name", "Bad", "--no-passphrase"])
            .arg(format!("--expires={when}"))
            .run()
            .exits(2);
        assert_eq!(before, sandbox.snapshot(), "{when}");
    }
}

#[test]
fn an_empty_passphrase_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("empty", "");
    sandbox.write("line", "\n");
    let before = sandbox.snapshot();
    for file in ["empty", "line"] {
        sandbox
            .run(&format!("keygen --name Test --passphrase-file {file}"))
            .exits(3)
            .says("--no-passphrase")
            .prints_nothing();
        assert_eq!(before, sandbox.snapshot());
    }
    let done = sandbox.call(["keygen", "--name", "T"]).env("PLUGSIGN_PASSPHRASE", "").run();
    done.exits(3);
    assert_eq!(before, sandbox.snapshot());
}

#[test]
fn modes_do_not_depend_on_the_umask() {
    for umask in [0o000, 0o022, 0o077, 0o777] {
        let sandbox = Sandbox::new();
        let done = sandbox
            .call(["keygen", "-q", "--name", "Test", "--no-passphrase"])
            .umask(umask)
            .run()
            .exits(0);
        let fingerprint = done.out().trim().to_string();
        for folder in ["home", "home/keys", "home/revocations"] {
            assert_eq!(sandbox.mode(folder), 0o700, "{folder} under {umask:o}");
        }
        for file in [format!("keys/{fingerprint}.pgp"), format!("revocations/{fingerprint}.asc")] {
            assert_eq!(sandbox.mode(format!("home/{file}")), 0o600, "{file} under {umask:o}");
        }
        sandbox.write("a.tar.gz", "data");
        sandbox.call(["sign", "a.tar.gz"]).umask(umask).run().exits(0);
        assert_eq!(sandbox.mode("a.tar.gz.sig"), 0o644 & !umask, "under {umask:o}");
        sandbox.call(["export", "Test", "-o", "public"]).umask(umask).run().exits(0);
        assert_eq!(sandbox.mode("public"), 0o644 & !umask, "under {umask:o}");
        sandbox
            .call(["export", "Test", "--secret", "--unprotected", "-o", "secret"])
            .umask(umask)
            .run()
            .exits(0);
        assert_eq!(sandbox.mode("secret"), 0o600, "under {umask:o}");
    }
}

#[test]
fn a_missing_parent_of_the_home_is_made_for_the_owner_alone() {
    let sandbox = Sandbox::new();
    sandbox
        .call(["keygen", "-q", "--name", "Test", "--no-passphrase", "--home"])
        .arg(sandbox.path("deep/down/home"))
        .umask(0)
        .run()
        .exits(0);
    assert_eq!(sandbox.mode("deep/down/home"), 0o700);
    assert_eq!(sandbox.mode("deep/down"), 0o700);
}

#[test]
fn the_key_is_locked_with_the_passphrase() {
    let sandbox = Sandbox::new();
    let done = sandbox
        .call(["keygen", "-q", "--name", "Test"])
        .env("PLUGSIGN_PASSPHRASE", "pass phrase")
        .run()
        .exits(0);
    let cert = cert_of(&sandbox, done.out().trim());
    let key = cert.primary_key().key().clone().parts_into_secret().unwrap();
    let openpgp::packet::key::SecretKeyMaterial::Encrypted(locked) = key.secret() else {
        panic!("it is not locked")
    };
    let openpgp::crypto::S2K::Iterated { hash, hash_bytes, .. } = locked.s2k() else {
        panic!("not iterated")
    };
    assert_eq!((*hash, *hash_bytes), (HashAlgorithm::SHA256, 65_011_712));
    assert_eq!(locked.algo(), openpgp::types::SymmetricAlgorithm::AES256);
    assert!(key.clone().decrypt_secret(&"pass phrase".into()).is_ok());
    assert!(key.decrypt_secret(&"pass phrase ".into()).is_err());
}

#[test]
fn the_revocation_certificate_says_what_it_is_and_really_revokes() {
    let sandbox = Sandbox::new();
    let fingerprint = sandbox.keygen("--name Doomed --no-passphrase");
    let file = sandbox.read(format!("home/revocations/{fingerprint}.asc"));
    let text = String::from_utf8(file).unwrap();
    assert!(text.contains(&fingerprint) && text.contains("Doomed"), "{text}");
    assert!(text.contains("\n:-----BEGIN PGP PUBLIC KEY BLOCK-----"), "{text}");
    let armored = text.replace("\n:-----BEGIN", "\n-----BEGIN");
    let start = armored.find("-----BEGIN").unwrap();
    let pile = openpgp::PacketPile::from_bytes(&armored.as_bytes()[start..]).unwrap();
    let cert = cert_of(&sandbox, &fingerprint).strip_secret_key_material();
    let policy = StandardPolicy::new();
    let (dead, _) = cert.clone().insert_packets(pile.into_children()).unwrap();
    assert!(matches!(
        dead.revocation_status(&policy, None),
        openpgp::types::RevocationStatus::Revoked(_)
    ));
    let Some(gpg) = peer("gpg") else { return };
    sandbox.run(&format!("export {fingerprint} -o public")).exits(0);
    sandbox.write("revocation", armored);
    let gpg_home = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new(&gpg)
            .arg("--homedir")
            .arg(gpg_home.path())
            .args(["--batch", "--no-autostart", "--with-colons"])
            .args(arguments)
            .current_dir(sandbox.folder())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["--import", "public"]);
    assert!(!run(&["--list-keys"]).contains("pub:r:"));
    run(&["--import", "revocation"]);
    assert!(run(&["--list-keys"]).contains("pub:r:"));
}

#[test]
fn json_is_always_exactly_one_document() {
    let sandbox = Sandbox::new();
    for line in ["--json=true list", "list --json=1", "--json=", "--json --frobnicate"] {
        let json = sandbox.run(line).exits(2).json();
        assert!(json["error"]["message"].is_string(), "{line}: {json}");
    }
    for (line, words) in [
        ("--json --help", "Usage: plugsign"),
        ("sign --json -h", "Usage: plugsign sign"),
        ("--version --json", "plugsign 0."),
        ("--json help verify", "Usage: plugsign verify"),
    ] {
        let json = sandbox.run(line).exits(0).json();
        assert!(json["text"].as_str().unwrap().contains(words), "{line}: {json}");
    }
    sandbox.run("--help").exits(0).prints("Usage: plugsign");
    // What follows two dashes is a file.
    sandbox.run("sign --frobnicate -- --json").exits(2).prints_nothing();
}

#[test]
fn usage_errors_are_told_as_json_too() {
    let sandbox = Sandbox::new();
    for line in [
        "--json keygen --bits",
        "--json nonsense",
        "--json keygen --kind dsa --name X",
        "--json",
        "--json keygen --name X --no-passphrase --bits abc",
        "--json sign",
    ] {
        let json = sandbox.run(line).exits(2).json();
        assert_eq!(json["ok"], false, "{line}");
    }
    let json = sandbox.run("--json keygen --name X --no-passphrase --bits 2048").exits(4).json();
    assert!(json["error"]["message"].as_str().unwrap().contains("2048"));
    let done = sandbox.call(["--json", "non\u{1b}[2Jsense\u{9b}"]).run().exits(2);
    done.json();
    sandbox.call(["non\u{1b}[2Jsense\u{9b}\u{202e}"]).run().exits(2);
    sandbox.call(["sign", "--include", "a\u{1b}[2J\u{9b}[", "x"]).run().exits(2);
}
