//! Listings, held against gpg's: byte for byte where scripts parse them.

use crate::common::craft::{self, Recipe};
use crate::common::sandbox::{Done, Sandbox};
use crate::gpg::twins::{GpgKeys, StatusLines, Twins};

/// The records of a colon listing, without that of the trust database.
fn records(said: &Done) -> Vec<String> {
    said.out().lines().filter(|line| !line.starts_with("tru:")).map(str::to_string).collect()
}

/// gpg imports its own keys without owning them; plugsign's own keys are ultimately trusted.
fn owned(twins: &Twins) {
    let trust = format!("{}:6:\n", twins.fingerprint);
    twins.theirs.script("gpg --import-ownertrust").stdin(trust.as_bytes()).run().exits(0);
}

#[test]
fn colon_listings_are_the_same_as_gpgs_byte_for_byte() {
    let Some(twins) = Twins::new() else { return };
    owned(&twins);
    for line in [
        "gpg --with-colons --list-keys",
        "gpg --with-colons --list-secret-keys",
        "gpg --batch --with-colons --with-keygrip --list-keys",
        "gpg --batch --with-colons --with-keygrip --list-secret-keys",
        "gpg --with-colons --fixed-list-mode --list-keys --fingerprint --fingerprint",
        "gpg --with-colons --with-secret -k",
        "gpg --with-colons -k r@acme.test",
    ] {
        let (ours, theirs) = twins.sh(line);
        assert_eq!((ours.exit(), theirs.exit()), (0, 0), "{line}: {}", ours.shown());
        assert_eq!(records(&ours), records(&theirs), "{line}");
    }
}

#[test]
fn listings_for_people_differ_from_gpgs_only_in_the_homes_name() {
    let Some(twins) = Twins::new() else { return };
    owned(&twins);
    let long = format!("gpg --list-keys {}", twins.fingerprint);
    for line in [
        "gpg --list-keys",
        "gpg --list-secret-keys",
        "gpg -K --with-keygrip",
        "gpg -k --keyid-format long",
        "gpg -k --keyid-format 0xlong",
        "gpg -k --keyid-format short",
        "gpg -k --keyid-format 0xshort",
        "gpg --fingerprint",
        "gpg --list-secret-keys --keyid-format=long --with-fingerprint",
        &long,
    ] {
        let (ours, theirs) = twins.sh(line);
        let body = |said: &Done| {
            let text = said.out();
            let lines = text.lines().skip_while(|line| line.starts_with(['/', '-']));
            lines.map(str::to_string).collect::<Vec<_>>()
        };
        assert_eq!((ours.exit(), theirs.exit()), (0, 0), "{line}: {}", ours.shown());
        assert_eq!(body(&ours), body(&theirs), "{line}");
    }
}

#[test]
fn keys_with_subkeys_and_an_end_are_listed_alike() {
    let Some(theirs) = Sandbox::of_gpg() else { return };
    let ours = Sandbox::in_place_of_gpg();
    ours.write(
        "parameters",
        "Key-Type: RSA\nKey-Length: 3072\nSubkey-Type: RSA\nSubkey-Length: 3072\n\
         Name-Real: Zo\u{eb}: of \\ Acme\nName-Email: z@acme.test\nExpire-Date: 2y\n%no-protection\n",
    );
    // No backslash in a user ID that is made here; one that comes from elsewhere is listed.
    let said = ours.sh("gpg --batch --gen-key parameters");
    assert_eq!(said.exit(), 2, "{}", said.shown());
    ours.must("sed -i 's/ of . / of /' parameters && gpg --batch --gen-key parameters");
    theirs.gpg_import(&ours.must("gpg --batch --export-secret-keys").stdout);
    let fingerprint =
        ours.must("gpg -K --with-colons | grep -m1 ^fpr | cut -d: -f10").out().trim().to_string();
    let trust = format!("{fingerprint}:6:\n");
    theirs.script("gpg --import-ownertrust").stdin(trust.as_bytes()).run().exits(0);
    for line in [
        "gpg --with-colons --with-keygrip -k",
        "gpg --with-colons -K",
        "gpg -k z@acme.test",
        "gpg -K --with-subkey-fingerprint z@acme.test",
    ] {
        let (a, b) = (ours.sh(line), theirs.sh(line));
        assert_eq!(records(&a), records(&b), "{line}");
    }
    assert!(ours.must("gpg -k --with-colons").out().contains("Zo\u{eb}\\x3a of Acme"));
}

