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
    assert!(done.out().contains("type 0x00, Sha256, "), "{}", done.shown());
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
