//! What is done, as lines of a text file that a person may edit.

use super::{language::Language, step::Step};
use crate::ladder::{LADDER, Rung};
use std::fmt::{self, Display, Formatter};

/// What a new file begins with.
const HEAD: &str = "# How far you are, one rung a line, the last one last:
# RUNG begun|passed|read|skipped [rust|python]
";

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It has a folder, and is not reached.
    Begun,
    /// Its probes have passed.
    Passed,
    /// It was only to be read, and is.
    Read,
    /// It was left out.
    Skipped,
}

impl State {
    const ALL: [Self; 4] = [Self::Begun, Self::Passed, Self::Read, Self::Skipped];

    /// Its word in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Passed => "passed",
            Self::Read => "read",
            Self::Skipped => "skipped",
        }
    }

    /// Whether the learner can do what it asks.
    pub fn is_done(self) -> bool {
        matches!(self, Self::Passed | Self::Read)
    }
}

/// One line that says something.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The rung.
    pub rung: &'static Rung,
    /// How far it is.
    pub state: State,
    /// What the learner writes in.
    pub language: Option<Language>,
}

/// All lines, in their order.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
struct Line {
    /// It stays as it is until there is news of its rung.
    text: String,
    /// None of a comment, or of what is not understood.
    entry: Option<Entry>,
}

impl Progress {
    /// Reads a file's text, and says what of it is not understood.
    pub fn parse(text: &str) -> (Self, Vec<String>) {
        let (mut progress, mut faults) = (Self::default(), Vec::new());
        for (index, line) in text.lines().enumerate() {
            let entry = entry(line).unwrap_or_else(|why| {
                faults.push(format!("line {}: {why}: {line}", index + 1));
                None
            });
            progress.lines.push(Line { text: line.to_owned(), entry });
        }
        (progress, faults)
    }

    fn entries(&self) -> impl DoubleEndedIterator<Item = Entry> {
        self.lines.iter().filter_map(|line| line.entry)
    }

    /// What is known of a rung: its last line.
    pub fn of(&self, rung: &Rung) -> Option<Entry> {
        self.entries().rev().find(|entry| entry.rung.name == rung.name)
    }

    /// How far a rung is, if it is begun.
    pub fn state(&self, rung: &Rung) -> Option<State> {
        self.of(rung).map(|entry| entry.state)
    }

    /// Puts a rung's line at the end.
    pub fn set(&mut self, entry: Entry) {
        self.lines.retain(|line| line.entry.is_none_or(|one| one.rung.name != entry.rung.name));
        let language = entry.language.map(|one| format!(" {}", one.name())).unwrap_or_default();
        let text = format!("{} {}{language}", entry.rung.name, entry.state.name());
        self.lines.push(Line { text, entry: Some(entry) });
    }

    /// What the learner has written in last.
    pub fn language(&self) -> Option<Language> {
        self.entries().rev().find_map(|entry| entry.language)
    }

    /// Where the learner is: at what was begun last, or behind what was done last. `None` at the
    /// end.
    pub fn current(&self) -> Option<Step> {
        let begun = self.entries().rev().find(|one| self.state(one.rung) == Some(State::Begun));
        if let Some(begun) = begun {
            return Some(Step::of(begun.rung));
        }
        match self.entries().next_back() {
            Some(last) => self.next_after(last.rung),
            None => LADDER.first().map(Step::of),
        }
    }

    /// The next step up that is not done, or else the lowest.
    pub fn next_after(&self, rung: &Rung) -> Option<Step> {
        let is_open = |one: &&Rung| matches!(self.state(one), None | Some(State::Begun));
        let mut above = LADDER.iter().filter(|one| one.number > rung.number);
        let mut all = LADDER.iter().filter(|one| one.name != rung.name);
        above.find(is_open).or_else(|| all.find(is_open)).map(Step::of)
    }
}

