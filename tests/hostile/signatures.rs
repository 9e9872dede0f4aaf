//! Signature files that claim more than they are. tests/cli/verify.rs has one case for each
//! reason; here are the families.

use crate::common::craft::*;
use crate::common::peers::{Question, go_verdict};
use crate::common::sandbox::Sandbox;
use crate::hostile::bounded::{bounded, told};

use sequoia_openpgp::armor::Kind;

/// A signature file that is not good, or good for both judges.
struct Vector {
    name: String,
    why: &'static str,
    bytes: Vec<u8>,
    /// None: it may be good if the server's own library takes it too.
    good: Option<bool>,
}

fn vector(
    name: impl Into<String>,
    why: &'static str,
    bytes: impl Into<Vec<u8>>,
    good: Option<bool>,
) -> Vector {
    Vector { name: name.into(), why, bytes: bytes.into(), good }
}

/// Judges all of them in one call, and asks the server's library about each that is good.
fn judged(vectors: &[Vector], what: &str) {
    let certificate = public(alice());
    let sandbox = Sandbox::new();
    sandbox.write("signer", &certificate);
    for (number, vector) in vectors.iter().enumerate() {
        sandbox.write(format!("all/{number:04}.tar.gz"), DATA);
        sandbox.write(format!("all/{number:04}.tar.gz.sig"), &vector.bytes);
    }
    let done = bounded(&sandbox, "--json verify --key signer all", what);
    let json = done.json();
    let rows = json["artifacts"].as_array().unwrap();
    assert_eq!(rows.len(), vectors.len());
    let oracle = go_verdict();
    for row in rows {
        let path = row["path"].as_str().unwrap();
        let vector = &vectors[path[4..8].parse::<usize>().unwrap()];
        let good = row["verdict"] == "good";
        let told = format!("{what}: {}: {}: {row}", vector.name, vector.why);
        assert!(good || row["verdict"] == "bad", "{told}");
        if let Some(expected) = vector.good {
            assert_eq!(good, expected, "{told}");
        }
        if let Some(oracle) = &oracle
            && good
        {
            let signature = &vector.bytes[..];
            let answer = oracle.ask(Question { key: &certificate, signature, data: DATA });
            assert!(answer.starts_with("ACCEPT"), "{told}: good here, and the server: {answer}");
        }
    }
    told(&format!("{what}: {} signature files", vectors.len()));
}

fn by_alice() -> Vec<u8> {
    let mut key = alices_key();
    Forge::by(&key).sign(&mut key, DATA)
}

