//! `rungs watch`, from outside.

use super::{
    support::{Terminal, rungs, start},
    waiting::{PATIENCE, await_some, await_until},
};
use assert_cmd::cargo::cargo_bin;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rungs::harness::{
    observe,
    supervise::{Launch, Server},
};
use serde_json::Value;
use std::{
    fs::{self, Permissions},
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    os::unix::fs::{MetadataExt, PermissionsExt},
    process::{Command, Output, Stdio},
};

/// What a watch prints that ends by itself; its exit code is checked.
fn watch(arguments: &[&str], code: i32) -> (String, String) {
    let mut command = rungs(&["watch"]);
    let assert = command.args(arguments).timeout(PATIENCE).assert().code(code);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&assert.get_output().stdout), text(&assert.get_output().stderr))
}

/// One look at a server, as JSON.
fn look(server: &Server) -> Value {
    look_at(server.pid())
}

fn look_at(pid: u32) -> Value {
    serde_json::from_str(&watch(&["--pid", &pid.to_string(), "--once", "--json"], 0).0).unwrap()
}

/// The pids of those who hold this.
fn holders(held: &Value) -> Vec<u64> {
    let all = held["holders"].as_array().unwrap().iter();
    all.map(|one| one["pid"].as_u64().unwrap()).collect()
}

/// A client that has its answer and keeps its end open.
fn ask(server: &Server) -> TcpStream {
    let mut client = TcpStream::connect(server.address()).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut greeting = [0; 15];
    client.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"HTTP/1.1 200 OK");
    client
}

#[test]
fn the_leak_of_rung_3_is_seen_as_a_fact() {
    let server = start("concurrentserver2");
    let clients = [ask(&server), ask(&server)];
    // The children have ended, and only the parent holds their connections.
    let pid = server.pid();
    await_until("two zombies", || observe::tree(pid).zombies() == 2);
    let seen = look(&server);
    let connections = seen["connections"].as_array().unwrap();
    assert_eq!(connections.len(), 2, "{seen}");
    for connection in connections {
        assert_eq!(connection["state"], "ESTABLISHED", "{connection}");
        let holders = connection["holders"].as_array().unwrap();
        assert_eq!(holders.len(), 1, "{connection}");
        assert_eq!(holders[0]["pid"], pid, "{connection}");
    }
    let zombies =
        seen["processes"].as_array().unwrap().iter().filter(|one| one["is_zombie"] == true);
    assert!(zombies.clone().all(|one| one["end"] == "exit 0" && one["parent"] == pid), "{seen}");
    assert_eq!(zombies.count(), 2, "{seen}");

    for client in &clients {
        client.shutdown(Shutdown::Write).unwrap();
    }
    await_until("CLOSE-WAIT and FIN-WAIT-2", || {
        let connections = look(&server)["connections"].as_array().unwrap().clone();
        let has = |one: &Value| one["state"] == "CLOSE-WAIT" && one["peer_state"] == "FIN-WAIT-2";
        connections.len() == 2 && connections.iter().all(has)
    });
    let port = server.address().port().to_string();
    let (text, stderr) = watch(&["--port", &port, "--once"], 0);
    assert_eq!(stderr, "");
    for said in ["2 zombies", "ZOMBIE exit 0", "the client has closed, this server has not"] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let held = text
        .lines()
        .filter(|line| line.contains("CLOSE-WAIT"))
        .map(|line| line.split_whitespace().last().unwrap().starts_with(&format!("{pid}:")));
    assert_eq!(held.filter(|&held| held).count(), 2, "{text}");
}

