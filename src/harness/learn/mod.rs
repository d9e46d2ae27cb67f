//! The learner's way up the ladder: steps, their goals, and what is reached.
//!
//! # Layout
//!
//! ```text
//! step.rs       Step: a rung, what it is made from, and the probes that show it to be reached
//! language.rs   Language: the programs that a step begins with, in Rust and in Python
//! workshop.rs   Workshop: the learner's folder, in which steps are begun
//! attempt.rs    one build and one check, up to the first probe that fails
//! saves.rs      Saves: whether somebody has saved a file
//! progress.rs   Progress: what is done, as lines of a text file
//! skeletons/    the Python programs
//! ```

mod attempt;
mod language;
mod progress;
mod saves;
mod step;
mod workshop;

pub use attempt::{Event, Outcome, attempt};
pub use language::Language;
pub use progress::{Entry, Progress, State};
pub use saves::Saves;
pub use step::Step;
pub use workshop::{Project, Workshop};
