//! A Debian archive that a tool published, and apt, which installs from it.

use crate::common::sandbox::{Done, Sandbox, is_root};
use crate::tools::workshop::Workshop;

/// What apt reads instead of /etc/apt: a system of its own, in `root`.
const CONFIGURATION: &str = r#"
Dir "ROOT";
Dir::State::status "ROOT/var/lib/dpkg/status";
Dir::Bin::methods "/usr/lib/apt/methods";
APT::Architecture "amd64";
APT::Sandbox::User "";
Acquire::Languages "none";
DPkg::Options { "--root=ROOT"; "--log=/dev/null"; };
"#;

/// Runs `apt-get update` of a system that knows the archive `copy`, signed by a keyring.
fn update(desk: &Sandbox, keyring: &str) -> Done {
    let root = desk.path("root").display().to_string();
    desk.write("apt.conf", CONFIGURATION.replace("ROOT", &root));
    desk.must(
        "rm -rf root && mkdir -p root/etc/apt/apt.conf.d root/etc/apt/preferences.d \
         root/etc/apt/trusted.gpg.d root/var/lib/apt/lists/partial \
         root/var/cache/apt/archives/partial root/var/lib/dpkg/info root/var/lib/dpkg/updates \
         root/var/log/apt root/usr root/tmp && touch root/var/lib/dpkg/status",
    );
    let here = desk.folder().display();
    let source = format!("deb [signed-by={here}/{keyring}] file:{here}/copy stable main\n");
    desk.write("root/etc/apt/sources.list", source);
    desk.sh("APT_CONFIG=$PWD/apt.conf apt-get -o APT::Update::Error-Mode=any update")
}

/// Asserts that apt takes an archive's signatures, inline and detached, and installs from it, and
/// that it takes nothing that was changed, or signed by another key.
#[track_caller]
pub fn holds(to: &Workshop, from: &Workshop) {
    let desk = &to.desk;
    to.takes(from);
    desk.must(&format!("rm -rf copy && cp -r {} copy", from.desk.path("published").display()));
    let keyring = "taken/key.gpg";
    update(desk, keyring).exits(0).prints("InRelease");
    // Only root can install.
    let how = if is_root() { "" } else { "--download-only" };
    desk.must(&format!("APT_CONFIG=$PWD/apt.conf apt-get -y {how} install acme"));
    if is_root() {
        desk.must("dpkg --root=$PWD/root --list acme").prints("ii  acme");
    } else {
        desk.must("ls root/var/cache/apt/archives/acme_1.0_all.deb");
    }
    if from.key != to.key {
        refuses(desk, "key.gpg", "NO_PUBKEY");
    }

    desk.must("mv copy/dists/stable/InRelease InRelease");
    update(desk, keyring).exits(0).prints("Release.gpg");
    let change = "sed 's/^Components:.*/Components: main other/'";
    desk.must(&format!("{change} -i copy/dists/stable/Release"));
    refuses(desk, keyring, "BADSIG");
    desk.must(&format!("{change} InRelease > copy/dists/stable/InRelease"));
    refuses(desk, keyring, "BADSIG");
}

#[track_caller]
fn refuses(desk: &Sandbox, keyring: &str, why: &str) {
    let said = update(desk, keyring);
    assert!(!said.is_ok(), "{said:?}");
    said.says(why);
}
