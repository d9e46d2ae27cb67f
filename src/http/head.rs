use std::mem::MaybeUninit;

use super::fields::Fields;
use super::{Framing, MAX_FIELDS, MAX_HEAD, Refusal, Status, Version, target};

/// The head of a request: what a server needs of it, borrowed from the bytes it was parsed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The method, case-sensitive (RFC 9110 section 9.1); any token, so the server answers those
    /// it does not know.
    pub method: &'a str,
    /// The request target as it was sent: one of the four forms of RFC 9112 section 3.2.
    pub target: &'a str,
    /// The version the client speaks.
    pub version: Version,
    /// Whether the client wants the connection open after the answer (RFC 9112 section 9.3).
    pub keep_alive: bool,
    /// Whether the client waits for [`super::CONTINUE`] before it sends the content. False for
    /// HTTP/1.0 and where no content follows (RFC 9110 section 10.1.1).
    pub expects_continue: bool,
    /// Where the body ends; never [`Framing::UntilClose`].
    pub body: Framing,
    /// How many bytes the head takes up; the body begins after them.
    pub head_length: usize,
}

impl<'a> Request<'a> {
    /// The path, without the query, of a target in origin-form (`/a?b`) or in absolute-form
    /// (`http://host/a?b`); `*` and authority-form (`host:port`) as they are.
    pub fn path(&self) -> &'a str {
        target::path(self.target)
    }
}

/// The head of a response: what a client needs to find its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status. After an interim one ([`Status::is_interim`]) the answer is still to come.
    pub status: Status,
    /// The version the server speaks.
    pub version: Version,
    /// Whether the connection stays open after this response (RFC 9112 section 9.3); never with a
    /// body that ends where the connection does.
    pub keep_alive: bool,
    /// Where the body ends.
    pub body: Framing,
    /// How many bytes the head takes up; the body begins after them.
    pub head_length: usize,
}

/// Parses the head of a request at the front of `bytes`; `None` while it is not complete.
///
/// Lines may end in LF alone, and up to 16 empty lines before the request line are skipped (RFC
/// 9112 section 2.2). HTTP/1.2 to 1.9, which never came to be, are not taken for 1.1 (RFC 9110
/// section 6.2 would), but refused like 2.0.
///
/// It does not allocate, and keeps nothing: each call starts at the first byte again. If a client
/// sends [`MAX_HEAD`] bytes one by one, and the caller parses after each, they look at 2 GiB in
/// all. Only a line feed can complete a head, so a caller that looks for one among the new bytes
/// first parses once a line, which bounds the sum to 8 MiB.
///
/// # Errors
/// - 400: malformed, or ambiguous about its framing or its host.
/// - 413: the Content-Length does not fit 64 bits. Smaller limits are [`super::Body::new`]'s.
/// - 414, 431, 501: no end of the target, of the head, of the method within [`MAX_HEAD`] bytes.
/// - 417: an expectation other than 100-continue.
/// - 431: more than [`MAX_FIELDS`] fields.
/// - 501: a transfer coding other than chunked under chunked.
/// - 505: a version other than 1.0 and 1.1.
pub fn parse_request(bytes: &[u8]) -> Result<Option<Request<'_>>, Refusal> {
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut head = httparse::Request::new(&mut []);
    let window = window(bytes);
    let (empty_lines, rest) = window.split_at(empty_lines(window)?);
    match head.parse_with_uninit_headers(rest, &mut fields) {
        Ok(httparse::Status::Complete(length)) => {
            request(&head, empty_lines.len() + length).map(Some)
        }
        Ok(httparse::Status::Partial) => incomplete_request(window, &head),
        Err(httparse::Error::Version) => match refuse_version(rest) {
            Some(refusal) => Err(refusal),
            None => incomplete_request(window, &head),
        },
        Err(error) => Err(refuse_syntax(error)),
    }
}

/// How many bytes of empty lines stand at the front. httparse skips any number of them; a limit
/// keeps the number of lines in a head, and so of calls that are worth their while, small.
fn empty_lines(window: &[u8]) -> Result<usize, Refusal> {
    let mut rest = window;
    for _ in 0..=MAX_EMPTY_LINES {
        rest = match rest {
            [b'\r', b'\n', rest @ ..] | [b'\n', rest @ ..] => rest,
            _ => return Ok(window.len() - rest.len()),
        };
    }
    Err(Refusal::bad_request("more than 16 empty lines before the request line"))
}

/// Gives a complete head its meaning.
fn request<'a>(
    head: &httparse::Request<'_, 'a>,
    head_length: usize,
) -> Result<Request<'a>, Refusal> {
    let (Some(method), Some(target)) = (head.method, head.path) else {
        return Err(refuse_syntax(httparse::Error::Token));
    };
    if !target::is_valid(method, target) {
        return Err(Refusal::bad_request("malformed request target"));
    }
    let version = version(head.version);
    let fields = Fields::scan(head.headers)?;
    fields.check_host(version)?;
    let body = fields.request_framing(version)?;
    Ok(Request {
        method,
        target,
        version,
        keep_alive: fields.keep_alive(version),
        expects_continue: fields.expects_continue(version, body)?,
        body,
        head_length,
    })
}

