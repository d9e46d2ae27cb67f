//! Exercise 1 of rung 6: the kernel reaps. Base: concurrentserver3.
#![expect(unsafe_code, reason = "fork and the signal's disposition are this rung's lesson")]

use nix::{
    sys::{
        signal::{SigHandler, Signal, signal},
        socket::accept,
    },
    unistd::{ForkResult, close, fork},
};
use rungs::serve::{_exit, Args, During, Result, answer, listen, run};
use std::{os::fd::IntoRawFd, process::ExitCode};

/// How many connections the kernel completes for us while we are busy. They wait: a long backlog is
/// a long queue, not a second server.
const BACKLOG: i32 = 1024;

fn main() -> ExitCode {
    run(serve)
}

fn serve(args: &Args) -> Result<()> {
    // SAFETY: no handler, so nothing of ours runs when the signal comes.
    unsafe { signal(Signal::SIGCHLD, SigHandler::SigIgn) }.during("signal")?;
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
