//! Status lines and exit codes, held against gpg's own.

use crate::common::sandbox::Sandbox;
use crate::common::systems::is_linux;
use crate::gpg::keys;
use crate::gpg::twins::{GpgKeys, StatusLines, Twins};

#[test]
fn a_good_signature_has_gpgs_status_lines() {
    let Some(twins) = Twins::new() else { return };
    twins.theirs.must("gpg --batch --digest-algo SHA256 -b data");
    twins.share("data.sig");
    let (ours, _) = twins.same("gpg --status-fd 1 --verify data.sig data");
    // The key came without its trust: both take it for their own, or neither.
    assert!(ours.verdict().iter().any(|line| line.starts_with("GOODSIG ")), "{}", ours.shown());
    ours.lacks("BADSIG");
    for line in [
        "gpg --keyid-format=long --status-fd=1 --verify data.sig - < data",
        "gpg --status-fd 2 --verify data.sig",
        "gpg --batch --status-fd 1 --verify - data < data.sig",
        "gpg --status-fd 1 --trust-model always --verify data.sig data",
        "gpg --status-fd 3 --verify data.sig data 3>&1",
    ] {
        twins.same(line);
    }
}

#[test]
fn changed_bytes_give_badsig_and_exit_1() {
    let Some(twins) = Twins::new() else { return };
    twins.theirs.must("gpg --batch --digest-algo SHA512 -b data");
    twins.share("data.sig");
    twins.write("data", b"other bytes");
    let (ours, _) = twins.same("gpg --status-fd 1 --verify data.sig data");
    assert_eq!(ours.exit(), 1);
    assert_eq!(ours.fields("BADSIG")[1], twins.fingerprint[24..]);
    ours.lacks("GOODSIG");
    ours.lacks("VALIDSIG");
}

#[test]
fn an_unknown_key_gives_errsig_and_exit_2() {
    let Some(twins) = Twins::new() else { return };
    let Some(stranger) = Sandbox::of_gpg() else { return };
    stranger.gpg_key("Stranger <s@x.test>");
    stranger.write("data", b"a release archive");
    stranger.must("gpg --batch -b data");
    twins.write("data.sig", stranger.read("data.sig"));
    let (ours, _) = twins.same("gpg --status-fd 1 --verify data.sig data");
    assert_eq!(ours.exit(), 2);
    assert_eq!(ours.fields("NO_PUBKEY").len(), 2);
}

#[test]
fn signing_has_gpgs_status_lines() {
    let Some(twins) = Twins::new() else { return };
    let line = format!(
        "gpg --batch --status-fd 2 --digest-algo SHA256 --faked-system-time '1800000000!' -u {} -b data",
        twins.fingerprint
    );
    let (ours, _) = twins.same(&line);
    assert_eq!(
        ours.fields("SIG_CREATED")[1..],
        ["D", "1", "8", "00", "1800000000", &twins.fingerprint]
    );
    assert_eq!(ours.fields("BEGIN_SIGNING"), ["BEGIN_SIGNING", "H8"]);
    // What was there is in the way, for both; --yes is the way around it.
    let (ours, _) = twins.same(&line);
    assert_eq!(ours.fields("FAILURE"), ["FAILURE", "sign", "33587235"]);
    twins.same(&line.replace("--batch", "--batch --yes"));
    // Each believes the other.
    twins.theirs.write("data.sig", twins.ours.read("data.sig"));
    twins.theirs.must("gpg --faked-system-time '1800000000!' --verify data.sig data");
}

