//! Rung 13, `epollserver`: one thread for all.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::TcpStream,
    os::fd::AsFd,
    thread,
    time::{Duration, Instant},
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rungs::harness::supervise::Server;

use super::{
    support::{
        Client, GET, allow_descriptors, anonymous, await_equal, children, descriptors,
        idle_descriptors, kept, launch, start, threads,
    },
    waiting::PATIENCE,
};

const MIB: u64 = 1024 * 1024;

fn hello() -> String {
    kept("Hello, World!")
}

fn ask(server: &Server) {
    let mut client = Client::connect(server);
    client.say(GET);
    client.expect(&hello());
}

#[test]
fn one_thread_serves_a_thousand_connections_at_once() {
    allow_descriptors(4096);
    let server = start(&launch("epollserver"));
    let idle = idle_descriptors(&server);
    let mut clients: Vec<_> = (0..1000).map(|_| Client::connect(&server)).collect();
    await_equal("descriptors of a thousand clients", idle + 1000, || descriptors(&server));
    for _ in 0..2 {
        for client in &mut clients {
            client.say(GET);
        }
        for client in &mut clients {
            client.expect(&hello());
        }
        assert_eq!((threads(&server), children(&server).len()), (1, 0));
    }
    assert_eq!(descriptors(&server), idle + 1000);
    drop(clients);
    await_equal("descriptors after all have left", idle, || descriptors(&server));
}

/// The FIN may be behind bytes that a read did not ask for, and no second event tells of it.
#[test]
fn many_ends_at_once_leave_no_descriptor_behind() {
    allow_descriptors(4096);
    let server = start(&launch("epollserver"));
    let idle = idle_descriptors(&server);
    for _ in 0..5 {
        let mut clients: Vec<_> = (0..300).map(|_| Client::connect(&server)).collect();
        for client in &mut clients {
            client.say_last(GET);
        }
        for client in &mut clients {
            client.expect(&hello());
            client.expect_end();
        }
        await_equal("descriptors after all have left", idle, || descriptors(&server));
    }
}

#[test]
fn a_slow_reader_of_a_large_answer_costs_no_memory_and_stops_nobody() {
    const LENGTH: usize = 50 * 1024 * 1024;
    let server = start(&launch("epollserver"));
    ask(&server);
    let before = anonymous(&server);
    let mut slow = Client::connect(&server);
    slow.say(format!("GET /bytes/{LENGTH} HTTP/1.1\r\nHost: a\r\n\r\n"));
    for _ in 0..20 {
        ask(&server);
    }
    let grown = anonymous(&server).saturating_sub(before);
    assert!(grown < 2 * MIB, "it grew by {grown} bytes");
    let head = "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
                Content-Type: text/plain; charset=utf-8\r\nContent-Length: 52428800\r\n\r\n";
    slow.expect_bytes(head.len() + LENGTH);
    let grown = anonymous(&server).saturating_sub(before);
    assert!(grown < 2 * MIB, "it grew by {grown} bytes");
}

