//! The supervisor, from outside: it starts servers, learns their address, and leaves nothing behind.
//!
//! The servers are shell scripts, which announce the port of a socket that the test itself listens
//! on, or this binary, executed again as [`helper`].

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod waiting;

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    io::{BufRead, BufReader},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    sched::{CpuSet, sched_getaffinity},
    sys::signal::{SigSet, Signal, killpg},
    unistd::Pid,
};
use rungs::harness::supervise::{
    Cause, Exit, Finished, Launch, Server, Stopped, free_address, run,
};
use socket2::{Domain, Socket, Type};

use waiting::{PATIENCE, await_some, await_until};

const ROLE: &str = "RUNGS_HELPER_ROLE";
const BIND: &str = "RUNGS_HELPER_BIND";

// ---- What the tests stand on. ----

fn loopback_listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

/// An address on which only a server that is told it will listen. While the socket is bound, and as
/// long as it does not listen, bind(2) to port 0 avoids its port, but a server that sets
/// `SO_REUSEADDR` may take it.
fn reserve() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// A shell script as a server: it announces the listener's address where it says `$ANNOUNCE`.
fn script(listener: &TcpListener, script: &str) -> Launch {
    let address = listener.local_addr().unwrap();
    Launch::new("/bin/sh")
        .arguments([
            "-c",
            &format!("announce() {{ echo \"sh: serving http://{address}/ (pid $$)\"; }}\n{script}"),
        ])
        .patience(PATIENCE)
}

/// This binary as a server, in one of the roles of [`helper`].
fn helper_as(role: &str, bind: &str) -> Launch {
    Launch::new(env::current_exe().unwrap())
        .arguments(["helper", "--exact", "--nocapture"])
        .environment(ROLE, role)
        .environment(BIND, bind)
        .patience(PATIENCE)
}

/// Not a test: the servers, and the harnesses, that the tests run in processes of their own.
#[test]
fn helper() {
    let Ok(role) = env::var(ROLE) else { return };
    match role.as_str() {
        "server" => {
            let _listener = announce_one();
            park();
        }
        "dies-of-its-first-client" => {
            let _client = announce_one().incoming().next();
        }
        "chatty" => {
            for number in 0..40_000 {
                println!("stdout line {number}");
                eprintln!("stderr line {number}");
            }
            let _listener = announce_one();
            park();
        }
        "harness" => {
            let listener = loopback_listener();
            let server = Server::start(&script(&listener, FAMILY)).unwrap();
            let family: Vec<String> = family(&server).iter().map(u32::to_string).collect();
            println!("\nfamily {}", family.join(" "));
            park();
        }
        "balance" => balance(),
        other => panic!("no such role: {other}"),
    }
}

fn park() -> ! {
    loop {
        thread::park();
    }
}

fn announce_one() -> TcpListener {
    let listener = TcpListener::bind(env::var(BIND).unwrap()).unwrap();
    let (address, pid) = (listener.local_addr().unwrap(), std::process::id());
    println!("\nhelper: serving http://{address}/ (pid {pid})");
    listener
}

/// A child in the server's group, one in a session of its own, and a daemon that forked twice.
const FAMILY: &str = "
    sleep 1000 & echo child $!
    setsid sleep 1000 & echo child $!
    sh -c 'setsid sh -c \"sleep 1000 & echo child \\$!\"' &
    wait $!
    announce
    wait";

/// The pids that a script has printed in lines `child PID`.
fn children(server: &Server) -> Vec<u32> {
    let stdout = server.stdout();
    stdout.lines().filter_map(|line| line.strip_prefix("child ")?.parse().ok()).collect()
}

/// The server and the children it has printed.
fn family(server: &Server) -> Vec<u32> {
    let children = children(server);
    assert_eq!(children.len(), 3, "{}", server.stdout());
    [vec![server.pid()], children].concat()
}

fn exists(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// The fields of `/proc/PID/stat` after the name: state, parent, ...
fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    Some(fields.split(' ').map(str::to_owned).collect())
}

fn assert_gone(pids: &[u32]) {
    for &pid in pids {
        assert!(!exists(pid), "{pid} is left: {:?}", stat(pid));
    }
}

