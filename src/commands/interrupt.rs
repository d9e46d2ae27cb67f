//! What Ctrl-C does to a command that measures.

use super::{INTERRUPTED, say};
use indicatif::ProgressBar;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
    iterator::Signals,
};
use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
    thread::{self, JoinHandle},
};

/// The first Ctrl-C ends the run with what was measured, and the bar at once; the second ends the
/// program. The servers' keepers end the servers. The thread is over when the user has been told.
pub(super) fn stop_on_interrupt(
    bar: &ProgressBar,
) -> io::Result<(Arc<AtomicBool>, JoinHandle<()>)> {
    let stop = stop_flag()?;
    let (mut signals, bar) = (Signals::new([SIGINT, SIGTERM])?, bar.clone());
    // What is under way may go on for seconds; the user should not be left in doubt.
    let telling = thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if signals.forever().next().is_some() {
            bar.finish_and_clear();
            say("stopping; Ctrl-C again ends at once");
        }
    })?;
    Ok((stop, telling))
}

/// A flag that the first Ctrl-C raises; the second ends the program, whatever it waits for.
pub(super) fn stop_flag() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_shutdown(signal, INTERRUPTED.into(), Arc::clone(&stop))?;
        flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}
