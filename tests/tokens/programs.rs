//! git, rpmsign and the other acts with a key in a token.

use crate::common::peers::peer;
use crate::common::sandbox::Sandbox;
use crate::tokens::token::{Desk, PIN};

/// A desk where gpg is plugsign, with a token's key whose PIN is in the environment.
fn in_place_of_gpg() -> Option<Desk> {
    let mut desk = Desk::at(Sandbox::in_place_of_gpg())?;
    desk.sandbox.set("PLUGSIGN_PASSPHRASE", PIN);
    desk.sandbox.set(
        "PLUGSIGN_TOKEN_COMMAND",
        format!("p11-kit remote --provider {} pkcs11:", desk.module.display()),
    );
    desk.sandbox.set("PLUGSIGN_HOME", desk.sandbox.at("g/plugsign"));
    desk.keygen();
    Some(desk)
}

#[test]
fn git_signs_commits_with_a_token() {
    if peer("git").is_none() {
        return;
    }
    let Some(desk) = in_place_of_gpg() else { return };
    desk.sandbox.must(
        "git init -q . && git config user.name Acme && git config user.email r@acme.test
         git config gpg.program gpg && git config user.signingkey 'pkcs11:token=X;object=release'
         git commit -q -S --allow-empty -m one && git tag -s v1 -m one",
    );
    desk.sandbox.must("plugsign export Acme -o c.pgp && plugsign trust add c.pgp");
    desk.sandbox.must("git verify-commit HEAD && git verify-tag v1");
}

#[test]
fn rpmsign_signs_with_a_token() {
    for program in ["rpmbuild", "rpmsign", "rpmkeys"] {
        if peer(program).is_none() {
            return;
        }
    }
    let Some(desk) = in_place_of_gpg() else { return };
    let s = &desk.sandbox;
    s.write("acme.spec", "Name: acme\nVersion: 1\nRelease: 1\nSummary: A test\nLicense: MIT\nBuildArch: noarch\n%description\nA test\n%files\n");
    s.must("rpmbuild --quiet --define \"_topdir $PWD\" -bb acme.spec && cp RPMS/noarch/acme-1-1.noarch.rpm acme.rpm");
    s.must("rpmsign --define \"__gpg $(command -v gpg)\" --define '_gpg_name pkcs11:token=X;object=release' --addsign acme.rpm");
    s.must(
        "gpg --armor --export > key.asc && mkdir db && rpmkeys --dbpath $PWD/db --import key.asc",
    );
    let said = s.must("rpmkeys --dbpath $PWD/db --checksig --verbose acme.rpm");
    assert!(said.out().contains("OK") && !said.out().contains("NOKEY"), "{}", said.shown());
}

#[test]
fn debsign_signs_with_a_token() {
    if peer("debsign").is_none() {
        return;
    }
    let Some(desk) = in_place_of_gpg() else { return };
    let changes = "Format: 1.8\nDate: Sun, 22 Nov 2026 00:00:00 +0000\nSource: acme\n\
        Architecture: source\nVersion: 1\nDistribution: unstable\n\
        Maintainer: Acme Release <r@acme.test>\nChanges: none\nFiles:\n";
    desk.sandbox.write("acme_1_source.changes", changes);
    desk.sandbox.must("debsign --no-conf '-kpkcs11:token=X;object=release' acme_1_source.changes");
    desk.sandbox.must("gpg --verify acme_1_source.changes");
}

#[test]
fn gpgs_command_line_signs_and_says_a_wrong_pin() {
    let Some(desk) = in_place_of_gpg() else { return };
    let s = &desk.sandbox;
    s.write("file", "content");
    let signed = s.must("gpg --status-fd 1 -u 'pkcs11:token=X;object=release' --detach-sign file");
    assert!(signed.out().contains("SIG_CREATED D 1 8 00"), "{}", signed.shown());
    s.must("gpg --verify file.sig");
    s.must("gpg -u 'pkcs11:token=X' --clearsign file && gpg --verify file.asc");
    let wrong = s.sh_with(
        "gpg -u 'pkcs11:token=X' --detach-sign -o other.sig file",
        &[("PLUGSIGN_PASSPHRASE", "0000-pin")],
    );
    assert_eq!(wrong.code(), Some(2), "{}", wrong.shown());
    assert!(wrong.err().contains("wrong PIN for the token X"), "{}", wrong.shown());
    assert!(wrong.err().contains("signing failed: Bad PIN"), "{}", wrong.shown());
}

#[test]
fn every_act_that_signs_takes_a_tokens_key() {
    let Some(desk) = Desk::with_key() else { return };
    let s = &desk.sandbox;
    let uri = desk.uri("release");
    s.write("notes.txt", "a text\n");
    desk.sign(&["--cleartext", "notes.txt"]).exits(0);
    desk.release(2);
    desk.sign(&["--checksums", "dist"]).exits(0);
    desk.all_good();
    s.run("verify --key cert.asc notes.txt.asc").exits(0);
    let health = desk.run(&["doctor", "--key", &uri], &[]).exits(0);
    health.prints("from the token").prints("signed and verified");
    s.call(["keygen", "--name", "New Acme", "--no-passphrase"]).run().exits(0);
    let announce = ["announce", "New", "--replaces", &uri, "--out", "told"];
    desk.run(&announce, &[]).exits(0);
    s.run("verify --key cert.asc told/ROTATION.md").exits(0);
    // With a key of the home beside it.
    let both = ["sign", "--key", &uri, "--key", "New", "--force", "dist"];
    desk.run(&both, &[]).exits(0);
    assert_eq!(desk.signatures().len(), 2 * 2 + 1);
}
