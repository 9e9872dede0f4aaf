//! `plugsign sopv`: the verification subset of the Stateless OpenPGP CLI.

use std::os::unix::fs::symlink;

use crate::common::sandbox::{PROGRAM, Sandbox};

/// A key, its certificate in two forms, a file with a signature, and a signed text.
fn desk() -> (Sandbox, String) {
    let sandbox = Sandbox::for_scripts();
    symlink(PROGRAM, sandbox.at("bin/sopv")).unwrap();
    let key = sandbox.acme_key(&["--no-passphrase"]);
    sandbox.run("keygen -q --name Other --email o@x.test --no-passphrase").exits(0);
    sandbox.write("data", b"a release archive");
    sandbox.write("text", b"one\n- two\n");
    sandbox.must(&format!(
        "plugsign export {key} -o cert; plugsign export {key} -a -o cert.asc; \
         plugsign export o@x.test -o other; \
         plugsign sign -q -u {key} data; plugsign sign -q -u {key} -a data; \
         plugsign sign -q -u {key} --cleartext text"
    ));
    (sandbox, key)
}

#[test]
fn signatures_are_verified_and_told_as_the_specification_says() {
    let (sandbox, key) = desk();
    let line = |mode: &str, certs: &str| {
        format!(" {key} {key} mode:{mode} {{\"signers\":[\"{certs}\"]}}\n")
    };
    for certs in ["cert", "cert.asc"] {
        for program in ["sopv", "plugsign sopv", "sopv --debug"] {
            let done = sandbox.must(&format!("{program} verify data.sig {certs} < data"));
            assert_eq!(&done.out()["2026-11-01T00:00:00Z".len()..], line("binary", certs));
        }
    }
    sandbox.must("sopv verify data.asc other cert < data");
    let done = sandbox.must("sopv inline-verify --verifications-out=out cert < text.asc");
    assert_eq!(done.out(), "one\n- two\n");
    let told = String::from_utf8(sandbox.read("out")).unwrap();
    assert_eq!(&told["2026-11-01T00:00:00Z".len()..], line("text", "cert"));
    let done =
        sandbox.must("sopv inline-verify --verifications-out @FD:3 cert < text.asc 3> three");
    assert_eq!(done.out(), "one\n- two\n");
    let told = String::from_utf8(sandbox.read("three")).unwrap();
    assert_eq!(&told["2026-11-01T00:00:00Z".len()..], line("text", "cert"));
    sandbox.must("sopv verify @FD:3 @FD:4 < data 3< data.sig 4< cert");
    sandbox.must("CERT=$(cat cert.asc) sopv verify data.sig @ENV:CERT < data");
    sandbox
        .must("sopv verify --not-before 2020-10-31 --not-after=2099-11-02 -- data.sig cert < data");
    sandbox.must("sopv verify --not-before - --not-after now data.sig cert < data");
    for (option, says) in [
        ("", "plugsign "),
        ("--extended", "plugsign "),
        ("--backend", "sequoia"),
        ("--sop-spec", "~draft-dkg"),
        ("--sopv", "1.0\n"),
    ] {
        assert!(sandbox.must(&format!("sopv version {option}")).out().starts_with(says));
    }
}

#[test]
fn every_refusal_has_its_code_and_prints_nothing() {
    let (sandbox, _) = desk();
    sandbox.write("evil", b"another archive");
    sandbox.write("@FD:9", b"x");
    sandbox.write("nonsense", b"nonsense");
    sandbox.must("sed s/one/two/ text.asc > evil.asc; cat text.asc text.asc > twice.asc");
    for (line, code) in [
        ("verify data.sig cert < evil", 3),
        ("verify data.sig other < data", 3),
        ("verify --not-after 2020-10-01 data.sig cert < data", 3),
        ("verify --not-before 2099-11-02 data.sig cert < data", 3),
        ("inline-verify cert < evil.asc", 3),
        ("inline-verify other < text.asc", 3),
        ("inline-verify cert < twice.asc", 41),
        ("inline-verify cert < data.asc", 41),
        ("inline-verify cert < nonsense", 41),
        ("verify nonsense cert < data", 41),
        ("verify text.asc cert < data", 41),
        ("verify data.sig nonsense < data", 41),
        ("verify data.sig < data", 19),
        ("verify < data", 19),
        ("inline-verify < text.asc", 19),
        ("verify data.sig cert --not-after < data", 19),
        ("verify --frobnicate data.sig cert < data", 37),
        ("verify --verifications-out=o data.sig cert < data", 37),
        ("verify --not-after=soon data.sig cert < data", 37),
        ("version --frobnicate", 37),
        ("version --sopv --backend", 83),
        ("verify missing cert < data", 61),
        ("verify data.sig missing < data", 61),
        ("verify data.sig @ENV:NOT_THERE < data", 61),
        ("verify data.sig @FD:77 < data", 61),
        ("verify data.sig @HTTP:x < data", 71),
        ("verify data.sig @FD:9 < data", 73),
        ("inline-verify --verifications-out=data cert < text.asc", 59),
        ("sign key < data", 69),
        ("", 69),
    ] {
        let done = sandbox.sh(&format!("sopv {line}"));
        assert_eq!(done.code(), Some(code), "{line}: {}", done.shown());
        assert_eq!(done.out(), "", "{line}");
        assert!(done.err().starts_with("sopv: "), "{line}: {}", done.shown());
    }
    assert_eq!(sandbox.read("data"), b"a release archive");
}

/// gpgme asks gpgconf where gpg is.
#[test]
fn a_link_named_gpgconf_says_where_the_link_named_gpg_is() {
    let sandbox = Sandbox::for_scripts();
    symlink(PROGRAM, sandbox.at("bin/gpgconf")).unwrap();
    let bin = sandbox.at("bin").display().to_string();
    for program in ["gpgconf", "$(command -v gpgconf)"] {
        let done = sandbox.must(&format!("{program} --list-components"));
        assert_eq!(done.out(), format!("gpg:OpenPGP:{bin}/gpg\n"));
    }
    sandbox.must("gpgconf --list-dirs bindir").prints(&bin);
    assert!(sandbox.must("GNUPGHOME=/g:x gpgconf --list-dirs").out().contains("homedir:/g%3ax\n"));
    sandbox.must("gpgconf --version").prints("gpgconf (GnuPG) 2.2.40");
    sandbox.must("gpgconf --kill all").prints_nothing();
    sandbox.sh("gpgconf --list-options gpg").exits(2).says("no settings");
}
