//! The ladder, as a table, as JSON, and as the README's Markdown.

use super::table::{Lean, table, text};
use crate::ladder::{Rung, TO_COME};
use serde::Serialize;
use std::fmt::Write;

/// The ladder as a table. A terminal has no room for the lessons' files, whose names follow from
/// the rungs'; it shows a base by its number.
pub fn ladder_table(ladder: &[Rung], on_terminal: bool) -> String {
    let mut columns = vec![
        ("#", Lean::Right),
        ("rung", Lean::Left),
        ("base", Lean::Left),
        ("the idea", Lean::Wrapped),
        ("what still breaks", Lean::Wrapped),
    ];
    if !on_terminal {
        columns.push(("lesson", Lean::Left));
    }
    let mut table = table(&columns, on_terminal);
    for rung in ladder {
        let Rung { number, name, base, idea, breaks, .. } = *rung;
        let base = base.map_or("–".to_owned(), |base| match Rung::named(base) {
            Some(base) if on_terminal => base.number.to_string(),
            _ => base.to_owned(),
        });
        let cells =
            [number.to_string(), name.into(), base, idea.into(), breaks.into(), rung.lesson()];
        table.add_row(cells.into_iter().take(columns.len()));
    }
    let to_come: Vec<_> = TO_COME.chunks(4).map(|names| names.join(", ")).collect();
    let to_come = to_come.join(",\n         ");
    format!(
        "{}\nTo come: {to_come};\n         and the lessons, lessons/NN-RUNG.md.\n",
        text(&table)
    )
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
    let mut text =
        "| lesson | rung | the idea | what still breaks |\n|---|---|---|---|\n".to_owned();
    for rung in ladder {
        let Rung { number, name, idea, breaks, .. } = rung;
        let (lesson, program) = (rung.lesson(), format!("[`{name}`](src/bin/{name}.rs)"));
        // Writing into a String cannot fail.
        writeln!(text, "| [{number}]({lesson}) | {program} | {idea} | {breaks} |").ok();
    }
    writeln!(text, "\nTo come: {}.", TO_COME.join(", ")).ok();
    text
}
