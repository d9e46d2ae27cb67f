//! Text and JSON, made from plain data: no I/O here but the writing of a file.

mod compare;
mod file;
mod ink;
mod ladder;
pub mod load;
mod table;

pub use compare::{comparison_json, comparison_text};
pub use file::ResultFile;
pub use ladder::{ladder_json, ladder_markdown, ladder_table};
pub use load::{LoadRun, load_csv, load_done, load_hdr, load_json, load_live, load_text};
