//! What the tests stand on: starting a program, and looking at it.

use super::waiting::{await_some, await_until};
use assert_cmd::{Command, cargo::cargo_bin};
use rungs::harness::{
    observe,
    supervise::{Launch, Server},
};
use std::{
    fmt::{self, Display, Formatter},
    fs,
    io::{BufRead, BufReader, Read, Write},
    num::NonZeroU16,
    path::Path,
    process::{self, Child, ChildStdin, Stdio},
    sync::{Arc, Mutex},
    thread,
};
use vt100::Parser;

/// What a test gets for an exit code if a terminal is not left as it was found.
const NOT_RESTORED: i32 = 99;

pub(crate) fn rungs(arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo_bin("rungs"));
    command.args(arguments).env_remove("RUST_BACKTRACE").env_remove("CLICOLOR_FORCE");
    command
}

/// Where the tests need Python.
pub(crate) fn has_python(test: &str) -> bool {
    let has = process::Command::new("python3").arg("--version").output().is_ok();
    if !has {
        println!("skipped {test}: python3 is not on PATH");
    }
    has
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

/// `rungs` on a terminal of 80 columns.
pub(crate) struct Terminal {
    script: Child,
    keys: ChildStdin,
    screen: Arc<Mutex<Parser>>,
}

impl Terminal {
    /// `None` where there is no script(1) to be the terminal.
    pub(crate) fn start(arguments: &str, lines: u16) -> Option<Self> {
        let program = cargo_bin("rungs");
        let command = format!(
            "stty cols 80 rows {lines}; before=$(stty -g); '{}' {arguments}; code=$?;
             test \"$before\" = \"$(stty -g)\" || exit {NOT_RESTORED}; exit $code",
            program.display()
        );
        let mut script = process::Command::new("script");
        script.args(["-qec", &command, "/dev/null"]).env("TERM", "xterm-256color");
        script.env_remove("NO_COLOR").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut script = script.spawn().ok()?;
        let (keys, mut output) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
        // A low one shows the shell's last words below.
        let [rows, columns] = [lines.max(24), 80].map(|size| NonZeroU16::new(size).unwrap());
        let screen = Arc::new(Mutex::new(Parser::new(rows, columns, 0)));
        thread::spawn({
            let screen = Arc::clone(&screen);
            move || {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = output.read(&mut buffer) {
                    screen.lock().unwrap().process(&buffer[..count]);
                }
            }
        });
        Some(Self { script, keys, screen })
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Waits for the end, and says what it ended with, if the terminal is as it was.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        await_some("the end", || self.script.try_wait().unwrap()).code()
    }

    #[track_caller]
    pub(crate) fn await_text(&self, text: &str) {
        await_until(Awaited(text, self), || self.text().contains(text));
    }
}

/// A text, and the terminal that does not show it.
struct Awaited<'a>(&'a str, &'a Terminal);

impl Display for Awaited<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let Self(text, terminal) = self;
        write!(formatter, "{text}\non a terminal that shows\n{}", terminal.text())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The end of its keyboard ends script(1), and that the rest.
        self.script.kill().ok();
        self.script.wait().ok();
    }
}

#[test]
fn a_descriptor_that_accept_has_reserved_is_not_open() {
    let server = start("iterativeserver");
    // 0, 1, 2 and the listening socket.
    assert_eq!(descriptors_at_rest(&server), 4);
}
