//! Keys that a server must not be given: refused with the advice that mends them, and accepted by
//! plugsign and by the server's library once the advice was followed.

use std::fs;

use super::config::REAL;
use super::read;
use crate::common::peers::{Question, go_verdict, peer};
use crate::common::sandbox::Sandbox;

/// A server and a gpg home. `Q` makes a gpg command quiet.
fn gpg_home() -> Option<Sandbox> {
    peer("gpg")?;
    let sandbox = Sandbox::for_scripts();
    sandbox.write("server/config.json", REAL);
    sandbox.write("plugin.tar.gz", "a plugin");
    Some(sandbox)
}

/// The start of every script: gpg with a home of its own, where sockets find room for their names.
const GPG: &str = "export GNUPGHOME=$(mktemp -d /tmp/mm.XXXXXX)
trap 'gpgconf --kill all; rm -rf $GNUPGHOME' EXIT
gpg() { command gpg --batch --quiet --pinentry-mode loopback --passphrase '' \"$@\"; }
fpr() { gpg --with-colons --list-keys \"$1\" | sed -n 's/^fpr:*\\([^:]*\\):$/\\1/p' | head -1; }
";

/// `trust add` refuses `bad.key` with these words, and takes `good.key`; the library takes the
/// signature with `good.key`, and not with `bad.key` if `go_refuses`.
#[track_caller]
fn refused_then_mended(sandbox: &Sandbox, words: &str, go_refuses: bool) {
    let add = |key: &str| format!("plugsign trust add --config server/config.json {key}");
    let said = sandbox.sh(&add("bad.key")).exits(4);
    assert!(said.out().contains(words), "{words}\n{}", said.shown());
    assert_eq!(read(sandbox, "server/config.json"), REAL);
    sandbox.must(&add("good.key"));
    sandbox.must("plugsign verify --key good.key plugin.tar.gz");
    sandbox.must("plugsign verify --as-server --key server/good.key plugin.tar.gz");
    let Some(go) = go_verdict() else { return };
    let file = |name: &str| fs::read(sandbox.path(name)).unwrap();
    let (signature, data) = (file("plugin.tar.gz.sig"), file("plugin.tar.gz"));
    let ask = |key: &[u8]| go.ask(Question { key, signature: &signature, data: &data });
    let good = ask(&file("server/good.key"));
    assert!(good.starts_with("ACCEPT "), "{good}");
    let bad = ask(&file("bad.key"));
    assert_eq!(bad.starts_with("REFUSE "), go_refuses, "{bad}");
}

#[test]
fn gpgs_default_key_is_refused_as_the_server_does() {
    let Some(sandbox) = gpg_home() else { return };
    sandbox.must(&format!(
        "{GPG}
            gpg --quick-gen-key 'Ed <ed@example.org>' future-default default never
            gpg --export ed@example.org > bad.key
            plugsign keygen --name Mended --email mended@example.org
            plugsign export mended@example.org -o good.key
            plugsign sign plugin.tar.gz"
    ));
    refused_then_mended(&sandbox, "an RSA key", true);
}

#[test]
fn a_key_of_ed25519_and_cv25519_is_refused_as_the_server_does() {
    let Some(sandbox) = gpg_home() else { return };
    let parameters = "%no-protection\nKey-Type: eddsa\nKey-Curve: ed25519\nSubkey-Type: ecdh\n\
        Subkey-Curve: cv25519\nName-Real: Ed\nName-Email: ed@example.org\nExpire-Date: 0\n%commit\n";
    sandbox.write("parameters", parameters);
    sandbox.must(&format!(
        "{GPG}
            gpg --gen-key parameters
            gpg --export -a ed@example.org > bad.key
            plugsign keygen --name Mended --email mended@example.org
            plugsign export mended@example.org -o good.key
            plugsign sign plugin.tar.gz"
    ));
    refused_then_mended(&sandbox, "neither Ed25519 nor Curve25519", true);
}

#[test]
fn an_rsa_key_with_a_curve25519_subkey_is_refused_as_the_server_does() {
    let Some(sandbox) = gpg_home() else { return };
    sandbox.must(&format!(
        "{GPG}
            gpg --quick-gen-key 'Rsa <rsa@example.org>' rsa3072 sign never
            gpg --quick-add-key $(fpr rsa@example.org) cv25519 encr never
            gpg --export rsa@example.org > bad.key
            gpg --export-filter drop-subkey='key_algo=18' --export rsa@example.org > good.key
            gpg --digest-algo SHA256 --detach-sign plugin.tar.gz"
    ));
    refused_then_mended(&sandbox, "plugsign export --for-server", true);
    // As the words have it.
    sandbox.must(
        "plugsign import bad.key
        plugsign export --for-server rsa@example.org -o mended.key
        plugsign trust add --config server/config.json mended.key",
    );
}

#[test]
fn an_rsa_key_with_an_ed25519_subkey_that_signs_is_refused_as_the_server_does() {
    let Some(sandbox) = gpg_home() else { return };
    sandbox.must(&format!(
            "{GPG}
            gpg --quick-gen-key 'Rsa <rsa@example.org>' rsa3072 sign never
            gpg --quick-add-key $(fpr rsa@example.org) cv25519 encr never
            gpg --quick-add-key $(fpr rsa@example.org) ed25519 sign never
            gpg --export rsa@example.org > bad.key
            gpg --export-filter drop-subkey='key_algo=18||key_algo=22' --export rsa@example.org > good.key
            gpg -u $(fpr rsa@example.org)! --digest-algo SHA256 --detach-sign plugin.tar.gz"
        ));
    refused_then_mended(&sandbox, "neither Ed25519 nor Curve25519", true);
}

#[test]
fn an_rsa_key_that_an_ed25519_key_certified_is_refused_as_the_server_does() {
    let Some(sandbox) = gpg_home() else { return };
    sandbox.must(&format!(
        "{GPG}
            gpg --quick-gen-key 'Rsa <rsa@example.org>' rsa3072 sign never
            gpg --quick-gen-key 'Ed <ed@example.org>' ed25519 sign never
            gpg --yes -u ed@example.org --quick-sign-key $(fpr rsa@example.org)
            gpg --export rsa@example.org > bad.key
            gpg --export-options export-minimal --export rsa@example.org > good.key
            gpg -u rsa@example.org --digest-algo SHA256 --detach-sign plugin.tar.gz"
    ));
    refused_then_mended(&sandbox, "export-minimal", true);
}

#[test]
fn two_armored_keys_in_one_file_are_refused() {
    let sandbox = Sandbox::for_scripts();
    sandbox.write("server/config.json", REAL);
    sandbox.write("plugin.tar.gz", "a plugin");
    sandbox.must(
        "plugsign keygen --name Other --email other@example.org
        plugsign keygen --name Ours --email ours@example.org
        plugsign export other@example.org -a > bad.key
        plugsign export ours@example.org -a -o good.key
        cat good.key >> bad.key
        plugsign sign -u ours@example.org plugin.tar.gz",
    );
    refused_then_mended(&sandbox, "into a file of its own", true);
}

#[test]
fn a_secret_key_is_not_given_to_a_server() {
    let sandbox = Sandbox::for_scripts();
    sandbox.write("server/config.json", REAL);
    sandbox.write("plugin.tar.gz", "a plugin");
    sandbox.must(
        "plugsign keygen --name Ours --email ours@example.org
        plugsign export ours@example.org --secret -o bad.key
        plugsign export ours@example.org -o good.key
        plugsign sign plugin.tar.gz",
    );
    // The server takes it, and so everybody who reads its configuration has the key.
    refused_then_mended(&sandbox, "Export the certificate instead", false);
}
