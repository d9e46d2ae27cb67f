//! Figures as a person reads them: three digits that count, and a unit.

use indicatif::HumanCount;
use std::time::Duration;

/// A time in nanoseconds, in at most seven characters: `312 µs`, `1.25 ms`, `60.0 s`.
pub(super) fn time(nanoseconds: u64) -> String {
    three_digits(float(nanoseconds), 1000.0, &["ns", "µs", "ms", "s"])
}

/// A duration, by the same rule.
pub(super) fn duration(duration: Duration) -> String {
    time(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

/// Bytes, in powers of 1024: `312 B`, `1.25 KiB`.
pub(super) fn bytes(bytes: f64) -> String {
    three_digits(bytes, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB"])
}

/// A number of things: `1,234,567`.
pub(super) fn count(count: u64) -> String {
    HumanCount(count).to_string()
}

/// How often a second: `12,345/s`, and below ten with what follows the point: `0.5/s`.
pub(super) fn rate(per_second: f64) -> String {
    if per_second < 9.95 {
        let text = format!("{per_second:.2}");
        return format!("{}/s", text.trim_end_matches('0').trim_end_matches('.'));
    }
    format!("{}/s", count(rounded(per_second)))
}

/// A part of the whole: `12 %`, `0.4 %`.
pub(super) fn percent(part: f64) -> String {
    match 100.0 * part {
        percent if percent == 0.0 || percent >= 9.95 => format!("{percent:.0} %"),
        percent if percent < 0.1 => "<0.1 %".to_owned(),
        percent => format!("{percent:.1} %"),
    }
}

/// Where a number comes from a count or from a time, exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts and nanoseconds far below 2^53")]
pub(super) fn float(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "never negative")]
fn rounded(number: f64) -> u64 {
    number.round() as u64
}

fn three_digits(number: f64, step: f64, units: &[&str]) -> String {
    let (mut number, mut units, smallest) = (number, units, units.first());
    // What would be rounded to four digits belongs to the next unit.
    while let [unit, rest @ ..] = units {
        if number < 999.5 || rest.is_empty() {
            let is_smallest = Some(unit) == smallest;
            let decimals = match number {
                n if is_smallest || n >= 99.95 => 0,
                n if n >= 9.995 => 1,
                _ => 2,
            };
            return format!("{number:.decimals$} {unit}");
        }
        number /= step;
        units = rest;
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_count() {
        for (nanoseconds, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (9_994, "9.99 µs"),
            (9_996, "10.0 µs"),
            (99_940, "99.9 µs"),
            (99_960, "100 µs"),
            (999_499, "999 µs"),
            (999_500, "1.00 ms"),
            (12_340_000, "12.3 ms"),
            (3_600_000_000_000, "3600 s"),
        ] {
            assert_eq!(time(nanoseconds), text);
        }
        assert_eq!([0.0, 2.5, 999.4].map(bytes), ["0 B", "2 B", "999 B"]);
        assert_eq!(bytes(1536.0), "1.50 KiB");
    }

    #[test]
    fn rates_and_parts() {
        assert_eq!(
            [0.0, 0.5, 5.0, 9.96, 12_345.4].map(rate),
            ["0/s", "0.5/s", "5/s", "10/s", "12,345/s"]
        );
        assert_eq!([0.0, 0.0004, 0.05, 0.9].map(percent), ["0 %", "<0.1 %", "5.0 %", "90 %"]);
    }
}
