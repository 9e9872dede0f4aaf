//! How many of gpg's options do something here, counted where the program has them.

use std::fs;
use std::path::Path;

use crate::replay::table::{GPG, Kind};

/// Done, passed over, refused.
fn counts() -> [usize; 3] {
    let count = |is_such: fn(&Kind) -> bool| {
        let rows = GPG.iter().filter(|(_, kind)| is_such(kind));
        let names = rows.flat_map(|(names, _)| names.split_whitespace());
        names.filter(|name| !name.starts_with("plugsign-")).count()
    };
    [
        count(|kind| matches!(kind, Kind::Done(_))),
        count(|kind| matches!(kind, Kind::Silent | Kind::Told)),
        count(|kind| matches!(kind, Kind::Refused(_))),
    ]
}

#[test]
fn the_document_says_how_many_options_do_what() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/in-place-of-gpg.md");
    let text =
        fs::read_to_string(document).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    let [done, over, refused] = counts();
    let sentence = format!(
        "Of the {} names that `gpg --dump-options` prints, {done} are done, {over} are ignored \
         and {refused} are refused.",
        done + over + refused
    );
    assert!(text.contains(&sentence), "docs/in-place-of-gpg.md does not say: {sentence}");
}
