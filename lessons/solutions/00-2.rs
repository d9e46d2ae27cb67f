//! Exercise 2 of rung 0: not everything is here. Base: the solution of exercise 1.

use std::{
    env,
    io::{self, ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    process::ExitCode,
};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nHello, World!";

const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\nnot found\n";

const MAX_HEAD: usize = 64 * 1024;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let address = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => "127.0.0.1:8888",
        ["--listen", address] => address,
        _ => {
            eprintln!("usage: solution-00-2 [--listen ADDR:PORT]");
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
            eprintln!("solution-00-2: serve {address}: {}\nhint: {hint}", error.kind());
            ExitCode::FAILURE
        }
    }
}

fn serve(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    println!(
        "solution-00-2: serving http://{}/ (pid {})",
        listener.local_addr()?,
        std::process::id()
    );
    for client in listener.incoming() {
        let mut client = client?;
        // A client that goes away, or never comes to the end, gets no answer.
        if let Ok(head) = read_head(&mut client) {
            let path = head.split(|&byte| byte == b' ').nth(1);
            client.write_all(if path == Some(b"/") { ANSWER } else { NOT_FOUND }).ok();
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
