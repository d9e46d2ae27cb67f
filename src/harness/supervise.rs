//! The supervisor of servers: starts one, waits until it accepts, ends it and all its descendants.
//! [`run`] does the same for a program that is to end by itself, such as a compiler.
//!
//! # Layout
//!
//! ```text
//! harness ──line── keeper ─┬─ server ── workers, CGI scripts, ...
//!    └──stdout, stderr─────┼────┘
//!                          └─ orphans: whatever the server's family left behind
//! ```
//!
//! - [`Launch`] says what to start, [`Server`] is what runs, [`Stopped`] how it ended, and
//!   [`StartError`] why it never ran.
//! - The **keeper** is a forked copy of the harness that never execs. It is a child subreaper
//!   (`PR_SET_CHILD_SUBREAPER(2const)`), so a descendant that daemonises, or moves to another group
//!   or session, becomes its child and not init's. It waits for the end of the **line**, a socket
//!   pair. That end comes however the harness ends, by SIGKILL too, since the kernel closes its
//!   descriptors; then the keeper kills until it has no child left.
//! - The **attendant** is a thread of the harness, one a server. It reads what the keeper reports
//!   and what the server prints, so that a chatty server never blocks on a full pipe.
//!
//! This file holds the server and the keeper, and with them all `unsafe` code of the harness;
//! `plan` what a forked process may use, which was made before the fork; the other files below a
//! type or a table each.
//!
//! What escapes: a process that a set-user-ID program moved to another user (kill(2) is refused),
//! and what is left when somebody sends SIGKILL to the keeper itself.
#![expect(unsafe_code, reason = "fork, execve and what stands between them have no safe form")]

mod attendant;
mod ending;
mod launch;
mod line;
mod listening;
mod plan;
mod port;

use std::{
    convert::Infallible,
    ffi::{CStr, c_int},
    fs,
    net::{Ipv4Addr, Shutdown, SocketAddr},
    os::{
        fd::{AsFd, AsRawFd, RawFd},
        unix::net::UnixStream,
    },
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, open},
    libc,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sched::sched_setaffinity,
    sys::{
        prctl,
        resource::{Resource, getrlimit, setrlimit},
        signal::{SigSet, SigmaskHow, Signal, kill, killpg},
        signalfd::{SfdFlags, SignalFd},
        socket::{MsgFlags, recv, send},
        stat::Mode,
        wait::waitpid,
    },
    unistd::{
        ForkResult, Pid, Uid, chdir, dup2_stderr, dup2_stdin, dup2_stdout, fork, getpgid, getpid,
        getppid, read, setpgid, setresuid,
    },
};

use self::{
    attendant::{State, Watched, attend, awaited, lossy},
    line::{Failure, Report, Step},
    listening::reachable,
    plan::Plan,
};
pub use self::{
    ending::{Cause, Exit, Finished, StartError, Stopped},
    launch::{Address, Launch},
    listening::listening,
    plan::locate,
    port::{Claim, free_address},
};

/// How often the table of listening sockets is looked at: the kernel announces no `listen()`.
const LOOK: Duration = Duration::from_millis(5);

/// What the keeper is called, 15 bytes at most (`PR_SET_NAME(2const)`).
const KEEPER: &CStr = c"rungs-keeper";

