//! One process, from `/proc/PID`.

use std::{ffi::OsStr, fs, io::ErrorKind, os::unix::ffi::OsStrExt, path::Path, time::Duration};

use super::descriptors::{Descriptor, descriptors};
use nix::{
    sys::signal::Signal,
    time::{ClockId, clock_getcpuclockid},
    unistd::Pid,
};
use procfs::{
    FromRead, ProcError, ProcResult,
    process::{Process as Handle, Stat},
};

/// A process, as it was when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its pid.
    pub pid: u32,
    /// Its parent's pid.
    pub parent: u32,
    /// The name of its executable, or the one it gave itself. Of a zombie, and of one that has given
    /// itself a name, at most 15 bytes.
    pub name: String,
    /// Its state, as the letters of `proc_pid_stat(5)`: `R`unning, `S`leeping, in `D`isk sleep,
    /// `Z`ombie, s`T`opped, and others.
    pub state: char,
    /// How many threads it has.
    pub threads: u64,
    /// When it was started, from the boot of the machine on, to the clock tick. With the pid it
    /// tells a process from all others there ever were.
    pub started: Duration,
    /// How it ended, of a zombie that this process may trace (ptrace(2)).
    pub end: Option<End>,
    /// The processor time, user and system, of all its threads, those that have ended included, in
    /// nanoseconds (`clock_getcpuclockid(3)`).
    pub own_cpu: Duration,
    /// The processor time of the children that it has waited for, and of those that they had
    /// waited for, to the clock tick (10 ms, as a rule) below.
    ///
    /// The kernel drops the time of children whose parent ignores SIGCHLD (times(2)).
    pub reaped_cpu: Duration,
}

/// Bytes of a name that the kernel keeps.
pub(super) const NAME: usize = 15;

/// How a process ended (`wait(2)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this status.
    Exited(i32),
    /// By this signal.
    Killed(i32),
}

impl Process {
    /// The process, and the pids of its children; an error if it is gone.
    ///
    /// The children are listed first: one that is reaped meanwhile is in `reaped_cpu`, and cannot
    /// be read any more. The other way round its time would be in neither place.
    pub(super) fn read(pid: u32) -> ProcResult<(Self, Vec<u32>)> {
        let children = children(&open(pid)?)?;
        let process = Self::of(Stat::from_file(format!("/proc/{pid}/stat"))?);
        Ok((process, children))
    }

    fn of(stat: Stat) -> Self {
        let mut process = Self {
            pid: stat.pid.unsigned_abs(),
            parent: stat.ppid.unsigned_abs(),
            state: stat.state,
            threads: stat.num_threads.unsigned_abs(),
            started: ticks(stat.starttime),
            end: None,
            own_cpu: own_cpu(&stat),
            reaped_cpu: ticks(stat.cutime.unsigned_abs() + stat.cstime.unsigned_abs()),
            name: stat.comm,
        };
        if process.is_zombie() {
            process.end = stat.exit_code.and_then(|status| end(process.pid, status));
        } else if process.name.len() == NAME {
            process.name = full_name(process.pid, &process.name).unwrap_or(process.name);
        }
        process
    }

    /// The process with this pid, if there is one.
    pub fn find(pid: u32) -> Option<Self> {
        Stat::from_file(format!("/proc/{pid}/stat")).ok().map(Self::of)
    }

    /// The process that this is the pid of, or the pid of a thread of (gettid(2)).
    pub fn leader(pid: u32) -> Option<u32> {
        open(pid).and_then(|handle| handle.status()).ok().map(|status| status.tgid.unsigned_abs())
    }

    /// Processor time, its own and that of the children it has waited for.
    pub fn cpu(&self) -> Duration {
        self.own_cpu + self.reaped_cpu
    }

    /// Whether it ignores SIGCHLD now, so that the time of its children is in no sum.
    pub fn ignores_children(&self) -> bool {
        let bit = 1 << (Signal::SIGCHLD as u32 - 1);
        let status = open(self.pid).and_then(|handle| handle.status());
        status.is_ok_and(|status| status.sigign & bit != 0)
    }

