//! One connection's state machine: read, parse, answer, and what is left when the socket takes only
//! a part. It lives here once; blocking rungs run it to its end, event loops take it up again at
//! each readiness event.

use super::{
    application::{Answer, Route},
    error::{During, log},
    process,
};
use crate::http::{
    Body, CONTINUE, MAX_BODY, MAX_HEAD, Persistence, Refusal, Request, Response, Status, Version,
    parse_request,
};
use httpdate::HttpDate;
use nix::{
    errno::Errno,
    libc,
    sys::socket::{MsgFlags, Shutdown, recv, send, shutdown},
    time::{ClockId, clock_gettime},
};
use std::{
    cell::RefCell,
    io::Write,
    mem,
    os::fd::RawFd,
    time::{Duration, UNIX_EPOCH},
};

/// Answers that wait for the socket before more requests are looked at: what a client that sends
/// and does not read may cost.
const HIGH_WATER: usize = 64 * 1024;
/// Reads and writes in one turn, so that a busy client cannot starve the others (epoll(7)).
const TURN: u32 = 32;
/// What is still read from a client that was refused, so that it may see why.
const DRAIN: usize = 16 * 1024 * 1024;
/// The content of `/bytes/N`, over and over.
static FILLER: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// Whether a connection carries one request or many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// One request; the end of the connection is the end of the answer, which has no
    /// Content-Length (RFC 9112, section 6.3, item 8).
    Once,
    /// As many as the client sends (RFC 9112, section 9.3).
    KeepAlive,
}

/// Why [`Connection::advance`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The socket has no more to give or takes no more: wait for the next readiness event.
    Blocked,
    /// There is more to do, but others should have their turn first. No event will tell.
    Yielded,
    /// The conversation is over: close the descriptor.
    Finished,
}

/// Room to work in, shared by all connections of a thread, so that an idle one needs none.
#[derive(Debug)]
pub struct Scratch {
    input: Box<[u8]>,
    output: Output,
}

/// Answers in the making.
#[derive(Debug, Default)]
struct Output {
    bytes: Vec<u8>,
    head: Head,
}

impl Scratch {
    /// Room to read `size` bytes at a time.
    pub fn new(size: usize) -> Self {
        let output = Output { bytes: Vec::with_capacity(1024), head: Head::default() };
        Self { input: vec![0; size].into_boxed_slice(), output }
    }
}

/// The head that was written last: most answers are alike, so that the next has the same until the
/// second is over.
#[derive(Debug, Default)]
struct Head {
    text: Vec<u8>,
    made_of: Option<Parts>,
}

/// What in the heads of our answers differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parts {
    /// Of the Date (RFC 9110, section 6.6.1), since the epoch.
    second: u64,
    status: Status,
    content_length: Option<u64>,
    persistence: Persistence,
    allow: Option<&'static str>,
}

impl Head {
    fn of(&mut self, parts: Parts) -> &[u8] {
        if self.made_of != Some(parts) {
            self.made_of = Some(parts);
            let Parts { second, status, content_length, persistence, allow } = parts;
            // An IMF-fixdate always has 29 characters (RFC 9110, section 5.6.7). It fits, so it
            // cannot fail.
            let mut date = [0; 29];
            let time = HttpDate::from(UNIX_EPOCH + Duration::from_secs(second));
            write!(&mut date[..], "{time}").ok();
            let response = Response {
                status,
                content_type: "text/plain; charset=utf-8",
                content_length,
                persistence,
                allow,
                date: str::from_utf8(&date).unwrap_or_default(),
            };
            self.text.clear();
            response.write_head(&mut self.text);
        }
        &self.text
    }
}

/// Whole seconds are all that a Date has, and the coarse clock is the cheap one
/// (`clock_gettime(2)`).
fn this_second() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_REALTIME_COARSE);
    now.map_or(0, |now| now.tv_sec().unsigned_abs())
}

/// The state of one connection between two readiness events. It never owns the descriptor.
#[derive(Debug)]
pub struct Connection {
    /// Received, not used yet: a part of a head, or requests held back by [`HIGH_WATER`].
    input: Vec<u8>,
    /// Answers that the socket did not take at once; the first `sent` bytes it has by now.
    output: Vec<u8>,
    sent: usize,
    /// Content of `/bytes/N` that follows `output`, made while it is sent.
    filler: u64,
    /// The request whose body is not complete.
    pending: Option<Box<Pending>>,
    reuse: Reuse,
    /// `input` may hold a whole request which has to wait until `output` is gone.
    held: bool,
    /// `TCP_NODELAY` is set.
    hurried: bool,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    /// The last answer is on its way; then close.
    Last,
    /// The last answer is on its way and the client may still be sending. To close with unread
    /// bytes would reset the connection and could destroy the answer (RFC 9112, section 9.6), so:
    /// FIN first, then read to the end, within limits.
    Lingering,
    /// That FIN has been sent; so many bytes may still come.
    Draining(usize),
}