/// A running server with all its descendants. Dropping it kills them and waits until they are gone.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    pid: u32,
    keeper: Pid,
    line: UnixStream,
    watched: Arc<Watched>,
    /// `None` once it has been joined, which is once everything has ended.
    attendant: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a server and waits until it listens, at most `launch.patience`.
    ///
    /// It runs in its own process group, with `/dev/null` as stdin, default signal dispositions, an
    /// empty signal mask and no descriptor but 0, 1 and 2. Whether it listens is read in
    /// `/proc/net/tcp` and never tried with a connection, since a first client may change the state
    /// of a server, or end it. A server that exits with status 0 and leaves children behind is
    /// taken for a daemon, and waited for.
    ///
    /// # Errors
    /// See [`Cause`]. On error all that was started has been killed and waited for.
    pub fn start(launch: &Launch) -> Result<Self, StartError> {
        let fail = |cause| StartError { program: launch.program.clone(), cause };
        let mut server = Self::spawn(launch).map_err(fail)?;
        server.await_listening(launch).map_err(fail)?;
        Ok(server)
    }

    /// Starts a server, and waits until it is executed, but not until it listens, so that
    /// `launch.patience` does not matter. [`Self::address`] is the unspecified one.
    ///
    /// # Errors
    /// [`Cause::System`], and what kept it from being executed.
    pub fn begin(launch: &Launch) -> Result<Self, StartError> {
        let fail = |cause| StartError { program: launch.program.clone(), cause };
        let mut server = Self::spawn(launch).map_err(fail)?;
        loop {
            let state = server.watched.next(LOOK);
            if let Some(failure) = state.failure {
                return Err(fail(failure.explain(launch)));
            }
            if let Some(pid) = state.pid.filter(|&pid| state.ending().is_some() || is_executed(pid))
            {
                server.pid = pid;
                drop(state);
                return Ok(server);
            }
        }
    }

    /// Where a client reaches it. A wildcard address is given as the loopback address it includes.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The pid of the process that was started, which may have ended since.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The pid of the keeper: the ancestor of the server, of its descendants and of its orphans.
    pub fn keeper(&self) -> u32 {
        self.keeper.as_raw().unsigned_abs()
    }

    /// How the process that was started ended, or `None` while it runs.
    ///
    /// What it printed before its end is in [`Self::stdout`] and [`Self::stderr`] by then.
    pub fn exited(&self) -> Option<Exit> {
        self.watched.lock().ending()
    }

    /// Sends a signal to the process that was started, and to none of its children. Nothing happens
    /// if it has ended: the keeper sends it, as the only one who knows that the pid is not in
    /// other hands.
    pub fn signal(&self, signal: Signal) {
        self.request(signal as i32);
    }

    /// The end of its standard output, at most 64 KiB.
    pub fn stdout(&self) -> String {
        lossy(&self.watched.lock().stdout)
    }

    /// How many bytes it has printed so far, to standard output and standard error.
    pub fn printed(&self) -> u64 {
        self.watched.lock().printed
    }

    /// The end of its standard error, at most 64 KiB.
    pub fn stderr(&self) -> String {
        lossy(&self.watched.lock().stderr)
    }

    /// Stops it: SIGTERM to its process group, up to `grace` for the process that was started to
    /// end, then SIGKILL for it and for every descendant that is left. Returns when all are gone.
    pub fn stop(mut self, grace: Duration) -> Stopped {
        self.request(-(Signal::SIGTERM as i32));
        let state = self.watched.wait(grace, |state| state.ending().is_some());
        let forced = state.ending().is_none();
        drop(state);
        self.sweep();
        let state = self.watched.lock();
        Stopped { exit: state.exit.unwrap_or(Exit::Lost), forced, killed: state.killed }
    }

    /// Everything up to the fork of the keeper. What can fail comes before the fork, so that
    /// afterwards there is always a [`Server`] to clean up behind.
    fn spawn(launch: &Launch) -> Result<Self, Cause> {
        if let Address::At(address) = launch.address
            && listening(address).map_err(|error| Cause::io("read /proc/net/tcp", &error))?
        {
            return Err(Cause::Occupied(address));
        }
        let (plan, line, pipes) = Plan::new(launch)?;
        let own = line.try_clone().map_err(|error| Cause::io("duplicate a descriptor", &error))?;
        let watched = Arc::new(Watched::default());
        let attendant = thread::Builder::new()
            .name("attendant".to_owned())
            .spawn({
                let watched = Arc::clone(&watched);
                move || attend(&line, pipes, &watched)
            })
            .map_err(|error| Cause::io("start a thread", &error))?;
        let keeper = fork_keeper(&plan).map_err(|errno| Cause::system("fork", errno))?;
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        Ok(Self { address, pid: 0, keeper, line: own, watched, attendant: Some(attendant) })
    }

    /// Waits until the server listens, and fills in its pid and address.
    fn await_listening(&mut self, launch: &Launch) -> Result<(), Cause> {
        let start = Instant::now();
        loop {
            let state = self.watched.next(LOOK);
            let address = match launch.address {
                Address::At(address) => Some(address),
                Address::Announced => state.announced,
            };
            if let Some(failure) = state.failure {
                return Err(failure.explain(launch));
            }
            if let Some(exit) = state.hopeless() {
                let (awaited, stderr) = (awaited(address), lossy(&state.stderr));
                return Err(Cause::Ended { awaited, exit, stderr });
            }
            if let (Some(pid), Some(address)) = (state.pid, address)
                && listening(address).map_err(|error| Cause::io("read /proc/net/tcp", &error))?
            {
                (self.pid, self.address) = (pid, reachable(address));
                return Ok(());
            }
            if start.elapsed() >= launch.patience {
                let (awaited, stderr) = (awaited(address), lossy(&state.stderr));
                return Err(Cause::Silent { awaited, patience: launch.patience, stderr });
            }
        }
    }

    /// Asks the keeper for a signal: to the server, or to its group when negative, as kill(2) has it.
    fn request(&self, signal: i32) {
        let byte = i8::try_from(signal).unwrap_or_default().to_ne_bytes();
        // It fails only if the keeper is gone, and then there is nobody left to signal.
        let _ = send(self.line.as_raw_fd(), &byte, MsgFlags::MSG_NOSIGNAL);
    }

    /// Ends the line, and waits until the keeper has killed everything and has ended itself.
    fn sweep(&mut self) {
        if let Some(attendant) = self.attendant.take() {
            // shutdown(2) ends the line even where a keeper that is being forked at this moment
            // still has a copy of our descriptor.
            drop(self.line.shutdown(Shutdown::Write));
            drop(attendant.join());
            while waitpid(self.keeper, None) == Err(Errno::EINTR) {}
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.sweep();
    }
}

