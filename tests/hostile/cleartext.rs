//! Cleartext signed texts that claim more than they are (gpg.fail 03, 07, 08, 10, 11; RFC 9580,
//! section 7). What is printed is what was signed, or nothing is.

use std::fs;

use plugsign::openpgp::cleartext::Escaped;
use plugsign::openpgp::hash::{ContentHash, HashAlgorithm};
use plugsign::openpgp::key_file::{Key, read_keys};
use plugsign::openpgp::policy::Policy;
use plugsign::openpgp::sign::sign_hashed_with;

use crate::common::craft::*;
use crate::common::sandbox::Sandbox;
use crate::hostile::bounded::{bounded, told};

const TEXT: &str = "Hash the files:\n\n- one\n-----\nlast\n";

/// Signs a text as Alice.
fn signed(text: &[u8], algorithm: HashAlgorithm) -> Vec<u8> {
    let Key::Secret(secret) = read_keys(&secret(alice())).unwrap().remove(0).unwrap() else {
        panic!("no secret key")
    };
    let key = secret.unlock(None, None, &Policy::new(now())).unwrap();
    let escaped = Escaped::new(text, algorithm).unwrap();
    let way = ContentHash { algorithm, text: true };
    let signature = sign_hashed_with(&escaped.content, way, &key, now()).unwrap();
    escaped.with_signature(&signature.to_armored().unwrap())
}

fn good() -> String {
    String::from_utf8(signed(TEXT.as_bytes(), HashAlgorithm::Sha256)).unwrap()
}

/// Files of which nothing may be believed, each with its name.
fn attacks() -> Vec<(&'static str, Vec<u8>)> {
    let good = good();
    let begin = "-----BEGIN PGP SIGNED MESSAGE-----\n";
    let armor_at = good.find("-----BEGIN PGP SIGNATURE-----").unwrap();
    let (text, armor) = good.split_at(armor_at);
    let swap = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1).into_bytes()
    };
    let insert = |at: usize, bytes: &[u8]| {
        let (before, after) = good.as_bytes().split_at(at);
        [before, bytes, after].concat()
    };
    let line = |name: &str| good.find(name).unwrap();
    let detached = {
        let mut key = alices_key();
        let signature = Forge::by(&key).sign(&mut key, b"Hash the files:");
        crate::common::craft::armor(sequoia_openpgp::armor::Kind::Signature, &signature)
    };
    let bytes_signed = {
        let mut key = alices_key();
        let signature = Forge::by(&key).sign(&mut key, b"plain");
        let block =
            crate::common::craft::armor(sequoia_openpgp::armor::Kind::Signature, &signature);
        [begin.as_bytes(), b"Hash: SHA256\n\nplain\n", &block].concat()
    };
    let long_armor = {
        let lines: Vec<&str> = armor.lines().collect();
        let body: String =
            lines[2..lines.len() - 1].iter().filter(|it| !it.starts_with('=')).copied().collect();
        format!("{text}{}\n\n{body}\n{}\n", lines[0], lines[lines.len() - 1]).into_bytes()
    };
    let padded_armor = {
        let padded = format!("-----BEGIN PGP SIGNATURE-----\n\n{}", "A".repeat(20_001));
        [text.as_bytes(), padded.as_bytes(), b"\n", armor.split_once("\n\n").unwrap().1.as_bytes()]
            .concat()
    };
    vec![
        ("text in front", [b"Read this:\n", good.as_bytes()].concat()),
        ("a blank line in front", [b"\n", good.as_bytes()].concat()),
        ("a byte order mark in front", ["\u{feff}".as_bytes(), good.as_bytes()].concat()),
        ("text behind", [good.as_bytes(), b"And this.\n"].concat()),
        ("a second message behind", [good.as_bytes(), good.as_bytes()].concat()),
        ("a detached signature behind", [good.as_bytes(), &detached[..]].concat()),
        ("a blank behind", [good.as_bytes(), b" "].concat()),
        ("another word in the text", swap("one", "two")),
        ("a line more", swap("last\n", "last\nmore\n")),
        ("an empty line more at the end", swap("last\n", "last\n\n")),
        ("an empty line more at the start", swap("\n\nHash", "\n\n\nHash")),
        ("a line less", swap("last\n", "")),
        ("a text of one NUL", insert(line("last"), b"\0")),
        ("a NUL in the header line", insert(20, b"\0")),
        ("a NUL behind a header", swap("SHA256\n", "SHA256\0\n")),
        ("a form feed ends the text line", swap("last\n", "last\x0c\n")),
        ("a form feed before blanks", swap("last\n", "last\x0c \n")),
        ("a vertical tab ends the text line", swap("last\n", "last\x0b\n")),
        ("a form feed ends the headers", swap("SHA256\n\n", "SHA256\n\x0c\n")),
        ("a carriage return within a line", swap("last\n", "la\rst\n")),
        ("two carriage returns at the end", swap("last\n", "last\r\r\n")),
        ("a dash that is not escaped", swap("- - one", "- one")),
        ("a dash alone", swap("- - one", "-one")),
        ("an armor line that is not escaped", swap("- -----\n", "-----\n")),
        ("six dashes in the header", [b"-", good.as_bytes()].concat()),
        ("four dashes in the header", good.as_bytes()[1..].to_vec()),
        ("six dashes before the signature", insert(armor_at, b"-")),
        ("a header line in the text", insert(line("last"), begin.as_bytes())),
        (
            "an empty signature in the text",
            insert(line("last"), b"-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n"),
        ),
        ("an end line in the text", insert(line("last"), b"-----END PGP SIGNATURE-----\n")),
        ("a second armor", [good.as_bytes(), armor.as_bytes()].concat()),
        ("text between the armor and its end", swap("-----END", "evil\n-----END")),
        ("no end line", swap("-----END PGP SIGNATURE-----\n", "")),
        ("no signature", text.as_bytes().to_vec()),
        (
            "an empty armor",
            format!("{text}-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n")
                .into_bytes(),
        ),
        ("a header of another kind", swap("Hash: SHA256\n", "Hash: SHA256\nComment: evil\n")),
        ("text among the headers", swap("Hash: SHA256\n", "Hash: SHA256\nPay Mallory\n")),
        ("blanks end the headers", swap("SHA256\n\n", "SHA256\n \n")),
        ("no empty line behind the headers", swap("SHA256\n\n", "SHA256\n")),
        ("no header", swap("Hash: SHA256\n", "")),
        (
            "NotDashEscaped",
            swap(
                "Hash: SHA256\n",
                "Hash: SHA256\nNotDashEscaped: You need GnuPG to verify this message\n",
            ),
        ),
        ("another hash in the header", swap("SHA256", "SHA512")),
        ("SHA-1 in the header", swap("SHA256", "SHA1")),
        ("SHA-1 beside it", swap("SHA256", "SHA256,SHA1")),
        ("a hash in small letters", swap("SHA256", "sha256")),
        ("an unknown hash", swap("SHA256", "SHA256,SHA3-512")),
        ("a name with a form feed", swap("SHA256\n", "SHA256\x0c\n")),
        ("text behind the header line", swap("MESSAGE-----\n", "MESSAGE----- evil\n")),
        ("blanks behind the header line", swap("MESSAGE-----\n", "MESSAGE----- \n")),
        (
            "text behind the armor's first line",
            swap("BEGIN PGP SIGNATURE-----\n", "BEGIN PGP SIGNATURE----- evil\n"),
        ),
        ("a very long line", insert(line("last"), &b"x".repeat(20_000))),
        (
            "blanks that make a line very long",
            swap("last\n", &format!("last{}\n", " ".repeat(20_000))),
        ),
        ("an armor of one long line", long_armor),
        ("an armor line that gpg cuts", padded_armor),
        ("a signature over bytes", bytes_signed),
        ("cut in the text", good.as_bytes()[..line("last")].to_vec()),
        ("cut in the armor", good.as_bytes()[..good.len() - 60].to_vec()),
        ("nothing but the header line", begin.as_bytes().to_vec()),
        ("a detached signature alone", detached),
    ]
}

