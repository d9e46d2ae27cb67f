//! What is watched: a command that is started here, a process, or whoever listens on a port.

use super::{
    super::{Hinted, MISUSED, SEE_HELP},
    Args,
};
use crate::harness::{
    observe::{Holders, Process, Root, Snapshot, Socket, State, every, sockets},
    supervise::{Exit, Launch, Server},
};
use anyhow::{Context, Result};
use std::collections::BTreeSet;

/// What is watched.
#[derive(Debug)]
pub(super) enum Target {
    /// A server that was started here, and ends when this is dropped.
    Started(Server),
    /// A process.
    Process(u32),
    /// Whoever listens on this port, who may not be known.
    Hidden(u16),
}

impl Target {
    pub(super) fn find(args: &Args) -> Result<Self> {
        if let Some(pid) = args.pid {
            return process(pid).map(Self::Process);
        }
        if let Some(port) = args.port {
            return listening_on(port);
        }
        let mut words = args.command.iter();
        let program = words.next().context("no command")?;
        let launch = Launch::new(program).arguments(words);
        Server::begin(&launch).map(Self::Started).map_err(|error| {
            let said = error.to_string();
            let (said, hint) = said.split_once("\nhint: ").unwrap_or((&said, SEE_HELP));
            failed(said.to_owned(), hint, MISUSED)
        })
    }

    pub(super) fn root(&self) -> Root {
        match self {
            Self::Started(server) => {
                Root::Supervised { keeper: server.keeper(), server: server.pid() }
            }
            Self::Process(pid) => Root::Process(*pid),
            Self::Hidden(port) => Root::Hidden(*port),
        }
    }

    /// Whether it was started here and has ended.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self, Self::Started(server) if server.exited().is_some())
    }

    /// Whether it was started here and does not listen, as far as that may be known.
    pub(super) fn is_silent(&self, snapshot: &Snapshot) -> bool {
        let is_known = snapshot.sockets.is_ok() && snapshot.is_open();
        matches!(self, Self::Started(_)) && is_known && snapshot.listeners().is_empty()
    }

    /// What went wrong with a server that was started here.
    pub(super) fn done(&self, has_listened: bool) -> Result<()> {
        let Self::Started(server) = self else { return Ok(()) };
        let stderr = server.stderr();
        let (said, hint) = last_words(&stderr);
        let hint = hint.unwrap_or("run the command by itself to see more");
        match (server.exited(), has_listened) {
            (Some(exit), false) => Err(failed(
                format!("the server ended before it listened, {exit}{said}"),
                hint,
                MISUSED,
            )),
            (None, false) => Err(failed(
                format!("the server does not listen on any TCP port{said}"),
                "--pid watches a process that is no server",
                MISUSED,
            )),
            (Some(exit), true) if exit != Exit::Status(0) => {
                Err(failed(format!("the server ended, {exit}{said}"), hint, 1))
            }
            (_, true) => Ok(()),
        }
    }
}

/// The last line that a program said, behind a colon, and the hint that it gave with it.
fn last_words(stderr: &str) -> (String, Option<&str>) {
    let mut lines = stderr.trim_end().lines().rev();
    let mut last = lines.next().unwrap_or_default();
    let hint = last.strip_prefix("hint: ");
    if hint.is_some() {
        last = lines.next().unwrap_or_default();
    }
    (if last.is_empty() { String::new() } else { format!(": {last}") }, hint)
}

/// A process, and no thread of one.
fn process(pid: u32) -> Result<u32> {
    match Process::leader(pid) {
        Some(leader) if leader == pid => Ok(pid),
        Some(leader) => Err(failed(
            format!("--pid {pid}: it is a thread of {leader}"),
            "--pid takes that one",
            1,
        )),
        None => Err(failed(format!("--pid {pid}: no such process"), "ps -e lists them", 1)),
    }
}

/// The process that holds the socket listening on a port, and whose parent does not.
fn listening_on(port: u16) -> Result<Target> {
    let sockets = sockets().context("look at the sockets")?;
    let listening = |one: &&Socket| one.state == State::Listen && one.local.port() == port;
    let inodes: Vec<u64> = sockets.iter().filter(listening).map(|one| one.inode).collect();
    if inodes.is_empty() {
        let said = format!("--port {port}: nobody listens there");
        return Err(failed(said, "`ss -ltn` lists who listens where", 1));
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
        [] => Ok(Target::Hidden(port)),
        _ => {
            let pids: Vec<_> = tops.iter().map(|one| one.pid.to_string()).collect();
            let said = format!("--port {port}: several listen there: {}", pids.join(", "));
            Err(failed(said, "--pid watches one of them", 1))
        }
    }
}

fn failed(said: String, hint: &str, code: u8) -> anyhow::Error {
    Hinted { said, hint: hint.to_owned(), code }.into()
}
