//! Do clients that hardly say anything keep others from being served?

use std::time::{Duration, Instant};

use super::super::{
    bench::{Bench, Running, Trouble},
    client::{Client, send_all},
    finding::{Finding, Judged},
};

const CLIENTS: usize = 64;

/// How often each of them sends a byte.
const TRICKLE: Duration = Duration::from_millis(100);

/// How soon another one wants its answer.
const SOON: Duration = Duration::from_secs(1);

/// How often that is tried: a busy machine may miss it once.
const TRIES: usize = 5;

pub(in super::super) fn probe(bench: &Bench<'_>) -> Judged {
    let server = bench.start()?;
    let mut slow = server.connect_many(CLIENTS)?;
    send_all(&mut slow, b"GET / HTTP/1.1\r\nX: ");
    server.await_accepted(&mut slow);
    if slow.iter().any(|one| !one.received().is_empty()) {
        let reason = "it answers half a request, so no client is too slow for it (rude)";
        return Ok(Finding::not_applicable(reason));
    }
    for _ in 0..TRIES {
        if is_served(&server, &mut slow)? {
            let said = format!("{CLIENTS} slow clients, and another one answered within a second");
            return Ok(Finding::pass(said));
        }
    }
    let said = format!("{CLIENTS} slow clients, and another one waits for more than a second");
    Err(server
        .broken(Trouble { said, exchange: <_>::default() })
        .because("whoever serves a slow client serves no other meanwhile"))
}

/// Whether a client is answered soon, while the others trickle on.
fn is_served(server: &Running<'_>, slow: &mut [Client]) -> Result<bool, Finding> {
    let mut client = server.connect()?;
    client.send(&server.request());
    let deadline = Instant::now() + SOON;
    while Instant::now() < deadline && !server.bench.is_stopped() {
        send_all(slow, b"a");
        let one = std::slice::from_mut(&mut client);
        if server.bench.pump(one, TRICKLE, Client::is_answered) {
            return Ok(true);
        }
    }
    Ok(false)
}
