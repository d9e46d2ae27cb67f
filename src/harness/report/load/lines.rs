//! What a run came to, a line or a few under each heading.

use super::{
    super::{
        super::load::{Failure, Held, Limit, Limited, Outcome, Plan},
        ink::Ink,
    },
    json::errno_name,
    page::{INDENT, counted, line, wrapped},
    units::{bytes, count, duration, float, percent, rate, time},
};
use nix::errno::Errno;
use std::{collections::BTreeMap, fmt::Write};

/// The account: the sum, and every class that has any.
pub(super) fn requests(outcome: &Outcome, ink: Ink) -> String {
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
    for (number, class, is_bad) in classes(outcome) {
        let said = line("", &format!("{:>width$}  {class}", count(number)));
        text.push_str(&if is_bad { ink.failure(&said) } else { said });
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

/// The classes that have any, with their numbers, in words; and whether they are errors.
fn classes(outcome: &Outcome) -> Vec<(u64, String, bool)> {
    let account = &outcome.account;
    let by_status =
        (1..).zip(account.answered).map(|(class, n)| (n, format!("answered {class}xx"), class > 3));
    let raw = (account.raw_answered, "answered".to_owned(), false);
    let failures = account.failures().map(|(failure, n)| (n, words(failure), true));
    let in_flight = match outcome.not_taken_up() {
        0 => "in flight when the run ended".to_owned(),
        waiting => format!("in flight at the end, {} had no connection yet", count(waiting)),
    };
    let in_flight = (account.in_flight, in_flight, false);
    by_status.chain([raw]).chain(failures).chain([in_flight]).filter(|one| one.0 > 0).collect()
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

pub(super) fn rates(plan: &Plan, outcome: &Outcome) -> String {
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
    let (received, sent) = (per_second(outcome.bytes_in), per_second(outcome.bytes_out));
    let mut traffic = vec![format!("{received}/s received"), format!("{sent}/s sent")];
    // Held connections have a line of their own.
    if plan.idle.is_none() {
        traffic.extend(connections(outcome));
    }
    let traffic = wrapped(traffic, ", ", INDENT);
    line("rate", &said) + &line("traffic", traffic.trim())
}

/// Those that were there before the window was, if any, and those that came in it.
fn connections(outcome: &Outcome) -> Vec<String> {
    let Outcome { connections_held: kept, connections_opened: opened, .. } = *outcome;
    let connections = |number| counted(number, "connection");
    match (kept, opened) {
        (0, _) => vec![format!("{} opened", connections(opened))],
        (_, 0) => vec![format!("{} kept", connections(kept))],
        (_, _) => vec![format!("{} kept", connections(kept)), format!("{} opened", count(opened))],
    }
}

pub(super) fn generator(outcome: &Outcome) -> String {
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

pub(super) fn idle(held: &Held) -> String {
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

pub(super) fn limits(limits: &[Limit]) -> String {
    let mut text = String::new();
    for Limit { what, has, needs, command } in limits {
        let what = match what {
            Limited::Ports => "ephemeral ports of a source address",
            Limited::Descriptors => "descriptors of a process",
            Limited::OpenFiles => "open files on this machine",
            Limited::Watches => "epoll watches of a user",
            Limited::TcpMemory => "pages of memory for TCP",
        };
        let said = match has {
            // Others have them, or connections that are gone and keep theirs for a minute.
            Some(has) if has >= needs => format!("{}, and none was free", count(*has)),
            Some(has) => format!("{}, but {} are needed", count(*has), count(*needs)),
            None => format!("{} are needed", count(*needs)),
        };
        text.push_str(&line("limit", &format!("{what}: {said}")));
        text.push_str(&line("", command));
    }
    text
}