fn failure(launch: &Launch) -> String {
    Server::start(launch).expect_err("it cannot start").to_string()
}

// ---- Start. ----

#[test]
fn learns_an_announced_address() {
    let server = Server::start(&helper_as("server", "127.0.0.1:0")).unwrap();
    assert_ne!(server.address().port(), 0);
    assert!(server.stdout().contains(&format!("(pid {})", server.pid())));
    TcpStream::connect(server.address()).unwrap();
    assert_eq!(server.exited(), None);
}

#[test]
fn waits_for_an_address_that_is_given() {
    let (_reserved, address) = reserve();
    let server = Server::start(&helper_as("server", &address.to_string()).at(address)).unwrap();
    assert_eq!(server.address(), address);
    TcpStream::connect(address).unwrap();
}

#[test]
fn a_free_address_is_local_and_has_a_port() {
    let (address, _claim) = free_address(Ipv4Addr::new(127, 0, 0, 3).into()).unwrap();
    assert_eq!(address.ip(), Ipv4Addr::new(127, 0, 0, 3));
    assert_ne!(address.port(), 0);
    let elsewhere = free_address(Ipv4Addr::new(192, 0, 2, 1).into()).unwrap_err();
    assert_eq!(elsewhere.kind(), std::io::ErrorKind::AddrNotAvailable);
}

#[test]
fn a_wildcard_address_is_reached_on_loopback() {
    let mut cases = vec![("0.0.0.0:0", IpAddr::from(Ipv4Addr::LOCALHOST))];
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        cases.extend([
            ("[::]:0", IpAddr::from(Ipv6Addr::LOCALHOST)),
            ("[::1]:0", IpAddr::from(Ipv6Addr::LOCALHOST)),
        ]);
    }
    for (bind, reached) in cases {
        let server = Server::start(&helper_as("server", bind)).unwrap();
        assert_eq!(server.address().ip(), reached, "{bind}");
        TcpStream::connect(server.address()).unwrap();
    }
}

#[test]
fn a_given_address_may_be_bound_through_a_wildcard() {
    let (_reserved, address) = reserve();
    for wildcard in ["0.0.0.0", "[::]"] {
        let bind = format!("{wildcard}:{}", address.port());
        if TcpListener::bind(&bind).is_err() {
            println!("skipped: {bind} cannot be bound here");
            continue;
        }
        let server = Server::start(&helper_as("server", &bind).at(address)).unwrap();
        assert_eq!(server.address(), address);
    }
}

#[test]
fn a_start_is_no_client() {
    let server = Server::start(&helper_as("dies-of-its-first-client", "127.0.0.1:0")).unwrap();
    assert_eq!(server.exited(), None);
    drop(TcpStream::connect(server.address()).unwrap());
    await_until("the end of a server that has seen a client", || server.exited().is_some());
}

#[test]
fn passes_arguments_environment_and_directory() {
    let listener = loopback_listener();
    let directory = tempfile::tempdir().unwrap();
    let launch = script(
        &listener,
        "echo \"$0 $COLOUR $(pwd -P)\"; announce; read line; echo \"read $?\"; exec sleep 1000",
    )
    .arguments(["zero"])
    .environment("COLOUR", "red")
    .directory(directory.path());
    let server = Server::start(&launch).unwrap();
    let directory = directory.path().canonicalize().unwrap();
    let expected = format!("zero red {}\n", directory.display());
    assert!(server.stdout().starts_with(&expected), "{}", server.stdout());
    await_until("the end of stdin", || server.stdout().contains("read 1\n"));
}

