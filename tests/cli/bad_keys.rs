//! Keys that must not be used, wherever they come in.

use std::fs;
use std::time::Duration;

use sequoia_openpgp as openpgp;

use openpgp::Profile;
use openpgp::armor::Kind;
use openpgp::cert::CipherSuite;
use openpgp::types::{KeyFlags, ReasonForRevocation};

use crate::common::craft::*;
use crate::common::sandbox::Sandbox;

/// A key that is refused, with the words that say why.
struct Bad {
    name: &'static str,
    public: Vec<u8>,
    secret: Option<Vec<u8>>,
    why: &'static str,
}

impl Bad {
    fn of(name: &'static str, cert: &openpgp::Cert, why: &'static str) -> Bad {
        Bad { name, public: public(cert), secret: Some(secret(cert)), why }
    }
}

/// Keys that no command accepts.
fn never() -> Vec<Bad> {
    let sign = || Binding { flags: KeyFlags::empty().set_signing(), back_signature: true };
    let strong = Recipe::of(Material::strong());
    let weak = Recipe::of(Material::weak());
    let mut encrypting = Recipe::of(Material::a());
    encrypting.flags = KeyFlags::empty().set_certification();
    let mut later = Recipe::of(Material::a());
    (later.created, later.bound) = (now() + DAY, now() + DAY);
    let mut sha1 = Recipe::of(Material::a());
    sha1.hash = openpgp::types::HashAlgorithm::SHA1;
    let dsa = |secret| bare_key(4, 17, &[&odd(2048), &odd(256), &odd(2048), &odd(2048)], secret);
    let rsa =
        |version, bits: usize, e: &[u8], secret| bare_key(version, 1, &[&odd(bits), e], secret);
    vec![
        Bad::of("RSA-2048", &weak.build(), "RSA of 2048 bits is too weak"),
        Bad {
            name: "DSA",
            public: dsa(None),
            secret: Some(dsa(Some(&odd(256)))),
            why: "only RSA is",
        },
        Bad::of("Ed25519", &other(CipherSuite::Cv25519, Profile::RFC4880), "only RSA is"),
        Bad::of("ECDSA", &other(CipherSuite::P256, Profile::RFC4880), "only RSA is"),
        Bad::of("v6", &other(CipherSuite::Cv25519, Profile::RFC9580), "version 6"),
        Bad { name: "v3", public: rsa(3, 3072, &[1, 0, 1], None), secret: None, why: "version 3" },
        Bad::of(
            "weak subkey",
            &with_subkey(strong.build(), &mut strong.signer(), Material::weak(), &sign()),
            "RSA of 2048 bits is too weak",
        ),
        Bad::of(
            "weak primary key",
            &with_subkey(weak.build(), &mut weak.signer(), Material::strong(), &sign()),
            "RSA of 2048 bits is too weak",
        ),
        Bad {
            name: "RSA-5120",
            public: rsa(4, 5120, &[1, 0, 1], None),
            secret: None,
            why: "not supported",
        },
        Bad { name: "e=3", public: rsa(4, 3072, &[3], None), secret: None, why: "exponent" },
        Bad {
            name: "e even",
            public: rsa(4, 3072, &[1, 0, 2], None),
            secret: None,
            why: "exponent",
        },
        Bad {
            name: "e long",
            public: rsa(4, 3072, &[1, 0, 0, 0, 1], None),
            secret: None,
            why: "exponent",
        },
        Bad::of("no signing key", &encrypting.build(), "not a signing key"),
        Bad::of("not yet valid", &later.build(), "not valid before"),
        Bad::of("SHA-1", &sha1.build(), "SHA1, which is too weak"),
    ]
}

