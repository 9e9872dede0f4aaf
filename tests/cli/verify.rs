//! `plugsign verify`: good, and the fourteen ways of not being good.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use plugsign::openpgp::verdict::Reason;
use sequoia_openpgp as openpgp;

use openpgp::armor::Kind;
use openpgp::cert::CipherSuite;
use openpgp::packet::signature::SignatureBuilder;
use openpgp::parse::Parse;
use openpgp::types::{HashAlgorithm, KeyFlags, ReasonForRevocation, SignatureType};
use openpgp::{Cert, Packet, Profile};

use crate::common::craft::*;
use crate::common::sandbox::{Done, Sandbox};

const ARTIFACT: &str = "plugin-1.0.0.tar.gz";
const SIGNATURE: &str = "plugin-1.0.0.tar.gz.sig";

/// An artifact, a signature and the certificate that counts.
fn scene(certificate: &[u8], signature: &[u8]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write(ARTIFACT, DATA);
    sandbox.write(SIGNATURE, signature);
    sandbox.write("signer", certificate);
    sandbox
}

fn verify(sandbox: &Sandbox) -> Done {
    let before = sandbox.snapshot();
    let done = sandbox.run(&format!("verify --key signer {ARTIFACT}"));
    assert_eq!(before, sandbox.snapshot(), "verifying writes nothing");
    done
}

#[track_caller]
fn good(certificate: &[u8], signature: &[u8]) {
    verify(&scene(certificate, signature)).exits(0).prints("good  plugin-1.0.0.tar.gz");
}

/// Asserts the reason, in words and as JSON.
#[track_caller]
fn bad(certificate: &[u8], signature: &[u8], reason: &str) {
    let sandbox = scene(certificate, signature);
    let done = verify(&sandbox);
    let words = format!("BAD   {ARTIFACT}  {reason}: ");
    assert!(done.code() == Some(1) && done.out().starts_with(&words), "not {reason}: {done:?}");
    let json = sandbox.run(&format!("--json verify --key signer {ARTIFACT}")).exits(1).json();
    assert_eq!(json["artifacts"][0]["reason"], reason);
    assert_eq!(json["artifacts"][0]["verdict"], "bad");
}

fn alices() -> Vec<u8> {
    public(alice())
}

fn by_alice() -> Vec<u8> {
    let mut key = alices_key();
    Forge::by(&key).sign(&mut key, DATA)
}

/// Alice's signature, with something about it changed.
fn forged(change: impl FnOnce(&mut Forge)) -> Vec<u8> {
    let mut key = alices_key();
    let mut forge = Forge::by(&key);
    change(&mut forge);
    forge.sign(&mut key, DATA)
}

#[test]
fn a_good_signature_is_good_binary_and_armored() {
    let signature = by_alice();
    good(&alices(), &signature);
    good(&alices(), &armor(Kind::Signature, &signature));
    good(&armor(Kind::PublicKey, &alices()), &signature);
    for hash in [HashAlgorithm::SHA384, HashAlgorithm::SHA512] {
        good(&alices(), &forged(|forge| forge.hash = hash));
    }
}

#[test]
fn the_signer_and_the_time_are_said() {
    let sandbox = scene(&alices(), &by_alice());
    let done = verify(&sandbox).exits(0);
    assert!(done.out().contains(&alice().fingerprint().to_string()), "{done:?}");
    assert!(done.out().contains("Alice <alice@example.org>"), "{done:?}");
    assert_eq!(done.out().lines().count(), 1);
    let json = sandbox.run(&format!("--json verify --key signer {ARTIFACT}")).exits(0).json();
    let signer = &json["artifacts"][0]["signer"];
    assert_eq!(signer["certificate"], alice().fingerprint().to_string());
    assert!(signer["created"].as_str().unwrap().ends_with('Z'));
}

/// The interface's fourteen reasons, and those that signed checksums and several signers brought.
#[test]
fn there_are_sixteen_reasons_and_each_has_a_test() {
    let source = concat!(
        include_str!("verify.rs"),
        include_str!("several.rs"),
        include_str!("../release_day/mod.rs"),
    );
    for reason in Reason::ALL {
        let said = source.matches(reason.name()).count();
        assert!(said > 0, "{} is not tested", reason.name());
    }
    assert_eq!(Reason::ALL.len(), 16);
}

#[test]
fn copies_of_a_certificate_are_taken_together() {
    let sandbox = Sandbox::new();
    let key = sandbox.keygen("--kind org --name Acme --no-passphrase");
    let run = |line: &str| sandbox.run(line).exits(0);
    sandbox.write(ARTIFACT, DATA);
    run(&format!("export {key} -o first"));
    run(&format!("rotate {key}"));
    run(&format!("export {key} -o rotated"));
    run(&format!("sign {ARTIFACT}"));
    let verify = |keys: &str| {
        let line = format!("--home nobody verify {keys} {ARTIFACT}");
        sandbox.run(&line)
    };
    verify("--key first").exits(1).prints("unknown-signer");
    verify("--key first --key rotated").exits(0);
    verify("--key rotated --key first").exits(0);
    run(&format!("revoke {key} --reason compromised"));
    run(&format!("export {key} -o revoked"));
    for keys in ["--key rotated --key revoked", "--key revoked --key rotated"] {
        verify(keys).exits(1).prints("revoked-key");
    }
}

