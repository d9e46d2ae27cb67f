//! The learner's way: the ladder with what is done, a step, and what came of an attempt at it.

use super::{
    super::{
        check::{Checked, Checkup, Verdict},
        learn::{Language, Outcome, State, Step},
    },
    check::{MARGIN, checked_text},
    ink::Ink,
    paragraph::{WIDTH, wrapped},
    table::{Lean, table, text},
};
use crate::ladder::FIRST_LESSON;
use serde::Serialize;

/// How much of what a compiler says is shown, in lines: the first error, mostly.
const COMPILER: usize = 16;

/// What stands behind the sign of a line that has one.
const INDENT: &str = "  ";

/// A step, and how far it is.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The step.
    pub step: Step,
    /// How far it is; `None` if it is not begun.
    pub state: Option<State>,
    /// What the learner writes it in.
    pub language: Option<Language>,
    /// The learner is here.
    pub is_current: bool,
}

impl Row {
    fn sign(&self) -> &'static str {
        match self.state {
            _ if self.is_current => "→",
            Some(State::Passed | State::Read) => "✓",
            Some(State::Skipped) => "–",
            Some(State::Begun) | None => "",
        }
    }
}

/// The way, a line a step.
pub fn way_table(rows: &[Row], on_terminal: bool) -> String {
    let columns = [
        ("", Lean::Left),
        ("#", Lean::Right),
        ("rung", Lean::Left),
        ("", Lean::Left),
        ("the idea", Lean::Wrapped),
    ];
    let mut table = table(&columns, on_terminal);
    for row in rows {
        let rung = row.step.rung;
        let state = row.state.map_or("", State::name);
        table.add_row([row.sign(), &rung.number.to_string(), rung.name, state, rung.idea]);
    }
    let is_done = |row: &&Row| row.state.is_some_and(State::is_done);
    let done = rows.iter().filter(is_done).count();
    format!("{}\n{done} of {} done\n", text(&table), rows.len())
}

#[derive(Serialize)]
struct RowView {
    number: u8,
    name: &'static str,
    /// `begun`, `passed`, `read` or `skipped`; `null` if it is not begun.
    state: Option<&'static str>,
    language: Option<&'static str>,
    is_current: bool,
    /// The probes that this step is the first to pass; none of a step to read.
    to_pass: Vec<&'static str>,
    lesson: String,
}

/// The way as JSON: an object with `schema` and `steps`.
pub fn way_json(rows: &[Row]) -> serde_json::Result<String> {
    let view = |row: &Row| RowView {
        number: row.step.rung.number,
        name: row.step.rung.name,
        state: row.state.map(State::name),
        language: row.language.map(Language::name),
        is_current: row.is_current,
        to_pass: row.step.own_probes().iter().map(|probe| probe.name).collect(),
        lesson: row.step.rung.lesson(),
    };
    let steps: Vec<_> = rows.iter().map(view).collect();
    let json = serde_json::json!({ "schema": 1, "steps": steps });
    serde_json::to_string_pretty(&json).map(|text| text + "\n")
}

/// What a step asks, and where it is: its lesson, and if it is begun its program, and how that is
/// run by hand.
pub fn step_text(step: &Step, lesson: &str, begun: Option<(&str, &str)>) -> String {
    let rung = step.rung;
    let mut text =
        wrapped("→ ", INDENT, &format!("rung {}, {}: {}", rung.number, rung.name, rung.idea));
    let mut note = |label: &str, words: &str| {
        text.push_str(&wrapped(&format!("{INDENT}{label:9}"), "           ", words));
    };
    if rung.base.is_none() {
        note("before", FIRST_LESSON);
    }
    note("lesson", lesson);
    if step.goal.is_none() {
        note("to do", "read it: no probe is its own");
    }
    if let Some((program, by_hand)) = begun {
        note("program", program);
        note("by hand", by_hand);
    }
    for (index, probe) in step.own_probes().iter().enumerate() {
        let label = if index == 0 { "to pass" } else { "" };
        note(label, &format!("{}: {}", probe.name, probe.about));
    }
    text
}

