//! Exercise 2 of rung 9: threads made before. Base: threadserver.

use nix::{sys::socket::accept, unistd::close};
use rungs::serve::{Args, During, Result, converse, died_in_queue, is_shortage, listen, log, run};
use std::{
    os::fd::{IntoRawFd, RawFd},
    process::ExitCode,
};

/// How many connections the kernel completes for us while we are busy. They wait: a long backlog is
/// a long queue, not a second server.
const BACKLOG: i32 = 1024;

/// Made once. Each of them serves one client at a time.
const THREADS: usize = 8;

fn main() -> ExitCode {
    run(serve)
}

fn serve(args: &Args) -> Result<()> {
    // From here on descriptors are plain numbers, as in C: nobody closes them but us.
    let listener = listen(args.listen, BACKLOG)?.into_raw_fd();
    let mut threads = Vec::new();
    for _ in 0..THREADS {
        let serve = move || serve_one_by_one(listener).inspect_err(|error| log(error));
        threads.push(std::thread::Builder::new().spawn(serve).during("thread")?);
    }
    // To return would end the process, and all of them.
    for thread in threads {
        thread.join().ok();
    }
    Ok(())
}

fn serve_one_by_one(listener: RawFd) -> Result<()> {
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
        converse(client);
        close(client).during("close")?;
    }
}
