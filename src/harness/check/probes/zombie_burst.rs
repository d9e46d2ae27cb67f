//! Does it wait for all its children, when many end at once?

use std::{
    collections::BTreeSet,
    mem,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use super::{
    super::{
        super::observe::Process,
        bench::{Bench, Running, Trouble},
        client::{Client, PATIENCE, send_all},
        finding::{Exchange, Finding, Judged},
        model::Kind,
    },
    zombie_one::SETTLING,
};

const CLIENTS: usize = 128;
const ROUNDS: usize = 5;

/// Fewer children at once show nothing.
const FEW: usize = 8;

/// How often the answers are counted.
const LOOK: Duration = Duration::from_millis(20);

pub(in super::super) fn probe(bench: &Bench<'_>) -> Judged {
    let kind = bench.model()?.kind;
    if kind != Kind::ForkPerConnection {
        return Ok(Finding::not_applicable(format!("{kind}: no process is made for a client")));
    }
    let server = bench.start()?;
    let resting = server.settle();
    let mut children = 0;
    for _ in 0..ROUNDS {
        children += burst(&server, &resting)?;
    }
    let zombies = || server.tree().zombies();
    let none_left = bench.await_true(SETTLING, || zombies() == 0);
    if server.living().len() < resting.len() {
        return Err(server.broken(Trouble {
            said: "it has not outlived the burst".to_owned(),
            exchange: Exchange::default(),
        }));
    }
    if none_left {
        return Ok(Finding::pass(format!("{children} children in {ROUNDS} bursts, no zombie")));
    }
    let zombies = zombies();
    let said = format!(
        "{zombies} of {children} children are zombies {} s after the last answer",
        SETTLING.as_secs()
    );
    if zombies == children {
        return Ok(Finding::fail(said).because("nobody waits for the children (wait(2))"));
    }
    // Whoever waits for them only in its accept loop does so now.
    if server.ask().is_ok() && bench.await_true(SETTLING, || server.tree().zombies() <= 1) {
        return Ok(Finding::fail(said)
            .because("it waits for its children only when the next client comes")
            .hinting("SIGCHLD tells the parent at once that a child has ended."));
    }
    Ok(Finding::fail(said)
        .because("one SIGCHLD may stand for many children, and one wait() takes one"))
}

/// Has the children of all clients end while their parent does not run. Its SIGCHLDs become one
/// that way, on any machine; in nature it takes a busy one. Says how many children there were: a
/// server may have a bound.
fn burst(server: &Running<'_>, resting: &[Process]) -> Result<usize, Finding> {
    let bench = server.bench;
    let own: BTreeSet<_> = resting.iter().map(|one| one.pid).collect();
    let children = || server.living().iter().filter(|one| !own.contains(&one.pid)).count();
    let mut clients: Vec<Client> = server.connect_many(CLIENTS)?;
    server.await_accepted(&mut clients);
    let accepted = server.accepted(&clients).min(CLIENTS);
    bench.await_true(PATIENCE, || children() >= accepted || server.has_ended());
    let count = children().min(CLIENTS);
    Running::signal(resting, Signal::SIGSTOP);
    let request = server.request();
    send_all(&mut clients, &request);
    let mut answered = 0;
    let mut deadline = Instant::now() + PATIENCE;
    while answered < count && Instant::now() < deadline && !server.has_ended() {
        bench.pump(&mut clients, LOOK, |one| one.is_over() || one.is_answered());
        let now = clients.iter().filter(|one| one.is_answered()).count();
        // As long as some are answered, however slowly, there is something to wait for.
        if now > mem::replace(&mut answered, now) {
            deadline = Instant::now() + PATIENCE;
        }
    }
    drop(clients);
    bench.await_true(PATIENCE, || children() == 0);
    Running::signal(resting, Signal::SIGCONT);
    if count < FEW || answered < count {
        let said = format!("{answered} of {CLIENTS} clients at once were answered");
        return Err(server.broken(Trouble { said, exchange: Exchange::default() }));
    }
    Ok(count)
}
