//! The observer, against real processes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod waiting;

use std::{
    env,
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::{fs::MetadataExt, process::CommandExt},
    process::{Child, ChildStdout, Command, Stdio, id},
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};
use rungs::harness::observe::{
    End, Event, Process, Root, Snapshot, Socket, State, Tree, Watcher, cpu, sockets,
    sockets_but_time_wait, tree,
};

use waiting::{await_some, await_until};

/// Enough for a few children to end in the midst of a look.
const LOOKS: usize = 5_000;

/// A shell that runs a script and all that it starts, killed together at the end of a test.
struct Shell(Child, BufReader<ChildStdout>);

impl Shell {
    fn run(script: &str) -> Self {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).process_group(0);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self(child, output)
    }

    fn tree(&self) -> Tree {
        tree(self.0.id())
    }

    /// Waits for a line, and returns it.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.1.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let group = Pid::from_raw(self.0.id().cast_signed());
        killpg(group, Signal::SIGKILL).unwrap();
        self.0.wait().unwrap();
    }
}

const BUSY: &str = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";

/// Processor time in clock ticks is rounded down once for user and once for system time.
const TICKS: Duration = Duration::from_millis(20);

#[test]
fn the_tree_begins_at_the_root_and_holds_all_descendants() {
    let shell = Shell::run("sh -c 'sleep 1000 & wait' & sleep 1000 & wait");
    let tree = await_some("a shell, a shell and two sleeps", || {
        let tree = shell.tree();
        let sleeps = tree.processes.iter().filter(|process| process.name == "sleep").count();
        (sleeps == 2).then_some(tree)
    });
    assert_eq!(tree.processes.len(), 4);
    let root = &tree.processes[0];
    assert_eq!((root.pid, root.parent, root.name.as_str()), (shell.0.id(), id(), "sh"));
    assert_eq!(root.threads, 1);
    for (index, process) in tree.processes.iter().enumerate().skip(1) {
        let parents = &tree.processes[..index];
        assert!(parents.iter().any(|parent| parent.pid == process.parent), "{tree:?}");
    }
    assert_eq!(tree.clone().below_root().processes, tree.processes[1..]);
}

#[test]
fn children_of_every_thread_are_found() {
    thread::scope(|scope| {
        let shell = scope.spawn(|| Shell::run("exec sleep 1000"));
        // The thread that forked ends, and the child becomes another thread's.
        let shell = shell.join().unwrap();
        await_until("the child in this process's tree", || {
            tree(id()).processes.iter().any(|process| process.pid == shell.0.id())
        });
        let mut child = Shell::run("echo; exec sleep 1000");
        child.line();
        let tree = tree(id());
        assert!(tree.processes.iter().any(|process| process.pid == child.0.id()));
        assert!(tree.processes[0].threads >= 2);
    });
}

#[test]
fn processor_time_outlives_the_child_that_spent_it_and_counts_once() {
    // The child waits to be told to end. Descriptor 3, for a shell gives it /dev/null as stdin.
    let mut shell = Shell::run(&format!(
        "exec 3<&0; ({BUSY}; echo busy; read go <&3) & wait; echo reaped; exec sleep 1000"
    ));
    assert_eq!(shell.line(), "busy");
    let alive = shell.tree();
    let child = alive.processes[1].clone();
    assert!(child.own_cpu > Duration::ZERO && child.reaped_cpu == Duration::ZERO, "{child:?}");
    shell.0.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    assert_eq!(shell.line(), "reaped");
    let reaped = shell.tree();
    assert_eq!(reaped.processes.len(), 1);
    assert!(reaped.processes[0].reaped_cpu + TICKS >= child.own_cpu, "{reaped:?} {child:?}");
    assert!(reaped.cpu() + TICKS >= alive.cpu());
    // The whole is no more than what the kernel itself says of this process and its child.
    assert!(reaped.cpu() < alive.cpu() + child.own_cpu, "{reaped:?} {alive:?}");
    assert!(cpu(shell.0.id()) >= reaped.cpu());
}

