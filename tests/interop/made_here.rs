//! Keys that are made here, elsewhere.

use std::ffi::OsStr;
use std::fs;
use std::process::Command;
use std::sync::OnceLock;

use crate::common::peers::{peer, rpgp};
use crate::common::sandbox::{Done, PASSPHRASE, Sandbox};
use crate::interop::gpg::Gpg;
use crate::interop::judges;
use crate::interop::packet::{packets, signature_fields};

const DATA: &[u8] = b"a release";

/// A way to make a key, and what gpg's colon listing says of its primary key.
struct Plan {
    options: &'static [&'static str],
    bits: &'static str,
    subkeys: usize,
    expires: bool,
}

impl Plan {
    fn protected(&self) -> bool {
        !self.options.contains(&"--no-passphrase")
    }
}

const PLANS: [Plan; 5] = [
    Plan { options: &[], bits: "3072", subkeys: 0, expires: false },
    Plan { options: &["--kind", "rsa-rsa"], bits: "3072", subkeys: 1, expires: false },
    Plan {
        options: &["--kind", "sign", "--bits", "4096", "--expires", "2y"],
        bits: "4096",
        subkeys: 0,
        expires: true,
    },
    Plan {
        options: &["--kind", "rsa-rsa", "--bits", "4096", "--no-passphrase"],
        bits: "4096",
        subkeys: 1,
        expires: false,
    },
    Plan {
        options: &["--kind", "rsa-rsa", "--no-passphrase", "--expires", "30"],
        bits: "3072",
        subkeys: 1,
        expires: true,
    },
];

/// Makes the key of a plan, once, and returns its fingerprint and what `export --secret` gives.
fn made(plan: &Plan) -> &'static (String, Vec<u8>) {
    static MADE: [OnceLock<(String, Vec<u8>)>; PLANS.len()] = [const { OnceLock::new() }; 5];
    let place = PLANS.iter().position(|it| it.options == plan.options).unwrap();
    MADE[place].get_or_init(|| {
        let plugsign = Sandbox::with_passphrase();
        let fingerprint = plugsign.acme_key(plan.options);
        let mut arguments = vec!["export", &fingerprint, "--secret"];
        if !plan.protected() {
            arguments.push("--unprotected");
        }
        let secret = plugsign.call(arguments).run().exits(0).stdout;
        (fingerprint, secret)
    })
}

/// Runs a check for each plan, with a home that has the key made by it.
fn for_each_plan(check: impl Fn(&Plan, &Sandbox, &str)) {
    for plan in &PLANS {
        let (fingerprint, secret) = made(plan);
        let plugsign = Sandbox::with_passphrase();
        let options: &[&str] = if plan.protected() { &[] } else { &["--no-passphrase"] };
        assert_eq!(plugsign.import_with(secret, options), *fingerprint);
        check(plan, &plugsign, fingerprint);
    }
}

#[test]
fn gpg_shows_and_imports_the_certificate_binary_and_armored() {
    for_each_plan(|plan, plugsign, fingerprint| {
        let Some(gpg) = Gpg::new() else { return };
        for armor in [&[][..], &["--armor"]] {
            let file = plugsign.path(format!("certificate{}", armor.len()));
            let mut arguments = vec!["export", fingerprint, "-o", file.to_str().unwrap()];
            arguments.extend(armor);
            plugsign.call(arguments).run().exits(0);
            let shown = gpg.text(&["--with-colons", "--show-keys", file.to_str().unwrap()]);
            let lines: Vec<Vec<&str>> =
                shown.lines().map(|line| line.split(':').collect()).collect();
            let primary = lines.iter().find(|line| line[0] == "pub").unwrap();
            assert_eq!((primary[2], primary[3]), (plan.bits, "1"), "{shown}");
            assert_eq!(!primary[6].is_empty(), plan.expires, "{shown}");
            assert!(primary[11].starts_with("sc"), "{shown}");
            let subkeys: Vec<_> = lines.iter().filter(|line| line[0] == "sub").collect();
            assert_eq!(subkeys.len(), plan.subkeys, "{shown}");
            assert!(subkeys.iter().all(|subkey| subkey[2] == plan.bits && subkey[11] == "e"));
            assert!(shown.contains(&format!(":{fingerprint}:")), "{shown}");
            assert!(shown.contains(":Acme Release <r@acme.test>:"), "{shown}");
            gpg.import(&fs::read(&file).unwrap());
        }
        assert_eq!(gpg.fingerprint(), fingerprint);
        let status = gpg.text(&["--with-colons", "--check-signatures"]);
        let good = status.lines().filter(|line| line.starts_with("sig:!:")).count();
        assert_eq!(good, 1 + plan.subkeys, "{status}");
    });
}

#[test]
fn gpg_signs_with_the_exported_secret_key_and_the_signature_is_good_here() {
    for_each_plan(|plan, plugsign, fingerprint| {
        let mut arguments = vec!["export", fingerprint, "--secret", "--armor"];
        if !plan.protected() {
            arguments.push("--unprotected");
        }
        let secret = plugsign.call(arguments).run().exits(0).stdout;
        let Some(gpg) = Gpg::with(&secret) else { return };
        let file = plugsign.write("release.tar", DATA);
        let signature = gpg.sign(&file, &["--digest-algo", "SHA256"]);
        plugsign.write("release.tar.sig", &signature);
        let said = plugsign.call([OsStr::new("verify"), file.as_os_str()]).run().exits(0);
        assert!(said.out().starts_with("good "), "{said:?}");
    });
}

