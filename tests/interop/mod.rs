//! What is signed here is accepted elsewhere, and what was made elsewhere is read here.
//!
//! gpg, gpgv, sqv, rpm, PGPy, OpenPGP.js, the server's Go library and rPGP each get their say.

mod critical;
mod everywhere;
mod from_gnupg;
mod judges;
mod library;
mod made_by_gpg;
mod made_here;
mod packet;
mod random_files;
mod real_keys;
mod short_number;
mod signed_by_gpg;

use crate::common::gpg;
