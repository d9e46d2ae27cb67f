//! What does it do when there is no process, or no thread, for the next client?

use std::{fs, os::unix::fs::MetadataExt, process};

use nix::unistd::getuid;

use super::super::{
    super::observe::{self, Process},
    bench::Bench,
    finding::{Finding, Judged},
    limit::is_spinning,
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
    bench.outlives_children()?;
    // The limit counts by the real user, and does not bind root.
    let user = getuid().as_raw();
    let is_root = user == 0;
    let user = if is_root { 20_000 + process::id() % 30_000 } else { user };
    // What it needs to begin with.
    let resting = bench.start()?.settle();
    let own = resting.iter().map(|one| one.threads).sum::<u64>();
    let others = if is_root { 0 } else { tasks_of(user) };
    let server = bench.start_with(|launch| {
        let launch = launch.process_limit(others + own + ROOM);
        if is_root { launch.real_user(user) } else { launch }
    })?;
    server.settle();
    let mut clients = server.connect_many(CLIENTS)?;
    server.await_accepted(&mut clients);
    let tasks = server.living().iter().map(|one| one.threads).sum::<u64>();
    if tasks >= own + CLIENTS as u64 {
        return Err(Finding::unknown("the limit of processes does not bind it"));
    }
    let busy = is_spinning(&server);
    drop(clients);
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

/// How many processes and threads a user has.
fn tasks_of(user: u32) -> u64 {
    let is_its = |one: &Process| {
        fs::metadata(format!("/proc/{}", one.pid)).is_ok_and(|folder| folder.uid() == user)
    };
    observe::every().iter().filter(|one| is_its(one)).map(|one| one.threads).sum()
}