#[test]
fn names_find_the_same_keys_as_with_gpg() {
    let Some(twins) = Twins::new() else { return };
    owned(&twins);
    let grip = twins.ours.must("gpg -K --with-colons | grep ^grp | cut -d: -f10").out();
    twins.write("grip", grip.trim());
    for name in [
        "nosuch",
        "nosuch other",
        "r@acme.test nosuch",
        "nosuch r@acme.test",
        "'=Acme Release <r@acme.test>'",
        "'=acme release <r@acme.test>'",
        "'=Acme Release'",
        "'<r@acme.test>'",
        "'<R@acme.test>'",
        "'<acme.test>'",
        "@acme.test",
        "@Acme",
        "'*ease <r'",
        "'&'$(cat grip)",
        "'&0000000000000000000000000000000000000000'",
    ] {
        for listing in ["-k", "-K"] {
            let line = format!("gpg --status-fd 2 --with-colons {listing} {name}");
            let (ours, theirs) = twins.same(&line);
            assert_eq!(records(&ours), records(&theirs), "{line}");
            let said = |said: &Done| said.err().matches("error reading key").count();
            assert_eq!(said(&ours), said(&theirs), "{line}: {}", ours.shown());
        }
    }
}

#[test]
fn expiries_in_iso_form_are_the_same_as_gpgs_to_the_second() {
    let Some(theirs) = Sandbox::of_gpg() else { return };
    let ours = Sandbox::in_place_of_gpg();
    let parameters = "Key-Type: RSA\nKey-Length: 3072\nName-Real: Inafile\nExpire-Date: 20400101T123456\n%no-protection\n";
    for desk in [&ours, &theirs] {
        desk.write("parameters", parameters);
        desk.must("gpg --batch --generate-key parameters");
        desk.must("gpg --batch --pinentry-mode loopback --passphrase '' --quick-generate-key Quickly rsa3072 sign 20300101T000000");
        for (name, end) in [("Inafile", "2209034096"), ("Quickly", "1893456000")] {
            let record = desk.must(&format!("gpg --with-colons -k {name} | grep ^pub")).out();
            assert_eq!(record.split(':').nth(6), Some(end), "{:?}: {record}", desk.who);
        }
    }
    // gpg makes a key that is over.
    ours.sh("gpg --batch --pinentry-mode loopback --passphrase '' --quick-generate-key Past rsa3072 sign 20200101T000000").exits(2).says("is in the past");
}

#[test]
fn quick_generate_key_makes_the_same_kind_of_key() {
    let Some(theirs) = Sandbox::of_gpg() else { return };
    let ours = Sandbox::in_place_of_gpg();
    for (place, rest) in [
        "",
        "rsa3072",
        "default default",
        "rsa4096 sign",
        "rsa3072 sign,cert none",
        "rsa3072 sign 8w",
        "rsa3072 sign seconds=86400",
    ]
    .iter()
    .enumerate()
    {
        let shapes = [&ours, &theirs].map(|desk| {
            desk.must(&format!(
                "gpg --batch --pinentry-mode loopback --passphrase '' --quick-generate-key 'K{place} <k@x.test>' {rest}"
            ));
            let said = desk.must(&format!("gpg --with-colons -K K{place}"));
            // Without what is another in every key: kind, size, seconds of validity, uses.
            let shape = |line: String| {
                let fields: Vec<&str> = line.split(':').collect();
                let number = |place: usize| fields[place].parse::<u64>().unwrap_or(0);
                // gpg gives subkeys no end of their own here; with the primary key's they end anyhow.
                let is_primary = fields[0] == "sec";
                let valid = if is_primary { number(6).saturating_sub(number(5)) } else { 0 };
                format!("{}:{}:{}:{valid}:{}", fields[0], fields[1], fields[2], fields[11])
            };
            let keys = records(&said).into_iter().filter(|it| it.starts_with("s"));
            keys.map(shape).collect::<Vec<_>>()
        });
        assert_eq!(shapes[0], shapes[1], "{rest}");
    }
}

