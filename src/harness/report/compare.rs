//! A comparison: as tables, in Markdown, as comma-separated values and as JSON.

use super::{
    super::compare::{Broke, Comparison, Estimate, Ratios, Row, Server, Unit, Work},
    ink::Ink,
    notes::{apart, machine, method, missing, notes},
    paragraph::wrapped,
    short,
    table::{Lean, markdown, table, text},
};
use anyhow::{Context, Result, ensure};
use csv::Writer;
use serde::Deserialize;
use std::{io, iter};

const COLUMNS: [(&str, Lean); 10] = [
    ("server", Lean::Left),
    ("req/s", Lean::Right),
    ("±", Lean::Right),
    ("p50", Lean::Right),
    ("p99", Lean::Right),
    ("CPU", Lean::Right),
    ("PSS", Lean::Right),
    ("fds", Lean::Right),
    ("zom", Lean::Right),
    ("what broke", Lean::Left),
];

/// The same beside held connections, of which each costs memory.
const PER_CONNECTION: &str = "PSS/c";

const RATIOS: [(&str, Lean); 4] =
    [("server", Lean::Left), ("req/s", Lean::Right), ("p99", Lean::Right), ("CPU", Lean::Right)];

const LEGEND: &str = "\
req/s: complete answers a second, the median of all turns; ±: half of the
interval that holds 95 of 100 medians of as many turns, drawn from these
(bootstrap).  p50, p99: response time, from the start of the connect where one
is made; in an open loop, from the schedule; no p99 of fewer than 100.  CPU: of
the server and all its children, per answer.  PSS: memory of all its processes;
PSS/c: what each held connection adds.  fds, zom: descriptors and zombies left
(500 requests a turn at most where they add up).  What broke: it died, leaks
descriptors, leaves zombies, answers nobody; a client that says nothing keeps
the others waiting (one at a time); \u{2013} is none of these.
";

/// What is asked of ratios that do not fit the medians in the tables.
const OF_PAIRS: &str = "A ratio is the median of the rounds' ratios, and not that of two medians: what \
                        disturbs a round is in both of its turns.";

/// The comparison as JSON.
pub fn comparison_json(comparison: &Comparison) -> serde_json::Result<String> {
    serde_json::to_string_pretty(comparison).map(|text| text + "\n")
}

/// A comparison that was written as JSON.
///
/// # Errors
/// It is none, or of another version.
pub fn comparison_of_json(text: &str) -> Result<Comparison> {
    #[derive(Deserialize)]
    struct Version {
        schema: u32,
    }
    let Version { schema } =
        serde_json::from_str(text).context("it is nothing that --json wrote")?;
    ensure!(schema == Comparison::SCHEMA, "of schema {schema}, and not {}", Comparison::SCHEMA);
    serde_json::from_str(text).context("damaged")
}

