//! A comparison as a page: one file that needs no network, with charts, their tables, and what the laws
//! of queues predict.
//!
//! # Layout
//! - `figures`: which charts a work has, and what is in them
//! - `chart`: one chart, laid out by plotters; `svg`: in a form that the page can style
//! - `words`: predictions in sentences
//! - `style.css`, `script.js`: how it looks; what moves. Without the script all is there, but does
//!   not sort, switch or point.

mod chart;
mod figures;
mod svg;
mod words;

use super::{
    super::compare::{
        Broke, Comparison, Estimate, Law, Prediction, Row, Server, Unit, Work, predict,
    },
    against::{Against, Earlier},
    notes::{Note, Tone, and, apart, machine, method, most_turns, notes},
    short,
};
use chart::{class, mark};
use figures::{Figure, Value};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::collections::BTreeSet;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The comparison as a page of HTML that stands by itself; with what has changed since an earlier one.
pub fn comparison_html(comparison: &Comparison, earlier: Option<&Earlier>) -> String {
    let works: BTreeSet<_> =
        comparison.rows.iter().filter(|row| !row.turns.is_empty()).map(|row| row.work).collect();
    let predictions = predict(comparison);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Servers compared, " (date(comparison)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "To the figures" }
                (header(comparison, &works, earlier.is_some()))
                main #main {
                    (summary(comparison, &works))
                    @if let Some(earlier) = earlier { (since(comparison, earlier)) }
                    @for &work in &works {
                        (section(comparison, work, &predictions))
                    }
                    (explained(comparison))
                }
                div #tip role="status" aria-live="polite" {}
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// The day.
fn date(comparison: &Comparison) -> &str {
    comparison.began.split('T').next().unwrap_or_default()
}

fn header(comparison: &Comparison, works: &BTreeSet<Work>, has_earlier: bool) -> Markup {
    html! {
        header {
            div.title {
                h1 { "Servers compared" }
                button #theme type="button" hidden { "Dark" }
            }
            p { (machine(comparison)) }
            p { (method(comparison)) }
            nav aria-label="Works" {
                a href="#broke" { "what broke" }
                @if has_earlier { a href="#since" { "what has changed" } }
                @for work in works { a href={ "#" (work.name()) } { (work.name()) } }
                a href="#method" { "method" }
            }
            fieldset.servers {
                legend { "Servers" }
                @for (index, server) in comparison.servers.iter().enumerate() {
                    (key(index, server))
                }
            }
        }
    }
}

/// A server's mark and name, which can be put out.
fn key(index: usize, server: &Server) -> Markup {
    html! {
        label class=(class(index)) {
            input type="checkbox" checked data-server=(index);
            svg viewBox="0 0 16 16" aria-hidden="true" { g.marks { path d=(mark(index, (8, 8))) {} } }
            (server.name)
        }
    }
}

fn summary(comparison: &Comparison, works: &BTreeSet<Work>) -> Markup {
    let notes = notes(comparison);
    let (important, others): (Vec<_>, Vec<_>) =
        notes.iter().partition(|note| note.tone != Tone::Plain);
    html! {
        section #broke {
            h2 { "What broke" }
            @for note in important { (said(note)) }
            (broke(comparison, works))
            @if !others.is_empty() {
                details {
                    summary { "What was seen besides (" (others.len()) ")" }
                    @for note in others { (said(note)) }
                }
            }
            @if let Some(note) = apart(comparison) {
                @if note.items.is_empty() {
                    (said(&note))
                } @else {
                    details {
                        summary { "Which cannot be told apart (" (note.items.len()) ")" }
                        p.note { (note.words) }
                        (list(&note.items))
                    }
                }
            }
        }
    }
}

fn said(note: &Note) -> Markup {
    let class = match note.tone {
        Tone::Plain => "note",
        Tone::Warning => "note warning",
        Tone::Failure => "note failure",
    };
    html! {
        p class=(class) { (note.words) }
        @if !note.items.is_empty() {
            details {
                summary { "Where (" (note.items.len()) ")" }
                (list(&note.items))
            }
        }
    }
}

