//! Text, JSON and HTML, made from plain data: no I/O here but the writing of a file.

mod against;
mod check;
mod compare;
mod file;
mod ink;
mod ladder;
mod learn;
pub mod load;
mod notes;
mod page;
mod paragraph;
mod short;
mod table;
mod watch;

pub use against::{Earlier, against_text};
pub use check::{
    checked_text, checkup_json, checkup_junit, checkup_text, probes_json, probes_text,
};
pub use compare::{
    comparison_csv, comparison_json, comparison_markdown, comparison_of_json, comparison_text,
    missing_texts,
};
pub use file::ResultFile;
pub use ladder::{ladder_json, ladder_markdown, ladder_table};
pub use learn::{Row, difference_text, hint_text, outcome_text, step_text, way_json, way_table};
pub use load::{LoadRun, load_csv, load_done, load_hdr, load_json, load_live, load_text};
pub use page::comparison_html;
pub use paragraph::cut;
pub use watch::{
    CONNECTION_TITLES, LISTENER_TITLES, PROCESS_TITLES, STATE_TITLES, connection_cells,
    counters_line, event_lines, headline, listener_cells, process_cells, snapshot_json,
    snapshot_text, sort_remarkable_first, state_rows,
};
