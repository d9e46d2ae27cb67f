//! Who has run, and who has waited for a processor.

use super::super::observe::Process;
use std::{collections::BTreeMap, fs, time::Duration};

/// How long a thread has run, and how long it has waited for a processor.
#[derive(Clone, Copy, Default)]
pub(super) struct Time {
    pub(super) ran: Duration,
    pub(super) waited: Duration,
}

/// The times of all threads, from `/proc/PID/task/TID/schedstat` (sched-stats in the kernel's
/// documentation); none with a kernel that does not keep them.
pub(super) fn tasks(processes: &[Process]) -> BTreeMap<u32, Time> {
    let mut times = BTreeMap::new();
    for process in processes {
        let tasks = fs::read_dir(format!("/proc/{}/task", process.pid)).into_iter().flatten();
        for task in tasks.flatten() {
            let id = task.file_name().to_str().and_then(|id| id.parse().ok());
            let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            let mut numbers = text.split_whitespace().map_while(|word| word.parse().ok());
            let mut next = || numbers.next().map(Duration::from_nanos);
            if let (Some(id), Some(ran), Some(waited)) = (id, next(), next()) {
                times.insert(id, Time { ran, waited });
            }
        }
    }
    times
}
