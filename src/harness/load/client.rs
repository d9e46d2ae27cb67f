//! One client and its connection: a state machine that a readiness event moves on.

use super::{
    Reuse,
    account::{End, Failure},
    answer::Answer,
    shared::Shared,
};
use crate::http::Status;
use mio::{Interest, Registry, Token, event::Event, net::TcpStream};
use std::{
    io::{self, ErrorKind, Read, Write},
    time::Instant,
};

/// How many buffers one client may read in a row while others wait (epoll(7), "Starvation").
const READS_IN_A_ROW: usize = 4;

/// The facts of one request. Times that did not come yet equal `started`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    /// Started in the window, not in the warm-up.
    pub(super) counted: bool,
    pub(super) started: Instant,
    /// When the connection that was opened for it was known to be established.
    pub(super) connected: Option<Instant>,
    pub(super) sent: Instant,
    pub(super) first_byte: Instant,
    pub(super) last_byte: Instant,
    pub(super) bytes_in: u64,
}

impl Request {
    pub(super) fn new(started: Instant, counted: bool) -> Request {
        Request {
            counted,
            started,
            connected: None,
            sent: started,
            first_byte: started,
            last_byte: started,
            bytes_in: 0,
        }
    }

    /// Notes a read that has just returned; 0 bytes are the end of the stream.
    fn received(&mut self, bytes: usize) {
        self.last_byte = Instant::now();
        if self.bytes_in == 0 {
            self.first_byte = self.last_byte;
        }
        self.bytes_in += bytes as u64;
    }
}

/// Where a request is after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It waits for an event.
    Pending,
    /// It is over; the client can make the next one at once.
    Ended(End),
    /// It is over for want of a connection; the next one would probably fare no better.
    Unreachable(End),
}

/// One of the concurrent clients: at most one request under way, at most one connection.
#[derive(Debug)]
pub(super) struct Client {
    token: Token,
    pub(super) request: Request,
    connection: Option<Connection>,
}

impl Client {
    pub(super) fn new(index: usize, now: Instant) -> Client {
        Client { token: Token(index), request: Request::new(now, false), connection: None }
    }

    /// Sends a request, on the kept connection or on a new one.
    pub(super) fn start(
        &mut self,
        request: Request,
        shared: &Shared<'_>,
        events: &Registry,
    ) -> Step {
        self.request = request;
        let sent = match self.connection {
            Some(_) => self.send_again(shared, events),
            None => self.open(shared, events),
        };
        self.pending_if(sent)
    }

    /// Connects and sends at once: on loopback the handshake is over when connect(2) returns, and
    /// a send that does not wait for its event saves one per connection. Registering after the
    /// send misses nothing, because `EPOLL_CTL_ADD` reports what is ready already.
    fn open(&mut self, shared: &Shared<'_>, events: &Registry) -> io::Result<()> {
        let connection = self.connection.insert(Connection::open(shared)?);
        connection.send(&shared.message, &mut self.request)?;
        let interest = connection.interest();
        events.register(&mut connection.stream, self.token, interest)
    }

    fn send_again(&mut self, shared: &Shared<'_>, events: &Registry) -> io::Result<()> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        connection.phase = Phase::Waiting;
        connection.unsent = shared.message.len();
        connection.answer = Answer::default();
        connection.send(&shared.message, &mut self.request)?;
        if connection.unsent > 0 {
            // The registration may be for reading only by now.
            connection.rearm(self.token, events)?;
        }
        Ok(())
    }

    /// Goes on after a readiness event.
    pub(super) fn ready(
        &mut self,
        event: &Event,
        shared: &Shared<'_>,
        events: &Registry,
        buffer: &mut [u8],
    ) -> Step {
        let Some(connection) = &mut self.connection else { return Step::Pending };
        match connection.ready(event, &shared.message, buffer, &mut self.request) {
            Ok(Progress::Blocked) => Step::Pending,
            Ok(Progress::Unread) => {
                let rearmed = connection.rearm(self.token, events);
                self.pending_if(rearmed)
            }
            Ok(Progress::Ended(end)) => self.end(end, shared, event.is_read_closed()),
            Err(error) => self.fail(&error),
        }
    }

