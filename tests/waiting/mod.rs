//! Waiting for what must happen, alike in all tests. In a folder, so that Cargo takes it for no
//! test.

use std::{
    fmt::Display,
    thread,
    time::{Duration, Instant},
};

/// How long anything that must happen may take. Only a test that fails waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until `look` returns something, and fails with what was awaited.
#[track_caller]
pub(crate) fn await_some<T>(awaited: impl Display, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "awaited in vain: {awaited}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until `done`, and fails with what was awaited.
#[track_caller]
pub(crate) fn await_until(awaited: impl Display, mut done: impl FnMut() -> bool) {
    await_some(awaited, || done().then_some(()));
}
