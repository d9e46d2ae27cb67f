//! What to start.

#![forbid(unsafe_code)]

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, time::Duration};

/// Where the server's address comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// From its stdout: the first line of the form `NAME: serving http://ADDR:PORT/ (pid N)`.
    Announced,
    /// From its command line or configuration, known beforehand.
    At(SocketAddr),
}

/// What to start, and how.
#[derive(Clone, Debug)]
pub struct Launch {
    /// A path, relative to the harness's working directory, or a bare name, looked up in `PATH`.
    pub program: PathBuf,
    /// Its arguments, without the program's name.
    pub arguments: Vec<OsString>,
    /// Variables to set on top of the harness's own environment.
    pub environment: Vec<(OsString, OsString)>,
    /// The server's working directory; the harness's own when `None`.
    pub directory: Option<PathBuf>,
    /// Where its address comes from.
    pub address: Address,
    /// How long it may take until it listens.
    pub patience: Duration,
    /// The soft `RLIMIT_NOFILE` of the server (getrlimit(2)); the harness's own when `None`.
    pub descriptor_limit: Option<u64>,
    /// The soft `RLIMIT_NPROC` of the server: how many processes and threads its real user may have;
    /// the harness's own when `None`.
    pub process_limit: Option<u64>,
    /// The real user of a server that root starts; its rights to files stay root's. `RLIMIT_NPROC`
    /// does not bind a process whose real user is root (getrlimit(2)).
    pub real_user: Option<u32>,
    /// The processors that it may run on, by number (`sched_setaffinity(2)`); those of the calling
    /// thread if there are none here.
    pub processors: Vec<usize>,
    /// Whether its stdout and stderr go to the harness's own stderr, where the user sees them,
    /// instead of being kept.
    pub shown: bool,
}

impl Launch {
    /// `program` without arguments, which announces its address within 5 s.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            directory: None,
            address: Address::Announced,
            patience: Duration::from_secs(5),
            descriptor_limit: None,
            process_limit: None,
            real_user: None,
            processors: Vec::new(),
            shown: false,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn arguments<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets one environment variable.
    #[must_use]
    pub fn environment(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Sets the working directory.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Says that the server will listen on `address`, and need not announce it.
    #[must_use]
    pub fn at(mut self, address: SocketAddr) -> Self {
        self.address = Address::At(address);
        self
    }

    /// Sets how long the server may take until it listens.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sets the soft limit of open descriptors; the hard limit is raised with it if need be.
    #[must_use]
    pub fn descriptor_limit(mut self, limit: u64) -> Self {
        self.descriptor_limit = Some(limit);
        self
    }

    /// Sets the soft limit of the processes and threads that the server's real user may have.
    #[must_use]
    pub fn process_limit(mut self, limit: u64) -> Self {
        self.process_limit = Some(limit);
        self
    }

    /// Gives the server a real user other than root, and takes from it what would lift
    /// `RLIMIT_NPROC` all the same (`CAP_SYS_ADMIN`, `CAP_SYS_RESOURCE`). Only root may.
    #[must_use]
    pub fn real_user(mut self, user: u32) -> Self {
        self.real_user = Some(user);
        self
    }

    /// Keeps it to these processors.
    #[must_use]
    pub fn processors(mut self, processors: impl IntoIterator<Item = usize>) -> Self {
        self.processors.extend(processors);
        self
    }

    /// Shows its output instead of keeping it.
    #[must_use]
    pub fn shown(mut self) -> Self {
        self.shown = true;
        self
    }
}
