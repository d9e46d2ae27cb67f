//! What came of a comparison, as plain data: the report draws it, scripts read it as JSON.

use super::{
    super::load::{Account, Outcome, Reuse},
    Plan, Subject,
    turn::Turn,
};
use hdrhistogram::Histogram;
use serde::Serialize;
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

/// The shape of the JSON; it changes whenever the meaning of a field does.
const SCHEMA: u32 = 1;

/// A whole comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// The version of this shape.
    pub schema: u32,
    /// Connection per request or keep-alive.
    pub work: Work,
    /// How many turns make a row.
    pub rounds: u32,
    /// How long a turn counts.
    pub seconds_per_turn: f64,
    /// Whether it is not over yet or was interrupted: then some rows have fewer turns, or none.
    pub partial: bool,
    /// Figures of programs that were not optimised say little.
    pub debug_build: bool,
    /// All servers at the first level, then all at the next.
    pub rows: Vec<Row>,
}

/// Which of the two works the figures are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// Each request opens a connection.
    ConnectionPerRequest,
    /// Each client keeps its connection.
    KeepAlive,
}

/// One server at one number of clients.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The rung or peer; the second of a name has a number behind it, as in `nginx 2`.
    pub name: String,
    /// The rung's number; none for a peer.
    pub number: Option<u8>,
    /// How many clients at once.
    pub clients: usize,
    /// Why there are no figures: it could not be built, or did not come up.
    pub error: Option<String>,
    /// Whether turns are missing, or the last one was cut short.
    pub partial: bool,
    /// The turns that the figures are of, for their spread.
    pub turns: Vec<TurnFigures>,
    /// Requests with a complete answer.
    pub answered: u64,
    /// How long it was measured, in seconds.
    pub seconds: f64,
    /// Complete answers a second.
    pub requests_per_second: Option<f64>,
    /// Half of the answers came within so many microseconds of the start of the connect
    /// (response time); of a keep-alive request, of its send.
    pub p50_us: Option<f64>,
    /// 99 of 100 did.
    pub p99_us: Option<f64>,
    /// The same, from the send of the request (service time).
    pub service_p50_us: Option<f64>,
    /// The same, from the send of the request (service time).
    pub service_p99_us: Option<f64>,
    /// Requests that failed, by kind.
    pub failures: BTreeMap<String, u64>,
    /// Requests that had no complete answer when their turn was over, the usual last one of each
    /// client included.
    pub unfinished: u64,
    /// CPU time of the whole process tree, reaped children included, by complete answer, in
    /// microseconds.
    pub cpu_us_per_request: Option<f64>,
    /// The largest proportional set size of the whole process tree that was seen, in bytes.
    pub peak_pss: Option<u64>,
    /// Descriptors that the process tree had more than before a turn, at most; none where they may
    /// be those of more processes or threads, or could not be counted.
    pub descriptors_left: Option<u64>,
    /// Zombies more than before a turn, at most.
    pub zombies_left: usize,
    /// Whether a client waits while another one says nothing, which is answered once it speaks.
    pub one_at_a_time: bool,
    /// Whether neither is answered.
    pub no_answer: bool,
    /// How the server ended, if it did not survive a turn.
    pub died: Option<String>,
    /// The one word for it.
    pub broke: Broke,
    #[serde(skip)]
    cpu: Duration,
    #[serde(skip)]
    response: Option<Histogram<u64>>,
    #[serde(skip)]
    service: Option<Histogram<u64>>,
}

/// One of the turns of a row.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct TurnFigures {
    /// Whether an interruption cut it short.
    pub cut_short: bool,
    /// Requests with a complete answer.
    pub answered: u64,
    /// How long it was measured.
    pub seconds: f64,
    /// CPU time of the whole process tree.
    pub cpu_seconds: f64,
    /// CPU time of the load generator, which can spend `generator_threads` times `seconds`.
    pub generator_cpu_seconds: f64,
    /// Threads that the load generator ran on.
    pub generator_threads: usize,
}

