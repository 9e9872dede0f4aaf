//! The commands of the README and of docs/, run as they are printed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::documents::{CI_PASSPHRASE, blocks, follow, section};
use crate::common::peers::peer;
use crate::common::sandbox::{PASSPHRASE, Sandbox};

const README: &str = include_str!("../README.md");
const PLUGIN: &str = "com.example.plugin-1.2.0.tar.gz";

/// A folder with a release to sign.
fn release() -> Sandbox {
    let sandbox = Sandbox::for_scripts();
    sandbox.copy(&format!("keys-example/dist/{PLUGIN}"), &format!("dist/{PLUGIN}"));
    sandbox
}

/// The same, in the home of somebody who has made a key.
fn publisher() -> Sandbox {
    let sandbox = release();
    let session = &blocks(README)[0].text;
    let keygen = session.lines().next().unwrap().strip_prefix("$ ").unwrap();
    assert!(keygen.starts_with("plugsign keygen "), "{keygen}");
    sandbox.must(keygen);
    sandbox
}

#[test]
fn the_readme_is_short_and_has_its_two_commands() {
    assert!(README.lines().count() <= 130, "{}", README.lines().count());
    let commands: String = blocks(README).into_iter().map(|block| block.text).collect();
    for command in ["sh keys-example/release.sh ", "cargo test --locked "] {
        assert!(commands.lines().any(|line| line.starts_with(command)), "{command}");
    }
}

#[test]
fn the_first_session_says_what_is_printed() {
    follow(&release(), README.split("\n## ").next().unwrap());
}

#[test]
fn the_quick_start_says_what_is_printed() {
    follow(&publisher(), section(README, "Quick start"));
}

#[test]
fn somebody_with_a_signed_file_can_verify_it() {
    let publisher = publisher();
    publisher.must("plugsign export releases@example.org -a -o dist/release-key.asc");
    publisher.must("plugsign sign --checksums dist");
    let reader = Sandbox::for_scripts();
    let given = publisher.path("dist");
    reader.must(&format!("mkdir -p -m 700 \"$HOME\" && cp '{}'/* .", given.display()));
    let text = section(README, "Somebody gave you a signed file");
    let without_gpg = text.split("```sh").next().unwrap();
    follow(&reader, if peer("gpg").is_some() { text } else { without_gpg });
}

/// Returns the plugsign column of the table of Mattermost's steps.
fn steps() -> Vec<String> {
    let page = include_str!("../docs/from-signing-plugins.md");
    let table = page.split("| Mattermost's page | plugsign |").nth(1).expect("the table");
    table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cell = line.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap().trim();
            cell.trim_matches('`').to_string()
        })
        .collect()
}

#[test]
fn every_step_of_the_page_has_a_command_that_works() {
    let steps = steps();
    assert_eq!(steps.len(), 13, "the page has 13 steps");
    let sandbox = Sandbox::for_scripts();
    let folder = sandbox.folder();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys-example");
    fs::copy(example.join("organisation.secret.asc"), folder.join("my-priv-gpg-key")).unwrap();
    fs::copy(example.join("organisation.asc"), folder.join("my-pub-gpg-key")).unwrap();
    fs::copy(example.join("organisation.asc"), folder.join("my-pk-file1")).unwrap();
    let plugin = "com.mattermost.demo-plugin-0.1.0.tar.gz";
    fs::copy(example.join("dist").join(PLUGIN), folder.join(plugin)).unwrap();
    let mut fingerprint = String::from("none yet");
    for step in steps {
        let command = step.replace(" ID ", &format!(" {fingerprint} "));
        let output = sandbox.sh(&command);
        assert!(output.is_ok(), "{command}\n{}", output.shown());
        if command.starts_with("plugsign keygen") {
            fingerprint = output.out().trim().to_string();
            let second = sandbox.sh(&format!("plugsign export {fingerprint} > my-pk-file2"));
            assert!(second.is_ok());
        }
    }
    assert!(folder.join(format!("{plugin}.sig")).exists());
    let left = sandbox.sh("plugsign trust list");
    assert!(
        left.out().contains("my-pub-key") && !left.out().contains("my-pk-file"),
        "{}",
        left.out()
    );
}

