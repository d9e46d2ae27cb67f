//! A run as JSON.

use super::{
    super::super::load::{
        Account, Arrivals, Failure, Held, Limit, Limited, Outcome, Pace, Plan, Reuse, SlowAt, Step,
        Work,
    },
    LoadRun,
    series::{Placed, microseconds, placed},
    units::float,
    verdict::{Knee, at_limit, knee, lateness},
};
use hdrhistogram::Histogram;
use nix::errno::Errno;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

/// The version of [`Report`]; it changes whenever the meaning of a field does.
const SCHEMA: u32 = 1;

/// A run as JSON, in the shape of [`Report`].
///
/// # Errors
/// None that is known: all its keys are text.
pub fn load_json(run: &LoadRun<'_>) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&Report::of(run)).map(|text| text + "\n")
}

/// A run of `rungs load`, as `--json` writes it.
///
/// Names that end in `_us` are microseconds, `_seconds` seconds, `_bytes` bytes, `_per_second`
/// numbers a second. What a run does not have is `null`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The version of this shape: 1.
    pub schema: u32,
    /// What was loaded, as the user called it.
    pub url: String,
    /// The addresses behind it.
    pub targets: Vec<String>,
    /// `closed`, `open` or `idle`: who decides when a request starts.
    #[serde(rename = "loop")]
    pub kind: Loop,
    /// `keep-alive` or `connection-per-request`.
    pub work: Kept,
    /// Whether it was interrupted: then it is shorter than asked.
    pub partial: bool,
    /// The figures of a generator that was not optimised say little.
    pub debug_build: bool,
    /// What was asked for.
    pub plan: Asked,
    /// When the counted window opened, in seconds since 1970.
    pub opened_at: f64,
    /// How long it was.
    pub seconds: f64,
    /// What the generator says of itself.
    pub generator: Generator,
    /// Requests started in the window. It equals the sum of `account`.
    pub started: u64,
    /// The requests that were started, each in one class. All classes are there, zeros too.
    pub account: BTreeMap<&'static str, u64>,
    /// Those of `account.in_flight` that had no connection yet: an open loop's, which were due but
    /// found no client free.
    pub in_flight_without_connection: u64,
    /// Requests that failed with an error of the system which has no class of its own, by its
    /// name. Their sum is `account.other`.
    pub other: BTreeMap<String, u64>,
    /// The errors that system calls gave for failed requests, by name (errno(3)): another view of
    /// the same failures.
    pub errors: BTreeMap<String, u64>,
    /// Complete answers a second.
    pub answers_per_second: f64,
    /// Requests a second that an open loop, or held connections, were asked for.
    pub rate_asked: Option<f64>,
    /// Requests a second that got hold of a connection.
    pub rate_kept: f64,
    /// Answers with bytes behind their end; they are answered.
    pub surplus: u64,
    /// Kept connections that were there when the window opened: those of a warm-up, and those that
    /// an open loop opens before its clock starts.
    pub connections_held: u64,
    /// Connections that were established in the window, or to be held, before it.
    pub connections_opened: u64,
    /// Bytes received, heads and framing too.
    pub received_bytes: u64,
    /// Bytes sent, heads too.
    pub sent_bytes: u64,
    /// The times of complete answers.
    pub times: Times,
    /// Each second of the window.
    pub series: Vec<InSecond>,
    /// The steps of an open loop, one if its rate was steady.
    pub steps: Vec<InStep>,
    /// The rate of a ramp's last step before the first that did not hold: 1 % of its requests
    /// unanswered, or a p99 over ten times that of the first step and over 10 ms.
    pub knee: Option<f64>,
    /// Connections that were held.
    pub idle: Option<HeldOpen>,
    /// What the machine had too little of.
    pub limits: Vec<Lacking>,
}

/// Who decides when a request starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loop {
    /// Each client, when its last one has ended.
    Closed,
    /// A schedule.
    Open,
    /// A schedule, for connections that are held open.
    Idle,
}

