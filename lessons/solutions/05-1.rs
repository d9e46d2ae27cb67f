//! Exercise 1 of rung 5: the kernel asks again. Base: concurrentserver_eintr.
#![expect(unsafe_code, reason = "fork and the signal handler are this rung's lesson")]

use nix::{
    errno::Errno,
    sys::{
        signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction},
        socket::accept,
        wait::wait,
    },
    unistd::{ForkResult, close, fork},
};
use rungs::serve::{_exit, Args, During, Result, answer, listen, run};
use std::{os::fd::IntoRawFd, process::ExitCode};

/// How many connections the kernel completes for us while we are busy. They wait: a long backlog is
/// a long queue, not a second server.
const BACKLOG: i32 = 1024;

/// Runs between any two instructions of the parent, so it may call only what is
/// async-signal-safe (signal-safety(7)) and must leave errno as it found it.
extern "C" fn reap(_signal: i32) {
    let errno = Errno::last_raw();
    wait().ok();
    Errno::set_raw(errno);
}

fn main() -> ExitCode {
    run(serve)
}

fn serve(args: &Args) -> Result<()> {
    // With SA_RESTART the kernel begins an interrupted accept anew when the handler has returned.
    let flags = SaFlags::SA_NOCLDSTOP | SaFlags::SA_RESTART;
    let action = SigAction::new(SigHandler::Handler(reap), flags, SigSet::empty());
    // SAFETY: the handler is async-signal-safe and keeps errno.
    unsafe { sigaction(Signal::SIGCHLD, &action) }.during("sigaction")?;
    // From here on descriptors are plain numbers, as in C: nobody closes them but us.
    let listener = listen(args.listen, BACKLOG)?.into_raw_fd();
    loop {
        let client = accept(listener).during("accept")?;
        // SAFETY: this process has one thread, so the child may do all that its parent could.
        match unsafe { fork() }.during("fork")? {
            ForkResult::Child => {
                close(listener).during("close")?;
                answer(client);
                _exit(0);
            }
            ForkResult::Parent { .. } => close(client).during("close")?,
        }
    }
}
