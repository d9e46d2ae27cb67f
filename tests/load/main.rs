//! The load generator against servers whose behaviour is known exactly.
//!
//! # Layout
//!
//! - `closed`: the closed loop and its account
//! - `open`: schedules, and what a stall does to whom
//! - `faults`: servers that do wrong every so often, counted exactly
//! - `shapes`: pipelines, mixes, raw bytes, slow and held clients
//! - `support`: the servers

mod closed;
mod faults;
mod open;
mod shapes;
mod support;
#[path = "../waiting/mod.rs"]
mod waiting;
