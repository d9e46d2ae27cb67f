//! How requests end.

use crate::http::Status;
use nix::errno::Errno;
use std::{collections::BTreeMap, io};

/// How a request ended. Each ends in exactly one of these ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Complete; `surplus` if bytes came that were no part of it.
    Answered {
        status: Status,
        surplus: bool,
    },
    /// The stream of raw work ended, after at least one byte.
    RawAnswered,
    /// Not answered, with the errno(3) that said so, or 0 if none did.
    Failed(Failure, i32),
    InFlight,
}

impl End {
    /// The class of an error of connect(2), send(2) or recv(2); `timed_out` is what to call a
    /// timeout at that moment, for the kernel may give up before we do.
    pub(super) fn of_error(error: &io::Error, timed_out: Failure) -> End {
        let errno = error.raw_os_error().unwrap_or(0);
        let failure = match Errno::from_raw(errno) {
            Errno::ECONNREFUSED => Failure::Refused,
            // EPIPE: the reset came after the server's FIN, and a send met it.
            Errno::ECONNRESET | Errno::EPIPE => Failure::Reset,
            Errno::ETIMEDOUT => timed_out,
            // connect(2): every port of the ephemeral range is in use. bind(2): of this address.
            Errno::EADDRNOTAVAIL | Errno::EADDRINUSE => Failure::OutOfPorts,
            Errno::EMFILE | Errno::ENFILE => Failure::OutOfDescriptors,
            _ => Failure::Other(errno),
        };
        End::Failed(failure, errno)
    }

    /// An end that no system call reported.
    pub(super) fn without_errno(failure: Failure) -> End {
        End::Failed(failure, 0)
    }
}

/// The ways in which a request ends without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// Nobody listens there: ECONNREFUSED, or the client met itself (see [`run`](super::run)).
    Refused,
    /// ECONNRESET or EPIPE: the server, or its kernel, sent RST.
    Reset,
    /// No connection within the timeout, as when the accept queue is full.
    TimedOutConnecting,
    /// A connection, but not one byte of an answer within the timeout.
    TimedOutWaiting,
    /// Part of an answer, but not all of it within the timeout.
    TimedOutReading,
    /// The server closed the connection before the answer was complete.
    ClosedEarly,
    /// What came is not an HTTP/1.x answer.
    Malformed,
    /// EADDRNOTAVAIL: no ephemeral port was left for another connection to this target.
    OutOfPorts,
    /// EMFILE or ENFILE: no descriptor was left for another connection.
    OutOfDescriptors,
    /// Any other error, by errno(3).
    Other(i32),
}

/// The requests of the window by the way they ended.
///
/// [`Account::total`] equals [`Outcome::started`](super::Outcome::started), always: whatever
/// happens, a request ends in exactly one class. Where a connection dies with several requests
/// under way on it (pipelining), those behind the first share its class, for they share its cause;
/// only behind a complete answer that ends the connection they are `closed_early`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// A complete answer, by status class: `answered[0]` holds 1xx (always 0, interim answers
    /// are not answers), `answered[4]` holds 5xx and every code outside 100 to 599 (RFC 9110
    /// section 15).
    pub answered: [u64; 5],
    /// A complete answer to raw work, which has no status.
    pub raw_answered: u64,
    /// [`Failure::Refused`].
    pub refused: u64,
    /// [`Failure::Reset`].
    pub reset: u64,
    /// [`Failure::TimedOutConnecting`].
    pub timed_out_connecting: u64,
    /// [`Failure::TimedOutWaiting`].
    pub timed_out_waiting: u64,
    /// [`Failure::TimedOutReading`].
    pub timed_out_reading: u64,
    /// [`Failure::ClosedEarly`].
    pub closed_early: u64,
    /// [`Failure::Malformed`].
    pub malformed: u64,
    /// [`Failure::OutOfPorts`].
    pub out_of_ports: u64,
    /// [`Failure::OutOfDescriptors`].
    pub out_of_descriptors: u64,
    /// [`Failure::Other`], by errno(3).
    pub other: BTreeMap<i32, u64>,
    /// Still unanswered when the run ended. In an open loop this holds also those that were due,
    /// but found no connection free.
    pub in_flight: u64,
    /// No class of its own but another view of the failures: those that a system call reported,
    /// by errno(3).
    pub errors: BTreeMap<i32, u64>,
}

impl Account {
    pub(super) fn count(&mut self, end: End) {
        match end {
            End::Answered { status, .. } => self.answered[class_index(status)] += 1,
            End::RawAnswered => self.raw_answered += 1,
            End::InFlight => self.in_flight += 1,
            End::Failed(failure, errno) => {
                *self.of(failure) += 1;
                if errno != 0 {
                    *self.errors.entry(errno).or_default() += 1;
                }
            }
        }
    }

