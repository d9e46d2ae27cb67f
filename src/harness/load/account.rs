//! How requests end.

use std::collections::BTreeMap;
use std::io;

use nix::errno::Errno;

use crate::http::Status;

/// How a request ended. Each ends in exactly one of these ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Complete; `surplus` if bytes came that were no part of it.
    Answered {
        status: Status,
        surplus: bool,
    },
    Refused,
    Reset,
    TimedOutConnecting,
    TimedOutWaiting,
    TimedOutReading,
    ClosedEarly,
    Malformed,
    OutOfPorts,
    OutOfDescriptors,
    Other(i32),
    InFlight,
}

impl End {
    /// The class of an error of connect(2), send(2) or recv(2); `timed_out` is what to call a
    /// timeout at that moment, for the kernel may give up before we do.
    pub(super) fn of_error(error: &io::Error, timed_out: End) -> End {
        let errno = error.raw_os_error().unwrap_or(0);
        match Errno::from_raw(errno) {
            Errno::ECONNREFUSED => End::Refused,
            // EPIPE: the reset came after the server's FIN, and a send met it.
            Errno::ECONNRESET | Errno::EPIPE => End::Reset,
            Errno::ETIMEDOUT => timed_out,
            // connect(2): every port of the ephemeral range is in use.
            Errno::EADDRNOTAVAIL => End::OutOfPorts,
            Errno::EMFILE | Errno::ENFILE => End::OutOfDescriptors,
            _ => End::Other(errno),
        }
    }
}

/// The requests of the window by the way they ended.
///
/// [`Account::total`] equals [`Outcome::started`](super::Outcome::started), always: whatever
/// happens, a request ends in exactly one class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// A complete answer, by status class: `answered[0]` holds 1xx (always 0, interim answers
    /// are not answers), `answered[4]` holds 5xx and every code outside 100 to 599 (RFC 9110
    /// section 15).
    pub answered: [u64; 5],
    /// Nobody listens there: ECONNREFUSED, or the client met itself (see [`run`](super::run)).
    pub refused: u64,
    /// ECONNRESET or EPIPE: the server, or its kernel, sent RST.
    pub reset: u64,
    /// No connection within the timeout, as when the accept queue is full.
    pub timed_out_connecting: u64,
    /// A connection, but not one byte of an answer within the timeout.
    pub timed_out_waiting: u64,
    /// Part of an answer, but not all of it within the timeout.
    pub timed_out_reading: u64,
    /// The server closed the connection before the answer was complete.
    pub closed_early: u64,
    /// What came is not an HTTP/1.x answer.
    pub malformed: u64,
    /// EADDRNOTAVAIL: no ephemeral port was left for another connection to this target.
    pub out_of_ports: u64,
    /// EMFILE or ENFILE: no descriptor was left for another connection.
    pub out_of_descriptors: u64,
    /// Any other error, by errno(3).
    pub other: BTreeMap<i32, u64>,
    /// Still unanswered when the run ended.
    pub in_flight: u64,
}

impl Account {
    pub(super) fn count(&mut self, end: End) {
        *match end {
            End::Answered { status, .. } => &mut self.answered[class_index(status)],
            End::Refused => &mut self.refused,
            End::Reset => &mut self.reset,
            End::TimedOutConnecting => &mut self.timed_out_connecting,
            End::TimedOutWaiting => &mut self.timed_out_waiting,
            End::TimedOutReading => &mut self.timed_out_reading,
            End::ClosedEarly => &mut self.closed_early,
            End::Malformed => &mut self.malformed,
            End::OutOfPorts => &mut self.out_of_ports,
            End::OutOfDescriptors => &mut self.out_of_descriptors,
            End::Other(errno) => self.other.entry(errno).or_default(),
            End::InFlight => &mut self.in_flight,
        } += 1;
    }

    /// Requests that got a complete answer, whatever its status.
    pub fn answered_total(&self) -> u64 {
        self.answered.iter().sum()
    }

    /// Requests that ended without a complete answer; those in flight did not end.
    pub fn failed(&self) -> u64 {
        self.total() - self.answered_total() - self.in_flight
    }

    /// All requests.
    pub fn total(&self) -> u64 {
        self.answered_total()
            + self.refused
            + self.reset
            + self.timed_out_connecting
            + self.timed_out_waiting
            + self.timed_out_reading
            + self.closed_early
            + self.malformed
            + self.out_of_ports
            + self.out_of_descriptors
            + self.other.values().sum::<u64>()
            + self.in_flight
    }

    /// Destructured, so that a new class cannot be forgotten here.
    pub(super) fn add(&mut self, other: Account) {
        let Account {
            answered,
            refused,
            reset,
            timed_out_connecting,
            timed_out_waiting,
            timed_out_reading,
            closed_early,
            malformed,
            out_of_ports,
            out_of_descriptors,
            other,
            in_flight,
        } = other;
        for (sum, count) in self.answered.iter_mut().zip(answered) {
            *sum += count;
        }
        self.refused += refused;
        self.reset += reset;
        self.timed_out_connecting += timed_out_connecting;
        self.timed_out_waiting += timed_out_waiting;
        self.timed_out_reading += timed_out_reading;
        self.closed_early += closed_early;
        self.malformed += malformed;
        self.out_of_ports += out_of_ports;
        self.out_of_descriptors += out_of_descriptors;
        self.in_flight += in_flight;
        for (errno, count) in other {
            *self.other.entry(errno).or_default() += count;
        }
    }
}

/// The place of a final status in [`Account::answered`].
fn class_index(Status(code): Status) -> usize {
    if (100..600).contains(&code) { usize::from(code / 100) - 1 } else { 4 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_errno_has_its_class() {
        for (errno, end) in [
            (Errno::ECONNREFUSED, End::Refused),
            (Errno::ECONNRESET, End::Reset),
            (Errno::EPIPE, End::Reset),
            (Errno::ETIMEDOUT, End::TimedOutReading),
            (Errno::EADDRNOTAVAIL, End::OutOfPorts),
            (Errno::EMFILE, End::OutOfDescriptors),
            (Errno::ENFILE, End::OutOfDescriptors),
            (Errno::ENETUNREACH, End::Other(Errno::ENETUNREACH as i32)),
        ] {
            assert_eq!(End::of_error(&errno.into(), End::TimedOutReading), end, "{errno}");
        }
    }

    #[test]
    fn every_class_is_in_the_total_and_in_the_sum() {
        let mut account = Account::default();
        let ends = [
            End::Answered { status: Status(200), surplus: false },
            End::Refused,
            End::Reset,
            End::TimedOutConnecting,
            End::TimedOutWaiting,
            End::TimedOutReading,
            End::ClosedEarly,
            End::Malformed,
            End::OutOfPorts,
            End::OutOfDescriptors,
            End::Other(Errno::ENETUNREACH as i32),
            End::Other(Errno::ENOBUFS as i32),
            End::InFlight,
        ];
        for (before, end) in ends.into_iter().enumerate() {
            account.count(end);
            assert_eq!(account.total(), before as u64 + 1, "{end:?}");
        }
        assert_eq!(account.failed(), 11);
        let mut twice = account.clone();
        twice.add(account.clone());
        assert_eq!(twice.total(), 2 * account.total());
        assert_eq!(twice.other.len(), 2);
    }
}
