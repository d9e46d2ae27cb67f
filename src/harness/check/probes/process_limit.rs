//! What does it do when there is no process, or no thread, for the next client?

use std::fs;

use nix::unistd::getuid;
use rustix::process::Resource;

use super::super::{
    super::{
        observe::{self, Process},
        supervise::Launch,
    },
    bench::Bench,
    finding::{Finding, Judged},
    limit::{is_spinning, lower},
    model::Kind,
};

const ROOM: u64 = 8;
const CLIENTS: usize = 64;

pub(in super::super) fn probe(bench: &Bench<'_>) -> Judged {
    let kind = bench.model()?.kind;
    if !matches!(kind, Kind::ForkPerConnection | Kind::ThreadPerConnection) {
        return Ok(Finding::not_applicable(format!(
            "{kind}: neither a process nor a thread is made for a client"
        )));
    }
    // The limit counts by the real user, and does not bind root.
    let user = getuid().as_raw();
    let is_root = user == 0;
    let user = if is_root { 20_000 + fastrand::u32(..30_000) } else { user };
    let mut server = bench.start()?;
    let own = tasks(&server.settle());
    if is_root {
        // A user number of its own, and so nobody else whose processes would count.
        drop(server);
        let launch = |launch: Launch| launch.process_limit(own + ROOM).real_user(user);
        server = bench.start_with(launch).map_err(|why| {
            let why = why.evidence;
            Finding::unknown(format!(
                "the limit does not bind root: check it as an ordinary user; as another one {why}"
            ))
        })?;
    }
    server.settle();
    let binds = || is_root || lower(&server.living(), Resource::Nproc, tasks_of(user) + ROOM);
    if !binds() {
        return Err(Finding::unknown("its limit of processes cannot be lowered"));
    }
    let mut clients = server.connect_many(CLIENTS)?;
    server.await_accepted(&mut clients);
    if tasks(&server.living()) >= own + CLIENTS as u64 {
        return Err(Finding::unknown("the limit of processes does not bind it"));
    }
    let busy = is_spinning(&server);
    drop(clients);
    // What other programs of this user have begun meanwhile is not the server's fault.
    binds();
    let cause = "fork() or pthread_create() fails with EAGAIN";
    if let Some(share) = busy {
        return Ok(Finding::fail(format!(
            "out of processes, it takes {share:.0} % of a processor and does nothing"
        ))
        .because(cause));
    }
    let when = format!("after {CLIENTS} clients with room for {ROOM} more processes");
    server.serves_again(&when).map_err(|one| one.because(cause))
}

fn tasks(processes: &[Process]) -> u64 {
    processes.iter().map(|one| one.threads).sum()
}

/// How many processes and threads have this real user (`proc_pid_status(5)`).
fn tasks_of(user: u32) -> u64 {
    let is_its = |one: &Process| {
        let status = fs::read_to_string(format!("/proc/{}/status", one.pid)).unwrap_or_default();
        let users = status.lines().find_map(|line| line.strip_prefix("Uid:"));
        let real = users.and_then(|users| users.split_whitespace().next()?.parse().ok());
        real == Some(user)
    };
    let all: Vec<_> = observe::every().into_iter().filter(is_its).collect();
    tasks(&all)
}
