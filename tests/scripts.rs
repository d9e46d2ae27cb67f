//! The stress scripts, each run as a person would run it: what it says, how it ends, and what it
//! leaves behind.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod waiting;

use assert_cmd::cargo::cargo_bin;
use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};
use rungs::harness::{
    observe,
    supervise::{Launch, Server},
};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    env,
    fs::{self, File, Permissions},
    os::unix::{
        fs::{PermissionsExt, symlink},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};
use tempfile::TempDir;
use waiting::{await_some, await_until};

/// What each of them needs.
const COMMON: [&str; 2] = ["pkill", "setsid"];

/// What a script shows with its own rungs, and does not show with another in the place of one.
struct Stress {
    script: &'static str,
    tools: &'static [&'static str],
    rung: &'static str,
    instead: &'static str,
}

const BURST: Stress = Stress {
    script: "stress_burst",
    tools: &["ps"],
    rung: "concurrentserver3",
    instead: "concurrentserver_final",
};
const DESCRIPTORS: Stress = Stress {
    script: "stress_descriptors",
    tools: &[],
    rung: "concurrentserver2",
    instead: "concurrentserver",
};
const PROCESSES: Stress = Stress {
    script: "stress_processes",
    tools: &["ps"],
    rung: "concurrentserver",
    instead: "concurrentserver_final",
};
const BACKLOG: Stress = Stress {
    script: "stress_backlog",
    tools: &["curl", "ss"],
    rung: "sleepserver",
    instead: "iterativeserver",
};
const SLOW: Stress = Stress {
    script: "stress_slow",
    tools: &["curl", "ss"],
    rung: "epollserver",
    instead: "iterativeserver",
};
const RUDE: Stress = Stress {
    script: "stress_rude",
    tools: &["curl", "nc"],
    rung: "epollserver",
    instead: "concurrentserver_eintr",
};
const IDLE: Stress = Stress {
    script: "stress_idle",
    tools: &["ps", "ss"],
    rung: "epollserver",
    instead: "threadserver",
};
const ALL: [Stress; 7] = [BURST, DESCRIPTORS, PROCESSES, BACKLOG, SLOW, RUDE, IDLE];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scripts")
}

fn programs() -> PathBuf {
    cargo_bin("rungs").parent().unwrap().to_owned()
}

/// A script at work. All that it starts inherits the folder's name in its environment, and is
/// known by it.
struct Run {
    child: Child,
    temporary: TempDir,
    said: TempDir,
}

impl Run {
    /// A script's `patience`, in seconds, is for each thing that it waits for. Two of them must be
    /// over before a test's own is, so that the script says itself what did not come.
    fn start(script: &str, programs: &Path, patience: &str) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        // For programs that a script runs as somebody else.
        fs::set_permissions(temporary.path(), Permissions::from_mode(0o755)).unwrap();
        let said = tempfile::tempdir().unwrap();
        let file = |name| Stdio::from(File::create(said.path().join(name)).unwrap());
        // Whoever started the tests in the background has SIGINT ignored, and what is ignored when a
        // shell begins it cannot trap (bash(1), SIGNALS).
        let child = Command::new("env")
            .arg("--default-signal=INT,TERM")
            .arg(folder().join(script))
            .env("RUNGS_BIN", programs)
            .env("RUNGS_PATIENCE", patience)
            .env("TMPDIR", temporary.path())
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .process_group(0)
            .spawn()
            .unwrap();
        Self { child, temporary, said }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// The command lines of the script and of all that it has started.
    fn processes(&self) -> Vec<String> {
        let mark = format!("TMPDIR={}", self.temporary.path().display());
        let is_marked = |folder: &Path| {
            let environment = fs::read(folder.join("environ")).unwrap_or_default();
            environment.split(|&byte| byte == 0).any(|variable| variable == mark.as_bytes())
        };
        let folders = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
        let marked = folders.filter(|folder| is_marked(folder));
        marked
            .map(|folder| fs::read_to_string(folder.join("cmdline")).unwrap_or_default())
            .collect()
    }

    /// Waits for its end, and until nothing is left of it.
    fn end(&mut self) -> (ExitStatus, String, String) {
        let status = await_some("the end of the script", || self.child.try_wait().unwrap());
        await_until("the end of all that it has started", || self.processes().is_empty());
        let left: Vec<_> = fs::read_dir(self.temporary.path()).unwrap().collect();
        assert!(left.is_empty(), "temporary files: {left:?}");
        let read = |name| fs::read_to_string(self.said.path().join(name)).unwrap();
        (status, read("stdout"), read("stderr"))
    }
}