#[test]
fn the_page_for_plugin_authors_says_what_is_printed() {
    let sandbox = publisher();
    sandbox.must("plugsign export releases@example.org -a -o release-key.asc");
    sandbox.must(&format!("mv dist/{PLUGIN} . && plugsign sign {PLUGIN}"));
    follow(&sandbox, include_str!("../docs/from-signing-plugins.md"));
}

#[test]
fn the_page_for_ci_says_what_is_printed() {
    let sandbox = release();
    sandbox.must(
        "plugsign keygen --kind org --name 'Example Org' --email releases@example.org
         plugsign export releases@example.org -a -o release-key.asc",
    );
    fs::write(sandbox.path("ci-passphrase"), CI_PASSPHRASE).unwrap();
    let page = include_str!("../docs/ci.md");
    let (alone, several) = page.split_once("## Several signers").unwrap();
    follow(&sandbox, alone);
    let sandbox = release();
    for name in ["first", "second"] {
        sandbox.must(&format!("plugsign keygen --name {name} --email {name}@example.org"));
    }
    follow(&sandbox, several);
}

#[test]
fn the_page_about_json_says_what_is_printed_and_has_every_reason() {
    let sandbox = publisher();
    sandbox.must("plugsign sign dist && echo > unsigned.tar.gz");
    let page = include_str!("../docs/json.md");
    follow(&sandbox, page);
    let rows = page.split("| reason |").nth(1).unwrap().lines().skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let told: BTreeSet<&str> = rows.map(|row| row.split('`').nth(1).unwrap()).collect();
    let schema = include_str!("../templates/schema/verify.json");
    let reasons = schema.split("\"reason\"").nth(1).unwrap().split(['[', ']']).nth(1).unwrap();
    let known: BTreeSet<&str> = reasons.split('"').skip(1).step_by(2).collect();
    assert_eq!(told, known);
}

#[test]
fn the_page_for_gpgs_users_says_what_is_printed() {
    let page = include_str!("../docs/in-place-of-gpg.md");
    if peer("git").is_none() || peer("gpg").is_none() {
        return;
    }
    let person = release();
    person.must(
        "mkdir -p -m 700 \"$HOME\" \"$HOME/.gnupg\"
         gpg --quiet --batch --passphrase \"$PLUGSIGN_PASSPHRASE\" --pinentry-mode loopback \\
             --quick-generate-key 'Example Org <releases@example.org>' rsa3072 sign never
         gpgconf --kill all",
    );
    person.must(&format!("git init -q . && mv dist/{PLUGIN} ."));
    let key = "$(plugsign list --json | sed -n 's/.*\"fingerprint\": \"\\(.*\\)\".*/\\1/p')";
    follow(&person, &page.replace("FINGERPRINT ", &format!("{key} ")));
    let git = "git config user.name a && git config user.email releases@example.org
               git add dist && git commit -q -S --allow-empty -m signed && git verify-commit HEAD";
    person.must(git);
    // One passphrase for many calls.
    let asks = page.split('`').find(|words| words.starts_with("read -rs ")).unwrap();
    person.must("mv \"$HOME/.local/share/plugsign\" home");
    person.must(&format!(
        "pass=$PLUGSIGN_PASSPHRASE; unset PLUGSIGN_PASSPHRASE; export PLUGSIGN_HOME=$PWD/home
         ! plugsign gpg --batch --detach-sign {PLUGIN} && printf '%s\\n' \"$pass\" | bash -euc '{asks}
         plugsign gpg --batch -a -o 1.asc --detach-sign {PLUGIN} </dev/null
         plugsign gpg --batch -a -o 2.asc --detach-sign {PLUGIN} </dev/null' && test -s 1.asc && test -s 2.asc"
    ));
}

