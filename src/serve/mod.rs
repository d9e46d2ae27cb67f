//! The rung wing: all that a rung may lean on, and nothing that is a rung's lesson.
//!
//! - [`run`] parses the command line, calls the rung and words its errors;
//! - [`listen`] makes the listening socket and announces it;
//! - [`answer`] and [`converse`] talk HTTP over one blocking connection;
//! - [`Connection`] is the state machine behind both, for rungs that never block;
//! - [`_exit`] ends a forked child.

mod application;
mod args;
mod connection;
mod error;
mod process;
mod socket;

pub use args::{Args, Client1Args, Client2Args, PreforkArgs, SleepArgs, run};
pub use connection::{Connection, Progress, Reuse, Scratch, answer, converse};
pub use error::{During, Error, Result, log};
pub use process::{_exit, die_with_parent};
pub use socket::{died_in_queue, is_shortage, listen};