#[test]
fn a_file_that_hides_a_trusted_certificate_of_its_name_brings_a_warning() {
    let sandbox = scene(&alices(), &by_alice());
    sandbox.run("trust add signer").exits(0);
    let done = sandbox.run(&format!("verify --key signer {ARTIFACT}")).exits(0);
    assert!(!done.err().contains("warning"), "{done:?}");
    sandbox.write("signer", public(bob()));
    let words = "--key signer is the file here, and not the trusted certificate of that name";
    sandbox.run(&format!("verify --key signer {ARTIFACT}")).exits(1).says(words);
}

#[test]
fn another_file_is_a_bad_signature() {
    let mut key = alices_key();
    let other = Forge::by(&key).sign(&mut key, b"another file");
    bad(&alices(), &other, "bad-signature");
}

#[test]
fn a_signature_that_is_older_than_its_key_is_bad() {
    let mut key = alices_key();
    bad(&alices(), &Forge::at(&key, ago(20)).sign(&mut key, DATA), "bad-signature");
}

#[test]
fn a_stranger_is_an_unknown_signer() {
    let mut bob = bobs_key();
    let signature = Forge::by(&bob).sign(&mut bob, DATA);
    bad(&alices(), &signature, "unknown-signer");
    let without_issuer = forged(|forge| {
        forge.hashed.truncate(1);
    });
    bad(&alices(), &without_issuer, "unknown-signer");
}

#[test]
fn a_stranger_who_claims_to_be_alice_makes_bad_signatures() {
    let mut bob = bobs_key();
    let mut forge = Forge::by(&alices_key());
    bad(&alices(), &forge.sign(&mut bob, DATA), "bad-signature");
    forge.hashed.truncate(1);
    forge.unhashed = vec![issuer(&alices_key())];
    bad(&alices(), &forge.sign(&mut bob, DATA), "bad-signature");
}

#[test]
fn a_file_without_signature_is_a_missing_signature() {
    let sandbox = scene(&alices(), b"");
    fs::remove_file(sandbox.path(SIGNATURE)).unwrap();
    verify(&sandbox).exits(1).prints("missing-signature: ");
    sandbox.run("verify --key signer .").exits(1).prints("missing-signature: ");
}

#[test]
fn a_signature_without_artifact_is_an_orphan() {
    let sandbox = scene(&alices(), &by_alice());
    fs::remove_file(sandbox.path(ARTIFACT)).unwrap();
    for line in [format!("verify --key signer {SIGNATURE}"), "verify --key signer .".into()] {
        sandbox.run(&line).exits(1).prints("orphan-signature: ");
    }
}

#[test]
fn more_than_one_signature_packet_is_not_detached() {
    let signature = by_alice();
    let literal = packet(11, &[&b"b\x04evil\0\0\0\0"[..], DATA].concat());
    let mut one_pass = vec![3, 0, 8, 1];
    one_pass.extend(alices_key().public().keyid().as_bytes());
    one_pass.push(1);
    let one_pass = packet(4, &one_pass);
    let marker = packet(10, b"PGP");
    let padding = packet(21, b"random");
    for (name, file) in [
        ("twice", [&signature[..], &signature].concat()),
        ("inline", [&one_pass[..], &literal, &signature].concat()),
        ("gpg.fail", [&one_pass[..], &literal, &signature, &marker].concat()),
        ("old style", [&signature[..], &literal].concat()),
        ("literal", literal.clone()),
        ("compressed", packet(8, &[&[0][..], &signature].concat())),
        ("marker before", [&marker[..], &signature].concat()),
        ("marker after", [&signature[..], &marker].concat()),
        ("padding after", [&signature[..], &padding].concat()),
        ("garbage after", [&signature[..], b"garbage"].concat()),
        ("a zero after", [&signature[..], b"\0"].concat()),
        ("a line end after", [&signature[..], b"\n"].concat()),
        ("a certificate", alices()),
        ("a secret key", secret(alice())),
    ] {
        let sandbox = scene(&alices(), &file);
        let done = verify(&sandbox);
        assert!(
            done.code() == Some(1) && done.out().contains("  not-detached: "),
            "{name}: {done:?}"
        );
        // The same in armor.
        sandbox.write(SIGNATURE, armor(Kind::Signature, &file));
        let done = verify(&sandbox);
        assert!(
            done.code() == Some(1) && done.out().contains("  not-detached: "),
            "{name}, armored: {done:?}"
        );
    }
}

#[test]
fn armor_with_anything_around_it_is_refused() {
    let block = armor(Kind::Signature, &by_alice());
    let block = std::str::from_utf8(&block).unwrap();
    let cleartext = format!(
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{}\n{block}",
        "release archive"
    );
    bad(&alices(), cleartext.as_bytes(), "not-detached");
    bad(&alices(), format!("{block}{block}").as_bytes(), "not-detached");
    bad(&alices(), format!("{block}trailing words").as_bytes(), "not-detached");
    let certificate = armor(Kind::PublicKey, &alices());
    bad(&alices(), &[block.as_bytes(), &certificate].concat(), "not-detached");
    bad(&alices(), &certificate, "not-detached");
    bad(&alices(), format!("good signature from Alice\n{block}").as_bytes(), "malformed");
    bad(&alices(), block.replace("SIGNATURE", "MESSAGE").as_bytes(), "not-detached");
    let begin = format!("-{}", cleartext);
    bad(&alices(), begin.as_bytes(), "malformed");
}

#[test]
fn signatures_of_other_types_are_not_detached() {
    for kind in [0x01, 0x02, 0x10, 0x13, 0x18, 0x1F, 0x20, 0x28, 0x30, 0x40, 0x50] {
        bad(&alices(), &forged(|forge| forge.kind = kind), "not-detached");
    }
}

