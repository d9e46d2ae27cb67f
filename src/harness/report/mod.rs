//! Text and JSON, made from plain data: no I/O here.

mod compare;
mod ladder;
mod table;

pub use compare::{comparison_json, comparison_text};
pub use ladder::{ladder_json, ladder_markdown, ladder_table};