/// The comparison with a line a row, for a spreadsheet. What is not known is empty.
pub fn comparison_csv(comparison: &Comparison) -> io::Result<String> {
    let mut writer = Writer::from_writer(Vec::new());
    let estimates = [
        "requests_per_second",
        "p50_us",
        "p99_us",
        "mean_us",
        "cpu_us_per_request",
        "memory_per_connection",
        "requests_per_second_to_base",
        "p99_to_base",
        "cpu_to_base",
    ];
    let title = |name: &str| [name.to_owned(), format!("{name}_low"), format!("{name}_high")];
    let titles = ["work", "level", "server", "turns", "disturbed", "foreign", "offered"];
    let titles = titles.map(str::to_owned).into_iter();
    let titles = titles.chain(estimates.into_iter().flat_map(title));
    let rest = ["peak_pss", "failures", "descriptors_left", "zombies_left", "broke", "error"];
    writer.write_record(titles.chain(rest.map(str::to_owned)))?;
    for row in &comparison.rows {
        let known = |number: Option<f64>| number.map(|one| one.to_string()).unwrap_or_default();
        let estimate = |one: Option<Estimate>| {
            [one.map(|one| one.median), one.map(|one| one.low), one.map(|one| one.high)].map(known)
        };
        let disturbed = row.turns.iter().filter(|turn| turn.disturbed).count();
        let names = [row.work.name().to_owned(), row.level.to_string(), row.name.clone()];
        let counts = [row.turns.len(), disturbed].map(|count| count.to_string());
        let shares = [row.foreign(), row.offered()].map(known);
        let ratios = row.to_base;
        let figures = [
            row.rate(),
            row.p50_us,
            row.p99_us,
            row.mean_us,
            row.cpu_us_per_request,
            row.memory_per_connection,
            ratios.and_then(|ratios| ratios.requests_per_second),
            ratios.and_then(|ratios| ratios.p99_us),
            ratios.and_then(|ratios| ratios.cpu_us_per_request),
        ];
        let count = |count: Option<u64>| count.map(|one| one.to_string()).unwrap_or_default();
        let rest = [
            count(row.peak_pss),
            row.failures.values().sum::<u64>().to_string(),
            count(row.descriptors_left),
            row.zombies_left.to_string(),
            row.broke.word().to_owned(),
            row.error.clone().unwrap_or_default(),
        ];
        let fields = names.into_iter().chain(counts).chain(shares);
        writer.write_record(fields.chain(figures.into_iter().flat_map(estimate)).chain(rest))?;
    }
    let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// How tables are drawn, and titles above them.
#[derive(Clone, Copy)]
enum Form {
    /// On a terminal, or in a pipe.
    Plain {
        on_terminal: bool,
        has_colours: bool,
    },
    Markdown,
}

/// The comparison as a person reads it: a table for each work and level, and notes below.
pub fn comparison_text(comparison: &Comparison, on_terminal: bool, has_colours: bool) -> String {
    drawn(comparison, Form::Plain { on_terminal, has_colours })
}

/// Who has no figures, or fewer than others, and why: a line or two of each.
pub fn missing_texts(comparison: &Comparison, has_colours: bool) -> impl Iterator<Item = String> {
    missing(comparison).map(move |note| note.text(Ink::new(has_colours)))
}

/// The same in Markdown, for a page.
pub fn comparison_markdown(comparison: &Comparison) -> String {
    drawn(comparison, Form::Markdown)
}

fn drawn(comparison: &Comparison, form: Form) -> String {
    let mut text = String::new();
    let is_markdown = matches!(form, Form::Markdown);
    let ink = Ink::new(matches!(form, Form::Plain { has_colours: true, .. }));
    if is_markdown {
        // It is read elsewhere, and later.
        text = format!("# Servers compared\n\n{}\n\n", machine(comparison));
        let Comparison { program, command, .. } = comparison;
        if !program.is_empty() {
            text.extend([program, ":\n\n```text\n", command, "\n```\n\n"]);
        }
        text.extend(comparison.servers.iter().filter_map(peer));
    }
    for rows in comparison.groups().filter(|rows| rows.iter().any(|row| !row.turns.is_empty())) {
        let title = title(&rows[0]);
        match form {
            Form::Plain { .. } => text.extend([&title[..], "\n"]),
            Form::Markdown => text.extend(["## ", &title, "\n\n"]),
        }
        text.push_str(&group_table(comparison, rows, form));
        text.push('\n');
        if rows.iter().any(|row| row.to_base.is_some() && !row.turns.is_empty()) {
            text.push_str(&ratios(comparison, rows, form));
            text.push('\n');
        }
    }
    if is_markdown {
        // What follows is laid out in lines.
        text.push_str("```text\n");
    }
    if comparison.is_measured() {
        text.push_str(LEGEND);
        text.push_str(&wrapped("", "", &method(comparison)));
        let has_ratio = |ratios: Ratios| {
            let Ratios { requests_per_second, p99_us, cpu_us_per_request } = ratios;
            requests_per_second.or(p99_us).or(cpu_us_per_request).is_some()
        };
        if comparison.rows.iter().any(|row| row.to_base.is_some_and(has_ratio)) {
            text.push_str(&wrapped("", "", OF_PAIRS));
        }
        text.extend(apart(comparison).iter().map(|note| note.text(ink)));
    }
    text.extend(notes(comparison).iter().map(|note| note.text(ink)));
    if is_markdown {
        text.push_str("```\n");
    }
    text
}

/// A server that is no rung: its version, if it is known, and how it was started.
fn peer(server: &Server) -> Option<String> {
    let command = server.command.as_ref()?;
    let version =
        server.version.as_ref().map(|version| format!(" ({version})")).unwrap_or_default();
    Some(format!("{}{version}:\n\n```text\n{command}\n```\n\n", server.name))
}

/// What a group of rows has in common.
fn title(row: &Row) -> String {
    let (level, about) = (row.level, row.work.about());
    match row.work.unit() {
        Unit::Clients if level == 1 => format!("1 client, {about}"),
        Unit::Clients => format!("{level} clients at once, {about}"),
        Unit::Held => format!("{level} connections held, {about}"),
        Unit::Percent => format!("{level} % of capacity, {about}"),
    }
}

fn empty(columns: &[(&str, Lean)], form: Form) -> comfy_table::Table {
    match form {
        Form::Plain { on_terminal, .. } => table(columns, on_terminal),
        Form::Markdown => markdown(columns),
    }
}

fn group_table(comparison: &Comparison, rows: &[Row], form: Form) -> String {
    let mut columns = COLUMNS;
    let is_held = rows[0].work == Work::Idle;
    if is_held {
        columns[6].0 = PER_CONNECTION;
    }
    let mut table = empty(&columns, form);
    for row in rows.iter().filter(|row| row.not_done.is_none()) {
        if row.turns.is_empty() {
            let figures = COLUMNS[2..].iter().map(|_| none());
            let name = iter::once(row.name.clone());
            table.add_row(name.chain(figures).chain([row.broke.word().to_owned()]));
            continue;
        }
        let time = |one: Option<Estimate>| one.map_or_else(none, |one| short::time(one.median));
        // One turn has no width.
        let rate = row.rate();
        let width = rate.filter(|_| row.turns.len() > 1);
        let memory = if is_held {
            row.memory_per_connection.map(|one| whole(one.median))
        } else {
            row.peak_pss.filter(|&bytes| bytes > 0)
        };
        table.add_row([
            format!("{}{}", row.name, if comparison.has_less(row) { "*" } else { "" }),
            rate.map_or_else(none, |one| short::number(one.median)),
            width.and_then(|one| one.spread()).map_or_else(none, spread),
            time(row.p50_us),
            time(row.p99_us),
            time(row.cpu_us_per_request),
            memory.map_or_else(none, short::memory),
            row.descriptors_left.map_or_else(none, short::count),
            short::count(row.zombies_left as u64),
            if row.broke == Broke::Nothing { none() } else { row.broke.word().to_owned() },
        ]);
    }
    text(&table)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a few million bytes at most"
)]
fn whole(bytes: f64) -> u64 {
    bytes.round() as u64
}

