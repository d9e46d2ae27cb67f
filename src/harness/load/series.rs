//! What happened in each second of the window.

use super::outcome::{LONGEST, new_histogram};
use hdrhistogram::{Histogram, errors::CreationError};
use std::time::{Duration, Instant};

/// The seconds that there is room for from the beginning; a longer window allocates on its way.
const ROOM: u64 = 4096;

/// One second of the window. Second k begins k seconds after the window opened; the last one may
/// be shorter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Second {
    /// Requests whose intended start was in it.
    pub started: u64,
    /// Requests that got their last byte in it, whenever they were started.
    pub answered: u64,
    /// Requests that failed in it.
    pub failed: u64,
    /// Requests that were started and had not ended when it was over.
    pub in_flight: u64,
    /// Response times of its answers: the distinct values in nanoseconds, as a histogram of three
    /// significant figures tells them apart, in ascending order, and how often each came.
    pub(super) times: Vec<(u64, u64)>,
}

impl Second {
    /// The response time that the fraction `quantile` of its answers does not exceed, in
    /// nanoseconds; `None` if it has no answers.
    pub fn response(&self, quantile: f64) -> Option<u64> {
        quantile_of(&self.times, quantile)
    }

    /// Its response times as a histogram, in nanoseconds.
    pub fn histogram(&self) -> Result<Histogram<u64>, CreationError> {
        let mut histogram = new_histogram()?;
        self.add_to(&mut histogram);
        Ok(histogram)
    }

    /// Adds the response times of its answers.
    pub(super) fn add_to(&self, histogram: &mut Histogram<u64>) {
        for &(value, count) in &self.times {
            histogram.saturating_record_n(value, count);
        }
    }

    /// Adds what another event loop saw in the same second.
    fn merge(&mut self, other: Second) {
        let Second { started, answered, failed, in_flight, times } = other;
        self.started += started;
        self.answered += answered;
        self.failed += failed;
        self.in_flight += in_flight;
        self.times = sum(&[&self.times, &times]);
    }
}

/// The value that the fraction `quantile` of the counts does not exceed.
pub(super) fn quantile_of(times: &[(u64, u64)], quantile: f64) -> Option<u64> {
    let total = times.iter().map(|(_, count)| count).sum::<u64>();
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let wanted = quantile * total as f64;
    let mut seen = 0;
    times.iter().find_map(|&(value, count)| {
        seen += count;
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        let is_reached = seen as f64 >= wanted;
        is_reached.then_some(value)
    })
}

/// All the values of several lists, each with the sum of its counts.
pub(super) fn sum(lists: &[&[(u64, u64)]]) -> Vec<(u64, u64)> {
    let mut all: Vec<_> = lists.iter().flat_map(|list| list.iter().copied()).collect();
    all.sort_unstable();
    all.dedup_by(|(value, count), (kept, sum)| {
        let is_same = value == kept;
        *sum += if is_same { *count } else { 0 };
        is_same
    });
    all
}

/// Adds the seconds of another event loop, each to its own.
pub(super) fn merge(seconds: &mut Vec<Second>, others: Vec<Second>) {
    for (index, other) in others.into_iter().enumerate() {
        match seconds.get_mut(index) {
            Some(second) => second.merge(other),
            None => seconds.push(other),
        }
    }
}

/// The seconds of one event loop while it runs. Entering a request touches counters and one
/// histogram; once a second that histogram is packed.
#[derive(Debug)]
pub(super) struct Series {
    opens: Instant,
    closes: Instant,
    seconds: Vec<Second>,
    /// When the second that is being filled is over.
    turns: Instant,
    /// The response times of that second.
    times: Histogram<u32>,
}

impl Series {
    pub(super) fn new(opens: Instant, closes: Instant) -> Result<Series, CreationError> {
        let window = closes.saturating_duration_since(opens).as_secs();
        let mut seconds = Vec::with_capacity(usize::try_from(window.min(ROOM) + 1).unwrap_or(1));
        seconds.push(Second::default());
        let times = Histogram::new_with_bounds(1, LONGEST, 3)?;
        Ok(Series { opens, closes, seconds, turns: opens + Duration::from_secs(1), times })
    }

