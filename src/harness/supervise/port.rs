//! An address for a server that must be told one.

#![forbid(unsafe_code)]

use std::{
    fs, io,
    net::{IpAddr, SocketAddr, TcpListener},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{self as unix, UnixDatagram},
    },
};

/// The first port that looks like no service's.
const UNPRIVILEGED: u16 = 10_000;

/// How many ports are tried.
const TRIES: usize = 50;

/// Keeps others who ask for a free address off a port while it lives: hold it until the server
/// listens, which may take seconds, and until it has started there again.
///
/// The default claims nothing.
#[derive(Debug, Default)]
pub struct Claim(
    #[expect(dead_code, reason = "what counts is that it is open")] Option<UnixDatagram>,
);

/// `None` if somebody else has claimed that port. The name is as good as the port: it belongs to the
/// network namespace too, and goes with its socket (unix(7), "abstract").
fn claim(port: u16) -> Option<Claim> {
    let name = unix::SocketAddr::from_abstract_name(format!("rungs port {port}")).ok()?;
    Some(Claim(Some(UnixDatagram::bind_addr(&name).ok()?)))
}

/// A loopback or other local address whose port is free now.
///
/// Where that may be, it is a port that the kernel gives to nobody by itself (ip(7),
/// `ip_local_port_range`): one of that range may be lost to a client between two servers, or to
/// whoever binds port 0. Programs other than ours may still take it before the server does: prefer
/// a server that binds port 0 itself and announces what it got.
///
/// # Errors
/// Those of bind(2), such as `EADDRNOTAVAIL`.
pub fn free_address(ip: IpAddr) -> io::Result<(SocketAddr, Claim)> {
    if let Some(quiet) = quiet_address(ip) {
        return Ok(quiet);
    }
    Ok((TcpListener::bind((ip, 0))?.local_addr()?, Claim::default()))
}

/// A free address outside the kernel's own range; `None` if none is found.
fn quiet_address(ip: IpAddr) -> Option<(SocketAddr, Claim)> {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let lowest: u16 = range.split_whitespace().next()?.parse().ok()?;
    let ports = Some(UNPRIVILEGED..lowest).filter(|ports| !ports.is_empty())?;
    let mut tries = (0..TRIES).map(|_| SocketAddr::new(ip, fastrand::u16(ports.clone())));
    tries.find_map(|address| {
        let claim = claim(address.port())?;
        // Others than we may listen there.
        TcpListener::bind(address).is_ok().then_some((address, claim))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_port_is_of_one_server_until_it_is_let_go() {
        let (address, held) = quiet_address(Ipv4Addr::LOCALHOST.into()).unwrap();
        assert!(claim(address.port()).is_none());
        // The port itself is left to the server.
        TcpListener::bind(address).unwrap();
        drop(held);
        assert!(claim(address.port()).is_some());
    }
}
