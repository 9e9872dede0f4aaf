//! Signatures that gpg makes, judged here.

use std::ffi::OsStr;
use std::path::Path;

use crate::common::sandbox::{Done, Sandbox};
use crate::interop::gpg::{self, Gpg};

/// A gpg home that has a key, and a home here that trusts it.
struct Signer {
    gpg: Gpg,
    plugsign: Sandbox,
}

impl Signer {
    fn new() -> Option<Signer> {
        let key = gpg::rsa_and_rsa()?;
        let plugsign = Sandbox::with_passphrase();
        let file = plugsign.write("acme.gpg", &key.certificate);
        plugsign.call([OsStr::new("trust"), OsStr::new("add"), file.as_os_str()]).run().exits(0);
        Some(Signer { gpg: Gpg::with(&key.secret)?, plugsign })
    }

    fn judge(&self, file: &Path, signature: &[u8]) -> Done {
        let signature = self.plugsign.write("signature", signature);
        self.plugsign
            .call([
                OsStr::new("verify"),
                OsStr::new("--signature"),
                signature.as_os_str(),
                file.as_os_str(),
            ])
            .run()
    }
}

#[test]
fn gpgs_signatures_over_sha_256_384_and_512_are_good_binary_and_armored() {
    let Some(signer) = Signer::new() else { return };
    let file = signer.plugsign.write("release.tar.gz", [0x1F; 70_000]);
    for hash in ["SHA256", "SHA384", "SHA512"] {
        for more in [&[][..], &["--armor"], &["--armor", "--comment", "made by Acme"]] {
            let options = [&["--digest-algo", hash][..], more].concat();
            let signature = signer.gpg.sign(&file, &options);
            let said = signer.judge(&file, &signature);
            assert_eq!(said.code(), Some(0), "{options:?}: {said:?}");
            assert!(said.out().starts_with("good "), "{options:?}: {said:?}");
        }
    }
}

#[test]
fn needless_subpackets_of_gpg_do_no_harm() {
    let Some(signer) = Signer::new() else { return };
    let file = signer.plugsign.write("release.tar", b"release");
    for options in [
        &["--sig-notation", "build@acme.test=17"][..],
        &["--sig-policy-url", "https://acme.test/policy"],
        &["--sig-keyserver-url", "hkps://acme.test"],
        &["--default-sig-expire", "1d"],
        &["--sender", "release@acme.test"],
    ] {
        let said = signer.judge(&file, &signer.gpg.sign(&file, options));
        assert_eq!(said.code(), Some(0), "{options:?}: {said:?}");
    }
}

#[test]
fn weak_hashes_and_text_signatures_are_not_good_and_the_reason_says_so() {
    let Some(signer) = Signer::new() else { return };
    let file = signer.plugsign.write("release.tar", b"release\n");
    for (options, reason) in [
        (&["--digest-algo", "SHA1"][..], "weak-hash: "),
        (&["--digest-algo", "SHA224"], "weak-hash: "),
        (&["--digest-algo", "RIPEMD160"], "weak-hash: "),
        (&["--textmode"], "not-detached: "),
        (&["--textmode", "--armor"], "not-detached: "),
        (&["--sig-notation", "!build@acme.test=17"], "malformed: "),
        (&["--sig-policy-url", "!https://acme.test/policy"], "server-refuses: "),
    ] {
        let said = signer.judge(&file, &signer.gpg.sign(&file, options));
        assert_eq!(said.code(), Some(1), "{options:?}: {said:?}");
        assert!(said.out().starts_with("BAD "), "{options:?}: {said:?}");
        assert!(said.out().contains(reason), "{options:?}: {said:?}");
    }
}

#[test]
fn inline_and_cleartext_signatures_are_not_detached_ones() {
    let Some(signer) = Signer::new() else { return };
    let file = signer.plugsign.write("release.tar", b"release\n");
    for how in ["--sign", "--clear-sign"] {
        for more in [&[][..], &["--armor"], &["--compress-algo", "none"]] {
            let output = signer.gpg.path("inline");
            let mut arguments = more.to_vec();
            arguments.extend(["-o", output.to_str().unwrap(), how, file.to_str().unwrap()]);
            signer.gpg.must(&arguments);
            let said = signer.judge(&file, &std::fs::read(&output).unwrap());
            assert_eq!(said.code(), Some(1), "{how} {more:?}: {said:?}");
            assert!(said.out().contains("not-detached: "), "{how} {more:?}: {said:?}");
        }
    }
}

#[test]
fn two_signatures_in_one_file_are_not_one() {
    let Some(signer) = Signer::new() else { return };
    let file = signer.plugsign.write("release.tar", b"release");
    let one = signer.gpg.sign(&file, &[]);
    assert_eq!(signer.judge(&file, &one).code(), Some(0));
    let said = signer.judge(&file, &[&one[..], &one].concat());
    assert_eq!(said.code(), Some(1), "{said:?}");
    assert!(said.out().contains("not-detached: "), "{said:?}");
    let armored = signer.gpg.sign(&file, &["--armor"]);
    let said = signer.judge(&file, &[&armored[..], &armored].concat());
    assert_eq!(said.code(), Some(1), "{said:?}");
    assert!(said.out().contains("not-detached: "), "{said:?}");
}

#[test]
fn a_key_of_2048_bits_and_an_ed25519_key_make_no_good_signatures() {
    for key in [gpg::rsa_2048(), gpg::curves()] {
        let Some(key) = key else { return };
        let Some(gpg) = Gpg::with(&key.secret) else { return };
        let plugsign = Sandbox::with_passphrase();
        let file = plugsign.write("release.tar", b"release");
        let certificate = plugsign.write("certificate.gpg", &key.certificate);
        plugsign.write("release.tar.sig", gpg.sign(&file, &[]));
        let said = plugsign
            .call([
                OsStr::new("verify"),
                OsStr::new("--key"),
                certificate.as_os_str(),
                file.as_os_str(),
            ])
            .run();
        assert_eq!(said.code(), Some(1), "{said:?}");
        assert!(said.out().contains("weak-key: "), "{said:?}");
        let trusted =
            plugsign.call([OsStr::new("trust"), OsStr::new("add"), certificate.as_os_str()]).run();
        assert_eq!(trusted.code(), Some(4), "{trusted:?}");
    }
}
