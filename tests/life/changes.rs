//! What changes a key, and what it is then.

use std::fs;

use sequoia_openpgp::types::{HashAlgorithm, KeyFlags};

use crate::common::craft::*;
use crate::common::gpg;
use crate::common::peers::{Question, go_verdict};
use crate::common::sandbox::Sandbox;

/// Makes an organisation's key without a passphrase.
fn org(sandbox: &Sandbox) -> String {
    sandbox.keygen("--kind org --name Acme --no-passphrase --expires 2y")
}

/// Signs a file with whatever key is chosen, and returns which one it was.
fn signer(sandbox: &Sandbox, arguments: &str) -> String {
    sandbox.write("a.tar", DATA);
    let done = sandbox.run(&format!("--json sign --force {arguments} a.tar")).exits(0);
    done.json()["key"].as_str().unwrap().to_string()
}

fn subkeys(sandbox: &Sandbox, key: &str) -> Vec<String> {
    let json = sandbox.run(&format!("--json list {key}")).exits(0).json();
    let subkeys = json["keys"][0]["subkeys"].as_array().unwrap().iter();
    subkeys.map(|it| it["fingerprint"].as_str().unwrap().to_string()).collect()
}

#[test]
fn an_organisations_primary_key_only_certifies_and_its_subkey_has_its_own_expiry() {
    let sandbox = Sandbox::new();
    let key = org(&sandbox);
    let json = sandbox.run("--json list").exits(0).json();
    let listed = &json["keys"][0];
    assert_eq!(listed["usage"], serde_json::json!(["certify"]));
    assert_eq!(listed["subkeys"][0]["usage"], serde_json::json!(["sign"]));
    assert_ne!(listed["subkeys"][0]["expires"], listed["expires"]);
    assert_eq!(listed["can_sign"], true);
    let names = ["asc", "compromised.asc", "retired.asc", "superseded.asc"];
    assert_eq!(sandbox.names("home/revocations"), names.map(|name| format!("{key}.{name}")));
    for name in sandbox.names("home/revocations") {
        assert_eq!(sandbox.mode(format!("home/revocations/{name}")), 0o600);
    }
    assert_eq!(signer(&sandbox, ""), subkeys(&sandbox, &key)[0]);
}

#[test]
fn the_summary_has_the_fingerprint_in_groups_and_what_to_keep_where() {
    let sandbox = Sandbox::new();
    let done =
        sandbox.run("keygen --kind org --name Acme --no-passphrase --summary sheet").exits(0);
    let key = done.out().trim().to_string();
    let sheet = String::from_utf8(sandbox.read("sheet")).unwrap();
    let groups: Vec<&str> = sheet.lines().nth(2).unwrap().split_whitespace().collect();
    assert_eq!((groups.len(), groups.concat()), (10, key));
    assert!(sheet.contains("compromised.asc") && sheet.contains("--offline-primary"));
    assert!(done.err().contains(&sheet));
    sandbox.run("keygen --name Plain --no-passphrase --summary other").exits(2);
}

#[test]
fn the_summary_fits_on_paper_and_says_when_to_renew_and_where_to_sign() {
    let sandbox = Sandbox::new();
    let name =
        "An Organisation With A Very Long Name That Does Not Fit On One Line Of Paper At All";
    let plan = ["--kind", "org", "--no-passphrase", "--summary", "sheet"];
    let ends = ["--expires", "2028-03-31", "--subkey-expires", "2027-05-31", "--name", name];
    sandbox.call(["keygen"].iter().chain(&plan).chain(&ends)).run().exits(0);
    let sheet = String::from_utf8(sandbox.read("sheet")).unwrap();
    let home = sandbox.home().display().to_string();
    for line in sheet.lines() {
        // Only the home's own path may be as long as it is.
        assert!(line.chars().count() <= 80 || line.contains(&home), "{line}");
    }
    for words in ["The key by 2028-03-01:", "The signing subkey by 2027-05-01:", "signature\n"] {
        assert!(sheet.contains(words), "{words}: {sheet}");
    }
}