/// Keys that were good once: they are kept, and do not sign.
fn past() -> Vec<Bad> {
    let mut expired = Recipe::of(Material::a());
    expired.validity = Some(DAY);
    let recipe = Recipe::of(Material::a());
    let gone = |reason| revoked(recipe.build(), &mut recipe.signer(), reason);
    vec![
        Bad::of("expired", &expired.build(), "it expired on"),
        Bad::of("compromised", &gone(ReasonForRevocation::KeyCompromised), "it is revoked"),
        Bad::of("retired", &gone(ReasonForRevocation::KeyRetired), "it is revoked"),
    ]
}

#[test]
fn import_refuses_bad_keys_and_the_home_stays_untouched() {
    for bad in never() {
        for key in [Some(&bad.public), bad.secret.as_ref()].into_iter().flatten() {
            let sandbox = Sandbox::new();
            sandbox.write("bad", key);
            let before = sandbox.snapshot();
            let done = sandbox.run("import --no-passphrase bad");
            assert!(
                done.code() == Some(4)
                    && done.out().contains("refused  ")
                    && done.out().contains(bad.why),
                "{}: {done:?}",
                bad.name
            );
            assert_eq!(before, sandbox.snapshot(), "{}", bad.name);
            let json = sandbox.run("--json import --no-passphrase bad").exits(4).json();
            assert_eq!(json["keys"][0]["outcome"], "refused", "{}", bad.name);
        }
    }
}

#[test]
fn trust_refuses_bad_keys_and_the_home_stays_untouched() {
    for bad in never() {
        let sandbox = Sandbox::new();
        sandbox.write("bad", &bad.public);
        let before = sandbox.snapshot();
        let done = sandbox.run("trust add bad");
        assert!(
            done.code() == Some(4) && done.out().starts_with("refused  bad: "),
            "{}: {done:?}",
            bad.name
        );
        assert_eq!(before, sandbox.snapshot(), "{}", bad.name);
        sandbox.run("--json trust add bad").exits(4).json();
    }
}

#[test]
fn signing_with_a_bad_key_file_is_refused_and_leaves_nothing() {
    for bad in never().into_iter().chain(past()) {
        let Some(secret) = &bad.secret else { continue };
        let sandbox = Sandbox::new();
        sandbox.write("bad", secret);
        sandbox.write("a.tar.gz", DATA);
        let before = sandbox.snapshot();
        let done = sandbox.run("sign --key-file bad a.tar.gz");
        assert!(done.code() == Some(4) && done.err().contains(bad.why), "{}: {done:?}", bad.name);
        assert_eq!(before, sandbox.snapshot(), "{}", bad.name);
        assert!(done.stdout.is_empty(), "{}", bad.name);
        let json = sandbox.run("--json sign --key-file bad a.tar.gz").exits(4).json();
        assert!(json["error"]["message"].as_str().unwrap().contains(bad.why), "{}", bad.name);
    }
}

#[test]
fn expired_and_revoked_keys_are_kept_and_listed_and_do_not_sign() {
    for bad in past() {
        let sandbox = Sandbox::new();
        sandbox.import(bad.secret.as_ref().unwrap());
        sandbox.write("a.tar.gz", DATA);
        sandbox.run("list").exits(0).prints(bad.why);
        let json = sandbox.run("--json list").exits(0).json();
        assert_eq!(json["keys"][0]["can_sign"], false, "{}", bad.name);
        let before = sandbox.snapshot();
        sandbox.run("sign a.tar.gz").exits(4).says(bad.why);
        assert_eq!(before, sandbox.snapshot(), "{}", bad.name);
    }
}

#[test]
fn a_good_key_among_bad_ones_is_kept() {
    let sandbox = Sandbox::new();
    let weak = Recipe::of(Material::weak()).build();
    sandbox.write("keys", [public(&weak), public(alice()), public(bob())].concat());
    let done = sandbox.run("import keys").exits(4);
    assert_eq!(done.out().matches("new  ").count(), 2, "{done:?}");
    assert_eq!(done.out().matches("refused  ").count(), 1, "{done:?}");
    assert_eq!(sandbox.names("home/certificates").len(), 2);
}