    fn pending_if(&mut self, result: io::Result<()>) -> Step {
        match result {
            Ok(()) => Step::Pending,
            Err(error) => self.fail(&error),
        }
    }

    /// Keeps the connection if another request may go out on it, else closes it.
    fn end(&mut self, end: End, shared: &Shared<'_>, closed_by_server: bool) -> Step {
        let Some(connection) = &self.connection else { return Step::Ended(end) };
        let itself = end == End::without_errno(Failure::Malformed) && connection.is_to_itself();
        let keeps = matches!(end, End::Answered { surplus: false, .. })
            && shared.plan.reuse == Reuse::KeepAlive
            && connection.is_reusable()
            && !closed_by_server;
        if !keeps {
            self.close();
        }
        if itself {
            self.request.connected = None;
            return Step::Unreachable(End::without_errno(Failure::Refused));
        }
        Step::Ended(end)
    }

    fn fail(&mut self, error: &io::Error) -> Step {
        let end = End::of_error(error, self.timed_out());
        self.give_up(end)
    }

    /// Ends the request for its timeout.
    pub(super) fn expire(&mut self) -> Step {
        self.give_up(End::without_errno(self.timed_out()))
    }

    fn timed_out(&self) -> Failure {
        match self.phase() {
            Phase::Connecting => Failure::TimedOutConnecting,
            Phase::Waiting => Failure::TimedOutWaiting,
            Phase::Reading => Failure::TimedOutReading,
        }
    }

    fn give_up(&mut self, end: End) -> Step {
        let phase = self.phase();
        self.close();
        if phase == Phase::Connecting { Step::Unreachable(end) } else { Step::Ended(end) }
    }

    fn phase(&self) -> Phase {
        self.connection.as_ref().map_or(Phase::Connecting, |connection| connection.phase)
    }

    /// Closes the connection, if there is one. That takes it off the epoll interest list as well,
    /// since nobody has a duplicate of the descriptor (epoll(7), question 6).
    pub(super) fn close(&mut self) {
        self.connection = None;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not established yet, as far as is known.
    Connecting,
    /// No byte of an answer yet.
    Waiting,
    /// Part of an answer is here.
    Reading,
}

/// What came of a readiness event.
enum Progress {
    /// All was done that could be done.
    Blocked,
    /// There may be more to read.
    Unread,
    Ended(End),
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    phase: Phase,
    /// How many bytes of the request are still to be sent.
    unsent: usize,
    answer: Answer,
}

impl Connection {
    fn open(shared: &Shared<'_>) -> io::Result<Connection> {
        let stream = TcpStream::connect(shared.plan.targets[0])?;
        stream.set_nodelay(true)?;
        let unsent = shared.message.len();
        Ok(Connection { stream, phase: Phase::Connecting, unsent, answer: Answer::default() })
    }

    fn interest(&self) -> Interest {
        if self.unsent > 0 { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE }
    }

    /// Registers anew: for what is wanted now, and to be told again of what is ready already, which
    /// `EPOLL_CTL_MOD` looks up as `EPOLL_CTL_ADD` does.
    fn rearm(&mut self, token: Token, events: &Registry) -> io::Result<()> {
        let interest = self.interest();
        events.reregister(&mut self.stream, token, interest)
    }

    fn ready(
        &mut self,
        event: &Event,
        message: &[u8],
        buffer: &mut [u8],
        request: &mut Request,
    ) -> io::Result<Progress> {
        if self.phase == Phase::Connecting {
            // connect(2), EINPROGRESS: SO_ERROR says how it went.
            self.stream.take_error()?.map_or(Ok(()), Err)?;
        }
        self.send(message, request)?;
        if self.phase == Phase::Connecting {
            return Ok(Progress::Blocked);
        }
        self.receive(event.is_read_closed() || event.is_error(), buffer, request)
    }

