//! Every JSON document, held against its schema in templates/schema.

use std::collections::BTreeSet;
use std::fs;

use crate::common::peers::peer;
use crate::common::sandbox::Sandbox;
use crate::common::schema;

/// Makes a GnuPG home with an RSA key.
fn gnupg(sandbox: &Sandbox) {
    if peer("gpg").is_none() {
        return;
    }
    let made = sandbox.sh("mkdir -m 700 gnupg && gpg --homedir gnupg -q --batch --passphrase '' \
             --quick-gen-key Gnupg rsa3072 sign 2> said && gpgconf --homedir gnupg --kill all");
    assert!(made.is_ok(), "{}", made.shown());
}

#[test]
fn every_document_follows_its_schema_and_every_schema_has_a_document() {
    let sandbox = Sandbox::for_scripts();
    sandbox.copy("keys-example/organisation.asc", "organisation.asc");
    sandbox.copy("keys-example/organisation.secret.asc", "secret.asc");
    sandbox.copy(
        "keys-example/dist/com.example.plugin-1.2.0.tar.gz",
        "dist/com.example.plugin-1.2.0.tar.gz",
    );
    fs::write(sandbox.path("config.json"), r#"{"PluginSettings": {}}"#).unwrap();
    for name in ["junk", "other/a.zip"] {
        fs::create_dir_all(sandbox.path("other")).unwrap();
        fs::write(sandbox.path(name), "junk").unwrap();
    }
    fs::write(sandbox.path("new-passphrase"), "another one").unwrap();
    gnupg(&sandbox);
    let mut seen = BTreeSet::new();
    let mut told = String::new();
    for command in [
        "verify --key organisation.asc dist",
        "sign --key-file secret.asc dist",
        "sign --key-file secret.asc dist",
        "sign --key-file secret.asc --dry-run --force dist junk",
        "sign --key-file secret.asc --dry-run --checksums dist",
        "sign --key-file secret.asc --checksums other",
        "sign --key-file secret.asc --checksums other && mv other/a.zip other/b.zip",
        "verify --key organisation.asc other",
        "sign --key-file secret.asc --cleartext junk",
        "verify --key organisation.asc junk.asc",
        "inspect dist/com.example.plugin-1.2.0.tar.gz dist/com.example.plugin-1.2.0.tar.gz.sig organisation.asc secret.asc junk junk.asc other/SHA256SUMS missing",
        "check dist/com.example.plugin-1.2.0.tar.gz junk missing",
        "check --key organisation.asc dist/com.example.plugin-1.2.0.tar.gz",
        "marketplace add --database plugins.json --download-url-base https://example.org --key organisation.asc dist/com.example.plugin-1.2.0.tar.gz",
        "marketplace add --database plugins.json --download-url-base https://example.com --key organisation.asc dist/com.example.plugin-1.2.0.tar.gz",
        "marketplace check --database plugins.json --key organisation.asc --bundles dist",
        "marketplace check --database junk",
        "verify --key organisation.asc dist",
        "verify --as-server --key organisation.asc dist/com.example.plugin-1.2.0.tar.gz",
        "verify --as-server --key junk dist/com.example.plugin-1.2.0.tar.gz",
        "verify --as-server --config config.json dist/com.example.plugin-1.2.0.tar.gz",
        "check --config config.json dist",
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
        "export --ci Acme -o ci.asc --new-passphrase-file new-passphrase",
        "export --ci Acme -o ci.asc --new-passphrase-file new-passphrase",
        "passwd Acme --no-passphrase",
        "delete $(plugsign list Another | head -n 1) --yes",
        "export --offline-primary vault --unprotected Acme",
        "rotate Acme",
        "list",
        "revoke $(plugsign list Acme | head -n 1) --stored --reason compromised",
        "import organisation.asc",
        "import --no-passphrase --from-gnupg gnupg",
        "import --from-gnupg missing",
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
        let said = sandbox.sh(&format!("plugsign --json {command}"));
        seen.insert(schema::name_of(&said.json()).to_string());
        told.push_str(&said.out());
    }
    assert_eq!(seen, schema::names());
    for word in ["would-sign", "checksum-mismatch", "orphan-signature", "ci.asc"] {
        assert!(told.contains(word), "{word}");
    }
    // Keys of a GnuPG home come from no file.
    assert!(told.contains("\"file\": null") || peer("gpg").is_none());
}

/// What a schema forbids is refused, each kind of it.
#[test]
fn a_document_that_differs_from_its_schema_is_refused() {
    let sandbox = Sandbox::with_passphrase();
    let document = sandbox.run("--json keygen --name Schema").exits(0).json();
    assert_eq!(schema::faults(&document), Ok(()));
    let refused = |place: &str, value: serde_json::Value, why: &str| {
        let mut wrong = document.clone();
        *wrong.pointer_mut(place).unwrap() = value;
        let faults = schema::faults(&wrong).unwrap_err();
        assert!(faults.contains(place) && faults.contains(why), "{place}: {faults}");
    };
    refused("/schema", 2.into(), "const");
    refused("/ok", "yes".into(), "want boolean");
    refused("/exit", 7.into(), "must be 0");
    let fingerprint = document["key"]["fingerprint"].as_str().unwrap().to_lowercase();
    refused("/key/fingerprint", fingerprint.into(), "pattern");
    for missing in ["schema", "ok", "key"] {
        let mut wrong = document.clone();
        wrong.as_object_mut().unwrap().remove(missing);
        let faults = schema::faults(&wrong).unwrap_err();
        assert!(faults.contains("missing") && faults.contains(missing), "{faults}");
    }
}
