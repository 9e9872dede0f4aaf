//! Changes of a key by gpg's command lines, beside gpg itself.

use crate::common::person::Person;
use crate::common::sandbox::{Done, Sandbox};
use crate::gpg::twins::{GpgKeys, StatusLines, Twins};

/// The fields of the first record of a kind in the colon listing.
fn record(done: &Done, kind: &str) -> Vec<String> {
    let out = done.out();
    let line = out.lines().find(|line| line.starts_with(&format!("{kind}:")));
    let line = line.unwrap_or_else(|| panic!("{kind}: {out}"));
    line.split(':').map(str::to_string).collect()
}

const GPG: &str = "gpg --batch --status-fd 1 --pinentry-mode loopback --passphrase ''";

#[test]
fn gpgs_quick_changes_do_what_gpgs_do() {
    let Some(twins) = Twins::new() else { return };
    let key = &twins.fingerprint;
    for line in [
        "--quick-set-expire KEY 20300101T000000",
        "--quick-set-expire nobody 1y",
        "--quick-set-expire 'Acme Release <r@acme.test>' 1y",
        "--quick-add-uid KEY 'Acme (plug (ins)) <p@acme.test>'",
        "--quick-add-uid KEY 'Acme (plug (ins)) <p@acme.test>'",
        "--quick-add-uid '=Acme Release <r@acme.test>' Third",
        "--quick-revoke-uid KEY nobody",
        "--quick-revoke-uid KEY Thir",
        "--quick-revoke-uid KEY Third",
        "--quick-add-key r@acme.test rsa3072 sign",
        "--quick-add-key nobody rsa3072 sign",
        "--passwd KEY",
    ] {
        twins.same(&format!("{GPG} {}", line.replace("KEY", key)));
    }
    let listing = |desk: &Sandbox| {
        let said = desk.must("gpg --batch --with-colons --list-keys");
        let ids = said.out().lines().filter(|line| line.starts_with("uid:")).count();
        (record(&said, "pub")[6].clone(), ids)
    };
    assert_eq!(listing(&twins.ours), listing(&twins.theirs));
    assert_eq!(listing(&twins.ours), ("1893456000".into(), 3));
}

#[test]
fn the_last_user_id_and_the_passphrases_failures_are_told_as_gpg_tells_them() {
    let Some(twins) = Twins::new() else { return };
    let key = &twins.fingerprint;
    let user_id = "Acme Release <r@acme.test>";
    twins.same(&format!("{GPG} --quick-revoke-uid {key} '{user_id}'"));
    // gpg exits with 0 here.
    let (ours, theirs) = twins.sh(&format!("{GPG} --passwd nobody"));
    assert_eq!((ours.status(), ours.exit()), (theirs.status(), 2), "{}", ours.shown());
}

#[test]
fn a_subkey_for_signing_is_added_and_signs_and_gets_its_own_end() {
    let Some(twins) = Twins::new() else { return };
    let key = &twins.fingerprint;
    let (ours, theirs) = twins.sh(&format!("{GPG} --quick-add-key {key} rsa3072 sign 1y"));
    for said in [&ours, &theirs] {
        assert_eq!((said.exit(), said.fields("KEY_CREATED")[1].as_str()), (0, "S"));
    }
    let subkey = ours.fields("KEY_CREATED")[2].clone();
    let said = twins.ours.must("gpg --batch --status-fd 1 -b data");
    assert_eq!(said.fields("SIG_CREATED").last(), Some(&subkey));
    for subkeys in ["'*'", &subkey] {
        let (day, line) = match subkeys {
            "'*'" => ("1893456000", "20300101T000000"),
            _ => ("1924992000", "20310101T000000"),
        };
        twins.ours.must(&format!("{GPG} --quick-set-expire {key} {line} {subkeys}"));
        let listing = twins.ours.must("gpg --batch --with-colons --list-keys");
        assert_eq!((record(&listing, "sub")[6].as_str(), &*record(&listing, "pub")[6]), (day, ""));
    }
    for (line, words) in [
        (format!("--quick-add-key {key}"), "plugsign adds only signing ones"),
        (format!("--quick-add-key {key} rsa3072"), "plugsign adds only signing ones"),
        (format!("--quick-add-key {key} rsa3072 encr"), "only subkeys that sign"),
        (format!("--quick-add-key {key} ed25519 sign"), "only RSA"),
        (format!("--quick-add-key {key} rsa2048 sign"), "at least 3072"),
        (format!("--quick-set-expire {key} 1y sub"), "by their whole fingerprints"),
        (
            format!("--quick-set-expire {key} seconds=18446744073709551615"),
            "until 2106-02-07 at most",
        ),
        (format!("--quick-set-expire {key} seconds=4294967296"), "until 2106-02-07 at most"),
        (
            format!("--quick-add-key {key} rsa3072 sign seconds=4294967296"),
            "until 2106-02-07 at most",
        ),
        (format!("--quick-set-expire {key} 1y {key}"), "no key matches"),
    ] {
        let said = twins.ours.sh(&format!("{GPG} {line}")).exits(2).says(words);
        // The home belongs into commands, and not into sentences.
        let is_sentence =
            [" adds", " makes"].iter().any(|it| said.err().contains(&format!("/plugsign{it}")));
        assert!(!is_sentence, "{}", said.shown());
    }
}

