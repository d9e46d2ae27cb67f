//! `rungs compare`, from outside.

use super::{
    support::{first_line, has_python, has_results, rungs},
    waiting::{await_some, await_until},
};
use assert_cmd::{Command, cargo::cargo_bin};
use nix::{
    sys::{
        signal::{Signal, kill},
        stat::Mode,
    },
    unistd::{Pid, mkfifo},
};
use rungs::harness::{
    compare::{self, Known, Peer, Placement, Plan, Subject, Work},
    observe,
    supervise::{Launch, Server},
};
use serde_json::Value;
use std::{
    env, fs,
    io::Write,
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    process::{self, Child, Stdio},
    sync::atomic::AtomicBool,
    thread,
    time::Duration,
};

/// The tests' runs are no user's.
const RUNS: &str = concat!("--runs=", env!("CARGO_TARGET_TMPDIR"), "/runs");

/// A comparison's JSON, and what it prints.
fn compare(arguments: &[&str], code: i32) -> (Value, String) {
    let (found, comparison, text) = try_compare(arguments);
    assert_eq!(found, code, "{arguments:?}: {text}");
    (comparison, text)
}

fn try_compare(arguments: &[&str]) -> (i32, Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("result.json");
    let json = ["--json", file.to_str().unwrap()];
    // On a machine with much else to do a short turn may have no answer.
    let mut command = rungs(&["compare", RUNS, "--duration=1s"]);
    let output = command.args(arguments).args(json).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let comparison = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    (output.status.code().unwrap(), comparison, stdout)
}

fn row<'a>(comparison: &'a Value, name: &str) -> &'a Value {
    let rows = comparison["rows"].as_array().unwrap();
    rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no row of {name}"))
}

