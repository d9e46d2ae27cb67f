//! What a few turns say of the next one.

use fastrand::Rng;
use serde::{Deserialize, Serialize};

/// How often the turns are drawn anew to see how much their median depends on chance.
const RESAMPLES: usize = 2000;

/// How many of the medians lie below the interval, and how many above: it holds 95 of 100.
const TAIL: f64 = 0.025;

/// How often it is tried what chance alone does.
const TRIALS: u32 = 10_000;

/// The median of some turns, and the interval in which it would lie if they were made again.
///
/// The interval is that of the percentile bootstrap: as many turns as there are, drawn from them
/// with replacement, again and again, have medians of which 95 of 100 are in it (Efron and
/// Tibshirani, An Introduction to the Bootstrap, chapter 13). Of a few turns it is their range or
/// little less, and [holds](coverage) what they are drawn from less often than that. It knows of
/// nothing that was alike in all turns, such as a machine that was slow all day.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The median.
    pub median: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

impl Estimate {
    /// From the figures of turns; `None` of no turn. The same figures give the same interval.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let figures: Vec<_> = figures.into_iter().collect();
        if figures.is_empty() {
            return None;
        }
        let mut rng = Rng::with_seed(0);
        let mut drawn = figures.clone();
        let mut medians: Vec<_> = (0..RESAMPLES)
            .map(|_| {
                drawn.fill_with(|| figures[rng.usize(..figures.len())]);
                median(&mut drawn)
            })
            .collect();
        medians.sort_by(f64::total_cmp);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "a small part of a small number"
        )]
        let below = (TAIL * RESAMPLES as f64) as usize;
        let [low, high] = [medians[below], medians[RESAMPLES - 1 - below]];
        drawn.clone_from(&figures);
        Some(Self { median: median(&mut drawn), low, high })
    }

    /// Whether a value is in the interval.
    pub fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// Whether its interval and another's have something in common.
    pub fn meets(&self, other: &Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }

    /// Half of the interval's width, as a share of the median; `None` where that is zero.
    pub fn spread(&self) -> Option<f64> {
        (self.median > 0.0).then(|| (self.high - self.low) / 2.0 / self.median)
    }
}

/// The share of comparisons with so many turns, at least, whose interval holds the median of what the
/// turns are drawn from: it is the same for all continuous distributions, as it counts only how many
/// turns are on which side (the sign test's interval).
pub fn coverage(turns: usize) -> f64 {
    let Some(ends) = ends(turns) else { return 0.0 };
    // How many turns are below the interval at the most; an end between two of them is taken for the
    // inner one.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few turns")]
    let below = ends.low.ceil() as usize;
    // Each turn is above the median or below, as a coin falls; it is missed where all but so few are on
    // one side.
    #[expect(clippy::cast_precision_loss, reason = "a few turns")]
    let chances = (0..=below).scan(0.5_f64.powf(turns as f64), |chance, missed| {
        let this = *chance;
        *chance *= (turns - missed) as f64 / (missed + 1) as f64;
        Some(this)
    });
    (1.0 - 2.0 * chances.sum::<f64>()).max(0.0)
}

/// The share of figures whose intervals would have nothing in common by chance, were there no
/// difference between two runs of so many turns each.
pub fn by_chance(turns: [usize; 2]) -> f64 {
    let mut rng = Rng::with_seed(0);
    let ends = turns.map(ends);
    let mut interval = |turns: usize, ends: Option<Estimate>| {
        let mut figures: Vec<_> = (0..turns).map(|_| rng.f64()).collect();
        figures.sort_by(f64::total_cmp);
        let ends = ends?;
        Some(Estimate { low: at(&figures, ends.low), high: at(&figures, ends.high), ..ends })
    };
    let differ = (0..TRIALS).filter(|_| {
        let [now, before] = [0, 1].map(|one| interval(turns[one], ends[one]));
        now.zip(before).is_some_and(|(now, before)| !now.meets(&before))
    });
    f64::from(u32::try_from(differ.count()).unwrap_or(TRIALS)) / f64::from(TRIALS)
}

/// Of so many figures in their order, at which places their interval ends, from zero on.
#[expect(clippy::cast_precision_loss, reason = "a few turns")]
fn ends(turns: usize) -> Option<Estimate> {
    Estimate::of((0..turns).map(|place| place as f64))
}

/// What is at a place among some figures, or between two of them.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few turns")]
fn at(figures: &[f64], place: f64) -> f64 {
    let [below, above] = [place.floor(), place.ceil()].map(|place| figures[place as usize]);
    below + (above - below) * place.fract()
}

/// The 97.5 % points of Student's t distribution for 1 to 10 degrees of freedom, and what is above
/// those for more.
const STUDENT: [f64; 11] =
    [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201];

