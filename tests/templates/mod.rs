//! The templates, used as their readers would use them.

mod components;
mod yaml;

use std::collections::BTreeSet;
use std::fs;

use globset::GlobBuilder;
use serde_json::Value;

use crate::common::peers::peer;
use crate::common::sandbox::{PASSPHRASE, Sandbox};
use yaml::{documents, texts};

/// The fingerprint of the example organisation's key.
const SIGNER: &str = "422C3263DAD32FE2CF7D5022652BA63A30944AB3";

/// A plugin's working copy after `make dist`, with the certificate that the templates ask for.
fn plugin() -> Sandbox {
    let sandbox = Sandbox::for_scripts();
    sandbox.copy("keys-example/organisation.asc", "release-key.asc");
    sandbox.copy(
        "keys-example/dist/com.example.plugin-1.2.0.tar.gz",
        "dist/com.example.plugin-1.2.0.tar.gz",
    );
    sandbox
}

fn secrets(key: &str) -> [(&str, &str); 2] {
    [("PLUGSIGN_KEY", key), ("PLUGSIGN_PASSPHRASE", PASSPHRASE)]
}

/// Returns what a workflow of GitHub runs, or a job of GitLab.
fn steps(template: &str) -> Vec<String> {
    let document = documents(template).remove(0);
    let job = &document["release"];
    if job.is_object() {
        return [texts(&job["before_script"]), texts(&job["script"])].concat();
    }
    let steps = document["jobs"]["release"]["steps"].as_array().unwrap().iter();
    steps.filter_map(|step| Some(step["run"].as_str()?.to_string())).collect()
}

/// Returns the files that a job of GitLab keeps: what lies beneath its paths, and is not excluded.
fn kept(sandbox: &Sandbox, artifacts: &Value) -> BTreeSet<String> {
    let matcher = |glob: &String| {
        let glob = GlobBuilder::new(glob).literal_separator(true).build().unwrap();
        glob.compile_matcher()
    };
    let paths = texts(&artifacts["paths"]);
    let excluded: Vec<_> = texts(&artifacts["exclude"]).iter().map(matcher).collect();
    let files = sandbox.must("find . -type f | sed 's,^[.]/,,'").out();
    let files = files.lines().filter(|file| {
        let is_path = |path: &String| path.ends_with('/') && file.starts_with(path.as_str());
        paths.iter().any(|path| is_path(path) || matcher(path).is_match(file))
            && !excluded.iter().any(|glob| glob.is_match(file))
    });
    files.map(str::to_string).collect()
}

/// Takes the example organisation's key into the home.
fn import(sandbox: &Sandbox) {
    sandbox.must(&format!(
        "plugsign import '{}/keys-example/organisation.secret.asc'",
        env!("CARGO_MANIFEST_DIR")
    ));
}

const INSTALLED: &str =
    "cargo install --locked --git https://git.example.org/plugsign --rev c0ffee plugsign";

/// A plugin's working copy before `make dist`, and programs that say what they were asked to do.
fn checkout() -> Sandbox {
    let sandbox = plugin();
    let built = sandbox.sh("mv dist built; printf zip > built/com.example.other-1.0.0.zip");
    assert!(built.is_ok(), "{}", built.shown());
    sandbox.stub("cargo", "echo \"cargo $*\" >> ran");
    sandbox.stub("make", "echo \"make $*\" >> ran; cp -R built dist");
    sandbox.stub("gh", "echo \"gh $*\" >> ran");
    sandbox
}

/// Runs a template's steps one after the other, and returns what the stubs were asked to do.
fn run(sandbox: &Sandbox, template: &str, variables: &[(&str, &str)]) -> String {
    let steps = steps(template);
    let place = |what: &str| steps.iter().position(|step| step.starts_with(what)).unwrap();
    assert!(place("plugsign doctor") < place("make"), "{steps:?}");
    assert!(place("make") < place("plugsign sign"), "{steps:?}");
    assert!(place("plugsign sign") < place("plugsign verify"), "{steps:?}");
    let from = [
        ("PLUGSIGN_REPOSITORY", "https://git.example.org/plugsign"),
        ("PLUGSIGN_REVISION", "c0ffee"),
    ];
    let variables = [variables, &from].concat();
    for step in &steps {
        let said = sandbox.sh_with(step, &variables);
        assert!(said.is_ok(), "{step}\n{}", said.shown());
    }
    assert!(!sandbox.path("../home").exists(), "a CI job needs no home");
    fs::read_to_string(sandbox.path("ran")).unwrap()
}

#[test]
fn the_github_workflow_signs_verifies_and_publishes_all_that_it_signed() {
    let sandbox = checkout();
    let key = include_str!("../../keys-example/organisation.secret.asc");
    let mut variables = secrets(key).to_vec();
    variables.push(("GITHUB_REF_NAME", "v1.2.0"));
    let ran = run(&sandbox, include_str!("../../templates/github-actions.yml"), &variables);
    let (zip, tar) = ("dist/com.example.other-1.0.0.zip", "dist/com.example.plugin-1.2.0.tar.gz");
    let published = format!("gh release create v1.2.0 {zip} {zip}.sig {tar} {tar}.sig\n");
    assert_eq!(ran, format!("{INSTALLED}\nmake dist\n{published}"));
}