/// expect: nothing is good and nothing of the text comes out; why: other readers see another text
/// in it; source: gpg.fail, RFC 9580, section 7.
#[test]
fn no_door_believes_or_prints_a_text_that_is_not_signed() {
    let desk = Sandbox::in_place_of_gpg();
    desk.write("alice.gpg", public(alice()));
    desk.must("gpg --batch --import alice.gpg 2>&1 && plugsign trust add alice.gpg 2>&1");
    let attacks = attacks();
    for (number, (name, file)) in attacks.iter().enumerate() {
        let path = format!("{number}.asc");
        desk.write(&path, file);
        for line in [
            format!("gpg --status-fd 2 --decrypt {path}"),
            format!("gpg --status-fd 2 --output out --decrypt {path}"),
            format!("gpg --status-fd 2 --verify {path}"),
            format!("gpg --batch --status-fd 2 --output out {path}"),
            format!("gpg --status-fd 2 < {path}"),
            format!("gpgv --status-fd 2 --keyring ./alice.gpg {path}"),
            format!("gpgv --status-fd 2 --keyring ./alice.gpg --output out {path}"),
            format!("plugsign verify --key alice.gpg {path}"),
            format!("plugsign verify --key alice.gpg --signature {path} alice.gpg"),
        ] {
            let said = desk.sh(&line);
            assert_ne!(said.code(), Some(0), "{name}: {line}: {}", said.shown());
            assert!(
                !said.out().contains("last") && !said.out().contains("good"),
                "{name}: {line}: {}",
                said.shown()
            );
            assert!(!said.err().contains("GOODSIG"), "{name}: {line}: {}", said.shown());
            assert!(!desk.has("out"), "{name}: {line} wrote a file");
        }
    }
    told(&format!("cleartext: {} files through nine doors", attacks.len()));
}

