//! The `rungs` command.
fn main() {}
