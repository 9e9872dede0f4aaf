//! `config.json` as text: only the list of key files ever changes.

use plugsign::mattermost::config::Config;

/// A server's configuration with all of PluginSettings, foreign sections, odd numbers, escapes.
pub const REAL: &str = r#"{
    "ServiceSettings": {
        "SiteURL": "https://chat.example.org\/sub",
        "ListenAddress": ":8065",
        "MaximumLoginAttempts": 1e1,
        "GoroutineHealthThreshold": -1,
        "Foreign": {"a": [1.0, 1e3, 2E+2, -0.0, 12345678901234567890123], "b": {}}
    },
    "SamlSettings": {
        "Enable": true,
        "IdpCertificateFile": "saml-idp.crt",
        "PublicCertificateFile": "saml-public.crt",
        "PrivateKeyFile": "saml-private.key"
    },
    "PluginSettings": {
        "Enable": true,
        "EnableUploads": false,
        "AllowInsecureDownloadURL": false,
        "EnableHealthCheck": true,
        "Directory": "./plugins",
        "ClientDirectory": "./client/plugins",
        "Plugins": {
            "com.example.plugin": {
                "text": "a \"quoted\" \u00e9 \\ \u2028 ]}[{,:",
                "empty": "",
                "SignaturePublicKeyFiles": ["not this one"]
            }
        },
        "PluginStates": {
            "com.example.plugin": {
                "Enable": true
            }
        },
        "EnableMarketplace": true,
        "EnableRemoteMarketplace": true,
        "AutomaticPrepackagedPlugins": true,
        "RequirePluginSignature": true,
        "MarketplaceURL": "https://api.integrations.mattermost.com",
        "SignaturePublicKeyFiles": [],
        "ChimeraOAuthProxyURL": ""
    },
    "Unknown": null
}
"#;

fn config(text: &str) -> Config {
    Config::read(text.as_bytes()).unwrap()
}

/// Adds names one after the other and removes them in the same order.
fn there_and_back(text: &str) {
    let names = ["release-key.asc", "b \"quoted\" \\ é", "c"];
    let mut now = config(text);
    for name in names {
        now = now.with_key_file(name).unwrap();
    }
    for name in names {
        assert!(now.key_files().contains(&name), "{}", now.text());
    }
    for name in names {
        now = now.without_key_file(name).unwrap();
    }
    assert_eq!(now.text(), text);
}

#[test]
fn add_and_remove_restore_every_byte_of_a_configuration() {
    let compact =
        r#"{"x":1.0,"PluginSettings":{"a":[],"SignaturePublicKeyFiles":[]},"y":"\u0041"}"#;
    for list in [
        "[]",
        "[ ]",
        "[\n        ]",
        "[\"a\"]",
        "[\"a\", \"b2\"]",
        "[\n            \"a\"\n        ]",
        "[\n            \"a\",\n            \"b2\"\n        ]",
    ] {
        let text = REAL.replace(
            "\"SignaturePublicKeyFiles\": []",
            &format!("\"SignaturePublicKeyFiles\": {list}"),
        );
        there_and_back(&text);
        there_and_back(&text.replace("    ", "\t"));
        there_and_back(&text.replace('\n', "\r\n"));
        there_and_back(&text.replace("    ", "  ").replace('\n', "\r\n"));
    }
    there_and_back(compact);
    there_and_back(&format!("  {compact}\r\n\r\n"));
}

#[test]
fn a_new_entry_is_indented_like_its_neighbours() {
    let with = |text: &str, name: &str| config(text).with_key_file(name).unwrap().text().to_owned();
    let once = with(REAL, "a.asc");
    assert!(
        once.contains("\"SignaturePublicKeyFiles\": [\n            \"a.asc\"\n        ],\n"),
        "{once}"
    );
    let twice = with(&once, "b.asc");
    assert!(
        twice.contains("[\n            \"a.asc\",\n            \"b.asc\"\n        ],\n"),
        "{twice}"
    );
    let line = r#"{"PluginSettings": {"SignaturePublicKeyFiles": ["a"]}}"#;
    assert_eq!(with(line, "b"), r#"{"PluginSettings": {"SignaturePublicKeyFiles": ["a", "b"]}}"#);
    let crlf = with(&REAL.replace('\n', "\r\n").replace("    ", "\t"), "a");
    assert!(crlf.contains("[\r\n\t\t\t\"a\"\r\n\t\t],\r\n"), "{crlf}");
}

#[test]
fn a_missing_list_or_section_is_added() {
    for text in [
        "{}",
        "{ }",
        "{\n    \"A\": 1\n}\n",
        "{\"PluginSettings\": {}}",
        "{\n    \"PluginSettings\": {}\n}\n",
        "{\n\t\"PluginSettings\": {\n\t\t\"Enable\": true\n\t}\n}\n",
        "{\"PluginSettings\": {\"SignaturePublicKeyFiles\": null}}",
        "{\"pluginsettings\": {\"signaturepublickeyfiles\": [\"x\"]}}",
    ] {
        let made = config(text).with_key_file("a").unwrap();
        assert!(made.key_files().contains(&"a"), "{}", made.text());
    }
    let made = config("{\n\t\"PluginSettings\": {\n\t\t\"Enable\": true\n\t}\n}\n");
    let made = made.with_key_file("a").unwrap();
    let wanted = "{\n\t\"PluginSettings\": {\n\t\t\"Enable\": true,\n\t\t\"SignaturePublicKeyFiles\": [\n\t\t\t\"a\"\n\t\t]\n\t}\n}\n";
    assert_eq!(made.text(), wanted);
}

#[test]
fn a_configuration_that_cannot_be_edited_safely_is_refused() {
    for text in [
        "",
        "{",
        "[]",
        "{} {}",
        "\u{feff}{}",
        "// comment\n{}",
        "{\"PluginSettings\": []}",
        "{\"PluginSettings\": {\"SignaturePublicKeyFiles\": \"a\"}}",
        "{\"PluginSettings\": {\"SignaturePublicKeyFiles\": [1]}}",
        "{\"PluginSettings\": {\"SignaturePublicKeyFiles\": [[\"a\"]]}}",
        "{\"PluginSettings\": {}, \"PluginSettings\": {}}",
        "{\"PluginSettings\": {}, \"pluginsettings\": {}}",
        "{\"PluginSettings\": {\"SignaturePublicKeyFiles\": [], \"SignaturePublicKeyFiles\": []}}",
        "{\"Plugin\\u0053ettings\": {}, \"PluginSettings\": {}}",
    ] {
        assert!(Config::read(text.as_bytes()).is_err(), "{text}");
    }
    assert!(Config::read(b"{\"a\": \"\xff\"}").is_err());
    assert!(Config::read("[".repeat(100_000).as_bytes()).is_err());
}

#[test]
fn every_cut_of_a_configuration_is_refused_without_a_panic() {
    for length in 0..REAL.trim_end().len() {
        if REAL.is_char_boundary(length) {
            assert!(Config::read(&REAL.as_bytes()[..length]).is_err(), "cut at {length}");
        }
    }
}

#[test]
fn a_name_that_is_listed_twice_is_removed_twice() {
    let text = r#"{"PluginSettings": {"SignaturePublicKeyFiles": ["a", "b", "a"]}}"#;
    let left = config(text).without_key_file("a").unwrap();
    assert_eq!(left.key_files(), ["b"]);
}