#[test]
fn a_primary_key_that_only_certifies_is_made_and_signs_by_its_subkey() {
    let Some(twins) = Twins::new() else { return };
    twins.write("data", "data");
    for (options, arguments) in [
        ("", "rsa3072 cert never"),
        ("", "rsa4096 cert 1y"),
        ("--default-new-key-algo rsa4096", ""),
        ("--default-new-key-algo rsa3072", "default cert"),
        ("--default-new-key-algo rsa3072/cert,sign+rsa3072/encr", ""),
        ("", "default default never"),
    ] {
        let line = format!(
            "{GPG} {options} --quick-generate-key 'Org (a (b) c) <o@org.test>' {arguments} --yes"
        );
        let line = line.replace(" --yes", "").replace("gpg --batch", "gpg --batch --yes");
        let (ours, theirs) = twins.sh(&line);
        let made = |desk: &Sandbox, said: &Done| {
            let fields = said.fields("KEY_CREATED");
            let listing = desk.must(&format!("gpg --batch --with-colons -k {}", fields[2]));
            let primary = record(&listing, "pub");
            let subkeys = listing.out().lines().filter(|line| line.starts_with("sub:")).count();
            (fields[1].clone(), primary[2].clone(), primary[11].clone(), subkeys)
        };
        assert_eq!(ours.exit(), 0, "{}", ours.shown());
        assert_eq!(made(&twins.ours, &ours), made(&twins.theirs, &theirs), "{line}");
    }
    let said = twins.ours.must(&format!("{GPG} --quick-generate-key Cert rsa3072 cert never"));
    let key = said.fields("KEY_CREATED")[2].clone();
    twins.ours.sh(&format!("gpg --batch -u {key} -o out -b data")).exits(2);
    twins.ours.must(&format!("{GPG} --quick-add-key {key} rsa3072 sign 1y"));
    twins.ours.must(&format!("gpg --batch -u {key} -o out -b data && gpg --verify out data"));
    twins.ours.must(&format!("gpg --batch --export {key} > certificate"));
    twins.theirs.write("certificate", twins.ours.read("certificate"));
    twins.theirs.write("out", twins.ours.read("out"));
    twins.theirs.must("gpg --batch --import certificate && gpg --batch --verify out data");
    for (line, words) in [
        ("--default-new-key-algo rsa2048 --quick-generate-key X", "at least 3072"),
        ("--default-new-key-algo ed25519 --quick-generate-key X", "only RSA"),
        ("--default-new-key-algo rsa3072+rsa3072/sign --quick-generate-key X", "that encrypts"),
    ] {
        twins.ours.sh(&format!("{GPG} {line}")).exits(2).says(words);
    }
}

