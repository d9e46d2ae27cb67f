//! Does it wait for its child?

use std::time::Duration;

use super::super::{
    bench::Bench,
    client::PATIENCE,
    finding::{Finding, Judged},
    model::Kind,
};

/// How long a child may be a zombie after it has ended.
pub(in super::super) const SETTLING: Duration = Duration::from_secs(2);

pub(in super::super) fn probe(bench: &Bench<'_>) -> Judged {
    let kind = bench.model()?.kind;
    if kind != Kind::ForkPerConnection {
        return Ok(Finding::not_applicable(format!("{kind}: no process is made for a client")));
    }
    let server = bench.start()?;
    let resting = server.settle().len();
    let mut client = server.connect()?;
    // The child shall end when the parent is back in accept().
    server.await_accepted(std::slice::from_mut(&mut client));
    server.settle();
    client.send(&server.request());
    if let Err(trouble) = server.await_answer(&mut client, PATIENCE) {
        return Err(server.broken(trouble));
    }
    drop(client);
    if !bench.await_true(PATIENCE, || server.living().len() <= resting) {
        return Err(Finding::unknown(format!(
            "the child has not ended {} s after its client left",
            PATIENCE.as_secs()
        )));
    }
    if bench.await_true(SETTLING, || server.tree().zombies() == 0) {
        let said = if server.living().len() < resting {
            "one client, one child, and no zombie; but the parent is gone too (survives-child)"
        } else {
            "one client, one child, and no zombie"
        };
        return Ok(Finding::pass(said));
    }
    let zombies = server.tree().zombies();
    let seconds = SETTLING.as_secs();
    Ok(Finding::fail(format!("{zombies} zombie {seconds} s after one client"))
        .because("nobody has waited for the child (wait(2))"))
}
