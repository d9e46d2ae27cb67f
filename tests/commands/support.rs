//! What the tests stand on: starting a program, and looking at it.

use super::waiting::await_some;
use assert_cmd::{Command, cargo::cargo_bin};
use rungs::harness::{
    observe,
    supervise::{Launch, Server},
};
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
};

pub(crate) fn rungs(arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo_bin("rungs"));
    command.args(arguments).env_remove("RUST_BACKTRACE").env_remove("CLICOLOR_FORCE");
    command
}

pub(crate) fn start(program: &str) -> Server {
    let launch = Launch::new(cargo_bin(program)).arguments(["--listen", "127.0.0.1:0"]);
    Server::start(&launch).unwrap()
}

/// The first line that a program says, and the rest of the stream: a program must not be shut up
/// by a pipe that nobody holds any more.
pub(crate) fn first_line<R: Read>(stream: R) -> (String, BufReader<R>) {
    let (mut stream, mut line) = (BufReader::new(stream), String::new());
    stream.read_line(&mut line).unwrap();
    (line, stream)
}

/// Whether a file has been written: an empty one is there for a moment when the run begins, which
/// shows that it may be made, and before Ctrl-C means anything to the run.
pub(crate) fn has_results(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|file| file.len() > 0)
}

/// How many descriptors a server has open that waits for clients. It announces itself before it has
/// opened the last of them.
pub(crate) fn descriptors_at_rest(server: &Server) -> u64 {
    let tree = await_some("the server to wait for clients", || {
        let tree = observe::tree(server.pid());
        (tree.processes[0].state == 'S').then_some(tree)
    });
    tree.descriptors().unwrap()
}

#[test]
fn a_descriptor_that_accept_has_reserved_is_not_open() {
    let server = start("iterativeserver");
    // 0, 1, 2 and the listening socket.
    assert_eq!(descriptors_at_rest(&server), 4);
}