#[test]
fn expired_and_revoked_keys_are_listed_alike() {
    let Some(theirs) = Sandbox::of_gpg() else { return };
    let ours = Sandbox::in_place_of_gpg();
    for case in crate::gpg::keys::over() {
        for desk in [&ours, &theirs] {
            desk.gpg_import(&case.certificate);
        }
    }
    let sorted = |said: Done| {
        let mut records = records(&said);
        records.sort();
        records
    };
    for line in ["gpg --with-colons -k", "gpg -k Expired", "gpg -k Revoked"] {
        let (a, b) = (ours.sh(line), theirs.sh(line));
        assert_eq!((a.exit(), b.exit()), (0, 0), "{line}: {}", a.shown());
        assert_eq!(sorted(a), sorted(b), "{line}");
    }
}

#[test]
fn an_unknown_name_is_an_error_as_in_gpg() {
    let Some(twins) = Twins::new() else { return };
    twins.theirs.must("gpg --check-trustdb");
    for line in ["gpg -k nobody", "gpg -K nobody", "gpg --with-colons -k nobody"] {
        let (ours, theirs) = twins.sh(line);
        assert_eq!((ours.exit(), theirs.exit()), (2, 2), "{line}: {}", ours.shown());
        assert_eq!(ours.err(), theirs.err(), "{line}");
        assert_eq!(records(&ours), records(&theirs));
    }
    let empty = Sandbox::in_place_of_gpg();
    let said = empty.must("gpg -k; gpg -K");
    assert!(said.stdout.is_empty(), "{}", said.shown());
}

#[test]
fn a_secret_part_that_is_elsewhere_is_marked() {
    let Some(theirs) = Sandbox::of_gpg() else { return };
    theirs.gpg_key("Acme <a@acme.test>");
    theirs.must("gpg --batch --pinentry-mode loopback --passphrase '' --quick-add-key $(gpg -k --with-colons | grep -m1 ^fpr | cut -d: -f10) rsa3072 sign never");
    let ours = Sandbox::in_place_of_gpg();
    ours.gpg_import(&theirs.must("gpg --batch --export-secret-subkeys").stdout);
    let listing = ours.must("gpg -K");
    assert!(listing.out().contains("sec#  rsa3072"), "{}", listing.shown());
    assert!(listing.out().contains("ssb   rsa3072"), "{}", listing.shown());
    let records = ours.must("gpg -K --with-colons").out();
    assert_eq!(records.lines().next().unwrap().split(':').nth(14), Some("#"), "{records}");
}

#[test]
fn a_file_is_shown_without_being_taken() {
    let desk = Sandbox::in_place_of_gpg();
    desk.write("file", craft::public(&Recipe::of(craft::Material::a()).build()));
    let said = desk.must("gpg --show-keys --with-colons file");
    assert!(said.out().contains("Release <release@example.org>"), "{}", said.shown());
    assert!(desk.must("gpg -k").stdout.is_empty());
}

