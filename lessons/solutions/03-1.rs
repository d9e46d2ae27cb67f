//! Exercise 1 of rung 3: an end without close. Base: concurrentserver2.
#![expect(unsafe_code, reason = "fork is this rung's lesson")]

use nix::{
    sys::socket::{Shutdown, accept, shutdown},
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
                // The FIN goes out, however many copies of the descriptor there are.
                shutdown(client, Shutdown::Write).ok();
                _exit(0);
            }
            // Our copy of `client` stays open: a descriptor that nobody will use again.
            ForkResult::Parent { .. } => {}
        }
    }
}