#[test]
fn a_server_inherits_no_descriptor_and_no_signal_setting() {
    let listener = loopback_listener();
    let stray = File::open("/dev/null").unwrap();
    fcntl(&stray, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    SigSet::from(Signal::SIGUSR1).thread_block().unwrap();
    assert_ne!(signals("self", "SigIgn"), 0, "the Rust runtime ignores SIGPIPE");

    let launch = script(&listener, "ls /proc/$$/fd; announce; exec sleep 1000");
    let server = Server::start(&launch).unwrap();
    assert!(server.stdout().starts_with("0\n1\n2\nsh: "), "{}", server.stdout());
    let server = server.pid().to_string();
    assert_eq!((signals(&server, "SigBlk"), signals(&server, "SigIgn")), (0, 0));
}

/// A signal set in `/proc/PID/status`, without 32 and 33: the C library lets nobody set those two.
fn signals(pid: &str, set: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(set)?.strip_prefix(":\t"));
    u64::from_str_radix(line.unwrap(), 16).unwrap() & !0x1_8000_0000
}

#[test]
fn sets_the_descriptor_limit() {
    let listener = loopback_listener();
    let launch = script(&listener, "ulimit -Sn; announce; exec sleep 1000").descriptor_limit(37);
    let server = Server::start(&launch).unwrap();
    assert!(server.stdout().starts_with("37\n"), "{}", server.stdout());
}

#[test]
fn keeps_to_its_processors() {
    let own = sched_getaffinity(Pid::from_raw(0)).unwrap();
    let last = (0..CpuSet::count()).rfind(|&one| own.is_set(one).unwrap()).unwrap();
    let launch = Launch::new("/bin/sleep").arguments(["1000"]).processors([last]);
    let server = Server::begin(&launch).unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    assert!(status.contains(&format!("\nCpus_allowed_list:\t{last}\n")), "{status}");
    assert_eq!(sched_getaffinity(Pid::from_raw(0)).unwrap(), own, "the harness keeps its own");
}

#[test]
fn sets_the_process_limit_of_a_real_user() {
    // The real user is what the limit counts by, and only root may set it.
    let is_root = nix::unistd::geteuid().is_root();
    let launch = Launch::new("/bin/sleep").arguments(["1000"]).process_limit(12_345);
    let launch = if is_root { launch.real_user(23_456) } else { launch };
    let server = Server::begin(&launch).unwrap();
    let read = |file| fs::read_to_string(format!("/proc/{}/{file}", server.pid())).unwrap();
    let limits = read("limits");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max processes")).unwrap();
    assert_eq!(line.split_whitespace().next(), Some("12345"));
    if is_root {
        let status = read("status");
        let field = |name| status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        // Real, effective, saved, and that of the file system.
        assert_eq!(field("Uid:\t"), "23456\t0\t0\t0");
        let effective = u64::from_str_radix(field("CapEff:\t"), 16).unwrap();
        // CAP_SYS_ADMIN and CAP_SYS_RESOURCE, each of which lifts the limit (fork(2), EAGAIN).
        assert_eq!(effective & (1 << 21 | 1 << 24), 0, "{effective:x}");
    }
}

#[test]
fn thousands_of_processes_are_ended() {
    let listener = loopback_listener();
    let many = "i=0; while [ $i -lt 2000 ]; do sleep 1000 & i=$((i+1)); done; announce; wait";
    let launch = script(&listener, many).patience(PATIENCE);
    let server = Server::start(&launch).unwrap();
    let tree = rungs::harness::observe::tree(server.keeper());
    let pids: Vec<_> = tree.processes.iter().map(|process| process.pid).collect();
    assert_eq!(pids.len(), 2002, "the keeper, the shell and its children");
    server.stop(Duration::ZERO);
    assert_gone(&pids);
}

#[test]
fn a_chatty_server_never_blocks() {
    let server = Server::start(&helper_as("chatty", "127.0.0.1:0")).unwrap();
    assert!(server.stderr().ends_with("stderr line 39999\n"));
    assert_eq!(server.stderr().len(), 64 * 1024);
    assert!(server.stdout().contains("\nstdout line 39999\n"));
    assert_eq!(server.stdout().len(), 64 * 1024);
    // Each of the lines has a word, a word, a number and an end.
    assert!(server.printed() > 2 * 40_000 * 15, "{}", server.printed());
}

// ---- Failing to start. ----