/// What becomes of a connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kept {
    /// It is used again.
    KeepAlive,
    /// It is closed.
    ConnectionPerRequest,
}

/// What was asked for.
#[derive(Clone, Debug, Serialize)]
pub struct Asked {
    /// Concurrent clients.
    pub connections: usize,
    /// Event loops.
    pub threads: usize,
    /// Requests under way on a connection at a time, at most.
    pub pipeline: usize,
    /// The requests, one line each, with their weights; for raw work none.
    pub requests: Vec<Line>,
    /// How many bytes raw work sends.
    pub raw_bytes: Option<usize>,
    /// `constant` or `poisson`, of an open loop.
    pub arrivals: Option<&'static str>,
    /// Requests a second, one step each.
    pub rates: Vec<f64>,
    /// Bytes a second of slow clients.
    pub slow_bytes_per_second: Option<u64>,
    /// What they are slow at: `sending` or `reading`.
    pub slow_at: Option<&'static str>,
    /// The clients' own addresses; none if they were not chosen by the user.
    pub sources: Vec<String>,
    /// The time before the window.
    pub warm_up_seconds: f64,
    /// The window.
    pub duration_seconds: f64,
    /// The number of requests to stop after.
    pub request_limit: Option<u64>,
    /// How long a request may take.
    pub timeout_seconds: f64,
    /// Where everything random began.
    pub seed: u64,
}

/// One request of a mix.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// How often, in proportion to the others.
    pub weight: u32,
    /// Its method.
    pub method: String,
    /// Its target.
    pub target: String,
    /// The size of its body.
    pub body_bytes: usize,
}

/// What the generator says of itself.
#[derive(Clone, Debug, Serialize)]
pub struct Generator {
    /// It had next to no CPU time left, so the figures are its own rather than the server's.
    pub at_limit: bool,
    /// It turned to one request in a hundred more than 1 ms after its time, and more than half of
    /// the service time's p99. Not judged with less than a hundred requests.
    pub behind_schedule: bool,
    /// Event loops that ran.
    pub threads: usize,
    /// CPU time that they used.
    pub cpu_seconds: f64,
    /// What of it was spent in looking for something to do.
    pub spun_seconds: f64,
    /// The part of their time that they were busy, 0 to 1; `spun_seconds` does not count.
    pub cpu_share: f64,
    /// Whether it was told to spin.
    pub spin: bool,
    /// How much later than its place in the schedule it turned to a request.
    pub lag: Option<Quantiles>,
}

/// The times of complete answers.
#[derive(Clone, Debug, Serialize)]
pub struct Times {
    /// From the intended start to the last byte. In an open loop that is the place in the
    /// schedule, in a closed loop the actual start: the moment when its client began it.
    pub response: Option<Quantiles>,
    /// From the send to the last byte.
    pub service: Option<Quantiles>,
    /// From connect(2) until the connection was established, for each connection.
    pub connect: Option<Quantiles>,
    /// From the send to the first byte.
    pub first_byte: Option<Quantiles>,
    /// From the send to the last byte: `service` by its other name.
    pub last_byte: Option<Quantiles>,
}

/// Times in microseconds, to three digits.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quantiles {
    /// How many there are.
    pub count: u64,
    /// The shortest.
    pub min_us: f64,
    /// Their mean.
    pub mean_us: f64,
    /// Half of them are not longer.
    pub p50_us: f64,
    /// Nine of ten are not longer.
    pub p90_us: f64,
    /// 99 of a hundred are not longer.
    pub p99_us: f64,
    /// 999 of a thousand are not longer.
    pub p99_9_us: f64,
    /// The longest.
    pub max_us: f64,
}

