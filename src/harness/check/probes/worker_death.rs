//! What happens when a worker dies?

use nix::sys::signal::Signal;

use super::super::{
    bench::{Bench, Running},
    client::PATIENCE,
    finding::{Finding, Judged},
    model::Listening,
};

const CLIENTS: usize = 8;

pub(in super::super) fn probe(bench: &Bench<'_>) -> Judged {
    let model = bench.model()?;
    if !model.has_master {
        let kind = model.kind;
        return Ok(Finding::not_applicable(format!(
            "{kind}: no parent that listens too and could replace a worker"
        )));
    }
    let server = bench.start()?;
    let before = Listening::of(&server, &server.settle())?.workers;
    let Some(first) = before.first() else {
        return Err(Finding::unknown("none of its processes listens"));
    };
    Running::signal(&before[..1], Signal::SIGKILL);
    let (dead, count) = (first.pid, before.len());
    // Until it has ended it may still accept a client, who would die with it.
    bench.await_true(PATIENCE, || server.living().iter().all(|one| one.pid != dead));
    for _ in 0..CLIENTS {
        server.still_serves("after the death of a worker")?;
    }
    let are_replaced = bench.await_true(PATIENCE, || {
        let now = Listening::of(&server, &server.living());
        now.is_ok_and(|now| {
            now.workers.len() >= count && now.workers.iter().all(|one| one.pid != dead)
        })
    });
    if are_replaced {
        return Ok(Finding::pass(format!(
            "{CLIENTS} clients served after the death of one of {count}, which is replaced"
        )));
    }
    let left = Listening::of(&server, &server.living())?.workers.len();
    let seconds = PATIENCE.as_secs();
    Ok(Finding::fail(format!("{left} of {count} workers are left {seconds} s after one died"))
        .because("the parent does not wait for its workers, or makes no new one"))
}
