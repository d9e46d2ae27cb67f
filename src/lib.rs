//! Rungs: a workbench of progressive socket servers.

pub mod harness;
pub mod http;
