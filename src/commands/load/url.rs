//! The target as the user types it, and the addresses behind it.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
};
use uri::Uri;

/// Of a URL (RFC 9110 section 4.2.1). Whoever types a bare host may mean another.
const PORT: u16 = 80;

const NO_HOST: &str = "there is no host in it";

/// In clap's own form.
const NO_PORT: &str =
    "there is no port in it\n\n  tip: HOST:8888 is where a rung listens, http://HOST is port 80";

/// An `http` URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    /// In full, but for the fragment, which a server never sees.
    pub(super) text: String,
    /// The value of the Host field.
    pub(super) authority: String,
    /// The request target.
    pub(super) target: String,
    /// The name or the address, an IPv6 one without its brackets.
    pub(super) host: String,
    port: u16,
}

impl Url {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let is_full = text.contains("://");
        let full = if is_full { text.to_owned() } else { format!("http://{text}") };
        if full == "http://" {
            return Err(NO_HOST.to_owned());
        }
        let uri: Uri = full.parse().map_err(|error| format!("{error}"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err("no TLS is spoken here; write http://".to_owned()),
            Some(_) | None => return Err("not an http:// URL".to_owned()),
        }
        let authority = uri.authority().ok_or(NO_HOST)?;
        if authority.as_str().contains('@') {
            return Err("there is a user in it; use --header 'Authorization: …'".to_owned());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(NO_HOST.to_owned());
        }
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("" | ":") | None if is_full => PORT,
            Some("" | ":") | None => return Err(NO_PORT.to_owned()),
            Some(port) => port[1..].parse().ok().filter(|port| *port > 0).ok_or("no such port")?,
        };
        // An empty path is sent as a slash (RFC 9112 section 3.2.1), before a query too.
        let target = uri.path_and_query().map_or("", |target| target.as_str());
        let target = format!("{}{target}", if target.starts_with('/') { "" } else { "/" });
        Ok(Self {
            text: format!("http://{authority}{target}"),
            authority: authority.to_string(),
            target,
            host: host.to_owned(),
            port,
        })
    }

    /// The addresses behind the name, each once.
    ///
    /// # Errors
    /// Those of getaddrinfo(3).
    pub(super) fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let mut addresses = Vec::new();
        for address in (&*self.host, self.port).to_socket_addrs()? {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_is_understood() {
        for (typed, text, authority, host, port) in [
            ("127.0.0.1:88", "http://127.0.0.1:88/", "127.0.0.1:88", "127.0.0.1", 88),
            ("localhost:88/x?y=1#z", "http://localhost:88/x?y=1", "localhost:88", "localhost", 88),
            ("http://localhost", "http://localhost/", "localhost", "localhost", 80),
            ("http://localhost?a", "http://localhost/?a", "localhost", "localhost", 80),
            ("HTTP://[::1]:81/a", "http://[::1]:81/a", "[::1]:81", "::1", 81),
            ("http://[::1]", "http://[::1]/", "[::1]", "::1", 80),
        ] {
            let url = Url::parse(typed).expect(typed);
            let parts = (&*url.text, &*url.authority, &*url.host, url.port);
            assert_eq!(parts, (text, authority, host, port), "{typed}");
        }
    }

    #[test]
    fn what_is_no_url_of_ours_is_refused() {
        for typed in [
            "",
            "/hello",
            "http://",
            "http:///x",
            "https://localhost/",
            "ftp://localhost/",
            "http://me@localhost/",
            "http://localhost:99999/",
            "localhost:0",
            "localhost",
            "127.0.0.1/hello",
            "[::1]",
            "local host",
            "http://localhost:port/",
            "::1",
            "mailto:me",
            "http://[::1",
            "http://é/",
        ] {
            let error = Url::parse(typed).expect_err(typed);
            let said = error.split("\n\n  tip: ").next().unwrap_or_default();
            assert!(!said.contains('\n'), "{error}");
        }
    }
}
