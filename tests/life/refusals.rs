//! What is refused, and that nothing changes then.

use sequoia_openpgp::types::ReasonForRevocation;

use crate::common::craft::*;
use crate::common::person::Person;
use crate::common::sandbox::Sandbox;

fn org(sandbox: &Sandbox) -> String {
    sandbox.keygen("--kind org --name Acme --no-passphrase")
}

fn subkey_of(sandbox: &Sandbox, key: &str) -> String {
    let json = sandbox.run(&format!("--json list {key}")).exits(0).json();
    json["keys"][0]["subkeys"][0]["fingerprint"].as_str().unwrap().to_string()
}

fn can_sign(sandbox: &Sandbox, key: &str) -> bool {
    let json = sandbox.run(&format!("--json list {key}")).exits(0).json();
    json["keys"][0]["can_sign"].as_bool().unwrap()
}

/// Every command that needs the primary key.
const CHANGES: [&str; 7] = [
    "rotate KEY",
    "extend KEY --expires 1y",
    "revoke KEY --reason retired",
    "revoke KEY --subkey KEY --reason retired",
    "adduid KEY --name Other",
    "revoke-uid KEY Acme",
    "refresh KEY",
];

#[test]
fn without_the_primary_key_every_change_says_so_and_changes_nothing() {
    let sandbox = Sandbox::new();
    let key = org(&sandbox);
    let other = sandbox.keygen("--name Somebody --no-passphrase");
    sandbox.run(&format!("export --secret --unprotected {other} -o other")).exits(0);
    sandbox.run(&format!("export --offline-primary vault {key} --unprotected")).exits(0);
    sandbox.run(&format!("export --offline-primary vault {key} --unprotected")).exits(3);
    let before = sandbox.snapshot();
    for change in CHANGES {
        let line = change.replace("KEY", &key);
        let done = sandbox.run(&line).exits(3);
        done.says("the secret part of the primary key").says("--primary FILE");
        let done = sandbox.run(&format!("{line} --primary other")).exits(3);
        done.says(&format!("that is the secret key of {other}, not of {key}"));
        sandbox.run(&format!("{line} --primary missing")).exits(3);
    }
    assert_eq!(sandbox.snapshot(), before);
    assert!(can_sign(&sandbox, &key));
}

#[test]
fn a_revoked_key_can_only_be_revoked_for_a_worse_reason() {
    let sandbox = Sandbox::new();
    let key = org(&sandbox);
    sandbox.run(&format!("revoke {key} --reason retired --message bye")).exits(0);
    let before = sandbox.snapshot();
    for change in ["rotate KEY", "extend KEY --expires 1y", "adduid KEY --name N", "refresh KEY"] {
        let done = sandbox.run(&change.replace("KEY", &key)).exits(4);
        done.says("it is revoked (retired: bye)");
    }
    assert_eq!(sandbox.snapshot(), before);
    assert!(!can_sign(&sandbox, &key));
    sandbox.run(&format!("revoke {key} --reason compromised")).exits(0);
}

#[test]
fn a_guarded_revocation_certificate_is_not_imported_by_mistake() {
    let sandbox = Sandbox::new();
    let key = org(&sandbox);
    let stored = format!("home/revocations/{key}.compromised.asc");
    let guarded = String::from_utf8(sandbox.read(&stored)).unwrap();
    sandbox.write("guarded", &guarded);
    let done = sandbox.run("import guarded").exits(3);
    assert!(done.out().contains("a colon in front of its armor guards it"), "{done:?}");
    assert!(done.err().contains("plugsign revoke KEY --certificate "), "{done:?}");
    assert!(can_sign(&sandbox, &key));
    sandbox.write("bare", guarded.replace("\n:-----", "\n-----"));
    sandbox.run("import bare").exits(0).prints(&format!("updated  {key}  revocation"));
    sandbox.run("import bare").exits(0).prints("unchanged");
    assert!(!can_sign(&sandbox, &key));
}

