//! Commands that change a key.

use sequoia_openpgp::types::HashAlgorithm;

use crate::common::craft::*;
use crate::common::sandbox::{Sandbox, copy};
use crate::faults::sweep::Task;

fn org(sandbox: &Sandbox) -> String {
    sandbox.keygen("--kind org --name Acme --no-passphrase")
}

/// What `list` tells of the one key.
fn key(sandbox: &Sandbox) -> serde_json::Value {
    sandbox.run("--json list").exits(0).json()["keys"][0].clone()
}

/// Revokes a copy of the home's key by what is stored with it.
fn stored_revocations_count(sandbox: &Sandbox, fingerprint: &str) {
    for reason in ["superseded", "retired"] {
        std::fs::create_dir(sandbox.path("copy")).unwrap();
        sandbox.chmod("copy", 0o700);
        copy(&sandbox.home(), &sandbox.path("copy"));
        let line = format!("--home copy revoke {fingerprint} --stored --reason {reason}");
        sandbox.run(&line).exits(0).says(reason);
        std::fs::remove_dir_all(sandbox.path("copy")).unwrap();
    }
}

#[test]
fn keygen_of_an_organisation_survives_every_fault() {
    Task::new(
        "keygen --kind org --name Acme --no-passphrase",
        |_| String::new(),
        |sandbox, _| {
            sandbox.names("home/keys").iter().any(|name| name.ends_with(".pgp"))
                && sandbox.names("home/revocations").iter().any(|name| name.ends_with(".asc"))
        },
    )
    .sweep();
}

#[test]
fn extend_survives_every_fault() {
    Task::new("extend KEY --expires 2y --subkeys", org, |sandbox, _| {
        !key(sandbox)["expires"].is_null()
    })
    .always(stored_revocations_count)
    .sweep();
}

#[test]
fn rotate_survives_every_fault() {
    Task::new("rotate KEY", org, |sandbox, _| {
        key(sandbox)["subkeys"].as_array().unwrap().len() >= 2
    })
    .sweep();
}

#[test]
fn revoke_survives_every_fault() {
    Task::new("revoke KEY --reason compromised", org, |sandbox, _| {
        key(sandbox)["status"] == "revoked"
    })
    .again(&["is revoked already"])
    .ends_keys()
    .sweep();
}

#[test]
fn revoking_from_a_stored_certificate_survives_every_fault() {
    Task::new("revoke KEY --stored --reason compromised", org, |sandbox, _| {
        key(sandbox)["status"] == "revoked"
    })
    .again(&["is revoked already"])
    .ends_keys()
    .sweep();
}

#[test]
fn revoking_from_paper_survives_every_fault() {
    fn on_paper(sandbox: &Sandbox) -> String {
        let key = org(sandbox);
        let stored = sandbox.read(format!("home/revocations/{key}.compromised.asc"));
        sandbox.write("paper.asc", stored);
        key
    }
    Task::new("revoke KEY --certificate paper.asc", on_paper, |sandbox, _| {
        key(sandbox)["status"] == "revoked"
    })
    .ends_keys()
    .sweep();
}

#[test]
fn changes_of_user_ids_survive_every_fault() {
    fn two(sandbox: &Sandbox) -> String {
        let key = org(sandbox);
        sandbox.run(&format!("adduid {key} --name Other")).exits(0);
        key
    }
    fn has(sandbox: &Sandbox, line: &str) -> bool {
        sandbox.run("gpg --with-colons --list-keys").out().lines().any(|it| it.starts_with(line))
    }
    Task::new("adduid KEY --name Other", org, |sandbox, _| {
        key(sandbox)["user_ids"].to_string().contains("Other")
    })
    .again(&["already"])
    .always(stored_revocations_count)
    .sweep();
    Task::new("revoke-uid KEY Other", two, |sandbox, _| has(sandbox, "uid:r:"))
        .again(&["Other"])
        .sweep();
}

#[test]
fn a_deleted_key_is_whole_or_gone_after_every_fault() {
    fn extended(sandbox: &Sandbox) -> String {
        let key = org(sandbox);
        sandbox.run(&format!("extend {key} --expires 2y")).exits(0);
        key
    }
    fn is_whole_or_gone(sandbox: &Sandbox, key: &str) {
        let keys = sandbox.run("--json list").exits(0).json()["keys"].clone();
        let is_whole = |it: &serde_json::Value| it["can_sign"] == true && !it["expires"].is_null();
        assert!(keys.as_array().unwrap().iter().all(is_whole), "{key}: {keys:#}");
    }
    Task::new("delete KEY --yes", extended, |sandbox, _| sandbox.names("home/keys").is_empty())
        .again(&["no key matches"])
        .deletes_keys()
        .always(is_whole_or_gone)
        .sweep();
    Task::new("delete KEY --secret --yes", org, |sandbox, _| {
        sandbox.names("home/keys").is_empty() && !sandbox.names("home/certificates").is_empty()
    })
    .again(&["has no secret key here"])
    .deletes_keys()
    .sweep();
}

#[test]
fn passwd_survives_every_fault() {
    Task::new("passwd KEY", org, |sandbox, _| key(sandbox)["protected"] == true).sweep();
}

/// A key whose self-signatures are over SHA-1.
fn over_sha1() -> sequoia_openpgp::Cert {
    let mut recipe = Recipe::of(Material::a());
    recipe.hash = HashAlgorithm::SHA1;
    recipe.build()
}

#[test]
fn import_with_refresh_survives_every_fault() {
    fn coming(sandbox: &Sandbox) -> String {
        let cert = over_sha1();
        sandbox.write("key", secret(&cert));
        cert.fingerprint().to_hex()
    }
    Task::new("import --no-passphrase --refresh key", coming, |sandbox, _| {
        key(sandbox)["can_sign"] == true
    })
    .sweep();
}

#[test]
fn refresh_survives_every_fault() {
    fn weak(sandbox: &Sandbox) -> String {
        let cert = over_sha1();
        let key = cert.fingerprint().to_hex();
        sandbox.write(format!("home/keys/{key}.pgp"), secret(&cert));
        for folder in ["home", "home/keys"] {
            sandbox.chmod(folder, 0o700);
        }
        sandbox.chmod(format!("home/keys/{key}.pgp"), 0o600);
        key
    }
    // Until then it does not sign.
    Task::new("refresh KEY", weak, |sandbox, _| key(sandbox)["can_sign"] == true)
        .ends_keys()
        .sweep();
}

#[test]
fn taking_the_primary_key_off_line_survives_every_fault() {
    Task::new("export --offline-primary vault KEY --unprotected", org, |sandbox, fingerprint| {
        let file = format!("vault/{fingerprint}.secret.asc");
        let moved = key(sandbox)["primary_secret"] == false;
        // Wherever the primary key is now, it is whole.
        let lent = format!("extend {fingerprint} --expires 3y --primary {file}");
        assert!(!moved || sandbox.run(&lent).code() == Some(0), "the primary key is lost");
        moved
    })
    .again(&["is not here"])
    .sweep();
}
