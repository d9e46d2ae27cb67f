//! Exercise 2 of rung 2: the end before the sleep. Base: sleepserver.

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
        close(client).during("close")?;
        // The client has its answer and its end; the others have nothing.
        sleep(args.sleep);
    }
}
