//! The listening socket: socket(2), bind(2), listen(2), and the line that says so.

use super::error::{During, Error, Result, program};
use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io::{self, Write},
    net::SocketAddr,
    os::fd::OwnedFd,
};

/// Makes a socket that listens on `address`, and announces it on stdout as
/// `NAME: serving http://ADDR:PORT/ (pid N)`.
///
/// `backlog` bounds the accept queue: connections which the kernel has completed and nobody has
/// accepted yet (listen(2)). Linux lets it grow to `backlog` + 1, and caps it at
/// /proc/sys/net/core/somaxconn.
pub fn listen(address: SocketAddr, backlog: i32) -> Result<OwnedFd> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))
        .during("socket")?;
    // Without it a restarted server could not bind for a minute, while old connections are in
    // TIME-WAIT (socket(7)).
    socket.set_reuse_address(true).during("setsockopt SO_REUSEADDR")?;
    let failed = |error| with_hint(error, address);
    socket.bind(&address.into()).during(format!("bind {address}")).map_err(failed)?;
    socket.listen(backlog).during(format!("listen {address}")).map_err(failed)?;
    announce(&socket).during("getsockname")?;
    Ok(socket.into())
}

fn announce(socket: &Socket) -> io::Result<()> {
    let address = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::Unsupported)?;
    let pid = std::process::id();
    let line = format!("{}: serving http://{address}/ (pid {pid})\n", program());
    // Whoever reads our stdout may have left: no reason not to serve.
    let mut stdout = io::stdout().lock();
    stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush()).ok();
    Ok(())
}

fn with_hint(error: Error, address: SocketAddr) -> Error {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program listens there; --listen 127.0.0.1:0 picks a free port"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address; --listen 127.0.0.1:8888 always works"
        }
        io::ErrorKind::PermissionDenied if address.port() < 1024 => {
            "ports below 1024 are root's; try --listen 127.0.0.1:8888"
        }
        _ => return error,
    };
    error.hint(hint)
}

/// Whether accept(2) failed for want of descriptors or memory, and will until somebody leaves.
pub fn is_shortage(error: &io::Error) -> bool {
    is_one_of(error, &[Errno::EMFILE, Errno::ENFILE, Errno::ENOBUFS, Errno::ENOMEM])
}

/// Whether accept(2) failed because of the connection that it was about to return, which died in
/// the queue: the next one may be well (accept(2), "Error handling").
pub fn died_in_queue(error: &io::Error) -> bool {
    let died = [
        Errno::ECONNABORTED,
        Errno::EPERM,
        Errno::ENETDOWN,
        Errno::EPROTO,
        Errno::ENOPROTOOPT,
        Errno::EHOSTDOWN,
        Errno::ENONET,
        Errno::EHOSTUNREACH,
        Errno::EOPNOTSUPP,
        Errno::ENETUNREACH,
        Errno::ETIMEDOUT,
    ];
    is_one_of(error, &died)
}

fn is_one_of(error: &io::Error, errnos: &[Errno]) -> bool {
    error.raw_os_error().is_some_and(|code| errnos.contains(&Errno::from_raw(code)))
}
