//! Rungs 3 to 7: a process per connection, and what it leaves behind.

use std::collections::BTreeSet;

use nix::{
    sys::signal::{
        Signal::{SIGCONT, SIGKILL, SIGSTOP},
        kill,
    },
    unistd::Pid,
};
use rungs::harness::{
    observe::Process,
    supervise::{Exit, Server},
};

use super::{
    support::{
        Client, GET, await_equal, children, descriptors, descriptors_of, hello_once,
        idle_descriptors, launch, process, start, zombies,
    },
    waiting::{await_some, await_until},
};

/// Asks, and gets the answer. The end may come or not.
fn ask(server: &Server) -> Client {
    let mut client = Client::connect(server);
    client.say(GET);
    client.expect(&hello_once());
    client
}

/// Asks, gets the answer, and then the end.
fn ask_to_the_end(server: &Server) {
    ask(server).expect_end();
}

#[test]
fn concurrentserver2_keeps_every_connection_and_every_child() {
    let server = start(&launch("concurrentserver2"));
    let idle = idle_descriptors(&server);
    for clients in 1..=5 {
        let mut client = ask(&server);
        client.expect_silence();
        drop(client);
        await_equal("zombies", clients, || zombies(&server));
        assert_eq!(descriptors(&server), idle + clients);
    }
}

#[test]
fn concurrentserver2_dies_when_its_descriptors_are_used_up() {
    let server = start(&launch("concurrentserver2").descriptor_limit(64));
    let mut served = 0;
    // It has 4 descriptors of its own, and so room for 60 clients.
    while server.exited().is_none() && served < 100 {
        let Ok(stream) = std::net::TcpStream::connect(server.address()) else { break };
        drop(stream);
        served += 1;
    }
    let exit = await_some("the end of concurrentserver2", || server.exited());
    assert_eq!(exit, Exit::Status(1));
    assert_eq!(server.stderr(), "concurrentserver2: accept: too many open files\n");
    // accept(2) looks for a free descriptor before it looks for a client.
    assert!(served >= 60, "it died after {served} clients");
}

#[test]
fn concurrentserver_closes_but_keeps_zombies() {
    let server = start(&launch("concurrentserver"));
    let idle = idle_descriptors(&server);
    for clients in 1..=5 {
        ask_to_the_end(&server);
        await_equal("descriptors", idle, || descriptors(&server));
        await_equal("zombies", clients, || zombies(&server));
    }
    let pids = |server| children(server).iter().map(|child| child.pid).collect::<BTreeSet<_>>();
    let before = pids(&server);
    for &pid in &before {
        kill(Pid::from_raw(pid.cast_signed()), SIGKILL).expect("a zombie takes signals");
    }
    assert_eq!((pids(&server), zombies(&server)), (before, 5));
}

#[test]
fn concurrentserver_serves_others_while_one_is_silent() {
    let server = start(&launch("concurrentserver"));
    let mut silent = Client::connect(&server);
    await_equal("the silent client's process", 1, || children(&server).len());
    ask_to_the_end(&server);
    silent.expect_silence();
}

#[test]
fn concurrentserver_closes_the_listening_socket_in_the_child() {
    for (name, both) in [("concurrentserver2", 1), ("concurrentserver", 0)] {
        let server = start(&launch(name));
        let idle = idle_descriptors(&server);
        let _silent = Client::connect(&server);
        let child = await_some("the client's process", || children(&server).pop());
        // Its copy of the connection has come, and that of the listening socket has gone or not.
        await_equal("descriptors of the child", idle + both, || descriptors_of(child.pid));
    }
}

/// The child must not end before its parent waits in accept, or the signal interrupts nothing. So
/// the client speaks only when the child is there, the parent has closed its copy of the
/// connection, and after that sleeps: then accept is where it sleeps.
#[test]
fn concurrentserver_eintr_answers_its_first_client_and_dies() {
    let server = start(&launch("concurrentserver_eintr"));
    let idle = idle_descriptors(&server);
    let mut client = Client::connect(&server);
    await_equal("a child", 1, || children(&server).len());
    await_equal("descriptors", idle, || descriptors(&server));
    await_until("the parent in accept", || process(&server).state == 'S');
    client.say(GET);
    client.expect(&hello_once());
    client.expect_end();
    let exit = await_some("the end of concurrentserver_eintr", || server.exited());
    assert_eq!(exit, Exit::Status(1));
    let expected = "concurrentserver_eintr: accept: interrupted system call\n";
    assert_eq!(server.stderr(), expected);
}

#[test]
fn concurrentserver3_survives_one_client_after_another() {
    let server = start(&launch("concurrentserver3"));
    let idle = idle_descriptors(&server);
    for _ in 0..20 {
        ask_to_the_end(&server);
        // The next comes when the last is dead, so that its signal is not lost in another's.
        await_equal("children", 0, || children(&server).len());
    }
    assert_eq!((descriptors(&server), server.exited()), (idle, None));
}

const BURST: usize = 128;

/// Opens all connections, and asks on all of them when each has its child.
fn burst(server: &Server) -> Vec<Client> {
    let zombies = zombies(server);
    let mut clients: Vec<_> = (0..BURST).map(|_| Client::connect(server)).collect();
    await_equal("a child for each client", zombies + BURST, || children(server).len());
    for client in &mut clients {
        client.say(GET);
    }
    clients
}

fn expect_all(clients: Vec<Client>) {
    for mut client in clients {
        client.expect(&hello_once());
        client.expect_end();
    }
}

/// A burst whose children have all died before the parent runs again, which a busy machine does
/// without our help: one SIGCHLD is pending for all of them.
fn burst_behind_the_back(server: &Server) {
    let mut clients: Vec<_> = (0..BURST).map(|_| Client::connect(server)).collect();
    await_equal("a child for each client", BURST, || children(server).len());
    server.signal(SIGSTOP);
    await_until("the state T", || process(server).state == 'T');
    for client in &mut clients {
        client.say(GET);
    }
    await_equal("dead children", BURST, || zombies(server));
    server.signal(SIGCONT);
    await_until("the parent back in accept", || process(server).state == 'S');
    expect_all(clients);
}

#[test]
fn concurrentserver3_reaps_one_child_where_a_signal_stands_for_many() {
    let server = start(&launch("concurrentserver3"));
    burst_behind_the_back(&server);
    assert_eq!(zombies(&server), BURST - 1, "all but the one that was waited for");
}

/// How many signals meet is the scheduler's choice, so it has five tries to leave a zombie.
#[test]
fn concurrentserver3_leaves_zombies_after_a_burst() {
    let server = start(&launch("concurrentserver3"));
    for _ in 0..5 {
        expect_all(burst(&server));
        await_until("the end of all children", || children(&server).iter().all(Process::is_zombie));
        await_until("the parent back in accept", || process(&server).state == 'S');
        if zombies(&server) > 0 {
            return;
        }
    }
    panic!("five bursts of {BURST} clients left no zombie");
}

#[test]
fn concurrentserver_final_leaves_nobody_behind() {
    let server = start(&launch("concurrentserver_final"));
    let idle = idle_descriptors(&server);
    burst_behind_the_back(&server);
    await_equal("children after one signal for all", 0, || children(&server).len());
    for _ in 0..10 {
        expect_all(burst(&server));
        await_equal("children after a burst", 0, || children(&server).len());
        await_equal("descriptors after a burst", idle, || descriptors(&server));
    }
    assert_eq!((server.exited(), server.stderr()), (None, String::new()));
}
