//! Does the client learn that the answer is over?

use super::super::{
    super::observe::{Root, Watcher},
    bench::{Bench, Running, Trouble},
    client::{Client, End, PATIENCE, Reading},
    finding::{Finding, Judged},
};
use crate::http::Framing;

pub(in super::super) fn probe(bench: &Bench<'_>) -> Judged {
    let server = bench.start()?;
    let mut client = server.connect()?;
    client.send(&server.request());
    bench.pump(std::slice::from_mut(&mut client), PATIENCE, Client::is_over);
    match (client.reading(), client.end()) {
        (Reading::Complete(head, _), _) => Ok(Finding::pass(match head.body {
            Framing::Length(length) => format!("Content-Length: {length}, and no byte less"),
            Framing::Chunked => "chunks, to the last".to_owned(),
            Framing::UntilClose => "the end of the stream ends the answer".to_owned(),
        })),
        (Reading::Unframed(_), None) => Ok(held(&server, &client)),
        (Reading::Unframed(_), Some(End::Broken(_))) => {
            let said = "the answer ends with a reset, not with the end of the stream";
            Ok(Finding::fail(said)
                .because("it closes with bytes of the client unread (RFC 1122 section 4.2.2.13)")
                .with(client.exchange()))
        }
        _ => Err(server.broken(Trouble { said: client.trouble(), exchange: client.exchange() })),
    }
}

/// The answer came, and its end did not: somebody holds the connection.
fn held(server: &Running<'_>, client: &Client) -> Finding {
    let root = Root::Supervised { keeper: server.server.keeper(), server: server.server.pid() };
    let seen = Watcher::new(root).look(None);
    let own = seen.connections().iter().find(|one| Some(one.peer) == client.local());
    let holders: Vec<_> = own
        .iter()
        .flat_map(|one| one.holders())
        .map(|holder| {
            let is_first = holder.pid == server.server.pid();
            let who = if is_first { ", the one that was started," } else { "" };
            format!("process {}{who} holds it as descriptor {}", holder.pid, holder.descriptor)
        })
        .collect();
    let held = if holders.is_empty() { String::new() } else { format!(": {}", holders.join(", ")) };
    let seconds = PATIENCE.as_secs();
    Finding::fail(format!("the answer came, and no end of it in {seconds} s{held}"))
        .because("a copy of the connected socket is still open, so the kernel sends no FIN")
        .with(client.exchange())
}
