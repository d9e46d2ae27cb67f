//! What one turn comes to in figures.

use super::{super::load::Outcome, loads::Measured};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Of fewer times the slowest is the one that 99 of 100 do not exceed: luck, and no property.
const HUNDRED: u64 = 100;

/// One of the turns of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TurnFigures {
    /// In which round.
    pub round: u32,
    /// Which turn of the whole run it was, from one on: the order that `seed` gives.
    #[serde(default)]
    pub turn: u32,
    /// Whether an interruption cut it short.
    pub cut_short: bool,
    /// Whether others had much of the machine's processors meanwhile: more than 15 %.
    pub disturbed: bool,
    /// What they had of them, as a share; the kernel's work outside of any process is among it.
    pub foreign: Option<f64>,
    /// Requests with a complete answer.
    pub answered: u64,
    /// Bytes of answers, heads included.
    pub bytes: u64,
    /// How long it was measured.
    pub seconds: f64,
    /// Complete answers a second.
    pub requests_per_second: f64,
    /// Requests a second that were due, in an open loop.
    pub offered: Option<f64>,
    /// How busy the load generator was when the capacity was found of which these are a share, from
    /// zero to one.
    #[serde(default)]
    pub generator_at_capacity: Option<f64>,
    /// In a closed loop, clients that were still waiting when the turn was over and had waited for
    /// longer than 99 of 100 answers took, or than half of the turn: they are in no time.
    #[serde(default)]
    pub overdue: u64,
    /// Response time, in microseconds: half of the answers came so soon. In an open loop who has no
    /// answer when the turn is over counts with the time until then: the times are at least these.
    pub p50_us: Option<f64>,
    /// Response time: 99 of 100 did.
    pub p99_us: Option<f64>,
    /// Response time: the mean.
    #[serde(default)]
    pub mean_us: Option<f64>,
    /// Service time, as `p50_us`.
    pub service_p50_us: Option<f64>,
    /// Service time, as `p99_us`.
    pub service_p99_us: Option<f64>,
    /// CPU time of the whole process tree; none where it ignores SIGCHLD, since the kernel then drops
    /// the time of its children (times(2)).
    pub cpu_seconds: Option<f64>,
    /// The same by complete answer, in microseconds.
    pub cpu_us_per_request: Option<f64>,
    /// The largest proportional set size of the process tree that was seen, in bytes.
    pub peak_pss: Option<u64>,
    /// Connections that were held beside.
    pub held: Option<u64>,
    /// In how many servers, if not in one: a process may not have as many descriptors.
    #[serde(default)]
    pub held_in: Option<usize>,
    /// How much the memory of the process tree grew by each of them, in bytes.
    pub memory_per_connection: Option<f64>,
    /// CPU time of the load generator, but for what it waited without sleeping; it can spend
    /// `generator_threads` times `seconds`.
    pub generator_cpu_seconds: f64,
    /// Threads that the load generator ran on.
    pub generator_threads: usize,
}

impl TurnFigures {
    /// Of what a turn has shown; when that was is for others to say.
    #[expect(clippy::cast_precision_loss, reason = "counts and nanoseconds far below 2^52")]
    pub(super) fn of(measured: &Measured) -> Self {
        let Measured { outcome, cpu, foreign, peak_pss, offered, generator_at_capacity, held } =
            measured;
        let Outcome { account, elapsed, service, own_cpu, spun, threads, .. } = outcome;
        let (answered, seconds) = (account.answered_total(), elapsed.as_secs_f64());
        let microseconds = |times: &Histogram<u64>, quantile| {
            (!times.is_empty()).then(|| times.value_at_quantile(quantile) as f64 / 1000.0)
        };
        let p99 =
            |times: &Histogram<u64>| microseconds(times, 0.99).filter(|_| times.len() >= HUNDRED);
        let cpu_seconds = cpu.map(|cpu| cpu.as_secs_f64());
        let times = measured.response_times();
        let memory = held.and_then(|held| Some((held.memory? as f64, held.connections as f64)));
        Self {
            foreign: *foreign,
            answered,
            bytes: outcome.bytes_in,
            seconds,
            requests_per_second: if seconds > 0.0 { answered as f64 / seconds } else { 0.0 },
            offered: *offered,
            generator_at_capacity: *generator_at_capacity,
            overdue: measured.overdue(),
            p50_us: microseconds(&times, 0.5),
            p99_us: p99(&times),
            mean_us: (!times.is_empty()).then(|| times.mean() / 1000.0),
            service_p50_us: microseconds(service, 0.5),
            service_p99_us: p99(service),
            cpu_seconds,
            // Children's time comes in clock ticks: of a few requests there may be nothing to see.
            cpu_us_per_request: cpu_seconds
                .filter(|&seconds| answered > 0 && seconds > 0.0)
                .map(|seconds| seconds * 1e6 / answered as f64),
            peak_pss: *peak_pss,
            held: held.map(|held| held.connections),
            held_in: held.map(|held| held.servers).filter(|&servers| servers > 1),
            memory_per_connection: memory
                .and_then(|(memory, count)| (count > 0.0).then(|| memory / count)),
            generator_cpu_seconds: own_cpu.saturating_sub(*spun).as_secs_f64(),
            generator_threads: *threads,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_of_less_than_a_hundred_is_no_percentile() {
        for (count, p99) in [(99, None), (100, Some(1.0))] {
            let mut outcome = Outcome::new().unwrap();
            outcome.response.record_n(1000, count).unwrap();
            let measured = Measured { outcome, ..Measured::nothing() };
            let figures = TurnFigures::of(&measured);
            assert_eq!((figures.p50_us, figures.p99_us), (Some(1.0), p99));
        }
    }
}
