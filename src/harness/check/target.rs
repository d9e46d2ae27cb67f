//! The server that is checked, and how a fresh one is started.

use std::{
    ffi::{OsStr, OsString},
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::unix::ffi::{OsStrExt, OsStringExt},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::{
    super::{
        observe::{self, Holders, State},
        supervise::{Claim, Exit, Launch, Server, StartError, free_address, listening},
    },
    processor::tasks,
};

/// How long a server may take until it listens; that others keep the processor does not count.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long it may take all in all.
const MOST: Duration = Duration::from_secs(60);

/// How often it is looked whether it does.
const LOOK: Duration = Duration::from_millis(5);

/// How much a server that does not listen may print before that is worth a word.
const CHATTY: u64 = 1 << 20;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A command, and how it learns where to listen.
#[derive(Clone, Debug)]
pub struct Target {
    /// The program and its arguments, where `{addr}` stands for the address and `{port}` for the
    /// port alone.
    pub command: Vec<OsString>,
    /// The port that is built in; `None` if the server can be told.
    pub port: Option<u16>,
}

/// Why a server could not be checked at all: what is said, and a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// What is wrong.
    pub said: String,
    /// What may mend it.
    pub hint: String,
}

impl fmt::Display for Unfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.said)
    }
}

impl From<StartError> for Unfit {
    fn from(error: StartError) -> Self {
        let said = error.to_string();
        let (said, hint) = said.split_once("\nhint: ").unwrap_or((&said, "see --help"));
        Self { said: said.to_owned(), hint: hint.to_owned() }
    }
}

impl Target {
    /// An address for the next server: the built-in port, or one that is free now.
    pub(super) fn address(&self) -> Result<(SocketAddr, Claim), Unfit> {
        if let Some(port) = self.port {
            return Ok((SocketAddr::new(LOOPBACK, port), Claim::default()));
        }
        free_address(LOOPBACK).map_err(|error| Unfit {
            said: format!("no port is free: {error}"),
            hint: "`ss -tan` shows who uses them".to_owned(),
        })
    }

    /// How it is started to listen there.
    pub(super) fn launch(&self, address: SocketAddr) -> Launch {
        let mut words = self.command.iter().map(|word| filled(word, address));
        let launch = Launch::new(words.next().unwrap_or_default()).arguments(words).at(address);
        let launch = launch.environment("RUNGS_ADDR", address.to_string());
        launch.environment("PORT", address.port().to_string())
    }

    /// Starts it, and waits until it listens, or somebody has pressed Ctrl-C.
    pub(super) fn start(
        &self,
        launch: &Launch,
        address: SocketAddr,
        stop: &AtomicBool,
    ) -> Result<Server, Unfit> {
        let server = Server::begin(launch)?;
        let begun = Instant::now();
        loop {
            // Before the look, or what it began in between would be missed.
            let exit = server.exited().filter(|_| is_alone(&server));
            if listening(address).unwrap_or(false) && is_own(&server, address) {
                return Ok(server);
            }
            if let Some(exit) = exit {
                return Err(ended(&server, exit));
            }
            let elapsed = begun.elapsed();
            let is_late =
                elapsed >= PATIENCE && elapsed.saturating_sub(waited(&server)) >= PATIENCE;
            if is_late || elapsed >= MOST || stop.load(Ordering::Relaxed) {
                return Err(self.silent(&server, address, elapsed));
            }
            thread::sleep(LOOK);
        }
    }

    /// Why a server that runs is not found where it should be.
    fn silent(&self, server: &Server, address: SocketAddr, elapsed: Duration) -> Unfit {
        let printed = server.printed();
        let chatter = if printed >= CHATTY {
            format!("; it has printed {} MiB meanwhile", printed >> 20)
        } else {
            last_words(server)
        };
        let others = own_listeners(server);
        if others.is_empty() {
            return Unfit {
                said: format!(
                    "the server runs, but listens nowhere after {} s{chatter}",
                    elapsed.as_secs()
                ),
                hint: "it must call listen(2) without being asked anything".to_owned(),
            };
        }
        let places: Vec<_> = others.iter().map(ToString::to_string).collect();
        let is_port = others.iter().any(|other| other.port() == address.port());
        let port = others[0].port();
        let hint = if is_port {
            "it must listen on 127.0.0.1, or on all addresses".to_owned()
        } else if self.port.is_some() {
            format!("--port {port} checks it there")
        } else {
            format!(
                "put {{port}} into the command, or read PORT from the environment; \
                 --port {port} if it is built in"
            )
        };
        let said = format!("the server listens on {}, not on {address}", places.join(" and "));
        Unfit { said, hint }
    }
}

/// Whether it is this server that listens there, as far as that may be known.
fn is_own(server: &Server, address: SocketAddr) -> bool {
    let processes = observe::tree(server.keeper()).below_root().processes;
    let is_hidden = processes.iter().any(|process| process.table().is_none());
    is_hidden || own_listeners(server).iter().any(|own| own.port() == address.port())
}

/// How long it has waited for a processor: the thread of it that has waited longest.
fn waited(server: &Server) -> Duration {
    let processes = observe::tree(server.keeper()).below_root().processes;
    tasks(&processes).into_values().map(|time| time.waited).max().unwrap_or_default()
}

/// Whether no process of the server is left.
fn is_alone(server: &Server) -> bool {
    let tree = observe::tree(server.keeper()).below_root();
    tree.processes.iter().all(observe::Process::is_zombie)
}

fn ended(server: &Server, exit: Exit) -> Unfit {
    let last = server.stderr();
    let hint = last.trim_end().lines().next_back().and_then(|line| line.strip_prefix("hint: "));
    Unfit {
        said: format!("the server ended before it listened, {exit}{}", last_words(server)),
        hint: hint.unwrap_or("run the command by itself to see more").to_owned(),
    }
}

/// The end of what it printed, on stderr if there is something.
pub(super) fn last_words(server: &Server) -> String {
    let (stderr, stdout) = (server.stderr(), server.stdout());
    let text = if stderr.trim().is_empty() { stdout } else { stderr };
    let lines: Vec<_> = text.trim_end().lines().filter(|one| !one.starts_with("hint: ")).collect();
    match &lines[lines.len().saturating_sub(4)..] {
        [] => "; it printed nothing".to_owned(),
        last => format!("; it printed last:\n  {}", last.join("\n  ")),
    }
}

/// Where its processes listen.
fn own_listeners(server: &Server) -> Vec<SocketAddr> {
    let mut holders = Holders::default();
    for process in observe::tree(server.keeper()).below_root().processes {
        holders.enter(process.pid, &process.table().unwrap_or_default());
    }
    let all = observe::sockets_but_time_wait().unwrap_or_default().into_iter();
    let own = all.filter(|one| one.state == State::Listen && !holders.of(one.inode).is_empty());
    own.map(|one| one.local).collect()
}

/// A word of the command, with the address in it.
fn filled(word: &OsStr, address: SocketAddr) -> OsString {
    // Not through a String: a path may be no UTF-8.
    let with = |bytes: Vec<u8>, name: &[u8], value: String| {
        let mut result = Vec::with_capacity(bytes.len());
        let mut rest = &bytes[..];
        while let Some(at) = rest.windows(name.len()).position(|window| window == name) {
            result.extend_from_slice(&rest[..at]);
            result.extend_from_slice(value.as_bytes());
            rest = &rest[at + name.len()..];
        }
        result.extend_from_slice(rest);
        result
    };
    let bytes = with(word.as_bytes().to_vec(), b"{addr}", address.to_string());
    OsString::from_vec(with(bytes, b"{port}", address.port().to_string()))
}