#[test]
fn compare_says_what_broke_and_what_it_cost() {
    let names = [
        "iterativeserver",
        "sleepserver",
        "concurrentserver2",
        "concurrentserver_eintr",
        "threadserver",
    ];
    let flags = ["--work=hello", "--levels=1", "--rounds=1"];
    let (comparison, text) = compare(&[&names[..], &flags].concat(), 0);
    let word = |name| row(&comparison, name)["broke"].as_str().unwrap();
    assert_eq!(names.map(word), ["one-at-a-time", "one-at-a-time", "leaks", "died", "nothing"]);
    assert_eq!((&comparison["schema"], &comparison["partial"]), (&4.into(), &false.into()));
    assert!(comparison["machine"]["processors"].as_u64().is_some_and(|count| count > 0));

    let whole = row(&comparison, "threadserver");
    for figure in ["answered", "peak_pss"] {
        assert!(whole[figure].as_f64().is_some_and(|n| n > 0.0), "{figure} of {whole}");
    }
    // On a machine with much else to do a turn may have fewer answers than a p99 takes.
    let has_p99 = whole["answered"].as_u64().is_some_and(|count| count >= 100);
    assert_eq!(whole["p99_us"].is_object(), has_p99, "{whole}");
    let p99 = has_p99.then_some("p99_us");
    for figure in ["requests_per_second", "p50_us", "cpu_us_per_request"].into_iter().chain(p99) {
        let median = whole[figure]["median"].as_f64();
        assert!(median.is_some_and(|n| n > 0.0), "{figure} of {whole}");
        assert_eq!(whole["turns"][0][figure].as_f64(), median, "{figure} of {whole}");
    }
    assert_eq!(whole["partial"], false);
    assert_eq!(whole["zombies_left"], 0);
    assert_eq!(whole["descriptors_left"], 0);

    // Its clients wait for the end of an answer whose connection is never closed.
    let leak = row(&comparison, "concurrentserver2");
    assert_eq!(leak["answered"], 0);
    assert_eq!(leak["descriptors_left"], 1);
    assert_eq!(leak["unfinished"], 1);

    assert!(text.contains("accept: interrupted system call"), "{text}");
    // Who came after its death is said to have.
    if row(&comparison, "concurrentserver_eintr")["failures"] != serde_json::json!({}) {
        assert!(text.contains("concurrentserver_eintr, 1 at once: it died, hence "), "{text}");
    }
    assert!(!text.contains(['\u{1b}', '─']), "plain in a pipe: {text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn compare_keeps_connections_if_asked() {
    let rungs = ["epollserver", "iterativeserver"];
    let flags = ["--work=keep-alive", "--levels=2", "--rounds=1"];
    let (comparison, text) = compare(&[&rungs[..], &flags].concat(), 0);
    let kept = row(&comparison, "epollserver");
    assert_eq!((&kept["work"], &kept["broke"]), (&"keep-alive".into(), &"nothing".into()));
    let closed = row(&comparison, "iterativeserver");
    assert_eq!((&closed["turns"], &closed["error"]), (&Value::Array(vec![]), &Value::Null));
    assert!(text.contains("keep-alive leaves out iterativeserver (it keeps no connection)."));
}

#[test]
fn compare_tells_figures_of_the_load_generator_from_figures_of_the_server() {
    let arguments = ["iterativeserver", "sleepserver", "--work=hello", "--levels=16", "--rounds=1"];
    let (comparison, text) = compare(&arguments, 0);
    // Its items alone: who was disturbed comes behind them, with names too.
    let note = text.lines().skip_while(|line| !line.starts_with("The load generator was at its"));
    let items: String = note.skip(1).take_while(|line| line.starts_with("  ")).collect();
    for name in &arguments[..2] {
        let turn = &row(&comparison, name)["turns"][0];
        let figure = |name: &str| turn[name].as_f64().unwrap();
        let had = figure("seconds") * figure("generator_threads");
        let busy = figure("generator_cpu_seconds") / had;
        // Where the share is at the border the sentence may be there or not.
        if !(0.89..0.91).contains(&busy) {
            assert_eq!(items.contains(name), busy > 0.9, "{name}, {busy}: {text}");
        }
    }
}

/// Each work by the figures that only it has.
#[test]
fn each_work_does_what_it_says() {
    let flags = ["--work=burn,idle,large,overload,slow,wait", "--levels=8", "--rounds=1"];
    let (comparison, text) =
        compare(&[&["iterativeserver", "threadserver"], &flags[..]].concat(), 0);
    let rows = comparison["rows"].as_array().unwrap();
    let of = |name: &str, work: &str| -> Vec<&Value> {
        rows.iter().filter(|row| row["name"] == name && row["work"] == work).collect()
    };
    let turns = |work| of("threadserver", work).into_iter().map(|row| &row["turns"][0]);
    let at_least = |work, figure: &str, least: f64| {
        let found: Vec<_> = turns(work).map(|turn| turn[figure].as_f64()).collect();
        assert!(
            !found.is_empty() && found.iter().all(|one| one >= &Some(least)),
            "{work}: {found:?}"
        );
    };
    at_least("wait", "p50_us", 50_000.0);
    at_least("burn", "cpu_us_per_request", 2_000.0);
    at_least("large", "answered", 1.0);
    for turn in turns("large") {
        let count = |figure: &str| turn[figure].as_u64().unwrap();
        assert!(count("bytes") >= 1_000_000 * count("answered"), "{turn}");
    }
    at_least("idle", "held", 1000.0);
    // A thread has a stack, and of that a page at least is in use.
    at_least("idle", "memory_per_connection", 4096.0);
    let offered: Vec<_> = turns("overload").map(|turn| turn["offered"].as_f64().unwrap()).collect();
    assert_eq!(offered.len(), 4, "{offered:?}");
    // The one that trickles keeps all others waiting.
    let slow = of("iterativeserver", "slow");
    assert!(slow.iter().all(|row| row["answered"] == 0), "{slow:?}");
    at_least("slow", "answered", 1.0);
    // It answers a client beside none: the first of those that are held is the one it waits for.
    let idle = of("iterativeserver", "idle");
    assert!(idle[0]["turns"][0]["held"].as_u64() >= Some(1), "{idle:?}");
    assert!(text.contains("1000 connections held, 16 clients, beside"), "{text}");
    assert!(text.contains("PSS/c"), "{text}");
}

/// Its workers go on with what waits in the accept queue, as many connections at any time.
#[test]
fn a_server_that_still_works_is_not_said_to_leak() {
    let flags = ["preforkserver", "--work=wait", "--levels=64", "--rounds=1"];
    let (comparison, _) = compare(&flags, 0);
    let prefork = row(&comparison, "preforkserver");
    assert!(prefork["unfinished"].as_u64() > Some(4), "{prefork}");
    assert_eq!((&prefork["broke"], &prefork["descriptors_left"]), (&"nothing".into(), &0.into()));
}

/// Each of its workers has a client that says nothing.
#[test]
fn a_server_that_answers_nobody_beside_held_connections_is_said_to() {
    let arguments = ["preforkserver", "--work=idle", "--levels=1000", "--rounds=1"];
    let (comparison, text) = compare(&arguments, 0);
    assert_eq!(row(&comparison, "preforkserver")["broke"], "no-answer");
    let line = text.lines().find(|line| line.starts_with("preforkserver ")).unwrap();
    assert!(line.ends_with(" no answer"), "{text}");
    // Of one turn there is no interval.
    assert_eq!(line.split_whitespace().nth(2), Some("–"), "{text}");
}

#[test]
fn what_others_take_of_the_machine_is_said() {
    // One for each processor: of each they get a third at least, beside a server or a generator.
    let processors = thread::available_parallelism().unwrap().get();
    let launch = Launch::new("/bin/sh").arguments(["-c", "while :; do :; done"]);
    let _hogs: Vec<_> = (0..processors).map(|_| Server::begin(&launch).unwrap()).collect();
    let flags = ["webserver1", "--work=hello", "--levels=1", "--rounds=1"];
    let (comparison, text) = compare(&flags, 0);
    let turn = &row(&comparison, "webserver1")["turns"][0];
    assert!(turn["foreign"].as_f64().is_some_and(|share| share > 0.15), "{turn}");
    assert_eq!(turn["disturbed"], true);
    let said = "In 1 of 1 turns others, the kernel's own work included, had much of this";
    assert!(text.contains(said), "{text}");
}

#[test]
fn a_work_that_a_server_cannot_do_is_left_out_by_name() {
    let flags = ["--work=idle,wait,large", "--levels=1", "--rounds=1"];
    let (comparison, _) = compare(&[&["concurrentserver2", "webserver1"], &flags[..]].concat(), 0);
    let why = |name: &str, work: &str| {
        let rows = comparison["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row["name"] == name && row["work"] == work).unwrap();
        row["not_done"].as_str().map(str::to_owned)
    };
    let keeps = why("concurrentserver2", "idle").unwrap();
    assert_eq!(keeps, "it keeps something of each connection for good");
    // Of nothing nothing comes.
    compare(&["webserver1", "--work=keep-alive", "--levels=1", "--rounds=1"], 1);
    // It has one answer to everything.
    assert_eq!(why("webserver1", "wait").unwrap(), "it does not do what /sleep/50 asks");
    assert_eq!(why("webserver1", "large").unwrap(), "it does not do what /bytes/1000000 asks");
    assert_eq!(why("webserver1", "idle"), None);
}

#[test]
fn more_clients_than_requests_are_left_out() {
    let flags = ["webserver1", "concurrentserver", "--work=hello", "--levels=1,501", "--rounds=1"];
    let (comparison, text) = compare(&flags, 0);
    let rows = comparison["rows"].as_array().unwrap();
    let turns: Vec<_> = rows.iter().map(|row| row["turns"].as_array().unwrap().len()).collect();
    // In the order of the ladder, level by level.
    assert_eq!(turns, [1, 1, 1, 0]);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = "hello leaves out concurrentserver (with 501 clients: it gets 500 requests a turn, since it \
                keeps something of each for good).";
    assert!(words.contains(said), "{text}");
}

#[test]
fn the_same_figures_come_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let [csv, markdown] = ["a.csv", "a.md"].map(|name| folder.path().join(name));
    let mut command = rungs(&["compare", RUNS, "--rungs=epollserver,webserver1", "--work=hello"]);
    command.args(["--levels=1", "--rounds=2", "--seed=7", "--json=-", "--csv"]).arg(&csv);
    let output = command.arg("--markdown").arg(&markdown).assert().success();
    let comparison: Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    assert_eq!(comparison["seed"], 7);
    let mut table = csv::Reader::from_path(&csv).unwrap();
    let titles = table.headers().unwrap().clone();
    let records: Vec<_> = table.records().map(Result::unwrap).collect();
    let rows = comparison["rows"].as_array().unwrap();
    assert_eq!(records.len(), rows.len());
    for (record, row) in records.iter().zip(rows) {
        let field = |name: &str| &record[titles.iter().position(|title| title == name).unwrap()];
        assert_eq!(field("server"), row["name"]);
        let broke = if row["broke"] == "nothing" { "nothing" } else { "one at a time" };
        assert_eq!(field("broke"), broke);
        let rate = &row["requests_per_second"];
        for (name, end) in [("", "median"), ("_low", "low"), ("_high", "high")] {
            let found: f64 = field(&format!("requests_per_second{name}")).parse().unwrap();
            assert!((found - rate[end].as_f64().unwrap()).abs() < 1e-9, "{row}");
        }
    }
    let markdown = fs::read_to_string(&markdown).unwrap();
    assert!(markdown.ends_with("```\n"), "{markdown}");
    assert!(markdown.starts_with("# Servers compared\n\n20"), "{markdown}");
    // How to make it again.
    assert!(comparison["program"].as_str().is_some_and(|one| one.starts_with("rungs ")));
    assert!(markdown.contains("--seed=7") && markdown.contains("--work=hello"), "{markdown}");
    assert!(
        markdown.contains("\n## 1 client, a connection per request\n\n| server "),
        "{markdown}"
    );
    assert!(markdown.contains("\n| webserver1 "), "{markdown}");
}

#[test]
fn a_run_is_kept_and_compared_with() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    let compare = |more: &[&str], code| {
        let mut command = rungs(&["compare", "webserver1", "--work=hello", "--levels=1"]);
        command.args(["--rounds=2", "--runs"]).arg(&runs).args(more);
        let output = command.assert().code(code).get_output().clone();
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap())
    };
    let [_, stderr] = compare(&["--against=latest"], 2);
    let expected = format!("no such run\nhint: there is none in {} yet\n", runs.display());
    assert!(stderr.ends_with(&expected), "{stderr}");
    let [first, _] = compare(&[], 0);
    assert!(first.contains(&format!("charts: {}/", runs.display())), "{first}");
    let latest = fs::canonicalize(runs.join("latest")).unwrap();
    let file = latest.join("comparison.json");
    let kept: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(kept["partial"], false);

    let [second, _] = compare(&["--against=latest"], 0);
    let name = latest.file_name().unwrap().to_str().unwrap();
    // The lines end after a word.
    let words = second.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(&format!("against latest ({name}): ")), "{second}");
    assert!(words.contains("figures agree within their intervals."), "{second}");
    assert_ne!(fs::canonicalize(runs.join("latest")).unwrap(), latest, "the link moves on");
    // A figure of before that nobody has now.
    let text = fs::read_to_string(&file).unwrap();
    let mut slow = kept.clone();
    for end in ["median", "low", "high"] {
        slow["rows"][0]["requests_per_second"][end] = 0.5.into();
    }
    fs::write(&file, slow.to_string()).unwrap();
    let [third, _] = compare(&["--against", name], 0);
    let mut lines = third.lines().map(|line| line.split_whitespace().take(4).collect::<Vec<_>>());
    assert!(lines.any(|words| words == ["webserver1", "1", "req/s", "0.5"]), "{third}");
    let page = fs::read_to_string(runs.join("latest/report.html")).unwrap();
    assert!(page.contains(&format!("<h2>What has changed since {name}</h2>")));
    assert!(page.contains("<td class=\"left\">req/s</td><td>0.5</td>"));

    fs::write(&file, &text[..text.len() / 2]).unwrap();
    let [fourth, stderr] = compare(&["--against", name], 0);
    assert!(stderr.starts_with(&format!("rungs: {}: left out: ", file.display())), "{stderr}");
    assert!(fourth.contains("webserver1") && !fourth.contains("against "), "{fourth}");
    fs::write(&file, text.replacen("\"schema\": 4", "\"schema\": 1", 1)).unwrap();
    let [_, stderr] = compare(&["--against", file.to_str().unwrap()], 0);
    assert!(stderr.contains("left out: of schema 1, and not 4\n"), "{stderr}");
    let [_, stderr] = compare(&["--against", "yesterday"], 2);
    assert!(stderr.contains("--against yesterday: no such run\nhint: there are "), "{stderr}");
}

