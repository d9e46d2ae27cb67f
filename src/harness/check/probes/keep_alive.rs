//! May a connection be used twice?

use super::super::{
    bench::{Bench, Trouble},
    client::{PATIENCE, Reading},
    finding::{Finding, Judged},
};
use crate::http::Framing;

/// Before the hint that belongs to answers without a length.
pub(in super::super) const READ_ON: &str =
    "After the answer read the next request, until the client closes.";

pub(in super::super) fn probe(bench: &Bench<'_>) -> Judged {
    let server = bench.start()?;
    let mut client = server.connect()?;
    let request = server.request_for("/", "");
    for number in 1..=2 {
        client.send(&request);
        let one = std::slice::from_mut(&mut client);
        bench.pump(one, PATIENCE, |one| {
            one.answers() >= number
                || one.end().is_some()
                || matches!(one.reading(), Reading::Unframed(_) | Reading::Malformed(_))
        });
        if client.answers() >= number {
            continue;
        }
        if let Reading::Unframed(head) | Reading::Complete(head, _) = client.reading()
            && head.body == Framing::UntilClose
        {
            return Ok(Finding::fail("its answers end with their connection")
                .because("no Content-Length, no chunks: nothing else could end them"));
        }
        if number == 1 {
            let (said, exchange) = (client.trouble(), client.exchange());
            return Err(server.broken(Trouble { said, exchange }));
        }
        let said = match client.end() {
            None => "a second request on the same connection gets no answer",
            Some(_) => "it closes the connection after one answer",
        };
        return Ok(Finding::fail(said).hinting(READ_ON).with(client.exchange()));
    }
    Ok(Finding::pass("two requests on one connection, two answers"))
}
