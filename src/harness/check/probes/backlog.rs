//! Is there room for a burst of clients?

use std::fs;

use nix::sys::signal::Signal;

use super::super::{
    bench::{Bench, HANDSHAKE, Running, Trouble, own_shortage},
    client::{Client, PATIENCE, send_all, words},
    finding::{Exchange, Finding, Judged},
};

const CLIENTS: usize = 512;

pub(in super::super) fn probe(bench: &Bench<'_>) -> Judged {
    let server = bench.start()?;
    let resting = server.settle();
    // Who accepts faster than others connect hides how little room there is.
    Running::signal(&resting, Signal::SIGSTOP);
    if !bench.await_true(PATIENCE, || server.living().iter().all(|one| one.state == 'T')) {
        return Err(Finding::unknown("it could not be stopped for a moment"));
    }
    let mut clients = Vec::with_capacity(CLIENTS);
    for _ in 0..CLIENTS {
        let client = Client::begin(server.address);
        clients.push(client.map_err(|errno| {
            let said = || Finding::fail(format!("client {}: {}", clients.len() + 1, words(errno)));
            own_shortage(errno).unwrap_or_else(said)
        })?);
    }
    bench.pump(&mut clients, HANDSHAKE, Client::is_connected);
    let room = clients.iter().filter(|client| client.is_connected()).count();
    let request = server.request();
    send_all(&mut clients, &request);
    let children_first: Vec<_> = resting.iter().rev().cloned().collect();
    Running::signal(&children_first, Signal::SIGCONT);
    if room < CLIENTS {
        return short(room);
    }
    // As long as some are answered, however slowly, none is lost.
    let answered = |clients: &[Client]| clients.iter().filter(|one| one.is_answered()).count();
    let mut before = 0;
    while !bench.pump(&mut clients, PATIENCE, |one| one.is_over() || one.is_answered()) {
        if answered(&clients) == before {
            break;
        }
        before = answered(&clients);
    }
    let lost: Vec<_> = clients.iter().filter(|client| !client.is_answered()).collect();
    let Some(first) = lost.first() else {
        return Ok(Finding::pass(format!("{CLIENTS} connects at once, {CLIENTS} answers")));
    };
    let said = format!("{} of {CLIENTS} clients: {}", lost.len(), first.trouble());
    let finding = server.broken(Trouble { said, exchange: Exchange::default() });
    if server.has_ended() {
        let cause = "it was stopped and went on, which interrupts system calls: EINTR (signal(7))";
        return Err(finding.because(cause));
    }
    Err(finding)
}

/// The backlog holds less.
fn short(room: usize) -> Judged {
    let path = "/proc/sys/net/core/somaxconn";
    let most = fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<usize>().ok());
    if let Some(most) = most.filter(|&most| most < CLIENTS) {
        return Err(Finding::unknown(format!("net.core.somaxconn is {most}: raise it to 1024")));
    }
    Ok(Finding::fail(format!(
        "room for {room} of {CLIENTS} that connect at once; the others knock again after a second"
    ))
    .because("the backlog given to listen() is short"))
}
