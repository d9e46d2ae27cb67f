//! What has changed since an earlier comparison.

use super::{
    super::{
        compare::{Change, Comparison, Estimate, Figure, Unit, Work, against, by_chance},
        observe::Machine,
    },
    paragraph::wrapped,
    short,
    table::{Lean, table, text},
};
use std::collections::{BTreeMap, BTreeSet};

const COLUMNS: [(&str, Lean); 6] = [
    ("server", Lean::Left),
    ("at", Lean::Left),
    ("", Lean::Left),
    ("before", Lean::Right),
    ("now", Lean::Right),
    ("ratio", Lean::Right),
];

/// An earlier comparison, and what it is called.
#[derive(Clone, Debug)]
pub struct Earlier {
    /// Its name.
    pub name: String,
    /// What it has measured.
    pub comparison: Comparison,
}

/// What has changed since then.
#[derive(Debug)]
pub(super) struct Against {
    /// How many figures agree within their intervals, and what to know of the others.
    pub(super) words: Vec<String>,
    /// Those that do not: the server and where, the figure, before, now, and the ratio.
    pub(super) rows: Vec<[String; 6]>,
}

impl Against {
    pub(super) fn of(now: &Comparison, Earlier { comparison: before, .. }: &Earlier) -> Self {
        let changes = against(now, before);
        let differ = changes.iter().filter(|change| !change.agrees());
        let rows: Vec<_> = differ.map(cells).collect();
        let agree = changes.len() - rows.len();
        let chance = share_by_chance(&changes) * 100.0;
        let mut words = vec![match changes.len() {
            0 => "there is no figure of which both have two turns.".to_owned(),
            all if agree == all => format!("{all} of {all} figures agree within their intervals."),
            all => format!(
                "{agree} of {all} figures agree within their intervals. Had nothing changed, chance alone would \
                 make {chance:.0} of 100 differ."
            ),
        }];
        if before.partial {
            words.push("That run is partial: it was interrupted.".to_owned());
        }
        if before.machine.as_ref().map(same) != now.machine.as_ref().map(same) {
            words.push("That was another machine.".to_owned());
        }
        let how = |one: &Comparison| {
            (one.debug_build, one.placement.is_some(), one.seconds_per_turn.to_bits())
        };
        if how(before) != how(now) {
            let how = "It was measured in another way: build, processors or length of turns.";
            words.push(how.to_owned());
        }
        if !before.program.is_empty() && before.program != now.program {
            words.push(format!(
                "It was measured by {}, and this one by {}.",
                before.program, now.program
            ));
        }
        if !rows.is_empty() {
            words.extend(in_common(&changes));
        }
        Self { words, rows }
    }
}

/// How many figures agree within their intervals, and a table of those that do not.
pub fn against_text(now: &Comparison, earlier: &Earlier, on_terminal: bool) -> String {
    let Against { mut words, rows } = Against::of(now, earlier);
    words[0] = format!("against {}: {}", earlier.name, words[0]);
    let said: String = words.iter().map(|words| wrapped("", "  ", words)).collect();
    if rows.is_empty() {
        return said;
    }
    let mut table = table(&COLUMNS, on_terminal);
    table.add_rows(rows);
    said + &text(&table)
}

/// By how much all servers together differ, if there are some.
fn in_common(changes: &[Change]) -> Option<String> {
    let servers: BTreeSet<_> = changes.iter().map(|change| &change.name).collect();
    if servers.len() < 2 {
        return None;
    }
    let ratio = |change: &Change| {
        (change.before.median > 0.0).then(|| change.now.median / change.before.median)
    };
    let median = |figure: Figure| {
        let own = changes.iter().filter(|change| change.figure == figure);
        let (word, _) = shown(figure);
        Some(format!("{word} {:.2}", Estimate::of(own.filter_map(ratio))?.median))
    };
    let medians: Vec<_> = Figure::ALL.into_iter().filter_map(median).collect();
    Some(format!(
        "The median ratio of all servers to then: {}. If most have moved alike, it is likely the machine that \
         has.",
        medians.join(", ")
    ))
}

/// The share of all figures that would differ by chance.
#[expect(clippy::cast_precision_loss, reason = "a few thousand figures")]
fn share_by_chance(changes: &[Change]) -> f64 {
    let mut known = BTreeMap::new();
    let shares = changes
        .iter()
        .map(|change| *known.entry(change.turns).or_insert_with(|| by_chance(change.turns)));
    shares.sum::<f64>() / changes.len().max(1) as f64
}

