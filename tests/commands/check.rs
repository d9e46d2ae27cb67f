//! `rungs check` as a command: what it prints, writes and leaves behind. Its verdicts are the matter
//! of tests/check.

use super::{
    support::{first_line, rungs},
    waiting::{await_some, await_until},
};
use assert_cmd::cargo::cargo_bin;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rungs::harness::observe;
use serde_json::{Value, json};
use std::{
    fs,
    io::Read,
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
};

fn program(name: &str) -> String {
    cargo_bin(name).to_str().unwrap().to_owned()
}

/// What a check prints, and on stderr; its exit code is checked.
fn check(arguments: &[&str], code: i32) -> (String, String) {
    let output = rungs(&["check"]).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stdout}{stderr}");
    (stdout, stderr)
}

#[test]
fn a_report_says_what_failed_why_and_where_to_read_on() {
    let server = program("concurrentserver");
    let only = ["--only", "zombie-one", "--", &server, "--listen", "{addr}"];
    let (text, _) = check(&only, 1);
    let all = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "✓ answers GET / is answered with 200",
        "✗ zombie-one 1 zombie 2 s after one client",
        "likely: nobody has waited for the child",
        "hint: A child that has ended stays in the table",
        "mended by: rung 5, concurrentserver_eintr (lessons/05-concurrentserver_eintr.md)",
        "model: fork per connection",
        "to mend first: zombie-one",
    ] {
        assert!(all.contains(part), "{part}: {text}");
    }
    assert!(!all.contains("SIGCHLD tells the parent"), "{text}");
    assert!(!all.contains("reached"), "one probe says nothing of the rungs before it: {text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let (hinting, _) = check(&[&["--hints"], &only[..]].concat(), 1);
    assert!(hinting.contains("SIGCHLD tells the parent"), "{hinting}");
}

#[test]
fn json_and_junit_tell_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("check.xml");
    let server = program("threadserver");
    let (json, _) = check(
        &[
            "--json",
            "--junit",
            file.to_str().unwrap(),
            "--only",
            "zombie-one,keep-alive,graceful",
            "--",
            &server,
            "--listen",
            "{addr}",
        ],
        1,
    );
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["schema"], 1);
    assert_eq!(report["command"][1], "--listen");
    assert_eq!(report["model"]["kind"], "thread per connection");
    assert_eq!(report["first_to_mend"], "graceful");
    let verdicts: Vec<_> = report["probes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|probe| (probe["name"].as_str().unwrap(), probe["verdict"].as_str().unwrap()))
        .collect();
    let expected = [
        ("answers", "pass"),
        ("zombie-one", "not applicable"),
        ("keep-alive", "pass"),
        ("graceful", "fail"),
    ];
    assert_eq!(verdicts, expected);
    assert_eq!(report["probes"][3]["exchange"]["received"], "");
    let xml = fs::read_to_string(file).unwrap();
    for part in ["tests=\"4\"", "failures=\"1\"", "skipped=\"1\"", "name=\"graceful\""] {
        assert!(xml.contains(part), "{part}: {xml}");
    }
}

#[test]
fn until_a_rung_puts_no_probe_of_the_rungs_above() {
    let server = program("iterativeserver");
    let (text, _) = check(&["--until", "sleepserver", "--", &server, "--listen", "{addr}"], 0);
    assert!(text.contains("reached: rung 1, iterativeserver\nnothing failed\n"), "{text}");
    assert!(!text.contains("concurrent "), "{text}");
    let (list, _) = check(&["--list"], 0);
    assert!(list.contains("zombie-burst"), "{list}");
}

/// A shell script that stands for a server.
fn shell(script: &str) -> [&str; 4] {
    ["--", "sh", "-c", script]
}

#[test]
fn who_cannot_be_checked_is_told_why_in_a_line() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port().to_string();
    let server = program("webserver1");
    let cases: &[(&[&str], &[&str])] = &[
        (&["--", "./no-such-server"], &["start ./no-such-server: no such file or directory"]),
        (&["--", "/etc/passwd"], &["permission denied", "hint: make it executable"]),
        (&shell("echo oops >&2; exit 3"), &["ended before it listened, exit status 3", "oops"]),
        (&["--port", &port, "--", "sleep", "60"], &["somebody listens on 127.0.0.1:"]),
        (
            &["--", &server, "--listen", "127.0.0.1:0"],
            &["the server listens on 127.0.0.1:", "{port}"],
        ),
        (&["--", &server, "--listen", "127.0.0.2:{port}"], &["listens on 127.0.0.2:", "127.0.0.1"]),
        (&["--", "python3 server.py"], &["start python3 server.py", "leave out the quotes"]),
        (&["python3", "server.py"], &["unexpected argument 'python3'", "put -- before"]),
        (&["--only", "nothing", "--", "x"], &["--only", "no such probe", "check --list"]),
        (&["--until", "nothing", "--", "x"], &["--until", "rungs list"]),
        (&["--junit", "/no/such/x.xml", "--", "x"], &["create /no/such/x.xml"]),
        (&[], &["COMMAND"]),
    ];
    for (arguments, parts) in cases {
        let output = rungs(&["check"]).args(*arguments).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        for part in *parts {
            assert!(stderr.contains(part), "{arguments:?}: {stderr}");
        }
    }
}

#[test]
fn scripts_are_told_of_a_server_that_cannot_be_checked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("check.xml");
    let (stdout, _) =
        check(&["--json", "--junit", file.to_str().unwrap(), "--", "./no-such-server"], 2);
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["unfit"]["said"], "start ./no-such-server: no such file or directory");
    assert_eq!(report["probes"], json!([]));
    let xml = fs::read_to_string(file).unwrap();
    assert!(xml.contains("errors=\"1\"") && xml.contains("could not be checked"), "{xml}");
}

