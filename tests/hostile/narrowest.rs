//! Ends and purposes that one part of a certificate narrows and another does not: the narrowest of
//! what the newest self-signatures say counts.

use std::time::SystemTime;

use openpgp::Cert;
use openpgp::packet::UserID;
use openpgp::packet::key::SubordinateRole;
use openpgp::serialize::MarshalInto;
use openpgp::types::{HashAlgorithm, KeyFlags};
use sequoia_openpgp as openpgp;

use crate::common::craft::*;
use crate::common::sandbox::Sandbox;
use crate::hostile::bounded::{bounded, told};

const KEY_EXPIRES: u8 = 9;
const FLAGS: u8 = 27;

/// A statement by Alice about herself, so many days ago.
fn says(kind: u8, days: u32, about: &[u8], change: impl FnOnce(&mut Forge)) -> Vec<u8> {
    let mut key = alices_key();
    let mut forge = Forge::at(&key, ago(days));
    forge.kind = kind;
    change(&mut forge);
    forge.sign(&mut key, about)
}

/// So many seconds after Alice's key was made, ten days ago.
fn lasts(days: u32) -> Vec<u8> {
    subpacket(KEY_EXPIRES, &(days * 86_400).to_be_bytes())
}

fn flags(octet: u8) -> Vec<u8> {
    subpacket(FLAGS, &[octet])
}

fn alices_user_id() -> Vec<u8> {
    alice().userids().next().unwrap().userid().value().to_vec()
}

fn about_user(user_id: &[u8]) -> Vec<u8> {
    [about(alice().primary_key().key()), about_user_id(user_id)].concat()
}

fn user_id_packet(user_id: &[u8]) -> Vec<u8> {
    openpgp::Packet::from(UserID::from(user_id)).to_vec().unwrap()
}

/// A certificate's packets with more of them behind.
fn followed(cert: &Cert, more: &[u8]) -> Vec<u8> {
    [&public(cert)[..], more].concat()
}

/// Judges one signature natively and by gpg: whether each says good.
fn judged(sandbox: &Sandbox, certificate: &[u8], name: &str) -> (bool, bool, String) {
    sandbox.write("key", certificate);
    let native = bounded(sandbox, "verify --key key a.tar.gz", name);
    let line =
        "gpg --no-default-keyring --keyring ./key --status-fd 1 --verify a.tar.gz.sig a.tar.gz";
    let gpg = bounded(sandbox, line, name);
    let good = gpg.out().contains("GOODSIG");
    (native.code() == Some(0), good, format!("{}{}", native.out(), gpg.out()))
}

fn sandbox_signed_by(key: &mut Pair, time: SystemTime) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("a.tar.gz.sig", Forge::at(key, time).sign(key, DATA));
    sandbox
}

