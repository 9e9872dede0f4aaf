//! Every JSON document, held against its schema in templates/schema.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::sandbox::Sandbox;
use serde_json::Value;

/// Returns the schemas, by the commands that they are for.
fn schemas() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/schema");
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
        })
        .collect()
}

/// Holds a document against the schema of its command, and its exit code against the program's.
fn check(
    schemas: &BTreeMap<String, Value>,
    document: &Value,
    exit: Option<i32>,
    what: &str,
) -> String {
    let failed = document.get("error").is_some();
    let name = if failed { "failure" } else { document["command"].as_str().unwrap() };
    let schema = &schemas[name];
    let errors: Vec<String> = jsonschema::validator_for(schema)
        .unwrap()
        .iter_errors(document)
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{what}: {errors:?}\n{document:#}");
    assert_eq!(document["exit"].as_i64().map(|code| code as i32), exit, "{what}\n{document:#}");
    name.to_string()
}

#[test]
fn every_document_follows_its_schema_and_every_schema_has_a_document() {
    let schemas = schemas();
    let sandbox = Sandbox::new("schemas");
    sandbox.copy("keys-example/organisation.asc", "organisation.asc");
    sandbox.copy("keys-example/organisation.secret.asc", "secret.asc");
    sandbox.copy(
        "keys-example/dist/com.example.plugin-1.2.0.tar.gz",
        "dist/com.example.plugin-1.2.0.tar.gz",
    );
    fs::write(sandbox.path().join("config.json"), r#"{"PluginSettings": {}}"#).unwrap();
    fs::write(sandbox.path().join("junk"), "junk").unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for command in [
        "verify --key organisation.asc dist",
        "sign --key-file secret.asc dist",
        "sign --key-file secret.asc dist",
        "check dist/com.example.plugin-1.2.0.tar.gz junk missing",
        "check --key organisation.asc dist/com.example.plugin-1.2.0.tar.gz",
        "marketplace add --database plugins.json --download-url-base https://example.org --key organisation.asc dist/com.example.plugin-1.2.0.tar.gz",
        "marketplace add --database plugins.json --download-url-base https://example.org --key organisation.asc dist/com.example.plugin-1.2.0.tar.gz",
        "marketplace check --database plugins.json --key organisation.asc --bundles dist",
        "marketplace check --database junk",
        "verify --key organisation.asc dist",
        "verify --as-server --key organisation.asc dist/com.example.plugin-1.2.0.tar.gz",
        "verify --as-server --key junk dist/com.example.plugin-1.2.0.tar.gz",
        "verify dist",
        "verify --key organisation.asc dist/missing.tar.gz",
        "list",
        "import organisation.asc secret.asc junk",
        "keygen --name Schema --expires 1y --kind rsa-rsa",
        "keygen --name Schema --bits 2048",
        "list",
        "list nobody",
        "export Schema",
        "export Schema -o key",
        "export Schema -o key",
        "doctor",
        "doctor -u Schema --bundle dist/com.example.plugin-1.2.0.tar.gz --bundle junk",
        "sign -u e dist",
        "export --for-server Schema -o for-server",
        "announce Schema",
        "announce nobody",
        "sign -u Schema -u Schema dist",
        "sign -u Schema --force dist junk missing",
        "keygen --name Another --no-passphrase",
        "announce Another --replaces Schema --out told",
        "sign -u Schema -u Another --force dist",
        "verify --signers 2 dist",
        "verify --signers 3 dist",
        "verify --at 2026-11-01 dist",
        "keygen --name Acme --kind org",
        "rotate Acme",
        "extend Acme --expires 2y --subkeys",
        "adduid Acme --name Other",
        "revoke-uid Acme Other",
        "refresh Acme",
        "passwd Acme --no-passphrase",
        "export --offline-primary vault --unprotected Acme",
        "rotate Acme",
        "list",
        "revoke Acme --stored --reason compromised",
        "import organisation.asc",
        "trust add organisation.asc junk",
        "trust list",
        "trust remove organisation.asc other",
        "trust add --config config.json organisation.asc junk",
        "trust check --config config.json",
        "trust list --config config.json",
        "trust remove --config config.json organisation.asc",
        "completions bash",
        "man",
        "frobnicate",
        "--help",
        "sign --help",
        "--version",
    ] {
        let said = sandbox.shell(&format!("plugsign --json {command}"));
        let document: Value = serde_json::from_str(&said.stdout)
            .unwrap_or_else(|error| panic!("{command}: {error}\n{}", said.shown()));
        seen.insert(check(&schemas, &document, said.status.code(), command));
    }
    let known: std::collections::BTreeSet<String> = schemas.into_keys().collect();
    assert_eq!(seen, known);
}
