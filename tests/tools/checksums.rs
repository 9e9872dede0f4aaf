//! Checksum lists that carry their signature, as projects publish and users check them. plugsign
//! prints nothing of a list that was changed; gpg prints it first.

use crate::common::sandbox::Who;
use crate::tools::workshop::{Workshop, pairs};

/// As many projects do, and as Node.js does with `SHASUMS256.txt`.
const SIGN: &str = "mkdir dist && cd dist && echo one > acme-1.tar.gz && echo two > -acme-1.zip
    sha256sum -- * | gpg --clearsign > ../SHA256SUMS.asc
    cd .. && (cd dist && sha256sum -- *) > SHASUMS256.txt
    gpg --batch --yes --local-user $KEY --digest-algo SHA512 --clear-sign SHASUMS256.txt";

/// How users check such a list. Each of them prints or writes what was signed.
const CHECKS: [&str; 7] = [
    "gpg --verify SHA256SUMS.asc && cat SHASUMS256.txt",
    "gpgv --keyring ./key.gpg SHA256SUMS.asc && cat SHASUMS256.txt",
    "gpgv --keyring ./key.gpg --output list SHA256SUMS.asc && cat list && rm list",
    "gpgv --keyring ./key.gpg --output list < SHASUMS256.txt.asc && cat list && rm list",
    "gpg --decrypt SHA256SUMS.asc",
    "gpg --output - SHASUMS256.txt.asc",
    "gpg --output list --decrypt < SHASUMS256.txt.asc && cat list && rm list",
];

#[test]
fn a_list_signed_with_either_is_accepted_by_either() {
    let Some(shops) = Workshop::both(&["gpg", "gpgv", "sha256sum"]) else { return };
    for Workshop { desk, .. } in &shops {
        desk.must(SIGN);
    }
    for (from, to) in pairs(&shops) {
        to.takes(from);
        to.check("gpg --batch --import key.gpg").exits(0);
        for check in CHECKS {
            let said = to.check(check).exits(0);
            assert_eq!(said.stdout, from.desk.read("SHASUMS256.txt"), "{check}: {said:?}");
        }
        to.check("cd ../dist; gpg --decrypt ../taken/SHA256SUMS.asc | sha256sum --check --strict")
            .exits(0);
        to.check("sed -i 's/acme-1.tar/acme-2.tar/' *.asc").exits(0);
        for check in CHECKS {
            let said = to.check(check);
            assert!(!said.is_ok(), "{check}: {said:?}");
            if to.desk.who == Who::Plugsign {
                assert!(said.stdout.is_empty(), "{check}: {said:?}");
            }
        }
    }
}