/// The entry in a line; none in a comment.
fn entry(line: &str) -> Result<Option<Entry>, &'static str> {
    let said = line.split('#').next().unwrap_or_default();
    let mut words = said.split_whitespace();
    let Some(name) = words.next() else { return Ok(None) };
    let rung = Rung::named(name).ok_or("no such rung")?;
    let state = words.next().ok_or("no state")?;
    let state = State::ALL.into_iter().find(|one| one.name() == state).ok_or("no such state")?;
    let language = words.next().map(|name| Language::named(name).ok_or("no such language"));
    let language = language.transpose()?;
    match words.next() {
        None => Ok(Some(Entry { rung, state, language })),
        Some(_) => Err("too many words"),
    }
}

impl Display for Progress {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        if self.lines.iter().all(|line| line.entry.is_some()) {
            formatter.write_str(HEAD)?;
        }
        for Line { text, .. } in &self.lines {
            writeln!(formatter, "{text}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rung(name: &str) -> &'static Rung {
        Rung::named(name).unwrap()
    }

    fn entry_of(name: &str, state: State) -> Entry {
        Entry { rung: rung(name), state, language: Some(Language::Rust) }
    }

    fn current(text: &str) -> Option<&'static str> {
        Progress::parse(text).0.current().map(|step| step.rung.name)
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut progress = Progress::default();
        progress.set(Entry { language: None, ..entry_of("webserver1", State::Read) });
        progress.set(entry_of("iterativeserver", State::Begun));
        progress.set(entry_of("sleepserver", State::Skipped));
        progress.set(entry_of("iterativeserver", State::Passed));
        let text = progress.to_string();
        let lines = "webserver1 read\nsleepserver skipped rust\niterativeserver passed rust\n";
        assert_eq!(text, format!("{HEAD}{lines}"));
        let (read, faults) = Progress::parse(&text);
        assert_eq!((read.to_string(), faults), (text, Vec::new()));
        assert_eq!(read.language(), Some(Language::Rust));
    }

    #[test]
    fn what_is_not_understood_is_named_and_kept() {
        let text = "# mine\n\niterativeserver passed python # at last\nnoserver passed\n\
                    sleepserver red\nconcurrentserver2\nwebserver1 read C\n\
                    webserver1 read rust 7\n\u{0}\u{fffd}\n";
        let (mut progress, faults) = Progress::parse(text);
        let expected = [
            "line 4: no such rung: noserver passed",
            "line 5: no such state: sleepserver red",
            "line 6: no state: concurrentserver2",
            "line 7: no such language: webserver1 read C",
            "line 8: too many words: webserver1 read rust 7",
            "line 9: no such rung: \u{0}\u{fffd}",
        ];
        assert_eq!(faults, expected);
        assert_eq!(progress.state(rung("iterativeserver")), Some(State::Passed));
        progress.set(entry_of("sleepserver", State::Read));
        assert_eq!(progress.to_string(), format!("{text}sleepserver read rust\n"));
    }

    #[test]
    fn one_is_where_one_has_begun_or_behind_what_is_done() {
        let ladder = [
            ("", "webserver1"),
            ("webserver1 read", "iterativeserver"),
            ("iterativeserver passed", "sleepserver"),
            ("iterativeserver passed\nsleepserver skipped", "concurrentserver2"),
            ("concurrentserver begun\nsleepserver read", "concurrentserver"),
            ("iterativeserver begun\nconcurrentserver begun", "concurrentserver"),
            ("iterativeserver begun\niterativeserver passed", "sleepserver"),
            ("epollserver passed", "webserver1"),
        ];
        for (text, expected) in ladder {
            // Rungs that are added above change nothing of the rest.
            if text.starts_with("epollserver") && LADDER.last().unwrap().name != "epollserver" {
                continue;
            }
            assert_eq!(current(text), Some(expected), "{text}");
        }
        let all: Vec<_> = LADDER.iter().map(|rung| format!("{} read", rung.name)).collect();
        assert_eq!(current(&all.join("\n")), None);
    }
}