#[test]
fn the_life_of_a_key_goes_as_printed() {
    let sandbox = Sandbox::for_scripts();
    let page = include_str!("../docs/key-life.md");
    let list = |what: &str| sandbox.must(&format!("plugsign list --json | grep {what} || :"));
    let with_key = |text: &str| {
        let listed = list("'\"fingerprint\"'").out();
        let found: Vec<&str> = listed.split('"').filter(|it| it.len() == 40).collect();
        let (key, subkey) = (found.first().unwrap_or(&"KEY"), found.get(1).unwrap_or(&"SUBKEY"));
        text.replace("SUBKEY", subkey).replace("KEY", key)
    };
    let secrets = [("PLUGSIGN_PASSPHRASE", PASSPHRASE), ("PLUGSIGN_NEW_PASSPHRASE", PASSPHRASE)];
    let go = |block: &str| {
        for command in block.replace("\\\n", "").lines() {
            let command = with_key(command);
            let said = sandbox.sh_with(&command, &secrets);
            assert!(said.is_ok(), "{command}\n{}", said.shown());
        }
    };
    for title in ["The ceremony", "Tell your users", "Changes", "Backups"] {
        for block in blocks(section(page, title)) {
            go(&block.text);
        }
    }
    // Each of them ends the key, in a copy of the home.
    sandbox.must(&with_key("cp \"$HOME\"/.local/share/plugsign/revocations/KEY.asc paper.asc"));
    let end = blocks(section(page, "The end")).remove(0).text.replace("\\\n", "");
    for command in end.lines() {
        sandbox.must("rm -rf \"$HOME/before\" && cp -a \"$HOME/.local\" \"$HOME/before\"");
        go(command);
        sandbox.must("rm -rf \"$HOME/.local\" && mv \"$HOME/before\" \"$HOME/.local\"");
    }
}

