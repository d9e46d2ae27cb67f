//! The closed loop: every request is answered, or the account says why not.

use super::support::{
    HELLO, HELLO_AND_CLOSE, Server, all, all_ok, check, classes, in_a_child, outcome_of, plan,
    reserve,
};
use nix::{
    errno::Errno,
    sys::resource::{Resource, setrlimit},
};
use rungs::harness::load::{Outcome, Plan, Request, Reuse, run};
use socket2::SockRef;
use std::{
    collections::BTreeMap,
    io::Write,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

#[test]
fn keep_alive_counts_what_the_server_counts() {
    let server = Server::keeping(HELLO);
    let plan =
        Plan { requests: Some(1000), connections: 7, ..plan(server.address, Reuse::KeepAlive) };
    let outcome = outcome_of(&plan);
    assert_eq!(outcome.account, all_ok(1000));
    assert_eq!(server.state.requests(), 1000);
    assert!((1..=7).contains(&outcome.connections_opened), "{}", outcome.connections_opened);
    assert_eq!(server.state.connections.load(SeqCst), outcome.connections_opened);
    assert_eq!(outcome.bytes_in, 1000 * HELLO.len() as u64);
    assert!(outcome.elapsed < plan.duration, "the requests ran out");
}

#[test]
fn a_run_is_over_with_its_last_answer() {
    let server = Server::keeping(HELLO);
    for reuse in [Reuse::KeepAlive, Reuse::PerRequest] {
        let plan = Plan { requests: Some(1), connections: 1, ..plan(server.address, reuse) };
        // On a machine with much else to do it may be held up at its end; not each time.
        let is_prompt = |outcome: &Outcome| {
            let response = Duration::from_nanos(outcome.response.max());
            outcome.elapsed < response + Duration::from_millis(10)
        };
        assert!((0..500).any(|_| is_prompt(&outcome_of(&plan))), "{reuse:?}");
    }
}

#[test]
fn connection_per_request_counts_what_the_server_counts() {
    let server = Server::saying(HELLO_AND_CLOSE);
    let outcome = outcome_of(&plan(server.address, Reuse::PerRequest));
    assert_eq!(outcome.account, all_ok(100));
    assert_eq!(server.state.requests(), 100);
    assert_eq!(server.state.connections.load(SeqCst), 100);
    assert_eq!(outcome.connections_opened, 100);
}

#[test]
fn keep_alive_obeys_connection_close() {
    let server = Server::saying(HELLO_AND_CLOSE);
    let outcome = outcome_of(&plan(server.address, Reuse::KeepAlive));
    assert_eq!(outcome.account, all_ok(100));
    assert_eq!(outcome.connections_opened, 100);
}

#[test]
fn a_connection_that_is_never_closed_does_not_hang_the_client() {
    let server = Server::keeping(HELLO);
    let outcome = outcome_of(&plan(server.address, Reuse::PerRequest));
    assert_eq!(outcome.account, all_ok(100));
    assert_eq!(outcome.connections_opened, 100);
}

#[test]
fn an_answer_without_length_ends_with_its_connection() {
    for reuse in [Reuse::PerRequest, Reuse::KeepAlive] {
        let server = Server::saying(b"HTTP/1.0 200 OK\r\n\r\nHello");
        let outcome = outcome_of(&plan(server.address, reuse));
        assert_eq!(outcome.account, all_ok(100));
        assert_eq!(outcome.connections_opened, 100);
    }
}

#[test]
fn an_answer_may_come_byte_by_byte() {
    const CHUNKED: &[u8] = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\
        Transfer-Encoding: chunked\r\n\r\n3\r\nHel\r\n2;x=y\r\nlo\r\n0\r\nA: b\r\n\r\n";
    let server = Server::start(|state, mut stream| {
        stream.set_nodelay(true)?;
        while state.read_request(stream)? {
            for byte in CHUNKED {
                stream.write_all(&[*byte])?;
            }
        }
        Ok(())
    });
    let outcome = outcome_of(&plan(server.address, Reuse::KeepAlive));
    assert_eq!(outcome.account, all_ok(100));
    assert_eq!(outcome.bytes_in, 100 * CHUNKED.len() as u64);
}

#[test]
fn interim_answers_are_skipped() {
    let server = Server::keeping(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n\
          HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    );
    let outcome = outcome_of(&plan(server.address, Reuse::KeepAlive));
    assert_eq!(outcome.account, all_ok(100));
}

#[test]
fn statuses_are_counted_by_class() {
    let server = Server::start(|state, mut stream| {
        while state.read_request(stream)? {
            let status = ["204 No Content", "302 Found", "404 Not Found", "500 Oops", "777 What"];
            let turn = usize::try_from(state.requests()).expect("few") % status.len();
            let head = format!("HTTP/1.1 {}\r\nContent-Length: 0\r\n\r\n", status[turn]);
            stream.write_all(head.as_bytes())?;
        }
        Ok(())
    });
    let plan = Plan { connections: 1, ..plan(server.address, Reuse::KeepAlive) };
    assert_eq!(outcome_of(&plan).account, all(|account| account.answered = [0, 20, 20, 20, 40]));
}

#[test]
fn a_large_answer_is_read_to_its_last_byte() {
    const LENGTH: usize = 8 << 20;
    let server = Server::start(|state, mut stream| {
        let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH:10}\r\n\r\n");
        answer.push_str(&"x".repeat(LENGTH));
        while state.read_request(stream)? {
            stream.write_all(answer.as_bytes())?;
        }
        Ok(())
    });
    let plan = Plan { requests: Some(6), ..plan(server.address, Reuse::KeepAlive) };
    let outcome = outcome_of(&plan);
    assert_eq!(outcome.account, all_ok(6));
    let head = "HTTP/1.1 200 OK\r\nContent-Length:           \r\n\r\n".len();
    assert_eq!(outcome.bytes_in, 6 * (head + LENGTH) as u64);
}

