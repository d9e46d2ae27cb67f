//! How long it takes to look at a running server: at its processes, at the sockets of the machine,
//! and at everything together, as `rungs watch` does each second.
//!
//! - `tree`: `observe::tree` of a server with 1, 10 and 100 processes, which sleep.
//! - `look`: a `Snapshot` of the same servers: descriptors, memory and context switches as well, and
//!   sockets.
//! - `sockets`: `observe::sockets`, while this program holds 0 and 100 connections to itself, which
//!   are 200 sockets.
//!
//! What it does not say: what a look costs on another machine. A `look` reads all processes that
//! there are to find the server's, and `sockets` lists all of the network namespace, those in
//! TIME-WAIT too: do not compare what was measured right behind `models` with what was not. Nor what
//! a look costs the server: the kernel holds its locks meanwhile.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

#[path = "../tests/waiting/mod.rs"]
mod waiting;

use std::{
    net::{TcpListener, TcpStream},
    time::Duration,
};

use assert_cmd::cargo::cargo_bin;
use criterion::Criterion;
use rungs::harness::{
    observe::{Root, Watcher, sockets, tree},
    supervise::{Launch, Server},
};
use waiting::await_until;

/// How many processes a server has.
const PROCESSES: [usize; 3] = [1, 10, 100];

/// How long `rungs watch` reads figures at most, when it looks each second.
const PATIENCE: Duration = Duration::from_millis(250);

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for processes in PROCESSES {
        let server = start(processes);
        criterion.bench_function(&format!("tree/{processes}"), |bencher| {
            bencher.iter(|| tree(server.pid()));
        });
        let root = Root::Supervised { keeper: server.keeper(), server: server.pid() };
        let mut watcher = Watcher::new(root);
        criterion.bench_function(&format!("look/{processes}"), |bencher| {
            bencher.iter(|| watcher.look(Some(PATIENCE)));
        });
    }
    bench_sockets(&mut criterion);
    criterion.final_summary();
}

/// A server with so many processes: itself, and workers.
fn start(processes: usize) -> Server {
    let launch = if processes == 1 {
        Launch::new(cargo_bin("iterativeserver"))
    } else {
        let workers = (processes - 1).to_string();
        Launch::new(cargo_bin("preforkserver")).arguments(["--workers", &workers])
    };
    let server = Server::start(&launch.arguments(["--listen", "127.0.0.1:0"])).unwrap();
    let is_whole = || tree(server.pid()).processes.len() == processes;
    await_until(format!("{processes} processes"), is_whole);
    server
}

fn bench_sockets(criterion: &mut Criterion) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    for connections in [0, 100] {
        // The kernel connects them; nobody needs to accept as long as the queue has room, which it
        // has for the 128 of the standard library.
        let _held: Vec<_> =
            (0..connections).map(|_| TcpStream::connect(address).unwrap()).collect();
        criterion.bench_function(&format!("sockets/{connections}"), |bencher| {
            bencher.iter(|| sockets().unwrap());
        });
    }
}
