//! The `rungs` command and the clients, from outside.
//!
//! # Layout
//!
//! - `every`: what the subcommands have in common
//! - `list`, `compare`, `load`, `watch`, `check`, `learn`: a subcommand each
//! - `ports`: `load` where they run out
//! - `clients`: `client1` and `client2`
//! - `support`: starting a program, and looking at it

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod browser;
mod check;
mod clients;
mod compare;
mod every;
mod learn;
mod list;
mod load;
mod page;
mod ports;
mod support;
#[path = "../waiting/mod.rs"]
mod waiting;
mod watch;
