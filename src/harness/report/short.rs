//! Quantities in the few characters that a table's column has for them.

use std::time::Duration;

/// At most five characters: `0.4`, `87`, `12.3k`, `1.2M`.
pub(super) fn number(number: f64) -> String {
    match number {
        0.0 => "0".to_owned(),
        n if n < 9.95 => format!("{n:.1}"),
        n if n < 9_999.5 => format!("{n:.0}"),
        n if n < 99_950.0 => format!("{:.1}k", n / 1e3),
        n if n < 999_500.0 => format!("{:.0}k", n / 1e3),
        n => format!("{:.1}M", n / 1e6),
    }
}

#[expect(clippy::cast_precision_loss, reason = "only large counts are rounded, to three figures")]
pub(super) fn count(count: u64) -> String {
    if count < 10_000 { count.to_string() } else { number(count as f64) }
}

/// A count that travels as a number of another kind.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts")]
pub(super) fn count_of(number: f64) -> String {
    count(number as u64)
}

/// Microseconds, in at most five characters: `85µs`, `1.2ms`, `12ms`, `1.2s`.
pub(super) fn time(microseconds: f64) -> String {
    match microseconds {
        t if t < 9.95 => format!("{t:.1}µs"),
        t if t < 999.5 => format!("{t:.0}µs"),
        t if t < 9_950.0 => format!("{:.1}ms", t / 1e3),
        t if t < 999_500.0 => format!("{:.0}ms", t / 1e3),
        t => format!("{:.1}s", t / 1e6),
    }
}

/// Bytes, in at most five characters: `87B`, `87K`, `1.2M`, `12M`, `1.2G`.
#[expect(clippy::cast_precision_loss, reason = "rounded to two figures")]
pub(super) fn memory(bytes: u64) -> String {
    match bytes as f64 / 1024.0 {
        k if k < 1.0 && bytes > 0 => format!("{bytes}B"),
        k if k < 999.5 => format!("{k:.0}K"),
        k if k < 9.95 * 1024.0 => format!("{:.1}M", k / 1024.0),
        k if k < 999.5 * 1024.0 => format!("{:.0}M", k / 1024.0),
        k => format!("{:.1}G", k / 1024.0 / 1024.0),
    }
}

/// In at most five characters: `120ms`, `9.5s`, `99s`, `12m`, `47h`, `12d`.
pub(super) fn duration(duration: Duration) -> String {
    match duration.as_secs_f64() {
        s if s < 0.9995 => format!("{:.0}ms", s * 1e3),
        s if s < 9.95 => format!("{s:.1}s"),
        s if s < 99.5 => format!("{s:.0}s"),
        s if s < 99.5 * 60.0 => format!("{:.0}m", s / 60.0),
        s if s < 99.5 * 3600.0 => format!("{:.0}h", s / 3600.0),
        s => format!("{:.0}d", s / 86_400.0),
    }
}

/// How much of a processor: `0%`, `12%`, `200%`.
pub(super) fn share(processors: f64) -> String {
    format!("{:.0}%", 100.0 * processors)
}
