//! `plugsign marketplace`: the database of a plugin marketplace of one's own.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::archives::{Bundle, MANIFEST};
use super::{publisher, read};
use crate::common::peers::{Question, go_verdict};
use crate::common::sandbox::Sandbox;

const ADD: &str = "plugsign marketplace add --database plugins.json \
    --download-url-base https://plugins.example.org/ --time 2026-11-22T20:00:00Z";

/// A publisher with signed bundles of these identifiers and versions.
fn release(plugins: &[(&str, &str)]) -> Sandbox {
    let sandbox = publisher();
    for (id, version) in plugins {
        bundle(&sandbox, id, version, "");
    }
    sandbox.must("plugsign sign dist/");
    sandbox
}

fn bundle(sandbox: &Sandbox, id: &str, version: &str, platform: &str) {
    let manifest = MANIFEST.replace("com.example.plugin", id).replace("1.2.0", version);
    let bundle =
        Bundle::with("plugin.json", &manifest).file("p/README", 0o644, platform.as_bytes());
    sandbox.write(format!("dist/{id}-{version}{platform}.tar.gz"), bundle.gzip());
}

fn entries(sandbox: &Sandbox) -> Vec<Value> {
    serde_json::from_str(&read(sandbox, "plugins.json")).unwrap()
}

fn versions(sandbox: &Sandbox) -> Vec<String> {
    let name = |entry: &Value| {
        let manifest = &entry["manifest"];
        format!("{} {}", manifest["id"].as_str().unwrap(), manifest["version"].as_str().unwrap())
    };
    entries(sandbox).iter().map(name).collect()
}

#[test]
fn entries_are_sorted_as_the_generator_sorts_them() {
    let plugins = [("b.plugin", "1.9.0"), ("b.plugin", "1.10.0"), ("a.plugin", "1.0.0")];
    let sandbox = release(&plugins);
    sandbox.must(&format!("{ADD} dist/b.plugin-1.9.0.tar.gz"));
    sandbox.must(&format!("{ADD} dist/b.plugin-1.10.0.tar.gz dist/a.plugin-1.0.0.tar.gz"));
    assert_eq!(versions(&sandbox), ["a.plugin 1.0.0", "b.plugin 1.10.0", "b.plugin 1.9.0"]);
    sandbox.must("plugsign marketplace check --database plugins.json --bundles dist");
}

#[test]
fn an_entry_has_the_generators_fields_in_its_order_and_format() {
    let sandbox = release(&[("com.example.plugin", "1.2.0")]);
    let options = "--homepage-url 'https://example.org/?a=1&b=<2>' --label Partner --label Own \
        --author-type partner --release-stage beta --enterprise --hosting on-prem";
    sandbox.must(&format!("{ADD} {options} dist/*.tar.gz"));
    let text = read(&sandbox, "plugins.json");
    // No escapes for HTML, two spaces, a line end.
    assert!(text.contains("  \"homepage_url\": \"https://example.org/?a=1&b=<2>\",\n"), "{text}");
    assert!(
        text.starts_with("[\n  {\n    \"homepage_url\"") && text.ends_with("  }\n]\n"),
        "{text}"
    );
    let keys: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("    \"")?.split('"').next()).collect();
    let order = [
        "homepage_url",
        "icon_data",
        "download_url",
        "release_notes_url",
        "labels",
        "hosting",
        "author_type",
        "release_stage",
        "enterprise",
        "signature",
        "repo_name",
        "manifest",
        "platforms",
        "updated_at",
    ];
    assert_eq!(keys, order, "{text}");
    let entry = &entries(&sandbox)[0];
    assert_eq!(entry["labels"][1]["name"], "Own");
    assert_eq!(entry["enterprise"], true);
    assert_eq!((&entry["hosting"], &entry["author_type"]), (&"on-prem".into(), &"partner".into()));
    assert_eq!(entry["release_stage"], "beta");
    assert_eq!(entry["updated_at"], "2026-11-22T20:00:00Z");
    let icon = entry["icon_data"].as_str().unwrap().strip_prefix("data:image/svg+xml;base64,");
    assert!(STANDARD.decode(icon.unwrap()).unwrap().starts_with(b"<svg"));
    assert_eq!(
        entry["download_url"],
        "https://plugins.example.org/com.example.plugin-1.2.0.tar.gz"
    );
    // The same inputs make the same bytes.
    sandbox.must(&format!("{ADD} {options} --replace dist/*.tar.gz"));
    assert_eq!(read(&sandbox, "plugins.json"), text);
}