/// Each cargo fails, so that no rung is there.
#[test]
fn a_run_without_a_figure_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = rungs(&["compare", "webserver1", "--runs"]);
    let output = command.arg(folder.path()).env("CARGO", "false").assert().code(1);
    let text = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    assert!(text.contains("webserver1") && !text.contains("charts: "), "{text}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn an_earlier_run_is_shown_again_without_a_measurement() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    let compare = |arguments: &[&str]| {
        let mut command = rungs(&["compare", "--runs"]);
        command.arg(&runs).args(arguments);
        command
    };
    let text = |command: &mut Command, code| {
        let output = command.assert().code(code).get_output().clone();
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap())
    };
    let [measured, _] =
        text(&mut compare(&["webserver1", "--work=hello", "--levels=1", "--rounds=1"]), 0);
    let tables = measured.split("charts: ").next().unwrap();
    let [shown, _] = text(&mut compare(&["--from=latest"]), 0);
    assert_eq!(shown, tables);
    let [page, _] = text(&mut compare(&["--from=latest", "--html=-"]), 0);
    assert_eq!(page, fs::read_to_string(runs.join("latest/report.html")).unwrap());
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"), "{page}");
    assert_eq!(fs::read_dir(&runs).unwrap().count(), 2, "one run, and the link to it");

    let [_, said] = text(&mut compare(&["--from=latest", "--rounds=2"]), 2);
    assert!(said.contains("'--from <RUN>' cannot be used with '--rounds <N>'"), "{said}");
    let [_, said] = text(&mut compare(&["--from=yesterday"]), 2);
    assert!(said.starts_with("rungs: --from yesterday: no such run\nhint: there are "), "{said}");
    let file = fs::canonicalize(runs.join("latest")).unwrap().join("comparison.json");
    fs::write(&file, "{\"schema\": 4").unwrap();
    let [shown, said] = text(&mut compare(&["--from=latest"]), 1);
    assert!(
        shown.is_empty() && said.contains("comparison.json: it is nothing that --json wrote: "),
        "{said}"
    );
}

