//! What came of a check, for people, for scripts, for classrooms.

mod json;
mod junit;
mod text;

pub use json::{checkup_json, probes_json};
pub use junit::checkup_junit;
pub(super) use text::MARGIN;
pub use text::{checked_text, checkup_text, probes_text};