#[test]
fn ctrl_c_while_it_waits_for_the_server_is_no_verdict() {
    let check = Command::new(cargo_bin("rungs"))
        .args(["check", "--json", "--", "sleep", "60"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let started = || observe::tree(check.id()).processes.iter().any(|one| one.name == "sleep");
    await_until("the server to run", started);
    kill(Pid::from_raw(check.id().cast_signed()), Signal::SIGINT).unwrap();
    let output = check.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(output.stdout.is_empty(), "it has no verdict");
}

#[test]
fn a_check_ends_when_its_reader_has_gone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("check.xml");
    let mut check = Command::new(cargo_bin("rungs"))
        .args(["check", "--junit", file.to_str().unwrap(), "--"])
        .args([&program("preforkserver"), "--listen", "{addr}"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (line, rest) = first_line(check.stdout.take().unwrap());
    assert!(line.starts_with("✓ answers"), "{line}");
    drop(rest);
    let status = await_some("the check to end", || check.try_wait().unwrap());
    assert_eq!(status.code(), Some(2));
    let xml = fs::read_to_string(file).unwrap();
    assert!(xml.contains("probes were not put"), "{xml}");
}

#[test]
fn the_probes_are_listed_for_scripts_too() {
    let (text, _) = check(&["--list", "--json"], 0);
    let rows: Value = serde_json::from_str(&text).unwrap();
    let names: Vec<_> = rows.as_array().unwrap().iter().map(|row| row["name"].clone()).collect();
    assert_eq!(names.len(), 21);
    assert_eq!(names[0], "answers");
}

#[test]
fn what_the_checker_lacks_is_no_fault_of_the_server() {
    // As many descriptors as the server needs, and fewer than 512 clients do.
    let limited = Command::new("sh")
        .args(["-c", "ulimit -n 64; exec \"$@\"", "sh"])
        .args([&program("rungs"), "check", "--only", "backlog", "--"])
        .args([&program("epollserver"), "--listen", "{addr}"])
        .output()
        .unwrap();
    let text = String::from_utf8(limited.stdout).unwrap();
    assert!(text.contains("? backlog") && text.contains("ulimit -n"), "{text}");
    assert_eq!(limited.status.code(), Some(2), "{text}");
}

/// Commands that run as root in a network of their own, which a user may have too.
fn in_a_network_of_its_own(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "sh", "-c", script, "sh"]);
    command
}

#[test]
fn restart_waits_for_a_place_in_time_wait() {
    let file = "/proc/sys/net/ipv4/tcp_max_tw_buckets";
    let full = format!("ip link set lo up && echo 0 >{file}");
    match in_a_network_of_its_own(&full).output() {
        Ok(output) if output.status.success() => {}
        _ => return println!("skipped: no network of one's own (unshare(1), ip(8))"),
    }
    // A place becomes free when the first try has found none, or, on a busy machine, before it.
    let free = format!("(sleep 4; echo 1000 >{file}) & exec \"$@\"");
    let output = in_a_network_of_its_own(&format!("{full} && {{ {free}; }}"))
        .args([&program("rungs"), "check", "--only", "restart", "--"])
        .args([&program("epollserver"), "--listen", "{addr}"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("✓ restart"), "{text}");
    assert_eq!(output.status.code(), Some(0), "{text}");
}

/// The server does not start where no check has claimed the port, neither first nor again.
#[test]
fn a_port_is_claimed_while_a_server_starts_there() {
    let script = format!(
        "grep -q '@rungs port {{port}}$' /proc/net/unix || exit 1; exec '{}' --listen {{addr}}",
        program("epollserver")
    );
    let (text, _) = check(&[&["--only", "restart"], &shell(&script)[..]].concat(), 0);
    assert!(text.contains("✓ restart"), "{text}");
}

#[test]
fn who_prints_without_end_and_never_listens_is_told_so() {
    let (_, stderr) = check(&["--", "yes"], 2);
    let (_, rest) =
        stderr.split_once("listens nowhere after ").unwrap_or_else(|| panic!("{stderr}"));
    let (seconds, _) = rest.split_once(" s; it has printed ").unwrap_or_else(|| panic!("{stderr}"));
    // Who waits for a processor is given longer.
    assert!(seconds.parse::<u32>().is_ok_and(|seconds| seconds >= 10), "{stderr}");
}

/// The processes whose working directory is this one.
fn in_folder(folder: &Path) -> usize {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|one| fs::read_link(one.path().join("cwd")).is_ok_and(|cwd| cwd == folder))
        .count()
}

#[test]
fn ctrl_c_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    let mut check = Command::new(cargo_bin("rungs"))
        .args(["check", "--", &program("preforkserver"), "--listen", "{addr}"])
        .current_dir(&path)
        .env("TMPDIR", &path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (line, mut rest) = first_line(check.stdout.take().unwrap());
    assert!(line.starts_with("✓ answers"), "{line}");
    await_until("a server to run", || in_folder(&path) > 2);
    kill(Pid::from_raw(check.id().cast_signed()), Signal::SIGINT).unwrap();
    let status = await_some("the check to end", || check.try_wait().unwrap());
    assert_eq!(status.code(), Some(130));
    let mut text = String::new();
    rest.read_to_string(&mut text).unwrap();
    assert!(text.contains(" of 21 probes put\n"), "{text}");
    assert!(!text.contains("nothing failed") && !text.contains("reached"), "{text}");
    await_until("all processes to be gone", || in_folder(&path) == 0);
    assert_eq!(fs::read_dir(&path).unwrap().count(), 0, "files are left");
}