#[test]
fn a_text_signature_is_refused_over_every_form_of_the_text() {
    let mut key = alices_key();
    let mut forge = Forge::by(&key);
    forge.kind = 1;
    for data in [&b"one\r\ntwo\r\n"[..], b"one\ntwo\n"] {
        let sandbox = scene(&alices(), &forge.sign(&mut key, b"one\r\ntwo\r\n"));
        sandbox.write(ARTIFACT, data);
        verify(&sandbox).exits(1).prints("  not-detached: ");
    }
}

#[test]
fn keys_that_are_too_weak_or_of_another_kind_do_not_count() {
    let weak = Recipe::of(Material::weak());
    bad(&public(&weak.build()), &signature(&weak), "weak-key");
    for (suite, profile) in [
        (CipherSuite::Cv25519, Profile::RFC4880),
        (CipherSuite::P256, Profile::RFC4880),
        (CipherSuite::Cv25519, Profile::RFC9580),
    ] {
        let cert = other(suite, profile);
        let sandbox = scene(&public(&cert), b"");
        let mut signer = cert
            .keys()
            .secret()
            .map(|key| key.key().clone())
            .find(|key| key.pk_algo().for_signing() && key.fingerprint() != cert.fingerprint())
            .unwrap_or_else(|| cert.primary_key().key().clone().parts_into_secret().unwrap().into())
            .into_keypair()
            .unwrap();
        let builder = openpgp::packet::signature::SignatureBuilder::new(
            openpgp::types::SignatureType::Binary,
        );
        let packet = openpgp::Packet::from(builder.sign_message(&mut signer, DATA).unwrap());
        let bytes = openpgp::serialize::MarshalInto::to_vec(&packet).unwrap();
        sandbox.write(SIGNATURE, bytes);
        let done = verify(&sandbox);
        // A signature of version 6 is refused; the others name a weak key.
        let reason = if profile == Profile::RFC9580 { "malformed" } else { "weak-key" };
        assert!(done.out().contains(&format!("  {reason}: ")), "{suite:?} {profile:?}: {done:?}");
        done.exits(1);
    }
    // DSA: the key alone decides, so the numbers need not make sense.
    let dsa = bare_key(4, 17, &[&odd(2048), &odd(256), &odd(2048), &odd(2048)], None);
    let cert = Cert::from_bytes(&dsa).unwrap();
    let forge = forged(|forge| {
        let key_id = openpgp::KeyID::from(cert.fingerprint());
        forge.hashed.truncate(1);
        forge.hashed.push(subpacket(ISSUER, key_id.as_bytes()));
    });
    bad(&dsa, &forge, "weak-key");
    // More than 4096 bits.
    let long = bare_key(4, 1, &[&odd(5120), &[1, 0, 1]], None);
    let cert = Cert::from_bytes(&long).unwrap();
    let forge = forged(|forge| {
        let key_id = openpgp::KeyID::from(cert.fingerprint());
        forge.hashed.truncate(1);
        forge.hashed.push(subpacket(ISSUER, key_id.as_bytes()));
    });
    let sandbox = scene(&long, &forge);
    verify(&sandbox).exits(1).prints("weak-key").prints("not supported");
}

#[test]
fn a_weak_key_is_refused_even_if_the_other_key_of_its_certificate_is_strong() {
    let signing = || Binding { flags: KeyFlags::empty().set_signing(), back_signature: true };
    let strong = Recipe::of(Material::strong());
    let cert = with_subkey(strong.build(), &mut strong.signer(), Material::weak(), &signing());
    let mut subkey = Material::weak().signer(ago(9));
    bad(&public(&cert), &Forge::by(&subkey).sign(&mut subkey, DATA), "weak-key");
    let weak = Recipe::of(Material::weak());
    let cert = with_subkey(weak.build(), &mut weak.signer(), Material::strong(), &signing());
    let mut subkey = Material::strong().signer(ago(9));
    bad(&public(&cert), &Forge::by(&subkey).sign(&mut subkey, DATA), "weak-key");
}

#[test]
fn weak_hashes_are_refused() {
    for hash in
        [HashAlgorithm::MD5, HashAlgorithm::SHA1, HashAlgorithm::RipeMD, HashAlgorithm::SHA224]
    {
        bad(&alices(), &forged(|forge| forge.hash = hash), "weak-hash");
    }
}

#[test]
fn a_certificate_that_only_sha1_binds_does_not_count() {
    let mut recipe = Recipe::of(Material::a());
    recipe.hash = HashAlgorithm::SHA1;
    bad(&public(&recipe.build()), &signature(&recipe), "weak-hash");
}

#[test]
fn an_expired_key_is_refused_even_for_what_it_signed_in_time() {
    let mut recipe = Recipe::of(Material::a());
    recipe.validity = Some(DAY * 2);
    let certificate = public(&recipe.build());
    bad(&certificate, &signature(&recipe), "expired-key");
    let mut key = recipe.signer();
    bad(&certificate, &Forge::at(&key, ago(9)).sign(&mut key, DATA), "expired-key");
}

/// Every reason of RFC 9580, section 5.2.3.31, soft ones and hard ones, and some that it leaves to
/// others.
const REASONS: [ReasonForRevocation; 8] = [
    ReasonForRevocation::Unspecified,
    ReasonForRevocation::KeySuperseded,
    ReasonForRevocation::KeyCompromised,
    ReasonForRevocation::KeyRetired,
    ReasonForRevocation::UIDRetired,
    ReasonForRevocation::Private(100),
    ReasonForRevocation::Private(110),
    ReasonForRevocation::Unknown(31),
];

