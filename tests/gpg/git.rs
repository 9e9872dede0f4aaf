//! git, with plugsign as its `gpg.program`.

use crate::common::peers::peer;
use crate::common::sandbox::{Done, Sandbox, Who};
use crate::gpg::keys;
use crate::gpg::twins::{GpgKeys, StatusLines};

/// A repository at a desk.
fn repository(desk: &Sandbox, key: &str) {
    desk.must(&format!(
        "git init -q . && git config user.name Acme && git config user.email r@acme.test
         git config gpg.program gpg && git config user.signingkey {key} && git config commit.gpgsign true"
    ));
}

/// What git makes of the last commit: %G? and %GS %GK %GF %GP %GT.
fn told(desk: &Sandbox, commit: &str) -> String {
    let line = format!("git log -1 --format='%G?|%GS|%GK|%GF|%GP|%GT' {commit}");
    desk.must(&line).out().trim().to_string()
}

fn pair() -> Option<(Sandbox, Sandbox)> {
    peer("git")?;
    Some((Sandbox::in_place_of_gpg(), Sandbox::of_gpg()?))
}

#[test]
fn commits_and_tags_are_signed_and_verified() {
    let Some((ours, theirs)) = pair() else { return };
    for desk in [&ours, &theirs] {
        let key = desk.gpg_key("Acme <r@acme.test>");
        repository(desk, &key);
        desk.must("echo one > file && git add file && git commit -qm one");
        desk.must("git verify-commit HEAD");
        let shown = desk.must("git log --show-signature -1");
        assert!(shown.out().contains("Good signature from \"Acme <r@acme.test>\" [ultimate]"));
        assert_eq!(
            told(desk, "HEAD"),
            format!("G|Acme <r@acme.test>|{}|{key}|{key}|ultimate", &key[24..])
        );
        desk.must("git tag -s v1 -m 'version one' && git verify-tag v1 && git tag -v v1");
        // %G? of a signature over another commit.
        desk.must(
            "git cat-file commit HEAD | sed 's/^one$/two/' > other
             git update-ref refs/heads/bad $(git hash-object -t commit -w other)",
        );
        assert_eq!(told(desk, "bad").split('|').next(), Some("B"));
        assert_ne!(desk.sh("git verify-commit bad").exit(), 0);
    }
    // Each verifies what the other signed.
    for (from, to) in [(&ours, &theirs), (&theirs, &ours)] {
        to.gpg_import(&from.must("gpg --export").stdout);
        to.must(&format!(
            "git fetch -q {} v1 && git verify-tag FETCH_HEAD",
            from.at("work").display()
        ));
        assert!(told(to, "FETCH_HEAD^{commit}").starts_with("U|"), "{:?}", to.who);
    }
}

#[test]
fn gits_status_letters_are_the_same_as_with_gpg() {
    let Some((ours, theirs)) = pair() else { return };
    // A commit whose payload is what the cases' signatures are over cannot be made; git asks gpg
    // about any signature, so a gpg is enough that verifies what the case is about.
    let verdicts = |desk: &Sandbox| -> Vec<(String, String)> {
        let key = desk.gpg_key("Acme <r@acme.test>");
        repository(desk, &key);
        desk.must("git commit -q --allow-empty -m one");
        let mut letters = vec![("good".to_string(), told(desk, "HEAD"))];
        for case in keys::over() {
            desk.write("case.sig", &case.signature);
            desk.write("case.data", keys::CONTENT);
            desk.gpg_import(&case.certificate);
            desk.must(&format!("printf '%s\\n' '#!/bin/sh' 'exec \"{}\" --status-fd=1 --verify case.sig case.data' > asked && chmod +x asked",
                real(desk)));
            let line = "git -c gpg.program=./asked log -1 --format='%G?|%GS|%GK|%GF' HEAD";
            let letter = desk.must(line).out().trim().to_string();
            letters.push((case.name.to_string(), letter));
        }
        letters
    };
    let (a, b) = (verdicts(&ours), verdicts(&theirs));
    let letters = |list: &[(String, String)]| {
        list.iter().map(|(_, told)| told.split('|').next().unwrap().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(letters(&a), ["G", "Y", "R", "X"], "{a:?}");
    assert_eq!(a[1..], b[1..]);
    assert_eq!(letters(&a), letters(&b));
}

fn real(desk: &Sandbox) -> String {
    match desk.who {
        Who::Plugsign => desk.at("bin/gpg").display().to_string(),
        Who::Gpg => peer("gpg").unwrap().display().to_string(),
    }
}

#[test]
fn git_shows_e_for_an_unknown_key_and_n_for_no_signature() {
    let Some((ours, theirs)) = pair() else { return };
    let key = theirs.gpg_key("Acme <r@acme.test>");
    repository(&theirs, &key);
    theirs.must("git commit -q --allow-empty -m one");
    ours.must(&format!("git clone -q {} copy", theirs.at("work").display()));
    let letter = |said: Done| said.out().trim().to_string();
    let line = "git -C copy -c gpg.program=gpg log -1 --format='%G?|%GK'";
    assert_eq!(letter(ours.must(line)), format!("E|{}", &key[24..]));
    assert_ne!(ours.sh("git -C copy verify-commit HEAD").exit(), 0);
    ours.must("git -C copy -c user.name=A -c user.email=a@x commit -q --allow-empty -m two");
    assert_eq!(letter(ours.must(line)), "N|");
}

#[test]
fn without_a_key_or_a_passphrase_nothing_is_committed() {
    let Some((ours, _)) = pair() else { return };
    repository(&ours, "nobody@acme.test");
    let said = ours.sh("git commit -q --allow-empty -m one");
    assert_ne!(said.exit(), 0);
    assert!(said.err().contains("no key matches"), "{}", said.shown());
    ours.write("pass", "secret words");
    ours.must("gpg --batch --passphrase-file pass --quick-generate-key 'Acme <nobody@acme.test>' rsa3072 sign 0");
    let said = ours.sh("git commit -q --allow-empty -m one");
    assert_ne!(said.exit(), 0);
    assert!(said.err().contains("PLUGSIGN_PASSPHRASE"), "{}", said.shown());
    ours.must("PLUGSIGN_PASSPHRASE='secret words' git commit -q --allow-empty -m one && git verify-commit HEAD");
}
