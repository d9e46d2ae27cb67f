//! Does it close what it has opened?

use std::time::Duration;

use super::super::{
    bench::{Bench, Trouble},
    finding::{Exchange, Finding, Judged},
};

const CLIENTS: u64 = 200;

/// So many more are no leak: a server may open files late, or keep a few connections in store.
const SPARE: u64 = CLIENTS / 10;

/// How long it may take to close.
const SETTLING: Duration = Duration::from_secs(3);

pub(in super::super) fn probe(bench: &Bench<'_>) -> Judged {
    let server = bench.start()?;
    let ask = || server.ask().map(drop);
    let broken = |trouble: Trouble| server.broken(trouble);
    ask().map_err(broken)?;
    server.settle();
    let count = || {
        let unknown = || Finding::unknown("the descriptors of its processes may not be counted");
        server.tree().descriptors().ok_or_else(unknown)
    };
    let before = count()?;
    for number in 1..=CLIENTS {
        if bench.is_stopped() {
            return Err(Finding::unknown("stopped"));
        }
        ask().map_err(|Trouble { said, exchange }| {
            let open = server.tree().descriptors().unwrap_or_default();
            let said = format!("client {number} of {CLIENTS}, {open} descriptors open: {said}");
            broken(Trouble { said, exchange })
        })?;
    }
    // A child that is about to end has descriptors still.
    server.settle();
    let mut after = count()?;
    if server.has_ended() {
        let said = format!("client {CLIENTS} of {CLIENTS}");
        return Err(broken(Trouble { said, exchange: Exchange::default() }));
    }
    let is_balanced = bench.await_true(SETTLING, || {
        after = server.tree().descriptors().unwrap_or(after);
        after <= before + SPARE
    });
    let said = format!("{before} descriptors before, {after} after {CLIENTS} connections");
    if is_balanced {
        return Ok(Finding::pass(said));
    }
    Ok(Finding::fail(said).because("connections are opened by accept() and never closed"))
}
