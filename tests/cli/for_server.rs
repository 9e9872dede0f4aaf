//! Keys with subkeys that the Mattermost server cannot read.

use sequoia_openpgp as openpgp;

use openpgp::cert::CipherSuite;
use openpgp::packet::signature::SignatureBuilder;
use openpgp::types::{KeyFlags, SignatureType};
use openpgp::{Cert, Packet, Profile};

use crate::common::craft::*;
use crate::common::sandbox::Sandbox;

/// Alice's key with a subkey of another's, Ed25519 or Curve25519, for this use.
fn with_curve(algorithm_signs: bool, flags: KeyFlags) -> Cert {
    let recipe = Recipe::of(Material::a()).user_id("Alice <alice@example.org>");
    let donor = other(CipherSuite::Cv25519, Profile::RFC4880);
    let mut subkeys = donor.keys().subkeys().map(|subkey| subkey.key().clone());
    let subkey = subkeys.find(|key| key.pk_algo().for_signing() == algorithm_signs).unwrap();
    let binding = SignatureBuilder::new(SignatureType::SubkeyBinding)
        .set_signature_creation_time(ago(9))
        .unwrap()
        .set_key_flags(flags)
        .unwrap()
        .sign_subkey_binding(&mut recipe.signer(), recipe.build().primary_key().key(), &subkey)
        .unwrap();
    recipe.build().insert_packets([Packet::from(subkey), binding.into()]).unwrap().0
}

fn desk(cert: &Cert) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.import(&secret(cert));
    sandbox.write("a.tar.gz", DATA);
    sandbox
}

#[test]
fn subkeys_that_sign_no_data_are_left_out_for_servers_and_the_key_signs() {
    for cert in [
        with_curve(false, KeyFlags::empty().set_transport_encryption()),
        with_curve(true, KeyFlags::empty().set_authentication()),
    ] {
        let sandbox = desk(&cert);
        sandbox.run("sign a.tar.gz").exits(0);
        sandbox.run("verify a.tar.gz").exits(0);
        sandbox.run("list").exits(0).prints("can sign now").prints("export --for-server");
        sandbox.run("export alice -o whole").exits(0).says("export --for-server");
        let json = sandbox.run("--json export --for-server alice -o copy").exits(0).json();
        assert_eq!(json["left_out"].as_array().unwrap().len(), 1);
        sandbox.run("verify --as-server --key whole a.tar.gz").exits(1);
        sandbox.run("verify --as-server --key copy a.tar.gz").exits(0);
        sandbox.run("verify --key whole a.tar.gz").exits(0);
        sandbox.write("config.json", "{}");
        sandbox
            .run("trust add --config config.json whole")
            .exits(4)
            .prints("plugsign export --for-server");
        sandbox.run("trust add --config config.json copy").exits(0);
        let json = sandbox.run("--json doctor").exits(0).json();
        let server = json["checks"].as_array().unwrap().iter().find(|row| row["name"] == "server");
        assert_eq!(server.unwrap()["state"], "warn");
    }
}

#[test]
fn a_certificate_that_the_server_reads_is_exported_whole() {
    let sandbox = desk(alice());
    sandbox.run("export alice -o whole").exits(0);
    let done = sandbox.run("export --for-server alice -o copy").exits(0);
    assert!(!done.err().contains("left out"), "{done:?}");
    assert_eq!(sandbox.read("whole"), sandbox.read("copy"));
    sandbox.run("export --for-server --secret alice").exits(2);
}

#[test]
fn a_signing_subkey_that_the_server_cannot_read_is_not_left_out() {
    // Its binding lacks the back-signature, so that the key comes in, and the subkey never counts.
    let sandbox = desk(&with_curve(true, KeyFlags::empty().set_signing()));
    sandbox.run("list").exits(0).prints("cannot sign here: the server");
    sandbox.run("sign a.tar.gz").exits(4).says("server-refuses");
    sandbox.run("export --for-server alice -o copy").exits(4).says("delkey");
    assert!(!sandbox.has("copy") && !sandbox.has("a.tar.gz.sig"));
    sandbox.run("doctor").exits(1).prints("FAIL  server: ");
    sandbox.run("announce alice --out told").exits(4);
}