/// Says `request` again and again, until nothing was taken for a while. Returns how many bytes the
/// kernels of both sides took.
fn say_until_full(client: &Client, request: &[u8], limit: u64) -> u64 {
    let many = request.repeat(1000);
    let mut stream = client.stream();
    stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let (start, mut taken, mut at) = (Instant::now(), 0, 0);
    while taken < limit && start.elapsed() < PATIENCE {
        match stream.write(&many[at..]) {
            Ok(length) => (taken, at) = (taken + length as u64, (at + length) % many.len()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return taken,
            Err(error) => panic!("send: {error}"),
        }
    }
    panic!("the server took {taken} bytes of requests from a client that reads no answer");
}

#[test]
fn a_client_that_asks_and_never_reads_is_held_back() {
    let server = start(&launch("epollserver"));
    ask(&server);
    let before = anonymous(&server);
    let clients: Vec<_> = (0..4).map(|_| Client::connect(&server)).collect();
    thread::scope(|scope| {
        for client in &clients {
            scope.spawn(|| say_until_full(client, GET, 100 * MIB));
        }
    });
    ask(&server);
    let grown = anonymous(&server).saturating_sub(before);
    assert!(grown < 2 * MIB, "it grew by {grown} bytes");
}

/// A client that asks without end and reads every answer. It never blocks.
struct Greedy {
    stream: TcpStream,
    /// Its requests, which it says over and over.
    requests: Vec<u8>,
    /// Where in them it is.
    at: usize,
    received: usize,
    room: Vec<u8>,
}

impl Greedy {
    /// The content of its answers, long beside what the kernels hold of them.
    const LENGTH: usize = 20_000;

    fn connect(server: &Server) -> Self {
        let stream = TcpStream::connect(server.address()).unwrap();
        stream.set_nonblocking(true).unwrap();
        // Long requests: so there is always another piece of news, that more bytes have come.
        let fill = "x".repeat(4000);
        let request = format!("GET /bytes/{} HTTP/1.1\r\nHost: {fill}\r\n\r\n", Self::LENGTH);
        let requests = request.repeat(64).into_bytes();
        Self { stream, requests, at: 0, received: 0, room: vec![0; 64 * 1024] }
    }

    fn answers(&self) -> usize {
        const DATE: usize = "Sun, 06 Nov 1994 08:49:37 GMT".len() - "NOW".len();
        self.received / (kept(&"x".repeat(Self::LENGTH)).len() + DATE)
    }

    /// Says what the kernel takes, and makes one read; false if there was nothing.
    fn go_on(&mut self) -> bool {
        while let Some(length) = unless_blocked(self.stream.write(&self.requests[self.at..])) {
            self.at = (self.at + length) % self.requests.len();
        }
        let read = unless_blocked(self.stream.read(&mut self.room));
        self.received += read.unwrap_or(0);
        read.is_some()
    }

    /// Reads all that has been answered, and that is at least so many answers.
    fn catch_up(&mut self, count: usize) {
        let (start, goal) = (Instant::now(), self.answers() + count);
        while self.go_on() || self.answers() < goal {
            assert!(start.elapsed() < PATIENCE, "awaited in vain: {count} answers");
        }
    }
}

fn unless_blocked(result: io::Result<usize>) -> Option<usize> {
    match result {
        Ok(0) => panic!("the server has closed"),
        Ok(length) => Some(length),
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) => panic!("{error}"),
    }
}

/// Waits until one of the two has something to do; true if it is the modest one.
fn is_next(modest: &Client, greedy: &Greedy) -> bool {
    let both = PollFlags::POLLIN | PollFlags::POLLOUT;
    let mut fds = [
        PollFd::new(modest.stream().as_fd(), PollFlags::POLLIN),
        PollFd::new(greedy.stream.as_fd(), both),
    ];
    let patience = PollTimeout::try_from(PATIENCE).unwrap();
    assert_ne!(poll(&mut fds, patience), Ok(0), "awaited in vain: an answer");
    fds[0].any().unwrap()
}

/// A turn is 32 reads and writes, which are 16 answers to the greedy client at most. While the modest one
/// waits for its turn there are two of them at most, as its request may have come in the first.
#[test]
fn a_client_that_asks_without_end_gets_its_turns_and_no_more() {
    let server = start(&launch("epollserver"));
    let mut greedy = Greedy::connect(&server);
    greedy.catch_up(16);
    let mut modest = Client::connect(&server);
    let mut shares = Vec::new();
    for _ in 0..50 {
        greedy.catch_up(16);
        let before = greedy.answers();
        modest.say(GET);
        while !is_next(&modest, &greedy) {
            greedy.go_on();
        }
        modest.expect(&hello());
        shares.push(greedy.answers() - before);
    }
    // The median: where this test itself had to wait for a CPU, it finds what was answered
    // meanwhile.
    shares.sort_unstable();
    assert!(shares[25] <= 100, "answers to the other while one waited: {shares:?}");
}