#[test]
fn a_large_request_is_sent_to_its_last_byte() {
    for reuse in [Reuse::PerRequest, Reuse::KeepAlive] {
        let server = Server::keeping(HELLO);
        let work = Request::get(format!("/{}", "x".repeat(8 << 20))).into();
        let plan = Plan { requests: Some(6), work, ..plan(server.address, reuse) };
        assert_eq!(outcome_of(&plan).account, all_ok(6));
        assert_eq!(server.state.requests(), 6);
    }
}

#[test]
fn bytes_beyond_the_answer_end_the_connection() {
    let server = Server::keeping(
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHelloHTTP/1.1 500 Lie\r\n\r\n",
    );
    let outcome = outcome_of(&plan(server.address, Reuse::KeepAlive));
    assert_eq!(outcome.account, all_ok(100));
    assert_eq!((outcome.surplus, outcome.connections_opened), (100, 100));
}

#[test]
fn a_half_closed_connection_is_not_used_again() {
    let server = Server::start(|state, mut stream| {
        state.read_request(stream)?;
        // The answer must come together with the end of the stream, for without it the client
        // may be quicker, and rightly send its next request.
        SockRef::from(stream).set_tcp_cork(true)?;
        stream.write_all(HELLO)?;
        stream.shutdown(Shutdown::Write)?;
        state.read_request(stream).map(|more| assert!(!more, "a request after the end"))
    });
    let outcome = outcome_of(&plan(server.address, Reuse::KeepAlive));
    assert_eq!(outcome.account, all_ok(100));
    assert_eq!(outcome.connections_opened, 100);
}

#[test]
fn a_closed_port_refuses_every_request() {
    let (_bound, address) = reserve();
    let plan = Plan { requests: Some(20), ..plan(address, Reuse::KeepAlive) };
    let outcome = outcome_of(&plan);
    assert_eq!(classes(&outcome), all(|account| account.refused = 20));
    assert_eq!(outcome.account.errors, BTreeMap::from([(Errno::ECONNREFUSED as i32, 20)]));
    assert_eq!(outcome.connections_opened, 0);
}