/// expect: not good, from both doors; why: gpg goes by the newer word, or by the other user ID's;
/// source: the interface, "A certificate is read at its narrowest".
#[test]
fn a_statement_that_narrows_a_key_counts_whatever_others_say() {
    let sandbox = sandbox_signed_by(&mut alices_key(), ago(1));
    let user_id = alices_user_id();
    let of_user = about_user(&user_id);
    let other = b"Other <other@example.org>";
    let direct = about(alice().primary_key().key());
    let (weak, past, certify) = (HashAlgorithm::SHA1, lasts(8), flags(1));
    let of_other = |days, change: &dyn Fn(&mut Forge)| {
        let word = says(0x13, days, &about_user(other), change);
        [user_id_packet(other), word].concat()
    };
    let of_picture = |change: &dyn Fn(&mut Forge)| {
        let about = [&direct[..], &[0xD1, 0, 0, 0, 4, 3, 1, 2, 3]].concat();
        [packet(17, &[3, 1, 2, 3]), says(0x13, 2, &about, change)].concat()
    };
    let mut cases: Vec<(String, Vec<u8>)> = Vec::new();
    for hash in [1, 2, 3, 8, 11].map(HashAlgorithm::from) {
        let newer = |more: &Vec<u8>| {
            says(0x13, 2, &of_user, |it| {
                it.hash = hash;
                it.hashed.extend([flags(3), more.clone()]);
            })
        };
        cases.push((format!("a newer word over {hash}, past its end"), newer(&past)));
        let newer = says(0x13, 2, &of_user, |it| {
            it.hash = hash;
            it.hashed.push(certify.clone());
        });
        cases.push((format!("a newer word over {hash}, not for signing"), newer));
    }
    let same = |change: &dyn Fn(&mut Forge)| says(0x13, 2, &of_user, change);
    cases.extend([
        (
            "a newer word over SHA-1 that says the same".into(),
            same(&|it| {
                it.hash = weak;
                it.hashed.push(flags(3));
            }),
        ),
        ("two ends".into(), same(&|it| it.hashed.extend([flags(3), lasts(4000), lasts(8)]))),
        (
            "two ends, the other way round".into(),
            same(&|it| {
                it.hashed.extend([flags(3), lasts(8), lasts(4000)]);
            }),
        ),
        ("an end and none".into(), same(&|it| it.hashed.extend([flags(3), lasts(8), lasts(0)]))),
        ("flags twice".into(), same(&|it| it.hashed.extend([flags(1), flags(3)]))),
        ("flags of no octet".into(), same(&|it| it.hashed.push(subpacket(FLAGS, &[])))),
        (
            "an end that is too short to read".into(),
            same(&|it| {
                it.hashed.extend([flags(3), subpacket(KEY_EXPIRES, &[1, 2, 3])]);
            }),
        ),
        (
            "a newer word that has ended itself".into(),
            same(&|it| {
                it.hashed.extend([flags(3), subpacket(EXPIRES, &[0, 0, 0, 9])]);
            }),
        ),
        (
            "a newer word with an unknown critical subpacket".into(),
            same(&|it| {
                it.hashed.extend([flags(3), subpacket(0x80 | 99, b"x")]);
            }),
        ),
        (
            "an end in a word dated tomorrow".into(),
            same(&|it| {
                it.hashed[0] = created(now() + std::time::Duration::from_secs(86_400));
                it.hashed.extend([flags(3), past.clone()]);
            }),
        ),
        (
            "another user ID's end".into(),
            of_other(2, &|it| {
                it.hashed.extend([flags(3), past.clone()]);
            }),
        ),
        (
            "another user ID's older end".into(),
            of_other(9, &|it| {
                it.hashed.extend([flags(3), past.clone()]);
            }),
        ),
        ("an end after 2106, which gpg counts from 1970".into(), {
            same(&|it| it.hashed.extend([flags(3), subpacket(KEY_EXPIRES, &[0xFF; 4])]))
        }),
        ("a newer word with critical preferences for servers".into(), {
            same(&|it| it.hashed.extend([flags(3), subpacket(0x80 | 23, &[0x80])]))
        }),
        ("a newer word, critical where nothing is signed".into(), {
            same(&|it| {
                it.hashed.extend([flags(1), past.clone()]);
                it.unhashed.push(subpacket(0x80 | 99, b"x"));
            })
        }),
        ("a picture's end".into(), of_picture(&|it| it.hashed.extend([flags(3), past.clone()]))),
        ("a picture's flags".into(), of_picture(&|it| it.hashed.push(certify.clone()))),
        ("another user ID's flags".into(), of_other(9, &|it| it.hashed.push(certify.clone()))),
    ]);
    let mut newer = Forge::at(&alices_key(), ago(2));
    newer.kind = 0x13;
    newer.hashed.extend([flags(3), past.clone()]);
    let above = newer.sign_above(Material::a(), &mut alices_key(), &of_user);
    cases.push(("a newer word whose number is above the modulus".into(), above));
    newer.version = 5;
    let newer = newer.sign(&mut alices_key(), &of_user);
    cases.push(("a newer word of version 5".into(), newer));
    let mut wrong_prefix = same(&|it| it.hashed.extend([flags(3), past.clone()]));
    let place = wrong_prefix.len() - 384 - 2 - 1;
    wrong_prefix[place] ^= 0xFF;
    cases.push(("a newer word with a wrong digest prefix".into(), wrong_prefix));
    for (name, more) in
        [("the key's own flags", certify.clone()), ("the key's own end", past.clone())]
    {
        let word = says(0x1F, 9, &direct, |it| it.hashed.push(more));
        cases.push((name.into(), word));
    }
    let (clean, by_gpg, said) = judged(&sandbox, &public(alice()), "clean");
    assert!(clean && by_gpg, "{said}");
    for (name, more) in &cases {
        // A direct-key signature stands behind the primary key.
        let place = if name.starts_with("the key's own") { 1 } else { usize::MAX };
        let certificate = with_packet(alice(), more, place);
        let (native, gpg, said) = judged(&sandbox, &certificate, name);
        assert!(!native && !gpg, "{name}: {said}");
    }
    told(&format!("{} words that narrow a key", cases.len()));
}

