//! `plugsign import --from-gnupg`

use std::path::Path;

use plugsign::disk::gnupg::GnupgHome;
use plugsign::error::Error;
use plugsign::openpgp::certificate::Certificate;
use plugsign::openpgp::gnupg::Found;
use plugsign::openpgp::policy::Weakness;
use plugsign::openpgp::secret_key::Protection;
use plugsign::safe::Safe;

use super::import::{Arguments, Keeping, Storing, check, import_certificate, keep, protect, prove};
use super::imported::{Imported, Line, Outcome};
use crate::edge::failure::Failure;
use crate::edge::world::World;

/// Takes over what a GnuPG home has. Each key goes its own way: one that cannot come over keeps
/// no other from it.
pub fn run(
    folder: Option<&Path>,
    arguments: &Arguments,
    world: &World,
    imported: &mut Imported,
) -> Result<(), Failure> {
    let default = world.gnupg_home();
    let folder = folder.or(default.as_deref()).ok_or_else(|| {
        Failure::Usage("name GnuPG's home: --from-gnupg DIR, or with GNUPGHOME".into())
    })?;
    let gnupg = GnupgHome::read(folder)?;
    let mut owned = vec![false; gnupg.private_keys.len()];
    for certificate in &gnupg.certificates {
        let found = Found::of(certificate, gnupg.private_keys.iter().map(|(_, file)| file));
        for (owned, (_, file)) in owned.iter_mut().zip(&gnupg.private_keys) {
            *owned |= found.has(file);
        }
        take_over(certificate, &found, arguments, world, imported);
    }
    for ((path, _), _) in gnupg.private_keys.iter().zip(owned).filter(|(_, owned)| !owned) {
        let why = "no certificate belongs to it; it may be a key for SSH or S/MIME";
        imported.push(Line::failed(Safe::path(path).to_string(), Error::PassedOver(why)));
    }
    for path in gnupg.old {
        let why = "it is the keyring of gpg 2.0 and older; if a key in it is missing, import this file by its name";
        imported.push(Line::failed(Safe::path(&path).to_string(), Error::PassedOver(why)));
    }
    for (path, error) in gnupg.unreadable {
        imported.push(Line::failed(Safe::path(&path).to_string(), error));
    }
    Ok(())
}

/// Takes a key over with its secret parts, as far as they can come; else its certificate.
fn take_over(
    certificate: &Certificate,
    found: &Found<'_>,
    arguments: &Arguments,
    world: &World,
    imported: &mut Imported,
) {
    if let Err(error) = check(certificate, &world.policy()) {
        imported.push(Line::of(certificate, Outcome::Refused(error.into()), found.is_secret()));
        return;
    }
    let mut came_over = false;
    if found.can_sign(&world.policy()) {
        let taken = take_secret(certificate, found, arguments, world);
        came_over = taken.is_ok();
        imported.push(Line::of(certificate, taken.unwrap_or_else(Outcome::Refused), true));
    } else {
        imported.push(import_certificate(certificate, &mut Storing::default(), world));
        for fingerprint in found.movable() {
            // Nothing here would use a secret part that cannot sign.
            imported.push(Line::left_behind(
                certificate,
                &fingerprint,
                &Weakness::CannotSign,
                false,
            ));
        }
    }
    for (fingerprint, weakness) in found.left_behind() {
        imported.push(Line::left_behind(certificate, fingerprint, weakness, came_over));
    }
}

fn take_secret(
    certificate: &Certificate,
    found: &Found<'_>,
    arguments: &Arguments,
    world: &World,
) -> Result<Outcome, Failure> {
    let source = &arguments.passphrase;
    let (secret, passphrase) = if found.is_protected() {
        source.until_right(world, || {
            let passphrase = source.of_protected(world, certificate)?;
            let secret = found.take(Some(&passphrase))?;
            let proven = match secret.protection() {
                Protection::Passphrase => prove(&secret, &passphrase)?,
                // The parts without one get the same passphrase as the others.
                Protection::None => prove(&secret.protect(&passphrase)?, &passphrase)?,
            };
            Ok((proven, Some(passphrase)))
        })?
    } else {
        let open = found.take(None)?;
        let (protected, passphrase) = protect(&open, certificate, arguments, world)?;
        (protected.unwrap_or(open), passphrase)
    };
    let keeping = Keeping { replace: arguments.replace, passphrase: passphrase.as_deref() };
    keep(&secret, certificate, &keeping, world)
}
