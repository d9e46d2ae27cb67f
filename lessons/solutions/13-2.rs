//! Exercise 2 of rung 13: who says nothing has to leave. Base: epollserver.

use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};
use rungs::serve::{
    Args, Connection, During, Progress, Result, Reuse, Scratch, is_shortage, listen, log, run,
};
use slab::Slab;
use std::{
    io::ErrorKind,
    mem, net,
    os::fd::AsRawFd,
    process::ExitCode,
    time::{Duration, Instant},
};

const BACKLOG: i32 = 1024;
/// Who says nothing for so long has to leave.
const PATIENCE: Duration = Duration::from_secs(2);
const LISTENER: Token = Token(usize::MAX);

struct Server {
    poll: Poll,
    listener: TcpListener,
    /// The last is when something happened there.
    clients: Slab<(TcpStream, Connection, Instant)>,
    /// Whom to serve in this turn, and whether their FIN has come. Edge-triggered epoll tells each
    /// piece of news once, so who is not done must be remembered (epoll(7), "Starvation").
    ready: Vec<(Token, bool)>,
    /// Somebody in the backlog waits for a descriptor. No event will tell when there is one.
    full: bool,
    /// When the silent were last looked for.
    looked: Instant,
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
    let (clients, looked) = (Slab::new(), Instant::now());
    let mut server = Server { poll, listener, clients, ready: vec![], full: false, looked };
    let mut events = Events::with_capacity(1024);
    let mut scratch = Scratch::new(64 * 1024);
    loop {
        // With somebody left over from the last turn, only look for news; else sleep until it comes.
        let pause = server.full.then_some(Duration::from_millis(100));
        let look = (!server.clients.is_empty()).then_some(Duration::from_millis(500));
        let wait = (!server.ready.is_empty()).then_some(Duration::ZERO).or(pause).or(look);
        match server.poll.poll(&mut events, wait) {
            // Ctrl-Z and fg do that (signal(7)).
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            polled => polled.during("epoll_wait")?,
        }
        // Not later: how long we ourselves are busy is no client's silence.
        let turn = Instant::now();
        server.ready.extend(events.iter().map(|event| (event.token(), event.is_read_closed())));
        // The last token: whoever leaves in this turn has made room by then.
        server.ready.extend(mem::take(&mut server.full).then_some((LISTENER, false)));
        // One turn for each client, however often it is named; the entry with the FIN stays.
        server.ready.sort_unstable_by_key(|&(token, ended)| (token, !ended));
        server.ready.dedup_by_key(|&mut (token, _)| token);
        for (token, ended) in mem::take(&mut server.ready) {
            match token {
                LISTENER => server.accept_all(),
                Token(client) => server.advance(client, ended, &mut scratch),
            }
        }
        server.dismiss_silent(turn);
    }
}

impl Server {
    /// Takes everybody who waits: no second event will tell of them.
    fn accept_all(&mut self) {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if is_shortage(&error) => return self.full = true,
                // That connection died in the queue (accept(2), "Error handling"). The next!
                Err(_) => continue,
            };
            let now = Instant::now();
            let slot = self.clients.vacant_entry();
            let (token, both) = (Token(slot.key()), Interest::READABLE | Interest::WRITABLE);
            match self.poll.registry().register(&mut stream, token, both).during("epoll_ctl") {
                Ok(()) => drop(slot.insert((stream, Connection::new(Reuse::KeepAlive), now))),
                Err(error) => log(error),
            }
        }
    }

    /// Looks at everybody twice a second at most: the list that epoll spares us is read after all,
    /// but for this alone.
    fn dismiss_silent(&mut self, turn: Instant) {
        if turn.saturating_duration_since(self.looked) >= Duration::from_millis(500) {
            self.looked = turn;
            self.clients.retain(|_, (_, _, last)| turn.saturating_duration_since(*last) < PATIENCE);
        }
    }

    /// Serves a client as far as it goes without waiting.
    fn advance(&mut self, client: usize, ended: bool, scratch: &mut Scratch) {
        let Some((stream, connection, last)) = self.clients.get_mut(client) else { return };
        *last = Instant::now();
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
