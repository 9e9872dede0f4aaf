//! `verify --as-server --config` and `check --config`: what one server does, with its keys and
//! settings.

use std::path::Path;

use serde_json::{Value, json};

use super::archives::{Bundle, FILE_NAME};
use super::publisher;
use crate::common::craft::{DATA, Forge, alices_key, created, now, subpacket};
use crate::common::peers::skipped;
use crate::common::sandbox::{Done, Sandbox};

const MATTERMOST: &str = "Mattermost's key (built in)";
const MFI: &str = "the MFI key (built in)";

/// A publisher's bundle that is signed, and a server with these settings that trusts the key.
fn desk(settings: Value) -> Sandbox {
    let sandbox = publisher();
    sandbox.write(FILE_NAME, Bundle::good().gzip());
    sandbox.write("server/config.json", json!({"PluginSettings": settings}).to_string());
    sandbox.must(&format!(
        "plugsign trust add --config server/config.json release-key.asc && plugsign sign {FILE_NAME}"
    ));
    sandbox
}

/// A server with these feature flags and no key file.
fn with_flags(sandbox: &Sandbox, flags: Value) {
    sandbox.write("server/config.json", json!({"FeatureFlags": flags}).to_string());
}

fn verify(options: &str) -> String {
    format!("plugsign verify --as-server --config server/config.json {options} {FILE_NAME}")
}

/// A signature that names this key, and is no signature by it.
fn naming(key_id: &str) -> Vec<u8> {
    let id: Vec<u8> =
        (0..8).map(|i| u8::from_str_radix(&key_id[2 * i..2 * i + 2], 16).unwrap()).collect();
    let mut key = alices_key();
    let mut forge = Forge::by(&key);
    forge.hashed = vec![created(now())];
    forge.unhashed = vec![subpacket(16, &id)];
    forge.sign(&mut key, DATA)
}

/// What each key says, as name and verdict.
fn words(line: &Value) -> Vec<(String, String)> {
    let text = |word: &Value, field: &str| word[field].as_str().unwrap().to_string();
    let words = line["server_keys"].as_array().unwrap().iter();
    words.map(|word| (text(word, "name"), text(word, "verdict"))).collect()
}

#[track_caller]
fn say(done: &crate::common::sandbox::Done, expected: &[(&str, &str)]) {
    let json = done.json();
    let found = words(&json["artifacts"][0]);
    let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(found, expected, "{json:#}");
}

#[test]
fn the_key_that_accepts_is_named() {
    let sandbox = desk(json!({}));
    let said = sandbox.must(&verify(""));
    assert!(said.out().contains("with release-key.asc"), "{}", said.shown());
    let said = sandbox.must(&verify("--json"));
    let expected = [(MATTERMOST, "refuses"), (MFI, "unknown"), ("release-key.asc", "accepts")];
    say(&said, &expected);
    assert_eq!(said.json()["artifacts"][0]["signer"]["with"], "release-key.asc");
}

#[test]
fn the_order_is_the_configurations_and_each_key_says_its_word() {
    let sandbox = desk(json!({}));
    sandbox.must(
        "plugsign --home other keygen --name Other --no-passphrase
         plugsign --home other export Other -a -o server/other.asc
         printf junk > server/junk.asc",
    );
    let files = json!(["missing.asc", "junk.asc", "other.asc"]);
    let config = json!({"PluginSettings": {"SignaturePublicKeyFiles": files}});
    sandbox.write("server/config.json", config.to_string());
    let said = sandbox.sh(&verify("--json")).exits(1);
    let expected = [
        (MATTERMOST, "refuses"),
        (MFI, "unknown"),
        ("missing.asc", "unreadable"),
        ("junk.asc", "unreadable"),
        ("other.asc", "refuses"),
    ];
    say(&said, &expected);
    let said = sandbox.sh(&verify("")).exits(1);
    for (name, word) in expected {
        let line = said.out().lines().find(|line| line.trim().starts_with(name)).map(String::from);
        assert!(line.is_some_and(|line| line.contains(word)), "{name}: {}", said.shown());
    }
    // With the right key at the end, the others before it change nothing.
    let files = json!(["missing.asc", "junk.asc", "other.asc", "release-key.asc"]);
    let config = json!({"PluginSettings": {"SignaturePublicKeyFiles": files}});
    sandbox.write("server/config.json", config.to_string());
    sandbox.must(&verify(""));
}

