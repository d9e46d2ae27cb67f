//! `rungs load`, from outside.

use super::{
    support::{descriptors_at_rest, has_results, rungs, start},
    waiting::{PATIENCE, await_until},
};
use assert_cmd::cargo::cargo_bin;
use base64::{Engine, prelude::BASE64_STANDARD};
use hdrhistogram::{
    Histogram,
    serialization::{
        Deserializer,
        interval_log::{IntervalLogIterator, LogEntry},
    },
};
use nix::{
    fcntl::{FcntlArg, fcntl},
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rungs::harness::{observe, supervise::Server};
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use std::{
    fs,
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Child, Stdio},
};

/// An hour, for runs that must end before their time.
const LONG: &str = "1h";

/// What a run prints, as text; its exit code is checked.
fn load(url: &str, arguments: &[&str], code: i32) -> (String, String) {
    let mut command = rungs(&["load", url]);
    let assert = command.args(arguments).timeout(PATIENCE).assert().code(code);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&assert.get_output().stdout), text(&assert.get_output().stderr))
}

/// A run's JSON, from stdout.
fn json(url: &str, arguments: &[&str]) -> Value {
    let (stdout, stderr) = load(url, &[arguments, &["--json", "-"]].concat(), 0);
    assert_eq!(stderr, "");
    let run: Value = serde_json::from_str(&stdout).unwrap();
    let classes = run["account"].as_object().unwrap();
    let sum: u64 = classes.values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(run["started"].as_u64(), Some(sum), "the account adds up: {run}");
    run
}

fn url(server: &Server, path: &str) -> String {
    format!("http://{}{path}", server.address())
}

/// An address where nobody listens, nor will.
fn deaf() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// What is said of a wrong command line, in one line, and the hint below it.
fn misused(arguments: &[&str]) -> (String, String) {
    let (stdout, stderr) = load(arguments[0], &arguments[1..], 2);
    assert_eq!(stdout, "");
    let lines: Vec<_> = stderr.lines().collect();
    let [line, hint] = lines[..] else { panic!("{arguments:?}: {stderr}") };
    assert!(line.starts_with("rungs: ") && hint.starts_with("hint: "), "{arguments:?}: {stderr}");
    (line.to_owned(), hint.to_owned())
}

#[test]
fn a_wrong_command_line_is_said_in_a_line_that_names_the_flag() {
    let long_name = format!("http://{}.test", "a".repeat(64));
    for (arguments, said) in [
        (&["http://[::1/"][..], "<URL>"),
        (&["https://localhost/"], "no TLS"),
        (&["ftp://localhost/"], "<URL>"),
        (&["http://me@localhost/"], "<URL>"),
        (&[&long_name], "resolve aaaa"),
        (&["http://192.0.2.1"], "URL http://192.0.2.1/: 192.0.2.1 is not a loopback address"),
        (&["127.0.0.1"], "'127.0.0.1' for '<URL>': there is no port in it"),
        (&["localhost/hello"], "there is no port in it"),
        (&["127.0.0.1:1", "-5"], "unexpected argument '-5'"),
        (&["127.0.0.1:1", "--header", "no colon"], "--header"),
        (&["127.0.0.1:1", "--method", "two words"], "--method"),
        (&["127.0.0.1:1", "--source", "::1"], "--source"),
        (&["127.0.0.1:1", "--source", "192.0.2.1"], "--source 192.0.2.1: not an address of this"),
        (&["127.0.0.1:1", "--raw", "/nowhere"], "--raw /nowhere: no such file or directory"),
        (&["127.0.0.1:1", "--raw", "/dev/null"], "--raw /dev/null: nothing to send"),
        (&["127.0.0.1:1", "--mix", "/nowhere"], "--mix /nowhere: no such file or directory"),
        (&["127.0.0.1:1", "--mix", "/dev/null"], "--mix /dev/null: no request"),
        (&["127.0.0.1:1", "--mix", "/etc/passwd"], "--mix /etc/passwd:1: not WEIGHT METHOD"),
        (&["127.0.0.1:1/a", "--mix", "/dev/null"], "--mix says what to ask for"),
        (&["127.0.0.1:1", "--body", "@/nowhere"], "--body /nowhere: no such file or directory"),
        (&["127.0.0.1:1", "--per-request", "--keep-alive"], "--keep-alive"),
        (&["127.0.0.1:1", "--per-request", "--pipeline=2"], "--pipeline"),
        (&["127.0.0.1:1", "--rate=1", "--ramp=1..2"], "--ramp"),
        (&["127.0.0.1:1", "--arrivals=poisson"], "--rate <R>|--ramp <FROM..TO>"),
        (&["127.0.0.1:1", "--steps=3"], "--ramp"),
        (&["127.0.0.1:1", "--slow-at=reading"], "--slow"),
        (&["127.0.0.1:1", "--idle=5", "-c5"], "--connections"),
        (&["127.0.0.1:1", "--idle=5", "--raw=/x", "--slow=1"], "--raw <FILE> --slow"),
        (&["127.0.0.1:1", "--json=-", "--csv=-"], "--json and --csv"),
    ] {
        let (line, _) = misused(arguments);
        assert!(line.contains(said), "{arguments:?}: {line}");
    }
    for (arguments, said) in [
        (&["http://192.0.2.1"][..], "--yes-this-is-my-server"),
        (&["localhost"], "HOST:8888"),
        (&[&long_name], "is the name spelt right?"),
        // Clap's own would have it passed as a value.
        (&["127.0.0.1:1", "-5"], "see --help"),
    ] {
        let (_, hint) = misused(arguments);
        assert!(hint.contains(said), "{arguments:?}: {hint}");
    }
}

