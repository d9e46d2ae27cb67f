//! A comparison, as tables and as JSON.

use super::{
    super::compare::{Comparison, Row, Work},
    ink::Ink,
    short,
    table::{Lean, table, text},
};
use std::{collections::BTreeMap, fmt::Write, iter};

const COLUMNS: [(&str, Lean); 10] = [
    ("server", Lean::Left),
    ("req/s", Lean::Right),
    ("p50", Lean::Right),
    ("p99", Lean::Right),
    ("fails", Lean::Right),
    ("CPU", Lean::Right),
    ("PSS", Lean::Right),
    ("fds", Lean::Right),
    ("zom", Lean::Right),
    ("what broke", Lean::Left),
];

const LEGEND: &str = "\
req/s: complete answers a second, each client asking again when it has its own.
p50, p99: response time, from the start of the connect where one is made.
fails: named below.  CPU: of the server and all its children, per answer.
PSS: memory of all its processes.  fds, zom: descriptors and zombies left (500
requests a turn at most where they add up).  What broke: it died, leaks
descriptors, leaves zombies; a client that says nothing keeps the others
waiting (one at a time); \u{2013} is none of these.
";

/// The comparison as JSON.
pub fn comparison_json(comparison: &Comparison) -> serde_json::Result<String> {
    serde_json::to_string_pretty(comparison).map(|text| text + "\n")
}

/// The comparison as a person reads it: a table for each number of clients, and notes below.
pub fn comparison_text(comparison: &Comparison, on_terminal: bool, has_colours: bool) -> String {
    let mut text = String::new();
    let work = match comparison.work {
        Work::ConnectionPerRequest => "a connection per request",
        Work::KeepAlive => "keep-alive",
    };
    let levels = comparison.rows.chunk_by(|one, next| one.clients == next.clients);
    for rows in levels.filter(|rows| rows.iter().any(|row| !row.turns.is_empty())) {
        let clients = match rows[0].clients {
            1 => "1 client".to_owned(),
            many => format!("{many} clients at once"),
        };
        // Writing into a String cannot fail.
        let table = level_table(comparison, rows, on_terminal);
        writeln!(text, "{clients}, {work}\n{table}").ok();
    }
    if !text.is_empty() {
        text.push_str(LEGEND);
    }
    notes(comparison, Ink::new(has_colours), &mut text);
    text
}

fn level_table(comparison: &Comparison, rows: &[Row], on_terminal: bool) -> String {
    let mut table = table(&COLUMNS, on_terminal);
    for row in rows {
        if row.turns.is_empty() {
            let figures = COLUMNS[2..].iter().map(|_| none());
            let name = iter::once(row.name.clone());
            table.add_row(name.chain(figures).chain([row.broke.word().to_owned()]));
            continue;
        }
        table.add_row([
            format!("{}{}", row.name, if comparison.has_less(row) { "*" } else { "" }),
            row.requests_per_second.map_or_else(none, short::number),
            row.p50_us.map_or_else(none, short::time),
            row.p99_us.map_or_else(none, short::time),
            short::count(row.failures.values().sum()),
            row.cpu_us_per_request.map_or_else(none, short::time),
            row.peak_pss.filter(|&bytes| bytes > 0).map_or_else(none, short::memory),
            row.descriptors_left.map_or_else(none, short::count),
            short::count(row.zombies_left as u64),
            row.broke.word().to_owned(),
        ]);
    }
    text(&table)
}

