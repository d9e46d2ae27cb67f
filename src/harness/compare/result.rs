//! What came of a comparison, as plain data: the report draws it, scripts read it as JSON.

use super::{
    super::{load::Account, observe::Machine},
    Estimate, Known, Peer, Place, Placement, Plan, Subject, Unit, Work,
    figures::TurnFigures,
    statistics::surely_not_one,
    turn::Turn,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap},
    time::SystemTime,
};

/// The shape of the JSON; it changes whenever the meaning of a field does.
const SCHEMA: u32 = 4;

/// So busy the load generator can do no more.
const AT_LIMIT: f64 = 0.9;

/// A whole comparison.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Comparison {
    /// The version of this shape.
    pub schema: u32,
    /// When it began, in the form of RFC 3339.
    pub began: String,
    /// What made it: the version, and the commit where that is known.
    #[serde(default)]
    pub program: String,
    /// The command line, for a shell.
    #[serde(default)]
    pub command: String,
    /// What it ran on.
    pub machine: Option<Machine>,
    /// Which processors the servers and the load generator had; `null` if all had all.
    pub placement: Option<Placement>,
    /// Where the order of the turns began; `--seed` gives the same again.
    pub seed: u64,
    /// Whom all others are compared with.
    pub base: Option<String>,
    /// How many turns make a row.
    pub rounds: u32,
    /// How long a turn counts; those of `wait` four times as long, of `burn` and `overload` twice, and
    /// those of thousands of clients at least 0.2 ms for each.
    pub seconds_per_turn: f64,
    /// Whether it is not over yet or was interrupted: then some rows have fewer turns, or none.
    pub partial: bool,
    /// Figures of programs that were not optimised say little.
    pub debug_build: bool,
    /// The servers, in the order of the rows.
    pub servers: Vec<Server>,
    /// All servers at the first level of the first work, then all at the next.
    pub rows: Vec<Row>,
}

/// A server that takes part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Server {
    /// What the rows call it.
    pub name: String,
    /// The rung's number; none for a peer.
    pub number: Option<u8>,
    /// The command, of a peer; of one that is known by name with words for what each start makes anew.
    pub command: Option<String>,
    /// What a peer that is known by name says of its version.
    pub version: Option<String>,
    /// What such a peer was told to do: its configuration, or its application.
    pub configuration: Option<String>,
}

impl Server {
    fn of(subject: &Subject, name: String) -> Self {
        let (number, peer) = match subject {
            Subject::Rung(rung, _) => (Some(rung.number), None),
            Subject::Peer(peer) => (None, Some(peer)),
        };
        let known = match peer {
            Some(Peer::Known(known)) => Some(*known),
            _ => None,
        };
        let command = match peer {
            Some(Peer::Command(command)) => Some(command.clone()),
            _ => known.and_then(Known::command),
        };
        let version = known.and_then(Known::version);
        // Of one that is not there it does not matter.
        let configuration = version.as_ref().and(known).and_then(Known::example);
        Self { name, number, command, version, configuration }
    }
}

/// One server at one level of one work.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// The rung or peer; the second of a name has a number behind it, as in `nginx 2`.
    pub name: String,
    /// The rung's number; none for a peer.
    pub number: Option<u8>,
    /// What the clients ask for.
    pub work: Work,
    /// How many clients at once; of `idle`, connections that are held beside 16 clients; of
    /// `overload`, requests a second in percent of what the server gives at most.
    pub level: usize,
    /// Why there are no figures: it could not be built, or did not come up.
    pub error: Option<String>,
    /// Why this work is not for this server.
    pub not_done: Option<String>,
    /// Whether turns are missing, or the last one was cut short.
    pub partial: bool,
    /// The turns that the figures are of. A figure is the median of theirs.
    pub turns: Vec<TurnFigures>,
    /// Requests with a complete answer, in all turns.
    pub answered: u64,
    /// Complete answers a second.
    pub requests_per_second: Option<Estimate>,
    /// Half of the answers came within so many microseconds of the start of the connect
    /// (response time); of a keep-alive request, of its send; of an open loop, of its place in the
    /// schedule, and who has no answer when the turn is over counts with its age.
    pub p50_us: Option<Estimate>,
    /// 99 of 100 did; none where a turn had fewer than a hundred.
    pub p99_us: Option<Estimate>,
    /// The mean response time, which is what the laws of queues are about.
    #[serde(default)]
    pub mean_us: Option<Estimate>,
    /// The same, from the send of the request (service time).
    pub service_p50_us: Option<Estimate>,
    /// The same, from the send of the request (service time).
    pub service_p99_us: Option<Estimate>,
    /// CPU time of the whole process tree, reaped children included, by complete answer, in
    /// microseconds.
    pub cpu_us_per_request: Option<Estimate>,
    /// Memory that each held connection costs the process tree, in bytes: the anonymous part of the
    /// proportional set size.
    pub memory_per_connection: Option<Estimate>,
    /// What it has for one of the base's; none if there is no base, or it is this.
    pub to_base: Option<Ratios>,
    /// Requests that failed, by kind.
    pub failures: BTreeMap<String, u64>,
    /// Requests that had no complete answer when their turn was over, the usual last one of each
    /// client included.
    pub unfinished: u64,
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
}