#[test]
fn a_wrong_number_is_told_what_it_must_be() {
    for (arguments, said) in [
        (&["127.0.0.1:1", "--rate", "0"][..], "--rate"),
        (&["127.0.0.1:1", "--rate", "-5"], "'-5' for '--rate <R>': it must be above zero"),
        (&["127.0.0.1:1", "--rate", "-5k"], "'-5k' for '--rate <R>': it must be above zero"),
        (&["127.0.0.1:1", "--rate", "11M"], "--rate <R>': more than ten million a second"),
        (&["127.0.0.1:1", "--ramp", "5..-1"], "--ramp <FROM..TO>': it must be above zero"),
        (&["127.0.0.1:1", "--ramp", "-5..1"], "--ramp <FROM..TO>': it must be above zero"),
        (&["127.0.0.1:1", "-c", "-1"], "'--connections <N>': not a whole number from 1 to"),
        (&["127.0.0.1:1", "-n", "-1"], "'--requests <N>': not a whole number above zero"),
        (&["127.0.0.1:1", "-d", "-1"], "'--duration <TIME>': it is below zero"),
        (&["127.0.0.1:1", "--warm-up", "-1"], "'--warm-up <TIME>': it is below zero"),
        (&["127.0.0.1:1", "--pipeline", "-1"], "not a whole number from 1 to 1024"),
        (&["127.0.0.1:1", "--ramp=1..2", "--steps", "1"], "not a whole number from 2 to 1000"),
        (&["127.0.0.1:1", "--seed", "-1"], "'--seed <N>': not a whole number"),
        (&["127.0.0.1:1", "--duration", "0"], "--duration"),
        (
            &["127.0.0.1:1", "--duration", "18446744073709551615s"],
            "duration and timeout are too long",
        ),
        (&["127.0.0.1:1", "--timeout", "soon"], "--timeout"),
        (&["127.0.0.1:1", "--connections", "0"], "--connections"),
        (&["127.0.0.1:1", "--requests", "0"], "--requests"),
        (&["127.0.0.1:1", "--threads", "0"], "--threads"),
        (&["127.0.0.1:1", "--slow", "0"], "--slow"),
        (&["127.0.0.1:1", "--ramp", "5..5"], "--ramp"),
    ] {
        let (line, _) = misused(arguments);
        assert!(line.contains(said), "{arguments:?}: {line}");
    }
}