/// One second of the window.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct InSecond {
    /// Its number, from 0.
    pub second: u64,
    /// How long it was; the last one may be shorter.
    pub seconds: f64,
    /// Requests whose intended start was in it.
    pub started: u64,
    /// Requests answered in it.
    pub answered: u64,
    /// Requests that failed in it.
    pub failed: u64,
    /// Requests under way, or due, at its end.
    pub in_flight: u64,
    /// Half of its answers had no longer response time.
    pub response_p50_us: Option<f64>,
    /// 99 of a hundred had none.
    pub response_p99_us: Option<f64>,
}

/// One step of an open loop: the requests that were due in it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct InStep {
    /// Requests a second that were asked for.
    pub rate_asked: f64,
    /// Requests a second that got hold of a connection.
    pub rate_kept: f64,
    /// How long it was planned to be.
    pub seconds: f64,
    /// Requests that were due.
    pub started: u64,
    /// Those that were answered.
    pub answered: u64,
    /// Those that failed.
    pub failed: u64,
    /// Their response times.
    pub response: Option<Quantiles>,
}

/// Connections that were held.
#[derive(Clone, Debug, Serialize)]
pub struct HeldOpen {
    /// Connections asked for.
    pub wanted: u64,
    /// Connections established.
    pub opened: u64,
    /// Connections that could not be established, by the name of the error.
    pub failed: BTreeMap<String, u64>,
    /// Established connections that the server ended.
    pub lost: u64,
    /// How long it took to open them.
    pub set_up_seconds: f64,
    /// What the generator's own memory grew by; none of the kernel's.
    pub own_memory_bytes: Option<u64>,
}

/// Something that the machine had too little of.
#[derive(Clone, Debug, Serialize)]
pub struct Lacking {
    /// `ports`, `descriptors`, `open-files`, `watches` or `tcp-memory`.
    pub what: &'static str,
    /// How much there is.
    pub has: Option<u64>,
    /// How much the run needs.
    pub needs: u64,
    /// The shell command that mends it.
    pub command: String,
}

impl Report {
    /// The report of a run.
    pub fn of(run: &LoadRun<'_>) -> Self {
        let LoadRun { plan, outcome, .. } = *run;
        let kind = match (&plan.pace, plan.idle) {
            (_, Some(_)) => Loop::Idle,
            (Pace::Closed, None) => Loop::Closed,
            (Pace::Open { .. } | Pace::Ramp { .. }, None) => Loop::Open,
        };
        let opened_at = outcome.opened_at.duration_since(SystemTime::UNIX_EPOCH);
        Self {
            schema: SCHEMA,
            url: run.url.to_owned(),
            targets: plan.targets.iter().map(ToString::to_string).collect(),
            kind,
            work: match plan.reuse {
                Reuse::KeepAlive => Kept::KeepAlive,
                Reuse::PerRequest => Kept::ConnectionPerRequest,
            },
            partial: run.interrupted,
            debug_build: cfg!(debug_assertions),
            plan: Asked::of(plan),
            opened_at: opened_at.as_ref().map_or(0.0, Duration::as_secs_f64),
            seconds: outcome.elapsed.as_secs_f64(),
            generator: Generator::of(run),
            started: outcome.started,
            account: account(&outcome.account),
            in_flight_without_connection: outcome.not_taken_up(),
            other: by_name(&outcome.account.other),
            errors: by_name(&outcome.account.errors),
            answers_per_second: outcome.answer_rate(),
            rate_asked: outcome.rate_asked,
            rate_kept: outcome.rate_kept(),
            surplus: outcome.surplus,
            connections_held: outcome.connections_held,
            connections_opened: outcome.connections_opened,
            received_bytes: outcome.bytes_in,
            sent_bytes: outcome.bytes_out,
            times: Times::of(outcome),
            series: placed(outcome).map(InSecond::of).collect(),
            steps: outcome.steps.iter().map(InStep::of).collect(),
            knee: match knee(outcome) {
                Some(Knee::At(rate)) => Some(rate),
                Some(Knee::Below(_) | Knee::Above(_)) | None => None,
            },
            idle: outcome.idle.as_ref().map(HeldOpen::of),
            limits: outcome.limits.iter().map(Lacking::of).collect(),
        }
    }
}

