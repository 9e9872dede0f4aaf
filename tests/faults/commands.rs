//! Commands that sign, and that take things into the home and out of it.

use crate::common::craft::*;
use crate::common::sandbox::{Sandbox, copy};
use crate::faults::sweep::Task;

fn nothing(_: &Sandbox) -> String {
    String::new()
}

/// A key in the home, and a file to sign.
pub fn signer(sandbox: &Sandbox) -> String {
    sandbox.write("dist/a.tar.gz", DATA);
    sandbox.write("dist/b.tar.gz", "another");
    sandbox.keygen("--name Acme --no-passphrase")
}

fn is_good(sandbox: &Sandbox, line: &str) -> bool {
    sandbox.run(line).code() == Some(0)
}

#[test]
fn keygen_survives_every_fault() {
    Task::new("keygen --name Acme --no-passphrase", nothing, |sandbox, _| {
        sandbox.names("home/keys").iter().any(|name| name.ends_with(".pgp"))
            && sandbox.names("home/revocations").iter().any(|name| name.ends_with(".asc"))
    })
    .sweep();
}

#[test]
fn signing_a_file_survives_every_fault() {
    Task::new("sign dist/a.tar.gz", signer, |sandbox, _| is_good(sandbox, "verify dist/a.tar.gz"))
        .sweep();
}

#[test]
fn signing_a_folder_with_checksums_survives_every_fault() {
    Task::new("sign -j1 --checksums dist", signer, |sandbox, _| is_good(sandbox, "verify dist"))
        .sweep();
}

#[test]
fn replacing_a_list_of_other_files_survives_every_fault() {
    fn listed(sandbox: &Sandbox) -> String {
        let key = signer(sandbox);
        sandbox.run("sign --checksums dist").exits(0);
        sandbox.write("dist/c.tar.gz", "a third");
        key
    }
    Task::new("sign -j1 --force --checksums dist", listed, |sandbox, _| {
        is_good(sandbox, "verify dist")
    })
    .sweep();
}

#[test]
fn replacing_a_stale_signature_survives_every_fault() {
    fn stale(sandbox: &Sandbox) -> String {
        let key = signer(sandbox);
        sandbox.run("sign dist/b.tar.gz").exits(0);
        std::fs::rename(sandbox.path("dist/b.tar.gz.sig"), sandbox.path("dist/a.tar.gz.old"))
            .unwrap();
        sandbox.run("sign -a -o dist/a.tar.gz.asc dist/b.tar.gz").exits(0);
        key
    }
    Task::new("sign -a --force dist/a.tar.gz", stale, |sandbox, _| {
        is_good(sandbox, "verify dist/a.tar.gz.asc")
    })
    .sweep();
}

#[test]
fn importing_a_certificate_survives_every_fault() {
    fn there(sandbox: &Sandbox) -> String {
        sandbox.write("key", public(alice()));
        signer(sandbox)
    }
    Task::new("import key", there, |sandbox, _| is_good(sandbox, "export -q alice -o -")).sweep();
}

#[test]
fn importing_a_newer_certificate_of_a_secret_key_survives_every_fault() {
    fn older(sandbox: &Sandbox) -> String {
        let key = signer(sandbox);
        sandbox.run("export Acme -o older").exits(0);
        std::fs::create_dir(sandbox.path("home-of-before")).unwrap();
        sandbox.chmod("home-of-before", 0o700);
        copy(&sandbox.home(), &sandbox.path("home-of-before"));
        sandbox.run("adduid Acme --name Newer").exits(0);
        sandbox.run("export Acme -o newer").exits(0);
        std::fs::remove_dir_all(sandbox.home()).unwrap();
        std::fs::rename(sandbox.path("home-of-before"), sandbox.home()).unwrap();
        key
    }
    Task::new("import newer", older, |sandbox, _| is_good(sandbox, "export -q Newer -o -")).sweep();
}

