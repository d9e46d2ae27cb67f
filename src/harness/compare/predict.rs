//! What the laws of queues say of a server from its low levels, beside what was measured: a curve,
//! and where and why the measurement leaves it.
//!
//! - Closed loops: the Universal Scalability Law, throughput over clients, X(N) = λN / (1 + σ(N−1) +
//!   κN(N−1)) with λ what one client gets, σ what must be done one after another and κ what all do
//!   with all (Gunther, Guerrilla Capacity Planning, 2007). Its response time is Little's law:
//!   a closed loop has N in the system, so R = N / X.
//! - Open loops: the queue M/M/c. Requests come at random, so some must wait although the server
//!   could do all of them; for how long is Erlang's C formula. Its response time has no bound where as
//!   much comes as can be done.

use super::{
    Comparison, Estimate, Row, Unit, Why, Work, queue,
    why::{why, why_better},
};

/// How much a figure may be off what is predicted without a word.
pub(super) const OFF: f64 = 0.1;

/// How many points a curve is drawn with.
const POINTS: usize = 48;

/// The law that a server should follow, in numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Law {
    /// The Universal Scalability Law.
    Scalability {
        /// Answers a second of one client.
        lambda: f64,
        /// The share that must be done one after another.
        sigma: f64,
        /// What each costs each other.
        kappa: f64,
    },
    /// M/M/c.
    Queue {
        /// How many requests are worked at, at once.
        servers: u32,
        /// Answers a second at most.
        capacity: f64,
        /// What an answer takes, in microseconds, however little is to do.
        alone: f64,
    },
}

/// What is predicted of a server at one work.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The server.
    pub name: String,
    /// What the clients ask for.
    pub work: Work,
    /// The law, fitted.
    pub law: Law,
    /// The levels that it was fitted to; all others are above.
    pub fitted: Vec<usize>,
    /// At which of these the load generator was at its limit, or had been where the capacity was found
    /// of which they are a share: there the law is of both.
    pub of_generator: Vec<usize>,
    /// By what share the law is off at the worst of these levels: much, if the server does not follow
    /// it even there.
    pub off: f64,
    /// Where the measurement leaves it first; `None` if it stays.
    pub leaves: Option<Leaving>,
}

/// Where a measurement leaves the prediction.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaving {
    /// At how many clients, or percent.
    pub level: usize,
    /// Answers a second of a closed loop, the mean response time in microseconds of an open one.
    /// There is none where a queue has no end.
    pub predicted: Option<f64>,
    /// The same, measured; there is none where nothing was answered.
    pub measured: Option<f64>,
    /// What else was seen there, the most telling first.
    pub why: Vec<Why>,
}

impl Prediction {
    /// Whether the server follows the law at the levels that it was fitted to.
    pub fn follows(&self) -> bool {
        self.off <= OFF
    }

    /// Some points of the law's curve between two places on the axis of levels, or of requests a
    /// second.
    pub fn curve(&self, from: f64, to: f64) -> Vec<(f64, f64)> {
        places(from, to).filter_map(|x| Some((x, self.law.at(self.work.between(x))?))).collect()
    }

    /// The same of answers a second: of an open loop as many as come, up to what can be done.
    pub fn throughput(&self, from: f64, to: f64) -> Vec<(f64, f64)> {
        match self.law {
            Law::Scalability { .. } => self.curve(from, to),
            Law::Queue { capacity, .. } => {
                places(from, to).map(|rate| (rate, rate.min(capacity))).collect()
            }
        }
    }
}

impl Law {
    /// What the law says of answers a second with so many clients, or of the mean response time in
    /// microseconds at so many requests a second; `None` where a queue has no end.
    pub fn at(&self, x: f64) -> Option<f64> {
        match *self {
            Self::Scalability { lambda, sigma, kappa } => {
                Some(lambda * x / (1.0 + sigma * (x - 1.0) + kappa * x * (x - 1.0)))
            }
            Self::Queue { servers, capacity, alone } => {
                Some(alone + queue::wait(servers, capacity, x)? * 1e6)
            }
        }
    }

    /// Whether the figures of a level that it was fitted to are the load generator's too: of a queue the
    /// capacity.
    fn is_of_generator(&self, row: &Row) -> bool {
        match self {
            Self::Scalability { .. } => row.is_of_generator(),
            Self::Queue { .. } => row.has_capacity_of_generator(),
        }
    }