#[test]
fn a_revoked_subkey_is_refused_whatever_the_reason_and_the_time() {
    let how = Binding { flags: KeyFlags::empty().set_signing(), back_signature: true };
    let owner = with_subkey(alice().clone(), &mut alices_key(), Material::b(), &how);
    let subkey = owner.keys().subkeys().next().unwrap().key().clone();
    let mut signer = Material::b().signer(ago(9));
    let times = [ago(5), now() - Duration::from_secs(3600)];
    let signatures = times.map(|time| Forge::at(&signer, time).sign(&mut signer, DATA));
    signatures.iter().for_each(|signature| good(&public(&owner), signature));
    for reason in REASONS {
        let revocation = SignatureBuilder::new(SignatureType::SubkeyRevocation)
            .set_hash_algo(HashAlgorithm::SHA256)
            .set_signature_creation_time(ago(1))
            .unwrap()
            .set_reason_for_revocation(reason, b"")
            .unwrap()
            .sign_subkey_binding(&mut alices_key(), alice().primary_key().key(), &subkey)
            .unwrap();
        let revoked = owner.clone().insert_packets([Packet::from(revocation)]).unwrap().0;
        for signature in &signatures {
            bad(&public(&revoked), signature, "revoked-key");
        }
    }
}

#[test]
fn the_environment_changes_no_verdict() {
    let sandbox = Sandbox::new();
    sandbox.write("key", alices());
    sandbox.write("dist/good.tar.gz", DATA);
    sandbox.write("dist/good.tar.gz.sig", forged(|_| {}));
    sandbox.write("dist/sha1.tar.gz", DATA);
    sandbox.write("dist/sha1.tar.gz.sig", forged(|forge| forge.hash = HashAlgorithm::SHA1));
    sandbox.write("dist/unsigned.tar.gz", DATA);
    sandbox.write(
        "lax.toml",
        "[hash_algorithms]\nsha1 = \"always\"\ndefault_disposition = \"always\"\n",
    );
    sandbox.write("strict.toml", "[hash_algorithms]\ndefault_disposition = \"never\"\n");
    let call = || sandbox.call(["verify", "--key", "key", "dist"]);
    let expected = call().run().exits(1);
    let words = expected.out();
    assert!(words.contains("good  dist/good") && words.contains("weak-hash"), "{expected:?}");
    let lax = sandbox.path("lax.toml").into_os_string().into_string().unwrap();
    let strict = sandbox.path("strict.toml").into_os_string().into_string().unwrap();
    for (name, value) in [
        ("SEQUOIA_CRYPTO_POLICY", "/dev/zero"),
        ("SEQUOIA_CRYPTO_POLICY", lax.as_str()),
        ("SEQUOIA_CRYPTO_POLICY", strict.as_str()),
        ("LANG", "tr_TR.UTF-8"),
        ("LC_ALL", "tr_TR.UTF-8"),
        ("LANGUAGE", "de"),
        ("TZ", "Pacific/Kiritimati"),
        ("TZ", ":/dev/zero"),
        ("HOME", "/nonexistent"),
        ("HOME", ""),
        ("XDG_DATA_HOME", "relative"),
        ("GNUPGHOME", "/dev/null"),
        ("RUST_BACKTRACE", "full"),
        ("RAYON_NUM_THREADS", "1"),
        ("PLUGSIGN_PASSPHRASE", "any"),
    ] {
        let done = call().env(name, value).limit(Duration::from_secs(20)).run().exits(1);
        assert_eq!((done.out(), done.err()), (words.clone(), expected.err()), "{name}={value}");
    }
    let done = call().homeless().run().exits(1);
    assert_eq!(done.out(), words, "without any variable");
}

#[test]
fn a_revoked_key_is_refused_whatever_the_reason_and_the_time() {
    let recipe = Recipe::of(Material::a());
    for reason in REASONS {
        let certificate = public(&revoked(recipe.build(), &mut recipe.signer(), reason));
        bad(&certificate, &signature(&recipe), "revoked-key");
        let mut key = recipe.signer();
        bad(&certificate, &Forge::at(&key, ago(5)).sign(&mut key, DATA), "revoked-key");
    }
}

#[test]
fn an_expired_signature_is_refused() {
    let day = seconds(SystemTime::UNIX_EPOCH + Duration::from_secs(60)).to_be_bytes();
    let expired = forged(|forge| forge.hashed.push(subpacket(EXPIRES, &day)));
    bad(&alices(), &expired, "expired-signature");
    let never = forged(|forge| forge.hashed.push(subpacket(EXPIRES, &[0; 4])));
    good(&alices(), &never);
}

#[test]
fn a_future_signature_is_refused_but_clocks_may_differ_by_five_minutes() {
    let mut key = alices_key();
    let minute = Duration::from_secs(60);
    good(&alices(), &Forge::at(&key, SystemTime::now() + minute * 4).sign(&mut key, DATA));
    for ahead in [minute * 6, minute * 31, DAY, DAY * 365] {
        let early = Forge::at(&key, SystemTime::now() + ahead).sign(&mut key, DATA);
        bad(&alices(), &early, "future-signature");
    }
}