/// All classes by name, with the number of requests in each.
fn account(account: &Account) -> BTreeMap<&'static str, u64> {
    let answered = ["answered_1xx", "answered_2xx", "answered_3xx", "answered_4xx", "answered_5xx"];
    let mut classes: BTreeMap<_, _> = answered.into_iter().zip(account.answered).collect();
    classes.insert("answered_raw", account.raw_answered);
    classes.insert("in_flight", account.in_flight);
    classes.insert("other", 0);
    for (failure, count) in account.failures() {
        *classes.entry(class(failure)).or_default() += count;
    }
    classes
}

fn class(failure: Failure) -> &'static str {
    match failure {
        Failure::Refused => "refused",
        Failure::Reset => "reset",
        Failure::TimedOutConnecting => "timed_out_connecting",
        Failure::TimedOutWaiting => "timed_out_waiting",
        Failure::TimedOutReading => "timed_out_reading",
        Failure::ClosedEarly => "closed_early",
        Failure::Malformed => "malformed",
        Failure::OutOfPorts => "out_of_ports",
        Failure::OutOfDescriptors => "out_of_descriptors",
        Failure::Other(_) => "other",
    }
}

fn by_name(errors: &BTreeMap<i32, u64>) -> BTreeMap<String, u64> {
    errors.iter().map(|(&errno, &count)| (errno_name(errno), count)).collect()
}

/// Such as `ECONNREFUSED`; a number that has no name stays one.
pub(super) fn errno_name(errno: i32) -> String {
    match Errno::from_raw(errno) {
        Errno::UnknownErrno => format!("errno {errno}"),
        known => format!("{known:?}"),
    }
}

impl Asked {
    fn of(plan: &Plan) -> Self {
        let (requests, raw_bytes) = match &plan.work {
            Work::Mix(mix) => {
                let line = mix.iter().map(|one| Line {
                    weight: one.weight,
                    method: one.request.method.clone(),
                    target: one.request.target.clone(),
                    body_bytes: one.request.body.len(),
                });
                (line.collect(), None)
            }
            Work::Raw(bytes) => (Vec::new(), Some(bytes.len())),
        };
        Self {
            connections: plan.connections,
            threads: plan.threads,
            pipeline: plan.pipeline,
            requests,
            raw_bytes,
            arrivals: plan.pace.arrivals().map(|arrivals| match arrivals {
                Arrivals::Constant => "constant",
                Arrivals::Poisson => "poisson",
            }),
            rates: plan.idle.map_or(plan.pace.rates().to_vec(), |idle| vec![idle.rate]),
            slow_bytes_per_second: plan.slow.map(|slow| slow.bytes_per_second),
            slow_at: plan.slow.map(|slow| match slow.at {
                SlowAt::Sending => "sending",
                SlowAt::Reading => "reading",
            }),
            sources: plan.sources.iter().map(ToString::to_string).collect(),
            warm_up_seconds: plan.warm_up.as_secs_f64(),
            duration_seconds: plan.duration.as_secs_f64(),
            request_limit: plan.requests,
            timeout_seconds: plan.timeout.as_secs_f64(),
            seed: plan.seed,
        }
    }
}

impl Generator {
    fn of(run: &LoadRun<'_>) -> Self {
        let outcome = run.outcome;
        Self {
            at_limit: at_limit(run).is_some(),
            behind_schedule: lateness(outcome).is_some(),
            threads: outcome.threads,
            cpu_seconds: outcome.own_cpu.as_secs_f64(),
            spun_seconds: outcome.spun.as_secs_f64(),
            cpu_share: outcome.own_cpu_share(),
            spin: outcome.spin,
            lag: Quantiles::of(&outcome.lag),
        }
    }
}

