//! Who is loaded: addresses that are this machine's, and where somebody listens.

use super::{args::Args, url::Url};
use crate::{
    commands::{Hinted, misuse, misuse_hinting, words},
    harness::supervise::listening,
};
use anyhow::{Error, Result};
use std::{
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr, TcpStream, UdpSocket},
    time::Duration,
};

/// How long to wait for the word that somebody listens, where only a connect can tell.
const KNOCK: Duration = Duration::from_secs(3);

/// The addresses of the server.
///
/// # Errors
/// A name without addresses, an address that is not loopback, unless it is the user's, and a source
/// address that is not this machine's.
pub(super) fn addresses(args: &Args) -> Result<Vec<SocketAddr>> {
    let Url { text, host, .. } = &args.url;
    let found = args.url.resolve().map_err(|error| {
        // The first part says that looking it up has failed.
        let error = words(&error).to_lowercase();
        let cause = error.rsplit(": ").next().unwrap_or_default();
        misuse_hinting(
            format!("resolve {host}: {cause}"),
            "is the name spelt right? localhost is this machine",
        )
    })?;
    let is_loopback = |one: &&SocketAddr| one.ip().to_canonical().is_loopback();
    if let Some(other) = found.iter().find(|one| !is_loopback(one))
        && !args.yes_this_is_my_server
    {
        let other = other.ip();
        let said = format!("URL {text}: {other} is not a loopback address");
        return Err(misuse_hinting(said, "--yes-this-is-my-server, if it is"));
    }
    let is_elsewhere = |&&own: &&IpAddr| {
        let bound = UdpSocket::bind((own, 0));
        bound.is_err_and(|error| error.kind() == ErrorKind::AddrNotAvailable)
    };
    if let Some(other) = args.source.iter().find(is_elsewhere) {
        let said = format!("--source {other}: not an address of this machine");
        return Err(misuse_hinting(said, "`ip address` lists those that are"));
    }
    let family = |one: &SocketAddr| args.source.iter().all(|own| own.is_ipv4() == one.is_ipv4());
    let usable: Vec<_> = found.into_iter().filter(family).collect();
    if usable.is_empty() {
        return Err(misuse(format!("--source: not of the family of the addresses of {host}")));
    }
    Ok(usable)
}

/// Those of the addresses where somebody listens.
///
/// A connect is not the way to find out: there are servers that break at their first client, which
/// shall be one of the run's. So on this machine the kernel is asked first.
///
/// # Errors
/// Nobody listens at any of them.
pub(super) fn listened_to(addresses: &[SocketAddr]) -> Result<Vec<SocketAddr>> {
    let (mut open, mut refused) = (Vec::new(), Vec::new());
    for &address in addresses {
        match knock(address) {
            Ok(()) => open.push(address),
            Err(error) => refused.push(not_there(address, error)),
        }
    }
    if let (true, Some(error)) = (open.is_empty(), refused.pop()) { Err(error) } else { Ok(open) }
}

fn not_there(address: SocketAddr, error: io::Error) -> Error {
    if error.kind() != ErrorKind::ConnectionRefused {
        return Error::from(error).context(format!("connect {address}"));
    }
    let hint = if address.ip().is_loopback() {
        format!("start a server: cargo run --bin epollserver -- --listen {address}")
    } else {
        "is the server running, and is this its port?".to_owned()
    };
    Hinted { said: format!("connect {address}: {}", words(&error)), hint, code: 1 }.into()
}

fn knock(address: SocketAddr) -> io::Result<()> {
    if address.ip().is_loopback() && listening(address).unwrap_or(false) {
        return Ok(());
    }
    TcpStream::connect_timeout(&address, KNOCK).map(drop)
}