    /// Whether it has ended, and waits to be reaped. A process whose main thread alone has ended is
    /// in state `Z` too, but has other threads.
    pub fn is_zombie(&self) -> bool {
        self.state == 'Z' && self.threads <= 1
    }

    /// Whether one of its threads runs now, waits for nothing but a processor (state `R`), or for
    /// the kernel to do something for it (`D`).
    pub fn is_at_work(&self) -> bool {
        let tasks = open(self.pid).and_then(|handle| handle.tasks()).into_iter().flatten();
        tasks.flatten().any(|task| task.stat().is_ok_and(|stat| matches!(stat.state, 'R' | 'D')))
    }

    /// Its proportional set size now, in bytes (`proc_pid_smaps(5)`): a page that n processes map
    /// counts 1/n. 0 if it is gone, `None` if it may not be read.
    pub(super) fn pss(&self) -> Option<u64> {
        self.rolled_up("Pss")
    }

    /// The part of it that belongs to no file: heap, stacks, and what was written of a program's own
    /// data. It is the same however many processes run the same program.
    pub(super) fn anonymous_pss(&self) -> Option<u64> {
        self.rolled_up("Pss_Anon")
    }

    fn rolled_up(&self, field: &str) -> Option<u64> {
        self.holds(|handle| {
            let rollup = handle.smaps_rollup()?.memory_map_rollup;
            Ok(rollup.iter().filter_map(|map| map.extension.map.get(field)).sum())
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

    /// How often its threads gave up their processor or were made to, so far; 0 if it is gone,
    /// `None` if that may not be read. Of threads that have ended nothing is known.
    pub(super) fn switches(&self) -> Option<u64> {
        self.holds(|handle| {
            let mut sum = 0;
            for task in handle.tasks()? {
                // One that ended since is not there.
                let Ok(status) = task.and_then(|task| task.status()) else { continue };
                let counts = [status.voluntary_ctxt_switches, status.nonvoluntary_ctxt_switches];
                sum += counts.into_iter().flatten().sum::<u64>();
            }
            Ok(sum)
        })
    }

    /// Its descriptor table; empty if it is gone, `None` if it may not be read.
    pub fn table(&self) -> Option<Vec<Descriptor>> {
        self.holds(descriptors)
    }

    /// What a live process holds: nothing, once it has ended.
    fn holds<T: Default>(&self, read: impl Fn(&Handle) -> ProcResult<T>) -> Option<T> {
        if self.is_zombie() {
            return Some(T::default());
        }
        match open(self.pid).and_then(|handle| read(&handle)) {
            Ok(held) => Some(held),
            Err(error) if is_gone(&error) => Some(T::default()),
            Err(_) => None,
        }
    }
}

/// The kernel keeps 15 bytes of a name (`proc_pid_comm(5)`); the command line has the rest.
fn full_name(pid: u32, short: &str) -> Option<String> {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let program = words.split(|&byte| byte == 0).next().unwrap_or_default();
    let full = Path::new(OsStr::from_bytes(program)).file_name().and_then(OsStr::to_str);
    full.filter(|full| full.starts_with(short)).map(str::to_owned)
}

/// All processes of this PID namespace.
pub fn every() -> Vec<Process> {
    let folders = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = folders.filter_map(|folder| folder.file_name().to_str()?.parse().ok());
    pids.filter_map(Process::find).collect()
}

/// How a zombie ended, by its wait status (wait(2)): a signal below, a status above. Who may not
/// trace it is told 0 (`proc_pid_stat(5)`), and may not follow its links either.
fn end(pid: u32, status: i32) -> Option<End> {
    let link = fs::read_link(format!("/proc/{pid}/exe"));
    if link.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied) {
        return None;
    }
    Some(match status & 0x7f {
        0 => End::Exited(status >> 8 & 0xff),
        signal => End::Killed(signal),
    })
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
/// was opened and is now empty (ESRCH), in which of its files procfs finds a line to be missing.
pub(super) fn is_gone(error: &ProcError) -> bool {
    match error {
        ProcError::NotFound(_) | ProcError::Incomplete(_) => true,
        ProcError::Io(error, _) => error.raw_os_error() == Some(nix::libc::ESRCH),
        _ => false,
    }
}
