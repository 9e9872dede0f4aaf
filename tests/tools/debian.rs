//! A Debian package is built and signed, and its signatures are checked by those who check them.

use crate::common::sandbox::Sandbox;
use crate::tools::workshop::{Workshop, pairs};

/// Builds acme 1.0, source and binary, in the sandbox's folder.
#[track_caller]
pub fn build(desk: &Sandbox, signing: &str) {
    let files: [(&str, &str); 4] = [
        (
            "changelog",
            "acme (1.0) unstable; urgency=low\n\n  * First.\n\n \
             -- Acme Release <r@acme.test>  Sun, 22 Nov 2026 10:00:00 +0000\n",
        ),
        (
            "control",
            "Source: acme\nSection: misc\nPriority: optional\n\
             Maintainer: Acme Release <r@acme.test>\nStandards-Version: 4.6.0\n\
             Rules-Requires-Root: no\n\nPackage: acme\nArchitecture: all\n\
             Description: a test\n It is empty.\n - As empty as can be.\n",
        ),
        (
            "rules",
            "#!/usr/bin/make -f\nclean:\n\trm -rf debian/tmp debian/files\n\
             build build-indep build-arch binary-arch:\nbinary-indep binary:\n\
             \tmkdir -p debian/tmp/DEBIAN\n\tdpkg-gencontrol\n\
             \tdpkg-deb --build --root-owner-group debian/tmp ..\n",
        ),
        ("source/format", "3.0 (native)\n"),
    ];
    for (name, text) in files {
        desk.write(format!("acme-1.0/debian/{name}"), text);
    }
    desk.chmod("acme-1.0/debian/rules", 0o755);
    desk.must(&format!("cd acme-1.0 && dpkg-buildpackage {signing}"));
}

const SIGNED: [&str; 3] = [".dsc", ".buildinfo", ".changes"];

/// Returns the files of a build.
fn built(desk: &Sandbox) -> Vec<String> {
    let mut names = desk.names(".");
    names.retain(|name| name.starts_with("acme_"));
    names
}

/// Asserts that a build is accepted here, whoever made it, and nothing that was changed since.
#[track_caller]
fn accepts(to: &Workshop, from: &Workshop) {
    to.takes(from);
    for name in built(&from.desk).iter().filter(|name| SIGNED.iter().any(|end| name.ends_with(end)))
    {
        to.check(&format!("gpgv --keyring ./key.gpg --output text {name} && rm text")).exits(0);
    }
    let dscverify = "dscverify --no-conf --no-default-keyrings --keyring $PWD/key.gpg";
    let checked = to.check(&format!("{dscverify} *.changes")).exits(0).out();
    assert_eq!(checked.matches("Good signature found").count(), 3, "{checked}");
    // What dpkg-source trusts.
    to.check("cp key.gpg ~/.gnupg/trustedkeys.gpg").exits(0);
    let unpack = "rm -rf x && dpkg-source --require-valid-signature -x acme_1.0.dsc x";
    to.check(unpack).exits(0);

    to.check("sed -i 's/^Standards-Version: .*/Standards-Version: 4.6.1/' acme_1.0.dsc").exits(0);
    for line in [&format!("{dscverify} acme_1.0.dsc"), unpack] {
        let said = to.check(line);
        assert!(!said.is_ok(), "{said:?}");
    }
}

fn each_accepts_each(shops: &[Workshop; 2]) {
    assert_eq!(built(&shops[0].desk), built(&shops[1].desk));
    for (from, to) in pairs(shops) {
        accepts(to, from);
    }
}

const CHECKERS: [&str; 4] = ["dpkg-buildpackage", "dscverify", "dpkg-source", "make"];

#[test]
fn dpkg_buildpackage_signs_what_dscverify_and_dpkg_source_accept() {
    let Some(shops) = Workshop::both(&CHECKERS) else { return };
    for Workshop { desk, .. } in &shops {
        build(desk, "--sign-key=$KEY");
    }
    each_accepts_each(&shops);
}

#[test]
fn debsign_signs_a_build_that_has_no_signatures() {
    let Some(shops) = Workshop::both(&[&CHECKERS[..], &["debsign"]].concat()) else { return };
    for Workshop { desk, .. } in &shops {
        build(desk, "--no-sign");
        desk.must("debsign --no-conf -k$KEY acme_1.0_*.changes");
    }
    each_accepts_each(&shops);
}

/// The maintainer in the changelog is the key's user ID, and that is how they ask for it.
#[test]
fn the_maintainers_key_signs_if_no_other_is_named() {
    let Some(shops) = Workshop::both(&[&CHECKERS[..], &["debsign"]].concat()) else { return };
    for Workshop { desk, .. } in &shops {
        build(desk, "");
        desk.must("gpgv --keyring ./key.gpg acme_1.0.dsc");
        desk.must("debsign --no-conf --re-sign acme_1.0_*.changes");
        desk.must("gpgv --keyring ./key.gpg acme_1.0_*.changes");
    }
}

/// What docs/in-place-of-gpg.md says of it: dpkg looks for both, and uses neither.
#[test]
fn dpkg_buildpackage_signs_only_where_it_sees_an_agent_and_a_folder_of_gnupgs() {
    let Some([Workshop { mut desk, .. }, _]) = Workshop::both(&CHECKERS) else { return };
    let home = desk.at("g/plugsign");
    desk.set("PLUGSIGN_HOME", home);
    let is_signed = |desk: &Sandbox| {
        desk.must("unset GNUPGHOME; cd acme-1.0 && dpkg-buildpackage --sign-key=$KEY");
        desk.read("acme_1.0.dsc").starts_with(b"-----BEGIN PGP SIGNED MESSAGE-----")
    };
    build(&desk, "--no-sign");
    assert!(is_signed(&desk));
    desk.must("mv ../bin/gpg-agent .");
    assert!(!is_signed(&desk));
    desk.must("mv gpg-agent ../bin/ && rm -r ~/.gnupg");
    assert!(!is_signed(&desk));
    desk.must("mkdir ~/.gnupg");
    assert!(is_signed(&desk));
}
