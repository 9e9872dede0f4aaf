//! What a publisher does, each act once, for every door.
//!
//! An act takes its arguments and returns what came of it. It prints nothing. What only the caller
//! can do, asking a person and telling the time, comes in through [`Ask`](ask::Ask) and
//! [`Watch`](watch::Watch).

pub mod parallel;
pub mod watch;
