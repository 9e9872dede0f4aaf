//! A Helm chart's provenance file: its metadata and its sum, signed in cleartext
//! (<https://helm.sh/docs/topics/provenance/>).

use crate::tools::workshop::{Workshop, pairs};

/// What `helm package --sign` signs. Made by hand, for helm reads no key but gpg's old files.
const MAKE: &str = r#"
    mkdir chart && echo "{}" > chart/values.yaml && tar czf acme-0.1.0.tgz chart
    printf '%s\n' 'apiVersion: v2' 'description: A chart' 'maintainers:' '- email: r@acme.test' \
        '  name: Acme' 'name: acme' 'version: 0.1.0' '' '...' 'files:' \
        "  acme-0.1.0.tgz: sha256:$(sha256sum acme-0.1.0.tgz | cut -d ' ' -f 1)" > provenance
    gpg --local-user $KEY --armor --output acme-0.1.0.tgz.prov --clearsign provenance
"#;

/// What `helm verify` does: the signature, then the sum in it.
const VERIFY: &str = r#"
    gpg --batch --output text --decrypt acme-0.1.0.tgz.prov
    sum=$(sed -n 's/^  acme-0.1.0.tgz: sha256:\([0-9a-f]*\)$/\1/p' text)
    rm text; echo "$sum  acme-0.1.0.tgz" | sha256sum --check --strict
"#;

#[test]
fn a_provenance_file_made_with_either_is_accepted_by_either() {
    let Some(shops) = Workshop::both(&["gpg", "sha256sum"]) else { return };
    for Workshop { desk, .. } in &shops {
        desk.must(&format!("set -e; {MAKE}"));
    }
    for (from, to) in pairs(&shops) {
        to.takes(from);
        to.check("gpg --batch --import key.gpg").exits(0);
        to.check("gpg --verify acme-0.1.0.tgz.prov").exits(0);
        to.check("gpgv --keyring ./key.gpg acme-0.1.0.tgz.prov").exits(0);
        to.check(VERIFY).exits(0);
        to.check("sed -i 's/^version: 0.1.0$/version: 0.1.1/' *.prov").exits(0);
        assert!(!to.check(VERIFY).is_ok());
    }
}
