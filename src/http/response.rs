use super::Status;

/// The interim answer that lets a client send its content (RFC 9110 section 15.2.1).
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The head of an answer of ours.
///
/// It always says HTTP/1.1, to an HTTP/1.0 client too: the version tells what the sender can do,
/// not what it was asked in (RFC 9110 section 6.2).
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// The status, from which the phrase follows.
    pub status: Status,
    /// The media type of the content.
    pub content_type: &'static str,
    /// The length of the content in bytes; for HEAD, of what GET would have got. Without it the
    /// content ends where the connection does (RFC 9112 section 6.3).
    pub content_length: Option<u64>,
    /// What the client is told about the connection.
    pub persistence: Persistence,
    /// The methods that the target knows; 405 must name them (RFC 9110 section 15.5.6).
    pub allow: Option<&'static str>,
    /// The time of the answer, an IMF-fixdate (RFC 9110 section 5.6.7).
    pub date: &'a str,
}

/// What an answer says about the connection (RFC 9112 section 9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// It stays open, which HTTP/1.1 takes for granted: no field.
    Implied,
    /// It stays open: to an HTTP/1.0 client that asked for it.
    KeepAlive,
    /// It ends after this answer.
    Close,
}

impl Response<'_> {
    /// Appends the status line and the fields, with the empty line that ends them.
    ///
    /// 1xx and 204 carry no length and no type, since they have no content (RFC 9110 section 8.6).
    pub fn write_head(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"HTTP/1.1 ");
        push_status(out, self.status);
        push_field(out, b"Date: ", self.date.as_bytes());
        if !self.status.is_interim() && self.status != Status::NO_CONTENT {
            push_field(out, b"Content-Type: ", self.content_type.as_bytes());
            if let Some(length) = self.content_length {
                out.extend_from_slice(b"Content-Length: ");
                push_decimal(out, length);
                out.extend_from_slice(b"\r\n");
            }
        }
        match self.persistence {
            Persistence::Implied => {}
            Persistence::KeepAlive => push_field(out, b"Connection: ", b"keep-alive"),
            Persistence::Close => push_field(out, b"Connection: ", b"close"),
        }
        if let Some(methods) = self.allow {
            push_field(out, b"Allow: ", methods.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }
}

fn push_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// The code is three digits, and the space stands before an empty phrase too (RFC 9112 section 4).
fn push_status(out: &mut Vec<u8>, status: Status) {
    let digit = |place: u16| b'0' + (status.0 / place % 10) as u8;
    out.extend_from_slice(&[digit(100), digit(10), digit(1), b' ']);
    out.extend_from_slice(status.reason().as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// By hand, because `write!` costs more than all the rest of a head.
fn push_decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20]; // as many as u64::MAX has
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}
