//! What the tests stand on: starting a rung, talking to it, and looking at it.

use std::{
    env, fs,
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    os::fd::AsRawFd,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use nix::{
    libc,
    sys::{
        resource::{Resource, getrlimit, setrlimit},
        socket::{MsgFlags, send},
    },
};
use rungs::harness::{
    observe::{Process, tree},
    supervise::{Launch, Server},
};
use socket2::SockRef;

use super::waiting::{PATIENCE, await_until};

/// How long is listened for what must not happen. A server that does it is found out most of the
/// time, one that does not is never accused.
const SILENCE: Duration = Duration::from_millis(300);

pub(crate) const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
pub(crate) const LAST_GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

// ---- Waiting. ----

/// Waits until `read` gives `expected`, and fails with what it gave last.
#[track_caller]
pub(crate) fn await_equal(awaited: &str, expected: usize, read: impl Fn() -> usize) {
    let last = AtomicUsize::new(0);
    // It becomes a text when the wait was in vain, and has what was last then.
    await_until(format_args!("{awaited}: {expected}; last there were {last:?}"), || {
        last.store(read(), Relaxed);
        last.load(Relaxed) == expected
    });
}

// ---- Starting. ----

/// The program that Cargo has built for these tests.
pub(crate) fn program(name: &str) -> String {
    let variable = format!("CARGO_BIN_EXE_{name}");
    env::var(&variable).unwrap_or_else(|error| panic!("{variable}: {error}; use `cargo test`"))
}

/// A rung on a free port of the loopback address.
pub(crate) fn launch(name: &str) -> Launch {
    Launch::new(program(name)).arguments(["--listen", "127.0.0.1:0"]).patience(PATIENCE)
}

#[track_caller]
pub(crate) fn start(launch: &Launch) -> Server {
    Server::start(launch).unwrap_or_else(|error| panic!("{error}"))
}

/// Raises this process's soft limit on descriptors, for tests with very many clients. The servers
/// inherit it.
pub(crate) fn allow_descriptors(needed: u64) {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    assert!(hard >= needed, "the hard limit on descriptors is {hard}: this test needs {needed}");
    setrlimit(Resource::RLIMIT_NOFILE, soft.max(needed), hard).unwrap();
}

// ---- Looking. ----

/// The process that was started, as /proc shows it now.
#[track_caller]
pub(crate) fn process(server: &Server) -> Process {
    let processes = tree(server.pid()).processes;
    processes.into_iter().next().unwrap_or_else(|| panic!("gone: {:?}", server.exited()))
}

/// All that the process which was started has forked, zombies included.
pub(crate) fn children(server: &Server) -> Vec<Process> {
    tree(server.pid()).below_root().processes
}

pub(crate) fn zombies(server: &Server) -> usize {
    tree(server.pid()).zombies()
}

pub(crate) fn threads(server: &Server) -> usize {
    usize::try_from(process(server).threads).unwrap()
}

/// How many descriptors the process that was started has open.
#[track_caller]
pub(crate) fn descriptors(server: &Server) -> usize {
    descriptors_of(server.pid())
}

/// Counted one by one: the size of the directory, which Linux has given since 6.2, is one too high
/// for a process that waits in accept(2), where the descriptor of the next client is reserved.
#[track_caller]
pub(crate) fn descriptors_of(pid: u32) -> usize {
    let directory = format!("/proc/{pid}/fd");
    fs::read_dir(&directory).unwrap_or_else(|error| panic!("read {directory}: {error}")).count()
}

/// How many descriptors it has open when it waits for its first client. It listens before it has
/// made itself ready, but sleeps only when it has.
pub(crate) fn idle_descriptors(server: &Server) -> usize {
    await_until("a server that waits", || process(server).state == 'S');
    descriptors(server)
}

/// The memory that the process has for itself alone, in bytes: `Anonymous` of its
/// `smaps_rollup` (`proc_pid_smaps(5)`). Its share in the program's pages (PSS) changes whenever
/// another test starts or ends a server.
pub(crate) fn anonymous(server: &Server) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", server.pid())).unwrap();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

// ---- Talking. ----

/// A client that says and expects raw bytes.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    /// Has come, and was not expected yet.
    received: Vec<u8>,
}