/// Whether a process is no copy of its keeper any more: execve(2) gives it a name of its own.
fn is_executed(pid: u32) -> bool {
    let name = fs::read(format!("/proc/{pid}/comm"));
    name.is_ok_and(|name| name.trim_ascii_end() != KEEPER.to_bytes())
}

/// Runs a program that is no server to its end, and ends what it leaves behind. Whatever ends the
/// harness meanwhile ends the program too. Address and patience do not matter.
///
/// # Errors
/// [`Cause::System`]. How the program itself ended is no error here.
pub fn run(launch: &Launch) -> Result<Finished, StartError> {
    let fail = |cause| StartError { program: launch.program.clone(), cause };
    let program = Server::spawn(launch).map_err(fail)?;
    let is_over = |state: &State| state.failure.is_some() || state.ending().is_some();
    let state = program.watched.wait(Duration::MAX, is_over);
    match state.failure {
        Some(failure) => Err(fail(failure.explain(launch))),
        None => Ok(Finished {
            exit: state.ending().unwrap_or(Exit::Lost),
            stdout: lossy(&state.stdout),
            stderr: lossy(&state.stderr),
        }),
    }
}

// ---- The keeper: a forked copy of the harness. Async-signal-safe calls only from here on. ----

/// Forks the keeper, with all signals blocked: a handler of the harness must not run in the copy,
/// where its self-pipe is still the harness's.
fn fork_keeper(plan: &Plan) -> nix::Result<Pid> {
    let mask = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    // SAFETY: the child runs `keep`, which calls nothing but async-signal-safe functions, and
    // never returns.
    let forked = unsafe { fork() };
    if let Ok(ForkResult::Child) = forked {
        keep(plan);
    }
    mask.thread_set_mask()?;
    match forked? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => end(1),
    }
}

/// The keeper's whole life.
fn keep(plan: &Plan) -> ! {
    let started = settle().and_then(|()| fork_server(plan).map_err(Step::Fork.failed()));
    match started {
        Ok(server) => {
            if let Err(failure) = watch(&plan.line, server) {
                report(&plan.line, Report::Failed(failure));
            }
            sweep(&plan.line, server);
        }
        Err(failure) => report(&plan.line, Report::Failed(failure)),
    }
    end(0)
}

/// Makes this process a keeper. All signals stay blocked, for it must outlive what ends others.
fn settle() -> Result<(), Failure> {
    let failed = Step::Keeper.failed();
    // Out of the harness's group, to which the terminal sends SIGINT.
    setpgid(Pid::from_raw(0), Pid::from_raw(0)).map_err(&failed)?;
    prctl::set_child_subreaper(true).map_err(&failed)?;
    prctl::set_name(KEEPER).map_err(&failed)?;
    // An ignored SIGCHLD would reap children unseen, and ignored signals outlive execve(2).
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: SIG_DFL installs no handler. It fails for SIGKILL and SIGSTOP, harmlessly.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    Ok(())
}

