//! The clients of the probes: sockets that do just what they are told, and remember every byte.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    os::fd::AsFd,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use socket2::{Domain, SockRef, Socket, Type};

use super::finding::Exchange;
use crate::http::{Body, Framing, ResponseHead, parse_response};

/// How long a server may take for anything. A healthy one needs microseconds; what is as slow as
/// this is broken, however busy the machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How often the stop flag is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// What is kept of an answer. Who answers GET / with more is not understood.
const KEPT: usize = 16 << 20;

/// What is kept of it for a report.
const SHOWN: usize = 64 * 1024;

/// One connection.
#[derive(Debug)]
pub(super) struct Client {
    /// `None` once the server has closed its end, and this one is closed too.
    stream: Option<TcpStream>,
    /// Where the server closes first, this end follows with a reset in the place of its FIN. That
    /// keeps the server's end from TIME-WAIT (RFC 9293 section 3.10.7): the next server may want
    /// the port at once.
    resets: bool,
    local: Option<SocketAddr>,
    /// All that is to be sent, of which `gone` bytes are.
    outbox: Vec<u8>,
    gone: usize,
    received: Vec<u8>,
    end: Option<End>,
    /// Whether it takes what comes.
    pub(super) reads: bool,
}

/// How a connection came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The server has closed it.
    Closed,
    /// It broke.
    Broken(Errno),
}

/// What has come of the first answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// No byte.
    Nothing,
    /// A part of the head.
    PartOfHead,
    /// The head, and a part of the content.
    PartOfBody(ResponseHead),
    /// The head of an answer that ends with the connection, which is open.
    Unframed(ResponseHead),
    /// All of it, and this is how long it is.
    Complete(ResponseHead, usize),
    /// No HTTP.
    Malformed(&'static str),
}

