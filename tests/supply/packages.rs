//! What the program is packed into, and what packages say of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{crates, host, metadata, read};
use crate::common::systems::is_linux;

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
    let has_line = |file: &str, line: &str| {
        assert!(read(file).lines().any(|it| it.trim() == line), "{file}: no line {line}");
    };
    has_line("packaging/plugsign.rb", &format!("desc \"{purpose}\""));
    has_line("packaging/plugsign.rb", &format!("homepage \"{address}\""));
    has_line("packaging/aur/PKGBUILD", &format!("pkgdesc='{purpose}'"));
    has_line("packaging/debian/copyright", &format!("Source: {address}"));
    for template in ["templates/action/action.yml", "templates/sign/template.yml"] {
        let template = read(template);
        assert!(template.contains(&format!(": {address}.git\n")));
        assert!(template.contains(&format!(": {address}/releases/download\n")));
        assert!(template.contains(&format!(" version: {version}\n")));
    }
    // What a reader copies.
    for (file, named) in [
        ("README.md", format!("/plugsign_{version}-1_amd64.deb`")),
        ("README.md", format!("`plugsign-{version}-x86_64-unknown-linux-gnu.tar.gz`")),
        ("docs/ci.md", format!(" plugsign:{version} ")),
    ] {
        assert!(read(file).contains(&named), "{file} has no {named}");
    }
    let fuzzers = format!("name = \"plugsign\"\nversion = \"{version}\"\n");
    assert!(read("fuzz/Cargo.lock").contains(&fuzzers), "fuzz/Cargo.lock: not {version}");
}