#[test]
fn a_server_that_ends_at_once_is_reported_with_its_stderr() {
    let launch = Launch::new("/bin/sh").arguments(["-c", "echo no such module >&2; exit 3"]);
    let expected = "start /bin/sh: await a line `NAME: serving http://ADDR:PORT/ (pid N)` on \
                    its stdout: exit status 3; its stderr ends:\n  no such module";
    // Again and again, for the exit is known to another process before stderr is to this one.
    for _ in 0..50 {
        assert_eq!(failure(&launch), expected);
    }
}

#[test]
fn a_server_that_is_killed_is_reported_with_the_signal() {
    let launch = Launch::new("/bin/sh").arguments(["-c", "kill -9 $$"]);
    let text = failure(&launch);
    assert!(text.ends_with("killed by signal 9 (SIGKILL); its stderr is empty"), "{text}");
}

#[test]
fn a_silent_server_is_reported_and_killed() {
    let directory = tempfile::tempdir().unwrap();
    let note = directory.path().join("pid");
    let (_reserved, address) = reserve();
    let launch = Launch::new("sh")
        .arguments([
            OsString::from("-c"),
            "echo $$ > \"$0\"; exec sleep 1000".into(),
            note.clone().into(),
        ])
        .at(address)
        .patience(Duration::from_millis(200));
    let text = failure(&launch);
    let expected = format!(
        "start sh: await a socket listening on {address}: it runs, but none came in 200ms; \
         its stderr is empty"
    );
    assert_eq!(text, expected);
    assert_gone(&[fs::read_to_string(note).unwrap().trim().parse().unwrap()]);
}

#[test]
fn an_occupied_address_is_refused() {
    let listener = loopback_listener();
    let address = listener.local_addr().unwrap();
    let launch = helper_as("server", &address.to_string()).at(address);
    let error = Server::start(&launch).unwrap_err();
    assert!(matches!(error.cause(), Cause::Occupied(occupied) if *occupied == address), "{error}");
}

#[test]
fn what_cannot_be_executed_is_reported_with_a_hint() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str, mode: u32| {
        let path = directory.path().join(name);
        // By another process: what another test forks meanwhile would hold our descriptor, and a file
        // that somebody may write to cannot be run (ETXTBSY, execve(2)).
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "printf %s \"$1\" >\"$0\""]).arg(&path).arg(text);
        assert!(shell.status().unwrap().success());
        fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        path
    };
    let cases = [
        ("./nope".into(), "no such file or directory\nhint: relative paths are taken from /"),
        ("rungs-nope".into(), "no such file or directory\nhint: rungs-nope is not in PATH"),
        (file("plain", "", 0o644), "permission denied\nhint: make it executable"),
        (file("lost", "#!/nope\n", 0o755), "no such file or directory\nhint: the file is there"),
        (file("text", "echo hello\n", 0o755), "exec format error\nhint: neither a program"),
    ];
    for (program, expected) in cases {
        let text = failure(&Launch::new(&program));
        let expected = format!("start {}: {expected}", program.display());
        assert!(text.starts_with(&expected), "{text}");
    }
}

#[test]
fn each_step_of_a_start_is_named_when_it_fails() {
    let text = failure(&Launch::new("/bin/sh").directory("/nope"));
    assert_eq!(text, "start /bin/sh: change to directory /nope: no such file or directory");
    let text = failure(&Launch::new("/bin/sh").arguments(["a\0b"]));
    assert_eq!(text, "start /bin/sh: pass \"a\\\\0b\", which has a NUL byte: invalid argument");
    // More than fs.nr_open, so that root is refused as well.
    let text = failure(&Launch::new("/bin/sh").descriptor_limit(1 << 40));
    let expected = "start /bin/sh: set RLIMIT_NOFILE to 1099511627776: operation not permitted\n";
    assert!(text.starts_with(expected), "{text}");
    // The last that a set may name; no machine has it.
    let text = failure(&Launch::new("/bin/sh").processors([CpuSet::count() - 1]));
    assert_eq!(text, "start /bin/sh: keep it to the processors 1023: invalid argument");
    let text = failure(&Launch::new("/bin/sh").processors([CpuSet::count()]));
    assert_eq!(text, "start /bin/sh: name processor 1024: invalid argument");
}

