//! Does it serve one client while another says nothing?
//!
//! The clients finish in the reverse order of their arrival: a server that takes one after another
//! out of its queue would have to serve the last one first.

use super::super::{
    bench::{Bench, Running},
    client::{Client, PATIENCE, send_all},
    finding::{Finding, Judged},
};

const CLIENTS: usize = 8;

/// How often a hasty server is tried.
const TRIES: usize = 3;

pub(in super::super) fn probe(bench: &Bench<'_>) -> Judged {
    let server = bench.start()?;
    server.settle();
    // The first will say nothing.
    let mut clients = server.connect_many(1 + CLIENTS)?;
    server.await_accepted(&mut clients);
    if let Some(early) = clients.iter().find(|client| !client.received().is_empty()) {
        bench.speaks_first.set(true);
        return Err(Finding::fail("it answers before the client has said anything")
            .because("it does not wait for the request")
            .with(early.exchange()));
    }
    if clients.iter().any(|client| client.end().is_some()) {
        return in_haste(&server);
    }
    for number in (1..=CLIENTS).rev() {
        if !is_served(&server, &mut clients[number]) {
            return rest(&server, clients, number);
        }
    }
    clients[0].advance();
    if clients[0].end().is_some() {
        return in_haste(&server);
    }
    let said = format!("{CLIENTS} served in reverse order while one said nothing");
    Ok(Finding::pass(said))
}

/// It sends away who says nothing. What matters is whether another is served before that.
fn in_haste(server: &Running<'_>) -> Judged {
    for _ in 0..TRIES {
        let mut clients = server.connect_many(2)?;
        if is_served(server, &mut clients[1]) {
            clients[0].advance();
            if clients[0].is_untouched() {
                return Ok(Finding::pass(
                    "one served while another said nothing, and was sent away",
                ));
            }
        }
    }
    Ok(Finding::fail("one client says nothing, and another waits until that one is sent away")
        .because("it serves one client at a time; a timeout makes them wait less long"))
}

fn is_served(server: &Running<'_>, client: &mut Client) -> bool {
    client.send(&server.request());
    server.await_answer(client, PATIENCE).is_ok()
}

/// The last to come had to wait. A pool serves as many at once as it has workers: those who came
/// first, and the silent one; with a listening socket for each worker (`SO_REUSEPORT`) any of them.
fn rest(server: &Running<'_>, mut clients: Vec<Client>, waiting: usize) -> Judged {
    send_all(&mut clients[1..waiting], &server.request());
    server.bench.pump(&mut clients[1..], PATIENCE, Client::is_over);
    clients[0].advance();
    if clients[1..].iter().any(Client::is_answered) && clients[0].is_untouched() {
        return Ok(Finding::pass(
            "a few at once: some are served while one says nothing, the others wait",
        ));
    }
    if clients[..2].iter().any(|client| client.end().is_some()) {
        return in_haste(server);
    }
    let exchange = clients[waiting].exchange();
    Ok(Finding::fail(format!(
        "one client says nothing, and another waits: {}",
        clients[waiting].trouble()
    ))
    .because("it serves one client at a time, to the end")
    .with(exchange))
}