/// The octets of an encrypted secret key packet after its public part.
fn locked_tail(key: &[u8], public: &[u8]) -> Vec<u8> {
    assert_eq!(&key[..public.len()], public);
    key[public.len()..].to_vec()
}

fn body_of_first_packet(bytes: &[u8]) -> Vec<u8> {
    let piles = openpgp::PacketPile::from_bytes(bytes).unwrap();
    let first = piles.into_children().next().unwrap();
    let bytes = first.to_vec().unwrap();
    // sequoia writes new-format headers with two or five octets of length here.
    let skip = if bytes[1] == 255 { 6 } else { 3 };
    bytes[skip..].to_vec()
}

use openpgp::parse::Parse;
use openpgp::serialize::MarshalInto;

/// Alice's secret key, locked by the program.
fn locked_alice(sandbox: &Sandbox) -> Vec<u8> {
    sandbox.write("alice", secret(alice()));
    sandbox.call(["import", "alice"]).env("PLUGSIGN_PASSPHRASE", "correct horse").run().exits(0);
    sandbox.run("export --secret Alice -o alice.locked").exits(0);
    sandbox.read("alice.locked")
}

/// KOpenPGP: the public part of a locked key is not authenticated, and signing with another
/// modulus gives the secret one away.
#[test]
fn a_locked_key_whose_modulus_was_swapped_is_refused_and_makes_no_signature() {
    let sandbox = Sandbox::new();
    let key = locked_alice(&sandbox);
    let locked = body_of_first_packet(&key);
    let public_body = body_of_first_packet(&public(alice()));
    let tail = locked_tail(&locked, &public_body);
    // Mallory knows b's factors, so she can sign the user ID again.
    let mallory = Recipe::of(Material::b()).user_id("Alice <alice@example.org>").build();
    let swapped = [body_of_first_packet(&public(&mallory)), tail.clone()].concat();
    let rest: Vec<u8> = openpgp::PacketPile::from_bytes(&public(&mallory))
        .unwrap()
        .into_children()
        .skip(1)
        .flat_map(|packet| packet.to_vec().unwrap())
        .collect();
    let swapped = [packet(5, &swapped), rest].concat();
    // The crude way: one bit of n, and the self-signatures are void.
    let mut flipped = locked.clone();
    flipped[100] ^= 4;
    let rest: Vec<u8> = openpgp::PacketPile::from_bytes(&key)
        .unwrap()
        .into_children()
        .skip(1)
        .flat_map(|packet| packet.to_vec().unwrap())
        .collect();
    let flipped = [packet(5, &flipped), rest].concat();

    for (name, file, why) in [
        ("swapped", swapped, "do not belong together"),
        ("flipped", flipped, "no acceptable self-signature"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("key", &file);
        sandbox.write("a.tar.gz", DATA);
        let before = sandbox.snapshot();
        for line in ["sign --key-file key a.tar.gz", "import key"] {
            let done =
                sandbox.call(line.split(' ')).env("PLUGSIGN_PASSPHRASE", "correct horse").run();
            let said = [&done.stdout[..], &done.stderr].concat();
            let said = String::from_utf8(said).unwrap();
            assert!(done.code() == Some(4) && said.contains(why), "{name}: {done:?}");
            assert_eq!(before, sandbox.snapshot(), "{name}");
        }
        // As if it had been changed in the home.
        let cert = openpgp::Cert::from_bytes(&file).unwrap();
        sandbox.write(format!("home/keys/{}.pgp", cert.fingerprint()), &file);
        for folder in ["home", "home/keys"] {
            sandbox.chmod(folder, 0o700);
        }
        let done =
            sandbox.call(["sign", "a.tar.gz"]).env("PLUGSIGN_PASSPHRASE", "correct horse").run();
        done.exits(4).says(why);
        assert!(!sandbox.has("a.tar.gz.sig"), "{name}");
    }
}

/// What gpg writes in the place of a secret part that is on a smart card with this serial number.
const CARD: &[u8] =
    b"\xff\x00\x65\x00GNU\x02\x10\xd2\x76\x00\x01\x24\x01\x02\x00\x00\x06\x00\x00\x00\x01\x00\x00";

/// A key whose primary key is on a smart card, and whose signing subkey is here.
fn card_and_subkey() -> Vec<u8> {
    let recipe = Recipe::of(Material::a());
    let how =
        Binding { flags: openpgp::types::KeyFlags::empty().set_signing(), back_signature: true };
    let cert = with_subkey(recipe.build(), &mut recipe.signer(), Material::b(), &how);
    let primary = [body_of_first_packet(&public(&cert)), CARD.to_vec()].concat();
    let rest = openpgp::PacketPile::from_bytes(&secret(&cert)).unwrap().into_children().skip(1);
    let rest: Vec<u8> = rest.flat_map(|packet| packet.to_vec().unwrap()).collect();
    [packet(5, &primary), rest].concat()
}

#[test]
fn a_primary_key_on_a_smart_card_is_named_and_its_subkey_signs() {
    let sandbox = Sandbox::new();
    sandbox.write("key", card_and_subkey());
    sandbox.write("a.tar.gz", DATA);
    sandbox.run("import --no-passphrase key").exits(0);
    let on_card = "is on the smart card D2760001240102000006000000010000";
    sandbox.run("list").exits(0).prints(on_card).prints("valid, can sign now");
    let json = sandbox.run("--json list").exits(0).json();
    assert_eq!(json["keys"][0]["elsewhere"].as_array().unwrap().len(), 1);
    sandbox.run("sign a.tar.gz").exits(0);
    sandbox.run("verify a.tar.gz").exits(0);
    let primary = format!("{}!", json["keys"][0]["fingerprint"].as_str().unwrap());
    let done = sandbox.call(["sign", "--force", "-u", &primary, "a.tar.gz"]).run();
    done.exits(4).says(on_card).says("--key 'pkcs11:token=NAME' FILE");
    sandbox.run("doctor").exits(0);
}

#[test]
fn a_key_on_a_smart_card_alone_is_named_without_asking_for_a_passphrase() {
    let primary = [body_of_first_packet(&public(alice())), CARD.to_vec()].concat();
    let rest = openpgp::PacketPile::from_bytes(&public(alice())).unwrap().into_children().skip(1);
    let rest: Vec<u8> = rest.flat_map(|packet| packet.to_vec().unwrap()).collect();
    let sandbox = Sandbox::new();
    sandbox.write("key", [packet(5, &primary), rest].concat());
    let done = sandbox.run("import key").exits(4);
    done.prints("is on the smart card D2760001240102000006000000010000").says("through PKCS #11");
    assert!(!sandbox.has("home/keys") || sandbox.names("home/keys").is_empty());
}

#[test]
fn gpg_reads_the_stub_as_one_for_a_smart_card() {
    if crate::common::peers::peer("gpg").is_none() {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.write("key", card_and_subkey());
    let listed = std::process::Command::new("gpg")
        .args(["--batch", "--no-keyring", "--list-packets"])
        .arg(sandbox.path("key"))
        .env("GNUPGHOME", sandbox.folder())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&listed.stdout);
    assert!(text.contains("gnu-divert-to-card"), "{text}");
}

#[test]
fn a_stub_for_a_key_that_is_elsewhere_is_refused() {
    let public_body = body_of_first_packet(&public(alice()));
    let rest: Vec<u8> = openpgp::PacketPile::from_bytes(&public(alice()))
        .unwrap()
        .into_children()
        .skip(1)
        .flat_map(|packet| packet.to_vec().unwrap())
        .collect();
    for (name, stub, words) in [
        ("gnu-dummy", &b"\xff\x00\x65\x00GNU\x01"[..], "its secret part is not here"),
        ("card", CARD, "its secret part is on the smart card D2760001240102000006000000010000"),
        ("card, nameless", b"\xff\x00\x65\x00GNU\x02\x00", "its secret part is on a smart card"),
        ("card, cut short", b"\xff\x00\x65\x00GNU\x02\x10\xd2\x76", "on the smart card D276"),
    ] {
        let key = [packet(5, &[&public_body[..], stub].concat()), rest.clone()].concat();
        let sandbox = Sandbox::new();
        sandbox.write("key", &key);
        sandbox.write("a.tar.gz", DATA);
        let before = sandbox.snapshot();
        for line in ["import key", "sign --key-file key a.tar.gz"] {
            let done = sandbox.call(line.split(' ')).env("PLUGSIGN_PASSPHRASE", "any").run();
            let said = [&done.stdout[..], &done.stderr].concat();
            let said = String::from_utf8(said).unwrap();
            assert!(done.code() == Some(4) && said.contains(words), "{name}: {done:?}");
            assert_eq!(before, sandbox.snapshot(), "{name}");
        }
    }
}

#[test]
fn a_wrong_passphrase_is_told_and_changes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("key", locked_alice(&sandbox));
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("wrong", "wrong horse\n");
    let before = sandbox.snapshot();
    for line in [
        "sign --passphrase-file wrong a.tar.gz",
        "sign --passphrase-file wrong --key-file key a.tar.gz",
        "import --replace --passphrase-file wrong key",
    ] {
        let done = sandbox.run(line).exits(3);
        let said = [&done.stdout[..], &done.stderr].concat();
        assert!(String::from_utf8(said).unwrap().contains("wrong passphrase"), "{done:?}");
        assert!(!done.err().contains("horse"), "{done:?}");
        assert_eq!(before, sandbox.snapshot(), "{line}");
    }
    let fresh = Sandbox::new();
    fresh.write("key", sandbox.read("key"));
    let before = fresh.snapshot();
    fresh.call(["import", "key"]).env("PLUGSIGN_PASSPHRASE", "wrong").run().exits(3);
    assert_eq!(before, fresh.snapshot());
}