#[test]
fn keys_that_are_not_for_signing_are_refused() {
    let mut recipe = Recipe::of(Material::a());
    recipe.flags = KeyFlags::empty().set_certification();
    bad(&public(&recipe.build()), &signature(&recipe), "not-a-signing-key");
    // An encryption subkey that signs.
    let good = Recipe::of(Material::a());
    let how = Binding {
        flags: KeyFlags::empty().set_storage_encryption().set_transport_encryption(),
        back_signature: false,
    };
    let cert = with_subkey(good.build(), &mut good.signer(), Material::b(), &how);
    let mut subkey = Material::b().signer(ago(9));
    bad(&public(&cert), &Forge::by(&subkey).sign(&mut subkey, DATA), "not-a-signing-key");
    // A signing subkey that never agreed.
    let how = Binding { flags: KeyFlags::empty().set_signing(), back_signature: false };
    let cert = with_subkey(good.build(), &mut good.signer(), Material::b(), &how);
    bad(&public(&cert), &Forge::by(&subkey).sign(&mut subkey, DATA), "not-a-signing-key");
}

#[test]
fn a_key_that_was_not_valid_yet_is_refused() {
    let mut recipe = Recipe::of(Material::a());
    recipe.bound = ago(2);
    let mut key = recipe.signer();
    let early = Forge::at(&key, ago(5)).sign(&mut key, DATA);
    bad(&public(&recipe.build()), &early, "not-a-signing-key");
}

#[test]
fn an_unreadable_signature_is_malformed() {
    let signature = by_alice();
    for (name, file) in [
        ("empty", Vec::new()),
        ("text", b"not a signature".to_vec()),
        ("a header alone", signature[..6].to_vec()),
        ("cut in half", signature[..signature.len() / 2].to_vec()),
        ("one octet short", signature[..signature.len() - 1].to_vec()),
        ("four gigabytes", [&[0xC2, 255, 255, 255, 255, 255][..], &signature].concat()),
        ("huge", vec![0xC2; 100_000]),
        ("huge text", vec![b'A'; 100_000]),
        ("version 3", version_3(&mut alices_key(), DATA)),
        ("armor cut short", {
            let armor = armor(Kind::Signature, &signature);
            armor[..armor.len() - 40].to_vec()
        }),
        ("armor damaged", {
            let mut armor = armor(Kind::Signature, &signature);
            let middle = armor.len() / 2;
            armor[middle] = b'!';
            armor
        }),
        ("armor of nothing", armor(Kind::Signature, b"")),
    ] {
        let done = verify(&scene(&alices(), &file));
        assert!(done.code() == Some(1) && done.out().contains("  malformed: "), "{name}: {done:?}");
    }
}

#[test]
fn a_signature_needs_exactly_one_hashed_creation_time() {
    let time = created(now() - Duration::from_secs(60));
    let unhashed = forged(|forge| {
        forge.hashed.remove(0);
        forge.unhashed.push(time.clone());
    });
    bad(&alices(), &unhashed, "malformed");
    let none = forged(|forge| drop(forge.hashed.remove(0)));
    bad(&alices(), &none, "malformed");
    let twice = forged(|forge| forge.hashed.push(time.clone()));
    bad(&alices(), &twice, "malformed");
}

#[test]
fn unknown_critical_subpackets_are_refused() {
    let critical = |tag: u8| subpacket(0x80 | tag, b"hello");
    let hashed = forged(|forge| forge.hashed.push(critical(60)));
    bad(&alices(), &hashed, "malformed");
    let mut body = vec![0x80, 0, 0, 0, 0, 3, 0, 1];
    body.extend(b"a@bc");
    let notation = forged(|forge| forge.hashed.push(subpacket(0x80 | NOTATION, &body)));
    bad(&alices(), &notation, "malformed");
    // gpgv and the server look at the unhashed ones too.
    let unhashed = forged(|forge| forge.unhashed.push(critical(60)));
    bad(&alices(), &unhashed, "malformed");
}

#[test]
fn if_only_the_server_refuses_its_words_are_shown() {
    let without_key_id = forged(|forge| drop(forge.hashed.pop()));
    bad(&alices(), &without_key_id, "server-refuses");
}

#[test]
fn every_changed_byte_of_a_signature_makes_it_not_good() {
    let signature = by_alice();
    let sandbox = Sandbox::new();
    sandbox.write("signer", alices());
    sandbox.write("good.tar.gz", DATA);
    sandbox.write("good.tar.gz.sig", &signature);
    for place in 0..signature.len() {
        let mut flipped = signature.clone();
        flipped[place] ^= 1 << (place % 8);
        let name = format!("many/{place:04}.tar.gz");
        sandbox.write(&name, DATA);
        sandbox.write(format!("{name}.sig"), flipped);
    }
    sandbox.run("verify --key signer good.tar.gz").exits(0);
    let done = sandbox.run("verify --key signer many").exits(1);
    assert_eq!(done.out().matches("BAD ").count(), signature.len(), "{done:?}");
    assert!(!done.out().contains("good "), "{done:?}");
}

#[test]
fn every_changed_bit_of_an_artifact_makes_it_not_good() {
    let sandbox = Sandbox::new();
    sandbox.write("signer", alices());
    let signature = by_alice();
    for place in 0..DATA.len() * 8 {
        let mut flipped = DATA.to_vec();
        flipped[place / 8] ^= 1 << (place % 8);
        let name = format!("many/{place:04}.tar.gz");
        sandbox.write(&name, flipped);
        sandbox.write(format!("{name}.sig"), &signature);
    }
    for (name, data) in
        [("longer", &[DATA, b"\0"].concat()[..]), ("shorter", &DATA[1..]), ("empty", b"")]
    {
        sandbox.write(format!("many/{name}.tar.gz"), data);
        sandbox.write(format!("many/{name}.tar.gz.sig"), &signature);
    }
    let done = sandbox.run("verify --key signer many").exits(1);
    assert_eq!(done.out().matches("  bad-signature: ").count(), DATA.len() * 8 + 3, "{done:?}");
    assert!(!done.out().contains("good "), "{done:?}");
}

