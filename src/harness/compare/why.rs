//! Why a measurement may have left its prediction.

use super::{
    Broke, Estimate, Row, Unit,
    predict::{OFF, processors},
};

/// From what share of the time on a processor is full.
const FULL: f64 = 0.9;

/// So near to a whole number of processors it may be so many threads that are full.
const NEAR: f64 = 0.15;

/// From how many medians on a mean is that of a few long times.
const HEAVY: f64 = 3.0;

/// What may be why a measurement is not as predicted.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// The server was gone.
    Died,
    /// So many requests in a thousand failed.
    Failed(f64),
    /// The figures are the load generator's.
    Generator,
    /// Others had much of the machine.
    Disturbed,
    /// Descriptors or zombies add up.
    AddsUp(Broke),
    /// It kept all its processors busy all the time, or one as a single thread does, and an answer took
    /// so many times the CPU that it took at the highest level that the law was fitted to.
    Full {
        /// How many; a server of one thread has no use for more than one.
        processors: usize,
        /// For one.
        dearer: f64,
    },
    /// It kept only so many processors busy, though its clients asked at once: it waits for something
    /// else.
    Waits {
        /// A fraction of one, or some and a fraction.
        processors: f64,
    },
    /// The mean is many times the median, so many microseconds: a few answers took very long.
    Stalls(f64),
    /// As much comes as was found that can be done, or more: the queue may grow until the turn is over.
    Overrun {
        /// Whether it was the load generator that could do no more.
        of_generator: bool,
    },
    /// It did better, and the law is also that of the load generator, which was at its limit.
    HeldBack,
    /// It did better, and an answer took only so much of the CPU that it took at the highest of these.
    Cheaper(f64),
}

/// How many times the CPU an answer took that it took at the highest of some lower levels.
fn dearer(row: &Row, low: &[&Row]) -> f64 {
    let cpu = |row: &Row| row.cpu_us_per_request.map(|one| one.median);
    let then = low.last().and_then(|row| cpu(row));
    cpu(row).zip(then).map_or(1.0, |(now, then)| now / then)
}

/// What others had of the machine in a turn of a row, as a rule.
fn others(row: &Row) -> f64 {
    let shares = row.turns.iter().filter_map(|turn| turn.foreign);
    Estimate::of(shares).map_or(0.0, |one| one.median)
}

/// The median time, if the mean is much more than a queue makes of it: times there are much as if
/// exponential, with a mean of 1.4 medians.
fn stalls(row: &Row) -> Option<f64> {
    let (mean, median) = (row.mean_us?.median, row.p50_us?.median);
    (mean > HEAVY * median).then_some(median)
}

/// What was seen that tells why it does more, or the same sooner, than the lower levels have it.
pub(super) fn why_better(low: &[&Row], row: &Row, is_of_generator: bool) -> Vec<Why> {
    let held_back = is_of_generator.then_some(Why::HeldBack);
    let dearer = dearer(row, low);
    let cheaper = (dearer <= 1.0 - OFF).then_some(Why::Cheaper(dearer));
    held_back.into_iter().chain(cheaper).collect()
}

/// What was seen at this level that tells why it is not as the lower ones have it.
pub(super) fn why(low: &[&Row], row: &Row, is_overrun: bool, available: Option<usize>) -> Vec<Why> {
    let failed: u64 = row.failures.values().sum();
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let failed = failed as f64 * 1000.0 / row.ended().max(1) as f64;
    let dearer = dearer(row, low);
    let disturbed = row.turns.iter().any(|turn| turn.disturbed);
    // What was so at the low levels is in the law.
    let before = low.iter().map(|row| others(row)).fold(0.0, f64::max);
    let is_more = disturbed && others(row) > before + OFF;
    let load = processors(row).and_then(|busy| {
        // A clock of hundredths of a second makes it a little more than all, too.
        #[expect(clippy::cast_precision_loss, reason = "a few processors")]
        let all = available.filter(|&all| busy >= FULL * all as f64);
        let one = (FULL..=1.0 + NEAR).contains(&busy).then_some(1);
        if let Some(processors) = all.or(one) {
            return Some(Why::Full { processors, dearer });
        }
        // Whether some of its threads are full, or more of them are so busy, is not known. And whom
        // others kept from its processors, or who was not asked any faster, did not wait of its own
        // accord.
        let may_be_full = busy > 1.0 && (busy - busy.round()).abs() <= NEAR;
        let is_asked = row.work.unit() != Unit::Percent && !row.is_of_generator();
        (is_asked && !disturbed && !may_be_full).then_some(Why::Waits { processors: busy })
    });
    let stalls = stalls(row).filter(|_| row.work.unit() == Unit::Percent);
    let adds_up = matches!(row.broke, Broke::Leaks | Broke::Zombies);
    let seen = [
        row.died.is_some().then_some(Why::Died),
        is_overrun.then_some(Why::Overrun { of_generator: row.has_capacity_of_generator() }),
        (failed >= 1.0).then_some(Why::Failed(failed)),
        row.is_of_generator().then_some(Why::Generator),
        adds_up.then_some(Why::AddsUp(row.broke)),
        load.filter(|_| !is_overrun),
        stalls.filter(|_| !is_overrun).map(Why::Stalls),
        is_more.then_some(Why::Disturbed),
    ];
    seen.into_iter().flatten().collect()
}
