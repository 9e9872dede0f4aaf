//! Texts that carry their signature: `--clearsign`, and what reads them.

use crate::common::peers::peer;
use crate::common::sandbox::{Sandbox, Who};
use crate::gpg::twins::{GpgKeys, StatusLines, Twins};

const TEXT: &[u8] = b"Origin: Acme\n\n- one\n-----BEGIN\nFrom here \t\ntabs\tand blanks  \nlast";

/// The lines that make one, as tools call it.
const WAYS: [&str; 9] = [
    "gpg --batch --status-fd 2 --clearsign -o made.asc text",
    "gpg --batch --status-fd 2 --clear-sign --output made.asc text",
    "gpg --batch --status-fd 2 --digest-algo SHA256 --clearsign -u KEY -o made.asc text",
    "gpg --batch --status-fd 2 --digest-algo SHA512 --clearsign < text > made.asc",
    "gpg --batch --status-fd 2 --textmode --armor --clearsign -o made.asc text",
    "gpg --batch --status-fd 2 --clearsign text && mv text.asc made.asc",
    "gpg --batch --status-fd 2 --comment 'made here' --clearsign -o - text > made.asc",
    "gpg --batch --status-fd 2 --armor --no-armor --clearsign -o made.asc -- text",
    "cat text | gpg --batch --status-fd 2 -u KEY --clearsign -o made.asc -",
];

#[test]
fn clearsign_makes_what_gpg_makes_and_says_what_gpg_says() {
    let Some(twins) = Twins::new() else { return };
    twins.write("text", TEXT);
    for way in WAYS {
        let line = format!("rm -f made.asc; {}", way.replace("KEY", &twins.fingerprint));
        let (ours, theirs) = twins.sh(&line);
        assert_eq!((ours.exit(), theirs.exit()), (0, 0), "{line}: {}", ours.shown());
        let shapes = [&ours, &theirs].map(|said| said.shape(&twins.fingerprint));
        assert_eq!(shapes[0], shapes[1], "{line}");
        assert!(shapes[0].iter().any(|it| it.starts_with("SIG_CREATED C ")), "{line}");
        // The text in front of the armor is the same to the letter, but for the hash's name.
        let [mine, real] = [&twins.ours, &twins.theirs].map(|desk| {
            let made = String::from_utf8(desk.read("made.asc")).unwrap();
            let (text, _) = made.split_once("-----BEGIN PGP SIGNATURE-----").unwrap();
            text.replace("SHA256", "SHA512")
        });
        assert_eq!(mine, real, "{line}");
        // Each reads the other's.
        let both = [twins.ours.read("made.asc"), twins.theirs.read("made.asc")];
        twins.ours.write("other.asc", &both[1]);
        twins.theirs.write("other.asc", &both[0]);
        twins.same("gpg --status-fd 2 --verify other.asc 2>&1 | grep -E 'GNUPG:. (NEWSIG|GOODSIG|BADSIG|TRUST)'");
        let (ours, theirs) = twins.sh("gpg --decrypt other.asc");
        assert_eq!((ours.exit(), ours.out()), (theirs.exit(), theirs.out()), "{line}");
    }
}

#[test]
fn every_door_reads_one_as_gpg_does() {
    if peer("gpgv").is_none() {
        return;
    }
    let Some(twins) = Twins::new() else { return };
    twins.theirs.write("text", TEXT);
    twins.theirs.must("gpg --batch --digest-algo SHA256 --clearsign text && gpg --export > ring.gpg && sed s/Acme/Evil/ text.asc > bad.asc && rm text");
    for name in ["text.asc", "bad.asc", "ring.gpg"] {
        twins.share(name);
    }
    for line in [
        "gpg --status-fd 2 --verify text.asc",
        "gpg --status-fd 2 --verify < text.asc",
        "gpg --status-fd 2 --verify - < text.asc",
        "gpg --status-fd 2 --decrypt text.asc",
        "gpg --status-fd 2 -d < text.asc",
        "gpg --status-fd 2 --batch -o out -d text.asc; cat out; rm out",
        "gpg --status-fd 2 --batch < text.asc",
        "gpg --status-fd 2 --batch text.asc; cat text; rm text",
        "gpg --status-fd 2 --batch -o - text.asc",
        "gpg --status-fd 2 --verify --output - text.asc",
        "gpgv --status-fd 2 --keyring ./ring.gpg text.asc",
        "gpgv --status-fd 2 --keyring ./ring.gpg < text.asc",
        "gpgv --status-fd 2 --keyring ./ring.gpg - < text.asc",
        "gpgv --status-fd 2 --keyring ./ring.gpg --output out text.asc; cat out; rm out",
        "gpgv --status-fd 2 --keyring ./ring.gpg -o - text.asc",
        "echo old > out; gpgv --status-fd 2 --keyring ./ring.gpg --output out text.asc; cat out; rm out",
    ] {
        let (ours, theirs) = twins.same(line);
        assert_eq!(ours.out(), theirs.out(), "{line}");
        assert_eq!(ours.fields("GOODSIG").len(), 5, "{line}: {}", ours.shown());
    }
    // A text that is not good is not printed, which gpg does.
    for line in [
        "gpg --status-fd 2 --verify bad.asc",
        "gpg --status-fd 2 --decrypt bad.asc",
        "gpg --status-fd 2 --batch -o out -d bad.asc",
        "gpgv --status-fd 2 --keyring ./ring.gpg bad.asc",
        "gpgv --status-fd 2 --keyring ./ring.gpg --output out bad.asc",
    ] {
        let (ours, theirs) = twins.sh(line);
        assert_eq!((ours.exit(), theirs.exit()), (1, 1), "{line}: {}", ours.shown());
        assert_eq!(ours.out(), "", "{line}");
        assert!(!twins.ours.has("out"), "{line}");
        let verdict = |it: Vec<String>| -> Vec<String> {
            it.into_iter()
                .filter(|line| !line.starts_with("PLAINTEXT") && !line.starts_with("FAILURE"))
                .collect()
        };
        assert_eq!(verdict(ours.verdict()), verdict(theirs.verdict()), "{line}");
    }
    // It is no detached signature of anything.
    for line in [
        "gpg --status-fd 2 --verify text.asc ring.gpg",
        "gpgv --keyring ./ring.gpg text.asc ring.gpg",
    ] {
        let (ours, theirs) = twins.sh(line);
        assert_eq!((ours.exit(), theirs.exit()), (2, 2), "{line}: {}", ours.shown());
        ours.lacks("GOODSIG");
    }
}

/// `sha256sum * | gpg --clearsign > SHA256SUMS.asc`, as publishers write it, and how users check it.
#[test]
fn a_list_of_checksums_is_signed_and_checked_across() {
    for (who, whom) in [(Who::Plugsign, Who::Gpg), (Who::Gpg, Who::Plugsign)] {
        let (Some(maker), Some(reader)) = (Sandbox::of(who), Sandbox::of(whom)) else { return };
        maker.gpg_key("Acme Release <r@acme.test>");
        for name in ["a.tar.gz", "b.zip"] {
            maker.write(name, name);
            reader.write(name, name);
        }
        maker.must("sha256sum a.tar.gz b.zip | gpg --batch --clearsign > SHA256SUMS.asc && gpg --export > ring.gpg");
        for name in ["SHA256SUMS.asc", "ring.gpg"] {
            reader.write(name, maker.read(name));
        }
        reader.must("gpg --batch --import ring.gpg && gpg --verify SHA256SUMS.asc && gpg -d SHA256SUMS.asc 2>/dev/null | sha256sum -c")
            .prints("b.zip: OK");
    }
}
