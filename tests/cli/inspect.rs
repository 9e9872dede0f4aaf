//! What `inspect` says of every kind of file: what it is, and never that it is good.

use crate::common::sandbox::Sandbox;

#[test]
fn every_kind_of_file_is_named_and_nothing_is_called_good() {
    let sandbox = Sandbox::for_scripts();
    let key = sandbox.acme_key(&["--no-passphrase"]);
    sandbox.write("a.tar.gz", b"an archive");
    sandbox.write("text", b"one\ntwo\n");
    sandbox.must(&format!(
        "plugsign sign -q a.tar.gz; plugsign sign -q -a a.tar.gz; plugsign sign -q --cleartext text; \
         plugsign export {key} -o cert; plugsign export {key} -a --secret --unprotected -o secret; \
         sha256sum a.tar.gz text > SHA256SUMS; cat a.tar.gz.sig a.tar.gz.sig > two.sig; \
         echo >> a.tar.gz"
    ));
    for (file, words) in [
        ("a.tar.gz.sig", "1 signature"),
        ("a.tar.gz.asc", "1 signature, armored"),
        ("two.sig", "2 signatures"),
        ("text.asc", "signed text of 2 lines, 1 signature"),
        ("cert", "1 key"),
        ("secret", "1 key, armored"),
        ("SHA256SUMS", "list of checksums of 2 files"),
        ("text", "nothing that plugsign knows"),
    ] {
        let done = sandbox.must(&format!("plugsign inspect {file}"));
        assert!(done.out().starts_with(&format!("{file}: {words}")), "{}", done.shown());
        assert!(!done.out().contains("good"), "{}", done.shown());
    }
    let done = sandbox.must("plugsign inspect a.tar.gz.sig");
    assert!(done.out().contains("type 0x00, SHA256, "), "{}", done.shown());
    done.prints(&format!("claims to be by {key}")).prints("(your own key)");
    sandbox.must("plugsign inspect cert").prints("certificate ");
    sandbox.must("plugsign inspect secret").prints("secret key ");
    sandbox
        .must("PLUGSIGN_HOME=nowhere plugsign inspect a.tar.gz.sig")
        .prints("no key here is that one");
    let done = sandbox.sh("plugsign inspect missing cert");
    done.exits(3).prints("certificate").says("cannot inspect missing");
}

#[test]
fn verify_says_whom_a_signature_names_and_takes_it_from_anywhere() {
    let sandbox = Sandbox::for_scripts();
    let key = sandbox.acme_key(&["--no-passphrase"]);
    sandbox.write("a.tar.gz", b"an archive");
    sandbox.must("plugsign sign -q a.tar.gz; plugsign export acme -o cert");
    let stranger =
        |line: &str| sandbox.sh(&format!("PLUGSIGN_HOME=nowhere plugsign verify {line}"));
    stranger("a.tar.gz").exits(3).says(&format!("a.tar.gz claims to be by {key}"));
    sandbox.copy("keys-example/organisation.asc", "other.asc");
    let done = stranger("--key other.asc a.tar.gz").exits(1);
    assert!(done.out().contains(&format!("unknown-signer: made by {key}")), "{}", done.shown());
    // From standard input, and by the kernel's name.
    sandbox.must("cp a.tar.gz.sig a.tar.gz.sign; cat a.tar.gz.sig a.tar.gz.sig > two.sig");
    for line in [
        "a.tar.gz.sign",
        "--signature a.tar.gz.sign a.tar.gz",
        "--signature a.tar.gz.sig - < a.tar.gz",
    ] {
        stranger(&format!("--key cert {line}")).exits(0).prints("good");
    }
    stranger("--key cert --signature a.tar.gz.sig - < cert").exits(1).prints("BAD");
    stranger("--key cert - < a.tar.gz").exits(2);
    stranger("--key cert --signature two.sig a.tar.gz").exits(1).prints("several signatures");
}

#[test]
fn verify_says_what_the_home_knows_of_an_unknown_signer() {
    let sandbox = Sandbox::for_scripts();
    let key = sandbox.acme_key(&["--no-passphrase"]);
    sandbox.write("a.tar.gz", b"an archive");
    sandbox.must("plugsign sign -q a.tar.gz; plugsign export acme -o cert");
    sandbox.copy("keys-example/organisation.asc", "other.asc");
    let verify = |home: &str, words: &str, known: serde_json::Value| {
        let line = format!("{home} plugsign --json verify --key other.asc");
        for line in
            [format!("{line} a.tar.gz"), format!("{line} --signature a.tar.gz.sig - < a.tar.gz")]
        {
            let done = sandbox.sh(&line).exits(1);
            let bad = done.json()["artifacts"][0].clone();
            assert_eq!(bad["reason"], "unknown-signer", "{}", done.shown());
            let detail = bad["detail"].as_str().unwrap();
            assert!(detail.contains(&format!("made by {key}")), "{detail}");
            assert!(detail.ends_with(words), "{detail}");
            assert_eq!(bad["claims"]["fingerprint"], key.as_str());
            let claims = &bad["claims"]["known"];
            for name in ["trusted", "secret", "revoked"] {
                assert_eq!(claims[name], known[name], "{}", done.shown());
            }
        }
    };
    let known = |trusted: bool, secret: bool, revoked: bool| serde_json::json!({ "trusted": trusted, "secret": secret, "revoked": revoked });
    verify("", ": your own", known(false, true, false));
    verify("PLUGSIGN_HOME=nowhere", "; the home does not know that key", serde_json::json!({}));
    sandbox.must("PLUGSIGN_HOME=friend plugsign import -q cert");
    verify("PLUGSIGN_HOME=friend", ": not trusted", known(false, false, false));
    sandbox
        .sh("PLUGSIGN_HOME=friend plugsign verify a.tar.gz")
        .exits(3)
        .says("the home knows it as Acme");
    sandbox.must("PLUGSIGN_HOME=friend plugsign trust add cert");
    verify("PLUGSIGN_HOME=friend", ": trusted", known(true, false, false));
    sandbox.must("plugsign revoke -q acme --reason compromised; plugsign export acme -o cert --force; PLUGSIGN_HOME=friend plugsign import -q cert");
    verify("PLUGSIGN_HOME=friend", ": trusted, revoked", known(true, false, true));
}