#[test]
fn without_a_passphrase_and_a_terminal_every_command_ends_at_once() {
    let sandbox = Sandbox::new();
    sandbox.write("locked", locked_alice(&sandbox));
    sandbox.write("open", secret(bob()));
    sandbox.write("a.tar.gz", DATA);
    let before = sandbox.snapshot();
    for line in [
        "sign a.tar.gz",
        "sign --key-file locked a.tar.gz",
        "keygen --name Test",
        "import --replace locked",
        "import open",
    ] {
        let done = sandbox.call(line.split(' ')).limit(Duration::from_secs(20)).run().exits(3);
        for option in ["--passphrase-fd", "--passphrase-file", "PLUGSIGN_PASSPHRASE"] {
            assert!(done.err().contains(option), "{line}: {done:?}");
        }
        assert_eq!(before, sandbox.snapshot(), "{line}");
    }
}

#[test]
fn the_first_passphrase_source_that_is_given_wins() {
    let sandbox = Sandbox::new();
    locked_alice(&sandbox);
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("right", "correct horse\n");
    sandbox.write("spaced", "correct horse\n\n");
    let wrong = |line: &str| {
        sandbox.call(line.split(' ')).env("PLUGSIGN_PASSPHRASE", "wrong").stdin(b"correct horse\n")
    };
    wrong("sign --passphrase-fd 0 --dry-run a.tar.gz").run().exits(0);
    wrong("sign --passphrase-file right --dry-run a.tar.gz").run().exits(0);
    wrong("sign --dry-run a.tar.gz").run().exits(3);
    // One line end is dropped, and no more.
    wrong("sign --passphrase-file spaced --dry-run a.tar.gz").run().exits(3);
    wrong("sign --passphrase-file right --passphrase-fd 0 a.tar.gz").run().exits(2);
    wrong("sign --passphrase-fd 9 --dry-run a.tar.gz").run().exits(3);
    wrong("sign --passphrase-file nowhere --dry-run a.tar.gz").run().exits(3);
    sandbox
        .call(["sign", "--passphrase-fd", "7", "--dry-run", "a.tar.gz"])
        .in_shell("exec \"$@\" 7<right")
        .run()
        .exits(0);
    assert!(!sandbox.has("a.tar.gz.sig"));
}

