//! Keys that gpg makes, here.

use std::ffi::OsStr;
use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::common::sandbox::Sandbox;
use crate::interop::gpg::{self, Gpg, GpgKey};
use crate::interop::judges;

const DATA: &[u8] = b"a release";

/// Imports a secret key, signs with it, and asserts that everybody accepts the signature.
fn signs(plugsign: &Sandbox, secret: &[u8], options: &[&str], key: &GpgKey) -> String {
    let fingerprint = plugsign.import_with(secret, options);
    let listed = plugsign.call(["list", &fingerprint]).run().exits(0);
    assert!(listed.out().contains("valid, can sign now"), "{listed:?}");
    let file = plugsign.write("release.tar", DATA);
    let signature = plugsign.sign(&file);
    // By the certificate that gpg exports, and by the one that is exported here.
    judges::all_accept(&key.certificate, &signature, DATA);
    judges::all_accept(&plugsign.certificate(&fingerprint), &signature, DATA);
    plugsign.call([OsStr::new("verify"), file.as_os_str()]).run().exits(0);
    fingerprint
}

#[test]
fn a_rsa_and_rsa_key_is_imported_in_every_shape_and_signs() {
    let Some(key) = gpg::rsa_and_rsa() else { return };
    let base64 = |bytes: &[u8]| STANDARD.encode(bytes).into_bytes();
    let wrapped = |bytes: &[u8]| {
        let lines: Vec<Vec<u8>> = base64(bytes).chunks(76).map(<[u8]>::to_vec).collect();
        lines.join(&b'\n')
    };
    let windows = String::from_utf8(key.secret_armored.clone()).unwrap().replace('\n', "\r\n");
    let mail = [b"Hi,\n\nhere it is:\n\n", &key.secret_armored[..], b"\nBye\n"].concat();
    let shapes: [(&str, Vec<u8>); 7] = [
        ("binary", key.secret.clone()),
        ("armored", key.secret_armored.clone()),
        ("base64 of binary", base64(&key.secret)),
        ("wrapped base64 of binary", wrapped(&key.secret)),
        ("base64 of armored", base64(&key.secret_armored)),
        ("armored with CR LF", windows.into_bytes()),
        ("armored in a mail", mail),
    ];
    for (shape, secret) in shapes {
        let plugsign = Sandbox::with_passphrase();
        let file = plugsign.write("key", &secret);
        let said = plugsign.call([OsStr::new("import"), file.as_os_str()]).run();
        assert_eq!(said.code(), Some(0), "{shape}: {said:?}");
        assert!(said.out().starts_with("new  "), "{shape}: {said:?}");
        assert!(said.out().contains("  secret key  Acme Release <release@acme.test>"), "{said:?}");
        let again = plugsign.call([OsStr::new("import"), file.as_os_str()]).run().exits(0);
        assert!(again.out().starts_with("unchanged  "), "{shape}: {again:?}");
    }
    signs(&Sandbox::with_passphrase(), &key.secret_armored, &[], key);
}

#[test]
fn a_key_from_the_environment_signs_without_a_home() {
    let Some(key) = gpg::rsa_and_rsa() else { return };
    let armored = String::from_utf8(key.secret_armored.clone()).unwrap();
    for text in [armored.clone(), armored.replace('\n', "\\n"), STANDARD.encode(&key.secret)] {
        let plugsign = Sandbox::with_passphrase();
        let file = plugsign.write("release.tar", DATA);
        plugsign.call(["sign"]).arg(&file).env("PLUGSIGN_KEY", text).run().exits(0);
        let signature = fs::read(plugsign.path("release.tar.sig")).unwrap();
        judges::go(&key.certificate_armored, &signature, DATA).unwrap();
        judges::rpgp(&key.certificate, &signature, DATA).unwrap();
        assert!(!plugsign.path("home/keys").exists(), "the key is written nowhere");
    }
}

#[test]
fn a_wrong_passphrase_keeps_a_key_out() {
    let Some(key) = gpg::rsa_and_rsa() else { return };
    let plugsign = Sandbox::with_passphrase();
    let file = plugsign.write("key", &key.secret);
    let call = plugsign.call(["import"]).arg(&file).env("PLUGSIGN_PASSPHRASE", "wrong");
    call.run().exits(3).prints("wrong passphrase");
    assert!(plugsign.call(["list"]).run().exits(0).out().is_empty());
}