#[test]
fn the_gitlab_job_signs_and_verifies_with_the_key_on_one_line() {
    use base64::Engine;
    let template = include_str!("../../templates/gitlab-ci.yml");
    let sandbox = checkout();
    let key = base64::engine::general_purpose::STANDARD
        .encode(include_str!("../../keys-example/organisation.secret.asc"));
    let ran = run(&sandbox, template, &secrets(&key));
    assert_eq!(ran, format!("{INSTALLED}\nmake dist\n"));
    // Whatever was signed is kept, with its signature and the lists.
    sandbox.must(
        "touch dist/y.deb dist/SHA256SUMS; mkdir -p dist/p/server; touch dist/p/server/plugin",
    );
    let kept = kept(&sandbox, &documents(template)[0]["release"]["artifacts"]);
    let (zip, tar) = ("dist/com.example.other-1.0.0.zip", "dist/com.example.plugin-1.2.0.tar.gz");
    let signatures = [zip, tar].map(|file| format!("{file}.sig"));
    let all = [zip, tar, "dist/y.deb", "dist/SHA256SUMS", &signatures[0], &signatures[1]];
    assert_eq!(kept, all.map(str::to_string).into());
}

#[test]
fn a_ci_installs_the_sources_that_were_looked_at() {
    // Whoever registers the name at a registry would sign other people's releases.
    let templates = [
        include_str!("../../templates/github-actions.yml"),
        include_str!("../../templates/gitlab-ci.yml"),
    ];
    for template in templates {
        let install: Vec<&str> =
            template.lines().filter(|line| line.contains("cargo install")).collect();
        let [install] = install[..] else { panic!("{install:?}") };
        let pinned = "--locked --git \"$PLUGSIGN_REPOSITORY\" --rev \"$PLUGSIGN_REVISION\"";
        assert!(install.contains(pinned), "{install}");
        for variable in ["  PLUGSIGN_REPOSITORY: ", "  PLUGSIGN_REVISION: "] {
            assert!(template.contains(variable), "{variable}\n{template}");
        }
    }
}

#[test]
fn the_makefile_include_signs_and_verifies() {
    if peer("make").is_none() {
        return;
    }
    let sandbox = plugin();
    sandbox.copy("templates/plugsign.mk", "plugsign.mk");
    fs::write(
        sandbox.path("Makefile"),
        "all: sign verify-dist\n.PHONY: dist\ndist:\n\t@echo building\ninclude plugsign.mk\n",
    )
    .unwrap();
    import(&sandbox);
    let signed = sandbox.sh("make PLUGSIGN_SIGNER=releases@example.org");
    assert!(signed.is_ok(), "{}", signed.shown());
    assert!(sandbox.path("dist/com.example.plugin-1.2.0.tar.gz.sig").exists());
    fs::write(sandbox.path("dist/com.example.plugin-1.2.0.tar.gz"), "changed").unwrap();
    let refused = sandbox.sh("make verify-dist");
    assert!(!refused.is_ok(), "{}", refused.shown());
}

#[test]
fn the_makefile_include_refuses_an_artifact_that_is_not_signed() {
    if peer("make").is_none() {
        return;
    }
    let sandbox = plugin();
    sandbox.copy("templates/plugsign.mk", "plugsign.mk");
    sandbox.write("Makefile", ".PHONY: dist\ndist:\ninclude plugsign.mk\n");
    import(&sandbox);
    sandbox.must("make sign verify-dist");
    for name in ["y.deb", "y.rpm", "Y.AppImage", "y.whl", "y.iso"] {
        sandbox.write(format!("dist/{name}"), "x");
        let refused = sandbox.sh("make verify-dist");
        assert!(!refused.is_ok() && refused.out().contains(name), "{}", refused.shown());
        sandbox.must(&format!("rm dist/{name}"));
    }
}

#[test]
fn the_announcement_has_a_place_for_everything_and_its_commands_work() {
    let template = include_str!("../../templates/announcement.md");
    let sandbox = plugin();
    let listed = sandbox.sh(&format!(
        "plugsign import '{0}/keys-example/organisation.asc' >/dev/null && plugsign list --json",
        env!("CARGO_MANIFEST_DIR")
    ));
    let document = listed.json();
    let key = &document["keys"][0];
    sandbox.copy(
        "keys-example/dist/com.example.plugin-1.2.0.tar.gz.sig",
        "dist/com.example.plugin-1.2.0.tar.gz.sig",
    );
    let text = template
        .replace("{{DATE}}", "1 December 2026")
        .replace("{{ORGANISATION}}", "Example Organisation")
        .replace("{{FINGERPRINT}}", key["fingerprint"].as_str().unwrap())
        .replace("{{USER_ID}}", key["user_ids"][0].as_str().unwrap())
        .replace("{{KEY_FILE}}", "release-key.asc")
        .replace("{{SECOND_PLACE}}", "https://example.org/keys")
        .replace("{{ARTIFACT}}", "dist/com.example.plugin-1.2.0.tar.gz");
    assert!(!text.contains("{{"), "{text}");
    let commands: Vec<&str> =
        text.lines().map(str::trim).filter(|line| line.starts_with("plugsign ")).collect();
    assert_eq!(commands.len(), 2, "{text}");
    for command in commands {
        let said = sandbox.sh(command);
        assert!(said.is_ok(), "{command}\n{}", said.shown());
    }
    let stranger = "0123456789ABCDEF0123456789ABCDEF01234567";
    let refused =
        sandbox.sh(&format!("plugsign trust add --fingerprint {stranger} release-key.asc"));
    assert_eq!(refused.code(), Some(4), "{}", refused.shown());
}