/// expect: good only where the server's library takes the same bytes; why: two readers of one
/// armor are two signatures; source: gpg.fail 05 to 08 and 11, RFC 9580, section 6.
#[test]
fn armor_that_readers_disagree_about_is_not_good() {
    let signature = by_alice();
    let block = String::from_utf8(armor(Kind::Signature, &signature)).unwrap();
    let lines: Vec<&str> = block.lines().collect();
    let blank = lines.iter().position(|line| line.is_empty()).unwrap();
    let body: String = lines[blank + 1..lines.len() - 1]
        .iter()
        .filter(|line| !line.starts_with('='))
        .copied()
        .collect();
    let (begin, end) = (lines[0], lines[lines.len() - 1]);
    let gpg11 = "gpg.fail 11: readers drop the end of long lines, read it, or refuse it";
    let gpg08 = "gpg.fail 08: what is not quite an armor's begin is text, which hides a message";
    let gpg05 = "gpg.fail 05 (CVE-2025-68973): the armor filter's state at odd places";
    let around = "what is around the armor is shown by nobody, and believed by somebody";
    let wrapped = |width: usize| {
        let lines: Vec<&str> =
            body.as_bytes().chunks(width).map(|it| std::str::from_utf8(it).unwrap()).collect();
        lines.join("\n")
    };
    let with_body = |body: &str| format!("{begin}\n\n{body}\n{end}\n");
    let mut all = vec![
        vector(
            "as it should be",
            "the others are not refused for what they share",
            block.clone(),
            Some(true),
        ),
        vector(
            "a line of 20,001",
            gpg11,
            with_body(&format!("{body}{}", "A".repeat(20_001 - body.len()))),
            Some(false),
        ),
        vector(
            "20,001 blanks in a line",
            gpg11,
            with_body(&format!("{}{body}", " ".repeat(20_001))),
            None,
        ),
        vector("all in one line", gpg11, with_body(&body), None),
        vector("six dashes", gpg08, block.replace("-----BEGIN", "------BEGIN"), Some(false)),
        vector(
            "six dashes behind",
            gpg08,
            block.replacen("SIGNATURE-----", "SIGNATURE------", 1),
            Some(false),
        ),
        vector("four dashes", gpg08, block.replace("-----BEGIN", "----BEGIN"), Some(false)),
        vector("dash-escaped", gpg08, block.replace("-----", "- -----"), Some(false)),
        vector("lower case", gpg08, block.replace("SIGNATURE", "signature"), Some(false)),
        vector(
            "a form feed in front",
            "gpg.fail 03 (CVE-2025-68972)",
            format!("\x0c{block}"),
            None,
        ),
        vector(
            "a form feed behind the begin",
            "gpg.fail 03 (CVE-2025-68972)",
            block.replacen("-----\n", "-----\x0c\n", 1),
            None,
        ),
        vector(
            "a zero behind the begin",
            "gpg.fail 10",
            block.replacen("-----\n", "-----\0\n", 1),
            Some(false),
        ),
        vector("a byte order mark", around, format!("\u{feff}{block}"), Some(false)),
        vector(
            "words in front",
            around,
            format!("Good signature from Alice\n{block}"),
            Some(false),
        ),
        vector("words behind", around, format!("{block}Good signature from Alice\n"), Some(false)),
        vector("words in the begin line", around, format!("x {block}"), Some(false)),
        vector("two blocks", around, format!("{block}{block}"), Some(false)),
        vector(
            "a cleartext message in front",
            "gpg.fail 07",
            format!("-----BEGIN PGP SIGNED MESSAGE-----\n\nevil\n{block}"),
            Some(false),
        ),
        vector(
            "not dash-escaped text",
            "gpg.fail 07",
            format!(
                "-----BEGIN PGP SIGNED MESSAGE-----\nNotDashEscaped: yes\n\n-----evil\n{block}"
            ),
            Some(false),
        ),
        vector("a message's armor", around, block.replace("SIGNATURE", "MESSAGE"), Some(false)),
        vector(
            "a key's armor",
            around,
            block.replace("SIGNATURE", "PUBLIC KEY BLOCK"),
            Some(false),
        ),
        vector("no end", gpg05, block.replace(end, ""), Some(false)),
        vector("no blank line", gpg05, block.replacen("\n\n", "\n", 1), None),
        vector("no body", gpg05, with_body(""), Some(false)),
        vector("only a checksum", gpg05, with_body("=AAAA"), Some(false)),
        vector("a wrong checksum", gpg05, with_body(&format!("{}\n=AAAA", wrapped(64))), None),
        vector("a short checksum", gpg05, with_body(&format!("{}\n=A", wrapped(64))), None),
        vector(
            "a checksum in the middle",
            gpg05,
            with_body(&format!("{}\n=AAAA\n{}", &body[..64], &body[64..])),
            None,
        ),
        vector(
            "padding in the middle",
            gpg05,
            with_body(&format!("{}==\n{}", &body[..62], &body[62..])),
            Some(false),
        ),
        vector("equals signs", gpg05, with_body(&"=".repeat(5_000)), Some(false)),
        vector(
            "equals signs behind",
            gpg05,
            with_body(&format!("{}\n{}", wrapped(64), "=\n".repeat(500))),
            None,
        ),
        vector(
            "URL alphabet",
            gpg05,
            with_body(&wrapped(64).replace('+', "-").replace('/', "_")),
            None,
        ),
        vector("carriage returns alone", gpg05, block.replace('\n', "\r"), Some(false)),
        vector("CR LF", "mail and Windows", block.replace('\n', "\r\n"), None),
        vector("tabs", gpg05, block.replace('\n', "\t\n"), None),
        vector("zeros", gpg05, block.replace('\n', "\0\n"), None),
        vector(
            "a header of 60 KiB",
            gpg05,
            block.replacen("\n\n", &format!("\nComment: {}\n\n", "x".repeat(60_000)), 1),
            None,
        ),
        vector(
            "5,000 headers",
            gpg05,
            block.replacen("\n\n", &format!("\n{}\n", "A: b\n".repeat(5_000)), 1),
            None,
        ),
        vector(
            "a header that steers",
            "gpg.fail 06",
            block.replacen("\n\n", "\nComment: \x1b[2J\x1b]0;x\x07\u{202e}\n\n", 1),
            None,
        ),
        vector("a Hash header", around, block.replacen("\n\n", "\nHash: SHA256\n\n", 1), None),
        vector("bytes above 127", gpg05, [block.as_bytes(), &[0xFF; 100]].concat(), Some(false)),
    ];
    for width in [1, 2, 3, 63, 64, 65, 76, 95, 96, 97, 200] {
        all.push(vector(format!("lines of {width}"), gpg11, with_body(&wrapped(width)), None));
    }
    for length in (0..block.len()).step_by(7) {
        let cut = &block.as_bytes()[..length];
        all.push(vector(format!("cut at {length}"), "downloads break off", cut, None));
    }
    judged(&all, "armor");
}

