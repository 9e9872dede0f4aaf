//! `plugsign check`: would the server install it?

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use plugsign::mattermost::bundle::{Bundle as Seen, inspect};

use super::archives::{Bundle, FILE_NAME, MANIFEST, gzip, header};
use super::publisher;
use crate::common::craft::{DAY, Forge, Material, Recipe, public};
use crate::common::sandbox::Sandbox;
use crate::common::systems::is_linux;

fn look(bundle: &[u8]) -> Seen {
    inspect(bundle, FILE_NAME).unwrap()
}

fn codes(seen: &Seen) -> Vec<&'static str> {
    seen.findings.iter().map(|finding| finding.code).collect()
}

#[track_caller]
fn is_error(bundle: Bundle, code: &str) {
    let seen = look(&bundle.gzip());
    assert!(seen.findings.errors().any(|finding| finding.code == code), "{code}: {seen:?}");
}

#[track_caller]
fn is_warning(bundle: Bundle, code: &str) {
    let seen = look(&bundle.gzip());
    assert_eq!(seen.findings.errors().count(), 0, "{seen:?}");
    assert_eq!(codes(&seen), [code], "{seen:?}");
}

fn with(from: &str, to: &str) -> Bundle {
    assert!(MANIFEST.contains(from), "{from}");
    Bundle::with("plugin.json", &MANIFEST.replace(from, to))
}

#[test]
fn a_good_bundle_has_nothing_wrong_with_it() {
    let seen = look(&Bundle::good().gzip());
    assert_eq!(codes(&seen), [""; 0]);
    let manifest = seen.manifest.unwrap();
    assert_eq!((manifest.id.as_str(), manifest.version.as_str()), ("com.example.plugin", "1.2.0"));
    assert_eq!(seen.root, "p/");
}

#[test]
fn a_bundle_without_a_leading_folder_is_good_too() {
    let bundle = Bundle::empty()
        .file("./plugin.json", 0o644, MANIFEST.as_bytes())
        .file("icon.svg", 0o644, b"<svg/>")
        .file("server/plugin", 0o755, b"x")
        .file("webapp/main.js", 0o644, b"x");
    let seen = look(&bundle.gzip());
    assert_eq!(codes(&seen), [""; 0]);
    assert_eq!(seen.root, "");
}

#[test]
fn yaml_comes_before_json_and_yml_before_yaml() {
    let yaml = "id: com.example.plugin\nname: Example\nversion: 1.2.0\nwebapp:\n  bundle_path: webapp/main.js\n";
    let bundle = Bundle::good().file("p/plugin.yaml", 0o644, b"id: [").file(
        "p/plugin.yml",
        0o644,
        yaml.as_bytes(),
    );
    let seen = look(&bundle.gzip());
    assert_eq!(codes(&seen), [""; 0]);
    assert_eq!(seen.manifest.unwrap().file, "plugin.yml");
}

#[test]
fn yaml_is_read_as_the_server_reads_it() {
    let yaml = "---\nid: Com.Example.Plugin # upper case\nname: \"Exam\\u0070le\"\nversion: 1.20\nserver:\n  executables:\n    linux-amd64: server/plugin\nprops: {a: 1, b: [yes, ~]}\n...\nignored: [";
    let seen = look(&Bundle::with("plugin.yml", yaml).gzip());
    let manifest = seen.manifest.unwrap();
    assert_eq!((manifest.id.as_str(), manifest.name.as_str()), ("com.example.plugin", "Example"));
    // An unquoted 1.20 is text where text is wanted, and no semantic version.
    assert_eq!(manifest.version, "1.20");
    let json = serde_json::to_string_pretty(&manifest.json()).unwrap();
    assert!(json.contains("\"b\": [\n      true,\n      null\n    ]"), "{json}");
}