/// Forks the process that becomes the server.
fn fork_server(plan: &Plan) -> nix::Result<Pid> {
    let keeper = getpid();
    // SAFETY: the child calls only async-signal-safe functions until it execs or ends.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => {
            // The server does the same. Whoever comes first, the group is there before it is used.
            let _ = setpgid(child, child);
            Ok(child)
        }
        ForkResult::Child => {
            let Err(failure) = exec(plan, keeper);
            report(&plan.line, Report::Failed(failure));
            end(127)
        }
    }
}

/// Serves the harness until the line ends: passes signals on, reaps, and reports.
fn watch(line: &UnixStream, server: Pid) -> Result<(), Failure> {
    // Else this copy would hold the lines of other servers open, and the pipes of this one.
    let own = line.as_raw_fd();
    close_range(0, own - 1, 0).map_err(Step::Close.failed())?;
    close_range(own + 1, RawFd::MAX, 0).map_err(Step::Close.failed())?;
    report(line, Report::Spawned(server.as_raw()));

    let mut mask = SigSet::empty();
    mask.add(Signal::SIGCHLD);
    let children =
        SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK).map_err(Step::Signals.failed())?;
    let mut alive = true;
    loop {
        let mut fds = [line.as_fd(), children.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Step::Signals.failed()(errno)),
        }
        if let Ok(Some(_)) = children.read_signal() {
            alive &= reap(line, server);
        }
        let mut request = [0];
        match recv(own, &mut request, MsgFlags::MSG_DONTWAIT) {
            // Once it is reaped, its pid may be another's.
            Ok(1) if alive => pass_on(server, i8::from_ne_bytes(request)),
            Ok(1) | Err(Errno::EAGAIN) => {}
            Ok(_) | Err(_) => return Ok(()),
        }
    }
}

/// Reaps all that have ended; false if the server is among them. One SIGCHLD may stand for many.
fn reap(line: &UnixStream, server: Pid) -> bool {
    let mut alive = true;
    loop {
        match wait_any(libc::WNOHANG) {
            Ok(Some((pid, status))) if pid == server => {
                report(line, Report::Exited(status));
                alive = false;
            }
            Ok(Some(_)) => {}
            Ok(None) => return alive,
            Err(_) => {
                report(line, Report::Alone);
                return alive;
            }
        }
    }
}

/// Sends a signal to the server or, when negative, to its group.
fn pass_on(server: Pid, signal: i8) {
    if let Ok(number) = Signal::try_from(i32::from(signal.unsigned_abs())) {
        let _ = if signal > 0 { kill(server, number) } else { killpg(server, number) };
    }
}

/// Kills and reaps until no child is left. The children of the dead become children of this
/// process, so each round reaches one generation further, and waits for all that it has reached:
/// thousands may be left, and a kill of all for each that has ended would take minutes.
fn sweep(line: &UnixStream, server: Pid) {
    let mut killed = 0;
    loop {
        let reached = kill_children(server);
        // What cannot be killed is not waited for: all the rest are zombies by now, or gone.
        let block = if reached == 0 { libc::WNOHANG } else { 0 };
        for _ in 0..reached.max(1) {
            if let Ok(Some((pid, status))) = wait_any(block) {
                killed +=
                    i32::from(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGKILL);
                if pid == server {
                    report(line, Report::Exited(status));
                }
            } else {
                report(line, Report::Swept(killed));
                return;
            }
        }
    }
}

/// Sends SIGKILL to the children of this process; returns how many were reached.
///
/// One read of their list is enough: it names the first few hundred, and the next round the next.
/// A file of `proc_pid_task_children(5)` may omit children while others vanish from it, but from
/// this list they vanish only through our own wait.
fn kill_children(server: Pid) -> usize {
    let mut list = [0; 4096];
    let Ok(file) = open(c"/proc/thread-self/children", OFlag::O_CLOEXEC, Mode::empty()) else {
        return usize::from(killpg(server, Signal::SIGKILL).is_ok());
    };
    let length = read(&file, &mut list).unwrap_or(0);
    let list = list.get(..length).unwrap_or_default();
    // Each pid ends with a space; a last one without it may be cut short.
    let pids = list.split_inclusive(|&byte| byte == b' ').filter_map(|pid| pid.strip_suffix(b" "));
    let pids = pids.filter_map(|pid| str::from_utf8(pid).ok()?.parse().ok()).map(Pid::from_raw);
    // The server's group first, and at once: a group that is killed cannot outrun us by forking.
    // That a child of ours is in it proves that the number is still its.
    if pids.clone().any(|pid| getpgid(Some(pid)) == Ok(server)) {
        let _ = killpg(server, Signal::SIGKILL);
    }
    pids.filter(|&pid| kill(pid, Signal::SIGKILL).is_ok()).count()
}

