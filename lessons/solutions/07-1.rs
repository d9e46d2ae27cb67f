//! Exercise 1 of rung 7: a fork that fails. Base: concurrentserver_final.
#![expect(unsafe_code, reason = "fork and the signal handler are this rung's lesson")]

use nix::{
    errno::Errno,
    sys::{
        signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction},
        socket::accept,
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{ForkResult, close, fork},
};
use rungs::serve::{_exit, Args, During, Result, answer, listen, log, run};
use std::{os::fd::IntoRawFd, process::ExitCode};

/// How many connections the kernel completes for us while we are busy. They wait: a long backlog is
/// a long queue, not a second server.
const BACKLOG: i32 = 1024;

/// Runs between any two instructions of the parent, so it may call only what is
/// async-signal-safe (signal-safety(7)) and must leave errno as it found it.
extern "C" fn reap(_signal: i32) {
    let errno = Errno::last_raw();
    // One SIGCHLD may stand for many children; WNOHANG, because the rest of them are still alive.
    while waitpid(None, Some(WaitPidFlag::WNOHANG)).is_ok_and(|s| s != WaitStatus::StillAlive) {}
    Errno::set_raw(errno);
}

fn main() -> ExitCode {
    run(serve)
}

fn serve(args: &Args) -> Result<()> {
    // No SA_RESTART: a system call that the handler interrupts fails with EINTR (signal(7)).
    let action = SigAction::new(SigHandler::Handler(reap), SaFlags::SA_NOCLDSTOP, SigSet::empty());
    // SAFETY: the handler is async-signal-safe and keeps errno.
    unsafe { sigaction(Signal::SIGCHLD, &action) }.during("sigaction")?;
    // From here on descriptors are plain numbers, as in C: nobody closes them but us.
    let listener = listen(args.listen, BACKLOG)?.into_raw_fd();
    loop {
        let client = match accept(listener) {
            // A child died and the handler ran; no client has come.
            Err(Errno::EINTR) => continue,
            accepted => accepted.during("accept")?,
        };
        // SAFETY: this process has one thread, so the child may do all that its parent could.
        match unsafe { fork() }.during("fork") {
            Ok(ForkResult::Child) => {
                close(listener).during("close")?;
                answer(client);
                _exit(0);
            }
            Ok(ForkResult::Parent { .. }) => {}
            // No process, or no memory, is left. This client gets no answer; the next one may.
            Err(error) => log(error),
        }
        close(client).during("close")?;
    }
}
