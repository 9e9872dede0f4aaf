//! Packaging tools that call gpg, on real packages: rpmsign, debsign, makepkg, goreleaser. Each runs
//! with plugsign and with gpg, and what it says and makes is the same.

use crate::common::peers::peer;
use crate::common::sandbox::Sandbox;
use crate::gpg::twins::{GpgKeys, StatusLines};

/// plugsign's desk and gpg's, if there is one.
fn desks() -> Vec<Sandbox> {
    [Some(Sandbox::in_place_of_gpg()), Sandbox::of_gpg()].into_iter().flatten().collect()
}

/// Asserts that what was made of all desks is the same.
#[track_caller]
fn all_same<T: PartialEq + std::fmt::Debug>(made: &[T]) {
    for other in made {
        assert_eq!(&made[0], other);
    }
}

const SPEC: &str = "Name: acme\nVersion: 1\nRelease: 1\nSummary: A test\nLicense: MIT\n\
    BuildArch: noarch\n%description\nA test\n%files\n";

#[test]
fn rpmsign_signs_and_rpm_verifies() {
    for program in ["rpmbuild", "rpmsign", "rpmkeys"] {
        if peer(program).is_none() {
            return;
        }
    }
    let mut made = Vec::new();
    for desk in desks() {
        let key = desk.gpg_key("Acme Release <r@acme.test>");
        desk.write("acme.spec", SPEC);
        desk.must("rpmbuild --quiet --define \"_topdir $PWD\" -bb acme.spec && cp RPMS/noarch/acme-1-1.noarch.rpm acme.rpm");
        desk.must(&format!(
            "rpmsign --define \"__gpg $(command -v gpg)\" --define '_gpg_name {key}' --addsign acme.rpm"
        ));
        desk.must("gpg --armor --export > key.asc && mkdir db && rpmkeys --dbpath $PWD/db --import key.asc");
        let said = desk.must("rpmkeys --dbpath $PWD/db --checksig --verbose acme.rpm");
        let text = said.out();
        // rpm says the last eight digits.
        let id = key[32..].to_lowercase();
        let verified = text.lines().any(|line| {
            line.contains("Signature") && line.contains(&id) && line.trim_end().ends_with("OK")
        });
        assert!(verified, "{:?}: {}", desk.who, said.shown());
        // What rpm says of each part of the package, but for the key and its favourite hash.
        let text = text.replace(&id, "ID").replace("SHA512 Signature", "SHA256 Signature");
        made.push((text, desk.names(".")));
        desk.must("printf x | dd of=acme.rpm bs=1 seek=$(($(stat -c %s acme.rpm) - 3)) conv=notrunc status=none");
        assert_ne!(desk.sh("rpmkeys --dbpath $PWD/db --checksig acme.rpm").exit(), 0);
    }
    all_same(&made);
}

#[test]
fn debsign_signs_as_it_does_with_gpg() {
    if peer("debsign").is_none() || peer("dpkg-deb").is_none() {
        return;
    }
    let changes = "Format: 1.8\nDate: Sun, 22 Nov 2026 00:00:00 +0000\nSource: acme\n\
        Architecture: source\nVersion: 1\nDistribution: unstable\n\
        Maintainer: Acme Release <r@acme.test>\nChanges: none\nFiles:\n";
    let (mut made, mut texts) = (Vec::new(), Vec::new());
    for desk in desks() {
        let key = desk.gpg_key("Acme Release <r@acme.test>");
        desk.write("acme_1_source.changes", changes);
        let said = desk.sh(&format!("debsign --no-conf -k{key} acme_1_source.changes < /dev/null"));
        let after = desk.read("acme_1_source.changes");
        assert_eq!(said.exit(), 0, "{:?}: {}", desk.who, said.shown());
        let (text, _) = String::from_utf8(after)
            .unwrap()
            .split_once("-----BEGIN PGP SIGNATURE")
            .map(|(text, rest)| (text.replace("SHA256", "SHA512"), rest.len()))
            .unwrap();
        desk.must("gpg --verify acme_1_source.changes");
        texts.push(text);
        // And a detached signature beside a source archive, as uscan and
        // dpkg-source look for it.
        desk.must("tar cf acme_1.orig.tar acme_1_source.changes && gzip acme_1.orig.tar");
        desk.must(&format!(
            "gpg --batch --armor -u {key} -b acme_1.orig.tar.gz && gpg --export > upstream.gpg"
        ));
        let verify =
            "gpgv --keyring ./upstream.gpg --status-fd 1 acme_1.orig.tar.gz.asc acme_1.orig.tar.gz";
        made.push((desk.must(verify).shape(&key), desk.names(".")));
    }
    all_same(&texts);
    all_same(&made);
}