#[test]
fn rotate_says_how_long_the_new_subkey_signs() {
    let sandbox = Sandbox::new();
    let key = org(&sandbox);
    let done = sandbox.run(&format!("rotate {key} --expires 2027-05-31")).exits(0);
    let new = done.out().trim().to_string();
    let until = "until 2027-05-31T";
    done.says(&format!("The new signing subkey {new} signs from now on, {until}"));
}

#[test]
fn a_revoked_subkey_is_told_from_a_revoked_key() {
    let sandbox = Sandbox::new();
    let key = org(&sandbox);
    let subkey = subkeys(&sandbox, &key).remove(0);
    sandbox.write("a.tar", DATA);
    sandbox.run(&format!("revoke {key} --subkey {subkey} --reason compromised")).exits(0);
    let words = format!("its signing subkey {subkey} is revoked (compromised)");
    let rotate = format!("plugsign rotate {key}");
    for command in ["sign a.tar", &format!("sign -u {subkey}! a.tar")] {
        let said = sandbox.run(command).exits(4).says(&words).says(&rotate);
        assert!(said.err().contains("the key itself is not revoked"), "{said:?}");
    }
    let listed = sandbox.run("list").exits(0).prints(&words).prints(&rotate);
    assert!(!listed.out().contains("\n  revoked:"), "{listed:?}");
    let json = sandbox.run("--json list").exits(0).json();
    assert_eq!(json["keys"][0]["revoked"], serde_json::Value::Null);
    sandbox.run("doctor").exits(1).prints(&words).prints(&rotate);
    sandbox.run(&rotate["plugsign ".len()..]).exits(0);
    sandbox.run("sign a.tar").exits(0);
    sandbox.run(&format!("revoke {key} --reason compromised")).exits(0);
    let said = sandbox.run("sign --force a.tar").exits(4).says("it is revoked (compromised)");
    assert!(said.err().contains("a revoked key stays revoked"), "{said:?}");
    let listed = sandbox.run("list").exits(0).prints("\n  revoked: it is revoked");
    assert!(!listed.out().contains(&rotate), "{listed:?}");
}

#[test]
fn the_newest_signing_subkey_is_taken_and_an_exclamation_mark_forces_another() {
    let sandbox = Sandbox::new();
    let key = org(&sandbox);
    let old = subkeys(&sandbox, &key).remove(0);
    let done = sandbox.run(&format!("rotate {key}")).exits(0);
    let new = done.out().trim().to_string();
    done.says("stays valid until").says("plugsign export");
    assert_eq!(signer(&sandbox, ""), new);
    assert_eq!(signer(&sandbox, &format!("-u {old}!")), old);
    sandbox.run("verify a.tar").exits(0);
    // A signer that ends is passed over for one that does not.
    sandbox.run(&format!("revoke {key} --subkey {new} --reason superseded")).exits(0);
    assert_eq!(signer(&sandbox, ""), old);
}

#[test]
fn a_key_that_signs_itself_gets_a_subkey_by_rotation_and_only_then_a_secret_for_ci() {
    let sandbox = Sandbox::new();
    let key = sandbox.keygen("--name Plain --no-passphrase");
    let export = |sandbox: &Sandbox| {
        let call = sandbox.call(["export", "--ci", &key, "-o", "ci"]);
        call.env("PLUGSIGN_NEW_PASSPHRASE", "ci").run()
    };
    export(&sandbox).exits(4).says("rotate");
    sandbox.run(&format!("export --offline-primary vault {key} --unprotected")).exits(4);
    assert!(!sandbox.has("vault"));
    let new = sandbox.run(&format!("rotate {key}")).exits(0).out().trim().to_string();
    export(&sandbox).exits(0);
    assert_eq!(sandbox.mode("ci"), 0o600);
    sandbox.write("b.tar", DATA);
    let done = sandbox
        .call(["--json", "sign", "b.tar"])
        .homeless()
        .env_bytes("PLUGSIGN_KEY", &sandbox.read("ci"))
        .env("PLUGSIGN_PASSPHRASE", "ci")
        .run()
        .exits(0);
    assert_eq!(done.json()["key"], new.as_str());
}