/// What broke, the worst thing first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Broke {
    /// The server is gone.
    Died,
    /// Descriptors were not closed.
    Leaks,
    /// Children were not reaped.
    Zombies,
    /// It does not answer at all, be it one client or two.
    NoAnswer,
    /// A silent client keeps the others waiting.
    OneAtATime,
    /// Nothing that was looked for.
    Nothing,
    /// It had no turn.
    NotMeasured,
}

impl Broke {
    /// As a person reads it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Died => "died",
            Self::Leaks => "leaks",
            Self::Zombies => "zombies",
            Self::NoAnswer => "no answer",
            Self::OneAtATime => "one at a time",
            Self::Nothing => "–",
            Self::NotMeasured => "not measured",
        }
    }
}

impl Comparison {
    /// The rows of a plan, with nothing in them yet.
    pub fn of(plan: &Plan) -> Self {
        let work = match plan.reuse {
            Reuse::PerRequest => Work::ConnectionPerRequest,
            Reuse::KeepAlive => Work::KeepAlive,
        };
        Self {
            schema: SCHEMA,
            work,
            rounds: plan.rounds,
            seconds_per_turn: plan.duration.as_secs_f64(),
            partial: true,
            debug_build: cfg!(debug_assertions),
            rows: plan
                .rows()
                .zip(numbered(&plan.subjects).iter().cycle())
                .map(|((level, subject), name)| Row::new(subject, name, level))
                .collect(),
        }
    }

    /// Whether a row has less behind its figures than others: fewer turns, or a last one that was
    /// cut short.
    pub fn has_less(&self, row: &Row) -> bool {
        let most = self.rows.iter().map(|row| row.turns.len()).max();
        let is_cut_short = row.turns.last().is_some_and(|turn| turn.cut_short);
        is_cut_short || Some(row.turns.len()) < most
    }

    /// Whether every row has its figures.
    pub fn is_complete(&self) -> bool {
        !self.partial && self.rows.iter().all(|row| row.error.is_none())
    }
}

/// The names of the subjects, with a number behind a name that was there before.
fn numbered(subjects: &[Subject]) -> Vec<String> {
    let mut seen = HashMap::new();
    let name = |subject: &Subject| {
        let count = seen.entry(subject.name().to_owned()).or_insert(0);
        *count += 1;
        match *count {
            1 => subject.name().to_owned(),
            number => format!("{} {number}", subject.name()),
        }
    };
    subjects.iter().map(name).collect()
}

impl Row {
    fn new(subject: &Subject, name: &str, clients: usize) -> Self {
        let number = match subject {
            Subject::Rung(rung, _) => Some(rung.number),
            Subject::Peer(_) => None,
        };
        Self {
            name: name.to_owned(),
            number,
            clients,
            error: None,
            partial: true,
            turns: Vec::new(),
            answered: 0,
            seconds: 0.0,
            requests_per_second: None,
            p50_us: None,
            p99_us: None,
            service_p50_us: None,
            service_p99_us: None,
            failures: BTreeMap::new(),
            unfinished: 0,
            cpu_us_per_request: None,
            peak_pss: None,
            descriptors_left: None,
            zombies_left: 0,
            one_at_a_time: false,
            no_answer: false,
            died: None,
            broke: Broke::NotMeasured,
            cpu: Duration::ZERO,
            response: None,
            service: None,
        }
    }

    /// Adds what one more turn has shown.
    pub(super) fn add(&mut self, turn: Turn, cut_short: bool) {
        let Outcome { account, elapsed, response, service, own_cpu, threads, .. } = turn.outcome;
        self.turns.push(TurnFigures {
            cut_short,
            answered: account.answered_total(),
            seconds: elapsed.as_secs_f64(),
            cpu_seconds: turn.cpu.as_secs_f64(),
            generator_cpu_seconds: own_cpu.as_secs_f64(),
            generator_threads: threads,
        });
        self.answered += account.answered_total();
        self.seconds += elapsed.as_secs_f64();
        self.unfinished += account.in_flight;
        for (kind, count) in failures(&account) {
            *self.failures.entry(kind).or_default() += count;
        }
        self.cpu += turn.cpu;
        self.peak_pss = self.peak_pss.max(turn.peak_pss);
        self.descriptors_left = self.descriptors_left.max(turn.descriptors_left);
        self.zombies_left = self.zombies_left.max(turn.zombies_left);
        self.died = turn.died.or(self.died.take());
        merge(&mut self.response, response);
        merge(&mut self.service, service);
        self.derive();
    }