#[test]
fn several_user_ids_and_a_revoked_one_are_listed_as_gpg_does() {
    let Some(theirs) = Sandbox::of_gpg() else { return };
    let key = theirs.gpg_key("One <one@acme.test>");
    for line in [
        "--quick-add-uid KEY 'Two <two@acme.test>'",
        "--quick-add-uid KEY 'Three <three@acme.test>'",
        "--quick-revoke-uid KEY 'Two <two@acme.test>'",
    ] {
        let line = line.replace("KEY", &key);
        theirs.must(&format!(
            "sleep 1.1; gpg --batch --pinentry-mode loopback --passphrase '' {line}"
        ));
    }
    let ours = Sandbox::in_place_of_gpg();
    ours.gpg_import(&theirs.must("gpg --batch --export-secret-keys").stdout);
    let twins = Twins { ours, theirs, fingerprint: key };
    owned(&twins);
    twins.theirs.must("gpg --export > file && gpg --check-trustdb");
    twins.share("file");
    twins.write("data", "data");
    twins.theirs.must("gpg --batch --digest-algo SHA256 -u one@acme.test -b data");
    twins.share("data.sig");
    for line in [
        "gpg -k One",
        "gpg -K One",
        "gpg --with-colons -k One",
        "gpg --with-colons -K One",
        "gpg --show-keys file",
    ] {
        let (ours, theirs) = twins.sh(line);
        assert_eq!(records(&ours), records(&theirs), "{line}");
    }
    for line in
        ["gpg --verify data.sig data", "gpg --export > ring && gpgv --keyring ./ring data.sig data"]
    {
        let (ours, theirs) = twins.sh(line);
        assert_eq!(ours.err(), theirs.err(), "{line}");
    }
    // A file holds no trust, so there is no record of it.
    let Some(stranger) = Sandbox::of_gpg() else { return };
    stranger.write("file", twins.ours.read("file"));
    let empty = Sandbox::in_place_of_gpg();
    empty.write("file", twins.ours.read("file"));
    let [ours, theirs] =
        [&empty, &stranger].map(|desk| desk.must("gpg --show-keys --with-colons file").out());
    assert_eq!(ours, theirs);
}

#[test]
fn the_same_user_id_names_a_key_at_every_door() {
    let desk = Sandbox::in_place_of_gpg();
    let key = desk.gpg_key("Old <old@acme.test>");
    desk.must(&format!("plugsign --home ../g/plugsign adduid {key} --name New"));
    desk.write("data", "data");
    desk.must("gpg --batch -b data");
    // As with gpg, the newest names a key that calls none of them primary.
    for line in [
        "gpg -k",
        "gpg -k --with-colons",
        "gpg --verify data.sig data 2>&1",
        "gpg --batch --yes -v -b data 2>&1",
        "plugsign --home ../g/plugsign list",
        "plugsign --home ../g/plugsign verify data",
        "plugsign --home ../g/plugsign announce --artifact a.zip acme.test",
    ] {
        let text = desk.must(line).out();
        let [new, old] = ["New", "Old"].map(|name| text.find(name));
        assert!(new.is_some() && old.is_none_or(|old| Some(old) > new), "{line}: {text}");
    }
}

/// python-gnupg 0.5.7 asks this first of all, and takes the version from it.
#[test]
fn list_config_answers_as_gpg_does() {
    let Some(twins) = Twins::new() else { return };
    let (ours, theirs) = twins.sh("gpg --list-config --with-colons");
    assert_eq!((ours.exit(), theirs.exit()), (0, 0), "{}", ours.shown());
    let items = |said: &Done| -> Vec<String> {
        let names = said.out();
        names.lines().filter_map(|line| Some(line.split(':').nth(1)?.to_string())).collect()
    };
    let known = items(&theirs);
    assert!(ours.out().starts_with("cfg:version:2.2.40\n"), "{}", ours.shown());
    assert!(items(&ours).iter().all(|item| known.contains(item)), "{}", ours.shown());
    let (ours, theirs) = twins.sh("gpg --list-config --with-colons digest");
    assert_eq!(ours.out(), "cfg:digest:8;9;10\n");
    assert_eq!(items(&ours), items(&theirs));
    assert_eq!(twins.ours.must("gpg --list-config").out(), "");
}
