//! A run on a page: what a person reads at a glance, and no line over 80 columns.

use super::{
    super::{
        super::load::{
            Account, Arrivals, Failure, Held, Limit, Limited, Outcome, Pace, Plan, Reuse, Slow,
            SlowAt, Step, Work,
        },
        table::{Lean, table, text as plain},
    },
    LoadRun,
    draw::{Bucket, bar, buckets, sparkline},
    json::errno_name,
    series::placed,
    units::{bytes, count, duration, float, percent, rate, time},
    verdict::{Concern, Knee, concerns, knee, p99_bound},
};
use hdrhistogram::Histogram;
use nix::errno::Errno;
use std::{collections::BTreeMap, fmt::Write, time::Duration};

/// Columns of a page.
const WIDTH: usize = 80;

/// The column where what is said about a heading begins.
const INDENT: usize = 11;

/// How much longer response than service time must be to be worth a word, in nanoseconds.
const WORTH_A_WORD: u64 = 1_000_000;

/// The run as a person reads it. The first lines say so if the figures are the generator's own or
/// the run was cut short.
pub fn load_text(run: &LoadRun<'_>) -> String {
    let LoadRun { plan, outcome, .. } = *run;
    let mut text = warnings(run);
    text.push_str(&title(run));
    text.push('\n');
    text.push_str(&requests(outcome));
    text.push_str(&rates(outcome));
    text.push_str(&generator(outcome));
    outcome.idle.iter().for_each(|held| text.push_str(&idle(held)));
    text.push_str(&limits(&outcome.limits));
    if let Pace::Ramp { .. } = plan.pace {
        text.push('\n');
        text.push_str(&ramp(outcome));
    }
    if !outcome.response.is_empty() || !outcome.connect.is_empty() {
        text.push('\n');
        text.push_str(&times(plan, outcome));
    }
    if !outcome.response.is_empty() {
        text.push('\n');
        text.push_str(&histogram(&outcome.response));
    }
    if outcome.seconds.len() > 2 {
        text.push('\n');
        text.push_str(&seconds(outcome));
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

/// The account: the sum, and every class that has any.
fn requests(outcome: &Outcome) -> String {
    let Outcome { started, account, .. } = outcome;
    let (answered, failed) = (account.answered_total(), account.failed());
    let sum = format!(
        "{} started = {} answered + {} failed + {} in flight",
        count(*started),
        count(answered),
        count(failed),
        count(account.in_flight)
    );
    let mut text = line("requests", &sum);
    let width = count(*started).len();
    for (number, class) in classes(account) {
        text.push_str(&line("", &format!("{:>width$}  {class}", count(number))));
    }
    if !account.errors.is_empty() {
        text.push_str(&line("errors", &errors(&account.errors)));
    }
    if outcome.surplus > 0 {
        let surplus = format!("{} answers had bytes behind their end", count(outcome.surplus));
        text.push_str(&line("surplus", &surplus));
    }
    text
}

/// The classes that have any, with their numbers, in words.
fn classes(account: &Account) -> Vec<(u64, String)> {
    let by_status =
        (1..).zip(account.answered).map(|(class, n)| (n, format!("answered {class}xx")));
    let raw = (account.raw_answered, "answered".to_owned());
    let failures = account.failures().map(|(failure, n)| (n, words(failure)));
    let in_flight = (account.in_flight, "in flight when the run ended".to_owned());
    by_status.chain([raw]).chain(failures).chain([in_flight]).filter(|(n, _)| *n > 0).collect()
}

fn words(failure: Failure) -> String {
    match failure {
        Failure::Refused => "refused: nobody listened",
        Failure::Reset => "reset by the server",
        Failure::TimedOutConnecting => "timed out connecting",
        Failure::TimedOutWaiting => "timed out waiting for the first byte",
        Failure::TimedOutReading => "timed out reading the answer",
        Failure::ClosedEarly => "closed early, before the answer was complete",
        Failure::Malformed => "malformed: not an HTTP answer",
        Failure::OutOfPorts => "out of ports: no local port was left",
        Failure::OutOfDescriptors => "out of descriptors: none was left",
        Failure::Other(errno) => {
            return format!(
                "{}: {}",
                errno_name(errno),
                Errno::from_raw(errno).desc().to_lowercase()
            );
        }
    }
    .to_owned()
}

fn errors(errors: &BTreeMap<i32, u64>) -> String {
    let each = errors.iter().map(|(&errno, &n)| format!("{} {}", count(n), errno_name(errno)));
    each.collect::<Vec<_>>().join(", ")
}

fn rates(outcome: &Outcome) -> String {
    let answered = format!("{} answered", rate(outcome.answer_rate()));
    let said = match outcome.rate_asked {
        // The average of a ramp is nothing that anybody asked for.
        Some(asked) if outcome.steps.len() < 2 => {
            format!("{} asked, {} kept, {answered}", rate(asked), rate(outcome.rate_kept()))
        }
        Some(_) | None => answered,
    };
    let seconds = outcome.elapsed.as_secs_f64();
    let per_second = |sum: u64| bytes(if seconds > 0.0 { float(sum) / seconds } else { 0.0 });
    let traffic = format!(
        "{}/s received, {}/s sent, {} opened",
        per_second(outcome.bytes_in),
        per_second(outcome.bytes_out),
        counted(outcome.connections_opened, "connection")
    );
    line("rate", &said) + &line("traffic", &traffic)
}

fn generator(outcome: &Outcome) -> String {
    let threads = counted(outcome.threads as u64, "thread");
    let mut said = format!("{threads}, busy {} of the time", percent(outcome.own_cpu_share()));
    if outcome.spin {
        said.push_str(" besides spinning");
    }
    if !outcome.lag.is_empty() {
        write!(said, "; p99 of its lag {}", time(outcome.lag.value_at_quantile(0.99))).ok();
    }
    line("generator", &said)
}

fn idle(held: &Held) -> String {
    let seconds = held.set_up.as_secs_f64();
    let speed = if seconds > 0.0 { float(held.opened) / seconds } else { 0.0 };
    let mut text = line(
        "held",
        &format!(
            "{} of {} connections, set up in {} ({}), {} lost",
            count(held.opened),
            count(held.wanted),
            duration(held.set_up),
            rate(speed),
            count(held.lost)
        ),
    );
    if !held.failed.is_empty() {
        text.push_str(&line("", &format!("not opened: {}", errors(&held.failed))));
    }
    if let Some(memory) = held.own_memory.filter(|_| held.opened > 0) {
        let each = bytes(float(memory) / float(held.opened));
        text.push_str(&line("memory", &format!("{each} of the generator's own for each")));
    }
    text
}

fn limits(limits: &[Limit]) -> String {
    let mut text = String::new();
    for Limit { what, has, needs, command } in limits {
        let what = match what {
            Limited::Ports => "ephemeral ports of a source address",
            Limited::Descriptors => "descriptors of a process",
            Limited::OpenFiles => "open files on this machine",
            Limited::Watches => "epoll watches of a user",
            Limited::TcpMemory => "pages of memory for TCP",
        };
        let has = has.map_or_else(String::new, |has| format!("{}, ", count(has)));
        let said = format!("{what}: {has}but {} are needed", count(*needs));
        text.push_str(&line("limit", &said));
        text.push_str(&line("", command));
    }
    text
}

fn ramp(outcome: &Outcome) -> String {
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
    let mut text = plain(&steps);
    let Some(knee) = knee(outcome) else { return text };
    let bound = outcome.steps.first().map_or(0, p99_bound);
    let said = match knee {
        Knee::At(at) => format!("at {}, the last step that held.", rate(at)),
        Knee::Below(first) => format!("below {}: the first step did not hold.", rate(first)),
        Knee::Above(last) => format!("not up to {}: all steps held.", rate(last)),
    };
    let rule = format!(
        "{said} A step holds if 99 % of its requests are answered and its p99 is at most {}: ten \
         times that of the first step, or 10 ms.",
        time(bound)
    );
    text.push('\n');
    text.push_str(&wrapped_line("knee", &rule));
    text
}

fn times(plan: &Plan, outcome: &Outcome) -> String {
    let start = match plan.pace {
        Pace::Closed if plan.idle.is_none() => "a free client",
        _ => "the schedule",
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

fn histogram(times: &Histogram<u64>) -> String {
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
fn seconds(outcome: &Outcome) -> String {
    let seconds: Vec<_> =
        placed(outcome).filter(|one| one.length >= Duration::from_millis(100)).collect();
    let rates: Vec<f64> =
        seconds.iter().map(|one| float(one.second.answered) / one.length.as_secs_f64()).collect();
    let p99: Vec<f64> =
        seconds.iter().map(|one| one.second.response(0.99).map_or(0.0, float)).collect();
    let ends = |numbers: &[f64], show: &dyn Fn(f64) -> String| {
        let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        format!("{} to {}", show(least), show(highest(numbers)))
    };
    let width = WIDTH - INDENT - 24;
    let row = |name, numbers: &[f64], merge, show: &dyn Fn(f64) -> String| {
        line(name, &format!("{}  {}", sparkline(numbers, width, merge), ends(numbers, show)))
    };
    let nanoseconds = |number: f64| duration(Duration::from_secs_f64(number / 1e9));
    row("answers", &rates, mean, &rate) + &row("p99", &p99, highest, &nanoseconds)
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / float(numbers.len().max(1) as u64)
}

fn highest(numbers: &[f64]) -> f64 {
    numbers.iter().copied().fold(0.0, f64::max)
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

fn counted(number: u64, thing: &str) -> String {
    format!("{} {thing}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A line with its heading.
fn line(heading: &str, said: &str) -> String {
    format!("{heading:<INDENT$}{said}\n")
}

/// Sentences with their heading.
fn wrapped_line(heading: &str, said: &str) -> String {
    let text = wrapped(said.split(' '), " ", INDENT);
    line(heading, text.trim())
}

/// Parts on as few lines as they fit on, each indented.
fn wrapped<T: AsRef<str>>(
    parts: impl IntoIterator<Item = T>,
    separator: &str,
    indent: usize,
) -> String {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        let part = part.as_ref();
        let ends = separator.trim_end();
        match lines.last_mut() {
            Some(last)
                if last.chars().count() + (separator.len() + part.chars().count() + ends.len())
                    <= WIDTH =>
            {
                last.push_str(separator);
                last.push_str(part);
            }
            last => {
                if let Some(last) = last {
                    last.push_str(ends);
                }
                lines.push(format!("{:indent$}{part}", ""));
            }
        }
    }
    lines.into_iter().map(|line| line + "\n").collect()
}
