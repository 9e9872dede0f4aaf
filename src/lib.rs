//! A publisher's signing toolkit: make an organisation's key, keep it, hand out its certificate,
//! sign release archives, verify them. It works on OpenPGP and without GnuPG.
//!
//! This library computes, and the program `plugsign` talks. Nothing here prints, prompts, reads the
//! environment or a clock, or ends the process. Readers, times and trust come in as arguments.
//! Values and errors come back.
//!
//! # Sign and verify
//!
//! ```
//! use std::time::{Duration, SystemTime};
//!
//! use plugsign::judge::Judge;
//! use plugsign::openpgp::keygen::{self, KeyPlan, KeyKind};
//! use plugsign::openpgp::policy::{KeySizeBits, Policy};
//! use plugsign::openpgp::sign::sign;
//! use plugsign::openpgp::verdict::Reason;
//! use plugsign::openpgp::verify::Verdict;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
//! let plan = KeyPlan {
//!     kind: KeyKind::Sign,
//!     bits: KeySizeBits::Rsa3072,
//!     user_id: keygen::user_id("Example Org", "", "releases@example.org")?,
//!     created: now,
//!     validity: None,
//! };
//! let key = keygen::generate(&plan, None)?.secret;
//!
//! // Sign. The key is unlocked once, for as many artifacts as there are.
//! let signing_key = key.unlock(None, None, &Policy::new(now))?;
//! let artifact = b"a release archive";
//! let signature = sign(&artifact[..], &signing_key, now)?.to_bytes()?;
//!
//! // Verify, as both the publisher's policy and the Mattermost server do.
//! let judge = Judge::new(vec![key.certificate().clone()], Policy::new(now))?;
//! let verdict = judge.verify(&signature, &artifact[..])?;
//! assert!(matches!(verdict, Verdict::Good(_)));
//!
//! match judge.verify(&signature, &b"another archive"[..])? {
//!     Verdict::Bad(bad) => assert_eq!(bad.reason(), Reason::BadSignature),
//!     Verdict::Good(_) => unreachable!("the signature is over other bytes"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Read a certificate
//!
//! ```
//! use plugsign::openpgp::bounds::Budget;
//! use plugsign::openpgp::key_file::read_certificates;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let file = include_bytes!("../keys-example/organisation.asc");
//! // Armored or not, one or many: each is read, or says why not.
//! for certificate in read_certificates(file, &Budget::new())? {
//!     let certificate = certificate?;
//!     println!("{} signs: {:?}", certificate.fingerprint(), certificate.revoked().is_none());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Where things are
//!
//! Each line may use those below it. To do what the program does, call
//! [`Publisher`](publisher::Publisher): it takes arguments and returns an outcome.
//!
//! | module | what it is |
//! |---|---|
//! | [`publisher`] | what a publisher does, each act once: make, import, change, export, sign, verify |
//! | [`disk`] | files that appear whole, the home, releases as artifacts and signatures |
//! | [`judge`] | both judges over one pass of the bytes |
//! | [`mattermost`] | what the Mattermost server does |
//! | [`openpgp`] | what an OpenPGP thing is; the only one that names sequoia |
//! | [`text`] | foreign text made fit to show |
//!
//! A signature that is not good is a [`Verdict`](openpgp::verify::Verdict), never an error. An
//! [`openpgp::Error`] or a [`disk::Error`] means that we could not look. An act that could not be
//! done says so with a [`Failure`](publisher::failure::Failure).
//!
//! What these pages do not show serves the program, and may change in any release.
//!
//! Without the feature `cli`, which is on by default, none of the program's crates are built.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod disk;
pub mod judge;
pub mod mattermost;
pub mod openpgp;
pub mod publisher;
pub mod text;
