//! One answer, taken from a byte stream however the stream is cut.

use super::{
    account::{End, Failure},
    request::Asks,
};
use crate::http::{Body, Refusal, ResponseHead, Status, parse_response};
use std::mem;

/// The head that was parsed last. Most answers begin alike, to the byte, until the second of their
/// Date is over; such a head means what the last one meant.
#[derive(Debug, Default)]
pub(super) struct LastHead {
    text: Vec<u8>,
    asks: Asks,
    meaning: Option<ResponseHead>,
}

impl LastHead {
    fn parse(&mut self, bytes: &[u8], asks: Asks) -> Result<Option<ResponseHead>, Refusal> {
        if self.meaning.is_none() || self.asks != asks || !bytes.starts_with(&self.text) {
            self.meaning = parse_response(bytes, asks == Asks::HttpHead)?;
            self.asks = asks;
            let length = self.meaning.map_or(0, |head| head.head_length);
            self.text.clear();
            self.text.extend_from_slice(&bytes[..length]);
        }
        Ok(self.meaning)
    }
}

/// What has been understood of one answer so far. Interim answers before it are skipped.
#[derive(Debug, Default)]
pub(super) struct Answer {
    asks: Asks,
    /// Status and body, once the head is complete.
    begun: Option<(Status, Body)>,
    keep_alive: bool,
    /// Bytes that came but say nothing yet: part of a head. Empty in the usual case, where a
    /// piece of the stream is used up when it comes: no byte is copied and nothing allocated.
    rest: Vec<u8>,
}

impl Answer {
    /// An answer of which nothing came yet.
    pub(super) fn to(asks: Asks) -> Answer {
        Answer { asks, ..Answer::default() }
    }

    /// Takes the next bytes of the stream, and says how many are part of this answer: all, unless
    /// it is complete. An error means that they are no HTTP answer.
    pub(super) fn feed(&mut self, bytes: &[u8], last: &mut LastHead) -> Result<usize, Refusal> {
        if self.asks == Asks::Raw {
            return Ok(bytes.len());
        }
        if self.rest.is_empty() {
            let used = self.advance(bytes, last)?;
            if self.is_complete() {
                return Ok(used);
            }
            self.rest.extend_from_slice(&bytes[used..]);
            return Ok(bytes.len());
        }
        let mut rest = mem::take(&mut self.rest);
        rest.extend_from_slice(bytes);
        let unused = rest.len() - self.advance(&rest, last)?;
        if self.is_complete() {
            // The answer ends in the new bytes, or it would have been complete before.
            return Ok(bytes.len() - unused);
        }
        rest.drain(..rest.len() - unused);
        self.rest = rest;
        Ok(bytes.len())
    }

    /// Says how many of the bytes could be used.
    fn advance(&mut self, bytes: &[u8], last: &mut LastHead) -> Result<usize, Refusal> {
        let mut used = 0;
        while self.begun.is_none() {
            let Some(head) = last.parse(&bytes[used..], self.asks)? else { return Ok(used) };
            used += head.head_length;
            self.begin(head)?;
        }
        while let Some((_, body)) = self.begun.as_mut().filter(|(_, body)| !body.is_done()) {
            match body.take(&bytes[used..])? {
                (0, _) => break,
                (taken, _) => used += taken,
            }
        }
        Ok(used)
    }

    fn begin(&mut self, head: ResponseHead) -> Result<(), Refusal> {
        let Status(code) = head.status;
        // What follows a 101 is not HTTP, and no request of ours invites one (RFC 9110
        // section 15.2.2).
        if code == 101 {
            return Err(Refusal {
                status: head.status,
                reason: "switch of protocols not asked for",
            });
        }
        // After any other interim answer, the answer proper is still to come (section 15.2).
        if !(100..200).contains(&code) {
            self.keep_alive = head.keep_alive;
            self.begun = Some((head.status, Body::new(head.body, u64::MAX)?));
        }
        Ok(())
    }

    fn is_complete(&self) -> bool {
        self.complete().is_some()
    }

    /// The status, once the answer is complete by its own framing (RFC 9112 section 6.3).
    pub(super) fn complete(&self) -> Option<Status> {
        self.begun.as_ref().filter(|(_, body)| body.is_done()).map(|&(status, _)| status)
    }