/// What of a request's head its answer depends on.
#[derive(Clone, Copy, Debug)]
struct Asked {
    route: Route,
    persistence: Persistence,
    is_head: bool,
}

#[derive(Debug)]
struct Pending {
    asked: Asked,
    body: Body,
    content: Vec<u8>,
}

impl Asked {
    fn new(request: &Request<'_>, reuse: Reuse) -> Self {
        let persistence = match (reuse, request.keep_alive, request.version) {
            (Reuse::Once, ..) | (_, false, _) => Persistence::Close,
            (_, true, Version::Http10) => Persistence::KeepAlive,
            (_, true, Version::Http11) => Persistence::Implied,
        };
        let route = Route::of(request.method, request.path());
        Self { route, persistence, is_head: request.method == "HEAD" }
    }
}

impl Connection {
    /// A connection on which nothing was said yet.
    pub fn new(reuse: Reuse) -> Self {
        Self {
            input: Vec::new(),
            output: Vec::new(),
            sent: 0,
            filler: 0,
            pending: None,
            reuse,
            held: false,
            hurried: false,
            phase: Phase::Serving,
        }
    }

    /// Reads, answers and writes until the socket blocks, the turn is over or the conversation is.
    /// What the client did wrong in HTTP's terms is answered; an error is the socket's.
    ///
    /// A read that returns less than was asked for has emptied the socket, which saves the read
    /// that would only say so (epoll(7), question 9). But a FIN may stand behind those bytes, so
    /// pass `ended` if the kernel has announced one (EPOLLRDHUP): no second event will. A blocking
    /// caller passes true.
    pub fn advance(
        &mut self,
        socket: RawFd,
        ended: bool,
        scratch: &mut Scratch,
    ) -> nix::Result<Progress> {
        for _ in 0..TURN {
            match self.step(socket, ended, scratch) {
                Ok(None) | Err(Errno::EINTR) => {}
                Ok(Some(progress)) => return Ok(progress),
                Err(Errno::EAGAIN) => return Ok(Progress::Blocked),
                // Some clients end with a reset where others send a FIN.
                Err(Errno::ECONNRESET) if self.is_idle() => return Ok(Progress::Finished),
                Err(error) => return Err(error),
            }
        }
        Ok(Progress::Yielded)
    }

    /// One read or one write. Answers go first: nothing is read for a client that does not.
    fn step(
        &mut self,
        socket: RawFd,
        ended: bool,
        scratch: &mut Scratch,
    ) -> nix::Result<Option<Progress>> {
        if !self.output.is_empty() {
            return self.send_output(socket).map(|()| None);
        }
        if self.filler > 0 {
            return self.send_filler(socket).map(|()| None);
        }
        match self.phase {
            Phase::Serving => self.serve(socket, ended, scratch),
            Phase::Last => Ok(Some(Progress::Finished)),
            Phase::Lingering => self.linger(socket).map(|()| None),
            Phase::Draining(left) => {
                let received = recv(socket, &mut scratch.input, MsgFlags::empty())?;
                self.phase = Phase::Draining(left.saturating_sub(received));
                Ok((received == 0 || received >= left).then_some(Progress::Finished))
            }
        }
    }

    fn serve(
        &mut self,
        socket: RawFd,
        ended: bool,
        scratch: &mut Scratch,
    ) -> nix::Result<Option<Progress>> {
        if self.held {
            self.answer_input(&mut scratch.output);
            return self.send_new(socket, &mut scratch.output).map(|()| None);
        }
        let received = recv(socket, &mut scratch.input, MsgFlags::empty())?;
        if received == 0 && self.is_idle() {
            return Ok(Some(Progress::Finished));
        }
        self.answer_received(&scratch.input[..received], &mut scratch.output);
        if self.phase == Phase::Last && received == scratch.input.len() {
            // There may be more behind what had room.
            self.phase = Phase::Lingering;
        }
        self.send_new(socket, &mut scratch.output)?;
        self.expect_more(socket)?;
        let emptied = !ended && received < scratch.input.len();
        let wants_more = self.phase == Phase::Serving && !self.held && self.has_sent_all();
        Ok((emptied && wants_more).then_some(Progress::Blocked))
    }

