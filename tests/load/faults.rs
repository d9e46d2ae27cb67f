//! Servers that do wrong every so often: the counts are exactly theirs.

use super::support::{HELLO, Server, all, await_quiet, classes, outcome_of, plan, reserve};
use rungs::harness::load::{Arrivals, Pace, Plan, Reuse};
use std::{collections::BTreeMap, io::Write, time::Duration};

/// Every request has a connection of its own; the n-th of them meets the fault n % 6.
fn faulty() -> Server {
    Server::start(|state, mut stream| {
        let turn = state.read_numbered_request(stream)?;
        match turn.map(|turn| turn % 6) {
            None => return Ok(()),
            Some(0) => stream.write_all(HELLO)?,
            Some(1) => return state.reset(stream),
            Some(2) => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHel")?,
            Some(3) => stream.write_all(b"220 mail.example ESMTP\r\n")?,
            Some(4) => drop(state.read_request(stream)?),
            Some(_) => {}
        }
        Ok(())
    })
}

#[test]
fn every_fault_is_counted_exactly() {
    let open = Pace::Open { rate: 200.0, arrivals: Arrivals::Poisson };
    for (connections, pace) in [(8, Pace::Closed), (60, open)] {
        let server = faulty();
        let plan = Plan {
            requests: Some(120),
            connections,
            timeout: Duration::from_secs(2),
            pace,
            ..plan(server.address, Reuse::PerRequest)
        };
        let outcome = outcome_of(&plan);
        let expected = all(|account| {
            account.answered[1] = 20;
            (account.reset, account.malformed, account.timed_out_waiting) = (20, 20, 20);
            // Those that got a part, and those that got nothing.
            account.closed_early = 40;
        });
        assert_eq!(classes(&outcome), expected, "{:?}", plan.pace);
        let reset = nix::errno::Errno::ECONNRESET as i32;
        assert_eq!(outcome.account.errors, BTreeMap::from([(reset, 20)]), "{:?}", plan.pace);
    }
}

#[test]
fn one_of_two_addresses_refuses() {
    let server = Server::keeping(HELLO);
    let (_bound, closed) = reserve();
    let plan = Plan {
        targets: vec![server.address, closed],
        connections: 2,
        requests: Some(60),
        pace: Pace::Open { rate: 100.0, arrivals: Arrivals::Constant },
        ..plan(server.address, Reuse::PerRequest)
    };
    let outcome = outcome_of(&plan);
    let answered = server.state.requests();
    assert!((1..60).contains(&answered), "{:?}", outcome.account);
    let expected = all(|account| {
        (account.answered[1], account.refused) = (answered, 60 - answered);
    });
    assert_eq!(classes(&outcome), expected);
}

/// One pipeline of six requests, and no more.
fn six_at_once(server: &Server) -> Plan {
    Plan {
        pipeline: 6,
        connections: 1,
        threads: 1,
        requests: Some(6),
        ..plan(server.address, Reuse::KeepAlive)
    }
}

#[test]
fn whoever_is_behind_shares_the_fate() {
    // After two answers the connection ends like this; a pipeline of six has four behind them.
    let ends: [(&[u8], &str); 4] = [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHel", "closed early"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "said close"),
        (b"garbage\r\n", "malformed"),
        (b"", "reset"),
    ];
    for (end, name) in ends {
        let server = Server::start(move |state, mut stream| {
            if !state.read_requests(stream, 6)? {
                return Ok(());
            }
            stream.write_all(&[HELLO, HELLO, end].concat())?;
            if name == "reset" {
                // A reset discards what was not read, so the client says when it has read it.
                await_quiet(stream)?;
                return state.reset(stream);
            }
            Ok(())
        });
        let expected = all(|account| match name {
            "closed early" => (account.answered[1], account.closed_early) = (2, 4),
            "said close" => (account.answered[1], account.closed_early) = (3, 3),
            "malformed" => (account.answered[1], account.malformed) = (2, 4),
            _ => (account.answered[1], account.reset) = (2, 4),
        });
        assert_eq!(classes(&outcome_of(&six_at_once(&server))), expected, "{name}");
    }
}

#[test]
fn whoever_is_behind_times_out_too() {
    let server = Server::start(|state, mut stream| {
        if state.read_requests(stream, 6)? {
            stream.write_all(&[HELLO, &HELLO[..20]].concat())?;
            state.read_request(stream)?;
        }
        Ok(())
    });
    let plan = Plan { timeout: Duration::from_secs(1), ..six_at_once(&server) };
    let expected = all(|account| {
        account.answered[1] = 1;
        (account.timed_out_reading, account.timed_out_waiting) = (1, 4);
    });
    assert_eq!(classes(&outcome_of(&plan)), expected);
}