    fn of(&mut self, failure: Failure) -> &mut u64 {
        match failure {
            Failure::Refused => &mut self.refused,
            Failure::Reset => &mut self.reset,
            Failure::TimedOutConnecting => &mut self.timed_out_connecting,
            Failure::TimedOutWaiting => &mut self.timed_out_waiting,
            Failure::TimedOutReading => &mut self.timed_out_reading,
            Failure::ClosedEarly => &mut self.closed_early,
            Failure::Malformed => &mut self.malformed,
            Failure::OutOfPorts => &mut self.out_of_ports,
            Failure::OutOfDescriptors => &mut self.out_of_descriptors,
            Failure::Other(errno) => self.other.entry(errno).or_default(),
        }
    }

    /// Requests that got a complete answer, whatever its status.
    pub fn answered_total(&self) -> u64 {
        self.answered.iter().sum::<u64>() + self.raw_answered
    }

    /// Requests that ended without a complete answer; those in flight did not end.
    pub fn failed(&self) -> u64 {
        self.failures().map(|(_, count)| count).sum()
    }

    /// All requests.
    pub fn total(&self) -> u64 {
        self.answered_total() + self.failed() + self.in_flight
    }

    /// Every way to fail, with the number of requests that did; zeros too, but for `Other`.
    pub fn failures(&self) -> impl Iterator<Item = (Failure, u64)> + '_ {
        let named = [
            (Failure::Refused, self.refused),
            (Failure::Reset, self.reset),
            (Failure::TimedOutConnecting, self.timed_out_connecting),
            (Failure::TimedOutWaiting, self.timed_out_waiting),
            (Failure::TimedOutReading, self.timed_out_reading),
            (Failure::ClosedEarly, self.closed_early),
            (Failure::Malformed, self.malformed),
            (Failure::OutOfPorts, self.out_of_ports),
            (Failure::OutOfDescriptors, self.out_of_descriptors),
        ];
        let other = self.other.iter().map(|(&errno, &count)| (Failure::Other(errno), count));
        named.into_iter().chain(other)
    }

    /// Destructured, so that a new field cannot be forgotten here.
    pub(super) fn add(&mut self, other: &Account) {
        for (failure, count) in other.failures() {
            if count > 0 {
                *self.of(failure) += count;
            }
        }
        let Account { answered, raw_answered, in_flight, errors, .. } = other;
        for (sum, count) in self.answered.iter_mut().zip(answered) {
            *sum += count;
        }
        self.raw_answered += raw_answered;
        self.in_flight += in_flight;
        for (&errno, count) in errors {
            *self.errors.entry(errno).or_default() += count;
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
        for (errno, failure) in [
            (Errno::ECONNREFUSED, Failure::Refused),
            (Errno::ECONNRESET, Failure::Reset),
            (Errno::EPIPE, Failure::Reset),
            (Errno::ETIMEDOUT, Failure::TimedOutReading),
            (Errno::EADDRNOTAVAIL, Failure::OutOfPorts),
            (Errno::EMFILE, Failure::OutOfDescriptors),
            (Errno::ENFILE, Failure::OutOfDescriptors),
            (Errno::ENETUNREACH, Failure::Other(Errno::ENETUNREACH as i32)),
        ] {
            let end = End::Failed(failure, errno as i32);
            assert_eq!(End::of_error(&errno.into(), Failure::TimedOutReading), end, "{errno}");
        }
    }

    #[test]
    fn every_class_is_in_the_total_and_in_the_sum() {
        let mut account = Account::default();
        let ends = [
            End::Answered { status: Status(200), surplus: false },
            End::RawAnswered,
            End::InFlight,
            End::Failed(Failure::Refused, Errno::ECONNREFUSED as i32),
            End::Failed(Failure::Reset, Errno::EPIPE as i32),
            End::without_errno(Failure::TimedOutConnecting),
            End::without_errno(Failure::TimedOutWaiting),
            End::without_errno(Failure::TimedOutReading),
            End::without_errno(Failure::ClosedEarly),
            End::without_errno(Failure::Malformed),
            End::Failed(Failure::OutOfPorts, Errno::EADDRNOTAVAIL as i32),
            End::Failed(Failure::OutOfDescriptors, Errno::EMFILE as i32),
            End::Failed(Failure::Other(Errno::ENETUNREACH as i32), Errno::ENETUNREACH as i32),
            End::Failed(Failure::Other(Errno::ENOBUFS as i32), Errno::ENOBUFS as i32),
        ];
        for (before, end) in ends.into_iter().enumerate() {
            account.count(end);
            assert_eq!(account.total(), before as u64 + 1, "{end:?}");
        }
        assert_eq!(account.failed(), 11);
        let mut twice = account.clone();
        twice.add(&account);
        assert_eq!(twice.total(), 2 * account.total());
        assert_eq!((twice.other.len(), twice.errors.len()), (2, 6));
        for ((failure, once), (_, double)) in account.failures().zip(twice.failures()) {
            assert_eq!(2 * once, double, "{failure:?}");
        }
    }
}
