//! How a server ended, or why it did not start.

#![forbid(unsafe_code)]

use std::{
    env, fmt, io,
    net::SocketAddr,
    os::unix::{ffi::OsStrExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use nix::{errno::Errno, sys::signal::Signal};

/// How a process ended, as wait(2) tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It ended by itself, with this exit status.
    Status(i32),
    /// A signal of this number ended it.
    Signal(i32),
    /// Unknown: its keeper was killed, and nobody else could wait for it.
    Lost,
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Status(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => Self::Lost,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Status(code) => write!(f, "exit status {code}"),
            Self::Signal(number) => {
                write!(f, "killed by signal {number}")?;
                Signal::try_from(number).map_or(Ok(()), |signal| write!(f, " ({signal})"))
            }
            Self::Lost => write!(f, "lost together with its keeper"),
        }
    }
}

/// How a server was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// How the process that was started ended.
    pub exit: Exit,
    /// Whether it outlived the grace and had to be killed.
    pub forced: bool,
    /// How many processes the keeper killed, the server and its descendants counted alike.
    pub killed: u32,
}

/// How a program ran to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// How it ended.
    pub exit: Exit,
    /// The end of its standard output, at most 64 KiB; empty where it was shown.
    pub stdout: String,
    /// The end of its standard error, as of stdout.
    pub stderr: String,
}

/// Why a server did not start. Nothing of it is left running.
#[derive(Debug)]
pub struct StartError {
    pub(super) program: PathBuf,
    pub(super) cause: Cause,
}

impl StartError {
    /// The cause, to tell a server that failed from a system that could not run it.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }
}

/// The kinds of failure to start.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// A system call failed before the server's first instruction.
    System {
        /// What was tried, such as `fork`; empty where the program itself could not be run.
        operation: String,
        /// Why it failed.
        errno: Errno,
        /// What may mend it.
        hint: Option<String>,
    },
    /// Somebody listens on the address already, so the server could not, or would not be alone.
    Occupied(SocketAddr),
    /// The server ended before it listened.
    Ended {
        /// What was awaited.
        awaited: String,
        /// How it ended.
        exit: Exit,
        /// The end of its stderr.
        stderr: String,
    },
    /// The server runs, but does not listen.
    Silent {
        /// What was awaited.
        awaited: String,
        /// For how long.
        patience: Duration,
        /// The end of its stderr.
        stderr: String,
    },
}

impl Cause {
    pub(super) fn system(operation: impl Into<String>, errno: Errno) -> Self {
        let hint = match errno {
            Errno::EMFILE => Some("the harness is out of descriptors: raise `ulimit -n`"),
            Errno::EAGAIN => Some("out of processes: raise `ulimit -u`, or end some"),
            _ => None,
        };
        Self::System { operation: operation.into(), errno, hint: hint.map(str::to_owned) }
    }

    pub(super) fn io(operation: &str, error: &io::Error) -> Self {
        Self::system(operation, error.raw_os_error().map_or(Errno::EINVAL, Errno::from_raw))
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "start {}: ", self.program.display())?;
        match &self.cause {
            Cause::System { operation, errno, hint } => {
                let colon = if operation.is_empty() { "" } else { ": " };
                write!(f, "{operation}{colon}{}", errno.desc().to_lowercase())?;
                hint.as_ref().map_or(Ok(()), |hint| write!(f, "\nhint: {hint}"))
            }
            Cause::Occupied(address) => write!(
                f,
                "somebody listens on {address} already\n\
                 hint: `ss -ltnp` names the process; stop it, or choose another port"
            ),
            Cause::Ended { awaited, exit, stderr } => {
                write!(f, "await {awaited}: {exit}{}", quote(stderr))
            }
            Cause::Silent { awaited, patience, stderr } => {
                write!(
                    f,
                    "await {awaited}: it runs, but none came in {patience:?}{}",
                    quote(stderr)
                )
            }
        }
    }
}

impl std::error::Error for StartError {}

/// The last ten lines of a server's stderr, each on its own line of an error.
fn quote(stderr: &str) -> String {
    let lines: Vec<&str> = stderr.trim_end().lines().collect();
    if lines.is_empty() {
        return "; its stderr is empty".to_owned();
    }
    let last = &lines[lines.len().saturating_sub(10)..];
    format!("; its stderr ends:\n  {}", last.join("\n  "))
}

/// What may mend a program that is not there.
pub(super) fn missing(program: &Path) -> String {
    if program.as_os_str().as_encoded_bytes().contains(&b' ') {
        "a program and its arguments are words of their own: leave out the quotes".to_owned()
    } else if is_bare(program) {
        format!("{0} is not in PATH; if it is in this directory, say ./{0}", program.display())
    } else {
        let directory = env::current_dir().unwrap_or_default();
        format!("relative paths are taken from {}", directory.display())
    }
}

/// Whether a program is to be looked up in `PATH`.
pub(super) fn is_bare(program: &Path) -> bool {
    !program.as_os_str().as_bytes().contains(&b'/')
}
