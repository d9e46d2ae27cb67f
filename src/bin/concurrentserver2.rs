//! Rung 3, concurrentserver2: fork a child per connection, and forget to close. Base: iterativeserver. Lesson: lessons/03-concurrentserver2.md
//!
//! See it break: `curl -N http://127.0.0.1:8888/` prints its answer and never ends. End it, try a few
//! more, and see `ls -l /proc/PID/fd` and `ps -f --ppid PID`: a descriptor and a zombie for each.
#![expect(unsafe_code, reason = "fork is this rung's lesson")]

use nix::{
    sys::socket::accept,
    unistd::{ForkResult, fork},
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
    // From here on descriptors are plain numbers, as in C: nobody closes them but us.
    let listener = listen(args.listen, BACKLOG)?.into_raw_fd();
    loop {
        let client = accept(listener).during("accept")?;
        // SAFETY: this process has one thread, so the child may do all that its parent could.
        match unsafe { fork() }.during("fork")? {
            ForkResult::Child => {
                answer(client);
                _exit(0);
            }
            // The child's exit closes the child's copy of `client`. Ours keeps the connection open,
            // so no FIN is ever sent; and nobody waits for the child. Rung 4 closes.
            ForkResult::Parent { .. } => {}
        }
    }
}
