//! How a table looks: ruled and at most 80 columns wide on a terminal, plain in a pipe.

use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table,
    presets::{ASCII_MARKDOWN, NOTHING},
};

/// Which way the content of a column leans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lean {
    Left,
    Right,
    /// To the left, and over several lines where the terminal is too narrow.
    Wrapped,
}

/// An empty table with these columns. Text in a pipe is never wrapped, so that a line is a row.
pub(super) fn table(columns: &[(&str, Lean)], on_terminal: bool) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).force_no_tty().set_header(columns.iter().map(|(title, _)| *title));
    if on_terminal {
        table.load_style(NOTHING.header_separator(LineStyle::none().fill('─')));
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(80);
    }
    let last = columns.len() - 1;
    for (index, (column, (_, lean))) in table.column_iter_mut().zip(columns).enumerate() {
        column.set_padding((0, u16::from(index < last)));
        column.set_cell_alignment(match lean {
            Lean::Left | Lean::Wrapped => CellAlignment::Left,
            Lean::Right => CellAlignment::Right,
        });
        if *lean != Lean::Wrapped {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table
}

/// An empty table in the form of Markdown.
pub(super) fn markdown(columns: &[(&str, Lean)]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).force_no_tty();
    table.set_header(columns.iter().map(|(title, _)| *title));
    table
}

/// The table as text, without blanks at the ends of lines, and with a line feed at its own end.
pub(super) fn text(table: &Table) -> String {
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}
