//! The attendant: what the harness knows of a server, and the thread that learns it.

#![forbid(unsafe_code)]

use std::{
    io::{self, PipeReader, Read},
    net::SocketAddr,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd},
        unix::{net::UnixStream, process::ExitStatusExt},
    },
    process::ExitStatus,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{MsgFlags, recv},
};

use super::{
    ending::Exit,
    line::{Failure, Report},
};

/// How much of the end of stdout, and of stderr, is kept, in bytes. It is also the capacity of a
/// pipe (pipe(7)), so that one read takes all that a pipe holds.
const TAIL: usize = 64 * 1024;

/// The attendant's knowledge, and a way to wait for it to change.
#[derive(Debug, Default)]
pub(super) struct Watched {
    state: Mutex<State>,
    changed: Condvar,
}

impl Watched {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next change, at most `patience`.
    pub(super) fn next(&self, patience: Duration) -> MutexGuard<'_, State> {
        let waited = self.changed.wait_timeout(self.lock(), patience);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits until `done`, at most `patience`.
    pub(super) fn wait(
        &self,
        patience: Duration,
        done: impl Fn(&State) -> bool,
    ) -> MutexGuard<'_, State> {
        let waited = self.changed.wait_timeout_while(self.lock(), patience, |state| !done(state));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) pid: Option<u32>,
    pub(super) failure: Option<Failure>,
    pub(super) exit: Option<Exit>,
    /// The keeper has no child left, so nobody can begin to listen any more.
    alone: bool,
    pub(super) killed: u32,
    /// The line has ended, and with it the keeper.
    closed: bool,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
    /// How many bytes came on both.
    pub(super) printed: u64,
    pub(super) announced: Option<SocketAddr>,
}

impl State {
    pub(super) fn ending(&self) -> Option<Exit> {
        self.exit.or(self.closed.then_some(Exit::Lost))
    }

    /// How the server ended, if nobody is left who could begin to listen. A server that ends with
    /// exit status 0 before its children do is a daemon.
    pub(super) fn hopeless(&self) -> Option<Exit> {
        self.ending().filter(|&exit| exit != Exit::Status(0) || self.alone)
    }

    fn apply(&mut self, report: Report) {
        match report {
            Report::Spawned(pid) => self.pid = Some(pid.unsigned_abs()),
            Report::Failed(failure) => self.failure = Some(failure),
            Report::Exited(status) => self.exit = Some(ExitStatus::from_raw(status).into()),
            Report::Alone => self.alone = true,
            Report::Swept(killed) => self.killed = killed.unsigned_abs(),
        }
    }

    /// Adds to stdout, and looks for the address in the lines which that completes.
    fn hear(&mut self, chunk: &[u8]) {
        let line = self.stdout.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        self.stdout.extend_from_slice(chunk);
        self.printed += chunk.len() as u64;
        if self.announced.is_none() {
            let lines = self.stdout[line..].split_inclusive(|&byte| byte == b'\n');
            self.announced = lines.filter_map(|line| line.strip_suffix(b"\n")).find_map(announced);
        }
        trim(&mut self.stdout);
    }
}

/// What a start waits for, in the words of an error.
pub(super) fn awaited(address: Option<SocketAddr>) -> String {
    match address {
        Some(address) => format!("a socket listening on {address}"),
        None => "a line `NAME: serving http://ADDR:PORT/ (pid N)` on its stdout".to_owned(),
    }
}

pub(super) fn lossy(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

/// The address in a line `NAME: serving http://ADDR:PORT/ (pid N)`.
fn announced(line: &[u8]) -> Option<SocketAddr> {
    let (_, rest) = str::from_utf8(line).ok()?.split_once(": serving http://")?;
    let (address, _) = rest.split_once("/ (pid ")?;
    address.parse().ok()
}

/// Forgets all but the last [`TAIL`] bytes.
fn trim(output: &mut Vec<u8>) {
    output.drain(..output.len().saturating_sub(TAIL));
}

/// The attendant's whole life: from before the fork to the end of the keeper. It does not wait for
/// the pipes to end: a process out of the keeper's reach may hold them for ever.
pub(super) fn attend(
    line: &UnixStream,
    [mut stdout, mut stderr]: [Option<PipeReader>; 2],
    watched: &Watched,
) {
    let mut buffer = vec![0; TAIL];
    loop {
        await_readable([Some(line.as_fd()), fd(stdout.as_ref()), fd(stderr.as_ref())]);
        // The reports before the output, so that by the time an exit is known, all that the server
        // printed before it is known as well.
        let (reports, open) = read_reports(line);
        let mut state = watched.lock();
        state.hear(read_some(&mut stdout, &mut buffer));
        let chunk = read_some(&mut stderr, &mut buffer);
        state.stderr.extend_from_slice(chunk);
        state.printed += chunk.len() as u64;
        trim(&mut state.stderr);
        for report in reports {
            state.apply(report);
        }
        state.closed = !open;
        drop(state);
        watched.changed.notify_all();
        if !open {
            return;
        }
    }
}

fn fd(pipe: Option<&PipeReader>) -> Option<BorrowedFd<'_>> {
    pipe.map(AsFd::as_fd)
}

/// Waits until one of the descriptors is readable or at its end.
fn await_readable(descriptors: [Option<BorrowedFd<'_>>; 3]) {
    let mut fds: Vec<PollFd<'_>> =
        descriptors.into_iter().flatten().map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
    // After EINTR the caller reads in vain, and comes back: nothing it reads from blocks.
    let _ = poll(&mut fds, PollTimeout::NONE);
}

/// All reports that have come, and whether the line is still open.
fn read_reports(line: &UnixStream) -> (Vec<Report>, bool) {
    let mut reports = Vec::new();
    loop {
        let mut bytes = [0; Report::SIZE];
        match recv(line.as_raw_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT) {
            Ok(Report::SIZE) => reports.extend(Report::from_bytes(bytes)),
            Err(Errno::EAGAIN) => return (reports, true),
            Err(Errno::EINTR) => {}
            Ok(_) | Err(_) => return (reports, false),
        }
    }
}

/// What a pipe holds now. At the pipe's end, `pipe` becomes `None`.
fn read_some<'a>(pipe: &mut Option<PipeReader>, buffer: &'a mut [u8]) -> &'a [u8] {
    match pipe.as_mut().map(|pipe| pipe.read(buffer)) {
        Some(Ok(length)) if length > 0 => return &buffer[..length],
        Some(Err(error))
            if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
        _ => *pipe = None,
    }
    &[]
}
