//! aptly publishes a repository, and apt installs from it.

use crate::tools::archive::holds;
use crate::tools::debian;
use crate::tools::workshop::{Workshop, pairs};

const PUBLISH: &str = "set -e
    aptly repo create -distribution=stable -component=main acme
    aptly repo add acme acme_1.0_all.deb
    aptly publish repo -batch -architectures=amd64,all -gpg-key=$KEY acme
    cp -r ~/.aptly/public published";

#[test]
fn apt_installs_from_what_aptly_publishes() {
    let Some(shops) = Workshop::both(&["aptly", "apt-get", "dpkg-buildpackage"]) else { return };
    for Workshop { desk, .. } in &shops {
        debian::build(desk, "--no-sign");
        desk.must(PUBLISH);
        // It signs anew, over what it signed before.
        desk.must(
            "set -e; aptly publish update -batch -gpg-key=$KEY stable
             rm -r published && cp -r ~/.aptly/public published",
        );
        assert_eq!(
            desk.names("published/dists/stable"),
            ["InRelease", "Release", "Release.gpg", "main"]
        );
    }
    for (from, to) in pairs(&shops) {
        holds(to, from);
    }
}

/// aptly verifies what it mirrors.
#[test]
fn aptly_mirrors_what_is_signed_by_a_key_that_it_knows() {
    let programs = ["aptly", "dpkg-buildpackage", "python3"];
    let Some(shops) = Workshop::both(&programs) else { return };
    for Workshop { desk, .. } in &shops {
        debian::build(desk, "--no-sign");
        desk.must(PUBLISH);
    }
    for (from, to) in pairs(&shops) {
        to.takes(from);
        to.check("rm -rf ~/.aptly").exits(0);
        let archive = from.desk.path("published");
        let mirror = |keyring: &str| {
            to.check(&format!(
                "/usr/bin/python3 -u -m http.server --bind 127.0.0.1 --directory {} 0 > log 2>&1 &
                 trap \"kill $!\" EXIT; until grep -q ' port ' log; do sleep 0.1; done
                 port=$(grep -o -m 1 ' port [0-9]*' log | cut -d ' ' -f 3)
                 aptly mirror create -keyring=$PWD/{keyring} new http://127.0.0.1:$port stable main
                 aptly mirror update -keyring=$PWD/{keyring} new
                 aptly mirror show -with-packages new; aptly mirror drop new",
                archive.display()
            ))
        };
        mirror("key.gpg").exits(0).prints("acme_1.0_all");
        if from.key != to.key {
            assert!(!mirror("../key.gpg").is_ok());
        }
    }
}
