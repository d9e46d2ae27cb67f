use super::{Framing, MAX_HEAD, Refusal, Status};

/// Takes the body of one message out of a byte stream, however the stream is cut.
///
/// It counts and checks, but keeps no bytes: content is handed out as slices of what came in. Where
/// nothing is left to take, the next message begins.
///
/// Trailer fields and chunk extensions are checked and dropped (RFC 9112 sections 7.1.1 and 7.1.2).
/// Lines of chunked framing end in CRLF, never in LF alone: the leave that section 2.2 gives is for
/// the head, and parsers that disagree on it disagree on where the next request begins.
#[derive(Clone, Copy, Debug)]
pub struct Body {
    step: Step,
    /// Bytes of content before `step` ends: of the body, or of this chunk, whose size it
    /// gathers digit by digit.
    left: u64,
    /// Bytes of content that further chunks may bring.
    room: u64,
    /// Bytes of extensions, leading zeros and trailers that may still come.
    spare: usize,
}

/// What the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Content, counted by Content-Length.
    Length,
    /// Content, until the connection ends.
    UntilClose,
    /// The first digit of a chunk size.
    SizeStart,
    Size,
    /// White space after a chunk size: only an extension may follow.
    SizeEnd,
    Extension,
    /// The LF of the size's line.
    SizeLf,
    /// Content, counted by a chunk size.
    Chunk,
    /// The CR after a chunk.
    ChunkCr,
    ChunkLf,
    /// The first byte of a trailer field, or the CR of the empty line.
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    /// The LF of the empty line that ends the body.
    EndLf,
    Done,
}

impl Body {
    /// The body that follows a head with this framing, of at most `limit` bytes of content.
    ///
    /// # Errors
    /// 413: the length is over the limit (RFC 9110 section 15.5.14).
    pub fn new(framing: Framing, limit: u64) -> Result<Self, Refusal> {
        let (step, left) = match framing {
            Framing::Length(length) if length > limit => return Err(TOO_LARGE),
            Framing::Length(0) => (Step::Done, 0),
            Framing::Length(length) => (Step::Length, length),
            Framing::Chunked => (Step::SizeStart, 0),
            Framing::UntilClose => (Step::UntilClose, limit),
        };
        Ok(Self { step, left, room: limit, spare: MAX_HEAD })
    }

    /// The whole body has been taken. Never so for [`Framing::UntilClose`]: see [`Body::end`].
    pub fn is_done(&self) -> bool {
        self.step == Step::Done
    }

