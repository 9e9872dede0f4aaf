//! gpgv, as apt and scripts call it.

use crate::common::craft::*;
use crate::common::peers::peer;
use crate::common::sandbox::{Sandbox, Who};
use crate::gpg::twins::{GpgKeys, StatusLines, Twins};

#[test]
fn gpgvs_status_lines_are_the_same() {
    if peer("gpgv").is_none() {
        return;
    }
    let Some(twins) = Twins::new() else { return };
    twins.theirs.must(
        "gpg --batch --digest-algo SHA256 -b data && gpg --batch --armor -o data.asc -b data",
    );
    twins.theirs.must("gpg --export > ring.gpg && gpg --armor --export > ring.asc");
    let Some(stranger) = Sandbox::of_gpg() else { return };
    stranger.gpg_key("Stranger <s@x.test>");
    stranger.must("gpg --export > other.gpg");
    for name in ["data.sig", "data.asc", "ring.gpg"] {
        twins.share(name);
    }
    twins.write("other.gpg", stranger.read("other.gpg"));
    twins.write("changed", b"other bytes");
    for (line, exit) in [
        ("gpgv --keyring ./ring.gpg --status-fd 1 data.sig data", 0),
        ("gpgv --keyring ./ring.gpg --status-fd 1 data.asc data", 0),
        ("gpgv --status-fd 3 --keyring ./ring.gpg --ignore-time-conflict data.sig data 3>&1", 0),
        ("gpgv --keyring $PWD/other.gpg --keyring $PWD/ring.gpg --status-fd 1 data.sig data", 0),
        ("gpgv -q --keyring ./ring.gpg --status-fd 1 data.sig - < data", 0),
        ("gpgv --keyring ./ring.gpg --status-fd 1 data.sig changed", 1),
        ("gpgv --keyring ./other.gpg --status-fd 1 data.sig data", 2),
    ] {
        let (ours, _) = twins.same(line);
        assert_eq!(ours.exit(), exit, "{line}: {}", ours.shown());
    }
    for line in [
        "gpgv --keyring ./missing --status-fd 1 data.sig data",
        "gpgv --keyring ./ring.gpg --status-fd 1 data data",
        "gpgv --keyring ./ring.gpg --status-fd 1 missing data",
        "gpgv --keyring ./ring.gpg --status-fd 1 data.sig",
        "gpgv --nonsense",
    ] {
        let (ours, theirs) = twins.sh(line);
        assert_eq!((ours.exit(), theirs.exit()), (2, 2), "{line}: {}", ours.shown());
        ours.lacks("GOODSIG");
    }
    // GnuPG's own keybox will do.
    twins.ours.must(&format!(
        "gpgv --keyring {} data.sig data",
        twins.theirs.at("g/pubring.kbx").display()
    ));
    // A key in the home does not count if it is not in the keyring.
    let said = twins.ours.sh("gpgv --keyring ./other.gpg --status-fd 1 data.sig data");
    assert_eq!(said.fields("NO_PUBKEY").len(), 2, "{}", said.shown());
}

#[test]
fn a_keyring_that_cannot_be_read_makes_nothing_good() {
    let desk = Sandbox::in_place_of_gpg();
    desk.gpg_key("Acme <a@acme.test>");
    desk.write("data", DATA);
    desk.must("gpg --batch -b data && gpg --export > clean");
    desk.must("mkdir folder; echo text > text; head -c 500 clean > cut; : > empty");
    for gpg in ["gpgv", "gpg --no-default-keyring --verify"] {
        for bad in ["missing", "folder", "text", "cut"] {
            for order in [[bad, "clean"], ["clean", bad]] {
                let [first, second] = order;
                let said = desk.sh(&format!(
                    "{gpg} --keyring ./{first} --keyring ./{second} --status-fd 1 data.sig data"
                ));
                assert_eq!(said.exit(), 2, "{gpg}, {order:?}: {}", said.shown());
            }
        }
        // As with gpgv, an empty one is one without keys.
        desk.must(&format!("{gpg} --keyring ./empty --keyring ./clean data.sig data"));
    }
}

#[test]
fn a_weak_key_in_the_keyring_is_not_good() {
    let Some(theirs) = Sandbox::of_gpg() else { return };
    theirs.must("gpg --batch --pinentry-mode loopback --passphrase '' --quick-generate-key 'W <w@x.test>' rsa2048 sign 0");
    theirs.write("data", "data");
    theirs.must("gpg --batch -b data && gpg --export > ring.gpg");
    let ours = Sandbox::in_place_of_gpg();
    for name in ["data", "data.sig", "ring.gpg"] {
        ours.write(name, theirs.read(name));
    }
    let said = ours.sh("gpgv --keyring ./ring.gpg --status-fd 1 data.sig data");
    assert_eq!(said.exit(), 2, "{}", said.shown());
    assert_eq!(said.fields("ERRSIG")[6], "4");
    said.lacks("GOODSIG");
    let said = ours.sh("gpg --import ring.gpg --status-fd 1");
    assert_eq!(said.exit(), 2, "{}", said.shown());
}

#[test]
fn without_a_keyring_the_trusted_ones_count() {
    let desk = Sandbox::in_place_of_gpg();
    desk.gpg_key("Acme <a@acme.test>");
    desk.write("data", DATA);
    desk.must("gpg --batch -b data && gpg --export > cert");
    desk.sh("gpgv data.sig data").exits(2);
    desk.must("plugsign --home $GNUPGHOME/plugsign trust add cert");
    desk.must("gpgv data.sig data");
    // As gpg has it, a keyring without a slash lies in the GnuPG home.
    desk.must("cp cert $GNUPGHOME/ring.gpg && gpgv --keyring ring.gpg data.sig data");
    desk.must("gpg --no-default-keyring --keyring ./cert --verify data.sig data");
}