#[test]
fn a_revocation_certificate_revokes_the_key_that_made_it_and_no_other() {
    let sandbox = Sandbox::new();
    let key = org(&sandbox);
    let elsewhere = Sandbox::new();
    let other = elsewhere.keygen("--kind org --name Other --no-passphrase");
    let foreign = elsewhere.read(format!("home/revocations/{other}.asc"));
    sandbox.write("foreign", &foreign);
    let before = sandbox.snapshot();
    let done = sandbox.run(&format!("revoke {key} --certificate foreign")).exits(4);
    done.says(&format!("was not made by {key}"));
    let bare = String::from_utf8(foreign).unwrap().replace("\n:-----", "\n-----");
    sandbox.write("bare", &bare);
    sandbox.run("import bare").exits(3).prints("no key matches");
    std::fs::remove_file(sandbox.path("bare")).unwrap();
    assert_eq!(sandbox.snapshot(), before);

    // One that names the key as its maker, and was not made by it.
    let alice = Recipe::of(Material::a()).build();
    let mut mallory = Recipe::of(Material::b()).signer();
    let forged = revoked(alice.clone(), &mut mallory, ReasonForRevocation::KeyCompromised);
    let packets: Vec<u8> = forged
        .bad_signatures()
        .chain(forged.primary_key().other_revocations())
        .next()
        .map(|signature| {
            use sequoia_openpgp::serialize::MarshalInto;
            sequoia_openpgp::Packet::from(signature.clone()).to_vec().unwrap()
        })
        .unwrap();
    sandbox.import(&secret(&alice));
    sandbox.write("forged", packets);
    let alice = alice.fingerprint().to_hex();
    sandbox.run(&format!("revoke {alice} --certificate forged")).exits(4).says("was not made by");
    assert!(can_sign(&sandbox, &alice));
}

#[test]
fn other_files_revoke_nothing() {
    let sandbox = Sandbox::new();
    let key = org(&sandbox);
    sandbox.run(&format!("export {key} -a -o certificate")).exits(0);
    sandbox.write("junk", "junk");
    let before = sandbox.snapshot();
    for file in ["certificate", "junk", "missing"] {
        sandbox.run(&format!("revoke {key} --certificate {file}")).exits(3);
    }
    sandbox.run(&format!("revoke {key}")).exits(2);
    sandbox.run(&format!("revoke {key} --reason bored")).exits(2);
    sandbox.run(&format!("revoke {key} --subkey {key} --reason retired")).exits(2);
    let nobody = "0123456789ABCDEF0123456789ABCDEF01234567";
    sandbox.run(&format!("revoke {key} --subkey {nobody} --reason retired")).exits(3);
    assert_eq!(sandbox.snapshot(), before);
}

#[test]
fn a_stored_certificate_works_without_the_key_and_an_older_one_counts_too() {
    let sandbox = Sandbox::new();
    let key = org(&sandbox);
    let stale = sandbox.read(format!("home/revocations/{key}.retired.asc"));
    sandbox.write("stale", &stale);
    sandbox.run(&format!("extend {key} --expires 2y")).exits(0);
    assert!(can_sign(&sandbox, &key));
    // Whatever the key has said of itself since, its revocation ends it.
    let other = Sandbox::new();
    sandbox.run(&format!("export {key} -o extended")).exits(0);
    other.write("extended", sandbox.read("extended"));
    other.write("stale", &stale);
    other.run("import extended").exits(0);
    other.run(&format!("revoke {key} --certificate stale")).exits(0).says("retired");
    let json = other.run("--json list").exits(0).json();
    assert_eq!(json["keys"][0]["status"], "revoked");
    // The extension made a new one in the home; the key itself is lost.
    sandbox.run(&format!("export {key} -o certificate")).exits(0);
    std::fs::remove_file(sandbox.path(format!("home/keys/{key}.pgp"))).unwrap();
    sandbox.run("import certificate").exits(0);
    sandbox.run(&format!("revoke {key} --stored --reason retired")).exits(0).says("retired");
    sandbox.run(&format!("revoke {key} --stored --reason retired")).exits(0).says("already");
    let json = sandbox.run("--json list").exits(0).json();
    assert_eq!(json["keys"][0]["status"], "revoked");
}

