//! What the program is built from, and what it is packed into.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use crate::common::systems::is_linux;
use semver::Version;
use serde_json::Value;

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// What the program is built from on this machine: the crates of others were not downloaded.
fn metadata() -> Value {
    let about = Command::new("rustc").arg("-vV").output().unwrap().stdout;
    let about = String::from_utf8(about).unwrap();
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--format-version", "1"])
        .args(["--filter-platform", host])
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
fn our_own_code_has_no_unsafe_in_it() {
    assert!(read("Cargo.toml").contains("unsafe_code = \"forbid\""));
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            for line in code {
                assert!(!has_word(line, "unsafe "), "{}: {line}", path.display());
            }
            files += 1;
        }
    }
    assert!(files > 60, "only {files} files");
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

/// Says whether a line has a word that is not the end of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(place, _)| !line[..place].ends_with(is_name))
}

/// Counts the lines of Rust sources below a folder in which `unsafe` begins something.
fn unsafe_lines(folder: &Path) -> usize {
    let Ok(listing) = fs::read_dir(folder) else { return 0 };
    let in_line = |line: &str| {
        let code = line.split("//").next().unwrap_or_default();
        ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "unsafe trait"]
            .iter()
            .any(|word| has_word(code, word))
    };
    let in_file = |path: &Path| {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().filter(|line| in_line(line)).count()
    };
    let paths = listing.map(|entry| entry.unwrap().path());
    paths
        .map(|path| match path.is_dir() {
            true => unsafe_lines(&path),
            false if path.extension().is_some_and(|it| it == "rs") => in_file(&path),
            false => 0,
        })
        .sum()
}

/// Of others' code we can only say how much there is; SECURITY.md says what we make of it.
#[test]
fn unsafe_code_is_counted_and_none_of_it_is_ours() {
    let metadata = metadata();
    let mut with = 0;
    let mut lines = 0;
    let packages = built(&metadata);
    for package in &packages {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        let found = unsafe_lines(&manifest.parent().unwrap().join("src"));
        if package["name"] == "plugsign" {
            assert_eq!(found, 0, "of our own");
        }
        with += usize::from(found > 0);
        lines += found;
    }
    // Standard bindings have some: a scan that finds none looks in the wrong place.
    assert!(with > 10 && with < packages.len(), "{with} of {}", packages.len());
    let all = packages.len();
    let _ = writeln!(
        io::stderr(),
        "supply: {with} of {all} crates have `unsafe` in {lines} lines, plugsign has none"
    );
}

/// What Cargo.toml says of the package.
fn manifest() -> Value {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().find(|package| package["name"] == "plugsign").unwrap().clone()
}

#[test]
fn recipes_and_packages_name_the_same_version_address_and_purpose() {
    let manifest = manifest();
    let about = |name: &str| manifest[name].as_str().unwrap().to_owned();
    let (version, address, purpose) = (about("version"), about("repository"), about("description"));
    assert_eq!(about("homepage"), address);
    // Homebrew's limit, and the width of a Debian package's first line.
    assert!(purpose.len() + "plugsign: ".len() <= 80, "{purpose}");
    let unknown = "0".repeat(64);
    let sources = format!("{address}/releases/download/v{version}/plugsign-{version}.tar.gz");
    let recipes = [
        ("packaging/plugsign.rb", format!("  desc \"{purpose}\"")),
        ("packaging/plugsign.rb", format!("  homepage \"{address}\"")),
        ("packaging/plugsign.rb", format!("  url \"{sources}\"")),
        ("packaging/plugsign.rb", format!("  sha256 \"{unknown}\"")),
        ("packaging/aur/PKGBUILD", format!("pkgver={version}")),
        ("packaging/aur/PKGBUILD", format!("pkgdesc='{purpose}'")),
        ("packaging/aur/PKGBUILD", format!("url='{address}'")),
        ("packaging/aur/PKGBUILD", format!("sha256sums=('{unknown}')")),
        ("packaging/debian/copyright", format!("Source: {address}")),
    ];
    for (file, line) in recipes {
        assert!(read(file).lines().any(|it| it == line), "{file}: no line {line}");
    }
    // One checksum in each, where packaging/release.sh writes that of the sources.
    for file in ["packaging/plugsign.rb", "packaging/aur/PKGBUILD"] {
        assert_eq!(read(file).matches(&unknown).count(), 1, "{file}");
    }
    for template in ["templates/action/action.yml", "templates/sign/template.yml"] {
        let template = read(template);
        assert!(template.contains(&format!(": {address}.git\n")));
        assert!(template.contains(&format!(": {address}/releases/download\n")));
    }
}