#[test]
fn who_is_not_there_is_missed_at_once() {
    let (_socket, address) = deaf();
    for host in [address.to_string(), format!("localhost:{}", address.port())] {
        let (stdout, stderr) = load(&host, &["--duration", LONG], 1);
        assert_eq!(stdout, "");
        let hint = format!("start a server: cargo run --bin epollserver -- --listen {address}");
        let said = format!("rungs: connect {address}: connection refused\nhint: {hint}\n");
        assert_eq!(stderr, said);
    }
}

#[test]
fn an_address_off_loopback_is_loaded_if_it_is_ones_own() {
    let server = start("epollserver");
    // connect(2) to the wildcard address is one to this machine, but nobody types that by chance.
    let url = format!("0.0.0.0:{}", server.address().port());
    let (_, stderr) = load(&url, &["--requests=1"], 2);
    assert!(stderr.contains("0.0.0.0 is not a loopback address"), "{stderr}");
    load(&url, &["--requests=1", "--yes-this-is-my-server"], 0);
}

#[test]
fn a_file_that_cannot_be_written_is_named_before_the_work() {
    let server = start("epollserver");
    for flag in ["--json", "--csv", "--hdr"] {
        let (stdout, stderr) =
            load(&url(&server, "/"), &["--duration", LONG, flag, "/nowhere/run"], 1);
        assert_eq!(stdout, "");
        assert_eq!(
            stderr,
            format!("rungs: {flag}: create /nowhere/run: no such file or directory\n")
        );
    }
}

#[test]
fn every_request_is_in_one_class() {
    let server = start("epollserver");
    let run = json(&url(&server, "/nowhere"), &["--requests=200", "--connections=4"]);
    assert_eq!((&run["schema"], &run["started"]), (&1.into(), &200.into()));
    assert_eq!(run["account"]["answered_4xx"], 200);
    assert_eq!(run["account"].as_object().unwrap().len(), 17);
    assert_eq!((&run["loop"], &run["work"]), (&"closed".into(), &"keep-alive".into()));
    assert_eq!((&run["partial"], &run["rate_asked"]), (&false.into(), &Value::Null));
    for name in ["response", "service", "first_byte", "last_byte"] {
        assert_eq!(run["times"][name]["count"], 200, "{name}: {run}");
        assert!(run["times"][name]["p99_us"].as_f64().unwrap() > 0.0, "{name}: {run}");
    }
    assert_eq!(run["times"]["connect"]["count"], run["connections_opened"]);
    let series = run["series"].as_array().unwrap();
    assert_eq!(series.iter().map(|one| one["answered"].as_u64().unwrap()).sum::<u64>(), 200);

    let run = json(&url(&server, "/"), &["--requests=50", "--per-request"]);
    assert_eq!(run["work"], "connection-per-request");
    assert_eq!(
        (&run["account"]["answered_2xx"], &run["connections_opened"]),
        (&50.into(), &50.into())
    );
}

#[test]
fn an_open_loop_keeps_its_schedule() {
    let server = start("epollserver");
    let run = json(&url(&server, "/"), &["--rate=50/s", "--duration=2", "--timeout=60"]);
    assert_eq!((&run["loop"], &run["plan"]["arrivals"]), (&"open".into(), &"constant".into()));
    // Request k is due after k/50 seconds: 100 of them in less than two.
    assert_eq!((&run["started"], &run["rate_asked"]), (&100.into(), &50.0.into()));
    // They were opened before the clock started.
    assert_eq!((&run["connections_held"], &run["connections_opened"]), (&10.into(), &0.into()));
    assert_eq!(run["in_flight_without_connection"], 0);
    assert!(run["generator"]["lag"]["count"].as_u64().is_some_and(|count| count > 0), "{run}");
    let arguments = ["--ramp=20..100", "--steps=5", "--duration=1s", "--arrivals=poisson"];
    let run = json(&url(&server, "/"), &arguments);
    let rates: Vec<_> = run["steps"].as_array().unwrap().iter().map(|s| &s["rate_asked"]).collect();
    assert_eq!(rates, [20.0, 40.0, 60.0, 80.0, 100.0]);
}