#[test]
fn a_signing_subkey_signs_and_all_accept_it() {
    let Some(key) = gpg::signing_subkey() else { return };
    let plugsign = Sandbox::with_passphrase();
    let fingerprint = signs(&plugsign, &key.secret, &[], key);
    let listed = plugsign.call(["list", &fingerprint]).run().exits(0);
    let listed = listed.out();
    let subkey = listed.lines().find(|line| line.contains("RSA-3072, sign,")).unwrap();
    let subkey = subkey.split_whitespace().nth(1).unwrap().trim_end_matches(':').to_string();
    assert_ne!(subkey, fingerprint);
    let file = plugsign.write("other.tar", DATA);
    let said = plugsign.call([OsStr::new("sign"), file.as_os_str()]).run().exits(0);
    assert!(said.err().contains(&format!("by {subkey} ")), "the subkey signs: {said:?}");

    // The primary key signs too, if it is told to.
    let exactly = format!("{fingerprint}!");
    let options = ["sign", "--force", "-u", &exactly].map(OsStr::new);
    let said = plugsign.call(options.into_iter().chain([file.as_os_str()])).run().exits(0);
    assert!(said.err().contains(&format!("by {fingerprint} ")), "{said:?}");
    judges::all_accept(&key.certificate, &fs::read(plugsign.path("other.tar.sig")).unwrap(), DATA);
}

#[test]
fn a_signing_subkey_alone_signs_while_its_primary_key_is_off_line() {
    let Some(key) = gpg::signing_subkey() else { return };
    let plugsign = Sandbox::with_passphrase();
    let fingerprint = signs(&plugsign, &key.secret_subkeys, &[], key);
    let file = plugsign.write("other.tar", DATA);
    let exactly = format!("{fingerprint}!");
    let options = ["sign", "-u", &exactly].map(OsStr::new);
    let said = plugsign.call(options.into_iter().chain([file.as_os_str()])).run();
    assert_eq!(said.code(), Some(4), "{said:?}");
    assert!(said.err().contains("its secret part is not here"), "{said:?}");

    // What leaves is what came: gpg takes it, and its primary key is still a stub.
    let exported = plugsign.call(["export", &fingerprint, "--secret"]).run().exits(0).stdout;
    let Some(gpg) = Gpg::with(&exported) else { return };
    let listing = gpg.text(&["--with-colons", "--list-secret-keys"]);
    let primary = listing.lines().find(|line| line.starts_with("sec:")).unwrap();
    assert_eq!(primary.split(':').nth(14), Some("#"), "{listing}");
    assert!(!gpg.sign(&file, &[]).is_empty());
}

#[test]
fn an_encryption_subkey_alone_cannot_sign_and_is_refused() {
    let Some(key) = gpg::rsa_and_rsa() else { return };
    let plugsign = Sandbox::with_passphrase();
    let file = plugsign.write("key", &key.secret_subkeys);
    plugsign.call([OsStr::new("import"), file.as_os_str()]).run();
    let release = plugsign.write("release.tar", DATA);
    let said = plugsign.call([OsStr::new("sign"), release.as_os_str()]).run();
    assert_eq!(said.code(), Some(4), "{said:?}");
    assert!(said.err().contains("its secret part is not here"), "{said:?}");
    assert!(!plugsign.path("release.tar.sig").exists());
}

#[test]
fn an_unprotected_key_gets_a_passphrase_or_needs_an_option() {
    let Some(key) = gpg::unprotected() else { return };
    let plugsign = Sandbox::with_passphrase();
    let fingerprint = signs(&plugsign, &key.secret, &[], key);
    let listed = plugsign.call(["list", &fingerprint]).run().exits(0);
    assert!(listed.out().contains("secret key, protected"), "{listed:?}");
    let exported = plugsign.call(["export", &fingerprint, "--secret"]).run().exits(0).stdout;
    let Some(gpg) = Gpg::with(&exported) else { return };
    let packets = gpg.path("packets");
    fs::write(&packets, &exported).unwrap();
    let listing = gpg.text(&["--list-packets", packets.to_str().unwrap()]);
    assert!(listing.contains("iter+salt S2K, algo: 9, SHA1 protection, hash: 8"), "{listing}");
    gpg.sign(&plugsign.path("release.tar"), &[]);

    let open = Sandbox::with_passphrase();
    let fingerprint = signs(&open, &key.secret, &["--no-passphrase"], key);
    let listed = open.call(["list", &fingerprint]).run().exits(0);
    assert!(listed.out().contains("secret key, NOT protected"), "{listed:?}");
}

#[test]
fn a_key_of_4096_bits_signs_and_all_accept_it() {
    let Some(key) = gpg::rsa_4096() else { return };
    signs(&Sandbox::with_passphrase(), &key.secret, &[], key);
}

