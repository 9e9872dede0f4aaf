//! The program as its users meet it: exit codes, words, and what is on disk afterwards.

mod announce;
mod bad_keys;
mod dialog;
mod doctor;
mod documented;
mod expiry;
mod for_server;
mod home;
mod inspect;
mod jobs;
mod keygen;
mod list_export;
mod mend;
mod mistakes;
mod next_steps;
mod reasons;
mod screen;
mod secret_stores;
mod several;
mod sign;
mod sopv;
mod streams;
mod times;
mod verify;
mod verify_key_file;
