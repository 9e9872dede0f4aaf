//! Keys that a token makes, keys that it has, and what they sign.

use crate::common::peers::{Question, go_verdict, peer};
use crate::common::sandbox::Sandbox;
use crate::tokens::token::{Desk, PIN, shown};

#[test]
fn a_key_is_made_in_the_token_and_everybody_accepts_what_it_signs() {
    let Some(desk) = Desk::new() else { return };
    let key = desk.keygen();
    desk.release(1);
    desk.sign(&["dist"]).exits(0).prints("dist/000.tar.gz.sig");
    desk.all_good();
    let s = &desk.sandbox;
    if peer("gpg").is_some() {
        s.sh("mkdir -m 700 g && gpg --homedir g -q --import cert.asc && gpg --homedir g --verify dist/000.tar.gz.sig").exits(0);
        s.sh("gpgconf --homedir g --kill all").exits(0);
    }
    if peer("gpgv").is_some() {
        s.run("export Acme -o cert.pgp").exits(0);
        s.sh("gpgv --keyring ./cert.pgp dist/000.tar.gz.sig dist/000.tar.gz").exits(0);
    }
    if peer("sqv").is_some() {
        let said = s.sh("sqv --keyring cert.asc dist/000.tar.gz.sig dist/000.tar.gz").exits(0);
        assert_eq!(said.out().trim(), key);
    }
    if let Some(go) = go_verdict() {
        let [key, signature, data] =
            ["cert.asc", "dist/000.tar.gz.sig", "dist/000.tar.gz"].map(|name| s.read(name));
        let verdict = go.ask(Question { key: &key, signature: &signature, data: &data });
        assert!(verdict.starts_with("ACCEPT"), "{verdict}");
    }
}

#[test]
fn a_key_that_the_token_made_never_leaves_it() {
    let Some(desk) = Desk::with_key() else { return };
    let listed = desk.pkcs11_tool(&format!("--login --pin {PIN} --list-objects --type privkey"));
    assert!(listed.contains("sensitive, always sensitive, never extractable, local"), "{listed}");
    assert!(listed.contains("Usage:      sign\n"), "{listed}");
    assert!(desk.sandbox.names("home/keys").is_empty());
    assert_eq!(desk.sandbox.names("home/certificates").len(), 1);
    assert_eq!(desk.sandbox.names("home/revocations").len(), 1);
    // A second one with its name is not made.
    let again = desk.run(&["keygen", "--name", "B", "--on", &desk.uri("release")], &[]);
    again.exits(3).says("has the key release");
    // Neither is one of another kind.
    let organisation = ["keygen", "--name", "B", "--kind", "org", "--on", &desk.uri("b")];
    desk.run(&organisation, &[]).exits(2).says("rotate KEY --on URI");
}

#[test]
fn a_key_that_was_there_gets_the_same_certificate_wherever_it_is_adopted() {
    let Some(desk) = Desk::new() else { return };
    desk.keypairgen("--key-type rsa:3072 --label release --id 01");
    let uri = desk.uri("release");
    let adopt = ["import", "--certificate-for", &uri];
    desk.run(&adopt, &[]).exits(2).says("--created TIME");
    let once = ["--created", "2026-11-01T12:00:00Z", "--user-id", "Acme <r@acme.test>"];
    let first = desk.run(&adopt, &once).exits(0).prints("new");
    let first = first.out().split_whitespace().nth(1).unwrap().to_string();
    // The certificate carries the time from now on.
    desk.run(&adopt, &[]).exits(0).prints(&format!("unchanged  {first}"));
    desk.release(2);
    desk.sign(&["dist"]).exits(0);
    desk.all_good();
    // Another machine makes the same key of it, and another time another one.
    std::fs::remove_dir_all(desk.sandbox.home()).unwrap();
    desk.run(&adopt, &once).exits(0).prints(&first);
    std::fs::remove_dir_all(desk.sandbox.home()).unwrap();
    let other = ["--created", "2026-11-02", "--user-id", "Acme <r@acme.test>"];
    let other = desk.run(&adopt, &other).exits(0).out();
    assert!(!other.contains(&first), "{other}");
    desk.run(&adopt, &["--created", "2100-01-01", "--name", "A"]).exits(0).prints("unchanged");
}