#[test]
fn a_key_of_2048_bits_and_an_ed25519_key_are_refused_by_policy() {
    for (key, reason) in [
        (gpg::rsa_2048(), "RSA of 2048 bits is too weak, at least 3072 are needed"),
        (gpg::curves(), "EdDSA is not accepted, only RSA is"),
    ] {
        let Some(key) = key else { return };
        let plugsign = Sandbox::with_passphrase();
        for shape in [&key.secret, &key.secret_armored, &key.certificate, &key.certificate_armored]
        {
            let file = plugsign.write("key", shape);
            let said = plugsign.call([OsStr::new("import"), file.as_os_str()]).run();
            assert_eq!(said.code(), Some(4), "{said:?}");
            assert!(said.out().contains(reason), "{said:?}");
        }
        assert!(plugsign.call(["list"]).run().exits(0).out().is_empty());
    }
}

#[test]
fn a_key_with_a_curve25519_subkey_signs_and_the_server_gets_a_copy_without_it() {
    let Some(key) = gpg::curve_subkey() else { return };
    let Some(go) = crate::common::peers::go_verdict() else { return };
    let plugsign = Sandbox::with_passphrase();
    let key_file = plugsign.write("key", &key.secret);
    let imported = plugsign.call([OsStr::new("import"), key_file.as_os_str()]).run().exits(0);
    assert!(imported.err().contains("export --for-server"), "said at once: {imported:?}");
    let fingerprint = imported.out().split_whitespace().nth(1).unwrap().to_string();
    let listed = plugsign.call(["list", &fingerprint]).run().exits(0);
    assert!(listed.out().contains("valid, can sign now"), "{listed:?}");
    assert!(listed.out().contains("export --for-server"), "{listed:?}");

    let file = plugsign.write("release.tar", DATA);
    let signature = plugsign.sign(&file);
    let copy = plugsign.call(["export", "--for-server", &fingerprint]).run().exits(0);
    assert!(copy.err().contains("left out: subkey "), "{copy:?}");
    judges::all_accept(&copy.stdout, &signature, DATA);
    plugsign.call([OsStr::new("verify"), file.as_os_str()]).run().exits(0);

    // The server still cannot read the whole certificate, and plugsign does not say that it can.
    let whole = plugsign.call(["export", &fingerprint]).run().exits(0);
    assert!(whole.err().contains("export --for-server"), "{whole:?}");
    let question =
        crate::common::peers::Question { key: &whole.stdout, signature: &signature, data: DATA };
    assert!(go.ask(question).starts_with("REFUSE "));
    let whole = plugsign.write("whole", &whole.stdout);
    let refused = plugsign.call([OsStr::new("trust"), OsStr::new("add"), whole.as_os_str()]).run();
    assert_eq!(refused.code(), Some(4), "{refused:?}");
    assert!(refused.out().contains("export --for-server"), "{refused:?}");
    let asked = [OsStr::new("verify"), OsStr::new("--as-server"), OsStr::new("--key")];
    let said = plugsign.call([&asked[..], &[whole.as_os_str(), file.as_os_str()]].concat()).run();
    assert_eq!(said.code(), Some(1), "{said:?}");
}

#[test]
fn the_copy_for_a_server_can_be_trusted_and_the_encryption_subkey_stays_at_home() {
    let Some(key) = gpg::curve_subkey() else { return };
    let plugsign = Sandbox::with_passphrase();
    let fingerprint = plugsign.import_with(&key.secret, &[]);
    let copy = plugsign.call(["export", "--for-server", &fingerprint]).run().exits(0);
    let file = plugsign.write("for-server.key", &copy.stdout);
    plugsign.call([OsStr::new("trust"), OsStr::new("add"), file.as_os_str()]).run().exits(0);
    let listed = plugsign.call(["--json", "list", &fingerprint]).run().exits(0);
    let document = crate::common::schema::parse(&listed.stdout, listed.code(), &listed);
    assert_eq!(document["keys"][0]["left_out_for_server"].as_array().unwrap().len(), 1);
    let Some(gpg) = Gpg::with(&plugsign.certificate(&fingerprint)) else { return };
    assert!(gpg.text(&["--with-colons", "--list-keys"]).contains(":18:"), "it is still there");
    let Some(gpg) = Gpg::with(&copy.stdout) else { return };
    assert!(!gpg.text(&["--with-colons", "--list-keys"]).contains(":18:"), "it is gone");
}

const QUICK_SIGNER: [&str; 4] = ["Old <old@acme.test>", "rsa3072", "sign,cert", "never"];