#[test]
fn damaged_key_files_are_errors_and_never_panics() {
    let key = secret(alice());
    let sandbox = Sandbox::new();
    for length in (0..key.len()).step_by(97).chain(key.len() - 8..key.len()) {
        sandbox.write("key", &key[..length]);
        let done = sandbox.run("import --no-passphrase key");
        assert!(matches!(done.code(), Some(3 | 4)), "cut at {length}: {done:?}");
    }
    for (name, bytes) in [
        ("four gigabytes", vec![0xC5, 255, 255, 255, 255, 255, 4]),
        ("partial lengths", [&[0xC5, 224][..], &key].concat()),
        ("indeterminate", [&[0x97][..], &key].concat()),
        ("text", b"Dear user, the key is attached.".to_vec()),
        ("base64 of text", b"RGVhciB1c2VyLCB0aGUga2V5IGlzIGF0dGFjaGVkLg==".to_vec()),
        ("a signature", signature(&Recipe::of(Material::a()))),
        ("armor cut short", {
            let armor = armor(Kind::SecretKey, &key);
            armor[..armor.len() / 2].to_vec()
        }),
        ("zeros", vec![0; 4096]),
        ("random", (0..4096u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()),
    ] {
        sandbox.write("key", &bytes);
        let done = sandbox.run("import --no-passphrase key");
        assert!(done.code() == Some(3), "{name}: {done:?}");
        sandbox.run("--json import --no-passphrase key").exits(3).json();
        let done = sandbox.run("sign --key-file key key");
        assert!(done.code() == Some(3), "{name}: {done:?}");
    }
    assert!(!sandbox.has("home"), "{:?}", sandbox.snapshot());
}

#[test]
fn folders_devices_and_huge_files_are_refused_as_keys() {
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    fs::create_dir(sandbox.path("folder")).unwrap();
    sandbox.fifo("fifo");
    fs::File::create(sandbox.path("huge")).unwrap().set_len(10 << 30).unwrap();
    let before = sandbox.snapshot();
    for key in ["folder", "fifo", "huge", "/dev/zero", "nowhere"] {
        for line in ["import", "trust add", "sign a.tar.gz --key-file"] {
            let call = sandbox.call(line.split(' ')).arg(key).limit(Duration::from_secs(20));
            call.run().exits(3);
            assert_eq!(before, sandbox.snapshot(), "{line} {key}");
        }
    }
}

#[test]
fn an_expensive_key_derivation_is_refused_at_once() {
    // Argon2 with 2^31 KiB.
    let public_body = body_of_first_packet(&public(alice()));
    let mut locked = vec![253, 9, 2, 4];
    locked.extend([7; 16]);
    locked.extend([1, 4, 31]);
    locked.extend([9; 15]);
    locked.extend([0; 64]);
    let rest: Vec<u8> = openpgp::PacketPile::from_bytes(&public(alice()))
        .unwrap()
        .into_children()
        .skip(1)
        .flat_map(|packet| packet.to_vec().unwrap())
        .collect();
    let key = [packet(5, &[public_body, locked].concat()), rest].concat();
    let sandbox = Sandbox::new();
    sandbox.write("key", key);
    let done = sandbox
        .call(["import", "key"])
        .env("PLUGSIGN_PASSPHRASE", "any")
        .limit(Duration::from_secs(10))
        .run();
    assert!(done.exits(4).out().contains("Argon2"));
    assert!(!sandbox.has("home"));
}