#[test]
fn the_servers_library_accepts_embedded_signatures() {
    let sandbox = release(&[("com.example.plugin", "1.2.0")]);
    sandbox.must(&format!("{ADD} dist/*.tar.gz"));
    let Some(go) = go_verdict() else { return };
    let signature = entries(&sandbox)[0]["signature"].as_str().unwrap().to_owned();
    let signature = STANDARD.decode(signature).unwrap();
    let key = fs::read(sandbox.path("release-key.asc")).unwrap();
    let data = fs::read(sandbox.path("dist/com.example.plugin-1.2.0.tar.gz")).unwrap();
    let answer = go.ask(Question { key: &key, signature: &signature, data: &data });
    assert!(answer.starts_with("ACCEPT "), "{answer}");
}

#[test]
fn bundles_for_one_platform_join_the_main_one() {
    let sandbox = release(&[("com.example.plugin", "1.2.0")]);
    for platform in ["-linux-amd64", "-osx-amd64", "-windows-amd64"] {
        bundle(&sandbox, "com.example.plugin", "1.2.0", platform);
    }
    let alone = "dist/com.example.plugin-1.2.0-linux-amd64.tar.gz";
    sandbox.must("plugsign sign dist/");
    let said = sandbox.sh(&format!("{ADD} {alone}")).exits(1);
    assert!(said.out().contains("main bundle"), "{}", said.shown());
    // The manifest names an executable for Linux alone, so the others have none to lack.
    sandbox.must(&format!("{ADD} dist/*.tar.gz"));
    let entries = entries(&sandbox);
    assert_eq!(entries.len(), 1);
    let platforms = &entries[0]["platforms"];
    let url = |name: &str| platforms[name]["download_url"].as_str().unwrap_or("none").to_owned();
    assert!(url("linux-amd64").ends_with("1.2.0-linux-amd64.tar.gz"), "{platforms}");
    assert!(url("darwin-amd64").ends_with("1.2.0-osx-amd64.tar.gz"), "{platforms}");
    assert!(url("windows-amd64").ends_with("1.2.0-windows-amd64.tar.gz"), "{platforms}");
    assert_eq!(platforms["darwin-arm64"], serde_json::json!({}));
    let said = sandbox.must("plugsign marketplace check --database plugins.json --bundles dist");
    assert!(said.out().contains("4 verified"), "{}", said.shown());
}

#[test]
fn only_good_signatures_are_added_and_all_or_nothing() {
    let sandbox = release(&[("a.plugin", "1.0.0"), ("b.plugin", "1.0.0")]);
    bundle(&sandbox, "b.plugin", "1.0.0", "");
    sandbox.must("printf x >> dist/b.plugin-1.0.0.tar.gz");
    let said = sandbox.sh(&format!("{ADD} dist/*.tar.gz")).exits(1);
    assert!(said.out().contains("bad-signature"), "{}", said.shown());
    assert!(said.err().contains("nothing was added"), "{}", said.shown());
    assert!(!sandbox.path("plugins.json").exists());
    sandbox.must("rm dist/b.plugin-1.0.0.tar.gz.sig");
    sandbox.sh(&format!("{ADD} dist/b.plugin-1.0.0.tar.gz")).exits(1);
    sandbox.sh(&format!("{ADD} dist/nowhere.tar.gz")).exits(3);
    sandbox.sh(&format!("plugsign --home empty {} dist/a.plugin-1.0.0.tar.gz", &ADD[9..])).exits(3);
    sandbox.sh(&format!("{} dist/a.plugin-1.0.0.tar.gz", ADD.replace("https", "ftp"))).exits(2);
}

