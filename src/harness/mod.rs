//! The harness: starts, loads and watches any server from outside.

pub mod load;
pub mod observe;
pub mod supervise;
