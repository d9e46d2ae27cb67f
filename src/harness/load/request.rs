//! What is asked: HTTP requests as data and as bytes, or bytes that somebody else wrote.

use super::{Plan, Reuse};
use anyhow::{Result, ensure};
use fastrand::Rng;

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

/// The messages of a run, ready to be sent.
#[derive(Debug)]
pub(super) struct Messages {
    all: Vec<Message>,
    /// The sum of all weights.
    total: u64,
}

/// The bytes of one request.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) bytes: Vec<u8>,
    pub(super) asks: Asks,
    /// The sum of the weights up to this one.
    up_to: u64,
}

/// What kind of answer a message asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Asks {
    /// An HTTP answer, whose framing says where it ends.
    #[default]
    Http,
    /// An HTTP answer to HEAD, which has no body whatever its fields say.
    HttpHead,
    /// All bytes until the stream ends.
    Raw,
}

impl Messages {
    pub(super) fn of(plan: &Plan) -> Messages {
        let mut total = 0;
        let mut message = |weight: u32, bytes, asks| {
            total += u64::from(weight);
            Message { bytes, asks, up_to: total }
        };
        let all = match &plan.work {
            Work::Raw(bytes) => vec![message(1, bytes.clone(), Asks::Raw)],
            Work::Mix(mix) => mix
                .iter()
                .map(|Weighted { weight, request }| {
                    let asks = if request.method == "HEAD" { Asks::HttpHead } else { Asks::Http };
                    message(*weight, request.message(&plan.host, plan.reuse), asks)
                })
                .collect(),
        };
        Messages { all, total }
    }

    /// Draws one by weight.
    pub(super) fn pick(&self, random: &mut Rng) -> &Message {
        if let [only] = &self.all[..] {
            return only;
        }
        let drawn = random.u64(..self.total);
        let index = self.all.partition_point(|message| message.up_to <= drawn);
        &self.all[index]
    }
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

    #[test]
    fn a_mix_is_drawn_by_weight() {
        let of = |weight, target: &str| Weighted { weight, request: Request::get(target) };
        let mut plan = Plan::new("127.0.0.1:1".parse().expect("an address"));
        plan.work = Work::Mix(vec![of(0, "/0"), of(3, "/3"), of(1, "/1"), of(0, "/00")]);
        let messages = Messages::of(&plan);
        let mut random = Rng::with_seed(1);
        let mut counts = [0; 4];
        for _ in 0..4000 {
            let message = messages.pick(&mut random);
            let index = messages.all.iter().position(|one| one.bytes == message.bytes);
            counts[index.expect("one of them")] += 1;
        }
        // Four standard deviations: the root of 4000 * 3/4 * 1/4 is 27.
        assert!((2892..3108).contains(&counts[1]), "{counts:?}");
        assert_eq!((counts[0], counts[3], counts[1] + counts[2]), (0, 0, 4000));
    }
}
