//! What is to be known of a server before it is measured: whom it keeps waiting, and which works it
//! can do.

use super::{
    super::load::{self, Reuse},
    Comparison, Plan, Row, Subject, Work,
    turn::{BOUND, GRACE, settle, start},
};
use anyhow::{Context, Result};
use std::{
    collections::BTreeMap,
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// How long a second client waits while a first one says nothing, and that one when it has spoken.
const SILENCE: Duration = Duration::from_millis(250);

/// The same when a server is asked again: the machine may have had much else to do. Beside a server that
/// is slow when it is asked by one alone it is so many times as long as that takes.
const LONGER: Duration = Duration::from_millis(900);
const SLOWER: u32 = 3;

/// How long a connection may take to be made, and an answer that is asked for alone.
const PATIENCE: Duration = Duration::from_secs(2);

/// Enters into all rows what is to be known of their servers.
pub(super) fn all(
    plan: &Plan,
    stop: &AtomicBool,
    before: &dyn Fn(&str),
    comparison: &mut Comparison,
) {
    for (index, subject) in plan.subjects.iter().enumerate() {
        before(&format!("{}, beside a silent client", comparison.rows[index].name));
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let found = beside_silent(plan, subject).map_err(|error| format!("{error:#}"));
        let mut known = BTreeMap::new();
        for row in comparison.rows.iter_mut().skip(index).step_by(plan.subjects.len()) {
            row.one_at_a_time = found == Ok(BesideSilent::Waits);
            row.no_answer = found == Ok(BesideSilent::NoAnswer);
            row.error = found.clone().err();
            if row.error.is_some() {
                continue;
            }
            let no_answer = row.no_answer;
            let why_not = known
                .entry(row.work)
                .or_insert_with_key(|&work| why_not(plan, subject, work, no_answer, stop));
            match why_not.clone() {
                Ok(why_not) => row.not_done = why_not.or_else(|| too_many(subject, row)),
                Err(error) => row.error = Some(error),
            }
        }
    }
}

/// Of more clients than requests some would never come.
fn too_many(subject: &Subject, row: &Row) -> Option<String> {
    let is_more = row.work.measured(row.level) as u64 > BOUND;
    let level = row.work.unit().level(row.level);
    let why = || {
        format!(
            "with {level}: it gets {BOUND} requests a turn, since it keeps something of each for good"
        )
    };
    (subject.accumulates() && is_more).then(why)
}

/// Why a server cannot do a work, if it cannot. What it does with more than one client is not asked.
fn why_not(
    plan: &Plan,
    subject: &Subject,
    work: Work,
    no_answer: bool,
    stop: &AtomicBool,
) -> Result<Option<String>, String> {
    if subject.accumulates() && matches!(work, Work::Idle | Work::Overload) {
        return Ok(Some("it keeps something of each connection for good".to_owned()));
    }
    if work.path() == "/" && work.reuse() == Reuse::PerRequest {
        return Ok(None);
    }
    // What its rows say is that it answers nobody.
    if no_answer {
        return Ok(None);
    }
    asked_twice(plan, subject, work, stop).map_err(|error| format!("{error:#}"))
}

/// Asks for the same twice, on one connection if the server keeps it.
fn asked_twice(
    plan: &Plan,
    subject: &Subject,
    work: Work,
    stop: &AtomicBool,
) -> Result<Option<String>> {
    let load = |server| load::Plan {
        work: load::Request::get(work.path()).into(),
        requests: Some(2),
        timeout: PATIENCE,
        duration: 2 * PATIENCE,
        ..load::Plan::new(server)
    };
    let enough = AtomicBool::new(stop.load(Ordering::Relaxed));
    let watch = |now: &load::Snapshot| {
        // Who has not answered once is not waited for again.
        if now.failed > 0 || stop.load(Ordering::Relaxed) {
            enough.store(true, Ordering::Relaxed);
        }
    };
    let outcome = with_server(plan, subject, |server| load::run(&load(server), &enough, &watch))?;
    if stop.load(Ordering::Relaxed) {
        return Ok(None);
    }
    if outcome.account.timed_out_reading > 0 {
        return Ok(Some("its answers do not end".to_owned()));
    }
    if work.reuse() == Reuse::KeepAlive {
        let keeps = outcome.account.answered_total() == 2 && outcome.connections_opened == 1;
        return Ok((!keeps).then(|| "it keeps no connection".to_owned()));
    }
    let [_, answered, redirected, client_error, server_error] = outcome.account.answered;
    let (time, bytes) = work.least();
    let is_other = redirected + client_error + server_error > 0
        || answered > 0
            && (u128::from(outcome.service.min()) < time.as_nanos()
                || outcome.bytes_in < answered * bytes);
    Ok(is_other.then(|| format!("it does not do what {} asks", work.path())))
}

/// What a client gets that comes after one that says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BesideSilent {
    /// An answer; or its connection is ended, which is no waiting either.
    NoWaiting,
    /// Nothing while the first is silent; but when that one speaks, it is answered at once: the
    /// server could answer, and let the second wait behind the first.
    Waits,
    /// Nothing, and the first gets none either.
    NoAnswer,
}

