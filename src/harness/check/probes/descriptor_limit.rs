//! What does it do when `accept()` finds no descriptor?

use rustix::process::Resource;

use super::super::{
    bench::Bench,
    client::Client,
    finding::{Finding, Judged},
    limit::{is_spinning, lower},
    probes::rude,
};

const LIMIT: usize = 64;
const CLIENTS: usize = 200;

/// More are not held, however many processes there are.
const MOST: usize = 800;

pub(in super::super) fn probe(bench: &Bench<'_>) -> Judged {
    let mut server = bench.start()?;
    let resting = server.settle();
    // More clients than all its processes together have descriptors.
    let clients = CLIENTS.max((1 + resting.len()) * LIMIT).min(MOST);
    if !lower(&resting, Resource::Nofile, LIMIT as u64) {
        // Of processes of another user only the limit that they begin with can be set.
        drop(server);
        server = bench.start_with(|launch| launch.descriptor_limit(LIMIT as u64))?;
    }
    let mut held: Vec<Client> = server.connect_many(clients)?;
    let accepted = server.await_accepted(&mut held);
    let busy = is_spinning(&server);
    drop(held);
    if let Some(share) = busy {
        return Ok(Finding::fail(format!(
            "out of descriptors, it takes {share:.0} % of a processor and does nothing"
        ))
        .because("accept() fails with EMFILE, and is called again at once"));
    }
    let when = format!(
        "again after {clients} clients, {accepted} of them accepted with {LIMIT} descriptors"
    );
    server.serves_again(&when).map_err(|one| {
        if accepted < LIMIT / 2 {
            // It had descriptors to spare.
            return one.because("it does not notice that a client has left").hinting(rude::SURVIVE);
        }
        one.because("accept() fails with EMFILE")
    })
}