/// In at most three characters.
fn spread(share: f64) -> String {
    if share < 0.985 { format!("{:.0}%", share * 100.0) } else { ">1×".to_owned() }
}

/// How many times as much: three of them are beside a name in a line of a terminal.
fn times(ratio: f64) -> String {
    match ratio {
        small if small < 9.995 => format!("{small:.2}"),
        middle if middle < 99.95 => format!("{middle:.1}"),
        large => format!("{large:.0}"),
    }
}

/// What each server has for one of the base's.
fn ratios(comparison: &Comparison, rows: &[Row], form: Form) -> String {
    let mut table = empty(&RATIOS, form);
    let cell = |one: Option<Estimate>| {
        one.map_or_else(none, |Estimate { median, low, high }| {
            format!("{} ({}–{})", times(median), times(low), times(high))
        })
    };
    for row in rows {
        let Some(to_base) = row.to_base.as_ref().filter(|_| !row.turns.is_empty()) else {
            continue;
        };
        table.add_row([
            row.name.clone(),
            cell(to_base.requests_per_second),
            cell(to_base.p99_us),
            cell(to_base.cpu_us_per_request),
        ]);
    }
    let base = comparison.base.as_deref().unwrap_or_default();
    let gap = if matches!(form, Form::Markdown) { "\n" } else { "" };
    let turns = rows.iter().map(|row| row.turns.len()).max().unwrap_or(0);
    let how = if turns > 5 { "its interval" } else { "the range" };
    format!("ratio to {base}, round by round: the median, and {how}\n{gap}{}", text(&table))
}

