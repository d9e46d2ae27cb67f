//! What came of a run: counts and times.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use hdrhistogram::errors::{AdditionError, CreationError};

use super::account::{Account, End};
use super::client::Request;

/// The longest time a histogram tells apart, one hour in nanoseconds; longer ones count as this.
const LONGEST: u64 = 3_600_000_000_000;

/// What came of the requests that were started in the counted window.
///
/// A request belongs to the window in which it was started: one begun in the warm-up is never
/// counted, even if it ends later, and one begun in the window always is, even if it never ends.
///
/// All times are in nanoseconds, recorded to three significant figures. The three times of an
/// answer are of complete answers only, so each has `account.answered_total()` values.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Requests started, successful or not. A request starts when its client sets out to make it:
    /// with connect(2) if it needs a new connection, else with send(2).
    pub started: u64,
    /// The same requests by the way they ended.
    pub account: Account,
    /// How long the window was: from the end of the warm-up until the last event loop stopped,
    /// which is sooner than planned if the requests ran out or the run was stopped.
    pub elapsed: Duration,
    /// Service time: from the send of the request to the last byte of its answer (to the end of
    /// the stream, if that is what ends the answer).
    pub service: Histogram<u64>,
    /// Response time: from the intended start to the last byte. In a closed loop a request is
    /// intended when its client is free to make it, so on a kept connection this equals the
    /// service time, and with a new connection it has the connect time in addition.
    pub response: Histogram<u64>,
    /// From the send of the request to the first byte that came back, be it of an interim answer.
    pub first_byte: Histogram<u64>,
    /// From connect(2) until the connection was known to be established, for each of
    /// `connections_opened`.
    pub connect: Histogram<u64>,
    /// Connections that were established for these requests.
    pub connections_opened: u64,
    /// Bytes received for these requests, heads and framing included.
    pub bytes_in: u64,
    /// Answers that were followed by bytes beyond their own length. They count as answered, and
    /// their connection was closed (RFC 9112 section 6.3).
    pub surplus: u64,
    /// Event loops that ran.
    pub threads: usize,
    /// CPU time that the event loops spent in the window. Where it comes near to
    /// `threads * elapsed`, the generator was the bottleneck and its times say little of the
    /// server.
    pub own_cpu: Duration,
}

impl Outcome {
    /// Of no request and no thread yet.
    pub(super) fn new() -> Result<Outcome, CreationError> {
        let histogram = Histogram::new_with_bounds(1, LONGEST, 3)?;
        Ok(Outcome {
            started: 0,
            account: Account::default(),
            elapsed: Duration::ZERO,
            service: histogram.clone(),
            response: histogram.clone(),
            first_byte: histogram.clone(),
            connect: histogram,
            connections_opened: 0,
            bytes_in: 0,
            surplus: 0,
            threads: 0,
            own_cpu: Duration::ZERO,
        })
    }

    /// Enters a request that ended. Nothing here allocates, unless the errno is a new one.
    pub(super) fn record(&mut self, request: &Request, end: End) {
        if !request.counted {
            return;
        }
        self.account.count(end);
        self.bytes_in += request.bytes_in;
        if let Some(connected) = request.connected {
            self.connections_opened += 1;
            enter(&mut self.connect, request.started, connected);
        }
        if let End::Answered { surplus, .. } = end {
            self.surplus += u64::from(surplus);
            enter(&mut self.service, request.sent, request.last_byte);
            enter(&mut self.response, request.started, request.last_byte);
            enter(&mut self.first_byte, request.sent, request.first_byte);
        }
    }

    /// Adds what another event loop of the same run saw.
    pub(super) fn merge(&mut self, other: Outcome) -> Result<(), AdditionError> {
        self.started += other.started;
        self.account.add(other.account);
        self.elapsed = self.elapsed.max(other.elapsed);
        self.service.add(other.service)?;
        self.response.add(other.response)?;
        self.first_byte.add(other.first_byte)?;
        self.connect.add(other.connect)?;
        self.connections_opened += other.connections_opened;
        self.bytes_in += other.bytes_in;
        self.surplus += other.surplus;
        self.threads += other.threads;
        self.own_cpu += other.own_cpu;
        Ok(())
    }
}

fn enter(histogram: &mut Histogram<u64>, from: Instant, to: Instant) {
    let nanoseconds = to.saturating_duration_since(from).as_nanos();
    histogram.saturating_record(u64::try_from(nanoseconds).unwrap_or(LONGEST));
}
