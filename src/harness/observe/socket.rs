//! The TCP sockets of this network namespace, from the kernel's socket monitor (`sock_diag(7)`).

use std::{
    fmt::{self, Display},
    io,
    net::SocketAddr,
};

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_sock_diag::{
    SockDiagMessage,
    constants::{AF_INET, AF_INET6, IPPROTO_TCP},
    inet::{ExtensionFlags, InetRequest, InetResponseHeader, SocketId, StateFlags},
};
use netlink_sys::{Socket as Netlink, SocketAddr as Kernel, protocols::NETLINK_SOCK_DIAG};

/// Where a TCP connection stands, by the names of RFC 9293 section 3.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the RFC's")]
pub enum State {
    Listen,
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
    Closed,
}

/// One TCP socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Its own address.
    pub local: SocketAddr,
    /// The address at the other end; of a listening socket all zeroes.
    pub peer: SocketAddr,
    /// Where the connection stands.
    pub state: State,
    /// The number that its descriptors show (`/proc/PID/fd`). 0 if no descriptor ever was made for
    /// it, or the last of them has been closed: it waits in an accept queue, or is being closed.
    pub inode: u64,
    /// Of a listening socket how many connections wait in its accept queue; of another the bytes
    /// that have come and were not read.
    pub received: u32,
    /// Of a listening socket the most that may wait, the backlog; of another the bytes that the
    /// other end has not acknowledged.
    pub unacknowledged: u32,
}

impl State {
    /// The kernel's number of it (`tcp_states.h`). A request that waits for the last ACK of the
    /// handshake has two, of which it shows the one.
    fn of(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Established,
            2 => Self::SynSent,
            3 | 12 => Self::SynReceived,
            4 => Self::FinWait1,
            5 => Self::FinWait2,
            6 => Self::TimeWait,
            7 => Self::Closed,
            8 => Self::CloseWait,
            9 => Self::LastAck,
            10 => Self::Listen,
            11 => Self::Closing,
            _ => return None,
        })
    }

    /// Its name in the RFC.
    pub fn name(self) -> &'static str {
        match self {
            Self::Listen => "LISTEN",
            Self::SynSent => "SYN-SENT",
            Self::SynReceived => "SYN-RECEIVED",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::CloseWait => "CLOSE-WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST-ACK",
            Self::TimeWait => "TIME-WAIT",
            Self::Closed => "CLOSED",
        }
    }
}

impl Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// All TCP sockets of the network namespace that the calling thread is in, of IPv4 and of IPv6.
///
/// The kernel walks its tables while connections come and go: one that changes meanwhile may be
/// missing, or there twice.
pub fn sockets() -> io::Result<Vec<Socket>> {
    let mut netlink = Netlink::new(NETLINK_SOCK_DIAG)?;
    netlink.bind_auto()?;
    netlink.connect(&Kernel::new(0, 0))?;
    let mut sockets = Vec::new();
    for (family, socket_id) in [(AF_INET, SocketId::new_v4()), (AF_INET6, SocketId::new_v6())] {
        netlink.send(&request(family, socket_id), 0)?;
        while take(&netlink.recv_from_full()?.0, &mut sockets)? {}
    }
    Ok(sockets)
}

fn request(family: u8, socket_id: SocketId) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let request = InetRequest {
        family,
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::empty(),
        states: StateFlags::all(),
        socket_id,
    };
    let message = SockDiagMessage::InetRequest(request);
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// Takes the messages of one datagram, and says whether more are to come (`netlink(7)`,
/// `NLMSG_DONE`).
fn take(mut bytes: &[u8], sockets: &mut Vec<Socket>) -> io::Result<bool> {
    while !bytes.is_empty() {
        let message = NetlinkMessage::<SockDiagMessage>::deserialize(bytes)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        match message.payload {
            NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => {
                sockets.extend(socket(&response.header));
            }
            NetlinkPayload::Done(_) => return Ok(false),
            NetlinkPayload::Error(error) => return Err(error.to_io()),
            _ => {}
        }
        // Messages begin at multiples of four bytes (netlink(3), NLMSG_ALIGN).
        let length = (message.header.length as usize).next_multiple_of(4);
        bytes = bytes.get(length..).unwrap_or_default();
    }
    Ok(true)
}

/// None of a state that this program does not know.
fn socket(header: &InetResponseHeader) -> Option<Socket> {
    let id = &header.socket_id;
    let state = State::of(header.state)?;
    // The kernel counts the other end's FIN, which has a sequence number as a byte has.
    let has_fin = matches!(state, State::CloseWait | State::Closing | State::LastAck);
    Some(Socket {
        // An IPv4 client of an IPv6 socket has its own end as IPv4 (ipv6(7)).
        local: SocketAddr::new(id.source_address.to_canonical(), id.source_port),
        peer: SocketAddr::new(id.destination_address.to_canonical(), id.destination_port),
        state,
        inode: u64::from(header.inode),
        received: header.recv_queue.saturating_sub(u32::from(has_fin)),
        unacknowledged: header.send_queue,
    })
}
