//! A comparison beside an earlier one.

use super::{Comparison, Estimate, Row, Work};

/// A figure of a row, then and now.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The server.
    pub name: String,
    /// What the clients asked for.
    pub work: Work,
    /// At how many clients, connections or percent.
    pub level: usize,
    /// Which figure.
    pub figure: Figure,
    /// How many turns it is of, in this run and in the earlier one.
    pub turns: [usize; 2],
    /// In the earlier run.
    pub before: Estimate,
    /// In this one.
    pub now: Estimate,
}

/// The figures that two runs are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Complete answers a second.
    Rate,
    /// The 99th percentile of response times.
    P99,
    /// CPU time by answer.
    Cpu,
}

impl Figure {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rate, Self::P99, Self::Cpu];

    /// Of a row.
    pub fn of(self, row: &Row) -> Option<Estimate> {
        match self {
            Self::Rate => row.rate(),
            Self::P99 => row.p99_us,
            Self::Cpu => row.cpu_us_per_request,
        }
    }
}

impl Change {
    /// Whether the two intervals have something in common.
    pub fn agrees(&self) -> bool {
        self.before.meets(&self.now)
    }
}

/// The figures that both runs have, in the order of this one's rows. Of one turn there is no interval,
/// and nothing to compare with.
pub fn against(now: &Comparison, before: &Comparison) -> Vec<Change> {
    let changes = now.rows.iter().filter_map(|row| {
        let is_same =
            |one: &&Row| (&one.name, one.work, one.level) == (&row.name, row.work, row.level);
        Some((row, before.rows.iter().find(is_same)?))
    });
    let changes = changes.filter(|(row, earlier)| row.turns.len().min(earlier.turns.len()) > 1);
    let figures = changes.flat_map(|(row, earlier)| {
        let turns = [row, earlier].map(|row| row.turns.len());
        Figure::ALL.into_iter().filter_map(move |figure| {
            Some(Change {
                name: row.name.clone(),
                work: row.work,
                level: row.level,
                figure,
                turns,
                before: figure.of(earlier)?,
                now: figure.of(row)?,
            })
        })
    });
    figures.collect()
}