#[test]
fn one_seed_gives_one_order() {
    let order = |seed: &str| {
        // Servers with few connections: the kernel remembers each of them for a minute, and has
        // room for so many.
        let flags = ["sleepserver", "--work=hello", "--levels=1,2,3", "--rounds=2"];
        let (comparison, _) = compare(&[&["concurrentserver2", seed][..], &flags].concat(), 0);
        let turns = comparison["rows"].as_array().unwrap().iter().map(|row| {
            let numbers = row["turns"].as_array().unwrap().iter().map(|turn| &turn["turn"]);
            numbers.map(|number| number.as_u64().unwrap()).collect::<Vec<_>>()
        });
        turns.collect::<Vec<_>>()
    };
    let first = order("--seed=7");
    let mut all = first.concat();
    all.sort_unstable();
    assert_eq!(all, (1..=12).collect::<Vec<_>>());
    assert_eq!(order("--seed=7"), first);
    assert_ne!(order("--seed=8"), first);
}

#[test]
fn more_connections_than_a_process_may_hold_are_held_by_several() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("result.json");
    let mut command = Command::new("sh");
    // 500 of them are for other things than connections.
    command.args(["-c", "ulimit -n 700; exec \"$@\"", "sh"]).arg(cargo_bin("rungs"));
    command.args(["compare", RUNS, "epollserver", "--work=idle", "--levels=1000", "--rounds=1"]);
    let output = command.arg("--json").arg(&json).env("CARGO", "true").assert().success();
    let comparison: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    let turn = &row(&comparison, "epollserver")["turns"][0];
    assert_eq!([&turn["held"], &turn["held_in"]], [1000, 5], "{turn}");
    assert!(turn["memory_per_connection"].as_f64() > Some(0.0), "{turn}");
    let text = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    assert!(text.contains("epollserver, idle, 1000 held: by 5 servers, since one"), "{text}");
}

/// Holds 2 KiB for each client, and at the 500th does nothing else, busily, until others run the same
/// program.
const HOLDER: &str = r"
import select, socket, sys
address, others = sys.argv[1:]
host, port = address.rsplit(':', 1)
listener = socket.create_server((host, int(port)), backlog=1024)
poll, clients = select.epoll(), {}
poll.register(listener, select.EPOLLIN)
while True:
    for descriptor, _ in poll.poll():
        if descriptor == listener.fileno():
            client, _ = listener.accept()
            clients[client.fileno()] = client, bytearray(2048)
            poll.register(client, select.EPOLLIN)
            if len(clients) == 500:
                waiting = socket.socket(socket.AF_UNIX)
                waiting.connect(others)
                while not select.select([waiting], [], [], 0)[0]:
                    pass
            continue
        try:
            if clients[descriptor][0].recv(4096):
                clients[descriptor][0].sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi\n')
                continue
        except ConnectionResetError:
            pass
        clients.pop(descriptor)[0].close()
";

/// Each page of a program's file is a fifth of one to each as soon as five run it.
#[test]
fn what_a_connection_adds_is_known_while_others_run_the_same_program() {
    if !has_python("what_a_connection_adds_is_known_while_others_run_the_same_program") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // A copy, that nobody but this test runs.
    let copied = "cp \"$(python3 -c 'import sys; print(sys.executable)')\" python; \
                  exec python3 -c 'import sys; print(sys.base_prefix)'";
    let mut copy = Command::new("sh");
    let (home, _) =
        first_line(&*copy.args(["-c", copied]).current_dir(folder.path()).unwrap().stdout);
    let (python, socket) = (folder.path().join("python"), folder.path().join("socket"));
    let listener = UnixListener::bind(&socket).unwrap();
    let start = |_| {
        let mut other = process::Command::new(&python);
        other.args(["-c", "print(flush=True); input()"]).env("PYTHONHOME", home.trim_end());
        let mut other = other.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        assert_eq!(first_line(other.stdout.take().unwrap()).0, "\n");
        other
    };
    let (comparison, mut others) = thread::scope(|scope| {
        let starting = scope.spawn(|| {
            let waiting = listener.accept().unwrap();
            let others: Vec<_> = (0..4).map(start).collect();
            drop(waiting);
            others
        });
        let mut command =
            rungs(&["compare", RUNS, "epollserver", "--work=idle", "--levels=1000", "--rounds=1"]);
        command.args(["--json=-", "--peer"]).arg(r#""$PYTHON" -c "$HOLDER" {addr} "$OTHERS""#);
        command.env("PYTHON", &python).env("PYTHONHOME", home.trim_end());
        let output = command.env("HOLDER", HOLDER).env("OTHERS", &socket).output().unwrap();
        // If nobody was, nobody waits any longer.
        drop(UnixStream::connect(&socket));
        (serde_json::from_slice::<Value>(&output.stdout).unwrap(), starting.join().unwrap())
    });
    for other in &mut others {
        other.kill().unwrap();
        other.wait().unwrap();
    }
    let turn = &comparison["rows"][1]["turns"][0];
    assert_eq!((&turn["held"], &turn["cut_short"]), (&1000.into(), &false.into()), "{turn}");
    assert!(turn["memory_per_connection"].as_f64() >= Some(1024.0), "{turn}");
}

#[test]
fn levels_and_names_are_what_they_seem() {
    let peer = "exec \"$RUNG\" --listen {addr}";
    let mut command = rungs(&["compare", RUNS, "webserver1", "--work=hello", "--levels=2,1,2"]);
    command.args(["--peer", peer, "--peer", peer, "--rounds=1", "--json=-"]);
    command.env("RUNG", cargo_bin("webserver1")).args(["--base", "\"$RUNG\" 2"]);
    let output = command.assert().success().get_output().stdout.clone();
    let comparison: Value = serde_json::from_slice(&output).unwrap();
    let rows = comparison["rows"].as_array().unwrap();
    let levels: Vec<_> = rows.iter().map(|row| row["level"].as_u64().unwrap()).collect();
    assert_eq!(levels, [2, 2, 2, 1, 1, 1]);
    assert_ne!(rows[0]["to_base"], Value::Null);
    assert_eq!(rows[2]["to_base"], Value::Null);
}

#[test]
fn a_folder_that_cannot_be_made_is_named_before_the_work() {
    let mut command = rungs(&["compare", "webserver1", "--runs=/dev/null/runs"]);
    let output = command.env("CARGO", "true").assert().code(1).get_output().clone();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "rungs: make a folder in /dev/null/runs: not a directory\n");
}

