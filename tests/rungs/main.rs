//! The rungs from outside: each is started as a user starts it, spoken to in raw bytes, and looked
//! at in /proc. Every promise of a rung is here, those to break included.
//!
//! # Layout
//!
//! - `every`: what all rungs have in common: the announcement, the answers, the errors, the end
//! - `blocking`: one process, one client at a time
//! - `forking`: a process per connection, and what it leaves behind
//! - `prefork`: processes that are there before the clients
//! - `kept`: what rungs with kept connections have in common
//! - `epoll`: one thread for all
//! - `support`: a client, and ways to look at a server

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod blocking;
mod epoll;
mod every;
mod forking;
mod kept;
mod prefork;
mod support;
#[path = "../waiting/mod.rs"]
mod waiting;
