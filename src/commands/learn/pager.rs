//! A lesson, page by page.

use super::{super::print, terminal::Signals};
use crate::harness::supervise::locate;
use anyhow::{Context, Result};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    env,
    ffi::OsString,
    fmt::Write,
    fs, io,
    path::Path,
    process::{Child, Command},
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

/// How often it is looked whether the pager has ended.
const LOOK: Duration = Duration::from_millis(20);

/// How long a pager may take to leave the terminal as it was, once it is told to end.
const GRACE: Duration = Duration::from_secs(1);

/// What a shell says of a command that it cannot run (POSIX, "Exit Status for Commands").
const CANNOT_RUN: [i32; 2] = [126, 127];

/// Shows a lesson with `$PAGER`, or less(1), or all at once where there is neither. What is folded
/// away in a browser, answers and solutions, stands at the end. Ctrl-C is the pager's meanwhile.
pub(super) fn show(lesson: &Path, signals: &Signals) -> Result<()> {
    let read = fs::read_to_string(lesson);
    let text = unfolded(&read.with_context(|| format!("read {}", lesson.display()))?);
    let has_less = || locate(Path::new("less")).is_ok();
    let pager = env::var_os("PAGER").filter(|pager| !pager.is_empty());
    let Some(pager) = pager.or_else(|| has_less().then(|| OsString::from("less"))) else {
        return print("the lesson", &text);
    };
    // The pager shows its name.
    let folder = tempfile::tempdir().context("make a temporary folder")?;
    let page = folder.path().join(lesson.file_name().unwrap_or(lesson.as_os_str()));
    fs::write(&page, &text).with_context(|| format!("write {}", page.display()))?;
    if run(pager, &page, signals)? { Ok(()) } else { print("the lesson", &text) }
}

/// A lesson with all that is in `<details>` moved to its end, under a number each.
fn unfolded(lesson: &str) -> String {
    let (mut text, mut folded) = (String::new(), String::new());
    let (mut count, mut is_folded) = (0, false);
    for line in lesson.lines() {
        let summary =
            line.strip_prefix("<summary>").and_then(|line| line.strip_suffix("</summary>"));
        match (line, summary) {
            ("<details>", _) => (count, is_folded) = (count + 1, true),
            ("</details>", _) => is_folded = false,
            // Writing into a String cannot fail.
            (_, Some(summary)) => {
                writeln!(text, "[{count}] {summary}: at the end of this page").ok();
                writeln!(folded, "\n### [{count}] {summary}").ok();
            }
            _ if is_folded => folded.extend([line, "\n"]),
            _ => text.extend([line, "\n"]),
        }
    }
    if count == 0 { text } else { format!("{text}\n## Folded away\n{folded}") }
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
            end(&mut child).context("end the pager")?;
            return Ok(true);
        }
        thread::sleep(LOOK);
    }
}

/// Asks a pager to end, and ends it if it does not.
fn end(pager: &mut Child) -> io::Result<()> {
    let asked = Instant::now();
    // Not waited for, so its pid is nobody else's.
    kill(Pid::from_raw(pager.id().cast_signed()), Signal::SIGTERM)?;
    while pager.try_wait()?.is_none() {
        if asked.elapsed() > GRACE {
            pager.kill()?;
        }
        thread::sleep(LOOK);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_stands_behind_everything_else() {
        let lesson = "How many?\n\n<details>\n<summary>The answer</summary>\n\nTwo.\n\n</details>\n\nGo on.\n";
        let text = unfolded(lesson);
        let begins = "How many?\n\n[1] The answer: at the end of this page\n\nGo on.\n";
        assert!(text.starts_with(begins), "{text}");
        assert!(text.ends_with("## Folded away\n\n### [1] The answer\n\nTwo.\n\n"), "{text}");
        assert_eq!(unfolded("Nothing.\n"), "Nothing.\n");
    }
}