#[test]
fn a_peer_that_does_not_come_up_has_a_row_that_says_why() {
    let peer = "echo no such luck >&2; exit 3 {port}";
    let arguments = ["iterativeserver", "--peer", peer, "--levels=1", "--rounds=1"];
    let (comparison, text) = compare(&arguments, 1);
    let error = row(&comparison, "echo")["error"].as_str().unwrap();
    let (line, hint) = error.split_once('\n').unwrap();
    let why = "it ended before it listened: no such luck (exit status 3)";
    assert_eq!(line, format!("start `{peer}`: {why}"));
    assert!(hint.starts_with("hint: "), "{hint}");
    assert!(text.contains(&format!("\necho has no figures: {line}\n{hint}\n")), "{text}");
    assert!(row(&comparison, "iterativeserver")["answered"].as_u64().unwrap() > 0);
}

#[test]
fn a_peer_that_fails_now_and_then_has_a_note_that_says_at_what_levels() {
    let folder = tempfile::tempdir().unwrap();
    // It starts three times: to be looked at, then for two turns, or for one that is made twice.
    let arguments = ["compare", RUNS, "webserver1", "--work=hello", "--levels=1,2,3", "--rounds=2"];
    let mut command = rungs(&arguments);
    command.arg("--peer");
    command.arg("echo >>starts; [ $(wc -l <starts) -le 3 ] && exec \"$RUNG\" --listen {addr}");
    command.env("RUNG", cargo_bin("epollserver")).current_dir(folder.path());
    let assert = command.assert().code(1);
    let text = String::from_utf8_lossy(&assert.get_output().stdout);
    let (_, note) =
        text.split_once("\necho has no figures for ").unwrap_or_else(|| panic!("{text}"));
    let (none, few) = note.split_once(" at once and fewer turns for ").unwrap();
    let (few, error) = few.split_once(": ").unwrap();
    let levels = none.split(", ").chain(few.split(", "));
    let mut levels: Vec<_> = levels.map(|at| at.trim_end_matches(" at once")).collect();
    levels.sort_unstable();
    assert_eq!(levels, ["1", "2", "3"], "{text}");
    assert!(error.starts_with("start `echo "), "{text}");
}

/// The peer does not start where its port is not claimed.
#[test]
fn a_port_is_claimed_while_a_peer_starts_there() {
    let server = cargo_bin("epollserver");
    let peer = format!(
        "--peer=grep -q '@rungs port {{port}}$' /proc/net/unix && exec '{}' --listen {{addr}}",
        server.display()
    );
    compare(&["iterativeserver", &peer, "--work=hello", "--levels=1", "--rounds=1"], 0);
}

#[test]
fn peers_of_one_name_have_numbers() {
    let peers = ["--peer=echo {port} one >&2; exit 1", "--peer=exec echo {port} two >&2"];
    let flags = ["--work=hello", "--levels=1,2", "--rounds=1"];
    let arguments = [&["iterativeserver", peers[0], peers[1]][..], &flags].concat();
    let (comparison, text) = compare(&arguments, 1);
    let names: Vec<_> = comparison["rows"].as_array().unwrap().iter().map(|r| &r["name"]).collect();
    assert_eq!(names, ["iterativeserver", "echo", "echo 2", "iterativeserver", "echo", "echo 2"]);
    assert!(row(&comparison, "echo")["error"].as_str().unwrap().contains(" one"), "{text}");
    assert!(row(&comparison, "echo 2")["error"].as_str().unwrap().contains(" two"), "{text}");
    assert!(text.contains("\necho has") && text.contains("\necho 2 has"), "{text}");
    // A number says nothing of which is which.
    assert!(text.contains("\necho 2 is `exec echo {port} two >&2`\n"), "{text}");
}

/// The row of a rung as a peer, in a shell that does something before or beside it.
fn peer_row(script: &str, rounds: u32) -> Value {
    let script = script.replace("RUNG", "\"$RUNG\" --listen {addr}");
    let mut command = rungs(&["compare", RUNS, "webserver1", "--work=keep-alive", "--levels=1"]);
    command.args(["--rounds", &rounds.to_string()]);
    command.args(["--peer", &script, "--json=-"]).env("RUNG", cargo_bin("epollserver"));
    let comparison: Value =
        serde_json::from_slice(&command.assert().success().get_output().stdout).unwrap();
    comparison["rows"][1].clone()
}

#[test]
fn a_server_that_adds_workers_is_not_said_to_leak() {
    // They come when the rung has waited for its client a few times.
    let row = peer_row(
        "RUNG & until while read -r key count; do \
         [ $key = voluntary_ctxt_switches: ] && break; done </proc/$!/status; [ $count -gt 20 ]; \
         do sleep 0.02; done; sleep 600 & sleep 600 & sleep 600 & wait",
        1,
    );
    assert_eq!((&row["descriptors_left"], &row["broke"]), (&Value::Null, &"nothing".into()));
}

#[test]
fn a_server_that_answers_nobody_is_not_said_to_serve_one_at_a_time() {
    // It may have its two sockets and the standard streams, and no client; the kernel goes on taking
    // its connections.
    let row = peer_row("ulimit -n 5; exec RUNG", 1);
    assert_eq!((&row["answered"], &row["broke"]), (&0.into(), &"no-answer".into()));
}