#[test]
fn whatever_stops_the_installation_is_an_error() {
    is_error(Bundle::empty().file("p/readme", 0o644, b"x"), "no-manifest");
    is_error(Bundle::good().file("other/x", 0o644, b"x"), "no-manifest");
    is_error(Bundle::good().file("._p", 0o644, b"x"), "no-manifest");
    is_error(Bundle::with("plugin.json", "{"), "bad-manifest");
    is_error(Bundle::with("plugin.json", "[]"), "bad-manifest");
    is_error(Bundle::with("plugin.json", "\u{feff}{}"), "bad-manifest");
    is_error(with("\"1.2.0\"", "1.2"), "bad-manifest");
    is_error(Bundle::with("plugin.yml", "a: &a [*a]"), "bad-manifest");
    is_error(Bundle::with("plugin.json", &" ".repeat(600_000)), "bad-manifest");
    is_error(with("com.example.plugin", "a"), "bad-id");
    is_error(with("com.example.plugin", "a b c"), "bad-id");
    is_error(with("com.example.plugin", &"a".repeat(191)), "bad-id");
    is_error(Bundle::good().file("p/../../evil", 0o644, b"x"), "unsafe-path");
    is_error(Bundle::good().file("../evil", 0o644, b"x"), "unsafe-path");
    is_error(Bundle::good().folder("p/a/b/"), "missing-parent");
    is_error(Bundle::good().file("p/webapp/main.js/x", 0o644, b"x"), "not-a-folder");
    is_error(Bundle::good().file("p/webapp", 0o644, b"x"), "not-a-file");
    let long = Bundle::good().entry(b"././@LongLink", b'L', 0o644, &[b'a'; 300]);
    is_error(long.file("short", 0o644, b"x"), "long-path");
    is_error(Bundle::empty().raw(&[0xff; 2048]), "damaged");
}

#[test]
fn whatever_stops_the_plugin_from_starting_is_an_error() {
    is_error(with("9.0.0", "9.0"), "bad-min-server-version");
    is_error(with("server/plugin", "server/missing"), "missing-executable");
    is_error(with("server/plugin", "../plugin"), "bad-executable-path");
    is_error(with("server/plugin", "icon.svg"), "not-executable");
    is_error(with("server/plugin", ""), "no-executable");
    is_error(with("webapp/main.js", "webapp/missing.js"), "missing-webapp");
    is_error(with("webapp/main.js", "./.hidden/main.js"), "bad-webapp-path");
    is_error(with("webapp/main.js", ""), "bad-webapp-path");
    let parts = MANIFEST.find("\"server\"").unwrap();
    let none = format!("{} \"x\": 1}}", &MANIFEST[..parts]);
    is_error(Bundle::with("plugin.json", &none), "no-parts");
}

#[test]
fn surprises_are_warnings() {
    is_warning(with("\"name\": \"Example\"", "\"name\": \" \""), "no-name");
    is_warning(with("https://example.org", "ftp://example.org"), "bad-url");
    is_warning(with("icon.svg", "other.svg"), "missing-icon");
    let setting = "\"settings_schema\": {\"settings\": [{\"type\": \"colour\"}]}, \"server\"";
    is_warning(with("\"server\"", setting), "bad-setting");
    is_warning(Bundle::good().entry(b"p/link", b'2', 0o777, b""), "dropped-entry");
    is_warning(Bundle::good().entry(b"p/fifo", b'6', 0o777, b""), "dropped-entry");
    is_warning(Bundle::good().file("p/icon.svg", 0o644, b"<svg/>"), "duplicate");
}

#[test]
fn the_file_name_must_match_id_and_version() {
    let seen = |name: &str, version: &str| {
        let manifest = MANIFEST.replace("1.2.0", version);
        let bundle = Bundle::with("plugin.json", &manifest).gzip();
        codes(&inspect(&bundle[..], name).unwrap())
    };
    let fine: [&str; 0] = [];
    assert_eq!(seen(FILE_NAME, "1.2.0"), fine);
    assert_eq!(seen("com.example.plugin-v1.2.0.tar.gz", "1.2.0"), fine);
    assert_eq!(seen("com.example.plugin-1.2.0-linux-amd64.tar.gz", "1.2.0"), fine);
    assert_eq!(seen(FILE_NAME, "1.2.1"), ["file-name"]);
    assert_eq!(seen("plugin.tar.gz", "1.2.0"), ["file-name"]);
    assert_eq!(seen("com.example.plugin-1.2.0.tgz", "1.2.0"), ["file-name"]);
    assert_eq!(seen("com.example.plugin-v1.2.tar.gz", "v1.2"), ["bad-version"]);
}

#[test]
fn a_bundle_for_one_platform_needs_the_executable_of_that_one() {
    let both = "\"server/plugin\", \"darwin-amd64\": \"server/mac\"";
    let bundle = with("\"server/plugin\"", both).gzip();
    let seen = |name: &str| codes(&inspect(&bundle[..], name).unwrap());
    assert_eq!(seen("com.example.plugin-1.2.0-linux-amd64.tar.gz"), [""; 0]);
    assert_eq!(seen("com.example.plugin-1.2.0-osx-amd64.tar.gz"), ["missing-executable"]);
    assert_eq!(seen(FILE_NAME), ["missing-executable"]);
}

