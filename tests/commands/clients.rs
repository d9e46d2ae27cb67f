//! The clients, from outside.

use super::{
    support::{descriptors_at_rest, first_line, start},
    waiting::await_until,
};
use assert_cmd::{Command, cargo::cargo_bin};
use rungs::harness::{observe, supervise::Server};
use std::{
    io::BufReader,
    process::{Child, ChildStdout, Stdio},
};

#[test]
fn client1_shows_both_sides_of_a_conversation() {
    let server = start("iterativeserver");
    let address = server.address().to_string();
    let client = |path| {
        let mut command = Command::new(cargo_bin("client1"));
        command.args(["--connect", &address, "--path", path]);
        String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
    };
    let text = client("/hello");
    assert!(text.contains("> GET /hello HTTP/1.1\n"), "{text}");
    assert!(text.contains("< HTTP/1.1 200 OK\n"), "{text}");
    assert!(text.contains("< Hello, World!\n"), "{text}");
    assert!(client("/nowhere").contains("< HTTP/1.1 404 Not Found\n"));
}

#[test]
fn client1_names_a_server_that_is_not_there() {
    let server = start("iterativeserver");
    let address = server.address().to_string();
    drop(server);
    let assert = Command::new(cargo_bin("client1")).args(["--connect", &address]).assert().code(1);
    let text = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(text.starts_with(&format!("client1: connect {address}: connection refused\nhint: ")));
}

/// `client2` while it holds its connections, with its first line and the rest of its stdout.
fn holding(
    server: &Server,
    clients: &str,
    connections: &str,
) -> (Child, String, BufReader<ChildStdout>) {
    let mut client = std::process::Command::new(cargo_bin("client2"))
        .args(["--connect", &server.address().to_string()])
        .args(["--max-clients", clients, "--max-conns", connections])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (line, stdout) = first_line(client.stdout.take().unwrap());
    (client, line, stdout)
}

#[test]
fn client2_really_opens_that_many() {
    let server = start("epollserver");
    let before = descriptors_at_rest(&server);
    let held = || observe::tree(server.pid()).descriptors().unwrap() - before;
    let (mut client, line, _stdout) = holding(&server, "3", "7");
    assert_eq!(line, format!("client2: opened 21 of 21 connections to {}\n", server.address()));
    await_until("21 connections at the server", || held() == 21);
    // The parent and three clients; they must go when it does.
    assert_eq!(observe::tree(client.id()).processes.len(), 4);
    client.kill().unwrap();
    client.wait().unwrap();
    await_until("the end of all clients", || held() == 0);
}

#[test]
fn client2_names_a_server_that_is_not_there_once() {
    let server = start("iterativeserver");
    let address = server.address().to_string();
    drop(server);
    let mut command = Command::new(cargo_bin("client2"));
    let assert = command.args(["--connect", &address, "--max-clients", "3"]).assert().code(1);
    assert_eq!(String::from_utf8_lossy(&assert.get_output().stdout), "");
    let text = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let [line, hint] = lines[..] else { panic!("{text}") };
    assert_eq!(line, format!("client2: connect {address}: connection refused"));
    assert!(hint.starts_with("hint: "), "{text}");
}

#[test]
fn client2_attacks_nobody_else() {
    let mut command = Command::new(cargo_bin("client2"));
    let assert = command.args(["--connect", "192.0.2.1:80"]).assert().code(2);
    let text = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(text.starts_with("client2: ") && text.contains("not a loopback address"), "{text}");
}
