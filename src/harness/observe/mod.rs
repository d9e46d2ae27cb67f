//! What the kernel shows of a running server: its processes, and what they cost.
//!
//! # Layout
//!
//! - [`Process`]: one process, as it was at one moment.
//! - [`Tree`]: a process and all its descendants, and the sums over them.
//! - [`Machine`]: what all of them run on.
//!
//! Everything is read from `/proc` while the server runs on, so nothing here is an atomic picture.
//! A process that vanishes between two reads is simply not there. What the kernel refuses to show,
//! because the process belongs to another user, is `None` and never 0.

mod counters;
mod descriptors;
mod machine;
mod process;
mod snapshot;
mod socket;
mod tree;
mod watcher;

pub use counters::Counters;
pub use descriptors::{Descriptor, Holder, Holders, Target};
pub use machine::{Machine, idle};
pub use process::{End, Process, every};
pub use snapshot::{Connection, Event, Listener, Member, Snapshot, Sockets, remark};
pub use socket::{Socket, State, sockets, sockets_but_time_wait};
pub use tree::{Tree, cpu, tree};
pub use watcher::{Root, Watcher};
