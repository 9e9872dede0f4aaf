//! Why something is no signature, no key, or no home: in words that are true, and our own.

use std::os::unix::fs::chown;

use sequoia_openpgp as openpgp;

use openpgp::armor::Kind;

use crate::common::craft::*;
use crate::common::peers::missing;
use crate::common::sandbox::{Done, Sandbox, is_root};

fn utf_16(text: &[u8], mark: &[u8]) -> Vec<u8> {
    let big = mark == b"\xFE\xFF";
    let wide = text.iter().flat_map(|byte| if big { [0, *byte] } else { [*byte, 0] });
    mark.iter().copied().chain(wide).collect()
}

/// Asserts that a reason is plain: no type of a library, nothing in its debug form.
#[track_caller]
fn is_plain(done: &Done) {
    let said = format!("{}{}", done.out(), done.err());
    for word in ["V4(", "Signature4", "{", "::", "Some(", "packet of type", "Malformed", "Unknown"]
    {
        assert!(!said.contains(word), "{word}: {said}");
    }
}

fn signatures() -> Vec<(Vec<u8>, &'static str)> {
    let binary = signature(&Recipe::of(Material::a()));
    let armored = armor(Kind::Signature, &binary);
    let body = &binary[6..];
    assert!(packet(2, body) == binary, "a length of five octets");
    let algorithm = |at: usize, value: u8| {
        let mut body = body.to_vec();
        body[at] = value;
        packet(2, &body)
    };
    let mut damaged = armored.clone();
    damaged[armored.len() / 2] = b'!';
    let with = |tag: u8, body: &[u8]| {
        let mut key = Recipe::of(Material::a()).signer();
        let mut forge = Forge::by(&key);
        forge.hashed.push(subpacket(0x80 | tag, body));
        forge.sign(&mut key, DATA)
    };
    let notation = b"\x80\0\0\0\0\x03\0\x01a@bc";
    vec![
        (with(60, b"hello"), "critical"),
        (with(20, notation), "critical notation"),
        (packet(2, &[body, b"more"].concat()), "a packet in it is damaged"),
        (packet(2, &body[..body.len() - 9]), "it is cut short"),
        ([b"\xEF\xBB\xBF", &armored[..]].concat(), "byte order mark"),
        (utf_16(&armored, b"\xFF\xFE"), "UTF-16"),
        (utf_16(&armored, b"\xFE\xFF"), "UTF-16"),
        (utf_16(&armored, b""), "UTF-16"),
        (damaged, "its armor: it is damaged"),
        (algorithm(3, 77), "the hash algorithm 77"),
    ]
}

#[test]
fn a_file_that_is_no_signature_is_called_what_it_is() {
    let sandbox = Sandbox::new();
    sandbox.write("a.zip", DATA);
    sandbox.write("signer", public(alice()));
    sandbox.import(&secret(alice()));
    for (file, words) in signatures() {
        sandbox.write("a.zip.sig", &file);
        let done = sandbox.run("verify --key signer a.zip").exits(1).prints(words);
        is_plain(&done);
        let done = sandbox.run("gpg --verify a.zip.sig a.zip");
        assert_ne!(done.code(), Some(0), "{done:?}");
        is_plain(&done);
        let done = sandbox.run("gpgv --keyring ./signer a.zip.sig a.zip");
        assert_ne!(done.code(), Some(0), "{done:?}");
        is_plain(&done);
    }
}

#[test]
fn a_file_that_is_no_key_is_called_what_it_is() {
    use base64::Engine;
    let binary = signature(&Recipe::of(Material::a()));
    let armored = armor(Kind::Signature, &binary);
    let key = armor(Kind::SecretKey, &secret(alice()));
    let mut damaged = key.clone();
    damaged[key.len() / 2] = b'!';
    let encoded = base64::engine::general_purpose::STANDARD.encode(&armored).into_bytes();
    let sandbox = Sandbox::new();
    sandbox.write("a.zip", DATA);
    for (file, words) in [
        (armored.clone(), "it is a signature, and no key"),
        (encoded, "it is a signature, and no key"),
        (b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nx\n".to_vec(), "cleartext"),
        (armor(Kind::Message, b"\xcb\x01b"), "it is an OpenPGP message, and no key"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n".to_vec(), "it is a key for SSH"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec(), "PEM"),
        (utf_16(&key, b"\xFF\xFE"), "UTF-16"),
        (utf_16(&key, b"\xFE\xFF"), "UTF-16"),
        (utf_16(&key, b""), "UTF-16"),
        (damaged, "its armor: it is damaged"),
        (b"CDF022D56716C43C806FD9B0291EF0571BE2EF87\n".to_vec(), "it is the fingerprint"),
        (b"CDF0 22D5 6716 C43C 806F  D9B0 291E F057 1BE2 EF87".to_vec(), "it is the fingerprint"),
        (b"0x291EF0571BE2EF87".to_vec(), "it is the fingerprint or ID of a key"),
    ] {
        sandbox.write("key", &file);
        for line in ["import --no-passphrase key", "sign --key-file key a.zip"] {
            let done = sandbox.run(line).exits(3);
            is_plain(&done);
            let said = format!("{}{}", done.out(), done.err());
            assert!(said.contains(words), "{words}: {said}");
        }
        is_plain(&sandbox.run("trust add key"));
        is_plain(&sandbox.run("gpg --batch --import key"));
    }
    assert!(!sandbox.has("home/keys"), "nothing was imported");
}

#[test]
fn a_key_with_a_byte_order_mark_is_a_key() {
    use base64::Engine;
    let armored = armor(Kind::SecretKey, &secret(alice()));
    let base64 = base64::engine::general_purpose::STANDARD.encode(secret(alice()));
    for text in [armored, base64.into_bytes()] {
        let sandbox = Sandbox::new();
        sandbox.write("key", [b"\xEF\xBB\xBF", &text[..]].concat());
        sandbox.run("import --no-passphrase key").exits(0);
    }
}

#[test]
fn a_variable_that_names_a_key_is_not_called_a_damaged_key() {
    let sandbox = Sandbox::new();
    let key = sandbox.keygen("--name Acme --email r@acme.test --no-passphrase");
    sandbox.write("a.zip", DATA);
    for name in [&key, &format!("0x{key}"), &key[24..], "r@acme.test"] {
        let call = sandbox.call(["sign", "a.zip"]).env("PLUGSIGN_KEY", name);
        let done = call.run().exits(3).says("-u KEY");
        assert!(!done.err().contains("cut short"), "{done:?}");
        is_plain(&done);
    }
}

#[test]
fn the_hint_for_a_home_of_another_user_is_not_chmod() {
    if !is_root() {
        missing("root's right to give files away");
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.keygen("--name Acme --no-passphrase");
    chown(sandbox.home(), Some(12345), None).unwrap();
    for line in ["list", "gpg --list-keys"] {
        let done = sandbox.run(line);
        assert!(!done.err().contains("chmod"), "{done:?}");
        done.says("as the user that owns the home");
    }
}