    /// Enters a request by its intended start.
    pub(super) fn start(&mut self, intended: Instant) {
        self.turn(intended);
        let last = self.seconds.len() - 1;
        let index = intended.saturating_duration_since(self.opens).as_secs();
        let index = usize::try_from(index).map_or(last, |index| index.min(last));
        self.seconds[index].started += 1;
    }

    /// Enters an answer that was complete at `when`.
    pub(super) fn answer(&mut self, when: Instant, response: u64) {
        self.turn(when);
        self.times.saturating_record(response);
        self.last().answered += 1;
    }

    /// Enters a failure.
    pub(super) fn fail(&mut self, when: Instant) {
        self.turn(when);
        self.last().failed += 1;
    }

    /// Goes on to the second that `now` is in, but not beyond the window.
    pub(super) fn turn(&mut self, now: Instant) {
        while now >= self.turns && self.turns < self.closes {
            self.pack();
            self.seconds.push(Second::default());
            self.turns += Duration::from_secs(1);
        }
    }

    /// The seconds that are complete.
    pub(super) fn complete(&self) -> &[Second] {
        &self.seconds[..self.seconds.len() - 1]
    }

    /// The seconds, when there is nothing more to come; none if the window never opened.
    pub(super) fn finish(mut self, end: Instant) -> Vec<Second> {
        if end <= self.opens {
            return Vec::new();
        }
        self.turn(end);
        self.pack();
        let mut in_flight = 0;
        for second in &mut self.seconds {
            // A request is entered in a second no later than the one in which it ends.
            in_flight = in_flight + second.started - second.answered - second.failed;
            second.in_flight = in_flight;
        }
        self.seconds
    }

    fn pack(&mut self) {
        let steps = self.times.iter_recorded();
        let times = steps.map(|step| (step.value_iterated_to(), u64::from(step.count_at_value())));
        let times = times.collect();
        self.last().times = times;
        self.times.reset();
    }

    fn last(&mut self) -> &mut Second {
        let last = self.seconds.len() - 1;
        &mut self.seconds[last]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn every_second_has_its_own() {
        let opens = Instant::now();
        let at = |ms| opens + Duration::from_millis(ms);
        let mut series = Series::new(opens, at(3000)).expect("a histogram");
        for ms in [0, 500, 999, 1000] {
            series.start(at(ms));
        }
        series.answer(at(1001), MS);
        series.answer(at(1999), 2 * MS);
        // A request that was due in the second before, but was found out about in this one.
        series.start(at(998));
        series.turn(at(2000));
        let slowest = series.complete()[1].response(1.0).expect("an answer");
        assert!(slowest.abs_diff(2 * MS) < 2 * MS / 1000, "{slowest}");
        series.fail(at(2999));
        let seconds = series.finish(at(3001));
        let counts: Vec<_> = seconds
            .iter()
            .map(|second| (second.started, second.answered, second.failed, second.in_flight))
            .collect();
        assert_eq!(counts, [(4, 0, 0, 4), (1, 2, 0, 3), (0, 0, 1, 2)]);
        assert_eq!(seconds[1].histogram().expect("a histogram").len(), 2);
        assert_eq!(seconds[0].response(0.5), None);
    }

    #[test]
    fn seconds_of_several_loops_are_added() {
        let second =
            |times: &[(u64, u64)]| Second { answered: 1, times: times.into(), ..Second::default() };
        let mut seconds = vec![second(&[(1, 1), (3, 1)])];
        merge(&mut seconds, vec![second(&[(1, 2), (2, 1)]), second(&[])]);
        assert_eq!(seconds.len(), 2);
        assert_eq!(seconds[0].times, [(1, 3), (2, 1), (3, 1)]);
        assert_eq!(quantile_of(&seconds[0].times, 0.5), Some(1));
        assert_eq!(quantile_of(&seconds[0].times, 0.99), Some(3));
    }
}
