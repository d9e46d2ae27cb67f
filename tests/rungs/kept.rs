//! What rungs 9 and up have in common: connections that stay open, and clients beside each other.

use std::{
    fmt::Write,
    net::TcpStream,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use rungs::ladder::{LADDER, Rung};

use super::{
    support::{
        Client, GET, LAST_GET, answer, await_equal, descriptors, idle_descriptors, kept, launch,
        process, start, threads,
    },
    waiting::await_until,
};

fn keepers() -> impl Iterator<Item = &'static Rung> {
    LADDER.iter().filter(|rung| rung.number >= 9)
}

fn hello() -> String {
    kept("Hello, World!")
}

#[test]
fn a_connection_takes_one_request_after_another() {
    for rung in keepers() {
        let server = start(&launch(rung.name));
        let idle = idle_descriptors(&server);
        let mut client = Client::connect(&server);
        for _ in 0..3 {
            client.say(GET);
            client.expect(&hello());
        }
        client.say("HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
        let head = answer("200 OK", "Content-Length: 13\r\n", "");
        let nothing = answer("404 Not Found", "Content-Length: 13\r\n", "nothing here\n");
        client.expect(&(head + &nothing));
        client.say("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        let fields = "Content-Length: 13\r\nConnection: keep-alive\r\n";
        client.expect(&answer("200 OK", fields, "Hello, World!"));
        client.say(LAST_GET);
        let fields = "Content-Length: 13\r\nConnection: close\r\n";
        client.expect(&answer("200 OK", fields, "Hello, World!"));
        client.expect_end();
        await_equal("descriptors after it has left", idle, || descriptors(&server));
    }
}

#[test]
fn the_last_answer_comes_although_more_was_sent() {
    for rung in keepers() {
        let server = start(&launch(rung.name));
        // As much as each of them reads at a time, so that nothing shows that there is more.
        for size in [2 * 1024, 64 * 1024] {
            let mut client = Client::connect(&server);
            let pad = size - "GET / HTTP/1.0\r\nPad: \r\n\r\n".len();
            client.say(format!("GET / HTTP/1.0\r\nPad: {}\r\n\r\nmore", "x".repeat(pad)));
            let fields = "Content-Length: 13\r\nConnection: close\r\n";
            client.expect(&answer("200 OK", fields, "Hello, World!"));
        }
    }
}

#[test]
fn a_silent_client_stops_nobody() {
    for rung in keepers() {
        let server = start(&launch(rung.name));
        let idle = idle_descriptors(&server);
        let mut silent = Client::connect(&server);
        silent.say("GET / HT");
        await_equal("the silent client's descriptor", idle + 1, || descriptors(&server));
        let mut second = Client::connect(&server);
        second.say(GET);
        second.expect(&hello());
        silent.say("TP/1.1\r\nHost: a\r\n\r\n");
        silent.expect(&hello());
    }
}

/// So many requests of three kinds, each told apart from its neighbours, with their answers.
fn conversation(count: usize) -> (String, String) {
    let (mut requests, mut answers) = (String::new(), String::new());
    for number in 0..count {
        match number % 3 {
            0 => {
                write!(requests, "GET /bytes/{number} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
                answers += &kept(&"x".repeat(number));
            }
            1 => {
                let body = format!("number {number}");
                let length = body.len();
                write!(
                    requests,
                    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}"
                )
                .unwrap();
                answers += &kept(&body);
            }
            _ => {
                requests += "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
                answers += &hello();
            }
        }
    }
    (requests, answers)
}

/// Somebody must read while somebody writes: the server holds back requests whose answers wait.
#[test]
fn a_thousand_pipelined_requests_are_answered_in_order() {
    let (requests, answers) = conversation(1000);
    for rung in keepers() {
        let server = start(&launch(rung.name));
        let mut reader = Client::connect(&server);
        let mut writer = reader.stream().try_clone().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| std::io::Write::write_all(&mut writer, requests.as_bytes()).unwrap());
            reader.expect(&answers);
        });
        reader.finish();
        reader.expect_end();
    }
}

#[test]
fn requests_that_come_byte_by_byte_are_answered() {
    let (requests, answers) = conversation(9);
    for rung in keepers() {
        let server = start(&launch(rung.name));
        let mut client = Client::connect(&server);
        for byte in requests.bytes() {
            client.say([byte]);
        }
        client.expect(&answers);
    }
}

