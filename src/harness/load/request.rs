//! What is asked: HTTP requests as data and as bytes, or bytes that somebody else wrote.

use super::Reuse;
use anyhow::{Result, ensure};

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// HTTP requests, each drawn at random by weight; a single one is asked every time.
    Mix(Vec<Weighted>),
    /// These bytes as they are, then all that comes until the server ends the stream, which is
    /// the answer if it is at least one byte. For servers that do not speak HTTP.
    Raw(Vec<u8>),
}

/// A request of a mix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weighted {
    /// How often, in proportion to the other weights.
    pub weight: u32,
    /// What to ask.
    pub request: Request,
}

/// One HTTP/1.1 request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method (RFC 9110 section 9), such as `GET`.
    pub method: String,
    /// The request target in origin form (RFC 9112 section 3.2.1), such as `/hello?a=1`.
    pub target: String,
    /// More fields, name and value, in this order. `Host`, `User-Agent`, `Connection` and
    /// `Content-Length` are added if they are not here.
    pub fields: Vec<(String, String)>,
    /// The content. With a method that is not expected to have any, empty means none.
    pub body: Vec<u8>,
}

impl From<Request> for Work {
    fn from(request: Request) -> Work {
        Work::Mix(vec![Weighted { weight: 1, request }])
    }
}

impl Request {
    /// A GET of this target, without more fields.
    pub fn get(target: impl Into<String>) -> Request {
        Request {
            method: "GET".into(),
            target: target.into(),
            fields: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Refuses what would end a line and start another, or would change where the message ends.
    pub(super) fn check(&self) -> Result<()> {
        let Request { method, target, fields, .. } = self;
        ensure!(is_token(method), "method {method:?}: not a token");
        ensure!(method != "CONNECT", "method CONNECT: what follows its answer is not HTTP");
        ensure!(
            target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic()),
            "request {target:?}: a path starts with a slash and is percent-encoded where it is not \
             visible ASCII"
        );
        for (name, value) in fields {
            ensure!(is_token(name), "header {name:?}: not a field name");
            let is_text = |byte: u8| byte == b'\t' || (byte >= b' ' && byte != 0x7f);
            ensure!(value.bytes().all(is_text), "header {name}: a control character in its value");
            ensure!(
                !name.eq_ignore_ascii_case("transfer-encoding"),
                "header {name}: the body is sent with its length"
            );
            ensure!(
                !name.eq_ignore_ascii_case("content-length")
                    || value.trim() == self.body.len().to_string(),
                "header {name}: the body has {} bytes",
                self.body.len()
            );
        }
        Ok(())
    }

    /// The bytes of the request (RFC 9112 section 2.1).
    pub(super) fn message(&self, host: &str, reuse: Reuse) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let mut add = |name: &str, value: &str| {
            head.extend([name, ": ", value, "\r\n"]);
        };
        if !self.has("Host") {
            add("Host", host);
        }
        if !self.has("User-Agent") {
            add("User-Agent", "rungs");
        }
        for (name, value) in &self.fields {
            add(name, value);
        }
        // In HTTP/1.1 a connection persists unless someone says close (RFC 9112 section 9.3).
        if reuse == Reuse::PerRequest && !self.has("Connection") {
            add("Connection", "close");
        }
        // RFC 9110 section 8.6: also where the method would have content, but there is none.
        let has_length = !self.body.is_empty() || ["POST", "PUT", "PATCH"].contains(&&*self.method);
        if has_length && !self.has("Content-Length") {
            add("Content-Length", &self.body.len().to_string());
        }
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }

    fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(field, _)| field.eq_ignore_ascii_case(name))
    }
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    let is_tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_tchar)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(request: &Request, reuse: Reuse) -> String {
        String::from_utf8(request.message("h:1", reuse)).expect("text")
    }

    #[test]
    fn a_request_is_its_bytes() {
        let mut request = Request::get("/a?b");
        let head = "GET /a?b HTTP/1.1\r\nHost: h:1\r\nUser-Agent: rungs\r\n";
        assert_eq!(text(&request, Reuse::KeepAlive), format!("{head}\r\n"));
        assert_eq!(text(&request, Reuse::PerRequest), format!("{head}Connection: close\r\n\r\n"));
        request.fields = vec![("host".into(), "other".into()), ("A".into(), "b".into())];
        request.method = "POST".into();
        assert_eq!(
            text(&request, Reuse::KeepAlive),
            "POST /a?b HTTP/1.1\r\nUser-Agent: rungs\r\nhost: other\r\nA: b\r\n\
             Content-Length: 0\r\n\r\n"
        );
        request.body = b"hello".into();
        assert!(text(&request, Reuse::KeepAlive).ends_with("Content-Length: 5\r\n\r\nhello"));
    }

    #[test]
    fn what_would_be_two_requests_is_refused() {
        let good = Request::get("/");
        good.check().expect("a sound request");
        let field = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        for bad in [
            Request { method: "GET ".into(), ..good.clone() },
            Request { method: String::new(), ..good.clone() },
            Request { method: "CONNECT".into(), ..good.clone() },
            Request { target: "a".into(), ..good.clone() },
            Request { target: "/a b".into(), ..good.clone() },
            Request { fields: field("a:", "b"), ..good.clone() },
            Request { fields: field("a", "b\r\nc: d"), ..good.clone() },
            Request { fields: field("content-length", "7"), ..good.clone() },
            Request { fields: field("Transfer-Encoding", "chunked"), ..good.clone() },
        ] {
            bad.check().expect_err("nonsense");
        }
    }
}