#[test]
fn a_zombie_is_counted_and_keeps_its_processor_time() {
    // `sleep` does not wait for the child that the shell before it has left.
    let shell = Shell::run(&format!("({BUSY}) & exec sleep 1000"));
    let tree = await_some("a zombie under sleep", || {
        let tree = shell.tree();
        (tree.zombies() == 1).then_some(tree)
    });
    let zombie = &tree.processes[1];
    assert_eq!((zombie.state, zombie.is_zombie()), ('Z', true));
    assert!(zombie.own_cpu > TICKS, "{zombie:?}");
    let (user_and_system, _) = ticks_of(zombie.pid);
    let difference = zombie.own_cpu.abs_diff(user_and_system);
    assert!(difference <= TICKS, "the clock and the ticks agree: {zombie:?} {user_and_system:?}");
    assert_eq!(tree.cpu(), tree.processes[0].cpu() + zombie.cpu());
}

/// User and system time in `/proc/PID/stat`, of a process and of its reaped children.
fn ticks_of(pid: u32) -> (Duration, Duration) {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<u32> = fields.split(' ').skip(11).take(4).map(|n| n.parse().unwrap()).collect();
    let tick = Duration::from_secs(1) / u32::try_from(procfs::ticks_per_second()).unwrap();
    ((fields[0] + fields[1]) * tick, (fields[2] + fields[3]) * tick)
}

#[test]
fn descriptors_are_those_of_the_live() {
    let mut shell = Shell::run("echo; read go; exec 7</dev/null 8<&7; (:) & exec sleep 1000");
    shell.line();
    let before = shell.tree().descriptors().unwrap();
    let listed = fs::read_dir(format!("/proc/{}/fd", shell.0.id())).unwrap().count();
    assert_eq!(before, listed as u64);
    shell.0.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    let tree = await_some("a zombie", || Some(shell.tree()).filter(|tree| tree.zombies() == 1));
    await_until("two descriptors more", || tree.descriptors() == Some(before + 2));
}

#[test]
fn the_proportional_set_size_is_positive_and_at_most_the_resident() {
    let mut shell = Shell::run("sleep 1000 & echo; wait");
    shell.line();
    let tree = await_some("both sleep", || {
        let tree = shell.tree();
        (tree.processes.len() == 2 && tree.processes[1].name == "sleep").then_some(tree)
    });
    let (pss, resident) = (tree.pss().unwrap(), tree.processes.iter().map(resident).sum());
    assert!(0 < pss && pss <= resident, "{pss} of {resident}");
    let anonymous = tree.anonymous_pss().unwrap();
    assert!(0 < anonymous && anonymous < pss, "{anonymous} of {pss}");
}

/// A process may lose its memory between two lines that are read of it, which is no refusal.
#[test]
fn of_who_is_just_ending_the_memory_is_none_of_it_and_not_unknown() {
    let shell = Shell::run("while :; do : & : & : & : & wait; done");
    for look in 0..LOOKS {
        assert!(shell.tree().pss().is_some(), "look {look}");
    }
}

/// `Rss` in `/proc/PID/smaps_rollup`, in bytes. `VmRSS` in `status` is not exact.
fn resident(process: &Process) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", process.pid)).unwrap();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn what_is_gone_is_not_there() {
    let shell = Shell::run("exec sleep 1000");
    let before = shell.tree();
    let pid = shell.0.id();
    drop(shell);
    assert_eq!(tree(pid), Tree::default());
    assert_eq!(cpu(pid), Duration::ZERO);
    assert_eq!((before.pss(), before.descriptors()), (Some(0), Some(0)));
    assert_eq!(Tree::default().below_root(), Tree::default());
}

/// Not a test of its own: what an ordinary user sees of a process of root.
#[test]
fn helper() {
    let Ok(pid) = env::var("RUNGS_HELPER_PID") else { return };
    let mut tree = tree(pid.parse().unwrap());
    tree.processes.truncate(1);
    assert_eq!(tree.processes[0].pid.to_string(), pid);
    assert_eq!(tree.pss(), None);
    println!("seen as a stranger");
}

