//! Owner trust, of which plugsign keeps none: what is so is said, and nothing else is taken.

use crate::common::sandbox::Sandbox;
use crate::gpg::twins::{GpgKeys, Twins};

#[test]
fn owner_trust_goes_out_and_comes_in_as_facts() {
    let Some(twins) = Twins::new() else { return };
    let (ours, theirs) = (&twins.ours, &twins.theirs);
    let lines = |desk: &Sandbox| {
        let out = desk.must("gpg --batch --export-ownertrust").out();
        let (remarks, lines): (Vec<_>, Vec<_>) =
            out.lines().map(str::to_string).partition(|line| line.starts_with('#'));
        assert_eq!(remarks.len(), 2, "{out}");
        lines
    };
    assert_eq!(lines(ours), lines(theirs));
    ours.must("gpg --batch --export-ownertrust > trust && gpg --batch --import-ownertrust trust");
    ours.must("gpg --batch --import-ownertrust < trust");
    ours.must("gpg --batch -o named --export-ownertrust && grep -v '^#' trust | cmp - <(grep -v '^#' named)");
    // What is trusted is fully so.
    let other = theirs.gpg_key("Other <o@other.test>");
    ours.write("other", theirs.must(&format!("gpg --batch --export {other}")).stdout);
    ours.must("plugsign --home ../g/plugsign trust add other");
    assert!(lines(ours).contains(&format!("{other}:5:")));
    ours.must("gpg --batch --export-ownertrust | gpg --batch --import-ownertrust");
}

#[test]
fn owner_trust_that_is_not_so_is_refused_and_trusts_nobody() {
    let Some(twins) = Twins::new() else { return };
    let (ours, own) = (&twins.ours, &twins.fingerprint);
    let stranger = "0123456789ABCDEF0123456789ABCDEF01234567";
    for (line, words) in [
        (format!("{stranger}:6:"), "plugsign keeps no owner trust"),
        (format!("{stranger}:4:"), "trust add FILE"),
        (format!("{own}:3:"), "stays ultimately trusted"),
        (own.clone(), "colon missing"),
        ("ABCD:6:".into(), "invalid fingerprint"),
        (format!("{own}:x:"), "no owner trust after the colon"),
    ] {
        ours.write("trust", format!("# remark\n\n{line}\n{own}:6:\n"));
        ours.sh("gpg --batch --import-ownertrust trust").exits(2).says(words);
    }
    // To trust nobody in particular is so already.
    ours.write("trust", format!("{stranger}:2:\n{stranger}:3:\n{own}:6:\n"));
    ours.must("gpg --batch --import-ownertrust trust");
    ours.sh("gpg --batch --import-ownertrust missing").exits(2).says("missing");
    let out = ours.must("gpg --batch --export-ownertrust").out();
    assert!(!out.contains(stranger), "{out}");
}
