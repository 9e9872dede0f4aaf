//! Keys that stay in a token: SoftHSM behind p11-kit, and servers that are none.

mod batch;
mod documents;
mod hostile;
mod made;
mod pins;
mod programs;
mod scripted;
mod servers;
mod token;