#[test]
fn names_in_extension_headers_count() {
    let record = |key: &str, value: &str| {
        let rest = format!(" {key}={value}\n");
        let length = (1..).find(|n: &usize| n.to_string().len() + rest.len() == *n).unwrap();
        format!("{length}{rest}")
    };
    let pax = |key, value| {
        Bundle::good()
            .entry(b"pax", b'x', 0o644, record(key, value).as_bytes())
            .file("harmless", 0o644, b"x")
    };
    is_error(pax("path", "../evil"), "unsafe-path");
    is_error(pax("path", "p/new\nline/../../../evil"), "unsafe-path");
    is_error(pax("size", "100"), "unclear-archive");
    is_error(pax("GNU.sparse.major", "1"), "unclear-archive");
    let long = Bundle::good().entry(b"././@LongLink", b'L', 0o644, b"../evil\0");
    is_error(long.file("harmless", 0o644, b"x"), "unsafe-path");
    // What `git archive` puts in front.
    let global =
        Bundle::empty().entry(b"pax_global_header", b'g', 0o644, record("comment", "x").as_bytes());
    let bundle = global
        .file("p/plugin.json", 0o644, MANIFEST.as_bytes())
        .file("p/icon.svg", 0o644, b"<svg/>")
        .file("p/server/plugin", 0o755, b"x")
        .file("p/webapp/main.js", 0o644, b"x");
    assert_eq!(codes(&look(&bundle.gzip())), [""; 0]);
}

#[test]
fn every_cut_and_every_flipped_byte_ends_in_a_verdict() {
    let good = Bundle::good().gzip();
    for length in 0..good.len() {
        let seen = look(&good[..length]);
        assert!(seen.findings.iter().next().is_some(), "cut at {length}");
    }
    for place in 0..good.len() {
        let mut bytes = good.clone();
        bytes[place] ^= 0x55;
        look(&bytes);
    }
}

#[test]
fn hostile_yaml_is_refused_quickly() {
    let deep = "- ".repeat(200_000);
    let flow = "[".repeat(200_000);
    let keys = "? ".repeat(200_000);
    let many = "a: b\n".repeat(100_000);
    let anchors = format!("a: &a {}\n", "b: &c d\n".repeat(10));
    for yaml in [deep, flow, keys, many, anchors, "\0".into(), "%YAML 9.9\n---\n".into()] {
        let start = std::time::Instant::now();
        look(&Bundle::with("plugin.yml", &yaml).gzip());
        assert!(start.elapsed() < Duration::from_secs(10), "{}", &yaml[..4.min(yaml.len())]);
    }
}

/// Runs `plugsign check` and returns its exit code, output, processor time and peak memory.
fn measured(sandbox: &Sandbox, bundle: &str) -> (Option<i32>, String, Duration, u64) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_plugsign"))
        .args(["--home", "no-home", "check", bundle])
        .current_dir(sandbox.folder())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let process = format!("/proc/{}", child.id());
    let (mut time, mut memory) = (Duration::ZERO, 0);
    while child.try_wait().unwrap().is_none() {
        let stat = fs::read_to_string(format!("{process}/stat")).unwrap_or_default();
        let fields: Vec<&str> =
            stat.rsplit(") ").next().unwrap_or_default().split_whitespace().collect();
        let ticks = |place: usize| fields.get(place)?.parse::<u64>().ok();
        if let (Some(user), Some(system)) = (ticks(11), ticks(12)) {
            time = time.max(Duration::from_millis((user + system) * 10));
        }
        let status = fs::read_to_string(format!("{process}/status")).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        memory = memory.max(kib.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), time, memory)
}

