//! Keys that expire: said before it happens, and told apart afterwards.

use std::time::{Duration, SystemTime};

use sequoia_openpgp as openpgp;

use openpgp::types::ReasonForRevocation;

use crate::common::craft::*;
use crate::common::sandbox::Sandbox;

/// A home with a key that expires in so many days, and three artifacts.
fn desk(days: u32) -> Sandbox {
    let sandbox = Sandbox::new();
    let mut recipe = Recipe::of(Material::a());
    // An hour more, for the days are counted down.
    recipe.validity = Some(DAY * (10 + days) + Duration::from_secs(3600));
    sandbox.import(&secret(&recipe.build()));
    for name in ["a", "b", "c"] {
        sandbox.write(format!("dist/{name}.tar.gz"), DATA);
    }
    sandbox
}

#[test]
fn sign_and_list_warn_thirty_days_ahead() {
    let sandbox = desk(12);
    sandbox.run("list").exits(0).prints("warning: expires on ").prints("in 12 days");
    let done = sandbox.run("sign dist").exits(0).says("in 12 days").says("plugsign extend ");
    assert_eq!(done.err().matches("expires on").count(), 1, "said once: {done:?}");
    let json = sandbox.run("--json list").exits(0).json();
    assert_eq!(json["keys"][0]["expires_soon"], true);
}

#[test]
fn the_last_day_is_not_called_zero_days() {
    desk(0).run("list").exits(0).prints("in less than a day");
    desk(1).run("list").exits(0).prints("in 1 day:");
}

#[test]
fn keys_without_an_early_end_bring_no_warning() {
    let sandbox = desk(40);
    assert!(!sandbox.run("list").exits(0).out().contains("warning"));
    assert!(!sandbox.run("sign dist").exits(0).err().contains("warning"));
    let sandbox = Sandbox::new();
    sandbox.import(&secret(alice()));
    sandbox.write("a.tar.gz", DATA);
    let json = sandbox.run("--json sign a.tar.gz").exits(0).json();
    assert_eq!(json["expires"], serde_json::Value::Null);
    assert_eq!(json["expires_soon"], false);
}

#[test]
fn in_ci_the_warning_comes_once_and_no_question() {
    let sandbox = desk(12);
    let done = sandbox.call(["--json", "sign", "dist"]).env("CI", "true").run().exits(0);
    assert_eq!(done.err().matches("warning").count(), 1, "{done:?}");
    assert_eq!(done.json()["expires_soon"], true);
}

/// A file that a key signed nine days ago, and the certificate of the key, which expired eight
/// days ago.
fn expired_since() -> Sandbox {
    let sandbox = Sandbox::new();
    let mut recipe = Recipe::of(Material::a());
    recipe.validity = Some(DAY * 2);
    let mut key = recipe.signer();
    sandbox.write("signer", public(&recipe.build()));
    sandbox.write("a.tar.gz", DATA);
    sandbox.write("a.tar.gz.sig", Forge::at(&key, ago(9)).sign(&mut key, DATA));
    sandbox
}

fn at(days: u32) -> String {
    seconds(ago(days)).to_string()
}

#[test]
fn a_signature_from_before_the_expiry_is_named_and_is_not_good() {
    let sandbox = expired_since();
    sandbox
        .run("verify --key signer a.tar.gz")
        .exits(1)
        .prints("expired-key: made while valid")
        .says("--at TIME");
    let json = sandbox.run("--json verify --key signer a.tar.gz").exits(1).json();
    assert_eq!(json["artifacts"][0]["made_while_valid"], true);
    // Made after the end.
    let mut recipe = Recipe::of(Material::a());
    recipe.validity = Some(DAY * 2);
    let mut key = recipe.signer();
    sandbox.write("a.tar.gz.sig", Forge::at(&key, ago(5)).sign(&mut key, DATA));
    let done = sandbox.run("verify --key signer a.tar.gz").exits(1).prints("expired-key: ");
    assert!(!done.out().contains("made while valid") && !done.err().contains("--at"), "{done:?}");
}

#[test]
fn verify_at_judges_as_of_the_given_time() {
    let sandbox = expired_since();
    let verify = |time: &str| {
        sandbox.call(["--json", "verify", "--key", "signer", "--at", time, "a.tar.gz"]).run()
    };
    assert!(verify(&at(9)).exits(0).json()["as_of"].is_string());
    assert_eq!(verify(&at(8)).exits(1).json()["artifacts"][0]["reason"], "expired-key");
    // Before it was made, or the key.
    assert_eq!(verify(&at(10)).exits(1).json()["artifacts"][0]["reason"], "future-signature");
    sandbox
        .call(["verify", "--key", "signer", "--at", &at(9), "a.tar.gz"])
        .run()
        .exits(0)
        .says("judged as of ");
}

#[test]
fn a_time_in_the_future_is_refused() {
    let sandbox = expired_since();
    let tomorrow = seconds(SystemTime::now() + DAY).to_string();
    sandbox
        .call(["verify", "--key", "signer", "--at", &tomorrow, "a.tar.gz"])
        .run()
        .exits(2)
        .says("is in the future");
    sandbox.run("verify --key signer --at 1 --as-server a.tar.gz").exits(2);
    sandbox.run("verify --key signer --at yesterday a.tar.gz").exits(2);
}

#[test]
fn a_retired_key_was_good_before_and_a_compromised_key_never_was() {
    for (reason, exit) in [
        (ReasonForRevocation::KeySuperseded, 0),
        (ReasonForRevocation::KeyRetired, 0),
        (ReasonForRevocation::KeyCompromised, 1),
        (ReasonForRevocation::Unspecified, 1),
    ] {
        let sandbox = Sandbox::new();
        let recipe = Recipe::of(Material::a());
        let mut key = recipe.signer();
        // Revoked yesterday.
        let certificate = public(&revoked(recipe.build(), &mut recipe.signer(), reason));
        sandbox.write("signer", certificate);
        sandbox.write("a.tar.gz", DATA);
        sandbox.write("a.tar.gz.sig", Forge::at(&key, ago(9)).sign(&mut key, DATA));
        sandbox.run("verify --key signer a.tar.gz").exits(1).prints("revoked-key");
        let then = at(2);
        let done = sandbox.call(["verify", "--key", "signer", "--at", &then, "a.tar.gz"]).run();
        assert_eq!(done.code(), Some(exit), "{reason}: {done:?}");
    }
}