#[test]
fn of_a_child_alone_it_is_seen_who_else_holds_its_connection_and_whose_client_it_has() {
    for (program, parent_holds) in [("concurrentserver2", true), ("concurrentserver", false)] {
        let server = start(program);
        let client = TcpStream::connect(server.address()).unwrap();
        let child = await_some("a child", || {
            observe::tree(server.pid()).processes.get(1).map(|one| one.pid)
        });
        // The parent has closed its copy a moment after the fork, where it does.
        let expected = if parent_holds { 2 } else { 1 };
        let connection = await_some("those who hold the connection", || {
            let connection = look_at(child)["connections"][0].clone();
            let is_it = connection.is_object() && holders(&connection).len() == expected;
            is_it.then_some(connection)
        });
        let pids = holders(&connection);
        assert!(pids.contains(&child.into()), "{connection}");
        assert_eq!(pids.contains(&server.pid().into()), parent_holds, "{connection}");
        // Rung 4's child has closed the listening socket, and is no client for that.
        assert_eq!(connection["is_outgoing"], false, "{program}: {connection}");
        drop(client);
    }
}

#[test]
fn the_connections_of_others_are_not_counted() {
    let server = start("concurrentserver");
    // Rung 3 keeps its connections.
    let elsewhere = format!("127.0.0.2:{}", server.address().port());
    let launch = Launch::new(cargo_bin("concurrentserver2")).arguments(["--listen", &elsewhere]);
    let other = Server::start(&launch).unwrap();
    let client = ask(&other);
    assert_eq!(look(&other)["connections"].as_array().unwrap().len(), 1);
    assert_eq!(look(&server)["connections"], Value::Array(Vec::new()));
    drop(client);

    let server = start("preforkserver");
    let workers: Vec<u32> = await_some("four workers", || {
        let tree = observe::tree(server.pid());
        (tree.processes.len() == 5).then(|| tree.processes[1..].iter().map(|one| one.pid).collect())
    });
    let clients: Vec<_> = workers.iter().map(|_| TcpStream::connect(server.address())).collect();
    for worker in workers {
        await_until("a client of its own, and no other's", || {
            let seen = look_at(worker);
            let connections = seen["connections"].as_array().unwrap();
            connections.len() == 1 && holders(&connections[0]) == [u64::from(worker)]
        });
    }
    drop(clients);
}

#[test]
fn an_accept_queue_is_measured_against_its_backlog() {
    let server = start("sleepserver");
    let busy = ask(&server);
    let waiting = [TcpStream::connect(server.address()), TcpStream::connect(server.address())];
    assert!(waiting.iter().all(Result::is_ok));
    let listening = await_some("two that wait to be accepted", || {
        let listening = look(&server)["listening"].as_array().unwrap().clone();
        (listening[0]["queued"] == 2).then_some(listening)
    });
    assert_eq!(listening.len(), 1);
    assert_eq!(listening[0]["backlog"], 5);
    assert_eq!(listening[0]["address"], server.address().to_string());
    // Nobody has accepted them, so nobody holds them.
    let seen = look(&server);
    let connections = seen["connections"].as_array().unwrap();
    let unheld = connections.iter().filter(|one| one["holders"].as_array().unwrap().is_empty());
    assert_eq!(unheld.count(), 2, "{seen}");
    drop(busy);
}

#[test]
fn a_command_is_started_and_ended_again() {
    let program = cargo_bin("preforkserver");
    let command = [program.to_str().unwrap(), "--listen", "127.0.0.1:0", "--workers", "3"];
    let (json, stderr) = watch(&[&["--once", "--json", "--"], &command[..]].concat(), 0);
    assert_eq!(stderr, "");
    let seen: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&seen["schema"], &seen["processes"][0]["name"]),
        (&1.into(), &"preforkserver".into())
    );
    for process in seen["processes"].as_array().unwrap() {
        let pid = u32::try_from(process["pid"].as_u64().unwrap()).unwrap();
        assert!(observe::tree(pid).processes.is_empty(), "{process} is left");
    }
}

#[test]
fn a_command_that_is_no_server_is_told_so() {
    for (command, said) in [
        (&["sh", "-c", "echo first >&2; echo last words >&2; exit 3"][..], "last words"),
        (&["sh", "-c", "exit 3"], "the server ended before it listened, exit status 3\n"),
    ] {
        for look in [&["--once", "--"][..], &["--"]] {
            let (text, stderr) = watch(&[look, command].concat(), 2);
            assert!(text.contains("no process is left"), "{text}");
            assert!(stderr.contains(said) && stderr.contains("exit status 3"), "{stderr}");
            assert!(!stderr.contains("first"), "{stderr}");
        }
    }
    let (_, stderr) = watch(&["--once", "--", "sleep", "1000"], 2);
    assert!(stderr.contains("the server does not listen on any TCP port\nhint: "), "{stderr}");
}