#[test]
fn refused_clients_rest() {
    let (_bound, address) = reserve();
    let plan = Plan {
        requests: None,
        duration: Duration::from_millis(500),
        ..plan(address, Reuse::PerRequest)
    };
    let outcome = outcome_of(&plan);
    assert_eq!(classes(&outcome), all(|account| account.refused = outcome.started));
    let rests = u64::try_from(outcome.elapsed.as_millis() / 10).expect("a short run");
    assert!((1..=4 * (rests + 1)).contains(&outcome.started), "{} started", outcome.started);
}

#[test]
fn a_reset_is_a_reset() {
    for part in [&b""[..], b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\nHel"] {
        let server = Server::start(move |state, mut stream| {
            state.read_request(stream)?;
            stream.write_all(part)?;
            state.reset(stream)
        });
        let plan = Plan { connections: 1, ..plan(server.address, Reuse::KeepAlive) };
        assert_eq!(classes(&outcome_of(&plan)), all(|account| account.reset = 100), "{part:?}");
    }
}

#[test]
fn an_early_close_is_told_from_an_answer() {
    for part in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHell",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n0\r\n",
    ] {
        let server = Server::saying(part);
        let outcome = outcome_of(&plan(server.address, Reuse::PerRequest));
        assert_eq!(outcome.account, all(|account| account.closed_early = 100), "{part:?}");
    }
}

#[test]
fn garbage_is_malformed() {
    for part in [
        &b"220 mail.example ESMTP\r\n"[..],
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfive\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ] {
        let server = Server::saying(part);
        let outcome = outcome_of(&plan(server.address, Reuse::PerRequest));
        assert_eq!(outcome.account, all(|account| account.malformed = 100), "{part:?}");
    }
}

#[test]
fn a_head_without_end_is_malformed() {
    let server = Server::start(|state, mut stream| {
        state.read_request(stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            stream.write_all(b"Never: mind\r\n")?;
        }
    });
    let plan = Plan { requests: Some(4), ..plan(server.address, Reuse::PerRequest) };
    assert_eq!(outcome_of(&plan).account, all(|account| account.malformed = 4));
}

#[test]
fn unanswered_requests_are_in_flight_at_the_deadline() {
    for part in [&b""[..], b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHell"] {
        let server = Server::stalling(part);
        let plan = Plan {
            requests: None,
            duration: Duration::from_secs(1),
            ..plan(server.address, Reuse::KeepAlive)
        };
        let outcome = outcome_of(&plan);
        assert_eq!(outcome.account, all(|account| account.in_flight = 4));
        assert!(outcome.elapsed >= plan.duration, "{:?}", outcome.elapsed);
        assert_eq!(outcome.bytes_in, 4 * part.len() as u64);
    }
}

#[test]
fn unanswered_requests_time_out() {
    let server = Server::stalling(b"");
    let mut plan = Plan {
        requests: Some(12),
        timeout: Duration::from_millis(200),
        ..plan(server.address, Reuse::KeepAlive)
    };
    let outcome = outcome_of(&plan);
    assert_eq!(outcome.account, all(|account| account.timed_out_waiting = 12));
    assert_eq!(outcome.connections_opened, 12, "a late answer would be taken for the next one");
    assert!(outcome.elapsed >= 3 * plan.timeout, "{:?}", outcome.elapsed);

    let server = Server::stalling(b"HTTP/1.1 200 OK\r\n");
    // Time enough for the server to get to its part of an answer, on a busy machine too.
    plan = Plan {
        targets: vec![server.address],
        requests: Some(4),
        timeout: 10 * plan.timeout,
        ..plan
    };
    assert_eq!(outcome_of(&plan).account, all(|account| account.timed_out_reading = 4));
}

#[test]
fn a_full_accept_queue_times_out_the_connect() {
    let (socket, address) = reserve();
    socket.listen(0).expect("a bound socket");
    // A backlog of 0 has room for one (listen(2) as Linux counts).
    let queued = TcpStream::connect(address).expect("room for one");
    let plan = Plan {
        requests: Some(4),
        timeout: Duration::from_millis(100),
        ..plan(address, Reuse::PerRequest)
    };
    assert_eq!(outcome_of(&plan).account, all(|account| account.timed_out_connecting = 4));
    drop(queued);
}

