//! One connection: the socket, and how far it has come.
//!
//! It sends and receives through rustix, which calls the kernel itself: libc's `send` and `recv`
//! are cancellation points (pthreads(7)), and to be ready for that takes 1 % of the generator.

use super::{Plan, Reuse, SlowAt, source::Sources};
use mio::{Interest, Registry, Token, net::TcpStream};
use nix::sys::socket::{setsockopt, sockopt};
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send},
};
use socket2::{Domain, Socket, Type};
use std::{
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr},
    time::Instant,
};

/// The receive buffer of a client that reads slowly: little, so that the server notices.
const SLOW_BUFFER: usize = 4096;

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    /// When connect(2) was called.
    pub(super) began: Instant,
    /// Known to be established.
    pub(super) is_open: bool,
    is_registered: bool,
}

impl Connection {
    /// Begins a connection for a client; clients are numbered through all event loops.
    pub(super) fn begin(plan: &Plan, sources: &mut Sources<'_>, client: usize) -> io::Result<Self> {
        let began = Instant::now();
        loop {
            let (source, target) = sources.ends(client);
            match connect(plan, source, target) {
                Err(error)
                    if error.raw_os_error() == Some(Errno::ADDRNOTAVAIL.raw_os_error())
                        && sources.exhaust() => {}
                result => {
                    let stream = result?;
                    return Ok(Self { stream, began, is_open: false, is_registered: false });
                }
            }
        }
    }

    /// Takes over a connection that has been established.
    pub(super) fn established(stream: TcpStream, now: Instant) -> Self {
        Self { stream, began: now, is_open: true, is_registered: true }
    }

    /// Tells epoll to report it, and at once what is ready already, which `EPOLL_CTL_MOD` looks up
    /// as `EPOLL_CTL_ADD` does. Edge-triggered, so one registration does for many requests.
    pub(super) fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        writes: bool,
    ) -> io::Result<()> {
        let interest =
            if writes { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        if self.is_registered {
            return registry.reregister(&mut self.stream, token, interest);
        }
        self.is_registered = true;
        registry.register(&mut self.stream, token, interest)
    }

    pub(super) fn is_registered(&self) -> bool {
        self.is_registered
    }

    /// Sends what the socket takes: how many bytes. The first byte that it takes is proof of the
    /// connection: before, send(2) gives EAGAIN, or the connect's error.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut sent = 0;
        while sent < bytes.len() {
            match send(&self.stream, &bytes[sent..], SendFlags::NOSIGNAL) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => sent += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        self.is_open |= sent > 0;
        Ok(sent)
    }

    /// Takes what has come, as far as there is room: how many bytes, 0 at the end of the stream.
    pub(super) fn receive(&self, room: &mut [u8]) -> io::Result<usize> {
        let (count, _) = recv(&self.stream, room, RecvFlags::empty())?;
        Ok(count)
    }

    /// Where nobody listens, a connect whose ephemeral port happens to be the target's meets
    /// itself (simultaneous open, RFC 9293 section 3.5), and the request comes back as answer.
    pub(super) fn is_to_itself(&self) -> bool {
        match (self.stream.local_addr(), self.stream.peer_addr()) {
            (Ok(local), Ok(peer)) => local == peer,
            _ => false,
        }
    }
}

fn connect(plan: &Plan, source: Option<IpAddr>, target: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(target), Type::STREAM.nonblocking(), None)?;
    if let Some(source) = source {
        // Without a port yet, so that connect(2) may pick one that is in use with other targets
        // (ip(7), IP_BIND_ADDRESS_NO_PORT).
        setsockopt(&socket, sockopt::IpBindAddressNoPort, &true)?;
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    if plan.reuse == Reuse::KeepAlive {
        // Pipelined requests would otherwise wait for an acknowledgement (RFC 1122, 4.2.3.4).
        socket.set_tcp_nodelay(true)?;
    }
    if plan.slow.is_some_and(|slow| slow.at == SlowAt::Reading) {
        socket.set_recv_buffer_size(SLOW_BUFFER)?;
    }
    match socket.connect(&target.into()) {
        Err(error) if error.raw_os_error() != Some(Errno::INPROGRESS.raw_os_error()) => Err(error),
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}