/// Root sees everything, so it becomes somebody else: a user number that nobody has.
#[test]
fn what_belongs_to_another_user_is_unknown() {
    let server = start("iterativeserver");
    let client = TcpStream::connect(server.address()).unwrap();
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("rungs");
    // By another process: what another test forks meanwhile would hold our descriptor, and a file that
    // somebody may write to cannot be run (ETXTBSY, execve(2)).
    let copied = Command::new("cp").arg(cargo_bin("rungs")).arg(&program).status();
    assert!(copied.unwrap().success());
    let port = server.address().port().to_string();
    let pid = server.pid().to_string();
    let run = |arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "54321", "--clear-groups"]).arg(&program).arg("watch");
        command.args(["--once", "--json"]).args(arguments).output()
    };
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let (true, Ok(by_pid), Ok(by_port)) = (is_root, run(&["--pid", &pid]), run(&["--port", &port]))
    else {
        println!("skipped what_belongs_to_another_user_is_unknown: no setpriv, or not root");
        return;
    };
    let json = |output: Output| {
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let (by_pid, by_port) = (json(by_pid), json(by_port));
    let process = &by_pid["processes"][0];
    assert_eq!(process["name"], "iterativeserver");
    for hidden in ["descriptors", "pss_bytes"] {
        assert!(process[hidden].is_null(), "{hidden}: {process}");
    }
    let listening = &by_port["listening"][0];
    assert_eq!(listening["address"], server.address().to_string());
    assert!(listening["holders"].is_null() && by_port["processes"].is_null(), "{by_port}");
    assert_eq!(by_port["connections"].as_array().unwrap().len(), 1, "{by_port}");
    drop(client);
}

#[test]
fn who_cannot_be_watched_is_said_in_a_line() {
    for (arguments, code, said) in [
        (&["--pid", "4194305"][..], 1, "--pid 4194305: no such process"),
        (&["--port", "1"], 1, "--port 1: nobody listens there"),
        (&["--", "/nowhere/server"], 2, "start /nowhere/server: no such file or directory"),
        (&[], 2, "not provided"),
        (&["--pid", "1", "--port", "1"], 2, "--port"),
        (&["--pid", "0"], 2, "--pid"),
        (&["--pid", "1", "--interval", "1ms"], 2, "--interval: it takes 50ms to 1h"),
        (&["--pid", "1", "--interval", "often"], 2, "--interval"),
    ] {
        let (stdout, stderr) = watch(arguments, code);
        assert_eq!(stdout, "", "{arguments:?}");
        let lines: Vec<_> = stderr.lines().collect();
        assert!(matches!(lines[..], [_, hint] if hint.starts_with("hint: ")), "{stderr}");
        assert!(
            lines[0].starts_with("rungs: ") && lines[0].contains(said),
            "{arguments:?}: {stderr}"
        );
    }
}