/// expect: not good, from both doors; why and source as above.
#[test]
fn a_statement_that_narrows_a_subkey_counts_whatever_its_hash() {
    let how = Binding { flags: KeyFlags::empty().set_signing(), back_signature: true };
    let cert = with_subkey(alice().clone(), &mut alices_key(), Material::strong(), &how);
    let mut signer = Material::strong().signer(ago(9));
    let sandbox = sandbox_signed_by(&mut signer, ago(1));
    let subkey = Material::strong().key::<SubordinateRole>(ago(9));
    let subject = [about(cert.primary_key().key()), about(&subkey)].concat();
    let (clean, by_gpg, said) = judged(&sandbox, &public(&cert), "clean");
    assert!(clean && by_gpg, "{said}");
    let mut count = 0;
    for hash in [1, 2, 3, 8, 11].map(HashAlgorithm::from) {
        for (what, more) in [
            ("past its end", vec![flags(2), lasts(7)]),
            ("for encryption", vec![flags(12)]),
            ("ended itself", vec![flags(2), subpacket(EXPIRES, &[0, 0, 0, 9])]),
            ("without the subkey's signature", vec![flags(2)]),
        ] {
            let word = says(0x18, 2, &subject, |it| {
                it.hash = hash;
                it.hashed.extend(more);
            });
            let name = format!("{hash}, {what}");
            let (native, gpg, said) = judged(&sandbox, &followed(&cert, &word), &name);
            assert!(!native && !gpg, "{name}: {said}");
            count += 1;
        }
    }
    let back = |by: &mut Pair, change: &dyn Fn(&mut Forge)| {
        let mut forge = Forge::at(by, ago(2));
        forge.kind = 0x19;
        change(&mut forge);
        let body = forge.sign(by, &subject).split_off(6);
        let length = u32::try_from(body.len() + 1).unwrap().to_be_bytes();
        [&[255][..], &length, &[32], &body].concat()
    };
    let plain = back(&mut signer, &|_| {});
    for (name, backs) in [
        ("a stranger's signature", vec![back(&mut bobs_key(), &|_| {})]),
        ("a stranger's before the subkey's", vec![back(&mut bobs_key(), &|_| {}), plain.clone()]),
        ("critical", vec![back(&mut signer, &|it| it.hashed.push(subpacket(0x80 | 23, &[0x80])))]),
        ("critical, not signed", {
            vec![back(&mut signer, &|it| it.unhashed.push(subpacket(0x80 | 99, b"x")))]
        }),
        ("older than the subkey", vec![back(&mut signer, &|it| it.hashed[0] = created(ago(500)))]),
        ("over MD5", vec![back(&mut signer, &|it| it.hash = HashAlgorithm::MD5)]),
    ] {
        let word = says(0x18, 2, &subject, |it| {
            it.hashed.push(flags(2));
            it.unhashed = backs;
        });
        let (native, gpg, said) = judged(&sandbox, &followed(&cert, &word), name);
        assert!(!native && !gpg, "{name}: {said}");
        count += 1;
    }
    let word = says(0x18, 2, &subject, |it| {
        it.hashed.push(flags(2));
        it.unhashed.push(plain);
    });
    let (native, gpg, said) = judged(&sandbox, &followed(&cert, &word), "bound anew");
    assert!(native && gpg, "{said}");
    told(&format!("{count} words that narrow a subkey"));
}