#[test]
fn only_gpgv_takes_text_signatures_and_hashes_them_line_by_line() {
    if peer("gpgv").is_none() {
        return;
    }
    let Some(twins) = Twins::new() else { return };
    twins.theirs.must("gpg --export > ring.gpg");
    twins.share("ring.gpg");
    let texts: [&[u8]; 5] = [b"two\nlines\n", b"two\r\nlines\r\n", b"no end", b"a \t\nb  ", b""];
    for text in texts {
        twins.write("text", text);
        twins.theirs.must("gpg --batch --yes --textmode --digest-algo SHA256 -b text");
        twins.share("text.sig");
        for data in ["text", "bare", "returns", "other"] {
            twins.write("other", b"other\nlines\n");
            for desk in [&twins.ours, &twins.theirs] {
                desk.must("tr -d '\\r' < text > bare; sed 's/\\r*$/\\r/' text > returns");
            }
            // A return at the end of a last line that has no other end: gpg passes it over.
            if data == "returns" && !text.ends_with(b"\n") {
                continue;
            }
            let (ours, _) =
                twins.same(&format!("gpgv --keyring ./ring.gpg --status-fd 1 text.sig {data}"));
            let is_text = data == "text" || data == "bare";
            assert!(!is_text || ours.exit() == 0, "{data}: {}", ours.shown());
        }
        // A release's signature is over its bytes.
        let said = twins.ours.sh("gpg --status-fd 1 --verify text.sig text");
        assert_eq!(said.exit(), 2, "{}", said.shown());
        said.lacks("GOODSIG");
        twins.ours.sh("plugsign --home $GNUPGHOME/plugsign verify --key ring.gpg text").exits(1);
    }
}

/// A repository of one Release file, and an apt that keeps to the folder it is in.
const REPOSITORY: &str = r#"
    set -eu; mkdir -p repo lists/partial cache/archives/partial state/lists/partial empty
    : > repo/Packages
    { echo "Date: $(LC_ALL=C date -uR)"; echo "SHA256:"
      echo " $(sha256sum repo/Packages | cut -d' ' -f1) 0 Packages"; } > repo/Release
    echo "deb [signed-by=$PWD/ring.gpg] file:$PWD/repo ./" > sources.list
    printf '%s\n' '#!/bin/sh' 'echo "$@" >> "'"$PWD"'/calls"' "exec '$GPGV' \"\$@\"" > called
    chmod +x called
    cat > options <<END
Dir::Etc::sourcelist "$PWD/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::trusted "/dev/null";
Dir::Etc::trustedparts "$PWD/empty";
Dir::Etc::preferencesparts "$PWD/empty";
Dir::State "$PWD/state";
Dir::State::lists "$PWD/lists";
Dir::Cache "$PWD/cache";
APT::Sandbox::User "";
Apt::Key::gpgvcommand "$PWD/called";
END
"#;

#[test]
fn apt_believes_our_gpgv() {
    if peer("apt-get").is_none() || peer("gpgv").is_none() {
        return;
    }
    for desk in [Some(Sandbox::in_place_of_gpg()), Sandbox::of_gpg()].into_iter().flatten() {
        let gpgv = match desk.who {
            Who::Plugsign => desk.at("bin/gpgv"),
            Who::Gpg => peer("gpgv").unwrap(),
        };
        desk.gpg_key("Repository <r@acme.test>");
        desk.must(&format!("GPGV={}; {REPOSITORY}", gpgv.display()));
        desk.must(
            "gpg --export > ring.gpg && gpg --batch --armor -o repo/Release.gpg -b repo/Release",
        );
        let update = "APT_CONFIG=$PWD/options apt-get update 2>&1";
        let said = desk.must(update).out();
        assert!(!said.contains("GPG error") && !said.contains("W:"), "{:?}: {said}", desk.who);
        assert!(desk.has("calls"), "{:?}: {said}", desk.who);
        desk.must("echo more >> repo/Release");
        let said = desk.sh(update).out();
        assert!(said.contains("BADSIG"), "{:?}: {said}", desk.who);
        // Signed in cleartext, in one file, as repositories are today.
        let Some(cleartext) = Sandbox::of_gpg() else { return };
        let key = desk.must("gpg --batch --export-secret-keys").stdout;
        cleartext.gpg_import(&key);
        desk.must("sed -i '/^more$/d' repo/Release");
        cleartext.write("Release", desk.read("repo/Release"));
        cleartext.must("gpg --batch --clear-sign -o InRelease Release");
        desk.write("repo/InRelease", cleartext.read("InRelease"));
        let said = desk.must(update).out();
        assert!(!said.contains("GPG error") && !said.contains("W:"), "{:?}: {said}", desk.who);
        desk.must("sed -i 's/^Date:/Date: /' repo/InRelease");
        let said = desk.sh(update).out();
        assert!(said.contains("BADSIG"), "{:?}: {said}", desk.who);
        desk.must("rm repo/InRelease");
        // Signed by somebody else.
        desk.gpg_key("Stranger <s@acme.test>");
        desk.must("gpg --batch --yes --armor -u s@acme.test -o repo/Release.gpg -b repo/Release");
        let said = desk.sh(update).out();
        assert!(said.contains("NO_PUBKEY"), "{:?}: {said}", desk.who);
    }
}