#[test]
fn the_answer_comes_to_who_has_ended_its_side() {
    for rung in keepers() {
        let server = start(&launch(rung.name));
        let idle = idle_descriptors(&server);
        let mut together = Client::connect(&server);
        together.say_last(GET);
        let mut later = Client::connect(&server);
        later.say(GET);
        later.finish();
        for client in [&mut together, &mut later] {
            client.expect(&hello());
            client.expect_end();
        }
        // Half a request has an answer too.
        let mut early = Client::connect(&server);
        early.say_last(b"GET / HT");
        let reason = "the request ended early";
        let fields = format!("Content-Length: {}\r\nConnection: close\r\n", reason.len());
        early.expect(&answer("400 Bad Request", &fields, reason));
        early.expect_end();
        await_equal("descriptors after all have left", idle, || descriptors(&server));
    }
}

#[test]
fn clients_that_reset_in_mid_request_leave_nothing_behind() {
    for rung in keepers() {
        let server = start(&launch(rung.name));
        let idle = idle_descriptors(&server);
        for said in ["", "GET / HT", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx"]
        {
            for _ in 0..50 {
                let mut client = Client::connect(&server);
                client.say(said);
                client.reset();
            }
        }
        let mut reader = Client::connect(&server);
        reader.say("GET /bytes/104857600 HTTP/1.1\r\nHost: a\r\n\r\n");
        reader.reset();
        await_equal("descriptors after all resets", idle, || descriptors(&server));
        let mut client = Client::connect(&server);
        client.say(GET);
        client.expect(&hello());
    }
}

/// With 64 descriptors, about 60 of 100 clients are accepted. It must not die of the next, and must
/// remember those who wait: no event tells of them again.
#[test]
fn a_shortage_of_descriptors_passes() {
    for rung in keepers() {
        let server = start(&launch(rung.name).descriptor_limit(64));
        let mut held: Vec<_> = (0..100).map(|_| Client::connect(&server)).collect();
        await_equal("no descriptor left", 64, || descriptors(&server));
        for client in &mut held {
            client.say(GET);
        }
        held[0].expect(&hello());
        held[99].expect_silence();
        // accept fails at once as long as the shortage lasts: no reason to try without a pause.
        let (start, before) = (Instant::now(), process(&server).own_cpu);
        while start.elapsed() < Duration::from_secs(1) {
            held[99].expect_silence();
        }
        let (spent, passed) = (process(&server).own_cpu.saturating_sub(before), start.elapsed());
        assert!(spent < passed / 10, "{} spent {spent:?} of {passed:?}", rung.name);
        // Each that leaves makes room for one who waits.
        while held.len() > 1 {
            drop(held.remove(0));
            held[0].expect(&hello());
        }
        drop(held);
        let mut client = Client::connect(&server);
        client.say(GET);
        client.expect(&hello());
        assert_eq!((server.exited(), server.stderr()), (None, String::new()), "{}", rung.name);
    }
}

/// With no descriptor for the first client, no client of its own can leave and make room: it comes
/// from elsewhere, as when another program was short of memory or had used up the system's files.
#[test]
fn who_waits_for_a_descriptor_gets_the_first_from_elsewhere() {
    for rung in keepers() {
        let idle = idle_descriptors(&start(&launch(rung.name)));
        let server = start(&launch(rung.name).descriptor_limit(idle as u64));
        let mut clients = [Client::connect(&server), Client::connect(&server)];
        for client in &mut clients {
            client.say(GET);
        }
        clients[0].expect_silence();
        let limit = ["--nofile=64".to_owned(), format!("--pid={}", server.pid())];
        let Ok(status) = Command::new("prlimit").args(limit).status() else {
            println!(
                "skipped who_waits_for_a_descriptor_gets_the_first_from_elsewhere: no prlimit(1)"
            );
            return;
        };
        assert!(status.success());
        for client in &mut clients {
            client.expect(&hello());
        }
    }
}

#[test]
fn threadserver_has_a_thread_per_connection() {
    let server = start(&launch("threadserver"));
    let mut clients = Vec::new();
    for count in 1..=20 {
        clients.push(Client::connect(&server));
        await_equal("threads", 1 + count, || threads(&server));
    }
    drop(clients);
    await_equal("threads after all have left", 1, || threads(&server));
    let plain = TcpStream::connect(server.address()).unwrap();
    await_until("a thread again", || process(&server).threads == 2);
    drop(plain);
}
