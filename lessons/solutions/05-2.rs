//! Exercise 2 of rung 5: reaping without a handler. Base: concurrentserver_eintr.
#![expect(unsafe_code, reason = "fork is this rung's lesson")]

use nix::{
    poll::{PollFd, PollFlags, poll},
    sys::{
        socket::accept,
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{ForkResult, close, fork},
};
use rungs::serve::{_exit, Args, During, Result, answer, listen, run};
use std::{
    os::fd::{AsFd, AsRawFd},
    process::ExitCode,
};

/// How many connections the kernel completes for us while we are busy. They wait: a long backlog is
/// a long queue, not a second server.
const BACKLOG: i32 = 1024;

/// How long a child may be a zombie while no client comes, in milliseconds.
const PATIENCE: u16 = 500;

fn main() -> ExitCode {
    run(serve)
}

fn serve(args: &Args) -> Result<()> {
    let listener = listen(args.listen, BACKLOG)?;
    loop {
        // All that are dead by now. WNOHANG, because nobody waits for those who live.
        while waitpid(None, Some(WaitPidFlag::WNOHANG)).is_ok_and(|s| s != WaitStatus::StillAlive) {
        }
        // Until a client comes, or for so long and no longer.
        let mut door = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
        if poll(&mut door, PATIENCE).during("poll")? == 0 {
            continue;
        }
        // A connection that has died since poll looked leaves us waiting here, and the dead unburied,
        // until the next client comes (accept(2), NOTES). A listening socket that does not block would
        // say EAGAIN instead.
        let client = accept(listener.as_raw_fd()).during("accept")?;
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
