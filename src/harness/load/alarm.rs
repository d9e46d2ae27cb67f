//! Waking up in time, to some microseconds.

use anyhow::{Context, Result};
use mio::{Interest, Poll, Token, unix::SourceFd};
use nix::sys::{
    time::TimeSpec,
    timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
};
use std::{
    os::fd::{AsFd, AsRawFd},
    time::{Duration, Instant},
};

/// What the alarm is called among the events.
pub(super) const ALARM: Token = Token(usize::MAX - 1);

/// How early to wake at first, and at most.
const MARGIN: Duration = Duration::from_micros(80);
const MOST: Duration = Duration::from_micros(300);

/// Waking up from sleep takes tens of microseconds, on a virtual machine more, and `epoll_wait(2)`
/// itself rounds to milliseconds. So the alarm rings early, by about what waking up took the last
/// times, and whoever waits polls for the rest.
#[derive(Debug)]
pub(super) struct Alarm {
    timer: TimerFd,
    margin: Duration,
    /// The moment that it was set for last.
    set_for: Option<Instant>,
}

impl Alarm {
    pub(super) fn new(poll: &Poll) -> Result<Alarm> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags).context("timerfd_create")?;
        let descriptor = timer.as_fd().as_raw_fd();
        // Edge-triggered: every ring is an event, and nobody need read it away.
        poll.registry()
            .register(&mut SourceFd(&descriptor), ALARM, Interest::READABLE)
            .context("epoll_ctl timerfd")?;
        Ok(Alarm { timer, margin: MARGIN, set_for: None })
    }

    /// Sees to it that the poll wakes up in time for `due`. False if that is too soon to sleep.
    pub(super) fn set(&mut self, due: Instant, now: Instant) -> Result<bool> {
        let Some(wakes) = due.checked_sub(self.margin).filter(|&wakes| wakes > now) else {
            return Ok(false);
        };
        // What was set for this moment still is, or has rung and left no more than the margin.
        if self.set_for != Some(wakes) {
            let left = TimeSpec::from_duration(wakes - now);
            self.timer
                .set(Expiration::OneShot(left), TimerSetTimeFlags::empty())
                .context("timerfd_settime")?;
            self.set_for = Some(wakes);
        }
        Ok(true)
    }

    /// Learns from a ring that was seen at `now`: late ones widen the margin fast.
    pub(super) fn rang(&mut self, now: Instant) {
        let Some(set_for) = self.set_for.take() else { return };
        let late = now.saturating_duration_since(set_for).min(MOST);
        let more = late.saturating_sub(self.margin);
        let less = self.margin.saturating_sub(late);
        self.margin = (self.margin + more / 4).saturating_sub(less / 64);
    }
}
