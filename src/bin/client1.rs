//! client1: one request, and all that goes over the wire for it.
//!
//! `cargo run --bin client1 -- --path /sleep/1000` waits a second for its answer; against
//! `concurrentserver2` it shows an answer that does not end.

use rungs::serve::{Client1Args, During, Result, run};
use std::{
    io::{self, Read, Write},
    net::TcpStream,
    process::ExitCode,
};

fn main() -> ExitCode {
    run(ask)
}

fn ask(args: &Client1Args) -> Result<()> {
    let address = args.connect;
    let hint = "start a server in another terminal: cargo run --bin iterativeserver";
    let mut server = TcpStream::connect(address)
        .during(format!("connect {address}"))
        .map_err(|error| error.hint(hint))?;
    // A connection is a pair of addresses. The server's is known; the kernel has just picked ours.
    let ours = server.local_addr().during("getsockname")?;
    show("*", format!("connected, {ours} to {address}\n").as_bytes());
    let path = &args.path;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    server.write_all(request.as_bytes()).during("send")?;
    show(">", request.as_bytes());
    let mut piece = [0; 4096];
    loop {
        match server.read(&mut piece).during("receive")? {
            0 => break,
            size => show("<", &piece[..size]),
        }
    }
    show("*", b"the server has closed the connection\n");
    Ok(())
}

/// Prints each line with a mark in front. Nobody may be reading our stdout any more, which is no
/// reason to leave a request unfinished.
fn show(mark: &str, bytes: &[u8]) {
    for line in String::from_utf8_lossy(bytes).lines() {
        writeln!(io::stdout(), "{mark} {line}").ok();
    }
}