#[test]
fn a_bomb_and_a_million_entries_end_in_an_error_in_bounded_time_and_memory() {
    if !is_linux("/proc") {
        return;
    }
    let sandbox = Sandbox::for_scripts();
    // 4 GiB of zeros: members of 64 MiB each, one after the other.
    let zeros = gzip(&vec![0; 64 << 20]);
    let mut bomb = gzip(&header(b"p/zeros", b'0', 0o644, 4 << 30));
    for _ in 0..64 {
        bomb.extend_from_slice(&zeros);
    }
    sandbox.write("bomb.tar.gz", bomb);
    // A million empty files; and as many folders in folders.
    let mut many = Vec::new();
    for block in 0..100u32 {
        let mut headers = Vec::new();
        for n in 0..10_000u32 {
            let name = format!("p/{block}/{n}");
            headers.extend(header(name.as_bytes(), b'0', 0o644, 0));
        }
        many.extend(gzip(&headers));
    }
    sandbox.write("million.tar.gz", many);
    let mut deep = Vec::new();
    for n in 0..20_000u32 {
        let path = format!("{n}/{}", "a/".repeat(2_000));
        deep.extend(header(b"././@LongLink", b'L', 0o644, path.len() as u64));
        let start = deep.len();
        deep.extend_from_slice(path.as_bytes());
        deep.resize(start + path.len().next_multiple_of(512), 0);
        deep.extend(header(b"x", b'0', 0o644, 0));
    }
    sandbox.write("deep.tar.gz", gzip(&deep));
    // One name of 400 MiB.
    let mut name = gzip(&header(b"././@LongLink", b'L', 0o644, 400 << 20));
    for _ in 0..7 {
        name.extend_from_slice(&zeros);
    }
    sandbox.write("name.tar.gz", name);
    // Gzip files of nothing in a row: in the place of the archive, and behind it.
    let nothing = gzip(b"").repeat(1_000_000);
    sandbox.write("nothing.tar.gz", &nothing);
    sandbox.write("behind.tar.gz", [Bundle::good().gzip(), nothing].concat());
    for (file, code) in [
        ("nothing.tar.gz", "more than 20000 gzip files in a row"),
        ("behind.tar.gz", "more than 20000 gzip files in a row"),
        ("bomb.tar.gz", "unpacks to more than"),
        ("million.tar.gz", "more than 50000 entries"),
        ("deep.tar.gz", "entries"),
        ("name.tar.gz", "extension header is too long"),
    ] {
        let (exit, said, time, memory) = measured(&sandbox, file);
        assert_eq!(exit, Some(1), "{file}: {said}");
        assert!(said.contains(code), "{file}: {said}");
        assert!(time < Duration::from_secs(2), "{file} took {time:?}");
        assert!(memory < 64 * 1024, "{file} took {memory} KiB");
        println!("{file}: {time:?}, {memory} KiB");
    }
}

#[test]
fn the_limit_for_manifests_is_called_plugsigns_own() {
    let sandbox = Sandbox::for_scripts();
    let manifest = format!("{MANIFEST}{}", " ".repeat(900 * 1024));
    sandbox.write(FILE_NAME, Bundle::with("plugin.json", &manifest).gzip());
    let said = sandbox.sh(&format!("plugsign check {FILE_NAME}")).exits(1);
    let words =
        "plugin.json is larger than 512 KiB; the server may install it, but plugsign reads no more";
    assert!(said.out().contains(words), "{}", said.shown());
}

#[test]
fn the_signature_of_a_bundle_is_judged_with_the_trusted_keys() {
    let sandbox = publisher();
    sandbox.write(FILE_NAME, Bundle::good().gzip());
    let unsigned = sandbox.must(&format!("plugsign check {FILE_NAME}"));
    assert!(
        unsigned.out().starts_with("unsigned  ") && unsigned.out().contains("no .sig"),
        "{unsigned:?}",
        unsigned = unsigned.shown()
    );
    // Who wants a signature says so.
    let require = format!("check --require-signature {FILE_NAME}");
    let required = sandbox.sh(&format!("plugsign {require}")).exits(1);
    assert!(required.out().starts_with("BAD "), "{}", required.shown());
    sandbox.must(&format!("plugsign sign {FILE_NAME}"));
    sandbox.sh(&format!("plugsign --home empty {require}")).exits(1);
    let signed = sandbox.must(&format!("plugsign check --require-signature {FILE_NAME}"));
    assert!(signed.out().starts_with("good  "), "{}", signed.shown());
    assert!(signed.out().contains("signed by"), "{}", signed.shown());
    // Without anybody to trust, only the shape is looked at.
    let shape = sandbox.must(&format!("plugsign --home empty check {FILE_NAME}"));
    assert!(shape.out().starts_with("unverified  "), "{}", shape.shown());
    assert!(shape.out().contains("not verified"), "{}", shape.shown());
    assert!(shape.err().contains("--key"), "{}", shape.shown());
    // Another bundle under the signature.
    let other = Bundle::good().file("p/x", 0o644, b"x").gzip();
    sandbox.write(FILE_NAME, other);
    let bad = sandbox.sh(&format!("plugsign check {FILE_NAME}")).exits(1);
    assert!(bad.out().contains("bad-signature"), "{}", bad.shown());
    sandbox.write(format!("{FILE_NAME}.sig"), "junk");
    let junk = sandbox.sh(&format!("plugsign --home empty check {FILE_NAME}")).exits(1);
    assert!(junk.out().contains("refused by every server"), "{}", junk.shown());
    sandbox.must(&format!("rm {FILE_NAME}.sig; plugsign sign -a {FILE_NAME}"));
    let armored = sandbox.must(&format!("plugsign check {FILE_NAME}"));
    assert!(armored.out().contains("rename it"), "{}", armored.shown());
}