#[test]
fn a_server_may_die_during_the_run() {
    let server = Server::start(|state, mut stream| {
        while state.read_request(stream)? {
            if state.requests() > 50 {
                state.die();
            }
            stream.write_all(HELLO)?;
        }
        Ok(())
    });
    let plan = Plan {
        requests: None,
        duration: Duration::from_secs(1),
        ..plan(server.address, Reuse::KeepAlive)
    };
    let Outcome { started, account, .. } = outcome_of(&plan);
    assert!((46..=server.state.requests()).contains(&account.answered[1]), "{account:?}");
    assert!(account.refused > 0, "{account:?}");
    assert!(account.closed_early + account.reset > 0, "{account:?}");
    assert_eq!(account.in_flight, 0, "{account:?}");
    assert!(started < 1000, "a dead server is not flooded: {started} started");
}

#[test]
fn times_are_not_shorter_than_the_truth() {
    let wait = Duration::from_millis(20);
    let server = Server::start(move |state, mut stream| {
        while state.read_request(stream)? {
            thread::sleep(wait);
            stream.write_all(HELLO)?;
        }
        Ok(())
    });
    for reuse in [Reuse::PerRequest, Reuse::KeepAlive] {
        let plan = Plan { requests: Some(20), ..plan(server.address, reuse) };
        let outcome = outcome_of(&plan);
        assert_eq!(outcome.account, all_ok(20));
        let least = u64::try_from(wait.as_nanos()).expect("a short wait");
        for histogram in [&outcome.service, &outcome.response, &outcome.first_byte] {
            let first = histogram.value_at_quantile(0.0);
            assert!(first >= least, "{first} ns, but the server waits {least} ns");
        }
        assert!(outcome.response.max() >= outcome.service.max(), "response includes service");
    }
}

#[test]
fn first_and_last_byte_are_told_apart() {
    let wait = Duration::from_millis(20);
    let server = Server::start(move |state, mut stream| {
        while state.read_request(stream)? {
            let (head, body) = HELLO.split_at(HELLO.len() - 1);
            stream.write_all(head)?;
            thread::sleep(wait);
            stream.write_all(body)?;
        }
        Ok(())
    });
    let plan = Plan { requests: Some(1), connections: 1, ..plan(server.address, Reuse::KeepAlive) };
    let outcome = outcome_of(&plan);
    assert_eq!(outcome.account, all_ok(1));
    assert!(outcome.first_byte.max() < outcome.service.max());
}

#[test]
fn the_warm_up_is_not_counted() {
    let server = Server::keeping(HELLO);
    let stop = AtomicBool::new(false);
    let plan = Plan {
        requests: None,
        warm_up: Duration::from_secs(1),
        ..plan(server.address, Reuse::KeepAlive)
    };
    let outcome = run(&plan, &stop, &|snapshot| {
        assert!(snapshot.started == 0 || snapshot.elapsed >= plan.warm_up, "{snapshot:?}");
        stop.store(snapshot.answered > 0, SeqCst);
    });
    let outcome = outcome.expect("a run");
    check(&outcome);
    assert!(outcome.started > 0);
    assert!(outcome.started < server.state.requests());
    assert_eq!(outcome.connections_opened, 0, "all were opened in the warm-up");
    assert!(outcome.elapsed > Duration::ZERO && outcome.own_cpu > Duration::ZERO);
    assert_eq!(outcome.threads, 2);
}

#[test]
fn requests_of_the_warm_up_use_up_the_number() {
    let server = Server::keeping(HELLO);
    let plan = Plan { warm_up: Duration::from_secs(20), ..plan(server.address, Reuse::KeepAlive) };
    let outcome = outcome_of(&plan);
    assert_eq!((outcome.started, outcome.elapsed), (0, Duration::ZERO));
    assert_eq!(server.state.requests(), 100);
}

#[test]
fn a_request_belongs_to_where_it_started() {
    let server = Server::stalling(b"");
    let plan = Plan {
        requests: None,
        warm_up: Duration::from_secs(1),
        duration: Duration::from_millis(50),
        ..plan(server.address, Reuse::KeepAlive)
    };
    assert_eq!(outcome_of(&plan).started, 0, "all are in flight since the warm-up");
}