#[test]
fn the_passphrase_is_changed_and_a_wrong_one_changes_nothing() {
    let desk = Sandbox::in_place_of_gpg();
    let key = desk.gpg_key("Acme <a@acme.test>");
    desk.write("data", "data");
    desk.write("first", "first\n");
    desk.write("second", "second");
    // As with gpg: of a key without passphrase, what is given is the new one.
    let set = "gpg --batch --status-fd 1 --pinentry-mode loopback --passphrase-file first --passwd";
    let said = desk.must(&format!("{set} {key}"));
    said.fields("SUCCESS");
    desk.sh("gpg --batch --pinentry-mode error -o out -b data").exits(2);
    desk.must("gpg --batch --pinentry-mode loopback --passphrase-file first -o out -b data");
    let change =
        format!("gpg --batch --status-fd 1 --passphrase-file FILE --change-passphrase {key}");
    let said = desk.sh(&change.replace("FILE", "second")).exits(2);
    assert_eq!(said.fields("ERROR")[1..], ["keyedit.passwd", "67108875"]);
    desk.sh(&change.replace("FILE", "first")).exits(2).says("PLUGSIGN_NEW_PASSPHRASE");
    desk.must(&format!("PLUGSIGN_NEW_PASSPHRASE=second {}", change.replace("FILE", "first")));
    desk.sh("gpg --batch --passphrase-file first --yes -o out -b data").exits(2);
    desk.must("gpg --batch --passphrase-file second --yes -o out -b data");
}

fn at_terminal(desk: &Sandbox, line: &str) -> Person {
    let mut command = desk.command("bash");
    command.args(["-c", line]).env("TERM", "dumb");
    Person::at(command)
}

#[test]
fn a_revocation_certificate_is_made_at_the_terminal_and_revokes_with_gpg_too() {
    let Some(twins) = Twins::new() else { return };
    let key = &twins.fingerprint;
    twins.ours.sh(&format!("gpg --batch --gen-revoke {key}")).exits(2).says("batch mode");
    twins.ours.sh("gpg --gen-revoke nobody").exits(2).says("no key matches");
    let line = format!("gpg -o revocation --generate-revocation {key}");
    let mut person = at_terminal(&twins.ours, &line);
    person.answers("Create a revocation certificate for this key? (y/N) ", "y");
    person.answers("Your decision? ", "9");
    person.answers("Your decision? ", "2");
    person.answers("> ", "another key");
    person.answers("> ", "is in its place");
    person.answers("> ", "");
    person.sees("another key is in its place");
    person.answers("Is this okay? (y/N) ", "y");
    let (rest, code) = person.ends();
    assert_eq!(code, 0, "{rest}");
    assert_eq!(twins.ours.mode("revocation"), 0o600);
    // Nothing is revoked yet.
    twins.ours.must("gpg --batch -b data");
    twins.theirs.write("revocation", twins.ours.read("revocation"));
    twins.same("gpg --batch --status-fd 1 --import revocation");
    for desk in [&twins.ours, &twins.theirs] {
        let listing = desk.must("gpg --batch --with-colons --list-keys");
        assert_eq!(record(&listing, "pub")[1], "r", "{}", listing.out());
    }
    let mut person = at_terminal(&twins.ours, &line.replace("-o revocation", "-o none"));
    person.answers("(y/N) ", "n");
    assert_eq!(person.ends().1, 2);
    assert!(!twins.ours.has("none"));
}

#[test]
fn the_dialog_for_editing_is_refused_with_the_command_for_what_was_wanted() {
    let desk = Sandbox::in_place_of_gpg();
    for (commands, command) in [
        ("expire", "expire: plugsign --home"),
        ("expire", "extend 'a b' --expires WHEN"),
        ("trust quit", "trust add FILE"),
        ("'key 1' addkey save", "rotate 'a b'"),
        ("passwd", "passwd 'a b'"),
        ("revuid", "revoke-uid 'a b' UID"),
        ("revkey", "revoke 'a b' --subkey SUBKEY --reason REASON"),
        ("", "extend 'a b' --expires WHEN"),
    ] {
        let said = desk.sh(&format!("gpg --batch --edit-key 'a b' {commands}")).exits(2);
        let lines = said.err().lines().count();
        assert!(said.err().contains(command), "{commands}: {}", said.shown());
        assert_eq!(lines > 3, commands.is_empty(), "{commands}: {}", said.shown());
    }
}
