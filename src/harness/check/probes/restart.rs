//! Can it begin again where it has just ended?

use std::{
    mem,
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::super::{
    super::{
        observe::{self, Counters, State},
        supervise::Claim,
    },
    bench::Bench,
    client::{Client, PATIENCE, send_all},
    finding::{Finding, Judged},
};

const CLIENTS: usize = 6;

/// How long the kernel keeps a connection in TIME-WAIT, and how long a place there is waited for.
const TIME_WAIT: Duration = Duration::from_secs(60);

/// How long it may take until a connection is seen in TIME-WAIT.
const SEEN: Duration = Duration::from_secs(1);

pub(in super::super) fn probe(bench: &Bench<'_>) -> Judged {
    let deadline = Instant::now() + TIME_WAIT;
    let (address, _claim) = loop {
        let before = Counters::read().unwrap_or_default();
        if let Some(left) = leave_time_wait(bench)? {
            break left;
        }
        let since = Counters::read().unwrap_or_default().since(before);
        if since.time_wait_overflows == 0 || Instant::now() >= deadline || bench.is_stopped() {
            return Err(Finding::unknown(
                "none of its connections is in TIME-WAIT, of which the machine may have too many",
            ));
        }
        // Other programs have filled the table; its entries leave it after a minute.
        bench.await_true(PATIENCE, || false);
    };
    match bench.target.start(&bench.target.launch(address), address, bench.stop) {
        Ok(_) => Ok(Finding::pass("started again at once, with its port in TIME-WAIT")),
        Err(unfit) => Ok(Finding::fail(format!(
            "its port is in TIME-WAIT, and it does not start again: {unfit}"
        ))
        .because("bind() fails with EADDRINUSE for a minute without SO_REUSEADDR")),
    }
}

/// Has a server end that has clients. Says where it was, if that has left connections in TIME-WAIT.
fn leave_time_wait(bench: &Bench<'_>) -> Result<Option<(SocketAddr, Claim)>, Finding> {
    let mut server = bench.start()?;
    let (address, claim) = (server.address, mem::take(&mut server.claim));
    // One that gets its answer, some that say nothing, and some that begin: there are servers that
    // are told of a connection only when there is something to read.
    let mut clients = server.connect_each(CLIENTS, Client::close_in_order)?;
    let request = server.request();
    clients[0].send(&request);
    bench.pump(&mut clients[..1], PATIENCE, Client::is_answered);
    send_all(&mut clients[1..CLIENTS / 2], &request[..request.len() / 2]);
    server.await_accepted(&mut clients);
    // The end of a process closes its connections: it closes first, and that is what leaves
    // TIME-WAIT at its end.
    drop(server);
    drop(clients);
    let waits = |one: &observe::Socket| one.state == State::TimeWait && one.local == address;
    let in_time_wait = || observe::sockets().is_ok_and(|all| all.iter().any(waits));
    Ok(bench.await_true(SEEN, in_time_wait).then_some((address, claim)))
}
