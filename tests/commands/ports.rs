//! `rungs load` where ports run out: in a network namespace that has ten.

use assert_cmd::cargo::cargo_bin;
use std::process::{Command, Output};

/// Starts `epollserver`, and takes all ports of 127.0.0.1 to it.
const PRELUDE: &str = "
    set -e
    ip link set lo up
    echo 40000 40009 >/proc/sys/net/ipv4/ip_local_port_range
    exec 3< <(exec $EPOLLSERVER --listen 127.0.0.1:8888)
    read -r <&3
    for _ in {1..10}; do exec {held}<>/dev/tcp/127.0.0.1/8888; done
";

/// What a shell says and does in namespaces of its own, which end with it; `None` if none can be
/// made here.
fn where_ports_are_few(test: &str, commands: &str) -> Option<Output> {
    let unshare = || {
        let mut unshare = Command::new("unshare");
        unshare.args(["--map-root-user", "--net", "--pid", "--fork", "--kill-child"]);
        unshare
    };
    let lacks = |mut probe: Command| probe.output().map_or(true, |run| !run.status.success());
    let mut probe = unshare();
    probe.args(["ip", "link", "set", "lo", "up"]);
    if lacks(probe) {
        println!("skipped: {test}: no network namespace with unshare(1) and ip(8)");
        return None;
    }
    let mut shell = unshare();
    shell.args(["bash", "-c", &format!("{PRELUDE}{commands}")]);
    shell.env("EPOLLSERVER", cargo_bin("epollserver")).env("RUNGS", cargo_bin("rungs"));
    Some(shell.output().unwrap())
}

#[test]
fn who_finds_no_port_takes_the_next_address() {
    let commands = "$RUNGS load http://127.0.0.1:8888/ -n 5";
    let Some(run) = where_ports_are_few("who_finds_no_port_takes_the_next_address", commands)
    else {
        return;
    };
    assert!(run.status.success(), "{run:?}");
    assert!(String::from_utf8_lossy(&run.stdout).contains("5 started = 5 answered"), "{run:?}");
}

#[test]
fn who_may_use_no_other_address_learns_what_helps() {
    let commands = "$RUNGS load http://127.0.0.1:8888/ -n 5 --source 127.0.0.1";
    let Some(run) = where_ports_are_few("who_may_use_no_other_address_learns_what_helps", commands)
    else {
        return;
    };
    let said = String::from_utf8_lossy(&run.stdout);
    for part in ["5 started = 0 answered + 5 failed", "5  out of ports", "5 EADDRNOTAVAIL"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(said.contains("ephemeral ports of a source address: 10, and none was free"), "{said}");
    assert!(said.contains("sysctl -w net.ipv4.ip_local_port_range="), "{said}");
}
