//! The keys of a command that has the terminal to itself.

use anyhow::{Context, Result, bail};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use ratatui::crossterm::event::{self, KeyEvent};
use std::{
    io::{self, IsTerminal},
    os::fd::AsFd,
    time::Duration,
};

/// What is typed.
#[derive(Debug)]
pub(super) struct Keys {
    /// Whether that comes from stdin; else crossterm opens /dev/tty.
    on_stdin: bool,
}

impl Keys {
    pub(super) fn new() -> Self {
        Self { on_stdin: io::stdin().is_terminal() }
    }

    /// The next key, if one comes within `patience`.
    ///
    /// # Errors
    /// The terminal cannot be read, or is gone.
    pub(super) fn next(&self, patience: Duration) -> Result<Option<KeyEvent>> {
        // What came with the last key is in crossterm's queue, where poll(2) does not see it.
        if !self.is_there(Duration::ZERO)? && !self.is_there(patience)? {
            return Ok(None);
        }
        let event = event::read().context("read from the terminal")?;
        Ok(event.as_key_press_event())
    }

    /// Waits for something to read. Crossterm by itself would read the end of a terminal that has
    /// hung up for ever, whatever its patience.
    fn is_there(&self, patience: Duration) -> Result<bool> {
        if !self.on_stdin {
            return event::poll(patience).context("read from the terminal");
        }
        let stdin = io::stdin();
        let mut terminal = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        let patience = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
        match poll(&mut terminal, patience) {
            // Such as for a new size, which crossterm knows of.
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).context("wait for the terminal"),
        }
        if terminal[0].revents().is_some_and(|found| found.contains(PollFlags::POLLHUP)) {
            bail!("the terminal is gone");
        }
        event::poll(Duration::ZERO).context("read from the terminal")
    }
}