impl Client {
    /// A client whose bytes are sent at once, in the segments in which it says them.
    #[track_caller]
    pub(crate) fn connect(server: &Server) -> Self {
        let stream = TcpStream::connect(server.address()).expect("connect");
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream, received: Vec::new() }
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    #[track_caller]
    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("send");
    }

    /// Says it with the FIN in the same segment.
    #[track_caller]
    pub(crate) fn say_last(&mut self, bytes: &[u8]) {
        let more = MsgFlags::from_bits_retain(libc::MSG_MORE);
        assert_eq!(send(self.stream.as_raw_fd(), bytes, more), Ok(bytes.len()));
        self.finish();
    }

    /// Sends the FIN, and listens on.
    #[track_caller]
    pub(crate) fn finish(&self) {
        self.stream.shutdown(Shutdown::Write).expect("shutdown");
    }

    /// Ends the connection with a reset.
    pub(crate) fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// The next bytes from the server are these, dates aside, and no others come with them.
    #[track_caller]
    pub(crate) fn expect(&mut self, expected: &str) {
        while undated(&self.received).len() < expected.len() && self.receive() > 0 {}
        assert_same(expected, &undated(&self.received));
        self.received.clear();
    }

    /// So many bytes come before anything else is read.
    #[track_caller]
    pub(crate) fn expect_bytes(&mut self, count: usize) {
        while self.received.len() < count && self.receive() > 0 {}
        assert_eq!(self.received.len(), count, "bytes from the server");
        self.received.clear();
    }

    /// The server has closed, and said nothing more.
    #[track_caller]
    pub(crate) fn expect_end(&mut self) {
        let rest = self.receive();
        assert_eq!(rest, 0, "awaited the end: {}", String::from_utf8_lossy(&self.received));
    }

    /// For a while neither bytes come nor the end.
    #[track_caller]
    pub(crate) fn expect_silence(&mut self) {
        self.stream.set_read_timeout(Some(SILENCE)).unwrap();
        match self.stream.read(&mut [0; 1]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            heard => panic!("expected neither bytes nor the end, but read {heard:?}"),
        }
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }

    /// One read; 0 is the end.
    #[track_caller]
    fn receive(&mut self) -> usize {
        let mut piece = [0; 16 * 1024];
        let length = self.stream.read(&mut piece).unwrap_or_else(|error| {
            let so_far = String::from_utf8_lossy(&self.received);
            panic!("awaited more from the server: {error}; so far it said {so_far:?}")
        });
        self.received.extend_from_slice(&piece[..length]);
        length
    }
}

/// The text with the value of each Date field replaced by `NOW`.
fn undated(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let is_date =
        |line: &str| line.len() == 35 && line.starts_with("Date: ") && line.ends_with(" GMT");
    let undate = |line| if is_date(line) { "Date: NOW" } else { line };
    text.split("\r\n").map(undate).collect::<Vec<_>>().join("\r\n")
}

/// Like `assert_eq`, for texts that are too long to be printed whole.
#[track_caller]
fn assert_same(expected: &str, found: &str) {
    let same = expected.bytes().zip(found.bytes()).take_while(|(a, b)| a == b).count();
    let around = |text: &str| {
        let bytes = &text.as_bytes()[same.saturating_sub(200)..text.len().min(same + 200)];
        String::from_utf8_lossy(bytes).into_owned()
    };
    assert!(
        expected == found,
        "at byte {same} expected {:?}, got {:?}",
        around(expected),
        around(found)
    );
}

/// An answer of a rung, with these fields besides those that all have.
pub(crate) fn answer(status: &str, fields: &str, body: &str) -> String {
    let fixed = "Date: NOW\r\nContent-Type: text/plain; charset=utf-8\r\n";
    format!("HTTP/1.1 {status}\r\n{fixed}{fields}\r\n{body}")
}

/// The answer to [`GET`] of rungs that serve one request per connection.
pub(crate) fn hello_once() -> String {
    answer("200 OK", "Connection: close\r\n", "Hello, World!")
}

/// An answer on a connection that stays open.
pub(crate) fn kept(body: &str) -> String {
    answer("200 OK", &format!("Content-Length: {}\r\n", body.len()), body)
}