/// makepkg's `create_signature` (scripts/libmakepkg/integrity/generate_signature.sh.in), and what
/// `pacman-key --verify` asks.
#[test]
fn makepkg_signs_as_it_does_with_gpg() {
    const MAKEPKG: &str = r#"
        set -eu; filename=acme-1-1-any.pkg.tar.zst; echo package > "$filename"
        SIGNWITHKEY=(); if [[ -n ${GPGKEY:-} ]]; then SIGNWITHKEY=(-u "${GPGKEY}"); fi
        gpg --list-secret-key "${GPGKEY}" &>/dev/null
        gpg --detach-sign --use-agent "${SIGNWITHKEY[@]}" --no-armor "$filename" &>/dev/null
        [[ -f $filename.sig ]]
        gpg --status-fd 1 --verify "$filename.sig" "$filename" 2>/dev/null
    "#;
    let mut made = Vec::new();
    for desk in desks() {
        let key = desk.gpg_key("Packager <p@acme.test>");
        let said = desk.must(&format!("GPGKEY={key}; {MAKEPKG}"));
        assert_eq!(said.fields("VALIDSIG")[1], key, "{:?}", desk.who);
        assert_eq!(said.fields("TRUST_ULTIMATE").len(), 3, "{:?}", desk.who);
        made.push((said.shape(&key), desk.names(".")));
    }
    all_same(&made);
}

/// goreleaser's `signs` with its defaults, and the arguments that Terraform providers give it.
#[test]
fn goreleasers_signs_make_signatures_of_checksums() {
    const GORELEASER: &str = r#"
        set -eu; mkdir dist; echo archive > dist/acme_1_linux_amd64.zip
        (cd dist && sha256sum *.zip > acme_1_SHA256SUMS)
        artifact=dist/acme_1_SHA256SUMS signature=dist/acme_1_SHA256SUMS.sig
        gpg --output "$signature" --detach-sig "$artifact"
        gpg --verify "$signature" "$artifact"; rm "$signature"
        gpg --batch --local-user "$GPG_FINGERPRINT" --output "$signature" --detach-sign "$artifact"
        gpg --status-fd 1 --verify "$signature" "$artifact"
    "#;
    let mut made = Vec::new();
    for desk in desks() {
        let key = desk.gpg_key("Provider <p@acme.test>");
        let said = desk.must(&format!("export GPG_FINGERPRINT={key}; {GORELEASER}"));
        assert_eq!(said.fields("VALIDSIG")[1], key, "{:?}", desk.who);
        made.push((said.shape(&key), desk.must("ls dist").out()));
    }
    all_same(&made);
}

/// crazy-max/ghaction-import-gpg: the version, an import, the records that it parses.
#[test]
fn githubs_import_action_finds_what_it_parses() {
    let mut made = Vec::new();
    for desk in desks() {
        let key = desk.gpg_key("Acme Release <joe@foo.bar>");
        let version = desk.must("gpg --version").out();
        let first = version.lines().next().unwrap();
        let number = first.strip_prefix("gpg (GnuPG) ").expect(first);
        assert_eq!(number.split('.').count(), 3, "{number}");
        assert!(version.lines().any(|line| line.starts_with("Home: ")), "{version}");
        let line = format!("gpg --batch --with-colons --with-keygrip --list-secret-keys {key}");
        let listing = desk.must(&line).out();
        let records: Vec<String> =
            listing.lines().map(|line| line.split(':').next().unwrap().to_string()).collect();
        made.push(records);
    }
    assert_eq!(made[0], ["sec", "fpr", "grp", "uid"]);
    all_same(&made);
}
