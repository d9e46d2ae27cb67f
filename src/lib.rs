//! Rungs: a workbench of progressive socket servers, from one blocking `accept()` to epoll, and a
//! harness that loads, watches, checks and compares them, or any other server.
//!
//! # Layout
//!
//! Two wings meet only at a socket:
//!
//! - [`serve`] is what the rungs in `src/bin/` lean on: arguments, the listening socket, the
//!   application, the connection's state machine.
//! - [`harness`] treats any server as a black box: a command, an address, and what /proc says of
//!   its processes.
//! - [`http`] is the one thing both share: HTTP/1.1 messages as pure functions on bytes.
//! - [`ladder`] is the ladder itself, as data.
//! - [`commands`] is the `rungs` program, one file a subcommand.
//!
//! `tests/` looks at the programs from outside, `benches/` times them.

pub mod commands;
pub mod harness;
pub mod http;
pub mod ladder;
pub mod serve;