#[test]
fn a_signature_that_names_mattermosts_key_is_called_unknown_without_that_key() {
    let sandbox = desk(json!({}));
    sandbox.write(format!("{FILE_NAME}.sig"), naming("D1B54B47A5CEFEC4"));
    let said = sandbox.sh(&verify("--json")).exits(1);
    say(&said, &[(MATTERMOST, "unknown"), (MFI, "unknown"), ("release-key.asc", "refuses")]);
    let detail = said.json()["artifacts"][0]["detail"].to_string();
    let keys = format!("the answer of {MATTERMOST} and of {MFI} is unknown");
    assert!(detail.contains(&keys), "{detail}");
}

#[test]
fn mattermosts_own_key_is_known_by_its_fingerprint() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/vectors/keys/mattermost-plugin-public-key.asc");
    if !file.exists() {
        skipped(&format!("Mattermost's key, in {}", file.display()));
        return;
    }
    let sandbox = desk(json!({}));
    sandbox.write(format!("{FILE_NAME}.sig"), naming("D1B54B47A5CEFEC4"));
    let said = sandbox.sh(&verify(&format!("--json --key '{}'", file.display()))).exits(1);
    say(&said, &[(MATTERMOST, "refuses"), (MFI, "unknown"), ("release-key.asc", "refuses")]);
}

#[test]
fn a_flag_takes_the_mfi_key_away_and_the_user_may_give_it() {
    let sandbox = desk(json!({}));
    with_flags(&sandbox, json!({}));
    let said = sandbox.sh(&verify("--json")).exits(1);
    say(&said, &[(MATTERMOST, "refuses"), (MFI, "unknown")]);
    let said = sandbox.must(&verify("--json --key release-key.asc"));
    say(
        &said,
        &[(MATTERMOST, "refuses"), (&format!("{MFI}, taken from release-key.asc"), "accepts")],
    );
    with_flags(&sandbox, json!({"EnableMFIPluginSignaturePublicKey": false}));
    let said = sandbox.sh(&verify("--json")).exits(1);
    say(&said, &[(MATTERMOST, "refuses")]);
    let refused = sandbox.sh(&verify("--key release-key.asc")).exits(2);
    assert!(refused.err().contains("built into the server"), "{}", refused.shown());
    // A keyring would let others count as the server's own.
    with_flags(&sandbox, json!({}));
    sandbox.must(
        "plugsign --home other keygen --name Other --no-passphrase
         plugsign --home other export Other > two; plugsign export releases@example.org >> two",
    );
    sandbox.sh(&verify("--key two")).exits(2);
}

#[test]
fn what_every_server_refuses_is_refused_by_keys_that_are_not_here() {
    let sandbox = desk(json!({}));
    sandbox.write(format!("{FILE_NAME}.sig"), "junk");
    let said = sandbox.sh(&verify("")).exits(1);
    assert!(said.out().contains("server-refuses"), "{}", said.shown());
    with_flags(&sandbox, json!({}));
    // A signature without an issuer.
    let mut key = alices_key();
    let mut forge = Forge::by(&key);
    (forge.hashed, forge.unhashed) = (vec![created(now())], Vec::new());
    sandbox.write(format!("{FILE_NAME}.sig"), forge.sign(&mut key, DATA));
    let said = sandbox.sh(&verify("--json")).exits(1);
    say(&said, &[(MATTERMOST, "refuses"), (MFI, "refuses")]);
}

#[test]
fn a_configuration_goes_with_the_server_alone() {
    let sandbox = desk(json!({}));
    sandbox.sh(&format!("plugsign verify --config server/config.json {FILE_NAME}")).exits(2);
    sandbox.sh(&format!("plugsign verify --as-server {FILE_NAME}")).exits(2);
    let said = sandbox
        .sh(&format!("plugsign verify --as-server --config missing.json {FILE_NAME}"))
        .exits(3);
    assert!(said.err().contains("missing.json"), "{}", said.shown());
    let said = sandbox.sh_with(&verify(""), &[("MM_CONFIG", "postgres://u:p@h/d")]).exits(3);
    assert!(said.err().contains("PostgreSQL"), "{}", said.shown());
}

fn check(sandbox: &Sandbox, exit: i32) -> Value {
    let line = format!("plugsign --json check --config server/config.json {FILE_NAME}");
    sandbox.sh(&line).exits(exit).json()["bundles"][0].clone()
}

fn codes(bundle: &Value) -> Vec<&str> {
    bundle["findings"].as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap()).collect()
}

/// Checks the bundle with a home that knows nobody.
fn check_as_stranger(sandbox: &Sandbox, options: &str) -> Done {
    let line = "plugsign --home empty check --config server/config.json";
    sandbox.sh(&format!("{line} {options} {FILE_NAME}"))
}

