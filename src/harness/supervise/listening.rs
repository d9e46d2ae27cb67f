//! Who listens: the kernel's table of TCP sockets.

#![forbid(unsafe_code)]

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use procfs::{FromBufReadSI, net::TcpNetEntries};

/// Whether a TCP socket of this network namespace listens on `address`, by itself or through a
/// wildcard address. Nobody who listens notices that it was looked for.
///
/// # Errors
/// Those of reading `/proc/net/tcp` (`proc_pid_net(5)`).
pub fn listening(address: SocketAddr) -> io::Result<bool> {
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let file = match File::open(table) {
            Ok(file) => file,
            // No IPv6 in this kernel.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if listeners(BufReader::new(file))?.into_iter().any(|bound| covers(bound, address)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The local addresses of the listening sockets in a table in the format of `proc_pid_net(5)`.
///
/// The kernel lists them first. Reading ends at the first other socket, for under load the rest of
/// the table is tens of thousands of lines of TIME-WAIT.
fn listeners(table: impl BufRead) -> io::Result<Vec<SocketAddr>> {
    const LISTEN: &str = "0A";
    let mut head = String::new();
    for (number, line) in table.lines().enumerate() {
        let line = line?;
        if number > 0 && line.split_whitespace().nth(3) != Some(LISTEN) {
            break;
        }
        head.push_str(&line);
        head.push('\n');
    }
    let entries = TcpNetEntries::from_buf_read(head.as_bytes(), procfs::current_system_info());
    let entries = entries.map_err(io::Error::other)?;
    Ok(entries.0.into_iter().map(|entry| entry.local_address).collect())
}

/// Whether a socket bound to `bound` gets the connections to `address`. `[::]` takes IPv4 too
/// (ipv6(7)), unless `IPV6_V6ONLY` is set, which the table does not show.
fn covers(bound: SocketAddr, address: SocketAddr) -> bool {
    let (own, asked) = (bound.ip().to_canonical(), address.ip().to_canonical());
    bound.port() == address.port()
        && (own == asked
            || own == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
            || own == IpAddr::V4(Ipv4Addr::UNSPECIFIED) && asked.is_ipv4())
}

/// The address a client connects to: loopback in the place of a wildcard.
pub(super) fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}
