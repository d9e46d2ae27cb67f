//! What a rung needs of its own process and nix has no safe name for: this wing's only unsafe code.
#![expect(
    unsafe_code,
    reason = "two libc calls that nix does not wrap, and a loan of a raw descriptor"
)]

use super::error::{During, Result};
use nix::{
    errno::Errno,
    libc,
    sys::{prctl::set_pdeathsig, signal::Signal},
    unistd::getppid,
};
use std::os::fd::{BorrowedFd, RawFd};

/// Ends this process at once, as a forked child must: no destructors, no `atexit` handlers, no
/// second flush of buffers that the parent filled (`_exit(2)`).
pub fn _exit(status: i32) -> ! {
    // SAFETY: _exit takes any status, returns never and touches no memory of ours.
    unsafe { libc::_exit(status) }
}

/// Gives the heap's free pages back to the kernel (`malloc_trim(3)`, glibc only).
pub(super) fn return_free_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim releases only memory that nobody has allocated.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Lends a descriptor of a rung, which keeps it as a plain number, to a function that wants proof
/// that it is open.
pub(super) fn borrow<'a>(descriptor: RawFd) -> BorrowedFd<'a> {
    // SAFETY: a rung closes its descriptor after the call that was given it; should it be closed
    // all the same, the system call that follows fails with EBADF and nothing else happens.
    unsafe { BorrowedFd::borrow_raw(descriptor) }
}

/// Has the kernel end this process when its `parent` ends, however that ends
/// (`PR_SET_PDEATHSIG(2const)`).
pub fn die_with_parent(parent: u32) -> Result<()> {
    set_pdeathsig(Signal::SIGKILL).during("prctl PR_SET_PDEATHSIG")?;
    // It may have ended before the kernel was asked.
    if getppid().as_raw().cast_unsigned() != parent {
        return Err(Errno::ESRCH).during("getppid");
    }
    Ok(())
}
