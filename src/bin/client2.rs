//! client2: forked clients that open connections, send a request on each, and hold them.
//!
//! `ulimit -n 256` before `concurrentserver2` is started, and then `cargo run --bin client2 --
//! --max-clients 3 --max-conns 100`, show what becomes of a server whose descriptors run out.
#![expect(unsafe_code, reason = "clients that are processes of their own need fork")]

use nix::unistd::fork;
use rungs::serve::{Client2Args, During, Result, die_with_parent, log, run};
use std::{
    io::{self, BufRead, BufReader, PipeWriter, Write, pipe},
    net::TcpStream,
    process::ExitCode,
    thread::sleep,
    time::Duration,
};

/// A SYN that a full accept queue drops is sent again after about a second, and again.
const PATIENCE: Duration = Duration::from_secs(10);

const HINT: &str = "start a server in another terminal: cargo run --bin iterativeserver";

fn main() -> ExitCode {
    run(start_clients)
}

fn start_clients(args: &Client2Args) -> Result<()> {
    let parent = std::process::id();
    let (results, result) = pipe().during("pipe")?;
    for _ in 0..args.max_clients {
        // SAFETY: this process has one thread, so the child may do all that its parent could.
        if unsafe { fork() }.during("fork")?.is_child() {
            die_with_parent(parent)?;
            drop(results);
            return be_client(args, result);
        }
    }
    // The pipe ends when the last client has told its result, or died.
    drop(result);
    let (mut open, mut failures) = (0, Vec::new());
    for line in BufReader::new(results).lines() {
        let line = line.during("read the clients' results")?;
        let (count, failure) = line.split_once(' ').unwrap_or((&line, ""));
        open += count.parse::<u64>().unwrap_or_default();
        if !failure.is_empty() {
            failures.push((count.to_owned(), failure.to_owned()));
        }
    }
    let address = args.connect;
    if open == 0 {
        // Most often all for the same reason, which is told once.
        failures.dedup();
        let last = failures.pop().map_or_else(String::new, |(_, failure)| failure);
        for (_, failure) in &failures {
            log(failure);
        }
        let (operation, cause) = last.rsplit_once(": ").unwrap_or(("connect", "no client lived"));
        let failed = Err(io::Error::other(cause)).during(operation);
        let nobody_listens = cause == "connection refused";
        return failed.map_err(|error| if nobody_listens { error.hint(HINT) } else { error });
    }
    for (count, failure) in failures {
        log(format_args!("a client has {count} of {}: {failure}", args.max_conns));
    }
    let wanted = u64::from(args.max_clients) * u64::from(args.max_conns);
    writeln!(io::stdout(), "client2: opened {open} of {wanted} connections to {address}").ok();
    sleep(args.hold);
    let all = if open == wanted { Ok(()) } else { Err(io::Error::other("not all were opened")) };
    all.during(format!("connect {address}"))
}

/// Opens its connections, tells the parent how many there are, and holds them until it ends.
fn be_client(args: &Client2Args, mut result: PipeWriter) -> Result<()> {
    let mut connections = Vec::new();
    let mut failure = String::new();
    for _ in 0..args.max_conns {
        match open(args) {
            Ok(connection) => connections.push(connection),
            Err(error) => {
                // The next would most likely fail as this one did, and as slowly.
                failure = error.to_string().replace('\n', "; ");
                break;
            }
        }
    }
    // One write of less than PIPE_BUF bytes, so that lines do not mix (pipe(7)).
    let line = format!("{} {failure}\n", connections.len());
    result.write_all(line.as_bytes()).during("write")?;
    drop(result);
    sleep(args.hold);
    Ok(())
}

fn open(args: &Client2Args) -> Result<TcpStream> {
    let address = args.connect;
    let mut server =
        TcpStream::connect_timeout(&address, PATIENCE).during(format!("connect {address}"))?;
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\n\r\n");
    server.write_all(request.as_bytes()).during("send")?;
    Ok(server)
}
