//! PINs: where they come from, and that none is tried twice.

use crate::tokens::token::{Desk, PIN, shown};

#[test]
fn a_wrong_pin_is_tried_once_and_said_once() {
    let Some(desk) = Desk::with_key() else { return };
    desk.release(20);
    desk.sandbox.write("wrong", "0000-pin\n");
    let call = desk.sandbox.call(["sign", "--key", "pkcs11:token=X;object=release"]);
    let call = call.args(["--token-command", &desk.logged(), "-j", "4", "dist"]);
    let done = call.args(["--passphrase-file", "wrong"]).run().exits(3);
    let done = done.says("wrong PIN for the token X").says("--passphrase-file");
    assert_eq!(done.err().matches("wrong PIN").count(), 1, "{done:?}");
    assert_eq!(desk.logins(), 1);
    assert!(desk.signatures().is_empty());
}

#[test]
fn the_pin_comes_from_wherever_a_passphrase_does() {
    let Some(desk) = Desk::with_key() else { return };
    desk.release(1);
    let sign = || desk.sandbox.call(["sign", "--force", "dist", "--key"]);
    sign().arg(desk.uri("release")).env("PLUGSIGN_PASSPHRASE", PIN).run().exits(0);
    let with_descriptor = sign().arg(desk.uri("release")).args(["--passphrase-fd", "0"]);
    with_descriptor.stdin(PIN.as_bytes()).run().exits(0);
    let source =
        format!("{}&pin-source=file:{}", desk.uri("release"), desk.sandbox.path("pin").display());
    sign().arg(&source).run().exits(0);
    // Nobody is there to ask.
    sign().arg(desk.uri("release")).run().exits(3).says("the token X needs a passphrase");
    let value = format!("{}&pin-value={PIN}", desk.uri("release"));
    let refused = sign().arg(value).run().exits(2);
    let refused = refused.says("plugsign takes no PIN from a URI");
    assert!(!refused.err().contains(PIN), "{refused:?}");
}

#[test]
fn the_program_that_is_started_gets_no_secret() {
    let Some(desk) = Desk::with_key() else { return };
    desk.release(1);
    let command = format!(
        "env > seen; tr '\\0' '\\n' < /proc/$PPID/cmdline >> seen; p11-kit remote --provider {} pkcs11:",
        shown(&desk.module)
    );
    let call = desk.sandbox.call(["sign", "--key", "pkcs11:token=X", "--token-command", &command]);
    let call =
        call.arg("dist").env("PLUGSIGN_PASSPHRASE", PIN).env("PLUGSIGN_NEW_PASSPHRASE", "n-7315");
    call.run().exits(0);
    let seen = String::from_utf8(desk.sandbox.read("seen")).unwrap();
    assert!(seen.contains("SOFTHSM2_CONF") && seen.contains("--token-command"), "{seen}");
    assert!(!seen.contains(PIN) && !seen.contains("n-7315"), "{seen}");
}

#[test]
fn a_key_that_wants_the_pin_for_every_signature_gets_it() {
    let Some(desk) = Desk::new() else { return };
    desk.keypairgen("--key-type rsa:3072 --label release --id 01 --always-auth");
    let adopt = ["import", "--certificate-for", &desk.uri("release"), "--created", "2026-11-01"];
    desk.run(&adopt, &["--name", "Acme"]).exits(0);
    desk.release(3);
    let command = desk.logged();
    let sign = ["sign", "--key", "pkcs11:token=X;object=release", "--token-command", &command];
    let signed = desk.run(&sign, &["dist"]).exits(0);
    signed.says("--list-only");
    assert_eq!(desk.logins(), 1 + 3);
    desk.all_good();
    // One signature for a release.
    std::fs::remove_file(desk.sandbox.path("log")).unwrap();
    desk.run(&sign, &["--checksums", "--list-only", "dist"]).exits(0);
    assert_eq!(desk.logins(), 1 + 1);
}