#[test]
fn a_signature_by_the_servers_own_key_file_is_good() {
    let sandbox = desk(json!({}));
    let said = check_as_stranger(&sandbox, "--require-signature").exits(0);
    assert!(said.out().starts_with("good"), "{}", said.shown());
    assert!(said.err().is_empty(), "{}", said.shown());
    // Somebody else is trusted, whose signature it is not.
    sandbox.must("plugsign --home empty keygen --name Other --no-passphrase");
    let said = check_as_stranger(&sandbox, "").exits(0);
    assert!(said.out().starts_with("good"), "{}", said.shown());
    // Who names a key wants that one.
    let said = check_as_stranger(&sandbox, "--key Other").exits(1);
    assert!(said.out().contains("unknown-signer"), "{}", said.shown());
}

#[test]
fn a_changed_bundle_is_called_changed_before_the_servers_words() {
    let sandbox = desk(json!({"RequirePluginSignature": true}));
    sandbox.write(FILE_NAME, Bundle::good().file("p/more", 0o644, b"x").gzip());
    let said = check_as_stranger(&sandbox, "").exits(1).out();
    let (plain, words) = said.split_once("hash tag doesn't match").unwrap();
    assert!(plain.contains("the file or the signature was changed"), "{said}");
    assert!(words.starts_with(": Download the file and its signature again, or sign "), "{said}");
    assert!(words.contains("no key of this server accepts its signature; this"), "{said}");
    for (signature, plain) in [
        ("", "the signature file is empty"),
        ("<!DOCTYPE html>404", "it is neither binary OpenPGP nor armored"),
    ] {
        sandbox.write(format!("{FILE_NAME}.sig"), signature);
        let said = check_as_stranger(&sandbox, "").exits(1).out();
        assert!(said.contains(&format!("refused by every server: {plain} (")), "{said}");
        assert!(!said.contains(".;") && !said.contains(".:"), "{said}");
        assert_eq!(said.matches("openpgp: ").count(), 1, "{said}");
    }
}

#[test]
fn an_armored_signature_beside_the_bundle_is_none_to_the_server() {
    let sandbox = desk(json!({}));
    sandbox.must(&format!("rm {FILE_NAME}.sig && plugsign sign -a {FILE_NAME}"));
    let alone = format!("plugsign verify --as-server --key release-key.asc {FILE_NAME}");
    for line in [verify(""), alone] {
        let said = sandbox.sh(&line).exits(1);
        assert!(said.out().contains("looks for .sig only: rename it"), "{}", said.shown());
    }
    // Who names the file asks about that.
    sandbox.must(&verify(&format!("--signature {FILE_NAME}.asc")));
    sandbox.must(&format!("mv {FILE_NAME}.asc {FILE_NAME}.sig && {}", verify("")));
}

#[test]
fn check_goes_by_the_servers_own_limit_for_uploads() {
    let sandbox = desk(json!({"EnableUploads": true}));
    let bundle = check(&sandbox, 0);
    assert_eq!(bundle["on_server"]["accepted_by"], "release-key.asc");
    assert_eq!(bundle["on_server"]["upload_refused"], Value::Null);
    assert_eq!(codes(&bundle), [""; 0]);
    let files = json!({"MaxFileSize": 100});
    let plugins = json!({"EnableUploads": true, "SignaturePublicKeyFiles": ["release-key.asc"]});
    let config = json!({"FileSettings": files, "PluginSettings": plugins});
    sandbox.write("server/config.json", config.to_string());
    let bundle = check(&sandbox, 0);
    assert_eq!(codes(&bundle), ["upload-limit"]);
    let why = bundle["on_server"]["upload_refused"].as_str().unwrap();
    assert!(why.contains("100 bytes") && why.contains("MaxFileSize"), "{why}");
}

#[test]
fn check_goes_by_the_servers_rules_for_signatures_and_uploads() {
    let sandbox = desk(json!({"RequirePluginSignature": true, "EnableUploads": true}));
    let bundle = check(&sandbox, 0);
    assert_eq!(bundle["on_server"]["accepted_by"], "release-key.asc");
    assert_eq!(bundle["on_server"]["upload_refused"], "RequirePluginSignature is true");
    let said = sandbox.must(&format!("plugsign check --config server/config.json {FILE_NAME}"));
    assert!(said.out().contains("accepts its signature with release-key.asc"), "{}", said.shown());
    // Nobody's key: where signatures are required it is refused, elsewhere not.
    for (required, exit) in [(true, 1), (false, 0)] {
        let settings = json!({"RequirePluginSignature": required});
        sandbox.write("server/config.json", json!({"PluginSettings": settings}).to_string());
        let bundle = check(&sandbox, exit);
        assert!(codes(&bundle).contains(&"not-accepted"), "{bundle:#}");
        assert_eq!(bundle["on_server"]["upload_refused"], "EnableUploads is false");
    }
    sandbox.write("server/config.json", json!({"PluginSettings": {"Enable": false}}).to_string());
    assert!(codes(&check(&sandbox, 1)).contains(&"plugins-off"));
    // Uploads with a signature, where the server has that.
    let config = json!({
        "FeatureFlags": {"EnableCustomPluginSignatureKeys": true},
        "PluginSettings": {
            "RequirePluginSignature": true,
            "EnableUploads": true,
            "SignaturePublicKeyFiles": ["release-key.asc"]
        }
    });
    sandbox.write("server/config.json", config.to_string());
    assert_eq!(check(&sandbox, 0)["on_server"]["upload_refused"], Value::Null);
}