#[test]
fn a_hostile_certificate_that_adopts_the_signers_key_changes_nothing() {
    let bob = Recipe::of(Material::b()).user_id("Mallory");
    let mallory = with_subkey(
        bob.build(),
        &mut bob.signer(),
        Material::a(),
        &Binding { flags: KeyFlags::empty().set_signing(), back_signature: false },
    );
    // The very same key, creation time and all, as a primary key of its own.
    let mut owner = Recipe::of(Material::a()).user_id("Owner");
    owner.created = mallory.keys().subkeys().next().unwrap().key().creation_time();
    owner.bound = owner.created;
    let signature = signature(&owner);
    let both = [public(&mallory), public(&owner.build())].concat();
    let done = verify(&scene(&both, &signature)).exits(0);
    assert!(done.out().contains("Owner") && !done.out().contains("Mallory"), "{done:?}");
    bad(&public(&mallory), &signature, "not-a-signing-key");
}

#[test]
fn several_accepted_signers_are_each_named() {
    let sandbox = scene(&alices(), &by_alice());
    sandbox.write("bob", public(bob()));
    for keys in ["--key signer --key bob", "--key bob --key signer"] {
        let done = sandbox.run(&format!("verify {keys} {ARTIFACT}")).exits(0);
        assert!(done.out().contains("Alice"), "{done:?}");
    }
    sandbox.write("both", [public(bob()), alices()].concat());
    sandbox.run(&format!("verify --key both {ARTIFACT}")).exits(0);
}

#[test]
fn without_signers_nothing_is_good() {
    let sandbox = scene(&alices(), &by_alice());
    let before = sandbox.snapshot();
    sandbox.run(&format!("verify {ARTIFACT}")).exits(3).says("trust add").prints_nothing();
    assert_eq!(before, sandbox.snapshot());
    let json = sandbox.run(&format!("--json verify {ARTIFACT}")).exits(3).json();
    assert!(json["error"]["hint"].as_str().unwrap().contains("--key"));
}

#[test]
fn trusted_certificates_and_own_keys_count_and_mere_certificates_do_not() {
    let sandbox = scene(&alices(), &by_alice());
    sandbox.run("trust add signer").exits(0);
    sandbox.run(&format!("verify {ARTIFACT}")).exits(0);
    let sandbox = scene(&alices(), &by_alice());
    sandbox.import(&secret(alice()));
    sandbox.run(&format!("verify {ARTIFACT}")).exits(0);
    let sandbox = scene(&alices(), &by_alice());
    sandbox.import(&alices());
    sandbox.run(&format!("verify {ARTIFACT}")).exits(3);
    sandbox.run(&format!("verify --key alice@example.org {ARTIFACT}")).exits(0);
}

#[test]
fn a_key_is_named_by_file_fingerprint_key_id_address_or_trusted_name() {
    let sandbox = scene(&alices(), &by_alice());
    sandbox.run("trust add --name the-signer signer").exits(0);
    let fingerprint = alice().fingerprint();
    for key in [
        "signer".to_string(),
        "the-signer".into(),
        fingerprint.to_string(),
        fingerprint.to_spaced_hex(),
        format!("0x{fingerprint}").to_lowercase(),
        openpgp::KeyID::from(&fingerprint).to_string(),
        "alice@example.org".into(),
        "ALICE".into(),
    ] {
        sandbox.call(["verify", "--key", &key, ARTIFACT]).run().exits(0);
    }
    let short = &fingerprint.to_string()[32..];
    sandbox.call(["verify", "--key", short, ARTIFACT]).run().exits(3).says("short key ID");
    sandbox.call(["verify", "--key", "nobody", ARTIFACT]).run().exits(3).says("no key matches");
}

#[test]
fn an_ambiguous_key_lists_the_candidates_wherever_they_are() {
    let twin = Recipe::of(Material::b()).user_id("Alice <alice@example.org>").build();
    let expect = |sandbox: &Sandbox| {
        let done = sandbox.run(&format!("verify --key alice@example.org {ARTIFACT}")).exits(3);
        for cert in [alice(), &twin] {
            assert!(done.err().contains(&cert.fingerprint().to_string()), "{done:?}");
        }
        let json =
            sandbox.run(&format!("--json verify --key alice@example.org {ARTIFACT}")).exits(3);
        assert_eq!(json.json()["error"]["candidates"].as_array().unwrap().len(), 2);
    };
    let sandbox = scene(&alices(), &by_alice());
    sandbox.import(&alices());
    sandbox.import(&public(&twin));
    expect(&sandbox);
    let sandbox = scene(&alices(), &by_alice());
    sandbox.write("twin", public(&twin));
    sandbox.run("trust add signer twin").exits(0);
    expect(&sandbox);
    let sandbox = scene(&alices(), &by_alice());
    sandbox.write("twin", public(&twin));
    sandbox.import(&alices());
    sandbox.run("trust add twin").exits(0);
    expect(&sandbox);
}