    /// The number of clients with which the Universal Scalability Law has its maximum.
    pub fn peak(&self) -> Option<f64> {
        match *self {
            Self::Scalability { sigma, kappa, .. } if kappa > 0.0 && sigma < 1.0 => {
                Some(((1.0 - sigma) / kappa).sqrt())
            }
            _ => None,
        }
    }
}

/// Places between two, further apart the higher, as on a logarithmic scale.
#[expect(clippy::cast_precision_loss, reason = "a few points")]
fn places(from: f64, to: f64) -> impl Iterator<Item = f64> {
    (0..POINTS).map(move |index| from * (to / from).powf(index as f64 / (POINTS - 1) as f64))
}

/// The predictions for all servers and works that have levels enough: three of which something came.
pub fn predict(comparison: &Comparison) -> Vec<Prediction> {
    let places = comparison.rows.iter().map(|row| (row.work, &row.name));
    let mut seen = Vec::new();
    for place in places {
        if !seen.contains(&place) {
            seen.push(place);
        }
    }
    let processors = comparison.server_processors();
    let of = |(work, name): (Work, &String)| {
        let rows = comparison.rows.iter().filter(move |row| row.work == work && &row.name == name);
        let rows: Vec<_> = rows.filter(|row| !row.turns.is_empty()).collect();
        prediction(work, &rows, processors)
    };
    seen.into_iter().filter_map(of).collect()
}

fn prediction(work: Work, rows: &[&Row], processors: Option<usize>) -> Option<Prediction> {
    let mut rows = rows.to_vec();
    rows.sort_by_key(|row| row.level);
    let (low, high) = match work.unit() {
        Unit::Clients => {
            rows.split_at_checked(rows.len().saturating_sub(1).min(low(rows.len())))?
        }
        // At and above what it can give, a queue has no end.
        Unit::Percent => rows.split_at(rows.partition_point(|row| row.level <= 50)),
        Unit::Held => return None,
    };
    // Of who died low down it is not known what it can do.
    if high.is_empty() || low.iter().any(|row| row.died.is_some()) {
        return None;
    }
    let law = match work.unit() {
        Unit::Percent => queue::fitted(&rows, low)?,
        _ => scalability(low)?,
    };
    let base = low.first()?;
    let leaves = high.iter().find_map(|row| leaving(&law, low, row, processors));
    let fitted = low.iter().map(|row| row.level).collect();
    let of_generator = low.iter().filter(|row| law.is_of_generator(row)).map(|row| row.level);
    let of_generator = of_generator.collect();
    let off = low.iter().filter_map(|row| {
        let (predicted, measured) = both(&law, row);
        Some(off(predicted?, measured?))
    });
    let off = off.fold(0.0, f64::max);
    let name = base.name.clone();
    Some(Prediction { name, work, law, fitted, of_generator, off, leaves })
}

/// How many of so many levels are low: two of three.
fn low(levels: usize) -> usize {
    (2 * levels).div_ceil(3)
}

/// The Universal Scalability Law through some levels: with two of them nothing can be said of κ.
fn scalability(rows: &[&Row]) -> Option<Law> {
    // N / X = 1/λ + σ/λ (N−1) + κ/λ N(N−1), each for one of what was measured, so that the levels
    // weigh alike.
    let equation = |row: &&Row| {
        let (n, x) = (clients(row), row.requests_per_second?.median);
        (x > 0.0).then(|| [1.0, n - 1.0, n * (n - 1.0)].map(|term| term * x / n))
    };
    let equations: Vec<_> = rows.iter().map(equation).collect::<Option<_>>()?;
    let most = match equations.len() {
        0 | 1 => return None,
        2 => 2,
        _ => 3,
    };
    let [first, second, third] = fitted(&equations, most)?;
    (first > 0.0).then(|| Law::Scalability {
        lambda: 1.0 / first,
        sigma: second / first,
        kappa: third / first,
    })
}

/// The clients that were measured.
#[expect(clippy::cast_precision_loss, reason = "levels are small")]
fn clients(row: &Row) -> f64 {
    row.work.measured(row.level) as f64
}

