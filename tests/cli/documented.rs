//! Manual pages and completions.

use std::collections::BTreeSet;
use std::fs;

use crate::boundaries::files_in;
use crate::common::craft::DATA;
use crate::common::sandbox::Sandbox;

fn page(sandbox: &Sandbox, name: &str) -> String {
    fs::read_to_string(sandbox.path(format!("man/{name}.1"))).unwrap().replace("\\-", "-")
}

#[test]
fn manual_pages_have_values_examples_and_what_is_outside() {
    let sandbox = Sandbox::new();
    sandbox.run("man --out man").exits(0);
    let sign = page(&sandbox, "plugsign-sign");
    let synopsis = sign.split(".SH SYNOPSIS\n").nth(1).unwrap().lines().next().unwrap();
    for words in [
        "\\fBplugsign sign\\fR",
        "[\\fB-u\\fR|\\fB--key\\fR \\fIKEY\\fR]...",
        "[\\fB--checksums\\fR[=\\fINAME\\fR]]",
        "[\\fB--digest\\fR sha256|sha512]",
        "\\fIPATH\\fR...",
    ] {
        assert!(synopsis.contains(words), "{words}: {synopsis}");
    }
    for section in ["EXAMPLES", "ENVIRONMENT", "FILES", "\"EXIT STATUS\""] {
        for name in ["plugsign-sign", "plugsign-verify", "plugsign-keygen", "plugsign-trust"] {
            assert!(
                page(&sandbox, name).contains(&format!(".SH {section}\n")),
                "{name}: {section}"
            );
        }
    }
    assert!(sign.contains("PLUGSIGN_PASSPHRASE") && sign.contains("SOURCE_DATE_EPOCH"));
    assert!(!page(&sandbox, "plugsign-verify").contains("PLUGSIGN_PASSPHRASE"));
    let remove = page(&sandbox, "plugsign-trust-remove");
    assert!(remove.contains("\\fBplugsign trust remove\\fR"), "{remove}");
    // Where there is a reader of such pages, it has nothing to complain about.
    let groff = sandbox
        .program("sh")
        .args(["-c", "command -v groff >/dev/null || exit 0; groff -man -Tutf8 -wall -z man/*.1"])
        .run();
    assert_eq!(groff.exits(0).err(), "");
}

/// One table for people, one list in the manual page, and what the sources read.
#[test]
fn every_variable_of_the_environment_is_documented() {
    let table = include_str!("../../docs/environment.md");
    let is_name = |word: &&str| {
        let is_letter = |it: char| it.is_ascii_uppercase() || it.is_ascii_digit() || it == '_';
        word.len() > 1 && word.chars().all(is_letter)
    };
    let named: BTreeSet<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(" | ").next())
        .flat_map(|names| names.split(['`', ',', ' ']).filter(is_name))
        .collect();
    let sandbox = Sandbox::new();
    sandbox.run("man --out man").exits(0);
    let manual = page(&sandbox, "plugsign");
    let manual = manual.split(".SH ENVIRONMENT\n").nth(1).unwrap().split(".SH ").next().unwrap();
    let entries = manual.replace("\\fB", "\n").replace("\\fR", "\n");
    let listed: BTreeSet<&str> = entries.split(['\n', ',', ' ']).filter(is_name).collect();
    assert_eq!(named, listed);
    let mut read = BTreeSet::new();
    for (path, text) in files_in("src/bin") {
        for opened in ["variable(\"", "is_empty(\"", "_VARIABLE: &str = \""] {
            for (place, _) in text.match_indices(opened) {
                let name = text[place + opened.len()..].split('"').next().unwrap().to_string();
                assert!(is_name(&&*name), "{path}: {name}");
                read.insert(name);
            }
        }
        read.extend(
            text.split('"').filter(|word| word.starts_with("PLUGSIGN_")).map(str::to_string),
        );
    }
    // What every shell sets.
    let unnamed: Vec<_> = read
        .iter()
        .filter(|it| !named.contains(&***it) && !["HOME", "PATH"].contains(&&***it))
        .collect();
    assert!(unnamed.is_empty() && read.len() > 9, "{unnamed:?} of {read:?}");
}

/// Returns what bash offers behind a line.
fn offered(sandbox: &Sandbox, words: &[&str]) -> Vec<String> {
    let line: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let script = format!(
        "source ./completions; COMP_WORDS=({}); COMP_CWORD={}; \
         _plugsign_with_keys plugsign \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; \
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        line.join(" "),
        words.len() - 1
    );
    let done = sandbox.program("bash").args(["-c", &script]).run().exits(0);
    done.out().lines().filter(|line| !line.is_empty()).map(str::to_string).collect()
}

#[test]
fn bash_offers_keys_and_no_signatures_to_sign() {
    let mut sandbox = Sandbox::for_scripts();
    sandbox.set("PLUGSIGN_HOME", sandbox.path("h"));
    let key = sandbox.acme_key(&[]);
    let evil = sandbox.call(["keygen", "-q", "--user-id", "x <$(touch${IFS}evil)@acme.test>"]);
    evil.run().exits(0);
    let script = sandbox.run("completions bash").exits(0).out();
    sandbox.write("completions", script);
    for name in ["app.tar.gz", "app.tar.gz.sig", "app.zip.asc"] {
        sandbox.write(name, DATA);
    }
    let named = |words: &[&str]| {
        let offered = offered(&sandbox, words);
        assert!(
            offered.contains(&key) && offered.contains(&"r@acme.test".into()),
            "{words:?}: {offered:?}"
        );
    };
    named(&["plugsign", "sign", "-u", ""]);
    named(&["plugsign", "sign", "--key", ""]);
    named(&["plugsign", "sign", "--key", "="]);
    named(&["plugsign", "verify", "--key", ""]);
    named(&["plugsign", "export", ""]);
    named(&["plugsign", "--home", "h", "rotate", ""]);
    let files = offered(&sandbox, &["plugsign", "verify", "--key", "app"]);
    assert!(files.contains(&"app.tar.gz".to_string()), "{files:?}");
    let some = offered(&sandbox, &["plugsign", "sign", "-u", &key[..6]]);
    assert_eq!(some, std::slice::from_ref(&key));
    let files = offered(&sandbox, &["plugsign", "sign", "app"]);
    assert_eq!(files, ["app.tar.gz"]);
    let options = offered(&sandbox, &["plugsign", "sign", "--checks"]);
    assert_eq!(options, ["--checksums"]);
    assert!(!sandbox.has("evil"));
}

#[test]
fn zsh_and_fish_offer_keys_too() {
    let sandbox = Sandbox::new();
    let zsh = sandbox.run("completions zsh").exits(0).out();
    assert!(zsh.contains(":KEY:_plugsign_keys'") && zsh.contains("\n_plugsign_keys() {"), "{zsh}");
    assert!(zsh.contains(":_plugsign_unsigned'") && zsh.contains(":_plugsign_keys_or_files'"));
    assert!(!zsh.contains(":_users'") && !zsh.contains(":_hosts'"));
    let fish = sandbox.run("completions fish").exits(0).out();
    assert!(fish.contains("-s u -l key") && fish.contains("-a \"(__plugsign_keys)\""), "{fish}");
    assert!(!fish.contains("__fish_complete_users") && !fish.contains("__fish_print_hostnames"));
    // Those that are here read their script.
    for (shell, script) in [("zsh", zsh), ("fish", fish)] {
        sandbox.write("script", script);
        let line = format!("command -v {shell} >/dev/null || exit 0; {shell} -n script");
        assert_eq!(sandbox.program("sh").args(["-c", &line]).run().exits(0).err(), "");
    }
}