impl Times {
    fn of(outcome: &Outcome) -> Self {
        Self {
            response: Quantiles::of(&outcome.response),
            service: Quantiles::of(&outcome.service),
            connect: Quantiles::of(&outcome.connect),
            first_byte: Quantiles::of(&outcome.first_byte),
            last_byte: Quantiles::of(outcome.last_byte()),
        }
    }
}

impl Quantiles {
    /// Of nanoseconds; `None` if there are none.
    fn of(times: &Histogram<u64>) -> Option<Self> {
        let at = |quantile| float(times.value_at_quantile(quantile)) / 1000.0;
        (!times.is_empty()).then(|| Self {
            count: times.len(),
            min_us: float(times.min()) / 1000.0,
            mean_us: times.mean() / 1000.0,
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p99_9_us: at(0.999),
            max_us: float(times.max()) / 1000.0,
        })
    }
}

impl InSecond {
    fn of(Placed { begins, length, second }: Placed<'_>) -> Self {
        Self {
            second: begins.as_secs(),
            seconds: length.as_secs_f64(),
            started: second.started,
            answered: second.answered,
            failed: second.failed,
            in_flight: second.in_flight,
            response_p50_us: microseconds(second, 0.5),
            response_p99_us: microseconds(second, 0.99),
        }
    }
}

impl InStep {
    fn of(step: &Step) -> Self {
        Self {
            rate_asked: step.rate,
            rate_kept: step.rate_kept(),
            seconds: step.length.as_secs_f64(),
            started: step.started,
            answered: step.answered,
            failed: step.failed,
            response: Quantiles::of(&step.response),
        }
    }
}

impl HeldOpen {
    fn of(held: &Held) -> Self {
        Self {
            wanted: held.wanted,
            opened: held.opened,
            failed: by_name(&held.failed),
            lost: held.lost,
            set_up_seconds: held.set_up.as_secs_f64(),
            own_memory_bytes: held.own_memory,
        }
    }
}

impl Lacking {
    fn of(limit: &Limit) -> Self {
        Self {
            what: match limit.what {
                Limited::Ports => "ports",
                Limited::Descriptors => "descriptors",
                Limited::OpenFiles => "open-files",
                Limited::Watches => "watches",
                Limited::TcpMemory => "tcp-memory",
            },
            has: limit.has,
            needs: limit.needs,
            command: limit.command.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::made::{MS, outcome, plan, run, step},
        *,
    };
    use serde_json::Value;

    fn report(plan: &Plan, outcome: &Outcome) -> Value {
        serde_json::to_value(Report::of(&run(plan, outcome))).expect("JSON")
    }

    #[test]
    fn errors_that_have_no_class_have_a_name() {
        let (plan, mut outcome) = (plan(), outcome());
        outcome.account.other = BTreeMap::from([(101, 8), (9999, 1)]);
        outcome.account.errors = BTreeMap::from([(101, 8), (104, 2), (9999, 1)]);
        let report = report(&plan, &outcome);
        assert_eq!(report["account"]["other"], 9);
        assert_eq!(report["other"], serde_json::json!({ "ENETUNREACH": 8, "errno 9999": 1 }));
        assert_eq!(report["errors"]["ECONNRESET"], 2);
    }

    #[test]
    fn only_a_ramp_that_bends_has_a_knee() {
        let (mut plan, mut outcome) = (plan(), outcome());
        plan.pace = Pace::Ramp { rates: vec![10.0, 20.0], arrivals: Arrivals::Poisson };
        outcome.steps = vec![step(10, MS), step(20, MS)];
        assert_eq!(report(&plan, &outcome)["knee"], Value::Null);
        outcome.steps[1] = step(20, 900 * MS);
        let report = report(&plan, &outcome);
        assert_eq!((&report["knee"], &report["loop"]), (&10.0.into(), &"open".into()));
        assert_eq!(report["steps"][1]["response"]["count"], 20);
    }
}
