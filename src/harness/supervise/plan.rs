//! All that the forked processes use, made before the fork.

#![forbid(unsafe_code)]

use std::{
    env,
    ffi::{CString, OsStr, OsString, c_char},
    fs::File,
    io::{self, PipeReader, PipeWriter},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{ffi::OsStringExt, net::UnixStream},
    },
    path::{Path, PathBuf},
    ptr,
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    sched::CpuSet,
    unistd::{AccessFlags, access},
};

use super::{
    Cause, Launch,
    ending::{is_bare, missing},
};

/// All that the forked processes use. The harness has threads, so after fork(2) only
/// async-signal-safe calls are allowed (signal-safety(7)): no allocation, no lock, no panic.
pub(super) struct Plan {
    pub(super) program: CString,
    pub(super) arguments: Strings,
    pub(super) environment: Strings,
    pub(super) directory: Option<CString>,
    pub(super) descriptor_limit: Option<u64>,
    pub(super) process_limit: Option<u64>,
    pub(super) real_user: Option<u32>,
    pub(super) processors: Option<CpuSet>,
    pub(super) stdin: File,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
    pub(super) line: UnixStream,
}

impl Plan {
    /// The plan, the harness's end of the line, and its ends of the server's stdout and stderr.
    pub(super) fn new(
        launch: &Launch,
    ) -> Result<(Self, UnixStream, [Option<PipeReader>; 2]), Cause> {
        let program = locate(&launch.program)?;
        let argv0 = launch.program.as_os_str().to_owned();
        let (own, line) =
            UnixStream::pair().map_err(|error| Cause::io("open a socket pair", &error))?;
        let (stdout_read, stdout) = output(launch)?;
        let (stderr_read, stderr) = output(launch)?;
        let plan = Self {
            program: c_string(program.into_os_string())?,
            arguments: Strings::new([argv0].into_iter().chain(launch.arguments.iter().cloned()))?,
            environment: Strings::new(environment(launch))?,
            directory: launch.directory.clone().map(|path| c_string(path.into())).transpose()?,
            descriptor_limit: launch.descriptor_limit,
            process_limit: launch.process_limit,
            real_user: launch.real_user,
            processors: processors(launch)?,
            stdin: File::open("/dev/null").map_err(|error| Cause::io("open /dev/null", &error))?,
            stdout,
            stderr,
            line,
        };
        Ok((plan, own, [stdout_read, stderr_read]))
    }
}

fn processors(launch: &Launch) -> Result<Option<CpuSet>, Cause> {
    let mut set = CpuSet::new();
    for &processor in &launch.processors {
        let what = || format!("name processor {processor}");
        set.set(processor).map_err(|errno| Cause::system(what(), errno))?;
    }
    Ok((!launch.processors.is_empty()).then_some(set))
}

/// Where the server writes and, unless that is our own stderr, where we read it.
fn output(launch: &Launch) -> Result<(Option<PipeReader>, OwnedFd), Cause> {
    if launch.shown {
        let own = io::stderr().as_fd().try_clone_to_owned();
        return Ok((None, own.map_err(|error| Cause::io("duplicate stderr", &error))?));
    }
    let (reader, writer) = pipe()?;
    Ok((Some(reader), writer.into()))
}

/// A pipe whose reading end does not block. The server's end does, as it would at a terminal.
fn pipe() -> Result<(PipeReader, PipeWriter), Cause> {
    let (reader, writer) = io::pipe().map_err(|error| Cause::io("open a pipe", &error))?;
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
        .map_err(|errno| Cause::system("set O_NONBLOCK on a pipe", errno))?;
    Ok((reader, writer))
}

/// Strings in the form of execve(2): pointers to C strings, the last one null.
pub(super) struct Strings {
    pub(super) pointers: Vec<*const c_char>,
    _owned: Vec<CString>,
}

impl Strings {
    fn new(strings: impl IntoIterator<Item = OsString>) -> Result<Self, Cause> {
        let owned = strings.into_iter().map(c_string).collect::<Result<Vec<_>, _>>()?;
        let pointers = owned.iter().map(|s| s.as_ptr()).chain([ptr::null()]).collect();
        Ok(Self { pointers, _owned: owned })
    }
}

fn c_string(string: OsString) -> Result<CString, Cause> {
    CString::new(string.into_vec()).map_err(|error| {
        let text = String::from_utf8_lossy(&error.into_vec()).replace('\0', "\\0");
        Cause::system(format!("pass {text:?}, which has a NUL byte"), Errno::EINVAL)
    })
}

/// The harness's environment and what the launch sets, as `NAME=value`.
fn environment(launch: &Launch) -> Vec<OsString> {
    let set = |name: &OsStr| launch.environment.iter().any(|(other, _)| other == name);
    let inherited = env::vars_os().filter(|(name, _)| !set(name));
    let mut pairs: Vec<_> = inherited.chain(launch.environment.iter().cloned()).collect();
    for (name, value) in &mut pairs {
        name.push("=");
        name.push(value);
    }
    pairs.into_iter().map(|(pair, _)| pair).collect()
}

/// The absolute path of a program: from `PATH` for a bare name, as execvp(3) does it, since
/// execvp(3) itself is not async-signal-safe. Absolute, as the server may get another directory.
///
/// # Errors
/// ENOENT for a bare name that is not in `PATH`. Any other path is not looked at.
pub fn locate(program: &Path) -> Result<PathBuf, Cause> {
    let absolute =
        |path: &Path| std::path::absolute(path).map_err(|e| Cause::io("find the program", &e));
    if !is_bare(program) {
        return absolute(program);
    }
    let path = env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into());
    let runs = |file: &PathBuf| file.is_file() && access(file, AccessFlags::X_OK).is_ok();
    let found = env::split_paths(&path).map(|directory| directory.join(program)).find(runs);
    match found {
        Some(file) => absolute(&file),
        None => Err(Cause::System {
            operation: String::new(),
            errno: Errno::ENOENT,
            hint: Some(missing(program)),
        }),
    }
}
