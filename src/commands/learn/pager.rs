//! A lesson, page by page.

use super::{super::print, terminal::Signals};
use crate::harness::supervise::locate;
use anyhow::{Context, Result};
use std::{
    env, ffi::OsString, fs, path::Path, process::Command, sync::atomic::Ordering, thread,
    time::Duration,
};

/// How often it is looked whether the pager has ended.
const LOOK: Duration = Duration::from_millis(20);

/// What a shell says of a command that it cannot run (POSIX, "Exit Status for Commands").
const CANNOT_RUN: [i32; 2] = [126, 127];

/// Shows a text with `$PAGER`, or less(1), or all at once where there is neither. Ctrl-C is the
/// pager's meanwhile.
pub(super) fn show(text: &Path, signals: &Signals) -> Result<()> {
    let has_less = || locate(Path::new("less")).is_ok();
    let pager = env::var_os("PAGER").filter(|pager| !pager.is_empty());
    let pager = pager.or_else(|| has_less().then(|| OsString::from("less")));
    let is_shown = pager.map_or(Ok(false), |pager| run(pager, text, signals))?;
    if !is_shown {
        let read = fs::read_to_string(text);
        print("the lesson", &read.with_context(|| format!("read {}", text.display()))?)?;
    }
    Ok(())
}

/// Waits for a pager. Says whether there is such a one.
fn run(mut pager: OsString, text: &Path, signals: &Signals) -> Result<bool> {
    // It may be several words.
    pager.push(" \"$1\"");
    let mut shell = Command::new("/bin/sh");
    let started = shell.arg("-c").args([pager, "sh".into(), text.into()]).spawn();
    let mut child = started.context("start the pager")?;
    loop {
        if let Some(status) = child.try_wait().context("wait for the pager")? {
            signals.interrupted.store(false, Ordering::Relaxed);
            return Ok(!status.code().is_some_and(|code| CANNOT_RUN.contains(&code)));
        }
        signals.stop_if_asked().context("stop")?;
        if signals.terminated.load(Ordering::Relaxed) {
            child.kill().and_then(|()| child.wait()).context("end the pager")?;
            return Ok(true);
        }
        thread::sleep(LOOK);
    }
}
