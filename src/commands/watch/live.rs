//! The loop that keeps the screen current.

use super::{
    super::{has_colours, keys::Keys},
    draw::{Paint, draw},
    screen::{Screen, Wish},
    target::Target,
};
use crate::harness::observe::Watcher;
use anyhow::{Context, Result};
use ratatui::DefaultTerminal;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// How often it is looked whether a signal has come.
const STEP: Duration = Duration::from_millis(100);

/// Shows one snapshot after another until somebody ends it. The terminal is as before then, after a
/// panic too. Says whether the server was seen to listen.
pub(super) fn run(
    watcher: &mut Watcher,
    target: &Target,
    interval: Duration,
    stop: &AtomicBool,
) -> Result<bool> {
    let mut terminal = ratatui::try_init().context("set up the terminal")?;
    let has_listened = keep_current(&mut terminal, watcher, target, interval, stop);
    ratatui::try_restore().context("restore the terminal")?;
    has_listened
}

fn keep_current(
    terminal: &mut DefaultTerminal,
    watcher: &mut Watcher,
    target: &Target,
    interval: Duration,
    stop: &AtomicBool,
) -> Result<bool> {
    let (paint, keys) = (Paint { has_colours: has_colours() }, Keys::new());
    let mut screen = Screen::new(watcher.look(Some(interval / 4)));
    let mut next = Instant::now() + interval;
    let mut has_listened = false;
    while !stop.load(Ordering::Relaxed) {
        has_listened |= !target.is_silent(&screen.snapshot);
        if !has_listened && screen.snapshot.is_over() {
            // Why it could not listen is more than an empty screen says.
            break;
        }
        if Instant::now() >= next && !screen.is_paused {
            screen.show(watcher.look(Some(interval / 4)));
            next = Instant::now() + interval;
        }
        terminal.draw(|frame| draw(&screen, paint, frame)).context("write to the terminal")?;
        let left = next.saturating_duration_since(Instant::now());
        // In pause nothing is due.
        let patience = if screen.is_paused { STEP } else { left.min(STEP) };
        if let Some(key) = keys.next(patience)? {
            match screen.press(key) {
                Wish::GoOn => {}
                Wish::Quit => break,
                // A key here, for the terminal makes no signals of its keys now.
                Wish::Interrupt => stop.store(true, Ordering::Relaxed),
            }
        }
    }
    Ok(has_listened)
}
