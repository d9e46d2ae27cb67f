//! Does somebody who does not read stop the others, or fill the memory?

use super::super::{
    bench::{Bench, Running, Trouble},
    client::{PATIENCE, Reading},
    finding::{Finding, Judged},
};
use crate::http::Framing;

const MIB: u64 = 1 << 20;

/// What is asked for, to see whether there is such a thing.
const SAMPLE: u64 = MIB;

/// What is asked for and not read.
const LARGE: u64 = 100 * MIB;

/// How much of it a server may hold.
const HELD: u64 = 32 * MIB;

pub(in super::super) fn probe(bench: &Bench<'_>) -> Judged {
    let server = bench.start()?;
    let mut sample = server.connect()?;
    sample.send(&server.request_for(&format!("/bytes/{SAMPLE}"), "Connection: close\r\n"));
    bench.pump(std::slice::from_mut(&mut sample), PATIENCE, |one| {
        let is_large = one.is_answered() && one.received().len() > 64 * 1024;
        one.is_over() || is_large || matches!(one.reading(), Reading::PartOfBody(_))
    });
    let (Reading::PartOfBody(head) | Reading::Complete(head, _) | Reading::Unframed(head)) =
        sample.reading()
    else {
        return Ok(none());
    };
    let is_large = matches!(head.body, Framing::Length(length) if length >= SAMPLE);
    // Of rungs 0 to 8, whose answers end with the connection, the status alone tells.
    let has_no_length =
        !matches!(head.body, Framing::Length(_)) && sample.received().len() > 64 * 1024;
    if head.status.0 != 200 || !(is_large || has_no_length) {
        return Ok(none());
    }
    drop(sample);
    server.settle();
    let before = server.tree().pss();
    let mut client = server.connect()?;
    client.reads = false;
    client.send(&server.request_for(&format!("/bytes/{LARGE}"), "Connection: close\r\n"));
    let grown = || Some(server.tree().pss()?.saturating_sub(before?));
    // It has made as much of the answer as it will once it is at rest.
    bench.await_true(PATIENCE, || Running::has_read(&client));
    server.settle();
    if let Some(bytes) = grown().filter(|&bytes| bytes > HELD) {
        return Ok(hoarded(bytes));
    }
    if let Err(Trouble { said, exchange }) = server.ask() {
        let said = format!("while one client does not read its answer, another waits: {said}");
        return Ok(server
            .broken(Trouble { said, exchange })
            .because("it waits in write() for one client, and serves no other"));
    }
    match grown() {
        Some(bytes) if bytes > HELD => Ok(hoarded(bytes)),
        Some(bytes) => Ok(Finding::pass(format!(
            "100 MiB that nobody reads: {} KiB more memory, others are served",
            bytes / 1024
        ))),
        None => Err(Finding::unknown("others are served, but its memory may not be read")),
    }
}

fn hoarded(bytes: u64) -> Finding {
    Finding::fail(format!("{} MiB of an answer that nobody reads are in memory", bytes / MIB))
        .because("the whole answer is made before it is sent")
}

fn none() -> Finding {
    Finding::not_applicable(format!("it has no large answer: GET /bytes/{SAMPLE}"))
}
