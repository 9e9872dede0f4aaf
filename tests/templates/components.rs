//! What others build into their own pipelines: a composite action for GitHub, a component for
//! GitLab, and a makefile for Mattermost's starter template.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::yaml::{documents, filled, texts};
use super::{SIGNER, checkout, import, kept, plugin};
use crate::common::done::Done;
use crate::common::peers::peer;
use crate::common::sandbox::{PASSPHRASE, Sandbox};

const ACTION: &str = include_str!("../../templates/action/action.yml");
const COMPONENT: &str = include_str!("../../templates/sign/template.yml");
const SECRET: &str = include_str!("../../keys-example/organisation.secret.asc");
const ARCHIVE: &str = "dist/com.example.plugin-1.2.0.tar.gz";
const SOURCES: &str = "cargo install --locked --git https://plugsign.invalid/plugsign.git --rev 0000000000000000000000000000000000000000 plugsign\n";

type Inputs<'a> = BTreeMap<&'a str, &'a str>;

/// Returns the inputs that are given, and the defaults of the others. Unknown ones are refused.
fn inputs(declared: &Value, given: &Inputs<'_>) -> BTreeMap<String, String> {
    let declared = declared.as_object().unwrap();
    assert!(given.keys().all(|name| declared.contains_key(*name)), "{given:?}");
    let value = |(name, input): (&String, &Value)| {
        let default = || input["default"].as_str().map(str::to_string);
        let value = given.get(name.as_str()).map(|it| it.to_string()).or_else(default);
        (name.clone(), value.unwrap_or_else(|| panic!("{name} is required")))
    };
    declared.iter().map(value).collect()
}

/// Runs the steps of the composite action as a runner does, and returns their outputs.
fn act(sandbox: &Sandbox, given: &Inputs<'_>) -> (Vec<Done>, BTreeMap<String, String>) {
    let action = &documents(ACTION)[0];
    assert_eq!(action["runs"]["using"], "composite");
    let inputs = inputs(&action["inputs"], given);
    let temp = sandbox.path("temp");
    fs::create_dir_all(&temp).unwrap();
    let mut said = Vec::new();
    for step in action["runs"]["steps"].as_array().unwrap() {
        assert_eq!(step["shell"], "bash");
        let file = sandbox.write("temp/step.sh", step["run"].as_str().unwrap());
        let path = fs::read_to_string(temp.join("path")).unwrap_or_default();
        let found: String = path.lines().map(|line| format!("{line}:")).collect();
        let line = format!(
            "PATH={found}$PATH exec bash --noprofile --norc -eo pipefail '{}'",
            file.display()
        );
        let mut call = sandbox.script(&line).without("PLUGSIGN_PASSPHRASE");
        let runners = [("RUNNER_OS", "Linux"), ("RUNNER_ARCH", "X64")];
        for (name, value) in runners {
            call = call.env(name, value);
        }
        for (name, file) in
            [("RUNNER_TEMP", ""), ("GITHUB_PATH", "path"), ("GITHUB_OUTPUT", "outputs")]
        {
            call = call.env(name, temp.join(file));
        }
        for (name, value) in step["env"].as_object().unwrap() {
            let input = |name: &str| inputs[name.strip_prefix("inputs.").unwrap()].clone();
            call = call.env(name, filled(value.as_str().unwrap(), ("${{", "}}"), &input));
        }
        said.push(call.run());
        if !said.last().unwrap().is_ok() {
            break;
        }
    }
    let written = fs::read_to_string(temp.join("outputs")).unwrap_or_default();
    let made = outputs(&written);
    let of_step = |name: &str| made.get(name.strip_prefix("steps.sign.outputs.").unwrap()).cloned();
    let declared = action["outputs"].as_object().unwrap().iter();
    let values = declared.map(|(name, output)| {
        let value = filled(output["value"].as_str().unwrap(), ("${{", "}}"), &|name| {
            of_step(name).unwrap_or_default()
        });
        (name.clone(), value)
    });
    (said, values.collect())
}

/// Reads a file of outputs: `name=value`, or a value of several lines between two marks.
fn outputs(written: &str) -> BTreeMap<String, String> {
    let mut outputs = BTreeMap::new();
    let mut lines = written.lines();
    while let Some(line) = lines.next() {
        match line.split_once("<<") {
            Some((name, mark)) => {
                let value: Vec<&str> = lines.by_ref().take_while(|line| *line != mark).collect();
                outputs.insert(name.to_string(), value.join("\n"));
            }
            None => {
                let (name, value) = line.split_once('=').unwrap();
                outputs.insert(name.to_string(), value.to_string());
            }
        }
    }
    outputs
}