#[test]
fn the_secret_for_ci_has_nothing_of_the_primary_key_and_needs_its_own_passphrase() {
    let sandbox = Sandbox::new();
    let done = sandbox.call(["keygen", "-q", "--kind", "org", "--name", "Acme"]);
    let key = done.env("PLUGSIGN_PASSPHRASE", "home").run().exits(0).out().trim().to_string();
    let export = |new: &str| {
        let call = sandbox.call(["export", "--ci", &key]);
        call.env("PLUGSIGN_PASSPHRASE", "home").env("PLUGSIGN_NEW_PASSPHRASE", new).run()
    };
    export("").exits(3).says("--new-passphrase-file");
    export("home").exits(0).says("the passphrase is the home's");
    let line = export("ci").exits(0).stdout;
    sandbox.write("b.tar", DATA);
    for (passphrase, code) in [("home", 3), ("ci", 0)] {
        let call = sandbox.call(["sign", "b.tar"]).homeless().env_bytes("PLUGSIGN_KEY", &line);
        call.env("PLUGSIGN_PASSPHRASE", passphrase).run().exits(code);
    }
    // Into a home it goes as a key that can sign and cannot change.
    sandbox.write("ci", &line);
    let call = sandbox.call(["--home", "other", "import", "ci"]);
    call.env("PLUGSIGN_PASSPHRASE", "ci").run().exits(0);
    sandbox.run("--home other list").exits(0).prints("secret subkeys only, protected");
    sandbox.run(&format!("--home other rotate {key}")).exits(3).says("--primary FILE");
}

#[test]
fn a_lent_primary_key_changes_the_key_and_stays_where_it_is() {
    let sandbox = Sandbox::new();
    let key = org(&sandbox);
    sandbox.run(&format!("export --offline-primary vault {key} --unprotected")).exits(0);
    let vault = sandbox.names("vault");
    assert_eq!(vault, [format!("{key}.secret.asc")]);
    assert_eq!(sandbox.mode("vault"), 0o700);
    let lent = format!("--primary vault/{key}.secret.asc");
    let before = sandbox.read(format!("vault/{key}.secret.asc"));
    let new = sandbox.run(&format!("rotate {key} {lent}")).exits(0).out().trim().to_string();
    for line in ["extend KEY --expires 3y", "adduid KEY --name Other", "revoke-uid KEY Acme"] {
        sandbox.run(&format!("{} {lent}", line.replace("KEY", &key))).exits(0);
    }
    assert_eq!(signer(&sandbox, ""), new);
    sandbox.run("list").exits(0).prints("secret subkeys only");
    assert_eq!(sandbox.read(format!("vault/{key}.secret.asc")), before);
}

#[test]
fn an_extension_moves_only_the_expiry_of_the_key_and_of_its_current_subkey() {
    let sandbox = Sandbox::new();
    let key = org(&sandbox);
    let new = sandbox.run(&format!("rotate {key}")).exits(0).out().trim().to_string();
    let ends = |sandbox: &Sandbox| {
        let json = sandbox.run("--json list").exits(0).json();
        let listed = json["keys"][0].clone();
        let end = |new: bool| {
            let is_new = |it: &&serde_json::Value| (it["fingerprint"] == new_of(&listed)) == new;
            listed["subkeys"].as_array().unwrap().iter().find(is_new).unwrap()["expires"].clone()
        };
        (listed["expires"].clone(), end(false), end(true))
    };
    fn new_of(listed: &serde_json::Value) -> serde_json::Value {
        let subkeys = listed["subkeys"].as_array().unwrap();
        let newest = subkeys.iter().max_by_key(|it| it["created"].as_str().unwrap().to_string());
        newest.unwrap()["fingerprint"].clone()
    }
    let before = ends(&sandbox);
    sandbox.run(&format!("extend {key} --expires 4y")).exits(0).says("--subkeys");
    let between = ends(&sandbox);
    assert!(before.0 != between.0 && before.1 == between.1 && before.2 == between.2);
    let done = sandbox.run(&format!("--json extend {key} --expires 5y --subkeys")).exits(0);
    assert_eq!(done.json()["subkeys"], serde_json::json!([new]));
    let after = ends(&sandbox);
    assert!(after.0 == after.2 && after.0 != between.0 && after.1 == before.1);
    // An end can come nearer, or go.
    sandbox.run(&format!("extend {key} --expires 1d")).exits(0);
    sandbox.run(&format!("extend {key} --expires never")).exits(0);
    assert_eq!(ends(&sandbox).0, serde_json::Value::Null);
}