/// expect: good, and exactly this text; why: other programs write texts like these.
#[test]
fn texts_as_others_write_them_are_good_and_come_out_whole() {
    let desk = Sandbox::in_place_of_gpg();
    desk.write("alice.gpg", public(alice()));
    desk.must("gpg --batch --import alice.gpg 2>&1 && plugsign trust add alice.gpg 2>&1");
    let good = good();
    let crlf = good.replace('\n', "\r\n");
    let crlf_text = TEXT.replace('\n', "\r\n");
    for (name, file, text) in [
        ("as it is", good.clone(), TEXT),
        ("a blank behind a line", good.replacen("last\n", "last \t \n", 1), TEXT),
        ("CR LF throughout", crlf, &crlf_text),
        ("two hashes", good.replacen("SHA256", "SHA512, SHA256", 1), TEXT),
        ("two headers", good.replacen("SHA256\n", "SHA256\nHash: SHA384\n", 1), TEXT),
        ("a line that is escaped needlessly", good.replacen("last\n", "- last\n", 1), TEXT),
        (
            "a comment in the armor",
            good.replacen("SIGNATURE-----\n", "SIGNATURE-----\nComment: x\n", 1),
            TEXT,
        ),
        ("no line end behind the armor", good.trim_end().into(), TEXT),
        ("empty lines behind the armor", format!("{good}\n\r\n"), TEXT),
    ] {
        desk.write("x.asc", &file);
        let said = desk.sh("gpg --status-fd 2 --decrypt x.asc");
        assert_eq!((said.code(), said.out().as_str()), (Some(0), text), "{name}: {}", said.shown());
        assert!(said.err().contains("GOODSIG"), "{name}: {}", said.shown());
        let said = desk.sh("gpgv --keyring ./alice.gpg --output out x.asc");
        assert_eq!(said.code(), Some(0), "{name}: {}", said.shown());
        assert_eq!(fs::read_to_string(desk.path("out")).unwrap(), text, "{name}");
        fs::remove_file(desk.path("out")).unwrap();
        desk.must("plugsign verify --key alice.gpg x.asc").prints("good");
    }
}

/// expect: not-detached under every other name, as for all that is no detached signature; why: a
/// signed announcement is no signature of an archive.
#[test]
fn a_signed_text_is_good_under_its_own_name_alone() {
    let sandbox = Sandbox::new();
    let file = signed(TEXT.as_bytes(), HashAlgorithm::Sha256);
    sandbox.write("alice.gpg", public(alice()));
    for name in ["a.tar.gz", "b.tar.gz"] {
        sandbox.write(name, TEXT);
    }
    sandbox.write("a.tar.gz.sig", &file);
    sandbox.write("b.tar.gz.asc", &file);
    sandbox.write("c.tar.gz", &file);
    sandbox.write("d.tar.gz", b"another text than the one that is signed\n");
    sandbox.write("d.tar.gz.asc", &file);
    for (line, reason) in [
        ("a.tar.gz", "not-detached"),
        ("a.tar.gz.sig", "not-detached"),
        ("b.tar.gz", "not-detached"),
        ("--signature b.tar.gz.asc b.tar.gz", "not-detached"),
        ("--signature b.tar.gz.asc a.tar.gz", "not-detached"),
        ("c.tar.gz", "missing-signature"),
        ("d.tar.gz.asc", "not-detached"),
        ("--as-server b.tar.gz", "server-refuses"),
    ] {
        let done = bounded(&sandbox, &format!("verify --key alice.gpg {line}"), line).exits(1);
        assert!(done.out().contains(reason), "{line}: {}", done.shown());
    }
    // The text is what lies beside it.
    bounded(&sandbox, "verify --key alice.gpg b.tar.gz.asc", "its own").exits(0).prints("good");
}

/// expect: an end in little time and memory; why: whoever can hand over a file can hand over a
/// large one.
#[test]
fn a_huge_text_is_refused_and_a_large_one_is_read_in_little_memory() {
    let sandbox = Sandbox::new();
    sandbox.write("alice.gpg", public(alice()));
    let large = "0123456789abcdef\n".repeat(15 * 1024 * 1024 / 17);
    sandbox.write("large.asc", signed(large.as_bytes(), HashAlgorithm::Sha512));
    bounded(&sandbox, "verify --key alice.gpg large.asc", "15 MiB").exits(0);
    let file = [signed(b"x\n", HashAlgorithm::Sha256), b"\n".repeat(17 * 1024 * 1024)].concat();
    sandbox.write("huge.asc", file);
    let done = bounded(&sandbox, "verify --key alice.gpg huge.asc", "17 MiB");
    assert_ne!(done.code(), Some(0), "{}", done.shown());
}
