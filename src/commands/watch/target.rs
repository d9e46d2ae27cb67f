//! What is watched: a command that is started here, a process, or whoever listens on a port.

use super::{super::Hinted, Args};
use crate::harness::{
    observe::{Holders, Process, Root, Socket, State, Watcher, every, sockets},
    supervise::{Launch, Server},
};
use anyhow::{Context, Result};
use std::{collections::BTreeSet, time::Instant};

/// What is watched.
#[derive(Debug)]
pub(super) enum Target {
    /// A server that was started here, and ends when this is dropped.
    Started(Server),
    /// A process.
    Process(u32),
    /// Whoever listens on the port that was named, who may not be known.
    Hidden,
}

impl Target {
    pub(super) fn find(args: &Args) -> Result<Self> {
        if let Some(pid) = args.pid {
            let there = Process::find(pid).is_some();
            return there.then_some(Self::Process(pid)).ok_or_else(|| {
                failed(format!("--pid {pid}: no such process"), "ps -e lists them")
            });
        }
        if let Some(port) = args.port {
            return listening_on(port);
        }
        let mut words = args.command.iter();
        let program = words.next().context("no command")?;
        let launch = Launch::new(program).arguments(words);
        Ok(Self::Started(Server::begin(&launch)?))
    }

    pub(super) fn root(&self) -> Root {
        match self {
            Self::Started(server) => {
                Root::Supervised { keeper: server.keeper(), server: server.pid() }
            }
            Self::Process(pid) => Root::Process(*pid),
            Self::Hidden => Root::Hidden,
        }
    }

    /// Whether it was started here and does not listen yet.
    pub(super) fn is_starting(&self, watcher: &mut Watcher, deadline: Instant) -> Result<bool> {
        let Self::Started(server) = self else { return Ok(false) };
        let snapshot = watcher.look(None).context("look at the sockets")?;
        let is_waited_for = snapshot.listeners.is_empty() && server.exited().is_none();
        Ok(is_waited_for && Instant::now() < deadline)
    }
}

/// The process that holds the socket listening on a port, and whose parent does not.
fn listening_on(port: u16) -> Result<Target> {
    let sockets = sockets().context("look at the sockets")?;
    let listening = |one: &&Socket| one.state == State::Listen && one.local.port() == port;
    let inodes: Vec<u64> = sockets.iter().filter(listening).map(|one| one.inode).collect();
    if inodes.is_empty() {
        let said = format!("--port {port}: nobody listens there");
        return Err(failed(said, "`ss -ltn` lists who listens where"));
    }
    let processes = every();
    let mut holders = Holders::default();
    for process in &processes {
        holders.enter(process.pid, &process.table().unwrap_or_default());
    }
    let held = inodes.iter().flat_map(|&inode| holders.of(inode));
    let pids: BTreeSet<u32> = held.map(|holder| holder.pid).collect();
    let tops: Vec<&Process> = processes
        .iter()
        .filter(|one| pids.contains(&one.pid) && !pids.contains(&one.parent))
        .collect();
    match tops[..] {
        [top] => Ok(Target::Process(top.pid)),
        [] => Ok(Target::Hidden),
        _ => {
            let pids: Vec<_> = tops.iter().map(|one| one.pid.to_string()).collect();
            let said = format!("--port {port}: several listen there: {}", pids.join(", "));
            Err(failed(said, "--pid watches one of them"))
        }
    }
}

fn failed(said: String, hint: &str) -> anyhow::Error {
    Hinted { said, hint: hint.to_owned(), code: 1 }.into()
}