fn list(items: &[String]) -> Markup {
    html! { ul { @for item in items { li { (item) } } } }
}

/// A server a row, a work a column: the worst that was seen, and from where on.
fn broke(comparison: &Comparison, works: &BTreeSet<Work>) -> Markup {
    let cell = |server: &Server, work: Work| {
        let is_own = |row: &&Row| row.name == server.name && row.work == work;
        let rows: Vec<_> = comparison.rows.iter().filter(is_own).collect();
        if rows.iter().all(|row| row.not_done.is_some()) {
            return html! { td.left { "not done" } };
        }
        let measured = rows.iter().filter(|row| !row.turns.is_empty());
        let Some(worst) = measured.min_by_key(|row| (row.broke, row.level)) else {
            return html! { td.left { (Broke::NotMeasured.word()) } };
        };
        let failed: u64 = rows.iter().flat_map(|row| row.failures.values()).sum();
        let class = match worst.broke {
            Broke::Nothing if failed == 0 => "left",
            Broke::Nothing | Broke::OneAtATime => "left warning",
            _ => "left failure",
        };
        // The worst first, and what breaks early before what breaks late.
        let order = worst.broke as usize * 1_000_000 + worst.level;
        html! {
            td class=(class) data-value=(order) {
                (worst.broke.word())
                // What is one at a time is so at any level.
                @if !matches!(worst.broke, Broke::Nothing | Broke::OneAtATime) {
                    " from " (worst.work.unit().level(worst.level))
                }
                @if failed > 0 { ", " (short::count(failed)) " requests failed" }
            }
        }
    };
    html! {
        div.scroll tabindex="0" role="region" aria-label="What broke" {
            table.sortable {
                thead { tr {
                    th.left scope="col" { "server" }
                    @for work in works { th.left scope="col" { (work.name()) } }
                } }
                tbody {
                    @for (index, server) in comparison.servers.iter().enumerate() {
                        tr class=(class(index)) {
                            th.left scope="row" { (server.name) }
                            @for &work in works { (cell(server, work)) }
                        }
                    }
                }
            }
        }
    }
}

