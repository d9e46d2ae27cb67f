//! Exercise 1 of rung 0: read to the end of the head. Base: webserver1.

use std::{
    env,
    io::{self, ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    process::ExitCode,
};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nHello, World!";

const MAX_HEAD: usize = 64 * 1024;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let address = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => "127.0.0.1:8888",
        ["--listen", address] => address,
        _ => {
            eprintln!("usage: solution-00-1 [--listen ADDR:PORT]");
            return ExitCode::from(if args == ["--help"] { 0 } else { 2 });
        }
    };
    match serve(address) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let hint = match error.kind() {
                ErrorKind::AddrInUse => "--listen 127.0.0.1:0 asks for any port that is free",
                ErrorKind::PermissionDenied => "ports below 1024 are root's",
                _ => "for example --listen 127.0.0.1:8888",
            };
            eprintln!("solution-00-1: serve {address}: {}\nhint: {hint}", error.kind());
            ExitCode::FAILURE
        }
    }
}

fn serve(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    println!(
        "solution-00-1: serving http://{}/ (pid {})",
        listener.local_addr()?,
        std::process::id()
    );
    for client in listener.incoming() {
        let mut client = client?;
        // A client that goes away, or never comes to the end, gets no answer.
        if read_head(&mut client).is_ok() {
            client.write_all(ANSWER).ok();
        }
    }
    Ok(())
}

/// Reads up to the empty line that ends a head.
fn read_head(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let size = client.read(&mut piece)?;
        if size == 0 || head.len() > MAX_HEAD {
            return Err(ErrorKind::InvalidData.into());
        }
        head.extend_from_slice(&piece[..size]);
    }
    Ok(head)
}
