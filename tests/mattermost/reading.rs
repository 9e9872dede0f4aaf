//! What Go reads in a file, plugsign reads too, or it calls the file bad.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, GzBuilder};
use plugsign::mattermost::bundle::{Bundle as Seen, inspect};
use plugsign::mattermost::config::Config;
use plugsign::mattermost::marketplace::{Database, downloads, identity};
use serde_json::Value;

use super::archives::{gzip, header};
use crate::common::peers::{go_reading, on_path, skipped};
use crate::common::random::{Random, seed};
use crate::common::sandbox::Sandbox;

const GOOD: &str =
    r#"{"id":"com.example.good","version":"1.0.0","name":"Good","server":{"executable":"exe"}}"#;
const EVIL: &str =
    r#"{"id":"com.example.evil","version":"6.6.6","name":"Evil","server":{"executable":"exe"}}"#;
const NAME: &str = "com.example.good-1.0.0.tar.gz";

/// What a header has in some places.
type Odd<'a> = &'a [(usize, &'a [u8])];

const USTAR: (usize, &[u8]) = (257, b"ustar\x0000");
const GNU: (usize, &[u8]) = (257, b"ustar  \0");

fn entry(name: &[u8], flag: u8, body: &[u8], odd: Odd) -> Vec<u8> {
    let mut block = header(name, flag, 0o755, body.len() as u64);
    for (place, bytes) in [&[USTAR], odd].concat() {
        block[place..place + bytes.len()].copy_from_slice(bytes);
    }
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block.extend_from_slice(body);
    block.resize(block.len().next_multiple_of(512), 0);
    block
}

fn file(name: &str, body: &str) -> Vec<u8> {
    entry(name.as_bytes(), b'0', body.as_bytes(), &[])
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    entry(b"pax", b'x', &self::records(records), &[])
}

fn records(records: &[(&str, &str)]) -> Vec<u8> {
    let record = |(key, value): &(&str, &str)| {
        let rest = format!(" {key}={value}\n");
        let length = (1..).find(|n: &usize| n.to_string().len() + rest.len() == *n).unwrap();
        format!("{length}{rest}")
    };
    records.iter().map(record).collect::<String>().into_bytes()
}

/// A plugin without the end of its archive.
fn plugin(manifest: &str) -> Vec<u8> {
    let folder = entry(b"p/", b'5', b"", &[]);
    [folder, file("p/plugin.json", manifest), file("p/exe", "#!")].concat()
}

fn ended(parts: &[Vec<u8>]) -> Vec<u8> {
    gzip(&[&parts.concat()[..], &[0; 1024]].concat())
}

/// The good plugin with this behind it.
fn followed(parts: &[Vec<u8>]) -> Vec<u8> {
    ended(&[plugin(GOOD), parts.concat()])
}

/// The good plugin with members more in its manifest.
fn with(members: &str) -> Vec<u8> {
    ended(&[plugin(&GOOD.replace("\"name\"", &format!("{members},\"name\"")))])
}

fn zipped(builder: GzBuilder) -> Vec<u8> {
    let mut encoder = builder.write(Vec::new(), Compression::fast());
    encoder.write_all(&[&plugin(GOOD)[..], &[0; 1024]].concat()).unwrap();
    encoder.finish().unwrap()
}

fn errors(seen: &Seen) -> Vec<String> {
    seen.findings
        .errors()
        .map(|it| format!("{}: {}; {}", it.code, it.what, it.consequence))
        .collect()
}

/// Archives and manifests that no honest tool makes. All but the first three are bad.
fn odd_bundles() -> Vec<(&'static str, Vec<u8>)> {
    let x = || file("p/x", "x");
    let with_header = |odd: Odd| followed(&[entry(b"p/x", b'0', b"x", odd)]);
    let evil = |manifest: Vec<u8>| ended(&[plugin(EVIL), manifest]);
    let prefixed = |odd: Odd| entry(b"p/plugin.json", b'0', GOOD.as_bytes(), odd);
    let long = |name: &[u8]| entry(b"././@LongLink", b'L', name, &[]);
    let global = |body: &[u8]| followed(&[entry(b"pax", b'g', body, &[]), x()]);
    let alone = |records: &[(&str, &str)]| followed(&[pax(records), x()]);
    vec![
        ("good", followed(&[])),
        ("git's global header", global(b"52 comment=0123456789012345678901234567890123456789\n")),
        ("names in other cases", ended(&[plugin(&GOOD.replace("version", "Ver\u{17f}ion"))])),
        ("a path, then an empty one", {
            followed(&[pax(&[("path", "p/x"), ("path", "")]), file("p/plugin.json", EVIL)])
        }),
        ("an empty path", alone(&[("path", "")])),
        ("two extension headers", followed(&[pax(&[("path", "p/y")]), pax(&[("uid", "1")]), x()])),
        ("two long names", followed(&[long(b"p/y\0"), long(b"p/z\0"), x()])),
        ("a long name and a path", followed(&[long(b"p/y\0"), pax(&[("path", "p/z")]), x()])),
        ("a name before a global header", {
            let global = entry(b"pax", b'g', &records(&[("comment", "c")]), &[]);
            followed(&[pax(&[("path", "p/y")]), global, x()])
        }),
        ("a GNU header with a prefix", evil(prefixed(&[GNU, (345, b"p/x")]))),
        ("a GNU header with a prefix that leads out", with_header(&[GNU, (345, b"../../..")])),
        ("another version of ustar", evil(prefixed(&[(263, b"  "), (345, b"p/x")]))),
        ("star", evil(prefixed(&[(345, b"p/x"), (508, b"tar\0")]))),
        ("an empty long name", followed(&[long(b"\0"), entry(b"evil/", b'5', b"", &[])])),
        ("one block of zeros", ended(&[plugin(GOOD), vec![0; 512], vec![b'J'; 512]])),
        ("plugin.yml is a folder", followed(&[entry(b"p/plugin.yml/", b'5', b"", &[])])),
        ("a link that leads out", followed(&[entry(b"../../x", b'2', b"", &[])])),
        ("a global header that leads out", {
            followed(&[entry(b"../../pax", b'g', &records(&[("comment", "c")]), &[]), x()])
        }),
        ("a global path", global(&records(&[("path", "p/y")]))),
        ("a folder with contents", followed(&[entry(b"p/y/", b'5', &[b'x'; 512], &[])])),
        ("an old folder with contents", {
            followed(&[entry(b"p/y/", 0, &[b'x'; 512], &[(257, &[0; 8])])])
        }),
        ("pax: a uid that is none", alone(&[("uid", "abc")])),
        ("pax: a time that is none", alone(&[("mtime", "abc")])),
        ("pax: a zero in a key", alone(&[("a\0b", "c")])),
        ("pax: no key", alone(&[("", "abc")])),
        ("pax: a zero in a path", alone(&[("path", "p/y\0z")])),
        ("pax: another size", alone(&[("size", "0")])),
        ("pax: a length with a sign", followed(&[entry(b"pax", b'x', b"+6 a=b\n", &[]), x()])),
        ("a global header of garbage", global(b"garbage")),
        ("a large global header", global(&records(&[("comment", &"x".repeat(1_500_000))]))),
        ("header: a uid that is none", with_header(&[(108, b"zzzzzzz\0")])),
        ("header: a time that is none", with_header(&[(136, b"9\0")])),
        ("header: a device that is none", with_header(&[(329, b"x\0")])),
        ("header: a negative size", with_header(&[(124, &[0xff; 12])])),
        ("two folders whose names are not UTF-8", {
            let manifest = entry(b"p\xff/plugin.json", b'0', GOOD.as_bytes(), &[]);
            ended(&[
                manifest,
                entry(b"p\xff/exe", b'0', b"#!", &[]),
                entry(b"p\xfe/", b'5', b"", &[]),
            ])
        }),
        ("a gzip header with a long name", zipped(GzBuilder::new().filename(vec![b'n'; 600]))),
        ("a gzip header with a long comment", zipped(GzBuilder::new().comment(vec![b'n'; 512]))),
        ("another version by the long s", with("\"ver\u{17f}ion\":\"6.6.6\"")),
        ("a server part by the long s", with("\"\u{17f}erver\":{\"executable\":\"../../evil\"}")),
        ("two server parts", with(r#""server":{"executables":{"linux-amd64":"../../evil"}}"#)),
        ("null after the id", with("\"id\":null")),
        ("half a surrogate pair", with("\"description\":\"\\ud800\"")),
        ("description", with("\"description\":5")),
        ("props", with("\"props\":\"x\"")),
        ("header", with("\"settings_schema\":{\"header\":5}")),
        ("key", with("\"settings_schema\":{\"settings\":[{\"key\":5,\"type\":\"bool\"}]}")),
        ("options", {
            with("\"settings_schema\":{\"settings\":[{\"type\":\"radio\",\"options\":{}}]}")
        }),
    ]
}

#[test]
fn a_bundle_that_go_reads_in_another_way_is_not_good() {
    let bundles = odd_bundles();
    let go = go_reading()
        .map(|go| go.read_all("-bundle", bundles.iter().map(|(_, bundle)| &bundle[..])));
    for (place, (what, bundle)) in bundles.iter().enumerate() {
        let seen = inspect(&bundle[..], NAME).unwrap();
        let errors = errors(&seen);
        assert_eq!(errors.is_empty(), place < 3, "{what}: {errors:?}");
        let Some(theirs) = go.as_ref().map(|answers| &answers[place]) else { continue };
        println!("{what}\n  {theirs}\n  {errors:?}");
        says_no_more_than_is_so(&errors, theirs, what);
        if place < 3 {
            is_the_same(seen, theirs, what);
        }
    }
}

/// Asserts that nothing is said of the server that is not so.
#[track_caller]
fn says_no_more_than_is_so(errors: &[String], theirs: &str, what: &str) {
    let is_refused = errors.iter().any(|error| {
        error.contains("the server does not install it") || error.contains("installs nothing")
    });
    assert!(!is_refused || theirs.starts_with("REFUSE "), "{what}: {errors:?}: {theirs}");
}

#[track_caller]
fn is_the_same(seen: Seen, theirs: &str, what: &str) {
    let theirs: Value = serde_json::from_str(theirs).unwrap_or_else(|_| panic!("{what}: {theirs}"));
    let ours = seen.manifest.unwrap().json();
    for field in ["id", "version", "server"] {
        assert_eq!(ours[field], theirs[field], "{what}");
    }
}

/// An archive of all kinds of headers, and where each header and extension is in it.
fn every_header() -> (Vec<u8>, Vec<(usize, usize)>) {
    let time = (345, &b"14000000000\0"[..]);
    let parts = [
        entry(b"pax_global_header", b'g', &records(&[("comment", "c")]), &[]),
        entry(b"p/", b'5', b"", &[]),
        entry(b"././@LongLink", b'L', b"p/long\0", &[GNU]),
        entry(b"p/short", b'0', b"x", &[GNU, time]),
        pax(&[("path", "p/sub/x"), ("mtime", "1.5"), ("uid", "5"), ("size", "1")]),
        file("p/x", "x"),
        entry(b"y", b'0', b"y", &[(345, b"p/y")]),
        entry(b"p/link", b'2', b"", &[]),
        entry(b"p/old", 0, b"x", &[(257, &[0; 8])]),
        file("p/plugin.json", GOOD),
        file("p/exe", "#!"),
        file("p/readme", EVIL),
    ];
    let (mut archive, mut places) = (Vec::new(), Vec::new());
    for part in parts {
        places.push((archive.len(), part.len().min(1024)));
        archive.extend(part);
    }
    (archive, places)
}

/// Changes some octets of a part, and mends the checksum of its header.
fn changed(archive: &[u8], places: &[(usize, usize)], random: &mut Random) -> Vec<u8> {
    const LIKELY: &[u8] = b"\0\0 0157/.pxgLKS5=\nnamei\x80\xff\"{}:,\\";
    let mut archive = archive.to_vec();
    for _ in 0..1 + random.below(3) {
        let (start, length) = places[random.below(places.len())];
        let field = [0, 100, 124, 156, 257, 345, 508, 512][random.below(8)].min(length - 1);
        let place = start + (field + random.below(24)).min(length - 1);
        archive[place] = LIKELY[random.below(LIKELY.len())];
        let block = &mut archive[start..start + 512];
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    archive
}

#[test]
fn a_changed_archive_is_read_as_go_reads_it_or_is_bad() {
    let Some(go) = go_reading() else { return };
    let (archive, places) = every_header();
    let (seed, count) = (seed(), 300);
    let change =
        |case| ended(&[changed(&archive, &places, &mut Random::of_case(seed, case as u64))]);
    let mut bundles: Vec<Vec<u8>> = (0..count).map(change).collect();
    bundles.push(ended(&[archive]));
    let mut good = 0;
    for (bundle, theirs) in
        bundles.iter().zip(go.read_all("-bundle", bundles.iter().map(Vec::as_slice)))
    {
        let seen = inspect(&bundle[..], NAME).unwrap();
        let errors = errors(&seen);
        says_no_more_than_is_so(
            &errors,
            &theirs,
            &format!("seed {seed}: {}", STANDARD.encode(bundle)),
        );
        if errors.is_empty() {
            good += 1;
            is_the_same(seen, &theirs, &format!("seed {seed}: {}", STANDARD.encode(bundle)));
        }
    }
    assert!(good > count / 20, "{good} of {count}, by the seed {seed}");
}

#[test]
fn yaml_with_a_name_twice_is_not_relied_on() {
    let yaml = "id: com.example.good\nversion: 1.0.0\nname: Good\nserver: {executable: exe}\n";
    let bundle = |yaml: &str| {
        ended(&[entry(b"p/", b'5', b"", &[]), file("p/plugin.yaml", yaml), file("p/exe", "#!")])
    };
    let said = |yaml: &str| errors(&inspect(&bundle(yaml)[..], NAME).unwrap());
    assert_eq!(said(yaml), [""; 0]);
    let twice = said(&format!("{yaml}server: {{executables: {{linux-amd64: ../evil}}}}\n"));
    assert!(twice[0].contains("it has server more than once"), "{twice:?}");
    let wrong = said(&format!("{yaml}props: [x]\n"));
    assert!(wrong[0].contains("props is a list, not an object"), "{wrong:?}");
    // Go takes these for other members.
    assert_eq!(said(&format!("{yaml}Version: 6.6.6\n")), [""; 0]);
}

const CONFIGS: [(&str, bool); 13] = [
    (r#"{"PluginSettings":{"RequirePluginSignature":true,"SignaturePublicKeyFiles":["a"]}}"#, true),
    (r#"{"pluginSettings":{"requirepluginſignature":true,"ENABLEUPLOADS":true}}"#, true),
    (r#"{"PluginSettings":{"SignaturePublic\u212aeyFiles":["a"]}}"#, true),
    (r#"{"Pluginſettings":{"\u017fignaturePublicKeyFileſ":["a","b"]}}"#, true),
    (r#"{"PluginSettings":{"EnableUploads":null},"FileSettings":{"MaxFileSize":1}}"#, true),
    (r#"{"PluginSettings":{"RequirePluginSignature":true,"requirepluginsignature":false}}"#, false),
    (r#"{"PluginSettings":{"EnableUploads":false,"EnableUploads":true}}"#, false),
    (r#"{"PluginSettings":{},"Pluginſettings":{"SignaturePublicKeyFiles":["a"]}}"#, false),
    (r#"{"PluginSettings":{"SignaturePublicKeyFiles":[],"ſignaturePublicKeyFiles":["a"]}}"#, false),
    (r#"{"PluginSettings":{"RequirePluginSignature":"true"}}"#, false),
    (r#"{"PluginSettings":{"EnableUploads":0}}"#, false),
    (r#"{"FileSettings":{"MaxFileSize":1e3}}"#, false),
    (r#"{"FeatureFlags":{"EnableCustomPluginSignatureKeys":"true"}}"#, false),
];

#[test]
fn a_configuration_that_go_reads_in_another_way_is_not_read() {
    let go = go_reading()
        .map(|go| go.read_all("-config", CONFIGS.iter().map(|(text, _)| text.as_bytes())));
    for (place, (text, is_read)) in CONFIGS.iter().enumerate() {
        let config = Config::read(text.as_bytes());
        assert_eq!(config.is_ok(), *is_read, "{text}: {config:?}");
        let (Some(go), Ok(config)) = (&go, config) else { continue };
        let theirs: Value = serde_json::from_str(&go[place]).unwrap();
        let settings = config.settings();
        assert_eq!(theirs["files"], Value::from(config.key_files()), "{text}");
        assert_eq!(theirs["require"], settings.require_signature, "{text}");
        assert_eq!(theirs["uploads"], settings.enable_uploads, "{text}");
        // What is added is added where Go looks.
        let edited = config.with_key_file("new").unwrap();
        assert!(
            edited.key_files().contains(&"new")
                && !edited.text().contains("\"SignaturePublicKeyFiles\":[\"new\"]")
        );
    }
}

#[test]
fn a_database_that_go_reads_in_another_way_is_not_read() {
    const ENTRY: &str = r#"[{"download_url":"https://good.example/a.tar.gz","signature":"c2ln",
        "manifest":{"id":"a.plugin","version":"1.0.0"},
        "platforms":{"linux-amd64":{"download_url":"https://good.example/l.tar.gz"}},
        "updated_at":"2026-11-22T20:00:00Z"}]"#;
    let in_front = |members: &str| ENTRY.replacen('{', &format!("{{{members},"), 1);
    let behind = |members: &str| ENTRY.replace("}]", &format!(",{members}}}]"));
    let cases = [
        (ENTRY.to_string(), true),
        (ENTRY.replace("signature", "\u{17f}IGNATURE"), true),
        (ENTRY.replace("manifest", "Manife\u{17f}t").replace("linux", "LINUX"), true),
        (in_front(r#""labels":null,"future":{"a":1,"A":2}"#), true),
        (in_front(r#""Download_URL":"https://evil.example/a""#), false),
        (behind(r#""Download_URL":"https://evil.example/a""#), false),
        (behind(r#""SIGNATURE":"""#), false),
        (behind("\"\u{17f}ignature\":\"AAAA\""), false),
        (behind(r#""manifest":{"version":"6.6.6"}"#), false),
        (behind(r#""Platforms":{"linux-amd64":{"download_url":"https://evil.example/l"}}"#), false),
        (in_front(r#""repo_name":5"#), false),
        (in_front(r#""Labels":"x""#), false),
        (ENTRY.replace("\"version\"", "\"name\":5,\"version\""), false),
    ];
    let go = go_reading()
        .map(|go| go.read_all("-marketplace", cases.iter().map(|(text, _)| text.as_bytes())));
    for (place, (text, is_read)) in cases.iter().enumerate() {
        let database = Database::read(text.as_bytes());
        assert_eq!(database.is_ok(), *is_read, "{text}: {database:?}");
        let (Some(go), Ok(database)) = (&go, database) else { continue };
        let theirs: Value = serde_json::from_str(&go[place]).unwrap();
        let entry = &database.entries()[0];
        let (id, version) = identity(entry);
        assert_eq!((&theirs["id"], &theirs["version"]), (&id.into(), &version.into()), "{text}");
        let [main, linux] = downloads(entry)[..] else { panic!("{text}") };
        assert_eq!((&theirs["url"], &theirs["signature"]), (&main.1.into(), &main.2.into()));
        assert_eq!(theirs["linux"], linux.1, "{text}");
    }
}

/// Asserts that a bundle of a real tool is good.
#[track_caller]
fn is_good(bundle: &[u8], tool: &str) {
    let seen = inspect(bundle, NAME).unwrap();
    assert_eq!(errors(&seen), [""; 0], "{tool}");
    assert_eq!(seen.manifest.unwrap().id, "com.example.good", "{tool}");
}

#[test]
fn what_tar_programs_make_is_good() {
    let sandbox = Sandbox::for_scripts();
    sandbox.write("p/plugin.json", GOOD);
    sandbox.write("p/exe", "#!");
    sandbox.write("p/sub/x", "x");
    sandbox.must("chmod 755 p/exe; touch -d @1700000000.5 p/exe");
    let mut commands: Vec<(&str, String)> = Vec::new();
    for format in ["v7", "oldgnu", "gnu", "ustar", "pax"] {
        let times = if format.len() == 3 { " --mtime=@-1.5" } else { "" };
        commands.push(("tar", format!("tar --format={format}{times} -czf out.tar.gz p")));
    }
    commands.push(("tar", "tar --format=gnu --listed-incremental=list -czf out.tar.gz p".into()));
    commands.push(("tar", "tar --owner=me:4000000000 --group=we:5 -czf out.tar.gz p".into()));
    for format in ["v7", "ustar", "gnutar", "pax"] {
        commands.push(("bsdtar", format!("bsdtar --format {format} -czf out.tar.gz p")));
    }
    commands.push(("bsdtar", "bsdtar -czf out.tar.gz p".into()));
    for format in ["USTAR", "GNU", "PAX"] {
        let python = format!(
            "import tarfile; t=tarfile.open('out.tar.gz','w:gz',format=tarfile.{format}_FORMAT); \
             t.add('p'); t.close()"
        );
        commands.push(("python3", format!("python3 -c \"{python}\"")));
    }
    let npm = "printf '{\"name\":\"a\",\"version\":\"1.0.0\",\"bin\":\"exe\"}' > package.json";
    commands.push((
        "npm",
        format!(
            "cd p; {npm}; HOME=. npm pack --silent --offline; cd ..; mv p/a-1.0.0.tgz out.tar.gz"
        ),
    ));
    for is_long in [false, true] {
        if is_long {
            sandbox.write(format!("p/{}", "é".repeat(110)), "x");
        }
        for (tool, command) in &commands {
            let is_short = ["v7", "ustar", "USTAR"].iter().any(|format| command.contains(format));
            if on_path(tool).is_none() {
                skipped(tool);
            } else if !is_long || !is_short {
                sandbox.must(&format!("rm -f list out.tar.gz; {command}"));
                is_good(&sandbox.read("out.tar.gz"), command);
            }
        }
    }
    let Some(go) = go_reading() else { return };
    let formats: [&[u8]; 3] = [b"ustar", b"pax", b"gnu"];
    for made in go.read_all("-make", formats) {
        let hexadecimal: String = serde_json::from_str(&made).unwrap();
        let byte = |at| u8::from_str_radix(&hexadecimal[at..at + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..hexadecimal.len()).step_by(2).map(byte).collect();
        is_good(&bytes, "Go");
    }
}
