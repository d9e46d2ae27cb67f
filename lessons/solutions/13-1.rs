//! Exercise 1 of rung 13: one accept for each event. Base: epollserver.

use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};
use rungs::serve::{
    Args, Connection, During, Progress, Result, Reuse, Scratch, is_shortage, listen, log, run,
};
use slab::Slab;
use std::{io::ErrorKind, mem, net, os::fd::AsRawFd, process::ExitCode, time::Duration};

const BACKLOG: i32 = 1024;
const LISTENER: Token = Token(usize::MAX);

struct Server {
    poll: Poll,
    listener: TcpListener,
    clients: Slab<(TcpStream, Connection)>,
    /// Whom to serve in this turn, and whether their FIN has come. Edge-triggered epoll tells each
    /// piece of news once, so who is not done must be remembered (epoll(7), "Starvation").
    ready: Vec<(Token, bool)>,
    /// Somebody in the backlog waits for a descriptor. No event will tell when there is one.
    full: bool,
}

fn main() -> ExitCode {
    run(serve)
}

fn serve(args: &Args) -> Result<()> {
    let listener = net::TcpListener::from(listen(args.listen, BACKLOG)?);
    // A socket that blocks would stop everybody: it shall say EAGAIN instead.
    listener.set_nonblocking(true).during("fcntl")?;
    let mut listener = TcpListener::from_std(listener);
    let poll = Poll::new().during("epoll_create")?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE).during("epoll_ctl")?;
    let mut server = Server { poll, listener, clients: Slab::new(), ready: vec![], full: false };
    let mut events = Events::with_capacity(1024);
    let mut scratch = Scratch::new(64 * 1024);
    loop {
        // With somebody left over from the last turn, only look for news; else sleep until it comes.
        let pause = server.full.then_some(Duration::from_millis(100));
        let wait = (!server.ready.is_empty()).then_some(Duration::ZERO).or(pause);
        match server.poll.poll(&mut events, wait) {
            // Ctrl-Z and fg do that (signal(7)).
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            polled => polled.during("epoll_wait")?,
        }
        server.ready.extend(events.iter().map(|event| (event.token(), event.is_read_closed())));
        // The last token: whoever leaves in this turn has made room by then.
        server.ready.extend(mem::take(&mut server.full).then_some((LISTENER, false)));
        // One turn for each client, however often it is named; the entry with the FIN stays.
        server.ready.sort_unstable_by_key(|&(token, ended)| (token, !ended));
        server.ready.dedup_by_key(|&mut (token, _)| token);
        for (token, ended) in mem::take(&mut server.ready) {
            match token {
                LISTENER => server.accept_one(),
                Token(client) => server.advance(client, ended, &mut scratch),
            }
        }
    }
}

impl Server {
    /// Takes one of those who wait.
    fn accept_one(&mut self) {
        let mut stream = match self.listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if is_shortage(&error) => return self.full = true,
            Err(_) => return,
        };
        let slot = self.clients.vacant_entry();
        let (token, both) = (Token(slot.key()), Interest::READABLE | Interest::WRITABLE);
        match self.poll.registry().register(&mut stream, token, both).during("epoll_ctl") {
            Ok(()) => drop(slot.insert((stream, Connection::new(Reuse::KeepAlive)))),
            Err(error) => log(error),
        }
    }

    /// Serves a client as far as it goes without waiting.
    fn advance(&mut self, client: usize, ended: bool, scratch: &mut Scratch) {
        let Some((stream, connection)) = self.clients.get_mut(client) else { return };
        match connection.advance(stream.as_raw_fd(), ended, scratch).during("client") {
            Ok(Progress::Blocked) => return,
            Ok(Progress::Yielded) => return self.ready.push((Token(client), ended)),
            Ok(Progress::Finished) => {}
            Err(error) => log(error),
        }
        // Dropping the stream closes it, and closing takes it off the kernel's list.
        self.clients.remove(client);
    }
}
