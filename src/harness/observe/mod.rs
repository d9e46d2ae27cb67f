//! What the kernel shows of a running server: its processes, and what they cost.
//!
//! # Layout
//!
//! - [`Process`]: one process, as it was at one moment.
//! - [`Tree`]: a process and all its descendants, and the sums over them.
//!
//! Everything is read from `/proc` while the server runs on, so nothing here is an atomic picture.
//! A process that vanishes between two reads is simply not there. What the kernel refuses to show,
//! because the process belongs to another user, is `None` and never 0.

mod process;
mod tree;

pub use process::Process;
pub use tree::{Tree, cpu, tree};
