//! Does it survive clients that do not keep to the rules, and one that is merely cut up?

use std::{thread, time::Duration};

use super::super::{
    bench::{Bench, Running, Trouble},
    client::{Client, PATIENCE},
    finding::{Finding, Judged},
};

/// The length of a head that no server need take.
const LONG: usize = 1 << 20;

/// Between two of the other bytes of a request.
const PAUSE: Duration = Duration::from_millis(1);

/// How often a hasty server is tried.
const TRIES: usize = 5;

/// How long a rude client waits for what the server may have to say to it.
const WAIT: Duration = Duration::from_millis(200);

pub(in super::super) const SURVIVE: &str = "What goes wrong with one client ends that client's turn, not the server: \
    ECONNRESET, EPIPE, a bad request; and read() that returns 0 says that the client has gone.";

const READS_ONCE: &str = "it takes what one read() brings for the whole request";

pub(in super::super) fn probe(bench: &Bench<'_>) -> Judged {
    let server = bench.start()?;
    byte_by_byte(&server)?;
    half_closed(&server)?;
    after(&server, "a reset in mid-request", |mut client| {
        client.send(b"GET / HT");
        thread::sleep(WAIT / 10);
        client.reset();
    })?;
    after(&server, "a line of garbage and the end of the stream", |client| {
        // No UTF-8, which must not matter: a head is bytes (RFC 9112 section 2.2).
        says(&server, client, b"what is this? \xff\xfe\r\n\r\n");
    })?;
    after(&server, "1,000 NUL bytes and the end of the stream", |client| {
        says(&server, client, &[0; 1000]);
    })?;
    let long = [b"GET / HTTP/1.1\r\nX: ", &vec![b'a'; LONG][..], b"\r\n\r\n"].concat();
    after(&server, "a head of 1 MiB", |client| says(&server, client, &long))?;
    Ok(Finding::pass(
        "a request byte by byte, a half-close; four rude clients, and a polite one after each",
    ))
}

/// Says something, and leaves.
fn says(server: &Running<'_>, mut client: Client, bytes: &[u8]) {
    client.send(bytes);
    let one = std::slice::from_mut(&mut client);
    server.bench.pump(one, WAIT, |client| client.end().is_some());
}

/// A rude client, and then a polite one.
fn after(server: &Running<'_>, what: &str, rude: impl FnOnce(Client)) -> Result<(), Finding> {
    rude(server.connect()?);
    let cause = "what went wrong with one client has stopped the server";
    // The bytes would be those of the polite client, which are not the matter.
    server
        .still_serves(&format!("after {what}"))
        .map(drop)
        .map_err(|one| Finding { exchange: None, ..one.because(cause).hinting(SURVIVE) })
}

/// A request in pieces of one byte is a request like another.
fn byte_by_byte(server: &Running<'_>) -> Result<(), Finding> {
    let mut client = server.connect()?;
    let request = server.request();
    client.send(&request[..1]);
    // Those that follow must not come before it has read this one.
    server.bench.await_true(PATIENCE, || Running::has_read(&client));
    server.settle();
    client.advance();
    if !client.received().is_empty() {
        let said = format!("a request byte by byte: an answer after 1 of {} bytes", request.len());
        return Err(Finding::fail(said).because(READS_ONCE).with(client.exchange()));
    }
    if client.end().is_none() {
        return trickle(server, client, &request[1..]);
    }
    // It sends away who says nothing for a moment, and has to be told faster.
    let mut told = Ok(());
    for _ in 0..TRIES {
        told = trickle(server, server.connect()?, &request);
        if told.is_ok() {
            break;
        }
    }
    told
}

fn trickle(server: &Running<'_>, mut client: Client, bytes: &[u8]) -> Result<(), Finding> {
    for byte in bytes {
        client.send(&[*byte]);
        thread::sleep(PAUSE);
    }
    server.await_answer(&mut client, PATIENCE).map_err(|Trouble { said, exchange }| {
        let said = format!("a request byte by byte: {said}");
        server.broken(Trouble { said, exchange }).because(READS_ONCE)
    })
}

/// A client that has said all may say so, and still wants its answer.
fn half_closed(server: &Running<'_>) -> Result<(), Finding> {
    let mut client = server.connect()?;
    client.send(&server.request());
    client.finish_sending();
    server.await_answer(&mut client, PATIENCE).map_err(|Trouble { said, exchange }| {
        let said = format!("a client that sends FIN behind its request: {said}");
        server
            .broken(Trouble { said, exchange })
            .because("it takes the end of the stream for the end of the client")
    })
}