    /// An answer is written whole. On a connection that stays, to hold back its last segment until
    /// the one before is acknowledged (Nagle's algorithm) would only delay pipelined answers
    /// (tcp(7)).
    fn expect_more(&mut self, socket: RawFd) -> nix::Result<()> {
        if self.reuse == Reuse::KeepAlive && self.phase == Phase::Serving && !self.hurried {
            process::set_no_delay(socket)?;
            self.hurried = true;
        }
        Ok(())
    }

    /// Sends the FIN that comes before [`Phase::Draining`].
    fn linger(&mut self, socket: RawFd) -> nix::Result<()> {
        match shutdown(socket, Shutdown::Write) {
            // Reset meanwhile: there is nobody to wait for.
            Err(Errno::ENOTCONN) => self.phase = Phase::Last,
            done => {
                done?;
                // A blocking server must not wait for ever for the client's own FIN. An event loop
                // does: a client that was refused may stay, like any client that says nothing.
                process::set_patience(socket, 1)?;
                self.phase = Phase::Draining(DRAIN);
            }
        }
        Ok(())
    }

    /// Whether neither side owes the other anything.
    fn is_idle(&self) -> bool {
        self.input.is_empty() && self.pending.is_none() && self.has_sent_all()
    }

    fn has_sent_all(&self) -> bool {
        self.output.is_empty() && self.filler == 0
    }

    fn send_output(&mut self, socket: RawFd) -> nix::Result<()> {
        self.sent += send(socket, &self.output[self.sent..], self.send_flags())?;
        if self.sent == self.output.len() {
            // An idle connection keeps no buffer.
            self.output = Vec::new();
            self.sent = 0;
        }
        Ok(())
    }

    fn send_filler(&mut self, socket: RawFd) -> nix::Result<()> {
        let piece = usize::try_from(self.filler).unwrap_or(usize::MAX).min(FILLER.len());
        self.filler -= send(socket, &FILLER[..piece], MsgFlags::MSG_NOSIGNAL)? as u64;
        Ok(())
    }

    /// Sends what was just made; keeps what the socket does not take.
    fn send_new(&mut self, socket: RawFd, output: &mut Output) -> nix::Result<()> {
        if output.bytes.is_empty() {
            return Ok(());
        }
        let sent = match send(socket, &output.bytes, self.send_flags()) {
            Ok(sent) => sent,
            Err(Errno::EAGAIN | Errno::EINTR) => 0,
            Err(error) => {
                // Shared room: what is left in it would go to the next client.
                output.bytes.clear();
                return Err(error);
            }
        };
        if sent < output.bytes.len() {
            self.output = mem::take(&mut output.bytes);
            self.sent = sent;
        } else {
            output.bytes.clear();
            // One large echo must not be remembered for ever.
            output.bytes.shrink_to(2 * HIGH_WATER);
        }
        Ok(())
    }

    /// A client that has left must not kill the server with SIGPIPE; a head whose content follows
    /// is not worth a segment of its own (send(2), `MSG_MORE`).
    ///
    /// A last answer is, before its FIN. To send both in one would save a fifth of what a
    /// connection costs, but only where the close follows at once: a rung that forks holds copies
    /// of the descriptor, and `sleepserver` sleeps. What some rungs cannot have, no rung has, so
    /// that only their models differ.
    fn send_flags(&self) -> MsgFlags {
        match self.filler {
            0 => MsgFlags::MSG_NOSIGNAL,
            _ => MsgFlags::MSG_NOSIGNAL | MsgFlags::from_bits_retain(libc::MSG_MORE),
        }
    }

    fn answer_received(&mut self, received: &[u8], output: &mut Output) {
        if received.is_empty() {
            let reason = "the request ended early";
            self.refuse(&Refusal { status: Status::BAD_REQUEST, reason }, output);
            // There is nothing more to read.
            self.phase = Phase::Last;
        } else if self.input.is_empty() {
            let used = self.answer_all(received, output);
            self.input.extend_from_slice(&received[used..]);
        } else {
            self.input.extend_from_slice(received);
            // A head ends with a line feed. To parse it again for less would let a client that
            // sends single bytes buy a lot of our time.
            if received.contains(&b'\n') || self.input.len() > MAX_HEAD {
                self.answer_input(output);
            }
        }
    }

    fn answer_input(&mut self, output: &mut Output) {
        let mut input = mem::take(&mut self.input);
        let used = self.answer_all(&input, output);
        if used < input.len() {
            input.drain(..used);
            self.input = input;
        }
    }

    /// Answers the requests at the front of `bytes`, as far as they are complete and there is room
    /// for the answers. Returns how many bytes that took.
    fn answer_all(&mut self, bytes: &[u8], output: &mut Output) -> usize {
        let mut used = 0;
        self.held = false;
        while self.phase == Phase::Serving && used < bytes.len() && !self.held {
            match self.answer_next(&bytes[used..], output) {
                Ok(0) => break,
                Ok(more) => used += more,
                Err(refusal) => self.refuse(&refusal, output),
            }
            self.held = output.bytes.len() >= HIGH_WATER || self.filler > 0;
        }
        if self.phase == Phase::Last && used < bytes.len() {
            self.phase = Phase::Lingering;
        }
        used
    }