// ---- Signals and exits. ----

#[test]
fn a_program_that_is_no_server_runs_to_its_end() {
    let launch =
        Launch::new("/bin/sh").arguments(["-c", "echo out; sleep 600 & echo $! >&2; exit 3"]);
    let Finished { exit, stdout, stderr } = run(&launch).unwrap();
    assert_eq!((exit, &stdout[..]), (Exit::Status(3), "out\n"));
    assert_gone(&[stderr.trim().parse().unwrap()]);
    let error = run(&Launch::new("/no/such/program")).unwrap_err();
    assert!(error.to_string().contains("no such file or directory\nhint: "), "{error}");
}

#[test]
fn a_stop_leaves_the_server_its_own_end() {
    let listener = loopback_listener();
    let launch = script(&listener, "trap 'exit 7' TERM; sleep 1000 & announce; wait");
    let stopped = Server::start(&launch).unwrap().stop(PATIENCE);
    assert_eq!((stopped.exit, stopped.forced), (Exit::Status(7), false));
}

#[test]
fn what_ignores_sigterm_is_killed_after_the_grace() {
    let listener = loopback_listener();
    let launch = script(&listener, "trap '' TERM; announce; sleep 1000; sleep 1000");
    let server = Server::start(&launch).unwrap();
    let grace = Duration::from_millis(100);
    let start = Instant::now();
    let stopped = server.stop(grace);
    assert!(start.elapsed() >= grace);
    assert_eq!((stopped.exit, stopped.forced), (Exit::Signal(9), true));
    assert!(stopped.killed >= 1, "{stopped:?}");
}

#[test]
fn a_signal_reaches_the_server_alone() {
    let listener = loopback_listener();
    let child = "sh -c \"trap 'echo child HUP' HUP; echo ready; while :; do sleep 0.01; done\"";
    let parent = "trap 'echo parent HUP' HUP; while ! wait; do :; done";
    let text = format!("{child} & announce; {parent}");
    let server = Server::start(&script(&listener, &text)).unwrap();
    await_until("the child's trap", || server.stdout().contains("ready\n"));
    await_until("the parent's trap", || {
        server.signal(Signal::SIGHUP);
        server.stdout().contains("parent HUP\n") || server.exited().is_some()
    });
    assert!(!server.stdout().contains("child HUP"), "{}", server.stdout());
}

#[test]
fn an_exit_is_known_while_orphans_live() {
    let listener = loopback_listener();
    let server = Server::start(&script(
        &listener,
        "trap 'exit 3' USR1; sleep 1000 & echo child $!; announce; wait",
    ));
    let server = server.unwrap();
    server.signal(Signal::SIGUSR1);
    assert_eq!(await_some("the exit", || server.exited()), Exit::Status(3));
    let orphan = children(&server)[0];
    await_until("the keeper as the orphan's parent", || {
        stat(orphan).is_some_and(|fields| fields[1] == server.keeper().to_string())
    });
    server.signal(Signal::SIGKILL);
    let stopped = server.stop(PATIENCE);
    assert_eq!(stopped, Stopped { exit: Exit::Status(3), forced: false, killed: 1 });
    assert_gone(&[orphan]);
}

#[test]
fn a_daemon_is_waited_for_and_killed() {
    let listener = loopback_listener();
    let address = listener.local_addr().unwrap();
    let daemon = format!(
        "while kill -0 $0 2>/dev/null; do sleep 0.01; done
         echo child $$; echo \"sh: serving http://{address}/ (pid $$)\"; exec sleep 1000"
    );
    let launch = script(&listener, "setsid sh -c \"$0\" $$ & exit 0").arguments([daemon]);
    let server = Server::start(&launch).unwrap();
    assert_eq!(server.exited(), Some(Exit::Status(0)));
    let daemon = children(&server)[0];
    assert!(exists(daemon));
    let stopped = server.stop(Duration::ZERO);
    assert_eq!(stopped, Stopped { exit: Exit::Status(0), forced: false, killed: 1 });
    assert_gone(&[daemon]);
}

// ---- Nothing is left. ----

