//! A process with all its descendants, and the sums over them.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use super::Process;

/// A process and its descendants, as they were read one after another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// The root first, and every process after its parent. Empty if the root is gone.
    pub processes: Vec<Process>,
}

/// The process `root` and all its descendants, found through `/proc/PID/task/TID/children`.
///
/// Give it the pid of a child subreaper, such as a supervisor's, and orphans are descendants too.
/// A child may be missing from one reading if a sibling is reaped during it
/// (`proc_pid_task_children(5)`); it is there in the next.
pub fn tree(root: u32) -> Tree {
    let mut processes = Vec::new();
    let mut seen = HashSet::from([root]);
    let mut found = VecDeque::from([root]);
    while let Some(pid) = found.pop_front() {
        let Ok((process, children)) = Process::read(pid) else { continue };
        // Reaped since it was listed, and its pid given to a stranger.
        if pid != root && !seen.contains(&process.parent) {
            continue;
        }
        found.extend(children.into_iter().filter(|&child| seen.insert(child)));
        processes.push(process);
    }
    Tree { processes }
}

/// The processor time of `root` and its descendants so far: [`Tree::cpu`] of a new [`tree`].
pub fn cpu(root: u32) -> Duration {
    tree(root).cpu()
}

impl Tree {
    /// The tree without its root, where the root is not a part of the server but its supervisor.
    #[must_use]
    pub fn below_root(mut self) -> Self {
        self.processes.drain(..1.min(self.processes.len()));
        self
    }

    /// How many processes have ended and wait to be reaped.
    pub fn zombies(&self) -> usize {
        self.processes.iter().filter(|process| process.is_zombie()).count()
    }

    /// The processor time, user and system, of all processes and of the children that they have
    /// waited for.
    ///
    /// No time is counted twice: a process is read before its children, so the time of a child
    /// that was read had not yet become its parent's when that was read. A child that is reaped
    /// between the two reads is missing from this sum, and back in the next.
    pub fn cpu(&self) -> Duration {
        self.processes.iter().map(Process::cpu).sum()
    }

    /// The proportional set sizes of the processes that still live, summed, in bytes; `None` if one
    /// of them may not be read. It is dear: the kernel walks the page tables of each process.
    pub fn pss(&self) -> Option<u64> {
        self.processes.iter().map(Process::pss).sum()
    }

    /// The part of it that belongs to no file, which no process outside the tree changes.
    pub fn anonymous_pss(&self) -> Option<u64> {
        self.processes.iter().map(Process::anonymous_pss).sum()
    }

    /// How many descriptors the processes that still live have open; `None` if those of one may
    /// not be counted.
    pub fn descriptors(&self) -> Option<u64> {
        self.processes.iter().map(Process::descriptors).sum()
    }
}
