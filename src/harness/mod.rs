//! The harness wing: it treats any server as a black box, a command and an address, and never
//! calls a rung's code.
//!
//! - [`cargo`] is where programs are built;
//! - [`supervise`] starts a server, waits until it accepts, and ends it with all its children;
//! - [`observe`] is the kernel's view of a running server;
//! - [`load`] is the load generator;
//! - [`check`] puts a server to probes, and gives verdicts;
//! - [`learn`] is the learner's way up the ladder, checked at each save;
//! - [`compare`] gives the same work to many servers, side by side;
//! - [`report`] makes text and JSON of what the others found.

pub mod cargo;
pub mod check;
pub mod compare;
pub mod learn;
pub mod load;
pub mod observe;
pub mod report;
pub mod supervise;
