//! The HTTP/1.1 messages, from outside: bytes in, heads, contents and refusals out.
//!
//! Tables name the rule and its section: numbers alone are sections of RFC 9112.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use rungs::http::{
    Body, CONTINUE, Framing, MAX_BODY, MAX_FIELDS, MAX_HEAD, Persistence, Refusal, Request,
    Response, ResponseHead, Status, Version, parse_request, parse_response,
};

type Verdict<T> = Result<Option<T>, Refusal>;

/// The verdict on a head, which must not depend on how its bytes arrive: as they come one by one,
/// the first verdict other than "not complete" is the one on the whole.
fn verdict<'a, T: PartialEq + std::fmt::Debug>(
    bytes: &'a [u8],
    parse: impl Fn(&'a [u8]) -> Verdict<T>,
) -> Verdict<T> {
    let whole = parse(bytes);
    let first = (0..=bytes.len())
        .map(|length| parse(&bytes[..length]))
        .find(|verdict| *verdict != Ok(None))
        .unwrap_or(Ok(None));
    assert_eq!(first, whole, "byte by byte, then at once: {:?}", bytes.escape_ascii().to_string());
    whole
}

fn accepted(bytes: &[u8]) -> Request<'_> {
    match verdict(bytes, parse_request) {
        Ok(Some(request)) => request,
        other => panic!("{:?} gives {other:?}", bytes.escape_ascii().to_string()),
    }
}

fn refused(rule: &str, bytes: &[u8]) -> Status {
    match verdict(bytes, parse_request) {
        Err(refusal) => refusal.status,
        other => panic!("{rule}: {:?} gives {other:?}", bytes.escape_ascii().to_string()),
    }
}

fn answered(bytes: &[u8]) -> ResponseHead {
    match verdict(bytes, |bytes| parse_response(bytes, false)) {
        Ok(Some(head)) => head,
        other => panic!("{:?} gives {other:?}", bytes.escape_ascii().to_string()),
    }
}

/// An HTTP/1.1 request with a valid Host and these fields.
fn request_with(fields: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n").into_bytes()
}

fn response_with(fields: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n").into_bytes()
}

#[test]
fn a_request_is_read_in_full() {
    let bytes = b"POST /echo?x=1 HTTP/1.1\r\nHost: localhost:8888\r\nContent-Length: 5\r\n\
                  Expect: 100-continue\r\nAccept: */*\r\n\r\nhello";
    let expected = Request {
        method: "POST",
        target: "/echo?x=1",
        version: Version::Http11,
        keep_alive: true,
        expects_continue: true,
        body: Framing::Length(5),
        head_length: bytes.len() - 5,
    };
    assert_eq!(parse_request(bytes), Ok(Some(expected)));
    assert_eq!(expected.path(), "/echo");
}

/// 2.2: line endings and empty lines that are let pass.
#[test]
fn lenient_lines_are_accepted() {
    const HEADS: &[&[u8]] = &[
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET / HTTP/1.1\r\nHost: a\n\r\n",
        b"GET / HTTP/1.1\nHost: a\r\n\n",
        b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\n\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nhOST:a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: \t a \t \r\nX:\r\nY: \t\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: caf\xc3\xa9 \xff\ttab\r\n\r\n",
        b"!#$%&'*+-.^_`|~aZ09 / HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~aZ09: x\r\n\r\n",
    ];
    for head in HEADS {
        assert_eq!(accepted(head).head_length, head.len());
    }
    let empty_lines = |count: usize| "\r\n".repeat(count) + "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert!(accepted(empty_lines(16).as_bytes()).keep_alive);
    assert_eq!(refused("17 empty lines", empty_lines(17).as_bytes()), Status::BAD_REQUEST);
}