/// What the tables have no room for.
fn notes(comparison: &Comparison, ink: Ink, text: &mut String) {
    for Row { name, clients, failures, answered, unfinished, died, .. } in &comparison.rows {
        let mut kinds: Vec<_> = failures.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        if *answered == 0 && *unfinished > 0 {
            kinds.push(format!("{unfinished} still waited for the end of an answer"));
        }
        if !kinds.is_empty() {
            // Whoever comes when the server is gone is refused.
            let died = if died.is_some() { "it died, hence " } else { "" };
            writeln!(text, "{name}, {clients} at once: {died}{}", kinds.join(", ")).ok();
        }
    }
    for (name, how) in by_server(comparison, |row| row.died.as_deref()) {
        // Rungs put their names in front of what they say.
        let how = how.strip_prefix(name).map_or(how, |rest| rest.trim_start_matches(": "));
        text.push_str(&ink.failure(&format!("{name} died: {how}\n")));
    }
    for (name, why) in by_server(comparison, |row| row.error.as_deref()) {
        let why = format!("{name} has {}: {why}\n", lack(comparison, name));
        text.push_str(&ink.failure(&why));
    }
    generator_notes(comparison, ink, text);
    let mut measured = comparison.rows.iter().filter(|row| !row.turns.is_empty()).peekable();
    let has_any = measured.peek().is_some();
    if measured.any(|row| comparison.has_less(row)) {
        text.push_str(
            "* measured only in part: it has fewer turns than others, or a shorter last one.\n",
        );
    }
    if comparison.partial {
        text.push_str(&ink.warning(if has_any {
            "Interrupted: these are the figures until then.\n"
        } else {
            "Interrupted: nothing was measured until then.\n"
        }));
    }
    if comparison.debug_build {
        text.push_str("This is a debug build; `cargo run --release -- compare` says more.\n");
    }
}

/// What a server that failed to start does not have, and at which levels.
fn lack(comparison: &Comparison, name: &str) -> String {
    let rows: Vec<_> = comparison.rows.iter().filter(|row| row.name == name).collect();
    if rows.iter().all(|row| row.turns.is_empty()) {
        return "no figures".to_owned();
    }
    let failed = rows.iter().filter(|row| row.error.is_some());
    let (none, few): (Vec<&Row>, Vec<&Row>) = failed.partition(|row| row.turns.is_empty());
    let at = |what, rows: &[&Row]| {
        let levels: Vec<_> = rows.iter().map(|row| row.clients.to_string()).collect();
        (!rows.is_empty()).then(|| format!("{what} for {} at once", levels.join(", ")))
    };
    let lacks = [at("no figures", &none), at("fewer turns", &few)];
    lacks.into_iter().flatten().collect::<Vec<_>>().join(" and ")
}

/// Which figures are those of the load generator.
fn generator_notes(comparison: &Comparison, ink: Ink, text: &mut String) {
    let at_limit: Vec<_> = comparison.rows.iter().filter(|row| row.is_of_generator()).collect();
    if !at_limit.is_empty() {
        let warning =
            "The load generator was at its limit: req/s and times say little of the server.\n";
        text.push_str(&ink.warning(warning));
    }
    for level in at_limit.chunk_by(|one, next| one.clients == next.clients) {
        let names: Vec<_> = level.iter().map(|row| row.name.as_str()).collect();
        writeln!(text, "  {} at once: {}", level[0].clients, names.join(", ")).ok();
    }
}

/// What the rows of a server tell, once for each server.
fn by_server<'a>(
    comparison: &'a Comparison,
    tell: impl Fn(&'a Row) -> Option<&'a str>,
) -> BTreeMap<&'a str, &'a str> {
    comparison.rows.iter().filter_map(|row| Some((row.name.as_str(), tell(row)?))).collect()
}

fn none() -> String {
    "–".to_owned()
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::{
            compare::{Peer, Plan, Subject, TurnFigures},
            load::Reuse,
        },
        *,
    };
    use std::time::Duration;

    /// Of three servers, which one turn each has been planned for at two levels; none had one yet.
    fn comparison() -> Comparison {
        let peer = |name: &str| Subject::Peer(Peer::Command(format!("{name} {{port}}")));
        Comparison::of(&Plan {
            subjects: ["one", "two", "three"].map(peer).into(),
            levels: vec![1, 16],
            reuse: Reuse::PerRequest,
            rounds: 2,
            warm_up: Duration::from_millis(100),
            duration: Duration::from_millis(500),
        })
    }

    fn add_turn(row: &mut Row, cut_short: bool) {
        row.turns.push(TurnFigures {
            cut_short,
            answered: 500,
            seconds: 0.5,
            cpu_seconds: 0.1,
            generator_cpu_seconds: 0.1,
            generator_threads: 1,
        });
        row.requests_per_second = Some(1000.0);
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
