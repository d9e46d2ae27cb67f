//! What is to be said of a comparison besides its figures: how it was made, what cannot be told apart,
//! what went wrong. As sentences, for whoever lays them out.

use super::{
    super::{
        compare::{Comparison, Row, Unit, coverage},
        observe::Machine,
    },
    ink::Ink,
    paragraph::wrapped,
    short,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    time::Duration,
};

/// What share of the requests of an open loop may go without an answer without a word: the last ones
/// of each turn are always under way.
pub(super) const MUCH: f64 = 0.1;

/// So many of all requests may go on for longer than a p99 without a word.
pub(super) const ONE_OF_HUNDRED: f64 = 0.01;

/// A sentence or two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) tone: Tone,
    pub(super) words: String,
    /// What it is about, one by one.
    pub(super) items: Vec<String>,
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// Good to know.
    Plain,
    /// What to know before the figures are believed.
    Warning,
    /// What went wrong, in words that are not ours and stay in their lines.
    Failure,
}

impl Note {
    fn new(tone: Tone, words: impl Into<String>) -> Self {
        Self { tone, words: words.into(), items: Vec::new() }
    }

    /// As lines of a terminal.
    pub(super) fn text(&self, ink: Ink) -> String {
        let mut text = match self.tone {
            Tone::Plain => wrapped("", "  ", &self.words),
            Tone::Warning => ink.warning(&wrapped("", "", &self.words)),
            Tone::Failure => ink.failure(&format!("{}\n", self.words)),
        };
        text.extend(self.items.iter().map(|item| wrapped("  ", "    ", item)));
        text
    }
}

/// When, and on what.
pub(super) fn machine(comparison: &Comparison) -> String {
    let began = comparison.began.replace('T', " ").replace('Z', " UTC");
    let Some(Machine { processor, processors, memory, kernel, load }) = &comparison.machine else {
        return format!("{began}. The machine is not known.");
    };
    let processor = processor.as_deref().unwrap_or("of an unknown kind");
    let processors = match processors {
        1 => "1 processor".to_owned(),
        many => format!("{many} processors"),
    };
    format!(
        "{began}. {processors} ({processor}), {} of memory, Linux {kernel}, load {load:.1} before.",
        short::memory(*memory)
    )
}

/// How it was measured.
pub(super) fn method(comparison: &Comparison) -> String {
    let turns = match comparison.rounds {
        1 => "1 turn".to_owned(),
        many => format!("{many} turns"),
    };
    let usual = Duration::from_secs_f64(comparison.seconds_per_turn);
    let length = |row: &Row| match row.work.unit() {
        Unit::Clients => row.work.turn(row.work.measured(row.level), usual),
        Unit::Held | Unit::Percent => row.work.turn(1, usual),
    };
    let lengths: BTreeSet<_> = comparison.rows.iter().map(length).collect();
    let lengths = lengths.iter().map(|length| length.as_secs_f64().to_string());
    let planned = if comparison.partial { "Planned: " } else { "" };
    let mut words = format!(
        "{planned}{turns} of {} s a row, in random order (--seed {}). ",
        lengths.collect::<Vec<_>>().join(" or "),
        comparison.seed
    );
    match &comparison.placement {
        Some(placement) => {
            let list = |all: &[usize]| {
                let all: Vec<_> = all.iter().map(ToString::to_string).collect();
                match &all[..] {
                    [one] => format!("processor {one}"),
                    _ => format!("processors {}", all.join(", ")),
                }
            };
            let [server, generator] =
                [&placement.server, &placement.generator].map(|one| list(one));
            // Writing into a String cannot fail.
            write!(words, "Servers on {server}, load generator on {generator}.").ok();
        }
        None => words.push_str("Servers and load generator share the processors."),
    }
    let turns = most_turns(comparison);
    if turns > 1 {
        let share = (coverage(turns) * 100.0).floor();
        write!(
            words,
            " An interval of {turns} turns holds the true median at least {share} times of 100."
        )
        .ok();
    }
    words
}

/// How many turns a row has that has all there are.
pub(super) fn most_turns(comparison: &Comparison) -> usize {
    comparison.rows.iter().map(|row| row.turns.len()).max().unwrap_or(0)
}