#[test]
fn requests_without_a_connection_are_counted() {
    let server = start("epollserver");
    // Two connections, and an answer that takes longer than the run: the rest of ten must wait.
    let arguments = ["-c2", "--rate=10", "--duration=1s", "--timeout=60"];
    let run = json(&url(&server, "/sleep/5000"), &arguments);
    assert_eq!((&run["started"], &run["account"]["in_flight"]), (&10.into(), &10.into()));
    assert_eq!(run["in_flight_without_connection"], 8);
    let (text, _) = load(&url(&server, "/sleep/5000"), &arguments, 0);
    assert!(text.contains("in flight at the end, 8 had no connection yet"), "{text}");
    assert!(text.starts_with("No request was answered in "), "{text}");
}

#[test]
fn the_first_lines_warn_of_errors_and_of_connections_that_are_not_kept() {
    let server = start("epollserver");
    let (text, _) = load(&url(&server, "/nowhere"), &["-n20", "-c2"], 0);
    assert!(text.starts_with("All 20 answers were errors, 4xx"), "{text}");
    let closing = start("iterativeserver");
    let (text, _) = load(&url(&closing, "/"), &["-n20", "-c2", "--keep-alive"], 0);
    let warning = "The server did not keep its connections: it closed 18 behind an answer";
    assert!(text.contains(warning), "{text}");
    let (text, _) = load(&url(&closing, "/"), &["-n20", "-c2", "--per-request"], 0);
    assert!(!text.contains("did not keep"), "{text}");
}

#[test]
fn requests_that_the_warm_up_used_up_are_missed() {
    let server = start("epollserver");
    let (text, _) = load(&url(&server, "/"), &["--warm-up", LONG, "-n", "5"], 0);
    assert!(text.starts_with("All requests went into the warm-up: -n counts those"), "{text}");
}

#[test]
fn what_is_asked_is_what_the_flags_say() {
    let server = start("epollserver");
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let body = file("body", "0123456789");
    let run = json(&url(&server, "/echo"), &["-n9", "-c1", "--body", &format!("@{body}")]);
    assert_eq!(run["account"]["answered_2xx"], 9);
    let asked = &run["plan"]["requests"][0];
    assert_eq!((&asked["method"], &asked["body_bytes"]), (&"POST".into(), &10.into()));

    let lines = format!("# three\n\n3 GET /hello\n1 GET  /nowhere\n 2 POST /echo @{body}\n");
    let run = json(&url(&server, "/"), &["-n200", "--mix", &file("mix", &lines)]);
    let requests = run["plan"]["requests"].as_array().unwrap();
    assert_eq!(requests.iter().map(|one| one["weight"].as_u64().unwrap()).sum::<u64>(), 6);
    let count = |class: &str| run["account"][class].as_u64().unwrap();
    assert_eq!(count("answered_2xx") + count("answered_4xx"), 200);
    assert!(count("answered_4xx") > 0 && count("answered_2xx") > count("answered_4xx"), "{run}");

    let raw = file("raw", "GET / HTTP/1.0\r\n\r\n");
    let run = json(&url(&server, ""), &["-n20", "--raw", &raw]);
    assert_eq!(
        (&run["account"]["answered_raw"], &run["plan"]["raw_bytes"]),
        (&20.into(), &18.into())
    );

    let run = json(&url(&server, ""), &["--idle=20", "--rate=50", "--duration=1"]);
    assert_eq!((&run["loop"], &run["idle"]["opened"]), (&"idle".into(), &20.into()));
    assert_eq!(run["connections_held"], 20);
    assert_eq!(run["started"], 50);
}

