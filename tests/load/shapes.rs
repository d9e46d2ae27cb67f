//! Other work than one GET at a time.

use super::{
    support::{
        HELLO, Server, all, all_ok, check, classes, in_a_child, outcome_of, plan, received, reserve,
    },
    waiting::await_until,
};
use fastrand::Rng;
use nix::sys::resource::{Resource, setrlimit};
use rungs::harness::load::{
    Idle, Outcome, Plan, Request, Reuse, Slow, SlowAt, Weighted, Work, run,
};
use std::{
    io::{Read, Write},
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

#[test]
fn a_pipeline_is_answered_in_order() {
    for (connections, pipeline) in [(1, 2), (3, 8), (1, 100)] {
        let server = Server::keeping_many(HELLO);
        let plan = Plan {
            requests: Some(2000),
            pipeline,
            connections,
            // A second one might come too late for any request.
            threads: 1,
            ..plan(server.address, Reuse::KeepAlive)
        };
        let outcome = outcome_of(&plan);
        assert_eq!(outcome.account, all_ok(2000));
        assert_eq!(server.state.requests(), 2000);
        assert_eq!(outcome.connections_opened, connections as u64);
        assert_eq!(outcome.bytes_in, 2000 * HELLO.len() as u64);
    }
}

/// Answers of every size, framed in either way.
fn answer(random: &mut Rng) -> Vec<u8> {
    let body = vec![b'x'; random.usize(..300)];
    if random.bool() {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        return [head.as_bytes(), &body].concat();
    }
    let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let mut rest = &body[..];
    while !rest.is_empty() {
        let (chunk, behind) = rest.split_at(random.usize(1..=rest.len()));
        answer.extend(format!("{:x}\r\n", chunk.len()).bytes().chain(chunk.iter().copied()));
        answer.extend(b"\r\n");
        rest = behind;
    }
    answer.extend(b"0\r\n\r\n");
    answer
}

#[test]
fn a_hundred_thousand_answers_in_random_pieces_are_read_right() {
    const ANSWERS: u64 = 100_000;
    let server = Server::start(|state, mut stream| {
        stream.set_nodelay(true)?;
        let mut random = Rng::with_seed(state.connections.load(SeqCst));
        let mut stream_out = Vec::new();
        while let count @ 1.. = state.read_some_requests(stream)? {
            (0..count).for_each(|_| stream_out.extend(answer(&mut random)));
            // What is left waits for the next answers, unless it is all that was asked for.
            let mut rest = &stream_out[..];
            while !rest.is_empty() {
                let most = if random.u8(..) < 128 { 16 } else { 4096 };
                let (piece, behind) = rest.split_at(random.usize(1..=rest.len().min(most)));
                stream.write_all(piece)?;
                state.sent.fetch_add(piece.len() as u64, SeqCst);
                rest = behind;
            }
            stream_out.clear();
        }
        Ok(())
    });
    let plan = Plan {
        requests: Some(ANSWERS),
        threads: 1,
        pipeline: 32,
        duration: Duration::from_secs(120),
        timeout: Duration::from_secs(60),
        ..plan(server.address, Reuse::KeepAlive)
    };
    let outcome = outcome_of(&plan);
    assert_eq!(outcome.account, all_ok(ANSWERS));
    assert_eq!((outcome.surplus, outcome.connections_opened), (0, 4));
    assert_eq!(outcome.bytes_in, server.state.sent.load(SeqCst), "nothing lost");
}

#[test]
fn a_mix_has_its_weights_and_methods() {
    let server = Server::start(|state, mut stream| {
        while let Some(head) = state.read_head(stream)? {
            let answer: &[u8] = match head.split(' ').next() {
                Some("GET") => HELLO,
                Some("HEAD") => b"HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\n",
                Some("POST") => {
                    assert!(head.contains("Content-Length: 5\r\n"), "{head}");
                    assert!(head.contains("X-Kind: greeting\r\n"), "{head}");
                    let mut body = [0; 5];
                    stream.read_exact(&mut body)?;
                    assert_eq!(&body, b"hello");
                    b"HTTP/1.1 303 See\r\nContent-Length: 0\r\n\r\n"
                }
                _ => b"HTTP/1.1 500 What\r\nContent-Length: 0\r\n\r\n",
            };
            stream.write_all(answer)?;
        }
        Ok(())
    });
    let post = Request {
        method: "POST".into(),
        fields: vec![("X-Kind".into(), "greeting".into())],
        body: b"hello".into(),
        ..Request::get("/echo")
    };
    let head = Request { method: "HEAD".into(), ..Request::get("/") };
    let mix = [(6, Request::get("/")), (3, post), (1, head)];
    let mix = mix.map(|(weight, request)| Weighted { weight, request });
    let plan = Plan {
        work: Work::Mix(mix.into()),
        requests: Some(2000),
        ..plan(server.address, Reuse::KeepAlive)
    };
    let answered = outcome_of(&plan).account.answered;
    // Five standard deviations: the root of 2000 * .6 * .4 is 22, and so on.
    assert_eq!((answered[0], answered[4], answered.iter().sum::<u64>()), (0, 0, 2000));
    assert!(answered[1].abs_diff(1200) < 110, "{answered:?}");
    assert!(answered[2].abs_diff(600) < 103, "{answered:?}");
    assert!(answered[3].abs_diff(200) < 68, "{answered:?}");
}

#[test]
fn raw_bytes_are_answered_by_the_end_of_the_stream() {
    let server = Server::start(|state, mut stream| {
        let mut bytes = [0; 6];
        stream.read_exact(&mut bytes)?;
        assert_eq!(&bytes, b"HELO\r\n");
        if state.requests.fetch_add(1, SeqCst) % 4 != 3 {
            stream.write_all(b"250 ")?;
            stream.write_all(b"mail.example\r\n")?;
        }
        Ok(())
    });
    let plan =
        Plan { work: Work::Raw(b"HELO\r\n".to_vec()), ..plan(server.address, Reuse::PerRequest) };
    let outcome = outcome_of(&plan);
    let expected = all(|account| (account.raw_answered, account.closed_early) = (75, 25));
    assert_eq!(classes(&outcome), expected);
    assert_eq!((outcome.bytes_out, outcome.bytes_in), (600, 75 * 18));
}

#[test]
fn slow_clients_are_slow() {
    let slow = |bytes_per_second, at| Some(Slow { bytes_per_second, at });
    // A request of about 60 bytes at 100 bytes a second.
    let server = Server::keeping(HELLO);
    let sending = Plan {
        slow: slow(100, SlowAt::Sending),
        requests: Some(4),
        ..plan(server.address, Reuse::KeepAlive)
    };
    let outcome = outcome_of(&sending);
    assert_eq!(outcome.account, all_ok(4));
    let least = (outcome.bytes_out / 4 - 1) * 1_000_000_000 / 100;
    assert!(outcome.service.min() >= least * 99 / 100, "{} ns", outcome.service.min());

    // An answer of 39 bytes at 50 bytes a second.
    let reading = Plan { slow: slow(50, SlowAt::Reading), ..sending };
    let outcome = outcome_of(&reading);
    assert_eq!(outcome.account, all_ok(4));
    let least = (HELLO.len() as u64 - 1) * 1_000_000_000 / 50;
    assert!(outcome.service.min() >= least * 99 / 100, "{} ns", outcome.service.min());
}

#[test]
fn who_spins_counts_the_same() {
    // On a busy core a quick server can have its answer there at every poll; at a slow one the
    // first poll after each send finds nothing.
    let server = Server::start(|state, mut stream| {
        while let Some(before) = state.read_numbered_request(stream)? {
            if before % 20 == 0 {
                thread::sleep(Duration::from_millis(20));
            }
            stream.write_all(HELLO)?;
        }
        Ok(())
    });
    for (connections, reuse) in
        [(1, Reuse::KeepAlive), (1, Reuse::PerRequest), (3, Reuse::KeepAlive)]
    {
        let plan = Plan {
            spin: true,
            connections,
            threads: 1,
            requests: Some(200),
            ..plan(server.address, reuse)
        };
        let outcome = outcome_of(&plan);
        assert_eq!(outcome.account, all_ok(200));
        let Outcome { spin, spun, elapsed, .. } = outcome;
        assert!(elapsed < plan.duration, "it went on when the requests had run out");
        assert!(spin && spun > Duration::ZERO && spun <= elapsed, "{spin} {spun:?} {elapsed:?}");
    }
}

#[test]
fn idle_connections_are_held_and_one_is_asked_now_and_then() {
    let server = Server::keeping(HELLO);
    let plan = Plan {
        idle: Some(Idle { rate: 100.0 }),
        connections: 200,
        requests: None,
        duration: Duration::from_secs(1),
        ..plan(server.address, Reuse::KeepAlive)
    };
    let outcome = outcome_of(&plan);
    let held = outcome.idle.as_ref().expect("held connections");
    assert_eq!((held.wanted, held.opened, held.lost), (200, 200, 0), "{held:?}");
    assert!(held.failed.is_empty() && held.own_memory.is_some(), "{held:?}");
    assert_eq!(outcome.started, 100);
    assert_eq!(outcome.account.failed(), 0, "{:?}", outcome.account);
    assert_eq!(server.state.connections.load(SeqCst), 200);
}

#[test]
fn idle_connections_that_the_server_ends_are_lost() {
    let server = Server::start(|state, stream| {
        // All of them at once, when one is asked.
        if state.read_request(stream)? {
            state.die();
        }
        Ok(())
    });
    let plan = Plan {
        idle: Some(Idle { rate: 10.0 }),
        connections: 50,
        requests: None,
        duration: Duration::from_secs(3),
        ..plan(server.address, Reuse::KeepAlive)
    };
    let outcome = outcome_of(&plan);
    let held = outcome.idle.as_ref().expect("held connections");
    assert_eq!((held.opened, held.lost), (50, 50), "{:?}", outcome.account);
    assert_eq!(outcome.account.answered_total(), 0);
    assert!(outcome.account.refused > 0, "{:?}", outcome.account);
}

#[test]
fn more_connections_than_one_table_holds() {
    // The limit is one of the whole process.
    if !in_a_child("shapes::more_connections_than_one_table_holds") {
        return;
    }
    // Connections stay in its accept queue, and so need no more descriptors of this process.
    let (listener, address) = reserve();
    listener.listen(4096).expect("a bound socket");
    setrlimit(Resource::RLIMIT_NOFILE, 200, 300).expect("a lower limit");
    let plan = Plan {
        idle: Some(Idle { rate: 0.0 }),
        connections: 1000,
        threads: 1,
        requests: None,
        duration: Duration::from_millis(100),
        ..plan(address, Reuse::KeepAlive)
    };
    let outcome = outcome_of(&plan);
    let held = outcome.idle.as_ref().expect("held connections");
    assert_eq!((held.opened, outcome.started), (1000, 0), "{held:?}");
    assert!(outcome.threads >= 4, "{} tables", outcome.threads);
    assert!(outcome.limits.is_empty(), "{:?}", outcome.limits);
}

#[test]
fn a_run_can_be_stopped_while_connections_are_opened() {
    // Nobody accepts, and the queue has room for two and one more (listen(2), and
    // `sk_acceptq_is_full`), so the rest would wait for long.
    let (listener, address) = reserve();
    listener.listen(2).expect("a bound socket");
    let plan = Plan {
        idle: Some(Idle { rate: 0.0 }),
        connections: 50,
        timeout: Duration::from_secs(60),
        ..plan(address, Reuse::KeepAlive)
    };
    let begun = Instant::now();
    let stop = AtomicBool::new(false);
    let outcome = thread::scope(|scope| {
        scope.spawn(|| {
            let nobody = SocketAddr::from(([0, 0, 0, 0], 0));
            await_until("a full accept queue", || received(address, nobody) == Some(3));
            stop.store(true, SeqCst);
        });
        run(&plan, &stop, &|_| {}).expect("a run")
    });
    check(&outcome);
    assert!(begun.elapsed() < plan.timeout / 2, "{:?}", begun.elapsed());
    assert!(outcome.idle.is_some_and(|held| (1..50).contains(&held.opened)));
}
