//! Can it begin again where it has just ended?

use super::super::{
    super::observe::{self, State},
    bench::Bench,
    client::Client,
    finding::{Finding, Judged},
};

const CLIENTS: usize = 4;

pub(in super::super) fn probe(bench: &Bench<'_>) -> Judged {
    let server = bench.start()?;
    let address = server.address;
    let asked = server.ask();
    let mut clients = server.connect_many(CLIENTS)?;
    // Some servers are told of a connection only when there is something to read.
    clients[CLIENTS / 2..].iter_mut().for_each(|client| client.send(b"GET / HTTP/1.1\r\n"));
    server.await_accepted(&mut clients);
    // The end of a process closes its connections: it closes first, and that is what leaves
    // TIME-WAIT at its end.
    drop(server);
    asked.into_iter().chain(clients).for_each(Client::close);
    let waits = |one: &observe::Socket| one.state == State::TimeWait && one.local == address;
    let in_time_wait = || observe::sockets().is_ok_and(|all| all.iter().any(waits));
    if !bench.await_true(std::time::Duration::from_secs(1), in_time_wait) {
        return Err(Finding::unknown("none of its connections is in TIME-WAIT"));
    }
    match bench.target.start(&bench.target.launch(address), address) {
        Ok(_) => Ok(Finding::pass("started again at once, with its port in TIME-WAIT")),
        Err(unfit) => Ok(Finding::fail(format!(
            "its port is in TIME-WAIT, and it does not start again: {unfit}"
        ))
        .because("bind() fails with EADDRINUSE for a minute without SO_REUSEADDR")),
    }
}
