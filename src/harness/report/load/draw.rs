//! Small pictures made of characters: bars and sparklines.

use hdrhistogram::Histogram;

/// A blank, then an eighth of a column more each.
const BAR: [char; 9] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

/// From the lowest to the full height.
const SPARK: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The upper ends of buckets within a power of ten, from fine to coarse, in tenths.
const ENDS: [&[u64]; 4] =
    [&[10, 12, 15, 20, 25, 30, 40, 50, 60, 80], &[10, 15, 20, 30, 50, 70], &[10, 20, 50], &[10]];

/// Lines of a histogram at most, unless even powers of ten are more.
const LINES: usize = 12;

/// A bar of at most `width` columns. What is more than nothing can be seen.
pub(super) fn bar(part: f64, width: usize) -> String {
    let eighths = steps(part, 8 * width).max(usize::from(part > 0.0));
    let mut bar = "█".repeat(eighths / 8);
    if eighths % 8 > 0 {
        bar.push(BAR[eighths % 8]);
    }
    bar
}

/// A line of at most `width` columns that shows numbers in their order, each as high as its part of
/// the highest, and a blank where there is none. Where there are more than columns, `merge` makes
/// one of several.
pub(super) fn sparkline(numbers: &[Option<f64>], width: usize, merge: fn(&[f64]) -> f64) -> String {
    let together = numbers.len().div_ceil(width).max(1);
    let merged = numbers.chunks(together).map(|some| {
        let some: Vec<f64> = some.iter().copied().flatten().collect();
        (!some.is_empty()).then(|| merge(&some))
    });
    let columns: Vec<_> = merged.collect();
    let highest = columns.iter().flatten().copied().fold(0.0, f64::max);
    let height = |number: f64| if highest > 0.0 { steps(number / highest, 7) } else { 0 };
    columns.into_iter().map(|number| number.map_or(' ', |n| SPARK[height(n)])).collect()
}

/// How many of `all` steps a part is, 0 to 1.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "between 0 and a small number"
)]
fn steps(part: f64, all: usize) -> usize {
    (part.clamp(0.0, 1.0) * all as f64).round() as usize
}

/// Values of a histogram between two round numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    /// Above this, in nanoseconds; 0 in a bucket that begins with the smallest value.
    pub(super) above: u64,
    pub(super) up_to: u64,
    pub(super) count: u64,
}

/// All values of a histogram of nanoseconds in buckets as small as a few lines allow, the empty
/// ones between them too.
pub(super) fn buckets(times: &Histogram<u64>) -> Vec<Bucket> {
    let [finest, coarser @ ..] = ENDS;
    coarser.iter().fold(buckets_with(times, finest), |buckets, ends| {
        if buckets.len() > LINES { buckets_with(times, ends) } else { buckets }
    })
}

fn buckets_with(times: &Histogram<u64>, ends: &[u64]) -> Vec<Bucket> {
    // A tenth of a nanosecond is the unit of `ENDS`; the highest is more than any histogram has.
    let ends: Vec<u64> =
        (0..=14).flat_map(|power| ends.iter().map(move |end| end * 10_u64.pow(power))).collect();
    let place = |value| ends.partition_point(|&end| end < 10 * value);
    // A histogram knows a value by three digits: those of the lowest that it may have been.
    let lowest = |value| place(times.lowest_equivalent(value));
    let (first, last) = (lowest(times.min()), lowest(times.max()));
    let bucket = |index: usize| {
        let above = if index == first { 0 } else { ends[index - 1] / 10 };
        Bucket { above, up_to: ends[index] / 10, count: 0 }
    };
    let mut buckets: Vec<_> = (first..=last).map(bucket).collect();
    for step in times.iter_recorded() {
        buckets[lowest(step.value_iterated_to()) - first].count += step.count_at_value();
    }
    buckets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(values: &[u64]) -> Histogram<u64> {
        let mut times = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).expect("bounds");
        for &value in values {
            times.record(value).expect("within the bounds");
        }
        times
    }

    #[test]
    fn more_than_nothing_can_be_seen() {
        assert_eq!(bar(0.0, 10), "");
        assert_eq!(bar(0.000_001, 10), "▏");
        assert_eq!(bar(0.5, 10), "█████");
        assert_eq!(bar(0.55, 10), "█████▌");
        assert_eq!(bar(1.0, 10), "██████████");
    }

    #[test]
    fn a_sparkline_fits_its_width() {
        let line = |numbers: &[f64], width| {
            let numbers: Vec<_> = numbers.iter().map(|&n| (n >= 0.0).then_some(n)).collect();
            sparkline(&numbers, width, |some| some.iter().copied().fold(0.0, f64::max))
        };
        assert_eq!(line(&[0.0, 1.0, 7.0, 3.5], 10), "▁▂█▅");
        assert_eq!(line(&[1.0, 1.0, 7.0, 0.0, 7.0], 3), "▂██");
        assert_eq!(line(&[1.0, -1.0, 1.0, -1.0, -1.0], 10), "█ █  ");
        assert_eq!(line(&[-1.0, -1.0, -1.0, 1.0], 2), " █");
        assert_eq!(line(&[0.0, 0.0], 10), "▁▁");
        assert_eq!(line(&[], 10), "");
    }

    #[test]
    fn buckets_are_as_small_as_lines_allow() {
        let bounds = |values: &[u64]| -> Vec<_> {
            let buckets = buckets(&times(values)).into_iter();
            buckets.map(|Bucket { above, up_to, count }| (above, up_to, count)).collect()
        };
        let ms = 1_000_000;
        assert_eq!(bounds(&[20 * ms]), [(0, 20 * ms, 1)]);
        assert_eq!(
            bounds(&[20 * ms, 21 * ms, 31 * ms, 31 * ms]),
            [(0, 20 * ms, 1), (20 * ms, 25 * ms, 1), (25 * ms, 30 * ms, 0), (30 * ms, 40 * ms, 2)]
        );
        let wide = bounds(&[ms / 3, ms, 900 * ms]);
        assert_eq!(wide.first(), Some(&(0, ms / 2, 1)));
        assert_eq!(wide.last(), Some(&(500 * ms, 1000 * ms, 1)));
        assert_eq!(wide.len(), 11);
        assert_eq!(bounds(&[1, 3_600_000_000_000]).iter().map(|bucket| bucket.2).sum::<u64>(), 2);
    }
}