#[test]
fn nothing_is_left_after_a_stop() {
    let listener = loopback_listener();
    let server = Server::start(&script(&listener, FAMILY)).unwrap();
    let pids = [family(&server), vec![server.keeper()]].concat();
    await_until("the second child in a session of its own", || {
        stat(pids[2]).is_some_and(|fields| fields[3] == pids[2].to_string())
    });
    let stopped = server.stop(PATIENCE);
    assert_eq!((stopped.exit, stopped.forced), (Exit::Signal(15), false));
    assert!(stopped.killed >= 2, "SIGTERM to the group does not reach two: {stopped:?}");
    assert_gone(&pids);
}

#[test]
fn nothing_is_left_after_a_drop_or_a_panic() {
    let listener = loopback_listener();
    let mut pids = Vec::new();
    let server = Server::start(&script(&listener, FAMILY)).unwrap();
    pids.extend([family(&server), vec![server.keeper()]].concat());
    drop(server);
    assert_gone(&pids);
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let server = Server::start(&script(&listener, FAMILY)).unwrap();
        pids.extend([family(&server), vec![server.keeper()]].concat());
        panic!("on purpose");
    }));
    assert!(panic.is_err());
    assert_eq!(pids.len(), 10);
    assert_gone(&pids);
}

#[test]
fn nothing_is_left_after_a_signal_to_the_harness() {
    for signal in [Signal::SIGKILL, Signal::SIGINT] {
        let mut harness = Command::new(env::current_exe().unwrap())
            .args(["helper", "--exact", "--nocapture"])
            .env(ROLE, "harness")
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let lines = BufReader::new(harness.stdout.take().unwrap()).lines();
        let family = lines.map(Result::unwrap).find(|line| line.starts_with("family "));
        let family = family.expect("the harness prints its server's family");
        let pids: Vec<u32> = family.split(' ').skip(1).map(|pid| pid.parse().unwrap()).collect();
        assert!(pids.len() == 4 && pids.iter().all(|&pid| exists(pid)), "{pids:?}");
        killpg(Pid::from_raw(harness.id().cast_signed()), signal).unwrap();
        harness.wait().unwrap();
        await_until(format_args!("the end of {pids:?} after {signal}"), || {
            !pids.iter().any(|&pid| exists(pid))
        });
    }
}

#[test]
fn two_servers_at_once_do_not_touch_each_other() {
    const SHORT: &str = "trap 'exit 5' USR1; sleep 1000 & announce; wait";
    let listener = loopback_listener();
    thread::scope(|scope| {
        let short = scope.spawn(|| Server::start(&script(&listener, SHORT)).unwrap());
        let long = scope.spawn(|| Server::start(&script(&listener, FAMILY)).unwrap());
        let (short, long) = (short.join().unwrap(), long.join().unwrap());
        short.signal(Signal::SIGUSR1);
        assert_eq!(await_some("the end of the short one", || short.exited()), Exit::Status(5));
        let stopped = short.stop(PATIENCE);
        assert_eq!(stopped, Stopped { exit: Exit::Status(5), forced: false, killed: 1 });
        assert_eq!(long.exited(), None);
        assert!(family(&long).into_iter().all(exists));
    });
}

#[test]
fn twenty_starts_and_stops_leave_descriptors_and_threads_balanced() {
    let status = Command::new(env::current_exe().unwrap())
        .args(["helper", "--exact", "--nocapture"])
        .env(ROLE, "balance")
        .stdout(Stdio::null())
        .status();
    assert!(status.unwrap().success());
}

/// In a process of its own, where no other test opens descriptors or starts threads.
fn balance() {
    let count = |what: &str| fs::read_dir(format!("/proc/self/{what}")).unwrap().count();
    let listener = loopback_listener();
    let before = (count("fd"), count("task"));
    for _ in 0..20 {
        let server = Server::start(&script(&listener, "announce; sleep 1000")).unwrap();
        assert!(count("fd") > before.0 && count("task") > before.1);
        server.stop(PATIENCE);
        failure(&Launch::new("./nope"));
    }
    assert_eq!((count("fd"), count("task")), before);
}
