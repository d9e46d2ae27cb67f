//! What a rung needs of its own process and nix has no safe name for: this wing's only unsafe code.
#![expect(unsafe_code, reason = "three libc calls that nix does not wrap for plain numbers")]

use super::error::{During, Result};
use nix::{
    errno::Errno,
    libc,
    sys::{
        prctl::set_pdeathsig,
        signal::{Signal, raise},
    },
    unistd::getppid,
};
use std::os::fd::RawFd;

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

/// Sends every segment at once (`TCP_NODELAY`, tcp(7)).
pub(super) fn set_no_delay(socket: RawFd) -> nix::Result<()> {
    set_option(socket, libc::IPPROTO_TCP, libc::TCP_NODELAY, &1_i32)
}

/// Lets a blocking read wait so many seconds and no longer (`SO_RCVTIMEO`, socket(7)).
pub(super) fn set_patience(socket: RawFd, seconds: i64) -> nix::Result<()> {
    let time = libc::timeval { tv_sec: seconds, tv_usec: 0 };
    set_option(socket, libc::SOL_SOCKET, libc::SO_RCVTIMEO, &time)
}

/// nix's setsockopt wants proof that the descriptor is open, which a plain number is not. The
/// kernel looks for itself, and says EBADF.
fn set_option<T>(socket: RawFd, level: i32, name: i32, value: &T) -> nix::Result<()> {
    // An option is a few bytes long; a size of 0 would get EINVAL.
    let size = libc::socklen_t::try_from(size_of::<T>()).unwrap_or(0);
    let value = std::ptr::from_ref(value).cast();
    // SAFETY: the kernel reads `size` bytes at `value`, which are there, and keeps no pointer.
    Errno::result(unsafe { libc::setsockopt(socket, level, name, value, size) }).map(drop)
}

/// Has the kernel end this process when its `parent` ends, however that ends
/// (`PR_SET_PDEATHSIG(2const)`). The kernel means the thread that forked; the parents here have one.
pub fn die_with_parent(parent: u32) -> Result<()> {
    set_pdeathsig(Signal::SIGKILL).during("prctl PR_SET_PDEATHSIG")?;
    // It may have ended before the kernel was asked.
    if getppid().as_raw().cast_unsigned() != parent {
        raise(Signal::SIGKILL).during("raise SIGKILL")?;
    }
    Ok(())
}
