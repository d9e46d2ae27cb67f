//! Exercise 1 of rung 4: a child that nobody has to wait for. Base: concurrentserver.
#![expect(unsafe_code, reason = "fork is this rung's lesson")]

use nix::{
    sys::{socket::accept, wait::waitpid},
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
                // SAFETY: as above.
                if unsafe { fork() }.during("fork")?.is_child() {
                    answer(client);
                }
                // The child ends at once, the grandchild when it has answered. By then it is
                // nobody's here: its parent has gone, and process 1, or a subreaper, waits for orphans.
                _exit(0);
            }
            ForkResult::Parent { child } => {
                close(client).during("close")?;
                waitpid(child, None).during("waitpid")?;
            }
        }
    }
}