/// One request at a time of a peer in Python, which has its port and a word, and what is printed.
fn compare_with_python(program: &str, word: &str, work: &str) -> (Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("peer.py");
    fs::write(&file, program).unwrap();
    let peer = format!("exec python3 {} {{port}} {word}", file.display());
    compare(&["webserver1", work, "--levels=1", "--rounds=1", "--peer", &peer], 0)
}

#[test]
fn a_slow_server_is_not_said_to_keep_others_waiting() {
    if !has_python("a_slow_server_is_not_said_to_keep_others_waiting") {
        return;
    }
    let program = r#"
import http.server, sys, time
class Slow(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(0.6)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass
server = getattr(http.server, sys.argv[2])
server(("127.0.0.1", int(sys.argv[1])), Slow).serve_forever()
"#;
    for (server, broke) in [("ThreadingHTTPServer", "nothing"), ("HTTPServer", "one-at-a-time")] {
        let (comparison, text) = compare_with_python(program, server, "--work=wait");
        assert_eq!(row(&comparison, "python3")["broke"], broke, "{server}: {text}");
    }
}

#[test]
fn a_server_in_the_background_is_not_said_to_have_died() {
    let row = peer_row("RUNG &", 1);
    assert_eq!((&row["died"], &row["broke"]), (&Value::Null, &"nothing".into()));
    assert!(row["answered"].as_u64().is_some_and(|count| count > 0), "{row}");
}

#[test]
fn processor_time_that_the_kernel_drops_is_not_said_to_be_little() {
    if !has_python("processor_time_that_the_kernel_drops_is_not_said_to_be_little") {
        return;
    }
    let program = r#"
import os, signal, socket, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    client, _ = listener.accept()
    if os.fork() == 0:
        client.recv(1024)
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\nHello")
        os._exit(0)
    client.close()
"#;
    let (comparison, text) = compare_with_python(program, "", "--work=hello");
    let row = row(&comparison, "python3");
    // The kernel has reaped its children.
    assert_eq!((&row["zombies_left"], &row["cpu_us_per_request"]), (&0.into(), &Value::Null));
    assert_eq!(row["turns"][0]["foreign"], Value::Null);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("python3: no CPU time, since it ignores SIGCHLD"), "{text}");
}

/// No machine has that processor.
#[test]
fn where_the_kernel_refuses_a_processor_all_run_everywhere() {
    let program = cargo_bin("threadserver");
    let command = format!("exec {} --listen {{addr}}", program.display());
    let plan = Plan {
        subjects: vec![Subject::Peer(Peer::Command(command))],
        works: vec![(Work::Hello, vec![1])],
        rounds: 1,
        warm_up: Duration::from_millis(50),
        // On a machine with much else to do a short turn may have no answer.
        duration: Duration::from_secs(2),
        base: None,
        seed: 0,
        placement: Some(Placement { server: vec![1023], generator: vec![1023] }),
    };
    let comparison = compare::run(&plan, &AtomicBool::new(false), &|_| {}, &|_| {});
    assert_eq!((&comparison.placement, &comparison.rows[0].error), (&None, &None));
    assert!(comparison.rows[0].answered > 0);
}

#[test]
fn a_zombie_from_before_the_load_is_not_counted() {
    // timeout(1) becomes the parent of the first sleep, and waits for its own child alone. On a machine
    // with much else to do a turn may have no answer, so there are three.
    let row = peer_row(
        "sleep 0.1 & exec timeout --foreground 600 sh -c 'while read -r _ _ state _ </proc/$0/stat \
         && [ $state != Z ]; do sleep 0.01; done; exec RUNG' $!",
        3,
    );
    assert_eq!((&row["zombies_left"], &row["broke"]), (&0.into(), &"nothing".into()));
}

#[test]
fn nginx_takes_part_if_it_is_there() {
    let path = env::var_os("PATH").unwrap();
    if !env::split_paths(&path).any(|folder| folder.join("nginx").is_file()) {
        println!("skipped: nginx_takes_part_if_it_is_there: nginx is not on PATH");
        return;
    }
    let flags = ["--work=hello", "--levels=1", "--rounds=3", "--base=nginx"];
    let (comparison, text) =
        compare(&[&["iterativeserver", "--peer=nginx"], &flags[..]].concat(), 0);
    assert_eq!(row(&comparison, "nginx")["to_base"], Value::Null);
    // The ratio is that of the pairs, not of the medians. On a machine with much else to do a turn
    // may have no answer.
    let ratio = &row(&comparison, "iterativeserver")["to_base"]["cpu_us_per_request"];
    let cost = |name, round: u64| {
        let turns = row(&comparison, name)["turns"].as_array().unwrap();
        turns.iter().find(|turn| turn["round"] == round)?["cpu_us_per_request"].as_f64()
    };
    let pairs =
        (1..=3).filter_map(|round| Some(cost("iterativeserver", round)? / cost("nginx", round)?));
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_by(f64::total_cmp);
    if let [_, middle, _] = pairs[..] {
        assert!((ratio["median"].as_f64().unwrap() - middle).abs() < 1e-9, "{ratio}: {pairs:?}");
    }
    assert!(
        text.contains("\nratio to nginx, round by round: the median, and the range\n"),
        "{text}"
    );
    assert!(text.contains("A ratio is the median of the rounds' ratios"), "{text}");
    let nginx = row(&comparison, "nginx");
    assert!(nginx["answered"].as_u64().is_some_and(|n| n > 0), "{nginx}");
    assert_eq!(nginx["failures"], serde_json::json!({}));
    assert_eq!(nginx["broke"], "nothing");
}

