//! Signatures as people have them: several blocks in a file, words around them, files in the wrong
//! order. plugsign and gpg say the same, except where plugsign is stricter.

use crate::gpg::twins::{GpgKeys, StatusLines, Twins};

/// Two signers that both know, with their signatures over `data`.
fn signed() -> Option<Twins> {
    let twins = Twins::new()?;
    let other = twins.theirs.gpg_key("Other <o@other.test>");
    let secret = twins.theirs.must(&format!("gpg --batch --export-secret-keys {other}")).stdout;
    twins.ours.gpg_import(&secret);
    twins.theirs.must(
        "gpg --batch -u Acme -a -o 1.asc -b data && gpg --batch -u Other -a -o 2.asc -b data
         gpg --batch -u Acme -o data.sig -b data && gpg --batch --export > ring.gpg
         echo other > other && gpg --batch -u Other -a -o bad.asc -b other",
    );
    for name in ["1.asc", "2.asc", "data.sig", "ring.gpg", "bad.asc"] {
        twins.share(name);
    }
    Some(twins)
}

/// Makes a file at both desks.
fn make(twins: &Twins, line: &str) {
    twins.ours.must(line);
    twins.theirs.must(line);
}

#[test]
fn armored_blocks_and_text_around_them_are_judged_one_by_one_as_by_gpg() {
    let Some(twins) = signed() else { return };
    for (line, good) in [
        ("cat 1.asc 2.asc", 2),
        ("echo Dear all,; cat 1.asc; echo and; echo; cat 2.asc; echo '-- '; echo me", 2),
        ("echo '----- forwarded -----'; cat 1.asc; printf 'no line end'", 1),
        ("cat 1.asc 2.asc | sed 's/$/\\r/'", 2),
        ("cat 1.asc bad.asc", 1),
        ("cat bad.asc 1.asc", 1),
        ("cat 1.asc 2.asc 1.asc", 3),
        ("sed 's/^/  /' 1.asc", 0),
        ("cat 1.asc; gpg --batch --armor --export Other | sed '/^Version/d'", -1),
    ] {
        make(&twins, &format!("({line}) > some.asc"));
        twins.share("some.asc");
        for program in ["gpg", "gpgv --keyring ./ring.gpg"] {
            let line = format!("{program} --status-fd 1 --verify some.asc data");
            let line = line.replace("ring.gpg --status-fd 1 --verify", "ring.gpg --status-fd 1");
            let (ours, theirs) = twins.sh(&line);
            assert_eq!(ours.exit(), theirs.exit(), "{line}");
            if good < 0 {
                // gpg tells of the first one before it meets what is unexpected.
                ours.lacks("GOODSIG");
                continue;
            }
            // gpgv ends at the first bad one. Here all are told.
            if theirs.exit() == 0 || program == "gpg" {
                assert_eq!(ours.verdict(), theirs.verdict(), "{line}");
            }
            let told = ours.status().iter().filter(|it| it.starts_with("GOODSIG")).count();
            assert_eq!(told as i32, good, "{}", ours.shown());
        }
    }
}

#[test]
fn what_gpg_passes_over_around_the_armor_is_never_good_here() {
    let Some(twins) = signed() else { return };
    for line in [
        "cat 1.asc data.sig",
        "cat 1.asc; head -n 4 2.asc",
        "cat 1.asc; sed 's/^[A-Za-z0-9+/]\\{60,\\}$/XX/' 2.asc",
        "cat 1.asc; printf 'nul \\0\\n'",
        "cat 1.asc; printf 'form \\f feed\\n'",
        "cat 1.asc; printf '\\033[2J\\n'",
        "cat 1.asc; printf '\\377\\n'",
        "cat 1.asc; echo '-----END PGP SIGNATURE-----'",
        "cat 1.asc; echo '-----BEGIN PGP SIGNED MESSAGE-----'",
        "for i in $(seq 65); do cat 1.asc; done",
        "head -n 1 1.asc; cat 1.asc",
    ] {
        twins.ours.must(&format!("({line}) > some.asc"));
        for program in ["gpg --batch --verify", "gpgv --keyring ./ring.gpg"] {
            let said = twins.ours.sh(&format!("{program} some.asc data"));
            assert_eq!(said.exit(), 2, "{line}: {}", said.shown());
        }
    }
    // plugsign's own verify takes exactly one signature and nothing else.
    for line in ["cat 1.asc 2.asc", "echo words; cat 1.asc"] {
        twins.ours.must(&format!("({line}) > some.asc"));
        let said = twins.ours.sh("plugsign --home ../g/plugsign verify --signature some.asc data");
        assert_eq!(said.exit(), 1, "{line}: {}", said.shown());
    }
}

#[test]
fn files_in_the_wrong_order_get_gpgs_advice() {
    let Some(twins) = signed() else { return };
    twins.write("large", "a line of a long text\n".repeat(10_000));
    make(&twins, "yes 'a line of a longer one' | head -c 20M > vast");
    for line in [
        "gpg --batch --status-fd 1 --verify data data.sig",
        "gpg --batch --status-fd 1 --verify data 1.asc",
        "gpg --batch --status-fd 1 --verify large data.sig",
        "gpg --batch --status-fd 1 --verify vast data.sig",
        "gpgv --keyring ./ring.gpg --status-fd 1 data data.sig",
    ] {
        let (ours, theirs) = twins.same(line);
        for said in [ours, theirs] {
            said.says("Please remember that the signature file (.sig or .asc)\nshould be the first file given on the command line.");
        }
    }
}

#[test]
fn what_is_no_key_is_told_as_gpg_tells_it() {
    let Some(twins) = signed() else { return };
    twins.write("nonsense", "nonsense\n");
    twins.write("words", "a few words\n");
    twins.write("empty", "");
    twins.write("binary", [0x99, 1, 2]);
    for name in ["nonsense", "words", "empty", "binary", "missing", "nonsense words"] {
        let (ours, _) = twins.same(&format!("gpg --batch --status-fd 1 --import {name}"));
        assert_eq!(ours.exit(), 2, "{name}");
    }
}

#[test]
fn user_ids_have_parentheses_as_with_gpg() {
    let Some(twins) = Twins::new() else { return };
    let parameters = "%no-protection\nKey-Type: RSA\nKey-Length: 3072\nName-Real: N (x)\n\
        Name-Comment: c (y)\nName-Email: n@names.test\n%commit\n";
    twins.write("parameters", parameters);
    make(&twins, "gpg --batch --generate-key parameters");
    make(
        &twins,
        "gpg --batch --passphrase '' --pinentry-mode loopback --quick-generate-key 'Q (a (b)) <q@names.test>' rsa3072 sign",
    );
    let names = |line: &str| {
        let fields = line.split(':').nth(9).map(str::to_string);
        fields.filter(|_| line.starts_with("uid:"))
    };
    let (ours, theirs) = twins.sh("gpg --batch --with-colons -k names.test");
    let [ours, theirs] = [ours, theirs].map(|it| {
        let mut names: Vec<_> = it.out().lines().filter_map(names).collect();
        names.sort();
        names
    });
    assert_eq!(ours, ["N (x) (c (y)) <n@names.test>", "Q (a (b)) <q@names.test>"]);
    assert_eq!(ours, theirs);
    twins.ours.must("gpg --batch -u '=Q (a (b)) <q@names.test>' -o out -b data");
}