/// expect: version 4, type 0x00, RSA and SHA-256, 384 or 512, and nothing else; why: what is not
/// known must not pass, even if the signer says so; source: RFC 9580, section 5.2, gpg.fail 12.
#[test]
fn only_one_version_type_and_three_hashes_are_good() {
    let right = by_alice();
    // The packet's header has six octets here.
    let body = 6;
    let mut all = Vec::new();
    for (what, place) in [("version", 0), ("type", 1), ("algorithm", 2), ("hash", 3)] {
        for octet in 0..=255u8 {
            let mut bytes = right.clone();
            let same = bytes[body + place] == octet;
            bytes[body + place] = octet;
            let why = "gpg.fail 12 and kin: what is not known must not pass";
            all.push(vector(format!("{what} {octet}"), why, bytes, Some(same)));
        }
    }
    // The same, but made for it: the number signs what the file says.
    let mut key = alices_key();
    for kind in 0..=255u8 {
        let mut forge = Forge::by(&key);
        forge.kind = kind;
        let why = "RFC 9580, section 5.2.1: only type 0x00 is over a file";
        all.push(vector(
            format!("made as type {kind}"),
            why,
            forge.sign(&mut key, DATA),
            Some(kind == 0),
        ));
    }
    judged(&all, "versions, types, algorithms");
}

/// expect: unknown critical ones are not good, and what is good the server takes; why: a critical
/// subpacket is a condition that must not be overlooked; source: RFC 9580, section 5.2.3.7, and
/// x/crypto packet/signature.go.
#[test]
fn subpackets_of_every_number_in_both_areas_are_judged_as_the_server_does() {
    let mut key = alices_key();
    let mut all = Vec::new();
    for number in 0..128u8 {
        for critical in [0, 0x80] {
            for hashed in [true, false] {
                for body in [&[][..], &[0], &[1; 4], &[4; 21]] {
                    let mut forge = Forge::by(&key);
                    let area = if hashed { &mut forge.hashed } else { &mut forge.unhashed };
                    area.push(subpacket(number | critical, body));
                    // Defined nowhere: critical ones are refused (RFC 9580, section 5.2.3.7).
                    let unknown = matches!(number, 0 | 1 | 8 | 13..=15 | 17..=19 | 40..=127);
                    let good = (unknown && critical != 0).then_some(false);
                    let place = if hashed { "hashed" } else { "unhashed" };
                    let name = format!("subpacket {number}, {critical:x}, {place}, {body:?}");
                    let why = "RFC 9580, section 5.2.3.7, and x/crypto packet/signature.go";
                    all.push(vector(name, why, forge.sign(&mut key, DATA), good));
                }
            }
        }
    }
    judged(&all, "subpackets");
}

