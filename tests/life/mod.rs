//! A key in the course of its life: what changes it, what refuses to, and what everybody says.

mod changes;
mod delete;
mod peers;
mod refusals;
mod secret_parts;

use crate::common::gpg;
