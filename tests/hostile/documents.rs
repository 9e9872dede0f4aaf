//! Lists and databases of others that were made to cost time or memory.

use crate::common::craft::*;
use crate::common::sandbox::Sandbox;
use crate::hostile::bounded::{bounded, told};
use crate::mattermost::archives::{Bundle, gzip, header};

/// What is read of one key file: so much is too much.
const MOST: usize = 4 * 1024 * 1024;

fn config(names: &[String]) -> String {
    format!("{{\"PluginSettings\": {{\"SignaturePublicKeyFiles\": [{}]}}}}", names.join(","))
}

/// expect: each key file is read once, and more than a server's are refused; why: a list costs
/// its author three octets a name, its reader a file.
#[test]
fn a_configuration_that_lists_much_costs_little() {
    let sandbox = Sandbox::new();
    let mut large = public(alice());
    large.resize(MOST, 0);
    let quoted = |name: &str| format!("\"{name}\"");
    // The same file under ever other names.
    let paths = |file: &str| (0..400).map(|at| quoted(&("./".repeat(at) + file))).collect();
    let lists: [(&str, Vec<String>, &str); 6] = [
        ("one large file", vec![quoted("large"); 400], "the same file again"),
        ("one large file, by other names", paths("large"), "the same file again"),
        ("1,000 times a key", vec![quoted("key"); 1_000], "the same file again"),
        ("nothing, 1,000 times", (0..1_000).map(|at| quoted(&at.to_string())).collect(), "cannot"),
        ("1,001 names", vec![quoted("key"); 1_001], "more than 1000 names, the most that plugsign"),
        ("a million names", vec![quoted(""); 1_000_000], "the most that plugsign reads"),
    ];
    for (what, names, words) in lists {
        sandbox.write("server/large", &large);
        sandbox.write("server/key", public(alice()));
        sandbox.write("server/config.json", config(&names));
        let done = bounded(&sandbox, "trust list --config server/config.json", what);
        let said = [done.out(), done.err()].concat();
        assert!(said.contains(words), "{what}: {done:?}");
        bounded(&sandbox, "trust check --config server/config.json", what);
        bounded(&sandbox, "--json trust check --config server/config.json", what);
        bounded(&sandbox, "trust remove --config server/config.json large key", what);
    }
    sandbox.write("server/key", public(alice()));
    // A key that is listed twice is trusted once and well.
    sandbox.write("server/config.json", config(&[quoted("key"), quoted("./key")]));
    bounded(&sandbox, "trust list --config server/config.json", "twice").exits(0);
    bounded(&sandbox, "trust check --config server/config.json", "twice").exits(0);
    for (value, count) in [("[1],", 1_000_000), ("{\"\":1},", 590_000), ("{\"\":1},", 33_000)] {
        let text = format!("{{\"a\": [{}1]}}", value.repeat(count));
        sandbox.write("server/config.json", text);
        let what = format!("{count} times {value}");
        bounded(&sandbox, "trust list --config server/config.json", &what);
        sandbox.write("key.asc", public(alice()));
        bounded(&sandbox, "trust add --config server/config.json key.asc", &what);
    }
}

/// expect: as many files are read as a server may have, and no more memory is taken than for one.
#[test]
fn many_different_large_key_files_are_read_up_to_a_limit() {
    let sandbox = Sandbox::new();
    let names: Vec<String> = (0..40).map(|at| format!("\"{at}\"")).collect();
    for at in 0..40 {
        sandbox.write(format!("server/{at}"), vec![b'x'; MOST]);
    }
    sandbox.write("server/config.json", config(&names));
    let done = bounded(&sandbox, "trust list --config server/config.json", "40 large files");
    assert!(done.out().contains("the most that all key files of a server may have"), "{done:?}");
}

/// expect: a database of whatever it is says what is wrong in a few lines.
#[test]
fn a_marketplace_of_empty_entries_costs_little() {
    let sandbox = Sandbox::new();
    let entry = "{\"manifest\": {\"id\": \"x y\"}, \"platforms\": {\"p\": {\"a\": 1}}}";
    let signature = format!("{{\"signature\": \"{}\"}}", "A".repeat(24 * 1024 * 1024));
    for (what, text, words) in [
        ("empty objects", "{},".repeat(1_000_000), "more than 500000 values"),
        ("numbers", "1,".repeat(1_500_000), "more than 500000 values"),
        ("lists", "[1],".repeat(240_000), "more than 10000 entries, the most that plugsign reads"),
        ("9,000 objects", "{},".repeat(9_000), "and 7 more"),
        ("9,000 bad entries", format!("{entry},").repeat(9_000), "and 11 more"),
        ("one large signature", format!("{signature},"), "no manifest"),
        ("more bytes than are read", " ".repeat(33 * 1024 * 1024), "larger than 33554432 bytes"),
    ] {
        sandbox.write("plugins.json", format!("[{text}{{}}]"));
        let done = bounded(&sandbox, "marketplace check --database plugins.json", what);
        assert!(matches!(done.code(), Some(1 | 3)), "{what}: {done:?}");
        let said = [done.out(), done.err()].concat();
        assert!(said.contains(words), "{what}: no \"{words}\" in {done:?}");
        assert!(said.len() < 2 * 1024 * 1024, "{what}: {} bytes are said", said.len());
        bounded(&sandbox, "--json marketplace check --database plugins.json", what).json();
    }
    told("databases and configurations of everything");
}

/// expect: an error, for the price of reading; why: a name costs its author nothing once more, and
/// its reader every folder above it. What is named once and has no contents costs no more either.
#[test]
fn deep_names_in_a_bundle_cost_little() {
    let sandbox = Sandbox::new();
    let name = ["a/".repeat(2_000).as_bytes(), b"f\0"].concat();
    let long = Bundle::empty().entry(b"././@LongLink", b'L', 0o644, &name);
    let one = long.file("x", 0o644, b"x").into_tar();
    sandbox.write("one.tar.gz", gzip(&one.repeat(9_000)));
    let file = header(b"a", b'0', 0o644, 0);
    sandbox.write("beneath.tar.gz", gzip(&[file, one.repeat(9_000)].concat()));
    let records: String = (100_000..190_000).map(|at| format!("11 {at}=\n")).collect();
    let pax = Bundle::empty().entry(b"x", b'x', 0o644, records.as_bytes()).file("x", 0o644, b"");
    sandbox.write("records.tar.gz", gzip(&pax.into_tar().repeat(100)));
    for name in ["one", "beneath", "records"] {
        let done = bounded(&sandbox, &format!("check {name}.tar.gz"), name).exits(1);
        assert!(done.out().contains("more than 50000 entries, or too long"), "{name}: {done:?}");
    }
    told("bundles with names that cost time");
}