#[test]
fn an_expired_key_signs_again_once_it_is_extended() {
    let sandbox = Sandbox::new();
    let mut recipe = Recipe::of(Material::a());
    recipe.validity = Some(DAY);
    sandbox.import(&secret(&recipe.build()));
    sandbox.write("a.tar", DATA);
    sandbox.run("sign a.tar").exits(4).says("plugsign extend");
    sandbox.run("extend release@example.org --expires 1y").exits(0);
    sandbox.run("sign a.tar").exits(0);
    sandbox.run("export release@example.org -o key").exits(0);
    let Some(go) = go_verdict() else { return };
    let (key, signature) = (sandbox.read("key"), sandbox.read("a.tar.sig"));
    let said = go.ask(Question { key: &key, signature: &signature, data: DATA });
    assert!(said.starts_with("ACCEPT "), "{said}");
}

#[test]
fn sha1_self_signatures_are_renewed_on_import_and_in_the_home() {
    let mut recipe = Recipe::of(Material::a());
    recipe.hash = HashAlgorithm::SHA1;
    let cert = recipe.build();
    let fingerprint = cert.fingerprint().to_hex();
    let coming = Sandbox::new();
    coming.write("key", secret(&cert));
    coming.run("import --no-passphrase key").exits(4).says("import --refresh");
    coming.run("import --no-passphrase --refresh key").exits(0);
    // Also one that spoke of itself in this very second.
    let mut fresh = recipe.clone();
    fresh.bound = now();
    let quick = Sandbox::new();
    quick.write("key", secret(&fresh.build()));
    quick.run("import --no-passphrase --refresh key").exits(0);
    let here = Sandbox::new();
    here.import(&secret(alice()));
    here.write(format!("home/keys/{fingerprint}.pgp"), secret(&cert));
    here.chmod(format!("home/keys/{fingerprint}.pgp"), 0o600);
    here.write("a.tar", DATA);
    here.run(&format!("sign -u {fingerprint} a.tar")).exits(4);
    here.run(&format!("refresh {fingerprint}")).exits(0).says("SHA-256 now");
    here.run(&format!("refresh {fingerprint}")).exits(0).says("nothing was changed");
    for sandbox in [coming, here] {
        sandbox.write("a.tar", DATA);
        sandbox.run(&format!("sign -u {fingerprint} a.tar")).exits(0);
        sandbox.run(&format!("export {fingerprint} -o key.pgp")).exits(0);
        sandbox.run("verify --key key.pgp a.tar").exits(0);
    }
}

#[test]
fn a_new_passphrase_unlocks_and_the_old_one_does_not() {
    let sandbox = Sandbox::new();
    let key = org(&sandbox);
    sandbox.write("a.tar", DATA);
    let passwd = |old: &str, new: &str| {
        let call = sandbox.call(["passwd", &key]).env("PLUGSIGN_PASSPHRASE", old);
        call.env("PLUGSIGN_NEW_PASSPHRASE", new).run()
    };
    let sign = |passphrase: &str| {
        let call = sandbox.call(["sign", "--force", "a.tar"]);
        call.env("PLUGSIGN_PASSPHRASE", passphrase).run()
    };
    passwd("", "one").exits(0);
    let before = sandbox.snapshot();
    passwd("wrong", "two").exits(3).says("wrong passphrase");
    assert_eq!(sandbox.snapshot(), before);
    sandbox.call(["passwd", &key]).env("PLUGSIGN_PASSPHRASE", "one").run().exits(3);
    passwd("one", "two").exits(0);
    sign("one").exits(3);
    sign("two").exits(0);
    let off = sandbox.call(["passwd", &key, "--no-passphrase"]);
    off.env("PLUGSIGN_PASSPHRASE", "two").run().exits(0).says("NOT protected");
    sign("").exits(0);
}

