//! Documents whose commands are run as they are printed.

use std::process::Command;

use super::person::Person;
use super::sandbox::{PASSPHRASE, Sandbox};

/// What is answered where a passphrase for a CI is asked for.
pub const CI_PASSPHRASE: &str = "another battery staple";

/// A block of code in a document.
#[derive(Debug)]
pub struct Block {
    pub language: String,
    pub text: String,
}

/// Returns what stands under a heading, to the next heading of the same rank.
#[track_caller]
pub fn section<'a>(document: &'a str, title: &str) -> &'a str {
    let text = document.split(&format!("\n## {title}\n")).nth(1);
    text.unwrap_or_else(|| panic!("no section {title}")).split("\n## ").next().unwrap()
}

/// Returns the blocks of code, in order. A block in a list is indented.
pub fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.trim_start().strip_prefix("```") else { continue };
        let indent = line.len() - line.trim_start().len();
        let mut text = String::new();
        for line in lines.by_ref().take_while(|line| line.trim() != "```") {
            text.push_str(line.get(indent..).unwrap_or_default());
            text.push('\n');
        }
        blocks.push(Block { language: language.to_string(), text });
    }
    blocks
}

/// Runs the blocks of a text in order: commands (`sh`) must succeed, sessions (`console`) must say
/// what is printed.
#[track_caller]
pub fn follow(sandbox: &Sandbox, text: &str) {
    let blocks = blocks(text);
    assert!(!blocks.is_empty(), "nothing to run: {text}");
    for block in blocks {
        match block.language.as_str() {
            "sh" => {
                sandbox.must(&block.text);
            }
            "console" => session(sandbox, &block.text),
            _ => {}
        }
    }
}

/// Runs the sessions of a text alone.
#[track_caller]
pub fn follow_sessions(sandbox: &Sandbox, text: &str) {
    for block in blocks(text).iter().filter(|block| block.language == "console") {
        session(sandbox, &block.text);
    }
}

/// Runs a session at a terminal, and compares what each command says.
#[track_caller]
fn session(sandbox: &Sandbox, text: &str) {
    for step in format!("\n{text}").split("\n$ ").skip(1) {
        let (command, printed) = step.split_once('\n').unwrap_or((step, ""));
        let said = at_a_terminal(sandbox, command);
        let (printed, told) = (plain(sandbox, printed), plain(sandbox, &said));
        let is_same = match printed.starts_with('{') {
            // The order of the names is free.
            true => json(&printed) == json(&told),
            // Where lines break depends on how long the home's path is. tests/cli/screen.rs looks
            // at that.
            false => words(&printed) == words(&told),
        };
        assert!(is_same, "$ {command}\n{said}\nis printed as\n{printed}\nand was\n{told}");
    }
}

/// Returns the words of a text, with fingerprints in groups of four digits as one word.
fn words(text: &str) -> Vec<String> {
    let is_group = |word: &&str| word.len() == 4 && word.bytes().all(|it| it.is_ascii_hexdigit());
    let all: Vec<&str> = text.split_whitespace().collect();
    let (mut words, mut rest) = (Vec::new(), &all[..]);
    while let Some((first, after)) = rest.split_first() {
        rest = match rest.iter().take_while(|word| is_group(word)).count() >= 10 {
            true => {
                words.push("FINGERPRINT".to_string());
                &rest[10..]
            }
            false => {
                words.push((*first).to_string());
                after
            }
        };
    }
    words
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Returns what a command says to somebody who knows the passphrase.
fn at_a_terminal(sandbox: &Sandbox, command: &str) -> String {
    let mut shell: Command = sandbox.command("sh");
    shell.args(["-euc", &format!("stty cols 80; {command}")]);
    shell.env_remove("PLUGSIGN_PASSPHRASE").env("TERM", "dumb");
    let mut person = Person::at(shell);
    let mut said = String::new();
    let mut passphrase = PASSPHRASE;
    let prompts = ["assphrase for ", "The same again"];
    loop {
        let (before, matched) = person.terminal.sees_any(&prompts);
        said += &before;
        let Some(matched) = matched else { return said };
        said += matched;
        let whose = person.sees(": ");
        person.waits_for_echo(false);
        if matched == prompts[0] {
            passphrase = if whose.ends_with(" in CI") { CI_PASSPHRASE } else { PASSPHRASE };
        }
        person.types(format!("{passphrase}\n").as_bytes());
        said += &format!("{whose}: ");
    }
}

/// Returns what does not change from run to run: fingerprints, key IDs, times and the home's place
/// have names instead, and lines no blanks at their end.
fn plain(sandbox: &Sandbox, text: &str) -> String {
    let text = text.replace(&sandbox.at("home").display().to_string(), "/home/you");
    let mut plain = String::new();
    let mut word = String::new();
    for character in text.chars().chain(['\n']) {
        match character {
            '0'..='9' | 'a'..='z' | 'A'..='Z' | '-' | ':' => word.push(character),
            '\r' => {}
            _ => {
                plain += name(&word);
                word.clear();
                plain.push(character);
            }
        }
    }
    let lines = plain.lines().map(|line| match line.starts_with("gpg: Signature made ") {
        true => "gpg: Signature made TIME",
        false => line.trim_end(),
    });
    lines.collect::<Vec<_>>().join("\n").trim().to_string()
}

fn name(word: &str) -> &str {
    let is_hex = word.bytes().all(|it| matches!(it, b'0'..=b'9' | b'A'..=b'F'));
    let is_time = word.starts_with("20") && word.ends_with('Z') && word.len() == 20;
    match word.len() {
        40 if is_hex => "FINGERPRINT",
        16 if is_hex => "KEYID",
        // Days that are left of a year.
        3 if word.starts_with("36") => "36X",
        _ if is_time => "TIME",
        _ => word,
    }
}
