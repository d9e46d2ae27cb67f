//! Exercise 1 of rung 8: workers that retire. Base: preforkserver.
#![expect(unsafe_code, reason = "fork is this rung's lesson")]

use nix::{sys::socket::accept, sys::wait::wait, unistd::close, unistd::fork};
use rungs::serve::{During, PreforkArgs, Result, answer, die_with_parent, listen, run};
use std::{os::fd::IntoRawFd, process::ExitCode, thread::sleep, time::Duration};

/// How many connections the kernel completes for us while we are busy. They wait: a long backlog is
/// a long queue, not a second server.
const BACKLOG: i32 = 1024;

/// So many clients a worker serves before it makes room for a fresh one.
const LIFE: usize = 10;

fn main() -> ExitCode {
    run(serve)
}

fn serve(args: &PreforkArgs) -> Result<()> {
    // From here on descriptors are plain numbers, as in C: nobody closes them but us.
    let listener = listen(args.listen, BACKLOG)?.into_raw_fd();
    let parent = std::process::id();
    let mut workers = 0;
    // The parent never leaves this loop, a worker never stays in it.
    // SAFETY: this process has one thread, so the child may do all that its parent could.
    while unsafe { fork() }.during("fork")?.is_parent() {
        workers += 1;
        if workers >= args.workers {
            // All are there; the next is made when one has died. Ten a second at most, or workers
            // that die at once would keep us forking.
            wait().during("wait")?;
            sleep(Duration::from_millis(100));
        }
    }
    die_with_parent(parent)?;
    // The workers wait in accept together; the kernel wakes one of them for each connection. One
    // that fails here ends, and is replaced.
    for _ in 0..LIFE {
        let client = accept(listener).during("accept")?;
        answer(client);
        close(client).during("close")?;
    }
    Ok(())
}
