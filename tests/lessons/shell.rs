//! One bash a lesson. It reads commands from a named pipe, and all that it and its children print
//! goes to one file, so that a server in the background is heard where it speaks.

use super::{
    root,
    waiting::{await_some, await_until},
};
use assert_cmd::cargo::cargo_bin;
use nix::{sys::stat::Mode, unistd::mkfifo};
use regex::Regex;
use rungs::harness::supervise::{Launch, Server, locate};
use socket2::{Domain, Socket, Type};
use std::{
    env,
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::Write,
    net::{SocketAddr, UdpSocket},
    os::unix::fs::symlink,
    path::Path,
    process::Command,
    sync::Once,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Executes what comes, up to a NUL, and marks when it is done, and whether anything is left in the
/// background. `$?` goes from one command to the next, as it does on a terminal.
///
/// As `target/release` is what was built for the tests, so `cargo` builds in that profile too, and
/// nothing a second time with optimisation; it is found in the home of whoever runs the tests.
const LOOP: &str = r#"exec >>"$2" 2>&1
tested=("${@:4}")
cargo() {
    HOME=$OWN_HOME "${CARGO:-cargo}" "$1" "${tested[@]}" "${@:2}"
}
while IFS= read -r -d '' -u 3 command; do
    (exit "${status:-0}")
    eval "$command" 3<&-
    status=$?
    [ "$(jobs -pr)" ] && mark=b || mark=a
    printf "$mark" >>"$3"
done 3<"$1""#;
/// The mark of a command behind which nothing runs any more.
const ALONE: u8 = b'a';

/// The port that the lessons name.
const PORT: &str = "8888";

/// What a learner's project folder has, and a lesson may name.
const PROJECT: [&str; 5] = ["Cargo.toml", "README.md", "lessons", "scripts", "src"];

/// How long nothing must come before an output is taken for whole, when it is to be written down.
const QUIET: Duration = Duration::from_millis(700);

/// How long what comes from the background, or to rest, may take.
const LATE: Duration = Duration::from_secs(30);

/// The files of the shell's output, and of its marks.
const OUTPUT: &str = "output";
const MARKS: &str = "marks";

pub(crate) struct Shell {
    /// Ends the shell and all that it started, when it is dropped.
    _bash: Server,
    commands: File,
    /// How many commands are done.
    done: usize,
    /// How much of the output belongs to earlier commands.
    read: usize,
    port: Port,
    folder: TempDir,
}

impl Shell {
    /// A shell in a clean home, whose working directory looks like the project's. Its
    /// `target/release` are the programs under test.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [home, project, commands, output, marks] =
            ["home", "rungs", "commands", OUTPUT, MARKS].map(|name| folder.path().join(name));
        fs::create_dir_all(&home).unwrap();
        fs::create_dir_all(project.join("target")).unwrap();
        for name in PROJECT {
            symlink(root().join(name), project.join(name)).unwrap();
        }
        let programs = cargo_bin("rungs").parent().unwrap().to_owned();
        symlink(&programs, project.join("target/release")).unwrap();
        SOLUTIONS.call_once(|| build_solutions(&programs));
        mkfifo(&commands, Mode::S_IRWXU).unwrap();
        File::create(&output).unwrap();
        File::create(&marks).unwrap();
        let port = Port::free();
        let bash = Launch::new("bash")
            .arguments(["--noprofile", "--norc", "-c", LOOP, "bash"])
            .arguments([&commands, &output, &marks])
            .arguments(tested(&programs))
            .environment("HOME", &home)
            .environment("OWN_HOME", env::var_os("HOME").unwrap_or_default())
            // Else what a lesson measures would take the place of what the user has measured.
            .environment("CRITERION_HOME", project.join("target/criterion"))
            .environment("LC_ALL", "C.UTF-8")
            .environment("no_proxy", "127.0.0.1")
            .environment("RUNGS_ADDR", format!("127.0.0.1:{}", port.number))
            .directory(&project);
        let bash = Server::begin(&bash).unwrap();
        // Opening it waits for the shell to open the other end.
        let commands = OpenOptions::new().write(true).open(commands).unwrap();
        Self { _bash: bash, commands, done: 0, read: 0, port, folder }
    }

    /// Executes a command, and waits until its output, with whatever comes from the background, is
    /// `enough`. Returns what has come by then, or when nothing more can come, or when it is late.
    pub(crate) fn run(&mut self, command: &str, enough: impl Fn(&str) -> bool) -> String {
        let is_alone = self.send(command);
        let start = Instant::now();
        let (raw, text) = await_some("an output", || {
            let raw = self.unread();
            let text = self.readable(&raw);
            let is_done = is_alone || enough(&text) || start.elapsed() > LATE;
            is_done.then_some((raw, text))
        });
        self.read += raw.len();
        text
    }

    /// Executes a command again and again until its own output is `enough`, or it is late. What
    /// comes from the background meanwhile is the next command's.
    pub(crate) fn look(&mut self, command: &str, enough: impl Fn(&str) -> bool) -> String {
        let seen = self.folder.path().join("seen");
        let start = Instant::now();
        await_some("an output", || {
            self.send(&format!("{{ {command}\n}} >{} 2>&1", seen.display()));
            let text = self.readable(&fs::read(&seen).unwrap());
            (enough(&text) || start.elapsed() > LATE).then_some(text)
        })
    }

    /// Executes a command, and returns all that comes until nothing more does.
    pub(crate) fn listen(&mut self, command: &str) -> String {
        let is_alone = self.send(command);
        let mut last = (Instant::now(), self.unread());
        await_until("silence", || {
            let raw = self.unread();
            if raw != last.1 {
                last = (Instant::now(), raw);
            }
            is_alone || last.0.elapsed() > QUIET
        });
        self.read += last.1.len();
        self.readable(&last.1)
    }

    /// What nobody has read.
    pub(crate) fn rest(&self) -> String {
        self.readable(&self.unread())
    }

    /// Waits for the end of a command, and tells whether nothing is left in the background.
    fn send(&mut self, command: &str) -> bool {
        let command = self.port.instead_of_the_lessons(command);
        self.commands.write_all(format!("{command}\0").as_bytes()).unwrap();
        let marks = || fs::read(self.folder.path().join(MARKS)).unwrap();
        self.done += 1;
        await_until(format!("the end of {command}"), || marks().len() == self.done);
        marks().ends_with(&[ALONE])
    }

    /// What has come since the last command.
    fn unread(&self) -> Vec<u8> {
        fs::read(self.folder.path().join(OUTPUT)).unwrap().split_off(self.read)
    }

    fn readable(&self, raw: &[u8]) -> String {
        self.port.as_in_the_lessons(&String::from_utf8_lossy(raw))
    }
}

