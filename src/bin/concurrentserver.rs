//! Rung 4, concurrentserver: close the duplicates on both sides. Base: concurrentserver2. Lesson: lessons/04-concurrentserver.md
//!
//! See it break: a few times `curl http://127.0.0.1:8888/`, then `ps -f --ppid PID`: a zombie
//! (`<defunct>`) for every client, and `kill -9` does nothing to them. They are dead; nobody has asked how they died.
#![expect(unsafe_code, reason = "fork is this rung's lesson")]

use nix::{
    sys::socket::accept,
    unistd::{ForkResult, close, fork},
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
            // fork doubled both descriptors; each side closes the one it does not serve. A socket
            // is closed, and its FIN sent, when the last copy is.
            ForkResult::Child => {
                close(listener).during("close")?;
                answer(client);
                _exit(0);
            }
            ForkResult::Parent { .. } => close(client).during("close")?,
        }
    }
}
