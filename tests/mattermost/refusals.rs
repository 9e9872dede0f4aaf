//! Why a plugin is refused: the library that the server uses, and plugsign, which names the cause.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use plugsign::judge::ask_server;
use plugsign::mattermost::server::ServerVerdict;

use crate::common::peers::{Question, go_verdict};
use crate::common::sandbox::Sandbox;

#[test]
fn every_cause_of_a_refusal_is_named() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/server-verdicts");
    let table = fs::read_to_string(folder.join("verdicts.tsv")).unwrap();
    let file = |name: &str| fs::read(folder.join("files").join(name)).unwrap();
    let plugin = file("message.tar.gz");
    let sandbox = Sandbox::for_scripts();
    fs::write(sandbox.path("plugin.tar.gz"), &plugin).unwrap();
    let go = go_verdict();
    let mut causes = BTreeSet::new();
    let mut refused = 0;
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [case, key, signature, "REFUSE", _] = fields[..] else { continue };
        let (key_file, signature_file) = (file(key), file(signature));
        let ServerVerdict::Refuses(refusal) =
            ask_server(std::slice::from_ref(&key_file), &signature_file, &plugin[..]).unwrap()
        else {
            panic!("{case} is accepted");
        };
        fs::write(sandbox.path("key"), &key_file).unwrap();
        fs::write(sandbox.path("signature"), &signature_file).unwrap();
        let said = sandbox.sh_with(
            "plugsign verify --as-server --key key --signature signature plugin.tar.gz",
            &[],
        );
        assert_eq!(said.code(), Some(1), "{case}: {}", said.shown());
        assert!(said.out().contains("server-refuses"), "{case}: {}", said.shown());
        let shown = said.shown();
        assert!(shown.contains(&refusal.words), "{case}: {}\n{shown}", refusal.words);
        assert!(shown.contains(refusal.advice), "{case}: {}\n{shown}", refusal.advice);
        if let Some(go) = &go {
            let answer =
                go.ask(Question { key: &key_file, signature: &signature_file, data: &plugin });
            assert!(answer.starts_with("REFUSE "), "{case}: {answer}");
            assert!(answer.ends_with(&refusal.words), "{case}: {answer}\n{}", refusal.words);
        }
        causes.insert(format!("{:?}", refusal.cause));
        refused += 1;
    }
    assert!(refused >= 20, "{refused} cases");
    assert!(causes.len() >= 12, "{} causes: {causes:?}", causes.len());
}