/// The coefficients of which the sums of terms are closest to one: none negative, and the second not
/// more than the first, since no more than all goes one after another. Of the terms behind the first
/// there are `most - 1` at most. The choices are so few that each is tried.
fn fitted(equations: &[[f64; 3]], most: usize) -> Option<[f64; 3]> {
    let choices: [&[usize]; 4] = [&[0], &[0, 1], &[0, 2], &[0, 1, 2]];
    let usable = choices.into_iter().filter(|choice| choice.iter().all(|&term| term < most));
    let free = usable.filter_map(|choice| least_squares(equations, choice));
    // The same with the bound reached.
    let bound: Vec<_> =
        equations.iter().map(|[one, two, three]| [one + two, 0.0, *three]).collect();
    let choices = [&[0][..], &[0, 2]].into_iter().filter(|choice| choice.len() < most.max(2));
    let bound = choices.filter_map(|choice| least_squares(&bound, choice));
    let solved = free.chain(bound.map(|[first, _, third]| [first, first, third]));
    let solved = solved
        .filter(|solution| solution.iter().all(|&one| one >= 0.0) && solution[1] <= solution[0]);
    let off = |solution: &[f64; 3]| -> f64 {
        let sum = |terms: &[f64; 3]| terms.iter().zip(solution).map(|(a, b)| a * b).sum::<f64>();
        equations.iter().map(|terms| (sum(terms) - 1.0).powi(2)).sum()
    };
    solved.min_by(|one, next| off(one).total_cmp(&off(next)))
}

/// The same without the bound, of some of the terms: the normal equations, by elimination.
fn least_squares(equations: &[[f64; 3]], terms: &[usize]) -> Option<[f64; 3]> {
    let count = terms.len();
    let mut rows = [[0.0; 4]; 3];
    for equation in equations {
        for (row, &own) in rows.iter_mut().zip(terms) {
            for (cell, &other) in row.iter_mut().zip(terms) {
                *cell += equation[own] * equation[other];
            }
            row[3] += equation[own];
        }
    }
    for pivot in 0..count {
        let scale = rows[pivot][pivot];
        if scale.abs() < f64::MIN_POSITIVE {
            return None;
        }
        rows[pivot].iter_mut().for_each(|cell| *cell /= scale);
        let own = rows[pivot];
        let others = rows.iter_mut().take(count).enumerate().filter(|(at, _)| *at != pivot);
        for (_, row) in others {
            let factor = row[pivot];
            row.iter_mut().zip(own).for_each(|(cell, other)| *cell -= factor * other);
        }
    }
    let mut solution = [0.0; 3];
    for (row, &term) in rows.iter().zip(terms) {
        solution[term] = row[3];
    }
    solution.iter().all(|one| one.is_finite()).then_some(solution)
}

/// How many processors a server has kept busy.
pub(super) fn processors(row: &Row) -> Option<f64> {
    let turns = row.turns.iter().filter(|turn| turn.seconds > 0.0);
    let busy = turns.filter_map(|turn| Some(turn.cpu_seconds? / turn.seconds));
    Estimate::of(busy).map(|one| one.median)
}

/// What the law says of a row, and what was measured, if anything was answered.
fn both(law: &Law, row: &Row) -> (Option<f64>, Option<Estimate>) {
    match *law {
        Law::Scalability { .. } => {
            (law.at(clients(row)), row.requests_per_second.filter(|_| row.answered > 0))
        }
        Law::Queue { capacity, .. } => (law.at(queue::due(row, capacity)), row.mean_us),
    }
}

/// By what share a figure is off what is predicted; not at all where its interval holds that.
fn off(predicted: f64, measured: Estimate) -> f64 {
    if measured.holds(predicted) { 0.0 } else { (measured.median / predicted - 1.0).abs() }
}