/// The figures of a row for one of the base's: each is the median of the pairs that they make round
/// by round.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ratios {
    /// Complete answers a second.
    pub requests_per_second: Option<Estimate>,
    /// Response time.
    pub p99_us: Option<Estimate>,
    /// CPU time by complete answer.
    pub cpu_us_per_request: Option<Estimate>,
}

/// What broke, the worst thing first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Broke {
    /// The server is gone.
    Died,
    /// Descriptors were not closed.
    Leaks,
    /// Children were not reaped.
    Zombies,
    /// It does not answer at all: not one client or two, or nobody beside those of the work.
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
            Self::Nothing => "nothing",
            Self::NotMeasured => "not measured",
        }
    }
}

impl Comparison {
    /// The version of the shape that this program writes, and reads.
    pub const SCHEMA: u32 = SCHEMA;

    /// The rows of a plan, with nothing in them yet.
    pub fn of(plan: &Plan) -> Self {
        let names = names(&plan.subjects);
        let row =
            |place: Place| Row::new(&plan.subjects[place.subject], &names[place.subject], place);
        Self {
            schema: SCHEMA,
            began: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            program: concat!("rungs ", env!("CARGO_PKG_VERSION")).to_owned(),
            command: String::new(),
            machine: Machine::now(),
            placement: plan.placement.clone(),
            seed: plan.seed,
            base: plan.base.clone(),
            rounds: plan.rounds,
            seconds_per_turn: plan.duration.as_secs_f64(),
            partial: true,
            debug_build: cfg!(debug_assertions),
            servers: plan
                .subjects
                .iter()
                .zip(names.iter().cloned())
                .map(|(subject, name)| Server::of(subject, name))
                .collect(),
            rows: plan.places().map(row).collect(),
        }
    }

    /// The rows of one work at one level, for each such.
    pub fn groups(&self) -> impl Iterator<Item = &[Row]> {
        self.rows.chunk_by(|one, next| (one.work, one.level) == (next.work, next.level))
    }

    /// How many processors the servers had.
    pub(super) fn server_processors(&self) -> Option<usize> {
        let placed = self.placement.as_ref().map(|placement| placement.server.len());
        placed.or(self.machine.as_ref().map(|machine| machine.processors))
    }

    /// Whether there is any figure.
    pub fn is_measured(&self) -> bool {
        self.rows.iter().any(|row| !row.turns.is_empty())
    }

    /// Relates all rows to those of the base.
    pub(super) fn relate(&mut self) {
        let is_one = |one: &Row, next: &Row| (one.work, one.level) == (next.work, next.level);
        for group in self.rows.chunk_by_mut(is_one) {
            let base = group.iter().find(|row| Some(&row.name) == self.base.as_ref()).cloned();
            for row in group.iter_mut() {
                let base = base.as_ref().filter(|base| base.name != row.name);
                row.to_base = base.map(|base| Ratios {
                    requests_per_second: row
                        .ratio(base, |turn| Some(turn.requests_per_second))
                        .filter(|_| row.died.is_none() && base.died.is_none()),
                    p99_us: row.ratio(base, |turn| turn.p99_us),
                    cpu_us_per_request: row.ratio(base, |turn| turn.cpu_us_per_request),
                });
            }
        }
    }

