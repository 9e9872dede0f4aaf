//! Packaging tools that call gpg, on real packages: rpmsign, debsign, makepkg, goreleaser.

use crate::common::peers::peer;
use crate::desk::Desk;

const SPEC: &str = "Name: acme\nVersion: 1\nRelease: 1\nSummary: A test\nLicense: MIT\n\
    BuildArch: noarch\n%description\nA test\n%files\n";

#[test]
fn rpmsign_signs_and_rpm_verifies() {
    for program in ["rpmbuild", "rpmsign", "rpmkeys"] {
        if peer(program).is_none() {
            return;
        }
    }
    for desk in [Some(Desk::plugsign()), Desk::gpg()].into_iter().flatten() {
        let key = desk.key("Acme Release <r@acme.test>");
        desk.write("acme.spec", SPEC);
        desk.must("rpmbuild --quiet --define \"_topdir $PWD\" -bb acme.spec && cp RPMS/noarch/acme-1-1.noarch.rpm acme.rpm");
        desk.must(&format!(
            "rpmsign --define \"__gpg $(command -v gpg)\" --define '_gpg_name {key}' --addsign acme.rpm"
        ));
        desk.must("gpg --armor --export > key.asc && mkdir db && rpmkeys --dbpath $PWD/db --import key.asc");
        let said = desk.must("rpmkeys --dbpath $PWD/db --checksig --verbose acme.rpm");
        let text = said.text();
        // rpm says the last eight digits.
        let id = key[32..].to_lowercase();
        let verified = text.lines().any(|line| {
            line.contains("Signature") && line.contains(&id) && line.trim_end().ends_with("OK")
        });
        assert!(verified, "{:?}: {}", desk.who, said.shown());
        desk.must("printf x | dd of=acme.rpm bs=1 seek=$(($(stat -c %s acme.rpm) - 3)) conv=notrunc status=none");
        assert_ne!(desk.sh("rpmkeys --dbpath $PWD/db --checksig acme.rpm").exit, 0);
    }
}

#[test]
fn debsign_needs_cleartext_signatures_and_is_told_so() {
    if peer("debsign").is_none() || peer("dpkg-deb").is_none() {
        return;
    }
    let desk = Desk::plugsign();
    let key = desk.key("Acme Release <r@acme.test>");
    let changes = "Format: 1.8\nDate: Sun, 22 Nov 2026 00:00:00 +0000\nSource: acme\n\
        Architecture: source\nVersion: 1\nDistribution: unstable\n\
        Maintainer: Acme Release <r@acme.test>\nChanges: none\nFiles:\n";
    desk.write("acme_1_source.changes", changes);
    let said = desk.sh(&format!("debsign --no-conf -k{key} acme_1_source.changes < /dev/null"));
    assert_ne!(said.exit, 0, "{}", said.shown());
    assert!(said.err.contains("plugsign makes detached signatures only"), "{}", said.shown());
    assert_eq!(desk.read("acme_1_source.changes"), changes.as_bytes());
    // What does without: a detached signature beside a source archive, as uscan and dpkg-source
    // look for it.
    desk.must("tar cf acme_1.orig.tar acme_1_source.changes && gzip acme_1.orig.tar");
    desk.must(&format!(
        "gpg --batch --armor -u {key} -b acme_1.orig.tar.gz && gpg --export > upstream.gpg"
    ));
    desk.must("gpgv --keyring ./upstream.gpg acme_1.orig.tar.gz.asc acme_1.orig.tar.gz");
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
    for desk in [Some(Desk::plugsign()), Desk::gpg()].into_iter().flatten() {
        let key = desk.key("Packager <p@acme.test>");
        let said = desk.must(&format!("GPGKEY={key}; {MAKEPKG}"));
        assert_eq!(said.fields("VALIDSIG")[1], key, "{:?}", desk.who);
        assert_eq!(said.fields("TRUST_ULTIMATE").len(), 3, "{:?}", desk.who);
    }
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
    for desk in [Some(Desk::plugsign()), Desk::gpg()].into_iter().flatten() {
        let key = desk.key("Provider <p@acme.test>");
        let said = desk.must(&format!("export GPG_FINGERPRINT={key}; {GORELEASER}"));
        assert_eq!(said.fields("VALIDSIG")[1], key, "{:?}", desk.who);
    }
}

/// crazy-max/ghaction-import-gpg: the version, an import, the records that it parses.
#[test]
fn githubs_import_action_finds_what_it_parses() {
    let desk = Desk::plugsign();
    let key = desk.key("Acme Release <joe@foo.bar>");
    let version = desk.must("gpg --version").text();
    let first = version.lines().next().unwrap();
    let number = first.strip_prefix("gpg (GnuPG) ").expect(first);
    assert_eq!(number.split('.').count(), 3, "{number}");
    assert!(version.lines().any(|line| line.starts_with("Home: ")), "{version}");
    let listing =
        desk.must(&format!("gpg --batch --with-colons --with-keygrip --list-secret-keys {key}"));
    let records: Vec<String> =
        listing.text().lines().map(|line| line.split(':').next().unwrap().to_string()).collect();
    assert_eq!(records, ["sec", "fpr", "grp", "uid"]);
}