#[test]
fn a_revocation_that_the_home_knows_counts_whichever_copy_is_named() {
    let recipe = Recipe::of(Material::a()).user_id("Carol");
    let clean = public(&recipe.build());
    let revoked =
        revoked(recipe.build(), &mut recipe.signer(), ReasonForRevocation::KeyCompromised);
    let sandbox = scene(&clean, &signature(&recipe));
    sandbox.run("trust add signer").exits(0);
    sandbox.run(&format!("verify {ARTIFACT}")).exits(0);
    sandbox.import(&public(&revoked));
    for line in ["verify", "verify --key signer", "verify --key Carol"] {
        sandbox.run(&format!("{line} {ARTIFACT}")).exits(1).prints("revoked-key: ");
    }
}

#[test]
fn the_signature_may_be_named() {
    let sandbox = scene(&alices(), &by_alice());
    fs::rename(sandbox.path(SIGNATURE), sandbox.path("elsewhere")).unwrap();
    sandbox.run(&format!("verify --key signer --signature elsewhere {ARTIFACT}")).exits(0);
    sandbox
        .run(&format!("verify --key signer --signature elsewhere {ARTIFACT} {ARTIFACT}"))
        .exits(2);
    sandbox.run("verify --key signer --signature elsewhere .").exits(2);
    sandbox.run(&format!("verify --key signer --signature nowhere {ARTIFACT}")).exits(3);
    // Swapped.
    let done = sandbox.run(&format!("verify --key signer --signature {ARTIFACT} elsewhere"));
    assert!(done.exits(1).out().starts_with("BAD"));
}

#[test]
fn a_signature_that_is_named_is_the_one_that_is_judged() {
    let sandbox = scene(&alices(), &by_alice());
    sandbox.run(&format!("verify --key signer {SIGNATURE}")).exits(0).prints("good");
    let mut stranger = bobs_key();
    let other = Forge::by(&stranger).sign(&mut stranger, DATA);
    sandbox.write(format!("{ARTIFACT}.asc"), armor(Kind::Signature, &other));
    sandbox.run(&format!("verify --key signer {ARTIFACT}")).exits(0);
    sandbox.run(&format!("verify --key signer {ARTIFACT}.asc")).exits(1).prints("unknown-signer: ");
    sandbox.run(&format!("verify --key signer {ARTIFACT} {SIGNATURE}")).exits(0).prints("good");
}

#[test]
fn a_folder_is_good_if_everything_in_it_is() {
    let sandbox = Sandbox::new();
    sandbox.write("signer", alices());
    sandbox.write("dist/a.tar.gz", DATA);
    sandbox.write("dist/a.tar.gz.sig", by_alice());
    sandbox.write("dist/deep/b.zip", DATA);
    sandbox.write("dist/deep/b.zip.asc", armor(Kind::Signature, &by_alice()));
    sandbox.write("dist/notes.txt", "signed though no archive");
    sandbox.write("dist/README.md", "not signed");
    sandbox.write("dist/release-key.asc", armor(Kind::PublicKey, &alices()));
    fs::remove_file(sandbox.path("dist/notes.txt")).unwrap();
    sandbox.write("dist/notes.txt", DATA);
    sandbox.write("dist/notes.txt.sig", by_alice());
    let done = sandbox.run("verify --key signer dist").exits(0);
    assert_eq!(done.out().matches("good  ").count(), 3, "{done:?}");
    done.says("3 good, 0 bad, 2 passed over");
    sandbox.write("dist/c.tgz", DATA);
    sandbox.write("dist/gone.tar.gz.sig", by_alice());
    let done = sandbox.run("verify --key signer dist").exits(1);
    assert!(done.out().contains("dist/c.tgz  missing-signature"), "{done:?}");
    assert!(done.out().contains("dist/gone.tar.gz.sig  orphan-signature"), "{done:?}");
    done.says("3 good, 2 bad");
}

#[test]
fn a_folder_without_artifacts_is_not_good() {
    let sandbox = Sandbox::new();
    sandbox.write("signer", alices());
    sandbox.write("dist/readme.txt", "text");
    sandbox.run("verify --key signer dist").exits(3).says("nothing to verify");
    sandbox.run("verify --key signer nowhere").exits(3);
    sandbox.run("verify --key signer").exits(2);
}

#[test]
fn folders_devices_and_sockets_are_refused_at_once() {
    let sandbox = scene(&alices(), &by_alice());
    let limit = Duration::from_secs(10);
    let fifo = sandbox.fifo("fifo.tar.gz");
    sandbox.write("fifo.tar.gz.sig", by_alice());
    sandbox.call(["verify", "--key", "signer"]).arg(&fifo).limit(limit).run().exits(3).says("FIFO");
    sandbox.write("a.tar.gz", DATA);
    sandbox.fifo("a.tar.gz.sig");
    sandbox
        .call(["verify", "--key", "signer", "a.tar.gz"])
        .limit(limit)
        .run()
        .exits(3)
        .says("FIFO");
    sandbox.write("b.tar.gz", DATA);
    fs::create_dir(sandbox.path("b.tar.gz.sig")).unwrap();
    sandbox.call(["verify", "--key", "signer", "b.tar.gz"]).limit(limit).run().exits(3);
    sandbox.fifo("key");
    sandbox.call(["verify", "--key", "key", ARTIFACT]).limit(limit).run().exits(3).says("FIFO");
    sandbox.call(["verify", "--key", "/dev/zero", ARTIFACT]).limit(limit).run().exits(3);
    sandbox
        .call(["verify", "--key", "signer", "--signature", "/dev/zero", ARTIFACT])
        .limit(limit)
        .run()
        .exits(3);
    fs::create_dir(sandbox.path("folder")).unwrap();
    sandbox.call(["verify", "--key", "folder", ARTIFACT]).limit(limit).run().exits(3);
    symlink("loop", sandbox.path("loop")).unwrap();
    sandbox.call(["verify", "--key", "signer", "loop"]).limit(limit).run().exits(3);
    // The good one beside them is still said to be good.
    let done = sandbox
        .call(["verify", "--key", "signer", ARTIFACT, "fifo.tar.gz"])
        .limit(limit)
        .run()
        .exits(3);
    done.prints("good  ");
}

