//! A run of the load generator: as text, as JSON, and its seconds as CSV and as an HdrHistogram
//! log.
//!
//! # Layout
//! - `verdict`: what the figures say about the generator, the answers and a ramp
//! - `text`: all of it on a page of 80 columns, out of `warnings`, `lines` and `tables`; `page`: how
//!   that is laid out, `draw`: its pictures, `units`: its figures
//! - `json`: the shape for programs; `live`: a line while it runs
//! - `series`: the seconds of a run, in formats that other tools read

mod draw;
pub mod json;
mod lines;
mod live;
#[cfg(test)]
mod made;
mod page;
mod series;
mod tables;
mod text;
mod units;
mod verdict;
mod warnings;

use super::super::load::{Outcome, Plan};

pub use json::load_json;
pub use live::{load_done, load_live};
pub use series::{load_csv, load_hdr};
pub use text::load_text;

/// A run, with what its outcome alone does not tell.
#[derive(Clone, Copy, Debug)]
pub struct LoadRun<'a> {
    /// What was loaded, as the user calls it.
    pub url: &'a str,
    /// What was asked.
    pub plan: &'a Plan,
    /// What came of it.
    pub outcome: &'a Outcome,
    /// Whether somebody ended it before its time.
    pub interrupted: bool,
    /// How many threads the machine can run at a time.
    pub cores: usize,
}
