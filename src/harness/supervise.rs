//! The supervisor of servers.
