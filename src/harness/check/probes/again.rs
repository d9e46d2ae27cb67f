//! Is the hundredth client served like the first?

use super::super::{
    bench::Bench,
    client::{Client, Reading},
    finding::{Finding, Judged},
};

const CLIENTS: usize = 100;

/// Fields that may differ from one answer to the next.
const DATES: [&str; 3] = ["date:", "expires:", "last-modified:"];

pub(in super::super) fn probe(bench: &Bench<'_>) -> Judged {
    bench.outlives_children()?;
    let server = bench.start()?;
    let mut first: Option<Client> = None;
    for number in 1..=CLIENTS {
        if bench.is_stopped() {
            return Err(Finding::unknown("stopped"));
        }
        let client = server.ask().map_err(|mut trouble| {
            trouble.said = format!("client {number} of {CLIENTS}: {}", trouble.said);
            let finding = server.broken(trouble);
            if number == 1 {
                finding
            } else {
                finding.because("it serves one client, not the next")
            }
        })?;
        let Some(first) = &first else {
            first = Some(client);
            continue;
        };
        if let Some(offence) = difference(head(first), head(&client)) {
            let mut exchange = client.exchange();
            exchange.offence = Some(offence);
            return Ok(Finding::fail(format!("answer {number} has another head than the first"))
                .because("something is left over from one client to the next, or made up anew")
                .with(exchange));
        }
    }
    Ok(Finding::pass(format!("{CLIENTS} clients in a row, {CLIENTS} equal heads")))
}

fn head(client: &Client) -> &[u8] {
    let length = match client.reading() {
        Reading::Complete(head, _) | Reading::Unframed(head) => head.head_length,
        _ => 0,
    };
    client.received().get(..length).unwrap_or_default()
}

/// The place in `other` of the first byte that differs from `first`, dates aside.
fn difference(first: &[u8], other: &[u8]) -> Option<usize> {
    let mut own = lines(first);
    let mut at = 0;
    for (start, line) in lines(other) {
        let Some((_, expected)) = own.next() else { return Some(start) };
        if expected != line {
            let common = expected.iter().zip(line).take_while(|(a, b)| a == b).count();
            return Some(start + common);
        }
        at = start + line.len();
    }
    own.next().map(|_| at)
}

/// The lines that are no dates, and where they begin.
fn lines(head: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut start = 0;
    let all = head.split_inclusive(|&byte| byte == b'\n').map(move |line| {
        let this = start;
        start += line.len();
        (this, line)
    });
    all.filter(|(_, line)| {
        let starts = |name: &str| {
            line.get(..name.len()).is_some_and(|l| l.eq_ignore_ascii_case(name.as_bytes()))
        };
        !DATES.iter().any(|name| starts(name))
    })
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn dates_may_differ_and_nothing_else() {
        let first = b"HTTP/1.1 200 OK\r\nDate: Mon\r\nA: b\r\n\r\n";
        assert_eq!(difference(first, b"HTTP/1.1 200 OK\r\ndate: Tuesday\r\nA: b\r\n\r\n"), None);
        assert_eq!(difference(first, b"HTTP/1.1 200 OK\r\nA: c\r\n\r\n"), Some(20));
        assert_eq!(difference(first, b"HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\n\r\n"), Some(23));
        assert_eq!(difference(first, b"HTTP/1.1 200 OK\r\nA: b\r\n"), Some(23));
    }
}