/// waitpid(2) for any child: its pid and wait status, or `None` if all still run.
/// In the raw form, since nix has no number for a death by a real-time signal.
fn wait_any(flags: c_int) -> nix::Result<Option<(Pid, c_int)>> {
    let mut status = 0;
    // SAFETY: `status` is valid for writing.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, flags) };
    Errno::result(pid).map(|pid| (pid > 0).then_some((Pid::from_raw(pid), status)))
}

/// Makes this process the server; returns only if that fails.
fn exec(plan: &Plan, keeper: Pid) -> Result<Infallible, Failure> {
    setpgid(Pid::from_raw(0), Pid::from_raw(0)).map_err(Step::Signals.failed())?;
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(Step::Signals.failed())?;
    if getppid() != keeper {
        // The keeper died before it could have been noticed.
        end(127);
    }
    // None of them is 0, 1 or 2 itself: the Rust runtime opens those three before `main`.
    dup2_stdin(&plan.stdin).map_err(Step::Stdio.failed())?;
    dup2_stdout(&plan.stdout).map_err(Step::Stdio.failed())?;
    dup2_stderr(&plan.stderr).map_err(Step::Stdio.failed())?;
    if let Some(limit) = plan.descriptor_limit {
        set_soft_limit(Resource::RLIMIT_NOFILE, limit).map_err(Step::Limit.failed())?;
    }
    if let Some(limit) = plan.process_limit {
        set_soft_limit(Resource::RLIMIT_NPROC, limit).map_err(Step::Limit.failed())?;
    }
    if let Some(processors) = &plan.processors {
        sched_setaffinity(Pid::from_raw(0), processors).map_err(Step::Processors.failed())?;
    }
    if let Some(directory) = &plan.directory {
        chdir(directory.as_c_str()).map_err(Step::Directory.failed())?;
    }
    if let Some(user) = plan.real_user {
        set_real_user(user).map_err(Step::User.failed())?;
    }
    // Closed by execve(2) and not before: the line is to tell why that failed.
    close_range(3, RawFd::MAX, libc::CLOSE_RANGE_CLOEXEC).map_err(Step::Close.failed())?;
    SigSet::empty().thread_set_mask().map_err(Step::Signals.failed())?;
    let (arguments, environment) = (&plan.arguments.pointers, &plan.environment.pointers);
    // SAFETY: both arrays end with a null pointer, and what they point to lives in `plan`.
    unsafe { libc::execve(plan.program.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    Err(Step::Exec.failed()(Errno::last()))
}

fn set_soft_limit(resource: Resource, soft: u64) -> nix::Result<()> {
    let (_, hard) = getrlimit(resource)?;
    setrlimit(resource, soft, hard.max(soft))
}

/// Makes `user` the real user, by whom `RLIMIT_NPROC` counts, of a process that stays root in its
/// effective user, and so in its rights to files. execve(2) gives such a process all capabilities
/// of the bounding set, so the two that lift the limit leave that first (capabilities(7)).
fn set_real_user(user: u32) -> nix::Result<()> {
    const CAP_SYS_ADMIN: libc::c_ulong = 21;
    const CAP_SYS_RESOURCE: libc::c_ulong = 24;
    for capability in [CAP_SYS_ADMIN, CAP_SYS_RESOURCE] {
        // SAFETY: this request takes a number, and no pointer.
        Errno::result(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability) })?;
    }
    setresuid(Uid::from_raw(user), Uid::from_raw(0), Uid::from_raw(0))
}

/// `close_range(2)`, through syscall(2): older C libraries have no wrapper for it.
fn close_range(first: RawFd, last: RawFd, flags: u32) -> nix::Result<()> {
    // SAFETY: the process that calls it was forked to exec or to keep, and never uses or drops
    // what owns these descriptors.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) };
    Errno::result(result).map(drop)
}

fn report(line: &UnixStream, report: Report) {
    // It fails only if the harness is gone, and then nobody wants to know.
    let _ = send(line.as_raw_fd(), &report.to_bytes(), MsgFlags::MSG_NOSIGNAL);
}

/// Ends a forked process without the harness's destructors and exit handlers.
fn end(status: c_int) -> ! {
    // SAFETY: _exit(2) may be called at any time.
    unsafe { libc::_exit(status) }
}