    /// What an answer of which `bytes` came is, now that no more will: one without a length ends
    /// with its connection.
    pub(super) fn at_end(&self, bytes: u64) -> End {
        let whole = self.begun.as_ref().filter(|(_, body)| body.end().is_ok());
        match (self.asks, whole) {
            (Asks::Raw, _) if bytes > 0 => End::RawAnswered,
            (_, Some(&(status, _))) => End::Answered { status, surplus: false },
            _ => End::without_errno(Failure::ClosedEarly),
        }
    }

    /// The server will take another request on this connection.
    pub(super) fn keep_alive(&self) -> bool {
        self.keep_alive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n\
        HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n\
        3\r\nHel\r\n2\r\nlo\r\n0\r\n\r\n";

    #[test]
    fn any_cut_of_the_stream_gives_the_same_answer() {
        let mut heads = LastHead::default();
        for first in 0..STREAM.len() {
            for second in first..STREAM.len() {
                let mut answer = Answer::default();
                for piece in [&STREAM[..first], &STREAM[first..second]] {
                    assert_eq!(answer.feed(piece, &mut heads), Ok(piece.len()));
                    assert_eq!(answer.complete(), None, "cut at {first} and {second}");
                    let closed_early = End::without_errno(Failure::ClosedEarly);
                    assert_eq!(answer.at_end(1), closed_early, "cut at {first} and {second}");
                }
                let last = &STREAM[second..];
                assert_eq!(answer.feed(last, &mut heads), Ok(last.len()));
                assert_eq!(answer.complete(), Some(Status(404)), "cut at {first} and {second}");
                assert!(answer.keep_alive());
            }
        }
    }

    #[test]
    fn what_follows_the_answer_is_not_used() {
        let mut heads = LastHead::default();
        for first in 0..STREAM.len() {
            let mut answer = Answer::default();
            answer.feed(&STREAM[..first], &mut heads).expect("part of an answer");
            let last = [&STREAM[first..], b"HTTP/1.1 200 OK\r\n"].concat();
            assert_eq!(answer.feed(&last, &mut heads), Ok(STREAM.len() - first), "cut at {first}");
            assert_eq!(answer.complete(), Some(Status(404)), "cut at {first}");
        }
    }

    #[test]
    fn an_answer_without_length_is_complete_at_the_end() {
        let mut answer = Answer::default();
        answer.feed(b"HTTP/1.1 200 OK\r\n\r\nHello", &mut LastHead::default()).expect("an answer");
        let whole = End::Answered { status: Status(200), surplus: false };
        assert_eq!((answer.complete(), answer.at_end(24)), (None, whole));
    }

    #[test]
    fn an_answer_to_head_ends_with_its_head() {
        let mut answer = Answer::to(Asks::HttpHead);
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        let bytes = [&head[..], b"x"].concat();
        assert_eq!(answer.feed(&bytes, &mut LastHead::default()), Ok(head.len()));
        assert_eq!(answer.complete(), Some(Status(200)));
    }

    #[test]
    fn a_head_like_the_last_means_the_same_to_the_same_question_only() {
        let mut heads = LastHead::default();
        let mut ask = |asks, bytes: &[u8]| {
            let mut answer = Answer::to(asks);
            let used = answer.feed(bytes, &mut heads).expect("an answer");
            (used, answer.complete(), answer.keep_alive())
        };
        let kept = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\nx";
        let closed = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx";
        for _ in 0..2 {
            assert_eq!(ask(Asks::Http, kept), (kept.len(), Some(Status(200)), true));
            assert_eq!(ask(Asks::Http, kept), (kept.len(), Some(Status(200)), true));
            assert_eq!(ask(Asks::HttpHead, kept), (kept.len() - 1, Some(Status(200)), true));
            assert_eq!(ask(Asks::Http, closed), (closed.len(), Some(Status(200)), false));
        }
    }

    #[test]
    fn a_raw_answer_is_whatever_comes() {
        let mut answer = Answer::to(Asks::Raw);
        assert_eq!(answer.at_end(0), End::without_errno(Failure::ClosedEarly));
        assert_eq!(answer.feed(b"220 ", &mut LastHead::default()), Ok(4));
        assert_eq!((answer.complete(), answer.at_end(4)), (None, End::RawAnswered));
    }
}
