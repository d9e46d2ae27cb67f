//! What limited a run, and the command that would mend it.

/// Something that the run needed more of than the machine gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What there was too little of.
    pub what: Limited,
    /// How much there is, if that is known.
    pub has: Option<u64>,
    /// How much the run needs, in the same unit.
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
