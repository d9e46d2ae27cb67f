//! The probes, a file each. [`super::probe`] says what they are about.

pub(super) mod again;
pub(super) mod answers;
pub(super) mod backlog;
pub(super) mod concurrent;
pub(super) mod descriptor_limit;
pub(super) mod descriptors;
pub(super) mod ends;
pub(super) mod graceful;
pub(super) mod idle;
pub(super) mod keep_alive;
pub(super) mod pipelining;
pub(super) mod process_limit;
pub(super) mod restart;
pub(super) mod rude;
pub(super) mod slow;
pub(super) mod slow_reader;
pub(super) mod survives_child;
pub(super) mod worker_death;
pub(super) mod zombie_burst;
pub(super) mod zombie_one;
