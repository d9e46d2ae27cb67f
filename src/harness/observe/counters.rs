//! What the kernel counts for a whole network namespace.

use std::{fs, io};

/// Counters of the network namespace (`/proc/net/netstat` and `/proc/net/snmp`, whose lines are
/// laid out alike), since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// How many connections clients have opened, to all servers.
    pub opened: u64,
    /// How often an accept queue was full: a SYN, or the ACK that ends a handshake, was dropped.
    pub listen_overflows: u64,
    /// How many SYNs and ACKs for listening sockets were dropped, for this reason or another.
    pub listen_drops: u64,
    /// How many connections were not kept in TIME-WAIT, for there were as many as the machine keeps
    /// (`net.ipv4.tcp_max_tw_buckets`).
    pub time_wait_overflows: u64,
}

impl Counters {
    /// Those of the namespace that the calling thread is in.
    ///
    /// # Errors
    /// Those of reading the files, and `InvalidData` if a counter is missing.
    pub fn read() -> io::Result<Self> {
        let file = |name| fs::read_to_string(format!("/proc/thread-self/net/{name}"));
        Self::parse(&file("netstat")?, &file("snmp")?)
            .ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// What was counted since an earlier reading.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            opened: self.opened.saturating_sub(earlier.opened),
            listen_overflows: self.listen_overflows.saturating_sub(earlier.listen_overflows),
            listen_drops: self.listen_drops.saturating_sub(earlier.listen_drops),
            time_wait_overflows: self
                .time_wait_overflows
                .saturating_sub(earlier.time_wait_overflows),
        }
    }

    fn parse(netstat: &str, snmp: &str) -> Option<Self> {
        Some(Self {
            opened: counter(snmp, "Tcp: ", "PassiveOpens")?,
            listen_overflows: counter(netstat, "TcpExt: ", "ListenOverflows")?,
            listen_drops: counter(netstat, "TcpExt: ", "ListenDrops")?,
            time_wait_overflows: counter(netstat, "TcpExt: ", "TCPTimeWaitOverflow")?,
        })
    }
}

/// Each part is two lines that begin alike: the names, and the values.
fn counter(text: &str, part: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(part));
    let (names, values) = (lines.next()?, lines.next()?);
    let mut pairs = names.split_whitespace().zip(values.split_whitespace());
    pairs.find(|(key, _)| *key == name)?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::Counters;

    /// Of Linux 6.18, shortened.
    const NETSTAT: &str = "\
TcpExt: SyncookiesSent SyncookiesRecv ListenOverflows ListenDrops TCPHPHits TCPTimeWaitOverflow
TcpExt: 21 0 340 361 8823 7
IpExt: InNoRoutes InTruncatedPkts
IpExt: 0 0
";
    const SNMP: &str = "\
Ip: Forwarding DefaultTTL
Ip: 2 64
Tcp: RtoAlgorithm MaxConn ActiveOpens PassiveOpens AttemptFails
Tcp: 1 -1 17 19 2
";

    #[test]
    fn values_are_found_by_their_names() {
        let counters = Counters {
            opened: 19,
            listen_overflows: 340,
            listen_drops: 361,
            time_wait_overflows: 7,
        };
        assert_eq!(Counters::parse(NETSTAT, SNMP), Some(counters));
        let earlier = Counters {
            opened: 9,
            listen_overflows: 300,
            listen_drops: 400,
            time_wait_overflows: 5,
        };
        let since =
            Counters { opened: 10, listen_overflows: 40, listen_drops: 0, time_wait_overflows: 2 };
        assert_eq!(counters.since(earlier), since);
    }

    #[test]
    fn what_is_not_there_is_not_zero() {
        assert_eq!(Counters::parse(NETSTAT, ""), None);
        assert_eq!(Counters::parse(NETSTAT, "Tcp: PassiveOpens\n"), None);
        assert_eq!(Counters::parse(NETSTAT, "Tcp: PassiveOpens\nTcp: x\n"), None);
        assert_eq!(Counters::parse("TcpExt: ListenDrops\nTcpExt: 1\n", SNMP), None);
    }
}