#[test]
fn failed_signing_has_gpgs_status_lines() {
    let Some(twins) = Twins::new() else { return };
    for line in [
        "gpg --batch --status-fd 1 -u nobody@x.test -b data",
        "gpg --batch --status-fd 1 -b missing",
        "gpg --batch --status-fd 1 --faked-system-time '1500000000!' -b data",
    ] {
        let (ours, _) = twins.same(line);
        assert_eq!(ours.exit(), 2, "{line}");
        ours.lacks("SIG_CREATED");
    }
    for line in [
        "gpg --batch --digest-algo FOO -b data",
        "gpg --batch --status-fd 99 -b data",
        "gpg --nonsense",
        "gpg --export --import",
        "gpg --ver",
        "gpg --batch --verify missing data",
        "gpg --batch --verify data data",
    ] {
        let (ours, theirs) = twins.sh(line);
        assert_eq!((ours.exit(), theirs.exit()), (2, 2), "{line}: {}", ours.shown());
    }
    assert!(!twins.ours.has("data.sig") && !twins.ours.has("missing.sig"));
    // Without any key, nothing can be signed either.
    let Some(theirs) = Sandbox::of_gpg() else { return };
    let empty = Twins { ours: Sandbox::in_place_of_gpg(), theirs, fingerprint: String::new() };
    empty.write("data", b"a release archive");
    for line in ["gpg --batch --status-fd 1 -b data", "gpg --batch --status-fd 1 -u x -b data"] {
        empty.same(line);
    }
}

#[test]
fn passphrases_come_by_descriptor_file_and_value() {
    let Some(theirs) = Sandbox::of_gpg() else { return };
    let ours = Sandbox::in_place_of_gpg();
    for desk in [&theirs, &ours] {
        desk.write("data", b"a release archive");
        desk.write("pass", b"secret words\nmore");
        desk.must(
            "gpg --batch --pinentry-mode loopback --passphrase-file pass --quick-generate-key 'P <p@x.test>' rsa3072 sign 0",
        );
        for line in [
            "gpg --batch --pinentry-mode loopback --passphrase-fd 0 -b data <<< 'secret words'",
            "(echo secret words; cat data) | gpg --batch --pinentry-mode loopback --passphrase-fd 0 -o data.sig -b",
            "gpg --batch --pinentry-mode loopback --passphrase-fd 7 -b data 7<<< 'secret words'",
            "gpg --batch --pinentry-mode loopback --passphrase-file pass -b data",
            "gpg --batch --pinentry-mode loopback --passphrase 'secret words' -b data",
            "gpg --batch --pinentry-mode loopback --passphrase='secret words' -b data",
        ] {
            desk.must("gpgconf --kill gpg-agent; rm -f data.sig");
            desk.must(line);
            desk.must("gpg --verify data.sig data");
        }
    }
    theirs.must("gpgconf --kill gpg-agent; rm data.sig");
    ours.must("rm data.sig");
    let wrong =
        "gpg --status-fd 1 --batch --pinentry-mode loopback --passphrase-fd 0 -b data <<< no";
    let (a, b) = (ours.sh(wrong), theirs.sh(wrong));
    assert_eq!((a.exit(), b.exit()), (2, 2), "{}", a.shown());
    assert_eq!(a.fields("FAILURE"), b.fields("FAILURE"));
    assert_eq!(a.fields("BAD_PASSPHRASE").len(), 2);
    let none = "gpg --status-fd 1 --batch --no-tty --pinentry-mode error -b data";
    let (a, b) = (ours.sh(none), theirs.sh(none));
    assert_eq!((a.exit(), b.exit()), (2, 2), "{}", a.shown());
    assert_eq!(a.fields("FAILURE"), b.fields("FAILURE"));
    assert_eq!(a.fields("NEED_PASSPHRASE").len(), 5);
    assert_eq!(a.fields("USERID_HINT")[2], "P");
}

#[test]
fn a_passphrase_disappears_from_the_command_line() {
    if !is_linux("/proc") {
        return;
    }
    let desk = Sandbox::in_place_of_gpg();
    let secret = "XPASS-on-the-command-line";
    // A FIFO for the file keeps the program waiting while its arguments are looked at.
    let said = desk.sh(&format!(
        "gpg --batch --passphrase {secret} --quick-generate-key 'P <p@x.test>' rsa3072 sign 0 || exit 9
         mkfifo file
         gpg --batch --yes --passphrase {secret} -o sig -b file & job=$!
         for i in $(seq 100); do
             grep -qz plugsign-passphrase-pipe /proc/$job/cmdline && break; sleep 0.05
         done
         tr '\\0' ' ' < /proc/$job/cmdline
         echo data > file; wait $job"
    ));
    let shown = said.shown();
    let said = said.exits(0).says("WARNING: other users can see a passphrase on the command line");
    let arguments = said.out();
    assert!(arguments.contains("--plugsign-passphrase-pipe"), "{shown}");
    assert!(!shown.contains(secret), "{shown}");
    assert!(desk.has("sig"));
}

