//! Rung 8, `preforkserver`: processes that are there before the clients.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal::SIGKILL, kill},
    unistd::Pid,
};
use rungs::harness::{
    observe::tree,
    supervise::{Exit, Server},
};

use super::{
    support::{
        Client, GET, await_equal, children, descriptors_of, hello_once, launch, start, threads,
    },
    waiting::{await_some, await_until},
};

fn start_workers(count: usize) -> Server {
    let server = start(&launch("preforkserver").arguments(["--workers", &count.to_string()]));
    await_equal("workers", count, || workers(&server).len());
    server
}

/// The pids of the workers that live.
fn workers(server: &Server) -> BTreeSet<u32> {
    let children = children(server).into_iter();
    children.filter(|child| !child.is_zombie()).map(|child| child.pid).collect()
}

fn shoot(pid: u32) {
    // One that was just reaped is not there any more.
    kill(Pid::from_raw(pid.cast_signed()), SIGKILL).ok();
}

fn ask(server: &Server) {
    let mut client = Client::connect(server);
    client.say(GET);
    client.expect(&hello_once());
    client.expect_end();
}

#[test]
fn the_workers_are_there_before_the_first_client_and_stay() {
    let server = start_workers(3);
    let before = workers(&server);
    for _ in 0..20 {
        ask(&server);
    }
    assert_eq!(workers(&server), before);
    assert_eq!(threads(&server), 1);
}

#[test]
fn four_workers_are_the_default() {
    let server = start(&launch("preforkserver"));
    await_equal("workers", 4, || workers(&server).len());
}

#[test]
fn a_worker_that_was_killed_is_replaced_and_reaped() {
    let server = start_workers(3);
    let before = workers(&server);
    let victim = *before.first().unwrap();
    shoot(victim);
    await_until("a third worker, and no zombie", || {
        let children = children(&server);
        children.len() == 3 && children.iter().all(|child| child.pid != victim)
    });
    let stayed = workers(&server).intersection(&before).count();
    assert_eq!(stayed, 2);
    ask(&server);
}

#[test]
fn workers_that_die_at_once_do_not_keep_the_parent_forking() {
    let server = start_workers(2);
    let start = Instant::now();
    let mut seen = BTreeSet::new();
    await_until("ten workers in the place of two", || {
        for pid in workers(&server) {
            shoot(pid);
            seen.insert(pid);
        }
        seen.len() >= 12
    });
    // Ten a second at most: ten new ones take a second.
    let elapsed = start.elapsed();
    assert!(elapsed >= Duration::from_secs(1), "{} workers in {elapsed:?}", seen.len());
    // One that was killed in accept may still take a client with it.
    await_until("two workers that nobody has killed", || {
        let workers = workers(&server);
        workers.len() == 2 && workers.is_disjoint(&seen)
    });
    ask(&server);
}

#[test]
fn no_worker_outlives_a_parent_that_was_killed() {
    let server = start_workers(4);
    // One is busy with a client, the others wait for one.
    let _silent = Client::connect(&server);
    shoot(server.pid());
    let exit = await_some("the end of the parent", || server.exited());
    assert_eq!(exit, Exit::Signal(SIGKILL as i32));
    await_until("the end of the orphans", || {
        tree(server.keeper()).below_root().processes.is_empty()
    });
}

#[test]
fn silent_clients_pin_a_worker_each() {
    let server = start_workers(2);
    let held = || workers(&server).into_iter().map(descriptors_of).sum::<usize>();
    let idle = held();
    let silent = Client::connect(&server);
    let other = Client::connect(&server);
    await_equal("descriptors of two clients", idle + 2, held);
    let mut third = Client::connect(&server);
    third.say(GET);
    third.expect_silence();
    drop(silent);
    third.expect(&hello_once());
    third.expect_end();
    drop(other);
    await_equal("descriptors after all have left", idle, held);
}