#[test]
fn a_clock_before_the_creation_time_or_the_last_change_is_refused() {
    let sandbox = Sandbox::new();
    let mut unborn = Recipe::of(Material::a());
    (unborn.created, unborn.bound) = (now() + DAY, now() + DAY);
    let mut ahead = Recipe::of(Material::b());
    ahead.bound = now() + DAY;
    sandbox.keygen("--name First --no-passphrase");
    for (recipe, words) in
        [(unborn, "it is not valid before"), (ahead, "the clock is or was wrong")]
    {
        let cert = recipe.build();
        let key = cert.fingerprint().to_hex();
        let file = format!("home/keys/{key}.pgp");
        sandbox.write(&file, secret(&cert));
        sandbox.chmod(&file, 0o600);
        let before = sandbox.snapshot();
        for change in ["extend KEY --expires 1y", "rotate KEY", "revoke KEY --reason retired"] {
            sandbox.run(&change.replace("KEY", &key)).exits(4).says(words);
        }
        assert_eq!(sandbox.snapshot(), before);
    }
}

#[test]
fn a_stored_revocation_certificate_cannot_be_used_for_a_milder_reason() {
    let sandbox = Sandbox::new();
    let key = sandbox.keygen("--name Acme --no-passphrase");
    let before = sandbox.snapshot();
    let done = sandbox.run(&format!("revoke {key} --stored --reason retired")).exits(3);
    done.says("for \"retired\", only for \"unspecified\"").says("--reason compromised");
    assert_eq!(sandbox.snapshot(), before);
    std::fs::remove_file(sandbox.path(format!("home/revocations/{key}.asc"))).unwrap();
    for reason in ["retired", "compromised"] {
        let done = sandbox.run(&format!("revoke {key} --stored --reason {reason}")).exits(3);
        done.says("and no other").says(&format!("plugsign revoke {key} --certificate FILE"));
    }
    assert!(can_sign(&sandbox, &key));
}

#[test]
fn a_softer_reason_never_follows_a_harder_one() {
    let sandbox = Sandbox::with_passphrase();
    let key = sandbox.keygen("--kind org --name Acme --email r@acme.test");
    let subkey = sandbox.run("--json list").json()["keys"][0]["subkeys"][0]["fingerprint"].clone();
    let of_subkey = format!(" --subkey {}", subkey.as_str().unwrap());
    sandbox.must(&format!("cp home/revocations/{key}.retired.asc retired"));
    for part in [&of_subkey[..], ""] {
        let named = if part.is_empty() { &key } else { subkey.as_str().unwrap() };
        let revoke = |reason: &str| sandbox.run(&format!("revoke {key}{part} --reason {reason}"));
        revoke("superseded").exits(0);
        let words = format!("{named} is revoked already (superseded); nothing was changed");
        revoke("retired").exits(4).says(&words);
        revoke("compromised").exits(0);
        let before = sandbox.snapshot();
        let words = format!("{named} is revoked already (compromised); nothing was changed");
        revoke("retired").exits(4).says(&words);
        revoke("compromised").exits(4).says(&words);
        // Nobody is asked for the passphrase.
        let call = sandbox.call(["revoke", &key, "--reason", "retired"]);
        if part.is_empty() {
            call.without("PLUGSIGN_PASSPHRASE").run().exits(4).says(&words);
            for how in ["--stored --reason retired", "--certificate retired"] {
                sandbox.run(&format!("revoke {key} {how}")).exits(4).says(&words);
            }
        }
        assert_eq!(sandbox.snapshot(), before);
    }
}

#[test]
fn only_the_whole_fingerprint_revokes_a_key_without_a_question() {
    let sandbox = Sandbox::new();
    let key = sandbox.keygen("--name Acme --email r@acme.test --no-passphrase");
    let before = sandbox.snapshot();
    for part in ["acme", "acme.test", "@acme.test", "R@acme.test", &key[24..]] {
        let done = sandbox.run(&format!("revoke {part} --stored --reason compromised")).exits(2);
        done.says(&format!("whole fingerprint, which is {key}"));
    }
    assert_eq!(sandbox.snapshot(), before);
    let spaced = format!("0x{} {}", &key[..20], &key[20..]);
    let words = ["revoke", &spaced, "--stored", "--reason", "compromised"];
    sandbox.call(words).run().exits(0);
}

/// Every command that changes a key, hands out secret parts of it or tells the world of it.
const ACTS_ON_THE_WHOLE: [&str; 14] = [
    "revoke KEY --reason compromised",
    "revoke KEY --reason retired --message bye",
    "revoke KEY --stored --reason compromised",
    "revoke KEY --certificate paper",
    "extend KEY --expires 2y",
    "extend KEY --expires 0 --subkeys",
    "rotate KEY",
    "adduid KEY --name Other",
    "revoke-uid KEY Acme",
    "refresh KEY",
    "passwd KEY --no-passphrase",
    "export KEY --secret --unprotected -o out",
    "export KEY --offline-primary vault --unprotected",
    "announce KEY --out told",
];