#[test]
fn user_ids_come_and_go_and_the_last_one_stays() {
    let sandbox = Sandbox::new();
    let key = org(&sandbox);
    sandbox.run(&format!("adduid {key} --name Acme")).exits(3).says("already");
    sandbox.run(&format!("adduid {key}")).exits(2);
    sandbox.run(&format!("revoke-uid {key} Acme")).exits(4).says("adduid");
    sandbox.run(&format!("adduid {key} --name Acme --email r@acme.test")).exits(0);
    sandbox
        .run(&format!("revoke-uid {key} acm"))
        .exits(3)
        .says("does not name exactly one valid user ID");
    sandbox.run(&format!("revoke-uid {key} Acme")).exits(0);
    let json = sandbox.run("--json list").exits(0).json();
    assert_eq!(json["keys"][0]["user_ids"][0], "Acme <r@acme.test>");
    assert_eq!(json["keys"][0]["can_sign"], true);
    fs::remove_file(sandbox.write("a.tar", DATA)).unwrap();
    signer(&sandbox, "");
}

#[test]
fn a_revoked_user_id_no_longer_names_the_key_and_is_marked() {
    let sandbox = Sandbox::new();
    let key = org(&sandbox);
    sandbox.run(&format!("adduid {key} --name Renamed")).exits(0);
    let before = sandbox.snapshot();
    let message = sandbox.call(["revoke-uid", &key, "Acme", "--message", "a\u{1b}[2Jb"]);
    message.run().exits(2).says("control");
    assert_eq!(sandbox.snapshot(), before);
    let done = sandbox.run(&format!("revoke-uid {key} Acme")).exits(0);
    done.says("Publish the certificate of Renamed");
    sandbox.write("a.tar", DATA);
    sandbox.run("sign a.tar").exits(0);
    let done = sandbox.run("verify a.tar").exits(0).prints("  Renamed  ");
    assert!(!done.out().contains("Acme"), "{done:?}");
    sandbox.run(&format!("announce {key} --out docs")).exits(0);
    for name in sandbox.names("docs") {
        let text = sandbox.read(format!("docs/{name}"));
        assert!(!String::from_utf8(text).unwrap().contains("Acme"), "{name}");
    }
    let done = sandbox.run("list").exits(0).prints("  Acme  (revoked)\n");
    assert!(!done.out().contains("Renamed  (revoked)"), "{done:?}");
    let json = sandbox.run("--json list").exits(0).json();
    assert_eq!(json["keys"][0]["revoked_user_ids"], serde_json::json!(["Acme"]));
}

#[test]
fn a_subkey_of_the_same_second_as_the_primary_key_is_the_one_for_ci() {
    let sandbox = Sandbox::new();
    let mut recipe = Recipe::of(Material::a());
    recipe.created = ago(9);
    recipe.bound = ago(9);
    let binding = Binding { flags: KeyFlags::empty().set_signing(), back_signature: true };
    let cert = with_subkey(recipe.build(), &mut recipe.signer(), Material::b(), &binding);
    sandbox.import(&secret(&cert));
    let subkey = cert.keys().subkeys().next().unwrap().key().fingerprint().to_hex();
    assert_eq!(signer(&sandbox, ""), subkey);
    let key = cert.fingerprint().to_hex();
    let ci = sandbox.call(["--json", "export", "--ci", &key, "-o", "ci"]);
    let done = ci.env("PLUGSIGN_NEW_PASSPHRASE", "ci").run().exits(0);
    assert_eq!(done.json()["fingerprints"], serde_json::json!([subkey]));
}

