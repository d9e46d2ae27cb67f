//! Does it finish what it has begun when it is told to end?

use std::{
    slice,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use super::super::{
    super::supervise::listening,
    bench::{Bench, Running, Trouble},
    client::{Client, PATIENCE, Reading},
    finding::{Finding, Judged},
};

/// How long it may take to end.
const GRACE: Duration = Duration::from_secs(10);

/// How long the request takes that is under way, where the server has such a thing, and what shows
/// that it has; in milliseconds.
const SLEEP: u64 = 2_000;
const NAP: u64 = 100;

const CAUSE: &str = "SIGTERM ends it where it stands, or it takes half a request for none";

pub(in super::super) fn probe(bench: &Bench<'_>) -> Judged {
    let server = bench.start()?;
    let request = server.request();
    let half = request.split_at(request.len() / 2);
    let long = server.request_for(&format!("/sleep/{SLEEP}"), "Connection: close\r\n");
    let mut sleeps = can_sleep(&server)?;
    let mut clients = vec![under_way(&server, if sleeps { &long } else { half.0 })?];
    if sleeps && !clients[0].is_untouched() {
        // It answers any path at once, and was slow by chance before.
        sleeps = false;
        clients = vec![under_way(&server, half.0)?];
    }
    if !clients[0].is_untouched() {
        return Ok(Finding::not_applicable(
            "it answers half a request, so none can be under way (rude)",
        ));
    }
    if server.server.exited().is_some() {
        return Ok(Finding::unknown("it runs in the background, where nobody can tell it to end"));
    }
    server.server.signal(Signal::SIGTERM);
    let told = Instant::now();
    // Who waits for its children is still there when most of the request's time is over.
    let most = Duration::from_millis(SLEEP - SLEEP / 4);
    let has_ended = bench.await_true(most, || server.server.exited().is_some());
    clients[0].advance();
    if has_ended && !clients[0].is_over() && !server.living().is_empty() {
        return Ok(Finding::fail("it has ended, and left a child alone with a request")
            .because("the parent does not wait for its children")
            .hinting(
                "In the handler of SIGTERM: accept no more, then wait() until no child is left.",
            ));
    }
    clients[0].send(if sleeps { &[] } else { half.1 });
    bench.pump(&mut clients, PATIENCE, |one| one.is_over() || one.is_answered());
    if !clients[0].is_answered() {
        let said = format!("SIGTERM during a request: {}", clients[0].trouble());
        return Ok(Finding::fail(said).because(CAUSE).with(clients[0].exchange()));
    }
    drop(clients);
    Ok(afterwards(&server, told))
}

/// A client of whose request the server has read what there is.
fn under_way(server: &Running<'_>, request: &[u8]) -> Result<Client, Finding> {
    let mut client = server.connect()?;
    client.send(request);
    server.await_accepted(slice::from_mut(&mut client));
    // It is at work on the request once nothing of that waits in the socket.
    server.bench.await_true(PATIENCE, || Running::has_read(&client));
    client.advance();
    if client.end().is_some() && client.received().is_empty() {
        let (said, exchange) = (client.trouble(), client.exchange());
        return Err(server.broken(Trouble { said, exchange }));
    }
    Ok(client)
}

/// What is left of it when it has answered, and when it has ended.
fn afterwards(server: &Running<'_>, told: Instant) -> Finding {
    let bench = server.bench;
    let left = || GRACE.saturating_sub(told.elapsed());
    if !bench.await_true(left(), || server.server.exited().is_some()) {
        let seconds = GRACE.as_secs();
        return Finding::fail(format!("it has not ended {seconds} s after SIGTERM"))
            .because("the signal is caught, and nothing comes of it");
    }
    if !bench.await_true(left(), || server.living().is_empty()) {
        let orphans = server.living().len();
        return Finding::fail(format!("it has ended and left {orphans} orphans behind"))
            .because("the parent does not pass the signal on, or does not wait");
    }
    if listening(server.address).unwrap_or(false) {
        return Finding::fail("it has ended, and its port is still taken");
    }
    Finding::pass("the answer came, nobody is left, the port is free")
}

/// Whether there is an answer that takes its time.
fn can_sleep(server: &Running<'_>) -> Result<bool, Finding> {
    let mut client = server.connect()?;
    let start = Instant::now();
    client.send(&server.request_for(&format!("/sleep/{NAP}"), "Connection: close\r\n"));
    let one = slice::from_mut(&mut client);
    server.bench.pump(one, PATIENCE, |one| one.is_over() || one.is_answered());
    let (Reading::Complete(head, _) | Reading::Unframed(head)) = client.reading() else {
        return Ok(false);
    };
    Ok(head.status.0 == 200 && start.elapsed() >= Duration::from_millis(NAP))
}
