//! A snapshot of a server, as text and as JSON.

mod json;
mod text;

pub use json::snapshot_json;
pub use text::{
    CONNECTION_TITLES, LISTENER_TITLES, PROCESS_TITLES, STATE_TITLES, connection_cells,
    counters_line, event_lines, headline, listener_cells, process_cells, snapshot_text,
    sort_remarkable_first, state_rows,
};
