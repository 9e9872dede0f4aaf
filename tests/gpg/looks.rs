//! What only looks or converts: beside gpg, and without a trace.

use crate::common::sandbox::{Done, Sandbox};
use crate::gpg::twins::{StatusLines, Twins};

fn lines(said: &Done) -> Vec<String> {
    said.out().lines().filter(|line| !line.starts_with("tru:")).map(str::to_string).collect()
}

/// The key in every form that people have: binary and armored, public and secret, with signatures.
fn forms(twins: &Twins) {
    let theirs = &twins.theirs;
    theirs.must("gpg --export > public && gpg --armor --export > public.asc");
    theirs.must("gpg --batch --export-secret-keys > secret && gpg --enarmor < secret > any.asc");
    theirs.must("gpg --batch --armor --export-secret-keys > secret.asc");
    theirs.must("(echo before; cat public.asc; echo between; cat public.asc) > two.asc");
    theirs.must("echo data > data && gpg --batch --digest-algo SHA256 -b data");
    theirs.must("gpg --batch --digest-algo SHA256 -a -b -o data.asc data");
    theirs.must("sed 's/^=....$/=AAAA/' public.asc > wrong-sum.asc; head -5 public.asc > cut.asc");
    theirs.must("gpg --batch --digest-algo SHA256 --clear-sign -o clear.asc data");
    for name in "clear.asc public public.asc secret secret.asc any.asc two.asc data data.sig data.asc wrong-sum.asc cut.asc"
        .split(' ')
    {
        twins.share(name);
    }
}

#[test]
fn armor_comes_off_and_on_as_with_gpg() {
    let Some(twins) = Twins::new() else { return };
    forms(&twins);
    for name in ["public", "public.asc", "secret.asc", "two.asc", "data.asc", "any.asc"] {
        let (ours, theirs) = twins.same(&format!("gpg --status-fd 2 --dearmor < {name}"));
        assert_eq!(ours.stdout, theirs.stdout, "{name}");
    }
    for name in ["public", "data", "data.sig", "secret"] {
        let (ours, theirs) = twins.same(&format!("gpg --enarmor < {name}"));
        assert_eq!(ours.out(), theirs.out(), "{name}");
    }
    for name in ["data", "/dev/null", "wrong-sum.asc"] {
        let (ours, theirs) = twins.sh(&format!("gpg --status-fd 2 --dearmor < {name}"));
        assert_eq!((ours.exit(), theirs.exit()), (2, 2), "{name}: {}", ours.shown());
        assert!(ours.stdout.is_empty());
    }
    // gpg decodes what there is of a block that is cut short.
    twins.ours.sh("gpg --dearmor < cut.asc").exits(2).says("cut short");
    twins.same("gpg --dearmor public.asc && cmp public.asc.gpg public");
    twins.same("gpg --batch --dearmor public.asc");
    twins.same("gpg --dearmor -o ring public.asc && cmp ring public");
    twins.ours.must("gpg --dearmor secret.asc");
    assert_eq!(twins.ours.mode("secret.asc.gpg"), 0o600);
}

#[test]
fn packets_are_listed_as_by_gpg() {
    let Some(twins) = Twins::new() else { return };
    forms(&twins);
    for name in ["public", "public.asc", "secret", "secret.asc", "two.asc", "data.sig", "data.asc"]
    {
        let (ours, theirs) = twins.same(&format!("gpg --list-packets {name}"));
        assert_eq!(ours.out(), theirs.out(), "{name}");
    }
    twins.same("gpg --list-packets < data.sig | grep ^:signature");
    twins.ours.sh("gpg --status-fd 2 --list-packets data").exits(2).says("NODATA 1");
    twins.ours.write("half", &twins.ours.read("data.sig")[..40]);
    twins.ours.sh("gpg --list-packets half").exits(2).says("cut short");
}

#[test]
fn signatures_of_a_key_on_itself_are_listed_as_by_gpg() {
    let Some(twins) = Twins::new() else { return };
    let trust = format!("{}:6:\n", twins.fingerprint);
    twins.theirs.script("gpg --import-ownertrust").stdin(trust.as_bytes()).run().exits(0);
    twins.theirs.must("gpg --check-trustdb");
    for line in [
        "gpg --list-sigs --with-colons",
        "gpg --check-sigs --with-colons",
        "gpg --list-sigs r@acme.test",
        "gpg --check-sigs --keyid-format 0xlong r@acme.test",
        "gpg --with-sig-list -k r@acme.test",
        "gpg --list-signatures --keyid-format short r@acme.test",
        "gpg --list-sigs nobody",
    ] {
        let (ours, theirs) = twins.same(line);
        assert_eq!(lines(&ours), lines(&theirs), "{line}");
        assert_eq!(ours.err(), theirs.err(), "{line}");
    }
}