#[test]
fn expired_and_revoked_keys_are_named_and_never_exit_0() {
    let Some(theirs) = Sandbox::of_gpg() else { return };
    let ours = Sandbox::in_place_of_gpg();
    for case in keys::over() {
        for desk in [&ours, &theirs] {
            desk.write("data", b"a release archive");
            desk.write("data.sig", &case.signature);
            desk.gpg_import(&case.certificate);
        }
        let line = "gpg --status-fd 1 --verify data.sig data";
        let (a, b) = (ours.sh(line), theirs.sh(line));
        // gpg says all this, and exits with 0 for the first two.
        assert_eq!(a.exit(), 1, "{}: {}", case.name, a.shown());
        assert_eq!(a.verdict(), b.verdict(), "{}\n{}\n{}", case.name, a.shown(), b.shown());
        assert_eq!(a.fields(case.keyword).len(), 4, "{}", a.shown());
        a.lacks("GOODSIG");
    }
}

#[test]
fn a_signature_that_only_gpg_accepts_is_never_good() {
    let Some(twins) = Twins::new() else { return };
    twins.theirs.must("gpg --batch --digest-algo SHA1 -o sha1.sig -b data");
    twins.theirs.must("gpg --batch --digest-algo SHA224 -o sha224.sig -b data");
    twins.theirs.must("gpg --batch --textmode -o text.sig -b data");
    twins.theirs.must("gpg --batch --clearsign -o clear.sig data");
    twins.theirs.must("gpg --batch -s -o inline.sig data");
    for name in ["sha1", "sha224", "text", "clear", "inline"] {
        let file = format!("{name}.sig");
        twins.share(&file);
        let said = twins.ours.sh(&format!("gpg --status-fd 1 --verify {file} data"));
        assert_eq!(said.exit(), 2, "{name}: {}", said.shown());
        said.lacks("GOODSIG");
        said.lacks("VALIDSIG");
    }
    let said = twins.ours.sh("gpg --status-fd 1 --verify sha1.sig data");
    assert_eq!(said.fields("ERRSIG")[6], "5", "{}", said.shown());
    let said = twins.ours.sh("gpg --status-fd 1 --verify inline.sig");
    assert_eq!(said.exit(), 2, "{}", said.shown());
    said.lacks("GOODSIG");
}

#[test]
fn several_signatures_are_each_reported_and_all_must_be_good() {
    let Some(twins) = Twins::new() else { return };
    let Some(stranger) = Sandbox::of_gpg() else { return };
    stranger.gpg_key("Stranger <s@x.test>");
    stranger.write("data", b"a release archive");
    stranger.must("gpg --batch --digest-algo SHA256 -b data");
    twins.write("strange.sig", stranger.read("data.sig"));
    let theirs = &twins.theirs;
    theirs.must("gpg --batch --digest-algo SHA256 -o good.sig -b data");
    theirs.must(
        "cp data other; echo more >> other; gpg --batch --digest-algo SHA256 -o bad.sig -b other",
    );
    theirs.must("gpg --batch --digest-algo SHA1 -o weak.sig -b data");
    for (first, second, exit) in [
        ("good", "good", 0),
        ("good", "strange", 2),
        ("strange", "good", 2),
        ("bad", "good", 1),
        ("good", "bad", 1),
        ("strange", "bad", 1),
    ] {
        theirs.must(&format!("cat {first}.sig {second}.sig > two.sig"));
        twins.share("two.sig");
        let (a, b) = twins.sh("gpg --status-fd 1 --verify two.sig data");
        assert_eq!(a.exit(), exit, "{first} {second}: {}", a.shown());
        assert_eq!(a.verdict(), b.verdict(), "{first} {second}\n{}\n{}", a.shown(), b.shown());
    }
    theirs.must("cat weak.sig good.sig > two.sig");
    twins.share("two.sig");
    let said = twins.ours.sh("gpg --status-fd 1 --verify two.sig data");
    assert_eq!(said.exit(), 2, "{}", said.shown());
    assert_eq!(said.status().iter().filter(|line| line.starts_with("GOODSIG")).count(), 1);
    theirs.must("(cat good.sig; gpg --batch --export) > two.sig");
    twins.share("two.sig");
    let said = twins.ours.sh("gpg --status-fd 1 --verify two.sig data");
    assert_eq!(said.exit(), 2, "{}", said.shown());
    said.lacks("GOODSIG");
}