#[test]
fn what_may_not_be_read_is_none() {
    let mut stranger = Command::new(env::current_exe().unwrap());
    stranger.args(["helper", "--exact", "--nocapture"]).stdout(Stdio::piped());
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        // A process of root, looked at by nobody.
        stranger.env("RUNGS_HELPER_PID", id().to_string()).uid(65534).gid(65534);
    } else {
        // The first process is root's, unless this is a container's own.
        stranger.env("RUNGS_HELPER_PID", "1");
        if File::open("/proc/1/smaps_rollup").is_ok() {
            println!("skipped what_may_not_be_read_is_none: process 1 can be read");
            return;
        }
    }
    let mut child = match stranger.spawn() {
        Ok(child) => child,
        Err(error) => {
            println!("skipped what_may_not_be_read_is_none: no other user here: {error}");
            return;
        }
    };
    let mut output = String::new();
    child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert!(child.wait().unwrap().success() && output.contains("seen as a stranger"), "{output}");
}

#[test]
fn sockets_are_seen_from_both_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = TcpStream::connect(address).unwrap();
    let own = client.local_addr().unwrap();
    // connect(2) may return before the listening socket has its last ACK.
    let all = await_some("one that waits to be accepted", || {
        let all = sockets().unwrap();
        let is_it = |one: &&Socket| one.local == address && one.state == State::Listen;
        (all.iter().find(is_it)?.received == 1).then_some(all)
    });
    let listening = all.iter().find(|one| one.local == address && one.state == State::Listen);
    let listening = listening.unwrap();
    let tree = tree(id());
    let table = tree.processes[0].table().unwrap();
    let shown = table.iter().map(|one| one.target.to_string());
    let inode = format!("socket:[{}]", listening.inode);
    assert_eq!(shown.filter(|target| *target == inode).count(), 1, "{inode} in {table:?}");
    let at = |local, peer| all.iter().find(|one| (one.local, one.peer) == (local, peer)).unwrap();
    let (here, there) = (at(own, address), at(address, own));
    assert_eq!((here.state, there.state), (State::Established, State::Established));
    assert!(here.inode > 0 && there.inode == 0, "nobody has accepted it: {there:?}");
}

#[test]
fn a_socket_that_waits_out_the_end_of_its_connection_may_be_left_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let server = listener.incoming().next().unwrap().unwrap();
    let ends = (server.local_addr().unwrap(), server.peer_addr().unwrap());
    let find = |all: Vec<Socket>| all.into_iter().find(|one| (one.local, one.peer) == ends);
    assert!(find(sockets_but_time_wait().unwrap()).is_some());
    // Who closes first has it.
    drop(server);
    drop(client);
    let state = await_some("the connection's end", || {
        let state = find(sockets().unwrap()).map(|one| one.state);
        state.is_none_or(|state| state == State::TimeWait).then_some(state)
    });
    if state.is_none() {
        println!("the kernel remembers no more connections (tcp_max_tw_buckets, tcp(7))");
    }
    assert_eq!(find(sockets_but_time_wait().unwrap()), None);
    assert!(sockets_but_time_wait().unwrap().iter().any(|one| one.state == State::Listen));
}

#[test]
fn an_ipv6_socket_names_ipv4_clients_as_they_do_themselves() {
    let Ok(listener) = TcpListener::bind("[::]:0") else {
        println!("skipped an_ipv6_socket_names_ipv4_clients_as_they_do_themselves: no IPv6");
        return;
    };
    let address = ("127.0.0.1", listener.local_addr().unwrap().port());
    let client = TcpStream::connect(address).unwrap();
    let ends = (client.peer_addr().unwrap(), client.local_addr().unwrap());
    assert!(sockets().unwrap().iter().any(|one| (one.local, one.peer) == ends));
}

/// A look at all that there is to see.
fn look(watcher: &mut Watcher) -> Snapshot {
    watcher.look(None)
}

fn name_of(snapshot: &Snapshot, pid: u32) -> Option<&str> {
    let mut members = snapshot.processes.iter().map(|member| &member.process);
    members.find(|one| one.pid == pid).map(|one| one.name.as_str())
}

/// A shell whose child waits to be told to end, and the child's pid. Descriptor 3, for a shell gives
/// it /dev/null as stdin.
fn with_child(then: &str) -> (Shell, u32) {
    let mut shell = Shell::run(&format!("exec 3<&0; (read go <&3; exit 7) & echo $!; {then}"));
    let child = shell.line().parse().unwrap();
    (shell, child)
}