#[test]
fn gpg_needs_the_passphrase_of_a_protected_key() {
    let plugsign = Sandbox::with_passphrase();
    let fingerprint = plugsign.acme_key(&[]);
    let secret = plugsign.call(["export", &fingerprint, "--secret"]).run().exits(0).stdout;
    let Some(gpg) = Gpg::with(&secret) else { return };
    let file = plugsign.write("release.tar", DATA);
    let output = gpg.path("none");
    let (output, data) = (output.to_str().unwrap(), file.to_str().unwrap());
    gpg.forget_passphrases();
    let sign = ["--passphrase-fd", "0", "-o", output, "--detach-sign", data];
    let said = gpg.run_with(&sign, "wrong\n");
    assert_ne!(said.code(), Some(0), "{said:?}");
    assert!(said.err().contains("Bad passphrase"), "{said:?}");
    assert!(!gpg.sign(&file, &[]).is_empty(), "{PASSPHRASE} unlocks it");
}

#[test]
fn go_sqv_gpgv_and_rpgp_accept_signatures_of_every_kind_of_key() {
    for_each_plan(|_, plugsign, fingerprint| {
        let file = plugsign.write("release.tar", DATA);
        let signature = plugsign.sign(&file);
        let certificate = plugsign.certificate(fingerprint);
        judges::all_accept(&certificate, &signature, DATA);
        let armored = plugsign.call(["export", "--armor", fingerprint]).run().exits(0).stdout;
        plugsign.call([OsStr::new("sign"), OsStr::new("--armor"), file.as_os_str()]).run().exits(0);
        let armored_signature = fs::read(plugsign.path("release.tar.asc")).unwrap();
        judges::go(&armored, &armored_signature, DATA).unwrap();
        judges::rpgp(&armored, &armored_signature, DATA).unwrap();
        judges::all_accept(&certificate, &armored_signature, DATA);
    });
}

#[test]
fn sq_inspects_the_certificate_and_finds_a_key_that_signs() {
    let Some(sq) = peer("sq") else { return };
    for_each_plan(|plan, plugsign, fingerprint| {
        let file = plugsign.write("certificate", plugsign.certificate(fingerprint));
        let said: Done = Command::new(&sq).arg("inspect").arg(&file).output().unwrap().into();
        assert_eq!(said.code(), Some(0), "{said:?}");
        for words in [fingerprint, &format!("{} bits", plan.bits), "signing"] {
            assert!(said.out().contains(words), "{words}: {said:?}");
        }
        assert!(!said.out().contains("nvalid"), "{said:?}");
    });
}

#[test]
fn rpgp_reads_version_4_rsa_keys_with_the_exponent_65537() {
    let Some(rpgp) = rpgp() else { return };
    for_each_plan(|plan, plugsign, fingerprint| {
        let said = rpgp.describe_all([&plugsign.certificate(fingerprint)[..]]);
        let (rsa, ends) = ("V4 RSA e=65537", if plan.expires { " expires" } else { "" });
        let mut expected = format!("{fingerprint} {rsa}; user ID, SHA256 certify sign{ends}");
        for _ in 0..plan.subkeys {
            expected +=
                &format!("; subkey {rsa}, SHA256 encrypt-communications encrypt-storage{ends}");
        }
        assert_eq!(said, [expected]);
    });
}

#[test]
fn every_byte_of_a_key_packet_is_as_it_should_be() {
    for_each_plan(|plan, plugsign, fingerprint| {
        let certificate = plugsign.certificate(fingerprint);
        let packets = packets(&certificate);
        let tags: Vec<u8> = packets.iter().map(|(tag, _)| *tag).collect();
        let expected: &[u8] = if plan.subkeys == 0 { &[6, 13, 2] } else { &[6, 13, 2, 14, 2] };
        assert_eq!(tags, expected);
        let octets = plan.bits.parse::<usize>().unwrap() / 8;
        for (tag, body) in &packets {
            match tag {
                6 | 14 => {
                    assert_eq!((body[0], body[5]), (4, 1), "version 4, RSA");
                    assert_eq!(usize::from(u16::from_be_bytes([body[6], body[7]])), octets * 8);
                    assert_eq!(body[8 + octets..], [0, 17, 1, 0, 1], "e = 65537");
                }
                2 => {
                    let fields = signature_fields(body);
                    assert_eq!((fields.version, fields.algorithm, fields.hash), (4, 1, 8));
                    let kind = if fields.kind == 0x18 { 0x18 } else { 0x13 };
                    assert_eq!(fields.kind, kind);
                    let flags = fields.hashed.iter().find(|it| it.kind == 27).unwrap();
                    assert_eq!(flags.body, [if kind == 0x18 { 0x0C } else { 0x03 }]);
                }
                _ => assert_eq!(body, b"Acme Release <r@acme.test>"),
            }
        }
    });
}

#[test]
fn gpg_takes_the_revocation_certificate_and_the_key_is_revoked() {
    let plugsign = Sandbox::with_passphrase();
    let fingerprint = plugsign.acme_key(&[]);
    let Some(gpg) = Gpg::with(&plugsign.certificate(&fingerprint)) else { return };
    let revocation = plugsign.path(format!("home/revocations/{fingerprint}.asc"));
    let guarded = fs::read_to_string(revocation).unwrap();
    let file = gpg.path("guarded");
    fs::write(&file, &guarded).unwrap();
    assert_eq!(gpg.run(&["--import", file.to_str().unwrap()]).code(), Some(2), "not by mistake");
    assert!(guarded.contains("\n:-----BEGIN PGP "), "{guarded}");
    gpg.import(guarded.replace("\n:-----", "\n-----").as_bytes());
    let listing = gpg.text(&["--with-colons", "--list-keys"]);
    assert!(listing.lines().any(|line| line.starts_with("pub:r:")), "{listing}");
}