/// expect: good; why: what is revoked, older or of a photograph says nothing any more; source:
/// as above, "of each user ID that is not revoked", "the newest".
#[test]
fn a_statement_that_was_replaced_narrows_nothing() {
    let sandbox = sandbox_signed_by(&mut alices_key(), ago(1));
    let user_id = alices_user_id();
    let other = b"Other <other@example.org>";
    let (past, of_other) = (lasts(8), about_user(other));
    let ended = says(0x13, 9, &of_other, |it| it.hashed.extend([flags(3), past.clone()]));
    let revoked = says(0x30, 5, &of_other, |_| {});
    let extended = says(0x13, 5, &of_other, |it| it.hashed.push(flags(3)));
    let older = says(0x13, 10, &about_user(&user_id), |it| {
        it.hashed[0] = created(ago(10) - std::time::Duration::from_secs(9));
        it.hashed.extend([flags(1), past.clone()]);
    });
    let weak_alone = says(0x13, 9, &of_other, |it| {
        it.hash = HashAlgorithm::SHA1;
        it.hashed.push(flags(3));
    });
    let newest = says(0x13, 1, &about_user(&user_id), |it| it.hashed.push(flags(3)));
    for (name, more) in [
        ("a revoked user ID", [user_id_packet(other), ended.clone(), revoked].concat()),
        ("an end that was put off", [user_id_packet(other), ended, extended].concat()),
        (
            "another user ID's word over SHA-1, older than the newest",
            [newest, user_id_packet(other), weak_alone].concat(),
        ),
    ] {
        let (native, gpg, said) = judged(&sandbox, &followed(alice(), &more), name);
        assert!(native && gpg, "{name}: {said}");
    }
    // The server goes by the word that stands last, whatever its date.
    let (_, gpg, said) = judged(&sandbox, &followed(alice(), &older), "an older word");
    assert!(gpg, "an older word: {said}");
}

/// expect: malformed; why: one program goes by the first, another by the last, and gpgv refuses
/// what it must understand and does not; source: RFC 9580, section 5.2.3.7 and 5.2.3.10.
#[test]
fn repeated_or_unknown_subpackets_make_a_signature_malformed() {
    let end = |days: u32| subpacket(EXPIRES, &(days * 86_400).to_be_bytes());
    let mut cases: Vec<(&str, Forge)> = Vec::new();
    let mut add = |name, change: &dyn Fn(&mut Forge)| {
        let mut forge = Forge::at(&alices_key(), ago(1));
        change(&mut forge);
        cases.push((name, forge));
    };
    add("two ends, the longer last", &|it| it.hashed.extend([end(1), end(5000)]));
    add("two ends, the longer first", &|it| it.hashed.extend([end(5000), end(1)]));
    add("an unknown critical subpacket, not signed", &|it| {
        it.unhashed.push(subpacket(0x80 | 99, b"x"));
    });
    add("a stranger's key ID, signed", &|it| {
        it.hashed[1..3].fill(subpacket(ISSUER, b"somebody"));
        it.unhashed.push(issuer(&alices_key()));
    });
    // gpg has its own list of what it handles: preferences for servers, a user ID, recipients, the
    // attested, and notations, regular expressions and targets that it only reads if they are not
    // critical.
    for tag in [23, 28, 35, 37, 99] {
        add("critical and signed", &|it| it.hashed.push(subpacket(0x80 | tag, b"\x80")));
    }
    for tag in [10, 20, 31, 34, 37, 39] {
        let odd = [&[0x80, 0, 0, 0, 0, 3, 0, 1][..], b"a@bx"].concat();
        add("critical, not signed", &|it| it.unhashed.push(subpacket(0x80 | tag, &odd)));
    }
    let sandbox = Sandbox::new();
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("key", public(alice()));
    for (name, forge) in cases {
        sandbox.write("a.tar.gz.sig", forge.sign(&mut alices_key(), DATA));
        let done = bounded(&sandbox, "verify --key key a.tar.gz", name).exits(1);
        assert!(done.out().contains("malformed"), "{name}: {done:?}");
        let line =
            "gpg --no-default-keyring --keyring ./key --status-fd 1 --verify a.tar.gz.sig a.tar.gz";
        let done = bounded(&sandbox, line, name);
        let is_none = ["ERRSIG", "NODATA"].iter().any(|word| done.out().contains(word));
        assert!(is_none && !done.out().contains("GOODSIG"), "{name}: {done:?}");
    }
}