#[test]
fn a_zombie_is_told_once_with_its_status() {
    // `sleep` does not wait for the child of the shell that it was.
    let (mut shell, child) = with_child("exec sleep 1000");
    let root = shell.0.id();
    let mut watcher = Watcher::new(Root::Process(root));
    let first = await_some("a sleep and its child", || {
        let seen = look(&mut watcher);
        (name_of(&seen, root) == Some("sleep")).then_some(seen)
    });
    assert_eq!(first.events, [], "nothing has happened yet");
    let depths: Vec<_> = first.processes.iter().map(|one| (one.process.pid, one.depth)).collect();
    assert_eq!(depths, [(root, 0), (child, 1)]);
    shell.0.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    let zombie = await_some("an event", || look(&mut watcher).events.pop());
    assert_eq!(zombie, Event::Zombie { pid: child, end: Some(End::Exited(7)) });
    let seen = look(&mut watcher);
    assert_eq!(seen.events, []);
    assert!(seen.processes[0].cpu_now.is_some() && seen.processes[0].switches > Some(0));
}

#[test]
fn who_comes_and_who_goes_is_told() {
    let (mut shell, child) = with_child("wait; read go; sleep 1000; :");
    let root = shell.0.id();
    let mut watcher = Watcher::new(Root::Process(root));
    assert_eq!(look(&mut watcher).processes.len(), 2);
    shell.0.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    await_until("the end of the child", || {
        look(&mut watcher).events.contains(&Event::Reaped { pid: child })
    });
    assert_eq!(look(&mut watcher).processes.len(), 1);
    shell.0.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    let started = await_some("a new child", || look(&mut watcher).events.pop());
    assert!(matches!(started, Event::Started { parent, .. } if parent == root), "{started:?}");
}

#[test]
fn who_outlives_its_parent_is_an_orphan() {
    let mut shell = Shell::run("(sleep 1000 & echo $!; wait) & wait; sleep 1000");
    let grandchild: u32 = shell.line().parse().unwrap();
    let mut watcher = Watcher::new(Root::Process(shell.0.id()));
    let first = await_some("the grandchild as a sleep", || {
        let seen = look(&mut watcher);
        (name_of(&seen, grandchild) == Some("sleep")).then_some(seen)
    });
    let member = |seen: &Snapshot| {
        let mut members = seen.processes.iter();
        members.find(|one| one.process.pid == grandchild).cloned().unwrap()
    };
    let before = member(&first);
    assert!(!before.is_orphan && before.depth == 2, "{before:?}");
    let parent = before.process.parent;
    kill(Pid::from_raw(parent.cast_signed()), Signal::SIGKILL).unwrap();
    let (seen, orphaned) = await_some("an orphan", || {
        let seen = look(&mut watcher);
        let orphaned = seen.events.iter().find(|one| matches!(one, Event::Orphaned { .. }));
        orphaned.copied().map(|orphaned| (seen, orphaned))
    });
    assert_eq!(orphaned, Event::Orphaned { pid: grandchild, parent: Some(parent) });
    let after = member(&seen);
    assert!(after.is_orphan && after.depth == 0, "{after:?}");
    assert_eq!(seen.processes.last().unwrap().process.pid, grandchild, "orphans come last");
    // It goes on being watched, whoever its parent is now.
    assert!(member(&look(&mut watcher)).is_orphan);
}

#[test]
fn who_started_and_ended_between_two_looks_is_a_zombie_first() {
    // `sleep` does not wait for the child of the shell that it was.
    let mut shell = Shell::run("echo; read go; (exit 9) & exec sleep 1000");
    shell.line();
    let mut watcher = Watcher::new(Root::Process(shell.0.id()));
    assert_eq!(look(&mut watcher).events, []);
    shell.0.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    await_until("a zombie", || shell.tree().zombies() == 1);
    let events = look(&mut watcher).events;
    assert!(matches!(events[..], [Event::Zombie { end: Some(End::Exited(9)), .. }]), "{events:?}");
}

#[test]
fn sockets_of_another_network_namespace_are_unknown() {
    let mut shell = Shell::run("exec unshare --net sh -c 'echo there; exec sleep 1000' 2>&1");
    if shell.line() != "there" {
        println!(
            "skipped sockets_of_another_network_namespace_are_unknown: no unshare, or not root"
        );
        return;
    }
    let seen = look(&mut Watcher::new(Root::Process(shell.0.id())));
    assert!(seen.sockets.is_err_and(|why| why.contains("network namespace")));
    assert_eq!(seen.processes.len(), 1);
}
