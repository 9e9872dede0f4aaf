//! Keys deleted by gpg's command lines, beside gpg itself.

use crate::common::person::Person;
use crate::gpg::twins::{GpgKeys, Twins};

#[test]
fn keys_are_deleted_and_stay_as_with_gpg() {
    let Some(twins) = Twins::new() else { return };
    let key = &twins.fingerprint;
    let gpg = "gpg --batch --status-fd 1";
    let certificate = twins.ours.must("gpg --batch --export").stdout;
    for line in [
        "--delete-keys KEY",
        "--yes --delete-keys KEY",
        "--yes --delete-keys r@acme.test",
        "--yes --delete-secret-keys r@acme.test",
        "--yes --delete-secret-and-public-key r@acme.test",
        "--yes --delete-secret-keys nobody",
        "--yes --delete-keys nobody KEY",
        "--yes --delete-keys",
        "--yes --delete-secret-keys KEY",
        "--yes --delete-secret-keys KEY",
        "--delete-keys r@acme.test",
        "--yes --delete-keys r@acme.test",
        "--yes --delete-keys KEY",
    ] {
        twins.same(&format!("{gpg} {}", line.replace("KEY", key)));
        twins.same("gpg --batch --list-keys Acme >/dev/null 2>&1");
        twins.same("gpg --batch --list-secret-keys Acme >/dev/null 2>&1");
    }
    assert!(twins.ours.names("../g/plugsign/keys").is_empty());
    twins.ours.write("certificate", &certificate);
    twins.ours.must("plugsign --home ../g/plugsign trust add certificate");
    let said = twins.ours.sh(&format!("{gpg} --yes --delete-keys {key}")).exits(2);
    said.says("remove certificate");
    // A whole key at once. What gpg leaves to its agent's dialog is refused.
    let other = twins.ours.gpg_key("Other <o@acme.test>");
    let said = twins.ours.sh(&format!("{gpg} --delete-secret-and-public-key {other}")).exits(2);
    said.says("without \"--yes\"");
    twins.ours.must(&format!("{gpg} --yes --delete-secret-and-public-key {other}"));
    twins.ours.sh("gpg --batch -K o@acme.test").exits(2);
    assert_eq!(twins.ours.names("../g/plugsign/certificates"), [] as [&str; 0]);
    let kept = twins.ours.names("../g/plugsign/revocations");
    assert_eq!(kept, [format!("{other}.asc")]);
}

#[test]
fn several_keys_and_subkeys_are_never_deleted_by_one_name() {
    let Some(twins) = Twins::new() else { return };
    let desk = &twins.ours;
    let other = desk.gpg_key("Other <o@acme.test>");
    let gpg = "gpg --batch --yes --status-fd 1";
    let said = desk.sh(&format!("{gpg} --delete-secret-keys acme.test")).exits(2);
    assert!(said.out().contains("[GNUPG:] DELETE_PROBLEM 3"), "{}", said.shown());
    desk.must(&format!("gpg --batch --quick-add-key {other} rsa3072 sign"));
    let listing = desk.must(&format!("gpg --with-colons -k {other}")).out();
    let subkey = listing.lines().filter(|line| line.starts_with("fpr:")).nth(1).unwrap();
    let subkey = subkey.split(':').nth(9).unwrap();
    for command in ["--delete-secret-keys", "--delete-secret-and-public-keys"] {
        desk.sh(&format!("{gpg} {command} {subkey}")).exits(2);
        desk.sh(&format!("{gpg} {command} '{subkey}!'")).exits(2);
    }
    desk.must(&format!("gpg --batch -K {other} {}", twins.fingerprint));
}

#[test]
fn a_person_is_asked_twice_before_a_secret_key_goes() {
    let Some(twins) = Twins::new() else { return };
    let desk = &twins.ours;
    let line = format!("gpg --delete-secret-keys {}", twins.fingerprint);
    desk.sh(&line).exits(2).says("no terminal to ask on");
    let person = || {
        let mut command = desk.command("bash");
        command.args(["-c", &line]).env("TERM", "dumb");
        Person::at(command)
    };
    for answers in [&["n"][..], &["y", ""]] {
        let mut asked = person();
        for (question, answer) in ["keyring? (y/N) ", "really delete? (y/N) "].iter().zip(answers) {
            asked.answers(question, answer);
        }
        assert_eq!(asked.ends().1, 2);
        desk.must("gpg --batch -K Acme");
    }
    let mut asked = person();
    asked.answers("keyring? (y/N) ", "y");
    asked.answers("really delete? (y/N) ", "y");
    assert_eq!(asked.ends().1, 0);
    desk.sh("gpg --batch -K Acme").exits(2);
    desk.must("gpg --batch -k Acme");
}