    /// Whether the load generator had next to no CPU time left in these turns: then the figures
    /// are its own rather than the server's.
    #[expect(clippy::cast_precision_loss, reason = "a few threads")]
    pub fn is_of_generator(&self) -> bool {
        let spent: f64 = self.turns.iter().map(|turn| turn.generator_cpu_seconds).sum();
        let had: f64 =
            self.turns.iter().map(|turn| turn.generator_threads as f64 * turn.seconds).sum();
        spent > 0.9 * had
    }

    /// The figures that follow from the sums.
    fn derive(&mut self) {
        #[expect(clippy::cast_precision_loss, reason = "counts and nanoseconds far below 2^52")]
        let figure = |number: u64| number as f64;
        let answered = figure(self.answered);
        self.requests_per_second = (self.seconds > 0.0).then(|| answered / self.seconds);
        let microseconds = |times: &Option<Histogram<u64>>, quantile| {
            let times = times.as_ref().filter(|times| !times.is_empty())?;
            Some(figure(times.value_at_quantile(quantile)) / 1000.0)
        };
        self.p50_us = microseconds(&self.response, 0.5);
        self.p99_us = microseconds(&self.response, 0.99);
        self.service_p50_us = microseconds(&self.service, 0.5);
        self.service_p99_us = microseconds(&self.service, 0.99);
        // Children's time comes in clock ticks: of a few requests there may be nothing to see.
        self.cpu_us_per_request = (self.answered > 0 && !self.cpu.is_zero())
            .then(|| self.cpu.as_secs_f64() * 1e6 / answered);
        self.broke = self.what_broke();
    }

    fn what_broke(&self) -> Broke {
        // Who serves one at a time may still be at it.
        let in_use = u64::from(self.one_at_a_time || self.no_answer);
        if self.died.is_some() {
            Broke::Died
        } else if self.descriptors_left.is_some_and(|left| left > in_use) {
            Broke::Leaks
        } else if self.zombies_left > 0 {
            Broke::Zombies
        } else if self.no_answer {
            Broke::NoAnswer
        } else if self.one_at_a_time {
            Broke::OneAtATime
        } else {
            Broke::Nothing
        }
    }
}

fn merge(all: &mut Option<Histogram<u64>>, more: Histogram<u64>) {
    match all {
        // Both were made alike, so that one always fits into the other.
        Some(all) => all.add(more).unwrap_or_default(),
        None => *all = Some(more),
    }
}

/// The account's failures under the words of the report; answers other than 2xx are failures too.
fn failures(account: &Account) -> impl Iterator<Item = (String, u64)> {
    let [_, _, redirected, client_error, server_error] = account.answered;
    let timed_out =
        account.timed_out_connecting + account.timed_out_waiting + account.timed_out_reading;
    let named = [
        ("status 3xx", redirected),
        ("status 4xx", client_error),
        ("status 5xx", server_error),
        ("refused", account.refused),
        ("reset", account.reset),
        ("timed out", timed_out),
        ("closed early", account.closed_early),
        ("malformed", account.malformed),
        ("out of ports", account.out_of_ports),
        ("out of descriptors", account.out_of_descriptors),
    ];
    let named = named.into_iter().map(|(kind, count)| (kind.to_owned(), count));
    let other = account.other.iter().map(|(errno, &count)| (format!("errno {errno}"), count));
    named.chain(other).filter(|&(_, count)| count > 0)
}
