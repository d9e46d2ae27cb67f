//! The seconds of a run, as CSV and as an HdrHistogram log.

use super::{
    super::super::load::{Outcome, Second},
    LoadRun,
};
use anyhow::{Context, Result};
use hdrhistogram::serialization::{V2DeflateSerializer, interval_log::IntervalLogWriterBuilder};
use std::{fmt::Write, time::Duration};

const HEADER: &str =
    "second,seconds,started,answered,failed,in_flight,response_p50_us,response_p99_us\n";

/// One second of a run with its place in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed<'a> {
    /// When it began, counted from the opening of the window.
    pub(super) begins: Duration,
    /// A second, or what was left for the last one.
    pub(super) length: Duration,
    pub(super) second: &'a Second,
}

/// The seconds of a run, each with its place.
pub(super) fn placed(outcome: &Outcome) -> impl Iterator<Item = Placed<'_>> {
    (0..).zip(&outcome.seconds).map(|(index, second)| {
        let begins = Duration::from_secs(index);
        let length = outcome.elapsed.saturating_sub(begins).min(Duration::from_secs(1));
        Placed { begins, length, second }
    })
}

/// The quantile of a second's response times, in microseconds.
#[expect(clippy::cast_precision_loss, reason = "nanoseconds far below 2^53")]
pub(super) fn microseconds(second: &Second, quantile: f64) -> Option<f64> {
    second.response(quantile).map(|nanoseconds| nanoseconds as f64 / 1000.0)
}

/// The seconds of a run as CSV (RFC 4180, with line feeds): a header line, then a line for each.
/// The fields are those of `series` in the JSON; a time is empty if nothing was answered.
pub fn load_csv(run: &LoadRun<'_>) -> String {
    let mut csv = HEADER.to_owned();
    for Placed { begins, length, second } in placed(run.outcome) {
        let Second { started, answered, failed, in_flight, .. } = second;
        let time = |quantile| {
            microseconds(second, quantile).map_or_else(String::new, |time| format!("{time:.3}"))
        };
        // Writing into a String cannot fail.
        writeln!(
            csv,
            "{},{:.3},{started},{answered},{failed},{in_flight},{},{}",
            begins.as_secs(),
            length.as_secs_f64(),
            time(0.5),
            time(0.99)
        )
        .ok();
    }
    csv
}

/// The response times of a run as an HdrHistogram interval log (format 1.3, `HistogramLogWriter`
/// of the HdrHistogram project), one interval a second. Values are in nanoseconds; the column of
/// the largest is in milliseconds, as that project's own writer has it.
///
/// # Errors
/// A histogram that cannot be packed.
pub fn load_hdr(run: &LoadRun<'_>) -> Result<String> {
    let opened_at = run.outcome.opened_at;
    let (mut log, mut serializer) = (Vec::new(), V2DeflateSerializer::new());
    let mut writer = IntervalLogWriterBuilder::new()
        .add_comment("[Logged with rungs load]")
        .add_comment("[Histogram log format version 1.3]")
        .with_start_time(opened_at)
        .with_base_time(opened_at)
        .with_max_value_divisor(1e6)
        .begin_log_with(&mut log, &mut serializer)
        .context("write the log's head")?;
    for Placed { begins, length, second } in placed(run.outcome) {
        let histogram = second.histogram().context("histogram")?;
        writer.write_histogram(&histogram, begins, length, None).context("pack a histogram")?;
    }
    String::from_utf8(log).context("the log is text")
}

#[cfg(test)]
mod tests {
    use super::{
        super::made::{outcome, plan, run},
        *,
    };

    #[test]
    fn the_last_second_is_as_long_as_it_was() {
        let (plan, mut outcome) = (plan(), outcome());
        outcome.elapsed = Duration::from_millis(3250);
        assert_eq!(
            load_csv(&run(&plan, &outcome)),
            format!(
                "{HEADER}0,1.000,1000,1000,0,0,,\n1,1.000,1000,1000,0,0,,\n\
                 2,1.000,1000,1000,0,0,,\n3,0.250,1000,1000,0,0,,\n"
            )
        );
    }

    #[test]
    fn the_log_has_its_head_and_a_line_a_second() {
        let (plan, outcome) = (plan(), outcome());
        let log = load_hdr(&run(&plan, &outcome)).expect("a log");
        let lines: Vec<_> = log.lines().collect();
        assert_eq!(lines.len(), 9);
        assert_eq!(lines[1], "#[Histogram log format version 1.3]");
        assert_eq!(lines[2], "#[StartTime: 1500000000.250 (seconds since epoch)]");
        assert!(lines[8].starts_with("3.000,1.000,0.000,HIST"), "{log}");
    }
}
