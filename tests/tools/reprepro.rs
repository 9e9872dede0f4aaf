//! reprepro publishes a repository through gpgme, and apt installs from it.

use crate::tools::archive::holds;
use crate::tools::debian;
use crate::tools::workshop::{Workshop, pairs};

#[test]
fn apt_installs_from_what_reprepro_exports() {
    let Some(shops) = Workshop::both(&["reprepro", "apt-get", "dpkg-buildpackage"]) else { return };
    for Workshop { desk, .. } in &shops {
        debian::build(desk, "--no-sign");
        desk.must(
            "mkdir -p published/conf
             printf 'Codename: stable\\nArchitectures: amd64\\nComponents: main\\nSignWith: %s\\n' \
             $KEY > published/conf/distributions
             reprepro -b published export && reprepro -b published includedeb stable acme_1.0_all.deb",
        );
        assert_eq!(
            desk.names("published/dists/stable"),
            ["InRelease", "Release", "Release.gpg", "main"]
        );
    }
    for (from, to) in pairs(&shops) {
        holds(to, from);
    }
}

/// It asks gpgme who signed the `.changes` file.
#[test]
fn reprepro_takes_an_upload_that_is_signed_and_no_other() {
    let programs = ["reprepro", "dpkg-buildpackage"];
    let Some(shops) = Workshop::both(&programs) else { return };
    for Workshop { desk, key } in &shops {
        debian::build(desk, "--sign-key=$KEY");
        desk.must("gpg --import key.gpg");
        let allowed = format!("allow * by key {key}\n");
        desk.write("published/conf/uploaders", allowed);
        desk.write(
            "published/conf/distributions",
            format!(
                "Codename: unstable\nArchitectures: amd64 source\nComponents: main\n\
                 Uploaders: uploaders\nSignWith: {key}\n"
            ),
        );
        desk.must("reprepro -b published include unstable acme_1.0_*.changes");
        desk.must("reprepro -b published list unstable").prints("acme 1.0");
        desk.must("reprepro -b published remove unstable acme");
        desk.must("sed -i 's/^Date: .*/Date: Mon, 30 Nov 2026 10:00:00 +0000/' *.changes");
        let said = desk.sh("reprepro -b published include unstable acme_1.0_*.changes");
        assert!(!said.is_ok(), "{said:?}");
        desk.must("test -z \"$(reprepro -b published list unstable)\"");
    }
}
