//! A run on a page: what a person reads at a glance, and no line over 80 columns.

use super::{
    super::super::load::{Arrivals, Outcome, Pace, Plan, Reuse, Slow, SlowAt, Work},
    LoadRun, lines,
    page::{counted, wrapped},
    tables,
    units::{bytes, duration, float, percent, rate, time},
    verdict::{Concern, concerns},
};
use hdrhistogram::Histogram;
use std::fmt::Write;

/// How much longer response than service time must be to be worth a word, in nanoseconds.
const WORTH_A_WORD: u64 = 1_000_000;

/// The run as a person reads it. The first lines say so if the figures are the generator's own or
/// the run was cut short.
pub fn load_text(run: &LoadRun<'_>) -> String {
    let LoadRun { plan, outcome, .. } = *run;
    let mut text = warnings(run);
    text.push_str(&title(run));
    text.push('\n');
    text.push_str(&lines::requests(outcome));
    text.push_str(&lines::rates(outcome));
    text.push_str(&lines::generator(outcome));
    outcome.idle.iter().for_each(|held| text.push_str(&lines::idle(held)));
    text.push_str(&lines::limits(&outcome.limits));
    if let Pace::Ramp { .. } = plan.pace {
        text.push('\n');
        text.push_str(&tables::ramp(outcome));
    }
    if !outcome.response.is_empty() || !outcome.connect.is_empty() {
        text.push('\n');
        text.push_str(&tables::times(plan, outcome));
    }
    if !outcome.response.is_empty() {
        text.push('\n');
        text.push_str(&tables::histogram(&outcome.response));
    }
    if outcome.seconds.len() > 2 {
        text.push('\n');
        text.push_str(&tables::seconds(outcome));
    }
    text.push_str(&notes(plan, outcome));
    text
}

/// What to know before the first figure is read.
fn warnings(run: &LoadRun<'_>) -> String {
    let mut text = String::new();
    for concern in concerns(run) {
        let warning = match concern {
            Concern::AtLimit(busy) => {
                let more = run.outcome.threads < run.cores;
                let hint = if more { " More --threads may help." } else { "" };
                format!(
                    "The generator was at its limit, busy {} of its time: the figures are its own \
                     rather than the server's.{hint}",
                    percent(busy)
                )
            }
            Concern::Behind(lag) => format!(
                "The generator fell behind its schedule: one request in a hundred was {} late or \
                 more. Response times include that.",
                time(lag)
            ),
            Concern::NoneFree(part) => format!(
                "The rate was not kept: {} of the requests were due, but found no connection free. \
                 The server is too slow for it, or more --connections are needed.",
                percent(part)
            ),
        };
        text.push_str(&wrapped(warning.split(' '), " ", 0));
    }
    if run.interrupted {
        let measured = duration(run.outcome.elapsed);
        writeln!(text, "Interrupted: these are the figures of the first {measured}.").ok();
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// What was loaded, and how.
fn title(run: &LoadRun<'_>) -> String {
    let LoadRun { url, plan, outcome, .. } = *run;
    let mut text = url.to_owned();
    let addresses: Vec<_> = plan.targets.iter().map(ToString::to_string).collect();
    if !addresses.iter().all(|address| url.contains(address)) {
        write!(text, " ({})", addresses.join(", ")).ok();
    }
    text.push('\n');
    let mut said = vec![pace(plan), asked(&plan.work)];
    said.push(match plan.reuse {
        Reuse::KeepAlive => "keep-alive".to_owned(),
        Reuse::PerRequest => "a connection per request".to_owned(),
    });
    if plan.idle.is_none() {
        said.push(counted(plan.connections as u64, "client"));
    }
    if plan.pipeline > 1 {
        said.push(format!("up to {} requests at a time on each connection", plan.pipeline));
    }
    if let Some(Slow { bytes_per_second, at }) = plan.slow {
        let verb = match at {
            SlowAt::Sending => "send",
            SlowAt::Reading => "read",
        };
        said.push(format!("which {verb} {}/s", bytes(float(bytes_per_second))));
    }
    if plan.spin {
        said.push("spinning".to_owned());
    }
    if !plan.warm_up.is_zero() {
        said.push(format!("warm-up {}", duration(plan.warm_up)));
    }
    said.push(format!("counted {}", duration(outcome.elapsed)));
    text.push_str(&wrapped(said.iter().filter(|part| !part.is_empty()), ", ", 0));
    text
}

fn pace(plan: &Plan) -> String {
    let arrivals = match plan.pace.arrivals() {
        Some(Arrivals::Poisson) => "Poisson",
        Some(Arrivals::Constant) | None => "constant",
    };
    match (&plan.pace, plan.idle, plan.pace.rates()) {
        (_, Some(idle), _) => {
            let held = counted(plan.connections as u64, "connection");
            format!("{held} held, asked {} in all", rate(idle.rate))
        }
        (Pace::Ramp { .. }, None, [first, .., last]) => format!(
            "open loop from {} to {} in {} steps ({arrivals})",
            rate(*first),
            rate(*last),
            plan.pace.rates().len()
        ),
        (_, None, [steady, ..]) => format!("open loop at {} ({arrivals})", rate(*steady)),
        (_, None, []) => "closed loop".to_owned(),
    }
}

/// The requests, if they are not one GET, which the URL shows.
fn asked(work: &Work) -> String {
    match work {
        Work::Raw(content) => format!("{} as they are", counted(content.len() as u64, "byte")),
        Work::Mix(mix) => match &mix[..] {
            [one] if one.request.body.is_empty() && one.request.method == "GET" => String::new(),
            [one] if one.request.body.is_empty() => one.request.method.clone(),
            [one] => {
                format!(
                    "{} with {}",
                    one.request.method,
                    bytes(float(one.request.body.len() as u64))
                )
            }
            many => format!("a mix of {} requests", many.len()),
        },
    }
}

/// What the figures do not say by themselves.
fn notes(plan: &Plan, outcome: &Outcome) -> String {
    let mut notes = Vec::new();
    let p99 = |times: &Histogram<u64>| times.value_at_quantile(0.99);
    let (response, service) = (p99(&outcome.response), p99(&outcome.service));
    if plan.pace == Pace::Closed && plan.idle.is_none() {
        notes.push(
            "A closed loop: while the server stalls nobody asks, and the times of those who would \
             have come are missing (coordinated omission). --rate counts them."
                .to_owned(),
        );
    } else if response > 2 * service && response - service > WORTH_A_WORD {
        notes.push(format!(
            "Requests waited for a connection, as users would have: p99 is {} from the schedule, \
             and {} from the send, which leaves that wait out.",
            time(response),
            time(service)
        ));
    }
    if cfg!(debug_assertions) {
        notes.push(
            "This is a debug build; `cargo run --release -- load` takes less of the CPU."
                .to_owned(),
        );
    }
    let text: String = notes.iter().map(|note| wrapped(note.split(' '), " ", 0)).collect();
    if text.is_empty() { text } else { format!("\n{text}") }
}