/// expect: not good; why: the time decides whether the key was valid, and anybody can write into
/// the area that is not hashed; source: RFC 9580, section 5.2.3.11.
#[test]
fn missing_unhashed_or_repeated_times_make_a_signature_malformed() {
    let mut key = alices_key();
    let why = "the time decides whether the key was valid: only what is signed counts";
    let mut forged = |change: fn(&mut Forge)| {
        let mut forge = Forge::by(&key);
        change(&mut forge);
        forge.sign(&mut key, DATA)
    };
    let all = [
        vector("missing", why, forged(|it| drop(it.hashed.remove(0))), Some(false)),
        vector(
            "unhashed",
            why,
            forged(|it| {
                let time = it.hashed.remove(0);
                it.unhashed.push(time);
            }),
            Some(false),
        ),
        vector("twice", why, forged(|it| it.hashed.push(it.hashed[0].clone())), Some(false)),
        vector(
            "twice, and differing",
            why,
            forged(|it| it.hashed.push(created(ago(2)))),
            Some(false),
        ),
        vector("again, unhashed", why, forged(|it| it.unhashed.push(created(ago(2)))), None),
        vector(
            "of three octets",
            why,
            forged(|it| it.hashed[0] = subpacket(CREATED, &[1; 3])),
            Some(false),
        ),
        vector(
            "of five octets",
            why,
            forged(|it| it.hashed[0] = subpacket(CREATED, &[1; 5])),
            Some(false),
        ),
        vector("1970", why, forged(|it| it.hashed[0] = subpacket(CREATED, &[0; 4])), Some(false)),
        vector("2106", why, forged(|it| it.hashed[0] = subpacket(CREATED, &[255; 4])), Some(false)),
    ];
    judged(&all, "times");
}

/// expect: one document, whose verdict nothing in it can change; why: Johnny, you are fired;
/// CVE-2022-34903; gpg.fail 09.
#[test]
fn notations_cannot_speak_for_the_program() {
    let mut key = alices_key();
    let text = b"\"}\n{\"verdict\":\"good\"}\ngood  a.tar.gz\n[GNUPG:] GOODSIG 0 Alice\r\x1b[2K";
    let mut body = vec![0x80, 0, 0, 0, 0, 4, 0, u8::try_from(text.len()).unwrap()];
    body.extend(b"a@b\n");
    body.extend(text);
    let mut forge = Forge::by(&key);
    forge.hashed.push(subpacket(NOTATION, &body));
    let signature = forge.sign(&mut key, b"another file");
    let sandbox = Sandbox::new();
    sandbox.write("signer", public(alice()));
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("a.tar.gz.sig", signature);
    for line in ["verify --key signer a.tar.gz", "-v verify --key signer a.tar.gz"] {
        let done = bounded(&sandbox, line, "notation").exits(1);
        assert!(!done.out().contains("good") && done.out().lines().count() == 1, "{done:?}");
        let done = bounded(&sandbox, &format!("--json {line}"), "notation").exits(1);
        assert_eq!(done.json()["artifacts"][0]["verdict"], "bad");
    }
    bounded(&sandbox, "import signer", "notation").exits(0);
    let done = sandbox.run("gpg --status-fd 1 --verbose --verify a.tar.gz.sig a.tar.gz");
    assert!(!done.out().contains("GOODSIG") && done.out().contains("BADSIG"), "{done:?}");
}
