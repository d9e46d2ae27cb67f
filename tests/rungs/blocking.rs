//! Rungs 0 to 2: one process, one client at a time.

use std::{io::ErrorKind, net::TcpStream, time::Duration};

use procfs::net::TcpState;
use rungs::harness::supervise::Server;

use super::support::{
    Client, GET, await_equal, descriptors, hello_once, idle_descriptors, launch, start,
};

#[test]
fn webserver1_answers_what_it_does_not_read() {
    let server = start(&launch("webserver1"));
    for said in ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "garbage\n", "G"] {
        let mut client = Client::connect(&server);
        client.say(said);
        client.expect("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nHello, World!");
        client.expect_end();
    }
}

#[test]
fn webserver1_survives_clients_that_leave_or_reset() {
    let server = start(&launch("webserver1"));
    for _ in 0..20 {
        Client::connect(&server).reset();
        let mut hasty = Client::connect(&server);
        hasty.say(GET);
        hasty.reset();
        drop(Client::connect(&server));
    }
    let mut client = Client::connect(&server);
    client.say(GET);
    client.expect("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nHello, World!");
}

#[test]
fn a_silent_client_stops_iterativeserver_as_long_as_it_stays() {
    let server = start(&launch("iterativeserver"));
    let idle = idle_descriptors(&server);
    let silent = Client::connect(&server);
    await_equal("the silent client's descriptor", idle + 1, || descriptors(&server));
    let mut second = Client::connect(&server);
    second.say(GET);
    second.expect_silence();
    drop(silent);
    second.expect(&hello_once());
    second.expect_end();
    await_equal("descriptors after both have left", idle, || descriptors(&server));
}

#[test]
fn sleepserver_answers_one_and_keeps_the_next_waiting() {
    let server = start(&launch("sleepserver"));
    let mut first = Client::connect(&server);
    first.say(GET);
    first.expect(&hello_once());
    let mut second = Client::connect(&server);
    second.say(GET);
    second.expect_silence();
    first.expect_silence();
}

#[test]
fn sleepserver_serves_the_next_when_it_has_slept() {
    let server = start(&launch("sleepserver").arguments(["--sleep", "0.05"]));
    let mut clients = [Client::connect(&server), Client::connect(&server)];
    for client in &mut clients {
        client.say(GET);
    }
    for client in &mut clients {
        client.expect(&hello_once());
        client.expect_end();
    }
}

/// How many connections wait in the accept queue: `rx_queue` of a listening socket.
fn accept_queue(server: &Server) -> usize {
    let table = procfs::net::tcp().unwrap();
    let listens = |entry: &&procfs::net::TcpNetEntry| {
        entry.state == TcpState::Listen && entry.local_address == server.address()
    };
    usize::try_from(table.iter().find(listens).expect("a listening socket").rx_queue).unwrap()
}

/// The backlog is 5, and Linux lets in one more (listen(2), and `sk_acceptq_is_full`).
#[test]
fn sleepserver_lets_six_wait_and_no_seventh() {
    let server = start(&launch("sleepserver"));
    let mut first = Client::connect(&server);
    first.say(GET);
    first.expect(&hello_once());
    let mut waiting = Vec::new();
    for number in 1..=6 {
        waiting.push(Client::connect(&server));
        await_equal("connections in the accept queue", number, || accept_queue(&server));
    }
    for _ in 0..2 {
        // Its SYN is dropped; the first retransmission comes after a second (RFC 6298).
        let refused = TcpStream::connect_timeout(&server.address(), Duration::from_millis(300));
        assert_eq!(refused.expect_err("no room in the queue").kind(), ErrorKind::TimedOut);
    }
    assert_eq!(accept_queue(&server), 6);
}