fn none() -> String {
    "–".to_owned()
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::compare::{Peer, Plan, Subject, TurnFigures},
        *,
    };
    use std::{collections::BTreeMap, time::Duration};

    /// Of three servers, which one turn each has been planned for at two levels; none had one yet.
    fn comparison() -> Comparison {
        let peer = |name: &str| Subject::Peer(Peer::Command(format!("{name} {{port}}")));
        Comparison::of(&Plan {
            subjects: ["one", "two", "three"].map(peer).into(),
            works: vec![(Work::Hello, vec![1, 16])],
            rounds: 2,
            base: None,
            seed: 0,
            placement: None,
            warm_up: Duration::from_millis(100),
            duration: Duration::from_millis(500),
        })
    }

    fn add_turn(row: &mut Row, cut_short: bool) {
        let round = u32::try_from(row.turns.len()).unwrap() + 1;
        row.turns.push(TurnFigures {
            round,
            cut_short,
            answered: 500,
            seconds: 0.5,
            requests_per_second: 1000.0,
            generator_threads: 1,
            ..TurnFigures::default()
        });
        row.requests_per_second = Estimate::of([1000.0]);
    }

    #[test]
    fn a_row_has_a_star_only_if_it_was_measured_in_part() {
        let mut comparison = comparison();
        let text = comparison_text(&comparison, false, false);
        assert!(text.starts_with("Interrupted: nothing was measured until then.\n"), "{text}");
        add_turn(&mut comparison.rows[0], false);
        let text = comparison_text(&comparison, false, false);
        let row = |text: &str, name: &str| -> Vec<String> {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_whitespace().map(str::to_owned).collect()
        };
        assert_eq!(row(&text, "one")[..2], ["one", "1000"]);
        assert_eq!(row(&text, "two")[..], [&["two"][..], &["–"; 8], &["not", "measured"]].concat());
        assert!(!text.contains('*') && text.contains("\nInterrupted: these are"), "{text}");
        assert!(!text.contains("16 clients"), "{text}");
        add_turn(&mut comparison.rows[1], true);
        let text = comparison_text(&comparison, false, false);
        assert_eq!([&row(&text, "one")[0], &row(&text, "two*")[0]], ["one", "two*"]);
        // Of the second round, only the first has had its turn.
        comparison.rows[1].turns[0].cut_short = false;
        add_turn(&mut comparison.rows[0], false);
        let text = comparison_text(&comparison, false, false);
        assert_eq!([&row(&text, "one")[0], &row(&text, "two*")[0]], ["one", "two*"]);
        assert!(text.contains("\n* measured only in part: "), "{text}");
    }

    #[test]
    fn who_cannot_be_told_apart_is_named_level_by_level() {
        let mut comparison = comparison();
        for _ in 0..2 {
            comparison.rows.iter_mut().for_each(|row| add_turn(row, false));
        }
        let text = comparison_text(&comparison, false, false);
        let same = "\n  1 at once: one, two and three\n  16 at once: one, two and three\n";
        assert!(text.contains("\nNo difference in req/s is sure between these."), "{text}");
        assert!(text.contains(same), "{text}");
        // The third has three times as many at both levels.
        for row in comparison.rows.iter_mut().filter(|row| row.name == "three") {
            row.turns.iter_mut().for_each(|turn| turn.requests_per_second = 3000.0);
            row.requests_per_second = Estimate::of([3000.0]);
        }
        let text = comparison_text(&comparison, false, false);
        assert!(text.contains("\n  1 at once: one and two\n  16 at once: one and two\n"), "{text}");
    }

    #[test]
    fn failures_of_a_server_that_died_come_of_that() {
        let mut comparison = comparison();
        comparison.rows.iter_mut().for_each(|row| add_turn(row, false));
        for row in &mut comparison.rows[..2] {
            row.failures = BTreeMap::from([("refused".to_owned(), 7)]);
        }
        comparison.rows[0].died = Some("one: accept: oh (exit status 1)".to_owned());
        let text = comparison_text(&comparison, false, true);
        assert!(text.contains("\none, 1 at once: it died, hence 7 refused\n"), "{text}");
        assert!(text.contains("\ntwo, 1 at once: 7 refused\n"), "{text}");
        // The one thing here that is worth a colour, besides the interruption.
        let coloured: Vec<_> = text.lines().filter(|line| line.contains('\u{1b}')).collect();
        let [died, interrupted] = coloured[..] else { panic!("{text:?}") };
        assert!(died.contains("one died: accept: oh (exit status 1)"), "{text:?}");
        assert!(interrupted.contains("Interrupted"), "{text:?}");
    }
}
