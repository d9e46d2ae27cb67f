//! One client and its connection: a state machine that a readiness event moves on.

use super::{
    Reuse, SlowAt,
    account::{End, Failure},
    answer::{Answer, LastHead},
    connection::Connection,
    exchange::{Ended, Exchange},
    request::Message,
    schedule::Due,
    shared::Shared,
    source::Sources,
};
use mio::{Poll, Token, event::Event, net::TcpStream};
use std::{
    collections::VecDeque,
    io::{self, ErrorKind},
    mem,
    time::{Duration, Instant},
};

/// How many buffers one client may read in a row while others wait (epoll(7), "Starvation").
const READS_IN_A_ROW: usize = 4;

/// Large enough that a read seldom fills it, small enough to stay in the cache.
const BUFFER: usize = 64 * 1024;

/// What the clients of one event loop need for their work.
#[derive(Debug)]
pub(super) struct Io<'a> {
    pub(super) shared: &'a Shared<'a>,
    pub(super) poll: Poll,
    pub(super) sources: Sources<'a>,
    /// The first client's number among those of all loops.
    pub(super) first_client: usize,
    /// Requests that ended and have not been entered.
    pub(super) ended: Vec<Ended>,
    /// Its clients are asked in turn, so epoll need not know them.
    pub(super) is_direct: bool,
    last_head: LastHead,
    buffer: Box<[u8]>,
}

impl<'a> Io<'a> {
    pub(super) fn new(shared: &'a Shared<'a>, poll: Poll, first_client: usize) -> Io<'a> {
        Io {
            shared,
            poll,
            sources: Sources::of(shared.plan),
            first_client,
            ended: Vec::with_capacity(shared.plan.pipeline),
            is_direct: false,
            last_head: LastHead::default(),
            buffer: vec![0; BUFFER].into(),
        }
    }
}

/// One of the concurrent clients: at most one connection, and the requests under way on it.
#[derive(Debug)]
pub(super) struct Client {
    index: usize,
    connection: Option<Connection>,
    /// In the order in which they were taken up, which is the order of the answers (RFC 9112
    /// section 9.3.2).
    exchanges: VecDeque<Exchange>,
    /// How many were ever taken up.
    taken_up: usize,
    /// How many of `exchanges` have been sent to their last byte.
    sent: usize,
    /// Messages, of which the first `sent_out` bytes are sent.
    outbox: Vec<u8>,
    sent_out: usize,
    /// The answer to the first of `exchanges`.
    answer: Answer,
    /// How long the connection took, until somebody enters it.
    connected: Option<(Instant, Duration)>,
    /// It found no connection; the next request would probably fare no better.
    pub(super) is_unreachable: bool,
}

impl Client {
    pub(super) fn new(index: usize) -> Client {
        Client {
            index,
            connection: None,
            exchanges: VecDeque::new(),
            taken_up: 0,
            sent: 0,
            outbox: Vec::new(),
            sent_out: 0,
            answer: Answer::default(),
            connected: None,
            is_unreachable: false,
        }
    }

    /// A client with a connection that somebody else established and registered under its index.
    pub(super) fn on(stream: TcpStream, index: usize) -> Client {
        let connection = Some(Connection::established(stream, Instant::now()));
        Client { connection, ..Client::new(index) }
    }

    /// Gives the connection away, if there is one.
    pub(super) fn into_stream(self) -> Option<TcpStream> {
        self.connection.map(|connection| connection.stream)
    }

    /// How many requests are under way.
    pub(super) fn under_way(&self) -> usize {
        self.exchanges.len()
    }

