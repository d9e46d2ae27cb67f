//! When the requests of an open loop are due.

use super::plan::{Arrivals, Pace};
use fastrand::Rng;
use std::time::{Duration, Instant};

/// A place in the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) at: Instant,
    /// In the window, not in the warm-up.
    pub(super) counted: bool,
    /// Which of the rates it belongs to.
    pub(super) step: usize,
}

/// A time with one rate.
#[derive(Clone, Copy, Debug)]
struct Segment {
    begins: Instant,
    /// In nanoseconds.
    length: u64,
    rate: f64,
    counted: bool,
    step: usize,
}

/// One event loop's share of the schedule.
///
/// Constant arrivals are dealt out in turn, loop i of n taking every n-th, so that the merged
/// schedule is the one asked for. Of a Poisson process each loop has an independent one with its
/// share of the rate; their superposition is the process asked for.
#[derive(Debug)]
pub(super) struct Schedule {
    /// In reverse, so that the one that runs is the last.
    segments: Vec<Segment>,
    arrivals: Arrivals,
    index: u64,
    loops: u64,
    /// How many of this loop's arrivals were in the segment so far.
    count: u64,
    /// When the last of them was, in nanoseconds from the segment's beginning.
    last: f64,
    random: Rng,
    next: Option<Due>,
}

impl Schedule {
    /// The share of the loop `index` of `loops`; empty in a closed loop.
    pub(super) fn new(
        pace: &Pace,
        (begins, opens, closes): (Instant, Instant, Instant),
        (index, loops): (usize, usize),
        random: Rng,
    ) -> Schedule {
        let mut schedule = Schedule {
            segments: segments(pace, begins, opens, closes),
            arrivals: pace.arrivals().unwrap_or(Arrivals::Constant),
            index: index as u64,
            loops: loops as u64,
            count: 0,
            last: 0.0,
            random,
            next: None,
        };
        schedule.advance();
        schedule
    }

    /// When the next request is due, if there is another one.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.next.map(|due| due.at)
    }

    /// Takes the next request if it is due before or at `now`.
    pub(super) fn take(&mut self, now: Instant) -> Option<Due> {
        let due = self.next.filter(|due| due.at <= now)?;
        self.advance();
        Some(due)
    }

    /// Nothing more is due.
    pub(super) fn end(&mut self) {
        self.segments.clear();
        self.next = None;
    }

    fn advance(&mut self) {
        self.next = None;
        while let Some(&segment) = self.segments.last() {
            let offset = self.offset(segment.rate);
            self.count += 1;
            if offset < segment.length {
                let Segment { begins, counted, step, .. } = segment;
                let at = begins + Duration::from_nanos(offset);
                self.next = Some(Due { at, counted, step });
                return;
            }
            self.segments.pop();
            (self.count, self.last) = (0, 0.0);
        }
    }

    /// When the loop's next arrival is, in whole nanoseconds from the segment's beginning.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rounded on purpose; what is too large saturates, and so is beyond the segment"
    )]
    fn offset(&mut self, rate: f64) -> u64 {
        let offset = match self.arrivals {
            Arrivals::Constant => (self.index + self.count * self.loops) as f64 * 1e9 / rate,
            Arrivals::Poisson => {
                // The inverse of the exponential distribution function; f64() is below 1.
                let gap = -(1.0 - self.random.f64()).ln();
                self.last += gap * 1e9 * self.loops as f64 / rate;
                self.last
            }
        };
        offset.round() as u64
    }
}