#[test]
fn importing_a_secret_key_survives_every_fault() {
    fn there(sandbox: &Sandbox) -> String {
        sandbox.write("key", secret(alice()));
        signer(sandbox)
    }
    Task::new("import --no-passphrase key", there, |sandbox, _| {
        sandbox.names("home/keys").len() == 2 && is_good(sandbox, "export -q alice -o -")
    })
    .sweep();
}

#[test]
fn exporting_a_certificate_survives_every_fault() {
    Task::new("export Acme -a -o key.asc", signer, |sandbox, _| {
        sandbox.has("key.asc")
            && sandbox.read("key.asc").ends_with(b"-----END PGP PUBLIC KEY BLOCK-----\n")
    })
    .again(&["exists already"])
    .sweep();
}

#[test]
fn exporting_a_secret_key_over_a_file_survives_every_fault() {
    fn in_the_way(sandbox: &Sandbox) -> String {
        sandbox.write("key.asc", "what was there");
        signer(sandbox)
    }
    Task::new(
        "export --secret --unprotected Acme -a -o key.asc --force",
        in_the_way,
        |sandbox, _| {
            let key = sandbox.read("key.asc");
            let whole = key.ends_with(b"-----END PGP PRIVATE KEY BLOCK-----\n");
            assert!(whole || key == b"what was there");
            whole
        },
    )
    .sweep();
}

#[test]
fn exporting_a_key_for_ci_survives_every_fault() {
    fn org(sandbox: &Sandbox) -> String {
        sandbox.keygen("--kind org --name Acme --no-passphrase")
    }
    Task::new("export --ci Acme -o ci.asc", org, |sandbox, _| {
        let call = sandbox.call("sign -q --dry-run --key-file ci.asc probe.tar".split(' '));
        call.env("PLUGSIGN_PASSPHRASE", "new").run().code() == Some(0)
    })
    .again(&["exists already"])
    .sweep();
}

#[test]
fn trust_add_and_remove_survive_every_fault() {
    fn to_trust(sandbox: &Sandbox) -> String {
        sandbox.write("alice.asc", public(alice()));
        signer(sandbox)
    }
    fn trusted(sandbox: &Sandbox) -> String {
        let key = to_trust(sandbox);
        sandbox.run("trust add alice.asc").exits(0);
        key
    }
    Task::new("trust add alice.asc", to_trust, |sandbox, _| {
        sandbox.run("trust list").out().contains("alice.asc")
    })
    .sweep();
    Task::new("trust remove alice.asc", trusted, |sandbox, _| {
        !sandbox.run("trust list").out().contains("alice.asc")
    })
    .again(&["alice.asc"])
    .sweep();
}

const CONFIG: &str = r#"{"PluginSettings": {"Enable": true, "SignaturePublicKeyFiles": []}}"#;

#[test]
fn trust_of_a_server_survives_every_fault() {
    fn server(sandbox: &Sandbox) -> String {
        sandbox.write("config/config.json", CONFIG);
        sandbox.write("alice.asc", public(alice()));
        String::new()
    }
    fn trusting(sandbox: &Sandbox) -> String {
        server(sandbox);
        sandbox.run("trust add --config config/config.json alice.asc").exits(0);
        String::new()
    }
    fn listed(sandbox: &Sandbox) -> bool {
        let config: serde_json::Value =
            serde_json::from_slice(&sandbox.read("config/config.json")).unwrap();
        let files = config["PluginSettings"]["SignaturePublicKeyFiles"].as_array().unwrap();
        // What the server is told of is there.
        assert!(files.is_empty() || sandbox.read("config/alice.asc") == public(alice()));
        !files.is_empty()
    }
    Task::new("trust add --config config/config.json alice.asc", server, |sandbox, _| {
        listed(sandbox)
    })
    .sweep();
    Task::new("trust remove --config config/config.json alice.asc", trusting, |sandbox, _| {
        !listed(sandbox) && !sandbox.has("config/alice.asc")
    })
    .again(&["alice.asc"])
    .sweep();
}

