//! What limited a run, and the command that would mend it.

use super::{Outcome, Plan, source::ephemeral_ports};
use nix::{
    errno::Errno,
    sys::resource::{Resource, getrlimit},
};
use std::fs;

/// Something that the run needed more of than the machine gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What there was too little of.
    pub what: Limited,
    /// How much there is, if that is known.
    pub has: Option<u64>,
    /// How much the run needs, in the same unit, besides what others use.
    pub needs: u64,
    /// The shell command that sets it.
    pub command: String,
}

/// What there may be too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limited {
    /// Ephemeral ports of one source address (ip(7), `ip_local_port_range`).
    Ports,
    /// Descriptors in one table: the hard limit `RLIMIT_NOFILE` (getrlimit(2)).
    Descriptors,
    /// Open files on the whole machine (proc(5), `/proc/sys/fs/file-max`).
    OpenFiles,
    /// Watches of one user in epoll instances (proc(5), `/proc/sys/fs/epoll/max_user_watches`).
    Watches,
    /// Memory that TCP may take up, in pages (tcp(7), `tcp_mem`).
    TcpMemory,
}

/// Descriptors besides the connections, with some room.
const OTHERS: u64 = 64;

/// Reads the limits out of what the system refused in this run.
pub(super) fn of(plan: &Plan, outcome: &Outcome) -> Vec<Limit> {
    let has_met = |errno: Errno| {
        let errno = errno as i32;
        let held = outcome.idle.as_ref();
        outcome.account.errors.contains_key(&errno)
            || held.is_some_and(|held| held.failed.contains_key(&errno))
    };
    let connections = plan.connections as u64;
    let descriptors = connections + OTHERS;
    let mut limits = Vec::new();
    if has_met(Errno::EADDRNOTAVAIL) {
        limits.push(Limit {
            what: Limited::Ports,
            has: Some(ephemeral_ports() as u64),
            needs: connections.div_ceil(addresses(plan)),
            command: "sysctl -w net.ipv4.ip_local_port_range='1024 65535'".to_owned(),
        });
    }
    if has_met(Errno::EMFILE) {
        limits.push(Limit {
            what: Limited::Descriptors,
            has: getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(_, hard)| hard),
            needs: descriptors,
            command: format!("ulimit -Hn {descriptors} && ulimit -Sn {descriptors}"),
        });
    }
    if has_met(Errno::ENFILE) {
        limits.push(setting(Limited::OpenFiles, "fs.file-max", 2 * descriptors));
    }
    if has_met(Errno::ENOSPC) {
        limits.push(setting(Limited::Watches, "fs.epoll.max_user_watches", descriptors));
    }
    if has_met(Errno::ENOBUFS) || has_met(Errno::ENOMEM) {
        // An idle connection takes up about a page at each end.
        let needs = 4 * connections;
        limits.push(Limit {
            what: Limited::TcpMemory,
            has: number("net.ipv4.tcp_mem", 2),
            needs,
            command: format!("sysctl -w net.ipv4.tcp_mem='{needs} {needs} {needs}'"),
        });
    }
    limits
}

/// How many pairs of a source and a target address the connections are spread over, each of which
/// has the ports for itself.
fn addresses(plan: &Plan) -> u64 {
    (plan.sources.len().max(1) * plan.targets.len().max(1)) as u64
}

fn setting(what: Limited, name: &str, needs: u64) -> Limit {
    Limit { what, has: number(name, 0), needs, command: format!("sysctl -w {name}={needs}") }
}

/// One of the numbers of a setting (sysctl(8)).
fn number(name: &str, index: usize) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/sys/{}", name.replace('.', "/"))).ok()?;
    text.split_whitespace().nth(index)?.parse().ok()
}