/// Returns the commands of a document: its indented lines that begin with a program.
fn commands(document: &str) -> Vec<String> {
    document
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with("plugsign ") || line.starts_with("gpg "))
        .map(str::to_string)
        .collect()
}

#[test]
fn the_commands_that_announce_writes_work() {
    let publisher = plugin();
    let archive = "com.example.plugin-1.2.0.tar.gz";
    for command in [
        "plugsign keygen --name 'Former Org' --email former@example.org",
        "plugsign keygen --name 'Example Org' --email releases@example.org",
        "plugsign announce releases@example.org --replaces former@example.org --out told",
        "plugsign sign -u releases@example.org dist",
        "cp dist/* told/",
    ] {
        let said = publisher.sh(command);
        assert!(said.is_ok(), "{command}\n{}", said.shown());
    }
    let told = publisher.path("told");
    let has_gpg = peer("gpg").is_some();
    for (name, count) in [
        ("KEYS", 2),
        ("ANNOUNCEMENT.md", 4),
        ("SECURITY.md", 3),
        ("SERVER-ADMIN.md", 4),
        ("ROTATION.md", 5),
    ] {
        let reader = Sandbox::for_scripts();
        let prepared = reader.sh(&format!(
            "mkdir -p -m 700 \"$HOME\" \"$HOME/.gnupg\" config && echo '{{}}' > config/config.json && cp '{}'/* .",
            told.display()
        ));
        assert!(prepared.is_ok(), "{}", prepared.shown());
        let commands = commands(&fs::read_to_string(told.join(name)).unwrap());
        assert_eq!(commands.len(), count, "{name}: {commands:?}");
        for command in commands {
            if command.starts_with("gpg ") && !has_gpg {
                continue;
            }
            let said = reader.sh(&command);
            assert!(said.is_ok(), "{name}: {command}\n{}", said.shown());
        }
        // And does not say it of another archive.
        if name == "SECURITY.md" {
            let command =
                format!("echo >> {archive}; plugsign verify --key release-key.asc {archive}");
            assert_eq!(reader.sh(&command).code(), Some(1));
        }
    }
}

/// Runs the commands of a document as its reader does, after these. Those of gpg, if it is there.
fn read_by_somebody(told: &std::path::Path, name: &str, prepare: &str) {
    let reader = Sandbox::for_scripts();
    reader.must(&format!(
        "mkdir -p -m 700 \"$HOME\" \"$HOME/.gnupg\" config && echo '{{}}' > config/config.json
         cp '{}'/* . && {prepare}",
        told.display()
    ));
    let commands = commands(&fs::read_to_string(told.join(name)).unwrap());
    assert!(commands.len() >= 4, "{name}: {commands:?}");
    let has_gpg = peer("gpg").is_some();
    for command in commands.iter().filter(|command| has_gpg || !command.starts_with("gpg ")) {
        let said = reader.sh(command);
        assert!(said.is_ok(), "{name}: {command}\n{}", said.shown());
    }
}

#[test]
fn the_commands_of_the_day_of_a_compromise_work() {
    let publisher = plugin();
    publisher.must(
        "plugsign keygen --kind org --name 'Example Org' --email releases@example.org >key
         plugsign export releases@example.org -a -o former.asc
         subkey=$(plugsign --json list | sed -n 's/.*\"fingerprint\": \"\\(.*\\)\".*/\\1/p' | tail -n 1)
         plugsign revoke \"$(cat key)\" --subkey \"$subkey\" --reason compromised
         plugsign rotate \"$(cat key)\"
         plugsign announce \"$(cat key)\" --out told
         plugsign sign dist && cp dist/* former.asc told/",
    );
    let trust = "plugsign trust add --name release-key.asc former.asc && plugsign trust add --config config/config.json --name release-key.asc former.asc";
    read_by_somebody(&publisher.path("told"), "ANNOUNCEMENT.md", trust);
    publisher.must(
        "plugsign revoke \"$(cat key)\" --reason compromised
         plugsign keygen --name 'Example Org 2' --email keys@example.org >new
         plugsign announce \"$(cat new)\" --replaces \"$(cat key)\" --out after
         plugsign sign -u \"$(cat new)\" --force dist && cp dist/* former.asc after/",
    );
    read_by_somebody(&publisher.path("after"), "REVOCATION.md", trust);
}