/// A release day's folder: an organisation's key, a signed archive, and checksums from elsewhere.
fn day_of_compromise() -> (Sandbox, String, String) {
    let sandbox = release();
    sandbox.must(
        "plugsign keygen --kind org --name 'Example Org' --email releases@example.org > key
         plugsign export releases@example.org -a -o release-key.asc
         plugsign sign dist && sha256sum dist/*.gz > checksums-from-elsewhere
         mkdir -p before && cp -R dist release-key.asc before",
    );
    let listed = sandbox.must("plugsign list --json").json();
    let key = &listed["keys"][0];
    let text = |key: &serde_json::Value| key["fingerprint"].as_str().unwrap().to_string();
    (sandbox, text(key), text(&key["subkeys"][0]))
}

/// Runs the blocks of a section, and then those of whoever verifies and of a server's
/// administrator, who both had the former certificate. Returns what the announcement's folder has.
fn go_through_the_day(title: &str) -> (Sandbox, String, String) {
    let page = include_str!("../docs/compromise.md");
    let (sandbox, key, subkey) = day_of_compromise();
    let secrets = [("PLUGSIGN_PASSPHRASE", PASSPHRASE), ("PLUGSIGN_NEW_PASSPHRASE", CI_PASSPHRASE)];
    let run = |sandbox: &Sandbox, title: &str| {
        let found = blocks(section(page, title));
        assert!(!found.is_empty(), "{title}");
        for block in found {
            let command = block.text.replace("SUBKEY", &subkey).replace("KEYS", "\0");
            let command = command.replace("KEY", &key).replace('\0', "KEYS");
            let said = sandbox.sh_with(&format!("set -e\n{command}"), &secrets);
            assert!(said.is_ok(), "{command}\n{}", said.shown());
        }
    };
    run(&sandbox, title);
    let reader = Sandbox::for_scripts();
    let from = sandbox.path("").display().to_string();
    reader.must(&format!(
        "mkdir -p -m 700 \"$HOME\" && mkdir config && echo '{{}}' > config/config.json
         cp '{from}'/before/dist/* . && cp '{from}'/before/release-key.asc .
         plugsign trust add release-key.asc && plugsign verify *.tar.gz
         plugsign trust add --config config/config.json release-key.asc
         cp '{from}'/news/* . && plugsign import KEYS"
    ));
    // The revocation alone takes back what was signed before.
    let said = reader.sh("plugsign verify *.tar.gz").exits(1);
    assert!(said.out().contains("revoked-key"), "{}", said.shown());
    reader.must(&format!("cp '{from}'/dist/* ."));
    run(&reader, "Those who verify");
    run(&reader, "Servers");
    // The server does not take the former signature any more.
    reader.must(&format!("cp '{from}'/before/dist/*.sig ."));
    let ask = "plugsign verify --as-server --config config/config.json *.tar.gz";
    reader.sh(ask).exits(1);
    (sandbox, key, subkey)
}

#[test]
fn the_day_of_a_leaked_subkey_goes_as_printed() {
    let (sandbox, key, subkey) = go_through_the_day("A signing subkey");
    let news = |name: &str| fs::read_to_string(sandbox.path("news").join(name)).unwrap();
    let told = news("ANNOUNCEMENT.md");
    for words in [&key, &subkey, "compromised: read from a build log", "Verify again"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(!told.contains("A new release signing key"), "{told}");
    assert_eq!(news("KEYS").matches("REVOKED on 20").count(), 1, "{}", news("KEYS"));
    let listed = sandbox.must("plugsign list --json").json();
    let newest = listed["keys"][0]["subkeys"][1]["fingerprint"].as_str().unwrap();
    assert!(told.contains(newest), "{told}");
}

#[test]
fn the_day_of_a_leaked_key_goes_as_printed() {
    let (sandbox, key, _) = go_through_the_day("The whole key");
    let news = |name: &str| fs::read_to_string(sandbox.path("news").join(name)).unwrap();
    let new = fs::read_to_string(sandbox.path("new-key")).unwrap();
    let told = news("REVOCATION.md");
    for words in [&key, new.trim(), "compromised: the laptop with it was stolen", "Verify again"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(!sandbox.path("news/ROTATION.md").exists(), "nobody signs it");
    // The key and its subkey.
    assert_eq!(news("KEYS").matches("REVOKED on 20").count(), 2, "{}", news("KEYS"));
}

#[test]
fn the_main_job_runs_on_the_example() {
    // The script builds a release; here the program that is tested takes its place.
    let script = include_str!("../keys-example/release.sh");
    let sandbox = Sandbox::for_scripts();
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys-example");
    let job: String = script
        .lines()
        .filter(|line| !line.starts_with("cargo build") && !line.starts_with("here="))
        .map(|line| match line.starts_with("plugsign=") {
            true => format!("here='{}'; plugsign=plugsign\n", here.display()),
            false => format!("{line}\n"),
        })
        .collect();
    let job = job.replace("cd \"$here/..\"\n", "");
    let output = sandbox.sh(&job);
    assert!(output.is_ok(), "{}", output.shown());
    assert!(output.out().contains("good  "), "{}", output.shown());
}

#[test]
fn the_example_release_verifies_as_it_stands() {
    let sandbox = Sandbox::for_scripts();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys-example");
    let output = sandbox
        .sh(&format!("plugsign verify --key '{0}/organisation.asc' '{0}/dist'", example.display()));
    assert!(output.is_ok(), "{}", output.shown());
}

#[test]
fn the_example_is_trusted_by_nobody() {
    let sandbox = Sandbox::for_scripts();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys-example");
    let output = sandbox.sh(&format!("plugsign verify '{}/dist'", example.display()));
    assert_eq!(output.code(), Some(3), "{}", output.shown());
}

#[test]
fn help_is_there_for_every_command() {
    let help = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_plugsign")).args(arguments).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let top = help(&["--help"]);
    for command in ["keygen", "list", "export", "import", "sign", "verify", "trust"] {
        assert!(top.contains(&format!("  {command} ")), "{command} in\n{top}");
        assert!(help(&[command, "--help"]).contains("Usage: plugsign"), "{command}");
    }
}
