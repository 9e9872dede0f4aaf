//! Signatures by keys that are over.

use std::time::{Duration, SystemTime};

use sequoia_openpgp as openpgp;

use openpgp::types::ReasonForRevocation;

use crate::common::craft::*;

/// A signature over [`CONTENT`], and what should be told of it.
pub struct Case {
    pub name: &'static str,
    pub certificate: Vec<u8>,
    pub signature: Vec<u8>,
    pub keyword: &'static str,
}

pub const CONTENT: &[u8] = b"a release archive";

fn sign(recipe: &Recipe, made: SystemTime, validity: Option<Duration>) -> Vec<u8> {
    let mut signer = recipe.signer();
    let mut forge = Forge::at(&signer, made);
    if let Some(validity) = validity {
        let seconds = u32::try_from(validity.as_secs()).unwrap();
        forge.hashed.push(subpacket(EXPIRES, &seconds.to_be_bytes()));
    }
    forge.sign(&mut signer, CONTENT)
}

pub fn over() -> Vec<Case> {
    let expired = Recipe { validity: Some(DAY * 5), ..Recipe::of(Material::a()) }
        .user_id("Expired <e@x.test>");
    let revoked = Recipe::of(Material::b()).user_id("Revoked <r@x.test>");
    let fresh = Recipe { created: ago(9), bound: ago(9), ..Recipe::of(Material::a()) }
        .user_id("Fresh <f@x.test>");
    let why = ReasonForRevocation::KeyCompromised;
    let revoked_certificate =
        crate::common::craft::revoked(revoked.build(), &mut revoked.signer(), why);
    vec![
        Case {
            name: "a key that expired since",
            certificate: public(&expired.build()),
            signature: sign(&expired, ago(7), None),
            keyword: "EXPKEYSIG",
        },
        Case {
            name: "a key that was revoked",
            certificate: public(&revoked_certificate),
            signature: sign(&revoked, ago(7), None),
            keyword: "REVKEYSIG",
        },
        Case {
            name: "a signature that expired",
            certificate: public(&fresh.build()),
            signature: sign(&fresh, ago(7), Some(DAY)),
            keyword: "EXPSIG",
        },
    ]
}
