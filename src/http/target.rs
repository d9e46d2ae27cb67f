use std::net::Ipv6Addr;

/// Whether the request target has one of the four forms, and the one that its method asks for
/// (RFC 9112 section 3.2).
///
/// `httparse` has let in visible ASCII and UTF-8. A URI has neither a byte over 0x7f nor, in a
/// request, a fragment. Other characters that a URI should have percent-encoded, such as `|` and
/// `^`, are let in, as browsers send them.
pub(super) fn is_valid(method: &str, target: &str) -> bool {
    if target.bytes().any(|byte| byte == b'#' || !byte.is_ascii()) {
        return false;
    }
    match method {
        // RFC 9110 section 9.3.6: there is no default port for a tunnel.
        "CONNECT" => split_host(target.as_bytes())
            .is_some_and(|(host, port)| !host.is_empty() && !port.is_empty()),
        "OPTIONS" if target == "*" => true,
        _ if target.starts_with('/') => true,
        // RFC 9110 sections 4.2.1 and 4.2.4: an empty host and a user name are errors.
        _ => split_absolute(target)
            .and_then(|(authority, _)| split_host(authority.as_bytes()))
            .is_some_and(|(host, _)| !host.is_empty()),
    }
}

/// The path of a valid target, without its query.
pub(super) fn path(target: &str) -> &str {
    let from_path = if target.starts_with('/') {
        target
    } else {
        split_absolute(target).map_or(target, |(_, rest)| rest)
    };
    let end = from_path.bytes().position(|byte| byte == b'?').unwrap_or(from_path.len());
    match &from_path[..end] {
        // RFC 9110 section 4.2.3: in an http URI, no path is the path "/".
        "" => "/",
        path => path,
    }
}

/// Whether the value of a Host field is `uri-host [ ":" port ]` (RFC 9110 section 7.2). It may be
/// empty: that is what a client sends for a URI without an authority.
pub(super) fn is_host(value: &[u8]) -> bool {
    split_host(value).is_some()
}

/// The authority of an absolute-form target, and its path and query.
fn split_absolute(target: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = target.split_once("://")?;
    let is_ours = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    is_ours.then(|| rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len())))
}

/// The host and the port of `uri-host [ ":" port ]`, each empty where it is missing.
fn split_host(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (host, rest) = if let Some(literal) = text.strip_prefix(b"[") {
        let end = literal.iter().position(|&byte| byte == b']')?;
        let (address, rest) = (&literal[..end], &literal[end + 1..]);
        str::from_utf8(address).ok()?.parse::<Ipv6Addr>().ok()?;
        (address, rest)
    } else {
        text.split_at(reg_name_length(text)?)
    };
    let port = if rest.is_empty() { rest } else { rest.strip_prefix(b":")? };
    port.iter().all(u8::is_ascii_digit).then_some((host, port))
}

/// How many bytes at the front are an RFC 3986 section 3.2.2 reg-name: `*( unreserved /
/// pct-encoded / sub-delims )`, which covers IPv4 addresses too. None if a `%` is not followed by
/// two hexadecimal digits.
fn reg_name_length(text: &[u8]) -> Option<usize> {
    let mut end = 0;
    while let Some(&byte) = text.get(end) {
        end += match byte {
            _ if is_reg_name_byte(byte) => 1,
            b'%' => text[end + 1..]
                .first_chunk::<2>()?
                .iter()
                .all(u8::is_ascii_hexdigit)
                .then_some(3)?,
            _ => break,
        };
    }
    Some(end)
}

const fn is_reg_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'_' | b'~')
        || matches!(
            byte,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
        )
}