/// A port of four digits, as the lessons' own, so that columns stay where they are.
struct Port {
    number: u16,
    /// Keeps the number for this lesson, also from tests that run at the same time: a server takes
    /// the TCP port, whose UDP port is another.
    _held: UdpSocket,
}

impl Port {
    fn free() -> Self {
        let mut ports = (2000..9999).filter_map(|number| {
            let held = UdpSocket::bind(("127.0.0.1", number)).ok()?;
            // Without SO_REUSEADDR, so that it is refused if connections of the last lesson that had
            // this port are in TIME-WAIT: they would be counted.
            let tcp = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            tcp.bind(&SocketAddr::from(([127, 0, 0, 1], number)).into()).ok()?;
            Some(Self { number, _held: held })
        });
        // The lessons' own port may be in use, in ways that a claim names.
        ports.find(|port| port.number.to_string() != PORT).unwrap()
    }

    fn instead_of_the_lessons(&self, command: &str) -> String {
        command.replace(PORT, &self.number.to_string())
    }

    fn as_in_the_lessons(&self, output: &str) -> String {
        Regex::new(&format!(r"\b{}\b", self.number)).unwrap().replace_all(output, PORT).into_owned()
    }
}

/// Done, if they are built.
static SOLUTIONS: Once = Once::new();

/// `cargo test --test lessons` builds what is in `src/bin/`, but no example.
fn build_solutions(programs: &Path) {
    let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let status = build.args(["build", "--quiet", "--examples"]).args(tested(programs)).status();
    assert!(status.unwrap().success(), "cargo build --examples failed");
}

/// What tells cargo to build the project in the profile of these programs, into their folder.
fn tested(programs: &Path) -> [OsString; 6] {
    let manifest = root().join("Cargo.toml");
    let target = programs.parent().unwrap();
    let folder = programs.file_name().unwrap();
    // Cargo calls the folder of its dev profile "debug".
    let profile = if folder == "debug" { "dev".as_ref() } else { folder };
    let [to, into, like] = ["--manifest-path", "--target-dir", "--profile"].map(OsString::from);
    [to, manifest.into(), into, target.into(), like, profile.to_owned()]
}

/// Whether a program is on PATH, and is the one that is meant.
pub(crate) fn has(program: &str) -> bool {
    let is_there = locate(Path::new(program)).is_ok();
    // There are several netcats.
    is_there && (program != "nc" || help_of_nc().contains("-N"))
}

fn help_of_nc() -> String {
    let help = rungs::harness::supervise::run(&Launch::new("nc").arguments(["-h"]));
    help.map_or_else(|_| String::new(), |help| help.stderr)
}