/// Which rows cannot be told apart, and what that means.
pub(super) fn apart(comparison: &Comparison) -> Option<Note> {
    if most_turns(comparison) == 1 {
        return Some(Note::new(Tone::Plain, "Of one turn each no difference is sure."));
    }
    let items: Vec<_> = comparison.groups().flat_map(alike).collect();
    let words = "No difference in req/s is sure between these. A difference is called sure if chance \
                 alone would make it in less than one of twenty pairs (Student's t-test on the \
                 ratios, round by round): among many pairs some seem sure that are not.";
    (!items.is_empty()).then(|| Note { items, ..Note::new(Tone::Plain, words) })
}

/// In the order of their rates, as many rows as there are side by side of which no two differ for
/// sure. One may be in two such lists.
fn alike(rows: &[Row]) -> Vec<String> {
    let rate = |row: &Row| row.requests_per_second.map_or(0.0, |one| one.median);
    // Of who died in the middle the rate is no rate.
    let is_meant = |row: &&Row| rate(row) > 0.0 && row.died.is_none();
    let mut rows: Vec<_> = rows.iter().filter(is_meant).collect();
    rows.sort_by(|one, next| rate(next).total_cmp(&rate(one)));
    let mut lists = Vec::new();
    let mut told = 0;
    for (first, row) in rows.iter().enumerate() {
        let differs = |next: &&&Row| {
            rows[first..]
                .iter()
                .take_while(|one| !std::ptr::eq(**one, **next))
                .any(|one| one.surely_differs(next))
        };
        let alike = rows[first..].iter().take_while(|next| !differs(next)).count();
        if alike > 1 && first + alike > told {
            told = first + alike;
            let names: Vec<_> = rows[first..told].iter().map(|row| row.name.as_str()).collect();
            lists.push(format!("{}: {}", row.at(), and(&names)));
        }
    }
    lists
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn and(names: &[&str]) -> String {
    match names {
        [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.join(""),
    }
}

/// What the tables have no room for.
pub(super) fn notes(comparison: &Comparison) -> Vec<Note> {
    let mut notes = failures(comparison);
    notes.extend(by_server(comparison, |row| row.died.as_deref()).into_iter().map(
        |(name, how)| {
            // Rungs put their names in front of what they say.
            let how = how.strip_prefix(name).map_or(how, |rest| rest.trim_start_matches(": "));
            Note::new(Tone::Failure, format!("{name} died: {how}"))
        },
    ));
    notes.extend(missing(comparison));
    notes.extend(not_done(comparison));
    notes.extend(without_cpu(comparison));
    notes.extend(namesakes(comparison));
    notes.extend(held(comparison));
    notes.extend(unanswered(comparison));
    notes.extend(overdue(comparison));
    notes.extend(generator(comparison));
    notes.extend(capacity_of_generator(comparison));
    notes.extend(disturbed(comparison));
    let mut measured = comparison.rows.iter().filter(|row| !row.turns.is_empty()).peekable();
    let has_any = measured.peek().is_some();
    if measured.any(|row| comparison.has_less(row)) {
        let words =
            "* measured only in part: it has fewer turns than others, or a shorter last one.";
        notes.push(Note::new(Tone::Plain, words));
    }
    if comparison.partial {
        let words = if has_any {
            "Interrupted: these are the figures until then."
        } else {
            "Interrupted: nothing was measured until then."
        };
        notes.push(Note::new(Tone::Warning, words));
    }
    if comparison.debug_build {
        let words = "This is a debug build; `cargo run --release -- compare` says more.";
        notes.push(Note::new(Tone::Plain, words));
    }
    notes
}

/// Which servers have no figures, or fewer, since they failed.
pub(super) fn missing(comparison: &Comparison) -> impl Iterator<Item = Note> {
    let failed = by_server(comparison, |row| row.error.as_deref());
    failed.into_iter().map(|(name, why)| {
        let lacks = lack(comparison, name, why);
        Note::new(Tone::Failure, format!("{name} has {lacks}: {why}"))
    })
}

/// Which requests failed, row by row.
fn failures(comparison: &Comparison) -> Vec<Note> {
    let note = |row: &Row| {
        let Row { name, failures, answered, unfinished, died, .. } = row;
        let mut kinds: Vec<_> = failures.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        if *answered == 0 && *unfinished > 0 {
            kinds.push(format!("{unfinished} still waited for the end of an answer"));
        }
        // Whoever comes when the server is gone is refused.
        let died = if died.is_some() { "it died, hence " } else { "" };
        let words = format!("{name}, {}: {died}{}", row.at(), kinds.join(", "));
        (!kinds.is_empty()).then(|| Note::new(Tone::Plain, words))
    };
    comparison.rows.iter().filter_map(note).collect()
}

/// What a server that failed does not have for this reason, and at which levels.
fn lack(comparison: &Comparison, name: &str, why: &str) -> String {
    let rows = comparison.rows.iter().filter(|row| row.name == name);
    let is_it = |row: &&Row| row.error.as_deref() == Some(why);
    if rows.clone().all(|row| row.turns.is_empty() && is_it(&row)) {
        return "no figures".to_owned();
    }
    let failed = rows.filter(is_it);
    let (none, few): (Vec<&Row>, Vec<&Row>) = failed.partition(|row| row.turns.is_empty());
    let at = |what, rows: &[&Row]| {
        let levels: Vec<_> = rows.iter().map(|row| row.at()).collect();
        (!rows.is_empty()).then(|| format!("{what} for {}", levels.join(", ")))
    };
    let lacks = [at("no figures", &none), at("fewer turns", &few)];
    lacks.into_iter().flatten().collect::<Vec<_>>().join(" and ")
}

/// In which open loops much of what was due had no answer when the turn was over.
fn unanswered(comparison: &Comparison) -> Option<Note> {
    let item = |row: &Row| {
        let share = row.unanswered().filter(|&share| share > MUCH)?;
        Some(format!("{}, {}: {:.0} %", row.at(), row.name, share * 100.0))
    };
    let items: Vec<_> = comparison.rows.iter().filter_map(item).collect();
    let words = "So much of what was due had no answer when its turn was over. It counts \
                 with its age then, so the times are at least these.";
    (!items.is_empty()).then(|| Note { items, ..Note::new(Tone::Warning, words) })
}

/// In which closed loops so many were still waiting that more than one of 100 requests takes longer than
/// the p99 that is shown.
fn overdue(comparison: &Comparison) -> Option<Note> {
    let late = |row: &&Row| row.overdue() > ONE_OF_HUNDRED;
    let item = |row: &Row| format!("{}, {}: {:.0} %", row.at(), row.name, row.overdue() * 100.0);
    let items: Vec<_> = comparison.rows.iter().filter(late).map(item).collect();
    let words = "So much of all requests had no answer when the turn was over, and had waited for longer \
                 than the p99 or half of the turn, whichever is less. They are in no time: p50 and p99 are of those \
                 who had one.";
    (!items.is_empty()).then(|| Note { items, ..Note::new(Tone::Warning, words) })
}

/// Of which open loops the capacity is that of the load generator.
fn capacity_of_generator(comparison: &Comparison) -> Option<Note> {
    let rows = comparison.rows.iter().filter(|row| row.has_capacity_of_generator());
    let names = rows.fold(Vec::new(), |mut names, row| {
        if !names.contains(&row.name.as_str()) {
            names.push(&row.name);
        }
        names
    });
    let words = format!(
        "overload: the load generator was at its limit where the capacity of {} was found. 100 % is what \
         both can do, and the server may do more.",
        and(&names)
    );
    (!names.is_empty()).then(|| Note::new(Tone::Warning, words))
}

/// Which figures are those of the load generator.
fn generator(comparison: &Comparison) -> Option<Note> {
    let at_limit: Vec<_> = comparison.rows.iter().filter(|row| row.is_of_generator()).collect();
    let words = "The load generator was at its limit: req/s and times say little of the server.";
    let levels = at_limit.chunk_by(|one, next| (one.work, one.level) == (next.work, next.level));
    let item = |level: &[&Row]| {
        let names: Vec<_> = level.iter().map(|row| row.name.as_str()).collect();
        format!("{}: {}", level[0].at(), names.join(", "))
    };
    let items = levels.map(item).collect();
    let note = Note { items, ..Note::new(Tone::Warning, words) };
    (!at_limit.is_empty()).then_some(note)
}

/// Of whom the processor time is not known.
fn without_cpu(comparison: &Comparison) -> Option<Note> {
    let is_without = |row: &&Row| row.turns.iter().any(|turn| turn.cpu_seconds.is_none());
    let rows = comparison.rows.iter().filter(is_without);
    let names: Vec<_> =
        rows.map(|row| row.name.as_str()).collect::<BTreeSet<_>>().into_iter().collect();
    let words = format!(
        "{}: no CPU time, since it ignores SIGCHLD, and the kernel then drops that of its children.",
        and(&names)
    );
    (!names.is_empty()).then(|| Note::new(Tone::Plain, words))
}

/// Which works are not for which servers.
fn not_done(comparison: &Comparison) -> Vec<Note> {
    let mut left_out = BTreeMap::<_, Vec<_>>::new();
    for row in &comparison.rows {
        if let Some(why) = &row.not_done {
            let names = left_out.entry((row.work, why)).or_default();
            if !names.contains(&row.name.as_str()) {
                names.push(&row.name);
            }
        }
    }
    let words = left_out
        .into_iter()
        .map(|((work, why), names)| format!("{} leaves out {} ({why}).", work.name(), and(&names)));
    words.map(|words| Note::new(Tone::Plain, words)).collect()
}

/// Which command is behind a name that others have too: with a number, which no name has by itself.
fn namesakes(comparison: &Comparison) -> Vec<Note> {
    // Of those that are known by name each is like the other.
    let numbered = comparison
        .servers
        .iter()
        .filter(|server| server.name.contains(' ') && server.configuration.is_none());
    let words = numbered
        .filter_map(|server| Some(format!("{} is `{}`", server.name, server.command.as_ref()?)));
    words.map(|words| Note::new(Tone::Plain, words)).collect()
}

/// Who could not hold as many connections as it should, or not alone.
fn held(comparison: &Comparison) -> Vec<Note> {
    let notes = comparison.rows.iter().flat_map(|row| {
        let least = row.turns.iter().filter_map(|turn| turn.held).min();
        let few = least.filter(|&held| held < row.level as u64);
        let few = few.map(|held| format!("{}, {}: it took {held}", row.name, row.at()));
        let servers = row.turns.iter().filter_map(|turn| turn.held_in).max();
        let shared = servers.map(|servers| {
            format!(
                "{}, {}: by {servers} servers, since one may not have as many descriptors; all but \
                 memory is of the first of them",
                row.name,
                row.at()
            )
        });
        [few, shared].into_iter().flatten()
    });
    notes.map(|words| Note::new(Tone::Plain, words)).collect()
}

/// Which rows have turns in which others had much of the machine.
fn disturbed(comparison: &Comparison) -> Option<Note> {
    let turns = || comparison.rows.iter().flat_map(|row| &row.turns);
    let (all, disturbed) = (turns().count(), turns().filter(|turn| turn.disturbed).count());
    let words = format!(
        "In {disturbed} of {all} turns others, the kernel's own work included, had much of this machine's \
         processors: the figures are theirs too. The most that they had:"
    );
    let item = |rows: &[Row]| {
        let rows = rows.iter().filter(|row| row.turns.iter().any(|turn| turn.disturbed));
        let mut shares: Vec<_> =
            rows.clone().filter_map(|row| Some((row.foreign()?, row.name.as_str()))).collect();
        shares.sort_by(|one, next| next.0.total_cmp(&one.0));
        let mut words: Vec<_> = shares
            .iter()
            .take(3)
            .map(|(share, name)| format!("{name} {:.0} %", share * 100.0))
            .collect();
        if shares.len() > 3 {
            words.push(format!("{} more", shares.len() - 3));
        }
        rows.clone().next().map(|row| format!("{}: {}", row.at(), words.join(", ")))
    };
    let items = comparison.groups().filter_map(item).collect();
    (disturbed > 0).then(|| Note { items, ..Note::new(Tone::Warning, words) })
}

/// What the rows of a server tell, once each.
fn by_server<'a>(
    comparison: &'a Comparison,
    tell: impl Fn(&'a Row) -> Option<&'a str>,
) -> BTreeSet<(&'a str, &'a str)> {
    comparison.rows.iter().filter_map(|row| Some((row.name.as_str(), tell(row)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::compare::{Estimate, Plan, TurnFigures, Work},
        *,
    };

    #[test]
    fn what_an_open_loop_left_unanswered_is_said() {
        let works: [(_, &[_]); 2] = [(Work::Hello, &[1]), (Work::Overload, &[50, 200])];
        let mut comparison = Comparison::of(&Plan::of_peers(&["one"], &works));
        for (row, unfinished) in comparison.rows.iter_mut().zip([900, 50, 900]) {
            (row.answered, row.unfinished) = (1000, unfinished);
            let offered = (row.work == Work::Overload).then_some(1000.0);
            row.turns.push(TurnFigures { offered, ..TurnFigures::default() });
        }
        let note = unanswered(&comparison).unwrap();
        assert_eq!(note.items, ["overload, 200 %, one: 47 %"]);
        // It answered nobody, so that there was no open loop.
        comparison.rows[2].turns[0].offered = None;
        assert_eq!(unanswered(&comparison), None);
    }

    #[test]
    fn who_is_in_no_time_of_a_closed_loop_is_said() {
        let mut comparison =
            Comparison::of(&Plan::of_peers(&["one"], &[(Work::Hello, &[16, 1000])]));
        for (row, overdue) in comparison.rows.iter_mut().zip([10, 640]) {
            (row.answered, row.unfinished) = (1000, 1000);
            row.turns.push(TurnFigures { overdue, ..TurnFigures::default() });
        }
        assert_eq!(overdue(&comparison).unwrap().items, ["1000 at once, one: 32 %"]);
    }

    #[test]
    fn whose_capacity_was_found_is_said() {
        let works: [(_, &[_]); 1] = [(Work::Overload, &[50, 200])];
        let mut comparison = Comparison::of(&Plan::of_peers(&["one", "two"], &works));
        for (row, busy) in comparison.rows.iter_mut().zip([0.95, 0.5, 0.96, 0.6]) {
            let generator_at_capacity = Some(busy);
            row.turns.push(TurnFigures { generator_at_capacity, ..TurnFigures::default() });
        }
        let words = capacity_of_generator(&comparison).unwrap().words;
        assert!(words.contains("the capacity of one was found"), "{words}");
    }

    #[test]
    fn longer_turns_are_said() {
        let works: [(_, &[_]); 3] =
            [(Work::Hello, &[16, 10_000]), (Work::Idle, &[10_000]), (Work::Wait, &[1])];
        let mut comparison = Comparison::of(&Plan::of_peers(&["one"], &works));
        let words = method(&comparison);
        assert!(words.starts_with("Planned: 1 turn of 1 or 2 or 4 s a row"), "{words}");
        assert!(!words.contains("true median"), "{words}");
        comparison.rows[1].turns = vec![TurnFigures::default(); 7];
        let words = method(&comparison);
        let said = "An interval of 7 turns holds the true median at least 87 times of 100.";
        assert!(words.ends_with(said), "{words}");
    }

    #[test]
    fn of_one_turn_and_of_who_died_no_difference_is_tested() {
        let plan = Plan::of_peers(&["one", "two", "three"], &[(Work::Hello, &[1])]);
        let mut comparison = Comparison::of(&plan);
        let mut add = |rates: [f64; 3]| {
            for (row, requests_per_second) in comparison.rows.iter_mut().zip(rates) {
                let round = u32::try_from(row.turns.len()).unwrap();
                row.turns.push(TurnFigures {
                    round,
                    requests_per_second,
                    ..TurnFigures::default()
                });
                row.requests_per_second =
                    Estimate::of(row.turns.iter().map(|turn| turn.requests_per_second));
            }
            apart(&comparison).unwrap()
        };
        let note = add([100.0, 101.0, 102.0]);
        assert_eq!(
            (note.items.len(), &*note.words),
            (0, "Of one turn each no difference is sure.")
        );
        assert_eq!(add([102.0, 101.0, 100.0]).items.len(), 1);
        comparison.rows[0].died = Some("by SIGKILL".to_owned());
        assert_eq!(apart(&comparison).unwrap().items, ["1 at once: two and three"]);
    }

    #[test]
    fn each_reason_has_its_levels() {
        let works: [(_, &[_]); 2] = [(Work::Hello, &[1, 16]), (Work::Idle, &[1000])];
        let mut comparison = Comparison::of(&Plan::of_peers(&["one"], &works));
        comparison.partial = false;
        let said = |comparison: &Comparison| -> Vec<_> {
            let failed = notes(comparison).into_iter().filter(|note| note.tone == Tone::Failure);
            failed.map(|note| note.words).collect()
        };
        comparison.rows.iter_mut().for_each(|row| row.error = Some("it slept".to_owned()));
        assert_eq!(said(&comparison), ["one has no figures: it slept"]);
        comparison.rows[2].error = Some("it ended".to_owned());
        comparison.rows[1].turns.push(TurnFigures::default());
        let expected = [
            "one has no figures for idle, 1000 held: it ended",
            "one has no figures for 1 at once and fewer turns for 16 at once: it slept",
        ];
        assert_eq!(said(&comparison), expected);
    }
}
