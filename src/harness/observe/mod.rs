//! What the kernel shows of a running server.