fn leaving(law: &Law, low: &[&Row], row: &Row, processors: Option<usize>) -> Option<Leaving> {
    let (predicted, measured) = both(law, row);
    let stays = predicted
        .zip(measured)
        .is_some_and(|(predicted, measured)| off(predicted, measured) <= OFF);
    let is_better = predicted.zip(measured).is_some_and(|(predicted, measured)| match law {
        Law::Scalability { .. } => measured.median > predicted,
        Law::Queue { .. } => measured.median < predicted,
    });
    (!stays).then(|| Leaving {
        level: row.level,
        predicted,
        measured: measured.map(|one| one.median),
        why: if is_better {
            why_better(low, row, low.iter().any(|row| law.is_of_generator(row)))
        } else {
            why(low, row, predicted.is_none(), processors)
        },
    })
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Placement, Plan, TurnFigures},
        *,
    };
    use std::collections::BTreeMap;

    const LEVELS: [usize; 6] = [1, 4, 16, 64, 256, 1000];

    /// Of one server, with a figure at each level.
    fn comparison(work: Work, levels: &[usize], figures: &[TurnFigures]) -> Comparison {
        let mut comparison = Comparison::of(&Plan::of_peers(&["one"], &[(work, levels)]));
        for (row, &turn) in comparison.rows.iter_mut().zip(figures) {
            row.answered = 1000;
            row.requests_per_second = Estimate::of([turn.requests_per_second]);
            row.mean_us = turn.mean_us.and_then(|mean| Estimate::of([mean]));
            row.turns.push(turn);
        }
        comparison
    }

    /// Of an open loop, by what was due and the mean time; it keeps a processor not quite busy.
    fn open(figures: &[(f64, f64)]) -> Vec<TurnFigures> {
        let turn = |&(offered, mean)| TurnFigures {
            offered: Some(offered),
            mean_us: Some(mean),
            seconds: 1.0,
            cpu_seconds: Some(0.8),
            ..TurnFigures::default()
        };
        figures.iter().map(turn).collect()
    }

    fn closed(lambda: f64, sigma: f64, kappa: f64) -> Vec<TurnFigures> {
        let law = Law::Scalability { lambda, sigma, kappa };
        let turn = |level: usize| TurnFigures {
            requests_per_second: law.at(f64::from(u16::try_from(level).unwrap())).unwrap(),
            seconds: 1.0,
            ..TurnFigures::default()
        };
        LEVELS.into_iter().map(turn).collect()
    }

    fn only(comparison: &Comparison) -> Prediction {
        let [prediction] = &predict(comparison)[..] else { panic!("not one") };
        prediction.clone()
    }

    #[test]
    fn a_server_that_follows_the_law_gives_its_numbers_back() {
        for (sigma, kappa) in [(0.0, 0.0), (0.05, 0.0), (0.02, 0.0001), (0.0, 0.001)] {
            let found = only(&comparison(Work::Hello, &LEVELS, &closed(1000.0, sigma, kappa)));
            let Law::Scalability { lambda, sigma: s, kappa: k } = found.law else { panic!() };
            let is_close = |one: f64, other: f64| (one - other).abs() < 1e-6 * other.max(1.0);
            assert!(is_close(lambda, 1000.0) && is_close(s, sigma) && is_close(k, kappa));
            assert_eq!((&found.fitted[..], &found.leaves), (&LEVELS[..4], &None));
        }
        let law = Law::Scalability { lambda: 1.0, sigma: 0.0, kappa: 0.0001 };
        assert_eq!(law.peak().map(f64::round), Some(100.0));
    }

    #[test]
    fn of_who_dies_low_down_nothing_is_predicted() {
        let mut comparison = comparison(Work::Hello, &LEVELS, &closed(1000.0, 0.0, 0.0));
        comparison.rows[5].died = Some("by SIGKILL".to_owned());
        assert_eq!(predict(&comparison).len(), 1);
        comparison.rows[0].died = Some("by SIGKILL".to_owned());
        assert!(predict(&comparison).is_empty());
    }

    #[test]
    fn where_a_server_leaves_the_law_is_found_and_why() {
        let mut figures = closed(1000.0, 0.1, 0.0);
        figures[4] = TurnFigures {
            requests_per_second: 2000.0,
            seconds: 2.0,
            cpu_seconds: Some(0.5),
            ..TurnFigures::default()
        };
        let mut comparison = comparison(Work::Hello, &LEVELS, &figures);
        assert!(only(&comparison).off < 1e-6);
        let row = &mut comparison.rows[4];
        row.failures = BTreeMap::from([("reset".to_owned(), 1000)]);
        let leaves = only(&comparison).leaves.unwrap();
        assert_eq!((leaves.level, leaves.measured), (256, Some(2000.0)));
        let predicted = leaves.predicted.unwrap();
        assert!((predicted - 256_000.0 / 26.5).abs() < 1e-3, "{predicted}");
        assert_eq!(leaves.why, [Why::Failed(500.0), Why::Waits { processors: 0.25 }]);
        // Of two processors it has one full: it has one thread.
        comparison.rows[4].turns[0].cpu_seconds = Some(1.98);
        let leaves = only(&comparison).leaves.unwrap();
        let full = Why::Full { processors: 1, dearer: 1.0 };
        assert_eq!(leaves.why, [Why::Failed(500.0), full]);
        comparison.rows[4].answered = 0;
        let leaves = only(&comparison).leaves.unwrap();
        assert_eq!((leaves.level, leaves.measured), (256, None));
    }

    #[test]
    fn an_answer_that_says_no_has_come_to_an_end_once() {
        let mut figures = closed(1000.0, 0.1, 0.0);
        figures[5].requests_per_second = 100.0;
        let mut comparison = comparison(Work::Hello, &LEVELS, &figures);
        comparison.rows[5].failures = BTreeMap::from([("status 5xx".to_owned(), 1000)]);
        let leaves = only(&comparison).leaves.unwrap();
        assert_eq!(leaves.why[0], Why::Failed(1000.0));
    }

    #[test]
    fn others_are_a_reason_only_where_they_had_more_than_before() {
        let mut figures = closed(1000.0, 0.1, 0.0);
        figures[5].requests_per_second = 100.0;
        (figures[5].disturbed, figures[5].foreign) = (true, Some(0.3));
        for (before, expected) in [(0.0, true), (0.3, false)] {
            figures[2].foreign = Some(before);
            let why = only(&comparison(Work::Hello, &LEVELS, &figures)).leaves.unwrap().why;
            assert_eq!(why.contains(&Why::Disturbed), expected, "{before}: {why:?}");
        }
    }

    #[test]
    fn one_processor_and_a_half_are_not_full() {
        let mut figures = closed(1000.0, 0.1, 0.0);
        let full = |processors| vec![Why::Full { processors, dearer: 1.0 }];
        let waits = |processors| vec![Why::Waits { processors }];
        // Of eight. Two threads may be full, or five, or not.
        for (cpu, expected) in [
            (0.95, full(1)),
            (1.05, full(1)),
            (1.45, waits(1.45)),
            (1.9, vec![]),
            (5.1, vec![]),
            (5.5, waits(5.5)),
            (7.3, full(8)),
        ] {
            figures[5] = TurnFigures {
                requests_per_second: 100.0,
                seconds: 1.0,
                cpu_seconds: Some(cpu),
                ..TurnFigures::default()
            };
            let mut comparison = comparison(Work::Hello, &LEVELS, &figures);
            comparison.placement = Some(Placement { server: (0..8).collect(), generator: vec![8] });
            let why = only(&comparison).leaves.unwrap().why;
            assert_eq!(why, expected, "{cpu}");
        }
    }

    #[test]
    fn who_does_better_than_predicted_is_not_said_to_fail() {
        let mut figures = closed(1000.0, 0.1, 0.0);
        figures[4].requests_per_second *= 2.0;
        let mut comparison = comparison(Work::Hello, &LEVELS, &figures);
        comparison.rows[4].died = Some("by SIGKILL".to_owned());
        comparison.rows[4].failures = BTreeMap::from([("reset".to_owned(), 1000)]);
        let why = |comparison: &Comparison| only(comparison).leaves.unwrap().why;
        assert_eq!(why(&comparison), []);
        let generator = &mut comparison.rows[1].turns[0];
        (generator.generator_threads, generator.generator_cpu_seconds) = (1, 1.0);
        comparison.rows[0].cpu_us_per_request = Estimate::of([1000.0]);
        comparison.rows[3].cpu_us_per_request = Estimate::of([100.0]);
        comparison.rows[4].cpu_us_per_request = Estimate::of([50.0]);
        assert_eq!(why(&comparison), [Why::HeldBack, Why::Cheaper(0.5)]);
    }

    #[test]
    fn what_is_of_the_generator_is_said_of_the_law() {
        let mut figures = closed(1000.0, 0.1, 0.0);
        (figures[2].generator_threads, figures[2].generator_cpu_seconds) = (1, 0.95);
        assert_eq!(only(&comparison(Work::Hello, &LEVELS, &figures)).of_generator, [16]);
    }

    #[test]
    fn a_law_that_does_not_hold_even_low_down_is_said_to_be_off() {
        let mut figures = closed(1000.0, 0.1, 0.0);
        figures[0].requests_per_second = 200.0;
        let off = only(&comparison(Work::Hello, &LEVELS, &figures)).off;
        assert!(off > 0.3, "{off}");
    }

    #[test]
    fn of_less_than_three_levels_nothing_is_predicted() {
        let figures = closed(1000.0, 0.1, 0.0);
        assert_eq!(predict(&comparison(Work::Hello, &LEVELS[..2], &figures)), []);
        // Nor where there is nothing above what the law is fitted to.
        let mut turn = figures[0];
        turn.offered = Some(500.0);
        assert_eq!(predict(&comparison(Work::Overload, &[50], &[turn])), []);
    }

    #[test]
    fn no_more_than_all_goes_one_after_another() {
        let mut figures = closed(1000.0, 1.0, 0.0);
        // More clients, fewer answers: σ alone would have to be more than one.
        figures[1].requests_per_second = 700.0;
        for levels in [3, 6] {
            let found = only(&comparison(Work::Hello, &LEVELS[..levels], &figures));
            let Law::Scalability { sigma, kappa, .. } = found.law else { panic!() };
            assert!((0.0..=1.0).contains(&sigma) && kappa >= 0.0, "{found:?}");
        }
    }

    #[test]
    fn an_open_loop_is_a_queue_that_has_no_end_at_capacity() {
        let levels = [50, 90, 100];
        // A millisecond for each, and a tenth of one besides. That the turns of the last level had found
        // a little less to be the capacity makes no end to its queue.
        let figures = open(&[(500.0, 2100.0), (900.0, 10_100.0), (995.0, 500_000.0)]);
        let found = only(&comparison(Work::Overload, &levels, &figures));
        // At half of its capacity of 1,000 a second the queue costs a millisecond, at 90 % nine.
        let Law::Queue { servers, capacity, alone } = found.law else { panic!() };
        assert_eq!((servers, capacity), (1, 1000.0));
        assert!((alone - 1100.0).abs() < 1e-6, "{alone}");
        let leaves = found.leaves.unwrap();
        assert_eq!(
            (leaves.level, leaves.predicted, &leaves.why[..]),
            (100, None, &[Why::Overrun { of_generator: false }][..])
        );
    }

    #[test]
    fn a_capacity_of_the_load_generator_is_not_said_to_be_the_servers() {
        let mut figures = open(&[(500.0, 2100.0), (900.0, 3000.0), (1000.0, 4000.0)]);
        for turn in &mut figures {
            turn.generator_at_capacity = Some(0.95);
        }
        let found = only(&comparison(Work::Overload, &[50, 90, 100], &figures));
        assert_eq!(found.of_generator, [50]);
        assert_eq!(found.leaves.unwrap().why, [Why::HeldBack]);
        let found = only(&comparison(Work::Overload, &[50, 100], &[figures[0], figures[2]]));
        assert_eq!(found.leaves.unwrap().why, [Why::Overrun { of_generator: true }]);
    }

    #[test]
    fn all_low_levels_have_a_part_in_what_an_answer_takes_alone() {
        // Alone 1.2 ms and 1 ms, and then the queue's third of a millisecond and its whole one.
        let figures = open(&[(250.0, 1533.0), (500.0, 2000.0), (1000.0, 500_000.0)]);
        let mut comparison = comparison(Work::Overload, &[25, 50, 100], &figures);
        let found = only(&comparison);
        let Law::Queue { alone, .. } = found.law else { panic!() };
        assert!((1050.0..1150.0).contains(&alone) && found.follows(), "{found:?}");
        comparison.rows[0].mean_us = Estimate::of([3000.0]);
        assert!(!only(&comparison).follows());
        // As far off, but within what is sure.
        for row in &mut comparison.rows[..2] {
            let Estimate { median, .. } = row.mean_us.unwrap();
            row.mean_us = Some(Estimate { median, low: median / 2.0, high: median * 2.0 });
        }
        assert!(only(&comparison).follows());
    }

    #[test]
    fn an_open_loop_waits_for_requests_and_may_stall() {
        let figures = open(&[(500.0, 2000.0), (900.0, 90_000.0), (1000.0, 500_000.0)]);
        let mut comparison = comparison(Work::Overload, &[50, 90, 100], &figures);
        for (median, why) in [(60_000.0, &[][..]), (1000.0, &[Why::Stalls(1000.0)])] {
            comparison.rows[1].p50_us = Estimate::of([median]);
            assert_eq!(only(&comparison).leaves.unwrap().why, why);
        }
    }
}
