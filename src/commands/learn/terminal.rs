//! A terminal that tells each key at once, and lines that scroll up it.

use crate::harness::report;
use anyhow::{Context, Result};
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, getpgrp, getsid},
};
use ratatui::crossterm::terminal::{disable_raw_mode, enable_raw_mode, size};
use signal_hook::{
    consts::{SIGCONT, SIGINT, SIGTERM, SIGTSTP},
    flag,
    low_level::emulate_default_handler,
};
use std::{
    cell::RefCell,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// To the first column, and all to the right of it away.
const ERASE: &str = "\r\x1b[K";

/// What has been asked of this program, until somebody sees to it.
#[derive(Debug)]
pub(super) struct Signals {
    pub(super) interrupted: Arc<AtomicBool>,
    pub(super) terminated: Arc<AtomicBool>,
    suspended: Arc<AtomicBool>,
    continued: Arc<AtomicBool>,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        let signals = Self {
            interrupted: Arc::default(),
            terminated: Arc::default(),
            suspended: Arc::default(),
            continued: Arc::default(),
        };
        for (signal, flag) in [
            (SIGINT, &signals.interrupted),
            (SIGTERM, &signals.terminated),
            (SIGTSTP, &signals.suspended),
            (SIGCONT, &signals.continued),
        ] {
            flag::register(signal, Arc::clone(flag))?;
        }
        Ok(signals)
    }

    pub(super) fn is_over(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed) || self.terminated.load(Ordering::Relaxed)
    }

    /// What Ctrl-Z does where the terminal does not do it: all of the job stops, such as the
    /// `cargo run` that waits for this program.
    pub(super) fn suspend_job() {
        // Who is alone with the terminal, and no shell's job, would never be continued.
        if getsid(None) != Ok(getpgrp()) {
            // It is our own group.
            let _ = kill(Pid::from_raw(0), Signal::SIGTSTP);
        }
    }

    /// Stops this program, if that has been asked; it goes on with SIGCONT.
    pub(super) fn stop_if_asked(&self) -> io::Result<()> {
        if self.suspended.swap(false, Ordering::Relaxed) {
            emulate_default_handler(SIGTSTP)?;
        }
        Ok(())
    }

    /// Whether that has been asked.
    pub(super) fn is_to_stop(&self) -> bool {
        self.suspended.load(Ordering::Relaxed)
    }
}

/// Lines, and below them one that says what is under way. The terminal is as before when this is
/// dropped.
#[derive(Debug)]
pub(super) struct Terminal {
    status: RefCell<String>,
}

impl Terminal {
    pub(super) fn new() -> Result<Self> {
        enable_raw_mode().context("set up the terminal")?;
        Ok(Self { status: RefCell::default() })
    }

    /// Prints text above the status, which is gone then.
    pub(super) fn say(&self, text: &str) -> Result<()> {
        self.status.take();
        // The terminal does not add the carriage return now.
        write(&format!("{ERASE}{}", text.replace('\n', "\r\n")))
    }

    /// Shows what is under way, as far as it fits into a line.
    pub(super) fn show(&self, status: &str) -> Result<()> {
        if *self.status.borrow() == status {
            return Ok(());
        }
        let columns = size().map_or(80, |(columns, _)| usize::from(columns));
        status.clone_into(&mut self.status.borrow_mut());
        // A line that is full would go on in the next.
        write(&format!("{ERASE}{}", report::cut(status, columns.saturating_sub(1))))
    }

    /// Gives the terminal to somebody else meanwhile, as it was.
    pub(super) fn lend<T>(&self, borrow: impl FnOnce() -> Result<T>) -> Result<T> {
        self.say("")?;
        disable_raw_mode().context("restore the terminal")?;
        let done = borrow();
        enable_raw_mode().context("set up the terminal")?;
        done
    }

    /// Stops and goes on with the job that this program is, as the shell wants it.
    pub(super) fn follow(&self, signals: &Signals) -> Result<()> {
        let is_to_stop = signals.is_to_stop();
        // Whoever continues may have changed the terminal, also after SIGSTOP.
        if is_to_stop || signals.continued.swap(false, Ordering::Relaxed) {
            self.lend(|| signals.stop_if_asked().context("stop"))?;
            signals.continued.store(false, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may be gone.
        self.say("").ok();
        disable_raw_mode().ok();
    }
}

fn write(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.context("write to the terminal")
}
