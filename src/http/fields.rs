use super::{Framing, Refusal, Status, Version, target};

/// What the fields of one head say about the message, gathered in one pass over them.
#[derive(Debug, Default)]
pub(super) struct Fields {
    content_length: Option<u64>,
    /// None without a Transfer-Encoding field.
    codings: Option<Codings>,
    close: bool,
    keep_alive: bool,
    hosts: usize,
    has_bad_host: bool,
    expectation: Expectation,
}

/// The members of Transfer-Encoding, in the order in which the sender applied them.
#[derive(Clone, Copy, Debug, Default)]
struct Codings {
    chunked: usize,
    others: usize,
    is_chunked_last: bool,
}

/// What Expect asks for (RFC 9110 section 10.1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Expectation {
    #[default]
    Nothing,
    Continue,
    Other,
}

impl Fields {
    /// Compares lengths first: most fields are none of ours, and most names of ours differ in
    /// length, so that nearly every field costs one comparison of two numbers.
    pub(super) fn scan(fields: &[httparse::Header<'_>]) -> Result<Self, Refusal> {
        let mut seen = Self::default();
        for field in fields {
            let is = |name| field.name.eq_ignore_ascii_case(name);
            match field.name.len() {
                4 if is("host") => seen.host(field.value),
                6 if is("expect") => seen.expect(field.value),
                10 if is("connection") => seen.connection(field.value),
                14 if is("content-length") => seen.content_length(field.value)?,
                17 if is("transfer-encoding") => seen.transfer_encoding(field.value),
                _ => {}
            }
        }
        Ok(seen)
    }

    fn host(&mut self, value: &[u8]) {
        self.hosts += 1;
        self.has_bad_host |= !target::is_host(value);
    }

    fn expect(&mut self, value: &[u8]) {
        for member in members(value) {
            if !member.eq_ignore_ascii_case(b"100-continue") {
                self.expectation = Expectation::Other;
            } else if self.expectation == Expectation::Nothing {
                self.expectation = Expectation::Continue;
            }
        }
    }

    fn connection(&mut self, value: &[u8]) {
        for option in members(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    /// RFC 9112 section 6.3, item 5: one number, or the same number more than once, in a list or
    /// in several fields. Unlike in other lists, an empty member is an error: it is no number.
    fn content_length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        for member in value.split(|&byte| byte == b',') {
            let length = decimal(member.trim_ascii())?;
            if self.content_length.is_some_and(|before| before != length) {
                return Err(Refusal::bad_request("two values of Content-Length differ"));
            }
            self.content_length = Some(length);
        }
        Ok(())
    }

    /// RFC 9112 section 7: the names of codings are case-insensitive. Chunked has no parameters,
    /// so that with one it is a coding that we do not know.
    fn transfer_encoding(&mut self, value: &[u8]) {
        let codings = self.codings.get_or_insert_default();
        for coding in members(value) {
            codings.is_chunked_last = coding.eq_ignore_ascii_case(b"chunked");
            codings.chunked += usize::from(codings.is_chunked_last);
            codings.others += usize::from(!codings.is_chunked_last);
        }
    }

    /// RFC 9112 section 9.3.
    pub(super) fn keep_alive(&self, version: Version) -> bool {
        !self.close && (version == Version::Http11 || self.keep_alive)
    }

    /// RFC 9112 section 3.2: an HTTP/1.1 request has exactly one Host, an older one at most one.
    pub(super) fn check_host(&self, version: Version) -> Result<(), Refusal> {
        match self.hosts {
            0 if version == Version::Http11 => {
                Err(Refusal::bad_request("an HTTP/1.1 request has no Host field"))
            }
            2.. => Err(Refusal::bad_request("more than one Host field")),
            _ if self.has_bad_host => Err(Refusal::bad_request("malformed value of Host")),
            _ => Ok(()),
        }
    }

    /// Whether the client waits for [`super::CONTINUE`] before it sends the content.
    ///
    /// RFC 9110 section 10.1.1: never for HTTP/1.0, nor where no content will follow.
    pub(super) fn expects_continue(
        &self,
        version: Version,
        body: Framing,
    ) -> Result<bool, Refusal> {
        match self.expectation {
            Expectation::Nothing => Ok(false),
            Expectation::Continue => Ok(version == Version::Http11 && body != Framing::Length(0)),
            Expectation::Other => Err(Refusal {
                status: Status::EXPECTATION_FAILED,
                reason: "an expectation other than 100-continue",
            }),
        }
    }

    /// The framing of a request (RFC 9112 section 6.3, items 3 to 7).
    ///
    /// Without chunked as the last coding the server cannot know the end of the body, so that it
    /// must answer 400, even if (section 6.1) it would answer 501 to the coding itself.
    pub(super) fn request_framing(&self, version: Version) -> Result<Framing, Refusal> {
        match self.framing(version)? {
            None => Ok(Framing::Length(0)),
            Some(Framing::UntilClose) => {
                Err(Refusal::bad_request("chunked is not the last transfer coding of a request"))
            }
            Some(Framing::Chunked) if self.codings.is_some_and(|codings| codings.others > 0) => {
                Err(Refusal {
                    status: Status::NOT_IMPLEMENTED,
                    reason: "a transfer coding other than chunked",
                })
            }
            Some(framing) => Ok(framing),
        }
    }

    /// The framing of a response that may have a body (RFC 9112 section 6.3, items 3 to 8).
    /// Codings under chunked are left on the content.
    pub(super) fn response_framing(&self, version: Version) -> Result<Framing, Refusal> {
        Ok(self.framing(version)?.unwrap_or(Framing::UntilClose))
    }

    /// None where no field speaks of a body.
    fn framing(&self, version: Version) -> Result<Option<Framing>, Refusal> {
        let Some(codings) = self.codings else {
            return Ok(self.content_length.map(Framing::Length));
        };
        // RFC 9112 section 6.1: HTTP/1.0 has no transfer codings, so whoever passed this message
        // on may have taken it for one without a body.
        if version == Version::Http10 {
            return Err(Refusal::bad_request("Transfer-Encoding in an HTTP/1.0 message"));
        }
        if self.content_length.is_some() {
            return Err(Refusal::bad_request("both Content-Length and Transfer-Encoding"));
        }
        if codings.chunked > 1 {
            return Err(Refusal::bad_request("the transfer coding chunked is applied twice"));
        }
        let framing = if codings.is_chunked_last { Framing::Chunked } else { Framing::UntilClose };
        Ok(Some(framing))
    }
}

/// The members of a comma-separated list, the empty ones left out (RFC 9110 section 5.6.1.2).
/// Where a response has a folded line, its CRLF is white space and is trimmed with the rest.
fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

/// `1*DIGIT` (RFC 9110 section 8.6); what is too large for 64 bits is too large for anybody.
fn decimal(digits: &[u8]) -> Result<u64, Refusal> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::bad_request("Content-Length is not a decimal number"));
    }
    digits
        .iter()
        .try_fold(0u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
        .ok_or(Refusal {
            status: Status::CONTENT_TOO_LARGE,
            reason: "Content-Length does not fit 64 bits",
        })
}
