//! What to ask, of whom, how often and for how long.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::ensure;

/// What becomes of a connection when its answer is complete.
///
/// The two are different works and their figures never belong in one number: the first pays for
/// a connection with every request, the second once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// Connection per request: each request opens one, says `Connection: close`, and closes it as
    /// soon as the answer is complete, even if the server would leave it open.
    PerRequest,
    /// Keep-alive: the next request goes out on the same connection, unless the server closed it
    /// or said that it would (RFC 9112 section 9.3); then on a new one.
    KeepAlive,
}

/// One closed-loop run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where the server listens.
    pub target: SocketAddr,
    /// The value of the Host field (RFC 9112 section 3.2), such as `localhost:8888`.
    pub host: String,
    /// The request target in origin form (RFC 9112 section 3.2.1), such as `/hello?a=1`.
    pub path: String,
    /// Connection per request or keep-alive.
    pub reuse: Reuse,
    /// Concurrent clients, each with at most one connection and one request under way.
    pub connections: usize,
    /// Event loops that share the clients. No more are started than there are clients.
    pub threads: usize,
    /// How long to run before counting; zero counts from the first request.
    pub warm_up: Duration,
    /// How long to count.
    pub duration: Duration,
    /// Stop after so many requests were started, those of the warm-up included.
    pub requests: Option<u64>,
    /// How long one request may take, from its start (with the connect, if it needs one) to the
    /// last byte of the answer.
    pub timeout: Duration,
}

impl Plan {
    /// Refuses what cannot be run or would not be one HTTP request.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        ensure!(self.connections > 0, "load {}: no connections to make", self.target);
        ensure!(self.threads > 0, "load {}: no threads to run on", self.target);
        ensure!(!self.duration.is_zero(), "load {}: no time to count", self.target);
        ensure!(!self.timeout.is_zero(), "load {}: no time for an answer", self.target);
        // Anything else in either would end the request line or the field, and start another.
        let visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        ensure!(
            self.path.starts_with('/') && visible(&self.path),
            "request {:?}: a path starts with a slash and is percent-encoded where it is not \
             visible ASCII",
            self.path
        );
        ensure!(visible(&self.host), "host {:?}: not visible ASCII", self.host);
        Ok(())
    }

    /// The bytes of the request, the same every time.
    pub(super) fn message(&self) -> Vec<u8> {
        // In HTTP/1.1 a connection persists unless someone says close (RFC 9112 section 9.3).
        let connection = match self.reuse {
            Reuse::PerRequest => "Connection: close\r\n",
            Reuse::KeepAlive => "",
        };
        let Plan { path, host, .. } = self;
        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: rungs\r\n{connection}\r\n")
            .into()
    }

    /// How many of the clients the event loop `index` of `threads` has.
    pub(super) fn share(&self, index: usize, threads: usize) -> usize {
        self.connections / threads + usize::from(index < self.connections % threads)
    }
}