impl Client {
    /// Connects.
    pub(super) fn connect(address: SocketAddr) -> Result<Self, Errno> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(|e| errno(&e))?;
        Self::of(stream)
    }

    /// Begins to connect, and does not wait for the end of the handshake.
    pub(super) fn begin(address: SocketAddr) -> Result<Self, Errno> {
        let kind = Type::STREAM.nonblocking();
        let socket =
            Socket::new(Domain::for_address(address), kind, None).map_err(|e| errno(&e))?;
        match socket.connect(&address.into()) {
            Err(error) if errno(&error) != Errno::EINPROGRESS => Err(errno(&error)),
            _ => Self::of(socket.into()),
        }
    }

    fn of(stream: TcpStream) -> Result<Self, Errno> {
        stream.set_nonblocking(true).map_err(|e| errno(&e))?;
        stream.set_nodelay(true).map_err(|e| errno(&e))?;
        Ok(Self {
            local: stream.local_addr().ok(),
            stream: Some(stream),
            resets: true,
            outbox: Vec::new(),
            gone: 0,
            received: Vec::new(),
            end: None,
            reads: true,
        })
    }

    /// Its own end of the connection.
    pub(super) fn local(&self) -> Option<SocketAddr> {
        self.local
    }

    /// Whether the handshake is over.
    pub(super) fn is_connected(&self) -> bool {
        self.stream.as_ref().is_none_or(|stream| stream.peer_addr().is_ok())
    }

    /// Sends what the socket takes now; the rest goes with the next look.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.outbox.extend_from_slice(bytes);
        self.advance();
    }

    /// Sends no more, and says so (shutdown(2)).
    pub(super) fn finish_sending(&mut self) {
        // It fails where the connection has ended, which is seen soon.
        self.stream.iter().for_each(|stream| drop(stream.shutdown(Shutdown::Write)));
    }

    /// Ends the connection with a reset.
    pub(super) fn reset(mut self) {
        self.leave();
    }

    /// Will close in the ordinary way, which leaves the server's end in TIME-WAIT if that closes first.
    pub(super) fn close_in_order(&mut self) {
        self.resets = false;
    }

    /// Closes this end (socket(7), `SO_LINGER`).
    fn leave(&mut self) {
        if let Some(stream) = self.stream.take().filter(|_| self.resets) {
            drop(SockRef::from(&stream).set_linger(Some(Duration::ZERO)));
        }
    }

    pub(super) fn received(&self) -> &[u8] {
        &self.received
    }

    pub(super) fn end(&self) -> Option<End> {
        self.end
    }

    /// Nothing has come, and it is open.
    pub(super) fn is_untouched(&self) -> bool {
        self.received.is_empty() && self.end.is_none()
    }

    /// An answer has come. Of one that ends with its connection the head is enough: how it ends is
    /// another question.
    pub(super) fn is_answered(&self) -> bool {
        matches!(self.reading(), Reading::Complete(..) | Reading::Unframed(_))
    }

    /// There is nothing more to wait for.
    pub(super) fn is_over(&self) -> bool {
        self.end.is_some()
            || matches!(self.reading(), Reading::Complete(..) | Reading::Malformed(_))
    }

    /// The first answer.
    pub(super) fn reading(&self) -> Reading {
        reading(&self.received, self.end == Some(End::Closed))
    }

    /// How many whole answers have come.
    pub(super) fn answers(&self) -> usize {
        let (mut count, mut rest) = (0, &self.received[..]);
        while let Reading::Complete(head, length) = reading(rest, false) {
            if head.body == Framing::UntilClose {
                break;
            }
            count += 1;
            rest = &rest[length..];
        }
        count
    }

    /// What is wrong, if no good answer came, in words.
    pub(super) fn trouble(&self) -> String {
        let bytes = self.received.len();
        match (self.reading(), self.end) {
            (Reading::Malformed(reason), _) => format!("its answer is no HTTP: {reason}"),
            (Reading::Nothing, None) => format!("no answer in {} s", PATIENCE.as_secs()),
            (Reading::Nothing, Some(End::Closed)) => "closed without an answer".to_owned(),
            (Reading::Nothing, Some(End::Broken(errno))) => words(errno),
            (_, Some(End::Closed)) => format!("closed after {bytes} bytes, inside the answer"),
            (_, Some(End::Broken(errno))) => format!("{} after {bytes} bytes", words(errno)),
            (_, None) => {
                format!("{bytes} bytes, and then nothing for {} s", PATIENCE.as_secs())
            }
        }
    }

    /// The bytes that went and came, with the place of the first that is no HTTP.
    pub(super) fn exchange(&self) -> Exchange {
        let is_malformed =
            |&end: &usize| matches!(reading(&self.received[..end], false), Reading::Malformed(_));
        let offence = match self.reading() {
            Reading::Malformed(_) => (1..=self.received.len().min(SHOWN)).find(is_malformed),
            _ => None,
        };
        Exchange {
            sent: self.outbox[..self.gone].to_vec(),
            received: self.received[..self.received.len().min(SHOWN)].to_vec(),
            offence: offence.map(|end| end - 1),
        }
    }

    /// Sends and takes what it can without waiting.
    pub(super) fn advance(&mut self) {
        let Some(mut stream) = self.stream.as_ref() else { return };
        while self.gone < self.outbox.len() {
            match stream.write(&self.outbox[self.gone..]) {
                Ok(count) => self.gone += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // The server may have answered before it closed; reading tells.
                Err(_) => self.outbox.truncate(self.gone),
            }
        }
        let mut buffer = [0; 16 * 1024];
        while self.reads && self.end.is_none() {
            match stream.read(&mut buffer) {
                Ok(0) => self.end = Some(End::Closed),
                Ok(count) => {
                    let room = KEPT.saturating_sub(self.received.len());
                    self.received.extend_from_slice(&buffer[..count.min(room)]);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // It is still being connected.
                Err(error) if error.kind() == ErrorKind::NotConnected => return,
                Err(error) => self.end = Some(End::Broken(errno(&error))),
            }
        }
        if self.end.is_some() {
            self.leave();
        }
    }

    fn poll_flags(&self) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::POLLIN, self.reads);
        flags.set(PollFlags::POLLOUT, self.gone < self.outbox.len());
        flags
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // To see whether the server has closed meanwhile; and unread bytes would make a reset of
        // any end.
        if self.reads {
            self.advance();
        }
    }
}