#[test]
fn a_change_says_which_copies_lack_it_and_its_commands_can_be_repeated() {
    let sandbox = Sandbox::new();
    let key = org(&sandbox);
    let publish = format!("export {key} -a -o release-key.asc --force");
    let ci = format!("export --ci {key} -o ci-secret --force");
    let copy = format!("export --secret {key} -a -o {key}.secret.asc --force");
    for line in ["rotate KEY", "extend KEY --expires 3y --subkeys", "adduid KEY --name Other"] {
        let done = sandbox.run(&line.replace("KEY", &key)).exits(0);
        let done = done.says(&format!("  plugsign {publish}\n"));
        let done = done.says(&format!("  plugsign {copy}\n"));
        let is_in_ci = done.err().contains(&format!("  plugsign {ci}\n"));
        assert_eq!(is_in_ci, !line.starts_with("adduid"), "{done:?}");
        sandbox.run(&publish).exits(0);
        let call = sandbox.call(ci.split(' ')).env("PLUGSIGN_NEW_PASSPHRASE", "ci");
        call.run().exits(0);
        sandbox.run(&format!("{copy} --unprotected")).exits(0);
    }
    sandbox.run(&format!("export --offline-primary vault {key} --unprotected")).exits(0);
    let vault = format!("vault/{key}.secret.asc");
    let renewal = format!("plugsign import FILE && plugsign export --offline-primary DIR {key}");
    sandbox.run(&format!("rotate {key} --primary {vault}")).exits(0).says(&renewal);
    sandbox.run(&format!("import --no-passphrase {vault}")).exits(0);
    sandbox.run(&format!("export --offline-primary new {key} --unprotected")).exits(0);
    // What is taken away a second time is neither replaced nor lent.
    let done = sandbox.run(&format!("export --offline-primary new {key} --unprotected")).exits(3);
    assert!(!done.err().contains("--primary FILE"), "{done:?}");
    sandbox.run(&format!("import --no-passphrase {vault}")).exits(0);
    let done = sandbox.run(&format!("export --offline-primary vault {key} --unprotected")).exits(3);
    assert!(!done.err().contains("--force"), "{done:?}");
    done.says("name another folder");
}

#[test]
fn an_unwritable_summary_is_an_error_before_a_key_is_made() {
    let sandbox = Sandbox::new();
    sandbox.write("there", "a sheet");
    let before = sandbox.snapshot();
    for (sheet, code) in [("there", 3), ("missing/sheet", 3), ("there/sheet", 3), ("-", 2)] {
        let line = format!("keygen --kind org --name Acme --no-passphrase --summary {sheet}");
        let done = sandbox.run(&line).exits(code);
        assert!(!done.err().contains("--force"), "{done:?}");
        assert_eq!(sandbox.snapshot(), before);
    }
}

#[test]
fn an_empty_new_passphrase_hints_at_no_missing_option() {
    let sandbox = Sandbox::new();
    let key = org(&sandbox);
    sandbox.write("empty", "");
    let line = format!("export --ci {key} --new-passphrase-file empty");
    let done = sandbox.run(&line).exits(3).says("the new passphrase is empty");
    assert!(!done.err().contains("--no-passphrase"), "{done:?}");
}

#[test]
fn a_second_key_of_the_same_name_is_made_with_a_warning() {
    let sandbox = Sandbox::new();
    let key = sandbox.keygen("--name Acme --no-passphrase");
    let done = sandbox.run("keygen --name Acme --no-passphrase").exits(0);
    done.says(&format!("warning: {key} has the same user ID"));
    let done = sandbox.run("keygen --name Other --no-passphrase").exits(0);
    assert!(!done.err().contains("warning"), "{done:?}");
}

#[test]
fn an_extension_names_the_encryption_subkey_that_it_leaves_alone() {
    let Some(key) = gpg::curve_subkey() else { return };
    let sandbox = Sandbox::with_passphrase();
    let fingerprint = sandbox.import_with(&key.secret, &[]);
    let done = sandbox.run(&format!("extend {fingerprint} --expires 3y --subkeys")).exits(0);
    done.says("plugsign changes no ECDH subkeys");
}

