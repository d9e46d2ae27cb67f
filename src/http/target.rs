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
        "CONNECT" => {
            split_host(target).is_some_and(|(host, port)| !host.is_empty() && !port.is_empty())
        }
        "OPTIONS" if target == "*" => true,
        _ if target.starts_with('/') => true,
        // RFC 9110 sections 4.2.1 and 4.2.4: an empty host and a user name are errors.
        _ => split_absolute(target)
            .and_then(|(authority, _)| split_host(authority))
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
    str::from_utf8(value).is_ok_and(|value| split_host(value).is_some())
}

/// The authority of an absolute-form target, and its path and query.
fn split_absolute(target: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = target.split_once("://")?;
    let is_ours = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    is_ours.then(|| rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len())))
}

/// The host and the port of `uri-host [ ":" port ]`, each empty where it is missing.
fn split_host(text: &str) -> Option<(&str, &str)> {
    let (host, rest) = if let Some(literal) = text.strip_prefix('[') {
        let (address, rest) = literal.split_once(']')?;
        address.parse::<Ipv6Addr>().ok()?;
        (address, rest)
    } else {
        let colon = text.bytes().position(|byte| byte == b':');
        let (name, rest) = text.split_at(colon.unwrap_or(text.len()));
        is_reg_name(name).then_some((name, rest))?
    };
    let port = if rest.is_empty() { rest } else { rest.strip_prefix(':')? };
    port.bytes().all(|byte| byte.is_ascii_digit()).then_some((host, port))
}

/// RFC 3986 section 3.2.2: `*( unreserved / pct-encoded / sub-delims )`, which covers IPv4
/// addresses too.
fn is_reg_name(name: &str) -> bool {
    let is_plain = |text: &str| text.bytes().all(is_reg_name_byte);
    let mut parts = name.split('%');
    // Most names are plain, and this is asked of every request.
    is_plain(name)
        || parts.next().is_some_and(is_plain)
            && parts.all(|part| {
                part.as_bytes().first_chunk().is_some_and(|hex: &[u8; 2]| {
                    hex.iter().all(u8::is_ascii_hexdigit) && is_plain(&part[2..])
                })
            })
}

const fn is_reg_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'_' | b'~')
        || matches!(
            byte,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
        )
}
