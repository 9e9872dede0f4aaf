//! What a publisher does, each act once, for every door.
//!
//! An act takes its arguments and returns what came of it. It prints nothing. What only the caller
//! can do, asking a person and telling the time, comes in through [`Ask`] and [`Watch`].

pub mod accepted;
pub mod advice;
pub mod announce;
mod announce_texts;
pub mod as_server;
pub mod ask;
pub mod change;
pub mod check;
pub mod check_for_server;
pub mod check_marketplace;
pub mod check_server;
mod claims;
mod cleartext;
pub mod diagnose;
mod diagnose_key;
pub mod diagnosed;
pub mod document;
pub mod export;
pub mod failure;
mod holders;
pub mod import;
pub mod inspect;
pub mod key_files;
pub mod keyring;
pub mod keys;
pub mod list;
pub mod list_tokens;
pub mod make;
pub mod make_in_token;
pub mod marketplace;
mod migrate;
pub mod mistaken;
pub mod move_key;
mod open_token;
pub mod outcome;
pub mod parallel;
pub mod passphrases;
pub mod renewal;
pub mod server_keys;
pub mod server_settings;
mod sheet;
pub mod show;
pub mod sign;
mod sign_lists;
pub mod signed;
pub mod signer;
mod signing;
pub mod store;
mod strangers;
pub mod tokens;
pub mod trust;
pub mod verified;
pub mod verify;
mod verify_lists;
mod verify_one;
pub mod watch;

use std::path::Path;
use std::time::{Duration, SystemTime};

use self::ask::{Ask, Which};
use self::failure::{Failure, Result, one_line};
use self::show::Warned;
use self::tokens::Tokens;
use self::watch::Watch;
use crate::disk::home::{Home, Lock};
use crate::disk::kept::Kept;
use crate::disk::shelf::Shelf;
use crate::openpgp::bounds::Budget;
use crate::openpgp::policy::Policy;
use crate::text::Safe;

/// How long an act waits for another one's lock.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// What an act works with: the home, the time, and whom to ask.
#[derive(Clone, Copy)]
pub struct Publisher<'a> {
    /// The home, if there is a place for one.
    pub home: Option<&'a Home>,
    /// The time at the start.
    pub now: SystemTime,
    /// The permissions that new files do not have.
    pub umask: u32,
    /// What no output may replace.
    pub kept: &'a Kept,
    /// What may be spent on key files.
    pub budget: &'a Budget,
    /// How tokens are reached.
    pub tokens: &'a Tokens,
    /// Where passphrases come from.
    pub ask: &'a dyn Ask,
    /// Who hears of the work while it goes on.
    pub watch: &'a dyn Watch,
}

impl<'a> Publisher<'a> {
    /// Returns the home, or [`Failure::NoHome`]. Acts that need none work without.
    pub fn home(&self) -> Result<&'a Home> {
        self.home.ok_or(Failure::NoHome)
    }

    /// Takes the home's lock. Fails if another command keeps it for more than ten seconds, or if
    /// the home cannot be written to.
    pub fn lock(&self) -> Result<Lock> {
        Ok(self.home()?.lock(PATIENCE)?)
    }

    /// Returns the publisher's policy as of the start.
    pub fn policy(&self) -> Policy {
        Policy::new(self.now)
    }

    /// Says that named files are not there, if a person may be asked for a passphrase next.
    pub(super) fn warn_of_absent<'p>(&self, paths: impl Iterator<Item = &'p Path>) {
        if self.ask.source(Which::Key).is_none() {
            Warned { of_one: "cannot be opened", of_many: "cannot be opened" }
                .tell(paths, self.watch);
        }
    }

    /// Warns of the files of the home that cannot be read.
    pub fn warn_of_unreadable<T>(&self, shelf: &Shelf<T>) {
        for (path, error) in &shelf.unreadable {
            self.watch.warn(&format!("{}: {}", Safe::path(path), one_line(error)));
        }
    }
}