#[test]
fn an_existing_version_is_replaced_only_with_replace() {
    let sandbox = release(&[("a.plugin", "1.0.0")]);
    sandbox.must(&format!("{ADD} dist/*.tar.gz"));
    let before = read(&sandbox, "plugins.json");
    let said = sandbox.sh(&format!("{ADD} --enterprise dist/*.tar.gz")).exits(3);
    assert!(said.out().contains("already") && said.err().contains("--replace"), "{}", said.shown());
    assert_eq!(read(&sandbox, "plugins.json"), before);
    // The same version again is no change: the next release goes into the same folder.
    let said = sandbox.must(&format!("{} dist/*.tar.gz", ADD.replace("2026-", "2020-")));
    assert!(said.out().starts_with("unchanged  a.plugin 1.0.0"), "{}", said.shown());
    assert_eq!(read(&sandbox, "plugins.json"), before);
    let said = sandbox.must(&format!("{ADD} --enterprise --replace dist/*.tar.gz"));
    assert!(said.out().starts_with("replaced"), "{}", said.shown());
    assert_eq!(entries(&sandbox).len(), 1);
    assert_eq!(entries(&sandbox)[0]["enterprise"], true);
}

#[test]
fn a_release_can_be_removed() {
    let sandbox = release(&[("a.plugin", "1.0.0"), ("a.plugin", "1.1.0")]);
    sandbox.must(&format!("{ADD} dist/*.tar.gz"));
    let remove = "plugsign marketplace remove --database plugins.json a.plugin";
    let said = sandbox.must(&format!("{remove} 1.1.0"));
    assert!(said.out().starts_with("removed  a.plugin 1.1.0"), "{}", said.shown());
    let left = entries(&sandbox);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["manifest"]["version"], "1.0.0");
    let before = read(&sandbox, "plugins.json");
    let said = sandbox.sh(&format!("{remove} 1.1.0")).exits(3);
    assert!(said.err().contains("the database has no a.plugin 1.1.0"), "{}", said.shown());
    assert_eq!(read(&sandbox, "plugins.json"), before);
}

#[test]
fn a_database_that_is_damaged_is_left_alone() {
    let sandbox = release(&[("a.plugin", "1.0.0")]);
    // The generator does not cut a file that shrinks.
    for text in ["", "{}", "[] ]", "[{]"] {
        sandbox.write("plugins.json", text);
        sandbox.sh(&format!("{ADD} dist/*.tar.gz")).exits(3);
        assert_eq!(read(&sandbox, "plugins.json"), text);
        sandbox.sh("plugsign marketplace check --database plugins.json").exits(3);
    }
}

#[test]
fn foreign_entries_keep_their_fields() {
    let sandbox = release(&[("a.plugin", "1.0.0")]);
    let foreign = r#"[{"homepage_url": "x", "future": [1, {"z": 1, "a": 2}], "manifest": {"id": "z.plugin", "version": "1.0.0", "sections": []}}]"#;
    sandbox.write("plugins.json", foreign);
    sandbox.must(&format!("{ADD} dist/*.tar.gz"));
    let text = read(&sandbox, "plugins.json");
    assert_eq!(versions(&sandbox), ["a.plugin 1.0.0", "z.plugin 1.0.0"]);
    let kept: Value = serde_json::from_str(foreign).unwrap();
    assert_eq!(entries(&sandbox)[1], kept[0]);
    assert!(text.find("\"z\": 1") < text.find("\"a\": 2"), "{text}");
}