#[test]
fn a_plugin_that_names_mattermosts_key_is_not_condemned_without_that_key() {
    let sandbox = desk(json!({"RequirePluginSignature": true}));
    sandbox.write(format!("{FILE_NAME}.sig"), naming("D1B54B47A5CEFEC4"));
    let line =
        format!("plugsign --json --home empty check --config server/config.json {FILE_NAME}");
    let bundle = sandbox.sh(&line).exits(0).json()["bundles"][0].clone();
    assert_eq!(bundle["findings"][0]["severity"], "warning");
    assert!(bundle["findings"][0]["what"].as_str().unwrap().contains("is unknown"), "{bundle:#}");
}

#[test]
fn check_takes_the_plugins_of_a_folder() {
    let sandbox = publisher();
    sandbox.write(format!("dist/{FILE_NAME}"), Bundle::good().gzip());
    sandbox.write("dist/sources-1.0.0.tar.gz", Bundle::empty().file("s/a.c", 0o644, b"x").gzip());
    sandbox.write("dist/notes.txt", "x");
    let said = sandbox.must("plugsign check dist");
    assert_eq!(
        said.out().lines().filter(|line| line.contains("dist/")).count(),
        1,
        "{}",
        said.shown()
    );
    assert!(said.out().contains(FILE_NAME), "{}", said.shown());
    assert!(said.err().contains("sources-1.0.0.tar.gz is passed over"), "{}", said.shown());
    // What is named is checked, and what is damaged or hides its manifest is not passed over.
    sandbox.sh("plugsign check dist/sources-1.0.0.tar.gz").exits(1);
    sandbox.write("dist/broken-1.0.0.tar.gz", "junk");
    let hidden = Bundle::good().file("other/x", 0o644, b"x").gzip();
    sandbox.write("dist/hidden-1.0.0.tar.gz", hidden);
    let said = sandbox.sh("plugsign check dist").exits(1);
    assert_eq!(said.out().matches("BAD ").count(), 2, "{}", said.shown());
    let empty = sandbox.sh("mkdir empty; plugsign check empty").exits(3);
    assert!(empty.err().contains("nothing to check"), "{}", empty.shown());
}

#[test]
fn sign_warns_of_what_macos_puts_into_archives() {
    let sandbox = publisher();
    for (name, bundle, words) in [
        ("a", Bundle::good().file("._p", 0o644, b"x"), "is not where the server looks"),
        (
            "b",
            Bundle::good().file("p/._plugin.json", 0o644, b"x"),
            "macOS put ._ files into it (1)",
        ),
    ] {
        let folder = format!("{name}/{FILE_NAME}");
        sandbox.write(&folder, bundle.gzip());
        let said = sandbox.must(&format!("plugsign sign {folder}"));
        assert!(said.err().contains(words), "{}", said.shown());
        assert!(said.err().contains("--disable-copyfile"), "{}", said.shown());
    }
    sandbox.write(format!("c/{FILE_NAME}"), Bundle::good().gzip());
    let said = sandbox.must(&format!("plugsign sign c/{FILE_NAME}"));
    assert!(!said.err().contains("macOS"), "{}", said.shown());
}

#[test]
fn trust_check_says_what_the_feature_flags_mean() {
    let sandbox = desk(json!({}));
    let check = "plugsign trust check --config server/config.json";
    let said = sandbox.must(check);
    assert!(!said.err().contains("EnableCustomPluginSignatureKeys"), "{}", said.shown());
    for (value, words) in [
        (true, "Administrators can add and remove keys while the server runs"),
        (false, "Keys come from this file alone"),
    ] {
        with_flags(&sandbox, json!({"EnableCustomPluginSignatureKeys": value}));
        let said = sandbox.must(check);
        assert!(said.err().contains(words), "{}", said.shown());
    }
    with_flags(&sandbox, json!({"EnableMFIPluginSignaturePublicKey": false}));
    let said = sandbox.must(check);
    assert!(said.err().contains("does not have the MFI key"), "{}", said.shown());
}
