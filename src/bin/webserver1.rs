//! Rung 0, webserver1: the shortest server that a browser accepts. Base: none. Lesson: lessons/00-webserver1.md
//!
//! See it break: it never looks at what it reads. `printf 'garbage\n' | nc 127.0.0.1 8888` gets the
//! same answer as a request, and a request that comes in two pieces is answered after the first.

use std::{
    env,
    io::{self, ErrorKind, Read, Write},
    net::TcpListener,
    process::ExitCode,
};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nHello, World!";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let address = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => "127.0.0.1:8888",
        ["--listen", address] => address,
        _ => {
            eprintln!("usage: webserver1 [--listen ADDR:PORT]");
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
            eprintln!("webserver1: serve {address}: {}\nhint: {hint}", error.kind());
            ExitCode::FAILURE
        }
    }
}

fn serve(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    println!("webserver1: serving http://{}/ (pid {})", listener.local_addr()?, std::process::id());
    for client in listener.incoming() {
        let mut client = client?;
        let mut request = [0; 1024];
        // Whether that was the whole request, or a request at all, nobody asks. Rung 1 does.
        if client.read(&mut request).is_ok() {
            client.write_all(ANSWER).ok();
        }
    }
    Ok(())
}
