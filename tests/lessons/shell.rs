//! One bash a lesson. It reads commands from a named pipe, and all that it and its children print
//! goes to one file, so that a server in the background is heard where it speaks.

use super::{root, waiting::await_until};
use assert_cmd::cargo::cargo_bin;
use regex::Regex;
use rungs::harness::supervise::{Launch, Server};
use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::Write,
    net::TcpListener,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Executes what comes, up to a NUL, and prints a record separator when it is done, or a unit
/// separator if nothing is left in the background. `$?` goes from one command to the next, as it
/// does on a terminal.
const LOOP: &str = r#"exec >>"$2" 2>&1
while IFS= read -r -d '' -u 3 command; do
    (exit "${status:-0}")
    eval "$command" 3<&-
    status=$?
    jobs=$(jobs -pr)
    printf "\\$([ "$jobs" ] && echo 036 || echo 037)"
done 3<"$1""#;
const BUSY: u8 = 0o036;
const ALONE: u8 = 0o037;

/// The port that the lessons name.
const PORT: &str = "8888";

/// What a learner's project folder has, and a lesson may name.
const PROJECT: [&str; 5] = ["Cargo.toml", "README.md", "lessons", "scripts", "src"];

/// How long nothing must come before an output is taken for whole, when it is to be written down.
const QUIET: Duration = Duration::from_millis(700);

const STEP: Duration = Duration::from_millis(10);

pub(crate) struct Shell {
    /// Ends the shell and all that it started, when it is dropped.
    _bash: Server,
    commands: File,
    output: PathBuf,
    /// How much of the output belongs to earlier commands.
    read: usize,
    port: Port,
    _folder: TempDir,
}

impl Shell {
    /// A shell in a clean home, whose working directory looks like the project's. Its
    /// `target/release` are the programs under test.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (home, project) = (folder.path().join("home"), folder.path().join("rungs"));
        fs::create_dir_all(&home).unwrap();
        fs::create_dir_all(project.join("target")).unwrap();
        for name in PROJECT {
            symlink(root().join(name), project.join(name)).unwrap();
        }
        symlink(cargo_bin("rungs").parent().unwrap(), project.join("target/release")).unwrap();
        let (commands, output) = (folder.path().join("commands"), folder.path().join("output"));
        assert!(Command::new("mkfifo").arg(&commands).status().unwrap().success(), "mkfifo");
        File::create(&output).unwrap();
        let port = Port::free();
        let bash = Launch::new("bash")
            .arguments(["--noprofile", "--norc", "-c", LOOP, "bash"])
            .arguments([&commands, &output])
            .environment("HOME", &home)
            .environment("LC_ALL", "C.UTF-8")
            .environment("RUNGS_ADDR", format!("127.0.0.1:{}", port.0))
            .directory(&project);
        let bash = Server::begin(&bash).unwrap();
        // Opening it waits for the shell to open the other end.
        let commands = OpenOptions::new().write(true).open(commands).unwrap();
        Self { _bash: bash, commands, output, read: 0, port, _folder: folder }
    }

    /// Executes a command, and waits until its output, with whatever comes from the background, is
    /// `enough`. Returns what has come by then, or when nothing more can come, or when it is late.
    pub(crate) fn run(
        &mut self,
        command: &str,
        late: Duration,
        enough: impl Fn(&str) -> bool,
    ) -> String {
        self.send(command);
        let start = Instant::now();
        loop {
            let raw = self.unread();
            let text = self.readable(&raw);
            let is_all = raw.contains(&ALONE) || start.elapsed() > late;
            if is_all || enough(&text) {
                self.read += raw.len();
                return text;
            }
            thread::sleep(STEP);
        }
    }

    /// Executes a command, and returns all that comes until nothing more does.
    pub(crate) fn listen(&mut self, command: &str) -> String {
        self.send(command);
        let mut last = (Instant::now(), self.unread());
        while !last.1.contains(&ALONE) && last.0.elapsed() < QUIET {
            thread::sleep(STEP);
            let raw = self.unread();
            if raw != last.1 {
                last = (Instant::now(), raw);
            }
        }
        self.read += last.1.len();
        self.readable(&last.1)
    }

    fn send(&mut self, command: &str) {
        let command = self.port.instead_of_the_lessons(command);
        self.commands.write_all(format!("{command}\0").as_bytes()).unwrap();
        await_until(format!("the end of {command}"), || self.unread().into_iter().any(is_done));
    }

    /// What has come since the last command.
    fn unread(&self) -> Vec<u8> {
        fs::read(&self.output).unwrap().split_off(self.read)
    }

    fn readable(&self, raw: &[u8]) -> String {
        let text: Vec<_> = raw.iter().copied().filter(|&byte| !is_done(byte)).collect();
        self.port.as_in_the_lessons(&String::from_utf8_lossy(&text))
    }
}

fn is_done(byte: u8) -> bool {
    [BUSY, ALONE].contains(&byte)
}

/// A port of four digits, as the lessons' own, so that columns stay where they are.
struct Port(u16);

static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

impl Port {
    fn free() -> Self {
        let mut taken = TAKEN.lock().unwrap();
        let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
        // Two runs of the tests at once begin at different ports.
        let first = 2000 + u16::try_from(std::process::id() % 4000).unwrap();
        let port = (first..9999).find(|port| !taken.contains(port) && is_free(port)).unwrap();
        taken.insert(port);
        Self(port)
    }

    fn instead_of_the_lessons(&self, command: &str) -> String {
        command.replace(PORT, &self.0.to_string())
    }

    fn as_in_the_lessons(&self, output: &str) -> String {
        Regex::new(&format!(r"\b{}\b", self.0)).unwrap().replace_all(output, PORT).into_owned()
    }
}

/// Whether a program is on PATH.
pub(crate) fn has(program: &str) -> bool {
    rungs::harness::supervise::locate(Path::new(program)).is_ok()
}
