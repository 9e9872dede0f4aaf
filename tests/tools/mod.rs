//! Tools that call gpg, with plugsign as the only gpg on their PATH, and with gpg itself: what each
//! makes is the same, and each accepts what was made with the other.

mod aptly;
mod archive;
mod checksums;
mod debian;
mod git_suite;
mod helm;
mod options;
mod python_suite;
mod reprepro;
mod workshop;
