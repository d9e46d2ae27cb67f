//! Does it answer at all?

use super::super::{
    bench::Bench,
    client::{PATIENCE, Reading},
    finding::{Finding, Judged},
};

pub(in super::super) fn probe(bench: &Bench<'_>) -> Judged {
    let server = bench.start()?;
    let mut client = server.connect()?;
    client.send(&server.request());
    if let Err(trouble) = server.await_answer(&mut client, PATIENCE) {
        return Err(server.broken(trouble));
    }
    let (Reading::Complete(head, _) | Reading::Unframed(head)) = client.reading() else {
        return Err(Finding::fail(client.trouble()).with(client.exchange()));
    };
    let code = head.status.0;
    if code >= 500 {
        return Ok(Finding::fail(format!("GET / is answered with {code}"))
            .because("the server has failed inside, and said so")
            .with(client.exchange()));
    }
    Ok(Finding::pass(format!("GET / is answered with {code}")))
}