/// What makes a machine the same, whatever it did meanwhile.
fn same(machine: &Machine) -> (Option<&str>, usize, &str) {
    (machine.processor.as_deref(), machine.processors, &machine.kernel)
}

/// What a figure is called, and how it is shown.
fn shown(figure: Figure) -> (&'static str, fn(f64) -> String) {
    match figure {
        Figure::Rate => ("req/s", short::number),
        Figure::P99 => ("p99", short::time),
        Figure::Cpu => ("CPU", short::time),
    }
}

fn cells(change: &Change) -> [String; 6] {
    let Change { name, work, level, figure, before, now, .. } = change;
    let (word, shown) = shown(*figure);
    let level = match work.unit() {
        Unit::Percent => format!("{level} %"),
        Unit::Clients | Unit::Held => level.to_string(),
    };
    let at = if *work == Work::Hello { level } else { format!("{}, {level}", work.name()) };
    let ratio = if before.median > 0.0 {
        format!("{:.2}", now.median / before.median)
    } else {
        "–".to_owned()
    };
    [name.clone(), at, word.to_owned(), shown(before.median), shown(now.median), ratio]
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::compare::{Plan, TurnFigures},
        *,
    };

    fn comparison(rate: [f64; 2]) -> Comparison {
        let works: [(_, &[_]); 2] = [(Work::Hello, &[1]), (Work::Overload, &[50])];
        let mut comparison = Comparison::of(&Plan::of_peers(&["one"], &works));
        let median = f64::midpoint(rate[0], rate[1]);
        let rate = Some(Estimate { median, low: rate[0], high: rate[1] });
        comparison.rows[1].requests_per_second = rate;
        comparison.rows[1].turns = vec![TurnFigures::default(); 2];
        comparison.partial = false;
        comparison
    }

    fn earlier(rate: [f64; 2]) -> Earlier {
        Earlier { name: "x".to_owned(), comparison: comparison(rate) }
    }

    #[test]
    fn only_what_does_not_agree_is_shown() {
        let text = against_text(&comparison([90.0, 110.0]), &earlier([100.0, 120.0]), false);
        assert_eq!(text, "against x: 1 of 1 figures agree within their intervals.\n");
        let text = against_text(&comparison([90.0, 110.0]), &earlier([45.0, 55.0]), false);
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.starts_with("against x: 0 of 1 figures agree within their intervals. Had"));
        assert!(words.contains(" 33 of 100 differ. "), "{text}");
        let row: Vec<_> = text.lines().last().unwrap().split_whitespace().collect();
        assert_eq!(row, ["one", "overload,", "50", "%", "req/s", "50", "100", "2.00"]);
    }

    #[test]
    fn what_has_moved_in_all_servers_is_said() {
        let of = |name: &str, [before, now]: [f64; 2]| Change {
            name: name.to_owned(),
            work: Work::Hello,
            level: 1,
            figure: Figure::Cpu,
            turns: [7, 7],
            before: Estimate::of([before]).unwrap(),
            now: Estimate::of([now]).unwrap(),
        };
        let (one, two) = (of("one", [100.0, 80.0]), of("two", [10.0, 9.0]));
        let said = in_common(&[one.clone(), of("nothing", [0.0, 0.0]), two]).unwrap();
        assert!(said.starts_with("The median ratio of all servers to then: CPU 0.85. "), "{said}");
        assert_eq!(in_common(&[one]), None);
    }

    #[test]
    fn of_one_turn_nothing_is_told() {
        let mut before = earlier([45.0, 55.0]);
        before.comparison.rows[1].turns.pop();
        before.comparison.partial = true;
        let text = against_text(&comparison([90.0, 110.0]), &before, false);
        let none = "against x: there is no figure of which both have two turns.\n";
        assert_eq!(text, format!("{none}That run is partial: it was interrupted.\n"));
    }

    #[test]
    fn of_who_died_no_rate_is_compared() {
        let mut now = comparison([90.0, 110.0]);
        now.rows[1].died = Some("by SIGKILL".to_owned());
        let text = against_text(&now, &earlier([45.0, 55.0]), false);
        assert_eq!(text, "against x: there is no figure of which both have two turns.\n");
    }

    #[test]
    fn another_program_is_named() {
        let mut before = earlier([100.0, 120.0]);
        before.comparison.program = "rungs 0.0.1".to_owned();
        let text = against_text(&comparison([90.0, 110.0]), &before, false);
        assert!(text.contains("\nIt was measured by rungs 0.0.1, and this one by "), "{text}");
    }
}
