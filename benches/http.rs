//! How long our parser takes for a request, and how long httparse alone takes for the same bytes.
//!
//! Each measures the head, to its end, and the body, if there is one; criterion shows the bytes a
//! second beside the time. The bytes are all there at once, and in the cache.
//!
//! Ours calls httparse for the grammar of the head, so it can only be slower; the difference is the
//! price of what httparse leaves to its caller: how long is the body and is that unambiguous, does
//! the connection stay open, is the target of a valid form, is there one Host field and is it valid,
//! is anything expected; and limits, on heads and bodies. httparse has no bodies, but reads a chunk's
//! size; the loop around that here believes each size, and looks neither at the ends of the chunks
//! nor at trailer fields.
//!
//! What it does not say: what a request costs a server. That is system calls for the most part
//! (`models`), and requests that come in pieces are parsed anew with each line.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

use std::mem::MaybeUninit;

use criterion::{Criterion, Throughput};
use rungs::http::{Body, MAX_BODY, MAX_FIELDS, parse_request};

/// The least that HTTP/1.1 asks of a client.
const SHORT: &str = "GET / HTTP/1.1\r\nHost: localhost:8888\r\n\r\n";

/// What Firefox sends.
const BROWSER: &str = "GET /bytes/1000?from=here HTTP/1.1\r\n\
    Host: localhost:8888\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Connection: keep-alive\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    Sec-Fetch-Dest: document\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-Site: none\r\n\
    Sec-Fetch-User: ?1\r\n\
    Priority: u=0, i\r\n\r\n";

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    bench(&mut criterion, "short-get", SHORT.as_bytes());
    bench(&mut criterion, "browser-get", BROWSER.as_bytes());
    bench(&mut criterion, "chunked-post", &chunked_post());
    criterion.final_summary();
}

/// 16 chunks of 256 bytes.
fn chunked_post() -> Vec<u8> {
    let head = "POST /echo HTTP/1.1\r\nHost: localhost:8888\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("100\r\n{}\r\n", "x".repeat(0x100));
    format!("{head}{}0\r\n\r\n", chunk.repeat(16)).into_bytes()
}

fn bench(criterion: &mut Criterion, name: &str, message: &[u8]) {
    // Both must have read all of it, or they would not have done the same.
    assert_eq!((ours(message), httparse_alone(message)), (message.len(), message.len()), "{name}");
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(message.len() as u64));
    group.bench_with_input("rungs", message, |bencher, message| bencher.iter(|| ours(message)));
    group.bench_with_input("httparse", message, |bencher, message| {
        bencher.iter(|| httparse_alone(message));
    });
    group.finish();
}

/// How many bytes the message has.
fn ours(bytes: &[u8]) -> usize {
    let request = parse_request(bytes).unwrap().unwrap();
    let mut body = Body::new(request.body, MAX_BODY).unwrap();
    let mut at = request.head_length;
    while !body.is_done() {
        let (used, _) = body.take(&bytes[at..]).unwrap();
        at += used;
    }
    at
}

/// The same, of a message that is well-formed and whose body, if it has one, is in chunks.
fn httparse_alone(bytes: &[u8]) -> usize {
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut head = httparse::Request::new(&mut []);
    let mut at = head.parse_with_uninit_headers(bytes, &mut fields).unwrap().unwrap();
    if !head.headers.iter().any(|field| field.name == "Transfer-Encoding") {
        return at;
    }
    loop {
        let (line, size) = httparse::parse_chunk_size(&bytes[at..]).unwrap().unwrap();
        let size = usize::try_from(size).unwrap();
        at += line + size + "\r\n".len();
        if size == 0 {
            return at;
        }
    }
}
