//! One process, from `/proc/PID`.

use std::{fs, time::Duration};

use nix::{
    time::{ClockId, clock_getcpuclockid},
    unistd::Pid,
};
use procfs::{
    ProcError, ProcResult,
    process::{Process as Handle, Stat},
};

/// A process, as it was when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its pid.
    pub pid: u32,
    /// Its parent's pid.
    pub parent: u32,
    /// The name of its executable, or the one it gave itself: at most 15 bytes.
    pub name: String,
    /// Its state, as the letters of `proc_pid_stat(5)`: `R`unning, `S`leeping, in `D`isk sleep,
    /// `Z`ombie, s`T`opped, and others.
    pub state: char,
    /// How many threads it has.
    pub threads: u64,
    /// The processor time, user and system, of all its threads, those that have ended included, in
    /// nanoseconds (`clock_getcpuclockid(3)`).
    pub own_cpu: Duration,
    /// The processor time of the children that it has waited for, and of those that they had
    /// waited for, to the clock tick (10 ms, as a rule) below.
    ///
    /// The kernel drops the time of children whose parent ignores SIGCHLD (times(2)).
    pub reaped_cpu: Duration,
}

impl Process {
    /// The process, and the pids of its children; an error if it is gone.
    ///
    /// The children are listed first: one that is reaped meanwhile is in `reaped_cpu`, and cannot
    /// be read any more. The other way round its time would be in neither place.
    pub(super) fn read(pid: u32) -> ProcResult<(Self, Vec<u32>)> {
        let handle = open(pid)?;
        let children = children(&handle)?;
        let stat = handle.stat()?;
        let process = Self {
            pid,
            parent: stat.ppid.unsigned_abs(),
            state: stat.state,
            threads: stat.num_threads.unsigned_abs(),
            own_cpu: own_cpu(&stat),
            reaped_cpu: ticks(stat.cutime.unsigned_abs() + stat.cstime.unsigned_abs()),
            name: stat.comm,
        };
        Ok((process, children))
    }

    /// Processor time, its own and that of the children it has waited for.
    pub fn cpu(&self) -> Duration {
        self.own_cpu + self.reaped_cpu
    }

    /// Whether it has ended, and waits to be reaped. A process whose main thread alone has ended is
    /// in state `Z` too, but has other threads.
    pub fn is_zombie(&self) -> bool {
        self.state == 'Z' && self.threads <= 1
    }

    /// Its proportional set size now, in bytes (`proc_pid_smaps(5)`): a page that n processes map
    /// counts 1/n. 0 if it is gone, `None` if it may not be read.
    pub(super) fn pss(&self) -> Option<u64> {
        self.holds(|handle| {
            let rollup = handle.smaps_rollup()?.memory_map_rollup;
            Ok(rollup.iter().filter_map(|map| map.extension.map.get("Pss")).sum())
        })
    }

    /// How many descriptors it has open now; 0 if it is gone, `None` if they may not be counted.
    pub(super) fn descriptors(&self) -> Option<u64> {
        // Counted one by one: the size of the folder, which procfs takes for their number, includes
        // the one that a process blocked in accept(2) has reserved.
        self.holds(|handle| {
            let descriptors = fs::read_dir(format!("/proc/{}/fd", handle.pid))?;
            Ok(descriptors.count() as u64)
        })
    }

    /// What a live process holds: nothing, once it has ended.
    fn holds(&self, read: impl Fn(&Handle) -> ProcResult<u64>) -> Option<u64> {
        if self.is_zombie() {
            return Some(0);
        }
        match open(self.pid).and_then(|handle| read(&handle)) {
            Ok(amount) => Some(amount),
            Err(error) if is_gone(&error) => Some(0),
            Err(_) => None,
        }
    }
}

fn open(pid: u32) -> ProcResult<Handle> {
    Handle::new(pid.cast_signed())
}

/// The children of all threads: each thread lists those that it forked itself.
fn children(handle: &Handle) -> ProcResult<Vec<u32>> {
    let mut children = Vec::new();
    for task in handle.tasks()? {
        match task.and_then(|task| task.children()) {
            Ok(more) => children.extend(more),
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(children)
}

/// The process's CPU clock, which runs for a zombie's time too. The fields of `stat` count the same
/// time, in clock ticks: they serve if the process has been reaped since.
fn own_cpu(stat: &Stat) -> Duration {
    clock_getcpuclockid(Pid::from_raw(stat.pid))
        .and_then(ClockId::now)
        .map_or_else(|_| ticks(stat.utime + stat.stime), Duration::from)
}

/// A duration in clock ticks, as `/proc` gives it (`sysconf(_SC_CLK_TCK)` to the second).
fn ticks(count: u64) -> Duration {
    let per_second = u32::try_from(procfs::ticks_per_second()).expect("100 or 1,000 a second");
    Duration::from_secs(count) / per_second
}

/// Whether the process or thread ended before it was read: its directory is missing (ENOENT), or
/// was opened and is now empty (ESRCH).
fn is_gone(error: &ProcError) -> bool {
    match error {
        ProcError::NotFound(_) => true,
        ProcError::Io(error, _) => error.raw_os_error() == Some(nix::libc::ESRCH),
        _ => false,
    }
}