/// Whether ratios are, but for chance, not one: Student's t-test on their logarithms, at 5 %. Of the
/// few pairs that a quick run has, a bootstrap would know too little: it is sure of a difference in
/// one of four runs of three pairs where there is none.
pub(super) fn surely_not_one(ratios: &[f64]) -> bool {
    // That one of the two has no answers at all is another kind of difference.
    let logs: Vec<_> =
        ratios.iter().filter(|&&ratio| ratio > 0.0).map(|ratio| ratio.ln()).collect();
    #[expect(clippy::cast_precision_loss, reason = "a few")]
    let count = logs.len() as f64;
    let Some(point) = logs.len().checked_sub(2).map(|degree| STUDENT[degree.min(10)]) else {
        return false;
    };
    let mean = logs.iter().sum::<f64>() / count;
    let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (count - 1.0);
    mean.abs() > point * (variance / count).sqrt()
}

/// The middle value, or the mean of the two in the middle; there must be one.
fn median(values: &mut [f64]) -> f64 {
    let (middle, is_odd) = (values.len() / 2, values.len() % 2 == 1);
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if is_odd {
        return upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    f64::midpoint(lower, upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_in_the_middle() {
        let medians = [
            median(&mut [3.0]),
            median(&mut [3.0, 1.0]),
            median(&mut [9.0, 1.0, 2.0]),
            median(&mut [9.0, 1.0, 2.0, 4.0]),
        ];
        assert_eq!(format!("{medians:?}"), "[3.0, 2.0, 2.0, 3.0]");
        assert_eq!(Estimate::of([]), None);
        let one = Estimate::of([7.0]).unwrap();
        assert_eq!((one.median, one.low, one.high, one.spread()), (7.0, 7.0, 7.0, Some(0.0)));
    }

    #[test]
    fn of_a_few_turns_the_interval_is_all_of_them() {
        let few = Estimate::of([10.0, 12.0, 11.0]).unwrap();
        assert_eq!((few.median, few.low, few.high), (11.0, 10.0, 12.0));
    }

    /// The fewest of which one turn at either end may be anything: as many as `--full` has.
    #[test]
    fn of_seven_turns_the_interval_leaves_out_the_ends() {
        let turns = |count: u8| (1..=count).map(f64::from);
        let seven = Estimate::of(turns(7)).unwrap();
        assert_eq!((seven.low, seven.high), (2.0, 6.0));
        let six = Estimate::of(turns(6)).unwrap();
        assert!(six.low < 2.0 && six.high > 5.0, "{six:?}");
    }

    #[test]
    fn one_turn_that_was_disturbed_moves_nothing() {
        let mut turns: Vec<f64> = (0..21).map(|n| 100.0 + f64::from(n % 5)).collect();
        let quiet = Estimate::of(turns.clone()).unwrap();
        turns[7] = 5.0;
        let disturbed = Estimate::of(turns).unwrap();
        assert!(quiet.holds(disturbed.median), "{quiet:?} {disturbed:?}");
        assert!(quiet.low >= 101.0 && disturbed.low >= 101.0, "{quiet:?} {disturbed:?}");
    }

    #[test]
    fn chance_alone_makes_no_difference_but_in_one_of_twenty_runs() {
        let mut rng = Rng::with_seed(2);
        for pairs in [2, 3, 10, 30] {
            // Two turns of 20 % more or less each.
            let mut turn = || 1.0 + 0.4 * (rng.f64() - 0.5);
            let mut run =
                |much: f64| -> Vec<_> { (0..pairs).map(|_| much * turn() / turn()).collect() };
            let sure = (0..1000).filter(|_| surely_not_one(&run(1.0))).count();
            assert!((20..=80).contains(&sure), "{pairs} pairs: {sure} of 1000");
            if pairs > 2 {
                let sure = (0..1000).filter(|_| surely_not_one(&run(3.0))).count();
                assert!(sure > 900, "{pairs} pairs: {sure} of 1000");
            }
        }
        assert!(!surely_not_one(&[]) && !surely_not_one(&[7.0]) && !surely_not_one(&[0.0, 0.0]));
    }

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

    /// The range of three turns misses the median where all are above it or all below, and from the
    /// second to the sixth of seven where six of them are, or all. Of six an interval may end between
    /// two, and holds more than from the second to the fifth.
    #[test]
    fn few_turns_hold_the_truth_less_often() {
        let known = [(1, 0.0), (2, 0.5), (3, 0.75), (5, 0.9375), (6, 0.781_25), (7, 0.875)];
        for (turns, share) in known {
            assert!((coverage(turns) - share).abs() < 1e-9, "{turns}: {}", coverage(turns));
        }
        assert!((0.9..0.98).contains(&coverage(1001)), "{}", coverage(1001));
    }

    /// The promise that the interval makes, put to the test with what is known: 95 of 100 intervals
    /// hold the median of what the turns are drawn from.
    #[test]
    fn most_intervals_hold_the_truth() {
        let mut rng = Rng::with_seed(1);
        // Uniform in 0..1, skewed by a square: the median is a quarter.
        let hits = (0..400).filter(|_| {
            let turns: Vec<_> = (0..15).map(|_| rng.f64().powi(2)).collect();
            Estimate::of(turns).unwrap().holds(0.25)
        });
        let hits = hits.count();
        assert!((365..=399).contains(&hits), "{hits} of 400");
    }
}
