//! `rungs load` where ports run out: in a network namespace that has ten.

use super::waiting::PATIENCE;
use assert_cmd::{Command, cargo::cargo_bin};
use std::process::Output;

/// Leaves a network namespace ten ports.
const FEW_PORTS: &str =
    "ip link set lo up && echo 40000 40009 >/proc/sys/net/ipv4/ip_local_port_range";

/// Starts `epollserver`, and takes all ports of 127.0.0.1 to it.
const NONE_LEFT: &str = r#"
    exec 3< <(exec "$EPOLLSERVER" --listen 127.0.0.1:8888)
    read -r <&3
    for _ in {1..10}; do exec {held}<>/dev/tcp/127.0.0.1/8888; done
"#;

/// A shell with namespaces of its own, which end with it.
fn shell(commands: &str) -> Command {
    let mut unshare = Command::new("unshare");
    unshare.args(["--map-root-user", "--net", "--pid", "--fork", "--kill-child"]);
    unshare.args(["bash", "-ec", commands]).timeout(PATIENCE);
    unshare.env("EPOLLSERVER", cargo_bin("epollserver")).env("RUNGS", cargo_bin("rungs"));
    unshare
}

/// What commands say where no port is left; `None` if that cannot be had here.
fn where_no_port_is_left(test: &str, commands: &str) -> Option<Output> {
    if !shell(FEW_PORTS).output().is_ok_and(|run| run.status.success()) {
        println!("skipped: {test}: no network namespace with unshare(1) and ip(8)");
        return None;
    }
    Some(shell(&format!("{FEW_PORTS}\n{NONE_LEFT}\n{commands}")).output().unwrap())
}

#[test]
fn who_finds_no_port_takes_the_next_address() {
    let commands = r#""$RUNGS" load http://127.0.0.1:8888/ -n 5"#;
    let Some(run) = where_no_port_is_left("who_finds_no_port_takes_the_next_address", commands)
    else {
        return;
    };
    assert!(run.status.success(), "{run:?}");
    assert!(String::from_utf8_lossy(&run.stdout).contains("5 started = 5 answered"), "{run:?}");
}

#[test]
fn who_may_use_no_other_address_learns_what_helps() {
    let commands = r#""$RUNGS" load http://127.0.0.1:8888/ -n 5 --source 127.0.0.1"#;
    let Some(run) =
        where_no_port_is_left("who_may_use_no_other_address_learns_what_helps", commands)
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