#[test]
fn a_key_that_names_a_subkey_never_acts_on_the_key_as_a_whole() {
    let sandbox = Sandbox::new();
    let key = org(&sandbox);
    let other = sandbox.keygen("--name Somebody --no-passphrase");
    let subkey = subkey_of(&sandbox, &key);
    sandbox.write("paper", sandbox.read(format!("home/revocations/{key}.asc")));
    sandbox.write("new", "another passphrase");
    let before = sandbox.snapshot();
    let spaced = format!("0x{} {}", &subkey[..20], &subkey[20..]);
    for name in [subkey.clone(), subkey[24..].to_lowercase(), format!("{subkey}!"), spaced] {
        let refused = |line: &str| {
            let words = line.split(' ').map(|word| if word == "KEY" { &name } else { word });
            let done = sandbox.call(words).run().exits(2);
            let done = done.says(&format!("{subkey} is a subkey of {key}"));
            assert_eq!(sandbox.snapshot(), before, "{line}");
            done
        };
        for line in ACTS_ON_THE_WHOLE {
            refused(line);
        }
        refused(&format!("announce {other} --replaces KEY --out told"));
        for how in ["", "--stored "] {
            let done = refused(&format!("revoke KEY {how}--reason compromised"));
            let done =
                done.says(&format!("plugsign revoke {key} --subkey {subkey} --reason compromised"));
            done.says(&format!("plugsign revoke {key} {how}--reason compromised"));
        }
        let done = refused("extend KEY --expires 2y");
        let done = done.says(&format!("plugsign extend {key} --expires 2y --subkeys"));
        done.says(&format!("the key as a whole:\n        plugsign extend {key} --expires 2y\n"));
        if !name.ends_with('!') {
            let done = refused("export --ci KEY -o out --new-passphrase-file new");
            done.says(&format!("plugsign export --ci '{subkey}!'"));
        }
    }
    // What is public leaves as a whole, whichever of its keys is named.
    sandbox.run(&format!("export {subkey} -o one")).exits(0);
    sandbox.run(&format!("export {key} -o other")).exits(0);
    assert_eq!(sandbox.read("one"), sandbox.read("other"));
    sandbox.run(&format!("export {subkey}! -o third")).exits(2);
    sandbox.run(&format!("export --ci {subkey}! -o out --new-passphrase-file new")).exits(0);
    sandbox.run(&format!("revoke {key} --subkey {subkey} --reason compromised")).exits(0);
    let json = sandbox.run(&format!("--json list {key}")).exits(0).json();
    assert_eq!(json["keys"][0]["status"], "revoked", "its only signing subkey is");
    sandbox.run(&format!("extend {key} --expires 1y")).exits(0);
}

#[test]
fn a_person_types_the_fingerprint_of_a_key_that_no_passphrase_guards() {
    let sandbox = Sandbox::new();
    let key = sandbox.keygen("--name Bare --email b@acme.test --no-passphrase");
    let before = sandbox.snapshot();
    let line = "revoke b@acme.test --reason retired";
    for answer in ["y", &key[24..], ""] {
        let mut person = Person::starts(&sandbox, line);
        person.sees(&key);
        person.answers("To revoke it, type its fingerprint: ", answer);
        let (said, code) = person.ends();
        assert!(code == 3 && said.contains("nothing was done"), "{code}: {said}");
        assert_eq!(sandbox.snapshot(), before);
    }
    let mut person = Person::starts(&sandbox, line);
    person.answers("To revoke it, type its fingerprint: ", &key.to_lowercase());
    assert_eq!(person.ends().1, 0);
    // Who says it beforehand is not asked, nor is a script.
    let told = [format!("revoke {key} --reason retired"), format!("{line} --yes")];
    for line in told {
        let sandbox = Sandbox::new();
        sandbox.keygen("--name Bare --email b@acme.test --no-passphrase");
        let (said, code) = Person::starts(&sandbox, &line).ends();
        assert_eq!(code, 0, "{line}: {said}");
    }
    let sandbox = Sandbox::new();
    sandbox.keygen("--name Bare --email b@acme.test --no-passphrase");
    sandbox.run(line).exits(0);
}
