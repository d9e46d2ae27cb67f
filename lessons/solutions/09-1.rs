//! Exercise 1 of rung 9: threads that tell whom they serve. Base: threadserver.

use nix::{sys::socket::accept, unistd::close};
use rungs::serve::{Args, During, Result, converse, died_in_queue, is_shortage, listen, log, run};
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
        let client = match accept(listener) {
            // accept would fail again at once, but a client that leaves gives its descriptor back.
            Err(error) if is_shortage(&error.into()) => {
                std::thread::sleep(std::time::Duration::from_millis(10));
                continue;
            }
            // What happened to one client before it was served is no concern of the others.
            Err(error) if died_in_queue(&error.into()) => continue,
            accepted => accepted.during("accept")?,
        };
        // Threads share the descriptor table: there is one copy of `client`, and its thread closes
        // it. Nobody waits for the thread, whose end leaves nothing behind.
        let name = format!("client {client}");
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            converse(client);
            close(client)
        });
        // No thread to be had (EAGAIN): this client goes without, the others stay.
        let Err(error) = thread.during("thread") else { continue };
        log(error);
        close(client).during("close")?;
    }
}