#[test]
fn empty_cut_short_and_huge_key_files_are_errors() {
    let sandbox = scene(&alices(), &by_alice());
    let certificate = alices();
    for (name, bytes) in [
        ("empty", Vec::new()),
        ("blank", b" \n\n".to_vec()),
        ("cut", certificate[..certificate.len() - 3].to_vec()),
        ("text", b"no key here".to_vec()),
        ("four-gigabytes", vec![0xC6, 255, 255, 255, 255, 255, 4]),
    ] {
        sandbox.write(name, bytes);
        let done = sandbox.call(["verify", "--key", name, ARTIFACT]).run().exits(3);
        done.says("no OpenPGP key can be read").prints_nothing();
    }
    let huge = fs::File::create(sandbox.path("huge")).unwrap();
    huge.set_len(10 << 30).unwrap();
    sandbox.call(["verify", "--key", "huge", ARTIFACT]).run().exits(3).says("larger than");
}

#[test]
fn names_cannot_forge_lines_or_steer_the_terminal() {
    let sandbox = Sandbox::new();
    sandbox.write("signer", alices());
    let names: [&[u8]; 5] = [
        b"a\ngood  fake.tar.gz",
        b"b\x1b[2J\x1b]0;title\x07",
        "c\u{202e}zg.rat\u{9b}".as_bytes(),
        b"d\xff\xfe",
        b"e\r\"}\n{\"verdict\":\"good\"}",
    ];
    for name in names {
        let name = [name, b".tar.gz"].concat();
        sandbox.write(std::path::Path::new("dist").join(std::ffi::OsStr::from_bytes(&name)), DATA);
    }
    for options in [&["-v"][..], &[]] {
        let done = sandbox.call(options).arg("verify").arg("--key").arg("signer").arg("dist").run();
        let done = done.exits(1).prints("missing-signature");
        assert_eq!(done.out().lines().count(), names.len(), "{done:?}");
        assert!(done.out().lines().all(|line| line.starts_with("BAD  ")), "{done:?}");
    }
    let json = sandbox.run("--json -v verify --key signer dist").exits(1).json();
    assert_eq!(json["artifacts"].as_array().unwrap().len(), names.len());
}

#[test]
fn user_ids_cannot_forge_lines_or_steer_the_terminal() {
    let evil = b"Eve\ngood  all.tar.gz\x1b[2J\x07\xe2\x80\xae\xc2\x9b31m\xff \"}\n{\"ok\":true}";
    let recipe = Recipe::of(Material::a()).user_id(evil);
    let certificate = public(&recipe.build());
    let sandbox = scene(&certificate, &signature(&recipe));
    let done = verify(&sandbox).exits(0).prints("\\u{1b}[2J");
    assert_eq!(done.out().lines().count(), 1);
    let json = sandbox.run(&format!("--json verify --key signer {ARTIFACT}")).exits(0).json();
    assert_eq!(json["artifacts"][0]["verdict"], "good");
    sandbox.run("import signer").exits(0).prints("new  ");
    assert_eq!(sandbox.run("list").exits(0).out().matches("\\u{202e}").count(), 1);
    let done = sandbox.run("--json list").exits(0);
    let json = done.json();
    assert!(json["keys"][0]["user_ids"][0].as_str().unwrap().starts_with("Eve"));
    sandbox.run("trust add signer").exits(0).prints("added");
    sandbox.run("trust list").exits(0).prints("trusted");
    sandbox.run("--json trust list").exits(0).json();
}

#[test]
fn as_server_says_what_the_server_says() {
    let sandbox = scene(&alices(), &by_alice());
    sandbox.run(&format!("verify --as-server --key signer {ARTIFACT}")).exits(0).prints("good");
    sandbox.write(SIGNATURE, forged(|forge| drop(forge.hashed.pop())));
    sandbox
        .run(&format!("verify --as-server --key signer {ARTIFACT}"))
        .exits(1)
        .prints("server-refuses: ");
    sandbox.run(&format!("verify --as-server {ARTIFACT}")).exits(2);
    // The server takes what we do not.
    let mut recipe = Recipe::of(Material::a());
    recipe.validity = Some(DAY);
    let sandbox = scene(&public(&recipe.build()), &signature(&recipe));
    sandbox.run(&format!("verify --as-server --key signer {ARTIFACT}")).exits(0);
    sandbox.run(&format!("verify --key signer {ARTIFACT}")).exits(1).prints("expired-key: ");
}

#[test]
fn a_link_that_leads_out_of_its_folder_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("signer", alices());
    sandbox.write("outside.tar.gz", DATA);
    sandbox.write("dist/inside.tar.gz", DATA);
    for name in ["out", "in"] {
        sandbox.write(format!("dist/{name}.tar.gz.sig"), by_alice());
    }
    symlink("../outside.tar.gz", sandbox.path("dist/out.tar.gz")).unwrap();
    symlink("inside.tar.gz", sandbox.path("dist/in.tar.gz")).unwrap();
    sandbox.run("verify --key signer dist/in.tar.gz").exits(0);
    sandbox.run("verify --key signer dist/out.tar.gz").exits(3).says("outside its folder");
}