#[test]
fn a_file_of_secret_keys_is_shown_as_one_and_taken_by_nobody() {
    let Some(twins) = Twins::new() else { return };
    forms(&twins);
    let (Some(theirs), ours) = (Sandbox::of_gpg(), Sandbox::in_place_of_gpg()) else { return };
    let twins = Twins { ours, theirs, fingerprint: twins.fingerprint.clone() };
    let Some(known) = Twins::new() else { return };
    forms(&known);
    for name in ["public.asc", "secret"] {
        twins.write(name, known.ours.read(name));
        for line in [
            "gpg --show-keys --with-colons",
            "gpg --show-keys",
            "gpg --show-keys --with-fingerprint --with-keygrip --keyid-format long",
            "gpg --show-keys --with-subkey-fingerprint",
            "gpg --status-fd 2 --import-options show-only --import",
            "gpg --status-fd 2 --import-options import-show --dry-run --with-colons --import",
            "gpg --status-fd 2 --dry-run --import",
        ] {
            let line = format!("{line} {name}");
            let (ours, theirs) = twins.same(&line);
            assert_eq!(lines(&ours), lines(&theirs), "{line}");
        }
    }
    twins.ours.must("gpg --with-colons --with-fingerprint secret").prints("fpr:");
    assert!(twins.ours.must("gpg -k; gpg -K").stdout.is_empty());
    twins.ours.must("gpg --import-options import-show --import public.asc").prints("pub ");
    assert!(!twins.ours.must("gpg -k").stdout.is_empty());
}

#[test]
fn a_dry_run_leaves_no_trace() {
    let Some(twins) = Twins::new() else { return };
    forms(&twins);
    let before = twins.ours.snapshot();
    for line in [
        "gpg --status-fd 2 -n -b data",
        "gpg -n --batch --yes -b -o data.sig data",
        "gpg -n --batch --clear-sign -o out data",
        "gpg -n --batch --decrypt -o out clear.asc",
        "gpg -n -a --export -o out",
        "gpg -n --batch --export-secret-keys -o out",
        "gpg -n --dearmor public.asc",
        "gpg -n --import public.asc secret.asc",
        "gpg --list-keys --dry-run --no-auto-check-trustdb",
        "gpg -n --verify data.sig data",
    ] {
        let (ours, theirs) = twins.sh(line);
        assert_eq!((ours.exit(), theirs.exit()), (0, 0), "{line}: {}", ours.shown());
    }
    // gpg fails there, and deletes nothing either.
    for line in ["--delete-secret-and-public-key", "--delete-secret-keys"] {
        twins.ours.must(&format!("gpg -n --batch --yes {line} {}", twins.fingerprint));
    }
    twins.ours.sh("gpg -n --quick-add-uid r@acme.test New").exits(2).says("changes the home");
    let said = twins.ours.must(
        "gpg -n --status-fd 2 --batch --passphrase-file /dev/null --quick-generate-key 'Nobody <n@acme.test>'",
    );
    assert!(said.err().contains("KEY_CREATED"), "{}", said.shown());
    assert_eq!(before, twins.ours.snapshot());
    // As with gpg, what goes to standard output still goes there.
    assert!(!twins.ours.must("gpg -n -b < data").stdout.is_empty());
}

#[test]
fn keyrings_are_listed_and_exported() {
    let Some(twins) = Twins::new() else { return };
    forms(&twins);
    let Some(theirs) = Sandbox::of_gpg() else { return };
    let ours = Sandbox::in_place_of_gpg();
    theirs.must("gpg --check-trustdb");
    let strangers = Twins { ours, theirs, fingerprint: twins.fingerprint.clone() };
    strangers.write("ring", twins.ours.read("public"));
    strangers.theirs.must("gpg --no-default-keyring --keyring ./box.kbx --import ring");
    strangers.share("box.kbx");
    for ring in ["ring", "box.kbx"] {
        for line in [
            "--list-keys",
            "--list-keys --with-colons",
            "--fingerprint",
            "--list-keys r@acme.test",
            "--list-keys nobody",
            "-K",
        ] {
            let line = format!("gpg --no-default-keyring --keyring ./{ring} {line}");
            let (ours, theirs) = strangers.same(&line);
            let body = |said: &Done| {
                let all = lines(said).into_iter();
                all.filter(|line| !line.starts_with(['/', '.', '-'])).collect::<Vec<_>>()
            };
            assert_eq!(body(&ours), body(&theirs), "{line}");
        }
        let line = format!("gpg --no-default-keyring --keyring ./{ring}");
        let (ours, theirs) = strangers.same(&format!("{line} --status-fd 2 --export"));
        for (name, said) in [("ours", &ours), ("theirs", &theirs)] {
            strangers.ours.write(name, &said.stdout);
        }
        let listed = ["ours", "theirs"].map(|name| {
            strangers
                .ours
                .must(&format!("gpg --show-keys --with-sig-list --with-colons {name}"))
                .out()
        });
        assert_eq!(listed[0], listed[1]);
    }
    assert!(strangers.ours.must("gpg -k").stdout.is_empty());
    strangers.ours.must("gpg --keyring ./ring -k").prints("r@acme.test");
    strangers.ours.sh("gpg --no-default-keyring --keyring ./missing -k").exits(2);
}

#[test]
fn gpgs_own_keyring_is_the_home_and_no_other_that_is_missing() {
    let Some(twins) = Twins::new() else { return };
    let only = "gpg --no-default-keyring --with-colons --keyring";
    let (ours, _) = twins.same(&format!("{only} \"$GNUPGHOME/pubring.kbx\" --list-keys"));
    assert!(ours.out().contains(&twins.fingerprint), "{}", ours.shown());
    let said = twins.ours.sh(&format!("{only} ./pubring.kbx --list-keys"));
    assert!(!said.out().contains(&twins.fingerprint), "{}", said.shown());
    assert_ne!(said.exit(), 0);
}