#[test]
fn the_certificate_may_be_a_file_and_must_be_the_keys_own() {
    let Some(desk) = Desk::with_key() else { return };
    desk.release(1);
    desk.sandbox.run("export Acme -a -o cert.asc").exits(0);
    std::fs::remove_dir_all(desk.sandbox.home()).unwrap();
    desk.sign(&["dist"]).exits(3).says("has no certificate of a token's key");
    desk.sign(&["--certificate", "cert.asc", "dist"]).exits(0);
    let other = Sandbox::with_passphrase();
    other.acme_key(&["--no-passphrase"]);
    desk.sandbox.write("other.asc", other.certificate("Acme"));
    let refused = desk.sign(&["--force", "--certificate", "other.asc", "dist"]);
    refused.exits(3).says("no signing key of").says("is the token's key release");
    desk.sandbox.run("sign --certificate cert.asc dist").exits(2).says("--key pkcs11:");
}

#[test]
fn two_keys_of_one_label_are_refused_and_an_id_tells_them_apart() {
    let Some(desk) = Desk::with_key() else { return };
    desk.keypairgen("--key-type rsa:3072 --label release --id 99");
    desk.release(1);
    let refused = desk.sign(&["dist"]).exits(3);
    refused.says("names 2 keys of the token").says("release (id=99)");
    assert!(desk.signatures().is_empty());
    // The other one fits no certificate.
    let uri = desk.uri("release;id=%99");
    desk.run(&["sign", "--key", &uri, "dist"], &[]).exits(3).says("no signing key of");
    // A token without a key's name: the numbers tell which key is meant.
    let uri = format!("pkcs11:token=X?module-path={}", desk.module.display());
    desk.run(&["sign", "--key", &uri, "dist"], &[]).exits(0);
    // With two certificates, they do not.
    let adopt =
        ["import", "--certificate-for", &desk.uri("release;id=%99"), "--created", "2026-01-01"];
    desk.run(&adopt, &["--name", "Other"]).exits(0);
    desk.run(&["sign", "--key", &uri, "--force", "dist"], &[]).exits(3).says("names 2 keys");
}

#[test]
fn a_weak_key_and_one_that_is_not_rsa_are_refused_by_name() {
    let Some(desk) = Desk::with_key() else { return };
    desk.release(1);
    desk.keypairgen("--key-type rsa:2048 --label weak --id 02");
    desk.keypairgen("--key-type EC:prime256v1 --label curve --id 03");
    let sign = |object: &str| desk.run(&["sign", "--key", &desk.uri(object), "dist"], &[]);
    sign("weak").exits(4).says("RSA of 2048 bits is too weak");
    sign("curve").exits(4).says("is no RSA key");
    sign("nothing").exits(3).says("has no private key");
    let uri = desk.uri("weak");
    let adopt = ["import", "--certificate-for", &uri, "--created", "2026-01-01", "--name", "A"];
    desk.run(&adopt, &[]).exits(4).says("2048 bits");
}

#[test]
fn a_subkey_in_the_token_signs_under_a_primary_key_that_is_off_line() {
    let Some(desk) = Desk::new() else { return };
    let s = &desk.sandbox;
    let key = s.acme_key(&["--no-passphrase", "--kind", "org"]);
    s.run(&format!("export --offline-primary vault --unprotected {key}")).exits(0);
    let primary = s.names("vault").into_iter().find(|name| name.contains("secret")).unwrap();
    let primary = format!("vault/{primary}");
    let uri = desk.uri("release");
    let rotate = ["rotate", &key, "--on", &uri];
    desk.run(&rotate, &[]).exits(3).says("--primary FILE");
    let subkey = desk.run(&rotate, &["--primary", &primary]).exits(0).out();
    desk.release(2);
    desk.sign(&["dist"]).exits(0).says(subkey.trim());
    desk.all_good();
    let signer = s.run("--json verify --key cert.asc dist").json();
    assert_eq!(signer["artifacts"][0]["signer"]["key"], subkey.trim());
    assert_eq!(signer["artifacts"][0]["signer"]["certificate"], key);
}

#[test]
fn a_primary_key_in_the_token_changes_its_certificate() {
    let Some(desk) = Desk::with_key() else { return };
    let primary = ["--primary", &desk.uri("release")];
    desk.run(&["extend", "Acme", "--expires", "2y"], &primary).exits(0);
    desk.run(&["adduid", "Acme", "--name", "Acme Two"], &primary).exits(0);
    let listed = desk.sandbox.run("list").exits(0).prints("Acme Two").out();
    assert!(listed.contains("expires 2028"), "{listed}");
    desk.release(1);
    desk.sign(&["dist"]).exits(0);
    let revoke = ["revoke", "Acme", "--reason", "retired"];
    desk.run(&revoke, &primary).exits(0);
    desk.sign(&["--force", "dist"]).exits(4).says("revoked");
}

