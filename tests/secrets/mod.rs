//! What is secret stays secret: on disk, in what is said, and in memory.

mod memory;
mod needles;
mod traces;
mod writes;