/// Has all of them send the same.
pub(super) fn send_all(clients: &mut [Client], bytes: &[u8]) {
    for client in clients {
        client.send(bytes);
    }
}

/// Lets the clients send and read until all of them are `done`, or the deadline has come, or
/// somebody has pressed Ctrl-C. Says whether all are done.
pub(super) fn pump(
    clients: &mut [Client],
    deadline: Instant,
    stop: &AtomicBool,
    done: impl Fn(&Client) -> bool,
) -> bool {
    loop {
        clients.iter_mut().for_each(Client::advance);
        if clients.iter().all(&done) {
            return true;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || stop.load(Ordering::Relaxed) {
            return false;
        }
        // Those who are done as well, for a server may wait until they have closed their end.
        let mut fds: Vec<_> = clients
            .iter()
            .filter(|one| !one.poll_flags().is_empty())
            .filter_map(|one| Some(PollFd::new(one.stream.as_ref()?.as_fd(), one.poll_flags())))
            .collect();
        let wait = PollTimeout::try_from(left.min(LOOK)).unwrap_or(PollTimeout::ZERO);
        // After EINTR the clients are looked at in vain.
        let _ = poll(&mut fds, wait);
        if fds.is_empty() {
            return false;
        }
    }
}

fn reading(bytes: &[u8], is_closed: bool) -> Reading {
    if bytes.is_empty() {
        return Reading::Nothing;
    }
    let head = match parse_response(bytes, false) {
        Err(refusal) => return Reading::Malformed(refusal.reason),
        Ok(None) => return Reading::PartOfHead,
        Ok(Some(head)) => head,
    };
    if head.body == Framing::UntilClose {
        return if is_closed {
            Reading::Complete(head, bytes.len())
        } else {
            Reading::Unframed(head)
        };
    }
    let mut body = match Body::new(head.body, u64::MAX) {
        Ok(body) => body,
        Err(refusal) => return Reading::Malformed(refusal.reason),
    };
    let mut used = head.head_length;
    while !body.is_done() {
        match body.take(&bytes[used..]) {
            Err(refusal) => return Reading::Malformed(refusal.reason),
            Ok((0, _)) => return Reading::PartOfBody(head),
            Ok((taken, _)) => used += taken,
        }
    }
    Reading::Complete(head, used)
}

pub(super) fn words(errno: Errno) -> String {
    errno.desc().to_lowercase()
}

fn errno(error: &io::Error) -> Errno {
    match error.kind() {
        // std's own, of connect_timeout.
        ErrorKind::TimedOut => Errno::ETIMEDOUT,
        _ => error.raw_os_error().map_or(Errno::EIO, Errno::from_raw),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offence_beyond_what_is_shown_is_not_pointed_at() {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        listener.bind(&any.into()).and_then(|()| listener.listen(1)).expect("a free port");
        let address = listener.local_addr().expect("a bound socket").as_socket();
        let mut client = Client::connect(address.expect("TCP")).expect("a connection");
        let size = SHOWN + 1;
        let head = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{size:x}\r\n");
        let answer = [head.as_bytes(), &vec![b'a'; size], b"no end of a chunk"].concat();
        let (mut server, _) = listener.accept().expect("the client");
        let writer = std::thread::spawn(move || server.write_all(&answer));
        let is_over = pump(
            std::slice::from_mut(&mut client),
            Instant::now() + PATIENCE,
            &AtomicBool::new(false),
            |one| matches!(one.reading(), Reading::Malformed(_)),
        );
        assert!(is_over, "{}", client.trouble());
        writer.join().expect("no panic").expect("a reader");
        let exchange = client.exchange();
        assert_eq!((exchange.received.len(), exchange.offence), (SHOWN, None));
    }
}