/// A released version at an address, as packaging/release.sh makes it, and its checksum. `curl`
/// finds it.
fn released(sandbox: &Sandbox) -> String {
    let name = "plugsign-0.1.0-x86_64-unknown-linux-gnu";
    sandbox.must(&format!(
        "mkdir -p web/v0.1.0 {name}
         printf '#!/bin/sh\\necho released >> \"$PWD/ran\"\\nexec \"{program}\" \"$@\"\\n' > {name}/plugsign
         chmod +x {name}/plugsign
         tar -czf web/v0.1.0/{name}.tar.gz {name}",
        program = env!("CARGO_BIN_EXE_plugsign"),
    ));
    let web = sandbox.path("web");
    sandbox.stub(
        "curl",
        &format!(
            "while [ $# -gt 2 ]; do if [ \"$1\" = -o ]; then out=$2; fi; shift; done
             if [ \"$1\" = -o ]; then out=$2; shift; fi
             for url do :; done
             cp \"{}/${{url#https://plugsign.invalid/plugsign/releases/download/}}\" \"$out\"",
            web.display()
        ),
    );
    let sum = sandbox.must(&format!("sha256sum < web/v0.1.0/{name}.tar.gz")).out();
    sum.split(' ').next().unwrap().to_string()
}

#[test]
fn the_action_signs_and_says_who_signed_what() {
    if peer("jq").is_none() {
        return;
    }
    let sandbox = plugin();
    sandbox.stub("cargo", "echo \"cargo $*\" >> ran");
    sandbox.write("more/with blank.zip", "zip");
    let given = Inputs::from([
        ("key", SECRET),
        ("passphrase", PASSPHRASE),
        ("paths", "dist/\nmore/with blank.zip\n"),
    ]);
    for _ in 0..2 {
        let (said, outputs) = act(&sandbox, &given);
        assert!(said.iter().all(Done::is_ok), "{}", said.last().unwrap().shown());
        assert_eq!(outputs["fingerprint"], SIGNER);
        assert_eq!(outputs["key-id"], SIGNER[24..]);
        assert_eq!(outputs["signatures"], format!("{ARCHIVE}.sig\nmore/with blank.zip.sig"));
    }
    assert_eq!(fs::read_to_string(sandbox.path("ran")).unwrap(), SOURCES.repeat(2));
    sandbox.must("plugsign verify --key release-key.asc dist 'more/with blank.zip'");
    assert!(!sandbox.home().exists(), "an action needs no home");
}

#[test]
fn the_action_fails_and_says_why_if_something_is_not_signed() {
    let sandbox = plugin();
    sandbox.stub("cargo", "");
    let given =
        Inputs::from([("key", SECRET), ("passphrase", PASSPHRASE), ("paths", "missing.zip")]);
    let (said, outputs) = act(&sandbox, &given);
    let last = said.last().unwrap();
    assert!(!last.is_ok() && last.err().contains("missing.zip"), "{}", last.shown());
    assert_eq!(outputs["signatures"], "");
    let given = Inputs::from([("key", ""), ("paths", ARCHIVE)]);
    let (said, _) = act(&sandbox, &given);
    assert!(
        said.last().unwrap().out().contains("PLUGSIGN_KEY is empty"),
        "{}",
        said.last().unwrap().shown()
    );
}

#[test]
fn the_action_installs_a_released_version_only_with_its_checksum() {
    if peer("jq").is_none() {
        return;
    }
    let sandbox = plugin();
    sandbox.stub("cargo", "echo built >> ran");
    let sum = released(&sandbox);
    let given = |version, sha256| {
        let given = [("key", SECRET), ("passphrase", PASSPHRASE), ("version", version)];
        given.into_iter().chain([("sha256", sha256)]).collect::<Inputs<'_>>()
    };
    let (said, _) = act(&sandbox, &given("0.1.0", &sum));
    assert!(said.iter().all(Done::is_ok), "{}", said.last().unwrap().shown());
    let ran = fs::read_to_string(sandbox.path("ran")).unwrap();
    assert!(ran.contains("released") && !ran.contains("built"), "{ran}");
    let other = "0".repeat(64);
    for sum in ["", &other] {
        let (said, _) = act(&sandbox, &given("0.1.0", sum));
        let [failed] = &said[..] else { panic!("nothing more runs") };
        assert!(!failed.is_ok(), "{}", failed.shown());
    }
}

/// Runs the job of the component as a runner does.
fn job(sandbox: &Sandbox, given: &Inputs<'_>) -> (Done, Value) {
    let [head, _] = &documents(COMPONENT)[..] else { panic!("a head and a body") };
    let inputs = inputs(&head["spec"]["inputs"], given);
    let body = COMPONENT.split_once("\n---\n").unwrap().1;
    let body = filled(body, ("$[[", "]]"), &|name: &str| {
        inputs[name.strip_prefix("inputs.").unwrap()].clone()
    });
    let document = documents(&body).remove(0);
    let job = document[inputs["job"].as_str()].clone();
    let lines = [texts(&job["before_script"]), texts(&job["script"])].concat();
    let variables = job["variables"].as_object().unwrap().iter();
    let variables = variables.map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
    let secrets = [("PLUGSIGN_KEY", SECRET), ("PLUGSIGN_PASSPHRASE", PASSPHRASE)];
    let variables: Vec<(&str, &str)> = variables.chain(secrets).collect();
    // GitLab runs all lines in one shell, which ends with the first that fails.
    let line = format!("set -eo pipefail\n{}", lines.join("\n"));
    sandbox.write("job.sh", line);
    (sandbox.sh_with("bash job.sh", &variables), job)
}

#[test]
fn the_component_signs_verifies_and_keeps_the_folder() {
    let sandbox = checkout();
    sandbox.must("mv built dist; mkdir -p dist/com.example.plugin/server; touch dist/com.example.plugin/server/plugin; printf x > dist/y.deb");
    let (said, job) = job(&sandbox, &Inputs::new());
    assert!(said.is_ok(), "{}", said.shown());
    assert_eq!(fs::read_to_string(sandbox.path("ran")).unwrap(), SOURCES);
    let kept = kept(&sandbox, &job["artifacts"]);
    assert!(kept.contains("dist/y.deb.sig") && kept.contains(ARCHIVE), "{kept:?}");
    assert!(!kept.iter().any(|file| file.ends_with("server/plugin")), "{kept:?}");
    assert_eq!(job["rules"][0]["if"], "$CI_COMMIT_TAG =~ /^v/");
}

#[test]
fn the_component_takes_its_inputs_and_installs_a_released_version() {
    let sandbox = plugin();
    sandbox.stub("cargo", "echo built >> ran");
    sandbox.must("mv dist out; mv release-key.asc other.asc");
    let sum = released(&sandbox);
    let given = Inputs::from([
        ("job", "sign-it"),
        ("folder", "out"),
        ("certificate", "other.asc"),
        ("version", "0.1.0"),
        ("sha256", &sum),
    ]);
    let (said, _) = job(&sandbox, &given);
    assert!(said.is_ok(), "{}", said.shown());
    let ran = fs::read_to_string(sandbox.path("ran")).unwrap();
    assert!(ran.contains("released") && !ran.contains("built"), "{ran}");
    assert!(sandbox.has("out/com.example.plugin-1.2.0.tar.gz.sig"));
    sandbox.must("rm out/*.sig");
    for sum in [String::new(), "0".repeat(64)] {
        let given = Inputs::from([("folder", "out"), ("version", "0.1.0"), ("sha256", &sum)]);
        let (said, _) = job(&sandbox, &given);
        assert!(!said.is_ok(), "{}", said.shown());
        assert!(!sandbox.has("out/com.example.plugin-1.2.0.tar.gz.sig"));
    }
}

/// A plugin's working copy as the starter template makes it, as far as make sees it.
fn starter() -> Sandbox {
    let sandbox = plugin();
    sandbox.must("mv dist built");
    sandbox.copy("templates/custom.mk", "build/custom.mk");
    sandbox.write("build/setup.mk", "PLUGIN_ID = com.example.plugin\nPLUGIN_VERSION = 1.2.0\n");
    sandbox.write(
        "Makefile",
        ".PHONY: default\ndefault: all\n
include build/setup.mk\n
BUNDLE_NAME ?= $(PLUGIN_ID)-$(PLUGIN_VERSION).tar.gz\n
ifneq ($(wildcard build/custom.mk),)\n\tinclude build/custom.mk\nendif\n
.PHONY: all\nall: dist\n
.PHONY: dist\ndist:\n\trm -rf dist/\n\tcp -R built dist\n",
    );
    sandbox
}

#[test]
fn the_starter_templates_makefile_signs_and_verifies_its_bundle() {
    if peer("make").is_none() {
        return;
    }
    let sandbox = starter();
    import(&sandbox);
    // It adds targets, and changes none.
    sandbox.must("make");
    assert!(sandbox.has(ARCHIVE) && !sandbox.has(format!("{ARCHIVE}.sig")));
    let refused = sandbox.sh("make verify");
    assert!(!refused.is_ok() && refused.out().contains("not signed"), "{}", refused.shown());
    let signed = sandbox.must("make sign PLUGSIGN_SIGNER=releases@example.org");
    assert!(sandbox.has(format!("{ARCHIVE}.sig")), "{}", signed.shown());
    sandbox.must("make verify");
    fs::write(sandbox.path(ARCHIVE), "changed").unwrap();
    let refused = sandbox.sh("make verify");
    assert!(!refused.is_ok(), "{}", refused.shown());
}

#[test]
fn a_key_that_cannot_sign_stops_the_makefile_before_the_build() {
    if peer("make").is_none() {
        return;
    }
    let sandbox = starter();
    let failed = sandbox.sh("make sign");
    assert!(!failed.is_ok(), "{}", failed.shown());
    assert!(!sandbox.has("dist"), "the build ran");
}