#[test]
fn json_says_the_same_as_the_text() {
    let sandbox = Sandbox::for_scripts();
    sandbox.write(FILE_NAME, with("server/plugin", "server/missing").gzip());
    let said = sandbox.sh(&format!("plugsign --json check {FILE_NAME}")).exits(1);
    let json = said.json();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["exit"], 1);
    assert_eq!(json["bundles"][0]["verdict"], "bad");
    assert_eq!(json["bundles"][0]["manifest"]["id"], "com.example.plugin");
    assert_eq!(json["bundles"][0]["findings"][0]["code"], "missing-executable");
    assert_eq!(json["bundles"][0]["findings"][0]["severity"], "error");
    let missing = sandbox.sh("plugsign --json check nowhere.tar.gz").exits(3);
    let json = missing.json();
    assert_eq!(json["bundles"][0]["verdict"], "unknown");
}

#[test]
fn foreign_text_cannot_draw_on_the_terminal() {
    let sandbox = Sandbox::for_scripts();
    let manifest = MANIFEST.replace("com.example.plugin", "\\u001b[2Jgood");
    let bundle = Bundle::with("plugin.json", &manifest).file("../\x1b[31mevil", 0o644, b"x");
    sandbox.write(FILE_NAME, bundle.gzip());
    let said = sandbox.sh(&format!("plugsign check {FILE_NAME}")).exits(1);
    assert!(!said.out().contains('\x1b') && said.out().contains("\\u{1b}"), "{}", said.shown());
}

#[test]
fn sign_warns_of_a_bundle_that_would_not_install_and_signs_it() {
    let sandbox = publisher();
    sandbox.write(format!("dist/{FILE_NAME}"), with("server/plugin", "missing").gzip());
    sandbox.write("dist/other.tar.gz", "no gzip at all");
    sandbox.write("dist/source.tar.gz", Bundle::empty().file("x/y", 0o644, b"z").gzip());
    let said = sandbox.must("plugsign sign dist");
    assert_eq!(said.out().lines().count(), 3, "{}", said.shown());
    assert_eq!(said.err().matches("warning:").count(), 1, "{}", said.shown());
    assert!(said.err().contains("the executable missing for linux-amd64"), "{}", said.shown());
}

/// A bundle with signatures that the publisher's policy refuses, by the certificates beside them.
/// Each has what the policy calls it.
pub(super) fn refused_by_policy(bundle: &[u8]) -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    use sequoia_openpgp::types::HashAlgorithm;
    let sign = |recipe: &Recipe, hash| {
        let mut key = recipe.signer();
        Forge { hash, ..Forge::by(&key) }.sign(&mut key, bundle)
    };
    let sound = Recipe::of(Material::a());
    let weak = Recipe::of(Material::weak());
    let expired = Recipe { validity: Some(9 * DAY), ..Recipe::of(Material::b()) };
    let of = |recipe: &Recipe| public(&recipe.build());
    let good = sign(&sound, HashAlgorithm::SHA256);
    vec![
        ("weak-key", of(&weak), sign(&weak, HashAlgorithm::SHA256)),
        ("expired-key", of(&expired), sign(&expired, HashAlgorithm::SHA256)),
        ("weak-hash", of(&sound), sign(&sound, HashAlgorithm::SHA1)),
        ("not-detached", of(&sound), [&good[..], &good].concat()),
        ("not-detached", of(&sound), [&good[..], b"\0"].concat()),
    ]
}

