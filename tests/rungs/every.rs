//! What all rungs have in common.

use std::{
    fs, io,
    net::TcpListener,
    os::unix::fs::{MetadataExt, PermissionsExt},
    process::Command,
};

use nix::{
    errno::Errno,
    sys::signal::{
        Signal::{SIGCONT, SIGINT, SIGSTOP, SIGTERM},
        killpg,
    },
    unistd::Pid,
};
use rungs::{
    harness::{
        observe::tree,
        supervise::{Cause, Exit, Launch, Server},
    },
    ladder::{LADDER, Rung},
};

use super::{
    support::{Client, answer, launch, process, program, start},
    waiting::{await_some, await_until},
};

/// Answers one request per connection, and the end of the connection is the end of the answer.
fn serves_once(rung: &Rung) -> bool {
    rung.number < 9
}

/// Closes the connection after the answer. Rung 2 does it a minute later, rung 3 never.
fn closes(rung: &Rung) -> bool {
    !["sleepserver", "concurrentserver2"].contains(&rung.name)
}

/// All rungs that look at what they read.
fn readers() -> &'static [Rung] {
    assert_eq!(LADDER[0].name, "webserver1");
    &LADDER[1..]
}

// ---- The announcement. ----

#[test]
fn the_first_line_says_who_serves_where() {
    for rung in LADDER {
        let server = start(&launch(rung.name));
        let (address, pid) = (server.address(), server.pid());
        let expected = format!("{}: serving http://{address}/ (pid {pid})\n", rung.name);
        assert_eq!(server.stdout(), expected);
        assert!(address.ip().is_loopback() && address.port() > 0, "{address}");
        assert_eq!(server.stderr(), "");
    }
}

// ---- The answers. ----

/// A request that ends its connection, and its answer.
struct Exchange {
    request: String,
    status: &'static str,
    /// The fields that only this answer has.
    fields: &'static str,
    /// What the answer's Content-Length says, where it has one.
    length: usize,
    body: String,
}

fn exchange(request: impl Into<String>, status: &'static str, body: &str) -> Exchange {
    let (request, body) = (request.into(), body.to_owned());
    Exchange { request, status, fields: "", length: body.len(), body }
}

/// The request for a path, without content.
fn closing(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
}

const HELLO: &str = "Hello, World!";

fn hello() -> Exchange {
    exchange(closing("GET", "/"), "200 OK", HELLO)
}

fn exchanges() -> Vec<Exchange> {
    let get = |path, status, body: &str| exchange(closing("GET", path), status, body);
    let echo = |fields_and_body| {
        let head = "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
        exchange(format!("{head}{fields_and_body}"), "200 OK", "hello")
    };
    let head = exchange(closing("HEAD", "/hello"), "200 OK", "");
    let method = "this path has other methods\n";
    let wrong = exchange(closing("POST", "/"), "405 Method Not Allowed", method);
    let bad = |request, reason| exchange(request, "400 Bad Request", reason);
    vec![
        hello(),
        get("/hello", "200 OK", HELLO),
        get("/hello?query", "200 OK", HELLO),
        get("/sleep/1", "200 OK", HELLO),
        get("/burn/1", "200 OK", HELLO),
        get("/bytes/0", "200 OK", ""),
        get("/bytes/5", "200 OK", "xxxxx"),
        get("/bytes/300000", "200 OK", &"x".repeat(300_000)),
        get("/bytes/104857601", "400 Bad Request", "the number is too large\n"),
        get("/bytes/99999999999999999999", "400 Bad Request", "the number is too large\n"),
        get("/bytes/many", "400 Bad Request", "a number goes here\n"),
        get("/bytes/+5", "400 Bad Request", "a number goes here\n"),
        get("/bytes/", "400 Bad Request", "a number goes here\n"),
        get("/nothing", "404 Not Found", "nothing here\n"),
        exchange("GET / HTTP/1.0\r\n\r\n", "200 OK", HELLO),
        echo("Content-Length: 5\r\n\r\nhello"),
        echo("Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"),
        Exchange { length: HELLO.len(), ..head },
        Exchange { fields: "Allow: GET, HEAD\r\n", ..wrong },
        bad("GET / HTTP/1.1\r\n\r\n", "an HTTP/1.1 request has no Host field"),
        bad("garbage\r\n\r\n", "malformed method or request target"),
    ]
}

