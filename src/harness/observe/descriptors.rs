//! What the descriptors of a process refer to, and who else holds the same.

use std::{
    collections::BTreeMap,
    fmt::{self, Display},
    path::PathBuf,
};

use super::{Socket, process::is_gone};
use procfs::{
    ProcResult,
    process::{FDTarget, Process as Handle},
};

/// One descriptor of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Its number.
    pub number: u32,
    /// What it refers to.
    pub target: Target,
}

/// What a descriptor refers to (`proc_pid_fd(5)`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A socket, by its inode.
    Socket(u64),
    /// One end of a pipe, by its inode.
    Pipe(u64),
    /// A file, a folder or a device.
    Path(PathBuf),
    /// Something that has no place in a file system, by its kind: an epoll instance, a timer.
    Other(String),
}

impl Target {
    /// The inode of a socket.
    pub fn socket(&self) -> Option<u64> {
        match self {
            Self::Socket(inode) => Some(*inode),
            _ => None,
        }
    }
}

impl Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(inode) => write!(formatter, "socket:[{inode}]"),
            Self::Pipe(inode) => write!(formatter, "pipe:[{inode}]"),
            Self::Path(path) => write!(formatter, "{}", path.display()),
            Self::Other(kind) => write!(formatter, "{kind}"),
        }
    }
}

impl From<FDTarget> for Target {
    fn from(target: FDTarget) -> Self {
        match target {
            FDTarget::Socket(inode) => Self::Socket(inode),
            FDTarget::Pipe(inode) => Self::Pipe(inode),
            FDTarget::Path(path) => Self::Path(path),
            FDTarget::AnonInode(kind) => Self::Other(kind),
            FDTarget::Net(inode) => Self::Other(format!("net:[{inode}]")),
            FDTarget::MemFD(name) => Self::Other(format!("memfd:{name}")),
            FDTarget::Other(kind, inode) => Self::Other(format!("{kind}:[{inode}]")),
            FDTarget::Unknown(kind, rest) => Self::Other(format!("{kind}:{rest}")),
        }
    }
}

/// The descriptor table of a process, in the order of the numbers.
pub(super) fn descriptors(handle: &Handle) -> ProcResult<Vec<Descriptor>> {
    let mut descriptors = Vec::new();
    for descriptor in handle.fd()? {
        let descriptor = match descriptor {
            Ok(descriptor) => descriptor,
            // It was closed since.
            Err(error) if is_gone(&error) => continue,
            // Who may list them need not be allowed to see what they refer to.
            Err(error) => return Err(error),
        };
        let number = descriptor.fd.unsigned_abs();
        descriptors.push(Descriptor { number, target: descriptor.target.into() });
    }
    descriptors.sort_unstable_by_key(|descriptor| descriptor.number);
    Ok(descriptors)
}

/// A copy of a socket: a descriptor of a process that refers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder {
    /// Whose it is.
    pub pid: u32,
    /// Its number there.
    pub descriptor: u32,
}

/// Who holds which socket, by the socket's inode.
#[derive(Clone, Debug, Default)]
pub struct Holders(BTreeMap<u64, Vec<Holder>>);

impl Holders {
    /// Enters the sockets of one process.
    pub fn enter(&mut self, pid: u32, table: &[Descriptor]) {
        for descriptor in table {
            if let Some(inode) = descriptor.target.socket() {
                let holder = Holder { pid, descriptor: descriptor.number };
                self.0.entry(inode).or_default().push(holder);
            }
        }
    }

    /// All that hold a socket; `None` if somebody does, but nobody who was entered.
    pub(super) fn known_of(&self, socket: &Socket) -> Option<Vec<Holder>> {
        let known = self.of(socket.inode);
        (socket.inode == 0 || !known.is_empty()).then(|| known.to_vec())
    }

    /// All that hold the socket with this inode.
    pub fn of(&self, inode: u64) -> &[Holder] {
        self.0.get(&inode).map_or(&[], Vec::as_slice)
    }
}
