//! Text and JSON, made from plain data: no I/O here but the writing of a file.

mod compare;
mod file;
mod ladder;
mod table;

pub use compare::{comparison_json, comparison_text};
pub use file::ResultFile;
pub use ladder::{ladder_json, ladder_markdown, ladder_table};