/// A copy of what knows the address, to change.
#[cfg(unix)]
#[test]
fn one_command_writes_the_address_wherever_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::create_dir(folder.path().join("tests")).unwrap();
    for name in ["Cargo.toml", "packaging", "templates", "tests/templates"] {
        let to = folder.path().join(name);
        let copied = Command::new("cp").arg("-R").arg(root.join(name)).arg(&to).status().unwrap();
        assert!(copied.success(), "{name}");
    }
    let fill = |address: &str| {
        Command::new("sh").arg("packaging/fill.sh").arg(address).current_dir(&folder).output()
    };
    let old = manifest()["repository"].as_str().unwrap().to_owned();
    for address in ["https://one.example.org/us/plugsign", "https://two.example.org/plugsign"] {
        let output = fill(address).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let files = String::from_utf8(output.stdout).unwrap();
        for file in files.lines() {
            let text = fs::read_to_string(folder.path().join(file)).unwrap();
            assert!(text.contains(address) && !text.contains(&old), "{file}");
        }
        for file in ["Cargo.toml", "packaging/plugsign.rb", "packaging/aur/PKGBUILD"] {
            assert!(files.lines().any(|line| line == file), "{file} is not among\n{files}");
        }
    }
    for wrong in ["", "http://example.org/plugsign", "https://example.org/", "https://a/b.git"] {
        assert_eq!(fill(wrong).unwrap().status.code(), Some(2), "{wrong}");
    }
}

/// `cargo binstall` finds what packaging/pack.sh packs, below the address of a release.
#[test]
fn cargo_binstall_finds_the_program_in_the_tarball_that_is_packed() {
    if !is_linux("GNU's tar") {
        return;
    }
    const PROGRAM: &str = "#!/bin/sh\nif [ $1 = man ]; then echo > $3/plugsign.1; fi\n";
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("plugsign");
    fs::write(&program, PROGRAM).unwrap();
    let manifest = manifest();
    let version = manifest["version"].as_str().unwrap();
    let binstall = &manifest["metadata"]["binstall"];
    for processor in ["x86_64", "aarch64"] {
        let packed = format!("{processor}-unknown-linux-gnu");
        let dist = folder.path().join(processor);
        let output = Command::new("sh")
            .arg("packaging/pack.sh")
            .args([&program, Path::new(&packed), &dist, Path::new("sh")])
            .env("SOURCE_DATE_EPOCH", "1795000000")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // A system without glibc gets the same file: the program is static.
        for target in [packed.clone(), format!("{processor}-unknown-linux-musl")] {
            let overrides = &binstall["overrides"][&target];
            let filled = |name: &str| {
                let template = overrides[name].as_str().or(binstall[name].as_str()).unwrap();
                template
                    .replace("{ repo }", manifest["repository"].as_str().unwrap())
                    .replace("{ name }", "plugsign")
                    .replace("{ bin }", "plugsign")
                    .replace("{ version }", version)
                    .replace("{ target }", &target)
            };
            assert_eq!(binstall["pkg-fmt"], "tgz");
            let address = filled("pkg-url");
            let (release, file) = address.rsplit_once('/').unwrap();
            assert!(release.ends_with(&format!("/releases/download/v{version}")), "{release}");
            let tarball = fs::File::open(dist.join(file)).unwrap();
            let mut tarball = tar::Archive::new(flate2::read::GzDecoder::new(tarball));
            let mut entries = tarball.entries().unwrap().map(Result::unwrap);
            let inside = filled("bin-dir");
            assert!(
                entries.any(|entry| entry.path().unwrap() == Path::new(&inside)),
                "{file} has no {inside}"
            );
        }
    }
}

/// What crates.io gets: all that a build reads, nothing that only we need.
#[test]
fn the_published_sources_have_what_a_build_reads_and_no_keys() {
    let output = Command::new(env!("CARGO"))
        .args(["package", "--locked", "--offline", "--allow-dirty", "--list"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8(output.stdout).unwrap();
    let files: Vec<&str> = listed.lines().collect();
    let mut included = 0;
    for source in files.iter().filter(|file| file.ends_with(".rs")) {
        let text = read(source);
        for opened in ["include_str!(\"", "include_bytes!(\""] {
            for (place, _) in text.match_indices(opened) {
                let path = text[place + opened.len()..].split('"').next().unwrap();
                let file = path.trim_start_matches("../");
                assert!(files.contains(&file), "{source} includes {path}");
                included += 1;
            }
        }
    }
    assert!(included > 5, "only {included}");
    for file in ["src/bin/plugsign/main.rs", "Cargo.lock", "README.md", "LICENSE-MIT"] {
        assert!(files.contains(&file), "{file} is missing");
    }
    for file in &files {
        let folder = file.split('/').next().unwrap();
        let is_ours = ["tests", "benches", "fuzz", "packaging", ".ci"].contains(&folder);
        assert!(!is_ours, "{file} is published");
        let is_example = folder == "keys-example";
        assert!(!is_example || *file == "keys-example/organisation.asc", "{file} is published");
    }
    assert!(files.len() < 400, "{} files", files.len());
}
