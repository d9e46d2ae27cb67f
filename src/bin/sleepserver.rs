//! Rung 2, sleepserver: it answers, then blocks 60 s. Base: iterativeserver. Lesson: lessons/02-sleepserver.md
//!
//! See it break: run `curl -N http://127.0.0.1:8888/` in two terminals. The first prints its answer and
//! hangs, the second prints nothing for a minute. `--sleep SECONDS` changes the minute.

use nix::{sys::socket::accept, unistd::close};
use rungs::serve::{During, Result, SleepArgs, answer, listen, run};
use std::{os::fd::IntoRawFd, process::ExitCode, thread::sleep};

/// How many connections the kernel completes for us while we sleep (Linux lets in one more).
/// Who comes later hears nothing, not even a refusal: its SYN is dropped and sent again.
const BACKLOG: i32 = 5;

fn main() -> ExitCode {
    run(serve)
}

fn serve(args: &SleepArgs) -> Result<()> {
    // From here on descriptors are plain numbers, as in C: nobody closes them but us.
    let listener = listen(args.listen, BACKLOG)?.into_raw_fd();
    loop {
        let client = accept(listener).during("accept")?;
        answer(client);
        // The client has its answer, but not the end of the connection; the others have nothing.
        sleep(args.sleep);
        close(client).during("close")?;
    }
}
