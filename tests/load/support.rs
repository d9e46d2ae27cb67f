//! Servers made for the load generator, whose behaviour is known exactly.

use super::waiting::{PATIENCE, await_until};
use assert_cmd::Command;
use procfs::net::TcpNetEntry;
use rungs::harness::load::{Account, Outcome, Plan, Request, Reuse, Second, run};
use socket2::{Domain, SockRef, Socket, Type};
use std::{
    collections::BTreeMap,
    env,
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

pub(crate) const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello";
pub(crate) const HELLO_AND_CLOSE: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nHello";

/// A server with a thread per connection, ended when it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) state: Arc<State>,
}

/// What a server has seen, and what it needs to end.
pub(crate) struct State {
    pub(crate) listener: TcpListener,
    pub(crate) connections: AtomicU64,
    pub(crate) requests: AtomicU64,
    /// Bytes, where a server counts them.
    pub(crate) sent: AtomicU64,
    streams: Mutex<Vec<TcpStream>>,
    is_dead: AtomicBool,
}

impl State {
    /// Reads one request head, and counts it; `None` at the end of the stream. Byte by byte, so
    /// that nothing of what follows is lost.
    pub(crate) fn read_head(&self, mut stream: &TcpStream) -> io::Result<Option<String>> {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read(&mut byte)? == 0 {
                return Ok(None);
            }
            head.push(byte[0]);
        }
        self.requests.fetch_add(1, SeqCst);
        Ok(Some(String::from_utf8(head).expect("a head of ours is text")))
    }

    /// Reads one request without a body that comes alone, and counts it; false at the end of the
    /// stream.
    pub(crate) fn read_request(&self, stream: &TcpStream) -> io::Result<bool> {
        self.read_numbered_request(stream).map(|number| number.is_some())
    }

    /// The same, and says how many requests came before to this server.
    pub(crate) fn read_numbered_request(&self, mut stream: &TcpStream) -> io::Result<Option<u64>> {
        let (mut tail, mut piece) = (Vec::new(), [0; 4096]);
        while !tail.ends_with(b"\r\n\r\n") {
            let count = stream.read(&mut piece)?;
            if count == 0 {
                return Ok(None);
            }
            tail.drain(..tail.len().saturating_sub(4));
            tail.extend_from_slice(&piece[..count]);
        }
        Ok(Some(self.requests.fetch_add(1, SeqCst)))
    }

    /// Reads so many requests without bodies, and counts them; false at the end of the stream.
    pub(crate) fn read_requests(&self, stream: &TcpStream, count: usize) -> io::Result<bool> {
        for _ in 0..count {
            if self.read_head(stream)?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads whole requests without bodies, as many as come, and counts them: 0 at the end of the
    /// stream.
    pub(crate) fn read_some_requests(&self, mut stream: &TcpStream) -> io::Result<usize> {
        let (mut all, mut piece) = (Vec::new(), [0; 16 * 1024]);
        while !all.ends_with(b"\r\n\r\n") {
            let count = stream.read(&mut piece)?;
            if count == 0 {
                return Ok(0);
            }
            all.extend_from_slice(&piece[..count]);
        }
        let count = all.windows(4).filter(|window| window == b"\r\n\r\n").count();
        self.requests.fetch_add(count as u64, SeqCst);
        Ok(count)
    }

    /// Ends a connection with a reset, and says so: with this, close(2) sends RST (socket(7),
    /// `SO_LINGER`), once no copy is left.
    pub(crate) fn reset(&self, stream: &TcpStream) -> io::Result<()> {
        SockRef::from(stream).set_linger(Some(Duration::ZERO))?;
        let own = stream.peer_addr()?;
        let mut streams = self.streams.lock().expect("no panic in a server");
        // Others are closed already, and have no peer.
        streams.retain(|copy| copy.peer_addr().is_ok_and(|peer| peer != own));
        Err(io::ErrorKind::ConnectionReset.into())
    }

    /// Shuts the listening socket, which wakes its accept, and all connections.
    pub(crate) fn die(&self) {
        self.is_dead.store(true, SeqCst);
        // An error says that it was shut before.
        SockRef::from(&self.listener).shutdown(Shutdown::Both).ok();
        for stream in self.streams.lock().expect("no panic in a server").iter() {
            // Most are closed by their clients already.
            stream.shutdown(Shutdown::Both).ok();
        }
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(SeqCst)
    }
}

impl Server {
    /// Calls `handle` for each connection, in a thread of its own, and closes the connection
    /// afterwards. An error of it says that the connection is lost already.
    pub(crate) fn start<H>(handle: H) -> Server
    where
        H: Fn(&State, &TcpStream) -> io::Result<()> + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let state = Arc::new(State {
            listener,
            connections: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            streams: Mutex::default(),
            is_dead: AtomicBool::new(false),
        });
        let (shared, handle) = (Arc::clone(&state), Arc::new(handle));
        thread::spawn(move || {
            for stream in shared.listener.incoming().map_while(Result::ok) {
                shared.connections.fetch_add(1, SeqCst);
                let copy = stream.try_clone().expect("a descriptor");
                shared.streams.lock().expect("no panic in a server").push(copy);
                if shared.is_dead.load(SeqCst) {
                    // It died after the accept, and did not know this one.
                    shared.die();
                }
                let (state, handle) = (Arc::clone(&shared), Arc::clone(&handle));
                thread::spawn(move || {
                    if handle(&state, &stream).is_ok() {
                        // The copy would keep the connection open. An error: the client is gone.
                        stream.shutdown(Shutdown::Both).ok();
                    }
                });
            }
        });
        Server { address, state }
    }

    /// Answers one request per connection with the same bytes, and closes.
    pub(crate) fn saying(answer: &'static [u8]) -> Server {
        Server::start(move |state, mut stream| {
            if state.read_request(stream)? {
                stream.write_all(answer)?;
            }
            Ok(())
        })
    }

    /// Answers every request with the same bytes, and never closes.
    pub(crate) fn keeping(answer: &'static [u8]) -> Server {
        Server::start(move |state, mut stream| {
            while state.read_request(stream)? {
                stream.write_all(answer)?;
            }
            Ok(())
        })
    }

    /// The same for clients that send many requests at once.
    pub(crate) fn keeping_many(answer: &'static [u8]) -> Server {
        Server::start(move |state, mut stream| {
            while let count @ 1.. = state.read_some_requests(stream)? {
                stream.write_all(&answer.repeat(count))?;
            }
            Ok(())
        })
    }

    /// Sends `part` of an answer and no more, until the client goes away.
    pub(crate) fn stalling(part: &'static [u8]) -> Server {
        Server::start(move |state, mut stream| {
            state.read_request(stream)?;
            stream.write_all(part)?;
            state.read_request(stream).map(|_| ())
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state.die();
    }
}

pub(crate) fn plan(target: SocketAddr, reuse: Reuse) -> Plan {
    Plan {
        work: Request::get("/hello").into(),
        reuse,
        connections: 4,
        threads: 2,
        duration: Duration::from_secs(20),
        requests: Some(100),
        ..Plan::new(target)
    }
}

/// Runs a plan and checks what must hold for every outcome.
pub(crate) fn outcome_of(plan: &Plan) -> Outcome {
    let outcome = run(plan, &AtomicBool::new(false), &|_| {}).expect("a run");
    check(&outcome);
    outcome
}

pub(crate) fn check(outcome: &Outcome) {
    let Outcome { account, .. } = outcome;
    assert_eq!(account.total(), outcome.started, "{account:?}");
    let answered = account.answered_total();
    assert_eq!(account.failed() + answered + account.in_flight, outcome.started, "{account:?}");
    assert_eq!(outcome.service.len(), answered);
    assert_eq!(outcome.response.len(), answered);
    assert_eq!(outcome.first_byte.len(), answered);
    assert_eq!(outcome.connect.len(), outcome.connections_opened);
    check_seconds(outcome);
}

/// The series adds up to the account.
fn check_seconds(outcome: &Outcome) {
    let Outcome { account, seconds, .. } = outcome;
    let sum = |pick: fn(&Second) -> u64| seconds.iter().map(pick).sum::<u64>();
    assert_eq!(sum(|second| second.started), outcome.started, "{seconds:?}");
    assert_eq!(sum(|second| second.answered), account.answered_total(), "{seconds:?}");
    assert_eq!(sum(|second| second.failed), account.failed(), "{seconds:?}");
    assert_eq!(seconds.last().map_or(0, |last| last.in_flight), account.in_flight, "{seconds:?}");
    let steps = &outcome.steps;
    assert!(steps.is_empty() || steps.iter().map(|s| s.started).sum::<u64>() == outcome.started);
    let lags = if outcome.rate_asked.is_some() { outcome.started } else { 0 };
    assert_eq!(outcome.lag.len(), lags);
}

/// The account in which all requests ended alike.
pub(crate) fn all(class: impl FnOnce(&mut Account)) -> Account {
    let mut account = Account::default();
    class(&mut account);
    account
}

/// The account without its other view of the failures, which is by errno.
pub(crate) fn classes(outcome: &Outcome) -> Account {
    Account { errors: BTreeMap::new(), ..outcome.account.clone() }
}

pub(crate) fn all_ok(count: u64) -> Account {
    all(|account| account.answered[1] = count)
}

/// A port that nobody else gets, and that stays closed unless the socket listens.
pub(crate) fn reserve() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    socket.bind(&any.into()).expect("a free port");
    let address = socket.local_addr().expect("a bound socket").as_socket().expect("an IP address");
    (socket, address)
}

/// Runs the test of this name in a process of its own, and says whether this is that process.
pub(crate) fn in_a_child(name: &str) -> bool {
    const MARK: &str = "RUNGS_TEST_IS_A_CHILD";
    if env::var_os(MARK).is_some() {
        return true;
    }
    let this = env::current_exe().expect("a path");
    Command::new(this).args(["--exact", name]).env(MARK, "1").timeout(PATIENCE).assert().success();
    false
}

/// What has come to a socket, and was not taken yet: bytes, or connections where it listens
/// (`rx_queue` in /proc/net/tcp).
pub(crate) fn received(own: SocketAddr, peer: SocketAddr) -> Option<u32> {
    let table = procfs::net::tcp().expect("/proc/net/tcp");
    let is_it = |entry: &&TcpNetEntry| (entry.local_address, entry.remote_address) == (own, peer);
    table.iter().find(is_it).map(|entry| entry.rx_queue)
}

/// Waits until the other end has read all that was sent (tcp(7), `SIOCOUTQ` says so only of
/// what was acknowledged, so this looks at the peer's queue).
pub(crate) fn await_quiet(stream: &TcpStream) -> io::Result<()> {
    let (own, peer) = (stream.local_addr()?, stream.peer_addr()?);
    await_until("a client that has read its answers", || received(peer, own) == Some(0));
    Ok(())
}
