//! Times in tables and pictures.

use super::{
    super::{
        super::load::{Outcome, Pace, Plan, Step},
        table::{Lean, table, text},
    },
    LoadRun,
    draw::{Bucket, bar, buckets, sparkline},
    page::{INDENT, WIDTH, line, wrapped_line},
    series::placed,
    units::{count, duration, float, percent, rate, time},
    verdict::{Concern, Knee, concern, knee, p99_bound},
};
use hdrhistogram::Histogram;
use std::{fmt::Write, time::Duration};

pub(super) fn ramp(run: &LoadRun<'_>) -> String {
    let outcome = run.outcome;
    let columns = ["asked", "kept", "answered", "failed", "waiting", "p50", "p99", "max"];
    let mut steps = table(&columns.map(|title| (title, Lean::Right)), false);
    for step in &outcome.steps {
        let Step { started, answered, failed, response, .. } = step;
        let at = |quantile| quantile_text(response, quantile);
        steps.add_row([
            rate(step.rate),
            rate(step.rate_kept()),
            rate(step.answer_rate()),
            count(*failed),
            count(started.saturating_sub(answered + failed)),
            at(0.5),
            at(0.99),
            at(1.0),
        ]);
    }
    let mut text = text(&steps);
    let Some(knee) = knee(outcome) else { return text };
    let bound = outcome.steps.first().map_or(0, p99_bound);
    let said = match knee {
        Knee::At(at) => format!("at {}, the last step that held.", rate(at)),
        Knee::Below(first) => format!("below {}: the first step did not hold.", rate(first)),
        Knee::Above(last) => format!("not up to {}: all steps held.", rate(last)),
    };
    let is_own = concern(run).is_some_and(Concern::is_of_generator);
    let whose = if is_own { " Here it may be the generator's own." } else { "" };
    let rule = format!(
        "{said} A step holds if 99 % of its requests are answered and its p99 is at most {}: ten \
         times that of the first step, or 10 ms.{whose}",
        time(bound)
    );
    text.push('\n');
    text.push_str(&wrapped_line("knee", &rule));
    text
}

pub(super) fn times(plan: &Plan, outcome: &Outcome) -> String {
    let start = match plan.pace {
        Pace::Closed if plan.idle.is_none() => "actual start",
        _ => "intended start",
    };
    let rows = [
        ("response time", &outcome.response, start),
        ("service time", &outcome.service, "the send"),
        ("first byte", &outcome.first_byte, "the send"),
        ("connect", &outcome.connect, "connect(2)"),
    ];
    let titles = ["p50", "p90", "p99", "p99.9", "max"].map(|title| format!("{title:>10}"));
    let mut text = format!("{:14}{}  counted from\n", "", titles.concat());
    for (name, times, start) in rows.into_iter().filter(|(_, times, _)| !times.is_empty()) {
        let quantiles = [0.5, 0.9, 0.99, 0.999, 1.0].map(|quantile| quantile_text(times, quantile));
        let quantiles = quantiles.map(|time| format!("{time:>10}"));
        writeln!(text, "{name:<14}{}  {start}", quantiles.concat()).ok();
    }
    text
}

fn quantile_text(times: &Histogram<u64>, quantile: f64) -> String {
    if times.is_empty() {
        return "–".to_owned();
    }
    // The maximum is exact where the quantile is the end of its slot.
    time(times.value_at_quantile(quantile).min(times.max()))
}

pub(super) fn histogram(times: &Histogram<u64>) -> String {
    let buckets = buckets(times);
    let most = buckets.iter().map(|bucket| bucket.count).max().unwrap_or(1);
    let width = buckets.iter().map(|bucket| count(bucket.count).len()).max().unwrap_or(0);
    let mut text = "response time, up to\n".to_owned();
    for Bucket { up_to, count: number, .. } in buckets {
        let part = percent(float(number) / float(times.len()));
        let (number, share) = (count(number), float(number) / float(most));
        let row = format!(
            "{:>10}  {number:>width$}  {part:>6}  {}",
            round_time(up_to),
            bar(share, WIDTH - 24 - width)
        );
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

/// A round number of nanoseconds without the zeros that [`time`] adds.
fn round_time(nanoseconds: u64) -> String {
    let text = time(nanoseconds);
    match text.split_once(' ') {
        Some((number, unit)) if number.contains('.') => {
            format!("{} {unit}", number.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text,
    }
}

/// How rate and p99 went, second by second. A last second that is no tenth of one is left out.
pub(super) fn seconds(outcome: &Outcome) -> String {
    let seconds: Vec<_> =
        placed(outcome).filter(|one| one.length >= Duration::from_millis(100)).collect();
    let rates = seconds.iter().map(|one| float(one.second.answered) / one.length.as_secs_f64());
    let rates: Vec<_> = rates.map(Some).collect();
    let p99 = seconds.iter().map(|one| one.second.response(0.99).map(float));
    let p99: Vec<_> = p99.collect();
    let nanoseconds = |number: f64| duration(Duration::from_secs_f64(number / 1e9));
    row("answers", &rates, mean, rate) + &row("p99", &p99, highest, nanoseconds)
}

/// A sparkline with the lowest and the highest number that is in it; nothing if there is none.
fn row(
    name: &str,
    numbers: &[Option<f64>],
    merge: fn(&[f64]) -> f64,
    show: impl Fn(f64) -> String,
) -> String {
    let all: Vec<f64> = numbers.iter().copied().flatten().collect();
    let Some(lowest) = all.iter().copied().reduce(f64::min) else { return String::new() };
    let picture = sparkline(numbers, WIDTH - INDENT - 24, merge);
    line(name, &format!("{picture}  {} to {}", show(lowest), show(highest(&all))))
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / float(numbers.len().max(1) as u64)
}

fn highest(numbers: &[f64]) -> f64 {
    numbers.iter().copied().fold(0.0, f64::max)
}
