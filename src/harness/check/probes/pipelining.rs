//! Does it take requests that come together one after another?

use super::super::{
    bench::Bench,
    client::{PATIENCE, Reading},
    finding::{Finding, Judged},
};

const REQUESTS: usize = 3;

pub(in super::super) fn probe(bench: &Bench<'_>) -> Judged {
    let server = bench.start()?;
    let mut client = server.connect()?;
    client.send(&server.request_for("/", "").repeat(REQUESTS));
    bench.pump(std::slice::from_mut(&mut client), PATIENCE, |one| {
        one.answers() >= REQUESTS
            || one.end().is_some()
            || matches!(one.reading(), Reading::Unframed(_) | Reading::Malformed(_))
    });
    let answers = client.answers().max(usize::from(client.is_answered()));
    if answers >= REQUESTS {
        return Ok(Finding::pass(format!("{REQUESTS} requests at once, {REQUESTS} answers")));
    }
    Ok(Finding::fail(format!("{REQUESTS} requests at once, {answers} answered"))
        .because("what comes behind the first request is lost, or the connection is closed")
        .with(client.exchange()))
}
