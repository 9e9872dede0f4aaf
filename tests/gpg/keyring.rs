//! Certificates that are imported into a keyring file, as apt's recipes do it.

use crate::common::sandbox::Sandbox;
use crate::gpg::twins::{GpgKeys, StatusLines, Twins};

const IMPORT: &str = "gpg --batch --status-fd 1 --no-default-keyring --keyring ./ring --import key";

/// Two desks that know no key, with somebody's certificate and signature in their folder.
fn strangers(editor: &Sandbox) -> Option<(Twins, String)> {
    let key = editor.gpg_key("Vendor <vendor@acme.test>");
    editor.write("data", "a release");
    editor.must("gpg --batch --detach-sign data");
    let (ours, theirs) = (Sandbox::in_place_of_gpg(), Sandbox::of_gpg()?);
    let twins = Twins { ours, theirs, fingerprint: key.clone() };
    twins.write("key", editor.must(&format!("gpg --export {key}")).stdout);
    for name in ["data", "data.sig"] {
        twins.write(name, editor.read(name));
    }
    Some((twins, key))
}

#[test]
fn a_keyring_gets_what_gpgs_gets_and_every_verifier_takes_it() {
    let Some(editor) = Sandbox::of_gpg() else { return };
    let Some((twins, key)) = strangers(&editor) else { return };
    let (ours, theirs) = twins.same(IMPORT);
    assert_eq!(ours.status(), theirs.status());
    // A keybox is what gpgv and apt of long ago cannot read, and ours is none.
    twins.ours.must("/usr/bin/gpgv --keyring ./ring data.sig data");
    twins.ours.must("gpgv --keyring ./ring data.sig data");
    assert_eq!(twins.ours.mode("ring"), 0o644);
    assert!(twins.ours.must("gpg -k").stdout.is_empty());
    let ring = twins.ours.read("ring");
    let (ours, theirs) = twins.same(IMPORT);
    assert_eq!(ours.status(), theirs.status());
    assert_eq!(twins.ours.read("ring"), ring);
    // A second certificate leaves the first as it is.
    let other = editor.gpg_key("Other <other@acme.test>");
    twins.write("key", editor.must(&format!("gpg --armor --export {other}")).stdout);
    twins.same(IMPORT);
    assert!(twins.ours.read("ring").starts_with(&ring));
    // A revocation comes in, and nothing is lost.
    editor.must(&format!(
        "sed -i 's/^:-----/-----/' \"$GNUPGHOME/openpgp-revocs.d/{key}.rev\"; gpg --batch --import \"$GNUPGHOME/openpgp-revocs.d/{key}.rev\""
    ));
    twins.write("key", editor.must(&format!("gpg --export {key}")).stdout);
    twins.same(IMPORT);
    twins.ours.sh("gpgv --status-fd 1 --keyring ./ring data.sig data").exits(1).prints("REVKEYSIG");
    let list = "gpg --no-default-keyring --keyring ./ring --with-colons --list-keys";
    twins.ours.must(list).prints("pub:r:").prints("other@acme.test");
}

#[test]
fn others_certifications_in_a_keyring_stay() {
    let Some(editor) = Sandbox::of_gpg() else { return };
    let Some((twins, key)) = strangers(&editor) else { return };
    let friend = editor.gpg_key("Friend <friend@acme.test>");
    editor.must(&format!("gpg --batch --yes -u {friend} --quick-sign-key {key}"));
    editor.must(&format!("gpg --export {key} > ring"));
    let ring = editor.read("ring");
    twins.ours.write("ring", &ring);
    twins.ours.chmod("ring", 0o600);
    twins.ours.must(IMPORT).prints(&format!("IMPORT_OK 0 {key}"));
    assert_eq!(twins.ours.read("ring"), ring);
    twins.write("key", editor.must(&format!("gpg --export {friend}")).stdout);
    twins.ours.must(IMPORT).prints(&format!("IMPORT_OK 1 {friend}"));
    assert!(twins.ours.read("ring").starts_with(&ring));
    assert_eq!(twins.ours.mode("ring"), 0o600);
}

#[test]
fn what_is_no_keyring_is_refused_and_stays_as_it_is() {
    let Some(editor) = Sandbox::of_gpg() else { return };
    let Some((twins, key)) = strangers(&editor) else { return };
    let desk = &twins.ours;
    twins.theirs.must(IMPORT);
    let armored = editor.must(&format!("gpg --armor --export {key}")).stdout;
    let secret = editor.must(&format!("gpg --export-secret-keys {key}")).stdout;
    let cut = desk.read("key");
    for (ring, words) in [
        (twins.theirs.read("ring"), "keybox"),
        (armored, "gpg --dearmor"),
        (secret.clone(), "secret keys"),
        (cut[..cut.len() - 9].to_vec(), "damaged or cut short"),
        (b"\xd0no packets".to_vec(), "keyring"),
    ] {
        desk.write("ring", &ring);
        desk.sh(IMPORT).exits(2).says(words);
        assert_eq!(desk.read("ring"), ring, "{words}");
    }
    std::fs::remove_file(desk.path("ring")).unwrap();
    desk.write("key", &secret);
    desk.sh(IMPORT).exits(2).says("leave --keyring out");
    desk.sh("gpg --batch --no-default-keyring --keyring ./none/ring --import key").exits(2);
    desk.sh(&IMPORT.replace("--batch", "--batch --dry-run")).exits(0);
    assert!(!desk.has("ring"));
    // With the default keyring, it is the one that is imported into.
    desk.must("gpg --batch --keyring ./other --import key");
    assert!(!desk.has("other"));
}
