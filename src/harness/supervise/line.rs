//! The line between keeper and harness: what is reported on it, and the steps of a start that can
//! fail.

#![forbid(unsafe_code)]

use std::{ffi::c_int, path::Path};

use nix::errno::Errno;

use super::{
    ending::{Cause, missing},
    launch::Launch,
};

/// What the keeper tells the harness. Each is sent by one send(2), and so arrives whole.
#[derive(Clone, Copy, Debug)]
pub(super) enum Report {
    /// The server has this pid.
    Spawned(i32),
    /// The server could not be started; both the keeper and the server can say so.
    Failed(Failure),
    /// The server has ended, with this wait status (wait(2)).
    Exited(c_int),
    /// The keeper has no child left.
    Alone,
    /// The keeper has killed this many processes, and ends.
    Swept(i32),
}

impl Report {
    pub(super) const SIZE: usize = 12;

    pub(super) fn to_bytes(self) -> [u8; Self::SIZE] {
        let words = match self {
            Self::Spawned(pid) => [0, pid, 0],
            Self::Failed(Failure { step, errno }) => [1, step as i32, errno as i32],
            Self::Exited(status) => [2, status, 0],
            Self::Alone => [3, 0, 0],
            Self::Swept(killed) => [4, killed, 0],
        };
        let mut bytes = [0; Self::SIZE];
        for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }

    pub(super) fn from_bytes(bytes: [u8; Self::SIZE]) -> Option<Self> {
        let (words, _) = bytes.as_chunks::<4>();
        let word = |index: usize| i32::from_ne_bytes(words[index]);
        match word(0) {
            0 => Some(Self::Spawned(word(1))),
            1 => {
                let step = *Step::ALL.iter().find(|&&step| step as i32 == word(1))?;
                Some(Self::Failed(Failure { step, errno: Errno::from_raw(word(2)) }))
            }
            2 => Some(Self::Exited(word(1))),
            3 => Some(Self::Alone),
            4 => Some(Self::Swept(word(1))),
            _ => None,
        }
    }
}

/// A step of the start that failed in a forked process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure {
    pub(super) step: Step,
    pub(super) errno: Errno,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Keeper,
    Fork,
    Close,
    Stdio,
    Limit,
    Processors,
    Directory,
    User,
    Signals,
    Exec,
}

impl Step {
    const ALL: [Self; 10] = [
        Self::Keeper,
        Self::Fork,
        Self::Close,
        Self::Stdio,
        Self::Limit,
        Self::Processors,
        Self::Directory,
        Self::User,
        Self::Signals,
        Self::Exec,
    ];

    pub(super) fn failed(self) -> impl Fn(Errno) -> Failure {
        move |errno| Failure { step: self, errno }
    }
}

impl Failure {
    /// The failure in the words of a person who did not know that there is a keeper.
    pub(super) fn explain(self, launch: &Launch) -> Cause {
        let errno = self.errno;
        let operation = match self.step {
            Step::Keeper => "set up its keeper".to_owned(),
            Step::Fork => "fork".to_owned(),
            Step::Close => "close inherited descriptors".to_owned(),
            Step::Stdio => "set up its standard streams".to_owned(),
            Step::Limit => {
                let set =
                    |name, limit: Option<u64>| limit.map(|limit| format!("{name} to {limit}"));
                let descriptors = set("RLIMIT_NOFILE", launch.descriptor_limit);
                let processes = set("RLIMIT_NPROC", launch.process_limit);
                let limits: Vec<_> = [descriptors, processes].into_iter().flatten().collect();
                format!("set {}", limits.join(" and "))
            }
            Step::Processors => {
                let names: Vec<_> = launch.processors.iter().map(ToString::to_string).collect();
                format!("keep it to the processors {}", names.join(", "))
            }
            Step::Directory => {
                let directory = launch.directory.as_deref().unwrap_or(Path::new("."));
                format!("change to directory {}", directory.display())
            }
            Step::User => {
                format!("set its real user to {}", launch.real_user.unwrap_or_default())
            }
            Step::Signals => "set up its signals".to_owned(),
            Step::Exec => String::new(),
        };
        let hint = match (self.step, errno) {
            (Step::Exec, Errno::ENOENT) if launch.program.exists() => {
                "the file is there; the interpreter that its first line names is not".to_owned()
            }
            (Step::Exec, Errno::ENOENT) => missing(&launch.program),
            (Step::Exec, Errno::EACCES) => "make it executable with chmod +x".to_owned(),
            (Step::Exec, Errno::ENOEXEC) => {
                "neither a program for this machine, nor a script that begins with #!".to_owned()
            }
            (Step::Limit, Errno::EPERM) => {
                "only root raises the hard limit, which `ulimit -Hn` shows".to_owned()
            }
            (Step::Close, Errno::ENOSYS | Errno::EINVAL) => "Linux 5.11 is needed".to_owned(),
            _ => return Cause::system(operation, errno),
        };
        Cause::System { operation, errno, hint: Some(hint) }
    }
}