/// The answer of a rung, whose fields depend on whether it keeps connections.
fn expected(rung: &Rung, exchange: &Exchange) -> String {
    let Exchange { status, fields, length, body, .. } = exchange;
    let length =
        if serves_once(rung) { String::new() } else { format!("Content-Length: {length}\r\n") };
    answer(status, &format!("{length}Connection: close\r\n{fields}"), body)
}

/// Each exchange has a server of its own, as rung 5 ends after its first client, and rung 2 has the
/// second wait.
#[test]
fn all_readers_give_the_same_answers() {
    for rung in readers() {
        for exchange in exchanges() {
            let server = start(&launch(rung.name));
            let mut client = Client::connect(&server);
            client.say(&exchange.request);
            client.expect(&expected(rung, &exchange));
            if closes(rung) {
                client.expect_end();
            }
        }
    }
}

/// So that only their models differ: an answer and its FIN in one segment would save a fifth of what
/// a connection costs, and a rung that forks cannot have that. Rung 3 sends no FIN.
#[test]
fn an_answer_and_its_end_are_as_many_segments_on_every_rung() {
    if Command::new("ss").arg("-V").output().is_err() {
        println!("skipped an_answer_and_its_end_are_as_many_segments: there is no ss (iproute2)");
        return;
    }
    for rung in LADDER.iter().filter(|rung| rung.name != "concurrentserver2") {
        let arguments: &[&str] = if rung.name == "sleepserver" { &["--sleep", "0"] } else { &[] };
        // On a busy machine a segment may come twice.
        let segments = (0..3).map(|_| {
            let server = start(&launch(rung.name).arguments(arguments));
            let mut client = Client::connect(&server);
            client.say(hello().request);
            io::copy(&mut client.stream(), &mut io::sink()).unwrap();
            segments_from_server(&client)
        });
        // SYN and ACK, the ACK of the request, the answer, the FIN.
        assert_eq!(segments.min(), Some(4), "{}", rung.name);
    }
}

/// How many segments have come on its connection, as ss(8) tells.
fn segments_from_server(client: &Client) -> u32 {
    let port = client.stream().local_addr().unwrap().port();
    let output = Command::new("ss").args(["-Htin", &format!("sport = :{port}")]).output();
    let text = String::from_utf8(output.unwrap().stdout).unwrap();
    let count = text.split_whitespace().find_map(|word| word.strip_prefix("segs_in:"));
    count.unwrap_or_else(|| panic!("no segs_in: {text:?}")).parse().unwrap()
}

#[test]
fn who_asks_first_is_told_to_continue() {
    for rung in readers() {
        let server = start(&launch(rung.name));
        let mut client = Client::connect(&server);
        client.say(
            "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\
             Expect: 100-continue\r\n\r\n",
        );
        client.expect("HTTP/1.1 100 Continue\r\n\r\n");
        client.say("hello");
        client.expect(&expected(rung, &exchange("", "200 OK", "hello")));
    }
}