#[test]
fn announce_survives_every_fault() {
    Task::new("announce KEY --out docs", signer, |sandbox, _| {
        sandbox.names("docs").iter().filter(|name| !name.ends_with(".tmp")).count() >= 4
    })
    .again(&["exists already"])
    .sweep();
}

#[test]
fn announcing_a_successor_survives_every_fault() {
    fn two(sandbox: &Sandbox) -> String {
        sandbox.keygen("--name Former --no-passphrase");
        signer(sandbox)
    }
    Task::new("announce KEY --replaces Former --out docs", two, |sandbox, _| {
        sandbox.has("docs/ROTATION.md") && is_good(sandbox, "verify docs/ROTATION.md")
    })
    .sweep();
}

#[test]
fn writing_manual_pages_survives_every_fault() {
    fn folder(sandbox: &Sandbox) -> String {
        std::fs::create_dir(sandbox.path("pages")).unwrap();
        String::new()
    }
    Task::new("man --out pages", folder, |sandbox, _| {
        sandbox.has("pages/plugsign.1") && sandbox.has("pages/plugsign-verify.1")
    })
    .sweep();
}

#[test]
fn gpgs_command_lines_survive_every_fault() {
    fn there(sandbox: &Sandbox) -> String {
        sandbox.write("key", public(alice()));
        signer(sandbox)
    }
    Task::new("gpg --batch --detach-sign dist/a.tar.gz", there, |sandbox, _| {
        is_good(sandbox, "verify dist/a.tar.gz")
    })
    .again(&["exists"])
    .sweep();
    Task::new("gpg --batch --import key", there, |sandbox, _| {
        is_good(sandbox, "export -q alice -o -")
    })
    .sweep();
    fn with_ring(sandbox: &Sandbox) -> String {
        sandbox.write("ring", public(bob()));
        there(sandbox)
    }
    Task::new(
        "gpg --batch --no-default-keyring --keyring ./ring --import key",
        with_ring,
        |sandbox, _| {
            let ring = sandbox.read("ring");
            ring.starts_with(&public(bob())) && ring.len() > public(bob()).len()
        },
    )
    .sweep();
    Task::new("gpg --batch --armor -o key.asc --export Acme", there, |sandbox, _| {
        sandbox.has("key.asc")
            && sandbox.read("key.asc").ends_with(b"-----END PGP PUBLIC KEY BLOCK-----\n")
    })
    .again(&["exists"])
    .sweep();
}

#[test]
fn gpgs_command_lines_with_secret_keys_survive_every_fault() {
    const MAKE: &str = "gpg --batch --passphrase= --quick-generate-key Other rsa3072 sign never";
    Task::new(MAKE, signer, |sandbox, _| is_good(sandbox, "export -q Other -o -"))
        .again(&["already exists"])
        .sweep();
    const TAKE: &str = "gpg --batch --passphrase= --armor -o key.asc --export-secret-keys Acme";
    Task::new(TAKE, signer, |sandbox, _| {
        sandbox.has("key.asc")
            && sandbox.mode("key.asc") == 0o600
            && sandbox.read("key.asc").ends_with(b"-----END PGP PRIVATE KEY BLOCK-----\n")
    })
    .again(&["exists"])
    .sweep();
}

#[test]
fn importing_a_gnupg_home_survives_every_fault() {
    fn gnupg(sandbox: &Sandbox) -> String {
        sandbox.write("gnupg/pubring.gpg", public(alice()));
        signer(sandbox)
    }
    Task::new("import --from-gnupg gnupg", gnupg, |sandbox, _| {
        is_good(sandbox, "export -q alice -o -")
    })
    .sweep();
}

