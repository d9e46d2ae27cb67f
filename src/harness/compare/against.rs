//! A comparison beside an earlier one.

use super::{Comparison, Estimate, Row, Work};
use fastrand::Rng;

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
            Self::Rate => row.requests_per_second,
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

/// The share of figures that would differ by chance, were there no difference between two runs: such
/// that have so many turns each, since the fewer these are the less their intervals hold.
pub fn by_chance(turns: [usize; 2]) -> f64 {
    const RUNS: u32 = 10_000;
    let mut rng = Rng::with_seed(0);
    // Of figures in their order, at which places an interval ends, from zero on.
    #[expect(clippy::cast_precision_loss, reason = "a few turns")]
    let ends = turns.map(|turns| Estimate::of((0..turns).map(|place| place as f64)));
    let mut estimate = |turns: usize, ends: Option<Estimate>| {
        let mut figures: Vec<_> = (0..turns).map(|_| rng.f64()).collect();
        figures.sort_by(f64::total_cmp);
        let ends = ends?;
        Some(Estimate { low: at(&figures, ends.low), high: at(&figures, ends.high), ..ends })
    };
    let differ = (0..RUNS).filter(|_| {
        let [now, before] = [0, 1].map(|one| estimate(turns[one], ends[one]));
        now.zip(before).is_some_and(|(now, before)| !now.meets(&before))
    });
    f64::from(u32::try_from(differ.count()).unwrap_or(RUNS)) / f64::from(RUNS)
}

/// What is at a place among some figures, or between two of them.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few turns")]
fn at(figures: &[f64], place: f64) -> f64 {
    let [below, above] = [place.floor(), place.ceil()].map(|place| figures[place as usize]);
    below + (above - below) * place.fract()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Of three turns the interval is their range, and of six figures in any order the three of one run
    /// are below the others', or above, in 2 of 20. Of seven it goes from the second to the sixth.
    #[test]
    fn the_fewer_the_turns_the_more_differs_by_chance() {
        let close = |turns, share: f64| {
            let found = by_chance(turns);
            assert!((found - share).abs() < 0.01, "{turns:?}: {found}");
        };
        close([2, 2], 2.0 / 6.0);
        close([3, 3], 2.0 / 20.0);
        close([7, 7], 0.029);
        close([0, 3], 0.0);
    }
}