impl Drop for Run {
    /// A test that has failed leaves nothing behind either: the script's trap does that.
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            kill(self.pid(), Signal::SIGTERM).ok();
            self.child.wait().ok();
        }
    }
}

/// The tools that the test cannot do without are not there, which is said.
fn lacks(stress: &Stress) -> bool {
    let path = env::var_os("PATH").unwrap();
    let is_there = |tool: &&&str| env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    let tools = COMMON.iter().chain(stress.tools);
    let missing: Vec<_> = tools.filter(|tool| !is_there(tool)).collect();
    if !missing.is_empty() {
        println!("skipped: {}: not on PATH: {missing:?}", stress.script);
    }
    !missing.is_empty()
}

/// Lines in pairs, what was expected and what happened, and the result.
fn check_words(text: &str) {
    let count = |word| text.lines().filter(|line| line.starts_with(word)).count();
    assert!(count("expected  ") > 0 && count("happened  ") >= count("expected  "), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "over 80 columns:\n{text}");
}

fn shows(stress: &Stress) {
    if lacks(stress) {
        return;
    }
    let (status, stdout, stderr) = Run::start(stress.script, &programs(), "10").end();
    assert_eq!((status.code(), &*stderr), (Some(0), ""), "{stdout}");
    check_words(&stdout);
    assert!(stdout.ends_with("\nresult    as expected\n"), "{stdout}");
    assert!(!stdout.contains("not as expected"), "{stdout}");
}

#[test]
fn a_burst_leaves_zombies_behind_rung_6() {
    shows(&BURST);
}

#[test]
fn clients_that_are_never_closed_use_up_the_descriptors() {
    shows(&DESCRIPTORS);
}

#[test]
fn zombies_use_up_the_processes() {
    shows(&PROCESSES);
}

#[test]
fn a_backlog_has_an_end() {
    shows(&BACKLOG);
}

#[test]
fn slow_clients_pin_workers() {
    shows(&SLOW);
}

#[test]
fn rude_clients_keep_nobody_from_being_served() {
    shows(&RUDE);
}

#[test]
fn silent_clients_cost_a_thread_each() {
    shows(&IDLE);
}

/// The programs, with another in the place of one.
fn swapped(rung: &str, instead: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for program in fs::read_dir(programs()).unwrap().map(|entry| entry.unwrap().path()) {
        let name = program.file_name().unwrap();
        let target = if name == rung { &programs().join(instead) } else { &program };
        symlink(target, folder.path().join(name)).unwrap();
    }
    folder
}

#[test]
fn a_server_that_behaves_otherwise_is_noticed() {
    // All at once: most of them wait for what never comes, until their patience is over.
    let mut runs = Vec::new();
    for stress in ALL.iter().filter(|stress| !lacks(stress)) {
        let programs = swapped(stress.rung, stress.instead);
        let run = Run::start(stress.script, programs.path(), "5");
        runs.push((stress.script, programs, run));
    }
    for (script, _programs, mut run) in runs {
        let (status, stdout, stderr) = run.end();
        assert_eq!((status.code(), &*stderr), (Some(1), ""), "{script}: {stdout}");
        check_words(&stdout);
        assert!(stdout.ends_with("\nresult    not as expected\n"), "{stdout}");
    }
}

/// With rung 1 in the place of rung 2, `stress_backlog` waits for what never comes.
#[test]
fn an_interrupted_script_leaves_nothing_behind() {
    if lacks(&BACKLOG) {
        return;
    }
    let programs = swapped(BACKLOG.rung, BACKLOG.instead);
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let mut run = Run::start(BACKLOG.script, programs.path(), "600");
        await_until("the server", || run.processes().iter().any(|one| one.contains("sleepserver")));
        match signal {
            // As Ctrl-C does: to the whole foreground group.
            Signal::SIGINT => killpg(run.pid(), signal).unwrap(),
            _ => kill(run.pid(), signal).unwrap(),
        }
        let (status, stdout, stderr) = run.end();
        assert_eq!((status.code(), &*stderr), (Some(code), ""), "{stdout}");
        assert!(!stdout.contains("result"), "{stdout}");
    }
}

#[test]
fn every_script_is_run_here() {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name());
    let found: BTreeSet<_> = entries.filter_map(|name| name.into_string().ok()).collect();
    let found = found.iter().filter(|name| name.starts_with("stress_"));
    let run: BTreeSet<_> = ALL.iter().map(|stress| stress.script.to_owned()).collect();
    assert_eq!(found.cloned().collect::<BTreeSet<_>>(), run);
}