/// What has changed since an earlier run.
fn since(comparison: &Comparison, earlier: &Earlier) -> Markup {
    let Against { words, rows } = Against::of(comparison, earlier);
    let place = |name: &str| comparison.servers.iter().position(|server| server.name == name);
    html! {
        section #since {
            h2 { "What has changed since " (earlier.name) }
            p { (capitalised(&words.join(" "))) }
            @if !rows.is_empty() {
                div.scroll tabindex="0" role="region" aria-label="What has changed" {
                    table {
                        thead { tr {
                            @for title in ["server", "at", "figure"] { th.left scope="col" { (title) } }
                            @for title in ["before", "now", "ratio"] { th scope="col" { (title) } }
                        } }
                        tbody {
                            @for [name, at, figure, before, now, ratio] in &rows {
                                tr class=(class(place(name).unwrap_or_default())) {
                                    th.left scope="row" { (name) }
                                    td.left { (at) }
                                    td.left { (figure) }
                                    @for value in [before, now, ratio] { td { (value) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn section(comparison: &Comparison, work: Work, predictions: &[Prediction]) -> Markup {
    let figures = figures::of(comparison, work, predictions);
    let own: Vec<_> = predictions.iter().filter(|one| one.work == work).collect();
    html! {
        section id=(work.name()) {
            h2 { (work.name()) }
            p { (capitalised(work.about())) ". " code { "GET " (work.path()) } }
            @if figures.is_empty() { p.note { "Nothing came of it." } }
            div.figures {
                @for figure in &figures { (drawn(comparison, work, figure)) }
            }
            @if work.unit() != Unit::Held { (predicted(comparison, work, &own)) }
        }
    }
}

/// With a capital letter.
fn capitalised(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}

fn drawn(comparison: &Comparison, work: Work, figure: &Figure) -> Markup {
    let label = format!("{}, {}", figure.title, work.name());
    html! {
        figure {
            figcaption {
                h3 { (figure.title) }
                p { (figure.about) }
            }
            (figure.chart.draw(&label))
            p.small {
                (source(comparison, work))
                @if figure.chart.has_law() { " " (figure.dashed) }
            }
            details {
                summary { "Table" }
                (values(comparison, work, figure))
            }
        }
    }
}

/// What a chart must be read with.
fn source(comparison: &Comparison, work: Work) -> String {
    let rows = comparison.rows.iter().filter(|row| row.work == work && !row.turns.is_empty());
    let turns = rows.clone().map(|row| row.turns.len()).max().unwrap_or(0);
    let lengths = rows.flat_map(|row| &row.turns).map(|turn| turn.seconds);
    let (short, long) = lengths.fold((f64::INFINITY, 0.0), |(short, long): (f64, f64), one| {
        (short.min(one), long.max(one))
    });
    let seconds = if long > 1.3 * short {
        format!("{short:.2} to {long:.2} s")
    } else {
        format!("{long:.2} s")
    };
    let interval = match turns {
        0 | 1 => "one turn",
        2..=5 => "the median of its turns, and their range",
        _ => "the median of its turns, and its interval",
    };
    let machine = comparison.machine.as_ref().map_or_else(String::new, |machine| {
        format!(" {} processors, Linux {},", machine.processors, machine.kernel)
    });
    format!("{turns} × {seconds}; {interval}.{machine} {}.", date(comparison))
}

fn values(comparison: &Comparison, work: Work, figure: &Figure) -> Markup {
    let place = |name: &str| comparison.servers.iter().position(|server| server.name == name);
    let cell = |value: &Option<Value>| {
        let Some(Value { estimate: Estimate { median, low, high }, offered, ratio }) = *value
        else {
            return html! { td { "–" } };
        };
        let ratio = ratio
            .map(|Estimate { median, low, high }| format!("× {median:.2} ({low:.2}–{high:.2})"));
        let shown = figure.shown;
        html! {
            td data-value=(median) {
                (shown(median))
                @if (low, high) != (median, median) {
                    small { (shown(low)) "–" (shown(high)) }
                }
                @if let Some(rate) = offered { small { "of " (short::number(rate)) "/s" } }
                @if let Some(ratio) = ratio { small { (ratio) } }
            }
        }
    };
    let mut shown = figure.rows.iter().flat_map(|(_, values)| values).flatten();
    let has_ratios = shown.any(|value| value.ratio.is_some());
    html! {
        @if let Some(base) = comparison.base.as_ref().filter(|_| has_ratios) {
            p.small { "×: the ratio to " (base) ", round by round: the median of the pairs, and its interval." }
        }
        div.scroll tabindex="0" role="region" aria-label={ (figure.title) ", " (work.name()) ", table" } {
            table.sortable {
                thead { tr {
                    th.left scope="col" { "server" }
                    @for level in &figure.levels { th scope="col" { (work.unit().level(*level)) } }
                } }
                tbody {
                    @for (name, values) in &figure.rows {
                        tr class=(class(place(name).unwrap_or_default())) {
                            th.left scope="row" { (name) }
                            @for value in values { (cell(value)) }
                        }
                    }
                }
            }
        }
    }
}

/// What tables of laws are sorted by.
fn rate(law: &Law) -> f64 {
    match *law {
        Law::Scalability { lambda, .. } => lambda,
        Law::Queue { capacity, .. } => capacity,
    }
}

/// What the laws say, and where the servers leave them.
fn predicted(comparison: &Comparison, work: Work, predictions: &[&Prediction]) -> Markup {
    let place = |name: &str| comparison.servers.iter().position(|server| server.name == name);
    let measured = |name: &str| {
        let mut rows = comparison.rows.iter().filter(|row| row.work == work && row.name == name);
        rows.any(|row| !row.turns.is_empty())
    };
    if predictions.is_empty() {
        return html! { p.note { "Nothing is predicted: that takes " (words::least(work)) "." } };
    }
    let is_predicted = |name: &str| predictions.iter().any(|one| one.name == name);
    let names = comparison.servers.iter().map(|server| server.name.as_str());
    let without: Vec<_> = names.filter(|name| measured(name) && !is_predicted(name)).collect();
    html! {
        h3 { "Predicted, and measured" }
        p { (words::law(work)) }
        @if !without.is_empty() {
            p.note {
                "Nothing is predicted of " (and(&without)) ": that takes " (words::least(work)) ", and a server \
                 that survives the low ones."
            }
        }
        div.scroll tabindex="0" role="region" aria-label={ "Predictions, " (work.name()) } {
            table.sortable.words {
                thead { tr {
                    th.left scope="col" { "server" }
                    th.left scope="col" { "the law, fitted" }
                    th.left scope="col" { "where it leaves it, and what may be why" }
                } }
                tbody {
                    @for one in predictions {
                        tr class=(class(place(&one.name).unwrap_or_default())) {
                            th.left scope="row" { (one.name) }
                            td.left data-value=(rate(&one.law)) { (words::fitted(one)) }
                            td.left data-value=[one.leaves.as_ref().map(|leaves| leaves.level)] {
                                (words::leaves(one))
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What all figures have in common.
fn explained(comparison: &Comparison) -> Markup {
    html! {
        section #method {
            h2 { "Method" }
            p { (machine(comparison)) " " (method(comparison))
                " Each turn has a server of its own, freshly started, which is loaded for a moment before the \
                 turn counts; of thousands of clients it is longer, 0.2 ms for each." }
            // Not known of a run that was kept before it was.
            @if !comparison.program.is_empty() {
                p { "Made by " (comparison.program) ":" }
                pre { (comparison.command) }
            }
            dl {
                @if most_turns(comparison) > 1 {
                    dt { "points and bars" }
                    dd { "The median of all turns, and the middle 95 of 100 medians of as many turns, drawn \
                          from these with replacement (bootstrap). That is less than 95 % sure: how sure is \
                          said above, if turns are independent; what was alike in all of them is in none." }
                } @else if most_turns(comparison) == 1 {
                    dt { "points" }
                    dd { "One turn: how far another would be from it is not known, so there are no bars." }
                }
                dt { "a hollow mark" }
                dd { "The server died there, requests failed, a tenth of what was due in an open loop and \
                      more had no answer when the turn was over, or in a closed one more than one of 100 had \
                      none and had waited for longer than the p99 or half of the turn, whichever is less." }
                dt { "response time" }
                dd { "From the start of the connect where one is made for each request; on a kept connection \
                      from the send; in an open loop from the moment at which the request was due, so that a \
                      stall is paid by all who would have come meanwhile; who has no answer when the turn \
                      is over counts there with its age, so the times are at least these." }
                dt { "closed and open loop" }
                dd { "In a closed loop a client asks when its last answer came: a slow server is asked less. \
                      In an open loop requests come on a schedule, at random (Poisson), whatever the server \
                      does." }
                dt { "the knee" }
                dd { "Where answers a second, divided by the mean response time, are most (Kleinrock's power; \
                      of M/M/1 that is half of the capacity): beyond it, a percent more answers costs more \
                      than a percent more time. The lowest and the highest level are none." }
                dt { "dashed lines" }
                dd { "What a law says, fitted to low levels only: the Universal Scalability Law for closed \
                      loops, with Little's law for its times; M/M/c for open ones." }
            }
            @for server in comparison.servers.iter().filter(|server| server.number.is_none()) {
                (peer(server))
            }
        }
    }
}

/// What a server that is no rung was told to do.
fn peer(server: &Server) -> Markup {
    html! {
        h3 { (server.name) }
        @if let Some(version) = &server.version { p { (version) } }
        @if let Some(command) = &server.command { pre { (command) } }
        @if let Some(configuration) = &server.configuration {
            details { summary { "Its configuration" } pre { (configuration) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::compare::{Extent, Known, Peer, Plan, Ratios, Subject, TurnFigures},
        *,
    };
    use crate::ladder::LADDER;
    use std::{array, time::Duration};

    /// All works of `--full` for all rungs and known peers, with seven turns each.
    fn full() -> Comparison {
        let rungs = LADDER.iter().map(|rung| Subject::Rung(rung, Err(String::new())));
        let peers = Known::ALL.into_iter().map(|known| Subject::Peer(Peer::Known(known)));
        let mut comparison = Comparison::of(&Plan {
            subjects: rungs.chain(peers).collect(),
            works: Work::ALL.map(|work| (work, work.levels(Extent::Full).to_vec())).into(),
            rounds: 7,
            warm_up: Duration::ZERO,
            duration: Duration::from_secs(1),
            base: Some("nginx".to_owned()),
            seed: 0,
            placement: None,
        });
        for (index, row) in comparison.rows.iter_mut().enumerate() {
            let number = f64::from(u32::try_from(index).unwrap() % 97) * 137.0 + 1000.5;
            let turns: [f64; 7] =
                array::from_fn(|turn| number + f64::from(u8::try_from(turn).unwrap()));
            let estimate = Estimate::of(turns);
            row.turns.push(TurnFigures { offered: Some(number), ..TurnFigures::default() });
            row.answered = 1000;
            row.requests_per_second = estimate;
            (row.p50_us, row.p99_us, row.mean_us) = (estimate, estimate, estimate);
            (row.cpu_us_per_request, row.memory_per_connection) = (estimate, estimate);
            let [requests_per_second, p99_us, cpu_us_per_request] = [Estimate::of([1.5, 1.25]); 3];
            row.to_base = Some(Ratios { requests_per_second, p99_us, cpu_us_per_request });
        }
        comparison
    }

    #[test]
    fn the_page_of_everything_is_under_a_mebibyte_and_needs_nobody() {
        let page = comparison_html(&full(), None);
        assert!(page.len() < 1 << 20, "{} bytes", page.len());
        assert!(page.contains("the ratio to nginx, round by round"));
        assert!(page.contains("<small>× 1.38 (1.25–1.50)</small>"));
        // Nothing is fetched: no address but those that the configurations of peers speak of.
        for fetched in ["src=\"", "@import", "url(", "<link"] {
            assert!(!page.contains(fetched), "{fetched}");
        }
        for work in Work::ALL {
            assert!(page.contains(&format!("<section id=\"{}\">", work.name())));
        }
    }

    #[test]
    fn what_one_turn_cannot_say_is_not_hidden() {
        let mut comparison = full();
        let page = comparison_html(&comparison, None);
        assert!(page.contains("Of one turn each no difference is sure."));
        assert!(!page.contains("Which cannot be told apart"));
        assert!(page.contains("<dt>points</dt>") && !page.contains("how sure is said above"));
        comparison.rows.iter_mut().for_each(|row| row.turns.push(row.turns[0]));
        let page = comparison_html(&comparison, None);
        assert!(
            page.contains("<dt>points and bars</dt>") && page.contains("An interval of 2 turns")
        );
    }

    #[test]
    fn what_has_changed_is_on_the_page_too() {
        let mut comparison = full();
        comparison.rows.iter_mut().for_each(|row| row.turns.push(row.turns[0]));
        let mut earlier =
            Earlier { name: "that of May".to_owned(), comparison: comparison.clone() };
        let page = comparison_html(&comparison, Some(&earlier));
        assert!(page.contains("<h2>What has changed since that of May</h2>"));
        assert!(
            page.contains(" figures agree within their intervals.")
                && !page.contains("<th scope=\"col\">before")
        );
        earlier.comparison.rows[0].cpu_us_per_request = Estimate::of([1.0]);
        let page = comparison_html(&comparison, Some(&earlier));
        assert!(
            page.contains("chance alone")
                && page.contains("<td class=\"left\">CPU</td><td>1.0µs</td>")
        );
    }

    #[test]
    fn what_was_not_measured_is_not_drawn() {
        let mut comparison = full();
        comparison.rows.iter_mut().for_each(|row| row.turns.clear());
        let page = comparison_html(&comparison, None);
        assert!(!page.contains("<figure>") && page.contains("Interrupted: nothing was measured"));
    }
}