    /// Takes what it can from the front of `bytes`: how many bytes were used up, and the slice of
    /// them that is content.
    ///
    /// It stops after one piece of content, so call it until `is_done()` or until all bytes are
    /// used up. Framing is used up without content. It uses no byte only when it is done or when
    /// there is none.
    ///
    /// # Errors
    /// After one, the rest of the stream means nothing.
    /// - 400: malformed chunked framing (RFC 9112 section 7.1).
    /// - 413: more content than the limit.
    /// - 431: more than [`MAX_HEAD`] bytes of extensions and trailers (section 7.1.1 asks for
    ///   some limit and a 4xx; the status is RFC 6585's, section 5).
    pub fn take<'b>(&mut self, bytes: &'b [u8]) -> Result<(usize, &'b [u8]), Refusal> {
        for (used, &byte) in bytes.iter().enumerate() {
            match self.step {
                Step::Done => return Ok((used, &[])),
                Step::Length | Step::Chunk | Step::UntilClose => {
                    let content = self.content(&bytes[used..])?;
                    return Ok((used + content.len(), content));
                }
                _ => self.step = self.after(byte)?,
            }
        }
        Ok((bytes.len(), &[]))
    }

    /// The connection ended: is the message whole?
    ///
    /// # Errors
    /// 400: it is not (RFC 9112 section 8).
    pub fn end(&self) -> Result<(), Refusal> {
        match self.step {
            Step::Done | Step::UntilClose => Ok(()),
            _ => Err(Refusal::bad_request("the connection ended inside the body")),
        }
    }

    fn content<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], Refusal> {
        // Only a body without a length of its own gets here with nothing left of the limit.
        if self.left == 0 {
            return Err(TOO_LARGE);
        }
        let length = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
        self.left -= length as u64;
        self.step = match self.step {
            Step::Length if self.left == 0 => Step::Done,
            Step::Chunk if self.left == 0 => Step::ChunkCr,
            step => step,
        };
        Ok(&bytes[..length])
    }

    /// The step after one byte of chunked framing (RFC 9112 section 7.1).
    fn after(&mut self, byte: u8) -> Result<Step, Refusal> {
        match (self.step, byte) {
            (Step::SizeStart | Step::Size, _) if byte.is_ascii_hexdigit() => self.digit(byte),
            (Step::Size | Step::Extension, b'\r') => Ok(Step::SizeLf),
            (Step::Size | Step::SizeEnd, b' ' | b'\t') => self.spend(Step::SizeEnd),
            (Step::Size | Step::SizeEnd, b';') => self.spend(Step::Extension),
            (Step::Extension, _) if is_text(byte) => self.spend(Step::Extension),
            (Step::SizeLf, b'\n') if self.left == 0 => Ok(Step::TrailerStart),
            (Step::SizeLf, b'\n') => {
                self.room -= self.left;
                Ok(Step::Chunk)
            }
            (Step::ChunkCr, b'\r') => Ok(Step::ChunkLf),
            (Step::ChunkLf, b'\n') => Ok(Step::SizeStart),
            (Step::TrailerStart, b'\r') => Ok(Step::EndLf),
            (Step::TrailerStart | Step::TrailerName, _) if is_token(byte) => {
                self.spend(Step::TrailerName)
            }
            (Step::TrailerName, b':') => self.spend(Step::TrailerValue),
            (Step::TrailerValue, b'\r') => Ok(Step::TrailerLf),
            (Step::TrailerValue, _) if is_text(byte) => self.spend(Step::TrailerValue),
            (Step::TrailerLf, b'\n') => Ok(Step::TrailerStart),
            (Step::EndLf, b'\n') => Ok(Step::Done),
            (step, _) => Err(Refusal::bad_request(step.fault())),
        }
    }

    /// One digit of a chunk size, which is refused as soon as it is over the limit: section 7.1
    /// warns of sizes that overflow. Leading zeros alone could go on for ever.
    fn digit(&mut self, byte: u8) -> Result<Step, Refusal> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            _ => byte.to_ascii_lowercase() - b'a' + 10,
        };
        self.left = self
            .left
            .checked_mul(16)
            .and_then(|size| size.checked_add(u64::from(digit)))
            .filter(|&size| size <= self.room)
            .ok_or(TOO_LARGE)?;
        if self.left == 0 { self.spend(Step::Size) } else { Ok(Step::Size) }
    }

    /// Accounts for a byte that a sender could add without end.
    fn spend(&mut self, next: Step) -> Result<Step, Refusal> {
        self.spare = self.spare.checked_sub(1).ok_or(Refusal {
            status: Status::FIELDS_TOO_LARGE,
            reason: "chunk extensions and trailer fields longer than 64 KiB",
        })?;
        Ok(next)
    }
}

impl Step {
    /// What is wrong with a byte that may not stand here.
    const fn fault(self) -> &'static str {
        match self {
            Self::SizeStart | Self::Size | Self::SizeEnd => "malformed chunk size",
            Self::ChunkCr | Self::ChunkLf => "no CRLF after the data of a chunk",
            Self::Extension => "control character in a chunk extension",
            Self::TrailerStart | Self::TrailerName | Self::TrailerValue => {
                "malformed trailer field"
            }
            _ => "a CR without LF in chunked framing",
        }
    }
}

const TOO_LARGE: Refusal =
    Refusal { status: Status::CONTENT_TOO_LARGE, reason: "the content is larger than the limit" };

/// What may stand in a field value, in a quoted string and around them (RFC 9110 section 5.5).
const fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

/// What may stand in a field name (RFC 9110 section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