#[test]
fn each_known_peer_takes_part_if_it_is_there() {
    let flags = ["--work=hello,large", "--levels=2", "--rounds=1"];
    for known in Known::ALL {
        let peer = format!("--peer={}", known.name());
        let (comparison, text) = match try_compare(&[&["webserver1", &peer], &flags[..]].concat()) {
            (0, comparison, text) => (comparison, text),
            (_, _, text) if text.contains(": not on PATH (") => {
                println!("skipped: {} of each_known_peer_takes_part: not on PATH", known.name());
                continue;
            }
            (code, _, text) => panic!("{known:?}: {code}: {text}"),
        };
        let rows = comparison["rows"].as_array().unwrap();
        let own: Vec<_> = rows.iter().filter(|row| row["name"] == known.name()).collect();
        assert_eq!(own.len(), 2, "{text}");
        for row in own {
            assert_eq!(
                (&row["not_done"], &row["failures"]),
                (&Value::Null, &serde_json::json!({}))
            );
        }
        let server = &comparison["servers"][1];
        assert_eq!(server["name"], known.name());
        assert!(server["version"].as_str().is_some_and(|text| !text.is_empty()), "{server}");
        assert!(server["configuration"].as_str().is_some_and(|text| !text.is_empty()), "{server}");
        // What the file does not say: the number of workers, for one.
        let command = server["command"].as_str().unwrap();
        assert_eq!(command.contains(" --workers 4 "), known == Known::Gunicorn, "{command}");
    }
}

#[test]
fn a_missing_nginx_is_named_with_its_package() {
    // Cargo finds its compiler beside itself.
    let cargo = PathBuf::from(env::var_os("CARGO").unwrap());
    let mut command = rungs(&["compare", RUNS, "iterativeserver", "--peer=nginx", "--levels=1"]);
    command.env("PATH", cargo.parent().unwrap()).args(["--rounds=1"]);
    let assert = command.assert().code(1);
    let text = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    assert!(text.contains("nginx has no figures") && text.contains("nginx-light"), "{text}");
}

#[test]
fn wrong_words_get_a_line_and_a_hint() {
    let said = |arguments: &[&str], code| {
        let assert = rungs(arguments).assert().code(code);
        let output = assert.get_output();
        assert!(output.stdout.is_empty());
        let text = String::from_utf8(output.stderr.clone()).unwrap();
        assert!(text.starts_with("rungs: "), "{text}");
        text
    };
    let text = said(&["compare", "epolserver"], 2);
    assert!(text.contains("epolserver") && text.contains("hint: ") && text.contains("epollserver"));
    let text = said(&["compare", "threadpoolserver"], 2);
    assert!(
        text.contains("'threadpoolserver'") && text.contains(": it does not exist yet\nhint: ")
    );
    let text = said(&["compare", "nginx"], 2);
    assert!(
        text.ends_with(": it is no rung\nhint: `rungs compare --peer nginx` has it take part\n"),
        "{text}"
    );
    assert!(said(&["compare", "--peer", "thttpd"], 2).contains("{port}"));
    let text = said(&["compare", "--peer", "ngnix"], 2);
    assert!(text.contains("hint: a similar peer exists: 'nginx'\n"), "{text}");
    let text = said(&["compare", "--work", "wiat"], 2);
    assert!(
        text.contains("'wiat'") && text.contains("hint: ") && text.contains("'wait'"),
        "{text}"
    );
    let text = said(&["compare", "webserver1", "--base", "nginx"], 2);
    assert_eq!(text, "rungs: --base nginx: it takes no part\nhint: add --peer nginx\n");
    let text = said(&["compare", "webserver1", "--base", "epollserver"], 2);
    assert!(text.ends_with("hint: these do: webserver1\n"), "{text}");
    assert!(said(&["compare", "--csv", "-", "--json", "-"], 2).contains("one form\nhint: "));
    assert!(said(&["compare", "--quick", "--full"], 2).contains("cannot be used with"));
    assert!(said(&["compare", "--levels", "0"], 2).contains("0 is not in"));
    assert!(said(&["compare", "--levels", "-1"], 2).contains("-1 is not in"));
    assert!(said(&["compare", "--rounds", "-1"], 2).contains("-1 is not in"));
    assert!(said(&["compare", "--duration", "0s"], 2).contains(": it must be above zero\n"));
    assert!(said(&["compare", "--duration", "ten"], 2).contains(": not a time such as 10s, "));
    let text = said(&["compare", "--json", "/nowhere/result.json"], 1);
    assert_eq!(text, "rungs: create /nowhere/result.json: no such file or directory\n");
    let text = said(&["compare", "--json", "/tmp"], 1);
    assert_eq!(text, "rungs: create /tmp: is a directory\n");
}

/// What the first Ctrl-C is answered with.
const STOPPING: &str = "stopping; Ctrl-C again ends at once";

/// A comparison that would take a quarter of an hour, seen with a rung at work. The rungs are built:
/// cargo would only make it wait for its lock.
fn long_comparison(folder: &Path) -> (Child, u32) {
    let comparing = process::Command::new(cargo_bin("rungs"))
        .args(["compare", "threadserver", "--work=hello", "--levels=2", "--rounds=1000"])
        .arg("--json")
        .arg(folder.join("result.json"))
        .arg("--runs")
        .arg(folder.join("runs"))
        .env("CARGO", "true")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let rung = await_some("a rung under load", || {
        let tree = observe::tree(comparing.id());
        tree.processes.iter().find(|one| one.name == "threadserver").map(|one| one.pid)
    });
    (comparing, rung)
}

fn is_gone(pid: u32, name: &str) -> bool {
    // Its number may be somebody else's by now.
    observe::tree(pid).processes.first().is_none_or(|one| one.name != name)
}

#[test]
fn an_interrupted_comparison_keeps_what_it_measured() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("result.json");
    let (comparing, rung) = long_comparison(folder.path());
    await_until("the results of the first round", || has_results(&file));
    kill(Pid::from_raw(comparing.id().cast_signed()), Signal::SIGINT).unwrap();
    let output = comparing.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.ends_with(&format!("{STOPPING}\n")), "{text}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("Interrupted: these are the figures until then"), "{text}");
    let comparison: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(comparison["partial"], true);
    // So is the run that is kept.
    let latest = folder.path().join("runs/latest");
    assert_eq!(fs::read(latest.join("comparison.json")).unwrap(), fs::read(&file).unwrap());
    let page = fs::read_to_string(latest.join("report.html")).unwrap();
    assert!(page.contains("Interrupted: these are the figures until then"));
    let row = row(&comparison, "threadserver");
    assert_eq!(row["partial"], true);
    // It may have come between two turns.
    let is_cut_short = row["turns"].as_array().unwrap().last().unwrap()["cut_short"] == true;
    assert_eq!(text.contains("threadserver* "), is_cut_short, "{text}");
    assert_eq!(text.contains("\n* measured only in part"), is_cut_short, "{text}");
    await_until("the end of the rung", || is_gone(rung, "threadserver"));
}

