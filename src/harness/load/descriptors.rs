//! As many descriptors as the connections need.

use super::Plan;
use anyhow::{Context, Result};
use nix::{
    sched::{CloneFlags, unshare},
    sys::resource::{Resource, getrlimit, setrlimit},
    unistd::close,
};
use std::{fs, os::fd::RawFd};

/// Descriptors that are not client connections: standard streams, epoll instances, timers, what
/// the caller has open.
const OTHERS: u64 = 64;

/// How the connections are spread over descriptor tables.
///
/// `RLIMIT_NOFILE` bounds each table, not the process (getrlimit(2)), and a thread can have a table
/// of its own (unshare(2), `CLONE_FILES`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tables {
    /// How many threads to run on.
    pub(super) threads: usize,
    /// Whether each of them needs a table of its own.
    pub(super) own: bool,
}

impl Tables {
    /// Raises the soft limit to the hard one if the connections need it, and says how many tables
    /// they need. Where even many tables cannot hold them, because one holds next to nothing, the
    /// account will show how many found no descriptor.
    pub(super) fn prepare(plan: &Plan) -> Result<Tables> {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("getrlimit RLIMIT_NOFILE")?;
        let connections = plan.connections as u64;
        if soft < connections.saturating_add(OTHERS) {
            setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("setrlimit RLIMIT_NOFILE")?;
        }
        Ok(Tables::of(plan, hard))
    }

    fn of(plan: &Plan, hard: u64) -> Tables {
        let connections = plan.connections as u64;
        let threads = plan.threads.min(plan.connections);
        // A table that holds less than this says that somebody wants few descriptors to be used.
        let room = hard.saturating_sub(OTHERS);
        if connections <= room || room < 2 * OTHERS {
            return Tables { threads, own: false };
        }
        let tables = usize::try_from(connections.div_ceil(room)).unwrap_or(usize::MAX);
        Tables { threads: threads.max(tables), own: true }
    }
}

/// Gives the calling thread a table of its own, with the standard streams alone: a copy of anybody
/// else's socket would keep it open. Call it before the thread opens anything.
pub(super) fn own_table() -> Result<()> {
    unshare(CloneFlags::CLONE_FILES).context("unshare CLONE_FILES")?;
    let entries = fs::read_dir("/proc/thread-self/fd").context("read /proc/thread-self/fd")?;
    let open: Vec<RawFd> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for descriptor in open.into_iter().filter(|&descriptor| descriptor > 2) {
        // EBADF: the one that the folder was read with is closed by now.
        close(descriptor).ok();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_connections_take_as_many_tables_as_they_need() {
        let mut plan = Plan::new("127.0.0.1:1".parse().expect("an address"));
        plan.connections = 1_000_000;
        assert_eq!(Tables::of(&plan, 20_000), Tables { threads: 51, own: true });
        assert_eq!(Tables::of(&plan, 1_048_576), Tables { threads: 1, own: false });
        plan.threads = 100;
        assert_eq!(Tables::of(&plan, 20_000), Tables { threads: 100, own: true });
        assert_eq!(Tables::of(&plan, 40), Tables { threads: 100, own: false });
    }
}
