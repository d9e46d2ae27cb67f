//! Exercise 2 of rung 6: a signal that is read. Base: concurrentserver3.
#![expect(unsafe_code, reason = "fork is this rung's lesson")]

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
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

fn main() -> ExitCode {
    run(serve)
}

fn serve(args: &Args) -> Result<()> {
    let sigchld = SigSet::from(Signal::SIGCHLD);
    // Blocked, so that it stays pending until it is read.
    sigchld.thread_block().during("sigprocmask")?;
    let signals = SignalFd::with_flags(&sigchld, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
        .during("signalfd")?;
    let listener = listen(args.listen, BACKLOG)?;
    loop {
        let mut events = [
            PollFd::new(listener.as_fd(), PollFlags::POLLIN),
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
        ];
        poll(&mut events, PollTimeout::NONE).during("poll")?;
        let [client_came, child_died] = events.map(|event| event.any() == Some(true));
        // One signal may stand for many children, however it is delivered.
        if child_died && signals.read_signal().during("read signalfd")?.is_some() {
            while waitpid(None, Some(WaitPidFlag::WNOHANG))
                .is_ok_and(|status| status != WaitStatus::StillAlive)
            {}
        }
        if !client_came {
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