#[test]
fn check_finds_what_a_server_would_stumble_over() {
    let sandbox = release(&[("a.plugin", "1.0.0")]);
    sandbox.must(&format!("{ADD} dist/*.tar.gz"));
    let good = entries(&sandbox)[0].clone();
    let check = "plugsign marketplace check --database plugins.json";
    for (pointer, value, words) in [
        ("/signature", "", "no signature"),
        ("/signature", "%%%", "not base64"),
        ("/signature", "AAAA", "refused by every server"),
        ("/download_url", "a.tar.gz", "no web address"),
        ("/download_url", "http://example.org/a.tar.gz", "not https"),
        ("/manifest/version", "v1", "not like 1.2.0"),
        ("/manifest/version", "", "does not start"),
        ("/manifest/id", "a", "not valid"),
        ("/author_type", "me", "author_type"),
        ("/release_stage", "", "release_stage"),
        ("/hosting", "here", "hosting"),
        ("/updated_at", "yesterday", "updated_at"),
        // A marketplace with these does not start.
        ("/updated_at", "2026-11-22 20:00:00Z", "updated_at"),
        ("/updated_at", "20261122T200000Z", "updated_at"),
        ("/updated_at", "2026-11-22T20:00Z", "updated_at"),
        ("/updated_at", "2026-11-22T23:59:60Z", "updated_at"),
        ("/icon_data", "icon.svg", "icon_data"),
    ] {
        let mut entry = good.clone();
        *entry.pointer_mut(pointer).unwrap() = value.into();
        sandbox.write("plugins.json", serde_json::to_string(&[entry]).unwrap());
        let said = sandbox.sh(check).exits(1);
        assert!(said.out().contains(words), "{pointer} {value}: {}", said.shown());
    }
    sandbox.write("plugins.json", serde_json::to_string(&[&good, &good]).unwrap());
    assert!(sandbox.sh(check).exits(1).out().contains("more than once"));
    // Another bundle under the same name; then none.
    sandbox.write("plugins.json", serde_json::to_string(&[&good]).unwrap());
    sandbox.must(check);
    let bundles = format!("{check} --bundles dist");
    sandbox.must(&bundles);
    sandbox.write("dist/a.plugin-1.0.0.tar.gz", Bundle::good().gzip());
    assert!(sandbox.sh(&bundles).exits(1).out().contains("bad-signature"));
    sandbox.must("rm dist/a.plugin-1.0.0.tar.gz");
    sandbox.sh(&bundles).exits(3);
}

#[test]
fn an_unverified_entry_is_not_called_good() {
    let sandbox = release(&[("a.plugin", "1.0.0")]);
    sandbox.must(&format!("{ADD} dist/*.tar.gz"));
    let check = "plugsign marketplace check --database plugins.json";
    let said = sandbox.must(check);
    assert!(said.out().starts_with("unverified  a.plugin 1.0.0"), "{}", said.shown());
    assert!(said.err().contains("--bundles DIR"), "{}", said.shown());
    let json = |command: String| sandbox.must(&command).json()["entries"][0]["verdict"].clone();
    assert_eq!(json(check.replace("plugsign", "plugsign --json")), "unverified");
    let with = format!("{check} --bundles dist");
    assert!(sandbox.must(&with).out().starts_with("good  a.plugin 1.0.0  1 verified"));
    assert_eq!(json(with.replace("plugsign", "plugsign --json")), "good");
}

#[test]
fn an_entry_that_servers_accept_is_not_said_to_be_refused_by_every_server() {
    let sandbox = release(&[("a.plugin", "1.0.0")]);
    sandbox.must(&format!("{ADD} dist/*.tar.gz"));
    let good = entries(&sandbox)[0].clone();
    let bundle = fs::read(sandbox.path("dist/a.plugin-1.0.0.tar.gz")).unwrap();
    let check = "plugsign marketplace check --database plugins.json";
    for (reason, key, signature) in super::check::refused_by_policy(&bundle) {
        let mut entry = good.clone();
        entry["signature"] = STANDARD.encode(&signature).into();
        sandbox.write("plugins.json", serde_json::to_string(&[entry]).unwrap());
        sandbox.write("key.pgp", key);
        let said = sandbox.sh(check);
        assert!(!said.out().contains("every server"), "{reason}: {}", said.shown());
        let said = sandbox.sh(&format!("{check} --bundles dist --key key.pgp")).exits(1);
        assert!(said.out().contains(&format!("policy refuses the signature: {reason}")));
        assert!(said.out().contains("accepts it all the same"), "{reason}: {}", said.shown());
    }
    // Advice for signatures, not for keys.
    for signature in ["AAAA", "c2lnbmF0dXJl"] {
        let mut entry = good.clone();
        entry["signature"] = signature.into();
        sandbox.write("plugins.json", serde_json::to_string(&[entry]).unwrap());
        let said = sandbox.sh(check).exits(1);
        assert!(said.out().contains("refused by every server"), "{}", said.shown());
        assert!(!said.out().to_lowercase().contains("export"), "{}", said.shown());
    }
}
