//! Times on the command line.

use std::time::Duration;

/// A time, which may be none: `10s`, `500ms`, `1m30s`, or a number of seconds.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let parsed = match text.parse().map(Duration::try_from_secs_f64) {
        Ok(Err(_)) if text.starts_with('-') => return Err("it is below zero".to_owned()),
        Ok(seconds) => seconds.ok(),
        Err(_) => humantime::parse_duration(text).ok(),
    };
    parsed.ok_or_else(|| "not a time such as 10s, 500ms, 2m or a number of seconds".to_owned())
}

/// A time above zero.
pub(super) fn some_time(text: &str) -> Result<Duration, String> {
    match time(text)? {
        Duration::ZERO => Err("it must be above zero".to_owned()),
        time => Ok(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_words_or_seconds() {
        let ms = Duration::from_millis;
        for (text, parsed) in
            [("10s", ms(10_000)), ("500ms", ms(500)), ("2m", ms(120_000)), ("1.5", ms(1500))]
        {
            assert_eq!(some_time(text), Ok(parsed), "{text}");
        }
        assert_eq!(time("0"), Ok(Duration::ZERO));
        for text in ["", "0", "0s", "-1", "inf", "NaN", "1e300", "soon", "10 apples"] {
            some_time(text).expect_err(text);
        }
    }
}