#[test]
fn malformed_request_heads_are_refused() {
    const HEADS: &[(&str, &[u8])] = &[
        ("2.2: bare CR ends no request line", b"GET / HTTP/1.1\rHost: a\r\n\r\n"),
        ("2.2: bare CR in a value", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"),
        ("2.2: bare CR ends no head", b"GET / HTTP/1.1\r\nHost: a\r\n\rX"),
        ("2.2: bare CR before the request line", b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("2.2: white space before the first field", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
        ("2.2: white space before the request line", b" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("2.3: name in lower case", b"GET / http/1.1\r\nHost: a\r\n\r\n"),
        ("2.3: no minor version", b"GET / HTTP/2\r\nHost: a\r\n\r\n"),
        ("2.3: two digits", b"GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
        ("2.3: two digits", b"GET / HTTP/2.01\r\nHost: a\r\n\r\n"),
        ("2.3: no digit", b"GET / HTTP/x.1\r\nHost: a\r\n\r\n"),
        ("2.3: no version at all", b"GET / \r\nHost: a\r\n\r\n"),
        ("3: HTTP/0.9", b"GET /\r\n"),
        ("3: an empty target", b"GET  HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("3: two spaces before the target", b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("3: two spaces after the target", b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("3: a space in the target", b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("3: a tab in the target", b"GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("3: a space at the end", b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        ("3.1: no token", b"G@T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("not HTTP: the start of a TLS handshake", b"\x16\x03\x01\x02\x00\x01\x00\x01"),
        ("5: an empty name", b"GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n"),
        ("5: no colon", b"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n"),
        ("5: no token in a name", b"GET / HTTP/1.1\r\nHost: a\r\nX(y): z\r\n\r\n"),
        ("5: no ASCII in a name", b"GET / HTTP/1.1\r\nHost: a\r\nX\xe9: z\r\n\r\n"),
        ("5.1: a space before the colon", b"GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
        ("5.1: a tab before the colon", b"GET / HTTP/1.1\r\nHost\t: a\r\n\r\n"),
        ("5.2: obsolete line folding", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n"),
        ("5.2: folding with a tab", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n\tb\r\n\r\n"),
        ("RFC 9110 5.5: NUL", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"),
        ("RFC 9110 5.5: escape", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x1bb\r\n\r\n"),
        ("RFC 9110 5.5: delete", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x7fb\r\n\r\n"),
    ];
    for (rule, head) in HEADS {
        assert_eq!(refused(rule, head), Status::BAD_REQUEST, "{rule}");
    }
}

/// RFC 9110 15.6.6.
#[test]
fn other_versions_are_refused() {
    for version in ["HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/3.0", "HTTP/9.9"] {
        for end in ["\r\n\r\n", "\n\n", "\r\nHost: a\r\n\r\n"] {
            let head = format!("GET / {version}{end}");
            assert_eq!(refused(version, head.as_bytes()), Status::VERSION_NOT_SUPPORTED);
        }
    }
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    assert_eq!(refused("the preface of HTTP/2", preface), Status::VERSION_NOT_SUPPORTED);
}

#[test]
fn target_forms_have_a_path() {
    const TARGETS: &[(&str, &str, &str, &str)] = &[
        ("3.2.1", "GET", "/", "/"),
        ("3.2.1", "GET", "/?", "/"),
        ("3.2.1", "GET", "/a/b?c=/d?e", "/a/b"),
        ("3.2.1", "GET", "//a", "//a"),
        ("3.2.1", "GET", "/http://a/b", "/http://a/b"),
        ("3.2.1", "GET", "/%20|^", "/%20|^"),
        ("3.2.2", "GET", "http://a", "/"),
        ("3.2.2", "GET", "http://a?b=/c", "/"),
        ("3.2.2", "GET", "HTTPS://a:1/b?c", "/b"),
        ("3.2.2", "GET", "http://[::1]:80/b", "/b"),
        ("3.2.3", "CONNECT", "a:443", "a:443"),
        ("3.2.3", "CONNECT", "[::1]:443", "[::1]:443"),
        ("3.2.4", "OPTIONS", "*", "*"),
        ("3.2.4", "OPTIONS", "/a", "/a"),
    ];
    for (section, method, target, path) in TARGETS {
        let head = format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        let request = accepted(head.as_bytes());
        assert_eq!((request.target, request.path()), (*target, *path), "{section}");
    }
}

#[test]
fn malformed_targets_are_refused() {
    const TARGETS: &[(&str, &str, &str)] = &[
        ("3.2.1: a fragment", "GET", "/a#b"),
        ("3.2.1: no ASCII", "GET", "/caf\u{e9}"),
        ("3.2.1: no slash", "GET", "a/b"),
        ("3.2.2: no scheme of ours", "GET", "ftp://a/b"),
        ("RFC 9110 4.2.1: no host", "GET", "http:///b"),
        ("RFC 9110 4.2.1: a port but no host", "GET", "http://:80/b"),
        ("RFC 9110 4.2.4: a user name", "GET", "http://me@a/b"),
        ("3.2.3: only for CONNECT", "GET", "a:443"),
        ("RFC 9110 9.3.6: no port", "CONNECT", "a"),
        ("RFC 9110 9.3.6: an empty port", "CONNECT", "a:"),
        ("3.2.3: no path with CONNECT", "CONNECT", "/a"),
        ("3.2.3: no scheme with CONNECT", "CONNECT", "http://a:80"),
        ("3.2.4: only for OPTIONS", "GET", "*"),
    ];
    for (rule, method, target) in TARGETS {
        let head = format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(refused(rule, head.as_bytes()), Status::BAD_REQUEST, "{rule}");
    }
    let no_utf8 = b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(refused("3.2.1: no UTF-8", no_utf8), Status::BAD_REQUEST);
}

/// 3.2, with the grammar of RFC 9110 7.2 and RFC 3986 3.2.2.
#[test]
fn host_is_required_once_and_valid() {
    for host in ["", "a", "a:", "a:80", "127.0.0.1:8888", "[::1]", "[::1]:80", "a-b_c.d~", "%41b"] {
        accepted(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
    }
    let bad = [
        "a b",
        "a/b",
        "me@a",
        "a:b",
        "a:1:2",
        "::1",
        "[::1",
        "[::1]x",
        "[a]",
        "%4",
        "%zz",
        "a?b",
        "a, b",
        "a#b",
        "caf\u{e9}",
    ];
    for host in bad {
        let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(refused(host, head.as_bytes()), Status::BAD_REQUEST, "{host}");
    }
    accepted(b"GET / HTTP/1.0\r\n\r\n");
    for (rule, head) in [
        ("none", "GET / HTTP/1.1\r\n\r\n"),
        ("two", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        ("the same twice", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"),
        ("two in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"),
        ("invalid in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a b\r\n\r\n"),
        ("none beside an absolute target", "GET http://a/ HTTP/1.1\r\n\r\n"),
    ] {
        assert_eq!(refused(rule, head.as_bytes()), Status::BAD_REQUEST, "{rule}");
    }
}

/// 6.3, for requests.
#[test]
fn request_framing_is_found() {
    const FIELDS: &[(&str, Framing)] = &[
        ("X: y", Framing::Length(0)),
        ("Content-Length: 0", Framing::Length(0)),
        ("content-LENGTH: 5", Framing::Length(5)),
        ("Content-Length: 0000000000000000000000005", Framing::Length(5)),
        ("Content-Length: 18446744073709551615", Framing::Length(u64::MAX)),
        ("Content-Length: 5, 5", Framing::Length(5)),
        ("Content-Length: 5\r\nContent-Length: 5", Framing::Length(5)),
        ("Transfer-Encoding: chunked", Framing::Chunked),
        ("transfer-encoding: CHUNKED", Framing::Chunked),
        ("Transfer-Encoding: , chunked ,", Framing::Chunked),
    ];
    for (fields, framing) in FIELDS {
        assert_eq!(accepted(&request_with(fields)).body, *framing, "{fields}");
    }
}

/// 6.1, 6.2, 6.3 and 7.
#[test]
fn doubtful_request_framing_is_refused() {
    const FIELDS: &[(Status, &str)] = &[
        (Status::BAD_REQUEST, "Content-Length: 5\r\nTransfer-Encoding: chunked"),
        (Status::BAD_REQUEST, "Transfer-Encoding: chunked\r\nContent-Length: 5"),
        (Status::BAD_REQUEST, "Transfer-Encoding:\r\nContent-Length: 5"),
        (Status::BAD_REQUEST, "Content-Length: 5, 6"),
        (Status::BAD_REQUEST, "Content-Length: 5\r\nContent-Length: 6"),
        (Status::BAD_REQUEST, "Content-Length:"),
        (Status::BAD_REQUEST, "Content-Length: 5,"),
        (Status::BAD_REQUEST, "Content-Length: +5"),
        (Status::BAD_REQUEST, "Content-Length: -1"),
        (Status::BAD_REQUEST, "Content-Length: 5 5"),
        (Status::BAD_REQUEST, "Content-Length: 0x5"),
        (Status::BAD_REQUEST, "Content-Length: 5.0"),
        (Status::BAD_REQUEST, "Content-Length: \u{665}"),
        (Status::CONTENT_TOO_LARGE, "Content-Length: 18446744073709551616"),
        (Status::CONTENT_TOO_LARGE, "Content-Length: 99999999999999999999999999999999999"),
        (Status::BAD_REQUEST, "Transfer-Encoding:"),
        (Status::BAD_REQUEST, "Transfer-Encoding: gzip"),
        (Status::BAD_REQUEST, "Transfer-Encoding: identity"),
        (Status::BAD_REQUEST, "Transfer-Encoding: xchunked"),
        (Status::BAD_REQUEST, "Transfer-Encoding: chunked;q=1"),
        (Status::BAD_REQUEST, "Transfer-Encoding: \"chunked\""),
        (Status::BAD_REQUEST, "Transfer-Encoding: chunked, gzip"),
        (Status::BAD_REQUEST, "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip"),
        (Status::BAD_REQUEST, "Transfer-Encoding: chunked, chunked"),
        (Status::BAD_REQUEST, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        (Status::BAD_REQUEST, "Transfer-Encoding: chunked, gzip, chunked"),
        (Status::NOT_IMPLEMENTED, "Transfer-Encoding: gzip, chunked"),
        (Status::NOT_IMPLEMENTED, "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"),
    ];
    for (status, fields) in FIELDS {
        assert_eq!(refused(fields, &request_with(fields)), *status, "{fields}");
    }
    let http10 = b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(refused("6.1: HTTP/1.0 has no codings", http10), Status::BAD_REQUEST);
}

/// 9.3, with Connection as a list (RFC 9110 7.6.1).
#[test]
fn persistence_follows_version_and_connection() {
    const CASES: &[(&str, &str, bool)] = &[
        ("1.1", "X: y", true),
        ("1.1", "Connection: close", false),
        ("1.1", "connection: CLOSE", false),
        ("1.1", "Connection: keep-alive, close", false),
        ("1.1", "Connection: close, keep-alive", false),
        ("1.1", "Connection: upgrade,\tclose", false),
        ("1.1", "Connection: upgrade\r\nConnection: close", false),
        ("1.1", "Connection: closed, not-close", true),
        ("1.1", "Connection: , ,", true),
        ("1.0", "X: y", false),
        ("1.0", "Connection: keep-alive", true),
        ("1.0", "Connection: foo , Keep-Alive", true),
        ("1.0", "Connection: keep-alive\r\nConnection: close", false),
        ("1.0", "Keep-Alive: timeout=5", false),
    ];
    for (version, fields, keep_alive) in CASES {
        let request = format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n\r\n");
        assert_eq!(accepted(request.as_bytes()).keep_alive, *keep_alive, "{version} {fields}");
        let response = format!("HTTP/{version} 200 OK\r\nContent-Length: 0\r\n{fields}\r\n\r\n");
        assert_eq!(answered(response.as_bytes()).keep_alive, *keep_alive, "{version} {fields}");
    }
}

/// RFC 9110 10.1.1.
#[test]
fn expectations_are_met_or_refused() {
    const CASES: &[(&str, &str, bool)] = &[
        ("1.1", "Content-Length: 5\r\nExpect: 100-continue", true),
        ("1.1", "Transfer-Encoding: chunked\r\nExpect: 100-Continue", true),
        ("1.1", "Content-Length: 5\r\nExpect: 100-continue, 100-continue", true),
        ("1.1", "Content-Length: 5", false),
        ("1.1", "Content-Length: 5\r\nExpect:", false),
        ("1.1", "Content-Length: 0\r\nExpect: 100-continue", false),
        ("1.1", "Expect: 100-continue", false),
        ("1.0", "Content-Length: 5\r\nExpect: 100-continue", false),
    ];
    for (version, fields, expected) in CASES {
        let head = format!("POST / HTTP/{version}\r\nHost: a\r\n{fields}\r\n\r\n");
        assert_eq!(accepted(head.as_bytes()).expects_continue, *expected, "{version} {fields}");
    }
    for fields in ["Expect: 200-ok", "Expect: 100-continue, x", "Expect: x, 100-continue"] {
        assert_eq!(refused(fields, &request_with(fields)), Status::EXPECTATION_FAILED);
    }
}

#[test]
fn a_head_may_have_so_many_bytes_and_fields() {
    let start = "GET / HTTP/1.1\r\nHost: a\r\n";
    let padded = |length: usize| {
        let padding = "x".repeat(length - start.len() - "X: \r\n\r\n".len());
        format!("{start}X: {padding}\r\n\r\n").into_bytes()
    };
    let fullest = padded(MAX_HEAD);
    let request = parse_request(&fullest).expect("it fits").expect("it is complete");
    assert_eq!(request.head_length, MAX_HEAD);
    assert_eq!(parse_request(&fullest[..MAX_HEAD - 1]), Ok(None));
    let too_long = parse_request(&padded(MAX_HEAD + 1)).expect_err("one byte too long");
    assert_eq!(too_long.status, Status::FIELDS_TOO_LARGE);

    let fields = |count: usize| format!("{start}{}\r\n", "X: y\r\n".repeat(count - 1));
    assert!(accepted(fields(MAX_FIELDS).as_bytes()).keep_alive);
    let one_more = fields(MAX_FIELDS + 1);
    assert_eq!(refused("RFC 6585 5", one_more.as_bytes()), Status::FIELDS_TOO_LARGE);
}

/// Refused although it never ends; 3 names the status for method and target.
#[test]
fn a_head_without_end_is_refused_at_the_limit() {
    for (start, filler, status) in [
        ("", "A", Status::NOT_IMPLEMENTED),
        ("GET /", "a", Status::URI_TOO_LONG),
        ("GET / HTTP/1.1\r\nX: ", "y", Status::FIELDS_TOO_LARGE),
        ("GET / HTTP/1.1\r\n", "x", Status::FIELDS_TOO_LARGE),
    ] {
        let endless = format!("{start}{}", filler.repeat(MAX_HEAD));
        let endless = endless.as_bytes();
        assert_eq!(parse_request(&endless[..MAX_HEAD - 1]), Ok(None), "{start}{filler}...");
        for length in [MAX_HEAD, endless.len()] {
            let refusal = parse_request(&endless[..length]).expect_err("it is over the limit");
            assert_eq!(refusal.status, status, "{start}{filler}...: {refusal}");
        }
    }
    let endless = [b"HTTP/1.1 200 OK\r\nX: ", "y".repeat(MAX_HEAD).as_bytes()].concat();
    assert_eq!(parse_response(&endless[..MAX_HEAD - 1], false), Ok(None));
    assert_eq!(parse_response(&endless, false).map_err(|r| r.status), Err(Status::BAD_GATEWAY));
}

/// 6.3, for responses: the framing of an answer to GET and of one to HEAD.
#[test]
fn response_framing_is_found() {
    const CASES: &[(&str, &str, Framing)] = &[
        ("1.1 200 OK", "Content-Length: 5", Framing::Length(5)),
        ("1.1 200", "Content-Length: 5", Framing::Length(5)),
        ("1.1 200 ", "Transfer-Encoding: chunked", Framing::Chunked),
        ("1.1 200 OK", "Transfer-Encoding: gzip, chunked", Framing::Chunked),
        ("1.1 200 OK", "Transfer-Encoding: gzip", Framing::UntilClose),
        ("1.1 200 OK", "Transfer-Encoding: chunked, gzip", Framing::UntilClose),
        ("1.1 200 OK", "X: y", Framing::UntilClose),
        ("1.1 200 OK", "Content-Length:\r\n 5", Framing::Length(5)),
        ("1.1 200 OK", "Content-Length: 5,\r\n\t5", Framing::Length(5)),
        ("1.1 200 OK", "X: a\r\n b\r\nTransfer-Encoding: gzip,\n chunked", Framing::Chunked),
        ("1.0 404 Not \u{e9}", "X: y", Framing::UntilClose),
        ("1.1 599 ", "Content-Length: 5", Framing::Length(5)),
        ("1.1 100 Continue", "X: y", Framing::Length(0)),
        ("1.1 199 Soon", "Content-Length: 5", Framing::Length(0)),
        ("1.1 204 No Content", "Transfer-Encoding: chunked", Framing::Length(0)),
        ("1.1 304 Not Modified", "Content-Length: 5", Framing::Length(0)),
    ];
    for (line, fields, framing) in CASES {
        let bytes = format!("HTTP/{line}\r\n{fields}\r\n\r\n").into_bytes();
        let head = answered(&bytes);
        assert_eq!((head.body, head.head_length), (*framing, bytes.len()), "{line} {fields}");
        assert_eq!(head.status, Status(line[4..7].parse().unwrap()));
        assert_eq!(head.keep_alive, *framing != Framing::UntilClose, "{line} {fields}");
        let answer_to_head = parse_response(&bytes, true).unwrap().unwrap();
        assert_eq!(answer_to_head.body, Framing::Length(0), "{line} {fields}");
    }
}

#[test]
fn malformed_responses_are_refused() {
    let two_fields = response_with("Content-Length: 5\r\nTransfer-Encoding: chunked");
    let long = response_with(&"X: y\r\n".repeat(MAX_FIELDS + 1));
    let responses: &[(&str, &[u8])] = &[
        ("2.2: an empty line first", b"\r\nHTTP/1.1 200 OK\r\n\r\n"),
        ("2.3", b"HTTP/2.0 200 OK\r\n\r\n"),
        ("4: two digits", b"HTTP/1.1 20 OK\r\n\r\n"),
        ("4: four digits", b"HTTP/1.1 2000 OK\r\n\r\n"),
        ("4: two spaces", b"HTTP/1.1  200 OK\r\n\r\n"),
        ("4: a control in the phrase", b"HTTP/1.1 200 O\0K\r\n\r\n"),
        ("5.2: folded before a name", b"HTTP/1.1 200 OK\r\n X: a\r\n\r\n"),
        ("5.2: no number once unfolded", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n 5\r\n\r\n"),
        ("6.1: HTTP/1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("6.3: Content-Length", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
        ("6.3: two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n"),
        ("6.3: length and coding", &two_fields),
        ("more than MAX_FIELDS", &long),
    ];
    for (rule, bytes) in responses {
        let refusal = verdict(bytes, |bytes| parse_response(bytes, false)).expect_err(rule);
        assert_eq!(refusal.status, Status::BAD_GATEWAY, "{rule}");
    }
}

/// What a body takes out of bytes that come in these pieces: the content, how many bytes it used
/// up, and how it ended.
fn drain(mut body: Body, pieces: &[&[u8]]) -> (Vec<u8>, usize, Result<bool, Refusal>) {
    let (mut content, mut total) = (Vec::new(), 0);
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() && !body.is_done() {
            match body.take(rest) {
                Ok((used, slice)) => {
                    assert!(used > 0, "no progress with {:?}", rest.escape_ascii().to_string());
                    content.extend_from_slice(slice);
                    total += used;
                    rest = &rest[used..];
                }
                Err(refusal) => return (content, total, Err(refusal)),
            }
        }
    }
    assert_eq!(body.take(b"").ok(), Some((0, &b""[..])));
    (content, total, Ok(body.is_done()))
}

/// At once, and byte by byte: both must give the same.
fn drain_both(framing: Framing, limit: u64, bytes: &[u8]) -> (Vec<u8>, Result<usize, Refusal>) {
    let body = Body::new(framing, limit).expect("within the limit");
    let (content, used, end) = drain(body, &[bytes]);
    let singles: Vec<_> = bytes.chunks(1).collect();
    let (same_content, same_used, same_end) = drain(body, &singles);
    assert_eq!((&same_content, &same_end), (&content, &end), "byte by byte, then at once");
    assert!(end.is_err() || used == same_used);
    (content, end.map(|_| used))
}

/// 7.1, each followed by the first bytes of the next message.
#[test]
fn chunked_bodies_are_taken_out() {
    const BODIES: &[(&str, &str)] = &[
        ("0\r\n\r\n", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("1\r\nh\r\n4\r\nello\r\n000\r\n\r\n", "hello"),
        ("00000000000000000000000000005\r\nhello\r\n0\r\n\r\n", "hello"),
        ("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"),
        ("5;a\r\nhello\r\n0;b=c\r\n\r\n", "hello"),
        ("5 \t; a = \"b;c\\\"\"\r\nhello\r\n0\r\n\r\n", "hello"),
        ("5\r\n\r\n\r\n\n\r\n0\r\n\r\n", "\r\n\r\n\n"),
        ("0\r\nX: y\r\nEmpty:\r\n\r\n", ""),
    ];
    for (encoded, content) in BODIES {
        let stream = format!("{encoded}GET / HTTP/1.1\r\n");
        let expected = (content.as_bytes().to_vec(), Ok(encoded.len()));
        assert_eq!(drain_both(Framing::Chunked, MAX_BODY, stream.as_bytes()), expected);
    }
}

#[test]
fn malformed_chunks_are_refused() {
    const BODIES: &[(&str, &str)] = &[
        ("7.1: no size", "\r\n"),
        ("7.1: an extension without size", ";a\r\n"),
        ("7.1: no digit", "g\r\n"),
        ("7.1: a prefix", "0x5\r\nhello\r\n"),
        ("7.1: a sign", "+5\r\nhello\r\n"),
        ("7.1: a sign", "-1\r\n"),
        ("7.1: white space first", " 5\r\nhello\r\n"),
        ("7.1: white space and no extension", "5 \r\nhello\r\n"),
        ("7.1: two numbers", "5 5\r\nhello\r\n"),
        ("7.1: bare LF after the size", "5\nhello\r\n"),
        ("7.1: bare CR after the size", "5\rhello\r\n"),
        ("7.1: bare LF after an extension", "5;a\nhello\r\n"),
        ("7.1: bare CR in an extension", "5;a\rb\r\nhello\r\n"),
        ("7.1.1: NUL in an extension", "5;a\0\r\nhello\r\n"),
        ("7.1: bare LF after the data", "5\r\nhello\n0\r\n\r\n"),
        ("7.1: bare CR after the data", "5\r\nhello\r0\r\n\r\n"),
        ("7.1: nothing after the data", "5\r\nhello0\r\n\r\n"),
        ("7.1: data longer than its size", "5\r\nhello!\r\n0\r\n\r\n"),
        ("7.1: bare LF as the end", "0\r\n\n"),
        ("7.1: bare CR as the end", "0\r\n\rX"),
        ("7.1.2: bare LF after a trailer", "0\r\nX: y\n\r\n"),
        ("7.1.2: bare CR in a trailer", "0\r\nX: y\rz\r\n\r\n"),
        ("7.1.2: a trailer without colon", "0\r\nX\r\n\r\n"),
        ("7.1.2: a trailer without name", "0\r\n: y\r\n\r\n"),
        ("7.1.2: a space before the colon", "0\r\nX : y\r\n\r\n"),
        ("7.1.2: a folded trailer", "0\r\nX: y\r\n z\r\n\r\n"),
        ("7.1.2: NUL in a trailer", "0\r\nX: \0\r\n\r\n"),
    ];
    for (rule, encoded) in BODIES {
        let (_, end) = drain_both(Framing::Chunked, MAX_BODY, encoded.as_bytes());
        let refusal = end.expect_err(rule);
        assert_eq!(refusal.status, Status::BAD_REQUEST, "{rule}: {refusal}");
    }
}

/// RFC 9110 15.5.14.
#[test]
fn content_has_a_limit() {
    assert_eq!(Body::new(Framing::Length(6), 5).unwrap_err().status, Status::CONTENT_TOO_LARGE);
    for (framing, whole, too_much) in [
        (Framing::UntilClose, "hello", "hello!"),
        (Framing::Chunked, "5\r\nhello\r\n0\r\n\r\n", "6\r\nhello!\r\n"),
        (Framing::Chunked, "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "2\r\nhe\r\n4\r\nllo!\r\n"),
        (Framing::Chunked, "5\r\nhello\r\n0\r\n\r\n", "10000000000000000\r\n"),
        (Framing::Chunked, "5\r\nhello\r\n0\r\n\r\n", "ffffffffffffffffffffffff\r\n"),
    ] {
        assert_eq!(drain_both(framing, 5, whole.as_bytes()), (b"hello".to_vec(), Ok(whole.len())));
        let (_, end) = drain_both(framing, 5, too_much.as_bytes());
        assert_eq!(end.unwrap_err().status, Status::CONTENT_TOO_LARGE, "{too_much}");
    }
    let (_, overflow) = drain_both(Framing::Chunked, u64::MAX, b"10000000000000000\r\n");
    assert_eq!(overflow.unwrap_err().status, Status::CONTENT_TOO_LARGE);
    let (_, greatest) = drain_both(Framing::Chunked, u64::MAX, b"ffffffffffffffff\r\n");
    assert_eq!(greatest, Ok(18));
}

/// 7.1.1 and RFC 6585 5.
#[test]
fn chunked_framing_has_a_limit() {
    let many = MAX_HEAD + 1;
    for endless in [
        format!("5;{}", "x".repeat(many)),
        format!("5{}", " ".repeat(many)),
        "0".repeat(many),
        "1;ab\r\nx\r\n".repeat(many),
        format!("0\r\n{}", "x".repeat(many)),
        format!("0\r\nX:{}", "y".repeat(many)),
        format!("0\r\n{}", "X: y\r\n".repeat(many)),
    ] {
        let (_, end) = drain_both(Framing::Chunked, MAX_BODY, endless.as_bytes());
        assert_eq!(end.unwrap_err().status, Status::FIELDS_TOO_LARGE, "{}...", &endless[..9]);
    }
    let small_chunks = format!("{}0\r\n\r\n", "1\r\nx\r\n".repeat(many));
    let (content, end) = drain_both(Framing::Chunked, MAX_BODY, small_chunks.as_bytes());
    assert_eq!((content.len(), end), (many, Ok(small_chunks.len())));
}

/// 8: what a connection that ends leaves behind.
#[test]
fn the_end_of_the_connection_completes_only_some_bodies() {
    for (framing, bytes, is_done, is_whole) in [
        (Framing::Length(0), "", true, true),
        (Framing::Length(5), "hell", false, false),
        (Framing::Length(5), "hello", true, true),
        (Framing::Chunked, "", false, false),
        (Framing::Chunked, "5\r\nhello\r\n", false, false),
        (Framing::Chunked, "5\r\nhello\r\n0\r\n", false, false),
        (Framing::Chunked, "5\r\nhello\r\n0\r\n\r\n", true, true),
        (Framing::UntilClose, "", false, true),
        (Framing::UntilClose, "hello", false, true),
    ] {
        let mut body = Body::new(framing, MAX_BODY).unwrap();
        let mut rest = bytes.as_bytes();
        while !rest.is_empty() {
            rest = &rest[body.take(rest).unwrap().0..];
        }
        let end = body.end().is_ok();
        assert_eq!((body.is_done(), end), (is_done, is_whole), "{framing:?} {bytes:?}");
    }
}

#[test]
fn a_body_leaves_the_next_message_alone() {
    let mut body = Body::new(Framing::Length(5), MAX_BODY).unwrap();
    assert_eq!(body.take(b"helloGET"), Ok((5, &b"hello"[..])));
    assert_eq!(body.take(b"GET"), Ok((0, &b""[..])));
    let mut none = Body::new(Framing::Length(0), 0).unwrap();
    assert_eq!(none.take(b"GET"), Ok((0, &b""[..])));
}

fn written(response: &Response<'_>) -> String {
    let mut out = b"kept: ".to_vec();
    response.write_head(&mut out);
    String::from_utf8(out).expect("ASCII").strip_prefix("kept: ").expect("it appends").to_owned()
}

const ANSWER: Response<'_> = Response {
    status: Status::OK,
    content_type: "text/plain",
    content_length: Some(13),
    persistence: Persistence::Implied,
    allow: None,
    date: "Sun, 06 Nov 1994 08:49:37 GMT",
};

#[test]
fn an_answer_is_written_in_full() {
    let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    let content = "Content-Type: text/plain\r\nContent-Length: 13\r\n";
    assert_eq!(written(&ANSWER), format!("HTTP/1.1 200 OK\r\n{date}{content}\r\n"));

    let refusal = Response {
        status: Status::METHOD_NOT_ALLOWED,
        persistence: Persistence::Close,
        allow: Some("GET, HEAD"),
        ..ANSWER
    };
    let fields = format!("{date}{content}Connection: close\r\nAllow: GET, HEAD\r\n");
    assert_eq!(written(&refusal), format!("HTTP/1.1 405 Method Not Allowed\r\n{fields}\r\n"));

    let old =
        Response { persistence: Persistence::KeepAlive, content_length: Some(u64::MAX), ..ANSWER };
    assert!(written(&old).contains("\r\nConnection: keep-alive\r\n"));
    assert!(written(&old).contains("\r\nContent-Length: 18446744073709551615\r\n"));

    // RFC 9110 8.6: 204 must not have a Content-Length.
    let empty = Response { status: Status::NO_CONTENT, content_length: Some(0), ..ANSWER };
    assert_eq!(written(&empty), format!("HTTP/1.1 204 No Content\r\n{date}\r\n"));
}

#[test]
fn the_interim_answer_is_one() {
    let head = answered(CONTINUE);
    assert_eq!((head.status, head.head_length), (Status(100), CONTINUE.len()));
    assert!(head.status.is_interim() && head.keep_alive);
}

#[test]
fn a_refusal_reads_as_its_reason() {
    let refusal = parse_request(b"GET / HTTP/1.1\r\n\r\n").unwrap_err();
    assert_eq!(refusal.to_string(), refusal.reason);
    assert_eq!(refusal.status.reason(), "Bad Request");
    assert_eq!(Status(299).reason(), "");
}

/// A request as a client sends it, and what the server must make of it.
#[derive(Clone, Debug)]
struct Sent {
    head: Vec<u8>,
    body: Vec<u8>,
    received: Received,
}

#[derive(Clone, Debug, PartialEq)]
struct Received {
    method: String,
    target: String,
    keep_alive: bool,
    content: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Content {
    None,
    Length(Vec<u8>),
    Chunked(Chunked),
}

#[derive(Clone, Debug)]
struct Chunked {
    content: Vec<u8>,
    encoded: Vec<u8>,
}

fn chunked() -> impl Strategy<Value = Chunked> {
    let extension = "([ \t]{0,2};[ \t]{0,2}[a-z]{1,4}(=[a-z0-9]{1,4}|=\"[ -!#-Z]{0,4}\")?){0,2}";
    let chunk = (vec(any::<u8>(), 1..40), "0{0,3}", extension, any::<bool>());
    let trailer = "([A-Za-z-]{1,6}:[ -~\t]{0,6}\r\n){0,3}";
    (vec(chunk, 0..5), "0{1,3}", extension, trailer).prop_map(|(chunks, last, end, trailer)| {
        let (mut content, mut encoded) = (Vec::new(), Vec::new());
        for (data, zeros, extension, upper) in chunks {
            let size = data.len();
            let size = if upper { format!("{size:X}") } else { format!("{size:x}") };
            encoded.extend_from_slice(format!("{zeros}{size}{extension}\r\n").as_bytes());
            encoded.extend_from_slice(&data);
            encoded.extend_from_slice(b"\r\n");
            content.extend_from_slice(&data);
        }
        encoded.extend_from_slice(format!("{last}{end}\r\n{trailer}\r\n").as_bytes());
        Chunked { content, encoded }
    })
}

fn content() -> impl Strategy<Value = Content> {
    prop_oneof![
        Just(Content::None),
        vec(any::<u8>(), 0..80).prop_map(Content::Length),
        chunked().prop_map(Content::Chunked),
    ]
}

fn sent() -> impl Strategy<Value = Sent> {
    let method = select(vec!["GET", "POST", "PUT", "PURGE"]);
    let target = "/[a-z0-9/]{0,12}([?][a-z=&/]{0,8})?";
    let field = "X-[A-Za-z0-9]{1,8}:[ \t]{0,2}([!-~]([ -~\t]{0,12}[!-~])?)?[ \t]{0,2}";
    let empty_lines = "(\r?\n){0,2}";
    (empty_lines, method, target, vec(field, 0..4), content(), any::<bool>(), vec(any::<bool>(), 8))
        .prop_map(|(empty_lines, method, target, fields, content, keep_alive, bare)| {
            let mut lines = vec![format!("{method} {target} HTTP/1.1"), "Host: a:1".to_owned()];
            lines.extend(fields);
            lines.extend((!keep_alive).then(|| "Connection: close".to_owned()));
            let (content, body) = match content {
                Content::None => (Vec::new(), Vec::new()),
                Content::Length(content) => {
                    lines.push(format!("Content-Length: {}", content.len()));
                    (content.clone(), content)
                }
                Content::Chunked(chunked) => {
                    lines.push("Transfer-Encoding: chunked".to_owned());
                    (chunked.content, chunked.encoded)
                }
            };
            lines.push(String::new());
            let mut head = empty_lines;
            for (line, bare) in lines.iter().zip(bare.iter().cycle()) {
                head += line;
                head += if *bare { "\n" } else { "\r\n" };
            }
            let method = method.to_owned();
            let received = Received { method, target, keep_alive, content };
            Sent { head: head.into_bytes(), body, received }
        })
}

/// Lengths of pieces; the last ones repeat.
fn cuts() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![1usize..4, 1usize..100], 1..20)
}

fn cut<'a>(mut bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for &length in cuts.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (piece, rest) = bytes.split_at(length.min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

/// A server that reads pieces into a buffer: the requests it makes of them, whether it waits for
/// more of one, and the refusal that stopped it.
#[derive(Debug, Default, PartialEq)]
struct Server {
    buffer: Vec<u8>,
    current: Option<Received>,
    done: Vec<Received>,
    refusal: Option<Refusal>,
}

impl Server {
    fn read(pieces: &[&[u8]]) -> Self {
        let mut server = Self::default();
        let mut body = None;
        for piece in pieces {
            server.buffer.extend_from_slice(piece);
            if let Err(refusal) = server.parse(&mut body) {
                // How much of a malformed body was used up does depend on the pieces.
                return Self { refusal: Some(refusal), buffer: Vec::new(), ..server };
            }
        }
        server
    }

    fn parse(&mut self, body: &mut Option<Body>) -> Result<(), Refusal> {
        loop {
            let Some(body_now) = body else {
                let Some(request) = parse_request(&self.buffer)? else { return Ok(()) };
                *body = Some(Body::new(request.body, MAX_BODY)?);
                self.current = Some(Received {
                    method: request.method.to_owned(),
                    target: request.target.to_owned(),
                    keep_alive: request.keep_alive,
                    content: Vec::new(),
                });
                let used = request.head_length;
                self.buffer.drain(..used);
                continue;
            };
            if body_now.is_done() {
                self.done.extend(self.current.take());
                *body = None;
                continue;
            }
            let (used, content) = body_now.take(&self.buffer)?;
            self.current.iter_mut().for_each(|current| current.content.extend_from_slice(content));
            self.buffer.drain(..used);
            if used == 0 {
                return Ok(());
            }
        }
    }
}

fn stream_of(requests: &[Sent]) -> Vec<u8> {
    requests.iter().flat_map(|sent| [&sent.head[..], &sent.body[..]].concat()).collect()
}

/// A byte put in, left out or replaced somewhere, with a liking for those that mean something.
fn mutations() -> impl Strategy<Value = Vec<(Index, u8, u8)>> {
    let byte = prop_oneof![select(b"\r\n\0 :;,0159aF/.-\x7f\xff".to_vec()), any::<u8>()];
    vec((any::<Index>(), 0u8..3, byte), 1..4)
}

fn mutate(mut bytes: Vec<u8>, mutations: &[(Index, u8, u8)]) -> Vec<u8> {
    for (place, kind, byte) in mutations {
        let place = place.index(bytes.len());
        match kind {
            0 => bytes[place] = *byte,
            1 => bytes.insert(place, *byte),
            _ if bytes.len() > 1 => drop(bytes.remove(place)),
            _ => {}
        }
    }
    bytes
}

proptest! {
    #[test]
    fn pipelined_requests_are_the_same_however_cut(
        requests in vec(sent(), 1..5),
        cuts in cuts(),
    ) {
        let stream = stream_of(&requests);
        let server = Server::read(&cut(&stream, &cuts));
        let expected: Vec<_> = requests.into_iter().map(|sent| sent.received).collect();
        prop_assert_eq!(server, Server { done: expected, ..Server::default() });
    }

    #[test]
    fn mutated_requests_are_the_same_however_cut(
        requests in vec(sent(), 1..4),
        mutations in mutations(),
        cuts in cuts(),
    ) {
        let stream = mutate(stream_of(&requests), &mutations);
        prop_assert_eq!(Server::read(&cut(&stream, &cuts)), Server::read(&[&stream]));
    }

    #[test]
    fn a_prefix_of_a_request_head_is_incomplete(sent in sent()) {
        let head = &sent.head[..];
        for length in 0..head.len() {
            prop_assert_eq!(parse_request(&head[..length]), Ok(None), "after {} bytes", length);
        }
        let request = parse_request(head).unwrap().unwrap();
        prop_assert_eq!(request.head_length, head.len());
    }

    #[test]
    fn chunked_content_comes_back_however_cut(chunked in chunked(), cuts in cuts()) {
        let mut stream = chunked.encoded.clone();
        stream.extend_from_slice(b"0\r\n\r\n");
        let body = Body::new(Framing::Chunked, MAX_BODY).unwrap();
        let (content, used, end) = drain(body, &cut(&stream, &cuts));
        prop_assert_eq!((content, used, end), (chunked.content, chunked.encoded.len(), Ok(true)));
    }

    #[test]
    fn mutated_chunks_are_the_same_however_cut(
        chunked in chunked(),
        mutations in mutations(),
        cuts in cuts(),
        limit in 0u64..100,
    ) {
        let stream = mutate(chunked.encoded, &mutations);
        let body = Body::new(Framing::Chunked, limit).unwrap();
        let (content, _, end) = drain(body, &cut(&stream, &cuts));
        let (whole, _, whole_end) = drain(body, &[&stream]);
        prop_assert!(content.len() as u64 <= limit);
        prop_assert_eq!((content, end), (whole, whole_end));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..200), cuts in cuts()) {
        let _ = verdict(&bytes, parse_request);
        for answers_head in [false, true] {
            let _ = verdict(&bytes, |bytes| parse_response(bytes, answers_head));
        }
        for framing in [Framing::Length(50), Framing::Chunked, Framing::UntilClose] {
            let body = Body::new(framing, 100).unwrap();
            let (content, used, _) = drain(body, &cut(&bytes, &cuts));
            prop_assert!(content.len() <= used && used <= bytes.len());
        }
    }

    #[test]
    fn an_answer_of_ours_is_read_as_it_was_meant(
        code in 200u16..600,
        content_length: u64,
        persistence in select(
            vec![Persistence::Implied, Persistence::KeepAlive, Persistence::Close]
        ),
        allow in select(vec![None, Some("GET, HEAD")]),
        mutations in mutations(),
    ) {
        let status = Status(code);
        let mut head = Vec::new();
        Response { status, content_length: Some(content_length), persistence, allow, ..ANSWER }.write_head(&mut head);
        let length = if status.has_no_body() { 0 } else { content_length };
        prop_assert_eq!(answered(&head), ResponseHead {
            status,
            version: Version::Http11,
            keep_alive: persistence != Persistence::Close,
            body: Framing::Length(length),
            head_length: head.len(),
        });
        for length in 0..head.len() {
            prop_assert_eq!(parse_response(&head[..length], false), Ok(None));
        }
        let _ = verdict(&mutate(head, &mutations), |bytes| parse_response(bytes, false));
    }
}