#[test]
fn a_change_whose_signature_is_lost_names_the_token() {
    let Some(desk) = Desk::with_key() else { return };
    let primary = "pkcs11:token=X;object=release";
    let subject = ["--primary", primary, "--token-command"];
    desk.run(&["adduid", "Acme", "--name", "Two"], &[&subject[..], &[&desk.logged()]].concat())
        .exits(0);
    let sign = b"uayfy";
    let log = desk.sandbox.read("log");
    let sent = log.windows(sign.len()).position(|window| window == sign).unwrap();
    // The server gets everything but the call that signs.
    let module = shown(&desk.module);
    let cut =
        format!("dd bs=1 count={sent} status=none | p11-kit remote --provider {module} pkcs11:");
    for line in [&["adduid", "Acme", "--name", "Six"][..], &["revoke-uid", "Acme", "Two"]] {
        let done = desk.run(line, &[&subject[..], &[&cut]].concat()).exits(3);
        done.says("the connection to the token was lost").says("Run it again");
    }
}

#[test]
fn a_key_gets_an_id_that_no_other_has() {
    let Some(desk) = Desk::new() else { return };
    // The IDs come from the clock. These seconds are taken.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    for second in 0..8 {
        let id = format!("{:08x}", now + second);
        desk.keypairgen(&format!("--key-type rsa:1024 --label k{second} --id {id}"));
    }
    let start = ["keygen", "-q", "--on", &desk.uri("release")];
    desk.run(&start, &["--name", "Acme"]).exits(0);
}

#[test]
fn tokens_are_listed_with_what_can_sign() {
    let Some(desk) = Desk::with_key() else { return };
    desk.keypairgen("--key-type rsa:2048 --label weak --id 02");
    desk.keypairgen("--key-type rsa:3072 --label spare --id 03");
    let token = format!("pkcs11:token=X?module-path={}", desk.module.display());
    let listed = desk.run(&["--json", "list", "--token", &token], &[]).exits(0).json();
    let token_listed = &listed["tokens"][0];
    assert_eq!((&token_listed["label"], &token_listed["logged_in"]), (&"X".into(), &true.into()));
    let keys = token_listed["keys"].as_array().unwrap();
    let key = |label: &str| keys.iter().find(|key| key["label"] == label).unwrap();
    let home = desk.sandbox.run("--json list").json();
    assert_eq!(key("release")["certificate"], home["keys"][0]["fingerprint"]);
    assert_eq!(key("weak")["bits"], 2048);
    assert!(key("weak")["unfit"].as_str().unwrap().contains("too weak"));
    assert_eq!(key("spare")["certificate"], serde_json::Value::Null);
    // Its URI names it, and nothing else.
    let uri = key("release")["uri"].as_str().unwrap();
    let uri = format!("{uri}?module-path={}", desk.module.display());
    desk.release(1);
    desk.run(&["sign", "--key", &uri, "dist"], &[]).exits(0);
    // Without a PIN nobody is asked, and no try is spent.
    let open = desk.sandbox.call(["list", "--token", &token]).run().exits(0);
    open.prints("RSA-3072").says("did not log in");
    let text = desk.run(&["list", "--token", &token], &[]).exits(0).out();
    assert!(text.contains("object=spare;id=%03  RSA-3072  no certificate here"), "{text}");
}

#[test]
fn names_that_a_token_chooses_steer_no_terminal() {
    let Some(desk) = Desk::with_key() else { return };
    let evil = "-\u{1b}[31mred\u{202e}";
    desk.sandbox.write("evil", evil);
    desk.keypairgen("--key-type rsa:3072 --label \"$(cat evil)\" --id 05");
    let s = &desk.sandbox;
    s.sh("softhsm2-util --init-token --free --label \"$(cat evil)\" --pin 1111 --so-pin 87654321")
        .exits(0);
    let token = format!("pkcs11:token=X?module-path={}", desk.module.display());
    desk.run(&["list", "--token", &token], &[]).exits(0).prints("red");
    let all = format!("pkcs11:?module-path={}", desk.module.display());
    s.call(["list", "--token", &all]).run().exits(0).prints("red").says("red");
    s.call(["--json", "list", "--token", &all]).run().exits(0).json();
    // In errors and in what they advise.
    desk.run(&["sign", "--key", &all, "pin"], &[]).exits(3).says("names 2 tokens").says("red");
    let adopt = ["import", "--certificate-for", &token, "--created", "2026-01-01", "--name", "A"];
    desk.run(&adopt, &[]).exits(3).says("names 2 keys").says("red");
}