    /// Takes one head, or a piece of a body. 0 means that more bytes must come first.
    fn answer_next(&mut self, bytes: &[u8], output: &mut Output) -> Result<usize, Refusal> {
        let Some(mut pending) = self.pending.take() else {
            return self.start(bytes, output);
        };
        let (used, content) = pending.body.take(bytes)?;
        if pending.asked.route == Route::Echo {
            pending.content.extend_from_slice(content);
        }
        if pending.body.is_done() {
            self.respond(pending.asked, &pending.content, output);
        } else {
            self.pending = Some(pending);
        }
        Ok(used)
    }

    fn start(&mut self, bytes: &[u8], output: &mut Output) -> Result<usize, Refusal> {
        let Some(request) = parse_request(bytes)? else { return Ok(0) };
        let asked = Asked::new(&request, self.reuse);
        if asked.route.takes_time() && !output.bytes.is_empty() {
            // Earlier answers need not wait for this one.
            self.held = true;
            return Ok(0);
        }
        let body = Body::new(request.body, MAX_BODY)?;
        if body.is_done() {
            self.respond(asked, &[], output);
        } else {
            if request.expects_continue && bytes.len() == request.head_length {
                output.bytes.extend_from_slice(CONTINUE);
            }
            self.pending = Some(Box::new(Pending { asked, body, content: Vec::new() }));
        }
        Ok(request.head_length)
    }

    fn respond(&mut self, asked: Asked, body: &[u8], output: &mut Output) {
        let answer = asked.route.answer(body);
        self.write_head(&answer, asked.persistence, output);
        if !asked.is_head {
            output.bytes.extend_from_slice(answer.text);
            self.filler = answer.filler;
        }
        if asked.persistence == Persistence::Close {
            self.phase = Phase::Last;
        }
    }

    /// Answers what is no request, or none that we take. Where its end would be is anybody's
    /// guess, so nothing after it is looked at (RFC 9112, section 11.2).
    fn refuse(&mut self, refusal: &Refusal, output: &mut Output) {
        let answer = Answer { status: refusal.status, ..Answer::text(refusal.reason.as_bytes()) };
        self.write_head(&answer, Persistence::Close, output);
        output.bytes.extend_from_slice(answer.text);
        self.phase = Phase::Lingering;
    }

    fn write_head(&self, answer: &Answer<'_>, persistence: Persistence, output: &mut Output) {
        let length = answer.text.len() as u64 + answer.filler;
        let head = output.head.of(Parts {
            second: this_second(),
            status: answer.status,
            content_length: (self.reuse == Reuse::KeepAlive).then_some(length),
            persistence,
            allow: answer.allow,
        });
        output.bytes.extend_from_slice(head);
    }
}

/// Answers one request on a blocking connected socket. Closing it is left to the caller.
pub fn answer(client: RawFd) {
    talk(client, Reuse::Once);
}

/// Answers request after request on a blocking connected socket, until the client has enough.
/// Closing it is left to the caller.
pub fn converse(client: RawFd) {
    talk(client, Reuse::KeepAlive);
}

fn talk(client: RawFd, reuse: Reuse) {
    SCRATCH.with_borrow_mut(|scratch| {
        let scratch = scratch.get_or_insert_with(|| Scratch::new(2 * 1024));
        let mut connection = Connection::new(reuse);
        loop {
            match connection.advance(client, true, scratch).during("client") {
                Ok(Progress::Yielded) => {}
                // A blocking socket "blocks" only when the patience of `linger` is over.
                Ok(Progress::Finished | Progress::Blocked) => break,
                Err(error) => {
                    log(error);
                    break;
                }
            }
        }
    });
}

thread_local! {
    /// Kept from one connection of this thread to the next.
    static SCRATCH: RefCell<Option<Scratch>> = const { RefCell::new(None) };
}

/// Answers a request that nobody has made, so that what is found out or made at the first request
/// is there already, once, in the parent, and no forked child pays for it. To ask the CPU what it
/// can do, as the parser does, takes longer under a hypervisor than the rest of the answer.
pub(super) fn rehearse() {
    let mut scratch = Scratch::new(2 * 1024);
    Connection::new(Reuse::Once).answer_received(b"GET / HTTP/1.0\r\n\r\n", &mut scratch.output);
    scratch.output.bytes.clear();
    SCRATCH.set(Some(scratch));
}
