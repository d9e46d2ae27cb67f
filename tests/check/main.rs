//! The checker, checked: every rung, and servers that are each right or wrong in one way, put to
//! every probe.
//!
//! The table `matrix.txt` is what must come out; `RUNGS_UPDATE=1 cargo test --test check` writes it
//! anew, to be read before it is committed. The servers stand in `servers/`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    thread,
};

use assert_cmd::cargo::cargo_bin;
use nix::sys::resource::{Resource, getrlimit};
use rungs::{
    harness::check::PROBES,
    ladder::{LADDER, Rung, TO_COME},
};
use serde_json::Value;

/// Most of a check is waiting, so several share two processors.
const AT_ONCE: usize = 6;

/// What `idle-10k` needs.
const DESCRIPTORS: u64 = 10_240;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check")
}

/// The interpreter itself, and not a script that finds it; none where there is no Python.
fn python() -> Option<String> {
    let output = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
    let output = output.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

/// The servers by name, and how each is started.
fn servers(python: &str) -> Vec<(String, Vec<String>)> {
    let rungs = LADDER.iter().map(|rung| {
        let program = cargo_bin(rung.name).to_str().unwrap().to_owned();
        (rung.name.to_owned(), vec![program, "--listen".to_owned(), "{addr}".to_owned()])
    });
    let files = fs::read_dir(folder().join("servers")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| !path.ends_with("base.py")).collect();
    files.sort();
    let files = files.into_iter().filter_map(|path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let path = path.to_str().unwrap().to_owned();
        let words = match path.rsplit_once('.')?.1 {
            "py" => vec![python.to_owned(), path],
            "sh" => vec![path, python.to_owned()],
            _ => return None,
        };
        Some((name, words.into_iter().chain(["{port}".to_owned()]).collect()))
    });
    rungs.chain(files).collect()
}

fn check(command: &[String]) -> Value {
    let mut check = Command::new(cargo_bin("rungs"));
    // No traces of the interpreter beside the servers.
    check.env("PYTHONDONTWRITEBYTECODE", "1");
    let output = check.args(["check", "--json", "--"]).args(command).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{command:?}: {error}: {}", String::from_utf8_lossy(&output.stderr))
    })
}

/// A line of the table: name, model, rung, and a sign for each probe.
fn line(name: &str, report: &Value) -> String {
    let model = report["model"]["kind"].as_str().unwrap_or("?");
    let reached = report["reached"]["name"].as_str().unwrap_or("–");
    let signs: String = report["probes"].as_array().unwrap().iter().map(sign).collect();
    format!("{name:24}{model:26}{reached:24}{signs}")
}

fn sign(probe: &Value) -> char {
    match probe["verdict"].as_str().unwrap() {
        "pass" => '✓',
        "fail" => '✗',
        "unknown" => '?',
        "not applicable" => '–',
        other => panic!("{other}"),
    }
}

fn header() -> String {
    let names: Vec<_> = PROBES.iter().map(|probe| probe.name).collect();
    let title = format!("{:24}{:26}{:24}{}", "server", "model", "reached", "probes");
    format!("The signs stand for the probes, in this order:\n{}\n\n{title}\n", names.join(" "))
}

#[test]
fn every_server_is_judged_as_the_table_says() {
    let Some(python) = python() else {
        return println!("skipped: python3 is not on PATH");
    };
    if getrlimit(Resource::RLIMIT_NOFILE).unwrap().1 < DESCRIPTORS {
        return println!("skipped: `ulimit -Hn` is below {DESCRIPTORS}");
    }
    let servers = servers(&python);
    let waiting = Mutex::new(servers.iter());
    let reports = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((name, command)) = { waiting.lock().unwrap().next() } {
                    let report = check(command);
                    reports.lock().unwrap().insert(name, report);
                }
            });
        }
    });
    let reports = reports.into_inner().unwrap();
    let lines: Vec<_> = servers.iter().map(|(name, _)| line(name, &reports[name])).collect();
    let table = format!("{}{}\n", header(), lines.join("\n"));
    let file = folder().join("matrix.txt");
    if env::var_os("RUNGS_UPDATE").is_some() {
        fs::write(file, table).unwrap();
        return;
    }
    let expected = fs::read_to_string(file).unwrap();
    for (name, report) in &reports {
        if !expected.lines().any(|one| one == line(name, report)) {
            println!("{name}: {report:#}");
        }
    }
    assert!(table == expected, "expected:\n{expected}\nfound:\n{table}");
}

/// The part of the table that holds the signs.
fn rows() -> Vec<(String, Vec<char>)> {
    let text = fs::read_to_string(folder().join("matrix.txt")).unwrap();
    let rows = text.lines().skip_while(|line| !line.starts_with("server ")).skip(1);
    let row = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        (words[0].to_owned(), words.last().unwrap().chars().collect())
    };
    rows.map(row).collect()
}

#[test]
fn every_probe_fails_one_server_and_passes_another() {
    let rows = rows();
    for (index, probe) in PROBES.iter().enumerate() {
        for sign in ['✓', '✗'] {
            let has = rows.iter().any(|(_, signs)| signs[index] == sign);
            assert!(has, "no server gets {sign} from {}", probe.name);
        }
    }
}

#[test]
fn a_right_server_of_each_model_fails_only_what_its_model_cannot_do() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        (
            "right_iterative.py",
            &["concurrent", "slow", "keep-alive", "pipelining", "idle-1k", "idle-10k", "graceful"]
                [..],
        ),
        (
            "right_prefork.py",
            &["slow", "keep-alive", "pipelining", "idle-1k", "idle-10k", "graceful"],
        ),
        ("right_pool.py", &["slow", "idle-1k", "idle-10k", "graceful"]),
        ("right_pieces.py", &["keep-alive", "pipelining"]),
        ("right_fork.py", &["graceful"]),
        ("right_fork_ignoring.py", &["graceful"]),
        ("right_double_fork.py", &["graceful"]),
        ("right_loop.py", &["graceful"]),
        ("right_loops.py", &["graceful"]),
        ("right_shared_port.py", &["graceful"]),
    ]);
    for (name, signs) in rows().iter().filter(|(name, _)| name.starts_with("right_")) {
        let failed = PROBES.iter().zip(signs).filter(|(_, sign)| **sign == '✗');
        let failed: Vec<_> = failed.map(|(probe, _)| probe.name).collect();
        assert_eq!(failed, *allowed.get(name.as_str()).unwrap_or(&&[][..]), "{name}");
        assert!(!signs.contains(&'?'), "{name}");
    }
}

#[test]
fn the_rungs_of_the_probes_are_those_of_the_ladder() {
    for probe in PROBES {
        let (name, number) = (probe.milestone.name(), probe.milestone.number());
        match Rung::named(name) {
            Some(rung) => {
                assert_eq!(rung.number.to_string(), number);
                assert_eq!(rung.lesson(), probe.milestone.lesson());
            }
            // The gateway rungs, which are no part of the ladder's data yet.
            None => assert!(number.starts_with('G') || TO_COME.contains(&name), "{name}"),
        }
    }
}