/// Whom a server keeps waiting. One that answers a client alone, sooner or later, is asked again with
/// patience before anything is said of it.
fn beside_silent(plan: &Plan, subject: &Subject) -> Result<BesideSilent> {
    let found = with_server(plan, subject, |server| beside_silent_for(server, SILENCE))?;
    if found == BesideSilent::NoWaiting {
        return Ok(found);
    }
    match with_server(plan, subject, |server| Ok(alone(server)))? {
        Some(time) => {
            let patience = LONGER.max(SLOWER * time);
            with_server(plan, subject, |server| beside_silent_for(server, patience))
        }
        None => Ok(found),
    }
}

/// Connects a client that says nothing, then one that asks; if that has to wait, the silent one
/// asks too, to see whether it was what the server waited for.
fn beside_silent_for(server: SocketAddr, patience: Duration) -> Result<BesideSilent> {
    let silent = connect(server, patience).context("connect")?;
    let heard = connect(server, patience).and_then(ask).map_or(Heard::End, hear);
    if let Heard::Answer = heard {
        return Ok(BesideSilent::NoWaiting);
    }
    Ok(match (heard, ask(silent).map_or(Heard::End, hear)) {
        (Heard::Nothing, Heard::Answer) => BesideSilent::Waits,
        (Heard::End, Heard::Answer) => BesideSilent::NoWaiting,
        _ => BesideSilent::NoAnswer,
    })
}

/// How long an answer takes that is asked for alone, if it comes.
fn alone(server: SocketAddr) -> Option<Duration> {
    let begun = Instant::now();
    let heard = connect(server, PATIENCE).and_then(ask).map_or(Heard::End, hear);
    matches!(heard, Heard::Answer).then(|| begun.elapsed())
}

/// Starts a server for a while.
fn with_server<T>(
    plan: &Plan,
    subject: &Subject,
    what: impl FnOnce(SocketAddr) -> Result<T>,
) -> Result<T> {
    let prepared = subject.prepare()?;
    let server = start(plan, subject, &prepared)?;
    // It may listen before it has made those who serve.
    settle(&server, None);
    let found = what(server.address());
    server.stop(GRACE);
    found
}

/// Connects a client that waits so long for an answer.
fn connect(server: SocketAddr, patience: Duration) -> io::Result<TcpStream> {
    let client = TcpStream::connect_timeout(&server, PATIENCE)?;
    client.set_read_timeout(Some(patience))?;
    Ok(client)
}

fn ask(mut client: TcpStream) -> io::Result<TcpStream> {
    let server = client.peer_addr()?;
    // In one piece: who reads once would answer the first piece, and reset the rest.
    let request = format!("GET / HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n");
    client.write_all(request.as_bytes())?;
    Ok(client)
}

enum Heard {
    Answer,
    End,
    Nothing,
}

fn hear(mut client: TcpStream) -> Heard {
    // Not read(2) alone, which a signal ends early.
    match client.read_exact(&mut [0]) {
        Ok(()) => Heard::Answer,
        Err(error) if error.kind() == ErrorKind::WouldBlock => Heard::Nothing,
        Err(_) => Heard::End,
    }
}
