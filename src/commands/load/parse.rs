//! Words of the command line: rates, fields, bodies.

pub(super) use super::super::times::{some_time, time};
use clap::ValueEnum;
use std::{convert::Infallible, fmt::Display, ops::RangeInclusive, path::PathBuf, str::FromStr};
use uri::{HeaderName, HeaderValue, Method, header};

/// Ports and memory give out long before.
const MOST_CONNECTIONS: usize = 10_000_000;

/// More than any machine asks.
const MOST_A_SECOND: f64 = 1e7;

pub(super) fn connections(text: &str) -> Result<usize, String> {
    whole(1..=MOST_CONNECTIONS)(text)
}

/// Takes a whole number in this range, and says which one if it is none.
pub(super) fn whole<T>(range: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, String> + Clone
where
    T: FromStr + PartialOrd + Display + Clone,
{
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number
            .ok_or_else(|| format!("not a whole number from {} to {}", range.start(), range.end()))
    }
}

/// Takes a whole number above zero.
pub(super) fn some(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("not a whole number above zero".to_owned()),
        Ok(number) => Ok(number),
    }
}

/// Requests a second, above zero.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct Rate(pub(super) f64);

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match per_second(text)? {
            rate if rate > MOST_A_SECOND => Err("more than ten million a second".to_owned()),
            rate => Ok(Self(rate)),
        }
    }
}

/// A number a second above zero: `1000`, `1000/s`, `5k`, `1.5M/s`.
fn per_second(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix("/s").unwrap_or(text);
    let (digits, factor) = match number.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1e3),
        None => number.strip_suffix('M').map_or((number, 1.0), |digits| (digits, 1e6)),
    };
    match digits.parse::<f64>().map(|digits| digits * factor) {
        Ok(rate) if rate <= 0.0 => Err("it must be above zero".to_owned()),
        Ok(rate) if rate > 1e9 => Err("more than one a nanosecond".to_owned()),
        Ok(rate) if rate > 0.0 => Ok(rate),
        _ => Err("not a number a second such as 1000, 1000/s or 5k".to_owned()),
    }
}

/// Bytes a second, a whole number.
pub(super) fn bytes_per_second(text: &str) -> Result<u64, String> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "up to 1e9")]
    match per_second(text)?.round() as u64 {
        0 => Err("it must be one or more".to_owned()),
        bytes => Ok(bytes),
    }
}

/// Where a ramp begins and ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ramp {
    from: f64,
    to: f64,
}

impl FromStr for Ramp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (from, to) = text.split_once("..").ok_or("not two rates such as 1k..20k")?;
        let (Rate(from), Rate(to)) = (from.parse()?, to.parse()?);
        if from < to { Ok(Self { from, to }) } else { Err("it does not rise".to_owned()) }
    }
}

impl Ramp {
    /// Evenly spaced rates, both ends among them.
    pub(super) fn rates(self, steps: u16) -> Vec<f64> {
        let last = f64::from(steps - 1);
        let rate = |step| self.from + (self.to - self.from) * f64::from(step) / last;
        (0..steps).map(rate).collect()
    }
}

/// How the requests of an open loop follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum How {
    /// At even intervals
    Constant,
    /// As independent users do
    Poisson,
}

/// What slow clients are slow at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum What {
    /// They trickle their request
    Sending,
    /// They take their time over the answer
    Reading,
}

pub(super) fn method(text: &str) -> Result<Method, String> {
    match Method::from_str(text) {
        Ok(Method::CONNECT) => Err("what follows its answer is not HTTP".to_owned()),
        Ok(method) => Ok(method),
        Err(_) => Err("not a method such as GET".to_owned()),
    }
}

/// A field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) value: String,
}

impl Header {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once(':').ok_or("no colon, as in 'Accept: text/html'")?;
        let value = value.trim();
        let known = HeaderName::from_str(name).ok().ok_or("not a field name before the colon")?;
        HeaderValue::from_str(value).ok().ok_or("a control character in the value")?;
        if [header::CONTENT_LENGTH, header::TRANSFER_ENCODING].contains(&known) {
            return Err("a body is sent with its length; leave this out".to_owned());
        }
        // As it was typed, and not in lower case.
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }
}

/// The content of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Text(String),
    File(PathBuf),
}

impl FromStr for Content {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.strip_prefix('@') {
            Some(file) => Self::File(file.into()),
            None => Self::Text(text.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_units() {
        for (text, rate) in [("1000", 1e3), ("1000/s", 1e3), ("5k", 5e3), ("1.5M/s", 1.5e6)] {
            assert_eq!(text.parse(), Ok(Rate(rate)), "{text}");
        }
        for text in ["", "0", "0/s", "-1", "k", "inf", "NaN", "1e10", "11M", "5 apples", "1k/m"] {
            text.parse::<Rate>().expect_err(text);
        }
        assert_eq!("-5k".parse::<Rate>(), Err("it must be above zero".to_owned()));
        assert_eq!(bytes_per_second("1k"), Ok(1000));
        bytes_per_second("0.1").expect_err("less than one");
    }

    #[test]
    fn a_ramp_has_both_its_ends() {
        let ramp: Ramp = "1k..2k".parse().expect("a ramp");
        assert_eq!(ramp.rates(5), [1000.0, 1250.0, 1500.0, 1750.0, 2000.0]);
        for text in ["1k", "2k..1k", "1k..1k", "0..1k", "1k..", "..1k", "a..b"] {
            text.parse::<Ramp>().expect_err(text);
        }
    }

    #[test]
    fn a_field_is_one_field() {
        let header = Header::parse("X-Case: a: b ").expect("a field");
        assert_eq!((&*header.name, &*header.value), ("X-Case", "a: b"));
        for text in ["Accept", ": a", "A b: c", "A: b\r\nC: d", "content-length: 3", ""] {
            Header::parse(text).expect_err(text);
        }
        method("CONNECT").expect_err("another protocol");
        method("GET ").expect_err("no token");
        assert_eq!(method("get").expect("a token").as_str(), "get");
    }
}
