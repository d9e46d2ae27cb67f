//! HTTP/1.1 messages as pure functions on bytes: no I/O, no clock, no buffers of their own.
//!
//! The servers read requests and write responses with it, the load generator reads responses. The
//! grammar of a head is `httparse`'s work; what the fields of that head mean for the message (how
//! long is the body, does the connection stay open) is decided here, after RFC 9110 and RFC 9112.
//!
//! ```text
//! head.rs       parse_request, parse_response: bytes to a head, or to the reason why not
//! fields.rs     what the fields say about framing, persistence, host and expectation
//! target.rs     the four forms of a request target, and the Host field
//! body.rs       Body: the content of one message, taken out of a byte stream
//! response.rs   the head of an answer of ours, as bytes
//! status.rs     status codes and their phrases
//! ```
//!
//! A message that two recipients may read differently is how requests are smuggled past a proxy
//! (RFC 9112 section 11.2), so whatever is ambiguous about framing is refused, not repaired.
//!
//! ```
//! use rungs::http::{Body, MAX_BODY, parse_request};
//!
//! let stream = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello";
//! let request = parse_request(stream)?.expect("the head is complete");
//! assert_eq!((request.method, request.path()), ("POST", "/echo"));
//!
//! let mut body = Body::new(request.body, MAX_BODY)?;
//! let (used, content) = body.take(&stream[request.head_length..])?;
//! assert_eq!((used, content), (5, &b"hello"[..]));
//! assert!(body.is_done());
//! # Ok::<(), rungs::http::Refusal>(())
//! ```

mod body;
mod fields;
mod head;
mod response;
mod status;
mod target;

use std::{error, fmt};

pub use body::Body;
pub use head::{Request, ResponseHead, parse_request, parse_response};
pub use response::{CONTINUE, Persistence, Response};
pub use status::Status;

/// The longest head, in bytes: the first line and the fields, with the empty line that ends them
/// and any empty lines before them.
pub const MAX_HEAD: usize = 64 * 1024;
/// The longest content that the servers take in, in bytes.
pub const MAX_BODY: u64 = 8 * 1024 * 1024;
/// The most field lines in one head.
pub const MAX_FIELDS: usize = 100;

/// The version of a message (RFC 9112 section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0: a connection closes after one answer, unless both sides say keep-alive.
    Http10,
    /// HTTP/1.1: a connection stays open, unless one side says close.
    Http11,
}

/// How the end of a body is found (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// So many bytes follow the head; 0 where there is no body at all.
    Length(u64),
    /// Chunks, each with its size in front; the last one is empty.
    Chunked,
    /// All bytes until the connection ends; only in responses.
    UntilClose,
}

/// Why a message is refused: what to answer, and one line for a person.
///
/// A refusal leaves unknown where the next message begins, so whoever answers it also closes the
/// connection, whatever the message said about keep-alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status to answer with; [`Status::BAD_GATEWAY`] where a response was refused.
    pub status: Status,
    /// The cause, lower case and without a full stop.
    pub reason: &'static str,
}

impl Refusal {
    const fn bad_request(reason: &'static str) -> Self {
        Self { status: Status::BAD_REQUEST, reason }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}

impl error::Error for Refusal {}
