//! What the program is built from, and what it is packed into.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use semver::Version;
use serde_json::Value;

mod packages;
mod unsafe_code;

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The target triple of this machine.
fn host() -> String {
    let about = Command::new("rustc").arg("-vV").output().unwrap().stdout;
    let about = String::from_utf8(about).unwrap();
    about.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

/// What the program is built from on this machine: the crates of others were not downloaded.
fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--format-version", "1"])
        .args(["--filter-platform", &host()])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// RUSTSEC-2023-0071: the `rsa` crate computes with private keys in variable time. The linker
/// leaves out what nothing reaches, so what is not there cannot be run.
#[cfg(feature = "crypto-rust")]
#[test]
fn no_private_key_code_of_the_rsa_crate_is_in_the_program() {
    let program = fs::read(env!("CARGO_BIN_EXE_plugsign")).unwrap();
    let program = String::from_utf8_lossy(&program);
    // Names as the linker sees them: each part after its length, or as paths in other names.
    let program_has = |name: &str| program.contains(name);
    for public in ["3rsa3key12RsaPublicKey", "Pkcs1v15Sign$u20$as$u20$rsa..traits"] {
        assert!(program_has(public), "{public}: the search finds nothing");
    }
    for private in [
        "3rsa3key13RsaPrivateKey",
        "rsa..key..RsaPrivateKey",
        "3rsa10algorithms3rsa11rsa_decrypt",
        "rsa_decrypt_and_check",
        "3rsa10algorithms8generate",
        "3rsa8pkcs1v154sign",
        "3rsa8pkcs1v157decrypt",
        "rsa..traits..padding..SignatureScheme$GT$4sign",
        "rsa..traits..padding..PaddingScheme$GT$7decrypt",
    ] {
        assert!(!program_has(private), "{private} is in the program");
    }
}

#[test]
fn every_dependency_has_a_reason_and_comes_from_the_registry() {
    let manifest = read("Cargo.toml");
    let mut section = "";
    let mut is_explained = false;
    let mut dependencies = 0;
    for line in manifest.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name;
        } else if line.starts_with('#') {
            is_explained = true;
        } else if line.is_empty() {
            is_explained = false;
        } else if section.ends_with("dependencies]") {
            assert!(is_explained, "{line}: no reason is given");
            let is_minimal = line.contains("default-features = false");
            assert!(is_minimal, "{line}: its features are not named one by one");
            dependencies += 1;
        }
    }
    assert!(dependencies > 30, "only {dependencies}");
    for package in metadata()["packages"].as_array().unwrap() {
        let source = package["source"].as_str();
        let is_ours = package["name"] == "plugsign";
        assert!(is_ours || source.unwrap().starts_with("registry+"), "{}", package["id"]);
    }
}

/// The toolchain that is promised to be enough. Clippy holds our own code to it, by
/// `incompatible_msrv`.
#[test]
fn no_dependency_of_the_program_needs_a_newer_rust_than_we_promise() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let version = |package: &Value| {
        let text = package["rust_version"].as_str()?.to_owned();
        let dots = text.matches('.').count();
        Version::parse(&(text + &".0".repeat(2 - dots))).ok()
    };
    let ours = packages.iter().find(|package| package["name"] == "plugsign").unwrap();
    let promised = version(ours).unwrap();
    // What tests alone need may be newer.
    for package in built(&metadata) {
        if let Some(needed) = version(package) {
            assert!(needed <= promised, "{} needs Rust {needed}", package["id"]);
        }
    }
}

/// ICU's tables are twenty crates, for the one domain name in an e-mail address. The lock has the
/// version of `idna_adapter` that goes without them: `cargo update -p idna_adapter --precise 1.1.0`.
#[test]
fn a_first_build_does_not_compile_the_tables_of_icu() {
    let metadata = metadata();
    let names = |start: &str| {
        let of = |package: &&Value| package["name"].as_str().unwrap().starts_with(start);
        built(&metadata).into_iter().filter(of).count()
    };
    assert_eq!((names("idna_adapter"), names("icu_")), (1, 0));
}

/// Returns the crates that a build has along these kinds of edges, each with its features: more
/// than once if builds for build scripts have others.
fn crates(edges: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--prefix", "none", "--format", "{p} {f}"])
        .args(["--edges", edges])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    // What was shown already has a mark.
    text.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
}

/// A crate whose features tests change is built twice, and then tests test another program than the
/// one that ships.
#[test]
fn tests_turn_on_no_feature_of_what_the_program_is_built_from() {
    let package = |line: &String| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let is_of = |some: &BTreeSet<String>, line: &String| {
        let package = package(line);
        some.iter().any(|other| other.starts_with(&format!("{package} ")))
    };
    // What is linked, and what compiles it as well.
    let linked = (crates("normal,no-proc-macro"), crates("normal,dev,no-proc-macro"));
    let all = (crates("normal,build"), crates("normal,build,dev"));
    assert!(linked.0.len() > 100 && linked.0.len() < all.0.len(), "only {}", linked.0.len());
    let lost = linked.0.difference(&linked.1).chain(all.0.difference(&all.1));
    let linked_twice = linked.1.difference(&linked.0).filter(|line| is_of(&linked.0, line));
    // Tests may link what the program only compiles with, with features of their own.
    let compiles_twice = all.1.difference(&all.0);
    let compiles_twice =
        compiles_twice.filter(|line| is_of(&all.0, line) && !linked.1.contains(*line));
    let changed: BTreeSet<_> = lost.chain(linked_twice).chain(compiles_twice).collect();
    assert!(changed.is_empty(), "other features with and without tests: {changed:#?}");
}

/// The packages that the program is built from, itself among them, and not those of tests alone.
fn built(metadata: &Value) -> Vec<&Value> {
    let packages = metadata["packages"].as_array().unwrap();
    let ours = packages.iter().find(|package| package["name"] == "plugsign").unwrap();
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let of = |id: &Value| nodes.iter().find(|node| node["id"] == *id).unwrap();
    let mut reached = vec![&ours["id"]];
    let mut place = 0;
    while let Some(id) = reached.get(place).copied() {
        for dependency in of(id)["deps"].as_array().unwrap() {
            let kinds = dependency["dep_kinds"].as_array().unwrap();
            let is_built = kinds.iter().any(|kind| kind["kind"] != "dev");
            if is_built && !reached.contains(&&dependency["pkg"]) {
                reached.push(&dependency["pkg"]);
            }
        }
        place += 1;
    }
    assert!(reached.len() > 100, "only {}", reached.len());
    packages.iter().filter(|package| reached.contains(&&package["id"])).collect()
}
