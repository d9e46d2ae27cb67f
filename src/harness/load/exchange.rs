//! One request and what came of it.

use super::{account::End, request::Asks, schedule::Due};
use std::time::Instant;

/// The facts of one request. Times that did not come yet equal `taken_up`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchange {
    /// Where it stands in the order of the starts.
    pub(super) slot: usize,
    /// Its intended start, whether it is counted, and which step of a ramp it belongs to.
    pub(super) due: Due,
    pub(super) asks: Asks,
    /// When its client took it up.
    pub(super) taken_up: Instant,
    /// When the send that took its first byte was about to begin.
    pub(super) sent: Instant,
    pub(super) first_byte: Instant,
    pub(super) last_byte: Instant,
    pub(super) length: usize,
    /// How many of its bytes are still to be sent.
    pub(super) unsent: usize,
    pub(super) bytes_in: u64,
}

impl Exchange {
    pub(super) fn new(due: Due, asks: Asks, length: usize, now: Instant) -> Exchange {
        Exchange {
            slot: 0,
            due,
            asks,
            taken_up: now,
            sent: now,
            first_byte: now,
            last_byte: now,
            length,
            unsent: length,
            bytes_in: 0,
        }
    }

    /// Notes bytes that were taken by a send which began at `now`.
    pub(super) fn note_sent(&mut self, bytes: usize, now: Instant) {
        if self.unsent == self.length {
            self.sent = now;
        }
        self.unsent -= bytes;
    }

    /// Notes bytes of its answer that a read brought, which returned at `now`.
    pub(super) fn note_received(&mut self, bytes: usize, now: Instant) {
        if self.bytes_in == 0 {
            self.first_byte = now;
        }
        self.last_byte = now;
        self.bytes_in += bytes as u64;
    }
}

/// A request that is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) exchange: Exchange,
    pub(super) end: End,
}