    /// Whether a row has less behind its figures than others: fewer turns, or a last one that was
    /// cut short.
    pub fn has_less(&self, row: &Row) -> bool {
        let most = self.rows.iter().map(|row| row.turns.len()).max();
        let is_cut_short = row.turns.last().is_some_and(|turn| turn.cut_short);
        is_cut_short || Some(row.turns.len()) < most
    }

    /// Whether every row has its figures, or is known to have none, and one has some.
    pub fn is_complete(&self) -> bool {
        !self.partial && self.is_measured() && self.rows.iter().all(|row| row.error.is_none())
    }
}

/// What the servers are called in the report, with a number behind a name that was there before.
pub fn names(subjects: &[Subject]) -> Vec<String> {
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
    fn new(subject: &Subject, name: &str, place: Place) -> Self {
        let number = match subject {
            Subject::Rung(rung, _) => Some(rung.number),
            Subject::Peer(_) => None,
        };
        Self {
            name: name.to_owned(),
            number,
            work: place.work,
            level: place.level,
            error: None,
            not_done: None,
            partial: true,
            turns: Vec::new(),
            answered: 0,
            requests_per_second: None,
            p50_us: None,
            p99_us: None,
            mean_us: None,
            service_p50_us: None,
            service_p99_us: None,
            cpu_us_per_request: None,
            memory_per_connection: None,
            to_base: None,
            failures: BTreeMap::new(),
            unfinished: 0,
            peak_pss: None,
            descriptors_left: None,
            zombies_left: 0,
            one_at_a_time: false,
            no_answer: false,
            died: None,
            broke: Broke::NotMeasured,
        }
    }

    /// Complete answers a second; none of who died in the middle, for that is no rate.
    pub fn rate(&self) -> Option<Estimate> {
        self.requests_per_second.filter(|_| self.died.is_none())
    }

    /// The requests a second that were due, of an open loop.
    pub fn offered(&self) -> Option<f64> {
        Estimate::of(self.turns.iter().filter_map(|turn| turn.offered)).map(|one| one.median)
    }

    /// The share of an open loop's requests that had no answer when their turn was over.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub fn unanswered(&self) -> Option<f64> {
        let all = self.ended() + self.unfinished;
        // Of who answers nobody at all no share could be taken, and nothing was due.
        self.offered().filter(|_| all > 0).map(|_| self.unfinished as f64 / all as f64)
    }

    /// The largest share of the machine's processors that others had in a turn.
    pub fn foreign(&self) -> Option<f64> {
        self.turns.iter().filter_map(|turn| turn.foreign).reduce(f64::max)
    }

    /// Its work and level in words: `16 at once`, or `wait, 16 at once`.
    pub fn at(&self) -> String {
        let level = self.level;
        let level = match self.work.unit() {
            Unit::Clients => format!("{level} at once"),
            Unit::Held => format!("{level} held"),
            Unit::Percent => format!("{level} %"),
        };
        if self.work == Work::Hello { level } else { format!("{}, {level}", self.work.name()) }
    }

    /// Adds what one more turn has shown, which was that turn of the run.
    pub(super) fn add(&mut self, turn: Turn, round: u32, number: u32, cut_short: bool) {
        let disturbed = turn.is_disturbed();
        let account = &turn.measured.outcome.account;
        self.answered += account.answered_total();
        self.unfinished += account.in_flight;
        for (kind, count) in failures(account) {
            *self.failures.entry(kind).or_default() += count;
        }
        self.peak_pss = self.peak_pss.max(turn.measured.peak_pss);
        self.descriptors_left = self.descriptors_left.max(turn.descriptors_left);
        self.zombies_left = self.zombies_left.max(turn.zombies_left);
        self.died = turn.died.or(self.died.take());
        let figures = TurnFigures::of(&turn.measured);
        self.turns.push(TurnFigures { round, turn: number, cut_short, disturbed, ..figures });
        self.derive();
    }

    /// Requests that have come to an end, good or bad.
    pub(super) fn ended(&self) -> u64 {
        let unanswered = self.failures.iter().filter(|(kind, _)| !kind.starts_with(STATUS));
        self.answered + unanswered.map(|(_, count)| count).sum::<u64>()
    }

    /// The share of a closed loop's requests that were still waiting when their turn was over, and had
    /// waited for longer than 99 of 100 answers took, or than half of the turn.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub fn overdue(&self) -> f64 {
        let overdue: u64 = self.turns.iter().map(|turn| turn.overdue).sum();
        overdue as f64 / (self.ended() + self.unfinished).max(1) as f64
    }

    /// Whether the load generator was at its limit, as a rule, when the capacity was found of which an
    /// open loop offers a share: then that is what both can do.
    pub fn has_capacity_of_generator(&self) -> bool {
        let busy = self.turns.iter().filter_map(|turn| turn.generator_at_capacity);
        Estimate::of(busy).is_some_and(|one| one.median > AT_LIMIT)
    }

    /// Whether the load generator had next to no CPU time left in these turns: then the figures
    /// are its own rather than the server's.
    #[expect(clippy::cast_precision_loss, reason = "a few threads")]
    pub fn is_of_generator(&self) -> bool {
        let spent: f64 = self.turns.iter().map(|turn| turn.generator_cpu_seconds).sum();
        let had: f64 =
            self.turns.iter().map(|turn| turn.generator_threads as f64 * turn.seconds).sum();
        spent > AT_LIMIT * had
    }

    /// How much of a figure this row has for one of another row: the median of the pairs.
    fn ratio(&self, base: &Self, figure: impl Fn(&TurnFigures) -> Option<f64>) -> Option<Estimate> {
        Estimate::of(self.pairs(base, figure))
    }

    /// The ratios of a figure to that of another row, round by round.
    fn pairs(
        &self,
        base: &Self,
        figure: impl Fn(&TurnFigures) -> Option<f64>,
    ) -> impl Iterator<Item = f64> {
        self.turns.iter().filter_map(move |turn| {
            let of = |row: &Self| figure(row.turns.iter().find(|one| one.round == turn.round)?);
            let (own, base) = (figure(turn)?, of(base)?);
            (base > 0.0).then(|| own / base)
        })
    }

    /// Whether this row's answers a second surely differ from another's.
    pub fn surely_differs(&self, other: &Self) -> bool {
        let pairs = self.pairs(other, |turn| Some(turn.requests_per_second));
        surely_not_one(&pairs.collect::<Vec<_>>())
    }

    /// The figures that follow from the turns.
    fn derive(&mut self) {
        let of = |figure: fn(&TurnFigures) -> Option<f64>| {
            Estimate::of(self.turns.iter().filter_map(figure))
        };
        self.requests_per_second = of(|turn| Some(turn.requests_per_second));
        self.p50_us = of(|turn| turn.p50_us);
        self.p99_us = self.of_all(|turn| turn.p99_us);
        self.mean_us = of(|turn| turn.mean_us);
        self.service_p50_us = of(|turn| turn.service_p50_us);
        self.service_p99_us = self.of_all(|turn| turn.service_p99_us);
        self.cpu_us_per_request = of(|turn| turn.cpu_us_per_request);
        self.memory_per_connection = of(|turn| turn.memory_per_connection);
        self.broke = self.what_broke();
    }

    /// Of a figure that a turn of few answers does not have: of those turns that have it, it would be
    /// that of the quickest. An interruption has nothing to do with the server.
    fn of_all(&self, figure: fn(&TurnFigures) -> Option<f64>) -> Option<Estimate> {
        let turns = self.turns.iter().filter(|turn| !turn.cut_short || figure(turn).is_some());
        Estimate::of(turns.map(figure).collect::<Option<Vec<_>>>()?)
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
        } else if self.answered == 0 && !self.turns.is_empty() {
            Broke::NoAnswer
        } else {
            Broke::Nothing
        }
    }
}

/// How the names of those failures begin that are answers.
const STATUS: &str = "status ";

/// The account's failures under the words of the report; answers other than 2xx are failures too.
fn failures(account: &Account) -> impl Iterator<Item = (String, u64)> {
    let [_, _, redirected, client_error, server_error] = account.answered;
    let timed_out =
        account.timed_out_connecting + account.timed_out_waiting + account.timed_out_reading;
    let answered = [("3xx", redirected), ("4xx", client_error), ("5xx", server_error)];
    let answered = answered.map(|(class, count)| (format!("{STATUS}{class}"), count));
    let named = [
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
    answered.into_iter().chain(named).chain(other).filter(|&(_, count)| count > 0)
}
