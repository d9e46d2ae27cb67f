//! The ladder, as a table, as JSON, and as the README's Markdown.

use super::table::{Lean, table, text};
use crate::ladder::{Rung, TO_COME};
use serde::Serialize;
use std::fmt::Write;

/// The ladder as a table.
pub fn ladder_table(ladder: &[Rung], on_terminal: bool) -> String {
    let left = |title| (title, Lean::Left);
    let number = ("#", Lean::Right);
    let columns = [number, left("rung"), left("base"), left("the idea"), left("what still breaks")];
    let mut table = table(&columns, on_terminal);
    for Rung { number, name, base, idea, breaks, .. } in ladder {
        table.add_row([&number.to_string(), *name, base.unwrap_or("–"), idea, breaks]);
    }
    text(&table)
}

#[derive(Serialize)]
struct Entry {
    #[serde(flatten)]
    rung: Rung,
    lesson: String,
}

/// The ladder as JSON: an object with `schema` and `rungs`.
pub fn ladder_json(ladder: &[Rung]) -> serde_json::Result<String> {
    let entry = |rung: &Rung| Entry { rung: *rung, lesson: rung.lesson() };
    let rungs: Vec<Entry> = ladder.iter().map(entry).collect();
    let json = serde_json::json!({ "schema": 1, "rungs": rungs });
    serde_json::to_string_pretty(&json).map(|text| text + "\n")
}

/// The ladder as the table in the README.
pub fn ladder_markdown(ladder: &[Rung]) -> String {
    let mut text = "| # | rung | the idea | what still breaks |\n|---|---|---|---|\n".to_owned();
    for Rung { number, name, idea, breaks, .. } in ladder {
        // Writing into a String cannot fail.
        writeln!(text, "| {number} | [`{name}`](src/bin/{name}.rs) | {idea} | {breaks} |").ok();
    }
    writeln!(text, "\nTo come: {}.", TO_COME.join(", ")).ok();
    text
}
