//! The queue M/M/c: requests that come at random, and so many that are worked at, at once.

use super::{Estimate, Law, Row, predict::processors};

/// M/M/c with what the server gives at most, which each turn finds out before its open loop, and as
/// many servers as it keeps processors busy; what an answer takes alone is fitted to the low levels,
/// and is what a processor takes for it at least.
pub(super) fn fitted(rows: &[&Row], low: &[&Row]) -> Option<Law> {
    #[expect(clippy::cast_precision_loss, reason = "a few hundred percent")]
    let capacity = |row: &&Row| Some(row.offered()? / (row.level as f64 / 100.0));
    let capacity = Estimate::of(rows.iter().filter_map(capacity))?.median;
    let busy = rows.iter().filter_map(|row| processors(row)).fold(0.0, f64::max);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few processors")]
    let servers = busy.round().clamp(1.0, 1024.0) as u32;
    // 1 = alone / mean + wait / mean, so that the levels weigh alike.
    let equation = |row: &&Row| {
        let mean = row.mean_us?.median;
        let wait = wait(servers, capacity, due(row, capacity))? * 1e6;
        (mean > 0.0).then(|| (1.0 / mean, 1.0 - wait / mean))
    };
    let equations: Vec<_> = low.iter().map(equation).collect::<Option<_>>()?;
    let sum = |term: fn(&(f64, f64)) -> f64| equations.iter().map(term).sum::<f64>();
    let alone = sum(|(a, b)| a * b) / sum(|(a, _)| a * a);
    let least = f64::from(servers) / capacity * 1e6;
    alone.is_finite().then(|| Law::Queue { servers, capacity, alone: alone.max(least) })
}

/// What was due of an open loop, of which each turn had its share of its own capacity.
#[expect(clippy::cast_precision_loss, reason = "a few hundred percent")]
pub(super) fn due(row: &Row, capacity: f64) -> f64 {
    row.level as f64 / 100.0 * capacity
}

/// For how many seconds a request waits on average before it is worked at, in the queue M/M/c: with
/// so many servers that can do `capacity` a second together when `rate` a second come at random.
pub(super) fn wait(servers: u32, capacity: f64, rate: f64) -> Option<f64> {
    let spare = capacity - rate;
    if spare <= 0.0 {
        return None;
    }
    // Erlang's B by its recurrence, and C from it: who comes when all are busy.
    let offered = rate * f64::from(servers) / capacity;
    let blocked = (1..=servers)
        .map(f64::from)
        .fold(1.0, |blocked, n| offered * blocked / (n + offered * blocked));
    let waits = blocked / (1.0 - rate / capacity * (1.0 - blocked));
    Some(waits / spare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_that_of_the_books() {
        // M/M/1: ρ/(μ-λ). M/M/2 at ρ = 0.75 with 1 a second each: Erlang's C is 9/14.
        let waits = [wait(1, 10.0, 8.0), wait(2, 2.0, 1.5), wait(3, 3.0, 3.0)];
        let [one, two, none] = waits;
        assert!((one.unwrap() - 0.4).abs() < 1e-9, "{one:?}");
        assert!((two.unwrap() - 9.0 / 14.0 / 0.5).abs() < 1e-9, "{two:?}");
        assert_eq!(none, None);
    }
}