#[test]
fn self_signatures_over_sha1_are_refused_until_they_are_renewed_as_the_hint_says() {
    let Some(gpg) = Gpg::new() else { return };
    let generate = ["--cert-digest-algo", "SHA1", "--quick-gen-key"];
    gpg.must(&[&generate[..], &QUICK_SIGNER].concat());
    let plugsign = Sandbox::with_passphrase();
    let key = plugsign.write("key", gpg.must(&["--export-secret-keys"]));
    let said = plugsign.call([OsStr::new("import"), key.as_os_str()]).run();
    assert_eq!(said.code(), Some(4), "{said:?}");
    assert!(said.out().contains("its self-signature uses SHA1, which is too weak"), "{said:?}");
    let renew = ["--cert-digest-algo", "SHA256", "--quick-set-expire"];
    assert!(said.err().contains(&renew.join(" ")), "{said:?}");

    gpg.must(&[&renew[..], &[&gpg.fingerprint(), "0"]].concat());
    plugsign.import_with(&gpg.must(&["--export-secret-keys"]), &[]);
    let signature = plugsign.sign(&plugsign.write("release.tar", DATA));
    judges::all_accept(&gpg.must(&["--export"]), &signature, DATA);
}

#[test]
fn an_expired_key_signs_again_once_it_is_extended_and_never_once_it_is_revoked() {
    let Some(gpg) = Gpg::new() else { return };
    let mut generate = vec!["--faked-system-time", "20250101T000000", "--quick-gen-key"];
    generate.extend([QUICK_SIGNER[0], QUICK_SIGNER[1], QUICK_SIGNER[2], "20250201T000000"]);
    gpg.must(&generate);
    let fingerprint = gpg.fingerprint();
    let plugsign = Sandbox::with_passphrase();
    plugsign.import_with(&gpg.must(&["--export-secret-keys"]), &[]);
    let file = plugsign.write("release.tar", DATA);
    let said = plugsign.call([OsStr::new("sign"), file.as_os_str()]).run();
    assert_eq!(said.code(), Some(4), "{said:?}");
    assert!(said.err().contains("it expired on 2025-02-01T00:00:00Z"), "{said:?}");
    assert!(said.err().contains("--quick-set-expire"), "{said:?}");

    gpg.must(&["--quick-set-expire", &fingerprint, "1y"]);
    let extended = gpg.must(&["--export-secret-keys"]);
    plugsign.import_with(&extended, &[]);
    let signature = plugsign.sign(&file);
    judges::all_accept(&gpg.must(&["--export"]), &signature, DATA);

    let revocation = fs::read_to_string(gpg.path(&format!("openpgp-revocs.d/{fingerprint}.rev")));
    gpg.import(revocation.unwrap().replace("\n:-----", "\n-----").as_bytes());
    plugsign.import_with(&gpg.must(&["--export"]), &[]);
    // Neither the key as it was before nor its file brings it back.
    plugsign.import_with(&extended, &["--replace"]);
    let key_file = plugsign.write("key", &extended);
    for arguments in [&["sign"][..], &["sign", "--key-file", key_file.to_str().unwrap()]] {
        let arguments = arguments.iter().map(OsStr::new).chain([file.as_os_str()]);
        let said = plugsign.call(arguments).run();
        assert_eq!(said.code(), Some(4), "{said:?}");
        assert!(said.err().contains("it is revoked"), "{said:?}");
    }
    let said = plugsign.call([OsStr::new("verify"), file.as_os_str()]).run();
    assert_eq!(said.code(), Some(1), "{said:?}");
    assert!(said.out().contains("revoked-key: "), "{said:?}");
}

#[test]
fn a_certificate_that_an_ed25519_key_certified_needs_a_copy_for_the_server() {
    let (Some(key), Some(friend)) = (gpg::rsa_and_rsa(), gpg::curves()) else { return };
    let Some(gpg) = Gpg::with(&friend.secret) else { return };
    gpg.import(&key.certificate);
    let plugsign = Sandbox::with_passphrase();
    let fingerprint = plugsign.import_with(&key.certificate, &[]);
    gpg.must(&["--quick-sign-key", &fingerprint]);
    let certified = gpg.must(&["--export", &fingerprint]);
    assert!(certified.len() > key.certificate.len());
    let file = plugsign.write("acme.gpg", &certified);
    let said = plugsign.call([OsStr::new("trust"), OsStr::new("add"), file.as_os_str()]).run();
    assert_eq!(said.code(), Some(4), "{said:?}");
    assert!(said.out().contains("export-minimal"), "{said:?}");
    // What leaves the home has no certifications by others, and is.
    plugsign.import_with(&certified, &[]);
    let file = plugsign.write("clean.gpg", plugsign.certificate(&fingerprint));
    plugsign.call([OsStr::new("trust"), OsStr::new("add"), file.as_os_str()]).run().exits(0);
}