#[test]
fn after_a_rotation_what_the_older_subkey_signed_is_up_to_date_unless_forced() {
    let sandbox = Sandbox::new();
    let key = org(&sandbox);
    for name in ["dist/a.tar.gz", "dist/b.zip", "dist/stale.zip", "armored/a.zip"] {
        sandbox.write(name, name);
    }
    sandbox.run("sign dist --checksums").exits(0);
    sandbox.run("sign armored -a").exits(0);
    sandbox.write("dist/stale.zip", "another one");
    let old = sandbox.read("dist/a.tar.gz.sig");
    let sums = sandbox.read("dist/SHA256SUMS.sig");
    sandbox.run(&format!("rotate {key}")).exits(0);

    // A stale signature is still not a signature of these bytes.
    sandbox.run("sign dist/stale.zip").exits(3).says("dist/stale.zip.sig");
    sandbox.run("sign dist/stale.zip --force").exits(0);
    sandbox.write("dist/c.zip", "new");
    let done = sandbox.run("sign dist armored").exits(0);
    assert_eq!(done.out(), "dist/c.zip.sig\narmored/a.zip.sig\n", "{done:?}");
    assert!(!done.err().contains("no good any more"), "{done:?}");
    assert_eq!(sandbox.read("dist/a.tar.gz.sig"), old);
    sandbox.run("verify dist/a.tar.gz dist/b.zip").exits(0);
    // Their own signatures are good, and the signed list beside them is of the files before.
    let done = sandbox.run("verify dist/c.zip dist/stale.zip").exits(1);
    assert_eq!(done.out().matches("checksum-mismatch").count(), 2, "{done:?}");
    std::fs::remove_file(sandbox.path("dist/c.zip")).unwrap();
    std::fs::remove_file(sandbox.path("dist/c.zip.sig")).unwrap();
    sandbox.write("dist/stale.zip", "dist/stale.zip");
    sandbox.run("sign dist/stale.zip --force").exits(0);
    sandbox.run("sign dist --checksums").exits(0).prints_nothing();
    assert_eq!(sandbox.read("dist/SHA256SUMS.sig"), sums);

    // Who asks for the very key gets that key's.
    let json = sandbox.run(&format!("--json list {key}")).exits(0).json();
    let subkeys = json["keys"][0]["subkeys"].as_array().unwrap();
    let newest = subkeys.iter().max_by_key(|it| it["created"].as_str().unwrap()).unwrap();
    let newest = newest["fingerprint"].as_str().unwrap().to_string();
    sandbox.run(&format!("sign -u {newest}! dist/a.tar.gz")).exits(3);
    sandbox.run("sign dist/a.tar.gz --force").exits(0).prints("dist/a.tar.gz.sig");
    assert_ne!(sandbox.read("dist/a.tar.gz.sig"), old);
    let other = subkeys.iter().find(|it| it["fingerprint"] != newest.as_str()).unwrap();
    let other = other["fingerprint"].as_str().unwrap();
    let line = format!("revoke {key} --subkey {other} --reason superseded");
    sandbox.run(&line).exits(0);
    sandbox.run("sign dist").exits(3).says("dist/b.zip.sig");
}

#[test]
fn an_unknown_signer_brings_the_hint_to_ask_for_a_newer_certificate() {
    let sandbox = Sandbox::new();
    sandbox.write("alice.pgp", public(alice()));
    sandbox.write("bob.pgp", public(bob()));
    sandbox.write("data", DATA);
    let mut stranger = Recipe { created: ago(100), ..Recipe::of(Material::strong()) }.signer();
    let mut said = |time, keys: &str| {
        sandbox.write("data.sig", Forge::at(&stranger, time).sign(&mut stranger, DATA));
        let done = sandbox.run(&format!("verify {keys} data")).exits(1);
        assert!(done.out().contains("unknown-signer"), "{done:?}");
        done.out().to_string()
    };
    let ask = "may lack a newer subkey: ask the publisher for the current certificate";
    let words = format!("; the certificate {:X} {ask}", alice().fingerprint());
    let out = said(now(), "--key alice.pgp");
    assert!(out.contains(&words), "{out}");
    let out = said(now(), "--key alice.pgp --key bob.pgp");
    assert!(out.contains(&format!("; one of the accepted certificates {ask}")), "{out}");
    // A certificate that is newer than the signature lacks no key of its time.
    let out = said(ago(20), "--key alice.pgp");
    assert!(!out.contains("may lack"), "{out}");
}