#[test]
fn the_stop_flag_ends_a_run_and_the_watcher_sees_it_go() {
    let server = Server::keeping(HELLO);
    let stop = AtomicBool::new(false);
    let plan = Plan { requests: None, ..plan(server.address, Reuse::KeepAlive) };
    let begun = Instant::now();
    let outcome = run(&plan, &stop, &|snapshot| {
        assert!(snapshot.answered + snapshot.failed <= snapshot.started, "{snapshot:?}");
        stop.store(snapshot.answered > 0, SeqCst);
    });
    let outcome = outcome.expect("a run");
    check(&outcome);
    assert!(begun.elapsed() < plan.duration, "the flag was not seen");
    assert!(outcome.account.answered[1] > 0);
    assert_eq!(outcome.account.failed(), 0, "{:?}", outcome.account);
}

#[test]
fn a_run_that_is_stopped_beforehand_asks_nothing() {
    let server = Server::keeping(HELLO);
    let plan = plan(server.address, Reuse::KeepAlive);
    let outcome = run(&plan, &AtomicBool::new(true), &|_| {}).expect("a run");
    check(&outcome);
    assert_eq!((outcome.started, server.state.requests()), (0, 0));
}

#[test]
fn few_requests_leave_some_clients_idle() {
    let server = Server::keeping(HELLO);
    for requests in [0, 1, 3] {
        let plan = Plan { requests: Some(requests), ..plan(server.address, Reuse::KeepAlive) };
        assert_eq!(outcome_of(&plan).account, all_ok(requests));
    }
}

#[test]
fn ipv6_is_served_too() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        println!("skipped: no IPv6 on this loopback");
        return;
    };
    let address = listener.local_addr().expect("a bound socket");
    drop(listener);
    let plan = Plan { requests: Some(2), ..plan(address, Reuse::PerRequest) };
    assert_eq!(classes(&outcome_of(&plan)), all(|account| account.refused = 2));
}

#[test]
fn any_other_error_is_kept_by_its_errno() {
    // A link-local address needs a scope (ipv6(7)); connect(2) fails before anything is sent.
    let address: SocketAddr = "[fe80::1]:80".parse().expect("an address");
    let plan = Plan { requests: Some(8), ..plan(address, Reuse::PerRequest) };
    let outcome = outcome_of(&plan);
    assert_eq!(outcome.account.other.values().sum::<u64>(), 8, "{:?}", outcome.account);
    assert!(!outcome.account.other.contains_key(&0), "{:?}", outcome.account);
}

#[test]
fn want_of_descriptors_is_counted() {
    // The limit is one of the whole process.
    if !in_a_child("closed::want_of_descriptors_is_counted") {
        return;
    }
    // Connections stay in its accept queue, and so need no more descriptors of this process.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    setrlimit(Resource::RLIMIT_NOFILE, 40, 40).expect("a lower limit");
    let plan = Plan {
        // One for each client, and time enough to start them all on a busy machine.
        requests: Some(100),
        connections: 100,
        duration: Duration::from_secs(3),
        ..plan(address, Reuse::KeepAlive)
    };
    let Outcome { started, account, .. } = outcome_of(&plan);
    assert_eq!(started, 100);
    assert!(account.out_of_descriptors >= 60, "{account:?}");
    assert_eq!(account.out_of_descriptors + account.in_flight, started, "{account:?}");
}

#[test]
fn a_plan_that_makes_no_sense_is_refused() {
    let target: SocketAddr = "127.0.0.1:1".parse().expect("an address");
    let good = plan(target, Reuse::KeepAlive);
    for bad in [
        Plan { connections: 0, ..good.clone() },
        Plan { threads: 0, ..good.clone() },
        Plan { duration: Duration::ZERO, ..good.clone() },
        Plan { timeout: Duration::ZERO, ..good.clone() },
        Plan { timeout: Duration::MAX, ..good.clone() },
        Plan { work: Request::get("/a b").into(), ..good.clone() },
        Plan { host: "a\r\nX: y".into(), ..good.clone() },
    ] {
        run(&bad, &AtomicBool::new(false), &|_| {}).expect_err("nonsense");
    }
}