#[test]
fn a_pipe_gets_one_plain_frame_after_another_until_ctrl_c() {
    let mut child = Command::new(cargo_bin("rungs"))
        .args(["watch", "--interval", "50ms", "--"])
        .arg(cargo_bin("concurrentserver_final"))
        .args(["--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut frames = Vec::new();
    while frames.len() < 3 {
        let line = lines.next().unwrap().unwrap();
        assert!(line.chars().all(|c| !c.is_control()), "{line:?}");
        if line.contains(", watched for ") {
            frames.push(Vec::new());
        }
        frames.last_mut().unwrap().push(line);
    }
    let row = frames[1].iter().find(|line| line.contains(" concurrentserver_final ")).unwrap();
    let pid = row.split_whitespace().next().unwrap().parse().unwrap();
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    // A pipe that nobody reads must not be what ends it.
    lines.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    await_until("the end of the server", || observe::tree(pid).processes.is_empty());
}

#[test]
fn a_server_that_ends_ends_the_watch() {
    let server = start("iterativeserver");
    let pid = server.pid().to_string();
    let mut child = Command::new(cargo_bin("rungs"))
        .args(["watch", "--interval", "50ms", "--json", "--pid", &pid])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(first["processes"].as_array().unwrap().len(), 1);
    drop(server);
    let last = lines.map(Result::unwrap).last().unwrap();
    let last: Value = serde_json::from_str(&last).unwrap();
    assert_eq!(last["processes"].as_array().unwrap().len(), 0);
    assert_eq!(
        (&last["events"][0]["event"], &last["events"][0]["end"]),
        (&"reaped".into(), &Value::Null)
    );
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_terminal_gets_a_screen_with_keys() {
    let server = start("concurrentserver2");
    let clients = [ask(&server), ask(&server)];
    await_until("two zombies", || observe::tree(server.pid()).zombies() == 2);
    let (pid, address) = (server.pid(), server.address());
    let arguments = format!("watch --pid {pid} --interval 100ms");
    let Some(mut terminal) = Terminal::start(&arguments, 24) else {
        println!("skipped a_terminal_gets_a_screen_with_keys: no script(1)");
        return;
    };
    terminal.await_text("3 processes, 2 zombies, 2 connections");
    terminal.await_text(&format!("descriptors of {pid}"));
    terminal.await_text(&format!("{address} "));
    // Down to a zombie, which holds nothing.
    terminal.press("\x1b[B");
    terminal.await_text(": none");
    // To the connections, and who holds the first.
    terminal.press("\t\t");
    let peer = clients[0].local_addr().unwrap();
    terminal.await_text(&format!("{peer}"));
    terminal.await_text("who holds the connection to ");
    terminal.press("/nothing like that");
    terminal.await_text(" /nothing like that");
    await_until("no row", || !terminal.text().contains(&peer.to_string()));
    terminal.press("\x1b");
    terminal.await_text(&format!("{peer}"));
    terminal.press(" ");
    terminal.await_text("PAUSED: 3 processes");
    terminal.press("?");
    terminal.await_text("its parent has not waited for it");
    terminal.press("q");
    assert_eq!(terminal.exit_code(), Some(0));
}

#[test]
fn ctrl_c_on_the_screen_is_130_whatever_is_watched() {
    let Some(mut terminal) = Terminal::start("watch -- sleep 1000", 24) else {
        println!("skipped ctrl_c_on_the_screen_is_130_whatever_is_watched: no script(1)");
        return;
    };
    terminal.await_text("1 process, 0 connections");
    terminal.press("\x03");
    assert_eq!(terminal.exit_code(), Some(130));
}

#[test]
fn the_screen_of_a_server_that_cannot_listen_ends_with_the_reason() {
    let taken = start("iterativeserver");
    let program = cargo_bin("concurrentserver2");
    let arguments = format!("watch -- '{}' --listen {}", program.display(), taken.address());
    let Some(mut terminal) = Terminal::start(&arguments, 24) else {
        println!(
            "skipped the_screen_of_a_server_that_cannot_listen_ends_with_the_reason: no script(1)"
        );
        return;
    };
    terminal.await_text("address already in use");
    assert_eq!(terminal.exit_code(), Some(2));
}

#[test]
fn a_low_terminal_shows_what_there_is_room_for() {
    let server = start("epollserver");
    let clients = [ask(&server), ask(&server), ask(&server)];
    for lines in [3, 8, 12] {
        let arguments = format!("watch --pid {} --interval 100ms", server.pid());
        let Some(mut terminal) = Terminal::start(&arguments, lines) else {
            println!("skipped a_low_terminal_shows_what_there_is_room_for: no script(1)");
            return;
        };
        terminal.await_text("1 process, 3 connections");
        terminal.press("\x1b[B\t\x1b[B\t\x1b[B\t\x1b[Bq");
        assert_eq!(terminal.exit_code(), Some(0), "{lines} lines");
    }
    drop(clients);
}