fn said(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn help_is_the_head_of_the_script_and_wrong_words_get_a_hint() {
    for Stress { script, .. } in ALL {
        let run = |argument: &str| said(Command::new(folder().join(script)).arg(argument));
        for help in ["-h", "--help"] {
            let (code, stdout, stderr) = run(help);
            assert_eq!((code, &*stderr), (Some(0), ""), "{script}");
            assert!(stdout.contains(&format!("\n  scripts/{script}")), "{stdout}");
            assert!(!stdout.contains('#'), "{stdout}");
        }
        let (code, stdout, stderr) = run("--nonsense");
        assert_eq!((code, &*stdout), (Some(2), ""), "{script}");
        let expected = format!("{script}: --nonsense: no such flag\nhint: --help shows the use\n");
        assert_eq!(stderr, expected);
    }
    let (code, _, stderr) = said(Command::new(folder().join("stress_burst")).arg("many"));
    assert_eq!(code, Some(2), "{stderr}");
    let (code, _, stderr) = said(Command::new(folder().join("stress_idle")).arg("many"));
    assert_eq!(code, Some(2), "{stderr}");
}

#[test]
fn growth_is_measured_and_can_be_drawn() {
    let folder_of_data = tempfile::tempdir().unwrap();
    let file = |name| folder_of_data.path().join(name);
    let script = || {
        let mut script = Command::new(folder().join("growth"));
        script.env("RUNGS_BIN", programs()).env("CARGO", "true");
        script
    };
    let mut measured = script();
    measured.arg(folder_of_data.path()).args(["1", "1000", "epollserver"]);
    let (code, stdout, stderr) = said(&mut measured);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    for (name, rows) in [("answers.json", 8), ("memory.json", 1), ("million.json", 1)] {
        let text = fs::read_to_string(file(name)).unwrap();
        let comparison: Value = serde_json::from_str(&text).unwrap();
        assert!(comparison["machine"]["kernel"].is_string() && comparison["began"].is_string());
        let found = comparison["rows"].as_array().unwrap();
        assert_eq!(found.len(), rows, "{name}");
        assert!(found.iter().all(|row| row["answered"].as_u64() > Some(0)), "{text}");
        let mut drawn = Command::new(cargo_bin("rungs"));
        drawn.args(["compare", "--html=-", "--from"]).arg(file(name));
        let (code, page, _) = said(&mut drawn);
        assert!(code == Some(0) && page.contains("<svg"), "{name}: {page}");
    }
    let wrong = |arguments: &[&str]| said(script().args(arguments));
    assert_eq!(wrong(&["--help"]).0, Some(0));
    for arguments in [&["--fast"][..], &["x", "many"], &["x", "1", "10", "a", "b"]] {
        let (code, stdout, stderr) = wrong(arguments);
        assert_eq!((code, &*stdout), (Some(2), ""), "{arguments:?}: {stderr}");
        assert!(stderr.ends_with("\nhint: --help shows the use\n"), "{stderr}");
    }
}

#[test]
fn a_burst_at_a_server_of_ones_own_leaves_it_running() {
    if lacks(&BURST) {
        return;
    }
    let launch = Launch::new(cargo_bin("concurrentserver2")).arguments(["--listen", "127.0.0.1:0"]);
    let server = Server::start(&launch).unwrap();
    let mut script = Command::new(folder().join("stress_burst"));
    script.arg(format!("http://{}/", server.address())).env("RUNGS_BIN", programs());
    let (code, stdout, stderr) = said(&mut script);
    assert_eq!((code, &*stderr), (Some(0), ""), "{stdout}");
    assert!(stdout.contains("burst 5: 128 clients"), "{stdout}");
    assert!(observe::tree(server.pid()).zombies() >= 128);
}

#[test]
fn a_missing_tool_is_named_with_its_package() {
    let tools = tempfile::tempdir().unwrap();
    let path = env::var_os("PATH").unwrap();
    for tool in ["bash", "dirname"] {
        let mut folders = env::split_paths(&path);
        let found = folders.find(|folder| folder.join(tool).is_file()).unwrap();
        symlink(found.join(tool), tools.path().join(tool)).unwrap();
    }
    let script = folder().join("stress_backlog");
    let (code, stdout, stderr) = said(Command::new(script).env("PATH", tools.path()));
    assert_eq!((code, &*stdout), (Some(1), ""));
    assert_eq!(stderr, "stress_backlog: curl: not found\nhint: the package curl has it\n");
}
