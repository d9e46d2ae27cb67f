//! One answer, taken from a byte stream however the stream is cut.

use std::mem;

use crate::http::{Body, Refusal, ResponseHead, Status, parse_response};

/// What has been understood of one answer so far. Interim answers before it are skipped.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Status and body, once the head is complete.
    begun: Option<(Status, Body)>,
    keep_alive: bool,
    /// Bytes that came but say nothing yet, such as half a head. Empty in the usual case, where
    /// a piece of the stream is used up when it comes: no byte is copied and nothing allocated.
    rest: Vec<u8>,
}

impl Answer {
    /// Takes the next bytes of the stream. An error means that they are no HTTP answer.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        if self.rest.is_empty() {
            let used = self.advance(bytes)?;
            self.rest.extend_from_slice(&bytes[used..]);
        } else {
            let mut rest = mem::take(&mut self.rest);
            rest.extend_from_slice(bytes);
            let used = self.advance(&rest)?;
            rest.drain(..used);
            self.rest = rest;
        }
        Ok(())
    }

    /// Says how many of the bytes could be used.
    fn advance(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let mut used = 0;
        while self.begun.is_none() {
            let Some(head) = parse_response(&bytes[used..], false)? else { return Ok(used) };
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

    /// The status, once the answer is complete by its own framing (RFC 9112 section 6.3).
    pub(super) fn complete(&self) -> Option<Status> {
        self.begun.as_ref().filter(|(_, body)| body.is_done()).map(|&(status, _)| status)
    }

    /// The status, if the answer is complete now that no more bytes will come: one without a
    /// length ends with its connection.
    pub(super) fn complete_at_end(&self) -> Option<Status> {
        self.begun.as_ref().filter(|(_, body)| body.end().is_ok()).map(|&(status, _)| status)
    }

    /// The server will take another request on this connection.
    pub(super) fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// More bytes came than the complete answer has; they answer nothing that was asked.
    pub(super) fn has_surplus(&self) -> bool {
        !self.rest.is_empty()
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
        for first in 0..STREAM.len() {
            for second in first..STREAM.len() {
                let mut answer = Answer::default();
                for piece in [&STREAM[..first], &STREAM[first..second]] {
                    answer.feed(piece).expect("part of an answer");
                    assert_eq!(answer.complete(), None, "cut at {first} and {second}");
                    assert_eq!(answer.complete_at_end(), None, "cut at {first} and {second}");
                }
                answer.feed(&STREAM[second..]).expect("the rest of it");
                assert_eq!(answer.complete(), Some(Status(404)), "cut at {first} and {second}");
                assert!(answer.keep_alive() && !answer.has_surplus());
            }
        }
    }

    #[test]
    fn what_follows_the_answer_is_surplus() {
        for first in 0..STREAM.len() {
            let mut answer = Answer::default();
            answer.feed(&STREAM[..first]).expect("part of an answer");
            answer.feed(&[&STREAM[first..], b"H"].concat()).expect("the rest of it and more");
            assert_eq!(answer.complete(), Some(Status(404)), "cut at {first}");
            assert!(answer.has_surplus(), "cut at {first}");
        }
    }

    #[test]
    fn an_answer_without_length_is_complete_at_the_end() {
        let mut answer = Answer::default();
        answer.feed(b"HTTP/1.1 200 OK\r\n\r\nHello").expect("an answer");
        assert_eq!((answer.complete(), answer.complete_at_end()), (None, Some(Status(200))));
    }
}