/// More bytes may complete the head, unless it is over the limit already. What is then too long
/// is the first part that has no end: RFC 9112 section 3 names the answer for method and target.
fn incomplete_request<'a>(
    window: &[u8],
    head: &httparse::Request<'_, '_>,
) -> Result<Option<Request<'a>>, Refusal> {
    if window.len() < MAX_HEAD {
        return Ok(None);
    }
    let (status, reason) = match (head.method, head.path) {
        (None, _) => (Status::NOT_IMPLEMENTED, "no method within 64 KiB"),
        (_, None) => (Status::URI_TOO_LONG, "the request target does not end within 64 KiB"),
        _ => (Status::FIELDS_TOO_LARGE, HEAD_TOO_LONG),
    };
    Err(Refusal { status, reason })
}

/// Tells a version that is not ours from one that is malformed; None while that is still open.
///
/// The form is `HTTP/` DIGIT `.` DIGIT (RFC 9112 section 2.3), so `HTTP/2` is malformed.
fn refuse_version(request_line: &[u8]) -> Option<Refusal> {
    let version = request_line.splitn(3, |&byte| byte == b' ').nth(2)?;
    let is_so_far = version.iter().zip(b"HTTP/0.0").all(|(&byte, &form)| match form {
        b'0' => byte.is_ascii_digit(),
        _ => byte == form,
    });
    match version.get(8) {
        None if is_so_far => None,
        Some(b'\r' | b'\n') if is_so_far => Some(Refusal {
            status: Status::VERSION_NOT_SUPPORTED,
            reason: "a version other than HTTP/1.0 and HTTP/1.1",
        }),
        _ => Some(refuse_syntax(httparse::Error::Version)),
    }
}

/// Parses the head of a response at the front of `bytes`; `None` while it is not complete.
///
/// `answers_head`: the request was HEAD, so that no body follows whatever the fields say (RFC 9112
/// section 6.3, item 1), as with 1xx, 204 and 304. The answer to a CONNECT is not told apart.
/// Lines may end in LF alone; no empty line may stand before the status line. Obsolete line folding
/// counts as a space, as a user agent must take it (section 5.2). The cost is that of
/// [`parse_request`].
///
/// # Errors
/// Always [`Status::BAD_GATEWAY`], which nobody is sent: a head that is malformed, ambiguous about
/// its framing, over [`MAX_HEAD`] bytes or [`MAX_FIELDS`] fields, or not HTTP/1.0 or 1.1.
pub fn parse_response(bytes: &[u8], answers_head: bool) -> Result<Option<ResponseHead>, Refusal> {
    response_head(bytes, answers_head)
        .map_err(|refusal| Refusal { status: Status::BAD_GATEWAY, ..refusal })
}

fn response_head(bytes: &[u8], answers_head: bool) -> Result<Option<ResponseHead>, Refusal> {
    // httparse skips empty lines here as well, but only a server is told to.
    if matches!(bytes.first(), Some(b'\r' | b'\n')) {
        return Err(refuse_syntax(httparse::Error::Status));
    }
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut head = httparse::Response::new(&mut []);
    let window = window(bytes);
    let parsed = httparse::ParserConfig::default()
        .allow_obsolete_multiline_headers_in_responses(true)
        .parse_response_with_uninit_headers(&mut head, window, &mut fields)
        .map_err(refuse_syntax)?;
    match parsed {
        httparse::Status::Complete(length) => response(&head, length, answers_head).map(Some),
        httparse::Status::Partial if window.len() < MAX_HEAD => Ok(None),
        httparse::Status::Partial => Err(Refusal::bad_request(HEAD_TOO_LONG)),
    }
}

/// Gives a complete head its meaning.
fn response(
    head: &httparse::Response<'_, '_>,
    head_length: usize,
    answers_head: bool,
) -> Result<ResponseHead, Refusal> {
    let status = Status(head.code.ok_or(refuse_syntax(httparse::Error::Status))?);
    let version = version(head.version);
    let fields = Fields::scan(head.headers)?;
    let body = if answers_head || status.has_no_body() {
        Framing::Length(0)
    } else {
        fields.response_framing(version)?
    };
    Ok(ResponseHead {
        status,
        version,
        keep_alive: fields.keep_alive(version) && body != Framing::UntilClose,
        body,
        head_length,
    })
}

/// The bytes that a head may take up: what lies beyond must not decide whether it is too long.
fn window(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(MAX_HEAD)]
}

/// From httparse's minor version: it lets no other major version through than 1.
fn version(minor: Option<u8>) -> Version {
    if minor == Some(1) { Version::Http11 } else { Version::Http10 }
}

const MAX_EMPTY_LINES: usize = 16;
const HEAD_TOO_LONG: &str = "the head does not end within 64 KiB";

fn refuse_syntax(error: httparse::Error) -> Refusal {
    use httparse::Error;
    if error == Error::TooManyHeaders {
        return Refusal { status: Status::FIELDS_TOO_LARGE, reason: "more than 100 fields" };
    }
    Refusal::bad_request(match error {
        Error::Token => "malformed method or request target",
        Error::Version => "malformed HTTP version",
        Error::Status => "malformed status line",
        Error::HeaderName => "malformed field name, or a space before its colon or at its start",
        Error::HeaderValue => "control character in a field value",
        _ => "a line ends neither in CRLF nor in LF",
    })
}
