//! What does it do when `accept()` finds no descriptor?

use super::super::{
    bench::Bench,
    client::Client,
    finding::{Finding, Judged},
    limit::{is_spinning, lower_descriptors},
};

const LIMIT: u64 = 64;
const CLIENTS: usize = 200;

pub(in super::super) fn probe(bench: &Bench<'_>) -> Judged {
    let mut server = bench.start()?;
    if !lower_descriptors(&server.settle(), LIMIT) {
        // Of processes of another user only the limit that they begin with can be set.
        drop(server);
        server = bench.start_with(|launch| launch.descriptor_limit(LIMIT))?;
    }
    let mut clients: Vec<Client> = server.connect_many(CLIENTS)?;
    server.await_accepted(&mut clients);
    let busy = is_spinning(&server);
    drop(clients);
    if let Some(share) = busy {
        return Ok(Finding::fail(format!(
            "out of descriptors, it takes {share:.0} % of a processor and does nothing"
        ))
        .because("accept() fails with EMFILE, and is called again at once"));
    }
    let when = format!("after {CLIENTS} clients with room for {LIMIT} descriptors");
    server.serves_again(&when).map_err(|one| one.because("accept() fails with EMFILE"))
}
