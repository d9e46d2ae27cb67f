//! Does the accept loop go on when a child has died?

use std::collections::BTreeSet;

use super::super::{
    super::observe::Process,
    bench::{Bench, Running},
    client::{Client, PATIENCE, words},
    finding::{Finding, Judged},
    model::Kind,
    target::last_words,
};

const ROUNDS: usize = 2;

pub(in super::super) fn probe(bench: &Bench<'_>) -> Judged {
    let kind = bench.model()?.kind;
    if kind != Kind::ForkPerConnection {
        return Ok(Finding::not_applicable(format!("{kind}: no child dies after its client")));
    }
    let server = bench.start()?;
    let resting = server.settle();
    let mut silent = None;
    for round in 1..=2 * ROUNDS {
        // In the second half another child lives on: who waits for all of them waits for that.
        if round == ROUNDS + 1 {
            silent = Client::connect(server.address).ok();
        }
        let most = resting.len() + usize::from(silent.is_some());
        let end_of_loop = |said: String| {
            Finding::fail(said).because(
                "a signal handler ran when the child died: accept() returned EINTR, or the handler failed",
            )
        };
        let mut client = match Client::connect(server.address) {
            Ok(client) => client,
            Err(errno) => {
                return Ok(end_of_loop(format!(
                    "after {} children have died no client can connect: {}{}",
                    round - 1,
                    words(errno),
                    ended(&server)
                )));
            }
        };
        // The child shall die when the parent is back in accept().
        server.await_accepted(std::slice::from_mut(&mut client));
        server.settle();
        client.send(&server.request());
        bench.pump(std::slice::from_mut(&mut client), PATIENCE, Client::is_answered);
        let is_answered = client.is_answered();
        let trouble = client.trouble();
        drop(client);
        bench.await_true(PATIENCE, || server.living().len() <= most);
        // The parent gets to run: a client who comes before that is what accept() returns, with the
        // signal pending, and not EINTR.
        if let Some(gone) = missing(&resting, &server.settle()) {
            return Ok(end_of_loop(format!(
                "process {gone}, which was there before, ended when its child did{}",
                ended(&server)
            )));
        }
        if !is_answered {
            if silent.is_none() {
                return Ok(Finding::fail(format!(
                    "after {} children have died: {trouble}",
                    round - 1
                )));
            }
            let said =
                format!("one client says nothing, and when another's child has died: {trouble}");
            return Ok(Finding::fail(said)
                .because("when a child dies, the parent waits for the others too, which live")
                .hinting("waitpid(-1, &status, WNOHANG) does not wait for those that live."));
        }
    }
    Ok(Finding::pass(format!("{} children have died, and the same process accepts", 2 * ROUNDS)))
}

/// The first of those who were there at rest that is not any more. A server that is started anew
/// when it has ended has another pid, or another start.
fn missing(resting: &[Process], living: &[Process]) -> Option<u32> {
    let there: BTreeSet<_> = living.iter().map(|one| (one.pid, one.started)).collect();
    resting.iter().find(|one| !there.contains(&(one.pid, one.started))).map(|one| one.pid)
}

fn ended(server: &Running<'_>) -> String {
    let exit = server.server.exited();
    exit.map_or(String::new(), |exit| format!(", {exit}{}", last_words(&server.server)))
}
