//! Which of its own addresses a connection comes from.

use super::Plan;
use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

/// The size of Linux's default range, 32768 to 60999 (ip(7), `ip_local_port_range`).
const DEFAULT_PORTS: usize = 28_232;

/// How many addresses of 127.0.0.0/8 are used at most, besides the kernel's choice.
const MOST: usize = 250 * 250;

/// The addresses of one event loop's connections.
///
/// One address has as many connections to one target as there are ephemeral ports, and connect(2)
/// searches the longer the fewer of them are free. So where the target is in 127.0.0.0/8, all of
/// which is this machine, each address gets three eighths of them: connect(2) looks at every second
/// port first. A bind costs a system call per connection, so the first share is not bound.
#[derive(Debug)]
pub(super) struct Sources<'a> {
    given: &'a [IpAddr],
    targets: &'a [SocketAddr],
    spreads: bool,
    /// How many clients share an address.
    share: usize,
    /// How many addresses have run out of ports.
    exhausted: usize,
}

impl Sources<'_> {
    pub(super) fn of(plan: &Plan) -> Sources<'_> {
        let Plan { targets, sources, .. } = plan;
        let spreads =
            sources.is_empty() && targets.iter().all(|target| is_loopback_v4(target.ip()));
        let share = ephemeral_ports() * 3 / 8 * targets.len();
        Sources { given: sources, targets, spreads, share: share.max(1), exhausted: 0 }
    }

    /// Where a client connects to, and from which address; `None` leaves that to the kernel.
    /// Clients are numbered through all event loops.
    pub(super) fn ends(&self, client: usize) -> (Option<IpAddr>, SocketAddr) {
        let target = self.targets[client % self.targets.len()];
        let source = if self.spreads {
            let index = client / self.share + self.exhausted;
            index.checked_sub(1).map(|index| loopback(index % MOST))
        } else {
            let turn = client / self.targets.len();
            (!self.given.is_empty()).then(|| self.given[turn % self.given.len()])
        };
        (source, target)
    }

    /// An address has no ports left, as connections that are gone keep theirs for a minute
    /// (TIME-WAIT). Says whether there is another address to try.
    pub(super) fn exhaust(&mut self) -> bool {
        self.exhausted += 1;
        self.spreads && self.exhausted < MOST
    }
}

/// How many ephemeral ports one address has for each target.
pub(super) fn ephemeral_ports() -> usize {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut ends = range.split_whitespace().map_while(|end| end.parse::<usize>().ok());
    match (ends.next(), ends.next()) {
        (Some(first), Some(last)) if first <= last => last - first + 1,
        _ => DEFAULT_PORTS,
    }
}

fn is_loopback_v4(address: IpAddr) -> bool {
    address.is_ipv4() && address.is_loopback()
}

/// Addresses from 127.1.0.1 on, far from those that people use.
#[expect(clippy::cast_possible_truncation, reason = "both parts are below 250")]
fn loopback(index: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 1, (index / 250 % 250) as u8, (index % 250) as u8 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn no_address_gets_more_than_its_ports() {
        let mut plan = Plan::new("127.0.0.1:80".parse().expect("an address"));
        for targets in 1..3 {
            let sources = Sources::of(&plan);
            let mut counts = BTreeMap::<_, usize>::new();
            for client in 0..1_000_000 {
                *counts.entry(sources.ends(client)).or_default() += 1;
            }
            let most = counts.values().max().copied();
            assert!(most.is_some_and(|most| most <= ephemeral_ports() / 2), "{most:?}");
            assert_eq!(sources.ends(0).0, None, "few connections need no bind");
            assert_eq!(plan.targets.len(), targets);
            plan.targets.push("127.0.0.2:80".parse().expect("an address"));
        }
    }

    #[test]
    fn given_addresses_take_turns_and_others_are_left_alone() {
        let mut plan = Plan::new("127.0.0.1:80".parse().expect("an address"));
        plan.sources = ["127.0.0.7", "127.0.0.8"].map(|ip| ip.parse().expect("an address")).into();
        let sources = Sources::of(&plan);
        assert_eq!(sources.ends(0).0, Some(plan.sources[0]));
        assert_eq!(sources.ends(3).0, Some(plan.sources[1]));
        let elsewhere = Plan::new("192.0.2.1:80".parse().expect("an address"));
        assert_eq!(Sources::of(&elsewhere).ends(999_999).0, None);
    }
}
