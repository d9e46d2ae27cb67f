//! Exercise 1 of rung 1: patience with an end. Base: iterativeserver.
#![expect(unsafe_code, reason = "setsockopt wants to be promised that the descriptor is open")]

use nix::{
    sys::{
        socket::{accept, setsockopt, sockopt::ReceiveTimeout},
        time::TimeVal,
    },
    unistd::close,
};
use rungs::serve::{Args, During, Result, answer, listen, run};
use std::{
    os::fd::{BorrowedFd, IntoRawFd},
    process::ExitCode,
};

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
        // SAFETY: `client` is open until we close it below.
        let socket = unsafe { BorrowedFd::borrow_raw(client) };
        // A read that takes longer says EAGAIN (socket(7)), and `answer` gives up.
        setsockopt(&socket, ReceiveTimeout, &TimeVal::new(1, 0)).during("setsockopt")?;
        answer(client);
        close(client).during("close")?;
    }
}
