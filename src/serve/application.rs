//! The application that every rung serves: the same answers everywhere, so that only the model of
//! the server differs.

use crate::http::Status;
use nix::{
    sys::time::TimeValLike,
    time::{ClockId, clock_gettime},
};
use std::{thread, time::Duration};

const MAX_BYTES: u64 = 100 * 1024 * 1024;
const MAX_WAIT: u64 = 60_000;

/// What a request asks for, known from its head alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Hello,
    Sleep(Duration),
    Burn(Duration),
    /// So many bytes, made while they are sent.
    Bytes(u64),
    Echo,
    /// Nothing we have: the status and one line that says why.
    Refused(Status, &'static str),
    /// The path exists, the method is not for it; the methods that are.
    WrongMethod(&'static str),
}

impl Route {
    pub(super) fn of(method: &str, path: &str) -> Self {
        let route = Self::of_path(path);
        match (method, route) {
            (_, Self::Refused(..)) | ("POST", Self::Echo) => return route,
            ("GET" | "HEAD", _) if route != Self::Echo => return route,
            _ => {}
        }
        match method {
            // RFC 9110, section 9.1 and RFC 5789: known, but not for this path (15.5.6).
            "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "CONNECT" | "OPTIONS" | "TRACE"
            | "PATCH" => Self::WrongMethod(if route == Self::Echo { "POST" } else { "GET, HEAD" }),
            _ => Self::Refused(Status::NOT_IMPLEMENTED, "this method is not implemented\n"),
        }
    }

    fn of_path(path: &str) -> Self {
        match path {
            "/" | "/hello" => return Self::Hello,
            "/echo" => return Self::Echo,
            _ => {}
        }
        let Some((name, number)) = path[1.min(path.len())..].split_once('/') else {
            return Self::NOTHING_HERE;
        };
        let limit = match name {
            "sleep" | "burn" => MAX_WAIT,
            "bytes" => MAX_BYTES,
            _ => return Self::NOTHING_HERE,
        };
        // `parse` alone would take a plus sign too.
        if number.is_empty() || number.bytes().any(|byte| !byte.is_ascii_digit()) {
            return Self::Refused(Status::BAD_REQUEST, "a number goes here\n");
        }
        // Digits that are no number are too many.
        match (name, number.parse().ok().filter(|&n| n <= limit)) {
            (_, None) => Self::Refused(Status::BAD_REQUEST, "the number is too large\n"),
            ("sleep", Some(ms)) => Self::Sleep(Duration::from_millis(ms)),
            ("burn", Some(ms)) => Self::Burn(Duration::from_millis(ms)),
            (_, Some(n)) => Self::Bytes(n),
        }
    }

    const NOTHING_HERE: Self = Self::Refused(Status::NOT_FOUND, "nothing here\n");

    /// Whether the answer comes only after a while.
    pub(super) fn takes_time(self) -> bool {
        matches!(self, Self::Sleep(_) | Self::Burn(_))
    }

    /// The answer, once the request is complete. Blocks the calling thread where it takes time.
    pub(super) fn answer(self, body: &[u8]) -> Answer<'_> {
        match self {
            Self::Sleep(time) => thread::sleep(time),
            Self::Burn(time) => burn(time),
            _ => {}
        }
        match self {
            Self::Hello | Self::Sleep(_) | Self::Burn(_) => Answer::text(b"Hello, World!"),
            Self::Bytes(filler) => Answer { filler, ..Answer::text(b"") },
            Self::Echo => Answer::text(body),
            Self::Refused(status, why) => Answer { status, ..Answer::text(why.as_bytes()) },
            Self::WrongMethod(allowed) => Answer {
                status: Status::METHOD_NOT_ALLOWED,
                allow: Some(allowed),
                ..Answer::text(b"this path has other methods\n")
            },
        }
    }
}

/// What goes back to the client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    pub(super) status: Status,
    /// The content, or what of it comes before the filler.
    pub(super) text: &'a [u8],
    /// So many bytes more, made while they are sent.
    pub(super) filler: u64,
    /// The Allow field that a 405 needs (RFC 9110, section 15.5.6).
    pub(super) allow: Option<&'static str>,
}

impl<'a> Answer<'a> {
    /// 200 OK with this content.
    pub(super) fn text(text: &'a [u8]) -> Self {
        Self { status: Status::OK, text, filler: 0, allow: None }
    }
}

/// Spends CPU time of this thread, however long that takes on a busy machine.
fn burn(time: Duration) {
    let spent = || {
        clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
            .map_or(Duration::MAX, |at| Duration::from_nanos(at.num_nanoseconds().unsigned_abs()))
    };
    let end = spent().saturating_add(time);
    while spent() < end {
        std::hint::spin_loop();
    }
}