fn segments(pace: &Pace, begins: Instant, opens: Instant, closes: Instant) -> Vec<Segment> {
    let rates = pace.rates();
    let Some(&first) = rates.first() else { return Vec::new() };
    let window = nanoseconds(closes - opens);
    let edge = |step: usize| window / rates.len() as u64 * step as u64;
    let warm_up = nanoseconds(opens - begins);
    let mut segments =
        vec![Segment { begins, length: warm_up, rate: first, counted: false, step: 0 }];
    for (step, &rate) in rates.iter().enumerate() {
        // The last one takes what the division left over.
        let end = if step + 1 == rates.len() { window } else { edge(step + 1) };
        let begins = opens + Duration::from_nanos(edge(step));
        segments.push(Segment { begins, length: end - edge(step), rate, counted: true, step });
    }
    segments.reverse();
    segments
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All arrivals of the window in nanoseconds from its opening, in order.
    fn arrivals(pace: &Pace, window: Duration, loops: usize, seed: u64) -> Vec<u64> {
        let begins = Instant::now();
        let opens = begins + Duration::from_millis(1500);
        let closes = opens + window;
        let mut all = Vec::new();
        for index in 0..loops {
            let random = Rng::with_seed(seed + index as u64);
            let times = (begins, opens, closes);
            let mut schedule = Schedule::new(pace, times, (index, loops), random);
            while let Some(due) = schedule.take(closes) {
                assert_eq!(due.counted, due.at >= opens);
                if due.counted {
                    all.push(nanoseconds(due.at - opens));
                }
            }
        }
        all.sort_unstable();
        all
    }

    #[test]
    fn a_constant_rate_is_exact_however_many_loops_share_it() {
        let second = Duration::from_secs(1);
        for loops in [1, 2, 3, 7] {
            let pace = |rate| Pace::Open { rate, arrivals: Arrivals::Constant };
            let five: Vec<u64> = (0..60).map(|k| k * 200_000_000).collect();
            assert_eq!(arrivals(&pace(5.0), 12 * second, loops, 0), five);
            assert_eq!(arrivals(&pace(0.1), 30 * second, loops, 0).len(), 3);
            assert_eq!(arrivals(&pace(0.1), 31 * second, loops, 0).len(), 4);
            assert_eq!(arrivals(&pace(300.0), second, loops, 0).len(), 300);
            assert_eq!(arrivals(&pace(1e6 / 3.0), 3 * second, loops, 0).len(), 1_000_000);
        }
    }

    #[test]
    fn a_ramp_divides_the_window_among_its_rates() {
        let pace = Pace::Ramp { rates: vec![10.0, 20.0, 5.0], arrivals: Arrivals::Constant };
        let all = arrivals(&pace, Duration::from_secs(6), 2, 0);
        let within = |from: u64, to: u64| {
            all.iter().filter(|&&at| (from..to).contains(&(at / 1_000_000_000))).count()
        };
        assert_eq!((within(0, 2), within(2, 4), within(4, 6)), (20, 40, 10));
    }

    /// The largest distance between the distribution of the gaps and the exponential one, times
    /// the root of their number: 1.63 is exceeded by chance once in a hundred (Kolmogorov-Smirnov).
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn kolmogorov_smirnov(arrivals: &[u64], rate: f64) -> f64 {
        let mut gaps: Vec<f64> =
            arrivals.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e9).collect();
        gaps.sort_by(f64::total_cmp);
        let count = gaps.len() as f64;
        let distance = gaps.iter().enumerate().map(|(index, gap)| {
            let expected = 1.0 - (-gap * rate).exp();
            let (below, above) = (index as f64 / count, (index + 1) as f64 / count);
            (expected - below).abs().max((above - expected).abs())
        });
        distance.fold(0.0, f64::max) * count.sqrt()
    }

    #[test]
    fn poisson_gaps_are_exponential_however_many_loops_share_them() {
        let pace = Pace::Open { rate: 1000.0, arrivals: Arrivals::Poisson };
        for loops in [1, 2, 5] {
            let all = arrivals(&pace, Duration::from_secs(20), loops, 42);
            // The number of a Poisson process has the root of its mean as standard deviation.
            assert!(all.len().abs_diff(20_000) < 4 * 142, "{} arrivals", all.len());
            let statistic = kolmogorov_smirnov(&all, 1000.0);
            assert!(statistic < 1.63, "{loops} loops: {statistic}");
        }
        // The test itself can fail: even gaps, and gaps of another rate.
        let even: Vec<u64> = (0..20_000).map(|k| k * 1_000_000).collect();
        assert!(kolmogorov_smirnov(&even, 1000.0) > 1.63);
        let all = arrivals(&pace, Duration::from_secs(20), 1, 42);
        assert!(kolmogorov_smirnov(&all, 1050.0) > 1.63);
    }

    #[test]
    fn the_seed_decides() {
        let pace = Pace::Open { rate: 100.0, arrivals: Arrivals::Poisson };
        let of = |seed| arrivals(&pace, Duration::from_secs(1), 2, seed);
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(3));
    }
}