/// What came of an attempt: what passed, and of what did not what was seen and what is wanted.
/// `read_on` says where the rung that mends it is explained.
pub fn outcome_text(
    outcome: &Outcome,
    step: &Step,
    has_colours: bool,
    read_on: &dyn Fn(&Checked) -> String,
) -> String {
    let ink = Ink::new(has_colours);
    match outcome {
        Outcome::Stopped => String::new(),
        Outcome::Missing => {
            let said = format!("{}: there is no program any more", step.rung.name);
            ink.failure(&wrapped("✗ ", INDENT, &said))
        }
        Outcome::NotBuilt(said) => ink.failure("✗ it does not compile\n") + &compiler_text(said),
        Outcome::Unfit(unfit) => {
            ink.failure(&wrapped("✗ ", INDENT, &unfit.said))
                + &wrapped("hint: ", INDENT, &unfit.hint)
        }
        Outcome::Reached(checkup) => {
            passed_text(checkup)
                + &wrapped("✓ ", INDENT, &format!("rung {} is reached", step.rung.number))
        }
        Outcome::Open(checkup) => {
            let mut text = passed_text(checkup);
            let is_open = |one: &&Checked| {
                one.finding.verdict == Verdict::Fail
                    || one.finding.verdict != Verdict::Pass
                        && Some(one.probe.milestone) == step.goal
            };
            for checked in checkup.checked.iter().filter(is_open) {
                text.push_str(&checked_text(checked, 0, has_colours, &read_on(checked)));
                text.push_str(&wrapped(&format!("{MARGIN}wanted: "), MARGIN, checked.probe.about));
            }
            if !checkup.has(Verdict::Fail) {
                let said =
                    format!("rung {} is not reached, though nothing failed", step.rung.number);
                text.push_str(&ink.warning(&wrapped("? ", INDENT, &said)));
            }
            text
        }
    }
}

fn passed_text(checkup: &Checkup) -> String {
    let is_passed = |one: &&Checked| one.finding.verdict == Verdict::Pass;
    let names: Vec<_> =
        checkup.checked.iter().filter(is_passed).map(|one| one.probe.name).collect();
    if names.is_empty() { String::new() } else { wrapped("✓ ", INDENT, &names.join(", ")) }
}

/// The first lines of what a compiler has said. What stands below other lines must not be wrapped.
fn compiler_text(said: &str) -> String {
    let lines = said.lines().skip_while(|line| !line.starts_with("error"));
    let all: Vec<_> =
        if lines.clone().next().is_some() { lines.collect() } else { said.lines().collect() };
    let shown = all.iter().take(COMPILER).map(|line| match line.char_indices().nth(WIDTH) {
        Some(_) if line.starts_with("error") => wrapped("", INDENT, line),
        Some(_) => line.chars().take(WIDTH - 1).chain("…\n".chars()).collect(),
        None => format!("{line}\n"),
    });
    let mut text: String = shown.collect();
    if all.len() > COMPILER {
        text.push_str("…\n");
    }
    text
}

/// One of a probe's hints, by its place among them.
pub fn hint_text(checked: &Checked, place: usize) -> Option<String> {
    let hint = checked.hints().nth(place)?;
    let first =
        format!("hint {} of {}, {}: ", place + 1, checked.hints().count(), checked.probe.name);
    Some(wrapped(&first, INDENT, hint))
}

/// A unified diff, in lines of a terminal's width.
pub fn difference_text(diff: &str, has_colours: bool) -> String {
    let ink = Ink::new(has_colours);
    let lines = diff.lines().map(|line| {
        let text = if line.chars().count() > WIDTH {
            wrapped("", INDENT, line)
        } else {
            format!("{line}\n")
        };
        match line.as_bytes().first() {
            Some(b'+') => ink.addition(&text),
            Some(b'-') => ink.failure(&text),
            _ => text,
        }
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_longer_than_a_terminal() {
        let row = |step| {
            let (state, language) = (Some(State::Skipped), Some(Language::Rust));
            Row { step, state, language, is_current: true }
        };
        let rows: Vec<_> = Step::all().map(row).collect();
        let mut text = way_table(&rows, true);
        for step in Step::all() {
            let begun = Some(("my/NAME/src/main.rs", "cd my/NAME && cargo run"));
            text.push_str(&step_text(&step, &step.rung.lesson(), begun));
        }
        let words = "word ".repeat(30);
        text.push_str(&compiler_text(&format!("error: {words}\n1 | {words}\n")));
        text.push_str(&difference_text(&format!("+{words}\n"), false));
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
    }

    #[test]
    fn of_a_compiler_the_first_error_is_shown() {
        let rest = "x\n".repeat(2 * COMPILER);
        let text = compiler_text(&format!("warning: unused\n --> 1\n\nerror[E0425]: no x\n{rest}"));
        assert!(text.starts_with("error[E0425]: no x\nx\n") && text.ends_with("x\n…\n"), "{text}");
        assert_eq!(text.lines().count(), COMPILER + 1);
        assert_eq!(compiler_text("no manifest\n"), "no manifest\n");
    }
}
