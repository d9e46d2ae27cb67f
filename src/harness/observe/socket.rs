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
    /// Of a listening socket the backlog, one more than which may wait; of another the bytes that the
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
    list(&StateFlags::all())
}

/// The same without those in TIME-WAIT, which no process has open. A server that closes first leaves one
/// for a minute of each connection, and to list tens of thousands takes a tenth of a second and more.
/// Those in FIN-WAIT-2, which no process may have open either, are listed.
pub fn sockets_but_time_wait() -> io::Result<Vec<Socket>> {
    list(&StateFlags::all().difference(StateFlags::TIME_WAIT))
}

fn list(states: &StateFlags) -> io::Result<Vec<Socket>> {
    let mut netlink = Netlink::new(NETLINK_SOCK_DIAG)?;
    netlink.bind_auto()?;
    netlink.connect(&Kernel::new(0, 0))?;
    let mut sockets = Vec::new();
    for (family, socket_id) in [(AF_INET, SocketId::new_v4()), (AF_INET6, SocketId::new_v6())] {
        netlink.send(&request(family, socket_id, states.clone()), 0)?;
        while take(&netlink.recv_from_full()?.0, &mut sockets)? {}
    }
    Ok(sockets)
}

fn request(family: u8, socket_id: SocketId, states: StateFlags) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let request = InetRequest {
        family,
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::empty(),
        states,
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
            // A dump that failed says so at its end.
            NetlinkPayload::Done(done) if done.code < 0 => {
                return Err(io::Error::from_raw_os_error(-done.code));
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
    // The kernel counts SYN and FIN, which have a sequence number as a byte has.
    let has_come = matches!(state, State::CloseWait | State::Closing | State::LastAck);
    let is_sent = matches!(
        state,
        State::SynSent | State::SynReceived | State::FinWait1 | State::Closing | State::LastAck
    );
    Some(Socket {
        // An IPv4 client of an IPv6 socket has its own end as IPv4 (ipv6(7)).
        local: SocketAddr::new(id.source_address.to_canonical(), id.source_port),
        peer: SocketAddr::new(id.destination_address.to_canonical(), id.destination_port),
        state,
        inode: u64::from(header.inode),
        received: header.recv_queue.saturating_sub(u32::from(has_come)),
        unacknowledged: header.send_queue.saturating_sub(u32::from(is_sent)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message of `sock_diag(7)` of 88 bytes, of a socket listening on 127.0.0.1:8888 with one client
    /// in its queue, and the message that ends a dump.
    fn dump(code: i32) -> Vec<u8> {
        let mut bytes = vec![88, 0, 0, 0, 20, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        // Family, state, timer, retransmits; ports and addresses; interface and cookie.
        bytes.extend([2, 10, 0, 0, 0x22, 0xb8, 0, 0, 127, 0, 0, 1]);
        bytes.extend([0; 12 + 16 + 4 + 8]);
        // Expiry, queue, backlog, user, inode.
        for number in [0_u32, 1, 1024, 0, 4711] {
            bytes.extend(number.to_ne_bytes());
        }
        bytes.extend([20, 0, 0, 0, 3, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(code.to_ne_bytes());
        bytes
    }

    #[test]
    fn a_dump_is_read_to_its_end() {
        let mut sockets = Vec::new();
        let has_more = take(&dump(0), &mut sockets).expect("a dump");
        assert!(!has_more);
        let expected = Socket {
            local: "127.0.0.1:8888".parse().expect("an address"),
            peer: "0.0.0.0:0".parse().expect("an address"),
            state: State::Listen,
            inode: 4711,
            received: 1,
            unacknowledged: 1024,
        };
        assert_eq!(sockets, [expected]);
        let first = &dump(0)[..88];
        assert!(take(first, &mut sockets).expect("a part of a dump"), "more is to come");
    }

    #[test]
    fn a_dump_that_failed_or_was_cut_is_an_error() {
        let error = take(&dump(-2), &mut Vec::new()).expect_err("ENOENT");
        assert_eq!(error.raw_os_error(), Some(2));
        for length in [3, 17, 87, 100] {
            let error = take(&dump(0)[..length], &mut Vec::new()).expect_err("cut");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{length} bytes");
        }
    }
}