/// A recipe that names another release than its checksum is of installs nothing.
#[test]
fn recipes_are_filled_in_for_the_version_that_is_released() {
    if !is_linux("GNU's tar and sha256sum") {
        return;
    }
    let (old, new) = (manifest()["version"].as_str().unwrap().to_owned(), "9.8.7");
    let folder = tempfile::tempdir().unwrap();
    let root = env!("CARGO_MANIFEST_DIR");
    let run = |line: &str| {
        let shell = ["-euc", line, root, &old, new];
        Command::new("sh").args(shell).current_dir(&folder).output().unwrap()
    };
    let prepared = run("cp -R \"$0/packaging\" . && mkdir made plugsign-$2 plugsign-$1 &&
        sed \"s/^version = .$1.$/version = \\\"$2\\\"/\" \"$0/Cargo.toml\" > Cargo.toml &&
        cp Cargo.toml plugsign-$2 && cp \"$0/Cargo.toml\" plugsign-$1 &&
        tar -czf plugsign-$2.tar.gz plugsign-$2 && tar -czf plugsign-$1.tar.gz plugsign-$1");
    assert!(prepared.status.success(), "{}", String::from_utf8_lossy(&prepared.stderr));
    let filled =
        run("packaging/recipes.sh plugsign-$2.tar.gz made && sha256sum < plugsign-$2.tar.gz");
    assert!(filled.status.success(), "{}", String::from_utf8_lossy(&filled.stderr));
    let sum = String::from_utf8(filled.stdout).unwrap();
    let sum = sum.split(' ').next().unwrap();
    for name in ["plugsign.rb", "PKGBUILD"] {
        let recipe = fs::read_to_string(folder.path().join("made").join(name)).unwrap();
        assert!(recipe.contains(new) && recipe.contains(sum), "{recipe}");
        assert!(!recipe.contains(&old) && !recipe.contains("@VERSION@"), "{recipe}");
    }
    // Sources of the release before, also under the new name.
    let older = run("packaging/recipes.sh plugsign-$1.tar.gz made");
    assert!(!older.status.success());
    let older = run("mv plugsign-$1 saved && rm -r plugsign-$2 && mv saved plugsign-$2 &&
        tar -czf plugsign-$2.tar.gz plugsign-$2 && packaging/recipes.sh plugsign-$2.tar.gz made");
    let said = String::from_utf8_lossy(&older.stderr);
    assert!(!older.status.success() && said.contains("another version than 9.8.7"), "{said}");
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
    let run = |script: &str, arguments: &[&str]| {
        let path = format!("packaging/{script}");
        Command::new("sh").arg(path).args(arguments).current_dir(&folder).output()
    };
    let fill = |address: &str| run("fill.sh", &[address]);
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
    let written = run("fill.sh", &["https://two.example.org/plugsign", "us@example.org"]);
    assert!(written.unwrap().status.success());
    let named = run("maintainer.sh", &[]).unwrap().stdout;
    assert_eq!(String::from_utf8_lossy(&named), "The plugsign developers <us@example.org>\n");
    // Nothing is left that leads nowhere, but what a script says of the beginning.
    let left =
        Command::new("grep").args(["-rl", "plugsign.invalid", "."]).current_dir(&folder).output();
    assert_eq!(String::from_utf8_lossy(&left.unwrap().stdout), "./packaging/fill.sh\n");
    for wrong in ["us", "us@", "@example.org", "us@a@b", "us <us@example.org>", "a/b@example.org"] {
        let output = run("fill.sh", &["https://two.example.org/plugsign", wrong]).unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong}");
    }
    for wrong in ["", "http://example.org/plugsign", "https://example.org/", "https://a/b.git"] {
        assert_eq!(fill(wrong).unwrap().status.code(), Some(2), "{wrong}");
    }
}

/// `cargo binstall` finds what packaging/pack.sh packs, below the address of a release. What is linked
/// into the program has its licences there.
#[test]
fn the_tarball_has_what_cargo_binstall_finds_and_all_licences() {
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
    // Packed for this machine: what another one links may not have been downloaded.
    let host = host();
    let dist = folder.path().join("dist");
    let output = Command::new("sh")
        .arg("packaging/pack.sh")
        .args([&program, Path::new(&host), &dist, Path::new("sh")])
        .env("SOURCE_DATE_EPOCH", "1795000000")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for processor in ["x86_64", "aarch64"] {
        let built_for = format!("{processor}-unknown-linux-gnu");
        // A system without glibc gets the same file: the program is static.
        for target in [built_for.clone(), format!("{processor}-unknown-linux-musl")] {
            let overrides = &binstall["overrides"][&target];
            let filled = |name: &str| {
                let template = overrides[name].as_str().or(binstall[name].as_str()).unwrap();
                template
                    .replace("{ repo }", manifest["repository"].as_str().unwrap())
                    .replace("{ name }", "plugsign")
                    .replace("{ bin }", "plugsign")
                    .replace("{ version }", version)
                    .replace("{ target }", &target)
                    .replace(&built_for, &host)
            };
            assert_eq!(binstall["pkg-fmt"], "tgz");
            let address = filled("pkg-url");
            let (release, file) = address.rsplit_once('/').unwrap();
            assert!(release.ends_with(&format!("/releases/download/v{version}")), "{release}");
            let files = unpacked(&dist.join(file));
            let inside = filled("bin-dir");
            assert!(files.contains_key(Path::new(&inside)), "{file} has no {inside}");
        }
    }
    // What is linked into the program is named with its licence, and has the text.
    let files = unpacked(&dist.join(format!("plugsign-{version}-{host}.tar.gz")));
    let licences = format!("plugsign-{version}-{host}/THIRD-PARTY-LICENSES.txt");
    let licences = String::from_utf8(files[Path::new(&licences)].clone()).unwrap();
    for linked in crates("normal,no-proc-macro") {
        let mut words = linked.split(' ');
        let (name, version) = (words.next().unwrap(), words.next().unwrap());
        let (line, heading) =
            (format!("\n  {name} {},", &version[1..]), format!("{name}-{}", &version[1..]));
        let is_ours = name == "plugsign";
        assert!(is_ours || licences.contains(&line), "no line for {name}");
        let mut headings = licences.lines().filter(|line| line.ends_with(':'));
        assert!(is_ours || headings.any(|it| it.contains(&heading)), "no text for {name}");
    }
    assert_eq!(dead_links(&files), Vec::<String>::new());
    for text in ["GNU LIBRARY GENERAL PUBLIC LICENSE", "ISC License", "All rights reserved."] {
        assert!(licences.contains(text), "no {text}");
    }
}

/// Returns the links in documents that lead to a file or folder that is not there.
fn dead_links(files: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<String> {
    let mut dead = Vec::new();
    let mut links = 0;
    for (path, content) in
        files.iter().filter(|(path, _)| path.extension().is_some_and(|it| it == "md"))
    {
        let text = String::from_utf8_lossy(content);
        for (place, opened) in text.match_indices("](") {
            let link = text[place + opened.len()..].split([')', '#']).next().unwrap();
            if link.is_empty() || link.contains(':') || link.contains(' ') {
                continue;
            }
            let mut to = path.parent().unwrap().to_owned();
            for part in Path::new(link).components() {
                match part {
                    Component::ParentDir => assert!(to.pop(), "{link}"),
                    part => to.push(part),
                }
            }
            links += 1;
            if !files.keys().any(|file| file.starts_with(&to)) {
                dead.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(links > 30, "only {links}");
    dead
}

/// Returns what a tarball has, by its paths.
fn unpacked(tarball: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let tarball = flate2::read::GzDecoder::new(fs::File::open(tarball).unwrap());
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(tarball).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        files.insert(entry.path().unwrap().into_owned(), content);
    }
    files
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
        let is_ours = ["tests", "benches", "fuzz", "keys-example", "packaging", ".ci"];
        // An example that documents name, and where links of documents lead.
        let is_linked = [
            "benches/README.md",
            "benches/peers.svg",
            "keys-example/README.md",
            "keys-example/key-life.sh",
            "keys-example/organisation.asc",
        ];
        assert!(!is_ours.contains(&folder) || is_linked.contains(file), "{file} is published");
    }
    let kept = |file: &&str| !["Cargo.toml.orig", ".cargo_vcs_info.json"].contains(file);
    let files: BTreeMap<_, _> = files
        .iter()
        .copied()
        .filter(kept)
        .map(|file| {
            (file.into(), fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap())
        })
        .collect();
    assert_eq!(dead_links(&files), Vec::<String>::new());
    assert!(files.len() < 400, "{} files", files.len());
}