/// The client sends all 9 MiB before it reads. A server that closed with bytes unread would reset
/// the connection, and the reset would destroy the answer (RFC 9112, section 9.6).
#[test]
fn who_sends_too_much_can_read_why_although_it_goes_on_sending() {
    const LENGTH: usize = 9 * 1024 * 1024;
    for rung in readers() {
        let server = start(&launch(rung.name));
        let mut client = Client::connect(&server);
        client.say(format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {LENGTH}\r\n\r\n"));
        client.say(vec![b'x'; LENGTH]);
        let why = "the content is larger than the limit";
        client.expect(&expected(rung, &exchange("", "413 Content Too Large", why)));
    }
}

#[test]
fn to_be_stopped_and_continued_ends_no_server() {
    for rung in readers() {
        let server = start(&launch(rung.name));
        // A system call must be there to be interrupted (signal(7), "Interruption by stop signals").
        await_until("a server that waits", || process(&server).state == 'S');
        server.signal(SIGSTOP);
        await_until("the state T", || process(&server).state == 'T');
        server.signal(SIGCONT);
        await_until("another state than T", || process(&server).state != 'T');
        let mut client = Client::connect(&server);
        client.say(hello().request);
        client.expect(&expected(rung, &hello()));
    }
}

/// Stops all processes of a server, so that what clients do meanwhile happens to it at once.
fn pause(server: &Server) {
    let group = Pid::from_raw(server.pid().cast_signed());
    killpg(group, SIGSTOP).unwrap();
    await_until("the state T", || tree(server.pid()).processes.iter().all(|p| p.state == 'T'));
}

fn resume(server: &Server) {
    killpg(Pid::from_raw(server.pid().cast_signed()), SIGCONT).unwrap();
}

/// The first client is gone when its request is read. The room in which its answer was made is used
/// again for the second.
#[test]
fn an_answer_that_could_not_be_sent_goes_to_nobody_else() {
    let knobs: &[(&str, &[&str])] =
        &[("sleepserver", &["--sleep", "0"]), ("preforkserver", &["--workers", "1"])];
    for rung in readers().iter().filter(|rung| rung.name != "concurrentserver_eintr") {
        let knobs = knobs.iter().find(|(name, _)| *name == rung.name);
        let arguments = knobs.map_or(&[][..], |(_, arguments)| arguments);
        let server = start(&launch(rung.name).arguments(arguments));
        pause(&server);
        let mut gone = Client::connect(&server);
        gone.say("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
        gone.reset();
        let mut next = Client::connect(&server);
        next.say(hello().request);
        resume(&server);
        next.expect(&expected(rung, &hello()));
    }
}

// ---- The end. ----

#[test]
fn sigterm_and_sigint_end_a_rung_and_all_its_processes() {
    for rung in LADDER {
        for signal in [SIGTERM, SIGINT] {
            let server = start(&launch(rung.name));
            server.signal(signal);
            let exit = await_some(format_args!("the end of {} after {signal}", rung.name), || {
                server.exited()
            });
            assert_eq!(exit, Exit::Signal(signal as i32), "{}", rung.name);
            await_until(format_args!("the end of all children of {}", rung.name), || {
                tree(server.keeper()).below_root().processes.is_empty()
            });
        }
    }
}

// ---- The errors. ----

/// How a rung ends that cannot start, and what it says on stderr; `None` without its program.
fn try_failure(launch: &Launch) -> Option<(Exit, String)> {
    let error = match Server::start(launch) {
        Ok(server) => panic!("{} should not serve {}", launch.program.display(), server.address()),
        Err(error) => error,
    };
    match error.cause() {
        Cause::Ended { exit, stderr, .. } => Some((*exit, stderr.clone())),
        Cause::System { errno: Errno::ENOENT, .. } => None,
        _ => panic!("{error}"),
    }
}

#[track_caller]
fn assert_failure(launch: &Launch, status: i32, stderr: &str) {
    let failure = try_failure(launch).expect("the program");
    assert_eq!(failure, (Exit::Status(status), stderr.to_owned()));
}

fn listen_on(name: &str, address: &str) -> Launch {
    Launch::new(program(name)).arguments(["--listen", address])
}

/// The words for an address that cannot be had. Rung 0 has std alone, with its words, and hints of its own.
fn refusal(rung: &Rung, address: &str, errno: Errno) -> String {
    let (std, strerror, hint) = match errno {
        Errno::EADDRINUSE => (
            "address in use",
            "address already in use",
            "another program listens there; --listen 127.0.0.1:0 picks a free port",
        ),
        Errno::EADDRNOTAVAIL => (
            "address not available",
            "cannot assign requested address",
            "this machine has no such address; --listen 127.0.0.1:8888 always works",
        ),
        _ => (
            "permission denied",
            "permission denied",
            "ports below 1024 are root's; try --listen 127.0.0.1:8888",
        ),
    };
    let name = rung.name;
    let std_hint = match errno {
        Errno::EADDRINUSE => "--listen 127.0.0.1:0 asks for any port that is free",
        Errno::EACCES => "ports below 1024 are root's",
        _ => "for example --listen 127.0.0.1:8888",
    };
    match rung.number {
        0 => format!("{name}: serve {address}: {std}\nhint: {std_hint}\n"),
        _ => format!("{name}: bind {address}: {strerror}\nhint: {hint}\n"),
    }
}

#[test]
fn a_port_in_use_is_an_error_with_a_hint() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for rung in LADDER {
        let expected = refusal(rung, &address, Errno::EADDRINUSE);
        assert_failure(&listen_on(rung.name, &address), 1, &expected);
    }
}

/// 203.0.113.0/24 is for documentation (RFC 5737) and nobody's.
#[test]
fn an_address_of_nobody_is_an_error_with_a_hint() {
    let address = "203.0.113.1:8888";
    for rung in LADDER {
        let expected = refusal(rung, address, Errno::EADDRNOTAVAIL);
        assert_failure(&listen_on(rung.name, address), 1, &expected);
    }
}

#[test]
fn a_privileged_port_is_an_error_with_a_hint() {
    let first = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let first: u16 = first.map_or(1024, |first| first.trim().parse().unwrap());
    if first < 2 {
        println!("skipped a_privileged_port_is_an_error_with_a_hint: all ports are free to use");
        return;
    }
    let address = format!("127.0.0.1:{}", first.min(1024) - 1);
    for rung in LADDER {
        // The folder of the build may be root's alone.
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        let Some(failure) = try_failure(&as_ordinary_user(rung.name, &address, &directory)) else {
            println!("skipped a_privileged_port_is_an_error_with_a_hint: there is no setpriv");
            return;
        };
        assert_eq!(failure, (Exit::Status(1), refusal(rung, &address, Errno::EACCES)));
    }
}

/// A launch that drops root's rights, if this test has them.
fn as_ordinary_user(name: &str, address: &str, directory: &tempfile::TempDir) -> Launch {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return listen_on(name, address);
    }
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = directory.path().join(name);
    // By another process: a server that another test forks meanwhile would hold our descriptor, and
    // a file that somebody may write to cannot be run (ETXTBSY, execve(2)).
    assert!(Command::new("cp").arg(program(name)).arg(&copy).status().unwrap().success());
    let launch = Launch::new("setpriv");
    let launch = launch.arguments(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    launch.arguments([copy]).arguments(["--listen", address])
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    for rung in readers() {
        let wrong = |arguments: &[&str], what: &str| {
            let expected = format!("{}: {what}\nhint: --help lists the flags\n", rung.name);
            let launch = Launch::new(program(rung.name)).arguments(arguments);
            assert_failure(&launch, 2, &expected);
        };
        wrong(&["--nonsense"], "unexpected argument '--nonsense' found");
        wrong(&["nonsense"], "unexpected argument 'nonsense' found");
        let expected = format!(
            "{}: invalid value '8888' for '--listen <ADDR:PORT>': invalid socket address syntax\n\
             hint: for example --listen 127.0.0.1:8888\n",
            rung.name
        );
        assert_failure(&listen_on(rung.name, "8888"), 2, &expected);
    }
    let usage = "usage: webserver1 [--listen ADDR:PORT]\n";
    assert_failure(&Launch::new(program("webserver1")).arguments(["--nonsense"]), 2, usage);
}

#[test]
fn to_ask_for_help_is_no_error() {
    for rung in LADDER {
        let asked = Launch::new(program(rung.name)).arguments(["--help"]);
        let (exit, _) = try_failure(&asked).expect("the program");
        assert_eq!(exit, Exit::Status(0), "{}", rung.name);
    }
}

#[test]
fn the_knobs_of_single_rungs_have_bounds() {
    let wrong = |name: &str, arguments: [&str; 2]| {
        let launch = Launch::new(program(name)).arguments(arguments);
        let (exit, stderr) = try_failure(&launch).expect("the program");
        assert_eq!(exit, Exit::Status(2), "{arguments:?}");
        let start = format!("{name}: invalid value '{}' for '{}", arguments[1], arguments[0]);
        assert!(stderr.starts_with(&start), "{stderr}");
        assert!(stderr.ends_with("\nhint: --help lists the flags\n"), "{stderr}");
        assert_eq!(stderr.lines().count(), 2, "{stderr}");
    };
    wrong("preforkserver", ["--workers", "0"]);
    wrong("preforkserver", ["--workers", "1025"]);
    wrong("sleepserver", ["--sleep", "long"]);
    wrong("sleepserver", ["--sleep", "1e30"]);
}