#[test]
fn the_signer_can_be_asserted() {
    let desk = Sandbox::in_place_of_gpg();
    let fingerprint = desk.gpg_key("Acme <a@acme.test>");
    desk.write("data", b"data");
    desk.must("gpg --batch -b data");
    let good = desk
        .must(&format!("gpg --status-fd 1 --assert-signer {fingerprint} --verify data.sig data"));
    assert_eq!(good.fields("ASSERT_SIGNER")[1], fingerprint);
    desk.write("signers", format!("# ours\n0x{fingerprint} # release\n"));
    desk.must("gpg --assert-signer signers --verify data.sig data");
    let other = "0".repeat(40);
    let said = desk.sh(&format!("gpg --assert-signer {other} --verify data.sig data"));
    assert_eq!(said.exit(), 1, "{}", said.shown());
}

#[test]
fn trust_is_ultimate_for_own_keys_full_for_trusted_and_undefined_for_others() {
    let signer = Sandbox::in_place_of_gpg();
    signer.gpg_key("Acme <a@acme.test>");
    signer.write("data", b"data");
    signer.must("gpg --batch -b data && gpg --export > cert");
    signer.must("gpg --status-fd 1 --verify data.sig data | grep 'TRUST_ULTIMATE 0 pgp'");
    let other = Sandbox::in_place_of_gpg();
    for file in ["data", "data.sig", "cert"] {
        other.write(file, signer.read(file));
    }
    other.must("gpg --import cert");
    other
        .must("gpg --status-fd 1 --verify data.sig data | grep 'TRUST_UNDEFINED 0 pgp'")
        .says("not certified with a trusted signature");
    other.must("plugsign --home $GNUPGHOME/plugsign trust add cert");
    other.must("gpg --status-fd 1 --verify data.sig data | grep 'TRUST_FULLY 0 pgp'");
    let always = other.must("gpg --status-fd 1 --always-trust --verify data.sig data");
    assert!(!always.status().iter().any(|line| line.starts_with("TRUST_")), "{}", always.shown());
}

#[test]
fn a_revocation_certificate_is_imported_as_gpg_does() {
    let Some(twins) = Twins::new() else { return };
    twins.theirs.must("gpg --batch --digest-algo SHA256 -b data");
    twins.share("data.sig");
    twins.theirs.must("sed 's/^:---/---/' $GNUPGHOME/openpgp-revocs.d/*.rev > revocation");
    twins.share("revocation");
    let (ours, _) = twins.same("gpg --batch --status-fd 1 --import revocation");
    assert_eq!(ours.fields("IMPORT_RES")[9], "1", "{}", ours.shown());
    let said = twins.ours.sh("gpg --status-fd 1 --verify data.sig data");
    assert_eq!(said.exit(), 1, "{}", said.shown());
    assert_eq!(said.fields("REVKEYSIG").len(), 5);
    let (ours, _) =
        twins.same(&format!("gpg --batch --status-fd 1 --yes -u {} -b data", twins.fingerprint));
    assert_eq!(ours.fields("FAILURE"), ["FAILURE", "sign", "54"]);
}

#[test]
fn a_detached_signature_without_a_command_is_verified_as_gpg_does() {
    let Some(twins) = Twins::new() else { return };
    for (armor, name) in [("", "data.sig"), ("-a ", "data.asc")] {
        twins.theirs.must(&format!("gpg --batch --list-options no-show-photos {armor}-b data"));
        twins.share(name);
        twins.same(&format!("gpg --status-fd 1 {name}"));
    }
    twins.write("data", "other data");
    twins.same("gpg --status-fd 1 data.sig");
    // A note about it would stand before each signature of debsign's.
    let quiet = "gpg --batch --yes --list-options no-show-photos -b data";
    assert_eq!(twins.ours.must(quiet).err(), "");
    twins.ours.must(&quiet.replace("--yes", "--yes -v")).says("--list-options has no effect");
}