    /// No request is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.exchanges.is_empty()
    }

    /// When the first of its requests has taken too long.
    pub(super) fn expires(&self, timeout: Duration) -> Option<Instant> {
        self.exchanges.front().map(|first| first.taken_up + timeout)
    }

    /// Whether its connection has been begun and may still fail.
    pub(super) fn is_connecting(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| !connection.is_open)
    }

    /// Whether its connection is known to be established.
    pub(super) fn is_established(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.is_open)
    }

    /// Whether its connection is established and was begun before `moment`.
    pub(super) fn is_older(&self, moment: Instant) -> bool {
        self.connection
            .as_ref()
            .is_some_and(|connection| connection.is_open && connection.began < moment)
    }

    /// When connect(2) was called and how long the connection took, once for each.
    pub(super) fn take_connected(&mut self) -> Option<(Instant, Duration)> {
        self.connected.take()
    }

    /// Queues a request; says in which slot it is. There are as many slots for each client as it
    /// may have requests under way.
    pub(super) fn take_up(
        &mut self,
        due: Due,
        message: &Message,
        now: Instant,
        depth: usize,
    ) -> usize {
        let mut exchange = Exchange::new(due, message.asks, message.bytes.len(), now);
        exchange.slot = self.index * depth + self.taken_up % depth;
        self.taken_up += 1;
        if self.exchanges.is_empty() {
            self.answer = Answer::to(message.asks);
        }
        self.exchanges.push_back(exchange);
        self.outbox.extend_from_slice(&message.bytes);
        exchange.slot
    }

    /// Connects, if need be, and sends at once: on loopback the handshake is over when connect(2)
    /// returns, and a send that does not wait for its event saves one per connection. Registering
    /// after the send misses nothing.
    ///
    /// `now` must be no later than the send, and `most` bytes are sent at most.
    pub(super) fn push(&mut self, now: Instant, most: usize, io: &mut Io<'_>) {
        let result = self.connect_and_send(now, most, io);
        self.fail_if(result, io);
    }

    fn connect_and_send(
        &mut self,
        mut now: Instant,
        most: usize,
        io: &mut Io<'_>,
    ) -> io::Result<()> {
        if self.connection.is_none() {
            self.begin(io)?;
            now = Instant::now();
        }
        self.send(now, most)?;
        self.register(io)
    }

    /// Begins a connection without a request.
    pub(super) fn open(&mut self, io: &mut Io<'_>) {
        let result = self.begin(io).and_then(|()| self.register(io));
        self.fail_if(result, io);
    }

    fn begin(&mut self, io: &mut Io<'_>) -> io::Result<()> {
        let client = io.first_client + self.index;
        let connection = Connection::begin(io.shared.plan, &mut io.sources, client)?;
        self.connection = Some(connection);
        Ok(())
    }

    /// The registration of an established connection may be for reading only, so where something
    /// is left to be sent it is made anew.
    fn register(&mut self, io: &Io<'_>) -> io::Result<()> {
        let is_left = self.sent_out < self.outbox.len() && io.shared.plan.slow.is_none();
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let writes = is_left || !connection.is_open;
        if io.is_direct || (connection.is_registered() && !writes) {
            return Ok(());
        }
        connection.register(io.poll.registry(), Token(self.index), writes)
    }

    fn send(&mut self, now: Instant, most: usize) -> io::Result<()> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let unsent = &self.outbox[self.sent_out..];
        if unsent.is_empty() {
            return Ok(());
        }
        let was_open = connection.is_open;
        let count = connection.send(&unsent[..unsent.len().min(most)])?;
        if connection.is_open && !was_open {
            self.connected = Some((connection.began, now - connection.began));
        }
        self.note_sent(count, now);
        Ok(())
    }

    fn note_sent(&mut self, mut count: usize, now: Instant) {
        self.sent_out += count;
        if self.sent_out == self.outbox.len() {
            self.outbox.clear();
            self.sent_out = 0;
        }
        while let Some(exchange) = self.exchanges.get_mut(self.sent).filter(|_| count > 0) {
            let own = count.min(exchange.unsent);
            exchange.note_sent(own, now);
            count -= own;
            self.sent += usize::from(exchange.unsent == 0);
        }
    }

    /// Goes on after a readiness event; `most` bytes are sent and read at most.
    pub(super) fn ready(&mut self, event: &Event, (send, read): (usize, usize), io: &mut Io<'_>) {
        let is_at_end = event.is_read_closed() || event.is_error();
        let result = self.advance(is_at_end, send, read, io);
        self.fail_if(result, io);
    }

    /// Goes on without an event.
    pub(super) fn poke(&mut self, (send, read): (usize, usize), io: &mut Io<'_>) {
        let result = self.advance(false, send, read, io);
        self.fail_if(result, io);
    }

    fn advance(
        &mut self,
        is_at_end: bool,
        send: usize,
        read: usize,
        io: &mut Io<'_>,
    ) -> io::Result<()> {
        if !self.outbox.is_empty() && send > 0 {
            self.send(Instant::now(), send)?;
        }
        let Some(connection) = &mut self.connection else { return Ok(()) };
        if !connection.is_open {
            if !self.outbox.is_empty() {
                return Ok(());
            }
            // connect(2), EINPROGRESS: SO_ERROR says how it went.
            connection.stream.take_error()?.map_or(Ok(()), Err)?;
            if connection.stream.peer_addr().is_err() {
                return Ok(());
            }
            connection.is_open = true;
            self.connected = Some((connection.began, connection.began.elapsed()));
        }
        if read == 0 {
            return Ok(());
        }
        self.receive(is_at_end, read, io)?;
        if is_at_end && self.exchanges.is_empty() {
            self.close();
        }
        Ok(())
    }

    /// Reads until nothing is left, but not for too long in a row.
    ///
    /// A read that does not fill the buffer has emptied the socket, and the next byte will raise
    /// a new event (epoll(7), question 9), so the read that would only say EAGAIN is saved. Not if
    /// the event told of an end or an error: then that is still to come, and no event with it.
    fn receive(&mut self, to_the_end: bool, most: usize, io: &mut Io<'_>) -> io::Result<()> {
        let mut buffer = mem::take(&mut io.buffer);
        let room = most.min(buffer.len());
        let result = self.read_all(to_the_end, &mut buffer[..room], io);
        io.buffer = buffer;
        if result? && io.shared.plan.slow.is_none() && !io.is_direct {
            let writes = !self.outbox.is_empty();
            let Some(connection) = &mut self.connection else { return Ok(()) };
            connection.register(io.poll.registry(), Token(self.index), writes)?;
        }
        Ok(())
    }

    /// Says whether there may be more to read.
    fn read_all(
        &mut self,
        to_the_end: bool,
        buffer: &mut [u8],
        io: &mut Io<'_>,
    ) -> io::Result<bool> {
        let is_slow = io.shared.plan.slow.is_some_and(|slow| slow.at == SlowAt::Reading);
        for _ in 0..if is_slow { 1 } else { READS_IN_A_ROW } {
            let Some(connection) = &mut self.connection else { return Ok(false) };
            let count = match connection.receive(buffer) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            };
            if count == 0 {
                self.end_of_stream(io);
                return Ok(false);
            }
            self.take_in(&buffer[..count], io);
            let is_satisfied = self.exchanges.is_empty() || !to_the_end;
            if count < buffer.len() && is_satisfied {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes in what one read gave: the end of the first answer, and maybe of some behind it.
    fn take_in(&mut self, mut bytes: &[u8], io: &mut Io<'_>) {
        let now = Instant::now();
        while !bytes.is_empty() {
            let Some(exchange) = self.exchanges.front_mut() else {
                // Bytes that answer nothing; a kept connection must not be used with them.
                return self.close();
            };
            let Ok(used) = self.answer.feed(bytes, &mut io.last_head) else {
                exchange.note_received(bytes.len(), now);
                return self.end_malformed(io);
            };
            exchange.note_received(used, now);
            bytes = &bytes[used..];
            if let Some(status) = self.answer.complete() {
                let surplus = !bytes.is_empty() && self.exchanges.len() == 1;
                self.end_answered(End::Answered { status, surplus }, io);
                if self.connection.is_none() {
                    return;
                }
            }
        }
    }

    /// Ends the first exchange, and keeps the connection if another request may go out on it. The
    /// server must allow it, and have the whole of this request.
    fn end_answered(&mut self, end: End, io: &mut Io<'_>) {
        let Some(exchange) = self.exchanges.pop_front() else { return };
        io.ended.push(Ended { exchange, end });
        self.sent = self.sent.saturating_sub(1);
        let keeps = matches!(end, End::Answered { surplus: false, .. })
            && io.shared.plan.reuse == Reuse::KeepAlive
            && self.answer.keep_alive()
            && exchange.unsent == 0;
        match self.exchanges.front() {
            Some(next) if keeps => self.answer = Answer::to(next.asks),
            None if keeps => {}
            _ => self.end_all(End::without_errno(Failure::ClosedEarly), io),
        }
    }

    fn end_malformed(&mut self, io: &mut Io<'_>) {
        if self.connection.as_ref().is_some_and(Connection::is_to_itself) {
            self.connected = None;
            self.is_unreachable = true;
            return self.end_all(End::without_errno(Failure::Refused), io);
        }
        self.end_all(End::without_errno(Failure::Malformed), io);
    }

    fn end_of_stream(&mut self, io: &mut Io<'_>) {
        if let Some(first) = self.exchanges.front_mut() {
            let now = Instant::now();
            let end = self.answer.at_end(first.bytes_in);
            first.note_received(0, now);
            if matches!(end, End::Failed(..)) {
                return self.end_all(end, io);
            }
            self.end_answered(end, io);
        }
        self.end_all(End::without_errno(Failure::ClosedEarly), io);
    }

    fn fail_if(&mut self, result: io::Result<()>, io: &mut Io<'_>) {
        if let Err(error) = result {
            let end = End::of_error(&error, self.timed_out());
            self.give_up(end, io);
        }
    }

    /// Ends the first request for its timeout, and those behind it with it.
    pub(super) fn expire(&mut self, io: &mut Io<'_>) {
        self.give_up(End::without_errno(self.timed_out()), io);
    }

    fn timed_out(&self) -> Failure {
        if !self.is_established() {
            return Failure::TimedOutConnecting;
        }
        match self.exchanges.front() {
            Some(first) if first.bytes_in > 0 => Failure::TimedOutReading,
            _ => Failure::TimedOutWaiting,
        }
    }

    fn give_up(&mut self, end: End, io: &mut Io<'_>) {
        self.is_unreachable |=
            self.connection.as_ref().is_none_or(|connection| !connection.is_open);
        self.end_all(end, io);
    }

    /// Closes the connection and ends all that was under way on it.
    pub(super) fn end_all(&mut self, end: End, io: &mut Io<'_>) {
        self.close();
        // Only the first had begun to come.
        let behind = match end {
            End::Failed(Failure::TimedOutReading, errno) => {
                End::Failed(Failure::TimedOutWaiting, errno)
            }
            other => other,
        };
        let mut end = end;
        for exchange in self.exchanges.drain(..) {
            io.ended.push(Ended { exchange, end });
            end = behind;
        }
    }

    /// Closes the connection, if there is one. That takes it off the epoll interest list as well,
    /// since nobody has a duplicate of the descriptor (epoll(7), question 6).
    pub(super) fn close(&mut self) {
        self.connection = None;
        self.outbox.clear();
        (self.sent_out, self.sent) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::load::Plan;
    use socket2::{Domain, Socket, Type};
    use std::{net::SocketAddr, sync::atomic::AtomicBool};

    /// A socket that is connected to its own address, as connect(2) may make it by chance.
    fn to_itself() -> (TcpStream, SocketAddr) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        socket.bind(&any.into()).expect("a free port");
        let own = socket.local_addr().expect("a bound socket");
        socket.connect(&own).expect("a simultaneous open");
        // It stays blocking, so that a read waits for what was sent.
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket");
        (TcpStream::from_std(socket.into()), own.as_socket().expect("an IP address"))
    }

    #[test]
    fn who_meets_itself_was_refused() {
        let (stream, target) = to_itself();
        let plan = Plan::new(target);
        let stop = AtomicBool::new(false);
        let shared = Shared::new(&plan, 1, &stop).expect("a sound plan");
        let mut io = Io::new(&shared, Poll::new().expect("an epoll instance"), 0);
        let mut client = Client::on(stream, 0);
        let now = Instant::now();
        let due = Due { at: now, counted: true, step: 0 };
        let message = shared.messages.pick(&mut fastrand::Rng::with_seed(0));
        client.take_up(due, message, now, 1);
        client.push(now, usize::MAX, &mut io);
        client.poke((usize::MAX, usize::MAX), &mut io);
        let ends: Vec<_> = io.ended.iter().map(|ended| ended.end).collect();
        assert_eq!(ends, [End::without_errno(Failure::Refused)]);
        assert!(client.is_unreachable && client.take_connected().is_none());
        assert!(client.into_stream().is_none(), "it would meet itself again");
    }
}