    /// Sends what is left of the request, as far as the socket takes it. The first byte that it
    /// takes is proof of the connection: before, send(2) gives EAGAIN, or the connect's error.
    fn send(&mut self, message: &[u8], request: &mut Request) -> io::Result<()> {
        while self.unsent > 0 {
            let rest = &message[message.len() - self.unsent..];
            let now = Instant::now();
            match self.stream.write(rest) {
                Ok(count) => self.note_sent(count, rest.len() == message.len(), now, request),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn note_sent(&mut self, count: usize, is_first: bool, now: Instant, request: &mut Request) {
        if self.phase == Phase::Connecting {
            self.phase = Phase::Waiting;
            request.connected = Some(now);
        }
        if is_first {
            request.sent = now;
        }
        self.unsent -= count;
    }

    /// Reads until the answer is complete or nothing is left, but not for too long in a row.
    ///
    /// A read that does not fill the buffer has emptied the socket, and the next byte will raise
    /// a new event (epoll(7), question 9), so the read that would only say EAGAIN is saved. Not if
    /// the event told of an end or an error: then that is still to come, and no event with it.
    fn receive(
        &mut self,
        to_the_end: bool,
        buffer: &mut [u8],
        request: &mut Request,
    ) -> io::Result<Progress> {
        for _ in 0..READS_IN_A_ROW {
            let count = match self.stream.read(buffer) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok(Progress::Blocked);
                }
                Err(error) => return Err(error),
            };
            request.received(count);
            if let Some(end) = self.take(&buffer[..count]) {
                return Ok(Progress::Ended(end));
            }
            if count < buffer.len() && !to_the_end {
                return Ok(Progress::Blocked);
            }
        }
        Ok(Progress::Unread)
    }

    /// Takes in what one read gave, and says how the request ended, if it did.
    fn take(&mut self, bytes: &[u8]) -> Option<End> {
        if bytes.is_empty() {
            let status = self.answer.complete_at_end();
            return Some(
                status.map_or(End::without_errno(Failure::ClosedEarly), |status| {
                    self.answered(status)
                }),
            );
        }
        self.phase = Phase::Reading;
        if self.answer.feed(bytes).is_err() {
            return Some(End::without_errno(Failure::Malformed));
        }
        self.answer.complete().map(|status| self.answered(status))
    }

    fn answered(&self, status: Status) -> End {
        End::Answered { status, surplus: self.answer.has_surplus() }
    }

    /// Another request may follow: the server allows it, and it has the whole of this one.
    fn is_reusable(&self) -> bool {
        self.answer.keep_alive() && self.unsent == 0
    }

    /// Where nobody listens, a connect whose ephemeral port happens to be the target's meets
    /// itself (simultaneous open, RFC 9293 section 3.5), and the request comes back as answer.
    fn is_to_itself(&self) -> bool {
        match (self.stream.local_addr(), self.stream.peer_addr()) {
            (Ok(local), Ok(peer)) => local == peer,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::load::Plan;
    use socket2::{Domain, Socket, Type};
    use std::{
        net::{SocketAddr, TcpStream as StdStream},
        sync::atomic::AtomicBool,
        time::Duration,
    };

    /// A socket that is connected to its own address, as connect(2) may make it by chance.
    fn to_itself() -> (StdStream, SocketAddr) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        socket.bind(&any.into()).expect("a free port");
        let own = socket.local_addr().expect("a bound socket");
        socket.connect(&own).expect("a simultaneous open");
        // It stays blocking, so that a read waits for what was sent.
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket");
        (socket.into(), own.as_socket().expect("an IP address"))
    }

    #[test]
    fn who_meets_itself_was_refused() {
        let (stream, target) = to_itself();
        let plan = Plan::new(target);
        let stop = AtomicBool::new(false);
        let shared = Shared::new(&plan, &stop).expect("a sound plan");
        let mut client = Client::new(0, shared.begins);
        let mut connection = Connection {
            stream: TcpStream::from_std(stream),
            phase: Phase::Connecting,
            unsent: shared.message.len(),
            answer: Answer::default(),
        };
        connection.send(&shared.message, &mut client.request).expect("a connection");
        let progress = connection.receive(false, &mut [0; 1024], &mut client.request);
        let Ok(Progress::Ended(end)) = progress else { panic!("the request did not come back") };
        assert_eq!(end, End::without_errno(Failure::Malformed));
        client.connection = Some(connection);
        assert_eq!(
            client.end(end, &shared, false),
            Step::Unreachable(End::without_errno(Failure::Refused))
        );
        assert!(client.connection.is_none() && client.request.connected.is_none());
    }
}