#[test]
fn the_seconds_come_back_from_csv_and_from_an_hdr_log() {
    let server = start("epollserver");
    let folder = tempfile::tempdir().unwrap();
    let [json, csv, hdr] = ["json", "csv", "hdr"].map(|name| folder.path().join(name));
    let name = |path: &Path| path.to_str().unwrap().to_owned();
    let (json_name, csv_name, hdr_name) = (name(&json), name(&csv), name(&hdr));
    let files = ["--json", &json_name, "--csv", &csv_name, "--hdr", &hdr_name];
    let arguments = [&files[..], &["--rate=100", "--duration=2500ms"]].concat();
    let (stdout, _) = load(&url(&server, "/"), &arguments, 0);
    assert!(stdout.contains("250 started = "), "{stdout}");

    let run: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    let series = run["series"].as_array().unwrap();
    let csv = fs::read_to_string(csv).unwrap();
    let (header, lines) = csv.split_once('\n').unwrap();
    let fields: Vec<_> = header.split(',').collect();
    assert_eq!(lines.lines().count(), 3);
    for (line, second) in lines.lines().zip(series) {
        let values: Vec<_> = line.split(',').collect();
        assert_eq!(values.len(), fields.len());
        for (field, value) in fields.iter().zip(values) {
            let same = match second[field].as_f64() {
                None => value.is_empty(),
                Some(number) => value.parse().is_ok_and(|found: f64| (number - found).abs() < 0.01),
            };
            assert!(same, "{field}: {value} and {second}");
        }
    }

    let log = fs::read(hdr).unwrap();
    let mut intervals = Vec::new();
    for entry in IntervalLogIterator::new(&log) {
        if let LogEntry::Interval(interval) = entry.unwrap() {
            let packed = BASE64_STANDARD.decode(interval.encoded_histogram()).unwrap();
            let times: Histogram<u64> = Deserializer::new().deserialize(&mut &packed[..]).unwrap();
            intervals.push((interval.start_timestamp().as_secs(), times));
        }
    }
    assert_eq!(intervals.len(), 3);
    for ((begins, times), second) in intervals.iter().zip(series) {
        assert_eq!(second["second"], *begins);
        assert_eq!(second["answered"], times.len());
        if let Some(p99) = second["response_p99_us"].as_f64() {
            #[expect(clippy::cast_precision_loss, reason = "nanoseconds far below 2^53")]
            let in_log = times.value_at_quantile(0.99) as f64;
            assert!((in_log / (p99 * 1000.0) - 1.0).abs() < 0.002, "{in_log} and {p99}");
        }
    }
    let logged: u64 = intervals.iter().map(|(_, times)| times.len()).sum();
    assert_eq!(run["account"]["answered_2xx"], logged);
}

/// A run of an hour, with two connections to the server.
fn long_run(server: &Server, arguments: &[&str], stdout: Stdio) -> Child {
    let before = descriptors_at_rest(server);
    let child = std::process::Command::new(cargo_bin("rungs"))
        .args(["load", &url(server, "/"), "--connections=2", "--rate=100", "--duration", LONG])
        .args(arguments)
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    await_until("two connections", || {
        observe::tree(server.pid()).descriptors() == Some(before + 2)
    });
    child
}

fn interrupt(child: &Child) {
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
}

#[test]
fn an_interrupted_run_prints_what_it_measured() {
    let server = start("epollserver");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.json");
    let child = long_run(&server, &["--json", file.to_str().unwrap()], Stdio::piped());
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("Interrupted: these are the figures of the first "), "{text}");
    assert!(text.contains(" started = "), "{text}");
    let run: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    assert_eq!(run["partial"], true);
    assert!(run["seconds"].as_f64().is_some_and(|seconds| seconds < 3600.0));
}