#[test]
fn importing_a_revocation_certificate_survives_every_fault() {
    fn ended(sandbox: &Sandbox) -> String {
        let key = signer(sandbox);
        let name = sandbox.names("home/revocations").remove(0);
        let guarded = String::from_utf8(sandbox.read(format!("home/revocations/{name}"))).unwrap();
        sandbox.write("end.asc", guarded.replace("\n:-----BEGIN", "\n-----BEGIN"));
        key
    }
    Task::new("import end.asc", ended, |sandbox, _| {
        sandbox.run("--json list").exits(0).json()["keys"][0]["status"] == "revoked"
    })
    .ends_keys()
    .sweep();
}

#[test]
fn exporting_for_a_server_survives_every_fault() {
    Task::new("export --for-server Acme -a -o key.asc", signer, |sandbox, _| {
        sandbox.has("key.asc")
            && sandbox.read("key.asc").ends_with(b"-----END PGP PUBLIC KEY BLOCK-----\n")
    })
    .again(&["exists already"])
    .sweep();
}

#[test]
fn signing_with_two_keys_survives_every_fault() {
    fn two(sandbox: &Sandbox) -> String {
        let key = signer(sandbox);
        sandbox.import(&secret(alice()));
        key
    }
    Task::new("sign -u Acme -u alice dist/a.tar.gz", two, |sandbox, _| {
        is_good(sandbox, "verify --signers 2 dist/a.tar.gz")
    })
    .sweep();
}

#[test]
fn marketplace_add_survives_every_fault() {
    fn market(sandbox: &Sandbox) -> String {
        let example = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("keys-example");
        let bundle = "com.example.plugin-1.2.0.tar.gz";
        sandbox.write(bundle, std::fs::read(example.join("dist").join(bundle)).unwrap());
        let key = signer(sandbox);
        sandbox.run(&format!("sign -q {bundle}")).exits(0);
        sandbox.write("plugins.json", "[]\n");
        key
    }
    Task::new(
        "marketplace add --database plugins.json --download-url-base https://a.test \
         com.example.plugin-1.2.0.tar.gz",
        market,
        |sandbox, _| {
            is_good(sandbox, "marketplace check --database plugins.json")
                && sandbox.read("plugins.json") != b"[]\n"
        },
    )
    .again(&["already"])
    .sweep();
}

/// A key that the home knows to be revoked by a certificate beside it, and a signature of its.
fn revoked(sandbox: &Sandbox) -> String {
    let key = signer(sandbox);
    sandbox.run("sign dist").exits(0);
    sandbox.run("revoke Acme --reason compromised").exits(0);
    key
}

#[test]
fn no_fault_turns_a_bad_verdict_into_a_good_one() {
    fn altered(sandbox: &Sandbox) -> String {
        let key = signer(sandbox);
        sandbox.run("sign --checksums dist").exits(0);
        sandbox.write("dist/a.tar.gz", "altered");
        key
    }
    fn renamed(sandbox: &Sandbox) -> String {
        let key = signer(sandbox);
        sandbox.run("sign --checksums dist").exits(0);
        for ending in ["", ".sig"] {
            let path = |name: &str| sandbox.path(format!("dist/{name}.tar.gz{ending}"));
            std::fs::rename(path("a"), path("c")).unwrap();
        }
        key
    }
    fn unsigned(sandbox: &Sandbox) -> String {
        let key = signer(sandbox);
        sandbox.run("sign dist/a.tar.gz").exits(0);
        key
    }
    Task::never("verify -j1 dist", altered, 1);
    Task::never("verify -j1 dist", renamed, 1);
    Task::never("verify -j1 dist", unsigned, 1);
    Task::never("verify dist/a.tar.gz", revoked, 1);
    Task::never("verify --key KEY dist/a.tar.gz", revoked, 1);
    Task::never("gpg --verify dist/a.tar.gz.sig dist/a.tar.gz", revoked, 1);
    Task::never("sign --force dist/b.tar.gz", revoked, 4);
    Task::never("gpg --batch --yes --detach-sign dist/b.tar.gz", revoked, 2);
}