#[test]
fn a_bundle_that_only_the_policy_refuses_is_explained_in_two_sentences() {
    let sandbox = publisher();
    let bundle = Bundle::good().gzip();
    sandbox.write(FILE_NAME, &bundle);
    for (reason, key, signature) in refused_by_policy(&bundle) {
        sandbox.write("key.pgp", key);
        sandbox.write(format!("{FILE_NAME}.sig"), signature);
        let server = format!("plugsign verify --as-server --key key.pgp {FILE_NAME}");
        assert!(sandbox.must(&server).out().starts_with("good"), "{reason}");
        let said = sandbox.sh(&format!("plugsign check --key key.pgp {FILE_NAME}")).exits(1);
        let policy = format!("the publisher's policy refuses the signature: {reason}: ");
        assert!(said.out().contains(&policy), "{reason}: {}", said.shown());
        let server = "a Mattermost server with the signer's key accepts it all the same";
        assert!(said.out().contains(server), "{reason}: {}", said.shown());
        assert!(!said.out().contains("does not install"), "{reason}: {}", said.shown());
        let json = sandbox.sh(&format!("plugsign --json check --key key.pgp {FILE_NAME}")).exits(1);
        let signature = json.json()["bundles"][0]["signature"].clone();
        assert_eq!(
            (&signature["reason"], &signature["server"]),
            (&reason.into(), &"accepts".into())
        );
        // Without anybody's key, too, nothing is said of the server that is not so.
        let said = sandbox.sh(&format!("plugsign --home empty check {FILE_NAME}"));
        assert!(!said.out().contains("every server"), "{reason}: {}", said.shown());
        assert!(!said.out().contains("does not install"), "{reason}: {}", said.shown());
        let doctor = format!("plugsign doctor --bundle {FILE_NAME}");
        let said = sandbox.sh(&format!("plugsign trust add key.pgp; {doctor}"));
        assert!(!said.out().contains("the server does not install"), "{reason}: {}", said.shown());
    }
    // What the server refuses it is said to refuse, with advice for signatures.
    sandbox.write(format!("{FILE_NAME}.sig"), "junk");
    let said = sandbox.sh(&format!("plugsign check --key key.pgp {FILE_NAME}")).exits(1);
    assert!(said.out().contains("does not install it"), "{}", said.shown());
    assert!(!said.out().contains("Export the"), "{}", said.shown());
    let json =
        sandbox.sh(&format!("plugsign --json check --key key.pgp {FILE_NAME}")).exits(1).json();
    assert_eq!(json["bundles"][0]["signature"]["server"], "refuses");
}

#[test]
fn an_unverified_bundle_is_not_called_good_in_json_either() {
    let sandbox = publisher();
    sandbox.write(FILE_NAME, Bundle::good().gzip());
    let verdict = |command: &str| {
        let json = sandbox.must(&format!("{command} {FILE_NAME}")).json();
        json["bundles"][0]["verdict"].as_str().unwrap().to_string()
    };
    assert_eq!(verdict("plugsign --json check"), "unsigned");
    sandbox.must(&format!("plugsign sign {FILE_NAME}"));
    assert_eq!(verdict("plugsign --home empty --json check"), "unverified");
    assert_eq!(verdict("plugsign --json check"), "good");
}

#[test]
fn a_file_of_another_kind_is_named() {
    let sandbox = publisher();
    let mut tar = vec![0; 512];
    tar[257..262].copy_from_slice(b"ustar");
    for (bytes, kind) in [
        (&b"PK\x03\x04rest"[..], "a zip archive"),
        (b"\xFD7zXZ\0rest", "an xz file"),
        (b"\n<!DOCTYPE HTML><title>404</title>", "a web page"),
        (&tar, "a tar archive without gzip"),
    ] {
        sandbox.write(FILE_NAME, bytes);
        let words = format!("it is {kind}, and no gzip tar");
        let said = sandbox.sh(&format!("plugsign check {FILE_NAME}")).exits(1);
        assert!(said.out().contains(&words), "{}", said.shown());
        let said = sandbox.must(&format!("plugsign sign --force {FILE_NAME}"));
        assert!(said.err().contains(&words), "{}", said.shown());
    }
    let said = sandbox.sh(&format!("plugsign check {FILE_NAME}.sig")).exits(1);
    let words = format!(
        "it is a signature, and no bundle; check looks at the signature beside a bundle: name {FILE_NAME}\n"
    );
    assert!(said.out().contains(&words), "{}", said.shown());
    // What begins like no other kind is called damaged.
    sandbox.write(FILE_NAME, "junk");
    let said = sandbox.must(&format!("plugsign sign --force {FILE_NAME}"));
    assert!(!said.err().contains("gzip"), "{}", said.shown());
}
