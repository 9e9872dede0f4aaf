//! docs/tokens.md, run as it is printed.

use crate::common::documents::{blocks, follow, section};
use crate::common::sandbox::Sandbox;
use crate::tokens::token::{module, shown};

const PAGE: &str = include_str!("../../docs/tokens.md");

#[test]
fn the_page_about_tokens_works_as_printed() {
    let Some(module) = module() else { return };
    let mut sandbox = Sandbox::for_scripts();
    sandbox.write("dist/acme-1.0.tar.gz", "an archive");
    // Each block is a shell of its own here.
    sandbox.set("SOFTHSM2_CONF", sandbox.path("softhsm2.conf"));
    sandbox.set("PLUGSIGN_PASSPHRASE", "1234");
    follow(&sandbox, section(PAGE, "Try it with SoftHSM"));
    // The host that signs, with an ssh that runs what its authorized_keys says.
    let host = blocks(section(PAGE, "A host that signs, and a CI"));
    let forced = host[0].text.split("command=\"").nth(1).unwrap().split('"').next().unwrap();
    let forced = forced.replace("/usr/lib/softhsm/libsofthsm2.so", &shown(&module));
    sandbox.stub("ssh", &format!("test \"$*\" = signer\nexec {forced}"));
    sandbox.must("rm -r \"$HOME\" dist/*.sig");
    sandbox.must(&host[1].text);
    sandbox.must("plugsign verify --key release-key.asc dist/");
    // A subkey in the token, under a primary key in a safe.
    let yearly = blocks(section(PAGE, "Off-line primary key, signing subkey in the token"));
    let lines: Vec<&str> = yearly[0].text.lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    sandbox.must("mkdir -p -m 700 \"$HOME\" usb");
    let usb = |line: &str| line.replace("/media/usb", "usb");
    sandbox.must(lines[0]);
    let unprotected =
        usb(lines[1]).replace("--offline-primary usb", "--offline-primary usb/safe --unprotected");
    sandbox.must(&unprotected);
    let file = sandbox.names("usb/safe").into_iter().find(|name| name.contains("secret")).unwrap();
    let rotate = usb(lines[2]).replace("usb/FILE", &format!("usb/safe/{file}"));
    sandbox.must(
        &rotate
            .replace("token=releases", &format!("token=releases?module-path={}", module.display())),
    );
}