#[test]
fn a_second_interrupt_ends_a_run_at_once() {
    let server = start("epollserver");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.json");
    // Nobody reads its stdout, and a full pipe takes no report.
    let (reader, mut writer) = io::pipe().unwrap();
    let room = fcntl(&writer, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    writer.write_all(&vec![b' '; usize::try_from(room).unwrap()]).unwrap();
    let mut child = long_run(&server, &["--json", file.to_str().unwrap()], writer.into());
    interrupt(&child);
    await_until("the end of the run", || has_results(&file));
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    drop(reader);
}

#[test]
fn a_pipe_gets_a_plain_page_of_80_columns() {
    let server = start("epollserver");
    for arguments in [
        &["--requests=300"][..],
        &["--rate=200", "--duration=3100ms", "--warm-up=100ms", "--arrivals=poisson"],
        &["--ramp=1k..2k", "--steps=2", "--duration=500ms"],
        &["--idle=30", "--duration=200ms"],
    ] {
        let (stdout, stderr) = load(&url(&server, "/"), arguments, 0);
        assert_eq!(stderr, "");
        let is_plain = |c: char| c == '\n' || !c.is_control();
        assert!(stdout.chars().all(is_plain), "{stdout:?}");
        for line in stdout.lines() {
            assert!(line.chars().count() <= 80 && line.trim_end() == line, "{line}");
        }
    }
}

/// What a terminal gets from a run; `None` where there is no script(1) to be one.
fn on_terminal(arguments: &str, variables: &[(&str, &str)]) -> Option<String> {
    let command = format!("'{}' load {arguments}", cargo_bin("rungs").display());
    let mut script = std::process::Command::new("script");
    script.args(["-qec", &command, "/dev/null"]);
    // Whatever else may have a say in it.
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
        script.env_remove(name);
    }
    script.env("TERM", "xterm-256color").envs(variables.iter().copied()).stdin(Stdio::null());
    Some(String::from_utf8(script.output().ok()?.stdout).unwrap())
}

#[test]
fn a_warning_has_a_colour_on_a_terminal_unless_nobody_wants_it() {
    let server = start("epollserver");
    let arguments = format!("{}/nowhere -n 20", server.address());
    let warning = "All 20 answers were errors";
    let Some(text) = on_terminal(&arguments, &[]) else {
        println!(
            "skipped a_warning_has_a_colour_on_a_terminal_unless_nobody_wants_it: no script(1)"
        );
        return;
    };
    assert!(text.contains(&format!("m{warning}")), "{text:?}");
    for variable in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let text = on_terminal(&arguments, &[variable]).unwrap();
        assert!(text.contains(warning) && !text.contains(&format!("m{warning}")), "{text:?}");
    }
    // Nor in a pipe, on the page of a warning.
    let (text, _) = load(&url(&server, "/nowhere"), &["-n20"], 0);
    assert!(text.contains(warning) && !text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn a_terminal_gets_a_live_line_without_colours() {
    let server = start("epollserver");
    let arguments = format!("{} -d 3s", server.address());
    let Some(text) = on_terminal(&arguments, &[("NO_COLOR", "1")]) else {
        println!("skipped a_terminal_gets_a_live_line_without_colours: no script(1)");
        return;
    };
    assert!(text.contains(" failed  ") && text.contains(" left"), "a live line: {text:?}");
    let (_, page) = text.rsplit_once("\u{1b}[").expect("the line is cleared");
    assert!(page.contains(" started = ") && !page.contains(" left"), "{text:?}");
    let codes = text
        .split("\u{1b}[")
        .skip(1)
        .filter_map(|rest| rest.find(|c: char| c.is_ascii_alphabetic()).map(|end| &rest[..=end]));
    for code in codes {
        assert!(!code.ends_with('m') || ["0m", "m"].contains(&code), "a colour: {code}");
    }
}

#[test]
fn the_manual_page_says_first_what_the_times_mean() {
    for (flag, most) in [("-h", 40), ("--help", usize::MAX)] {
        let text = load(flag, &[], 0).0;
        assert!(text.lines().count() <= most, "{text}");
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
    let text = load("--help", &[], 0).0;
    let first: Vec<_> = text.lines().take(10).collect();
    assert!(first.join(" ").contains("coordinated omission"), "{text}");
    assert!(text.contains("Exit codes:") && text.contains("Examples:"), "{text}");
}