#[test]
fn an_interrupted_comparison_leaves_no_bar_on_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("result.json");
    let rungs = cargo_bin("rungs");
    let arguments =
        "threadserver --work=hello --levels=2 --rounds=1000 --peer='exit 3 {port}' --json";
    let command =
        format!("exec '{}' compare '{RUNS}' {arguments} '{}'", rungs.display(), file.display());
    // script(1) gives it a terminal, and passes our Ctrl-C on to that.
    let started = process::Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .env("CARGO", "true")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut script) = started else {
        println!("skipped: an_interrupted_comparison_leaves_no_bar_on_the_terminal: no script(1)");
        return;
    };
    await_until("the results of the first round", || has_results(&file));
    script.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    let output = script.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let text = String::from_utf8(output.stdout).unwrap();
    let (before, after) = text.split_once(STOPPING).unwrap_or_else(|| panic!("{text:?}"));
    assert!(before.contains("exit has no figures: start `exit 3 {port}`: "), "at once: {before:?}");
    let (_, last) = before.rsplit_once(" left: ").expect("a bar");
    assert!(last.contains("\x1b[2K"), "the bar is cleared: {last:?}");
    assert!(!after.contains(" left: "), "no bar comes after it: {after:?}");
}

#[test]
fn a_killed_comparison_leaves_no_server_and_no_half_file_behind() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("result.json");
    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let whole = || match fs::read(&file).unwrap() {
        old if old == b"old" => None,
        new => Some(serde_json::from_slice::<Value>(&new).unwrap()),
    };
    let (mut comparing, rung) = long_comparison(folder.path());
    await_some("the results of the first round", whole);
    comparing.kill().unwrap();
    comparing.wait().unwrap();
    assert_eq!(whole().unwrap()["partial"], true);
    assert!(folder.path().join("runs/latest/report.html").is_file());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    await_until("the end of the rung", || is_gone(rung, "threadserver"));
}

/// A shell stands in for cargo: what it runs is the file `build`, for that is its first argument.
#[test]
fn a_killed_comparison_does_not_go_on_building() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("build"), "echo compiling $$\nsleep 600 & wait\n").unwrap();
    let mut comparing = process::Command::new(cargo_bin("rungs"))
        .args(["compare", RUNS, "webserver1"])
        .env("CARGO", "/bin/sh")
        .current_dir(folder.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (line, _stderr) = first_line(comparing.stderr.take().unwrap());
    let cargo: u32 = line.trim().strip_prefix("compiling ").unwrap().parse().unwrap();
    let compiler = await_some("a compiler", || {
        observe::tree(cargo).processes.iter().find(|one| one.name == "sleep").map(|one| one.pid)
    });
    comparing.kill().unwrap();
    comparing.wait().unwrap();
    await_until("the end of cargo", || is_gone(cargo, "sh"));
    await_until("the end of its compiler", || is_gone(compiler, "sleep"));
}

/// A shell stands in for cargo here too, and builds nothing.
#[test]
fn a_build_is_explained_on_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("build"), "exit 1\n").unwrap();
    let command = format!(
        "exec '{}' compare '{RUNS}' webserver1 epollserver --levels=1 --rounds=1",
        cargo_bin("rungs").display()
    );
    let output = process::Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .env("CARGO", "/bin/sh")
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output();
    let Ok(output) = output else {
        println!("skipped: a_build_is_explained_on_a_terminal: no script(1)");
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("building 2 rungs with cargo\r\n"), "{text:?}");
    assert!(text.contains("building epollserver by itself, to see whether"), "{text:?}");
}

/// A short comparison that writes to `json`, in a shell that first does as `set_up` says.
fn short_comparison(set_up: &str, json: &Path) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &format!("{set_up} exec \"$0\" \"$@\"")]);
    command.arg(cargo_bin("rungs"));
    command.args([
        "compare",
        RUNS,
        "webserver1",
        "--work=hello",
        "--levels=1",
        "--rounds=2",
        "--json",
    ]);
    command.arg(json);
    // The rungs are built; cargo must not stumble over what the shell has set up.
    command.env("CARGO", "true").env_remove("RUST_BACKTRACE");
    command
}

#[test]
fn results_that_cannot_be_written_leave_the_old_ones() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("result.json");
    fs::write(&file, "old").unwrap();
    // Files may have no bytes, as on a full disk.
    let assert = short_comparison("trap '' XFSZ; ulimit -f 0;", &file).assert().code(1);
    let (stdout, stderr) = (&assert.get_output().stdout, &assert.get_output().stderr);
    let said = format!("rungs: write {}: file too large\n", file.display());
    assert_eq!(String::from_utf8_lossy(stderr), said);
    assert!(String::from_utf8_lossy(stdout).contains("webserver1"), "the table is printed anyway");
    assert_eq!(fs::read(&file).unwrap(), b"old");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no other file is left");
}

#[test]
fn results_go_into_a_pipe_and_not_over_it() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    mkfifo(&pipe, Mode::S_IRWXU).unwrap();
    let reader = thread::spawn({
        let pipe = pipe.clone();
        move || fs::read(pipe).unwrap()
    });
    short_comparison("", &pipe).assert().success();
    let comparison: Value = serde_json::from_slice(&reader.join().unwrap()).unwrap();
    assert_eq!(comparison["partial"], false);
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
}

#[test]
fn results_come_behind_the_tables_where_both_go_to_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.txt");
    let set_up = format!("exec >'{}';", file.display());
    short_comparison(&set_up, Path::new("/dev/stdout")).assert().success();
    let text = fs::read_to_string(&file).unwrap();
    let json = text.find("{\n").unwrap();
    assert!(text[..json].contains("1 client, a connection per request"), "{text}");
    assert!(serde_json::from_str::<Value>(&text[json..]).is_ok(), "{text}");
}
